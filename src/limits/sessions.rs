//! Since when somebody talks to a model without a break. In memory alone: a gateway that starts anew knows nobody.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::Person;
use crate::policy::SessionSettings;

/// So many people are remembered; those who have had a break go first.
const MOST: usize = 50_000;

/// Milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
struct Session {
    begun: u64,
    last: u64,
    reminded: u64,
}

/// All that talk.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<HashMap<Person, Session>>);

impl Sessions {
    /// An exchange begins: after how many seconds without a break it is time for a reminder, if it is.
    pub fn exchange(&self, person: &Person, settings: &SessionSettings, now_ms: u64) -> Option<u64> {
        let millis = |time: crate::diag::Time| time.0.as_millis() as u64;
        let (remind, pause) = (millis(settings.remind), millis(settings.pause));
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST && !all.contains_key(person) {
            all.retain(|_, session| now_ms.saturating_sub(session.last) < pause);
            if all.len() >= MOST {
                // Who begins now has the longest way to a reminder.
                return None;
            }
        }
        let new = Session { begun: now_ms, last: now_ms, reminded: now_ms };
        let session = all.entry(person.clone()).or_insert(new);
        if now_ms.saturating_sub(session.last) >= pause {
            *session = new;
        }
        session.last = now_ms;
        if remind == 0 || now_ms.saturating_sub(session.reminded) < remind {
            return None;
        }
        session.reminded = now_ms;
        Some(now_ms.saturating_sub(session.begun) / 1000)
    }

    /// It is over: the next exchange begins another one.
    pub fn end(&self, person: &Person) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(person);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reminder_comes_after_hours_without_a_break() {
        const MIN: u64 = 60_000;
        let (sessions, settings) = (Sessions::default(), SessionSettings::default());
        let who = |user: &str| Person { tenant: "red".into(), key: "k".into(), user: user.into() };
        let at = |user: &str, minute: u64| sessions.exchange(&who(user), &settings, minute * MIN);
        // Every ten minutes for four hours: two reminders.
        let told: Vec<u64> = (0..=24).filter_map(|n| at("a", n * 10)).collect();
        assert_eq!(told, [7200, 14_400]);
        // Breaks of a quarter of an hour begin it anew.
        assert!((0..=24).all(|n| at("b", n * 15).is_none()));
        // So does the end.
        assert!((0..=11).all(|n| at("c", n * 10).is_none()));
        sessions.end(&who("c"));
        assert!((12..=23).all(|n| at("c", n * 10).is_none()));
        assert_eq!(at("c", 240), Some(7200));
    }

    #[test]
    fn the_words_that_end_it_are_a_whole_message() {
        let settings = SessionSettings::default();
        for words in ["exit", " Exit. ", "退出", "退出！", "終了", "STOP the chat"] {
            assert!(settings.is_exit(words), "{words}");
        }
        for words in ["how do I exit vim", "", "退出登录怎么办"] {
            assert!(!settings.is_exit(words), "{words}");
        }
    }
}
