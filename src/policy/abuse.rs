//! What tells that somebody does not use a model but tries it: the signs, and how many of what make one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Climber;
use crate::diag::Time;

/// `[policy.abuse]`: signs that a key or user probes or floods, by its last exchanges. Each one is on record, and counts as blocks on the
/// ladder, where there is one. A sign of which the number is 0 is none.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AbuseSettings {
    /// Whose exchanges are looked at together: those under a key, or of one user that requests name.
    pub of: Climber,
    /// How far back blocks, disguises and variants are looked for.
    pub window: Time,
    /// `probing`: so many prompts were blocked within the window. One in which something was flagged that is no data counts half.
    pub blocked: u32,
    /// `disguises`: something was found in so many kinds of encoding within the window.
    pub disguises: u32,
    /// `variants`: so many prompts within the window that are like one that was blocked, itself included.
    pub variants: u32,
    /// `flood`: so many prompts like the last one within `fast`.
    pub alike: u32,
    /// `burst`: so many exchanges within `fast`.
    pub burst: u32,
    /// How fast a flood and a burst are: nobody reads so many answers in that time.
    pub fast: Time,
    /// Whether floods and bursts count for a key under which no user is named: programs do both by right.
    pub programs: bool,
    /// For how many blocks a sign counts on the ladder.
    pub strikes: u32,
    /// After how long a sign that goes on is one again.
    pub again: Time,
}

impl Default for AbuseSettings {
    fn default() -> Self {
        Self {
            of: Climber::User,
            window: Time::secs(3600),
            blocked: 4,
            disguises: 3,
            variants: 4,
            alike: 15,
            burst: 40,
            fast: Time::secs(30),
            programs: false,
            strikes: 3,
            again: Time::secs(300),
        }
    }
}

/// What tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sign {
    /// Many prompts were blocked.
    Probing,
    /// Something was found in many kinds of encoding.
    Disguises,
    /// A blocked prompt is tried again and again in other words.
    Variants,
    /// The same prompt comes faster than anybody reads.
    Flood,
    /// So do exchanges as such.
    Burst,
}

impl Sign {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Probing, Self::Disguises, Self::Variants, Self::Flood, Self::Burst];

    /// The word in records and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Probing => "probing",
            Self::Disguises => "disguises",
            Self::Variants => "variants",
            Self::Flood => "flood",
            Self::Burst => "burst",
        }
    }
}
