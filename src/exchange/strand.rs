//! The texts into which the pieces at one path may part, where no table says which piece belongs to which.
//!
//! A channel joins all pieces at its path. Several choices that take turns there are several texts, and a match in one of them is cut up
//! in the channel:
//!
//! ```text
//! channel    to gla│so a │ss orch│day│ard
//! index 0    to gla      │ss orch    │ard      a strand
//! index 1           so a         │day          another
//! ```
//!
//! What tells them apart is a guess ([`Readings`]), so nothing rests on one: the channel is read on, and each reading's strands beside it.
//! A match in any of them is rewritten, and an event waits while one could still complete in it. As long as all pieces agree in a reading,
//! its only strand is the channel itself and costs nothing.
//!
//! A reading by what changes with each event (a counter, an event's own id) tells no texts apart. It is read, but nothing waits for it: see
//! [`Reading::is_believed`].

use std::collections::VecDeque;

use smallvec::SmallVec;

use super::doubt::Doubt;
use crate::detect::{Engine, Finding, RuleSet, Scan};
use crate::dialect::{READINGS, Readings};
use crate::text::TextPos;

/// Most strands of one reading; the one that has said nothing for longest makes room for a new one.
const STRANDS: usize = 64;
/// So many strands are believed at once, if a stream begins with them.
const FEW: u32 = 16;
/// Of more, each must have come with so many pieces.
const PIECES: u32 = 8;

/// A finding in a strand, at its place in the channel's text, with the stretches of that text that it covers.
#[derive(Debug)]
pub(super) struct Parted {
    pub(super) finding: Finding,
    pub(super) stretches: SmallVec<[(u64, u64); 2]>,
}

/// What all strands are scanned with.
#[derive(Clone, Copy)]
pub(super) struct With<'a> {
    pub(super) engine: &'a Engine,
    pub(super) rules: &'a RuleSet,
}

/// How far a channel has come, before a piece is read.
#[derive(Clone, Copy)]
pub(super) struct Before<'a> {
    pub(super) scan: &'a Scan,
    /// Where in the channel's text the scan began.
    pub(super) base: u64,
    pub(super) seen: u64,
    /// Up to where nothing is waited for.
    pub(super) settled: u64,
    /// The event that continued the channel last.
    pub(super) event: u32,
}

/// The strands of one channel, by reading.
#[derive(Debug, Default)]
pub(super) struct Strands([Reading; READINGS]);

/// The strands that one reading tells apart.
#[derive(Debug, Default)]
struct Reading {
    /// What the first piece was told by.
    first: Option<u64>,
    /// None while all pieces are told by the same.
    strands: Vec<Strand>,
    pieces: u32,
    values: u32,
}

#[derive(Debug)]
struct Strand {
    value: u64,
    scan: Scan,
    /// How much of its own text has come, and how much of that its scan has done with.
    seen: u64,
    done: u64,
    /// Up to where it is waited for no longer.
    let_go: u64,
    /// Where pieces that are not done with begin, in its own text and in the channel's.
    places: VecDeque<(u64, u64)>,
    doubt: Doubt,
    event: u32,
}

impl Strands {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.iter().map(|reading| reading.strands.len()).sum()
    }

    /// Takes note of what the next piece is told by; to be called before the channel reads it. Makes new strands while there is `room`.
    pub(super) fn tell(&mut self, readings: &Readings, before: Before<'_>, room: usize) {
        for (reading, &value) in self.0.iter_mut().zip(&readings.0) {
            reading.pieces = reading.pieces.saturating_add(1);
            let first = *reading.first.get_or_insert(value);
            reading.values = reading.values.max(1);
            if first != value && reading.strands.is_empty() && room >= 2 * READINGS {
                reading.strands.push(Strand::of(first, before));
            }
        }
    }

    /// Reads the piece that begins at `at` in the channel's text. Where there is no `room`, a new strand takes an old one's place.
    pub(super) fn push(
        &mut self,
        with: With<'_>,
        readings: &Readings,
        (text, at): (&str, u64),
        event: u32,
        mut room: usize,
        out: &mut Vec<Parted>,
    ) {
        for (reading, &value) in self.0.iter_mut().zip(&readings.0) {
            if reading.strands.is_empty() {
                continue;
            }
            let known = reading.strands.iter().position(|strand| strand.value == value);
            let index = known.unwrap_or_else(|| {
                reading.values = reading.values.saturating_add(1);
                reading.make_room(with, &mut room, out);
                reading.strands.push(Strand::new(value));
                reading.strands.len() - 1
            });
            if let Some(strand) = reading.strands.get_mut(index) {
                strand.push(with, text, at, event, out);
            }
        }
    }

    /// Where in the channel's text the first match may still begin that is waited for.
    pub(super) fn wait_from(&self) -> Option<u64> {
        let believed = self.0.iter().filter(|reading| reading.is_believed());
        believed.flat_map(|reading| &reading.strands).filter_map(Strand::waits_from).min()
    }

    /// An event has been read: what it did not go on with is let go, once that has happened often enough.
    pub(super) fn passed(&mut self, with: With<'_>, event: u32, out: &mut Vec<Parted>) {
        for strand in self.0.iter_mut().flat_map(|reading| &mut reading.strands) {
            if strand.event != event && strand.waits_from().is_some() {
                strand.doubt.passed(false);
                if strand.doubt.is_over() {
                    strand.let_go(with, out);
                }
            }
        }
    }

    /// Waits for none of them any longer.
    pub(super) fn let_go(&mut self, with: With<'_>, out: &mut Vec<Parted>) {
        for strand in self.0.iter_mut().flat_map(|reading| &mut reading.strands) {
            strand.let_go(with, out);
        }
    }
}

impl Reading {
    /// Whether its strands are waited for: few, or each with many pieces.
    fn is_believed(&self) -> bool {
        self.values <= FEW || self.values.saturating_mul(PIECES) <= self.pieces
    }

    fn make_room(&mut self, with: With<'_>, room: &mut usize, out: &mut Vec<Parted>) {
        if self.strands.len() < STRANDS && *room > 0 {
            *room -= 1;
            return;
        }
        let oldest = self.strands.iter().enumerate().min_by_key(|(_, strand)| strand.event);
        if let Some(oldest) = oldest.map(|(index, _)| index) {
            self.strands.swap_remove(oldest).let_go(with, out);
        }
    }
}

impl Strand {
    fn new(value: u64) -> Self {
        Self {
            value,
            scan: Scan::new(crate::detect::TextKind::Plain),
            seen: 0,
            done: 0,
            let_go: 0,
            places: VecDeque::new(),
            doubt: Doubt::default(),
            event: 0,
        }
    }

    /// The strand that the channel has been so far.
    fn of(value: u64, before: Before<'_>) -> Self {
        Self {
            scan: before.scan.clone(),
            seen: before.seen - before.base,
            let_go: before.settled.saturating_sub(before.base),
            places: VecDeque::from([(0, before.base)]),
            event: before.event,
            ..Self::new(value)
        }
    }

    fn push(&mut self, with: With<'_>, text: &str, at: u64, event: u32, out: &mut Vec<Parted>) {
        let ends_at = self.places.back().map(|&(own, channel)| channel + (self.seen - own));
        if ends_at != Some(at) {
            self.places.push_back((self.seen, at));
        }
        self.seen += text.len() as u64;
        self.event = event;
        self.doubt.piece(text);
        let mut found = Vec::new();
        self.done = self.scan.push(with.engine, with.rules, text, &mut found).settled.0;
        self.part(found, out);
        while self.places.get(1).is_some_and(|&(own, _)| own <= self.done) {
            self.places.pop_front();
        }
        if self.doubt.is_over() {
            self.let_go(with, out);
        }
    }

    /// Decides what is held as if it ended here, and reads on as if it did not.
    fn let_go(&mut self, with: With<'_>, out: &mut Vec<Parted>) {
        if self.waits_from().is_some() {
            let mut found = Vec::new();
            self.scan.clone().finish(with.engine, with.rules, &mut found);
            self.part(found, out);
            self.let_go = self.seen;
        }
    }

    fn waits_from(&self) -> Option<u64> {
        let from = self.done.max(self.let_go);
        let place = self.places.iter().rev().find(|&&(own, _)| own <= from);
        (from < self.seen).then(|| place.map_or(0, |&(own, channel)| channel + (from - own)))
    }

    /// Finds the places of findings in the channel's text.
    fn part(&self, found: Vec<Finding>, out: &mut Vec<Parted>) {
        for finding in found {
            let mut stretches = SmallVec::<[(u64, u64); 2]>::new();
            let ends = self.places.iter().skip(1).map(|&(own, _)| own).chain([self.seen]);
            for (&(own, channel), end) in self.places.iter().zip(ends) {
                let (start, end) = (finding.start.0.max(own), finding.end.0.min(end));
                if start < end {
                    stretches.push((channel + (start - own), channel + (end - own)));
                }
            }
            if let (Some(&(start, _)), Some(&(_, end))) = (stretches.first(), stretches.last()) {
                let finding = Finding { start: TextPos(start), end: TextPos(end), ..finding };
                out.push(Parted { finding, stretches });
            }
        }
    }
}
