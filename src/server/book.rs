//! What people wait for an answer to, in a file of the state folder that only grows while the gateway runs: a line says how one of them stands,
//! and the last line of each holds. A start writes it anew, shorter. The journal proves what the file says: who takes an entry has put it on record
//! before, so what the file cannot take now it takes with the next entry, and where it is lost or damaged it is made anew from the journal.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StartError;
use super::events::Events;
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
    /// The event of their records, whose details they are.
    const EVENT: &'static str;

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
    /// Lines that the file has not got.
    unwritten: String,
}

/// The file, as far as it is whole.
#[derive(Debug)]
struct Out {
    /// Open from the first entry after a start on.
    file: Option<File>,
    length: u64,
}

/// All of one kind.
#[derive(Debug)]
pub(super) struct Book<E> {
    path: PathBuf,
    inner: Mutex<Inner<E>>,
    /// Locked before `inner`, and held while the disk works.
    out: Mutex<Out>,
}

impl<E: Entry> Book<E> {
    /// Those of a state folder. What the file has not got is taken from the end of the journal in this folder, if one is named; where there is no file,
    /// or a damaged one, all of the journal is read for it, once. A damaged file is kept beside its place.
    pub(super) fn open(state: &Path, journal: Option<&Events>) -> Result<Self, StartError> {
        let path = state.join(E::FILE);
        let fault = |reason: String| StartError::Book { path: path.clone(), what: E::WHAT, reason };
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(fault(error.to_string())),
        };
        let mut all: HashMap<String, E> = HashMap::new();
        let damage = bytes.as_deref().and_then(|bytes| read_lines(bytes, &mut all).err());
        if let Some(reason) = &damage {
            let aside = path.with_extension("jsonl.damaged");
            std::fs::copy(&path, &aside).map_err(|error| fault(format!("{reason}; {error}")))?;
            let (file, aside) = (path.display(), aside.display());
            tracing::error!(%file, %reason, kept = %aside, "{} are damaged: what can be read stays, the rest is as the journal has it", E::WHAT);
        }
        let is_lost = bytes.is_none() || damage.is_some();
        // What cannot be read now is read by the next start.
        let is_made =
            journal.filter(|journal| journal.are_there()).is_some_and(|journal| {
                match from_journal(journal, is_lost, &mut all) {
                    Ok(()) => is_lost,
                    Err(error) => {
                        let file = path.display();
                        tracing::error!(%file, %error, "{} cannot be had from the journal", E::WHAT);
                        false
                    }
                }
            });
        if is_made && !all.is_empty() {
            let (file, count) = (path.display(), all.len());
            tracing::warn!(%file, count, "{} were lost and are as the journal has them", E::WHAT);
        }
        forget(&mut all);
        let mut length = 0;
        if bytes.is_some() || is_made {
            let mut lines = String::new();
            for entry in all.values() {
                lines.push_str(&line(entry).map_err(|error| fault(error.to_string()))?);
            }
            let folder = std::fs::create_dir_all(state);
            let written = folder.and_then(|()| write_whole(&path, lines.as_bytes(), MODE));
            written.map_err(|error| fault(error.to_string()))?;
            length = lines.len() as u64;
        }
        let open = all.values().filter(|one| one.is_open()).count();
        let inner = Inner { all, open, unwritten: String::new() };
        Ok(Self { path, inner: Mutex::new(inner), out: Mutex::new(Out { file: None, length }) })
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

    /// Takes one, new or changed. When this returns without an error, it is on disk; with one it is taken all the same, and the file gets it with
    /// the next.
    pub(super) fn put(&self, entry: E) -> io::Result<()> {
        self.take(entry)?;
        self.flush()
    }

    /// Takes one, new or changed, which the file gets with the next [`Book::flush`].
    pub(super) fn take(&self, entry: E) -> io::Result<()> {
        let line = line(&entry)?;
        let mut inner = self.lock();
        inner.unwritten.push_str(&line);
        let is_open = usize::from(entry.is_open());
        let before = inner.all.insert(entry.id().to_owned(), entry);
        inner.open = inner.open + is_open - usize::from(before.is_some_and(|one| one.is_open()));
        if inner.all.len() > inner.open + MOST_DECIDED {
            forget(&mut inner.all);
        }
        Ok(())
    }

    /// The same, where nobody waits for the file: what fails stands in the log.
    pub(super) fn put_or_tell(&self, entry: E) {
        self.put(entry).unwrap_or_else(|error| Self::tell(&error));
    }

    /// As [`Book::flush`], where nobody waits for the file.
    pub(super) fn flush_or_tell(&self) {
        self.flush().unwrap_or_else(|error| Self::tell(&error));
    }

    fn tell(error: &io::Error) {
        tracing::error!(%error, "the book of {} cannot be written; it gets the rest with the next entry", E::WHAT);
    }

    /// Gives the file what it has not got.
    pub(super) fn flush(&self) -> io::Result<()> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = std::mem::take(&mut self.lock().unwritten);
        if lines.is_empty() {
            return Ok(());
        }
        let written = self.append(&mut out, &lines);
        if written.is_err() {
            // What stands behind the last whole line is cut off before anything else is written.
            out.file = None;
            self.lock().unwritten.insert_str(0, &lines);
        }
        written
    }

    fn append(&self, out: &mut Out, lines: &str) -> io::Result<()> {
        let length = out.length;
        let file = match &mut out.file {
            Some(file) => file,
            none => {
                if let Some(dir) = self.path.parent() {
                    std::fs::create_dir_all(dir)?;
                }
                let file = File::options().append(true).create(true).mode(MODE).open(&self.path)?;
                if file.metadata()?.len() > length {
                    file.set_len(length)?;
                }
                none.insert(file)
            }
        };
        file.write_all(lines.as_bytes())?;
        file.sync_data()?;
        out.length += lines.len() as u64;
        Ok(())
    }
}

/// The entries of a file's lines; what a crash cut short behind the last of them was told to nobody. An error says which line is no entry: all
/// others are read.
fn read_lines<E: Entry>(bytes: &[u8], all: &mut HashMap<String, E>) -> Result<(), String> {
    let whole = memchr::memrchr(b'\n', bytes).and_then(|end| bytes.get(..end)).unwrap_or_default();
    let mut damage = Ok(());
    for (number, line) in (1..).zip(whole.split(|byte| *byte == b'\n')).filter(|(_, line)| !line.is_empty()) {
        match serde_json::from_slice::<E>(line) {
            Ok(entry) => drop(all.insert(entry.id().to_owned(), entry)),
            Err(error) => damage = damage.and(Err(format!("line {number}: {error}"))),
        }
    }
    damage
}

/// As the journal's events have them: the last of each holds, unless something later is known.
fn from_journal<E: Entry>(events: &Events, whole: bool, all: &mut HashMap<String, E>) -> Result<(), String> {
    let lately: HashMap<String, E> =
        events.of::<E>(E::EVENT, whole)?.into_iter().map(|entry| (entry.id().to_owned(), entry)).collect();
    for (id, entry) in lately {
        if all.get(&id).is_none_or(|known| known.times().changed < entry.times().changed) {
            all.insert(id, entry);
        }
    }
    Ok(())
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
