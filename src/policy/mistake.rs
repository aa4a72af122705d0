//! What is wrong with the settings of a policy, and with which of them.

use crate::diag::Diagnostic;

/// One of the settings that ask for a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `profile`.
    Profile,
    /// One of `packs`, by its number.
    Pack(usize),
    /// One of `actions`, by the rule's id.
    Action(String),
    /// One of `thresholds`, by the rule's id.
    Threshold(String),
    /// One of `states`, by the rule's id.
    State(String),
    /// One of the ladder's `rules`, by its number.
    Ladder(usize),
    /// One of the rules of `review`, by its number.
    Review(usize),
    /// One of `slots`, by its id.
    Slot(String),
}

/// A mistake in settings. Whoever read them knows where they stand.
#[derive(Clone, Debug)]
pub struct Mistake {
    /// Where it is.
    pub setting: Setting,
    /// What it is, and what is valid.
    pub diagnostic: Diagnostic,
}
