//! A bank that is held out: a salted hash of it goes on record before anybody tunes anything, and opens it later.

use super::super::audit::{Place, Writer};
use super::super::moment::written;
use crate::audit::{Entry, EntryKind, read_dir};
use crate::cli::ask::Operations;
use crate::diag::{Diagnostic, write_new};
use crate::text::hex;
use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::Path;

/// The event's name in the journal.
const EVENT: &str = "bank";
/// What is hashed first, so that the hash is of nothing else.
const PURPOSE: &[u8] = b"sluicegate bank, held out, 1\n";

/// What opens a commitment.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct Opening {
    /// What is on record: SHA-256 of the purpose, the salt and the bank's bytes.
    pub(in crate::cli) hash: String,
    salt: String,
    pub(in crate::cli) questions: usize,
}

fn hash(salt: &[u8], text: &str) -> String {
    let mut context = Context::new(&SHA256);
    for part in [PURPOSE, salt, text.as_bytes()] {
        context.update(part);
    }
    hex::encode(context.finish().as_ref())
}

impl Opening {
    pub(super) fn new(text: &str, questions: usize) -> anyhow::Result<Self> {
        let mut salt = [0; 32];
        getrandom::fill(&mut salt).map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok(Self { hash: hash(&salt, text), salt: hex::encode(&salt), questions })
    }

    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        write_new(path, text.as_bytes())
            .map_err(|error| anyhow::anyhow!("cannot write `{}`: {error}", path.display()))
    }

    pub(in crate::cli) fn read(path: &Path) -> Result<Self, Diagnostic> {
        let text = super::source(path)?;
        serde_json::from_str(&text).map_err(|_| {
            let what = format!("`{}` is no file that `bank commit` wrote", path.display());
            Diagnostic::error("bad-file", what)
        })
    }

    /// Whether this is the bank.
    pub(in crate::cli) fn opens(&self, text: &str) -> bool {
        hex::decode(&self.salt).is_some_and(|salt| hash(&salt, text) == self.hash)
    }

    pub(super) fn put_on_record(
        &self,
        place: &Place,
        dir: &Path,
        operations: &Operations,
    ) -> anyhow::Result<u64> {
        let writer = Writer::new(place, dir, operations)?;
        writer.note(EVENT, json!({"commitment": self.hash, "questions": self.questions}))
    }

    /// The record that names it, and when it was written.
    pub(in crate::cli) fn recorded(&self, dir: &Path) -> anyhow::Result<Option<(u64, String)>> {
        let mut found = None;
        read_dir(dir, &mut |entry: Entry| {
            if found.is_some() || entry.kind != EntryKind::Event {
                return;
            }
            let Ok(event) = serde_json::from_slice::<Value>(&entry.payload) else { return };
            if event["event"] == EVENT && event["detail"]["commitment"] == self.hash.as_str() {
                found = Some((entry.sequence, written(event["time_ms"].as_u64().unwrap_or_default())));
            }
        })?;
        Ok(found)
    }
}
