//! What follows when one key or user is blocked again and again: it is warned, slowed down, shut out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::loader::is_called;
use crate::diag::Time;

/// `[policy.ladder]`: what follows for a key or user whose prompts are blocked again and again.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LadderSettings {
    /// Whose blocks are counted together.
    pub of: Climber,
    /// Rules whose blocks of prompts count: `"harm/*"`; without any, all.
    pub rules: Vec<String>,
    /// How long a block counts.
    pub window: Time,
    /// From how many blocks on the answers say so; never with 0.
    pub warn: u32,
    /// From how many on only one exchange passes in each `pace`; never with 0.
    pub limit: u32,
    /// From how many on none passes; never with 0.
    pub suspend: u32,
    /// How long apart the exchanges are of who is limited.
    pub pace: Time,
    /// How long the limit stands after the last block.
    pub limited_for: Time,
    /// How long a suspension stands; until somebody lifts it with `"0 s"`.
    pub suspended_for: Time,
}

impl Default for LadderSettings {
    fn default() -> Self {
        Self {
            of: Climber::default(),
            rules: Vec::new(),
            window: Time::secs(86_400),
            warn: 3,
            limit: 5,
            suspend: 10,
            pace: Time::secs(60),
            limited_for: Time::secs(3600),
            suspended_for: Time::secs(86_400),
        }
    }
}

/// Whose blocks are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Climber {
    /// Those under one key.
    #[default]
    Key,
    /// Those of one user under a key, as the request names them; of a request that names nobody, those under the key.
    User,
}

/// How far somebody has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Nothing follows.
    #[default]
    Good,
    /// The answers say so.
    Warned,
    /// One exchange passes in each pace.
    Limited,
    /// None passes.
    Suspended,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Good, Self::Warned, Self::Limited, Self::Suspended];

    /// The word in records, metrics and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warned => "warned",
            Self::Limited => "limited",
            Self::Suspended => "suspended",
        }
    }
}

impl LadderSettings {
    /// Whether a block by this rule counts.
    pub fn counts(&self, rule: &str) -> bool {
        self.rules.is_empty() || self.rules.iter().any(|name| is_called(rule, name))
    }

    /// Where so many blocks lead.
    pub fn standing(&self, blocks: usize) -> Standing {
        let from = |least: u32| least > 0 && blocks >= least as usize;
        if from(self.suspend) {
            Standing::Suspended
        } else if from(self.limit) {
            Standing::Limited
        } else if from(self.warn) {
            Standing::Warned
        } else {
            Standing::Good
        }
    }

    /// The next step above so many blocks, and from how many on.
    pub fn next(&self, blocks: usize) -> Option<(Standing, u32)> {
        let steps = [
            (Standing::Warned, self.warn),
            (Standing::Limited, self.limit),
            (Standing::Suspended, self.suspend),
        ];
        steps.into_iter().find(|(_, least)| *least > 0 && *least as usize > blocks)
    }
}
