//! How closely marks stand in a model's words.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How closely marks stand.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Density {
    /// There are none.
    #[default]
    Off,
    /// A quarter more bytes at most: cuts of 110 Chinese or 200 Latin letters are known.
    Sparse,
    /// Cuts of 64 Chinese or 120 Latin letters are known.
    Standard,
    /// Cuts of 48 Chinese or 100 Latin letters are known.
    Dense,
}

impl Density {
    /// All.
    pub const ALL: [Self; 4] = [Self::Off, Self::Sparse, Self::Standard, Self::Dense];

    /// The word in settings and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Sparse => "sparse",
            Self::Standard => "standard",
            Self::Dense => "dense",
        }
    }
}
