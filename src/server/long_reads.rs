//! Long requests are read beside the worker's own thread, so that others do not wait for them: no more at once than there are
//! processors, none longer than `limits.scan`, and none for a client that has left.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::gateway::Gateway;
use crate::exchange::Halt;

/// Bytes of a body that is read at once where it is: a millisecond's work, as texts are.
pub(super) const SHORT: usize = 16 << 10;

/// Tells a reader that nobody waits for it any more.
struct Leaving(Halt);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.tell();
    }
}

/// Does the work beside the worker's thread; none after a fault in it. When its time is over it is told so, and what it then gives is
/// given.
pub(super) async fn away<T: Send + 'static>(
    gateway: &Gateway,
    work: impl FnOnce(Halt) -> T + Send + 'static,
) -> Option<T> {
    let leaving = Leaving(Halt::new());
    let halt = leaving.0.clone();
    // The time counts from here: who waits for a processor waits within it.
    let end = tokio::time::Instant::now() + gateway.limits.scan.0;
    let place = Arc::clone(&gateway.long_reads).acquire_owned();
    let place = tokio::time::timeout_at(end, place).await.ok().and_then(Result::ok);
    if place.is_none() {
        leaving.0.tell();
    }
    let mut reading = tokio::task::spawn_blocking(move || {
        let done = catch_unwind(AssertUnwindSafe(|| work(halt)));
        drop(place);
        done.ok()
    });
    if let Ok(done) = tokio::time::timeout_at(end, &mut reading).await {
        return done.ok().flatten();
    }
    leaving.0.tell();
    reading.await.ok().flatten()
}
