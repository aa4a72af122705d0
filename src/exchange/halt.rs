//! Whether what is being read is still wanted: its client has left, or its time is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Told to a reader from outside. Readers ask at each text and at every [`SLICE`] of a long one.
#[derive(Clone, Debug, Default)]
pub struct Halt(Option<Arc<AtomicBool>>);

/// Bytes of a text that are read between two looks.
pub(super) const SLICE: usize = 16 << 10;

impl Halt {
    /// One that can be told.
    pub fn new() -> Self {
        Self(Some(Arc::default()))
    }

    /// The reader is to stop.
    pub fn tell(&self) {
        if let Some(told) = &self.0 {
            told.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it is.
    pub fn is_told(&self) -> bool {
        self.0.as_ref().is_some_and(|told| told.load(Ordering::Relaxed))
    }
}
