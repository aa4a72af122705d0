//! Ollama's own API: NDJSON, streamed unless the request says otherwise.

use std::sync::LazyLock;

use super::field::{
    Field, TOKEN_LOGPROBS, delta, id, other, reasoning, reasoning_delta, scalar, text, tokens, tool,
    tool_tree, tree, unscanned, word,
};
use super::shape::Shape;
use super::usage::{Counts, Usage};
use super::{
    Ask, Cue, Dialect, ExchangeError, Framing, Memo, Operation, Reply, Spot, Stage, Why, is_error, quoted,
};
use crate::text::json::{Kind, Tape};

/// Ollama's API.
#[derive(Debug)]
pub struct Ollama;

const fn operation(name: &'static str, method: &'static str, path: &'static str) -> Operation {
    Operation {
        name,
        method,
        path,
        request: || &REQUEST,
        answer: || &ANSWER,
        event: |_, _| &EVENT,
        framing: Framing::Ndjson,
        binary_answer: false,
    }
}

static OPERATIONS: &[Operation] = &[
    operation("chat", "POST", "/api/chat"),
    operation("generate", "POST", "/api/generate"),
    operation("embed", "POST", "/api/embed"),
    operation("embeddings", "POST", "/api/embeddings"),
    operation("show", "POST", "/api/show"),
    operation("tags", "GET", "/api/tags"),
    operation("ps", "GET", "/api/ps"),
    operation("version", "GET", "/api/version"),
];

static REQUEST: LazyLock<Shape> = LazyLock::new(|| Shape::new(&[REQUEST_FIELDS]));
static ANSWER: LazyLock<Shape> = LazyLock::new(|| {
    Shape::new(&[
        &[text("message.content"), reasoning("message.thinking"), text("response"), reasoning("thinking")],
        ANSWER_FIELDS,
        TOKEN_LOGPROBS,
    ])
});
static EVENT: LazyLock<Shape> = LazyLock::new(|| {
    Shape::new(&[
        &[
            delta("message.content"),
            reasoning_delta("message.thinking"),
            delta("response"),
            reasoning_delta("thinking"),
        ],
        ANSWER_FIELDS,
        TOKEN_LOGPROBS,
    ])
});

const REQUEST_FIELDS: &[Field] = &[
    id("model"),
    id("name"),
    tree("messages[]"),
    word("messages[].role"),
    text("messages[].content"),
    reasoning("messages[].thinking"),
    unscanned("messages[].images[]", "image"),
    tool("messages[].tool_name"),
    tool_tree("messages[].tool_calls[]"),
    tool_tree("tools[]"),
    text("prompt"),
    text("suffix"),
    text("system"),
    text("template"),
    text("input"),
    text("input[]"),
    unscanned("images[]", "image"),
    unscanned("images", "image"),
    unscanned("messages[].images", "image"),
    tree("format"),
    tree("options"),
    other("keep_alive"),
    word("think"),
    tokens("context[]"),
    scalar("stream"),
    scalar("raw"),
    scalar("truncate"),
    scalar("dimensions"),
    scalar("logprobs"),
    scalar("top_logprobs"),
    scalar("verbose"),
    scalar("shift"),
    scalar("width"),
    scalar("height"),
    scalar("steps"),
];

const ANSWER_FIELDS: &[Field] = &[
    id("model"),
    id("created_at"),
    word("message.role"),
    unscanned("message.images[]", "image"),
    unscanned("message.images", "image"),
    unscanned("image", "image"),
    tool("message.tool_name"),
    tool_tree("message.tool_calls[]"),
    scalar("done"),
    word("done_reason"),
    tokens("context[]"),
    scalar("total_duration"),
    scalar("load_duration"),
    scalar("prompt_eval_count"),
    scalar("prompt_eval_duration"),
    scalar("eval_count"),
    scalar("eval_duration"),
    scalar("completed"),
    scalar("total"),
    scalar("embeddings[][]"),
    scalar("embedding[]"),
    other("error"),
    tree("models[]"),
    tree("details"),
    tree("model_info"),
    tree("modelinfo"),
    tree("projector_info"),
    text("modelfile"),
    text("template"),
    text("system"),
    text("license"),
    tree("license[]"),
    text("parameters"),
    word("capabilities[]"),
    id("modified_at"),
    id("version"),
    tree("messages[]"),
    tree("tensors[]"),
];

impl Dialect for Ollama {
    fn name(&self) -> &'static str {
        "ollama"
    }

    fn operations(&self) -> &'static [Operation] {
        OPERATIONS
    }

    fn ask(&self, op: &Operation, src: &[u8], tape: &Tape, _: Option<&str>, _: Option<&str>) -> Ask {
        let streams = matches!(op.name, "chat" | "generate");
        Ask {
            user: String::new(),
            model: tape.str_at(src, &["model"]).unwrap_or_default().into_owned(),
            stream: streams && tape.bool_at(src, &["stream"]).unwrap_or(true),
            structured: tape.find(src, &["format"]).is_some_and(|f| !tape.text(src, f).is_empty()),
            framing: Some(Framing::Ndjson),
            choices: 1,
            ..Ask::default()
        }
    }

    fn token_limits(&self) -> &'static [&'static [&'static str]] {
        &[&["options", "num_predict"]]
    }

    fn observe(&self, _: &Operation, src: &[u8], tape: &Tape, memo: &mut Memo) {
        if memo.model.is_empty() {
            memo.model = tape.str_at(src, &["model"]).unwrap_or_default().into_owned();
        }
    }

    fn usage(&self, _: &Operation, src: &[u8], tape: &Tape) -> Usage {
        let Some(counts) = Counts::at(src, tape, &[&[]]) else { return Usage::default() };
        let (input, output) = (counts.of(&[&["prompt_eval_count"]]), counts.of(&[&["eval_count"]]));
        Usage { input, output, ..Usage::default() }
    }

    fn stage(&self, _: &Operation, src: &[u8], tape: &Tape) -> Stage {
        let over = tape.bool_at(src, &["done"]) == Some(true) || is_error(src, tape);
        if over { Stage::Signed } else { Stage::Open }
    }

    fn cues(&self, _: &Operation, src: &[u8], tape: &Tape, cues: &mut Vec<Cue>) {
        spoken(src, tape, cues);
        if tape.bool_at(src, &["done"]) == Some(true) {
            cues.extend([Cue::End { text: 0 }, Cue::Over { certain: true }]);
        }
    }

    fn whole_cues(&self, _: &Operation, src: &[u8], tape: &Tape, cues: &mut Vec<Cue>) {
        spoken(src, tape, cues);
        cues.push(Cue::End { text: 0 });
    }

    fn more(&self, op: &Operation, ask: &Ask, memo: &Memo, _: &Spot, words: &str) -> (&'static str, String) {
        let model = if memo.model.is_empty() { &ask.model } else { &memo.model };
        let (model, said) = (quoted(model), quoted(words));
        let text = match op.name {
            "generate" => format!(r#""response":{said}"#),
            _ => format!(r#""message":{{"role":"assistant","content":{said}}}"#),
        };
        ("", format!(r#"{{"model":{model},"created_at":"1970-01-01T00:00:00Z",{text},"done":false}}"#))
    }

    fn tells_end(&self, op: &Operation) -> bool {
        matches!(op.name, "chat" | "generate")
    }

    fn error_body(&self, error: &ExchangeError) -> Vec<u8> {
        error_object(error).into_bytes()
    }

    fn refusal(&self, op: &Operation, ask: &Ask, error: &ExchangeError) -> Reply {
        let content_type = if ask.stream { "application/x-ndjson" } else { "application/json" };
        if !matches!(op.name, "chat" | "generate") {
            // Calls without a model's words have no refusal: the error says it.
            let body = self.error_body(error);
            return Reply { status: error.status(), content_type, body };
        }
        let done = error.finish("stop", "content_filter");
        let mut body = line(op, &ask.model, &error.message, done, &error.member());
        if ask.stream {
            body.push('\n');
        }
        Reply { status: 200, content_type, body: body.into_bytes() }
    }

    fn cut(&self, op: &Operation, ask: &Ask, memo: &Memo, why: Why<'_>) -> Vec<u8> {
        let model = if memo.model.is_empty() { &ask.model } else { &memo.model };
        let line = match why {
            Why::Policy(error) => line(op, model, "", "content_filter", &format!(",{}", error.reason())),
            Why::Failure(error) => error_object(error),
        };
        format!("{line}\n").into_bytes()
    }
}

/// The strings that go on in the only text there is.
fn spoken(src: &[u8], tape: &Tape, cues: &mut Vec<Cue>) {
    for place in [&["message", "content"][..], &["response"]] {
        let node = tape.find(src, place).filter(|&at| tape.node(at).is_some_and(|n| n.kind == Kind::String));
        cues.extend(node.map(|node| Cue::Piece { spot: Spot::of(0), node, signed: false }));
    }
}

fn error_object(error: &ExchangeError) -> String {
    format!(r#"{{"error":{},"code":"{}"{}}}"#, quoted(&error.message), error.kind.code(), error.member())
}

/// A last line. `more` are members of its object, each with a comma before it.
fn line(op: &Operation, model: &str, said: &str, done: &str, more: &str) -> String {
    let (model, said) = (quoted(model), quoted(said));
    let text = match op.name {
        "generate" => format!(r#""response":{said}"#),
        _ => format!(r#""message":{{"role":"assistant","content":{said}}}"#),
    };
    format!(
        r#"{{"model":{model},"created_at":"1970-01-01T00:00:00Z",{text},"done":true,"done_reason":"{done}"{more}}}"#
    )
}
