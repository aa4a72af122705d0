//! Each request gets an answer, whatever happens: who asks, what is asked for, and the refusal of what goes no further.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Instant;

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Method, Request, Response};
use hyper::body::Incoming;

use super::body::{AnswerBody, Slot};
use super::chain;
use super::complaints;
use super::detector;
use super::exchange::Exchange;
use super::gateway::Gateway;
use super::head;
use super::host_check;
use super::judging::{Known, Questioner};
use super::patience::Activity;
use super::request;
use super::reviews;
use super::standing::name_standing;
use crate::audit::ExchangeId;
use crate::dialect::{Dialect, ErrorKind, ExchangeError, GENERIC, Matched, route};
use crate::exchange::Outcome;
use crate::limits::Full;
use crate::policy::{Policy, Standing, Unscanned};
use crate::upstream::Dialer;

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
    /// Who is asked about texts.
    pub judges: Known,
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
    /// How who asks stands.
    standing: Standing,
    /// After how many seconds another request may pass.
    retry_after: Option<u64>,
}

impl Refusal {
    /// An error in an answer's place: the record has the verdict on both sides as far as they were read.
    pub(super) fn on_record(error: ExchangeError, verdict: Outcome) -> Self {
        Self { verdict, ..error.into() }
    }

    /// The same request of somebody who stands so, which may pass after so many seconds.
    pub(super) fn of_standing(mut self, standing: Standing, retry_after: Option<u64>) -> Self {
        (self.standing, self.retry_after) = (standing, retry_after);
        self
    }

    /// One after which the connection is closed.
    pub(super) fn closing(error: ExchangeError) -> Self {
        Self { close: true, ..error.into() }
    }
}

/// What goes no further is blocked, whatever the reason.
impl From<ExchangeError> for Refusal {
    fn from(error: ExchangeError) -> Self {
        let standing = Standing::default();
        Self { error, close: false, verdict: Outcome::Block, standing, retry_after: None }
    }
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
        let mut slot = Slot::new(&self.gateway.metrics.running, activity);
        let handled = unwinding(pin!(self.exchange(request, &mut context, &mut slot))).await;
        let response = match handled {
            Ok(Ok(response)) => response,
            Ok(Err(refusal)) => self.refuse(&context, &refusal),
            // What was admitted has left its record by being dropped.
            Err(Panicked) => {
                let error = self.fault(context.id);
                self.refuse(&context, &Refusal::closing(error))
            }
        };
        Ok(response.map(|body| body.holding(slot)))
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
        name_standing(response.headers_mut(), refusal.standing);
        if let Some(seconds) = refusal.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
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
        slot: &mut Slot,
    ) -> Result<Response<AnswerBody>, Refusal> {
        let gateway = &self.gateway;
        // HTTP/1's reader has counted them itself.
        if request.headers().len() > gateway.limits.fields {
            let most = gateway.limits.fields;
            let message = format!("more than {most} header fields (`limits.fields`)");
            return Err(Refusal::closing(ExchangeError::new(ErrorKind::TooManyFields, message)));
        }
        if gateway.detector.takes(request.uri().path()) {
            return Ok(detector::answer(gateway, request, slot.address(), context.started).await);
        }
        if gateway.complaints.takes(request.uri().path()) {
            return Ok(complaints::answer(gateway, request, slot.address(), context.started).await);
        }
        let head = head::read(&request, gateway.limits.uri.get()).map_err(Refusal::closing)?;
        let anthropic = request.headers().contains_key("anthropic-version");
        let routed = route(head.method.as_str(), &head.path, anthropic);
        if let Ok(matched) = &routed {
            context.dialect = matched.dialect;
        }
        let (caller, canary) = gateway.caller(head.key.as_deref()).ok_or_else(|| {
            Refusal::closing(ExchangeError::new(
                ErrorKind::Unauthorized,
                "the api key is missing or not known",
            ))
        })?;
        if gateway.keys.is_open() && !canary {
            host_check::check(&request, &gateway.server.hosts).map_err(Refusal::closing)?;
        }
        if reviews::takes(&head.path) {
            slot.pass = Some(caller.enter().map_err(|full| Refusal::closing(too_many(full)))?);
            return Ok(reviews::answer(gateway, &head.method, &head.path, &caller).await);
        }
        let (policy, judges) = gateway.policies.at_admission(caller.number);
        let policy = policy.of_exchange(context.id.text());
        let judges = if policy.asks_judges() { self.judges.of(&judges) } else { Arc::default() };
        slot.pass = Some(caller.enter().map_err(|full| Refusal::closing(too_many(full)))?);
        let unread =
            Matched { dialect: context.dialect, operation: &GENERIC, path: head.path.clone(), model: None };
        let (parts, body) = request.into_parts();
        let mut exchange = Exchange {
            worker: self,
            context,
            caller: &caller,
            policy: Arc::clone(&policy),
            canary,
            standing: Standing::default(),
            remind: None,
            head: &head,
            headers: &parts.headers,
            request_bytes: 0,
            received: String::new(),
            address: slot.address().to_owned(),
            body: Bytes::new(),
            moderated: None,
            asker: Questioner::new(judges, &policy, &gateway.limits),
        };
        let matched = match routed {
            Ok(matched) => matched,
            Err(other_method) => match unknown(&policy, &head.method, other_method) {
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
        if let Err(error) = chain::check(&parts.headers, gateway.name) {
            exchange.record_unjudged(&matched, &error).await?;
            if context.multiplexed {
                request::linger(body).await;
            }
            return Err(Refusal::closing(error));
        }
        let mut slow = false;
        let mut on_slow = || {
            slow = true;
            slot.pass = Some(caller.enter_slow().map_err(|full| Refusal::closing(too_many_slow(full)))?);
            Ok(())
        };
        let body = match request::read(&gateway.limits, &parts.headers, body, &mut on_slow).await {
            Ok(body) => body,
            Err(refusal) if refusal.error.kind == ErrorKind::RateLimited => return Err(refusal),
            Err(refusal) => {
                exchange.record_unjudged(&matched, &refusal.error).await?;
                return Err(refusal);
            }
        };
        // Its place among the slow goes to the next of them. Where all others are taken it keeps it: who waited so long is not refused.
        if slow && let Ok(pass) = caller.enter() {
            slot.pass = Some(pass);
        }
        exchange.request_bytes = body.len() as u64;
        if exchange.kept_limit() > 0 {
            exchange.body = body.clone();
        }
        let judged = match exchange.judge(matched.clone(), body).await {
            Ok(judged) => judged,
            Err(error) => {
                exchange.record_unjudged(&matched, &error).await?;
                return Err(error.into());
            }
        };
        // Too large to lie within what drives the connection.
        Box::pin(exchange.admitted(judged)).await
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
fn unknown(policy: &Policy, method: &Method, other_method: bool) -> Option<ExchangeError> {
    match policy.unscanned() {
        // What answers a TRACE shows the request as it arrived (RFC 9110 section 9.3.8): with the upstream's credential.
        _ if *method == Method::TRACE => {
            Some(ExchangeError::new(ErrorKind::MethodNotAllowed, "TRACE goes no further"))
        }
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

fn whose(full: Full) -> &'static str {
    match full {
        Full::All => "this gateway",
        Full::Tenant => "this tenant",
        Full::Key => "this key",
    }
}

fn too_many(full: Full) -> ExchangeError {
    let whose = whose(full);
    ExchangeError::new(ErrorKind::RateLimited, format!("too many requests at the same time for {whose}"))
}

fn too_many_slow(full: Full) -> ExchangeError {
    let whose = whose(full);
    let message = format!("too many request bodies that arrive slowly at the same time for {whose}");
    ExchangeError::new(ErrorKind::RateLimited, message)
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

/// A fault unwound to the edge of its exchange.
struct Panicked;

/// Drives a future; a fault in it ends it and nothing else. It is pinned by the caller: an exchange is too large to move.
async fn unwinding<T>(mut future: Pin<&mut impl Future<Output = T>>) -> Result<T, Panicked> {
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
