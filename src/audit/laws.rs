//! What a signed journal promises: whatever is changed in it afterwards is found, and every record can be proved.

use super::journal::Journal;
use super::journal::tests::{admission, end, folder, runtime, small};
use super::note::{Signer, Verifier};
use super::*;
use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tempfile::TempDir;
use zeroize::Zeroizing;

fn signer() -> Signer {
    Signer::new("example.com/journal", Zeroizing::new([3; 32])).expect("a key")
}

fn verifier() -> Verifier {
    signer().verifier().clone()
}

/// Writes `count` exchanges and closes the journal.
fn grow(dir: &Path, count: usize) {
    let (journal, _) =
        Journal::open_signed(dir, &small(), signer(), Box::new(|_| {})).unwrap_or_else(|e| panic!("{e}"));
    runtime().block_on(async {
        for _ in 0..count {
            let _receipt = journal.admit(&admission()).await.expect("durable");
            journal.end(&end()).expect("room");
        }
    });
    journal.close();
}

/// A journal of several segments, from two runs, and a checkpoint of the first.
struct Sample {
    folder: TempDir,
    early: PathBuf,
    records: u64,
}

static SAMPLE: LazyLock<Sample> = LazyLock::new(|| {
    let folder = folder();
    let dir = folder.path().join("journal");
    grow(&dir, 12);
    let early = folder.path().join("early");
    fs::copy(dir.join("log/checkpoint"), &early).expect("a checkpoint");
    grow(&dir, 140);
    // Without the zeros that were filled in ahead: there are many, and they are read at each look.
    for (path, bytes) in segments(&dir) {
        fs::write(path, bytes).expect("a segment");
    }
    Sample { folder, early, records: 2 * 152 }
});

impl Sample {
    fn dir(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    /// A copy to break.
    fn copy(&self) -> (TempDir, PathBuf) {
        let folder = folder();
        let dir = folder.path().join("journal");
        copy(&self.dir(), &dir);
        (folder, dir)
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        let name = to.join(entry.file_name().expect("a name"));
        if entry.is_dir() {
            copy(&entry, &name);
        } else {
            fs::copy(&entry, &name).expect("a copy");
        }
    }
}

fn check(dir: &Path, kept: &[PathBuf]) -> Result<Verified, Box<Fault>> {
    verify(dir, &verifier(), kept, &mut |_| {})
}

/// The segments in order, without the zeros behind their records.
fn segments(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut out: Vec<_> = fs::read_dir(dir)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "sgj"))
        .map(|path| {
            let mut bytes = fs::read(&path).expect("a segment");
            bytes.truncate(bytes.len() - bytes.iter().rev().take_while(|b| **b == 0).count());
            (path, bytes)
        })
        .collect();
    out.sort();
    out
}

#[test]
fn a_journal_that_was_left_alone_verifies() {
    let sample = &*SAMPLE;
    let verified =
        check(&sample.dir(), std::slice::from_ref(&sample.early)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((verified.records, verified.signed), (sample.records, sample.records));
    assert!(verified.torn.is_empty());
    assert!(segments(&sample.dir()).len() > 5, "several segments");
    // Another key has signed nothing.
    let other = Signer::new("example.com/journal", Zeroizing::new([4; 32])).expect("a key");
    assert!(verify(&sample.dir(), other.verifier(), &[], &mut |_| {}).is_err());
}

#[test]
fn every_record_can_be_proved_to_who_has_nothing_else() {
    let sample = &*SAMPLE;
    for sequence in 1..=sample.records {
        let proved = prove(&sample.dir(), &verifier(), sequence).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(proved.holds(&verifier()).expect("a proof").size, sample.records);
        let text = serde_json::to_string(&proved).expect("JSON");
        let again: ProvedRecord = serde_json::from_str(&text).expect("JSON");
        assert_eq!(again, proved);
        let changed = ProvedRecord { record: proved.record.replacen('1', "2", 1), ..proved.clone() };
        assert!(changed.holds(&verifier()).is_err());
        let elsewhere = ProvedRecord { sequence: sequence + 1, ..proved.clone() };
        assert!(elsewhere.holds(&verifier()).is_err());
    }
    assert!(matches!(prove(&sample.dir(), &verifier(), sample.records + 1), Err(ProveError::Unknown(_))));
    assert!(prove(&sample.dir(), &verifier(), 0).is_err());
    let early = fs::read_to_string(&sample.early).expect("a note");
    let early = Checkpoint::open(&early, &verifier()).expect("a checkpoint");
    let (last, path) = prove_growth(&sample.dir(), &verifier(), &early).expect("a proof");
    assert_eq!(consistency_holds(early.size, &early.root, last.size, &last.root, &path), Ok(()));
}

#[test]
fn every_flipped_bit_is_found_and_named() {
    let sample = &*SAMPLE;
    let (_folder, dir) = sample.copy();
    let flips: usize =
        std::env::var("SLUICEGATE_LAWS").ok().and_then(|n| n.parse().ok()).unwrap_or(1) * 10_000;
    let segments = segments(&dir);
    let bits = segments.iter().map(|(_, bytes)| bytes.len() * 8).sum::<usize>();
    let (step, mut flipped) = ((bits / flips).max(1), 0);
    for (path, bytes) in segments {
        let whole = fs::read(&path).expect("a segment");
        for bit in (0..bytes.len() * 8).step_by(step) {
            let mut changed = whole.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &changed).expect("a segment");
            let fault = check(&dir, &[]).expect_err("a flipped bit");
            flipped += 1;
            let name = path.file_name().and_then(|n| n.to_str()).expect("a name");
            let said = fault.to_string();
            assert!(said.contains(name) || matches!(*fault, Fault::Gone { .. }), "{name} bit {bit}: {said}");
        }
        fs::write(&path, &whole).expect("a segment");
    }
    assert!(flipped >= flips.min(bits), "{flipped} of {flips}");
    assert!(check(&dir, &[]).is_ok());
}

/// Somebody who knows the format and has the folder, but not the key.
#[derive(Clone, Debug)]
enum Attack {
    /// Other bytes in a record, with a sum that fits.
    Change { record: prop::sample::Index, byte: prop::sample::Index, xor: u8 },
    /// A record taken out, those after it renumbered.
    Delete { record: prop::sample::Index },
    /// A record put in twice, before the last: behind it anybody can write, and is told to have signed nothing.
    Repeat { record: prop::sample::Index },
    /// Two records change places.
    Swap { one: prop::sample::Index, other: prop::sample::Index },
    /// Nothing behind a record.
    Cut { record: prop::sample::Index },
}

fn attack() -> impl Strategy<Value = Attack> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        (index(), index(), 1..=255_u8).prop_map(|(record, byte, xor)| Attack::Change { record, byte, xor }),
        index().prop_map(|record| Attack::Delete { record }),
        index().prop_map(|record| Attack::Repeat { record }),
        (index(), index()).prop_map(|(one, other)| Attack::Swap { one, other }),
        index().prop_map(|record| Attack::Cut { record }),
    ]
}

/// Rewrites the journal as one segment with other records, as its own writer would have written them.
fn rewrite(dir: &Path, records: &[Entry]) {
    for (path, _) in segments(dir) {
        fs::remove_file(path).expect("gone");
    }
    let mut bytes = Vec::new();
    segment::encode_head(1, &mut bytes);
    for (sequence, record) in (1..).zip(records) {
        segment::encode(sequence, 0, record.kind, &record.payload, &mut bytes);
    }
    fs::write(segment::segment_path(dir, 1), bytes).expect("a segment");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn who_rewrites_the_journal_is_found_out(attack in attack(), tiles in any::<bool>()) {
        let sample = &*SAMPLE;
        let (_folder, dir) = sample.copy();
        let mut records = Vec::new();
        read_dir(&dir, &mut |entry| records.push(entry)).expect("a journal");
        let before = records.clone();
        match &attack {
            Attack::Change { record, byte, xor } => {
                let payload = &mut record.get_mut(&mut records).payload;
                *byte.get_mut(payload) ^= xor;
            }
            Attack::Delete { record } => drop(records.remove(record.index(records.len()))),
            Attack::Repeat { record } => {
                let at = record.index(records.len() - 1);
                records.insert(at, records[at].clone());
            }
            Attack::Swap { one, other } => {
                let (one, other) = (one.index(records.len()), other.index(records.len()));
                records.swap(one, other);
            }
            Attack::Cut { record } => records.truncate(record.index(records.len())),
        }
        let payloads = |all: &[Entry]| -> Vec<Vec<u8>> { all.iter().map(|e| e.payload.clone()).collect() };
        prop_assume!(payloads(&before) != payloads(&records));
        rewrite(&dir, &records);
        if tiles {
            fs::remove_dir_all(dir.join("log/tile")).expect("gone");
        }
        let fault = check(&dir, std::slice::from_ref(&sample.early)).expect_err("an attack");
        // Where the tiles are still those that were signed, the first record that differs is named.
        let first = (0..before.len()).find(|&n| records.get(n).map(|e| &e.payload) != Some(&before[n].payload));
        match (&*fault, first) {
            (Fault::Record { sequence, .. }, Some(first)) => prop_assert_eq!(*sequence, first as u64 + 1),
            (Fault::Gone { found, .. }, Some(first)) => prop_assert!(tiles || *found == first as u64),
            (Fault::Root { .. }, Some(_)) => prop_assert!(tiles),
            (other, _) => prop_assert!(false, "{attack:?}: {other}"),
        }
        // And a gateway does not go on from there as if nothing were.
        let opened = Journal::open_signed(&dir, &small(), signer(), Box::new(|_| {}));
        prop_assert!(opened.is_err());
    }

    /// Found by the law above: a record behind the last one that was signed may be the writer's own, from before a crash. It counts as
    /// not signed.
    #[test]
    fn what_is_put_behind_the_end_is_not_signed(record in any::<prop::sample::Index>()) {
        let sample = &*SAMPLE;
        let (_folder, dir) = sample.copy();
        let mut records = Vec::new();
        read_dir(&dir, &mut |entry| records.push(entry)).expect("a journal");
        records.push(record.get(&records).clone());
        rewrite(&dir, &records);
        let verified = check(&dir, std::slice::from_ref(&sample.early)).unwrap_or_else(|e| panic!("{e}"));
        prop_assert_eq!((verified.records, verified.signed), (sample.records + 1, sample.records));
    }

    #[test]
    fn who_has_no_key_cannot_sign(position in any::<prop::sample::Index>(), xor in 1..=255_u8) {
        let sample = &*SAMPLE;
        let (_folder, dir) = sample.copy();
        let path = dir.join("log/checkpoint");
        let mut note = fs::read(&path).expect("a note");
        *position.get_mut(&mut note) ^= xor;
        fs::write(&path, note).expect("a note");
        prop_assert!(check(&dir, &[]).is_err());
    }
}

#[test]
fn an_older_journal_is_noticed_by_who_kept_a_checkpoint() {
    let sample = &*SAMPLE;
    let folder = folder();
    let dir = folder.path().join("journal");
    grow(&dir, 12);
    // Another journal of the same key, of the same length as the first one was.
    let fault = check(&dir, std::slice::from_ref(&sample.early)).expect_err("another journal");
    assert!(matches!(*fault, Fault::Root { .. }), "{fault}");
    let late = sample.dir().join("log/checkpoint");
    let fault = check(&dir, &[late]).expect_err("an older journal");
    assert!(matches!(*fault, Fault::Gone { found: 24, .. }), "{fault}");
}

/// What was signed last stands beside the key, too: who replaces the journal by a fork, however long, is noticed at the start, and that copy stays.
#[test]
fn a_fork_in_place_of_the_journal_is_refused() {
    let folder = folder();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    let key = folder.path().join("journal.key");
    let open = |dir: &Path| {
        let signer = load_or_make_signer(&key, Some("example.com/journal")).expect("a key");
        Journal::open_signed(dir, &small(), signer, Box::new(|_| {}))
    };
    let grow = |dir: &Path, count: usize| {
        let (journal, _) = open(dir).unwrap_or_else(|e| panic!("{e}"));
        runtime().block_on(async {
            for _ in 0..count {
                let _receipt = journal.admit(&admission()).await.expect("durable");
            }
        });
        journal.close();
    };
    let last = key.with_extension("last");
    grow(&one, 12);
    let seen = fs::read(&last).expect("what was signed last");
    fs::remove_file(&last).expect("gone");
    for count in [5, 30, 600] {
        grow(&other, count);
        fs::write(&last, &seen).expect("a file");
        let Err(refused) = open(&other).map(|(journal, _)| journal.close()) else {
            panic!("{count}: it starts")
        };
        assert!(
            count == 5
                || matches!(&refused, OpenError::Notary(NotaryError::Changed { size: 12, path }) if *path == last),
            "{count}: {refused}"
        );
        assert_eq!(fs::read(&last).expect("it stays"), seen, "{count}");
        fs::remove_file(&last).expect("gone");
    }
    fs::write(&last, &seen).expect("a file");
    grow(&one, 600);
    grow(&one, 1);
}

#[test]
fn a_tree_that_is_lost_is_made_anew() {
    let sample = &*SAMPLE;
    let (_folder, dir) = sample.copy();
    fs::remove_dir_all(dir.join("log/tile")).expect("gone");
    grow(&dir, 1);
    let verified = check(&dir, std::slice::from_ref(&sample.early)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((verified.records, verified.signed), (sample.records + 2, sample.records + 2));
    assert!(prove(&dir, &verifier(), 5).is_ok());
    // One that was tampered with is noticed, and made anew too.
    let tile = dir.join("log/tile/0/000");
    let mut bytes = fs::read(&tile).expect("a tile");
    bytes[100] ^= 1;
    fs::write(&tile, bytes).expect("a tile");
    assert!(matches!(*check(&dir, &[]).expect_err("a tile"), Fault::Differs { .. }));
    grow(&dir, 1);
    check(&dir, &[]).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn the_last_records_of_a_crash_are_signed_by_the_next_start() {
    let sample = &*SAMPLE;
    let (_folder, dir) = sample.copy();
    // As if the process had been killed before its last checkpoints.
    fs::copy(&sample.early, dir.join("log/checkpoint")).expect("an older checkpoint");
    let verified = check(&dir, &[]).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((verified.records, verified.signed), (sample.records, 24));
    grow(&dir, 0);
    assert_eq!(check(&dir, &[]).expect("sound").signed, sample.records);
}

#[test]
fn what_was_purged_leaves_a_gap_that_is_on_record() {
    let sample = &*SAMPLE;
    let (_folder, dir) = sample.copy();
    // Everything in the sample is of the first second of 1970; what is held does not go.
    fs::write(dir.join("holds.json"), r#"[{"name":"h","reason":"r","tenant":"","user":"","time_ms":1}]"#)
        .expect("a file");
    assert!(purgeable(&dir, sample.records, 1000).expect("a journal").segments.is_empty());
    fs::remove_file(dir.join("holds.json")).expect("a file");
    let what = purgeable(&dir, sample.records, 1000).expect("a journal");
    // Only what stands in full tiles.
    assert!(what.through > 100 && what.through <= 256, "{}", what.through);
    assert!(purgeable(&dir, sample.records, 1).expect("a journal").segments.is_empty(), "not older");

    // Without a record of it, it is a fault.
    let (_other, silent) = sample.copy();
    remove(&silent, &purgeable(&silent, sample.records, 1000).expect("a journal")).expect("a disk");
    assert!(matches!(*check(&silent, &[]).expect_err("a gap"), Fault::Unpurged { from: 1, .. }));

    let (journal, _) = Journal::open_signed(&dir, &small(), signer(), Box::new(|_| {})).expect("a journal");
    let detail = serde_json::json!({"through": what.through, "before_ms": 1});
    runtime().block_on(async {
        let _receipt = journal.note(&Event { event: "purge", time_ms: 1, detail }).await.expect("durable");
    });
    remove(&dir, &what).expect("a disk");
    journal.close();
    let verified = check(&dir, std::slice::from_ref(&sample.early)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((verified.purged, verified.records), (what.through, sample.records + 1));
    let [purge] = *verified.purges else { panic!("one purge: {:?}", verified.purges) };
    assert_eq!((purge.record, purge.through, purge.before_ms), (sample.records + 1, what.through, 1));
    // What went was of the same second.
    assert!(purge.is_early());
    // Without the hashes of what went nothing can be said of the rest.
    let (tile, kept) = (dir.join("log/tile/0/000"), dir.join("kept"));
    fs::rename(&tile, &kept).expect("a tile");
    assert!(matches!(*check(&dir, &[]).expect_err("a tile"), Fault::Lost { sequence: 1 }));
    fs::rename(&kept, &tile).expect("a tile");
    // Who reads it all reads what is there; where nobody said that something went, it is damage.
    let mut numbers = Vec::new();
    assert_eq!(read_kept(&dir, &mut |entry| numbers.push(entry.sequence)).expect("a journal"), what.through);
    assert!(numbers.iter().copied().eq(what.through + 1..=sample.records + 1), "{numbers:?}");
    assert!(matches!(read_kept(&silent, &mut |_| {}), Err(ReadError::Missing { from: 1, .. })));
    assert_eq!(read_kept(&sample.dir(), &mut |_| {}).expect("a journal"), 0);
    // It goes on from there, and what is left can be proved.
    grow(&dir, 3);
    assert_eq!(check(&dir, &[]).expect("sound").records, sample.records + 7);
    assert!(prove(&dir, &verifier(), what.through + 1).is_ok() && prove(&dir, &verifier(), 1).is_err());
    // An index of before forgets what went.
    let (_whole, whole) = sample.copy();
    let mut index = Index::open(&whole).expect("an index");
    index.update(&mut |_| {}).expect("an index");
    let all = index.count(&Query::default()).expect("a count");
    drop(index);
    fs::copy(whole.join("index.sqlite"), dir.join("index.sqlite")).expect("a file");
    let mut index = Index::open(&dir).expect("an index");
    index.update(&mut |_| {}).expect("an index");
    let left = index.search(&Query::default()).expect("hits");
    assert!(
        left.iter().all(|hit| hit.admission > what.through) && (left.len() as u64) < all,
        "{} {all}",
        left.len()
    );
    assert_eq!(index.cursor().expect("a number"), sample.records + 7);
    // One record more than was told is missing: a fault.
    let next = purgeable(&dir, sample.records, 1000).expect("a journal");
    assert!(next.segments.is_empty(), "the rest is not in full tiles");
    let first = segments(&dir).remove(0).0;
    fs::remove_file(first).expect("gone");
    assert!(
        matches!(*check(&dir, &[]).expect_err("more"), Fault::Unpurged { from, .. } if from == what.through + 1)
    );
}
