//! What a model wrote can be recognised: what people and programs are told of it.
//!
//! A **label** is text that people see, in words of the law that asks for it and in the answer's language. A **statement** is metadata for
//! programs: which gateway let the text out, under which number, and what the text was, signed. An **export** is a file that carries it.

mod aigc;
pub mod export;
mod label;
mod settings;
mod skeleton;
mod statement;
mod words;

pub use aigc::{Aigc, CHARACTERS, is_allowed};
pub use label::{Label, LabelWords, Paragraph};
pub use settings::{LabelSettings, NoticesIn, Unlabelled};
pub use skeleton::Skeleton;
pub use statement::{Signed, Statement, StatementError};
pub use words::{has_elements, interaction, wording};
