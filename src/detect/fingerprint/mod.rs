//! Documents that are found again by their fingerprints: what of a text stands in a document that was registered, in a prompt before it leaves
//! and in an answer before it arrives.
//!
//! A [`Collection`] is a file with keyed hashes of rows of letters of each document and no text. An [`Index`] is made of it once, and a
//! [`Reading`] holds a text against it as it comes. What is found is the passage, with the document's name; from fifty characters of running
//! text on it is always found, however it was wrapped, spaced, punctuated or cased, and mostly when words were changed in it.
//!
//! Where text is held for it, that is the last [`LEAD`](gram::LEAD) letters, and from the first row of a document on
//! the passage up to 460 letters.

mod collection;
mod decide;
pub(crate) mod gram;
mod index;
#[cfg(test)]
mod laws;
mod reading;

pub use collection::{Collection, Document, LEAST, NotAdded};
pub(super) use decide::{Channel, Fingerprints};
pub use decide::{passages, system_prompt};
pub use index::Index;
pub use reading::{Passage, Reading};
