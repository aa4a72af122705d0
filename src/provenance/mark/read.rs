//! Finds marks in a text, verifies them with every epoch's key, and takes them out.

use std::borrow::Cow;
use std::ops::Range;

use smallvec::SmallVec;

use super::carrier::{Carrier, Run, TAG, Tag, is_carrier, may_hold, runs};
use super::fold::{self, Context};
use super::keys::MarkKeys;

/// A run of characters that has the form of a mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its bytes in the text.
    pub bytes: Range<usize>,
    /// Letters before it in the text.
    pub letters: u64,
    /// How it is written.
    pub carrier: Carrier,
    /// The epoch with whose key it verifies.
    pub epoch: Option<u32>,
    /// Whether so few letters stand before it that nobody can say whether it verifies.
    pub cut: bool,
    /// Whether all letters since the last mark of its carrier are what they were; none where there is no such mark.
    pub whole: Option<bool>,
    /// Letters since the last mark of its carrier, where there is one.
    pub since: u64,
}

/// What a text holds of marks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Runs in order.
    pub found: Vec<Found>,
    /// Letters of the text.
    pub letters: u64,
    /// Characters of the alphabets that belong to no run.
    pub stray: u64,
}

/// Letters since the last run of a carrier.
#[derive(Debug, Default)]
struct Since {
    last: Option<Tag>,
    letters: String,
    count: u64,
}

/// What is known of the text so far.
#[derive(Debug, Default)]
struct Reader {
    context: Context,
    since: [Since; 2],
    letters: u64,
}

impl Reader {
    fn push(&mut self, c: char) {
        let Self { context, since, letters } = self;
        fold::letters(c, |letter| {
            context.push(letter);
            for since in since.iter_mut() {
                // Before the first run nothing is checked.
                if since.last.is_some() {
                    since.letters.push(letter);
                    since.count += 1;
                }
            }
            *letters += 1;
        });
    }

    fn verify(&mut self, keys: &MarkKeys, run: &Run, bytes: Range<usize>) -> Found {
        let [place @ .., check] = &run.tag;
        let context = self.context.bytes();
        let epoch = context.as_ref().and_then(|context| {
            keys.newest_first().find(|epoch| epoch.place(run.carrier, context)[..] == place[..TAG - 1])
        });
        let Some(since) = self.since.get_mut(usize::from(run.carrier.number() - 1)) else {
            unreachable!("there are two carriers")
        };
        let whole = since.last.zip(epoch).map(|(last, epoch)| {
            let mut stretch = epoch.stretch(run.carrier, Some(&last));
            stretch.push(&since.letters);
            stretch.end() == *check
        });
        let count = since.count;
        *since = Since { last: Some(run.tag), ..Since::default() };
        Found {
            bytes,
            letters: self.letters,
            carrier: run.carrier,
            epoch: epoch.map(|epoch| epoch.number),
            cut: context.is_none(),
            whole,
            since: count,
        }
    }
}

/// Reads a text.
pub fn read(keys: &MarkKeys, text: &str) -> Reading {
    read_from(keys, text, &mut Context::default())
}

fn read_from(keys: &MarkKeys, text: &str, context: &mut Context) -> Reading {
    let mut out = Reading::default();
    let mut reader = Reader { context: std::mem::take(context), ..Reader::default() };
    let mut stretch: SmallVec<[(usize, char); 32]> = SmallVec::new();
    let ends = std::iter::once((text.len(), None));
    for (at, c) in text.char_indices().map(|(at, c)| (at, Some(c))).chain(ends) {
        if let Some(c) = c.filter(|&c| is_carrier(c)) {
            stretch.push((at, c));
            continue;
        }
        if !stretch.is_empty() {
            let chars: SmallVec<[char; 32]> = stretch.iter().map(|(_, c)| *c).collect();
            let byte = |n: usize| stretch.get(n).map_or(at, |(at, _)| *at);
            out.stray += chars.len() as u64;
            for run in runs(&chars) {
                out.stray -= run.chars.len() as u64;
                let bytes = byte(run.chars.start)..byte(run.chars.end);
                out.found.push(reader.verify(keys, &run, bytes));
            }
            stretch.clear();
        }
        if let Some(c) = c {
            reader.push(c);
        }
    }
    out.letters = reader.letters;
    *context = reader.context;
    out
}

/// Takes marks out of texts that come one after another: a client may send an answer back in the pieces in which it came.
#[derive(Debug, Default)]
pub struct Strip {
    context: Context,
    /// How many marks were taken out.
    pub marks: u64,
}

impl Strip {
    /// The bytes of the marks that verify. What does not verify is somebody else's, or no mark, and stays.
    pub fn own(&mut self, keys: &MarkKeys, text: &str) -> Vec<Range<usize>> {
        if !may_hold(text.as_bytes()) {
            self.pass(text);
            return Vec::new();
        }
        // Alone, as it was written; behind the text before it, if it is a piece.
        let mut after = self.context.clone();
        let own: Vec<Range<usize>> = read_from(keys, text, &mut Context::default())
            .found
            .into_iter()
            .zip(read_from(keys, text, &mut after).found)
            .filter(|(alone, behind)| alone.epoch.is_some() || behind.epoch.is_some())
            .map(|(alone, _)| alone.bytes)
            .collect();
        self.context = after;
        self.marks += own.len() as u64;
        own
    }

    /// The text without them.
    pub fn text<'t>(&mut self, keys: &MarkKeys, text: &'t str) -> Cow<'t, str> {
        let own = self.own(keys, text);
        if own.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for mark in own {
            out.push_str(text.get(at..mark.start).unwrap_or_default());
            at = mark.end;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        Cow::Owned(out)
    }

    /// Only the last letters of a text matter to what follows it.
    fn pass(&mut self, text: &str) {
        let tail = text.char_indices().rev().nth(fold::CONTEXT * 4).map_or(0, |(at, _)| at);
        let tail = text.get(tail..).unwrap_or_default();
        let whole =
            tail.len() == text.len() || tail.chars().filter(|c| c.is_alphanumeric()).count() >= fold::CONTEXT;
        for c in if whole { tail } else { text }.chars() {
            fold::letters(c, |letter| self.context.push(letter));
        }
    }
}

/// A text without the marks that verify.
pub fn strip<'t>(keys: &MarkKeys, text: &'t str) -> Cow<'t, str> {
    Strip::default().text(keys, text)
}
