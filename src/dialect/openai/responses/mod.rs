//! OpenAI's responses: typed events, the whole text repeated at the end, items of many kinds.

mod ending;
mod events;
mod rows;
mod spoken;

use std::sync::LazyLock;

use super::super::field::{TOKEN_LOGPROBS, below};
use super::super::shape::Shape;
use super::super::{Ends, Memo, Operation, Stage, is_error, part_of};
use super::FRAMING;
use crate::text::json::Tape;
pub(in crate::dialect::openai) use ending::{cut, refusal};
pub(super) use events::shapes as event_shapes;
use rows::{
    ANSWER_PARTS, PART_FIELDS, REQUEST_FIELDS, REQUEST_PARTS, RESPONSE_COMMON, RESPONSE_FIELDS, SETTINGS,
};
pub(super) use spoken::{cues, more, text_of_part, whole_cues};

const fn operation(name: &'static str, method: &'static str, path: &'static str) -> Operation {
    Operation {
        name,
        method,
        path,
        request: || &REQUEST,
        answer: || &ANSWER,
        event: events::shape,
        framing: FRAMING,
        binary_answer: false,
    }
}

pub(super) const CREATE: Operation = operation("responses", "POST", "/v1/responses");
pub(super) const RETRIEVE: Operation = operation("responses.retrieve", "GET", "/v1/responses/{id}");
pub(super) const DELETE: Operation = operation("responses.delete", "DELETE", "/v1/responses/{id}");
pub(super) const CANCEL: Operation = operation("responses.cancel", "POST", "/v1/responses/{id}/cancel");
pub(super) const INPUT_ITEMS: Operation =
    operation("responses.input_items", "GET", "/v1/responses/{id}/input_items");

static REQUEST: LazyLock<Shape> =
    LazyLock::new(|| Shape::new(&[SETTINGS, REQUEST_FIELDS, &below(REQUEST_PARTS, PART_FIELDS)]));
static ANSWER: LazyLock<Shape> = LazyLock::new(|| {
    Shape::new(&[
        SETTINGS,
        RESPONSE_COMMON,
        RESPONSE_FIELDS,
        &below(&["output[#].content[#]"], TOKEN_LOGPROBS),
        &below(ANSWER_PARTS, PART_FIELDS),
    ])
});
/// Remembers the response's id, model and time, and the last sequence number.
pub(super) fn observe(src: &[u8], tape: &Tape, memo: &mut Memo) {
    if let Some(n) = tape.u64_at(src, &["sequence_number"]) {
        memo.sequence = n;
    }
    if memo.id.is_empty()
        && let Some(id) = tape.str_at(src, &["response", "id"])
    {
        memo.id = id.into_owned();
        memo.model = tape.str_at(src, &["response", "model"]).unwrap_or_default().into_owned();
        memo.created = tape.u64_at(src, &["response", "created_at"]).unwrap_or(0);
    }
    let kind = tape.str_at(src, &["type"]).unwrap_or_default();
    memo.said.hear(src, tape, &kind, events::pieces(&kind));
}

/// Whether events of this type end the stream.
fn is_last(kind: &str) -> bool {
    matches!(
        kind,
        "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled" | "error"
    )
}

/// How far an event brings the stream to its end.
pub(super) fn stage(src: &[u8], tape: &Tape) -> Stage {
    let kind = tape.str_at(src, &["type"]).unwrap_or_default();
    if is_last(&kind) || is_error(src, tape) { Stage::Signed } else { Stage::Open }
}

/// What an event says of the end of texts.
pub(super) fn ends(src: &[u8], tape: &Tape) -> Ends {
    match tape.str_at(src, &["type"]).unwrap_or_default().as_ref() {
        "response.output_item.done" => Ends::Part(part_of(src, tape, 0, "output_index")),
        kind if is_last(kind) => Ends::All,
        _ => Ends::Nothing,
    }
}

/// Whether an event says that the answer failed.
pub(super) fn is_failure(src: &[u8], tape: &Tape) -> bool {
    let kind = tape.str_at(src, &["type"]).unwrap_or_default();
    matches!(kind.as_ref(), "response.failed" | "error")
}
