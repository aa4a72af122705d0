//! The rows of a dialect's table: a path, and what stands there.

use std::collections::HashMap;

/// How the pieces of a text hang together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// Each string is a whole text.
    Whole,
    /// The strings of one channel are one text, in order of arrival.
    Delta,
    /// As [`Flow::Delta`], and readers append the texts of all channels of the row to each other, in the order of their keys: the blocks of
    /// one answer. Each is read alone and joined. In one body each string is a block.
    Linked,
    /// What a channel of [`Flow::Linked`] said, once more and whole; where it has said nothing, a piece of it.
    Repeats,
    /// Readers may take the strings one by one or joined: both readings are scanned.
    Both,
    /// As [`Flow::Both`], but nothing goes on in the next event: what one body or event holds is all there is, so no event waits for
    /// another.
    Near,
}

/// What a text is to the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// What a person or a model says.
    Message,
    /// A model's reasoning or its summary.
    Reasoning,
    /// Arguments of a tool call, result of a tool, description of a tool.
    Tool,
    /// Tokens beside their log-probabilities: the text once more.
    Logprobs,
    /// Anything else that may carry text: names, metadata, unknown fields.
    Other,
}

/// What a string (or number) at a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Text to be scanned.
    Text {
        /// What it is to the exchange.
        role: Role,
        /// How its pieces hang together.
        flow: Flow,
        /// Whether the text is itself JSON source.
        json: bool,
    },
    /// A name that machines gave; scanned as text when it does not look like one.
    Identifier,
    /// One word of a closed list; scanned as text when it does not look like one: see [`crate::text::looks_like_word`].
    Enum,
    /// Not text, with the reason.
    Opaque(&'static str),
    /// Something that this gateway cannot read (an image, audio, a file); the policy decides. Names the kind.
    Unscanned(&'static str),
    /// Every key, string and long number below is text of this role in a channel of its own path.
    Tree(Role),
    /// A place that holds a medium (encoded) or plain text, by a sibling's word: believed by its form. Names the kind.
    Media(&'static str),
    /// Numbers that stand for text (token ids): unread text in a request; in an answer they go when text is rewritten. A string found
    /// here is text.
    Tokens,
    /// A value of log-probabilities, whole: it tells a text once more, in tokens, bytes or numbers, and goes when that is rewritten. What it
    /// holds is read all the same.
    Logprobs,
    /// A list of numbers within log-probabilities that are a token's bytes: text in UTF-8, of which a character may go on in the next.
    Bytes,
    /// A number, boolean or null. Named so that its key is not read as text; a string found here is text, and so is a number longer than
    /// any that counts something.
    Scalar,
}

/// One row of a table.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The path, as the module describes it.
    pub path: &'static str,
    /// What stands there.
    pub class: Class,
}

const fn text_field(path: &'static str, role: Role, flow: Flow, json: bool) -> Field {
    Field { path, class: Class::Text { role, flow, json } }
}

/// A whole message text.
pub const fn text(path: &'static str) -> Field {
    text_field(path, Role::Message, Flow::Whole, false)
}
/// Message text in parts that a reader may join.
pub const fn parts(path: &'static str) -> Field {
    text_field(path, Role::Message, Flow::Both, false)
}
/// Message text that arrives in pieces.
pub const fn delta(path: &'static str) -> Field {
    text_field(path, Role::Message, Flow::Delta, false)
}
/// Message text in blocks that a reader may join, each whole or in pieces.
pub const fn blocks(path: &'static str) -> Field {
    text_field(path, Role::Message, Flow::Linked, false)
}
/// Message text of a block, once more and whole.
pub const fn repeats(path: &'static str) -> Field {
    text_field(path, Role::Message, Flow::Repeats, false)
}
/// Message text in parts of one event that a reader may join, and that goes on in no other.
pub const fn near_parts(path: &'static str) -> Field {
    text_field(path, Role::Message, Flow::Near, false)
}
/// Reasoning in blocks that a reader may join, each whole or in pieces.
pub const fn reasoning_blocks(path: &'static str) -> Field {
    text_field(path, Role::Reasoning, Flow::Linked, false)
}
/// Whole reasoning text.
pub const fn reasoning(path: &'static str) -> Field {
    text_field(path, Role::Reasoning, Flow::Whole, false)
}
/// Reasoning in parts that a reader may join.
pub const fn reasoning_parts(path: &'static str) -> Field {
    text_field(path, Role::Reasoning, Flow::Both, false)
}
/// Reasoning that arrives in pieces.
pub const fn reasoning_delta(path: &'static str) -> Field {
    text_field(path, Role::Reasoning, Flow::Delta, false)
}
/// Whole tool text that is not JSON source (results, descriptions, free-form inputs).
pub const fn tool(path: &'static str) -> Field {
    text_field(path, Role::Tool, Flow::Whole, false)
}
/// Tool text in parts that a reader may join.
pub const fn tool_parts(path: &'static str) -> Field {
    text_field(path, Role::Tool, Flow::Both, false)
}
/// Tool text, not JSON source, that arrives in pieces.
pub const fn tool_delta(path: &'static str) -> Field {
    text_field(path, Role::Tool, Flow::Delta, false)
}
/// Whole tool-call arguments: JSON source inside a string.
pub const fn arguments(path: &'static str) -> Field {
    text_field(path, Role::Tool, Flow::Whole, true)
}
/// Tool-call arguments that arrive in pieces.
pub const fn arguments_delta(path: &'static str) -> Field {
    text_field(path, Role::Tool, Flow::Delta, true)
}
/// Tokens beside log-probabilities, joined in order.
pub const fn logprob_tokens(path: &'static str) -> Field {
    text_field(path, Role::Logprobs, Flow::Delta, false)
}
/// A value of log-probabilities, whole.
pub const fn logprobs(path: &'static str) -> Field {
    Field { path, class: Class::Logprobs }
}
/// Tokens within log-probabilities as a free JSON value: as keys, or in another spelling.
pub const fn logprob_tree(path: &'static str) -> Field {
    Field { path, class: Class::Tree(Role::Logprobs) }
}
/// Other text: names, metadata, titles, URLs.
pub const fn other(path: &'static str) -> Field {
    text_field(path, Role::Other, Flow::Whole, false)
}
/// Other text that arrives in pieces.
pub const fn other_delta(path: &'static str) -> Field {
    text_field(path, Role::Other, Flow::Delta, false)
}
/// A machine's name.
pub const fn id(path: &'static str) -> Field {
    Field { path, class: Class::Identifier }
}
/// One word of a closed list.
pub const fn word(path: &'static str) -> Field {
    Field { path, class: Class::Enum }
}
/// Not text, and why.
pub const fn opaque(path: &'static str, why: &'static str) -> Field {
    Field { path, class: Class::Opaque(why) }
}
/// A medium that cannot be read here.
pub const fn unscanned(path: &'static str, what: &'static str) -> Field {
    Field { path, class: Class::Unscanned(what) }
}
/// A medium, or plain text in its place.
pub const fn media(path: &'static str, what: &'static str) -> Field {
    Field { path, class: Class::Media(what) }
}
/// A free JSON value that tools read or write.
pub const fn tool_tree(path: &'static str) -> Field {
    Field { path, class: Class::Tree(Role::Tool) }
}
/// A free JSON value of other use (metadata, schemas).
pub const fn tree(path: &'static str) -> Field {
    Field { path, class: Class::Tree(Role::Other) }
}
/// The elements of an array of token ids.
pub const fn tokens(path: &'static str) -> Field {
    Field { path, class: Class::Tokens }
}

/// A number, boolean or null.
pub const fn scalar(path: &'static str) -> Field {
    Field { path, class: Class::Scalar }
}

/// Log-probabilities as a list of tokens, each with its most likely alternatives, in the object that holds them.
pub const TOKEN_LOGPROBS: &[Field] = &[
    logprobs("logprobs"),
    logprob_tokens("logprobs[].token"),
    logprob_tokens("logprobs[].top_logprobs[#].token"),
    scalar("logprobs[].logprob"),
    scalar("logprobs[].bytes"),
    scalar("logprobs[].top_logprobs[].logprob"),
    scalar("logprobs[].top_logprobs[].bytes"),
];

/// Rows repeated below each of several paths, for parts that an API uses in many places.
pub fn below(places: &[&str], rows: &[Field]) -> Vec<Field> {
    let joined = |place: &str, row: &Field| Field { path: leak(&format!("{place}.{}", row.path)), ..*row };
    places.iter().flat_map(|place| rows.iter().map(move |row| joined(place, row))).collect()
}

pub(super) fn leak(text: &str) -> &'static str {
    use std::sync::{LazyLock, Mutex};
    static NAMES: LazyLock<Mutex<HashMap<String, &'static str>>> = LazyLock::new(Mutex::default);
    let mut names = NAMES.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(name) = names.get(text) {
        return name;
    }
    let name: &'static str = Box::leak(text.to_owned().into_boxed_str());
    names.insert(text.to_owned(), name);
    name
}
