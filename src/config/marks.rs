//! What is said of marks: whether their keys can be had.

use super::check::Check;
use super::secret::{absent, is_variable};
use super::{Environment, Purpose, Settings};
use crate::diag::Diagnostic;
use crate::provenance::mark::{LoadError, MarkKeys, MarkSettings};

impl Check<'_> {
    /// `[marks]`.
    pub(super) fn marks(&mut self, marks: &MarkSettings, purpose: Purpose, environment: Environment<'_>) {
        let at = |key: &'static str| ["marks".into(), key.into()];
        if marks.keys.is_some() && marks.env.is_some() {
            let diagnostic = Diagnostic::error("conflict", "`[marks]` says more than one source of its keys")
                .help("keep one of `keys`, `env`");
            self.value(&at("env"), diagnostic, "more than one");
        }
        if let Some(path) = marks.keys.as_ref().filter(|path| path.exists())
            && let Err(error) = MarkKeys::load(path)
        {
            self.value(&at("keys"), Diagnostic::error("bad-secret", error.to_string()), "this file");
        }
        let Some(name) = &marks.env else { return };
        if !is_variable(name) {
            let diagnostic =
                Diagnostic::error("wrong-value", "`env` takes the name of an environment variable")
                    .help("letters, digits and `_`; keys never stand in the file");
            self.value(&at("env"), diagnostic, "not a variable's name");
            return;
        }
        match environment(name) {
            None => {
                let message = format!("environment variable `{name}` is not set");
                self.value(
                    &at("env"),
                    absent(purpose, message, "set it, or leave `env` out"),
                    "not set here",
                );
            }
            Some(value) => {
                if let Err(error) = MarkKeys::of_variable(name, &value) {
                    self.value(
                        &at("env"),
                        Diagnostic::error("bad-secret", error.to_string()),
                        "the keys come from here",
                    );
                }
            }
        }
    }
}

impl Settings {
    /// The keys of marks; made in the file, where there are none. `now` in seconds since 1970.
    ///
    /// # Errors
    /// They cannot be read or made.
    pub fn mark_keys(&self, environment: Environment<'_>, now: u64) -> Result<MarkKeys, LoadError> {
        match (&self.marks.env, &self.marks.keys) {
            (Some(name), _) => MarkKeys::of_variable(name, &environment(name).unwrap_or_default()),
            (None, Some(path)) => MarkKeys::load_or_make(path, now),
            (None, None) => MarkKeys::load_or_make(&self.server.state.join("marks.keys"), now),
        }
    }
}
