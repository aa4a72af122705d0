//! Cosignatures: who watches the journal from outside says which tree he saw, and when (C2SP tlog-cosignature, `cosignature/v1`).
//!
//! A witness signs with Ed25519 (algorithm 4) over the lines `cosignature/v1` and `time N`, and the checkpoint's text. The line stands among the
//! signatures of the checkpoint, so other tools read it too.

use super::note::{
    COSIGNATURE_ALGORITHM as ALGORITHM, DASH, NoteError, PRIVATE, check_name, key_id, parse, parts, same_id,
    signature_line, written,
};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// What is signed.
fn message(time: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{text}").into_bytes()
}

/// A cosignature that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// When it was made by the witness's clock, in seconds since 1970.
    pub time: u64,
    /// Its line, without the line break.
    pub line: String,
}

/// The public key of a witness.
#[derive(Clone, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    id: u32,
    public: [u8; 32],
}

impl WitnessKey {
    /// The witness's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is the same key, whatever name and number are written before it: who holds it is one witness.
    pub fn is_same(&self, other: &Self) -> bool {
        self.public == other.public
    }

    /// The latest cosignature by this key among the signatures of a note; none where it has not cosigned it. A line of this key that does not
    /// fit the text is an error.
    pub fn find(&self, note: &str) -> Result<Option<Cosignature>, NoteError> {
        let (text, signatures) = parts(note)?;
        let mut found: Option<Cosignature> = None;
        for line in signatures.lines() {
            let (name, id, signature) = signature_line(line)?;
            if name != self.name || id != self.id {
                continue;
            }
            let forged = || NoteError::Forged(self.name.clone());
            let (time, signature) = signature.split_first_chunk().ok_or_else(forged)?;
            let time = u64::from_be_bytes(*time);
            let key = UnparsedPublicKey::new(&ED25519, self.public);
            key.verify(&message(time, text), signature).map_err(|_| forged())?;
            if found.as_ref().is_none_or(|found| found.time < time) {
                found = Some(Cosignature { time, line: line.to_owned() });
            }
        }
        Ok(found)
    }
}

impl FromStr for WitnessKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, id, public) = parse(text, ALGORITHM)?;
        same_id(id, key_id(name, ALGORITHM, &*public))?;
        Ok(Self { name: name.to_owned(), id, public: *public })
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&written(&self.name, self.id, ALGORITHM, &self.public))
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WitnessKey({self})")
    }
}

/// The private key of a witness.
pub struct Cosigner {
    pair: Ed25519KeyPair,
    seed: Zeroizing<[u8; 32]>,
    key: WitnessKey,
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cosigner({})", self.key.name)
    }
}

impl Cosigner {
    /// The key of a seed, which is Ed25519's private key.
    pub fn new(name: &str, seed: Zeroizing<[u8; 32]>) -> Result<Self, NoteError> {
        check_name(name)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| NoteError::Key)?;
        let public: [u8; 32] = pair.public_key().as_ref().try_into().map_err(|_| NoteError::Key)?;
        let key = WitnessKey { name: name.to_owned(), id: key_id(name, ALGORITHM, &public), public };
        Ok(Self { pair, seed, key })
    }

    /// A key from chance.
    pub fn random(name: &str) -> Result<Self, NoteError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *seed).map_err(|_| NoteError::Key)?;
        Self::new(name, seed)
    }

    /// Reads a private key.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let text = text.trim().strip_prefix(PRIVATE).ok_or(NoteError::Key)?;
        let (name, id, seed) = parse(text, ALGORITHM)?;
        let cosigner = Self::new(name, seed)?;
        same_id(id, cosigner.key.id)?;
        Ok(cosigner)
    }

    /// The private key as text, for a file that nobody else can read.
    pub fn secret(&self) -> Zeroizing<String> {
        let WitnessKey { name, id, .. } = &self.key;
        Zeroizing::new(format!("{PRIVATE}{}", *written(name, *id, ALGORITHM, &self.seed)))
    }

    /// The key that verifies.
    pub fn key(&self) -> &WitnessKey {
        &self.key
    }

    /// The line of a cosignature on a checkpoint's text at a time in seconds since 1970, with its line break. Whoever calls it has seen that the
    /// tree goes on from all that was cosigned before.
    pub(super) fn cosign(&self, text: &str, time: u64) -> String {
        let mut bytes = self.key.id.to_be_bytes().to_vec();
        bytes.extend_from_slice(&time.to_be_bytes());
        bytes.extend_from_slice(self.pair.sign(&message(time, text)).as_ref());
        format!("{DASH}{} {}\n", self.key.name, BASE64_STANDARD.encode(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Checkpoint, Signer};

    fn note() -> String {
        let signer = Signer::new("example.com/log", Zeroizing::new([1; 32])).expect("a key");
        Checkpoint { origin: "example.com/log".into(), size: 7, root: [9; 32] }.sign(&signer)
    }

    #[test]
    fn a_cosignature_holds_for_its_text_alone() {
        let cosigner = Cosigner::new("witness.example", Zeroizing::new([2; 32])).expect("a key");
        let key: WitnessKey = cosigner.key().to_string().parse().expect("a key");
        assert_eq!(&key, cosigner.key());
        let note = note();
        assert_eq!(key.find(&note), Ok(None));
        let text = parts(&note).expect("a note").0;
        let line = cosigner.cosign(text, 1_679_315_147);
        let cosigned = format!("{note}{line}");
        let found = key.find(&cosigned).expect("sound").expect("cosigned");
        assert_eq!((found.time, found.line.as_str()), (1_679_315_147, line.trim_end()));
        // The log's own signature still holds beside it.
        let log = Signer::new("example.com/log", Zeroizing::new([1; 32])).expect("a key");
        assert!(Checkpoint::open(&cosigned, log.verifier()).is_ok());
        let later = format!("{cosigned}{}", cosigner.cosign(text, 1_679_315_999));
        assert_eq!(key.find(&later).expect("sound").map(|found| found.time), Some(1_679_315_999));
        // The same line under another tree, another time, another key.
        let moved = cosigned.replacen("\n7\n", "\n8\n", 1);
        assert_eq!(key.find(&moved), Err(NoteError::Forged("witness.example".into())));
        let other = Cosigner::new("witness.example", Zeroizing::new([3; 32])).expect("a key");
        assert_eq!(other.key().find(&cosigned), Ok(None));
    }

    #[test]
    fn no_changed_byte_passes() {
        let cosigner = Cosigner::new("w", Zeroizing::new([2; 32])).expect("a key");
        let note = note();
        let cosigned = format!("{note}{}", cosigner.cosign(parts(&note).expect("a note").0, 77));
        for at in 0..cosigned.len() {
            let mut bytes = cosigned.as_bytes().to_vec();
            bytes[at] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            // A change of the log's own line is for the log's key to find.
            let own = (note.find(DASH).unwrap_or_default()..note.len()).contains(&at);
            assert!(own || !matches!(cosigner.key().find(&changed), Ok(Some(_))), "{at}: {changed}");
        }
    }

    #[test]
    fn keys_come_back_and_are_of_their_kind() {
        let cosigner = Cosigner::random("auditor.example/w1").expect("a key");
        let again = Cosigner::parse(&cosigner.secret()).expect("a key");
        assert_eq!(again.key(), cosigner.key());
        let log = Signer::new("example.com/log", Zeroizing::new([1; 32])).expect("a key");
        let kind = |found, expected| NoteError::Kind { found, expected };
        assert_eq!(
            log.verifier().to_string().parse::<WitnessKey>(),
            Err(kind("a log", "a witness")),
            "a log's key is none of a witness"
        );
        assert!(Cosigner::parse(&log.secret()).is_err());
        let other = cosigner.key().to_string().parse::<crate::audit::Verifier>();
        assert_eq!(other, Err(kind("a witness", "a log")));
        // However it is written, and under whatever name.
        let written = cosigner.key().to_string();
        let [name, id, rest] = *written.splitn(3, '+').collect::<Vec<_>>() else { panic!("{written}") };
        let upper: WitnessKey = format!("{name}+{}+{rest}", id.to_uppercase()).parse().expect("a key");
        let renamed = Cosigner::new("another.name", cosigner.seed.clone()).expect("a key");
        assert!(upper == *cosigner.key() && renamed.key().is_same(cosigner.key()));
        assert!(!Cosigner::random("auditor.example/w1").expect("a key").key().is_same(cosigner.key()));
        // The example of C2SP's tlog-cosignature says the key's number with its signature; the form is the same.
        assert!(cosigner.key().to_string().starts_with("auditor.example/w1+"));
    }
}
