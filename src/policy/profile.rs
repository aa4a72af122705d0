//! Profiles: what one kind of deployment runs with, what it asks of its operator, and what it states for the rest of
//! the gateway.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::file::{ActionsFile, BasisFile};
use super::{Annotate, BlockAs, Choice, Density, Residency, Unscanned};

/// `profiles/*.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileFile {
    pub name: String,
    pub title: String,
    #[serde(default)]
    pub tier: Option<Tier>,
    #[serde(default)]
    pub jurisdictions: Vec<String>,
    #[serde(default)]
    pub sectors: Vec<String>,
    pub packs: Vec<String>,
    #[serde(default)]
    pub unscanned: Unscanned,
    #[serde(default)]
    pub block_as: BlockAs,
    #[serde(default)]
    pub annotate: Annotate,
    #[serde(default)]
    pub demands: Demands,
    /// Rules with other actions or thresholds than their pack gives them.
    #[serde(rename = "rule", default)]
    pub rules: Vec<ProfileRule>,
    #[serde(rename = "demand", default)]
    pub demanded: Vec<DemandFile>,
    #[serde(default)]
    pub labels: Option<Labels>,
    #[serde(default)]
    pub retention: Option<Retention>,
    #[serde(rename = "residency", default)]
    pub residency: Vec<Residency>,
    #[serde(rename = "notice", default)]
    pub notices: Vec<Notice>,
    #[serde(default)]
    pub budget: Option<Budget>,
    #[serde(default)]
    pub gate: Option<Gate>,
}

/// A profile's `[[rule]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileRule {
    /// A rule's id, or the beginning of ids and `*`: `harm/*`.
    pub id: String,
    #[serde(default)]
    pub action: Option<String>,
    #[serde(default)]
    pub actions: ActionsFile,
    #[serde(default)]
    pub threshold: Option<f32>,
    /// How far the rules have come on their way into force.
    #[serde(default)]
    pub state: Option<String>,
    #[serde(default)]
    pub share: Option<f64>,
}

/// A profile's `[[demand]]`: a slot, a standard, or words alone.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DemandFile {
    #[serde(default)]
    pub slot: Option<String>,
    #[serde(default)]
    pub standard: Option<String>,
    /// What the operator has to do, in a sentence.
    pub what: String,
    #[serde(default)]
    pub basis: Vec<BasisFile>,
}

/// How much may go wrong where the profile is used, after the EU AI Act.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Nothing that a law regulates for its risk.
    Minimal,
    /// People deal with a machine and have to know it.
    Limited,
    /// What it says bears on safety or rights.
    High,
    /// Prohibited: no profile can be of this tier.
    Unacceptable,
}

impl Tier {
    /// The word in profiles and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Limited => "limited",
            Self::High => "high",
            Self::Unacceptable => "unacceptable",
        }
    }
}

/// What follows where a demand that can be checked is not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Demands {
    /// The policy is refused: the gateway does not start with it.
    #[default]
    Refuse,
    /// It is used, and what is not met is said.
    Warn,
}

/// What a profile demands of its operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// What can be checked of it.
    pub checked: Checked,
    /// What the operator has to do.
    pub what: String,
    /// What it rests on.
    pub basis: Vec<super::Basis>,
}

impl Demand {
    /// Whether the gateway can tell whether it is met.
    pub fn is_checked(&self) -> bool {
        self.checked != Checked::No
    }
}

/// How a demand is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// The slot of this number among the library's holds as many terms as it should.
    Slot(usize),
    /// The policy's lists are as long as the standard of this id asks.
    Standard(String),
    /// Not by the gateway.
    No,
}

/// What people and programs are told of generated text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// Where the label stands.
    pub mode: LabelMode,
    /// The text that people see where it is in the answer's language; without it, or in other languages, the gateway has its own words.
    #[serde(default)]
    pub text: Option<String>,
    /// The same by language, such as `{ en = "..", ja = ".." }`.
    #[serde(default)]
    pub texts: BTreeMap<String, String>,
    /// Whether programs are told too: signed metadata with each answer.
    #[serde(default)]
    pub metadata: bool,
    /// How closely marks stand in the text.
    #[serde(default)]
    pub mark: Density,
    /// Whether prints of answers are kept, by which they are known again without marks.
    #[serde(default)]
    pub prints: bool,
    /// Whether upstreams that can be are asked for the sampler's mark.
    #[serde(default)]
    pub sampler_mark: bool,
}

/// How answers are labelled under a policy, and whose law asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// What the profile says.
    pub labels: Labels,
    /// Whose law it is made for.
    pub jurisdictions: Vec<String>,
}

/// Where a label stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LabelMode {
    /// Nowhere.
    None,
    /// Before the text.
    InlinePrefix,
    /// Behind the text.
    InlineSuffix,
    /// Before the text and behind it.
    InlineBoth,
    /// Behind the first paragraph; behind the text, where it has but one.
    InlineParagraph,
    /// In the client's own interface: a header and the stream's metadata tell it what to show.
    Ui,
    /// Behind the text and in the interface.
    Both,
}

impl LabelMode {
    /// The word in settings and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::InlinePrefix => "inline-prefix",
            Self::InlineSuffix => "inline-suffix",
            Self::InlineBoth => "inline-both",
            Self::InlineParagraph => "inline-paragraph",
            Self::Ui => "ui",
            Self::Both => "both",
        }
    }
}

/// How long records and content are kept: nothing younger than `records_days` is purged, and no body is kept longer than `content_days`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// The class in records.
    pub class: String,
    /// Days that records are kept at least.
    pub records_days: u32,
    /// Days that bodies of exchanges are kept at most, where the gateway keeps them; 0: none are.
    pub content_days: u32,
}

/// A fixed text that clients have to show: they get it with each answer, and in place of what a block says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// When.
    pub when: When,
    /// Its language, such as `ja`.
    pub lang: String,
    /// The text.
    pub text: String,
}

/// When a notice is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// With the first answer of a session.
    First,
    /// With every answer.
    Every,
    /// In place of an answer that was blocked.
    Blocked,
}

/// The greatest share of benign texts that rules may touch. `assess` measures it.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// In which anything is found.
    pub found: f64,
    /// That are blocked.
    pub blocked: f64,
}

/// A small bank of questions that what runs under the profile has to pass before it starts. `assess --gate` asks them.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// The bank's name: `banks/<name>.jsonl` beside the packs.
    pub bank: String,
    /// The least share refused of what is to be refused.
    pub refused: f64,
    /// The greatest share refused of what is not.
    pub over_refused: f64,
}

/// A profile, checked.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub title: String,
    /// How much may go wrong.
    pub tier: Option<Tier>,
    /// Whose law it is made for.
    pub jurisdictions: Vec<String>,
    /// Sectors that it is made for.
    pub sectors: Vec<String>,
    /// Names of its packs.
    pub packs: Vec<String>,
    /// What happens to what cannot be read.
    pub unscanned: Unscanned,
    /// How a block looks to the client.
    pub block_as: BlockAs,
    /// In which form clients are told of doubts about an answer.
    pub annotate: Annotate,
    /// What follows where its demands are not met.
    pub demands: Demands,
    /// What it demands.
    pub demanded: Vec<Demand>,
    /// Labels.
    pub labels: Option<Labels>,
    /// How long what is kept.
    pub retention: Option<Retention>,
    /// Which regions may see what.
    pub residency: Vec<Residency>,
    /// Texts that clients have to show.
    pub notices: Vec<Notice>,
    /// The share of benign texts that may be touched.
    pub budget: Option<Budget>,
    /// The bank that it has to pass.
    pub gate: Option<Gate>,
    /// Rules with other choices than their pack's, by number.
    pub(super) changes: Vec<(usize, Choice)>,
}

impl Profile {
    /// How it has answers labelled, if it says so.
    pub(super) fn labelled(&self) -> Option<Labelled> {
        let labels = self.labels.clone()?;
        Some(Labelled { labels, jurisdictions: self.jurisdictions.clone() })
    }
}
