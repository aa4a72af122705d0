//! The policies that run with the judges that they ask, those that ran before, and how the last try to replace them ended.
//!
//! One pointer is swapped for all tenants at once; an exchange takes its policy and its judges when it is admitted and keeps it to its end, so the
//! automata of a policy go when neither this list nor an exchange has it any more.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::{Value, json};

use crate::diag::moment::now_ms;
use crate::diag::{Diagnostic, to_json};
use crate::policy::{Approved, Policy};
use crate::telemetry::Metrics;
use crate::upstream::judge::JudgeSet;

/// So many mistakes of a policy are told; `sluicegate check` tells them all.
const TOLD: usize = 20;

/// Which policy a caller runs under.
#[derive(Debug, Clone)]
pub struct PolicyTable {
    /// Of who has no other.
    pub default: Arc<Policy>,
    /// Of each tenant by number.
    pub tenants: Vec<Arc<Policy>>,
    /// The tenants' names.
    pub names: Vec<String>,
}

impl PolicyTable {
    /// The policy of a tenant.
    pub fn of(&self, tenant: Option<usize>) -> &Arc<Policy> {
        tenant.and_then(|n| self.tenants.get(n)).unwrap_or(&self.default)
    }

    /// Everybody's policy, then each tenant's with its name.
    pub fn each_with_name(&self) -> impl Iterator<Item = (Option<&str>, &Arc<Policy>)> {
        let tenants = self.names.iter().map(|name| Some(name.as_str())).zip(&self.tenants);
        std::iter::once((None, &self.default)).chain(tenants)
    }

    /// Each policy once, by name and version.
    fn each(&self) -> Vec<[&str; 2]> {
        let all = std::iter::once(&self.default).chain(&self.tenants);
        let mut each: Vec<[&str; 2]> = all.map(|policy| [policy.name(), policy.version()]).collect();
        each.sort_unstable();
        each.dedup();
        each
    }

    /// Whether both do the same to everybody.
    fn is_as(&self, other: &Self) -> bool {
        let same = |a: &Arc<Policy>, b: &Arc<Policy>| a.version() == b.version();
        let mut both = self.tenants.iter().zip(&other.tenants);
        same(&self.default, &other.default)
            && self.tenants.len() == other.tenants.len()
            && both.all(|(a, b)| same(a, b))
    }
}

/// What made the gateway look at its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// It started.
    Start,
    /// The files changed.
    Files,
    /// SIGHUP.
    Signal,
    /// Somebody asked on the operations listener.
    Request,
}

impl Trigger {
    /// The word in logs and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Files => "files",
            Self::Signal => "signal",
            Self::Request => "request",
        }
    }
}

/// How a try to replace the policies ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Others run now.
    Ok,
    /// The files say what runs already.
    Unchanged,
    /// Too few have approved what the files say; what ran goes on.
    Unapproved,
    /// The files have mistakes; what ran goes on.
    Failed,
}

impl Ended {
    /// All ends.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Unchanged, Self::Unapproved, Self::Failed];

    /// Whether what ran goes on in place of what the files say.
    pub fn is_refused(self) -> bool {
        matches!(self, Self::Unapproved | Self::Failed)
    }

    /// The word in metrics, logs and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unchanged => "unchanged",
            Self::Unapproved => "unapproved",
            Self::Failed => "failed",
        }
    }
}

/// Policies with what is known of where they are from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The policies.
    pub table: Arc<PolicyTable>,
    /// The judges that their rules ask.
    pub judges: JudgeSet,
    /// Hash of the files that they were made from.
    pub hash: String,
    /// Those files, for people.
    pub from: String,
    /// Who approved them, where somebody has to.
    pub approved: Option<ApprovedBy>,
}

/// Who approved what runs.
#[derive(Clone, Debug)]
pub struct ApprovedBy {
    /// The hash that they signed.
    pub policy: String,
    /// Who.
    pub by: Vec<Approved>,
}

impl ApprovedBy {
    /// The names, for a line.
    pub(super) fn names(&self) -> String {
        self.by.iter().map(|one| one.approver.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// One of the list.
#[derive(Debug)]
struct Generation {
    number: u64,
    loaded: Loaded,
    at_ms: u64,
    by: Trigger,
}

/// One try to replace the policies.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// How it ended.
    pub ended: Ended,
    /// What made it.
    pub by: Trigger,
    /// When it ended.
    pub at_ms: u64,
    /// How long it took.
    pub took: Duration,
    /// Mistakes and warnings, a line each.
    pub lines: Vec<String>,
    /// The same for programs.
    diagnostics: Vec<Value>,
    /// How many there were.
    pub found: usize,
    /// What of the configuration is otherwise than what runs and cannot be changed without a restart.
    pub needs_restart: Vec<String>,
}

impl Attempt {
    pub(super) fn new(
        ended: Ended,
        by: Trigger,
        took: Duration,
        found: &[Diagnostic],
        needs_restart: Vec<String>,
    ) -> Self {
        Self {
            ended,
            by,
            at_ms: now_ms(),
            took,
            lines: found.iter().take(TOLD).map(ToString::to_string).collect(),
            diagnostics: found.iter().take(TOLD).map(to_json).collect(),
            found: found.len(),
            needs_restart,
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "outcome": self.ended.as_str(), "by": self.by.as_str(), "time_ms": self.at_ms,
            "took_ms": self.took.as_millis() as u64, "diagnostics": self.diagnostics, "found": self.found,
            "needs_restart": self.needs_restart,
        })
    }
}

/// The rules that are not in force for everybody, with their states.
fn states(policy: &Policy) -> Value {
    policy.not_in_force().map(|(rule, state)| (rule.id.clone(), json!(state))).collect()
}

/// There is nothing to go back to.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no earlier policy is kept")]
pub struct NothingBefore;

/// What an exchange takes when it is admitted.
#[derive(Debug)]
struct Snapshot {
    table: Arc<PolicyTable>,
    judges: JudgeSet,
}

impl Snapshot {
    fn of(loaded: &Loaded) -> Arc<Self> {
        Arc::new(Self { table: Arc::clone(&loaded.table), judges: loaded.judges.clone() })
    }
}

/// The policies that run and those before them.
#[derive(Debug)]
pub struct Policies {
    now: ArcSwap<Snapshot>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    active: Generation,
    /// The newest first.
    previous: VecDeque<Generation>,
    /// The number that the next one gets.
    next: u64,
    last: Option<Attempt>,
    /// When others last took their place.
    success_ms: u64,
}

impl Policies {
    /// Those with which a gateway starts.
    pub fn new(loaded: Loaded) -> Self {
        let now = now_ms();
        let snapshot = ArcSwap::new(Snapshot::of(&loaded));
        let active = Generation { number: 1, loaded, at_ms: now, by: Trigger::Start };
        let state = State { active, previous: VecDeque::new(), next: 2, last: None, success_ms: now };
        Self { now: snapshot, state: Mutex::new(state) }
    }

    /// The policy of a tenant as it is now. Who asks keeps it to the end of the exchange.
    pub fn of(&self, tenant: Option<usize>) -> Arc<Policy> {
        Arc::clone(self.now.load().table.of(tenant))
    }

    /// The same, with the judges that its rules ask.
    pub(super) fn at_admission(&self, tenant: Option<usize>) -> (Arc<Policy>, JudgeSet) {
        let now = self.now.load();
        (Arc::clone(now.table.of(tenant)), now.judges.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Number and hash of what runs.
    pub(super) fn active(&self) -> (u64, String) {
        let state = self.state();
        (state.active.number, state.active.loaded.hash.clone())
    }

    /// Who approved what runs, for a line.
    pub(super) fn approved_by(&self) -> Option<String> {
        self.state().active.loaded.approved.as_ref().map(ApprovedBy::names)
    }

    /// Puts others in the place of generation `over`, of which `keep` are kept to go back to. Says whether they do anything else; `None`
    /// where another generation runs meanwhile.
    pub(super) fn replace(&self, over: u64, loaded: Loaded, by: Trigger, keep: usize) -> Option<Ended> {
        let mut state = self.state();
        if state.active.number != over {
            return None;
        }
        let before = &state.active.loaded;
        if before.table.is_as(&loaded.table) && before.judges.is_same(&loaded.judges) {
            // Other words for the same, such as a comment: what runs is what these files say.
            state.active.loaded.hash = loaded.hash;
            state.active.loaded.approved = loaded.approved;
            state.previous.truncate(keep);
            return Some(Ended::Unchanged);
        }
        self.now.store(Snapshot::of(&loaded));
        loaded.judges.take_over(&state.active.loaded.judges);
        let new = Generation { number: state.next, loaded, at_ms: now_ms(), by };
        state.next += 1;
        state.success_ms = new.at_ms;
        let old = std::mem::replace(&mut state.active, new);
        state.previous.push_front(old);
        state.previous.truncate(keep);
        Some(Ended::Ok)
    }

    /// Goes back to those before. The files are what they are: whoever watches them waits until they change again.
    pub(super) fn roll_back(&self, metrics: &Metrics) -> Result<(), NothingBefore> {
        let mut state = self.state();
        let before = state.previous.pop_front().ok_or(NothingBefore)?;
        self.now.store(Snapshot::of(&before.loaded));
        before.loaded.judges.take_over(&state.active.loaded.judges);
        let left = std::mem::replace(&mut state.active, before);
        tracing::warn!(
            from = left.number,
            to = state.active.number,
            policy = state.active.loaded.table.default.name(),
            version = state.active.loaded.table.default.version(),
            "the policies were rolled back"
        );
        drop(state);
        metrics.policy_rollbacks.inc();
        self.tell(metrics);
        Ok(())
    }

    /// Notes how a try ended, and counts it.
    pub(super) fn note(&self, attempt: Attempt, metrics: &Metrics) {
        metrics.policy_reloads.with_label_values(&[attempt.ended.as_str()]).inc();
        metrics.policy_attempt.set((attempt.at_ms / 1000).cast_signed());
        metrics.policy_reload_ok.set(i64::from(!attempt.ended.is_refused()));
        let mut state = self.state();
        state.last = Some(attempt);
        drop(state);
        self.tell(metrics);
    }

    /// Metrics of what runs.
    pub(super) fn tell(&self, metrics: &Metrics) {
        let state = self.state();
        metrics.policy_success.set((state.success_ms / 1000).cast_signed());
        metrics.set_policies(&state.active.loaded.table.each());
        metrics.set_judges(&state.active.loaded.judges.names());
    }

    /// What an operator reads beside `ready`: what runs, and why it is not what the files say.
    pub(super) fn details(&self) -> String {
        let state = self.state();
        let default = &state.active.loaded.table.default;
        let mut runs = vec![format!("policy {} {}\n", default.name(), default.version())];
        let approved = state.active.loaded.approved.as_ref();
        runs.extend(approved.map(|by| format!("approved by {} as {}\n", by.names(), by.policy)));
        for (tenant, policy) in state.active.loaded.table.each_with_name() {
            let own =
                policy.unmet().iter().filter(|unmet| tenant.is_none() || !default.unmet().contains(unmet));
            let of = tenant.map_or_else(String::new, |tenant| format!(" for tenant {tenant}"));
            runs.extend(own.map(|unmet| format!("not met{of}: {unmet}\n")));
        }
        let runs = runs.concat();
        match state.last.as_ref().filter(|last| last.ended.is_refused()) {
            Some(refused) => {
                let reason = refused.lines.first().map_or("", String::as_str);
                let what = match refused.ended {
                    Ended::Unapproved => "what the files say is not approved",
                    Ended::Ok | Ended::Unchanged | Ended::Failed => "the last reload failed",
                };
                format!("{runs}{what}, this policy goes on: {reason}\n")
            }
            None => runs,
        }
    }

    /// Everything, for programs.
    pub(super) fn json(&self) -> Value {
        let state = self.state();
        let generation = |one: &Generation| {
            let of = |policy: &Policy| json!({ "policy": policy.name(), "version": policy.version(), "states": states(policy) });
            let table = &one.loaded.table;
            let tenants: serde_json::Map<String, Value> =
                table.names.iter().cloned().zip(table.tenants.iter().map(|policy| of(policy))).collect();
            json!({
                "generation": one.number, "policy": table.default.name(), "version": table.default.version(),
                "states": states(&table.default), "judges": one.loaded.judges.names(),
                "tenants": tenants, "from": one.loaded.from, "files": one.loaded.hash, "by": one.by.as_str(),
                "time_ms": one.at_ms,
                "approval": one.loaded.approved.as_ref().map(|by| json!({ "policy": by.policy, "by": by.by })),
            })
        };
        json!({
            "active": generation(&state.active),
            "previous": state.previous.iter().map(generation).collect::<Vec<_>>(),
            "last": state.last.as_ref().map(Attempt::json),
        })
    }
}
