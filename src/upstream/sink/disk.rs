//! Files in a folder of this machine, or of what is mounted there.

use super::{SinkError, Target};
use crate::audit::RecordFile;
use crate::diag::{make_folder, write_whole};
use std::path::{Path, PathBuf};

/// Who may read them beside their owner: his group, as a warehouse's loader may be.
const MODE: u32 = 0o640;

#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
}

impl Disk {
    pub(super) fn new(target: &Target) -> Self {
        Self { folder: Path::new("/").join(&target.address.path) }
    }

    /// Writes it beside its place, makes it durable and moves it there.
    pub(super) fn put(&self, file: &RecordFile) -> Result<(), SinkError> {
        let path = self.folder.join(&file.path);
        let folder = path.parent().unwrap_or(&self.folder);
        let written = make_folder(folder).and_then(|()| write_whole(&path, &file.bytes, MODE));
        written.map_err(|error| SinkError::Network(format!("`{}`: {error}", path.display())))
    }
}
