//! Who spawns a task says who waits for it. Tasks here end with their connection or with the process, and say when they panic.

use std::future::Future;

/// Runs a task nobody waits for: it ends by itself, at the latest with its runtime.
#[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
pub fn detached(name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
    let handle = tokio::spawn(task);
    drop(handle);
    tracing::trace!(name, "task started");
}
