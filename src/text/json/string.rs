//! What stands within a JSON string: where it ends, its escapes read and written, and the way from a place in the text to its place in
//! the source.

use crate::text::lane::{LANE, Lane};

/// Lone UTF-16 surrogates (`\ud83d` without its other half) stand in decoded text as the private character
/// `U+100000 + unit`, so that text stays valid UTF-8, nothing is lost, and halves that arrive in two pieces can be joined.
pub const SURROGATE_BASE: u32 = 0x10_0000;

/// How many bytes from here on say what they are: none is a quote, a backslash or a control character. `None` if that holds to the end.
#[inline]
pub(super) fn plain_length(source: &[u8]) -> Option<usize> {
    let (lanes, rest) = source.as_chunks::<LANE>();
    for (number, lane) in lanes.iter().enumerate() {
        let lane = Lane::new(lane);
        let stops = lane.is(b'"').or(lane.is(b'\\')).or(lane.within(0, 0x20)).bits();
        if stops != 0 {
            return Some(number * LANE + stops.trailing_zeros() as usize);
        }
    }
    let stop = rest.iter().position(|&byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
    Some(lanes.len() * LANE + stop)
}

/// One character of a JSON string: what it means and how many source bytes it takes.
fn next_char(raw: &str, at: usize) -> Option<(char, usize)> {
    let rest = raw.get(at..)?;
    let first = rest.chars().next()?;
    if first != '\\' {
        return Some((first, first.len_utf8()));
    }
    let simple = match rest.as_bytes().get(1)? {
        b'n' => '\n',
        b't' => '\t',
        b'r' => '\r',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'u' => return Some(unicode_escape(rest)),
        &other => char::from(other),
    };
    Some((simple, 2))
}

fn hex_unit(rest: &str) -> Option<u32> {
    rest.strip_prefix("\\u").and_then(|r| r.get(..4)).and_then(|h| u32::from_str_radix(h, 16).ok())
}

/// `rest` starts with `\uXXXX`: one character, from a pair of escapes where two halves stand together.
fn unicode_escape(rest: &str) -> (char, usize) {
    let Some(unit) = hex_unit(rest) else { return (char::REPLACEMENT_CHARACTER, 2) };
    if (0xD800..0xDC00).contains(&unit)
        && let Some(low) = rest.get(6..).and_then(hex_unit).filter(|l| (0xDC00..0xE000).contains(l))
    {
        let joined = 0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        return (char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER), 12);
    }
    let scalar = if (0xD800..0xE000).contains(&unit) { SURROGATE_BASE + unit } else { unit };
    (char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER), 6)
}

/// Decodes the inside of a JSON string that [`Tape::parse`](super::Tape::parse) has accepted.
pub fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    unescape_into(raw, &mut out);
    out
}

/// Like [`unescape`], into a buffer of the caller's.
pub fn unescape_into(raw: &str, out: &mut String) {
    let mut at = 0;
    while let Some(rest) = raw.get(at..) {
        let plain = memchr::memchr(b'\\', rest.as_bytes()).unwrap_or(rest.len());
        out.push_str(rest.get(..plain).unwrap_or_default());
        at += plain;
        let Some((c, len)) = next_char(raw, at) else { break };
        out.push(c);
        at += len;
    }
}

/// Writes `text` as the inside of a JSON string.
pub fn escape_into(text: &str, out: &mut Vec<u8>) {
    use std::io::Write as _;
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            // Writing to a Vec cannot fail. What ends a line for some reader of lines would cut the string in two there.
            c if u32::from(c) < 0x20 || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c if (SURROGATE_BASE + 0xD800..SURROGATE_BASE + 0xE000).contains(&u32::from(c)) => {
                let _ = write!(out, "\\u{:04x}", u32::from(c) - SURROGATE_BASE);
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// Walks a JSON string's source beside its decoded text, so that an offset in the text can be found in the source.
#[derive(Debug)]
pub struct Ruler<'s> {
    raw: &'s str,
    escaped: bool,
    wire: usize,
    text: usize,
}

impl<'s> Ruler<'s> {
    /// `escaped` as the tape says; without escapes the two rulers are the same.
    pub fn new(raw: &'s str, escaped: bool) -> Self {
        Self { raw, escaped, wire: 0, text: 0 }
    }

    /// The source offset at which the character at `text` begins. Offsets must not go back.
    pub fn wire_at(&mut self, text: usize) -> usize {
        if !self.escaped {
            return text.min(self.raw.len());
        }
        while self.text < text {
            let Some((c, len)) = next_char(self.raw, self.wire) else { break };
            self.text += c.len_utf8();
            self.wire += len;
        }
        self.wire
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Readers of lines take more characters for the end of one than JSON does.
    #[test]
    fn nothing_that_ends_a_line_is_written_raw() {
        let mut out = Vec::new();
        escape_into("a\u{85}b\u{2028}c\u{2029}d\u{c}e\u{1e}f", &mut out);
        assert_eq!(out, br"a\u0085b\u2028c\u2029d\u000ce\u001ef");
    }

    #[test]
    fn surrogates_join_or_stand_alone() {
        assert_eq!(unescape(r"\ud83d\ude00"), "😀");
        assert_eq!(unescape(r"\ud83dx"), "\u{10d83d}x");
        let mut out = Vec::new();
        escape_into("\u{10d83d}\"", &mut out);
        assert_eq!(out, b"\\ud83d\\\"");
    }

    proptest! {
        #[test]
        fn what_is_plain_is_what_single_bytes_say(source in "[a-z \"\\\\\u{1f}\u{7f}é]{0,3}[a-z]{0,40}[a-z \"\\\\\n€]{0,20}") {
            let stops = |byte: &u8| *byte == b'"' || *byte == b'\\' || *byte < 0x20;
            prop_assert_eq!(plain_length(source.as_bytes()), source.as_bytes().iter().position(stops));
        }

        #[test]
        fn escapes_round_trip(text in any::<String>()) {
            let mut out = Vec::new();
            escape_into(&text, &mut out);
            prop_assert_eq!(unescape(std::str::from_utf8(&out)?), text);
        }

        #[test]
        fn the_ruler_finds_each_character(text in any::<String>()) {
            let raw = text.encode_utf16().fold(String::new(), |raw, u| raw + &format!("\\u{u:04x}"));
            let mut ruler = Ruler::new(&raw, true);
            for (at, c) in text.char_indices() {
                let wire = ruler.wire_at(at);
                prop_assert_eq!(next_char(&raw, wire).map(|(c, _)| c), Some(c));
            }
        }
    }
}
