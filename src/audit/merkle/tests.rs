//! The tree against a plain recursion from RFC 6962, its test vectors, and its files.

use super::proof::{consistency, inclusion, root};
use super::*;
use proptest::prelude::*;
use std::convert::Infallible;

/// The definition, word for word.
fn reference(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [one] => *one,
        _ => {
            let k = leaves.len().next_power_of_two() / 2;
            node_hash(&reference(&leaves[..k]), &reference(&leaves[k..]))
        }
    }
}

/// A tree in memory.
pub(in crate::audit) struct Leaves<'l>(pub(in crate::audit) &'l [Hash]);

impl Nodes for Leaves<'_> {
    type Error = Infallible;

    fn node(&mut self, height: u32, index: u64) -> Result<Hash, Infallible> {
        let first = (index << height) as usize;
        Ok(reference(&self.0[first..first + (1 << height)]))
    }
}

/// So many leaves, each another.
pub(in crate::audit) fn leaves(count: usize) -> Vec<Hash> {
    (0..count).map(|n| leaf_hash(&n.to_le_bytes())).collect()
}

fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn roots_are_those_of_certificate_transparency() {
    // The leaves and roots of the test suite of Certificate Transparency's reference (merkletree_test, Apache-2.0).
    let inputs: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let leaves: Vec<Hash> = inputs.iter().map(|entry| leaf_hash(entry)).collect();
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    for (size, expected) in roots.iter().enumerate() {
        assert_eq!(hex(&reference(&leaves[..size])), *expected);
        let Ok(found) = root(&mut Leaves(&leaves), size as u64);
        assert_eq!(hex(&found), *expected);
    }
}

proptest! {
    #[test]
    fn proofs_hold_and_no_other_does(size in 1..80_u64, index in 0..80_u64, old in 0..80_u64, flip in any::<(usize, u8)>()) {
        let all = leaves(size as usize);
        let whole = reference(&all);
        let Ok(path) = inclusion(&mut Leaves(&all), index, size);
        prop_assert_eq!(path.is_some(), index < size);
        if let Some(mut path) = path {
            let leaf = all[index as usize];
            prop_assert_eq!(inclusion_root(&leaf, index, size, &path), Ok(whole));
            for other in (0..size + 2).filter(|other| *other != index) {
                prop_assert_ne!(inclusion_root(&leaf, other, size, &path), Ok(whole));
            }
            if let Some(hash) = path.len().checked_sub(1).and_then(|last| path.get_mut(flip.0 % (last + 1))) {
                hash[flip.0 / 7 % 32] ^= flip.1 | 1;
                prop_assert_ne!(inclusion_root(&leaf, index, size, &path), Ok(whole));
                path.pop();
                prop_assert!(inclusion_root(&leaf, index, size, &path).is_err());
            }
        }
        let Ok(path) = consistency(&mut Leaves(&all), old, size);
        prop_assert_eq!(path.is_some(), (1..=size).contains(&old));
        if let Some(mut path) = path {
            let before = reference(&all[..old as usize]);
            prop_assert_eq!(consistency_holds(old, &before, size, &whole, &path), Ok(()));
            prop_assert!(consistency_holds(old, &leaf_hash(b"other"), size, &whole, &path).is_err());
            prop_assert!(consistency_holds(old, &before, size, &leaf_hash(b"other"), &path).is_err());
            path.push(whole);
            prop_assert!(consistency_holds(old, &before, size, &whole, &path).is_err());
        }
    }
}

#[test]
fn tiles_hold_the_tree_at_every_size() {
    let folder = tempfile::tempdir().expect("a folder");
    let all = leaves(70_000);
    let mut writer = TileWriter::new(folder.path());
    for (n, leaf) in all.iter().enumerate() {
        writer.push(*leaf);
        let size = n + 1;
        if size % 9_973 == 0 || [1, 255, 256, 257, 65_535, 65_536, 65_537, 70_000].contains(&size) {
            assert_eq!(writer.root(), reference(&all[..size]), "{size}");
            writer.write_partial().expect("tiles");
            let mut reader = TileReader::new(folder.path(), size as u64);
            assert_eq!(root(&mut reader, size as u64).expect("tiles"), writer.root(), "{size}");
            let resumed = TileWriter::resume(folder.path(), size as u64 / 256 * 256).expect("tiles");
            assert_eq!(resumed.root(), reference(&all[..size / 256 * 256]), "{size}");
        }
    }
    writer.sync().expect("a disk");
    // As the specification has it for a tree of this size.
    let there = |path: &str| folder.path().join("tile").join(path).exists();
    assert!(
        there("0/272") && there("0/273.p/112") && there("1/000") && there("1/001.p/17") && there("2/000.p/1")
    );
    assert!(!there("0/273") && !there("1/000.p"));
    // A reader of an older, smaller tree finds it in the tiles that have grown.
    let mut reader = TileReader::new(folder.path(), 66_000);
    let old = root(&mut reader, 66_000).expect("tiles");
    assert_eq!(old, reference(&all[..66_000]));
    let path = consistency(&mut TileReader::new(folder.path(), 70_000), 66_000, 70_000)
        .expect("tiles")
        .expect("one");
    assert_eq!(consistency_holds(66_000, &old, 70_000, &writer.root(), &path), Ok(()));
}
