//! The real program while the system under it fails: slow syncs, calls that fail, a full disk, a clock that jumps.
//!
//! Plain `cargo test` leaves them out since they need strace and faketime; the test command installs these and runs
//! `cargo test --test all -- --ignored faults`. `SLUICEGATE_FAULTS` asks for more occurrences of each fault.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::behaviour::durability::{exchange, recorded};
use crate::behaviour::{PATIENCE, chat, post, wait_for};
use crate::cli::program;
use crate::cli::reload::lay_out;

/// Calls by which the journal reaches the disk: the first of a thread that fails, or so many after it, and which ones after that. A file is
/// made by two `fsync` and filled by 17 `pwrite64`.
const CALLS: [(&str, usize, usize, usize); 6] = [
    ("fdatasync", 2, 5, 5),
    ("fsync", 1, 2, 3),
    ("pwrite64", 1, 19, 40),
    ("write", 1, 2, 5),
    ("openat", 5, 2, 2),
    ("rename", 1, 2, 3),
];
const ERRORS: [&str; 5] = ["EIO", "ENOSPC", "EDQUOT", "EMFILE", "EINTR"];
/// Segments whose names are known before they are there.
const SEGMENTS: u32 = 64;
/// The same of tiles, by how many hashes they hold.
const TILES: u32 = 160;
const CLIENTS: usize = 8;

/// The program under another one, which sees its calls or its clock.
struct Under {
    outer: Child,
    data: Option<SocketAddr>,
    operations: Option<SocketAddr>,
}

impl Under {
    /// `outer` runs the gateway that lies in a folder. Without an address the gateway did not come up.
    fn start(mut outer: Command, dir: &Path) -> Self {
        let config = dir.join("gateway.toml");
        let own = program(&["serve", "--config", config.to_str().expect("a path of characters")]);
        outer.arg(own.get_program()).args(own.get_args());
        let spawned = outer.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut outer = spawned.unwrap_or_else(|error| panic!("{error}: strace and faketime are Debian's"));
        let mut out = BufReader::new(outer.stdout.take().expect("its output"));
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            for _ in 0..2 {
                let mut line = String::new();
                let read = out.read_line(&mut line);
                let address =
                    |line: &str| line.trim().split("http://").nth(1)?.split('/').next()?.parse().ok();
                let _ = tell.send(read.ok().and_then(|_| address(&line)));
            }
            // Somebody has to read the rest.
            let _ = std::io::copy(&mut out, &mut std::io::sink());
        });
        let told = || told.recv_timeout(PATIENCE).ok().flatten();
        Self { outer, data: told(), operations: told() }
    }

    /// The gateway itself.
    fn inner(&self) -> Option<Pid> {
        let id = self.outer.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?;
        Pid::from_raw(children.split_whitespace().next()?.parse().ok()?)
    }

    /// Kills the gateway, and with it what it runs under.
    fn kill(self) {
        self.end(Signal::KILL);
    }

    fn end(mut self, signal: Signal) {
        // `env` has become the gateway itself; strace has it as its child.
        let inner = self.inner().unwrap_or(Pid::from_child(&self.outer));
        let _ = kill_process(inner, signal);
        self.outer.wait().expect("its end");
    }
}

impl Drop for Under {
    fn drop(&mut self) {
        if self.outer.try_wait().is_ok_and(|ended| ended.is_none()) {
            if let Some(inner) = self.inner() {
                let _ = kill_process(inner, Signal::KILL);
            }
            let _ = self.outer.kill();
            let _ = self.outer.wait();
        }
    }
}

/// All that the journal writes to: its folders, segments, and what is renamed into place.
fn journal_paths(state: &Path) -> Vec<PathBuf> {
    let journal = state.join("journal");
    let segments = (1..=SEGMENTS).map(|number| journal.join(format!("{number:08}.sgj")));
    let log = journal.join("log");
    let mut paths: Vec<PathBuf> = segments.collect();
    paths.extend((1..=TILES).map(|width| log.join(format!("tile/0/000.p/{width}.new"))));
    paths.extend([log.join("checkpoint"), state.join("journal.last"), log.clone(), journal.clone()]);
    paths
}

/// Runs what follows with faults in calls on the journal's files.
fn strace(state: &Path, calls: &str, what: &str) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "--seccomp-bpf", "-o"]).arg(state.with_extension("calls"));
    command.args(["-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:{what}")]);
    for path in journal_paths(state) {
        command.arg("-P").arg(path);
    }
    command
}

/// Exchanges of clients that come again and again, until they are told to stop; names of those of which a byte came.
fn load(
    address: SocketAddr,
    stop: &Arc<AtomicBool>,
) -> (Arc<Mutex<HashSet<String>>>, Vec<std::thread::JoinHandle<()>>) {
    let delivered = Arc::<Mutex<HashSet<String>>>::default();
    let clients = (0..CLIENTS)
        .map(|n| {
            let (delivered, stop) = (Arc::clone(&delivered), Arc::clone(stop));
            std::thread::spawn(move || {
                while !stop.load(Ordering::Acquire) {
                    match exchange(address, n % 2 == 0) {
                        Some((name, true)) => drop(delivered.lock().expect("a lock").insert(name)),
                        Some((_, false)) | None => std::thread::sleep(Duration::from_millis(2)),
                    }
                }
            })
        })
        .collect();
    (delivered, clients)
}

/// What a gateway needs that signs its tree many times a second.
fn folder() -> tempfile::TempDir {
    let dir = lay_out("");
    let path = dir.path().join("gateway.toml");
    let config = std::fs::read_to_string(&path).expect("a file") + "[journal]\ncheckpoint = \"20 ms\"\n";
    std::fs::write(&path, config).expect("a file");
    dir
}

/// Whether the journal is sound and has all that was delivered.
fn is_on_record(state: &Path, delivered: &HashSet<String>, what: &str) {
    let recorded = recorded(state);
    let lost: Vec<_> = delivered.difference(&recorded).collect();
    assert!(lost.is_empty(), "{what}: {} of {} delivered are not on record", lost.len(), delivered.len());
}

/// Promise 5: no byte of a body leaves before its record is durable, however long that takes.
#[test]
#[ignore = "needs strace: the test command installs it"]
fn no_byte_leaves_before_a_slow_sync() {
    const SLOW: Duration = Duration::from_millis(400);
    let dir = folder();
    let state = dir.path().join("state");
    let slow = format!("delay_enter={}", SLOW.as_micros());
    let gateway = Under::start(strace(&state, "fsync,fdatasync", &slow), dir.path());
    let address = gateway.data.expect("an address");
    for n in 0..6 {
        let began = Instant::now();
        let mut socket = TcpStream::connect(address).expect("a gateway");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time");
        socket
            .write_all(post("/v1/chat/completions", &chat("hello", n % 2 == 0)).as_bytes())
            .expect("a request");
        let (mut got, mut space) = (Vec::new(), [0; 2048]);
        let first = loop {
            let read = socket.read(&mut space).expect("an answer");
            assert!(read > 0, "it ended early");
            got.extend_from_slice(&space[..read]);
            let head = memchr::memmem::find(&got, b"\r\n\r\n");
            if head.is_some_and(|head| got.len() > head + 4) {
                break began.elapsed();
            }
        };
        assert!(first >= SLOW, "a byte after {first:?}, and a sync takes {SLOW:?}");
        assert!(String::from_utf8_lossy(&got).starts_with("HTTP/1.1 200"));
    }
    gateway.kill();
}

/// Each call fails in each way, at different times: what was delivered is on record, the journal verifies, and the next start goes on with it.
#[test]
#[ignore = "needs strace: the test command installs it"]
fn whatever_call_fails_nothing_that_was_delivered_is_lost() {
    let most = std::env::var("SLUICEGATE_FAULTS").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let all = CALLS
        .into_iter()
        .flat_map(|call| ERRORS.into_iter().enumerate().map(move |(n, error)| (call, n, error)));
    let cases: Vec<(&str, String)> = (0..most)
        .flat_map(|turn| all.clone().map(move |(call, n, error)| (turn + n, call, error)))
        .map(|(later, (call, first, more, step), error)| {
            (call, format!("error={error}:when={}+{step}", first + later * 4 % more))
        })
        .collect();
    let (next, delivered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some((call, what)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    delivered.fetch_add(one_fault(call, what), Ordering::Relaxed);
                }
            });
        }
    });
    let delivered = delivered.into_inner();
    println!("{} faults, {delivered} exchanges delivered, each on record", cases.len());
    assert!(delivered >= cases.len() * CLIENTS, "{delivered} delivered");
}

/// How many exchanges were delivered.
fn one_fault(call: &str, what: &str) -> usize {
    let began = Instant::now();
    let dir = folder();
    let state = dir.path().join("state");
    let calls = if call == "rename" { "rename,renameat,renameat2" } else { call };
    let (name, seen) = (format!("{call} {what}"), state.with_extension("calls"));
    let gateway = Under::start(strace(&state, calls, what), dir.path());
    let mut all = HashSet::new();
    if let Some(address) = gateway.data {
        let stop = Arc::new(AtomicBool::new(false));
        let (delivered, clients) = load(address, &stop);
        // Until something has failed and enough was delivered. Where nothing can be written nothing is, and that is waited for no longer.
        let until = Instant::now() + Duration::from_secs(4);
        let failed = || std::fs::read_to_string(&seen).is_ok_and(|calls| calls.contains("(INJECTED)"));
        let enough = || delivered.lock().expect("a lock").len() >= 4 * CLIENTS;
        while !(enough() && failed()) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        gateway.kill();
        stop.store(true, Ordering::Release);
        clients.into_iter().for_each(|client| client.join().expect("a client"));
        let delivered = delivered.lock().expect("a lock");
        all.clone_from(&delivered);
    } else {
        gateway.kill();
    }
    let count = all.len();
    println!("{name}: {count} delivered, {:?}", began.elapsed());
    // Whatever the fault has left, the next start goes on. A clean stop signs all there is.
    let gateway = Under::start(Command::new("env"), dir.path());
    let address = gateway.data.unwrap_or_else(|| panic!("{name}: it does not start again"));
    let (again, _) = exchange(address, false).unwrap_or_else(|| panic!("{name}: it does not answer"));
    gateway.end(Signal::TERM);
    all.insert(again);
    let calls = std::fs::read_to_string(&seen).expect("what strace saw");
    println!("{name}: {} calls of {} failed", calls.matches("(INJECTED)").count(), calls.lines().count());
    assert!(calls.contains("(INJECTED)"), "{name}: nothing failed");
    is_on_record(&state, &all, &name);
    count
}

/// A full disk: refusals that the client's SDK understands before the first byte, and service again by itself.
#[test]
#[ignore = "needs strace: the test command installs it"]
fn a_full_disk_refuses_in_the_clients_words_and_passes_by_itself() {
    let dir = folder();
    let state = dir.path().join("state");
    let gateway = Under::start(Command::new("env"), dir.path());
    let address = gateway.data.expect("an address");
    let ask = |path: &str| {
        let mut socket = TcpStream::connect(address).expect("a gateway");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time");
        let request = post(path, &chat("hello", true)).replacen("\r\n", "\r\nconnection: close\r\n", 1);
        socket.write_all(request.as_bytes()).expect("a request");
        let mut got = String::new();
        socket.read_to_string(&mut got).expect("an answer");
        got
    };
    let path = "/v1/chat/completions";
    assert!(ask(path).starts_with("HTTP/1.1 200"));
    let stop = Arc::new(AtomicBool::new(false));
    let (delivered, clients) = load(address, &stop);
    let inner = gateway.outer.id().to_string();
    let mut full = strace(&state, "pwrite64,fsync,fdatasync,openat", "error=ENOSPC");
    // It is run by `env`, which becomes the gateway.
    let mut full = full.args(["-p", &inner]).stderr(Stdio::null()).spawn().expect("strace");
    assert!(wait_for(|| ask(path).starts_with("HTTP/1.1 503")), "nothing is refused");
    let refused = ask(path);
    let body = refused.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    let error: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {refused}"));
    assert!(error["error"]["message"].is_string() && error["error"]["code"].is_string(), "{refused}");
    let anthropic = ask("/v1/messages");
    assert!(anthropic.starts_with("HTTP/1.1 503") && anthropic.contains("\"type\":\"error\""), "{anthropic}");
    std::thread::sleep(Duration::from_millis(500));
    // It lets go of the gateway, and there is room again.
    kill_process(Pid::from_child(&full), Signal::INT).expect("strace");
    full.wait().expect("its end");
    let room = Instant::now();
    assert!(wait_for(|| ask(path).starts_with("HTTP/1.1 200")), "no service");
    assert!(room.elapsed() < Duration::from_secs(5), "service after {:?}", room.elapsed());
    stop.store(true, Ordering::Release);
    clients.into_iter().for_each(|client| client.join().expect("a client"));
    gateway.kill();
    is_on_record(&state, &delivered.lock().expect("a lock"), "a full disk");
}

/// A gateway under another clock, which stands in a file.
fn clocked(clock: &Path) -> Command {
    let library = std::fs::read_dir("/usr/lib")
        .expect("a folder")
        .filter_map(|entry| Some(entry.ok()?.path().join("faketime/libfaketimeMT.so.1")))
        .find(|path| path.exists())
        .expect("Debian's faketime");
    let mut faked = Command::new("env");
    faked.arg(format!("LD_PRELOAD={}", library.display()));
    faked.arg(format!("FAKETIME_TIMESTAMP_FILE={}", clock.display()));
    faked.args(["FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"]);
    faked
}

/// What is old enough goes, with its bodies and out of the index; a clock that is ahead makes nothing old; and whoever verifies is told of it, in each
/// copy that was taken meanwhile.
#[test]
#[ignore = "needs faketime: the test command installs it"]
fn what_is_old_goes_and_whoever_verifies_is_told() {
    let dir = folder();
    let path = dir.path().join("gateway.toml");
    let config = std::fs::read_to_string(&path).expect("a file");
    let config =
        config.replace("[journal]", "[journal.texts]\nkeep = \"all\"\n[journal]\nsegment = \"1 MiB\"");
    assert!(config.contains("keep = "), "{config}");
    std::fs::write(&path, &config).expect("a file");
    let (clock, config) = (dir.path().join("clock"), path.display().to_string());
    let audit = |arguments: &[&str]| {
        let output =
            program(&[&["audit"], arguments, &["--config", &config]].concat()).output().expect("it runs");
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), said(&output.stdout) + &said(&output.stderr))
    };
    let load_at = |at: &str| {
        std::fs::write(&clock, at).expect("a file");
        let gateway = Under::start(clocked(&clock), dir.path());
        let address = gateway.data.expect("it starts");
        let stop = Arc::new(AtomicBool::new(false));
        let (seen, clients) = load(address, &stop);
        assert!(wait_for(|| seen.lock().expect("a lock").len() > 400));
        stop.store(true, Ordering::Release);
        clients.into_iter().for_each(|client| client.join().expect("a client"));
        let seen = seen.lock().expect("a lock").drain().collect::<Vec<_>>();
        (gateway, seen)
    };
    let (gateway, old) = load_at("-300d");
    gateway.end(Signal::TERM);
    let old_bodies = dir.path().join("state/journal/texts/00000001.sgt");
    assert!(old_bodies.exists());
    // What the disk says of when it was written is of its own clock.
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(300 * 86_400);
    std::fs::File::options()
        .write(true)
        .open(&old_bodies)
        .and_then(|file| file.set_modified(long_ago))
        .expect("a file");
    let (gateway, new) = load_at("+0");
    assert_eq!(audit(&["search", "--limit", "1"]).0, Some(0));
    let operations = gateway.operations.expect("an address").to_string();
    // A clock that is a year ahead.
    std::fs::write(&clock, "+365d").expect("a file");
    let mut ahead = clocked(&clock);
    let own =
        program(&["audit", "purge", "--before", "200d", "--config", &config, "--operations", &operations]);
    let ahead = ahead.arg(own.get_program()).args(own.get_args()).output().expect("it runs");
    let said = String::from_utf8_lossy(&ahead.stderr).into_owned();
    std::fs::write(&clock, "+0").expect("a file");
    assert!(ahead.status.code() == Some(1) && said.contains("clock"), "{said}");

    let (code, said) = audit(&["purge", "--before", "200d", "--operations", &operations]);
    assert!(code == Some(0) && said.contains(" went: "), "{said}");
    // At once, while the gateway runs, and in a copy.
    let (code, said) = audit(&["verify"]);
    assert!(
        code == Some(0) && said.contains("were purged, of before") && !said.contains("YOUNGER"),
        "{said}"
    );
    assert!(!old_bodies.exists(), "the bodies went with their records");
    let first = sluicegate::audit::first_record(&dir.path().join("state/journal")).expect("a journal");
    assert!(first > 256, "{first}");
    let gone: Vec<&String> = old.iter().filter(|name| audit(&["show", name]).0 == Some(1)).take(3).collect();
    assert!(!gone.is_empty());
    let (code, said) = audit(&["show", gone[0]]);
    assert!(code == Some(1) && said.contains("were purged"), "{said}");
    assert_eq!(audit(&["show", &new[0]]).0, Some(0));
    // Whoever works with what is left is not stopped by what is not.
    assert_eq!(audit(&["replay", "--limit", "0"]).0, Some(0));
    gateway.end(Signal::TERM);
    assert_eq!(audit(&["verify"]).0, Some(0));
}

/// A clock that jumps, under load and between starts: order is told by the record's number, and nothing else minds.
#[test]
#[ignore = "needs faketime: the test command installs it"]
fn a_clock_that_jumps_disturbs_nothing() {
    let dir = folder();
    let (state, clock) = (dir.path().join("state"), dir.path().join("clock"));
    let mut delivered = HashSet::new();
    for start in ["+0", "+30d", "-400d"] {
        std::fs::write(&clock, start).expect("a file");
        let gateway = Under::start(clocked(&clock), dir.path());
        let address = gateway.data.unwrap_or_else(|| panic!("{start}: it does not start"));
        let stop = Arc::new(AtomicBool::new(false));
        let (seen, clients) = load(address, &stop);
        for step in ["-1h", "+2d", "-3d", "+1h"] {
            std::thread::sleep(Duration::from_millis(100));
            std::fs::write(&clock, step).expect("a file");
            let before = seen.lock().expect("a lock").len();
            assert!(
                wait_for(|| seen.lock().expect("a lock").len() > before + CLIENTS),
                "{start} {step}: it stands still"
            );
        }
        stop.store(true, Ordering::Release);
        clients.into_iter().for_each(|client| client.join().expect("a client"));
        gateway.kill();
        delivered.extend(seen.lock().expect("a lock").drain());
    }
    is_on_record(&state, &delivered, "a clock that jumps");
    let (mut times, mut numbers) = (Vec::new(), Vec::new());
    sluicegate::audit::read_dir(&state.join("journal"), &mut |entry: sluicegate::audit::Entry| {
        let record: serde_json::Value = serde_json::from_slice(&entry.payload).expect("records are JSON");
        times.push(record["time_ms"].as_u64().unwrap_or_default());
        numbers.push(entry.sequence);
    })
    .expect("a journal");
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1));
    assert!(times.windows(2).any(|pair| pair[1] + 3_600_000 < pair[0]), "the clock went back");
}
