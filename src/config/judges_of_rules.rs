//! What rules and judges say of one another: rules name judges, and judges name categories.

use super::Settings;
use crate::diag::{Diagnostic, Step};
use crate::policy::{ANYTHING, Library, Policy};
use crate::server::PolicyTable;
use crate::upstream::judge::{JudgeError, JudgeSet};
use std::sync::Arc;

impl Settings {
    /// Judges that rules in use name and that are not there, names that no judge of that kind has, and categories that the taxonomy lacks.
    pub(super) fn judges_of(&self, library: &Library, policies: &[Arc<Policy>]) -> Vec<Diagnostic> {
        let mut found: Vec<Diagnostic> = Vec::new();
        // A file with policies alone says nothing of judges.
        if self.upstreams.is_empty() {
            return found;
        }
        let names: Vec<&str> = self.judges.iter().map(|(judge, _)| judge.name.as_str()).collect();
        let mut said: Vec<&str> = Vec::new();
        for (number, rule) in policies.iter().flat_map(|policy| policy.all_rules().iter().enumerate()) {
            let Some(spec) = &rule.judge else { continue };
            let in_use = policies.iter().any(|policy| policy.in_use(number));
            if !in_use || said.contains(&rule.id.as_str()) {
                continue;
            }
            said.push(&rule.id);
            let Some((judge, _)) = self.judges.iter().find(|(judge, _)| judge.name == *spec.judge) else {
                let message =
                    format!("rule `{}` asks the judge `{}`, which is not configured", rule.id, spec.judge);
                let unknown = Diagnostic::error("unknown-judge", message);
                found.push(if names.is_empty() {
                    unknown.help("add a `[[judge]]` of that name, or leave the rule out: `[policy.rules]`")
                } else {
                    unknown.valid("judges", &spec.judge, &names)
                });
                continue;
            };
            let Some(known) = judge.closed_names() else { continue };
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            for called in spec.judged_as.iter().filter(|called| *called != ANYTHING) {
                let listed = known.contains(&called.as_str()) || judge.categories.contains_key(called);
                if !listed {
                    let message = format!(
                        "rule `{}` looks for what the judge `{}` calls `{called}`; a judge of the kind `{}` calls nothing so",
                        rule.id,
                        judge.name,
                        judge.kind.as_str()
                    );
                    found.push(Diagnostic::error("unknown-name", message).valid("valid", called, &known));
                }
            }
        }
        let codes: Vec<&str> =
            library.taxonomy().categories().map(|category| category.code.as_str()).collect();
        for (n, (judge, _)) in self.judges.iter().enumerate() {
            for (name, means) in &judge.categories {
                for (i, code) in means.iter().enumerate().filter(|(_, code)| !codes.contains(&code.as_str()))
                {
                    let message = format!(
                        "the judge `{}` means `{code}` by `{name}`, which is no category of the taxonomy",
                        judge.name
                    );
                    let unknown =
                        Diagnostic::error("unknown-category", message).valid("categories", code, &codes);
                    let place: [Step<'_>; 5] =
                        ["judge".into(), n.into(), "categories".into(), name.as_str().into(), i.into()];
                    found.push(self.at(&place, unknown, "no category"));
                }
            }
        }
        found
    }

    /// The judges, of which nothing is known yet, or why they cannot be used.
    pub fn judge_set(&self) -> Result<JudgeSet, Vec<String>> {
        self.judges_after(&JudgeSet::default())
            .map_err(|found| found.iter().map(ToString::to_string).collect())
    }

    /// The judges that take the place of others; those of which nothing has changed are the very same.
    pub(super) fn judges_after(&self, before: &JudgeSet) -> Result<JudgeSet, Vec<Diagnostic>> {
        before.after(&self.judges).map_err(|wrong| {
            let explained = |error: JudgeError| {
                let place = self.judges.iter().position(|(judge, _)| judge.name == error.name);
                let diagnostic = Diagnostic::error("bad-judge", error.to_string());
                let key = error.key.unwrap_or("name");
                let place = ["judge".into(), place.unwrap_or_default().into(), key.into()];
                self.at(&place, diagnostic, "cannot be used")
            };
            wrong.into_iter().map(explained).collect()
        })
    }

    /// Judges that no rule in use asks.
    pub(super) fn idle_judges(&self, policies: &PolicyTable) -> Vec<Diagnostic> {
        let asks = |name: &str| {
            policies.each_with_name().any(|(_, policy)| {
                let mut rules = policy.all_rules().iter().enumerate();
                rules.any(|(number, rule)| {
                    rule.judge.as_ref().is_some_and(|spec| *spec.judge == *name) && policy.in_use(number)
                })
            })
        };
        let idle = self.judges.iter().enumerate().filter(|(_, (judge, _))| !asks(&judge.name));
        idle.map(|(n, (judge, _))| {
            let idle = Diagnostic::warning("idle-judge", format!("no rule asks the judge `{}`", judge.name))
                .help("a rule names it: `judge = \"NAME\"` in a pack's rules");
            self.at(&["judge".into(), n.into(), "name".into()], idle, "never asked")
        })
        .collect()
    }
}
