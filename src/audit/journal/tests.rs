//! The journal against a disk that fails, and its files against damage.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::*;
use crate::audit::{CoverageRecord, Entry, ExchangeId, read_dir};

fn admission() -> Admission {
    Admission {
        exchange: ExchangeId::random().unwrap_or_else(|e| panic!("{e}")),
        time_ms: 1,
        tenant: "-".into(),
        key: "-".into(),
        route: "-".into(),
        dialect: "openai",
        operation: "chat.completions",
        model: "m".into(),
        upstream: "u".into(),
        policy: "default".into(),
        policy_version: "v".into(),
        request_bytes: 1,
        stream: false,
        verdict: "allow",
        error: "",
        findings: Vec::new(),
        coverage: CoverageRecord { opaque: BTreeMap::new(), ..CoverageRecord::default() },
    }
}

fn entries(dir: &Path) -> (Vec<Entry>, Recovered) {
    let mut out = Vec::new();
    let recovered = read_dir(dir, &mut |e| out.push(e)).unwrap_or_else(|e| panic!("{e}"));
    (out, recovered)
}

/// A disk on which chosen writes and syncs fail, counted over all segments.
struct Faulty {
    fail: Vec<usize>,
    count: Arc<AtomicUsize>,
}

struct FaultyFile {
    inner: Box<dyn SegmentFile>,
    fail: Vec<usize>,
    count: Arc<AtomicUsize>,
}

fn fails(fail: &[usize], count: &AtomicUsize) -> io::Result<()> {
    let n = count.fetch_add(1, Ordering::SeqCst);
    if fail.contains(&n) { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(()) }
}

impl Disk for Faulty {
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        fails(&self.fail, &self.count)?;
        let inner = RealDisk.create(path)?;
        Ok(Box::new(FaultyFile { inner, fail: self.fail.clone(), count: Arc::clone(&self.count) }))
    }
}

impl SegmentFile for FaultyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(e) = fails(&self.fail, &self.count) {
            // A short write: some of it is there.
            self.inner.write(bytes.get(..bytes.len() / 2).unwrap_or_default())?;
            return Err(e);
        }
        self.inner.write(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        fails(&self.fail, &self.count)?;
        self.inner.sync()
    }
}

fn small() -> JournalSettings {
    JournalSettings { segment: crate::diag::Size::mib(1), ..JournalSettings::default() }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn records_come_back_in_order_across_restarts() {
    let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
    for round in 0..3u64 {
        let (journal, recovered) = Journal::open(dir.path(), &small()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(recovered.last, round * 2);
        runtime().block_on(async {
            for n in 1..=2 {
                let receipt = journal.admit(&admission()).await.unwrap_or_else(|e| panic!("{e}"));
                assert_eq!(receipt.sequence(), round * 2 + n);
            }
        });
        journal.close();
        assert_eq!(runtime().block_on(journal.admit(&admission())).err(), Some(JournalError::Closed));
    }
    let (all, _) = entries(dir.path());
    assert_eq!(all.iter().map(|e| e.sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_torn_tail_is_dropped_and_damage_in_the_middle_is_an_error() {
    let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
    let (journal, _) = Journal::open(dir.path(), &small()).unwrap_or_else(|e| panic!("{e}"));
    runtime().block_on(async {
        for _ in 0..3 {
            let _receipt = journal.admit(&admission()).await;
        }
    });
    journal.close();
    let path = dir.path().join("00000001.sgj");
    let good = std::fs::read(&path).unwrap_or_else(|e| panic!("{e}"));
    let used = good.len() - good.iter().rev().take_while(|&&b| b == 0).count();
    let record = (used - 16) / 3;
    for cut in used - record + 1..used {
        // Everything from `cut` on never reached the disk.
        let mut torn = good.clone();
        torn.iter_mut().skip(cut).for_each(|b| *b = 0);
        std::fs::write(&path, &torn).unwrap_or_else(|e| panic!("{e}"));
        let (all, recovered) = entries(dir.path());
        assert_eq!(all.len(), 2, "cut at {cut}");
        assert_eq!(recovered.last, 2);
    }
    for at in 16..16 + 2 * record {
        let mut flipped = good.clone();
        if let Some(byte) = flipped.get_mut(at) {
            *byte ^= 4;
        }
        std::fs::write(&path, &flipped).unwrap_or_else(|e| panic!("{e}"));
        let mut count = 0;
        let result = read_dir(dir.path(), &mut |_| count += 1);
        // A flipped length can hide what follows; then the reader stops early and says that something was torn.
        assert!(
            result.as_ref().map_or(true, |r| !r.torn.is_empty() || count < 3),
            "byte {at} went unnoticed"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// Whatever fails: every record that was acknowledged is there afterwards, once, in order; and the journal goes on by itself.
    #[test]
    fn acknowledged_records_survive(fail in proptest::collection::vec(0usize..40, 0..6), records in 1usize..20) {
        let dir = tempfile::tempdir()?;
        let disk = Faulty { fail, count: Arc::default() };
        let (journal, _) = Journal::open_on(dir.path(), &small(), Box::new(disk))?;
        let mut acknowledged = Vec::new();
        runtime().block_on(async {
            for _ in 0..records {
                let record = admission();
                if let Ok(receipt) = journal.admit(&record).await {
                    acknowledged.push((receipt.sequence(), record.exchange.to_string()));
                }
            }
            // No fault lies beyond the 40th call: in the end a record goes through again.
            let mut last = journal.admit(&admission()).await;
            for _ in 0..40 {
                if last.is_ok() { break; }
                last = journal.admit(&admission()).await;
            }
            prop_assert!(last.is_ok());
            Ok(())
        })?;
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
