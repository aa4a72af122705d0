//! Who else vouches for the journal: where witnesses and anchors are.

use crate::diag::Time;
use crate::upstream::CredentialSettings;
use crate::upstream::web::{is_this_machine, path_fault};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// One `[[witness]]`: somebody who cosigns the journal's checkpoints (C2SP tlog-witness).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WitnessSettings {
    /// Its name in metrics, logs and files.
    pub name: String,
    /// What stands before `/add-checkpoint`: `https://host/prefix`, or `http://` on this machine.
    pub url: String,
    /// Its public key, `name+id+base64`, as its operator tells it. What another key signs counts for nothing.
    pub key: String,
    /// A PEM file of certificate authorities that are trusted besides the usual ones.
    #[serde(default)]
    pub extra_roots: Option<PathBuf>,
    /// How long an answer may take, the connection included.
    #[serde(default = "timeout")]
    pub timeout: Time,
}

/// What is put elsewhere, and what comes back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnchorKind {
    /// The checkpoint itself, appended to a file or posted to an address.
    #[default]
    Checkpoint,
    /// Its SHA-256 to a timestamp service, which gives a signed time for it (RFC 3161).
    Rfc3161,
}

/// One `[[anchor]]`: a place elsewhere that holds checkpoints, or a service that stamps them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnchorSettings {
    /// Its name in metrics, logs and files.
    pub name: String,
    /// `file:///path`, `https://host/path`, or `http://` on this machine; a timestamp service may be asked over plain `http://` anywhere, since
    /// what it answers is signed.
    pub url: String,
    /// Whether it gets the checkpoint, or is asked for a timestamp.
    #[serde(default)]
    pub kind: AnchorKind,
    /// How often, where there is another checkpoint; without it, a day for timestamps and an hour else.
    #[serde(default)]
    pub every: Option<Time>,
    /// A PEM file of the authorities whose timestamps are trusted, or of the service's own certificate. Timestamps need it.
    #[serde(default)]
    pub roots: Option<PathBuf>,
    /// Where a bearer token comes from.
    #[serde(default)]
    pub credential: Option<CredentialSettings>,
    /// A PEM file of certificate authorities that are trusted for the connection besides the usual ones.
    #[serde(default)]
    pub extra_roots: Option<PathBuf>,
    /// How long an answer may take, the connection included.
    #[serde(default = "timeout")]
    pub timeout: Time,
}

fn timeout() -> Time {
    Time::secs(10)
}

impl AnchorSettings {
    /// How often.
    pub fn every(&self) -> Time {
        let usual = match self.kind {
            AnchorKind::Checkpoint => 3_600,
            AnchorKind::Rfc3161 => 86_400,
        };
        self.every.unwrap_or(Time::secs(usual))
    }

    /// The file that is appended to, where it is one.
    pub fn file(&self) -> Option<&Path> {
        self.url.strip_prefix("file://").map(Path::new)
    }

    /// Whether what is sent there passes a network without encryption, as timestamp services may be asked.
    pub fn is_clear(&self) -> bool {
        self.file().is_none() && web_fault(&self.url, false) != web_fault(&self.url, true)
    }

    /// What is wrong with its address.
    pub fn fault(&self) -> Option<String> {
        match self.file() {
            Some(_) if self.kind == AnchorKind::Rfc3161 => Some("a file gives no timestamps".into()),
            Some(path) if !path.is_absolute() => {
                Some("a file is named by its whole path: `file:///var/...`".into())
            }
            Some(path) => path_fault(&path.to_string_lossy()).map(str::to_owned),
            None => web_fault(&self.url, self.kind == AnchorKind::Rfc3161),
        }
    }
}

impl WitnessSettings {
    /// What is wrong with its address.
    pub fn fault(&self) -> Option<String> {
        let ends = || "what stands behind `?` has no place before `/add-checkpoint`".to_owned();
        web_fault(&self.url, false).or_else(|| self.url.contains('?').then(ends))
    }
}

/// What is wrong with an address of HTTP; `clear`: it may be asked without encryption anywhere.
fn web_fault(url: &str, clear: bool) -> Option<String> {
    let Ok(uri) = url.parse::<http::Uri>() else { return Some("not an address".into()) };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let local = is_this_machine(host);
    match uri.scheme_str() {
        Some("https" | "http") if host.is_empty() => Some("no host".into()),
        Some("https" | "http") if uri.authority().is_some_and(|a| a.as_str().contains('@')) => {
            Some("a password has no place in the file".into())
        }
        Some("https") => None,
        Some("http") if local || clear => None,
        Some("http") => Some("only this machine is asked without encryption: `https`".into()),
        _ => Some("neither `https://` nor `http://`".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_looked_at() {
        let anchor = |url: &str, kind| {
            let text = format!("name = \"a\"\nurl = \"{url}\"\nkind = \"{kind}\"");
            toml::from_str::<AnchorSettings>(&text).expect("settings").fault().unwrap_or_default()
        };
        for (url, kind, wrong) in [
            ("file:///mnt/worm/checkpoints", "checkpoint", ""),
            ("file:///mnt/worm/checkpoints", "rfc3161", "gives no timestamps"),
            ("file://checkpoints", "checkpoint", "whole path"),
            ("https://archive.example/checkpoints", "checkpoint", ""),
            ("http://archive.example/checkpoints", "checkpoint", "https"),
            ("http://127.0.0.1:80/", "checkpoint", ""),
            ("http://tsa.example/", "rfc3161", ""),
            ("https://user:word@tsa.example/", "rfc3161", "password"),
            ("ftp://tsa.example/", "rfc3161", "neither"),
            ("tsa.example", "rfc3161", "neither"),
            ("", "checkpoint", "not an address"),
        ] {
            let found = anchor(url, kind);
            assert!(
                if wrong.is_empty() { found.is_empty() } else { found.contains(wrong) },
                "{url}: {found}"
            );
        }
    }
}
