//! How an answer comes to be reviewed. It is filed when it is over, before its client has heard all of its block; then the rest of a held one is
//! read in the background, so that there is something to approve.
//!
//! What the client would have got is worked out from the upstream's bytes, under the same policy but for the rules that a person reviews, and sealed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};

use super::review::{ANSWER, Head, Review, ReviewState, Text};
use super::{kept, noted, seal};
use crate::audit::ExchangeId;
use crate::diag::moment::now_ms;
use crate::exchange::{Answering, Ended, Flow};
use crate::policy::Action;
use crate::server::gateway::Gateway;
use crate::server::labels::name_label;
use crate::server::notices::name_notices;
use crate::server::source::Source;
use crate::server::tasks;
use crate::server::worker::VERDICT;
use crate::upstream::Timeouts;

/// The longest that the rest of an answer is read for its reviewer.
const LONGEST: Duration = Duration::from_mins(5);

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
type Held = Result<Text, &'static str>;

/// Puts an answer that is over before the reviewers, where the policy has it so. `received`: the upstream's bytes so far; `began`: when its
/// exchange did.
pub(in crate::server) fn file(
    gateway: &Arc<Gateway>,
    id: ExchangeId,
    asker: Asker,
    route: &str,
    answering: &Answering,
    received: &[u8],
    (began, rest): (Duration, Option<Box<Rest>>),
) {
    let policy = answering.policy();
    let Some(within) = policy.review().map(|review| review.within.get()) else { return };
    let held = answering.awaits_review();
    // Of the findings themselves only the first are kept.
    let counts = answering.counts();
    let mut rules: Vec<String> = counts
        .each()
        .filter(|(of, _)| !of.shadow && of.action > Action::Allow && policy.reviews(of.rule))
        .map(|(of, _)| policy.rule(of.rule).id.clone())
        .collect();
    rules.sort();
    rules.dedup();
    if rules.is_empty() {
        return;
    }
    // Who has been told of a review gets one, also where others have filled the book meanwhile.
    if !held && gateway.reviews.book.is_full() {
        gateway.metrics.review_steps.with_label_values(&["not_taken"]).inc();
        tracing::warn!(exchange = %id, "an answer is not before the reviewers: too many wait");
        return;
    }
    let now = now_ms();
    let begun_ms = now.saturating_sub(millis(began));
    let review = Review {
        id: id.to_string(),
        tenant: asker.tenant.to_string(),
        key: asker.key.to_string(),
        user: asker.user.clone(),
        route: route.to_owned(),
        model: asker.model.clone(),
        state: ReviewState::Pending,
        step: "filed".to_owned(),
        held,
        rules,
        filed_ms: now,
        deadline_ms: now.saturating_add(millis(within)),
        changed_ms: now,
        by: String::new(),
        why: String::new(),
        given: false,
        days: asker.days,
        answer: None,
        lost: if held { "it has not been read to its end".to_owned() } else { String::new() },
        correction: None,
    };
    // On its way to the journal before the exchange's end record, and there before its client can ask for it.
    let noted = noted(gateway, &review, now);
    kept(gateway, &review);
    gateway.metrics.review_steps.with_label_values(&[review.state.as_str()]).inc();
    // A body that is dropped with its runtime has nobody to read on.
    if tokio::runtime::Handle::try_current().is_err() {
        return;
    }
    let again = if held { answering.let_pass().map(Box::new) } else { None };
    let (gateway, received) = (Arc::clone(gateway), if held { received.to_vec() } else { Vec::new() });
    let put = Box::pin(async move {
        let _busy = gateway.reviews.reading.busy();
        if let Err(error) = noted.await {
            gateway.metrics.review_steps.with_label_values(&["not_recorded"]).inc();
            tracing::error!(exchange = %review.id, %error, "an answer is before the reviewers, and the journal does not say so");
        }
        if held {
            let held = hold(&gateway, again, received, rest, &asker).await;
            put(&gateway, &review.id, held, begun_ms).await;
        }
    });
    tasks::detached("review", put);
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Puts what was held to its review.
async fn put(gateway: &Arc<Gateway>, id: &str, held: Held, begun_ms: u64) {
    let Some(seen) = gateway.reviews.book.get(id) else { return };
    let answer = match held {
        Ok(text) => {
            let sealed = seal(gateway, &seen, ANSWER, begun_ms, text).await;
            sealed.ok_or("it could not be sealed, or its user was erased meanwhile")
        }
        Err(why) => Err(why),
    };
    let _turn = gateway.reviews.turn.lock().await;
    // Who decides has not waited for it.
    let Some(mut review) = gateway.reviews.book.get(id) else { return };
    match answer {
        Ok(answer) => {
            review.answer = Some(answer);
            review.lost.clear();
        }
        Err(why) => why.clone_into(&mut review.lost),
    }
    let now = now_ms();
    "read".clone_into(&mut review.step);
    review.changed_ms = now;
    if let Err(error) = noted(gateway, &review, now).await {
        tracing::error!(exchange = %id, %error, "what was held is not on record, and cannot be approved");
        return;
    }
    kept(gateway, &review);
}

/// What the client gets if the answer is approved: all of it, up to the limit of bodies that are kept.
async fn hold(
    gateway: &Gateway,
    again: Option<Box<Answering>>,
    received: Vec<u8>,
    rest: Option<Box<Rest>>,
    asker: &Asker,
) -> Held {
    const TOO_LONG: &str = "it is longer than bodies that are kept (`journal.texts.limit`)";
    if asker.limit == 0 {
        return Err("no bodies of this tenant are kept (`journal.texts`)");
    }
    if received.len() >= asker.limit {
        return Err(TOO_LONG);
    }
    let mut again = again.ok_or("it cannot be read again")?;
    let mut out = Vec::new();
    let mut seen = received.len();
    let mut flow = fed(&mut again, &mut out, Ok(&received))?;
    let mut ended = Ended::Complete;
    if let Some(rest) = rest {
        let reading = &gateway.reviews.reading;
        // Its place, as long as it is read.
        let _place = reading
            .place(&asker.tenant)
            .ok_or("more held answers are read on than this gateway does at once")?;
        let Rest { mut source, timeouts, started } = *rest;
        let until = tokio::time::Instant::from_std(started + timeouts.total.0);
        let until = until.min(tokio::time::Instant::now() + LONGEST);
        while flow == Flow::More {
            let next = tokio::time::timeout_at(until, tokio::time::timeout(timeouts.idle.0, source.next()));
            let next = tokio::select! {
                biased;
                () = reading.stopped() => return Err("the gateway stopped while its rest was read"),
                next = next => next,
            };
            match next.and_then(|next| next) {
                Ok(Some(Ok(bytes))) => {
                    seen += bytes.len();
                    if seen > asker.limit {
                        return Err(TOO_LONG);
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
    if ended != Ended::Complete {
        return Err("its upstream failed");
    }
    match &again.cut_by {
        Some(error) if error.kind.fault() == crate::dialect::Fault::Policy => {
            return Err("another rule ends it");
        }
        Some(_) => return Err("its upstream failed"),
        None if flow != Flow::More => return Err("its upstream failed"),
        None => {}
    }
    let mut head = HeaderMap::new();
    if let Some(media) = again.media().and_then(|media| media.parse().ok()) {
        head.insert(CONTENT_TYPE, media);
    }
    head.insert(VERDICT, HeaderValue::from_static(again.verdict().as_str()));
    name_notices(&mut head, again.notices());
    name_label(&mut head, &mut again);
    let fields = head
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let head = Head { status: again.status(), fields, texts: Vec::new() };
    let (label, mark) = (again.label_record(), again.mark_record());
    Ok(Text { head, body: out.concat(), label, mark, delivered: again.delivered() })
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
