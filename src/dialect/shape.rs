//! What each string of a body or event is: a table of field paths a dialect, compiled once into a trie.
//!
//! A path is written from the root: `messages[].content[].text`. `[]` steps into any element, `[#]` also makes the element's
//! position part of the channel's key, and `{index}` after a step (or alone at the start, for the root) makes the value of the
//! sibling field `index` part of it: `choices[]{index}.delta.content` is one channel for each choice. `*` is any key, `**` at
//! the end is everything below.
//!
//! A string that no row names is text in a channel of its own path (promise 4). A row that says identifier or enum is believed
//! only while the string looks like one: see [`crate::text::looks_like_identifier`].

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;

use crate::text::json::{Kind, Tape};
use crate::text::looks_like_identifier;

/// How the pieces of a text hang together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// Each string is a whole text.
    Whole,
    /// The strings of one channel are one text, in order of arrival.
    Delta,
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
    /// One word of a closed list; scanned as text when it does not look like one.
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
    /// A number, boolean or null. Named so that its key is not read as text; a string found here is text.
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
/// Whole reasoning text.
pub const fn reasoning(path: &'static str) -> Field {
    text_field(path, Role::Reasoning, Flow::Whole, false)
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
/// Other text: names, metadata, titles, URLs.
pub const fn other(path: &'static str) -> Field {
    text_field(path, Role::Other, Flow::Whole, false)
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

/// Which text a segment belongs to. Two keys are equal when the path and the sibling indices are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChannelKey {
    /// Row of the table, or [`ChannelKey::UNKNOWN`].
    pub field: u32,
    /// Values of the `[#]` and `{…}` steps; for unknown fields a hash of the path.
    pub parts: [u64; 4],
}

impl ChannelKey {
    /// `field` of paths that no row names.
    pub const UNKNOWN: u32 = u32::MAX;
}

/// One string, key or number of a body, and what it is.
#[derive(Clone, Debug)]
pub struct Found {
    /// Node in the tape.
    pub node: u32,
    /// What it is, after the look at its form.
    pub class: Class,
    /// Its channel.
    pub channel: ChannelKey,
    /// Bytes in the JSON text: inside the quotes, or the number.
    pub wire: Range<u32>,
    /// Whether it holds escapes.
    pub escaped: bool,
    /// False for numbers: a replacement must bring its own quotes.
    pub quoted: bool,
    /// Whether a row of the table named it as text.
    pub known: bool,
    /// The node of the `logprobs` value that holds it, if any.
    pub logprobs: Option<u32>,
}

#[derive(Debug, Default)]
struct TrieNode {
    keys: Vec<(&'static str, u32)>,
    any_key: Option<u32>,
    element: Option<u32>,
    position_in_key: bool,
    siblings: Vec<&'static str>,
    class: Option<(u32, Class)>,
    below: Option<(u32, Class)>,
}

/// A compiled table.
#[derive(Debug)]
pub struct Shape {
    nodes: Vec<TrieNode>,
    fields: Vec<Field>,
    first: u32,
}

/// Numbers with fewer digits are not worth reading as text: no identifier is that short.
const SHORTEST_NUMBER: u32 = 7;

impl Shape {
    /// Compiles rows from several slices; later rows stand over earlier ones of the same path.
    pub fn new(tables: &[&[Field]]) -> Self {
        Self::numbered(0, tables)
    }

    /// As [`Shape::new`], with rows numbered from `first`: where an operation has a table for each type of event, a channel of one table
    /// must not be taken for a channel of another.
    pub fn numbered(first: u32, tables: &[&[Field]]) -> Self {
        let mut shape = Self { nodes: vec![TrieNode::default()], fields: Vec::new(), first };
        for field in tables.iter().copied().flatten() {
            shape.insert(*field);
        }
        shape
    }

    /// The rows, by number less the first row's.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The numbers of the rows.
    pub fn rows(&self) -> Range<u32> {
        self.first..self.first + self.fields.len() as u32
    }

    fn insert(&mut self, field: Field) {
        let row = self.first + self.fields.len() as u32;
        self.fields.push(field);
        let mut at = 0u32;
        for step in steps(field.path) {
            at = match step {
                Step::Siblings(names) => {
                    for name in names.split(',') {
                        self.child(at, Step::Key(name));
                        if let Some(node) =
                            self.nodes.get_mut(at as usize).filter(|n| !n.siblings.contains(&name))
                        {
                            node.siblings.push(name);
                        }
                    }
                    at
                }
                Step::Everything => {
                    if let Some(node) = self.nodes.get_mut(at as usize) {
                        node.below = Some((row, field.class));
                    }
                    return;
                }
                step => self.child(at, step),
            };
        }
        if let Some(node) = self.nodes.get_mut(at as usize) {
            node.class = Some((row, field.class));
        }
    }

    /// Makes the texts at `path` and at `other`, both already rows, one text: a reader appends the one to the other.
    #[must_use]
    pub fn joined(mut self, path: &str, other: &str) -> Self {
        let row = |shape: &Self, path: &str| shape.fields.iter().position(|f| f.path == path);
        if let (Some(to), Some(from)) = (row(&self, path), row(&self, other)) {
            let (to, from) = (self.first + to as u32, self.first + from as u32);
            for node in &mut self.nodes {
                if let Some((number, _)) = &mut node.class
                    && *number == from
                {
                    *number = to;
                }
            }
        }
        self
    }

    fn child(&mut self, at: u32, step: Step) -> u32 {
        let fresh = self.nodes.len() as u32;
        let Some(node) = self.nodes.get_mut(at as usize) else { return 0 };
        let known = match step {
            Step::Key(name) => node.keys.iter().find(|(k, _)| *k == name).map(|&(_, n)| n),
            Step::AnyKey => node.any_key,
            Step::Element { .. } => node.element,
            Step::Siblings(_) | Step::Everything => Some(at),
        };
        if let Step::Element { counted: true } = step {
            node.position_in_key = true;
        }
        if let Some(n) = known {
            return n;
        }
        match step {
            Step::Key(name) => node.keys.push((name, fresh)),
            Step::AnyKey => node.any_key = Some(fresh),
            Step::Element { .. } => node.element = Some(fresh),
            Step::Siblings(_) | Step::Everything => {}
        }
        self.nodes.push(TrieNode::default());
        fresh
    }

    /// Visits every string, key and (below a [`Class::Tree`]) long number of the tape's value, in document order.
    pub fn walk(&self, src: &[u8], tape: &Tape, visit: &mut dyn FnMut(Found)) {
        if tape.nodes().is_empty() {
            return;
        }
        let cursor = Cursor {
            trie: Some(0),
            inherited: None,
            parts: [0; 4],
            used: 0,
            path: PATH_SEED,
            logprobs: None,
        };
        Walk { shape: self, src, tape, visit }.value(0, cursor);
    }

    /// What a row of the table says of `path`, written without indices (`choices[].delta.content`); for coverage tests.
    pub fn classify(&self, path: &str) -> Option<Class> {
        let mut at = Some(0u32);
        let mut inherited = None;
        for step in steps(path) {
            let node = self.nodes.get(at? as usize)?;
            inherited = node.below.or(inherited);
            if let Some(class @ (_, Class::Tree(_) | Class::Scalar)) = node.class {
                inherited = Some(class);
            }
            let next = match step {
                Step::Key(name) => {
                    node.keys.iter().find(|(k, _)| *k == name).map(|&(_, n)| n).or(node.any_key)
                }
                Step::Element { .. } => node.element,
                Step::AnyKey => node.any_key,
                Step::Siblings(_) => continue,
                Step::Everything => return inherited.map(|(_, c)| c),
            };
            if next.is_none() {
                return inherited.map(|(_, c)| c);
            }
            at = next;
        }
        let node = self.nodes.get(at? as usize)?;
        node.class.or(node.below).or(inherited).map(|(_, c)| c)
    }
}

enum Step {
    Key(&'static str),
    AnyKey,
    Element { counted: bool },
    Siblings(&'static str),
    Everything,
}

/// Splits a path into steps. Paths of tests live shorter than the program; they are few, so their text is leaked once.
fn steps(path: &str) -> Vec<Step> {
    let mut out = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(r) = rest.strip_prefix('.') {
            rest = r;
        } else if let Some(r) = rest.strip_prefix("[]") {
            out.push(Step::Element { counted: false });
            rest = r;
        } else if let Some(r) = rest.strip_prefix("[#]") {
            out.push(Step::Element { counted: true });
            rest = r;
        } else if let Some((names, r)) = rest.strip_prefix('{').and_then(|r| r.split_once('}')) {
            out.push(Step::Siblings(leak(names)));
            rest = r;
        } else if let Some(r) = rest.strip_prefix("**") {
            out.push(Step::Everything);
            rest = r;
        } else {
            let end = rest.find(['.', '[', '{']).unwrap_or(rest.len());
            let (name, r) = rest.split_at_checked(end.max(1)).unwrap_or((rest, ""));
            out.push(if name == "*" { Step::AnyKey } else { Step::Key(leak(name)) });
            rest = r;
        }
    }
    out
}

/// Rows repeated below each of several paths, for parts that an API uses in many places.
pub fn below(places: &[&str], rows: &[Field]) -> Vec<Field> {
    let joined = |place: &str, row: &Field| Field { path: leak(&format!("{place}.{}", row.path)), ..*row };
    places.iter().flat_map(|place| rows.iter().map(move |row| joined(place, row))).collect()
}

fn leak(text: &str) -> &'static str {
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

const PATH_SEED: u64 = 0x5175_1ce6_a7e0_0001;

/// Where the walk stands, in the document and in the table.
#[derive(Clone, Copy)]
struct Cursor {
    trie: Option<u32>,
    inherited: Option<(u32, Class)>,
    parts: [u64; 4],
    used: usize,
    path: u64,
    logprobs: Option<u32>,
}

impl Cursor {
    fn key_part(&mut self, value: u64) {
        if let Some(slot) = self.parts.get_mut(self.used) {
            *slot = value;
            self.used += 1;
        } else if let Some(last) = self.parts.last_mut() {
            *last = mix(*last, value);
        }
    }
}

fn mix(a: u64, b: u64) -> u64 {
    let mut h = DefaultHasher::new();
    (a, b).hash(&mut h);
    h.finish()
}

fn mix_bytes(a: u64, b: &[u8]) -> u64 {
    let mut h = DefaultHasher::new();
    (a, b).hash(&mut h);
    h.finish()
}

struct Walk<'a> {
    shape: &'a Shape,
    src: &'a [u8],
    tape: &'a Tape,
    visit: &'a mut dyn FnMut(Found),
}

impl Walk<'_> {
    // Depth is bounded by `json::MAX_DEPTH`.
    fn value(&mut self, at: usize, mut cursor: Cursor) {
        let Some(node) = self.tape.node(at).copied() else { return };
        let shape = self.shape;
        let trie = cursor.trie.and_then(|t| shape.nodes.get(t as usize));
        if let Some(t) = trie {
            cursor.inherited = t.below.or(cursor.inherited);
            if let Some((row, Class::Tree(role))) = t.class {
                cursor.inherited = Some((row, Class::Tree(role)));
            }
        }
        match node.kind {
            Kind::Object => {
                for name in trie.iter().flat_map(|t| t.siblings.iter()) {
                    let part = self.tape.get(self.src, at, name).map_or(0, |v| self.scalar_part(v));
                    cursor.key_part(part);
                }
                self.object(at, cursor, trie);
            }
            Kind::Array => {
                let next = trie.and_then(|t| t.element);
                let counted = trie.is_some_and(|t| t.position_in_key);
                if self.is_tokens(at, next) {
                    self.found(at, node, Class::Tokens, cursor, None, false);
                }
                let path = if next.is_none() { mix_bytes(cursor.path, b"[]") } else { cursor.path };
                for (i, element) in self.tape.elements(at).enumerate() {
                    let mut below = Cursor { trie: next, path, ..cursor };
                    if counted {
                        below.key_part(i as u64);
                    }
                    self.value(element, below);
                }
            }
            Kind::String => self.leaf(at, node, cursor, trie, true),
            Kind::Number => {
                let in_tree = matches!(cursor.inherited, Some((_, Class::Tree(_))));
                if in_tree && node.end - node.start >= SHORTEST_NUMBER {
                    self.leaf(at, node, cursor, trie, false);
                }
            }
            Kind::Key | Kind::Bool | Kind::Null => {}
        }
    }

    fn object(&mut self, at: usize, cursor: Cursor, trie: Option<&TrieNode>) {
        for (key, value) in self.tape.members(at) {
            let Some(key_node) = self.tape.node(key).copied() else { continue };
            let raw = self.src.get(key_node.start as usize..key_node.end as usize).unwrap_or_default();
            let decoded = if key_node.escaped { Some(self.tape.text(self.src, key)) } else { None };
            let name = decoded.as_ref().map_or(raw, |d| d.as_bytes());
            let named = trie.and_then(|t| t.keys.iter().find(|(k, _)| k.as_bytes() == name)).map(|&(_, n)| n);
            let mut below = Cursor { trie: named, ..cursor };
            if named.is_none() {
                // A key that no row names is text, and what it holds has a channel of its own path.
                let any = trie.and_then(|t| t.any_key);
                below.trie = any;
                below.path = mix_bytes(cursor.path ^ u64::from(cursor.trie.unwrap_or(u32::MAX)), name);
                self.key(key, key_node, below);
            }
            if name == b"logprobs" {
                below.logprobs = Some(value as u32);
            }
            self.value(value, below);
        }
    }

    fn key(&mut self, at: usize, node: crate::text::json::Node, cursor: Cursor) {
        let role = match cursor.inherited {
            Some((_, Class::Tree(role))) => role,
            _ => Role::Other,
        };
        self.found(at, node, Class::Text { role, flow: Flow::Whole, json: false }, cursor, None, true);
    }

    fn leaf(
        &mut self,
        at: usize,
        node: crate::text::json::Node,
        cursor: Cursor,
        trie: Option<&TrieNode>,
        quoted: bool,
    ) {
        let named = trie.and_then(|t| t.class).or(cursor.inherited);
        let unnamed = |role| Class::Text { role, flow: Flow::Near, json: false };
        let (class, row) = match named {
            Some((row, class @ Class::Text { .. })) => (class, Some(row)),
            Some((_, Class::Identifier | Class::Enum)) if !self.is_identifier(node) => {
                (unnamed(Role::Other), None)
            }
            Some((_, Class::Tree(role))) => (unnamed(role), None),
            Some((_, Class::Media(what))) if self.is_encoded(node) => (Class::Unscanned(what), None),
            Some((_, Class::Media(_))) => (unnamed(Role::Message), None),
            Some((_, class @ (Class::Identifier | Class::Enum | Class::Opaque(_) | Class::Unscanned(_)))) => {
                (class, None)
            }
            Some((_, Class::Tokens | Class::Scalar)) => (unnamed(Role::Other), None),
            // What nobody knows may come in pieces.
            None => (Class::Text { role: Role::Other, flow: Flow::Both, json: false }, None),
        };
        self.found(at, node, class, cursor, row, quoted);
    }

    fn found(
        &mut self,
        at: usize,
        node: crate::text::json::Node,
        class: Class,
        cursor: Cursor,
        row: Option<u32>,
        quoted: bool,
    ) {
        let channel = if let Some(field) = row {
            ChannelKey { field, parts: cursor.parts }
        } else {
            let [a, b, c, _] = cursor.parts;
            let place = mix(cursor.path, u64::from(cursor.trie.unwrap_or(u32::MAX)));
            ChannelKey { field: ChannelKey::UNKNOWN, parts: [a, b, c, place] }
        };
        (self.visit)(Found {
            node: at as u32,
            class,
            channel,
            wire: node.start..node.end,
            escaped: node.escaped,
            quoted,
            known: row.is_some(),
            logprobs: cursor.logprobs,
        });
    }

    /// What tells one choice, block or item from the others. Readers take `0`, `0.0`, `"0"`, `null` and no index for one and the same.
    fn scalar_part(&self, value: usize) -> u64 {
        let text = self.tape.text(self.src, value);
        if text.is_empty() || self.tape.node(value).is_some_and(|n| n.kind == Kind::Null) {
            return 0;
        }
        let whole = |n: f64| (n >= 0.0 && n.fract() == 0.0).then(|| format!("{:.0}", n.abs()));
        let number = text.parse().ok().or_else(|| whole(text.trim().parse().ok()?)?.parse().ok());
        number.unwrap_or_else(|| mix_bytes(1, text.as_bytes()))
    }

    /// Whether an array holds token ids: numbers where text may stand, or where they are expected.
    fn is_tokens(&self, array: usize, element: Option<u32>) -> bool {
        let row = element.and_then(|t| self.shape.nodes.get(t as usize)).and_then(|t| t.class);
        matches!(row, Some((_, Class::Tokens | Class::Text { .. })))
            && self.tape.elements(array).any(|e| self.tape.node(e).is_some_and(|n| n.kind == Kind::Number))
    }

    fn is_encoded(&self, node: crate::text::json::Node) -> bool {
        self.src.get(node.start as usize..node.end as usize).is_some_and(looks_encoded)
    }

    fn is_identifier(&self, node: crate::text::json::Node) -> bool {
        self.src.get(node.start as usize..node.end as usize).is_some_and(looks_like_identifier)
    }
}

/// Whether a string has the form of an encoded medium: a `data:` URL, or base64 (RFC 4648, either alphabet) of 16 characters or more
/// without a space.
fn looks_encoded(raw: &[u8]) -> bool {
    raw.starts_with(b"data:")
        || raw.len() >= 16 && raw.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=-_\\".contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(shape: &Shape, src: &str) -> Vec<(String, Class, ChannelKey)> {
        let mut tape = Tape::default();
        assert_eq!(tape.parse(src.as_bytes()), Ok(()));
        let mut out = Vec::new();
        shape.walk(src.as_bytes(), &tape, &mut |f| {
            out.push((tape.text(src.as_bytes(), f.node as usize).into_owned(), f.class, f.channel));
        });
        out
    }

    #[test]
    fn channels_follow_sibling_indices_wherever_they_stand() {
        let shape = Shape::new(&[&[delta("choices[]{index}.delta.content"), word("object")]]);
        let a = walk(
            &shape,
            r#"{"choices":[{"index":0,"delta":{"content":"a"}},{"delta":{"content":"b"},"index":1}]}"#,
        );
        let b = walk(&shape, r#"{"choices":[{"index":1,"delta":{"content":"c"}}]}"#);
        assert_eq!(a.len(), 2);
        assert_ne!(a[0].2, a[1].2);
        assert_eq!(a[1].2, b[0].2);
    }

    /// A client joins what it takes for one choice, however its index is written.
    #[test]
    fn an_index_is_the_same_however_it_is_written() {
        let shape = Shape::new(&[&[delta("choices[]{index}.delta.content")]]);
        let key = |index: &str| {
            let event = format!(r#"{{"choices":[{{{index}"delta":{{"content":"a"}}}}]}}"#);
            walk(&shape, &event).into_iter().find(|(text, ..)| text == "a").expect("a text").2
        };
        for (one, spellings) in [
            (
                "",
                ["\"index\":null,", "\"index\":0,", "\"index\":-0.0,", "\"index\":\"0\",", "\"index\":0e9,"],
            ),
            (
                "\"index\":7,",
                [
                    "\"index\":7.0,",
                    "\"index\":\"7\",",
                    "\"index\":70e-1,",
                    "\"index\":\"\\u0037\",",
                    "\"index\":\" 7\",",
                ],
            ),
        ] {
            for spelling in spellings {
                assert_eq!(key(spelling), key(one), "{spelling}");
            }
        }
        assert_ne!(key("\"index\":7.5,"), key("\"index\":7,"));
        assert_ne!(key("\"index\":\"a\","), key("\"index\":\"b\","));
    }

    #[test]
    fn what_no_row_names_is_text_keys_included() {
        let shape = Shape::new(&[&[id("id"), tool_tree("input")]]);
        let got = walk(&shape, r#"{"id":"a b","new":{"x":["y"]},"input":{"card":4111111111111111,"n":3}}"#);
        let texts: Vec<_> = got.iter().map(|(t, _, _)| t.as_str()).collect();
        assert_eq!(texts, ["a b", "new", "x", "y", "card", "4111111111111111", "n"]);
        assert!(got.iter().all(|(_, c, _)| matches!(c, Class::Text { .. })));
        assert!(matches!(got[4].1, Class::Text { role: Role::Tool, .. }));
    }

    #[test]
    fn classify_answers_for_paths() {
        let shape = Shape::new(&[&[text("messages[].content"), tree("metadata"), opaque("x.**", "bytes")]]);
        assert!(shape.classify("messages[].content").is_some());
        assert!(shape.classify("metadata.any.thing").is_some() || shape.classify("metadata").is_some());
        assert_eq!(shape.classify("x.y.z"), Some(Class::Opaque("bytes")));
        assert_eq!(shape.classify("nothing"), None);
    }
}
