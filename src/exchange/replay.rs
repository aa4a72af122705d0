//! An exchange that is on record, once more and under another policy: the same code reads its bodies, and nothing of it leaves.

use std::sync::Arc;

use bytes::Bytes;

use super::record::{self, refusal_code};
use super::{Ended, ExchangeLimits, Flow, Mode, Next, Outcome, Received, Replaced, Report, Terms};
use crate::audit::{FindingRecord, RequestHead};
use crate::dialect::{self, Ask, ErrorKind, Framing, Matched};
use crate::policy::{Action, Annotate, Direction, Policy};

/// What its records say of an exchange, as far as it tells how its bodies are to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The dialect.
    pub dialect: String,
    /// The call.
    pub operation: String,
    /// The model.
    pub model: String,
    /// What of the request's head was kept with its bodies.
    pub head: Option<RequestHead>,
    /// The upstream's status; 0 where it was not asked or did not answer.
    pub upstream_status: u16,
    /// How it ended, and the error's code.
    pub ended: String,
    /// The error's code, or the kind of the upstream's own error.
    pub error: String,
}

/// What a policy makes of an exchange.
#[derive(Clone, Debug, PartialEq)]
pub struct Replayed {
    /// What was found in the request.
    pub request: Vec<FindingRecord>,
    /// What was found in the answer; none where the request goes no further, or there is no answer on record.
    pub answer: Option<Vec<FindingRecord>>,
    /// What the request came to.
    pub asked: Outcome,
    /// What the exchange came to.
    pub outcome: Outcome,
}

/// Why an exchange cannot be replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReplayed {
    /// Its call is none that this version knows.
    #[error("the call is not known any more")]
    Call,
    /// Its request cannot be read, with the error's code.
    #[error("the request cannot be read ({0})")]
    Request(&'static str),
    /// Its answer cannot be read though it could be once, with the error's code: it was kept in part.
    #[error("the answer cannot be read ({0}): it was kept in part, or other limits held")]
    Answer(&'static str),
}

/// Where the replayed request's path has a placeholder.
const PLACEHOLDERS: [&str; 2] = ["{model}", "{id}"];

impl Recorded {
    fn matched(&self) -> Option<Matched> {
        let dialect = dialect::by_name(&self.dialect)?;
        if self.operation == dialect::GENERIC.name {
            return Some(Matched { dialect, operation: &dialect::GENERIC, path: String::new(), model: None });
        }
        let operation = dialect.operations().iter().find(|operation| operation.name == self.operation)?;
        let has_model = operation.path.contains(PLACEHOLDERS[0]);
        // Where it was not kept, what stood there is not on record but for the model; a plain name finds nothing.
        let stands = if has_model { self.model.as_str() } else { "x" };
        let guess =
            || PLACEHOLDERS.iter().fold(operation.path.to_owned(), |path, name| path.replace(name, stands));
        let kept = self.head.as_ref().map(|head| head.path.clone());
        let path = kept.unwrap_or_else(guess);
        let known = dialect::route(operation.method, &path, self.dialect == "anthropic").ok();
        if let Some(matched) = known.filter(|known| known.operation.name == operation.name) {
            return Some(matched);
        }
        Some(Matched { dialect, operation, path, model: has_model.then(|| self.model.clone()) })
    }

    /// Whether the answer was read to its end: what broke off was judged as far as it had come.
    fn was_finished(&self, mode: Mode) -> bool {
        let by_policy =
            [ErrorKind::Blocked.code(), ErrorKind::Unscanned.code()].contains(&self.error.as_str());
        match self.ended.as_str() {
            "complete" | "no_end_sign" | "upstream_error" => true,
            // A whole answer is judged when all of it is there.
            "cut" => mode == Mode::Whole && by_policy,
            _ => false,
        }
    }
}

/// Judges an exchange once more, from its bodies: the request as received, without its content coding, and what the upstream answered.
pub fn replay(
    terms: Terms,
    recorded: &Recorded,
    request: Bytes,
    answer: Option<&[u8]>,
) -> Result<Replayed, NotReplayed> {
    let matched = recorded.matched().ok_or(NotReplayed::Call)?;
    let policy = Arc::clone(&terms.policy);
    let (query, json) =
        recorded.head.as_ref().map_or((None, true), |head| (head.query.as_deref(), head.json));
    let judged = Received::new(matched, terms)
        .judge(query, json, request)
        .map_err(|error| NotReplayed::Request(error.kind.code()))?;
    let found = |report: &Report| record::findings(&policy, &report.findings);
    let (request, asked) = (found(judged.report()), judged.report().outcome);
    let goes_on = matches!(judged.next(), Next::Forward { .. });
    debug_assert_eq!(goes_on, refusal_code(judged.next()).is_empty());
    let Some(answer) = answer.filter(|_| goes_on && recorded.upstream_status > 0) else {
        return Ok(Replayed { request, answer: None, asked, outcome: asked });
    };
    let content_type = media_type(answer, judged.ask(), judged.matched().operation.framing);
    let mut ahead = judged.ahead();
    let mut failed = None;
    let mut note = |flow: Flow| {
        if let Flow::Replace(Replaced::Error(error)) = &flow {
            failed = Some(error.kind);
        }
        flow == Flow::More
    };
    match ahead.head(recorded.upstream_status, Some(content_type)) {
        Ok(_) => {
            if note(ahead.feed(answer)) && recorded.was_finished(ahead.mode()) {
                note(ahead.finish(Ended::Complete));
            }
        }
        Err(error) => failed = Some(error.kind),
    }
    let answering = ahead.answering();
    let failed = answering.cut_by.as_ref().map(|error| error.kind).or(failed);
    if let Some(kind) = failed
        && !matches!(kind, ErrorKind::Blocked | ErrorKind::Unscanned)
        && kind.code() != recorded.error
    {
        return Err(NotReplayed::Answer(kind.code()));
    }
    let found = record::findings(answering.policy(), &answering.answer_findings());
    Ok(Replayed { request, answer: Some(found), asked, outcome: answering.verdict() })
}

/// The texts that a client was told, from the bodies of its exchange: the request as received, without its content coding, and the answer as it
/// was sent.
///
/// # Errors
/// They cannot be read any more.
pub fn told(recorded: &Recorded, request: Bytes, answer: &[u8]) -> Result<Vec<String>, NotReplayed> {
    let matched = recorded.matched().ok_or(NotReplayed::Call)?;
    // No rule looks at it.
    let policy = Arc::new(Policy::from_rules(Vec::new()).map_err(|_| NotReplayed::Call)?);
    let terms = Terms {
        prints: true,
        annotate: Some(Annotate::None),
        ..Terms::new(policy, ExchangeLimits::default())
    };
    let (query, json) =
        recorded.head.as_ref().map_or((None, true), |head| (head.query.as_deref(), head.json));
    let judged = Received::new(matched, terms)
        .judge(query, json, request)
        .map_err(|error| NotReplayed::Request(error.kind.code()))?;
    let content_type = media_type(answer, judged.ask(), judged.matched().operation.framing);
    let mut ahead = judged.ahead();
    ahead.head(200, Some(content_type)).map_err(|error| NotReplayed::Answer(error.kind.code()))?;
    // What broke off was told as far as it came.
    if ahead.feed(answer) == Flow::More {
        ahead.finish(Ended::Complete);
    }
    let delivered = ahead.answering().delivered().unwrap_or_default();
    Ok(delivered.texts.into_iter().map(|text| text.0).collect())
}

/// As what an answer is read; its media type is not on record, but its bytes are.
fn media_type(answer: &[u8], ask: &Ask, framing: Framing) -> &'static str {
    let begin = answer.strip_prefix(b"\xef\xbb\xbf").unwrap_or(answer).trim_ascii_start();
    let events: [&[u8]; 5] = [b"data:", b"event:", b"id:", b"retry:", b":"];
    let lines = ask.stream && ask.framing.unwrap_or(framing) == Framing::Ndjson;
    match begin.first() {
        None => "application/json",
        Some(b'{' | b'[') if lines => "application/x-ndjson",
        Some(b'{' | b'[') => "application/json",
        Some(_) if events.iter().any(|field| begin.starts_with(field)) => "text/event-stream",
        Some(_) if std::str::from_utf8(answer).is_ok() => "text/plain",
        Some(_) => "application/octet-stream",
    }
}

/// What a policy does with a finding that is on record, without its text: its action, and whether the rule is in shadow. Nothing, where the
/// policy has no such rule, the score does not suffice, or the rule does nothing there.
pub fn rejudge(policy: &Policy, rule: &str, direction: Direction, score: f32) -> Option<(Action, bool)> {
    let number = policy.all_rules().iter().position(|known| known.id == rule)?;
    let id = crate::detect::RuleId(u32::try_from(number).ok()?);
    let does = |policy: &Policy| {
        let action = policy.action(id, direction);
        (action > Action::Allow && score >= policy.threshold(id)).then_some(action)
    };
    let shadow = || policy.shadow().and_then(|shadow| does(shadow)).map(|action| (action, true));
    does(policy).map(|action| (action, false)).or_else(shadow)
}
