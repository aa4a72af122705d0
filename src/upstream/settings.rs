//! Where requests go: addresses, credentials, time limits.

use crate::diag::Time;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::provenance::sampler::SamplerSettings;
use std::path::PathBuf;

/// One `[[upstream]]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamSettings {
    /// The name that routes use; also the label in metrics and records.
    pub name: String,
    /// Where it stands, as records say it: a country code, `eu`, or a cloud's name for a place. Another name counts where `residency` of a
    /// policy or profile names it too.
    #[serde(default)]
    pub region: Option<String>,
    /// The dialects it speaks.
    pub dialects: Vec<DialectFamily>,
    /// `https://host/prefix`, or `demonstration:` for the built-in one.
    pub base_url: String,
    /// Where its credential comes from; without it, none is sent.
    #[serde(default)]
    pub credential: Option<CredentialSettings>,
    /// Time limits.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// A PEM file of certificate authorities that are trusted besides the usual ones.
    #[serde(default)]
    pub extra_roots: Option<PathBuf>,
    /// Models whose sampler can be asked for a mark.
    #[serde(default, rename = "sampler", skip_serializing_if = "Vec::is_empty")]
    pub samplers: Vec<SamplerSettings>,
}

/// The base URL of the built-in demonstration upstream.
pub const DEMONSTRATION: &str = "demonstration:";

impl UpstreamSettings {
    /// Whether this is the built-in demonstration upstream.
    pub fn is_demonstration(&self) -> bool {
        self.base_url == DEMONSTRATION
    }
}

/// A provider's family of dialects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DialectFamily {
    /// OpenAI: chat completions, completions, responses, embeddings, models.
    Openai,
    /// Anthropic: messages, count_tokens.
    Anthropic,
    /// Gemini: generateContent and its relatives.
    Gemini,
    /// Ollama: chat, generate, embed.
    Ollama,
}

impl DialectFamily {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Openai, Self::Anthropic, Self::Gemini, Self::Ollama];

    /// The name in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
        }
    }
}

/// An upstream's `credential`: exactly one of `env`, `file` and `passthrough`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CredentialSettings {
    /// The environment variable that holds it.
    pub env: Option<String>,
    /// The file that holds it; readable by its owner only.
    pub file: Option<PathBuf>,
    /// The client's own credential goes on to the upstream.
    pub passthrough: bool,
    /// The header field it is sent in; without it, as the dialect has it.
    pub header: Option<String>,
}

/// An upstream's time limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// To connect, TLS included.
    pub connect: Time,
    /// Until the head of the answer.
    pub first_byte: Time,
    /// Between two pieces of the answer.
    pub idle: Time,
    /// For the whole answer.
    pub total: Time,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Time::secs(10),
            first_byte: Time::secs(120),
            idle: Time::secs(120),
            total: Time::secs(3600),
        }
    }
}

/// A credential as resolved at start.
#[derive(Debug, Clone)]
pub enum Credential {
    /// None is sent, also not the client's.
    None,
    /// The client's own goes on.
    Passthrough,
    /// This one is sent in place of the client's.
    Secret {
        /// The header field; none: as the dialect has it.
        header: Option<String>,
        /// The credential.
        value: SecretString,
    },
}
