//! Profiles on their way from files to what they mean.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::always;
use super::super::draft::{At, RULE};
use super::super::library::written_for;
use super::super::profile::{Checked, Demand, DemandFile, Profile, ProfileFile, Tier};
use super::super::region::{EVERYWHERE, RegionOf, is_known, unknown};
use super::super::rule::Choice;
use super::{Loader, OwnRegion, basis};
use crate::diag::{Diagnostic, Places, SourceFile, Step, read_toml};
use crate::text::{Tongue, is_name};

impl Loader<'_> {
    pub(super) fn profiles(&mut self) {
        let files = self.files;
        for (path, file) in files.iter().filter(|(p, _)| p.starts_with("profiles/")) {
            let read = read_toml::<ProfileFile>(file);
            self.found.extend(read.diagnostics);
            let Some(profile) = read.value else { continue };
            let said = self.profile(path, file, &read.places, profile);
            self.profiles.entry(said.name.clone()).or_insert(said);
        }
    }

    fn profile(
        &mut self,
        path: &str,
        file: &Arc<SourceFile>,
        places: &Places,
        profile: ProfileFile,
    ) -> Profile {
        let value = |path: &[Step<'_>]| places.value(path).unwrap_or_default();
        if path != format!("profiles/{}.toml", profile.name) {
            let wrong =
                Diagnostic::error("profile-name", format!("the profile calls itself `{}`", profile.name));
            let wrong = wrong.at(file, value(&["name".into()]), "");
            self.found.push(wrong.help("a profile has the name of its file"));
        }
        if profile.tier == Some(Tier::Unacceptable) {
            let wrong = Diagnostic::error("prohibited", "no profile can be of the tier `unacceptable`");
            let wrong = wrong.at(file, value(&["tier".into()]), "what is of this tier is prohibited");
            self.found.push(wrong.valid("tiers", "", &["minimal", "limited", "high"]));
        }
        for (i, pack) in profile.packs.iter().enumerate().filter(|(_, p)| !self.packs.contains_key(*p)) {
            let names: Vec<&String> = self.packs.keys().collect();
            let wrong = Diagnostic::error("unknown-pack", format!("unknown pack `{pack}`"));
            let wrong = wrong.at(file, value(&["packs".into(), i.into()]), "");
            self.found.push(wrong.valid("packs", pack, &names));
        }
        let mut changes: Vec<(usize, Choice)> = Vec::new();
        // Where the last change of each rule stands among them.
        let mut last: HashMap<usize, usize> = HashMap::new();
        for (place, change) in profile.rules.iter().enumerate() {
            let called = self.called(&change.id);
            let mut at = At { file, places, table: RULE, place, clean: true, found: &mut self.found };
            if called.is_empty() {
                let ids: Vec<&str> = self.drafts.iter().map(|d| d.rule.id.as_str()).collect();
                at.unknown(&["id"], "rule", &change.id, &ids, false);
                continue;
            }
            let threshold = at.threshold(change.threshold);
            let actions = at.actions(change.action.as_deref(), &change.actions);
            let state = at.state(&[], change.state.as_deref(), change.share);
            for n in called {
                let Some(rule) = self.drafts.get(n).map(|draft| &draft.rule) else { continue };
                let base = rule.choice();
                let threshold = threshold.unwrap_or(base.threshold);
                // What an entry for more rules says of states holds where this one says nothing.
                let before = last.get(&n).and_then(|at| changes.get(*at)).map(|(_, choice)| choice.state);
                let own = state.and_then(|state| written_for(rule, &change.id, state));
                let state = own.or(before).unwrap_or(base.state);
                let choice = Choice { actions: actions.over(base.actions), threshold, state };
                if rule.always && choice.is_weaker_than(&base) {
                    // `pack/*` means the rules that can be changed.
                    if !change.id.ends_with('*') {
                        let wrong = always(rule);
                        self.found.push(wrong.at(file, value(&["rule".into(), place.into()]), ""));
                    }
                    continue;
                }
                last.insert(n, changes.len());
                changes.push((n, choice));
            }
        }
        for tag in profile.labels.iter().flat_map(|labels| labels.texts.keys()) {
            if Tongue::of_tag(tag).is_none() {
                let wrong = Diagnostic::error("unknown-name", format!("unknown language `{tag}`"));
                let wrong =
                    wrong.at(file, value(&["labels".into(), "texts".into(), tag.as_str().into()]), "");
                self.found.push(wrong.valid("languages", tag, &Tongue::ALL.map(Tongue::tag)));
            }
        }
        if let Some(budget) = profile.budget {
            for (key, share) in [("found", budget.found), ("blocked", budget.blocked)] {
                if !(0.0..=1.0).contains(&share) {
                    let wrong = format!("expected `{key}` from 0 to 1, found {share}");
                    let wrong = Diagnostic::error("wrong-value", wrong);
                    self.found.push(wrong.at(file, value(&["budget".into(), key.into()]), ""));
                }
            }
        }
        if let Some(gate) = &profile.gate {
            let missing = Diagnostic::warning("no-bank", format!("there is no bank `{}`", gate.bank));
            let diagnostic = missing.at(file, value(&["gate".into(), "bank".into()]), "");
            self.gates.push(super::Named { name: gate.bank.clone(), diagnostic });
            for (key, share) in [("refused", gate.refused), ("over_refused", gate.over_refused)] {
                if !(0.0..=1.0).contains(&share) {
                    let wrong = format!("expected `{key}` from 0 to 1, found {share}");
                    let wrong = Diagnostic::error("wrong-value", wrong);
                    self.found.push(wrong.at(file, value(&["gate".into(), key.into()]), ""));
                }
            }
        }
        self.regions(&profile, file, places);
        let demanded = self.demanded(file, places, &profile.demanded);
        Profile {
            name: profile.name,
            title: profile.title,
            tier: profile.tier,
            jurisdictions: profile.jurisdictions,
            sectors: profile.sectors,
            packs: profile.packs,
            unscanned: profile.unscanned,
            block_as: profile.block_as,
            annotate: profile.annotate,
            demands: profile.demands,
            demanded,
            labels: profile.labels,
            retention: profile.retention,
            residency: profile.residency,
            notices: profile.notices,
            budget: profile.budget,
            gate: profile.gate,
            changes,
        }
    }

    /// Regions that can be none, and grades of which it is said twice where their data may go. What is not known may be an upstream's.
    fn regions(&mut self, profile: &ProfileFile, file: &Arc<SourceFile>, places: &Places) {
        for (n, stated) in profile.residency.iter().enumerate() {
            let place = |path: &[Step<'_>]| {
                let path: Vec<Step<'_>> =
                    [Step::from("residency"), n.into()].iter().chain(path).copied().collect();
                places.value(&path).unwrap_or_default()
            };
            if profile.residency.iter().take(n).any(|before| before.grade == stated.grade) {
                let grade = stated.grade.as_str();
                let twice = format!("it is said twice where data of the grade `{grade}` may go");
                let twice = Diagnostic::error("duplicate", twice).at(file, place(&["grade".into()]), "");
                self.found.push(twice.help("write its `regions` in one `[[residency]]`"));
            }
            for (i, region) in stated.regions.iter().enumerate() {
                let span = place(&["regions".into(), i.into()]);
                if region == EVERYWHERE || is_known(region) {
                    continue;
                }
                if is_name(region) {
                    let (profile, region, file) = (profile.name.clone(), region.clone(), Arc::clone(file));
                    self.regions.push(OwnRegion { profile, region, file, span });
                } else {
                    // No upstream can have it.
                    self.found.push(unknown(region, RegionOf::Data, &[]).at(file, span, ""));
                }
            }
        }
    }

    fn demanded(&mut self, file: &Arc<SourceFile>, places: &Places, demanded: &[DemandFile]) -> Vec<Demand> {
        let mut out = Vec::new();
        for (place, demand) in demanded.iter().enumerate() {
            let found = &mut self.found;
            let mut at = At { file, places, table: "demand", place, clean: true, found };
            let checked = match (&demand.slot, &demand.standard) {
                (Some(_), Some(_)) => {
                    let both = "a demand is for a `slot` or a `standard`, not for both";
                    at.wrong(&["standard"], "conflict", both);
                    Checked::No
                }
                (Some(name), None) => {
                    let slot = self.slots.iter().position(|slot| slot.id == *name);
                    if slot.is_none() {
                        let ids: Vec<&str> = self.slots.iter().map(|slot| slot.id.as_str()).collect();
                        at.unknown(&["slot"], "slot", name, &ids, true);
                    }
                    slot.map_or(Checked::No, Checked::Slot)
                }
                (None, Some(standard)) => {
                    if self.taxonomy.scheme(standard).is_none() {
                        let ids = self.taxonomy.scheme_ids();
                        at.unknown(&["standard"], "standard", standard, &ids, true);
                    }
                    Checked::Standard(standard.clone())
                }
                (None, None) => Checked::No,
            };
            out.push(Demand { checked, what: demand.what.clone(), basis: basis(&demand.basis) });
        }
        out
    }
}
