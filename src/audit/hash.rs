//! SHA-256, as hashes of the tree and as texts of records have it.

use super::merkle::Hash;
use crate::text::hex;
use aws_lc_rs::digest::{SHA256, digest};

/// The SHA-256 of these bytes.
pub fn sha256(bytes: &[u8]) -> Hash {
    let mut hash = Hash::default();
    hash.iter_mut().zip(digest(&SHA256, bytes).as_ref()).for_each(|(to, from)| *to = *from);
    hash
}

/// The same in hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(&sha256(bytes))
}
