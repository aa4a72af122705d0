//! Policies by name, for verbs that scan.

use crate::config::load_policy;
use crate::diag::{Diagnostic, SourceFile};
use crate::policy::{Library, MEASURE, Policy, PolicySettings};
use std::path::Path;
use std::sync::Arc;

/// What a pack's folder has.
const PACK: &str = "pack.toml";

/// A policy and the rules that it is over.
pub(super) type Loaded = (Arc<Policy>, Library);

/// Which rules are tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum States {
    /// Each rule as far as it has come: those in shadow have no say, and drafts and retired ones find nothing
    #[default]
    Own,
    /// Each as if it were in force, drafts and retired ones too
    All,
}

/// The policy of a profile, a pack, `measure`, a file with `[policy]`, a pack's file or folder, or a folder of packs.
pub(super) fn named(name: &str, states: States) -> Result<Arc<Policy>, Vec<Diagnostic>> {
    loaded(name, states).map(|(policy, _)| policy)
}

/// The same, with the rules that it is over.
pub(super) fn loaded(name: &str, states: States) -> Result<Loaded, Vec<Diagnostic>> {
    let (policy, library) = as_written(name)?;
    Ok(match states {
        States::Own => (policy, library),
        States::All => (Arc::new(library.in_all_states(&policy)), library),
    })
}

/// Says which rules of a policy ask judges that are not asked here.
pub(super) fn say_unasked(policy: &Policy) -> std::io::Result<()> {
    let rules = policy.rules_with_judges();
    if rules.is_empty() {
        return Ok(());
    }
    let rules: Vec<String> = rules.iter().map(|(rule, judge)| format!("`{rule}` (`{judge}`)")).collect();
    let what = format!("judges are not asked here: {}", rules.join(", "));
    let unasked = Diagnostic::warning("unasked-judge", what)
        .help("these rules find here what their own models find; a gateway asks");
    super::show(&[unasked]).map_err(std::io::Error::other)
}

fn as_written(name: &str) -> Result<Loaded, Vec<Diagnostic>> {
    let path = Path::new(name);
    if path.is_dir() {
        return folder(path);
    }
    if path.is_file() || path.extension().is_some_and(|e| e == "toml") {
        return file(path);
    }
    let library = Library::embedded()?;
    let policy = match library.pack_policy(name) {
        Some(policy) => Arc::new(policy),
        // Names of packs may have a slash, names of profiles have none.
        None if name.contains('/') => return file(path),
        None => of_profile(&library, name)?,
    };
    Ok((policy, library))
}

fn of_profile(library: &Library, profile: &str) -> Result<Arc<Policy>, Vec<Diagnostic>> {
    if profile == MEASURE {
        return library.measuring().map(Arc::new);
    }
    library.policy(&PolicySettings { profile: profile.to_owned(), ..PolicySettings::default() }).map(Arc::new)
}

/// A pack's, or of packs: their profile `default`, without one the packs as they stand.
fn folder(dir: &Path) -> Result<Loaded, Vec<Diagnostic>> {
    if dir.join(PACK).is_file() {
        let library = Library::from_pack(dir)?;
        return Ok((Arc::new(library.packs_policy()?), library));
    }
    let library = Library::from_dir(dir)?;
    let policy = if library.profiles().contains(&"default") {
        of_profile(&library, "default")?
    } else {
        Arc::new(library.packs_policy()?)
    };
    Ok((policy, library))
}

/// A pack's `pack.toml`, or a file with `[policy]`.
fn file(path: &Path) -> Result<Loaded, Vec<Diagnostic>> {
    let folder_of = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.file_name().is_some_and(|name| name == PACK) {
        return folder(folder_of);
    }
    let source = SourceFile::load(path).map_err(|error| {
        vec![Diagnostic::error("no-file", format!("cannot read policy file `{}`: {error}", path.display()))]
    })?;
    let (table, library) = load_policy(&source, folder_of)?.policies_and_library()?;
    Ok((table.default, library))
}
