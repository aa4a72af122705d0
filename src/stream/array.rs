//! The elements of one JSON array as they arrive (Gemini's `streamGenerateContent` without `alt=sse`).
//!
//! A frame is one element with the separators before it; the closing bracket is a last frame without data.

use bytes::BytesMut;

use super::{Frame, FrameError};

/// The codec's state.
#[derive(Debug)]
pub struct Array {
    buffer: BytesMut,
    limit: usize,
    seen: usize,
    state: State,
    /// Where the element that is being read begins.
    element: usize,
    /// Open brackets and braces of the element.
    depth: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the opening bracket.
    Before,
    /// Between elements; whether an element may stand here, and whether the array may end here.
    Between { element: bool, close: bool },
    /// In an element, outside its strings.
    Element,
    /// In a string of an element.
    Text,
    /// After a backslash in a string.
    Escape,
    /// After the closing bracket.
    After,
}

impl Array {
    /// Refuses elements longer than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), limit, seen: 0, state: State::Before, element: 0, depth: 0 }
    }

    /// Takes bytes as they arrive.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole element, if it has arrived.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        while let Some(&byte) = self.buffer.get(self.seen) {
            self.seen += 1;
            if self.seen > self.limit {
                return Err(FrameError::TooLong(self.limit));
            }
            self.state = match (self.state, byte) {
                (State::Before | State::Between { .. } | State::After, b' ' | b'\t' | b'\r' | b'\n') => {
                    self.state
                }
                (State::Before, b'[') => State::Between { element: true, close: true },
                (State::Between { element: true, .. }, b'{' | b'[') => {
                    self.element = self.seen - 1;
                    self.depth = 1;
                    State::Element
                }
                (State::Between { element: false, .. }, b',') => {
                    State::Between { element: true, close: false }
                }
                (State::Between { close: true, .. }, b']') => State::After,
                (State::Before | State::Between { .. } | State::After, _) => {
                    return Err(FrameError::Malformed);
                }
                (State::Element, b'"') => State::Text,
                (State::Element, b'{' | b'[') => {
                    self.depth += 1;
                    State::Element
                }
                (State::Element, b'}' | b']') => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        self.state = State::Between { element: false, close: true };
                        return Ok(Some(self.take()));
                    }
                    State::Element
                }
                (State::Text, b'"') => State::Element,
                (State::Text, b'\\') => State::Escape,
                (State::Text | State::Escape, _) => State::Text,
                (State::Element, _) => State::Element,
            };
        }
        Ok(None)
    }

    /// What is left at the end of the stream: the closing bracket, or an error where the array was not closed.
    pub fn finish(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.state != State::After {
            return Err(FrameError::Malformed);
        }
        let raw = self.buffer.split().freeze();
        Ok((!raw.is_empty()).then(|| Frame { raw, ..Frame::default() }))
    }

    fn take(&mut self) -> Frame {
        let data = self.element as u32..self.seen as u32;
        let raw = self.buffer.split_to(self.seen).freeze();
        self.seen = 0;
        let mut frame = Frame { raw, ..Frame::default() };
        frame.data.push(data);
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_with_their_separators() {
        let src = b"[{\"a\":\"]\\\"}\"}\r\n,\r\n{\"b\":[1]}]\n";
        let mut codec = Array::new(100);
        let (mut raw, mut data) = (Vec::new(), Vec::new());
        let mut keep = |f: Frame| {
            raw.extend_from_slice(&f.raw);
            data.extend(f.data.iter().map(|r| f.raw.slice(r.start as usize..r.end as usize)));
        };
        for byte in src {
            codec.push(&[*byte]);
            while let Ok(Some(f)) = codec.next_frame() {
                keep(f);
            }
        }
        if let Ok(Some(f)) = codec.finish() {
            keep(f);
        }
        assert_eq!(raw, src);
        assert_eq!(data, ["{\"a\":\"]\\\"}\"}", "{\"b\":[1]}"]);
    }

    #[test]
    fn what_is_not_an_array_is_refused() {
        for src in ["{}", "[1]", "[{} {}]", "[,{}]", "[{},]", "[]x"] {
            let mut codec = Array::new(100);
            codec.push(src.as_bytes());
            let mut result = codec.next_frame();
            while let Ok(Some(_)) = result {
                result = codec.next_frame();
            }
            assert_eq!(result, Err(FrameError::Malformed), "{src}");
        }
        let mut open = Array::new(100);
        open.push(b"[{}");
        assert!(matches!(open.next_frame(), Ok(Some(_))));
        assert_eq!(open.finish(), Err(FrameError::Malformed));
    }
}
