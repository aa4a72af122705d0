//! How much of a text folds to as many bytes, told of sixty-four bytes at once.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the processor that was found"
)]

use super::chinese;
use super::fold_table::{FOLDS_TO_ITSELF, folds_to_itself};
use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, u8x64};

/// So many bytes are told at once.
const BLOCK: usize = 64;
/// As much behind them is looked at.
const BEHIND: usize = 4;
/// The first bytes of characters of three bytes that fold to themselves or to one as long: see [`super::fold::is_chinese`].
const CHINESE: std::ops::RangeInclusive<u8> = 0xE4..=0xE9;

/// How much at the beginning folds to as many bytes: all of it to itself, or with traditional characters in it.
pub(super) fn plain(text: &[u8]) -> (usize, bool) {
    let (mut at, mut traditional) = (0, 0);
    if text.len() > BLOCK + BEHIND {
        let level = Level::new();
        (at, traditional) = dispatch!(level, simd => blocks(simd, text));
    }
    while let Some(&byte) = text.get(at) {
        match byte {
            _ if FOLDS_TO_ITSELF[usize::from(byte)] => at += 1,
            // The rest of a character that began before.
            0x80..0xC0 => at += 1,
            _ if CHINESE.contains(&byte) => {
                if let Some(&[second, third]) = text.get(at + 1..at + 3) {
                    traditional |= chinese::folds(byte, second, third);
                }
                at += 3;
            }
            _ => match folds_to_itself(text.get(at..).unwrap_or_default()) {
                Some(length) => at += length,
                None => break,
            },
        }
    }
    (at.min(text.len()), traditional != 0)
}

/// The same of as many whole blocks as are plain, and some bytes more.
#[inline(always)]
fn blocks<S: Simd>(simd: S, text: &[u8]) -> (usize, u64) {
    let (mut at, mut traditional) = (0, 0);
    while let Some(block) = text.get(at..).and_then(<[u8]>::first_chunk::<{ BLOCK + BEHIND }>) {
        let here = u8x64::from_slice(simd, block.first_chunk().unwrap_or(&[0; BLOCK]));
        let shown = (here - b' ').simd_le(0x7E - b' ') & !here.simd_eq(b'\\');
        let white = (here - b'\t').simd_le(4);
        let chinese = (here - *CHINESE.start()).simd_le(CHINESE.end() - CHINESE.start());
        let inner = (here - 0x80).simd_le(0x3F);
        let plain = (shown | white | chinese | inner).to_bitmask();
        let length = plain.trailing_ones();
        let mut leads = chinese.to_bitmask() & !(!0_u64).checked_shl(length).unwrap_or(0);
        while leads != 0 {
            let bit = leads.trailing_zeros() as usize & (BLOCK - 1);
            leads &= leads.wrapping_sub(1);
            if let Some(&[first, second, third]) = block.get(bit..).and_then(<[u8]>::first_chunk) {
                traditional |= chinese::folds(first, second, third);
            }
        }
        at += length as usize;
        if plain != !0 {
            match folds_to_itself(text.get(at..).unwrap_or_default()) {
                Some(length) => at += length,
                None => break,
            }
        }
    }
    (at, traditional)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::fold::{fold_literal, is_chinese};

    #[test]
    fn plain_is_what_folds_to_as_many_bytes() {
        // In the middle of a block, over the end of one, and at the end of a text.
        for before in [3, 62, 63, 64, 140] {
            for c in ('\0'..='\u{FFFF}').filter(|&c| c != '\\') {
                let text = format!("{}{c}b", "a".repeat(before));
                let long = format!("{text}{}", " ".repeat(80));
                let folded = fold_literal(&c.to_string());
                let itself = folded == c.to_string().as_bytes() && !c.is_ascii_control()
                    || c.is_ascii_whitespace()
                    || c == '\u{b}';
                let first = text.as_bytes()[before];
                for text in [text.as_bytes(), long.as_bytes()] {
                    let (length, traditional) = plain(text);
                    let known = c < '\u{3400}' || is_chinese(first);
                    if is_chinese(first) || itself && known {
                        assert_eq!(length, text.len(), "{c:?} behind {before}");
                        assert_eq!(traditional, !itself, "{c:?} behind {before}");
                    } else {
                        assert_eq!((length, traditional), (before, false), "{c:?} behind {before}");
                    }
                }
            }
        }
    }
}
