//! `[complaints]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[complaints]`: the gateway takes complaints about exchanges itself, at `POST /complaints`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ComplaintSettings {
    /// Whether it does. Nobody needs a key for it.
    pub enabled: bool,
    /// In how many days a complaint is to be decided, 1 to 365.
    pub answered_within_days: u16,
    /// How many complaints one address may file in a minute, 1 to 100000; it may look them up ten times as often.
    pub per_minute: u32,
    /// The same for all addresses together.
    pub per_minute_in_all: u32,
}

impl Default for ComplaintSettings {
    fn default() -> Self {
        Self { enabled: false, answered_within_days: 15, per_minute: 6, per_minute_in_all: 60 }
    }
}
