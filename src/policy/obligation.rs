//! Obligations: what a law asks, as entries that reports are queries over.

use serde::{Deserialize, Serialize};

use super::{Date, Sure, Tier};

/// `obligations.toml` of a pack.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ObligationsFile {
    #[serde(rename = "instrument", default)]
    pub instruments: Vec<InstrumentFile>,
    #[serde(rename = "obligation", default)]
    pub obligations: Vec<ObligationFile>,
}

/// One `[[instrument]]`: a law, standard or guideline that obligations come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InstrumentFile {
    pub id: String,
    pub title: String,
    pub jurisdiction: String,
    #[serde(default)]
    pub link: Option<String>,
    pub effective: Date,
    #[serde(default)]
    pub expires: Option<Date>,
    /// The date of the text that was looked at, where it is known.
    #[serde(default)]
    pub written_against: Option<Date>,
    pub sure: Sure,
    /// The text that its obligations were held against, or why there is none.
    #[serde(default)]
    pub note: Option<String>,
}

/// One `[[obligation]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ObligationFile {
    pub id: String,
    pub instrument: String,
    pub article: String,
    pub summary: String,
    /// The instrument's, without it.
    #[serde(default)]
    pub effective: Option<Date>,
    /// The instrument's, without it.
    #[serde(default)]
    pub expires: Option<Date>,
    /// The instrument's, without it.
    #[serde(default)]
    pub sure: Option<Sure>,
    /// The instrument's, without it.
    #[serde(default)]
    pub note: Option<String>,
    #[serde(default)]
    pub applies_if: AppliesIf,
    pub state: State,
    #[serde(default)]
    pub controls: Vec<ControlFile>,
    #[serde(default)]
    pub tests: Vec<String>,
    #[serde(default)]
    pub evidence: Option<String>,
}

/// What does something about an obligation: one of these.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ControlFile {
    /// A rule's id, or the beginning of ids and `*`.
    pub rule: Option<String>,
    /// A slot's id, or the beginning of ids and `*`.
    pub slot: Option<String>,
    /// A profile.
    pub profile: Option<String>,
    /// A key of the configuration, such as `policy.unscanned`.
    pub setting: Option<String>,
    /// A command line.
    pub command: Option<String>,
    /// What somebody does, in words.
    pub person: Option<String>,
}

/// When an obligation applies: what is named has to fit, what is not named does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct AppliesIf {
    /// Who uses the service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub audience: Vec<Audience>,
    /// What the operator is in the law's eyes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub role: Vec<Role>,
    /// The tier of risk.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tier: Vec<Tier>,
    /// Sectors and kinds of service, such as `medical`, `companion`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub domain: Vec<String>,
    /// What no other key says, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

/// Who gets the answers: of a route, and of the services that an obligation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Anybody.
    Public,
    /// Children among them.
    Minors,
    /// Who has a contract.
    Customers,
    /// The operator's own people.
    Staff,
    /// Programs alone.
    Machines,
}

impl Audience {
    /// The word in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Minors => "minors",
            Self::Customers => "customers",
            Self::Staff => "staff",
            Self::Machines => "machines",
        }
    }
}

/// What an operator is to an AI system, in a law's eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It made the model.
    Developer,
    /// It is offered under the operator's name.
    Provider,
    /// The operator uses what another one offers.
    Deployer,
    /// It spreads what others generate.
    Platform,
}

impl Role {
    /// The word in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Developer => "developer",
            Self::Provider => "provider",
            Self::Deployer => "deployer",
            Self::Platform => "platform",
        }
    }
}

/// How far an obligation is met by the gateway, as this version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The gateway does what is asked of it.
    Enforced,
    /// It does a part.
    Partly,
    /// A profile states it, and nothing applies it yet.
    Stated,
    /// It is the operator's to do; the gateway may help.
    Operator,
    /// Nothing yet.
    Open,
}

impl State {
    /// All states, from the most to the least.
    pub const ALL: [Self; 5] = [Self::Enforced, Self::Partly, Self::Stated, Self::Operator, Self::Open];

    /// The word in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::Partly => "partly",
            Self::Stated => "stated",
            Self::Operator => "operator",
            Self::Open => "open",
        }
    }
}

/// What does something about an obligation, with what it is in this library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// Rules or slots.
    Rules {
        /// As it is written: an id, or the beginning of ids and `*`.
        named: String,
        /// The ids.
        ids: Vec<String>,
    },
    /// A profile.
    Profile(String),
    /// A key of the configuration.
    Setting(String),
    /// A command line.
    Command(String),
    /// What somebody does.
    Person(String),
}

/// One obligation, checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Obligation {
    /// Unique among all packs.
    pub id: String,
    /// The pack that it stands in.
    pub pack: String,
    /// Whose law it is, such as `cn`.
    pub jurisdiction: String,
    /// The short name of the law, standard or guideline.
    pub instrument: String,
    /// Its title.
    pub title: String,
    /// Article, section or clause.
    pub article: String,
    /// What it asks, in one sentence.
    pub summary: String,
    /// The first day.
    pub effective: Date,
    /// The day after the last, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Date>,
    /// When it applies.
    pub applies_if: AppliesIf,
    /// How far it is met.
    pub state: State,
    /// What does something about it.
    pub controls: Vec<Control>,
    /// Tests and commands that show it.
    pub tests: Vec<String>,
    /// What to ask the record for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// The date of the text that it was written against, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written_against: Option<Date>,
    /// How sure it is that it says what that text says.
    pub sure: Sure,
    /// What it was held against, or why it still is a draft.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Where to read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl Obligation {
    /// Whether it holds on a day.
    pub fn holds_on(&self, day: Date) -> bool {
        self.effective <= day && self.expires.is_none_or(|end| day < end)
    }
}
