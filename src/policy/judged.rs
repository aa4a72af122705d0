//! Rules that ask a judge which is called: a service of the configuration's `[[judge]]`.

use std::sync::Arc;

use super::draft::At;
use super::file::RuleFile;
use super::rule::{Action, Actions};

/// Anything that a judge says, whatever it calls it.
pub const ANYTHING: &str = "*";

/// The least score of a judge that counts, where a rule says no threshold.
pub const LEAST: f32 = 0.5;

/// What a rule asks a judge.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgeSpec {
    /// The judge's name.
    pub judge: Arc<str>,
    /// What the judge calls what the rule looks for; empty: whatever the judge means by the rule's category.
    pub judged_as: Vec<String>,
    /// Scores of the rule's own model, the lower and the upper one, between which the judge is asked. Below, nothing is found; above, it is
    /// found without asking. Without it the judge is asked always, and there is no model.
    pub band: Option<(f32, f32)>,
    /// Whether an answer's text waits until it is judged.
    pub strict: bool,
}

/// A score is a number from 0 to 1.
impl Eq for JudgeSpec {}

impl JudgeSpec {
    /// Whether the judge is to be asked of something that the rule's own model gave this score.
    pub fn is_uncertain(&self, score: f32) -> bool {
        self.band.is_some_and(|(_, upper)| score <= upper)
    }

    /// Whether the rule looks for what a judge calls so and means so by, where it is of this category.
    pub fn looks_for(&self, category: &str, called: &str, means: &[String]) -> bool {
        if self.judged_as.is_empty() {
            return called == category || means.iter().any(|code| code == category);
        }
        self.judged_as.iter().any(|one| one == called || one == ANYTHING)
    }
}

impl At<'_> {
    /// What the rule asks a judge. `alone`: whether it looks for no words and patterns.
    pub(super) fn judge(&mut self, id: &str, rule: &RuleFile, alone: bool) -> Option<Arc<JudgeSpec>> {
        let Some(judge) = &rule.judge else {
            for (key, written) in [("judged_as", !rule.judged_as.is_empty()), ("band", rule.band.is_some())] {
                if written {
                    self.wrong(&[key], "judge", format!("rule `{id}` says `{key}`, but asks no `judge`"));
                }
            }
            return None;
        };
        let told = !rule.fingerprints.is_empty() || !rule.claims.is_empty() || rule.system_prompt;
        if !alone || told || rule.grounding.is_some() {
            let message = format!(
                "rule `{id}` asks a judge, and looks for words, patterns, documents or grounding as well: make two rules of it"
            );
            self.wrong(&["judge"], "judge", message);
        }
        let band = match (rule.band, &rule.model) {
            (Some([lower, upper]), Some(_))
                if (0.0..=1.0).contains(&lower) && lower < upper && upper <= 1.0 =>
            {
                Some((lower, upper))
            }
            (Some([lower, upper]), Some(_)) => {
                let message = format!(
                    "rule `{id}`: `band` is {lower} to {upper}; expected two scores from 0 to 1, the lower one first"
                );
                self.wrong(&["band"], "judge", message);
                None
            }
            (Some(_), None) => {
                let message = format!(
                    "rule `{id}` says `band`, but has no `model` whose scores it would be: without one the judge is asked always"
                );
                self.wrong(&["band"], "judge", message);
                None
            }
            (None, Some(_)) => {
                let message = format!(
                    "rule `{id}` asks a model and a judge, but has no `band`: between which scores is the judge asked? `band = [0.0, 1.0]` is always"
                );
                self.wrong(&["judge"], "judge", message);
                None
            }
            (None, None) => None,
        };
        Some(Arc::new(JudgeSpec {
            judge: judge.as_str().into(),
            judged_as: rule.judged_as.clone(),
            band,
            strict: rule.hold.as_deref() == Some("strict"),
        }))
    }

    /// What a judge says comes when text may have left: answers and tools are flagged and blocked for it, and not rewritten.
    pub(super) fn judged_actions(&mut self, id: &str, actions: Actions, models: bool) {
        for (direction, action) in [("output", actions.output), ("tool", actions.tool)] {
            if action.rewrites() {
                let message = format!(
                    "rule `{id}` asks a judge, for which `{direction}` cannot be rewritten (`{}`); expected `allow`, `flag` or `block`",
                    action.as_str()
                );
                self.wrong(&["action"], "judge", message);
            }
        }
        // Of a model's sentences that is said already.
        if !models && matches!(actions.prompt, Action::Pseudonymise | Action::Hash | Action::Partial) {
            let message = format!(
                "rule `{id}` asks a judge, of whose findings `{}` makes nothing; expected `allow`, `flag`, `mask`, `replace` or `block`",
                actions.prompt.as_str()
            );
            self.wrong(&["action"], "judge", message);
        }
    }
}
