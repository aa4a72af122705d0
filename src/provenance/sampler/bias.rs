//! What an upstream is asked: the words of each pair by their numbers, one preferred and the other not, as the epoch's coin says.

use std::fmt::Write as _;
use std::path::Path;

use super::lists::{List, Pair};
use super::settings::Strength;
use super::vocabulary::{Vocabulary, VocabularyError};
use crate::provenance::mark::Epoch;

/// Most pairs in a request: OpenAI takes 300 entries at most.
pub const MOST_PAIRS: usize = 150;
/// Fewer pairs than this tell too little.
const LEAST_PAIRS: usize = 50;

/// A tokenizer's numbers for the pairs of each list, the first [`MOST_PAIRS`] of those that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Biased {
    english: Vec<(Pair, [u32; 2])>,
    chinese: Vec<(Pair, [u32; 2])>,
}

impl Biased {
    /// Out of the operator's file.
    ///
    /// # Errors
    /// It cannot be read, is no tokenizer, or has too few of the words in either language.
    pub fn load(path: &Path) -> Result<Self, VocabularyError> {
        Self::of(&path.display().to_string(), &Vocabulary::load(path)?)
    }

    /// Of a vocabulary; `path` is for what is said of it.
    ///
    /// # Errors
    /// It has too few of the words in either language.
    pub fn of(path: &str, vocabulary: &Vocabulary) -> Result<Self, VocabularyError> {
        let known = |list: List| -> Vec<(Pair, [u32; 2])> {
            let both = |pair: &Pair| {
                let [first, second] = [pair.first, pair.second].map(|word| vocabulary.token(word));
                let tokens = [first?, second?];
                (tokens[0] != tokens[1]).then_some((*pair, tokens))
            };
            list.pairs().iter().filter_map(both).take(MOST_PAIRS).collect()
        };
        let (english, chinese) = (known(List::English), known(List::Chinese));
        if english.len().max(chinese.len()) < LEAST_PAIRS {
            let (english, chinese) = (english.len(), chinese.len());
            return Err(VocabularyError::Few { path: path.to_owned(), english, chinese, least: LEAST_PAIRS });
        }
        Ok(Self { english, chinese })
    }

    /// How many pairs of a list are asked for; 0 where the tokenizer has too few of them.
    pub fn pairs(&self, list: List) -> usize {
        Some(self.of_list(list).len()).filter(|&pairs| pairs >= LEAST_PAIRS).unwrap_or_default()
    }

    /// The value of `logit_bias` for answers in a language; none where the tokenizer has too few of its words.
    pub fn object(&self, epoch: &Epoch, list: List, strength: Strength) -> Option<String> {
        if self.pairs(list) == 0 {
            return None;
        }
        let (more, less) = (strength.logit(), -strength.logit());
        let mut out = String::from("{");
        for (pair, [first, second]) in self.of_list(list) {
            let (of_first, of_second) =
                if epoch.coin(pair.first, pair.second) { (more, less) } else { (less, more) };
            let comma = if out.len() > 1 { "," } else { "" };
            // Writing to a String does not fail.
            let _ = write!(out, "{comma}\"{first}\":{of_first},\"{second}\":{of_second}");
        }
        out.push('}');
        Some(out)
    }

    fn of_list(&self, list: List) -> &[(Pair, [u32; 2])] {
        match list {
            List::English => &self.english,
            List::Chinese => &self.chinese,
        }
    }
}
