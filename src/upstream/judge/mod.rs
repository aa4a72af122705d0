//! Judges that are called: services and models that say of a text what rules want to know.
//!
//! A question goes through, in this order: what the judge has said of the same text lately, its breaker, a place among those that are asked at
//! the same time, and then over the network, again where that fails. All of it within the judge's time. The texts of questions and answers go
//! nowhere else: errors are a few fixed words.

mod address;
mod breaker;
mod cache;
mod chat;
#[cfg(test)]
mod contract;
mod local;
mod names;
mod set;
mod settings;
mod wire;

pub use address::Network;
pub use local::{Head, LocalError, can_run};
pub use set::{JudgeSet, file_stamps};
pub use settings::{BreakerSettings, CacheSettings, JudgeKind, JudgeSettings, OnFailure};

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::Credential;
use super::client::tls;
use super::web;
use crate::exchange::judging::{Opinion, Question, Said};
use address::{Resolver, Rule};
use breaker::Breaker;
use cache::{Cache, Key};
use local::Local;
use set::Identity;

/// The most bytes of an answer.
const MOST: usize = 1 << 20;
/// The pause before a question is asked again; each time twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// The header field of Azure's keys.
const AZURE_KEY: HeaderName = HeaderName::from_static("ocp-apim-subscription-key");
/// The header field that names a detector.
const DETECTOR: HeaderName = HeaderName::from_static("detector-id");

/// Why a judge's settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("judge `{name}`: {reason}")]
pub struct JudgeError {
    /// The judge.
    pub name: String,
    /// The key that is wrong, where one is known.
    pub key: Option<&'static str>,
    /// What is wrong.
    pub reason: String,
}

/// Why a judge has not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No answer in time.
    Timeout,
    /// No connection, or it broke off.
    Network,
    /// Another status than 200.
    Status,
    /// It wants fewer questions.
    RateLimited,
    /// The answer is too long.
    TooLong,
    /// The answer is not JSON, or of another form than its kind's.
    Garbage,
    /// It has failed too often of late and is left alone.
    Breaker,
    /// Too many questions at the same time.
    Busy,
    /// None of its addresses is allowed.
    Address,
    /// The exchange has asked too often, or for too long.
    Budget,
    /// No judge of that name.
    Unknown,
    /// What it would be asked about may not go where it stands.
    Residency,
}

impl Failure {
    /// The word in metrics and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Network => "network",
            Self::Status => "status",
            Self::RateLimited => "rate_limited",
            Self::TooLong => "too_long",
            Self::Garbage => "garbage",
            Self::Breaker => "breaker_open",
            Self::Busy => "busy",
            Self::Address => "address",
            Self::Budget => "budget",
            Self::Unknown => "unknown",
            Self::Residency => "residency",
        }
    }

    /// Whether another try may bring more.
    fn may_pass(self) -> bool {
        match self {
            Self::Network | Self::Status | Self::RateLimited => true,
            Self::Timeout
            | Self::TooLong
            | Self::Garbage
            | Self::Breaker
            | Self::Busy
            | Self::Address
            | Self::Budget
            | Self::Unknown
            | Self::Residency => false,
        }
    }
}

/// What came of a question, with how it was answered.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// What the judge says.
    pub said: Result<Arc<[Said]>, Failure>,
    /// Whether it was known already.
    pub cached: bool,
}

/// What all workers share of a judge.
#[derive(Debug)]
pub struct Shared {
    settings: JudgeSettings,
    identity: Identity,
    /// Whether it is asked by exchanges alone that were there before it was taken out of the configuration.
    retired: AtomicBool,
    way: Way,
    cache: Mutex<Cache>,
    breaker: Mutex<Breaker>,
    places: Semaphore,
}

/// How a judge is asked.
#[derive(Debug)]
enum Way {
    /// Over the network.
    Remote(Box<Remote>),
    /// It is a model in this process.
    Local(Arc<Local>),
}

/// Who is asked over the network.
#[derive(Debug)]
struct Remote {
    credential: Option<(HeaderName, HeaderValue)>,
    tls: rustls::ClientConfig,
    rule: Arc<Rule>,
}

/// A judge, as one worker asks it.
#[derive(Debug)]
pub struct Judge {
    shared: Arc<Shared>,
    /// Connections to it; none to a model in this process.
    client: Option<reqwest::Client>,
}

#[expect(clippy::disallowed_methods, reason = "the edge reads the clock; what is below is told")]
fn now() -> Instant {
    Instant::now()
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Remote {
    /// Prepares the way to a judge.
    fn new(settings: &JudgeSettings, credential: &Credential) -> Result<Self, String> {
        let tls = tls(settings.extra_roots.as_deref())?;
        let uri: http::Uri = settings.url.parse().map_err(|_| "its address cannot be read")?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let rule = Arc::new(Rule::new(host, &settings.addresses));
        // What is no name is not looked up.
        if host.parse().is_ok_and(|address| !rule.allows(address)) {
            return Err(format!("`{host}` is none of its `addresses`"));
        }
        let credential = match credential {
            Credential::None | Credential::Passthrough => None,
            Credential::Secret { header, value } => {
                let name = header.as_deref().map(str::parse::<HeaderName>).transpose();
                let name = name.map_err(|_| "the header field of its credential is none")?;
                let usual =
                    if settings.kind == JudgeKind::AzureContentSafety { AZURE_KEY } else { AUTHORIZATION };
                let name = name.unwrap_or(usual);
                let secret = value.expose_secret();
                let text = if name == AUTHORIZATION { format!("Bearer {secret}") } else { secret.to_owned() };
                let value = HeaderValue::from_str(&text);
                let mut value = value.map_err(|_| "its credential cannot stand in a header")?;
                value.set_sensitive(true);
                Some((name, value))
            }
        };
        let remote = Self { credential, tls, rule };
        // In workers nobody is there to be told that none can be made.
        remote.client(settings)?;
        Ok(remote)
    }

    /// Makes connections to the judge, and to nobody else.
    fn client(&self, settings: &JudgeSettings) -> Result<reqwest::Client, String> {
        let patience = settings.timeout.0;
        web::client(self.tls.clone(), patience, patience)
            .dns_resolver(Resolver(Arc::clone(&self.rule)))
            .pool_idle_timeout(Duration::from_secs(30))
            .build()
            .map_err(|error| error.to_string())
    }
}

impl Shared {
    /// Prepares a judge.
    ///
    /// # Errors
    /// Its file of certificates, its address, its credential or its model cannot be used, or no connections can be made at all.
    fn new(identity: Identity) -> Result<Self, JudgeError> {
        let (settings, credential) = identity.parts();
        let wrong = |key, reason| JudgeError { name: settings.name.clone(), key, reason };
        let way = if settings.kind.is_local() {
            let local = Local::load(&settings).map_err(|error| wrong(Some(error.key), error.reason))?;
            Way::Local(Arc::new(local))
        } else {
            Way::Remote(Box::new(Remote::new(&settings, &credential).map_err(|reason| wrong(None, reason))?))
        };
        Ok(Self {
            way,
            cache: Mutex::new(Cache::new(settings.cache.entries, settings.cache.ttl.0)),
            breaker: Mutex::new(Breaker::new(settings.breaker.failures, settings.breaker.pause.0)),
            places: Semaphore::new(settings.concurrency),
            settings,
            identity,
            retired: AtomicBool::new(false),
        })
    }

    /// Says whether it is out of the configuration.
    fn retire(&self, is_gone: bool) {
        self.retired.store(is_gone, Ordering::Release);
    }

    /// Whether it is out of the configuration.
    pub fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// Its settings.
    pub fn settings(&self) -> &JudgeSettings {
        &self.settings
    }

    /// Whether it is left alone since it fails.
    pub fn is_left_alone(&self) -> bool {
        lock(&self.breaker).is_open()
    }

    /// How many questions are on their way.
    pub fn running(&self) -> usize {
        self.settings.concurrency.saturating_sub(self.places.available_permits())
    }

    /// What the judge says, in words of the taxonomy too.
    fn said(&self, told: wire::Told) -> Said {
        let written = self.settings.categories.get(&told.category);
        let known = self.settings.kind.names().iter().find(|(name, _)| *name == told.category);
        let means: Vec<String> = match (written, known) {
            (Some(written), _) => written.clone(),
            (None, Some((_, means))) => means.iter().map(|code| (*code).to_owned()).collect(),
            (None, None) => Vec::new(),
        };
        Said {
            listed: written.is_some() || known.is_some(),
            category: told.category.into(),
            means: means.into(),
            score: told.score,
            span: told.span,
        }
    }
}

/// Says that nothing came of a question, unless something did.
struct Asking<'s> {
    shared: &'s Shared,
    over: bool,
}

impl Asking<'_> {
    fn ended(mut self, failed: bool) {
        self.over = true;
        let mut breaker = lock(&self.shared.breaker);
        if failed { breaker.failed(now()) } else { breaker.succeeded() }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if !self.over {
            lock(&self.shared.breaker).withdrawn(now());
        }
    }
}

impl Judge {
    /// No connection yet.
    ///
    /// # Errors
    /// No connections can be made at all.
    pub fn new(shared: Arc<Shared>) -> Result<Self, JudgeError> {
        let client = match &shared.way {
            Way::Remote(remote) => Some(remote.client(&shared.settings)),
            Way::Local(_) => None,
        };
        let client = client.transpose().map_err(|reason| JudgeError {
            name: shared.settings.name.clone(),
            key: None,
            reason,
        })?;
        Ok(Self { shared, client })
    }

    /// What all workers share of it.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// What is made of a failure.
    pub fn opinion(&self, judgement: &Judgement) -> Opinion {
        match &judgement.said {
            Ok(said) => Opinion::Said(Arc::clone(said)),
            Err(failure) => self.failed(*failure),
        }
    }

    /// What it means that it has not judged. Who may not be asked is not one who fails: such a text never passes for it.
    pub fn failed(&self, failure: Failure) -> Opinion {
        let open = self.shared.settings.on_failure == OnFailure::Open && failure != Failure::Residency;
        Opinion::Failed { why: failure.as_str(), open }
    }

    /// Asks it, for no longer than its own time and `within`.
    pub async fn ask(&self, question: &Question, within: Duration) -> Judgement {
        let body = wire::request(&self.shared.settings, question).to_string();
        let key = key(&body);
        let known = || lock(&self.shared.cache).get(&key, now());
        if let Some(said) = known() {
            return Judgement { said: Ok(said), cached: true };
        }
        let (own, begun) = (self.shared.settings.timeout.0, tokio::time::Instant::now());
        let until = begun + own.min(within);
        let Ok(Ok(_place)) = tokio::time::timeout_at(until, self.shared.places.acquire()).await else {
            return Judgement { said: Err(Failure::Busy), cached: false };
        };
        // Who waited for a place may have waited for who asked the same.
        if let Some(said) = known() {
            return Judgement { said: Ok(said), cached: true };
        }
        let said = match tokio::time::timeout_at(until, self.in_place(question, &body)).await {
            Ok(said) => said,
            // The time of the exchange says nothing of the judge.
            Err(_) if within < own => Err(Failure::Budget),
            Err(_) => {
                lock(&self.shared.breaker).failed(now());
                Err(Failure::Timeout)
            }
        };
        let said =
            said.map(|told| told.into_iter().map(|one| self.shared.said(one)).collect::<Arc<[Said]>>());
        if let Ok(said) = &said {
            lock(&self.shared.cache).put(key, said, now());
        }
        Judgement { said, cached: false }
    }

    async fn in_place(&self, question: &Question, body: &str) -> Result<Vec<wire::Told>, Failure> {
        if !lock(&self.shared.breaker).may_ask(now()) {
            return Err(Failure::Breaker);
        }
        let asking = Asking { shared: &self.shared, over: false };
        let said = self.with_retries(question, body).await;
        asking.ended(said.is_err());
        said
    }

    async fn with_retries(&self, question: &Question, body: &str) -> Result<Vec<wire::Told>, Failure> {
        let (mut pause, mut left) = (PAUSE, self.shared.settings.retries);
        loop {
            match self.once(question, body).await {
                Ok(told) => return Ok(told),
                Err((failure, _)) if left == 0 || !failure.may_pass() => return Err(failure),
                Err((_, after)) => tokio::time::sleep(after.unwrap_or(pause)).await,
            }
            left -= 1;
            pause *= 2;
        }
    }

    /// One try; of a failure also after how long another one is welcome.
    async fn once(
        &self,
        question: &Question,
        body: &str,
    ) -> Result<Vec<wire::Told>, (Failure, Option<Duration>)> {
        let settings = &self.shared.settings;
        let (client, credential) = match (&self.shared.way, &self.client) {
            (Way::Local(local), _) => {
                return local.judge(&question.text.0).await.map_err(|failure| (failure, None));
            }
            (Way::Remote(remote), Some(client)) => (client, &remote.credential),
            // Each way over the network has its client.
            (Way::Remote(_), None) => return Err((Failure::Network, None)),
        };
        let mut request =
            client.post(&settings.url).header(CONTENT_TYPE, "application/json").body(body.to_owned());
        if let Some((name, value)) = credential {
            request = request.header(name, value.clone());
        }
        if let (JudgeKind::FmsDetector, Some(model)) = (settings.kind, &settings.model) {
            request = request.header(DETECTOR, model);
        }
        let failed = |error: &reqwest::Error| (failure_of(error), None);
        let mut answer = request.send().await.map_err(|error| failed(&error))?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                let limited = answer.status() == StatusCode::TOO_MANY_REQUESTS;
                let after = answer.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok());
                let after = after.and_then(|after| after.trim().parse().ok()).map(Duration::from_secs);
                return Err((if limited { Failure::RateLimited } else { Failure::Status }, after));
            }
            status if status.is_server_error() => return Err((Failure::Status, None)),
            // What is wrong with the question, or leads elsewhere, is wrong the next time too.
            _ => return Err((Failure::Garbage, None)),
        }
        let (body, more) = web::body(&mut answer, MOST).await.map_err(|error| failed(&error))?;
        if more {
            return Err((Failure::TooLong, None));
        }
        let body: Value = serde_json::from_slice(&body).map_err(|_| (Failure::Garbage, None))?;
        wire::answer(settings, &question.text.0, &body).map_err(|wire::OtherForm| (Failure::Garbage, None))
    }
}

fn failure_of(error: &reqwest::Error) -> Failure {
    let mut cause = std::error::Error::source(error);
    while let Some(one) = cause {
        if one.is::<address::NotAllowed>() {
            return Failure::Address;
        }
        cause = one.source();
    }
    if error.is_timeout() { Failure::Timeout } else { Failure::Network }
}

fn key(body: &str) -> Key {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body.as_bytes());
    digest.as_ref().try_into().unwrap_or_default()
}
