//! What is kept of an answer's texts: numbers of some rows of letters and where these stand, without what stood in the request.

use std::collections::HashMap;

use super::keys::{PrintKeys, TenantKey};
use crate::detect::fingerprint::gram::{Gram, Letters, Read, Winnow};
use crate::text::fold::{FoldPos, TextKind, View};
use crate::text::json::{Kind, MAX_DEPTH, Tape, unescape};

/// Of so many rows that follow each other one at least is kept: with two a fragment of a hundred Chinese letters of which a fifth is edited has
/// the more letters in rows, for 4.4 bytes a character in place of 2.7.
const OF: usize = 2;
/// So many letters part the texts of one answer.
const BETWEEN: u32 = 64;
/// What a letter of an alphabet weighs; one of Chinese, Japanese or Korean says as much as 2.4 of these.
const NARROW: f64 = 5.0;
/// What a row of letters weighs, in letters of alphabets.
pub(super) const ROW: f64 = 12.0;

/// A row of letters and where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Print {
    /// The row's number, under the gateway's key.
    pub(super) gram: u64,
    /// Of its last letter: how many stand before it.
    pub(super) at: u32,
}

/// What is kept of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Prints {
    /// In order.
    pub(super) prints: Vec<Print>,
    /// Letters of all its texts, and what parts these.
    pub(super) letters: u32,
}

/// Reads a text letter by letter: each letter's end in it, in bytes, what it weighs, and the row that ends there.
fn read(keys: &PrintKeys, text: &str, mut each: impl FnMut(u32, u32, Option<Gram>)) -> u64 {
    Letters::of_text(keys.grams(), text, |view, letters, read| {
        if let Read::Letter(gram) = read {
            each(view.text_end(FoldPos(letters.end())).0 as u32, letters.weight(), gram);
        }
    })
}

impl Prints {
    /// Those of an answer's texts, but for rows of letters that occur in the request (its body, as JSON or else as text) or among common
    /// phrases.
    pub(super) fn of(keys: &PrintKeys, texts: &[&str], asked: &[u8], common: &Common) -> Self {
        let mut own: HashMap<u64, bool> = HashMap::new();
        for text in texts {
            read(keys, text, |_, _, gram| {
                own.extend(gram.map(|gram| (gram.hash, common.has(gram.hash))));
            });
        }
        if own.is_empty() {
            return Self::default();
        }
        strings(asked, |text| {
            read(keys, text, |_, _, gram| {
                if let Some(was_asked) = gram.and_then(|gram| own.get_mut(&gram.hash)) {
                    *was_asked = true;
                }
            });
        });
        let mut out = Self::default();
        for text in texts {
            let (base, mut winnow) = (out.letters, Winnow::of(OF));
            let mut keep = |gram: Gram| {
                out.prints.push(Print { gram: gram.hash, at: base.saturating_add(gram.last as u32) });
            };
            let letters = read(keys, text, |_, _, gram| {
                if let Some(gram) = gram.filter(|gram| own.get(&gram.hash) == Some(&false)) {
                    winnow.push(gram, &mut keep);
                }
            });
            winnow.finish(&mut keep);
            out.letters = base.saturating_add(letters as u32).saturating_add(BETWEEN);
        }
        out
    }
}

impl Prints {
    /// By the numbers that a tenant's key gives them, each with its place.
    pub(super) fn numbers(&self, key: &TenantKey) -> Vec<(u64, u32)> {
        self.prints.iter().map(|print| (key.number(print.gram), print.at)).collect()
    }
}

/// How much of a text stands in a request: the share of its rows, from 0 to 1.
pub fn share_asked(keys: &PrintKeys, text: &str, asked: &[u8]) -> f64 {
    let mut rows = HashMap::new();
    read(keys, text, |_, _, gram| rows.extend(gram.map(|gram| (gram.hash, false))));
    strings(asked, |text| {
        read(keys, text, |_, _, gram| {
            if let Some(was_asked) = gram.and_then(|gram| rows.get_mut(&gram.hash)) {
                *was_asked = true;
            }
        });
    });
    rows.values().filter(|was_asked| **was_asked).count() as f64 / rows.len().max(1) as f64
}

/// Every text of a request: the strings and keys of JSON, or all of it where it is none.
fn strings(body: &[u8], mut each: impl FnMut(&str)) {
    let mut tape = Tape::within(MAX_DEPTH, usize::MAX);
    if tape.parse(body).is_err() {
        each(&String::from_utf8_lossy(body));
        return;
    }
    for node in tape.nodes().iter().filter(|node| matches!(node.kind, Kind::String | Kind::Key)) {
        let source = body.get(node.start as usize..node.end as usize);
        let source = source.and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
        if node.escaped { each(&unescape(source)) } else { each(source) }
    }
}

/// Rows of letters that say nothing of where a text comes from.
#[derive(Debug, Default)]
pub struct Common(std::collections::HashSet<u64>);

impl Common {
    /// Those of the phrases that ship with the gateway, and of others, a line each; lines that begin with `#` are none.
    pub fn new<'t>(keys: &PrintKeys, others: impl IntoIterator<Item = &'t str>) -> Self {
        let mut rows = std::collections::HashSet::new();
        let texts = std::iter::once(include_str!("common.txt")).chain(others);
        for line in texts.into_iter().flat_map(str::lines).filter(|line| !line.starts_with('#')) {
            read(keys, line, |_, _, gram| rows.extend(gram.map(|gram| gram.hash)));
        }
        Self(rows)
    }

    fn has(&self, gram: u64) -> bool {
        self.0.contains(&gram)
    }
}

/// A text that is looked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// All rows that are not common.
    pub(super) rows: Vec<Row>,
    /// By letter: where it ends in the text, in bytes.
    pub(super) ends: Vec<u32>,
    /// What it weighs, in letters of alphabets, and what of it is of Chinese, Japanese or Korean.
    pub(super) weight: f64,
    pub(super) wide: f64,
}

/// A row of letters of a text that is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) gram: u64,
    /// Of its last letter: how many stand before it.
    pub(super) at: u32,
    pub(super) letters: u32,
}

impl Asked {
    pub(super) fn of(keys: &PrintKeys, text: &str, common: &Common) -> Self {
        let mut out = Self::default();
        read(keys, text, |end, weight, gram| {
            out.ends.push(end);
            let weight = f64::from(weight) / NARROW;
            out.weight += weight;
            if weight > 1.0 {
                out.wide += weight;
            }
            if let Some(gram) = gram.filter(|gram| !common.has(gram.hash)) {
                out.rows.push(Row { gram: gram.hash, at: gram.last as u32, letters: gram.letters });
            }
        });
        out
    }
}

/// A text's letters, as they are compared.
pub(super) fn letters_of(text: &str) -> Vec<char> {
    let view = View::of(TextKind::Plain, text);
    let folded = String::from_utf8_lossy(view.bytes());
    folded.chars().filter(|c| c.is_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect()
}
