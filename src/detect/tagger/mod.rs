//! Names in free text: a sequence tagger of our own, a conditional random field with hashed features in bytes.
//!
//! [`Cutter`] parts folded text into tokens and units as it arrives, [`Lexicon`] says what is known of words beforehand, and a [`Tagger`]
//! tells which tokens of a unit are a person, an organisation, a place or an address. Words are read by how they are written, by their
//! beginnings and ends and by their neighbours; Chinese and Japanese by character. Made by `sluicegate train` and read from a file
//! ([`file`]). Text is held for it to the end of a unit at most: [`MOST`] tokens.

mod decide;
mod features;
mod file;
#[cfg(test)]
mod laws;
mod lexicon;
mod model;
mod shipped;
mod token;
mod train;

pub(super) use decide::{Channel, Taggers};
pub use features::MOST_FEATURES;
pub use file::NoTagger;
pub use lexicon::{Lexicon, TRAITS, is_common};
pub use model::{Body, Head, MOST_TYPES, NOTHING, Reading, Room, Span, Tagged, Tagger, WIDTH};
pub use shipped::{names, tagger};
pub use token::{Cutter, Gap, Kind, MOST, Token, Units};
pub use train::{Example, Settings, Weights, train};
