//! Words of groups that sleep: nothing is to be made of them until what else their rule wants has come.
//!
//! A rule that wants a word of each of several groups near each other (`how to`, `make`, `a bomb`) meets words of one of them in every
//! other sentence, and hardly ever one of each. Such a word is noted with its place and no more. When a word comes near which, with
//! those before it, each group that the rule wants has stood, all that sleep are woken and judged in their order ([`super::judge`])
//! as if they had never slept: none of them can have been a finding, as some group was missing before each.
//!
//! Words mostly come in the order in which they stand. One that does not, or is long, or comes where many sleep, wakes all: that is
//! never wrong.

use super::RuleId;
use super::conditions::{Criteria, When};
use super::judge::Found;
use super::scan::With;
use crate::text::fold::View;
use smallvec::SmallVec;

/// So many words of a rule sleep at most.
const MOST: usize = 64;
/// With so many those are forgotten that no word still to come can be near.
const MANY: usize = 8;
/// Longer words do not sleep, in bytes of folded text.
const LONG: u64 = 256;

/// How far words of a rule's groups sleep, for rules that have some which say within how many characters they count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sleep {
    /// Its place among such rules.
    place: u16,
    /// Words that stand further from each other have nothing to do with each other, in bytes of folded text.
    reach: u64,
}

impl Sleep {
    /// That of the rule with this place among those that have groups: `None` where its words count in the whole text.
    pub(super) fn new(place: usize, when: &When) -> Option<Self> {
        let characters = u64::from(when.within?.max(when.ahead));
        // A character has at most four bytes.
        Some(Self { place: u16::try_from(place).ok()?, reach: 4 * (characters + 1) })
    }

    /// How far before what is not settled words may sleep, in bytes of folded text.
    pub(super) fn keep(self) -> u64 {
        self.reach + LONG
    }
}

/// A channel's words that sleep.
#[derive(Clone, Debug, Default)]
pub(super) struct Asleep {
    /// By a rule's place: which of `rules` it is, counted from one; 0 for none.
    places: Vec<u16>,
    rules: Vec<Sleeper>,
    /// No word that is still to come begins before.
    known: u64,
}

/// One rule's words.
#[derive(Clone, Debug)]
struct Sleeper {
    rule: RuleId,
    /// Where the last word begins that has come.
    last: u64,
    /// What begins no later is not to sleep.
    awake: u64,
    /// By group: behind the beginning of the last word that has come; 0 for none.
    groups: SmallVec<[u64; 4]>,
    words: Vec<Slept>,
}

/// A word: its keyword's rule and its place.
#[derive(Clone, Copy, Debug)]
struct Slept {
    keyword: RuleId,
    start: u64,
    end: u64,
}

// === impl Asleep ===

impl Asleep {
    /// A word of a group of `rule`, counted from one: puts it to sleep, or wakes others into `waiting`. False where it does neither, as it
    /// has to be judged itself.
    pub(super) fn takes(
        &mut self,
        waiting: &mut Vec<Found>,
        (with, view): (&With<'_>, &View),
        (rule, part): (RuleId, u8),
        keyword: RuleId,
        (start, end): (u64, u64),
    ) -> bool {
        let Some(group) = usize::from(part).checked_sub(1) else { return false };
        let Some(Criteria { when: Some(when), sleep: Some(sleep), .. }) = with.engine.criteria.of(rule)
        else {
            return false;
        };
        let known = self.known;
        let Some(sleeper) = self.sleeper(rule, *sleep) else { return false };
        let in_order = start >= sleeper.last;
        sleeper.last = sleeper.last.max(start);
        if group >= sleeper.groups.len() {
            sleeper.groups.resize(group + 1, 0);
        }
        if let Some(last) = sleeper.groups.get_mut(group) {
            *last = (*last).max(start + 1);
        }
        let stands = |other: &usize| {
            let last = sleeper.groups.get(*other).copied().unwrap_or(0);
            *other == group || last > 0 && last + sleep.reach > start
        };
        let all = when.all.iter().all(stands) && (when.any.is_empty() || when.any.iter().any(stands));
        let wakes = all || !in_order || end - start > LONG || sleeper.words.len() >= MOST;
        if wakes {
            sleeper.awake = sleeper.awake.max(end + sleep.reach);
            sleeper.wake(waiting, with, view, known.saturating_sub(sleep.reach));
        }
        if wakes || start <= sleeper.awake {
            return false;
        }
        if sleeper.words.len() >= MANY {
            sleeper.words.retain(|word| word.end + sleep.reach >= known);
        }
        sleeper.words.push(Slept { keyword, start, end });
        true
    }

    #[inline]
    fn sleeper(&mut self, rule: RuleId, sleep: Sleep) -> Option<&mut Sleeper> {
        let place = usize::from(sleep.place);
        if place >= self.places.len() {
            self.places.resize(place + 1, 0);
        }
        let index = self.places.get_mut(place)?;
        if *index == 0 {
            self.rules.push(Sleeper { rule, last: 0, awake: 0, groups: SmallVec::new(), words: Vec::new() });
            *index = self.rules.len() as u16;
        }
        self.rules.get_mut(usize::from(*index) - 1)
    }

    /// Wakes the words of rules that have found something else than words of their groups.
    pub(super) fn wake_for_others(&mut self, waiting: &mut Vec<Found>, with: &With<'_>, view: &View) {
        for sleeper in self.rules.iter_mut().filter(|sleeper| !sleeper.words.is_empty()) {
            if waiting.iter().any(|found| found.is_own(sleeper.rule)) {
                sleeper.wake(waiting, with, view, 0);
            }
        }
    }

    /// From now on no word comes that begins before `known`.
    pub(super) fn settle(&mut self, known: u64) {
        self.known = known;
    }
}

impl Sleeper {
    /// Wakes the words but those that end before `from`.
    fn wake(&mut self, waiting: &mut Vec<Found>, with: &With<'_>, view: &View, from: u64) {
        let words = self.words.drain(..).filter(|word| word.end >= from);
        waiting.extend(words.map(|word| with.found(view, word.keyword, word.start, word.end)));
    }
}
