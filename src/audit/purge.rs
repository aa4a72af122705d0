//! What is not kept for ever: old segments go, with a record that says so; their hashes stay, so that what is left can still be proved.

use super::hold::Holds;
use super::journal::{Journal, JournalError};
use super::merkle::TILE_WIDTH;
use super::record::Event;
use super::segment::{self, ReadError};
use serde::Deserialize;
use serde_json::json;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Why nothing was purged.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The record of it cannot be written, so nothing goes.
    #[error("nothing was purged: {0}")]
    Journal(#[from] JournalError),
    /// A file cannot be removed.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// What may go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Purgeable {
    /// The segments, the oldest first.
    pub segments: Vec<PathBuf>,
    /// The last record in them; 0 if there is none.
    pub through: u64,
}

/// What a record says that is looked at here.
#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    event: String,
    #[serde(default)]
    time_ms: u64,
    #[serde(default)]
    detail: Detail,
}

#[derive(Default, Deserialize)]
struct Detail {
    #[serde(default)]
    through: u64,
}

/// Up to which record an event says that was purged; 0 if it is another event.
pub(super) fn told(payload: &[u8]) -> u64 {
    let told = serde_json::from_slice::<Told>(payload).ok();
    told.filter(|told| told.event == "purge").map_or(0, |told| told.detail.through)
}

/// The segments all of whose records are older than `before_ms`, up to the first that has to stay: of signed records only, and of none while
/// anything is held.
pub fn purgeable(dir: &Path, signed: u64, before_ms: u64) -> Result<Purgeable, ReadError> {
    let mut out = Purgeable::default();
    // Holds that cannot be read hold all.
    if !Holds::read(dir).is_ok_and(|holds| holds.is_empty()) {
        return Ok(out);
    }
    // Their hashes have to stand in full tiles, which are durable by now.
    let whole = signed / TILE_WIDTH as u64 * TILE_WIDTH as u64;
    for (path, records) in segment::closed_segments(dir)? {
        let last = records.end - 1;
        let old = segment::entry(dir, last)
            .and_then(|entry| serde_json::from_slice::<Told>(&entry.payload).ok())
            .is_some_and(|told| told.time_ms < before_ms);
        if last > whole || !old {
            break;
        }
        out.segments.push(path);
        out.through = last;
    }
    Ok(out)
}

/// Records a purge, and then removes the segments.
pub async fn purge(
    journal: &Journal,
    dir: &Path,
    what: &Purgeable,
    before_ms: u64,
    now_ms: u64,
) -> Result<(), PurgeError> {
    if what.segments.is_empty() {
        return Ok(());
    }
    let detail = json!({"through": what.through, "before_ms": before_ms, "segments": what.segments.len()});
    let _receipt = journal.note(&Event { event: "purge", time_ms: now_ms, detail }).await?;
    for path in &what.segments {
        fs::remove_file(path).map_err(|source| PurgeError::Io { path: path.clone(), source })?;
    }
    File::open(dir)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| PurgeError::Io { path: dir.to_owned(), source })
}
