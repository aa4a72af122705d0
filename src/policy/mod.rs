//! Packs, rules and profiles: load, compile, decide, swap.

mod rule;
mod settings;

pub use rule::{Action, Actions, Basis, Direction, Policy, Rule, Severity};
pub use settings::{BlockAs, PolicyChange, PolicySettings, Unscanned};
