//! What becomes of what matched: a finding, or nothing.
//!
//! Matches come here in their order, when nothing that begins earlier can be found any more. Most rules ask for no
//! more than that. Where a rule has [`Conditions`](super::Conditions) or a policy a threshold, the first match in order that
//! cannot be decided yet holds the text from its start on, and all matches behind it wait with it:
//!
//! - for an exception that it lies within, as long as that can still complete, to the byte;
//! - for words that have to stand near it or change its score, until one has come or the window behind it has passed;
//! - for a group that must not follow, until so many characters have come.
//!
//! The state of a channel beside its matches is bounded. For each rule with conditions that has matched of late: what it found
//! within its window, at most 2 KiB to either side of a match, as spans of 16 bytes; for each of its groups one place and the
//! words that are not over yet. Each byte near a match is read once a rule.

use super::around::{Known, Watch, is_within, uses};
use super::asleep::Asleep;
use super::conditions::{Criteria, When, thousandths};
use super::scan::{Scan, With};
use super::{Finding, RuleId};
use crate::text::fold::{FoldPos, View};
use smallvec::SmallVec;
use std::cmp::Reverse;

/// A match that waits for its turn, with its place in the folded text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    start: u64,
    end: u64,
    /// Which of its rule's groups it is a word of, counted from one; 0 for the rule's own words and patterns.
    part: u8,
    finding: Finding,
}

/// The state of a channel's judgement.
#[derive(Clone, Debug, Default)]
pub(super) struct Judge {
    /// By rule: the furthest end of what was reported, while it may still cover something.
    covered: SmallVec<[(RuleId, u64); 2]>,
    watches: Vec<Watch>,
    groups: Vec<Groups>,
}

/// Where words of a rule's groups have stood.
#[derive(Clone, Debug)]
struct Groups {
    rule: RuleId,
    seen: SmallVec<[Seen; 4]>,
}

/// Where words of one group have stood.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// The last start of a word that had ended where the last match began.
    last: Option<u64>,
    /// Those that had not.
    open: SmallVec<[(u64, u64); 1]>,
}

/// What a match is.
enum Verdict {
    /// A finding of this score.
    Finding(f32),
    Nothing,
    /// Not decided.
    Wait,
}

pub(super) fn found(view: &View, rule: RuleId, start: usize, end: usize, score: f32) -> Found {
    let base = view.base().0;
    let from = behind_escape(view.bytes(), start, end);
    let (from, start, end) = (base + from as u64, base + start as u64, base + end as u64);
    let finding = Finding {
        rule,
        start: view.text_start(FoldPos(from)),
        end: view.text_end(FoldPos(end)),
        score,
        of: 0,
    };
    Found { start, end, part: 0, finding }
}

/// Where what is found begins for those who rewrite it: behind the letter of an escape such as `\n`, however often the text was escaped.
/// Without that letter source code and JSON within a text would no longer parse (`"hi\njo@a.example"`).
pub(super) fn behind_escape(text: &[u8], start: usize, end: usize) -> usize {
    let escape = start.checked_sub(1).and_then(|before| text.get(before..=start));
    let letter = matches!(escape, Some([b'\\', letter]) if b"nrtbfv".contains(letter));
    start + usize::from(letter && end > start + 1)
}

impl Found {
    /// What a model judged, which stands at `start..end` of the folded text.
    pub(super) fn judged(start: u64, end: u64, finding: Finding) -> Self {
        Self { start, end, part: 0, finding }
    }

    /// Whether it is a match of this rule's own words or patterns.
    #[inline]
    pub(super) fn is_own(&self, rule: RuleId) -> bool {
        self.part == 0 && self.finding.rule == rule
    }
}

// === impl With ===

impl With<'_> {
    /// A keyword of a rule or of a group, which is found.
    pub(super) fn found(&self, view: &View, keyword: RuleId, start: u64, end: u64) -> Found {
        let (own, part) = self.engine.criteria.part(keyword);
        let score = self.engine.criteria.score(keyword);
        let base = view.base().0;
        let place = |at: u64| at.saturating_sub(base) as usize;
        // Where one that has slept is no longer all there, it is no finding either.
        Found { start, end, part, ..found(view, own, place(start), place(end), score) }
    }
}

impl Asleep {
    /// Notes a keyword of a rule or of a group, if its rule counts.
    pub(super) fn keyword(
        &mut self,
        waiting: &mut Vec<Found>,
        (with, view): (&With<'_>, &View),
        keyword: RuleId,
        (start, end): (u64, u64),
    ) {
        let part = with.engine.criteria.part(keyword);
        if with.rules.contains(part.0) && !self.takes(waiting, (with, view), part, keyword, (start, end)) {
            waiting.push(with.found(view, keyword, start, end));
        }
    }
}

// === impl Scan ===

impl Scan {
    /// Reports what begins before `known`, as far as it is decided, in order, but nothing within another finding of the same rule.
    /// Says how far that is.
    pub(super) fn report(
        &mut self,
        with: &With<'_>,
        known: u64,
        ended: bool,
        found: &mut Vec<Finding>,
    ) -> u64 {
        let mut settled = known;
        if !self.waiting.is_empty() {
            self.asleep.wake_for_others(&mut self.waiting, with, &self.view);
            self.waiting.sort_by(|a, b| {
                let key = |found: &Found| (found.start, Reverse(found.end), found.finding.rule, found.part);
                key(a).cmp(&key(b)).then(b.finding.score.total_cmp(&a.finding.score))
            });
            let ready = self.waiting.partition_point(|found| found.start < known);
            let text = Text { with, view: &self.view, known, ended };
            let mut done = 0;
            while let Some(&next) = self.waiting.get(done).filter(|_| done < ready) {
                let rest = self.waiting.get(done + 1..).unwrap_or_default();
                match self.judge.verdict(&text, &next, rest) {
                    Verdict::Finding(score) => {
                        let (rule, exact) = (next.finding.rule, &with.engine.exact);
                        if exact.stands(&self.view, rule, next.start, next.end) && self.judge.uncovers(&next)
                        {
                            found.push(Finding { score, ..next.finding });
                        }
                    }
                    Verdict::Nothing => {}
                    Verdict::Wait => {
                        settled = next.start;
                        break;
                    }
                }
                done += 1;
            }
            self.waiting.drain(..done);
        }
        self.judge.forget(with, settled);
        settled
    }
}

/// What a match is judged with.
struct Text<'a> {
    with: &'a With<'a>,
    view: &'a View,
    /// Every match that begins before this is known.
    known: u64,
    ended: bool,
}

// === impl Judge ===

impl Judge {
    /// Whether no finding of the same rule covers this one, which from now on covers others.
    fn uncovers(&mut self, found: &Found) -> bool {
        match self.covered.iter_mut().find(|(rule, _)| *rule == found.finding.rule) {
            Some((_, covered)) if *covered >= found.end => return false,
            Some((_, covered)) => *covered = found.end,
            None => self.covered.push((found.finding.rule, found.end)),
        }
        true
    }

    fn covers(&self, found: &Found) -> bool {
        self.covered.iter().any(|&(rule, covered)| rule == found.finding.rule && covered >= found.end)
    }

    fn forget(&mut self, with: &With<'_>, settled: u64) {
        if self.covered.is_empty() && self.watches.is_empty() {
            return;
        }
        self.covered.retain(|(_, end)| *end > settled);
        let keep = with.engine.criteria.keep();
        self.watches.retain(|watch| watch.read() + keep > settled);
    }

    /// What the match is. `rest`: those behind it.
    fn verdict(&mut self, text: &Text<'_>, found: &Found, rest: &[Found]) -> Verdict {
        let rule = found.finding.rule;
        let least = text.with.rules.threshold(rule);
        let Some(criteria) = text.with.engine.criteria.of(rule) else {
            let enough = least <= 0 || thousandths(found.finding.score) >= least;
            return if enough { Verdict::Finding(found.finding.score) } else { Verdict::Nothing };
        };
        let group = usize::from(found.part).checked_sub(1);
        if let (Some(group), Some(when)) = (group, &criteria.when)
            && when.not.contains(&group)
        {
            self.note(rule, group, found);
            return Verdict::Nothing;
        }
        if found.part == 0 && self.covers(found) {
            return Verdict::Nothing;
        }
        let excepted = self.excepted(text, criteria, found);
        if excepted == Known::Yes {
            return Verdict::Nothing;
        }
        let verdict = match group {
            Some(_) if !criteria.finds_groups => Verdict::Nothing,
            _ => self.finding(text, criteria, found, rest, least),
        };
        // A word of a group counts for others also where it is no finding itself, unless it is excepted.
        match (verdict, excepted, group) {
            (Verdict::Nothing, _, None) => Verdict::Nothing,
            (Verdict::Wait, ..) | (_, Known::Open, _) => Verdict::Wait,
            (verdict, _, Some(group)) => {
                self.note(rule, group, found);
                verdict
            }
            (verdict, _, None) => verdict,
        }
    }

    /// What the match is if it is no exception.
    fn finding(
        &mut self,
        text: &Text<'_>,
        criteria: &Criteria,
        found: &Found,
        rest: &[Found],
        least: i32,
    ) -> Verdict {
        let when = match &criteria.when {
            Some(when) => self.holds(text, when, found, rest),
            None => Known::Yes,
        };
        let near =
            criteria.near.map_or(Known::Yes, |near| self.stands(text, criteria, found, uses::NEAR, near));
        if when == Known::No || near == Known::No {
            return Verdict::Nothing;
        }
        // The scores that are still possible, from the least to the most.
        let base = thousandths(found.finding.score);
        let (mut low, mut high) = (base, base);
        for (shift, used) in [(criteria.raise, uses::RAISE), (criteria.lower, uses::LOWER)] {
            let Some((window, by)) = shift else { continue };
            let known = self.stands(text, criteria, found, used, window);
            if known != Known::No {
                high += by.max(0);
                low += by.min(0);
            }
            if known == Known::Yes {
                // It comes for certain.
                low += by.max(0);
                high += by.min(0);
            }
        }
        let (low, high) = (low.clamp(0, 1000), high.clamp(0, 1000));
        if high < least {
            return Verdict::Nothing;
        }
        if when == Known::Open || near == Known::Open || low != high {
            return Verdict::Wait;
        }
        let unchanged = low == base;
        Verdict::Finding(if unchanged { found.finding.score } else { low as f32 / 1000.0 })
    }

    /// The rule's watch, which has read as far as the text goes.
    fn watch(&mut self, text: &Text<'_>, criteria: &Criteria, found: &Found) -> Option<&Watch> {
        let terms = criteria.terms.as_ref()?;
        let rule = found.finding.rule;
        let index = self.watches.iter().position(|watch| watch.rule == rule).unwrap_or_else(|| {
            self.watches.push(Watch::new(rule));
            self.watches.len() - 1
        });
        let watch = self.watches.get_mut(index)?;
        let words = characters_before(text.view, found.start, criteria.within());
        let from = words.min(found.start.saturating_sub(terms.reach()));
        // A character has at most four bytes.
        let to = (found.start + 1).max(found.end + 4 * criteria.within() as u64);
        watch.read_on(terms, text.view, from, to, text.ended);
        Some(watch)
    }

    fn excepted(&mut self, text: &Text<'_>, criteria: &Criteria, found: &Found) -> Known {
        let Some(terms) = &criteria.terms else { return Known::No };
        let watch = self.watch(text, criteria, found);
        watch.map_or(Known::No, |watch| watch.excepts(terms, found.start, found.end))
    }

    fn stands(
        &self,
        text: &Text<'_>,
        criteria: &Criteria,
        found: &Found,
        used: u8,
        window: super::conditions::Window,
    ) -> Known {
        let watch = self.watches.iter().find(|watch| watch.rule == found.finding.rule);
        let (Some(watch), Some(terms)) = (watch, &criteria.terms) else { return Known::No };
        watch.stands(terms, text.view, used, window, (found.start, found.end), text.ended)
    }

    /// Whether the groups stand where they have to.
    fn holds(&mut self, text: &Text<'_>, when: &When, found: &Found, rest: &[Found]) -> Known {
        let own = usize::from(found.part).checked_sub(1);
        let groups = self.groups(found.finding.rule);
        let mut stands = |group: usize| {
            let Some(seen) = groups.seen(group) else { return false };
            seen.begin(found.start);
            let within = |from| {
                when.within.is_none_or(|within| is_within(text.view, from, found.start, within as usize))
            };
            seen.last.is_some_and(within)
        };
        let all = when.all.iter().all(|&group| own == Some(group) || stands(group));
        let any = when.any.iter().any(|&group| own == Some(group) || stands(group));
        if !all || !(any || when.any.is_empty()) || when.not.iter().any(|&group| stands(group)) {
            return Known::No;
        }
        if when.not.is_empty() {
            return Known::Yes;
        }
        let over = |group: usize| groups.seen(group).is_some_and(|seen| !seen.open.is_empty());
        let ahead = when.ahead as usize;
        let behind =
            |other: &&Found| other.start < found.end || is_within(text.view, found.end, other.end, ahead);
        let mut window = rest.iter().take_while(|other| other.start <= found.end + 4 * u64::from(when.ahead));
        let follows = window.any(|other| {
            let group = usize::from(other.part).checked_sub(1);
            other.finding.rule == found.finding.rule
                && group.is_some_and(|group| when.not.contains(&group))
                && behind(&other)
        });
        if follows || when.not.iter().copied().any(over) {
            return Known::No;
        }
        let passed = text.ended || text.known >= found.end && !is_within_open(text, found.end, ahead);
        if passed { Known::Yes } else { Known::Open }
    }

    fn groups(&mut self, rule: RuleId) -> &mut Groups {
        let index = self.groups.iter().position(|groups| groups.rule == rule).unwrap_or_else(|| {
            self.groups.push(Groups { rule, seen: SmallVec::new() });
            self.groups.len() - 1
        });
        &mut self.groups[index]
    }

    fn note(&mut self, rule: RuleId, group: usize, found: &Found) {
        if let Some(seen) = self.groups(rule).seen(group) {
            seen.begin(found.start);
            seen.open.push((found.start, found.end));
        }
    }
}

impl Groups {
    fn seen(&mut self, group: usize) -> Option<&mut Seen> {
        if group >= self.seen.len() {
            self.seen.resize_with(group + 1, Seen::default);
        }
        self.seen.get_mut(group)
    }
}

impl Seen {
    /// A match begins at `place`, and no other one before it will.
    fn begin(&mut self, place: u64) {
        let last = &mut self.last;
        self.open.retain(|(start, end)| {
            if *end <= place {
                *last = (*last).max(Some(*start));
            }
            *end > place
        });
    }
}

/// Whether a word may still end within so many characters behind `end` that has not been found.
fn is_within_open(text: &Text<'_>, end: u64, ahead: usize) -> bool {
    ahead > 0 && is_within(text.view, end, text.known, ahead - 1)
}

/// Where the character stands that is so many before `place`, or the first that is kept.
fn characters_before(view: &View, place: u64, characters: usize) -> u64 {
    if characters == 0 {
        return place;
    }
    let base = view.base().0;
    let mut head = view.bytes().get(..(place - base) as usize).unwrap_or_default();
    let mut left = characters;
    // Eight bytes at once, as long as they hold fewer characters than are wanted.
    while let Some((before, eight)) = head.split_last_chunk::<8>() {
        let count = first_bytes(u64::from_le_bytes(*eight));
        if count >= left {
            break;
        }
        (head, left) = (before, left - count);
    }
    let firsts = head.iter().enumerate().rev().filter(|(_, byte)| **byte & 0xC0 != 0x80);
    firsts.map(|(at, _)| at as u64).nth(left - 1).map_or(base, |at| base + at)
}

/// How many of eight bytes are the first ones of characters.
fn first_bytes(eight: u64) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let inner = eight >> 7 & !(eight >> 6) & ONES;
    8 - (inner.wrapping_mul(ONES) >> 56) as usize
}
