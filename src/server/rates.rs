//! How often a public endpoint may be asked in a minute: from one address, and in all.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most addresses that are counted apart; those beyond share what is left for all.
const MOST_ADDRESSES: usize = 10_000;

/// What is left of a minute's requests.
#[derive(Clone, Copy, Debug)]
struct Left {
    requests: f64,
    at: Instant,
}

impl Left {
    /// Takes one, or says after how many seconds there will be one.
    fn take(&mut self, per_minute: u32, now: Instant) -> Result<(), u64> {
        let rate = f64::from(per_minute) / 60.0;
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.requests = (self.requests + since * rate).min(f64::from(per_minute));
        self.at = now;
        if self.requests >= 1.0 {
            self.requests -= 1.0;
            return Ok(());
        }
        let wait = Duration::from_secs_f64(((1.0 - self.requests) / rate.max(1e-3)).min(3600.0));
        Err(wait.as_millis().div_ceil(1000) as u64)
    }
}

#[derive(Debug, Default)]
struct Counted {
    all: Option<Left>,
    by_address: HashMap<String, Left>,
}

/// Who asked how often.
#[derive(Debug, Default)]
pub(super) struct Rates(Mutex<Counted>);

impl Rates {
    /// Takes one request of an address (its hash), or says after how many seconds there is room.
    pub(super) fn take(
        &self,
        address: &str,
        per_minute: u32,
        per_minute_in_all: u32,
        now: Instant,
    ) -> Result<(), u64> {
        let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Counted { all, by_address } = &mut *rates;
        let most = |per_minute: u32| Left { requests: f64::from(per_minute), at: now };
        // One address that asks too often does not use up what is there for all.
        if by_address.len() >= MOST_ADDRESSES && !by_address.contains_key(address) {
            by_address.retain(|_, left| now.saturating_duration_since(left.at).as_secs() < 60);
        }
        if by_address.len() < MOST_ADDRESSES || by_address.contains_key(address) {
            by_address.entry(address.to_owned()).or_insert_with(|| most(per_minute)).take(per_minute, now)?;
        }
        all.get_or_insert_with(|| most(per_minute_in_all)).take(per_minute_in_all, now)
    }
}
