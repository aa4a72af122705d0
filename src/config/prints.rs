//! What is said of prints: whether the phrases that tell nothing can be read.

use std::io;
use std::path::PathBuf;

use super::Settings;
use super::check::Check;
use crate::diag::Diagnostic;
use crate::provenance::print::{Common, PrintKeys, PrintSettings};

/// The shortest time for which prints are worth their keeping.
const LEAST_DAYS: u32 = 1;

impl Check<'_> {
    /// `[prints]`.
    pub(super) fn prints(&mut self, prints: &PrintSettings) {
        if prints.days < LEAST_DAYS {
            let diagnostic = Diagnostic::error("wrong-value", "prints are kept for a day at least")
                .help("to keep none say `policy.prints = false`");
            self.value(&["prints".into(), "days".into()], diagnostic, "expected 1 or more");
        }
        for (n, path) in prints.common.iter().enumerate() {
            if let Err(error) = std::fs::read_to_string(path) {
                let what = format!("cannot read `{}`: {error}", path.display());
                let diagnostic =
                    Diagnostic::error("no-file", what).help("a text file in UTF-8, a phrase a line");
                self.value(&["prints".into(), "common".into(), n.into()], diagnostic, "this file");
            }
        }
    }
}

impl Settings {
    /// The folder of prints.
    pub fn prints_path(&self) -> PathBuf {
        self.prints.dir.clone().unwrap_or_else(|| self.server.state.join("prints"))
    }

    /// The phrases that tell nothing.
    ///
    /// # Errors
    /// A file of them cannot be read.
    pub fn common_phrases(&self, keys: &PrintKeys) -> io::Result<Common> {
        let files = self.prints.common.iter().map(std::fs::read_to_string).collect::<io::Result<Vec<_>>>()?;
        Ok(Common::new(keys, files.iter().map(String::as_str)))
    }
}
