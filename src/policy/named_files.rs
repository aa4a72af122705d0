//! What a rule names that stands in files beside it: lists of terms, documents, statements, and lists from URLs.

use std::sync::Arc;

use super::draft::{At, Term, terms};
use super::file::RuleFile;
use super::files::Files;
use super::list_url::list_url;
use crate::detect::Flaw;
use crate::detect::claims::{Claims, Known};
use crate::detect::fingerprint::{Collection, Index};
use crate::diag::{Diagnostic, SourceFile, Span};

impl At<'_> {
    /// The terms of the lists that are named under `key`.
    pub(super) fn lists(&mut self, key: &str, lists: &[String], folder: &str, files: &Files) -> Vec<Term> {
        let mut out = Vec::new();
        for (i, list) in lists.iter().enumerate() {
            out.extend(self.list(&[key, &i.to_string()], list, folder, files));
        }
        out
    }

    /// The terms of the list that is named at `path`.
    pub(super) fn list(&mut self, path: &[&str], list: &str, folder: &str, files: &Files) -> Vec<Term> {
        if let Some(file) = files.get(&format!("{folder}lists/{list}")) {
            return terms(file);
        }
        let prefix = format!("{folder}lists/");
        let names: Vec<&str> = files.keys().filter_map(|k| k.strip_prefix(&prefix)).collect();
        self.unknown(path, "list", list, &names, true);
        Vec::new()
    }

    /// What stands in the files of a folder that are named under `key`.
    pub(super) fn files<T>(
        &mut self,
        key: &str,
        what: &str,
        (names, folder): (&[String], String),
        files: &Files,
        read: impl Fn(&mut Self, &Arc<SourceFile>) -> Option<T>,
    ) -> Vec<T> {
        let mut out = Vec::new();
        for (i, name) in names.iter().enumerate() {
            let Some(file) = files.get(&format!("{folder}{name}")) else {
                let names: Vec<&str> = files.keys().filter_map(|k| k.strip_prefix(&folder)).collect();
                self.unknown(&[key, &i.to_string()], what, name, &names, true);
                continue;
            };
            out.extend(read(self, file));
        }
        out
    }

    /// The documents of a file.
    pub(super) fn documents(&mut self, file: &Arc<SourceFile>) -> Option<Arc<Index>> {
        let read = Collection::parse(file.text());
        self.or_flaw("fingerprints", file, read.map(|documents| Arc::new(Index::new(&documents))))
    }

    /// The statements of a file, and warnings of those that no text is found to say.
    pub(super) fn claims(&mut self, file: &Arc<SourceFile>) -> Option<(Arc<Known>, Vec<Diagnostic>)> {
        let read = Claims::parse(file.text()).map(|claims| {
            let never = claims.never_found(file.text()).into_iter();
            let never = never.map(|Flaw { line, what }| {
                Diagnostic::warning("dead", what).at(file, line_start(file, line), "")
            });
            (Arc::new(Known::new(&claims)), never.collect())
        });
        self.or_flaw("claims", file, read)
    }

    fn or_flaw<T>(&mut self, code: &'static str, file: &Arc<SourceFile>, read: Result<T, Flaw>) -> Option<T> {
        match read {
            Ok(read) => Some(read),
            Err(Flaw { line, what }) => {
                let broken = Diagnostic::error(code, what);
                self.found.push(broken.at(file, line_start(file, line), ""));
                None
            }
        }
    }

    /// The terms of each of the rule's lists from URLs, and whether one of them is not there.
    pub(super) fn list_urls(
        &mut self,
        rule: &RuleFile,
        files: &Files,
        may_lack: bool,
    ) -> (Vec<Vec<Term>>, bool) {
        let (mut found, mut lacks) = (Vec::new(), false);
        for (n, list) in rule.list_urls.iter().enumerate() {
            let number = n.to_string();
            found.push(Vec::new());
            // What seems to be missing may have been mistyped.
            if !self.clean && list.sha256.is_none() && list.public_key.is_none() {
                continue;
            }
            match list_url(list, self.file, self.places, self.place, n) {
                Err((key, why)) => self.wrong(&["list_url", &number, key], "list-url", why),
                Ok(list) => match files.get(&list.path()) {
                    Some(file) => found.iter_mut().skip(n).for_each(|list| list.extend(terms(file))),
                    None if may_lack => lacks = true,
                    None => {
                        let message = format!("there is no copy of the list `{}`", list.url);
                        let missing = Diagnostic::error("no-list", message)
                            .help("a gateway fetches it: `serve` with a configuration that names the host in `list_hosts`");
                        let missing = self.here(&["list_url", &number, "url"], missing);
                        self.found.push(missing);
                    }
                },
            }
        }
        (found, lacks)
    }
}

/// Where a line of a file begins.
fn line_start(file: &SourceFile, line: usize) -> Span {
    let start = file.text().split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    Span { start, end: start }
}
