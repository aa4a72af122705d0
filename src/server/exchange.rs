//! One request from its head to its answer: admission, judgement, record, upstream.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;

use super::answer::Begun;
use super::body::{AnswerBody, Place};
use super::gateway::Gateway;
use super::head::{self, Head};
use super::headers;
use super::patience::Activity;
use super::recorder::Recorder;
use super::request;
use crate::audit::{Admission, End, ExchangeId, Receipt};
use crate::dialect::{Dialect, ErrorKind, ExchangeError, GENERIC, Matched, route};
use crate::exchange::{Judged, Next, Outcome, Received, Terms, record};
use crate::limits::{Caller, Full};
use crate::policy::{Policy, Unscanned};
use crate::stream::coding::Coding;
use crate::text::reads_as_utf8;
use crate::upstream::{Dialer, Outgoing};

/// Names the exchange on every answer.
pub const EXCHANGE: HeaderName = HeaderName::from_static("x-sluicegate-exchange");
/// The verdict as far as it is known when the head leaves.
pub const VERDICT: HeaderName = HeaderName::from_static("x-sluicegate-verdict");

/// A worker's view: what all share, and connections of its own.
#[derive(Debug)]
pub struct Worker {
    /// What all workers share.
    pub gateway: Arc<Gateway>,
    /// By the upstream's number.
    pub dialers: Vec<Dialer>,
}

/// What is known of a request while it is handled.
#[derive(Debug)]
pub(super) struct Context {
    pub id: ExchangeId,
    pub started: Instant,
    pub dialect: &'static dyn Dialect,
    /// HTTP/2 has no `connection` field; one stream says nothing about the others.
    pub multiplexed: bool,
}

/// An answer that was decided before the upstream was asked, or instead.
#[derive(Debug)]
pub(super) struct Refusal {
    error: ExchangeError,
    /// The connection cannot be trusted or is not read to its end.
    close: bool,
    /// What the header says, as the record does.
    verdict: Outcome,
}

impl Refusal {
    /// An error in an answer's place: the record has the verdict on both sides as far as they were read.
    pub(super) fn on_record(error: ExchangeError, verdict: Outcome) -> Self {
        Self { error, close: false, verdict }
    }
}

/// What goes no further is blocked, whatever the reason.
impl From<ExchangeError> for Refusal {
    fn from(error: ExchangeError) -> Self {
        Self { error, close: false, verdict: Outcome::Block }
    }
}

pub(super) fn close(error: ExchangeError) -> Refusal {
    Refusal { close: true, ..error.into() }
}

impl Worker {
    /// Answers a request. Whatever happens, the client gets an answer in the form that its SDK understands.
    ///
    /// # Errors
    /// A malformed HTTP/2 request, whose stream is reset: no client that keeps RFC 9113 sends one.
    pub(super) async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        activity: Arc<Activity>,
    ) -> Result<Response<AnswerBody>, h2::Error> {
        let started = now();
        if head::malformed(&request) {
            self.gateway.metrics.refused.with_label_values(&["malformed"]).inc();
            return Err(h2::Reason::PROTOCOL_ERROR.into());
        }
        let Ok(id) = ExchangeId::random() else { return Ok(no_entropy()) };
        let multiplexed = request.version() >= http::Version::HTTP_2;
        let mut context = Context { id, started, dialect: guess(request.uri().path()), multiplexed };
        let mut place = Place::new(&self.gateway.metrics.running, activity);
        let handled = unwinding(self.exchange(request, &mut context, &mut place)).await;
        let response = match handled {
            Ok(Ok(response)) => response,
            Ok(Err(refusal)) => self.refuse(&context, &refusal),
            // What was admitted has left its record by being dropped.
            Err(Panicked) => {
                let error = self.fault(context.id);
                self.refuse(&context, &close(error))
            }
        };
        Ok(response.map(|body| body.holding(place)))
    }

    /// Counts a fault in the gateway and says what the client is told of it.
    pub(super) fn fault(&self, id: ExchangeId) -> ExchangeError {
        self.gateway.metrics.panics.inc();
        tracing::error!(exchange = %id, "a fault in the gateway ended this exchange");
        ExchangeError::new(ErrorKind::Internal, "a fault in the gateway ended this exchange")
    }

    pub(super) fn refuse(&self, context: &Context, refusal: &Refusal) -> Response<AnswerBody> {
        self.gateway.metrics.errors.with_label_values(&[refusal.error.kind.code()]).inc();
        let (body, status) = (context.dialect.error_body(&refusal.error), refusal.error.status());
        let mut response = answer(context, status, "application/json", body.into(), refusal.verdict);
        if refusal.error.kind == ErrorKind::MethodNotAllowed {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, POST, DELETE"));
        }
        if refusal.close && !context.multiplexed {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    async fn exchange(
        &self,
        request: Request<Incoming>,
        context: &mut Context,
        place: &mut Place,
    ) -> Result<Response<AnswerBody>, Refusal> {
        let gateway = &self.gateway;
        let head = head::read(&request, gateway.limits.uri.get()).map_err(close)?;
        let anthropic = request.headers().contains_key("anthropic-version");
        let routed = route(head.method.as_str(), &head.path, anthropic);
        if let Ok(matched) = &routed {
            context.dialect = matched.dialect;
        }
        let (caller, canary) = gateway.caller(head.key.as_deref()).ok_or_else(|| {
            close(ExchangeError::new(ErrorKind::Unauthorized, "the api key is missing or not known"))
        })?;
        let policy = Arc::clone(gateway.policies.load().of(caller.number));
        place.pass = Some(caller.enter().map_err(|full| close(too_many(full)))?);
        let unread =
            Matched { dialect: context.dialect, operation: &GENERIC, path: head.path.clone(), model: None };
        let (parts, body) = request.into_parts();
        let mut exchange = Exchange {
            worker: self,
            context,
            caller: &caller,
            canary,
            head: &head,
            headers: &parts.headers,
            request_bytes: 0,
        };
        let matched = match routed {
            Ok(matched) => matched,
            Err(other_method) => match unknown(&policy, other_method) {
                None => unread,
                Some(error) => {
                    exchange.record_unjudged(&unread, &error).await?;
                    if context.multiplexed {
                        request::linger(body).await;
                    }
                    return Err(error.into());
                }
            },
        };
        let body = match request::read(&gateway.limits, &parts.headers, body).await {
            Ok(body) => body,
            Err(refusal) => {
                exchange.record_unjudged(&matched, &refusal.error).await?;
                return Err(refusal);
            }
        };
        exchange.request_bytes = body.len() as u64;
        let judged = match exchange.judge(matched.clone(), policy, body) {
            Ok(judged) => judged,
            Err(error) => {
                exchange.record_unjudged(&matched, &error).await?;
                return Err(error.into());
            }
        };
        exchange.admitted(judged).await
    }
}

#[expect(clippy::disallowed_methods, reason = "the edge reads the clock; the core is told")]
fn now() -> Instant {
    Instant::now()
}

/// The dialect in which to answer a request that could not be routed.
fn guess(path: &str) -> &'static dyn Dialect {
    // OpenAI has messages too, below its threads.
    let name = if ["/v1/messages", "/messages", "/anthropic/"].iter().any(|p| path.starts_with(p)) {
        "anthropic"
    } else if path.contains(":generate") || path.contains("v1beta") {
        "gemini"
    } else if path.starts_with("/api/") {
        "ollama"
    } else {
        "openai"
    };
    crate::dialect::by_name(name).unwrap_or(crate::dialect::fallback())
}

/// The refusal of an endpoint that no table has, unless the policy lets it pass.
fn unknown(policy: &Policy, other_method: bool) -> Option<ExchangeError> {
    match policy.unscanned() {
        // Providers have more methods than this gateway reads: `GET` where it knows `POST` lists what was stored.
        Unscanned::Block if other_method => {
            Some(ExchangeError::new(ErrorKind::MethodNotAllowed, "this endpoint has another method"))
        }
        Unscanned::Block => Some(ExchangeError::new(
            ErrorKind::NotFound,
            "this gateway does not know the endpoint, and the policy lets nothing pass unread",
        )),
        Unscanned::Flag | Unscanned::Allow => None,
    }
}

fn too_many(full: Full) -> ExchangeError {
    let whose = match full {
        Full::All => "this gateway",
        Full::Tenant => "this tenant",
        Full::Key => "this key",
    };
    ExchangeError::new(ErrorKind::RateLimited, format!("too many requests at the same time for {whose}"))
}

fn no_entropy() -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::whole(Bytes::new()));
    *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
    response
}

pub(super) fn answer(
    context: &Context,
    status: u16,
    media: &'static str,
    body: Bytes,
    outcome: Outcome,
) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::whole(body));
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    name_exchange(response.headers_mut(), context.id, outcome);
    response
}

pub(super) fn name_exchange(headers: &mut HeaderMap, id: ExchangeId, outcome: Outcome) {
    if let Ok(value) = HeaderValue::from_bytes(&id.text()) {
        headers.insert(EXCHANGE, value);
    }
    headers.insert(VERDICT, HeaderValue::from_static(outcome.as_str()));
}

pub(super) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}

/// An exchange whose caller is known.
pub(super) struct Exchange<'w> {
    pub(super) worker: &'w Worker,
    pub(super) context: &'w Context,
    caller: &'w Caller,
    canary: bool,
    head: &'w Head,
    pub(super) headers: &'w HeaderMap,
    request_bytes: u64,
}

impl Exchange<'_> {
    fn judge(&mut self, matched: Matched, policy: Arc<Policy>, body: Bytes) -> Result<Judged, ExchangeError> {
        let gateway = &self.worker.gateway;
        let received = Received::new(matched, Terms { policy, limits: gateway.exchange_limits });
        let content_type = self.headers.get(CONTENT_TYPE).map_or(Ok(""), HeaderValue::to_str);
        let json = content_type.is_ok_and(|content_type| {
            let media = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
            // Clients in the field send JSON without a media type, or as a form's default (curl -d).
            let json =
                media.is_empty() || media.ends_with("json") || media == "application/x-www-form-urlencoded";
            json && reads_as_utf8(content_type)
        });
        let body = request::decoded(&gateway.limits, self.headers, body)?;
        let timer = gateway.metrics.scan.with_label_values(&["prompt"]).start_timer();
        let judged =
            catch_unwind(AssertUnwindSafe(|| received.judge(self.head.query.as_deref(), json, body)));
        timer.observe_duration();
        judged.unwrap_or_else(|_| Err(self.worker.fault(self.context.id)))
    }

    /// Records a request that could not be judged, so that what a client was told can be looked up.
    async fn record_unjudged(&self, matched: &Matched, error: &ExchangeError) -> Result<(), ExchangeError> {
        let policy = Arc::clone(self.worker.gateway.policies.load().of(self.caller.number));
        let admission = Admission {
            exchange: self.context.id,
            time_ms: unix_ms(),
            tenant: self.caller.tenant.to_string(),
            key: self.caller.key.to_string(),
            route: "-".into(),
            dialect: matched.dialect.name(),
            operation: matched.operation.name,
            model: record::model(&policy, matched.model.as_deref().unwrap_or_default()),
            upstream: "-".into(),
            policy: policy.name().into(),
            policy_version: policy.version().into(),
            request_bytes: self.request_bytes,
            stream: false,
            verdict: Outcome::Block.as_str(),
            error: error.kind.code(),
            findings: Vec::new(),
            coverage: crate::audit::CoverageRecord::default(),
        };
        let receipt = self.durable(&admission).await?;
        let end = self.ended(error.status(), 0, "refused", error.kind.code(), Outcome::Block);
        self.record_end(&end);
        self.count_end(&admission.route, matched.dialect, Outcome::Block);
        drop(receipt);
        Ok(())
    }

    /// Gives the record to the journal at once; what it returns resolves when the record is durable.
    fn durable(&self, admission: &Admission) -> impl Future<Output = Result<Receipt, ExchangeError>> + use<> {
        let gateway = &self.worker.gateway;
        let (timer, id) = (gateway.metrics.journal.start_timer(), self.context.id);
        let written = gateway.journal.admit(admission);
        async move {
            let receipt = written.await;
            timer.observe_duration();
            receipt.map_err(|error| {
                tracing::error!(exchange = %id, %error, "no record, so nothing is delivered");
                ExchangeError::new(
                    ErrorKind::RecordUnavailable,
                    "the record of this exchange cannot be written; nothing was delivered",
                )
            })
        }
    }

    fn ended(
        &self,
        status: u16,
        upstream_status: u16,
        ended: &'static str,
        error: &'static str,
        outcome: Outcome,
    ) -> End {
        End {
            exchange: self.context.id,
            time_ms: unix_ms(),
            status,
            upstream_status,
            verdict: outcome.as_str(),
            ended,
            error,
            findings: Vec::new(),
            found: 0,
            coverage: crate::audit::CoverageRecord::default(),
            response_bytes: 0,
            held_bytes_max: 0,
            first_byte_us: 0,
            total_us: self.context.started.elapsed().as_micros() as u64,
        }
    }

    fn record_end(&self, end: &End) {
        if let Err(error) = self.worker.gateway.journal.end(end) {
            tracing::error!(exchange = %self.context.id, %error, "the end of an exchange is not on record");
        }
    }

    /// From the judgement on: record, upstream, answer.
    async fn admitted(&mut self, judged: Judged) -> Result<Response<AnswerBody>, Refusal> {
        let gateway = Arc::clone(&self.worker.gateway);
        let forwards = matches!(judged.next(), Next::Forward { .. });
        let found =
            forwards.then(|| gateway.route(judged.matched(), &judged.ask().model, self.headers)).flatten();
        let mut upstream = found.and_then(|r| self.worker.dialers.get(r.upstream));
        let mut route: Arc<str> = found.map_or_else(|| "-".into(), |r| Arc::clone(&r.name));
        if self.canary {
            upstream = self.worker.dialers.last().filter(|_| forwards);
            route = "canary".into();
        }
        let no_route = forwards && upstream.is_none();
        let not_found = || {
            ExchangeError::new(
                ErrorKind::NotFound,
                format!(
                    "no route of this gateway takes `{}` for the model that is named",
                    judged.matched().operation.name
                ),
            )
        };
        let policy = Arc::clone(&judged.terms().policy);
        let admission = Admission {
            exchange: self.context.id,
            time_ms: unix_ms(),
            tenant: self.caller.tenant.to_string(),
            key: self.caller.key.to_string(),
            route: route.to_string(),
            dialect: judged.matched().dialect.name(),
            operation: judged.matched().operation.name,
            model: record::model(&policy, &judged.ask().model),
            upstream: upstream.map_or_else(|| "-".into(), |u| u.upstream().name.to_string()),
            policy: policy.name().into(),
            policy_version: policy.version().into(),
            request_bytes: self.request_bytes,
            stream: judged.ask().stream,
            verdict: if no_route { Outcome::Block } else { judged.report().outcome }.as_str(),
            error: if no_route { ErrorKind::NotFound.code() } else { record::refusal_code(&judged) },
            findings: record::findings(&policy, &judged.report().findings),
            coverage: record::coverage(&judged.report().coverage),
        };
        // The disk works from here on; what follows is done meanwhile.
        let durable = self.durable(&admission);
        count_findings(&gateway, &policy, &judged.report().findings, &judged.report().coverage);
        let upstream = match (judged.next(), upstream) {
            (Next::Forward { body, .. }, Some(upstream)) => (upstream, body.clone()),
            (next, _) => {
                let receipt = durable.await?;
                let (error, reply) = match next {
                    Next::Forward { .. } => (not_found(), None),
                    Next::Refuse(error) => (error.clone(), None),
                    Next::Answer(reply) => (ExchangeError::new(ErrorKind::Blocked, ""), Some(reply.clone())),
                };
                drop(receipt);
                let status = reply.as_ref().map_or(error.status(), |r| r.status);
                self.record_end(&self.ended(status, 0, "refused", error.kind.code(), Outcome::Block));
                self.count_end(&route, judged.matched().dialect, Outcome::Block);
                return match reply {
                    Some(reply) => Ok(answer(
                        self.context,
                        reply.status,
                        reply.content_type,
                        reply.body.into(),
                        Outcome::Block,
                    )),
                    None => Err(error.into()),
                };
            }
        };
        let (dialer, body) = upstream;
        let recorder = Recorder::new(
            Arc::clone(&gateway),
            self.context.id,
            self.context.started,
            Arc::clone(&route),
            judged.matched().dialect,
            Arc::clone(&dialer.upstream().name),
            judged.report().outcome,
        );
        // The record is made durable while the upstream works and its answer is read; no byte leaves before the record is there.
        let mut durable = pin!(durable);
        let mut asking = pin!(Begun::ask(self, judged, body, dialer));
        let mut begun = None;
        let receipt = poll_fn(|cx| {
            if begun.is_none()
                && let Poll::Ready(answer) = asking.as_mut().poll(cx)
            {
                begun = Some(answer);
            }
            if let Some(begun) = &mut begun {
                begun.read_on(cx);
            }
            durable.as_mut().poll(cx)
        });
        let receipt = match receipt.await {
            Ok(receipt) => receipt,
            Err(error) => {
                recorder.void();
                return Err(error.into());
            }
        };
        let begun = match begun {
            Some(begun) => begun,
            None => asking.await,
        };
        begun.answer(self, receipt, recorder)
    }

    pub(super) fn outgoing<'a>(&'a self, judged: &'a Judged, body: Bytes) -> Outgoing<'a> {
        let mut headers = headers::to_upstream(self.headers);
        headers.insert(ACCEPT_ENCODING, accepted(self.headers, judged.ask().stream));
        if !body.is_empty() && !headers.contains_key(CONTENT_TYPE) {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        Outgoing {
            method: self.head.method.clone(),
            path: &judged.matched().path,
            query: self.head.query.as_deref(),
            dialect: judged.matched().dialect.name(),
            client: self.headers,
            query_key: self.head.key.as_deref().filter(|_| self.head.key_in_query),
            headers,
            body,
        }
    }

    fn count_end(&self, route: &str, dialect: &dyn Dialect, outcome: Outcome) {
        self.worker
            .gateway
            .metrics
            .requests
            .with_label_values(&[route, dialect.name(), outcome.as_str()])
            .inc();
    }
}

/// Counts what was found and what passed unread.
pub(super) fn count_findings(
    gateway: &Gateway,
    policy: &Policy,
    findings: &[crate::exchange::Noted],
    coverage: &crate::exchange::Coverage,
) {
    for finding in findings {
        let labels =
            [policy.rule(finding.rule).id.as_str(), finding.action.as_str(), finding.direction.as_str()];
        gateway.metrics.findings.with_label_values(&labels).inc();
    }
    for (kind, n) in &coverage.unscanned {
        gateway.metrics.unscanned.with_label_values(&[kind]).inc_by(*n);
    }
}

/// The codings that both the client and the gateway read. Streams are asked for plain: each event would have to be flushed anyway.
fn accepted(client: &HeaderMap, stream: bool) -> HeaderValue {
    let names: Vec<&str> =
        Coding::ALL.into_iter().filter(|c| !stream && takes(client, *c)).map(Coding::as_str).collect();
    if names.is_empty() {
        return HeaderValue::from_static("identity");
    }
    HeaderValue::from_str(&names.join(", ")).unwrap_or(HeaderValue::from_static("identity"))
}

/// Whether the client reads this coding.
pub(super) fn takes(headers: &HeaderMap, coding: Coding) -> bool {
    headers.get(ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).is_some_and(|client| {
        client.split(',').any(|c| {
            let mut words = c.split(';').map(str::trim);
            words.next().is_some_and(|c| c.eq_ignore_ascii_case(coding.as_str()))
                && !words.any(|w| matches!(w, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
    })
}

/// A fault unwound to the edge of its exchange.
struct Panicked;

/// Drives a future; a fault in it ends it and nothing else.
async fn unwinding<T>(future: impl Future<Output = T>) -> Result<T, Panicked> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(_) => Poll::Ready(Err(Panicked)),
    })
    .await
}

/// Whether the gateway takes new exchanges.
pub(super) fn is_open(gateway: &Gateway) -> bool {
    !gateway.draining.load(Ordering::Acquire)
}
