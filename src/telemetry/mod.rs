//! Metrics, spans, and what may be logged.

mod log;
mod metrics;
mod quiet;
mod settings;
mod trace;

pub use log::start_log;
pub use metrics::Metrics;
pub use quiet::Quiet;
pub use settings::{LogFormat, LogLevel, LogSettings};
pub use trace::TraceParent;
