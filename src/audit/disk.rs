//! Where segments are written: the real disk, or in tests one that fails on purpose.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// What the writer asks of a file system.
pub(super) trait Disk: Send {
    /// Opens a fresh segment and makes its name durable.
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn SegmentFile>>;
    /// Removes a segment that holds nothing anybody was told of.
    fn remove(&mut self, path: &Path) -> io::Result<()>;
}

/// A segment that is being written, from its start on.
pub(super) trait SegmentFile: Send {
    /// Appends bytes.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was written durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// Makes a folder that only its owner can look into; one that stands open to others is closed to them.
pub(super) fn private_dir(dir: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let mut rights = fs::metadata(dir)?.permissions();
    if rights.mode() & 0o077 != 0 {
        rights.set_mode(0o700);
        fs::set_permissions(dir, rights)?;
    }
    Ok(())
}

/// Takes the folder for this process alone; the system lets go of it when the process ends, however it ends. None where another has it.
pub(super) fn lock(dir: &Path) -> io::Result<Option<File>> {
    let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(dir.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Cuts a file and makes that durable; at 0 the file goes.
pub(super) fn cut(path: &Path, at: u64) -> io::Result<()> {
    if at == 0 {
        fs::remove_file(path)?;
        return path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all());
    }
    let file = File::options().write(true).open(path)?;
    file.set_len(at)?;
    file.sync_all()
}

pub(super) struct RealDisk;

impl Disk for RealDisk {
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        let file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
        if let Some(dir) = path.parent() {
            File::open(dir)?.sync_all()?;
        }
        Ok(Box::new(RealFile { file, written: 0, filled: 0 }))
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

/// Bytes filled with zeros ahead of the writing at a time, so that most syncs change no metadata of the file.
const AHEAD: u64 = 1 << 20;
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

struct RealFile {
    file: File,
    written: u64,
    filled: u64,
}

impl RealFile {
    fn fill(&mut self, end: u64) -> io::Result<()> {
        while self.filled < end {
            // `write_all_at` goes on after a short write and after EINTR.
            self.file.write_all_at(&ZEROS, self.filled)?;
            self.filled += ZEROS.len() as u64;
        }
        self.file.sync_all()
    }
}

impl SegmentFile for RealFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end = self.written + bytes.len() as u64;
        if end > self.filled {
            self.fill(end + AHEAD)?;
        }
        self.file.write_all_at(bytes, self.written)?;
        self.written = end;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        // Not tried again when it fails, EINTR included: after a failed sync the system may have dropped the pages.
        self.file.sync_data()
    }
}
