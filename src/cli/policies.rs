//! Policies by name, for verbs that scan, and the ones that a configuration asks for.

use crate::config::Settings;
use crate::diag::Diagnostic;
use crate::policy::{Library, Policy, PolicySettings};
use crate::server::PolicyTable;
use std::path::Path;
use std::sync::Arc;

/// The policy of a profile, a pack, a folder of packs, or `measure`.
pub(super) fn named(name: &str) -> Result<Arc<Policy>, Vec<Diagnostic>> {
    let folder = Path::new(name);
    let library = if folder.is_dir() { Library::from_dir(folder)? } else { Library::embedded()? };
    if let Some(policy) = library.pack_policy(name) {
        return Ok(Arc::new(policy));
    }
    let profile = if folder.is_dir() { "default" } else { name };
    library.policy(&PolicySettings { profile: profile.to_owned(), ..PolicySettings::default() }).map(Arc::new)
}

/// The policies of everybody.
pub(super) fn of_settings(settings: &Settings) -> Result<PolicyTable, Vec<Diagnostic>> {
    let library = match &settings.policy.dir {
        Some(dir) => Library::from_dir(dir)?,
        None => Library::embedded()?,
    };
    let default = library.policy(&settings.policy).map(Arc::new);
    let tenants: Vec<_> = (0..settings.tenants.len())
        .map(|n| library.policy(&settings.policy_of(Some(n))).map(Arc::new))
        .collect();
    let mut found = Vec::new();
    let mut keep = |policy: Result<Arc<Policy>, Vec<Diagnostic>>| match policy {
        Ok(policy) => Some(policy),
        Err(mistakes) => {
            // A mistake in what all have in common is one mistake.
            for mistake in mistakes {
                if !found.iter().any(|known: &Diagnostic| known.to_string() == mistake.to_string()) {
                    found.push(mistake);
                }
            }
            None
        }
    };
    let default = keep(default);
    let tenants: Vec<Arc<Policy>> = tenants.into_iter().filter_map(&mut keep).collect();
    match default {
        Some(default) if found.is_empty() => Ok(PolicyTable { default, tenants }),
        _ => Err(found),
    }
}
