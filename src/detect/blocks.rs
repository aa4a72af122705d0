//! Sixty-four bytes of text at once: where tokens begin, where other scripts stand, where signs are that some rule begins
//! with.
//!
//! Plain comparisons of bytes, which the compiler turns into vector instructions; then one bit a byte.

/// What is told of 64 bytes, the first in the lowest bit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Masks {
    /// ASCII letters and digits.
    pub(super) word: u64,
    /// First bytes of characters that are not ASCII.
    pub(super) wide: u64,
    /// Bytes that are looked at wherever they stand.
    pub(super) special: u64,
}

/// Bytes that are looked at wherever they stand.
#[derive(Debug)]
pub(super) struct Specials {
    digits: bool,
    others: Vec<u8>,
    all: Box<[bool; 256]>,
}

/// The size of a block.
pub(super) const BLOCK: usize = 64;

impl Specials {
    pub(super) fn new(is_special: impl Fn(u8) -> bool) -> Self {
        let digits = (b'0'..=b'9').any(&is_special);
        let others = (0..0x80).filter(|&byte| is_special(byte) && !(digits && byte.is_ascii_digit()));
        let others: Vec<u8> = others.collect();
        let all = |byte: usize| {
            let byte = byte as u8;
            digits && byte.is_ascii_digit() || others.contains(&byte)
        };
        Self { digits, all: Box::new(std::array::from_fn(all)), others }
    }

    #[inline]
    pub(super) fn contains(&self, byte: u8) -> bool {
        self.all[usize::from(byte)]
    }
}

impl Masks {
    /// The masks of up to 64 bytes from `at` on.
    pub(super) fn read(text: &[u8], at: usize, specials: &Specials) -> Self {
        let rest = text.get(at..).unwrap_or_default();
        if let Some(block) = rest.first_chunk() {
            return Self::of(block, specials);
        }
        let mut block = [0; BLOCK];
        for (slot, &byte) in block.iter_mut().zip(rest) {
            *slot = byte;
        }
        Self::of(&block, specials)
    }

    #[inline]
    fn of(block: &[u8; BLOCK], specials: &Specials) -> Self {
        let word = block.map(|byte| {
            u8::from((byte | 0x20).wrapping_sub(b'a') < 26) | u8::from(byte.wrapping_sub(b'0') < 10)
        });
        let wide = block.map(|byte| u8::from(byte >= 0xC0));
        let digits = u8::from(specials.digits);
        let mut special = block.map(|byte| u8::from(byte.wrapping_sub(b'0') < 10) & digits);
        for &other in &specials.others {
            for (slot, &byte) in special.iter_mut().zip(block) {
                *slot |= u8::from(byte == other);
            }
        }
        Self { word: bits(&word), wide: bits(&wide), special: bits(&special) }
    }
}

/// One bit for each byte, which is 0 or 1.
#[inline]
fn bits(bytes: &[u8; BLOCK]) -> u64 {
    /// Moves the lowest bit of each byte to its place in the highest one.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (words, _) = bytes.as_chunks::<8>();
    words.iter().rev().fold(0, |bits, word| bits << 8 | u64::from_le_bytes(*word).wrapping_mul(GATHER) >> 56)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn masks_say_what_the_bytes_are(text in proptest::collection::vec(any::<u8>(), 0..80), at in 0..90_usize) {
            let specials = Specials::new(|byte| b"@.5".contains(&byte));
            let masks = Masks::read(&text, at, &specials);
            for bit in 0..BLOCK {
                let byte = text.get(at + bit).copied().unwrap_or(0);
                let is = |mask: u64| mask >> bit & 1 == 1;
                prop_assert_eq!(is(masks.word), byte.is_ascii_alphanumeric());
                prop_assert_eq!(is(masks.wide), byte >= 0xC0);
                prop_assert_eq!(is(masks.special), b"@.".contains(&byte) || byte.is_ascii_digit());
            }
        }
    }
}
