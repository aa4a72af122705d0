//! Where data of which grade may go. A profile states it, a configuration may state it in its place, and an exchange whose upstream stands
//! elsewhere is stopped before the upstream sees anything.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::region::{EVERYWHERE, is_same};

/// Which upstream regions may see data of a grade.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Residency {
    /// The grade.
    pub grade: Grade,
    /// Regions by their country code, `eu`, or `*` for every one; none at all for data that goes nowhere. A name that is not known is that of
    /// an upstream or a judge.
    pub regions: Vec<String>,
}

/// How closely data is guarded, in order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Anybody may know it.
    #[default]
    Public,
    /// The operator's own.
    Internal,
    /// Of a person.
    Personal,
    /// Of a person, and harmful in wrong hands: health, belief, biometrics, children.
    Sensitive,
    /// Of a state or a critical business, as export laws mean it.
    Important,
}

impl Grade {
    /// All of them, in order.
    pub const ALL: [Self; 5] =
        [Self::Public, Self::Internal, Self::Personal, Self::Sensitive, Self::Important];

    /// The word in profiles, records and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Personal => "personal",
            Self::Sensitive => "sensitive",
            Self::Important => "important",
        }
    }
}

/// The member states of the European Union, which `eu` stands for.
pub(super) const EU: [&str; 27] = [
    "at", "be", "bg", "cy", "cz", "de", "dk", "ee", "es", "fi", "fr", "gr", "hr", "hu", "ie", "it", "lt",
    "lu", "lv", "mt", "nl", "pl", "pt", "ro", "se", "si", "sk",
];

/// What is stated for all grades.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Residencies(BTreeMap<Grade, Vec<String>>);

impl Residencies {
    /// What a profile states, with what a configuration says in its place.
    pub fn of(stated: &[Residency], own: &BTreeMap<Grade, Vec<String>>) -> Self {
        let stated = stated.iter().map(|one| (one.grade, one.regions.clone()));
        Self(stated.chain(own.iter().map(|(grade, regions)| (*grade, regions.clone()))).collect())
    }

    /// Whether nothing is stated.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where data of a grade may go; none where it may go everywhere. A grade of which nothing is stated goes where the next lower one may.
    pub fn regions(&self, grade: Grade) -> Option<&[String]> {
        let (_, regions) = self.0.range(..=grade).next_back()?;
        (!regions.iter().any(|region| region == EVERYWHERE)).then_some(regions)
    }

    /// Whether data of a grade may go to a region. Where nobody says where an upstream stands, it may stand anywhere.
    pub fn allows(&self, grade: Grade, region: Option<&str>) -> bool {
        let Some(regions) = self.regions(grade) else { return true };
        region.is_some_and(|region| regions.iter().any(|allowed| is_within(region, allowed)))
    }
}

/// Whether a region is another one, or a part of it.
fn is_within(region: &str, allowed: &str) -> bool {
    is_same(region, allowed)
        || allowed.eq_ignore_ascii_case("eu") && EU.iter().any(|state| state.eq_ignore_ascii_case(region))
}

/// Regions as people read them.
pub struct Named<'r>(pub &'r [String]);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("-") } else { f.write_str(&self.0.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stated() -> Residencies {
        let of = |grade, regions: &[&str]| Residency {
            grade,
            regions: regions.iter().map(|region| (*region).to_owned()).collect(),
        };
        let all = [of(Grade::Public, &["*"]), of(Grade::Personal, &["eu", "uk"]), of(Grade::Important, &[])];
        Residencies::of(&all, &BTreeMap::new())
    }

    #[test]
    fn data_goes_where_its_grade_may() {
        let stated = stated();
        for (grade, region, may) in [
            (Grade::Public, Some("us"), true),
            (Grade::Public, None, true),
            // Nothing is stated: as public.
            (Grade::Internal, Some("us"), true),
            (Grade::Personal, Some("eu"), true),
            (Grade::Personal, Some("DE"), true),
            (Grade::Personal, Some("gb"), true),
            (Grade::Personal, Some("ch"), false),
            (Grade::Personal, Some("eu-west-2"), false),
            (Grade::Personal, None, false),
            // Nothing is stated: as personal.
            (Grade::Sensitive, Some("fr"), true),
            (Grade::Sensitive, Some("us"), false),
            (Grade::Important, Some("eu"), false),
        ] {
            assert_eq!(stated.allows(grade, region), may, "{grade:?} {region:?}");
        }
        assert!(Residencies::default().allows(Grade::Important, None));
    }

    #[test]
    fn a_configuration_speaks_in_place_of_the_profile() {
        let own = BTreeMap::from([(Grade::Personal, vec!["jp".to_owned()])]);
        let all = Residencies::of(&[Residency { grade: Grade::Public, regions: vec!["*".into()] }], &own);
        assert!(all.allows(Grade::Personal, Some("jp")) && !all.allows(Grade::Personal, Some("de")));
        assert!(all.allows(Grade::Public, Some("de")));
        // One member is not the union.
        let own = BTreeMap::from([(Grade::Public, vec!["de".to_owned()])]);
        assert!(!Residencies::of(&[], &own).allows(Grade::Public, Some("eu")));
    }
}
