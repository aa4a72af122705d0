//! What reviewers do, over the operations listener. Texts are not told here: whoever may read the journal's sealed ones reads them with
//! `sluicegate review show --text`.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::record;
use super::review::{CORRECTION, Review, ReviewState, Sealed};
use crate::audit::{Parts, Subject, safe};
use crate::diag::moment::now_ms;
use crate::server::book::Entry as _;
use crate::server::gateway::Gateway;

/// The media type of what a reviewer writes.
const PLAIN: &str = "text/plain; charset=utf-8";

type No = (StatusCode, String);

/// What a reviewer decides.
#[derive(Debug)]
pub(in crate::server) struct Decision<'d> {
    pub(in crate::server) id: &'d str,
    pub(in crate::server) state: &'d str,
    pub(in crate::server) by: &'d str,
    pub(in crate::server) why: &'d str,
    /// What stands in the answer's place.
    pub(in crate::server) text: Option<String>,
}

fn told(one: &Review, now: u64) -> Value {
    let mut value = serde_json::to_value(one).unwrap_or_default();
    value["overdue"] = one.is_overdue(now).into();
    value
}

/// Those that are open, by deadline; with `decided_too`, all that are known.
pub(in crate::server) fn list(gateway: &Gateway, decided_too: bool) -> Value {
    let now = now_ms();
    gateway.reviews.book.list(decided_too).iter().map(|one| told(one, now)).collect()
}

/// One of them.
pub(in crate::server) fn show(gateway: &Gateway, id: &str) -> Result<Value, No> {
    let one = gateway.reviews.book.get(id).ok_or_else(unknown)?;
    Ok(told(&one, now_ms()))
}

fn unknown() -> No {
    (StatusCode::NOT_FOUND, "no review of this id".to_owned())
}

/// Decides one, on record with who and why.
pub(in crate::server) async fn decide(gateway: &Arc<Gateway>, decision: Decision<'_>) -> Result<Value, No> {
    let Decision { id, state, by, why, text } = decision;
    let Some(next) = ReviewState::DECISIONS.into_iter().find(|one| one.as_str() == state) else {
        let all = ReviewState::DECISIONS.map(|one| format!("`{}`", one.as_str())).join(", ");
        return Err((StatusCode::BAD_REQUEST, format!("`state` is one of {all}")));
    };
    if by.trim().is_empty() || why.trim().is_empty() {
        return Err((StatusCode::BAD_REQUEST, "`by` says who decides, `why` why".to_owned()));
    }
    let text = text.filter(|text| !text.trim().is_empty());
    if text.is_some() != (next == ReviewState::Corrected) {
        let message = "what stands in the answer's place belongs to `corrected`, and to nothing else";
        return Err((StatusCode::BAD_REQUEST, message.to_owned()));
    }
    let _turn = gateway.reviews.turn.lock().await;
    let mut one = gateway.reviews.book.get(id).ok_or_else(unknown)?;
    let from = one.state;
    if !from.may_become(next) {
        let message = format!("it is {}, and the client may have the answer", from.as_str());
        return Err((StatusCode::CONFLICT, message));
    }
    if next == ReviewState::Approved && one.held && one.answer.is_none() {
        let message = format!("the answer is not there to be let pass: {}; correct or reject it", one.lost);
        return Err((StatusCode::CONFLICT, message));
    }
    if let Some(text) = text {
        one.correction = Some(seal(gateway, &one, text).await?);
    }
    let now = now_ms();
    (one.state, one.changed_ms) = (next, now);
    (one.by, one.why) = (safe(by).into_owned(), safe(why).into_owned());
    record(gateway, &one, now).await.map_err(|reason| (StatusCode::SERVICE_UNAVAILABLE, reason))?;
    Ok(json!({ "outcome": next.as_str(), "from": from.as_str() }))
}

async fn seal(gateway: &Gateway, one: &Review, text: String) -> Result<Sealed, No> {
    let unkept = || {
        let message =
            "no bodies of this tenant are kept (`journal.texts`), so there is no place for the text";
        (StatusCode::CONFLICT, message.to_owned())
    };
    let texts = gateway.texts.as_ref().filter(|texts| texts.limit(&one.tenant, one.days) > 0);
    let texts = texts.ok_or_else(unkept)?;
    let subject = Subject::new(&one.tenant, &one.user);
    let parts = Parts { answer_sent: text.into_bytes(), ..Parts::default() };
    let place = texts.seal(&one.name(CORRECTION), subject, parts, one.days).await;
    let texts = place.ok_or((StatusCode::SERVICE_UNAVAILABLE, "the text could not be sealed".to_owned()))?;
    Ok(Sealed { texts, media: PLAIN.to_owned(), fields: Vec::new() })
}
