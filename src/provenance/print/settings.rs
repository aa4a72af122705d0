//! `[prints]`: how long prints are kept, and where.

use std::path::{Path, PathBuf};

use crate::diag::Size;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[prints]`: the index of what was delivered, by which a text is known again that has no mark any more. What is kept at all a policy says
/// (`policy.prints`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PrintSettings {
    /// The folder; without it, `prints` in the state folder.
    pub dir: Option<PathBuf>,
    /// Days for which they are kept.
    pub days: u32,
    /// The most bytes on disk; the oldest go first.
    pub size: Size,
    /// Files of phrases that many answers have, a line each, such as notices and forms of address: they tell nothing of where a text comes from.
    pub common: Vec<PathBuf>,
    /// Whether the public detector looks in them too. It tells nothing of exchanges, tenants or users.
    pub public: bool,
}

impl Default for PrintSettings {
    fn default() -> Self {
        Self { dir: None, days: 184, size: Size::mib(4096), common: Vec::new(), public: true }
    }
}

impl PrintSettings {
    /// The same with a place in the state folder where it has none.
    #[must_use]
    pub fn placed(mut self, state: &Path) -> Self {
        self.dir.get_or_insert_with(|| state.join("prints"));
        self
    }
}
