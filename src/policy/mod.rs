//! Packs, rules and profiles: load, compile, decide, swap.

mod settings;

pub use settings::{BlockAs, PolicyChange, PolicySettings, Unscanned};
