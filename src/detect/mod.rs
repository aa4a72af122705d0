//! Finds things in a channel's text as it arrives: keywords and patterns with validators, over folded text.
//!
//! [`Engine::compile`] turns the rules of all policies into shared automata once; a [`Scan`] is one channel's state and
//! is fed the text in pieces of any size; a [`RuleSet`] says which rules count. What the pieces look like never changes
//! what is found. After each piece [`Progress::settled`] tells how far the text is decided: for keywords exactly, for
//! patterns bounded by the length that each pattern states.

mod around;
mod asking;
mod asleep;
mod begin;
mod blocks;
mod brought;
pub mod claims;
pub mod classify;
mod conditions;
mod cost;
mod descent;
mod disguise;
mod encoded;
mod engine;
mod exact;
mod expression;
pub mod fingerprint;
mod flaw;
mod gate;
pub mod grounding;
mod judge;
mod known;
mod lexicon;
mod likeness;
mod machine;
mod model_file;
mod numbered;
mod numbers;
#[cfg(any(test, fuzzing))]
pub(crate) mod oracle;
mod pattern;
mod phrase;
mod scan;
mod sift;
mod signs;
mod spec;
mod tables;
pub mod tagger;
mod tail;
mod thread;
mod trie;
pub mod validator;
mod wide;

pub use crate::text::exact::Exact;
pub use crate::text::fold::TextKind;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod judge_laws;
#[cfg(test)]
mod laws;

pub use brought::{Brought, NotBrought};
pub use classify::ModelSpec;
pub use conditions::{Around, Conditions, FURTHEST, MOST_GROUPS, Shift, When};
pub use cost::PatternCost;
pub use encoded::{Encoded, EncodedFinding, Encoding, Encodings, scan_encoded, with_encoded};
pub use engine::Engine;
pub use flaw::Flaw;
pub use grounding::Unsupported;
pub use scan::{Scan, scan_all};
pub use spec::{
    CompileError, Finding, Folds, Keyword, PatternSpec, Place, Progress, RuleId, RuleSet, RuleSpec,
};
pub use tables::{NoTables, Tables};
pub use validator::Validator;
