//! Says whether a journal is what was signed, and where the first fault lies. All it needs is a copy of the folder and the public key.

use super::checkpoint::Checkpoint;
use super::lookup;
use super::merkle::{Hash, LeafHasher, Nodes as _, TileReader, TileWriter};
use super::notary::{CHECKPOINT, FOLDER};
use super::note::{NoteError, Verifier, notes_in};
use super::purge::{Purge, read_events};
use super::segment::{self, EntryKind, ReadError, Torn};
use super::timestamp::TimestampError;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What is wrong with a journal.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A segment is damaged.
    #[error(transparent)]
    Segment(#[from] ReadError),
    /// A file of the tree cannot be read, or is not there.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The checkpoint is not signed by the key.
    #[error("{path}: {source}", path = path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: NoteError,
    },
    /// Fewer records than were signed.
    #[error("{path} was signed over {signed} records, the journal holds {found}: record {next} is the first that is missing", next = found + 1, path = path.display())]
    Gone {
        /// The checkpoint's file.
        path: PathBuf,
        /// Records that were signed.
        signed: u64,
        /// Records that are there.
        found: u64,
    },
    /// The oldest records are gone, and none says that they were purged.
    #[error("records {from} to {to} are not there, and no record says that they were purged")]
    Unpurged {
        /// The first of them.
        from: u64,
        /// The last one.
        to: u64,
    },
    /// A record was purged, as one says, and its hash is gone too.
    #[error(
        "record {sequence} was purged, and the tree has lost its hash: what follows cannot be held against it"
    )]
    Lost {
        /// The record.
        sequence: u64,
    },
    /// A record is not the one that was signed.
    #[error("record {sequence} is not the one that was signed ({file}, the record that begins at byte {at})", file = path.display())]
    Record {
        /// Its number.
        sequence: u64,
        /// The segment.
        path: PathBuf,
        /// Where in it.
        at: usize,
    },
    /// Records and tiles agree, and differ from the checkpoint.
    #[error("the first {size} records do not have the root that {path} was signed over", path = path.display())]
    Root {
        /// The checkpoint's size.
        size: u64,
        /// The checkpoint's file.
        path: PathBuf,
    },
    /// A file that was kept holds only what other logs have signed.
    #[error("{path} holds no checkpoint of {origin}, but {others} of other logs", path = path.display())]
    Others {
        /// The file.
        path: PathBuf,
        /// The journal's name.
        origin: String,
        /// How many of others there are.
        others: usize,
    },
    /// A timestamp is none of its checkpoint.
    #[error("{path}: {source}", path = path.display())]
    Timestamp {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: TimestampError,
    },
    /// Fewer witnesses than asked for have cosigned.
    #[error(
        "{found} of the trusted witnesses have cosigned a checkpoint of this journal, {wanted} are asked for"
    )]
    Quorum {
        /// How many have.
        found: usize,
        /// How many should.
        wanted: usize,
    },
    /// A tile differs from the records.
    #[error("{path}: the tile does not fit the records, which are those that were signed", path = path.display())]
    Differs {
        /// The file.
        path: PathBuf,
    },
}

/// What was found in a journal without a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Records that are there.
    pub records: u64,
    /// How many of them were purged, as a record says: their hashes are there, they themselves are not.
    pub purged: u64,
    /// What records say of that, the oldest first.
    pub purges: Vec<Purge>,
    /// Full tiles of hashes that are not there. They follow from the records, where those are; without them nothing is proved.
    pub missing_tiles: u64,
    /// How many of them the checkpoint was signed over; those after it are sound, but not signed yet.
    pub signed: u64,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// Ends of segments that were never finished: what a crash leaves until the next start. No client was told of them.
    pub torn: Vec<Torn>,
}

/// Verifies the journal in `dir` against its own checkpoint and those in `kept`, which were put by elsewhere. `seen` is told of each record.
pub fn verify(
    dir: &Path,
    verifier: &Verifier,
    kept: &[PathBuf],
    seen: &mut dyn FnMut(u64),
) -> Result<Verified, Box<Fault>> {
    let own = dir.join(FOLDER).join(CHECKPOINT);
    let checkpoint = read_checkpoint(&own, verifier)?;
    let mut signed = vec![(own, checkpoint.clone())];
    for path in kept {
        signed.extend(read_checkpoints(path, verifier)?.into_iter().map(|found| (path.clone(), found)));
    }
    signed.sort_by_key(|(_, checkpoint)| checkpoint.size);
    let tree = dir.join(FOLDER);
    let mut writer = TileWriter::new(&tree);
    let mut hasher = LeafHasher::default();
    let mut due = signed.iter().peekable();
    let mut wrong: Option<&(PathBuf, Checkpoint)> = None;
    let (mut tile_fault, mut missing_tiles) = (None, 0);
    let mut compare = |writer: &mut TileWriter| {
        for (path, hashes) in writer.take_pending() {
            // Behind the checkpoint they may be to come.
            missing_tiles += u64::from(writer.size() <= checkpoint.size && !path.exists());
            tile_fault = tile_fault.take().or_else(|| differs(&path, &hashes));
        }
        while let Some(next) = due.next_if(|(_, checkpoint)| checkpoint.size == writer.size()) {
            if next.1.root != writer.root() && wrong.is_none() {
                wrong = Some(next);
            }
            for (path, hashes) in writer.partial() {
                tile_fault = tile_fault.take().or_else(|| differs(&path, hashes));
            }
        }
    };
    compare(&mut writer);
    // Of purged records the tiles keep the hashes.
    let purged = segment::first_record(dir).map_err(Fault::from)? - 1;
    let mut reader = TileReader::new(&tree, checkpoint.size.max(purged));
    for index in 0..purged {
        let Ok(leaf) = reader.node(0, index) else {
            return Err(Box::new(lost(dir, &checkpoint, purged, index + 1)));
        };
        writer.push(leaf);
        compare(&mut writer);
    }
    let (mut kind_fault, mut purges) = (None, Vec::<Purge>::new());
    let mut visit = |sequence: u64, kind: EntryKind, payload: &[u8]| {
        // Only what was signed says so: whoever can write to the folder can put an event behind the checkpoint.
        if kind == EntryKind::Event && purged > 0 && sequence <= checkpoint.size {
            purges.extend(super::purge::told(sequence, payload));
        }
        writer.push(hasher.hash(payload));
        compare(&mut writer);
        // The kind stands outside of what is signed, for readers in a hurry; the record says it too.
        if kind_fault.is_none() && !says(payload, kind) {
            kind_fault = Some(sequence);
        }
        seen(sequence);
    };
    let read = segment::walk_newest(dir, u64::MAX, &mut |_| {}, &mut visit).map_err(Fault::from)?;
    let through = purges.iter().map(|purge| purge.through).max().unwrap_or(0);
    if through < purged {
        return Err(Box::new(unpurged(dir, through, purged)));
    }
    if let Some((path, checkpoint)) = wrong {
        let fault = Fault::Root { size: checkpoint.size, path: path.clone() };
        return Err(Box::new(differing(dir, checkpoint).unwrap_or(fault)));
    }
    if let Some((path, missing)) = signed.iter().rev().find(|(_, checkpoint)| checkpoint.size > read.last) {
        let fault = Fault::Gone { path: path.clone(), signed: missing.size, found: read.last };
        return Err(Box::new(differing(dir, missing).unwrap_or(fault)));
    }
    if let Some(sequence) = kind_fault {
        let (path, at) = lookup::place(dir, sequence).unwrap_or_default();
        return Err(Box::new(Fault::Record { sequence, path, at }));
    }
    if let Some(fault) = tile_fault {
        return Err(Box::new(fault));
    }
    let torn = read.torn.into_iter().filter(|torn| torn.bytes > 0).collect();
    let signed = checkpoint.size;
    Ok(Verified { records: read.last, purged, purges, missing_tiles, signed, checkpoint, torn })
}

/// The fault where a record is not there, of those before `purged`, and its hash is not either.
fn lost(dir: &Path, checkpoint: &Checkpoint, purged: u64, sequence: u64) -> Fault {
    let mut through = 0;
    let read = read_events(dir, &mut |record, payload| {
        if record <= checkpoint.size {
            through = through.max(super::purge::told(record, payload).map_or(0, |purge| purge.through));
        }
    });
    match read {
        Err(error) => error.into(),
        Ok(()) if through < purged => unpurged(dir, through, purged),
        Ok(()) => Fault::Lost { sequence },
    }
}

/// The fault where records from the first on are not there, and those behind `through` were not purged: a segment whose head cannot be read looks
/// like one that is gone.
fn unpurged(dir: &Path, through: u64, purged: u64) -> Fault {
    match segment::walk(dir, &mut |_, _, _| {}) {
        Err(error) if !matches!(error, ReadError::Missing { from: 1, .. }) => error.into(),
        _ => Fault::Unpurged { from: through + 1, to: purged },
    }
}

/// Whether a record says that it is of this kind.
fn says(payload: &[u8], kind: EntryKind) -> bool {
    let said = payload.strip_prefix(br#"{"record":""#).unwrap_or_default();
    said.strip_prefix(kind.as_str().as_bytes()).is_some_and(|rest| rest.starts_with(b"\""))
}

pub(super) fn read_text(path: &Path) -> Result<String, Box<Fault>> {
    fs::read_to_string(path).map_err(|source| Box::new(Fault::Io { path: path.to_owned(), source }))
}

/// What a file of checkpoints holds that was kept elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Those of the journal, with the whole notes, as they stand there.
    pub own: Vec<(Checkpoint, String)>,
    /// How many of other logs there are: whoever watches several keeps all in one file.
    pub others: usize,
    /// Whether it is empty, but for what a crash leaves of a first one.
    pub is_empty: bool,
}

impl Kept {
    /// The fault of a file in which there is no checkpoint of this log.
    pub fn nothing_of(&self, path: &Path, verifier: &Verifier) -> Fault {
        let path = path.to_owned();
        match self.others {
            0 => Fault::Checkpoint { path, source: NoteError::Form },
            others => Fault::Others { path, origin: verifier.name().to_owned(), others },
        }
    }
}

/// Reads a file to which each checkpoint was appended as it came. Those of other logs are counted; one that says that it is of this one, and is not
/// signed by it, is a fault.
pub fn read_kept_checkpoints(path: &Path, verifier: &Verifier) -> Result<Kept, Box<Fault>> {
    let bytes = fs::read(path).map_err(|source| Box::new(Fault::Io { path: path.to_owned(), source }))?;
    // What a crash left may end within a character.
    let text = String::from_utf8_lossy(&bytes);
    let mut kept = Kept::default();
    for note in notes_in(&text).into_iter().filter(|note| !Checkpoint::is_torn(note, verifier.name())) {
        if note.split('\n').next() != Some(verifier.name()) {
            kept.others += 1;
            continue;
        }
        let found = Checkpoint::open(note, verifier);
        let found = found.map_err(|source| Box::new(Fault::Checkpoint { path: path.to_owned(), source }))?;
        kept.own.push((found, note.to_owned()));
    }
    let begun = bytes.trim_ascii_start();
    kept.is_empty = begun.is_empty() || Checkpoint::is_begun(begun, verifier.name());
    Ok(kept)
}

fn read_checkpoint(path: &Path, verifier: &Verifier) -> Result<Checkpoint, Box<Fault>> {
    let fault = |source| Box::new(Fault::Checkpoint { path: path.to_owned(), source });
    Checkpoint::open(&read_text(path)?, verifier).map_err(fault)
}

/// The checkpoints of a file to which each was appended as it came.
fn read_checkpoints(path: &Path, verifier: &Verifier) -> Result<Vec<Checkpoint>, Box<Fault>> {
    let kept = read_kept_checkpoints(path, verifier)?;
    if kept.own.is_empty() {
        return Err(Box::new(kept.nothing_of(path, verifier)));
    }
    Ok(kept.own.into_iter().map(|(checkpoint, _)| checkpoint).collect())
}

/// A tile that is not there follows from the records; one that is there has to fit.
fn differs(path: &Path, hashes: &[Hash]) -> Option<Fault> {
    match fs::read(path) {
        Ok(bytes) if bytes == hashes.as_flattened() => None,
        Ok(_) => Some(Fault::Differs { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => Some(Fault::Io { path: path.to_owned(), source }),
    }
}

/// The first record that is not the one that was signed, where the tiles are still those that were.
fn differing(dir: &Path, checkpoint: &Checkpoint) -> Option<Fault> {
    let mut reader = TileReader::new(&dir.join(FOLDER), checkpoint.size);
    let root = super::merkle::root(&mut reader, checkpoint.size).ok()?;
    (root == checkpoint.root).then_some(())?;
    let mut hasher = LeafHasher::default();
    let mut first = None;
    let mut visit = |sequence: u64, _: EntryKind, payload: &[u8]| {
        if first.is_none() && sequence <= checkpoint.size {
            let same = reader.node(0, sequence - 1).is_ok_and(|hash| hash == hasher.hash(payload));
            first = (!same).then_some(sequence);
        }
    };
    let _ = segment::walk(dir, &mut visit);
    let sequence = first?;
    let (path, at) = lookup::place(dir, sequence)?;
    Some(Fault::Record { sequence, path, at })
}
