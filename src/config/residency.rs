//! Whether upstreams and judges stand where the data of those who use them may go.

use super::Settings;
use crate::diag::{Diagnostic, Step};
use crate::policy::{Grade, NamedRegions, Policy, is_of_cloud};
use crate::server::PolicyTable;
use crate::upstream::UpstreamSettings;

/// What can be done for who does not say where it stands.
const NO_REGION: &str =
    "write its `region`: a country code, or `eu`; or where data may go in `[policy.residency]`";

/// What can be done for a place of a cloud.
const OF_CLOUD: &str = "what a cloud calls a place says nothing of its country: write the country's code, or allow the place by this name";

fn stands(region: Option<&str>) -> String {
    match region {
        Some(region) => format!("stands in the region `{region}`"),
        None => "does not say in which region it stands".to_owned(),
    }
}

/// Whose it is; nothing where there are no tenants.
fn of_tenants(barred: &[&(&str, &Policy)]) -> String {
    let named = barred.iter().filter(|(name, _)| !name.is_empty());
    let names: Vec<String> = named.map(|(name, _)| format!("`{name}`")).collect();
    if names.is_empty() { String::new() } else { format!(" of tenant {}", names.join(", ")) }
}

/// A way to an upstream.
struct Way<'s> {
    /// Where it stands in the file.
    place: [Step<'s>; 3],
    name: &'s str,
    grade: Grade,
    upstream: &'s UpstreamSettings,
}

impl Settings {
    fn ways(&self) -> Vec<Way<'_>> {
        let upstream = |name: &str| self.upstreams.iter().map(|(u, _)| u).find(|u| u.name == name);
        let of_routes = self.routes.iter().enumerate().filter_map(|(n, route)| {
            Some(Way {
                place: ["route".into(), n.into(), "upstream".into()],
                name: route.name.as_deref().unwrap_or(&route.upstream),
                grade: route.grade.unwrap_or_default(),
                upstream: upstream(&route.upstream)?,
            })
        });
        let all: Vec<Way<'_>> = of_routes.collect();
        if !self.routes.is_empty() {
            return all;
        }
        // Without routes each upstream is one.
        let of_upstreams = self.upstreams.iter().enumerate().map(|(n, (upstream, _))| {
            let key = if upstream.region.is_some() { "region" } else { "name" };
            let place = ["upstream".into(), n.into(), key.into()];
            Way { place, name: &upstream.name, grade: Grade::Public, upstream }
        });
        of_upstreams.collect()
    }

    /// Routes that nobody may use, and tenants for whom there is none, are errors; a route that some may not use is a warning: what they
    /// send there is blocked.
    pub(super) fn residency(&self, table: &PolicyTable) -> Vec<Diagnostic> {
        let own =
            self.tenants.iter().zip(&table.tenants).map(|(tenant, policy)| (tenant.name.as_str(), policy));
        let mut everybody: Vec<(&str, &Policy)> = own.map(|(name, policy)| (name, &**policy)).collect();
        if everybody.is_empty() {
            everybody.push(("", &table.default));
        }
        let ways = self.ways();
        let may = |policy: &Policy, way: &Way<'_>| {
            way.upstream.is_demonstration()
                || policy.residency().allows(way.grade, way.upstream.region.as_deref())
        };
        let mut found = Vec::new();
        for way in &ways {
            let barred: Vec<&(&str, &Policy)> =
                everybody.iter().filter(|(_, policy)| !may(policy, way)).collect();
            let Some((_, policy)) = barred.first() else { continue };
            let all = barred.len() == everybody.len();
            let whose = of_tenants(&barred);
            let regions = policy.residency().regions(way.grade).unwrap_or_default();
            let stands = stands(way.upstream.region.as_deref());
            let what = format!(
                "upstream `{}` {stands}, and data of the grade `{}`{whose} may go to: {} (profile `{}`)",
                way.upstream.name,
                way.grade.as_str(),
                NamedRegions(regions),
                policy.name()
            );
            let diagnostic = if all {
                Diagnostic::error("residency", what)
            } else {
                Diagnostic::warning("residency", what)
            };
            let help = match (&way.upstream.region, all) {
                (_, false) => format!("what they send by the route `{}` is blocked", way.name),
                (None, true) => NO_REGION.to_owned(),
                (Some(region), true) if is_of_cloud(region) => OF_CLOUD.to_owned(),
                (Some(_), true) => {
                    "take an upstream in an allowed region, or write in `[policy.residency]` where data may go"
                        .to_owned()
                }
            };
            found.push(self.at(&way.place, diagnostic.help(help), "not there"));
        }
        let is_barred = |policy: &Policy| !ways.is_empty() && ways.iter().all(|way| !may(policy, way));
        // Where all are barred that is said of the routes.
        let some = everybody.iter().any(|(_, policy)| !is_barred(policy));
        for (n, (name, _)) in
            everybody.iter().enumerate().filter(|(_, (_, policy))| some && is_barred(policy))
        {
            let what = format!("tenant `{name}`: no upstream stands where its data may go");
            let place = ["tenant".into(), n.into(), "name".into()];
            found.push(self.at(&place, Diagnostic::error("residency", what), "nowhere to go"));
        }
        found.append(&mut self.judges_stand(&everybody, &ways));
        found
    }

    /// Judges whom nobody who has rules that ask them may ask, by some route, are errors; one whom some may not ask is a warning.
    fn judges_stand(&self, everybody: &[(&str, &Policy)], ways: &[Way<'_>]) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        // No text leaves for a model in this process.
        for (n, (judge, _)) in self.judges.iter().enumerate().filter(|(_, (judge, _))| !judge.kind.is_local())
        {
            let region = judge.region.as_deref();
            let asks =
                |policy: &Policy| policy.rules_with_judges().iter().any(|(_, name)| *name == judge.name);
            let askers: Vec<&(&str, &Policy)> = everybody.iter().filter(|(_, policy)| asks(policy)).collect();
            let barred_by = |way: &Way<'_>| -> Vec<&(&str, &Policy)> {
                let may = |policy: &Policy| policy.residency().allows(way.grade, region);
                askers.iter().copied().filter(|(_, policy)| !may(policy)).collect()
            };
            // The most who may not; of routes alike the first.
            let worst = ways.iter().rev().max_by_key(|way| barred_by(way).len());
            let Some(way) = worst else { continue };
            let barred = barred_by(way);
            let Some((_, policy)) = barred.first() else { continue };
            let all = barred.len() == askers.len();
            let stands = stands(region);
            let what = format!(
                "judge `{}` {stands}, and data of the grade `{}`{} on the route `{}` may go to: {} (profile `{}`)",
                judge.name,
                way.grade.as_str(),
                of_tenants(&barred),
                way.name,
                NamedRegions(policy.residency().regions(way.grade).unwrap_or_default()),
                policy.name()
            );
            let (diagnostic, help) = match (region, all) {
                (_, false) => (
                    Diagnostic::warning("residency", what),
                    "it is not asked about what they send and get there, which is then not judged",
                ),
                (None, true) => (Diagnostic::error("residency", what), NO_REGION),
                (Some(region), true) if is_of_cloud(region) => {
                    (Diagnostic::error("residency", what), OF_CLOUD)
                }
                (Some(_), true) => (
                    Diagnostic::error("residency", what),
                    "take a judge in an allowed region, or write in `[policy.residency]` where data may go",
                ),
            };
            let key = if region.is_some() { "region" } else { "name" };
            let place = ["judge".into(), n.into(), key.into()];
            found.push(self.at(&place, diagnostic.help(help), "not there"));
        }
        found
    }
}
