//! The label that people read, in files: its words, and where they are put.

use crate::config::Settings;
use crate::provenance::LabelWords;
use crate::provenance::export::FileForm;
use crate::text::{Guess, Tongue};
use std::io::{self, Write as _};
use std::path::Path;

/// The words of labels that people read.
pub(super) enum Visible {
    /// As they were given.
    Own(String),
    /// Those of the profile and of `[labels]`, in the language of the file.
    Stated(LabelWords),
}

impl Visible {
    pub(super) fn new(words: &str, settings: &Settings) -> anyhow::Result<Self> {
        if !words.trim().is_empty() {
            return Ok(Self::Own(words.trim().to_owned()));
        }
        let policies = settings.policy_library().and_then(|library| library.policy(&settings.policy));
        let policy = policies.map_err(|found| {
            let first = found.first().map(ToString::to_string).unwrap_or_default();
            anyhow::anyhow!("the policy cannot be used: {first}")
        })?;
        Ok(Self::Stated(LabelWords::new(policy.labels().map(|labels| &**labels), &settings.labels.texts)))
    }

    fn words(&self, form: FileForm, file: &[u8]) -> anyhow::Result<String> {
        match self {
            Self::Own(words) => Ok(words.clone()),
            Self::Stated(words) => {
                // What stands there may be all that is in its language.
                let mut labels: Vec<String> = Tongue::ALL.map(|tongue| words.label(tongue)).into();
                if let Some(there) = form.find_visible(file, &labels)? {
                    return Ok(labels.swap_remove(there));
                }
                let tongue = Guess::of(&form.said(file)?);
                Ok(words.label(tongue.unwrap_or_else(|| words.home())))
            }
        }
    }

    /// The file with the label; JSON as it was, which is told of `path`.
    ///
    /// # Errors
    /// The file is not of this form.
    pub(super) fn put(&self, form: FileForm, path: &Path, file: &[u8]) -> anyhow::Result<Vec<u8>> {
        if let Some(labelled) = form.visible(file, &self.words(form, file)?)? {
            return Ok(labelled);
        }
        writeln!(
            io::stderr(),
            "{}: programs read JSON and people do not: it has the fields alone",
            path.display()
        )?;
        Ok(file.to_vec())
    }
}
