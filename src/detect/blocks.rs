//! Sixty-four bytes of text at once: where tokens begin, where other scripts stand, where signs are that some rule begins
//! with.
//!
//! Comparisons of bytes, then one bit a byte.

use crate::text::lane::{LANE, LANE_BITS, Lane};

/// What is told of 64 bytes, the first in the lowest bit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Masks {
    /// ASCII letters and digits.
    pub(super) word: u64,
    /// First bytes of characters that are not ASCII.
    pub(super) wide: u64,
    /// Signs, digits and some letters: what is looked at wherever it stands.
    pub(super) special: u64,
    /// All but letters, white space and commas.
    pub(super) mixed: u64,
    /// Letters that are followed by themselves.
    pub(super) twice: u64,
    /// Letters and digits with which, and with the byte after them, a word may begin that asks for no boundary.
    pub(super) inside: u64,
}

/// What is looked for.
#[derive(Debug)]
pub(super) struct Specials {
    /// By byte: whether it is looked at wherever it stands.
    bytes: Box<[bool; 256]>,
    /// The letters among them, each in every byte.
    letter_lanes: Vec<Lane>,
    inside: Inside,
}

/// Where words may begin that ask for no boundary.
#[derive(Debug)]
pub(super) enum Inside {
    /// There are none.
    Nowhere,
    /// At these pairs of lower-case letters and digits, each in every byte.
    Pairs(Vec<[Lane; 2]>),
    /// At every letter and digit.
    Everywhere,
}

/// The size of a block.
pub(super) const BLOCK: usize = 64;

impl Inside {
    /// At these pairs.
    pub(super) fn pairs(pairs: &[[u8; 2]]) -> Self {
        Self::Pairs(pairs.iter().map(|pair| pair.map(Lane::each)).collect())
    }
}

/// What stands between words and is looked at nowhere.
pub(super) fn is_gap(byte: u8) -> bool {
    matches!(byte, b' ' | b',' | b'\n')
}

impl Specials {
    pub(super) fn new(is_special: impl Fn(u8) -> bool, inside: Inside) -> Self {
        let is_special = |byte: u8| match byte {
            0x80.. => false,
            _ if is_gap(byte) => false,
            b'a'..=b'z' | b'A'..=b'Z' => is_special(byte),
            _ => true,
        };
        let letters = (b'A'..=b'z').filter(|&byte| byte.is_ascii_alphabetic() && is_special(byte));
        let letter_lanes = letters.map(Lane::each).collect();
        Self { bytes: Box::new(std::array::from_fn(|byte| is_special(byte as u8))), letter_lanes, inside }
    }

    /// Whether a byte is looked at wherever it stands: all signs and digits are.
    #[inline]
    pub(super) fn contains(&self, byte: u8) -> bool {
        self.bytes[usize::from(byte)]
    }

    /// Whether words are looked for that ask for no boundary.
    #[inline]
    pub(super) fn looks_inside(&self) -> bool {
        !matches!(self.inside, Inside::Nowhere)
    }
}

impl Masks {
    /// The masks of up to 64 bytes from `at` on.
    #[inline]
    pub(super) fn read(text: &[u8], at: usize, specials: &Specials) -> Self {
        let rest = text.get(at..).unwrap_or_default();
        rest.first_chunk().map_or_else(|| Self::end(rest, specials), |block| Self::of(block, specials))
    }

    /// The same where the text ends. Of its last letter it is not known what follows.
    #[cold]
    fn end(rest: &[u8], specials: &Specials) -> Self {
        let mut block = [0; BLOCK + 1];
        for (slot, &byte) in block.iter_mut().zip(rest) {
            *slot = byte;
        }
        let mut masks = Self::of(&block, specials);
        masks.special &= !(!0_u64).checked_shl(rest.len() as u32).unwrap_or(0);
        if specials.looks_inside() && !rest.is_empty() {
            masks.inside |= masks.word & 1 << (rest.len() - 1);
        }
        masks
    }

    #[inline]
    fn of(block: &[u8; BLOCK + 1], specials: &Specials) -> Self {
        let mut masks = Self::default();
        for lane in 0..BLOCK / LANE {
            let shift = lane * LANE;
            let at =
                |at: usize| block.get(at..).and_then(<[u8]>::first_chunk).map_or(Lane::none(), Lane::new);
            // Each byte, and its follower.
            let (here, next) = (at(shift), at(shift + 1));
            let (lower, lower_next) = (here.lower(), next.lower());
            let letter = lower.within(b'a', 26);
            let digit = here.within(b'0', 10);
            let gap = here.is(b' ').or(here.is(b',')).or(here.is(b'\n'));
            let high = here.bits();
            let word = letter.or(digit);
            let mut special = !(high | word.or(gap).bits()) & LANE_BITS | digit.bits();
            for &letter in &specials.letter_lanes {
                special |= here.equals(letter).bits();
            }
            let mixed = !letter.or(gap).bits() & LANE_BITS;
            let twice = letter.and(lower.equals(lower_next)).bits();
            let inside = match &specials.inside {
                Inside::Nowhere => 0,
                Inside::Everywhere => word.bits(),
                Inside::Pairs(pairs) => {
                    let mut inside = Lane::none();
                    for &[first, second] in pairs {
                        inside = inside.or(lower.equals(first).and(lower_next.equals(second)));
                    }
                    inside.and(word).bits()
                }
            };
            masks.word |= word.bits() << shift;
            masks.wide |= here.within(0xC0, 0x40).bits() << shift;
            masks.special |= special << shift;
            masks.mixed |= mixed << shift;
            masks.twice |= twice << shift;
            masks.inside |= inside << shift;
        }
        masks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn masks_say_what_the_bytes_are(text in proptest::collection::vec(prop_oneof![any::<u8>(), b'a'..=b'd', b' '..=b'.'], 0..80), at in 0..90_usize) {
            let specials = Specials::new(|byte| b"@.5c".contains(&byte), Inside::pairs(&[*b"ab", *b"5c"]));
            let masks = Masks::read(&text, at, &specials);
            for bit in 0..BLOCK {
                let of = |at: usize| text.get(at).copied().unwrap_or(0);
                let (byte, next) = (of(at + bit), of(at + bit + 1));
                let is = |mask: u64| mask >> bit & 1 == 1;
                prop_assert_eq!(is(masks.word), byte.is_ascii_alphanumeric());
                prop_assert_eq!(is(masks.wide), byte >= 0xC0);
                prop_assert_eq!(is(masks.special), at + bit < text.len() && specials.contains(byte));
                let twice = byte.is_ascii_alphabetic() && byte.eq_ignore_ascii_case(&next);
                let sign = !byte.is_ascii_alphabetic() && !b" ,\n".contains(&byte);
                prop_assert_eq!((is(masks.twice), is(masks.mixed)), (twice, sign));
                let pair = matches!((byte | 0x20, next | 0x20), (b'a', b'b') | (b'5', b'c'));
                let last = at + bit + 1 == text.len();
                prop_assert_eq!(is(masks.inside), byte.is_ascii_alphanumeric() && (pair || last));
            }
        }
    }
}
