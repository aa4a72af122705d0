//! The only place that dials: connections, credentials, time limits.

mod settings;

pub use settings::{
    Credential, CredentialSettings, DEMONSTRATION, DialectFamily, Timeouts, UpstreamSettings,
};
