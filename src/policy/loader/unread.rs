//! What lies among the packs and is read by nobody, and lists that say nothing: whoever wrote it believes that it counts.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Loader;
use crate::diag::{Diagnostic, SourceFile, Span};
use crate::policy::draft::terms;
use crate::policy::file::RuleFile;
use crate::policy::list_form::other_form;
use crate::policy::list_head::ListHead;
use crate::policy::passed_over::is_for_people;

/// Folders of a pack whose files are looked at where they are named, or by whoever owns them.
const KNOWN: [&str; 4] = ["slots/", "fingerprints/", "claims/", "models/"];

impl Loader<'_> {
    /// Remembers the lists, statements and fingerprints that a rule of the pack in this folder names.
    pub(super) fn names_lists(&mut self, folder: &str, rule: &RuleFile) {
        let stated = rule.stated_lists.iter().map(|list| &list.file);
        let named = rule.lists.iter().chain(&rule.except_lists).chain(stated);
        self.named_lists.extend(named.map(|list| format!("{folder}lists/{list}")));
        self.named_lists.extend(rule.claims.iter().map(|file| format!("{folder}claims/{file}")));
        self.named_lists.extend(rule.fingerprints.iter().map(|file| format!("{folder}fingerprints/{file}")));
    }

    /// Warns of files that nobody reads, and of lists that hold no term or a head that says no date.
    pub(super) fn unread(&mut self) {
        let folders: BTreeSet<&str> =
            self.files.keys().filter_map(|path| path.strip_suffix("pack.toml")).collect();
        let mut warnings = Vec::new();
        for (path, file) in self.files {
            // Of packs within packs the innermost.
            let folder = folders.iter().filter(|folder| path.starts_with(**folder)).max_by_key(|f| f.len());
            match folder.filter(|folder| !folder.is_empty()) {
                Some(folder) => self.of_pack(folder, path, file, &mut warnings),
                None if path.ends_with(".toml") && !is_of_library(path) => {
                    let help = "rules stand in `<pack>/rules/`, profiles in `profiles/`";
                    warnings.push(nobody(path, file).help(help));
                }
                None if path.starts_with("list_url/") => warnings.extend(other_form(path, file)),
                // What a configuration brings for slots is looked at with them.
                None if path.starts_with("slots/") || path.ends_with(".toml") || is_for_people(path) => {}
                None => {
                    let help = "lists stand in `<pack>/lists/`, statements in `<pack>/claims/`, fingerprints in `<pack>/fingerprints/`";
                    warnings.push(nobody(path, file).help(help));
                }
            }
        }
        self.warnings.append(&mut warnings);
    }

    fn of_pack(&self, folder: &str, path: &str, file: &Arc<SourceFile>, out: &mut Vec<Diagnostic>) {
        let inside = path.strip_prefix(folder).unwrap_or(path);
        if inside.starts_with("lists/") {
            if !self.named_lists.contains(path) {
                out.push(
                    nobody(path, file).help("name it in a rule: `lists`, `except_lists` or `[[rule.list]]`"),
                );
                return;
            }
            if terms(file).is_empty() {
                let empty = Diagnostic::warning("empty", format!("no term stands in the list `{path}`"));
                out.push(empty.at(file, Span::default(), "").help("a term a line; `#` begins a comment"));
            }
            out.extend(other_form(path, file));
            ListHead::of(file, out);
        } else if inside.starts_with("rules/") && !inside.ends_with(".toml") {
            out.push(nobody(path, file).help(format!("rules are TOML; lists stand in `{folder}lists/`")));
        } else if inside.ends_with(".toml")
            && !inside.starts_with("rules/")
            && !matches!(inside, "pack.toml" | "obligations.toml")
            && !KNOWN.iter().any(|known| inside.starts_with(known))
        {
            out.push(nobody(path, file).help(format!("rules stand in `{folder}rules/`")));
        } else if let Some((within, key)) = [("claims/", "claims"), ("fingerprints/", "fingerprints")]
            .into_iter()
            .find(|(within, _)| inside.starts_with(within))
        {
            if !self.named_lists.contains(path) && !inside.ends_with(".toml") {
                let name = inside.strip_prefix(within).unwrap_or(inside);
                out.push(nobody(path, file).help(format!("name it in a rule: `{key} = [\"{name}\"]`")));
            }
        } else if !inside.ends_with(".toml")
            && !KNOWN.iter().any(|known| inside.starts_with(known))
            && !is_for_people(path)
        {
            let stand = match inside.rsplit_once('.') {
                Some((_, "claims")) => "statements stand in `{}claims/`",
                Some((_, "prints")) => "fingerprints stand in `{}fingerprints/`",
                _ => "lists stand in `{}lists/`",
            };
            out.push(nobody(path, file).help(stand.replace("{}", folder)));
        }
    }
}

/// Whether a library reads a file that belongs to no pack.
fn is_of_library(path: &str) -> bool {
    let profile = path.strip_prefix("profiles/").is_some_and(|name| !name.contains('/'));
    // Rules without a pack are told as such.
    profile || path == "taxonomy.toml" || path.contains("/rules/") || path.ends_with("/obligations.toml")
}

fn nobody(path: &str, file: &Arc<SourceFile>) -> Diagnostic {
    Diagnostic::warning("unread", format!("nobody reads `{path}`")).at(file, Span::default(), "")
}
