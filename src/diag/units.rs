//! Durations and sizes as people write them in files: `"10 s"`, `"32 MiB"`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A duration with its unit: `"500 ms"`, `"10 s"`, `"2 min"`, `"1 h"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Duration);

/// A number of bytes with its unit: `"8 KiB"`, `"32 MiB"`, `"1 GiB"`, `"512 B"`, also `"10 MB"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

const TIMES: [(&str, u64); 5] =
    [("ms", 1), ("s", 1000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZES: [(&str, u64); 7] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

impl Time {
    /// Whole seconds.
    pub const fn secs(n: u64) -> Self {
        Self(Duration::from_secs(n))
    }

    /// The duration.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl Size {
    /// `n` times 1024 bytes.
    pub const fn kib(n: u64) -> Self {
        Self(n << 10)
    }

    /// `n` times 1024 times 1024 bytes.
    pub const fn mib(n: u64) -> Self {
        Self(n << 20)
    }

    /// The number of bytes as an index.
    pub fn get(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// Number and unit of `text`, multiplied; a message with help lines where it is neither.
fn parse(text: &str, what: &str, example: &str, units: &[(&str, u64)]) -> Result<u64, String> {
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let unit = unit.trim();
    let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
    let list = names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    if number.is_empty() {
        return Err(format!(
            "`{text}` is not a {what}\nwrite a whole number and a unit, for example `{example}`"
        ));
    }
    let number: u64 = number.replace('_', "").parse().map_err(|_| {
        format!("`{number}` is too large for a {what}\nwrite a smaller number with a larger unit")
    })?;
    if unit.is_empty() {
        return Err(format!("`{text}` has no unit\nunits: {list}\nwrite for example `{example}`"));
    }
    let factor = units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    let Some(factor) = factor else {
        let near = super::nearest(unit, &names).or_else(|| {
            let common: &[(&str, &str)] = &[
                ("sec", "s"),
                ("seconds", "s"),
                ("m", "min"),
                ("minutes", "min"),
                ("k", "KiB"),
                ("M", "MiB"),
                ("G", "GiB"),
                ("kb", "KiB"),
            ];
            common.iter().find(|(from, to)| *from == unit && names.contains(to)).map(|(_, to)| *to)
        });
        let hint = near.map_or(String::new(), |n| format!("\ndid you mean `{n}`?"));
        return Err(format!("unknown unit `{unit}` in `{text}`{hint}\nunits: {list}"));
    };
    number
        .checked_mul(factor)
        .ok_or_else(|| format!("`{text}` is too large for a {what}\nwrite a smaller number"))
}

impl std::str::FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text, "duration", "10 s", &TIMES).map(|ms| Self(Duration::from_millis(ms)))
    }
}

impl std::str::FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text, "size", "32 MiB", &SIZES).map(Self)
    }
}

/// The largest unit that leaves a whole number.
fn write(f: &mut fmt::Formatter<'_>, value: u64, units: &[(&str, u64)]) -> fmt::Result {
    let best = units
        .iter()
        .filter(|(_, factor)| value != 0 && value.is_multiple_of(*factor))
        .max_by_key(|(_, factor)| *factor);
    let (name, factor) = best.copied().unwrap_or_else(|| units.first().copied().unwrap_or(("", 1)));
    write!(f, "{} {name}", value / factor)
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX), &TIMES)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0, &SIZES[..4])
    }
}

macro_rules! as_text {
    ($type:ident, $expecting:literal, $pattern:literal, $about:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_str<E: Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "description": $about })
            }
        }
    };
}

as_text!(
    Time,
    "a duration such as \"10 s\"",
    "^[0-9_]+ *(ms|s|min|h|d)$",
    "a whole number and a unit: ms, s, min, h, d"
);
as_text!(
    Size,
    "a size such as \"32 MiB\"",
    "^[0-9_]+ *(B|KiB|MiB|GiB|KB|MB|GB)$",
    "a whole number and a unit: B, KiB, MiB, GiB, KB, MB, GB"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_read_and_write() {
        for (text, ms) in
            [("10 s", 10_000), ("500ms", 500), ("2 min", 120_000), ("1 h", 3_600_000), ("1_000 ms", 1000)]
        {
            assert_eq!(text.parse::<Time>().map(|t| t.0.as_millis()), Ok(ms), "{text}");
        }
        for (text, bytes) in [("512 B", 512), ("32 MiB", 32 << 20), ("10 MB", 10_000_000), ("8KiB", 8192)] {
            assert_eq!(text.parse::<Size>(), Ok(Size(bytes)), "{text}");
        }
        for text in ["10 s", "500 ms", "2 min", "1 h", "0 ms"] {
            assert_eq!(text.parse::<Time>().map(|t| t.to_string()), Ok(text.to_owned()));
        }
        for text in ["32 MiB", "8 KiB", "1000 B"] {
            assert_eq!(text.parse::<Size>().map(|t| t.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn wrong_units_say_what_is_valid() {
        let message = |text: &str| text.parse::<Time>().err().unwrap_or_default();
        assert!(message("10").contains("has no unit"));
        assert!(message("10 sec").contains("did you mean `s`?"));
        assert!(message("soon").contains("is not a duration"));
        assert!(message("99999999999999999999 s").contains("too large"));
        assert!(message("9999999999999999999 h").contains("too large"));
        assert!("32 mib".parse::<Size>().err().unwrap_or_default().contains("did you mean `MiB`?"));
        assert!("-1 MiB".parse::<Size>().is_err());
    }
}
