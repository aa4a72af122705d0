//! What an answer is by its bytes, where its media type says another text or nothing: readers of streams do not look at the media type.

use crate::dialect::Framing;
use crate::text::json::Tape;

/// With what the first line of an event stream begins; any later line need only be data.
const BEGINNINGS: [&[u8]; 5] = [b"data:", b":", b"event:", b"id:", b"retry:"];

/// Looks at an answer as it comes, each byte once, until it is found to be a stream.
#[derive(Debug)]
pub(super) struct Look {
    /// How events were asked for, where a first one is enough to tell: a whole answer is not expected.
    expected: Option<Framing>,
    /// Where the line that is looked at begins.
    line: usize,
    /// Up to where its end has been looked for.
    seen: usize,
    lines: Lines,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lines {
    /// Nothing but white space so far.
    None,
    /// The one line so far is a JSON value.
    Value,
    /// Neither.
    Text,
}

impl Look {
    pub(super) fn new(expected: Option<Framing>) -> Self {
        Self { expected, line: 0, seen: 0, lines: Lines::None }
    }

    /// The framing of the stream that `body`, which begins the answer and has grown since it was last looked at, turns out to be.
    pub(super) fn at(&mut self, body: &[u8], tape: &mut Tape) -> Option<Framing> {
        if self.line == 0 && body.starts_with(b"\xef\xbb\xbf") {
            self.line = 3;
            self.seen = 3;
        }
        loop {
            let rest = body.get(self.line..).unwrap_or_default();
            let begins: &[&[u8]] = if self.lines == Lines::None { &BEGINNINGS } else { &BEGINNINGS[..1] };
            if begins.iter().any(|b| rest.starts_with(b)) {
                return Some(Framing::Sse);
            }
            match (self.lines, rest.trim_ascii_start().first()) {
                (Lines::None, Some(b'[')) if self.expected == Some(Framing::JsonArray) => {
                    return self.expected;
                }
                (Lines::Value, Some(b'{')) => return Some(Framing::Ndjson),
                _ => {}
            }
            let Some(plain) = memchr::memchr2(b'\n', b'\r', body.get(self.seen..).unwrap_or_default()) else {
                self.seen = body.len();
                return None;
            };
            let end = self.seen + plain;
            let line = body.get(self.line..end).unwrap_or_default().trim_ascii();
            if !line.is_empty() {
                let is_value =
                    self.lines == Lines::None && line.starts_with(b"{") && tape.parse(line).is_ok();
                if is_value && self.expected == Some(Framing::Ndjson) {
                    return self.expected;
                }
                self.lines = if is_value { Lines::Value } else { Lines::Text };
            }
            self.line = end + 1;
            self.seen = end + 1;
        }
    }
}

/// Whether a text is meant to be JSON.
pub(super) fn begins_as_json(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
}
