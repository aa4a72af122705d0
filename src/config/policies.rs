//! The policies that a configuration asks for, of everybody and of each tenant.

use super::lists::{self, Lists};
use super::{Settings, setting_names};
use crate::diag::{Diagnostic, SourceFile, has_errors, sort};
use crate::policy::files::{self, Files};
use crate::policy::{Library, Mistake, Policy, Setting, Unmet, passed_over, slot_file, wanted_lists};
use crate::server::PolicyTable;
use std::sync::Arc;

impl Settings {
    /// The policies of everybody, or every mistake in them. Of lists from URLs there have to be copies in the state folder.
    pub fn policies(&self) -> Result<PolicyTable, Vec<Diagnostic>> {
        self.policies_and_library().map(|(table, _)| table)
    }

    /// The same, with the rules that they are over.
    pub fn policies_and_library(&self) -> Result<(PolicyTable, Library), Vec<Diagnostic>> {
        let mut files = self.policy_files().map_err(|error| vec![error])?;
        self.lists().add_proved(&wanted_lists(&files), &mut files);
        let library = self.library(&files, None)?;
        Ok((self.policies_of(&library)?, library))
    }

    /// What is wrong with the policies of everybody, and the policies where they can be used. A list of which there is no copy here is a
    /// warning: the gateway will fetch it.
    pub fn check_policies(&self) -> (Vec<Diagnostic>, Option<(PolicyTable, Library)>) {
        let mut files = match self.policy_files() {
            Ok(files) => files,
            Err(error) => return (vec![error], None),
        };
        let wanted = wanted_lists(&files);
        let mut found = lists::refused(self, &wanted);
        found.extend(self.policy.dir.iter().flat_map(|dir| passed_over(dir)));
        found.extend(self.lists().add_proved(&wanted, &mut files).into_iter().map(|list| {
            let message = format!("there is no copy of the list `{}` here", list.url);
            let absent = Diagnostic::warning("no-list", message);
            list.at(absent.help("examples that it would find are not tried; the gateway fetches it"))
        }));
        let library = Library::load_lacking(&files).map_err(|found| self.explained(found));
        let both = library.and_then(|library| {
            found.extend(library.unknown_settings(&setting_names()));
            Ok((self.policies_of(&library)?, library))
        });
        let both = match both {
            Ok((policies, library)) => {
                found.append(&mut Self::policy_warnings(&library, &policies));
                found.append(&mut self.unknown_regions(&library));
                found.append(&mut self.residency(&policies));
                found.append(&mut self.idle_judges(&policies));
                found.append(&mut self.unknown_jurisdictions(&library));
                Some((policies, library))
            }
            Err(mut wrong) => {
                found.append(&mut wrong);
                None
            }
        };
        sort(&mut found);
        let both = both.filter(|_| !has_errors(&found));
        (found, both)
    }

    fn lists(&self) -> Arc<Lists> {
        Lists::of(&self.server.state, None)
    }

    /// Its packs and profiles, compiled. Lists from URLs may be missing: good for telling what they say of themselves.
    pub fn policy_library(&self) -> Result<Library, Vec<Diagnostic>> {
        let mut files = self.policy_files().map_err(|error| vec![error])?;
        self.lists().add_proved(&wanted_lists(&files), &mut files);
        Library::load_lacking(&files).map_err(|found| self.explained(found))
    }

    /// The files of its packs and profiles, with the lists that it brings for slots.
    pub(super) fn policy_files(&self) -> Result<Files, Diagnostic> {
        let mut files = match &self.policy.dir {
            Some(dir) => files::read_dir(dir).map_err(|error| self.explain_dir(error))?,
            None => files::embedded(),
        };
        for (id, path) in &self.policy.slots {
            let list = SourceFile::load_plain(path).map_err(|error| {
                let what = format!("cannot read the list `{}`: {error}", path.display());
                let diagnostic = Diagnostic::error("read", what);
                self.explain(None, Mistake { setting: Setting::Slot(id.clone()), diagnostic })
            })?;
            files.insert(slot_file(id), list);
        }
        Ok(files)
    }

    /// What is to be said of policies that run all the same: of their rules, and what their profiles demand and is not there.
    pub(super) fn policy_warnings(library: &Library, policies: &PolicyTable) -> Vec<Diagnostic> {
        let mut found = library.warnings().to_vec();
        let mut lacking: Vec<(&str, &Unmet, Vec<Option<&str>>)> = Vec::new();
        for (whose, policy) in policies.each_with_name() {
            for unmet in policy.unmet() {
                // What several lack is one thing to bring.
                match lacking.iter_mut().find(|(name, known, _)| (*name, *known) == (policy.name(), unmet)) {
                    Some((_, _, all)) => all.push(whose),
                    None => lacking.push((policy.name(), unmet, vec![whose])),
                }
            }
        }
        for (profile, unmet, whose) in lacking {
            let what = format!("{}profile `{profile}` demands {unmet}", of_tenants(&whose));
            let help = "it is used all the same; `policy.demands = \"refuse\"` keeps the gateway from it";
            found.push(Diagnostic::warning("demand", what).help(help));
        }
        found
    }

    /// The files compiled; what is as it was in `before` is taken from there.
    pub(super) fn library(
        &self,
        files: &Files,
        before: Option<&Library>,
    ) -> Result<Library, Vec<Diagnostic>> {
        Library::load_after(before, files).map_err(|found| self.explained(found))
    }

    fn explained(&self, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
        found.into_iter().map(|diagnostic| self.explain_dir(diagnostic)).collect()
    }

    /// The policies of everybody over these rules, or every mistake in them.
    pub(super) fn policies_of(&self, library: &Library) -> Result<PolicyTable, Vec<Diagnostic>> {
        let mut found: Vec<Diagnostic> = Vec::new();
        let mut policy = |tenant: Option<usize>| match library.policy_or_mistakes(&self.policy_of(tenant)) {
            Ok(policy) => Some(Arc::new(policy)),
            Err(mistakes) => {
                // A mistake in what all have in common is one mistake.
                for mistake in mistakes.into_iter().map(|m| self.explain(tenant, m)) {
                    if !found.iter().any(|known| known.to_string() == mistake.to_string()) {
                        found.push(mistake);
                    }
                }
                None
            }
        };
        let default = policy(None);
        let tenants: Vec<Arc<Policy>> = (0..self.tenants.len()).filter_map(|n| policy(Some(n))).collect();
        found.append(&mut self.uses_beyond(library));
        found.extend(self.unknown_regions(library).into_iter().filter(Diagnostic::is_error));
        let known: Vec<Arc<Policy>> = default.iter().chain(&tenants).map(Arc::clone).collect();
        found.append(&mut self.judges_of(library, &known));
        match default {
            Some(default) if found.is_empty() => {
                let names = self.tenants.iter().map(|tenant| tenant.name.clone()).collect();
                let table = PolicyTable { default, tenants, names };
                let barred: Vec<Diagnostic> =
                    self.residency(&table).into_iter().filter(Diagnostic::is_error).collect();
                if barred.is_empty() { Ok(table) } else { Err(barred) }
            }
            _ => {
                sort(&mut found);
                Err(found)
            }
        }
    }
}

/// Whose it is, before what is said of it: nothing where it is everybody's.
fn of_tenants(whose: &[Option<&str>]) -> String {
    /// More are counted.
    const NAMED: usize = 5;
    let Some(names) = whose.iter().copied().collect::<Option<Vec<&str>>>() else { return String::new() };
    let named: Vec<String> = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    let more = names.len() - named.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("tenant{} {}{more}: ", if names.len() > 1 { "s" } else { "" }, named.join(", "))
}
