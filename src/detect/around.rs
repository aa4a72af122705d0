//! The words and exceptions that a rule looks for around its matches.
//!
//! A [`Watch`] reads the text for one rule from a little before a match to a little behind it, once. What it finds is
//! kept as spans of which none lies within another, so that a question about a match is a binary search: of words the
//! shortest spans, of exceptions the longest.

use super::expression::{check_shape, parse};
use super::lexicon::{self, is_space};
use super::machine::{DEAD, Machine, START};
use super::pattern::{begins, boundary};
use super::trie::{Entry, State, Trie};
use super::{PatternSpec, RuleId};
use crate::text::fold::View;
use regex_syntax::hir::Hir;
use smallvec::SmallVec;
use std::sync::Arc;

/// What a term is for.
pub(super) mod uses {
    /// An exception.
    pub(in crate::detect) const EXCEPT: u8 = 1;
    /// A word that has to stand near.
    pub(in crate::detect) const NEAR: u8 = 1 << 1;
    /// A word that raises the score.
    pub(in crate::detect) const RAISE: u8 = 1 << 2;
    /// A word that lowers it.
    pub(in crate::detect) const LOWER: u8 = 1 << 3;
    /// The uses of terms that may begin in the middle of a word, so much further up.
    pub(super) const INSIDE: u8 = 4;
}

/// The longest term in bytes of folded text.
const LONGEST: usize = 256;
/// How much longer white space may make a term where it stands in a text, in bytes.
const SPACE: u64 = 64;
/// States of the table of a rule's exceptions that are patterns.
const STATES: usize = 8192;

/// A rule's terms, compiled.
#[derive(Debug)]
pub(super) struct Terms {
    trie: Trie,
    /// By the number of a word of the tree.
    words: Vec<Term>,
    /// Exceptions that are patterns, and whether they begin and end at word boundaries.
    machine: Option<(Arc<Machine>, bool)>,
    /// By byte: what may begin with it.
    first: Box<[u8; 256]>,
    /// By the first two bytes of words, lower case: a bit that tells whether some word begins so, or like it.
    pairs: Box<[u64; PAIRS / 64]>,
    /// No span is longer, in bytes of folded text.
    reach: u64,
}

/// So many pairs of bytes are told apart.
const PAIRS: usize = 1024;

/// The place of a pair, lower case.
#[inline]
fn pair(first: u8, second: u8) -> usize {
    (usize::from(first | 0x20) * 31 + usize::from(second | 0x20) * 5) % PAIRS
}

/// [`Terms::first`]: a term that begins at a boundary, one that begins anywhere, a pattern.
const BOUND: u8 = 1;
const FREE: u8 = 2;
const PATTERN: u8 = 4;

#[derive(Clone, Copy, Debug)]
struct Term {
    left: bool,
    right: bool,
    uses: u8,
}

/// Terms on their way to be compiled.
#[derive(Debug, Default)]
pub(super) struct Drafts(Vec<(String, Term)>);

impl Drafts {
    /// Takes a term in and says how many characters of folded text it has; or why it cannot be one.
    pub(super) fn add(&mut self, text: &str, whole: bool, uses: u8) -> Result<usize, String> {
        let word = lexicon::keyword(text, whole, RuleId(0))?;
        if word.text.len() > LONGEST {
            let length = word.text.len();
            return Err(format!("the term has {length} bytes after folding, at most {LONGEST} are possible"));
        }
        let length = word.text.chars().count();
        self.0.push((word.text, Term { left: word.left, right: word.right, uses }));
        Ok(length)
    }
}

/// One table for all expressions, where nothing is wrong with them.
pub(super) fn exception_machine(
    expressions: &[String],
    failed: &mut impl FnMut(usize, String),
) -> Option<Machine> {
    let mut parsed = Vec::new();
    let mut longest = 0;
    for (index, source) in expressions.iter().enumerate() {
        match exception(source) {
            Ok((hir, length)) => {
                longest = longest.max(length);
                parsed.push(hir);
            }
            Err(reason) => failed(index, reason),
        }
    }
    if parsed.is_empty() {
        return None;
    }
    let Ok(mut machine) = Machine::build(&parsed.iter().collect::<Vec<_>>(), STATES) else {
        failed(0, format!("the exceptions that are patterns need more than {STATES} states"));
        return None;
    };
    machine.longest = longest;
    Some(machine)
}

/// An exception that is a pattern, and the length of its longest match.
fn exception(source: &str) -> Result<(Hir, u32), String> {
    let hir = parse(source, true)?;
    // A length of its own is asked for below.
    let spec = PatternSpec { max_len: Some(LONGEST as u32), ..PatternSpec::default() };
    check_shape(&hir, &spec)?;
    match hir.properties().maximum_len() {
        Some(length) if length <= LONGEST => Ok((hir, length as u32)),
        Some(length) => {
            Err(format!("a match may have {length} bytes, at most {LONGEST} are possible in an exception"))
        }
        None => Err("a match has no longest length: bound `*`, `+` and `{n,}`".to_owned()),
    }
}

// === impl Terms ===

impl Terms {
    /// `None` if there are none.
    pub(super) fn compile(drafts: Drafts, machine: Option<(Arc<Machine>, bool)>) -> Option<Self> {
        let Drafts(mut drafts) = drafts;
        if drafts.is_empty() && machine.is_none() {
            return None;
        }
        drafts.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        let shifted = |term: &Term| if term.left { term.uses } else { term.uses << uses::INSIDE };
        let entries: Vec<Entry<'_>> = drafts
            .iter()
            .map(|(text, term)| Entry { bytes: text.as_bytes(), traits: shifted(term) })
            .collect();
        let trie = Trie::build(&entries);
        let mut first = Box::new([0; 256]);
        for (text, term) in &drafts {
            let Some(&byte) = text.as_bytes().first() else { continue };
            for byte in [byte, byte.to_ascii_uppercase()] {
                first[usize::from(byte)] |= if term.left { BOUND } else { FREE };
            }
        }
        let mut pairs = Box::new([0; PAIRS / 64]);
        trie.each_first(2, &mut |first| match first {
            [first, second] if *second != b' ' => {
                let place = pair(*first, *second);
                pairs[place / 64] |= 1 << (place % 64);
            }
            // White space comes in many forms, and behind one byte anything.
            _ => pairs.fill(!0),
        });
        if let Some((machine, _)) = &machine {
            let starts = first.iter_mut().zip(machine.first_bytes()).filter(|(_, starts)| *starts);
            starts.for_each(|(flags, _)| *flags |= PATTERN);
        }
        let longest = drafts.iter().map(|(text, _)| text.len() as u64 + SPACE).max().unwrap_or(0);
        let reach = longest.max(machine.as_ref().map_or(0, |(machine, _)| u64::from(machine.longest)));
        let words = drafts.into_iter().map(|(_, term)| term).collect();
        Some(Self { trie, words, machine, first, pairs, reach })
    }

    /// The longest span of a term, in bytes of folded text.
    pub(super) fn reach(&self) -> u64 {
        self.reach
    }
}

/// What one rule finds around its matches in a channel's text.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) rule: RuleId,
    /// How far terms have been begun. Those that go on have been read to the view's end.
    read: u64,
    runs: SmallVec<[Run; 2]>,
    except: Spans,
    near: Spans,
    raise: Spans,
    lower: Spans,
}

/// A term in the making.
#[derive(Clone, Copy, Debug)]
struct Run {
    start: u64,
    /// How far it has been read.
    next: u64,
    at: At,
    /// The last byte read was white space.
    space: bool,
    /// What ends here, if a boundary follows.
    waits: u8,
}

#[derive(Clone, Copy, Debug)]
enum At {
    /// In the tree of terms; whether it began in the middle of a word.
    Word(State, bool),
    /// In the table of patterns.
    Pattern(u16),
}

/// Whether words stand near a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Yes,
    No,
    /// What comes will tell.
    Open,
}

// === impl Watch ===

impl Watch {
    pub(super) fn new(rule: RuleId) -> Self {
        Self {
            rule,
            read: 0,
            runs: SmallVec::new(),
            except: Spans::default(),
            near: Spans::default(),
            raise: Spans::default(),
            lower: Spans::default(),
        }
    }

    /// How far terms have been begun.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// Reads from where it came to, but no earlier than `from`; what began before `from` is of no use to anybody any more. Terms that
    /// begin before `to` are known then, as far as the view goes.
    pub(super) fn read_on(&mut self, terms: &Terms, view: &View, from: u64, to: u64, ended: bool) {
        let (base, bytes) = (view.base().0, view.bytes());
        if self.read < from {
            self.runs.clear();
            self.read = from;
        }
        for spans in [&mut self.except, &mut self.near, &mut self.raise, &mut self.lower] {
            spans.forget(from);
        }
        if !self.runs.is_empty() {
            let mut runs = std::mem::take(&mut self.runs);
            runs.retain(|run| self.run_on(terms, run, view, ended));
            self.runs = runs;
        }
        let start = self.read.max(base);
        let end = to.clamp(start, view.end().0);
        let new = bytes.get((start - base) as usize..(end - base) as usize).unwrap_or_default();
        for (at, &byte) in ((start - base) as usize..).zip(new) {
            let flags = terms.first[usize::from(byte)];
            if flags != 0 && byte & 0xC0 != 0x80 {
                self.begin(terms, view, at, flags, ended);
            }
        }
        self.read = end;
    }

    /// Begins what may begin at `at`, and runs it as far as the view goes.
    fn begin(&mut self, terms: &Terms, view: &View, at: usize, flags: u8, ended: bool) {
        let start = view.base().0 + at as u64;
        let flags = if terms.goes_on(view.bytes(), at) { flags } else { flags & PATTERN };
        if flags == 0 {
            return;
        }
        let free = begins(view.bytes(), at);
        let run = |at| Run { start, next: start, at, space: false, waits: 0 };
        let word = flags & FREE != 0 || free && flags & BOUND != 0;
        let pattern = flags & PATTERN != 0 && (free || !terms.whole());
        let word = word.then(|| run(At::Word(Trie::TOP, !free)));
        let pattern = pattern.then(|| run(At::Pattern(START)));
        for mut run in word.into_iter().chain(pattern) {
            if self.run_on(terms, &mut run, view, ended) {
                self.runs.push(run);
            }
        }
    }

    /// Reads what has come since. False if no term goes on.
    fn run_on(&mut self, terms: &Terms, run: &mut Run, view: &View, ended: bool) -> bool {
        let (base, bytes) = (view.base().0, view.bytes());
        let mut at = run.next.saturating_sub(base) as usize;
        while let Some(&byte) = bytes.get(at) {
            if !self.step(terms, run, bytes, at, base + at as u64, byte) {
                return false;
            }
            at += 1;
        }
        run.next = view.end().0;
        if ended {
            self.end(terms, run, run.next);
        }
        !ended
    }

    /// Reads one byte. False if no term goes on.
    #[inline]
    fn step(&mut self, terms: &Terms, run: &mut Run, bytes: &[u8], at: usize, place: u64, byte: u8) -> bool {
        if run.waits != 0 {
            if boundary(bytes, at) {
                self.end(terms, run, place);
            }
            run.waits = 0;
        }
        if place - run.start >= terms.reach {
            return false;
        }
        match &mut run.at {
            At::Word(state, inside) => {
                let space = is_space(byte);
                if space && run.space {
                    return true;
                }
                run.space = space;
                let byte = if space { b' ' } else { byte.to_ascii_lowercase() };
                let Some(next) = terms.trie.step(*state, byte) else { return false };
                *state = next;
                for &number in terms.trie.ends(next) {
                    let Some(&term) = terms.words.get(number as usize) else { continue };
                    if *inside && term.left {
                        continue;
                    }
                    if term.right {
                        run.waits |= term.uses;
                    } else {
                        self.note(term.uses, run.start, place + 1);
                    }
                }
                run.waits != 0 || terms.beyond(next, *inside) != 0
            }
            At::Pattern(state) => {
                let Some((machine, whole)) = &terms.machine else { return false };
                *state = machine.next(*state, byte);
                if *state == DEAD || place - run.start >= u64::from(machine.longest) {
                    return false;
                }
                if machine.accepts(*state) {
                    if *whole {
                        run.waits = uses::EXCEPT;
                    } else {
                        self.note(uses::EXCEPT, run.start, place + 1);
                    }
                }
                run.waits != 0 || !machine.is_last(*state)
            }
        }
    }

    /// What waited for a boundary ends at `place`.
    fn end(&mut self, terms: &Terms, run: &Run, place: u64) {
        if run.waits == 0 {
            return;
        }
        match run.at {
            At::Word(state, inside) => {
                for &number in terms.trie.ends(state) {
                    if let Some(term) = terms.words.get(number as usize)
                        && term.right
                        && !(inside && term.left)
                    {
                        self.note(term.uses, run.start, place);
                    }
                }
            }
            At::Pattern(_) => self.note(uses::EXCEPT, run.start, place),
        }
    }

    fn note(&mut self, used: u8, start: u64, end: u64) {
        if used & uses::EXCEPT != 0 {
            self.except.add_longest(start, end);
        }
        for (kind, spans) in
            [(uses::NEAR, &mut self.near), (uses::RAISE, &mut self.raise), (uses::LOWER, &mut self.lower)]
        {
            if used & kind != 0 {
                spans.add_shortest(start, end);
            }
        }
    }

    /// Whether the match lies within an exception.
    pub(super) fn excepts(&self, terms: &Terms, start: u64, end: u64) -> Known {
        if self.except.around(start).is_some_and(|to| to >= end) {
            return Known::Yes;
        }
        let open = |run: &Run| run.start <= start && run.open(terms) & uses::EXCEPT != 0;
        if self.runs.iter().any(open) { Known::Open } else { Known::No }
    }

    /// Whether a word for this use stands near the match.
    pub(super) fn stands(
        &self,
        terms: &Terms,
        view: &View,
        used: u8,
        window: super::conditions::Window,
        (start, end): (u64, u64),
        ended: bool,
    ) -> Known {
        let spans = match used {
            uses::NEAR => &self.near,
            uses::RAISE => &self.raise,
            _ => &self.lower,
        };
        let within = window.within;
        let before = spans.before(start).is_some_and(|from| is_within(view, from, start, within));
        if before || spans.after(end).is_some_and(|to| is_within(view, end, to, within)) {
            return Known::Yes;
        }
        if ended {
            return Known::No;
        }
        // A word may still begin, or one that has begun may go on or wait for the boundary behind it.
        let begun = |waits: bool| {
            self.runs.iter().any(|run| {
                run.start >= end && if waits { run.waits & used != 0 } else { run.open(terms) & used != 0 }
            })
        };
        let come = view.end().0;
        let open = is_within(view, end, come, within.saturating_sub(window.shortest))
            || is_within(view, end, come, within.saturating_sub(1)) && begun(false)
            || is_within(view, end, come, within) && begun(true);
        if open { Known::Open } else { Known::No }
    }
}

impl Run {
    /// What may still end of it.
    fn open(&self, terms: &Terms) -> u8 {
        let beyond = match self.at {
            At::Word(state, inside) => terms.beyond(state, inside),
            At::Pattern(_) => uses::EXCEPT,
        };
        self.waits | beyond
    }
}

impl Terms {
    /// Whether a word may begin with the two bytes at `at`; where the second has not come, it may.
    #[inline]
    fn goes_on(&self, text: &[u8], at: usize) -> bool {
        let place = text.get(at..).and_then(<[u8]>::first_chunk).map(|&[first, second]| pair(first, second));
        place.is_none_or(|place| self.pairs[place / 64] >> (place % 64) & 1 == 1)
    }

    fn whole(&self) -> bool {
        self.machine.as_ref().is_some_and(|(_, whole)| *whole)
    }

    /// The uses of the terms that are longer than what has been read.
    fn beyond(&self, state: State, inside: bool) -> u8 {
        let traits = self.trie.beyond(state);
        let free = traits >> uses::INSIDE;
        if inside { free } else { free | traits & ((1 << uses::INSIDE) - 1) }
    }
}

/// Whether at most `most` characters of folded text stand between two places.
pub(super) fn is_within(view: &View, from: u64, to: u64, most: usize) -> bool {
    let length = to.saturating_sub(from) as usize;
    if length <= most {
        return true;
    }
    // A character has at most four bytes. What has been forgotten lies further back than anything counts.
    if length > most * 4 || from < view.base().0 {
        return false;
    }
    let from = (from - view.base().0) as usize;
    let bytes = view.bytes().get(from..from + length).unwrap_or_default();
    bytes.iter().filter(|&&byte| byte & 0xC0 != 0x80).count() <= most
}

/// Spans in order, none within another: both starts and ends rise.
#[derive(Clone, Debug, Default)]
pub(super) struct Spans(Vec<(u64, u64)>);

impl Spans {
    /// Adds a span, unless another one lies within it.
    fn add_shortest(&mut self, start: u64, end: u64) {
        let Self(spans) = self;
        // The first span that does not begin before it ends first of all that do not.
        let at = spans.partition_point(|span| span.0 < start);
        if spans.get(at).is_some_and(|span| span.1 <= end) {
            return;
        }
        // Those around it begin at or before it and end at or behind its end.
        let to = at + usize::from(spans.get(at).is_some_and(|span| span.0 == start));
        let from = spans.partition_point(|span| span.1 < end).min(at);
        spans.splice(from..to, [(start, end)]);
    }

    /// Adds a span, unless it lies within another one.
    fn add_longest(&mut self, start: u64, end: u64) {
        let Self(spans) = self;
        let at = spans.partition_point(|span| span.0 <= start);
        if at.checked_sub(1).and_then(|at| spans.get(at)).is_some_and(|span| span.1 >= end) {
            return;
        }
        let from = spans.partition_point(|span| span.0 < start);
        let to = spans.partition_point(|span| span.1 <= end).max(from);
        spans.splice(from..to, [(start, end)]);
    }

    /// The furthest end of a span that begins at `start` or before.
    fn around(&self, start: u64) -> Option<u64> {
        let at = self.0.partition_point(|span| span.0 <= start);
        at.checked_sub(1).and_then(|at| self.0.get(at)).map(|span| span.1)
    }

    /// The last start of a span that ends at `place` or before.
    fn before(&self, place: u64) -> Option<u64> {
        let at = self.0.partition_point(|span| span.1 <= place);
        at.checked_sub(1).and_then(|at| self.0.get(at)).map(|span| span.0)
    }

    /// The first end of a span that begins at `place` or behind it.
    fn after(&self, place: u64) -> Option<u64> {
        self.0.get(self.0.partition_point(|span| span.0 < place)).map(|span| span.1)
    }

    /// Forgets what begins before `from`, now and then.
    fn forget(&mut self, from: u64) {
        const WORTHWHILE: usize = 32;
        let gone = self.0.partition_point(|span| span.0 < from);
        if gone >= WORTHWHILE {
            self.0.drain(..gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn spans_answer_as_a_list_of_all_does(all in proptest::collection::vec((0..12_u64, 1..6_u64), 0..12), place in 0..20_u64) {
            let (mut shortest, mut longest) = (Spans::default(), Spans::default());
            let all: Vec<(u64, u64)> = all.into_iter().map(|(start, length)| (start, start + length)).collect();
            for &(start, end) in &all {
                shortest.add_shortest(start, end);
                longest.add_longest(start, end);
            }
            let ended = all.iter().filter(|span| span.1 <= place).map(|span| span.0).max();
            prop_assert_eq!(shortest.before(place), ended);
            let begun = all.iter().filter(|span| span.0 >= place).map(|span| span.1).min();
            prop_assert_eq!(shortest.after(place), begun);
            let around = all.iter().filter(|span| span.0 <= place).map(|span| span.1).max();
            prop_assert_eq!(longest.around(place), around);
        }
    }
}
