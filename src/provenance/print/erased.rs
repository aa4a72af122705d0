//! What was erased: a file to which lines are added, so that it is gone for whoever looks from then on, whatever files still hold of it.
//!
//! ```text
//! subject 0b6c.. 1795900000000     what began before that, in milliseconds since 1970
//! exchange 5f21..
//! ```

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::record::PrintRecord;
use crate::text::hex;

const NAME: &str = "erased";

/// What was erased.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Erased {
    /// By subject: what began before.
    subjects: HashMap<[u8; 16], u64>,
    exchanges: HashSet<[u8; 16]>,
    /// Bytes of the file that were read, and that who sorts has seen.
    pub(super) read: u64,
    pub(super) seen: u64,
}

/// What is to be erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erasure {
    /// All of a subject's answers that began before, in milliseconds since 1970.
    Subject([u8; 16], u64),
    /// The answer of an exchange.
    Exchange([u8; 16]),
}

impl Erasure {
    /// Whether an answer goes with it.
    pub fn takes(&self, record: &PrintRecord) -> bool {
        match self {
            Self::Subject(subject, before) => record.subject == *subject && record.time_ms < *before,
            Self::Exchange(exchange) => record.exchange == *exchange,
        }
    }
}

impl Erased {
    pub(super) fn read(folder: &Path) -> io::Result<Self> {
        let mut out = Self::default();
        out.look(folder)?;
        Ok(out)
    }

    /// Takes in what others have added. True where there is something new.
    pub(super) fn look(&mut self, folder: &Path) -> io::Result<bool> {
        let path = folder.join(NAME);
        match fs::metadata(&path) {
            Ok(metadata) if metadata.len() != self.read => {}
            Ok(_) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        }
        let text = fs::read_to_string(path)?;
        self.read = text.len() as u64;
        for line in text.lines() {
            let mut words = line.split(' ');
            let kind = words.next();
            let Some(name) = words.next().and_then(hex::array::<16>) else { continue };
            match (kind, words.next().and_then(|time| time.parse::<u64>().ok())) {
                (Some("subject"), Some(time)) => {
                    let before = self.subjects.entry(name).or_default();
                    *before = time.max(*before);
                }
                (Some("exchange"), None) => drop(self.exchanges.insert(name)),
                _ => {}
            }
        }
        Ok(true)
    }

    pub(super) fn has(&self, record: &PrintRecord) -> bool {
        self.exchanges.contains(&record.exchange)
            || self.subjects.get(&record.subject).is_some_and(|&before| record.time_ms < before)
    }
}

/// Puts an erasure on the list, durably: from now on nobody finds what it takes.
pub(super) fn add(folder: &Path, erasure: &Erasure) -> io::Result<()> {
    let line = match erasure {
        Erasure::Subject(subject, before) => format!("subject {} {before}\n", hex::encode(subject)),
        Erasure::Exchange(exchange) => format!("exchange {}\n", hex::encode(exchange)),
    };
    let path = folder.join(NAME);
    let mut file = File::options().append(true).create(true).mode(0o600).open(&path)?;
    // A line of which somebody wrote a part only is not to be the beginning of this one.
    let begun = fs::read(&path)?.last().is_some_and(|&last| last != b'\n');
    file.write_all(if begun { format!("\n{line}") } else { line }.as_bytes())?;
    file.sync_all()?;
    File::open(folder)?.sync_all()
}
