//! The notary: hashes of durable records go into the tree, and about once a second the tree is signed.
//!
//! It runs on a thread of its own behind the journal's and holds nobody up. What it writes follows from the records: a crash costs the
//! checkpoints of a second, and the next start makes up for them. It signs nothing that is not durable, so there are never two signed
//! trees of one size.

use super::checkpoint::Checkpoint;
use super::disk::private_dir;
use super::merkle::{Hash, TileError, TileReader, TileWriter, root};
use super::note::{NoteError, Signer};
use crate::diag::{loose_mode, write_new, write_whole};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// The folder of tiles and checkpoint within the journal's.
pub(super) const FOLDER: &str = "log";
/// The signed tree head.
pub(super) const CHECKPOINT: &str = "checkpoint";
/// The key that verifies it, for those who have no better source.
pub(super) const KEY: &str = "key";

/// Where the public key stands beside a journal.
pub fn key_path(journal: &Path) -> PathBuf {
    journal.join(FOLDER).join(KEY)
}

/// Why there is no notary.
#[derive(Debug, thiserror::Error)]
pub enum NotaryError {
    /// A file cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The key's file does not hold a key.
    #[error("{path}: {source}", path = path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: NoteError,
    },
    /// Others may read the key's file.
    #[error("{path}: the key may be read by others (mode {mode:o}), expected 600 or 640", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The last checkpoint is not signed with this key.
    #[error("{path}: {source}; restore the key that signed it, or move the journal's folder away to begin another one", path = path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: NoteError,
    },
    /// Records are gone that were signed.
    #[error(
        "the journal holds {found} records, its last checkpoint was signed over {signed}: records are gone. `sluicegate audit verify` says more; to begin another one, move the journal's folder away, and the copy of its last checkpoint that stands beside the key (`journal.last`)"
    )]
    Gone {
        /// Records that are there.
        found: u64,
        /// Records that were signed.
        signed: u64,
    },
    /// The records are others than those that were signed.
    #[error(
        "the first {size} records are not those that {path} was signed over. `sluicegate audit verify --kept {path}` says which; to begin another one, move the journal's folder away, and the copy of its last checkpoint that stands beside the key (`journal.last`)",
        path = path.display()
    )]
    Changed {
        /// The checkpoint's size.
        size: u64,
        /// Its file.
        path: PathBuf,
    },
    /// The tree's files.
    #[error(transparent)]
    Tiles(#[from] TileError),
}

/// Reads the signing key; makes it, for its owner only, where there is none. Without an `origin` a new key gets a name from chance.
pub fn load_or_make_signer(path: &Path, origin: Option<&str>) -> Result<Signer, NotaryError> {
    let io = |source| NotaryError::Io { path: path.to_owned(), source };
    let key = |source| NotaryError::Key { path: path.to_owned(), source };
    match fs::read_to_string(path).map(Zeroizing::new) {
        Ok(text) => {
            if let Some(mode) = loose_mode(path).map_err(io)? {
                return Err(NotaryError::Open { path: path.to_owned(), mode });
            }
            let mut signer = Signer::parse(&text).map_err(key)?;
            signer.file = Some(path.to_owned());
            Ok(signer)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut seed = Zeroizing::new([0; 32]);
            getrandom::fill(&mut *seed).map_err(|error| io(error.into()))?;
            let name = match origin {
                Some(origin) => origin.to_owned(),
                None => {
                    format!("sluicegate.invalid/{:08x}", getrandom::u32().map_err(|error| io(error.into()))?)
                }
            };
            let signer = Signer::new(&name, seed).map_err(key)?;
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(io)?;
            }
            match write_new(path, format!("{}\n", *signer.secret()).as_bytes()) {
                // Another process may have been faster; its key counts.
                Ok(()) => load_or_make_signer(path, origin),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    load_or_make_signer(path, origin)
                }
                Err(error) => Err(io(error)),
            }
        }
        Err(error) => Err(io(error)),
    }
}

/// Where the last checkpoint is kept beside the key.
fn beside_key(signer: &Signer) -> Option<PathBuf> {
    signer.file.as_ref().map(|file| file.with_extension("last"))
}

/// What the journal's writer tells.
pub(super) enum News {
    /// Hashes of records that are durable, in order.
    Leaves(Vec<Hash>),
    /// The records so far stand in segments that are full.
    Rotated,
}

/// Where the notary is told of records, and how far it has signed.
#[derive(Debug)]
pub(super) struct NotaryHandle {
    pub(super) news: Sender<News>,
    pub(super) thread: JoinHandle<()>,
    pub(super) signed: Arc<AtomicU64>,
}

/// A checkpoint that was signed before.
#[derive(Debug)]
struct Last {
    path: PathBuf,
    checkpoint: Checkpoint,
    /// Whether the records are those that it was signed over, once so many were seen.
    same: Option<bool>,
}

/// The tree as the last start left it.
#[derive(Debug)]
pub(super) struct Notary {
    dir: PathBuf,
    signer: Arc<Signer>,
    writer: TileWriter,
    interval: Duration,
    /// The last checkpoints: the journal's, and the copy beside the key.
    last: Vec<Last>,
    signed: u64,
    failing: bool,
}

impl Notary {
    /// Takes up the tree of a journal. `first`: the leaf with which the records read at the start begin; their hashes follow with
    /// [`Notary::replay`].
    pub(super) fn resume(
        journal: &Path,
        signer: Arc<Signer>,
        interval: Duration,
        first: u64,
    ) -> Result<Self, NotaryError> {
        let dir = journal.join(FOLDER);
        let io = |path: &Path, source| NotaryError::Io { path: path.to_owned(), source };
        private_dir(&dir).map_err(|source| io(&dir, source))?;
        // Beside the key stands a copy of what it signed last: who replaces the journal has to replace that too, be it by a longer one.
        let mut last = Vec::new();
        for path in std::iter::once(dir.join(CHECKPOINT)).chain(beside_key(&signer)) {
            let note = match fs::read_to_string(&path) {
                Ok(note) => note,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => return Err(io(&path, source)),
            };
            let checkpoint = Checkpoint::open(&note, signer.verifier())
                .map_err(|source| NotaryError::Checkpoint { path: path.clone(), source })?;
            last.push(Last { path, checkpoint, same: None });
        }
        let whole = first.next_multiple_of(super::merkle::TILE_WIDTH as u64);
        let writer = if whole == 0 { TileWriter::new(&dir) } else { TileWriter::resume(&dir, whole)? };
        let mut notary = Self { dir, signer, writer, interval, last, signed: 0, failing: false };
        notary.compare();
        Ok(notary)
    }

    /// A record that was there at the start.
    pub(super) fn replay(&mut self, index: u64, leaf: Hash) {
        // Those before stand in full tiles.
        if index >= self.writer.size() {
            self.writer.push(leaf);
            self.compare();
        }
    }

    fn compare(&mut self) {
        for last in self.last.iter_mut().filter(|last| last.checkpoint.size == self.writer.size()) {
            last.same = Some(last.checkpoint.root == self.writer.root());
        }
    }

    /// Compares with the last checkpoint what is there.
    pub(super) fn check(&mut self) -> Result<(), NotaryError> {
        let found = self.writer.size();
        for Last { path, checkpoint, same } in &self.last {
            let size = checkpoint.size;
            if size > found {
                return Err(NotaryError::Gone { found, signed: size });
            }
            let same = match same {
                Some(same) => *same,
                // It was signed over records before those that were read.
                None => root(&mut TileReader::new(&self.dir, found), size)? == checkpoint.root,
            };
            if !same {
                return Err(NotaryError::Changed { size, path: path.clone() });
            }
            self.signed = self.signed.max(size);
        }
        // On a full disk the gateway starts all the same, and refuses exchanges until there is room.
        let flushed = self.writer.flush().and_then(|()| self.publish_key());
        self.writer.replayed();
        self.note(flushed);
        Ok(())
    }

    fn publish_key(&self) -> io::Result<()> {
        let path = self.dir.join(KEY);
        let public = format!("{}\n", self.signer.verifier());
        if fs::read_to_string(&path).is_ok_and(|text| text == public) {
            return Ok(());
        }
        write_whole(&path, public.as_bytes(), 0o644)
    }

    /// Works on a thread of its own until nobody has news any more; then it signs once more.
    pub(super) fn start(mut self) -> io::Result<NotaryHandle> {
        let (news, told) = channel();
        let signed = Arc::new(AtomicU64::new(self.signed));
        let shared = Arc::clone(&signed);
        let thread =
            std::thread::Builder::new().name("notary".into()).spawn(move || self.run(&told, &shared))?;
        Ok(NotaryHandle { news, thread, signed })
    }

    fn run(&mut self, told: &Receiver<News>, signed: &AtomicU64) {
        // What a crash left without a checkpoint gets one at once.
        let mut due = (self.writer.size() > self.signed).then(now);
        loop {
            let news = match due {
                Some(due) => told.recv_timeout(due.saturating_duration_since(now())),
                None => told.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match news {
                Ok(News::Leaves(leaves)) => {
                    leaves.into_iter().for_each(|leaf| self.writer.push(leaf));
                    let flushed = self.writer.flush();
                    self.note(flushed);
                    due.get_or_insert_with(|| now() + self.interval);
                }
                Ok(News::Rotated) => {
                    let synced = self.writer.flush().and_then(|()| self.writer.sync());
                    self.note(synced);
                }
                Err(RecvTimeoutError::Timeout) => {
                    let done = self.sign();
                    due = if done.is_ok() { None } else { Some(now() + self.interval) };
                    self.note(done);
                    signed.store(self.signed, Ordering::Release);
                }
                Err(RecvTimeoutError::Disconnected) => {
                    if self.signed < self.writer.size() {
                        let done = self.sign();
                        self.note(done);
                        signed.store(self.signed, Ordering::Release);
                    }
                    return;
                }
            }
        }
    }

    fn sign(&mut self) -> io::Result<()> {
        self.writer.write_partial()?;
        let checkpoint = Checkpoint {
            origin: self.signer.verifier().name().to_owned(),
            size: self.writer.size(),
            root: self.writer.root(),
        };
        let note = checkpoint.sign(&self.signer);
        write_whole(&self.dir.join(CHECKPOINT), note.as_bytes(), 0o644)?;
        if let Some(path) = beside_key(&self.signer) {
            write_whole(&path, note.as_bytes(), 0o600)?;
        }
        self.signed = checkpoint.size;
        Ok(())
    }

    /// Says once that something fails, and once that it works again.
    fn note(&mut self, result: io::Result<()>) {
        match result {
            Ok(()) if std::mem::take(&mut self.failing) => {
                tracing::warn!("the journal's tree can be written again");
            }
            Ok(()) => {}
            Err(error) if !std::mem::replace(&mut self.failing, true) => {
                tracing::error!(%error, "the journal's tree cannot be written; records go on, proofs wait");
            }
            Err(_) => {}
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the notary's thread stands at the edge")]
fn now() -> Instant {
    Instant::now()
}
