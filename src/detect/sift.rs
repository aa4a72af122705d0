//! Which tokens of a block are worth a look: with which of them a word or a match may begin, or that may be disguised.
//!
//! It is asked of each token of each text, so it does nothing else: no calls, no state.

use super::blocks::{BLOCK, Masks};
use super::engine::Heads;
use super::gate::{Bits, HEADS, LOWER};

/// How much behind a block has to have come for its tokens to be known.
pub(super) const AHEAD: usize = BLOCK;
/// The longest token of which a block and the next tell all.
pub(super) const MOST_KNOWN: u32 = BLOCK as u32 - 1;

/// What two blocks say of the first one's tokens, the first byte's lowest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tokens {
    /// Where they begin.
    pub(super) begins: u64,
    word: (u64, u64),
    /// Digits, letters that repeat, what touches a token, tokens of one letter.
    odd: (u64, u64),
}

/// Tokens by what they are looked at for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sifted {
    /// They may be disguised, or more is to be known of them.
    pub(super) odd: u64,
    /// Words begin with such tokens.
    pub(super) words: u64,
    /// Words may begin with them that go on as they like.
    pub(super) open: u64,
    /// Machines may start.
    pub(super) starts: u64,
}

impl Tokens {
    /// `before`: the byte before the block is a letter or digit.
    #[inline]
    pub(super) fn of(now: &Masks, next: &Masks, before: u64) -> Self {
        let begins = now.word & !(now.word << 1 | before);
        let single = begins & !(now.word >> 1 | next.word << (BLOCK - 1));
        Self {
            begins,
            word: (now.word, next.word),
            odd: (now.mixed | now.twice | single, next.mixed | next.twice),
        }
    }

    /// How long the token is that begins at `bit`, as far as two blocks tell.
    #[inline]
    pub(super) fn length(&self, bit: usize) -> u32 {
        from(self.word, bit).trailing_ones()
    }

    /// Sifts the tokens of a block. `any`: the tokens with which words begin.
    #[inline(never)]
    pub(super) fn sift(&self, text: &[u8; BLOCK + AHEAD], any: &Bits, heads: &Heads) -> Sifted {
        let mut sifted = Sifted::default();
        let mut begins = self.begins;
        while begins != 0 {
            let bit = begins.trailing_zeros() as usize & (BLOCK - 1);
            let one = begins & begins.wrapping_neg();
            begins ^= one;
            let length = self.length(bit);
            // What is in the token, and right behind it.
            let span = (2_u64.wrapping_shl(length)).wrapping_sub(1);
            if from(self.odd, bit) & span != 0 || length > MOST_KNOWN {
                sifted.odd |= one;
                continue;
            }
            let Some(bytes) = text.get(bit..).and_then(<[u8]>::first_chunk) else { continue };
            let word = u64::from_le_bytes(*bytes);
            let length = length.min(8) as usize;
            if any.holds((word | LOWER) & HEADS[length]) {
                sifted.words |= one;
            }
            let flags = heads.of(word as u8, (word >> 8) as u8) & heads.of_token(word as u8, length);
            sifted.open |= if flags & Heads::OPEN == 0 { 0 } else { one };
            sifted.starts |= if flags & Heads::STARTS == 0 { 0 } else { one };
        }
        sifted
    }
}

/// The bits of two blocks from `bit` on.
#[inline]
pub(super) fn from((low, high): (u64, u64), bit: usize) -> u64 {
    low >> (bit & (BLOCK - 1)) | high << 1 << (BLOCK - 1 - (bit & (BLOCK - 1)))
}
