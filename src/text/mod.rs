//! Text and where it came from: positions, JSON strings located and rewritten in place, folding.

pub mod fold;
mod fold_table;
pub mod json;
pub mod position;

pub use position::{TextPos, WirePos};

/// Longest string that is believed to be an identifier.
const LONGEST_IDENTIFIER: usize = 200;

/// Whether a string has the form of a machine's name: at most 200 bytes of ASCII letters, digits and `-_.:/|+=#~`, without a
/// space, an `@` or an escape, so that no sentence, mail address or disguised text passes as an identifier.
pub fn looks_like_identifier(raw: &[u8]) -> bool {
    raw.len() <= LONGEST_IDENTIFIER
        && raw.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.:/|+=#~".contains(b))
}
