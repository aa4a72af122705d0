//! What operators do with complaints, over the operations listener. Texts are not told here: whoever may read the journal's sealed ones reads
//! them with `sluicegate complaint show --text`.

use http::StatusCode;
use serde_json::{Value, json};

use super::complaint::ComplaintState;
use super::record;
use crate::diag::moment::now_ms;
use crate::server::decisions::{No, known, who_and_why};
use crate::server::gateway::Gateway;

/// Brings a complaint to another state, on record with who and why.
pub(in crate::server) async fn decide(
    gateway: &Gateway,
    id: &str,
    state: &str,
    by: &str,
    why: &str,
) -> Result<Value, No> {
    let Some(next) = ComplaintState::DECISIONS.into_iter().find(|one| one.as_str() == state) else {
        let all = ComplaintState::DECISIONS.map(|one| format!("`{}`", one.as_str())).join(", ");
        return Err((StatusCode::BAD_REQUEST, format!("`state` is one of {all}")));
    };
    let (by, why) = who_and_why(by, why)?;
    let _turn = gateway.complaints.turn.lock().await;
    let mut one = known(&gateway.complaints.book, id)?;
    let from = one.state;
    if !from.may_become(next) {
        let message = format!("it is {}; what was decided can be taken up again: in_review", from.as_str());
        return Err((StatusCode::CONFLICT, message));
    }
    let now = now_ms();
    (one.state, one.changed_ms) = (next, now);
    (one.by, one.why) = (by, why);
    record(gateway, &one, now).await.map_err(|reason| (StatusCode::SERVICE_UNAVAILABLE, reason))?;
    Ok(json!({ "outcome": next.as_str(), "from": from.as_str() }))
}
