//! One file an API: what carries text, how its events look, how its errors look.
//!
//! A dialect is a unit struct with an `impl Dialect` and one line in [`DIALECTS`]. It owns tables of fields ([`shape`]) for each
//! of its operations; everything generic (walking, scanning, holding, rewriting) happens above and below, never here.

pub mod anthropic;
mod asked;
pub mod fault;
mod field;
mod form;
pub mod gemini;
mod growing;
pub mod ollama;
pub mod openai;
mod reading;
pub mod route;
mod said;
pub mod shape;
mod spoken;
#[cfg(test)]
mod tests;
mod usage;
mod walk;

use std::borrow::Cow;
use std::fmt::Debug;

pub use asked::{Bias, LOGIT_BIAS, bias, is_exact, is_first};
pub use fault::{Details, ErrorKind, ExchangeError, Fault};
pub use field::{Class, Field, Flow, Role};
pub use reading::{READINGS, Readings};
pub use route::{Matched, route};
pub use said::Said;
pub use shape::Shape;
pub use spoken::{Cue, Spot};
pub use usage::Usage;
pub use walk::{ChannelKey, Found, Home};

pub use crate::stream::Framing;
use smallvec::SmallVec;

use crate::text::json::{Kind, Tape};

/// Every dialect there is.
pub static DIALECTS: &[&dyn Dialect] =
    &[&openai::OpenAi, &anthropic::Anthropic, &gemini::Gemini, &ollama::Ollama];

/// One call of an API.
#[derive(Debug)]
pub struct Operation {
    /// Name in metrics, records and documents, such as `chat.completions`.
    pub name: &'static str,
    /// HTTP method.
    pub method: &'static str,
    /// Canonical path; `{model}` and `{id}` stand for one path segment (or its part before a `:verb`).
    pub path: &'static str,
    /// What the strings of a request are.
    pub request: fn() -> &'static Shape,
    /// What the strings of a whole answer are.
    pub answer: fn() -> &'static Shape,
    /// What the strings of one event are; the event is at hand since some APIs type their events.
    pub event: fn(&[u8], &Tape) -> &'static Shape,
    /// How a streamed answer is framed, where the content type does not say it.
    pub framing: Framing,
    /// Whether an answer may be something else than JSON (a listing that is passed, a file): then the policy's `unscanned` decides.
    pub binary_answer: bool,
}

/// What a request asks for, as far as the gateway must know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// Name of the model; empty when the request names none.
    pub model: String,
    /// Whether the client wants a stream.
    pub stream: bool,
    /// Whether the answer's message text is to be JSON (`response_format`).
    pub structured: bool,
    /// How a streamed answer will be framed.
    pub framing: Option<Framing>,
    /// How many choices are asked for; at least 1.
    pub choices: u32,
    /// The user that the request names, as it names him; empty when it names none.
    pub user: String,
    /// Whether the answer's text has to stay as the model wrote it: a program reads it, or log-probabilities tell it once more. Looked for
    /// where answers may be labelled or marked.
    pub exact: bool,
    /// Whether the request is the first of its conversation: it repeats no earlier answer. Looked for where answers may be labelled.
    pub first: bool,
    /// Whether the answer's words may be chosen otherwise than the model would choose them. Looked for where the policy has that asked.
    pub bias: Bias,
}

/// What the gateway remembers of a running stream, so that it can end it in the dialect's own way. A dialect fills in what its
/// ending needs. Holds nothing that a finding touched.
#[derive(Clone, Debug, Default)]
pub struct Memo {
    /// Whether any event has been released to the client.
    pub started: bool,
    /// The answer's id as the upstream gave it.
    pub id: String,
    /// The model's name as the upstream gave it.
    pub model: String,
    /// Unix seconds as the upstream gave them.
    pub created: u64,
    /// Indices of choices or blocks that have begun and not ended.
    pub open: Vec<u64>,
    /// Indices of choices that have ended.
    pub ended: Vec<u64>,
    /// The last sequence number seen.
    pub sequence: u64,
    /// Whether the message has begun, where that is an event of its own.
    pub begun: bool,
    /// What was said, where the ending repeats it.
    pub said: Said,
}

/// How far a stream has come to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// More has to come.
    #[default]
    Open,
    /// The model has said all, but the dialect's end sign has not come.
    Finished,
    /// The end sign has come, or an error in its place.
    Signed,
}

/// Most choices, or blocks that are open at once, that an ending looks after.
const MOST_CHOICES: usize = 128;

impl Memo {
    /// A choice or block has come, and ended if `ended`.
    fn choice(&mut self, index: u64, ended: bool) {
        if ended {
            self.open.retain(|&i| i != index);
        }
        let list = if ended { &mut self.ended } else { &mut self.open };
        if !list.contains(&index) && list.len() < MOST_CHOICES {
            list.push(index);
        }
    }

    /// The choices that an ending must end, of as many as were asked for: each that has not ended, and the first if all have. With
    /// whether it has begun.
    fn unended(&self, asked: u32) -> Vec<(u64, bool)> {
        let asked = (0..u64::from(asked)).filter(|i| !self.open.contains(i));
        let mut all: Vec<(u64, bool)> =
            self.open.iter().map(|&i| (i, true)).chain(asked.map(|i| (i, false))).collect();
        all.retain(|(i, _)| self.open.contains(i) || !self.ended.contains(i));
        all.sort_unstable();
        if all.is_empty() { vec![(0, true)] } else { all }
    }
}

/// Why an answer ends where the upstream did not end it.
#[derive(Clone, Copy, Debug)]
pub enum Why<'a> {
    /// The policy blocks; the message is what the client may be told.
    Policy(&'a ExchangeError),
    /// Something failed.
    Failure(&'a ExchangeError),
}

/// A whole answer made by the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Media type.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

/// What an event says of the end of texts. Choices, blocks and items are called by the first part of their channels' keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ends {
    /// Nothing.
    Nothing,
    /// These choices gave a reason for their end. Some servers give one with each piece, so that a text may go on all the same.
    Perhaps(SmallVec<[u64; 2]>),
    /// This block or item is closed.
    Part(u64),
    /// The stream is over.
    All,
}

/// An API's wire format.
pub trait Dialect: Sync + Debug {
    /// Name in config, metrics and records.
    fn name(&self) -> &'static str;

    /// The calls it knows; all others are unknown endpoints.
    fn operations(&self) -> &'static [Operation];

    /// Reads what the request asks for. `query` is the raw query string.
    fn ask(
        &self,
        op: &Operation,
        src: &[u8],
        tape: &Tape,
        query: Option<&str>,
        model_in_path: Option<&str>,
    ) -> Ask;

    /// Looks at one event of a stream, to remember what an ending needs.
    fn observe(&self, op: &Operation, src: &[u8], tape: &Tape, memo: &mut Memo);

    /// How many tokens a whole answer or an event says that the exchange took, so far. Called for each event: a look at its own members.
    fn usage(&self, op: &Operation, src: &[u8], tape: &Tape) -> Usage;

    /// What an event says of the end of texts.
    fn ends(&self, op: &Operation, src: &[u8], tape: &Tape) -> Ends {
        let _ = (op, src, tape);
        Ends::Nothing
    }

    /// How far this event brings a stream of this call to its end.
    fn stage(&self, op: &Operation, src: &[u8], tape: &Tape) -> Stage;

    /// Whether an event that ends a stream is the upstream's own error in the place of the rest.
    fn is_failure(&self, op: &Operation, src: &[u8], tape: &Tape) -> bool {
        let _ = op;
        is_error(src, tape)
    }

    /// Whether streams of this call tell their end. What others stream is over when the upstream's body is.
    fn tells_end(&self, op: &Operation) -> bool;

    /// Whether an event's data is the dialect's end sign rather than JSON (`[DONE]`).
    fn is_end_sign(&self, data: &[u8]) -> bool {
        let _ = data;
        false
    }

    /// An error in the dialect's own form; its status is `error.status()`.
    fn error_body(&self, error: &ExchangeError) -> Vec<u8>;

    /// An answer that refuses, as if the model had: used where the policy says `block_as = "refusal"`. A whole body, or all frames
    /// of a stream when `ask.stream`.
    fn refusal(&self, op: &Operation, ask: &Ask, error: &ExchangeError) -> Reply;

    /// What an event says to people, in order; nothing, where it is not known what it says.
    fn cues(&self, op: &Operation, src: &[u8], tape: &Tape, cues: &mut Vec<Cue>) {
        let _ = (op, src, tape, cues);
    }

    /// Which text of its cues a channel is that stands there ([`ChannelKey::parts`]), if people read it.
    fn text_of(&self, op: &Operation, parts: [u64; 4]) -> Option<u64> {
        let _ = op;
        let [text, ..] = parts;
        Some(text)
    }

    /// Whether what reads its streams skips their comments.
    fn skips_comments(&self) -> bool {
        true
    }

    /// What a whole answer says to people, in order.
    fn whole_cues(&self, op: &Operation, src: &[u8], tape: &Tape, cues: &mut Vec<Cue>) {
        let _ = (op, src, tape, cues);
    }

    /// The JSON of an event that goes on in a text with these words, and its type where events are typed.
    fn more(
        &self,
        op: &Operation,
        ask: &Ask,
        memo: &Memo,
        spot: &Spot,
        words: &str,
    ) -> (&'static str, String) {
        let _ = (op, ask, memo, spot);
        ("", quoted(words))
    }

    /// The number that says which event of the stream this one is, where events are numbered.
    fn numbered(&self, op: &Operation, src: &[u8], tape: &Tape) -> Option<usize> {
        let _ = (op, src, tape);
        None
    }

    /// Whether a model's words answer this call.
    fn has_words(&self, op: &Operation) -> bool {
        op.method == "POST" && self.tells_end(op)
    }

    /// Whether requests of this call may say which tokens are preferred (`logit_bias`).
    fn takes_bias(&self, op: &Operation) -> bool {
        let _ = op;
        false
    }

    /// Where requests say how many tokens an answer may have.
    fn token_limits(&self) -> &'static [&'static [&'static str]];

    /// How many tokens a request asks for in all its answers together; nothing where it does not say. Of names for the same the largest counts;
    /// what is no whole number is more than any.
    fn tokens(&self, src: &[u8], tape: &Tape, ask: &Ask) -> Option<u64> {
        let said = self.token_limits().iter().filter_map(|path| tape.find(src, path));
        let said = said.filter(|at| tape.node(*at).is_some_and(|node| node.kind != Kind::Null));
        let each = said.map(|at| tape.u64_of(src, at).unwrap_or(u64::MAX)).max();
        // Of several answers that are written the client may get but one.
        let written = tape.find(src, &["best_of"]).map_or(1, |at| tape.u64_of(src, at).unwrap_or(u64::MAX));
        each.map(|each| each.saturating_mul(written.max(u64::from(ask.choices.max(1)))))
    }

    /// The frames that end a running stream so that the dialect's SDK ends cleanly.
    fn cut(&self, op: &Operation, ask: &Ask, memo: &Memo, why: Why<'_>) -> Vec<u8>;
}

/// What the user says last in a request: the last text of its last message, where that is the user's.
pub fn last_words<'s>(src: &'s [u8], tape: &Tape) -> Option<Cow<'s, str>> {
    let list = ["messages", "contents", "input"].iter().find_map(|list| tape.find(src, &[list]));
    let node = |at: usize| tape.node(at).map(|node| node.kind);
    let Some(list) = list.filter(|&list| node(list) == Some(Kind::Array)) else {
        let text = ["input", "prompt"].iter().find_map(|name| tape.find(src, &[name]))?;
        return (node(text) == Some(Kind::String)).then(|| tape.text(src, text));
    };
    let message = tape.elements(list).last()?;
    let role = tape.get(src, message, "role").map(|role| tape.text(src, role));
    if role.is_some_and(|role| role != "user") {
        return None;
    }
    let content = ["content", "parts"].iter().find_map(|name| tape.get(src, message, name))?;
    let text = match node(content)? {
        Kind::String => content,
        Kind::Array => tape.get(src, tape.elements(content).last()?, "text")?,
        Kind::Object | Kind::Key | Kind::Number | Kind::Bool | Kind::Null => return None,
    };
    (node(text) == Some(Kind::String)).then(|| tape.text(src, text))
}

/// What a request tells the model before anybody speaks, a line a text: the messages of `system` and `developer`, `system`, `instructions` and
/// Gemini's `systemInstruction`.
pub fn system_words(src: &[u8], tape: &Tape) -> String {
    let mut out = String::new();
    let roots = ["system", "instructions", "systemInstruction", "system_instruction"];
    roots.iter().filter_map(|name| tape.find(src, &[name])).for_each(|at| add_words(src, tape, at, &mut out));
    let lists = ["messages", "input"].iter().filter_map(|list| tape.find(src, &[list]));
    for message in lists.flat_map(|list| tape.elements(list)) {
        let role = tape.get(src, message, "role").map(|role| tape.text(src, role));
        if matches!(role.as_deref(), Some("system" | "developer"))
            && let Some(content) = tape.get(src, message, "content")
        {
            add_words(src, tape, content, &mut out);
        }
    }
    out
}

/// A text, the texts of parts, or an object that holds them.
fn add_words(src: &[u8], tape: &Tape, at: usize, out: &mut String) {
    match tape.node(at).map(|node| node.kind) {
        Some(Kind::String) => {
            out.push_str(&tape.text(src, at));
            out.push('\n');
        }
        Some(Kind::Array) => tape.elements(at).for_each(|part| add_words(src, tape, part, out)),
        Some(Kind::Object) => {
            let inner = ["text", "parts"].iter().find_map(|name| tape.get(src, at, name));
            inner.into_iter().for_each(|inner| add_words(src, tape, inner, out));
        }
        Some(Kind::Key | Kind::Number | Kind::Bool | Kind::Null) | None => {}
    }
}

/// The indices of those entries of a list that give a reason for their end.
fn finished(src: &[u8], tape: &Tape, list: &str, reason: &str) -> Ends {
    let Some(list) = tape.find(src, &[list]) else { return Ends::Nothing };
    let ended = tape.elements(list).filter(|&entry| {
        let reason = tape.get(src, entry, reason).and_then(|at| tape.node(at));
        reason.is_some_and(|node| node.kind == Kind::String && node.start < node.end)
    });
    let ended: SmallVec<[u64; 2]> = ended.map(|entry| part_of(src, tape, entry, "index")).collect();
    if ended.is_empty() { Ends::Nothing } else { Ends::Perhaps(ended) }
}

/// The part of the channels' keys that an object's field stands for.
fn part_of(src: &[u8], tape: &Tape, object: usize, name: &str) -> u64 {
    tape.get(src, object, name).map_or(0, |at| walk::part(src, tape, at))
}

/// Whether an event is an error in the answer's place.
fn is_error(src: &[u8], tape: &Tape) -> bool {
    let error = tape.find(src, &["error"]).and_then(|at| tape.node(at));
    error.is_some_and(|node| matches!(node.kind, Kind::Object | Kind::String))
}

/// Finds a dialect by name.
pub fn by_name(name: &str) -> Option<&'static dyn Dialect> {
    DIALECTS.iter().copied().find(|d| d.name() == name)
}

/// The JSON form of a string with its quotes, for the small bodies that dialects build.
pub fn quoted(text: &str) -> String {
    let mut out = vec![b'"'];
    crate::text::json::escape_into(text, &mut out);
    out.push(b'"');
    String::from_utf8(out).unwrap_or_default()
}

/// The dialect in which requests are answered that no dialect claims.
pub fn fallback() -> &'static dyn Dialect {
    &openai::OpenAi
}

/// An endpoint that no table names, where the policy lets such pass: every string of JSON bodies is text, other bodies pass unread.
pub static GENERIC: Operation = Operation {
    name: "unknown",
    method: "*",
    path: "*",
    request: || &NOTHING_KNOWN,
    answer: || &NOTHING_KNOWN,
    event: |_, _| &NOTHING_KNOWN,
    framing: Framing::Sse,
    binary_answer: true,
};

static NOTHING_KNOWN: std::sync::LazyLock<Shape> = std::sync::LazyLock::new(|| Shape::new(&[]));

/// All tables that an operation's events may be read with. Public for `tests/coverage.rs`, which asks whether any of them knows a field.
pub fn event_shapes(operation: &Operation) -> Vec<&'static Shape> {
    let mut shapes = vec![(operation.event)(b"{}", &Tape::default())];
    if operation.name.starts_with("responses") {
        shapes.extend(openai::event_shapes());
    }
    shapes
}
