//! OpenAI's responses: typed events, the whole text repeated at the end, items of many kinds.

mod ending;
mod rows;

use std::sync::LazyLock;

use super::super::field::{
    Field, arguments_delta, below, delta, reasoning, reasoning_delta, tool_delta, unscanned,
};
use super::super::shape::Shape;
use super::super::{Memo, Operation, Stage, is_error};
use super::FRAMING;
use crate::text::json::Tape;
pub(in crate::dialect::openai) use ending::{cut, refusal};
use rows::{
    ANSWER_PARTS, ANY_EVENT, ITEM_FIELDS, PART_FIELDS, REQUEST_FIELDS, REQUEST_PARTS, RESPONSE_FIELDS,
    STDERR, STDOUT, event_rows,
};

const fn operation(name: &'static str, method: &'static str, path: &'static str) -> Operation {
    Operation {
        name,
        method,
        path,
        request: || &REQUEST,
        answer: || &ANSWER,
        event: |src, tape| event_shape(src, tape),
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
    LazyLock::new(|| Shape::new(&[REQUEST_FIELDS, &below(REQUEST_PARTS, PART_FIELDS)]));
static ANSWER: LazyLock<Shape> =
    LazyLock::new(|| Shape::new(&[RESPONSE_FIELDS, &below(ANSWER_PARTS, PART_FIELDS)]));
/// Events whose `delta` is message text, tool arguments, reasoning, or a medium: one table each, since the field has one name; and apart
/// in number, since a channel is known by its row.
static TEXT_EVENT: LazyLock<Shape> = LazyLock::new(|| events(1, &[delta(TEXT)]));
static ARGUMENTS_EVENT: LazyLock<Shape> = LazyLock::new(|| events(2, &[arguments_delta(ARGUMENTS)]));
static TOOL_EVENT: LazyLock<Shape> = LazyLock::new(|| events(3, &[tool_delta(TOOL)]));
static REASONING_EVENT: LazyLock<Shape> =
    LazyLock::new(|| events(4, &[reasoning_delta(REASONING), reasoning("text")]));
static SUMMARY_EVENT: LazyLock<Shape> =
    LazyLock::new(|| events(5, &[reasoning_delta(REASONING), reasoning("text")]));
static AUDIO_EVENT: LazyLock<Shape> = LazyLock::new(|| events(6, &[unscanned("delta", "audio")]));
/// The first words of an item or a part: SDKs append the deltas to them. The rows of [`ITEM_FIELDS`] go on in the deltas' tables.
static ADDED_EVENT: LazyLock<Shape> = LazyLock::new(|| {
    let shape = added(7, &[delta("{output_index}.item.content[content_index].text")], delta);
    let shape = shape.goes_on("{output_index}.item.content[content_index].text", &TEXT_EVENT, TEXT);
    shape.goes_on("{output_index,content_index}.part.text", &TEXT_EVENT, TEXT)
});
static ADDED_REASONING: LazyLock<Shape> = LazyLock::new(|| {
    let shape =
        added(8, &[reasoning_delta("{output_index}.item.content[content_index].text")], reasoning_delta);
    let shape = shape.goes_on("{output_index}.item.content[content_index].text", &REASONING_EVENT, REASONING);
    shape.goes_on("{output_index,content_index}.part.text", &REASONING_EVENT, REASONING)
});
static ADDED_SUMMARY: LazyLock<Shape> = LazyLock::new(|| {
    added(9, &[], reasoning_delta).goes_on(
        "{output_index,content_index}.part.text",
        &SUMMARY_EVENT,
        REASONING,
    )
});
static OTHER_EVENT: LazyLock<Shape> = LazyLock::new(|| events(0, &[tool_delta(OTHER)]));
/// Of a type that nobody knows.
static NEW_EVENT: LazyLock<Shape> =
    LazyLock::new(|| Shape::numbered(100_000, &[ANY_EVENT, &[tool_delta(OTHER)]]));

const TEXT: &str = "{output_index,content_index}.delta";
const ARGUMENTS: &str = "{output_index}.delta";
const TOOL: &str = "{output_index,command_index}.delta";
const OTHER: &str = "{output_index,content_index,summary_index,command_index}.delta";
const REASONING: &str = "{output_index,content_index,summary_index}.delta";

fn added(kind: u32, rows: &[Field], part: fn(&'static str) -> Field) -> Shape {
    let part = part("{output_index,content_index}.part.text");
    let mut shape = events(kind, &[ITEM_FIELDS, &[part], rows].concat());
    for row in ITEM_FIELDS {
        let (table, path): (&Shape, _) = match row.path {
            path if path.ends_with(".refusal") || path.ends_with(".transcript") => (&TEXT_EVENT, TEXT),
            path if path.ends_with(".arguments") => (&ARGUMENTS_EVENT, ARGUMENTS),
            path if path.contains(".summary[") => (&SUMMARY_EVENT, REASONING),
            path if path.ends_with(".stdout") => (&TOOL_EVENT, STDOUT),
            path if path.ends_with(".stderr") => (&TOOL_EVENT, STDERR),
            _ => (&TOOL_EVENT, TOOL),
        };
        shape = shape.goes_on(row.path, table, path);
    }
    shape
}

fn events(kind: u32, rows: &[Field]) -> Shape {
    Shape::numbered(kind * 10_000, &[&event_rows(), rows])
}

fn event_shape(src: &[u8], tape: &Tape) -> &'static Shape {
    let kind = tape.str_at(src, &["type"]).unwrap_or_default();
    match kind.as_ref() {
        "response.output_text.delta" | "response.refusal.delta" | "response.audio.transcript.delta" => {
            &TEXT_EVENT
        }
        "response.function_call_arguments.delta"
        | "response.mcp_call_arguments.delta"
        | "response.mcp_call.arguments.delta" => &ARGUMENTS_EVENT,
        "response.audio.delta" => &AUDIO_EVENT,
        "response.reasoning_summary_part.added" => &ADDED_SUMMARY,
        k if k.ends_with(".added") => {
            let is = |place: &[&str], word: &str| tape.str_at(src, place).is_some_and(|kind| kind == word);
            let reasons = is(&["item", "type"], "reasoning") || is(&["part", "type"], "reasoning_text");
            if reasons { &ADDED_REASONING } else { &ADDED_EVENT }
        }
        k if k.starts_with("response.reasoning_summary") => &SUMMARY_EVENT,
        k if k.starts_with("response.reasoning") => &REASONING_EVENT,
        k if k.ends_with(".delta") => &TOOL_EVENT,
        "" | "error" | "response.image_generation_call.partial_image" => &OTHER_EVENT,
        k if STATES.contains(&k.rsplit('.').next().unwrap_or_default()) => &OTHER_EVENT,
        _ => &NEW_EVENT,
    }
}

/// How the types of those events end that repeat, whole, what there is.
const STATES: &[&str] = &[
    "cancelled",
    "completed",
    "created",
    "done",
    "failed",
    "generating",
    "in_progress",
    "incomplete",
    "interpreting",
    "queued",
    "searching",
];

/// All tables of events.
pub(super) fn event_shapes() -> Vec<&'static Shape> {
    vec![
        &TEXT_EVENT,
        &ARGUMENTS_EVENT,
        &TOOL_EVENT,
        &REASONING_EVENT,
        &SUMMARY_EVENT,
        &AUDIO_EVENT,
        &ADDED_EVENT,
        &ADDED_REASONING,
        &ADDED_SUMMARY,
        &OTHER_EVENT,
        &NEW_EVENT,
    ]
}

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
    memo.said.hear(src, tape);
}

/// How far an event brings the stream to its end.
pub(super) fn stage(src: &[u8], tape: &Tape) -> Stage {
    match tape.str_at(src, &["type"]).unwrap_or_default().as_ref() {
        "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled" | "error" => {
            Stage::Signed
        }
        _ if is_error(src, tape) => Stage::Signed,
        _ => Stage::Open,
    }
}

/// Whether an event says that the answer failed.
pub(super) fn is_failure(src: &[u8], tape: &Tape) -> bool {
    let kind = tape.str_at(src, &["type"]).unwrap_or_default();
    matches!(kind.as_ref(), "response.failed" | "error")
}
