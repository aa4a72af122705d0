//! The body of an answer. A streamed one drives its exchange: it is polled only while the client reads, so a slow reader slows its
//! upstream, and dropping it closes the upstream.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use tokio::sync::futures::OwnedNotified;
use tokio::time::Sleep;

use super::asking::Asking;
use super::patience::{Activity, Part};
use super::recorder::{COMPLETE, Ending, Recorder};
use super::reviews::Rest;
use super::source::{Broken, Source};
use crate::dialect::ErrorKind;
use crate::exchange::judging::{Opinion, Question};
use crate::exchange::{Answering, Ended, Flow};
use crate::limits::ExchangePass;
use crate::upstream::Timeouts;

/// The comment that keeps a silent stream alive.
const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";
/// The mark with which a stream may begin, and only begin (WHATWG Encoding, section 6).
const BOM: &[u8] = b"\xef\xbb\xbf";
/// Bytes released at once: more than this waits until the client has taken what it has.
pub(super) const BATCH: usize = 64 << 10;

/// Why a body broke off; the client sees a connection that ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer was cut")]
pub struct CutOff;

/// What a client gets.
#[derive(Debug)]
pub struct AnswerBody {
    kind: Kind,
    /// What the exchange occupies while it runs, given back with the body.
    slot: Option<Slot>,
}

/// What an exchange occupies while it runs.
#[derive(Debug)]
pub struct Slot {
    running: prometheus::IntGauge,
    /// Its place under the limits of its caller.
    pub(super) pass: Option<ExchangePass>,
    part: Part,
}

impl Slot {
    /// One more runs.
    pub(super) fn new(running: &prometheus::IntGauge, activity: Arc<Activity>) -> Self {
        running.inc();
        Self { running: running.clone(), pass: None, part: Part::new(activity) }
    }

    /// Keyed hash of the client's address.
    pub(super) fn address(&self) -> &str {
        &self.part.activity().address
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.running.dec();
    }
}

#[derive(Debug)]
enum Kind {
    /// What is left of it.
    Whole(Bytes),
    Stream(Box<StreamBody>),
}

impl AnswerBody {
    /// A body that is there.
    pub fn whole(bytes: Bytes) -> Self {
        Self { kind: Kind::Whole(bytes), slot: None }
    }

    /// A body that comes.
    pub(super) fn stream(body: StreamBody) -> Self {
        Self { kind: Kind::Stream(Box::new(body)), slot: None }
    }

    /// The same, holding a slot until it is gone.
    #[must_use]
    pub fn holding(self, slot: Slot) -> Self {
        let mut kind = self.kind;
        if let Kind::Stream(body) = &mut kind {
            body.recorder.connection = Some(Arc::clone(slot.part.activity()));
        }
        Self { kind, slot: Some(slot) }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        let Self { kind, slot } = &mut *self;
        if let Some(slot) = slot {
            slot.part.asked();
        }
        let polled = match kind {
            Kind::Whole(left) if left.is_empty() => Poll::Ready(None),
            // In pieces: so a client that takes nothing more is seen, and what waits for it stays here and not in a buffer.
            Kind::Whole(left) => Poll::Ready(Some(Ok(Frame::data(left.split_to(left.len().min(BATCH)))))),
            Kind::Stream(body) => body.poll(cx),
        };
        if let (Poll::Ready(Some(Ok(_))), Some(slot)) = (&polled, slot) {
            slot.part.gives();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.kind, Kind::Whole(left) if left.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(left) => SizeHint::with_exact(left.len() as u64),
            Kind::Stream(_) => SizeHint::default(),
        }
    }
}

/// A streamed answer: the exchange, the upstream it reads from, and the record it leaves.
#[derive(Debug)]
pub(super) struct StreamBody {
    answering: Answering,
    /// Gone with the answer, where the rest of it is read elsewhere.
    source: Option<Source>,
    recorder: Recorder,
    timeouts: Timeouts,
    keep_alive: Option<Duration>,
    sleep: Pin<Box<Sleep>>,
    /// The call to stop.
    cut: Pin<Box<OwnedNotified>>,
    /// When the upstream last sent something.
    heard: Instant,
    /// Time spent on reading what it sent.
    reading: Duration,
    /// When the client last got something.
    spoke: Instant,
    out: Vec<Bytes>,
    /// Something has been given to the client: comments, or an event too.
    given: Given,
    state: State,
    /// The judges that are asked about it.
    asking: Asking,
}

/// What the client has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    Nothing,
    /// Comments that keep the stream alive.
    Comments,
    Events,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    /// What is released goes out, then the body ends.
    Ending,
    /// What is released goes out, then the connection breaks off: nothing could be said to the client.
    Breaking,
    Over,
}

#[expect(clippy::disallowed_methods, reason = "the edge reads the clock; the core is told")]
fn now() -> Instant {
    Instant::now()
}

/// What bytes, or their end, came to.
#[derive(Debug)]
pub(super) struct Fed {
    pub(super) flow: Flow,
    /// Nothing more comes.
    pub(super) over: bool,
}

impl Default for Fed {
    fn default() -> Self {
        Self { flow: Flow::More, over: false }
    }
}

/// Gives what the upstream sent to `feed`. A fault in the gateway, none here, ends this exchange, with a record, and no other.
pub(super) fn fed(
    next: Option<Result<Bytes, Broken>>,
    feed: impl FnOnce(Result<Bytes, Ended>) -> Flow,
) -> Option<Fed> {
    let part = next.map_or(Err(Ended::Complete), |part| part.map_err(Ended::from));
    let over = part.is_err();
    catch_unwind(AssertUnwindSafe(|| feed(part))).ok().map(|flow| Fed { flow, over })
}

impl StreamBody {
    /// A stream that goes on from what was read before its exchange was on record: `out` was released, `last` is what the last bytes
    /// came to.
    pub(super) fn new(
        answering: Answering,
        source: Source,
        recorder: Recorder,
        timeouts: Timeouts,
        keep_alive: Option<Duration>,
        (out, last): (Vec<Bytes>, Option<Fed>),
        asking: Asking,
    ) -> Self {
        let now = now();
        let cut = Box::pin(Arc::clone(&recorder.gateway.cut).notified_owned());
        let left = (recorder.started + timeouts.total.0).saturating_duration_since(now);
        let first = keep_alive.map_or(timeouts.idle.0, |k| k.min(timeouts.idle.0)).min(left);
        let mut body = Self {
            answering,
            source: Some(source),
            recorder,
            timeouts,
            keep_alive,
            sleep: Box::pin(tokio::time::sleep(first)),
            cut,
            heard: now,
            reading: Duration::ZERO,
            spoke: now,
            out,
            given: Given::Nothing,
            state: State::Running,
            asking,
        };
        body.step(last);
        body
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        while self.state == State::Running {
            if self.out.iter().map(Bytes::len).sum::<usize>() >= BATCH {
                break;
            }
            if let Poll::Ready((question, opinion)) = self.asking.poll(cx) {
                self.judged(&question, &opinion);
                continue;
            }
            // Behind its end nothing but judges is waited for.
            let next = if self.answering.awaits_judges() {
                Poll::Pending
            } else {
                self.source.as_mut().map_or(Poll::Ready(None), |source| source.poll(cx))
            };
            match next {
                Poll::Ready(next) => self.take(next),
                Poll::Pending if !self.out.is_empty() => break,
                Poll::Pending => {
                    if self.poll_cut(cx).is_pending() && self.poll_time(cx).is_pending() {
                        return Poll::Pending;
                    }
                }
            }
        }
        if let Some(bytes) = self.released() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        let broken = self.state == State::Breaking;
        self.end(COMPLETE);
        Poll::Ready(broken.then_some(Err(CutOff)))
    }

    /// What was released, as one piece: one write instead of many.
    fn released(&mut self) -> Option<Bytes> {
        for piece in &mut self.out {
            match self.given {
                Given::Events => break,
                Given::Nothing | Given::Comments if piece == KEEP_ALIVE => self.given = Given::Comments,
                Given::Comments if piece.starts_with(BOM) => {
                    *piece = piece.slice(BOM.len()..);
                    self.given = Given::Events;
                }
                Given::Nothing | Given::Comments => self.given = Given::Events,
            }
        }
        let bytes = match self.out.len() {
            0 => return None,
            1 => self.out.pop()?,
            _ => {
                let mut joined = BytesMut::with_capacity(self.out.iter().map(Bytes::len).sum());
                for piece in self.out.drain(..) {
                    joined.extend_from_slice(&piece);
                }
                joined.freeze()
            }
        };
        if bytes.is_empty() {
            return None;
        }
        self.spoke = now();
        self.recorder.gave(&bytes, self.spoke);
        Some(bytes)
    }

    fn take(&mut self, next: Option<Result<Bytes, Broken>>) {
        let began = now();
        self.heard = began;
        let Self { answering, out, .. } = self;
        let fed = fed(next, |part| match part {
            Ok(bytes) => answering.feed(&bytes, out),
            Err(ended) => answering.finish(ended, out),
        });
        self.reading += now().duration_since(began);
        self.step(fed);
    }

    /// A judge has judged, or not.
    fn judged(&mut self, question: &Question, opinion: &Opinion) {
        let waited = self.answering.awaits_judges();
        let Self { answering, out, .. } = self;
        let flow = catch_unwind(AssertUnwindSafe(|| answering.answered(question, opinion, out)));
        self.step(flow.ok().map(|flow| Fed { flow, over: waited }));
    }

    /// Ends the answer since something else failed.
    fn fail(&mut self, kind: ErrorKind) {
        let Self { answering, out, .. } = self;
        let flow = catch_unwind(AssertUnwindSafe(|| answering.finish(Ended::Failed(kind), out)));
        self.step(flow.ok().map(|flow| Fed { flow, over: true }));
    }

    fn step(&mut self, fed: Option<Fed>) {
        let Some(Fed { flow, over }) = fed else {
            self.recorder.gateway.metrics.panics.inc();
            tracing::error!(exchange = %self.recorder.id, "a fault in the gateway ended this exchange");
            self.out.clear();
            self.end(("panic", ErrorKind::Internal.code()));
            self.state = State::Breaking;
            return;
        };
        self.recorder.holding(self.answering.is_holding(), self.heard);
        self.asking.ask(self.answering.questions());
        self.state = match flow {
            Flow::More if over && !self.answering.awaits_judges() => State::Ending,
            Flow::More => State::Running,
            Flow::Cut if self.out.is_empty() => State::Breaking,
            Flow::Cut => State::Ending,
            // The head has left; only the connection can say that this is no whole answer.
            Flow::Replace(_) => State::Breaking,
        };
    }

    /// Ready when the stream was cut since the gateway stops.
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // First the place among those who are woken, then the look: so no call is missed.
        let called = self.cut.as_mut().poll(cx).is_ready();
        if !called && !self.recorder.gateway.cutting.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        self.fail(ErrorKind::ShuttingDown);
        Poll::Ready(())
    }

    /// Ready when something happened that needs another look.
    fn poll_time(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.sleep.as_mut().poll(cx));
        let now = now();
        let idle = now.duration_since(self.heard) >= self.timeouts.idle.0;
        let total = now.duration_since(self.recorder.started) >= self.timeouts.total.0;
        if idle || total {
            self.fail(ErrorKind::UpstreamTimeout);
            return Poll::Ready(());
        }
        let mut next = (self.heard + self.timeouts.idle.0).min(self.recorder.started + self.timeouts.total.0);
        if let Some(every) = self.keep_alive {
            if now.duration_since(self.spoke) >= every {
                self.out.push(Bytes::from_static(KEEP_ALIVE));
                self.spoke = now;
            }
            next = next.min(self.spoke + every);
        }
        self.sleep.as_mut().reset(next.into());
        Poll::Ready(())
    }

    /// Leaves the record, once.
    fn end(&mut self, otherwise: Ending) {
        if self.state == State::Over {
            return;
        }
        self.state = State::Over;
        self.recorder.gateway.metrics.scan.with_label_values(&["answer"]).observe(self.reading.as_secs_f64());
        if let Some(source) = &mut self.source {
            self.recorder.got = source.got();
        }
        // Nobody waits for the rest but a reviewer.
        if self.answering.awaits_review()
            && let Some(source) = self.source.take()
        {
            let (timeouts, started) = (self.timeouts, self.recorder.started);
            self.recorder.rest = Some(Box::new(Rest { source, timeouts, started }));
        }
        self.recorder.over(&self.answering, otherwise);
    }
}

impl Drop for StreamBody {
    /// A body that is dropped before its end: the client has left.
    fn drop(&mut self) {
        if self.state != State::Over {
            let all = self.state == State::Ending
                || self.state == State::Running && self.answering.is_told() && self.out.is_empty();
            let left = self.recorder.left();
            self.end(if all { COMPLETE } else { left });
        }
    }
}
