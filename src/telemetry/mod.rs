//! Metrics, spans, and what may be logged.

mod metrics;
mod settings;

pub use metrics::Metrics;
pub use settings::{LogFormat, LogLevel, LogSettings};
