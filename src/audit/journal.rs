//! The journal's writer: one thread, group commit, a receipt for what is durable.
//!
//! All records that wait are written with one write and one `fdatasync`; then everybody who waits gets a [`Receipt`]. After a
//! failed write or sync the segment is never trusted again (a second `fsync` after a failure may lie): those who wait get an
//! error, and the next batch starts a fresh segment, which also is how the journal recovers by itself once a full disk has room.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::record::{Admission, End};
use super::segment::{self, Disk, EntryKind, MAGIC, ReadError, RealDisk, Recovered, SegmentFile};
use super::settings::JournalSettings;

/// Proof that an exchange's admission record is durable. Only the journal makes one, and an answer cannot begin without it.
#[derive(Debug)]
#[must_use = "an admission record without an answer is an exchange that was recorded and refused"]
pub struct Receipt {
    sequence: u64,
}

impl Receipt {
    /// A receipt for tests of what comes after it; only tests and fuzzers can forge one.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn forged() -> Self {
        Self { sequence: 0 }
    }

    /// The record's place in the journal.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }
}

/// Why a record could not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// As many records wait as may.
    #[error("{0} records wait for the disk already")]
    Full(usize),
    /// The disk failed.
    #[error("the record could not be written: {0}")]
    Disk(String),
    /// The writer has ended.
    #[error("the journal is closed")]
    Closed,
}

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What is there cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The folder cannot be made or the thread not started.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

struct Waiting {
    kind: EntryKind,
    payload: Vec<u8>,
    done: Option<oneshot::Sender<Result<Receipt, JournalError>>>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    closed: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    limit: usize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A handle to the journal; clones share it.
#[derive(Clone)]
pub struct Journal {
    shared: Arc<Shared>,
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").finish_non_exhaustive()
    }
}

impl Journal {
    /// Opens the journal in `dir`, making the folder if need be. What stands there is read through; new records go to a fresh segment.
    pub fn open(dir: &Path, settings: &JournalSettings) -> Result<(Self, Recovered), OpenError> {
        Self::open_on(dir, settings, Box::new(RealDisk))
    }

    fn open_on(
        dir: &Path,
        settings: &JournalSettings,
        disk: Box<dyn Disk>,
    ) -> Result<(Self, Recovered), OpenError> {
        let io = |source| OpenError::Io { path: dir.to_owned(), source };
        segment::private_dir(dir).map_err(io)?;
        let recovered = segment::read_dir(dir, &mut |_| {})?;
        let shared =
            Arc::new(Shared { queue: Mutex::default(), wake: Condvar::new(), limit: settings.queue.max(1) });
        let mut writer = Writer {
            dir: dir.to_owned(),
            disk,
            segment_bytes: (settings.segment.get() as u64).max(4096),
            number: recovered.segment,
            sequence: recovered.last,
            file: None,
            written: 0,
            buffer: Vec::new(),
        };
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || writer.run(&for_thread))
            .map_err(io)?;
        Ok((Self { shared, writer: Arc::new(Mutex::new(Some(thread))) }, recovered))
    }

    /// Writes an admission record; resolves when it is durable.
    pub async fn admit(&self, admission: &Admission) -> Result<Receipt, JournalError> {
        let payload = serde_json::to_vec(admission).map_err(|e| JournalError::Disk(e.to_string()))?;
        let (done, waits) = oneshot::channel();
        self.push(Waiting { kind: EntryKind::Admission, payload, done: Some(done) }, true)?;
        waits.await.unwrap_or(Err(JournalError::Closed))
    }

    /// Writes an end record. Never waits: it goes out with the next batch.
    pub fn end(&self, end: &End) -> Result<(), JournalError> {
        let payload = serde_json::to_vec(end).map_err(|e| JournalError::Disk(e.to_string()))?;
        self.push(Waiting { kind: EntryKind::End, payload, done: None }, false)
    }

    /// Writes what waits and ends the writer. Later records are refused.
    pub fn close(&self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_one();
        let thread = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A writer that panicked has dropped its waiters already, and they have got their error.
            let _ = thread.join();
        }
    }

    /// End records may use twice the room of admissions, so that what was admitted can also be ended.
    fn push(&self, record: Waiting, admission: bool) -> Result<(), JournalError> {
        let mut queue = self.shared.lock();
        let limit = if admission { self.shared.limit } else { self.shared.limit * 2 };
        if queue.closed {
            return Err(JournalError::Closed);
        }
        if queue.waiting.len() >= limit {
            return Err(JournalError::Full(queue.waiting.len()));
        }
        // End records wait for the next admission or the writer's next look: nobody waits for them.
        let first = queue.waiting.is_empty();
        queue.waiting.push(record);
        drop(queue);
        if first || admission {
            self.shared.wake.notify_one();
        }
        Ok(())
    }
}

struct Writer {
    dir: PathBuf,
    disk: Box<dyn Disk>,
    segment_bytes: u64,
    number: u64,
    /// The last sequence number that is durable.
    sequence: u64,
    file: Option<Box<dyn SegmentFile>>,
    written: u64,
    buffer: Vec<u8>,
}

impl Writer {
    fn run(&mut self, shared: &Shared) {
        loop {
            let batch = {
                let mut queue = shared.lock();
                while queue.waiting.is_empty() && !queue.closed {
                    queue = shared.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
                }
                if queue.waiting.is_empty() {
                    return;
                }
                std::mem::take(&mut queue.waiting)
            };
            let result = self.write(&batch);
            if result.is_err() {
                self.file = None;
            }
            self.answer(batch, &result);
        }
    }

    fn answer(&mut self, batch: Vec<Waiting>, result: &std::io::Result<()>) {
        for record in batch {
            if result.is_ok() {
                self.sequence += 1;
            }
            let Some(done) = record.done else { continue };
            let answer = match result {
                Ok(()) => Ok(Receipt { sequence: self.sequence }),
                Err(e) => Err(JournalError::Disk(e.kind().to_string())),
            };
            // A client that has left does not wait any more; its record stands all the same.
            let _ = done.send(answer);
        }
    }

    fn write(&mut self, batch: &[Waiting]) -> std::io::Result<()> {
        self.buffer.clear();
        if self.file.is_some() && self.written >= self.segment_bytes {
            self.file = None;
        }
        if self.file.is_none() {
            self.number += 1;
            self.file = Some(self.disk.create(&segment::segment_path(&self.dir, self.number))?);
            self.written = 0;
            self.buffer.extend_from_slice(MAGIC);
            self.buffer.extend_from_slice(&(self.sequence + 1).to_le_bytes());
        }
        for (place, record) in (1..).zip(batch) {
            segment::encode(self.sequence + place, record.kind, &record.payload, &mut self.buffer);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write(&self.buffer)?;
        file.sync()?;
        self.written += self.buffer.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
