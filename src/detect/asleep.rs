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
use super::conditions::When;
use super::judge::Found;
use super::scan::With;
use crate::text::fold::View;

/// Words of rules with more groups do not sleep.
const GROUPS: usize = 4;
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
    /// The groups of which each is wanted, and those of which one is, if there are any: a bit for each.
    all: u8,
    any: u8,
    /// Words that stand further from each other have nothing to do with each other, in bytes of folded text.
    reach: u64,
}

impl Sleep {
    /// That of the rule with this place among those that have groups: `None` where its words count in the whole text, or where it has many
    /// groups.
    pub(super) fn new(place: usize, when: &When) -> Option<Self> {
        let characters = u64::from(when.within?.max(when.ahead));
        // A character has at most four bytes.
        let bits = |groups: &[usize]| groups.iter().fold(0, |bits, &group| bits | 1 << group);
        let mut groups = when.all.iter().chain(&when.any).chain(&when.not);
        groups.all(|&group| group < GROUPS).then_some(())?;
        let (place, reach) = (u16::try_from(place).ok()?, 4 * (characters + 1));
        Some(Self { place, all: bits(&when.all), any: bits(&when.any), reach })
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
    /// By group: before where words have to begin for which its last word that has come counts.
    groups: [u64; GROUPS],
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
        let Some(sleep) = with.engine.criteria.of(rule).and_then(|criteria| criteria.sleep) else {
            return false;
        };
        let known = self.known;
        let Some(sleeper) = self.sleeper(rule, sleep) else { return false };
        let in_order = start >= sleeper.last;
        sleeper.last = sleeper.last.max(start);
        if let Some(before) = sleeper.groups.get_mut(group) {
            *before = (*before).max(start + sleep.reach + 1);
        }
        let stands = |(group, &before): (u8, &u64)| u8::from(before > start) << group;
        let stand: u8 = (0..).zip(&sleeper.groups).map(stands).sum();
        let all = stand & sleep.all == sleep.all && (sleep.any == 0 || stand & sleep.any != 0);
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
            self.rules.push(Sleeper { rule, last: 0, awake: 0, groups: [0; GROUPS], words: Vec::new() });
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
