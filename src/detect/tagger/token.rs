//! Folded text in tokens, and tokens in units that are tagged together.
//!
//! A token is a run of letters and digits, a number, one character of a script without spaces (Chinese characters, kana, Hangul) or one
//! sign. A unit ends with a line, a sentence or [`MOST`] tokens, so that what is held is bounded; all of this depends on the text
//! alone and not on how it was cut: a word that has not ended waits.

use smallvec::SmallVec;

/// The most tokens of a unit; a longer sentence is parted at a comma, or here.
pub const MOST: usize = 96;
/// The longest word that is taken as one, in bytes of folded text; what is longer goes on as another.
const WORD: usize = 32;
/// So many blanks part units as the end of a line does.
const WIDE: u8 = 8;
/// So much of a unit is seen by the next one.
pub(super) const CONTEXT: usize = 3;

/// What a token is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// Letters, or letters and digits.
    Word,
    /// Digits alone.
    Number,
    /// A Chinese character.
    Han,
    /// A character of Hiragana.
    Hiragana,
    /// A character of Katakana.
    Katakana,
    /// A syllable of Hangul.
    Hangul,
    /// Anything else that is not white space.
    Sign,
    /// Outside of the text.
    Nothing,
}

impl Kind {
    /// Whether its script is written without spaces, or with too few to tell words by.
    #[inline]
    pub(super) fn is_letter(self) -> bool {
        matches!(self, Self::Han | Self::Hiragana | Self::Katakana | Self::Hangul)
    }
}

/// What stands before a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Gap {
    /// Nothing.
    None,
    /// White space.
    Space,
    /// The end of a line, much white space, or the text's beginning.
    Line,
}

/// A token of folded text. The text itself is not kept.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// Its first byte.
    pub start: u64,
    /// The byte behind it.
    pub end: u64,
    /// What it is made of.
    pub kind: Kind,
    /// What stands before it.
    pub gap: Gap,
    /// How it is written: see [`shape`].
    pub(super) shape: u8,
    /// What the lexicon says of it, as far as it is told by the token alone.
    pub(super) known: u16,
    /// Of a Chinese character: its place in the common word that it is read as a part of, see [`seat`].
    pub(super) seat: u8,
    /// Hash of its letters in lower case.
    pub(super) word: u32,
    /// Its first two and three letters and its last two, three and four, in lower case.
    pub(super) affixes: [u32; 5],
}

/// Where a character stands in a word.
pub(super) mod seat {
    pub(in crate::detect::tagger) const ALONE: u8 = 0;
    pub(in crate::detect::tagger) const FIRST: u8 = 1;
    pub(in crate::detect::tagger) const WITHIN: u8 = 2;
    pub(in crate::detect::tagger) const LAST: u8 = 3;
}

/// How words are written.
pub(super) mod shape {
    pub(in crate::detect::tagger) const LOWER: u8 = 0;
    pub(in crate::detect::tagger) const TITLE: u8 = 1;
    pub(in crate::detect::tagger) const UPPER: u8 = 2;
    pub(in crate::detect::tagger) const LETTER: u8 = 3;
    pub(in crate::detect::tagger) const MIXED: u8 = 4;
    pub(in crate::detect::tagger) const DIGITS: u8 = 5;
    /// A letter that keeps no case, with others behind it.
    pub(in crate::detect::tagger) const OTHER: u8 = 6;
    /// Numbers, by length.
    pub(in crate::detect::tagger) const NUMBER: u8 = 8;
    /// Signs and characters.
    pub(in crate::detect::tagger) const ONE: u8 = 16;
    pub(in crate::detect::tagger) const NOTHING: u8 = 17;
}

/// What stands outside of a text.
pub(super) const NOTHING: Token = Token {
    start: 0,
    end: 0,
    kind: Kind::Nothing,
    gap: Gap::Line,
    shape: shape::NOTHING,
    known: 0,
    seat: 0,
    word: 0x6E6F_6E65,
    affixes: [0; 5],
};

/// FNV-1a, of letters in lower case.
#[inline]
pub(super) fn hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811C_9DC5, |hash, byte| {
        (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193)
    })
}

/// The first two and three letters of a word and the last two, three and four; 0 where there are fewer.
#[inline]
fn affixes(bytes: &[u8]) -> [u32; 5] {
    // Letters in lower case; what else has these bits is taken alike.
    const LOWER: u32 = 0x2020_2020;
    let joined = |part: Option<&[u8]>| {
        part.map_or(0, |part| part.iter().fold(0, |joined: u32, byte| joined << 8 | u32::from(*byte)) | LOWER)
    };
    let last = |many: usize| joined(bytes.len().checked_sub(many).and_then(|at| bytes.get(at..)));
    [joined(bytes.get(..2)), joined(bytes.get(..3)), last(2), last(3), last(4)]
}

/// A word of which not all may have come.
#[derive(Clone, Debug)]
struct Open {
    start: u64,
    gap: Gap,
    bytes: SmallVec<[u8; 32]>,
}

/// Parts folded text into tokens and units.
#[derive(Clone, Debug)]
pub struct Cutter {
    open: Option<Open>,
    /// White space since the last token: how much, and whether a line ended in it.
    blanks: u8,
    line: bool,
    /// Where the next byte stands.
    at: u64,
    /// The unit so far; before it the last tokens of the one before.
    tokens: Vec<Token>,
    before: SmallVec<[Token; 4]>,
}

impl Default for Cutter {
    fn default() -> Self {
        Self { open: None, blanks: 0, line: true, at: 0, tokens: Vec::new(), before: SmallVec::new() }
    }
}

/// Takes in units: the tokens of one, and the last ones of what stood before.
pub trait Units {
    /// A unit has ended.
    fn unit(&mut self, tokens: &mut [Token], before: &[Token]);
}

impl Cutter {
    /// Where the unit began that has not ended.
    pub fn pending(&self) -> Option<u64> {
        let open = self.open.as_ref().map(|open| open.start);
        self.tokens.first().map(|token| token.start).or(open)
    }

    /// Bytes that it has on the heap.
    pub(super) fn heap(&self) -> usize {
        let word = self.open.as_ref().filter(|open| open.bytes.spilled());
        let before = if self.before.spilled() { self.before.capacity() } else { 0 };
        word.map_or(0, |open| open.bytes.capacity()) + (self.tokens.capacity() + before) * size_of::<Token>()
    }

    /// Reads on in folded text, which is UTF-8 and ends with a whole character.
    pub fn push(&mut self, text: &[u8], to: &mut impl Units) {
        let mut rest = text;
        while let Some(&first) = rest.first() {
            let length = match first {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => self.word(rest, to),
                b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C => {
                    self.blank(first, to);
                    1
                }
                0..0x80 => {
                    self.sign(rest.get(..1).unwrap_or_default(), Kind::Sign, to);
                    1
                }
                _ => self.wide(rest, to),
            };
            self.at += length as u64;
            rest = rest.get(length..).unwrap_or_default();
        }
    }

    /// The text ends.
    pub fn finish(&mut self, to: &mut impl Units) {
        self.close(to);
        self.unit(to);
    }

    /// A run of ASCII letters and digits, or as much of it as there is room for.
    #[inline]
    fn word(&mut self, text: &[u8], to: &mut impl Units) -> usize {
        let run = text.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(text.len());
        let taken = run.min(WORD - self.open.as_ref().map_or(0, |open| open.bytes.len().min(WORD)));
        if taken == 0 {
            self.close(to);
            return 0;
        }
        self.letters(text.get(..taken).unwrap_or_default());
        taken
    }

    fn letters(&mut self, letters: &[u8]) {
        let gap = self.gap();
        let at = self.at;
        let open = self.open.get_or_insert_with(|| Open { start: at, gap, bytes: SmallVec::new() });
        open.bytes.extend_from_slice(letters);
        (self.blanks, self.line) = (0, false);
    }

    /// A character that is not ASCII.
    fn wide(&mut self, text: &[u8], to: &mut impl Units) -> usize {
        let length = match text.first() {
            Some(0xF0..) => 4,
            Some(0xE0..) => 3,
            _ => 2,
        }
        .min(text.len());
        let bytes = text.get(..length).unwrap_or_default();
        let Some(c) = std::str::from_utf8(bytes).ok().and_then(|text| text.chars().next()) else {
            self.close(to);
            return length;
        };
        let kind = match c {
            '\u{3005}' | '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{323AF}' => {
                Kind::Han
            }
            '\u{3041}'..='\u{309F}' => Kind::Hiragana,
            '\u{30A1}'..='\u{30FF}' if c != '\u{30FB}' => Kind::Katakana,
            '\u{AC00}'..='\u{D7A3}' => Kind::Hangul,
            _ if c.is_alphanumeric() => {
                if self.open.as_ref().is_some_and(|open| open.bytes.len() + length > WORD) {
                    self.close(to);
                }
                self.letters(bytes);
                return length;
            }
            _ => Kind::Sign,
        };
        self.sign(bytes, kind, to);
        length
    }

    fn gap(&self) -> Gap {
        match (self.line || self.blanks >= WIDE, self.blanks) {
            (true, _) => Gap::Line,
            (_, 0) => Gap::None,
            _ => Gap::Space,
        }
    }

    #[inline]
    fn blank(&mut self, byte: u8, to: &mut impl Units) {
        self.close(to);
        self.blanks = self.blanks.saturating_add(1);
        let line = matches!(byte, b'\n' | b'\r' | 0x0C) || self.blanks == WIDE;
        self.line |= line;
        if line || self.blanks == 1 && self.stops() {
            self.unit(to);
        }
    }

    /// Whether the last token is a full stop that ends a sentence: not one behind a short word, as abbreviations and initials are.
    fn stops(&self) -> bool {
        let [.., before, last] = self.tokens.as_slice() else { return false };
        last.word == STOP
            && last.gap == Gap::None
            && (before.kind != Kind::Word
                || before.end - before.start > 2 && !ABBREVIATIONS.contains(&before.word))
    }

    #[inline]
    fn sign(&mut self, bytes: &[u8], kind: Kind, to: &mut impl Units) {
        self.close(to);
        let word = hash(bytes);
        let gap = self.gap();
        (self.blanks, self.line) = (0, false);
        let end = self.at + bytes.len() as u64;
        self.token(
            Token {
                start: self.at,
                end,
                kind,
                gap,
                shape: shape::ONE,
                known: 0,
                seat: 0,
                word,
                affixes: [0; 5],
            },
            to,
        );
        if kind == Kind::Sign && matches!(bytes, b"!" | b"?" | b";" | [0xE3, 0x80, 0x82]) {
            self.unit(to);
        }
    }

    /// The word that is open ends.
    #[inline]
    fn close(&mut self, to: &mut impl Units) {
        let Some(open) = self.open.take() else { return };
        let bytes = open.bytes.as_slice();
        let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
        let number = digits == bytes.len();
        let upper = bytes.iter().filter(|byte| byte.is_ascii_uppercase()).count();
        let first = bytes.first().copied().unwrap_or_default();
        let shape = match () {
            () if number => shape::NUMBER + (digits as u8).min(7),
            () if digits > 0 => shape::DIGITS,
            () if upper == 0 && first >= 0x80 => shape::OTHER,
            () if upper == 0 => shape::LOWER,
            () if bytes.len() == 1 => shape::LETTER,
            () if upper == bytes.len() => shape::UPPER,
            () if upper == 1 && first.is_ascii_uppercase() => shape::TITLE,
            () => shape::MIXED,
        };
        let affixes = if number { [0; 5] } else { affixes(bytes) };
        // Numbers are told by their length.
        let word = if number { 0x6E75_6D00 + digits.min(9) as u32 } else { hash(bytes) };
        let token = Token {
            start: open.start,
            end: open.start + bytes.len() as u64,
            kind: if number { Kind::Number } else { Kind::Word },
            gap: open.gap,
            shape,
            known: 0,
            seat: 0,
            word,
            affixes,
        };
        self.token(token, to);
    }

    fn token(&mut self, token: Token, to: &mut impl Units) {
        self.tokens.push(token);
        if self.tokens.len() == MOST {
            // Behind a comma in the second half, else here.
            let half = MOST / 2;
            let comma = self
                .tokens
                .iter()
                .rposition(|token| token.kind == Kind::Sign && COMMAS.contains(&token.word));
            let part = comma.filter(|at| *at >= half && *at + 1 < MOST).map_or(MOST, |at| at + 1);
            let rest: Vec<Token> = self.tokens.drain(part..).collect();
            self.unit(to);
            self.tokens.extend(rest);
        }
    }

    fn unit(&mut self, to: &mut impl Units) {
        if self.tokens.is_empty() {
            return;
        }
        to.unit(&mut self.tokens, &self.before);
        if self.tokens.len() >= CONTEXT {
            self.before.clear();
        }
        self.before.extend(self.tokens.iter().skip(self.tokens.len().saturating_sub(CONTEXT)).copied());
        let many = self.before.len().saturating_sub(CONTEXT);
        self.before.drain(..many);
        self.tokens.clear();
    }
}

/// A full stop.
const STOP: u32 = constant(b".");
/// What parts a long sentence.
const COMMAS: [u32; 4] = [constant(b","), constant(b":"), constant("、".as_bytes()), constant(b"|")];
/// Words before a full stop that ends no sentence.
const ABBREVIATIONS: [u32; 14] = [
    constant(b"mrs"),
    constant(b"prof"),
    constant(b"inc"),
    constant(b"ltd"),
    constant(b"dra"),
    constant(b"sra"),
    constant(b"srta"),
    constant(b"dott"),
    constant(b"ing"),
    constant(b"rev"),
    constant(b"hon"),
    constant(b"gen"),
    constant(b"col"),
    constant(b"inz"),
];

/// [`hash`] of letters in lower case.
const fn constant(bytes: &[u8]) -> u32 {
    let (mut hash, mut at) = (0x811C_9DC5_u32, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    hash
}
