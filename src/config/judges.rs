//! What can be wrong with a judge.

use super::check::Check;
use super::file::File;
use super::upstream_addresses::{Reach, url_fault};
use crate::diag::{Diagnostic, Step};
use crate::upstream::judge::{JudgeKind, JudgeSettings, LocalError, can_run};

impl Check<'_> {
    /// What can be said of each judge alone.
    pub(super) fn judges(&mut self, file: &File) {
        for (n, judge) in file.judges.iter().enumerate() {
            self.judge(n, judge);
        }
    }

    fn judge(&mut self, n: usize, judge: &JudgeSettings) {
        let at = |key: &'static str| -> [Step<'_>; 3] { ["judge".into(), n.into(), key.into()] };
        let within = |table: &'static str, key: &'static str| -> [Step<'_>; 4] {
            ["judge".into(), n.into(), table.into(), key.into()]
        };
        self.name(&at("name"), &judge.name);
        if let Some(region) = &judge.region {
            self.name(&at("region"), region);
        }
        self.roots(&at("extra_roots"), judge.extra_roots.as_deref());
        self.time(&at("timeout"), judge.timeout);
        self.time(&within("breaker", "pause"), judge.breaker.pause);
        self.time(&within("cache", "ttl"), judge.cache.ttl);
        let counts: [(&[Step<'_>], u64, u64, u64); 4] = [
            (&at("retries"), u64::from(judge.retries), 0, 10),
            (&at("concurrency"), judge.concurrency as u64, 1, 10_000),
            (&within("breaker", "failures"), u64::from(judge.breaker.failures), 1, 1_000_000),
            (&within("cache", "entries"), judge.cache.entries as u64, 0, 10_000_000),
        ];
        for (path, count, least, most) in counts {
            if !(least..=most).contains(&count) {
                self.range(path, &least.to_string(), &most.to_string());
            }
        }
        if let Some(header) = judge.credential.as_ref().and_then(|c| c.header.as_deref()) {
            self.header_name(&within("credential", "header"), header, true);
        }
        if judge.kind.is_local() {
            self.local_judge(n, judge);
        } else {
            self.judge_url(n, judge);
        }
        self.judge_names(n, judge);
    }

    /// A model in this process is nobody whom texts go to.
    fn local_judge(&mut self, n: usize, judge: &JudgeSettings) {
        let at = |key: &'static str| -> [Step<'_>; 3] { ["judge".into(), n.into(), key.into()] };
        for (key, written) in [
            ("url", !judge.url.is_empty()),
            ("region", judge.region.is_some()),
            ("addresses", !judge.addresses.is_empty()),
            ("credential", judge.credential.is_some()),
            ("extra_roots", judge.extra_roots.is_some()),
        ] {
            if written {
                let message = format!(
                    "`{key}` says nothing to a judge of the kind `onnx`, which is a part of this process"
                );
                self.key(&at(key), Diagnostic::error("conflict", message), "of judges that are called");
            }
        }
        for (key, written) in [("model", judge.model.is_some()), ("tokenizer", judge.tokenizer.is_some())] {
            if !written && !(self.is_gone)(&["judge".into(), n.into()], key) {
                let message = format!("the judge `{}` has no `{key}`", judge.name);
                let diagnostic = Diagnostic::error("missing-key", message)
                    .help("`model = \"model.onnx\"`, `tokenizer = \"tokenizer.json\"`; `config.json` lies beside the tokenizer");
                self.value(&["judge".into(), n.into()], diagnostic, "a model needs both");
            }
        }
    }

    /// Whether the model of a judge can be run, where nothing else is wrong with it: it is loaded for that.
    pub(super) fn judge_model(&mut self, n: usize, judge: &JudgeSettings) {
        if !judge.kind.is_local() || judge.model.is_none() || judge.tokenizer.is_none() {
            return;
        }
        if let Err(LocalError { key, code, reason }) = can_run(judge) {
            self.value(
                &["judge".into(), n.into(), key.into()],
                Diagnostic::error(code, reason),
                "cannot be run",
            );
        }
    }

    fn judge_url(&mut self, n: usize, judge: &JudgeSettings) {
        let at = |key: &'static str| -> [Step<'_>; 3] { ["judge".into(), n.into(), key.into()] };
        if judge.url.is_empty() {
            if !(self.is_gone)(&["judge".into(), n.into()], "url") {
                let message = format!("the judge `{}` has no `url`", judge.name);
                let diagnostic = Diagnostic::error("missing-key", message)
                    .help("the whole address that is posted to, such as `https://guard.example.com/v1/chat/completions`");
                self.value(&["judge".into(), n.into()], diagnostic, "who is asked?");
            }
            return;
        }
        let (address, query) = judge.url.split_once('?').unwrap_or((&judge.url, ""));
        let reach = match url_fault(address) {
            Ok(reach) => reach,
            Err(fault) => {
                let diagnostic = Diagnostic::error("bad-url", fault)
                    .help("the whole address that is posted to, such as `https://guard.example.com/v1/chat/completions`");
                self.value(&at("url"), diagnostic, "not an address");
                return;
            }
        };
        let path = address.parse::<http::Uri>().map(|uri| uri.path().trim_end_matches('/').to_owned());
        let path = path.unwrap_or_default();
        let ends = judge.kind.paths();
        if !ends.is_empty() && !ends.iter().any(|end| path.ends_with(end)) {
            let kind = judge.kind.as_str();
            let ends: Vec<String> = ends.iter().map(|end| format!("`{end}`")).collect();
            let message = format!("a judge of the kind `{kind}` is not asked at `{path}`");
            let diagnostic = Diagnostic::error("wrong-value", message)
                .help(format!("expected a path that ends in {}", ends.join(" or ")));
            self.value(&at("url"), diagnostic, "another path");
        }
        if judge.kind == JudgeKind::AzureContentSafety && !query.contains("api-version=") {
            let diagnostic =
                Diagnostic::error("wrong-value", "Azure has to be told which version of its API is meant")
                    .help("write `?api-version=2024-09-01` behind the path");
            self.value(&at("url"), diagnostic, "no `api-version`");
        }
        if matches!(reach, Reach::Near | Reach::Clear) {
            let sends = judge.credential.as_ref().is_some_and(|c| c.env.is_some() || c.file.is_some());
            if sends {
                let message = format!(
                    "the credential of the judge `{}` would pass the network in the clear",
                    judge.name
                );
                let diagnostic = Diagnostic::error("clear-secret", message).help("use `https://`");
                self.value(&at("url"), diagnostic, "plain http to another machine");
            } else {
                let diagnostic =
                    Diagnostic::warning("clear-text", "the texts that are judged travel unencrypted")
                        .help("use `https://`");
                self.value(&at("url"), diagnostic, "plain http to another machine");
            }
        }
    }

    fn judge_names(&mut self, n: usize, judge: &JudgeSettings) {
        let at = |key: &'static str| -> [Step<'_>; 3] { ["judge".into(), n.into(), key.into()] };
        let kind = judge.kind;
        let criteria = matches!(kind, JudgeKind::GraniteGuardian | JudgeKind::ShieldGemma);
        let model = kind.is_chat()
            || matches!(kind, JudgeKind::OpenaiModeration | JudgeKind::FmsDetector | JudgeKind::Onnx);
        for (key, written, fits) in [
            ("criteria", judge.criteria.is_some(), criteria),
            ("model", judge.model.is_some(), model),
            ("language", judge.language.is_some(), kind == JudgeKind::Presidio),
            ("tokenizer", judge.tokenizer.is_some(), kind.is_local()),
        ] {
            if written && !fits {
                let message = format!("`{key}` says nothing to a judge of the kind `{}`", kind.as_str());
                self.key(&at(key), Diagnostic::error("conflict", message), "not of this kind");
            }
        }
        if kind == JudgeKind::FmsDetector
            && judge.model.is_none()
            && !(self.is_gone)(&["judge".into(), n.into()], "model")
        {
            let message = format!("the judge `{}` has no `model`: which detector is meant?", judge.name);
            let diagnostic = Diagnostic::error("missing-key", message).help("it is sent as `detector-id`");
            self.value(&["judge".into(), n.into()], diagnostic, "a detector needs `model`");
        }
        if let (Some(criteria), Some(known)) = (&judge.criteria, kind.criteria())
            && !known.contains(&criteria.as_str())
        {
            let message = format!("unknown policy `{criteria}` of ShieldGemma");
            let diagnostic = Diagnostic::error("unknown-name", message).valid("valid", criteria, &known);
            self.value(&at("criteria"), diagnostic, "not one of its policies");
        }
        let Some(known) = judge.closed_names() else { return };
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        for name in judge.categories.keys() {
            let listed = known.contains(&name.as_str())
                || kind == JudgeKind::AzureContentSafety && name.starts_with("blocklist/");
            if !listed {
                let message = format!("a judge of the kind `{}` calls nothing `{name}`", kind.as_str());
                let diagnostic = Diagnostic::error("unknown-name", message).valid("valid", name, &known);
                let place: [Step<'_>; 4] =
                    ["judge".into(), n.into(), "categories".into(), name.as_str().into()];
                self.key(&place, diagnostic, "not one of its names");
            }
        }
    }
}
