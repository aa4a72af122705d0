//! Tokens with which words begin, and what has to follow those that begin phrases.
//!
//! A phrase often begins with a common word (`the`, `how to`). Whether one may begin at such a token is asked of the next two letters
//! too: they leave one of some hundred to be walked. Where these letters can be read in more than one way (a sign among them, one
//! that repeats), or are not there yet, the token alone counts.

#![expect(clippy::inline_always, reason = "asked of each token: see `sift`")]

use super::gate::{Bits, Hashed, hash, is_apart};

/// What is told of the tokens with which words begin.
#[derive(Clone, Debug, Default)]
pub(super) struct FirstKeys {
    all: Vec<u64>,
    /// Those that a word ends with, or goes on from with less than two letters.
    last: Vec<u64>,
    /// Each with the two letters behind it, or with the sign right behind it, where the word goes on with one, see [`with_next`].
    nexts: Vec<u64>,
}

/// The tokens with which words begin.
#[derive(Debug)]
pub(super) struct FirstTokens {
    all: Bits,
    last: Bits,
    /// The last ones, and the others with what is behind them and with [`ANYTHING`].
    nexts: Bits,
}

/// In place of the letters behind a token: it is not known what follows.
pub(super) const ANYTHING: u64 = 2 << 16;
/// What the sign right behind a token is told by.
pub(super) const SIGN: u64 = 1 << 16;

/// The first two letters of the token behind one space, lower case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Next(u64);

impl Next {
    /// What follows the token that ends before `end`, where that can be read in one way only whatever disguise a word has: two
    /// different letters, the first not the token's last one again.
    #[inline]
    pub(super) fn after(text: &[u8], end: usize) -> Option<Self> {
        Self::behind(text, end).filter(|_| text.get(end) == Some(&b' '))
    }

    /// The same of words that are looked for behind disguises, where one sign may stand in place of the space.
    #[inline]
    pub(super) fn behind(text: &[u8], end: usize) -> Option<Self> {
        let [last, sign, one, two] = *text.get(end.checked_sub(1)?..)?.first_chunk()?;
        if !is_apart(sign) {
            return None;
        }
        let letters = one.is_ascii_alphabetic() && two.is_ascii_alphabetic();
        let [last, first, second] = [last, one, two].map(|byte| byte | 0x20);
        (letters && first != second && first != last).then(|| Self(both([first, second])))
    }
}

impl Next {
    /// The letters, as [`FirstTokens::begins_with`] asks for them.
    pub(super) fn letters(self) -> u64 {
        self.0
    }
}

impl FirstKeys {
    /// A token. `behind`: what stands behind the white space after it; of two bytes and more nothing else can stand there.
    pub(super) fn add(&mut self, token: u64, behind: &[u8]) {
        self.all.push(token);
        match *behind {
            [first, second, ..] => self.nexts.push(with_next(token, both([first, second]))),
            _ => self.last.push(token),
        }
    }

    /// A token, and the sign right behind it.
    pub(super) fn add_signed(&mut self, token: u64, sign: u8) {
        // Behind white space stands what behind a sign never does.
        self.add(token, b"  ");
        self.nexts.push(with_next(token, u64::from(sign) | SIGN));
    }

    /// The tokens of other words too.
    pub(super) fn extend(&mut self, other: &Self) {
        let Self { all, last, nexts } = self;
        let lists = [(all, &other.all), (last, &other.last), (nexts, &other.nexts)];
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
        let FirstKeys { all, last, mut nexts } = keys;
        nexts.extend(all.iter().map(|&token| with_next(token, ANYTHING)));
        // Of longer tokens no more is known: they count whatever follows.
        nexts.extend(all.iter().filter(|&&token| token >> 56 != 0));
        nexts.extend_from_slice(&last);
        let [all, last, nexts] = [all, last, nexts].map(|mut list| {
            list.sort_unstable();
            list.dedup();
            Bits::new(&list)
        });
        Self { all, last, nexts }
    }

    /// The tokens, whatever follows them.
    #[inline]
    pub(super) fn all(&self) -> &Bits {
        &self.all
    }

    /// Whether a word may begin with a token before `next`.
    #[inline]
    pub(super) fn holds_before(&self, token: u64, next: Option<Next>) -> bool {
        match next {
            Some(next) => self.begins_with(token, next.0),
            None => self.all.holds(token),
        }
    }

    /// Whether a word may begin with a token before two letters, [`SIGN`] and a sign, or [`ANYTHING`].
    #[inline(always)]
    pub(super) fn begins_with(&self, token: u64, next: u64) -> bool {
        begin_with(self.nexts.table(), token, next) & 1 == 1
    }

    /// The table that [`begin_with`] asks.
    #[inline(always)]
    pub(super) fn table(&self) -> Hashed<'_> {
        self.nexts.table()
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
        self.begins_with(token, u64::from(sign) | SIGN)
    }
}

/// Two letters as they stand.
#[inline]
fn both(letters: [u8; 2]) -> u64 {
    u64::from(u16::from_le_bytes(letters))
}

/// A token together with what is behind it.
#[inline(always)]
fn with_next(token: u64, next: u64) -> u64 {
    hash(token) ^ next
}

/// Whether a word may begin with a token before two letters, [`SIGN`] and a sign, or [`ANYTHING`]: the lowest bit.
#[inline(always)]
pub(super) fn begin_with(table: Hashed<'_>, token: u64, next: u64) -> u64 {
    table.holds(hash(with_next(token, next))) | table.holds(hash(token))
}
