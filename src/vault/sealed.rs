//! What stood for which values in conversations of which the provider keeps the history.
//!
//! Who names an earlier response (`previous_response_id`, `conversation`) does not resend what was said, so the answer may hold stand-ins of
//! values that are not in the request. They are kept here under a name that is a keyed hash of tenant, key and the response's id, sealed
//! (AES-256-GCM) under a key of that name's own, for a time. In memory for whoever asks; a file is written behind.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

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
/// Whose values stand in a mapping: a keyed hash of tenant and user.
pub type Owner = [u8; 16];
/// Most owners of one mapping; one of more goes with the first of them that is erased, whoever it is.
const MOST_OWNERS: usize = 15;
/// How a file begins. One without it is of before, when nothing told whose values it holds.
const MAGIC: &[u8; 8] = b"SGVLT\0\x02\n";
/// Bytes of a mapping beside what is sealed, owners aside.
const HEAD: usize = 45;

/// What is kept of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What the conversation is called where stand-ins are drawn.
    pub conversation: Vec<u8>,
    /// Values and what stood for them.
    pub swaps: Vec<Swap>,
    /// Whose values these are; none where that is not known.
    #[serde(default)]
    pub owners: BTreeSet<Owner>,
}

#[derive(Clone)]
struct Entry {
    expires_ms: u64,
    owners: Owners,
    sealed: Arc<[u8]>,
}

type Owners = SmallVec<[Owner; 1]>;

impl Entry {
    fn size(&self) -> usize {
        HEAD + self.owners.len() * size_of::<Owner>() + self.sealed.len()
    }

    /// Whether somebody's values may be in it.
    fn is_of(&self, owner: &Owner) -> bool {
        self.owners.contains(owner) || self.owners.is_empty()
    }

    fn write(&self, name: &Name, out: &mut Vec<u8>) {
        out.extend_from_slice(name);
        out.extend_from_slice(&self.expires_ms.to_be_bytes());
        out.push(u8::try_from(self.owners.len()).unwrap_or(0));
        self.owners.iter().for_each(|owner| out.extend_from_slice(owner));
        out.extend_from_slice(&u32::try_from(self.sealed.len()).unwrap_or(0).to_be_bytes());
        out.extend_from_slice(&self.sealed);
    }
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
    /// Who was erased, and when: what was begun before is not kept.
    erased: HashMap<Owner, u64>,
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
        let now = bytes.strip_prefix(MAGIC);
        let mut rest = now.unwrap_or(&bytes);
        while let Some((name, entry, after)) = record(rest, now.is_some()) {
            inner.put(name, entry);
            rest = after;
        }
        inner.in_file = bytes.len();
        inner.expire(now_ms);
        if !rest.is_empty() || now.is_none() && !bytes.is_empty() {
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

    /// What a user of a tenant is called as an owner; the nameless ones have the empty name.
    pub fn owner(&self, tenant: &str, user: &str) -> Owner {
        owner(&self.secret, tenant, user)
    }

    /// Forgets every mapping in which values of this owner stand: how many there were. What was begun before is not kept any more either. The file
    /// goes on to hold it until the next [`flush`](Self::flush).
    pub fn erase(&self, owner: &Owner, now_ms: u64) -> usize {
        let mut inner = self.inner();
        let gone: HashSet<Name> =
            inner.entries.iter().filter(|(_, entry)| entry.is_of(owner)).map(|(name, _)| *name).collect();
        for name in &gone {
            if let Some(old) = inner.entries.remove(name) {
                inner.bytes -= old.size();
            }
        }
        inner.order.retain(|(name, _)| !gone.contains(name));
        inner.erased.insert(*owner, now_ms);
        // All is written anew.
        inner.pending.clear();
        inner.in_file = usize::MAX;
        gone.len()
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
        let owners: Owners = kept.owners.iter().copied().take(MOST_OWNERS).collect();
        let owners = if kept.owners.len() > MOST_OWNERS { Owners::new() } else { owners };
        let Ok(mut text) = serde_json::to_vec(&kept) else { return };
        let name = self.name(tenant, key, id);
        let Ok(nonce) = self.cipher(&name).seal_in_place_append_tag(Aad::from(&name), &mut text) else {
            return;
        };
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut text);
        let time = u64::try_from(self.time.as_millis()).unwrap_or(u64::MAX);
        let expires_ms = now_ms.saturating_add(time);
        let entry = Entry { expires_ms, owners, sealed: sealed.into() };
        let mut inner = self.inner();
        inner.expire(now_ms);
        if kept.owners.iter().any(|owner| inner.erased.get(owner).is_some_and(|at| now_ms <= *at)) {
            return;
        }
        if self.path.is_some() {
            entry.write(&name, &mut inner.pending);
        }
        inner.put(name, entry);
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
            let grown = inner.in_file == 0
                || inner.in_file.saturating_add(pending.len()) > inner.bytes.saturating_mul(2) + (1 << 20);
            let nothing = pending.is_empty() && inner.in_file == 0;
            (pending, (grown && !nothing).then(|| inner.all()))
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
    fn put(&mut self, name: Name, entry: Entry) {
        let expires_ms = entry.expires_ms;
        self.bytes += entry.size();
        if let Some(old) = self.entries.insert(name, entry) {
            self.bytes -= old.size();
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
            self.bytes -= old.size();
        }
        true
    }

    fn expire(&mut self, now_ms: u64) {
        while self.order.front().is_some_and(|(_, expires_ms)| *expires_ms <= now_ms) && self.drop_first() {}
    }

    fn all(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes + MAGIC.len());
        out.extend_from_slice(MAGIC);
        for (name, expires_ms) in &self.order {
            let Some(entry) = self.entries.get(name).filter(|entry| entry.expires_ms == *expires_ms) else {
                continue;
            };
            entry.write(name, &mut out);
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

/// What a user of a tenant is called as an owner.
pub fn owner(secret: &Secret, tenant: &str, user: &str) -> Owner {
    let hash = secret.derive(&[b"vault owner", tenant.as_bytes(), user.as_bytes()]);
    std::array::from_fn(|n| hash.get(n).copied().unwrap_or(0))
}

/// The first record of a file: name, mapping, and the rest. In a file of before it names no owners.
fn record(bytes: &[u8], has_owners: bool) -> Option<(Name, Entry, &[u8])> {
    let (name, rest) = bytes.split_first_chunk::<32>()?;
    let (expires_ms, rest) = rest.split_first_chunk::<8>()?;
    let (owners, rest) = if has_owners {
        let (count, rest) = rest.split_first()?;
        let (owners, rest) = rest.split_at_checked(usize::from(*count) * size_of::<Owner>())?;
        (owners.as_chunks().0.iter().copied().collect(), rest)
    } else {
        (Owners::new(), rest)
    };
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (sealed, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    let entry = Entry { expires_ms: u64::from_be_bytes(*expires_ms), owners, sealed: sealed.into() };
    Some((*name, entry, rest))
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
        Kept { conversation: vec![1, 2], swaps: vec![swap], owners: BTreeSet::from([[7; 16]]) }
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

    #[test]
    fn who_is_erased_is_gone_from_memory_and_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("vault");
        let open = || Vault::open(&path, secret(), Duration::from_secs(1000), 1000).expect("a vault");
        let vault = open();
        let (alice, bob) = (vault.owner("red", "alice"), vault.owner("red", "bob"));
        assert!(alice != bob && alice != vault.owner("blue", "alice"));
        let of = |owners: &[Owner]| Kept { owners: owners.iter().copied().collect(), ..kept() };
        let many: Vec<Owner> = (0..20).map(|n| [n; 16]).collect();
        for (id, owners) in
            [("a", &[alice][..]), ("b", &[bob]), ("both", &[alice, bob]), ("many", &many), ("none", &[])]
        {
            vault.keep(("red", "k", id), &of(owners), 1000);
        }
        vault.flush().expect("a file");
        let before = std::fs::metadata(&path).expect("a file").len();
        assert_eq!(open().erase(&alice, 2000), 4, "as the file has it");
        assert_eq!(vault.erase(&alice, 2000), 4, "those of which nobody knows too");
        vault.flush().expect("a file");
        assert!(std::fs::metadata(&path).expect("a file").len() < before / 3);
        for vault in [&vault, &open()] {
            let there =
                ["a", "b", "both", "many", "none"].map(|id| vault.get(("red", "k", id), 2000).is_some());
            assert_eq!(there, [false, true, false, false, false]);
        }
        // What was begun before is not kept; what comes later is.
        vault.keep(("red", "k", "late"), &of(&[alice]), 1999);
        assert!(vault.get(("red", "k", "late"), 2000).is_none());
        vault.keep(("red", "k", "later"), &of(&[alice]), 2001);
        assert!(vault.get(("red", "k", "later"), 2002).is_some());
        // A file of before: whoever is erased, it goes.
        let mut old = Vec::new();
        let entry = Entry { expires_ms: 9000, owners: Owners::new(), sealed: [1, 2, 3][..].into() };
        old.extend_from_slice(&[5; 32]);
        old.extend_from_slice(&entry.expires_ms.to_be_bytes());
        old.extend_from_slice(&3_u32.to_be_bytes());
        old.extend_from_slice(&[1, 2, 3]);
        std::fs::write(&path, &old).expect("a file");
        let vault = open();
        assert_eq!((vault.len(), vault.erase(&bob, 2000)), (1, 1));
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
