//! A text that is held against an index, as it arrives.
//!
//! Every row of letters is looked up. Rows that stand in one document, and there as far from each other as here, give or take
//! [`DRIFT`] letters, are one passage: words that were swapped, dropped or added within it do not end it. It ends where for
//! [`GAP`] letters nothing of it came, and is a finding if its rows cover [`NEED`] letters without a gap, or [`MORE`] and most of it: a
//! few words here and there are none. A long passage is told in parts.

use super::gram::{Gram, LEAD, Letters, Read, WINDOW};
use super::index::{Index, Place, SAME};

/// Letters by which a passage may be shifted against its document since its last row.
const DRIFT: i64 = 40;
/// Letters without a row of the document that end its passage.
const GAP: u64 = 56;
/// Letters that rows of a document have to cover in a row, and characters from the first of them to the last: of fifty characters of running
/// text at least, of which up to four at each end are not covered.
const NEED: u32 = 24;
const NEED_CHARACTERS: u64 = 40;
/// Letters in a row that are a passage whatever stands between them.
const LETTERS: u32 = 34;
/// Letters that they have to cover where there are gaps, and the tenths of the passage that they have to be.
const MORE: u32 = 45;
const TENTHS: u64 = 4;
/// Letters after which a passage that is known to be one is told so far.
const PART: u64 = 400;
/// Letters of rows that stand in many places which a passage may have before the first row of its own.
const COMMON: u64 = 64;
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

/// Rows that stand in many places.
#[derive(Clone, Copy, Debug)]
struct Common {
    start: u64,
    bytes: u64,
    from: u64,
    last: u64,
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
        let long = letters >= LETTERS || letters >= NEED && characters >= NEED_CHARACTERS;
        if !self.sure && long && !dense {
            // The words before it are not of it.
            (self.start, self.from, self.covered) = (self.run_start, self.run_from, self.run);
        }
        self.sure |= long || self.covered >= MORE && dense;
    }

    /// Tells what is long enough to be told in parts.
    fn tell_part(&mut self, found: &mut Vec<Passage>) {
        if self.sure && self.last + 1 - self.from >= PART {
            found.push(self.passage());
            self.covered = 0;
            (self.start, self.from) = (self.end, self.last + 1);
        }
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
        // The last letters of a passage that was told in parts.
        let covered = if self.covered == 0 { 1.0 } else { (self.covered as f32 / letters as f32).min(1.0) };
        Passage { document: self.document, start: self.start, end: self.end, covered }
    }
}

/// How far a text has been read.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    letters: Letters,
    chains: Vec<Chain>,
    /// The rows up to the last that stand in so many places that not all are known, where they touch each other.
    common: Option<Common>,
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
        let Self { letters, chains, common, ends } = self;
        letters.push(&index.key, text, base, parts, |letters, read| {
            let Read::Letter(gram) = read else {
                *common = None;
                return close(chains, u64::MAX, found);
            };
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
            let places = index.places(gram.hash);
            for place in places {
                row(chains, letters, gram, *place, *common, found);
                *ends = (*ends).min(at + GAP + 1);
            }
            if places.len() == SAME {
                // It goes on in what it touches.
                let touches = |last: u64| last < gram.last && gram.last - last <= u64::from(gram.letters);
                for chain in chains.iter_mut().filter(|chain| touches(chain.last)) {
                    chain.add(letters, gram);
                    chain.tell_part(found);
                }
                *common = Some(match *common {
                    Some(known) if touches(known.last) && gram.last - known.from < COMMON => {
                        Common { last: gram.last, ..known }
                    }
                    _ => Common {
                        start: letters.start_back(start_of(letters, gram)).unwrap_or_else(|| letters.end()),
                        bytes: letters.start_back(gram.letters as usize).unwrap_or_else(|| letters.end()),
                        from: gram.last + 1 - u64::from(gram.letters),
                        last: gram.last,
                    },
                });
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
        let goes_on = |common: &Common| self.letters.count() <= common.last + LEAD as u64;
        let common = self.common.filter(goes_on).map(|common| common.start);
        chains.into_iter().chain(common).chain(self.letters.start_back(LEAD)).min()
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
fn row(
    chains: &mut Vec<Chain>,
    letters: &Letters,
    gram: Gram,
    place: Place,
    common: Option<Common>,
    found: &mut Vec<Passage>,
) {
    let ahead = gram.last.cast_signed() - i64::from(place.last);
    let of = |chain: &&mut Chain| {
        chain.document == place.document && (chain.ahead - ahead).abs() <= DRIFT && chain.last < gram.last
    };
    if let Some(chain) = chains.iter_mut().filter(of).min_by_key(|chain| (chain.ahead - ahead).abs()) {
        chain.add(letters, gram);
        chain.ahead = ahead;
        return chain.tell_part(found);
    }
    // The same row once more in the same stretch of the document.
    let known = |chain: &Chain| {
        chain.document == place.document && (chain.ahead - ahead).abs() <= DRIFT && chain.last == gram.last
    };
    if chains.iter().any(known) {
        return;
    }
    let mut start = letters.start_back(start_of(letters, gram)).unwrap_or_else(|| letters.end());
    let mut from = gram.last + 1 - u64::from(gram.letters);
    let mut bytes = letters.start_back(gram.letters as usize).unwrap_or(start);
    // What stands in many places before it is of this one.
    let before =
        |common: &Common| common.last < gram.last && gram.last - common.last <= u64::from(gram.letters);
    if let Some(common) = common.filter(before) {
        (start, bytes, from) = (common.start.min(start), common.bytes.min(bytes), common.from.min(from));
    }
    let covered = u32::try_from(gram.last + 1 - from).unwrap_or(u32::MAX);
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
        covered,
        run: covered,
        run_start: start,
        run_from: from,
        run_bytes: bytes,
        sure: false,
        word: None,
    });
}
