//! Keys of clients: made at random, shown once, kept as a hash only.
//!
//! A key is looked up by its HMAC-SHA-256 under the server's pepper. Who does not know the pepper cannot
//! choose which hash is looked up, so the time that the table takes tells nothing about a stored key; the
//! last comparison is in constant time all the same.

use super::gate::{Gate, Pass};
use super::settings::LimitsSettings;
use crate::diag::{loose_mode, write_new};
use crate::text::hex;
use aws_lc_rs::hmac;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What every key starts with, so that people and secret scanners know what it is.
pub const PREFIX: &str = "sgk_";

/// The secret under which keys are hashed.
pub struct Pepper(hmac::Key);

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper")
    }
}

/// Why there is no pepper.
#[derive(Debug, thiserror::Error)]
pub enum PepperError {
    /// The file cannot be read or made.
    #[error("cannot use pepper file `{path}`: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("pepper file `{path}` holds {found} characters, expected 64 hexadecimal digits")]
    Form {
        /// The file.
        path: PathBuf,
        /// How many characters it holds.
        found: usize,
    },
    /// Others may read the file.
    #[error("pepper file `{path}` may be read by others (mode {mode:o}), expected 600 or 640")]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// There is a journal, and its pepper is gone: under another one nobody in it is found again.
    #[error(
        "pepper file `{path}` is gone, and the records of {journal} name users and texts under it; put it back, or move that journal away to begin another"
    )]
    Gone {
        /// The file.
        path: PathBuf,
        /// The journal's folder.
        journal: PathBuf,
    },
    /// There is a journal of another pepper.
    #[error(
        "pepper file `{path}` is not the one under which the records of {journal} name users and texts; put that one back, or move that journal away to begin another"
    )]
    Other {
        /// The file.
        path: PathBuf,
        /// The journal's folder.
        journal: PathBuf,
    },
}

/// The file in a journal's folder that says which pepper its records are under, and nothing of it.
const BOUND: &str = "pepper.id";

impl Pepper {
    /// A pepper of these bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// Reads the file.
    pub fn load(path: &Path) -> Result<Self, PepperError> {
        let io = |source| PepperError::Io { path: path.to_owned(), source };
        if let Some(mode) = loose_mode(path).map_err(io)? {
            return Err(PepperError::Open { path: path.to_owned(), mode });
        }
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(io)?);
        let text = text.trim();
        let bytes = hex::array(text)
            .ok_or_else(|| PepperError::Form { path: path.to_owned(), found: text.chars().count() })?;
        Ok(Self::new(&Zeroizing::new(bytes)))
    }

    /// Reads the file; makes it, with a random pepper and for its owner only, where there is none.
    pub fn load_or_make(path: &Path) -> Result<Self, PepperError> {
        let io = |source| PepperError::Io { path: path.to_owned(), source };
        if path.exists() {
            return Self::load(path);
        }
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(io)?;
        }
        let mut bytes = Zeroizing::new([0; 32]);
        random(&mut bytes).map_err(io)?;
        let text = Zeroizing::new(format!("{}\n", hex::encode(&*bytes)));
        match write_new(path, text.as_bytes()) {
            Ok(()) => Ok(Self::new(&bytes)),
            // Another process was faster; its pepper counts.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::load(path),
            Err(error) => Err(io(error)),
        }
    }

    /// Reads the file, and sees that it is the pepper of the journal in this folder, if there is one.
    pub fn load_for(path: &Path, journal: &Path) -> Result<Self, PepperError> {
        let this = Self::load(path)?;
        match std::fs::read_to_string(journal.join(BOUND)) {
            Ok(id) if id.trim() != this.id() => {
                Err(PepperError::Other { path: path.to_owned(), journal: journal.to_owned() })
            }
            _ => Ok(this),
        }
    }

    /// The same; makes the file where there is neither it nor a journal with records.
    pub fn load_or_make_for(path: &Path, journal: &Path) -> Result<Self, PepperError> {
        if !path.exists() {
            let is_segment = |entry: std::fs::DirEntry| entry.path().extension().is_some_and(|e| e == "sgj");
            let has_records =
                std::fs::read_dir(journal).is_ok_and(|mut all| all.any(|one| one.is_ok_and(is_segment)));
            if has_records || journal.join(BOUND).exists() {
                return Err(PepperError::Gone { path: path.to_owned(), journal: journal.to_owned() });
            }
            Self::load_or_make(path)?;
        }
        Self::load_for(path, journal)
    }

    /// Binds the journal in this folder to the pepper, where it is bound to none; whether it was not.
    ///
    /// # Errors
    /// The file that says so cannot be written.
    pub fn bind(&self, journal: &Path) -> io::Result<bool> {
        match write_new(&journal.join(BOUND), format!("{}\n", self.id()).as_bytes()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What tells it from others.
    fn id(&self) -> String {
        hex::encode(self.derive("what a journal is bound to").get(..16).unwrap_or_default())
    }

    /// Bytes for another use, which tell nothing of the pepper or of those for other uses.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        // No key begins so: those that clients send are HTTP field values, which hold no zero byte.
        self.hash(format!("\0{purpose}").as_bytes()).0
    }

    /// The hash of a key.
    pub fn hash(&self, key: &[u8]) -> KeyHash {
        let tag = hmac::sign(&self.0, key);
        let mut hash = [0; 32];
        for (to, from) in hash.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        KeyHash(hash)
    }
}

/// The hash of a key, which is all that is kept of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        hex::array(text).map(Self)
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash")
    }
}

/// A new key of 256 random bits.
pub fn new_key() -> io::Result<Zeroizing<String>> {
    const DIGITS: [char; 32] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'j', 'k',
        'm', 'n', 'p', 'q', 'r', 's', 't', 'v', 'w', 'x', 'y', 'z',
    ];
    let mut bytes = Zeroizing::new([0; 32]);
    random(&mut bytes)?;
    // Room for all of it, so that no half-written copy stays behind in memory.
    let mut key = Zeroizing::new(String::with_capacity(PREFIX.len() + 52));
    key.push_str(PREFIX);
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in bytes.iter() {
        bits = (bits << 8) | u32::from(*byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            key.push(digit(&DIGITS, bits >> held));
        }
        bits &= (1 << held) - 1;
    }
    key.push(digit(&DIGITS, bits << (5 - held)));
    Ok(key)
}

fn digit(digits: &[char; 32], bits: u32) -> char {
    digits.get((bits & 31) as usize).copied().unwrap_or('0')
}

/// Who sends a request: a tenant under one of its keys, or anybody where no key is configured.
#[derive(Debug)]
pub struct Caller {
    /// The tenant's name.
    pub tenant: Arc<str>,
    /// The key's name, never the key.
    pub key: Arc<str>,
    /// The tenant's number in the settings; none for anybody.
    pub number: Option<usize>,
    gates: [Arc<Gate>; 3],
    /// Places for request bodies that arrive slowly.
    slow: [Arc<Gate>; 3],
}

/// A place for one exchange in all, of its tenant and under its key; leaving is dropping it.
#[derive(Debug)]
pub struct ExchangePass {
    _passes: [Pass; 3],
}

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The one for all exchanges.
    All,
    /// The tenant's.
    Tenant,
    /// The key's.
    Key,
}

impl Caller {
    /// A place for one exchange, or which limit is reached. Never waits.
    pub fn enter(&self) -> Result<ExchangePass, Full> {
        enter(&self.gates)
    }

    /// A place for an exchange whose request arrives slowly, a quarter as many as for others: so those that drip take no place from
    /// those that do not.
    pub fn enter_slow(&self) -> Result<ExchangePass, Full> {
        enter(&self.slow)
    }
}

fn enter([all, tenant, key]: &[Arc<Gate>; 3]) -> Result<ExchangePass, Full> {
    let key = key.enter().ok_or(Full::Key)?;
    let tenant = tenant.enter().ok_or(Full::Tenant)?;
    let all = all.enter().ok_or(Full::All)?;
    Ok(ExchangePass { _passes: [all, tenant, key] })
}

/// A gate for exchanges, and one for those of them whose request arrives slowly.
fn gates(limit: usize) -> [Arc<Gate>; 2] {
    [Gate::new(limit), Gate::new((limit / 4).max(1))]
}

/// A tenant as the table needs it.
#[derive(Debug)]
pub struct TenantKeys<'a> {
    /// Its name.
    pub name: &'a str,
    /// Names and hashes of its keys.
    pub keys: Vec<(&'a str, KeyHash)>,
    /// Exchanges at the same time, where it has its own limit.
    pub exchanges: Option<usize>,
}

/// All callers by the hash of their key.
#[derive(Debug)]
pub struct KeyTable {
    pepper: Pepper,
    callers: HashMap<KeyHash, Arc<Caller>>,
    anybody: Option<Arc<Caller>>,
}

impl KeyTable {
    /// Bytes for another use, from the server's pepper, see [`Pepper::derive`].
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        self.pepper.derive(purpose)
    }

    /// The table of these tenants; without any key, everybody is let in as tenant `anonymous`.
    pub fn new(pepper: Pepper, tenants: &[TenantKeys<'_>], limits: &LimitsSettings) -> Self {
        let [all, slow] = gates(limits.exchanges);
        let mut callers = HashMap::new();
        for (number, tenant) in tenants.iter().enumerate() {
            let name: Arc<str> = tenant.name.into();
            let [gate, slow_gate] = gates(tenant.exchanges.unwrap_or(limits.exchanges_per_tenant));
            for (id, hash) in &tenant.keys {
                let [own, slow_own] = gates(limits.exchanges_per_key);
                let caller = Caller {
                    tenant: Arc::clone(&name),
                    key: (*id).into(),
                    number: Some(number),
                    gates: [Arc::clone(&all), Arc::clone(&gate), own],
                    slow: [Arc::clone(&slow), Arc::clone(&slow_gate), slow_own],
                };
                callers.insert(*hash, Arc::new(caller));
            }
        }
        let anybody = callers.is_empty().then(|| {
            let free = Gate::new(usize::MAX);
            Arc::new(Caller {
                tenant: "anonymous".into(),
                key: "none".into(),
                number: None,
                gates: [all, Arc::clone(&free), Arc::clone(&free)],
                slow: [slow, Arc::clone(&free), free],
            })
        });
        Self { pepper, callers, anybody }
    }

    /// Whether a tenant has a key of this name.
    pub fn has(&self, tenant: &str, key: &str) -> bool {
        let mut all = self.callers.values().chain(&self.anybody);
        all.any(|caller| *caller.tenant == *tenant && *caller.key == *key)
    }

    /// Whether no key is asked for.
    pub fn is_open(&self) -> bool {
        self.anybody.is_some()
    }

    /// Who sends this key. In an open table everybody is `anonymous`, with or without a key.
    pub fn caller(&self, presented: Option<&[u8]>) -> Option<&Arc<Caller>> {
        if let Some(anybody) = &self.anybody {
            return Some(anybody);
        }
        let hash = self.pepper.hash(presented?);
        let (stored, caller) = self.callers.get_key_value(&hash)?;
        bool::from(stored.0.ct_eq(&hash.0)).then_some(caller)
    }
}

fn random(bytes: &mut [u8; 32]) -> io::Result<()> {
    getrandom::fill(bytes).map_err(|e| io::Error::other(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(keys: &[(&str, &str)], limits: &LimitsSettings) -> KeyTable {
        let pepper = Pepper::new(&[7; 32]);
        let hashed = keys.iter().map(|(id, key)| (*id, pepper.hash(key.as_bytes()))).collect();
        KeyTable::new(pepper, &[TenantKeys { name: "red", keys: hashed, exchanges: Some(2) }], limits)
    }

    #[test]
    fn a_key_opens_its_tenant_and_nothing_else_does() {
        let keys = table(&[("k1", "sgk_one"), ("k2", "sgk_two")], &LimitsSettings::default());
        assert!(!keys.is_open());
        let caller = keys.caller(Some(b"sgk_two")).expect("a caller");
        assert_eq!((&*caller.tenant, &*caller.key, caller.number), ("red", "k2", Some(0)));
        for wrong in [&b"sgk_"[..], b"sgk_onE", b"", b"sgk_one ", b"' OR '1'='1"] {
            assert!(keys.caller(Some(wrong)).is_none());
        }
        assert!(keys.caller(None).is_none());
    }

    #[test]
    fn without_keys_everybody_is_anonymous() {
        let keys = KeyTable::new(Pepper::new(&[7; 32]), &[], &LimitsSettings::default());
        assert!(keys.is_open());
        assert_eq!(keys.caller(None).map(|c| c.tenant.to_string()), Some("anonymous".into()));
    }

    #[test]
    fn exchanges_are_counted_by_key_tenant_and_all() {
        let limits = LimitsSettings { exchanges: 3, exchanges_per_key: 1, ..LimitsSettings::default() };
        let keys = table(&[("k1", "a"), ("k2", "b"), ("k3", "c")], &limits);
        let caller = |key: &str| Arc::clone(keys.caller(Some(key.as_bytes())).expect("a caller"));
        let first = caller("a").enter().expect("a place");
        assert_eq!(caller("a").enter().err(), Some(Full::Key));
        let _second = caller("b").enter().expect("a place");
        assert_eq!(caller("c").enter().err(), Some(Full::Tenant));
        drop(first);
        assert!(caller("c").enter().is_ok(), "a refused exchange keeps no place");
    }

    /// A key that begins like a stored one must take as long as any other (Welch's t below 4.5).
    #[test]
    fn the_time_of_a_look_up_does_not_tell_a_right_prefix() {
        let measure = || {
            // Anew each time: a key that falls into another one's place of the table by its hash takes longer, whatever it begins with.
            let stored = new_key().expect("a key");
            let keys = table(&[("k1", stored.as_str())], &LimitsSettings::default());
            let far = new_key().expect("a key").as_bytes().to_vec();
            let mut near = stored.as_bytes().to_vec();
            if let Some(last) = near.last_mut() {
                *last = if *last == b'0' { b'1' } else { b'0' };
            }
            let mut times = [Vec::new(), Vec::new()];
            // Both in one place: where they lie in memory is not the table's doing.
            let mut key = far.clone();
            for round in 0..20_000 {
                // Turn by turn, so that whatever else the machine does falls on both.
                let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
                for which in order {
                    key.copy_from_slice(if which == 0 { &near } else { &far });
                    #[expect(clippy::disallowed_methods, reason = "a test of times reads the clock")]
                    let start = std::time::Instant::now();
                    let found = std::hint::black_box(keys.caller(Some(std::hint::black_box(key.as_slice()))));
                    let time = start.elapsed().as_nanos() as f64;
                    assert!(found.is_none());
                    if let Some(list) = times.get_mut(which) {
                        list.push(time);
                    }
                }
            }
            let [a, b] = times.map(|mut list| {
                // Interrupts are not the table's doing.
                list.sort_by(f64::total_cmp);
                list.truncate(list.len() * 9 / 10);
                let n = list.len() as f64;
                let mean = list.iter().sum::<f64>() / n;
                let variance = list.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
                (mean, variance / n)
            });
            ((a.0 - b.0) / (a.1 + b.1).sqrt()).abs()
        };
        // What tells the two apart does so each time; what the machine does besides does not.
        assert!((0..30).any(|_| measure() < 4.5));
    }

    #[test]
    fn new_keys_are_long_and_differ() {
        let (a, b) = (new_key().expect("a key"), new_key().expect("a key"));
        assert_ne!(*a, *b);
        assert_eq!(a.len(), PREFIX.len() + 52);
        assert!(a.starts_with(PREFIX) && a.is_ascii());
    }

    #[test]
    fn the_pepper_is_made_once_and_for_its_owner_only() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("state/pepper");
        let made = Pepper::load_or_make(&path).expect("a pepper").hash(b"k").to_string();
        assert_eq!(Pepper::load_or_make(&path).expect("a pepper").hash(b"k").to_string(), made);
        assert_eq!(KeyHash::parse(&made).map(|h| h.to_string()), Some(made));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let bits = |path: &Path| std::fs::metadata(path).expect("a file").permissions().mode() & 0o777;
            assert_eq!(bits(&path), 0o600);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("set");
            assert!(matches!(Pepper::load(&path), Err(PepperError::Open { mode: 0o644, .. })));
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
        }
        assert_eq!(std::fs::read_dir(dir.path().join("state")).expect("a folder").count(), 1);
        std::fs::write(&path, "short").expect("write");
        assert!(matches!(Pepper::load(&path), Err(PepperError::Form { found: 5, .. })));
    }
}
