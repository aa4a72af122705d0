//! What one key, tenant or connection may use: keys, concurrency and size limits.

mod abuse;
mod gate;
mod keys;
mod ladder;
mod sessions;
mod settings;

pub use abuse::{Abuse, EACH, Seen};
pub use gate::{ConnectionPass, Connections, Gate, Pass};
pub use keys::{
    Caller, ExchangePass, Full, KeyHash, KeyTable, PREFIX, Pepper, PepperError, TenantKeys, new_key,
};
pub use ladder::{Known, Ladder, Passes, Person, Step};
pub use sessions::Sessions;
pub use settings::LimitsSettings;
