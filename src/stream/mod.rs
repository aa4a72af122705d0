//! Cuts a byte stream into frames and keeps each frame's raw bytes, so that a clean frame leaves as it came.
//!
//! All codecs are sans-IO: [`Splitter::push`] takes bytes as they arrive, [`Splitter::next_frame`] gives whole frames. The frames'
//! raw bytes put together are the stream, byte for byte, however it was cut.

pub mod array;
pub mod coding;
pub mod ndjson;
pub mod sse;

use std::ops::Range;

use bytes::Bytes;
use smallvec::SmallVec;

/// How an answer is cut into events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events (WHATWG HTML, section 9.2).
    Sse,
    /// One JSON value a line.
    Ndjson,
    /// One JSON array whose elements arrive one by one (Gemini without `alt=sse`).
    JsonArray,
}

impl Framing {
    /// What must stand between what a stream came to, of which `tail` are the last bytes (four, if there are so many), and a frame that is
    /// put behind it: the line or the event may not have ended.
    pub fn between(self, tail: &[u8]) -> &'static [u8] {
        let ended = |text: &'_ [u8]| -> Option<usize> {
            let end = [&b"\r\n"[..], b"\n", b"\r"].into_iter().find(|end| text.ends_with(end))?;
            Some(text.len() - end.len())
        };
        let line = ended(tail);
        let before = line.and_then(|at| tail.get(..at)).unwrap_or_default();
        match self {
            Self::JsonArray => b"",
            Self::Ndjson if tail.is_empty() || tail.ends_with(b"\n") => b"",
            Self::Ndjson => b"\n",
            Self::Sse if line.is_some() && (before.is_empty() || ended(before).is_some()) => b"",
            Self::Sse if tail.is_empty() => b"",
            Self::Sse if tail.ends_with(b"\n") => b"\n",
            // A line feed behind a CR would end no other line.
            Self::Sse => b"\n\n",
        }
    }
}

/// One event with the bytes it came in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The bytes as received, separators included.
    pub raw: Bytes,
    /// Where the event's data stands in `raw`; several ranges are lines to be joined by a line feed.
    pub data: SmallVec<[Range<u32>; 1]>,
    /// Other places that may hold text: comments, unknown fields, ids that do not look like one.
    pub loose: SmallVec<[Range<u32>; 1]>,
}

/// Why a stream cannot be cut into frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// One event is longer than the limit, in bytes.
    #[error("an event of the stream is longer than {0} bytes")]
    TooLong(usize),
    /// The stream's form is broken.
    #[error("the stream is not framed as its media type says")]
    Malformed,
}

/// A codec in use.
#[derive(Debug)]
pub enum Splitter {
    /// Server-sent events.
    Sse(sse::Sse),
    /// One JSON value a line.
    Ndjson(ndjson::Ndjson),
    /// Elements of one JSON array.
    Array(array::Array),
}

impl Splitter {
    /// A codec for this framing that refuses events longer than `limit` bytes.
    pub fn new(framing: Framing, limit: usize) -> Self {
        match framing {
            Framing::Sse => Self::Sse(sse::Sse::new(limit)),
            Framing::Ndjson => Self::Ndjson(ndjson::Ndjson::new(limit)),
            Framing::JsonArray => Self::Array(array::Array::new(limit)),
        }
    }

    /// Takes bytes as they arrive.
    pub fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Sse(s) => s.push(bytes),
            Self::Ndjson(s) => s.push(bytes),
            Self::Array(s) => s.push(bytes),
        }
    }

    /// The next whole frame, if it has arrived.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        match self {
            Self::Sse(s) => s.next_frame(),
            Self::Ndjson(s) => s.next_frame(),
            Self::Array(s) => s.next_frame(),
        }
    }

    /// What is left at the end of the stream, as a last frame.
    pub fn finish(&mut self) -> Result<Option<Frame>, FrameError> {
        match self {
            Self::Sse(s) => Ok(s.finish()),
            Self::Ndjson(s) => Ok(s.finish()),
            Self::Array(s) => s.finish(),
        }
    }
}
