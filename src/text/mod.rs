//! Text and where it came from: positions, JSON strings located and rewritten in place.

pub mod json;
pub mod position;

pub use position::{TextPos, WirePos};
