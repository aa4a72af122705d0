//! Patterns: what an expression must be, where its matches can begin, and what has to hold of a match.
//!
//! A pattern does not run over the whole text. It begins where one of its literals stands (`ghp_`, `AKIA`), or in the
//! bounded run before a byte such as `@`, or else at its first byte, and then runs as a thread of
//! a [`Machine`]. Patterns that begin alike share a machine while it stays small.

use super::begin::{Begin, Bytes, begin};
use super::expression::{check_shape, parse, weight};
use super::known::{self, Known, Table};
use super::lexicon::{self, Word};
use super::machine::{DEAD, Machine, NEARS, START, TooBig};
use super::numbers::Numbers;
use super::scan::ones;
use super::tables::Tables;
use super::{CompileError, PatternSpec, Place, RuleId, RuleSpec, Validator};
use crate::text::fold::fold_literal;
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex_automata::meta;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::{Hir, HirKind, Look};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The longest match of any pattern, in bytes of folded text: it bounds what a scan holds back.
pub(super) const LONGEST: u32 = 16_384;
/// The longest match of a pattern that may begin at any byte or at any word: it bounds how many threads run at once.
const LONGEST_ANYWHERE: u32 = 256;
const LONGEST_AT_WORDS: u32 = 1024;
/// How far before a match its context may stand, in bytes of folded text.
pub(super) const CONTEXT: usize = 96;
/// States of one pattern's table, and of a table that patterns share.
pub(super) const STATES: usize = 32_768;
const SHARED_STATES: usize = 4_096;
/// A pattern of more weight has a table of its own, and together patterns weigh no more than `HEAVY`: a table that turns out too
/// big costs as much time as one that fits.
const ALONE: u32 = 250;
const HEAVY: u32 = 950;
/// The longest run that is short.
const SHORT_RUN: usize = 8;

/// What has to hold of a match, and what of it is found.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) rule: RuleId,
    pub(super) right: bool,
    pub(super) longest: u32,
    validator: Option<Validator>,
    score: Option<f32>,
    group: Option<Part>,
    context: Option<AhoCorasick>,
}

/// The part of a match that is found, where that is not the whole.
#[derive(Clone, Debug)]
enum Part {
    /// Reads what stands before the part, where the part goes on to the match's end; and the least length of the part. It
    /// costs a hundredth of what captures do, and text that repeats `password=` asks at every word.
    Before(Arc<Machine>, usize),
    /// Otherwise the expression with its captures.
    Captures(meta::Regex, usize),
}

/// All patterns, and where they begin.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    pub(super) all: Vec<Pattern>,
    pub(super) machines: Vec<Machine>,
    pub(super) literals: Vec<Word>,
    /// By byte: the machines that start with it.
    pub(super) starts: Vec<Vec<Starting>>,
    pub(super) numbers: Numbers,
    pub(super) inners: Vec<Inner>,
    /// By byte: a bit for each of these in whose run it may stand. Those behind the last bit share it.
    pub(super) runs: Vec<u64>,
    /// By byte: the bits of those that end before it.
    ending: Vec<u64>,
    /// The bits of those within the first, but the last one.
    pub(super) runs_within: u64,
    /// The bits of those whose machines need no context, and the last one.
    plain_runs: u64,
    /// The words of all contexts.
    pub(super) contexts: Vec<Word>,
    known: Known,
}

/// A machine that starts with some byte. What tells soonest that it does not stands here, as most starts come to nothing.
#[derive(Debug)]
pub(super) struct Starting {
    pub(super) machine: u16,
    /// It needs no word boundary before it.
    pub(super) inside: bool,
    /// By what the byte behind may be: a bit for each.
    second: [u64; 4],
    /// By the length of a token of letters, eight for eight and more, behind which white space or a comma stands: a bit where it may live on.
    lengths: u16,
    /// Its bit in [`Numbers`].
    pub(super) number: u64,
}

/// A machine that starts in the run of a class before one of some bytes.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) machine: u16,
    pub(super) bytes: Bytes,
    pub(super) run: Bytes,
    pub(super) most: usize,
    /// No byte of the run is outside the first one's, which is as long.
    pub(super) within_first: bool,
}

/// A pattern that was checked, and where it may begin.
struct Draft<'s> {
    rule: usize,
    index: usize,
    spec: &'s PatternSpec,
    begin: Begin,
    pattern: Pattern,
    weight: u32,
}

/// What finds the words of a context, by these: patterns of one rule often have the same.
type ContextWords<'s> = HashMap<&'s [String], AhoCorasick>;
/// By word of a context: whether all patterns that need it begin at a boundary, and a bit for each of their machines.
type Contexts<'s> = BTreeMap<&'s String, (bool, u16)>;

/// What the patterns of one machine have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Alike {
    Literals(BTreeSet<String>),
    /// The bytes, whether the run holds white space, and whether it is long: of prose everything is within a long run with white space.
    Inner(Bytes, bool, bool),
    Anywhere(bool, bool),
}

/// What was compiled before.
#[derive(Clone, Copy, Default)]
pub(super) struct Source<'s> {
    /// An earlier engine's patterns.
    pub(super) before: Option<&'s Patterns>,
    /// Tables that were kept.
    pub(super) kept: Option<&'s Tables>,
}

// === impl Source ===

impl Source<'_> {
    /// The table that is known by this, or that there is none so small.
    fn table(&self, key: &str) -> Option<Result<Machine, TooBig>> {
        let before = self.before.and_then(|before| before.table(key));
        before.or_else(|| self.kept?.table(key))
    }
}

// === impl Pattern ===

impl Pattern {
    /// Whether the context that the pattern asks for stands before `start`.
    pub(super) fn may_begin(&self, text: &[u8], start: usize) -> bool {
        self.context.as_ref().is_none_or(|context| stands_before(context, text, start))
    }

    /// What is found if `text[start..end]`, which the expression matches, is a match: its span and score.
    pub(super) fn judge(&self, text: &[u8], start: usize, end: usize) -> Option<(usize, usize, f32)> {
        let (from, to) = self.part(text, start, end);
        let score = match self.validator {
            Some(validator) => validator.check(text.get(from..to)?)?,
            None => 0.9,
        };
        Some((from, to, self.score.unwrap_or(score)))
    }

    fn part(&self, text: &[u8], start: usize, end: usize) -> (usize, usize) {
        let part = self.group.as_ref().and_then(|part| part.of(text, start, end));
        part.unwrap_or((start, end))
    }
}

// === impl Part ===

impl Part {
    fn of(&self, text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
        let head = text.get(..end)?;
        match self {
            Self::Before(before, least) => {
                let mut state = START;
                let mut from = None;
                for (at, &byte) in (start + 1..).zip(head.get(start..end.checked_sub(*least)?)?) {
                    state = before.next(state, byte);
                    if state == DEAD {
                        break;
                    }
                    // What comes before takes as much as it can.
                    from = if before.accepts(state) { Some(at) } else { from };
                }
                from.map(|from| (from, end))
            }
            Self::Captures(expression, group) => {
                let mut captures = expression.create_captures();
                let input = Input::new(head).range(start..end).anchored(Anchored::Yes);
                expression.captures(input, &mut captures);
                captures.get_group(*group).map(|span| (span.start, span.end))
            }
        }
    }
}

/// Whether a context word stands in the stretch before `start`.
fn stands_before(words: &AhoCorasick, text: &[u8], start: usize) -> bool {
    let from = start.saturating_sub(CONTEXT);
    let Some(head) = text.get(..start) else { return false };
    let Some(window) = text.get(from..start) else { return false };
    words.find_overlapping_iter(window).any(|hit| {
        let (left, right) = (from + hit.start(), from + hit.end());
        begins(head, left) && (boundary(head, right) || right == head.len())
    })
}

/// Whether a word boundary stands at `at`: not between two letters or digits of a script with spaces.
#[inline]
pub(super) fn boundary(text: &[u8], at: usize) -> bool {
    if let Some(&[before, after]) = at.checked_sub(1).and_then(|before| text.get(before..=at))
        && before.is_ascii()
        && after.is_ascii()
    {
        return !(before.is_ascii_alphanumeric() && after.is_ascii_alphanumeric());
    }
    !(char_before(text, at).is_some_and(is_word) && char_at(text, at).is_some_and(is_word))
}

/// Whether a word may begin at `at`: at a boundary, and behind an escape such as `\n`, as it stands in source code and
/// where JSON is the text (`{\"tel\":\"\n13800138000\"}`).
#[inline]
pub(super) fn begins(text: &[u8], at: usize) -> bool {
    boundary(text, at) || after_escape(text, at)
}

/// Whether an escape for white space ends at `at`: `\n`, `\r`, `\t`, `\b`, `\f`, `\v`, in either case.
#[inline]
pub(super) fn after_escape(text: &[u8], at: usize) -> bool {
    let letters = at.checked_sub(2).and_then(|from| text.get(from..at));
    matches!(letters, Some([b'\\', letter]) if b"nrtbfv".contains(&(letter | 0x20)))
}

/// The character that begins at `at`.
#[inline]
pub(super) fn char_at(text: &[u8], at: usize) -> Option<char> {
    let &first = text.get(at)?;
    let rest = |index: usize| text.get(at + index).map_or(0, |&byte| u32::from(byte) & 0x3F);
    let first = u32::from(first);
    match first {
        0..0x80 => char::from_u32(first),
        0xC0..0xE0 => char::from_u32((first & 0x1F) << 6 | rest(1)),
        0xE0..0xF0 => char::from_u32((first & 0x0F) << 12 | rest(1) << 6 | rest(2)),
        0xF0..0xF8 => char::from_u32((first & 0x07) << 18 | rest(1) << 12 | rest(2) << 6 | rest(3)),
        _ => None,
    }
}

pub(super) fn char_before(text: &[u8], at: usize) -> Option<char> {
    let head = text.get(..at)?;
    let length = head.iter().rev().take(4).position(|&byte| byte & 0xC0 != 0x80)? + 1;
    char_at(text, at - length)
}

/// Letters and digits of scripts that put spaces between words. Next to any other character there is a boundary:
/// Chinese, Japanese, Thai, Lao, Khmer, Burmese and Tibetan have no spaces, Korean attaches particles.
pub(super) fn is_word(c: char) -> bool {
    match c {
        // The common letters first; the last arm knows them as well.
        '0'..='9' | 'A'..='Z' | 'a'..='z' | '\u{3B1}'..='\u{3C9}' | '\u{430}'..='\u{44F}' => true,
        '\0'..='\u{7F}'
        | '\u{E00}'..='\u{FFF}'
        | '\u{1000}'..='\u{109F}'
        | '\u{1100}'..='\u{11FF}'
        | '\u{1780}'..='\u{17FF}'
        | '\u{2E80}'..='\u{A4CF}'
        | '\u{AC00}'..='\u{D7FF}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{1B000}'..='\u{1B16F}'
        | '\u{20000}'..='\u{3FFFF}' => false,
        _ => c.is_alphanumeric(),
    }
}

// === impl Starting ===

impl Starting {
    fn new(number: u16, machine: &Machine, first: u8) -> Self {
        let mut second = [0_u64; 4];
        for byte in (0..=255_u8).filter(|&byte| machine.lives_on(first, byte)) {
            second[usize::from(byte >> 6)] |= 1 << (byte & 63);
        }
        let lives = machine.lives_on_token(first).into_iter().enumerate();
        let lengths = lives.fold(0, |bits, (length, lives)| bits | u16::from(lives) << length);
        Self { machine: number, inside: !machine.left, second, lengths, number: !0 }
    }

    /// Whether it may live on behind a token of letters of this length, eight for eight and more, before white space or a comma.
    #[inline]
    pub(super) fn lives_on_token(&self, length: u8) -> bool {
        self.lengths >> (length & 15) & 1 != 0
    }

    /// Whether it has not died after this second byte.
    #[inline]
    pub(super) fn lives_on(&self, second: u8) -> bool {
        self.second[usize::from(second >> 6)] >> (second & 63) & 1 != 0
    }
}

// === impl Patterns ===

impl Patterns {
    /// Compiles the patterns of all rules, and says everything that is wrong with them. What is in `source` is taken from there.
    pub(super) fn compile(rules: &[RuleSpec], source: Source<'_>, errors: &mut Vec<CompileError>) -> Self {
        let mut drafts = Vec::new();
        let mut words = ContextWords::new();
        for (rule, spec) in rules.iter().enumerate() {
            for (index, pattern) in spec.patterns.iter().enumerate() {
                match draft(rule, index, pattern, source, &mut words) {
                    Ok(draft) => drafts.push(draft),
                    Err(reason) => {
                        errors.push(CompileError { rule, place: Place::Pattern(index), reason });
                    }
                }
            }
        }
        let mut compiled = Self::default();
        let mut alike: BTreeMap<(Alike, bool, bool, Option<usize>), Vec<Draft>> = BTreeMap::new();
        for (number, draft) in drafts.into_iter().enumerate() {
            let kind = match &draft.begin {
                // It runs where its literals stand and nowhere else.
                Begin::Literal(texts) => Alike::Literals(texts.clone()),
                // Runs before the same bytes share one; the machine knows which run is whose.
                Begin::Inner { bytes, run, most } => {
                    Alike::Inner(bytes.clone(), run[usize::from(b' ')], *most > SHORT_RUN)
                }
                Begin::Anywhere { digits, letters } => Alike::Anywhere(*digits, *letters),
            };
            // Those that need context run only near some context, so they keep to themselves; so do big ones, with which others
            // would soon be too big for a table.
            let alone = (draft.weight > ALONE).then_some(number);
            alike
                .entry((kind, draft.spec.left, draft.pattern.context.is_some(), alone))
                .or_default()
                .push(draft);
        }
        let mut contexts = Contexts::new();
        for drafts in alike.into_values() {
            compiled.share(drafts, source, &mut contexts, errors);
        }
        let words = contexts.into_iter();
        compiled.contexts =
            words.map(|(word, (left, machines))| lexicon::context(word, left, machines)).collect();
        compiled.order_inners();
        compiled.tell_numbers();
        compiled
    }

    /// Puts first the run that holds most: where a match may have begun in it, the runs within it need not be looked at.
    fn order_inners(&mut self) {
        let size = |inner: &Inner| inner.run.iter().filter(|held| **held).count();
        self.inners.sort_by_key(|inner| std::cmp::Reverse((inner.most, size(inner))));
        let Some((first, others)) = self.inners.split_first_mut() else { return };
        for inner in others {
            let mut both = inner.run.iter().zip(first.run.iter());
            inner.within_first = both.all(|(held, first)| *first || !*held);
        }
        let within = self.inners.iter().take(63).enumerate().filter(|(_, inner)| inner.within_first);
        self.runs_within = within.fold(0, |bits, (index, _)| bits | 1 << index);
        let contextual = |inner: &Inner| {
            self.machines.get(usize::from(inner.machine)).is_some_and(|machine| machine.contextual)
        };
        let plain = self.inners.iter().take(63).enumerate().filter(|(_, inner)| !contextual(inner));
        self.plain_runs = plain.fold(1 << 63, |bits, (index, _)| bits | 1 << index);
        self.runs = vec![0; 256];
        for (index, inner) in self.inners.iter().enumerate() {
            let held = self.runs.iter_mut().zip(inner.run.iter()).filter(|(_, held)| **held);
            held.for_each(|(runs, _)| *runs |= 1 << index.min(63));
        }
        self.ending = vec![0; 256];
        for (index, inner) in self.inners.iter().enumerate() {
            let ending = self.ending.iter_mut().zip(inner.bytes.iter()).filter(|(_, held)| **held);
            ending.for_each(|(ending, _)| *ending |= 1 << index.min(63));
        }
    }

    /// The bits of the runs in which this byte may stand. `near`: context may be near.
    #[inline]
    pub(super) fn runs_with(&self, byte: u8, near: bool) -> u64 {
        self.runs.get(usize::from(byte)).copied().unwrap_or(0) & if near { !0 } else { self.plain_runs }
    }

    /// The runs in which `before` may stand and that end before `byte`, where a match may begin, in order. `near`: context may be near.
    #[inline]
    pub(super) fn runs_between(&self, before: u8, byte: u8, near: bool) -> impl Iterator<Item = &Inner> {
        let bits = self.runs_with(before, near) & self.ending.get(usize::from(byte)).copied().unwrap_or(0);
        let named = ones(bits).filter(|&index| index < 63).filter_map(|index| self.inners.get(index));
        let others = if bits >> 63 == 0 { &[] } else { self.inners.get(63..).unwrap_or_default() };
        named
            .chain(others)
            .filter(move |inner| inner.bytes[usize::from(byte)] && inner.run[usize::from(before)])
    }

    /// Tells of the machines that start with digits which may.
    fn tell_numbers(&mut self) {
        let digits = self.starts.get(usize::from(b'0')..=usize::from(b'9')).unwrap_or_default();
        let machines: BTreeSet<u16> = digits.iter().flatten().map(|starting| starting.machine).collect();
        let all: Vec<&Machine> =
            machines.iter().filter_map(|&machine| self.machines.get(usize::from(machine))).collect();
        self.numbers = Numbers::new(&all);
        for starting in self.starts.iter_mut().flatten() {
            if let Some(index) = machines.iter().position(|&machine| machine == starting.machine) {
                starting.number = Numbers::bit(index);
            }
        }
    }

    /// The machines that start with this byte.
    pub(super) fn starting(&self, byte: u8) -> impl Iterator<Item = &Machine> + Clone {
        let numbers = self.starts.get(usize::from(byte)).map_or(&[][..], Vec::as_slice);
        numbers.iter().filter_map(|starting| self.machines.get(usize::from(starting.machine)))
    }

    /// Whether some pattern of a machine has its context before `start`.
    pub(super) fn may_begin(&self, machine: &Machine, text: &[u8], start: usize) -> bool {
        let mut patterns = machine.patterns.iter().filter_map(|&index| self.all.get(index as usize));
        !machine.contextual || patterns.any(|pattern| pattern.may_begin(text, start))
    }

    /// By byte: whether it may follow `byte` where a machine has started in the run before that.
    pub(super) fn beyond_inner(&self, byte: u8) -> Box<[bool; 256]> {
        let mut beyond = Box::new([false; 256]);
        for inner in self.inners.iter().filter(|inner| inner.bytes[usize::from(byte)]) {
            let Some(machine) = self.machines.get(usize::from(inner.machine)) else { continue };
            beyond.iter_mut().zip(machine.beyond(byte).iter()).for_each(|(held, more)| *held |= more);
        }
        beyond
    }

    /// The words that patterns begin with and those of their contexts.
    pub(super) fn words(&mut self) -> Vec<Word> {
        let mut words = std::mem::take(&mut self.literals);
        words.append(&mut self.contexts);
        words
    }

    /// One machine for all, or, where that grows too big, one for each half.
    fn share<'s>(
        &mut self,
        mut drafts: Vec<Draft<'s>>,
        source: Source<'_>,
        contexts: &mut Contexts<'s>,
        errors: &mut Vec<CompileError>,
    ) {
        let limit = if drafts.len() > 1 { SHARED_STATES } else { STATES };
        if drafts.len() > 1 && drafts.iter().map(|draft| draft.weight).fold(0, u32::saturating_add) > HEAVY {
            let second = drafts.split_off(drafts.len() / 2);
            self.share(drafts, source, contexts, errors);
            self.share(second, source, contexts, errors);
            return;
        }
        let key = known::key(drafts.iter().map(|draft| draft.spec), limit);
        match source.table(&key).unwrap_or_else(|| build(&drafts, limit)) {
            Ok(machine) => {
                self.known.note_table(key, Table::Machine(self.machines.len() as u16));
                self.add(machine, drafts, contexts);
            }
            Err(TooBig::States) if drafts.len() > 1 => {
                self.known.note_table(key, Table::TooBig);
                let second = drafts.split_off(drafts.len() / 2);
                self.share(drafts, source, contexts, errors);
                self.share(second, source, contexts, errors);
            }
            Err(error) => errors.extend(drafts.into_iter().map(|draft| CompileError {
                rule: draft.rule,
                place: Place::Pattern(draft.index),
                reason: match &error {
                    TooBig::States => format!("the expression needs more than {STATES} states"),
                    TooBig::Refused(reason) => reason.clone(),
                },
            })),
        }
    }

    /// The table that is known by this, or that there is none so small.
    fn table(&self, key: &str) -> Option<Result<Machine, TooBig>> {
        match self.known.table(key)? {
            Table::Machine(number) => {
                self.machines.get(usize::from(number)).map(|machine| Ok(machine.bare()))
            }
            Table::TooBig => Some(Err(TooBig::States)),
        }
    }

    /// All tables, by what they are made of: none for one that grew too big.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&str, Option<&Machine>)> {
        let shared = self.known.tables().map(|(key, table)| match table {
            Table::Machine(number) => (key, self.machines.get(usize::from(number))),
            Table::TooBig => (key, None),
        });
        let parts = self.known.parts().filter_map(|(key, place)| match &self.all.get(place)?.group {
            Some(Part::Before(before, _)) => Some((key, Some(&**before))),
            _ => None,
        });
        shared.chain(parts)
    }

    fn add<'s>(&mut self, mut machine: Machine, drafts: Vec<Draft<'s>>, contexts: &mut Contexts<'s>) {
        let number = self.machines.len() as u16;
        let mut literals = BTreeSet::new();
        let mut begin = None;
        machine.contextual = drafts.iter().all(|draft| draft.pattern.context.is_some());
        let contextual = self.machines.iter().filter(|machine| machine.contextual).count();
        machine.near = (contextual % NEARS) as u8;
        for draft in &drafts {
            for word in &draft.spec.context {
                let (left, machines) = contexts.entry(word).or_insert((true, 0));
                *left &= draft.spec.left;
                *machines |= 1 << machine.near;
            }
        }
        for draft in drafts {
            machine.left = draft.spec.left;
            machine.right |= draft.pattern.right;
            machine.right_always &= draft.pattern.right;
            machine.longest = machine.longest.max(draft.pattern.longest);
            machine.rules.insert(draft.pattern.rule);
            machine.patterns.push(self.all.len() as u32);
            self.known.note_pattern(draft.spec, self.all.len(), draft.begin.clone(), draft.weight);
            if matches!(draft.pattern.group, Some(Part::Before(..))) {
                self.known.note_part(known::part_key(draft.spec), self.all.len());
            }
            self.all.push(draft.pattern);
            match (draft.begin, &mut begin) {
                (Begin::Literal(texts), _) => literals.extend(texts),
                (Begin::Inner { run, most, .. }, Some(Begin::Inner { run: all, most: longest, .. })) => {
                    all.iter_mut().zip(run.iter()).for_each(|(held, more)| *held |= more);
                    *longest = most.max(*longest);
                }
                (other, begin) => *begin = Some(other),
            }
        }
        match begin {
            Some(Begin::Inner { bytes, run, most }) => {
                self.inners.push(Inner { machine: number, bytes, run, most, within_first: false });
            }
            Some(_) => {
                self.starts.resize_with(256, Vec::new);
                let first = machine.first_bytes();
                for (byte, of_byte) in
                    (0..=255_u8).zip(&mut self.starts).filter(|&(byte, _)| first[usize::from(byte)])
                {
                    of_byte.push(Starting::new(number, &machine, byte));
                }
            }
            // None begins with another, so that no machine starts twice in one place.
            None => {
                let words = literals.iter().map(|text| lexicon::literal(text, machine.left, number));
                self.literals.extend(words);
                machine.tell_behind(literals.iter());
            }
        }
        self.machines.push(machine);
    }
}

// === from expression to draft ===

/// One table for the expressions of these patterns.
fn build(drafts: &[Draft<'_>], limit: usize) -> Result<Machine, TooBig> {
    let parsed = drafts.iter().map(|draft| parse(&draft.spec.regex, !draft.spec.case_sensitive));
    let parsed: Vec<Hir> = parsed.collect::<Result<_, _>>().map_err(TooBig::Refused)?;
    Machine::build(&parsed.iter().collect::<Vec<_>>(), limit)
}

fn draft<'s>(
    rule: usize,
    index: usize,
    spec: &'s PatternSpec,
    source: Source<'_>,
    words: &mut ContextWords<'s>,
) -> Result<Draft<'s>, String> {
    if let Some((known, (place, begin, weight))) =
        source.before.and_then(|before| Some((before, before.known.pattern(spec)?)))
        && let Some(pattern) = known.all.get(place)
    {
        let pattern = Pattern { rule: RuleId(rule as u32), ..pattern.clone() };
        return Ok(Draft { rule, index, spec, begin: begin.clone(), pattern, weight });
    }
    let hir = parse(&spec.regex, !spec.case_sensitive)?;
    let longest = check_shape(&hir, spec)?;
    let begin = begin(&hir, spec);
    let most = match (&begin, spec.left) {
        (Begin::Anywhere { .. }, false) => LONGEST_ANYWHERE,
        (Begin::Anywhere { .. }, true) => LONGEST_AT_WORDS,
        _ => LONGEST,
    };
    if longest > most {
        return Err(format!(
            "a match may have {longest} bytes, but at most {most} are possible where it begins with neither a literal \
             nor a bounded run before one: shorten it, set `left`, or begin it with a literal"
        ));
    }
    let pattern = Pattern {
        rule: RuleId(rule as u32),
        right: spec.right,
        longest,
        validator: spec.validator,
        score: spec.score,
        group: spec.group.as_deref().map(|group| part(&hir, group, spec, source)).transpose()?,
        context: context(&spec.context, words)?,
    };
    Ok(Draft { rule, index, spec, begin, pattern, weight: weight(&hir) })
}

fn part(hir: &Hir, group: &str, spec: &PatternSpec, source: Source<'_>) -> Result<Part, String> {
    let index = group_index(hir, group).ok_or_else(|| no_group(hir, group))?;
    if let Some((before, least)) = before_group(hir, index) {
        let machine = source.table(&known::part_key(spec));
        if let Ok(machine) = machine.unwrap_or_else(|| Machine::build(&[&before], STATES)) {
            return Ok(Part::Before(Arc::new(machine), least));
        }
    }
    let whole = Hir::concat(vec![hir.clone(), Hir::look(Look::End)]);
    let expression = meta::Regex::builder().build_from_hir(&whole).map_err(|error| error.to_string())?;
    Ok(Part::Captures(expression, index as usize))
}

/// What is said of a group that is not there: which ones are.
fn no_group(hir: &Hir, group: &str) -> String {
    fn collect(hir: &Hir, out: &mut Vec<String>) {
        match hir.kind() {
            HirKind::Capture(capture) => {
                out.push(capture.name.as_deref().map_or_else(|| capture.index.to_string(), str::to_owned));
                collect(&capture.sub, out);
            }
            HirKind::Repetition(repetition) => collect(&repetition.sub, out),
            HirKind::Concat(parts) | HirKind::Alternation(parts) => {
                parts.iter().for_each(|part| collect(part, out));
            }
            HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => {}
        }
    }
    let mut groups = Vec::new();
    collect(hir, &mut groups);
    let none = format!("the expression has no group `{group}`");
    match crate::diag::nearest(group, &groups) {
        Some(near) => format!("{none}; did you mean `{near}`?"),
        None if groups.is_empty() => format!("{none}, and no other one"),
        None => format!("{none}; groups: `{}`", groups.join("`, `")),
    }
}

/// The number of the group with this name or number; 0 is the whole.
fn group_index(hir: &Hir, group: &str) -> Option<u32> {
    let number = group.parse().ok();
    let find = |parts: &[Hir]| parts.iter().find_map(|part| group_index(part, group));
    match hir.kind() {
        _ if number == Some(0) => number,
        HirKind::Capture(capture) => {
            let is_it = capture.name.as_deref() == Some(group) || number == Some(capture.index);
            if is_it { Some(capture.index) } else { group_index(&capture.sub, group) }
        }
        HirKind::Repetition(repetition) => group_index(&repetition.sub, group),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => find(parts),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => None,
    }
}

/// What stands before a group with which the expression ends, and the group's least length.
fn before_group(hir: &Hir, group: u32) -> Option<(Hir, usize)> {
    let HirKind::Concat(parts) = hir.kind() else { return None };
    let (last, before) = parts.split_last()?;
    let HirKind::Capture(capture) = last.kind() else { return None };
    let least = capture.sub.properties().minimum_len()?;
    let before = Hir::concat(before.to_vec());
    let holds_it = capture.index == group && before.properties().minimum_len()? > 0;
    holds_it.then_some((before, least))
}

fn context<'s>(words: &'s [String], known: &mut ContextWords<'s>) -> Result<Option<AhoCorasick>, String> {
    if words.is_empty() {
        return Ok(None);
    }
    if let Some(known) = known.get(words) {
        return Ok(Some(known.clone()));
    }
    let folded: Vec<Vec<u8>> = words.iter().map(|word| fold_literal(word)).collect();
    if let Some((word, _)) =
        words.iter().zip(&folded).find(|(_, folded)| folded.is_empty() || folded.len() > CONTEXT)
    {
        return Err(format!("the context word `{word}` must have 1 to {CONTEXT} bytes after folding"));
    }
    // It is asked at candidates alone, so that it may be the smallest.
    let automaton = AhoCorasick::builder()
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .ascii_case_insensitive(true)
        .build(folded);
    let automaton = automaton.map_err(|error| error.to_string())?;
    known.insert(words, automaton.clone());
    Ok(Some(automaton))
}
