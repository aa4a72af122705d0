//! Gateways before witnesses and anchors, over real sockets: what others have seen is kept and told, who is away holds nobody up, and a journal
//! that falls back is noticed by who has seen more of it.

use super::{program, run, text};
use crate::behaviour::{chat, post, wait_for};
use crate::port::Reserved;
use serde_json::Value;
use sluicegate::audit::Signer;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use zeroize::Zeroizing;

/// A program that listens, and is ended with the test.
struct Process(Child);

impl Process {
    /// Starts it and reads so many lines, of which each names an address.
    fn start(arguments: &[&str], lines: usize) -> (Self, Vec<SocketAddr>) {
        Self::start_logged(arguments, lines, Stdio::null())
    }

    fn start_logged(arguments: &[&str], lines: usize, log: Stdio) -> (Self, Vec<SocketAddr>) {
        let mut child =
            program(arguments).stdout(Stdio::piped()).stderr(log).spawn().expect("the program starts");
        let mut out = BufReader::new(child.stdout.take().expect("its output"));
        let address = |_| {
            let mut line = String::new();
            out.read_line(&mut line).expect("a line");
            let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
            address.and_then(|a| a.trim().parse().ok()).unwrap_or_else(|| panic!("no address: {line}"))
        };
        let found = (0..lines).map(address).collect();
        std::mem::forget(out);
        (Self(child), found)
    }

    fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a running program");
        assert!(self.0.wait().expect("its end").success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("a file");
        }
    }
}

/// A gateway's folder, with its key, beside a witness's.
struct Scene {
    folder: tempfile::TempDir,
    log: String,
    witness: String,
    address: Reserved,
}

impl Scene {
    fn new(more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("state")).expect("a folder");
        let signer = Signer::new("example.com/gateway", Zeroizing::new([3; 32])).expect("a key");
        fs::write(path("state/journal.key"), signer.secret().as_bytes()).expect("a file");
        fs::set_permissions(path("state/journal.key"), fs::Permissions::from_mode(0o600)).expect("a file");
        let key = path("witness.key");
        let made = run(&[
            "audit",
            "witness",
            "keygen",
            "--name",
            "auditor.example/w1",
            "--key",
            key.to_str().expect("a path"),
        ]);
        assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
        let address = Reserved::new();
        let witness = text(&made.stdout).trim().to_owned();
        let config = format!(
            "schema = 1\n[server]\ndata = \"127.0.0.1:0\"\noperations = \"127.0.0.1:0\"\nstate = \"state\"\n[journal]\ncheckpoint = \"50ms\"\nwitness_every = \"50ms\"\n\
            [[upstream]]\nname = \"demonstration\"\ndialects = [\"openai\"]\nbase_url = \"demonstration:\"\n\
            [[witness]]\nname = \"auditor\"\nurl = \"http://{}\"\nkey = \"{witness}\"\ntimeout = \"2s\"\n{more}",
            address.address
        );
        fs::write(path("gateway.toml"), config).expect("a file");
        Self { log: signer.verifier().to_string(), witness, address, folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("a path of characters").to_owned()
    }

    fn gateway(&self) -> (Process, SocketAddr, SocketAddr) {
        let log =
            fs::File::options().append(true).create(true).open(self.path("gateway.log")).expect("a file");
        let arguments = ["serve", "--config", &self.path("gateway.toml")];
        let (process, found) = Process::start_logged(&arguments, 2, log.into());
        (process, found[0], found[1])
    }

    fn start_witness(&self) -> Process {
        let (address, key, state) =
            (self.address.address.to_string(), self.path("witness.key"), self.path("witness"));
        let arguments =
            ["audit", "witness", "--listen", &address, "--key", &key, "--state", &state, "--log", &self.log];
        Process::start(&arguments, 1).0
    }

    fn verify(&self, more: &[&str]) -> (Option<i32>, String) {
        let config = self.path("gateway.toml");
        let mut all = vec!["audit", "verify", "--config", &config, "--key", &self.log];
        all.extend(more);
        let output = run(&all);
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    }

    /// Whether the witness has seen all that is signed, and how much that is.
    fn all_seen(&self) -> Option<u64> {
        let (code, out) = self.verify(&["--witness", &self.witness, "--format", "json"]);
        let told: Value = serde_json::from_str(&out).ok().filter(|_| code == Some(0))?;
        let seen = told["witnesses"][0]["records"].as_u64()?;
        (told["records"].as_u64() == Some(seen)).then_some(seen)
    }
}

fn ask(data: SocketAddr) {
    let mut socket = TcpStream::connect(data).expect("a connection");
    socket.write_all(post("/v1/chat/completions", &chat("hello", false)).as_bytes()).expect("a request");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn metric(operations: SocketAddr, name: &str) -> Option<f64> {
    let mut socket = TcpStream::connect(operations).expect("a connection");
    socket
        .write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .expect("a request");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    answer.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

#[test]
fn a_witness_sees_what_grows_and_notices_what_falls_back() {
    let scene = Scene::new("");
    let witness = scene.start_witness();
    let (gateway, data, operations) = scene.gateway();
    (0..5).for_each(|_| ask(data));
    assert!(wait_for(|| scene.all_seen().is_some_and(|seen| seen >= 10)));
    assert!(wait_for(
        || metric(operations, "sluicegate_witness_lag_records{witness=\"auditor\"}") == Some(0.0)
    ));
    assert_eq!(metric(operations, "sluicegate_witness_up{witness=\"auditor\"}"), Some(1.0));
    let (code, told) = scene.verify(&["--witness", &scene.witness]);
    assert!(code == Some(0) && told.contains("seen:  by auditor.example/w1: the first "), "{told}");
    // The log of another tool's form: the checkpoint with the line of the witness.
    let cosigned = fs::read_to_string(scene.path("state/journal/log/checkpoint.cosigned")).expect("a file");
    assert!(
        cosigned.contains("\u{2014} example.com/gateway ")
            && cosigned.contains("\u{2014} auditor.example/w1 ")
    );
    gateway.stop();
    // The last checkpoint, which a clean stop signs, went to the witness, too.
    let early = scene.all_seen().expect("all is seen");
    copy(&PathBuf::from(scene.path("state")), &PathBuf::from(scene.path("older")));

    // A witness that is away holds nobody up, and hears the rest when it is back.
    drop(witness);
    let (gateway, data, operations) = scene.gateway();
    (0..5).for_each(|_| ask(data));
    assert!(wait_for(
        || metric(operations, "sluicegate_witness_failures_total{witness=\"auditor\"}") >= Some(1.0)
    ));
    assert_eq!(metric(operations, "sluicegate_witness_up{witness=\"auditor\"}"), Some(0.0));
    let witness = scene.start_witness();
    assert!(wait_for(|| scene.all_seen().is_some_and(|seen| seen >= early + 10)));
    assert!(wait_for(|| metric(operations, "sluicegate_witness_up{witness=\"auditor\"}") == Some(1.0)));
    gateway.stop();
    let seen = run(&["audit", "witness", "show", "--state", &scene.path("witness")]);
    assert_eq!(seen.status.code(), Some(0));
    fs::write(scene.path("seen"), &seen.stdout).expect("a file");
    assert_eq!(scene.verify(&["--kept", &scene.path("seen"), "--witness", &scene.witness]).0, Some(0));

    // An older copy of everything that the operator has: his own tools find nothing, who asks the witness does.
    fs::remove_dir_all(scene.path("state")).expect("a folder");
    fs::rename(scene.path("older"), scene.path("state")).expect("a folder");
    assert_eq!(scene.verify(&[]).0, Some(0));
    let (code, told) = scene.verify(&["--kept", &scene.path("seen"), "--witness", &scene.witness]);
    assert!(code == Some(1) && told.contains("is the first that is missing"), "{told}");
    let (gateway, data, operations) = scene.gateway();
    assert!(wait_for(|| metric(operations, "sluicegate_witness_fault{witness=\"auditor\"}") == Some(1.0)));
    // It grows past what was seen, as another history.
    (0..20).for_each(|_| ask(data));
    assert!(wait_for(|| metric(operations, "sluicegate_journal_batch_records_count") >= Some(1.0)));
    assert_eq!(metric(operations, "sluicegate_witness_fault{witness=\"auditor\"}"), Some(1.0));
    gateway.stop();
    let (code, told) = scene.verify(&["--kept", &scene.path("seen"), "--witness", &scene.witness]);
    assert!(code == Some(1) && told.starts_with("NOT SOUND"), "{told}");
    // And the witness still vouches for the first one alone.
    let again = run(&["audit", "witness", "show", "--state", &scene.path("witness")]);
    assert_eq!(text(&again.stdout), text(&seen.stdout));
    witness.stop();
}

#[test]
fn who_has_no_key_that_is_trusted_counts_for_nothing() {
    let scene = Scene::new("");
    let _witness = scene.start_witness();
    let (gateway, data, _) = scene.gateway();
    ask(data);
    assert!(wait_for(|| scene.all_seen().is_some()));
    gateway.stop();
    let other = scene.path("other.key");
    let made = run(&["audit", "witness", "keygen", "--name", "auditor.example/w1", "--key", &other]);
    let other = text(&made.stdout).trim().to_owned();
    let (code, told) = scene.verify(&["--witness", &other]);
    assert!(code == Some(1) && told.contains("0 of the trusted witnesses have cosigned"), "{told}");
    let (code, told) = scene.verify(&["--witness", &other, "--witness", &scene.witness, "--quorum", "2"]);
    assert!(code == Some(1) && told.contains("1 of the trusted witnesses have cosigned"), "{told}");
    assert_eq!(scene.verify(&["--witness", &other, "--witness", &scene.witness]).0, Some(0));
    assert_eq!(
        scene.verify(&["--witness", &other, "--quorum", "2"]).0,
        Some(3),
        "it asks for more than there are"
    );
    // A cosignature that was moved under another checkpoint.
    let path = scene.path("state/journal/log/cosigned/auditor.checkpoint");
    let mut forged = fs::read(&path).expect("a file");
    let at = forged.len() - 10;
    forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
    fs::write(&path, forged).expect("a file");
    let (code, told) = scene.verify(&["--witness", &scene.witness]);
    assert!(code == Some(1) && told.contains("cosigned/auditor.checkpoint"), "{told}");
}

/// A server that answers each request with what `answer` makes of how many there were; none where it never answers.
fn answering(answer: impl Fn(usize) -> Option<String> + Send + 'static) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (address, count) = (listener.local_addr().expect("an address"), Arc::<AtomicUsize>::default());
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for mut socket in listener.incoming().flatten() {
            let mut buffer = [0; 16384];
            let _ = socket.read(&mut buffer);
            if let Some(answer) = answer(counted.fetch_add(1, Ordering::Relaxed)) {
                let _ = socket.write_all(answer.as_bytes());
            }
            open.push(socket);
        }
    });
    (address, count)
}

fn says_size(size: &str) -> String {
    format!(
        "HTTP/1.1 409 Conflict\r\ncontent-type: text/x.tlog.size\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{size}",
        size.len()
    )
}

/// Points the gateway at another witness than its own.
fn with_witness(scene: &Scene, url: &str, timeout: &str) {
    let path = scene.path("gateway.toml");
    let config = fs::read_to_string(&path).expect("a file");
    let own = format!("http://{}", scene.address.address);
    let config = config.replace(&own, url).replace("timeout = \"2s\"", &format!("timeout = \"{timeout}\""));
    fs::write(&path, config).expect("a file");
}

#[test]
fn a_witness_that_lied_once_is_asked_again() {
    let scene = Scene::new("");
    for size in ["9999999\n", "18446744073709551615\n", "0\n"] {
        let size = size.to_owned();
        let (address, count) = answering(move |_| Some(says_size(&size)));
        let before = fs::read_to_string(scene.path("gateway.toml")).expect("a file");
        with_witness(&scene, &format!("http://{address}"), "2s");
        let (gateway, data, operations) = scene.gateway();
        ask(data);
        assert!(wait_for(|| count.load(Ordering::Relaxed) >= 4), "it is asked again");
        assert!(metric(operations, "sluicegate_witness_lag_records{witness=\"auditor\"}") >= Some(1.0));
        gateway.stop();
        fs::write(scene.path("gateway.toml"), before).expect("a file");
    }
    let _witness = scene.start_witness();
    let (gateway, data, operations) = scene.gateway();
    ask(data);
    assert!(wait_for(|| scene.all_seen().is_some()));
    assert_eq!(metric(operations, "sluicegate_witness_fault{witness=\"auditor\"}"), Some(0.0));
    gateway.stop();
}

#[test]
fn a_witness_that_forgot_is_told_of() {
    let scene = Scene::new("");
    let witness = scene.start_witness();
    let (gateway, data, _) = scene.gateway();
    ask(data);
    assert!(wait_for(|| scene.all_seen().is_some()));
    let log = || fs::read_to_string(scene.path("gateway.log")).expect("a log");
    assert!(!log().contains("has forgotten"), "{}", log());
    witness.stop();
    fs::remove_dir_all(scene.path("witness")).expect("gone");
    let _witness = scene.start_witness();
    ask(data);
    assert!(wait_for(|| log().contains("has forgotten")), "{}", log());
    assert!(wait_for(|| scene.all_seen().is_some()));
    gateway.stop();
    assert_eq!(log().matches("has forgotten").count(), 1, "once, and it goes on");
}

#[test]
fn a_stop_waits_for_nobody_who_hangs() {
    let (address, count) = answering(|_| None);
    let (anchor, anchored) = answering(|_| None);
    let scene = Scene::new(&format!(
        "[[anchor]]\nname = \"archive\"\nurl = \"http://{anchor}/\"\nevery = \"50ms\"\ntimeout = \"50s\"\n\
        [[anchor]]\nname = \"device\"\nurl = \"file:///dev/full\"\nevery = \"50ms\"\n"
    ));
    with_witness(&scene, &format!("http://{address}"), "50s");
    let (gateway, data, operations) = scene.gateway();
    ask(data);
    let asked = || count.load(Ordering::Relaxed) > 0 && anchored.load(Ordering::Relaxed) > 0;
    assert!(wait_for(asked));
    assert!(metric(operations, "sluicegate_witness_lag_records{witness=\"auditor\"}") >= Some(1.0));
    let failed = "sluicegate_anchor_failures_total{anchor=\"device\"}";
    assert!(wait_for(|| metric(operations, failed) >= Some(1.0)));
    let start = std::time::Instant::now();
    gateway.stop();
    assert!(start.elapsed() < std::time::Duration::from_secs(15), "{:?}", start.elapsed());
}

#[test]
fn one_key_is_one_witness() {
    let scene = Scene::new("");
    let _witness = scene.start_witness();
    let (gateway, data, _) = scene.gateway();
    ask(data);
    assert!(wait_for(|| scene.all_seen().is_some()));
    gateway.stop();
    let mut parts = scene.witness.splitn(3, '+');
    let [name, id, key] = [(); 3].map(|()| parts.next().expect("a part"));
    let upper = format!("{name}+{}+{key}", id.to_uppercase());
    for other in [&scene.witness, &upper] {
        let (code, told) = scene.verify(&["--witness", &scene.witness, "--witness", other, "--quorum", "2"]);
        assert!(code == Some(3) && told.contains("is one witness"), "{told}");
    }
    // A key of the other kind is told as such.
    let (code, told) = scene.verify(&["--witness", &scene.log]);
    assert!(code == Some(3) && told.contains("the key of a log"), "{told}");
    let state = scene.path("witness");
    let shown = run(&["audit", "witness", "show", "--state", &state, "--log", &scene.witness]);
    assert!(shown.status.code() == Some(2) && text(&shown.stderr).contains("the key of a witness"));
}

#[test]
fn a_witness_of_two_logs_shows_both_or_one() {
    let scene = Scene::new("");
    let other = Signer::new("example.com/other", Zeroizing::new([8; 32])).expect("a key");
    let (address, key, state) =
        (scene.address.address.to_string(), scene.path("witness.key"), scene.path("witness"));
    let other_key = other.verifier().to_string();
    let witness = Process::start(
        &[
            "audit", "witness", "--listen", &address, "--key", &key, "--state", &state, "--log", &scene.log,
            "--log", &other_key,
        ],
        1,
    )
    .0;
    let root = [5; 32];
    let note =
        sluicegate::audit::Checkpoint { origin: "example.com/other".into(), size: 1, root }.sign(&other);
    let body = sluicegate::audit::witness_request(0, &[], &note);
    let mut socket = TcpStream::connect(&address).expect("a connection");
    let length = body.len();
    let request = format!(
        "POST /add-checkpoint HTTP/1.1\r\nhost: w\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    socket.write_all((request + &body).as_bytes()).expect("a request");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (gateway, data, _) = scene.gateway();
    ask(data);
    assert!(wait_for(|| scene.all_seen().is_some()));
    gateway.stop();
    let show = |more: &[&str]| {
        let seen = run(&[&["audit", "witness", "show", "--state", &state], more].concat());
        fs::write(scene.path("seen"), &seen.stdout).expect("a file");
        (seen.status.code(), scene.verify(&["--kept", &scene.path("seen"), "--witness", &scene.witness]))
    };
    let (_, (code, told)) = show(&[]);
    assert!(code == Some(0) && told.contains("note: 1 checkpoint(s) of other logs"), "{told}");
    let (_, (code, told)) = show(&["--log", &scene.log]);
    assert!(code == Some(0) && !told.contains("other logs"), "{told}");
    let (shown, (code, told)) = show(&["--log", &other_key]);
    assert!(
        shown == Some(0) && code == Some(3) && told.contains("holds no checkpoint of example.com/gateway"),
        "{told}"
    );
    witness.stop();
}

#[test]
fn what_each_anchor_holds_is_told() {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let file = elsewhere.path().join("checkpoints");
    let scene = Scene::new(&format!(
        "[[anchor]]\nname = \"worm\"\nurl = \"file://{}\"\nevery = \"50ms\"\n\
        [[anchor]]\nname = \"never\"\nurl = \"file://{}\"\nevery = \"1d\"\n",
        file.display(),
        elsewhere.path().join("none/file").display()
    ));
    let (gateway, data, _) = scene.gateway();
    ask(data);
    assert!(wait_for(|| fs::read_to_string(&file).is_ok_and(|text| text.contains("example.com/gateway"))));
    gateway.stop();
    let verified = || scene.verify(&[]);
    let (code, told) = verified();
    assert!(code == Some(0) && told.contains("anchor: worm holds the first "), "{told}");
    assert!(told.contains("note: the file of the anchor never is not there"), "{told}");
    fs::write(&file, "").expect("a file");
    let (code, told) = verified();
    assert!(
        code == Some(0) && told.contains("is empty, and ") && told.contains("anchored there as worm"),
        "{told}"
    );
    fs::remove_file(&file).expect("gone");
    let (code, told) = verified();
    assert!(code == Some(0) && told.contains("the anchor worm is not there"), "{told}");
    fs::write(&file, "garbage\n").expect("a file");
    let (code, told) = verified();
    assert!(code == Some(1) && told.contains("checkpoints"), "{told}");
}

/// A server that takes everything that is posted.
fn archive() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (address, got) = (listener.local_addr().expect("an address"), Arc::<Mutex<Vec<String>>>::default());
    let all = Arc::clone(&got);
    std::thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            let (mut text, mut buffer) = (String::new(), [0; 4096]);
            while let Ok(read @ 1..) = socket.read(&mut buffer) {
                text.push_str(&String::from_utf8_lossy(&buffer[..read]));
                let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
                let length =
                    head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                if length.is_some_and(|length: usize| body.len() >= length) {
                    break;
                }
            }
            all.lock().expect("a lock").push(text);
            let _ =
                socket.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    (address, got)
}

#[test]
fn checkpoints_are_anchored_elsewhere() {
    let (address, got) = archive();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let file = elsewhere.path().join("checkpoints");
    let token = elsewhere.path().join("token");
    fs::write(&token, "open-sesame\n").expect("a file");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).expect("a file");
    let scene = Scene::new(&format!(
        "[[anchor]]\nname = \"file\"\nurl = \"file://{}\"\nevery = \"50ms\"\n\
        [[anchor]]\nname = \"archive\"\nurl = \"http://{address}/put\"\nevery = \"50ms\"\ncredential = {{ file = \"{}\" }}\n",
        file.display(),
        token.display(),
    ));
    let (gateway, data, operations) = scene.gateway();
    let first = || fs::read_to_string(&file).unwrap_or_default();
    ask(data);
    assert!(wait_for(|| first().contains("example.com/gateway")));
    let before = first();
    copy(&PathBuf::from(scene.path("state")), &PathBuf::from(scene.path("older")));
    (0..3).for_each(|_| ask(data));
    assert!(wait_for(|| first().len() > before.len()), "the next one is appended");
    assert!(first().starts_with(&before));
    assert!(wait_for(|| got.lock().expect("a lock").len() >= 2));
    let posted = got.lock().expect("a lock").first().cloned().unwrap_or_default();
    assert!(
        posted.contains("authorization: Bearer open-sesame") && posted.contains("\nexample.com/gateway\n"),
        "{posted}"
    );
    for name in ["file", "archive"] {
        assert_eq!(metric(operations, &format!("sluicegate_anchor_up{{anchor=\"{name}\"}}")), Some(1.0));
    }
    drop(gateway);
    assert_eq!(scene.verify(&[]).0, Some(0));
    // The file is all that is needed to notice an older copy.
    fs::remove_dir_all(scene.path("state")).expect("a folder");
    fs::rename(scene.path("older"), scene.path("state")).expect("a folder");
    let (code, told) = scene.verify(&[]);
    assert!(code == Some(1) && told.contains("checkpoints"), "{told}");
    let file = file.to_str().expect("a path");
    let journal = scene.path("state/journal");
    let kept = run(&["audit", "verify", "--journal", &journal, "--key", &scene.log, "--kept", file]);
    assert_eq!(kept.status.code(), Some(1));
    let (_gateway, _, operations) = scene.gateway();
    assert!(wait_for(|| metric(operations, "sluicegate_anchor_fault{anchor=\"file\"}") == Some(1.0)));
}
