//! Whose findings in answers a person looks at.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::loader::is_called;
use crate::diag::Time;

/// `[policy.review]`: answers that wait for a person, or are looked at afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReviewSettings {
    /// Rules whose findings in answers a person reviews: `"sector/medical/*"`. Where the rule blocks, the answer is held until it is
    /// approved; where it does less, the answer goes out as the rule leaves it and is looked at afterwards. 1 or more.
    pub rules: Vec<String>,
    /// How long until each is to be decided, from 1 minute to 366 days; what is later counts as overdue.
    pub within: Time,
}

impl Default for ReviewSettings {
    fn default() -> Self {
        Self { rules: Vec::new(), within: Time::secs(86_400) }
    }
}

impl ReviewSettings {
    /// Whether a person looks at what this rule finds.
    pub fn counts(&self, rule: &str) -> bool {
        self.rules.iter().any(|name| is_called(rule, name))
    }
}
