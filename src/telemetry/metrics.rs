//! Metric families. Labels hold names from config, rules and closed lists only, never a text of an exchange.

use std::sync::{Mutex, PoisonError};

use prometheus::{
    Encoder as _, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

/// All metrics of one gateway, in a registry of its own.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// `sluicegate_requests_total{route,dialect,verdict}`: exchanges that ended.
    pub requests: IntCounterVec,
    /// `sluicegate_refused_total{reason}`: requests and connections refused outside of an exchange.
    pub refused: IntCounterVec,
    /// `sluicegate_findings_total{rule,action,direction}`.
    pub findings: IntCounterVec,
    /// `sluicegate_shadow_findings_total{rule,action,direction}`: what rules in shadow found, which changed nothing, by the action that would have
    /// followed.
    pub shadow_findings: IntCounterVec,
    /// `sluicegate_prints_total{what}`: answers of which prints were `kept`, that were too `short` for them or `lost`, and whose prints `expired`
    /// or were `erased` from the files.
    pub prints: IntCounterVec,
    /// `sluicegate_prints_made_total`: rows of letters that were kept.
    pub prints_made: IntCounter,
    /// `sluicegate_marks_total{what}`: marks that were `set` in answers, or `stripped` from prompts.
    pub marks: IntCounterVec,
    /// `sluicegate_sampler_total{upstream,what}`: requests in which an upstream's sampler was `asked` for its mark, of which it `refused` some, and
    /// those in which it was not, since it had refused (`paused`) or the client has a bias of its `own`.
    pub sampler: IntCounterVec,
    /// `sluicegate_hidden_findings_total{coding,action}`: of these, those in encoded text.
    pub hidden_findings: IntCounterVec,
    /// `sluicegate_unscanned_total{kind}`: what could not be read, and passed or was blocked by the policy's choice.
    pub unscanned: IntCounterVec,
    /// `sluicegate_errors_total{code}`: errors sent to clients.
    pub errors: IntCounterVec,
    /// `sluicegate_upstream_errors_total{upstream,kind}`.
    pub upstream_errors: IntCounterVec,
    /// `sluicegate_tokens_total{route,kind}`: tokens by what upstreams say of them, `input` and `output`.
    pub tokens: IntCounterVec,
    /// `sluicegate_held_bytes`: most bytes held back at once, an exchange.
    pub held_bytes: Histogram,
    /// `sluicegate_held_seconds`: longest time that an event of an exchange was held back.
    pub held_seconds: Histogram,
    /// `sluicegate_first_byte_seconds{route}`: from the request's head to the first byte of the answer's body.
    pub first_byte: HistogramVec,
    /// `sluicegate_exchange_seconds{route}`: from the request's head to the end.
    pub exchange: HistogramVec,
    /// `sluicegate_scan_seconds{side}`: time spent reading and scanning, an exchange.
    pub scan: HistogramVec,
    /// `sluicegate_journal_seconds`: from an admission record to its receipt.
    pub journal: Histogram,
    /// `sluicegate_journal_sync_seconds`: write and sync of one batch of records.
    pub journal_sync: Histogram,
    /// `sluicegate_journal_batch_records`: records that one sync made durable.
    pub journal_records: Histogram,
    /// `sluicegate_journal_failures_total`: batches that could not be written.
    pub journal_failures: IntCounter,
    /// `sluicegate_journal_lost_ends_total`: end records given up because too many waited for a failing disk.
    pub journal_lost: IntCounter,
    /// `sluicegate_exchanges_running`.
    pub running: IntGauge,
    /// `sluicegate_connections_open`.
    pub connections: IntGauge,
    /// `sluicegate_panics_total`: faults in the gateway; always 0 in a sound build.
    pub panics: IntCounter,
    /// `sluicegate_canary_ok`: 1 while the canary is stopped as it must be.
    pub canary: IntGauge,
    /// `sluicegate_sink_records_total{sink}`: records that other systems have got.
    pub sink_records: IntCounterVec,
    /// `sluicegate_sink_failures_total{sink}`: batches that did not get there, and are sent again.
    pub sink_failures: IntCounterVec,
    /// `sluicegate_sink_rejected_records_total{sink}`: records that it took and threw away, as OTLP lets it say.
    pub sink_rejected: IntCounterVec,
    /// `sluicegate_sink_purged_records_total{sink}`: records that were purged before the sink had them.
    pub sink_purged: IntCounterVec,
    /// `sluicegate_sink_lag_records{sink}`: durable records that the sink has not got.
    pub sink_lag: IntGaugeVec,
    /// `sluicegate_sink_up{sink}`: 0 while records do not reach it.
    pub sink_up: IntGaugeVec,
    /// `sluicegate_witness_up{witness}`: 0 while it cosigns nothing.
    pub witness_up: IntGaugeVec,
    /// `sluicegate_witness_fault{witness}`: 1 while it says that it has seen another journal.
    pub witness_fault: IntGaugeVec,
    /// `sluicegate_witness_lag_records{witness}`: signed records that it has not cosigned.
    pub witness_lag: IntGaugeVec,
    /// `sluicegate_witness_failures_total{witness}`: requests that brought no cosignature.
    pub witness_failures: IntCounterVec,
    /// `sluicegate_anchor_up{anchor}`: 0 while nothing can be anchored.
    pub anchor_up: IntGaugeVec,
    /// `sluicegate_anchor_fault{anchor}`: 1 while it holds a checkpoint of more records than there are.
    pub anchor_fault: IntGaugeVec,
    /// `sluicegate_anchor_success_timestamp_seconds{anchor}`: when a checkpoint was last anchored.
    pub anchor_success: IntGaugeVec,
    /// `sluicegate_anchor_failures_total{anchor}`: tries that failed.
    pub anchor_failures: IntCounterVec,
    /// `sluicegate_standing_steps_total{to, by}`: steps on the ladder.
    pub standing_steps: IntCounterVec,
    /// `sluicegate_session_notices_total{kind}`: reminders and ends of sessions.
    pub reminders: IntCounterVec,
    /// `sluicegate_residency_blocks_total{grade}`: requests with data that may not go where their upstream stands.
    pub residency_blocks: IntCounterVec,
    /// `sluicegate_abuse_signs_total{sign}`: signs that a key or user probes or floods.
    pub abuse_signs: IntCounterVec,
    /// `sluicegate_complaints{state}`: complaints that are `open`, and those of them that are `overdue`.
    pub complaints: IntGaugeVec,
    /// `sluicegate_complaint_steps_total{state}`: complaints that came to a state.
    pub complaint_steps: IntCounterVec,
    /// `sluicegate_reviews{state}`: answers that wait for a reviewer (`open`), and those of them that are `overdue`.
    pub reviews: IntGaugeVec,
    /// `sluicegate_review_steps_total{state}`: reviews that came to a state; `not_taken` are answers for which there was no place, `not_recorded` those whose event the
    /// journal did not take.
    pub review_steps: IntCounterVec,
    /// `sluicegate_standings{standing}`: how many keys and users stand how.
    pub standings: IntGaugeVec,
    /// `sluicegate_policy_reloads_total{outcome}`.
    pub policy_reloads: IntCounterVec,
    /// `sluicegate_policy_rollbacks_total`.
    pub policy_rollbacks: IntCounter,
    /// `sluicegate_policy_reload_ok`: 0 where the last reload failed.
    pub policy_reload_ok: IntGauge,
    /// `sluicegate_policy_attempt_timestamp_seconds`: when a reload was last tried.
    pub policy_attempt: IntGauge,
    /// `sluicegate_policy_success_timestamp_seconds`: when other policies last came into effect.
    pub policy_success: IntGauge,
    /// `sluicegate_list_fetches_total{outcome}`: times that lists from URLs were asked for.
    pub list_fetches: IntCounterVec,
    /// `sluicegate_list_success_timestamp_seconds{url}`: when a list was last there as its rule wants it.
    pub list_success: IntGaugeVec,
    /// `sluicegate_judge_questions_total{judge,outcome}`: what came of questions to judges: `asked`, `cached`, or why there was no answer.
    pub judge_questions: IntCounterVec,
    /// `sluicegate_judge_effects_total{judge,effect}`: what answers meant for rules: `found` or `clear` where nobody else was asked, `agreed`,
    /// `raised` or `cleared` against the rule's own model.
    pub judge_effects: IntCounterVec,
    /// `sluicegate_judge_seconds{judge}`: from a question to its answer, those that were known already left out.
    pub judge_seconds: HistogramVec,
    /// `sluicegate_judge_left_alone{judge}`: 1 while its breaker is open; `sluicegate_judge_running{judge}`: questions on their way. With the
    /// judges that are asked: of others there are none.
    judges: Mutex<(IntGaugeVec, IntGaugeVec, Vec<String>)>,
    policies: Mutex<(GaugeVec, Vec<[String; 2]>)>,
}

const SECONDS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0, 30.0, 120.0,
];
const SHORT: &[f64] =
    &[0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.01, 0.1, 1.0];
const COUNTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 512.0, 2048.0];
const BYTES: &[f64] = &[0.0, 64.0, 256.0, 1024.0, 4096.0, 16_384.0, 65_536.0, 1_048_576.0, 8_388_608.0];

impl Metrics {
    /// Families with nothing counted. Fails only if a family is declared wrongly, which a test would show.
    pub fn new(version: &str) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let family = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(family.clone()))?;
            Ok::<_, prometheus::Error>(family)
        };
        let histograms = |name: &str, help: &str, labels: &[&str], buckets: &[f64]| {
            let family = HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)?;
            registry.register(Box::new(family.clone()))?;
            Ok::<_, prometheus::Error>(family)
        };
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            let one = Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?;
            registry.register(Box::new(one.clone()))?;
            Ok::<_, prometheus::Error>(one)
        };
        let gauge = |name: &str, help: &str| {
            let one = IntGauge::new(name, help)?;
            registry.register(Box::new(one.clone()))?;
            Ok::<_, prometheus::Error>(one)
        };
        let counter = |name: &str, help: &str| {
            let one = IntCounter::new(name, help)?;
            registry.register(Box::new(one.clone()))?;
            Ok::<_, prometheus::Error>(one)
        };
        let panics = counter("sluicegate_panics_total", "Faults in the gateway")?;
        let build = GaugeVec::new(Opts::new("sluicegate_build_info", "What runs"), &["version"])?;
        registry.register(Box::new(build.clone()))?;
        build.with_label_values(&[version]).set(1.0);
        let policies = Opts::new("sluicegate_policy_info", "Policies that run, of all tenants");
        let policies = GaugeVec::new(policies, &["policy", "version"])?;
        registry.register(Box::new(policies.clone()))?;
        let list_success = Opts::new(
            "sluicegate_list_success_timestamp_seconds",
            "When a list from a URL was last there as its rule wants it",
        );
        let list_success = IntGaugeVec::new(list_success, &["url"])?;
        registry.register(Box::new(list_success.clone()))?;
        let complaints =
            Opts::new("sluicegate_complaints", "Complaints that are open, and those that are overdue");
        let complaints = IntGaugeVec::new(complaints, &["state"])?;
        registry.register(Box::new(complaints.clone()))?;
        let reviews = Opts::new("sluicegate_reviews", "Answers that wait for a reviewer, and those overdue");
        let reviews = IntGaugeVec::new(reviews, &["state"])?;
        registry.register(Box::new(reviews.clone()))?;
        let standings =
            Opts::new("sluicegate_standings", "Keys and users who were blocked, by how they stand");
        let standings = IntGaugeVec::new(standings, &["standing"])?;
        registry.register(Box::new(standings.clone()))?;
        let gauges = |name: &str, help: &str, label: &str| -> Result<IntGaugeVec, prometheus::Error> {
            let family = IntGaugeVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(family.clone()))?;
            Ok(family)
        };
        let sink_gauges = |name: &str, help: &str| gauges(name, help, "sink");
        let sink_lag = sink_gauges("sluicegate_sink_lag_records", "Durable records that a sink has not got")?;
        let sink_up = sink_gauges("sluicegate_sink_up", "0 while records do not reach a sink")?;
        let judge_left_alone =
            gauges("sluicegate_judge_left_alone", "1 while a judge that fails is not asked", "judge")?;
        let judge_running =
            gauges("sluicegate_judge_running", "Questions to a judge that are on their way", "judge")?;
        let witness_gauges = |name: &str, help: &str| gauges(name, help, "witness");
        let anchor_gauges = |name: &str, help: &str| gauges(name, help, "anchor");
        Ok(Self {
            requests: counters(
                "sluicegate_requests_total",
                "Exchanges that ended",
                &["route", "dialect", "verdict"],
            )?,
            refused: counters(
                "sluicegate_refused_total",
                "Requests and connections refused outside of an exchange",
                &["reason"],
            )?,
            findings: counters("sluicegate_findings_total", "Findings", &["rule", "action", "direction"])?,
            shadow_findings: counters(
                "sluicegate_shadow_findings_total",
                "Findings of rules in shadow, by what would have followed",
                &["rule", "action", "direction"],
            )?,
            tokens: counters(
                "sluicegate_tokens_total",
                "Tokens that models read and wrote, as upstreams count them",
                &["route", "kind"],
            )?,
            prints: counters(
                "sluicegate_prints_total",
                "Answers of which prints were kept, were not, or are gone",
                &["what"],
            )?,
            prints_made: counter(
                "sluicegate_prints_made_total",
                "Rows of letters that were kept of answers",
            )?,
            marks: counters(
                "sluicegate_marks_total",
                "Marks set in answers and stripped from prompts",
                &["what"],
            )?,
            sampler: counters(
                "sluicegate_sampler_total",
                "Requests by whether the upstream's sampler was asked for its mark",
                &["upstream", "what"],
            )?,
            hidden_findings: counters(
                "sluicegate_hidden_findings_total",
                "Findings in encoded text, by how it was encoded",
                &["coding", "action"],
            )?,
            unscanned: counters(
                "sluicegate_unscanned_total",
                "What could not be read, and passed or was blocked by the policy's choice",
                &["kind"],
            )?,
            errors: counters("sluicegate_errors_total", "Errors sent to clients", &["code"])?,
            upstream_errors: counters(
                "sluicegate_upstream_errors_total",
                "Failures of upstreams",
                &["upstream", "kind"],
            )?,
            held_bytes: histogram(
                "sluicegate_held_bytes",
                "Most bytes held back at once in an exchange",
                BYTES,
            )?,
            held_seconds: histogram(
                "sluicegate_held_seconds",
                "Longest time an event was held back",
                SECONDS,
            )?,
            first_byte: histograms(
                "sluicegate_first_byte_seconds",
                "From the request's head to the first byte of the answer's body",
                &["route"],
                SECONDS,
            )?,
            exchange: histograms(
                "sluicegate_exchange_seconds",
                "From the request's head to the end",
                &["route"],
                SECONDS,
            )?,
            scan: histograms("sluicegate_scan_seconds", "Time spent reading and scanning", &["side"], SHORT)?,
            journal: histogram(
                "sluicegate_journal_seconds",
                "From an admission record to its receipt",
                SECONDS,
            )?,
            journal_sync: histogram(
                "sluicegate_journal_sync_seconds",
                "Write and sync of one batch of records",
                SECONDS,
            )?,
            journal_records: histogram(
                "sluicegate_journal_batch_records",
                "Records that one sync made durable",
                COUNTS,
            )?,
            journal_failures: counter(
                "sluicegate_journal_failures_total",
                "Batches of records that could not be written",
            )?,
            journal_lost: counter(
                "sluicegate_journal_lost_ends_total",
                "End records given up because too many waited for a failing disk",
            )?,
            running: gauge("sluicegate_exchanges_running", "Exchanges that run now")?,
            connections: gauge("sluicegate_connections_open", "Connections of clients that are open now")?,
            sink_records: counters(
                "sluicegate_sink_records_total",
                "Records that other systems have got",
                &["sink"],
            )?,
            sink_failures: counters(
                "sluicegate_sink_failures_total",
                "Batches of records that did not get to a sink, and are sent again",
                &["sink"],
            )?,
            sink_rejected: counters(
                "sluicegate_sink_rejected_records_total",
                "Records that a sink took and threw away, as it says",
                &["sink"],
            )?,
            sink_purged: counters(
                "sluicegate_sink_purged_records_total",
                "Records that were purged before a sink had them",
                &["sink"],
            )?,
            judge_questions: counters(
                "sluicegate_judge_questions_total",
                "What came of questions to judges",
                &["judge", "outcome"],
            )?,
            judge_effects: counters(
                "sluicegate_judge_effects_total",
                "What judges' answers meant for rules, beside what their own models said",
                &["judge", "effect"],
            )?,
            judge_seconds: histograms(
                "sluicegate_judge_seconds",
                "From a question to a judge to its answer",
                &["judge"],
                SECONDS,
            )?,
            judges: Mutex::new((judge_left_alone, judge_running, Vec::new())),
            sink_lag,
            sink_up,
            witness_up: witness_gauges("sluicegate_witness_up", "0 while a witness cosigns nothing")?,
            witness_fault: witness_gauges(
                "sluicegate_witness_fault",
                "1 while a witness says that it has seen another journal than this one",
            )?,
            witness_lag: witness_gauges(
                "sluicegate_witness_lag_records",
                "Signed records that a witness has not cosigned",
            )?,
            witness_failures: counters(
                "sluicegate_witness_failures_total",
                "Requests to a witness that brought no cosignature",
                &["witness"],
            )?,
            anchor_up: anchor_gauges("sluicegate_anchor_up", "0 while checkpoints cannot be anchored")?,
            anchor_fault: anchor_gauges(
                "sluicegate_anchor_fault",
                "1 while an anchor holds a checkpoint of more records than the journal has",
            )?,
            anchor_success: anchor_gauges(
                "sluicegate_anchor_success_timestamp_seconds",
                "When a checkpoint was last anchored",
            )?,
            anchor_failures: counters(
                "sluicegate_anchor_failures_total",
                "Tries to anchor a checkpoint that failed",
                &["anchor"],
            )?,
            standing_steps: counters(
                "sluicegate_standing_steps_total",
                "Steps of keys and users who are blocked again and again, by where they lead and what made them",
                &["to", "by"],
            )?,
            residency_blocks: counters(
                "sluicegate_residency_blocks_total",
                "Requests with data that may not go where their upstream stands, by the grade of the data",
                &["grade"],
            )?,
            abuse_signs: counters(
                "sluicegate_abuse_signs_total",
                "Signs that a key or user probes or floods",
                &["sign"],
            )?,
            complaints,
            reviews,
            complaint_steps: counters(
                "sluicegate_complaint_steps_total",
                "Complaints about exchanges, by the state that they came to",
                &["state"],
            )?,
            review_steps: counters(
                "sluicegate_review_steps_total",
                "Reviews of answers, by the state that they came to",
                &["state"],
            )?,
            standings,
            reminders: counters(
                "sluicegate_session_notices_total",
                "Reminders of long use and ends of sessions, by kind",
                &["kind"],
            )?,
            policy_reloads: counters(
                "sluicegate_policy_reloads_total",
                "Tries to replace the policies, by how they ended",
                &["outcome"],
            )?,
            policy_rollbacks: counter("sluicegate_policy_rollbacks_total", "Rollbacks of the policies")?,
            policy_reload_ok: gauge("sluicegate_policy_reload_ok", "0 where the last reload failed")?,
            policy_attempt: gauge(
                "sluicegate_policy_attempt_timestamp_seconds",
                "When a reload was last tried",
            )?,
            policy_success: gauge(
                "sluicegate_policy_success_timestamp_seconds",
                "When other policies last came into effect",
            )?,
            list_fetches: counters(
                "sluicegate_list_fetches_total",
                "Times that lists from URLs were asked for",
                &["outcome"],
            )?,
            list_success,
            policies: Mutex::new((policies, Vec::new())),
            canary: gauge("sluicegate_canary_ok", "1 while the canary is stopped as it must be")?,
            panics,
            registry,
        })
    }

    /// Says which policies run, by name and version: those that were there before go.
    pub fn set_policies(&self, now: &[[&str; 2]]) {
        let mut policies = self.policies.lock().unwrap_or_else(PoisonError::into_inner);
        let (family, before) = &mut *policies;
        for labels in now {
            family.with_label_values(labels).set(1.0);
        }
        for [name, version] in before.iter().filter(|[n, v]| !now.contains(&[n.as_str(), v.as_str()])) {
            // One that is not there needs not go.
            let _ = family.remove_label_values(&[name, version]);
        }
        *before = now.iter().map(|labels| labels.map(str::to_owned)).collect();
    }

    /// Says which judges are asked: how the others do is told no longer.
    pub fn set_judges(&self, now: &[&str]) {
        let mut judges = self.judges.lock().unwrap_or_else(PoisonError::into_inner);
        let (left_alone, running, before) = &mut *judges;
        for name in before.iter().filter(|name| !now.contains(&name.as_str())) {
            // One that is not there needs not go.
            let _ = left_alone.remove_label_values(&[name.as_str()]);
            let _ = running.remove_label_values(&[name.as_str()]);
        }
        *before = now.iter().map(|name| (*name).to_owned()).collect();
    }

    /// Says how a judge does, if it is asked.
    pub fn tell_judge(&self, name: &str, is_left_alone: bool, questions: usize) {
        let judges = self.judges.lock().unwrap_or_else(PoisonError::into_inner);
        let (left_alone, running, now) = &*judges;
        if now.iter().any(|one| one == name) {
            left_alone.with_label_values(&[name]).set(i64::from(is_left_alone));
            running.with_label_values(&[name]).set(i64::try_from(questions).unwrap_or(i64::MAX));
        }
    }

    /// The text exposition format (Prometheus 0.0.4).
    pub fn text(&self) -> Vec<u8> {
        let mut out = Vec::new();
        // Writing to a Vec does not fail.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_declared_rightly() -> Result<(), prometheus::Error> {
        let metrics = Metrics::new("1")?;
        metrics.requests.with_label_values(&["a", "openai", "allow"]).inc();
        let text = String::from_utf8(metrics.text()).unwrap_or_default();
        assert!(
            text.contains(r#"sluicegate_requests_total{dialect="openai",route="a",verdict="allow"} 1"#),
            "{text}"
        );
        Ok(())
    }

    #[test]
    fn policies_that_are_gone_are_not_told_of() -> Result<(), prometheus::Error> {
        let metrics = Metrics::new("1")?;
        metrics.set_policies(&[["a", "1"], ["b", "1"]]);
        metrics.set_policies(&[["a", "1"], ["b", "2"]]);
        let text = String::from_utf8(metrics.text()).unwrap_or_default();
        let told: Vec<&str> = text.lines().filter(|l| l.starts_with("sluicegate_policy_info")).collect();
        let line =
            |name, version| format!("sluicegate_policy_info{{policy=\"{name}\",version=\"{version}\"}} 1");
        assert_eq!(told, [line("a", 1), line("b", 2)]);
        Ok(())
    }
}
