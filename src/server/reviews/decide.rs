//! What reviewers do, over the operations listener. Texts are not told here: whoever may read the journal's sealed ones reads them with
//! `sluicegate review show --text`.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::review::{ANSWER, CORRECTION, Head, Review, ReviewState, Sealed, Text};
use super::{record, seal, unsealed};
use crate::diag::moment::now_ms;
use crate::server::decisions::{No, known, who_and_why};
use crate::server::gateway::Gateway;

/// The media type of what a reviewer writes.
const PLAIN: &str = "text/plain; charset=utf-8";

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

/// Decides one, on record with who and why.
pub(in crate::server) async fn decide(gateway: &Arc<Gateway>, decision: Decision<'_>) -> Result<Value, No> {
    let Decision { id, state, by, why, text } = decision;
    let Some(next) = ReviewState::DECISIONS.into_iter().find(|one| one.as_str() == state) else {
        let all = ReviewState::DECISIONS.map(|one| format!("`{}`", one.as_str())).join(", ");
        return Err((StatusCode::BAD_REQUEST, format!("`state` is one of {all}")));
    };
    let (by, why) = who_and_why(by, why)?;
    let text = text.filter(|text| !text.trim().is_empty());
    if text.is_some() != (next == ReviewState::Corrected) {
        let message = "what stands in the answer's place belongs to `corrected`, and to nothing else";
        return Err((StatusCode::BAD_REQUEST, message.to_owned()));
    }
    let _turn = gateway.reviews.turn.lock().await;
    let mut one = known(&gateway.reviews.book, id)?;
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
    (one.by, one.why) = (by, why);
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
    let text = Text {
        head: Head { status: 200, fields, texts: Vec::new() },
        body: text.into_bytes(),
        label: None,
        mark: None,
        // A person's words are no print of a model's.
        delivered: None,
    };
    let sealed = seal(gateway, one, CORRECTION, now_ms(), text).await;
    sealed.ok_or((StatusCode::SERVICE_UNAVAILABLE, "the text could not be sealed".to_owned()))
}
