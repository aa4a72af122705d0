//! Files, spans and diagnostics: how Sluicegate tells a person what is wrong in a file they wrote.
//!
//! Settings, packs, rules and command-line input all report through [`Diagnostic`]. It is plain data;
//! [`render`] turns it into text for a terminal or JSON for a program, and [`read`] reads a TOML file so
//! that every mistake in it is found in one run.

pub mod moment;
mod nearest;
mod places;
mod read;
mod render;
mod source;
mod units;
mod whole_file;

use std::fmt;
use std::sync::Arc;

pub use nearest::nearest;
pub use places::{Places, Step};
pub use read::{Read, read_toml};
pub use render::{Colour, render_human, render_json, to_json};
pub(crate) use source::BYTE_ORDER_MARK;
pub use source::{SourceFile, Span, is_plain};
pub use units::{Size, Time};
pub use whole_file::{Draft, loose_mode, make_folder, rewrite_whole, write_new, write_whole};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but probably does not do what was meant.
    Warning,
}

impl Severity {
    /// The word that people and programs read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A place in a file with what there is to say about it.
#[derive(Debug, Clone)]
pub struct Label {
    /// The file.
    pub file: Arc<SourceFile>,
    /// The bytes meant.
    pub span: Span,
    /// What stands there; may be empty.
    pub message: String,
}

/// One mistake: what it is, where it is, and what would be right.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// A stable short name such as `unknown-key`, for programs and for searching the documentation.
    pub code: &'static str,
    /// One sentence in the user's words, lower case, no full stop.
    pub message: String,
    /// The first label is the mistake itself, others are context.
    pub labels: Vec<Label>,
    /// What is valid, what was probably meant.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error with no place yet.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            labels: Vec::new(),
            help: Vec::new(),
        }
    }

    /// A warning with no place yet.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Adds a place.
    #[must_use]
    pub fn at(mut self, file: &Arc<SourceFile>, span: impl Into<Span>, message: impl Into<String>) -> Self {
        self.labels.push(Label { file: Arc::clone(file), span: span.into(), message: message.into() });
        self
    }

    /// Adds a line of help.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds what is valid and, where one is near enough, the name that was probably meant.
    #[must_use]
    pub fn valid<S: AsRef<str>>(mut self, what: &str, found: &str, names: &[S]) -> Self {
        if let Some(name) = nearest(found, names) {
            self.help.push(format!("did you mean `{name}`?"));
        }
        if !names.is_empty() {
            let mut list: Vec<String> = names.iter().map(|n| format!("`{}`", n.as_ref())).collect();
            list.dedup();
            self.help.push(format!("{what}: {}", list.join(", ")));
        }
        self
    }

    /// Whether this makes the file unusable.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// One line: `file:line:column: error[code]: message`, with the help behind it.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(label) = self.labels.first() {
            let (line, column) = label.file.line_column(label.span.start);
            write!(f, "{}:{line}:{column}: ", label.file.name())?;
        }
        write!(f, "{}[{}]: {}", self.severity.as_str(), self.code, self.message)?;
        for help in &self.help {
            write!(f, "; {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}

/// Whether any of them is an error.
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(Diagnostic::is_error)
}

/// Puts diagnostics in the order of the text: by file, then by place; what has no place comes first.
pub fn sort(diagnostics: &mut [Diagnostic]) {
    diagnostics.sort_by(|a, b| {
        let key =
            |d: &Diagnostic| d.labels.first().map(|l| (l.file.name().to_owned(), l.span.start, l.span.end));
        key(a).cmp(&key(b)).then_with(|| a.message.cmp(&b.message))
    });
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
