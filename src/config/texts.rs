//! Where the key of kept bodies comes from: one place, and one that can be.

use super::check::Check;
use super::file::File;
use super::secret::is_variable;
use crate::diag::{Diagnostic, Step};

/// Whose exchanges are where there are no keys.
const ANONYMOUS: &str = "anonymous";

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
        let known: Vec<&str> = file.tenants.iter().map(|tenant| tenant.name.as_str()).collect();
        for (n, name) in texts.tenants.iter().flatten().enumerate() {
            let open = known.is_empty() && name == ANONYMOUS;
            if open || known.contains(&name.as_str()) || (self.is_gone)(&[], "tenant") {
                continue;
            }
            let [a, b, c] = place("tenants");
            let diagnostic = Diagnostic::error("unknown-name", format!("unknown tenant `{name}`"));
            let diagnostic = if known.is_empty() {
                diagnostic.help("there is no `[[tenant]]`")
            } else {
                diagnostic.valid("tenants", name, &known)
            };
            self.value(&[a, b, c, n.into()], diagnostic, "keeps nothing");
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
