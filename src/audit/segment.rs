//! Segment files: what stands in them, and how they are read back.
//!
//! ```text
//! segment  "SGJRNL\0\1" | first sequence u64 | CRC-32 u32 of both
//! record   length u32 | CRC-32 u32 | sequence u64 | place u32 | kind u8 | payload (JSON)
//! ```
//!
//! Numbers are little-endian; a record's CRC (ISO-HDLC) covers everything after it, `length` is the payload's. A length of zero is
//! the end of what was written: files are filled with zeros ahead of the writing, so that a sync changes no metadata.
//!
//! `place` is the record's place in its batch, from 0: the records of a batch were written with one sync. That tells a torn tail
//! from damage. A batch is written only after the one before it is durable; so if what cannot be read is followed by a record of
//! a *later* batch, it had been durable once and somebody relied on it: an error. If not, nobody was ever told that it is there.
//! What this cannot tell: damage in the very last batch looks like a torn tail; only a checkpoint kept elsewhere shows it.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// First bytes of every segment; the last is the format's version.
const MAGIC: &[u8; 8] = b"SGJRNL\0\x01";
/// Bytes before a segment's first record.
pub(super) const SEGMENT_HEAD: usize = 20;
/// Bytes before a record's payload.
pub(super) const RECORD_HEAD: usize = 21;
/// Longest payload that is believed: longer ones are damage.
pub(super) const LONGEST: u32 = 16 << 20;

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// [`super::Admission`].
    Admission,
    /// [`super::End`].
    End,
    /// [`super::Event`].
    Event,
}

impl EntryKind {
    fn code(self) -> u8 {
        match self {
            Self::Admission => 1,
            Self::End => 2,
            Self::Event => 3,
        }
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Admission),
            2 => Some(Self::End),
            3 => Some(Self::Event),
            _ => None,
        }
    }

    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admission => "admission",
            Self::End => "end",
            Self::Event => "event",
        }
    }
}

/// A record read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the journal, from 1.
    pub sequence: u64,
    /// What it is about.
    pub kind: EntryKind,
    /// JSON.
    pub payload: Vec<u8>,
}

/// Appends a segment's head to `out`.
pub(super) fn encode_head(first: u64, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&first.to_le_bytes());
    let crc = crc32fast::hash(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&crc.to_le_bytes());
}

/// Appends a record's bytes to `out`.
pub(super) fn encode(sequence: u64, place: u32, kind: EntryKind, payload: &[u8], out: &mut Vec<u8>) {
    let (sequence, place, kind) = (sequence.to_le_bytes(), place.to_le_bytes(), [kind.code()]);
    let mut crc = crc32fast::Hasher::new();
    for part in [&sequence[..], &place, &kind, payload] {
        crc.update(part);
    }
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc.finalize().to_le_bytes());
    for part in [&sequence[..], &place, &kind, payload] {
        out.extend_from_slice(part);
    }
}

/// A record as it stands in a file.
pub(super) struct Raw<'b> {
    pub(super) sequence: u64,
    place: u32,
    pub(super) kind: u8,
    pub(super) payload: &'b [u8],
    /// Where the one behind it begins.
    pub(super) next: usize,
}

impl Raw<'_> {
    /// Sequence of the first record of its batch.
    fn batch(&self) -> u64 {
        self.sequence.saturating_sub(u64::from(self.place))
    }
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes)
}

/// How many bytes the record takes that these begin with, were it sound.
pub(super) fn record_length(bytes: &[u8]) -> Option<usize> {
    let payload = u32_at(bytes, 0).filter(|l| (1..=LONGEST).contains(l))?;
    Some(RECORD_HEAD + payload as usize)
}

/// The record that begins at `at`, if a sound one does.
pub(super) fn decode(bytes: &[u8], at: usize) -> Option<Raw<'_>> {
    let length = u32_at(bytes, at).filter(|l| (1..=LONGEST).contains(l))?;
    let next = at + RECORD_HEAD + length as usize;
    let checked = bytes.get(at + 8..next)?;
    (Some(crc32fast::hash(checked)) == u32_at(bytes, at + 4)).then_some(())?;
    Some(Raw {
        sequence: u64_at(bytes, at + 8)?,
        place: u32_at(bytes, at + 16)?,
        kind: *bytes.get(at + 20)?,
        payload: bytes.get(at + RECORD_HEAD..next)?,
        next,
    })
}

/// The first sequence number of a segment, if its head is sound.
fn decode_head(bytes: &[u8]) -> Option<u64> {
    let head = bytes.get(..16)?;
    (head.starts_with(MAGIC) && Some(crc32fast::hash(head)) == u32_at(bytes, 16)).then_some(())?;
    u64_at(bytes, 8).filter(|first| *first > 0)
}

/// Whether a record of a batch after the one that holds `sequence` begins anywhere behind `from`.
fn later_batch(bytes: &[u8], from: usize, sequence: u64) -> bool {
    (from..bytes.len()).any(|at| {
        // The number is looked at before the sum is: a byte of garbage must not cost a pass over what follows.
        u64_at(bytes, at + 8).is_some_and(|s| s > sequence && s - sequence < 1 << 40)
            && decode(bytes, at).is_some_and(|raw| raw.batch() > sequence)
    })
}

/// Why a journal cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system says no.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What it says.
        source: io::Error,
    },
    /// What was durable once cannot be read any more.
    #[error("{path}: damaged at byte {at}, where record {sequence} should stand", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        at: usize,
        /// Sequence number of the record that is missing.
        sequence: u64,
    },
    /// Records are not there that others follow.
    #[error("{}", missing(path, *from, *to, *ends))]
    Missing {
        /// The file next to which they should stand.
        path: PathBuf,
        /// The first of them.
        from: u64,
        /// The last one.
        to: u64,
        /// The file ends before them; else it begins behind them.
        ends: bool,
    },
    /// Not a journal segment, or one of another version.
    #[error("{path}: not a journal segment of this version", path = path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
}

fn missing(path: &Path, from: u64, to: u64, ends: bool) -> String {
    let which = if from == to { format!("record {from} is") } else { format!("records {from} to {to} are") };
    let side = if ends { "ends before" } else { "begins behind" };
    format!("{which} missing: {} {side}", path.display())
}

/// The end of a segment that was never acknowledged, so nothing delivered is lost with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The segment.
    pub path: PathBuf,
    /// Where it begins.
    pub at: u64,
    /// How many bytes of it there are.
    pub bytes: usize,
}

/// What was found when a journal was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The last sequence number, 0 in an empty journal.
    pub last: u64,
    /// Number of the last segment file, 0 without one.
    pub segment: u64,
    /// Incomplete ends of segments.
    pub torn: Vec<Torn>,
    /// The last segment that has a head, and where its records end.
    pub(super) tail: Option<(PathBuf, u64)>,
}

pub(super) fn segment_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:08}.sgj"))
}

/// The number of the segment with such a file name, if it is one's.
pub(super) fn segment_number(path: &Path) -> Option<u64> {
    let stem = path.file_stem()?.to_str()?.parse().ok();
    // No journal has so many that their number does not fit here.
    stem.filter(|number| *number < 1 << 53 && path.extension().is_some_and(|e| e == "sgj"))
}

/// The segments of a folder in order.
pub(super) fn segments(dir: &Path) -> Result<Vec<(u64, PathBuf)>, ReadError> {
    let io = |source| ReadError::Io { path: dir.to_owned(), source };
    let mut out = Vec::new();
    for entry in fs::read_dir(dir).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let Some(number) = segment_number(&path) else { continue };
        // What is read has an end, and stands here.
        if !fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file()) {
            return Err(ReadError::Foreign { path });
        }
        out.push((number, path));
    }
    out.sort();
    Ok(out)
}

/// Reads all records of a journal folder in order, and says what was torn. A record whose sequence number comes again in a later
/// segment was never acknowledged (its segment was given up after a failed write) and is left out.
pub fn read_dir(dir: &Path, visit: &mut dyn FnMut(Entry)) -> Result<Recovered, ReadError> {
    walk(dir, &mut |sequence, kind, payload| visit(Entry { sequence, kind, payload: payload.to_vec() }))
}

/// The same without a copy of each record.
pub(super) fn walk(dir: &Path, visit: &mut dyn FnMut(u64, EntryKind, &[u8])) -> Result<Recovered, ReadError> {
    walk_all(&segments(dir)?, 1, visit)
}

/// The number of the first record that is there, 1 in an empty journal: more where older ones were purged.
pub fn first_record(dir: &Path) -> Result<u64, ReadError> {
    Ok(headed(dir)?.first().map_or(1, |(first, _)| *first))
}

/// The segments that have a head, each with the number of its first record.
pub(super) fn headed(dir: &Path) -> Result<Vec<(u64, PathBuf)>, ReadError> {
    Ok(segments(dir)?.into_iter().filter_map(|(_, path)| Some((first_sequence(&path)?, path))).collect())
}

/// Segments, the oldest first, each with its first record and the first one of the segment behind it.
pub(super) fn closed_segments(dir: &Path) -> Result<Vec<(PathBuf, std::ops::Range<u64>)>, ReadError> {
    let all = headed(dir)?;
    let next = all.iter().skip(1).map(|(first, _)| *first);
    Ok(all.iter().zip(next).map(|((first, path), next)| (path.clone(), *first..next)).collect())
}

/// Whether something holds of the payload of each record that one segment has before number `end`.
pub(super) fn all_in(path: &Path, end: u64, holds: impl Fn(&[u8]) -> bool) -> Result<bool, ReadError> {
    let bytes = read(path)?;
    let mut at = SEGMENT_HEAD;
    while let Some(raw) = decode(&bytes, at).filter(|raw| raw.sequence < end) {
        if !holds(raw.payload) {
            return Ok(false);
        }
        at = raw.next;
    }
    Ok(true)
}

/// The same for the newest segments alone: as many as have `budget` bytes together, but at least two with records. Gives the sequence number
/// of the first record too, or of the one that would be the first.
pub(super) fn walk_newest(
    dir: &Path,
    budget: u64,
    begin: &mut dyn FnMut(u64),
    visit: &mut dyn FnMut(u64, EntryKind, &[u8]),
) -> Result<Recovered, ReadError> {
    let all = segments(dir)?;
    let (mut bytes, mut headed, mut start) = (0, 0, 0);
    for (place, (_, path)) in all.iter().enumerate().rev() {
        bytes += fs::metadata(path).map_or(0, |meta| meta.len());
        if bytes > budget && headed >= 2 {
            break;
        }
        // Without a head it cannot be told what was before.
        if first_sequence(path).is_some() {
            headed += 1;
            start = place;
        }
    }
    let newest = all.get(start..).unwrap_or_default();
    let first = newest.first().and_then(|(_, path)| first_sequence(path)).unwrap_or(1);
    begin(first);
    walk_all(newest, first, visit)
}

fn walk_all(
    all: &[(u64, PathBuf)],
    first: u64,
    visit: &mut dyn FnMut(u64, EntryKind, &[u8]),
) -> Result<Recovered, ReadError> {
    let mut recovered = Recovered { last: first.saturating_sub(1), ..Recovered::default() };
    for (place, (number, path)) in all.iter().enumerate() {
        let bytes = read(path)?;
        recovered.segment = *number;
        let rest = all.get(place + 1..).unwrap_or_default();
        let later = rest.iter().find_map(|(_, p)| first_sequence(p));
        let next = rest.first().map(|(_, p)| first_sequence(p).is_some());
        let expected = Later { first: later, next: next.unwrap_or(true) };
        let end = walk_segment(path, &bytes, expected, &mut recovered.last, visit)?;
        let used = bytes.len() - bytes.iter().rev().take_while(|&&b| b == 0).count();
        if used > end || end == 0 {
            recovered.torn.push(Torn { path: path.clone(), at: end as u64, bytes: used.saturating_sub(end) });
        }
        if end > 0 {
            recovered.tail = Some((path.clone(), end as u64));
        }
    }
    Ok(recovered)
}

/// Reads records in order from number `from` on until `visit` says no; gives the number of the last one that it saw, before `from` or behind
/// it. A gateway may be writing meanwhile: what it has not finished is not there yet.
pub fn read_records(
    dir: &Path,
    from: u64,
    visit: &mut dyn FnMut(u64, EntryKind, &[u8]) -> bool,
) -> Result<u64, ReadError> {
    let all = headed(dir)?;
    let mut last = all.last().map_or(0, |(first, _)| first - 1);
    // What was purged is not there any more.
    let mut next = all.first().map_or(from, |(first, _)| from.max(*first));
    for (place, (_, path)) in all.iter().enumerate() {
        // What the segments behind it hold was never acknowledged here.
        let until = all.get(place + 1..).unwrap_or_default().iter().map(|(first, _)| *first).min();
        if until.is_some_and(|until| until <= next) {
            continue;
        }
        let bytes = read(path)?;
        let mut at = SEGMENT_HEAD;
        while let Some(raw) = decode(&bytes, at).filter(|raw| until.is_none_or(|until| raw.sequence < until))
        {
            (at, last) = (raw.next, last.max(raw.sequence));
            if raw.sequence != next {
                continue;
            }
            next += 1;
            let kind =
                EntryKind::from_code(raw.kind).ok_or_else(|| ReadError::Foreign { path: path.clone() })?;
            if !visit(raw.sequence, kind, raw.payload) {
                return Ok(last);
            }
        }
        // The next segment begins behind what is here.
        if until.is_some_and(|until| next < until) {
            return Err(ReadError::Damaged { path: path.clone(), at, sequence: next });
        }
    }
    Ok(last)
}

/// What the segments behind one say of it.
#[derive(Clone, Copy)]
struct Later {
    /// The sequence number with which one of them begins: what has that number before it, or a higher one, was never
    /// acknowledged.
    first: Option<u64>,
    /// Whether that is the very next one: a gap before it is this segment's, else it is of one in between.
    next: bool,
}

/// Reads one segment; gives the place where its records end.
fn walk_segment(
    path: &Path,
    bytes: &[u8],
    later: Later,
    last: &mut u64,
    visit: &mut dyn FnMut(u64, EntryKind, &[u8]),
) -> Result<usize, ReadError> {
    let damaged = |at, sequence| ReadError::Damaged { path: path.to_owned(), at, sequence };
    let foreign = || ReadError::Foreign { path: path.to_owned() };
    let Some(first) = decode_head(bytes) else {
        // A head that was never finished: a beginning of the magic bytes, then zeros, or nothing at all.
        let head = bytes.get(..8).unwrap_or(bytes);
        let known = head.iter().zip(MAGIC).take_while(|(a, b)| a == b).count();
        if head.iter().skip(known).any(|&b| b != 0) {
            return Err(foreign());
        }
        if later.first.is_some_and(|l| l > *last + 1) || later_batch(bytes, 0, *last + 1) {
            return Err(damaged(0, *last + 1));
        }
        return Ok(0);
    };
    if first > *last + 1 {
        return Err(ReadError::Missing {
            path: path.to_owned(),
            from: *last + 1,
            to: first - 1,
            ends: false,
        });
    }
    if first != *last + 1 {
        return Err(damaged(8, *last + 1));
    }
    let mut at = SEGMENT_HEAD;
    while let Some(raw) = decode(bytes, at) {
        if later.first.is_some_and(|l| raw.sequence >= l) {
            return Ok(bytes.len());
        }
        if raw.sequence != *last + 1 {
            return Err(damaged(at, *last + 1));
        }
        let kind = EntryKind::from_code(raw.kind).ok_or_else(foreign)?;
        *last = raw.sequence;
        visit(raw.sequence, kind, raw.payload);
        at = raw.next;
    }
    let gap = match later.first {
        None => later_batch(bytes, at, *last + 1),
        Some(first) => later.next && first > *last + 1,
    };
    // A sound end, behind which nothing stands.
    let ends = bytes.iter().skip(at).all(|&byte| byte == 0);
    match later.first.filter(|_| gap && ends) {
        Some(first) => {
            let (from, to) = (*last + 1, first - 1);
            return Err(ReadError::Missing { path: path.to_owned(), from, to, ends });
        }
        None if gap => return Err(damaged(at, *last + 1)),
        None => {}
    }
    Ok(at)
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut f| f.read_to_end(&mut bytes))
        .map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
    Ok(bytes)
}

fn first_sequence(path: &Path) -> Option<u64> {
    let mut head = [0; SEGMENT_HEAD];
    File::open(path).ok()?.read_exact(&mut head).ok()?;
    decode_head(&head)
}
