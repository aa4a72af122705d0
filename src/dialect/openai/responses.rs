//! OpenAI's responses: typed events, the whole text repeated at the end, items of many kinds.

use std::sync::LazyLock;

use super::super::field::{
    Field, arguments, arguments_delta, below, delta, id, logprob_tokens, opaque, other, parts, reasoning,
    reasoning_delta, scalar, text, tool, tool_delta, tool_tree, tree, unscanned, word,
};
use super::super::shape::Shape;
use super::super::{Ask, Memo, Operation, Reply, Stage, Why, is_error, quoted};
use super::{FRAMING, error_object, reason};
use crate::text::json::Tape;

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
static OTHER_EVENT: LazyLock<Shape> = LazyLock::new(|| {
    events(0, &[tool_delta("{output_index,content_index,summary_index,command_index}.delta")])
});

const TEXT: &str = "{output_index,content_index}.delta";
const ARGUMENTS: &str = "{output_index}.delta";
const TOOL: &str = "{output_index,command_index}.delta";
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
    Shape::numbered(kind * 10_000, &[EVENT_FIELDS, &below(EVENT_PARTS, PART_FIELDS), rows])
}

/// Where answers and events repeat parts of requests.
const ANSWER_PARTS: &[&str] = &[
    "output[]",
    "output[].content[]",
    "output[].output[]",
    "output[].output",
    "instructions[].content[]",
    "instructions[].output[]",
    "instructions[].output",
    "prompt.variables.*",
    "data[].content[]",
    "data[].output[]",
    "data[].output",
];
const EVENT_PARTS: &[&str] = &[
    "part",
    "item",
    "item.content[]",
    "item.output[]",
    "item.output",
    "response.output[]",
    "response.output[].content[]",
    "response.output[].output[]",
    "response.output[].output",
    "response.instructions[].content[]",
    "response.instructions[].output[]",
    "response.instructions[].output",
    "response.prompt.variables.*",
];
const REQUEST_PARTS: &[&str] = &[
    "input[]",
    "input[].content[]",
    "input[].content",
    "input[].output[]",
    "input[].output",
    "prompt.variables.*",
    "tools[].input_image_mask",
];

/// What a part holds that is no text.
const PART_FIELDS: &[Field] = &[
    unscanned("image_url", "image"),
    unscanned("image_url.url", "image"),
    unscanned("file_id", "file"),
    unscanned("file_url", "file"),
    unscanned("file_data", "file"),
    unscanned("input_audio.data", "audio"),
    word("input_audio.format"),
    unscanned("video_url", "video"),
    unscanned("video_url.url", "video"),
];

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
        _ => &OTHER_EVENT,
    }
}

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
    ]
}

const REQUEST_FIELDS: &[Field] = &[
    tree("access_programs"),
    tree("background_options"),
    tree("image"),
    id("model"),
    text("input"),
    tree("input[]"),
    word("input[].type"),
    word("input[].role"),
    word("input[].status"),
    id("input[].id"),
    id("input[].call_id"),
    text("input[].content"),
    parts("input[#].content[].text"),
    parts("input[#].content[].refusal"),
    word("input[].content[].type"),
    word("input[].content[].detail"),
    other("input[].content[].filename"),
    arguments("input[].arguments"),
    tool("input[].name"),
    tool("input[].input"),
    tool_tree("input[].output"),
    unscanned("input[].result", "image"),
    unscanned("input[].outputs[].url", "image"),
    unscanned("tools[].container.file_ids[]", "file"),
    unscanned("tools[].environment.file_ids[]", "file"),
    unscanned("tools[].environment.skills[].source.data", "file"),
    opaque("input[].encrypted_content", "encrypted by the provider"),
    reasoning("input[].summary[].text"),
    word("input[].summary[].type"),
    text("instructions"),
    tree("instructions[]"),
    tool_tree("tools[]"),
    tool_tree("tool_choice"),
    tree("metadata"),
    tree("prompt"),
    tree("text"),
    word("text.format.type"),
    word("text.verbosity"),
    tree("conversation"),
    tree("context_management[]"),
    tree("moderation"),
    tree("prompt_cache_options"),
    tree("reasoning"),
    word("include[]"),
    word("truncation"),
    word("service_tier"),
    word("prompt_cache_retention"),
    id("previous_response_id"),
    other("user"),
    other("safety_identifier"),
    other("prompt_cache_key"),
    scalar("background"),
    scalar("max_output_tokens"),
    scalar("max_tool_calls"),
    scalar("parallel_tool_calls"),
    scalar("store"),
    scalar("stream"),
    scalar("stream_options.include_obfuscation"),
    scalar("temperature"),
    scalar("top_logprobs"),
    scalar("top_p"),
];

/// A response, and the lists that its relatives answer with.
const RESPONSE_FIELDS: &[Field] = &[
    tree("access_programs"),
    tree("image"),
    tree("input_transformations[]"),
    tree("prompt_cache_diagnostics"),
    tree("tool_usage"),
    id("id"),
    word("object"),
    word("status"),
    id("model"),
    scalar("created_at"),
    scalar("completed_at"),
    scalar("deleted"),
    word("service_tier"),
    id("previous_response_id"),
    tree("output[]"),
    word("output[].type"),
    word("output[].status"),
    word("output[].role"),
    word("output[].phase"),
    id("output[].id"),
    id("output[].call_id"),
    text("output[].content[].text"),
    text("output[].content[].refusal"),
    word("output[].content[].type"),
    tree("output[].content[].annotations[]"),
    word("output[].content[].annotations[].type"),
    logprob_tokens("output[#].content[#].logprobs[].token"),
    logprob_tokens("output[#].content[#].logprobs[].top_logprobs[#].token"),
    scalar("output[].content[].logprobs[].bytes"),
    scalar("output[].content[].logprobs[].logprob"),
    scalar("output[].content[].logprobs[].top_logprobs[].bytes"),
    scalar("output[].content[].logprobs[].top_logprobs[].logprob"),
    reasoning("output[].summary[].text"),
    word("output[].summary[].type"),
    arguments("output[].arguments"),
    tool("output[].name"),
    tool("output[].input"),
    unscanned("output[].result", "image"),
    unscanned("output[].outputs[].url", "image"),
    opaque("output[].encrypted_content", "encrypted by the provider"),
    tree("data[]"),
    unscanned("data[].result", "image"),
    unscanned("data[].outputs[].url", "image"),
    opaque("data[].encrypted_content", "encrypted by the provider"),
    id("first_id"),
    id("last_id"),
    scalar("has_more"),
    text("output_text"),
    text("instructions"),
    tree("instructions[]"),
    tool_tree("tools[]"),
    tool_tree("tool_choice"),
    tree("metadata"),
    tree("prompt"),
    tree("text"),
    tree("conversation"),
    tree("context_management[]"),
    tree("moderation"),
    tree("prompt_cache_options"),
    tree("reasoning"),
    word("truncation"),
    word("prompt_cache_retention"),
    tree("error"),
    word("incomplete_details.reason"),
    tree("usage"),
    other("user"),
    other("safety_identifier"),
    other("prompt_cache_key"),
    scalar("background"),
    scalar("max_output_tokens"),
    scalar("max_tool_calls"),
    scalar("parallel_tool_calls"),
    scalar("store"),
    scalar("temperature"),
    scalar("top_logprobs"),
    scalar("top_p"),
];

const STDOUT: &str = "{output_index,command_index}.delta.stdout";
const STDERR: &str = "{output_index,command_index}.delta.stderr";

/// What an item or part may hold when it is added, and goes on in deltas. An item's position in its list is what the deltas call by an
/// index.
const ITEM_FIELDS: &[Field] = &[
    delta("{output_index,content_index}.part.refusal"),
    delta("{output_index,content_index}.part.transcript"),
    delta("{output_index}.item.content[content_index].refusal"),
    delta("{output_index}.item.content[content_index].transcript"),
    reasoning_delta("{output_index}.item.summary[summary_index].text"),
    arguments_delta("{output_index}.item.arguments"),
    tool_delta("{output_index}.item.input"),
    tool_delta("{output_index}.item.code"),
    tool_delta("{output_index}.item.operation.diff"),
    tool_delta("{output_index}.item.action.commands[command_index]"),
    tool_delta("{output_index}.item.output[command_index].stdout"),
    tool_delta("{output_index}.item.output[command_index].stderr"),
    tool_delta("{output_index,command_index}.command"),
];

/// What events hold beside a `delta`. The parts repeat the response's rows below `response`, `item` and `part`.
const EVENT_FIELDS: &[Field] = &[
    other("background"),
    tool("command"),
    scalar("command_index"),
    // Of what is printed by a command; a `delta` that is a string has its row in the tables above.
    tool_delta(STDOUT),
    tool_delta(STDERR),
    tool_tree("output[]"),
    word("output_format"),
    word("quality"),
    word("size"),
    word("status"),
    tree("moderation"),
    word("type"),
    scalar("sequence_number"),
    scalar("output_index"),
    scalar("content_index"),
    scalar("summary_index"),
    scalar("annotation_index"),
    scalar("partial_image_index"),
    id("item_id"),
    id("obfuscation"),
    unscanned("partial_image_b64", "image"),
    text("text"),
    text("refusal"),
    arguments("arguments"),
    tool("input"),
    tool("code"),
    tool("name"),
    tool("result"),
    tree("annotation"),
    logprob_tokens("{output_index,content_index}.logprobs[].token"),
    logprob_tokens("{output_index,content_index}.logprobs[].top_logprobs[#].token"),
    scalar("logprobs[].logprob"),
    scalar("logprobs[].bytes"),
    scalar("logprobs[].top_logprobs[].logprob"),
    scalar("logprobs[].top_logprobs[].bytes"),
    other("message"),
    other("param"),
    tree("error"),
    tree("part"),
    word("part.type"),
    text("part.text"),
    text("part.refusal"),
    opaque("item.encrypted_content", "encrypted by the provider"),
    tree("item"),
    word("item.type"),
    word("item.status"),
    word("item.role"),
    id("item.id"),
    id("item.call_id"),
    text("item.content[].text"),
    text("item.content[].refusal"),
    reasoning("item.summary[].text"),
    arguments("item.arguments"),
    tool("item.name"),
    tool("item.input"),
    unscanned("item.result", "image"),
    unscanned("item.outputs[].url", "image"),
    tree("response"),
    id("response.id"),
    word("response.object"),
    word("response.status"),
    id("response.model"),
    scalar("response.created_at"),
    scalar("response.completed_at"),
    scalar("response.temperature"),
    scalar("response.top_p"),
    text("response.instructions"),
    text("response.output[].content[].text"),
    text("response.output[].content[].refusal"),
    word("response.output[].type"),
    word("response.output[].status"),
    word("response.output[].role"),
    id("response.output[].id"),
    id("response.output[].call_id"),
    reasoning("response.output[].summary[].text"),
    arguments("response.output[].arguments"),
    tool("response.output[].name"),
    tool("response.output[].input"),
    unscanned("response.output[].result", "image"),
    unscanned("response.output[].outputs[].url", "image"),
    opaque("response.output[].encrypted_content", "encrypted by the provider"),
];

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

fn response(
    id: &str,
    model: &str,
    created: u64,
    status: &str,
    details: &str,
    error: &str,
    output: &str,
) -> String {
    let id = quoted(if id.is_empty() { "resp_sluicegate" } else { id });
    format!(
        r#"{{"id":{id},"object":"response","created_at":{created},"status":"{status}","error":{error},"incomplete_details":{details},"instructions":null,"metadata":{{}},"model":{},"output":[{output}],"parallel_tool_calls":true,"temperature":null,"tool_choice":"auto","tools":[],"top_p":null,"usage":null}}"#,
        quoted(model)
    )
}

fn typed(kind: &str, sequence: u64, rest: &str) -> String {
    format!("event: {kind}\ndata: {{\"type\":\"{kind}\",\"sequence_number\":{sequence},{rest}}}\n\n")
}

/// An answer that refuses.
pub(super) fn refusal(ask: &Ask, message: &str) -> Reply {
    let part = format!(r#"{{"type":"refusal","refusal":{}}}"#, quoted(message));
    let item = |status: &str, content: &str| {
        format!(
            r#"{{"id":"msg_sluicegate","type":"message","status":"{status}","role":"assistant","content":[{content}]}}"#
        )
    };
    let whole = |status: &str, output: &str| response("", &ask.model, 0, status, "null", "null", output);
    if !ask.stream {
        let body = whole("completed", &item("completed", &part));
        return Reply { status: 200, content_type: "application/json", body: body.into_bytes() };
    }
    let at = r#""item_id":"msg_sluicegate","output_index":0,"content_index":0"#;
    let body = [
        typed("response.created", 0, &format!(r#""response":{}"#, whole("in_progress", ""))),
        typed(
            "response.output_item.added",
            1,
            &format!(r#""output_index":0,"item":{}"#, item("in_progress", "")),
        ),
        typed("response.content_part.added", 2, &format!(r#"{at},"part":{{"type":"refusal","refusal":""}}"#)),
        typed("response.refusal.delta", 3, &format!(r#"{at},"delta":{}"#, quoted(message))),
        typed("response.refusal.done", 4, &format!(r#"{at},"refusal":{}"#, quoted(message))),
        typed("response.content_part.done", 5, &format!(r#"{at},"part":{part}"#)),
        typed(
            "response.output_item.done",
            6,
            &format!(r#""output_index":0,"item":{}"#, item("completed", &part)),
        ),
        typed(
            "response.completed",
            7,
            &format!(r#""response":{}"#, whole("completed", &item("completed", &part))),
        ),
    ];
    Reply { status: 200, content_type: "text/event-stream", body: body.concat().into_bytes() }
}

/// The frames that end a running stream.
pub(super) fn cut(ask: &Ask, memo: &Memo, why: Why<'_>) -> Vec<u8> {
    let model = if memo.model.is_empty() { &ask.model } else { &memo.model };
    let next = memo.sequence + 1;
    match why {
        Why::Policy(message) => {
            let details = r#"{"reason":"content_filter"}"#;
            let whole = response(&memo.id, model, memo.created, "incomplete", details, "null", "");
            typed("response.incomplete", next, &format!(r#""response":{whole},{}"#, reason(message)))
                .into_bytes()
        }
        Why::Failure(error) if !memo.id.is_empty() => {
            let inner = format!(r#"{{"code":"server_error","message":{}}}"#, quoted(&error.message));
            let whole = response(&memo.id, model, memo.created, "failed", "null", &inner, "");
            typed("response.failed", next, &format!(r#""response":{whole}"#)).into_bytes()
        }
        Why::Failure(error) => format!("event: error\ndata: {}\n\n", error_object(error)).into_bytes(),
    }
}
