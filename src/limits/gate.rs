//! How many of a thing may be at the same time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts what is inside and lets no more in than the limit.
#[derive(Debug)]
pub struct Gate {
    limit: usize,
    inside: AtomicUsize,
}

/// One place inside a [`Gate`]; leaving is dropping it.
#[derive(Debug)]
pub struct Pass(Arc<Gate>);

impl Gate {
    /// A gate for at most `limit`.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, inside: AtomicUsize::new(0) })
    }

    /// A place, or none while all are taken. Never waits.
    pub fn enter(self: &Arc<Self>) -> Option<Pass> {
        self.inside
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| (n < self.limit).then_some(n + 1))
            .ok()
            .map(|_| Pass(Arc::clone(self)))
    }

    /// How many are inside now.
    pub fn inside(&self) -> usize {
        self.inside.load(Ordering::Acquire)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Counts connections in all and by address.
#[derive(Debug)]
pub struct Connections {
    all: Arc<Gate>,
    each: usize,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One open connection; closing is dropping it.
#[derive(Debug)]
pub struct ConnectionPass {
    _all: Pass,
    address: IpAddr,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Connections {
    /// Limits in all and for each address.
    pub fn new(all: usize, each: usize) -> Self {
        Self { all: Gate::new(all), each, by_address: Arc::default() }
    }

    /// A place for a connection from `address`, or none.
    pub fn enter(&self, address: IpAddr) -> Option<ConnectionPass> {
        // ::ffff:1.2.3.4 is 1.2.3.4; and one IPv6 subscriber owns a whole /64.
        let address = match address.to_canonical() {
            IpAddr::V4(v4) => IpAddr::V4(v4),
            IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        };
        let all = self.all.enter()?;
        let mut map = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = map.entry(address).or_insert(0);
        if *count >= self.each {
            return None;
        }
        *count += 1;
        drop(map);
        Some(ConnectionPass { _all: all, address, by_address: Arc::clone(&self.by_address) })
    }

    /// How many are open now.
    pub fn open(&self) -> usize {
        self.all.inside()
    }
}

impl Drop for ConnectionPass {
    fn drop(&mut self) {
        let mut map = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = map.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                map.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_lets_in_no_more_than_its_limit() {
        let gate = Gate::new(2);
        let first = gate.enter();
        let _second = gate.enter().expect("a second place");
        assert!(gate.enter().is_none());
        drop(first);
        assert!(gate.enter().is_some());
        assert_eq!(gate.inside(), 1);
    }

    #[test]
    fn many_threads_never_exceed_the_limit() {
        let gate = Gate::new(7);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        let pass = gate.enter();
                        assert!(gate.inside() <= 7);
                        drop(pass);
                    }
                });
            }
        });
        assert_eq!(gate.inside(), 0);
    }

    #[test]
    fn one_address_does_not_take_all() {
        let connections = Connections::new(10, 2);
        let v4: IpAddr = "192.0.2.1".parse().expect("an address");
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().expect("an address");
        let other: IpAddr = "2001:db8::1".parse().expect("an address");
        let same_net: IpAddr = "2001:db8::2".parse().expect("an address");
        let a = connections.enter(v4);
        let _b = connections.enter(mapped).expect("a second");
        assert!(connections.enter(v4).is_none());
        assert_eq!(connections.open(), 2, "a refused connection takes no place");
        let _c = (connections.enter(other), connections.enter(same_net));
        assert!(connections.enter(other).is_none());
        drop(a);
        assert!(connections.enter(v4).is_some());
    }
}
