//! A text that is held against an index, as it arrives.
//!
//! Every row of letters is looked up. Rows that stand in one document, and there as far from each other as here, give or take
//! [`DRIFT`] letters, are one passage: words that were swapped, dropped or added within it do not end it. It ends where for
//! [`GAP`] letters nothing of it came, and is a finding if its rows cover [`NEED`] letters without a gap, or [`MORE`] and most of it: a
//! few words here and there are none. A long passage is told in parts.

use super::gram::{Gram, LEAD, Letters, Read, WINDOW};
use super::index::{Index, Place};

/// Letters by which a passage may be shifted against its document since its last row.
const DRIFT: i64 = 40;
/// Letters without a row of the document that end its passage.
const GAP: u64 = 80;
/// Letters that rows of a document have to cover in a row, and characters from the first of them to the last: of fifty characters of running
/// text at least, of which up to four at each end are not covered.
const NEED: u32 = 30;
const NEED_CHARACTERS: u64 = 42;
/// Letters that they have to cover where there are gaps, and the tenths of the passage that they have to be.
const MORE: u32 = 45;
const TENTHS: u64 = 4;
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
    /// What rows cover that touch each other, up to the last; where it began, and with which letter.
    run: u32,
    run_start: u64,
    run_from: u64,
    /// Where its first row begins.
    run_bytes: u64,
    /// It is a passage.
    sure: bool,
    /// Where the last word ended behind its last row.
    word: Option<u64>,
}

impl Chain {
    /// Takes in a row that goes on in it.
    fn add(&mut self, letters: &Letters, gram: Gram) {
        let (new, own) = (gram.last - self.last, u64::from(gram.letters));
        self.covered = self.covered.saturating_add(new.min(own) as u32);
        if new <= own {
            self.run = self.run.saturating_add(new as u32);
        } else {
            self.run = gram.letters;
            self.run_start = letters.start_back(start_of(letters, gram)).unwrap_or(self.end);
            self.run_from = gram.last + 1 - own;
            self.run_bytes = letters.start_back(gram.letters as usize).unwrap_or(self.end);
        }
        (self.last, self.end, self.word) = (gram.last, letters.end(), None);
        let dense = u64::from(self.covered) * 10 >= (gram.last + 1 - self.from) * TENTHS;
        // A character of three bytes says as much as two.
        let bytes = self.end - self.run_bytes;
        let wide = bytes >= u64::from(self.run) * 3;
        let (letters, characters) = if wide { (self.run * 2, bytes * 2 / 3) } else { (self.run, bytes) };
        let long = letters >= NEED && characters >= NEED_CHARACTERS;
        if !self.sure && long && !dense {
            // The words before it are not of it.
            (self.start, self.from, self.covered) = (self.run_start, self.run_from, self.run);
        }
        self.sure |= long || self.covered >= MORE && dense;
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
        if over && chain.sure && chain.start < chain.end {
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
        chain.add(letters, gram);
        chain.ahead = ahead;
        if chain.sure && gram.last + 1 - chain.from >= PART {
            found.push(chain.passage());
            chain.covered = 0;
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
        let least = chains.iter().enumerate().filter(|(_, chain)| !chain.sure);
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
        run: gram.letters,
        run_start: start,
        run_from: from,
        run_bytes: letters.start_back(gram.letters as usize).unwrap_or(start),
        sure: false,
        word: None,
    });
}
