//! The Merkle tree over the journal's records: hashes, proofs, and the tiles in which it stands on disk.
//!
//! A leaf is a record's payload as it stands in its segment; record 1 is leaf 0. Hashing follows RFC 6962, section 2.1 (SHA-256, `0x00`
//! before a leaf, `0x01` before two nodes), so whoever speaks Certificate Transparency or C2SP's tlog formats can check it.

mod proof;
mod tiles;

pub use proof::{ProofError, consistency_holds, inclusion_root};
pub(super) use proof::{consistency, inclusion, root};
pub use tiles::TileError;
pub(super) use tiles::{TileReader, TileWriter, WIDTH as TILE_WIDTH};

use super::hash::sha256;
use aws_lc_rs::digest::SHA256_OUTPUT_LEN;

/// A SHA-256 hash.
pub type Hash = [u8; SHA256_OUTPUT_LEN];

/// Hashes leaves, with room that it keeps.
#[derive(Debug, Default)]
pub(super) struct LeafHasher(Vec<u8>);

impl LeafHasher {
    /// The hash of a leaf.
    pub(super) fn hash(&mut self, entry: &[u8]) -> Hash {
        self.0.clear();
        self.0.push(0);
        self.0.extend_from_slice(entry);
        sha256(&self.0)
    }
}

/// The hash of a leaf (RFC 6962, 2.1).
pub fn leaf_hash(entry: &[u8]) -> Hash {
    LeafHasher::default().hash(entry)
}

/// The hash of two neighbouring nodes.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 1 + 2 * SHA256_OUTPUT_LEN];
    let (_, rest) = bytes.split_at_mut(1);
    let (first, second) = rest.split_at_mut(SHA256_OUTPUT_LEN);
    first.copy_from_slice(left);
    second.copy_from_slice(right);
    sha256(&bytes)
}

/// The root of a tree without leaves.
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// Hashes of whole subtrees: node `index` of `height` spans the leaves from `index << height` on, `1 << height` of them.
pub(super) trait Nodes {
    /// Why one cannot be had.
    type Error;
    /// The node's hash. Only nodes are asked for of which all leaves are in the tree.
    fn node(&mut self, height: u32, index: u64) -> Result<Hash, Self::Error>;
}

#[cfg(test)]
pub(super) mod tests;
