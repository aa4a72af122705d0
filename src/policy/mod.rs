//! Packs, rules and profiles: load, compile, decide, swap.

mod conditions;
mod embedded;
pub mod explain;
mod file;
pub mod files;
mod folds;
mod library;
mod list_url;
mod mistake;
mod rule;
mod settings;
#[cfg(test)]
mod tests;

pub use files::Files;
pub use library::{Library, MEASURE};
pub use list_url::{ListUrl, Proof, wanted as wanted_lists};
pub use mistake::{Mistake, Setting};
pub use rule::{Action, Actions, Basis, Choice, Direction, Policy, Rule, Severity};
pub use settings::{BlockAs, PolicyChange, PolicySettings, Threshold, Unscanned};

/// A term that stands in no text but the canary's: every policy masks it, so that the gateway can see that it is in the path.
pub const CANARY: &str = "sluicegate-canary-q7x4v9k2m8t3";
/// What stands in its place.
pub const CANARY_MARKER: &str = "[CANARY]";

/// The rule that every policy has beside its own.
pub fn canary_rule() -> (Rule, crate::detect::RuleSpec) {
    let rule = Rule {
        id: "sluicegate/canary".into(),
        title: "the gateway's own canary".into(),
        category: "CANARY".into(),
        actions: Actions::all(Action::Mask),
        marker: CANARY_MARKER.into(),
        ..Rule::default()
    };
    let keyword = crate::detect::Keyword { text: CANARY.into(), whole_word: true };
    (rule, crate::detect::RuleSpec { keywords: vec![keyword], ..crate::detect::RuleSpec::default() })
}
