//! Content codings undone as bytes arrive, under a ceiling: a small body must not become a large one unnoticed.
//!
//! gzip and deflate (with or without the zlib wrapper, RFC 9110 section 8.4.1.2), br (RFC 7932), zstd (RFC 8878). One coding only.

use std::io::{self, Write};

use zstd::stream::raw::{DParameter, InBuffer, Operation as _, OutBuffer};

/// A coding that the gateway undoes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950, or RFC 1951 as some send it.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// All codings, in the order of preference.
    pub const ALL: [Self; 4] = [Self::Gzip, Self::Deflate, Self::Brotli, Self::Zstd];

    /// The name in `content-encoding`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// Reads a `content-encoding` value: none for `identity`, an error for what is unknown or more than one.
    pub fn parse(value: &str) -> Result<Option<Self>, CodingError> {
        let value = value.trim();
        if value.is_empty() || value.eq_ignore_ascii_case("identity") {
            return Ok(None);
        }
        let value = if value.eq_ignore_ascii_case("x-gzip") { "gzip" } else { value };
        Self::ALL
            .into_iter()
            .find(|c| c.as_str().eq_ignore_ascii_case(value))
            .map(Some)
            .ok_or(CodingError::Unknown)
    }

    /// Whether a coded body holds nothing beside its text, as far as its bytes tell: a file's name or comment, frames and blocks that
    /// decoders skip may hold text that nobody has read. False where it may be.
    pub fn is_bare(self, coded: &[u8]) -> bool {
        let holds = |sign: &[u8]| memchr::memmem::find(coded.get(1..).unwrap_or_default(), sign).is_some();
        match self {
            // One member without any of the optional fields (RFC 1952 section 2.3).
            Self::Gzip => coded.get(3) == Some(&0) && !holds(&[0x1f, 0x8b, 8]),
            Self::Deflate => true,
            // Blocks of metadata stand anywhere between its bits (RFC 7932 section 9.2).
            Self::Brotli => false,
            // No skippable frame (RFC 8878 section 3.1.2).
            Self::Zstd => coded.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) && !holds(&[0x2a, 0x4d, 0x18]),
        }
    }
}

/// Why a body cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodingError {
    /// Not one of the codings.
    #[error("unknown content coding; gzip, deflate, br and zstd are read, one at a time")]
    Unknown,
    /// The bytes are not what the coding says.
    #[error("the body is not what its content coding says")]
    Broken,
    /// More than the ceiling.
    #[error("the decompressed body is longer than {0} bytes")]
    TooLong(usize),
    /// A bomb.
    #[error("the body grows more than {0} times by decompression")]
    Ratio(u64),
}

/// The ratio is looked at from this many bytes of output on: short texts may be anything.
const RATIO_FROM: usize = 64 << 10;

/// Where decoders write: stops them at the ceiling.
#[derive(Debug)]
struct Sink {
    out: Vec<u8>,
    total: usize,
    read: u64,
    limit: usize,
    ratio: u64,
    stopped: Option<CodingError>,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.total += bytes.len();
        if self.total > self.limit {
            self.stopped = Some(CodingError::TooLong(self.limit));
        } else if self.total > RATIO_FROM && self.total as u64 > self.read.saturating_mul(self.ratio) {
            self.stopped = Some(CodingError::Ratio(self.ratio));
        }
        if self.stopped.is_some() {
            return Err(io::Error::other("ceiling"));
        }
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum Engine {
    Gzip(flate2::write::MultiGzDecoder<Sink>),
    /// The first byte tells whether the zlib wrapper is there.
    DeflateStart(Sink),
    Zlib(flate2::write::ZlibDecoder<Sink>),
    Raw(flate2::write::DeflateDecoder<Sink>),
    Brotli(Box<brotli::DecompressorWriter<Sink>>),
    Zstd(Box<Zstd>),
    Gone,
}

/// Frames of zstd (RFC 8878, section 3.1). The library's own writer does not tell a frame that breaks off from one that is complete.
struct Zstd {
    frames: zstd::stream::raw::Decoder<'static>,
    sink: Sink,
    space: Vec<u8>,
    /// The last frame came to its end.
    complete: bool,
}

impl Zstd {
    fn new(sink: Sink) -> io::Result<Self> {
        let mut frames = zstd::stream::raw::Decoder::new()?;
        // RFC 9659: a window above 8 MiB need not be read.
        frames.set_parameter(DParameter::WindowLogMax(23))?;
        Ok(Self { frames, sink, space: Vec::with_capacity(32 << 10), complete: true })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut source = InBuffer::around(bytes);
        while source.pos() < bytes.len() || !self.complete {
            self.space.clear();
            let left = self.frames.run(&mut source, &mut OutBuffer::around(&mut self.space))?;
            self.complete = left == 0;
            self.sink.write_all(&self.space)?;
            if source.pos() == bytes.len() && self.space.len() < self.space.capacity() {
                break;
            }
        }
        Ok(())
    }

    fn finish(&self) -> io::Result<()> {
        if self.complete { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// Undoes one coding.
pub struct Decoder {
    engine: Engine,
    /// Something came: nothing at all is an empty body in any coding.
    begun: bool,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

impl Decoder {
    /// A decoder that gives at most `limit` bytes and at most `ratio` times what it was fed.
    pub fn new(coding: Coding, limit: usize, ratio: u64) -> Result<Self, CodingError> {
        let sink = Sink { out: Vec::new(), total: 0, read: 0, limit, ratio, stopped: None };
        let engine = match coding {
            Coding::Gzip => Engine::Gzip(flate2::write::MultiGzDecoder::new(sink)),
            Coding::Deflate => Engine::DeflateStart(sink),
            Coding::Brotli => Engine::Brotli(Box::new(brotli::DecompressorWriter::new(sink, 4096))),
            Coding::Zstd => Engine::Zstd(Box::new(Zstd::new(sink).map_err(|_| CodingError::Broken)?)),
        };
        Ok(Self { engine, begun: false })
    }

    /// Takes bytes as they arrive and gives what they mean so far.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<u8>, CodingError> {
        self.begun |= !bytes.is_empty();
        if let Some(sink) = self.sink() {
            sink.read += bytes.len() as u64;
            // What says nothing has a ceiling too: members and frames without text.
            if sink.read > (sink.limit as u64).saturating_add(RATIO_FROM as u64) {
                return Err(CodingError::TooLong(sink.limit));
            }
        }
        if let (Engine::DeflateStart(_), Some(first)) = (&self.engine, bytes.first()) {
            // RFC 1950: the low nibble of a zlib header is 8; a raw deflate block practically never begins so.
            let wrapped = first & 0x0f == 8 && first >> 4 <= 7;
            if let Engine::DeflateStart(sink) = std::mem::replace(&mut self.engine, Engine::Gone) {
                self.engine = if wrapped {
                    Engine::Zlib(flate2::write::ZlibDecoder::new(sink))
                } else {
                    Engine::Raw(flate2::write::DeflateDecoder::new(sink))
                };
            }
        }
        let written = match &mut self.engine {
            Engine::Gzip(d) => d.write_all(bytes).and_then(|()| d.flush()),
            Engine::Zlib(d) => d.write_all(bytes).and_then(|()| d.flush()),
            Engine::Raw(d) => d.write_all(bytes).and_then(|()| d.flush()),
            Engine::Brotli(d) => d.write_all(bytes).and_then(|()| d.flush()),
            Engine::Zstd(d) => d.write(bytes),
            Engine::DeflateStart(_) | Engine::Gone => Ok(()),
        };
        self.take(written)
    }

    /// The end of the body: what is left, or an error where the coding is not complete.
    pub fn finish(&mut self) -> Result<Vec<u8>, CodingError> {
        if !self.begun {
            return Ok(Vec::new());
        }
        let finished = match &mut self.engine {
            Engine::Gzip(d) => d.try_finish(),
            Engine::Zlib(d) => d.try_finish(),
            Engine::Raw(d) => d.try_finish(),
            Engine::Brotli(d) => d.close(),
            Engine::Zstd(d) => d.finish(),
            Engine::DeflateStart(_) | Engine::Gone => Ok(()),
        };
        self.take(finished)
    }

    fn take(&mut self, result: io::Result<()>) -> Result<Vec<u8>, CodingError> {
        let Some(sink) = self.sink() else { return Err(CodingError::Broken) };
        if let Some(stopped) = sink.stopped {
            return Err(stopped);
        }
        let out = std::mem::take(&mut sink.out);
        result.map(|()| out).map_err(|_| CodingError::Broken)
    }

    fn sink(&mut self) -> Option<&mut Sink> {
        match &mut self.engine {
            Engine::Gzip(d) => Some(d.get_mut()),
            Engine::DeflateStart(s) => Some(s),
            Engine::Zlib(d) => Some(d.get_mut()),
            Engine::Raw(d) => Some(d.get_mut()),
            Engine::Brotli(d) => Some(d.get_mut()),
            Engine::Zstd(d) => Some(&mut d.sink),
            Engine::Gone => None,
        }
    }
}

/// Decodes a whole body.
pub fn decode(coding: Coding, body: &[u8], limit: usize, ratio: u64) -> Result<Vec<u8>, CodingError> {
    let mut decoder = Decoder::new(coding, limit, ratio)?;
    let mut out = decoder.push(body)?;
    out.extend(decoder.finish()?);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(coding: Coding, text: &[u8], raw: bool) -> Vec<u8> {
        let level = flate2::Compression::default();
        let done: io::Result<Vec<u8>> = match coding {
            Coding::Gzip => {
                let mut e = flate2::write::GzEncoder::new(Vec::new(), level);
                e.write_all(text).and_then(|()| e.finish())
            }
            Coding::Deflate if raw => {
                let mut e = flate2::write::DeflateEncoder::new(Vec::new(), level);
                e.write_all(text).and_then(|()| e.finish())
            }
            Coding::Deflate => {
                let mut e = flate2::write::ZlibEncoder::new(Vec::new(), level);
                e.write_all(text).and_then(|()| e.finish())
            }
            Coding::Brotli => {
                let mut out = Vec::new();
                let params = brotli::enc::BrotliEncoderParams { quality: 4, ..Default::default() };
                brotli::BrotliCompress(&mut &text[..], &mut out, &params).map(|_| out)
            }
            Coding::Zstd => zstd::encode_all(text, 3),
        };
        done.unwrap_or_else(|e| panic!("{e}"))
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(text in "[a-f ]{0,400}", which in 0usize..4, raw: bool, piece in 1usize..40) {
            let coding = Coding::ALL[which];
            let packed = encode(coding, text.as_bytes(), raw);
            let mut decoder = Decoder::new(coding, 1 << 20, 100)?;
            let mut out = Vec::new();
            for bytes in packed.chunks(piece) {
                out.extend(decoder.push(bytes)?);
            }
            out.extend(decoder.finish()?);
            prop_assert_eq!(out, text.as_bytes());
        }

        /// What breaks off is an error, wherever it does: a part of a text is not the text.
        #[test]
        fn no_beginning_passes_for_the_whole(
            text in "[a-f ]{1,400}", which in 0usize..4, raw: bool, at in any::<prop::sample::Index>(), piece in 1usize..40,
        ) {
            let coding = Coding::ALL[which];
            let packed = encode(coding, text.as_bytes(), raw);
            let begin = &packed[..=at.index(packed.len() - 1)];
            let mut decoder = Decoder::new(coding, 1 << 20, 100)?;
            let fed: Result<Vec<_>, _> = begin.chunks(piece).map(|bytes| decoder.push(bytes)).collect();
            prop_assert_eq!(fed.and_then(|_| decoder.finish()), Err(CodingError::Broken), "{:?}", coding);
        }

        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), which in 0usize..4) {
            let _ = decode(Coding::ALL[which], &bytes, 1 << 16, 100);
        }
    }

    /// Frames of zstd may follow each other, and what they hold may be longer than any buffer.
    #[test]
    fn long_texts_and_several_frames() {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            b'a' + (state >> 60) as u8
        };
        for length in [0, 1, 4096, 32 << 10, 128 << 10, 300_001] {
            let text: Vec<u8> = (0..length).map(|_| next()).collect();
            for coding in Coding::ALL {
                let packed = encode(coding, &text, false);
                assert_eq!(decode(coding, &packed, 1 << 20, 100).as_ref(), Ok(&text), "{coding:?} {length}");
                let cut = packed.get(..packed.len().saturating_sub(3)).unwrap_or_default();
                if cut.is_empty() {
                    continue;
                }
                assert_eq!(
                    decode(coding, cut, 1 << 20, 100),
                    Err(CodingError::Broken),
                    "{coding:?} {length}"
                );
            }
            for coding in [Coding::Gzip, Coding::Zstd] {
                let packed = [encode(coding, &text, false), encode(coding, b"more", false)].concat();
                let want = [&text[..], b"more"].concat();
                assert_eq!(decode(coding, &packed, 1 << 20, 100), Ok(want), "{coding:?} {length}");
            }
        }
        for coding in Coding::ALL {
            assert_eq!(decode(coding, b"", 1 << 20, 100), Ok(Vec::new()), "{coding:?}: nothing is nothing");
        }
    }

    #[test]
    fn bombs_are_stopped() {
        let zeros = vec![0u8; 4 << 20];
        for coding in Coding::ALL {
            let packed = encode(coding, &zeros, false);
            assert_eq!(decode(coding, &packed, 8 << 20, 100), Err(CodingError::Ratio(100)), "{coding:?}");
            assert_eq!(
                decode(coding, &packed, 1 << 20, u64::MAX),
                Err(CodingError::TooLong(1 << 20)),
                "{coding:?}"
            );
        }
    }

    #[test]
    fn one_coding_only() {
        assert_eq!(Coding::parse("gzip, br"), Err(CodingError::Unknown));
        assert_eq!(Coding::parse("identity"), Ok(None));
        assert_eq!(Coding::parse(" GZIP "), Ok(Some(Coding::Gzip)));
    }

    /// What stands beside the text in a coded body was read by nobody.
    #[test]
    fn what_holds_more_than_its_text_is_told() {
        let text = b"some text, some more text";
        for coding in [Coding::Gzip, Coding::Deflate, Coding::Zstd] {
            assert!(coding.is_bare(&encode(coding, text, false)), "{coding:?}");
        }
        let named = flate2::GzBuilder::new()
            .filename("jo@corp.example")
            .write(Vec::new(), flate2::Compression::fast());
        let named = named.finish().expect("a body");
        let twice = [encode(Coding::Gzip, text, false), encode(Coding::Gzip, b"", false)].concat();
        for more in [named, twice] {
            assert!(!Coding::Gzip.is_bare(&more));
        }
        let skipped = |body: &[u8]| [&[0x51, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, b'j', b'o'], body].concat();
        let plain = encode(Coding::Zstd, text, false);
        assert!(!Coding::Zstd.is_bare(&skipped(&plain)));
        assert!(!Coding::Zstd.is_bare(&[plain.clone(), skipped(&plain)].concat()));
        assert!(!Coding::Brotli.is_bare(&encode(Coding::Brotli, text, false)));
        // Frames that say nothing have a ceiling.
        let nothing = skipped(b"").repeat(20_000);
        assert_eq!(decode(Coding::Zstd, &nothing, 1000, 100), Err(CodingError::TooLong(1000)));
    }
}
