//! The compiled rules, shared by all scans.

#![expect(clippy::inline_always, reason = "asked of each token: see `sift`")]

use super::blocks::{Firsts, Inside, Specials, is_gap};
use super::claims::Known;
use super::classify::Judges;
use super::conditions::AllCriteria;
use super::exact::ExactRules;
use super::fingerprint::Fingerprints;
use super::lexicon::{Lexicon, is_space};
use super::likeness::Form;
use super::machine::{Behind, Machine};
use super::numbered::Numbered;
use super::pattern::{Inner, Patterns, Source};
use super::tagger::Taggers;
use super::{CompileError, RuleId, RuleSet, RuleSpec, Tables, Unsupported};

/// All rules of all policies, compiled: immutable, shared by every scan.
#[derive(Debug)]
pub struct Engine {
    pub(super) lexicon: Lexicon,
    pub(super) patterns: Patterns,
    pub(super) bytes: Box<[u8; 256]>,
    pub(super) specials: Specials,
    pub(super) heads: Heads,
    pub(super) criteria: AllCriteria,
    /// Some machine starts with a character that is not ASCII.
    pub(super) starts_wide: bool,
    pub(super) exact: ExactRules,
    pub(super) judges: Judges,
    pub(super) taggers: Taggers,
    pub(super) fingerprints: Fingerprints,
    pub(super) claims: Numbered<Known>,
    /// The rules that hold answers against their requests.
    pub(super) grounds: Vec<(RuleId, Unsupported)>,
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
    /// Whether a rule's findings are a model's judgement.
    pub(super) fn asks_model(&self, rule: RuleId) -> bool {
        self.judges.asks(rule)
    }

    /// How many characters before its finding the words of a rule's groups count, where it has groups and says so.
    pub(super) fn reach(&self, rule: RuleId) -> Option<u32> {
        self.criteria.reach(rule)
    }

    /// Compiles the rules, or says everything that is wrong with them.
    pub fn compile(rules: &[RuleSpec]) -> Result<Self, Vec<CompileError>> {
        Self::compile_after(None, rules)
    }

    /// The same, with what has not changed taken from an earlier engine.
    pub fn compile_after(before: Option<&Self>, rules: &[RuleSpec]) -> Result<Self, Vec<CompileError>> {
        Self::compile_with(before, None, rules)
    }

    /// The same, with tables of patterns that were kept.
    pub fn compile_with(
        before: Option<&Self>,
        kept: Option<&Tables>,
        rules: &[RuleSpec],
    ) -> Result<Self, Vec<CompileError>> {
        let mut errors = Vec::new();
        let source = Source { before: before.map(|before| &before.patterns), kept };
        let mut patterns = Patterns::compile(rules, source, &mut errors);
        let others = patterns.words();
        let (all, parts) = AllCriteria::with_groups(rules);
        let lexicon = Lexicon::compile(&all, others, &mut errors);
        drop(all);
        let criteria = AllCriteria::compile(rules, parts, &mut errors);
        errors.iter_mut().for_each(|error| criteria.own(error));
        let judges = Judges::compile(rules, &mut errors);
        let taggers = Taggers::compile(rules, &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        let bytes = byte_table(&lexicon, &patterns);
        let is_special = |at: u8| {
            let flags = bytes[usize::from(at)];
            flags & (byte::INNER | byte::START_INSIDE) != 0 || is_gap(at) && flags != 0
        };
        let specials = Specials::new(is_special, inside(&lexicon), lexicon.any.ones().to_vec());
        let heads = Heads::find(&lexicon, &patterns);
        let starts_wide = (0x80..=0xFF).any(|byte| patterns.starting(byte).next().is_some());
        Ok(Self {
            lexicon,
            patterns,
            bytes,
            specials,
            heads,
            criteria,
            starts_wide,
            exact: ExactRules::compile(rules),
            judges,
            taggers,
            fingerprints: Fingerprints::compile(rules),
            claims: Numbered::of(rules, |spec| &spec.claims, |known| known.statements().len()),
            grounds: super::grounding::rules(rules),
            rules: rules.len(),
        })
    }

    /// What may begin with the byte at `at`, which is ASCII; anything, where the one after it has not come.
    #[inline]
    pub(super) fn head(&self, text: &[u8], at: usize) -> u8 {
        match text.get(at..) {
            Some(&[first, second, ..]) => self.heads.of(first, second),
            _ => !0,
        }
    }

    /// Makes ready what these rules need and is not made with the engine: models' weights.
    pub fn warm(&self, rules: &RuleSet) {
        self.judges.warm(rules);
        self.taggers.warm(rules);
    }

    /// What the engine is made of, for people: entries and states.
    pub fn figures(&self) -> String {
        let machines: Vec<usize> =
            self.patterns.machines.iter().map(super::machine::Machine::states).collect();
        format!("{} rules, {}, machines of {machines:?} states", self.rules, self.lexicon.figures())
    }

    /// Its tables, by what they are made of: none for one that grew too big.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&str, Option<&Machine>)> {
        self.patterns.tables()
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

/// Where words begin that ask for no boundary.
fn inside(lexicon: &Lexicon) -> Inside {
    let trie = &lexicon.inside.trie;
    if trie.is_empty() {
        return Inside::Nowhere;
    }
    let mut firsts = Vec::new();
    trie.each_first(3, &mut |first| {
        // White space comes in many forms and lengths: what stands behind it may be anything.
        let known = first.iter().position(|&byte| byte == b' ').unwrap_or(first.len());
        let byte = |at: usize| first.get(at).filter(|_| at < known).map_or(0, |byte| byte | 0x20);
        firsts.push([0, 1, 2].map(byte));
    });
    Inside::Firsts(Firsts::new(firsts))
}

/// What may begin with two bytes, the first ASCII: a table of bit sets.
#[derive(Debug)]
pub(super) struct Heads {
    /// The second one in the upper half of the index.
    by_two: Box<[u8; HEADS]>,
    /// By length, eight for eight and more, and first byte of a token of letters or of digits with white space or a comma behind it, and
    /// behind that of a number a letter: of [`Heads::STARTS`] those that may come of it, and [`Heads::OPEN`]. Most patterns want a digit or a sign soon.
    by_token: Box<[[u8; 0x80]; 16]>,
    /// By two bytes, and by length and first byte as above: the contexts of which one is wanted near, see [`Machine::near`]; all where none is.
    near_two: Box<[u16; HEADS]>,
    near_token: Box<[[u16; 0x80]; 16]>,
    /// As by token, of a number behind which white space or a comma and a Chinese character stand, by its first digit.
    by_chinese: [[u8; 10]; 9],
    /// By length of a number before a letter, and before a Chinese character: whether machines start at its digits because of what stands
    /// before them.
    in_number: [[bool; 9]; 2],
}

const HEADS: usize = 1 << 16;

impl Heads {
    /// A word that goes on as it likes; where the first byte is a sign, any word.
    pub(super) const OPEN: u8 = 1;
    /// A match of a machine that needs no context.
    pub(super) const PLAIN: u8 = 1 << 1;
    /// A match of a machine that needs context.
    pub(super) const CONTEXT: u8 = 1 << 2;
    /// Some machine that starts in the run before the first byte lives on after the second.
    pub(super) const INNER: u8 = 1 << 3;
    /// Some machine that starts in the run before the second byte has a run that holds the first.
    pub(super) const RUN: u8 = 1 << 4;
    /// A word that goes on as it likes behind these two letters.
    pub(super) const SHORT: u8 = 1 << 5;
    /// A match that begins with the first byte.
    pub(super) const STARTS: u8 = Self::PLAIN | Self::CONTEXT;

    #[expect(clippy::large_stack_arrays, reason = "it stands there only while it is put into its box")]
    fn find(lexicon: &Lexicon, patterns: &Patterns) -> Self {
        let mut by_two: Box<[u8; HEADS]> = Box::new([!0; HEADS]);
        let mut by_token = Box::new([[Self::OPEN; 0x80]; 16]);
        let (mut near_two, mut near_token) = (Box::new([0; HEADS]), Box::new([[0; 0x80]; 16]));
        let near = |machine: &Machine| if machine.contextual { 1 << machine.near } else { !0_u16 };
        for first in 0..0x80_u8 {
            if first.is_ascii_alphanumeric() {
                for machine in patterns.starting(first) {
                    let flag = if machine.contextual { Self::CONTEXT } else { Self::PLAIN };
                    let rows = by_token.iter_mut().zip(near_token.iter_mut());
                    for ((row, nears), lives) in rows.zip(machine.lives_on_token(first)) {
                        row[usize::from(first)] |= if lives { flag } else { 0 };
                        nears[usize::from(first)] |= if lives { near(machine) } else { 0 };
                    }
                }
            }
            let inner = patterns.beyond_inner(first);
            for second in 0..=255_u8 {
                let Some(flags) = by_two.get_mut(Self::place(first, second)) else { continue };
                *flags = 0;
                let mut set = |flag, yes| *flags |= if yes { flag } else { 0 };
                set(Self::OPEN, lexicon.bound.gate.opens(first, second) || sign(lexicon, first, second));
                set(Self::SHORT, lexicon.bound.gate.short(first, second));
                let mut alive = patterns.starting(first).filter(|machine| machine.lives_on(first, second));
                near_two[Self::place(first, second)] =
                    alive.clone().fold(0, |nears, machine| nears | near(machine));
                let plain = alive.clone().any(|machine| !machine.contextual);
                set(Self::PLAIN, plain);
                set(Self::CONTEXT, alive.any(|machine| machine.contextual));
                set(Self::INNER, inner[usize::from(second)]);
                let run = |inner: &Inner| inner.run[usize::from(first)] && inner.bytes[usize::from(second)];
                set(Self::RUN, patterns.inners.iter().any(run));
            }
        }
        let in_number = [Behind::Letter, Behind::Chinese].map(|behind| in_number(patterns, behind));
        Self { by_two, by_token, by_chinese: by_chinese(patterns), near_two, near_token, in_number }
    }

    /// What may begin with an ASCII byte before another byte.
    #[inline(always)]
    pub(super) fn of(&self, first: u8, second: u8) -> u8 {
        self.by_two[Self::place(first, second)]
    }

    #[inline(always)]
    fn place(first: u8, second: u8) -> usize {
        usize::from(u16::from_le_bytes([first, second]))
    }

    /// Of what contexts one has to be near for a match to begin with these two bytes, of a token of `length` letters or digits with white
    /// space or a comma behind it, 0 for any other.
    #[inline]
    pub(super) fn nears(&self, first: u8, second: u8, length: usize) -> u16 {
        let token = if length == 0 { !0 } else { self.near_token[length & 15][usize::from(first & 0x7F)] };
        self.near_two[Self::place(first, second)] & token
    }

    /// What may begin with a token of `length` letters, or of digits, eight for eight and more, behind which stands white space or a comma.
    #[inline(always)]
    pub(super) fn of_token(&self, first: u8, length: usize) -> u8 {
        self.by_token[length & 15][usize::from(first & 0x7F)]
    }

    /// What may begin with a number of `length` digits, eight for eight and more, behind which white space or a comma and a Chinese character
    /// stand.
    #[inline]
    pub(super) fn before_chinese(&self, first: u8, length: usize) -> u8 {
        let row = self.by_chinese.get(length).map_or(&[][..], |row| row);
        row.get(usize::from(first.wrapping_sub(b'0'))).copied().unwrap_or(!0)
    }

    /// Whether a machine may start before or within a token, where it is such a number; of other tokens everything may.
    #[inline]
    pub(super) fn in_number(&self, form: Form) -> bool {
        let [letter, chinese] = &self.in_number;
        let lives = if form.number { letter } else { chinese };
        !(form.number || form.before_chinese) || lives.get(form.length()).copied().unwrap_or(true)
    }
}

/// Whether a word begins with a sign and this byte behind it, or is no longer.
fn sign(lexicon: &Lexicon, first: u8, second: u8) -> bool {
    let trie = &lexicon.bound.trie;
    let second = if is_space(second) { b' ' } else { second.to_ascii_lowercase() };
    let state = trie.first(first).filter(|_| !first.is_ascii_alphanumeric());
    // Of white space there may be more, which is one with the first.
    state.is_some_and(|state| is_space(first) || trie.is_end(state) || trie.step(state, second).is_some())
}

fn by_chinese(patterns: &Patterns) -> [[u8; 10]; 9] {
    let mut table = [[Heads::OPEN; 10]; 9];
    for digit in b'0'..=b'9' {
        for machine in patterns.starting(digit) {
            let flag = if machine.contextual { Heads::CONTEXT } else { Heads::PLAIN };
            for (row, lives) in table.iter_mut().zip(machine.lives_on_digits(digit, Behind::Chinese)) {
                row[usize::from(digit - b'0')] |= if lives { flag } else { 0 };
            }
        }
    }
    table
}

fn in_number(patterns: &Patterns, behind: Behind) -> [bool; 9] {
    let mut lives = [false; 9];
    let mut more =
        |other: [bool; 9]| lives.iter_mut().zip(other).skip(1).for_each(|(lives, more)| *lives |= more);
    for digit in b'0'..=b'9' {
        for machine in patterns.starting(digit).filter(|machine| !machine.left) {
            let mut own = machine.lives_on_digits(digit, behind);
            own[0] = false;
            // It may start at any of the digits.
            let mut any = false;
            more(own.map(|lives| {
                any |= lives;
                any
            }));
        }
    }
    for inner in &patterns.inners {
        let machine = patterns.machines.get(usize::from(inner.machine));
        if let Some(machine) = machine.filter(|_| (b'0'..=b'9').any(|digit| inner.bytes[usize::from(digit)]))
        {
            more(machine.lives_on_number(&inner.run, behind));
        }
    }
    lives
}
