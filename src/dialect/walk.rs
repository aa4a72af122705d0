//! Walks a body or event along a table and says what each string is.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;

use super::field::{Class, Flow, Role};
use super::shape::{Shape, TrieNode};
use crate::text::json::{Kind, Node, Tape};
use crate::text::looks_like_identifier;

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

/// Numbers with fewer digits are not worth reading as text: no identifier is that short.
const SHORTEST_NUMBER: u32 = 7;

/// Visits every string, key and (below a [`Class::Tree`]) long number of the tape's value, in document order.
pub(super) fn walk(shape: &Shape, src: &[u8], tape: &Tape, visit: &mut dyn FnMut(Found)) {
    if tape.nodes().is_empty() {
        return;
    }
    let cursor =
        Cursor { trie: Some(0), inherited: None, parts: [0; 4], used: 0, path: PATH_SEED, logprobs: None };
    Walk { shape, src, tape, visit }.value(0, cursor);
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

    fn key(&mut self, at: usize, node: Node, cursor: Cursor) {
        let role = match cursor.inherited {
            Some((_, Class::Tree(role))) => role,
            _ => Role::Other,
        };
        self.found(at, node, Class::Text { role, flow: Flow::Whole, json: false }, cursor, None, true);
    }

    fn leaf(&mut self, at: usize, node: Node, cursor: Cursor, trie: Option<&TrieNode>, quoted: bool) {
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

    fn found(&mut self, at: usize, node: Node, class: Class, cursor: Cursor, row: Option<u32>, quoted: bool) {
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

    fn is_encoded(&self, node: Node) -> bool {
        self.src.get(node.start as usize..node.end as usize).is_some_and(looks_encoded)
    }

    fn is_identifier(&self, node: Node) -> bool {
        self.src.get(node.start as usize..node.end as usize).is_some_and(looks_like_identifier)
    }
}

/// Whether a string has the form of an encoded medium: a `data:` URL, or base64 (RFC 4648, either alphabet) of 16 characters or more
/// without a space.
fn looks_encoded(raw: &[u8]) -> bool {
    raw.starts_with(b"data:")
        || raw.len() >= 16 && raw.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=-_\\".contains(b))
}
