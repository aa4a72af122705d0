//! How long sealed bodies are kept at most: a file holds those of one tenant that are to be gone after the same time, and no longer than a
//! sixteenth of that, so that the whole file goes when its first body's time is over.
//!
//! ```text
//! head   "SGTEXT\0\2" | begun u64, milliseconds since 1970 | days u32, all ones: for good | tenant 32 bytes
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde_json::Value;

use super::super::hold::Holds;
use super::super::segment;
use super::keys::Subject;

const MAGIC: &[u8; 8] = b"SGTEXT\0\x02";
/// Bytes of a tenant's name on disk.
const TENANT: usize = 32;
/// Bytes of a file's head.
pub(super) const HEAD: usize = 8 + 8 + 4 + TENANT;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// Parts of its time over which a file is written.
const PARTS: u64 = 16;

/// Whose bodies a file holds, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Term {
    /// The tenant's name on disk.
    tenant: String,
    /// Days after which they are gone; none: they stay until they are erased.
    days: Option<u32>,
}

impl Term {
    pub(super) fn new(subject: &Subject, days: Option<u32>) -> Self {
        Self { tenant: subject.tenant().to_owned(), days }
    }

    /// The head of a file that begins now.
    pub(super) fn head(&self, begun_ms: u64) -> Vec<u8> {
        let mut head = MAGIC.to_vec();
        head.extend_from_slice(&begun_ms.to_le_bytes());
        head.extend_from_slice(&self.days.unwrap_or(u32::MAX).to_le_bytes());
        head.extend_from_slice(self.tenant.as_bytes());
        head.resize(HEAD, 0);
        head
    }

    /// Whether a file that began then takes no more.
    pub(super) fn is_full(&self, begun_ms: u64, now_ms: u64) -> bool {
        // Those that stay go with the records of their exchanges, file by file.
        let span = self.days.map_or(DAY_MS, |days| (u64::from(days) * DAY_MS / PARTS).clamp(HOUR_MS, DAY_MS));
        now_ms < begun_ms || now_ms - begun_ms >= span
    }
}

/// What a file's head says: when it began, and its term.
fn read(path: &Path) -> Option<(u64, Term)> {
    let mut head = [0; HEAD];
    File::open(path).and_then(|mut file| file.read_exact(&mut head)).ok()?;
    let rest = head.strip_prefix(MAGIC)?;
    let (begun, rest) = rest.split_first_chunk()?;
    let (days, tenant) = rest.split_first_chunk()?;
    let days = Some(u32::from_le_bytes(*days)).filter(|days| *days < u32::MAX);
    let tenant = String::from_utf8(tenant.to_vec()).ok()?;
    Some((u64::from_le_bytes(*begun), Term { tenant, days }))
}

/// Bodies that are gone since their time was over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Expired {
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// Files that are still there, since somebody holds them.
    pub(super) held: u64,
}

/// Removes the files whose time is over and that nobody holds: what went, and the first thing that failed. Nobody can begin a hold meanwhile.
/// A file that cannot be removed keeps no other.
pub(super) fn expire(journal: &Path, folder: &Path, now_ms: u64) -> (Expired, Option<io::Error>) {
    let mut expired = Expired::default();
    let mut failed = None;
    match over(folder, now_ms) {
        Ok(over) if over.is_empty() => {}
        Ok(over) => match Holds::change(journal) {
            Ok(holds) => {
                failed = holds.keep().err();
                for (path, tenant) in over {
                    if is_held(&holds, &tenant) {
                        expired.held += 1;
                        continue;
                    }
                    match remove(&path) {
                        Ok(bytes) => {
                            expired.bytes += bytes;
                            expired.files += 1;
                        }
                        // Somebody else was quicker.
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                        Err(error) => drop(failed.get_or_insert(error)),
                    }
                }
                failed = failed.or_else(|| File::open(folder).and_then(|folder| folder.sync_all()).err());
            }
            Err(error) => failed = Some(error),
        },
        Err(error) => failed = Some(error),
    }
    (expired, failed)
}

/// The files whose time is over, each with its tenant. One whose head says nothing of that stays.
fn over(folder: &Path, now_ms: u64) -> io::Result<Vec<(PathBuf, String)>> {
    let mut over = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|e| e != "sgt") {
            continue;
        }
        let Some((begun, term)) = read(&path) else { continue };
        let lives = term.days.map(|days| u64::from(days) * DAY_MS);
        if lives.is_some_and(|lives| now_ms >= begun.saturating_add(lives)) {
            over.push((path, term.tenant));
        }
    }
    Ok(over)
}

/// Removes the files of bodies that no record names which is still there, if nothing was written to them since `before_ms`: how many. A purge has
/// taken the records of their exchanges.
pub(super) fn remove_unnamed(journal: &Path, folder: &Path, before_ms: u64) -> io::Result<u64> {
    let read = |entry: &fs::DirEntry| {
        let path = entry.path();
        let number = path.file_stem()?.to_str()?.parse::<u64>().ok()?;
        let written = entry.metadata().ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        let is_old = written.as_millis() < u128::from(before_ms);
        (is_old && path.extension().is_some_and(|e| e == "sgt")).then_some((number, path))
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries.collect::<io::Result<Vec<_>>>()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut old: BTreeMap<u64, PathBuf> = entries.iter().filter_map(read).collect();
    if old.is_empty() {
        return Ok(0);
    }
    let named = segment::walk_newest(journal, u64::MAX, &mut |_| {}, &mut |_, _, payload| {
        if let Ok(record) = serde_json::from_slice::<Value>(payload) {
            names(&record, &mut |file| drop(old.remove(&file)));
        }
    });
    named.map_err(io::Error::other)?;
    for path in old.values() {
        remove(path)?;
    }
    File::open(folder)?.sync_all()?;
    Ok(old.len() as u64)
}

/// The numbers of the files that a record names, at any depth.
fn names(value: &Value, file: &mut impl FnMut(u64)) {
    match value {
        Value::Object(members) => {
            if let (Some(number), true) =
                (members.get("file").and_then(Value::as_u64), members.contains_key("sha256"))
            {
                file(number);
            }
            members.values().for_each(|member| names(member, file));
        }
        Value::Array(all) => all.iter().for_each(|one| names(one, file)),
        _ => {}
    }
}

fn is_held(holds: &Holds, tenant: &str) -> bool {
    holds.iter().any(|hold| hold.tenant.is_empty() || Subject::new(&hold.tenant, "").tenant() == tenant)
}

fn remove(path: &Path) -> io::Result<u64> {
    let bytes = fs::metadata(path)?.len();
    fs::remove_file(path).map(|()| bytes)
}
