//! Keeps prints: a thread takes answers as they end, another sorts what there is, and no exchange waits for either.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;

use super::grams::{Common, Prints};
use super::keys::PrintKeys;
use super::log::{Log, Memory, Torn, entry, load};
use super::record::PrintRecord;
use super::shelf::{Shelf, files, lock, log_path, named, segment_path};
use super::sort::Sorter;
use crate::diag::moment::now_ms;

/// Answers that wait at most, and their bytes with those of their requests.
const QUEUE: usize = 1024;
const MOST_WAITING: usize = 64 << 20;
/// A log of so many prints becomes a segment.
const FULL: usize = 1 << 18;
/// How often it is looked for erasures, and how often written prints are made durable at least.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is looked for what is too old.
const AGE: u32 = 3600;
/// Fewer prints than this tell nothing.
const FEWEST: usize = 4;

/// An answer that was delivered.
#[derive(Debug)]
pub struct Delivery {
    /// The exchange, and when it began.
    pub record: PrintRecord,
    /// Its tenant's name.
    pub tenant: Arc<str>,
    /// The answer's texts as the client got them.
    pub texts: Vec<String>,
    /// The request's body.
    pub asked: Bytes,
}

impl Delivery {
    fn bytes(&self) -> usize {
        self.asked.len() + self.texts.iter().map(String::len).sum::<usize>()
    }
}

/// What became of prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// So many of an answer are kept.
    Kept(usize),
    /// An answer has too few to be known by: it is short, or says what the request said.
    Short,
    /// An answer's are not kept: too many wait, or they cannot be written.
    Lost,
    /// So many answers' are gone: their time was over, or there was no more room.
    Expired(usize),
    /// So many answers' are gone from the files, which were erased before.
    Erased(usize),
}

/// What a keeper is told and tells.
pub struct PrintPlan {
    /// The folder.
    pub folder: std::path::PathBuf,
    /// The keys.
    pub keys: PrintKeys,
    /// What tells nothing.
    pub common: Common,
    /// Days for which prints are kept.
    pub days: u32,
    /// The most bytes on disk.
    pub size: u64,
    /// Whether nothing may go now, since somebody holds it.
    pub is_held: Box<dyn Fn() -> bool + Send + Sync>,
    /// Is told what becomes of prints.
    pub told: Box<dyn Fn(Fate) + Send + Sync>,
}

impl std::fmt::Debug for PrintPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrintPlan").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// Keeps prints.
pub struct Keeper {
    shelf: Arc<Shelf>,
    jobs: Mutex<Option<SyncSender<Delivery>>>,
    waiting: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    told: Arc<dyn Fn(Fate) + Send + Sync>,
    _lock: fs::File,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("shelf", &self.shelf).finish_non_exhaustive()
    }
}

impl Keeper {
    /// Opens the folder, and makes it where there is none. What of a log cannot be read is cut off, and given back.
    ///
    /// # Errors
    /// A file cannot be read or written, or another process keeps prints there.
    pub fn start(plan: PrintPlan) -> io::Result<(Self, Vec<Torn>)> {
        let PrintPlan { folder, keys, common, days, size, is_held, told } = plan;
        private(&folder)?;
        let locked = lock(&folder)?.ok_or_else(|| {
            let what = format!("{}: another process keeps prints there", folder.display());
            io::Error::new(io::ErrorKind::AlreadyExists, what)
        })?;
        let found = files(&folder)?;
        for path in &found.left {
            fs::remove_file(path).map_err(|error| named(path, &error))?;
        }
        let (mut torn, mut last) = (Vec::new(), None);
        for (number, path) in &found.logs {
            let (good, bytes) = load(path, &mut Memory::default()).map_err(|error| named(path, &error))?;
            if good < bytes {
                torn.push(Torn { path: path.clone(), bytes: bytes - good });
            }
            last = Some((*number, Log::open(path, good).map_err(|error| named(path, &error))?));
        }
        let first = found.logs.first().map(|(number, _)| *number);
        let next = found.segments.iter().map(|(span, _)| span.1 + 1).max().unwrap_or(1);
        let (number, log) = if let Some(last) = last {
            last
        } else {
            let path = log_path(&folder, next);
            (next, Log::open(&path, 0).map_err(|error| named(&path, &error))?)
        };
        let shelf = Arc::new(Shelf::open(&folder, keys, common, Some(days))?);
        let told: Arc<dyn Fn(Fate) + Send + Sync> = told.into();
        let (jobs, taken) = sync_channel(QUEUE);
        let (sorts, to_sort) = sync_channel(1);
        let (waiting, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let sorter = Sorter {
            shelf: Arc::clone(&shelf),
            size,
            is_held,
            told: Arc::clone(&told),
            stop: Arc::clone(&stop),
        };
        let writer = Writer {
            shelf: Arc::clone(&shelf),
            log,
            logs: (first.unwrap_or(number), number),
            told: Arc::clone(&told),
            waiting: Arc::clone(&waiting),
            sorts,
        };
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new().name(name.to_owned()).spawn(run)
        };
        let threads = vec![
            spawn("prints", Box::new(move || writer.run(&taken)))?,
            spawn("prints-sort", Box::new(move || sorter.run(&to_sort)))?,
        ];
        let keeper = Self {
            shelf,
            jobs: Mutex::new(Some(jobs)),
            waiting,
            stop,
            threads: Mutex::new(threads),
            told,
            _lock: locked,
        };
        Ok((keeper, torn))
    }

    /// What is kept, to be looked at.
    pub fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// The same, for another thread.
    pub fn shelf_of(&self) -> Arc<Shelf> {
        Arc::clone(&self.shelf)
    }

    /// Takes an answer. Never waits: where too many do, it is lost, which is told.
    pub fn take(&self, delivery: Delivery) {
        let bytes = delivery.bytes();
        let waiting = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = waiting + bytes <= MOST_WAITING
            && jobs.as_ref().is_some_and(|jobs| jobs.try_send(delivery).is_ok());
        drop(jobs);
        if !sent {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            (self.told)(Fate::Lost);
        }
    }

    /// Writes what waits, and ends.
    pub fn close(&self) {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.stop.store(true, Ordering::Relaxed);
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread that keeps prints panicked");
            }
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.close();
    }
}

/// Makes prints of answers, and writes the log.
struct Writer {
    shelf: Arc<Shelf>,
    log: Log,
    /// The numbers of the first log that is in memory, and of the one that is being written.
    logs: (u32, u32),
    told: Arc<dyn Fn(Fate) + Send + Sync>,
    waiting: Arc<AtomicUsize>,
    sorts: SyncSender<()>,
}

impl Writer {
    fn run(mut self, taken: &Receiver<Delivery>) {
        let mut looks = 0;
        self.sort();
        loop {
            match taken.recv_timeout(LOOK) {
                Ok(delivery) => {
                    let bytes = delivery.bytes();
                    let fate = self.keep(&delivery).unwrap_or_else(|error| {
                        tracing::error!(%error, "prints of an answer are not kept");
                        Fate::Lost
                    });
                    self.waiting.fetch_sub(bytes, Ordering::Relaxed);
                    (self.told)(fate);
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if let Err(error) = self.log.sync() {
                tracing::error!(%error, "prints are not durable");
            }
            looks += 1;
            if self.was_erased() || looks % AGE == 0 {
                self.sort();
            }
        }
        if let Err(error) = self.log.sync() {
            tracing::error!(%error, "prints are not durable");
        }
    }

    fn keep(&mut self, delivery: &Delivery) -> io::Result<Fate> {
        {
            // What was erased while it was being said is not kept at all.
            let mut erased = self.shelf.erased.lock().unwrap_or_else(PoisonError::into_inner);
            erased.look(&self.shelf.folder)?;
            if erased.has(&delivery.record) {
                return Ok(Fate::Erased(1));
            }
        }
        let texts: Vec<&str> = delivery.texts.iter().map(String::as_str).collect();
        let prints = Prints::of(&self.shelf.keys, &texts, &delivery.asked, &self.shelf.common);
        if prints.prints.len() < FEWEST {
            return Ok(Fate::Short);
        }
        let key = self.shelf.keys.tenant(&delivery.tenant);
        let numbers = prints.numbers(&key);
        self.log.append(&entry(&delivery.record, &delivery.tenant, prints.letters, &numbers))?;
        let full = {
            let mut memory = self.shelf.memory.write().unwrap_or_else(PoisonError::into_inner);
            memory.add(delivery.record, &delivery.tenant, prints.letters, &numbers);
            memory.len() >= FULL
        };
        if full {
            self.roll()?;
            self.sort();
        }
        Ok(Fate::Kept(numbers.len()))
    }

    /// Whether others have erased something since it was looked last.
    fn was_erased(&mut self) -> bool {
        let looked = {
            let mut erased = self.shelf.erased.lock().unwrap_or_else(PoisonError::into_inner);
            // Whoever traces a text may have looked before.
            let seen = erased.seen;
            let looked = erased.look(&self.shelf.folder);
            erased.seen = erased.read;
            looked.map(|_| seen != erased.read)
        };
        looked.unwrap_or_else(|error| {
            tracing::error!(%error, "it cannot be read which prints were erased");
            false
        })
    }

    /// Has what there is sorted. What is in the log and is to go goes too.
    fn sort(&mut self) {
        let has_dead = {
            let memory = self.shelf.memory.read().unwrap_or_else(PoisonError::into_inner);
            let is_dead = self.shelf.is_dead(now_ms());
            memory.table.entries.iter().any(|entry| is_dead(&entry.record).is_some())
        };
        if has_dead && let Err(error) = self.roll() {
            tracing::error!(%error, "prints that were erased are still in the log, where nobody finds them");
        }
        // Where it is sorting already it looks once more.
        let _ = self.sorts.try_send(());
    }

    /// Makes a segment of the log.
    fn roll(&mut self) -> io::Result<()> {
        let folder = self.shelf.folder.clone();
        let path = segment_path(&folder, self.logs);
        let segment = {
            let memory = self.shelf.memory.read().unwrap_or_else(PoisonError::into_inner);
            if memory.len() == 0 {
                return Ok(());
            }
            memory.segment(&path).map_err(|error| named(&path, &error))?
        };
        let number = self.logs.1 + 1;
        self.log = Log::open(&log_path(&folder, number), 0)?;
        {
            let mut segments = self.shelf.segments.write().unwrap_or_else(PoisonError::into_inner);
            let mut memory = self.shelf.memory.write().unwrap_or_else(PoisonError::into_inner);
            segments.push((self.logs, Arc::new(segment)));
            *memory = Memory::default();
        }
        for old in self.logs.0..=self.logs.1 {
            remove(&log_path(&folder, old))?;
        }
        self.logs = (number, number);
        Ok(())
    }
}

/// Makes a folder that only its owner can look into.
fn private(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(named(path, &error)),
        _ => Ok(()),
    }
}
