//! The upstream's body, without its content coding.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::Body as _;

use crate::audit::Commitment;
use crate::dialect::ErrorKind;
use crate::exchange::Ended;
use crate::stream::coding::{Coding, CodingError, Decoder};
use crate::upstream::{Answer, Upstream};

/// The upstream's body without its content coding.
#[derive(Debug)]
pub(super) struct Source {
    body: Answer,
    decoder: Option<Decoder>,
    /// The bytes as they came, where they may go on as they are.
    raw: Option<BytesMut>,
    over: bool,
    upstream: Arc<Upstream>,
    /// The end of what was given, as long as the upstream's credential may go on from it.
    tail: Vec<u8>,
    /// Of all that was given.
    received: Commitment,
    /// The beginning of it, and how much is kept at most.
    kept: (Vec<u8>, usize),
}

/// What is on record of an upstream's body.
#[derive(Debug, Default)]
pub(super) struct Got {
    /// Its keyed hash, without its content coding.
    pub(super) hash: String,
    /// As much of it as is kept.
    pub(super) kept: Vec<u8>,
}

/// Why the upstream's body ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    Connection,
    Coding(CodingError),
    /// What came holds the upstream's credential.
    Credential,
}

impl From<Broken> for Ended {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Connection => Self::Failed(ErrorKind::UpstreamUnreachable),
            Broken::Coding(error) => Self::Undecodable(error),
            Broken::Credential => Self::Failed(ErrorKind::UpstreamGarbage),
        }
    }
}

/// Appends as much as the limit leaves room for.
pub(super) fn keep(kept: &mut Vec<u8>, bytes: &[u8], limit: usize) {
    let room = limit.saturating_sub(kept.len()).min(bytes.len());
    kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
}

impl Source {
    pub(super) fn new(
        upstream: &Arc<Upstream>,
        body: Answer,
        coding: Option<Coding>,
        limit: usize,
        ratio: u64,
        received: Commitment,
    ) -> Result<Self, CodingError> {
        let decoder = coding.map(|c| Decoder::new(c, limit, ratio)).transpose()?;
        Ok(Self {
            body,
            decoder,
            raw: None,
            over: false,
            upstream: Arc::clone(upstream),
            tail: Vec::new(),
            received,
            kept: (Vec::new(), 0),
        })
    }

    /// Keeps the coded bytes, of which the decoder takes little more than the decoded ones may be.
    pub(super) fn keep_raw(&mut self) {
        self.raw = self.decoder.is_some().then(BytesMut::new);
    }

    /// Keeps them no longer.
    pub(super) fn drop_raw(&mut self) {
        self.raw = None;
    }

    /// Keeps the beginning of what comes.
    pub(super) fn keep(&mut self, limit: usize) {
        self.kept.1 = limit;
    }

    /// What is on record of what came so far.
    pub(super) fn got(&mut self) -> Got {
        Got { hash: self.received.so_far(), kept: std::mem::take(&mut self.kept.0) }
    }

    /// The coded bytes that were kept, where they hold nothing that was not read.
    pub(super) fn into_raw(self, coding: Coding) -> Option<Bytes> {
        self.raw.filter(|raw| coding.is_bare(raw)).map(BytesMut::freeze)
    }

    /// The next bytes; none at the end.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, Broken>> {
        std::future::poll_fn(|cx| self.poll(cx)).await
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        let next = ready!(self.poll_plain(cx));
        // An upstream that shows the gateway's key, in its error say, shows it to no client.
        if let Some(Ok(bytes)) = &next
            && self.upstream.is_revealed_in(&mut self.tail, bytes)
        {
            self.over = true;
            tracing::warn!(upstream = %self.upstream.name, "an answer shows the gateway's credential for this upstream and is withheld; is it refused there?");
            return Poll::Ready(Some(Err(Broken::Credential)));
        }
        if let Some(Ok(bytes)) = &next {
            self.received.update(bytes);
            keep(&mut self.kept.0, bytes, self.kept.1);
        }
        Poll::Ready(next)
    }

    fn poll_plain(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Broken>>> {
        loop {
            if self.over {
                return Poll::Ready(None);
            }
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => frame,
                Some(Err(_)) => return Poll::Ready(Some(Err(Broken::Connection))),
                None => {
                    self.over = true;
                    let Some(decoder) = &mut self.decoder else { return Poll::Ready(None) };
                    return match decoder.finish() {
                        Ok(rest) if rest.is_empty() => Poll::Ready(None),
                        Ok(rest) => Poll::Ready(Some(Ok(rest.into()))),
                        Err(error) => Poll::Ready(Some(Err(Broken::Coding(error)))),
                    };
                }
            };
            // Trailers are not passed on.
            let Ok(data) = frame.into_data() else { continue };
            let Some(decoder) = &mut self.decoder else { return Poll::Ready(Some(Ok(data))) };
            if let Some(raw) = &mut self.raw {
                raw.extend_from_slice(&data);
            }
            match decoder.push(&data) {
                Ok(plain) if plain.is_empty() => {}
                Ok(plain) => return Poll::Ready(Some(Ok(plain.into()))),
                Err(error) => return Poll::Ready(Some(Err(Broken::Coding(error)))),
            }
        }
    }
}
