//! How long a connection may do nothing: wait for its next request, or for a client that takes nothing more of its answer.
//!
//! Exchanges only count what they do. One timer of the connection looks at the counts and at the clock, so that nothing is timed where
//! text passes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use crate::limits::LimitsSettings;

/// What the exchanges of one connection do. The counts are read by the same thread that writes them.
#[derive(Debug, Default)]
pub(super) struct Activity {
    running: AtomicUsize,
    /// Answers whose client has not asked for more since it was given something.
    given: AtomicUsize,
    moved: AtomicU64,
    /// The connection was let go, since its client took nothing more.
    stalled: AtomicBool,
    /// Keyed hash of the client's address.
    pub(super) address: String,
}

impl Activity {
    /// Of a connection from the address of this keyed hash.
    pub(super) fn new(address: String) -> Self {
        Self { address, ..Self::default() }
    }

    fn moves(&self) {
        self.moved.fetch_add(1, Ordering::Relaxed);
    }

    /// The connection is let go, since its client takes nothing more.
    pub(super) fn stalls(&self) {
        self.stalled.store(true, Ordering::Relaxed);
    }

    /// Whether it was.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled.load(Ordering::Relaxed)
    }
}

/// One exchange's part in what its connection does.
#[derive(Debug)]
pub(super) struct Part {
    activity: Arc<Activity>,
    gave: bool,
}

impl Part {
    pub(super) fn new(activity: Arc<Activity>) -> Self {
        activity.running.fetch_add(1, Ordering::Relaxed);
        activity.moves();
        Self { activity, gave: false }
    }

    /// Where it counts, for the record of its end: a client that takes nothing more ends it.
    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// The client has room for more.
    pub(super) fn asked(&mut self) {
        if std::mem::take(&mut self.gave) {
            self.activity.given.fetch_sub(1, Ordering::Relaxed);
            self.activity.moves();
        }
    }

    /// Something is on its way to the client.
    pub(super) fn gives(&mut self) {
        if !std::mem::replace(&mut self.gave, true) {
            self.activity.given.fetch_add(1, Ordering::Relaxed);
            self.activity.moves();
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.asked();
        self.activity.running.fetch_sub(1, Ordering::Relaxed);
        self.activity.moves();
    }
}

/// For what a connection has waited too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// No exchange for as long as it may wait for one.
    Idle,
    /// An answer waits for its client for too long.
    Stalled,
}

/// Looks at a connection from time to time.
#[derive(Debug)]
pub(super) struct Patience {
    activity: Arc<Activity>,
    idle: Duration,
    answer_idle: Duration,
    ticks: Interval,
    seen: u64,
    since: Instant,
}

impl Patience {
    pub(super) fn new(limits: &LimitsSettings, activity: Arc<Activity>) -> Self {
        let (idle, answer_idle) = (limits.idle.0, limits.answer_idle.0);
        // Four looks in the shorter time: what is due is seen at most half of that time late.
        let every = (idle.min(answer_idle) / 4).max(Duration::from_millis(10));
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let since = Instant::now();
        Self { activity, idle, answer_idle, ticks, seen: 0, since }
    }

    /// Resolves when the connection has done nothing for too long; again after the same time.
    pub(super) async fn over(&mut self) -> Overdue {
        loop {
            let now = self.ticks.tick().await;
            let moved = self.activity.moved.load(Ordering::Relaxed);
            if moved != self.seen {
                (self.seen, self.since) = (moved, now);
                continue;
            }
            let still = now.duration_since(self.since);
            let overdue = if self.activity.given.load(Ordering::Relaxed) > 0 {
                (still >= self.answer_idle).then_some(Overdue::Stalled)
            } else {
                let runs = self.activity.running.load(Ordering::Relaxed) > 0;
                (!runs && still >= self.idle).then_some(Overdue::Idle)
            };
            if let Some(overdue) = overdue {
                self.since = now;
                return overdue;
            }
        }
    }
}
