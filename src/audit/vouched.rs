//! What others say of the journal, kept beside its checkpoint: cosignatures of witnesses, and what it was anchored with.
//!
//! | in `log/` | what |
//! | --- | --- |
//! | `checkpoint.cosigned` | the newest checkpoint that enough witnesses have cosigned, with their lines |
//! | `cosigned/NAME.checkpoint` | the newest that one witness has cosigned |
//! | `anchored/NAME.SIZE.checkpoint`, `.tsr` | a checkpoint, and the timestamp of exactly these bytes (RFC 3161) |
//! | `anchored/NAME.last` | the newest checkpoint that was anchored in a file or at an address |

use super::checkpoint::Checkpoint;
use super::cosignature::WitnessKey;
use super::disk::private_dir;
use super::notary::FOLDER;
use super::note::{NoteError, Verifier, notes_in};
use super::timestamp::{Timestamp, TimestampRoots, check, imprint};
use super::verify::{Fault, read_kept_checkpoints, read_text};
use crate::diag::write_whole;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const COSIGNED: &str = "cosigned";
const ANCHORED: &str = "anchored";
const CHECKPOINT: &str = "checkpoint";
const TIMESTAMP: &str = "tsr";
const LAST: &str = "last";
/// Of a file of checkpoints as much is read as surely holds the last one.
const TAIL: u64 = 64 << 10;

/// A checkpoint that a witness has cosigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// The witness.
    pub witness: String,
    /// How many records it saw.
    pub size: u64,
    /// When, in seconds since 1970 by its clock.
    pub time: u64,
    /// Where that stands.
    pub path: PathBuf,
}

/// A checkpoint that an authority has stamped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// How many records it is of.
    pub size: u64,
    /// What the authority says.
    pub stamp: Timestamp,
    /// The token.
    pub path: PathBuf,
}

/// The files beside a journal in which others vouch for it.
#[derive(Clone, Debug)]
pub struct Vouched {
    log: PathBuf,
}

fn named(folder: PathBuf, name: &str, kind: &str) -> PathBuf {
    folder.join(format!("{name}.{kind}"))
}

/// The files of a folder that end so, in order; none where there is no folder.
fn files(folder: &Path, kind: &str) -> io::Result<Vec<PathBuf>> {
    let mut out = Vec::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(out),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        // What begins with a dot is a draft of a file that is being written.
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|extension| extension == kind) {
            out.push(path);
        }
    }
    out.sort();
    Ok(out)
}

impl Vouched {
    /// Those of a journal.
    pub fn of(journal: &Path) -> Self {
        Self { log: journal.join(FOLDER) }
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.log.join(name)
    }

    fn merged(&self) -> PathBuf {
        self.folder("checkpoint.cosigned")
    }

    // === Witnesses ===

    /// What a witness has cosigned last: the note, its checkpoint, and when.
    pub fn last_of(&self, name: &str, log: &Verifier, key: &WitnessKey) -> Option<(String, Checkpoint, u64)> {
        let note = fs::read_to_string(named(self.folder(COSIGNED), name, CHECKPOINT)).ok()?;
        let checkpoint = Checkpoint::open(&note, log).ok()?;
        let time = key.find(&note).ok()??.time;
        Some((note, checkpoint, time))
    }

    /// Keeps a checkpoint with the line of a witness.
    pub fn keep(&self, name: &str, note: &str, line: &str) -> io::Result<()> {
        let folder = self.folder(COSIGNED);
        private_dir(&folder)?;
        write_whole(&named(folder, name, CHECKPOINT), format!("{note}{line}\n").as_bytes(), 0o644)
    }

    /// Keeps a checkpoint with the lines of enough witnesses.
    pub fn keep_merged(&self, note: &str, lines: &[&str]) -> io::Result<()> {
        let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
        write_whole(&self.merged(), format!("{note}{lines}").as_bytes(), 0o644)
    }

    // === Anchors ===

    /// The size of the last checkpoint that was anchored under this name, and when; none where none was.
    pub fn last_anchored(&self, name: &str, log: &Verifier) -> Option<(u64, SystemTime)> {
        let size = |path: &Path| Some(Checkpoint::open(&fs::read_to_string(path).ok()?, log).ok()?.size);
        let folder = self.folder(ANCHORED);
        let stamped = files(&folder, TIMESTAMP).ok()?.into_iter().filter_map(|path| {
            let (of, _) = path.file_stem()?.to_str()?.rsplit_once('.')?;
            (of == name).then_some(path)
        });
        let all = stamped.chain([named(folder, name, LAST)]);
        let found = all.filter_map(|path| {
            let checkpoint =
                if path.extension()? == LAST { path.clone() } else { path.with_extension(CHECKPOINT) };
            Some((size(&checkpoint)?, fs::metadata(&path).ok()?.modified().ok()?))
        });
        found.max()
    }

    /// Keeps that a checkpoint was anchored.
    pub fn anchored(&self, name: &str, note: &str) -> io::Result<()> {
        private_dir(&self.folder(ANCHORED))?;
        write_whole(&named(self.folder(ANCHORED), name, LAST), note.as_bytes(), 0o644)
    }

    /// Keeps a timestamp beside its checkpoint.
    pub fn stamped(&self, name: &str, size: u64, note: &str, answer: &[u8]) -> io::Result<()> {
        private_dir(&self.folder(ANCHORED))?;
        let path = named(self.folder(ANCHORED), &format!("{name}.{size}"), CHECKPOINT);
        write_whole(&path, note.as_bytes(), 0o644)?;
        write_whole(&path.with_extension(TIMESTAMP), answer, 0o644)
    }

    // === To verify ===

    /// Every file with a checkpoint that the journal has to hold.
    pub fn checkpoints(&self) -> io::Result<Vec<PathBuf>> {
        let mut out: Vec<PathBuf> = Some(self.merged()).filter(|path| path.exists()).into_iter().collect();
        out.extend(files(&self.folder(COSIGNED), CHECKPOINT)?);
        out.extend(files(&self.folder(ANCHORED), CHECKPOINT)?);
        out.extend(files(&self.folder(ANCHORED), LAST)?);
        Ok(out)
    }

    /// What each timestamp says.
    pub fn timestamps(&self, log: &Verifier, roots: &TimestampRoots) -> Result<Vec<Stamped>, Box<Fault>> {
        let folder = self.folder(ANCHORED);
        let all = files(&folder, TIMESTAMP).map_err(|source| Box::new(Fault::Io { path: folder, source }))?;
        let mut out = Vec::new();
        for path in all {
            let answer =
                fs::read(&path).map_err(|source| Box::new(Fault::Io { path: path.clone(), source }))?;
            let beside = path.with_extension(CHECKPOINT);
            let note = read_text(&beside)?;
            let stamp = check(&answer, &imprint(note.as_bytes()), None, roots)
                .map_err(|source| Box::new(Fault::Timestamp { path: path.clone(), source }))?;
            let checkpoint = Checkpoint::open(&note, log)
                .map_err(|source| Box::new(Fault::Checkpoint { path: beside, source }))?;
            out.push(Stamped { size: checkpoint.size, stamp, path });
        }
        out.sort_by_key(|stamped| stamped.size);
        Ok(out)
    }

    /// What shows to somebody else that the first `through` records were there, by names for him: the last checkpoint of each witness, and of each
    /// anchor the first timestamp that covers them.
    pub fn evidence(&self, through: u64) -> io::Result<Vec<(String, PathBuf)>> {
        let mut out = Vec::new();
        let mut add = |folder: &str, path: PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str()).map(|name| format!("{folder}/{name}"));
            out.extend(name.map(|name| (name, path)));
        };
        files(&self.folder(COSIGNED), CHECKPOINT)?.into_iter().for_each(|path| add(COSIGNED, path));
        let mut first: BTreeMap<String, (u64, PathBuf)> = BTreeMap::new();
        for path in files(&self.folder(ANCHORED), TIMESTAMP)? {
            let stem = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.rsplit_once('.'));
            let Some((name, Ok(size))) = stem.map(|(name, size)| (name.to_owned(), size.parse::<u64>()))
            else {
                continue;
            };
            let is_first = first.get(&name).is_none_or(|(earlier, _)| size < *earlier);
            if size >= through && is_first {
                first.insert(name, (size, path));
            }
        }
        for (_, path) in first.into_values() {
            add(ANCHORED, path.with_extension(CHECKPOINT));
            add(ANCHORED, path);
        }
        Ok(out)
    }

    /// How many timestamps there are.
    pub fn count_timestamps(&self) -> usize {
        files(&self.folder(ANCHORED), TIMESTAMP).map_or(0, |files| files.len())
    }
}

/// The newest checkpoint of this log in these files that each of the witnesses has cosigned; of those that have cosigned none, nothing. A line of one
/// of them that does not hold is a fault. A key that is given twice is one witness.
pub fn cosigned(
    paths: &[PathBuf],
    log: &Verifier,
    witnesses: &[WitnessKey],
) -> Result<Vec<Cosigned>, Box<Fault>> {
    let mut distinct: Vec<&WitnessKey> = Vec::new();
    for key in witnesses {
        if !distinct.iter().any(|other| other.is_same(key)) {
            distinct.push(key);
        }
    }
    let mut newest: Vec<Option<Cosigned>> = vec![None; distinct.len()];
    for path in paths {
        let fault = |source| Box::new(Fault::Checkpoint { path: path.clone(), source });
        for (checkpoint, note) in read_kept_checkpoints(path, log)?.own {
            let size = checkpoint.size;
            for (key, newest) in distinct.iter().zip(&mut newest) {
                let Some(found) = key.find(&note).map_err(fault)? else { continue };
                let is_newer = newest.as_ref().is_none_or(|one| (one.size, one.time) < (size, found.time));
                if is_newer {
                    let witness = key.name().to_owned();
                    *newest = Some(Cosigned { witness, size, time: found.time, path: path.clone() });
                }
            }
        }
    }
    Ok(newest.into_iter().flatten().collect())
}

/// How many records at least so many of the witnesses have seen; a fault where fewer have seen any.
pub fn seen_by(found: &[Cosigned], quorum: usize) -> Result<u64, Box<Fault>> {
    let mut sizes: Vec<u64> = found.iter().map(|one| one.size).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    let of = |wanted: usize| sizes.get(wanted - 1).copied();
    let fault = || Box::new(Fault::Quorum { found: sizes.len(), wanted: quorum });
    if quorum == 0 { Ok(sizes.first().copied().unwrap_or_default()) } else { of(quorum).ok_or_else(fault) }
}

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
    use crate::audit::{Cosigner, Signer};
    use zeroize::Zeroizing;

    fn signer() -> Signer {
        Signer::new("example.com/log", Zeroizing::new([1; 32])).expect("a key")
    }

    fn checkpoint(size: u64) -> (String, Checkpoint) {
        let checkpoint = Checkpoint { origin: "example.com/log".into(), size, root: [size as u8; 32] };
        (checkpoint.sign(&signer()), checkpoint)
    }

    fn line(cosigner: &Cosigner, note: &str, time: u64) -> String {
        cosigner.cosign(crate::audit::note::parts(note).expect("a note").0, time).trim_end().to_owned()
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

    #[test]
    fn a_file_that_is_empty_or_of_others_too_is_told_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("kept");
        let log = signer();
        let elsewhere = Signer::new("example.com/other", Zeroizing::new([4; 32])).expect("a key");
        let foreign =
            Checkpoint { origin: "example.com/other".into(), size: 9, root: [1; 32] }.sign(&elsewhere);
        let (own, _) = checkpoint(3);
        for (text, sizes, others, is_empty) in [
            (String::new(), 0, 0, true),
            ("\n".to_owned(), 0, 0, true),
            (own.get(..50).unwrap_or_default().to_owned(), 0, 0, true),
            ("garbage\n".to_owned(), 0, 0, false),
            (format!("{foreign}\n{own}"), 1, 1, false),
            (foreign.clone(), 0, 1, false),
        ] {
            fs::write(&path, &text).expect("a file");
            let kept = read_kept_checkpoints(&path, log.verifier()).expect("sound");
            assert_eq!((kept.own.len(), kept.others, kept.is_empty), (sizes, others, is_empty), "{text}");
        }
        let one = Cosigner::random("one").expect("a key");
        fs::write(&path, format!("{foreign}\n{own}{}\n", line(&one, &own, 7))).expect("a file");
        let twice = [one.key().clone(), one.key().clone()];
        let found = cosigned(std::slice::from_ref(&path), log.verifier(), &twice).expect("sound");
        assert_eq!(found.len(), 1, "one key is one witness");
        assert!(seen_by(&found, 2).is_err());
    }

    #[test]
    fn what_each_witness_saw_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join(FOLDER)).expect("a folder");
        let vouched = Vouched::of(folder.path());
        let (one, two) = (Cosigner::random("one").expect("a key"), Cosigner::random("two").expect("a key"));
        let keys = [one.key().clone(), two.key().clone()];
        let log = signer();
        let ((old, _), (new, _)) = (checkpoint(3), checkpoint(8));
        vouched.keep("a", &new, &line(&one, &new, 20)).expect("a disk");
        vouched.keep("b", &old, &line(&two, &old, 10)).expect("a disk");
        vouched.keep_merged(&old, &[&line(&one, &old, 9), &line(&two, &old, 10)]).expect("a disk");
        let paths = vouched.checkpoints().expect("a folder");
        assert_eq!(paths.len(), 3);
        let found = cosigned(&paths, log.verifier(), &keys).expect("sound");
        let told: Vec<_> = found.iter().map(|one| (one.witness.as_str(), one.size, one.time)).collect();
        assert_eq!(told, [("one", 8, 20), ("two", 3, 10)]);
        assert_eq!(seen_by(&found, 0).expect("some"), 8);
        assert_eq!(seen_by(&found, 1).expect("one"), 8);
        assert_eq!(seen_by(&found, 2).expect("two"), 3);
        assert!(matches!(*seen_by(&found, 3).expect_err("too many"), Fault::Quorum { found: 2, wanted: 3 }));
        assert_eq!(
            vouched.last_of("a", log.verifier(), &keys[0]).map(|(_, at, time)| (at.size, time)),
            Some((8, 20))
        );
        assert!(vouched.last_of("a", log.verifier(), &keys[1]).is_none(), "another key is another witness");
        // A line under another checkpoint.
        vouched.keep("b", &new, &line(&two, &old, 10)).expect("a disk");
        let paths = vouched.checkpoints().expect("a folder");
        assert!(matches!(
            *cosigned(&paths, log.verifier(), &keys).expect_err("forged"),
            Fault::Checkpoint { .. }
        ));
    }
}
