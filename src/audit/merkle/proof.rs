//! Inclusion and consistency proofs (RFC 6962, sections 2.1.1 and 2.1.2; verification as in RFC 9162, 2.1.3.2 and 2.1.4.2).

use super::{Hash, Nodes, empty_root, node_hash};
use std::ops::Range;

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf or the older tree is not within the newer tree.
    #[error("it speaks of what lies outside the tree")]
    Outside,
    /// There are more or fewer hashes than the sizes ask for.
    #[error("it has {found} hashes, {expected} are needed")]
    Length {
        /// How many it has.
        found: usize,
        /// How many it should have.
        expected: usize,
    },
    /// The hashes lead to another root.
    #[error("its hashes lead to another root")]
    Root,
}

/// The largest power of two below `n`, which is more than 1.
fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// The hash of the leaves of a range as RFC 6962 has it; ranges begin where a subtree of their size does.
fn range<N: Nodes>(nodes: &mut N, leaves: Range<u64>) -> Result<Hash, N::Error> {
    let n = leaves.end - leaves.start;
    if n == 0 {
        return Ok(empty_root());
    }
    if n.is_power_of_two() {
        let height = n.trailing_zeros();
        return nodes.node(height, leaves.start >> height);
    }
    let middle = leaves.start + split(n);
    let left = range(nodes, leaves.start..middle)?;
    let right = range(nodes, middle..leaves.end)?;
    Ok(node_hash(&left, &right))
}

/// The root of the tree of the first `size` leaves.
pub(in crate::audit) fn root<N: Nodes>(nodes: &mut N, size: u64) -> Result<Hash, N::Error> {
    range(nodes, 0..size)
}

/// The hashes beside the way from leaf `index` up to the root of the tree of `size` leaves, the leaf's neighbour first. None for a leaf that is
/// not in the tree.
pub(in crate::audit) fn inclusion<N: Nodes>(
    nodes: &mut N,
    index: u64,
    size: u64,
) -> Result<Option<Vec<Hash>>, N::Error> {
    if index >= size {
        return Ok(None);
    }
    let (mut low, mut high, mut path) = (0, size, Vec::new());
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            path.push(range(nodes, middle..high)?);
            high = middle;
        } else {
            path.push(range(nodes, low..middle)?);
            low = middle;
        }
    }
    path.reverse();
    Ok(Some(path))
}

/// What shows that the tree of `old` leaves is the beginning of the one of `new` leaves. None if it is larger or has no leaf.
pub(in crate::audit) fn consistency<N: Nodes>(
    nodes: &mut N,
    old: u64,
    new: u64,
) -> Result<Option<Vec<Hash>>, N::Error> {
    if old == 0 || old > new {
        return Ok(None);
    }
    let (mut low, mut high, mut path, mut whole) = (0, new, Vec::new(), true);
    while old != high {
        let middle = low + split(high - low);
        if old <= middle {
            path.push(range(nodes, middle..high)?);
            high = middle;
        } else {
            path.push(range(nodes, low..middle)?);
            low = middle;
            whole = false;
        }
    }
    // The old tree itself is known to whoever asks; a part of it is not.
    if !whole {
        path.push(range(nodes, low..high)?);
    }
    path.reverse();
    Ok(Some(path))
}

/// The root that a leaf and its proof lead to.
pub fn inclusion_root(leaf: &Hash, index: u64, size: u64, path: &[Hash]) -> Result<Hash, ProofError> {
    if index >= size {
        return Err(ProofError::Outside);
    }
    let (mut node, mut last, mut hash) = (index, size - 1, *leaf);
    let mut rest = path.iter();
    let mut used = 0;
    while last > 0 {
        if node % 2 == 1 || node < last {
            let Some(beside) = rest.next() else {
                return Err(ProofError::Length {
                    found: path.len(),
                    expected: inclusion_length(index, size),
                });
            };
            used += 1;
            hash = if node % 2 == 1 { node_hash(beside, &hash) } else { node_hash(&hash, beside) };
        }
        node /= 2;
        last /= 2;
    }
    if used != path.len() {
        return Err(ProofError::Length { found: path.len(), expected: used });
    }
    Ok(hash)
}

fn inclusion_length(index: u64, size: u64) -> usize {
    let (mut low, mut high, mut length) = (0, size, 0);
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            high = middle;
        } else {
            low = middle;
        }
        length += 1;
    }
    length
}

/// Whether the tree of `old` leaves with `old_root` is the beginning of that of `new` leaves with `new_root`.
pub fn consistency_holds(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    path: &[Hash],
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::Outside);
    }
    // Every tree begins with the empty one, and is its own beginning.
    if old == 0 || old == new {
        let same = if old == 0 { *old_root == empty_root() } else { old_root == new_root };
        return match (same, path.len()) {
            (_, found @ 1..) => Err(ProofError::Length { found, expected: 0 }),
            (true, 0) => Ok(()),
            (false, 0) => Err(ProofError::Root),
        };
    }
    let (mut node, mut last) = (old - 1, new - 1);
    while node % 2 == 1 {
        node /= 2;
        last /= 2;
    }
    let mut rest = path.iter();
    let short = || ProofError::Length { found: path.len(), expected: path.len() + 1 };
    // A whole subtree of the new tree is known by its root.
    let first = if old.is_power_of_two() { old_root } else { rest.next().ok_or_else(short)? };
    let (mut before, mut after) = (*first, *first);
    while last > 0 {
        if node % 2 == 1 {
            let beside = rest.next().ok_or_else(short)?;
            before = node_hash(beside, &before);
            after = node_hash(beside, &after);
        } else if node < last {
            after = node_hash(&after, rest.next().ok_or_else(short)?);
        }
        node /= 2;
        last /= 2;
    }
    let left = rest.count();
    if left > 0 {
        return Err(ProofError::Length { found: path.len(), expected: path.len() - left });
    }
    if before == *old_root && after == *new_root { Ok(()) } else { Err(ProofError::Root) }
}
