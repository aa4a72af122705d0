//! Figures with what is required of them: how certain they are, and whether that is met.

use serde::Serialize;

/// Of 95 % intervals.
const Z: f64 = 1.959_963_984_540_054;

/// A share with its Wilson interval at 95 %.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(in crate::cli) struct Share {
    pub(in crate::cli) hits: usize,
    pub(in crate::cli) of: usize,
    #[serde(rename = "share")]
    pub(in crate::cli) point: f64,
    pub(in crate::cli) low: f64,
    pub(in crate::cli) high: f64,
}

impl Share {
    /// None where there is nothing to count.
    pub(in crate::cli) fn new(hits: usize, of: usize) -> Option<Self> {
        if of == 0 {
            return None;
        }
        let (n, share) = (of as f64, hits as f64 / of as f64);
        let square = Z * Z;
        let middle = (share + square / (2.0 * n)) / (1.0 + square / n);
        let half = Z / (1.0 + square / n) * (share * (1.0 - share) / n + square / (4.0 * n * n)).sqrt();
        // At its ends the interval closes exactly; rounding must not say otherwise.
        let low = if hits == 0 { 0.0 } else { (middle - half).max(0.0) };
        let high = if hits == of { 1.0 } else { (middle + half).min(1.0) };
        Some(Self { hits, of, point: share, low, high })
    }
}

/// What a share has to be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// Whether something is as required.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum Status {
    Met,
    NotMet,
    /// It may be, and there is too little to be sure of it.
    TooSmall,
    /// Nothing was measured.
    NotMeasured,
    /// Nobody asks for anything.
    NotAsked,
}

impl Status {
    pub(in crate::cli) fn words(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::NotMet => "not met",
            Self::TooSmall => "sample too small",
            Self::NotMeasured => "not measured",
            Self::NotAsked => "nothing asked for",
        }
    }
}

/// What the standard asks, and how sure it is that it does.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Requirement {
    pub(super) text: String,
    pub(super) bound: Bound,
    /// How many have to be counted.
    pub(super) least: usize,
    /// `secondary`: from texts that quote the standard; `draft`: to be held against it; `profile`: the profile's own.
    pub(super) sure: &'static str,
}

/// A share against its requirement.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Figure {
    pub(super) id: &'static str,
    pub(super) title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) found: Option<Share>,
    pub(super) requirement: Requirement,
    pub(super) status: Status,
}

impl Figure {
    pub(super) fn new(id: &'static str, title: &str, found: Option<Share>, requirement: Requirement) -> Self {
        let status = found.map_or(Status::NotMeasured, |share| status(&share, &requirement));
        Self { id, title: title.to_owned(), found, requirement, status }
    }
}

/// The interval's worse end decides, not the share itself: a few lucky answers prove nothing.
fn status(share: &Share, requirement: &Requirement) -> Status {
    let (misses, holds) = match requirement.bound {
        Bound::AtLeast(least) => (share.point < least, share.low >= least),
        Bound::AtMost(most) => (share.point > most, share.high <= most),
    };
    if misses {
        Status::NotMet
    } else if share.of < requirement.least || !holds {
        Status::TooSmall
    } else {
        Status::Met
    }
}

/// A size against what is asked.
#[derive(Debug, Clone, Serialize)]
pub(in crate::cli) struct Size {
    pub(in crate::cli) title: String,
    pub(in crate::cli) found: usize,
    pub(in crate::cli) least: usize,
    pub(in crate::cli) sure: &'static str,
    pub(in crate::cli) status: Status,
    /// Categories with fewer than asked of each, with how many they have.
    pub(in crate::cli) short: Vec<(String, usize)>,
}

impl Size {
    pub(in crate::cli) fn new(
        title: String,
        found: usize,
        least: usize,
        sure: &'static str,
        short: Vec<(String, usize)>,
    ) -> Self {
        let met = found >= least && short.is_empty();
        let status = if met { Status::Met } else { Status::NotMet };
        Self { title, found, least, sure, status, short }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_interval_is_wilsons() {
        // From the formula, worked out by hand for 8 of 10.
        let share = Share::new(8, 10).expect("a share");
        assert!((share.low - 0.4902).abs() < 5e-4 && (share.high - 0.9433).abs() < 5e-4, "{share:?}");
        assert_eq!(Share::new(0, 0), None);
        assert_eq!(Share::new(0, 9).map(|s| s.low), Some(0.0));
        assert_eq!(Share::new(9, 9).map(|s| s.high), Some(1.0));
    }

    #[test]
    fn the_worse_end_decides() {
        let asked = |bound, least| Requirement { text: String::new(), bound, least, sure: "draft" };
        let told =
            |hits, of, bound, least| Figure::new("x", "x", Share::new(hits, of), asked(bound, least)).status;
        assert_eq!(told(300, 300, Bound::AtLeast(0.95), 300), Status::Met);
        assert_eq!(told(288, 300, Bound::AtLeast(0.95), 300), Status::TooSmall);
        assert_eq!(told(284, 300, Bound::AtLeast(0.95), 300), Status::NotMet);
        assert_eq!(told(20, 20, Bound::AtLeast(0.95), 300), Status::TooSmall);
        assert_eq!(told(0, 20, Bound::AtLeast(0.95), 300), Status::NotMet);
        assert_eq!(told(0, 300, Bound::AtMost(0.05), 300), Status::Met);
        assert_eq!(told(20, 300, Bound::AtMost(0.05), 300), Status::NotMet);
        assert_eq!(told(0, 0, Bound::AtMost(0.05), 300), Status::NotMeasured);
    }

    proptest! {
        #[test]
        fn the_interval_holds_its_share(of in 1_usize..5000, part in 0.0_f64..=1.0) {
            let hits = (0..=of).rev().find(|hits| *hits as f64 <= part * of as f64).unwrap_or_default();
            let share = Share::new(hits, of).expect("a share");
            prop_assert!(0.0 <= share.low && share.low <= share.point + 1e-12);
            prop_assert!(share.point <= share.high + 1e-12 && share.high <= 1.0);
            // Ten times the sample narrows it.
            let more = Share::new(hits * 10, of * 10).expect("a share");
            prop_assert!(more.high - more.low <= share.high - share.low + 1e-12);
        }
    }
}
