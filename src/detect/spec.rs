//! What the engine is told to look for and what it answers: plain data, no behaviour.

use super::claims::Known;
use super::classify::ModelSpec;
use super::conditions::{Conditions, thousandths};
use super::fingerprint::Index;
use super::grounding::Unsupported;
use super::validator::Validator;
use crate::text::TextPos;
use crate::text::exact::Exact;
use std::fmt;
use std::sync::Arc;

/// The place of a rule in the slice given to [`Engine::compile`](super::Engine::compile).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub u32);

/// One thing found. The span always covers whole original characters, folded-away ones inside it included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding {
    /// The rule that found it.
    pub rule: RuleId,
    /// First byte of the span in the channel's text.
    pub start: TextPos,
    /// The byte after the span.
    pub end: TextPos,
    /// How sure the rule is, `0..=1`.
    pub score: f32,
    /// Which of the documents or statements that the rule looks for it is, counted from one; 0 for every other finding. See
    /// [`Engine::document`](super::Engine::document) and [`Engine::statement`](super::Engine::statement).
    pub of: u32,
}

/// How far a scan has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Everything before this has been read.
    pub seen: TextPos,
    /// Nothing that starts before this can still be found: what stands before it may go on.
    pub settled: TextPos,
}

/// What one rule looks for.
#[derive(Clone, Debug, Default)]
pub struct RuleSpec {
    /// Words and phrases.
    pub keywords: Vec<Keyword>,
    /// Patterns, each with its checks.
    pub patterns: Vec<PatternSpec>,
    /// Disguises that the rule sees through beyond the ones that every rule does.
    pub folds: Folds,
    /// What has to hold around a match.
    pub conditions: Conditions,
    /// Folds that every rule sees through but this one. Keywords behind a disguise of [`Folds`] are not found by such a rule. In
    /// patterns [`Exact::CASE`] means nothing: they have a switch of their own.
    pub exact: Exact,
    /// What it asks a model.
    pub model: Option<ModelSpec>,
    /// What of an answer it looks for that the request does not bear.
    pub grounding: Option<Unsupported>,
    /// Documents of which it looks for passages.
    pub fingerprints: Vec<Arc<Index>>,
    /// It looks for passages of the request's own system prompt.
    pub system_prompt: bool,
    /// Statements of which it looks for sentences that say them.
    pub claims: Vec<Arc<Known>>,
}

/// Disguises that a rule may see through. Case, width, accents, invisible characters, look-alike letters and digits of
/// other scripts are folded for every rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Folds {
    /// Keywords are also found with separators (space, dot, hyphen, underscore, asterisk, emoji ...) between the letters.
    pub separators: bool,
    /// Keywords are also found with signs and digits that stand for letters (`b0mb`, `$pam`, `b*mb`).
    pub leet: bool,
    /// Keywords are also found with letters repeated (`booomb`).
    pub repeats: bool,
}

/// A word or phrase.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keyword {
    /// The text, folded as the scanned text is.
    pub text: String,
    /// Only where no letter or digit touches it; next to scripts written without spaces there is always a boundary.
    pub whole_word: bool,
}

/// A pattern over folded text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PatternSpec {
    /// The expression in the syntax of the `regex` crate, without look-around and `\b`. `\d`, `\w` and `\s` are ASCII:
    /// digits of all scripts and wide letters are folded to ASCII before.
    pub regex: String,
    /// A match's longest length in bytes of folded text, for expressions that have none of their own. `+` with a longest
    /// length makes a far smaller table than a high `{n,m}`.
    pub max_len: Option<u32>,
    /// A word boundary has to stand before the match.
    pub left: bool,
    /// A word boundary has to follow the match.
    pub right: bool,
    /// A check of the text matched (of the group, where one is named).
    pub validator: Option<Validator>,
    /// The capture group, by name or number, that the finding covers instead of the whole match.
    pub group: Option<String>,
    /// If not empty, one of these words has to stand shortly before the match.
    pub context: Vec<String>,
    /// The score of a match, in place of its validator's or 0.9.
    pub score: Option<f32>,
    /// ASCII letters match in their own case only.
    pub case_sensitive: bool,
}

/// Why a rule cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place} of rule {rule}: {reason}")]
pub struct CompileError {
    /// Index of the rule in the slice given.
    pub rule: usize,
    /// What of it is the culprit.
    pub place: Place,
    /// What is wrong, for people.
    pub reason: String,
}

/// What of a rule is wrong, by its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A keyword.
    Keyword(usize),
    /// A pattern.
    Pattern(usize),
    /// A term of its exceptions.
    Except(usize),
    /// An expression of its exceptions.
    ExceptPattern(usize),
    /// A word that has to stand near.
    Near(usize),
    /// A word that raises the score.
    Raise(usize),
    /// A word that lowers it.
    Lower(usize),
    /// A word of a group.
    Group(usize, usize),
    /// The model that it asks.
    Model,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keyword(index) => write!(f, "keyword {index}"),
            Self::Pattern(index) => write!(f, "pattern {index}"),
            Self::Except(index) => write!(f, "exception {index}"),
            Self::ExceptPattern(index) => write!(f, "exception pattern {index}"),
            Self::Near(index) => write!(f, "word {index} near"),
            Self::Raise(index) => write!(f, "word {index} that raises"),
            Self::Lower(index) => write!(f, "word {index} that lowers"),
            Self::Group(group, index) => write!(f, "word {index} of group {group}"),
            Self::Model => f.write_str("model"),
        }
    }
}

/// A set of rules: a policy's selection among all that an engine holds, and from which score on their findings count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSet {
    bits: Vec<u64>,
    /// Thousandths, by rule, in order; rules without one report everything.
    thresholds: Vec<(RuleId, i32)>,
    /// Rules that ask a model, for which text is held until it is judged, in order.
    held: Vec<RuleId>,
}

impl RuleSet {
    /// No rule.
    pub const fn empty() -> Self {
        Self { bits: Vec::new(), thresholds: Vec::new(), held: Vec::new() }
    }

    /// The first `rules` rules.
    pub fn full(rules: usize) -> Self {
        let mut set = Self::empty();
        for rule in 0..rules {
            set.insert(RuleId(rule as u32));
        }
        set
    }

    /// Adds a rule.
    pub fn insert(&mut self, rule: RuleId) {
        let word = rule.0 as usize / 64;
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        if let Some(bits) = self.bits.get_mut(word) {
            *bits |= 1 << (rule.0 % 64);
        }
    }

    /// Whether the rule is in the set.
    pub fn contains(&self, rule: RuleId) -> bool {
        self.bits.get(rule.0 as usize / 64).is_some_and(|bits| bits >> (rule.0 % 64) & 1 == 1)
    }

    /// The rules of both sets, of each the lower threshold.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let (long, short) = if self.bits.len() >= other.bits.len() { (self, other) } else { (other, self) };
        let mut bits = long.bits.clone();
        for (bit, more) in bits.iter_mut().zip(&short.bits) {
            *bit |= more;
        }
        let least = |set: &Self, rule| if set.contains(rule) { set.threshold(rule) } else { i32::MAX };
        let mut thresholds: Vec<(RuleId, i32)> = [&self.thresholds, &other.thresholds]
            .into_iter()
            .flatten()
            .map(|&(rule, _)| (rule, least(self, rule).min(least(other, rule))))
            .collect();
        thresholds.sort_unstable();
        thresholds.dedup();
        let mut held: Vec<RuleId> = [&self.held, &other.held].into_iter().flatten().copied().collect();
        held.sort_unstable();
        held.dedup();
        Self { bits, thresholds, held }
    }

    /// Findings of the rule with a lower score are not reported.
    pub fn set_threshold(&mut self, rule: RuleId, score: f32) {
        let least = thousandths(score);
        match self.thresholds.binary_search_by_key(&rule, |&(rule, _)| rule) {
            Ok(at) => self.thresholds[at].1 = least,
            Err(at) => self.thresholds.insert(at, (rule, least)),
        }
    }

    /// The least score of the rule's findings, in thousandths.
    #[inline]
    pub(super) fn threshold(&self, rule: RuleId) -> i32 {
        let at = self.thresholds.binary_search_by_key(&rule, |&(rule, _)| rule);
        at.ok().and_then(|at| self.thresholds.get(at)).map_or(0, |&(_, least)| least)
    }

    /// Text is held until the rule, which asks a model, has judged it.
    pub fn hold(&mut self, rule: RuleId) {
        if let Err(at) = self.held.binary_search(&rule) {
            self.held.insert(at, rule);
        }
    }

    /// Whether text is held for the rule until it is judged.
    pub fn holds(&self, rule: RuleId) -> bool {
        self.held.binary_search(&rule).is_ok()
    }

    /// Whether no rule is in the set.
    pub fn is_empty(&self) -> bool {
        self.bits.iter().all(|&bits| bits == 0)
    }

    /// Whether the two sets share a rule.
    pub fn meets(&self, other: &Self) -> bool {
        self.bits.iter().zip(&other.bits).any(|(a, b)| a & b != 0)
    }

    /// The rules of the set, in order.
    pub fn iter(&self) -> impl Iterator<Item = RuleId> + '_ {
        self.bits.iter().enumerate().flat_map(|(word, &bits)| {
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| RuleId(word as u32 * 64 + bit))
        })
    }
}

impl FromIterator<RuleId> for RuleSet {
    fn from_iter<I: IntoIterator<Item = RuleId>>(rules: I) -> Self {
        let mut set = Self::empty();
        for rule in rules {
            set.insert(rule);
        }
        set
    }
}
