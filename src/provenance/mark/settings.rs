//! `[marks]`: where the keys are, and what the public detector answers.

use crate::diag::{Size, loose_mode, write_new};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

use super::keys::{KeysError, MOST_EPOCHS, MarkKeys};

/// `[marks]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MarkSettings {
    /// The file of the keys, a line an epoch; without it, `marks.keys` in the state folder, made at the first start. All gateways that are to
    /// know each other's marks have the same.
    pub keys: Option<PathBuf>,
    /// The environment variable that holds what would stand in the file, its lines parted by `;` or line ends.
    pub env: Option<String>,
    /// Who may ask whether a text is marked.
    pub detector: DetectorSettings,
}

/// `[marks.detector]`: `POST /v1/detect` and the page `/detect` on the data listener. No key is asked for, as the law has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DetectorSettings {
    /// Whether it answers.
    pub public: bool,
    /// Texts a minute from one address.
    pub per_minute: u32,
    /// Texts a minute in all.
    pub per_minute_in_all: u32,
    /// The longest text.
    pub text: Size,
}

impl Default for DetectorSettings {
    fn default() -> Self {
        Self { public: true, per_minute: 30, per_minute_in_all: 600, text: Size::kib(256) }
    }
}

impl MarkSettings {
    /// The same with a place in the state folder for what has none.
    #[must_use]
    pub fn placed(mut self, state: &Path) -> Self {
        if self.env.is_none() {
            self.keys.get_or_insert_with(|| state.join("marks.keys"));
        }
        self
    }
}

/// Why the keys of marks cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Others may read it.
    #[error("{path}: the keys of marks may be read by others (mode {mode:o}), expected 600 or 640", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It holds no keys.
    #[error("{place}: {source}")]
    Keys {
        /// The file or variable.
        place: String,
        /// What is wrong.
        source: KeysError,
    },
}

impl MarkKeys {
    /// What an environment variable holds.
    pub fn of_variable(name: &str, value: &str) -> Result<Self, LoadError> {
        let text = Zeroizing::new(value.replace(';', "\n"));
        let place = format!("environment variable `{name}`");
        Self::parse(&text).map_err(|source| LoadError::Keys { place, source })
    }

    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, LoadError> {
        let io = |source| LoadError::Io { path: path.to_owned(), source };
        if let Some(mode) = loose_mode(path).map_err(io)? {
            return Err(LoadError::Open { path: path.to_owned(), mode });
        }
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(io)?);
        Self::parse(&text).map_err(|source| LoadError::Keys { place: path.display().to_string(), source })
    }

    /// Reads a file; makes it with a first epoch, for its owner only, where there is none. `now` in seconds since 1970.
    pub fn load_or_make(path: &Path, now: u64) -> Result<Self, LoadError> {
        if !path.exists() {
            let io = |source| LoadError::Io { path: path.to_owned(), source };
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(io)?;
            }
            let line = new_line(1, now).map_err(io)?;
            write_new(path, line.as_bytes()).map_err(io)?;
        }
        Self::load(path)
    }

    /// Begins a new epoch in a file, made durable; gives its number.
    pub fn rotate(path: &Path, now: u64) -> Result<u32, LoadError> {
        let io = |source| LoadError::Io { path: path.to_owned(), source };
        let keys = Self::load_or_make(path, now)?;
        let place = path.display().to_string();
        if keys.count() >= MOST_EPOCHS {
            return Err(LoadError::Keys { place, source: KeysError::TooMany(keys.count() + 1) });
        }
        let last = keys.newest().map_or(0, |epoch| epoch.number);
        let Some(next) = last.checked_add(1) else {
            return Err(LoadError::Keys { place, source: KeysError::Last });
        };
        let since = keys.newest().map_or(now, |epoch| epoch.since.max(now));
        let line = new_line(next, since).map_err(io)?;
        let mut file = OpenOptions::new().read(true).append(true).open(path).map_err(io)?;
        // A line that somebody left without its end is not to be the beginning of this one.
        let text = Zeroizing::new(std::fs::read(path).map_err(io)?);
        if !text.ends_with(b"\n") {
            file.write_all(b"\n").map_err(io)?;
        }
        file.write_all(line.as_bytes()).map_err(io)?;
        file.sync_all().map_err(io)?;
        Ok(next)
    }
}

fn new_line(number: u32, since: u64) -> io::Result<Zeroizing<String>> {
    let mut key = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *key)?;
    Ok(MarkKeys::line(number, since, &key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_epoch_follows_the_last_number() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let path = folder.path().join("marks.key");
        let key = std::array::from_fn(|at| u8::try_from(at).unwrap_or_default());
        let line = MarkKeys::line(u32::MAX, 5, &key);
        write_new(&path, line.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
        let wrong = MarkKeys::rotate(&path, 9).map_err(|error| error.to_string());
        assert!(wrong.as_ref().is_err_and(|said| said.contains("4294967295")), "{wrong:?}");
        assert_eq!(std::fs::read_to_string(&path).ok().as_deref(), Some(line.as_str()));
    }
    use crate::policy::Density;
    use crate::provenance::mark::{marked, read};
    use std::sync::Arc;

    #[test]
    fn epochs_rotate_and_old_ones_detect() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state/marks.keys");
        let first = MarkKeys::load_or_make(&path, 100).expect("keys");
        let text =
            "the river carries water from the mountains into the valley where people have lived. ".repeat(4);
        let old = marked(&Arc::new(first.newest().expect("an epoch").clone()), Density::Standard, &text);
        assert_eq!(MarkKeys::rotate(&path, 200).expect("a new epoch"), 2);
        let keys = MarkKeys::load(&path).expect("keys");
        assert_eq!(keys.newest().map(|epoch| (epoch.number, epoch.since)), Some((2, 200)));
        let found = read(&keys, &old).found;
        assert!(!found.is_empty() && found.iter().all(|found| found.epoch == Some(1)));
        for n in 3..=16 {
            assert_eq!(MarkKeys::rotate(&path, 200).expect("a new epoch"), n);
        }
        assert!(matches!(
            MarkKeys::rotate(&path, 300),
            Err(LoadError::Keys { source: KeysError::TooMany(17), .. })
        ));
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("marks.keys");
        MarkKeys::load_or_make(&path, 100).expect("keys");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("a mode");
        assert!(matches!(MarkKeys::load(&path), Err(LoadError::Open { .. })));
    }
}
