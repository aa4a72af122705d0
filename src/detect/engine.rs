//! The compiled rules, shared by all scans.

use super::keyword::{self, MARK, Meaning, Words};
use super::pattern::Patterns;
use super::{CompileError, RuleId, RuleSpec};

/// All rules of all policies, compiled: immutable, shared by every scan.
#[derive(Debug)]
pub struct Engine {
    pub(super) words: Words,
    pub(super) patterns: Patterns,
    pub(super) bytes: Box<[u8; 256]>,
    rules: usize,
}

/// What the scan's loop has to know of a byte.
pub(super) mod byte {
    /// An ASCII letter or digit.
    pub(in crate::detect) const WORD: u8 = 1;
    /// ASCII white space.
    pub(in crate::detect) const SPACE: u8 = 2;
    /// Not ASCII.
    pub(in crate::detect) const WIDE: u8 = 4;
    /// Some machine starts with it.
    pub(in crate::detect) const START: u8 = 8;
    /// Some machine starts in the run before it.
    pub(in crate::detect) const INNER: u8 = 16;
    /// Inside a word, with the automaton at its start, nothing happens at it.
    pub(in crate::detect) const DULL: u8 = 32;
}

impl Engine {
    /// Compiles the rules, or says everything that is wrong with them.
    pub fn compile(rules: &[RuleSpec]) -> Result<Self, Vec<CompileError>> {
        let mut errors = Vec::new();
        let patterns = Patterns::compile(rules, &mut errors);
        let mut words = patterns.literals.clone();
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
        let words = Words::compile(&words).map_err(|error| {
            vec![CompileError { rule: 0, keyword: None, pattern: None, reason: error.to_string() }]
        })?;
        let bytes = byte_table(&words, &patterns);
        Ok(Self { words, patterns, bytes, rules: rules.len() })
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

fn byte_table(words: &Words, patterns: &Patterns) -> Box<[u8; 256]> {
    let mut table = Box::new([0; 256]);
    let start = words.start();
    for (byte, flags) in (0..=255_u8).zip(table.iter_mut()) {
        let at = usize::from(byte);
        let starts = |left: bool| {
            let mut starts = patterns.starts.iter().filter(|start| start.first[at]);
            starts.any(|start| {
                patterns.machines.get(usize::from(start.machine)).is_some_and(|m| m.left <= left)
            })
        };
        let inner = patterns.inners.iter().any(|inner| inner.byte == byte);
        let mut set = |flag, yes| *flags |= if yes { flag } else { 0 };
        set(self::byte::WORD, byte.is_ascii_alphanumeric());
        set(self::byte::SPACE, byte.is_ascii_whitespace() || byte == 0x0B);
        set(self::byte::WIDE, !byte.is_ascii());
        set(self::byte::START, starts(true));
        set(self::byte::INNER, inner);
        let stays = words.step(start, byte.to_ascii_lowercase()) == start && byte != MARK;
        set(self::byte::DULL, byte.is_ascii_alphanumeric() && stays && !starts(false) && !inner);
    }
    table
}
