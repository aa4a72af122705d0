//! Where the journal is and how it is cut.

use super::texts::TextsSettings;
use crate::diag::{Size, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `[journal]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JournalSettings {
    /// The folder of the segments; without it, `journal` in the state folder.
    pub dir: Option<PathBuf>,
    /// Bytes of one segment file; the next record after that goes to a new one.
    pub segment: Size,
    /// Records that may wait for the disk before new requests are refused.
    pub queue: usize,
    /// The file of the key that signs checkpoints; without it, `journal.key` in the state folder, made at the first start.
    pub key: Option<PathBuf>,
    /// The name under which a new key signs, such as `example.com/sluicegate`; without it, one from chance.
    pub origin: Option<String>,
    /// The longest that a durable record waits for its checkpoint.
    pub checkpoint: Time,
    /// How often the last checkpoint is taken to the witnesses, where it is another one.
    pub witness_every: Time,
    /// How many witnesses have to cosign a checkpoint before it counts as cosigned.
    pub witness_quorum: usize,
    /// Which bodies are kept, sealed.
    pub texts: TextsSettings,
}

impl JournalSettings {
    /// The same with places in the state folder for what has none.
    #[must_use]
    pub fn placed(mut self, state: &Path) -> Self {
        self.dir.get_or_insert_with(|| state.join("journal"));
        self.key.get_or_insert_with(|| state.join("journal.key"));
        self.texts.key.get_or_insert_with(|| state.join("texts.key"));
        self
    }
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self {
            dir: None,
            segment: Size::mib(64),
            queue: 4096,
            key: None,
            origin: None,
            checkpoint: Time(Duration::from_secs(1)),
            witness_every: Time::secs(10),
            witness_quorum: 1,
            texts: TextsSettings::default(),
        }
    }
}
