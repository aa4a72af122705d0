//! Legal holds: what may be neither erased nor purged until somebody releases it.
//!
//! They follow from the journal's events; a file beside it says how they stood at a record, so that only what came behind it is read. Where the file is
//! gone or of before, as in a copy that was put back, they are as the journal has them. While there is a hold nothing is purged, so its event is there.

use super::segment::{self, EntryKind};
use super::texts::Subject;
use crate::diag::write_whole;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

const FILE: &str = "holds.json";

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its name, by which it is released.
    pub name: String,
    /// Why, and on whose order.
    pub reason: String,
    /// The tenant that it is of; empty for all.
    pub tenant: String,
    /// The keyed hash of the user; empty for all of the tenant.
    pub user: String,
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
}

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// The last record that was looked at.
    through: u64,
    holds: Vec<Hold>,
}

/// The file as it was once.
#[derive(Deserialize)]
#[serde(untagged)]
enum AnyKept {
    Now(Kept),
    Before(Vec<Hold>),
}

/// What an event says of holds.
#[derive(Deserialize)]
struct Told {
    event: String,
    time_ms: u64,
    detail: Named,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    tenant: String,
    #[serde(default)]
    user: String,
}

/// All holds of a journal.
#[derive(Debug, Default)]
pub struct Holds {
    path: PathBuf,
    all: Vec<Hold>,
    through: u64,
    /// Names that the records that were looked at release.
    released: BTreeSet<String>,
    /// Nobody else changes them meanwhile.
    _lock: Option<File>,
}

impl Holds {
    /// Reads them; a file or a journal that cannot be read is an error, and its reader holds everything.
    pub fn read(journal: &Path) -> io::Result<Self> {
        let path = journal.join(FILE);
        let wrong = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let kept = match fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice(&bytes).map_err(|error| wrong(error.into()))? {
                AnyKept::Now(kept) => kept,
                AnyKept::Before(holds) => Kept { through: 0, holds },
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Kept::default(),
            Err(error) => return Err(wrong(error)),
        };
        let mut this = Self { path, all: kept.holds, through: kept.through, ..Self::default() };
        this.go_on(journal)?;
        Ok(this)
    }

    /// Whether there is one, for who looks again and again: what was read is not read the next time.
    pub fn any(journal: &Path) -> io::Result<bool> {
        let holds = Self::change(journal)?;
        holds.keep()?;
        Ok(!holds.is_empty())
    }

    /// Takes in what the journal says behind the record that was looked at last.
    fn go_on(&mut self, journal: &Path) -> io::Result<()> {
        if !journal.is_dir() {
            return Ok(());
        }
        let from = self.through + 1;
        let last = segment::read_records(journal, from, &mut |sequence, kind, payload| {
            self.through = sequence;
            if kind == EntryKind::Event
                && let Ok(told) = serde_json::from_slice::<Told>(payload)
            {
                self.take(told);
            }
            true
        });
        // Another journal stands where that one was: its own events count.
        if last.map_err(io::Error::other)? + 1 < from {
            (self.all, self.through) = (Vec::new(), 0);
            return self.go_on(journal);
        }
        Ok(())
    }

    fn take(&mut self, told: Told) {
        let Named { name, reason, tenant, user } = told.detail;
        match told.event.as_str() {
            "hold" if !self.all.iter().any(|hold| hold.name == name) => {
                self.all.push(Hold { name, reason, tenant, user, time_ms: told.time_ms });
            }
            "release" => {
                self.all.retain(|hold| hold.name != name);
                self.released.insert(name);
            }
            _ => {}
        }
    }

    /// Reads them to change them; who else wants to waits until this value is gone.
    pub fn change(journal: &Path) -> io::Result<Self> {
        let path = journal.join(FILE).with_extension("lock");
        let lock = File::options().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        lock.lock()?;
        Ok(Self { _lock: Some(lock), ..Self::read(journal)? })
    }

    /// The same as the journal alone has them, whatever the file says: for who is about to erase or purge, and cannot take it back. Nobody begins one
    /// until this value is gone.
    pub fn of_journal(journal: &Path) -> io::Result<Self> {
        let mut this = Self::change(journal)?;
        let known = std::mem::take(&mut this.all);
        this.through = 0;
        this.go_on(journal)?;
        // A hold that no record of this journal tells of is one all the same.
        for hold in known {
            if !this.released.contains(&hold.name) && !this.all.iter().any(|one| one.name == hold.name) {
                this.all.push(hold);
            }
        }
        Ok(this)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All of them, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Hold> {
        self.all.iter()
    }

    /// The hold that keeps a user of a tenant, or the tenant itself where `user` is empty, from being erased.
    pub fn on(&self, tenant: &str, user: &str) -> Option<&Hold> {
        let same = |held: &str, asked: &str| held.is_empty() || asked.is_empty() || held == asked;
        self.all.iter().find(|hold| same(&hold.tenant, tenant) && same(&hold.user, user))
    }

    /// Writes them down as they stand, so that the next reader need not read so far back.
    pub fn keep(&self) -> io::Result<()> {
        let kept = Kept { through: self.through, holds: self.all.clone() };
        let written = write_whole(&self.path, &serde_json::to_vec_pretty(&kept)?, 0o600);
        written.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.path.display())))
    }
}

/// A subject that is held, or a list of holds that cannot be read: nothing is erased then. Nobody begins a hold while the holds are there that this
/// gives.
pub fn held(journal: &Path, tenant: &str, user: &str) -> Result<(Subject, Holds), String> {
    let unknown = |error: io::Error| format!("the holds cannot be read, so all is held: {error}");
    let holds = Holds::of_journal(journal).map_err(unknown)?;
    holds.keep().map_err(unknown)?;
    match holds.on(tenant, user) {
        Some(hold) => Err(format!("held by `{}`: {}", hold.name, hold.reason)),
        None => Ok((Subject::new(tenant, user), holds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::journal::tests::{folder, runtime, small};
    use crate::audit::{Event, Journal};
    use serde_json::json;

    #[test]
    fn what_is_held_is_held_until_it_is_released() {
        let folder = folder();
        let note = |event: &'static str, detail: serde_json::Value| {
            let (journal, _) = Journal::open(folder.path(), &small()).expect("a journal");
            runtime().block_on(async {
                let _receipt = journal.note(&Event { event, time_ms: 1, detail }).await.expect("durable");
            });
            journal.close();
        };
        let hold = |name: &str, tenant: &str, user: &str| {
            note("hold", json!({"name": name, "reason": "order 7", "tenant": tenant, "user": user}));
        };
        let held = |tenant: &str, user: &str| held(folder.path(), tenant, user).is_err();
        assert!(Holds::read(folder.path()).expect("none").is_empty());
        hold("a", "red", "u1");
        let holds = Holds::read(folder.path()).expect("one");
        assert!(holds.on("red", "u1").is_some() && holds.on("red", "").is_some());
        assert!(holds.on("red", "u2").is_none() && holds.on("blue", "u1").is_none());
        hold("a", "blue", "");
        assert!(held("red", "u1") && !held("red", "u2") && !held("blue", "u1"), "the name is taken");
        Holds::read(folder.path()).and_then(|holds| holds.keep()).expect("a disk");
        hold("b", "blue", "");
        assert!(held("blue", "u3") && held("red", "u1"), "what came behind counts too");
        note("release", json!({"name": "b", "reason": "over"}));
        assert!(!held("blue", "u3"));
        // A file that is gone, or was put back, changes nothing.
        let old = fs::read(folder.path().join(FILE)).expect("a file");
        note("release", json!({"name": "a", "reason": "over"}));
        hold("c", "red", "");
        Holds::read(folder.path()).and_then(|holds| holds.keep()).expect("a disk");
        fs::write(folder.path().join(FILE), old).expect("a file");
        assert!(held("red", "u9"));
        fs::remove_file(folder.path().join(FILE)).expect("a file");
        assert!(held("red", "u9") && !held("blue", "u1"));
        // Nor does one that was edited.
        fs::write(folder.path().join(FILE), r#"{"through": 9, "holds": []}"#).expect("a file");
        assert!(held("red", "u9") && !held("blue", "u1"));
        fs::write(folder.path().join(FILE), "{").expect("a file");
        let error = super::held(folder.path(), "red", "u2").expect_err("what cannot be read holds all");
        assert!(error.contains(FILE), "{error}");
    }
}
