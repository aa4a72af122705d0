//! Where the journal is and how it is cut.

use crate::diag::Size;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

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
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self { dir: None, segment: Size::mib(64), queue: 4096 }
    }
}
