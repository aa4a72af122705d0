//! What people write: packs, rules and profiles as TOML.

use serde::Deserialize;
use std::collections::BTreeMap;

use super::{BlockAs, Unscanned};
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
}

/// `rules/*.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RulesFile {
    #[serde(rename = "rule", default)]
    pub rules: Vec<RuleFile>,
}

/// One `[[rule]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    pub id: String,
    pub title: String,
    pub category: String,
    #[serde(default)]
    pub severity: Option<String>,
    /// One action for every direction.
    #[serde(default)]
    pub action: Option<String>,
    /// Actions by direction, over `action`.
    #[serde(default)]
    pub actions: ActionsFile,
    #[serde(default)]
    pub marker: Option<String>,
    #[serde(default)]
    pub replacement: Option<String>,
    #[serde(default)]
    pub message: Option<String>,
    #[serde(default)]
    pub keywords: Vec<String>,
    /// Files with a term a line.
    #[serde(default)]
    pub lists: Vec<String>,
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

/// `profiles/*.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileFile {
    pub name: String,
    /// What it is for, in a sentence; for those who read the file.
    #[expect(dead_code, reason = "shown by a later command; required so that no profile lacks it")]
    pub title: String,
    pub packs: Vec<String>,
    #[serde(default)]
    pub unscanned: Unscanned,
    #[serde(default)]
    pub block_as: BlockAs,
    /// Rules with other actions or thresholds than their pack gives them.
    #[serde(rename = "rule", default)]
    pub rules: Vec<ProfileRule>,
}

/// A profile's `[[rule]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfileRule {
    pub id: String,
    #[serde(default)]
    pub action: Option<String>,
    #[serde(default)]
    pub actions: ActionsFile,
    #[serde(default)]
    pub threshold: Option<f32>,
}
