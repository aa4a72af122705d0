//! How an answer comes to be reviewed: the rest of a held one is read in the background, so that there is something to approve.
//!
//! The client of a held answer has got its block long before. What it would have got is worked out from the upstream's bytes, under the same
//! policy but for the rules that a person reviews, and sealed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::record;
use super::review::{ANSWER, Review, ReviewState, Sealed};
use crate::audit::{ExchangeId, Parts, Subject};
use crate::diag::moment::now_ms;
use crate::exchange::{Answering, Ended, Flow};
use crate::policy::Action;
use crate::server::gateway::Gateway;
use crate::server::labels::name_label;
use crate::server::notices::name_notices;
use crate::server::source::Source;
use crate::server::tasks;
use crate::upstream::Timeouts;

/// Whose exchange it is.
#[derive(Clone, Debug)]
pub(in crate::server) struct Asker {
    pub(in crate::server) tenant: Arc<str>,
    pub(in crate::server) key: Arc<str>,
    /// As records name him.
    pub(in crate::server) user: String,
    pub(in crate::server) model: String,
    /// The most bytes of a body that may be kept, 0 where none may, and for how many days.
    pub(in crate::server) limit: usize,
    pub(in crate::server) days: Option<u32>,
}

/// What has not been read of an answer that was cut.
#[derive(Debug)]
pub(in crate::server) struct Rest {
    pub(in crate::server) source: Source,
    pub(in crate::server) timeouts: Timeouts,
    /// When the exchange began.
    pub(in crate::server) started: Instant,
}

/// What was held, or why it was not.
type Held = Result<(Vec<u8>, HeaderMap), &'static str>;

/// Puts an answer that is over before the reviewers, where the policy has it so. `received`: the upstream's bytes so far.
pub(in crate::server) fn file(
    gateway: &Arc<Gateway>,
    id: ExchangeId,
    asker: Asker,
    route: &str,
    answering: &Answering,
    received: &[u8],
    rest: Option<Box<Rest>>,
) {
    let policy = answering.policy();
    let Some(within) = policy.review().map(|review| review.within.get()) else { return };
    let held = answering.awaits_review();
    let found = answering.answer_findings();
    let mut rules: Vec<String> = found
        .iter()
        .filter(|found| !found.shadow && found.action > Action::Allow && policy.reviews(found.rule))
        .map(|found| policy.rule(found.rule).id.clone())
        .collect();
    rules.sort();
    rules.dedup();
    if rules.is_empty() {
        return;
    }
    let now = now_ms();
    let review = Review {
        id: id.to_string(),
        tenant: asker.tenant.to_string(),
        key: asker.key.to_string(),
        user: asker.user.clone(),
        route: route.to_owned(),
        model: asker.model.clone(),
        state: ReviewState::Pending,
        held,
        rules,
        filed_ms: now,
        deadline_ms: now.saturating_add(u64::try_from(within.as_millis()).unwrap_or(u64::MAX)),
        changed_ms: now,
        by: String::new(),
        why: String::new(),
        days: asker.days,
        answer: None,
        lost: String::new(),
        correction: None,
    };
    let again = if held { answering.let_pass().map(Box::new) } else { None };
    let received = if held { received.to_vec() } else { Vec::new() };
    // A body that is dropped with its runtime has nobody to read on.
    if tokio::runtime::Handle::try_current().is_err() {
        tracing::warn!(exchange = %id, "an answer is not before the reviewers: the gateway stops");
        return;
    }
    let gateway = Arc::clone(gateway);
    let put = Box::pin(async move { put(&gateway, review, asker, again, received, rest).await });
    tasks::detached("review", put);
}

async fn put(
    gateway: &Gateway,
    mut review: Review,
    asker: Asker,
    again: Option<Box<Answering>>,
    received: Vec<u8>,
    rest: Option<Box<Rest>>,
) {
    if review.held {
        let held = match gateway.reviews.holds.try_acquire() {
            Ok(_place) => hold(again, received, rest, asker.limit).await,
            Err(_) => Err("more answers are held at once than this gateway reads on"),
        };
        match seal(gateway, &review, &asker, held).await {
            Ok(answer) => review.answer = Some(answer),
            Err(why) => why.clone_into(&mut review.lost),
        }
    }
    if gateway.reviews.book.is_full() {
        gateway.metrics.review_steps.with_label_values(&["not_taken"]).inc();
        tracing::warn!(exchange = %review.id, "an answer is not before the reviewers: too many wait");
        return;
    }
    let now = review.filed_ms;
    if let Err(reason) = record(gateway, &review, now).await {
        gateway.metrics.review_steps.with_label_values(&["not_taken"]).inc();
        tracing::error!(exchange = %review.id, %reason, "an answer is not before the reviewers");
    }
}

async fn seal(gateway: &Gateway, review: &Review, asker: &Asker, held: Held) -> Result<Sealed, &'static str> {
    let (body, head) = held?;
    let texts = gateway.texts.as_ref().ok_or("no bodies are kept (`journal.texts`)")?;
    let subject = Subject::new(&asker.tenant, &asker.user);
    let parts = Parts { answer_sent: body, ..Parts::default() };
    let place = texts.seal(&review.name(ANSWER), subject, parts, asker.days).await;
    let texts = place.ok_or("it could not be sealed")?;
    let mut fields: Vec<(String, String)> = head
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let media = fields.iter().position(|(name, _)| *name == CONTENT_TYPE.as_str());
    let media = media.map_or_else(String::new, |place| fields.swap_remove(place).1);
    Ok(Sealed { texts, media, fields })
}

/// What the client gets if the answer is approved: all of it, up to `limit` bytes.
async fn hold(
    again: Option<Box<Answering>>,
    received: Vec<u8>,
    rest: Option<Box<Rest>>,
    limit: usize,
) -> Held {
    if limit == 0 {
        return Err("no bodies of this tenant are kept (`journal.texts`)");
    }
    if received.len() >= limit {
        return Err("it is longer than bodies that are kept (`journal.texts.limit`)");
    }
    let mut again = again.ok_or("it cannot be read again")?;
    let mut out = Vec::new();
    let mut seen = received.len();
    let mut flow = fed(&mut again, &mut out, Ok(&received))?;
    let mut ended = Ended::Complete;
    if let Some(rest) = rest {
        let Rest { mut source, timeouts, started } = *rest;
        let until = started + timeouts.total.0;
        while flow == Flow::More {
            let next = tokio::time::timeout(timeouts.idle.0, source.next());
            match tokio::time::timeout_at(until.into(), next).await.and_then(|next| next) {
                Ok(Some(Ok(bytes))) => {
                    seen += bytes.len();
                    if seen > limit {
                        return Err("it is longer than bodies that are kept (`journal.texts.limit`)");
                    }
                    flow = fed(&mut again, &mut out, Ok(&bytes))?;
                }
                Ok(Some(Err(broken))) => {
                    ended = broken.into();
                    break;
                }
                Ok(None) => break,
                Err(_) => return Err("its upstream took too long for the rest"),
            }
        }
    }
    if flow == Flow::More {
        flow = fed(&mut again, &mut out, Err(ended))?;
    }
    if flow != Flow::More || again.cut_by.is_some() {
        return Err("another rule ends it, or its upstream did");
    }
    let mut head = HeaderMap::new();
    if let Some(media) = again.media().and_then(|media| media.parse().ok()) {
        head.insert(CONTENT_TYPE, media);
    }
    name_notices(&mut head, again.notices());
    name_label(&mut head, &mut again);
    Ok((out.concat(), head))
}

/// A fault in the gateway ends the reading and nothing else.
fn fed(
    again: &mut Answering,
    out: &mut Vec<Bytes>,
    part: Result<&[u8], Ended>,
) -> Result<Flow, &'static str> {
    let feed = AssertUnwindSafe(|| match part {
        Ok(bytes) => again.feed(bytes, out),
        Err(ended) => again.finish(ended, out),
    });
    catch_unwind(feed).map_err(|_| "a fault in the gateway ended its reading")
}
