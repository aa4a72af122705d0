//! Sixty-four bytes of text at once: where tokens begin, where other scripts stand, where signs are that some rule begins
//! with.
//!
//! Comparisons of bytes, then one bit a byte.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the processor that was found"
)]

use super::gate::{CHINESE, FULL_STOP, SIGNS, is_stop};
use super::likeness::{is_closing, is_separator, touches};
use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, mask8x64, u8x16, u8x64};

/// What is told of 64 bytes, the first in the lowest bit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Masks {
    /// ASCII letters and digits.
    pub(super) word: u64,
    /// First bytes of characters that are not ASCII.
    pub(super) wide: u64,
    /// Of these those of Chinese characters, see [`begins_chinese`](super::gate::begins_chinese).
    pub(super) chinese: u64,
    /// First bytes of characters that are words of their own, and of some more.
    pub(super) one: u64,
    /// Bytes like the third one behind them.
    pub(super) again: u64,
    /// Signs, digits and some letters: what is looked at wherever it stands.
    pub(super) special: u64,
    /// ASCII digits.
    pub(super) digit: u64,
    /// Spaces, commas and ends of lines.
    pub(super) gap: u64,
    /// Spaces.
    pub(super) space: u64,
    /// What touches the token before it, see [`super::likeness::touched`], and control characters.
    pub(super) touch: u64,
    /// Letters and digits like the byte behind the next one.
    pub(super) apart: u64,
    /// What ends every word that it stands behind, see [`super::likeness::ends_words`].
    pub(super) closing: u64,
    /// What ends every word of which two Chinese characters stand before it, and that goes on with a third.
    pub(super) stop: u64,
    /// Backslashes.
    pub(super) slash: u64,
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
    set: Ascii,
    /// What touches the token before it wherever it stands, and where no white space follows.
    touching: Ascii,
    separators: Ascii,
    closing: Ascii,
    stopping: Ascii,
    inside: Inside,
    /// Words of one character of three bytes.
    ones: Option<Firsts>,
}

/// A set of ASCII characters: by the lower half of a byte, a bit for each upper half.
#[derive(Clone, Copy, Debug)]
struct Ascii([u8; 16]);

/// Where words may begin that ask for no boundary.
#[derive(Debug)]
pub(super) enum Inside {
    /// There are none.
    Nowhere,
    /// At some letters and digits, told by those behind them too.
    Firsts(Firsts),
}

/// The size of a block.
pub(super) const BLOCK: usize = 64;
/// How much behind a block is looked at.
const BEHIND: usize = 3;
/// How much of it tells where words begin that ask for no boundary.
const BEHIND_FIRST: usize = 2;
/// The first bytes of Chinese characters.
const CHINESE_FIRST: u8 = 0xE4;
const CHINESE_COUNT: u8 = 6;
/// So many blocks are told at once.
pub(super) const STRIP: usize = 16;

/// What stands between words, and is looked at only where some rule begins with it.
pub(super) fn is_gap(byte: u8) -> bool {
    matches!(byte, b' ' | b',' | b'\n')
}

impl Ascii {
    fn of(holds: impl Fn(u8) -> bool) -> Self {
        let mut set = [0; 16];
        for byte in (0..0x80_u8).filter(|&byte| holds(byte)) {
            set[usize::from(byte & 0x0F)] |= 1 << (byte >> 4);
        }
        Self(set)
    }
}

/// What three bytes may be with which words begin that ask for no boundary, lower case, and some more that are like them: in [`Firsts::BUCKETS`]
/// buckets, by the lower and the upper half of each byte which buckets have such a one there.
#[derive(Debug)]
pub(super) struct Firsts([[u8; 16]; 6]);

impl Firsts {
    const BUCKETS: usize = 8;

    /// Zeros stand for anything.
    pub(super) fn new(mut firsts: Vec<[u8; 3]>) -> Self {
        firsts.sort_unstable();
        let mut tables = [[0; 16]; 6];
        for (index, first) in firsts.iter().enumerate() {
            let bucket = 1 << (index * Self::BUCKETS / firsts.len());
            for (tables, byte) in tables.chunks_exact_mut(2).zip(first) {
                for (table, half) in tables.iter_mut().zip([byte & 0x0F, byte >> 4]) {
                    let entries = table.iter_mut().enumerate();
                    let mine = entries.filter(|(at, _)| *byte == 0 || *at == usize::from(half));
                    mine.for_each(|(_, entry)| *entry |= bucket);
                }
            }
        }
        Self(tables)
    }
}

impl Specials {
    pub(super) fn new(is_special: impl Fn(u8) -> bool, inside: Inside, ones: Vec<[u8; 3]>) -> Self {
        let is_special = |byte: u8| match byte {
            0x80.. => false,
            b'a'..=b'z' | b'A'..=b'Z' => is_special(byte),
            _ if is_gap(byte) => is_special(byte),
            _ => true,
        };
        let set = Ascii::of(is_special);
        let (touching, separators) =
            (Ascii::of(|byte| byte < b'\t' || touches(byte)), Ascii::of(is_separator));
        Self {
            bytes: Box::new(std::array::from_fn(|byte| is_special(byte as u8))),
            set,
            touching,
            separators,
            closing: Ascii::of(is_closing),
            stopping: Ascii::of(is_stop),
            inside,
            ones: (!ones.is_empty()).then(|| Firsts::new(ones)),
        }
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

/// The masks of blocks one behind the other, and of the one behind them.
#[derive(Debug)]
pub(super) struct Strip([Masks; STRIP + 1]);

impl Strip {
    /// The masks of `STRIP` blocks from `at` on.
    #[inline]
    pub(super) fn read(level: Level, text: &[u8], at: usize, specials: &Specials) -> Self {
        // Behind the text zeros stand.
        let mut masks = [Masks { touch: !0, ..Masks::default() }; STRIP + 1];
        dispatch!(level, simd => read(simd, text, at, specials, &mut masks));
        if text.len() < at + BLOCK * (STRIP + 1) + BEHIND {
            for (masks, at) in masks.iter_mut().zip((at..).step_by(BLOCK)) {
                let rest = text.get(at..).unwrap_or_default();
                if (1..BLOCK + BEHIND).contains(&rest.len()) {
                    *masks = Masks::end(level, rest, specials);
                }
            }
        }
        Self(masks)
    }

    /// A block's masks, and those of the next one.
    #[inline]
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&Masks, &Masks)> {
        self.0.iter().zip(self.0.iter().skip(1))
    }
}

#[inline(always)]
fn read<S: Simd>(simd: S, text: &[u8], at: usize, specials: &Specials, masks: &mut [Masks; STRIP + 1]) {
    let mut at = at;
    for masks in masks {
        match text.get(at..).and_then(<[u8]>::first_chunk) {
            Some(block) => *masks = Masks::of(simd, block, specials),
            None => return,
        }
        at += BLOCK;
    }
}

/// By each byte, which is below sixteen, the table's entry.
#[inline(always)]
fn look_up<S: Simd>(bytes: u8x64<S>, table: &[u8; 16]) -> u8x64<S> {
    u8x64::block_splat(u8x16::simd_from(bytes.simd, *table)).swizzle_dyn_within_blocks(bytes)
}

/// Which bytes are in the set.
#[inline(always)]
fn are<S: Simd>(bytes: u8x64<S>, set: &Ascii) -> mask8x64<S> {
    /// By the upper half of a byte its bit; none of what is not ASCII.
    const BITS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 0, 0, 0, 0, 0, 0, 0, 0];
    let rows = look_up(bytes & 0x0F, &set.0) & look_up(bytes >> 4, &BITS);
    !rows.simd_eq(0)
}

/// In place of what is always there.
const NONE: &[u8; BLOCK] = &[0; BLOCK];

impl Masks {
    /// The masks of the last bytes. Of the last letters it is not known what follows.
    #[cold]
    fn end(level: Level, rest: &[u8], specials: &Specials) -> Self {
        let mut block = [0; BLOCK + BEHIND];
        block.iter_mut().zip(rest).for_each(|(slot, &byte)| *slot = byte);
        let mut masks = dispatch!(level, simd => Self::of(simd, &block, specials));
        masks.special &= !(!0_u64).checked_shl(rest.len() as u32).unwrap_or(0);
        if specials.looks_inside() && !rest.is_empty() {
            let known = rest.len().saturating_sub(BEHIND_FIRST) as u32;
            masks.inside |= masks.word & (!0_u64).checked_shl(known).unwrap_or(0);
        }
        masks
    }

    /// Chinese characters before other ones, those behind which such a one stands, and those behind which a word ends, see [`Masks::stop`]. `next`: the masks of the next block.
    #[inline]
    pub(super) fn chinese_pairs(&self, next: &Self) -> (u64, u64, u64) {
        let behind = |mask: u64, next: u64, by: usize| mask >> by | next << (BLOCK - by);
        let pairs = |now: &Self, next: &Self| {
            let again = now.again & behind(now.again, next.again, 1) & behind(now.again, next.again, 2);
            now.chinese & behind(now.chinese, next.chinese, CHINESE) & !again
        };
        // What begins so soon in the next block does not go beyond it.
        let (own, others) = (pairs(self, next), pairs(next, &Self::default()));
        (own, behind(own, others, CHINESE), behind(self.stop, next.stop, 2 * CHINESE))
    }

    #[inline(always)]
    fn of<S: Simd>(simd: S, block: &[u8; BLOCK + BEHIND], specials: &Specials) -> Self {
        // Each byte, and its follower. No closures: they would not be compiled for the processor.
        let here = u8x64::from_slice(simd, block.first_chunk().unwrap_or(NONE));
        let next = u8x64::from_slice(simd, block.get(1..).and_then(<[u8]>::first_chunk).unwrap_or(NONE));
        let (lower, lower_next) = (here | 0x20, next | 0x20);
        let letter = (lower - b'a').simd_le(25);
        let digit = (here - b'0').simd_le(9);
        let word = letter | digit;
        let space = here.simd_eq(b' ');
        let gap = space | here.simd_eq(b',') | here.simd_eq(b'\n');
        let white = next.simd_eq(b' ') | (next - b'\t').simd_le(4);
        let touch =
            here.simd_ge(0x80) | are(here, &specials.touching) | are(here, &specials.separators) & !white;
        let third_byte =
            u8x64::from_slice(simd, block.get(2..).and_then(<[u8]>::first_chunk).unwrap_or(NONE));
        let third = third_byte | 0x20;
        let fourth = u8x64::from_slice(simd, block.get(3..).and_then(<[u8]>::first_chunk).unwrap_or(NONE));
        let one = match &specials.ones {
            None => 0,
            Some(Firsts([low, high, low_next, high_next, low_third, high_third])) => {
                let first = look_up(here & 0x0F, low) & look_up(here >> 4, high);
                let second = look_up(next & 0x0F, low_next) & look_up(next >> 4, high_next);
                let third = look_up(third_byte & 0x0F, low_third) & look_up(third_byte >> 4, high_third);
                (!(first & second & third).simd_eq(0)).to_bitmask()
            }
        };
        let stop = are(here, &specials.stopping)
            | space & ((next | 0x20) - b'a').simd_le(25)
            | space & (next - b'0').simd_le(9)
            | here.simd_eq(FULL_STOP[0]) & next.simd_eq(FULL_STOP[1]) & third_byte.simd_eq(FULL_STOP[2]);
        let closing = are(here, &specials.closing) | here.simd_eq(b'.') & white;
        let signs = here.simd_eq(SIGNS[0]) & next.simd_eq(SIGNS[1]);
        let chinese = (here - CHINESE_FIRST).simd_le(CHINESE_COUNT - 1) & !signs;
        let inside = match &specials.inside {
            Inside::Nowhere => 0,
            Inside::Firsts(Firsts([low, high, low_next, high_next, low_third, high_third])) => {
                let first = look_up(lower & 0x0F, low) & look_up(lower >> 4, high);
                let second = look_up(lower_next & 0x0F, low_next) & look_up(lower_next >> 4, high_next);
                let third = look_up(third & 0x0F, low_third) & look_up(third >> 4, high_third);
                (word & !(first & second & third).simd_eq(0)).to_bitmask()
            }
        };
        Self {
            word: word.to_bitmask(),
            wide: here.simd_ge(0xC0).to_bitmask(),
            chinese: chinese.to_bitmask(),
            special: are(here, &specials.set).to_bitmask(),
            digit: digit.to_bitmask(),
            gap: gap.to_bitmask(),
            space: space.to_bitmask(),
            apart: (word & lower.simd_eq(third)).to_bitmask(),
            closing: closing.to_bitmask(),
            one,
            stop: stop.to_bitmask(),
            again: here.simd_eq(fourth).to_bitmask(),
            slash: here.simd_eq(b'\\').to_bitmask(),
            touch: touch.to_bitmask(),
            twice: (letter & lower.simd_eq(lower_next)).to_bitmask(),
            inside,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::gate::{begins_chinese, stops};
    use crate::detect::likeness::{ends_words, touched};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn masks_say_what_the_bytes_are(text in proptest::collection::vec(prop_oneof![any::<u8>(), b'a'..=b'd', b' '..=b'.', Just(0xE4), Just(0xB7)], 0..80), at in 0..90_usize) {
            let specials = Specials::new(|byte| b"@.5c".contains(&byte), Inside::Firsts(Firsts::new(vec![*b"ab\0", *b"5cd"])), vec![*b"dab"]);
            let masks = Strip::read(Level::new(), &text, at, &specials).0[0];
            for bit in 0..BLOCK {
                let of = |at: usize| text.get(at).copied().unwrap_or(0);
                let (byte, next) = (of(at + bit), of(at + bit + 1));
                let is = |mask: u64| mask >> bit & 1 == 1;
                prop_assert_eq!(is(masks.word), byte.is_ascii_alphanumeric());
                prop_assert_eq!(is(masks.wide), byte >= 0xC0);
                prop_assert_eq!(is(masks.chinese), begins_chinese(&[byte, next]));
                prop_assert_eq!(is(masks.special), at + bit < text.len() && specials.contains(byte));
                let twice = byte.is_ascii_alphabetic() && byte.eq_ignore_ascii_case(&next);
                prop_assert_eq!((is(masks.twice), is(masks.digit)), (twice, byte.is_ascii_digit()));
                prop_assert_eq!((is(masks.gap), is(masks.space)), (b" ,\n".contains(&byte), byte == b' '));
                prop_assert_eq!(is(masks.slash), byte == b'\\');
                prop_assert_eq!(is(masks.closing), ends_words(&text, at + bit));
                let alike = byte.is_ascii_alphanumeric() && byte | 0x20 == of(at + bit + 2) | 0x20;
                prop_assert_eq!(is(masks.apart), alike);
                prop_assert_eq!(is(masks.one), (byte, next, of(at + bit + 2)) == (b'd', b'a', b'b'));
                prop_assert_eq!(is(masks.stop), stops(&[byte, next, of(at + bit + 2)]));
                prop_assert!(byte < 0x80 || is(masks.again) == (byte == of(at + bit + 3)));
                prop_assert_eq!(is(masks.touch), byte < b'\t' || touched(&text, at + bit));
                let third = of(at + bit + 2) | 0x20;
                let begins = matches!((byte | 0x20, next | 0x20, third), (b'a', b'b', _) | (b'5', b'c', b'd'));
                let known = at + bit + BEHIND_FIRST < text.len();
                prop_assert_eq!(is(masks.inside), byte.is_ascii_alphanumeric() && (begins || !known && at + bit < text.len()));
            }
        }
    }
}
