//! Words spelled out: `b o m b`, `b.o.m.b`, `法*轮*功`.
//!
//! A second automaton reads letters only. A letter of a script with spaces counts where it stands alone, so that
//! `the rapist` is nothing like `rap ist`; a character of a script without spaces always counts. Between two letters
//! stand at most [`GAP`] separators. Only keywords of rules that ask for it are looked for, and of these only words of
//! three letters or two Chinese characters and more: less is found in every list of initials.

use super::RuleId;
use super::RuleSpec;
use super::keyword::{Hit, Meaning, Word, Words, is_word};
use super::pattern::char_at;
use crate::text::fold::fold_literal;
use aho_corasick::BuildError;

/// The most separators between two letters.
pub(super) const GAP: u8 = 3;

/// Where a scan stands in words spelled out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spelling {
    state: u32,
    gap: u8,
    /// The last letter ends a word, if it stands alone: to be seen at the next character.
    ending: bool,
}

/// The keywords that may be spelled out.
#[derive(Debug)]
pub(super) struct Spelled {
    words: Words,
}

impl Spelled {
    pub(super) fn compile(rules: &[RuleSpec]) -> Result<Option<Self>, BuildError> {
        let asked = (0..).zip(rules).filter(|(_, spec)| spec.folds.separators);
        let words: Vec<Word> = asked
            .flat_map(|(rule, spec)| {
                spec.keywords.iter().map(move |keyword| (RuleId(rule), letters(&keyword.text)))
            })
            .filter(|(_, letters)| letters.chars().map(weight).sum::<usize>() >= 3)
            .map(|(rule, letters)| Word { bytes: letters.into_bytes(), meaning: Meaning::Keyword(rule) })
            .collect();
        if words.is_empty() { Ok(None) } else { Words::compile(&words).map(|words| Some(Self { words })) }
    }

    /// At the start of a channel.
    pub(super) fn start(&self) -> Spelling {
        Spelling { state: self.words.start(), ..Spelling::default() }
    }

    /// Whether no word is begun.
    #[inline]
    pub(super) fn idles(&self, spelling: Spelling) -> bool {
        spelling.state == self.words.start() && !spelling.ending
    }

    /// Whether a word may begin with this character.
    pub(super) fn begins(&self, c: char) -> bool {
        self.words.step_all(self.words.start(), c) != self.words.start()
    }

    /// Reads the character that begins at `at`; `after_word` tells whether a letter or digit stands before it. Calls
    /// `hit` for each word found, with the place where its last letter ends.
    pub(super) fn read(
        &self,
        spelling: &mut Spelling,
        text: &[u8],
        at: usize,
        after_word: bool,
        mut hit: impl FnMut(Hit, usize),
    ) {
        let Some(c) = char_at(text, at).map(|c| c.to_ascii_lowercase()) else { return };
        let word = is_word(c);
        if word && after_word {
            *spelling = self.start();
            return;
        }
        self.close(spelling, at, &mut hit);
        if word || c.is_alphanumeric() {
            spelling.gap = 0;
            spelling.state = self.words.step_all(spelling.state, c);
            if self.words.is_end(spelling.state) {
                spelling.ending = true;
                if !word {
                    self.close(spelling, at + c.len_utf8(), &mut hit);
                }
            }
            return;
        }
        spelling.gap = spelling.gap.saturating_add(1);
        if !is_separator(c) || spelling.gap > GAP {
            *spelling = self.start();
        }
    }

    /// The last letter read stands alone: what ends with it, before `end`, is found.
    pub(super) fn close(&self, spelling: &mut Spelling, end: usize, hit: &mut impl FnMut(Hit, usize)) {
        if std::mem::take(&mut spelling.ending) {
            self.words.found(spelling.state, |found| hit(found, end));
        }
    }

    /// Where the letters begin that may still become part of a word.
    pub(super) fn held(&self, spelling: Spelling, text: &[u8]) -> usize {
        let mut letters = self.words.held(spelling.state);
        if spelling.ending {
            self.words.found(spelling.state, |hit| letters = letters.max(hit.len as usize));
        }
        back(text, text.len(), letters)
    }
}

/// Where the letters of `length` bytes begin that end before `end`, separators not counted.
pub(super) fn back(text: &[u8], end: usize, length: usize) -> usize {
    let (mut at, mut left) = (end, length);
    while left > 0 && at > 0 {
        at -= 1;
        while at > 0 && text.get(at).is_some_and(|byte| byte & 0xC0 == 0x80) {
            at -= 1;
        }
        let letter = char_at(text, at).filter(|c| c.is_alphanumeric());
        left = left.saturating_sub(letter.map_or(0, char::len_utf8));
    }
    at
}

fn letters(keyword: &str) -> String {
    let folded = fold_literal(keyword).to_ascii_lowercase();
    String::from_utf8_lossy(&folded).chars().filter(|c| c.is_alphanumeric()).collect()
}

fn weight(letter: char) -> usize {
    if is_word(letter) { 1 } else { 2 }
}

/// What people put between letters.
pub(super) fn is_separator(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t'
            | '\n'
            | '\r'
            | '.'
            | '-'
            | '_'
            | '*'
            | '~'
            | '|'
            | '/'
            | '\''
            | '`'
            | ','
            | '+'
            | '='
            | '#'
            | '^'
            | ':'
            | '·'
            | '•'
            | '‧'
            | '・'
            | '。'
            | '、'
    )
}
