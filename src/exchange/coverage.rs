//! What of an exchange was read and what was not: promise 4 as a type. Only a complete walk makes one.

use std::collections::BTreeMap;

/// Counts of one body or stream. Bytes are of decoded text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Strings read as text.
    pub texts: u64,
    /// Their bytes.
    pub text_bytes: u64,
    /// Of the texts, those that no row of the dialect's table named.
    pub unknown: u64,
    /// Strings believed to be identifiers or words of closed lists.
    pub names: u64,
    /// Strings that are not text, by reason.
    pub opaque: BTreeMap<&'static str, u64>,
    /// Things that could not be read, by kind; the policy decided to let them pass.
    pub unscanned: BTreeMap<&'static str, u64>,
}

impl Coverage {
    /// Adds another count, as of the next event.
    pub fn add(&mut self, other: &Self) {
        self.texts += other.texts;
        self.text_bytes += other.text_bytes;
        self.unknown += other.unknown;
        self.names += other.names;
        for (map, more) in [(&mut self.opaque, &other.opaque), (&mut self.unscanned, &other.unscanned)] {
            for (reason, n) in more {
                *map.entry(reason).or_default() += n;
            }
        }
    }
}
