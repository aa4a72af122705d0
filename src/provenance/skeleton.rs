//! What of a text stays when it is copied, laid out anew or stripped of what cannot be seen: its letters and digits, and their hash.
//!
//! Each code point alone is brought to its compatibility form (NFKC) and to lower case; what of it is alphabetic or a number is kept. So the
//! result does not depend on how the text was cut, and neither spaces nor punctuation, width, case nor invisible marks change it.

use aws_lc_rs::digest::{Context, SHA256};
use unicode_normalization::UnicodeNormalization as _;

/// The hash of a text's skeleton as far as the text has come.
#[derive(Clone)]
pub struct Skeleton(Context);

impl std::fmt::Debug for Skeleton {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Skeleton")
    }
}

impl Default for Skeleton {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl Skeleton {
    /// The text goes on.
    pub fn push(&mut self, piece: &str) {
        let mut kept = String::with_capacity(piece.len());
        for c in piece.chars() {
            if c.is_ascii() {
                if c.is_ascii_alphanumeric() {
                    kept.push(c.to_ascii_lowercase());
                }
                continue;
            }
            let folded = std::iter::once(c).nfkc().flat_map(char::to_lowercase);
            kept.extend(folded.filter(|c| c.is_alphanumeric()));
        }
        self.0.update(kept.as_bytes());
    }

    /// SHA-256 of what has come, in hexadecimal digits.
    pub fn hash(&self) -> String {
        crate::text::hex::encode(self.0.clone().finish().as_ref())
    }

    /// That of a whole text.
    pub fn of(text: &str) -> String {
        let mut skeleton = Self::default();
        skeleton.push(text);
        skeleton.hash()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_cannot_be_seen_changes_nothing() {
        let bare = Skeleton::of("Hello world. 你好 ２３");
        assert_eq!(bare, Skeleton::of("HELLO\u{200b}\u{2060}\u{e0101}, World\n\n「你好」23"));
        assert_ne!(bare, Skeleton::of("Hello word. 你好 23"));
        assert_eq!(Skeleton::of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    proptest! {
        /// The place of the cut changes nothing.
        #[test]
        fn cuts_change_nothing(text in ".{0,60}", at in 0usize..60) {
            let cut = text.char_indices().nth(at).map_or(text.len(), |(cut, _)| cut);
            let (a, b) = text.split_at(cut);
            let mut skeleton = Skeleton::default();
            skeleton.push(a);
            skeleton.push(b);
            prop_assert_eq!(skeleton.hash(), Skeleton::of(&text));
        }
    }
}
