//! Which tokens of a block are worth a look: with which of them a word or a match may begin, or that may be disguised.
//!
//! It is asked of each token of each text, so it does nothing else: no calls, no state, and no branch that a text decides.

use super::blocks::{BLOCK, Masks};
use super::engine::Heads;
use super::gate::{CHINESE, Gate, HEADS, LOWER};
use super::lexicon::Lexicon;
use super::likeness::{Form, touched};

/// How much behind a block has to have come for its tokens to be known.
const AHEAD: usize = BLOCK;
/// A block and what is behind it.
pub(super) const KNOWN: usize = BLOCK + AHEAD;
pub(super) type Known = [u8; KNOWN];
/// The longest token of which a block and the next tell all.
const MOST_KNOWN: u32 = BLOCK as u32 - 1;

/// What two blocks say of the first one's tokens, the first byte's lowest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tokens<'m> {
    /// Where they begin.
    pub(super) begins: u64,
    /// What stands right behind those that end in the block, and began there.
    ends: u64,
    /// Of these those whose tokens hold letters alone, with nothing behind them that touches.
    plain: u64,
    /// Of these those whose tokens hold a letter twice in a row.
    double: u64,
    now: &'m Masks,
    next: &'m Masks,
}

/// A token that is worth a look.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Candidate {
    /// Where it begins in its block.
    pub(super) bit: u8,
    /// How long it is, as far as two blocks tell.
    pub(super) length: u8,
    /// [`Candidate::ODD`], [`Candidate::WORDS`], and of [`Heads`] that may come of it.
    pub(super) flags: u8,
}

/// The tokens of a block that are worth a look, in order.
#[derive(Debug)]
pub(super) struct Sifted {
    list: [Candidate; BLOCK],
    count: usize,
}

/// The beginning of a text, zeros behind its end, and how much of it that is.
#[inline]
pub(super) fn known<'t>(text: &'t [u8], end: &'t mut Known) -> (&'t Known, usize) {
    match text.first_chunk() {
        Some(known) => (known, KNOWN),
        None => {
            end.iter_mut().zip(text).for_each(|(slot, &byte)| *slot = byte);
            (end, text.len())
        }
    }
}

/// Of the Chinese characters at the bits of `pairs`, each before another one, those with which words may begin, and those that stand twice.
#[inline]
pub(super) fn chinese(text: &Known, mut pairs: u64, gate: &Gate) -> (u64, u64) {
    let (mut hits, mut again) = (0, 0);
    let singles = gate.has_singles();
    while pairs != 0 {
        let bit = pairs.trailing_zeros() & 63;
        pairs &= pairs.wrapping_sub(1);
        let bytes = text.get(bit as usize..).and_then(<[u8]>::first_chunk).unwrap_or(&[0; 8]);
        let word = u64::from_le_bytes(*bytes);
        let hit = gate.chinese(word) || singles && gate.single(word, CHINESE);
        let same = (word ^ word >> (8 * CHINESE)) & HEADS[CHINESE] == 0;
        hits |= u64::from(hit && !same) << bit;
        again |= u64::from(same) << bit;
    }
    (hits, again)
}

impl Candidate {
    /// It may be disguised, or more is to be known of it.
    pub(super) const ODD: u8 = 1 << 7;
    /// Words begin with such tokens.
    pub(super) const WORDS: u8 = 1 << 6;
}

impl Sifted {
    /// The tokens.
    #[inline]
    pub(super) fn list(&self) -> &[Candidate] {
        self.list.get(..self.count).unwrap_or_default()
    }

    /// Takes it in if there is anything to it.
    #[inline]
    fn note(&mut self, bit: u32, length: u32, flags: u8) {
        self.list[self.count & (BLOCK - 1)] = Candidate { bit: bit as u8, length: length as u8, flags };
        self.count = self.count.wrapping_add(usize::from(flags != 0));
    }
}

impl<'m> Tokens<'m> {
    /// `before`: the byte before the block is a letter or digit.
    #[inline]
    pub(super) fn of(now: &'m Masks, next: &'m Masks, before: u64) -> Self {
        let word = now.word;
        let begins = word & !(word << 1 | before);
        let mut ends = !word & (word << 1 | before);
        // The first one ends what began before.
        ends &= ends.wrapping_sub(before);
        // What is added where a token begins is carried to its end over its letters, and stops at what is none.
        let letters = word & !now.digit;
        let plain = letters.wrapping_add(begins) & !word & !now.touch;
        let single_letters = (letters & !now.twice).wrapping_add(begins) & !word;
        // A single letter may be one of a row of such, but not before a word.
        let single = begins & !(word >> 1) & !(now.space >> 1 & word >> 2 & word >> 3);
        Self { begins, ends, plain: plain & !(single << 1), double: plain & !single_letters, now, next }
    }

    /// How long the token is that begins at `bit`, as far as two blocks tell.
    #[inline]
    fn length(&self, bit: u32) -> u32 {
        from((self.now.word, self.next.word), bit).trailing_ones()
    }

    /// Sifts the tokens of a block with which `text` begins, of which `whole` bytes have come. `wanted`: what of [`Heads`] is looked for.
    #[inline]
    pub(super) fn sift(&self, text: &Known, whole: usize, lexicon: &Lexicon, heads: &Heads, wanted: u8) -> Sifted {
        let mut sifted = Sifted { list: [Candidate::default(); BLOCK], count: 0 };
        if whole >= KNOWN {
            self.sift_known(text, lexicon, heads, wanted, &mut sifted);
        } else {
            self.sift_end(text, whole, lexicon, heads, wanted, &mut sifted);
        }
        sifted
    }

    /// The same at the end of what has come.
    #[cold]
    fn sift_end(&self, text: &Known, whole: usize, lexicon: &Lexicon, heads: &Heads, wanted: u8, sifted: &mut Sifted) {
        /// How much behind a token has to be known.
        const BEHIND: usize = 2;
        let bits = whole.saturating_sub(BEHIND);
        let plain = self.plain & !(!0_u64).checked_shl(bits as u32).unwrap_or(0);
        // Nothing is known of a token that goes on beyond the block.
        let next = Masks { digit: !0, touch: !0, ..*self.next };
        Tokens { plain, next: &next, ..*self }.sift_known(text, lexicon, heads, wanted, sifted);
    }

    #[inline(never)]
    fn sift_known(
        &self,
        text: &Known,
        lexicon: &Lexicon,
        heads: &Heads,
        wanted: u8,
        sifted: &mut Sifted,
    ) {
        let (mut begins, mut ends) = (self.begins, self.ends);
        while ends != 0 {
            let (bit, end) = (begins.trailing_zeros() & 63, ends.trailing_zeros() & 63);
            begins &= begins.wrapping_sub(1);
            ends &= ends.wrapping_sub(1);
            let length = end.wrapping_sub(bit);
            let flags = told(text, (bit, length), self.now.gap >> end, lexicon, heads, wanted);
            let double = self.double >> end & 1 == 1 && odd_double(text, (bit, length), lexicon);
            let plain = self.plain >> end & 1 == 1 && !double;
            sifted.note(bit, length, if plain { flags } else { Candidate::ODD });
        }
        if begins != 0 {
            let bit = begins.trailing_zeros() & 63;
            let length = self.length(bit);
            let beyond = self.next.word.trailing_ones();
            let within = 1_u64.wrapping_shl(length).wrapping_sub(1);
            let holds = |masks: (u64, u64)| from(masks, bit) & within != 0;
            let double = holds((self.now.twice, self.next.twice));
            let plain = (2..=MOST_KNOWN).contains(&length)
                && !holds((self.now.digit, self.next.digit))
                && !(double && odd_double(text, (bit, length), lexicon))
                && self.next.touch >> (beyond & 63) & 1 == 0;
            let flags = told(text, (bit, length), self.next.gap >> (beyond & 63), lexicon, heads, wanted);
            sifted.note(bit, length, if plain { flags } else { Candidate::ODD });
        }
    }

    /// How long the token is that begins at the block's byte `bit`, eight for eight and more, where white space or a comma stands behind
    /// it, else 0.
    #[inline]
    pub(super) fn before_gap(&self, bit: u32) -> u8 {
        let length = self.length(bit);
        let gap = length < MOST_KNOWN && from((self.now.gap, self.next.gap), bit) >> length & 1 == 1;
        if gap { length.min(8) as u8 } else { 0 }
    }

    /// What the masks tell of the token that begins at the block's byte `bit`, which is `at` of the text.
    #[inline]
    pub(super) fn form(&self, bytes: &[u8], at: usize, bit: u8) -> Form {
        let (now, next, bit) = (self.now, self.next, u32::from(bit));
        let whole = self.length(bit);
        if whole >= MOST_KNOWN {
            return Form::unknown(8);
        }
        let within = !(!0_u64 << whole);
        let digits = from((now.digit, next.digit), bit);
        let gap = from((now.gap, next.gap), bit) >> whole & 1 == 1;
        let letters = from((now.word, next.word), bit) & !digits;
        Form {
            whole,
            gap,
            touched: !gap && touched(bytes, at + whole as usize),
            digits: digits & within != 0,
            number: digits & within == within && gap && letters >> whole >> 1 & 1 == 1,
            twice: from((now.twice, next.twice), bit) & within != 0,
        }
    }
}

/// What may begin with a token of letters alone. `gap`: the lowest bit tells whether white space or a comma stands behind it.
#[inline]
fn told(
    text: &Known,
    (bit, length): (u32, u32),
    gap: u64,
    lexicon: &Lexicon,
    heads: &Heads,
    wanted: u8,
) -> u8 {
    let bytes = text.get(bit as usize..).and_then(<[u8]>::first_chunk).unwrap_or(&[0; 8]);
    let word = u64::from_le_bytes(*bytes);
    let length = length.min(8) as usize;
    let words = lexicon.any.tokens().holds((word | LOWER) & HEADS[length]);
    let before_gap = heads.of_token(word as u8, length) | ((gap & 1) as u8).wrapping_sub(1);
    let flags = heads.of(word as u8, (word >> 8) as u8) & before_gap & wanted;
    flags | if words { Candidate::WORDS } else { 0 }
}

/// Whether a token of letters of which one stands twice in a row may be a word in which it stands once.
#[inline]
fn odd_double(text: &Known, (bit, length): (u32, u32), lexicon: &Lexicon) -> bool {
    let bit = bit as usize;
    let bytes = text.get(bit..).and_then(<[u8]>::first_chunk).unwrap_or(&[0; 8]);
    lexicon.disguised.may_begin_doubly(text, bit, u64::from_le_bytes(*bytes), length as usize)
}

/// The bits of two blocks from `bit` on.
#[inline]
fn from((low, high): (u64, u64), bit: u32) -> u64 {
    low >> (bit & 63) | high << 1 << (63 - (bit & 63))
}
