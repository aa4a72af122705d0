//! Whether the words of a text lean as an epoch's coins do.
//!
//! Of each pair the text gives a number, whatever the key: how much oftener the first word stands than the second, less where the pair stands often, so
//! that no single word decides. The coins give each number a sign. For coins that know nothing of the text all signs are as likely, so the
//! chance that their sum is as large as this one is counted out where it is small.
//!
//! That chance is over keys. Habits that many texts share (`many` stands oftener than `numerous`) agree with some keys a little and with others not: over
//! answers of 250 words the mean of `z` differs from key to key by 0.24, over texts of 6,000 words by 0.7.

use serde_json::{Value, json};

use super::lists::{Counts, List, Pair};
use crate::provenance::mark::{Epoch, MarkKeys};

/// The chance of a false alarm in one text, over all epochs together, is at most this.
pub const FALSE_ALARM: f64 = 1e-6;
/// What a pair counts is rounded to so many parts of a word, so that sums are whole numbers.
const PARTS: f64 = 8.0;
/// A pair that stands `n` times counts as `n / (1 + n * SATURATES)`: what a text is about makes a word frequent, and says less than many pairs do.
const SATURATES: f64 = 0.25;

/// From this lean on the chance is counted out; below it a bound will do (Hoeffding, 1963): nobody is told of it.
const LEANS: f64 = 3.0;

/// What is said of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SamplerVerdict {
    /// Its words lean as an epoch's coins do.
    Found,
    /// They do not, or not enough. That says nothing of who wrote it.
    None,
    /// It has too few listed words for anything to be said, whichever they are.
    Short,
}

impl SamplerVerdict {
    /// The word in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::None => "none",
            Self::Short => "short",
        }
    }

    /// What it means, in a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Found => {
                "Where words mean the same, this text prefers those that this gateway asked its models to prefer: much of it is most likely a model's."
            }
            Self::None => "Its choice of words tells nothing. That does not tell who or what wrote the text.",
            Self::Short => {
                "The text has too few of the words by which it could be known. That does not tell who or what wrote it."
            }
        }
    }
}

/// What a text's words tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampled {
    /// In a word.
    pub verdict: SamplerVerdict,
    /// Listed words in the text.
    pub words: u64,
    /// Pairs of which the text says something.
    pub pairs: usize,
    /// The epoch whose coins fit best; none where there are no listed words.
    pub epoch: Option<u32>,
    /// From when on its key marked, in seconds since 1970.
    pub since: u64,
    /// By how many standard deviations the words lean as its coins do.
    pub z: f64,
    /// The chance that they lean so much for a key that knows nothing of the text, times the number of epochs; at most 1.
    pub false_alarm: f64,
}

/// What a pair counts, in [`PARTS`]: more than 0 where its first word stands oftener.
fn weight([first, second]: [u32; 2]) -> i64 {
    let (first, second) = (f64::from(first), f64::from(second));
    // Less than four words, so the cast is far from its bounds.
    ((first - second) / (1.0 + (first + second) * SATURATES) * PARTS).round() as i64
}

/// The chance that a sum of these numbers, each with a fair coin's sign, is at least `sum`: counted out over all sums that there are.
fn tail(numbers: &[i64], sum: i64) -> f64 {
    let sizes: Vec<usize> = numbers.iter().map(|n| n.unsigned_abs() as usize).filter(|&n| n > 0).collect();
    let most: usize = sizes.iter().sum();
    // Sums are counted from -most on.
    let Ok(from) = usize::try_from(sum.saturating_add(i64::try_from(most).unwrap_or(i64::MAX))) else {
        return 1.0;
    };
    let mut chances = vec![0.0_f64; 2 * most + 1];
    let mut next = vec![0.0_f64; chances.len()];
    if let Some(middle) = chances.get_mut(most) {
        *middle = 1.0;
    }
    let mut reach = 0;
    for n in sizes {
        let (first, last) = (most - reach, most + reach);
        reach += n;
        let reached = next.get_mut(most - reach..=most + reach).into_iter().flatten();
        reached.for_each(|chance| *chance = 0.0);
        for (at, chance) in chances.iter().enumerate().take(last + 1).skip(first) {
            for to in [at - n, at + n] {
                if let Some(there) = next.get_mut(to) {
                    *there += chance / 2.0;
                }
            }
        }
        std::mem::swap(&mut chances, &mut next);
    }
    // Rounding of a few hundred sums is far below this.
    (chances.iter().skip(from).sum::<f64>() * (1.0 + 1e-9)).min(1.0)
}

/// Reads a text with the keys of all epochs.
pub fn read(keys: &MarkKeys, text: &str) -> Sampled {
    let counts = Counts::of(text);
    let words = counts.0.iter().flatten().map(|&n| u64::from(n)).sum();
    let pairs = List::ALL.into_iter().flat_map(List::pairs);
    let weights: Vec<(&Pair, i64)> =
        pairs.zip(&counts.0).map(|(pair, n)| (pair, weight(*n))).filter(|(_, n)| *n != 0).collect();
    let numbers: Vec<i64> = weights.iter().map(|(_, n)| *n).collect();
    let sum = |epoch: &Epoch| -> i64 {
        weights.iter().map(|(pair, n)| if epoch.coin(pair.first, pair.second) { *n } else { -n }).sum()
    };
    let best =
        keys.newest_first().map(|epoch| (sum(epoch), epoch)).max_by_key(|(sum, epoch)| (*sum, epoch.number));
    let deviation = numbers.iter().map(|n| (n * n) as f64).sum::<f64>().sqrt();
    let epochs = keys.count() as f64;
    // No coins can be less likely than these to agree with all.
    let least = 0.5_f64.powi(i32::try_from(numbers.len()).unwrap_or(i32::MAX)) * epochs;
    let chance = |sum: i64| {
        let z = sum as f64 / deviation;
        if z >= LEANS { tail(&numbers, sum) } else { (-z.max(0.0).powi(2) / 2.0).exp() }
    };
    let known = best.filter(|_| !numbers.is_empty());
    let false_alarm = known.map_or(1.0, |(sum, _)| (chance(sum) * epochs).min(1.0));
    let verdict = match best {
        Some(_) if false_alarm <= FALSE_ALARM => SamplerVerdict::Found,
        Some(_) if least <= FALSE_ALARM => SamplerVerdict::None,
        Some(_) | None => SamplerVerdict::Short,
    };
    Sampled {
        verdict,
        words,
        pairs: numbers.len(),
        epoch: known.map(|(_, epoch)| epoch.number),
        since: known.map_or(0, |(_, epoch)| epoch.since),
        z: known.map_or(0.0, |(sum, _)| sum as f64 / deviation),
        false_alarm,
    }
}

impl Sampled {
    /// What anybody may know: no number of a text that is not found, from which the coins could be learned pair by pair, and of one that is
    /// the chance by thousands.
    pub fn json(&self) -> Value {
        let found = self.verdict == SamplerVerdict::Found;
        json!({
            "verdict": self.verdict.as_str(),
            "meaning": self.verdict.sentence(),
            "key": found.then_some("this gateway"),
            "epoch": self.epoch.filter(|_| found),
            "since": found.then_some(self.since),
            "words": self.words,
            "false_alarm": found.then(|| self.coarse()),
        })
    }

    /// The chance of a false alarm, not smaller than it is, as a power of a thousandth.
    pub fn coarse(&self) -> f64 {
        let mut bound = FALSE_ALARM;
        while bound > 1e-15 && self.false_alarm <= bound * 1e-3 {
            bound *= 1e-3;
        }
        bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every way in which the coins can fall, one by one.
    fn by_hand(numbers: &[i64], sum: i64) -> f64 {
        let ways = 1_u32 << numbers.len();
        let signed = |way: u32| -> i64 {
            numbers
                .iter()
                .enumerate()
                .map(|(n, number)| if way >> n & 1 == 1 { *number } else { -number })
                .sum()
        };
        let enough = (0..ways).filter(|&way| signed(way) >= sum).count();
        enough as f64 / f64::from(ways)
    }

    #[test]
    fn all_ways_are_counted() {
        for numbers in [&[][..], &[5], &[1, 2, 4], &[6, -6, 6, 11, -3], &[-8, 13, 0, 6, 6, 6, 20, -1, 9, 9]] {
            for sum in -90..=90 {
                let (counted, want) = (tail(numbers, sum), by_hand(numbers, sum));
                assert!((counted - want).abs() < 1e-8, "{numbers:?} {sum}: {counted} for {want}");
            }
        }
        assert!(tail(&[3], i64::MIN) >= 1.0 && tail(&[3], i64::MAX) <= 0.0);
    }
}
