//! What a model wrote can be recognised: what people and programs are told of it, and what stands in the text unseen.
//!
//! A **label** is text that people see, in words of the law that asks for it and in the answer's language. A **statement** is metadata for
//! programs: which gateway let the text out, under which number, and what the text was, signed. An **export** is a file that carries it.
//! A **mark** is a short keyed tag of invisible characters, bound to the letters before it: any cut of the text that holds one verifies by
//! itself, and a tag that is moved elsewhere does not. [`mark`] sets and reads them, [`detect`] says what they tell of a text. The [`sampler`]'s mark is
//! in the choice of words, where an upstream can be asked for it.

mod aigc;
mod annotation;
pub mod c2pa;
pub mod detect;
pub mod export;
mod label;
pub mod mark;
pub mod print;
pub mod sampler;
mod settings;
mod skeleton;
mod statement;
mod words;

pub use aigc::{Aigc, CHARACTERS, is_allowed};
pub use annotation::{Annotation, Told, in_a_line};
pub use label::{Label, LabelWords, Paragraph};
pub use settings::{LabelSettings, NoticesIn, Unlabelled};
pub use skeleton::Skeleton;
pub use statement::{Signed, Statement, StatementError};
pub use words::{has_elements, interaction, wording};
