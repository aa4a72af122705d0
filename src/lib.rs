//! Sluicegate: a moderation gateway for generated content.
#![forbid(unsafe_code)]

pub mod diag;
pub mod text;
