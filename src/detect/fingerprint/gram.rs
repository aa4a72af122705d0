//! Folded text as letters, and letters in grams.
//!
//! What is told apart by nothing but letters and digits is the same however it is wrapped, punctuated, spaced or cased. A *gram* is the
//! shortest row of letters up to a place that weighs enough: twelve of alphabets, five of Chinese, Japanese or Korean, which say more.

use crate::text::fold::{Fold, TextKind, View, is_chinese};

/// What a gram has to weigh.
const ENOUGH: u32 = 60;
/// What letters of alphabets and digits weigh, and those of scripts that write syllables or words.
const NARROW: u32 = 5;
const WIDE: u32 = 12;
/// The most letters of a gram.
pub(crate) const MOST: usize = (ENOUGH / NARROW) as usize;
/// Of so many grams that follow each other one at least is kept (Schleimer et al., "Winnowing", SIGMOD 2003, section 2: a row of
/// letters that is as long as one gram and `WINDOW - 1` letters more is always found).
pub(crate) const WINDOW: usize = 4;
/// The letters before the end of the first gram that is found, within which what is repeated has begun.
pub(crate) const LEAD: usize = MOST + WINDOW - 1;
/// Letters that are remembered: a power of two, more than [`LEAD`].
const RING: usize = 32;
/// Whole texts are folded in pieces of so many bytes.
const PIECE: usize = 1 << 16;
/// So many bytes without a letter part what stands before them from what stands behind.
const APART: u64 = 64;

/// The key under which letters become numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    base: u64,
    seed: u64,
    /// `base` to the power of the place.
    powers: [u64; MOST + 1],
}

/// A letter's place in the folded text.
#[derive(Clone, Copy, Debug, Default)]
struct Letter {
    code: u32,
    weight: u32,
    start: u64,
    end: u64,
}

/// A row of letters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gram {
    /// Its number, of 48 bits.
    pub hash: u64,
    /// Of its last letter: how many stand before it.
    pub last: u64,
    /// How many letters it has.
    pub letters: u32,
}

/// What is read.
pub(crate) enum Read {
    /// A letter, and the gram that ends with it.
    Letter(Option<Gram>),
    /// What comes is of another text.
    Parted,
}

/// Reads letters one by one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Letters {
    ring: [Letter; RING],
    /// Letters read.
    count: u64,
    /// The first letter that belongs with the next.
    since: u64,
    /// Letters of the row that is a gram or may become one, what they weigh, and their number.
    row: u32,
    weight: u32,
    hash: u64,
    /// Where the last letter ended.
    end: u64,
    /// The byte before, and the last two signs since the last letter, white space and backslashes aside.
    before: u8,
    signs: [u8; 2],
}

// === impl Key ===

impl Key {
    pub(crate) fn new(secret: [u8; 16]) -> Self {
        let half = |bytes: &[u8]| bytes.iter().fold(0_u64, |all, &byte| all << 8 | u64::from(byte));
        // A base that is small or even would make rows of the same letters alike.
        let (base, seed) = (half(&secret[..8]) ^ 0x9e37_79b9_7f4a_7c15 | 1, half(&secret[8..]));
        let mut powers = [1_u64; MOST + 1];
        for at in 1..powers.len() {
            powers[at] = powers[at - 1].wrapping_mul(base);
        }
        Self { base, seed, powers }
    }

    /// The number of a row of letters, well mixed (the finalizer of MurmurHash3).
    fn number(&self, hash: u64) -> u64 {
        let mut mixed = hash ^ self.seed;
        mixed = (mixed ^ mixed >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed = (mixed ^ mixed >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        (mixed ^ mixed >> 33) >> 16
    }
}

// === impl Letters ===

impl Letters {
    /// Reads a whole text, folded piece by piece; how many letters it has. `each` is told with the view in which places of the folded text are those
    /// of the text.
    pub(crate) fn of_text(key: &Key, text: &str, mut each: impl FnMut(&View, &Self, Read)) -> u64 {
        let (mut fold, mut view, mut letters) =
            (Fold::new(TextKind::Plain), View::default(), Self::default());
        let (mut rest, mut read) = (text, 0);
        loop {
            let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
            fold.push(piece, &mut view);
            if after.is_empty() {
                fold.finish(&mut view);
            }
            let from = (read - view.base().0) as usize;
            let folded = view.bytes().get(from..).unwrap_or_default();
            letters.push(key, folded, read, |_| false, |letters, read| each(&view, letters, read));
            read = view.end().0;
            view.trim(view.end());
            if after.is_empty() {
                return letters.count();
            }
            rest = after;
        }
    }

    /// Reads folded text of whole characters that begins at `base`. `parts`: whether the quotation mark there parts texts; those that are
    /// the marks of JSON within a text do so by what stands beside them.
    pub(crate) fn push(
        &mut self,
        key: &Key,
        text: &[u8],
        base: u64,
        parts: impl Fn(u64) -> bool,
        mut each: impl FnMut(&Self, Read),
    ) {
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            let start = base + at as u64;
            let (code, weight, length) = if byte < 0x80 {
                (byte.is_ascii_alphanumeric().then_some(u32::from(byte | 0x20)), NARROW, 1)
            } else {
                let (c, length) = char_at(text, at);
                let wide = is_chinese(byte) || c >= '\u{2e80}';
                (c.is_alphanumeric().then_some(u32::from(c)), if wide { WIDE } else { NARROW }, length)
            };
            at += length;
            // The letter of an escape such as `\n`, however often the text was escaped.
            let escape = self.before == b'\\' && matches!(byte, b'n' | b'r' | b't' | b'b' | b'f' | b'v');
            self.before = byte;
            if let Some(code) = code.filter(|_| !escape) {
                self.signs = [0; 2];
                let gram = self.letter(key, Letter { code, weight, start, end: start + length as u64 });
                each(self, Read::Letter(gram));
            } else if (byte == b'"' && parts(start)) | self.is_structure(byte) {
                self.part();
                each(self, Read::Parted);
            }
        }
        // Nothing that comes belongs with what stands before.
        if base + text.len() as u64 - self.end.min(base + text.len() as u64) > APART {
            self.part();
        }
    }

    /// Whether the signs since the last letter are those between two values of JSON: `{"`, `["`, `":`, `"}`, `"]`, `","`.
    fn is_structure(&mut self, sign: u8) -> bool {
        if sign.is_ascii_whitespace() || sign == b'\\' || sign.is_ascii_alphanumeric() {
            return false;
        }
        let [before, last] = self.signs;
        self.signs = [last, sign];
        matches!((last, sign), (b'{' | b'[', b'"') | (b'"', b':' | b'}' | b']'))
            || (before, last, sign) == (b'"', b',', b'"')
    }

    fn part(&mut self) {
        (self.row, self.weight, self.hash, self.since) = (0, 0, 0, self.count);
    }

    fn letter(&mut self, key: &Key, letter: Letter) -> Option<Gram> {
        if letter.start - self.end > APART {
            self.part();
        }
        self.end = letter.end;
        self.ring[self.count as usize % RING] = letter;
        self.hash = self.hash.wrapping_mul(key.base).wrapping_add(u64::from(letter.code));
        (self.row, self.weight, self.count) = (self.row + 1, self.weight + letter.weight, self.count + 1);
        while let Some(rest) = self.without_first() {
            let first = self.back(self.row as usize).code;
            let place = key.powers.get(self.row as usize - 1).copied().unwrap_or_default();
            self.hash = self.hash.wrapping_sub(u64::from(first).wrapping_mul(place));
            (self.row, self.weight) = (self.row - 1, rest);
        }
        (self.weight >= ENOUGH).then(|| Gram {
            hash: key.number(self.hash),
            last: self.count - 1,
            letters: self.row,
        })
    }

    /// What the row weighs without its first letter, where that is enough.
    fn without_first(&self) -> Option<u32> {
        self.weight.checked_sub(self.back(self.row as usize).weight).filter(|&rest| rest >= ENOUGH)
    }

    /// The letter so many before the next one.
    fn back(&self, letters: usize) -> Letter {
        self.ring[(self.count as usize).wrapping_sub(letters) % RING]
    }

    /// How many letters have been read.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Where the last letter ended.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// What the last letter weighs: 5 of an alphabet, 12 of a script that writes syllables or words.
    pub(crate) fn weight(&self) -> u32 {
        self.back(1).weight
    }

    /// Whether the letter that stands so many before the next one begins a word, as those of scripts without spaces do.
    pub(crate) fn begins_word(&self, letters: usize) -> bool {
        let (one, before) = (self.back(letters), self.back(letters + 1));
        one.weight == WIDE || one.start != before.end || (self.count - self.since) <= letters as u64
    }

    /// Where the letter begins that stands so many before the next one, or the first one behind what parts them.
    pub(crate) fn start_back(&self, letters: usize) -> Option<u64> {
        let whole = (self.count - self.since).min(letters.min(RING) as u64) as usize;
        (whole > 0).then(|| self.back(whole).start)
    }
}

/// The character at `at` and how many bytes it has; one that is broken is no letter.
fn char_at(text: &[u8], at: usize) -> (char, usize) {
    let length = match text.get(at) {
        Some(0xC0..0xE0) => 2,
        Some(0xE0..0xF0) => 3,
        Some(0xF0..) => 4,
        _ => 1,
    };
    let c = text.get(at..at + length).and_then(|bytes| str::from_utf8(bytes).ok()?.chars().next());
    c.map_or((' ', 1), |c| (c, length))
}

/// Chooses of the grams of a text those that are kept.
#[derive(Clone, Debug)]
pub(crate) struct Winnow {
    window: Vec<Gram>,
    /// The last letter of the gram that was kept last.
    kept: Option<u64>,
    /// Of so many grams that follow each other one at least is kept.
    of: usize,
}

impl Default for Winnow {
    fn default() -> Self {
        Self::of(WINDOW)
    }
}

impl Winnow {
    /// Keeps one at least of so many grams that follow each other.
    pub(crate) fn of(of: usize) -> Self {
        Self { window: Vec::new(), kept: None, of }
    }

    /// The next gram.
    pub(crate) fn push(&mut self, gram: Gram, keep: &mut impl FnMut(Gram)) {
        // A row that was parted begins anew.
        if self.window.last().is_some_and(|last| last.last + 1 != gram.last) {
            self.finish(keep);
        }
        self.window.push(gram);
        if self.window.len() >= self.of {
            self.choose(keep);
            self.window.remove(0);
        }
    }

    /// The text is over, or begins anew.
    pub(crate) fn finish(&mut self, keep: &mut impl FnMut(Gram)) {
        self.choose(keep);
        self.window.clear();
    }

    /// The least of the window, and of equal ones the last.
    fn choose(&mut self, keep: &mut impl FnMut(Gram)) {
        let least = self.window.iter().rev().min_by_key(|gram| gram.hash).copied();
        if let Some(gram) = least.filter(|gram| self.kept.is_none_or(|kept| kept < gram.last)) {
            self.kept = Some(gram.last);
            keep(gram);
        }
    }
}
