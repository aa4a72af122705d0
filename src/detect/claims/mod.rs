//! Statements of which it is known what is wrong with them: fact checks, rumour lists, facts of a product. What an answer says once more is
//! found, with the source that says what is right.
//!
//! A [`Claims`] file has a line for each statement. [`Known`] is made of it once: of each statement its words that say something, weighed by
//! how few statements have them. A text is read sentence by sentence. A sentence says what a statement says if nearly all of the statement's
//! weight stands in it, few other words between, all of its numbers, if neither denies what the other asserts, and if who does what to
//! whom is the same.
//!
//! Words are compared by their stems, and by the groups of `filters/claims`: words and short phrases that say the same, and those that say the
//! opposite. Numbers are compared by what they say, in digits or words, measures in whatever unit. Nothing is learned: each word that
//! was taken for another is told ([`Saying::alike`]). A paraphrase that says it with an image, or leaves half of it to the reader, is not found.
//! Figures are in docs/quality.md.

mod compare;
mod decide;
mod file;
mod groups;
mod known;
#[cfg(test)]
mod laws;
mod numbers;
mod terms;

pub use decide::Saying;
pub(super) use decide::{Channel, start};
pub use file::{Claims, Statement, Verdict};
pub use known::Known;
