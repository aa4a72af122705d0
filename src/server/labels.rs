//! How an answer is labelled: put together from the policy's profile, the settings, the route and the tenant; and told in the answer's head.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::exchange::Exchange;
use super::gateway::Route;
use super::notices::{NOTICE, written};
use super::settings::TenantSettings;
use crate::audit::Signer;
use crate::exchange::{Answering, Labelling, Maker};
use crate::policy::{LabelMode, Policy};
use crate::provenance::{LabelSettings, LabelWords, NoticesIn, Unlabelled};
use crate::text::Tongue;

/// Signed metadata of a whole answer, as JSON.
pub const LABEL: HeaderName = HeaderName::from_static("x-sluicegate-label");

/// Why places of a whole answer are doubtful, and how many there are: a list (RFC 9651, 3.1) such as `unsupported;count=2`.
pub const ANNOTATIONS: HeaderName = HeaderName::from_static("x-sluicegate-annotations");

/// What a gateway needs to label answers.
#[derive(Debug, Default)]
pub struct LabelPlan {
    /// `[labels]`
    pub settings: LabelSettings,
    /// Who signs metadata; without it, there is none.
    pub maker: Option<Arc<Maker>>,
    /// By the tenant's number: that it gets answers without a label that people see.
    pub unlabelled: Vec<Option<Arc<Unlabelled>>>,
}

impl LabelPlan {
    /// Labels as these settings say it; metadata is signed with this key.
    pub fn new(settings: &LabelSettings, tenants: &[TenantSettings], signer: Signer) -> Self {
        let producer = settings.producer.clone().unwrap_or_else(|| signer.verifier().name().to_owned());
        let maker = Maker { signer, producer, verify: settings.verify.clone() };
        let unlabelled = tenants.iter().map(|tenant| tenant.unlabelled.clone().map(Arc::new)).collect();
        Self { settings: settings.clone(), maker: Some(Arc::new(maker)), unlabelled }
    }

    /// Whether answers under this policy may be labelled.
    pub(super) fn may(&self, policy: &Policy, routes: &[Route]) -> bool {
        let says = |mode: Option<LabelMode>| mode.is_some_and(|mode| mode != LabelMode::None);
        policy.labels().is_some()
            || says(self.settings.mode)
            || self.settings.metadata == Some(true)
            || routes.iter().any(|route| says(route.label()))
    }

    /// How an answer is labelled on this route; nothing, where it is not.
    pub(super) fn labelling(
        &self,
        exchange: &Exchange<'_>,
        policy: &Policy,
        route: Option<&Route>,
    ) -> Option<Labelling> {
        let profile = policy.labels();
        let stated = profile.map(|profile| &profile.labels);
        let mode = route.and_then(Route::label).or(self.settings.mode).or(stated.map(|labels| labels.mode));
        let metadata = self.settings.metadata.or(stated.map(|labels| labels.metadata)).unwrap_or(false);
        let unlabelled = exchange.caller.number.and_then(|n| self.unlabelled.get(n)).cloned().flatten();
        let mut mode = mode.unwrap_or(LabelMode::None);
        if mode == LabelMode::None && !metadata {
            return None;
        }
        if unlabelled.is_some() {
            mode = LabelMode::None;
        }
        let words = LabelWords::new(profile.map(|profile| &**profile), &self.settings.texts);
        let in_text = self.settings.notices == NoticesIn::Text;
        let accepted =
            exchange.headers.get(http::header::ACCEPT_LANGUAGE).and_then(|field| field.to_str().ok());
        Some(Labelling {
            mode,
            words: Arc::new(if in_text { words.with_notices(policy.notices()) } else { words }),
            notice: in_text,
            maker: self.maker.clone().filter(|_| metadata),
            unlabelled,
            accepted: accepted.and_then(Tongue::accepted),
            exchange: exchange.context.id.to_string(),
        })
    }
}

/// Names the label of an answer in its head: what clients show themselves, and signed metadata of a whole answer. What an upstream may say
/// of its own does not pass for this gateway's.
pub(super) fn name_label(headers: &mut HeaderMap, answering: &mut Answering) {
    headers.remove(LABEL);
    headers.remove(ANNOTATIONS);
    let doubts = answering.annotation_header();
    if let Some(value) = doubts.and_then(|doubts| HeaderValue::from_str(&doubts).ok()) {
        headers.insert(ANNOTATIONS, value);
    }
    if let Some((tongue, text)) = answering.label_to_show() {
        let field = format!("label; lang={}; text*=UTF-8''{}", tongue.tag(), written(&text));
        if let Ok(value) = HeaderValue::from_str(&field) {
            headers.append(NOTICE, value);
        }
    }
    let statement = answering.label_statement();
    if let Some(value) = statement.and_then(|statement| HeaderValue::from_str(&statement).ok()) {
        headers.insert(LABEL, value);
    }
}
