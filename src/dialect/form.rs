//! What the form of a string says, where a table believes a string by its form only: that it is a medium, or a value that a provider has
//! packed. What has no such form is text.

/// Shortest base64 that is taken for a medium where one is expected.
const SHORTEST_MEDIUM: usize = 16;
/// Shortest base64 that is taken for a medium where nothing is known: cursors and tokens of providers are shorter.
const SHORTEST_UNEXPECTED: usize = 512;
/// Shortest signature, encrypted text or packed vector; keys, card numbers and names are shorter.
const SHORTEST_PACKED: usize = 64;

/// How files of common media types begin in base64: PNG, JPEG, GIF, RIFF (WebP, WAV), PDF, ZIP, Ogg, ID3 (MP3), gzip.
const BEGINNINGS: [&str; 9] =
    ["iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR", "JVBERi0", "UEsDB", "T2dnU", "SUQz", "H4sIA"];

/// Whether a string is a medium in a place where one may stand: a `data:` URL, or base64.
pub(super) fn is_medium(text: &str) -> bool {
    is_encoded_url(text) || text.len() >= SHORTEST_MEDIUM && is_base64(text)
}

/// Whether a string is a medium whatever its place: a `data:` URL of something else than text, base64 that begins as a file does, or so
/// much base64 that it is no name.
pub(super) fn is_medium_anywhere(text: &str) -> bool {
    if is_encoded_url(text) {
        return true;
    }
    let begins = text.len() >= SHORTEST_MEDIUM && BEGINNINGS.iter().any(|b| text.starts_with(b));
    (begins || text.len() >= SHORTEST_UNEXPECTED && is_mixed(text)) && is_base64(text)
}

/// Whether a string is a value that a provider has packed: so long, and hex or base64 with all that chance puts into it.
pub(super) fn is_packed(text: &str) -> bool {
    let hex = || text.bytes().all(|b| b.is_ascii_hexdigit()) && text.bytes().any(|b| b.is_ascii_alphabetic());
    text.len() >= SHORTEST_PACKED && (is_mixed(text) && is_base64(text) || hex())
}

/// Whether a string is a `data:` URL (RFC 2397) of which the text is not what it says: in base64, or of a type that is no text. URLs are
/// read without the white space around them and whatever the case of their scheme.
fn is_encoded_url(text: &str) -> bool {
    let text = text.trim_start_matches(|c: char| c <= ' ');
    let Some(rest) =
        text.get(..5).filter(|s| s.eq_ignore_ascii_case("data:")).and_then(|s| text.get(s.len()..))
    else {
        return false;
    };
    let Some((head, _)) = rest.split_once(',') else { return false };
    let kind = head.split(';').next().unwrap_or_default().trim();
    let packed = head.rsplit(';').next().is_some_and(|last| last.trim().eq_ignore_ascii_case("base64"));
    let is_type = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-*".contains(&b))
    };
    match kind.split_once('/') {
        Some((kind, sub)) if is_type(kind) && is_type(sub) => packed || !kind.eq_ignore_ascii_case("text"),
        _ => packed && kind.is_empty(),
    }
}

/// Base64 in either alphabet (RFC 4648), broken into lines or not.
fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches(['=', '\r', '\n']);
    !body.is_empty() && body.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/-_\r\n".contains(&b))
}

/// Whether there are digits and letters of both cases, as in what chance has made.
fn is_mixed(text: &str) -> bool {
    let has = |kind: fn(&u8) -> bool| text.as_bytes().iter().any(kind);
    has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_urls_are_media_unless_they_are_text() {
        for url in [
            "data:image/png;base64,iVBORw0KGgo=",
            " DATA:image/svg+xml,%3Csvg%3E",
            "data:text/plain;charset=utf-8;base64,aGVsbG8=",
            "data:;base64,aGVsbG8=",
            "data:audio/wav;base64,",
        ] {
            assert!(is_medium(url) && is_medium_anywhere(url), "{url}");
        }
        for text in
            ["data: twelve rows, three columns", "data:,hello", "data:text/plain,hello", "data:", "dåta:a/b,"]
        {
            assert!(!is_medium(text) && !is_medium_anywhere(text), "{text}");
        }
    }

    #[test]
    fn text_is_not_packed() {
        let signature = "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds5qQvHkD+w/4CDFsSDJmF";
        assert!(is_packed(&format!("{signature}==")) && is_packed(&"0123456789abcdef".repeat(4)));
        assert!(is_medium_anywhere(&signature.repeat(8)));
        assert!(is_medium_anywhere("iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB\nCAYAAAAfFcSJ"));
        for text in [
            "",
            "4111111111111111",
            "mail alex@corp.example",
            "AKIAIOSFODNN7EXAMPLE",
            &"4111111111111111".repeat(8),
            &"call me Now 4111111111111111 ".repeat(8),
        ] {
            assert!(!is_packed(text) && !is_medium_anywhere(text), "{text}");
        }
        assert!(!is_medium_anywhere(&"supercalifragilistic".repeat(99)));
    }
}
