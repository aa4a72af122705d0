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
use super::note::Verifier;
use super::timestamp::{Timestamp, TimestampRoots, check, imprint};
use super::verify::{Fault, read_kept_checkpoints, read_text};
use crate::diag::write_whole;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const COSIGNED: &str = "cosigned";
const ANCHORED: &str = "anchored";
const CHECKPOINT: &str = "checkpoint";
const TIMESTAMP: &str = "tsr";
const LAST: &str = "last";

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
