//! Anthropic's messages: content blocks of many kinds, typed events, thinking with signatures.

use std::sync::LazyLock;

use super::field::{
    Field, arguments_delta, below, blocks, delta, id, media, opaque, other, parts, reasoning,
    reasoning_blocks, scalar, text, tool, tool_tree, tree, unscanned, word,
};
use super::shape::Shape;
use super::usage::{Counts, Usage};
use super::{
    Ask, Cue, Dialect, Ends, ErrorKind, ExchangeError, Framing, Memo, Operation, Reply, Spot, Stage, Why,
    part_of, quoted,
};
use crate::text::json::Tape;

/// Anthropic's APIs.
#[derive(Debug)]
pub struct Anthropic;

const fn post(name: &'static str, path: &'static str) -> Operation {
    Operation {
        name,
        method: "POST",
        path,
        request: || &REQUEST,
        answer: || &ANSWER,
        event: |_, _| &EVENT,
        framing: Framing::Sse,
        binary_answer: false,
    }
}

const fn models(name: &'static str, path: &'static str) -> Operation {
    Operation {
        name,
        method: "GET",
        path,
        request: || &NOTHING,
        answer: || &MODELS,
        event: |_, _| &MODELS,
        framing: Framing::Sse,
        binary_answer: false,
    }
}

static OPERATIONS: &[Operation] = &[
    post("messages", "/v1/messages"),
    post("count_tokens", "/v1/messages/count_tokens"),
    models("models", "/v1/models"),
    models("models.retrieve", "/v1/models/{model}"),
];

static NOTHING: LazyLock<Shape> = LazyLock::new(|| Shape::new(&[]));
static REQUEST: LazyLock<Shape> =
    LazyLock::new(|| Shape::new(&[REQUEST_FIELDS, &below(SOURCES, SOURCE_FIELDS)]));
static ANSWER: LazyLock<Shape> =
    LazyLock::new(|| Shape::new(&[ANSWER_FIELDS, &below(ANSWER_SOURCES, SOURCE_FIELDS)]));
// A block's first words and what comes after are one text: SDKs append the one to the other.
static EVENT: LazyLock<Shape> = LazyLock::new(|| {
    Shape::new(&[&below(BLOCKS, BLOCK_FIELDS), EVENT_FIELDS, &below(EVENT_SOURCES, SOURCE_FIELDS)])
        .same("delta", "content_block")
        .joined("{index}.delta.content", "{index}.content_block.content")
        .joined("{index}.delta.text", "{index}.content_block.text")
        .joined("{index}.delta.thinking", "{index}.content_block.thinking")
        .joined("{index}.delta.text", "{index}.message.content[index].text")
        .joined("{index}.delta.thinking", "{index}.message.content[index].thinking")
});
static MODELS: LazyLock<Shape> = LazyLock::new(|| {
    Shape::new(&[&[
        tree("data[]"),
        id("data[].id"),
        word("data[].type"),
        other("data[].display_name"),
        other("data[].created_at"),
        tree("capabilities"),
        word("lifecycle"),
        word("line"),
        other("retires_at"),
        id("id"),
        word("type"),
        other("display_name"),
        other("created_at"),
        scalar("max_input_tokens"),
        scalar("max_tokens"),
        id("first_id"),
        id("last_id"),
        scalar("has_more"),
        tree("error"),
        tree("allowed_fallback_models[]"),
        tree("deprecated_at"),
        id("request_id"),
    ]])
});

/// Where a medium or a document may stand.
const SOURCES: &[&str] = &[
    "messages[].content[].source",
    "messages[].content[].source.content[].source",
    "messages[].content[].content[].source",
    "messages[].content[].content[].source.content[].source",
    "messages[].content[].content.content.source",
    "messages[].content[].content.content.source.content[].source",
];

const ANSWER_SOURCES: &[&str] =
    &["content[].source", "content[].content[].source", "content[].content.content.source"];
const EVENT_SOURCES: &[&str] = &[
    "content_block.source",
    "content_block.content[].source",
    "content_block.content.content.source",
    "message.content[].source",
    "message.content[].content[].source",
    "message.content[].content.content.source",
];

const SOURCE_FIELDS: &[Field] =
    &[media("data", "image"), unscanned("url", "image"), unscanned("file_id", "file")];

const REQUEST_FIELDS: &[Field] = &[
    tree("compaction"),
    tree("fallback_credit_token"),
    other("fallbacks"),
    other("messages[].clear_at"),
    tree("messages[].output_config"),
    tree("thread"),
    id("workspace_id"),
    id("model"),
    text("system"),
    tree("system[]"),
    parts("system[].text"),
    word("system[].type"),
    word("messages[].role"),
    text("messages[].content"),
    // Whatever kind of block: its strings are read, but for what is named below.
    tree("messages[].content[]"),
    word("messages[].content[].type"),
    parts("messages[#].content[].text"),
    reasoning("messages[].content[].thinking"),
    opaque("messages[].content[].signature", "signed by the provider"),
    opaque("messages[].content[].data", "encrypted by the provider"),
    opaque("messages[].content[].encrypted_content", "encrypted by the provider"),
    opaque("messages[].content[].content[].encrypted_content", "encrypted by the provider"),
    opaque("messages[].content[].content.encrypted_content", "encrypted by the provider"),
    opaque("messages[].content[].content.encrypted_stdout", "encrypted by the provider"),
    opaque("messages[].content[].citations[].encrypted_index", "encrypted by the provider"),
    opaque("messages[].content[].content[].citations[].encrypted_index", "encrypted by the provider"),
    id("messages[].content[].id"),
    id("messages[].content[].tool_use_id"),
    tool_tree("messages[].content[].input"),
    tool_tree("messages[].content[].content"),
    unscanned("messages[].content[].file_id", "file"),
    unscanned("messages[].content[].content[].file_id", "file"),
    unscanned("messages[].content[].content.content[].file_id", "file"),
    tool_tree("tools[]"),
    tool_tree("tool_choice"),
    tree("metadata"),
    other("metadata.user_id"),
    other("stop_sequences[]"),
    tree("container"),
    tree("context_management"),
    tree("mcp_servers[]"),
    tree("output_config"),
    tree("output_format"),
    tree("thinking"),
    tree("cache_control"),
    tree("caching"),
    tree("diagnostics"),
    tree("billing_policy"),
    tree("fallbacks[]"),
    tree("betas[]"),
    word("service_tier"),
    word("speed"),
    word("inference_geo"),
    word("fallback_strategy"),
    other("user_profile_id"),
    scalar("max_tokens"),
    scalar("stream"),
    scalar("temperature"),
    scalar("top_k"),
    scalar("top_p"),
];

const ANSWER_FIELDS: &[Field] = &[
    word("type"),
    id("id"),
    word("role"),
    id("model"),
    word("stop_reason"),
    other("stop_sequence"),
    tree("stop_details"),
    tree("content[]"),
    word("content[].type"),
    id("content[].id"),
    // With citations a sentence stands in several blocks.
    blocks("content[#].text"),
    reasoning_blocks("content[].thinking"),
    opaque("content[].signature", "signed by the provider"),
    opaque("content[].data", "encrypted by the provider"),
    opaque("content[].encrypted_content", "encrypted by the provider"),
    opaque("content[].content[].encrypted_content", "encrypted by the provider"),
    opaque("content[].content.encrypted_content", "encrypted by the provider"),
    opaque("content[].content.encrypted_stdout", "encrypted by the provider"),
    opaque("content[].citations[].encrypted_index", "encrypted by the provider"),
    tool_tree("content[].input"),
    tool_tree("content[].content"),
    unscanned("content[].file_id", "file"),
    id("content[].tool_use_id"),
    scalar("input_tokens"),
    tree("context_management"),
    tree("container"),
    tree("usage"),
    tree("diagnostics"),
    tree("input_transformations[]"),
    tree("error"),
    id("request_id"),
];

/// Where events repeat blocks.
const BLOCKS: &[&str] = &["content_block", "message.content[]"];

/// A block, whatever its kind. No tree stands over what nobody knows: a new field may come in pieces.
const BLOCK_FIELDS: &[Field] = &[
    word("type"),
    id("id"),
    id("tool_use_id"),
    text("text"),
    reasoning("thinking"),
    text("content"),
    other("title"),
    other("context"),
    opaque("signature", "signed by the provider"),
    opaque("data", "encrypted by the provider"),
    opaque("encrypted_content", "encrypted by the provider"),
    opaque("content[].encrypted_content", "encrypted by the provider"),
    opaque("content.encrypted_content", "encrypted by the provider"),
    opaque("content.encrypted_stdout", "encrypted by the provider"),
    opaque("citations[].encrypted_index", "encrypted by the provider"),
    unscanned("file_id", "file"),
    tool("name"),
    tool("server_name"),
    tool("mcp_server_name"),
    tool("toolset_name"),
    scalar("is_error"),
    // Each whole in its event.
    tool_tree("content.**"),
    tool_tree("input"),
    tool_tree("tools[]"),
    tool_tree("tool_changes[]"),
    tree("caller"),
    tree("citations[]"),
    tree("from"),
    tree("to"),
    tree("source"),
    tree("trigger"),
];

const EVENT_FIELDS: &[Field] = &[
    word("type"),
    scalar("index"),
    blocks("{index}.delta.text"),
    reasoning_blocks("{index}.delta.thinking"),
    arguments_delta("{index}.delta.partial_json"),
    opaque("delta.signature", "signed by the provider"),
    opaque("delta.encrypted_content", "encrypted by the provider"),
    tree("delta.citation"),
    opaque("delta.citation.encrypted_index", "encrypted by the provider"),
    delta("{index}.delta.content"),
    word("delta.type"),
    word("delta.stop_reason"),
    other("delta.stop_sequence"),
    tree("delta.stop_details"),
    tree("delta.container"),
    scalar("delta.estimated_tokens"),
    tree("usage"),
    tree("context_management"),
    tree("input_transformations[]"),
    tree("error"),
    id("request_id"),
    blocks("{index}.content_block.text"),
    reasoning_blocks("{index}.content_block.thinking"),
    delta("{index}.content_block.content"),
    blocks("{index}.message.content[index].text"),
    reasoning_blocks("{index}.message.content[index].thinking"),
    word("message.type"),
    id("message.id"),
    word("message.role"),
    id("message.model"),
    word("message.stop_reason"),
    other("message.stop_sequence"),
    tree("message.stop_details"),
    tree("message.container"),
    tree("message.context_management"),
    tree("message.diagnostics"),
    tree("message.input_transformations[]"),
    tree("message.usage"),
    word("message.usage.service_tier"),
    word("message.usage.inference_geo"),
];

impl Dialect for Anthropic {
    fn name(&self) -> &'static str {
        "anthropic"
    }

    fn operations(&self) -> &'static [Operation] {
        OPERATIONS
    }

    fn ask(&self, _: &Operation, src: &[u8], tape: &Tape, _: Option<&str>, model: Option<&str>) -> Ask {
        Ask {
            user: tape.str_at(src, &["metadata", "user_id"]).unwrap_or_default().into_owned(),
            model: tape.str_at(src, &["model"]).as_deref().or(model).unwrap_or_default().to_owned(),
            stream: tape.bool_at(src, &["stream"]).unwrap_or(false),
            structured: tape.find(src, &["output_format"]).is_some()
                || tape.find(src, &["output_config", "format"]).is_some(),
            framing: Some(Framing::Sse),
            choices: 1,
            ..Ask::default()
        }
    }

    fn token_limits(&self) -> &'static [&'static [&'static str]] {
        &[&["max_tokens"]]
    }

    // A cache's tokens are counted apart, and figures in a stream are those up to there.
    fn usage(&self, _: &Operation, src: &[u8], tape: &Tape) -> Usage {
        let Some(counts) = Counts::at(src, tape, &[&["usage"], &["message", "usage"]]) else {
            return Usage::default();
        };
        Usage {
            input: counts.sum(&["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"]),
            output: counts.of(&[&["output_tokens"]]),
            cached: counts.of(&[&["cache_read_input_tokens"]]),
            cache_written: counts.of(&[&["cache_creation_input_tokens"]]),
            reasoning: counts.of(&[&["output_tokens_details", "thinking_tokens"]]),
        }
    }

    fn observe(&self, _: &Operation, src: &[u8], tape: &Tape, memo: &mut Memo) {
        let index = tape.u64_at(src, &["index"]).unwrap_or(0);
        match tape.str_at(src, &["type"]).unwrap_or_default().as_ref() {
            "message_start" => {
                memo.begun = true;
                memo.id = tape.str_at(src, &["message", "id"]).unwrap_or_default().into_owned();
                memo.model = tape.str_at(src, &["message", "model"]).unwrap_or_default().into_owned();
            }
            "content_block_start" => memo.choice(index, false),
            "content_block_stop" => memo.open.retain(|&i| i != index),
            _ => {}
        }
    }

    fn stage(&self, _: &Operation, src: &[u8], tape: &Tape) -> Stage {
        match tape.str_at(src, &["type"]).unwrap_or_default().as_ref() {
            "message_stop" | "error" => Stage::Signed,
            "message_delta" if tape.str_at(src, &["delta", "stop_reason"]).is_some() => Stage::Finished,
            _ => Stage::Open,
        }
    }

    fn cues(&self, _: &Operation, src: &[u8], tape: &Tape, cues: &mut Vec<Cue>) {
        let part = part_of(src, tape, 0, "index");
        let mut piece = |place: &[&str]| {
            let spot = Spot { part, ..Spot::default() };
            cues.extend(tape.find(src, place).map(|node| Cue::Piece { spot, node, signed: false }));
        };
        match &*tape.str_at(src, &["type"]).unwrap_or_default() {
            "content_block_start" => match &*tape.str_at(src, &["content_block", "type"]).unwrap_or_default()
            {
                "text" => {
                    piece(&["content_block", "text"]);
                    cues.insert(0, Cue::GoesOn);
                }
                // What a tool of the client's answers comes in the next exchange.
                "tool_use" => cues.push(Cue::End { text: 0 }),
                _ => cues.push(Cue::GoesOn),
            },
            "content_block_delta" => piece(&["delta", "text"]),
            "content_block_stop" => cues.push(Cue::Pause { part }),
            "message_delta" => cues.push(Cue::End { text: 0 }),
            "message_stop" => cues.push(Cue::Over { certain: true }),
            _ => {}
        }
    }

    fn whole_cues(&self, _: &Operation, src: &[u8], tape: &Tape, cues: &mut Vec<Cue>) {
        let Some(content) = tape.find(src, &["content"]) else { return };
        for (part, block) in tape.elements(content).enumerate() {
            let kind = tape.get(src, block, "type").map(|at| tape.text(src, at)).unwrap_or_default();
            if let ("text", Some(node)) = (&*kind, tape.get(src, block, "text")) {
                let spot = Spot { part: part as u64, ..Spot::default() };
                cues.push(Cue::Piece { spot, node, signed: false });
            }
        }
        // Behind the last text, whatever stands between them.
        cues.push(Cue::End { text: 0 });
    }

    fn text_of(&self, _: &Operation, _: [u64; 4]) -> Option<u64> {
        // All blocks are one.
        Some(0)
    }

    fn more(&self, _: &Operation, _: &Ask, _: &Memo, spot: &Spot, words: &str) -> (&'static str, String) {
        const KIND: &str = "content_block_delta";
        let (index, words) = (spot.part, quoted(words));
        let delta = format!(r#""index":{index},"delta":{{"type":"text_delta","text":{words}}}"#);
        (KIND, format!(r#"{{"type":"{KIND}",{delta}}}"#))
    }

    fn tells_end(&self, op: &Operation) -> bool {
        op.name == "messages"
    }

    fn ends(&self, _: &Operation, src: &[u8], tape: &Tape) -> Ends {
        match tape.str_at(src, &["type"]).unwrap_or_default().as_ref() {
            "content_block_stop" => Ends::Part(part_of(src, tape, 0, "index")),
            "message_stop" => Ends::All,
            _ => Ends::Nothing,
        }
    }

    fn error_body(&self, error: &ExchangeError) -> Vec<u8> {
        let kind = match error.kind {
            ErrorKind::Unauthorized => "authentication_error",
            ErrorKind::Forbidden | ErrorKind::Suspended | ErrorKind::Residency => "permission_error",
            ErrorKind::NotFound | ErrorKind::MethodNotAllowed => "not_found_error",
            ErrorKind::TooLarge => "request_too_large",
            ErrorKind::RateLimited => "rate_limit_error",
            ErrorKind::BadRequest
            | ErrorKind::TooManyFields
            | ErrorKind::RequestTimeout
            | ErrorKind::UnsupportedMedia
            | ErrorKind::Blocked
            | ErrorKind::Unscanned => "invalid_request_error",
            ErrorKind::UpstreamTimeout => "timeout_error",
            ErrorKind::RecordUnavailable | ErrorKind::ShuttingDown => "overloaded_error",
            ErrorKind::UpstreamUnreachable
            | ErrorKind::UpstreamGarbage
            | ErrorKind::Loop
            | ErrorKind::Reminder
            | ErrorKind::SessionEnded
            | ErrorKind::Internal => "api_error",
        };
        let (message, code, details) = (quoted(&error.message), error.kind.code(), error.member());
        format!(
            r#"{{"type":"error","error":{{"type":"{kind}","message":{message},"code":"{code}"{details}}}}}"#
        )
        .into_bytes()
    }

    fn refusal(&self, op: &Operation, ask: &Ask, error: &ExchangeError) -> Reply {
        let (model, text) = (quoted(&ask.model), quoted(&error.message));
        // A count has no words that could refuse: the error says it.
        if op.name != "messages" {
            let body = self.error_body(error);
            return Reply { status: error.status(), content_type: "application/json", body };
        }
        let usage = r#""usage":{"input_tokens":0,"output_tokens":0}"#;
        let whole = |content: &str, stop: &str, details: &str| {
            format!(
                r#"{{"id":"msg_sluicegate","type":"message","role":"assistant","model":{model},"content":[{content}],"stop_reason":{stop},"stop_sequence":null,{usage}{details}}}"#
            )
        };
        let block = |text: &str| format!(r#"{{"type":"text","text":{text}}}"#);
        if !ask.stream {
            let body = whole(&block(&text), &quoted(error.finish("end_turn", "refusal")), &error.member());
            return Reply { status: 200, content_type: "application/json", body: body.into_bytes() };
        }
        let body = [
            event("message_start", &format!(r#""message":{}"#, whole("", "null", ""))),
            event("content_block_start", &format!(r#""index":0,"content_block":{}"#, block(r#""""#))),
            event(
                "content_block_delta",
                &format!(r#""index":0,"delta":{{"type":"text_delta","text":{text}}}"#),
            ),
            event("content_block_stop", r#""index":0"#),
            ending(error, false),
        ];
        Reply { status: 200, content_type: "text/event-stream", body: body.concat().into_bytes() }
    }

    fn cut(&self, _: &Operation, ask: &Ask, memo: &Memo, why: Why<'_>) -> Vec<u8> {
        let error = match why {
            Why::Failure(error) => {
                let body = String::from_utf8(self.error_body(error)).unwrap_or_default();
                return format!("event: error\ndata: {body}\n\n").into_bytes();
            }
            Why::Policy(error) => error,
        };
        let mut out = String::new();
        // Pings, comments and events that nobody knows may have left before it.
        if !memo.begun {
            let model = quoted(&ask.model);
            out.push_str(&event(
                "message_start",
                &format!(
                    r#""message":{{"id":"msg_sluicegate","type":"message","role":"assistant","model":{model},"content":[],"stop_reason":null,"stop_sequence":null,"usage":{{"input_tokens":0,"output_tokens":0}}}}"#
                ),
            ));
        }
        for index in &memo.open {
            out.push_str(&event("content_block_stop", &format!(r#""index":{index}"#)));
        }
        out.push_str(&ending(error, true));
        out.into_bytes()
    }
}

/// The events that end a message in a refusal; the reason stands where Anthropic explains its own, unless the message has said it.
fn ending(error: &ExchangeError, explains: bool) -> String {
    let why = quoted(&error.message);
    let details = format!(r#","stop_details":{{"type":"refusal","category":null,"explanation":{why}}}"#);
    let details = if explains { details } else { String::new() };
    let stop = error.finish("end_turn", "refusal");
    let delta = format!(
        r#""delta":{{"stop_reason":"{stop}","stop_sequence":null{details}}},"usage":{{"output_tokens":0}}"#
    );
    let own = error.member();
    let own = own.strip_prefix(',').unwrap_or(r#""sluicegate":true"#);
    event("message_delta", &delta) + &event("message_stop", own)
}

fn event(kind: &str, rest: &str) -> String {
    format!("event: {kind}\ndata: {{\"type\":\"{kind}\",{rest}}}\n\n")
}
