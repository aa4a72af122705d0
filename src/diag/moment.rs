//! Moments, milliseconds since 1970, as people and programs read them, in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, by the system's clock; 0 where that is before 1970.
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Year, month and day of a moment.
fn calendar(ms: u64) -> (u64, u64, u64) {
    // Days since 0000-03-01, by which leap days come last (Howard Hinnant's civil_from_days).
    let days = ms / 86_400_000 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year + era * 400 + u64::from(month <= 2), month, of_year - (153 * from_march + 2) / 5 + 1)
}

/// The moment as RFC 3339 has it, to the millisecond.
pub fn written(ms: u64) -> String {
    let (year, month, day) = calendar(ms);
    let (hour, minute, second) = (ms / 3_600_000 % 24, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", ms % 1000)
}

/// Its day and minute: `2026-11-27 20:00 UTC`.
pub fn minute(ms: u64) -> String {
    let (year, month, day) = calendar(ms);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", ms / 3_600_000 % 24, ms / 60_000 % 60)
}

/// Its day: `2026-11-27`.
pub fn day(ms: u64) -> String {
    let (year, month, day) = calendar(ms);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Its month: `2026-11`.
pub fn month(ms: u64) -> String {
    let (year, month, _) = calendar(ms);
    format!("{year:04}-{month:02}")
}
