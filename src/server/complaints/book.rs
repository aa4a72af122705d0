//! The complaints that are known, in a file of the state folder that only grows while the gateway runs: a line says how a complaint stands, and
//! the last line of each holds. A start writes it anew, shorter. The journal proves what the file says.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::audit::TextPlace;
use crate::diag::write_whole;
use crate::server::StartError;

/// Most complaints that may be open at once.
const MOST_OPEN: usize = 20_000;
/// Most that are remembered after they were decided, the newest.
const MOST_DECIDED: usize = 20_000;
/// Only the gateway's own user reads the file.
const MODE: u32 = 0o600;

/// How a complaint stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::server) enum ComplaintState {
    /// Filed.
    Received,
    /// Somebody looks at it.
    InReview,
    /// The exchange should not have been stopped or changed.
    Upheld,
    /// It was right.
    Rejected,
    /// Who filed it does not want it decided.
    Withdrawn,
}

impl ComplaintState {
    /// All to which an operator can bring one.
    pub(super) const DECISIONS: [Self; 4] = [Self::InReview, Self::Upheld, Self::Rejected, Self::Withdrawn];

    /// As records, answers and the command line have it.
    pub(in crate::server) fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::InReview => "in_review",
            Self::Upheld => "upheld",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Whether it waits for a decision.
    pub(in crate::server) fn is_open(self) -> bool {
        matches!(self, Self::Received | Self::InReview)
    }

    /// Whether this may follow. What was decided may only be looked at again.
    pub(super) fn may_become(self, next: Self) -> bool {
        next != Self::Received && next != self && (self.is_open() || next == Self::InReview)
    }
}

/// A complaint. Times are milliseconds since 1970.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(in crate::server) struct Complaint {
    /// Its id, which only who filed it is told.
    #[serde(rename = "complaint")]
    pub(super) id: String,
    /// The exchange that it names, whether this gateway had one of that id or not.
    pub(super) exchange: String,
    pub(super) state: ComplaintState,
    pub(super) filed_ms: u64,
    /// Until when it is to be decided.
    pub(super) deadline_ms: u64,
    pub(super) changed_ms: u64,
    /// Who brought it to this state, and why; empty for who filed it.
    #[serde(default)]
    pub(super) by: String,
    #[serde(default)]
    pub(super) why: String,
    /// Keyed hash of text and contact.
    pub(super) text_hash: String,
    /// Where these stand, sealed, if they are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) texts: Option<TextPlace>,
}

impl Complaint {
    /// Whether it should have been decided by now.
    pub(super) fn is_overdue(&self, now_ms: u64) -> bool {
        self.state.is_open() && self.deadline_ms < now_ms
    }
}

#[derive(Debug)]
struct Inner {
    all: HashMap<String, Complaint>,
    open: usize,
    /// Made with the first complaint after a start.
    file: Option<File>,
}

/// All complaints.
#[derive(Debug)]
pub(in crate::server) struct Book {
    path: PathBuf,
    inner: Mutex<Inner>,
}

impl Book {
    /// The complaints of a state folder.
    pub(in crate::server) fn open(state: &Path) -> Result<Self, StartError> {
        let path = state.join("complaints.jsonl");
        let fault = |reason: String| StartError::Complaints { path: path.clone(), reason };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(fault(error.to_string())),
        };
        // What a crash cut short was told to nobody.
        let whole = text.rfind('\n').and_then(|end| text.get(..end)).unwrap_or_default();
        let mut all = HashMap::new();
        for (number, line) in (1..).zip(whole.lines()).filter(|(_, line)| !line.is_empty()) {
            let complaint: Complaint =
                serde_json::from_str(line).map_err(|error| fault(format!("line {number}: {error}")))?;
            all.insert(complaint.id.clone(), complaint);
        }
        forget(&mut all);
        if !text.is_empty() {
            let mut lines = String::new();
            for complaint in all.values() {
                lines.push_str(&line(complaint).map_err(|error| fault(error.to_string()))?);
            }
            write_whole(&path, lines.as_bytes(), MODE).map_err(|error| fault(error.to_string()))?;
        }
        let open = all.values().filter(|one| one.state.is_open()).count();
        Ok(Self { path, inner: Mutex::new(Inner { all, open, file: None }) })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether as many are open as may.
    pub(super) fn is_full(&self) -> bool {
        self.lock().open >= MOST_OPEN
    }

    /// The complaint of an id.
    pub(super) fn get(&self, id: &str) -> Option<Complaint> {
        self.lock().all.get(id).cloned()
    }

    /// How many are open, and how many of them overdue.
    pub(in crate::server) fn count(&self, now_ms: u64) -> (usize, usize) {
        let inner = self.lock();
        (inner.open, inner.all.values().filter(|one| one.is_overdue(now_ms)).count())
    }

    /// All, or those that are open, by deadline.
    pub(super) fn list(&self, decided_too: bool) -> Vec<Complaint> {
        let inner = self.lock();
        let mut all: Vec<Complaint> =
            inner.all.values().filter(|one| decided_too || one.state.is_open()).cloned().collect();
        all.sort_by(|a, b| (a.deadline_ms, a.filed_ms, &a.id).cmp(&(b.deadline_ms, b.filed_ms, &b.id)));
        all
    }

    /// Takes a complaint, new or changed. When this returns, it is on disk.
    pub(super) fn put(&self, complaint: Complaint) -> io::Result<()> {
        let line = line(&complaint)?;
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
        let is_open = usize::from(complaint.state.is_open());
        let before = inner.all.insert(complaint.id.clone(), complaint);
        inner.open = inner.open + is_open - usize::from(before.is_some_and(|one| one.state.is_open()));
        if inner.all.len() > inner.open + MOST_DECIDED {
            forget(&mut inner.all);
        }
        Ok(())
    }
}

fn line(complaint: &Complaint) -> io::Result<String> {
    Ok(serde_json::to_string(complaint)? + "\n")
}

/// Forgets those that were decided longest ago, where there are too many.
fn forget(all: &mut HashMap<String, Complaint>) {
    let mut decided: Vec<(u64, String)> =
        all.values().filter(|one| !one.state.is_open()).map(|one| (one.changed_ms, one.id.clone())).collect();
    decided.sort();
    let many = decided.len().saturating_sub(MOST_DECIDED);
    for (_, id) in decided.into_iter().take(many) {
        all.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(id: &str, state: ComplaintState, deadline_ms: u64) -> Complaint {
        Complaint {
            id: id.into(),
            exchange: "e".into(),
            state,
            filed_ms: 1,
            deadline_ms,
            changed_ms: 1,
            by: String::new(),
            why: String::new(),
            text_hash: "h".into(),
            texts: None,
        }
    }

    #[test]
    fn a_book_outlives_its_gateway_and_a_line_that_a_crash_cut_short() {
        let dir = tempfile::tempdir().expect("a folder");
        let book = Book::open(dir.path()).expect("a book");
        book.put(one("a", ComplaintState::Received, 20)).expect("a disk");
        book.put(one("b", ComplaintState::Received, 10)).expect("a disk");
        book.put(one("a", ComplaintState::Upheld, 20)).expect("a disk");
        assert_eq!((book.count(10), book.count(11)), ((1, 0), (1, 1)));
        drop(book);
        let path = dir.path().join("complaints.jsonl");
        let whole = std::fs::read_to_string(&path).expect("a file");
        for cut in 0..whole.len() {
            let part = whole.get(..cut).expect("ASCII");
            std::fs::write(&path, part).expect("a file");
            let book = Book::open(dir.path()).expect("what was cut short is left out");
            assert_eq!(book.list(true).len(), part.matches('\n').count().min(2), "{cut}");
        }
        std::fs::write(&path, &whole).expect("a file");
        let book = Book::open(dir.path()).expect("a book");
        let states: Vec<_> = book.list(true).iter().map(|one| (one.id.clone(), one.state)).collect();
        let want = [("b", ComplaintState::Received), ("a", ComplaintState::Upheld)];
        assert_eq!(states, want.map(|(id, state)| (id.to_owned(), state)));
        assert_eq!(std::fs::read_to_string(&path).expect("a file").lines().count(), 2);
        std::fs::write(&path, "{}\n").expect("a file");
        assert!(
            Book::open(dir.path()).is_err_and(|error| error.to_string().contains("line 1: missing field"))
        );
    }

    #[test]
    fn what_was_decided_can_be_looked_at_again_and_nothing_else() {
        use ComplaintState::{InReview, Received, Rejected, Upheld, Withdrawn};
        for (from, to, want) in [
            (Received, InReview, true),
            (Received, Upheld, true),
            (InReview, Rejected, true),
            (InReview, InReview, false),
            (InReview, Received, false),
            (Upheld, Rejected, false),
            (Upheld, InReview, true),
            (Withdrawn, Upheld, false),
        ] {
            assert_eq!(from.may_become(to), want, "{from:?} {to:?}");
        }
    }
}
