//! The compiled rules, shared by all scans.

use super::blocks::Specials;
use super::lexicon::Lexicon;
use super::pattern::Patterns;
use super::{CompileError, RuleSpec};

/// All rules of all policies, compiled: immutable, shared by every scan.
#[derive(Debug)]
pub struct Engine {
    pub(super) lexicon: Lexicon,
    pub(super) patterns: Patterns,
    pub(super) bytes: Box<[u8; 256]>,
    pub(super) specials: Specials,
    pub(super) pairs: Pairs,
    rules: usize,
}

/// What has to be known of a byte at which something may begin.
pub(super) mod byte {
    /// Some machine starts with it.
    pub(in crate::detect) const START: u8 = 1;
    /// Some machine starts with it that needs no context.
    pub(in crate::detect) const START_PLAIN: u8 = 1 << 1;
    /// Some machine starts with it that needs no word boundary before it.
    pub(in crate::detect) const START_INSIDE: u8 = 1 << 2;
    /// Some machine starts in the run before it.
    pub(in crate::detect) const INNER: u8 = 1 << 3;
    /// A sign with which a word begins.
    pub(in crate::detect) const SIGN: u8 = 1 << 4;
    /// A sign with which a disguised word may begin.
    pub(in crate::detect) const DISGUISE: u8 = 1 << 5;
}

impl Engine {
    /// Compiles the rules, or says everything that is wrong with them.
    pub fn compile(rules: &[RuleSpec]) -> Result<Self, Vec<CompileError>> {
        let mut errors = Vec::new();
        let mut patterns = Patterns::compile(rules, &mut errors);
        let others = patterns.words();
        let lexicon = Lexicon::compile(rules, others, &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        let bytes = byte_table(&lexicon, &patterns);
        let specials = Specials::new(|byte| {
            let flags = bytes[usize::from(byte)];
            let anywhere = byte::INNER | byte::START_INSIDE;
            let sign = byte::START | byte::SIGN | byte::DISGUISE;
            flags & anywhere != 0 || !byte.is_ascii_alphanumeric() && flags & sign != 0
        });
        let pairs = Pairs::find(&patterns);
        Ok(Self { lexicon, patterns, bytes, specials, pairs, rules: rules.len() })
    }

    /// What the engine is made of, for people: entries and states.
    pub fn figures(&self) -> String {
        let machines: Vec<usize> =
            self.patterns.machines.iter().map(super::machine::Machine::states).collect();
        format!("{} rules, {}, machines of {machines:?} states", self.rules, self.lexicon.figures())
    }

    /// How many rules the engine holds.
    pub fn rules(&self) -> usize {
        self.rules
    }
}

fn byte_table(lexicon: &Lexicon, patterns: &Patterns) -> Box<[u8; 256]> {
    let mut table = Box::new([0; 256]);
    for (byte, flags) in (0..=255_u8).zip(table.iter_mut()) {
        let mut set = |flag, yes| *flags |= if yes { flag } else { 0 };
        set(byte::START, patterns.starting(byte).next().is_some());
        set(byte::START_PLAIN, patterns.starting(byte).any(|machine| !machine.contextual));
        set(byte::START_INSIDE, patterns.starting(byte).any(|machine| !machine.left));
        set(byte::INNER, patterns.inners.iter().any(|inner| inner.bytes[usize::from(byte)]));
    }
    for sign in lexicon.bound.gate.signs() {
        table[usize::from(sign)] |= byte::SIGN;
    }
    for sign in lexicon.disguised.signs() {
        table[usize::from(sign)] |= byte::DISGUISE;
    }
    table
}

/// By two ASCII characters: whether some machine that starts at the first lives on after the second.
#[derive(Debug)]
pub(super) struct Pairs(Box<[u64; 256]>);

impl Pairs {
    fn find(patterns: &Patterns) -> Self {
        let mut alive = Box::new([0; 256]);
        for first in (0..0x80_u8).filter(|&first| patterns.starting(first).next().is_some()) {
            for second in (0..0x80_u8).filter(|&second| patterns.live_on(first, second)) {
                let pair = usize::from(first) << 7 | usize::from(second);
                alive[pair / 64] |= 1 << (pair % 64);
            }
        }
        Self(alive)
    }

    /// Whether a machine that starts with the first of these bytes may find something.
    #[inline]
    pub(super) fn live_on(&self, rest: &[u8]) -> bool {
        let &[first, second, ..] = rest else { return true };
        let pair = usize::from(first & 0x7F) << 7 | usize::from(second & 0x7F);
        !first.is_ascii() || !second.is_ascii() || self.0[pair / 64] >> (pair % 64) & 1 == 1
    }
}
