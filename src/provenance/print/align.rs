//! Whether a text is a part of an answer whose text is kept: both laid beside each other letter by letter.

use super::grams::letters_of;

/// Most letters of the text, and of the answer, that are laid beside each other.
const MOST_TEXT: usize = 2_000;
const MOST_ANSWER: usize = 20_000;

/// How a text lies beside an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Aligned {
    /// Letters that are the same less half of those that are not: as much as fits at best.
    pub score: f64,
    /// Letters of the text that fit, and of the stretch in which they do.
    pub same: u32,
    /// Letters of the stretch.
    pub length: u32,
}

/// Of a passage that comes from an answer so much fits at least.
pub const FITS: f64 = 0.35;

/// The chance that a text of another source fits so much, from 0 to 1; `weight` in letters of alphabets. A line through what was measured against
/// other answers to the same prompts, at 160, 320 and 640 letters.
pub fn chance(fits: f64, weight: f64) -> f64 {
    let tenths = (0.97 + 5.8 * (fits - 0.2)) * (weight / 160.0).powf(0.75);
    10_f64.powf(-tenths.max(0.0))
}

impl Aligned {
    /// How much of a text of these letters fits, from 0 to 1.
    pub fn share(&self, text: &str) -> f64 {
        self.score / letters_of(text).len().clamp(1, MOST_TEXT) as f64
    }
}

/// What a letter costs that is another, or that only one has, in quarters of one that is the same.
const OTHER: i32 = 4;
const ALONE: i32 = 3;
const SAME: i32 = 4;

/// The best place of a text in an answer (Smith and Waterman, J. Mol. Biol. 1981), over letters and digits.
pub fn align(text: &str, answer: &str) -> Aligned {
    let (mut text, mut answer) = (letters_of(text), letters_of(answer));
    text.truncate(MOST_TEXT);
    answer.truncate(MOST_ANSWER);
    // By letter of the answer: the score of what ends there, and how many letters are the same in it and where it began in the text.
    let mut above: Vec<(i32, u32, u32)> = vec![(0, 0, 0); answer.len() + 1];
    let mut best = Aligned::default();
    let mut best_score = 0;
    for (row, letter) in (1..).zip(&text) {
        let mut diagonal = (0, 0, row - 1);
        let mut left = (0, 0, row);
        for (other, cell) in answer.iter().zip(above.iter_mut().skip(1)) {
            let match_ = if letter == other {
                (diagonal.0 + SAME, diagonal.1 + 1, diagonal.2)
            } else {
                (diagonal.0 - OTHER, diagonal.1, diagonal.2)
            };
            let up = (cell.0 - ALONE, cell.1, cell.2);
            let aside = (left.0 - ALONE, left.1, left.2);
            let next = [match_, up, aside].into_iter().max_by_key(|cell| cell.0).unwrap_or_default();
            let next = if next.0 <= 0 { (0, 0, row) } else { next };
            diagonal = *cell;
            *cell = next;
            left = next;
            if next.0 > best_score {
                best_score = next.0;
                best = Aligned {
                    score: f64::from(next.0) / f64::from(SAME),
                    same: next.1,
                    length: row - next.2,
                };
            }
        }
    }
    best
}
