//! Runs of ASCII letters and digits, and what may begin with their first two bytes: a table, so that a token of which nothing can
//! begin costs one look.

use super::bytes::may_begin;
use super::scramble;
use crate::text::lane::{LANE, Lane};
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

/// A run of ASCII letters and digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) end: usize,
    /// Whether base64 may go on behind it, with `+`, `/`, `-` or `_`.
    pub(super) joined: bool,
    /// Whether it stands behind a backslash.
    pub(super) escaped: bool,
}

/// Calls for each run of ASCII letters and digits.
#[inline]
pub(super) fn tokens(text: &[u8], mut token: impl FnMut(Token)) {
    let (blocks, rest) = text.as_chunks::<64>();
    let mut before = Masks::default();
    let mut last = [0; 64];
    for (slot, &byte) in last.iter_mut().zip(rest) {
        *slot = byte;
    }
    for (number, block) in blocks.iter().chain([&last]).enumerate() {
        let masks = Masks::of(block);
        let mut starts = masks.word & !(masks.word << 1 | before.word >> 63);
        let escaped = masks.backslash << 1 | before.backslash >> 63;
        before = masks;
        while starts != 0 {
            let bit = starts.trailing_zeros();
            starts &= starts - 1;
            let at = number * 64 + bit as usize;
            let length = (masks.word >> bit).trailing_ones();
            let mut end = at + length as usize;
            let joined = if bit + length < 64 {
                masks.joint >> (bit + length) & 1 == 1
            } else {
                end = beyond(text, end);
                text.get(end).is_some_and(|&byte| SEXTETS[usize::from(byte)] < 64)
            };
            token(Token { at, end, joined, escaped: escaped >> bit & 1 == 1 });
        }
    }
}

/// Where a token ends that goes on beyond a block.
#[cold]
fn beyond(text: &[u8], at: usize) -> usize {
    at + text.iter().skip(at).take_while(|byte| byte.is_ascii_alphanumeric()).count()
}

/// A bit for each of 64 bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Masks {
    /// ASCII letters and digits.
    word: u64,
    /// What else base64 is made of.
    joint: u64,
    backslash: u64,
}

impl Masks {
    #[inline]
    fn of(block: &[u8; 64]) -> Self {
        let mut masks = Self::default();
        let (lanes, _) = block.as_chunks::<LANE>();
        for (number, lane) in lanes.iter().enumerate() {
            let (shift, lane) = (number * LANE, Lane::new(lane));
            let word = lane.lower().within(b'a', 26).or(lane.within(b'0', 10));
            let joint = lane.is(b'+').or(lane.is(b'/')).or(lane.is(b'-')).or(lane.is(b'_'));
            masks.word |= word.bits() << shift;
            masks.joint |= joint.bits() << shift;
            masks.backslash |= lane.is(b'\\').bits() << shift;
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
        fn tokens_are_the_runs_of_letters_and_digits(text in "([a-zA-Z0-9]{1,3}|[a-z]{60,70}|[-+/_\\\\ .é]){0,60}") {
            let mut found = Vec::new();
            tokens(text.as_bytes(), |token| found.push((token.at, token.end, token.joined, token.escaped)));
            let is_word = |c: char| c.is_ascii_alphanumeric();
            let mut expected = Vec::new();
            let mut at = 0;
            for run in text.split_inclusive(|c| !is_word(c)) {
                let token = run.trim_end_matches(|c| !is_word(c));
                if !token.is_empty() {
                    let end = at + token.len();
                    let (before, behind) = (text.get(..at), text.get(end..));
                    let joined = behind.is_some_and(|behind| behind.starts_with(['+', '/', '-', '_']));
                    let escaped = before.is_some_and(|before| before.ends_with('\\'));
                    expected.push((at, end, joined, escaped));
                }
                at += run.len();
            }
            prop_assert_eq!(found, expected);
        }
    }
}
