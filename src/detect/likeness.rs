//! What a token's letters and digits look like, and what touches them: asked before any word is walked.

use super::lexicon::is_space;

/// What is known of a token by its letters and digits and what follows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// How long it is, as far as that is known.
    pub(super) whole: u32,
    /// White space or a comma follows.
    pub(super) gap: bool,
    /// What follows may stand for a letter of its word or between two.
    pub(super) touched: bool,
    /// It holds a digit.
    pub(super) digits: bool,
    /// It holds nothing else, and a letter follows behind the white space or comma.
    pub(super) number: bool,
    /// The same where a Chinese character does.
    pub(super) before_chinese: bool,
    /// It holds a letter twice in a row.
    pub(super) twice: bool,
}

impl Form {
    /// How long it is, eight for eight and more.
    #[inline]
    pub(super) fn length(self) -> usize {
        self.whole.min(8) as usize
    }

    /// A token of which no more is known: everything may be.
    pub(super) fn unknown(length: usize) -> Self {
        Self {
            whole: length as u32,
            gap: false,
            touched: true,
            digits: true,
            number: false,
            before_chinese: false,
            twice: true,
        }
    }
}

/// How many letters of a token are compared where they may be disguised.
pub(super) const LIKE: usize = 8;

/// The beginning of a token as all its disguises have it: repeated letters once, and letters that the same digit may stand for alike.
#[derive(Clone, Copy, Default)]
pub(super) struct Likeness {
    pub(super) word: u64,
    length: u32,
    last: u8,
}

impl Likeness {
    /// Adds a letter or digit. Whether that is all that is compared.
    #[inline]
    pub(super) fn add(&mut self, byte: u8) -> bool {
        let like = ALIKE[usize::from(byte)];
        if like != self.last {
            self.word |= u64::from(like).wrapping_shl(8 * self.length);
            self.length = self.length.wrapping_add(1);
            self.last = like;
        }
        self.length as usize == LIKE
    }

    /// How many different letters and digits in a row have been added.
    #[inline]
    pub(super) fn length(&self) -> u32 {
        self.length
    }

    /// With one letter or digit more.
    #[inline]
    #[must_use]
    pub(super) fn with(mut self, byte: u8) -> Self {
        self.add(byte);
        self
    }

    /// Whether a letter or digit is like the last one.
    pub(super) fn repeats(&self, byte: u8) -> bool {
        ALIKE[usize::from(byte)] == self.last
    }
}

/// By letter or digit: what it is like.
static ALIKE: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 | 0x20 {
            b'0' => b'o',
            b'1' | b'l' => b'i',
            b'2' => b'z',
            b'3' => b'e',
            b'4' => b'a',
            b'5' => b's',
            b'6' | b'8' | b'9' | b'b' => b'g',
            b'7' => b't',
            other => other,
        };
        byte += 1;
    }
    table
};

/// The likeness of the token that these bytes begin with.
#[inline]
pub(super) fn likeness(bytes: impl IntoIterator<Item = u8>) -> u64 {
    let mut like = Likeness::default();
    for byte in bytes.into_iter().take_while(u8::is_ascii_alphanumeric) {
        if like.add(byte) {
            break;
        }
    }
    like.word
}

/// The most letters and digits of these bytes in a row that are like each other, spaces left out.
pub(super) fn longest_row(bytes: impl IntoIterator<Item = u8>) -> u8 {
    let (mut last, mut row, mut most) = (0, 0_u8, 1);
    for byte in bytes.into_iter().filter(|&byte| byte != b' ') {
        let like = ALIKE[usize::from(byte)];
        row = if like == last { row.saturating_add(1) } else { 1 };
        (last, most) = (like, most.max(row));
    }
    most
}

/// What stands between letters and for none.
pub(super) fn is_separator(byte: u8) -> bool {
    matches!(byte, b'.' | b'-' | b'_' | b'~' | b'^' | b'\'' | b'`' | b'=' | b'%' | b'&')
}

/// A mark that keeps letters apart.
pub(super) fn is_closing(byte: u8) -> bool {
    matches!(byte, b',' | b';' | b':' | b'?' | b'/' | b'\\' | b'"' | b')' | b'[' | b']' | b'{' | b'}' | b'>')
}

/// Whether what stands at `at`, behind letters that touch each other, ends every word, disguised or not: a mark that keeps letters apart, or
/// the end of a sentence.
#[inline]
pub(super) fn ends_words(text: &[u8], at: usize) -> bool {
    match text.get(at) {
        Some(&sign) if is_closing(sign) => true,
        Some(b'.') => text.get(at + 1).is_some_and(|&after| is_space(after)),
        _ => false,
    }
}

/// What may stand for a letter, or for any.
pub(super) fn touches(byte: u8) -> bool {
    matches!(byte, b'*' | b'#' | b'@' | b'$' | b'!' | b'|' | b'+' | b'(' | b'<' | 0x80..)
}

/// Whether what stands at `at`, behind a token, may stand for a letter of its word or between two.
#[inline]
pub(super) fn touched(text: &[u8], at: usize) -> bool {
    match text.get(at).copied().unwrap_or(b'*') {
        sign if touches(sign) => true,
        separator if is_separator(separator) => text.get(at + 1).is_none_or(|&after| !is_space(after)),
        _ => false,
    }
}
