//! `[labels.c2pa]`: what signs manifests.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::credential::{Chain, Credential, CredentialError};
use crate::diag::loose_mode;

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
    /// In a comment in the last line.
    #[default]
    Comment,
    /// Behind the text, in characters that nobody sees: three times the bytes, and it goes along where the whole text is copied.
    Wrapper,
}

/// What is wrong with the settings, and under which key.
#[derive(Debug)]
pub struct C2paFault {
    /// `chain`, `key` or `key_env`; none, where a key is missing.
    pub key: Option<&'static str>,
    /// What is wrong.
    pub what: Box<C2paProblem>,
}

/// What can be wrong with what signs.
#[derive(Debug, thiserror::Error)]
pub enum C2paProblem {
    /// A setting is not there.
    #[error("`[labels.c2pa]` says no {0}")]
    Missing(&'static str),
    /// Two settings say the same.
    #[error("`[labels.c2pa]` says more than one source of its key")]
    Twice,
    /// A variable cannot be called so.
    #[error("`key_env` takes the name of an environment variable")]
    Name,
    /// A file of certificates that cannot be read.
    #[error("cannot read `{0}`: {1}")]
    File(String, std::io::Error),
    /// A secret that is not there.
    #[error("{0}")]
    Absent(String),
    /// A secret that others may read.
    #[error("`{0}` may be read by others (mode {1:o})")]
    Loose(String, u32),
    /// The chain of this file.
    #[error("`{0}`: {1}")]
    Chain(String, #[source] CredentialError),
    /// The key, which comes from there.
    #[error("{0}: {1}")]
    Key(String, #[source] CredentialError),
}

impl C2paSettings {
    /// The chain and its key.
    ///
    /// # Errors
    /// What is wrong first.
    pub fn load(&self, environment: &dyn Fn(&str) -> Option<String>) -> Result<Credential, C2paFault> {
        let fault = |key: &'static str, what: C2paProblem| C2paFault { key: Some(key), what: Box::new(what) };
        let missing =
            |what: &'static str| C2paFault { key: None, what: Box::new(C2paProblem::Missing(what)) };
        let Some(path) = &self.chain else { return Err(missing("`chain`")) };
        let shown = |path: &std::path::Path| path.display().to_string();
        let chain = std::fs::read(path)
            .map_err(|error| fault("chain", C2paProblem::File(shown(path), error)))
            .map(Zeroizing::new)?;
        let chain =
            Chain::read(&chain).map_err(|error| fault("chain", C2paProblem::Chain(shown(path), error)))?;
        let (key, from, pem) = match (&self.key, &self.key_env) {
            (None, None) => return Err(missing("`key` or `key_env`")),
            (Some(_), Some(_)) => return Err(fault("key_env", C2paProblem::Twice)),
            (Some(path), None) => {
                let absent = |error: std::io::Error| {
                    fault("key", C2paProblem::Absent(format!("cannot read `{}`: {error}", path.display())))
                };
                if let Some(mode) = loose_mode(path).map_err(absent)? {
                    return Err(fault("key", C2paProblem::Loose(shown(path), mode)));
                }
                let pem = std::fs::read(path).map(Zeroizing::new).map_err(absent)?;
                ("key", format!("`{}`", path.display()), pem)
            }
            (None, Some(name)) => {
                let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
                if name.is_empty()
                    || !name.chars().all(is_name)
                    || name.starts_with(|c: char| c.is_ascii_digit())
                {
                    return Err(fault("key_env", C2paProblem::Name));
                }
                let from = format!("environment variable `{name}`");
                let absent = || fault("key_env", C2paProblem::Absent(format!("{from} is not set")));
                let pem = environment(name).ok_or_else(absent)?;
                ("key_env", from, Zeroizing::new(pem.into_bytes()))
            }
        };
        chain.with_key(&pem).map_err(|error| fault(key, C2paProblem::Key(from, error)))
    }
}
