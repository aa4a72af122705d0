//! Runs of ASCII letters and digits, and what may begin with their first two bytes: a table, so that a token of which nothing can
//! begin costs one look.

use super::bytes::may_begin;
use super::scramble;
use std::sync::LazyLock;

/// What a byte stands for in base64, in either alphabet; 64 and more for none.
pub(super) static SEXTETS: [u8; 256] = {
    let mut table = [u8::MAX; 256];
    let mut at = 0_u8;
    while at < 64 {
        let byte = match at {
            0..26 => b'A' + at,
            26..52 => b'a' + (at - 26),
            52..62 => b'0' + (at - 52),
            62 => b'+',
            _ => b'/',
        };
        table[byte as usize] = at;
        at += 1;
    }
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table
};

/// Text in base64 may begin so.
pub(super) const BASE64: u16 = 1;
/// Text in hex may begin so.
pub(super) const HEX: u16 = 1 << 1;

/// By the first two letters or digits of a token: what may begin with them.
pub(super) struct Heads(Vec<u16>);

pub(super) static HEADS: LazyLock<Heads> = LazyLock::new(Heads::find);

impl Heads {
    fn find() -> Self {
        let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
        let mut heads = Self(vec![0; 0x80 << 7]);
        for (first, second) in (0..0x80).flat_map(|first| (0..0x80).map(move |second| (first, second))) {
            let (a, b) = (SEXTETS[usize::from(first)], SEXTETS[usize::from(second)]);
            if a < 64 && b < 64 && may_begin(a << 2 | b >> 4, b & 15) {
                heads.set(first, second, BASE64);
            }
            // The low half of a byte says nothing of what follows.
            let pair = digit(first).zip(digit(second)).map(|(high, low)| high << 4 | low);
            let text = |byte: u8| (0..16).any(|high| may_begin(byte, high));
            if pair.is_some_and(text) || first == b'0' && second | 0x20 == b'x' {
                heads.set(first, second, HEX);
            }
        }
        for word in scramble::words() {
            if let &[first, second, ..] = word {
                for (first, second) in
                    [(first, second), (first ^ 0x20, second), (first ^ 0x20, second ^ 0x20)]
                {
                    heads.set(first, second, Self::word(word.len()));
                }
            }
        }
        heads
    }

    fn set(&mut self, first: u8, second: u8, bits: u16) {
        if let Some(head) = self.0.get_mut(usize::from(first) << 7 | usize::from(second)) {
            *head |= bits;
        }
    }

    #[inline]
    pub(super) fn of(&self, first: u8, second: u8) -> u16 {
        self.0.get(usize::from(first) << 7 | usize::from(second)).copied().unwrap_or_default()
    }

    /// A word of this length, at least two, that tells of scrambled text may begin so.
    #[inline]
    pub(super) fn word(length: usize) -> u16 {
        1_u16.checked_shl(length as u32).unwrap_or_default()
    }
}

/// Calls for each run of ASCII letters and digits, with where it begins and ends.
pub(super) fn tokens(text: &[u8], mut token: impl FnMut(usize, usize)) {
    let (blocks, rest) = text.as_chunks::<64>();
    let mut before = 0;
    let mut last = [0; 64];
    for (slot, &byte) in last.iter_mut().zip(rest) {
        *slot = byte;
    }
    for (number, block) in blocks.iter().chain([&last]).enumerate() {
        let word = words(block);
        let mut starts = word & !(word << 1 | before);
        before = word >> 63;
        while starts != 0 {
            let bit = starts.trailing_zeros() as usize;
            starts &= starts - 1;
            let at = number * 64 + bit;
            let mut end = at + (word >> bit).trailing_ones() as usize;
            if end == (number + 1) * 64 {
                let more = text.iter().skip(end).take_while(|byte| byte.is_ascii_alphanumeric());
                end += more.count();
            }
            token(at, end);
        }
    }
}

/// One bit for each byte that is an ASCII letter or digit.
fn words(block: &[u8; 64]) -> u64 {
    /// Moves the lowest bit of each byte to its place in the highest one.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let mut is_word = [0; 64];
    for (slot, &byte) in is_word.iter_mut().zip(block) {
        let letter = u8::from((byte | 0x20).wrapping_sub(b'a') < 26);
        *slot = letter | u8::from(byte.wrapping_sub(b'0') < 10);
    }
    let (eights, _) = is_word.as_chunks::<8>();
    eights
        .iter()
        .rev()
        .fold(0, |bits, eight| bits << 8 | u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56)
}
