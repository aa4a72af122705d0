//! Tables that run patterns: an anchored DFA of one or several patterns, made small.
//!
//! `regex-automata` builds the DFA; here it becomes a table of 16-bit states in which each state says at once which
//! patterns end in it (not one byte later), whether it can go on, and in which a state that can never match is dead.

use super::RuleSet;
use super::blocks::is_gap;
use super::tables::Raw;
use crate::text::fold::is_chinese;
use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::Hir;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

/// Nothing can match any more.
pub(super) const DEAD: u16 = 0;
/// Where a machine starts.
pub(super) const START: u16 = 1;

/// Several patterns that start alike, in one table.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    /// A word boundary has to stand before the start.
    pub(super) left: bool,
    /// No match is longer.
    pub(super) longest: u32,
    /// The rules whose patterns these are.
    pub(super) rules: RuleSet,
    /// Indices of the engine's patterns.
    pub(super) patterns: Vec<u32>,
    /// Some pattern needs to see what follows its match.
    pub(super) right: bool,
    /// Every pattern does.
    pub(super) right_always: bool,
    /// All patterns need context before them.
    pub(super) contextual: bool,
    /// Where it starts at literals: a bit for each byte that may stand behind one.
    pub(super) behind: [u64; 4],
    /// Of Chinese characters: a bit for each of some kinds; nothing where all may.
    behind_chinese: Option<Box<[u64; KINDS / 64]>>,
    /// Which of the [`NEARS`] places holds the last word of their contexts.
    pub(super) near: u8,
    classes: Box<[u8; 256]>,
    stride: u32,
    next: Vec<u16>,
    /// By state: index of the set of patterns that end there, 0 for none.
    accepts: Vec<u16>,
    /// From this state on, some pattern ends in each.
    accepting: u16,
    sets: Vec<Vec<u16>>,
    /// By state: nothing longer can follow.
    last: Vec<bool>,
}

/// Why there is no table.
#[derive(Debug)]
pub(super) enum TooBig {
    /// Some limit of the determinisation was reached.
    States,
    /// The compiler of expressions refuses, with its words.
    Refused(String),
}

/// What follows a number behind white space or a comma.
#[derive(Clone, Copy, Debug)]
pub(super) enum Behind {
    /// An ASCII letter.
    Letter,
    /// A Chinese character.
    Chinese,
}

/// So many sets of contexts are told apart, each by a bit; machines beyond that share.
pub(super) const NEARS: usize = 16;
/// So many kinds of Chinese characters are told apart where a machine starts at literals.
const KINDS: usize = 1024;

/// The kind of a Chinese character.
#[inline]
fn kind([first, second, third]: [u8; 3]) -> usize {
    let number =
        usize::from(first & 0x0F) << 12 | usize::from(second & 0x3F) << 6 | usize::from(third & 0x3F);
    number.wrapping_mul(0x9E37_79B9) >> 12 & (KINDS - 1)
}

/// So many states at once are not told apart.
const MANY: usize = 1 << 12;
/// What the table may take while it is made, in bytes.
const DFA_BYTES: usize = 16 << 20;

impl Machine {
    /// A machine for the expressions, which are anchored at its start. `limit` is the most states that it may have.
    pub(super) fn build(expressions: &[&Hir], limit: usize) -> Result<Self, TooBig> {
        let config =
            thompson::Config::new().which_captures(WhichCaptures::None).nfa_size_limit(Some(DFA_BYTES));
        let nfa = thompson::Compiler::new()
            .configure(config)
            .build_many_from_hir(expressions)
            .map_err(|error| TooBig::Refused(error.to_string()))?;
        let bytes = DFA_BYTES.min(limit.saturating_mul(256));
        let config = dense::Config::new()
            .start_kind(StartKind::Anchored)
            .match_kind(MatchKind::All)
            .accelerate(false)
            .dfa_size_limit(Some(bytes))
            .determinize_size_limit(Some(bytes.saturating_mul(4)));
        let dfa = dense::Builder::new().configure(config).build_from_nfa(&nfa).map_err(|error| {
            if error.is_size_limit_exceeded() { TooBig::States } else { TooBig::Refused(error.to_string()) }
        })?;
        Self::from_dfa(&dfa, limit)
    }

    /// The same table for other patterns with the same expressions.
    pub(super) fn bare(&self) -> Self {
        Self {
            classes: self.classes.clone(),
            stride: self.stride,
            next: self.next.clone(),
            accepts: self.accepts.clone(),
            accepting: self.accepting,
            sets: self.sets.clone(),
            last: self.last.clone(),
            ..Self::unused()
        }
    }

    /// A table that is not filled, for no pattern.
    fn unused() -> Self {
        Self {
            left: false,
            longest: 0,
            rules: RuleSet::empty(),
            patterns: Vec::new(),
            right: false,
            right_always: true,
            contextual: false,
            behind: [!0; 4],
            behind_chinese: None,
            near: 0,
            classes: Box::new([0; 256]),
            stride: 0,
            next: Vec::new(),
            accepts: Vec::new(),
            accepting: 0,
            sets: Vec::new(),
            last: Vec::new(),
        }
    }

    /// As it is kept: see [`super::tables`].
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let stride = self.stride as usize;
        // Row 0 is that of the dead state, from which nothing leads anywhere.
        let rows = self.next.chunks(stride).zip(0_u16..).skip(1);
        let next = rows.flat_map(|(row, state)| row.iter().map(move |&to| step(state, to)));
        let mut bytes = ((self.last.len() - 1) as u32).to_le_bytes().to_vec();
        bytes.extend((self.stride as u16).to_le_bytes());
        bytes.extend(self.accepting.to_le_bytes());
        bytes.extend(self.classes.iter());
        bytes.extend(next.flat_map(u16::to_le_bytes));
        bytes.extend(self.accepts.iter().skip(1).flat_map(|accepts| accepts.to_le_bytes()));
        bytes.extend((self.sets.len() as u16).to_le_bytes());
        for set in &self.sets {
            bytes.extend((set.len() as u16).to_le_bytes());
            bytes.extend(set.iter().flat_map(|pattern| pattern.to_le_bytes()));
        }
        bytes
    }

    /// The same read again; none, where it is not whole.
    pub(super) fn from_raw(raw: &Raw<'_>) -> Option<Self> {
        let stride = usize::from(raw.stride);
        let numbers = |before: usize, bytes: &[u8]| -> Vec<u16> {
            let mut numbers = Vec::with_capacity(before + bytes.len() / 2);
            numbers.resize(before, 0);
            let pairs = bytes.as_chunks().0;
            numbers.extend(pairs.iter().map(|&two| u16::from_le_bytes(two)));
            numbers
        };
        // Row 0 is that of the dead state, from which nothing leads anywhere.
        let mut next = numbers(stride, raw.next);
        if stride == 0 || raw.states >= usize::from(u16::MAX) {
            return None;
        }
        let mut last = Vec::with_capacity(raw.states + 1);
        last.push(true);
        for (row, state) in next.chunks_mut(stride).zip(0_u16..).skip(1) {
            row.iter_mut().for_each(|to| *to = stepped(state, *to));
            last.push(row.iter().all(|&to| to == DEAD));
        }
        let accepts = numbers(1, raw.accepts);
        Some(Self {
            classes: Box::new(raw.classes.try_into().ok()?),
            stride: u32::from(raw.stride),
            next,
            accepts,
            accepting: raw.accepting,
            sets: raw.sets.iter().map(|set| numbers(0, set)).collect(),
            last,
            ..Self::unused()
        })
    }

    #[inline]
    pub(super) fn next(&self, state: u16, byte: u8) -> u16 {
        self.next_of(state, self.classes[usize::from(byte)])
    }

    #[inline]
    fn next_of(&self, state: u16, class: u8) -> u16 {
        let at = u32::from(state).wrapping_mul(self.stride).wrapping_add(u32::from(class));
        self.next.get(at as usize).copied().unwrap_or(DEAD)
    }

    /// Whether some pattern ends in this state.
    #[inline]
    pub(super) fn accepts(&self, state: u16) -> bool {
        state >= self.accepting
    }

    /// Whether nothing longer can follow.
    #[inline]
    pub(super) fn is_last(&self, state: u16) -> bool {
        self.last.get(usize::from(state)).copied().unwrap_or(true)
    }

    /// The engine's patterns that end in this state.
    pub(super) fn ended(&self, state: u16) -> impl Iterator<Item = u32> + '_ {
        let set = self.accepts.get(usize::from(state)).map_or(0, |&set| usize::from(set));
        let local = self.sets.get(set).map_or(&[][..], Vec::as_slice);
        local.iter().filter_map(|&local| self.patterns.get(usize::from(local)).copied())
    }

    /// The bytes that lead anywhere from the start.
    pub(super) fn first_bytes(&self) -> [bool; 256] {
        std::array::from_fn(|byte| self.next(START, byte as u8) != DEAD)
    }

    /// Whether it has not died after these two bytes, or found something after the first.
    pub(super) fn lives_on(&self, first: u8, second: u8) -> bool {
        let state = self.next(START, first);
        state != DEAD && (self.accepts(state) || self.next(state, second) != DEAD)
    }

    /// By length: whether it may live on or has found something after a token of so many letters or digits, the first one `first` and
    /// the others its like, and white space or a comma behind it, after which a number is followed by a letter; at 8, after seven more.
    /// Never says no where it does.
    pub(super) fn lives_on_token(&self, first: u8) -> [bool; 9] {
        let behind = first.is_ascii_digit().then_some(Behind::Letter);
        self.lives_on_run(BTreeSet::from([self.next(START, first)]), behind)
    }

    /// The same of a number, by what follows it behind the white space or comma.
    pub(super) fn lives_on_digits(&self, first: u8, behind: Behind) -> [bool; 9] {
        self.lives_on_run(BTreeSet::from([self.next(START, first)]), Some(behind))
    }

    /// The same of so many digits behind a run of these bytes.
    pub(super) fn lives_on_number(&self, run: &[bool; 256], behind: Behind) -> [bool; 9] {
        let run = self.classes_of((0..=255_u8).filter(|&byte| run[usize::from(byte)]));
        let mut states = BTreeSet::from([START]);
        let mut new = states.clone();
        while !new.is_empty() && states.len() <= MANY {
            new = self.after(&new, &run).into_iter().filter(|&state| states.insert(state)).collect();
        }
        if !new.is_empty() {
            // Not all of them are known.
            return [true; 9];
        }
        self.lives_on_run(self.after(&states, &self.classes_of(b'0'..=b'9')), Some(behind))
    }

    /// `states`: after the first letter or digit. `number`: what follows digits; `None` for letters.
    fn lives_on_run(&self, mut states: BTreeSet<u16>, number: Option<Behind>) -> [bool; 9] {
        let letters = self.classes_of((b'a'..=b'z').chain(b'A'..=b'Z'));
        let next = number.map(|behind| match behind {
            Behind::Letter => letters.clone(),
            Behind::Chinese => self.classes_of((0..=255_u8).filter(|&byte| is_chinese(byte))),
        });
        let more = if number.is_some() { self.classes_of(b'0'..=b'9') } else { letters };
        let gaps = self.classes_of((0..=255_u8).filter(|&byte| is_gap(byte)));
        let mut lives = [true; 9];
        states.remove(&DEAD);
        // What asks for no boundary may end within the token.
        let mut ended = false;
        for (length, lives) in lives.iter_mut().enumerate().skip(1) {
            let accepts = states.iter().any(|&state| self.accepts(state));
            ended |= accepts && !self.right_always;
            let mut behind = self.after(&states, &gaps);
            if let Some(next) = &next {
                ended |= behind.iter().any(|&state| self.accepts(state));
                behind = self.after(&behind, next);
            }
            *lives = ended || accepts || !if length == 8 { &states } else { &behind }.is_empty();
            states = self.after(&states, &more);
            if states.len() > MANY {
                return [true; 9];
            }
        }
        lives
    }

    /// By what kinds of bytes follow one of `first`, `depth` of them: tells the paths, as numbers whose digits are the kinds, on which it
    /// may live on or has found something.
    pub(super) fn paths<const KINDS: usize>(
        &self,
        first: impl Iterator<Item = u8>,
        kinds: &[Vec<u8>; KINDS],
        depth: u32,
        tell: &mut impl FnMut(Range<usize>),
    ) {
        let states = self.after(&BTreeSet::from([START]), &self.classes_of(first));
        let kinds = kinds.each_ref().map(|kind| self.classes_of(kind.iter().copied()));
        self.paths_from(&states, &kinds, depth, 0, tell);
    }

    fn paths_from<const KINDS: usize>(
        &self,
        states: &BTreeSet<u16>,
        kinds: &[BTreeSet<u8>; KINDS],
        depth: u32,
        path: usize,
        tell: &mut impl FnMut(Range<usize>),
    ) {
        if states.is_empty() {
            return;
        }
        if depth == 0 || states.len() > MANY || states.iter().any(|&state| self.accepts(state)) {
            let width = KINDS.pow(depth);
            return tell(path * width..(path + 1) * width);
        }
        for (kind, classes) in kinds.iter().enumerate() {
            self.paths_from(&self.after(states, classes), kinds, depth - 1, path * KINDS + kind, tell);
        }
    }

    /// Tells with how many digits, one less, and bytes of which two kinds behind them it may live on or has found something: the first kind in
    /// the higher place.
    pub(super) fn behind_digits<const KINDS: usize>(
        &self,
        most: usize,
        kinds: &[Vec<u8>; KINDS],
        tell: &mut impl FnMut(usize, Range<usize>),
    ) {
        let digits = self.classes_of(b'0'..=b'9');
        let kinds = kinds.each_ref().map(|kind| self.classes_of(kind.iter().copied()));
        let mut states = BTreeSet::from([START]);
        let mut found = false;
        for count in 0..most {
            states = self.after(&states, &digits);
            found |= states.len() > MANY || states.iter().any(|&state| self.accepts(state));
            if found {
                tell(count, 0..KINDS * KINDS);
            } else {
                self.paths_from(&states, &kinds, 2, 0, &mut |paths| tell(count, paths));
            }
        }
    }

    /// Tells with how many digits, one less, before one space and which two letters behind it, lower case, it may live on or has found
    /// something: `None` for any letter.
    pub(super) fn before_words(&self, most: usize, tell: &mut impl FnMut(usize, [Option<u8>; 2])) {
        let (digits, space) = (self.classes_of(b'0'..=b'9'), self.classes_of([b' '].into_iter()));
        let mut states = BTreeSet::from([START]);
        let mut found = false;
        let accept =
            |states: &BTreeSet<u16>| states.len() > MANY || states.iter().any(|&state| self.accepts(state));
        for count in 0..most {
            states = self.after(&states, &digits);
            let behind = self.after(&states, &space);
            found |= accept(&states);
            if found || accept(&behind) {
                tell(count, [None, None]);
                continue;
            }
            for first in b'a'..=b'z' {
                let after = self.after(&behind, &self.letter(first));
                if accept(&after) {
                    tell(count, [Some(first), None]);
                } else if !after.is_empty() {
                    let lives = |second: &u8| !self.after(&after, &self.letter(*second)).is_empty();
                    (b'a'..=b'z').filter(lives).for_each(|second| tell(count, [Some(first), Some(second)]));
                }
            }
        }
    }

    /// The classes of a letter, upper case or lower.
    fn letter(&self, lower: u8) -> BTreeSet<u8> {
        self.classes_of([lower, lower.to_ascii_uppercase()].into_iter())
    }

    fn classes_of(&self, bytes: impl Iterator<Item = u8>) -> BTreeSet<u8> {
        bytes.map(|byte| self.classes[usize::from(byte)]).collect()
    }

    fn after(&self, states: &BTreeSet<u16>, classes: &BTreeSet<u8>) -> BTreeSet<u16> {
        let next =
            states.iter().flat_map(|&state| classes.iter().map(move |&class| self.next_of(state, class)));
        next.filter(|&state| state != DEAD).collect()
    }

    /// The bytes that may follow `byte` wherever it stands in a match: all, where a match may end with it.
    pub(super) fn beyond(&self, byte: u8) -> Box<[bool; 256]> {
        let mut beyond = Box::new([false; 256]);
        for state in START..self.last.len() as u16 {
            let state = self.next(state, byte);
            if state == DEAD {
                continue;
            }
            for (next, held) in (0..=255_u8).zip(beyond.iter_mut()) {
                *held |= self.accepts(state) || self.next(state, next) != DEAD;
            }
        }
        beyond
    }

    /// Tells what bytes may stand behind these literals, lower case, where a match may begin.
    pub(super) fn tell_behind<'l>(&mut self, literals: impl Iterator<Item = &'l String>) {
        let mut behind = [0_u64; 4];
        let mut chinese = Box::new([0; KINDS / 64]);
        for literal in literals {
            let mut states = BTreeSet::from([START]);
            for byte in literal.bytes() {
                states = self.after(&states, &self.classes_of([byte, byte.to_ascii_uppercase()].into_iter()));
                // White space comes in many forms, and a match may end within the literal.
                if byte == b' ' || states.iter().any(|&state| self.accepts(state)) {
                    return;
                }
            }
            states.iter().for_each(|&state| self.tell_chinese(state, &mut chinese));
            for byte in 0..=255_u8 {
                let lives = states.iter().any(|&state| self.next(state, byte) != DEAD);
                behind[usize::from(byte >> 6)] |= u64::from(lives) << (byte & 63);
            }
        }
        self.behind = behind;
        self.behind_chinese = Some(chinese);
    }

    /// Sets the bits of the Chinese characters that lead on from this state.
    fn tell_chinese(&self, state: u16, kinds: &mut [u64; KINDS / 64]) {
        let alive = |state: u16, byte: u8| Some(self.next(state, byte)).filter(|&state| state != DEAD);
        for first in (0..=255_u8).filter(|&first| is_chinese(first)) {
            let Some(state) = alive(state, first) else { continue };
            for second in 0x80..0xC0 {
                let Some(state) = alive(state, second) else { continue };
                for third in
                    (0x80..0xC0).filter(|&third| self.accepts(state) || alive(state, third).is_some())
                {
                    let kind = kind([first, second, third]);
                    kinds[kind / 64] |= 1 << (kind % 64);
                }
            }
        }
    }

    /// Whether this byte may stand behind a literal at which it starts.
    #[inline]
    pub(super) fn goes_on(&self, byte: u8) -> bool {
        self.behind[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }

    /// The same of what stands in a text from `at` on.
    #[inline]
    pub(super) fn goes_on_with(&self, text: &[u8], at: usize) -> bool {
        let Some(rest) = text.get(at..) else { return true };
        match (rest, &self.behind_chinese) {
            (&[first, second, third, ..], Some(kinds)) if is_chinese(first) => {
                let kind = kind([first, second, third]);
                self.goes_on(first) && kinds[kind / 64] >> (kind % 64) & 1 == 1
            }
            (&[first, ..], _) => self.goes_on(first),
            ([], _) => true,
        }
    }

    /// How many states the table has.
    pub(super) fn states(&self) -> usize {
        self.last.len()
    }

    fn from_dfa(dfa: &dense::DFA<Vec<u32>>, limit: usize) -> Result<Self, TooBig> {
        let config = start::Config::new().anchored(Anchored::Yes);
        let first = dfa.start_state(&config).map_err(|error| TooBig::Refused(error.to_string()))?;
        let (classes, representatives) = classes(dfa);
        let mut graph = Graph::walk(dfa, first, &representatives, limit)?;
        graph.merge();
        // Dead states have fallen away. The start is the first found and stays the first, as no match is empty; those in which
        // some pattern ends are the last.
        let mut kept: Vec<usize> = graph
            .same
            .iter()
            .enumerate()
            .filter(|&(state, &same)| same == state)
            .map(|(state, _)| state)
            .collect();
        kept.sort_by_key(|&state| graph.accepts[state] != 0);
        let accepting = kept.partition_point(|&state| graph.accepts[state] == 0) as u16 + 1;
        let mut number = vec![DEAD; graph.accepts.len()];
        for (new, &state) in (1..).zip(&kept) {
            number[state] = new;
        }
        let (classes, representatives) = graph.columns(&classes, &kept);
        let stride = representatives.len();
        let mut next = vec![DEAD; stride];
        let mut accepts = vec![0];
        let mut last = vec![true];
        for &state in &kept {
            let from = next.len();
            next.extend(
                representatives.iter().map(|&class| graph.to(state, class).map_or(DEAD, |to| number[to])),
            );
            last.push(next.iter().skip(from).all(|&to| to == DEAD));
            accepts.push(graph.accepts[state]);
        }
        next.shrink_to_fit();
        Ok(Self {
            classes,
            stride: stride as u32,
            next,
            accepts,
            accepting,
            sets: graph.sets,
            last,
            ..Self::unused()
        })
    }
}

/// How far a state leads, in a form in which tables repeat themselves: 0 is nowhere.
fn step(from: u16, to: u16) -> u16 {
    let by = to.wrapping_sub(from).cast_signed();
    if to == DEAD { 0 } else { ((by << 1) ^ (by >> 15)).cast_unsigned().wrapping_add(1) }
}

/// Where it leads.
fn stepped(from: u16, step: u16) -> u16 {
    let Some(by) = step.checked_sub(1) else { return DEAD };
    from.wrapping_add((by >> 1) ^ (by & 1).wrapping_neg())
}

/// The DFA's classes of bytes: bytes of one class lead to the same states. A byte stands for each.
fn classes(dfa: &dense::DFA<Vec<u32>>) -> (Box<[u8; 256]>, Vec<u8>) {
    let source = dfa.byte_classes();
    let mut classes = Box::new([0; 256]);
    let mut representatives: Vec<u8> = Vec::new();
    let mut known = HashMap::new();
    for byte in 0..=255_u8 {
        let class = *known.entry(source.get(byte)).or_insert_with(|| {
            representatives.push(byte);
            representatives.len() - 1
        });
        classes[usize::from(byte)] = class as u8;
    }
    (classes, representatives)
}

/// No state: where a byte leads after which nothing can match.
const DEAD_END: usize = usize::MAX;
/// No state yet, and for ever where none lives.
const NOWHERE: usize = usize::MAX - 1;

/// The DFA's states as found from its start, with ends told without delay.
struct Graph {
    /// A row for each state.
    next: Vec<usize>,
    accepts: Vec<u16>,
    sets: Vec<Vec<u16>>,
    /// The classes of bytes.
    stride: usize,
    /// By state: the one that is kept for all that tell the same of what may follow, see [`Graph::merge`].
    same: Vec<usize>,
}

impl Graph {
    fn walk(
        dfa: &dense::DFA<Vec<u32>>,
        first: StateID,
        representatives: &[u8],
        limit: usize,
    ) -> Result<Self, TooBig> {
        let stride = representatives.len();
        let mut graph =
            Self { next: Vec::new(), accepts: Vec::new(), sets: vec![Vec::new()], stride, same: Vec::new() };
        let mut number = HashMap::from([(first, 0)]);
        let mut sets = HashMap::from([(Vec::new(), 0)]);
        let mut queue = vec![first];
        let mut at = 0;
        while let Some(&state) = queue.get(at) {
            at += 1;
            let end = dfa.next_eoi_state(state);
            let ended = if dfa.is_match_state(end) { dfa.match_len(end) } else { 0 };
            let mut ended: Vec<u16> =
                (0..ended).map(|index| dfa.match_pattern(end, index).as_u32() as u16).collect();
            ended.sort_unstable();
            let set = *sets.entry(ended).or_insert_with_key(|ended| {
                graph.sets.push(ended.clone());
                graph.sets.len() - 1
            });
            graph.accepts.push(u16::try_from(set).map_err(|_| TooBig::States)?);
            for &byte in representatives {
                let to = dfa.next_state(state, byte);
                if dfa.is_dead_state(to) || dfa.is_quit_state(to) {
                    graph.next.push(DEAD_END);
                    continue;
                }
                let known = number.len();
                let index = *number.entry(to).or_insert_with(|| {
                    queue.push(to);
                    known
                });
                graph.next.push(index);
            }
            if queue.len() > limit.min(usize::from(u16::MAX) - 1) {
                return Err(TooBig::States);
            }
        }
        Ok(graph)
    }

    /// Where a state leads, among those that are kept.
    fn to(&self, state: usize, class: usize) -> Option<usize> {
        let to = self.next.get(state * self.stride + class).and_then(|&to| self.same.get(to));
        to.copied().filter(|&to| to != NOWHERE)
    }

    /// Finds the states that tell the same of all that may follow. Matches are bounded, so that no living state comes back to itself:
    /// told from the last ones on, each is looked at once, and what remains is the least table there is. What would come back stays apart.
    fn merge(&mut self) {
        let alive = self.alive();
        self.same = vec![NOWHERE; alive.len()];
        let mut known: HashMap<(u16, Vec<usize>), usize> = HashMap::new();
        let mut open = vec![(0_usize, 0_usize)];
        let mut seen = vec![false; alive.len()];
        seen[0] = true;
        while let Some((state, class)) = open.pop() {
            let row = &self.next[state * self.stride..][..self.stride];
            let lives = |to: usize| alive.get(to).is_some_and(|&alive| alive);
            let below = (class..self.stride).find(|&class| lives(row[class]) && !seen[row[class]]);
            if let Some(class) = below {
                open.push((state, class + 1));
                seen[row[class]] = true;
                open.push((row[class], 0));
                continue;
            }
            let told: Vec<usize> =
                row.iter().map(|&to| if lives(to) { self.same[to] } else { DEAD_END }).collect();
            // The start stays the first.
            let alone = state == 0 || told.contains(&NOWHERE);
            self.same[state] =
                if alone { state } else { *known.entry((self.accepts[state], told)).or_insert(state) };
        }
    }

    /// Of the states that are kept: the classes of bytes that lead to the same states, and one of the former classes for each.
    fn columns(&self, classes: &[u8; 256], kept: &[usize]) -> (Box<[u8; 256]>, Vec<usize>) {
        let mut known = HashMap::new();
        let mut first = Vec::new();
        let merged: Vec<u8> = (0..self.stride)
            .map(|class| {
                let column: Vec<_> = kept.iter().map(|&state| self.to(state, class)).collect();
                *known.entry(column).or_insert_with(|| {
                    first.push(class);
                    (first.len() - 1) as u8
                })
            })
            .collect();
        (Box::new(classes.map(|class| merged[usize::from(class)])), first)
    }

    /// The states from which some end can be reached.
    fn alive(&self) -> Vec<bool> {
        let mut from = vec![Vec::new(); self.accepts.len()];
        for (state, row) in self.next.chunks(self.stride).enumerate() {
            for &to in row.iter().filter(|&&to| to != DEAD_END) {
                if let Some(from) = from.get_mut(to) {
                    from.push(state);
                }
            }
        }
        let mut alive: Vec<bool> = self.accepts.iter().map(|&set| set != 0).collect();
        let mut queue: Vec<usize> = (0..alive.len()).filter(|&state| alive[state]).collect();
        while let Some(state) = queue.pop() {
            for &before in &from[state] {
                if !alive[before] {
                    alive[before] = true;
                    queue.push(before);
                }
            }
        }
        alive
    }
}
