//! Where the key of kept bodies comes from: one place, and one that can be.

use super::check::Check;
use super::file::File;
use super::secret::is_variable;
use crate::diag::{Diagnostic, Step};

impl Check<'_> {
    /// Of `journal.texts`.
    pub(super) fn texts(&mut self, file: &File) {
        let texts = &file.journal.texts;
        let place =
            |key: &'static str| -> [Step<'static>; 3] { ["journal".into(), "texts".into(), key.into()] };
        let written = [
            ("key", texts.key.is_some()),
            ("key_env", texts.key_env.is_some()),
            ("key_command", texts.key_command.is_some()),
        ];
        let mut written = written.into_iter().filter(|(_, is_there)| *is_there).map(|(key, _)| key);
        if let (Some(first), Some(second)) = (written.next(), written.next()) {
            let message = format!("`{first}` and `{second}` both say where the master key is");
            let diagnostic = Diagnostic::error("conflict", message).help("keep one of them");
            self.key(&place(second), diagnostic, "another place");
        }
        if texts.key_env.as_ref().is_some_and(|name| !is_variable(name)) {
            let diagnostic =
                Diagnostic::error("wrong-value", "`key_env` takes the name of an environment variable")
                    .help("letters, digits and `_`, for example `key_env = \"SLUICEGATE_TEXTS_KEY\"`")
                    .help("a key itself never stands in the file");
            self.value(&place("key_env"), diagnostic, "not a variable's name");
        }
        if texts.key_command.as_ref().is_some_and(|command| command.first().is_none_or(String::is_empty)) {
            let diagnostic = Diagnostic::error("wrong-value", "`key_command` names no program").help(
                "the program and its arguments, which no shell reads: `[\"kms\", \"decrypt\", \"key.enc\"]`",
            );
            self.value(&place("key_command"), diagnostic, "no program");
        }
    }
}
