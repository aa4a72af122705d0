//! Who probes or floods, told by their last exchanges. No clock, no text: who asks says what time it is and what became of a prompt.
//!
//! In memory alone and bounded: of more people than [`MOST`] those are forgotten who were seen longest ago, of one the exchanges before the
//! last [`EACH`].

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::Person;
use crate::detect::Encodings;
use crate::policy::{AbuseSettings, Sign};
use crate::text::sketch::Sketch;

/// So many people are remembered.
const MOST: usize = 10_000;
/// So many exchanges of one of them.
pub const EACH: usize = 100;

/// What became of a prompt.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Whether it was blocked.
    pub blocked: bool,
    /// Whether something else than data was found in it that does not block it.
    pub flagged: bool,
    /// How what was found in it was encoded, where it was.
    pub hidden: Vec<Encodings>,
    /// A sketch of what the user said last.
    pub sketch: Option<Sketch>,
}

/// All that is remembered.
#[derive(Debug, Default)]
pub struct Abuse(Mutex<HashMap<Person, Recent>>);

/// The last exchanges of one of them, the oldest first. Times are milliseconds since 1970.
#[derive(Debug, Default)]
struct Recent {
    seen: VecDeque<(u64, Seen)>,
    /// When each sign was said last.
    said: Vec<(Sign, u64)>,
}

impl Abuse {
    /// One more exchange: the signs that it completes.
    pub fn exchange(&self, person: &Person, settings: &AbuseSettings, seen: Seen, now_ms: u64) -> Vec<Sign> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST && !all.contains_key(person) {
            forget(&mut all);
        }
        let recent = all.entry(person.clone()).or_default();
        let longest = millis(settings.window).max(millis(settings.fast));
        recent.seen.retain(|(at, _)| now_ms.saturating_sub(*at) < longest);
        if recent.seen.len() == EACH {
            recent.seen.pop_front();
        }
        recent.seen.push_back((now_ms, seen));
        let again = millis(settings.again);
        recent.said.retain(|(_, at)| now_ms.saturating_sub(*at) < again);
        let program = person.user.is_empty() && !settings.programs;
        let mut out = recent.signs(settings, program, now_ms);
        out.retain(|sign| !recent.said.iter().any(|(said, _)| said == sign));
        recent.said.extend(out.iter().map(|sign| (*sign, now_ms)));
        out
    }
}

impl Recent {
    fn signs(&self, settings: &AbuseSettings, program: bool, now_ms: u64) -> Vec<Sign> {
        let within = |time: crate::diag::Time| {
            let time = millis(time);
            self.seen.iter().filter(move |(at, _)| now_ms.saturating_sub(*at) < time).map(|(_, seen)| seen)
        };
        let reaches = |count: usize, least: u32| least > 0 && count >= least as usize;
        let Some((_, last)) = self.seen.back() else { return Vec::new() };
        let mut out = Vec::new();
        let blocked: Vec<&Seen> = within(settings.window).filter(|seen| seen.blocked).collect();
        // What is only flagged counts half.
        let flagged = within(settings.window).filter(|seen| seen.flagged && !seen.blocked).count();
        if (last.blocked || last.flagged) && reaches(blocked.len() + flagged / 2, settings.blocked) {
            out.push(Sign::Probing);
        }
        let mut hidden: Vec<Encodings> =
            within(settings.window).flat_map(|seen| seen.hidden.iter().copied()).collect();
        hidden.sort_unstable();
        hidden.dedup();
        if !last.hidden.is_empty() && reaches(hidden.len(), settings.disguises) {
            out.push(Sign::Disguises);
        }
        let Some(sketch) = last.sketch else {
            out.extend(self.burst(settings, program, now_ms));
            return out;
        };
        let is_like = |seen: &&Seen| seen.sketch.is_some_and(|other| other.is_like(sketch));
        if blocked.iter().any(is_like)
            && reaches(within(settings.window).filter(is_like).count(), settings.variants)
        {
            out.push(Sign::Variants);
        }
        if !program && reaches(within(settings.fast).filter(is_like).count(), settings.alike) {
            out.push(Sign::Flood);
        }
        out.extend(self.burst(settings, program, now_ms));
        out
    }

    fn burst(&self, settings: &AbuseSettings, program: bool, now_ms: u64) -> Option<Sign> {
        let fast = millis(settings.fast);
        let count = self.seen.iter().filter(|(at, _)| now_ms.saturating_sub(*at) < fast).count();
        (!program && settings.burst > 0 && count >= settings.burst as usize).then_some(Sign::Burst)
    }
}

fn millis(time: crate::diag::Time) -> u64 {
    time.0.as_millis() as u64
}

/// Makes room: a sixteenth goes, those first who were seen longest ago.
fn forget(all: &mut HashMap<Person, Recent>) {
    let last = |recent: &Recent| recent.seen.back().map_or(0, |(at, _)| *at);
    let mut order: Vec<(u64, Person)> =
        all.iter().map(|(person, recent)| (last(recent), person.clone())).collect();
    order.sort_unstable();
    for (_, person) in order.into_iter().take(MOST / 16) {
        all.remove(&person);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn person(user: &str) -> Person {
        Person { tenant: "red".into(), key: "k".into(), user: user.into() }
    }

    fn said(text: &str, blocked: bool) -> Seen {
        Seen { blocked, sketch: Sketch::of(text), ..Seen::default() }
    }

    const SECOND: u64 = 1000;

    #[test]
    fn a_sign_is_said_once_in_a_while() {
        let (abuse, settings) = (Abuse::default(), AbuseSettings::default());
        let at = |n: u64| {
            abuse.exchange(&person("a"), &settings, Seen { blocked: true, ..Seen::default() }, n * SECOND)
        };
        let told: Vec<(u64, Vec<Sign>)> =
            (0..20).map(|n| (n, at(n * 60))).filter(|(_, signs)| !signs.is_empty()).collect();
        // At the fourth block, and again five minutes later, and again.
        assert_eq!(told, [3, 8, 13, 18].map(|n| (n, vec![Sign::Probing])));
        // Others are not meant, and what is good is no sign of what was bad.
        assert!(abuse.exchange(&person("b"), &settings, Seen::default(), 0).is_empty());
        assert!(abuse.exchange(&person("a"), &settings, Seen::default(), 1500 * SECOND).is_empty());
    }

    #[test]
    fn programs_may_be_fast_and_people_not() {
        let (abuse, settings) = (Abuse::default(), AbuseSettings::default());
        let run = |user: &str| -> Vec<Sign> {
            let each = |n: u64| {
                abuse.exchange(&person(user), &settings, said("the same text again", false), n * 100)
            };
            (0..60).flat_map(each).collect()
        };
        assert_eq!(run("u"), [Sign::Flood, Sign::Burst]);
        assert_eq!(run(""), []);
        let settings = AbuseSettings { programs: true, ..settings };
        let all: Vec<Sign> = (0..60)
            .flat_map(|n| {
                abuse.exchange(&person("p"), &settings, said("the same text again", false), n * 100)
            })
            .collect();
        assert_eq!(all, [Sign::Flood, Sign::Burst]);
    }

    #[test]
    fn what_was_blocked_in_other_words_is_a_variant() {
        let (abuse, settings) = (Abuse::default(), AbuseSettings::default());
        let at = |text: &str, blocked: bool, n: u64| {
            abuse.exchange(&person("a"), &settings, said(text, blocked), n * 20 * SECOND)
        };
        assert!(at("how do I open the lock of a car without its key", true, 0).is_empty());
        assert!(at("how do I open the lock of that car without its key", false, 1).is_empty());
        assert!(at("what should I plant on my balcony in spring this year", false, 2).is_empty());
        assert!(at("how do I open the lock of a car without a key", false, 3).is_empty());
        assert_eq!(at("so how do I open the lock of a car without its key", false, 4), [Sign::Variants]);
    }

    #[test]
    fn memory_is_bounded() {
        let (abuse, settings) = (Abuse::default(), AbuseSettings::default());
        for n in 0..=MOST as u64 {
            abuse.exchange(&person(&n.to_string()), &settings, Seen::default(), n);
        }
        for n in 0..3 * EACH as u64 {
            abuse.exchange(&person("one"), &settings, Seen::default(), MOST as u64 + n);
        }
        let all = abuse.0.lock().expect("a lock");
        assert!(all.len() <= MOST && all.contains_key(&person(&MOST.to_string())));
        assert_eq!(all.get(&person("one")).map(|recent| recent.seen.len()), Some(EACH));
    }

    proptest! {
        /// Without blocks, disguises and haste there is no sign, whatever is said.
        #[test]
        fn who_uses_it_shows_no_sign(waits in prop::collection::vec(3_000_u64..600_000, 1..120), texts in prop::collection::vec("[a-z ]{0,40}", 1..5)) {
            let (abuse, settings, mut now) = (Abuse::default(), AbuseSettings::default(), 0);
            for (n, wait) in waits.into_iter().enumerate() {
                now += wait;
                let text = texts.get(n % texts.len()).expect("a text");
                prop_assert_eq!(abuse.exchange(&person("u"), &settings, said(text, false), now), []);
            }
        }
    }
}
