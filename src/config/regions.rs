//! Whether the regions of upstreams, judges, tenants and profiles are some: a mistyped one would keep data from going anywhere, or let it go
//! where nobody meant it to.

use super::Settings;
use crate::diag::{Diagnostic, Severity, Step};
use crate::policy::{EVERYWHERE, Grade, Library, RegionOf, is_known_region, is_same_region, unknown_region};
use crate::text::is_name;
use std::collections::BTreeMap;

/// Regions that one side names.
struct Side<'s>(Vec<&'s str>);

impl Side<'_> {
    /// What is wrong with a region of the other side.
    fn wrong(&self, region: &str, of: RegionOf) -> Option<Diagnostic> {
        let good = region == EVERYWHERE && of == RegionOf::Data
            || is_known_region(region)
            // What can be no name is told as such.
            || !is_name(region)
            || self.0.iter().any(|other| is_same_region(other, region));
        (!good).then(|| unknown_region(region, of, &self.0))
    }
}

type Stated<'s> = (Vec<Step<'s>>, &'s BTreeMap<Grade, Vec<String>>);

impl Settings {
    /// Where each `residency` of the file stands, and what it says.
    fn stated(&self) -> Vec<Stated<'_>> {
        let of_tenants = self.tenants.iter().enumerate().map(|(n, tenant)| {
            let place = vec!["tenant".into(), n.into(), "policy".into(), "residency".into()];
            (place, &tenant.policy.residency)
        });
        let of_all = (vec!["policy".into(), "residency".into()], &self.policy.residency);
        std::iter::once(of_all).chain(of_tenants).collect()
    }

    /// Regions that are not known and that no two sides name. Of profiles that nobody uses they are warnings.
    pub(super) fn unknown_regions(&self, library: &Library) -> Vec<Diagnostic> {
        let of_upstreams = self.upstreams.iter().enumerate().filter_map(|(n, (upstream, _))| {
            Some((["upstream".into(), n.into(), "region".into()], upstream.region.as_deref()?))
        });
        let of_judges = self.judges.iter().enumerate().filter_map(|(n, (judge, _))| {
            Some((["judge".into(), n.into(), "region".into()], judge.region.as_deref()?))
        });
        let receivers: Vec<([Step<'_>; 3], &str)> = of_upstreams.chain(of_judges).collect();
        let stated = self.stated();
        let receiving = Side(receivers.iter().map(|(_, region)| *region).collect());
        let in_file = stated.iter().flat_map(|(_, of)| of.values()).flatten().map(String::as_str);
        let allowed = Side(in_file.chain(library.stated_regions()).collect());
        let mut found = Vec::new();
        for (place, region) in &receivers {
            if let Some(wrong) = allowed.wrong(region, RegionOf::Receiver) {
                found.push(self.at(place, wrong, "not known"));
            }
        }
        for (place, of) in &stated {
            for (grade, regions) in *of {
                for (n, region) in regions.iter().enumerate() {
                    let Some(wrong) = receiving.wrong(region, RegionOf::Data) else { continue };
                    let place = [place.as_slice(), &[grade.as_str().into(), n.into()]].concat();
                    found.push(self.at(&place, wrong, "not known"));
                }
            }
        }
        let used: Vec<String> = std::iter::once(None)
            .chain((0..self.tenants.len()).map(Some))
            .map(|tenant| self.policy_of(tenant).profile)
            .collect();
        for own in library.own_regions() {
            let Some(wrong) = receiving.wrong(&own.region, RegionOf::Data) else { continue };
            let severity = if used.contains(&own.profile) { Severity::Error } else { Severity::Warning };
            found.push(own.at(Diagnostic { severity, ..wrong }));
        }
        found
    }
}
