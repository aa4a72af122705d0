//! `[labels.c2pa]`: what signs manifests.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[labels.c2pa]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct C2paSettings {
    /// The certificates in PEM: the signer's first, then each one's issuer. A path is relative to this file.
    pub chain: Option<PathBuf>,
    /// The key of the first certificate in PEM, without a passphrase.
    pub key: Option<PathBuf>,
    /// The environment variable that holds that key, in the place of a file.
    pub key_env: Option<String>,
    /// Where a manifest stands in Markdown.
    pub markdown: CommentOrWrapper,
}

/// Where a manifest stands in Markdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommentOrWrapper {
    /// Behind the text, in characters that nobody sees: it goes along when the whole text is copied.
    #[default]
    Wrapper,
    /// In a comment in the last line: a third of the bytes, and lost when what is shown is copied.
    Comment,
}
