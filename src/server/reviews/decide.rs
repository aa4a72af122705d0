//! What reviewers do, over the operations listener. Texts are not told here: whoever may read the journal's sealed ones reads them with
//! `sluicegate review show --text`.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::review::{ANSWER, CORRECTION, Head, Review, ReviewState, Sealed};
use super::{record, seal, unsealed};
use crate::audit::safe;
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

/// The most characters of who decides and why: a record has no more.
const MOST_WORDS: usize = 200;

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
    let says_nothing = |text: &str| !text.chars().any(char::is_alphanumeric);
    if says_nothing(by) || says_nothing(why) {
        return Err((StatusCode::BAD_REQUEST, "`by` says who decides, `why` why".to_owned()));
    }
    let text = text.filter(|text| !text.trim().is_empty());
    if text.is_some() != (next == ReviewState::Corrected) {
        let message = "what stands in the answer's place belongs to `corrected`, and to nothing else";
        return Err((StatusCode::BAD_REQUEST, message.to_owned()));
    }
    if [by, why].into_iter().any(|text| text.chars().count() > MOST_WORDS) {
        return Err((
            StatusCode::BAD_REQUEST,
            format!("`by` and `why` have at most {MOST_WORDS} characters"),
        ));
    }
    let _turn = gateway.reviews.turn.lock().await;
    let mut one = gateway.reviews.book.get(id).ok_or_else(unknown)?;
    let from = one.state;
    if !from.may_become(next) {
        let why = if from == ReviewState::Rejected { "" } else { ", and the client may have the answer" };
        let message = format!("it is {}{why}", from.as_str());
        return Err((StatusCode::CONFLICT, message));
    }
    if next == ReviewState::Approved && one.held {
        readable(gateway, &one).await?;
    }
    if let Some(text) = text {
        one.correction = Some(correction(gateway, &one, text).await?);
    }
    let now = now_ms();
    "decided".clone_into(&mut one.step);
    (one.state, one.changed_ms) = (next, now);
    (one.by, one.why) = (safe(by).into_owned(), safe(why).into_owned());
    record(gateway, &one, now).await.map_err(|reason| (StatusCode::SERVICE_UNAVAILABLE, reason))?;
    gateway.metrics.review_steps.with_label_values(&[next.as_str()]).inc();
    Ok(json!({ "outcome": next.as_str(), "from": from.as_str() }))
}

/// Whether the held answer can be given.
async fn readable(gateway: &Arc<Gateway>, one: &Review) -> Result<(), No> {
    let lost = |why: &str| {
        let message = format!("the answer is not there to be let pass: {why}; correct or reject it");
        (StatusCode::CONFLICT, message)
    };
    let sealed = one.answer.as_ref().ok_or_else(|| lost(&one.lost))?;
    unsealed(gateway, one, ANSWER, sealed).await.map(drop).map_err(|error| lost(&error.to_string()))
}

async fn correction(gateway: &Gateway, one: &Review, text: String) -> Result<Sealed, No> {
    let limit = gateway.texts.as_ref().map_or(0, |texts| texts.limit(&one.tenant, one.days));
    if limit == 0 {
        let message =
            "no bodies of this tenant are kept (`journal.texts`), so there is no place for the text";
        return Err((StatusCode::CONFLICT, message.to_owned()));
    }
    if text.len() > limit {
        return Err((
            StatusCode::BAD_REQUEST,
            format!("it is longer than the {limit} bytes of `journal.texts.limit`"),
        ));
    }
    let fields = vec![("content-type".to_owned(), PLAIN.to_owned())];
    let head = Head { status: 200, fields };
    let sealed = seal(gateway, one, CORRECTION, now_ms(), &head, text.into_bytes()).await;
    sealed.ok_or((StatusCode::SERVICE_UNAVAILABLE, "the text could not be sealed".to_owned()))
}
