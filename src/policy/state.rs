//! How far a rule has come on its way into force, and which exchanges a canary takes.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How far a rule has come. The order is that of strength: a rule does more in a later state than in an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleState {
    /// It was in force once and is not any more. Its id stays known.
    Retired,
    /// It is being written: its examples are checked, and no traffic is read for it.
    Draft,
    /// It decides and is on record, and changes nothing.
    Shadow,
    /// In force for a share of the exchanges, in shadow for the others.
    Canary(Share),
    /// In force.
    #[default]
    Enforce,
}

impl RuleState {
    /// The words of all states.
    pub const NAMES: [&str; 5] = ["draft", "shadow", "canary", "enforce", "retired"];

    /// The word in rules, records and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retired => "retired",
            Self::Draft => "draft",
            Self::Shadow => "shadow",
            Self::Canary(_) => "canary",
            Self::Enforce => "enforce",
        }
    }

    /// The state of this name that has no share.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Retired, Self::Draft, Self::Shadow, Self::Enforce].into_iter().find(|s| s.as_str() == name)
    }

    /// Whether the rule acts on an exchange with this bucket.
    pub fn acts(self, bucket: Bucket) -> bool {
        match self {
            Self::Retired | Self::Draft | Self::Shadow => false,
            Self::Canary(share) => share.takes(bucket),
            Self::Enforce => true,
        }
    }

    /// Whether it reads an exchange with this bucket without acting on it.
    pub fn watches(self, bucket: Bucket) -> bool {
        match self {
            Self::Retired | Self::Draft | Self::Enforce => false,
            Self::Shadow => true,
            Self::Canary(share) => !share.takes(bucket),
        }
    }
}

impl fmt::Display for RuleState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Canary(share) => write!(f, "canary {share}"),
            Self::Retired | Self::Draft | Self::Shadow | Self::Enforce => f.write_str(self.as_str()),
        }
    }
}

/// A share of the exchanges, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

const WHOLE: u32 = 1_000_000;

impl Share {
    /// A share from 0 to 1.
    #[expect(clippy::cast_sign_loss, reason = "from 0 to 1")]
    pub fn new(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then(|| Self((share * f64::from(WHOLE)).round() as u32))
    }

    /// The same as a number from 0 to 1.
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / f64::from(WHOLE)
    }

    /// The first bucket that it does not take.
    pub(super) fn end(self) -> Bucket {
        Bucket(self.0)
    }

    fn takes(self, bucket: Bucket) -> bool {
        bucket.0 < self.0
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.fraction())
    }
}

/// Where an exchange stands among all of them, in millionths: a canary of a larger share takes all that one of a smaller share does.
///
/// It is the first eight bytes of the SHA-256 of the exchange's id as it is written (26 characters), as a big-endian number, times a
/// million, divided by 2^64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket(u32);

impl Bucket {
    /// The one that every canary takes whose share is not nothing.
    pub(super) const FIRST: Self = Self(0);
    /// The one that no canary takes whose share is not all.
    pub(super) const LAST: Self = Self(WHOLE - 1);

    /// That of an exchange.
    pub fn of(id: &[u8]) -> Self {
        let hash = digest(&SHA256, id);
        let first = hash.as_ref().first_chunk::<8>().copied().unwrap_or_default();
        Self(((u128::from(u64::from_be_bytes(first)) * u128::from(WHOLE)) >> 64) as u32)
    }
}

/// As files write it: `"shadow"`, `{ canary = 0.05 }`.
impl<'de> Deserialize<'de> for RuleState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = RuleState;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a state such as \"shadow\" or { canary = 0.05 }")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<RuleState, E> {
        match RuleState::from_name(name) {
            Some(state) => Ok(state),
            None if name == "canary" => Err(E::custom("a canary has a share\nwrite `{ canary = 0.05 }`")),
            None => Err(E::unknown_variant(name, &RuleState::NAMES)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RuleState, A::Error> {
        let mut state = None;
        while let Some(key) = map.next_key::<String>()? {
            if key != "canary" {
                return Err(A::Error::unknown_field(&key, &["canary"]));
            }
            let share: f64 = map.next_value()?;
            let wrong = || A::Error::custom(format!("expected a share from 0 to 1, found {share}"));
            state = Some(RuleState::Canary(Share::new(share).ok_or_else(wrong)?));
        }
        state.ok_or_else(|| A::Error::missing_field("canary"))
    }
}

impl Serialize for RuleState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Canary(share) => serializer.collect_map([("canary", share.fraction())]),
            Self::Retired | Self::Draft | Self::Shadow | Self::Enforce => {
                serializer.serialize_str(self.as_str())
            }
        }
    }
}

impl JsonSchema for RuleState {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "RuleState".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "How far a rule has come on its way into force.",
            "oneOf": [
                { "type": "string", "enum": ["draft", "shadow", "enforce", "retired"] },
                {
                    "type": "object",
                    "properties": { "canary": { "type": "number", "minimum": 0, "maximum": 1 } },
                    "required": ["canary"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_ordered_by_what_a_rule_does_in_them() {
        let canary = |share| RuleState::Canary(Share::new(share).expect("a share"));
        let mut states =
            [RuleState::Enforce, canary(0.5), RuleState::Shadow, canary(0.05), RuleState::Retired];
        states.sort_unstable();
        let said: Vec<String> = states.iter().map(ToString::to_string).collect();
        assert_eq!(said, ["retired", "shadow", "canary 0.05", "canary 0.5", "enforce"]);
        assert_eq!(Share::new(1.000_001).or(Share::new(-0.1)).or(Share::new(f64::NAN)), None);
    }

    /// Whoever has an id can say where it stands: `printf %s ID | sha256sum`.
    #[test]
    fn an_id_has_one_bucket_for_good() {
        let of = |id: &str| Bucket::of(id.as_bytes()).0;
        assert_eq!(of("00000000000000000000000000"), BUCKETS[0]);
        assert_eq!(of("5k3m9x0q7v2c8b4n6t1r0w5y3z"), BUCKETS[1]);
        assert_eq!(of(""), BUCKETS[2]);
    }

    /// Figured out with `sha256sum`, apart from this code.
    const BUCKETS: [u32; 3] = [341_240, 83_137, 889_415];

    /// A canary's share of many exchanges is what it says, and a larger one takes all that a smaller one takes.
    #[test]
    fn a_share_is_right_and_shares_lie_within_each_other() {
        const IDS: u32 = 100_000;
        let shares = [0.0, 0.01, 0.05, 0.25, 0.5, 0.9, 1.0].map(|s| Share::new(s).expect("a share"));
        let mut taken = [0_u32; 7];
        for _ in 0..IDS {
            // Ids as exchanges have them.
            let id = random_id();
            let bucket = Bucket::of(id.as_bytes());
            assert_eq!(bucket, Bucket::of(id.as_bytes()));
            let takes = shares.map(|share| RuleState::Canary(share).acts(bucket));
            assert!(takes.is_sorted(), "{id}: {takes:?}");
            taken.iter_mut().zip(takes).for_each(|(n, takes)| *n += u32::from(takes));
            for share in shares {
                let state = RuleState::Canary(share);
                assert_ne!(state.acts(bucket), state.watches(bucket));
            }
        }
        for (n, share) in taken.into_iter().zip(shares) {
            let (found, wanted) = (f64::from(n) / f64::from(IDS), share.fraction());
            assert!((found - wanted).abs() < 0.01, "{found} of {wanted}");
        }
        assert_eq!((taken[0], taken[6]), (0, IDS));
    }

    fn random_id() -> String {
        const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let mut bytes = [0; 26];
        getrandom::fill(&mut bytes).expect("random bytes");
        bytes.map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).iter().collect()
    }
}
