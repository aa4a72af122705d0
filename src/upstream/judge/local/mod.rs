//! Judges that are models in this process: transformers that classify a text, as Hugging Face exports them to ONNX.
//!
//! What such a model's labels are, how its scores are to be read and how much it reads at once stands in its `config.json`, which lies beside
//! its tokenizer; that is read here, in every build. What runs it ([`run`]) is in builds with the feature `onnx` alone.

#[cfg(feature = "onnx")]
mod run;
#[cfg(all(test, feature = "onnx"))]
mod tests;

#[cfg(feature = "onnx")]
pub(super) use run::Local;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::JudgeSettings;

/// The most labels that a model may have.
const MOST_LABELS: usize = 1000;
/// What a model reads at once at most, where its configuration does not say.
const TOKENS: usize = 512;
/// A model that reads less at once reads nothing.
const FEWEST_TOKENS: usize = 8;
/// More is no configuration.
const LONGEST: u64 = 16 << 20;

/// Why a model cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct LocalError {
    /// The key of the judge's that is wrong: `kind`, `model` or `tokenizer`.
    pub key: &'static str,
    /// What kind of mistake it is.
    pub code: &'static str,
    /// What is wrong.
    pub reason: String,
}

impl LocalError {
    fn new(key: &'static str, code: &'static str, reason: impl Into<String>) -> Self {
        Self { key, code, reason: reason.into() }
    }

    /// A file that cannot be read.
    fn unread(key: &'static str, path: &Path, error: &std::io::Error) -> Self {
        Self::new(key, "no-file", format!("cannot read `{}`: {error}", path.display()))
    }
}

/// The `config.json` of a model, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Config {
    #[serde(default)]
    id2label: BTreeMap<String, String>,
    problem_type: Option<String>,
    max_position_embeddings: Option<usize>,
    #[serde(default)]
    model_type: String,
    pad_token_id: Option<usize>,
}

/// What a model says and how much it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    labels: Vec<String>,
    /// Each label is true or not for itself; else exactly one of them is.
    each: bool,
    tokens: usize,
}

/// Where the configuration of a judge's model lies: beside the tokenizer.
pub(super) fn config_file(settings: &JudgeSettings) -> Option<PathBuf> {
    settings.tokenizer.as_ref().map(|tokenizer| tokenizer.with_file_name("config.json"))
}

impl Head {
    /// Reads what the configuration of a judge's model says.
    ///
    /// # Errors
    /// It is not there, is none, or is that of a model which does something else.
    pub fn read(settings: &JudgeSettings) -> Result<Self, LocalError> {
        let Some(path) = config_file(settings) else {
            return Err(LocalError::new("kind", "missing-key", "a model needs its `tokenizer`"));
        };
        let unread = |error: std::io::Error| LocalError::unread("tokenizer", &path, &error);
        if std::fs::metadata(&path).map_err(unread)?.len() > LONGEST {
            return Err(Self::wrong(&path, "it is too long"));
        }
        let text = std::fs::read_to_string(&path).map_err(unread)?;
        Self::of(&text).map_err(|reason| Self::wrong(&path, &reason))
    }

    fn wrong(path: &Path, reason: &str) -> LocalError {
        LocalError::new("tokenizer", "bad-model", format!("`{}`: {reason}", path.display()))
    }

    fn of(text: &str) -> Result<Self, String> {
        let config: Config = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let count = config.id2label.len();
        if count == 0 {
            return Err("it has no `id2label`, so that nobody knows what the model says".into());
        }
        if count > MOST_LABELS {
            return Err(format!("`id2label` has {count} labels; expected {MOST_LABELS} at most"));
        }
        let label = |n: usize| {
            let label = config.id2label.get(&n.to_string()).cloned();
            label.ok_or_else(|| format!("`id2label` has {count} labels and none for {n}"))
        };
        let labels = (0..count).map(label).collect::<Result<Vec<_>, _>>()?;
        let each = match config.problem_type.as_deref() {
            Some("multi_label_classification") => true,
            // Of a single label nothing else can be said than whether it is true.
            Some("single_label_classification") | None => count == 1,
            Some(other) => {
                return Err(format!(
                    "`problem_type` is `{other}`; expected `single_label_classification` or `multi_label_classification`"
                ));
            }
        };
        // These count places from behind the number of their padding.
        let behind = match config.model_type.as_str() {
            "roberta" | "xlm-roberta" | "camembert" | "xlm-roberta-xl" => {
                config.pad_token_id.unwrap_or(1) + 1
            }
            _ => 0,
        };
        let tokens = config.max_position_embeddings.map_or(TOKENS, |places| places.saturating_sub(behind));
        if tokens < FEWEST_TOKENS {
            return Err(format!("the model reads {tokens} tokens at once; expected {FEWEST_TOKENS} or more"));
        }
        Ok(Self { labels, each, tokens })
    }

    /// The names that it has for things, in the order of its scores.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Whether each label is true or not for itself; else exactly one of them is.
    pub fn is_of_each(&self) -> bool {
        self.each
    }

    /// How many tokens the model reads at once.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Scores from 0 to 1 for what a model gives; none where that is not a number for each label.
    #[cfg(any(test, feature = "onnx"))]
    fn scores(&self, logits: &[f32]) -> Option<Vec<f32>> {
        if logits.len() != self.labels.len() || !logits.iter().all(|one| one.is_finite()) {
            return None;
        }
        if self.is_of_each() {
            return Some(logits.iter().map(|one| 1.0 / (1.0 + (-one).exp())).collect());
        }
        // Of the highest the power is one, and none is beyond all numbers.
        let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let powers: Vec<f32> = logits.iter().map(|one| (one - most).exp()).collect();
        let sum: f32 = powers.iter().sum();
        Some(powers.into_iter().map(|one| one / sum).collect())
    }
}

/// A model that this build cannot run.
#[cfg(not(feature = "onnx"))]
#[derive(Debug)]
pub(super) struct Local(std::convert::Infallible);

#[cfg(not(feature = "onnx"))]
impl Local {
    /// Nothing is loaded.
    ///
    /// # Errors
    /// Always.
    pub(super) fn load(_: &JudgeSettings) -> Result<Self, LocalError> {
        let reason = "this build of sluicegate has no runtime for ONNX models: build it with `cargo build --release --features onnx`";
        Err(LocalError::new("kind", "not-built", reason))
    }

    /// Nothing can be asked.
    #[expect(clippy::unused_async, reason = "as where something can")]
    pub(super) async fn judge(
        self: &std::sync::Arc<Self>,
        _: &str,
    ) -> Result<Vec<super::wire::Told>, super::Failure> {
        match self.0 {}
    }
}

/// Whether the model of a judge can be run, its tokenizer included. It is loaded for that and goes.
///
/// # Errors
/// Why not.
pub fn can_run(settings: &JudgeSettings) -> Result<(), LocalError> {
    Local::load(settings).map(drop)
}

#[cfg(test)]
mod head_tests {
    use super::Head;
    use proptest::prelude::*;

    fn config(more: &str) -> String {
        format!("{{\"id2label\": {{\"0\": \"SAFE\", \"1\": \"UNSAFE\"}}{more}}}")
    }

    #[test]
    fn configurations_say_what_scores_mean() {
        let head = |more: &str| Head::of(&config(more)).expect("a configuration");
        assert_eq!(head("").labels(), ["SAFE", "UNSAFE"]);
        assert_eq!((head("").each, head("").tokens), (false, 512));
        assert!(head(", \"problem_type\": \"multi_label_classification\"").each);
        assert_eq!(head(", \"max_position_embeddings\": 8192").tokens, 8192);
        let roberta = ", \"model_type\": \"roberta\", \"pad_token_id\": 1, \"max_position_embeddings\": 514";
        assert_eq!(head(roberta).tokens, 512);
        for (text, why) in [
            ("{", "EOF"),
            ("{}", "no `id2label`"),
            ("{\"id2label\": {\"0\": \"A\", \"2\": \"B\"}}", "none for 1"),
            (&config(", \"problem_type\": \"regression\""), "`regression`"),
            (&config(", \"max_position_embeddings\": 4"), "4 tokens"),
        ] {
            let said = Head::of(text).expect_err(why);
            assert!(said.contains(why), "{said}");
        }
    }

    proptest! {
        /// Whatever a model gives: scores are from 0 to 1, of one among several they add up, and the order is the model's.
        #[test]
        fn scores_are_scores(logits in prop::collection::vec(any::<f32>(), 0..5), each: bool) {
            let labels: Vec<String> = (0..3).map(|n| n.to_string()).collect();
            let head = Head { labels, each, tokens: 512 };
            let Some(scores) = head.scores(&logits) else {
                prop_assert!(logits.len() != 3 || logits.iter().any(|one| !one.is_finite()));
                return Ok(());
            };
            prop_assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)), "{scores:?}");
            if !each {
                prop_assert!((scores.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{scores:?}");
            }
            for (a, x) in scores.iter().zip(&logits) {
                for (b, y) in scores.iter().zip(&logits) {
                    prop_assert!(x > y || a <= b, "{logits:?} {scores:?}");
                }
            }
        }
    }
}
