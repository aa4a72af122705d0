//! What is not kept for ever: old segments go, with a record that says so; their hashes stay, so that what is left can still be proved.

use super::hold::Holds;
use super::lookup::EntryReader;
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

/// The shortest time for which records are kept, in days: six months, as article 19 and 26 of the EU's AI Act and article 21 of China's
/// Cybersecurity Law ask.
pub const FLOOR_DAYS: u32 = 184;
const DAY_MS: u64 = 86_400_000;

/// The last moment of which records may be purged at `now_ms`, in milliseconds since 1970.
pub fn purge_floor(now_ms: u64, days: u32) -> u64 {
    now_ms.saturating_sub(u64::from(days.max(FLOOR_DAYS)) * DAY_MS)
}

/// What a record says of a purge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purge {
    /// The record's own number.
    pub record: u64,
    /// The last record that went.
    pub through: u64,
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// Everything that went was older than this; 0 where the record does not say.
    pub before_ms: u64,
}

impl Purge {
    /// Whether something younger than [`FLOOR_DAYS`] went, by the record's own times.
    pub fn is_early(&self) -> bool {
        self.before_ms > purge_floor(self.time_ms, FLOOR_DAYS)
    }
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
    #[serde(default)]
    before_ms: u64,
}

/// What this event, the record of this number, says of a purge; none if it is another one. It speaks of nothing but what is before it.
pub(super) fn told(record: u64, payload: &[u8]) -> Option<Purge> {
    let told = serde_json::from_slice::<Told>(payload).ok().filter(|told| told.event == "purge")?;
    let Detail { through, before_ms } = told.detail;
    Some(Purge { record, through: through.min(record - 1), time_ms: told.time_ms, before_ms })
}

/// So many records say how late it is.
const LATELY: u64 = 256;

/// When the last records up to this number were written: the time in the middle of those of the last [`LATELY`], in milliseconds since 1970; none where
/// none can be read. What was written under another clock does not count, as long as it is the lesser part.
pub fn written_lately(dir: &Path, last: u64) -> Option<u64> {
    let mut entries = EntryReader::new(dir).ok()?;
    let numbers = last.saturating_sub(LATELY - 1).max(1)..=last;
    let told =
        numbers.filter_map(|number| serde_json::from_slice::<Told>(&entries.entry(number)?.payload).ok());
    let mut times: Vec<u64> = told.map(|told| told.time_ms).collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied()
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
            known = known.max(told(sequence, payload).map_or(0, |purge| purge.through));
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
