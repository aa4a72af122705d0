//! From the upstream's answer to the client's: read while the admission record is on its way to the disk, given out when it is there.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, Response, StatusCode};

use super::asking::Asking;
use super::body::{AnswerBody, BATCH, Fed, StreamBody, fed};
use super::exchange::{Exchange, takes};
use super::gateway::Gateway;
use super::headers;
use super::labels::name_label;
use super::notices::name_notices;
use super::recorder::Recorder;
use super::sampler::Asked;
use super::source::{Got, Source};
use super::standing::{REMINDER, name_standing};
use super::worker::{Refusal, answer, name_exchange};
use crate::audit::Receipt;
use crate::dialect::{ErrorKind, ExchangeError, Framing};
use crate::exchange::{Ahead, Ended, Flow, Judged, Labelling, Mode, Replaced};
use crate::stream::coding::Coding;
use crate::upstream::{Answer, Dialer, Timeouts};

/// An answer as far as it was read before the exchange was on record.
pub(super) struct Begun {
    ahead: Ahead,
    /// The upstream's; 0 if it gave none.
    status: u16,
    /// When its head was there, from the request's head on.
    heard: Option<Duration>,
    /// What came of asking its sampler for a mark, and the body that was sent once more without.
    sampler: Option<Asked>,
    again: Option<Bytes>,
    reading: Result<Reading, ExchangeError>,
}

struct Reading {
    status: StatusCode,
    head: HeaderMap,
    body: Body,
}

enum Body {
    Whole {
        flow: Flow,
        /// As it came, in its coding.
        raw: Option<(Bytes, Coding)>,
        got: Got,
    },
    Stream {
        source: Box<Source>,
        sse: bool,
        timeouts: Timeouts,
        /// What the last bytes came to.
        fed: Option<Fed>,
    },
}

impl Begun {
    /// Asks the upstream and reads its answer: the whole of it, or a stream's head.
    pub(super) async fn ask(
        exchange: &Exchange<'_>,
        judged: Judged,
        body: Bytes,
        dialer: &Dialer,
        labelling: Option<Labelling>,
        mut sampler: Option<Asked>,
    ) -> Self {
        let gateway = &exchange.worker.gateway;
        let mut response = or_cut(gateway, dialer.send(exchange.outgoing(&judged, body))).await.flatten();
        let mut again = None;
        if let (Some(asked), Ok(first)) = (&mut sampler, &response) {
            let status = first.status();
            asked.answered(status);
            again = asked.again(status).cloned();
            if let Some(plain) = &again {
                response =
                    or_cut(gateway, dialer.send(exchange.outgoing(&judged, plain.clone()))).await.flatten();
                let status = response.as_ref().ok().map(Response::status);
                asked.asked_again(gateway, &dialer.upstream().name, status, exchange.context.started);
            }
        }
        let mut ahead = judged.ahead();
        if let Some(labelling) = labelling {
            ahead.label(labelling);
        }
        match response {
            Ok(response) => {
                let status = response.status().as_u16();
                let heard = Some(exchange.context.started.elapsed());
                let reading = or_cut(gateway, read(exchange, &mut ahead, response, dialer)).await.flatten();
                Self { ahead, status, heard, sampler, again, reading }
            }
            Err(error) => Self { ahead, status: 0, heard: None, sampler, again, reading: Err(error) },
        }
    }

    /// Reads on in a stream, as far as something has arrived and there is room.
    pub(super) fn read_on(&mut self, cx: &mut Context<'_>) {
        let Ok(Reading { body: Body::Stream { source, fed: last, .. }, .. }) = &mut self.reading else {
            return;
        };
        while matches!(last, Some(Fed { flow: Flow::More, over: false })) && self.ahead.waiting() < BATCH {
            let Poll::Ready(next) = source.poll(cx) else { return };
            let ahead = &mut self.ahead;
            *last = fed(next, |part| match part {
                Ok(bytes) => ahead.feed(&bytes),
                Err(ended) => ahead.finish(ended),
            });
        }
    }

    /// The exchange is on record: what the client gets.
    pub(super) fn answer(
        self,
        exchange: &Exchange<'_>,
        receipt: Receipt,
        mut recorder: Recorder,
    ) -> Result<Response<AnswerBody>, Refusal> {
        let (mut answering, mut out) = self.ahead.admit(receipt);
        (recorder.upstream_status, recorder.heard) = (self.status, self.heard);
        recorder.sampler = self.sampler.map(|asked| asked.record().clone());
        self.again.iter().for_each(|body| recorder.sent_again(body));
        let Reading { status, mut head, body } = match self.reading {
            Ok(reading) => reading,
            Err(error) => {
                recorder.without_answer(&answering, &error);
                return Err(
                    Refusal::on_record(error, answering.verdict()).of_standing(exchange.standing, None)
                );
            }
        };
        let context = exchange.context;
        match body {
            Body::Whole { flow: Flow::Replace(Replaced::Error(error)), got, .. } => {
                recorder.got = got;
                recorder.replaced(&answering, &error);
                Err(Refusal::on_record(error, answering.verdict()).of_standing(exchange.standing, None))
            }
            Body::Whole { flow: Flow::Replace(Replaced::Reply(reply)), got, .. } => {
                recorder.got = got;
                recorder.finished(&answering, reply.status, &reply.body);
                let (status, media, body) = (reply.status, reply.content_type, reply.body.into());
                let mut response = answer(context, status, media, body, answering.verdict());
                name_standing(response.headers_mut(), exchange.standing);
                Ok(response)
            }
            Body::Whole { flow: Flow::More | Flow::Cut, raw, got } => {
                recorder.got = got;
                let mut body = out.pop().unwrap_or_default();
                // Clean means untouched, in the coding that it came in too.
                if let (Some((raw, coding)), false) = (raw, answering.rewritten) {
                    body = raw;
                    head.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
                }
                name_exchange(&mut head, context.id, answering.verdict());
                name_standing(&mut head, exchange.standing);
                name_notices(&mut head, answering.notices());
                name_label(&mut head, &mut answering);
                if let Some(seconds) = exchange.remind {
                    head.insert(REMINDER, seconds.into());
                }
                recorder.finished(&answering, status.as_u16(), &body);
                Ok(response(status, head, AnswerBody::whole(body)))
            }
            Body::Stream { source, sse, timeouts, fed } => {
                name_exchange(&mut head, context.id, answering.verdict());
                name_standing(&mut head, exchange.standing);
                name_notices(&mut head, answering.notices());
                name_label(&mut head, &mut answering);
                if let Some(seconds) = exchange.remind {
                    head.insert(REMINDER, seconds.into());
                }
                let comments = sse && answering.skips_comments();
                let keep_alive = comments.then_some(exchange.worker.gateway.server.keep_alive.0);
                recorder.status = status.as_u16();
                let asker = Asking::new(exchange);
                let body =
                    StreamBody::new(answering, *source, recorder, timeouts, keep_alive, (out, fed), asker);
                Ok(response(status, head, AnswerBody::stream(body)))
            }
        }
    }
}

/// The work, or the error that says that the gateway stops and cuts what still runs.
async fn or_cut<T>(gateway: &Gateway, work: impl Future<Output = T>) -> Result<T, ExchangeError> {
    let cut = || ExchangeError::new(ErrorKind::ShuttingDown, "the gateway stops");
    // First the place among those who are woken, then the look: so no call is missed.
    let mut called = pin!(gateway.cut.notified());
    called.as_mut().enable();
    if gateway.cutting.load(Ordering::Acquire) {
        return Err(cut());
    }
    tokio::select! {
        biased;
        done = work => Ok(done),
        () = called => Err(cut()),
    }
}

fn response(status: StatusCode, head: HeaderMap, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = head;
    response
}

fn garbage(message: &str) -> ExchangeError {
    ExchangeError::new(ErrorKind::UpstreamGarbage, message.to_owned())
}

async fn read(
    exchange: &Exchange<'_>,
    ahead: &mut Ahead,
    response: Response<Answer>,
    dialer: &Dialer,
) -> Result<Reading, ExchangeError> {
    let gateway = &exchange.worker.gateway;
    let (parts, body) = response.into_parts();
    let status = parts.status.as_u16();
    if !(200..=599).contains(&status) || (300..400).contains(&status) && status != 304 {
        return Err(garbage("the upstream answered with a status that this gateway does not pass on"));
    }
    // RFC 9112 section 6.3: whoever reads the one length and whoever reads the other see different answers.
    if parts.headers.contains_key(TRANSFER_ENCODING) && parts.headers.contains_key(CONTENT_LENGTH) {
        return Err(garbage("the upstream's answer has both `content-length` and `transfer-encoding`"));
    }
    for name in [CONTENT_TYPE, CONTENT_ENCODING] {
        if parts.headers.get_all(&name).iter().count() > 1 {
            return Err(garbage(&format!("the upstream's answer has more than one `{name}`")));
        }
    }
    let coding = match parts.headers.get(CONTENT_ENCODING).map(|v| Coding::parse(v.to_str().unwrap_or("?"))) {
        None => None,
        Some(coding) => coding.map_err(|e| garbage(&e.to_string()))?,
    };
    let media = parts.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let mode = ahead.head(status, media)?;
    let limits = &gateway.limits;
    let commitment = gateway.commitments.begin();
    // A stream goes on as it comes: what it may hold at once is limited elsewhere.
    let most = if mode == Mode::Whole { limits.answer.get() } else { usize::MAX };
    let mut source = Source::new(dialer.upstream(), body, coding, most, limits.inflate_ratio, commitment)
        .map_err(|e| garbage(&e.to_string()))?;
    source.keep(exchange.kept_limit());
    let timeouts = *dialer.upstream().timeouts();
    let body = match mode {
        Mode::Whole => {
            if coding.is_some_and(|c| takes(exchange.headers, c)) {
                source.keep_raw();
            }
            let until = exchange.context.started + timeouts.total.0;
            let mut flow = whole(gateway, ahead, &mut source, timeouts.idle.0, until).await;
            if flow == Some(Flow::More) && ahead.awaits_judges() {
                flow = Box::pin(judged(exchange, ahead)).await;
            }
            match (flow, ahead.mode()) {
                (Some(flow), Mode::Stream(framing)) => {
                    streamed(source, framing, timeouts, Fed { flow, over: false })
                }
                (Some(flow), Mode::Whole | Mode::Pass) => {
                    let got = source.got();
                    Body::Whole {
                        flow,
                        raw: coding.and_then(|coding| Some((source.into_raw(coding)?, coding))),
                        got,
                    }
                }
                (None, _) => {
                    let error = exchange.worker.fault(exchange.context.id);
                    Body::Whole { flow: Flow::Replace(Replaced::Error(error)), raw: None, got: source.got() }
                }
            }
        }
        Mode::Stream(framing) => streamed(source, framing, timeouts, Fed::default()),
        Mode::Pass => {
            Body::Stream { source: Box::new(source), sse: false, timeouts, fed: Some(Fed::default()) }
        }
    };
    Ok(Reading { status: parts.status, head: headers::to_client(&parts.headers, dialer.upstream()), body })
}

/// Asks judges about a whole answer, and gives what they say to it; none after a fault in the gateway.
async fn judged(exchange: &Exchange<'_>, ahead: &mut Ahead) -> Option<Flow> {
    let (worker, questions) = (exchange.worker, ahead.questions());
    let metrics = &worker.gateway.metrics;
    let mut asking: FuturesUnordered<_> = questions
        .iter()
        .map(|question| async move { (question, exchange.asker.ask(metrics, question).await) })
        .collect();
    while let Some((question, opinion)) = asking.next().await {
        let flow = catch_unwind(AssertUnwindSafe(|| ahead.answered(question, &opinion))).ok()?;
        if flow != Flow::More || !ahead.awaits_judges() {
            return Some(flow);
        }
    }
    Some(Flow::More)
}

fn streamed(mut source: Source, framing: Framing, timeouts: Timeouts, fed: Fed) -> Body {
    source.drop_raw();
    Body::Stream { source: Box::new(source), sse: framing == Framing::Sse, timeouts, fed: Some(fed) }
}

/// Reads a whole answer and judges it, or reads until it turns out to be a stream; none after a fault in the gateway.
async fn whole(
    gateway: &Arc<Gateway>,
    ahead: &mut Ahead,
    source: &mut Source,
    idle: Duration,
    until: Instant,
) -> Option<Flow> {
    let ended = loop {
        let next = tokio::time::timeout(idle, source.next());
        match tokio::time::timeout_at(until.into(), next).await.and_then(|next| next) {
            Ok(Some(Ok(bytes))) => {
                let flow = catch_unwind(AssertUnwindSafe(|| ahead.feed(&bytes))).ok()?;
                if flow != Flow::More || matches!(ahead.mode(), Mode::Stream(_)) {
                    return Some(flow);
                }
            }
            Ok(None) => break Ended::Complete,
            Ok(Some(Err(broken))) => break broken.into(),
            Err(_) => break Ended::Failed(ErrorKind::UpstreamTimeout),
        }
    };
    let timer = gateway.metrics.scan.with_label_values(&["answer"]).start_timer();
    let flow = catch_unwind(AssertUnwindSafe(|| ahead.finish(ended))).ok();
    timer.observe_duration();
    flow
}
