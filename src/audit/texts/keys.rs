//! Keys of subjects: made at random, wrapped, and gone for good when they are erased.
//!
//! A key is a file of its own, so that erasing it is a matter of one file: it is overwritten, made durable, and removed. AES-256-GCM with a random
//! nonce wraps and seals (NIST SP 800-38D); what a ciphertext belongs to is authenticated with it.

use crate::audit::disk::private_dir;
use crate::diag::moment::now_ms;
use crate::diag::{loose_mode, write_new, write_whole};
use crate::text::hex;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest::{SHA256, digest};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Bytes of a key.
pub(super) const KEY: usize = 32;
/// Nonce, key, tag.
const WRAPPED: usize = NONCE_LEN + KEY + 16;

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A file cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Others may read the master key.
    #[error("{path}: the key may be read by others (mode {mode:o}), expected 600 or 640", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file does not hold a key, or not one of this master key.
    #[error("{path}: not a key that this master key has wrapped", path = path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// What should hold the master key holds none.
    #[error("{what} holds no key: 64 hexadecimal digits or 32 bytes in base64 are expected, not all alike")]
    NoKey {
        /// What was asked.
        what: String,
    },
    /// The command that prints the master key fails.
    #[error("journal.texts.key_command: {reason}")]
    Command {
        /// What went wrong; nothing of what it printed.
        reason: String,
    },
    /// The subject has no key: it was erased, or nothing was kept of it.
    #[error("the subject's key is gone: what was kept was erased")]
    Erased,
    /// The file is gone: what was kept has been there for as long as the policy lets it.
    #[error("the bodies were kept for as long as they may be, and are gone")]
    Expired,
    /// The sealed bytes are not those that were written.
    #[error("the sealed bytes are damaged or belong to another exchange")]
    Damaged,
}

/// Whose bodies they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    tenant: String,
    name: String,
}

impl Subject {
    /// A user of a tenant by the keyed hash under which records name him; empty for the tenant's nameless ones.
    pub fn new(tenant: &str, user: &str) -> Self {
        let name = if user.is_empty() { "nameless".to_owned() } else { user.to_owned() };
        Self { tenant: short_hash(tenant), name }
    }

    /// What its tenant is called on disk.
    pub(super) fn tenant(&self) -> &str {
        &self.tenant
    }

    /// What is authenticated with its keys.
    pub(super) fn text(&self) -> String {
        format!("{}/{}", self.tenant, self.name)
    }

    fn folder(&self, texts: &Path) -> PathBuf {
        texts.join("keys").join(&self.tenant)
    }

    fn path(&self, texts: &Path) -> PathBuf {
        // The name may come from outside: what it is called on disk must not.
        self.folder(texts).join(format!("{}.key", short_hash(&self.name)))
    }

    /// Where it stands when the subject was erased last.
    fn erasure(&self, texts: &Path) -> PathBuf {
        self.path(texts).with_extension("erased")
    }
}

fn short_hash(text: &str) -> String {
    hex::encode(digest(&SHA256, text.as_bytes()).as_ref().get(..16).unwrap_or_default())
}

/// The key that wraps the others.
pub struct MasterKey(RandomizedNonceKey);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

impl MasterKey {
    /// A key of these bytes.
    pub fn new(bytes: &[u8; KEY]) -> Self {
        Self(cipher(bytes))
    }

    /// Reads the file, 64 hexadecimal digits or base64; makes it, for its owner only, where there is none.
    pub fn load_or_make(path: &Path) -> Result<Self, KeysError> {
        if !path.exists() {
            let io = |source| KeysError::Io { path: path.to_owned(), source };
            let bytes = random().map_err(io)?;
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).map_err(io)?;
            }
            let text = Zeroizing::new(hex::encode(&*bytes));
            write_new(path, text.as_bytes()).map_err(io)?;
        }
        Self::load(path)
    }

    /// Reads the file.
    pub fn load(path: &Path) -> Result<Self, KeysError> {
        let io = |source| KeysError::Io { path: path.to_owned(), source };
        if let Some(mode) = loose_mode(path).map_err(io)? {
            return Err(KeysError::Open { path: path.to_owned(), mode });
        }
        let text = Zeroizing::new(fs::read_to_string(path).map_err(io)?);
        super::master::parse(&text).ok_or_else(|| KeysError::Foreign { path: path.to_owned() })
    }
}

pub(super) fn cipher(bytes: &[u8; KEY]) -> RandomizedNonceKey {
    // Only a wrong length is refused.
    RandomizedNonceKey::new(&AES_256_GCM, bytes).unwrap_or_else(|_| unreachable!("the key has 256 bits"))
}

fn random() -> io::Result<Zeroizing<[u8; KEY]>> {
    let mut bytes = Zeroizing::new([0; KEY]);
    getrandom::fill(&mut *bytes)?;
    Ok(bytes)
}

/// The keys of all subjects.
#[derive(Debug)]
pub(super) struct Keys {
    texts: PathBuf,
    master: MasterKey,
}

impl Keys {
    pub(super) fn new(texts: &Path, master: MasterKey) -> Self {
        Self { texts: texts.to_owned(), master }
    }

    /// The subject's key for what was begun at this time, in milliseconds since 1970; makes it where there is none. What was begun before its
    /// erasure gets none.
    pub(super) fn of(&self, subject: &Subject, begun_ms: u64) -> Result<RandomizedNonceKey, KeysError> {
        let path = subject.erasure(&self.texts);
        match fs::read_to_string(&path) {
            // What cannot be read as a time is taken for one that is not over.
            Ok(text) if text.trim().parse::<u64>().is_ok_and(|at| at < begun_ms) => {}
            Ok(_) => return Err(KeysError::Erased),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(KeysError::Io { path, source }),
        }
        private_dir(&subject.folder(&self.texts))
            .map_err(|source| KeysError::Io { path: subject.folder(&self.texts), source })?;
        let tenant_path = subject.folder(&self.texts).join("tenant");
        let tenant = read_or_make(&tenant_path, &self.master.0, &subject.tenant)?;
        Ok(cipher(&*read_or_make(&subject.path(&self.texts), &cipher(&tenant), &subject.text())?))
    }

    /// The subject's key, if it was not erased.
    pub(super) fn known(&self, subject: &Subject) -> Result<RandomizedNonceKey, KeysError> {
        let tenant = read(&subject.folder(&self.texts).join("tenant"), &self.master.0, &subject.tenant)?;
        Ok(cipher(&*read(&subject.path(&self.texts), &cipher(&tenant), &subject.text())?))
    }

    /// Whether the master key is the one that wraps what is there; where nothing is, it may be any.
    pub(super) fn fits(&self) -> Result<(), KeysError> {
        let Some(folder) = first_tenant(&self.texts) else { return Ok(()) };
        let of = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match read(&folder.join("tenant"), &self.master.0, &of) {
            Ok(_) | Err(KeysError::Erased) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn erase(&self, subject: &Subject) -> io::Result<bool> {
        erase(&self.texts, subject)
    }
}

/// The folder of some tenant's keys; none where there are none.
pub(super) fn first_tenant(texts: &Path) -> Option<PathBuf> {
    let folders = fs::read_dir(texts.join("keys")).ok()?;
    folders.filter_map(|folder| Some(folder.ok()?.path())).find(|folder| folder.join("tenant").exists())
}

/// Destroys a subject's key. When that was stays, so that what was begun before is not sealed under a new one.
pub(super) fn erase(texts: &Path, subject: &Subject) -> io::Result<bool> {
    private_dir(&subject.folder(texts))?;
    write_whole(&subject.erasure(texts), format!("{}\n", now_ms()).as_bytes(), 0o600)?;
    let path = subject.path(texts);
    let mut file = match File::options().write(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    // What the file system keeps of old blocks is as good as random to who has not the tenant's key; what it overwrites in place is gone.
    file.write_all(&[0; WRAPPED])?;
    file.sync_all()?;
    fs::remove_file(&path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())?;
    Ok(true)
}

fn read_or_make(
    path: &Path,
    wrapping: &RandomizedNonceKey,
    of: &str,
) -> Result<Zeroizing<[u8; KEY]>, KeysError> {
    match read(path, wrapping, of) {
        Err(KeysError::Erased) => {}
        done => return done,
    }
    let io = |source| KeysError::Io { path: path.to_owned(), source };
    let key = random().map_err(io)?;
    let mut bytes = Zeroizing::new(key.to_vec());
    let nonce = wrapping
        .seal_in_place_append_tag(Aad::from(of.as_bytes()), &mut *bytes)
        .map_err(|_| io(io::Error::other("the key cannot be wrapped")))?;
    let file = [nonce.as_ref().as_slice(), &bytes].concat();
    match write_new(path, &file) {
        Ok(()) => Ok(key),
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(path, wrapping, of),
        Err(error) => Err(io(error)),
    }
}

fn read(path: &Path, wrapping: &RandomizedNonceKey, of: &str) -> Result<Zeroizing<[u8; KEY]>, KeysError> {
    let file = match fs::read(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(KeysError::Erased),
        Err(source) => return Err(KeysError::Io { path: path.to_owned(), source }),
    };
    let foreign = || KeysError::Foreign { path: path.to_owned() };
    let (nonce, sealed) =
        file.split_first_chunk::<NONCE_LEN>().filter(|_| file.len() == WRAPPED).ok_or_else(foreign)?;
    let mut sealed = Zeroizing::new(sealed.to_vec());
    let opened = wrapping
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(of.as_bytes()), &mut sealed)
        .map_err(|_| foreign())?;
    let key: [u8; KEY] = (&*opened).try_into().map_err(|_| foreign())?;
    Ok(Zeroizing::new(key))
}
