//! One JSON value a line (Ollama). Empty lines are frames without data; a last line may lack its line feed.

use bytes::BytesMut;

use super::{Frame, FrameError};

/// The codec's state.
#[derive(Debug)]
pub struct Ndjson {
    buffer: BytesMut,
    limit: usize,
    seen: usize,
}

impl Ndjson {
    /// Refuses lines longer than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), limit, seen: 0 }
    }

    /// Takes bytes as they arrive.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole line, if it has arrived.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        match memchr::memchr(b'\n', self.buffer.get(self.seen..).unwrap_or_default()) {
            Some(plain) if self.seen + plain < self.limit => Ok(Some(self.take(self.seen + plain + 1))),
            None if self.buffer.len() <= self.limit => {
                self.seen = self.buffer.len();
                Ok(None)
            }
            _ => Err(FrameError::TooLong(self.limit)),
        }
    }

    /// What is left at the end of the stream.
    pub fn finish(&mut self) -> Option<Frame> {
        let all = self.buffer.len();
        (all > 0).then(|| self.take(all))
    }

    fn take(&mut self, end: usize) -> Frame {
        let raw = self.buffer.split_to(end).freeze();
        self.seen = 0;
        let start = raw.len() - raw.trim_ascii_start().len();
        let end = raw.trim_ascii_end().len();
        let mut frame = Frame { raw, ..Frame::default() };
        if start < end {
            frame.data.push(start as u32..end as u32);
        }
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_bytes() {
        let mut codec = Ndjson::new(100);
        let mut raw = Vec::new();
        let mut data = Vec::new();
        for byte in b"{\"a\":1}\r\n\n {\"b\":2}" {
            codec.push(&[*byte]);
            while let Ok(Some(frame)) = codec.next_frame() {
                raw.extend_from_slice(&frame.raw);
                data.push(frame.data.len());
            }
        }
        let last = codec.finish().unwrap_or_default();
        assert_eq!(data, [1, 0]);
        assert_eq!(last.data.first(), Some(&(1..8)));
        assert_eq!(raw, b"{\"a\":1}\r\n\n");
    }
}
