//! A witness: remembers the newest tree of each log that it watches, and cosigns only what goes on from it (C2SP tlog-witness).
//!
//! What it has seen is durable before it signs: after a crash it may have seen a tree that nobody got a cosignature of, never the other way
//! round. State that cannot be read stops it, since a witness that forgets would cosign another history.

use super::checkpoint::Checkpoint;
use super::cosignature::Cosigner;
use super::disk::{lock, private_dir};
use super::merkle::{Hash, consistency_holds, empty_root};
use super::note::{NoteError, Verifier, notes_in, parts};
use crate::diag::write_whole;
use crate::text::hex;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The most hashes that a proof can need.
const LONGEST_PROOF: usize = 63;

/// Why a checkpoint is not cosigned.
#[derive(Debug, thiserror::Error)]
pub enum WitnessRefusal {
    /// Not the form of a request.
    #[error("{0}")]
    Form(&'static str),
    /// No log of this name is watched.
    #[error("this log is not watched here")]
    Unknown,
    /// Not signed by a key of the log.
    #[error("the checkpoint is not signed by a known key of the log")]
    Unsigned,
    /// The caller thinks that another tree was the last one; this one is the size of it.
    #[error("the last checkpoint that was cosigned has {0} records")]
    Size(u64),
    /// The same size with another root: the log shows different people different records.
    #[error("another tree of {0} records was cosigned before")]
    Fork(u64),
    /// The proof does not show that the tree goes on from the last one.
    #[error("the proof does not show that the tree goes on from the one that was cosigned before")]
    Proof,
    /// The state cannot be written.
    #[error("the state cannot be written: {0}")]
    Disk(#[from] io::Error),
}

/// Why a witness cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// A file cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process is the witness.
    #[error("{path}: another process works with this state", path = path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// What was seen last is not signed by a key that is known.
    #[error(
        "{path}: {what}; what was seen last of a log has to be readable, or the witness would cosign another history. {help}",
        path = path.display(),
        help = what_to_do(what)
    )]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: NoteError,
    },
}

fn what_to_do(what: &NoteError) -> &'static str {
    match what {
        NoteError::Unsigned(_) => "Name the log's key that signed it with `--log`, too",
        // The copy is the newest that was cosigned, with the log's signature.
        _ => {
            "The file is damaged: the one beside it that ends in `.cosigned` holds the same checkpoint, unless that was damaged too"
        }
    }
}

/// One log that is watched.
#[derive(Debug)]
struct Log {
    keys: Vec<Verifier>,
    /// The file of the newest checkpoint, as the log signed it.
    path: PathBuf,
    last: Mutex<Option<Checkpoint>>,
}

/// A witness at work.
#[derive(Debug)]
pub struct Witness {
    cosigner: Cosigner,
    logs: BTreeMap<String, Log>,
    _lock: File,
}

/// What a witness has cosigned last of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastSeen {
    /// Its file.
    pub path: PathBuf,
    /// The checkpoint with the witness's cosignature.
    pub note: String,
}

/// Where the cosigned checkpoints stand in a witness's state, the state itself beside them.
const COSIGNED: &str = "cosigned";
const SEEN: &str = "seen";
/// Behind that, where a log has signed two trees of one size, the first such one.
const CONFLICT: &str = "conflict";
/// Behind that, checkpoints of other sizes that the log has signed, and that were not shown to go on from what was seen.
const UNPROVED: &str = "unproved";
/// The most of these that are kept: half of them the first, half the last.
const MOST_UNPROVED: usize = 64;

/// A name for a log's files: its origin may hold slashes.
fn stem(origin: &str) -> String {
    let hash = digest(&SHA256, origin.as_bytes());
    hex::encode(hash.as_ref().first_chunk::<16>().map_or(&[][..], |first| first))
}

/// What a witness whose state stands in `dir` has cosigned last, of each log. The witness may run meanwhile.
pub fn last_seen(dir: &Path) -> io::Result<Vec<LastSeen>> {
    let mut out = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == COSIGNED) {
            out.push(LastSeen { note: fs::read_to_string(&path)?, path });
        }
    }
    out.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(out)
}

/// The body of a request to cosign a checkpoint of a tree that goes on from one of `old` records.
pub fn witness_request(old: u64, proof: &[Hash], note: &str) -> String {
    let lines: String = proof.iter().map(|hash| BASE64_STANDARD.encode(hash) + "\n").collect();
    format!("old {old}\n{lines}\n{note}")
}

/// A request, taken apart.
struct Asked<'b> {
    old: u64,
    proof: Vec<Hash>,
    note: &'b str,
    text: &'b str,
    origin: &'b str,
}

impl<'b> Asked<'b> {
    fn parse(body: &'b [u8]) -> Result<Self, WitnessRefusal> {
        let form = |what| WitnessRefusal::Form(what);
        let body = str::from_utf8(body).map_err(|_| form("not UTF-8"))?;
        let (head, note) = body.split_once("\n\n").ok_or(form("no empty line before the checkpoint"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).ok_or(form("no line `old N`"))?;
        let plain = old == "0" || !old.starts_with('0') && old.bytes().all(|byte| byte.is_ascii_digit());
        let old = old.parse().ok().filter(|_| plain).ok_or(form("`old` is followed by no number"))?;
        let mut proof = Vec::new();
        for line in lines {
            if proof.len() == LONGEST_PROOF {
                return Err(form("the proof has more than 63 hashes"));
            }
            let hash = BASE64_STANDARD.decode(line).ok().and_then(|hash| hash.try_into().ok());
            proof.push(hash.ok_or(form("a line of the proof is no hash in base64"))?);
        }
        let (text, _) = parts(note).map_err(|_| form("the checkpoint is no signed note"))?;
        let origin = text.split('\n').next().unwrap_or_default();
        Ok(Self { old, proof, note, text, origin })
    }
}

impl Witness {
    /// Takes up the state in `dir`. Keys of one name are keys of one log.
    pub fn open(dir: &Path, cosigner: Cosigner, keys: Vec<Verifier>) -> Result<Self, WitnessError> {
        let io = |path: &Path, source| WitnessError::Io { path: path.to_owned(), source };
        private_dir(dir).map_err(|source| io(dir, source))?;
        let lock = lock(dir).map_err(|source| io(dir, source))?;
        let lock = lock.ok_or_else(|| WitnessError::Locked { path: dir.to_owned() })?;
        let mut by_name: BTreeMap<String, Vec<Verifier>> = BTreeMap::new();
        for key in keys {
            by_name.entry(key.name().to_owned()).or_default().push(key);
        }
        let mut logs = BTreeMap::new();
        for (origin, keys) in by_name {
            let path = dir.join(stem(&origin)).with_extension(SEEN);
            let last = match fs::read_to_string(&path) {
                Ok(note) => {
                    let opened = open_any(&keys, &note);
                    Some(opened.map_err(|what| WitnessError::State { path: path.clone(), what })?)
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(source) => return Err(io(&path, source)),
            };
            logs.insert(origin, Log { keys, path, last: Mutex::new(last) });
        }
        Ok(Self { cosigner, logs, _lock: lock })
    }

    /// The newest tree that was cosigned of each log: its name and size, 0 where none was.
    pub fn sizes(&self) -> Vec<(String, u64)> {
        let size = |log: &Log| {
            log.last.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map_or(0, |last| last.size)
        };
        self.logs.iter().map(|(origin, log)| (origin.clone(), size(log))).collect()
    }

    /// Answers a request of `add-checkpoint` at a time in seconds since 1970: the line of the cosignature, or why there is none. One at a time for
    /// each log, the disk included.
    pub fn add_checkpoint(&self, body: &[u8], now: u64) -> Result<String, WitnessRefusal> {
        let asked = Asked::parse(body)?;
        let log = self.logs.get(asked.origin).ok_or(WitnessRefusal::Unknown)?;
        let found = match open_any(&log.keys, asked.note) {
            Ok(found) => found,
            Err(NoteError::Form) => return Err(WitnessRefusal::Form("not the form of a checkpoint")),
            Err(_) => return Err(WitnessRefusal::Unsigned),
        };
        if asked.old > found.size {
            return Err(WitnessRefusal::Form("`old` is larger than the checkpoint"));
        }
        let mut last = log.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (size, root) = last.as_ref().map_or((0, empty_root()), |last| (last.size, last.root));
        if size == found.size && root != found.root && last.is_some() {
            // Two trees of one size under the log's own signature: that is the proof of it.
            keep_conflict(log, asked.note)?;
        }
        if asked.old != size {
            return Err(WitnessRefusal::Size(size));
        }
        if size == found.size && root != found.root {
            return Err(if last.is_some() { WitnessRefusal::Fork(size) } else { WitnessRefusal::Proof });
        }
        if consistency_holds(size, &root, found.size, &found.root, &asked.proof).is_err() {
            // A proof can be left out by anybody, so this alone shows no fork: whether it is one says who holds the log's records against it.
            if last.as_ref().is_some_and(|last| *last != found) {
                keep_unproved(log, asked.note)?;
            }
            return Err(WitnessRefusal::Proof);
        }
        if last.as_ref() != Some(&found) {
            write_whole(&log.path, asked.note.as_bytes(), 0o600)?;
            *last = Some(found);
        }
        let line = self.cosigner.cosign(asked.text, now);
        // For who wants to show it to others; the state is what counts here.
        let cosigned = format!("{}{line}", asked.note);
        write_whole(&log.path.with_extension(COSIGNED), cosigned.as_bytes(), 0o644)?;
        Ok(line)
    }
}

/// The checkpoint of a note that one of the keys of its log has signed.
fn open_any(keys: &[Verifier], note: &str) -> Result<Checkpoint, NoteError> {
    let mut last = NoteError::Form;
    for key in keys {
        match Checkpoint::open(note, key) {
            Ok(checkpoint) => return Ok(checkpoint),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn keep_conflict(log: &Log, note: &str) -> io::Result<()> {
    let path = log.path.with_extension(CONFLICT);
    if path.exists() { Ok(()) } else { write_whole(&path, note.as_bytes(), 0o600) }
}

fn keep_unproved(log: &Log, note: &str) -> io::Result<()> {
    let path = log.path.with_extension(UNPROVED);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    let mut notes = notes_in(&text);
    let of = |note: &str| parts(note).map(|(text, _)| text.to_owned());
    if notes.iter().any(|kept| of(kept) == of(note)) {
        return Ok(());
    }
    if notes.len() >= MOST_UNPROVED {
        notes.remove(MOST_UNPROVED / 2);
    }
    notes.push(note);
    write_whole(&path, notes.join("\n").as_bytes(), 0o600)
}

#[cfg(test)]
mod tests;
