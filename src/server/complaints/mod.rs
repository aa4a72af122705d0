//! Complaints about exchanges: `POST /complaints` takes one, `GET /complaints/{id}` says how it stands. No key: who was refused may have none.
//!
//! What is answered does not depend on whether an exchange of that id is known: who decides looks that up. Text and contact go to the sealed
//! texts of the journal, where these are kept, or nowhere; records have their keyed hash.

mod complaint;
mod decide;
mod settings;

pub(super) use decide::decide;
pub use settings::ComplaintSettings;

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::AnswerBody;
use super::book::Book;
use super::gateway::Gateway;
use super::public;
use super::rates::Rates;
use crate::audit::{Event, ExchangeId, Parts, Subject};
use crate::diag::moment::now_ms;
use crate::diag::moment::written;
use complaint::{Complaint, ComplaintState};

pub use crate::exchange::COMPLAINTS;
/// The tenant under which their texts are sealed: none.
pub const COMPLAINTS_TENANT: &str = "-";
/// The event of their records.
const EVENT: &str = "complaint";

/// The most bytes of a body.
const MOST_BYTES: usize = 8 << 10;
/// The most bytes of a contact.
const MOST_CONTACT: usize = 320;
/// The longest that a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many times as often as one may file, one may look.
const LOOKS: u32 = 10;
const DAY_MS: u64 = 86_400_000;

/// The complaints, and who filed and looked how often.
#[derive(Debug)]
pub(super) struct Complaints {
    settings: ComplaintSettings,
    filed: Rates,
    looked: Rates,
    pub(super) book: Book<Complaint>,
    /// Held by who changes one: what follows on what is seen.
    turn: tokio::sync::Mutex<()>,
}

impl Complaints {
    pub(super) fn new(settings: ComplaintSettings, book: Book<Complaint>) -> Self {
        let (filed, looked) = (Rates::default(), Rates::default());
        Self { settings, filed, looked, book, turn: tokio::sync::Mutex::default() }
    }

    /// Whether this is a request for them.
    pub(super) fn takes(&self, path: &str) -> bool {
        let below = |path: &str| path.is_empty() || path.starts_with('/');
        self.settings.enabled && path.strip_prefix(COMPLAINTS).is_some_and(below)
    }

    /// In how many days a complaint is decided, where they are taken.
    pub(super) fn days(&self) -> Option<u16> {
        self.settings.enabled.then_some(self.settings.answered_within_days)
    }
}

/// What is filed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Filed {
    exchange: String,
    text: String,
    #[serde(default)]
    contact: String,
}

/// Why there is no other answer.
#[derive(Debug)]
struct No {
    status: StatusCode,
    code: &'static str,
    message: String,
}

fn no(status: StatusCode, code: &'static str, message: impl Into<String>) -> No {
    No { status, code, message: message.into() }
}

/// Answers a request for complaints. `address` is the client's, hashed.
pub(super) async fn answer(
    gateway: &Gateway,
    request: Request<Incoming>,
    address: &str,
    now: Instant,
) -> Response<AnswerBody> {
    let path = request.uri().path().to_owned();
    let id = path.strip_prefix(COMPLAINTS).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
    let allowed = if id.is_empty() { "POST" } else { "GET, HEAD" };
    let fits = match *request.method() {
        Method::POST => id.is_empty(),
        Method::GET | Method::HEAD => !id.is_empty(),
        _ => false,
    };
    if !fits {
        let message = format!("only {allowed}");
        let mut response = said(&no(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message));
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        return response;
    }
    let (complaints, times) = (&gateway.complaints, if id.is_empty() { 1 } else { LOOKS });
    let rates = if id.is_empty() { &complaints.filed } else { &complaints.looked };
    let ComplaintSettings { per_minute, per_minute_in_all, .. } = complaints.settings;
    let (each, all) = (per_minute.saturating_mul(times), per_minute_in_all.saturating_mul(times));
    if let Err(seconds) = rates.take(address, each, all, now) {
        let message = "too many complaints in a minute: try again later";
        let mut response = said(&no(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message));
        response.headers_mut().insert(RETRY_AFTER, seconds.max(1).into());
        return response;
    }
    let answered = if id.is_empty() { file(gateway, request).await } else { look_up(gateway, id) };
    match answered {
        Ok((status, body)) => public::told(status, &body),
        Err(no) => said(&no),
    }
}

/// How a complaint stands, and nothing of what it says.
fn look_up(gateway: &Gateway, id: &str) -> Result<(StatusCode, Value), No> {
    let unknown = || no(StatusCode::NOT_FOUND, "not_found", "no complaint of this id");
    gateway.complaints.book.get(id).map(|one| (StatusCode::OK, stands(&one))).ok_or_else(unknown)
}

/// What who filed it may know.
fn stands(one: &Complaint) -> Value {
    let outcome = (!one.state.is_open()).then(|| one.state.as_str());
    json!({
        "complaint": one.id, "state": one.state.as_str(), "outcome": outcome,
        "filed": written(one.filed_ms), "deadline": written(one.deadline_ms), "changed": written(one.changed_ms),
    })
}

async fn file(gateway: &Gateway, request: Request<Incoming>) -> Result<(StatusCode, Value), No> {
    let (parts, body) = request.into_parts();
    let filed = read(&parts.headers, body).await?;
    if gateway.complaints.book.is_full() {
        let message = "too many complaints wait to be decided: try again later";
        return Err(no(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message));
    }
    let unavailable = || {
        let message = "the complaint cannot be put on record: try again later";
        no(StatusCode::SERVICE_UNAVAILABLE, "record_unavailable", message)
    };
    let id = ExchangeId::random().map_err(|_| unavailable())?.to_string();
    let plain = json!({"text": filed.text, "contact": filed.contact}).to_string().into_bytes();
    let text_hash = gateway.commitments.hash(&plain);
    let texts = match gateway.texts.as_ref().filter(|texts| texts.limit(COMPLAINTS_TENANT, None) > 0) {
        Some(texts) => {
            let subject = Subject::new(COMPLAINTS_TENANT, &gateway.commitments.name("user", &id));
            texts.seal(&id, subject, Parts { request_received: plain, ..Parts::default() }, None, None).await
        }
        None => None,
    };
    let now = now_ms();
    let days = u64::from(gateway.complaints.settings.answered_within_days);
    let one = Complaint {
        id,
        exchange: filed.exchange,
        state: ComplaintState::Received,
        filed_ms: now,
        deadline_ms: now.saturating_add(days * DAY_MS),
        changed_ms: now,
        by: String::new(),
        why: String::new(),
        text_hash,
        texts,
    };
    record(gateway, &one, now).await.map_err(|reason| {
        tracing::error!(complaint = %one.id, %reason, "a complaint is not on record");
        unavailable()
    })?;
    let mut answer = stands(&one);
    answer["exchange"] = one.exchange.into();
    answer["url"] = format!("{COMPLAINTS}/{}", one.id).into();
    // Who filed it is to know whether anybody can read it.
    answer["text"] = if one.texts.is_some() { "sealed" } else { "hashed" }.into();
    Ok((StatusCode::CREATED, answer))
}

/// Puts how a complaint stands into the journal, and then into the book.
async fn record(gateway: &Gateway, one: &Complaint, now: u64) -> Result<(), String> {
    let detail = serde_json::to_value(one).map_err(|error| error.to_string())?;
    let noted = gateway.journal.note(&Event { event: EVENT, time_ms: now, detail }).await;
    noted.map(drop).map_err(|error| error.to_string())?;
    gateway.complaints.book.put_or_tell(one.clone());
    gateway.metrics.complaint_steps.with_label_values(&[one.state.as_str()]).inc();
    tracing::info!(complaint = %one.id, exchange = %one.exchange, state = one.state.as_str(), "a complaint");
    Ok(())
}

/// The body, if it is a complaint.
async fn read(headers: &HeaderMap, body: Incoming) -> Result<Filed, No> {
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/json") {
        let message = "send JSON as `application/json`";
        return Err(no(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message));
    }
    let collected = tokio::time::timeout(PATIENCE, Limited::new(body, MOST_BYTES).collect());
    match collected.await {
        Err(_) => Err(no(StatusCode::REQUEST_TIMEOUT, "timeout", "the body did not arrive")),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            let message = format!("a complaint has at most {MOST_BYTES} bytes");
            Err(no(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message))
        }
        Ok(Err(_)) => Err(no(StatusCode::BAD_REQUEST, "invalid_request", "the body broke off")),
        Ok(Ok(body)) => parse(&body.to_bytes()),
    }
}

fn parse(body: &Bytes) -> Result<Filed, No> {
    let wrong = |message: String| no(StatusCode::BAD_REQUEST, "invalid_request", message);
    let filed: Filed = serde_json::from_slice(body).map_err(|error| {
        wrong(format!("not a complaint, `{{\"exchange\": .., \"text\": .., \"contact\": ..}}`: {error}"))
    })?;
    if !ExchangeId::is_written_so(&filed.exchange) {
        return Err(wrong(
            "`exchange` is no exchange's id: 26 digits and small letters, as `x-sluicegate-exchange` has it"
                .into(),
        ));
    }
    if filed.text.trim().is_empty() {
        return Err(wrong("`text` says nothing".into()));
    }
    if filed.contact.len() > MOST_CONTACT {
        return Err(wrong(format!("`contact` has at most {MOST_CONTACT} bytes")));
    }
    Ok(filed)
}

fn said(no: &No) -> Response<AnswerBody> {
    public::error(no.status, no.code, &no.message)
}
