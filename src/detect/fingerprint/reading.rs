//! A text that is held against an index, as it arrives.
//!
//! Every row of letters is looked up. Rows that stand in one document, and there as far from each other as here, give or take
//! [`DRIFT`] letters, are one passage: words that were swapped, dropped or added within it do not end it. It ends where for
//! [`GAP`] letters nothing of it came, and is a finding if its rows cover [`NEED`] letters. A long passage is told in parts.

use super::gram::{Gram, LEAD, Letters, Read, WINDOW};
use super::index::{Index, Place};

/// Letters by which a passage may be shifted against its document since its last row.
const DRIFT: i64 = 40;
/// Letters without a row of the document that end its passage.
const GAP: u64 = 80;
/// Letters that rows of a document have to cover: of fifty characters of running text at least.
pub(super) const NEED: u32 = 30;
/// Letters after which a passage that is known to be one is told so far.
const PART: u64 = 400;
/// So many letters behind its last row a passage is over.
const WINDOW_LETTERS: u64 = WINDOW as u64;
/// The most passages that are followed at once.
const MOST: usize = 64;

/// What of a text stands in a document.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Passage {
    /// The document's number.
    pub document: u32,
    /// First byte in the folded text.
    pub start: u64,
    /// The byte behind it.
    pub end: u64,
    /// The share of its letters that rows of the document cover: 1 for what was copied as it is.
    pub covered: f32,
}

/// A passage in the making.
#[derive(Clone, Copy, Debug)]
struct Chain {
    document: u32,
    /// How much further the text is than the document.
    ahead: i64,
    start: u64,
    end: u64,
    /// The letters at which it began and at which its last row ended.
    from: u64,
    last: u64,
    covered: u32,
    rows: u32,
    /// Where the last word ended behind its last row.
    word: Option<u64>,
    /// A part of it has been told.
    told: bool,
}

impl Chain {
    fn is_passage(&self) -> bool {
        self.told || self.covered >= NEED && self.rows >= 2
    }

    /// The passage may end up to as many letters behind its last row as rows can be missed: with a word, where one ends there.
    fn trail(&mut self, letters_behind: u64, letters: &Letters) {
        match letters_behind {
            1..WINDOW_LETTERS => {
                if letters.begins_word(1) {
                    self.word = Some(self.end);
                }
                self.end = letters.end();
            }
            WINDOW_LETTERS if !letters.begins_word(1) => self.end = self.word.unwrap_or(self.end),
            _ => {}
        }
    }

    fn passage(&self) -> Passage {
        let letters = (self.last + 1 - self.from).max(1);
        let covered = (self.covered as f32 / letters as f32).min(1.0);
        Passage { document: self.document, start: self.start, end: self.end, covered }
    }
}

/// How far a text has been read.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    letters: Letters,
    chains: Vec<Chain>,
    /// No passage ends before this letter.
    ends: u64,
}

impl Reading {
    /// Reads on: folded text of whole characters that begins at `base`. `parts`: whether the quotation mark there parts texts, as in JSON.
    pub fn push(
        &mut self,
        index: &Index,
        text: &[u8],
        base: u64,
        parts: impl Fn(u64) -> bool,
        found: &mut Vec<Passage>,
    ) {
        let Self { letters, chains, ends } = self;
        letters.push(&index.key, text, base, parts, |letters, read| {
            let Read::Letter(gram) = read else { return close(chains, u64::MAX, found) };
            let at = letters.count() - 1;
            if !chains.is_empty() {
                for chain in chains.iter_mut() {
                    chain.trail(at - chain.last, letters);
                }
                if at >= *ends {
                    close(chains, at, found);
                    *ends = chains.iter().map(|chain| chain.last + GAP + 1).min().unwrap_or(u64::MAX);
                }
            }
            let Some(gram) = gram else { return };
            for place in index.places(gram.hash) {
                row(chains, letters, gram, *place, found);
                *ends = (*ends).min(at + GAP + 1);
            }
        });
    }

    /// The text is over.
    pub fn finish(&mut self, found: &mut Vec<Passage>) {
        close(&mut self.chains, u64::MAX, found);
    }

    /// From where on a passage may stand in the folded text that has not been told.
    pub fn open(&self) -> Option<u64> {
        let chains = self.chains.iter().map(|chain| chain.start).min();
        // What comes next may show that a passage began with these letters.
        chains.into_iter().chain(self.letters.start_back(LEAD)).min()
    }
}

/// Passages that have ended at this letter go out.
fn close(chains: &mut Vec<Chain>, at: u64, found: &mut Vec<Passage>) {
    chains.retain(|chain| {
        let over = at.saturating_sub(chain.last) > GAP;
        if over && chain.is_passage() && chain.start < chain.end {
            found.push(chain.passage());
        }
        !over
    });
}

/// How many letters before the next one a passage began of which this is the first row: it may be as many before the row as rows can be
/// missed, and is the first of a word where one begins there.
fn start_of(letters: &Letters, gram: Gram) -> usize {
    let row = gram.letters as usize;
    let most = row + WINDOW - 1;
    (row..=most).rev().find(|back| letters.begins_word(*back)).unwrap_or(most)
}

/// A row that ends here stands in a document.
fn row(chains: &mut Vec<Chain>, letters: &Letters, gram: Gram, place: Place, found: &mut Vec<Passage>) {
    let ahead = gram.last.cast_signed() - i64::from(place.last);
    let of = |chain: &&mut Chain| {
        chain.document == place.document && (chain.ahead - ahead).abs() <= DRIFT && chain.last < gram.last
    };
    if let Some(chain) = chains.iter_mut().filter(of).min_by_key(|chain| (chain.ahead - ahead).abs()) {
        let new = (gram.last - chain.last).min(u64::from(gram.letters));
        chain.covered = chain.covered.saturating_add(new as u32);
        (chain.rows, chain.last, chain.ahead) = (chain.rows + 1, gram.last, ahead);
        (chain.end, chain.word) = (letters.end(), None);
        if chain.is_passage() && gram.last + 1 - chain.from >= PART {
            found.push(chain.passage());
            (chain.told, chain.covered) = (true, 0);
            (chain.start, chain.from) = (chain.end, gram.last + 1);
        }
        return;
    }
    // The same row once more in the same stretch of the document.
    let known = |chain: &Chain| {
        chain.document == place.document && (chain.ahead - ahead).abs() <= DRIFT && chain.last == gram.last
    };
    if chains.iter().any(known) {
        return;
    }
    let start = letters.start_back(start_of(letters, gram)).unwrap_or_else(|| letters.end());
    let from = gram.last + 1 - u64::from(gram.letters);
    if chains.len() == MOST {
        // The one that is least likely to become a passage.
        let least = chains.iter().enumerate().filter(|(_, chain)| !chain.is_passage());
        let Some((at, _)) = least.min_by_key(|(_, chain)| chain.last) else { return };
        chains.remove(at);
    }
    chains.push(Chain {
        document: place.document,
        ahead,
        start,
        end: letters.end(),
        from,
        last: gram.last,
        covered: gram.letters,
        rows: 1,
        word: None,
        told: false,
    });
}
