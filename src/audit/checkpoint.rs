//! Checkpoints: how many records there are, the root of their tree, and who says so (C2SP tlog-checkpoint).

use super::merkle::Hash;
use super::note::{NoteError, Signer, Verifier};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// A tree's size and root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose tree it is.
    pub origin: String,
    /// How many records.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64_STANDARD.encode(self.root))
    }

    /// The signed note; its origin is the key's name.
    pub fn sign(&self, signer: &Signer) -> String {
        signer.sign(&self.text())
    }

    /// The checkpoint of a note that the key has signed for its own tree.
    pub fn open(note: &str, verifier: &Verifier) -> Result<Self, NoteError> {
        let text = verifier.open(note)?;
        let checkpoint = Self::parse(text).ok_or(NoteError::Form)?;
        if checkpoint.origin == verifier.name() { Ok(checkpoint) } else { Err(NoteError::Form) }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        let plain = size == "0" || !size.starts_with('0') && size.bytes().all(|byte| byte.is_ascii_digit());
        let root = BASE64_STANDARD.decode(root).ok()?.try_into().ok()?;
        (plain && !origin.is_empty() && lines.all(|line| !line.is_empty())).then_some(())?;
        Some(Self { origin: origin.to_owned(), size: size.parse().ok()?, root })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    #[test]
    fn a_checkpoint_is_what_was_signed() {
        let signer = Signer::new("example.com/log", Zeroizing::new([1; 32])).expect("a key");
        let checkpoint = Checkpoint { origin: "example.com/log".into(), size: 20_852_163, root: [9; 32] };
        let note = checkpoint.sign(&signer);
        assert!(note.starts_with("example.com/log\n20852163\nCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\n\n\u{2014} example.com/log "));
        assert_eq!(Checkpoint::open(&note, signer.verifier()), Ok(checkpoint.clone()));
        let foreign = Checkpoint { origin: "example.com/other".into(), ..checkpoint }.sign(&signer);
        assert!(Checkpoint::open(&foreign, signer.verifier()).is_err());
        for text in [
            "example.com/log\n01\nCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\n",
            "example.com/log\n+1\nCQkJ\n",
            "example.com/log\n1\n",
        ] {
            assert!(Checkpoint::open(&signer.sign(text), signer.verifier()).is_err(), "{text}");
        }
    }
}
