//! Checkpoints: how many records there are, the root of their tree, and who says so (C2SP tlog-checkpoint).

use super::merkle::Hash;
use super::note::{DASH, NoteError, Signer, Verifier};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// Characters of a root, and of a signature with its key's number.
const ROOT: usize = 44;
const SIGNATURE: usize = 92;

/// Whether the bytes, which are some, begin as a checkpoint of this log does; at most so many characters of the signature.
fn begins(bytes: &[u8], origin: &str, signature: usize) -> bool {
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let head = format!("{origin}\n");
    let Some(rest) = bytes.strip_prefix(head.as_bytes()) else {
        return !bytes.is_empty() && head.as_bytes().starts_with(bytes);
    };
    // A size of 64 bits has 20 digits at most.
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let Some((b'\n', rest)) = rest.get(digits..).and_then(<[u8]>::split_first) else {
        return digits <= 20 && digits == rest.len();
    };
    let root = rest.iter().take_while(|byte| base64(byte)).count();
    let Some((b'\n', rest)) = rest.get(root..).and_then(<[u8]>::split_first) else {
        return digits > 0 && root <= ROOT && root == rest.len();
    };
    let dash = format!("\n{DASH}{origin} ");
    let fits = match rest.strip_prefix(dash.as_bytes()) {
        Some(rest) => rest.len() <= signature && rest.iter().all(base64),
        None => dash.as_bytes().starts_with(rest),
    };
    digits > 0 && root == ROOT && fits
}

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

    /// Whether the bytes are a checkpoint of this log that was begun and not finished: what a crash leaves of one, at whatever byte.
    pub(super) fn is_begun(bytes: &[u8], origin: &str) -> bool {
        begins(bytes, origin, SIGNATURE)
    }

    /// Whether a note is one that was begun and not finished, and that something was put behind since it could not be cut off.
    pub(super) fn is_torn(note: &str, origin: &str) -> bool {
        begins(note.trim_end_matches('\n').as_bytes(), origin, SIGNATURE - 1)
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
        for cut in 1..note.len() {
            assert!(Checkpoint::is_begun(&note.as_bytes()[..cut], "example.com/log"), "{cut}");
        }
        assert!(!Checkpoint::is_torn(&note, "example.com/log"), "it is whole");
        assert!(Checkpoint::is_torn(
            &format!("{}\n", note.get(..note.len() - 2).unwrap_or_default()),
            "example.com/log"
        ));
        for other in
            ["", "\n", "precious", "example.com/log\n\n", "example.com/log\n5 and more", &format!("{note}x")]
        {
            assert!(!Checkpoint::is_begun(other.as_bytes(), "example.com/log"), "{other}");
        }
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
