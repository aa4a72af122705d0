//! Puts one text in the place of another wherever it is found: values in the place of their stand-ins, and the other way round.

use std::fmt;
use std::sync::Arc;

use super::finder::{Finder, Hit, Scan, squeezed};
use crate::text::fold::TextKind;

/// A text that is looked for, and what stands in its place.
#[derive(Clone)]
pub(super) struct Phrase {
    pub(super) category: Arc<str>,
    pub(super) find: Arc<str>,
    pub(super) put: Arc<str>,
    /// Its first letter counts only as it is written, or where all are capitals: a name that is a word too.
    pub(super) exact: bool,
}

impl Phrase {
    /// Signs before the first letter or behind the last one that both have stay as they stand in the text: they are not looked for.
    pub(super) fn new(category: Arc<str>, find: &str, put: &str) -> Self {
        let signs = |c: char| !c.is_alphanumeric();
        let before = |text: &str| text.find(char::is_alphanumeric).unwrap_or(text.len());
        let behind = |text: &str| text.trim_end_matches(signs).len();
        let (mut find, mut put) = (find, put);
        if find.get(..before(find)) == put.get(..before(put)) {
            (find, put) = (find.trim_start_matches(signs), put.trim_start_matches(signs));
        }
        if find.get(behind(find)..) == put.get(behind(put)..) {
            (find, put) = (find.trim_end_matches(signs), put.trim_end_matches(signs));
        }
        Self { category, find: find.into(), put: put.into(), exact: false }
    }
}

/// Texts, each with what stands in its place.
#[derive(Default)]
pub struct Back {
    finder: Finder,
    phrases: Vec<Phrase>,
}

impl fmt::Debug for Back {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Back(<{} phrases>)", self.phrases.len())
    }
}

/// A place of a text, what was found there, and what is put there.
#[derive(Clone, PartialEq, Eq)]
pub struct Returning {
    /// The first byte of what was found.
    pub start: u64,
    /// The byte behind it.
    pub end: u64,
    /// The category of the value.
    pub category: Arc<str>,
    /// What stands there then.
    pub text: Arc<str>,
    /// Whether it is a word of a value, found by itself.
    pub word: bool,
}

impl fmt::Debug for Returning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}: {} <{} bytes>", self.start, self.end, self.category, self.text.len())
    }
}

impl Back {
    pub(super) fn add(&mut self, phrase: Phrase) {
        self.finder.add(&phrase.find, self.phrases.len() as u32);
        self.phrases.push(phrase);
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.finder.is_empty()
    }

    /// Looks for plurals too: `the Thornwells`. Those of one owner need nothing, since a word ends before the apostrophe.
    pub(super) fn inflect(&mut self) {
        for n in 0..self.phrases.len() {
            let Some(phrase) = self.phrases.get(n) else { continue };
            let is_name = matches!(&*phrase.category, "PERSON" | "ORGANIZATION");
            if is_name && phrase.find.ends_with(|c: char| c.is_ascii_lowercase()) {
                let phrase = Phrase {
                    find: plural(&phrase.find).into(),
                    put: plural(&phrase.put).into(),
                    ..phrase.clone()
                };
                self.add(phrase);
            }
        }
    }

    /// All that is found in a whole text.
    pub fn all(&self, kind: TextKind, text: &str) -> Vec<Returning> {
        let hits = self.finder.all(kind, text);
        hits.iter().filter_map(|hit| self.returning(hit, text, 0)).collect()
    }

    fn returning(&self, hit: &Hit, text: &str, base: u64) -> Option<Returning> {
        let found = text.get((hit.start - base) as usize..(hit.end - base) as usize)?;
        let numbers = self.finder.of(hit).iter();
        let phrases: Vec<&Phrase> = numbers.filter_map(|&n| self.phrases.get(n as usize)).collect();
        // Of values that differ only in how they are written the one counts that is written so.
        let phrase = phrases.iter().find(|phrase| &*phrase.find == found).or(phrases.first())?;
        if phrase.exact && !is_written_so(found, &phrase.find) {
            return None;
        }
        Some(Returning {
            start: hit.start,
            end: hit.end,
            category: Arc::clone(&phrase.category),
            text: like(found, phrase),
            word: phrase.exact,
        })
    }
}

fn is_written_so(found: &str, find: &str) -> bool {
    let upper = |text: &str| text.chars().all(|c| !c.is_lowercase());
    found.chars().next() == find.chars().next()
        && found.get(1..).is_some_and(|rest| !rest.chars().any(char::is_uppercase))
        || upper(found)
        || !find.chars().any(char::is_uppercase)
}

fn plural(word: &str) -> String {
    let hisses = ["s", "x", "z", "ch", "sh"].iter().any(|end| word.ends_with(end));
    if word.ends_with(|c: char| c.is_ascii_lowercase()) {
        format!("{word}{}", if hisses { "es" } else { "s" })
    } else {
        word.to_owned()
    }
}

/// What is put in a place, written as what was found there is: in capitals, in small letters, with other characters between the words.
fn like(found: &str, phrase: &Phrase) -> Arc<str> {
    if found == &*phrase.find || found.contains('\\') {
        return Arc::clone(&phrase.put);
    }
    let mut put = phrase.put.to_string();
    let (upper, lower) =
        (|t: &str| t.chars().any(char::is_uppercase), |t: &str| t.chars().any(char::is_lowercase));
    let words = squeezed(found).chars().any(char::is_alphabetic);
    if words && upper(found) && !lower(found) && lower(&phrase.find) {
        put = put.to_uppercase();
    } else if words && lower(found) && !upper(found) && upper(&phrase.find) {
        put = put.to_lowercase();
    }
    if let Some(gap) = gap(found).filter(|_| gap(&phrase.find).as_deref() == Some(" ") && put.contains(' ')) {
        put = put.split(' ').collect::<Vec<_>>().join(&gap);
    }
    put.into()
}

/// What stands between all words of a text, if it is the same between all.
fn gap(text: &str) -> Option<String> {
    let mut gaps = text.split(|c: char| c.is_alphanumeric()).filter(|gap| !gap.is_empty());
    let first = gaps.next()?;
    gaps.all(|gap| gap == first).then(|| first.to_owned())
}

/// A text on its way, in which stand-ins are looked for.
#[derive(Clone)]
pub struct Channel {
    back: Arc<Back>,
    scan: Scan,
    /// The text that is not settled.
    text: String,
    base: u64,
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("back", &self.back).field("base", &self.base).finish_non_exhaustive()
    }
}

impl Channel {
    /// The beginning of a text.
    pub fn new(back: Arc<Back>, kind: TextKind) -> Self {
        Self { back, scan: Scan::new(kind), text: String::new(), base: 0 }
    }

    /// Reads the next piece.
    pub fn push(&mut self, piece: &str) -> Vec<Returning> {
        self.text.push_str(piece);
        let mut hits = Vec::new();
        self.scan.push(&self.back.finder, piece, &mut hits);
        self.take(&hits)
    }

    /// The text is over, or is decided as if it were.
    pub fn finish(&mut self) -> Vec<Returning> {
        let mut hits = Vec::new();
        self.scan.finish(&self.back.finder, &mut hits);
        self.take(&hits)
    }

    /// Up to where nothing more is found.
    pub fn settled(&self) -> u64 {
        self.scan.settled()
    }

    fn take(&mut self, hits: &[Hit]) -> Vec<Returning> {
        let found = hits.iter().filter_map(|hit| self.back.returning(hit, &self.text, self.base)).collect();
        let settled = self.scan.settled().max(self.base);
        let gone = (settled - self.base) as usize;
        // In constant time on average: only where there is more to forget than to keep.
        if gone > 256 && gone > self.text.len() / 2 {
            let gone = self.text.floor_char_boundary(gone.min(self.text.len()));
            self.text.drain(..gone);
            self.base += gone as u64;
        }
        found
    }
}
