//! Listeners, admission, and the pump that drives an exchange with sockets.

mod settings;

pub use settings::{HeaderMatch, KeySettings, RouteSettings, ServerSettings, TenantSettings};
