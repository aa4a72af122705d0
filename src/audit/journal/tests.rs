//! The journal against a disk that fails and a machine that loses power, and its files against damage.

use std::collections::BTreeMap;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};

use proptest::prelude::*;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::*;
use crate::audit::{Asked, Coverage, Entry, ExchangeId, read_dir};

fn id() -> ExchangeId {
    ExchangeId::random().unwrap_or_else(|e| panic!("{e}"))
}

pub(in crate::audit) fn asked() -> std::sync::Arc<Asked> {
    std::sync::Arc::new(Asked {
        tenant: "-".into(),
        key: "-".into(),
        user: String::new(),
        address: String::new(),
        route: "-".into(),
        dialect: "openai",
        operation: "chat.completions",
        model: "m".into(),
        upstream: "u".into(),
        region: String::new(),
        policy: "default".into(),
        policy_version: "v".into(),
    })
}

pub(in crate::audit) fn admission() -> Admission {
    Admission {
        exchange: id(),
        time_ms: 1,
        asked: asked(),
        packs: "".into(),
        request_bytes: 1,
        received: String::new(),
        sent: String::new(),
        stream: false,
        verdict: "allow",
        error: "",
        findings: Vec::new(),
        found: 0,
        sampler: None,
        pseudonymised: BTreeMap::new(),
        coverage: Coverage { opaque: BTreeMap::new(), ..Coverage::default() },
    }
}

pub(in crate::audit) fn end() -> End {
    End {
        exchange: id(),
        time_ms: 1,
        asked: asked(),
        status: 200,
        upstream_status: 200,
        verdict: "allow",
        ended: "complete",
        error: "",
        findings: Vec::new(),
        found: 0,
        restored: BTreeMap::new(),
        coverage: Coverage::default(),
        received: String::new(),
        sent: String::new(),
        tokens: None,
        label: None,
        annotation: None,
        mark: None,
        sampler: None,
        texts: None,
        response_bytes: 1,
        held_bytes_max: 0,
        held_us_max: 0,
        upstream_us: 0,
        first_byte_us: 1,
        total_us: 1,
    }
}

/// In memory where that is to be had: these tests ask what is synced when, not how long a disk takes.
pub(in crate::audit) fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap_or_else(|e| panic!("{e}"))
}

fn open(dir: &Path) -> (Journal, Recovered) {
    Journal::open(dir, &small()).unwrap_or_else(|e| panic!("{e}"))
}

fn entries(dir: &Path) -> (Vec<Entry>, Recovered) {
    let mut out = Vec::new();
    let recovered = read_dir(dir, &mut |e| out.push(e)).unwrap_or_else(|e| panic!("{e}"));
    (out, recovered)
}

pub(in crate::audit) fn small() -> JournalSettings {
    JournalSettings { segment: crate::diag::Size::kib(4), queue: 16, ..JournalSettings::default() }
}

pub(in crate::audit) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap_or_else(|e| panic!("{e}"))
}

/// Admits so many records at once and gives what was acknowledged.
fn admit(journal: &Journal, records: usize) -> Vec<(u64, String)> {
    runtime().block_on(async {
        let mut all = JoinSet::new();
        for _ in 0..records {
            let journal = journal.clone();
            all.spawn(async move {
                let record = admission();
                let receipt = journal.admit(&record).await.ok()?;
                Some((receipt.sequence(), record.exchange.to_string()))
            });
        }
        all.join_all().await.into_iter().flatten().collect()
    })
}

#[test]
fn records_come_back_in_order_across_restarts() {
    let dir = folder();
    for round in 0..3u64 {
        let (journal, recovered) = open(dir.path());
        assert_eq!((recovered.last, recovered.torn), (round * 2, Vec::new()));
        for n in 1..=2 {
            let sequences: Vec<u64> = admit(&journal, 1).into_iter().map(|(s, _)| s).collect();
            assert_eq!(sequences, [round * 2 + n]);
        }
        journal.close();
        assert_eq!(runtime().block_on(journal.admit(&admission())).err(), Some(JournalError::Closed));
    }
    let (all, _) = entries(dir.path());
    assert_eq!(all.iter().map(|e| e.sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "it is the lapse of time that is asked about")]
fn an_end_record_needs_no_admission_to_be_written() {
    let dir = folder();
    let (journal, _) = open(dir.path());
    journal.end(&end()).unwrap_or_else(|e| panic!("{e}"));
    std::thread::sleep(LINGER * 20);
    assert_eq!(entries(dir.path()).0.len(), 1);
}

#[test]
fn only_its_owner_reads_it_and_one_process_writes_it() {
    let dir = folder();
    let dir = dir.path().join("journal");
    let (journal, _) = open(&dir);
    admit(&journal, 1);
    let mode = |p: &Path| std::fs::metadata(p).map_or(0, |m| m.permissions().mode() & 0o777);
    assert_eq!((mode(&dir), mode(&segment::segment_path(&dir, 1))), (0o700, 0o600));
    let second = Journal::open(&dir, &small()).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(second.contains("another gateway writes this journal"), "{second}");
    drop(journal);
    open(&dir);
}

/// A segment with three records, each of a batch of its own, and the length of one.
fn three(dir: &Path) -> (PathBuf, Vec<u8>, usize) {
    let (journal, _) = open(dir);
    (0..3).for_each(|_| drop(admit(&journal, 1)));
    journal.close();
    let path = segment::segment_path(dir, 1);
    let good = std::fs::read(&path).unwrap_or_else(|e| panic!("{e}"));
    let used = good.len() - good.iter().rev().take_while(|&&b| b == 0).count();
    (path, good.get(..used + 64).unwrap_or_default().to_vec(), (used - segment::SEGMENT_HEAD) / 3)
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_and_the_journal_goes_on() {
    let dir = folder();
    let (path, good, record) = three(dir.path());
    let used = segment::SEGMENT_HEAD + 3 * record;
    for kept in 0..used {
        let mut torn = good.clone();
        // What comes after `kept` never reached the disk.
        torn.iter_mut().skip(kept).for_each(|b| *b = 0);
        std::fs::write(&path, &torn).unwrap_or_else(|e| panic!("{e}"));
        let whole = kept.saturating_sub(segment::SEGMENT_HEAD) / record;
        let (all, recovered) = entries(dir.path());
        assert_eq!((all.len(), recovered.last), (whole, whole as u64), "kept {kept}");
        // Opening takes longer than reading: every byte of the head, then now and then.
        if kept > segment::SEGMENT_HEAD && kept % 67 != 0 {
            continue;
        }
        let (journal, recovered) = open(dir.path());
        assert_eq!(recovered.last, whole as u64, "kept {kept}");
        assert_eq!(admit(&journal, 1).len(), 1);
        journal.close();
        let (all, after) = entries(dir.path());
        assert_eq!((all.len(), after.torn.len()), (whole + 1, 0), "kept {kept}");
        // The next round starts from the one segment.
        for number in 2..=after.segment {
            let _ = std::fs::remove_file(segment::segment_path(dir.path(), number));
        }
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let dir = folder();
    let (path, good, record) = three(dir.path());
    let last = segment::SEGMENT_HEAD + 2 * record;
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut flipped = good.clone();
            flipped.iter_mut().skip(at).take(1).for_each(|b| *b ^= 1 << bit);
            std::fs::write(&path, &flipped).unwrap_or_else(|e| panic!("{e}"));
            let found = read_dir(dir.path(), &mut |_| ());
            if at < last {
                assert!(found.is_err(), "byte {at} bit {bit}: {found:?}");
            } else {
                // The last batch: a checkpoint kept elsewhere tells a torn tail from damage, the file alone does not.
                assert!(found.is_ok_and(|r| r.torn.len() == 1), "byte {at} bit {bit}");
            }
        }
    }
}

#[test]
fn what_is_missing_in_the_middle_is_an_error_that_names_its_place() {
    let dir = folder();
    let (journal, _) = open(dir.path());
    for _ in 0..40 {
        admit(&journal, 1);
    }
    journal.close();
    let (_, recovered) = entries(dir.path());
    assert!(recovered.segment > 2, "segments rotate");
    let path = segment::segment_path(dir.path(), 2);
    let good = std::fs::read(&path).unwrap_or_else(|e| panic!("{e}"));
    let mut zeroed = good.clone();
    zeroed.iter_mut().skip(1024).take(512).for_each(|b| *b = 0);
    for bytes in [good.get(..1024).unwrap_or_default(), &zeroed, &[]] {
        std::fs::write(&path, bytes).unwrap_or_else(|e| panic!("{e}"));
        let error = Journal::open(dir.path(), &small()).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains("00000002.sgj: damaged at byte "), "{error}");
    }
    std::fs::remove_file(&path).unwrap_or_else(|e| panic!("{e}"));
    let error = read_dir(dir.path(), &mut |_| ()).err().map(|e| e.to_string()).unwrap_or_default();
    assert!(
        error.contains("records 10 to 18 are missing: ") && error.ends_with("00000001.sgj ends before"),
        "{error}"
    );
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the end record is to meet the full disk")]
fn a_full_disk_refuses_and_leaves_no_litter_and_the_end_records_wait() {
    let dir = folder();
    let state = Arc::new(Mutex::new(Sim { faults: vec![Fault::Fail; 100], ..Sim::default() }));
    let (journal, _) = sim(dir.path(), &state);
    assert_eq!(admit(&journal, 3), []);
    journal.end(&end()).unwrap_or_else(|e| panic!("{e}"));
    std::thread::sleep(LINGER * 5);
    lock(&state).faults.clear();
    // Space is back: service again at once, the end record with it.
    assert_eq!(admit(&journal, 1).len(), 1);
    journal.close();
    let files = std::fs::read_dir(dir.path()).map_or(0, Iterator::count);
    assert_eq!((entries(dir.path()).0.len(), files), (2, 2), "a segment and the lock");
}

#[test]
fn too_many_waiting_is_an_error_and_not_a_wait() {
    let dir = folder();
    let (journal, _) = open(dir.path());
    // Nobody polls: the records go into the queue when the futures are polled, all before the writer can answer.
    let all = admit(&journal, 4096);
    assert!(!all.is_empty());
    journal.close();
    assert_eq!(entries(dir.path()).0.len(), all.len());
}

// === a disk that fails, in a machine that loses power ===

#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    /// The call fails; a write gets half of its bytes down first.
    Fail,
    /// The power goes: this call and all later ones fail, and what was not synced is a lottery.
    Crash,
}

#[derive(Default)]
struct Sim {
    /// What the coming calls meet.
    faults: Vec<Fault>,
    dead: bool,
    /// Of each file: bytes that are durable, bytes written.
    files: BTreeMap<PathBuf, (u64, u64)>,
}

type Shelf = Arc<Mutex<Sim>>;

fn lock(state: &Shelf) -> MutexGuard<'_, Sim> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn call(state: &Shelf) -> io::Result<()> {
    let mut sim = lock(state);
    let fault = if sim.faults.is_empty() { Fault::None } else { sim.faults.remove(0) };
    sim.dead |= matches!(fault, Fault::Crash);
    if sim.dead || matches!(fault, Fault::Fail) {
        return Err(io::ErrorKind::StorageFull.into());
    }
    Ok(())
}

struct SimDisk(Shelf);

struct SimFile {
    file: File,
    path: PathBuf,
    state: Shelf,
}

impl Disk for SimDisk {
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        call(&self.0)?;
        let file = File::options().write(true).create_new(true).open(path)?;
        lock(&self.0).files.insert(path.to_owned(), (0, 0));
        Ok(Box::new(SimFile { file, path: path.to_owned(), state: Arc::clone(&self.0) }))
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        call(&self.0)?;
        lock(&self.0).files.remove(path);
        std::fs::remove_file(path)
    }
}

impl SegmentFile for SimFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let result = call(&self.state);
        let down = if result.is_ok() { bytes } else { bytes.get(..bytes.len() / 2).unwrap_or_default() };
        let mut sim = lock(&self.state);
        if let Some((_, written)) = sim.files.get_mut(&self.path) {
            self.file.write_all_at(down, *written)?;
            *written += down.len() as u64;
        }
        result
    }

    fn sync(&mut self) -> io::Result<()> {
        call(&self.state)?;
        let mut sim = lock(&self.state);
        if let Some((durable, written)) = sim.files.get_mut(&self.path) {
            *durable = *written;
        }
        Ok(())
    }
}

fn sim(dir: &Path, state: &Shelf) -> (Journal, Recovered) {
    let (journal, recovered) =
        Journal::open_on(dir, &small(), None, Box::new(SimDisk(Arc::clone(state))), Box::new(|_| {}))
            .unwrap_or_else(|e| panic!("{e}"));
    // Opening makes the tail durable; other segments stay as doubtful as they were.
    if let Some((path, _)) = &recovered.tail {
        lock(state).files.remove(path);
    }
    (journal, recovered)
}

/// Power comes back: of what was not synced, each block is there or zero, as the lottery says.
fn power_loss(state: &Shelf, lottery: u64) {
    const BLOCK: u64 = 96;
    let mut sim = lock(state);
    for (path, (durable, written)) in std::mem::take(&mut sim.files) {
        let Ok(file) = File::options().write(true).open(&path) else { continue };
        for (n, at) in (durable..written).step_by(BLOCK as usize).enumerate() {
            if lottery >> (n % 64) & 1 == 0 {
                let zeros = vec![0; (written - at).min(BLOCK) as usize];
                file.write_all_at(&zeros, at).unwrap_or_else(|e| panic!("{e}"));
            }
        }
    }
    sim.dead = false;
}

#[derive(Clone, Debug)]
enum Step {
    Admit(usize),
    End,
    /// A clean stop and start.
    Restart,
    /// Power goes and comes back.
    Outage(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1usize..6).prop_map(Step::Admit),
        2 => Just(Step::End),
        1 => Just(Step::Restart),
        2 => any::<u64>().prop_map(Step::Outage),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![12 => Just(Fault::None), 2 => Just(Fault::Fail), 1 => Just(Fault::Crash)]
}

proptest! {
    #![proptest_config(crate::text::cases::cases(1000))]
    /// Whatever fails and whenever the power goes: what was acknowledged is there afterwards, once, under its number, the
    /// numbers have no gap, and the journal opens again and goes on.
    #[test]
    fn acknowledged_records_survive(
        steps in proptest::collection::vec(step(), 1..14),
        faults in proptest::collection::vec(fault(), 0..40),
    ) {
        let dir = folder();
        let state = Shelf::new(Mutex::new(Sim { faults, ..Sim::default() }));
        let mut acknowledged: BTreeMap<u64, String> = BTreeMap::new();
        let (mut journal, _) = sim(dir.path(), &state);
        for step in steps.into_iter().chain([Step::Outage(0), Step::Admit(1)]) {
            match step {
                Step::Admit(n) => for (sequence, id) in admit(&journal, n) {
                    prop_assert_eq!(acknowledged.insert(sequence, id), None);
                },
                Step::End => { let _ = journal.end(&end()); }
                Step::Restart => {
                    journal.close();
                    journal = sim(dir.path(), &state).0;
                }
                Step::Outage(lottery) => {
                    lock(&state).dead = true;
                    journal.close();
                    power_loss(&state, lottery);
                    journal = sim(dir.path(), &state).0;
                }
            }
        }
        lock(&state).faults.clear();
        lock(&state).dead = false;
        prop_assert_eq!(admit(&journal, 1).len(), 1, "the journal goes on by itself");
        journal.close();
        let (all, recovered) = entries(dir.path());
        let sequences: Vec<u64> = all.iter().map(|e| e.sequence).collect();
        prop_assert_eq!(&sequences, &(1..=recovered.last).collect::<Vec<_>>());
        for (sequence, id) in acknowledged {
            let entry = all.iter().find(|e| e.sequence == sequence);
            prop_assert!(entry.is_some_and(|e| String::from_utf8_lossy(&e.payload).contains(&id)));
        }
    }
}

/// Admissions wait for those of the exchanges in flight only while that pays, and only if others are in flight.
#[test]
fn admissions_are_gathered_while_it_pays() {
    let batch = |admissions: usize, open: usize, gather: &mut Gather| {
        let shared = Shared {
            failing: AtomicBool::new(false),
            durable: AtomicU64::new(0),
            queue: Mutex::default(),
            wake: Condvar::new(),
            limit: 64,
        };
        let record = || Waiting { kind: EntryKind::Admission, payload: b"{}".to_vec(), done: None };
        let mut queue = shared.lock();
        (queue.admissions, queue.open) = (admissions, open);
        queue.waiting = (0..admissions).map(|_| record()).collect();
        drop(queue);
        shared.next_batch(false, gather).len()
    };
    let mut gather = Gather::default();
    assert_eq!(batch(1, 1, &mut gather), 1);
    assert_eq!(batch(9, 9, &mut gather), 9);
    assert_eq!(gather.pause, 0, "alone, or with all others, there is nobody to wait for");
    assert_eq!(batch(2, 9, &mut gather), 2);
    assert_eq!(gather.pause, PAUSE, "nobody came, so it is not tried for a while");
    assert_eq!(batch(2, 9, &mut gather), 2);
    assert_eq!(gather.pause, PAUSE - 1);
}

/// Exchanges that are admitted and never end keep nobody waiting.
#[test]
fn open_exchanges_do_not_block_the_next() {
    let dir = folder();
    let (journal, _) = open(dir.path());
    for _ in 0..3 {
        assert_eq!(admit(&journal, 12).len(), 12);
    }
    journal.close();
    assert_eq!(entries(dir.path()).0.len(), 36);
}
