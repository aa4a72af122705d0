//! Sluicegate: a moderation gateway for generated content.
//!
//! The floors of the house, from the top; imports run downward only (`tests/structure.rs` keeps it so).
#![forbid(unsafe_code)]

pub mod audit;
pub mod cli;
pub mod config;
pub mod detect;
pub mod diag;
pub mod dialect;
pub mod exchange;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz_entry;
pub mod limits;
pub mod policy;
pub mod provenance;
pub mod server;
pub mod stream;
pub mod telemetry;
pub mod text;
pub mod upstream;
pub mod vault;
