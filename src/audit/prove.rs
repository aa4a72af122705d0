//! Proofs that a record stands in the journal, for people who have nothing else of it (C2SP tlog-proof).

use super::checkpoint::Checkpoint;
use super::lookup::EntryReader;
use super::merkle::{
    Hash, ProofError, TileError, TileReader, consistency, consistency_holds, inclusion, inclusion_root,
    leaf_hash,
};
use super::notary::{CHECKPOINT, FOLDER};
use super::note::{NoteError, Verifier};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// First line of a proof.
const VERSION: &str = "c2sp.org/tlog-proof@v1";

/// Why there is no proof, or it does not hold.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// There is no checkpoint yet, or it cannot be read.
    #[error("{path}: {source}", path = path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The checkpoint is not signed by the key.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// No such record.
    #[error("record {0} is not in the journal")]
    Unknown(u64),
    /// Not signed yet.
    #[error(
        "record {sequence} stands behind the last checkpoint, which was signed over {signed} records; the next one comes within a second or so of the record"
    )]
    Unsigned {
        /// The record.
        sequence: u64,
        /// Records under the checkpoint.
        signed: u64,
    },
    /// The tree cannot be read.
    #[error(transparent)]
    Tiles(#[from] TileError),
    /// Not the form of a proof.
    #[error("not a proof of the form `{VERSION}`")]
    Form,
    /// Its hashes do not lead to the signed root.
    #[error("the proof does not hold: {0}")]
    Wrong(#[from] ProofError),
}

/// A record with what proves it: all that somebody needs beside the public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvedRecord {
    /// Its number in the journal, from 1.
    pub sequence: u64,
    /// Its bytes, which are JSON: the leaf.
    pub record: String,
    /// A proof of C2SP's tlog-proof form, checkpoint included.
    pub proof: String,
}

/// Whether a record is of this exchange, or an event about it: a complaint, a review, a step on the ladder.
pub fn is_of(record: &serde_json::Value, exchange: &str) -> bool {
    let detail = &record["detail"];
    let named = [&record["exchange"], &detail["exchange"], &detail["review"]];
    named.into_iter().any(|name| name.as_str() == Some(exchange))
}

/// The last checkpoint of a journal as it was signed, and what it says.
pub fn last_checkpoint(dir: &Path, verifier: &Verifier) -> Result<(String, Checkpoint), ProveError> {
    let path = dir.join(FOLDER).join(CHECKPOINT);
    let note = fs::read_to_string(&path).map_err(|source| ProveError::Checkpoint { path, source })?;
    let checkpoint = Checkpoint::open(&note, verifier)?;
    Ok((note, checkpoint))
}

/// Proves a record against the last checkpoint.
pub fn prove(dir: &Path, verifier: &Verifier, sequence: u64) -> Result<ProvedRecord, ProveError> {
    let (note, checkpoint) = last_checkpoint(dir, verifier)?;
    let mut entries = EntryReader::new(dir).map_err(|_| ProveError::Unknown(sequence))?;
    prove_under(dir, &mut entries, (&note, &checkpoint), sequence)
}

/// Proves a record against a checkpoint that the journal has had, given with its signed note: the tree only grows, so a gateway may go on to sign.
pub fn prove_under(
    dir: &Path,
    entries: &mut EntryReader,
    (note, checkpoint): (&str, &Checkpoint),
    sequence: u64,
) -> Result<ProvedRecord, ProveError> {
    let entry = entries.entry(sequence).ok_or(ProveError::Unknown(sequence))?;
    let mut reader = TileReader::new(&dir.join(FOLDER), checkpoint.size);
    let index = sequence - 1;
    let path = inclusion(&mut reader, index, checkpoint.size)?
        .ok_or(ProveError::Unsigned { sequence, signed: checkpoint.size })?;
    let root = inclusion_root(&leaf_hash(&entry.payload), index, checkpoint.size, &path)?;
    if root != checkpoint.root {
        return Err(ProofError::Root.into());
    }
    let mut proof = format!("{VERSION}\nindex {index}\n");
    for hash in &path {
        let _ = writeln!(proof, "{}", BASE64_STANDARD.encode(hash));
    }
    proof.push('\n');
    proof.push_str(note);
    let record = String::from_utf8(entry.payload).map_err(|_| ProveError::Unknown(sequence))?;
    Ok(ProvedRecord { sequence, record, proof })
}

impl ProvedRecord {
    /// Whether the record stands where it says under a checkpoint that the key has signed; gives that checkpoint.
    pub fn holds(&self, verifier: &Verifier) -> Result<Checkpoint, ProveError> {
        let (head, note) = self.proof.split_once("\n\n").ok_or(ProveError::Form)?;
        let mut lines = head.lines();
        if lines.next() != Some(VERSION) {
            return Err(ProveError::Form);
        }
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).ok_or(ProveError::Form)?;
        let index: u64 = index.parse().map_err(|_| ProveError::Form)?;
        if Some(index) != self.sequence.checked_sub(1) {
            return Err(ProveError::Form);
        }
        let path: Option<Vec<Hash>> =
            lines.map(|line| BASE64_STANDARD.decode(line).ok()?.try_into().ok()).collect();
        let checkpoint = Checkpoint::open(note, verifier)?;
        let leaf = leaf_hash(self.record.as_bytes());
        let root = inclusion_root(&leaf, index, checkpoint.size, &path.ok_or(ProveError::Form)?)?;
        if root == checkpoint.root { Ok(checkpoint) } else { Err(ProofError::Root.into()) }
    }
}

/// The hashes of RFC 6962's consistency proof from the first `old` records to the first `new` ones; none of them where `old` is 0.
pub fn growth(dir: &Path, old: u64, new: u64) -> Result<Vec<Hash>, ProveError> {
    if old == 0 {
        return Ok(Vec::new());
    }
    let mut reader = TileReader::new(&dir.join(FOLDER), new);
    consistency(&mut reader, old, new)?.ok_or_else(|| ProofError::Outside.into())
}

/// Shows that the journal of an older checkpoint is the beginning of the one of the last checkpoint: the hashes of RFC 6962's consistency proof.
pub fn prove_growth(
    dir: &Path,
    verifier: &Verifier,
    old: &Checkpoint,
) -> Result<(Checkpoint, Vec<Hash>), ProveError> {
    let (_, checkpoint) = last_checkpoint(dir, verifier)?;
    let path = growth(dir, old.size, checkpoint.size)?;
    consistency_holds(old.size, &old.root, checkpoint.size, &checkpoint.root, &path)?;
    Ok((checkpoint, path))
}
