//! Watches the bytes of an HTTP/1 connection before hyper parses them, for what hyper lets pass but a proxy must refuse: a
//! `content-length` beside `transfer-encoding` in whatever order, folded header lines, bare line feeds in a head.
//!
//! The watcher follows the framing just far enough to know where the next head begins. What it finds is told to the connection as an
//! invalid byte in place of the head's end, so that hyper answers 400 and closes. HTTP/2 connections (by their preface) pass unwatched.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// What stands in the place of a refused head's last byte: no line ends in NUL, so no parser takes this for a request, and the
/// empty line tells hyper that it has the whole head and may say so.
const SPOIL: &[u8] = b"\0\n\n";

/// Most bytes read and thrown away after an early answer, so that the client reads it before its connection is reset.
const LINGER_BYTES: usize = 4 << 20;
/// And for how long.
const LINGER: Duration = Duration::from_secs(2);

/// A request's head did not arrive in its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a head took too long")]
pub(super) struct SlowHead;

/// A socket with a watcher on what it reads.
#[derive(Debug)]
pub(super) struct Guarded<S> {
    socket: S,
    watch: Watch,
    /// How long a head may take from its first byte; the first one from the connection's beginning.
    patience: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    /// What hyper still has to be given in the place of a head's end.
    spoil: &'static [u8],
    /// Bytes that may still be thrown away.
    linger: usize,
    lingering: Option<Pin<Box<Sleep>>>,
}

impl<S> Guarded<S> {
    pub(super) fn new(socket: S, patience: Duration) -> Self {
        Self {
            socket,
            watch: Watch::default(),
            patience,
            timer: Some(Box::pin(tokio::time::sleep(patience))),
            spoil: b"",
            linger: LINGER_BYTES,
            lingering: None,
        }
    }

    /// Puts what stands in the place of a refused head's end, as far as there is room.
    fn spoil(&mut self, buf: &mut ReadBuf<'_>) {
        let n = self.spoil.len().min(buf.remaining());
        let (now, later) = self.spoil.split_at_checked(n).unwrap_or_default();
        buf.put_slice(now);
        self.spoil = later;
    }

    /// Begins or ends the time for a head.
    fn time_head(&mut self) {
        if !self.watch.is_in_head() {
            self.timer = None;
        } else if self.timer.is_none() {
            self.timer = Some(Box::pin(tokio::time::sleep(self.patience)));
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if !self.spoil.is_empty() {
            self.spoil(buf);
            return Poll::Ready(Ok(()));
        }
        if Pin::new(&mut self.socket).poll_read(cx, buf)?.is_pending() {
            if let Some(timer) = &mut self.timer {
                ready!(timer.as_mut().poll(cx));
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, SlowHead)));
            }
            return Poll::Pending;
        }
        let this = &mut *self;
        let fresh = buf.filled().get(before..).unwrap_or_default();
        if let Some(end) = this.watch.look(fresh) {
            buf.set_filled(before + end);
            this.spoil = SPOIL;
        }
        this.spoil(buf);
        this.time_head();
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guarded<S> {
    /// Reads and throws away what the client still sends: to close with bytes unread is to reset, and a reset can destroy the answer
    /// on its way (RFC 9112 section 9.6).
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let until = self.lingering.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
        if until.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut space = [std::mem::MaybeUninit::uninit(); 8 << 10];
        loop {
            let mut buf = ReadBuf::uninit(&mut space);
            let read = ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buf));
            let n = buf.filled().len();
            if read.is_err() || n == 0 || n >= self.linger {
                return Poll::Ready(());
            }
            self.linger -= n;
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.socket).poll_shutdown(cx))?;
        }
        if self.watch.is_between() {
            return Poll::Ready(Ok(()));
        }
        self.poll_linger(cx).map(Ok)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }
    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }
}

/// Longest head that is watched whole; hyper refuses longer ones by its own limit.
const LONGEST_HEAD: usize = 64 << 10;

#[derive(Debug)]
struct Watch {
    state: State,
    head: Vec<u8>,
    /// A first head has been complete.
    begun: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In a head, its bytes collected.
    Head,
    /// In a body of known length.
    Counted(u64),
    /// In a chunked body: in the line that gives a chunk's size, with the size so far.
    Size { size: u64, extension: bool },
    /// In a chunk and its line end.
    Chunk(u64),
    /// In the trailer section; bytes of the line so far.
    Trailer(u64),
    /// Not HTTP/1, or already refused: hyper decides alone.
    Off,
}

impl Default for Watch {
    fn default() -> Self {
        Self { state: State::Head, head: Vec::new(), begun: false }
    }
}

impl Watch {
    /// Whether a head has begun; true too while nothing has come at all.
    fn is_in_head(&self) -> bool {
        self.state == State::Head && (!self.head.is_empty() || !self.begun)
    }

    /// Whether nothing of a request is on its way.
    fn is_between(&self) -> bool {
        self.state == State::Head && self.head.is_empty()
    }

    /// Looks at bytes in the order they arrive; says where a head ends that must not be served: its last byte is not to be given on.
    fn look(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() && self.state != State::Off {
            let &byte = bytes.get(at)?;
            match self.state {
                State::Head => {
                    // The fast path: most heads arrive in one piece.
                    let rest = bytes.get(at..).unwrap_or_default();
                    let take = rest.iter().position(|&b| b == b'\n').map_or(rest.len(), |p| p + 1);
                    self.head.extend_from_slice(rest.get(..take).unwrap_or_default());
                    at += take;
                    if !self.head_line() {
                        return Some(at - 1);
                    }
                    continue;
                }
                State::Counted(left) => {
                    let step = left.min((bytes.len() - at) as u64);
                    at += step as usize;
                    self.state = if left == step { State::Head } else { State::Counted(left - step) };
                    continue;
                }
                State::Chunk(left) => {
                    let step = left.min((bytes.len() - at) as u64);
                    at += step as usize;
                    let next = State::Size { size: 0, extension: false };
                    self.state = if left == step { next } else { State::Chunk(left - step) };
                    continue;
                }
                State::Size { size, extension } => self.state = Self::size(size, extension, byte),
                State::Trailer(length) => {
                    self.state = match (byte, length) {
                        (b'\n', 0) => State::Head,
                        (b'\n', _) => State::Trailer(0),
                        (b'\r', n) => State::Trailer(n),
                        (_, n) => State::Trailer(n + 1),
                    }
                }
                State::Off => {}
            }
            at += 1;
        }
        None
    }

    fn size(size: u64, extension: bool, byte: u8) -> State {
        match (byte, char::from(byte).to_digit(16)) {
            (b'\n', _) if size == 0 => State::Trailer(0),
            // The chunk and the CRLF after it.
            (b'\n', _) => State::Chunk(size.saturating_add(2)),
            (_, Some(digit)) if !extension => {
                State::Size { size: size.saturating_mul(16).saturating_add(u64::from(digit)), extension }
            }
            (b'\r', _) => State::Size { size, extension },
            _ => State::Size { size, extension: true },
        }
    }

    /// A line of the head may be complete; says whether all is well.
    fn head_line(&mut self) -> bool {
        if self.head.starts_with(b"PRI * HTTP/2.0") || self.head.len() > LONGEST_HEAD {
            self.state = State::Off;
            return true;
        }
        let complete = self.head.ends_with(b"\r\n\r\n") || self.head.ends_with(b"\n\n");
        let leading = self.head.iter().all(|b| matches!(b, b'\r' | b'\n'));
        if leading || !complete {
            // Empty lines before a request are allowed (RFC 9112 section 2.2).
            if leading && self.head.len() > 4 {
                self.head.clear();
            }
            return true;
        }
        if leading {
            return true;
        }
        self.begun = true;
        let follows = framing(&self.head);
        self.state = follows.unwrap_or(State::Off);
        self.head.clear();
        follows.is_some()
    }
}

/// What follows a head; none for a head that must not be served.
fn framing(head: &[u8]) -> Option<State> {
    let (mut length, mut chunked) = (None, false);
    let start = head.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(0);
    let mut lines = head.get(start..).unwrap_or_default().split(|&b| b == b'\n');
    let request = lines.next()?;
    if !request.ends_with(b"\r") {
        return None;
    }
    for line in lines {
        if line.is_empty() {
            continue;
        }
        // A bare line feed, or a line that continues the one before (obs-fold, RFC 9112 section 5.2).
        let line = line.strip_suffix(b"\r")?;
        if line.is_empty() {
            continue;
        }
        if line.first().is_some_and(|b| matches!(b, b' ' | b'\t'))
            || line.contains(&b'\r')
            || line.contains(&0)
        {
            return None;
        }
        let colon = line.iter().position(|&b| b == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        // White space before the colon is how names are hidden (RFC 9112 section 5.1).
        if name.iter().any(u8::is_ascii_whitespace) || name.is_empty() {
            return None;
        }
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            let number = std::str::from_utf8(value)
                .ok()
                .filter(|v| !v.is_empty() && v.bytes().all(|b| b.is_ascii_digit()))?;
            if length.replace(number.parse::<u64>().ok()?).is_some() {
                return None;
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return None;
            }
            chunked = true;
        }
    }
    match (length, chunked) {
        (Some(_), true) => None,
        (None, true) => Some(State::Size { size: 0, extension: false }),
        (Some(0) | None, false) => Some(State::Head),
        (Some(n), false) => Some(State::Counted(n)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spoiled(stream: &[u8], piece: usize) -> bool {
        let mut watch = Watch::default();
        stream.chunks(piece).any(|bytes| watch.look(bytes).is_some())
    }

    #[test]
    fn what_hides_a_second_request_is_spoiled() {
        let bad: [&[u8]; 9] = [
            b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n",
            b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
            b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\n",
            b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +3\r\n\r\n",
            b"POST / HTTP/1.1\r\nhost: a\r\nx: b\r\n c\r\n\r\n",
            b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding : chunked\r\n\r\n",
            b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n",
            b"POST / HTTP/1.1\nhost: a\n\n",
            b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nabGET / HTTP/1.1\r\nhost: a\r\nx: b\r\n c\r\n\r\n",
        ];
        for stream in bad {
            for piece in [1, 7, 1000] {
                assert!(spoiled(stream, piece), "{:?}", std::str::from_utf8(stream));
            }
        }
    }

    #[test]
    fn honest_streams_pass() {
        let good: [&[u8]; 4] = [
            b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
            b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n\r\n\r\nxGET / HTTP/1.1\r\nhost: a\r\n\r\n",
            b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nab\n\r\n0\r\nt: v\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00",
        ];
        for stream in good {
            for piece in [1, 3, 1000] {
                assert!(!spoiled(stream, piece), "{:?}", std::str::from_utf8(stream));
            }
        }
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), piece in 1usize..40) {
            let _ = spoiled(&bytes, piece);
        }
    }
}
