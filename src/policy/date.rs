//! A day, as laws and packs name it.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use toml::value::Datetime;

/// A day of the calendar; in TOML without quotes, `2023-08-15`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl FromStr for Date {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected a date such as 2023-08-15, found `{text}`");
        let date: Datetime = text.parse().map_err(|_| wrong())?;
        Self::of(&date).ok_or_else(wrong)
    }
}

impl Date {
    /// Nothing, where the value has a time.
    fn of(value: &Datetime) -> Option<Self> {
        let date = value.date.filter(|_| value.time.is_none() && value.offset.is_none())?;
        Some(Self { year: date.year, month: date.month, day: date.day })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Datetime::deserialize(deserializer)?;
        Self::of(&value)
            .ok_or_else(|| D::Error::custom(format!("expected a date such as 2023-08-15, found `{value}`")))
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_in_order_and_have_no_time() {
        let day = |text: &str| text.parse::<Date>();
        assert!(day("2023-08-15").unwrap() < day("2023-10-01").unwrap());
        assert!(day("2023-12-31").unwrap() < day("2024-01-01").unwrap());
        assert_eq!(day("2023-08-15").unwrap().to_string(), "2023-08-15");
        for wrong in ["2023-02-30", "2023-8-15", "15.8.2023", "2023-08-15T10:00:00Z", "10:00:00", ""] {
            assert!(day(wrong).is_err(), "{wrong}");
        }
    }
}
