//! The only place that dials: connections, credentials, time limits.

mod ask;
mod client;
mod lists;
mod revealed;
mod settings;
pub mod sink;

pub use ask::{Answered, AskError, Asker};
pub use client::{Dialer, Outgoing, Upstream, UpstreamError};
pub use lists::{Fetched, ListClient, ListError};
pub use settings::{
    Credential, CredentialSettings, DEMONSTRATION, DialectFamily, Timeouts, UpstreamSettings,
};
