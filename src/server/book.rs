//! What people wait for an answer to, in a file of the state folder that only grows while the gateway runs: a line says how one of them stands,
//! and the last line of each holds. A start writes it anew, shorter. The journal proves what the file says.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StartError;
use crate::diag::write_whole;

/// Most that may be open at once.
const MOST_OPEN: usize = 20_000;
/// Most that are remembered after they were decided, the newest.
const MOST_DECIDED: usize = 20_000;
/// Only the gateway's own user reads the file.
const MODE: u32 = 0o600;

/// What a book holds. Times are milliseconds since 1970.
pub(super) trait Entry: Clone + Serialize + DeserializeOwned {
    /// The file within the state folder.
    const FILE: &'static str;
    /// What they are, for people.
    const WHAT: &'static str;

    /// Its name.
    fn id(&self) -> &str;
    /// Whether it waits for a decision.
    fn is_open(&self) -> bool;
    /// When it came, by when it is to be decided, and when it last changed.
    fn times(&self) -> Times;

    /// Whether it should have been decided by now.
    fn is_overdue(&self, now_ms: u64) -> bool {
        self.is_open() && self.times().deadline < now_ms
    }
}

/// When an entry came, by when it is to be decided, and when it last changed, in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) filed: u64,
    pub(super) deadline: u64,
    pub(super) changed: u64,
}

#[derive(Debug)]
struct Inner<E> {
    all: HashMap<String, E>,
    open: usize,
    /// Made with the first entry after a start.
    file: Option<File>,
}

/// All of one kind.
#[derive(Debug)]
pub(super) struct Book<E> {
    path: PathBuf,
    inner: Mutex<Inner<E>>,
}

impl<E: Entry> Book<E> {
    /// Those of a state folder.
    pub(super) fn open(state: &Path) -> Result<Self, StartError> {
        let path = state.join(E::FILE);
        let fault = |reason: String| StartError::Book { path: path.clone(), what: E::WHAT, reason };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(fault(error.to_string())),
        };
        // What a crash cut short was told to nobody.
        let whole = text.rfind('\n').and_then(|end| text.get(..end)).unwrap_or_default();
        let mut all = HashMap::new();
        for (number, line) in (1..).zip(whole.lines()).filter(|(_, line)| !line.is_empty()) {
            let entry: E =
                serde_json::from_str(line).map_err(|error| fault(format!("line {number}: {error}")))?;
            all.insert(entry.id().to_owned(), entry);
        }
        forget(&mut all);
        if !text.is_empty() {
            let mut lines = String::new();
            for entry in all.values() {
                lines.push_str(&line(entry).map_err(|error| fault(error.to_string()))?);
            }
            write_whole(&path, lines.as_bytes(), MODE).map_err(|error| fault(error.to_string()))?;
        }
        let open = all.values().filter(|one| one.is_open()).count();
        Ok(Self { path, inner: Mutex::new(Inner { all, open, file: None }) })
    }

    fn lock(&self) -> MutexGuard<'_, Inner<E>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether as many are open as may.
    pub(super) fn is_full(&self) -> bool {
        self.lock().open >= MOST_OPEN
    }

    /// The one of an id.
    pub(super) fn get(&self, id: &str) -> Option<E> {
        self.lock().all.get(id).cloned()
    }

    /// How many are open, and how many of them overdue.
    pub(super) fn count(&self, now_ms: u64) -> (usize, usize) {
        let inner = self.lock();
        (inner.open, inner.all.values().filter(|one| one.is_overdue(now_ms)).count())
    }

    /// All, or those that are open, by deadline.
    pub(super) fn list(&self, decided_too: bool) -> Vec<E> {
        let inner = self.lock();
        let mut all: Vec<E> =
            inner.all.values().filter(|one| decided_too || one.is_open()).cloned().collect();
        all.sort_by(|a, b| {
            let key = |one: &E| (one.times().deadline, one.times().filed);
            key(a).cmp(&key(b)).then_with(|| a.id().cmp(b.id()))
        });
        all
    }

    /// Takes one, new or changed. When this returns, it is on disk.
    pub(super) fn put(&self, entry: E) -> io::Result<()> {
        let line = line(&entry)?;
        let mut inner = self.lock();
        let file = match &mut inner.file {
            Some(file) => file,
            none => {
                if let Some(dir) = self.path.parent() {
                    std::fs::create_dir_all(dir)?;
                }
                let options = File::options().append(true).create(true).mode(MODE).open(&self.path)?;
                none.insert(options)
            }
        };
        let done = file.write_all(line.as_bytes()).and_then(|()| file.sync_data());
        if let Err(error) = done {
            // A part of the line may stand there: the next one begins behind a line break.
            inner.file = File::options().append(true).open(&self.path).ok();
            if let Some(file) = &mut inner.file {
                file.write_all(b"\n")?;
            }
            return Err(error);
        }
        let is_open = usize::from(entry.is_open());
        let before = inner.all.insert(entry.id().to_owned(), entry);
        inner.open = inner.open + is_open - usize::from(before.is_some_and(|one| one.is_open()));
        if inner.all.len() > inner.open + MOST_DECIDED {
            forget(&mut inner.all);
        }
        Ok(())
    }
}

fn line<E: Entry>(entry: &E) -> io::Result<String> {
    Ok(serde_json::to_string(entry)? + "\n")
}

/// Forgets those that were decided longest ago, where there are too many.
fn forget<E: Entry>(all: &mut HashMap<String, E>) {
    let mut decided: Vec<(u64, String)> = all
        .values()
        .filter(|one| !one.is_open())
        .map(|one| (one.times().changed, one.id().to_owned()))
        .collect();
    decided.sort();
    let many = decided.len().saturating_sub(MOST_DECIDED);
    for (_, id) in decided.into_iter().take(many) {
        all.remove(&id);
    }
}
