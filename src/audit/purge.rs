//! What is not kept for ever: old segments go, with a record that says so; their hashes stay, so that what is left can still be proved.

use super::hold::Holds;
use super::merkle::TILE_WIDTH;
use super::segment::{self, Entry, EntryKind, ReadError};
use serde::Deserialize;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

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
        let is_old = |payload: &[u8]| {
            serde_json::from_slice::<Told>(payload).is_ok_and(|told| told.time_ms < before_ms)
        };
        // Each of them: clocks have been wrong before.
        if last > whole || !segment::all_in(&path, records.end, is_old)? {
            break;
        }
        out.segments.push(path);
        out.through = last;
    }
    Ok(out)
}

/// Reads the records that are there in order, and says up to which one they were purged: 0 if none was. Without a record that says so, what is
/// missing at the beginning is damage as anywhere else.
pub fn read_kept(dir: &Path, visit: &mut dyn FnMut(Entry)) -> Result<u64, ReadError> {
    let purged = segment::first_record(dir)?.saturating_sub(1);
    let mut known = 0;
    segment::walk_newest(dir, u64::MAX, &mut |_| {}, &mut |sequence, kind, payload| {
        if kind == EntryKind::Event && purged > 0 {
            known = known.max(told(payload).min(sequence - 1));
        }
        visit(Entry { sequence, kind, payload: payload.to_vec() });
    })?;
    if known < purged {
        segment::walk(dir, &mut |_, _, _| {})?;
    }
    Ok(purged)
}

/// Reads the payloads of all events that are there, in order.
pub fn read_events(dir: &Path, visit: &mut dyn FnMut(u64, &[u8])) -> Result<(), ReadError> {
    read_events_within(dir, u64::MAX, visit)
}

/// The same of the newest segments, of so many bytes together; of two of them whatever their size.
pub fn read_events_within(
    dir: &Path,
    bytes: u64,
    visit: &mut dyn FnMut(u64, &[u8]),
) -> Result<(), ReadError> {
    let mut all = |sequence: u64, kind: EntryKind, payload: &[u8]| {
        if kind == EntryKind::Event {
            visit(sequence, payload);
        }
    };
    segment::walk_newest(dir, bytes, &mut |_| {}, &mut all).map(drop)
}

/// Removes the segments, of which a record has to say so before.
pub fn remove(dir: &Path, what: &Purgeable) -> io::Result<()> {
    what.segments.iter().try_for_each(fs::remove_file)?;
    File::open(dir)?.sync_all()
}
