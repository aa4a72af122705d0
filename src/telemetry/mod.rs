//! Metrics, spans, and what may be logged.

mod settings;

pub use settings::{LogFormat, LogLevel, LogSettings};
