//! The folder of prints: segments, the log, and what was erased.
//!
//! ```text
//! 00000007-00000012.prints   the segment of what the logs 7 to 12 held
//! 00000013.log               what came since
//! erased                     what is not there any more, whatever the files still hold
//! lock                       whose it is
//! ```
//!
//! A segment whose logs another one has too is what the end of a process has left, and so is such a log.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::erased::Erased;
use super::find::{Chain, Hit, Hits, chain, chosen, tells};
use super::grams::{Asked, Common, Prints};
use super::keys::PrintKeys;
use super::log::{Memory, load};
use super::record::PrintRecord;
use super::segment::{MOST_PLACES, Segment, Table};

/// Rows of one text that are looked up at most.
const MOST_ROWS: usize = 4096;
/// Rows that are looked up for all tenants together, where that leaves each as many as this.
const MOST_LOOKS: usize = 1_000_000;
const FEWEST_ROWS: usize = 1024;
/// Records that are told of one text.
const MOST_FOUND: usize = 8;
/// How often a folder is read anew that somebody changes meanwhile.
const TRIES: usize = 8;

/// The folder, as it is read.
#[derive(Debug)]
pub struct Shelf {
    pub(super) folder: PathBuf,
    pub(super) keys: PrintKeys,
    pub(super) common: Common,
    /// The oldest first.
    pub(super) segments: RwLock<Spans>,
    pub(super) memory: RwLock<Memory>,
    pub(super) erased: Mutex<Erased>,
    /// How long prints are looked at, in milliseconds; none: for good.
    pub(super) keep_ms: Option<u64>,
}

/// The first and the last log that a segment has.
pub(super) type Span = (u32, u32);

/// Segments, the oldest first.
pub(super) type Spans = Vec<(Span, Arc<Segment>)>;

/// An answer that a text was found in.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Which.
    pub record: PrintRecord,
    /// Whose.
    pub tenant: Arc<str>,
    /// How much of the text, in letters of alphabets, less what does not fit.
    pub score: f64,
    /// From where to where in the text, in bytes.
    pub part: (usize, usize),
    /// Share of that part's letters that rows cover, from 0 to 1.
    pub covered: f64,
    /// Share of the text's letters that stand in that part, from 0 to 1.
    pub share: f64,
    /// From which to which letter of the answer.
    pub answer: (u32, u32),
}

/// What was found of a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traced {
    /// The answers that it may come from, the likeliest first.
    pub found: Vec<Found>,
    /// How much the text weighs, in letters of alphabets.
    pub weight: f64,
    /// The share of that which letters of Chinese, Japanese or Korean have, from 0 to 1.
    pub wide: f64,
}

/// How much there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Answers.
    pub records: u64,
    /// Prints.
    pub prints: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Segments.
    pub segments: u64,
    /// Letters that the answers had.
    pub letters: u64,
    /// When the oldest answer began, in milliseconds since 1970.
    pub oldest_ms: Option<u64>,
}

/// What a folder holds.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) segments: Vec<(Span, PathBuf)>,
    pub(super) logs: Vec<(u32, PathBuf)>,
    /// What nobody needs.
    pub(super) left: Vec<PathBuf>,
}

pub(super) fn segment_path(folder: &Path, (first, last): Span) -> PathBuf {
    folder.join(format!("{first:08}-{last:08}.prints"))
}

pub(super) fn log_path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:08}.log"))
}

pub(super) fn files(folder: &Path) -> io::Result<Files> {
    let mut out = Files::default();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = |text: &str| text.parse::<u32>().ok();
        if let Some(span) = name.strip_suffix(".prints") {
            if let Some((first, last)) = span.split_once('-')
                && let (Some(first), Some(last)) = (number(first), number(last))
            {
                out.segments.push(((first, last), path));
            }
        } else if let Some(number) = name.strip_suffix(".log").and_then(number) {
            out.logs.push((number, path));
        } else if name.ends_with(".draft") {
            out.left.push(path);
        }
    }
    let all: Vec<Span> = out.segments.iter().map(|(span, _)| *span).collect();
    let within =
        |(first, last): Span| all.iter().any(|&(a, b)| a <= first && last <= b && (a, b) != (first, last));
    let (left, segments) = out.segments.drain(..).partition(|(span, _)| within(*span));
    out.segments = segments;
    let left: Vec<(Span, PathBuf)> = left;
    out.left.extend(left.into_iter().map(|(_, path)| path));
    let covered = |number: u32| all.iter().any(|&(a, b)| a <= number && number <= b);
    let (left, logs) = out.logs.drain(..).partition(|(number, _)| covered(*number));
    out.logs = logs;
    let left: Vec<(u32, PathBuf)> = left;
    out.left.extend(left.into_iter().map(|(_, path)| path));
    out.segments.sort_unstable();
    out.logs.sort_unstable();
    Ok(out)
}

impl Shelf {
    /// Reads a folder that another process may be writing to. One that is not there holds nothing.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn open(folder: &Path, keys: PrintKeys, common: Common, keep_days: Option<u32>) -> io::Result<Self> {
        let mut tries = 0;
        let (segments, memory) = loop {
            match Self::read(folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES && folder.exists() => {
                    tries += 1;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound && !folder.exists() => {
                    break (Vec::new(), Memory::default());
                }
                read => break read?,
            }
        };
        Ok(Self {
            folder: folder.to_owned(),
            keys,
            common,
            segments: RwLock::new(segments),
            memory: RwLock::new(memory),
            erased: Mutex::new(Erased::read(folder)?),
            keep_ms: keep_days.map(|days| u64::from(days) * 86_400_000),
        })
    }

    /// One in memory alone.
    pub fn in_memory(keys: PrintKeys, common: Common) -> Self {
        Self {
            folder: PathBuf::new(),
            keys,
            common,
            segments: RwLock::default(),
            memory: RwLock::default(),
            erased: Mutex::default(),
            keep_ms: None,
        }
    }

    /// Adds an answer in memory alone; how many prints it has.
    pub fn add(&self, record: PrintRecord, tenant: &str, texts: &[&str], asked: &[u8]) -> usize {
        let prints = Prints::of(&self.keys, texts, asked, &self.common);
        let numbers = prints.numbers(&self.keys.tenant(tenant));
        let mut memory = self.memory.write().unwrap_or_else(PoisonError::into_inner);
        memory.add(record, tenant, prints.letters, &numbers);
        numbers.len()
    }

    /// How many bytes what is in memory takes as a segment.
    ///
    /// # Errors
    /// It cannot be written among the system's files for a while.
    pub fn bytes_as_segment(&self) -> io::Result<u64> {
        let path = std::env::temp_dir().join(format!("sluicegate-{}.prints", std::process::id()));
        let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
        let bytes = memory.segment(&path).map(|segment| segment.bytes);
        fs::remove_file(&path)?;
        bytes
    }

    fn read(folder: &Path) -> io::Result<(Spans, Memory)> {
        let files = files(folder)?;
        let mut segments = Vec::new();
        for (span, path) in files.segments {
            segments.push((span, Arc::new(Segment::open(&path).map_err(|error| named(&path, &error))?)));
        }
        let mut memory = Memory::default();
        for (_, path) in files.logs {
            load(&path, &mut memory).map_err(|error| named(&path, &error))?;
        }
        Ok((segments, memory))
    }

    /// Whose an answer is, see [`PrintKeys::subject`].
    pub fn subject(&self, tenant: &str, user: &str) -> [u8; 16] {
        self.keys.subject(tenant, user)
    }

    /// How much there is.
    pub fn held(&self) -> Held {
        let mut held = Held::default();
        let mut add = |table: &Table| {
            held.records += table.entries.len() as u64;
            held.letters += table.letters;
            let oldest = table.entries.iter().map(|entry| entry.record.time_ms).min();
            held.oldest_ms = [held.oldest_ms, oldest].into_iter().flatten().min();
        };
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.iter().for_each(|(_, segment)| add(&segment.table));
        let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
        add(&memory.table);
        held.prints = segments.iter().map(|(_, segment)| segment.prints).sum::<u64>() + memory.len() as u64;
        held.segments = segments.len() as u64;
        held.bytes = segments.iter().map(|(_, segment)| segment.bytes).sum();
        held
    }

    /// The record of an exchange, with its tenant's name.
    pub fn record(&self, exchange: &[u8; 16]) -> Option<(PrintRecord, Arc<str>)> {
        let of = |table: &Table| {
            let entry = table.entries.iter().rev().find(|entry| entry.record.exchange == *exchange)?;
            Some((entry.record, Arc::clone(table.tenants.get(entry.tenant as usize)?)))
        };
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
        of(&memory.table).or_else(|| segments.iter().rev().find_map(|(_, segment)| of(&segment.table)))
    }

    /// How many records of a subject there are in the files, erased or not.
    pub fn count(&self, is: impl Fn(&PrintRecord) -> bool) -> usize {
        let of = |table: &Table| table.entries.iter().filter(|entry| is(&entry.record)).count();
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
        segments.iter().map(|(_, segment)| of(&segment.table)).sum::<usize>() + of(&memory.table)
    }

    /// Looks a text up. `now_ms`: milliseconds since 1970.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn trace(&self, text: &str, now_ms: u64) -> io::Result<Traced> {
        let asked = Asked::of(&self.keys, text, &self.common);
        let erased = {
            let mut erased = self.erased.lock().unwrap_or_else(PoisonError::into_inner);
            // What is in memory alone has no such file.
            if !self.folder.as_os_str().is_empty() {
                erased.look(&self.folder)?;
            }
            erased.clone()
        };
        let from_ms = self.keep_ms.map_or(0, |keep| now_ms.saturating_sub(keep));
        let is_there = |record: &PrintRecord| record.time_ms >= from_ms && !erased.has(record);
        // In this order everywhere: what is moved from the one to the other is looked at in one of them.
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
        let segments = {
            let all = segments.clone();
            drop(segments);
            all
        };
        let tables: Vec<&Table> =
            segments.iter().map(|(_, segment)| &segment.table).chain([&memory.table]).collect();
        let mut tenants: HashMap<&str, usize> = HashMap::new();
        for table in &tables {
            let mut counts = vec![0; table.tenants.len()];
            for entry in &table.entries {
                if let Some(count) = counts.get_mut(entry.tenant as usize) {
                    *count += 1;
                }
            }
            for (name, count) in table.tenants.iter().zip(counts) {
                *tenants.entry(name).or_default() += count;
            }
        }
        let most = (MOST_LOOKS / tenants.len().max(1)).clamp(FEWEST_ROWS, MOST_ROWS);
        let rows = chosen(&asked, most);
        let mut hits = Hits::new();
        let (mut room, mut places, mut of_row) = (Vec::new(), Vec::new(), Vec::new());
        for (name, records) in tenants {
            let key = self.keys.tenant(name);
            let mut numbers: Vec<(u64, &super::grams::Row)> =
                rows.iter().map(|row| (key.number(row.gram), row)).collect();
            numbers.sort_unstable_by_key(|(number, row)| (*number, row.at));
            for same in numbers.chunk_by(|a, b| a.0 == b.0) {
                let Some(&(number, _)) = same.first() else { continue };
                of_row.clear();
                for (n, table) in tables.iter().enumerate() {
                    if !table.tenants.iter().any(|known| **known == *name) {
                        continue;
                    }
                    places.clear();
                    match segments.get(n) {
                        Some((_, segment)) => segment.places(number, &mut room, &mut places)?,
                        None => memory.places(number, &mut places),
                    }
                    of_row.extend(places.drain(..).map(|place| (n, place)));
                }
                if of_row.is_empty() || of_row.len() >= MOST_PLACES {
                    continue;
                }
                let tells = tells(of_row.len(), records);
                for &(n, place) in &of_row {
                    let Some(table) = tables.get(n) else { continue };
                    let Some(at) = table.at(place) else { continue };
                    let Some(entry) = table.entries.get(at) else { continue };
                    // A number of another tenant's that happens to be the same.
                    if table.tenants.get(entry.tenant as usize).is_none_or(|known| **known != *name)
                        || !is_there(&entry.record)
                    {
                        continue;
                    }
                    let of_record = hits.entry((n, at)).or_default();
                    for (_, row) in same {
                        let answer = place - entry.first;
                        of_record.push(Hit { text: row.at, answer, letters: row.letters, tells });
                    }
                }
            }
        }
        let mut found: Vec<(Chain, (usize, usize))> =
            hits.into_iter().map(|(of, mut hits)| (chain(&mut hits), of)).collect();
        found.sort_by(|(a, x), (b, y)| b.score.total_cmp(&a.score).then(y.cmp(x)));
        found.truncate(MOST_FOUND);
        let found = found.into_iter().filter_map(|(chain, (n, at))| {
            let table = tables.get(n)?;
            let entry = table.entries.get(at)?;
            let (from, to) = chain.text;
            let end = |letter: u32| asked.ends.get(letter as usize).map_or(text.len(), |&end| end as usize);
            let letters = f64::from((to - from).max(1));
            Some(Found {
                record: entry.record,
                tenant: Arc::clone(table.tenants.get(entry.tenant as usize)?),
                score: chain.score,
                part: (from.checked_sub(1).map_or(0, end), end(to - 1)),
                covered: f64::from(chain.covered) / letters,
                share: letters / asked.ends.len().max(1) as f64,
                answer: chain.answer,
            })
        });
        Ok(Traced { found: found.collect(), weight: asked.weight, wide: asked.wide / asked.weight.max(1.0) })
    }
}

/// An error with the file that it is about.
pub(super) fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Takes the folder for this process alone; none where another has it.
pub(super) fn lock(folder: &Path) -> io::Result<Option<File>> {
    use std::fs::TryLockError;
    use std::os::unix::fs::OpenOptionsExt as _;
    let path = folder.join("lock");
    let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
