//! Segment files: what stands in them, how they are written, how they are read back.
//!
//! ```text
//! segment  "SGJRNL\0\1"  first sequence number u64
//! record   length u32 | CRC-32 u32 | sequence u64 | kind u8 | payload (JSON)
//! ```
//!
//! Numbers are little-endian; the CRC (ISO-HDLC) covers sequence, kind and payload; `length` is the payload's. A length of zero is the end of what was
//! written: files are filled with zeros ahead of the writing, so that a sync changes no metadata.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// First bytes of every segment; the last is the format's version.
pub(super) const MAGIC: &[u8; 8] = b"SGJRNL\0\x01";
/// Bytes before a record's payload.
pub(super) const HEAD: usize = 17;
/// Longest payload that is believed: longer ones are damage.
const LONGEST: u32 = 16 << 20;

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// [`super::Admission`].
    Admission,
    /// [`super::End`].
    End,
}

impl EntryKind {
    fn code(self) -> u8 {
        match self {
            Self::Admission => 1,
            Self::End => 2,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Admission),
            2 => Some(Self::End),
            _ => None,
        }
    }

    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admission => "admission",
            Self::End => "end",
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

/// Appends a record's bytes to `out`.
pub(super) fn encode(sequence: u64, kind: EntryKind, payload: &[u8], out: &mut Vec<u8>) {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&sequence.to_le_bytes());
    crc.update(&[kind.code()]);
    crc.update(payload);
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc.finalize().to_le_bytes());
    out.extend_from_slice(&sequence.to_le_bytes());
    out.push(kind.code());
    out.extend_from_slice(payload);
}

/// What stands at a place of a segment.
enum Decoded {
    Entry(Entry, usize),
    End,
    Damaged { next: Option<usize> },
}

fn decode(bytes: &[u8], at: usize) -> Decoded {
    let field = |from: usize, to: usize| bytes.get(at + from..at + to);
    let Some(length) = field(0, 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes) else {
        return Decoded::End;
    };
    if length == 0 {
        return Decoded::End;
    }
    if length > LONGEST {
        return Decoded::Damaged { next: None };
    }
    let end = HEAD + length as usize;
    let (Some(crc), Some(sequence), Some(&[kind]), Some(payload)) =
        (field(4, 8), field(8, 16), field(16, 17), field(HEAD, end))
    else {
        return Decoded::Damaged { next: None };
    };
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(sequence);
    hasher.update(&[kind]);
    hasher.update(payload);
    let good = hasher.finalize().to_le_bytes().as_slice() == crc;
    match (EntryKind::from_code(kind), good) {
        (Some(kind), true) => {
            let sequence = u64::from_le_bytes(sequence.try_into().unwrap_or_default());
            Decoded::Entry(Entry { sequence, kind, payload: payload.to_vec() }, at + end)
        }
        _ => Decoded::Damaged { next: Some(at + end) },
    }
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
    /// A record in the middle is damaged: good records follow it.
    #[error("{path}: the record at byte {at} is damaged, and records follow it", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        at: usize,
    },
    /// Not a journal segment, or one of another version.
    #[error("{path}: not a journal segment of this version", path = path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
}

/// What was found when a journal was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The last sequence number, 0 in an empty journal.
    pub last: u64,
    /// Number of the last segment file, 0 without one.
    pub segment: u64,
    /// Bytes of a torn record at the end of a segment, with its file: it was never acknowledged, so nothing delivered is lost.
    pub torn: Vec<(PathBuf, usize)>,
}

pub(super) fn segment_path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:08}.sgj"))
}

/// The segments of a folder in order.
fn segments(dir: &Path) -> Result<Vec<(u64, PathBuf)>, ReadError> {
    let io = |source| ReadError::Io { path: dir.to_owned(), source };
    let mut out = Vec::new();
    for entry in fs::read_dir(dir).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let stem = path.file_stem().and_then(|s| s.to_str()).and_then(|s| s.parse().ok());
        if let (Some(number), Some("sgj")) = (stem, path.extension().and_then(|e| e.to_str())) {
            out.push((number, path));
        }
    }
    out.sort();
    Ok(out)
}

/// Reads all records of a journal folder in order, and says what was torn. A record whose sequence number comes again in a later
/// segment was never acknowledged (its segment was given up after a failed write) and is left out.
pub fn read_dir(dir: &Path, visit: &mut dyn FnMut(Entry)) -> Result<Recovered, ReadError> {
    let mut recovered = Recovered::default();
    let all = segments(dir)?;
    for (place, (number, path)) in all.iter().enumerate() {
        let bytes = read(path)?;
        if bytes.is_empty() {
            recovered.segment = *number;
            continue;
        }
        if bytes.get(..8) != Some(MAGIC) {
            return Err(ReadError::Foreign { path: path.clone() });
        }
        let next_first = all.get(place + 1..).unwrap_or_default().iter().find_map(|(_, p)| first_sequence(p));
        let mut at = 16;
        loop {
            match decode(&bytes, at) {
                Decoded::Entry(entry, next) => {
                    at = next;
                    if next_first.is_none_or(|first| entry.sequence < first) {
                        recovered.last = entry.sequence;
                        visit(entry);
                    }
                }
                Decoded::End => break,
                Decoded::Damaged { next } => {
                    if next.is_some_and(|n| matches!(decode(&bytes, n), Decoded::Entry(..))) {
                        return Err(ReadError::Damaged { path: path.clone(), at });
                    }
                    let left = bytes.len()
                        - at
                        - bytes.iter().rev().take_while(|&&b| b == 0).count().min(bytes.len() - at);
                    recovered.torn.push((path.clone(), left));
                    break;
                }
            }
        }
        recovered.segment = *number;
    }
    Ok(recovered)
}

fn read(path: &Path) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut f| f.read_to_end(&mut bytes))
        .map_err(|source| ReadError::Io { path: path.to_owned(), source })?;
    Ok(bytes)
}

fn first_sequence(path: &Path) -> Option<u64> {
    let mut head = [0; 16];
    File::open(path).ok()?.read_exact(&mut head).ok()?;
    let (magic, first) = head.split_at(8);
    (magic == MAGIC).then(|| u64::from_le_bytes(first.try_into().unwrap_or_default()))
}

// === writing ===

/// Where segments are written: the real disk, or one that fails on purpose.
pub(super) trait Disk: Send {
    /// Opens a fresh segment and makes its name durable.
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn SegmentFile>>;
}

/// A segment that is being written from its start on.
pub(super) trait SegmentFile: Send {
    /// Appends bytes.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was written durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// Makes a folder that only its owner can look into.
pub(super) fn private_dir(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

pub(super) struct RealDisk;

impl Disk for RealDisk {
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        let file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
        if let Some(dir) = path.parent() {
            File::open(dir)?.sync_all()?;
        }
        Ok(Box::new(RealFile { file, written: 0, filled: 0 }))
    }
}

/// Bytes filled with zeros ahead of the writing at a time.
const AHEAD: u64 = 1 << 20;

struct RealFile {
    file: File,
    written: u64,
    filled: u64,
}

impl SegmentFile for RealFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        use std::os::unix::fs::FileExt as _;
        let end = self.written + bytes.len() as u64;
        if end > self.filled {
            let zeros = vec![0; (end - self.filled + AHEAD) as usize];
            self.file.write_all_at(&zeros, self.filled)?;
            self.filled += zeros.len() as u64;
            self.file.sync_all()?;
        }
        self.file.write_all_at(bytes, self.written)?;
        self.written = end;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.sync_data()
    }
}
