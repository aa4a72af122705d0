//! What a route is for: who runs it for whom, in which field and under which law. Laws grade what they ask by it, so a route says it whole
//! or not at all.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::policy::{Audience, LabelMode, Role, Tier};

/// A route's `[route.use]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteUse {
    /// What the operator is to the system behind it, after the EU AI Act, Article 3.
    pub role: Role,
    /// Who gets the answers.
    pub audience: Audience,
    /// The field, in a word: `general`, `finance`, `medical`, `education`, `government` ..
    pub domain: String,
    /// Whose law holds: country codes of two letters (ISO 3166-1, lower case), or `eu`.
    pub jurisdictions: Vec<String>,
    /// How much may go wrong. The policy's profile has to be made for as much.
    pub tier: Tier,
    /// What happens to an exchange that cannot be read, judged or recorded.
    pub fail: FailMode,
    /// How answers are labelled as generated: this has the last word over `[labels]` and the profile.
    pub label: LabelMode,
    /// The class of how long records are kept, a name with a time: `EU-6M`, `FINANCE-1Y`. The journal keeps everything; what is purged is older.
    pub retention: String,
}

/// What happens to an exchange that cannot be read, judged or recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailMode {
    /// Nothing is delivered. There is no other mode: every part that the gateway has so far fails closed.
    Closed,
}

/// Whether routes have to say what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RouteUses {
    /// They may.
    #[default]
    Optional,
    /// Each has to, and no request goes where no route leads.
    Required,
}
