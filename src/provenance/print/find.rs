//! From which answer a text came: rows of letters that both have, in the same order and about as far apart.
//!
//! What is found of each record is chained: a row goes on from one before it in both texts, and the more letters lie between them in one than in the
//! other, the more it costs. A chain's *score* is the letters that its rows cover, in letters of alphabets, less by these costs and where rows are
//! common among the tenant's answers.

use std::collections::HashMap;

use super::grams::{Asked, ROW};
use super::keys::BITS;

/// Where a row of the text stands in an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    /// Of its last letter in the text, and in the answer.
    pub(super) text: u32,
    pub(super) answer: u32,
    pub(super) letters: u32,
    /// How much it tells, from 0 to 1.
    pub(super) tells: f32,
}

/// The best chain of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Chain {
    /// In letters of alphabets.
    pub(super) score: f64,
    /// Letters of the text from the first to the last that it covers, and how many of them it covers.
    pub(super) text: (u32, u32),
    pub(super) covered: u32,
    /// The same of the answer.
    pub(super) answer: (u32, u32),
}

/// The most letters between two rows of a chain.
const FAR: u32 = 400;
/// Rows before one that are looked at.
const BACK: usize = 64;
/// Most hits of a record that are looked at.
const MOST_HITS: usize = 20_000;
/// What a letter costs that no row covers, in letters of alphabets; and what more beyond so many in a row: edits leave rows between them, and
/// what two texts have in common by their subject stands far apart.
const UNCOVERED: f64 = 0.05;
const GAP: f64 = 40.0;
const WIDE_GAP: f64 = 0.25;
/// What a letter costs that one text has more than the other, and the most that such letters cost.
const MOVED: f64 = 0.5;
const MOST_MOVED: f64 = 40.0;

/// The best chain of a record's hits.
pub(super) fn chain(hits: &mut Vec<Hit>) -> Chain {
    hits.sort_unstable_by_key(|hit| (hit.text, hit.answer));
    hits.truncate(MOST_HITS);
    let mut best = Chain::default();
    let mut chains: Vec<Chain> = Vec::with_capacity(hits.len());
    for (n, hit) in hits.iter().enumerate() {
        // What a letter of the row weighs.
        let unit = ROW / f64::from(hit.letters.max(1));
        let begin = |last: u32| (last + 1).saturating_sub(hit.letters);
        let mut own = Chain {
            score: ROW * f64::from(hit.tells),
            text: (begin(hit.text), hit.text + 1),
            covered: hit.letters,
            answer: (begin(hit.answer), hit.answer + 1),
        };
        for (before, chained) in hits.iter().zip(&chains).take(n).skip(n.saturating_sub(BACK)) {
            let (Some(text), Some(answer)) =
                (hit.text.checked_sub(before.text), hit.answer.checked_sub(before.answer))
            else {
                continue;
            };
            if text == 0 || answer == 0 || text > FAR || answer > FAR {
                continue;
            }
            let fresh = hit.letters.min(text).min(answer);
            let moved = unit * f64::from(text.abs_diff(answer));
            let uncovered = unit * f64::from(text.min(answer) - fresh);
            let costs = UNCOVERED * uncovered
                + WIDE_GAP * (uncovered - GAP).max(0.0)
                + (MOVED * moved).min(MOST_MOVED);
            let score = chained.score + unit * f64::from(fresh) * f64::from(hit.tells) - costs;
            if score > own.score {
                own.score = score;
                own.text.0 = chained.text.0;
                own.answer.0 = chained.answer.0;
                own.covered = chained.covered + fresh;
            }
        }
        if own.score > best.score {
            best = own;
        }
        chains.push(own);
    }
    best
}

/// How much a row tells that stands in so many of the records: all where it stands in one, little where in most.
pub(super) fn tells(places: usize, records: usize) -> f32 {
    if places >= super::segment::MOST_PLACES {
        return 0.0;
    }
    let (places, records) = (places.max(1) as f32, records.max(1) as f32);
    if records < 16.0 {
        return 1.0;
    }
    ((1.0 + records / places).ln() / (1.0 + records).ln()).clamp(0.0, 1.0)
}

/// Rows of the text that are looked up: all of a short text; of a longer one those whose numbers are least, so that the same are chosen of the same
/// passage.
pub(super) fn chosen(asked: &Asked, most: usize) -> Vec<super::grams::Row> {
    let mut rows = asked.rows.clone();
    if rows.len() > most {
        let cut = ((1_u64 << BITS) / rows.len() as u64).saturating_mul(most as u64);
        rows.retain(|row| row.gram <= cut);
    }
    rows
}

/// By record: its hits.
pub(super) type Hits = HashMap<(usize, usize), Vec<Hit>>;
