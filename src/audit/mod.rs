//! The record of what passed: one admission record before the first byte of an answer leaves, one end record after the last.
//!
//! Records name rules and places, never the text. The journal is append-only and durable before anything is delivered; proofs,
//! indices and sinks read it on their own time.

mod disk;
mod id;
mod journal;
mod record;
mod segment;
mod settings;

pub use id::ExchangeId;
pub use journal::{Commit, Journal, JournalError, OpenError, Receipt, Watcher};
pub use record::{Admission, Coverage, End, FindingRecord, StandingRecord, safe};
pub use segment::{Entry, EntryKind, ReadError, Recovered, Torn, read_dir};
pub use settings::JournalSettings;
