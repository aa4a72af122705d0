//! Models of our own: what no list can name is judged by weights of hashed words and runs of characters.
//!
//! A model is a table of a byte for each hashed feature and class ([`Model`]), made by `sluicegate train` and read from a file ([`file`]).
//! [`Features`] turns folded text into features as it arrives; [`Reading`] adds up what they weigh, unit by unit, and says
//! how sure each class is. A channel's state is some 3 KiB.

mod common;
mod decide;
mod features;
mod file;
#[cfg(test)]
mod laws;
mod learn;
mod model;
mod reading;
mod shipped;
mod train;

pub use decide::ModelSpec;
pub(super) use decide::{Judges, Judging};
pub use features::{Features, Group, Padded, Script, Sink};
pub use file::NoModel;
pub use learn::{Learned, Lesson, Plan, kin, learn, tongue};
pub use model::{Calibration, Head, LANES, Model, Sums, Tongue};
pub use reading::{Reading, Scores, Unit};
pub use shipped::{model, names};
pub use train::{Example, Settings, Weights, train};
