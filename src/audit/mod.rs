//! The record of what passed: journal, admission and end records.

mod settings;

pub use settings::JournalSettings;
