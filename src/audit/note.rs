//! Signed notes, the form in which checkpoints are signed (C2SP signed-note): text, a blank line, and lines of signatures.
//!
//! Keys are written as Go's `note` package and C2SP's tools write them: `<name>+<id>+<base64>`. Only Ed25519 is used (algorithm 1).

use crate::text::hex;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use zeroize::Zeroizing;

/// Ed25519 with RFC 8032's plain signatures over the note's text.
const ED25519_ALGORITHM: u8 = 1;
/// Ed25519 over a cosignature's message, as witnesses sign.
pub(super) const COSIGNATURE_ALGORITHM: u8 = 4;
/// How a line of a signature begins.
pub(super) const DASH: &str = "\u{2014} ";
/// How a private key begins.
pub(super) const PRIVATE: &str = "PRIVATE+KEY+";

/// Why a note or key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not the form of a key.
    #[error("not a key of the form `name+id+base64` with an Ed25519 key")]
    Key,
    /// The key of somebody of another kind.
    #[error("this is the key of {found}, and one of {expected} is needed")]
    Kind {
        /// Whose it is.
        found: &'static str,
        /// Whose it should be.
        expected: &'static str,
    },
    /// A name that notes cannot hold.
    #[error("`{0}` cannot be a key's name: it may not be empty or hold white space or `+`")]
    Name(String),
    /// The id does not belong to the key.
    #[error("the key's id is {expected}, not {found}")]
    Id {
        /// The id that is written.
        found: String,
        /// The one that follows from name and key.
        expected: String,
    },
    /// Not the form of a note.
    #[error("not a signed note: text, a blank line and lines of signatures")]
    Form,
    /// No signature by the key.
    #[error("there is no signature by `{0}`")]
    Unsigned(String),
    /// A signature that does not fit the text.
    #[error("the signature by `{0}` does not fit the text")]
    Forged(String),
}

/// The number of a key, by which lines of signatures name it.
pub(super) fn key_id(name: &str, algorithm: u8, public: &[u8]) -> u32 {
    let mut bytes = Vec::with_capacity(name.len() + 34);
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(&[b'\n', algorithm]);
    bytes.extend_from_slice(public);
    let hash = digest(&SHA256, &bytes);
    hash.as_ref().first_chunk().map_or(0, |id| u32::from_be_bytes(*id))
}

/// Whether a journal can have this name: it stands in signed notes, whose lines know no space and no `+` in it.
pub fn is_origin(name: &str) -> bool {
    check_name(name).is_ok()
}

pub(super) fn check_name(name: &str) -> Result<(), NoteError> {
    let bad = name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+');
    if bad { Err(NoteError::Name(name.to_owned())) } else { Ok(()) }
}

/// Name, id and the key's bytes of a written key of this algorithm.
pub(super) fn parse(text: &str, algorithm: u8) -> Result<(&str, u32, Zeroizing<[u8; 32]>), NoteError> {
    let mut parts = text.trim().splitn(3, '+');
    let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(NoteError::Key);
    };
    check_name(name)?;
    let id = if id.len() == 8 { u32::from_str_radix(id, 16).ok() } else { None }.ok_or(NoteError::Key)?;
    let bytes = Zeroizing::new(BASE64_STANDARD.decode(key).map_err(|_| NoteError::Key)?);
    let (found, key) = bytes.split_first().ok_or(NoteError::Key)?;
    if *found != algorithm {
        let kinds = whose(*found).zip(whose(algorithm)).filter(|_| key.len() == 32);
        return Err(kinds.map_or(NoteError::Key, |(found, expected)| NoteError::Kind { found, expected }));
    }
    let key = Zeroizing::new(key.try_into().map_err(|_| NoteError::Key)?);
    Ok((name, id, key))
}

/// Who signs so.
fn whose(algorithm: u8) -> Option<&'static str> {
    match algorithm {
        ED25519_ALGORITHM => Some("a log"),
        COSIGNATURE_ALGORITHM => Some("a witness"),
        _ => None,
    }
}

/// A key as it is written.
pub(super) fn written(name: &str, id: u32, algorithm: u8, key: &[u8; 32]) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([algorithm; 33]);
    bytes.iter_mut().skip(1).zip(key).for_each(|(to, from)| *to = *from);
    Zeroizing::new(format!("{name}+{id:08x}+{}", BASE64_STANDARD.encode(*bytes)))
}

/// Name, key's number and signature of a line.
pub(super) fn signature_line(line: &str) -> Result<(&str, u32, Vec<u8>), NoteError> {
    let (name, signature) =
        line.strip_prefix(DASH).and_then(|line| line.split_once(' ')).ok_or(NoteError::Form)?;
    let mut bytes = BASE64_STANDARD.decode(signature).map_err(|_| NoteError::Form)?;
    let id = u32::from_be_bytes(*bytes.first_chunk().ok_or(NoteError::Form)?);
    Ok((name, id, bytes.split_off(4)))
}

pub(super) fn same_id(found: u32, expected: u32) -> Result<(), NoteError> {
    let hex = |id: u32| format!("{id:08x}");
    if found == expected { Ok(()) } else { Err(NoteError::Id { found: hex(found), expected: hex(expected) }) }
}

/// The key that verifies notes.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    id: u32,
    public: [u8; 32],
}

impl Verifier {
    /// The name that signs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's name and number, by which others name it.
    pub fn kid(&self) -> String {
        format!("{}+{:08x}", self.name, self.id)
    }

    /// The SHA-256 of the key's 32 bytes, in hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        hex::encode(digest(&SHA256, &self.public).as_ref())
    }

    /// Whether this key has signed these bytes.
    pub fn has_signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public).verify(bytes, signature).is_ok()
    }

    /// The text of a note that this key has signed.
    pub fn open<'n>(&self, note: &'n str) -> Result<&'n str, NoteError> {
        let (text, signatures) = parts(note)?;
        let mut seen = false;
        for line in signatures.lines() {
            let (name, id, signature) = signature_line(line)?;
            if name != self.name || id != self.id {
                continue;
            }
            if !self.has_signed(text.as_bytes(), &signature) {
                return Err(NoteError::Forged(self.name.clone()));
            }
            seen = true;
        }
        if seen { Ok(text) } else { Err(NoteError::Unsigned(self.name.clone())) }
    }
}

/// A note's text and its lines of signatures.
pub(super) fn parts(note: &str) -> Result<(&str, &str), NoteError> {
    let at = note.rfind("\n\n").ok_or(NoteError::Form)?;
    let (text, rest) = note.split_at_checked(at + 1).ok_or(NoteError::Form)?;
    let signatures = rest.strip_prefix('\n').unwrap_or_default();
    let sound = !signatures.is_empty()
        && signatures.ends_with('\n')
        && !text.chars().any(|c| c.is_control() && c != '\n');
    if sound { Ok((text, signatures)) } else { Err(NoteError::Form) }
}

/// The notes of a text that holds one behind the other, without what was begun and not finished: a piece without signatures, and what stands behind
/// the last line break. Lines of a note's text are not empty, as those of a checkpoint are not.
pub(super) fn notes_in(text: &str) -> Vec<&str> {
    let text = text.get(..text.rfind('\n').map_or(0, |at| at + 1)).unwrap_or_default();
    let (mut notes, mut start, mut at) = (Vec::new(), 0, 0);
    // Whether the text is over, and whether there was a line of a signature.
    let (mut over, mut signed) = (false, false);
    for line in text.split_inclusive('\n') {
        let is_signature = over && line.starts_with(DASH);
        if over && !is_signature {
            notes.extend(text.get(start..at).filter(|_| signed));
            (start, over, signed) = (at, false, false);
        }
        signed |= is_signature;
        if line == "\n" {
            // Before a note empty lines are passed over.
            (start, over) = if start == at { (at + 1, false) } else { (start, true) };
        }
        at += line.len();
    }
    notes.extend(text.get(start..at).filter(|_| signed));
    notes
}

impl FromStr for Verifier {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, id, public) = parse(text, ED25519_ALGORITHM)?;
        same_id(id, key_id(name, ED25519_ALGORITHM, &*public))?;
        Ok(Self { name: name.to_owned(), id, public: *public })
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&written(&self.name, self.id, ED25519_ALGORITHM, &self.public))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({self})")
    }
}

/// The key that signs notes.
pub struct Signer {
    pair: Ed25519KeyPair,
    seed: Zeroizing<[u8; 32]>,
    verifier: Verifier,
    /// The key's file, if it was read from one.
    pub(super) file: Option<PathBuf>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.verifier.name)
    }
}

impl Signer {
    /// The key of a seed, which is Ed25519's private key.
    pub fn new(name: &str, seed: Zeroizing<[u8; 32]>) -> Result<Self, NoteError> {
        check_name(name)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| NoteError::Key)?;
        let public: [u8; 32] = pair.public_key().as_ref().try_into().map_err(|_| NoteError::Key)?;
        let verifier =
            Verifier { name: name.to_owned(), id: key_id(name, ED25519_ALGORITHM, &public), public };
        Ok(Self { pair, seed, verifier, file: None })
    }

    /// Reads a private key.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let text = text.trim().strip_prefix(PRIVATE).ok_or(NoteError::Key)?;
        let (name, id, seed) = parse(text, ED25519_ALGORITHM)?;
        let signer = Self::new(name, seed)?;
        same_id(id, signer.verifier.id)?;
        Ok(signer)
    }

    /// The private key as text, for a file that nobody else can read.
    pub fn secret(&self) -> Zeroizing<String> {
        let Verifier { name, id, .. } = &self.verifier;
        Zeroizing::new(format!("{PRIVATE}{}", *written(name, *id, ED25519_ALGORITHM, &self.seed)))
    }

    /// The key that verifies.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The signature of these bytes alone, outside of a note. What begins as a checkpoint does is never given to it.
    pub fn signature(&self, bytes: &[u8]) -> Vec<u8> {
        self.pair.sign(bytes).as_ref().to_vec()
    }

    /// A note of this text, which ends with a line break.
    pub fn sign(&self, text: &str) -> String {
        let mut bytes = self.verifier.id.to_be_bytes().to_vec();
        bytes.extend_from_slice(self.pair.sign(text.as_bytes()).as_ref());
        format!("{text}\n{DASH}{} {}\n", self.verifier.name, BASE64_STANDARD.encode(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Go's `note` package and of C2SP's signed-note.
    const KEY: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const PUBLIC: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const TEXT: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn keys_and_notes_are_those_of_other_tools() {
        let signer = Signer::parse(KEY).expect("a key");
        assert_eq!(signer.verifier().to_string(), PUBLIC);
        assert_eq!(*signer.secret(), KEY);
        assert_eq!(signer.sign(TEXT), NOTE);
        let verifier: Verifier = PUBLIC.parse().expect("a key");
        assert_eq!(verifier.open(NOTE), Ok(TEXT));
    }

    #[test]
    fn what_was_changed_is_refused() {
        let verifier: Verifier = PUBLIC.parse().expect("a key");
        for at in 0..NOTE.len() {
            let mut bytes = NOTE.as_bytes().to_vec();
            bytes[at] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert!(verifier.open(&changed).is_err(), "{at}: {changed}");
        }
        for cut in 0..NOTE.len() {
            if let Some(beginning) = NOTE.get(..cut) {
                assert!(verifier.open(beginning).is_err(), "{cut}");
            }
        }
        let other = Signer::new("PeterNeumann", Zeroizing::new([7; 32])).expect("a key");
        assert_eq!(other.verifier().open(NOTE), Err(NoteError::Unsigned("PeterNeumann".into())));
        // Cosignatures of others stand beside it.
        let both = format!("{NOTE}\u{2014} witness.example AAAAAAAA\n");
        assert_eq!(verifier.open(&both), Ok(TEXT));
    }

    #[test]
    fn notes_stand_behind_one_another() {
        let unsigned = TEXT;
        for (text, count) in [
            (NOTE.to_owned(), 1),
            (format!("{NOTE}\n{NOTE}\n"), 2),
            (format!("{NOTE}{NOTE}"), 2),
            (format!("\n\n{NOTE}\n\n\n{NOTE}"), 2),
            (format!("{unsigned}\n\n{NOTE}"), 1),
            (format!("{NOTE}\n{unsigned}"), 1),
            (format!("{NOTE}\n{unsigned}\n"), 1),
            (format!("{NOTE}\n{}", NOTE.trim_end()), 1),
            (unsigned.to_owned(), 0),
            (String::new(), 0),
        ] {
            assert_eq!(notes_in(&text), vec![NOTE; count], "{text}");
        }
        let both = format!("{NOTE}\u{2014} witness.example AAAAAAAA\n");
        assert_eq!(notes_in(&format!("{both}\n{NOTE}")), [both.as_str(), NOTE]);
    }

    #[test]
    fn keys_that_are_none_are_refused() {
        for text in [
            "",
            "a+b",
            "PeterNeumann+c74f20a3+",
            "PeterNeumann+c74f20a3+AAAA",
            "a b+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        ] {
            assert!(text.parse::<Verifier>().is_err(), "{text}");
        }
        let id = NoteError::Id { found: "c74f20a4".into(), expected: "c74f20a3".into() };
        assert_eq!(PUBLIC.replace("20a3", "20a4").parse::<Verifier>(), Err(id));
        assert!(Signer::new("with space", Zeroizing::new([0; 32])).is_err());
    }
}
