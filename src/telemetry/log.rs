//! The gateway's own log, on standard error. Lines name exchanges, rules, upstreams and errors of the system, never a text of an
//! exchange; control characters are escaped by the subscriber (RUSTSEC-2025-0055 is the case in point).

use tracing_subscriber::EnvFilter;

use super::{LogFormat, LogSettings};

/// Starts the log; a second call changes nothing. `RUST_LOG` stands over the settings' level.
pub fn start_log(settings: &LogSettings) {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new(format!("warn,sluicegate={}", settings.level.as_str())));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Tests start several gateways in one process: the first log stands.
    let _ = match settings.format {
        LogFormat::Text => log.with_ansi(false).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
}
