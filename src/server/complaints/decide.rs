//! What operators do with complaints, over the operations listener. Texts are not told here: whoever may read the journal's sealed ones reads
//! them with `sluicegate complaint show --text`.

use http::StatusCode;
use serde_json::{Value, json};

use super::complaint::{Complaint, ComplaintState};
use super::record;
use crate::audit::safe;
use crate::diag::moment::now_ms;
use crate::server::book::Entry as _;
use crate::server::gateway::Gateway;

/// The most characters of who decides and why: a record has no more.
const MOST_WORDS: usize = 200;

fn told(one: &Complaint, now: u64) -> Value {
    let mut value = serde_json::to_value(one).unwrap_or_default();
    value["overdue"] = one.is_overdue(now).into();
    value
}

/// Those that are open, by deadline; with `decided_too`, all that are known.
pub(in crate::server) fn list(gateway: &Gateway, decided_too: bool) -> Value {
    let now = now_ms();
    gateway.complaints.book.list(decided_too).iter().map(|one| told(one, now)).collect()
}

/// One of them.
pub(in crate::server) fn show(gateway: &Gateway, id: &str) -> Result<Value, (StatusCode, String)> {
    let one = gateway.complaints.book.get(id).ok_or_else(unknown)?;
    Ok(told(&one, now_ms()))
}

fn unknown() -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, "no complaint of this id".to_owned())
}

/// Brings a complaint to another state, on record with who and why.
pub(in crate::server) async fn decide(
    gateway: &Gateway,
    id: &str,
    state: &str,
    by: &str,
    why: &str,
) -> Result<Value, (StatusCode, String)> {
    let Some(next) = ComplaintState::DECISIONS.into_iter().find(|one| one.as_str() == state) else {
        let all = ComplaintState::DECISIONS.map(|one| format!("`{}`", one.as_str())).join(", ");
        return Err((StatusCode::BAD_REQUEST, format!("`state` is one of {all}")));
    };
    if by.trim().is_empty() || why.trim().is_empty() {
        return Err((StatusCode::BAD_REQUEST, "`by` says who decides, `why` why".to_owned()));
    }
    if [by, why].into_iter().any(|text| text.chars().count() > MOST_WORDS) {
        return Err((
            StatusCode::BAD_REQUEST,
            format!("`by` and `why` have at most {MOST_WORDS} characters"),
        ));
    }
    let _turn = gateway.complaints.turn.lock().await;
    let mut one = gateway.complaints.book.get(id).ok_or_else(unknown)?;
    let from = one.state;
    if !from.may_become(next) {
        let message = format!("it is {}; what was decided can be taken up again: in_review", from.as_str());
        return Err((StatusCode::CONFLICT, message));
    }
    let now = now_ms();
    (one.state, one.changed_ms) = (next, now);
    (one.by, one.why) = (safe(by).into_owned(), safe(why).into_owned());
    record(gateway, &one, now).await.map_err(|reason| (StatusCode::SERVICE_UNAVAILABLE, reason))?;
    Ok(json!({ "outcome": next.as_str(), "from": from.as_str() }))
}
