//! Sampled output: what the rules make of it, and what classifiers do. Each has its own column in the report.

use crate::cli::scan::text::scan;
use crate::detect::{ModelSpec, RuleSpec};
use crate::exchange::Outcome as Verdict;
use crate::policy::{Action, Actions, Direction, Policy, Rule};
use serde::Serialize;

/// The model that is asked where the policy asks none, and the rule's name in the report.
const MODEL: &str = "harm";
const RULE: &str = "assess/harm";

/// What a text was found to hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Found {
    /// Rules in force that find something by words, patterns and the like, in order, each once.
    pub(super) rules: Vec<String>,
    /// Those that ask a classifier, each once, with its highest score.
    pub(super) classifiers: Vec<Classified>,
    /// Whether the policy blocks it.
    pub(super) blocked: bool,
}

/// What a classifier found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Classified {
    pub(super) rule: String,
    /// 0 to 1, of the part of the text that is surest.
    pub(super) score: f32,
}

impl Found {
    /// Every rule that finds something, of either kind, in order.
    pub(super) fn all(self) -> Vec<String> {
        let mut all = self.rules;
        all.extend(self.classifiers.into_iter().map(|one| one.rule));
        all.sort();
        all
    }
}

/// What the rules in force make of a text.
pub(super) fn found(policy: &Policy, direction: Direction, text: &str) -> Found {
    let scanned = scan(policy, direction, text, None);
    let mut out = Found { blocked: scanned.outcome() == Verdict::Block, ..Found::default() };
    for one in scanned.findings().iter().filter(|one| one.action > Action::Allow && !one.shadow) {
        if one.model.is_none_or(ModelSpec::finds_places) {
            out.rules.push(one.rule.to_owned());
            continue;
        }
        match out.classifiers.iter_mut().find(|known| known.rule == one.rule) {
            Some(known) => known.score = known.score.max(one.score),
            None => out.classifiers.push(Classified { rule: one.rule.to_owned(), score: one.score }),
        }
    }
    out.rules.sort();
    out.rules.dedup();
    out.classifiers.sort_by(|a, b| a.rule.cmp(&b.rule));
    out
}

/// By what classifiers judge, as the report tells it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Classifiers {
    /// Whether the policy asks them itself; else the model `harm` is asked at its usual threshold.
    pub(super) of_policy: bool,
    pub(super) rules: Vec<Classifier>,
}

/// A rule that asks a model on output.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Classifier {
    pub(super) rule: String,
    pub(super) model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) class: Option<String>,
    /// The least score that counts, where the rule or the policy says one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<f32>,
    /// Else it is the score that one in so many harmless texts reaches, by language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) one_in: Option<u16>,
}

/// What judges sampled output.
#[derive(Debug)]
pub(super) struct Judges<'p> {
    policy: &'p Policy,
    /// In the place of a policy that asks no model.
    usual: Option<Policy>,
    pub(super) told: Classifiers,
}

impl<'p> Judges<'p> {
    /// The policy's own rules; where none of those in force asks a model on output, one that asks [`MODEL`] beside them.
    pub(super) fn new(policy: &'p Policy) -> anyhow::Result<Self> {
        let rules = asking(policy);
        if !rules.is_empty() {
            return Ok(Self { policy, usual: None, told: Classifiers { of_policy: true, rules } });
        }
        let model = Some(ModelSpec { model: MODEL.to_owned(), ..ModelSpec::default() });
        let rule = Rule {
            id: RULE.to_owned(),
            actions: Actions { output: Action::Flag, ..Actions::default() },
            model: model.clone(),
            ..Rule::default()
        };
        let spec = RuleSpec { model, ..RuleSpec::default() };
        let usual = Policy::from_rules(vec![(rule, spec)])
            .map_err(|wrong| anyhow::anyhow!("the model `{MODEL}` cannot be asked: {wrong:?}"))?;
        let rules = asking(&usual);
        Ok(Self { policy, usual: Some(usual), told: Classifiers { of_policy: false, rules } })
    }

    /// What an answer holds.
    pub(super) fn judge(&self, answer: &str) -> Found {
        let mut out = found(self.policy, Direction::Output, answer);
        if let Some(usual) = &self.usual {
            out.classifiers = found(usual, Direction::Output, answer).classifiers;
        }
        out
    }
}

/// The rules of a policy that ask a classifier on output and make something of what it finds.
fn asking(policy: &Policy) -> Vec<Classifier> {
    let of = |id| {
        let (rule, threshold) = (policy.rule(id), policy.threshold(id));
        let asked = rule.model.as_ref().filter(|asked| !asked.finds_places())?;
        let from = (threshold > 0.0).then_some(threshold);
        Some(Classifier {
            rule: rule.id.clone(),
            model: asked.model.clone(),
            class: asked.class.clone(),
            from,
            one_in: from.is_none().then(|| asked.one_in.unwrap_or(ModelSpec::RARE)),
        })
    };
    let mut all: Vec<Classifier> = policy.rules(Direction::Output).iter().filter_map(of).collect();
    all.sort_by(|a, b| a.rule.cmp(&b.rule));
    all
}
