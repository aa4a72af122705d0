//! Gives an HTTP/2 client the error code that RFC 9113 names for its mistake.
//!
//! The library below ends a connection (or a stream) at every mistake in framing, as it must, but says `PROTOCOL_ERROR` to most of
//! them. This wrapper follows the frames that arrive just far enough to know the code that is due, and puts it in place of
//! `PROTOCOL_ERROR` in the `GOAWAY` or `RST_STREAM` that the library writes. It decides nothing: what is served and what is refused
//! stays the library's. HTTP/1 connections (by their first bytes) pass unwatched.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 0x1;
const ACK: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE_ERROR: u32 = 6;

const INITIAL_WINDOW_SIZE: u16 = 4;
const LARGEST_WINDOW: u32 = 0x7fff_ffff;

/// Streams that are remembered; a client that has more open is served, but hears `PROTOCOL_ERROR` for every mistake.
const REMEMBERED: usize = 1024;
/// Ended streams that are remembered.
const ENDED: usize = 128;

/// A frame's header.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    length: u32,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Head {
    fn parse(bytes: [u8; 9]) -> Self {
        let [a, b, c, kind, flags, s0, s1, s2, s3] = bytes;
        Self {
            length: u32::from_be_bytes([0, a, b, c]),
            kind,
            flags,
            stream: u32::from_be_bytes([s0, s1, s2, s3]) & LARGEST_WINDOW,
        }
    }

    fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Where a direction stands: in a frame's header or in its payload.
#[derive(Clone, Copy, Debug, Default)]
struct Frames {
    raw: [u8; 9],
    filled: usize,
    head: Head,
    left: u32,
}

/// What a byte was.
enum Step {
    /// Part of a header.
    Header,
    /// The last byte of a header.
    Begins(Head),
    /// A byte of the payload, by its place.
    Payload(Head, u32),
}

impl Frames {
    fn byte(&mut self, byte: u8) -> Step {
        if self.left > 0 {
            let at = self.head.length - self.left;
            self.left -= 1;
            return Step::Payload(self.head, at);
        }
        if let Some(slot) = self.raw.get_mut(self.filled) {
            *slot = byte;
        }
        self.filled += 1;
        if self.filled < self.raw.len() {
            return Step::Header;
        }
        self.filled = 0;
        self.head = Head::parse(self.raw);
        self.left = self.head.length;
        Step::Begins(self.head)
    }

    /// Steps over as much payload as is there; how much that was.
    fn skip(&mut self, available: usize) -> usize {
        let step = (self.left as usize).min(available);
        self.left -= step as u32;
        step
    }
}

/// What the client did.
#[derive(Debug, Default)]
struct Inbound {
    preface: usize,
    frames: Frames,
    /// The setting that is being read.
    setting: [u8; 6],
    open: Vec<u32>,
    ended: VecDeque<u32>,
    highest: u32,
    /// The stream whose field block is not complete.
    block: Option<u32>,
    /// The code that is due for the first mistake.
    due: Option<u32>,
}

impl Inbound {
    /// Looks at bytes; false when they are no HTTP/2.
    fn look(&mut self, bytes: &[u8]) -> bool {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.preface < PREFACE.len() {
                if PREFACE.get(self.preface) != Some(&byte) {
                    return false;
                }
                self.preface += 1;
                at += 1;
                continue;
            }
            if self.frames.left > 0 && self.frames.head.kind != SETTINGS {
                at += self.frames.skip(bytes.len() - at);
                continue;
            }
            match self.frames.byte(byte) {
                Step::Header => {}
                Step::Begins(head) => self.begins(head),
                Step::Payload(_, place) => self.setting_byte(byte, place),
            }
            at += 1;
        }
        self.open.len() < REMEMBERED
    }

    fn mistake(&mut self, code: u32) {
        self.due.get_or_insert(code);
    }

    fn setting_byte(&mut self, byte: u8, place: u32) {
        let slot = (place % 6) as usize;
        if let Some(b) = self.setting.get_mut(slot) {
            *b = byte;
        }
        if slot == 5 {
            let [i0, i1, v0, v1, v2, v3] = self.setting;
            let value = u32::from_be_bytes([v0, v1, v2, v3]);
            if u16::from_be_bytes([i0, i1]) == INITIAL_WINDOW_SIZE && value > LARGEST_WINDOW {
                self.mistake(FLOW_CONTROL_ERROR);
            }
        }
    }

    fn begins(&mut self, head: Head) {
        if self.block.is_some_and(|stream| head.kind != CONTINUATION || head.stream != stream) {
            return self.mistake(PROTOCOL_ERROR);
        }
        let wrong_size = match head.kind {
            PING => head.length != 8,
            SETTINGS => !head.length.is_multiple_of(6) || (head.has(ACK) && head.length != 0),
            RST_STREAM | WINDOW_UPDATE => head.length != 4,
            PRIORITY => head.length != 5,
            GOAWAY => head.length < 8,
            _ => false,
        };
        if wrong_size {
            return self.mistake(FRAME_SIZE_ERROR);
        }
        match head.kind {
            DATA if !self.open.contains(&head.stream) && self.ended.contains(&head.stream) => {
                self.mistake(STREAM_CLOSED);
            }
            DATA if head.has(END_STREAM) => self.ends(head.stream),
            HEADERS => self.headers(head),
            CONTINUATION if head.has(END_HEADERS) => self.block = None,
            RST_STREAM => self.ends(head.stream),
            _ => {}
        }
    }

    fn headers(&mut self, head: Head) {
        self.block = (!head.has(END_HEADERS)).then_some(head.stream);
        if head.stream > self.highest && head.stream % 2 == 1 {
            self.highest = head.stream;
            self.open.push(head.stream);
        } else if !self.open.contains(&head.stream) && self.ended.contains(&head.stream) {
            self.mistake(STREAM_CLOSED);
        }
        if head.has(END_STREAM) {
            self.ends(head.stream);
        }
    }

    fn ends(&mut self, stream: u32) {
        self.open.retain(|&s| s != stream);
        if !self.ended.contains(&stream) {
            if self.ended.len() >= ENDED {
                self.ended.pop_front();
            }
            self.ended.push_back(stream);
        }
    }
}

/// A connection on which mistakes get the code that is due.
#[derive(Debug)]
pub(super) struct ExactCodes<S> {
    socket: S,
    inbound: Option<Box<Inbound>>,
    outbound: Frames,
}

impl<S> ExactCodes<S> {
    pub(super) fn new(socket: S) -> Self {
        Self { socket, inbound: Some(Box::default()), outbound: Frames::default() }
    }

    /// The bytes with the code that is due, if they hold a code that has to change.
    fn corrected(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let code = self.inbound.as_ref()?.due?;
        let (due, wrong) = (code.to_be_bytes(), PROTOCOL_ERROR.to_be_bytes());
        let mut frames = self.outbound;
        let mut places = Vec::new();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if frames.left > 0 && !matches!(frames.head.kind, GOAWAY | RST_STREAM) {
                at += frames.skip(bytes.len() - at);
                continue;
            }
            if let Step::Payload(head, place) = frames.byte(byte) {
                let its_place = place == if head.kind == GOAWAY { 4 } else { 0 };
                // A code that is cut across two writes stays as it is.
                if its_place && bytes.get(at..at + 4) == Some(wrong.as_slice()) {
                    places.push(at);
                }
            }
            at += 1;
        }
        if places.is_empty() {
            return None;
        }
        let mut out = bytes.to_vec();
        for at in places {
            if let Some(slot) = out.get_mut(at..at + 4) {
                slot.copy_from_slice(&due);
            }
        }
        Some(out)
    }

    fn written(&mut self, bytes: &[u8]) {
        let Some(inbound) = self.inbound.as_mut() else { return };
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.outbound.left > 0 {
                at += self.outbound.skip(bytes.len() - at);
                continue;
            }
            if let Step::Begins(head) = self.outbound.byte(byte)
                && head.kind == RST_STREAM
            {
                // What the client sent before it heard of this is no mistake.
                inbound.open.retain(|&s| s != head.stream);
            }
            at += 1;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ExactCodes<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
        let fresh = buf.filled().get(before..).unwrap_or_default();
        if let Some(inbound) = self.inbound.as_mut()
            && !inbound.look(fresh)
        {
            self.inbound = None;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ExactCodes<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.inbound.is_none() {
            return Pin::new(&mut self.socket).poll_write(cx, bytes);
        }
        let corrected = self.corrected(bytes);
        let sent = corrected.as_deref().unwrap_or(bytes);
        let count = ready!(Pin::new(&mut self.socket).poll_write(cx, sent))?;
        self.written(bytes.get(..count).unwrap_or_default());
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.inbound.as_ref().is_some_and(|i| i.due.is_some()) {
            // Rare, and the end of the connection in most cases: one buffer at a time.
            let first = bufs.iter().find(|b| !b.is_empty()).map_or(&[][..], |b| b);
            return self.poll_write(cx, first);
        }
        let count = ready!(Pin::new(&mut self.socket).poll_write_vectored(cx, bufs))?;
        if self.inbound.is_some() {
            let mut left = count;
            for buf in bufs {
                let step = left.min(buf.len());
                self.written(buf.get(..step).unwrap_or_default());
                left -= step;
            }
        }
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut out = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        out.extend([kind, flags]);
        out.extend(stream.to_be_bytes());
        out.extend(payload);
        out
    }

    /// What a client hears to `frames` where the library says `PROTOCOL_ERROR`, with every cut of what arrives.
    fn heard(frames: &[Vec<u8>]) -> u32 {
        let bytes = [PREFACE.to_vec(), frames.concat()].concat();
        let goaway = frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 1]);
        let mut codes = Vec::new();
        for cut in 0..bytes.len() {
            let mut watched = ExactCodes::new(());
            if let Some(inbound) = watched.inbound.as_mut() {
                assert!(inbound.look(&bytes[..cut]) && inbound.look(&bytes[cut..]));
            }
            let out = watched.corrected(&goaway).unwrap_or_else(|| goaway.clone());
            codes.push(u32::from(out[16]));
        }
        codes.dedup();
        assert_eq!(codes.len(), 1, "the cut changes the code: {codes:?}");
        codes[0]
    }

    #[test]
    fn each_mistake_has_its_code() {
        let settings = frame(SETTINGS, 0, 0, &[]);
        let opened = frame(HEADERS, END_HEADERS, 1, &[0x82]);
        let asked = frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0x82]);
        let window = |value: u32| [&[0, 4][..], &value.to_be_bytes()].concat();
        let cases: Vec<(&str, Vec<Vec<u8>>, u32)> = vec![
            ("ping of 6 bytes", vec![frame(PING, 0, 0, &[0; 6])], FRAME_SIZE_ERROR),
            ("settings of 3 bytes", vec![frame(SETTINGS, 0, 0, &[0; 3])], FRAME_SIZE_ERROR),
            ("ack with payload", vec![frame(SETTINGS, ACK, 0, &[0; 6])], FRAME_SIZE_ERROR),
            ("reset of 3 bytes", vec![opened.clone(), frame(RST_STREAM, 0, 1, &[0; 3])], FRAME_SIZE_ERROR),
            ("priority of 4 bytes", vec![frame(PRIORITY, 0, 1, &[0; 4])], FRAME_SIZE_ERROR),
            ("window update of 3 bytes", vec![frame(WINDOW_UPDATE, 0, 0, &[0; 3])], FRAME_SIZE_ERROR),
            ("window too large", vec![frame(SETTINGS, 0, 0, &window(0x8000_0000))], FLOW_CONTROL_ERROR),
            ("data after the end", vec![asked.clone(), frame(DATA, 0, 1, b"x")], STREAM_CLOSED),
            ("headers after the end", vec![asked.clone(), opened.clone()], STREAM_CLOSED),
            (
                "headers after a reset",
                vec![opened.clone(), frame(RST_STREAM, 0, 1, &[0; 4]), opened.clone()],
                STREAM_CLOSED,
            ),
            (
                "data inside a field block",
                vec![frame(HEADERS, END_STREAM, 1, &[0x82]), frame(DATA, 0, 1, b"x")],
                PROTOCOL_ERROR,
            ),
            ("nothing that is known", vec![asked, settings.clone()], PROTOCOL_ERROR),
            ("a good window", vec![frame(SETTINGS, 0, 0, &window(70_000))], PROTOCOL_ERROR),
            ("data on an idle stream", vec![settings, frame(DATA, 0, 5, b"x")], PROTOCOL_ERROR),
        ];
        for (name, frames, code) in cases {
            assert_eq!(heard(&frames), code, "{name}");
        }
    }

    #[test]
    fn another_code_and_other_frames_stay() {
        let mut watched = ExactCodes::new(());
        if let Some(inbound) = watched.inbound.as_mut() {
            assert!(inbound.look(&[PREFACE.to_vec(), frame(PING, 0, 0, &[0; 6])].concat()));
        }
        assert_eq!(watched.corrected(&frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0])), None);
        assert_eq!(watched.corrected(&frame(DATA, 0, 1, &[0, 0, 0, 1, 0, 0, 0, 1])), None);
        let both = [frame(DATA, 0, 1, b"text"), frame(RST_STREAM, 0, 1, &[0, 0, 0, 1])].concat();
        let out = watched.corrected(&both).unwrap_or_default();
        assert_eq!(out.last(), Some(&6));
    }

    #[test]
    fn http1_is_unwatched() {
        let mut inbound = Inbound::default();
        assert!(!inbound.look(b"POST /v1/chat/completions HTTP/1.1\r\n"));
    }
}
