//! Server-sent events (WHATWG HTML, section 9.2.6): CR, LF and CRLF line ends, a BOM at the start, comments, several data lines,
//! values without the space, and a last event without its blank line (which readers in the field accept, so it is read too).
//!
//! ```text
//! data: {"a":1}\r\n      data 6..13
//! : ping\n               loose 15..20
//! \n                     end of the frame
//! ```
//!
//! JSON that stands in lines of its own, without `data:`, is no event to the standard, but the reader of Google's SDK takes it for one. So
//! here it is a frame too, which ends with the line that closes it.
//!
//! A frame ends as soon as its blank line is known. After `\r` a `\n` may still follow: where the line before ended in CRLF it is
//! waited for, else it opens the next frame's raw bytes and means nothing there.

use std::ops::Range;

use bytes::BytesMut;

use super::{Frame, FrameError};
use crate::text::looks_like_identifier;

/// The codec's state.
#[derive(Debug)]
pub struct Sse {
    buffer: BytesMut,
    limit: usize,
    /// Bytes of the buffer that have been looked at.
    seen: usize,
    /// Where the line that is being read begins.
    line: usize,
    /// The last byte looked at was the CR of a line end.
    after_cr: bool,
    /// The last line ended in CRLF.
    crlf: bool,
    /// Nothing of the stream has been read yet: a BOM may stand here.
    at_start: bool,
    frame: Frame,
    /// The JSON without `data:` that is being read.
    bare: Option<Open>,
}

impl Sse {
    /// Refuses frames longer than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            limit,
            seen: 0,
            line: 0,
            after_cr: false,
            crlf: false,
            at_start: true,
            frame: Frame::default(),
            bare: None,
        }
    }

    /// Takes bytes as they arrive.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, if it has arrived.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.at_start && !self.skip_bom() {
            return Ok(None);
        }
        loop {
            if self.after_cr && self.buffer.get(self.seen) == Some(&b'\n') {
                // The line feed of a CRLF whose CR has ended the line already.
                if self.line == self.seen {
                    self.line += 1;
                }
                self.seen += 1;
                self.after_cr = false;
                self.crlf = true;
            }
            let rest = self.buffer.get(self.seen..).unwrap_or_default();
            if !rest.is_empty() {
                self.after_cr = false;
            }
            let Some(plain) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.seen = self.buffer.len();
                if self.seen > self.limit {
                    return Err(FrameError::TooLong(self.limit));
                }
                return Ok(None);
            };
            let end = self.seen + plain;
            let mut after = end + 1;
            if self.buffer.get(end) == Some(&b'\r') {
                match self.buffer.get(after) {
                    Some(b'\n') => {
                        after += 1;
                        self.crlf = true;
                    }
                    Some(_) => self.crlf = false,
                    // A stream whose lines end in CRLF will send the rest: its event leaves whole.
                    None if self.crlf => {
                        self.seen = end;
                        return Ok(None);
                    }
                    None => self.after_cr = true,
                }
            }
            let blank = end == self.line;
            if !blank {
                self.field(self.line..end);
            }
            self.seen = after;
            self.line = after;
            if after > self.limit {
                return Err(FrameError::TooLong(self.limit));
            }
            let closed = self.bare.as_ref().is_some_and(Open::is_closed);
            if blank || closed {
                return Ok(Some(self.take(after)));
            }
        }
    }

    /// What is left at the end of the stream.
    pub fn finish(&mut self) -> Option<Frame> {
        if self.buffer.is_empty() {
            return None;
        }
        let all = self.buffer.len();
        let end = if self.buffer.ends_with(b"\r") { all - 1 } else { all };
        if self.line < end {
            self.field(self.line..end);
        }
        Some(self.take(all))
    }

    /// False while it cannot be told yet whether the stream starts with a BOM.
    fn skip_bom(&mut self) -> bool {
        const BOM: &[u8] = b"\xef\xbb\xbf";
        let known = self.buffer.len().min(BOM.len());
        let starts = self.buffer.get(..known) == BOM.get(..known);
        if starts && known < BOM.len() {
            return false;
        }
        if starts {
            self.seen = BOM.len();
            self.line = BOM.len();
        }
        self.at_start = false;
        true
    }

    fn take(&mut self, end: usize) -> Frame {
        let mut frame = std::mem::take(&mut self.frame);
        frame.raw = self.buffer.split_to(end).freeze();
        self.seen = 0;
        self.line = 0;
        self.bare = None;
        frame
    }

    fn field(&mut self, line: Range<usize>) {
        let bytes = self.buffer.get(line.clone()).unwrap_or_default();
        let begins = matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'['));
        if self.bare.is_some() || begins {
            self.bare.get_or_insert_default().line(bytes);
            return self.frame.data.push(line.start as u32..line.end as u32);
        }
        let (name, value) = match memchr::memchr(b':', bytes) {
            Some(colon) => {
                let space = usize::from(bytes.get(colon + 1) == Some(&b' '));
                (bytes.get(..colon).unwrap_or_default(), colon + 1 + space)
            }
            None => (bytes, bytes.len()),
        };
        let text = bytes.get(value..).unwrap_or_default();
        let value = (line.start + value) as u32..line.end as u32;
        match name {
            b"data" => self.frame.data.push(value),
            b"event" | b"id" | b"retry" if looks_like_identifier(text) => {}
            b"" | b"event" | b"id" | b"retry" => self.frame.loose.push(value),
            _ => self.frame.loose.push(line.start as u32..line.end as u32),
        }
    }
}

/// How far JSON is open, line by line.
#[derive(Debug, Default)]
struct Open {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Open {
    fn line(&mut self, line: &[u8]) {
        for &byte in line {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                b'{' | b'[' if !self.in_string => self.depth += 1,
                b'}' | b']' if !self.in_string => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    fn is_closed(&self) -> bool {
        self.depth == 0 && !self.in_string
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(pieces: &[&[u8]]) -> Vec<Frame> {
        let mut sse = Sse::new(1 << 20);
        let mut out = Vec::new();
        for piece in pieces {
            sse.push(piece);
            while let Ok(Some(frame)) = sse.next_frame() {
                out.push(frame);
            }
        }
        out.extend(sse.finish());
        out
    }

    /// `data` joined, as a reader sees it; frames without data are not events.
    fn data(frames: &[Frame]) -> Vec<Vec<u8>> {
        frames
            .iter()
            .filter(|f| !f.data.is_empty())
            .map(|f| {
                let lines: Vec<&[u8]> =
                    f.data.iter().map(|r| &f.raw[r.start as usize..r.end as usize]).collect();
                lines.join(&b'\n')
            })
            .collect()
    }

    fn raw(frames: &[Frame]) -> Vec<u8> {
        frames.iter().flat_map(|f| f.raw.to_vec()).collect()
    }

    #[test]
    fn line_ends_comments_and_missing_blank_lines() {
        for (src, want) in [
            ("data: a\n\ndata:b\n\n", vec!["a", "b"]),
            ("data: a\r\n\r\ndata: b\r\r", vec!["a", "b"]),
            ("\u{feff}data: a\n: c\ndata: b\n\n", vec!["a\nb"]),
            ("data: a\n\ndata: b", vec!["a", "b"]),
            ("data\n\n:x\n\nid: 1\n\n", vec![""]),
            ("event: e\nretry: 5\nfoo: bar\ndata:  x\n\n", vec![" x"]),
            // JSON without `data:`, which Google's SDK reads.
            ("{\"a\":1}\n[2]\n\ndata: b\n\n", vec!["{\"a\":1}", "[2]", "b"]),
            (" {\"a\":\n\"}\\\"\"}\r\ndata: b\n\n", vec![" {\"a\":\n\"}\\\"\"}", "b"]),
            ("data: b\n{\"a\":1}\ndata: c\n\n", vec!["b\n{\"a\":1}", "c"]),
            ("{\"a\":\n\n1}\n\n{", vec!["{\"a\":", "{"]),
        ] {
            let frames = split(&[src.as_bytes()]);
            let want: Vec<Vec<u8>> = want.iter().map(|w| w.as_bytes().to_vec()).collect();
            assert_eq!(data(&frames), want, "{src:?}");
            assert_eq!(raw(&frames), src.as_bytes());
        }
    }

    #[test]
    fn too_long_is_an_error() {
        let mut sse = Sse::new(10);
        sse.push(b"data: 0123456789");
        assert_eq!(sse.next_frame(), Err(FrameError::TooLong(10)));
    }

    proptest! {
        /// However the bytes are cut: the same events, and the same bytes put together.
        #[test]
        fn cuts_change_nothing(
            src in "(\u{feff})?((data:? ?[a-c:]{0,4}|: ?c|id: [a ]|x|[{}\"\\\\]{1,3})(\r|\n|\r\n)|\r|\n|\r\n){0,12}",
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let src = src.as_bytes();
            let whole = split(&[src]);
            let mut at: Vec<usize> = cuts.iter().map(|c| c.index(src.len() + 1)).chain([0, src.len()]).collect();
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|w| &src[w[0]..w[1]]).collect();
            let cut = split(&pieces);
            prop_assert_eq!(data(&whole), data(&cut));
            prop_assert_eq!(raw(&cut), src);
            let bytewise = split(&src.chunks(1).collect::<Vec<_>>());
            prop_assert_eq!(data(&whole), data(&bytewise));
            prop_assert_eq!(raw(&bytewise), src);
        }
    }
}
