//! What one key, tenant or connection may use: keys, concurrency and size limits.

mod settings;

pub use settings::LimitsSettings;
