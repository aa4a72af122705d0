//! Policies by name, for verbs that scan.

use crate::config::load_policy;
use crate::diag::{Diagnostic, SourceFile};
use crate::policy::{Library, Policy, PolicySettings};
use std::path::Path;
use std::sync::Arc;

/// What a pack's folder has.
const PACK: &str = "pack.toml";

/// The policy of a profile, a pack, `measure`, a file with `[policy]`, a pack's file or folder, or a folder of packs.
pub(super) fn named(name: &str) -> Result<Arc<Policy>, Vec<Diagnostic>> {
    let path = Path::new(name);
    if path.is_dir() {
        return folder(path);
    }
    if path.is_file() || name.contains('/') || path.extension().is_some_and(|e| e == "toml") {
        return file(path);
    }
    let library = Library::embedded()?;
    match library.pack_policy(name) {
        Some(policy) => Ok(Arc::new(policy)),
        None => of_profile(&library, name),
    }
}

fn of_profile(library: &Library, profile: &str) -> Result<Arc<Policy>, Vec<Diagnostic>> {
    library.policy(&PolicySettings { profile: profile.to_owned(), ..PolicySettings::default() }).map(Arc::new)
}

/// A pack's, or of packs: their profile `default`, without one the packs as they stand.
fn folder(dir: &Path) -> Result<Arc<Policy>, Vec<Diagnostic>> {
    if dir.join(PACK).is_file() {
        return Ok(Arc::new(Library::from_pack(dir)?.packs_policy()));
    }
    let library = Library::from_dir(dir)?;
    if library.profiles().contains(&"default") {
        return of_profile(&library, "default");
    }
    Ok(Arc::new(library.packs_policy()))
}

/// A pack's `pack.toml`, or a file with `[policy]`.
fn file(path: &Path) -> Result<Arc<Policy>, Vec<Diagnostic>> {
    let folder_of = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.file_name().is_some_and(|name| name == PACK) {
        return folder(folder_of);
    }
    let source = SourceFile::load(path).map_err(|error| {
        vec![Diagnostic::error("no-file", format!("cannot read policy file `{}`: {error}", path.display()))]
    })?;
    Ok(load_policy(&source, folder_of)?.policies()?.default)
}
