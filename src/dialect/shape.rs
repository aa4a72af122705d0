//! What each string of a body or event is: a table of field paths a dialect, compiled once into a trie.
//!
//! A path is written from the root: `messages[].content[].text`. `[]` steps into any element, `[#]` also makes the element's
//! position part of the channel's key, and `{index}` after a step (or alone at the start, for the root) makes the value of the
//! sibling field `index` part of it: `choices[]{index}.delta.content` is one channel for each choice. `[index]` has the element's
//! position stand for the root's field `index`, which other events name instead, and `{index|#}` where no element of its list has an
//! `index`. `*` is any key, `**` at the end is everything below.
//!
//! What makes part of a key belongs to the object or list at that place, not to the row that says it: it counts for every row whose path
//! leads through there, so one row with `choices[]{index}` is enough for all. Two rows may be one text only where the same parts count on
//! the way to both.
//!
//! A string that no row names is text in a channel of its own path (promise 4). A row that says identifier or enum is believed
//! only while the string looks like one: see [`crate::text::looks_like_identifier`].

use std::ops::Range;

use super::field::{Class, Field, leak};
use super::walk::{Found, Home};
use crate::text::json::Tape;

#[derive(Debug, Default)]
pub(super) struct TrieNode {
    pub(super) keys: Vec<(&'static str, u32)>,
    pub(super) any_key: Option<u32>,
    pub(super) element: Option<u32>,
    pub(super) position_in_key: bool,
    /// The node of which it is another place.
    pub(super) same_as: Option<u32>,
    /// The part of the key for which an element's position stands.
    pub(super) position_as: Option<u32>,
    pub(super) siblings: Vec<&'static str>,
    /// Whether an element's position stands for the sibling that no element of its list has.
    pub(super) position_else: bool,
    pub(super) class: Option<(u32, Class)>,
    pub(super) below: Option<(u32, Class)>,
}

/// A compiled table.
#[derive(Debug)]
pub struct Shape {
    pub(super) nodes: Vec<TrieNode>,
    fields: Vec<Field>,
    first: u32,
}

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
                    let without = names.strip_suffix("|#");
                    if let Some(node) = self.nodes.get_mut(at as usize).filter(|_| without.is_some()) {
                        node.position_else = true;
                    }
                    let names = without.unwrap_or(names);
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
                Step::Standing(name) => {
                    let part = self.root_sibling(name);
                    if let Some(node) = self.nodes.get_mut(at as usize) {
                        node.position_as = Some(part);
                    }
                    self.child(at, Step::Element { counted: false })
                }
                step => self.child(at, step),
            };
        }
        if let Some(node) = self.nodes.get_mut(at as usize) {
            node.class = Some((row, field.class));
        }
    }

    /// The number of the key's part that is the root's field of this name.
    fn root_sibling(&mut self, name: &'static str) -> u32 {
        let Some(root) = self.nodes.first_mut() else { return 0 };
        let known = root.siblings.iter().position(|n| *n == name);
        known.unwrap_or_else(|| {
            root.siblings.push(name);
            root.siblings.len() - 1
        }) as u32
    }

    /// Makes the texts at `path` and at `other`, both already rows, one text: a reader appends the one to the other.
    ///
    /// # Panics
    /// Where there is no such row, as in [`Shape::goes_on`] and [`Shape::same`]: a join that is misspelt would be none, and what is cut
    /// there would leak. Tables are constants, and a test builds each.
    #[must_use]
    pub fn joined(self, path: &str, other: &str) -> Self {
        let to = self.row(path);
        self.renumbered(other, to)
    }

    /// Makes the text at `path` and the one at `other_path` of another table one text. The two must count their keys' parts alike.
    ///
    /// # Panics
    /// Where there is no such row.
    #[must_use]
    pub fn goes_on(self, path: &str, other: &Self, other_path: &str) -> Self {
        self.renumbered(path, other.row(other_path))
    }

    /// Makes the objects at `path` and at `other` one place: what no row names in the one goes on in the other.
    ///
    /// # Panics
    /// Where no row leads there.
    #[must_use]
    pub fn same(mut self, path: &str, other: &str) -> Self {
        let (from, to) = (self.place(path), self.place(other));
        self.nodes[from as usize].same_as = Some(to);
        self
    }

    /// The node that stands for this one.
    pub(super) fn place_of(&self, number: u32) -> u32 {
        self.nodes.get(number as usize).and_then(|node| node.same_as).unwrap_or(number)
    }

    /// The node of an object.
    fn place(&self, path: &str) -> u32 {
        let node = path.split('.').try_fold(0u32, |at, name| {
            let keys = &self.nodes.get(at as usize)?.keys;
            keys.iter().find(|(k, _)| *k == name).map(|&(_, n)| n)
        });
        node.unwrap_or_else(|| panic!("no row leads to `{path}`"))
    }

    fn row(&self, path: &str) -> u32 {
        let row = self.fields.iter().rposition(|f| f.path == path);
        self.first + row.unwrap_or_else(|| panic!("no row for `{path}`")) as u32
    }

    fn renumbered(mut self, path: &str, to: u32) -> Self {
        let from = self.row(path);
        let mut joined = false;
        for node in &mut self.nodes {
            if let Some((number, _)) = &mut node.class
                && *number == from
            {
                *number = to;
                joined = true;
            }
        }
        assert!(joined, "the row for `{path}` is joined already");
        self
    }

    fn child(&mut self, at: u32, step: Step) -> u32 {
        let fresh = self.nodes.len() as u32;
        let Some(node) = self.nodes.get_mut(at as usize) else { return 0 };
        let known = match step {
            Step::Key(name) => node.keys.iter().find(|(k, _)| *k == name).map(|&(_, n)| n),
            Step::AnyKey => node.any_key,
            Step::Element { .. } => node.element,
            Step::Siblings(_) | Step::Standing(_) | Step::Everything => Some(at),
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
            Step::Siblings(_) | Step::Standing(_) | Step::Everything => {}
        }
        self.nodes.push(TrieNode::default());
        fresh
    }

    /// Visits every string, key and long number of the tape's value, in document order.
    pub fn walk(&self, src: &[u8], tape: &Tape, visit: &mut dyn FnMut(Found)) {
        super::walk::walk(self, src, tape, visit);
    }

    /// Visits every list and object of the tape's value that the table knows.
    pub fn homes(&self, src: &[u8], tape: &Tape, visit: &mut dyn FnMut(Home)) {
        super::walk::homes(self, src, tape, visit);
    }

    /// Every object that the table knows, but for those within free JSON values, which are whole in their event: where a new field may turn
    /// up that comes in pieces. For tests.
    #[cfg(test)]
    pub fn open_places(&self) -> Vec<String> {
        let (mut out, mut next) = (Vec::new(), vec![(0u32, String::new())]);
        while let Some((at, path)) = next.pop() {
            let Some(node) = self.nodes.get(at as usize) else { continue };
            if matches!(node.class, Some((_, Class::Tree(_)))) || node.below.is_some() {
                continue;
            }
            if let Some(element) = node.element {
                next.push((element, format!("{path}[]")));
            }
            if !node.keys.is_empty() {
                out.push(path.clone());
            }
            let dot = if path.is_empty() { "" } else { "." };
            next.extend(node.keys.iter().map(|(key, child)| (*child, format!("{path}{dot}{key}"))));
        }
        out
    }

    /// What a row of the table says of `path`, written without indices (`choices[].delta.content`).
    /// Public for `tests/coverage.rs`.
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
                Step::Element { .. } | Step::Standing(_) => node.element,
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
    Element {
        counted: bool,
    },
    /// Any element; its position stands for the root's field of this name.
    Standing(&'static str),
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
        } else if let Some((name, r)) = rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
            out.push(Step::Standing(leak(name)));
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

#[cfg(test)]
mod tests {
    use super::super::field::*;
    use super::super::walk::ChannelKey;
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

    /// A join that does nothing would let through what is cut there.
    #[test]
    fn a_misspelt_join_is_no_join() {
        let table = || Shape::new(&[&[delta("a.text"), delta("b.text")]]);
        assert_eq!(table().joined("a.text", "b.text").same("a", "b").nodes.len(), 5);
        let misspelt: [fn(Shape) -> Shape; 6] = [
            |shape| shape.joined("a.txt", "b.text"),
            |shape| shape.joined("a.text", "b.txt"),
            |shape| shape.goes_on("a.txt", &Shape::new(&[&[delta("b.text")]]), "b.text"),
            |shape| shape.goes_on("a.text", &Shape::new(&[&[delta("b.text")]]), "b.txt"),
            |shape| shape.same("a", "c"),
            |shape| shape.same("c", "a"),
        ];
        for join in misspelt {
            assert!(std::panic::catch_unwind(|| join(table())).is_err());
        }
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
