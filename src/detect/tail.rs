//! How far back a match may begin that a byte such as `@`, which has not come, belongs to.
//!
//! Such matches begin in the run of bytes before it (`a.name` before `@`). At the end of each piece the runs are told that end there. The
//! widest one holds most others, so that where it is alive from its first byte on they say nothing more; where it begins and in what state
//! its machine is goes from piece to piece ([`Tail`]), and a piece costs what its own bytes cost.

use super::begin::INNER_RUN;
use super::machine::{DEAD, Machine, START};
use super::pattern::{Inner, begins};
use super::scan::{Scan, With};
use crate::text::work::step;
use std::ops::Range;

/// The widest run that ends where the last piece did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tail {
    /// Where that is, in the folded text.
    end: u64,
    /// Behind the last byte that is not of the run.
    start: u64,
    /// What its machine has come to from there; [`DEAD`] where it has died, or does not begin there.
    state: u16,
}

impl Tail {
    /// Reads on to the end of `bytes`, of which the first one stands at `base`.
    fn read(&mut self, machine: &Machine, inner: &Inner, bytes: &[u8], base: u64) {
        let known = self.end.checked_sub(base).map_or(0, |known| known as usize).min(bytes.len());
        let new = bytes.get(known..).unwrap_or_default();
        let outside = new.iter().rposition(|&byte| !inner.run[usize::from(byte)]);
        let begun = outside.map(|outside| known + outside + 1).or((self.end == 0).then_some(0));
        let mut at = known;
        if let Some(begun) = begun {
            at = begun;
            self.start = base + at as u64;
            self.state = if machine.left && !begins(bytes, at) { DEAD } else { START };
        }
        self.end = base + bytes.len() as u64;
        if self.state != DEAD {
            step();
            for &byte in bytes.get(at..).unwrap_or_default() {
                self.state = machine.next(self.state, byte);
                if self.state == DEAD {
                    break;
                }
            }
        }
    }
}

impl Scan {
    /// Where the run begins in which a match may begin that a byte such as `@` still to come belongs to; `held` if
    /// none begins before.
    pub(super) fn held_runs(&mut self, with: &With<'_>, held: usize) -> usize {
        let patterns = &with.engine.patterns;
        let (bytes, base) = (self.view.bytes(), self.view.base().0);
        let Some(&last) = bytes.last() else { return held };
        let mut held = held;
        let near = self.near(self.view.end().0, INNER_RUN);
        let mut runs = patterns.runs_with(last, near);
        // Whether the widest run says all that runs within it say.
        let mut told = false;
        if let Some(inner) = patterns.inners.first()
            && let Some(machine) = patterns.machines.get(usize::from(inner.machine))
        {
            self.tail.read(machine, inner, bytes, base);
            let start = self.tail.start.checked_sub(base).map(|start| start as usize);
            if start.is_some_and(|start| start >= held) {
                told = true;
            } else if runs & 1 != 0
                && let Some(start) = start
                && self.tail.state != DEAD
                && bytes.len() - start <= inner.most
            {
                if with.wants(machine) && self.near_of(machine, self.view.end().0, inner.most) {
                    (held, told) = (start, true);
                }
            } else if runs & 1 != 0 {
                (held, told) = self.held_run(with, inner, held);
            }
            runs &= if told { !(1 | patterns.runs_within) } else { !1 };
        }
        while runs != 0 {
            let index = runs.trailing_zeros() as usize;
            runs &= runs - 1;
            let behind = patterns.inners.get(index..).unwrap_or_default();
            // The last bit is that of all behind it, of which not all hold the byte.
            let named = if index == 63 { behind } else { behind.get(..1).unwrap_or_default() };
            for inner in named {
                // It begins before what is held only if it holds the byte there.
                let before =
                    held.checked_sub(1).and_then(|before| bytes.get(before)).copied().unwrap_or(last);
                let wide = inner.run[usize::from(before)] && bytes.len().saturating_sub(inner.most) < held;
                if wide && inner.run[usize::from(last)] && !(inner.within_first && told) {
                    held = self.held_run(with, inner, held).0;
                }
            }
        }
        held
    }

    /// The same of one run, and whether its machine is alive from where it begins on.
    #[inline(never)]
    fn held_run(&self, with: &With<'_>, inner: &Inner, held: usize) -> (usize, bool) {
        let bytes = self.view.bytes();
        let run = run_before(bytes, bytes.len(), inner);
        let machine = with.engine.patterns.machines.get(usize::from(inner.machine));
        let start = machine
            .filter(|machine| {
                run < held && with.wants(machine) && self.near_of(machine, self.view.end().0, inner.most)
            })
            .and_then(|machine| first_alive(machine, bytes, run..held, bytes.len()));
        (start.unwrap_or(held), start == Some(run))
    }
}

/// The first place in `starts` from which the machine comes to `to` alive.
pub(super) fn first_alive(
    machine: &Machine,
    bytes: &[u8],
    mut starts: Range<usize>,
    to: usize,
) -> Option<usize> {
    starts.find(|&start| {
        step();
        let Some(&first) = bytes.get(start) else { return false };
        let alive = |state: u16, &byte: &u8| Some(machine.next(state, byte)).filter(|&state| state != DEAD);
        // Most begin with a byte that none of its matches begins with.
        let first = machine.next(START, first);
        first != DEAD
            && (!machine.left || begins(bytes, start))
            && bytes.get(start + 1..to).is_some_and(|rest| rest.iter().try_fold(first, alive).is_some())
    })
}

/// Where the run begins that ends before `at`, the longest that counts.
pub(super) fn run_before(bytes: &[u8], at: usize, inner: &Inner) -> usize {
    let head = bytes.get(at.saturating_sub(inner.most)..at).unwrap_or_default();
    let outside = head.iter().rposition(|&byte| !inner.run[usize::from(byte)]);
    at - head.len() + outside.map_or(0, |outside| outside + 1)
}
