//! How long records have to be kept, by what the profiles of everybody's policies and the uses of routes say.

use super::Settings;
use crate::policy::Library;

/// A time for which records are kept, and who asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// In days.
    pub days: u32,
    /// In a few words.
    pub who: String,
}

impl Settings {
    /// The longest time for which somebody's profile or a route asks.
    pub fn records_kept(&self, library: &Library) -> Option<Kept> {
        let everybody = std::iter::once(None).chain((0..self.tenants.len()).map(Some));
        let of_profiles = everybody.filter_map(|tenant| {
            let profile = library.profile(&self.policy_of(tenant).profile)?;
            let retention = profile.retention.as_ref()?;
            let who = format!("the class `{}` of the profile `{}`", retention.class, profile.name);
            Some(Kept { days: retention.records_days, who })
        });
        let of_routes = self.routes.iter().filter_map(|route| {
            let class = &route.purpose.as_ref()?.retention;
            let name = route.name.as_deref().unwrap_or(&route.upstream);
            let who = format!("the class `{class}` of the route `{name}`");
            Some(Kept { days: class_days(class)?, who })
        });
        of_profiles.chain(of_routes).max_by_key(|kept| kept.days)
    }
}

/// The days that a class names at its end: `EU-6M`, `FINANCE-1Y`, `CO-3Y`, `TRIAL-200D`.
pub(super) fn class_days(class: &str) -> Option<u32> {
    let (name, length) = class.rsplit_once('-')?;
    let unit = length.chars().last()?;
    let count: u32 = length.strip_suffix(unit)?.parse().ok().filter(|count| (1..=10_000).contains(count))?;
    let days = match unit {
        'D' => count,
        // The longest months of a year that so many can be.
        'M' => (count * 365).div_ceil(12) + 1,
        'Y' => count * 365 + count / 4,
        _ => return None,
    };
    (!name.trim().is_empty()).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_ends_with_its_time() {
        for (class, want) in [
            ("EU-6M", Some(184)),
            ("FINANCE-1Y", Some(365)),
            ("CO-3Y", Some(1095)),
            ("LONG-4Y", Some(1461)),
            ("TRIAL-200D", Some(200)),
            ("GB-HEALTH-12M", Some(366)),
            ("EU-6m", None),
            ("-6M", None),
            ("EU-0M", None),
            ("EU-M", None),
            ("EU-6W", None),
            ("six months", None),
            ("", None),
        ] {
            assert_eq!(class_days(class), want, "{class}");
        }
    }
}
