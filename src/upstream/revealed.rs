//! Whether an answer shows the credential that the gateway gave its upstream: an error of the upstream's may repeat it.

use memchr::memmem::Finder;

use crate::text::hex;

/// Shortest credential that is looked for, in bytes: a shorter one may stand somewhere by chance.
const SHORTEST: usize = 8;
/// Bytes of the longest way in which JSON writes one byte of a credential: `\u002b`.
const ESCAPED: usize = 6;

/// Finds a credential in bytes that come in pieces.
#[derive(Debug)]
pub(super) struct Revealed {
    finder: Finder<'static>,
}

impl Revealed {
    /// None for a credential of fewer than eight bytes.
    pub(super) fn new(secret: &[u8]) -> Option<Self> {
        (secret.len() >= SHORTEST).then(|| Self { finder: Finder::new(secret).into_owned() })
    }

    /// Whether the bytes, as far as they have come, hold the credential, as it is or with `\\/` and `\\u00..` undone once: servers write `/`
    /// and `+` in more than one way. `tail` keeps what of it may go on in the next ones.
    pub(super) fn is_in(&self, tail: &mut Vec<u8>, bytes: &[u8]) -> bool {
        let most = self.finder.needle().len() * ESCAPED - 1;
        let seam = tail.len();
        tail.extend_from_slice(bytes.get(..most.min(bytes.len())).unwrap_or_default());
        let shows = |bytes: &[u8]| self.finder.find(bytes).is_some() || self.is_escaped_in(bytes);
        if shows(bytes) || seam > 0 && shows(tail) {
            return true;
        }
        if bytes.len() >= most {
            tail.clear();
            tail.extend_from_slice(bytes.get(bytes.len() - most..).unwrap_or_default());
        } else {
            tail.drain(..tail.len().saturating_sub(most));
        }
        false
    }

    fn is_escaped_in(&self, bytes: &[u8]) -> bool {
        let mut escapes = memchr::memchr_iter(b'\\', bytes).map(|at| bytes.get(at + 1..).unwrap_or_default());
        if !escapes.any(|after| after.starts_with(b"/") || after.starts_with(b"u00")) {
            return false;
        }
        let mut plain = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            let (said, after) = match after {
                [b'/', after @ ..] if byte == b'\\' => (b'/', after),
                [b'u', b'0', b'0', pair @ ..] if byte == b'\\' => match escaped(pair) {
                    Some(escaped) => escaped,
                    None => (byte, after),
                },
                _ => (byte, after),
            };
            plain.push(said);
            rest = after;
        }
        self.finder.find(&plain).is_some()
    }
}

/// The byte of two hexadecimal digits, and what follows them.
fn escaped(text: &[u8]) -> Option<(u8, &[u8])> {
    let (pair, after) = text.split_at_checked(2)?;
    let [byte] = hex::array(std::str::from_utf8(pair).ok()?)?;
    Some((byte, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_however_it_is_cut_and_escaped() {
        let secret = "sk-a+b/c<d>-4711";
        let finds = |text: &str, length: usize| {
            let watch = Revealed::new(secret.as_bytes()).expect("long enough");
            let mut tail = Vec::new();
            text.as_bytes().chunks(length).any(|piece| watch.is_in(&mut tail, piece))
        };
        let all: String = secret.bytes().map(|b| format!("\\u{b:04X}")).collect();
        for shown in [
            secret,
            r"sk-a\u002Bb\/c\u003cd\u003E-4711",
            r"sk-a\u002bb/c\u003Cd>-4711",
            r"sk-a+b\/c<d>-4711",
            &all,
        ] {
            for length in (1..120).chain([1000]) {
                let text = format!(r#"{{"error":{{"message":"Incorrect API key: {shown}.\n"}}}}"#);
                assert!(finds(&text, length), "{shown} by {length}");
                let other =
                    text.replace("4711", "4712").replace("\\u0037\\u0031\\u0031", "\\u0037\\u0031\\u0032");
                assert!(!finds(&other, length), "{shown} by {length}");
            }
        }
        assert!(Revealed::new(b"sk-4711").is_none());
    }
}
