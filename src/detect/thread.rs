//! Matches of patterns in the making: threads of machines, each ahead to the end of what has come.

use super::begin::INNER_RUN;
use super::judge::found;
use super::machine::{DEAD, Machine, START};
use super::pattern::{Pattern, boundary};
use super::scan::{Scan, With};
use super::tail::{first_alive, run_before};
use crate::text::fold::View;
use crate::text::work::step;
use smallvec::SmallVec;

/// How many matches shorter than the longest are tried where a check refuses that: it bounds the work that one start of
/// a match can cause.
const SHORTER: usize = 8;

/// A match of a machine's patterns in the making.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thread {
    machine: u16,
    state: u16,
    accepted: bool,
    pub(super) start: u64,
}

impl Scan {
    /// Runs the threads that waited at the view's end.
    pub(super) fn resume_threads(&mut self, with: &With<'_>, view: &View, from: usize, ended: bool) {
        if self.threads.is_empty() {
            return;
        }
        // None begins meanwhile.
        let mut kept = 0;
        for index in 0..self.threads.len() {
            let Some(&(mut thread)) = self.threads.get(index) else { break };
            if self.run(with, view, &mut thread, from, ended)
                && let Some(place) = self.threads.get_mut(kept)
            {
                *place = thread;
                kept += 1;
            }
        }
        self.threads.truncate(kept);
    }

    /// Starts the machines that start with the byte at `at`. `free`: a word boundary stands before it; `token`: how long the token of
    /// letters there is, eight for eight and more, where white space or a comma stands behind it, else 0.
    pub(super) fn start_at(
        &mut self,
        with: &With<'_>,
        view: &View,
        at: usize,
        (free, token): (bool, u8),
        ended: bool,
    ) {
        let Some(&first) = view.bytes().get(at) else { return };
        let place = view.base().0 + at as u64;
        let second = view.bytes().get(at + 1).copied();
        let patterns = &with.engine.patterns;
        let may = if first.is_ascii_digit() { patterns.numbers.starting(view.bytes(), at) } else { !0 };
        for starting in patterns.starts.get(usize::from(first)).map_or(&[][..], Vec::as_slice) {
            let lives = starting.number & may != 0
                && second.is_none_or(|second| starting.lives_on(second))
                && starting.lives_on_token(token)
                && (free || starting.inside);
            if lives && with.machine(starting.machine).is_some_and(|own| self.near_of(own, place, 0)) {
                self.start(with, view, starting.machine, place, ended);
            }
        }
    }

    /// Starts machines in the run before the byte at `at`, which is one of those that they need.
    pub(super) fn start_before(&mut self, with: &With<'_>, view: &View, at: usize, byte: u8, ended: bool) {
        /// In longer runs only the first start counts, which others lie within.
        const SHORT: usize = 8;
        let before = at.checked_sub(1).and_then(|before| view.bytes().get(before)).copied().unwrap_or(byte);
        let near = self.near(view.base().0 + at as u64, INNER_RUN);
        for inner in with.engine.patterns.runs_between(before, byte, near) {
            let Some(machine) = with.machine(inner.machine).filter(|machine| {
                self.near_of(machine, view.base().0 + at as u64, inner.most) && with.wants(machine)
            }) else {
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

    pub(super) fn start(&mut self, with: &With<'_>, view: &View, machine: u16, start: u64, ended: bool) {
        let Some(own) = with.machine(machine) else { return };
        let from = (start - view.base().0) as usize;
        let mut thread = Thread { machine, state: START, accepted: false, start };
        // What is found asks itself for its rule and its context; they are looked for here so that nothing is held back in vain, and
        // behind the run, as most runs end after a few bytes.
        if self.run(with, view, &mut thread, from, ended)
            && with.wants(own)
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
            step();
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
        // The check refuses the longest match; shorter ones that end at a boundary may pass it.
        let mut ends: SmallVec<[(u32, usize); 16]> = SmallVec::new();
        with.ends(machine, bytes, start, |index, end| {
            if failed.contains(&index) && boundary(bytes, end) {
                ends.push((index, end));
            }
        });
        for index in failed {
            let Some(pattern) = with.pattern(index) else { continue };
            let shorter = ends.iter().rev().filter(|end| end.0 == index && !longest.contains(end));
            let found_in = shorter.take(SHORTER).find_map(|&(_, end)| pattern.judge(bytes, start, end));
            if let Some((from, to, score)) = found_in {
                self.waiting.push(found(view, pattern.rule, from, to, score));
            }
        }
    }
}

// === impl With ===

impl<'a> With<'a> {
    fn machine(&self, machine: u16) -> Option<&'a Machine> {
        self.engine.patterns.machines.get(usize::from(machine))
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

    pub(super) fn wants(&self, machine: &Machine) -> bool {
        // Most often all its rules count, and one tells.
        let first = machine.patterns.first().and_then(|&index| self.engine.patterns.all.get(index as usize));
        first.is_some_and(|pattern| self.rules.contains(pattern.rule)) || machine.rules.meets(self.rules)
    }
}
