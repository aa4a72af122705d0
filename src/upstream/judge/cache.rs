//! What a judge has said of a text is kept for a while, under the hash of what it was asked.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::exchange::judging::Said;

/// The SHA-256 of a question as it is sent.
pub(super) type Key = [u8; 32];

/// Answers of one judge, the oldest of which make room.
#[derive(Debug)]
pub(super) struct Cache {
    most: usize,
    ttl: Duration,
    known: HashMap<Key, (Instant, Arc<[Said]>)>,
    order: VecDeque<(Instant, Key)>,
}

impl Cache {
    pub(super) fn new(most: usize, ttl: Duration) -> Self {
        Self { most, ttl, known: HashMap::new(), order: VecDeque::new() }
    }

    /// What it has said, if that is not too long ago.
    pub(super) fn get(&mut self, key: &Key, now: Instant) -> Option<Arc<[Said]>> {
        let (then, said) = self.known.get(key)?;
        (now.saturating_duration_since(*then) < self.ttl).then(|| Arc::clone(said))
    }

    /// It has said this.
    pub(super) fn put(&mut self, key: Key, said: &Arc<[Said]>, now: Instant) {
        if self.most == 0 {
            return;
        }
        self.known.insert(key, (now, Arc::clone(said)));
        self.order.push_back((now, key));
        while self.known.len() > self.most || self.order.len() > 2 * self.most {
            let Some((then, oldest)) = self.order.pop_front() else { break };
            // What was said anew since has a younger place.
            if self.known.get(&oldest).is_some_and(|(at, _)| *at == then) {
                self.known.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a beginning for a clock that the test moves")]
mod tests {
    use super::*;

    #[test]
    fn answers_go_when_they_are_old_or_too_many() {
        let (begin, said) = (Instant::now(), Arc::<[Said]>::from([]));
        let mut cache = Cache::new(2, Duration::from_secs(10));
        let at = |seconds| begin + Duration::from_secs(seconds);
        cache.put([1; 32], &said, at(0));
        cache.put([2; 32], &said, at(1));
        assert!(cache.get(&[1; 32], at(9)).is_some() && cache.get(&[1; 32], at(10)).is_none());
        cache.put([1; 32], &said, at(10));
        cache.put([3; 32], &said, at(10));
        assert!(cache.get(&[2; 32], at(10)).is_none(), "the oldest made room");
        assert!(cache.get(&[1; 32], at(11)).is_some() && cache.get(&[3; 32], at(11)).is_some());
        for n in 0..100 {
            cache.put([n; 32], &said, at(12));
            cache.put([7; 32], &said, at(13));
            assert!(cache.known.len() <= 2 && cache.order.len() <= 4);
        }
        let mut none = Cache::new(0, Duration::from_secs(10));
        none.put([1; 32], &said, at(0));
        assert!(none.get(&[1; 32], at(0)).is_none());
    }
}
