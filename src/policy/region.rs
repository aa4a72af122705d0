//! Names of regions: countries, the union of some of them, and what clouds call their places.
//!
//! Where data may go is told by comparing names, so a name that is mistyped would let data go nowhere, or keep none back where it was
//! meant to. A name that is not known counts only where two say it: who has data go there, and who stands there.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::diag::{Diagnostic, nearest};

/// Every region, where regions are listed.
pub const EVERYWHERE: &str = "*";

static NAMES: LazyLock<Names> = LazyLock::new(|| Names::read(include_str!("regions.txt")));

/// What is known.
#[derive(Debug, Default)]
struct Names {
    /// By name: what people call it; a cloud's place has the cloud's name.
    known: BTreeMap<&'static str, Known>,
    /// What people write for a region.
    written: Vec<(String, &'static str)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Country(&'static str),
    Cloud,
}

impl Names {
    fn read(file: &'static str) -> Self {
        let mut names = Self::default();
        for line in file.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some((_, places)) = line.strip_prefix("@ ").and_then(|line| line.split_once(": ")) {
                for place in places.split(' ') {
                    names.known.insert(place, Known::Cloud);
                    names.written.push((place.to_owned(), place));
                }
            } else if let Some((name, rest)) = line.split_once(' ') {
                let mut called = rest.split("; ");
                let title = called.next().unwrap_or_default();
                names.known.insert(name, Known::Country(title));
                let title = title.strip_prefix("the ").unwrap_or(title).to_lowercase();
                names.written.push((title, name));
                names.written.extend(called.map(|written| (written.to_owned(), name)));
            }
        }
        names
    }

    /// A name by what was written for it.
    fn meant(&self, written: &str) -> Option<&'static str> {
        let of = |text: &str| self.written.iter().find(|(one, _)| one == text).map(|(_, name)| *name);
        let plain = written.to_lowercase().replace(['_', '-'], " ");
        if let Some(name) = of(&written.to_lowercase()).or_else(|| of(&plain)) {
            return Some(name);
        }
        let letters: Vec<char> = plain.chars().collect();
        if let &[first, second] = letters.as_slice() {
            let turned: String = [second, first].iter().collect();
            return self.known.get_key_value(turned.as_str()).map(|(name, _)| *name);
        }
        // Codes of three letters are too much alike to be guessed.
        let texts: Vec<&str> =
            self.written.iter().map(|(text, _)| text.as_str()).filter(|text| text.len() > 3).collect();
        of(nearest(written, &texts).or_else(|| nearest(&plain, &texts))?)
    }
}

/// Whether a region is known by name: a country, `uk`, `eu`, or what a cloud calls a place. Case makes no difference; [`EVERYWHERE`] is no
/// region.
pub fn is_known(region: &str) -> bool {
    region != EVERYWHERE && NAMES.known.contains_key(region.to_lowercase().as_str())
}

/// Whether it is what a cloud calls a place. Nothing says in which country that is.
pub fn is_of_cloud(region: &str) -> bool {
    NAMES.known.get(region.to_lowercase().as_str()) == Some(&Known::Cloud)
}

/// Whether two names are of one region.
pub fn is_same(one: &str, other: &str) -> bool {
    // ISO 3166-1 says `gb`, people do not.
    let known =
        |name: &str| if name.eq_ignore_ascii_case("gb") { "uk".to_owned() } else { name.to_lowercase() };
    known(one) == known(other)
}

/// Where a region is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegionOf {
    /// Of data: where it may go.
    Data,
    /// Of whom data goes to: an upstream or a judge.
    Receiver,
}

/// What is wrong with a region that is not known and that nobody else names; `others` are those of the other side, which may have been
/// meant.
pub fn unknown(region: &str, of: RegionOf, others: &[&str]) -> Diagnostic {
    let (who, both) = match of {
        RegionOf::Data => {
            ("and no upstream or judge stands there", "an upstream or a judge has it as its `region`")
        }
        RegionOf::Receiver => {
            ("and nothing says that data may go there", "`[policy.residency]` or a profile names it")
        }
    };
    let wrong = Diagnostic::error("unknown-region", format!("unknown region `{region}`, {who}"));
    let meant = near_other(region, others).or_else(|| NAMES.meant(region));
    let meant = meant.filter(|name| of == RegionOf::Data || *name != EVERYWHERE);
    let wrong = match (meant, meant.and_then(|name| NAMES.known.get(name.to_lowercase().as_str()))) {
        (Some(name), Some(Known::Country(title))) => wrong.help(format!("did you mean `{name}` ({title})?")),
        (Some(name), _) => wrong.help(format!("did you mean `{name}`?")),
        (None, _) => wrong,
    };
    let everywhere = if of == RegionOf::Data { ", `\"*\"` for everywhere" } else { "" };
    wrong.help(format!(
        "expected a country's code of ISO 3166-1 (`de`), `eu`{everywhere}, or what a cloud calls a place (`eu-west-1`); another name counts \
         where {both}"
    ))
}

/// The one of the other side that differs by a letter, or by a third of its letters.
fn near_other<'o>(region: &str, others: &[&'o str]) -> Option<&'o str> {
    let others: Vec<&'o str> = others.iter().copied().filter(|other| *other != EVERYWHERE).collect();
    nearest(region, &others).and_then(|near| others.iter().copied().find(|other| *other == near)).or_else(
        || {
            let turned: String = region.to_lowercase().chars().rev().collect();
            others.into_iter().find(|other| region.len() == 2 && other.eq_ignore_ascii_case(&turned))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_written_once() {
        let file = include_str!("regions.txt");
        let countries: Vec<&str> = file
            .lines()
            .filter(|l| !l.starts_with(['#', '@', '*']))
            .filter_map(|l| l.split_once(' '))
            .map(|(c, _)| c)
            .collect();
        // ISO 3166-1 has 249, and there are `uk`, `eu` and `xk`.
        assert_eq!(countries.len(), 252);
        assert!(countries.iter().all(|code| code.len() == 2 && code.chars().all(|c| c.is_ascii_lowercase())));
        let mut once = countries.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), countries.len());
        let clouds = NAMES.known.values().filter(|known| **known == Known::Cloud).count();
        assert!(clouds > 150, "{clouds}");
        // Of texts that mean two regions neither could be told.
        let mut texts: Vec<&str> = NAMES.written.iter().map(|(text, _)| text.as_str()).collect();
        texts.sort_unstable();
        let twice: Vec<&str> =
            texts.windows(2).filter_map(|two| (two[0] == two[1]).then_some(two[0])).collect();
        // Clouds share names.
        assert!(twice.iter().all(|text| is_of_cloud(text) || *text == "united kingdom"), "{twice:?}");
        for state in super::super::residency::EU {
            assert!(is_known(state), "{state}");
        }
    }

    #[test]
    fn names_are_known_whatever_their_case() {
        for known in ["de", "DE", "uk", "gb", "eu", "Eu", "eu-west-1", "westeurope", "cn-hangzhou", "xk"] {
            assert!(is_known(known), "{known}");
        }
        for other in ["*", "", "xx", "germany", "deu", "eu-wst-1", "e", "#", "@"] {
            assert!(!is_known(other), "{other}");
        }
        assert!(is_same("GB", "uk") && is_same("Hq", "hq") && !is_same("de", "fr"));
        assert!(is_of_cloud("EU-West-1") && !is_of_cloud("eu"));
    }

    #[test]
    fn what_was_meant_is_told() {
        let help = |region: &str, of, others: &[&str]| {
            unknown(region, of, others).help.first().cloned().unwrap_or_default()
        };
        for (written, meant) in [
            ("germany", "`de` (Germany)"),
            ("gremany", "`de` (Germany)"),
            ("USA", "`us` (United States)"),
            ("united-states", "`us` (United States)"),
            ("United_Kingdom", "`gb` (United Kingdom)"),
            ("england", "`uk` (United Kingdom)"),
            ("ue", "`eu` (the European Union)"),
            ("Europe", "`eu` (the European Union)"),
            ("el", "`gr` (Greece)"),
            ("eu-wst-1", "`eu-west-1`"),
            ("westeurop", "`westeurope`"),
            ("all", "`*` (everywhere)"),
        ] {
            assert!(
                help(written, RegionOf::Data, &[]).contains(meant),
                "{written}: {}",
                help(written, RegionOf::Data, &[])
            );
        }
        // An upstream stands somewhere.
        assert!(!help("all", RegionOf::Receiver, &[]).contains("did you mean"));
        // What the other side says is nearer than what is known.
        assert!(help("fra-dc2", RegionOf::Receiver, &["fra-dc1", "*"]).contains("`fra-dc1`"));
        assert!(help("rf", RegionOf::Data, &["fr"]).contains("`fr` (France)"));
        // Nothing is near.
        for far in ["xx", "qqq", "zzzzzz"] {
            assert!(help(far, RegionOf::Data, &["de"]).starts_with("expected"), "{far}");
        }
    }
}
