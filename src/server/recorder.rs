//! The record of an exchange's end: written once, whatever ends it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::exchange::count_findings;
use super::gateway::Gateway;
use super::patience::Activity;
use super::prints::Printed;
use super::reviews::{self, Asker, Rest};
use super::source::{Got, keep};
use crate::audit::{Asked, Commitment, Coverage, End, ExchangeId, Parts, SamplerRecord, Subject};
use crate::diag::moment::now_ms;
use crate::dialect::{Dialect, ErrorKind, ExchangeError, Fault, Usage};
use crate::exchange::{Answering, Judged, Outcome, record};

/// How an exchange ended and the error's code, in the record's words.
pub(super) type Ending = (&'static str, &'static str);

/// How an exchange ended of which nothing was cut and nothing is wrong.
pub(super) const COMPLETE: Ending = ("complete", "");

/// How a stream ended in which the model said all, but the end sign of its dialect did not come.
const NO_END_SIGN: &str = "no_end_sign";

/// How an answer ended that was the upstream's own error, passed on as it came.
const UPSTREAM_ERROR: &str = "upstream_error";

/// How an exchange ended in which the upstream gave no answer, or broke one off.
const UPSTREAM_FAILED: &str = "upstream_failed";

/// How an exchange ended, where nothing else cut the answer than `otherwise` says.
fn how(answering: &Answering, own: Option<&'static str>, otherwise: Ending) -> Ending {
    match (&answering.cut_by, own) {
        (Some(error), _) => because_of(error),
        (None, Some(kind)) if otherwise == COMPLETE => (UPSTREAM_ERROR, kind),
        (None, _) if answering.no_end_sign && otherwise == COMPLETE => (NO_END_SIGN, ""),
        (None, _) => otherwise,
    }
}

fn because_of(error: &ExchangeError) -> Ending {
    let ended = match error.kind.fault() {
        Fault::Upstream => UPSTREAM_FAILED,
        Fault::Client | Fault::Policy | Fault::Gateway => "cut",
    };
    (ended, error.kind.code())
}

/// Bodies of an exchange that are to be kept.
#[derive(Debug)]
pub(super) struct Kept {
    /// The most bytes of each.
    pub(super) limit: usize,
    /// Days for which they are kept at most.
    pub(super) days: Option<u32>,
    pub(super) subject: Subject,
    pub(super) parts: Parts,
}

/// Writes the end record, once, whatever ends the exchange.
#[derive(Debug)]
pub(super) struct Recorder {
    pub(super) gateway: Arc<Gateway>,
    pub(super) id: ExchangeId,
    pub(super) started: Instant,
    asked: Arc<Asked>,
    dialect: &'static dyn Dialect,
    pub(super) status: u16,
    pub(super) upstream_status: u16,
    first_byte: Option<Duration>,
    /// When the upstream's head was there, from the request's head on.
    pub(super) heard: Option<Duration>,
    /// What the upstream sent.
    pub(super) got: Got,
    /// The bodies, where they are kept.
    kept: Option<Kept>,
    sent: u64,
    given: Commitment,
    held_since: Option<Instant>,
    held_longest: Duration,
    /// The verdict on the request: all there is to say where the exchange ends before its answer begins.
    verdict: Outcome,
    written: bool,
    /// The connection to which the answer goes: whether its client stalls.
    pub(super) connection: Option<Arc<Activity>>,
    /// Whose exchange it is, where the policy has answers reviewed.
    pub(super) asker: Option<Box<Asker>>,
    /// Whose exchange it is, where prints of its answer are kept.
    pub(super) printed: Option<Box<Printed>>,
    /// Whether the upstream's sampler was asked for its mark.
    pub(super) sampler: Option<SamplerRecord>,
    /// What was not read of an answer.
    pub(super) rest: Option<Box<Rest>>,
}

impl Recorder {
    pub(super) fn new(
        gateway: Arc<Gateway>,
        id: ExchangeId,
        started: Instant,
        asked: Arc<Asked>,
        judged: &Judged,
        kept: Option<Kept>,
    ) -> Self {
        let given = gateway.commitments.begin();
        Self {
            gateway,
            id,
            started,
            asked,
            dialect: judged.matched().dialect,
            status: 0,
            upstream_status: 0,
            first_byte: None,
            heard: None,
            got: Got::default(),
            kept,
            sent: 0,
            given,
            held_since: None,
            held_longest: Duration::ZERO,
            verdict: judged.report().outcome,
            written: false,
            connection: None,
            asker: None,
            printed: None,
            sampler: None,
            rest: None,
        }
    }

    /// There is no admission record, so there is none of the end.
    pub(super) fn void(mut self) {
        self.written = true;
    }

    /// The upstream was asked once more, with this body.
    pub(super) fn sent_again(&mut self, body: &[u8]) {
        if let Some(kept) = &mut self.kept {
            kept.parts.request_sent.clear();
            keep(&mut kept.parts.request_sent, body, kept.limit);
        }
    }

    /// What to call an end that neither side announced.
    pub(super) fn left(&self) -> Ending {
        if std::thread::panicking() {
            ("panic", ErrorKind::Internal.code())
        } else if self.gateway.cutting.load(Ordering::Acquire) {
            ("cut", "shutdown")
        } else if self.connection.as_ref().is_some_and(|connection| connection.is_stalled()) {
            ("stalled", "")
        } else {
            ("client_left", "")
        }
    }

    /// This leaves for the client.
    pub(super) fn gave(&mut self, bytes: &[u8], now: Instant) {
        self.first_byte.get_or_insert_with(|| now.duration_since(self.started));
        self.sent += bytes.len() as u64;
        self.given.update(bytes);
        if let Some(kept) = &mut self.kept {
            keep(&mut kept.parts.answer_sent, bytes, kept.limit);
        }
    }

    /// Whether text is held back from here on.
    pub(super) fn holding(&mut self, held: bool, now: Instant) {
        match self.held_since {
            None if held => self.held_since = Some(now),
            Some(since) if !held => {
                self.held_longest = self.held_longest.max(now.duration_since(since));
                self.held_since = None;
            }
            _ => {}
        }
    }

    /// The upstream could not be asked, its head was no answer, or it names what the policy does not let pass unread.
    pub(super) fn without_answer(mut self, answering: &Answering, error: &ExchangeError) {
        self.told(error.status(), &self.dialect.error_body(error));
        let own = self.own_error(answering);
        let (ended, code) = because_of(error);
        self.count_failure(ended, code, own);
        self.write(Some(answering), ended, code, answering.verdict());
    }

    /// A whole answer is over.
    pub(super) fn finished(mut self, answering: &Answering, status: u16, body: &[u8]) {
        self.told(status, body);
        self.over(answering, COMPLETE);
    }

    /// The same, of an answer in whose place stands an error.
    pub(super) fn replaced(self, answering: &Answering, error: &ExchangeError) {
        let body = self.dialect.error_body(error);
        self.finished(answering, error.status(), &body);
    }

    /// What the client is given as a whole.
    fn told(&mut self, status: u16, body: &[u8]) {
        self.status = status;
        self.sent = body.len() as u64;
        self.given.update(body);
        self.kept = with_answer(self.kept.take(), body);
        self.first_byte = Some(self.started.elapsed());
    }

    /// A stream is over.
    pub(super) fn over(&mut self, answering: &Answering, otherwise: Ending) {
        let own = self.own_error(answering);
        let (ended, code) = how(answering, own, otherwise);
        self.count_failure(ended, code, own);
        self.write(Some(answering), ended, code, answering.verdict());
    }

    /// The kind of what the upstream itself calls an error.
    fn own_error(&self, answering: &Answering) -> Option<&'static str> {
        match self.upstream_status {
            429 => Some("status_429"),
            400..500 => Some("status_4xx"),
            500.. => Some("status_5xx"),
            _ => answering.error_event.then_some("error_event"),
        }
    }

    /// Counts an exchange in which the upstream failed, once: by how it ended, or by the upstream's `own` error where it ended for another
    /// reason (the client left, the policy cut the answer).
    fn count_failure(&self, ended: &'static str, code: &'static str, own: Option<&'static str>) {
        let kind = match ended {
            UPSTREAM_FAILED => Some(code),
            NO_END_SIGN => Some(NO_END_SIGN),
            _ => own,
        };
        if let Some(kind) = kind {
            self.gateway.metrics.upstream_errors.with_label_values(&[&*self.asked.upstream, kind]).inc();
        }
    }

    fn count_tokens(&self, tokens: &Usage) {
        for (kind, count) in [("input", tokens.input), ("output", tokens.output)] {
            let count = count.unwrap_or_default();
            self.gateway.metrics.tokens.with_label_values(&[&*self.asked.route, kind]).inc_by(count);
        }
    }

    fn write(
        &mut self,
        answering: Option<&Answering>,
        ended: &'static str,
        error: &'static str,
        outcome: Outcome,
    ) {
        if std::mem::replace(&mut self.written, true) {
            return;
        }
        let metrics = &self.gateway.metrics;
        let total = self.started.elapsed();
        metrics
            .requests
            .with_label_values(&[&*self.asked.route, self.dialect.name(), outcome.as_str()])
            .inc();
        metrics.exchange.with_label_values(&[&*self.asked.route]).observe(total.as_secs_f64());
        if let Some(first) = self.first_byte {
            metrics.first_byte.with_label_values(&[&*self.asked.route]).observe(first.as_secs_f64());
        }
        let mut end = End {
            exchange: self.id,
            time_ms: now_ms(),
            asked: Arc::clone(&self.asked),
            status: self.status,
            upstream_status: self.upstream_status,
            verdict: outcome.as_str(),
            ended,
            error,
            findings: Vec::new(),
            found: 0,
            restored: BTreeMap::new(),
            coverage: Coverage::default(),
            received: std::mem::take(&mut self.got.hash),
            sent: self.given.so_far(),
            tokens: None,
            label: None,
            annotation: None,
            mark: None,
            sampler: self.sampler.take(),
            texts: None,
            response_bytes: self.sent,
            held_bytes_max: 0,
            held_us_max: self.held_longest.as_micros() as u64,
            upstream_us: self.heard.map_or(0, |d| d.as_micros() as u64),
            first_byte_us: self.first_byte.map_or(0, |d| d.as_micros() as u64),
            total_us: total.as_micros() as u64,
        };
        if let Some(answering) = answering {
            metrics.held_bytes.observe(answering.held_max as f64);
            metrics.held_seconds.observe(self.held_longest.as_secs_f64());
            let (policy, coverage) = (answering.policy(), answering.answer_coverage());
            count_findings(&self.gateway, policy, &answering.counts(), coverage);
            end.findings = record::findings(policy, &answering.answer_findings());
            end.found = answering.found();
            end.restored = answering.restored().cloned().unwrap_or_default();
            end.coverage = coverage.clone();
            end.tokens = answering.usage();
            if let Some(tokens) = &end.tokens {
                self.count_tokens(tokens);
            }
            end.label = answering.label_record();
            end.annotation = answering.annotation_record();
            end.mark = answering.mark_record();
            if let Some(mark) = &end.mark {
                metrics.marks.with_label_values(&["set"]).inc_by(mark.marks);
            }
            end.held_bytes_max = answering.held_max as u64;
        }
        if let Some(delivered) = answering.and_then(Answering::delivered)
            && let Some(printed) = self.printed.take()
        {
            self.gateway.prints.keep(self.id, *printed, delivered, &self.gateway.metrics);
        }
        let rest = self.rest.take();
        if let (Some(asker), Some(answering)) = (self.asker.take(), answering) {
            let rest = (self.started.elapsed(), rest);
            reviews::file(&self.gateway, self.id, *asker, &self.asked.route, answering, &self.got.kept, rest);
        }
        let kept = self.kept.take().map(|mut kept| {
            kept.parts.answer_received = std::mem::take(&mut self.got.kept);
            kept
        });
        let found = outcome != Outcome::Allow || self.verdict != Outcome::Allow;
        record_end(&self.gateway, end, found, kept);
    }
}

/// The bodies that are kept, with what the client was given as a whole.
pub(super) fn with_answer(mut kept: Option<Kept>, body: &[u8]) -> Option<Kept> {
    if let Some(kept) = &mut kept {
        keep(&mut kept.parts.answer_sent, body, kept.limit);
    }
    kept
}

/// Gives an end record to the journal, with the bodies where they are kept.
pub(super) fn record_end(gateway: &Gateway, end: End, found: bool, kept: Option<Kept>) {
    let id = end.exchange;
    let recorded = match (kept, &gateway.texts) {
        (Some(kept), Some(texts)) => texts.end(end, found, kept.subject, kept.parts, kept.days),
        _ => gateway.journal.end(&end),
    };
    if let Err(error) = recorded {
        tracing::error!(exchange = %id, %error, "the end of an exchange is not on record");
    }
}

impl Drop for Recorder {
    /// Whatever ends an exchange leaves a record: a client that leaves before its answer begins drops it here.
    fn drop(&mut self) {
        let (ended, error) = self.left();
        // After a fault the client is told of one, and nothing of the exchange.
        let verdict = if std::thread::panicking() { Outcome::Block } else { self.verdict };
        self.write(None, ended, error, verdict);
    }
}
