//! Where in a text a mark may stand: between two words of prose, and nowhere else.
//!
//! The text comes character by character and each place is decided when the character behind it comes, so the decision is the same however
//! the text is cut, and nothing waits. What is not known to be prose is none: rather too few marks than one in a program's input.
//!
//! ```text
//! The key is `max_size`, as said before.\n| a | b |     ; = may stand
//!    ;   ;              ;  ;    ;
//! 模型，可以这样使用。    ; behind `，` at once; between other characters when none came for long
//! ```
//!
//! In a script with spaces a mark stands before the space, where neither a search for a word nor the breaking of lines meets it. Scripts that
//! join letters or stack signs (Arabic, Indic, Khmer, Thai, Mongolian, ...) get none.

use super::script::{Script, is_clause_end, is_month, is_numeral, is_particle};
use super::spans::{Line, Spans};

/// How good a place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Between words; perhaps within a name.
    Any,
    /// Behind a word that begins no name.
    Word,
    /// Behind a sign of punctuation.
    Clause,
}

/// The word that is being read: what has stood since white space.
#[derive(Clone, Copy, Debug, Default)]
struct Word {
    letters: u32,
    /// It holds something else than letters.
    impure: bool,
    /// It begins with a capital.
    capital: bool,
    /// Capitals behind its first letter.
    capitals: u32,
    /// Signs of punctuation behind its letters.
    tail: u32,
    /// Its letters, as far as a month's name goes.
    start: [u8; 3],
}

/// Follows a text.
#[derive(Clone, Debug)]
pub(super) struct Prose {
    spans: Spans,
    word: Word,
    /// It holds what an address, a path or a name of a program holds: nothing is marked up to its end.
    hot: bool,
    before: Option<char>,
    /// Words since a number.
    since_number: u32,
    /// Characters of scripts without spaces since a digit or numeral.
    since_digit: u32,
    /// Characters since kana.
    since_kana: u32,
}

/// So many words behind a number may be its unit.
const UNIT: u32 = 3;
/// So many characters behind a number may be its unit, in scripts without spaces.
const WIDE_UNIT: u32 = 4;
/// Kana within so many characters tell that Han characters are Japanese words.
const JAPANESE: u32 = 24;

impl Default for Prose {
    fn default() -> Self {
        Self {
            spans: Spans::default(),
            word: Word::default(),
            hot: false,
            before: None,
            since_number: UNIT,
            since_digit: WIDE_UNIT,
            since_kana: JAPANESE,
        }
    }
}

impl Prose {
    /// Takes the next character: whether a mark may stand right before it, and how well.
    pub(super) fn push(&mut self, c: char) -> Option<Place> {
        let place = if self.spans.is_prose(c == '\n') { self.place(c) } else { None };
        self.read(c);
        let before = self.before.replace(c);
        self.spans.push(c, before);
        place
    }

    /// Whether what was read lately may vanish when the text is shown: an address behind a link, the number of a list's item, a formula.
    pub(super) fn is_volatile(&self) -> bool {
        self.spans.is_volatile()
    }

    /// Whether the place behind what was read is in prose.
    pub(super) fn is_prose(&self) -> bool {
        self.spans.is_prose(true)
    }

    fn place(&self, c: char) -> Option<Place> {
        let before = self.before?;
        if self.hot {
            return None;
        }
        match Script::of(c) {
            Script::Other if c == ' ' => self.before_space(before),
            Script::Other if c == '\n' => self.before_line(before),
            Script::Han | Script::Kana => self.between(before, c),
            Script::Spaced | Script::Mark | Script::Other => None,
        }
    }

    fn before_space(&self, before: char) -> Option<Place> {
        let Word { letters, impure, capital, capitals, tail, start } = self.word;
        if impure || self.since_number < UNIT || self.spans.line() == Line::Start {
            return None;
        }
        match (tail, before) {
            (1, ',' | ';' | ':' | '!' | '?') if letters >= 3 => Some(Place::Clause),
            // Shorter ones are often abbreviations, behind which a number comes.
            (1, '.') if letters >= 5 && !capital => Some(Place::Clause),
            (0, _) if letters >= 3 && !capital && capitals == 0 => Some(Place::Word),
            // Of units, months and titles the number comes behind.
            (0, _) if letters >= 4 && capitals == 0 && !is_month(start) => Some(Place::Any),
            _ => None,
        }
    }

    /// At the end of a line a name ends too.
    fn before_line(&self, before: char) -> Option<Place> {
        let Word { letters, impure, tail, .. } = self.word;
        match (Script::of(before), tail) {
            (Script::Han | Script::Kana, _) if self.since_digit >= WIDE_UNIT => Some(Place::Word),
            (Script::Spaced, 0) if !impure && letters >= 3 && self.since_number >= UNIT => Some(Place::Word),
            (Script::Other, 1)
                if !impure && letters >= 3 && matches!(before, ',' | ';' | ':' | '!' | '?' | '.') =>
            {
                Some(Place::Clause)
            }
            _ if is_clause_end(before) => Some(Place::Clause),
            _ => None,
        }
    }

    fn between(&self, before: char, c: char) -> Option<Place> {
        if is_numeral(c) || is_small(c) {
            return None;
        }
        if is_clause_end(before) {
            return Some(Place::Clause);
        }
        if self.since_digit < WIDE_UNIT {
            return None;
        }
        match (Script::of(before), Script::of(c)) {
            (Script::Han, Script::Han) if self.since_kana >= JAPANESE => {
                Some(if is_particle(before) { Place::Word } else { Place::Any })
            }
            // A particle ends a phrase; in a word of Han characters kana go on.
            (Script::Kana, Script::Han) => Some(if is_particle(before) { Place::Word } else { Place::Any }),
            _ => None,
        }
    }

    fn read(&mut self, c: char) {
        self.since_kana = self.since_kana.saturating_add(1);
        self.since_digit = self.since_digit.saturating_add(1);
        if c.is_whitespace() {
            self.since_number =
                self.since_number.saturating_add(u32::from(self.word.letters > 0 && !self.word.impure));
            (self.word, self.hot) = (Word::default(), false);
            if c == '\n' {
                (self.since_number, self.since_digit) = (UNIT, WIDE_UNIT);
            }
            return;
        }
        let word = &mut self.word;
        match Script::of(c) {
            Script::Han | Script::Kana => {
                if Script::of(c) == Script::Kana {
                    self.since_kana = 0;
                }
                if is_numeral(c) {
                    self.since_digit = 0;
                }
                // The next word of another script begins behind it, and is not pure: no space parts them.
                *word = Word { impure: true, ..Word::default() };
            }
            Script::Spaced => {
                word.impure |= word.tail > 0;
                if word.letters == 0 {
                    word.capital = c.is_uppercase();
                } else {
                    word.capitals += u32::from(c.is_uppercase());
                }
                if let (Some(place), true) = (word.start.get_mut(word.letters as usize), c.is_ascii()) {
                    *place = c.to_ascii_lowercase() as u8;
                }
                word.letters += 1;
            }
            Script::Mark => word.impure |= word.letters == 0 || word.tail > 0,
            Script::Other => self.read_sign(c),
        }
    }

    fn read_sign(&mut self, c: char) {
        let word = &mut self.word;
        match c {
            ',' | ';' | '!' | '?' | '.' | ':' if word.letters > 0 => word.tail += 1,
            '\'' | '’' if word.letters > 0 && word.tail == 0 => {}
            '"' | '“' | '‘' | '«' | '(' | '*' if word.letters == 0 => {}
            '"' | '”' | '’' | '»' | ')' | '*' if word.letters > 0 => word.tail += 2,
            '/' | '\\' | '@' | '_' | '#' | '&' | '=' => (word.impure, self.hot) = (true, true),
            c if is_clause_end(c)
                || matches!(c, '（' | '）' | '“' | '”' | '「' | '」' | '《' | '》' | '…' | '—') =>
            {
                (self.word, self.hot) = (Word::default(), false);
            }
            c => {
                word.impure = true;
                if c.is_numeric() {
                    (self.since_number, self.since_digit) = (0, 0);
                } else if !c.is_ascii() {
                    self.since_number = self.since_number.min(1);
                }
            }
        }
    }
}

/// Small kana and the sign of length go on in a syllable.
fn is_small(c: char) -> bool {
    matches!(
        c,
        'ぁ' | 'ぃ'
            | 'ぅ'
            | 'ぇ'
            | 'ぉ'
            | 'っ'
            | 'ゃ'
            | 'ゅ'
            | 'ょ'
            | 'ゎ'
            | 'ァ'
            | 'ィ'
            | 'ゥ'
            | 'ェ'
            | 'ォ'
            | 'ッ'
            | 'ャ'
            | 'ュ'
            | 'ョ'
            | 'ヮ'
            | 'ー'
            | '々'
            | 'ゝ'
            | 'ゞ'
            | 'ヽ'
            | 'ヾ'
    )
}
