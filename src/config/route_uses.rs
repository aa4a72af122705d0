//! What routes say that they are for: whether it is whole, and whether the policy is made for it.

use super::check::Check;
use super::retention::class_days;
use super::{File, Settings};
use crate::diag::{Diagnostic, Step};
use crate::policy::{Library, MEASURE, Tier};
use crate::server::{RouteSettings, RouteUses};

impl Check<'_> {
    /// Where every use is to be named, no request may go where no route leads.
    pub(super) fn uses_need_routes(&mut self, file: &File) {
        let none = file.routes.is_empty() && !(self.is_gone)(&[], "route");
        if file.server.route_uses == RouteUses::Required && none {
            let diagnostic =
                Diagnostic::error("missing", "`route_uses` is `required`, and there is no route")
                    .help("name each use in a `[[route]]` with its `[route.use]`");
            self.value(&["server".into(), "route_uses".into()], diagnostic, "asks for routes");
        }
    }

    /// What a route is for.
    pub(super) fn route_use(&mut self, n: usize, route: &RouteSettings, uses: RouteUses) {
        let table: [Step<'_>; 3] = ["route".into(), n.into(), "use".into()];
        let Some(purpose) = &route.purpose else {
            if uses == RouteUses::Required && !(self.is_gone)(&["route".into(), n.into()], "use") {
                let keys =
                    "`role`, `audience`, `domain`, `jurisdictions`, `tier`, `fail`, `label`, `retention`";
                let diagnostic = Diagnostic::error(
                    "missing",
                    "a route does not say what it is for, and `route_uses` is `required`",
                )
                .help(format!("write a `[route.use]` with {keys}"));
                self.value(&["route".into(), n.into()], diagnostic, "for what?");
            }
            return;
        };
        let [a, b, c] = table;
        for (key, text) in [("domain", &purpose.domain), ("retention", &purpose.retention)] {
            if text.trim().is_empty() {
                self.value(
                    &[a, b, c, key.into()],
                    Diagnostic::error("wrong-value", format!("`{key}` is empty")),
                    "empty",
                );
            }
        }
        let class = &purpose.retention;
        if !class.trim().is_empty() && class_days(class).is_none() {
            let diagnostic = Diagnostic::error("wrong-value", format!("`{class}` is no class of retention"))
                .help("expected a name and a time in days, months or years, such as `EU-6M`, `FINANCE-1Y`, `CO-3Y`, `TRIAL-200D`");
            self.value(&[a, b, c, "retention".into()], diagnostic, "for how long?");
        }
        if purpose.jurisdictions.is_empty() {
            let diagnostic = Diagnostic::error("wrong-value", "`jurisdictions` is empty")
                .help("name the countries whose law holds, such as `[\"eu\", \"jp\"]`");
            self.value(&[a, b, c, "jurisdictions".into()], diagnostic, "empty");
        }
        for (i, code) in purpose.jurisdictions.iter().enumerate() {
            if code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_lowercase()) {
                let diagnostic = Diagnostic::error("wrong-value", format!("`{code}` is no country's code"))
                    .help("two lower-case letters of ISO 3166-1 are expected, or `eu`");
                self.value(&[a, b, c, "jurisdictions".into(), i.into()], diagnostic, "not a code");
            }
        }
        if purpose.tier == Tier::Unacceptable {
            let diagnostic =
                Diagnostic::error("wrong-value", "a use of the tier `unacceptable` is prohibited")
                    .help("valid: `minimal`, `limited`, `high` (Regulation (EU) 2024/1689, Article 5)");
            self.value(&[a, b, c, "tier".into()], diagnostic, "prohibited");
        }
    }
}

impl Settings {
    /// Jurisdictions of routes of whose law no pack says anything: they are spelt wrong, or there is nothing that follows from them.
    pub(super) fn unknown_jurisdictions(&self, library: &Library) -> Vec<Diagnostic> {
        let mut known: Vec<&str> = library
            .obligations()
            .iter()
            .map(|one| one.jurisdiction.as_str())
            .filter(|one| one.len() == 2)
            .collect();
        known.sort_unstable();
        known.dedup();
        let mut found = Vec::new();
        for (n, route) in self.routes.iter().enumerate() {
            for (i, code) in route.purpose.iter().flat_map(|purpose| purpose.jurisdictions.iter().enumerate())
            {
                // Without obligations there is nothing to compare with.
                if known.is_empty() || known.contains(&code.as_str()) {
                    continue;
                }
                let what = format!("no pack says what the law of `{code}` asks");
                let diagnostic = Diagnostic::warning("jurisdiction", what).valid("known", code, &known);
                let place = ["route".into(), n.into(), "use".into(), "jurisdictions".into(), i.into()];
                found.push(self.at(&place, diagnostic, "nothing follows from it"));
            }
        }
        found
    }

    /// Routes of which more may go wrong than the profile of somebody's policy is made for.
    pub(super) fn uses_beyond(&self, library: &Library) -> Vec<Diagnostic> {
        let everybody =
            if self.tenants.is_empty() { vec![None] } else { (0..self.tenants.len()).map(Some).collect() };
        let mut found = Vec::new();
        for (n, purpose) in
            self.routes.iter().enumerate().filter_map(|(n, route)| Some((n, route.purpose.as_ref()?)))
        {
            for tenant in &everybody {
                let settings = self.policy_of(*tenant);
                // A profile that is not there is a mistake of its own; one that states no tier is made for none.
                let profile = library.profile(&settings.profile);
                if profile.is_none() && settings.profile != MEASURE {
                    continue;
                }
                let tier = profile.and_then(|profile| profile.tier);
                if tier.is_some_and(|tier| purpose.tier <= tier) {
                    continue;
                }
                let made_for = tier
                    .map_or("states no tier".to_owned(), |tier| format!("is made for `{}`", tier.as_str()));
                let whose = tenant.and_then(|n| self.tenants.get(n));
                let whose = whose.map_or(String::new(), |tenant| format!(" of tenant `{}`", tenant.name));
                let what = format!(
                    "a route of the tier `{}` runs under the profile `{}`{whose}, which {made_for}",
                    purpose.tier.as_str(),
                    settings.profile
                );
                let diagnostic = Diagnostic::error("tier", what).help(
                    "take a profile of that tier, such as `eu-high-risk`; `sluicegate profile` lists them",
                );
                found.push(self.at(
                    &["route".into(), n.into(), "use".into(), "tier".into()],
                    diagnostic,
                    "this tier",
                ));
            }
        }
        found
    }
}
