//! Statements of which it is known what is wrong with them: fact checks, rumour lists, facts of a product. What an answer says once more is
//! found, with the source that says what is right.
//!
//! A [`Claims`] file has a line for each statement. [`Known`] is made of it once: of each statement its words that say something, weighed by
//! how few statements have them. A text is read sentence by sentence; a sentence says what a statement says if most of the statement's weight
//! stands in it, all of its numbers, and if neither denies what the other asserts. It is words that are compared, in any order that
//! keeps most neighbours: a paraphrase in other words is not found.

mod compare;
mod decide;
mod file;
mod groups;
mod known;
#[cfg(test)]
mod laws;
mod numbers;
mod terms;

pub use decide::said;
pub(super) use decide::{Channel, start};
pub use file::{Claims, Statement, Verdict};
pub use known::Known;
