//! The record of what changed in banks: a line a change, each with the hash of the line before.

use super::super::moment::{now_ms, written};
use super::Banks;
use crate::audit::sha256_hex;
use crate::cli::assess::Question;
use crate::diag::Diagnostic;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

/// Banks are gone through once a month.
const MONTH_MS: u64 = 31 * 86_400_000;

/// Who did it, and why.
pub(super) struct Author<'a> {
    pub(super) name: &'a str,
    pub(super) reviewer: &'a str,
    pub(super) why: &'a str,
}

/// A line of the record.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Change {
    /// Milliseconds since 1970.
    time_ms: u64,
    by: String,
    reviewer: String,
    why: String,
    /// How many questions there are from here on.
    questions: usize,
    /// Ids with the hashes of what they ask.
    added: BTreeMap<String, String>,
    changed: BTreeMap<String, String>,
    removed: Vec<String>,
    /// Hash of the line before; empty in the first.
    before: String,
}

fn of(question: &Question) -> String {
    let Question { text, category, kind, before, .. } = question;
    sha256_hex(serde_json::json!([text, category, kind, before]).to_string().as_bytes())
}

fn as_they_are(banks: &Banks) -> BTreeMap<String, String> {
    banks.questions.iter().map(|question| (question.id.clone(), of(question))).collect()
}

/// What the record says: the questions, the hash of the last line and its time.
#[derive(Default)]
struct Told {
    questions: BTreeMap<String, String>,
    last: String,
    time_ms: Option<u64>,
}

impl Told {
    fn read(path: &Path) -> Result<Self, Diagnostic> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                let what = format!("cannot read `{}`: {error}", path.display());
                return Err(Diagnostic::error("no-file", what));
            }
        };
        let mut told = Self::default();
        for (n, line) in text.lines().enumerate() {
            let bad =
                |what: &str| Diagnostic::error("bad-line", format!("{}:{}: {what}", path.display(), n + 1));
            let change: Change =
                serde_json::from_str(line).map_err(|_| bad("expected a line as `bank record` writes it"))?;
            if change.before != told.last {
                return Err(bad("it does not follow the line before: the record was changed")
                    .help("take the record from where it is kept safe"));
            }
            told.questions.extend(change.added);
            told.questions.extend(change.changed);
            told.questions.retain(|id, _| !change.removed.contains(id));
            if told.questions.len() != change.questions {
                return Err(bad("it says another number of questions than follows from it"));
            }
            (told.last, told.time_ms) = (sha256_hex(line.as_bytes()), Some(change.time_ms));
        }
        Ok(told)
    }
}

type Difference = (BTreeMap<String, String>, BTreeMap<String, String>, Vec<String>);

/// What came, what is another, what went.
fn difference(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Difference {
    let owned = |(id, hash): (&String, &String)| (id.clone(), hash.clone());
    let added = now.iter().filter(|(id, _)| !before.contains_key(*id)).map(owned).collect();
    let changed =
        now.iter().filter(|(id, hash)| before.get(*id).is_some_and(|b| b != *hash)).map(owned).collect();
    let removed = before.keys().filter(|id| !now.contains_key(*id)).cloned().collect();
    (added, changed, removed)
}

/// What the record lacks.
pub(super) fn gaps(path: &Path, banks: &Banks) -> Result<Vec<String>, Diagnostic> {
    let told = Told::read(path)?;
    let mut out = Vec::new();
    match told.time_ms {
        None => out.push("no change is on record: `sluicegate bank record`".to_owned()),
        Some(time_ms) if now_ms().saturating_sub(time_ms) > MONTH_MS => {
            let days = now_ms().saturating_sub(time_ms) / 86_400_000;
            out.push(format!("the last change on record is {days} days old, of {}", written(time_ms)));
        }
        Some(_) => {}
    }
    let (added, changed, removed) = difference(&told.questions, &as_they_are(banks));
    if told.time_ms.is_some() && !(added.is_empty() && changed.is_empty() && removed.is_empty()) {
        let counts = [(added.len(), "added"), (changed.len(), "changed"), (removed.len(), "removed")];
        let words: Vec<String> =
            counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        out.push(format!("not on record: {}", words.join(", ")));
    }
    Ok(out)
}

/// Puts on record what has changed: how many were added, changed, removed.
pub(super) fn record(
    path: &Path,
    banks: &Banks,
    author: &Author<'_>,
) -> anyhow::Result<Result<(usize, usize, usize), Diagnostic>> {
    let told = match Told::read(path) {
        Ok(told) => told,
        Err(diagnostic) => return Ok(Err(diagnostic)),
    };
    let now = as_they_are(banks);
    let (added, changed, removed) = difference(&told.questions, &now);
    let counts = (added.len(), changed.len(), removed.len());
    let change = Change {
        time_ms: now_ms(),
        by: author.name.to_owned(),
        reviewer: author.reviewer.to_owned(),
        why: author.why.to_owned(),
        questions: now.len(),
        added,
        changed,
        removed,
        before: told.last,
    };
    let mut line = serde_json::to_string(&change)?;
    line.push('\n');
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    Ok(Ok(counts))
}
