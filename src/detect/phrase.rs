//! Tokens with which words begin, and what has to follow those that begin phrases.
//!
//! A phrase often begins with a common word (`the`, `how to`). Whether one may begin at such a token is asked of the next two letters
//! too: they leave one of some hundred to be walked. Where these letters can be read in more than one way (a sign among them, one
//! that repeats), or are not there yet, the token alone counts.

use super::gate::Bits;

/// What is told of the tokens with which words begin.
#[derive(Clone, Debug, Default)]
pub(super) struct FirstKeys {
    all: Vec<u64>,
    /// Those that a word ends with, or goes on from with less than two letters.
    last: Vec<u64>,
    /// Each with the two letters behind it, see [`with_next`].
    nexts: Vec<u64>,
    /// Each with the sign right behind it, where the word goes on with one.
    signed: Vec<u64>,
}

/// The tokens with which words begin.
#[derive(Debug)]
pub(super) struct FirstTokens {
    all: Bits,
    last: Bits,
    nexts: Bits,
    signed: Bits,
}

/// The first two letters of the token behind one space, lower case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Next([u8; 2]);

impl Next {
    /// What follows the token that ends before `end`, where that can be read in one way only whatever disguise a word has: two
    /// different letters, the first not the token's last one again.
    #[inline]
    pub(super) fn after(text: &[u8], end: usize) -> Option<Self> {
        let [last, b' ', one, two] = *text.get(end.checked_sub(1)?..)?.first_chunk()? else { return None };
        let letters = one.is_ascii_alphabetic() && two.is_ascii_alphabetic();
        let [last, first, second] = [last, one, two].map(|byte| byte | 0x20);
        (letters && first != second && first != last).then_some(Self([first, second]))
    }
}

impl FirstKeys {
    /// A token. `behind`: what stands behind the white space after it; of two bytes and more nothing else can stand there.
    pub(super) fn add(&mut self, token: u64, behind: &[u8]) {
        self.all.push(token);
        match *behind {
            [one, two, ..] => self.nexts.push(with_next(token, [one, two])),
            _ => self.last.push(token),
        }
    }

    /// A token, and the sign right behind it.
    pub(super) fn add_signed(&mut self, token: u64, sign: u8) {
        // Behind white space stands what behind a sign never does.
        self.add(token, b"  ");
        self.signed.push(with_next(token, [sign, 0]));
    }

    /// The tokens of other words too.
    pub(super) fn extend(&mut self, other: &Self) {
        let Self { all, last, nexts, signed } = self;
        let lists = [(all, &other.all), (last, &other.last), (nexts, &other.nexts), (signed, &other.signed)];
        for (list, other) in lists {
            list.extend_from_slice(other);
        }
    }

    /// The tokens.
    pub(super) fn all(&self) -> &[u64] {
        &self.all
    }
}

impl FirstTokens {
    pub(super) fn new(keys: FirstKeys) -> Self {
        let FirstKeys { all, last, nexts, signed } = keys;
        let [all, last, nexts, signed] = [all, last, nexts, signed].map(|mut list| {
            list.sort_unstable();
            list.dedup();
            Bits::new(&list)
        });
        Self { all, last, nexts, signed }
    }

    /// The tokens, whatever follows them.
    #[inline]
    pub(super) fn all(&self) -> &Bits {
        &self.all
    }

    /// Whether a word may begin with a token before `next`.
    #[inline]
    pub(super) fn holds_before(&self, token: u64, next: Option<Next>) -> bool {
        self.all.holds(token)
            && next.is_none_or(|next| self.nexts.holds(with_next(token, next.0)) || self.last.holds(token))
    }
}

impl FirstTokens {
    /// Whether a word may end with a token, or go on behind it with less than two letters.
    #[inline]
    pub(super) fn holds_last(&self, token: u64) -> bool {
        self.last.holds(token)
    }

    /// Whether a word that is read as it stands may begin with a token right before this sign.
    #[inline]
    pub(super) fn holds_signed(&self, token: u64, sign: u8) -> bool {
        self.all.holds(token) && (self.last.holds(token) || self.signed.holds(with_next(token, [sign, 0])))
    }
}

/// A token together with the two letters behind it.
#[inline]
fn with_next(token: u64, [one, two]: [u8; 2]) -> u64 {
    token.wrapping_mul(0xD6E8_FEB8_6659_FD93) ^ u64::from(one) << 8 ^ u64::from(two)
}
