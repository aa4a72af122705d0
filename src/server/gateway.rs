//! What all workers share: routes, tenants, policies, journal, metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::complaints::Complaints;
use super::policies::{Loaded, Policies};
use super::prints::Printing;
use super::reload::{Reloader, Reloading};
use super::reviews::Reviews;
use super::sampler::Samplers;
use super::sinks::SinkPlan;
use super::standing::Standings;
use super::vouch::VouchPlan;
use super::{RouteSettings, ServerSettings};
use crate::audit::{CommitmentKey, Journal, Texts};
use crate::dialect::Matched;
use crate::exchange::{ExchangeLimits, Marks};
use crate::limits::{Abuse, Connections, KeyTable, LimitsSettings, Sessions};
use crate::policy::{Annotate, Density, Grade};
use crate::provenance::mark::{DetectorSettings, MarkKeys};
use crate::provenance::sampler::Biased;
use crate::telemetry::Metrics;
use crate::upstream::{Credential, DialectFamily, Upstream, UpstreamSettings};
use crate::vault::{Secret, Vault};

/// What the pepper is derived for: the key under which records name texts, users and addresses.
pub const COMMITMENTS: &str = "commitments of the journal";

/// What the pepper is derived for: the secret from which stand-ins are drawn.
pub const PSEUDONYMS: &str = "pseudonyms";

/// What the pepper is derived for: the secret from which the keys of prints follow.
pub const PRINTS: &str = "prints of answers";

/// What the pepper is derived for: the word with which the command line shows that it may put events on record.
pub const NOTES: &str = "notes of the command line";

/// Everything a gateway needs to run; the command line composes it.
#[derive(Debug)]
pub struct Plan {
    /// Listeners and times.
    pub server: ServerSettings,
    /// Limits.
    pub limits: LimitsSettings,
    /// Upstreams with their credentials.
    pub upstreams: Vec<(UpstreamSettings, Credential)>,
    /// What each upstream's samplers are asked for their mark, in the order of its settings.
    pub samplers: Vec<Vec<Arc<Biased>>>,
    /// Routes in order.
    pub routes: Vec<RouteSettings>,
    /// Who may come in.
    pub keys: KeyTable,
    /// The policies to start with.
    pub policies: Loaded,
    /// How it gets others while it runs.
    pub reloading: Option<Reloading>,
    /// The record.
    pub journal: Journal,
    /// Keeps bodies, where they are kept.
    pub texts: Option<Texts>,
    /// Keys of marks.
    pub marks: Option<Arc<MarkKeys>>,
    /// What keeps prints of answers.
    pub prints: Printing,
    /// What the public detector answers.
    pub detector: DetectorSettings,
    /// Whether complaints are taken, and how.
    pub complaints: super::ComplaintSettings,
    /// The systems that get the records too.
    pub sinks: SinkPlan,
    /// Who vouches for the journal, if anybody does.
    pub vouch: Option<VouchPlan>,
    /// How answers are labelled.
    pub labels: super::LabelPlan,
    /// Metrics.
    pub metrics: Arc<Metrics>,
}

/// What all workers share.
#[derive(Debug)]
pub struct Gateway {
    /// Listeners and times.
    pub server: ServerSettings,
    /// Limits.
    pub limits: LimitsSettings,
    /// Ceilings of one exchange.
    pub exchange_limits: ExchangeLimits,
    /// Upstreams by number; the last one is the canary's.
    pub upstreams: Vec<Arc<Upstream>>,
    /// Samplers that can be asked for a mark, by the upstream's number.
    pub(super) samplers: Vec<Samplers>,
    /// Routes in order.
    pub routes: Vec<Route>,
    /// Who may come in.
    pub keys: KeyTable,
    /// Policies; swapped whole by a reload.
    pub policies: Arc<Policies>,
    /// Asks for a reload.
    pub reloader: Option<Reloader>,
    /// Who was blocked how often.
    pub standings: Arc<Standings>,
    /// Complaints about exchanges.
    pub(super) complaints: Complaints,
    /// Answers that people review.
    pub(super) reviews: Reviews,
    /// Who has been talking since when.
    pub sessions: Sessions,
    /// Who probes or floods.
    pub abuse: Abuse,
    /// The record.
    pub journal: Journal,
    /// How many sinks that traffic waits for are too far behind.
    pub sinks_behind: Arc<AtomicUsize>,
    /// Keeps bodies, where they are kept.
    pub texts: Option<Texts>,
    /// Marks that are set and known.
    pub marks: Option<Marks>,
    /// What keeps prints of answers.
    pub prints: Printing,
    /// What stand-ins are drawn from.
    pub secret: Arc<Secret>,
    /// What stood for which values where the provider keeps what was said.
    pub vault: Arc<Vault>,
    /// The public detector.
    pub detector: super::detector::Detector,
    /// Under which records name texts, users and addresses.
    pub commitments: CommitmentKey,
    /// How answers are labelled.
    pub labels: super::LabelPlan,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Open connections.
    pub connections: Connections,
    /// How the canary does.
    pub canary: super::canary::State,
    /// The key that only the canary has; made at start, kept in memory.
    pub canary_key: String,
    /// Who the canary is.
    pub canary_caller: Option<Arc<crate::limits::Caller>>,
    /// Places for the reading of long requests, see `long_reads`: one for each processor.
    pub long_reads: Arc<tokio::sync::Semaphore>,
    /// By which it knows its own requests: another at each start.
    pub name: crate::audit::ExchangeId,
    /// Set while the gateway drains: not ready any more.
    pub draining: std::sync::atomic::AtomicBool,
    /// Set when the time to drain is over and what still runs is cut.
    pub cutting: std::sync::atomic::AtomicBool,
    /// Wakes the streams that are to be cut.
    pub cut: Arc<tokio::sync::Notify>,
}

/// A route with its upstream's number.
#[derive(Debug)]
pub struct Route {
    /// Name in metrics and records.
    pub name: Arc<str>,
    /// Conditions.
    pub settings: Option<RouteSettings>,
    /// The dialects that its upstream speaks.
    pub dialects: Vec<DialectFamily>,
    /// Number of the upstream.
    pub upstream: usize,
}

impl Route {
    /// How its answers are labelled, where it says so.
    pub(super) fn label(&self) -> Option<crate::policy::LabelMode> {
        self.settings.as_ref()?.purpose.as_ref().map(|purpose| purpose.label)
    }

    /// The least grade of what its prompts hold, where it says so.
    pub(super) fn grade(&self) -> Option<Grade> {
        self.settings.as_ref()?.grade
    }

    /// In which form clients are told of doubts about its answers, where it says so.
    pub(super) fn annotate(&self) -> Option<Annotate> {
        self.settings.as_ref()?.annotate
    }

    /// How closely marks stand in its answers, where it says so.
    pub(super) fn mark(&self) -> Option<Density> {
        self.settings.as_ref()?.mark
    }
}

/// What changes while a gateway runs.
#[derive(Debug)]
pub struct Live {
    /// Policies.
    pub policies: Arc<Policies>,
    /// Asks for others.
    pub reloader: Option<Reloader>,
    /// Who was blocked how often.
    pub standings: Arc<Standings>,
    /// Complaints about exchanges.
    pub(super) complaints: Complaints,
    /// Answers that people review.
    pub(super) reviews: Reviews,
    /// How many sinks that traffic waits for are too far behind.
    pub sinks_behind: Arc<AtomicUsize>,
    /// What stand-ins are drawn from.
    pub secret: Arc<Secret>,
    /// What stood for which values where the provider keeps what was said.
    pub vault: Arc<Vault>,
}

impl Gateway {
    /// Composes the shared part. `upstreams` are the plan's, prepared.
    pub fn new(
        plan: Plan,
        mut upstreams: Vec<Arc<Upstream>>,
        canary: Arc<Upstream>,
        canary_key: String,
        name: crate::audit::ExchangeId,
        live: Live,
    ) -> Self {
        let route = |name: &str, settings: Option<RouteSettings>, upstream: usize| Route {
            name: name.into(),
            settings,
            dialects: upstreams.get(upstream).map(|u| u.settings().dialects.clone()).unwrap_or_default(),
            upstream,
        };
        let number = |name: &str| upstreams.iter().position(|u| &*u.name == name);
        let mut routes: Vec<Route> = plan
            .routes
            .iter()
            .filter_map(|r| {
                let upstream = number(&r.upstream)?;
                Some(route(r.name.as_deref().unwrap_or(&r.upstream), Some(r.clone()), upstream))
            })
            .collect();
        if routes.is_empty() {
            routes = upstreams.iter().enumerate().map(|(n, u)| route(&u.name, None, n)).collect();
        }
        upstreams.push(canary);
        let exchange_limits = ExchangeLimits {
            answer_bytes: plan.limits.answer.get(),
            event_bytes: plan.limits.event.get(),
            held_bytes: plan.limits.held.get(),
            json_depth: plan.limits.json_depth,
            json_values: plan.limits.json_values,
            output_tokens: plan.limits.output_tokens,
        };
        let commitments = CommitmentKey::new(&plan.keys.derive(COMMITMENTS));
        let Live { policies, reloader, standings, complaints, reviews, sinks_behind, secret, vault } = live;
        let own = KeyTable::new(crate::limits::Pepper::new(&[0; 32]), &[], &plan.limits);
        let connections = Connections::new(plan.limits.connections, plan.limits.connections_per_address);
        let newest = plan.marks.as_ref().and_then(|keys| keys.newest().cloned());
        let of_upstream = |(n, upstream): (usize, &Arc<Upstream>)| {
            let biased = plan.samplers.get(n).map(Vec::as_slice).unwrap_or_default();
            newest
                .as_ref()
                .map(|epoch| Samplers::new(&upstream.settings().samplers, biased, epoch))
                .unwrap_or_default()
        };
        let samplers = upstreams.iter().enumerate().map(of_upstream).collect();
        let marks = |route: &Route| route.mark().is_some_and(|density| density != Density::Off);
        let routed = routes.iter().any(marks);
        Self {
            server: plan.server,
            limits: plan.limits,
            exchange_limits,
            upstreams,
            samplers,
            routes,
            keys: plan.keys,
            policies,
            reloader,
            standings,
            complaints,
            reviews,
            sessions: Sessions::default(),
            abuse: Abuse::default(),
            journal: plan.journal,
            sinks_behind,
            texts: plan.texts,
            marks: plan.marks.map(|keys| Marks { keys, density: None, routed }),
            prints: plan.prints,
            secret,
            vault,
            detector: super::detector::Detector::new(plan.detector),
            commitments,
            labels: plan.labels,
            metrics: plan.metrics,
            connections,
            canary: super::canary::State::default(),
            canary_caller: own.caller(None).cloned(),
            long_reads: Arc::new(tokio::sync::Semaphore::new(
                std::thread::available_parallelism().map_or(1, usize::from),
            )),
            canary_key,
            name,
            draining: std::sync::atomic::AtomicBool::new(false),
            cutting: std::sync::atomic::AtomicBool::new(false),
            cut: Arc::default(),
        }
    }

    /// Who sends this key, and whether it is the canary.
    pub fn caller(&self, key: Option<&[u8]>) -> Option<(Arc<crate::limits::Caller>, bool)> {
        use subtle::ConstantTimeEq as _;
        if let (Some(key), Some(canary)) = (key, &self.canary_caller)
            && bool::from(self.canary_key.as_bytes().ct_eq(key))
        {
            return Some((Arc::clone(canary), true));
        }
        self.keys.caller(key).map(|caller| (Arc::clone(caller), false))
    }

    /// The keys of the sampler's mark, where some upstream can be asked for it.
    pub(super) fn sampler_keys(&self) -> Option<&MarkKeys> {
        let is_asked = self.samplers.iter().any(|samplers| !samplers.is_empty());
        self.marks.as_ref().filter(|_| is_asked).map(|marks| &*marks.keys)
    }

    /// Whether requests are refused since a sink that they wait for is too far behind.
    pub fn waits_for_sinks(&self) -> bool {
        self.sinks_behind.load(Ordering::Acquire) > 0
    }

    /// The first route whose conditions all hold.
    pub fn route(&self, matched: &Matched, model: &str, headers: &http::HeaderMap) -> Option<&Route> {
        self.routes.iter().find(|route| {
            if !route.dialects.iter().any(|d| d.as_str() == matched.dialect.name()) {
                return false;
            }
            let Some(conditions) = &route.settings else { return true };
            conditions.path.as_deref().is_none_or(|p| glob(p, &matched.path))
                && conditions.dialect.is_none_or(|d| d.as_str() == matched.dialect.name())
                && conditions.model.as_deref().is_none_or(|m| glob(m, model))
                && conditions.header.as_ref().is_none_or(|h| {
                    headers
                        .get_all(h.name.as_str())
                        .iter()
                        .any(|v| v.to_str().is_ok_and(|v| glob(&h.value, v)))
                })
        })
    }
}

/// Whether `text` matches `pattern`, in which `*` stands for any text.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(middle) = last.replace(part) {
            let Some((_, after)) = rest.split_once(middle) else { return false };
            rest = after;
        }
    }
    match last {
        Some(end) => rest.ends_with(end),
        None => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, text, want) in [
            ("gpt-*", "gpt-5", true),
            ("gpt-*", "xgpt-5", false),
            ("*", "", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("a", "ab", false),
            ("*b", "ab", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(glob(pattern, text), want, "{pattern} {text}");
        }
    }
}
