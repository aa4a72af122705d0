//! Sixteen bytes compared at once, and one bit told of each.
//!
//! Compilers make vector instructions of plain comparisons, but not the one that gathers a bit of each byte; `wide` knows it on each
//! processor.

use wide::u8x16;

/// How many bytes are compared at once.
pub const LANE: usize = 16;
/// A bit for each.
pub const LANE_BITS: u64 = 0xFFFF;

/// Bytes, or what was found of each: all ones or zero.
#[derive(Clone, Copy, Debug)]
pub struct Lane(u8x16);

impl Lane {
    /// The bytes.
    #[inline]
    pub fn new(bytes: &[u8; LANE]) -> Self {
        Self(u8x16::new(*bytes))
    }

    /// Found of none.
    #[inline]
    pub fn none() -> Self {
        Self(u8x16::splat(0))
    }

    /// This byte everywhere.
    #[inline]
    pub fn each(byte: u8) -> Self {
        Self(u8x16::splat(byte))
    }

    /// Upper and lower case alike, and some other signs with each other.
    #[inline]
    #[must_use]
    pub fn lower(self) -> Self {
        Self(self.0 | u8x16::splat(0x20))
    }

    /// Which are this byte.
    #[inline]
    #[must_use]
    pub fn is(self, byte: u8) -> Self {
        Self(self.0.simd_eq(u8x16::splat(byte)))
    }

    /// Which are the other's bytes in the same place.
    #[inline]
    #[must_use]
    pub fn equals(self, other: Self) -> Self {
        Self(self.0.simd_eq(other.0))
    }

    /// Which are one of `count` bytes from `first` on.
    #[inline]
    #[must_use]
    pub fn within(self, first: u8, count: u8) -> Self {
        Self((self.0 - u8x16::splat(first)).simd_lt(u8x16::splat(count)))
    }

    /// Found in both.
    #[inline]
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Found in either.
    #[inline]
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The highest bit of each byte, the first byte's lowest: where something was found, or of bytes those that are not ASCII.
    #[inline]
    pub fn bits(self) -> u64 {
        u64::from(self.0.to_bitmask())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_are_what_single_bytes_say(bytes: [u8; LANE], other: [u8; LANE], first: u8, count in 1..=128_u8) {
            let lane = Lane::new(&bytes);
            let tests: [(Lane, &dyn Fn(usize) -> bool); 5] = [
                (lane, &|at| !bytes[at].is_ascii()),
                (lane.is(first), &|at| bytes[at] == first),
                (lane.within(first, count), &|at| bytes[at].wrapping_sub(first) < count),
                (lane.equals(Lane::new(&other)).or(Lane::none()), &|at| bytes[at] == other[at]),
                (lane.lower().is(b'a').and(lane.is(b'A')), &|at| bytes[at] == b'A'),
            ];
            for (lane, holds) in tests {
                for at in 0..LANE {
                    prop_assert_eq!(lane.bits() >> at & 1 == 1, holds(at));
                }
            }
        }
    }
}
