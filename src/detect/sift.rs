//! Which tokens of a block are worth a look: with which of them a word or a match may begin, or that may be disguised.
//!
//! It is asked of each token of each text, so it does nothing else: no calls, no state, and no branch that a text decides. A token is
//! looked at in the block in which it ends, so that all of it is known.

#![expect(
    clippy::inline_always,
    reason = "what is not inlined is not compiled for the processor that was found"
)]

use super::blocks::{BLOCK, Masks};
use super::engine::Heads;
use super::gate::{CHINESE, Gate, HEADS, LOWER, NONE, UNKNOWN, begin_chinese, opens};
use super::lexicon::Lexicon;
use super::likeness::{Form, touched};
use super::phrase::{ANYTHING, SIGN, begin_with};

/// A block, the one before it and what is behind it.
pub(super) const WINDOW: usize = 4 * BLOCK + 8;
pub(super) type Window = [u8; WINDOW];
/// The places of flags, see [`Candidate`] and [`Heads`].
const SHORT: u32 = Heads::SHORT.trailing_zeros();
const WORDS: u32 = Candidate::WORDS.trailing_zeros();
const ODD: u32 = Candidate::ODD.trailing_zeros();
const STARTS: u64 = Heads::STARTS as u64;
const OPEN: u64 = Heads::OPEN as u64;
/// The longest token of which two blocks tell all.
const MOST_KNOWN: u32 = BLOCK as u32 - 1;

/// What is handed on from block to block.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Carry {
    /// The byte before the block is a letter or digit: 1, else 0.
    before: u64,
    /// Where its token began is looked at nowhere: it was when it had not all come.
    lost: bool,
    /// Where that token begins.
    begin: usize,
    /// It holds letters alone so far: 1, else 0.
    plain: u64,
    /// The same, and none twice in a row.
    single: u64,
    /// It is a single letter, which may be one of a row of such.
    alone: u64,
    /// The byte before the last one is like the first one of the block, or that is not known.
    apart: u64,
}

/// What masks say of the tokens that end in a block, the first byte's lowest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tokens {
    /// Where tokens begin.
    begins: u64,
    /// What stands right behind those that end in the block.
    ends: u64,
    /// Of these those whose tokens hold letters alone, with nothing behind them that touches.
    plain: u64,
    /// Of these those whose tokens hold a letter twice in a row.
    double: u64,
    /// One space, and two letters behind it that tell which word may go on.
    next: u64,
    /// What ends every word.
    closing: u64,
    gap: u64,
    /// The first token that ends began before the block, so far before its end; 0 where it did not.
    back: usize,
}

/// A token that is worth a look: from the lowest byte on where it begins, from the beginning of the block before, where it ends, and
/// [`Candidate::ODD`], [`Candidate::WORDS`] and of [`Heads`] what may come of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Candidate(u32);

/// The tokens of a block that are worth a look, in order.
#[derive(Debug)]
pub(super) struct Sifted {
    list: [Candidate; BLOCK],
    count: usize,
    /// Of the Chinese characters before other ones those with which words may begin.
    pub(super) chinese: u64,
}

/// The beginning of a text from before a block on, zeros behind its end.
#[inline]
pub(super) fn window<'t>(text: &'t [u8], base: usize, copy: &'t mut Window) -> &'t Window {
    let whole = base.checked_sub(BLOCK).and_then(|from| text.get(from..)?.first_chunk());
    if let Some(window) = whole {
        return window;
    }
    *copy = [0; WINDOW];
    let (from, to) = (base.saturating_sub(BLOCK), BLOCK.saturating_sub(base));
    let rest = text.get(from..).unwrap_or_default();
    copy.iter_mut().skip(to).zip(rest).for_each(|(slot, &byte)| *slot = byte);
    copy
}

impl Candidate {
    /// It may be disguised, or more is to be known of it.
    pub(super) const ODD: u8 = 1 << 7;
    /// Words begin with such tokens.
    pub(super) const WORDS: u8 = 1 << 6;

    /// What may come of it.
    #[inline]
    pub(super) fn flags(self) -> u8 {
        (self.0 >> 16) as u8
    }

    /// The same with other flags.
    #[inline]
    #[must_use]
    pub(super) fn with(self, flags: u8) -> Self {
        Self(self.0 & 0xFFFF | u32::from(flags) << 16)
    }

    #[inline]
    fn begin(self) -> u8 {
        self.0 as u8
    }

    #[inline]
    fn end(self) -> u8 {
        (self.0 >> 8) as u8
    }

    /// All but [`Heads::CONTEXT`].
    pub(super) const ANY: u8 = Self::ODD | Self::WORDS | Heads::OPEN | Heads::PLAIN;

    /// Its bytes in its block.
    #[inline]
    pub(super) fn within(self) -> u64 {
        let bits = |to: u8| !(!0_u64).checked_shl(u32::from(to.saturating_sub(BLOCK as u8))).unwrap_or(0);
        bits(self.end()) & !bits(self.begin())
    }

    /// How long it is, as far as two blocks tell.
    #[inline]
    pub(super) fn length(self) -> usize {
        usize::from(self.end().wrapping_sub(self.begin()))
    }

    /// What the masks of the block before and of its own tell of it, `at` of the text.
    #[inline]
    pub(super) fn form(self, bytes: &[u8], at: usize, before: &Masks, now: &Masks, next: &Masks) -> Form {
        let (bit, whole) = (u32::from(self.begin()) & 63, self.length() as u32);
        if whole >= MOST_KNOWN || whole == 0 {
            return Form::unknown(8);
        }
        let (low, high) = if usize::from(self.begin()) < BLOCK { (before, now) } else { (now, next) };
        let within = !(!0_u64 << whole);
        let digits = from((low.digit, high.digit), bit);
        let gap = from((low.gap, high.gap), bit) >> whole & 1 == 1;
        let letters = from((low.word, high.word), bit) & !digits;
        // What is behind the white space may stand beyond the two blocks: then it is not known.
        let chinese = from((low.chinese, high.chinese), bit);
        let number = digits & within == within && gap;
        let behind = |mask: u64| mask >> whole >> 1 & 1 == 1;
        Form {
            whole,
            gap,
            touched: !gap && touched(bytes, at + whole as usize),
            digits: digits & within != 0,
            number: number && behind(letters),
            before_chinese: number && behind(chinese),
            twice: from((low.twice, high.twice), bit) & within != 0,
        }
    }
}

impl Sifted {
    /// None yet.
    pub(super) fn new() -> Self {
        Self { list: [Candidate::default(); BLOCK], count: 0, chinese: 0 }
    }

    /// The tokens.
    #[inline]
    pub(super) fn list(&mut self) -> &mut [Candidate] {
        self.list.get_mut(..self.count).unwrap_or_default()
    }
}

impl Carry {
    /// At the beginning of a text, or behind a byte of a token that was looked at before.
    pub(super) fn new(before: bool) -> Self {
        Self { before: u64::from(before), lost: before, apart: 1, ..Self::default() }
    }

    /// Where the token begins that has not ended.
    pub(super) fn open(&self) -> Option<usize> {
        (self.before == 1 && !self.lost).then_some(self.begin)
    }

    /// The tokens of the block at `base`.
    #[inline(always)]
    pub(super) fn tokens(&mut self, base: usize, now: &Masks, next: &Masks) -> Tokens {
        let word = now.word;
        let begins = word & !(word << 1 | self.before);
        let mut ends = !word & (word << 1 | self.before);
        if self.lost && ends != 0 {
            ends &= ends.wrapping_sub(1);
            self.lost = false;
            self.before = 0;
        }
        let back = if self.before == 1 && !self.lost { base.wrapping_sub(self.begin) } else { 0 };
        // What is added where a token begins is carried to its end over its letters, and stops at what is none.
        let letters = word & !now.digit;
        let (plain, carried_plain) = carried(letters, begins, self.plain);
        let (single, carried_single) = carried(letters & !now.twice, begins, self.single);
        let behind = |mask: u64, next: u64, by: u32| mask >> by | next << (64 - by);
        let (one, two) = (behind(word, next.word, 1), behind(word, next.word, 2));
        // A single letter may be one of a row of such, but not before a word.
        let alone = begins & !one & !(behind(now.space, next.space, 1) & two & behind(word, next.word, 3));
        let plain = plain & !word & !now.touch & !(alone << 1 | self.alone);
        // Letters that can be read in one way only: different ones, the first not the token's last one again.
        let next_letters = next.word & !next.digit;
        let (first, second) = (behind(letters, next_letters, 1), behind(letters, next_letters, 2));
        let told = first & second & !behind(now.twice, next.twice, 1) & !(now.apart << 1 | self.apart);
        let tokens = Tokens {
            begins,
            ends,
            plain,
            double: plain & !(single & !word),
            next: now.space & told,
            closing: now.closing,
            gap: now.gap,
            back,
        };
        if word >> (BLOCK - 1) == 1 {
            let length = word.leading_ones() as usize;
            if length < BLOCK || self.before == 0 {
                (self.begin, self.lost) = (base + BLOCK - length, false);
            }
        }
        self.before = word >> (BLOCK - 1);
        (self.plain, self.single) = (carried_plain, carried_single);
        (self.alone, self.apart) = (alone >> (BLOCK - 1), now.apart >> (BLOCK - 1));
        tokens
    }
}

/// Runs of ones from where they begin, or from before the block, to what stands behind them; and whether one goes on behind the block.
#[inline(always)]
fn carried(ones: u64, begins: u64, before: u64) -> (u64, u64) {
    let (sum, one) = ones.overflowing_add(begins);
    let (sum, two) = sum.overflowing_add(before);
    (sum, u64::from(one | two))
}

impl Tokens {
    /// Where the token begins in a text of which these are the tokens of the block at `base`.
    #[inline]
    pub(super) fn place(&self, candidate: Candidate, base: usize) -> usize {
        // What is longer than two blocks tell is the first one.
        let long = candidate.length() == 0;
        if long {
            base.wrapping_sub(self.back)
        } else {
            (base + usize::from(candidate.begin())).wrapping_sub(BLOCK)
        }
    }

    /// How long the token is, eight for eight and more, where white space or a comma stands behind it, else 0.
    #[inline]
    pub(super) fn before_gap(&self, candidate: Candidate) -> u8 {
        let gap = self.gap >> (candidate.end() & 63) & 1 == 1;
        if gap { candidate.length().min(8) as u8 } else { 0 }
    }

    /// Sifts the tokens. `wanted`: what of [`Heads`] is looked for.
    #[inline(always)]
    pub(super) fn sift(
        &self,
        text: &Window,
        lexicon: &Lexicon,
        heads: &Heads,
        wanted: u8,
        sifted: &mut Sifted,
    ) {
        let (mut begins, mut ends) = (self.begins, self.ends);
        let (firsts, openings, wanted) = (lexicon.any.firsts(), lexicon.any.openings(), u64::from(wanted));
        let mut count = 0;
        let mut begin = BLOCK.wrapping_sub(self.back);
        if self.back == 0 {
            begin = BLOCK + begins.trailing_zeros() as usize;
            begins &= begins.wrapping_sub(1);
        }
        while ends != 0 {
            let bit = ends.trailing_zeros();
            ends &= ends.wrapping_sub(1);
            let end = BLOCK + bit as usize;
            let is = |mask: u64| mask >> (bit & 63) & 1;
            let length = end.wrapping_sub(begin).min(8);
            let word = u64::from_le_bytes(*eight(text, begin));
            let token = (word | LOWER) & (!0_u64).wrapping_shr(64_u32.wrapping_sub(8 * length as u32));
            // What tells whether a word may go on behind it.
            let behind = u64::from_le_bytes(*eight(text, end));
            let letters = behind >> 8 & 0xFFFF | 0x2020;
            let sign = if is(self.closing) == 1 { behind & 0xFF | SIGN } else { ANYTHING };
            let next = if is(self.next) == 1 { letters } else { sign };
            let words = begin_with(firsts, token, next);
            let two = u64::from(heads.of(word as u8, (word >> 8) as u8));
            let own = u64::from(heads.of_token(word as u8, length)) | is(self.gap).wrapping_sub(1);
            let open = two & (opens(openings, word) | two >> SHORT);
            let mut odd = is(!self.plain);
            if is(self.double) == 1 {
                let next = if is(self.next) == 1 { letters } else { ANYTHING };
                odd = u64::from(lexicon.disguised.may_begin_doubly(word, length, next));
            }
            let flags = (two & own & STARTS | open & OPEN | (words & 1) << WORDS | odd << ODD) & wanted;
            // What is longer than the window begins nowhere in it.
            let candidate = begin.min(end) as u64 | (end as u64) << 8 | flags << 16;
            sifted.list[count & (BLOCK - 1)] = Candidate(candidate as u32);
            count = count.wrapping_add(usize::from(flags != 0));
            begin = BLOCK + begins.trailing_zeros() as usize;
            begins &= begins.wrapping_sub(1);
        }
        sifted.count = count;
    }
}

/// Of the Chinese characters at the bits of `pairs`, each before another one, those with which words may begin. `thirds`: those behind
/// which stand two that are not the same; `stops`: those behind which a word ends.
#[inline(always)]
pub(super) fn chinese(text: &Window, (mut pairs, thirds, stops): (u64, u64, u64), gate: &Gate) -> u64 {
    let mut hits = 0;
    let table = gate.chinese();
    while pairs != 0 {
        let bit = pairs.trailing_zeros();
        pairs &= pairs.wrapping_sub(1);
        let at = BLOCK + bit as usize;
        let pair = u64::from_le_bytes(*eight(text, at)) & HEADS[2 * CHINESE];
        let third = u64::from_le_bytes(*eight(text, at + 2 * CHINESE)) & HEADS[CHINESE];
        let other = if stops >> bit & 1 == 1 { NONE } else { UNKNOWN };
        let third = if thirds >> bit & 1 == 1 { third } else { other };
        hits |= (begin_chinese(table, pair, third) & 1).wrapping_shl(bit);
    }
    hits
}

/// The eight bytes at `at`.
#[inline(always)]
fn eight(text: &Window, at: usize) -> &[u8; 8] {
    text.get(at & (4 * BLOCK - 1)..).and_then(<[u8]>::first_chunk).unwrap_or(&[0; 8])
}

/// The bits of two blocks from `bit` on.
#[inline]
fn from((low, high): (u64, u64), bit: u32) -> u64 {
    low >> (bit & 63) | high << 1 << (63 - (bit & 63))
}
