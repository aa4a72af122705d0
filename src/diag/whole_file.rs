//! Files that are there whole or not at all, whatever a full disk or the end of the process cuts short.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes a file of these permissions beside its place, makes it durable, and moves it there: who reads sees the old or the new one. A link
/// stays one: what it leads to is written.
pub fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let draft = Draft::with_mode(&place, bytes, mode)?;
    fs::rename(&draft.draft, &place)?;
    sync_folder(&place)
}

/// The same for a file that is there: it keeps its permissions, and owner and group as far as the process may give them.
pub fn rewrite_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let place = fs::canonicalize(path)?;
    let there = fs::metadata(&place)?;
    let draft = Draft::with_mode(&place, bytes, 0o600)?;
    let file = File::open(&draft.draft)?;
    // Only root may give a file away; a group one belongs to is open to all.
    if fchown(&file, Some(there.uid()), Some(there.gid())).is_err() {
        let _ = fchown(&file, None, Some(there.gid()));
    }
    file.set_permissions(fs::Permissions::from_mode(there.permissions().mode() & 0o777))?;
    file.sync_all()?;
    fs::rename(&draft.draft, &place)?;
    sync_folder(&place)
}

/// Makes a folder, and those above it that are not there, durably.
pub fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
        make_folder(above)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.and_then(|()| sync_folder(path)),
    }
}

/// A name beside a file that nothing else has: hidden, of this process and this call.
fn draft_of(path: &Path) -> PathBuf {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = path.with_file_name(format!(".{name}.{}-{call}.new", std::process::id()));
    // One of a process that ended in between, of the same number.
    let _ = fs::remove_file(&draft);
    draft
}

/// The same for its owner only, and only where nothing is there yet; an error of [`io::ErrorKind::AlreadyExists`] where something is.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    Draft::new(path, bytes)?.place()
}

/// A file that is written and durable, and not in its place yet: what can fail for want of room or rights has not. Gone when it is dropped.
#[derive(Debug)]
pub struct Draft {
    place: PathBuf,
    draft: PathBuf,
}

impl Draft {
    /// Writes what shall stand at `place`, for its owner only.
    pub fn new(place: &Path, bytes: &[u8]) -> io::Result<Self> {
        Self::with_mode(place, bytes, 0o600)
    }

    fn with_mode(place: &Path, bytes: &[u8], mode: u32) -> io::Result<Self> {
        let draft = draft_of(place);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
        let this = Self { place: place.to_owned(), draft };
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(this)
    }

    /// Puts it there; an error of [`io::ErrorKind::AlreadyExists`] where something is.
    pub fn place(self) -> io::Result<()> {
        // Unlike a rename, it replaces nothing.
        fs::hard_link(&self.draft, &self.place)?;
        fs::remove_file(&self.draft)?;
        sync_folder(&self.place)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Once it has its place, there is none.
        let _ = fs::remove_file(&self.draft);
    }
}

/// The permissions of a file with a secret that more people may use than its owner, and a group that reads it: that is how Kubernetes and
/// Docker mount secrets for a user who is not root.
pub fn loose_mode(path: &Path) -> io::Result<Option<u32>> {
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    Ok((mode & 0o027 != 0).then_some(mode))
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_written_over_keeps_whose_it_is() {
        let folder = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
        let path = folder.path().join("a");
        fs::write(&path, "old").unwrap_or_else(|e| panic!("{e}"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap_or_else(|e| panic!("{e}"));
        // Only root may give it away.
        let given = std::os::unix::fs::chown(&path, Some(12_345), Some(54_321)).is_ok();
        rewrite_whole(&path, b"new").unwrap_or_else(|e| panic!("{e}"));
        let there = fs::metadata(&path).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(there.permissions().mode() & 0o777, 0o664);
        assert!(!given || (there.uid(), there.gid()) == (12_345, 54_321));
        assert_eq!(fs::read(&path).ok().as_deref(), Some(&b"new"[..]));
        assert!(rewrite_whole(&folder.path().join("none"), b"").is_err());
    }
}
