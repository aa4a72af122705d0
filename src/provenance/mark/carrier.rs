//! The two alphabets of invisible characters in which tags are written. Marks alternate between them, so that a filter that takes away one
//! kind of character (format characters, combining marks, what lies beyond the BMP) leaves every second mark.
//!
//! ```text
//! selectors   U+2060, then 6 variation selectors, 8 bits each    (U+FE00..FE0F, U+E0100..E01EF: marks, Mn)
//! zero-width  16 characters, 3 bits each                         (U+200B..200D, U+2060..2064: format characters, Cf)
//! ```
//!
//! A run of selectors is led by a word joiner, which has no variants: behind a Han character a selector could choose another form of it.

use smallvec::SmallVec;

/// Bytes of a tag: five that bind it to the letters before it, and one for all letters since the last mark of its carrier.
pub const TAG: usize = 6;

/// A tag.
pub type Tag = [u8; TAG];

/// How a tag is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// Variation selectors.
    Selectors,
    /// Zero-width format characters.
    ZeroWidth,
}

/// Symbols of a run of selectors.
const SELECTORS: usize = TAG;
/// Symbols of a run of zero-width characters.
const ZERO_WIDTHS: usize = TAG * 8 / 3;
/// Leads a run of selectors.
const LEAD: char = '\u{2060}';

const ZERO_WIDTH: [char; 8] =
    ['\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{2061}', '\u{2062}', '\u{2063}', '\u{2064}'];

fn zero_width(c: char) -> Option<u8> {
    match c {
        '\u{200b}'..='\u{200d}' => Some((c as u32 - 0x200b) as u8),
        '\u{2060}'..='\u{2064}' => Some((c as u32 - 0x2060) as u8 + 3),
        _ => None,
    }
}

fn selector(c: char) -> Option<u8> {
    match c {
        '\u{fe00}'..='\u{fe0f}' => Some((c as u32 - 0xfe00) as u8),
        '\u{e0100}'..='\u{e01ef}' => Some((c as u32 - 0xe0100) as u8 + 16),
        _ => None,
    }
}

/// Whether a character is one of either alphabet.
pub(super) fn is_carrier(c: char) -> bool {
    zero_width(c).is_some() || selector(c).is_some()
}

/// Whether a text may hold a run: nearly all texts do not.
pub fn may_hold(text: &[u8]) -> bool {
    // U+200B..200D and U+2060..2064, U+FE00..FE0F, U+E0100..E01EF.
    memchr::memchr2_iter(0xe2, 0xef, text).any(|at| match text.get(at..at + 3) {
        Some([0xe2, 0x80, last]) => (0x8b..=0x8d).contains(last),
        Some([0xe2, 0x81, last]) => (0xa0..=0xa4).contains(last),
        Some([0xef, 0xb8, last]) => (0x80..=0x8f).contains(last),
        _ => false,
    }) || memchr::memmem::find(text, b"\xf3\xa0").is_some()
}

impl Carrier {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Selectors, Self::ZeroWidth];

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Selectors => Self::ZeroWidth,
            Self::ZeroWidth => Self::Selectors,
        }
    }

    /// Its number in what is authenticated.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Selectors => 1,
            Self::ZeroWidth => 2,
        }
    }

    /// The tag in its characters.
    pub(super) fn write(self, tag: Tag) -> String {
        match self {
            Self::Selectors => {
                let symbol = |byte: u8| {
                    let code =
                        if byte < 16 { 0xfe00 + u32::from(byte) } else { 0xe0100 + u32::from(byte) - 16 };
                    char::from_u32(code).unwrap_or(LEAD)
                };
                std::iter::once(LEAD).chain(tag.iter().map(|&byte| symbol(byte))).collect()
            }
            Self::ZeroWidth => {
                let bits = tag.iter().fold(0u64, |bits, &byte| bits << 8 | u64::from(byte));
                let symbol = |at: usize| (bits >> (3 * (ZERO_WIDTHS - 1 - at)) & 7) as usize;
                (0..ZERO_WIDTHS).filter_map(|at| ZERO_WIDTH.get(symbol(at))).collect()
            }
        }
    }
}

/// A tag as it stands in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) carrier: Carrier,
    pub(super) tag: Tag,
    /// Its characters, from the first and past the last, counted in the stretch of invisible characters that holds it.
    pub(super) chars: std::ops::Range<usize>,
}

/// The tags in a stretch of characters of the alphabets. A tag has exactly its length: one selector more, and it is somebody else's.
pub(super) fn runs(stretch: &[char]) -> SmallVec<[Run; 1]> {
    let mut out = SmallVec::new();
    let mut at = 0;
    let mut before = 0..0;
    while at < stretch.len() {
        let rest = stretch.get(at..).unwrap_or_default();
        let (bits, selectors): (Vec<u8>, bool) = {
            let widths: Vec<u8> = rest.iter().map_while(|&c| zero_width(c)).collect();
            if widths.is_empty() {
                (rest.iter().map_while(|&c| selector(c)).collect(), true)
            } else {
                (widths, false)
            }
        };
        let length = bits.len().max(1);
        let leads = |from: usize| stretch.get(from) == Some(&LEAD);
        if selectors && length == SELECTORS {
            let led = before.end == at && !before.is_empty() && leads(at - 1);
            if let Ok(tag) = Tag::try_from(bits.as_slice()) {
                let start = at - usize::from(led);
                out.push(Run { carrier: Carrier::Selectors, tag, chars: start..at + length });
            }
        } else if !selectors {
            let last_leads = length == ZERO_WIDTHS + 1
                && leads(at + length - 1)
                && rest.get(length).is_some_and(|&c| selector(c).is_some());
            if length == ZERO_WIDTHS || last_leads {
                let all = bits.iter().take(ZERO_WIDTHS).fold(0u64, |all, &bits| all << 3 | u64::from(bits));
                let [_, _, tag @ ..] = all.to_be_bytes();
                out.push(Run { carrier: Carrier::ZeroWidth, tag, chars: at..at + ZERO_WIDTHS });
            }
        }
        before = at..at + length;
        at += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(tag in any::<Tag>(), next in any::<Tag>()) {
            for carrier in Carrier::ALL {
                let text = carrier.write(tag);
                prop_assert!(may_hold(text.as_bytes()) && text.chars().all(is_carrier));
                let stretch: Vec<char> = text.chars().collect();
                let read = runs(&stretch);
                prop_assert_eq!(&*read, &[Run { carrier, tag, chars: 0..stretch.len() }]);
                // Nothing is read of one that was cut, and two that stand together are two.
                prop_assert!(runs(stretch.get(..stretch.len() - 1).unwrap_or_default()).is_empty());
                let both: Vec<char> = (text + &carrier.other().write(next)).chars().collect();
                let read: Vec<_> = runs(&both).into_iter().map(|run| (run.carrier, run.tag)).collect();
                prop_assert_eq!(read, vec![(carrier, tag), (carrier.other(), next)]);
            }
        }

        /// A filter that takes away one kind of character leaves the other carrier whole; selectors need no lead.
        #[test]
        fn selectors_need_no_lead(tag in any::<Tag>()) {
            let bare: Vec<char> = Carrier::Selectors.write(tag).chars().skip(1).collect();
            prop_assert_eq!(runs(&bare).first().map(|run| run.tag), Some(tag));
        }
    }

    #[test]
    fn plain_text_holds_none() {
        for text in ["plain", "“quotes” — …", "中文，标点。", "é ﬁ", "한국어"] {
            assert!(!may_hold(text.as_bytes()), "{text}");
        }
    }
}
