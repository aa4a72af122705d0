//! What is said of labels: whether the law's elements are there, and whether metadata can be what it is to be.

use super::check::Check;
use super::file::File;
use crate::diag::Diagnostic;
use crate::provenance::{CHARACTERS, is_allowed};
use crate::text::Tongue;

impl Check<'_> {
    /// `[labels]`, and the tenants that get none.
    pub(super) fn labels(&mut self, file: &File) {
        let labels = &file.labels;
        for (tag, text) in &labels.texts {
            let path = ["labels".into(), "texts".into(), tag.as_str().into()];
            if Tongue::of_tag(tag).is_none() {
                let diagnostic = Diagnostic::error("unknown-name", format!("unknown language `{tag}`"));
                self.key(&path, diagnostic.valid("languages", tag, &Tongue::ALL.map(Tongue::tag)), "");
            }
            if text.trim().is_empty() {
                self.value(&path, Diagnostic::error("wrong-value", "a label is empty"), "says nothing");
            }
        }
        if let Some(producer) = &labels.producer
            && (producer.is_empty() || !is_allowed(producer))
        {
            let diagnostic = Diagnostic::error("wrong-value", "`producer` is no value of an `AIGC` field")
                .help(format!("GB 45438-2025, Appendix E allows the characters {CHARACTERS}: no space, no `\"`, no `\\`, nothing beyond ASCII"));
            self.value(&["labels".into(), "producer".into()], diagnostic, "other characters");
        }
        if let Some(verify) = &labels.verify
            && (!verify.starts_with("https://") || !is_allowed(verify))
        {
            let diagnostic = Diagnostic::error("wrong-value", "`verify` is no `https://` URL");
            self.value(&["labels".into(), "verify".into()], diagnostic, "not a URL");
        }
        for (n, tenant) in file.tenants.iter().enumerate() {
            let Some(unlabelled) = &tenant.unlabelled else { continue };
            let parts = [
                ("request", &unlabelled.request),
                ("agreement", &unlabelled.agreement),
                ("recipient", &unlabelled.recipient),
            ];
            for (key, _) in parts.iter().filter(|(_, said)| said.trim().is_empty()) {
                let diagnostic = Diagnostic::error("wrong-value", format!("`{key}` is empty"))
                    .help("who gets answers without a label is on record with the request, the agreement's version and the recipient");
                let path = ["tenant".into(), n.into(), "unlabelled".into(), (*key).into()];
                self.value(&path, diagnostic, "empty");
            }
        }
    }
}
