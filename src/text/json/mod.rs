//! Locates every string of a JSON text without copying it, so that one string can be rewritten and the rest stay as they came.
//!
//! [`Tape::parse`] reads RFC 8259 strictly (no duplicate keys, valid UTF-8, bounded depth) into a flat list of nodes that hold
//! byte ranges. `{"a":["x"]}` becomes
//!
//! ```text
//! 0 Object 0..11  next 4
//! 1 Key    2..3           (inside the quotes)
//! 2 Array  5..10  next 4
//! 3 String 7..8           (inside the quotes)
//! ```
//!
//! What it does not do: numbers stay text, nothing is converted.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::text::number::whole_digits;
use crate::text::work::step;

mod string;

use string::plain_length;
pub use string::{Ruler, SURROGATE_BASE, escape_into, unescape, unescape_into};

/// Deepest nesting that is read where nothing else is said.
pub const MAX_DEPTH: usize = 128;

/// So many short numbers, booleans and nulls count as one value: of each only its place is kept.
const SCALARS_A_VALUE: usize = 16;

/// Numbers with so many digits before the point or more may be read as texts (a card's, an account's); shorter ones are never.
pub const LONG_NUMBER: usize = 7;

/// What a node of the tape is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`; its children are key, value, key, value….
    Object,
    /// `[…]`.
    Array,
    /// An object's key, without its quotes.
    Key,
    /// A string, without its quotes.
    String,
    /// A number as it is written.
    Number,
    /// `true` or `false`.
    Bool,
    /// `null`.
    Null,
}

/// One value or key and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Whether a key or string holds a backslash escape.
    pub escaped: bool,
    /// First byte (inside the quotes for keys and strings).
    pub start: u32,
    /// One past the last byte (inside the quotes for keys and strings).
    pub end: u32,
    /// Index of the first node after this one and all its children.
    pub next: u32,
}

/// Why a text is not JSON that the gateway reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not UTF-8.
    #[error("the JSON text is not valid UTF-8 at byte {0}")]
    Utf8(usize),
    /// Grammar.
    #[error("the JSON text breaks off or is malformed at byte {0}")]
    Syntax(usize),
    /// The same key twice in one object: readers differ in which of the two counts.
    #[error("an object has the same key twice at byte {0}")]
    DuplicateKey(usize),
    /// Nesting.
    #[error("the JSON text is nested deeper than {0} levels at byte {1}")]
    Depth(usize, usize),
    /// Values.
    #[error(
        "the JSON text holds more than {0} texts, keys, lists and objects (`limits.json_values`) at byte {1}"
    )]
    Values(usize, usize),
    /// Longer than offsets can count.
    #[error("the JSON text is longer than 4 GiB")]
    Size,
}

/// The nodes of one JSON text. Reused from text to text, so that a stream of events allocates once.
#[derive(Debug)]
pub struct Tape {
    nodes: Vec<Node>,
    open: Vec<u32>,
    depth: usize,
    values: usize,
}

impl Default for Tape {
    fn default() -> Self {
        Self::within(MAX_DEPTH, usize::MAX)
    }
}

impl Tape {
    /// An empty one that reads texts nested at most so deep and of so many values. What walks a tape does so recursively: hundreds of
    /// levels are fine, more are not. What is kept of a value is many times as long as the shortest value, so their number is a ceiling
    /// of its own beside that of bytes. Texts, keys, lists, objects and long numbers are values; of short numbers, booleans and nulls
    /// (embeddings have millions) sixteen count as one.
    pub fn within(depth: usize, values: usize) -> Self {
        Self { nodes: Vec::new(), open: Vec::new(), depth, values }
    }

    /// Reads `src`, which must hold exactly one JSON value and white space.
    pub fn parse(&mut self, src: &[u8]) -> Result<(), JsonError> {
        self.nodes.clear();
        self.open.clear();
        if u32::try_from(src.len()).is_err() {
            return Err(JsonError::Size);
        }
        // The quick look does not say where.
        if simdutf8::basic::from_utf8(src).is_err()
            && let Err(e) = std::str::from_utf8(src)
        {
            return Err(JsonError::Utf8(e.valid_up_to()));
        }
        let room = self.values.saturating_mul(SCALARS_A_VALUE);
        let (nodes, open) = (&mut self.nodes, &mut self.open);
        Reader { src, at: 0, nodes, open, depth: self.depth, values: self.values, room }.document()
    }

    /// All nodes in document order; the first is the root.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node at `index`.
    pub fn node(&self, index: usize) -> Option<&Node> {
        step();
        self.nodes.get(index)
    }

    /// The key and value nodes of the object at `index`, in order; nothing for other nodes.
    pub fn members(&self, index: usize) -> Members<'_> {
        let (at, end) = match self.nodes.get(index) {
            Some(n) if n.kind == Kind::Object => (index + 1, n.next as usize),
            _ => (0, 0),
        };
        Members { tape: self, at, end }
    }

    /// The element nodes of the array at `index`; nothing for other nodes.
    pub fn elements(&self, index: usize) -> Elements<'_> {
        let (at, end) = match self.nodes.get(index) {
            Some(n) if n.kind == Kind::Array => (index + 1, n.next as usize),
            _ => (0, 0),
        };
        Elements { tape: self, at, end }
    }

    /// The value of `key` in the object at `index`. Keys written with escapes are compared by what they mean.
    pub fn get(&self, src: &[u8], index: usize, key: &str) -> Option<usize> {
        let is_it = |k: usize| {
            self.nodes.get(k).is_some_and(|node| match src.get(node.start as usize..node.end as usize) {
                Some(_) if node.escaped => self.text(src, k) == key,
                raw => raw == Some(key.as_bytes()),
            })
        };
        self.members(index).find(|&(k, _)| is_it(k)).map(|(_, v)| v)
    }

    /// Follows keys from the root.
    pub fn find(&self, src: &[u8], path: &[&str]) -> Option<usize> {
        path.iter().try_fold(0, |at, key| self.get(src, at, key))
    }

    /// The decoded text of a key or string; the source text of anything else.
    pub fn text<'s>(&self, src: &'s [u8], index: usize) -> Cow<'s, str> {
        let Some(node) = self.nodes.get(index) else { return Cow::Borrowed("") };
        let raw = src
            .get(node.start as usize..node.end as usize)
            .and_then(|b| std::str::from_utf8(b).ok())
            .unwrap_or_default();
        if node.escaped { Cow::Owned(unescape(raw)) } else { Cow::Borrowed(raw) }
    }

    /// The text at `path` when it is a string.
    pub fn str_at<'s>(&self, src: &'s [u8], path: &[&str]) -> Option<Cow<'s, str>> {
        let at = self.find(src, path)?;
        (self.nodes.get(at)?.kind == Kind::String).then(|| self.text(src, at))
    }

    /// The value at `path` when it is a whole number from 0.
    pub fn u64_at(&self, src: &[u8], path: &[&str]) -> Option<u64> {
        self.u64_of(src, self.find(src, path)?)
    }

    /// The value of a number node when it is a whole number from 0.
    pub fn u64_of(&self, src: &[u8], index: usize) -> Option<u64> {
        (self.nodes.get(index)?.kind == Kind::Number).then(|| self.text(src, index).parse().ok())?
    }

    /// The value at `path` when it is `true` or `false`.
    pub fn bool_at(&self, src: &[u8], path: &[&str]) -> Option<bool> {
        let at = self.find(src, path)?;
        (self.nodes.get(at)?.kind == Kind::Bool).then(|| self.text(src, at) == "true")
    }
}

/// Iterates over an object's `(key, value)` node indices.
#[derive(Debug)]
pub struct Members<'t> {
    tape: &'t Tape,
    at: usize,
    end: usize,
}

impl Iterator for Members<'_> {
    type Item = (usize, usize);
    fn next(&mut self) -> Option<(usize, usize)> {
        if self.at >= self.end {
            return None;
        }
        step();
        let (key, value) = (self.at, self.at + 1);
        self.at = self.tape.nodes.get(value)?.next as usize;
        Some((key, value))
    }
}

/// Iterates over an array's element node indices.
#[derive(Debug)]
pub struct Elements<'t> {
    tape: &'t Tape,
    at: usize,
    end: usize,
}

impl Iterator for Elements<'_> {
    type Item = usize;
    fn next(&mut self) -> Option<usize> {
        if self.at >= self.end {
            return None;
        }
        step();
        let here = self.at;
        self.at = self.tape.nodes.get(here)?.next as usize;
        Some(here)
    }
}

/// Whether a number has so many digits before the point as a text may have.
fn is_long(source: &[u8]) -> bool {
    let may = source.len() >= LONG_NUMBER || source.iter().any(|byte| matches!(byte, b'e' | b'E'));
    may && whole_digits(source) >= LONG_NUMBER
}

// === impl Reader ===

struct Reader<'s, 't> {
    src: &'s [u8],
    at: usize,
    nodes: &'t mut Vec<Node>,
    open: &'t mut Vec<u32>,
    depth: usize,
    values: usize,
    /// For how many more scalars there is room.
    room: usize,
}

/// What the grammar allows at the next byte.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    ValueOrClose,
    Key,
    KeyOrClose,
    CommaOrClose,
    End,
}

impl Reader<'_, '_> {
    fn document(&mut self) -> Result<(), JsonError> {
        let mut expect = Expect::Value;
        loop {
            self.space();
            let Some(&byte) = self.src.get(self.at) else {
                return if expect == Expect::End { Ok(()) } else { Err(JsonError::Syntax(self.at)) };
            };
            expect = match (expect, byte) {
                (Expect::Value | Expect::ValueOrClose, b'{') => self.container(Kind::Object)?,
                (Expect::Value | Expect::ValueOrClose, b'[') => self.container(Kind::Array)?,
                (Expect::Value | Expect::ValueOrClose, b'"') => {
                    self.string(Kind::String)?;
                    self.after_value()
                }
                (Expect::ValueOrClose, b']') | (Expect::KeyOrClose, b'}') => self.close(byte)?,
                (Expect::Value | Expect::ValueOrClose, _) => {
                    self.scalar(byte)?;
                    self.after_value()
                }
                (Expect::Key | Expect::KeyOrClose, b'"') => {
                    self.string(Kind::Key)?;
                    self.space();
                    if self.src.get(self.at) != Some(&b':') {
                        return Err(JsonError::Syntax(self.at));
                    }
                    self.at += 1;
                    Expect::Value
                }
                (Expect::CommaOrClose, b',') => {
                    self.at += 1;
                    if self.in_object() { Expect::Key } else { Expect::Value }
                }
                (Expect::CommaOrClose, b'}' | b']') => self.close(byte)?,
                _ => return Err(JsonError::Syntax(self.at)),
            };
        }
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.src.get(self.at) {
            self.at += 1;
        }
    }

    fn in_object(&self) -> bool {
        self.open.last().and_then(|&i| self.nodes.get(i as usize)).is_some_and(|n| n.kind == Kind::Object)
    }

    fn after_value(&self) -> Expect {
        if self.open.is_empty() { Expect::End } else { Expect::CommaOrClose }
    }

    fn push(&mut self, kind: Kind, escaped: bool, start: usize, end: usize) -> Result<(), JsonError> {
        let takes = match kind {
            Kind::Object | Kind::Array | Kind::Key | Kind::String => SCALARS_A_VALUE,
            Kind::Number if is_long(self.src.get(start..end).unwrap_or_default()) => SCALARS_A_VALUE,
            Kind::Number | Kind::Bool | Kind::Null => 1,
        };
        self.room = self.room.checked_sub(takes).ok_or(JsonError::Values(self.values, start))?;
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node { kind, escaped, start: start as u32, end: end as u32, next });
        Ok(())
    }

    fn container(&mut self, kind: Kind) -> Result<Expect, JsonError> {
        if self.open.len() >= self.depth {
            return Err(JsonError::Depth(self.depth, self.at));
        }
        self.open.push(self.nodes.len() as u32);
        self.push(kind, false, self.at, self.at)?;
        self.at += 1;
        Ok(if kind == Kind::Object { Expect::KeyOrClose } else { Expect::ValueOrClose })
    }

    fn close(&mut self, byte: u8) -> Result<Expect, JsonError> {
        let want = if self.in_object() { b'}' } else { b']' };
        let Some(index) = self.open.pop().filter(|_| byte == want) else {
            return Err(JsonError::Syntax(self.at));
        };
        self.at += 1;
        let next = self.nodes.len() as u32;
        let end = self.at as u32;
        if let Some(node) = self.nodes.get_mut(index as usize) {
            node.end = end;
            node.next = next;
        }
        if want == b'}' {
            self.distinct_keys(index as usize)?;
        }
        Ok(self.after_value())
    }

    /// Objects are small: compare in pairs up to 16 keys, by a set above that.
    fn distinct_keys(&self, object: usize) -> Result<(), JsonError> {
        let mut keys: smallvec::SmallVec<[&Node; 16]> = smallvec::SmallVec::new();
        // Keys that differ mostly do so in their lengths or at one of their ends.
        let mut ends: smallvec::SmallVec<[u64; 16]> = smallvec::SmallVec::new();
        let mut twice = false;
        let mut at = object + 1;
        while let (Some(key), Some(value)) = (self.nodes.get(at), self.nodes.get(at + 1)) {
            let end = self.ends(key);
            twice |= key.escaped || ends.contains(&end);
            keys.push(key);
            ends.push(end);
            at = value.next as usize;
            if keys.len() > 16 {
                twice = true;
                ends.clear();
            }
        }
        if !twice {
            return Ok(());
        }
        let meaning = |n: &Node| -> Cow<'_, str> {
            let raw = self.src.get(n.start as usize..n.end as usize).unwrap_or_default();
            let raw = std::str::from_utf8(raw).unwrap_or_default();
            if n.escaped { Cow::Owned(unescape(raw)) } else { Cow::Borrowed(raw) }
        };
        if keys.len() <= 16 && keys.iter().all(|k| !k.escaped) {
            let bytes = |n: &Node| self.src.get(n.start as usize..n.end as usize);
            for (i, a) in keys.iter().enumerate() {
                if keys.iter().take(i).any(|b| b.end - b.start == a.end - a.start && bytes(a) == bytes(b)) {
                    return Err(JsonError::DuplicateKey(a.start as usize));
                }
            }
            return Ok(());
        }
        let mut seen = HashSet::with_capacity(keys.len());
        match keys.iter().find(|k| !seen.insert(meaning(k))) {
            Some(k) => Err(JsonError::DuplicateKey(k.start as usize)),
            None => Ok(()),
        }
    }

    /// The length of a key and the bytes at its ends, as one number.
    fn ends(&self, key: &Node) -> u64 {
        let raw = self.src.get(key.start as usize..key.end as usize).unwrap_or_default();
        let four = |bytes: Option<&[u8; 4]>| bytes.map_or(0, |bytes| u64::from(u32::from_le_bytes(*bytes)));
        let ends = if raw.len() < 4 {
            raw.iter().fold(0, |ends, &byte| ends << 8 | u64::from(byte))
        } else {
            four(raw.first_chunk()) << 32 | four(raw.last_chunk())
        };
        ends ^ (raw.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    fn string(&mut self, kind: Kind) -> Result<(), JsonError> {
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            let rest = self.src.get(at..).unwrap_or_default();
            let Some(plain) = plain_length(rest) else {
                return Err(JsonError::Syntax(self.src.len()));
            };
            at += plain;
            match self.src.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    at += self.escape(at)?;
                }
                _ => return Err(JsonError::Syntax(at)),
            }
        }
        self.push(kind, escaped, start, at)?;
        self.at = at + 1;
        Ok(())
    }

    /// Length of the escape at `at`.
    fn escape(&self, at: usize) -> Result<usize, JsonError> {
        match self.src.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(2),
            Some(b'u')
                if self.src.get(at + 2..at + 6).is_some_and(|h| h.iter().all(u8::is_ascii_hexdigit)) =>
            {
                Ok(6)
            }
            _ => Err(JsonError::Syntax(at)),
        }
    }

    fn scalar(&mut self, byte: u8) -> Result<(), JsonError> {
        let start = self.at;
        let kind = match byte {
            b't' => self.word(b"true", Kind::Bool)?,
            b'f' => self.word(b"false", Kind::Bool)?,
            b'n' => self.word(b"null", Kind::Null)?,
            b'-' | b'0'..=b'9' => self.number()?,
            _ => return Err(JsonError::Syntax(start)),
        };
        self.push(kind, false, start, self.at)
    }

    fn word(&mut self, word: &[u8], kind: Kind) -> Result<Kind, JsonError> {
        if self.src.get(self.at..self.at + word.len()) != Some(word) {
            return Err(JsonError::Syntax(self.at));
        }
        self.at += word.len();
        Ok(kind)
    }

    fn number(&mut self) -> Result<Kind, JsonError> {
        if self.src.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        match self.src.get(self.at) {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(JsonError::Syntax(self.at)),
        }
        if self.src.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.src.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.src.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Kind::Number)
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.src.get(self.at) {
            self.at += 1;
        }
        if self.at == start { Err(JsonError::Syntax(start)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(src: &str) -> Result<Tape, JsonError> {
        let mut tape = Tape::default();
        tape.parse(src.as_bytes()).map(|()| tape)
    }

    #[test]
    fn locates_strings_and_keys() {
        let src = r#" {"a":["x\n",1.5e3,true,null],"b":{}} "#;
        let tape = parse(src).unwrap_or_default();
        let texts: Vec<_> =
            (0..tape.nodes().len()).map(|i| (tape.nodes()[i].kind, tape.text(src.as_bytes(), i))).collect();
        assert_eq!(texts[1], (Kind::Key, "a".into()));
        assert_eq!(texts[3], (Kind::String, "x\n".into()));
        assert_eq!(tape.find(src.as_bytes(), &["b"]).map(|i| tape.nodes()[i].kind), Some(Kind::Object));
    }

    #[test]
    fn refuses_what_readers_disagree_on() {
        for (src, want) in [
            (r#"{"a":1,"a":2}"#, JsonError::DuplicateKey(8)),
            (r#"{"a":1,"\u0061":2}"#, JsonError::DuplicateKey(8)),
            (r#"{"a":1,}"#, JsonError::Syntax(7)),
            (r"[1,2", JsonError::Syntax(4)),
            (r"[01]", JsonError::Syntax(2)),
            (r#"["\x"]"#, JsonError::Syntax(2)),
            (r"1 2", JsonError::Syntax(2)),
            ("", JsonError::Syntax(0)),
            ("[}", JsonError::Syntax(1)),
        ] {
            assert_eq!(parse(src).err(), Some(want), "{src}");
        }
        assert_eq!(parse(&"[".repeat(200)).err(), Some(JsonError::Depth(128, 128)));
        let mut shallow = Tape::within(3, usize::MAX);
        assert_eq!(shallow.parse(b"[[[1]]]"), Ok(()));
        assert_eq!(shallow.parse(b"[[[[1]]]]"), Err(JsonError::Depth(3, 3)));
        assert_eq!(Tape::default().parse(b"\"\xff\""), Err(JsonError::Utf8(1)));
        let mut few = Tape::within(MAX_DEPTH, 3);
        assert_eq!(few.parse(br#"{"a":"b"}"#), Ok(()));
        assert_eq!(few.parse(br#"{"a":["b"]}"#), Err(JsonError::Values(3, 7)));
        assert_eq!(few.parse(format!("[{}0]", "1,".repeat(31)).as_bytes()), Ok(()));
        assert_eq!(few.parse(format!("[{}0]", "1,".repeat(32)).as_bytes()), Err(JsonError::Values(3, 65)));
        assert_eq!(few.parse(b"[1234567,1234567]"), Ok(()));
        assert_eq!(few.parse(b"[1234567,1234567,12e9]"), Err(JsonError::Values(3, 17)));
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            ".{0,12}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                proptest::collection::btree_map(".{0,6}", inner, 0..6)
                    .prop_map(|m| serde_json::Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// serde_json is the oracle: the same strings in the same order.
        #[test]
        fn finds_the_strings_that_serde_finds(value in json(), pretty: bool) {
            fn walk(v: &serde_json::Value, out: &mut Vec<String>) {
                match v {
                    serde_json::Value::String(s) => out.push(s.clone()),
                    serde_json::Value::Array(a) => a.iter().for_each(|v| walk(v, out)),
                    serde_json::Value::Object(o) => o.iter().for_each(|(k, v)| { out.push(k.clone()); walk(v, out); }),
                    _ => {}
                }
            }
            let src = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }?;
            let tape = parse(&src)?;
            let mut want = Vec::new();
            walk(&value, &mut want);
            let got: Vec<String> = (0..tape.nodes().len())
                .filter(|&i| matches!(tape.nodes()[i].kind, Kind::Key | Kind::String))
                .map(|i| tape.text(src.as_bytes(), i).into_owned())
                .collect();
            prop_assert_eq!(got, want);
        }

        /// Arbitrary bytes never panic, and what serde refuses is refused (but for what only we refuse).
        #[test]
        fn agrees_with_serde_on_what_is_json(src in "[\\[\\]{}\",:0-9a-u\\\\ .+-]{0,24}") {
            let ours = parse(&src).is_ok();
            let theirs = serde_json::from_str::<serde_json::Value>(&src);
            if ours {
                // serde refuses lone surrogates and numbers out of range, which pass here as text.
                if let Err(e) = theirs { prop_assert!(e.to_string().contains("surrogate") || e.to_string().contains("number out"), "{e}"); }
            }
        }
    }
}
