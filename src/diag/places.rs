//! Where each entry of a TOML file stands, so that a check on plain values can still point at the line.

use super::Span;
use toml::de::{DeTable, DeValue};

/// The tree of a file: names and places, no values.
#[derive(Debug, Default)]
pub struct Places {
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    key: Option<Span>,
    value: Option<Span>,
    children: Vec<(String, Node)>,
}

/// One step down: the key of a table or the number of an array's element.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// A key.
    Key(&'a str),
    /// An element, from 0.
    Item(usize),
}

impl<'a> From<&'a str> for Step<'a> {
    fn from(key: &'a str) -> Self {
        Self::Key(key)
    }
}

impl From<usize> for Step<'_> {
    fn from(item: usize) -> Self {
        Self::Item(item)
    }
}

impl Places {
    pub(super) fn new(root: &DeTable<'_>) -> Self {
        Self { root: Node { key: None, value: None, children: table(root) } }
    }

    /// The place of the value at the end of the path, or of the last thing on the way that exists.
    pub fn value(&self, path: &[Step<'_>]) -> Option<Span> {
        self.walk(path).0.value
    }

    /// The place of the key at the end of the path, else as [`Places::value`].
    pub fn key(&self, path: &[Step<'_>]) -> Option<Span> {
        let (node, whole) = self.walk(path);
        if whole { node.key.or(node.value) } else { node.value }
    }

    /// Whether the file has the entry at all.
    pub fn has(&self, path: &[Step<'_>]) -> bool {
        self.walk(path).1
    }

    fn walk(&self, path: &[Step<'_>]) -> (&Node, bool) {
        let mut node = &self.root;
        for step in path {
            let child = match *step {
                Step::Key(name) => node.children.iter().find(|(n, _)| n == name),
                Step::Item(at) => node.children.get(at),
            };
            let Some((_, child)) = child else { return (node, false) };
            node = child;
        }
        (node, true)
    }
}

fn table(table: &DeTable<'_>) -> Vec<(String, Node)> {
    table
        .iter()
        .map(|(key, value)| {
            let mut node = node(value);
            node.key = Some(key.span().into());
            (key.get_ref().to_string(), node)
        })
        .collect()
}

fn node(value: &toml::Spanned<DeValue<'_>>) -> Node {
    let children = match value.get_ref() {
        DeValue::Table(inner) => table(inner),
        DeValue::Array(items) => items.iter().map(|item| (String::new(), node(item))).collect(),
        _ => Vec::new(),
    };
    Node { key: None, value: Some(value.span().into()), children }
}
