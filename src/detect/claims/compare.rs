//! How much of a statement a sentence says.

use super::groups::{Against, DENIAL, Group, Groups, Sort, groups};
use super::terms::{Kind, Read, Term};
use smallvec::SmallVec;

/// What counts for a term whose place a word of the same group has.
const ALIKE: f32 = 0.9;
/// How much terms weigh.
const NAME: f32 = 1.5;
const PAIR: f32 = 0.6;
const SINGLE: f32 = 0.5;
const LITTLE: f32 = 0.25;
const HARDLY: f32 = 0.05;
/// The least score of a sentence that says a statement.
pub(super) const SAID: f32 = 0.84;
/// The least share of neighbours in their order, unless it is said by whom.
const ORDER: f32 = 0.2;
/// What other words between those of the statement take from the score, as a share of the statement's weight.
const OTHERS: f32 = 0.5;
/// The same beside it where no neighbours stand near each other in their order: who turns a statement round needs other words.
const OTHERS_IN_DISORDER: f32 = 3.0;
/// What it takes where no neighbours stand near each other in their order.
const DISORDER: f32 = 0.2;
/// What each of the statement's words takes that the sentence does not have, beside its weight.
const MISSING: f32 = 0.02;
/// So far apart are neighbours at most.
const NEAR: usize = 4;

/// The key of a group among the keys of words.
pub(super) fn group_key(group: Group) -> u64 {
    u64::from(group) | 0xC1A1_0000_0000_0000
}

/// What a term weighs.
pub(super) fn weight(term: &Term) -> f32 {
    match term.kind {
        _ if term.denies => HARDLY,
        Kind::Word => 1.0,
        Kind::Name | Kind::Number => NAME,
        Kind::Pair => PAIR,
        Kind::Single => SINGLE,
        Kind::Little => LITTLE,
        Kind::Light => HARDLY,
    }
}

/// The same of what is done.
const MISSING_VERB: f32 = 0.05;
/// How much a property or a quantity counts of what such another word counts: `small children` are children.
const PROPERTY: f32 = 0.4;

/// A sentence whose terms can be found.
pub(super) struct Sentence {
    pub(super) read: Read,
    /// Keys, measures and groups, each with the term that has it.
    places: Vec<(u64, u16)>,
    /// The words of its phrases.
    parts: Vec<(u64, u16)>,
}

/// How a word of a sentence stands for one of the statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Same,
    Alike,
    /// The same with the roles turned round.
    Converse,
    /// The one is not the other.
    Complement,
}

impl How {
    fn counts(self) -> f32 {
        match self {
            Self::Same => 1.0,
            Self::Alike | Self::Converse | Self::Complement => ALIKE,
        }
    }
}

impl Sentence {
    pub(super) fn of(read: Read) -> Self {
        let (mut places, mut parts) = (Vec::with_capacity(read.terms.len() * 3), Vec::new());
        for (term, at) in read.terms.iter().zip(0..) {
            places.push((term.key, at));
            parts.extend(term.parts.iter().map(|part| (*part, at)));
            if term.measure != 0 {
                places.push((term.measure, at));
            }
            places
                .extend(term.of.iter().filter(|group| **group > DENIAL).map(|group| (group_key(*group), at)));
        }
        places.sort_unstable();
        Self { read, places, parts }
    }

    /// Keys, measures and groups of its terms.
    pub(super) fn keys(&self) -> impl Iterator<Item = u64> {
        self.places.iter().chain(&self.parts).map(|(key, _)| *key)
    }

    fn at(&self, key: u64) -> impl Iterator<Item = u16> {
        let from = self.places.partition_point(|(one, _)| *one < key);
        self.places.iter().skip(from).take_while(move |(one, _)| *one == key).map(|(_, at)| *at)
    }
}

/// A statement's terms, ready to be compared.
#[derive(Clone, Debug)]
pub(super) struct Weighed {
    pub(super) terms: Vec<Term>,
    pub(super) weights: Vec<f32>,
    pub(super) weight: f32,
    pub(super) denials: usize,
    pub(super) than: bool,
    pub(super) by: bool,
}

/// Which term of a sentence stands for which of a statement.
pub(super) type Pairing = SmallVec<[Option<(u16, How)>; 12]>;

/// The terms of a sentence that stand for some of a statement.
type Used = SmallVec<[u16; 16]>;

/// How near a sentence's words come to a statement.
#[derive(Clone, Copy, Debug)]
struct Nearness {
    /// The share of its weight that stands in the sentence.
    covered: f32,
    /// What is taken for those of its words that do not.
    missing: f32,
    /// What other words weigh between the first and the last of its words, as a share of its weight.
    extra: f32,
    /// The share of neighbours that stand near each other in their order.
    order: f32,
    all_numbers: bool,
    /// Who does it may stand behind what is done, or anything where a clause has it.
    passive: bool,
}

impl Nearness {
    /// How surely it says the statement, if it does.
    fn score(&self) -> Option<f32> {
        if self.order < ORDER && !self.passive {
            return None;
        }
        let disorder = 1.0 - self.order;
        let others = OTHERS + OTHERS_IN_DISORDER * disorder;
        let score = self.covered - others * self.extra - DISORDER * disorder - self.missing;
        (score >= SAID).then_some(score)
    }
}

/// The places for a term, and what speaks against it.
struct Places {
    best: Option<(u16, How)>,
    contrary: bool,
}

impl Weighed {
    /// How surely a sentence says it, 0 to 1, and by which of its terms; nothing if it does not.
    pub(super) fn said_by(&self, sentence: &Sentence) -> Option<(f32, Pairing)> {
        let (pairing, used, contrary) = self.pair(sentence, groups())?;
        let near = self.nearness(sentence, &pairing, &used)?;
        if contrary || !near.all_numbers || !self.agrees(sentence, &pairing) {
            return None;
        }
        let score = near.score()?;
        let turned = self.turned(sentence, &pairing, groups())
            || !near.passive && self.names_turned(&pairing)
            || self.counts_another(sentence, &pairing)
            || near.extra > 0.0 && self.backwards(sentence, &pairing);
        (!turned).then_some((score, pairing))
    }

    /// Which terms of a sentence stand for its own, and whether one says the contrary; nothing once too many do not.
    fn pair(&self, sentence: &Sentence, groups: &Groups) -> Option<(Pairing, Used, bool)> {
        let mut pairing = Pairing::new();
        let (mut used, mut expected) = (Used::new(), 0_u16);
        let than = self.than && sentence.read.than;
        let (mut contrary, mut unit) = (false, None);
        let next = self.terms.iter().skip(1).map(|term| term.key).chain([0]);
        let mut left = self.weight;
        for ((term, weight), next) in self.terms.iter().zip(&self.weights).zip(next) {
            let mut places = term.places(sentence, groups, than, (expected, next), &used);
            // A measure that was found has its unit with it.
            places.best = places
                .best
                .or_else(|| term.in_parts(sentence, &mut used))
                .or(unit.take().filter(|(at, _)| !used.contains(at)));
            // Of pairs some are had by their neighbours.
            if places.best.is_none() && term.kind != Kind::Pair {
                left -= weight;
                if left < self.weight * SAID {
                    return None;
                }
            }
            contrary |= places.best.is_none() && places.contrary;
            if let Some((at, how)) = places.best {
                if !used.contains(&at) {
                    used.push(at);
                }
                expected = at + 1;
                let is_measure = term.kind == Kind::Number && how == How::Alike;
                unit = (is_measure && usize::from(expected) < sentence.read.terms.len())
                    .then_some((expected, How::Alike));
            }
            pairing.push(places.best);
        }
        Some((pairing, used, contrary))
    }

    /// How near a sentence's words come to it.
    fn nearness(&self, sentence: &Sentence, pairing: &Pairing, used: &[u16]) -> Option<Nearness> {
        let groups = groups();
        let each = || self.terms.iter().zip(&self.weights).zip(pairing);
        let found = |at: usize| pairing.get(at).is_some_and(Option::is_some);
        let (mut covered, mut missing) = (0.0, 0.0);
        for (at, ((term, weight), one)) in each().enumerate() {
            match one {
                Some((_, how)) => covered += how.counts() * weight,
                None if straddles(&self.terms, at, found) => covered += ALIKE * weight,
                None if !term.says() => {}
                None if groups.is(&term.of, Sort::Verb) => missing += MISSING_VERB,
                None => missing += MISSING,
            }
        }
        let all_numbers = each().all(|((term, _), one)| term.kind != Kind::Number || one.is_some());
        let (first, last) = (*used.iter().min()?, *used.iter().max()?);
        let is_used = |at: usize| u16::try_from(at).is_ok_and(|at| used.contains(&at));
        let stretch =
            sentence.read.terms.iter().zip(0..).take(usize::from(last) + 1).skip(usize::from(first));
        let extra: f32 = stretch
            .filter(|(term, at)| term.says() && !used.contains(at))
            .filter(|(_, at)| !straddles(&sentence.read.terms, usize::from(*at), is_used))
            .map(|(term, _)| weight(term) * if groups.is(&term.of, Sort::Property) { PROPERTY } else { 1.0 })
            .sum();
        let weight = self.weight.max(f32::MIN_POSITIVE);
        let turned = |term: &Term, (at, how): (u16, How)| {
            let found = sentence.read.terms.get(usize::from(at)).is_some_and(|found| found.passive);
            how == How::Converse || found != term.passive
        };
        let passive =
            self.terms.iter().zip(pairing).any(|(term, one)| one.is_some_and(|one| turned(term, one)));
        Some(Nearness {
            covered: covered / weight,
            missing,
            extra: extra / weight,
            order: self.order(pairing, passive),
            all_numbers,
            passive: passive || sentence.read.relative,
        })
    }

    /// Whether both deny, or neither. Who denies a denial asserts, so a sentence does not deny more often than a statement that does.
    fn agrees(&self, sentence: &Sentence, pairing: &Pairing) -> bool {
        let unpaired = |at: u16| !pairing.iter().flatten().any(|(used, _)| *used == at);
        let own = self.terms.iter().zip(pairing).filter(|(term, one)| term.denies && one.is_none()).count();
        let own = own + self.denials;
        let read = &sentence.read;
        let other = read.terms.iter().zip(0..).filter(|(term, at)| term.denies && unpaired(*at)).count();
        let other = other + read.denials;
        if pairing.iter().flatten().filter(|(_, how)| *how == How::Complement).count() % 2 == 1 {
            return (own == 0) != (other == 0);
        }
        if own == 0 { other == 0 } else { (1..=own).contains(&other) }
    }

    /// Neighbours that stand near each other in their order, or in any order in the `passive` voice, as a share of all; 1 where there are none.
    fn order(&self, pairing: &Pairing, passive: bool) -> f32 {
        let found: SmallVec<[u16; 12]> = self
            .terms
            .iter()
            .zip(pairing)
            .filter(|(term, _)| term.says())
            .filter_map(|(_, one)| one.map(|(at, _)| at))
            .collect();
        let kept = found.windows(2).filter(|two| match two {
            [one, two] => (passive || one <= two) && usize::from(one.abs_diff(*two)) <= NEAR,
            _ => false,
        });
        let all = found.len().saturating_sub(1);
        if all == 0 { 1.0 } else { kept.count() as f32 / all as f32 }
    }

    /// Whether, in a sentence that has both before a verb, who does it and what it is done to are not in the order of the passive voice in Chinese,
    /// or of the active voice.
    fn behind(&self, pairing: &Pairing, (place, at): (usize, u16), passive: bool) -> bool {
        let place_of = |(term, one): (&Term, &Option<(u16, How)>)| {
            let counts = term.says() && !groups().is(&term.of, Sort::Verb);
            one.filter(|_| counts).map(|(at, _)| at)
        };
        let first = self.terms.iter().zip(pairing).take(place).find_map(place_of);
        let second =
            self.terms.iter().zip(pairing).skip(place + 1).find_map(place_of).filter(|second| *second < at);
        first.zip(second).is_some_and(|(first, second)| (first < second) == passive)
    }

    /// Whether in Chinese what is done first is done last, beside other words and without a word that says why: `who has it drinks it` is not `who drinks it has it`.
    fn backwards(&self, sentence: &Sentence, pairing: &Pairing) -> bool {
        let read = &sentence.read;
        let verbs = self.terms.iter().zip(pairing).filter_map(|(term, one)| {
            let (at, how) =
                one.filter(|_| term.says() && !term.letters && groups().is(&term.of, Sort::Verb))?;
            (how != How::Converse).then_some(at)
        });
        let verbs: SmallVec<[u16; 4]> = verbs.collect();
        !read.relative
            && verbs.windows(2).any(|two| match two {
                [one, two] if one > two => {
                    let between = read.terms.iter().take(usize::from(*one) + 1).skip(usize::from(*two) + 1);
                    !between.into_iter().any(|term| term.pause)
                }
                _ => false,
            })
    }

    /// Whether what is done something to stands before it, as in English it does in the passive voice and in a clause alone: `what it cures is`.
    fn object_first(&self, sentence: &Sentence, pairing: &Pairing, (place, at): (usize, u16)) -> bool {
        let read = &sentence.read;
        if read.relative || read.condition.is_some() {
            return false;
        }
        let object = self.terms.iter().zip(pairing).skip(place + 1).find(|(term, _)| term.says());
        let object = object.filter(|(term, _)| !groups().is(&term.of, Sort::Verb));
        let Some((object, Some((first, _)))) =
            object.filter(|(_, one)| one.is_some_and(|(first, _)| first < at))
        else {
            return false;
        };
        // `In May they did it` has it before as well.
        if !object.bare && !read.terms.get(usize::from(*first)).is_some_and(|found| found.bare) {
            return false;
        }
        let between = read.terms.iter().take(usize::from(at) + 1).skip(usize::from(*first) + 1);
        !between.into_iter().any(|term| term.pause)
    }

    /// Whether a number counts something else of what the statement speaks of: `a tenth of the people` is not `people, and a tenth`.
    fn counts_another(&self, sentence: &Sentence, pairing: &Pairing) -> bool {
        let (read, groups) = (&sentence.read.terms, groups());
        self.terms.iter().zip(pairing).enumerate().any(|(place, (number, one))| {
            let Some((at, _)) = one.filter(|_| number.kind == Kind::Number) else { return false };
            let counted = self.terms.iter().zip(pairing).skip(place + 1).find(|(term, _)| term.says());
            let counted = counted.filter(|(term, _)| !groups.is(&term.of, Sort::Verb));
            let Some(counted) = counted.and_then(|(_, one)| *one) else { return false };
            let there = read.iter().zip(0..).skip(usize::from(at) + 1).find(|(term, _)| term.says());
            there.is_some_and(|(_, other)| {
                other != counted.0 && pairing.iter().flatten().any(|(used, _)| *used == other)
            })
        })
    }

    /// Whether names have changed places, whatever is done: `A sued B` is not `B sued A`.
    fn names_turned(&self, pairing: &Pairing) -> bool {
        let once = |term: &Term| self.terms.iter().filter(|one| one.key == term.key).count() == 1;
        let names = self.terms.iter().zip(pairing).filter(|(term, _)| term.kind == Kind::Name && once(term));
        let places: SmallVec<[u16; 8]> = names.filter_map(|(_, one)| one.map(|(at, _)| at)).collect();
        !places.is_sorted()
    }

    /// Whether who does something and to whom is the other way round.
    fn turned(&self, sentence: &Sentence, pairing: &Pairing, groups: &Groups) -> bool {
        let than = self.than && sentence.read.than;
        let compares =
            |group: &Group| than && groups.against(*group).is_some_and(|(_, kind)| kind == Against::Contrary);
        // `Tea has less of it than coffee`: all of it is the other way round.
        let other_way = self.terms.iter().zip(pairing).any(|(term, one)| {
            one.is_some_and(|(_, how)| how == How::Converse) && term.of.iter().any(compares)
        });
        self.terms.iter().zip(pairing).enumerate().any(|(place, (verb, one))| {
            let Some((at, how)) = one else { return false };
            let is_verb = !matches!(verb.kind, Kind::Little | Kind::Light) && groups.is(&verb.of, Sort::Verb);
            if !is_verb && !verb.of.iter().any(compares) {
                return false;
            }
            let Some(found) = sentence.read.terms.get(usize::from(*at)) else { return false };
            if is_verb && (verb.noun || found.noun || !groups.is(&found.of, Sort::Verb)) {
                return false;
            }
            let converse = *how == How::Converse && !other_way;
            let by = (verb.passive && self.by) || (found.passive && sentence.read.by);
            if verb.passive != found.passive && !by {
                // It is not said who does it.
                return false;
            }
            if verb.passive != found.passive && !found.letters {
                // Who does it stands before it all the same, and behind what it is done to.
                return self.behind(pairing, (place, *at), found.passive);
            }
            let swapped = converse ^ other_way ^ verb.passive ^ found.passive;
            // `It falls if one does so`: who does it stands behind.
            let is_condition = sentence.read.condition.is_some_and(|condition| condition > *at);
            let (mut right, mut wrong_before, mut wrong_behind) = (0, 0, 0);
            for (other, (term, one)) in self.terms.iter().zip(pairing).enumerate() {
                let before = other.checked_sub(1).and_then(|before| self.terms.get(before));
                // What there is more or less of stands where it stood.
                let is_compared = other_way && before.is_some_and(|before| before.of.iter().any(compares));
                // What stands on both sides (`the one company sues the other company`) says nothing of who does it.
                let is_on_both = self.terms.iter().filter(|one| one.key == term.key).count() > 1;
                let counts = other != place
                    && term.says()
                    && !is_compared
                    && !is_on_both
                    && !groups.is(&term.of, Sort::Verb);
                let Some((other_at, _)) = one.filter(|_| counts) else { continue };
                let (own, there) = (other < place, (other_at < *at) ^ swapped);
                match (own, there) {
                    (true, false) if !is_condition => wrong_before += 1,
                    (false, true) => wrong_behind += 1,
                    _ => right += 1,
                }
            }
            if is_verb && !swapped && found.letters && self.object_first(sentence, pairing, (place, *at)) {
                return true;
            }
            (other_way || wrong_before > 0 && wrong_behind > 0) && wrong_before + wrong_behind > right
        })
    }
}

/// Whether two characters are the last of one found pair and the first of the next: words that stand side by side in one text and not in
/// the other have such a pair between them.
fn straddles(terms: &[Term], at: usize, found: impl Fn(usize) -> bool) -> bool {
    let pair = |at: usize| terms.get(at).filter(|term| term.kind == Kind::Pair);
    let (Some(term), Some(before), Some(behind)) = (pair(at), at.checked_sub(1).and_then(pair), pair(at + 1))
    else {
        return false;
    };
    let within = before.end > term.start && behind.start < term.end;
    within && found(at - 1) && found(at + 1)
}

impl Term {
    /// Whether it counts as one of the words that say something.
    pub(super) fn says(&self) -> bool {
        !matches!(self.kind, Kind::Little | Kind::Light) && !self.denies
    }

    /// Where a sentence has a word within a phrase, or a phrase's words apart.
    fn in_parts(&self, sentence: &Sentence, used: &mut Used) -> Option<(u16, How)> {
        if let Some((_, at)) = sentence.parts.iter().find(|(key, _)| *key == self.key) {
            return Some((*at, How::Same));
        }
        let apart = self.parts.iter().map(|part| sentence.at(*part).find(|at| !used.contains(at)));
        let apart: Option<SmallVec<[u16; 4]>> = apart.collect();
        let apart = apart.filter(|apart| !apart.is_empty())?;
        let first = apart.first().copied()?;
        used.extend(apart);
        Some((first, How::Same))
    }

    /// Where a sentence has a statement's term: by the same word before one of its group, and near the place that is expected.
    fn places(
        &self,
        sentence: &Sentence,
        groups: &Groups,
        than: bool,
        (expected, next): (u16, u64),
        used: &[u16],
    ) -> Places {
        let mut best: Option<(u16, How)> = None;
        let mut take = |at: u16, how: How| {
            let is_better = best.is_none_or(|(known, other)| {
                // Of names that stand more than once, the one with the same word behind it.
                let goes_on = |at: u16| {
                    sentence.read.terms.get(usize::from(at) + 1).is_some_and(|term| term.key == next)
                };
                let rank = |how: How, at: u16| (how != How::Same, !goes_on(at), at.abs_diff(expected));
                rank(how, at) < rank(other, known)
            });
            if is_better && !used.contains(&at) {
                best = Some((at, how));
            }
        };
        sentence.at(self.key).for_each(|at| take(at, How::Same));
        if self.measure != 0 {
            sentence.at(self.measure).for_each(|at| take(at, How::Alike));
        }
        let own = || self.of.iter().filter(|group| **group > DENIAL);
        for group in own() {
            sentence.at(group_key(*group)).for_each(|at| take(at, How::Alike));
        }
        let mut contrary = false;
        if best.is_none() {
            for (against, kind) in own().filter_map(|group| groups.against(*group)) {
                let how = match kind {
                    Against::Converse => How::Converse,
                    Against::Complement => How::Complement,
                    Against::Contrary if than => How::Converse,
                    Against::Contrary => {
                        contrary |= sentence.at(group_key(against)).next().is_some();
                        continue;
                    }
                };
                let mut at = sentence.at(group_key(against));
                if let Some(at) = at.find(|at| !used.contains(at)) {
                    best = Some((at, how));
                }
            }
        }
        Places { best, contrary }
    }
}
