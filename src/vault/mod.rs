//! What stands for private values while a model works on them, and the way back.
//!
//! ```text
//! client ── "write to Zhang Wei" ──► Book: a stand-in for each value, by key, conversation and value ──► upstream
//! client ◄─ "Dear Zhang Wei"     ◄── Back: finds stand-ins in what the model says               ◄─────── upstream
//! ```
//!
//! Nothing is kept between exchanges: who resends a conversation's history gets the same stand-ins again, since they are drawn from a keyed
//! hash of client, conversation and value ([`Scope`]). What may come back are the values that stand in the request itself ([`Book`]), so that
//! no mapping can cross clients or conversations. Only where the provider keeps the history, the mapping is kept here, sealed ([`Vault`]).

mod back;
mod book;
mod dates;
mod draw;
mod finder;
mod forms;
mod identifiers;
#[cfg(test)]
mod laws;
mod names;
mod partial;
mod phones;
mod places;
mod sealed;

pub use back::{Back, Channel, Returning};
pub use book::{Book, Swap};
pub use draw::{Scope, Secret};
pub use partial::partial;
pub use sealed::{Kept, Owner, Vault, owner};
