//! Bundles: files for somebody else, in one signed archive.
//!
//! The archive is a ZIP without compression, which every system opens, written in one way only: the same files give the same bytes, and other bytes are
//! no bundle. Its first file is the manifest, a signed note that names all others with their SHA-256 and size. So every byte of the archive follows
//! from what was signed.

use super::hash::sha256_hex;
use super::note::{NoteError, Signer, Verifier, parts};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The manifest's name.
pub const MANIFEST: &str = "manifest";
/// Its first line. No name of a key has spaces, so it is no checkpoint.
const FORMAT: &str = "sluicegate incident v1";
/// The most bytes of an archive without the form for larger ones.
pub const MOST_BUNDLE: u64 = u32::MAX as u64;

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";

/// A file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundlePart<'b> {
    /// Its name: letters, digits and `.`, `_`, `-`, `+`, with `/` between folders.
    pub name: String,
    /// What stands in it.
    pub bytes: Cow<'b, [u8]>,
}

/// Why an archive is no bundle, or none can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Not the form of an archive.
    #[error("byte {at}: {what}")]
    Form {
        /// Where.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// The manifest is not signed by the key, or not the form of one.
    #[error("`manifest`: {0}")]
    Manifest(String),
    /// A file is not the one that was signed.
    #[error("`{0}` is not the file that was signed")]
    Part(String),
    /// A file is there that was not signed, or another stands in its place.
    #[error("`{found}` stands where the manifest names `{expected}`")]
    Order {
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
    },
    /// The files are those that were signed, and the archive about them was changed.
    #[error("byte {0}: the archive was changed there; the files in it are those that were signed")]
    Archive(usize),
    /// The name of a file cannot stand in a bundle.
    #[error("`{0}` cannot be a file of a bundle")]
    Name(String),
    /// Too many bytes or files.
    #[error("too large for one bundle: at most 4 GiB and 65,000 files")]
    TooLarge,
}

impl From<NoteError> for BundleError {
    fn from(error: NoteError) -> Self {
        Self::Manifest(error.to_string())
    }
}

fn is_name(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-+".contains(&b))
    };
    name.len() < 512 && name.split('/').all(part)
}

/// The lines that are signed.
fn manifest(origin: &str, id: &str, files: &[BundlePart<'_>]) -> String {
    let mut text = format!("{FORMAT}\n{origin}\n{id}\n");
    for BundlePart { name, bytes } in files {
        // Writing to a String does not fail.
        let _ = writeln!(text, "{} {} {name}", sha256_hex(bytes), bytes.len());
    }
    text
}

/// The archive of a bundle of these files, in this order.
pub fn pack(signer: &Signer, id: &str, files: Vec<BundlePart<'_>>) -> Result<Vec<u8>, BundleError> {
    let mut names = BTreeSet::from([MANIFEST]);
    for part in &files {
        if !is_name(&part.name) || !names.insert(&part.name) {
            return Err(BundleError::Name(part.name.clone()));
        }
    }
    let note = signer.sign(&manifest(signer.verifier().name(), id, &files));
    let mut all = vec![BundlePart { name: MANIFEST.into(), bytes: note.into_bytes().into() }];
    all.extend(files);
    let mut out = Vec::with_capacity(size(&all)?);
    archive(&all, |piece| out.extend_from_slice(piece));
    Ok(out)
}

/// The files of a bundle that the key has signed, the manifest aside, and the bundle's id. Nothing is copied.
pub fn unpack<'b>(
    bytes: &'b [u8],
    verifier: &Verifier,
) -> Result<(String, Vec<BundlePart<'b>>), BundleError> {
    let all = read(bytes)?;
    let mut files = all.iter();
    let first = files.next().filter(|part| part.name == MANIFEST);
    let first = first.ok_or(BundleError::Form { at: 0, what: "the first file is not the manifest" })?;
    let note = str::from_utf8(&first.bytes).map_err(|_| BundleError::Manifest("not UTF-8".into()))?;
    let text = verifier.open(note)?;
    if parts(note)?.1.lines().count() != 1 {
        return Err(BundleError::Manifest("it has more than one signature".into()));
    }
    let mut lines = text.lines();
    let form = || BundleError::Manifest("not the manifest of a bundle".into());
    if lines.next() != Some(FORMAT) || lines.next() != Some(verifier.name()) {
        return Err(form());
    }
    let id = lines.next().ok_or_else(form)?.to_owned();
    for line in lines {
        let mut words = line.splitn(3, ' ');
        let (Some(hash), Some(size), Some(name)) = (words.next(), words.next(), words.next()) else {
            return Err(form());
        };
        let part = files.next().ok_or_else(|| BundleError::Part(name.to_owned()))?;
        if part.name != name {
            return Err(BundleError::Order { found: part.name.clone(), expected: name.to_owned() });
        }
        if sha256_hex(&part.bytes) != hash || part.bytes.len().to_string() != size {
            return Err(BundleError::Part(name.to_owned()));
        }
    }
    if let Some(part) = files.next() {
        return Err(BundleError::Order { found: part.name.clone(), expected: "nothing".into() });
    }
    size(&all)?;
    let (mut at, mut rest, mut differs) = (0, bytes, None);
    archive(&all, |piece| {
        if differs.is_none() {
            let same = if rest.starts_with(piece) {
                piece.len()
            } else {
                piece.iter().zip(rest).take_while(|(a, b)| a == b).count()
            };
            (at, rest) = (at + same, rest.get(same..).unwrap_or_default());
            differs = (same < piece.len()).then_some(at);
        }
    });
    if let Some(at) = differs.or_else(|| (!rest.is_empty()).then_some(at)) {
        return Err(BundleError::Archive(at));
    }
    Ok((id, all.into_iter().skip(1).collect()))
}

// === The archive ===

/// What stands before a file's name in both of its heads, from the flags to the length of the name: stored, of 1980, without a comment.
fn head(out: &mut Vec<u8>, part: &BundlePart<'_>) {
    let size = (part.bytes.len() as u32).to_le_bytes();
    out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0x21, 0]);
    out.extend_from_slice(&crc32fast::hash(&part.bytes).to_le_bytes());
    out.extend_from_slice(&size);
    out.extend_from_slice(&size);
    out.extend_from_slice(&(part.name.len() as u16).to_le_bytes());
    out.extend_from_slice(&[0, 0]);
}

/// How many bytes the archive of these files has.
fn size(files: &[BundlePart<'_>]) -> Result<usize, BundleError> {
    let size: usize =
        files.iter().map(|part| part.bytes.len() + 2 * part.name.len() + 76).sum::<usize>() + 22;
    if size as u64 > MOST_BUNDLE || files.len() > 65_000 { Err(BundleError::TooLarge) } else { Ok(size) }
}

/// The archive, piece after piece. Its [`size`] is not too large.
fn archive(files: &[BundlePart<'_>], mut out: impl FnMut(&[u8])) {
    let (mut local, mut central, mut at) = (Vec::new(), Vec::new(), 0_u32);
    for part in files {
        local.clear();
        local.extend_from_slice(&LOCAL);
        local.extend_from_slice(&[20, 0]);
        head(&mut local, part);
        local.extend_from_slice(part.name.as_bytes());
        out(&local);
        out(&part.bytes);
        central.extend_from_slice(&CENTRAL);
        central.extend_from_slice(&[20, 3, 20, 0]);
        head(&mut central, part);
        // No comment, first disk, no kind; who may read it: its owner.
        central.extend_from_slice(&[0; 6]);
        central.extend_from_slice(&(0o600_u32 << 16).to_le_bytes());
        central.extend_from_slice(&at.to_le_bytes());
        central.extend_from_slice(part.name.as_bytes());
        at += (local.len() + part.bytes.len()) as u32;
    }
    let (size, count) = ((central.len() as u32).to_le_bytes(), (files.len() as u16).to_le_bytes());
    let end: [&[u8]; 7] = [&END, &[0; 4], &count, &count, &size, &at.to_le_bytes(), &[0, 0]];
    central.extend(end.concat());
    out(&central);
}

/// The files of an archive, read by the heads before them; the rest is held against what they give.
fn read(bytes: &[u8]) -> Result<Vec<BundlePart<'_>>, BundleError> {
    let mut files: Vec<BundlePart<'_>> = Vec::new();
    let mut at = 0;
    while bytes.get(at..).is_some_and(|rest| rest.starts_with(&LOCAL)) {
        let wrong = |what| BundleError::Form { at, what };
        let head: &[u8; 30] = bytes
            .get(at..)
            .and_then(|rest| rest.first_chunk())
            .ok_or(wrong("the head of a file is cut off"))?;
        let [.., s0, s1, s2, s3, n0, n1, _, _] = *head;
        let (size, length) =
            (u32::from_le_bytes([s0, s1, s2, s3]) as usize, usize::from(u16::from_le_bytes([n0, n1])));
        let name = bytes.get(at + 30..at + 30 + length).and_then(|name| str::from_utf8(name).ok());
        let name = name.filter(|name| is_name(name)).ok_or(wrong("a file without a sound name"))?;
        let begun = at + 30 + length;
        let content = bytes.get(begun..begun + size).ok_or(wrong("a file is cut off"))?;
        files.push(BundlePart { name: name.to_owned(), bytes: content.into() });
        at = begun + size;
    }
    if files.is_empty() {
        return Err(BundleError::Form { at: 0, what: "no archive" });
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    fn signer() -> Signer {
        Signer::new("example.com/log", Zeroizing::new([1; 32])).expect("a key")
    }

    fn part<'b>(name: &str, bytes: &'b [u8]) -> BundlePart<'b> {
        BundlePart { name: name.into(), bytes: bytes.into() }
    }

    fn sample() -> Vec<BundlePart<'static>> {
        vec![part("summary.html", b"<p>what was"), part("exchanges/a.json", b"{}"), part("texts/a", b"")]
    }

    #[test]
    fn what_was_packed_comes_out() {
        let bytes = pack(&signer(), "abc", sample()).expect("a bundle");
        assert_eq!(unpack(&bytes, signer().verifier()), Ok(("abc".into(), sample())));
        let other = Signer::new("example.com/log", Zeroizing::new([2; 32])).expect("a key");
        assert!(matches!(unpack(&bytes, other.verifier()), Err(BundleError::Manifest(_))));
        for name in ["", "a b", "../a", "/a", "a//b", "a\n", MANIFEST, "\u{e4}"] {
            let packed = pack(&signer(), "abc", vec![part(name, b"x")]);
            assert_eq!(packed, Err(BundleError::Name(name.into())), "{name}");
        }
        assert!(pack(&signer(), "abc", vec![part("a", b"x"), part("a", b"y")]).is_err());
    }

    #[test]
    fn every_byte_counts() {
        let bytes = pack(&signer(), "abc", sample()).expect("a bundle");
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                assert!(unpack(&changed, signer().verifier()).is_err(), "byte {at}, bit {bit}");
            }
            assert!(unpack(&bytes[..at], signer().verifier()).is_err(), "cut at {at}");
            let mut more = bytes.clone();
            more.insert(at, b'x');
            assert!(unpack(&more, signer().verifier()).is_err(), "a byte more at {at}");
        }
        assert!(unpack(&[&bytes[..], b"x"].concat(), signer().verifier()).is_err());
    }

    #[test]
    fn the_fault_is_named() {
        let bytes = pack(&signer(), "abc", sample()).expect("a bundle");
        let find = |needle: &[u8]| memchr::memmem::find(&bytes, needle).expect("there");
        let change = |at: usize| {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            unpack(&changed, signer().verifier()).map(|_| ())
        };
        assert_eq!(change(find(b"what was")), Err(BundleError::Part("summary.html".into())));
        let last = bytes.len() - 1;
        assert_eq!(change(last), Err(BundleError::Archive(last)));
        assert_eq!(change(0), Err(BundleError::Form { at: 0, what: "no archive" }));
        assert!(matches!(change(find(b"sluicegate incident")), Err(BundleError::Manifest(_))));
    }

    proptest! {
        /// Files of any content come out; any changed byte, any piece taken out, doubled or moved is found.
        #[test]
        fn no_change_passes(
            contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..6),
            at in any::<prop::sample::Index>(),
            to in any::<u8>(),
            from in any::<prop::sample::Index>(),
            length in 1_usize..200,
        ) {
            let files: Vec<BundlePart<'_>> =
                contents.iter().enumerate().map(|(n, bytes)| part(&format!("f/{n}"), bytes)).collect();
            let bytes = pack(&signer(), "id", files.clone()).expect("a bundle");
            let key = signer();
            prop_assert_eq!(unpack(&bytes, key.verifier()), Ok(("id".to_owned(), files)));
            let at = at.index(bytes.len());
            let mut changed = bytes.clone();
            changed[at] = to;
            prop_assert!(changed == bytes || unpack(&changed, key.verifier()).is_err());
            let (start, end) = (from.index(bytes.len()), (from.index(bytes.len()) + length).min(bytes.len()));
            let piece = bytes[start..end].to_vec();
            let mut without = bytes.clone();
            without.drain(start..end);
            prop_assert!(unpack(&without, key.verifier()).is_err());
            let mut moved = without;
            let to = at.min(moved.len());
            moved.splice(to..to, piece.iter().copied());
            prop_assert!(moved == bytes || unpack(&moved, key.verifier()).is_err());
            let mut doubled = bytes.clone();
            doubled.splice(end..end, piece);
            prop_assert!(unpack(&doubled, key.verifier()).is_err());
        }

        #[test]
        fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(unpack(&[&LOCAL[..], &bytes].concat(), signer().verifier()).is_err());
            prop_assert!(unpack(&bytes, signer().verifier()).is_err());
        }
    }
}
