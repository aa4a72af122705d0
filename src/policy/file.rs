//! What people write: packs and rules as TOML.

use crate::detect::Brought;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::Date;
use super::taxonomy::CategoryFile;
use crate::diag::Time;

/// `pack.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PackFile {
    /// The pack's name, the first part of its rules' ids.
    pub name: String,
    /// Its version, for people; the policy's version is a hash of the content.
    pub version: String,
    /// SPDX expression.
    pub licence: String,
    /// What it is for, in a sentence.
    pub title: String,
    /// How far its rules have come that say nothing else.
    #[serde(default)]
    pub state: Option<String>,
    /// The share of exchanges of its canary.
    #[serde(default)]
    pub share: Option<f64>,
    /// Whether its rules were taken from another tool: examples that are missing are warnings then.
    #[serde(default)]
    pub imported: bool,
    /// For whom it is meant.
    #[serde(default)]
    pub applies: Applies,
    /// The texts that it was written against.
    #[serde(rename = "source", default)]
    pub sources: Vec<Source>,
    /// Categories of its own.
    #[serde(rename = "category", default)]
    pub categories: Vec<CategoryFile>,
    /// Lists that the operator brings.
    #[serde(rename = "slot", default)]
    pub slots: Vec<SlotFile>,
}

/// For whom a pack is meant. Nothing is the same as everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Applies {
    /// Jurisdictions, such as `cn`.
    pub jurisdictions: Vec<String>,
    /// Sectors, such as `finance`.
    pub sectors: Vec<String>,
    /// Languages of what it looks for.
    pub languages: Vec<String>,
}

/// A text that a pack was written against.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What it is called.
    pub title: String,
    /// The date of the text that was looked at.
    pub written_against: Date,
    /// How sure it is that the pack says what the text says.
    pub sure: Sure,
    /// Where to read it.
    #[serde(default)]
    pub link: Option<String>,
}

/// How sure it is that something says what its source says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sure {
    /// Read in the official text.
    Official,
    /// Read in a text that quotes or sums up the official one.
    Secondary,
    /// Neither: to be held against the text before anybody relies on it.
    Draft,
}

impl Sure {
    /// The word in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Official => "official",
            Self::Secondary => "secondary",
            Self::Draft => "draft",
        }
    }
}

/// One `[[slot]]`: a rule without terms, which the operator brings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SlotFile {
    /// Its id within the pack, and the name of its list: `slots/<name>.txt`.
    pub name: String,
    pub title: String,
    pub category: String,
    /// How many different terms it should hold.
    #[serde(default = "one")]
    pub minimum: u32,
    /// What it holds: `terms`, which is what it holds if it says nothing, fingerprints of `documents`, or `claims`.
    #[serde(default)]
    pub holds: Option<String>,
    #[serde(default)]
    pub state: Option<String>,
    #[serde(default)]
    pub share: Option<f64>,
    #[serde(default)]
    pub severity: Option<String>,
    #[serde(default)]
    pub action: Option<String>,
    #[serde(default)]
    pub actions: ActionsFile,
    #[serde(default)]
    pub marker: Option<String>,
    #[serde(default)]
    pub message: Option<String>,
    #[serde(default = "yes")]
    pub whole_word: bool,
    #[serde(default)]
    pub separators: Option<bool>,
    #[serde(default)]
    pub leet: Option<bool>,
    #[serde(default)]
    pub repeats: Option<bool>,
    #[serde(default)]
    pub basis: Vec<BasisFile>,
}

fn one() -> u32 {
    1
}

/// What slots hold besides terms.
pub(super) const DOCUMENTS: &str = "documents";
pub(super) const CLAIMS: &str = "claims";
/// What slots may hold.
pub(super) const HOLDINGS: [&str; 3] = ["terms", DOCUMENTS, CLAIMS];

impl SlotFile {
    /// Whether it holds something of this kind.
    pub(super) fn holds(&self, kind: &str) -> bool {
        self.holds.as_deref() == Some(kind)
    }

    /// The rule that looks for what the operator brings. Its examples are terms of the list.
    pub(super) fn rule(&self, examples: Vec<String>) -> RuleFile {
        RuleFile {
            id: self.name.clone(),
            title: self.title.clone(),
            category: self.category.clone(),
            state: self.state.clone(),
            share: self.share,
            severity: self.severity.clone(),
            action: self.action.clone(),
            actions: self.actions.clone(),
            marker: self.marker.clone(),
            message: self.message.clone(),
            whole_word: self.whole_word,
            separators: self.separators,
            leet: self.leet,
            repeats: self.repeats,
            encoded: true,
            // What stands in them is read from the slot's file.
            fingerprints: if self.holds(DOCUMENTS) { vec![self.name.clone()] } else { Vec::new() },
            claims: if self.holds(CLAIMS) { vec![self.name.clone()] } else { Vec::new() },
            basis: self.basis.clone(),
            examples,
            ..RuleFile::default()
        }
    }
}

/// `rules/*.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RulesFile {
    #[serde(rename = "rule", default)]
    pub rules: Vec<RuleFile>,
}

/// One `[[rule]]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    pub id: String,
    pub title: String,
    pub category: String,
    /// How far it has come on its way into force; without it, as its pack.
    #[serde(default)]
    pub state: Option<String>,
    /// The share of exchanges of its canary.
    #[serde(default)]
    pub share: Option<f64>,
    #[serde(default)]
    pub severity: Option<String>,
    /// One action for every direction.
    #[serde(default)]
    pub action: Option<String>,
    /// Actions by direction, over `action`.
    #[serde(default)]
    pub actions: ActionsFile,
    /// Whether no profile and no configuration can make its actions weaker.
    #[serde(default)]
    pub always: bool,
    #[serde(default)]
    pub marker: Option<String>,
    /// Whether a value that was pseudonymised comes back in the answer.
    #[serde(default)]
    pub restore: Option<bool>,
    #[serde(default)]
    pub replacement: Option<String>,
    #[serde(default)]
    pub message: Option<String>,
    #[serde(default)]
    pub keywords: Vec<String>,
    /// Files with a term a line.
    #[serde(default)]
    pub lists: Vec<String>,
    /// The same, each with a state of its own.
    #[serde(rename = "list", default)]
    pub stated_lists: Vec<ListFile>,
    /// Lists that come from elsewhere.
    #[serde(rename = "list_url", default)]
    pub list_urls: Vec<ListUrlFile>,
    /// Whether keywords count only as whole words.
    #[serde(default = "yes")]
    pub whole_word: bool,
    /// Whether keywords are also found with separators between their letters; the category says it else.
    #[serde(default)]
    pub separators: Option<bool>,
    /// Whether keywords are also found with signs and digits in place of letters; the category says it else.
    #[serde(default)]
    pub leet: Option<bool>,
    /// Whether keywords are also found with letters repeated; the category says it else.
    #[serde(default)]
    pub repeats: Option<bool>,
    /// Folds of all rules that this one refuses.
    #[serde(default)]
    pub exact: Vec<String>,
    /// Whether the rule also looks at what prompts hide by encoding it.
    #[serde(default = "yes")]
    pub encoded: bool,
    #[serde(rename = "pattern", default)]
    pub patterns: Vec<PatternFile>,
    /// The model that it asks.
    #[serde(default)]
    pub model: Option<String>,
    /// The model itself, where the pack brings it.
    #[serde(skip)]
    pub brought: Option<Brought>,
    /// The model's class that it asks for.
    #[serde(default)]
    pub class: Option<String>,
    /// The judge that it asks, a `[[judge]]` of the configuration.
    #[serde(default)]
    pub judge: Option<String>,
    /// What the judge calls what it looks for; without it, what the judge says of its category.
    #[serde(default)]
    pub judged_as: Vec<String>,
    /// Scores of its model between which the judge is asked.
    #[serde(default)]
    pub band: Option<[f32; 2]>,
    /// What of an answer it looks for that the request does not bear: `statement`, `number`, `name`, `link`.
    #[serde(default)]
    pub grounding: Option<String>,
    /// Files with the fingerprints of documents of which it looks for passages.
    #[serde(default)]
    pub fingerprints: Vec<String>,
    /// Files with statements of which it looks for sentences that say them.
    #[serde(default)]
    pub claims: Vec<String>,
    /// Whether it looks for passages of the request's own system prompt.
    #[serde(default)]
    pub system_prompt: bool,
    /// `relaxed` or `strict`: whether a sentence waits until the model has judged it.
    #[serde(default)]
    pub hold: Option<String>,
    /// One in how many harmless texts may reach the threshold of a rule that asks a model and says no threshold: 100 to 1000.
    #[serde(default)]
    pub one_in: Option<u16>,
    /// After how many characters a model also judges a sentence that has not ended: 50 to 2000.
    #[serde(default)]
    pub every: Option<u32>,
    /// How sure a keyword is, and a pattern that says nothing else.
    #[serde(default)]
    pub score: Option<f32>,
    /// Findings with a lower score are not reported.
    #[serde(default)]
    pub threshold: Option<f32>,
    /// What lies within one of these is not found.
    #[serde(default)]
    pub except: Vec<String>,
    /// Files with such terms, a term a line.
    #[serde(default)]
    pub except_lists: Vec<String>,
    /// What lies within a match of one of these expressions is not found.
    #[serde(default)]
    pub except_patterns: Vec<String>,
    /// One of these words has to stand near.
    #[serde(default)]
    pub near: Option<NearFile>,
    /// Words near by that raise the score.
    #[serde(default)]
    pub raise: Option<ShiftFile>,
    /// Words near by that lower it.
    #[serde(default)]
    pub lower: Option<ShiftFile>,
    /// Groups of words, for `when`.
    #[serde(default)]
    pub groups: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub when: Option<WhenFile>,
    #[serde(default)]
    pub basis: Vec<BasisFile>,
    #[serde(default)]
    pub examples: Vec<String>,
    #[serde(default)]
    pub counter_examples: Vec<String>,
}

fn yes() -> bool {
    true
}

/// A rule's `actions`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ActionsFile {
    pub prompt: Option<String>,
    pub output: Option<String>,
    pub tool: Option<String>,
}

/// A rule's `[[rule.pattern]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PatternFile {
    pub regex: String,
    #[serde(default)]
    pub max_len: Option<u32>,
    /// Whether a word boundary has to stand before the match.
    #[serde(default = "yes")]
    pub left: bool,
    /// Whether a word boundary has to follow the match.
    #[serde(default = "yes")]
    pub right: bool,
    #[serde(default)]
    pub validator: Option<String>,
    #[serde(default)]
    pub group: Option<String>,
    #[serde(default)]
    pub context: Vec<String>,
    /// How sure a match is, in place of the rule's word and the validator's.
    #[serde(default)]
    pub score: Option<f32>,
    #[serde(default)]
    pub case_sensitive: bool,
}

/// A rule's `[[rule.list]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListFile {
    pub file: String,
    /// How far it has come on its way into force; never further than its rule.
    #[serde(default)]
    pub state: Option<String>,
    #[serde(default)]
    pub share: Option<f64>,
}

/// A rule's `[[rule.list_url]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListUrlFile {
    pub url: String,
    /// Of its content, in hexadecimal digits.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Ed25519, in hexadecimal digits: the signature is at the URL with `.sig` behind.
    #[serde(default)]
    pub public_key: Option<String>,
    /// How often it is asked for.
    #[serde(default)]
    pub every: Option<Time>,
    /// As of a `[[rule.list]]`.
    #[serde(default)]
    pub state: Option<String>,
    #[serde(default)]
    pub share: Option<f64>,
}

/// A rule's `near`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NearFile {
    pub words: Vec<String>,
    /// Characters.
    #[serde(default = "near_by")]
    pub within: u32,
}

/// A rule's `raise` or `lower`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShiftFile {
    pub words: Vec<String>,
    pub by: f32,
    /// Characters.
    #[serde(default = "near_by")]
    pub within: u32,
}

fn near_by() -> u32 {
    64
}

/// A rule's `when`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WhenFile {
    /// Groups that have to stand in the text.
    pub all: Vec<String>,
    /// Groups of which one has to.
    pub any: Vec<String>,
    /// Groups that must not.
    pub not: Vec<String>,
    /// How far back words count, in characters; without it as far as the text goes.
    pub within: Option<u32>,
    /// How far ahead the words of `not` count, in characters.
    pub ahead: u32,
}

/// A rule's `[[rule.basis]]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct BasisFile {
    pub law: String,
    pub article: String,
    pub link: String,
}
