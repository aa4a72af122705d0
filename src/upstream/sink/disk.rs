//! Files in a folder of this machine, or of what is mounted there.
//!
//! A mount that does not answer keeps who writes there for as long as it likes. So each file is written by a thread that nobody joins: its sink
//! waits no longer than its settings say, and a stop not at all.

use super::{SinkError, Target};
use crate::audit::RecordFile;
use crate::diag::{make_folder, write_whole};
use std::io;
use std::path::{Path, PathBuf};
use tokio::sync::oneshot;

/// Who may read them beside their owner: his group, as a warehouse's loader may be.
const MODE: u32 = 0o640;

type Written = io::Result<()>;

#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    /// How a file comes to its place.
    write: fn(&Path, &[u8]) -> Written,
    /// A file that is being written, for which nobody waited to the end.
    begun: Option<oneshot::Receiver<Written>>,
}

impl Disk {
    pub(super) fn new(target: &Target) -> Self {
        Self::writing(Path::new("/").join(&target.address.path), place)
    }

    fn writing(folder: PathBuf, write: fn(&Path, &[u8]) -> Written) -> Self {
        Self { folder, write, begun: None }
    }

    /// Writes it beside its place, makes it durable and moves it there. A call that is given up leaves its thread at work; the next one waits for that
    /// thread first, so that no two write at once.
    pub(super) async fn put(&mut self, file: &RecordFile) -> Result<(), SinkError> {
        if let Some(begun) = &mut self.begun {
            // What became of it is of no use: its file is written once more.
            let _ = begun.await;
            self.begun = None;
        }
        let path = self.folder.join(&file.path);
        let wrong = |error: io::Error| SinkError::Network(format!("`{}`: {error}", path.display()));
        let (tell, told) = oneshot::channel();
        let (place, bytes, write) = (path.clone(), file.bytes.clone(), self.write);
        // Nobody hears of it who has stopped waiting.
        let work = move || drop(tell.send(write(&place, &bytes)));
        std::thread::Builder::new().name("sink file".into()).spawn(work).map_err(wrong)?;
        let written = self.begun.insert(told).await;
        self.begun = None;
        written.unwrap_or_else(|_| Err(io::Error::other("its writer panicked"))).map_err(wrong)
    }
}

fn place(path: &Path, bytes: &[u8]) -> Written {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    write_whole(path, bytes, MODE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Mutex, PoisonError};
    use std::time::Duration;

    /// Held by the test for as long as the mount does not answer.
    static MOUNT: Mutex<()> = Mutex::new(());

    fn hanging(path: &Path, bytes: &[u8]) -> Written {
        let _answers = MOUNT.lock().unwrap_or_else(PoisonError::into_inner);
        place(path, bytes)
    }

    #[test]
    fn a_mount_that_hangs_keeps_nobody() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |text: &'static str| RecordFile {
            path: "day/one".into(),
            bytes: text.into(),
            first: 1,
            last: 1,
            records: 1,
        };
        let mut disk = Disk::writing(folder.path().into(), hanging);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut hangs = Some(MOUNT.lock().unwrap_or_else(PoisonError::into_inner));
        runtime.block_on(async {
            for _ in 0..3 {
                let put = tokio::time::timeout(Duration::from_millis(20), disk.put(&file("a"))).await;
                assert!(put.is_err(), "it was waited for");
            }
            hangs = None;
            disk.put(&file("b")).await.expect("it answers again");
        });
        assert_eq!(std::fs::read(folder.path().join("day/one")).expect("a file"), b"b");
    }
}
