//! How many findings there were, by rule and by what followed: all of them, also those that no record lists, and none twice.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher};

use super::Noted;
use crate::detect::{Encodings, RuleId};
use crate::policy::{Action, Direction};

/// What findings are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CountKey {
    /// The rule that found.
    pub rule: RuleId,
    /// What followed; of a rule in shadow, what would have.
    pub action: Action,
    /// Whether nothing did, since the rule was in shadow.
    pub shadow: bool,
    /// Where the text was going.
    pub direction: Direction,
    /// How it was encoded, if it was.
    pub hidden: Option<Encodings>,
}

/// Numbers of findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<CountKey, u64>);

impl Counts {
    /// One more.
    fn count(&mut self, noted: &Noted) {
        let &Noted { rule, action, shadow, direction, hidden, .. } = noted;
        *self.0.entry(CountKey { rule, action, shadow, direction, hidden }).or_default() += 1;
    }

    /// Adds others, as those of the other side.
    pub fn add(&mut self, other: &Self) {
        for (of, n) in &other.0 {
            *self.0.entry(*of).or_default() += n;
        }
    }

    /// All of them, with how often each was found.
    pub fn each(&self) -> impl Iterator<Item = (CountKey, u64)> + '_ {
        self.0.iter().map(|(of, n)| (*of, *n))
    }
}

/// How many findings are remembered, so that the next reading of their text does not count them again. Twice as many at most.
const REMEMBERED: usize = 1 << 16;

/// Counts findings. A text may be read more than once, alone and joined with others or on and on; what both readings find counts once,
/// as long as no more than [`REMEMBERED`] others were found in between: an exchange's memory has a ceiling.
#[derive(Debug, Default)]
pub(super) struct Tally(Option<Box<Counted>>);

/// What there is to remember once something was found.
#[derive(Debug, Default)]
struct Counted {
    counts: Counts,
    seen: HashSet<u64, BuildHasherDefault<AsItIs>>,
    before: HashSet<u64, BuildHasherDefault<AsItIs>>,
    hasher: RandomState,
}

/// The hash of what is a hash already, and one that no text can aim at.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Tally {
    /// Counts a finding, and says whether it is a new one.
    pub(super) fn note(&mut self, noted: &Noted) -> bool {
        self.0.get_or_insert_default().note(noted)
    }

    /// All of them.
    pub(super) fn counts(&self) -> &Counts {
        static NONE: Counts = Counts(BTreeMap::new());
        self.0.as_ref().map_or(&NONE, |counted| &counted.counts)
    }
}

impl Counted {
    fn note(&mut self, noted: &Noted) -> bool {
        let place = (noted.rule, noted.direction, noted.role, noted.channel, noted.start, noted.end);
        let place = self.hasher.hash_one(place);
        if self.before.contains(&place) || !self.seen.insert(place) {
            return false;
        }
        if self.seen.len() >= REMEMBERED {
            self.before = std::mem::take(&mut self.seen);
        }
        self.counts.count(noted);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Role;

    fn noted(rule: u32, start: u64) -> Noted {
        Noted {
            rule: RuleId(rule),
            direction: Direction::Prompt,
            action: Action::Mask,
            shadow: false,
            role: Role::Message,
            channel: 1,
            start,
            end: start + 1,
            score: 1.0,
            of: 0,
            hidden: None,
            judged: None,
        }
    }

    #[test]
    fn each_place_counts_once_and_memory_is_bounded() {
        let mut tally = Tally::default();
        let n = REMEMBERED as u64;
        for start in 0..3 * n {
            assert!(tally.note(&noted(1, start)));
            assert!(
                !tally.note(&noted(1, start))
                    && start.checked_sub(n - 1).is_none_or(|s| !tally.note(&noted(1, s)))
            );
            let counted = tally.0.as_ref().expect("something was found");
            assert!(counted.seen.len() <= REMEMBERED && counted.before.len() <= REMEMBERED);
        }
        assert!(tally.note(&noted(2, 0)));
        let mut counts = tally.counts().clone();
        counts.add(tally.counts());
        let all: Vec<_> = counts.each().map(|(of, n)| (of.rule.0, n)).collect();
        assert_eq!(all, [(1, 6 * n), (2, 2)]);
    }
}
