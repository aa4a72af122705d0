//! Whether bytes are text: UTF-8 (or UTF-16 of ASCII) without control characters.

use std::borrow::Cow;
use std::ops::Range;

/// What a byte is to a text in UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// A character, or white space; a zero byte is half a character of UTF-16.
    Whole,
    /// The beginning of a character of so many bytes more.
    First(u8),
    Next,
    Never,
}

#[inline]
fn class(byte: u8) -> Class {
    match byte {
        0 | b'\t' | b'\n' | b'\r' | 0x20..=0x7E => Class::Whole,
        0x80..=0xBF => Class::Next,
        0xC2..=0xDF => Class::First(1),
        0xE0..=0xEF => Class::First(2),
        0xF0..=0xF4 => Class::First(3),
        _ => Class::Never,
    }
}

/// Bytes that are text as far as they go, of which every beginning is a text too: so what has been read need not be read again from
/// within.
#[derive(Debug, Default)]
pub(super) struct TextBytes {
    bytes: Vec<u8>,
    /// Bytes that the last character lacks.
    lacks: u8,
    /// Zeros in even and in odd places. Where there are any, the bytes are UTF-16.
    zeros: [usize; 2],
}

// === impl TextBytes ===

impl TextBytes {
    /// Takes the next byte, if the bytes are still text with it.
    #[inline]
    pub(super) fn push(&mut self, byte: u8) -> bool {
        let lacks = match (class(byte), self.lacks) {
            (Class::Whole, 0) => 0,
            (Class::First(more), 0) => more,
            (Class::Next, 1..) if self.follows(byte) => self.lacks - 1,
            _ => return false,
        };
        if (byte == 0 || self.zeros != [0; 2]) && !self.is_utf16(byte) {
            return false;
        }
        self.lacks = lacks;
        self.bytes.push(byte);
        true
    }

    /// Whether UTF-8 has such a second byte behind the last one: some would spell a character in more bytes than it needs, or none.
    fn follows(&self, byte: u8) -> bool {
        match self.bytes.last() {
            Some(0xE0) => byte >= 0xA0,
            Some(0xED) => byte < 0xA0,
            Some(0xF0) => byte >= 0x90,
            Some(0xF4) => byte < 0x90,
            _ => true,
        }
    }

    /// Whether the bytes are UTF-16 of ASCII with this one: nine in ten of the places of one parity hold a zero, the others ASCII.
    #[cold]
    fn is_utf16(&mut self, byte: u8) -> bool {
        let parity = self.bytes.len() % 2;
        let first = self.zeros == [0; 2];
        let here = self.zeros.get(parity).copied().unwrap_or_default() + usize::from(byte == 0);
        let other = self.zeros.get(1 - parity).copied().unwrap_or_default();
        let most = self.bytes.len().div_ceil(2) * 9 / 10;
        // The first zero comes early or never.
        if !byte.is_ascii() || here.min(other) > 0 || here + other < most || first && !self.bytes.is_ascii() {
            return false;
        }
        if let Some(zeros) = self.zeros.get_mut(parity) {
            *zeros = here;
        }
        true
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.lacks = 0;
        self.zeros = [0; 2];
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Some of the bytes as a text; a character that is cut off at the end goes.
    pub(super) fn text(&self, range: Range<usize>) -> Option<Cow<'_, str>> {
        let bytes = self.bytes.get(range)?;
        let zeros = |odd: usize| bytes.iter().skip(odd).step_by(2).filter(|&&byte| byte == 0).count();
        if self.zeros == [0; 2] {
            let valid = bytes.utf8_chunks().next()?.valid();
            return (valid.len() + 4 > bytes.len()).then_some(Cow::Borrowed(valid));
        }
        let (even, odd) = (zeros(0), zeros(1));
        let most = bytes.len() / 2 * 9 / 10;
        let offset = usize::from(even > odd);
        let letters = || bytes.iter().skip(offset).step_by(2).copied();
        let is_text = even.max(odd) >= most.max(2) && letters().all(|byte| byte != 0);
        is_text.then(|| Cow::Owned(letters().map(char::from).collect()))
    }
}

/// Whether three bytes may begin a text, of which the first and the high half of the second are known to.
#[inline]
pub(super) fn may_go_on([first, second, third]: [u8; 3]) -> bool {
    let goes_on = |before: u8, byte: u8| before >= 0x80 || !matches!(class(byte), Class::Next | Class::Never);
    goes_on(first, second) && goes_on(second, third)
}

/// Whether a text may begin with this byte before one with this high half.
pub(super) fn may_begin(first: u8, second_high: u8) -> bool {
    match class(first) {
        Class::Whole => matches!(second_high, 0 | 2..=7 | 0xC..=0xF),
        Class::First(_) => (8..=0xB).contains(&second_high),
        Class::Next | Class::Never => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn taken(bytes: &[u8]) -> TextBytes {
        let mut text = TextBytes::default();
        bytes.iter().take_while(|&&byte| text.push(byte)).for_each(drop);
        text
    }

    proptest! {
        /// What is taken is the beginning of a text, and no less of it than there is.
        #[test]
        fn takes_well_formed_bytes(bytes in proptest::collection::vec(prop_oneof![b'a'..=b'c', 0x80..=0xFF_u8], 0..12)) {
            let valid = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
            let text = taken(&bytes);
            let read = text.text(0..text.len());
            prop_assert_eq!(read.as_deref().unwrap_or_default(), valid);
        }

        /// Of UTF-16 as well, in either order; and what is taken is a text, if it is long enough to tell.
        #[test]
        fn takes_utf16_of_ascii(letters in "[a-z ]{2,40}", swapped: bool, more in proptest::collection::vec(prop_oneof![Just(0), b'a'..=b'c'], 0..12)) {
            let pair = |letter| if swapped { [0, letter] } else { [letter, 0] };
            let mut bytes: Vec<u8> = letters.bytes().flat_map(pair).collect();
            let text = taken(&bytes);
            let read = text.text(0..bytes.len());
            prop_assert_eq!(read.as_deref(), Some(letters.as_str()));
            bytes.extend(&more);
            let text = taken(&bytes);
            prop_assert!(text.len() >= 2 * letters.len() && text.text(0..text.len()).is_some());
            let short = taken(&more);
            prop_assert!(short.len() < 6 || short.text(0..short.len()).is_some(), "{more:?}");
        }
    }
}
