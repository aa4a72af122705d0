//! How clients are told of what is false in an answer, or not borne out by its request, where a rule only flags it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, Direction, Policy, Rule};
use crate::detect::claims::Verdict;
use crate::detect::{Engine, RuleId};

/// The form in which clients are told of doubts.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Annotate {
    /// They are not told: it is in the record alone.
    None,
    /// In words behind the answer's text; of a text that a program reads, as `metadata`.
    Note,
    /// In a member beside the answer's text.
    #[default]
    Metadata,
    /// In a header of a whole answer; of a stream, whose head has left by then, as `metadata`.
    Header,
}

impl Annotate {
    /// All.
    pub const ALL: [Self; 4] = [Self::None, Self::Note, Self::Metadata, Self::Header];

    /// The word in settings and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Note => "note",
            Self::Metadata => "metadata",
            Self::Header => "header",
        }
    }
}

/// Why a place of an answer is doubtful.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Doubt {
    /// It says a statement that is known to be false.
    False,
    /// It says one that is known to mislead.
    Misleading,
    /// It says one for which there is no proof.
    Unproven,
    /// A model or a judge takes it for false information.
    Misinformation,
    /// The request does not bear it.
    Unsupported,
}

impl Doubt {
    /// All, in the order in which people are told of them.
    pub const ALL: [Self; 5] =
        [Self::False, Self::Misleading, Self::Unproven, Self::Misinformation, Self::Unsupported];

    /// The word that programs are told.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::False => "false",
            Self::Misleading => "misleading",
            Self::Unproven => "unproven",
            Self::Misinformation => "misinformation",
            Self::Unsupported => "unsupported",
        }
    }
}

/// What a category of the taxonomy doubts, where a model or a judge finds it. A list of words of the same category finds who speaks of falsehoods, which
/// is no doubt about what is said.
fn of_category(rule: &Rule) -> Option<Doubt> {
    let judged = rule.model.is_some() || rule.judge.is_some();
    match rule.category.as_str() {
        "UNSUPPORTED" if judged => Some(Doubt::Unsupported),
        "MISINFORMATION" if judged => Some(Doubt::Misinformation),
        _ => None,
    }
}

/// Whether a rule may find something doubtful.
pub(super) fn may_doubt(rule: &Rule, id: RuleId, engine: &Engine) -> bool {
    rule.grounding.is_some() || of_category(rule).is_some() || engine.has_statements(id)
}

impl Policy {
    /// What is doubtful about what a rule found in an answer, where clients are to be told: it is flagged, not more. `of` is the finding's, see
    /// [`Finding::of`](crate::detect::Finding::of).
    pub fn doubt(&self, id: RuleId, of: u32) -> Option<Doubt> {
        if self.action(id, Direction::Output) != Action::Flag {
            return None;
        }
        let rule = self.rule(id);
        if rule.grounding.is_some() {
            return Some(Doubt::Unsupported);
        }
        if rule.judge.is_none()
            && let Some(statement) = self.engine().statement(id, of)
        {
            return match statement.verdict {
                Verdict::False => Some(Doubt::False),
                Verdict::Misleading => Some(Doubt::Misleading),
                Verdict::Unproven => Some(Doubt::Unproven),
                Verdict::True => None,
            };
        }
        of_category(rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_that_are_read() {
        for form in Annotate::ALL {
            let read: Annotate =
                serde_json::from_str(&format!("\"{}\"", form.as_str())).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(read, form);
        }
        for doubt in Doubt::ALL {
            assert_eq!(serde_json::to_string(&doubt).ok(), Some(format!("\"{}\"", doubt.as_str())));
        }
    }
}
