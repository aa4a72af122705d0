//! As much of XML as the lists of an office document need: the root, and where its children stand.

use std::collections::BTreeSet;
use std::ops::Range;

/// The root element of a part.
#[derive(Debug)]
pub(super) struct Root {
    /// With its prefix.
    pub(super) name: String,
    /// Where its children named `AIGC` stand.
    pub(super) blocks: Vec<Range<usize>>,
    /// The `pid` of each other child that has one.
    pub(super) numbers: BTreeSet<u32>,
    /// Where its end tag stands; its only tag, where it has no content.
    end: Range<usize>,
    is_empty: bool,
}

/// A tag.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Start,
    End,
    Empty,
}

impl Root {
    /// None where the part is not well-formed as far as its tags go.
    pub(super) fn of(xml: &str) -> Option<Self> {
        let (mut at, mut open) = (0, Vec::new());
        // The child that is open: where it begins, whether it is a block, and its number.
        let mut child: (usize, bool, Option<u32>) = (0, false, None);
        let (mut blocks, mut numbers) = (Vec::new(), BTreeSet::new());
        while let Some(start) = xml.get(at..)?.find('<').map(|n| at + n) {
            let rest = xml.get(start..)?;
            let passed = [("<!--", "-->"), ("<?", "?>"), ("<![CDATA[", "]]>"), ("<!", ">")];
            if let Some((_, end)) = passed.iter().find(|(begin, _)| rest.starts_with(begin)) {
                at = start + rest.find(end)? + end.len();
                continue;
            }
            let (kind, name, attributes, stop) = tag(xml, start)?;
            at = stop;
            if kind == Kind::End {
                if open.pop()? != name {
                    return None;
                }
            } else {
                if open.len() == 1 {
                    let of = |name: &str| attribute(attributes, name);
                    child = (start, of("name") == Some("AIGC"), of("pid").and_then(|n| n.parse().ok()));
                }
                if kind == Kind::Start {
                    open.push(name);
                }
            }
            match open.len() {
                // The root's own end.
                0 => {
                    let is_empty = kind == Kind::Empty;
                    return Some(Self { name: name.to_owned(), blocks, numbers, end: start..stop, is_empty });
                }
                // The end of a child, and not the root's beginning.
                1 if kind != Kind::Start => {
                    let (start, is_block, number) = child;
                    if is_block {
                        blocks.push(start..stop);
                    } else {
                        numbers.extend(number);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// The part without its blocks, and this as the root's last child.
    pub(super) fn with(&self, xml: &str, last: &str) -> Option<String> {
        let (mut out, mut at) = (String::with_capacity(xml.len() + last.len()), 0);
        for block in &self.blocks {
            out.push_str(xml.get(at..block.start)?);
            at = block.end;
        }
        out.push_str(xml.get(at..self.end.start)?);
        let end = xml.get(self.end.clone())?;
        if self.is_empty {
            out.push_str(end.strip_suffix("/>")?);
            out.push('>');
            out.push_str(last);
            out.extend(["</", &self.name, ">"]);
        } else {
            out.push_str(last);
            out.push_str(end);
        }
        out.push_str(xml.get(self.end.end..)?);
        Some(out)
    }
}

/// The tag that begins here: its name, what stands behind that, and where it ends.
fn tag(xml: &str, start: usize) -> Option<(Kind, &str, &str, usize)> {
    let mut quote = None;
    let inner = xml.get(start + 1..)?;
    let end = inner.bytes().position(|byte| match (quote, byte) {
        (None, b'"' | b'\'') => {
            quote = Some(byte);
            false
        }
        (None, b'>') => true,
        (Some(open), byte) if open == byte => {
            quote = None;
            false
        }
        _ => false,
    })?;
    let inner = inner.get(..end)?;
    let (kind, inner) = match (inner.strip_prefix('/'), inner.strip_suffix('/')) {
        (Some(inner), _) => (Kind::End, inner),
        (None, Some(inner)) => (Kind::Empty, inner),
        (None, None) => (Kind::Start, inner),
    };
    let (name, attributes) = inner.split_at(inner.find(char::is_whitespace).unwrap_or(inner.len()));
    (!name.is_empty()).then_some((kind, name, attributes, start + end + 2))
}

/// The value of an attribute, as it is written.
fn attribute<'x>(mut attributes: &'x str, name: &str) -> Option<&'x str> {
    while let Some((key, rest)) = attributes.split_once('=') {
        let rest = rest.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, behind) = rest.get(1..)?.split_once(quote)?;
        if key.trim() == name {
            return Some(value);
        }
        attributes = behind;
    }
    None
}
