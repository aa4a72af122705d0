//! Prints: an index of what was delivered, by which a text is known again when it has no mark any more.
//!
//! Of the texts of an answer as the client got them some rows of letters are kept as numbers under a key of the tenant, never as text (Schleimer et
//! al., "Winnowing", SIGMOD 2003): of four rows that follow each other one at least. Rows that occur in the request or among common phrases are left
//! out, so that who has a model quote a text does not make the text a model's. Of a text that is looked for every row is looked up, so that edits
//! take away no more than the rows that they touch.
//!
//! A [`Keeper`] takes answers as they end and writes the folder; a [`Shelf`] is the folder as it is read, by a gateway and by the command line beside
//! it.

mod align;
mod erased;
mod find;
mod forget;
mod grams;
mod grown;
mod judge;
mod keeper;
mod keys;
#[cfg(test)]
mod laws;
mod log;
mod record;
mod segment;
mod settings;
mod shelf;
mod sort;

pub use align::{Aligned, FITS, align, chance as chance_of_fit};
pub use erased::Erasure;
pub use forget::{Forgotten, forget};
pub use grams::{Common, share_asked};
pub use grown::grow;
pub use judge::{PrintVerdict, hundredths};
pub use keeper::{Delivery, Fate, Keeper, PrintPlan};
pub use keys::PrintKeys;
pub use log::Torn;
pub use record::PrintRecord;
pub use settings::PrintSettings;
pub use shelf::{Found, Held, Shelf, Traced};
