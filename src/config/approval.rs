//! What is approved: the hash of all that policies are made from, and the files of approvals that lie beside the configuration.

use super::Settings;
use super::check::Check;
use crate::diag::{Diagnostic, Severity, SourceFile, Step};
use crate::policy::files::whole_hash;
use crate::policy::{APPROVAL, ApprovalSettings, Approvals, Files, PolicySettings};
use crate::upstream::judge::JudgeSettings;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// So many files of one policy's approvals are read.
const MOST: usize = 1000;

impl Check<'_> {
    /// Who has to approve policies: enough people, each once.
    pub(super) fn approval(&mut self, policy: &PolicySettings) {
        let Some(approval) = &policy.approval else { return };
        let place: [Step<'_>; 2] = ["policy".into(), "approval".into()];
        let [a, b] = place;
        if approval.required < 2 {
            let diagnostic = Diagnostic::error("out-of-range", "`required` is less than 2")
                .help("an author alone approves nothing; without `[policy.approval]` nobody has to");
            self.value(&[a, b, "required".into()], diagnostic, "2 or more");
        }
        let people = approval.approvers.len();
        if people < approval.required && !(self.is_gone)(&[a, b], "approvers") {
            let message = format!("{} have to approve, and {people} may", approval.required);
            let diagnostic = Diagnostic::error("conflict", message)
                .help("`sluicegate policy keygen --name NAME --out FILE` makes a key and the line for it");
            self.value(&[a, b, "approvers".into()], diagnostic, "too few");
        }
        for (n, approver) in approval.approvers.iter().enumerate() {
            let at =
                |key: &'static str| -> [Step<'_>; 5] { [a, b, "approvers".into(), n.into(), key.into()] };
            self.name(&at("name"), &approver.name);
            let before = approval.approvers.iter().take(n);
            for (key, same) in [
                ("name", before.clone().any(|other| other.name == approver.name)),
                ("key", before.clone().any(|other| other.key == approver.key)),
            ] {
                if same {
                    let message = format!("two approvers have this {key}: one person counts once");
                    self.value(&at(key), Diagnostic::error("duplicate", message), "again");
                }
            }
        }
    }
}

impl Settings {
    /// The hash of all that decides what policies do: `[policy]` and the tenants' changes, the judges that rules ask, the files of packs and
    /// profiles, the operator's lists. Lists from URLs are named and proved by their rules, and not in it; nor is where files lie.
    pub fn policy_content(&self, files: &Files) -> String {
        let written = PolicySettings {
            dir: None,
            list_roots: None,
            watch: PolicySettings::default().watch,
            keep: PolicySettings::default().keep,
            slots: self.policy.slots.keys().map(|id| (id.clone(), PathBuf::new())).collect(),
            approval: None,
            ..self.policy.clone()
        };
        let tenants: Vec<(&str, &crate::policy::PolicyChange)> =
            self.tenants.iter().map(|tenant| (tenant.name.as_str(), &tenant.policy)).collect();
        // What was read from TOML can be written.
        let said = serde_json::to_string(&(&written, &tenants)).unwrap_or_default();
        let judges: Vec<JudgeSettings> = self.judges.iter().map(|(judge, _)| judge.without_paths()).collect();
        let judges = serde_json::to_string(&judges).unwrap_or_default();
        let mut parts = vec!["sluicegate policy 1", said.as_str()];
        // What was approved before there were judges stays approved.
        if !self.judges.is_empty() {
            parts.extend(["judges", judges.as_str()]);
        }
        for (path, file) in files.iter().filter(|(path, _)| !path.starts_with("list_url/")) {
            parts.extend([path.as_str(), file.text()]);
        }
        whole_hash(&parts)
    }

    /// The same of its files as they are now.
    pub fn policy_content_now(&self) -> Result<String, Diagnostic> {
        Ok(self.policy_content(&self.policy_files()?))
    }

    /// What is to be said of approvals to who checks: an author does before anybody has approved, so that it is a warning.
    pub fn unapproved(&self) -> Vec<Diagnostic> {
        let approvals = self.policy_content_now().ok().and_then(|content| self.approvals(&content));
        let mut found: Vec<Diagnostic> = approvals.iter().flat_map(Approvals::said).collect();
        found.iter_mut().for_each(|one| one.severity = Severity::Warning);
        found
    }

    /// Who has approved the policies of these settings; nothing, where nobody has to.
    pub fn approvals(&self, content: &str) -> Option<Approvals> {
        self.policy.approval.as_ref().map(|settings| approvals(settings, content))
    }
}

/// Who has approved what has this hash.
pub(super) fn approvals(settings: &ApprovalSettings, content: &str) -> Approvals {
    match read(&settings.dir.join(content)) {
        Ok(files) => Approvals::of(settings, content, &files),
        Err(fault) => {
            let mut none = Approvals::of(settings, content, &[]);
            none.faults.push(fault);
            none
        }
    }
}

/// The files of a folder; none, where it is not there.
fn read(dir: &Path) -> Result<Vec<Arc<SourceFile>>, Diagnostic> {
    let fault = |error: std::io::Error| {
        Diagnostic::error(APPROVAL, format!("cannot read approvals in `{}`: {error}", dir.display()))
    };
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fault(error)),
    };
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| Ok(entry?.path())).collect::<Result<_, _>>().map_err(fault)?;
    // Others are drafts.
    paths.retain(|path| path.extension().is_some_and(|e| e == "toml"));
    paths.sort();
    paths.iter().take(MOST).map(|path| SourceFile::load_plain(path).map_err(fault)).collect()
}
