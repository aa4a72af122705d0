//! Whether bytes are text: UTF-8 (or UTF-16 of ASCII) without control characters.

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

/// Bytes that are text as far as they go.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) bytes: Vec<u8>,
    /// Bytes that the last character lacks.
    lacks: u8,
}

// === impl Reading ===

impl Reading {
    /// Takes the next byte, if the bytes are still text with it.
    #[inline]
    pub(super) fn push(&mut self, byte: u8) -> bool {
        let lacks = match (class(byte), self.lacks) {
            (Class::Whole, 0) => 0,
            (Class::First(more), 0) => more,
            (Class::Next, 1..) => self.lacks - 1,
            _ => return false,
        };
        self.lacks = lacks;
        self.bytes.push(byte);
        true
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.lacks = 0;
    }

    /// The first `length` bytes as a text; a character that is cut off goes.
    pub(super) fn text(&self, length: usize) -> Option<String> {
        let bytes = self.bytes.get(..length)?;
        let zeros = |odd: usize| bytes.iter().skip(odd).step_by(2).filter(|&&byte| byte == 0).count();
        let (even, odd) = (zeros(0), zeros(1));
        if even + odd == 0 {
            let valid = bytes.utf8_chunks().next()?;
            return (valid.invalid().len() < 4 && valid.valid().len() + 4 > length)
                .then(|| valid.valid().to_owned());
        }
        // UTF-16, of which every other byte is zero.
        let most = bytes.len() / 2 * 9 / 10;
        let offset = usize::from(even > odd);
        let letters = || bytes.iter().skip(offset).step_by(2).copied();
        let is_text = even.max(odd) >= most.max(2) && letters().all(|byte| byte != 0 && byte < 0x80);
        is_text.then(|| letters().map(char::from).collect())
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
