//! Keyed hashes: a record can say which text passed, and who sent it, without saying what or who.
//!
//! A plain hash of a short prompt or an address can be guessed; under a key that stays with the gateway it cannot. Who has the text and the key
//! finds the record (`sluicegate audit search --text FILE`); who has the record alone learns nothing.

use crate::text::hex;
use aws_lc_rs::hmac;
use std::fmt;

/// Characters of a hash: 128 bits.
const LENGTH: usize = 32;

/// The key, different for each use of it.
pub struct CommitmentKey(hmac::Key);

impl fmt::Debug for CommitmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CommitmentKey")
    }
}

impl CommitmentKey {
    /// A key of these bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The keyed hash of a text that is there.
    pub fn hash(&self, text: &[u8]) -> String {
        short(&hmac::sign(&self.0, text))
    }

    /// One that comes in pieces.
    pub fn begin(&self) -> Commitment {
        Commitment { context: hmac::Context::with_key(&self.0), empty: true }
    }

    /// The keyed hash of a name, such as a user's or an address, which is not that of a text with the same letters; empty for an empty one.
    pub fn name(&self, kind: &str, name: &str) -> String {
        if name.is_empty() {
            return String::new();
        }
        let mut context = hmac::Context::with_key(&self.0);
        for part in [kind.as_bytes(), b"\0", name.as_bytes()] {
            context.update(part);
        }
        short(&context.sign())
    }
}

/// A keyed hash in the making.
#[derive(Clone)]
pub struct Commitment {
    context: hmac::Context,
    empty: bool,
}

impl fmt::Debug for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Commitment")
    }
}

impl Commitment {
    /// The next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.empty &= piece.is_empty();
        self.context.update(piece);
    }

    /// The hash of what came so far; empty if nothing did.
    pub fn so_far(&self) -> String {
        if self.empty { String::new() } else { short(&self.context.clone().sign()) }
    }
}

fn short(tag: &hmac::Tag) -> String {
    hex::encode(tag.as_ref().get(..LENGTH / 2).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_do_not_matter_and_the_key_does() {
        let key = CommitmentKey::new(&[1; 32]);
        let mut pieces = key.begin();
        assert_eq!(pieces.so_far(), "");
        for piece in ["hel", "", "lo"] {
            pieces.update(piece.as_bytes());
        }
        assert_eq!(pieces.so_far(), key.hash(b"hello"));
        assert_eq!(key.hash(b"hello").len(), LENGTH);
        assert_ne!(CommitmentKey::new(&[2; 32]).hash(b"hello"), key.hash(b"hello"));
        assert_ne!(key.name("user", "a"), key.name("address", "a"));
        assert_eq!(key.name("user", ""), "");
    }
}
