//! Samplers that are asked for their mark: which models, in which words, and what becomes of a request that an upstream refuses for it.
//!
//! Servers differ in what they take: reasoning models refuse a `logit_bias`, some servers any, in words of their own. So a request that was asked for the mark and
//! is refused as a bad one is sent once more without: only where that is taken was it the mark's fault, and then the model is left alone for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;

use super::gateway::{Gateway, Route, glob};
use crate::audit::SamplerRecord;
use crate::dialect::Bias;
use crate::exchange::{Judged, Next, with_bias};
use crate::provenance::mark::Epoch;
use crate::provenance::sampler::{Biased, List, SamplerSettings};

/// How long a model is left alone that refused; then one request tries it.
const PAUSE: Duration = Duration::from_secs(600);
/// Of so many models is remembered that they refused.
const MOST_MODELS: usize = 64;

/// The samplers of one upstream.
#[derive(Debug, Default)]
pub(super) struct Samplers(Vec<Arc<Sampler>>);

/// Models that share a tokenizer.
#[derive(Debug)]
struct Sampler {
    models: Vec<String>,
    /// The value of `logit_bias` by the language of the words.
    objects: Vec<(List, String)>,
    epoch: u32,
    refusals: Mutex<Refusals>,
}

impl Samplers {
    /// Those of an upstream's settings, with what its tokenizers have for the words; the epoch's coins choose.
    pub(super) fn new(settings: &[SamplerSettings], biased: &[Arc<Biased>], epoch: &Epoch) -> Self {
        let sampler = |(settings, biased): (&SamplerSettings, &Arc<Biased>)| {
            let object = |list: List| Some((list, biased.object(epoch, list, settings.bias)?));
            Arc::new(Sampler {
                models: settings.models.clone(),
                objects: List::ALL.into_iter().filter_map(object).collect(),
                epoch: epoch.number,
                refusals: Mutex::default(),
            })
        };
        Self(settings.iter().zip(biased).map(sampler).collect())
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn of(&self, model: &str) -> Option<&Arc<Sampler>> {
        self.0.iter().find(|sampler| sampler.models.iter().any(|pattern| glob(pattern, model)))
    }
}

/// What was asked for one request, or why nothing was.
#[derive(Debug)]
pub(super) struct Asked {
    record: SamplerRecord,
    asked: Option<Mark>,
}

/// A mark that was asked for.
#[derive(Debug)]
struct Mark {
    sampler: Arc<Sampler>,
    model: String,
    /// The body as it is without it.
    plain: Bytes,
}

/// Asks for the mark in a request that goes on by a route, where its policy says so and its words may be chosen: the body is another then.
pub(super) fn ask(
    gateway: &Gateway,
    judged: &Judged,
    route: &Route,
    next: &mut Next,
    now: Instant,
) -> Option<Asked> {
    let samplers = gateway.samplers.get(route.upstream).filter(|samplers| !samplers.is_empty())?;
    let (bias, list) = judged.may_bias()?;
    let model = &judged.ask().model;
    let sampler = samplers.of(model)?;
    let object = &sampler.objects.iter().find(|(of, _)| *of == list)?.1;
    let Next::Forward { body, changed } = next else { return None };
    let upstream = gateway.upstreams.get(route.upstream).map(|upstream| &*upstream.name).unwrap_or_default();
    let count = |what: &'static str| gateway.metrics.sampler.with_label_values(&[upstream, what]).inc();
    let none = |state: &'static str| {
        count(state);
        let record = SamplerRecord { state, epoch: None, list: "", again: String::new() };
        Some(Asked { record, asked: None })
    };
    if bias == Bias::Own {
        return none("own");
    }
    if !sampler.refusals().may_ask(model, now) {
        return none("paused");
    }
    let biased = with_bias(body, bias, object)?;
    let plain = std::mem::replace(body, biased.into());
    *changed = true;
    count("asked");
    let record =
        SamplerRecord { state: "asked", epoch: Some(sampler.epoch), list: list.tag(), again: String::new() };
    let asked = Mark { sampler: Arc::clone(sampler), model: model.clone(), plain };
    Some(Asked { record, asked: Some(asked) })
}

impl Asked {
    /// What the record says of it.
    pub(super) fn record(&self) -> &SamplerRecord {
        &self.record
    }

    /// The body to send once more, where the upstream refuses this one as bad.
    pub(super) fn again(&self, status: StatusCode) -> Option<&Bytes> {
        let is_bad = matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY);
        self.asked.as_ref().filter(|_| is_bad).map(|asked| &asked.plain)
    }

    /// The upstream answered at once, with this status.
    pub(super) fn answered(&self, status: StatusCode) {
        if let Some(asked) = self.asked.as_ref().filter(|_| status.is_success()) {
            asked.sampler.refusals().taken(&asked.model);
        }
    }

    /// It was asked once more, without the mark; with the status that it answered with, where it did.
    pub(super) fn asked_again(
        &mut self,
        gateway: &Gateway,
        upstream: &str,
        status: Option<StatusCode>,
        now: Instant,
    ) {
        let Some(asked) = &self.asked else { return };
        self.record.again = gateway.commitments.hash(&asked.plain);
        if status.is_some_and(|status| status.is_success()) {
            self.record.state = "refused";
            gateway.metrics.sampler.with_label_values(&[upstream, "refused"]).inc();
            asked.sampler.refusals().refused(&asked.model, now);
            tracing::warn!(
                upstream,
                "the upstream refuses a `logit_bias` and took the request without it: it is not asked for the model's mark for a while; \
                 is the model one of those that `[[upstream.sampler]]` should name?"
            );
        }
    }
}

impl Sampler {
    fn refusals(&self) -> std::sync::MutexGuard<'_, Refusals> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Models that refused, and until when they are left alone.
#[derive(Debug, Default)]
struct Refusals(HashMap<String, Instant>);

impl Refusals {
    /// Whether a model may be asked now. Of those whose time is over one request tries it.
    fn may_ask(&mut self, model: &str, now: Instant) -> bool {
        match self.0.get_mut(model) {
            None => true,
            Some(until) if now < *until => false,
            Some(until) => {
                *until = now + PAUSE;
                true
            }
        }
    }

    fn taken(&mut self, model: &str) {
        self.0.remove(model);
    }

    fn refused(&mut self, model: &str, now: Instant) {
        if self.0.len() >= MOST_MODELS && !self.0.contains_key(model) {
            let earliest = self.0.iter().min_by_key(|(_, until)| **until).map(|(model, _)| model.clone());
            earliest.and_then(|model| self.0.remove(&model));
        }
        self.0.insert(model.to_owned(), now + PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a beginning for a clock that the test moves")]
    fn who_refused_is_left_alone_and_tried_with_one() {
        let (begin, mut refusals) = (Instant::now(), Refusals::default());
        assert!(refusals.may_ask("o9", begin));
        refusals.refused("o9", begin);
        assert!(!refusals.may_ask("o9", begin + PAUSE / 2) && refusals.may_ask("gpt", begin));
        assert!(refusals.may_ask("o9", begin + PAUSE));
        assert!(!refusals.may_ask("o9", begin + PAUSE), "one tries it");
        refusals.taken("o9");
        assert!(refusals.may_ask("o9", begin + PAUSE));
        for n in 0..1_000 {
            refusals.refused(&n.to_string(), begin + Duration::from_secs(n));
        }
        assert_eq!(refusals.0.len(), MOST_MODELS);
        assert!(refusals.may_ask("5", begin) && !refusals.may_ask("999", begin));
    }
}
