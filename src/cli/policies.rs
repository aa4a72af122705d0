//! Policies by name, for verbs that scan, and the ones that a configuration asks for.

use crate::config::Settings;
use crate::diag::{Diagnostic, sort};
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

/// The policies of everybody, or every mistake in them.
pub(super) fn of_settings(settings: &Settings) -> Result<PolicyTable, Vec<Diagnostic>> {
    let library = match &settings.policy.dir {
        Some(dir) => Library::from_dir(dir)
            .map_err(|found| found.into_iter().map(|d| settings.explain_dir(d)).collect::<Vec<_>>())?,
        None => Library::embedded()?,
    };
    let mut found: Vec<Diagnostic> = Vec::new();
    let mut policy = |tenant: Option<usize>| match library.policy_or_mistakes(&settings.policy_of(tenant)) {
        Ok(policy) => Some(Arc::new(policy)),
        Err(mistakes) => {
            // A mistake in what all have in common is one mistake.
            for mistake in mistakes.into_iter().map(|m| settings.explain(tenant, m)) {
                if !found.iter().any(|known| known.to_string() == mistake.to_string()) {
                    found.push(mistake);
                }
            }
            None
        }
    };
    let default = policy(None);
    let tenants: Vec<Arc<Policy>> = (0..settings.tenants.len()).filter_map(|n| policy(Some(n))).collect();
    match default {
        Some(default) if found.is_empty() => Ok(PolicyTable { default, tenants }),
        _ => {
            sort(&mut found);
            Err(found)
        }
    }
}
