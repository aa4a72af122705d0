//! What stood for which values in conversations of which the provider keeps the history.
//!
//! Who names an earlier response (`previous_response_id`, `conversation`) does not resend what was said, so the answer may hold stand-ins of
//! values that are not in the request. They are kept here under a name that is a keyed hash of tenant, key and the response's id, sealed
//! (AES-256-GCM) under a key of that name's own, for a time. In memory for whoever asks; a file is written behind.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use serde::{Deserialize, Serialize};

use super::book::Swap;
use super::draw::Secret;
use crate::diag::write_whole;

/// Most bytes of what is sealed; the oldest goes first.
const MOST_BYTES: usize = 64 << 20;
/// Most bytes of one conversation's; of longer ones the latest values stay.
const MOST_OF_ONE: usize = 256 << 10;
/// The file's permissions.
const MODE: u32 = 0o600;

/// A name under which a mapping is kept.
type Name = [u8; 32];

/// What is kept of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What the conversation is called where stand-ins are drawn.
    pub conversation: Vec<u8>,
    /// Values and what stood for them.
    pub swaps: Vec<Swap>,
}

struct Entry {
    expires_ms: u64,
    sealed: Arc<[u8]>,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<Name, Entry>,
    /// Names in the order in which they came, with their time; one that was kept again stands there again.
    order: VecDeque<(Name, u64)>,
    bytes: usize,
    /// What the file lacks.
    pending: Vec<u8>,
    in_file: usize,
}

/// Sealed mappings.
pub struct Vault {
    secret: Arc<Secret>,
    time: Duration,
    path: Option<PathBuf>,
    inner: Mutex<Inner>,
    /// One writer at a time.
    turn: Mutex<()>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("time", &self.time).finish_non_exhaustive()
    }
}

impl Vault {
    /// One that keeps what it holds for this long, in memory alone.
    pub fn new(secret: Arc<Secret>, time: Duration) -> Self {
        Self { secret, time, path: None, inner: Mutex::default(), turn: Mutex::default() }
    }

    /// The same, with a file: reads what it holds. An end that was cut short counts for nothing.
    ///
    /// # Errors
    /// A file that is there and cannot be read.
    pub fn open(path: &Path, secret: Arc<Secret>, time: Duration, now_ms: u64) -> io::Result<Self> {
        let mut inner = Inner::default();
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut rest = bytes.as_slice();
        while let Some((name, expires_ms, sealed, after)) = record(rest) {
            inner.put(name, expires_ms, sealed.into());
            rest = after;
        }
        inner.in_file = bytes.len();
        inner.expire(now_ms);
        if !rest.is_empty() {
            // What was cut short is written anew with the rest.
            inner.in_file = usize::MAX;
        }
        let path = Some(path.to_owned());
        Ok(Self { secret, time, path, inner: Mutex::new(inner), turn: Mutex::default() })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn name(&self, tenant: &str, key: &str, id: &str) -> Name {
        self.secret.derive(&[b"vault", tenant.as_bytes(), key.as_bytes(), id.as_bytes()])
    }

    fn cipher(&self, name: &Name) -> RandomizedNonceKey {
        let key = self.secret.derive(&[b"vault key", name]);
        // Only a wrong length is refused.
        RandomizedNonceKey::new(&AES_256_GCM, &key).unwrap_or_else(|_| unreachable!("the key has 256 bits"))
    }

    /// Keeps what stood for which values in what this tenant's key knows by an id.
    pub fn keep(&self, (tenant, key, id): (&str, &str, &str), kept: &Kept, now_ms: u64) {
        if self.time.is_zero() || kept.swaps.is_empty() {
            return;
        }
        let mut kept = kept.clone();
        let size = |swap: &Swap| swap.value.len() + swap.stand_in.len() + swap.category.len() + 64;
        let mut left = MOST_OF_ONE;
        let fits = kept.swaps.iter().rev().take_while(|swap| {
            let fits = size(swap) <= left;
            left = left.saturating_sub(size(swap));
            fits
        });
        let fits = fits.count();
        kept.swaps.drain(..kept.swaps.len() - fits);
        let Ok(mut text) = serde_json::to_vec(&kept) else { return };
        let name = self.name(tenant, key, id);
        let Ok(nonce) = self.cipher(&name).seal_in_place_append_tag(Aad::from(&name), &mut text) else {
            return;
        };
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut text);
        let time = u64::try_from(self.time.as_millis()).unwrap_or(u64::MAX);
        let expires_ms = now_ms.saturating_add(time);
        let mut inner = self.inner();
        inner.expire(now_ms);
        if self.path.is_some() {
            inner.pending.extend_from_slice(&name);
            inner.pending.extend_from_slice(&expires_ms.to_be_bytes());
            inner.pending.extend_from_slice(&u32::try_from(sealed.len()).unwrap_or(0).to_be_bytes());
            inner.pending.extend_from_slice(&sealed);
        }
        inner.put(name, expires_ms, sealed.into());
    }

    /// What is kept under an id of this tenant's key, if its time is not over.
    pub fn get(&self, (tenant, key, id): (&str, &str, &str), now_ms: u64) -> Option<Kept> {
        let name = self.name(tenant, key, id);
        let sealed = {
            let inner = self.inner();
            let entry = inner.entries.get(&name).filter(|entry| entry.expires_ms > now_ms)?;
            Arc::clone(&entry.sealed)
        };
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = text.to_vec();
        let cipher = self.cipher(&name);
        let plain =
            cipher.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(&name), &mut text).ok()?;
        serde_json::from_slice(plain).ok()
    }

    /// How many mappings there are.
    pub fn len(&self) -> usize {
        self.inner().entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes what the file lacks.
    ///
    /// # Errors
    /// A file that cannot be written; what was to be written is written the next time.
    pub fn flush(&self) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let (pending, whole) = {
            let mut inner = self.inner();
            let pending = std::mem::take(&mut inner.pending);
            let grown =
                inner.in_file.saturating_add(pending.len()) > inner.bytes.saturating_mul(2) + (1 << 20);
            (pending, grown.then(|| inner.all()))
        };
        if pending.is_empty() && whole.is_none() {
            return Ok(());
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let written = match &whole {
            Some(all) => write_whole(path, all, MODE).map(|()| all.len()),
            None => append(path, &pending),
        };
        let mut inner = self.inner();
        match written {
            Ok(bytes) if whole.is_some() => inner.in_file = bytes,
            Ok(bytes) => inner.in_file = inner.in_file.saturating_add(bytes),
            Err(error) => {
                // An append may have come half: then all is written anew.
                inner.in_file = usize::MAX;
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Inner {
    fn put(&mut self, name: Name, expires_ms: u64, sealed: Arc<[u8]>) {
        self.bytes += sealed.len() + 44;
        if let Some(old) = self.entries.insert(name, Entry { expires_ms, sealed }) {
            self.bytes -= old.sealed.len() + 44;
        }
        self.order.push_back((name, expires_ms));
        while self.bytes > MOST_BYTES && self.drop_first() {}
    }

    /// Forgets the one that came first.
    fn drop_first(&mut self) -> bool {
        let Some((name, expires_ms)) = self.order.pop_front() else { return false };
        // One that was kept again later stands there again.
        if self.entries.get(&name).is_some_and(|entry| entry.expires_ms == expires_ms)
            && let Some(old) = self.entries.remove(&name)
        {
            self.bytes -= old.sealed.len() + 44;
        }
        true
    }

    fn expire(&mut self, now_ms: u64) {
        while self.order.front().is_some_and(|(_, expires_ms)| *expires_ms <= now_ms) && self.drop_first() {}
    }

    fn all(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes);
        for (name, expires_ms) in &self.order {
            let Some(entry) = self.entries.get(name).filter(|entry| entry.expires_ms == *expires_ms) else {
                continue;
            };
            out.extend_from_slice(name);
            out.extend_from_slice(&expires_ms.to_be_bytes());
            out.extend_from_slice(&u32::try_from(entry.sealed.len()).unwrap_or(0).to_be_bytes());
            out.extend_from_slice(&entry.sealed);
        }
        out
    }
}

fn append(path: &Path, bytes: &[u8]) -> io::Result<usize> {
    let mut file: File = OpenOptions::new().append(true).create(true).mode(MODE).open(path)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    Ok(bytes.len())
}

/// The first record of a file: name, time, what is sealed, and the rest.
fn record(bytes: &[u8]) -> Option<(Name, u64, &[u8], &[u8])> {
    let (name, rest) = bytes.split_first_chunk::<32>()?;
    let (expires_ms, rest) = rest.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (sealed, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    Some((*name, u64::from_be_bytes(*expires_ms), sealed, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> Kept {
        let swap = Swap {
            category: "EMAIL".into(),
            value: "jo@corp.test".into(),
            stand_in: "mara@example.com".into(),
            restore: true,
            word: false,
        };
        Kept { conversation: vec![1, 2], swaps: vec![swap] }
    }

    fn secret() -> Arc<Secret> {
        Arc::new(Secret::new(&[3; 32]))
    }

    #[test]
    fn what_is_kept_is_for_one_key_and_a_time() {
        let vault = Vault::new(secret(), Duration::from_secs(10));
        vault.keep(("red", "k", "resp_1"), &kept(), 1000);
        assert_eq!(vault.get(("red", "k", "resp_1"), 10_999), Some(kept()));
        assert_eq!(vault.get(("red", "k", "resp_1"), 11_000), None);
        for other in
            [("blue", "k", "resp_1"), ("red", "j", "resp_1"), ("red", "k", "resp_2"), ("redk", "", "resp_1")]
        {
            assert_eq!(vault.get(other, 1000), None, "{other:?}");
        }
        vault.keep(("red", "k", "resp_2"), &kept(), 20_000);
        assert_eq!(vault.len(), 1, "what is over is forgotten");
        let never = Vault::new(secret(), Duration::ZERO);
        never.keep(("red", "k", "resp_1"), &kept(), 1000);
        assert!(never.is_empty());
    }

    #[test]
    fn a_file_outlives_the_process_and_shows_nothing() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("vault");
        let open = |secret, now| Vault::open(&path, secret, Duration::from_secs(10), now).expect("a vault");
        let vault = open(secret(), 0);
        for n in 0..50 {
            vault.keep(("red", "k", &format!("resp_{n}")), &kept(), 1000 + n);
            vault.flush().expect("a file");
        }
        let bytes = std::fs::read(&path).expect("a file");
        assert!(
            memchr::memmem::find(&bytes, b"corp").is_none() && memchr::memmem::find(&bytes, b"red").is_none()
        );
        assert_eq!(std::fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        assert_eq!(open(secret(), 1000).get(("red", "k", "resp_7"), 1000), Some(kept()));
        assert_eq!(open(Arc::new(Secret::new(&[4; 32])), 1000).get(("red", "k", "resp_7"), 1000), None);
        assert!(open(secret(), 20_000).is_empty());
        // A tail that was cut short.
        std::fs::write(&path, bytes.get(..bytes.len() - 5).unwrap_or_default()).expect("a file");
        let vault = open(secret(), 1000);
        assert_eq!(vault.len(), 49);
        vault.keep(("red", "k", "resp_new"), &kept(), 1100);
        vault.flush().expect("a file");
        assert_eq!(open(secret(), 1000).get(("red", "k", "resp_new"), 1100), Some(kept()));
    }

    /// Promise 7.
    #[test]
    fn memory_is_bounded() {
        let vault = Vault::new(secret(), Duration::from_secs(10));
        let many = Kept { swaps: vec![kept().swaps.remove(0); 3000], ..kept() };
        for n in 0..600 {
            vault.keep(("red", "k", &n.to_string()), &many, n);
        }
        assert!(vault.inner().bytes <= MOST_BYTES && vault.len() > 100, "{}", vault.len());
        assert!(vault.get(("red", "k", "599"), 600).is_some() && vault.get(("red", "k", "0"), 600).is_none());
    }
}
