//! The log: prints as they come, before they are many enough for a segment.
//!
//! ```text
//! head    "SGPLOG\0\1"
//! entry   length u32 | CRC-32 u32 of the rest | exchange 16 | time u64 | subject 16 | tenant's name behind its length u32 | letters u32
//!         | prints: number 6 bytes | place u32
//! ```
//!
//! What was written when the process was killed is there; what the end of the machine cuts off goes, which is told.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::record::{PrintRecord, take_name, take_u32, write_name};
use super::segment::{MOST_PLACES, Segment, Table, Writer};

const MAGIC: &[u8; 8] = b"SGPLOG\0\x01";
/// Bytes of a print.
const PRINT: usize = 6 + 4;
/// Longest entry that is believed.
const LONGEST: usize = 64 << 20;

/// The end of a log that was not complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The file.
    pub path: PathBuf,
    /// How many bytes there were behind what can be read.
    pub bytes: u64,
}

/// Prints in memory.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) table: Table,
    /// By number: the place that came last.
    last: HashMap<u64, u32>,
    /// Each print's place, and the print of the same number before it, from 1; 0 for none.
    prints: Vec<(u32, u32)>,
}

impl Memory {
    pub(super) fn len(&self) -> usize {
        self.prints.len()
    }

    /// Adds an answer. False where no more letters can be counted.
    pub(super) fn add(
        &mut self,
        record: PrintRecord,
        tenant: &str,
        letters: u32,
        prints: &[(u64, u32)],
    ) -> bool {
        let tenant = self.table.tenant(tenant);
        let Some(first) = self.table.add(record, tenant, letters) else { return false };
        for &(number, at) in prints.iter().filter(|(_, at)| *at < letters) {
            let before = self.last.insert(number, self.prints.len() as u32 + 1);
            self.prints.push((first + at, before.unwrap_or_default()));
        }
        true
    }

    /// The places of a row of letters; at most [`MOST_PLACES`], the newest.
    pub(super) fn places(&self, number: u64, out: &mut Vec<u32>) {
        let mut next = self.last.get(&number).copied().unwrap_or_default();
        while let Some(&(place, before)) = (next as usize).checked_sub(1).and_then(|at| self.prints.get(at)) {
            if out.len() == MOST_PLACES {
                return;
            }
            out.push(place);
            next = before;
        }
    }

    /// Writes all of it as a segment.
    pub(super) fn segment(&self, path: &Path) -> io::Result<Segment> {
        let mut numbers: Vec<u64> = self.last.keys().copied().collect();
        numbers.sort_unstable();
        let mut writer = Writer::new(path, &self.table, self.prints.len() as u64)?;
        let mut places = Vec::new();
        for number in numbers {
            places.clear();
            self.places(number, &mut places);
            for place in places.iter().rev() {
                writer.push(number, *place)?;
            }
        }
        writer.finish()
    }
}

/// The bytes of an entry.
pub(super) fn entry(record: &PrintRecord, tenant: &str, letters: u32, prints: &[(u64, u32)]) -> Vec<u8> {
    let mut out = vec![0; 8];
    record.write(&mut out);
    write_name(tenant, &mut out);
    out.extend_from_slice(&letters.to_le_bytes());
    for (number, at) in prints {
        out.extend(number.to_le_bytes().iter().take(6));
        out.extend_from_slice(&at.to_le_bytes());
    }
    let payload = out.get(8..).unwrap_or_default();
    let head = [(payload.len() as u32).to_le_bytes(), crc32fast::hash(payload).to_le_bytes()].concat();
    out.splice(..8, head);
    out
}

/// Reads a log into memory; how many bytes of it can be read.
pub(super) fn load(path: &Path, memory: &mut Memory) -> io::Result<(u64, u64)> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    let Some(mut rest) = bytes.strip_prefix(MAGIC) else {
        // Not even the head was written.
        return Ok((0, bytes.len() as u64));
    };
    while let Some(after) = next(rest, memory) {
        rest = after;
    }
    Ok(((bytes.len() - rest.len()) as u64, bytes.len() as u64))
}

fn next<'b>(bytes: &'b [u8], memory: &mut Memory) -> Option<&'b [u8]> {
    let (length, rest) = take_u32(bytes)?;
    let (crc, rest) = take_u32(rest)?;
    let (payload, after) = rest.split_at_checked(length as usize).filter(|_| (length as usize) <= LONGEST)?;
    if crc32fast::hash(payload) != crc {
        return None;
    }
    let (record, rest) = PrintRecord::read(payload)?;
    let (tenant, rest) = take_name(rest)?;
    let (letters, rest) = take_u32(rest)?;
    let (prints, _) = rest.as_chunks::<PRINT>();
    let prints: Vec<(u64, u32)> = prints
        .iter()
        .map(|[a, b, c, d, e, f, at @ ..]| {
            (u64::from_le_bytes([*a, *b, *c, *d, *e, *f, 0, 0]), u32::from_le_bytes(*at))
        })
        .collect();
    memory.add(record, tenant, letters, &prints).then_some(after)
}

/// A log that is being written.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    dirty: bool,
}

impl Log {
    /// Begins a log, or goes on in one, whose end that cannot be read is cut off.
    pub(super) fn open(path: &Path, good: u64) -> io::Result<Self> {
        let mut file = File::options().append(true).create(true).mode(0o600).open(path)?;
        file.set_len(good)?;
        if good == 0 {
            file.write_all(MAGIC)?;
        }
        Ok(Self { file, dirty: true })
    }

    pub(super) fn append(&mut self, entry: &[u8]) -> io::Result<()> {
        self.dirty = true;
        self.file.write_all(entry)
    }

    /// Makes what was written durable.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.dirty) { self.file.sync_data() } else { Ok(()) }
    }
}
