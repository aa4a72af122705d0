//! Sluicegate: a moderation gateway for generated content.
#![forbid(unsafe_code)]

pub mod audit;
pub mod detect;
pub mod diag;
pub mod limits;
pub mod policy;
pub mod server;
pub mod telemetry;
pub mod text;
pub mod upstream;
