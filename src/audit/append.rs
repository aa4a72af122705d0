//! A file of checkpoints that is only appended to: what a crash leaves at its end is dealt with, what others wrote is left alone.

use super::checkpoint::Checkpoint;
use super::note::{NoteError, Verifier, notes_in};
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// Of a file of checkpoints as much is read as surely holds the last one.
const TAIL: u64 = 64 << 10;

/// Why a checkpoint is not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The file cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The last checkpoint in it is of another journal.
    #[error("{path}: its last checkpoint is not of this journal: {source}", path = path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: NoteError,
    },
    /// Something else stands in the file, or behind its last checkpoint.
    #[error(
        "{path}: from byte {at} on stands something that is no checkpoint of this journal; nothing was written. An anchor needs a file of its own",
        path = path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Where in it.
        at: u64,
    },
    /// A device, a pipe or a folder.
    #[error("{path} is not a plain file: nothing that is written there stays", path = path.display())]
    NoFile {
        /// Where it was to be.
        path: PathBuf,
    },
    /// The file holds a checkpoint of more records than there are.
    #[error("{path} holds a checkpoint of {anchored} records, the journal's is of {size}: records are gone", path = path.display())]
    Ahead {
        /// The file.
        path: PathBuf,
        /// Records of its last checkpoint.
        anchored: u64,
        /// Records of the journal's.
        size: u64,
    },
}

/// Appends a checkpoint to a file of them, durably, unless it is the last one there. What a crash left at its end of a checkpoint of this log is cut
/// off, where the file lets that be done, and else passed over; anything else that stands there is left, and nothing written.
pub fn append(path: &Path, note: &str, checkpoint: &Checkpoint, log: &Verifier) -> Result<(), AppendError> {
    let io = |source| AppendError::Io { path: path.to_owned(), source };
    let no_file = || AppendError::NoFile { path: path.to_owned() };
    let is_new = match fs::metadata(path) {
        Ok(found) if !found.is_file() => return Err(no_file()),
        Ok(_) => false,
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(io(error)),
    };
    // A file that can only be appended to (`chattr +a`) is opened in no other way.
    let mut file = File::options().read(true).append(true).create(true).open(path).map_err(io)?;
    let found = file.metadata().map_err(io)?;
    if !found.is_file() {
        return Err(no_file());
    }
    let length = found.len();
    let from = length.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(from)).map_err(io)?;
    let mut tail = Vec::new();
    (&file).take(length - from).read_to_end(&mut tail).map_err(io)?;
    // A file that is cut within a character begins with what no note begins with.
    let text = String::from_utf8_lossy(&tail);
    let whole = notes_in(&text).into_iter().rfind(|note| !Checkpoint::is_torn(note, log.name()));
    let mut end = 0;
    if let Some(last) = whole {
        let found = Checkpoint::open(last, log);
        let found = found.map_err(|source| AppendError::Other { path: path.to_owned(), source })?;
        if found.size > checkpoint.size {
            let (anchored, size) = (found.size, checkpoint.size);
            return Err(AppendError::Ahead { path: path.to_owned(), anchored, size });
        }
        end = memchr::memmem::rfind(&tail, last.as_bytes()).map_or(0, |at| at + last.len());
        if found == *checkpoint && pieces(tail.get(end..).unwrap_or_default(), log.name()).is_ok() {
            return Ok(());
        }
    } else if from > 0 {
        return Err(AppendError::Other { path: path.to_owned(), source: NoteError::Form });
    }
    let behind = tail.get(end..).unwrap_or_default();
    let torn = pieces(behind, log.name())
        .map_err(|at| AppendError::Foreign { path: path.to_owned(), at: from + (end + at) as u64 })?;
    let mut gap = if length == 0 || behind.last() == Some(&b'\n') { "" } else { "\n" };
    if let Some(torn) = torn {
        // Nothing that is whole is ever cut.
        match file.set_len(from + (end + torn) as u64) {
            Ok(()) => gap = if end + torn == 0 || torn > 0 { "" } else { "\n" },
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => gap = "\n\n",
            Err(error) => return Err(io(error)),
        }
    }
    file.write_all(format!("{gap}{note}").as_bytes()).map_err(io)?;
    file.sync_all().map_err(io)?;
    if is_new && let Some(folder) = path.parent() {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)?;
    }
    Ok(())
}

/// Where the last piece begins, if anything stands there but empty lines and checkpoints of this log that were begun; where something else stands, an
/// error with the place.
fn pieces(behind: &[u8], origin: &str) -> Result<Option<usize>, usize> {
    let mut at = 0;
    let mut last = None;
    while let Some(rest) = behind.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some(b'\n') = rest.first() {
            at += 1;
            continue;
        }
        // One that could not be cut off ends with an empty line, which its text has before the signature, too.
        let ends = memchr::memmem::find_iter(rest, b"\n\n").chain([rest.trim_ascii_end().len(), rest.len()]);
        let Some(length) = ends.filter(|end| is_piece(rest, *end, origin)).last() else { return Err(at) };
        last = (length == rest.len()).then_some(at);
        at += length;
    }
    Ok(last)
}

fn is_piece(rest: &[u8], end: usize, origin: &str) -> bool {
    rest.get(..end).is_some_and(|piece| Checkpoint::is_begun(piece, origin))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Signer, read_kept_checkpoints};
    use zeroize::Zeroizing;

    fn signer() -> Signer {
        Signer::new("example.com/log", Zeroizing::new([1; 32])).expect("a key")
    }

    fn checkpoint(size: u64) -> (String, Checkpoint) {
        let checkpoint = Checkpoint { origin: "example.com/log".into(), size, root: [size as u8; 32] };
        (checkpoint.sign(&signer()), checkpoint)
    }

    #[test]
    fn a_file_of_checkpoints_grows_and_outlasts_a_crash() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("anchor");
        let signer = signer();
        let add = |size: u64| {
            let (note, checkpoint) = checkpoint(size);
            append(&path, &note, &checkpoint, signer.verifier())
        };
        for size in [1, 2, 2, 5] {
            add(size).expect("a disk");
        }
        let whole = fs::read_to_string(&path).expect("a file");
        let sizes = |text: &str| -> Vec<u64> {
            let open = |note: &&str| Checkpoint::open(note, signer.verifier()).expect("signed").size;
            notes_in(text).iter().map(open).collect()
        };
        assert_eq!(sizes(&whole), [1, 2, 5]);
        assert!(matches!(add(4), Err(AppendError::Ahead { anchored: 5, size: 4, .. })));
        // Torn at every byte behind the second one.
        let second = whole.len() - checkpoint(5).0.len() - 1;
        for cut in second..whole.len() {
            fs::write(&path, &whole.as_bytes()[..cut]).expect("a file");
            add(5).expect("a disk");
            assert_eq!(fs::read_to_string(&path).expect("a file"), whole, "{cut}");
        }
        // Longer than what is read of it.
        for size in 6..600 {
            add(size).expect("a disk");
        }
        assert_eq!(sizes(&fs::read_to_string(&path).expect("a file")).len(), 597);
        let stranger = Signer::new("example.com/log", Zeroizing::new([9; 32])).expect("a key");
        let (_, last) = checkpoint(700);
        let other = append(&path, &last.sign(&stranger), &last, stranger.verifier());
        assert!(matches!(other, Err(AppendError::Other { .. })));
        fs::write(&path, "some\nother\nfile\n").expect("a file");
        assert!(matches!(add(700), Err(AppendError::Foreign { .. })), "what is no such file is left alone");
    }

    #[test]
    fn what_is_no_beginning_of_a_checkpoint_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("anchor");
        let signer = signer();
        let add = |size: u64| {
            let (note, checkpoint) = checkpoint(size);
            append(&path, &note, &checkpoint, signer.verifier())
        };
        let (whole, _) = checkpoint(3);
        let begun = whole.get(..40).expect("a beginning");
        for (text, place) in [
            ("precious notes".to_owned(), 0),
            ("precious\nnotes\n".to_owned(), 0),
            (format!("{whole}a line of somebody"), whole.len()),
            (format!("{whole}\na line of somebody\n"), whole.len() + 1),
            (format!("{whole}\n{begun}\n\nexample.com/other"), whole.len() + begun.len() + 3),
            (format!("precious notes\n{begun}"), 0),
        ] {
            for size in [3, 5] {
                fs::write(&path, &text).expect("a file");
                let told = add(size);
                assert!(
                    matches!(&told, Err(AppendError::Foreign { at, .. }) if *at == place as u64),
                    "{text}: {told:?}"
                );
                assert_eq!(fs::read_to_string(&path).expect("a file"), text);
            }
        }
        fs::write(&path, format!("{whole}\n\n")).expect("a file");
        add(5).expect("empty lines are nobody's");
        let device = append(Path::new("/dev/full"), &whole, &checkpoint(3).1, signer.verifier());
        assert!(matches!(device, Err(AppendError::NoFile { .. })), "{device:?}");
    }

    /// Where the torn end cannot be cut off (`chattr +a`), the next one is put behind it.
    #[test]
    fn what_could_not_be_cut_off_is_passed_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("anchor");
        let signer = signer();
        let ((first, _), (second, end), (third, next)) = (checkpoint(3), checkpoint(5), checkpoint(8));
        for cut in 1..second.len() {
            let mut bytes = format!("{first}\n").into_bytes();
            bytes.extend_from_slice(&second.as_bytes()[..cut]);
            bytes.extend_from_slice(format!("\n\n{second}").as_bytes());
            fs::write(&path, &bytes).expect("a file");
            let kept = read_kept_checkpoints(&path, signer.verifier()).expect("sound");
            let sizes: Vec<u64> = kept.own.iter().map(|(one, _)| one.size).collect();
            // A whole one that lacked its line break alone is one.
            assert_eq!(sizes, if cut + 1 == second.len() { vec![3, 5, 5] } else { vec![3, 5] }, "{cut}");
            append(&path, &second, &end, signer.verifier()).expect("it is there");
            assert_eq!(fs::read(&path).expect("a file"), bytes);
            append(&path, &third, &next, signer.verifier()).expect("a disk");
            bytes.extend_from_slice(format!("\n{third}").as_bytes());
            assert_eq!(fs::read(&path).expect("a file"), bytes, "{cut}");
        }
    }
}
