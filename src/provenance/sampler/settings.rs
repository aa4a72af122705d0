//! `[[upstream.sampler]]`: which models of an upstream can be asked, and how much.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One `[[upstream.sampler]]`: models that share a tokenizer. Nothing is asked of them before a policy says `sampler_mark = true`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SamplerSettings {
    /// The models, as requests name them; `*` stands for any text. Another model's tokenizer has other numbers for the words.
    pub models: Vec<String>,
    /// Their tokenizer: Hugging Face's `tokenizer.json`, or a `.tiktoken` file.
    pub tokenizer: PathBuf,
    /// How much one word of a pair is preferred, and the other not: what is added to their logits, and taken from them; 0.5 to 5.
    #[serde(default)]
    pub bias: Strength,
}

/// What is added to a word's logit, from 0.5 to 5.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "f32", into = "f32")]
#[schemars(extend("minimum" = 0.5, "maximum" = 5))]
pub struct Strength(f32);

/// It is never not a number.
impl Eq for Strength {}

impl Default for Strength {
    fn default() -> Self {
        Self(2.0)
    }
}

impl Strength {
    /// The number.
    pub fn logit(self) -> f32 {
        self.0
    }
}

impl TryFrom<f32> for Strength {
    type Error = String;
    fn try_from(logit: f32) -> Result<Self, String> {
        let fits = (0.5..=5.0).contains(&logit);
        fits.then_some(Self(logit)).ok_or_else(|| format!("expected a bias from 0.5 to 5, found {logit}"))
    }
}

impl From<Strength> for f32 {
    fn from(strength: Strength) -> Self {
        strength.0
    }
}
