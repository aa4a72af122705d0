//! How many held answers are read on, and for whom: a tenant whose upstreams never end keeps nobody else from it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// Most held answers of which the rest is read at once.
const MOST: usize = 64;
/// Most of one tenant.
const MOST_OF_TENANT: usize = 16;

/// Held answers that are read on.
#[derive(Debug, Default)]
pub(super) struct Reading {
    places: Mutex<HashMap<Arc<str>, usize>>,
    /// Answers that are being put away, those among them of which nothing is left to read.
    busy: AtomicUsize,
    stops: AtomicBool,
    changed: Notify,
}

/// A place of one answer, given back when it goes.
#[derive(Debug)]
pub(super) struct Place<'r> {
    reading: &'r Reading,
    tenant: Arc<str>,
}

/// One that is being put away, until it goes.
#[derive(Debug)]
pub(super) struct Busy<'r>(&'r Reading);

impl Reading {
    /// A place to read on; none where as many are taken as there are, in all or of the tenant.
    pub(super) fn place(&self, tenant: &Arc<str>) -> Option<Place<'_>> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, own) = (places.values().sum::<usize>(), places.get(tenant).copied().unwrap_or_default());
        (all < MOST && own < MOST_OF_TENANT).then(|| {
            places.insert(Arc::clone(tenant), own + 1);
            Place { reading: self, tenant: Arc::clone(tenant) }
        })
    }

    /// Somebody begins to put one away.
    pub(super) fn busy(&self) -> Busy<'_> {
        self.busy.fetch_add(1, Ordering::AcqRel);
        Busy(self)
    }

    /// Resolves when the gateway stops.
    pub(super) async fn stopped(&self) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.stops.load(Ordering::Acquire) {
                return;
            }
            changed.await;
        }
    }

    /// Nothing more is read on; waits until all is put away, no longer than `patience`.
    pub(super) async fn settle(&self, patience: Duration) {
        self.stops.store(true, Ordering::Release);
        self.changed.notify_waiters();
        let idle = async {
            loop {
                let mut changed = std::pin::pin!(self.changed.notified());
                changed.as_mut().enable();
                if self.busy.load(Ordering::Acquire) == 0 {
                    return;
                }
                changed.await;
            }
        };
        if tokio::time::timeout(patience, idle).await.is_err() {
            let left = self.busy.load(Ordering::Acquire);
            tracing::warn!(left, "held answers were not put away for their reviewers: the gateway stops");
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut places = self.reading.places.lock().unwrap_or_else(PoisonError::into_inner);
        match places.get_mut(&self.tenant) {
            Some(own) if *own > 1 => *own -= 1,
            Some(_) | None => drop(places.remove(&self.tenant)),
        }
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::AcqRel);
        self.0.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tenant_does_not_take_all_places() {
        let (reading, tenants): (_, Vec<Arc<str>>) =
            (Reading::default(), (0..5).map(|n| format!("t{n}").into()).collect());
        let mut places = Vec::new();
        for tenant in &tenants {
            let own: Vec<_> = std::iter::from_fn(|| reading.place(tenant)).collect();
            places.push(own);
        }
        let counts: Vec<usize> = places.iter().map(Vec::len).collect();
        assert_eq!(counts, [16, 16, 16, 16, 0]);
        places.remove(0);
        assert!(reading.place(&tenants[4]).is_some());
    }
}
