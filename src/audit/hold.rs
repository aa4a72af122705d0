//! Legal holds: what may be neither erased nor purged until somebody releases it.

use super::texts::Subject;
use crate::diag::write_whole;
use serde::{Deserialize, Serialize};
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

/// All holds of a journal.
#[derive(Debug, Default)]
pub struct Holds {
    path: PathBuf,
    all: Vec<Hold>,
    /// Nobody else changes them meanwhile.
    _lock: Option<File>,
}

impl Holds {
    /// Reads them; a file that cannot be read is an error, and its reader holds everything.
    pub fn read(journal: &Path) -> io::Result<Self> {
        let path = journal.join(FILE);
        let all = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { path, all, _lock: None })
    }

    /// Reads them to change them; who else wants to waits until this value is gone.
    pub fn change(journal: &Path) -> io::Result<Self> {
        let path = journal.join(FILE).with_extension("lock");
        let lock = File::options().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        lock.lock()?;
        Ok(Self { _lock: Some(lock), ..Self::read(journal)? })
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

    /// Adds a hold; false if one of that name is there.
    pub fn add(&mut self, hold: Hold) -> io::Result<bool> {
        if self.all.iter().any(|other| other.name == hold.name) {
            return Ok(false);
        }
        self.all.push(hold);
        self.write().map(|()| true)
    }

    /// Removes the hold of that name.
    pub fn release(&mut self, name: &str) -> io::Result<Option<Hold>> {
        let Some(at) = self.all.iter().position(|hold| hold.name == name) else { return Ok(None) };
        let hold = self.all.remove(at);
        self.write().map(|()| Some(hold))
    }

    fn write(&self) -> io::Result<()> {
        write_whole(&self.path, &serde_json::to_vec_pretty(&self.all)?, 0o600)
    }
}

/// A subject that is held, or a list of holds that cannot be read: nothing is erased then.
pub fn held(journal: &Path, tenant: &str, user: &str) -> Result<Subject, String> {
    let holds =
        Holds::read(journal).map_err(|error| format!("the holds cannot be read, so all is held: {error}"))?;
    match holds.on(tenant, user) {
        Some(hold) => Err(format!("held by `{}`: {}", hold.name, hold.reason)),
        None => Ok(Subject::new(tenant, user)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_held_until_it_is_released() {
        let folder = tempfile::tempdir().expect("a folder");
        let hold = |name: &str, tenant: &str, user: &str| Hold {
            name: name.into(),
            reason: "order 7".into(),
            tenant: tenant.into(),
            user: user.into(),
            time_ms: 1,
        };
        let mut holds = Holds::read(folder.path()).expect("none");
        assert!(holds.is_empty());
        assert!(holds.add(hold("a", "red", "u1")).expect("a disk"));
        assert!(!holds.add(hold("a", "blue", "")).expect("a disk"), "the name is taken");
        let holds = Holds::read(folder.path()).expect("one");
        assert!(holds.on("red", "u1").is_some() && holds.on("red", "").is_some());
        assert!(holds.on("red", "u2").is_none() && holds.on("blue", "u1").is_none());
        assert!(held(folder.path(), "red", "u1").is_err() && held(folder.path(), "red", "u2").is_ok());
        let mut holds = holds;
        assert!(holds.release("b").expect("a disk").is_none());
        assert!(holds.release("a").expect("a disk").is_some());
        assert!(held(folder.path(), "red", "u1").is_ok());
        fs::write(folder.path().join(FILE), "{").expect("a file");
        assert!(held(folder.path(), "red", "u2").is_err(), "what cannot be read holds all");
    }
}
