//! What is wrong with a file of lines.

/// What of a file is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Flaw {
    /// The line, counted from one.
    pub line: usize,
    /// What is wrong, and what was expected.
    pub what: String,
}
