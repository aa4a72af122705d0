//! What a recipe says: which model, how trained, from which texts.

use serde::Deserialize;
use std::collections::BTreeMap;

/// A recipe's file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recipe {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) title: String,
    /// The first one is the verdict as a whole.
    pub(super) classes: Vec<String>,
    #[serde(default = "bits")]
    pub(super) bits: u32,
    #[serde(default = "epochs")]
    pub(super) epochs: u32,
    #[serde(default = "rate")]
    pub(super) rate: f32,
    #[serde(default = "decay")]
    pub(super) decay: f32,
    #[serde(default = "folds")]
    pub(super) folds: u32,
    /// See [`Plan`](crate::detect::classify::Plan).
    #[serde(default = "all")]
    pub(super) part: f32,
    /// The same by language, where it is another one.
    #[serde(default)]
    pub(super) part_in: PartIn,
    /// How much each sentence of a harmless text counts; 0 for not at all.
    #[serde(default)]
    pub(super) sentences: f32,
    /// See [`Settings`](crate::detect::classify::Settings).
    #[serde(default)]
    pub(super) prior: f32,
    /// Files of phrases, beside the recipe.
    #[serde(default)]
    pub(super) phrases: Vec<String>,
    #[serde(default)]
    pub(super) per_line: usize,
    #[serde(default)]
    pub(super) phrase_weight: f32,
    /// Of the phrases of other tasks.
    #[serde(default)]
    pub(super) share_of_others: f32,
    /// The share of texts that are learned as they sound, too: Chinese in pinyin, English as it is heard.
    #[serde(default)]
    pub(super) sounds: f32,
    /// The same of those with label 0; without it as `sounds`.
    #[serde(default)]
    pub(super) sounds_of_zero: Option<f32>,
    #[serde(rename = "source", default)]
    pub(super) sources: Vec<SourceOf>,
}

/// See [`Plan`](crate::detect::classify::Plan).
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartIn {
    en: Option<f32>,
    zh: Option<f32>,
    other: Option<f32>,
}

impl Recipe {
    /// What is wrong with its numbers: what, what it is, and from where to where it may be.
    pub(super) fn out_of_range(&self) -> Option<String> {
        let [en, zh, other] = self.parts().map(f64::from);
        let whole = [
            ("bits", f64::from(self.bits), 8.0, 22.0),
            ("epochs", f64::from(self.epochs), 1.0, 1000.0),
            ("folds", f64::from(self.folds), 2.0, 20.0),
        ];
        let parts = [
            ("rate", f64::from(self.rate), 1e-6, 100.0),
            ("decay", f64::from(self.decay), 0.0, 1.0),
            ("prior", f64::from(self.prior), 0.0, 10_000.0),
            ("part, or part_in.en,", en, -100.0, 100.0),
            ("part, or part_in.zh,", zh, -100.0, 100.0),
            ("part, or part_in.other,", other, -100.0, 100.0),
            ("sentences", f64::from(self.sentences), 0.0, 100.0),
            ("phrase_weight", f64::from(self.phrase_weight), 0.0, 100.0),
        ];
        let weights = self.sources.iter().map(|source| ("weight", f64::from(source.weight), 0.0, 1000.0));
        let mut all = whole.into_iter().chain(parts).chain(weights);
        let (key, found, least, most) =
            all.find(|(_, found, least, most)| !(*least..=*most).contains(found))?;
        Some(format!("`{key}` is {found}; expected {least} to {most}"))
    }

    /// How much surer a part has to be, by language.
    pub(super) fn parts(&self) -> [f32; 3] {
        let PartIn { en, zh, other } = self.part_in;
        [en, zh, other].map(|own| own.unwrap_or(self.part))
    }
}

/// Texts of one source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceOf {
    /// The file, in the folder of the data.
    pub(super) file: String,
    /// How the rows' `source` begins; without it all rows are meant, also those that name none.
    #[serde(default)]
    pub(super) name: String,
    /// The field that is read.
    #[serde(default = "text")]
    pub(super) text: String,
    /// The share of its rows with label 1 that is taken, by their text.
    #[serde(default = "all")]
    pub(super) share: f32,
    /// The same of those with label 0; without it as `share`.
    #[serde(default)]
    pub(super) share_of_zero: Option<f32>,
    #[serde(default = "all")]
    pub(super) weight: f32,
    /// Classes of the rows' categories.
    #[serde(default)]
    pub(super) categories: BTreeMap<String, String>,
    /// What rows with label 1 are, where it is not told by the label: 1, 0, or -1 where it is not known.
    #[serde(default)]
    pub(super) one: BTreeMap<String, i8>,
    /// The same of label 0.
    #[serde(default)]
    pub(super) zero: BTreeMap<String, i8>,
    /// Whether the rows with label 0 are among those by which thresholds are told.
    #[serde(default)]
    pub(super) benign: bool,
    /// Not among the project's data: it may be missing.
    #[serde(default)]
    pub(super) optional: bool,
    /// Judged only.
    #[serde(default)]
    pub(super) measure_only: bool,
}

fn text() -> String {
    "text".to_owned()
}

fn bits() -> u32 {
    18
}

fn epochs() -> u32 {
    5
}

fn rate() -> f32 {
    0.1
}

fn decay() -> f32 {
    0.000_001
}

fn folds() -> u32 {
    3
}

fn all() -> f32 {
    1.0
}

/// A file of phrases.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PhraseFile {
    pub(super) frame: Vec<Frame>,
    pub(super) acts: Vec<Acts>,
    pub(super) injection: Vec<Injection>,
}

/// Sentences with a place for an act.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Frame {
    pub(super) name: String,
    pub(super) lang: String,
    pub(super) lines: String,
}

/// Acts or things, harmful where they have a category.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Acts {
    pub(super) lang: String,
    pub(super) category: Option<String>,
    pub(super) frames: Vec<String>,
    /// Frames in which they are harmless.
    #[serde(default)]
    pub(super) twins: Vec<String>,
    pub(super) lines: String,
}

/// Orders to an assistant, or what looks like them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Injection {
    pub(super) lang: String,
    pub(super) category: Option<String>,
    pub(super) label: i8,
    /// `prompt` or `tool`; without it both.
    pub(super) side: Option<String>,
    pub(super) lines: String,
}
