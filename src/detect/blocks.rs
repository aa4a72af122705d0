//! Sixty-four bytes of text at once: where tokens begin, where other scripts stand, where signs are that some rule begins
//! with.
//!
//! Plain comparisons of bytes, which the compiler turns into vector instructions; then one bit a byte.

/// What is told of 64 bytes, the first in the lowest bit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Masks {
    /// ASCII letters and digits.
    pub(super) word: u64,
    /// First bytes of characters that are not ASCII.
    pub(super) wide: u64,
    /// Signs, digits and some letters: what is looked at wherever it stands.
    pub(super) special: u64,
    /// Digits, letters that come twice, signs: what may be part of a disguise. White space and commas are not.
    pub(super) odd: u64,
    /// Letters and digits with which, and with the byte after them, a word may begin that asks for no boundary.
    pub(super) inside: u64,
}

/// What is looked for.
#[derive(Debug)]
pub(super) struct Specials {
    /// Letters that are looked at wherever they stand.
    letters: Vec<u8>,
    inside: Inside,
}

/// Where words may begin that ask for no boundary.
#[derive(Debug)]
pub(super) enum Inside {
    /// There are none.
    Nowhere,
    /// At these pairs of lower-case letters and digits.
    Pairs(Vec<[u8; 2]>),
    /// At every letter and digit.
    Everywhere,
}

/// The size of a block.
pub(super) const BLOCK: usize = 64;

impl Specials {
    pub(super) fn new(is_special: impl Fn(u8) -> bool, inside: Inside) -> Self {
        let letters = (0..0x80_u8).filter(|&byte| byte.is_ascii_alphabetic() && is_special(byte)).collect();
        Self { letters, inside }
    }

    /// Whether a byte is looked at wherever it stands: all signs and digits are.
    #[inline]
    pub(super) fn contains(&self, byte: u8) -> bool {
        match byte {
            b' ' | b',' | b'\n' | 0x80.. => false,
            b'a'..=b'z' | b'A'..=b'Z' => self.letters.contains(&byte),
            _ => true,
        }
    }

    /// Whether words are looked for that ask for no boundary.
    #[inline]
    pub(super) fn looks_inside(&self) -> bool {
        !matches!(self.inside, Inside::Nowhere)
    }
}

impl Masks {
    /// The masks of up to 64 bytes from `at` on.
    #[inline]
    pub(super) fn read(text: &[u8], at: usize, specials: &Specials) -> Self {
        let rest = text.get(at..).unwrap_or_default();
        if let Some((block, after)) = rest.split_first_chunk()
            && let Some(&after) = after.first()
        {
            return Self::of(block, after, specials);
        }
        Self::end(rest, specials)
    }

    /// The same where the text ends. Of its last letter it is not known what follows.
    #[cold]
    fn end(rest: &[u8], specials: &Specials) -> Self {
        let mut block = [0; BLOCK];
        for (slot, &byte) in block.iter_mut().zip(rest) {
            *slot = byte;
        }
        let mut masks = Self::of(&block, 0, specials);
        masks.special &= !(!0_u64).checked_shl(rest.len() as u32).unwrap_or(0);
        if specials.looks_inside() && !rest.is_empty() {
            masks.inside |= masks.word & 1 << (rest.len() - 1);
        }
        masks
    }

    #[inline]
    fn of(block: &[u8; BLOCK], after: u8, specials: &Specials) -> Self {
        let lower = block.map(|byte| byte | 0x20);
        let mut next = [after | 0x20; BLOCK];
        for (slot, &byte) in next.iter_mut().zip(lower.iter().skip(1)) {
            *slot = byte;
        }
        let (mut word, mut special, mut odd) = ([0; BLOCK], [0; BLOCK], [0; BLOCK]);
        for at in 0..BLOCK {
            let (byte, low) = (block[at], lower[at]);
            let letter = u8::from(low.wrapping_sub(b'a') < 26);
            let digit = u8::from(byte.wrapping_sub(b'0') < 10);
            let gap = u8::from(byte == b' ') | u8::from(byte == b',') | u8::from(byte == b'\n');
            let sign = u8::from(byte < 0x80) & !(letter | digit | gap);
            word[at] = letter | digit;
            special[at] = sign | digit;
            odd[at] = letter & u8::from(low == next[at]) | !(letter | gap) & 1;
        }
        for &letter in &specials.letters {
            for (slot, &byte) in special.iter_mut().zip(block) {
                *slot |= u8::from(byte == letter);
            }
        }
        let word = bits(&word);
        let inside = match &specials.inside {
            Inside::Nowhere => 0,
            Inside::Everywhere => word,
            Inside::Pairs(pairs) => {
                let mut inside = [0; BLOCK];
                for &[first, second] in pairs {
                    for ((slot, &byte), &next) in inside.iter_mut().zip(&lower).zip(&next) {
                        *slot |= u8::from(byte == first) & u8::from(next == second);
                    }
                }
                bits(&inside) & word
            }
        };
        let wide = block.map(|byte| u8::from(byte >= 0xC0));
        Self { word, wide: bits(&wide), special: bits(&special), odd: bits(&odd), inside }
    }
}

/// One bit for each byte, which is 0 or 1.
#[inline]
fn bits(bytes: &[u8; BLOCK]) -> u64 {
    /// Moves the lowest bit of each byte to its place in the highest one.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (words, _) = bytes.as_chunks::<8>();
    words.iter().rev().fold(0, |bits, word| bits << 8 | u64::from_le_bytes(*word).wrapping_mul(GATHER) >> 56)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn masks_say_what_the_bytes_are(text in proptest::collection::vec(prop_oneof![any::<u8>(), b'a'..=b'd', b' '..=b'.'], 0..80), at in 0..90_usize) {
            let specials = Specials::new(|byte| b"@.5c".contains(&byte), Inside::Pairs(vec![*b"ab", *b"5c"]));
            let masks = Masks::read(&text, at, &specials);
            for bit in 0..BLOCK {
                let of = |at: usize| text.get(at).copied().unwrap_or(0);
                let (byte, next) = (of(at + bit), of(at + bit + 1));
                let is = |mask: u64| mask >> bit & 1 == 1;
                prop_assert_eq!(is(masks.word), byte.is_ascii_alphanumeric());
                prop_assert_eq!(is(masks.wide), byte >= 0xC0);
                prop_assert_eq!(is(masks.special), at + bit < text.len() && specials.contains(byte));
                let twice = byte.is_ascii_alphabetic() && byte.eq_ignore_ascii_case(&next);
                let sign = !byte.is_ascii_alphabetic() && !b" ,\n".contains(&byte);
                prop_assert_eq!(is(masks.odd), twice || sign);
                let pair = matches!((byte | 0x20, next | 0x20), (b'a', b'b') | (b'5', b'c'));
                let last = at + bit + 1 == text.len();
                prop_assert_eq!(is(masks.inside), byte.is_ascii_alphanumeric() && (pair || last));
            }
        }
    }
}
