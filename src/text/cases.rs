//! How many cases a law is tried with, and how its texts are cut.

use proptest::sample::Index;
use proptest::test_runner::Config;

/// `usual` cases, or as many times that as `SLUICEGATE_LAWS` says: `scripts/soak laws` tries the same laws for longer.
pub(crate) fn cases(usual: u32) -> Config {
    let times = std::env::var("SLUICEGATE_LAWS").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    Config::with_cases(usual.saturating_mul(times))
}

/// A text cut at the ends of characters nearest before these places.
pub(crate) fn cut<'t>(text: &'t str, cuts: &[Index]) -> Vec<&'t str> {
    let mut places: Vec<usize> =
        cuts.iter().map(|cut| text.floor_char_boundary(cut.index(text.len() + 1))).collect();
    places.extend([0, text.len()]);
    places.sort_unstable();
    places.windows(2).filter_map(|pair| text.get(pair[0]..pair[1])).collect()
}
