//! Erasure: at once for whoever looks, and soon from the files.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::erased::{Erasure, add};
use super::keeper::{Keeper, PrintPlan};
use super::shelf::{Shelf, lock};

/// How often it is looked whether a running gateway has done its part, and how many times.
const LOOK: Duration = Duration::from_millis(250);
const LOOKS: usize = 60;

/// What came of an erasure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// So many answers were taken.
    pub answers: usize,
    /// Whether they are gone from the files too; nobody finds them either way.
    pub from_files: bool,
}

/// Erases answers' prints in a folder, which a gateway may be using. `plan` makes what is needed to open it.
///
/// # Errors
/// A file cannot be read or written; nothing is erased where its line cannot be.
pub fn forget(erasure: &Erasure, mut plan: impl FnMut() -> io::Result<PrintPlan>) -> io::Result<Forgotten> {
    let opened = plan()?;
    let folder = opened.folder.clone();
    let open = |plan: PrintPlan| Shelf::open(&plan.folder, plan.keys, plan.common, None);
    let takes = |shelf: &Shelf| shelf.count(|record| erasure.takes(record));
    let answers = takes(&open(opened)?);
    add(&folder, erasure)?;
    if answers == 0 {
        return Ok(Forgotten { answers, from_files: true });
    }
    let mut from_files = false;
    if is_free(&folder)? {
        let (keeper, _) = Keeper::start(plan()?)?;
        for _ in 0..LOOKS {
            from_files = takes(keeper.shelf()) == 0;
            if from_files {
                break;
            }
            std::thread::park_timeout(LOOK);
        }
        keeper.close();
    } else {
        for _ in 0..LOOKS {
            from_files = takes(&open(plan()?)?) == 0;
            if from_files {
                break;
            }
            std::thread::park_timeout(LOOK);
        }
    }
    Ok(Forgotten { answers, from_files })
}

/// Whether no gateway keeps prints there now.
fn is_free(folder: &Path) -> io::Result<bool> {
    lock(folder).map(|lock| lock.is_some())
}
