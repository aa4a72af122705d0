//! Where sealed bodies stand.
//!
//! ```text
//! file   its head (see [`super::age`]), items
//! item   length u32 | nonce 12 bytes | sealed bytes and tag
//! sealed four times: length u32 | bytes; all of it in zstd
//! ```
//!
//! Numbers are little-endian, `length` is that of the sealed bytes with their tag. With an item its exchange and its subject are authenticated. Where
//! an item stands, and its SHA-256, is in the exchange's end record.

use super::age::{HEAD, Term};
use super::keys::{Keys, KeysError, MasterKey, Subject};
use super::{FOLDER, Parts};
use crate::audit::hash::sha256_hex;
use aws_lc_rs::aead::{Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file of this size is followed by another one.
const FILE_BYTES: u64 = 64 << 20;
/// Files that are open at once; of more the one that was not used for longest is closed until it is needed.
const OPEN: usize = 16;
/// The most that sealed bytes may unfold to.
const LONGEST: u64 = 256 << 20;

/// Where the bodies of an exchange stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextPlace {
    /// Number of the file.
    pub file: u64,
    /// First byte of the item.
    pub at: u64,
    /// Bytes of the item.
    pub bytes: u64,
    /// SHA-256 of the item.
    pub sha256: String,
}

pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:08}.sgt"))
}

fn authenticated(exchange: &str, subject: &Subject) -> String {
    format!("{exchange} {}", subject.text())
}

/// Appends items.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    number: u64,
    path: PathBuf,
    /// The files that are written, the one used last at the end.
    open: Vec<Open>,
    /// The latest time that was told: ends come a little out of order.
    latest_ms: u64,
}

/// A file that is written.
#[derive(Debug)]
struct Open {
    term: Term,
    begun_ms: u64,
    number: u64,
    /// None where it was closed for others: it is opened again for its next body.
    file: Option<File>,
    written: u64,
}

impl Store {
    /// Each start begins a file of its own: what a crash left unfinished in the one before is not written over.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let mut number = 0;
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            number = number.max(stem.filter(|_| path.extension().is_some_and(|e| e == "sgt")).unwrap_or(0));
        }
        Ok(Self {
            folder: folder.to_owned(),
            number,
            path: folder.to_owned(),
            open: Vec::new(),
            latest_ms: 0,
        })
    }

    /// The file that was written last, for people.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn append(
        &mut self,
        exchange: &str,
        subject: &Subject,
        key: &RandomizedNonceKey,
        parts: &Parts,
        (days, now_ms): (Option<u32>, u64),
    ) -> io::Result<TextPlace> {
        let mut plain = Vec::new();
        let Parts { request_received, request_sent, answer_received, answer_sent, head } = parts;
        for part in [request_received, request_sent, answer_received, answer_sent, head] {
            plain.extend_from_slice(&(part.len() as u32).to_le_bytes());
            plain.extend_from_slice(part);
        }
        let mut sealed = zstd::bulk::compress(&plain, 1)?;
        let nonce = key
            .seal_in_place_append_tag(Aad::from(authenticated(exchange, subject)), &mut sealed)
            .map_err(|_| io::Error::other("the bodies cannot be sealed"))?;
        let mut item = (sealed.len() as u32).to_le_bytes().to_vec();
        item.extend_from_slice(nonce.as_ref());
        item.extend_from_slice(&sealed);
        self.latest_ms = self.latest_ms.max(now_ms);
        let mut open = self.take_open(Term::new(subject, days), self.latest_ms)?;
        self.path = path(&self.folder, open.number);
        let at = open.written;
        // Where that fails the file is not trusted again: what it holds is not known.
        let written = match open.file.take() {
            Some(file) => file,
            None => File::options().write(true).open(&self.path)?,
        };
        written.write_all_at(&item, at).and_then(|()| written.sync_data())?;
        open.file = Some(written);
        open.written += item.len() as u64;
        let file = open.number;
        self.open.push(open);
        Ok(TextPlace { file, at, bytes: item.len() as u64, sha256: sha256_hex(&item) })
    }

    /// The file that such bodies go into.
    fn take_open(&mut self, term: Term, now_ms: u64) -> io::Result<Open> {
        self.open.retain(|open| open.written < FILE_BYTES && !open.term.is_full(open.begun_ms, now_ms));
        if let Some(known) = self.open.iter().position(|open| open.term == term) {
            return Ok(self.open.remove(known));
        }
        let mut handles = self.open.iter_mut().filter(|open| open.file.is_some());
        if let Some(oldest) = handles.next()
            && handles.count() + 1 >= OPEN
        {
            oldest.file = None;
        }
        self.number += 1;
        self.path = path(&self.folder, self.number);
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(&self.path)?;
        file.write_all(&term.head(now_ms))?;
        File::open(&self.folder)?.sync_all()?;
        Ok(Open { term, begun_ms: now_ms, number: self.number, file: Some(file), written: HEAD as u64 })
    }
}

/// Reads what was kept.
#[derive(Debug)]
pub struct TextsReader {
    folder: PathBuf,
    keys: Arc<Keys>,
}

impl TextsReader {
    /// The bodies beside a journal.
    pub fn new(journal: &Path, master: MasterKey) -> Self {
        let folder = journal.join(FOLDER);
        Self { keys: Arc::new(Keys::new(&folder, master)), folder }
    }

    /// The same over keys that are open.
    pub(super) fn over(folder: PathBuf, keys: Arc<Keys>) -> Self {
        Self { folder, keys }
    }

    /// Destroys the key of a subject.
    pub(super) fn erase(&self, subject: &Subject) -> io::Result<bool> {
        self.keys.erase(subject)
    }

    /// The bodies of an exchange.
    pub fn read(&self, exchange: &str, subject: &Subject, place: &TextPlace) -> Result<Parts, KeysError> {
        let path = path(&self.folder, place.file);
        let io = |source| KeysError::Io { path: path.clone(), source };
        let key = self.keys.known(subject)?;
        let mut item = vec![0; usize::try_from(place.bytes.min(LONGEST)).unwrap_or(0)];
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(KeysError::Expired),
            file => file.map_err(io)?,
        };
        file.read_exact_at(&mut item, place.at).map_err(io)?;
        if sha256_hex(&item) != place.sha256 {
            return Err(KeysError::Damaged);
        }
        let (_, rest) = item.split_at_mut_checked(4).ok_or(KeysError::Damaged)?;
        let (nonce, sealed) = rest.split_first_chunk_mut::<NONCE_LEN>().ok_or(KeysError::Damaged)?;
        let aad = Aad::from(authenticated(exchange, subject));
        let plain = key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), aad, sealed)
            .map_err(|_| KeysError::Damaged)?;
        let mut unfolded = Vec::new();
        zstd::Decoder::new(&*plain)
            .and_then(|decoder| decoder.take(LONGEST).read_to_end(&mut unfolded))
            .map_err(|_| KeysError::Damaged)?;
        let mut rest = unfolded.as_slice();
        let mut part = || -> Option<Vec<u8>> {
            let (length, behind) = rest.split_first_chunk()?;
            let (part, behind) = behind.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            rest = behind;
            Some(part.to_vec())
        };
        let mut next = || part().ok_or(KeysError::Damaged);
        let (request_received, request_sent) = (next()?, next()?);
        let (answer_received, answer_sent) = (next()?, next()?);
        // Earlier versions kept none.
        let head = part().unwrap_or_default();
        Ok(Parts { request_received, request_sent, answer_received, answer_sent, head })
    }
}
