//! One exchange whose caller is known: judgement, record, upstream, answer.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue,
};
use http::{HeaderMap, Response};

use super::Moderations;
use super::answer::Begun;
use super::body::AnswerBody;
use super::chain;
use super::gateway::{Gateway, Route};
use super::head::Head;
use super::headers;
use super::host_check::from_browser;
use super::judging::Questioner;
use super::long_reads;
use super::prints::Printed;
use super::recorder::{Ending, Kept, Recorder, record_end, with_answer};
use super::request::{self, BodyType};
use super::residency;
use super::reviews::Asker;
use super::sampler;
use super::standing::{self, Session, name_standing};
use super::worker::{Context, EXCHANGE, Refusal, Worker, answer};
use crate::audit::{Admission, Asked, End, Parts, Receipt, RequestHead, Subject};
use crate::diag::moment::now_ms;
use crate::dialect::{Dialect, ErrorKind, ExchangeError, Matched, Reply};
use crate::exchange::{Client, Judged, Next, Outcome, Pseudonyms, Received, Terms, moderate, record};
use crate::limits::Caller;
use crate::policy::{Policy, Standing};
use crate::stream::coding::Coding;
use crate::telemetry::Quiet;
use crate::text::{Language, reads_as_utf8};
use crate::upstream::Outgoing;

/// How a client names the conversation of which a request is a part.
const CONVERSATION: HeaderName = HeaderName::from_static("x-sluicegate-conversation");
/// The call that the gateway answers itself, where nothing else is asked for.
const MODERATIONS: &str = "moderations";

/// An exchange whose caller is known.
pub(super) struct Exchange<'w> {
    pub(super) worker: &'w Worker,
    pub(super) context: &'w Context,
    pub(super) caller: &'w Caller,
    /// As it was when the request came; a reload changes nothing of it.
    pub(super) policy: Arc<Policy>,
    pub(super) canary: bool,
    /// How who asks stands.
    pub(super) standing: Standing,
    /// After how many seconds without a break the application is told so.
    pub(super) remind: Option<u64>,
    pub(super) head: &'w Head,
    pub(super) headers: &'w HeaderMap,
    pub(super) request_bytes: u64,
    /// Keyed hash of the request's body.
    pub(super) received: String,
    /// Keyed hash of the client's address.
    pub(super) address: String,
    /// The request's body as received, where bodies are kept.
    pub(super) body: Bytes,
    /// What the gateway itself answers to a request for moderation.
    pub(super) moderated: Option<Vec<u8>>,
    /// What it asks of judges.
    pub(super) asker: Questioner,
}

impl Exchange<'_> {
    /// Reads the request and says what follows.
    pub(super) async fn judge(&mut self, matched: Matched, body: Bytes) -> Result<Judged, ExchangeError> {
        let gateway = Arc::clone(&self.worker.gateway);
        if self.moderates(&matched) {
            // What is to be judged is judged, and not stopped.
            self.policy = Arc::new(self.policy.recording());
            self.moderated = Some(self.moderate(&body).await?);
        }
        let policy = Arc::clone(&self.policy);
        let language = self.headers.get(ACCEPT_LANGUAGE).and_then(|field| field.to_str().ok());
        let language = language.and_then(Language::accepted);
        let labels = gateway.labels.may(&policy, &gateway.routes);
        let complaints = gateway.complaints.days();
        let exchange = Some(self.context.id);
        // Who is told of a review gets one: so it is looked for before the answer begins.
        let no_review = policy.review().is_some() && gateway.reviews.book.is_full();
        let client = Client { exchange, language, labels, said: None, complaints, no_review };
        let pseudonyms = self.pseudonyms(&gateway);
        // The gateway's own answer to a request for moderation is its own, and the canary's text is known.
        let judges = (self.moderated.is_none() && !self.canary && policy.asks_judges()).then(Arc::default);
        let received = Received::new(
            matched,
            Terms {
                policy,
                limits: gateway.exchange_limits,
                client,
                marks: gateway.marks.clone(),
                pseudonyms,
                prints: self.policy.prints() && !self.canary,
                judges,
                annotate: None,
            },
        );
        let body_type = BodyType::of(self.headers);
        if body_type == BodyType::Form && from_browser(self.headers) {
            return Err(ExchangeError::new(
                ErrorKind::UnsupportedMedia,
                "a web page's form is not read: send JSON as `application/json`",
            ));
        }
        let mut judged = self.read(received.clone(), body.clone()).await?;
        let questions = judged.questions();
        if questions.is_empty() {
            return Ok(judged);
        }
        let route = gateway.route(judged.matched(), &judged.ask().model, self.headers);
        self.asker.grade = route.and_then(Route::grade).unwrap_or_default();
        let answers = Box::pin(self.asker.ask_all(&gateway.metrics, &questions)).await;
        self.read(received.knowing(answers), body).await
    }

    /// Reads the request's body.
    async fn read(&mut self, received: Received, body: Bytes) -> Result<Judged, ExchangeError> {
        let gateway = Arc::clone(&self.worker.gateway);
        let json = self.says_json();
        let timer = gateway.metrics.scan.with_label_values(&["prompt"]).start_timer();
        // What is compressed may be longer than it looks.
        let hash = |gateway: &Gateway, body: &Bytes| {
            if body.is_empty() { String::new() } else { gateway.commitments.hash(body) }
        };
        let judged = if body.len() <= long_reads::SHORT && !self.headers.contains_key(CONTENT_ENCODING) {
            let query = self.head.query.as_deref();
            self.received = hash(&gateway, &body);
            catch_unwind(AssertUnwindSafe(|| received.judge(query, json, body))).ok()
        } else {
            let (headers, query) = (self.headers.clone(), self.head.query.clone());
            let shared = Arc::clone(&gateway);
            let read = move |halt| {
                let as_received = hash(&shared, &body);
                let judged = request::decoded(&shared.limits, &headers, body)
                    .and_then(|body| received.judge_unless(&halt, query.as_deref(), json, body));
                (as_received, judged)
            };
            long_reads::away(&gateway, read).await.map(|(as_received, judged)| {
                self.received = as_received;
                judged
            })
        };
        timer.observe_duration();
        judged.unwrap_or_else(|| Err(self.worker.fault(self.context.id)))
    }

    /// Whether the body's media type is read as JSON.
    fn says_json(&self) -> bool {
        let content_type = self.headers.get(CONTENT_TYPE).map_or(Ok(""), HeaderValue::to_str);
        BodyType::of(self.headers) != BodyType::Other && content_type.is_ok_and(reads_as_utf8)
    }

    /// What stand-ins are drawn from, and for whom.
    fn pseudonyms(&self, gateway: &Gateway) -> Option<Pseudonyms> {
        if !(self.policy.makes_of_prompts() || self.policy.makes_of_answers()) {
            return None;
        }
        let named = self.headers.get(CONVERSATION).and_then(|name| name.to_str().ok());
        Some(Pseudonyms {
            secret: Arc::clone(&gateway.secret),
            tenant: self.caller.tenant.as_ref().into(),
            key: self.caller.key.as_ref().into(),
            user: standing::named(self.headers).map(|user| Quiet(user.to_owned())),
            conversation: named.filter(|name| !name.is_empty()).map(|name| Quiet(name.into())),
            vault: Some(Arc::clone(&gateway.vault)),
            now_ms: now_ms(),
        })
    }

    /// Whether the gateway answers itself.
    fn moderates(&self, matched: &Matched) -> bool {
        matched.operation.name == MODERATIONS
            && self.worker.gateway.server.moderations == Moderations::Gateway
            && !self.canary
    }

    /// The answer to a request for moderation.
    async fn moderate(&self, body: &Bytes) -> Result<Vec<u8>, ExchangeError> {
        let gateway = Arc::clone(&self.worker.gateway);
        let (policy, id) = (Arc::clone(&self.policy), self.context.id.to_string());
        let (shared, headers, body) = (Arc::clone(&gateway), self.headers.clone(), body.clone());
        let short = body.len() <= long_reads::SHORT && !self.headers.contains_key(CONTENT_ENCODING);
        let judge = move || {
            let body = request::decoded(&shared.limits, &headers, body)?;
            moderate(&policy, &id, &body)
        };
        let judged = if short {
            catch_unwind(AssertUnwindSafe(judge)).ok()
        } else {
            long_reads::away(&gateway, move |_| judge()).await
        };
        judged.unwrap_or_else(|| Err(self.worker.fault(self.context.id)))
    }

    /// Records a request that could not be judged, so that what a client was told can be looked up.
    pub(super) async fn record_unjudged(
        &self,
        matched: &Matched,
        error: &ExchangeError,
    ) -> Result<(), ExchangeError> {
        let policy = &self.policy;
        let asked = Arc::new(Asked {
            tenant: Arc::clone(&self.caller.tenant),
            key: Arc::clone(&self.caller.key),
            user: String::new(),
            address: self.address.clone(),
            route: "-".into(),
            dialect: matched.dialect.name(),
            operation: matched.operation.name,
            model: record::model(policy, matched.model.as_deref().unwrap_or_default()),
            upstream: "-".into(),
            region: String::new(),
            policy: policy.name().into(),
            policy_version: policy.version().into(),
        });
        let admission = Admission {
            exchange: self.context.id,
            time_ms: now_ms(),
            asked: Arc::clone(&asked),
            packs: Arc::clone(policy.packs()),
            request_bytes: self.request_bytes,
            received: self.received.clone(),
            sent: String::new(),
            stream: false,
            verdict: Outcome::Block.as_str(),
            error: error.kind.code(),
            findings: Vec::new(),
            found: 0,
            pseudonymised: BTreeMap::new(),
            sampler: None,
            coverage: crate::audit::Coverage::default(),
        };
        let receipt = self.durable(&admission).await?;
        let body = self.context.dialect.error_body(error);
        let end = self.ended(asked, error.status(), &body, ("refused", error.kind.code()), Outcome::Block);
        // What could not be read names nobody, so it could not be erased with whom it is about: no body of it is kept.
        record_end(&self.worker.gateway, end, true, None);
        self.count_end("-", matched.dialect, Outcome::Block);
        drop(receipt);
        Ok(())
    }

    /// Gives the record to the journal at once; what it returns resolves when the record is durable.
    fn durable(&self, admission: &Admission) -> impl Future<Output = Result<Receipt, ExchangeError>> + use<> {
        let gateway = &self.worker.gateway;
        let (timer, id) = (gateway.metrics.journal.start_timer(), self.context.id);
        let written = (self.canary || !gateway.waits_for_sinks()).then(|| gateway.journal.admit(admission));
        async move {
            let Some(written) = written else {
                return Err(ExchangeError::new(
                    ErrorKind::RecordUnavailable,
                    "records do not reach the system that has to have them; nothing was delivered",
                ));
            };
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

    /// The end of an exchange that the gateway answers itself, with this body.
    fn ended(
        &self,
        asked: Arc<Asked>,
        status: u16,
        body: &[u8],
        (ended, error): Ending,
        outcome: Outcome,
    ) -> End {
        let total_us = self.context.started.elapsed().as_micros() as u64;
        End {
            exchange: self.context.id,
            time_ms: now_ms(),
            asked,
            status,
            upstream_status: 0,
            verdict: outcome.as_str(),
            ended,
            error,
            findings: Vec::new(),
            found: 0,
            restored: BTreeMap::new(),
            coverage: crate::audit::Coverage::default(),
            received: String::new(),
            sent: self.worker.gateway.commitments.hash(body),
            tokens: None,
            label: None,
            annotation: None,
            mark: None,
            sampler: None,
            texts: None,
            response_bytes: body.len() as u64,
            held_bytes_max: 0,
            held_us_max: 0,
            upstream_us: 0,
            first_byte_us: total_us,
            total_us,
        }
    }

    /// The most bytes of each body that are kept; 0 where none are.
    pub(super) fn kept_limit(&self) -> usize {
        self.worker
            .gateway
            .texts
            .as_ref()
            .filter(|_| !self.canary)
            .map_or(0, |texts| texts.limit(&self.caller.tenant, self.policy.content_days()))
    }

    /// The request's bodies, where they are kept.
    fn kept(&self, next: &Next, goes_on: bool, path: &str, user: &str) -> Option<Kept> {
        let limit = Some(self.kept_limit()).filter(|limit| *limit > 0)?;
        let part = |bytes: &Bytes| bytes.get(..limit.min(bytes.len())).unwrap_or_default().to_vec();
        let request_sent = match next {
            Next::Forward { body, .. } if goes_on => part(body),
            Next::Forward { .. } | Next::Answer(_) | Next::Refuse(_) => Vec::new(),
        };
        let field = |name: &HeaderName| self.headers.get(name).and_then(|value| value.to_str().ok());
        let head = RequestHead {
            path: path.to_owned(),
            query: self.head.query.clone(),
            json: self.says_json(),
            coding: field(&CONTENT_ENCODING).unwrap_or_default().to_owned(),
            conversation: field(&CONVERSATION).filter(|name| !name.is_empty()).map(str::to_owned),
        };
        let head = serde_json::to_vec(&head).unwrap_or_default();
        let parts = Parts { request_received: part(&self.body), request_sent, head, ..Parts::default() };
        let (subject, days) = (Subject::new(&self.caller.tenant, user), self.policy.content_days());
        Some(Kept { limit, days, subject, parts })
    }

    /// From the judgement on: record, upstream, answer.
    pub(super) async fn admitted(&mut self, mut judged: Judged) -> Result<Response<AnswerBody>, Refusal> {
        let gateway = Arc::clone(&self.worker.gateway);
        let stands = self.stands(&judged);
        self.standing = stands.standing;
        let mut next = standing::next(&judged, &stands);
        let mut forwards = matches!(next, Next::Forward { .. });
        let found = (forwards && self.moderated.is_none())
            .then(|| gateway.route(judged.matched(), &judged.ask().model, self.headers))
            .flatten();
        if let Some(density) = found.and_then(Route::mark) {
            judged.mark_as(density);
        }
        if let Some(form) = found.and_then(Route::annotate) {
            judged.annotate_as(form);
        }
        if judged.own_marks() > 0 {
            gateway.metrics.marks.with_label_values(&["stripped"]).inc_by(judged.own_marks());
        }
        let mut upstream = found.and_then(|r| self.worker.dialers.get(r.upstream));
        let mut route: Arc<str> = found.map_or_else(|| "-".into(), |r| Arc::clone(&r.name));
        if self.canary {
            upstream = self.worker.dialers.last().filter(|_| forwards);
            route = "canary".into();
        }
        let region = upstream.and_then(|u| u.upstream().settings().region.clone()).unwrap_or_default();
        // What may not go there is stopped here; the record says where it was to go.
        let stays = found
            .zip(upstream)
            .filter(|_| !self.canary)
            .and_then(|(route, upstream)| self.resides(&judged, route, upstream.upstream().settings()));
        let stays = stays.map(|error| (error.kind, residency::told(&judged, error)));
        let kind = stays.as_ref().map(|(kind, _)| *kind);
        if let Some((_, told)) = stays {
            (next, forwards, upstream) = (told, false, None);
        }
        let moderated = self.moderated.take().filter(|_| forwards);
        let no_route = forwards && upstream.is_none() && moderated.is_none();
        let not_found = || {
            ExchangeError::new(
                ErrorKind::NotFound,
                format!(
                    "no route of this gateway takes `{}` for the model that is named",
                    judged.matched().operation.name
                ),
            )
        };
        // Somebody else's answer needs nobody's upstream.
        let own = match if forwards && !no_route { self.session(&judged, &route) } else { Session::GoesOn } {
            Session::GoesOn => None,
            Session::Reminder(seconds) => {
                self.remind = Some(seconds);
                gateway.metrics.reminders.with_label_values(&["header"]).inc();
                None
            }
            Session::Answer(error) => {
                gateway.metrics.reminders.with_label_values(&[error.kind.code()]).inc();
                let matched = judged.matched();
                Some((matched.dialect.refusal(matched.operation, judged.ask(), &error), error.kind.code()))
            }
        };
        let own = match moderated {
            Some(body) if own.is_none() => {
                Some((Reply { status: 200, content_type: "application/json", body }, ""))
            }
            Some(_) | None => own,
        };
        let region = if own.is_some() { String::new() } else { region };
        if own.is_some() {
            upstream = None;
        }
        let policy = Arc::clone(&judged.terms().policy);
        let goes_on = forwards && !no_route && own.is_none();
        let asks = found.filter(|_| goes_on && !self.canary);
        let sampler = asks.and_then(|r| sampler::ask(&gateway, &judged, r, &mut next, self.context.started));
        let sent = match &next {
            // What goes on as it came has the hash that it came with.
            Next::Forward { changed: false, .. }
                if goes_on && !self.headers.contains_key(CONTENT_ENCODING) =>
            {
                self.received.clone()
            }
            Next::Forward { body, .. } if goes_on && !body.is_empty() => gateway.commitments.hash(body),
            Next::Forward { .. } | Next::Answer(_) | Next::Refuse(_) => String::new(),
        };
        let asked = Arc::new(Asked {
            tenant: Arc::clone(&self.caller.tenant),
            key: Arc::clone(&self.caller.key),
            user: self.user(&judged),
            address: self.address.clone(),
            route: Arc::clone(&route),
            dialect: judged.matched().dialect.name(),
            operation: judged.matched().operation.name,
            model: record::model(&policy, &judged.ask().model),
            upstream: upstream.map_or_else(|| "-".into(), |u| Arc::clone(&u.upstream().name)),
            region,
            policy: policy.name().into(),
            policy_version: policy.version().into(),
        });
        let admission = Admission {
            exchange: self.context.id,
            time_ms: now_ms(),
            asked: Arc::clone(&asked),
            packs: Arc::clone(policy.packs()),
            request_bytes: self.request_bytes,
            received: self.received.clone(),
            sent,
            stream: judged.ask().stream,
            verdict: if no_route || !forwards { Outcome::Block } else { judged.report().outcome }.as_str(),
            error: match &own {
                Some((_, code)) => code,
                None if no_route => ErrorKind::NotFound.code(),
                None => kind.map_or_else(|| record::refusal_code(&next), ErrorKind::code),
            },
            findings: record::findings(&policy, &judged.report().findings),
            found: judged.report().found,
            pseudonymised: judged.pseudonymised().clone(),
            sampler: sampler.as_ref().map(|asked| asked.record().clone()),
            coverage: judged.report().coverage.clone(),
        };
        let keeps = !judged.has_others();
        let kept = self.kept(&next, goes_on, &judged.matched().path, &asked.user).filter(|_| keeps);
        // The disk works from here on; what follows is done meanwhile.
        let durable = self.durable(&admission);
        count_findings(&gateway, &policy, &judged.report().counts, &judged.report().coverage);
        if let Some((reply, code)) = own {
            let receipt = durable.await?;
            drop(receipt);
            let outcome = judged.report().outcome;
            let end = self.ended(asked, reply.status, &reply.body, ("answered", code), outcome);
            record_end(&gateway, end, true, with_answer(kept, &reply.body));
            self.count_end(&route, judged.matched().dialect, outcome);
            let mut response =
                answer(self.context, reply.status, reply.content_type, reply.body.into(), outcome);
            name_standing(response.headers_mut(), self.standing);
            return Ok(response);
        }
        let upstream = match (next, upstream) {
            (Next::Forward { body, .. }, Some(upstream)) => (upstream, body),
            (next, _) => {
                let receipt = durable.await?;
                let (error, reply) = match next {
                    Next::Forward { .. } => (not_found(), None),
                    Next::Refuse(error) => (error, None),
                    Next::Answer(reply) => {
                        (ExchangeError::new(kind.unwrap_or(ErrorKind::Blocked), ""), Some(reply))
                    }
                };
                drop(receipt);
                let status = reply.as_ref().map_or(error.status(), |r| r.status);
                let body = match &reply {
                    Some(reply) => &reply.body,
                    None => &self.context.dialect.error_body(&error),
                };
                let end = self.ended(asked, status, body, ("refused", error.kind.code()), Outcome::Block);
                record_end(&gateway, end, true, with_answer(kept, body));
                self.count_end(&route, judged.matched().dialect, Outcome::Block);
                let retry_after = stands.shut_out.and_then(|(_, seconds)| seconds);
                return match reply {
                    Some(reply) => {
                        let (status, media, body) = (reply.status, reply.content_type, reply.body.into());
                        let mut response = answer(self.context, status, media, body, Outcome::Block);
                        name_standing(response.headers_mut(), self.standing);
                        Ok(response)
                    }
                    None => Err(Refusal::from(error).of_standing(self.standing, retry_after)),
                };
            }
        };
        let labelling = gateway.labels.labelling(self, &policy, found);
        let (dialer, body) = upstream;
        let mut recorder = Recorder::new(
            Arc::clone(&gateway),
            self.context.id,
            self.context.started,
            Arc::clone(&asked),
            &judged,
            kept,
        );
        recorder.sampler.clone_from(&admission.sampler);
        recorder.printed = (policy.prints() && !self.canary)
            .then(|| Box::new(Printed::new(self.caller, &asked.user, admission.time_ms)));
        recorder.asker = (!self.canary && policy.review().is_some()).then(|| {
            Box::new(Asker {
                tenant: Arc::clone(&self.caller.tenant),
                key: Arc::clone(&self.caller.key),
                user: asked.user.clone(),
                model: asked.model.clone(),
                limit: if keeps { self.kept_limit() } else { 0 },
                days: policy.content_days(),
            })
        });
        // The record is made durable while the upstream works and its answer is read; no byte leaves before the record is there.
        let mut durable = pin!(durable);
        // A disk that fails already is waited for, so that no prompt leaves for which there will be no record.
        let early = gateway.journal.is_failing() || gateway.waits_for_sinks();
        let early = if early { Some(durable.as_mut().await) } else { None };
        let early = match early.transpose() {
            Ok(early) => early,
            Err(error) => {
                recorder.void();
                return Err(error.into());
            }
        };
        let mut asking = pin!(Begun::ask(self, judged, body, dialer, labelling, sampler));
        let mut begun = None;
        let together = poll_fn(|cx| {
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
        let receipt = match early {
            Some(receipt) => Ok(receipt),
            None => together.await,
        };
        let receipt = match receipt {
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
        let onward = chain::onward(self.headers, self.context.id, self.worker.gateway.name);
        headers.insert(EXCHANGE, onward);
        headers.insert(ACCEPT_ENCODING, accepted(self.headers, judged.ask().stream));
        if !body.is_empty() && matches!(BodyType::of(&headers), BodyType::Unsaid | BodyType::Form) {
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
    counts: &crate::exchange::Counts,
    coverage: &crate::audit::Coverage,
) {
    for (of, n) in counts.each() {
        let action = of.action.as_str();
        let labels = [policy.rule(of.rule).id.as_str(), action, of.direction.as_str()];
        if of.shadow {
            gateway.metrics.shadow_findings.with_label_values(&labels).inc_by(n);
            continue;
        }
        gateway.metrics.findings.with_label_values(&labels).inc_by(n);
        if let Some(hidden) = of.hidden {
            gateway.metrics.hidden_findings.with_label_values(&[&*hidden.to_string(), action]).inc_by(n);
        }
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
