//! The journal's events, for those who keep books that follow from them: at a start its end is read once for all of them.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::audit::read_events_within;

/// So many bytes of the journal's end are read where only what came lately is asked for.
const LATELY: u64 = 8 << 20;

/// An event as records have it.
#[derive(Deserialize)]
struct Told {
    event: String,
    detail: Value,
}

/// The events of a journal.
pub(super) struct Events {
    journal: PathBuf,
    lately: OnceCell<Result<Vec<Told>, String>>,
}

impl Events {
    pub(super) fn new(journal: &Path) -> Self {
        Self { journal: journal.to_owned(), lately: OnceCell::new() }
    }

    /// Whether there is a journal.
    pub(super) fn are_there(&self) -> bool {
        self.journal.is_dir()
    }

    /// The details of the events of this name, the oldest first: of all that the journal has, or of those that came lately. One that is not of this
    /// form, such as one of another version, is passed over.
    ///
    /// # Errors
    /// Why the journal cannot be read.
    pub(super) fn of<T: DeserializeOwned>(&self, name: &str, all: bool) -> Result<Vec<T>, String> {
        let of_name = |told: &Told| told.event == name;
        if all {
            let told = read(&self.journal, u64::MAX, of_name)?;
            return Ok(told.into_iter().filter_map(|told| T::deserialize(told.detail).ok()).collect());
        }
        let told = self.lately.get_or_init(|| read(&self.journal, LATELY, |_| true)).as_ref()?;
        Ok(told
            .iter()
            .filter(|told| of_name(told))
            .filter_map(|told| T::deserialize(&told.detail).ok())
            .collect())
    }
}

fn read(journal: &Path, bytes: u64, keep: impl Fn(&Told) -> bool) -> Result<Vec<Told>, String> {
    let mut out = Vec::new();
    let read = read_events_within(journal, bytes, &mut |_, payload| {
        out.extend(serde_json::from_slice::<Told>(payload).ok().filter(|told| keep(told)));
    });
    read.map(|()| out).map_err(|error| error.to_string())
}
