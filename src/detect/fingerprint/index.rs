//! The prints of a collection, sorted so that a row of letters is looked up in constant time.

use super::collection::Collection;
use super::gram::Key;
use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

/// Where in which document a row of letters stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// The document's number, from nothing.
    pub document: u32,
    /// Of the row's last letter: how many stand before it.
    pub last: u32,
}

/// So many places of one row are kept, those of the documents that were added first. A row of so many is taken to go on in whatever
/// document the rows beside it stand in.
pub(super) const SAME: usize = 16;
/// Bits of a row's number.
const BITS: u32 = 48;

/// Documents that are looked for, ready to look up. 16 bytes a print.
pub struct Index {
    pub(super) key: Key,
    names: Vec<Arc<str>>,
    /// Where the rows begin whose numbers begin alike.
    heads: Vec<u32>,
    hashes: Vec<u64>,
    places: Vec<Place>,
    shift: u32,
}

impl fmt::Debug for Index {
    /// What tells one from another that is made of other documents: policies are compared by it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hash = DefaultHasher::new();
        (&self.names, &self.hashes, &self.places).hash(&mut hash);
        write!(f, "Index({} documents, {:016x})", self.names.len(), hash.finish())
    }
}

impl Index {
    /// The index of a collection.
    pub fn new(collection: &Collection) -> Self {
        let documents = collection.documents();
        let prints: usize = documents.iter().map(super::Document::prints).sum();
        let mut all: Vec<(u64, Place)> = Vec::with_capacity(prints);
        let common = documents.iter().filter(|document| document.common);
        let common: HashSet<u64> =
            common.flat_map(|document| document.prints.iter().map(|print| print.hash)).collect();
        for (document, number) in documents.iter().zip(0..).filter(|(document, _)| !document.common) {
            let place = |last| Place { document: number, last };
            let own = document.prints.iter().filter(|print| !common.contains(&print.hash));
            all.extend(own.map(|print| (print.hash, place(print.last))));
        }
        all.sort_unstable_by_key(|(hash, place)| (*hash, place.document, place.last));
        let mut same = 0;
        let mut before = None;
        all.retain(|(hash, _)| {
            same = if before == Some(*hash) { same + 1 } else { 0 };
            before = Some(*hash);
            same < SAME
        });
        all.shrink_to_fit();
        // About one a head.
        let bits = all.len().max(2).ilog2().clamp(4, 24);
        let shift = BITS - bits;
        let mut heads = vec![0_u32; (1 << bits) + 1];
        for (hash, _) in &all {
            if let Some(head) = heads.get_mut((hash >> shift) as usize + 1) {
                *head += 1;
            }
        }
        for at in 1..heads.len() {
            heads[at] += heads[at - 1];
        }
        let (hashes, places) = all.into_iter().unzip();
        let names = documents.iter().map(|document| document.name.as_str().into()).collect();
        Self { key: collection.key(), names, heads, hashes, places, shift }
    }

    /// The documents' names, by number.
    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// Where a row of letters stands.
    #[inline]
    pub(super) fn places(&self, hash: u64) -> &[Place] {
        let head = (hash >> self.shift) as usize;
        let (Some(&from), Some(&to)) = (self.heads.get(head), self.heads.get(head + 1)) else { return &[] };
        let (from, to) = (from as usize, to as usize);
        let alike = self.hashes.get(from..to).unwrap_or_default();
        let Some(first) = alike.iter().position(|one| *one == hash) else { return &[] };
        let count = alike.iter().skip(first).take_while(|one| **one == hash).count();
        self.places.get(from + first..from + first + count).unwrap_or_default()
    }
}
