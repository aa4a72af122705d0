//! The compiled rules, shared by all scans.

use super::keyword::{self, MARK, Meaning, Words};
use super::machine::{DEAD, START};
use super::pattern::Patterns;
use super::spelled::Spelled;
use super::{CompileError, RuleId, RuleSpec};

/// All rules of all policies, compiled: immutable, shared by every scan.
#[derive(Debug)]
pub struct Engine {
    pub(super) words: Words,
    pub(super) patterns: Patterns,
    pub(super) bytes: Box<[u16; 256]>,
    pub(super) dull: Dull,
    pub(super) spelled: Option<Spelled>,
    rules: usize,
}

/// What the scan's loop has to know of a byte. The automaton idles when it is at its start.
pub(super) mod byte {
    /// An ASCII letter or digit.
    pub(in crate::detect) const WORD: u16 = 1;
    /// ASCII white space.
    pub(in crate::detect) const SPACE: u16 = 1 << 1;
    /// Not ASCII.
    pub(in crate::detect) const WIDE: u16 = 1 << 2;
    /// Some machine starts with it.
    pub(in crate::detect) const START: u16 = 1 << 3;
    /// Some machine starts in the run before it.
    pub(in crate::detect) const INNER: u16 = 1 << 4;
    /// A letter or digit at which, within a word and with the automaton idle, nothing happens.
    pub(in crate::detect) const DULL: u16 = 1 << 5;
    /// Anything else at which, after a word and with the automaton idle, nothing happens.
    pub(in crate::detect) const DULL_END: u16 = 1 << 6;
    /// Anything else at which, outside a word and with the automaton idle, nothing happens.
    pub(in crate::detect) const DULL_GAP: u16 = 1 << 7;
    /// Some machine starts with it that needs no context.
    pub(in crate::detect) const START_PLAIN: u16 = 1 << 9;
    /// Some machine starts with it that needs no word boundary before it.
    pub(in crate::detect) const START_INSIDE: u16 = 1 << 8;
}

impl Engine {
    /// Compiles the rules, or says everything that is wrong with them.
    pub fn compile(rules: &[RuleSpec]) -> Result<Self, Vec<CompileError>> {
        let mut errors = Vec::new();
        let patterns = Patterns::compile(rules, &mut errors);
        let mut words = patterns.literals.clone();
        words.extend(patterns.contexts.iter().cloned());
        for (rule, spec) in rules.iter().enumerate() {
            for (index, keyword) in spec.keywords.iter().enumerate() {
                match keyword::word(&keyword.text, keyword.whole_word, Meaning::Keyword(RuleId(rule as u32)))
                {
                    Ok(word) => words.push(word),
                    Err(reason) => {
                        errors.push(CompileError { rule, keyword: Some(index), pattern: None, reason });
                    }
                }
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let refused = |error: aho_corasick::BuildError| {
            vec![CompileError { rule: 0, keyword: None, pattern: None, reason: error.to_string() }]
        };
        let words = Words::compile(&words).map_err(refused)?;
        let spelled = Spelled::compile(rules).map_err(refused)?;
        let bytes = byte_table(&words, &patterns);
        let dull = Dull::find(&words, &patterns, spelled.as_ref(), &bytes);
        Ok(Self { words, patterns, bytes, dull, spelled, rules: rules.len() })
    }

    /// What the engine is made of, for people: entries and states.
    pub fn figures(&self) -> String {
        let machines: Vec<usize> =
            self.patterns.machines.iter().map(super::machine::Machine::states).collect();
        format!("{} rules, {}, machines of {machines:?} states", self.rules, self.words.figures())
    }

    /// How many rules the engine holds.
    pub fn rules(&self) -> usize {
        self.rules
    }
}

/// Places at which nothing can begin, so that the scan steps over them.
#[derive(Debug)]
pub(super) struct Dull {
    /// By two ASCII characters, the first a letter or digit that begins a word: the automaton idles after them.
    words: Box<[u64; 256]>,
    /// By two ASCII characters: some machine that starts at the first lives on after the second.
    alive: Box<[u64; 256]>,
    /// By character from U+4E00 on.
    chinese: Box<[u64; CHINESE / 64]>,
}

const CHINESE: usize = 0x5200;

impl Dull {
    /// Whether nothing can begin in the first two bytes of a word, with which `rest` begins.
    #[inline]
    pub(super) fn begins(&self, patterns: &Patterns, rest: &[u8], near: bool) -> bool {
        let &[first, second, ..] = rest else { return false };
        let pair = usize::from(first & 0x7F) << 7 | usize::from(second & 0x7F);
        let holds = |table: &[u64; 256]| table[pair / 64] >> (pair % 64) & 1 == 1;
        first.is_ascii()
            && second.is_ascii()
            && holds(&self.words)
            && (!holds(&self.alive) || patterns.die_at(rest, near))
    }

    /// Whether nothing can begin at a Chinese character, given by its three bytes.
    #[inline]
    pub(super) fn is_chinese(&self, bytes: [u8; 3]) -> bool {
        let [a, b, c] = bytes.map(usize::from);
        let code = ((a & 0x0F) << 12 | (b & 0x3F) << 6 | (c & 0x3F)).wrapping_sub(0x4E00);
        code < CHINESE && self.chinese[code / 64] >> (code % 64) & 1 == 1
    }

    fn find(words: &Words, patterns: &Patterns, spelled: Option<&Spelled>, bytes: &[u16; 256]) -> Self {
        let mut dull = Self {
            words: Box::new([0; 256]),
            alive: Box::new([0; 256]),
            chinese: Box::new([0; CHINESE / 64]),
        };
        let start = words.start();
        let after_mark = words.step(start, MARK);
        let has = |byte: u8, flags: u16| bytes[usize::from(byte)] & flags != 0;
        // What happens in the middle of a word is not asked of bytes that only begin one.
        let quiet = |byte: u8| {
            !has(byte, byte::INNER | if has(byte, byte::WORD) { byte::START_INSIDE } else { byte::START })
        };
        for first in (0..0x80_u8).filter(|&byte| has(byte, byte::WORD) && quiet(byte)) {
            let after_first = words.step(after_mark, first.to_ascii_lowercase());
            for second in (0..0x80_u8).filter(|&byte| quiet(byte)) {
                let before =
                    if has(second, byte::WORD) { after_first } else { words.step(after_first, MARK) };
                let fed = if has(second, byte::SPACE) { b' ' } else { second.to_ascii_lowercase() };
                let after = words.step(before, fed);
                let ends = [after_mark, after_first, before].into_iter().any(|state| words.is_end(state));
                let pair = usize::from(first) << 7 | usize::from(second);
                // A letter that stands alone may begin a word that is spelled out.
                let alone = !has(second, byte::WORD)
                    && spelled.is_some_and(|spelled| spelled.begins(char::from(first.to_ascii_lowercase())));
                if after == start && !ends && !alone {
                    dull.words[pair / 64] |= 1 << (pair % 64);
                }
                if !patterns.die_at(&[first, second], true) {
                    dull.alive[pair / 64] |= 1 << (pair % 64);
                }
            }
        }
        for (block, bits) in (0..).zip(dull.chinese.iter_mut()) {
            *bits = dull_block(words, patterns, bytes, 0x4E00 + 64 * block);
            if let Some(spelled) = spelled {
                *bits &= unspelled(spelled, 0x4E00 + 64 * block);
            }
        }
        dull
    }
}

/// Of the 64 characters from `first` on: which begin no word that is spelled out.
fn unspelled(spelled: &Spelled, first: u32) -> u64 {
    let begins = |&bit: &u32| char::from_u32(first + bit).is_some_and(|c| spelled.begins(c));
    !(0..64).filter(begins).fold(0, |bits, bit| bits | 1 << bit)
}

/// Of the 64 characters from `first` on, which share all bytes but the last: at which nothing can begin.
fn dull_block(words: &Words, patterns: &Patterns, bytes: &[u16; 256], first: u32) -> u64 {
    let utf8 =
        |code: u32| [0xE0 | (code >> 12) as u8, 0x80 | (code >> 6 & 0x3F) as u8, 0x80 | (code & 0x3F) as u8];
    let start = words.start();
    let [a, b, _] = utf8(first);
    let (after_a, flags) = (words.step(start, a), bytes[usize::from(a)]);
    let after_b = words.step(after_a, b);
    if flags & byte::INNER != 0 || words.is_end(after_a) || words.is_end(after_b) {
        return 0;
    }
    if after_b == start && flags & byte::START == 0 {
        return !0;
    }
    let dull = |code: u32| {
        let bytes = utf8(code);
        let after = words.step(after_b, bytes[2]);
        let begins = patterns
            .starting(bytes[0])
            .any(|machine| bytes.iter().fold(START, |state, &byte| machine.next(state, byte)) != DEAD);
        after == start && !words.is_end(after) && !begins
    };
    (0..64).filter(|&bit| dull(first + bit)).fold(0, |bits, bit| bits | 1 << bit)
}

fn byte_table(words: &Words, patterns: &Patterns) -> Box<[u16; 256]> {
    let mut table = Box::new([0; 256]);
    let start = words.start();
    let after_mark = words.step(start, MARK);
    for (byte, flags) in (0..=255_u8).zip(table.iter_mut()) {
        let at = usize::from(byte);
        let starts = |left: bool| patterns.starting(byte).any(|machine| machine.left <= left);
        let plain = patterns.starting(byte).any(|machine| !machine.contextual);
        let inner = patterns.inners.iter().any(|inner| inner.bytes[at]);
        let (word, space) = (byte.is_ascii_alphanumeric(), byte.is_ascii_whitespace() || byte == 0x0B);
        let fed = if space { b' ' } else { byte.to_ascii_lowercase() };
        let idles = words.step(start, fed) == start;
        let other = !word && byte.is_ascii() && !starts(true) && !inner;
        let mut set = |flag, yes| *flags |= if yes { flag } else { 0 };
        set(byte::WORD, word);
        set(byte::SPACE, space);
        set(byte::WIDE, !byte.is_ascii());
        set(byte::START, starts(true));
        set(byte::START_PLAIN, plain);
        set(byte::START_INSIDE, starts(false));
        set(byte::INNER, inner);
        set(byte::DULL, word && idles && !starts(false) && !inner);
        set(byte::DULL_END, other && words.step(after_mark, fed) == start && !words.is_end(after_mark));
        set(byte::DULL_GAP, other && idles);
    }
    table
}
