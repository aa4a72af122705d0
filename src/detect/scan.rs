//! One channel's scan: the state that text is fed to, piece by piece.
//!
//! The text is folded onto a view. At each place where a word or a match may begin (a token, a character of another
//! script, a sign that some rule begins with) a gate says from the next bytes whether one can; if so, walks and threads run ahead to
//! the end of what has come and wait there for more. What is found waits until nothing that begins earlier can be found,
//! and goes out in order: so the findings are the same however the text is cut. A finding within another one of the same
//! rule is not reported.
//!
//! Settled is the least of: where the earliest walk or thread began, where the run began that a byte such as `@` may still
//! make part of a match, and where a half escape or surrogate began.

use super::blocks::{BLOCK, Masks};
use super::disguise::Walk;
use super::engine::byte;
use super::gate::{char_len, eight};
use super::lexicon::{HOLDS, Meaning, Words, is_space};
use super::pattern::{CONTEXT, boundary, char_before, is_word};
use super::thread::Thread;
use super::trie::{State, Trie};
use super::{Engine, Finding, Progress, RuleId, RuleSet};
use crate::text::TextPos;
use crate::text::fold::{Fold, FoldPos, TextKind, View};
use smallvec::SmallVec;
use std::cmp::Reverse;

/// Longer pieces are read in parts, so that the view stays small.
const PIECE: usize = 4096;
/// What the view keeps before the first byte that may become part of a match: context, and the character before it.
const KEEP: u64 = CONTEXT as u64 + 8;
/// Shorter pieces are read byte by byte.
const SHORT: usize = 24;

/// One channel's state.
#[derive(Clone, Debug)]
pub struct Scan {
    fold: Fold,
    pub(super) view: View,
    /// How much of the folded text has been read.
    read: u64,
    runs: SmallVec<[Run; 2]>,
    walks: SmallVec<[Walk; 1]>,
    pub(super) threads: Vec<Thread>,
    /// Where the last context word ended.
    context: Option<u64>,
    pub(super) waiting: Vec<Found>,
    /// By rule: the furthest end of what was reported, while it may still cover something.
    covered: SmallVec<[(RuleId, u64); 2]>,
    settled: TextPos,
}

/// A word in the making.
#[derive(Clone, Copy, Debug)]
struct Run {
    start: u64,
    state: State,
    /// Whether it began in the middle of a word.
    inside: bool,
    /// The last byte read was white space.
    space: bool,
    /// The traits of the words that end here, if a boundary follows; 0 for none.
    waits: u8,
}

/// A finding that waits for its turn, with its place in the folded text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    start: u64,
    end: u64,
    finding: Finding,
}

/// What a scan is run with.
pub(super) struct With<'a> {
    pub(super) engine: &'a Engine,
    pub(super) rules: &'a RuleSet,
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
            runs: SmallVec::new(),
            walks: SmallVec::new(),
            threads: Vec::new(),
            context: None,
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
        // The view is lent out while walks and findings are written.
        let view = std::mem::take(&mut self.view);
        let from = (self.read - view.base().0) as usize;
        self.resume_threads(with, &view, from, ended);
        self.resume_walks(with, &view, from, ended);
        self.resume_runs(with, &view, from, ended);
        if view.bytes().len() - from < SHORT {
            self.bytes(with, &view, from, ended);
        } else {
            self.blocks(with, &view, from, ended);
        }
        self.read = view.end().0;
        self.view = view;
    }

    /// Looks at each new byte.
    fn bytes(&mut self, with: &With<'_>, view: &View, from: usize, ended: bool) {
        let bytes = view.bytes();
        let inside = !with.engine.lexicon.inside.trie.is_empty();
        let mut after_word = from.checked_sub(1).is_some_and(|before| bytes[before].is_ascii_alphanumeric());
        for (at, &byte) in bytes.iter().enumerate().skip(from) {
            let word = byte.is_ascii_alphanumeric();
            if word && !after_word {
                let length = bytes.iter().skip(at).take(8).take_while(|byte| byte.is_ascii_alphanumeric());
                self.token(with, view, at, length.count(), ended);
            } else if byte >= 0xC0 {
                self.wide(with, view, at, ended);
            }
            if with.engine.specials.contains(byte) {
                self.special(with, view, at, byte, ended);
            }
            if inside && word {
                self.inside(with, view, at, ended);
            }
            after_word = word;
        }
    }

    /// The same by blocks of bytes.
    fn blocks(&mut self, with: &With<'_>, view: &View, from: usize, ended: bool) {
        let bytes = view.bytes();
        let specials = &with.engine.specials;
        let inside = !with.engine.lexicon.inside.trie.is_empty();
        let mut before = u64::from(from.checked_sub(1).is_some_and(|at| bytes[at].is_ascii_alphanumeric()));
        let mut next = Masks::read(bytes, from, specials);
        for base in (from..bytes.len()).step_by(BLOCK) {
            let now = std::mem::replace(&mut next, Masks::read(bytes, base + BLOCK, specials));
            let tokens = now.word & !(now.word << 1 | before);
            before = now.word >> (BLOCK - 1);
            let mut places = tokens | now.wide | now.special;
            while places != 0 {
                let bit = places.trailing_zeros();
                places &= places - 1;
                let at = base + bit as usize;
                if tokens >> bit & 1 == 1 {
                    let after = if bit == 0 { 0 } else { next.word << (BLOCK as u32 - bit) };
                    let length = (now.word >> bit | after).trailing_ones().min(8);
                    self.token(with, view, at, length as usize, ended);
                } else if now.wide >> bit & 1 == 1 {
                    self.wide(with, view, at, ended);
                }
                if now.special >> bit & 1 == 1 {
                    self.special(with, view, at, bytes[at], ended);
                }
            }
            let mut places = if inside { now.word } else { 0 };
            while places != 0 {
                let at = base + places.trailing_zeros() as usize;
                places &= places - 1;
                self.inside(with, view, at, ended);
            }
        }
    }

    /// A token of ASCII letters and digits begins at `at`. `length`: its length, eight for eight and more.
    #[inline]
    fn token(&mut self, with: &With<'_>, view: &View, at: usize, length: usize, ended: bool) {
        let Engine { lexicon, bytes: table, .. } = with.engine;
        let bytes = view.bytes();
        let first = bytes[at];
        // After a letter of another script no word begins.
        let free = at == 0 || bytes[at - 1] < 0x80 || !char_before(bytes, at).is_some_and(is_word);
        if free {
            let word = eight(bytes, at);
            let open = length < 8 && at + length == bytes.len() && !ended;
            if open || lexicon.bound.gate.token(word, length) {
                self.begin(with, view, &lexicon.bound, at, ended);
            }
            if !lexicon.disguised.is_empty()
                && (open || lexicon.disguised.may_begin_token(bytes, at, word, length))
            {
                self.begin_walk(with, view, at, ended);
            }
        }
        let flags = table[usize::from(first)];
        if flags & byte::START != 0
            && (flags & byte::START_PLAIN != 0 || self.near(view.base().0 + at as u64, 0))
            && (free || flags & byte::START_INSIDE != 0)
        {
            self.start_at(with, view, at, free, ended);
        }
    }

    /// A character that is not ASCII begins at `at`.
    #[inline]
    fn wide(&mut self, with: &With<'_>, view: &View, at: usize, ended: bool) {
        let Engine { lexicon, bytes: table, .. } = with.engine;
        let bytes = view.bytes();
        let one = char_len(bytes[at]);
        let second = bytes.get(at + one).copied();
        let two = second.map_or(0, char_len);
        let open = second.is_none() && !ended;
        let word = eight(bytes, at);
        if open || lexicon.bound.gate.pair(word, one, two) {
            self.begin(with, view, &lexicon.bound, at, ended);
        }
        if !lexicon.disguised.is_empty()
            && (open || lexicon.disguised.may_begin_wide(bytes, at, word, one, two))
        {
            self.begin_walk(with, view, at, ended);
        }
        if !lexicon.inside.trie.is_empty() && (open || lexicon.inside.gate.pair(word, one, two)) {
            self.begin(with, view, &lexicon.inside, at, ended);
        }
        if table[usize::from(bytes[at])] & byte::START != 0 {
            self.start_at(with, view, at, boundary(bytes, at), ended);
        }
    }

    /// A byte that is looked at wherever it stands.
    fn special(&mut self, with: &With<'_>, view: &View, at: usize, byte: u8, ended: bool) {
        let Engine { lexicon, bytes: table, .. } = with.engine;
        let flags = table[usize::from(byte)];
        let alnum = byte.is_ascii_alphanumeric();
        if !alnum {
            if flags & byte::SIGN != 0 {
                self.begin(with, view, &lexicon.bound, at, ended);
            }
            if flags & byte::DISGUISE != 0 {
                self.begin_walk(with, view, at, ended);
            }
        }
        // Machines that start at tokens have been started there.
        let inside = alnum && at > 0 && view.bytes()[at - 1].is_ascii_alphanumeric();
        if flags & byte::START != 0
            && (!alnum || inside && flags & byte::START_INSIDE != 0)
            && (flags & byte::START_PLAIN != 0 || self.near(view.base().0 + at as u64, 0))
        {
            self.start_at(with, view, at, !inside, ended);
        }
        if flags & byte::INNER != 0 {
            self.start_before(with, view, at, byte, ended);
        }
    }

    /// A letter or digit, at which a word may begin that asks for no boundary.
    fn inside(&mut self, with: &With<'_>, view: &View, at: usize, ended: bool) {
        let words = &with.engine.lexicon.inside;
        let bytes = view.bytes();
        let known = if ended { 8 } else { bytes.len() - at };
        if words.gate.open_within(eight(bytes, at), known) {
            self.begin(with, view, words, at, ended);
        }
    }

    /// Runs from `at` as far as some word goes.
    #[inline(never)]
    fn begin(&mut self, with: &With<'_>, view: &View, words: &Words, at: usize, ended: bool) {
        let inside = std::ptr::eq(words, &raw const with.engine.lexicon.inside);
        let bytes = view.bytes();
        if bytes[at] >= 0x80 && !inside && !boundary(bytes, at) {
            return;
        }
        let start = view.base().0 + at as u64;
        let mut run = Run { start, state: Trie::TOP, inside, space: false, waits: 0 };
        if self.run_on(with, view, &mut run, at, ended) {
            self.runs.push(run);
        }
    }

    /// Runs the words that waited at the view's end.
    fn resume_runs(&mut self, with: &With<'_>, view: &View, from: usize, ended: bool) {
        if self.runs.is_empty() {
            return;
        }
        let mut runs = std::mem::take(&mut self.runs);
        runs.retain(|run| self.run_on(with, view, run, from, ended));
        runs.append(&mut self.runs);
        self.runs = runs;
    }

    /// Reads a word from `at` to the view's end. False if none goes on.
    fn run_on(&mut self, with: &With<'_>, view: &View, run: &mut Run, at: usize, ended: bool) -> bool {
        let lexicon = &with.engine.lexicon;
        let words = if run.inside { &lexicon.inside } else { &lexicon.bound };
        let bytes = view.bytes();
        let mut at = at;
        loop {
            let next = bytes.get(at).copied();
            if run.waits != 0 && (next.is_some() || ended) {
                run.waits = 0;
                if boundary(bytes, at) {
                    self.hits(with, view, words, run, at, true, ended);
                }
            }
            let Some(byte) = next else { break };
            at += 1;
            let space = is_space(byte);
            if space && run.space {
                continue;
            }
            run.space = space;
            let Some(state) =
                words.trie.step(run.state, if space { b' ' } else { byte.to_ascii_lowercase() })
            else {
                return false;
            };
            run.state = state;
            if words.trie.is_end(state) {
                self.hits(with, view, words, run, at, false, ended);
            }
        }
        !ended && (run.waits != 0 || words.trie.beyond(run.state) != 0)
    }

    /// The words that end before `end` and ask for a boundary or not.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "the parts of a scan that are lent out")]
    fn hits(
        &mut self,
        with: &With<'_>,
        view: &View,
        words: &Words,
        run: &mut Run,
        end: usize,
        bounded: bool,
        ended: bool,
    ) {
        for &word in words.trie.ends(run.state) {
            let Some(word) = words.found(word) else { continue };
            if word.right != bounded {
                run.waits |= if word.right { word.traits() } else { 0 };
                continue;
            }
            match word.meaning {
                Meaning::Keyword(rule) if with.rules.contains(rule) => {
                    let start = (run.start - view.base().0) as usize;
                    self.waiting.push(found(view, rule, start, end, 1.0));
                }
                Meaning::Keyword(_) => {}
                Meaning::Context => self.context = self.context.max(Some(view.base().0 + end as u64)),
                Meaning::Literal(machine) => self.start(with, view, machine, run.start, ended),
            }
        }
    }

    /// Walks from `at` as far as some disguised word goes.
    #[inline(never)]
    fn begin_walk(&mut self, with: &With<'_>, view: &View, at: usize, ended: bool) {
        let base = view.base().0;
        let waiting = &mut self.waiting;
        let mut hit = |rule, start: u64, end| {
            if with.rules.contains(rule) {
                waiting.push(found(view, rule, (start - base) as usize, end, 1.0));
            }
        };
        let disguised = &with.engine.lexicon.disguised;
        self.walks.extend(disguised.begin(view.bytes(), at, base + at as u64, ended, &mut hit));
    }

    /// Goes on with the walks that waited at the view's end.
    fn resume_walks(&mut self, with: &With<'_>, view: &View, from: usize, ended: bool) {
        let base = view.base().0;
        let waiting = &mut self.waiting;
        let mut hit = |rule, start: u64, end| {
            if with.rules.contains(rule) {
                waiting.push(found(view, rule, (start - base) as usize, end, 1.0));
            }
        };
        let disguised = &with.engine.lexicon.disguised;
        self.walks.retain(|walk| disguised.go_on(walk, view.bytes(), from, ended, &mut hit));
    }

    /// Whether a context word stands so near before `at` that it may be one for a match that begins up to `back` before.
    pub(super) fn near(&self, at: u64, back: usize) -> bool {
        self.context.is_some_and(|context| at.saturating_sub(context) <= (CONTEXT + back) as u64)
    }

    /// How far the text is decided; reports and forgets what lies before.
    fn settle(&mut self, with: &With<'_>, found: &mut Vec<Finding>) {
        let (base, end) = (self.view.base().0, self.view.end().0);
        let trie = |run: &Run| {
            let lexicon = &with.engine.lexicon;
            if run.inside { &lexicon.inside.trie } else { &lexicon.bound.trie }
        };
        let holds = |run: &&Run| (run.waits | trie(run).beyond(run.state)) & HOLDS != 0;
        let runs = self.runs.iter().filter(holds).map(|run| run.start);
        let walks = self.walks.iter().map(|walk| walk.start);
        let threads = self.threads.iter().map(|thread| thread.start);
        let held = runs.chain(walks).chain(threads).fold(end, u64::min);
        let held = base + self.held_runs(with, (held - base) as usize) as u64;
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

pub(super) fn found(view: &View, rule: RuleId, start: usize, end: usize, score: f32) -> Found {
    let base = view.base().0;
    let (start, end) = (base + start as u64, base + end as u64);
    let finding =
        Finding { rule, start: view.text_start(FoldPos(start)), end: view.text_end(FoldPos(end)), score };
    Found { start, end, finding }
}
