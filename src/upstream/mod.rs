//! The only place that dials: connections, credentials, time limits.

mod ask;
mod client;
mod dialer;
pub mod judge;
mod lists;
mod revealed;
mod settings;
pub mod sink;
pub mod vouch;
mod web;

pub use ask::{Answered, AskError, Asker};
pub use client::{Upstream, UpstreamError};
pub use dialer::{Answer, Dialer, Outgoing};
pub use lists::{Fetched, ListClient, ListError};
pub use settings::{
    Credential, CredentialSettings, DEMONSTRATION, DialectFamily, Timeouts, UpstreamSettings,
};
