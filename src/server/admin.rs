//! What operators ask of a running gateway: which policies run, take the files' ones, go back to those before; who was blocked too often,
//! shut somebody out, let them in again.
//!
//! There is no key here. Whoever reaches the listener may look; a change is taken from this machine only, and from no web page.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};
use subtle::ConstantTimeEq as _;

use super::complaints;
use super::decisions;
use super::gateway::{Gateway, NOTES};
use super::host_check;
use super::policies::{Ended, Trigger};
use super::reviews::{self, Decision};
use super::standing;
use super::vault::VAULT;
use crate::audit::{Event, FLOOR_DAYS, purge_floor};
use crate::diag::moment::now_ms;
use crate::limits::Person;
use crate::policy::Standing;
use crate::text::hex;
use crate::text::percent_decoded;

/// The longest text that a reviewer puts in an answer's place, in bytes.
const MOST_TEXT: usize = 256 << 10;
/// The longest that it may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers below `/admin/`; `None` for a path that is not there.
pub(super) async fn answer(
    gateway: &Arc<Gateway>,
    request: &Request<()>,
    body: Incoming,
    peer: IpAddr,
) -> Option<Response<Full<Bytes>>> {
    let change = match request.uri().path() {
        "/admin/policy"
        | "/admin/standing"
        | "/admin/complaint"
        | "/admin/complaint/show"
        | "/admin/review"
        | "/admin/review/show" => false,
        "/admin/reload"
        | "/admin/rollback"
        | "/admin/audit/note"
        | "/admin/standing/suspend"
        | "/admin/standing/lift"
        | "/admin/complaint/decide"
        | "/admin/review/decide" => true,
        _ => return None,
    };
    let allowed = if change { "POST" } else { "GET" };
    let method = request.method();
    if method.as_str() != allowed && (change || method != Method::HEAD) {
        let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, &format!("only {allowed}"));
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        return Some(response);
    }
    if change && let Some(why) = stranger(gateway, request, peer) {
        return Some(refusal(StatusCode::FORBIDDEN, why));
    }
    Some(match request.uri().path() {
        "/admin/reload" => reload(gateway).await,
        "/admin/rollback" => roll_back(gateway),
        "/admin/standing" => with(StatusCode::OK, &gateway.standings.ladder.to_json()),
        "/admin/standing/suspend" => stand(gateway, request.uri().query(), Standing::Suspended),
        "/admin/standing/lift" => stand(gateway, request.uri().query(), Standing::Good),
        "/admin/complaint" => {
            let all = field(request.uri().query(), "all").is_some();
            with(StatusCode::OK, &decisions::list(&gateway.complaints.book, all))
        }
        "/admin/complaint/show" => told(decisions::show(
            &gateway.complaints.book,
            &field(request.uri().query(), "id").unwrap_or_default(),
        )),
        "/admin/complaint/decide" => {
            let of = |name: &str| field(request.uri().query(), name).unwrap_or_default();
            told(complaints::decide(gateway, &of("id"), &of("state"), &of("by"), &of("why")).await)
        }
        "/admin/review" => {
            let all = field(request.uri().query(), "all").is_some();
            with(StatusCode::OK, &decisions::list(&gateway.reviews.book, all))
        }
        "/admin/review/show" => told(decisions::show(
            &gateway.reviews.book,
            &field(request.uri().query(), "id").unwrap_or_default(),
        )),
        "/admin/review/decide" => match text(body).await {
            Ok(text) => {
                let of = |name: &str| field(request.uri().query(), name).unwrap_or_default();
                let (id, state, by, why) = (of("id"), of("state"), of("by"), of("why"));
                let decision = Decision { id: &id, state: &state, by: &by, why: &why, text };
                told(reviews::decide(gateway, decision).await)
            }
            Err(why) => refusal(StatusCode::BAD_REQUEST, &why),
        },
        "/admin/audit/note" => note(gateway, request.uri().query().unwrap_or_default()).await,
        _ => with(StatusCode::OK, &gateway.policies.json()),
    })
}

/// The text in a body, if there is one.
async fn text(body: Incoming) -> Result<Option<String>, String> {
    let read = tokio::time::timeout(PATIENCE, Limited::new(body, MOST_TEXT).collect());
    let body = read.await.map_err(|_| "the body did not arrive".to_owned())?;
    let body = body.map_err(|_| format!("a text of at most {MOST_TEXT} bytes is expected"))?.to_bytes();
    let text = String::from_utf8(body.into()).map_err(|_| "a text in UTF-8 is expected".to_owned())?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// Why this may change nothing.
fn stranger<B>(gateway: &Gateway, request: &Request<B>, peer: IpAddr) -> Option<&'static str> {
    if !peer.to_canonical().is_loopback() {
        return Some("changes are made from this machine only: call it on a loopback address");
    }
    match host_check::stranger(request, &gateway.server.hosts)? {
        host_check::Stranger::Name => {
            Some("call it as localhost or 127.0.0.1, or add the name to `server.hosts`")
        }
        host_check::Stranger::Page => Some("no web page changes anything here: call it from a program"),
    }
}

async fn reload(gateway: &Gateway) -> Response<Full<Bytes>> {
    let Some(reloader) = &gateway.reloader else {
        return refusal(StatusCode::CONFLICT, "this gateway has no files to read its policies from");
    };
    let Ok(attempt) = reloader.reload(Trigger::Request).await else {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "the gateway stops");
    };
    let status = match attempt.ended {
        Ended::Ok | Ended::Unchanged => StatusCode::OK,
        Ended::Unapproved | Ended::Failed => StatusCode::UNPROCESSABLE_ENTITY,
    };
    with(status, &beside(attempt.json(), gateway))
}

/// Puts on record what the command line did to the journal's keepings.
async fn note(gateway: &Gateway, query: &str) -> Response<Full<Bytes>> {
    const EVENTS: [&str; 6] = ["erasure", "hold", "release", "purge", "bank", "incident"];
    let field = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    let event = field("event").and_then(|event| EVENTS.into_iter().find(|known| *known == event));
    let detail =
        field("detail").and_then(hex::decode).and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let token = hex::encode(&gateway.keys.derive(NOTES));
    if !bool::from(token.as_bytes().ct_eq(field("token").unwrap_or_default().as_bytes())) {
        return refusal(
            StatusCode::FORBIDDEN,
            "only who may read the pepper of the state folder puts events on record",
        );
    }
    let (Some(event), Some(mut detail)) = (event, detail.filter(Value::is_object)) else {
        return refusal(StatusCode::BAD_REQUEST, "expected `event` and `detail`, JSON in hexadecimal digits");
    };
    // Whatever clock the command has read, this one counts too.
    let early = |before: u64| before > purge_floor(now_ms(), FLOOR_DAYS);
    if event == "purge" && detail["before_ms"].as_u64().is_none_or(early) {
        let why = format!(
            "records are kept for at least {FLOOR_DAYS} days by this gateway's clock: nothing younger is purged"
        );
        return refusal(StatusCode::CONFLICT, &why);
    }
    let owner = field("owner").filter(|_| event == "erasure").and_then(hex::array);
    if let (Some(owner), Some(members)) = (owner, detail.as_object_mut()) {
        let vault = Arc::clone(&gateway.vault);
        let forget = move || {
            let gone = vault.erase(&owner, now_ms());
            vault.flush().map(|()| gone)
        };
        match tokio::task::spawn_blocking(forget).await {
            Ok(Ok(gone)) => drop(members.insert("stand_ins".to_owned(), gone.into())),
            Ok(Err(error)) => return refusal(StatusCode::SERVICE_UNAVAILABLE, &format!("{VAULT}: {error}")),
            Err(_) => return refusal(StatusCode::INTERNAL_SERVER_ERROR, "the vault cannot be used"),
        }
    }
    let stand_ins = detail["stand_ins"].as_u64();
    match gateway.journal.note(&Event { event, time_ms: now_ms(), detail }).await {
        Ok(receipt) => with(StatusCode::OK, &json!({ "record": receipt.sequence(), "stand_ins": stand_ins })),
        Err(error) => refusal(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

fn roll_back(gateway: &Gateway) -> Response<Full<Bytes>> {
    match gateway.policies.roll_back(&gateway.metrics) {
        Ok(()) => with(StatusCode::OK, &beside(json!({ "outcome": "rolled_back" }), gateway)),
        Err(nothing) => refusal(StatusCode::CONFLICT, &nothing.to_string()),
    }
}

/// An operator suspends somebody or lifts what follows: `tenant`, `key`, `user` (the hash that the list and the records have) and `why`
/// stand in the query, and for how many `seconds`.
fn stand(gateway: &Gateway, query: Option<&str>, standing: Standing) -> Response<Full<Bytes>> {
    let of = |name: &str| field(query, name);
    let (Some(tenant), Some(key)) = (of("tenant"), of("key")) else {
        return refusal(StatusCode::BAD_REQUEST, "`tenant` and `key` say who is meant");
    };
    if !gateway.keys.has(&tenant, &key) {
        return refusal(StatusCode::NOT_FOUND, "no key of this tenant has this name");
    }
    let seconds = match of("seconds").map(|text| text.parse::<u64>()) {
        None => None,
        Some(Ok(seconds)) => Some(seconds),
        Some(Err(_)) => return refusal(StatusCode::BAD_REQUEST, "`seconds` is a whole number"),
    };
    let until = seconds.map(|seconds| now_ms().saturating_add(seconds.saturating_mul(1000)));
    let user = of("user").unwrap_or_default();
    let person = Person { tenant: tenant.into(), key: key.into(), user };
    match gateway.standings.ladder.set(&person, standing, until) {
        Some(step) => {
            standing::note(gateway, &step, standing::By::Operator, &of("why").unwrap_or_default());
            with(StatusCode::OK, &json!({ "outcome": step.to.as_str(), "from": step.from.as_str() }))
        }
        None => refusal(StatusCode::CONFLICT, "nothing follows for them"),
    }
}

/// A field of the query; none where it is empty.
fn field(query: Option<&str>, name: &str) -> Option<String> {
    let mut pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.find(|(key, _)| *key == name).map(|(_, value)| percent_decoded(value));
    value.and_then(|value| String::from_utf8(value).ok()).filter(|value| !value.is_empty())
}

fn told(answer: Result<Value, (StatusCode, String)>) -> Response<Full<Bytes>> {
    match answer {
        Ok(value) => with(StatusCode::OK, &value),
        Err((status, why)) => refusal(status, &why),
    }
}

/// The outcome, and what runs now.
fn beside(mut outcome: Value, gateway: &Gateway) -> Value {
    if let (Some(outcome), Value::Object(mut all)) = (outcome.as_object_mut(), gateway.policies.json()) {
        outcome.extend(all.remove("active").map(|active| ("active".to_owned(), active)));
    }
    outcome
}

fn refusal(status: StatusCode, why: &str) -> Response<Full<Bytes>> {
    with(status, &json!({ "outcome": "refused", "reason": why }))
}

fn with(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(format!("{body}\n").into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
