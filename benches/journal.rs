//! What the journal costs: records a second, a start, proofs, and searches, over as many records as are asked for.
//!
//!     taskset -c 0 cargo bench --bench journal -- [RECORDS]     # 1000000 without a number
//!
//! The folder is made beside the working one, so that it is the same disk, and removed at the end.

#![expect(clippy::disallowed_methods, reason = "what is measured is time")]

use sluicegate::audit::{
    Admission, Asked, Column, Coverage, End, ExchangeId, FindingRecord, Index, Journal, JournalSettings,
    Query, Signer, prove, verify,
};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Exchanges in flight.
const CONNECTIONS: usize = 256;

fn main() {
    let records = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir_in(".").expect("a folder");
    let dir = folder.path().join("journal");
    let seed = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    let signer = || Signer::parse(seed).expect("a key");
    let verifier = signer().verifier().clone();

    let (wall, cpu) = write(&dir, signer(), records);
    println!(
        "| written, {CONNECTIONS} exchanges in flight | {:.0} records a second | {:.1} us of CPU each |",
        records as f64 / wall.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / records as f64
    );
    let began = Instant::now();
    let (journal, recovered) =
        Journal::open_signed(&dir, &JournalSettings::default(), signer(), Box::new(|_| {}))
            .expect("a journal");
    println!("| a start over {} records | {:.2} s | |", recovered.last, began.elapsed().as_secs_f64());
    journal.close();
    let began = Instant::now();
    let verified = verify(&dir, &verifier, &[], &mut |_| {}).unwrap_or_else(|fault| panic!("{fault}"));
    let took = began.elapsed().as_secs_f64();
    println!("| verified | {:.2} s | {:.0} records a second |", took, verified.records as f64 / took);

    let (mut longest, mut times) = (0, Vec::new());
    for n in 0..200_u64 {
        let began = Instant::now();
        let proved = prove(&dir, &verifier, 1 + n * 7919 % verified.signed).expect("a proof");
        times.push(began.elapsed());
        let hashes = proved.proof.lines().take_while(|line| !line.is_empty()).count() - 2;
        longest = longest.max(hashes * 32);
    }
    times.sort();
    println!(
        "| a proof | {:.1} ms (median), of that the reading of its segment | at most {longest} bytes of hashes |",
        ms(times[100])
    );
    println!("| at 10^8 records | | {} bytes of hashes: 32 for each of {} levels |", 27 * 32, 27);

    let mut index = Index::open(&dir).expect("an index");
    let began = Instant::now();
    index.update(&mut |_| {}).expect("an index");
    println!(
        "| index made | {:.1} s | {:.0} records a second |",
        began.elapsed().as_secs_f64(),
        records as f64 / began.elapsed().as_secs_f64()
    );
    let equals =
        |column, value: &str| Query { equals: vec![(column, value.into())], limit: 20, ..Query::default() };
    let queries = [
        ("by verdict", equals(Column::Verdict, "block")),
        ("by tenant", equals(Column::Tenant, "tenant-7")),
        ("by user", equals(Column::User, "user-777")),
        ("by rule", Query { rule: Some("rule-3".into()), limit: 20, ..Query::default() }),
        ("by category", Query { category: Some("category-3".into()), limit: 20, ..Query::default() }),
        ("by time", Query { since: Some(1000), until: Some(2000), limit: 20, ..Query::default() }),
        ("by text", Query { hash: Some(format!("{:032x}", 4242)), limit: 20, ..Query::default() }),
    ];
    for (what, query) in queries {
        let began = Instant::now();
        let hits = index.search(&query).expect("a search");
        println!("| search {what} | {:.2} ms | {} shown |", ms(began.elapsed()), hits.len());
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Writes exchanges, many at a time, and says how long that and its processor time took.
fn write(dir: &Path, signer: Signer, records: u64) -> (Duration, Duration) {
    let (journal, _) =
        Journal::open_signed(dir, &JournalSettings::default(), signer, Box::new(|_| {})).expect("a journal");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let (began, cpu) = (Instant::now(), processor_time());
    runtime.block_on(async {
        let mut running = JoinSet::new();
        for n in 0..records / 2 {
            if running.len() >= CONNECTIONS {
                running.join_next().await;
            }
            let journal = journal.clone();
            let exchange = ExchangeId::random().expect("chance");
            running.spawn(async move {
                let _receipt = journal.admit(&admission(n, exchange)).await.expect("durable");
                journal.end(&end(n, exchange)).expect("room");
            });
        }
        while running.join_next().await.is_some() {}
    });
    journal.close();
    (began.elapsed(), processor_time().saturating_sub(cpu))
}

/// What the process used of processors so far (proc(5): fields 14 and 15, in hundredths of a second).
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("a process");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = [11, 12].iter().filter_map(|n| fields.get(*n)?.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn finding(n: u64) -> Vec<FindingRecord> {
    // One exchange of ten has something in it.
    let found = FindingRecord {
        rule: format!("rule-{}", n / 10 % 50),
        version: String::new(),
        basis: Vec::new(),
        category: format!("category-{}", n / 10 % 10),
        direction: "prompt",
        role: "message",
        action: "mask",
        state: "",
        channel: 0,
        start: 3,
        end: 20,
        score: 1.0,
        hidden: String::new(),
        document: String::new(),
        source: String::new(),
        judge: String::new(),
        judge_category: String::new(),
    };
    if n.is_multiple_of(10) { vec![found] } else { Vec::new() }
}

fn asked(n: u64) -> std::sync::Arc<Asked> {
    std::sync::Arc::new(Asked {
        tenant: format!("tenant-{}", n % 100).into(),
        key: format!("key-{}", n % 1000).into(),
        user: format!("user-{}", n % 5000),
        address: format!("{:032x}", n % 9000),
        route: "default".into(),
        dialect: "openai",
        operation: "chat.completions",
        model: "gpt-5".into(),
        upstream: "openai".into(),
        region: "eu".into(),
        policy: "default".into(),
        policy_version: "5868d6c094f5bffe1ee761ff8639af48".into(),
    })
}

fn admission(n: u64, exchange: ExchangeId) -> Admission {
    Admission {
        exchange,
        time_ms: n,
        asked: asked(n),
        packs: "".into(),
        request_bytes: 1024,
        received: format!("{n:032x}"),
        sent: format!("{n:032x}"),
        stream: true,
        verdict: "allow",
        error: "",
        findings: finding(n),
        found: 0,
        sampler: None,
        pseudonymised: std::collections::BTreeMap::new(),
        coverage: Coverage { texts: 3, text_bytes: 900, names: 4, ..Coverage::default() },
    }
}

fn end(n: u64, exchange: ExchangeId) -> End {
    End {
        exchange,
        time_ms: n,
        asked: asked(n),
        status: 200,
        upstream_status: 200,
        verdict: if n.is_multiple_of(100) { "block" } else { "allow" },
        ended: "complete",
        error: "",
        findings: Vec::new(),
        found: 0,
        restored: std::collections::BTreeMap::new(),
        coverage: Coverage { texts: 200, text_bytes: 4000, names: 400, ..Coverage::default() },
        received: format!("{:032x}", n + 1),
        sent: format!("{:032x}", n + 2),
        tokens: None,
        label: None,
        annotation: None,
        sampler: None,
        mark: None,
        texts: None,
        response_bytes: 40_000,
        held_bytes_max: 12,
        held_us_max: 0,
        upstream_us: 1000,
        first_byte_us: 5000,
        total_us: 90_000,
    }
}
