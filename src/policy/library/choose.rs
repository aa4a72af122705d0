//! From what settings ask for to a policy: packs, the profile's changes, those of the configuration, and how far each rule has come.

use std::fmt;
use std::sync::Arc;

use super::super::compiled::{ForClients, MOST_SHARES, Parts, Policy, shares};
use super::super::files::hash;
use super::super::loader::{Slot, is_called};
use super::super::mistake::{Mistake, Setting};
use super::super::profile::{Checked, Demands, Profile};
use super::super::rule::{Action, Actions, Choice, Rule};
use super::super::state::RuleState;
use super::super::{PolicySettings, Residencies, Unscanned, always};
use super::{Library, MEASURE};
use crate::detect::CompileError;
use crate::diag::Diagnostic;

impl Library {
    /// The policy that settings ask for.
    pub fn policy(&self, settings: &PolicySettings) -> Result<Policy, Vec<Diagnostic>> {
        self.policy_or_mistakes(settings)
            .map_err(|found| found.into_iter().map(|mistake| mistake.diagnostic).collect())
    }

    /// The policy that settings ask for, or all that is wrong with them and where.
    pub fn policy_or_mistakes(&self, settings: &PolicySettings) -> Result<Policy, Vec<Mistake>> {
        let mut found = Vec::new();
        let mut wrong = |setting, diagnostic| found.push(Mistake { setting, diagnostic });
        let profile = if settings.profile == MEASURE {
            self.measure(true)
        } else if let Some(profile) = self.profiles.get(&settings.profile) {
            profile.clone()
        } else {
            let unknown =
                Diagnostic::error("unknown-profile", format!("unknown profile `{}`", settings.profile));
            wrong(Setting::Profile, unknown.valid("profiles", &settings.profile, &self.profiles()));
            Profile::default()
        };
        for (n, pack) in settings.packs.iter().enumerate().filter(|(_, pack)| !self.packs.contains_key(*pack))
        {
            let unknown = Diagnostic::error("unknown-pack", format!("unknown pack `{pack}`"));
            wrong(Setting::Pack(n), unknown.valid("packs", pack, &self.packs()));
        }
        for id in settings.slots.keys().filter(|id| !self.slots.iter().any(|slot| slot.id == **id)) {
            let ids: Vec<&str> = self.slots.iter().map(|slot| slot.id.as_str()).collect();
            let unknown = Diagnostic::error("unknown-slot", format!("unknown slot `{id}`"));
            wrong(Setting::Slot(id.clone()), unknown.valid("slots", id, &ids));
        }
        // Loading has seen that the packs of a profile are there.
        let packs = profile.packs.iter().chain(&settings.packs).filter_map(|name| self.packs.get(name));
        let mut choices = self.choices(packs.flat_map(|pack| &pack.rules));
        for (n, change) in &profile.changes {
            if let Some(slot) = choices.get_mut(*n) {
                *slot = *change;
            }
        }
        // What the profile retires stays so, unless the rule itself is named.
        let retired: Vec<bool> = choices.iter().map(|choice| choice.state == RuleState::Retired).collect();
        let mut change =
            |id: &str, setting: &dyn Fn(String) -> Setting, set: &dyn Fn(&Rule, bool, &mut Choice)| {
                let mut known = false;
                for ((rule, slot), is_retired) in self
                    .rules
                    .iter()
                    .zip(&mut choices)
                    .zip(&retired)
                    .filter(|((rule, _), _)| is_called(&rule.id, id))
                {
                    known = true;
                    let mut choice = *slot;
                    set(rule, *is_retired, &mut choice);
                    if !rule.always || !choice.is_weaker_than(&rule.choice()) {
                        *slot = choice;
                    } else if !id.ends_with('*') {
                        // `pack/*` means the rules that can be changed.
                        wrong(setting(id.to_owned()), always(rule));
                    }
                }
                if known {
                    return;
                }
                let ids: Vec<&str> = self.rules.iter().map(|rule| rule.id.as_str()).collect();
                let unknown = Diagnostic::error("unknown-rule", format!("unknown rule `{id}`"));
                let explained = match crate::diag::nearest(id, &ids) {
                Some(near) => unknown.help(format!("did you mean `{near}`?")),
                None => unknown.help(
                    "a rule is called by its pack and its id: `privacy/email`; `privacy/*` are all of a pack",
                ),
            };
                wrong(setting(id.to_owned()), explained);
            };
        // In the order of the ids, in which `harm/*` comes before all that it means: what is more special counts.
        for (id, action) in &settings.actions {
            change(id, &Setting::Action, &|_, _, choice| choice.actions = Actions::all(*action));
        }
        for (id, threshold) in &settings.thresholds {
            change(id, &Setting::Threshold, &|_, _, choice| choice.threshold = *threshold);
        }
        for (id, state) in &settings.states {
            change(id, &Setting::State, &|rule, is_retired, choice| {
                if !is_retired || rule.id == *id {
                    choice.state = written_for(rule, id, *state).unwrap_or(choice.state);
                }
            });
        }
        let climbing = settings.ladder.iter().flat_map(|ladder| ladder.rules.iter().enumerate());
        let reviewed = settings.review.iter().flat_map(|review| review.rules.iter().enumerate());
        let climbing = climbing.map(|(n, name)| (Setting::Ladder(n), name));
        for (setting, name) in climbing.chain(reviewed.map(|(n, name)| (Setting::Review(n), name))) {
            if self.rules.iter().any(|rule| is_called(&rule.id, name)) {
                continue;
            }
            let ids: Vec<&str> = self.rules.iter().map(|rule| rule.id.as_str()).collect();
            let unknown = Diagnostic::error("unknown-rule", format!("unknown rule `{name}`"));
            let near = crate::diag::nearest(name, &ids).map(|near| format!("did you mean `{near}`?"));
            let help = near.unwrap_or_else(|| "`harm/*` are all of a pack".to_owned());
            wrong(setting, unknown.help(help));
        }
        let shares = shares(&choices).len();
        if shares > MOST_SHARES {
            let last = settings.states.iter().rfind(|(_, state)| matches!(state, RuleState::Canary(_)));
            let many = format!("expected at most {MOST_SHARES} different shares of canaries, found {shares}");
            let many = Diagnostic::error("shares", many).help("each takes an automaton of its own");
            wrong(last.map_or(Setting::Profile, |(id, _)| Setting::State(id.clone())), many);
        }
        if !found.is_empty() {
            return Err(found);
        }
        let unscanned = settings.unscanned.unwrap_or(profile.unscanned);
        let block_as = settings.block_as.unwrap_or(profile.block_as);
        let client = ForClients {
            block_as,
            annotate: settings.annotate.unwrap_or(profile.annotate),
            complaints: settings.complaints.clone().map(Arc::new),
            ladder: settings.ladder.clone().map(Arc::new),
            sessions: settings.sessions.clone().map(Arc::new),
            abuse: settings.abuse.clone().map(Arc::new),
            review: settings.review.clone().map(Arc::new),
            residency: Arc::new(Residencies::of(&profile.residency, &settings.residency)),
            notices: profile.notices.clone().into(),
            labels: profile.labelled().map(Arc::new),
            content_days: profile.retention.as_ref().map(|kept| kept.content_days),
            prints: settings
                .prints
                .or(profile.labels.as_ref().map(|labels| labels.prints))
                .unwrap_or_default(),
            sampler_mark: settings
                .sampler_mark
                .or(profile.labels.as_ref().map(|labels| labels.sampler_mark))
                .unwrap_or_default(),
            mark: settings.mark.or(profile.labels.as_ref().map(|labels| labels.mark)).unwrap_or_default(),
        };
        let selected = self.select(&settings.profile, choices, unscanned, client);
        let mut policy = selected.map_err(|errors| {
            let of = |diagnostic| Mistake { setting: Setting::Profile, diagnostic };
            uncompiled(&errors).into_iter().map(of).collect::<Vec<_>>()
        })?;
        let unmet = self.unmet(&profile, &policy);
        policy.set_unmet(unmet);
        match settings.demands.unwrap_or(profile.demands) {
            Demands::Refuse if !policy.unmet().is_empty() => {
                let refused = policy.unmet().iter().map(|unmet| {
                    let what = format!("profile `{}` demands {unmet}", profile.name);
                    let help =
                        "bring what is demanded, or run it for a trial with `policy.demands = \"warn\"`";
                    let diagnostic = Diagnostic::error("demand", what).help(help);
                    Mistake { setting: Setting::Profile, diagnostic }
                });
                Err(refused.collect())
            }
            Demands::Refuse | Demands::Warn => Ok(policy),
        }
    }

    /// Every rule, and nothing changed, not even by rules that are always in force: for scans alone.
    ///
    /// # Errors
    /// An engine cannot be compiled, which loading has seen that it can.
    pub fn measuring(&self) -> Result<Policy, Vec<Diagnostic>> {
        let choices = self.measure(false).changes.into_iter().map(|(_, choice)| choice).collect();
        self.select(MEASURE, choices, Unscanned::Flag, ForClients::default())
            .map_err(|errors| uncompiled(&errors))
    }

    /// Every rule, and nothing changed, but by those that no profile makes weaker, where that is to be kept.
    fn measure(&self, keeps_always: bool) -> Profile {
        let flag = |rule: &Rule| {
            if keeps_always && rule.always {
                return rule.choice();
            }
            let state = if rule.state < RuleState::Shadow { rule.state } else { RuleState::Enforce };
            Choice { actions: Actions::all(Action::Flag), state, ..Choice::default() }
        };
        Profile {
            name: MEASURE.to_owned(),
            packs: self.packs.keys().cloned().collect(),
            unscanned: Unscanned::Flag,
            changes: self.rules.iter().map(flag).enumerate().collect(),
            ..Profile::default()
        }
    }

    /// What the profile demands, can be checked, and is not there.
    fn unmet(&self, profile: &Profile, policy: &Policy) -> Vec<Unmet> {
        let mut out = Vec::new();
        for demand in &profile.demanded {
            let lacking = match &demand.checked {
                Checked::No => None,
                Checked::Slot(n) => self.slots.get(*n).filter(|slot| !slot.is_filled()).map(|slot| {
                    let Slot { id, minimum, terms, .. } = slot;
                    format!("{minimum} terms in the slot `{id}`, which holds {terms}")
                }),
                Checked::Standard(scheme) => {
                    let coverage = self.coverage(policy, scheme);
                    coverage
                        .filter(|c| !c.is_met())
                        .map(|c| format!("the lists of `{scheme}`: {}", c.lacking()))
                }
            };
            out.extend(lacking.map(|lacking| Unmet { lacking, what: demand.what.clone() }));
        }
        out
    }

    /// A policy over these rules. Its version is a hash of what the library holds and of what the policy makes of it, states included.
    fn select(
        &self,
        name: &str,
        mut choices: Vec<Choice>,
        unscanned: Unscanned,
        client: ForClients,
    ) -> Result<Policy, Vec<CompileError>> {
        // The canary is in every policy, whatever a profile says.
        if let Some(last) = choices.last_mut() {
            *last = Choice { actions: Actions::all(Action::Mask), ..Choice::default() };
        }
        // A list is never further than its rule.
        for n in 0..choices.len() {
            let rule = self.rules.get(n).and_then(|rule| rule.list_of);
            let state = rule.and_then(|rule| choices.get(rule.0 as usize)).map(|choice| choice.state);
            if let (Some(choice), Some(state)) = (choices.get_mut(n), state) {
                choice.state = choice.state.min(state);
            }
        }
        let chosen = format!("{name} {unscanned:?} {client:?} {choices:?}");
        let parts = Parts {
            name: name.into(),
            version: hash(&[&self.version, &chosen]).into(),
            rules: Arc::clone(&self.rules),
            choices: choices.into(),
            unscanned,
            client,
            unmet: Vec::new(),
        };
        Policy::new(parts, &|idle| self.engine_without(idle))
    }

    /// The policy of one pack alone.
    pub fn pack_policy(&self, pack: &str) -> Option<Policy> {
        let choices = self.choices(&self.packs.get(pack)?.rules);
        self.select(pack, choices, Unscanned::default(), ForClients::default()).ok()
    }

    /// The policy of all packs as they stand.
    ///
    /// # Errors
    /// An engine cannot be compiled, which loading has seen that it can.
    pub fn packs_policy(&self) -> Result<Policy, Vec<Diagnostic>> {
        let choices = self.choices(self.packs.values().flat_map(|pack| &pack.rules));
        self.select("packs", choices, Unscanned::default(), ForClients::default())
            .map_err(|errors| uncompiled(&errors))
    }

    /// These rules as they stand; no other one counts.
    fn choices<'n>(&self, numbers: impl IntoIterator<Item = &'n usize>) -> Vec<Choice> {
        // What does not act anywhere is known to no engine that reads traffic, whichever packs a policy has.
        let off = |rule: &Rule| Choice { state: rule.state, ..Choice::default() };
        let mut choices: Vec<Choice> = self.rules.iter().map(off).collect();
        for &n in numbers {
            if let (Some(slot), Some(rule)) = (choices.get_mut(n), self.rules.get(n)) {
                *slot = rule.choice();
            }
        }
        choices
    }
}

/// What is said of an engine that does not compile; but what compiles with all rules does so with fewer.
fn uncompiled(errors: &[CompileError]) -> Vec<Diagnostic> {
    errors.iter().map(|error| Diagnostic::error("pattern", error.reason.clone())).collect()
}

/// Whether a state that is written for a name is meant for this rule: not for lists with a state of their own, which are called by theirs, nor
/// by a pattern for what is retired.
pub(in crate::policy) fn written_for(rule: &Rule, name: &str, state: RuleState) -> Option<RuleState> {
    let own = rule.id == name;
    let meant = own || rule.list_of.is_none() && rule.state != RuleState::Retired;
    meant.then_some(state)
}

/// A demand of a profile that is not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// What is lacking, with its numbers.
    pub lacking: String,
    /// What the operator has to do, in the profile's words.
    pub what: String,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.lacking, self.what)
    }
}
