//! Answers that a person reviews: held ones, which the client gets when they are approved, and those that went out as the rules left them.
//!
//! `GET /reviews/{exchange}` tells the key that asked how its answer stands, `GET /reviews/{exchange}/answer` gives it what was approved or
//! put in its place. Texts stand among the sealed ones of the journal, under the key of the user whose exchange it was: erasing the user erases
//! them.

mod decide;
mod file;
mod review;

pub(super) use decide::{Decision, decide, list, show};
pub(super) use file::{Asker, Rest, file};
pub(super) use review::Review;

use std::sync::Arc;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::body::AnswerBody;
use super::book::Book;
use super::gateway::Gateway;
use super::long_reads;
use super::worker::EXCHANGE;
use crate::audit::{Event, KeysError, Subject};
use crate::diag::moment::{now_ms, written};
use crate::limits::Caller;
use review::{ReviewState, Sealed};

/// Below it reviews are told.
pub const REVIEWS: &str = "/reviews";
/// The event of their records.
const EVENT: &str = "review";
/// Most held answers of which the rest is read at once.
const HOLDS: usize = 64;
/// When to ask again, in seconds.
const AGAIN: u64 = 30;

/// The reviews.
#[derive(Debug)]
pub(super) struct Reviews {
    pub(super) book: Book<Review>,
    /// Places for held answers of which the rest is read.
    holds: tokio::sync::Semaphore,
    /// Held by who decides one.
    turn: tokio::sync::Mutex<()>,
}

impl Reviews {
    pub(super) fn new(book: Book<Review>) -> Self {
        Self { book, holds: tokio::sync::Semaphore::new(HOLDS), turn: tokio::sync::Mutex::default() }
    }
}

/// Whether this is a request for them.
pub(super) fn takes(path: &str) -> bool {
    path.strip_prefix(REVIEWS).is_some_and(|rest| rest.starts_with('/'))
}

/// Answers it, to the key whose exchange it was and to nobody else.
pub(super) async fn answer(
    gateway: &Arc<Gateway>,
    method: &Method,
    path: &str,
    caller: &Caller,
) -> Response<AnswerBody> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut response = no(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "only GET");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let rest = path.strip_prefix(REVIEWS).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
    let (id, asks_answer) = rest.strip_suffix("/answer").map_or((rest, false), |id| (id, true));
    let own = |one: &Review| *one.tenant == *caller.tenant && *one.key == *caller.key;
    let Some(review) = gateway.reviews.book.get(id).filter(own) else {
        return no(StatusCode::NOT_FOUND, "not_found", "no review of this id");
    };
    if !asks_answer {
        return with(StatusCode::OK, &stands(&review));
    }
    let Some((what, sealed)) = review.released() else {
        return match review.state {
            ReviewState::Pending => {
                let mut response = with(StatusCode::ACCEPTED, &stands(&review));
                response.headers_mut().insert(RETRY_AFTER, AGAIN.into());
                response
            }
            ReviewState::Rejected => no(StatusCode::FORBIDDEN, "rejected", "the answer was not let pass"),
            ReviewState::Approved | ReviewState::Corrected => {
                no(StatusCode::NOT_FOUND, "not_held", "the answer went out when it was given")
            }
        };
    };
    match unsealed(gateway, &review, what, sealed).await {
        Ok(body) => given(&review, sealed, body),
        Err(KeysError::Expired | KeysError::Erased) => {
            no(StatusCode::GONE, "gone", "the text is not kept any more")
        }
        Err(error) => {
            tracing::error!(review = %review.id, %error, "a reviewed answer cannot be read");
            no(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the text cannot be read: try again later")
        }
    }
}

/// One of its texts.
async fn unsealed(
    gateway: &Arc<Gateway>,
    review: &Review,
    what: &str,
    sealed: &Sealed,
) -> Result<Vec<u8>, KeysError> {
    let (shared, name, place) = (Arc::clone(gateway), review.name(what), sealed.texts.clone());
    let subject = Subject::new(&review.tenant, &review.user);
    let read = move |_| match &shared.texts {
        Some(texts) => texts.read(&name, &subject, &place).map(|parts| parts.answer_sent),
        None => Err(KeysError::Expired),
    };
    long_reads::away(gateway, read).await.unwrap_or(Err(KeysError::Damaged))
}

fn given(review: &Review, sealed: &Sealed, body: Vec<u8>) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::whole(body.into()));
    let head = response.headers_mut();
    let fields = sealed.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in fields {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            head.append(name, value);
        }
    }
    for (name, value) in [(EXCHANGE, &review.id), (CONTENT_TYPE, &sealed.media)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            head.insert(name, value);
        }
    }
    head.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    head.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

/// What who asked may know.
fn stands(one: &Review) -> Value {
    let answer = one.released().map(|_| format!("{REVIEWS}/{}/answer", one.id));
    json!({
        "review": one.id, "state": one.state.as_str(), "held": one.held,
        "filed": written(one.filed_ms), "deadline": written(one.deadline_ms), "changed": written(one.changed_ms),
        "answer": answer,
    })
}

/// Puts how a review stands into the journal, and then into the book.
async fn record(gateway: &Gateway, one: &Review, now: u64) -> Result<(), String> {
    let detail = serde_json::to_value(one).map_err(|error| error.to_string())?;
    let noted = gateway.journal.note(&Event { event: EVENT, time_ms: now, detail }).await;
    noted.map(drop).map_err(|error| error.to_string())?;
    gateway.reviews.book.put(one.clone()).map_err(|error| error.to_string())?;
    gateway.metrics.review_steps.with_label_values(&[one.state.as_str()]).inc();
    tracing::info!(exchange = %one.id, held = one.held, state = one.state.as_str(), "a review");
    Ok(())
}

/// How many are open, and how many of them overdue.
pub(super) fn count(gateway: &Gateway) -> (usize, usize) {
    gateway.reviews.book.count(now_ms())
}

fn no(status: StatusCode, code: &str, message: &str) -> Response<AnswerBody> {
    with(status, &json!({"error": {"code": code, "message": message}}))
}

fn with(status: StatusCode, body: &Value) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::whole(format!("{body}\n").into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
