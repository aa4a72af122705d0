//! What may be disguised in a text, told in one reading of its bytes: tokens and signs with which a run of values set apart may begin, Chinese
//! characters that may be parts of others or look like them, and signs before characters. Most texts have little of it, so that those who
//! read a disguise look at few places.

use super::apart::{chinese, may_begin, token_end};
use super::han::{KINDS, Kinds, wide};
use crate::text::lane::{LANE, LANE_BITS, Lane};
use crate::text::work::step;

/// So many bytes are told at a time.
const BLOCK: usize = 64;
/// So many behind them are read too: words for digits are told by three letters.
const BEHIND: usize = 2;

/// Places of a text, each list in order.
#[derive(Debug, Default)]
pub(super) struct Glance {
    /// Where runs set apart may begin: tokens, and as empty ranges Chinese signs for digits.
    pub(super) beginnings: Vec<(usize, usize)>,
    /// Characters of three bytes of which something is to be known, with what that is, see [`Kinds`].
    pub(super) characters: Vec<(usize, u8)>,
    /// Bytes of ASCII before what may be such a character.
    pub(super) signs: Vec<usize>,
}

impl Glance {
    /// At a text.
    pub(super) fn at(text: &str) -> Self {
        let (bytes, kinds) = (text.as_bytes(), &*KINDS);
        let (mut all, mut before) = (Self::default(), 0);
        for from in (0..bytes.len()).step_by(BLOCK) {
            step();
            let rest = bytes.get(from..).unwrap_or_default();
            let mut copy = [0; BLOCK + BEHIND];
            let masks = Masks::of(rest.first_chunk().unwrap_or_else(|| {
                copy.iter_mut().zip(rest).for_each(|(slot, &byte)| *slot = byte);
                &copy
            }));
            let starts = masks.word & !(masks.word << 1 | before);
            before = masks.word >> (BLOCK - 1);
            let mut places = starts & masks.begins | masks.wide;
            while places != 0 {
                let bit = places.trailing_zeros();
                places &= places - 1;
                let at = from + bit as usize;
                if masks.wide >> bit & 1 == 1 {
                    all.character(bytes, at, kinds);
                } else {
                    let length = (masks.word >> bit).trailing_ones();
                    let end = at + length as usize;
                    let end = if bit + length < BLOCK as u32 { end } else { token_end(bytes, end) };
                    if may_begin(bytes, at, end) {
                        all.beginnings.push((at, end));
                    }
                }
            }
            let mut signs = masks.signs;
            while signs != 0 {
                all.signs.push(from + signs.trailing_zeros() as usize);
                signs &= signs - 1;
            }
        }
        all
    }

    fn character(&mut self, bytes: &[u8], at: usize, kinds: &Kinds) {
        let Some(c) = wide(bytes, at) else { return };
        let kind = kinds.of(c);
        if kind & Kinds::TOLD != 0 {
            self.characters.push((at, kind));
            if kind & Kinds::DIGIT != 0 {
                debug_assert!(char::from_u32(c).is_some_and(|c| chinese(c).is_some()), "a digit");
                self.beginnings.push((at, at));
            }
        }
    }
}

/// A bit for each byte of a block.
struct Masks {
    /// ASCII letters and digits.
    word: u64,
    /// Tokens that begin with these may begin a run: single characters, digits, two capitals, and what words for digits begin with.
    begins: u64,
    /// First bytes of characters of three bytes.
    wide: u64,
    /// ASCII before what may be such a character.
    signs: u64,
}

impl Masks {
    #[inline]
    fn of(block: &[u8; BLOCK + BEHIND]) -> Self {
        let mut masks = Self { word: 0, begins: 0, wide: 0, signs: 0 };
        for shift in (0..BLOCK).step_by(LANE) {
            let lane = |by: usize| {
                Lane::new(block.get(shift + by..).and_then(<[u8]>::first_chunk).unwrap_or(&[0; LANE]))
            };
            let [here, next, third] = [lane(0), lane(1), lane(2)];
            let [first, second, third] = [here.lower(), next.lower(), third.lower()];
            let digit = here.within(b'0', 10);
            let word = first.within(b'a', 26).or(digit);
            let goes_on = second.within(b'a', 26).or(next.within(b'0', 10));
            let capitals = here.within(b'A', 26).and(next.within(b'A', 26));
            // The words for digits, see [`super::apart`], by their first three letters: more may pass, none may lack.
            let (begins, then, last) = (|byte| first.is(byte), |byte| second.is(byte), |byte| third.is(byte));
            let two = begins(b'z').or(begins(b's')).and(then(b'e'));
            let two = two.or(begins(b'o').and(then(b'n')));
            let two = two.or(begins(b't').and(then(b'w').or(then(b'h'))));
            let two = two.or(begins(b'f').and(then(b'o').or(then(b'i'))));
            let two = two.or(begins(b's').or(begins(b'e')).or(begins(b'n')).and(then(b'i')));
            let three = last(b'e').or(last(b'o')).or(last(b'u')).or(last(b'n'));
            let three = three.or(last(b'r')).or(last(b'v')).or(last(b'x')).or(last(b'g'));
            let says = two.and(three).or(begins(b'o').and(then(b'h')));
            let begins = digit.or(capitals).or(says);
            masks.word |= word.bits() << shift;
            masks.begins |= (begins.bits() | !goes_on.bits() & LANE_BITS) << shift;
            masks.wide |= here.within(0xE0, 0x10).bits() << shift;
            masks.signs |= (!here.bits() & next.within(0xE3, 0x1D).bits()) << shift;
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
        fn a_glance_sees_what_single_bytes_show(text in "([a-zA-Z0-9]{1,3}|zero|One|TWO|three|Four|five|SIX|seven|eight|nine|oh|[a-z]{60,70}|[-+/_ .é]|[一二人女木好火乍弓，。毐]|[.*]){0,60}") {
            let bytes = text.as_bytes();
            let glance = Glance::at(&text);
            let (mut beginnings, mut characters, mut signs) = (Vec::new(), Vec::new(), Vec::new());
            for (at, c) in text.char_indices() {
                let before = at.checked_sub(1).and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphanumeric);
                let end = token_end(bytes, at);
                if c.is_ascii_alphanumeric() && !before && may_begin(bytes, at, end) {
                    beginnings.push((at, end));
                }
                if chinese(c).is_some() {
                    beginnings.push((at, at));
                }
                let kind = KINDS.of(c as u32);
                if kind & Kinds::TOLD != 0 {
                    characters.push((at, kind));
                }
                if c.is_ascii() && bytes.get(at + 1).is_some_and(|next| *next >= 0xE3) {
                    signs.push(at);
                }
            }
            prop_assert_eq!(glance.beginnings, beginnings);
            prop_assert_eq!(glance.characters, characters);
            prop_assert_eq!(glance.signs, signs);
        }
    }
}
