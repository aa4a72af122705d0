//! Walks a body or event along a table and says what each string is.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;

use super::field::{Class, Flow, Role};
use super::form;
use super::reading::{Inside, Readings};
use super::shape::{Shape, TrieNode};
use crate::text::json::{Kind, LONG_NUMBER, Node, Tape};
use crate::text::number::whole_digits;
use crate::text::{looks_like_identifier, looks_like_word};

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

/// The place in a body or event below which a text stands that no row names: the innermost list or object that the table knows. An event
/// in which it stands could have gone on with the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home {
    trie: u32,
    parts: [u64; 3],
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
    /// Where it stands.
    pub home: Home,
    /// To which of the texts at its path it may belong, where no row says it.
    pub readings: Option<Readings>,
}

/// Where a row says that a number stands, times in milliseconds and durations in nanoseconds are no text. Nothing that is counted there is
/// longer.
const SHORTEST_IN_SCALAR: usize = 14;

/// Visits every string, key and long number of the tape's value, in document order.
pub(super) fn walk(shape: &Shape, src: &[u8], tape: &Tape, visit: &mut dyn FnMut(Found)) {
    if tape.nodes().is_empty() {
        return;
    }
    Walk { shape, src, tape, visit, around: Vec::new() }.value(0, Cursor::ROOT);
}

/// Visits every list and object of the tape's value that the table knows.
pub(super) fn homes(shape: &Shape, src: &[u8], tape: &Tape, visit: &mut dyn FnMut(Home)) {
    if !tape.nodes().is_empty() {
        Walk { shape, src, tape, visit: &mut |_| {}, around: Vec::new() }.homes(0, Cursor::ROOT, visit);
    }
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
    /// The last place that the table knew.
    home: u32,
    /// The position in a list, where the table does not say what it is worth.
    position: Option<u32>,
    /// What stands for a sibling that the element should have and has not.
    position_else: u64,
    /// The object that holds it.
    object: u32,
    /// Whether it stands within log-probabilities.
    logprobs: bool,
    /// Whether its name there is that of a token's bytes.
    bytes: bool,
}

impl Cursor {
    const ROOT: Self = Self {
        trie: Some(0),
        inherited: None,
        parts: [0; 4],
        used: 0,
        path: PATH_SEED,
        home: 0,
        position: None,
        position_else: 0,
        object: 0,
        logprobs: false,
        bytes: false,
    };

    fn home(&self) -> Home {
        let [a, b, c, _] = self.parts;
        Home { trie: self.home, parts: [a, b, c] }
    }

    /// Steps into the element at `position`.
    fn stand(&mut self, trie: Option<&TrieNode>, position: u64) {
        let Some(trie) = trie else { return };
        if trie.position_in_key {
            self.key_part(position);
        }
        if let Some(part) = trie.position_as.and_then(|part| self.parts.get_mut(part as usize)) {
            *part = position;
        }
    }

    fn key_part(&mut self, value: u64) {
        if let Some(slot) = self.parts.get_mut(self.used) {
            *slot = value;
            self.used += 1;
        } else if let Some(last) = self.parts.last_mut() {
            *last = mix(*last, value);
        }
    }
}

pub(super) fn mix(a: u64, b: u64) -> u64 {
    let mut h = DefaultHasher::new();
    (a, b).hash(&mut h);
    h.finish()
}

pub(super) fn mix_bytes(a: u64, b: &[u8]) -> u64 {
    let mut h = DefaultHasher::new();
    (a, b).hash(&mut h);
    h.finish()
}

struct Walk<'a> {
    shape: &'a Shape,
    src: &'a [u8],
    tape: &'a Tape,
    visit: &'a mut dyn FnMut(Found),
    /// The lists and objects in which the walk stands.
    around: Vec<Inside>,
}

impl Walk<'_> {
    // Depth is bounded by the tape.
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
        if matches!(trie.and_then(|t| t.class), Some((_, Class::Logprobs))) {
            self.logprobs(at, node, &mut cursor);
        }
        match node.kind {
            Kind::Object => {
                cursor.home = cursor.trie.map_or(cursor.home, |t| shape.place_of(t));
                self.siblings(at, &mut cursor, trie);
                self.enter(at, cursor.position.take(), trie);
                self.object(at, cursor, trie);
                self.around.pop();
            }
            Kind::Array if std::mem::take(&mut cursor.bytes) && self.are_bytes(at) => {
                self.found(
                    at,
                    node,
                    Class::Bytes,
                    cursor,
                    trie.and_then(|t| t.class).map(|(row, _)| row),
                    false,
                );
            }
            Kind::Array => {
                cursor.home = cursor.trie.map_or(cursor.home, |t| shape.place_of(t));
                self.enter(at, cursor.position.take(), None);
                let next = trie.and_then(|t| t.element);
                if self.is_tokens(at, next) {
                    self.found(at, node, Class::Tokens, cursor, None, false);
                }
                let path = if next.is_none() { mix_bytes(cursor.path, b"[]") } else { cursor.path };
                let of_element = next.and_then(|t| shape.nodes.get(t as usize));
                let told = trie.is_some_and(|t| t.position_in_key || t.position_as.is_some())
                    || of_element.is_some_and(|t| !t.siblings.is_empty());
                let unnamed = self.are_unnamed(at, of_element);
                for (i, element) in self.tape.elements(at).enumerate() {
                    let position = (!told).then_some(i as u32);
                    let mut below = Cursor { trie: next, path, position, ..cursor };
                    below.position_else = if unnamed { i as u64 } else { 0 };
                    below.stand(trie, i as u64);
                    self.value(element, below);
                }
                self.around.pop();
            }
            Kind::String => self.leaf(at, node, cursor, trie, true),
            Kind::Number => {
                if self.is_read(node, trie.and_then(|t| t.class).or(cursor.inherited)) {
                    self.leaf(at, node, cursor, trie, false);
                }
            }
            Kind::Key | Kind::Bool | Kind::Null => {}
        }
    }

    /// A value of log-probabilities, if it holds any.
    fn logprobs(&mut self, at: usize, node: Node, cursor: &mut Cursor) {
        let holds = match node.kind {
            Kind::Object | Kind::Array => node.next as usize > at + 1,
            Kind::Number => true,
            Kind::String | Kind::Key | Kind::Bool | Kind::Null => false,
        };
        if holds {
            cursor.logprobs = true;
            self.found(at, node, Class::Logprobs, *cursor, None, false);
        }
    }

    fn enter(&mut self, at: usize, position: Option<u32>, trie: Option<&TrieNode>) {
        let told = trie.is_some_and(|t| !t.siblings.is_empty());
        self.around.push(Inside { node: at as u32, position, told, readings: None });
    }

    /// The lists and objects that the table knows; below one that it does not know there are none.
    fn homes(&self, at: usize, mut cursor: Cursor, visit: &mut dyn FnMut(Home)) {
        let shape = self.shape;
        let trie = cursor.trie.and_then(|t| shape.nodes.get(t as usize));
        let (Some(node), Some(number), Some(trie)) = (self.tape.node(at), cursor.trie, trie) else { return };
        match node.kind {
            Kind::Object => {
                cursor.home = shape.place_of(number);
                self.siblings(at, &mut cursor, Some(trie));
                visit(cursor.home());
                for (key, value) in self.tape.members(at) {
                    let name = self.tape.text(self.src, key);
                    let named = trie.keys.iter().find(|(k, _)| *k == name).map(|&(_, n)| n);
                    self.homes(value, Cursor { trie: named.or(trie.any_key), ..cursor }, visit);
                }
            }
            Kind::Array => {
                cursor.home = shape.place_of(number);
                visit(cursor.home());
                let of_element = trie.element.and_then(|t| shape.nodes.get(t as usize));
                let unnamed = self.are_unnamed(at, of_element);
                for (i, element) in self.tape.elements(at).enumerate() {
                    let mut below = Cursor { trie: trie.element, ..cursor };
                    below.position_else = if unnamed { i as u64 } else { 0 };
                    below.stand(Some(trie), i as u64);
                    self.homes(element, below, visit);
                }
            }
            Kind::String | Kind::Number | Kind::Key | Kind::Bool | Kind::Null => {}
        }
    }

    fn siblings(&self, at: usize, cursor: &mut Cursor, trie: Option<&TrieNode>) {
        let missing = std::mem::take(&mut cursor.position_else);
        for name in trie.iter().flat_map(|t| t.siblings.iter()) {
            let part = self.tape.get(self.src, at, name).map_or(missing, |v| part(self.src, self.tape, v));
            cursor.key_part(part);
        }
    }

    /// Whether the elements of a list are told apart by their positions, since none has the name that the table asks for.
    fn are_unnamed(&self, array: usize, of_element: Option<&TrieNode>) -> bool {
        of_element.filter(|t| t.position_else).is_some_and(|t| {
            let named = |e| t.siblings.iter().any(|name| self.tape.get(self.src, e, name).is_some());
            !self.tape.elements(array).any(named)
        })
    }

    fn object(&mut self, at: usize, cursor: Cursor, trie: Option<&TrieNode>) {
        let place = cursor.trie.map_or(u32::MAX, |t| self.shape.place_of(t));
        for (key, value) in self.tape.members(at) {
            let Some(key_node) = self.tape.node(key).copied() else { continue };
            let raw = self.src.get(key_node.start as usize..key_node.end as usize).unwrap_or_default();
            let decoded = if key_node.escaped { Some(self.tape.text(self.src, key)) } else { None };
            let name = decoded.as_ref().map_or(raw, |d| d.as_bytes());
            let named = trie.and_then(|t| t.keys.iter().find(|(k, _)| k.as_bytes() == name)).map(|&(_, n)| n);
            let mut below = Cursor { trie: named, object: at as u32, ..cursor };
            below.bytes = cursor.logprobs && name == b"bytes";
            if named.is_none() {
                // A key that no row names is text, and what it holds has a channel of its own path.
                let any = trie.and_then(|t| t.any_key);
                below.trie = any;
                below.path = mix_bytes(cursor.path ^ u64::from(place), name);
                self.key(key, key_node, below);
            }
            // Where no table knows anything, the name alone tells it.
            if below.trie.is_none()
                && cursor.inherited.is_none()
                && matches!(name, b"logprobs" | b"logprobsResult")
                && let Some(&held) = self.tape.node(value)
            {
                self.logprobs(value, held, &mut below);
            }
            self.value(value, below);
        }
    }

    fn key(&mut self, at: usize, node: Node, cursor: Cursor) {
        let role = match cursor.inherited {
            _ if cursor.logprobs => Role::Logprobs,
            Some((_, Class::Tree(role))) => role,
            _ => Role::Other,
        };
        self.found(at, node, Class::Text { role, flow: Flow::Whole, json: false }, cursor, None, true);
    }

    fn leaf(&mut self, at: usize, node: Node, cursor: Cursor, trie: Option<&TrieNode>, quoted: bool) {
        let named = trie.and_then(|t| t.class).or(cursor.inherited);
        // A string that stands where a row says "free JSON value" is what that value comes to, and a text.
        let named_here = trie.is_some_and(|t| t.class.is_some());
        let unnamed = |role| Class::Text { role, flow: Flow::Near, json: false };
        // What nobody knows may come in pieces.
        let role = if cursor.logprobs { Role::Logprobs } else { Role::Other };
        let unknown = Class::Text { role, flow: Flow::Both, json: false };
        let (class, row) = match named {
            Some((row, class @ Class::Text { .. })) => (class, Some(row)),
            Some((_, Class::Identifier)) if !quoted || !self.looks_like(node, looks_like_identifier) => {
                (unnamed(Role::Other), None)
            }
            Some((_, Class::Enum)) if !quoted || !self.looks_like(node, looks_like_word) => {
                (unnamed(Role::Other), None)
            }
            Some((_, Class::Media(_))) if self.says_text(cursor) => (unnamed(Role::Message), None),
            Some((_, class @ Class::Unscanned(_))) if !self.has_form(at, node, form::is_medium) => {
                // What only names a medium (a URL, the id of a file) is text too.
                self.found(at, node, class, cursor, None, quoted);
                (unnamed(Role::Message), None)
            }
            Some((_, Class::Media(what))) if self.has_form(at, node, form::is_medium) => {
                (Class::Unscanned(what), None)
            }
            Some((_, Class::Media(_))) => (unnamed(Role::Message), None),
            Some((_, Class::Opaque(_))) if quoted && !self.has_form(at, node, form::is_packed) => {
                (unnamed(Role::Other), None)
            }
            Some((_, class @ (Class::Identifier | Class::Enum | Class::Opaque(_) | Class::Unscanned(_)))) => {
                (class, None)
            }
            Some((_, Class::Tokens | Class::Logprobs | Class::Bytes | Class::Scalar)) => {
                (unnamed(Role::Other), None)
            }
            Some((_, Class::Tree(role))) => (unnamed(role), None),
            None => (unknown, None),
        };
        let free = matches!(named, Some((_, Class::Tree(_)))) && !named_here || named.is_none();
        if free && self.has_form(at, node, form::is_medium_anywhere) {
            self.found(at, node, Class::Unscanned("encoded data"), cursor, None, quoted);
        }
        self.found(at, node, class, cursor, row, quoted);
    }

    fn found(&mut self, at: usize, node: Node, class: Class, cursor: Cursor, row: Option<u32>, quoted: bool) {
        let channel = if let Some(field) = row {
            ChannelKey { field, parts: cursor.parts }
        } else {
            let [a, b, c, _] = cursor.parts;
            // What is no text has no channel.
            let is_text = !matches!(class, Class::Identifier | Class::Enum | Class::Opaque(_));
            let place =
                if is_text { mix(cursor.path, u64::from(cursor.trie.unwrap_or(u32::MAX))) } else { 0 };
            ChannelKey { field: ChannelKey::UNKNOWN, parts: [a, b, c, place] }
        };
        let goes_on = row.is_none() && matches!(class, Class::Text { flow: Flow::Both, .. });
        let readings = goes_on.then(|| Readings::of(&mut self.around, cursor.position, self.src, self.tape));
        (self.visit)(Found {
            node: at as u32,
            class,
            channel,
            wire: node.start..node.end,
            escaped: node.escaped,
            quoted,
            known: row.is_some(),
            home: cursor.home(),
            readings,
        });
    }

    /// Whether an array holds token ids: numbers where text may stand, or where they are expected.
    fn is_tokens(&self, array: usize, element: Option<u32>) -> bool {
        let row = element.and_then(|t| self.shape.nodes.get(t as usize)).and_then(|t| t.class);
        matches!(row, Some((_, Class::Tokens | Class::Text { .. })))
            && self.tape.elements(array).any(|e| self.tape.node(e).is_some_and(|n| n.kind == Kind::Number))
    }

    /// Whether an array holds bytes, and nothing else.
    fn are_bytes(&self, array: usize) -> bool {
        let mut elements = self.tape.elements(array).peekable();
        elements.peek().is_some() && elements.all(|e| self.tape.u64_of(self.src, e).is_some_and(|n| n < 256))
    }

    /// Whether a number may say more than a number.
    fn is_read(&self, node: Node, named: Option<(u32, Class)>) -> bool {
        let shortest = match named.map(|(_, class)| class) {
            // Clients append what comes in pieces, whatever its kind.
            Some(Class::Text { flow: Flow::Delta | Flow::Linked | Flow::Repeats, .. }) => 0,
            Some(Class::Opaque(_)) => return false,
            Some(Class::Scalar) => SHORTEST_IN_SCALAR,
            Some(
                Class::Text { flow: Flow::Whole | Flow::Both | Flow::Near, .. }
                | Class::Identifier
                | Class::Enum
                | Class::Unscanned(_)
                | Class::Tree(_)
                | Class::Media(_)
                | Class::Logprobs
                | Class::Bytes
                | Class::Tokens,
            )
            | None => LONG_NUMBER,
        };
        // Behind the point stands only how exact a number is.
        let source = self.src.get(node.start as usize..node.end as usize).unwrap_or_default();
        whole_digits(source) >= shortest
    }

    fn has_form(&self, at: usize, node: Node, form: fn(&str) -> bool) -> bool {
        node.start < node.end && form(&self.tape.text(self.src, at))
    }

    fn looks_like(&self, node: Node, form: fn(&[u8]) -> bool) -> bool {
        self.src.get(node.start as usize..node.end as usize).is_some_and(form)
    }

    /// Whether what stands beside it says that it is text, whatever its form.
    fn says_text(&self, cursor: Cursor) -> bool {
        let kind = self.tape.get(self.src, cursor.object as usize, "type");
        kind.is_some_and(|kind| self.tape.text(self.src, kind) == "text")
    }
}

/// What tells one choice, block or item from the others. Readers take `0`, `0.0`, `"0"`, `false`, `null` and no index for one and the
/// same, and `true` for `1`.
pub(super) fn part(src: &[u8], tape: &Tape, value: usize) -> u64 {
    let text = tape.text(src, value);
    if text.is_empty() || tape.node(value).is_some_and(|n| n.kind == Kind::Null) {
        return 0;
    }
    if let Some(said) =
        [0, 1].into_iter().zip(["false", "true"]).find(|(_, word)| text.eq_ignore_ascii_case(word))
    {
        return said.0;
    }
    let whole = |n: f64| (n >= 0.0 && n.fract() == 0.0).then(|| format!("{:.0}", n.abs()));
    let number = text.parse().ok().or_else(|| whole(text.trim().parse().ok()?)?.parse().ok());
    number.unwrap_or_else(|| mix_bytes(1, text.as_bytes()))
}
