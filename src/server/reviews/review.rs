//! A review and how it stands.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::audit::{LabelRecord, MarkRecord, TextPlace};
use crate::exchange::Delivered;
use crate::server::book::{Entry, Times};

/// How a review stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::server) enum ReviewState {
    /// Nobody has decided.
    Pending,
    /// The answer may pass, or was right to.
    Approved,
    /// Another text stands in its place.
    Corrected,
    /// It may not, or should not have.
    Rejected,
}

impl ReviewState {
    /// All to which a reviewer can bring one.
    pub(super) const DECISIONS: [Self; 3] = [Self::Approved, Self::Corrected, Self::Rejected];

    /// As records, answers and the command line have it.
    pub(in crate::server) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Corrected => "corrected",
            Self::Rejected => "rejected",
        }
    }

    /// Whether this may follow. What a client may have fetched is not taken back.
    pub(super) fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending => next != Self::Pending,
            Self::Rejected => matches!(next, Self::Approved | Self::Corrected),
            Self::Approved | Self::Corrected => false,
        }
    }
}

/// A text of a review, sealed with its head under the key of the user whose exchange it is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Sealed {
    pub(super) texts: TextPlace,
    /// Its bytes.
    #[serde(default)]
    pub(super) bytes: u64,
    /// Its keyed hash, as records have those of answers.
    #[serde(default)]
    pub(super) sent: String,
    /// How it is labelled and marked, as an exchange's end record says it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(super) label: Value,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(super) mark: Value,
}

/// What a client gets when a review lets it: head and body, and what was added to it.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) head: Head,
    pub(super) body: Vec<u8>,
    pub(super) label: Option<LabelRecord>,
    pub(super) mark: Option<MarkRecord>,
    /// Its texts and its request, where prints of it are kept once it is given.
    pub(super) delivered: Option<Delivered>,
}

/// What goes with a text. It is sealed too: header fields may say what the text does, or its hash.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) fields: Vec<(String, String)>,
    /// The answer's texts, where prints of it are kept once it is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) texts: Vec<String>,
}

impl std::fmt::Debug for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Head").field("status", &self.status).finish_non_exhaustive()
    }
}

/// An answer that a person reviews. Times are milliseconds since 1970.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::server) struct Review {
    /// The exchange, whose id is the review's.
    #[serde(rename = "review")]
    pub(super) id: String,
    pub(super) tenant: String,
    pub(super) key: String,
    /// The user, as records name him.
    pub(super) user: String,
    pub(super) route: String,
    pub(super) model: String,
    pub(super) state: ReviewState,
    /// What this line or record says is new: `filed`, `read` (what was held is there, or why it is not), `decided`, or `given` (a client has
    /// been given what was let pass).
    #[serde(default)]
    pub(super) step: String,
    /// Whether the client has got a block in the answer's place; else the answer as the rules left it.
    pub(super) held: bool,
    /// The rules for whose findings it is reviewed.
    pub(super) rules: Vec<String>,
    pub(super) filed_ms: u64,
    /// Until when it is to be decided.
    pub(super) deadline_ms: u64,
    pub(super) changed_ms: u64,
    /// Who brought it to this state, and why; empty while nobody has.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) by: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) why: String,
    /// Whether a client has been given what was let pass.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) given: bool,
    /// Days for which its texts are kept at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) days: Option<u32>,
    /// What the client gets if a held answer is approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) answer: Option<Sealed>,
    /// Why a held answer cannot be approved; empty where it can.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) lost: String,
    /// The reviewer's own text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) correction: Option<Sealed>,
}

impl Review {
    /// What the client may have now.
    pub(super) fn released(&self) -> Option<(&'static str, &Sealed)> {
        match self.state {
            ReviewState::Approved => self.answer.as_ref().map(|sealed| (ANSWER, sealed)),
            ReviewState::Corrected => self.correction.as_ref().map(|sealed| (CORRECTION, sealed)),
            ReviewState::Pending | ReviewState::Rejected => None,
        }
    }

    /// Under which name one of its texts is sealed.
    pub(super) fn name(&self, what: &str) -> String {
        format!("{}/{what}", self.id)
    }
}

/// The text that is held.
pub(super) const ANSWER: &str = "answer";
/// The text that a reviewer puts in its place.
pub(super) const CORRECTION: &str = "correction";

impl Entry for Review {
    const FILE: &'static str = "reviews.jsonl";
    const WHAT: &'static str = "reviews";
    const EVENT: &'static str = super::EVENT;

    fn id(&self) -> &str {
        &self.id
    }

    fn is_open(&self) -> bool {
        self.state == ReviewState::Pending
    }

    fn times(&self) -> Times {
        Times { filed: self.filed_ms, deadline: self.deadline_ms, changed: self.changed_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::ReviewState::{Approved, Corrected, Pending, Rejected};

    #[test]
    fn what_a_client_may_have_is_not_taken_back() {
        for (from, to, want) in [
            (Pending, Approved, true),
            (Pending, Corrected, true),
            (Pending, Rejected, true),
            (Pending, Pending, false),
            (Rejected, Approved, true),
            (Rejected, Corrected, true),
            (Rejected, Rejected, false),
            (Approved, Rejected, false),
            (Corrected, Approved, false),
        ] {
            assert_eq!(from.may_become(to), want, "{from:?} {to:?}");
        }
    }
}
