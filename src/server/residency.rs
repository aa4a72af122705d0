//! Whether the data in a request may go where the upstream stands, asked before the upstream sees anything of it.

use super::exchange::Exchange;
use super::gateway::Route;
use crate::dialect::ExchangeError;
use crate::exchange::{Judged, Next, resides};
use crate::policy::{Action, BlockAs, Grade, Rule};
use crate::upstream::UpstreamSettings;

impl Exchange<'_> {
    /// Why a request may not go to an upstream. What is masked or replaced does not go there; what was found and left in place does, and
    /// of what passes unread nobody knows that it is not of a person.
    pub(super) fn resides(
        &self,
        judged: &Judged,
        route: &Route,
        upstream: &UpstreamSettings,
    ) -> Option<ExchangeError> {
        let policy = &judged.terms().policy;
        let residency = policy.residency();
        // The demonstration is a part of this process.
        if residency.is_empty() || upstream.is_demonstration() {
            return None;
        }
        let stays = |action: Action| match action {
            // Of what stays in part it cannot be said that nothing of it goes.
            Action::Allow | Action::Flag | Action::Partial => true,
            Action::Pseudonymise | Action::Hash | Action::Mask | Action::Replace | Action::Block => false,
        };
        let report = judged.report();
        let found = report.counts.each().filter(|(of, _)| !of.shadow && stays(of.action));
        let found: Vec<(Grade, &Rule)> =
            found.map(|(of, _)| policy.rule(of.rule)).filter_map(|rule| Some((rule.grade?, rule))).collect();
        let unread = (!report.coverage.unscanned.is_empty()).then_some(Grade::Personal);
        let stated = route.grade().unwrap_or_default();
        let region = upstream.region.as_deref();
        let mut grades: Vec<Grade> =
            found.iter().map(|(grade, _)| *grade).chain(unread).chain([stated]).collect();
        grades.sort_unstable();
        let worst = grades.into_iter().rev().find(|grade| !residency.allows(*grade, region))?;
        let mut rules: Vec<&Rule> =
            found.iter().filter(|(grade, _)| *grade == worst).map(|(_, rule)| *rule).collect();
        rules.dedup_by(|a, b| a.id == b.id);
        self.worker.gateway.metrics.residency_blocks.with_label_values(&[worst.as_str()]).inc();
        Some(resides(worst, region, &rules, judged.terms()))
    }
}

/// How the client is told.
pub(super) fn told(judged: &Judged, error: ExchangeError) -> Next {
    match judged.terms().policy.block_as() {
        BlockAs::Error => Next::Refuse(error),
        BlockAs::Refusal => {
            let matched = judged.matched();
            Next::Answer(matched.dialect.refusal(matched.operation, judged.ask(), &error))
        }
    }
}
