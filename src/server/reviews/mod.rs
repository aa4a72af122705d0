//! Answers that a person reviews: held ones, which the client gets when they are approved, and those that went out as the rules left them.
//!
//! `GET /reviews/{exchange}` tells the key that asked how its answer stands, `GET /reviews/{exchange}/answer` gives it what was approved or
//! put in its place. Texts stand among the sealed ones of the journal, under the key of the user whose exchange it was: erasing the user erases
//! them.

mod decide;
mod file;
mod reading;
mod review;

pub(super) use decide::{Decision, decide};
pub(super) use file::{Asker, Rest, file};
pub(super) use review::Review;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::body::AnswerBody;
use super::book::Book;
use super::gateway::Gateway;
use super::long_reads;
use super::prints::Printed;
use super::public;
use super::worker::EXCHANGE;
use crate::audit::{Event, ExchangeId, JournalError, KeysError, Parts, Receipt, Subject};
use crate::diag::moment::{now_ms, written};
use crate::exchange::{Delivered, REVIEWS};
use crate::limits::Caller;
use crate::telemetry::Quiet;
use reading::Reading;
use review::{Head, ReviewState, Sealed, Text};

/// The event of their records.
const EVENT: &str = "review";
/// The longest request that is kept beside a held answer, so that what stands in it is no print of the answer; of a longer one no prints are
/// kept.
const MOST_ASKED: usize = 1 << 20;
/// When to ask again, in seconds.
const AGAIN: u64 = 30;

/// The reviews.
#[derive(Debug)]
pub(super) struct Reviews {
    pub(super) book: Book<Review>,
    /// Held answers that are read on.
    reading: Reading,
    /// Held by who decides one.
    turn: tokio::sync::Mutex<()>,
}

impl Reviews {
    pub(super) fn new(book: Book<Review>) -> Self {
        Self { book, reading: Reading::default(), turn: tokio::sync::Mutex::default() }
    }

    /// The gateway stops: nothing more is read on, and what was read is put away, if that takes no longer than `patience`.
    pub(super) async fn settle(&self, patience: Duration) {
        self.reading.settle(patience).await;
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
        let mut response = public::error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "only GET");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let rest = path.strip_prefix(REVIEWS).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
    let (id, asks_answer) = rest.strip_suffix("/answer").map_or((rest, false), |id| (id, true));
    let own = |one: &Review| *one.tenant == *caller.tenant && *one.key == *caller.key;
    let Some(review) = gateway.reviews.book.get(id).filter(own) else {
        return public::error(StatusCode::NOT_FOUND, "not_found", "no review of this id");
    };
    if !asks_answer {
        return public::told(StatusCode::OK, &stands(&review));
    }
    let Some((what, sealed)) = review.released() else {
        return match review.state {
            ReviewState::Pending => {
                let mut response = public::told(StatusCode::ACCEPTED, &stands(&review));
                response.headers_mut().insert(RETRY_AFTER, AGAIN.into());
                response
            }
            ReviewState::Rejected if review.held => {
                public::error(StatusCode::FORBIDDEN, "rejected", "the answer was not let pass")
            }
            ReviewState::Approved | ReviewState::Corrected | ReviewState::Rejected => {
                public::error(StatusCode::NOT_FOUND, "not_held", "the answer went out when it was given")
            }
        };
    };
    match unsealed(gateway, &review, what, sealed).await {
        // No byte leaves before that is on record, as with the first answer. To read it again is to be given it again.
        Ok((mut head, body, asked)) => {
            let first = !review.given;
            let given = Review { step: "given".to_owned(), given: true, ..review };
            if let Err(error) = noted(gateway, &given, now_ms()).await {
                tracing::error!(exchange = %given.id, %error, "a reviewed answer is not given: that cannot be put on record");
                return public::error(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "unavailable",
                    "no record can be made: try again later",
                );
            }
            gateway.metrics.review_steps.with_label_values(&["given"]).inc();
            let texts = std::mem::take(&mut head.texts).into_iter().map(Quiet).collect();
            if first {
                kept(gateway, &given);
                print(gateway, &given, Delivered { texts, asked });
            }
            response(&given, head, body)
        }
        Err(KeysError::Expired | KeysError::Erased) => {
            public::error(StatusCode::GONE, "gone", "the text is not kept any more")
        }
        Err(error) => {
            tracing::error!(review = %review.id, %error, "a reviewed answer cannot be read");
            public::error(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "the text cannot be read: try again later",
            )
        }
    }
}

/// Keeps prints of an answer that was let pass, as of any that a client got.
fn print(gateway: &Arc<Gateway>, review: &Review, delivered: Delivered) {
    if let (false, Some(id)) = (delivered.texts.is_empty(), ExchangeId::parse(&review.id)) {
        let printed = Printed::of(review.tenant.as_str().into(), review.user.clone(), review.filed_ms);
        gateway.prints.keep(id, printed, delivered, &gateway.metrics);
    }
}

/// One of its texts, and the request where prints are to be kept.
async fn unsealed(
    gateway: &Arc<Gateway>,
    review: &Review,
    what: &str,
    sealed: &Sealed,
) -> Result<(Head, Vec<u8>, Quiet<Bytes>), KeysError> {
    let (shared, name, place) = (Arc::clone(gateway), review.name(what), sealed.texts.clone());
    let subject = Subject::new(&review.tenant, &review.user);
    let read = move |_| match &shared.texts {
        Some(texts) => texts.read(&name, &subject, &place).and_then(|parts| {
            let head = serde_json::from_slice(&parts.answer_received).map_err(|_| KeysError::Damaged)?;
            Ok((head, parts.answer_sent, Quiet(parts.request_received.into())))
        }),
        None => Err(KeysError::Expired),
    };
    long_reads::away(gateway, read).await.unwrap_or(Err(KeysError::Damaged))
}

fn response(review: &Review, head: Head, body: Vec<u8>) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::whole(body.into()));
    *response.status_mut() = StatusCode::from_u16(head.status).unwrap_or_default();
    let fields = response.headers_mut();
    for (name, value) in head.fields {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(&value)) {
            fields.append(name, value);
        }
    }
    if let Ok(id) = HeaderValue::from_str(&review.id) {
        fields.insert(EXCHANGE, id);
    }
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    fields.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

/// Seals one of its texts; none where that cannot be done, which the log says. What was begun before its user was erased is not sealed.
async fn seal(gateway: &Gateway, review: &Review, what: &str, begun_ms: u64, text: Text) -> Option<Sealed> {
    let texts = gateway.texts.as_ref()?;
    let subject = Subject::new(&review.tenant, &review.user);
    let Text { mut head, body, label, mark, delivered } = text;
    let delivered = delivered.filter(|delivered| delivered.asked.0.len() <= MOST_ASKED).unwrap_or_default();
    head.texts = delivered.texts.into_iter().map(|text| text.0).collect();
    let head = serde_json::to_vec(&head).ok()?;
    let (bytes, sent) = (body.len() as u64, gateway.commitments.hash(&body));
    let (label, mark) = (serde_json::to_value(label).ok()?, serde_json::to_value(mark).ok()?);
    let asked = delivered.asked.0.to_vec();
    let parts =
        Parts { answer_received: head, answer_sent: body, request_received: asked, ..Parts::default() };
    let place = texts.seal(&review.name(what), subject, parts, review.days, Some(begun_ms)).await;
    place.map(|texts| Sealed { texts, bytes, sent, label, mark })
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
async fn record(gateway: &Arc<Gateway>, one: &Review, now: u64) -> Result<(), String> {
    let noted = noted(gateway, one, now).await;
    noted.map(drop).map_err(|error| error.to_string())?;
    kept(gateway, one);
    Ok(())
}

/// Gives the journal how a review stands; what it returns resolves when that is durable.
fn noted(
    gateway: &Gateway,
    one: &Review,
    now: u64,
) -> impl Future<Output = Result<Receipt, JournalError>> + use<> {
    let detail = serde_json::to_value(one).unwrap_or_default();
    gateway.journal.note(&Event { event: EVENT, time_ms: now, detail })
}

/// Takes it into the book, whose file is written beside the worker. What the journal has holds: what the file cannot take now it takes with the next
/// one.
fn kept(gateway: &Arc<Gateway>, one: &Review) {
    tracing::info!(exchange = %one.id, held = one.held, state = one.state.as_str(), "a review");
    if let Err(error) = gateway.reviews.book.take(one.clone()) {
        tracing::error!(exchange = %one.id, %error, "a review cannot be written down");
    }
    let shared = Arc::clone(gateway);
    let flush = move || shared.reviews.book.flush_or_tell();
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(flush)),
        Err(_) => flush(),
    }
}

/// How many are open, and how many of them overdue.
pub(super) fn count(gateway: &Gateway) -> (usize, usize) {
    gateway.reviews.book.count(now_ms())
}
