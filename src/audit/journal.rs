//! The journal's writer: one thread, group commit, a receipt for what is durable.
//!
//! All records that wait are written with one write and one `fdatasync`; then everybody who waits gets a [`Receipt`]. After a
//! failed write or sync the segment is never trusted again (a second `fsync` after a failure may lie): those who wait get an
//! error, and the next batch starts a fresh segment, which also is how the journal recovers by itself once a full disk has room.
//!
//! A sync costs about as much as an exchange does otherwise. So while others are in flight, the writer gathers their admissions for
//! up to [`GATHER`] before it syncs; no longer than until all of them wait, and only as long as that pays (PostgreSQL's
//! `commit_delay` and `commit_siblings`).
//!
//! Nobody waits for an end record. It stays in the queue until an admission comes along or [`LINGER`] is over, so that a busy
//! gateway pays one sync for many records; and it stays there while the disk fails, up to the queue's length.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::disk::{self, Disk, RealDisk, SegmentFile};
use super::merkle::{Hash, LeafHasher};
use super::notary::{News, Notary, NotaryError, NotaryHandle};
use super::note::Signer;
use super::record::{Admission, End, Event};
use super::segment::{self, EntryKind, ReadError, Recovered};
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
    /// The records are not those that were signed, or the tree's files cannot be used.
    #[error(transparent)]
    Notary(#[from] NotaryError),
    /// Another process writes to it.
    #[error("{path}: another gateway writes this journal", path = path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// The folder cannot be made or the thread not started.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// How long an end record waits for company before it gets a sync of its own.
const LINGER: Duration = Duration::from_millis(20);
/// How long admissions wait for the admissions of other exchanges.
const GATHER: Duration = Duration::from_millis(5);
/// Exchanges in flight from which on it is tried; a single client is never kept waiting.
const SIBLINGS: usize = 5;
/// It pays if so many come along.
const PAYS: usize = 3;
/// If it does not, as many commits go by before it is tried again.
const PAUSE: u32 = 64;
/// How long the writer rests after a failure when only end records wait. Admissions are tried at once.
const RETRY: Duration = Duration::from_millis(250);
/// A buffer that has grown beyond this for one batch is given back.
const BUFFER: usize = 1 << 20;

/// What one sync made durable, or failed to.
#[derive(Clone, Copy, Debug)]
pub struct Commit {
    /// Records in the batch.
    pub records: usize,
    /// Bytes of the batch.
    pub bytes: usize,
    /// Time of the write and its sync.
    pub took: Duration,
    /// Whether it is durable.
    pub durable: bool,
    /// End records given up for good because too many waited for a disk that failed.
    pub lost: usize,
}

/// Told of every commit, on the journal's own thread.
pub type Watcher = Box<dyn Fn(Commit) + Send>;

struct Waiting {
    kind: EntryKind,
    payload: Vec<u8>,
    /// None for an end record.
    done: Option<oneshot::Sender<Result<Receipt, JournalError>>>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    /// Admissions among them.
    admissions: usize,
    /// Exchanges that were admitted or wait for it, and have not ended.
    open: usize,
    /// The writer waits without an end of its own.
    dozing: bool,
    /// The writer waits until so many admissions do.
    gathering: Option<usize>,
    closed: bool,
}

/// Whether gathering pays.
#[derive(Default)]
struct Gather {
    pause: u32,
}

struct Shared {
    /// The last batch could not be written.
    failing: AtomicBool,
    /// The last record that is durable.
    durable: AtomicU64,
    queue: Mutex<Queue>,
    wake: Condvar,
    limit: usize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for records; an empty batch says that the journal is closed. With `kept` records in hand it comes back for them too.
    fn next_batch(&self, kept: bool, gather: &mut Gather) -> Vec<Waiting> {
        let mut queue = self.lock();
        let mut until = kept.then(|| now() + RETRY);
        loop {
            if queue.closed || queue.admissions > 0 {
                break;
            }
            // While exchanges are in flight the writer looks up by itself, so that their ends need not wake it.
            if until.is_none() && (queue.open > 0 || !queue.waiting.is_empty()) {
                until = Some(now() + LINGER);
            }
            queue = match until.map(|t| t.saturating_duration_since(now())) {
                Some(Duration::ZERO) if queue.waiting.is_empty() && !kept => {
                    until = None;
                    queue
                }
                Some(Duration::ZERO) => break,
                Some(left) => self.wake.wait_timeout(queue, left).map_or_else(|e| e.into_inner().0, |w| w.0),
                None => {
                    queue.dozing = true;
                    let mut queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
                    queue.dozing = false;
                    queue
                }
            };
        }
        if queue.admissions > 0 && !queue.closed {
            queue = self.gather(queue, gather);
        }
        queue.admissions = 0;
        std::mem::take(&mut queue.waiting)
    }

    fn gather<'q>(&'q self, mut queue: MutexGuard<'q, Queue>, gather: &mut Gather) -> MutexGuard<'q, Queue> {
        if queue.open < SIBLINGS || queue.admissions >= queue.open {
            return queue;
        }
        if gather.pause > 0 {
            gather.pause -= 1;
            return queue;
        }
        let before = queue.admissions;
        let until = now() + GATHER;
        queue.gathering = Some(queue.open);
        while !queue.closed && queue.gathering.is_some() {
            let left = until.saturating_duration_since(now());
            if left.is_zero() {
                break;
            }
            queue = self.wake.wait_timeout(queue, left).map_or_else(|e| e.into_inner().0, |w| w.0);
        }
        queue.gathering = None;
        if queue.admissions < before + PAYS {
            gather.pause = PAUSE;
        }
        queue
    }
}

/// Bytes of the newest segments that are read at a start, but two of them whatever their size: a fraction of a second's work.
const READ_AT_START: u64 = 32 << 20;

/// Reads what a start has to know, and takes up the tree.
fn recover(
    dir: &Path,
    settings: &JournalSettings,
    signer: Option<Signer>,
) -> Result<(Recovered, Option<Notary>), OpenError> {
    let Some(signer) = signer else {
        let read = segment::walk_newest(dir, READ_AT_START, &mut |_| {}, &mut |_, _, _| {})?;
        return Ok((read, None));
    };
    let signer = Arc::new(signer);
    match recover_signed(dir, settings, &signer, READ_AT_START) {
        // Tiles that are missing or damaged are made anew from all records.
        Err(OpenError::Notary(NotaryError::Tiles(_) | NotaryError::Changed { .. })) => {
            recover_signed(dir, settings, &signer, u64::MAX)
        }
        done => done,
    }
}

fn recover_signed(
    dir: &Path,
    settings: &JournalSettings,
    signer: &Arc<Signer>,
    budget: u64,
) -> Result<(Recovered, Option<Notary>), OpenError> {
    let mut first = 0;
    let mut hasher = LeafHasher::default();
    let mut leaves: Vec<Hash> = Vec::new();
    let mut visit = |_, _, payload: &[u8]| leaves.push(hasher.hash(payload));
    let read = segment::walk_newest(dir, budget, &mut |sequence| first = sequence - 1, &mut visit)?;
    let mut notary = Notary::resume(dir, Arc::clone(signer), settings.checkpoint.0, first)?;
    for (index, leaf) in (first..).zip(leaves) {
        notary.replay(index, leaf);
    }
    notary.check()?;
    Ok((read, Some(notary)))
}

#[expect(clippy::disallowed_methods, reason = "the writer's thread stands at the edge")]
fn now() -> Instant {
    Instant::now()
}

/// The writer's thread, ended when the last handle goes.
struct Handle {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// The notary's thread, which ends behind the writer's.
    notary: Mutex<Option<JoinHandle<()>>>,
    /// Records under the last checkpoint.
    signed: Arc<AtomicU64>,
}

impl Handle {
    fn close(&self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_one();
        for thread in [&self.thread, &self.notary] {
            let thread = thread.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(thread) = thread {
                // A writer that panicked has dropped its waiters already, and they have got their error.
                let _ = thread.join();
            }
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
    }
}

/// A handle to the journal; clones share it.
#[derive(Clone)]
pub struct Journal {
    handle: Arc<Handle>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").finish_non_exhaustive()
    }
}

impl Journal {
    /// Opens the journal in `dir`, making the folder if need be, for this process alone. The newest of what stands there is read, an
    /// incomplete end is cut off, and new records go to a fresh segment. Nothing is signed.
    pub fn open(dir: &Path, settings: &JournalSettings) -> Result<(Self, Recovered), OpenError> {
        Self::open_on(dir, settings, None, Box::new(RealDisk), Box::new(|_| {}))
    }

    /// The same; what it holds has to be what was signed, and new records go on to be signed. `watcher` is told of every commit.
    pub fn open_signed(
        dir: &Path,
        settings: &JournalSettings,
        signer: Signer,
        watcher: Watcher,
    ) -> Result<(Self, Recovered), OpenError> {
        Self::open_on(dir, settings, Some(signer), Box::new(RealDisk), watcher)
    }

    fn open_on(
        dir: &Path,
        settings: &JournalSettings,
        signer: Option<Signer>,
        disk: Box<dyn Disk>,
        watcher: Watcher,
    ) -> Result<(Self, Recovered), OpenError> {
        let io = |source| OpenError::Io { path: dir.to_owned(), source };
        disk::private_dir(dir).map_err(io)?;
        let lock = disk::lock(dir).map_err(io)?.ok_or_else(|| OpenError::Locked { path: dir.to_owned() })?;
        let (recovered, notary) = recover(dir, settings, signer)?;
        for torn in &recovered.torn {
            disk::cut(&torn.path, torn.at)
                .map_err(|source| OpenError::Io { path: torn.path.clone(), source })?;
        }
        // Records of the last batch may have been read from the page cache of a process that was killed before its sync ended.
        // What follows builds on them, so they are made durable now.
        if let Some((path, end)) = &recovered.tail {
            disk::cut(path, *end).map_err(|source| OpenError::Io { path: path.clone(), source })?;
        }
        let notary = notary.map(Notary::start).transpose().map_err(io)?;
        let (news, notary, signed) = match notary {
            Some(NotaryHandle { news, thread, signed }) => (Some(news), Some(thread), signed),
            None => (None, None, Arc::default()),
        };
        let shared = Arc::new(Shared {
            failing: AtomicBool::new(false),
            durable: AtomicU64::new(recovered.last),
            queue: Mutex::default(),
            wake: Condvar::new(),
            limit: settings.queue.max(1),
        });
        let mut writer = Writer {
            dir: dir.to_owned(),
            disk,
            segment_bytes: (settings.segment.get() as u64).max(4096),
            number: recovered.segment,
            sequence: recovered.last,
            file: None,
            buffer: Vec::new(),
            kept: Vec::new(),
            failing: false,
            news,
            hasher: LeafHasher::default(),
            watcher,
            _lock: lock,
        };
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || {
                let _guard = CloseQueue(&for_thread);
                writer.run(&for_thread);
            })
            .map_err(io)?;
        let (thread, notary) = (Mutex::new(Some(thread)), Mutex::new(notary));
        Ok((Self { handle: Arc::new(Handle { shared, thread, notary, signed }) }, recovered))
    }

    /// Writes an admission record, at once; what it returns resolves when the record is durable.
    pub fn admit(
        &self,
        admission: &Admission,
    ) -> impl Future<Output = Result<Receipt, JournalError>> + use<> {
        let (done, waits) = oneshot::channel();
        let payload = serde_json::to_vec(admission).map_err(|e| JournalError::Disk(e.to_string()));
        let pushed = payload
            .and_then(|payload| self.push(Waiting { kind: EntryKind::Admission, payload, done: Some(done) }));
        async move {
            pushed?;
            waits.await.unwrap_or(Err(JournalError::Closed))
        }
    }

    /// Writes what was done to the journal; what it returns resolves when that is durable.
    pub fn note(&self, event: &Event) -> impl Future<Output = Result<Receipt, JournalError>> + use<> {
        let (done, waits) = oneshot::channel();
        let payload = serde_json::to_vec(event).map_err(|e| JournalError::Disk(e.to_string()));
        let pushed = payload
            .and_then(|payload| self.push(Waiting { kind: EntryKind::Event, payload, done: Some(done) }));
        async move {
            pushed?;
            waits.await.unwrap_or(Err(JournalError::Closed))
        }
    }

    /// Writes an end record. Never waits: it goes out with the next batch.
    pub fn end(&self, end: &End) -> Result<(), JournalError> {
        let payload = serde_json::to_vec(end).map_err(|e| JournalError::Disk(e.to_string()))?;
        self.push(Waiting { kind: EntryKind::End, payload, done: None })
    }

    /// Whether the last batch could not be written. Who asks an upstream meanwhile waits for the receipt first: a record that will not be
    /// there sends no prompt away.
    pub fn is_failing(&self) -> bool {
        self.handle.shared.failing.load(Ordering::Acquire)
    }

    /// The number of the last record that is durable; 0 in an empty journal.
    pub fn durable(&self) -> u64 {
        self.handle.shared.durable.load(Ordering::Acquire)
    }

    /// How many records stand under the last checkpoint.
    pub fn signed(&self) -> u64 {
        self.handle.signed.load(Ordering::Acquire)
    }

    /// Writes what waits and ends the writer. Later records are refused.
    pub fn close(&self) {
        self.handle.close();
    }

    /// End records may use twice the room of admissions, so that what was admitted can also be ended.
    fn push(&self, record: Waiting) -> Result<(), JournalError> {
        let shared = &self.handle.shared;
        let admission = record.done.is_some();
        let limit = if admission { shared.limit } else { shared.limit * 2 };
        let mut queue = shared.lock();
        if queue.closed {
            return Err(JournalError::Closed);
        }
        if queue.waiting.len() >= limit {
            return Err(JournalError::Full(queue.waiting.len()));
        }
        // The first admission ends the writer's wait; another record only has to begin it.
        let mut news = queue.dozing || admission && queue.admissions == 0;
        queue.admissions += usize::from(admission);
        match record.kind {
            EntryKind::Admission => queue.open += 1,
            EntryKind::End => queue.open = queue.open.saturating_sub(1),
            EntryKind::Event => {}
        }
        queue.waiting.push(record);
        // The writer also looks up when nobody is left to wait for.
        if queue.gathering.is_some_and(|all| queue.admissions >= all) {
            queue.gathering = None;
            news = true;
        }
        drop(queue);
        if news {
            shared.wake.notify_one();
        }
        Ok(())
    }
}

/// However the writer ends, by a fault too: what waits gets its error, and nothing more is taken.
struct CloseQueue<'s>(&'s Shared);

impl Drop for CloseQueue<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.closed = true;
        queue.waiting.clear();
    }
}

/// The segment that is written now.
struct Open {
    path: PathBuf,
    file: Box<dyn SegmentFile>,
    written: u64,
}

struct Writer {
    dir: PathBuf,
    disk: Box<dyn Disk>,
    segment_bytes: u64,
    number: u64,
    /// The last sequence number that is durable.
    sequence: u64,
    file: Option<Open>,
    buffer: Vec<u8>,
    /// End records that a failed batch held: they go out again with the next one.
    kept: Vec<Waiting>,
    failing: bool,
    /// To the notary, if there is one.
    news: Option<Sender<News>>,
    hasher: LeafHasher,
    watcher: Watcher,
    _lock: File,
}

impl Writer {
    fn run(&mut self, shared: &Shared) {
        let mut gather = Gather::default();
        loop {
            let mut batch = std::mem::take(&mut self.kept);
            batch.append(&mut shared.next_batch(!batch.is_empty(), &mut gather));
            let closing = shared.lock().closed;
            if !batch.is_empty() {
                let admissions = batch.iter().filter(|record| record.kind == EntryKind::Admission).count();
                if !self.commit(batch, shared) {
                    // They were refused, and no end record will follow.
                    let mut queue = shared.lock();
                    queue.open = queue.open.saturating_sub(admissions);
                }
            }
            if closing && shared.lock().waiting.is_empty() {
                if !self.kept.is_empty() {
                    tracing::error!(
                        records = self.kept.len(),
                        "the journal closes without these end records"
                    );
                }
                return;
            }
        }
    }

    /// Writes a batch and tells those who wait. False if it failed.
    fn commit(&mut self, batch: Vec<Waiting>, shared: &Shared) -> bool {
        let (began, room) = (now(), shared.limit * 2);
        let result = self.write(&batch);
        // Before those who wait are told: whoever asks next knows it.
        shared.failing.store(result.is_err(), Ordering::Release);
        if result.is_ok() {
            shared.durable.fetch_add(batch.len() as u64, Ordering::Release);
        }
        let mut commit = Commit {
            records: batch.len(),
            bytes: self.buffer.len(),
            took: began.elapsed(),
            durable: result.is_ok(),
            lost: 0,
        };
        if let Err(error) = &result {
            self.give_up(error);
        } else if std::mem::take(&mut self.failing) {
            tracing::warn!("the journal can be written again");
        }
        let signs = result.is_ok() && self.news.is_some();
        let mut leaves: Vec<Vec<u8>> = Vec::with_capacity(if signs { batch.len() } else { 0 });
        for mut record in batch {
            if result.is_ok() {
                self.sequence += 1;
            }
            if signs {
                leaves.push(std::mem::take(&mut record.payload));
            }
            // A client that has left does not wait any more; its record stands all the same.
            match (record.done, &result) {
                (Some(done), Ok(())) => drop(done.send(Ok(Receipt { sequence: self.sequence }))),
                (Some(done), Err(e)) => drop(done.send(Err(JournalError::Disk(e.kind().to_string())))),
                (None, Ok(())) => {}
                (None, Err(_)) if self.kept.len() < room => self.kept.push(Waiting { done: None, ..record }),
                (None, Err(_)) => commit.lost += 1,
            }
        }
        if let Some(news) = self.news.as_ref().filter(|_| signs) {
            // Nobody waits any more: there is time for hashes.
            let leaves: Vec<Hash> = leaves.iter().map(|payload| self.hasher.hash(payload)).collect();
            // A notary that has ended by a fault is found by the next start.
            let _ = news.send(News::Leaves(leaves));
        }
        (self.watcher)(commit);
        if self.buffer.capacity() > BUFFER {
            self.buffer = Vec::new();
        }
        commit.durable
    }

    /// Leaves the segment for good. One without a durable record is removed, so that a full disk does not fill with empty files.
    fn give_up(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.failing, true) {
            tracing::error!(%error, "the journal cannot be written; exchanges are refused until it can");
        }
        if let Some(Open { path, file, written: 0 }) = self.file.take() {
            drop(file);
            // If it stays, the reader leaves out what the next segment's head says was never acknowledged.
            let _ = self.disk.remove(&path);
        }
    }

    fn write(&mut self, batch: &[Waiting]) -> io::Result<()> {
        self.buffer.clear();
        if self.file.as_ref().is_some_and(|open| open.written >= self.segment_bytes) {
            self.file = None;
            let _ = self.news.as_ref().map(|news| news.send(News::Rotated));
        }
        let open = match &mut self.file {
            Some(open) => open,
            none => {
                // The number is used up even if the file cannot be made: its name may be there all the same.
                self.number += 1;
                let path = segment::segment_path(&self.dir, self.number);
                segment::encode_head(self.sequence + 1, &mut self.buffer);
                none.insert(Open { file: self.disk.create(&path)?, path, written: 0 })
            }
        };
        for (place, record) in (0u32..).zip(batch) {
            let sequence = self.sequence + 1 + u64::from(place);
            segment::encode(sequence, place, record.kind, &record.payload, &mut self.buffer);
        }
        open.file.write(&self.buffer)?;
        open.file.sync()?;
        open.written += self.buffer.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests;
