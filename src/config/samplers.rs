//! What is said of samplers: whether their tokenizers can be read, and whether anybody is asked.

use std::sync::Arc;

use super::check::Check;
use super::file::File;
use crate::diag::{Diagnostic, Step};
use crate::provenance::sampler::{Biased, VocabularyError};
use crate::upstream::{DialectFamily, UpstreamSettings};

impl Check<'_> {
    /// An upstream's `[[upstream.sampler]]`: what is asked of each.
    pub(super) fn samplers(&mut self, n: usize, upstream: &UpstreamSettings) -> Vec<Arc<Biased>> {
        let speaks = upstream.dialects.contains(&DialectFamily::Openai);
        if !upstream.samplers.is_empty() && !speaks && !upstream.dialects.is_empty() {
            let what = format!(
                "upstream `{}` does not speak `openai`, so no sampler of it can be asked",
                upstream.name
            );
            let diagnostic = Diagnostic::error("conflict", what)
                .help("a `logit_bias` is OpenAI's: chat completions and completions have it");
            self.value(&["upstream".into(), n.into(), "dialects".into()], diagnostic, "no `openai`");
        }
        let mut all = Vec::new();
        for (m, sampler) in upstream.samplers.iter().enumerate() {
            let at = |key: &'static str| -> [Step<'_>; 5] {
                ["upstream".into(), n.into(), "sampler".into(), m.into(), key.into()]
            };
            if sampler.models.iter().all(|model| model.trim().is_empty()) {
                let diagnostic = Diagnostic::error("wrong-value", "`models` names no model")
                    .help("those that have this tokenizer, as requests name them; `*` stands for any text");
                self.value(&at("models"), diagnostic, "nobody is asked");
            }
            match Biased::load(&sampler.tokenizer) {
                Ok(biased) => all.push(Arc::new(biased)),
                Err(error) => {
                    let code = match error {
                        VocabularyError::Io { .. } => "no-file",
                        VocabularyError::Large { .. }
                        | VocabularyError::Json { .. }
                        | VocabularyError::Line { .. }
                        | VocabularyError::Few { .. } => "bad-tokenizer",
                    };
                    let diagnostic = Diagnostic::error(code, error.to_string())
                        .help("the models' `tokenizer.json` (Hugging Face) or `.tiktoken` file");
                    self.value(&at("tokenizer"), diagnostic, "this file");
                }
            }
        }
        all
    }

    /// A policy that has samplers asked, where there is none.
    pub(super) fn idle_sampler_marks(&mut self, file: &File) {
        if file.upstreams.iter().any(|upstream| !upstream.samplers.is_empty())
            || (self.is_gone)(&[], "upstream")
        {
            return;
        }
        let idle = || {
            Diagnostic::warning("idle", "no upstream has a sampler that can be asked for a mark")
                .help("`[[upstream.sampler]]` names models and their tokenizer: see docs/sampler.md")
        };
        if file.policy.sampler_mark == Some(true) {
            self.value(&["policy".into(), "sampler_mark".into()], idle(), "nothing is asked");
        }
        for (n, tenant) in file.tenants.iter().enumerate() {
            if tenant.policy.sampler_mark == Some(true) {
                let path = ["tenant".into(), n.into(), "policy".into(), "sampler_mark".into()];
                self.value(&path, idle(), "nothing is asked");
            }
        }
    }
}
