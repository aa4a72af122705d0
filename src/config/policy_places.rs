//! Where the policies stand in the file, so that what a library of rules says of them can point at a line.

use super::Settings;
use crate::diag::{Diagnostic, Places, SourceFile, Step};
use crate::policy::{Mistake, PolicyChange, Setting};
use std::sync::Arc;

/// The file that settings were read from, and where its entries stand.
#[derive(Debug, Clone)]
pub(super) struct PolicyPlaces {
    pub(super) source: Arc<SourceFile>,
    pub(super) places: Arc<Places>,
}

impl Settings {
    /// A mistake in the policy of a tenant, or of anybody, with the line that it stands on. What a tenant has from `[policy]` is a mistake
    /// there.
    pub fn explain(&self, tenant: Option<usize>, mistake: Mistake) -> Diagnostic {
        let Mistake { setting, mut diagnostic } = mistake;
        let own = tenant.and_then(|n| Some((n, self.tenants.get(n)?)));
        let own = own.filter(|(_, tenant)| says(&tenant.policy, &setting));
        let mut path: Vec<Step<'_>> = Vec::new();
        if let Some((n, tenant)) = own {
            diagnostic.message = format!("tenant `{}`: {}", tenant.name, diagnostic.message);
            path.extend([Step::from("tenant"), n.into()]);
        }
        path.push("policy".into());
        let (key, label) = match &setting {
            Setting::Profile => ("profile", "no profile has this name"),
            Setting::Pack(_) => ("packs", "no pack has this name"),
            Setting::Action(_) => ("actions", "no rule has this id"),
            Setting::Threshold(_) => ("thresholds", "no rule has this id"),
            Setting::State(_) => ("states", "no rule has this id"),
            Setting::Ladder(_) => ("ladder", "no rule has this id"),
            Setting::Review(_) => ("review", "no rule has this id"),
            Setting::Slot(_) => ("slots", "no slot has this name"),
        };
        path.push(key.into());
        match &setting {
            Setting::Profile => {}
            Setting::Pack(n) => path.push((*n).into()),
            Setting::Ladder(n) | Setting::Review(n) => path.extend([Step::from("rules"), (*n).into()]),
            Setting::Action(id) | Setting::Threshold(id) | Setting::State(id) | Setting::Slot(id) => {
                path.push(id.as_str().into());
            }
        }
        // What is known and may not be so needs no label that calls it unknown.
        let label = if diagnostic.code.starts_with("unknown-") { label } else { "" };
        self.at(&path, diagnostic, label)
    }

    /// What is wrong with the folder of packs as such, with the line that names it.
    pub fn explain_dir(&self, diagnostic: Diagnostic) -> Diagnostic {
        if diagnostic.labels.is_empty() {
            return self.at(&["policy".into(), "dir".into()], diagnostic, "this folder");
        }
        diagnostic
    }

    pub(super) fn at(&self, path: &[Step<'_>], diagnostic: Diagnostic, label: &str) -> Diagnostic {
        let PolicyPlaces { source, places } = &self.policy_places;
        // Of what the file does not say, `key` and `value` would give the table around it, which is right as it is.
        let place =
            places.has(path).then(|| places.key(path).filter(|_| is_entry(path)).or(places.value(path)));
        match place.flatten() {
            Some(span) => diagnostic.at(source, span, label),
            None => diagnostic,
        }
    }
}

/// Whether what is wrong at the end of the path is the key.
fn is_entry(path: &[Step<'_>]) -> bool {
    matches!(path, [.., Step::Key("actions" | "thresholds" | "states" | "slots"), Step::Key(_)])
}

/// Whether a tenant itself says this, rather than having it from `[policy]`.
fn says(change: &PolicyChange, setting: &Setting) -> bool {
    match setting {
        Setting::Profile => change.profile.is_some(),
        Setting::Pack(_) => change.packs.is_some(),
        Setting::Ladder(_) => change.ladder.is_some(),
        Setting::Review(_) => change.review.is_some(),
        Setting::Action(id) => change.actions.contains_key(id),
        Setting::Threshold(id) => change.thresholds.contains_key(id),
        Setting::State(id) => change.states.contains_key(id),
        // Slots are filled for everybody.
        Setting::Slot(_) => false,
    }
}
