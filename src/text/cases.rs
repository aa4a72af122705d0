//! How many cases a law is tried with.

use proptest::test_runner::Config;

/// `usual` cases, or as many times that as `SLUICEGATE_LAWS` says: `scripts/soak laws` tries the same laws for longer.
pub(crate) fn cases(usual: u32) -> Config {
    let times = std::env::var("SLUICEGATE_LAWS").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    Config::with_cases(usual.saturating_mul(times))
}
