//! `[[judge]]`: services and models that judge texts.

use super::address::Network;
use super::local::{Head, config_file};
use crate::diag::Time;
use crate::upstream::CredentialSettings;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a judge is, and so how it is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JudgeKind {
    /// A service of one's own that keeps this gateway's contract.
    Webhook,
    /// OpenAI's moderation endpoint, or one like it.
    OpenaiModeration,
    /// Llama Guard 3 or 4 behind an OpenAI-compatible server.
    LlamaGuard,
    /// Qwen3Guard-Gen behind an OpenAI-compatible server.
    Qwen3Guard,
    /// Granite Guardian behind an OpenAI-compatible server.
    GraniteGuardian,
    /// ShieldGemma behind an OpenAI-compatible server.
    ShieldGemma,
    /// A detector of the FMS orchestrator and of TrustyAI: `/api/v1/text/contents`.
    FmsDetector,
    /// Presidio's analyzer: `/analyze`.
    Presidio,
    /// Azure AI Content Safety: `/contentsafety/text:analyze`.
    AzureContentSafety,
    /// A transformer in this process, as an ONNX file; in builds with the feature `onnx`.
    Onnx,
}

impl JudgeKind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Webhook,
        Self::OpenaiModeration,
        Self::LlamaGuard,
        Self::Qwen3Guard,
        Self::GraniteGuardian,
        Self::ShieldGemma,
        Self::FmsDetector,
        Self::Presidio,
        Self::AzureContentSafety,
        Self::Onnx,
    ];

    /// The name in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::OpenaiModeration => "openai_moderation",
            Self::LlamaGuard => "llama_guard",
            Self::Qwen3Guard => "qwen3_guard",
            Self::GraniteGuardian => "granite_guardian",
            Self::ShieldGemma => "shield_gemma",
            Self::FmsDetector => "fms_detector",
            Self::Presidio => "presidio",
            Self::AzureContentSafety => "azure_content_safety",
            Self::Onnx => "onnx",
        }
    }

    /// Whether a chat model is asked.
    pub fn is_chat(self) -> bool {
        match self {
            Self::LlamaGuard | Self::Qwen3Guard | Self::GraniteGuardian | Self::ShieldGemma => true,
            Self::Webhook
            | Self::OpenaiModeration
            | Self::FmsDetector
            | Self::Presidio
            | Self::AzureContentSafety
            | Self::Onnx => false,
        }
    }

    /// Whether it is given what stands before a text, and what an answer answers, as well.
    pub fn reads_around(self) -> bool {
        self == Self::Webhook || self.is_chat()
    }

    /// Whether it is a part of this process, so that no text leaves for it.
    pub fn is_local(self) -> bool {
        self == Self::Onnx
    }

    /// How the path of its address ends; nothing where any will do.
    pub fn paths(self) -> &'static [&'static str] {
        match self {
            Self::Webhook | Self::Onnx => &[],
            Self::OpenaiModeration => &["/moderations"],
            Self::LlamaGuard | Self::ShieldGemma => &["/chat/completions", "/completions"],
            // Their prompts are made by the server's template.
            Self::Qwen3Guard | Self::GraniteGuardian => &["/chat/completions"],
            Self::FmsDetector => &["/api/v1/text/contents"],
            Self::Presidio => &["/analyze"],
            Self::AzureContentSafety => &["/contentsafety/text:analyze"],
        }
    }
}

/// What happens to a text that a judge was to judge and did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// It passes unless the rule's own model finds something, and the record says that it was not judged.
    Open,
    /// It goes no further, where the rule would do more than record.
    #[default]
    Closed,
}

/// When a judge that fails is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerSettings {
    /// After so many failures in a row nobody asks it.
    pub failures: u32,
    /// For so long; then one question is asked, and the others wait for what comes of it.
    pub pause: Time,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failures: 5, pause: Time::secs(30) }
    }
}

/// What is remembered of a judge's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CacheSettings {
    /// Answers that are kept; 0 for none.
    pub entries: usize,
    /// For so long.
    pub ttl: Time,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self { entries: 10_000, ttl: Time::secs(600) }
    }
}

/// One `[[judge]]`: somebody who is asked about texts. Rules name it (`judge = "NAME"`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JudgeSettings {
    /// The name that rules use; also the label in metrics and records.
    pub name: String,
    /// What it is.
    pub kind: JudgeKind,
    /// The whole address that is posted to: `https://host/path`, or `http://` on this machine. Of a model in this process there is none.
    #[serde(default)]
    pub url: String,
    /// Where it stands: a country code, or `eu`; other names as an upstream's. Where data may go is held against it, as against upstreams.
    #[serde(default)]
    pub region: Option<String>,
    /// The addresses that its host may have: networks such as `10.0.0.0/8`. Without them, those of a public host have to be public, and those
    /// of a host of one's own may be any but link-local ones.
    #[serde(default)]
    pub addresses: Vec<Network>,
    /// Where its credential comes from; without it, none is sent.
    #[serde(default)]
    pub credential: Option<CredentialSettings>,
    /// The model that is asked for; for a detector its `detector-id`, for a model in this process its `.onnx` file.
    #[serde(default)]
    pub model: Option<String>,
    /// The `tokenizer.json` of a model in this process, beside which its `config.json` lies.
    #[serde(default)]
    pub tokenizer: Option<PathBuf>,
    /// What Granite Guardian (`harm` without it) or ShieldGemma (all four of its policies) looks for.
    #[serde(default)]
    pub criteria: Option<String>,
    /// The language that Presidio is told; `en` without it.
    #[serde(default)]
    pub language: Option<String>,
    /// What it calls things, and the categories of the taxonomy that it means by them: beside what is known of its kind, and in place of it.
    #[serde(default)]
    pub categories: BTreeMap<String, Vec<String>>,
    /// How long one question may take in all, retries and waiting for a place included.
    #[serde(default = "timeout")]
    pub timeout: Time,
    /// How often a question is asked again that was not answered.
    #[serde(default = "retries")]
    pub retries: u32,
    /// Questions that are asked at the same time.
    #[serde(default = "concurrency")]
    pub concurrency: usize,
    /// When it is left alone.
    #[serde(default)]
    pub breaker: BreakerSettings,
    /// What is remembered.
    #[serde(default)]
    pub cache: CacheSettings,
    /// What happens to a text that it does not judge.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// A PEM file of certificate authorities that are trusted besides the usual ones.
    #[serde(default)]
    pub extra_roots: Option<PathBuf>,
}

impl JudgeSettings {
    /// The names that it has for things, where these are all that there are: of a model in this process its labels, as far as they can be
    /// read.
    pub fn closed_names(&self) -> Option<Vec<String>> {
        if self.kind.is_local() {
            return Head::read(self).ok().map(|head| head.labels().to_vec());
        }
        self.kind.closed_names().map(|names| names.into_iter().map(str::to_owned).collect())
    }

    /// The same, wherever its files lie.
    #[must_use]
    pub fn without_paths(&self) -> Self {
        let nowhere = |path: &Option<PathBuf>| path.as_ref().map(|_| PathBuf::new());
        let (extra_roots, tokenizer) = (nowhere(&self.extra_roots), nowhere(&self.tokenizer));
        let mut out = Self { tokenizer, extra_roots, ..self.clone() };
        out.model = out.model.filter(|_| !self.kind.is_local());
        if let Some(credential) = &mut out.credential {
            credential.file = credential.file.as_ref().map(|_| PathBuf::new());
        }
        out
    }

    /// The files that it is made from, those of its credential left out.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> {
        let model = self.model.as_ref().filter(|_| self.kind.is_local()).map(PathBuf::from);
        let of_model = model.into_iter().chain(self.tokenizer.clone()).chain(config_file(self));
        self.extra_roots.clone().into_iter().chain(of_model)
    }
}

fn timeout() -> Time {
    Time::secs(5)
}

fn retries() -> u32 {
    1
}

fn concurrency() -> usize {
    16
}
