//! Who puts on record what the command line does: a gateway that runs, or this process.

use super::{Place, pepper};
use crate::audit::{Event, Journal, OpenError, load_or_make_signer};
use crate::cli::ask::Operations;
use crate::cli::moment::now_ms;
use crate::server::NOTES;
use crate::text::hex;
use crate::vault::{Owner, Secret, Vault};
use anyhow::Context as _;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long a running gateway may take to write a record.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who writes the record: a gateway that runs, or this process.
pub(in crate::cli) enum Writer<'a> {
    Running(&'a Operations, String),
    Own(Journal),
}

impl<'a> Writer<'a> {
    pub(in crate::cli) fn new(place: &Place, dir: &Path, operations: &'a Operations) -> anyhow::Result<Self> {
        let settings = place.settings()?;
        let key = settings.key.clone().context("the configuration names no key")?;
        let signer = load_or_make_signer(&key, settings.origin.as_deref())?;
        match Journal::open_signed(dir, &settings, signer, Box::new(|_| {})) {
            Ok((journal, _)) => Ok(Self::Own(journal)),
            Err(OpenError::Locked { .. }) => {
                let address = operations.address();
                // Before anything is done of which there could be no record.
                operations.ask("GET", "/healthz", PATIENCE).with_context(|| {
                    format!("a gateway has the journal open, and does not answer at {address}; `--operations` says where it listens")
                })?;
                Ok(Self::Running(operations, hex::encode(&pepper(place)?.derive(NOTES))))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the record; its number.
    pub(in crate::cli) fn note(&self, event: &'static str, detail: Value) -> anyhow::Result<u64> {
        match self {
            Self::Own(journal) => {
                let runtime = tokio::runtime::Builder::new_current_thread().build()?;
                let record = Event { event, time_ms: now_ms(), detail };
                Ok(runtime.block_on(journal.note(&record))?.sequence())
            }
            Self::Running(operations, token) => {
                let answer = told(operations, token, event, &detail, "")?;
                answer["record"].as_u64().context("the gateway says no record's number")
            }
        }
    }

    /// Forgets what stood for a user's values, and writes the record of his erasure; its number, and how many conversations there were.
    pub(super) fn erasure(
        &self,
        mut detail: Value,
        vault: &Path,
        secret: Secret,
        owner: &Owner,
    ) -> anyhow::Result<(u64, u64)> {
        match self {
            Self::Own(_) => {
                let gone = if vault.exists() {
                    let vault = Vault::open(vault, Arc::new(secret), Duration::ZERO, now_ms())
                        .with_context(|| format!("cannot read `{}`", vault.display()))?;
                    let gone = vault.erase(owner, now_ms());
                    vault.flush()?;
                    gone as u64
                } else {
                    0
                };
                detail["stand_ins"] = gone.into();
                self.note("erasure", detail).map(|record| (record, gone))
            }
            Self::Running(operations, token) => {
                let owner = format!("&owner={}", hex::encode(owner));
                let answer = told(operations, token, "erasure", &detail, &owner)?;
                let numbers = (answer["record"].as_u64(), answer["stand_ins"].as_u64());
                let (Some(record), Some(gone)) = numbers else {
                    anyhow::bail!("the gateway does not say what it has forgotten");
                };
                Ok((record, gone))
            }
        }
    }
}

/// Tells a running gateway what to put on record; what it answers.
fn told(
    operations: &Operations,
    token: &str,
    event: &str,
    detail: &Value,
    more: &str,
) -> anyhow::Result<Value> {
    let detail = hex::encode(&serde_json::to_vec(detail)?);
    let address = operations.address();
    let path = format!("/admin/audit/note?event={event}&token={token}&detail={detail}{more}");
    let (status, body) = operations
        .ask("POST", &path, PATIENCE)
        .with_context(|| format!("the gateway at {address} does not answer"))?;
    anyhow::ensure!(status == 200, "{address} answers {status}: {}", body.trim());
    Ok(serde_json::from_str(&body)?)
}
