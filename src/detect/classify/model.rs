//! A model: weights of a byte for each hashed feature and class, and how its scores are to be read.

use super::common;
use super::features::{Group, Script};
use crate::detect::model_file;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The most classes of a model.
pub const LANES: usize = 16;
/// How many features are added up before the sums are widened: 127 times it fits 16 bits.
const BATCH: usize = 256;

/// What is written before the weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The format of the file, which says nothing where it is 1.
    #[serde(default = "model_file::first", skip_serializing_if = "model_file::is_first")]
    pub format: u32,
    /// Its name, such as `harm`.
    pub name: String,
    /// A date or number, for people.
    pub version: String,
    /// The table has two to this many rows.
    pub bits: u32,
    /// The classes, the first one being the verdict as a whole.
    pub classes: Vec<String>,
    /// What a weight of one is worth, by class.
    pub scales: Vec<f32>,
    /// What each class begins with.
    pub biases: Vec<f32>,
    /// So many runs, and a quarter as many words, that tell nothing are counted with those of a text: what is short tells little.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub prior: f32,
    /// How the sums of a text become scores, by language: `en`, `zh`, and `other` for all others.
    pub readings: BTreeMap<String, Calibration>,
    /// SHA-256 of the weights, in hex.
    pub sha256: String,
}

/// How sums become scores in one language.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// By class: factor and summand of the sum's logit.
    pub curves: Vec<[f32; 2]>,
    /// What is taken from the sum of a part of a text, by class, before it is held against that of the whole.
    pub part: Vec<f32>,
    /// By class: the score that one in a hundred harmless texts reaches.
    pub one_in_hundred: Vec<f32>,
    /// The same of one in a thousand. A rule that says no threshold has this one; 1 where nothing is known of the language, which no text
    /// reaches.
    pub one_in_thousand: Vec<f32>,
}

/// A language as models tell it: by script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tongue {
    /// Latin letters.
    English,
    /// Chinese characters.
    Chinese,
    /// Anything else.
    Other,
}

/// A model.
#[derive(Clone, Debug)]
pub struct Model {
    pub(super) head: Head,
    /// The weights as they are packed; empty where they were unpacked at once.
    pub(super) packed: &'static [u8],
    pub(super) rows: OnceLock<Rows>,
    pub(super) tongues: [Calibration; 3],
}

/// Weights, by row; rows are as wide as they need to be.
#[derive(Clone, Debug)]
pub(super) enum Rows {
    /// Up to four classes.
    Four(Table<4>),
    /// Up to sixteen.
    Sixteen(Table<16>),
}

/// The weights of each feature, and the sums of common words' runs.
#[derive(Clone, Debug)]
pub(super) struct Table<const N: usize> {
    rows: Vec<[i8; N]>,
    words: Vec<[i16; N]>,
}

impl<const N: usize> Table<N> {
    pub(super) fn new(rows: Vec<[i8; N]>) -> Self {
        Self { words: common::sums(&rows), rows }
    }
}

/// The sums of a stretch of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    words: [i32; LANES],
    runs: [i32; LANES],
    of_words: u32,
    of_runs: u32,
    pub(super) latin: u32,
    pub(super) chinese: u32,
    pub(super) other: u32,
}

impl Sums {
    /// Adds another stretch.
    pub fn add(&mut self, other: &Self) {
        let add = |all: &mut [i32; LANES], more: &[i32; LANES]| {
            all.iter_mut().zip(more).for_each(|(all, more)| *all = all.saturating_add(*more));
        };
        add(&mut self.words, &other.words);
        add(&mut self.runs, &other.runs);
        self.of_words = self.of_words.saturating_add(other.of_words);
        self.of_runs = self.of_runs.saturating_add(other.of_runs);
        self.latin = self.latin.saturating_add(other.latin);
        self.chinese = self.chinese.saturating_add(other.chinese);
        self.other = self.other.saturating_add(other.other);
    }

    /// Counts a word or letter.
    pub fn letter(&mut self, script: Script) {
        match script {
            Script::Latin => self.latin += 1,
            Script::Chinese => self.chinese += 1,
            Script::Other => self.other += 1,
        }
    }

    /// How much there is to judge: words, and half as many letters of other scripts.
    pub fn size(&self) -> u32 {
        let letters = self.chinese.saturating_add(self.other);
        self.latin.saturating_add(letters / 2)
    }

    /// The language.
    pub fn tongue(&self) -> Tongue {
        if self.other > self.latin && self.other > self.chinese {
            Tongue::Other
        } else if self.chinese > self.latin {
            Tongue::Chinese
        } else {
            Tongue::English
        }
    }

    /// Adds features of one group.
    pub(super) fn take(&mut self, rows: &Rows, group: Group, hashes: &[u32]) {
        let (sums, count) = match group {
            Group::Words => (&mut self.words, &mut self.of_words),
            Group::Runs => (&mut self.runs, &mut self.of_runs),
        };
        *count = count.saturating_add(hashes.len() as u32);
        for batch in hashes.chunks(BATCH) {
            match rows {
                Rows::Four(table) => sum(&table.rows, batch, sums),
                Rows::Sixteen(table) => sum(&table.rows, batch, sums),
            }
        }
    }

    /// Adds the runs of a common word, of which there are so many.
    #[inline]
    pub(super) fn take_word(&mut self, rows: &Rows, place: usize, runs: u32) {
        fn add<const N: usize>(sums: &mut [i32; LANES], table: &Table<N>, place: usize) {
            let word = table.words.get(place).unwrap_or(&[0; N]);
            sums.iter_mut().zip(word).for_each(|(sum, word)| *sum = sum.saturating_add(i32::from(*word)));
        }
        self.of_runs = self.of_runs.saturating_add(runs);
        match rows {
            Rows::Four(table) => add(&mut self.runs, table, place),
            Rows::Sixteen(table) => add(&mut self.runs, table, place),
        }
    }
}

#[inline]
fn sum<const N: usize>(rows: &[[i8; N]], batch: &[u32], sums: &mut [i32; LANES]) {
    let mask = rows.len() - 1;
    let mut short = [0_i16; N];
    for hash in batch {
        if let Some(row) = rows.get(*hash as usize & mask) {
            for (sum, weight) in short.iter_mut().zip(row) {
                *sum = sum.wrapping_add(i16::from(*weight));
            }
        }
    }
    for (sum, short) in sums.iter_mut().zip(short) {
        *sum = sum.saturating_add(i32::from(short));
    }
}

/// What the sums of words and of runs are worth: what a text tells grows with the root of how many there are.
pub(super) fn roots(words: u32, runs: u32, prior: f32) -> (f32, f32) {
    let root = |count: u32, prior: f32| if count == 0 { 0.0 } else { 1.0 / (count as f32 + prior).sqrt() };
    (root(words, prior / 4.0), root(runs, prior))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_zero(prior: &f32) -> bool {
    *prior <= 0.0
}

impl Model {
    /// What each class's sum comes to: a logit before calibration.
    pub fn logits(&self, sums: &Sums) -> [f32; LANES] {
        let (words, runs) = roots(sums.of_words, sums.of_runs, self.head.prior);
        let mut out = [f32::MIN; LANES];
        let classes = self.head.scales.iter().zip(&self.head.biases);
        for (k, (scale, bias)) in classes.enumerate().take(LANES) {
            out[k] = bias + scale * (sums.words[k] as f32 * words + sums.runs[k] as f32 * runs);
        }
        out
    }

    /// Its name, such as `harm`.
    pub fn name(&self) -> &str {
        &self.head.name
    }

    /// Its classes; the first one is the verdict as a whole.
    pub fn classes(&self) -> &[String] {
        &self.head.classes
    }

    /// What is said of it.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// How it is read in a language.
    pub fn calibration(&self, tongue: Tongue) -> &Calibration {
        let [english, chinese, other] = &self.tongues;
        match tongue {
            Tongue::English => english,
            Tongue::Chinese => chinese,
            Tongue::Other => other,
        }
    }
}
