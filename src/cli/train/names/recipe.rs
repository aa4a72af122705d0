//! What a tagger's recipe says, and the files of words and frames beside it.

use serde::Deserialize;
use std::collections::BTreeMap;

/// A recipe's file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Recipe {
    /// `tagger`.
    #[expect(dead_code, reason = "read before, to tell recipes apart")]
    kind: String,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) title: String,
    /// What is found, such as `person`, each with the type that labelled texts call it by.
    pub(super) types: Vec<TypeOf>,
    pub(super) bits: u32,
    pub(super) epochs: u32,
    pub(super) rate: f32,
    pub(super) decay: f32,
    /// Rows of the table whose features occur less often stay zero.
    pub(super) least: u32,
    /// Of each source one text in so many is kept for the figures.
    pub(super) held: u32,
    /// Files of words and frames, beside the recipe.
    pub(super) words: Vec<String>,
    /// Texts made of a line of a frame.
    pub(super) per_line: usize,
    pub(super) made_weight: f32,
    /// What the card says of limits, a line each.
    #[serde(default)]
    pub(super) limits: Vec<String>,
    #[serde(rename = "source")]
    pub(super) sources: Vec<SourceOf>,
}

/// A type.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TypeOf {
    pub(super) name: String,
    /// Such as `PERSON`.
    pub(super) labelled: String,
    /// Slots of frames that are one.
    pub(super) slots: Vec<String>,
    /// What is less sure is not found at all, 0 to 1.
    #[serde(default)]
    pub(super) least: f32,
}

/// Labelled texts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceOf {
    /// The file, in the folder of the data.
    pub(super) file: String,
    /// How the rows' `source` begins; without it all that no other entry of the file names.
    #[serde(default)]
    pub(super) name: String,
    #[serde(default = "one")]
    pub(super) weight: f32,
    /// Types that were looked for, where the rows do not say.
    #[serde(default)]
    pub(super) labelled: Vec<String>,
    /// So many more copies of a text, with other persons in it.
    #[serde(default)]
    pub(super) swapped: u32,
    /// The share of the rows that is taken.
    #[serde(default = "one")]
    pub(super) share: f32,
    /// Of a file that says neither: its licence and its language.
    #[serde(default)]
    pub(super) licence: String,
    #[serde(default)]
    pub(super) lang: String,
    /// Whether it may be missing: what is not among the project's own data.
    #[serde(default)]
    pub(super) optional: bool,
    /// Nobody labelled it: common words are nothing, of all else nothing is known.
    #[serde(default)]
    pub(super) unlabelled: bool,
    /// Judged only.
    #[serde(default)]
    pub(super) measure_only: bool,
}

fn one() -> f32 {
    1.0
}

/// A file of words and frames.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WordFile {
    pub(super) words: Vec<WordsOf>,
    pub(super) make: Vec<Make>,
    pub(super) frame: Vec<Frame>,
}

/// Words, parted by white space; `_` stands for a space within one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WordsOf {
    /// Languages, as frames name them; none for words that only the lexicon has.
    #[serde(default)]
    pub(super) langs: Vec<String>,
    /// The slot that they fill.
    #[serde(default)]
    pub(super) slot: String,
    /// What the lexicon says of them.
    #[serde(default)]
    pub(super) traits: Vec<String>,
    pub(super) words: String,
}

/// Ways to fill a slot, a line each.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Make {
    pub(super) langs: Vec<String>,
    pub(super) slot: String,
    pub(super) lines: String,
}

/// Texts with slots, a line each. `\n` stands for the end of a line, `(a|b)` for one of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Frame {
    pub(super) langs: Vec<String>,
    pub(super) lines: String,
    /// How often, in place of the recipe's `per_line`.
    #[serde(default)]
    pub(super) per_line: Option<usize>,
}

impl Recipe {
    /// The place of the type that labelled texts call so.
    pub(super) fn labelled(&self, name: &str) -> Option<usize> {
        self.types.iter().position(|one| one.labelled == name)
    }

    /// The place of the type of a slot.
    pub(super) fn slot(&self, slot: &str) -> Option<usize> {
        self.types.iter().position(|one| one.slots.iter().any(|own| own == slot))
    }
}

/// Ways to fill slots, by language and slot.
#[derive(Debug, Default)]
pub(super) struct Slots<'f> {
    pub(super) words: BTreeMap<(&'f str, &'f str), Vec<String>>,
    pub(super) lines: BTreeMap<(&'f str, &'f str), Vec<&'f str>>,
}

impl<'f> Slots<'f> {
    pub(super) fn of(files: &'f [WordFile]) -> Self {
        let mut out = Self::default();
        for list in files.iter().flat_map(|file| &file.words).filter(|list| !list.slot.is_empty()) {
            for lang in &list.langs {
                let words = list.words.split_whitespace().map(|word| word.replace('_', " "));
                out.words.entry((lang, &list.slot)).or_default().extend(words);
            }
        }
        for make in files.iter().flat_map(|file| &file.make) {
            for lang in &make.langs {
                let lines = make.lines.lines().map(str::trim).filter(|line| !line.is_empty());
                out.lines.entry((lang, &make.slot)).or_default().extend(lines);
            }
        }
        out
    }
}
