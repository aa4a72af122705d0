//! Who was blocked how often, and how far that has brought them. No clock and no file: who asks says what time it is, and keeps the book.
//!
//! The book is bounded: of more people than [`MOST`] those are forgotten who were blocked longest ago, first those for whom nothing follows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::policy::{LadderSettings, Standing};

/// So many people are remembered.
const MOST: usize = 50_000;
/// So many blocks of one of them.
const MOST_BLOCKS: usize = 1000;

/// Who climbs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub struct Person {
    /// The tenant.
    pub tenant: Arc<str>,
    /// The key's name.
    pub key: Arc<str>,
    /// The user under it, as a hash that is told nowhere else; empty for the key itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
}

/// What is known of one of them. Times are milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Known {
    /// How far they have come.
    pub standing: Standing,
    /// When that ends by itself, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// When they were blocked, within the window.
    pub blocks: Vec<u64>,
    /// The exchange that was blocked last.
    pub exchange: String,
    /// When an exchange last passed that was limited.
    #[serde(default)]
    passed_ms: u64,
}

/// A step up or down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Whose.
    pub person: Person,
    /// From where.
    pub from: Standing,
    /// Where to.
    pub to: Standing,
    /// How many blocks count.
    pub blocks: usize,
    /// When it ends by itself, where it does.
    pub until_ms: Option<u64>,
    /// The exchange that was blocked last.
    pub exchange: String,
}

/// Whether somebody's exchange passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passes {
    /// Yes, and how they stand.
    Yes(Standing),
    /// Not before so many milliseconds are over.
    In(u64),
    /// Not before this time; until it is lifted without one.
    Suspended(Option<u64>),
}

/// All that is known of everybody.
#[derive(Debug, Default)]
pub struct Ladder(Mutex<HashMap<Person, Known>>);

/// One of the book, as a file or an answer has it.
#[derive(Debug, Deserialize, Serialize)]
struct Line {
    #[serde(flatten)]
    person: Person,
    #[serde(flatten)]
    known: Known,
}

impl Ladder {
    fn book(&self) -> MutexGuard<'_, HashMap<Person, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an exchange of theirs passes now. What is over ends here; the step down is given back.
    pub fn ask(&self, person: &Person, settings: &LadderSettings, now_ms: u64) -> (Passes, Option<Step>) {
        let mut book = self.book();
        let Some(known) = book.get_mut(person) else { return (Passes::Yes(Standing::Good), None) };
        let step = known.step_down(person, settings, now_ms);
        let passes = match known.standing {
            Standing::Good | Standing::Warned => Passes::Yes(known.standing),
            Standing::Limited => {
                let next = known.passed_ms.saturating_add(millis(settings.pace));
                if now_ms >= next {
                    known.passed_ms = now_ms;
                    Passes::Yes(Standing::Limited)
                } else {
                    Passes::In(next - now_ms)
                }
            }
            Standing::Suspended => Passes::Suspended(known.until_ms),
        };
        if known.standing == Standing::Good && known.blocks.is_empty() {
            book.remove(person);
        }
        (passes, step)
    }

    /// They were blocked once more: how they stand now and how many blocks count, and the step where that is one.
    pub fn blocked(
        &self,
        person: &Person,
        settings: &LadderSettings,
        exchange: &str,
        now_ms: u64,
    ) -> (Known, Option<Step>) {
        self.struck(person, settings, exchange, 1, now_ms)
    }

    /// The same for what counts as so many blocks at once.
    pub fn struck(
        &self,
        person: &Person,
        settings: &LadderSettings,
        exchange: &str,
        strikes: u32,
        now_ms: u64,
    ) -> (Known, Option<Step>) {
        let mut book = self.book();
        if !book.contains_key(person) && book.len() >= MOST {
            forget(&mut book);
        }
        let known = book.entry(person.clone()).or_default();
        known.forget_blocks(settings, now_ms);
        for _ in 0..(strikes as usize).min(MOST_BLOCKS) {
            if known.blocks.len() == MOST_BLOCKS {
                known.blocks.remove(0);
            }
            known.blocks.push(now_ms);
        }
        exchange.clone_into(&mut known.exchange);
        let from = known.standing;
        known.standing = from.max(settings.standing(known.blocks.len()));
        // A suspension runs from its beginning, the rest from the last block.
        if known.standing != Standing::Suspended || known.standing != from {
            known.until_ms = until(known.standing, settings, now_ms);
        }
        if known.standing == Standing::Limited && from != Standing::Limited {
            known.passed_ms = now_ms;
        }
        let step = (from != known.standing).then(|| known.step(person, from));
        (known.clone(), step)
    }

    /// An operator's word: they stand so from now on, until `until_ms` or until it is said otherwise. Their blocks are forgotten where
    /// nothing is to follow any more.
    pub fn set(&self, person: &Person, standing: Standing, until_ms: Option<u64>) -> Option<Step> {
        let mut book = self.book();
        if standing == Standing::Good {
            let known = book.remove(person)?;
            let to = Known { standing, blocks: Vec::new(), until_ms: None, ..known };
            let from = known.standing;
            return Some(to.step(person, from));
        }
        let known = book.entry(person.clone()).or_default();
        let from = std::mem::replace(&mut known.standing, standing);
        known.until_ms = until_ms;
        Some(known.step(person, from))
    }

    /// How somebody stands.
    pub fn standing(&self, person: &Person) -> Standing {
        self.book().get(person).map_or(Standing::Good, |known| known.standing)
    }

    /// How many people stand how.
    pub fn count(&self) -> [(Standing, usize); 4] {
        let book = self.book();
        Standing::ALL.map(|one| (one, book.values().filter(|known| known.standing == one).count()))
    }

    /// The book, in order.
    pub fn to_json(&self) -> serde_json::Value {
        let mut all: Vec<Line> = self
            .book()
            .iter()
            .map(|(person, known)| Line { person: person.clone(), known: known.clone() })
            .collect();
        all.sort_by(|a, b| b.known.standing.cmp(&a.known.standing).then_with(|| a.person.cmp(&b.person)));
        serde_json::json!(all)
    }

    /// A book as it was written.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        let lines: Vec<Line> = serde_json::from_str(text)?;
        let book = lines.into_iter().take(MOST).map(|line| (line.person, line.known)).collect();
        Ok(Self(Mutex::new(book)))
    }
}

impl Known {
    fn step(&self, person: &Person, from: Standing) -> Step {
        Step {
            person: person.clone(),
            from,
            to: self.standing,
            blocks: self.blocks.len(),
            until_ms: self.until_ms,
            exchange: self.exchange.clone(),
        }
    }

    fn forget_blocks(&mut self, settings: &LadderSettings, now_ms: u64) {
        let window = millis(settings.window);
        self.blocks.retain(|at| now_ms.saturating_sub(*at) < window);
    }

    /// What has run out ends: whoever was shut out is warned at most, whatever still counts; the next block brings them back.
    fn step_down(&mut self, person: &Person, settings: &LadderSettings, now_ms: u64) -> Option<Step> {
        self.forget_blocks(settings, now_ms);
        if self.until_ms.is_none_or(|until| now_ms < until) {
            return None;
        }
        let from = self.standing;
        self.standing = from.min(Standing::Warned).min(settings.standing(self.blocks.len()));
        self.until_ms = until(self.standing, settings, now_ms);
        (from != self.standing).then(|| self.step(person, from))
    }
}

/// When a standing that begins or goes on now ends by itself.
fn until(standing: Standing, settings: &LadderSettings, now_ms: u64) -> Option<u64> {
    let lasts = match standing {
        Standing::Good => return None,
        Standing::Warned => millis(settings.window),
        Standing::Limited => millis(settings.limited_for),
        Standing::Suspended => millis(settings.suspended_for),
    };
    (lasts > 0).then(|| now_ms.saturating_add(lasts))
}

fn millis(time: crate::diag::Time) -> u64 {
    time.0.as_millis() as u64
}

/// Makes room: a sixteenth goes, those first for whom least follows, and of these those who were blocked longest ago.
fn forget(book: &mut HashMap<Person, Known>) {
    let mut all: Vec<(Standing, u64, Person)> = book
        .iter()
        .map(|(person, known)| (known.standing, known.blocks.last().copied().unwrap_or(0), person.clone()))
        .collect();
    all.sort_unstable();
    for (_, _, person) in all.into_iter().take(MOST / 16) {
        book.remove(&person);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Time;
    use proptest::prelude::*;

    fn person(user: &str) -> Person {
        Person { tenant: "red".into(), key: "k".into(), user: user.into() }
    }

    fn settings() -> LadderSettings {
        LadderSettings { warn: 2, limit: 3, suspend: 5, ..LadderSettings::default() }
    }

    const HOUR: u64 = 3_600_000;

    #[test]
    fn blocks_lead_up_and_time_leads_down() {
        let (ladder, settings, who) = (Ladder::default(), settings(), person(""));
        let ask = |now| ladder.ask(&who, &settings, now).0;
        let blocked = |now| ladder.blocked(&who, &settings, "x", now).1.map(|step| step.to);
        assert_eq!(ask(0), Passes::Yes(Standing::Good));
        assert_eq!(blocked(0), None);
        assert_eq!(blocked(1000), Some(Standing::Warned));
        assert_eq!(ask(1000), Passes::Yes(Standing::Warned));
        assert_eq!(blocked(2000), Some(Standing::Limited));
        // One a minute.
        assert_eq!(ask(3000), Passes::In(59_000));
        assert_eq!(ask(62_000), Passes::Yes(Standing::Limited));
        assert_eq!(ask(62_001), Passes::In(59_999));
        assert_eq!(blocked(70_000), None);
        // An hour after the last block the limit is over, and the window still counts.
        assert_eq!(ask(70_000 + HOUR), Passes::Yes(Standing::Warned));
        assert_eq!(blocked(71_000 + HOUR), Some(Standing::Suspended));
        let end = 71_000 + HOUR + 24 * HOUR;
        assert_eq!(ask(72_000 + HOUR), Passes::Suspended(Some(end)));
        // More blocks make it no longer: who is shut out is not read for them.
        let (passes, step) = ladder.ask(&who, &settings, end);
        assert_eq!(passes, Passes::Yes(Standing::Good));
        assert_eq!(step.map(|step| (step.from, step.to)), Some((Standing::Suspended, Standing::Good)));
        // Others are not meant.
        assert_eq!(ladder.ask(&person("u"), &settings, 0).0, Passes::Yes(Standing::Good));
    }

    #[test]
    fn an_operator_has_the_last_word() {
        let (ladder, settings, who) = (Ladder::default(), settings(), person("u"));
        assert!(ladder.set(&who, Standing::Good, None).is_none(), "there is nothing to lift");
        assert!(ladder.set(&who, Standing::Suspended, None).is_some());
        assert_eq!(ladder.ask(&who, &settings, u64::MAX).0, Passes::Suspended(None));
        let again = Ladder::from_json(&ladder.to_json().to_string()).expect("a book");
        assert_eq!(again.ask(&who, &settings, 5).0, Passes::Suspended(None));
        let step = again.set(&who, Standing::Good, None).expect("a step");
        assert_eq!((step.from, step.to, step.blocks), (Standing::Suspended, Standing::Good, 0));
        assert_eq!(again.ask(&who, &settings, 5).0, Passes::Yes(Standing::Good));
    }

    #[test]
    fn a_step_that_is_never_taken_is_none() {
        let ladder = Ladder::default();
        let settings =
            LadderSettings { warn: 0, limit: 0, suspend: 2, suspended_for: Time::secs(0), ..settings() };
        assert_eq!(settings.next(0), Some((Standing::Suspended, 2)));
        assert!(ladder.blocked(&person(""), &settings, "x", 0).1.is_none());
        let step = ladder.blocked(&person(""), &settings, "x", 1).1.expect("a step");
        assert_eq!((step.from, step.to, step.until_ms), (Standing::Good, Standing::Suspended, None));
    }

    #[test]
    fn the_book_is_bounded() {
        let (ladder, settings) = (Ladder::default(), LadderSettings { suspend: 1, ..settings() });
        let quiet = LadderSettings { warn: 0, limit: 0, suspend: 0, ..settings.clone() };
        ladder.blocked(&person("bad"), &settings, "x", 0);
        for n in 0..=MOST as u64 {
            ladder.blocked(&person(&n.to_string()), &quiet, "x", n);
        }
        assert!(ladder.book().len() <= MOST);
        assert!(matches!(ladder.ask(&person("bad"), &settings, 1).0, Passes::Suspended(_)));
        assert!(ladder.book().contains_key(&person(&MOST.to_string())), "the newest stays");
        for n in 0..3 * MOST_BLOCKS as u64 {
            ladder.blocked(&person("one"), &quiet, "x", n);
        }
        assert!(ladder.book().get(&person("one")).is_some_and(|known| known.blocks.len() <= MOST_BLOCKS));
    }

    proptest! {
        /// Whatever happens in whatever order: nobody stands higher than their blocks lead, a suspension lets nothing pass before its end,
        /// and a book that is written and read says the same.
        #[test]
        fn a_standing_follows_from_blocks(events in prop::collection::vec((0u64..2 * HOUR, any::<bool>()), 1..60)) {
            let (ladder, settings, who) = (Ladder::default(), settings(), person("u"));
            let (mut now, mut blocks) = (0, 0);
            for (later, is_block) in events {
                now += later;
                let (passes, _) = ladder.ask(&who, &settings, now);
                if let Passes::Suspended(until) = passes {
                    prop_assert!(blocks >= 5 && until.is_some_and(|until| until > now));
                    continue;
                }
                if is_block {
                    blocks += 1;
                    let (known, _) = ladder.blocked(&who, &settings, "x", now);
                    prop_assert!(known.blocks.len() <= blocks);
                    prop_assert!(known.standing >= settings.standing(known.blocks.len()));
                    prop_assert!(known.standing <= settings.standing(blocks));
                }
                let again = Ladder::from_json(&ladder.to_json().to_string()).expect("a book");
                prop_assert_eq!(again.to_json(), ladder.to_json());
            }
        }
    }
}
