//! One channel's scan: the state that text is fed to, piece by piece.
//!
//! The text is folded onto a view; the automaton of words reads each new byte once; matches of patterns run as threads,
//! each ahead to the end of the view, where it waits for more. What is found waits until nothing that begins earlier
//! can be found, and goes out in order: so the findings are the same however the text is cut. A finding within another
//! one of the same rule is not reported.
//!
//! Settled is the least of: where the automaton's state began, where letters began that may spell a word, where the earliest thread began, where the run began
//! that a byte such as `@` may still make part of a match, and where a half escape or surrogate began.

use super::engine::byte;
use super::keyword::{Hit, MARK, Meaning, is_word};
use super::machine::{DEAD, Machine, START};
use super::pattern::{CONTEXT, Inner, Pattern, boundary, char_at};
use super::spelled::{self, Spelled, Spelling};
use super::{Engine, Finding, Progress, RuleId, RuleSet};
use crate::text::TextPos;
use crate::text::fold::{Fold, FoldPos, TextKind, View};
use smallvec::SmallVec;
use std::cmp::Reverse;
use std::ops::Range;

/// Longer pieces are read in parts, so that the view stays small.
const PIECE: usize = 4096;
/// What the view keeps before the first byte that may become part of a match: context, and the character before it.
const KEEP: u64 = CONTEXT as u64 + 8;

/// One channel's state.
#[derive(Clone, Debug)]
pub struct Scan {
    fold: Fold,
    view: View,
    /// How much of the folded text has been read.
    read: u64,
    started: bool,
    state: u32,
    in_word: bool,
    after_space: bool,
    /// The last white space that the automaton was not fed, as it followed other white space.
    skipped: Option<u64>,
    spelling: Spelling,
    /// Where the last context word ended.
    context: Option<u64>,
    threads: Vec<Thread>,
    waiting: Vec<Found>,
    /// By rule: the furthest end of what was reported, while it may still cover something.
    covered: SmallVec<[(RuleId, u64); 2]>,
    settled: TextPos,
}

/// A match of a machine's patterns in the making.
#[derive(Clone, Copy, Debug)]
struct Thread {
    machine: u16,
    state: u16,
    accepted: bool,
    start: u64,
}

/// A finding that waits for its turn, with its place in the folded text.
#[derive(Clone, Copy, Debug)]
struct Found {
    start: u64,
    end: u64,
    finding: Finding,
}

/// What a scan is run with.
struct With<'a> {
    engine: &'a Engine,
    rules: &'a RuleSet,
}

/// Scans a whole text.
pub fn scan_all(engine: &Engine, rules: &RuleSet, kind: TextKind, text: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut scan = Scan::new(kind);
    scan.push(engine, rules, text, &mut found);
    scan.finish(engine, rules, &mut found);
    found
}

// === impl Scan ===

impl Scan {
    /// A scan at the start of a channel.
    pub fn new(kind: TextKind) -> Self {
        Self {
            fold: Fold::new(kind),
            view: View::default(),
            read: 0,
            started: false,
            state: 0,
            in_word: false,
            after_space: false,
            skipped: None,
            spelling: Spelling::default(),
            context: None,
            threads: Vec::new(),
            waiting: Vec::new(),
            covered: SmallVec::new(),
            settled: TextPos(0),
        }
    }

    /// Reads the next piece of the text. A scan has to be given the same engine and the same rules throughout.
    pub fn push(
        &mut self,
        engine: &Engine,
        rules: &RuleSet,
        delta: &str,
        found: &mut Vec<Finding>,
    ) -> Progress {
        let with = With { engine, rules };
        if rules.is_empty() {
            self.fold.skip(delta);
            self.settled = self.fold.seen();
            return self.progress();
        }
        let mut rest = delta;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE.min(rest.len())));
            self.fold.push(piece, &mut self.view);
            self.read(&with, false);
            self.settle(&with, found);
            rest = after;
        }
        self.progress()
    }

    /// Ends the text: everything is settled.
    pub fn finish(&mut self, engine: &Engine, rules: &RuleSet, found: &mut Vec<Finding>) -> Progress {
        self.fold.finish(&mut self.view);
        self.read(&With { engine, rules }, true);
        self.report(u64::MAX, found);
        self.settled = self.fold.seen();
        self.progress()
    }

    fn progress(&self) -> Progress {
        Progress { seen: self.fold.seen(), settled: self.settled }
    }

    /// Reads what the fold has added to the view.
    fn read(&mut self, with: &With<'_>, ended: bool) {
        // The view is lent out while threads and findings are written.
        let view = std::mem::take(&mut self.view);
        if !self.started {
            self.started = true;
            self.state = with.engine.words.start();
            self.spelling = with.engine.spelled.as_ref().map(Spelled::start).unwrap_or_default();
        }
        self.resume(with, &view, ended);
        self.walk(with, &view, ended);
        if ended && self.in_word {
            self.state = with.engine.words.step(self.state, MARK);
            self.hits(with, &view, view.bytes().len(), ended);
        }
        if ended && let Some(spelled) = &with.engine.spelled {
            let waiting = &mut self.waiting;
            let mut hit = |hit: Hit, end: usize| waiting.extend(with.spelled(&view, hit, end));
            spelled.close(&mut self.spelling, view.bytes().len(), &mut hit);
        }
        self.read = view.end().0;
        self.view = view;
    }

    /// Runs the threads that waited at the view's end.
    fn resume(&mut self, with: &With<'_>, view: &View, ended: bool) {
        let from = (self.read - view.base().0) as usize;
        let mut threads = std::mem::take(&mut self.threads);
        threads.retain_mut(|thread| self.run(with, view, thread, from, ended));
        threads.append(&mut self.threads);
        self.threads = threads;
    }

    /// The automaton's way over the new bytes.
    fn walk(&mut self, with: &With<'_>, view: &View, ended: bool) {
        let engine = with.engine;
        let (bytes, base) = (view.bytes(), view.base().0);
        let idle = engine.words.start();
        let mut at = (self.read - base) as usize;
        loop {
            if self.state == idle
                && engine.spelled.as_ref().is_none_or(|spelled| spelled.idles(self.spelling))
            {
                at = self.pass(engine, view, at);
            }
            let Some(&byte) = bytes.get(at) else { return };
            let flags = engine.bytes[usize::from(byte)];
            self.spell(with, view, at, byte);
            if matches!(byte, 0xE4..=0xE9)
                && !self.in_word
                && flags & (byte::START | byte::INNER) == 0
                && at + 3 <= bytes.len()
            {
                self.chinese(with, view, at, ended);
                at += 3;
                continue;
            }
            let begins = byte & 0xC0 != 0x80;
            let word = if flags & byte::WIDE == 0 {
                flags & byte::WORD != 0
            } else if begins {
                // U+4000..=U+9FFF: Chinese.
                !matches!(byte, 0xE4..=0xE9) && char_at(bytes, at).is_some_and(is_word)
            } else {
                self.in_word
            };
            if word != self.in_word {
                self.state = engine.words.step(self.state, MARK);
                self.hits(with, view, at, ended);
            }
            if flags & byte::START != 0
                && begins
                && (flags & byte::START_PLAIN != 0 || self.near(base + at as u64, 0))
            {
                self.start_at(with, view, at, !(word && self.in_word), ended);
            }
            self.in_word = word;
            self.feed(with, view, at, byte, flags, ended);
            if flags & byte::INNER != 0 {
                self.start_before(with, view, at, byte, ended);
            }
            at += 1;
        }
    }

    /// Gives the automaton of spelled words the character that begins at `at`, if one does.
    #[inline]
    fn spell(&mut self, with: &With<'_>, view: &View, at: usize, byte: u8) {
        if let Some(spelled) = &with.engine.spelled
            && byte & 0xC0 != 0x80
        {
            let waiting = &mut self.waiting;
            let hit = |hit: Hit, end: usize| waiting.extend(with.spelled(view, hit, end));
            spelled.read(&mut self.spelling, view.bytes(), at, self.in_word, hit);
        }
    }

    /// The three bytes of a character that has a boundary before and after it, and starts nothing but words.
    #[inline]
    fn chinese(&mut self, with: &With<'_>, view: &View, at: usize, ended: bool) {
        self.after_space = false;
        for (at, &byte) in (at..).zip(view.bytes().iter().skip(at).take(3)) {
            self.state = with.engine.words.step(self.state, byte);
            self.hits(with, view, at + 1, ended);
        }
    }

    /// Steps over bytes at which nothing can begin, with the automaton idle. Returns the first one that may matter.
    #[inline]
    fn pass(&mut self, engine: &Engine, view: &View, from: usize) -> usize {
        let bytes = view.bytes();
        let mut at = from;
        let mut in_word = self.in_word;
        while let Some(&byte) = bytes.get(at) {
            let flags = engine.bytes[usize::from(byte)];
            if in_word {
                if flags & (byte::DULL | byte::DULL_END) == 0 {
                    break;
                }
                in_word = flags & byte::DULL != 0;
                at += 1;
            } else if flags & byte::DULL_GAP != 0 {
                at += 1;
            } else if let Some(&[second, third]) = bytes.get(at + 1..at + 3)
                && matches!(byte, 0xE4..=0xE9)
                && engine.dull.is_chinese([byte, second, third])
            {
                at += 3;
            } else if let Some(rest) = bytes.get(at..)
                && engine.dull.begins(&engine.patterns, rest, self.near(view.base().0 + at as u64, 0))
            {
                in_word = rest.get(1).is_some_and(u8::is_ascii_alphanumeric);
                at += 2;
            } else {
                break;
            }
        }
        if at > from {
            self.in_word = in_word;
            let last = bytes.get(at - 1).map_or(0, |&last| engine.bytes[usize::from(last)]);
            self.after_space = last & byte::SPACE != 0;
        }
        at
    }

    /// Gives the automaton one byte; white space once, however long it is.
    #[inline]
    fn feed(&mut self, with: &With<'_>, view: &View, at: usize, byte: u8, flags: u16, ended: bool) {
        let lower = if flags & byte::SPACE == 0 {
            self.after_space = false;
            byte.to_ascii_lowercase()
        } else if self.after_space {
            self.skipped = Some(view.base().0 + at as u64);
            return;
        } else {
            self.after_space = true;
            b' '
        };
        self.state = with.engine.words.step(self.state, lower);
        self.hits(with, view, at + 1, ended);
    }

    /// What the automaton's state has found up to `end`.
    #[inline]
    fn hits(&mut self, with: &With<'_>, view: &View, end: usize, ended: bool) {
        if with.engine.words.is_end(self.state) {
            with.engine.words.found(self.state, |hit| self.hit(with, view, hit, end, ended));
        }
    }

    #[cold]
    fn hit(&mut self, with: &With<'_>, view: &View, hit: Hit, end: usize, ended: bool) {
        let base = view.base().0;
        match hit.meaning {
            Meaning::Keyword(rule) if with.rules.contains(rule) => {
                let start = self.back(view, end, hit.len as usize);
                self.waiting.push(found(view, rule, start, end, 1.0));
            }
            Meaning::Keyword(_) => {}
            Meaning::Context => self.context = Some(base + end as u64),
            Meaning::Literal(machine) => {
                let start = self.back(view, end, hit.len as usize);
                self.start(with, view, machine, base + start as u64, ended);
            }
        }
    }

    /// Whether a context word stands so near before `at` that it may be one for a match that begins up to `back` before.
    fn near(&self, at: u64, back: usize) -> bool {
        self.context.is_some_and(|context| at.saturating_sub(context) <= (CONTEXT + back) as u64)
    }

    /// Where `length` bytes before `end` begin, white space counted as one byte.
    fn back(&self, view: &View, end: usize, length: usize) -> usize {
        let plain = end.saturating_sub(length);
        if self.skipped.is_none_or(|skipped| skipped < view.base().0 + plain as u64) {
            return plain;
        }
        let space =
            |at: usize| view.bytes().get(at).is_some_and(|byte| byte.is_ascii_whitespace() || *byte == 0x0B);
        let (mut at, mut left) = (end, length);
        while left > 0 && at > 0 {
            at -= 1;
            let same_gap = space(at) && at > 0 && space(at - 1);
            left -= usize::from(!same_gap);
        }
        at
    }

    fn start_at(&mut self, with: &With<'_>, view: &View, at: usize, free: bool, ended: bool) {
        let first = view.bytes().get(at).copied().unwrap_or_default();
        let place = view.base().0 + at as u64;
        let near = self.near(place, 0);
        for &number in with.engine.patterns.starts.get(usize::from(first)).map_or(&[][..], Vec::as_slice) {
            let Some(machine) = with.machine(number) else { continue };
            if (near || !machine.contextual) && (free || !machine.left) {
                self.start(with, view, number, place, ended);
            }
        }
    }

    /// Starts machines in the run before the byte at `at`, which is one of those that they need.
    fn start_before(&mut self, with: &With<'_>, view: &View, at: usize, byte: u8, ended: bool) {
        /// In longer runs only the first start counts, which others lie within.
        const SHORT: usize = 8;
        for inner in with.engine.patterns.inners.iter().filter(|inner| inner.bytes[usize::from(byte)]) {
            let Some(machine) = with.machine(inner.machine).filter(|machine| with.wants(machine)) else {
                continue;
            };
            let mut from = run_before(view.bytes(), at, inner);
            while let Some(start) = first_alive(machine, view.bytes(), from..at, at + 1) {
                self.start(with, view, inner.machine, view.base().0 + start as u64, ended);
                if inner.most > SHORT {
                    break;
                }
                from = start + 1;
            }
        }
    }

    fn start(&mut self, with: &With<'_>, view: &View, machine: u16, start: u64, ended: bool) {
        let Some(own) = with.machine(machine).filter(|machine| with.wants(machine)) else { return };
        let from = (start - view.base().0) as usize;
        let mut thread = Thread { machine, state: START, accepted: false, start };
        // What is found asks for its context itself; it is looked for here so that nothing is held back in vain.
        if self.run(with, view, &mut thread, from, ended)
            && with.engine.patterns.may_begin(own, view.bytes(), from)
        {
            self.threads.push(thread);
        }
    }

    /// Runs a thread from `at` to the view's end. False if it has ended, and what it found is noted.
    fn run(&mut self, with: &With<'_>, view: &View, thread: &mut Thread, at: usize, ended: bool) -> bool {
        let Some(machine) = with.machine(thread.machine) else { return false };
        let bytes = view.bytes();
        let start = (thread.start - view.base().0) as usize;
        let longest = machine.longest as usize;
        let from = bytes.get(at..).unwrap_or_default();
        for (at, &byte) in (at..).zip(from) {
            let state = machine.next(thread.state, byte);
            if state == DEAD || at - start >= longest {
                self.resolve(with, view, thread);
                return false;
            }
            thread.state = state;
            if machine.accepts(state) {
                thread.accepted = true;
                if machine.is_last(state) && !machine.right {
                    self.resolve(with, view, thread);
                    return false;
                }
            }
        }
        if ended {
            self.resolve(with, view, thread);
        }
        !ended
    }

    /// The thread can get no further: of each pattern the longest end that is a match is found.
    fn resolve(&mut self, with: &With<'_>, view: &View, thread: &Thread) {
        if !thread.accepted {
            return;
        }
        let Some(machine) = with.machine(thread.machine) else { return };
        let bytes = view.bytes();
        let start = (thread.start - view.base().0) as usize;
        let mut longest: SmallVec<[(u32, usize); 8]> = SmallVec::new();
        with.ends(machine, bytes, start, |index, end| {
            match longest.iter_mut().find(|(known, _)| *known == index) {
                Some((_, known)) => *known = end,
                None => longest.push((index, end)),
            }
        });
        let mut failed: SmallVec<[u32; 8]> = SmallVec::new();
        for &(index, end) in &longest {
            let Some(pattern) = with.pattern(index).filter(|pattern| pattern.may_begin(bytes, start)) else {
                continue;
            };
            match pattern.judge(bytes, start, end) {
                Some((from, to, score)) => self.waiting.push(found(view, pattern.rule, from, to, score)),
                None => failed.push(index),
            }
        }
        if failed.is_empty() {
            return;
        }
        // The check refuses the longest match; shorter ones may pass it.
        let mut ends: SmallVec<[(u32, usize); 16]> = SmallVec::new();
        with.ends(machine, bytes, start, |index, end| {
            if failed.contains(&index) {
                ends.push((index, end));
            }
        });
        for (index, end) in ends.into_iter().rev().filter(|end| !longest.contains(end)) {
            let Some(pattern) = with.pattern(index).filter(|_| failed.contains(&index)) else { continue };
            if let Some((from, to, score)) = pattern.judge(bytes, start, end) {
                failed.retain(|failed| *failed != index);
                self.waiting.push(found(view, pattern.rule, from, to, score));
            }
        }
    }

    /// How far the text is decided; reports and forgets what lies before.
    fn settle(&mut self, with: &With<'_>, found: &mut Vec<Finding>) {
        let bytes = self.view.bytes();
        let base = self.view.base().0;
        let mut held = self.back(&self.view, bytes.len(), with.engine.words.held(self.state));
        if let Some(spelled) = &with.engine.spelled {
            held = held.min(spelled.held(self.spelling, bytes));
        }
        for inner in &with.engine.patterns.inners {
            let run = run_before(bytes, bytes.len(), inner);
            if run < held
                && let Some(machine) = with.machine(inner.machine).filter(|machine| with.wants(machine))
                && (!machine.contextual || self.near(self.view.end().0, inner.most))
                && let Some(start) = first_alive(machine, bytes, run..held, bytes.len())
            {
                held = start;
            }
        }
        let held = self.threads.iter().map(|thread| thread.start).fold(base + held as u64, u64::min);
        let end = self.view.end().0;
        let text = if held == end { self.fold.seen() } else { self.view.text_start(FoldPos(held)) };
        let text = self.fold.pending().map_or(text, |pending| pending.min(text));
        debug_assert!(text >= self.settled, "what is settled stays settled");
        self.settled = self.settled.max(text);
        self.report(held, found);
        self.view.trim(FoldPos(held.saturating_sub(KEEP)));
    }

    /// Reports what begins before `settled`, in order, but nothing within another finding of the same rule.
    fn report(&mut self, settled: u64, found: &mut Vec<Finding>) {
        if !self.waiting.is_empty() {
            self.waiting.sort_by(|a, b| {
                let key = |found: &Found| (found.start, Reverse(found.end), found.finding.rule);
                key(a).cmp(&key(b)).then(b.finding.score.total_cmp(&a.finding.score))
            });
            let ready = self.waiting.partition_point(|found| found.start < settled);
            for Found { end, finding, .. } in self.waiting.drain(..ready) {
                match self.covered.iter_mut().find(|(rule, _)| *rule == finding.rule) {
                    Some((_, covered)) if *covered >= end => continue,
                    Some((_, covered)) => *covered = end,
                    None => self.covered.push((finding.rule, end)),
                }
                found.push(finding);
            }
        }
        self.covered.retain(|(_, end)| *end > settled);
    }
}

// === impl With ===

impl<'a> With<'a> {
    fn machine(&self, machine: u16) -> Option<&'a Machine> {
        self.engine.patterns.machines.get(usize::from(machine))
    }

    /// A word spelled out whose last letter ends before `end`.
    fn spelled(&self, view: &View, hit: Hit, end: usize) -> Option<Found> {
        let Meaning::Keyword(rule) = hit.meaning else { return None };
        let start = spelled::back(view.bytes(), end, hit.len as usize);
        self.rules.contains(rule).then(|| found(view, rule, start, end, 1.0))
    }

    fn pattern(&self, index: u32) -> Option<&'a Pattern> {
        self.engine.patterns.all.get(index as usize).filter(|pattern| self.rules.contains(pattern.rule))
    }

    /// Calls `note` for each pattern and each end, shortest first, at which a match from `start` may end.
    fn ends(&self, machine: &Machine, bytes: &[u8], start: usize, mut note: impl FnMut(u32, usize)) {
        let mut state = START;
        let most = bytes.iter().skip(start).take(machine.longest as usize);
        for (end, &byte) in (start + 1..).zip(most) {
            state = machine.next(state, byte);
            if state == DEAD {
                return;
            }
            if machine.accepts(state) {
                let free = boundary(bytes, end);
                for index in machine.ended(state) {
                    let fits = |pattern: &Pattern| {
                        end - start <= pattern.longest as usize && (free || !pattern.right)
                    };
                    if self.pattern(index).is_some_and(fits) {
                        note(index, end);
                    }
                }
            }
        }
    }

    fn wants(&self, machine: &Machine) -> bool {
        machine.rules.meets(self.rules)
    }
}

/// The first place in `starts` from which the machine comes to `to` alive.
fn first_alive(machine: &Machine, bytes: &[u8], mut starts: Range<usize>, to: usize) -> Option<usize> {
    starts.find(|&start| {
        let begins = bytes.get(start).is_some_and(|byte| byte & 0xC0 != 0x80);
        let alive = |state: u16, &byte: &u8| Some(machine.next(state, byte)).filter(|&state| state != DEAD);
        begins
            && (!machine.left || boundary(bytes, start))
            && bytes.get(start..to).is_some_and(|head| head.iter().try_fold(START, alive).is_some())
    })
}

/// Where the run begins that ends before `at`, the longest that counts.
fn run_before(bytes: &[u8], at: usize, inner: &Inner) -> usize {
    let head = bytes.get(..at).unwrap_or_default();
    at - head.iter().rev().take(inner.most).take_while(|&&byte| inner.run[usize::from(byte)]).count()
}

fn found(view: &View, rule: RuleId, start: usize, end: usize, score: f32) -> Found {
    let base = view.base().0;
    let (start, end) = (base + start as u64, base + end as u64);
    let finding =
        Finding { rule, start: view.text_start(FoldPos(start)), end: view.text_end(FoldPos(end)), score };
    Found { start, end, finding }
}
