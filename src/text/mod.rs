//! Text and where it came from: positions, JSON strings located and rewritten in place, folding.

#[cfg(test)]
pub(crate) mod cases;
mod chinese;
pub mod exact;
pub mod fold;
mod fold_data;
mod fold_table;
pub mod hex;
pub mod json;
pub mod lane;
mod language;
pub mod number;
mod plain;
pub mod position;
pub mod sketch;
mod tongue;
pub(crate) mod work;

pub use language::{Language, Scripts};
pub use position::{TextPos, WirePos};
pub use tongue::{Guess, Tongue};

/// Whether it can be the name of an upstream, a tenant, a key, a region and what else records and metrics name: 1 to 64 letters, digits,
/// `-`, `_` and `.`.
pub fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

/// The bytes that a part of a URL stands for: `%`-escapes undone, once; one that is none stays as it is.
pub fn percent_decoded(part: &str) -> Vec<u8> {
    let digit = |b: Option<&u8>| b.and_then(|&b| char::from(b).to_digit(16));
    let mut out = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match (byte, digit(tail.first()), digit(tail.get(1))) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => out.push(byte),
        }
    }
    out
}

/// A text as a part of an address (RFC 3986): its bytes that are no letters or digits of ASCII, nor among `kept`, as percent signs and two
/// hexadecimal digits.
pub fn percent_encoded(text: &str, kept: &[u8]) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// Longest string that is believed to be an identifier.
const LONGEST_IDENTIFIER: usize = 200;

/// Whether a string has the form of a machine's name: at most 200 bytes of ASCII letters, digits and `-_.:/|+=#~`, without a
/// space, an `@` or an escape, so that no sentence, mail address or disguised text passes as an identifier.
pub fn looks_like_identifier(raw: &[u8]) -> bool {
    raw.len() <= LONGEST_IDENTIFIER
        && raw.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.:/|+=#~".contains(b))
}

/// Longest string that is believed to be a word of a closed list, and the most digits in one: a date, or a size in two numbers.
const LONGEST_WORD: usize = 64;
const MOST_DIGITS: usize = 8;

/// Whether a string has the form of a word from a closed list: short, of ASCII letters, few digits and `-_.:/+`, so that no number of
/// more than eight digits (a card's, most telephones') passes as one.
pub fn looks_like_word(raw: &[u8]) -> bool {
    raw.len() <= LONGEST_WORD
        && raw.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.:/+".contains(b))
        && raw.iter().filter(|b| b.is_ascii_digit()).count() <= MOST_DIGITS
}

/// Whether text under this `content-type` is what its bytes say when they are read as UTF-8: it names no charset, or one of which ASCII
/// is a part and whose other bytes are no UTF-8. UTF-7 and ISO 2022 write other text with the bytes of ASCII.
pub fn reads_as_utf8(content_type: &str) -> bool {
    let parameters = content_type.split(';').skip(1).filter_map(|p| p.split_once('='));
    let mut charsets = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    charsets.all(|(_, charset)| {
        let charset = charset.trim().trim_matches('"');
        ["utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin1", "windows-1252"]
            .iter()
            .any(|known| charset.eq_ignore_ascii_case(known))
    })
}
