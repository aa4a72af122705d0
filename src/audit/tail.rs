//! The journal read on: what became durable since the last look, for those who send it elsewhere.
//!
//! A gateway writes to the newest segment meanwhile. A record in a segment that was given up after a failed write was never acknowledged;
//! its number comes again in a later segment, and only that one counts.

use super::segment::{self, Entry, EntryKind, ReadError, SEGMENT_HEAD};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// Bytes that are read at once; a longer record is read whole.
const PIECE: usize = 256 << 10;

/// A place in a journal from which reading goes on.
#[derive(Debug)]
pub struct Tail {
    dir: PathBuf,
    /// The record that comes next.
    next: u64,
    open: Option<Open>,
    /// The newest segment's number when it was last looked for, if it had its head by then.
    newest: u64,
}

#[derive(Debug)]
struct Open {
    path: PathBuf,
    file: File,
    at: u64,
    /// The first record that a segment behind it has, if there is one.
    until: Option<u64>,
}

/// Records in order, and how many before them are not there any more.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The records.
    pub entries: Vec<Entry>,
    /// Records that were purged before anybody read them here.
    pub purged: u64,
}

impl Tail {
    /// Reads what comes after record number `after`.
    pub fn new(dir: &Path, after: u64) -> Self {
        Self { dir: dir.to_owned(), next: after.saturating_add(1), open: None, newest: 0 }
    }

    /// Reads records up to number `through`, which have to be durable: at most `most` of them, and no further one once there are `bytes`
    /// bytes. Nothing is lost with an error: the next call reads the same records.
    pub fn read(&mut self, through: u64, most: usize, bytes: usize) -> Result<Batch, ReadError> {
        let mut batch = Batch::default();
        let before = self.next;
        let done = self.fill(through, most, bytes, &mut batch);
        if done.is_err() {
            (self.next, self.open) = (before, None);
        }
        done.map(|()| batch)
    }

    fn fill(&mut self, through: u64, most: usize, bytes: usize, batch: &mut Batch) -> Result<(), ReadError> {
        let mut size = 0;
        let mut buffer = Vec::new();
        while self.next <= through && batch.entries.len() < most && size < bytes {
            self.place(batch)?;
            let Some(open) = &mut self.open else { break };
            let io = |source| ReadError::Io { path: open.path.clone(), source };
            buffer.resize(PIECE, 0);
            let n = read_at(&open.file, &mut buffer, open.at).map_err(io)?;
            let longer = segment::record_length(buffer.get(..n).unwrap_or_default()).filter(|len| *len > n);
            if let Some(longer) = longer {
                buffer.resize(longer, 0);
                let n = read_at(&open.file, &mut buffer, open.at).map_err(io)?;
                buffer.truncate(n);
            } else {
                buffer.truncate(n);
            }
            let mut at = 0;
            let mut found = false;
            while let Some(raw) = segment::decode(&buffer, at) {
                if self.next > through || batch.entries.len() >= most || size >= bytes {
                    break;
                }
                if raw.sequence > self.next {
                    break;
                }
                found = true;
                (open.at, at) = (open.at + (raw.next - at) as u64, raw.next);
                if raw.sequence == self.next {
                    let kind = EntryKind::from_code(raw.kind)
                        .ok_or_else(|| ReadError::Foreign { path: open.path.clone() })?;
                    batch.entries.push(Entry { sequence: raw.sequence, kind, payload: raw.payload.to_vec() });
                    size += raw.payload.len();
                    self.next += 1;
                }
            }
            if !found {
                // It is durable, and not where it should stand.
                let (path, at) = (open.path.clone(), open.at as usize);
                return Err(ReadError::Damaged { path, at, sequence: self.next });
            }
        }
        Ok(())
    }

    /// Opens the segment that has the next record.
    fn place(&mut self, batch: &mut Batch) -> Result<(), ReadError> {
        let newest = segment::segments(&self.dir)?.last().map_or(0, |(number, _)| *number);
        let has_next =
            self.open.as_ref().is_some_and(|open| open.until.is_none_or(|until| self.next < until));
        if has_next && newest == self.newest {
            return Ok(());
        }
        let all = segment::headed(&self.dir)?;
        if let Some((first, _)) = all.first().filter(|(first, _)| *first > self.next) {
            batch.purged += first - self.next;
            self.next = *first;
        }
        // Of segments with the same beginning the last one counts: those before it were given up.
        let Some(place) = all.iter().rposition(|(first, _)| *first <= self.next) else {
            self.open = None;
            return Ok(());
        };
        let Some(((_, path), later)) = all.get(place..).and_then(<[_]>::split_first) else { return Ok(()) };
        let until = later.iter().map(|(first, _)| *first).min();
        self.newest = all.last().and_then(|(_, path)| segment::segment_number(path)).unwrap_or_default();
        match &mut self.open {
            Some(open) if open.path == *path => open.until = until,
            open => {
                let file = File::open(path).map_err(|source| ReadError::Io { path: path.clone(), source })?;
                *open = Some(Open { path: path.clone(), file, at: SEGMENT_HEAD as u64, until });
            }
        }
        Ok(())
    }
}

/// As many bytes as there are, up to the buffer's length.
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut n = 0;
    while let Some(rest) = buffer.get_mut(n..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + n as u64) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Journal;
    use crate::audit::journal::tests::{admission, folder, runtime, small};

    fn write(journal: &Journal, records: usize) {
        for _ in 0..records {
            drop(runtime().block_on(journal.admit(&admission())).unwrap_or_else(|e| panic!("{e}")));
        }
    }

    fn numbers(batch: &Batch) -> Vec<u64> {
        batch.entries.iter().map(|entry| entry.sequence).collect()
    }

    /// Across segments and restarts, in pieces of any size, each record comes once and in order, and none that is not durable yet.
    #[test]
    fn each_record_comes_once() {
        let dir = folder();
        let mut tails: Vec<(Tail, usize, Vec<u64>)> =
            [1, 3, 100].map(|most| (Tail::new(dir.path(), 0), most, Vec::new())).into();
        for _ in 0..3 {
            let (journal, _) = Journal::open(dir.path(), &small()).unwrap_or_else(|e| panic!("{e}"));
            for records in [1, 7, 30] {
                write(&journal, records);
                for (tail, most, seen) in &mut tails {
                    loop {
                        let batch =
                            tail.read(journal.durable() - 1, *most, 4000).unwrap_or_else(|e| panic!("{e}"));
                        assert!(batch.entries.len() <= *most && batch.purged == 0);
                        if batch.entries.is_empty() {
                            break;
                        }
                        seen.extend(numbers(&batch));
                    }
                    assert_eq!(seen.len() as u64, journal.durable() - 1);
                }
            }
            journal.close();
        }
        assert!(segment::headed(dir.path()).is_ok_and(|all| all.len() > 6), "several segments");
        for (_, most, seen) in tails {
            assert!(seen.iter().copied().eq(1..=seen.len() as u64), "{most}: {seen:?}");
        }
    }

    /// Of a record in a segment that was given up, the one counts that was written again behind it.
    #[test]
    fn what_was_given_up_is_left_out() {
        let dir = folder();
        let (journal, _) = Journal::open(dir.path(), &small()).unwrap_or_else(|e| panic!("{e}"));
        write(&journal, 2);
        journal.close();
        let mut tail = Tail::new(dir.path(), 0);
        assert_eq!(tail.read(2, 9, 1 << 20).map(|b| numbers(&b)).unwrap_or_default(), [1, 2]);
        // Two more reach the file, and their sync fails.
        let mut bytes = std::fs::read(segment::segment_path(dir.path(), 1)).unwrap_or_default();
        bytes.truncate(bytes.len() - bytes.iter().rev().take_while(|b| **b == 0).count());
        (0..2).for_each(|n| segment::encode(3 + n, n as u32, EntryKind::Event, b"{\"lost\":1}", &mut bytes));
        std::fs::write(segment::segment_path(dir.path(), 1), &bytes).unwrap_or_else(|e| panic!("{e}"));
        let mut next = Vec::new();
        segment::encode_head(3, &mut next);
        segment::encode(3, 0, EntryKind::Event, b"{\"kept\":1}", &mut next);
        std::fs::write(segment::segment_path(dir.path(), 2), &next).unwrap_or_else(|e| panic!("{e}"));
        let batch = tail.read(3, 9, 1 << 20).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(batch.entries.first().map(|e| e.payload.as_slice()), Some(&b"{\"kept\":1}"[..]));
    }

    /// A purge under a reader is told, damage is an error, and the next call tries again.
    #[test]
    fn gaps_are_told() {
        let dir = folder();
        let (journal, _) = Journal::open(dir.path(), &small()).unwrap_or_else(|e| panic!("{e}"));
        write(&journal, 40);
        let all = segment::headed(dir.path()).unwrap_or_default();
        let (second, _) = all.get(1).cloned().unwrap_or_default();
        let first = std::fs::read(segment::segment_path(dir.path(), 1)).unwrap_or_default();
        let mut damaged = first.clone();
        if let Some(byte) = damaged.get_mut(segment::SEGMENT_HEAD + 30) {
            *byte ^= 1;
        }
        std::fs::write(segment::segment_path(dir.path(), 1), &damaged).unwrap_or_else(|e| panic!("{e}"));
        let mut tail = Tail::new(dir.path(), 0);
        for _ in 0..2 {
            assert!(matches!(tail.read(40, 99, 1 << 20), Err(ReadError::Damaged { sequence: 1, .. })));
        }
        std::fs::remove_file(segment::segment_path(dir.path(), 1)).unwrap_or_else(|e| panic!("{e}"));
        let batch = tail.read(40, 99, 1 << 20).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((batch.purged, numbers(&batch)), (second - 1, (second..=40).collect::<Vec<_>>()));
    }
}
