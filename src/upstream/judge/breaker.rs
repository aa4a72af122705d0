//! A judge that fails again and again is left alone for a while, then tried with one question.

use std::time::{Duration, Instant};

/// How a judge does.
#[derive(Debug)]
pub(super) struct Breaker {
    most: u32,
    pause: Duration,
    failures: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It is asked.
    Closed,
    /// It is not asked before then.
    Open(Instant),
    /// One question is on its way.
    Trying,
}

impl Breaker {
    pub(super) fn new(most: u32, pause: Duration) -> Self {
        Self { most: most.max(1), pause, failures: 0, state: State::Closed }
    }

    /// Whether it may be asked now. Who gets a yes says what came of it.
    pub(super) fn may_ask(&mut self, now: Instant) -> bool {
        match self.state {
            State::Closed => true,
            State::Open(until) if now >= until => {
                self.state = State::Trying;
                true
            }
            State::Open(_) | State::Trying => false,
        }
    }

    /// It has answered.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        self.state = State::Closed;
    }

    /// It has not.
    pub(super) fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if self.state == State::Trying || self.failures >= self.most {
            self.state = State::Open(now + self.pause);
        }
    }

    /// Nothing came of the question: it says nothing of the judge.
    pub(super) fn withdrawn(&mut self, now: Instant) {
        if self.state == State::Trying {
            self.state = State::Open(now);
        }
    }

    /// Whether it is left alone.
    pub(super) fn is_open(&self) -> bool {
        self.state != State::Closed
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a beginning for a clock that the test moves")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_opens_and_tries_with_one() {
        let (begin, pause) = (Instant::now(), Duration::from_secs(30));
        let mut breaker = Breaker::new(3, pause);
        for _ in 0..2 {
            assert!(breaker.may_ask(begin));
            breaker.failed(begin);
        }
        breaker.succeeded();
        for _ in 0..3 {
            assert!(breaker.may_ask(begin));
            breaker.failed(begin);
        }
        assert!(!breaker.may_ask(begin) && breaker.is_open());
        assert!(!breaker.may_ask(begin + Duration::from_millis(29_999)));
        assert!(breaker.may_ask(begin + pause));
        assert!(!breaker.may_ask(begin + pause), "one question tries it");
        breaker.failed(begin + pause);
        assert!(!breaker.may_ask(begin + pause));
        assert!(breaker.may_ask(begin + pause + pause));
        breaker.withdrawn(begin + pause + pause);
        assert!(breaker.may_ask(begin + pause + pause));
        breaker.succeeded();
        assert!(breaker.may_ask(begin) && !breaker.is_open());
    }

    proptest! {
        /// However questions and answers come: while it is open no more than one is on its way.
        #[test]
        fn no_more_than_one_tries(steps in prop::collection::vec((0_u8..4, 0_u64..40), 0..200)) {
            let mut now = Instant::now();
            let mut breaker = Breaker::new(2, Duration::from_secs(30));
            let (mut running, mut tried) = (0_u32, false);
            for (step, seconds) in steps {
                now += Duration::from_secs(seconds);
                match step {
                    0 => {
                        let was_open = breaker.is_open();
                        if breaker.may_ask(now) {
                            prop_assert!(!(was_open && tried));
                            tried = was_open;
                            running += 1;
                        }
                    }
                    1 if running > 0 => { breaker.succeeded(); running -= 1; tried = false; }
                    2 if running > 0 => { breaker.failed(now); running -= 1; tried = false; }
                    3 if running > 0 => { breaker.withdrawn(now); running -= 1; tried = false; }
                    _ => {}
                }
            }
        }
    }
}
