//! Records into real servers, which are stopped and started under load: NATS with JetStream, and PostgreSQL, of Debian's packages; an object
//! store, and what a warehouse reads of it.
//!
//! Plain `cargo test` leaves them out since they need programs; the test command installs these and runs
//! `cargo test --test all -- --ignored servers`.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};

use crate::behaviour::{chat, post, wait_for};
use crate::cli::program;
use crate::port::Reserved;

/// A program's process, which ends with the test.
struct Process(Child, Signal);

impl Process {
    /// `abrupt`: the signal that ends it at once.
    fn start(command: &mut Command, abrupt: Signal) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}; Debian has it"));
        Self(child, abrupt)
    }

    fn kill(mut self) {
        kill_process(Pid::from_child(&self.0), self.1).expect("a running program");
        self.0.wait().expect("its end");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // What was waited for has no number any more.
        if self.0.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = kill_process(Pid::from_child(&self.0), self.1);
            let _ = self.0.wait();
        }
    }
}

/// The real gateway with a sink.
struct Gateway {
    child: Process,
    data: SocketAddr,
    operations: SocketAddr,
    state: PathBuf,
}

impl Gateway {
    fn start(folder: &Path, sink: &str) -> Self {
        let (state, operations) = (folder.join("state"), Reserved::new());
        let config = format!(
            "schema = 1\n[server]\ndata = \"127.0.0.1:0\"\noperations = \"{}\"\nstate = \"{}\"\n[journal]\norigin = \"test.example/journal\"\nsegment = \"1 MiB\"\n[[upstream]]\nname = \"demonstration\"\ndialects = [\"openai\"]\nbase_url = \"demonstration:\"\n[[sink]]\nname = \"real\"\nevery = \"20ms\"\ntimeout = \"2s\"\nbatch = 50\n{sink}",
            operations.address,
            state.display()
        );
        let file = folder.join("gateway.toml");
        std::fs::write(&file, config).expect("a file");
        let mut child = program(&["serve", "--config", &file.display().to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().expect("its output"));
        out.read_line(&mut line).expect("a line");
        std::mem::forget(out);
        let data = line.trim().rsplit('/').next().and_then(|a| a.parse().ok());
        let data = data.unwrap_or_else(|| panic!("no address in `{line}`"));
        Self { child: Process(child, Signal::KILL), data, operations: operations.address, state }
    }

    fn metric(&self, line: &str) -> f64 {
        let got =
            ask(self.operations, "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        got.lines().find_map(|l| l.strip_prefix(line)?.trim().parse().ok()).unwrap_or(-1.0)
    }

    /// Ends it; gives the number of the journal's last record.
    fn stop(mut self) -> u64 {
        kill_process(Pid::from_child(&self.child.0), Signal::TERM).expect("a signal");
        assert!(self.child.0.wait().expect("its end").success());
        let read = sluicegate::audit::read_dir(&self.state.join("journal"), &mut |_| {});
        read.expect("a journal").last
    }
}

fn ask(address: SocketAddr, request: &str) -> String {
    let mut socket = TcpStream::connect(address).expect("a connection");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("an option");
    socket.write_all(request.as_bytes()).expect("a request");
    let mut got = Vec::new();
    let _ = socket.read_to_end(&mut got);
    String::from_utf8_lossy(&got).into_owned()
}

/// Clients ask while `meanwhile` runs; none may be refused or kept waiting for the sink.
fn under_load(gateway: &Gateway, meanwhile: impl FnOnce()) -> usize {
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (stop, asked, data) = (Arc::clone(&stop), Arc::clone(&asked), gateway.data);
            std::thread::spawn(move || {
                while !stop.load(Ordering::Acquire) {
                    let began = Instant::now();
                    let got = ask(data, &post("/v1/chat/completions", &chat("hello", false)));
                    assert!(got.starts_with("HTTP/1.1 200"), "{got}");
                    assert!(began.elapsed() < Duration::from_secs(10), "traffic waits for the sink");
                    asked.fetch_add(1, Ordering::AcqRel);
                    std::thread::sleep(Duration::from_millis(20));
                }
            })
        })
        .collect();
    meanwhile();
    stop.store(true, Ordering::Release);
    clients.into_iter().for_each(|client| client.join().expect("a client"));
    asked.load(Ordering::Acquire)
}

fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

const DELIVERED: &str = "sluicegate_sink_records_total{sink=\"real\"}";
const UP: &str = "sluicegate_sink_up{sink=\"real\"}";
const LAG: &str = "sluicegate_sink_lag_records{sink=\"real\"}";

/// The server is killed twice while clients ask.
fn comes_and_goes(gateway: &Gateway, server: &mut Option<Process>, start: &dyn Fn() -> Process) {
    assert!(wait_for(|| gateway.metric(DELIVERED) > 0.0), "nothing reaches the server");
    let asked = under_load(gateway, || {
        for _ in 0..2 {
            pause(500);
            server.take().expect("it runs").kill();
            assert!(wait_for(|| gateway.metric(UP) == 0.0), "nobody notices");
            pause(300);
            let before = gateway.metric(DELIVERED);
            *server = Some(start());
            // A database recovers first.
            let recovers = || wait_for(|| gateway.metric(UP) == 1.0 && gateway.metric(DELIVERED) > before);
            assert!((0..4).any(|_| recovers()), "no recovery");
        }
    });
    assert!(asked > 20, "{asked}");
    assert!(wait_for(|| gateway.metric(LAG) == 0.0));
}

#[test]
#[ignore = "needs nats-server; the test command installs it and runs this"]
fn jetstream() {
    let folder = tempfile::tempdir().expect("a folder");
    let reserved = Reserved::new();
    let port = reserved.address.port();
    let store = folder.path().join("nats");
    let start = || {
        Process::start(
            Command::new("nats-server")
                .args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"])
                .arg(&store),
            Signal::KILL,
        )
    };
    let sink = format!("url = \"nats://127.0.0.1:{port}\"\nstream = \"AUDIT\"\n");
    let gateway = Gateway::start(folder.path(), &sink);
    let mut server = Some(start());
    comes_and_goes(&gateway, &mut server, &start);
    let last = gateway.stop();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut seen: BTreeMap<u64, usize> = BTreeMap::new();
    runtime.block_on(async {
        let client = async_nats::connect(format!("127.0.0.1:{port}")).await.expect("a connection");
        let stream = async_nats::jetstream::new(client).get_stream("AUDIT").await.expect("the stream");
        let state = stream.get_info().await.expect("its state").state;
        for number in state.first_sequence..=state.last_sequence {
            let message = stream.get_raw_message(number).await.expect("a message");
            let id = message.headers.get("Nats-Msg-Id").expect("an id").to_string();
            let record: serde_json::Value = serde_json::from_slice(&message.payload).expect("JSON");
            assert_eq!(id, format!("test.example/journal/{}", record["sequence"]));
            *seen.entry(record["sequence"].as_u64().expect("a number")).or_default() += 1;
        }
    });
    assert!(seen.keys().copied().eq(1..=last), "{last}: {seen:?}");
    assert!(seen.values().all(|times| *times == 1), "the stream drops repeats: {seen:?}");
}

#[test]
#[ignore = "needs postgresql; the test command installs it and runs this"]
fn postgresql() {
    let folder = tempfile::tempdir().expect("a folder");
    let bin = postgresql_programs();
    let reserved = Reserved::new();
    let port = reserved.address.port();
    let data = folder.path().join("database");
    std::fs::create_dir(&data).expect("a folder");
    // It refuses to run as root.
    let as_user = |program: &str| {
        let path = bin.join(program);
        if geteuid().is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path);
            command
        } else {
            Command::new(path)
        }
    };
    if geteuid().is_root() {
        open_to_all(folder.path());
        let done = Command::new("chown").arg("postgres:postgres").arg(&data).status().expect("chown");
        assert!(done.success());
    }
    let words = folder.path().join("word");
    std::fs::write(&words, "open-sesame-12\n").expect("a file");
    open_to_all(&words);
    let made = as_user("initdb")
        .args([
            "--auth=scram-sha-256",
            "--username=gate",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
            "--pwfile",
        ])
        .arg(&words)
        .arg("-D")
        .arg(&data)
        .output()
        .expect("initdb");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let start = || {
        let options = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-p"];
        // "Immediate shutdown": its processes end at once, and the next start has to recover.
        Process::start(
            as_user("postgres").arg("-D").arg(&data).args(options).arg(port.to_string()),
            Signal::QUIT,
        )
    };
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "open-sesame-12").expect("a file");
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a mode");
    let sink = format!(
        "url = \"postgresql://gate@127.0.0.1:{port}/postgres\"\ncredential = {{ file = \"{}\" }}\ninto = \"public.audit\"\n",
        secret.display()
    );
    let gateway = Gateway::start(folder.path(), &sink);
    let mut server = Some(start());
    comes_and_goes(&gateway, &mut server, &start);
    let last = gateway.stop();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(port).user("gate").dbname("postgres").password("open-sesame-12");
        let (client, connection) = config.connect(tokio_postgres::NoTls).await.expect("a connection");
        let mut driver = tokio::task::JoinSet::new();
        driver.spawn(connection);
        let row = client
            .query_one("SELECT count(*), min(sequence), max(sequence), count(DISTINCT exchange), count(*) FILTER (WHERE record->>'record' = kind), count(*) FILTER (WHERE abs(extract(epoch FROM time) * 1000 - (record->>'time_ms')::bigint) < 1) FROM public.audit", &[])
            .await
            .expect("an answer");
        let numbers: Vec<i64> = (0..6).map(|n| row.get(n)).collect();
        let last = last.cast_signed();
        assert_eq!(numbers[..3], [last, 1, last], "each record once: {numbers:?}");
        assert_eq!(numbers[4..], [last, last], "{numbers:?}");
        assert!(numbers[3] > 20, "{numbers:?}");
    });
}

fn open_to_all(path: &Path) {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a mode");
}

/// Debian keeps them by version.
fn postgresql_programs() -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")).filter(|bin| bin.join("initdb").exists()))
        .collect();
    found.sort();
    found.pop().expect("Debian's package postgresql is installed")
}

/// What the test command installed.
fn tool(path: &str) -> PathBuf {
    let tools = std::env::var("SLUICEGATE_TOOLS_DIR").expect("SLUICEGATE_TOOLS_DIR, as scripts/test sets it");
    Path::new(&tools).join(path)
}

/// Holds Parquet files against the journal with a reader that shares nothing with their writer; says how many records there are.
fn read_by_others(folder: &Path, files: &Path, journal: &Path) -> u64 {
    let lines = folder.join("lines.jsonl");
    let journal = journal.to_str().expect("a path");
    let exported = program(&["audit", "export", "--journal", journal]).output().expect("it runs");
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    std::fs::write(&lines, exported.stdout).expect("a file");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/warehouse/read.py");
    let read = Command::new(tool("warehouse/bin/python"))
        .arg(script)
        .arg(files)
        .arg(&lines)
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&read.stdout).into_owned();
    assert!(read.status.success(), "{said}{}", String::from_utf8_lossy(&read.stderr));
    said.trim().parse().expect("a number")
}

/// The store checks what is signed, and keeps its objects when it is killed.
#[test]
#[ignore = "needs s3s-fs and DuckDB; the test command installs them and runs this"]
fn object_store() {
    let folder = tempfile::tempdir().expect("a folder");
    let reserved = Reserved::new();
    let address = reserved.address;
    // It keeps the objects of a bucket as files of a folder.
    let store = folder.path().join("store");
    let bucket = store.join("audit-records");
    std::fs::create_dir_all(&bucket).expect("a folder");
    let start = || {
        let server = Process::start(
            Command::new(tool("s3s/bin/s3s-fs"))
                .args(["--host", "127.0.0.1", "--port", &address.port().to_string()])
                .args(["--access-key", "KEY1", "--secret-key", "open-sesame-12"])
                .arg(&store),
            Signal::KILL,
        );
        assert!(wait_for(|| TcpStream::connect(address).is_ok()), "it does not start");
        server
    };
    let secret = folder.path().join("secret");
    let keep = |text: &str| {
        std::fs::write(&secret, text).expect("a file");
        std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .expect("a mode");
    };
    let sink = format!(
        "url = \"s3://audit-records/gateway/eu\"\nendpoint = \"http://{address}\"\nroll_every = \"60ms\"\ncredential = {{ file = \"{}\" }}\n",
        secret.display()
    );
    let mut server = Some(start());
    // Who has another secret gets nothing in.
    keep("KEY1:open-sesame-13");
    let other = tempfile::tempdir().expect("a folder");
    let refused = Gateway::start(other.path(), &sink);
    assert!(wait_for(|| refused.metric(UP) == 0.0), "a wrong signature is taken");
    refused.stop();
    assert!(!bucket.join("gateway").exists());
    keep("KEY1:open-sesame-12");
    let gateway = Gateway::start(folder.path(), &sink);
    comes_and_goes(&gateway, &mut server, &start);
    let state = gateway.state.clone();
    let last = gateway.stop();
    let files = bucket.join("gateway/eu");
    assert_eq!(read_by_others(folder.path(), &files, &state.join("journal")), last, "each record once");
}

/// Files of many pages and groups.
#[test]
#[ignore = "needs DuckDB; the test command installs it and runs this"]
fn exported_files_are_read_by_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let elsewhere = folder.path().join("elsewhere");
    let sink = format!("url = \"file://{}\"\nfrom = \"now\"\nroll_every = \"1h\"\n", elsewhere.display());
    let gateway = Gateway::start(folder.path(), &sink);
    // One prompt with very many findings makes long lists.
    let long = "mail alice@corp-example.com or bob@corp-example.com. ".repeat(60);
    let asked = under_load(&gateway, || {
        for n in 0..30 {
            let text =
                if n % 3 == 0 { long.clone() } else { format!("mail me at alice{n}@corp-example.com") };
            let got = ask(gateway.data, &post("/v1/chat/completions", &chat(&text, n % 2 == 0)));
            assert!(got.starts_with("HTTP/1.1 200"), "{got}");
        }
    });
    assert!(asked > 10);
    let state = gateway.state.clone();
    gateway.stop();
    let journal = state.join("journal");
    let last = many_more(&journal);

    let files = folder.path().join("files");
    let (from, into) = (journal.to_str().expect("a path"), files.to_str().expect("a path"));
    let exported = program(&["audit", "export", "--journal", from, "--form", "parquet", "--out", into])
        .output()
        .expect("it runs");
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    assert_eq!(read_by_others(folder.path(), &files, &journal), last);
}

/// More records than a page has rows, or a group bytes; says what number the last one has.
fn many_more(journal: &Path) -> u64 {
    use sluicegate::audit::{
        Admission, Asked, Coverage, ExchangeId, FindingRecord, Journal, JournalSettings,
    };
    let (writer, recovered) = Journal::open(journal, &JournalSettings::default()).expect("a journal");
    let finding = |n: u64| FindingRecord {
        rule: format!("a/{}", n % 7),
        version: String::new(),
        basis: Vec::new(),
        category: "A".into(),
        direction: "prompt",
        role: "message",
        action: "mask",
        state: if n.is_multiple_of(2) { "canary" } else { "" },
        channel: 0,
        start: n,
        end: n + 1,
        score: 0.5,
        hidden: if n.is_multiple_of(3) { "base64".into() } else { String::new() },
        document: String::new(),
        source: String::new(),
        judge: String::new(),
        judge_category: String::new(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        for chunk in 0..60_u64 {
            let admissions = (0..500).map(|n| {
                let n = chunk * 500 + n;
                let admission = Admission {
                    exchange: ExchangeId::random().expect("chance"),
                    time_ms: 1_795_809_603_000 + n,
                    asked: std::sync::Arc::new(Asked {
                        tenant: format!("tenant {}", n % 5).into(),
                        key: "-".into(),
                        user: String::new(),
                        address: String::new(),
                        route: "r".into(),
                        dialect: "openai",
                        operation: "chat.completions",
                        model: "\u{6a21}\u{578b}".into(),
                        upstream: "u".into(),
                        region: String::new(),
                        policy: "default".into(),
                        policy_version: "v".into(),
                    }),
                    packs: "".into(),
                    request_bytes: n,
                    received: format!("{n:032x}"),
                    sent: format!("{:032x}", n * n),
                    stream: n.is_multiple_of(2),
                    verdict: "allow",
                    error: "",
                    findings: (0..n % 4).map(finding).collect(),
                    found: n % 4,
                    sampler: None,
                    pseudonymised: BTreeMap::new(),
                    coverage: Coverage::default(),
                };
                writer.admit(&admission)
            });
            for receipt in futures_util::future::join_all(admissions).await {
                let _receipt = receipt.expect("durable");
            }
        }
    });
    writer.close();
    recovered.last + 30_000
}
