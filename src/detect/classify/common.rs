//! Common English words, whose runs of characters were added up beforehand: most of what a model reads of English are the same few
//! thousand words, and a sum that lies ready costs one place of memory in place of a dozen. What comes out is the same to the bit.

use super::features::{Padded, WORD, runs_of};
use crate::detect::encoded;
use std::sync::LazyLock;

/// Places for words. Of two that fall to one place the commoner one has it.
const PLACES: usize = 1 << 12;

/// The words, by place: the word with its blanks, as a number, and how many runs it has.
static WORDS: LazyLock<Vec<(u128, u32)>> = LazyLock::new(|| {
    let mut words = vec![(0, 0); PLACES];
    for word in encoded::common_words() {
        let Some((padded, length)) = padded(word) else { continue };
        let Some(key) = key(&padded, length) else { continue };
        let mut runs = 0;
        runs_of(&padded, length, |_| runs += 1);
        if let Some(free) = words.get_mut(place(key)).filter(|(known, _)| *known == 0) {
            *free = (key, runs);
        }
    }
    words
});

/// A word with blanks around it, as [`Features`](super::Features) has it, and its length with them.
fn padded(word: &str) -> Option<(Padded, usize)> {
    let mut padded = Padded::default();
    let letters = padded.0.get_mut(1..=word.len()).filter(|_| word.len() <= WORD)?;
    letters.copy_from_slice(word.as_bytes());
    padded.0[0] = b' ';
    padded.0[word.len() + 1] = b' ';
    Some((padded, word.len() + 2))
}

/// A word with its blanks as a number; none, where it is too long. No word is zero.
#[inline]
fn key(word: &Padded, length: usize) -> Option<u128> {
    let sixteen = word.0.first_chunk::<16>().filter(|_| (1..=16).contains(&length))?;
    Some(u128::from_le_bytes(*sixteen) & (u128::MAX >> (128 - 8 * length)))
}

#[inline]
fn place(key: u128) -> usize {
    let [low, high] = [key as u64, (key >> 64) as u64];
    let mixed = (low ^ high.rotate_left(29)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as usize % PLACES
}

/// The place of a common word, and how many runs it has.
#[inline]
pub(super) fn find(word: &Padded, length: usize) -> Option<(usize, u32)> {
    let key = key(word, length)?;
    let place = place(key);
    WORDS.get(place).filter(|(known, _)| *known == key).map(|(_, runs)| (place, *runs))
}

/// The sums of the runs of each word, by place.
pub(super) fn sums<const N: usize>(rows: &[[i8; N]]) -> Vec<[i16; N]> {
    let mask = rows.len().saturating_sub(1);
    let of = |(key, runs): &(u128, u32)| {
        let mut sums = [0_i16; N];
        if *runs > 0 {
            let mut word = Padded::default();
            word.0.iter_mut().zip(key.to_le_bytes()).for_each(|(out, byte)| *out = byte);
            let length = 16 - key.leading_zeros() as usize / 8;
            runs_of(&word, length, |hash| {
                let row = rows.get(hash as usize & mask).unwrap_or(&[0; N]);
                sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += i16::from(*weight));
            });
        }
        sums
    };
    WORDS.iter().map(of).collect()
}
