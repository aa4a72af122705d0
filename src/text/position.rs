//! Three rulers that cannot be confused: where a byte stands on the wire, in a channel's text, and in the folded view.

use std::ops::{Add, Sub};

/// A byte offset in a channel's decoded text, counted from the channel's first byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextPos(pub u64);

/// A byte offset in one event or body as it was received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WirePos(pub u32);

impl Add<u64> for TextPos {
    type Output = Self;
    fn add(self, bytes: u64) -> Self {
        Self(self.0 + bytes)
    }
}

/// The number of bytes between two positions; zero when the right one lies behind.
impl Sub for TextPos {
    type Output = u64;
    fn sub(self, other: Self) -> u64 {
        self.0.saturating_sub(other.0)
    }
}
