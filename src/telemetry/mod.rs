//! Metrics, spans, and what may be logged.

mod log;
mod metrics;
mod settings;

pub use log::start_log;
pub use metrics::Metrics;
pub use settings::{LogFormat, LogLevel, LogSettings};
