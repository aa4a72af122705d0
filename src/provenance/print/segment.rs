//! Segments: files of sorted prints that never change.
//!
//! ```text
//! head      "SGPRNT\0\1" | prints u64 | letters u64 | records u32 | tenants u32 | bits u32 | CRC-32 of what follows up to the prints u32
//! tenants   name, each behind its length u32
//! records   exchange 16 | time u64 | subject 16 | tenant u32 | first letter u32 | letters u32
//! buckets   2^bits + 1 u32: where the prints begin whose numbers begin with these bits
//! prints    the number's other bits u32 | place u32, in the order of their numbers
//! ```
//!
//! Numbers are little-endian. A place counts letters over all records, so that one number says which record and where in it; a number of 48 bits is
//! split where some 32 prints begin alike, and these are read at once. So a print takes eight bytes, and to look a row of letters up takes one read.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::keys::BITS;
use super::record::{self, PrintRecord, take_name, take_u32, take_u64, write_name};

const MAGIC: &[u8; 8] = b"SGPRNT\0\x01";
const HEAD: usize = 8 + 8 + 8 + 4 + 4 + 4 + 4;
/// Bytes of a print.
const PRINT: u64 = 8;
/// Prints in a bucket, about, as a power of two.
const BUCKET: u32 = 5;
/// The fewest and the most bits that buckets have: what is left of a number fits 32.
const FEWEST_BITS: u32 = BITS - 32;
const MOST_BITS: u32 = 26;
/// A row of letters that stands in more places than this tells nothing; no more are looked at.
pub(super) const MOST_PLACES: usize = 256;
/// Segments are read and written in pieces of so many bytes.
const PIECE: usize = 1 << 18;

/// A record of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) record: PrintRecord,
    /// Its tenant's place among the names.
    pub(super) tenant: u32,
    /// Its first letter's place, and how many it has.
    pub(super) first: u32,
    pub(super) letters: u32,
}

/// What is known of the records of a segment or a log.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) tenants: Vec<Arc<str>>,
    /// In the order of their places.
    pub(super) entries: Vec<Entry>,
    /// Letters of all of them.
    pub(super) letters: u64,
}

impl Table {
    /// The record to which a place belongs.
    pub(super) fn at(&self, place: u32) -> Option<usize> {
        let after = self.entries.partition_point(|entry| entry.first <= place);
        let at = after.checked_sub(1)?;
        self.entries.get(at).filter(|entry| place - entry.first < entry.letters).map(|_| at)
    }

    pub(super) fn tenant(&mut self, name: &str) -> u32 {
        let at = self.tenants.iter().position(|known| &**known == name).unwrap_or_else(|| {
            self.tenants.push(name.into());
            self.tenants.len() - 1
        });
        at as u32
    }

    /// Adds a record; its first letter's place, or none where no more fit.
    pub(super) fn add(&mut self, record: PrintRecord, tenant: u32, letters: u32) -> Option<u32> {
        let first = u32::try_from(self.letters).ok()?;
        first.checked_add(letters)?;
        self.entries.push(Entry { record, tenant, first, letters });
        self.letters += u64::from(letters);
        Some(first)
    }
}

/// A segment that is open.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    file: File,
    pub(super) table: Table,
    /// How many prints it has.
    pub(super) prints: u64,
    /// Bytes of the file.
    pub(super) bytes: u64,
    bits: u32,
    buckets: Vec<u32>,
    /// Where the prints begin.
    begin: u64,
}

impl Segment {
    /// Opens a file.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let broken = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let mut file = File::open(path)?;
        let mut head = [0; HEAD];
        file.read_exact(&mut head)?;
        let head =
            head.strip_prefix(MAGIC).ok_or_else(|| broken("no segment of prints, or of another version"))?;
        let read = |bytes| {
            let (prints, bytes) = take_u64(bytes)?;
            let (letters, bytes) = take_u64(bytes)?;
            let (records, bytes) = take_u32(bytes)?;
            let (tenants, bytes) = take_u32(bytes)?;
            let (bits, bytes) = take_u32(bytes)?;
            Some((prints, letters, records, tenants, bits, take_u32(bytes)?.0))
        };
        let (prints, letters, records, tenants, bits, crc) =
            read(head).ok_or_else(|| broken("its head is broken"))?;
        let bytes = file.metadata()?.len();
        let begin = prints.checked_mul(PRINT).and_then(|prints| bytes.checked_sub(prints));
        let rest = begin.and_then(|begin| begin.checked_sub(HEAD as u64));
        let (Some(begin), Some(rest), FEWEST_BITS..=MOST_BITS) = (begin, rest, bits) else {
            return Err(broken("it is cut off"));
        };
        let rest = usize::try_from(rest).map_err(|_| broken("it is too large"))?;
        let mut middle = vec![0; rest];
        file.read_exact(&mut middle)?;
        if crc32fast::hash(&middle) != crc {
            return Err(broken("it is damaged"));
        }
        let read = |mut bytes: &[u8]| {
            let mut table = Table { letters, ..Table::default() };
            for _ in 0..tenants {
                let (name, rest) = take_name(bytes)?;
                table.tenants.push(name.into());
                bytes = rest;
            }
            for _ in 0..records {
                let (record, rest) = PrintRecord::read(bytes)?;
                let (tenant, rest) = take_u32(rest)?;
                let (first, rest) = take_u32(rest)?;
                let (letters, rest) = take_u32(rest)?;
                table.entries.push(Entry { record, tenant, first, letters });
                bytes = rest;
            }
            if bytes.len() != ((1 << bits) + 1) * 4 {
                return None;
            }
            let (buckets, _) = bytes.as_chunks::<4>();
            Some((table, buckets.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect()))
        };
        let (table, buckets) = read(&middle).ok_or_else(|| broken("its tables are broken"))?;
        Ok(Self { path: path.to_owned(), file, table, prints, bytes, bits, buckets, begin })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The places of a row of letters, by the number that its tenant's key gives it; at most [`MOST_PLACES`].
    pub(super) fn places(&self, number: u64, room: &mut Vec<u8>, out: &mut Vec<u32>) -> io::Result<()> {
        let shift = BITS - self.bits;
        let bucket = (number >> shift) as usize;
        let (Some(&from), Some(&to)) = (self.buckets.get(bucket), self.buckets.get(bucket + 1)) else {
            return Ok(());
        };
        let wanted = (number & ((1 << shift) - 1)) as u32;
        let (mut from, to) = (u64::from(from), u64::from(to));
        // A bucket with a row that stands everywhere may be long.
        while from < to && out.len() < MOST_PLACES {
            let count = (to - from).min(512);
            room.resize((count * PRINT) as usize, 0);
            self.file.read_exact_at(room, self.begin + from * PRINT)?;
            from += count;
            for bytes in room.as_chunks::<8>().0 {
                let [a, b, c, d, place @ ..] = *bytes;
                let rest = u32::from_le_bytes([a, b, c, d]);
                if rest > wanted {
                    return Ok(());
                }
                if rest == wanted && out.len() < MOST_PLACES {
                    out.push(u32::from_le_bytes(place));
                }
            }
        }
        Ok(())
    }

    /// Its prints from the first to the last.
    fn sorted(&self) -> Sorted<'_> {
        Sorted { segment: self, room: Vec::new(), at: 0, read: 0, bucket: 0 }
    }
}

/// Reads prints in order.
struct Sorted<'s> {
    segment: &'s Segment,
    room: Vec<u8>,
    at: usize,
    read: u64,
    bucket: usize,
}

impl Sorted<'_> {
    fn next(&mut self) -> io::Result<Option<(u64, u32)>> {
        if self.read == self.segment.prints {
            return Ok(None);
        }
        if self.at == self.room.len() {
            let left = (self.segment.prints - self.read) * PRINT;
            self.room.resize(left.min(PIECE as u64) as usize, 0);
            self.segment.file.read_exact_at(&mut self.room, self.segment.begin + self.read * PRINT)?;
            self.at = 0;
        }
        let buckets = &self.segment.buckets;
        while buckets.get(self.bucket + 1).is_some_and(|&end| u64::from(end) <= self.read) {
            self.bucket += 1;
        }
        let bytes: Option<&[u8; 8]> = self.room.get(self.at..).and_then(<[u8]>::first_chunk);
        let [a, b, c, d, place @ ..] = *bytes.ok_or(io::ErrorKind::UnexpectedEof)?;
        self.at += PRINT as usize;
        self.read += 1;
        let number =
            (self.bucket as u64) << (BITS - self.segment.bits) | u64::from(u32::from_le_bytes([a, b, c, d]));
        Ok(Some((number, u32::from_le_bytes(place))))
    }
}

/// Writes a segment: the table, then prints in the order of their numbers, then [`Writer::finish`].
pub(super) struct Writer {
    path: PathBuf,
    draft: PathBuf,
    file: BufWriter<File>,
    middle: Vec<u8>,
    head: (u64, u32, u32),
    bits: u32,
    buckets: Vec<u32>,
    prints: u64,
    begin: u64,
}

impl Writer {
    /// A segment of at most so many prints.
    pub(super) fn new(path: &Path, table: &Table, most: u64) -> io::Result<Self> {
        let bits = most.max(1).ilog2().saturating_sub(BUCKET).clamp(FEWEST_BITS, MOST_BITS);
        let mut middle = Vec::new();
        table.tenants.iter().for_each(|name| write_name(name, &mut middle));
        middle.reserve(table.entries.len() * (record::BYTES + 12));
        for entry in &table.entries {
            entry.record.write(&mut middle);
            for number in [entry.tenant, entry.first, entry.letters] {
                middle.extend_from_slice(&number.to_le_bytes());
            }
        }
        let buckets = vec![0; (1 << bits) + 1];
        let begin = HEAD as u64 + middle.len() as u64 + buckets.len() as u64 * 4;
        let draft = path.with_extension("draft");
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.seek(SeekFrom::Start(begin))?;
        let head = (table.letters, table.entries.len() as u32, table.tenants.len() as u32);
        let file = BufWriter::with_capacity(PIECE, file);
        Ok(Self { path: path.to_owned(), draft, file, middle, head, bits, buckets, prints: 0, begin })
    }

    pub(super) fn push(&mut self, number: u64, place: u32) -> io::Result<()> {
        let shift = BITS - self.bits;
        if let Some(bucket) = self.buckets.get_mut((number >> shift) as usize + 1) {
            *bucket += 1;
        }
        self.prints += 1;
        let rest = (number & ((1 << shift) - 1)) as u32;
        self.file.write_all(&rest.to_le_bytes())?;
        self.file.write_all(&place.to_le_bytes())
    }

    /// Nothing comes of it.
    fn give_up(self) {
        let _ = fs::remove_file(&self.draft);
    }

    /// Puts the file in its place, durably.
    pub(super) fn finish(mut self) -> io::Result<Segment> {
        let mut sum = 0;
        for bucket in &mut self.buckets {
            sum += *bucket;
            *bucket = sum;
        }
        for bucket in &self.buckets {
            self.middle.extend_from_slice(&bucket.to_le_bytes());
        }
        debug_assert_eq!(self.begin, HEAD as u64 + self.middle.len() as u64);
        let (letters, records, tenants) = self.head;
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&self.prints.to_le_bytes());
        head.extend_from_slice(&letters.to_le_bytes());
        for number in [records, tenants, self.bits, crc32fast::hash(&self.middle)] {
            head.extend_from_slice(&number.to_le_bytes());
        }
        self.file.flush()?;
        let file = self.file.get_ref();
        file.write_all_at(&head, 0)?;
        file.write_all_at(&self.middle, HEAD as u64)?;
        file.sync_all()?;
        fs::rename(&self.draft, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Segment::open(&self.path)
    }
}

/// Writes the prints of segments that follow each other in time into one, without the records that are not to be kept, and without rows of letters
/// that stand in too many places. None where nothing is left; an error of [`io::ErrorKind::Interrupted`] where it is told to stop.
pub(super) fn merged(
    path: &Path,
    segments: &[Arc<Segment>],
    keep: impl Fn(&PrintRecord) -> bool,
    stop: &AtomicBool,
) -> io::Result<Option<Segment>> {
    let mut table = Table::default();
    // By segment and record: by how much its places move; none where it goes.
    let mut moves: Vec<Vec<Option<i64>>> = Vec::new();
    for segment in segments {
        let mut of_segment = Vec::with_capacity(segment.table.entries.len());
        for entry in &segment.table.entries {
            let name = segment.table.tenants.get(entry.tenant as usize).filter(|_| keep(&entry.record));
            let first = name.and_then(|name| {
                let tenant = table.tenant(name);
                table.add(entry.record, tenant, entry.letters)
            });
            of_segment.push(first.map(|first| i64::from(first) - i64::from(entry.first)));
        }
        moves.push(of_segment);
    }
    if table.entries.is_empty() {
        return Ok(None);
    }
    let most = segments.iter().map(|segment| segment.prints).sum();
    let mut writer = Writer::new(path, &table, most)?;
    let mut streams: Vec<Sorted<'_>> = segments.iter().map(|segment| segment.sorted()).collect();
    let mut heads = streams.iter_mut().map(Sorted::next).collect::<io::Result<Vec<_>>>()?;
    let (mut last, mut same) = (None, Vec::new());
    loop {
        let next = heads.iter().enumerate().filter_map(|(n, head)| head.map(|(number, _)| (number, n))).min();
        let of = next.map(|(number, _)| number);
        if of != last {
            if let Some(number) = last {
                // The newest tell most.
                let from = same.len().saturating_sub(MOST_PLACES);
                for place in same.drain(..).skip(from) {
                    writer.push(number, place)?;
                }
            }
            last = of;
        }
        let Some((_, n)) = next else { break };
        if stop.load(Ordering::Relaxed) {
            writer.give_up();
            return Err(io::ErrorKind::Interrupted.into());
        }
        let (Some(head), Some(stream), Some(segment), Some(moves)) =
            (heads.get_mut(n), streams.get_mut(n), segments.get(n), moves.get(n))
        else {
            break;
        };
        if let Some((_, place)) = *head {
            let by = segment.table.at(place).and_then(|record| moves.get(record).copied().flatten());
            let moved = by.and_then(|by| u32::try_from(i64::from(place) + by).ok());
            same.extend(moved);
        }
        *head = stream.next()?;
    }
    writer.finish().map(Some)
}
