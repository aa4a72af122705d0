//! Records on their way to other systems: none is lost when the other side fails, repeats can be told, and traffic waits for nobody but
//! where the settings say so.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use rustls::{ServerConnection, StreamOwned};
use sluicegate::upstream::sink::SinkSettings;

use super::tls::{certified, issuer};
use super::{Fake, Gateway, Step, Wishes, answer, chat, wait_for};
use crate::port::Reserved;

const JSON: &str = "content-type: application/json\r\n";

fn sink(text: &str) -> SinkSettings {
    toml::from_str(&format!("every = \"20ms\"\ntimeout = \"2s\"\n{text}")).expect("settings")
}

/// A gateway before an upstream that answers everything.
fn gateway(sinks: Vec<SinkSettings>) -> (Gateway, Fake) {
    let fake = Fake::whole("200 OK", JSON, answer("fine").as_bytes());
    let gateway = Gateway::new(Some(fake.address), &Wishes { sinks, ..Wishes::default() });
    (gateway, fake)
}

/// Number and text of what a syslog receiver got, read by its lengths.
type Got = Arc<Mutex<Vec<(u64, String)>>>;

/// A receiver that closes its first connections after so many messages each.
fn syslog(listener: TcpListener, closes: &'static [usize]) -> Got {
    let got = Got::default();
    let all = Arc::clone(&got);
    std::thread::spawn(move || {
        let mut closes = closes.iter();
        for mut socket in listener.incoming().flatten() {
            let mut seen = 0;
            let most = closes.next().copied().unwrap_or(usize::MAX);
            while seen < most {
                let Some(message) = message(&mut socket) else { break };
                all.lock().expect("a lock").push((number(&message), message));
                seen += 1;
            }
        }
    });
    got
}

/// The number of the record in a message.
fn number(message: &str) -> u64 {
    let id = message.split("id=\"test.example/journal/").nth(1).and_then(|rest| rest.split('"').next());
    id.and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("no id: {message}"))
}

fn message(socket: &mut impl Read) -> Option<String> {
    let (mut length, mut byte) = (0, [0]);
    loop {
        socket.read_exact(&mut byte).ok()?;
        match byte[0] {
            b' ' => break,
            digit => length = length * 10 + usize::from(digit - b'0'),
        }
    }
    let mut text = vec![0; length];
    socket.read_exact(&mut text).ok()?;
    Some(String::from_utf8(text).expect("UTF-8"))
}

/// As many records as are durable have come, each at least once.
fn complete(gateway: &Gateway, got: &Got) -> bool {
    let durable = gateway.running.as_ref().expect("it runs").gateway.journal.durable();
    let got = got.lock().expect("a lock");
    let numbers: std::collections::BTreeSet<u64> = got.iter().map(|(id, _)| *id).collect();
    numbers.iter().copied().eq(1..=durable)
}

#[test]
fn syslog_gets_every_record() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url =
        format!("url = \"syslog+tcp://{}\"\nname = \"siem\"", listener.local_addr().expect("an address"));
    let got = syslog(listener, &[]);
    let (gateway, _fake) = gateway(vec![sink(&url)]);
    for n in 0..5 {
        assert_eq!(
            gateway
                .post(
                    "/v1/chat/completions",
                    &chat(if n == 3 { "zanzibar blockme" } else { "zanzibar maskme" }, false)
                )
                .status,
            if n == 3 { 400 } else { 200 }
        );
    }
    assert!(wait_for(
        || complete(&gateway, &got) && gateway.metric("sluicegate_sink_lag_records{sink=\"siem\"}") == 0.0
    ));
    assert_eq!(gateway.metric("sluicegate_sink_up{sink=\"siem\"}"), 1.0);
    let got = got.lock().expect("a lock").clone();
    let blocked: Vec<&String> =
        got.iter().map(|(_, text)| text).filter(|text| text.contains("act=block")).collect();
    assert!(
        blocked.iter().any(|text| text.starts_with("<107>1 20")
            && text.contains(" sluicegate - admission [")
            && text.contains("CEF:0|")),
        "{got:?}"
    );
    assert!(!got.iter().any(|(_, text)| text.contains("zanzibar")), "no text of users");
}

/// Over TLS, and to nobody whose certificate is not good.
#[test]
fn syslog_goes_over_tls() {
    let issuer = issuer();
    let dir = tempfile::tempdir().expect("a folder");
    let roots = dir.path().join("roots.pem");
    std::fs::write(&roots, issuer.pem()).expect("a file");
    for (host, accepted) in [("localhost", true), ("siem.example", false)] {
        let config = certified(Some(&issuer), host, (2020, 2090));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let got = Got::default();
        let all = Arc::clone(&got);
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
                let mut stream = StreamOwned::new(connection, socket);
                while let Some(message) = message(&mut stream) {
                    all.lock().expect("a lock").push((number(&message), message));
                }
            }
        });
        let url = format!(
            "name = \"siem\"\nurl = \"syslog+tls://localhost:{port}\"\nextra_roots = \"{}\"",
            roots.display()
        );
        let (gateway, _fake) = gateway(vec![sink(&url)]);
        assert_eq!(gateway.post("/v1/chat/completions", &chat("hello", false)).status, 200);
        if accepted {
            assert!(wait_for(|| gateway.metric("sluicegate_sink_lag_records{sink=\"siem\"}") == 0.0));
            assert!(wait_for(|| complete(&gateway, &got)));
        } else {
            assert!(wait_for(|| gateway.metric("sluicegate_sink_failures_total{sink=\"siem\"}") >= 1.0));
            assert!(got.lock().expect("a lock").is_empty());
        }
    }
}

/// A receiver that is away, comes, and closes its connection again and again: each record comes all the same.
#[test]
fn a_receiver_that_comes_and_goes_loses_nothing() {
    let place = Reserved::new();
    let url = format!("url = \"syslog+tcp://{}\"\nname = \"siem\"\nbatch = 4", place.address);
    let (gateway, _fake) = gateway(vec![sink(&url)]);
    let ask = || assert_eq!(gateway.post("/v1/chat/completions", &chat("hello", false)).status, 200);
    (0..5).for_each(|_| ask());
    assert!(wait_for(|| gateway.metric("sluicegate_sink_up{sink=\"siem\"}") == 0.0
        && gateway.metric("sluicegate_sink_failures_total{sink=\"siem\"}") > 0.0));
    assert!(wait_for(|| gateway.metric("sluicegate_sink_lag_records{sink=\"siem\"}") >= 10.0));
    let listener = place.listen();
    let got = syslog(listener, &[10, 25]);
    (0..20).for_each(|_| ask());
    // What was lost with a connection comes with the next batch.
    let sent = wait_for(|| {
        ask();
        let running = gateway.running.as_ref().expect("it runs");
        running.gateway.journal.durable() > 60 && gateway.metric("sluicegate_sink_up{sink=\"siem\"}") == 1.0
    });
    assert!(sent);
    let numbers = |got: &Got| -> BTreeMap<u64, usize> {
        let mut out = BTreeMap::new();
        got.lock().expect("a lock").iter().for_each(|(id, _)| *out.entry(*id).or_default() += 1);
        out
    };
    // A connection that broke behind the last record is noticed by the next one.
    let all = wait_for(|| {
        ask();
        numbers(&got).keys().copied().take(40).eq(1..=40)
    });
    assert!(all, "{:?}", numbers(&got));
}

/// A receiver of OTLP that first has no time: the same batch comes again, with the same id.
#[test]
fn a_batch_that_was_refused_comes_again() {
    let busy = b"HTTP/1.1 503 Busy\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbusy";
    let refusing = Fake::new(vec![Step::Send(busy.to_vec())]);
    let url = format!("url = \"http://{}/v1/logs\"\nname = \"otel\"\nform = \"otel\"", refusing.address);
    let (gateway, _fake) = gateway(vec![sink(&url)]);
    assert_eq!(gateway.post("/v1/chat/completions", &chat("hello", false)).status, 200);
    assert!(wait_for(|| refusing.seen().len() > 2));
    let seen = refusing.seen();
    let key =
        |request: &str| request.lines().find_map(|l| l.strip_prefix("idempotency-key: ").map(str::to_owned));
    assert!(
        seen.iter().all(|request| key(request).is_some_and(|key| key.starts_with("test.example/journal/1-"))),
        "{seen:?}"
    );
    assert_eq!(gateway.metric("sluicegate_sink_records_total{sink=\"otel\"}"), 0.0);
}

#[test]
fn otlp_is_what_a_collector_takes() {
    let collector = Fake::whole("200 OK", JSON, b"{}");
    let url = format!("url = \"http://{}/v1/logs\"\nname = \"otel\"\nform = \"otel\"", collector.address);
    let (gateway, _fake) = gateway(vec![sink(&url)]);
    assert_eq!(gateway.post("/v1/chat/completions", &chat("hello", false)).status, 200);
    let whole = || collector.seen().concat();
    assert!(wait_for(|| whole().contains("sluicegate.end") && whole().contains("sluicegate.admission")));
    let mut names = Vec::new();
    for request in collector.seen() {
        assert!(
            request.starts_with("POST /v1/logs HTTP/1.1\r\n")
                && request.contains("content-type: application/json\r\n"),
            "{request}"
        );
        let body = request.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let body: serde_json::Value =
            serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {request}"));
        for resource in body["resourceLogs"].as_array().expect("a list") {
            for record in resource["scopeLogs"][0]["logRecords"].as_array().expect("a list") {
                names.push(record["eventName"].as_str().expect("a name").to_owned());
            }
        }
    }
    assert!(
        names.iter().any(|name| name == "sluicegate.admission")
            && names.iter().any(|name| name == "sluicegate.end"),
        "{names:?}"
    );
}

/// A receiver of OTLP that takes a batch and throws some of it away says so with a status of 200.
#[test]
fn what_a_collector_throws_away_is_counted() {
    let answer = br#"{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"no room"}}"#;
    let collector = Fake::whole("200 OK", JSON, answer);
    let url = format!(
        "url = \"http://{}/v1/logs\"\nname = \"otel\"\nform = \"otel\"\nbatch = 1",
        collector.address
    );
    let (gateway, _fake) = gateway(vec![sink(&url)]);
    assert_eq!(gateway.post("/v1/chat/completions", &chat("hello", false)).status, 200);
    // Two records, each of which may be sent again where the machine is busy.
    let rejected = || gateway.metric("sluicegate_sink_rejected_records_total{sink=\"otel\"}");
    assert!(wait_for(|| rejected() >= 2.0), "{}", rejected());
    assert_eq!(gateway.metric("sluicegate_sink_records_total{sink=\"otel\"}"), 0.0);
    // It is told after the count.
    assert!(wait_for(|| gateway.metric("sluicegate_sink_lag_records{sink=\"otel\"}") == 0.0));
}

/// Where the settings say so, nothing is delivered that an absent sink might never hear of.
#[test]
fn requests_are_refused_beyond_the_lag_that_is_allowed() {
    let place = Reserved::new();
    let url = format!("url = \"syslog+tcp://{}\"\nname = \"siem\"\nrefuse_beyond = 6", place.address);
    let (gateway, fake) = gateway(vec![sink(&url)]);
    let ask = || gateway.post("/v1/chat/completions", &chat("hello", false));
    assert!(wait_for(|| ask().status == 503), "it never refuses");
    let asked = fake.seen().len();
    let refused = ask();
    assert!(refused.body.contains("record_unavailable"), "{refused:?}");
    assert_eq!(fake.seen().len(), asked, "no prompt leaves");
    assert_eq!(gateway.operations("/readyz").status, 503);
    let got = syslog(place.listen(), &[]);
    assert!(wait_for(|| ask().status == 200), "it never recovers");
    assert!(wait_for(|| complete(&gateway, &got)));
}

/// A start goes on where the last one stopped.
#[test]
fn the_place_is_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let got = syslog(listener, &[]);
    let state = tempfile::tempdir().expect("a folder");
    for round in 1..=2 {
        let folder = state.path().display();
        let config = format!(
            "schema = 1\n[server]\ndata = \"127.0.0.1:0\"\noperations = \"127.0.0.1:0\"\nstate = \"{folder}/state\"\n[journal]\norigin = \"test.example/journal\"\n[[upstream]]\nname = \"demonstration\"\ndialects = [\"openai\"]\nbase_url = \"demonstration:\"\n[[sink]]\nname = \"siem\"\nurl = \"syslog+tcp://{address}\"\nevery = \"20ms\"\n"
        );
        let file = state.path().join("gateway.toml");
        std::fs::write(&file, config).expect("a file");
        let mut child = crate::cli::program(&["serve", "--config", &file.display().to_string()])
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("it starts");
        assert!(wait_for(|| got.lock().expect("a lock").len() >= round * 2), "the canary's own exchange");
        rustix::process::kill_process(
            rustix::process::Pid::from_child(&child),
            rustix::process::Signal::TERM,
        )
        .expect("a signal");
        assert!(child.wait().expect("its end").success());
    }
    let numbers: Vec<u64> = got.lock().expect("a lock").iter().map(|(id, _)| *id).collect();
    assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "{numbers:?}");
    let place = std::fs::read_to_string(state.path().join("state/sinks/siem.place")).expect("a file");
    assert_eq!(place, format!("{} test.example/journal\n", numbers.len()));
}

/// The numbers in a folder of compressed lines, each as often as it stands there; what a file's name says is what it holds.
fn numbers_in(folder: &std::path::Path) -> BTreeMap<u64, usize> {
    let mut seen = BTreeMap::new();
    let list = |folder: &std::path::Path| -> Vec<std::path::PathBuf> {
        std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect()
    };
    for day in list(folder) {
        let date =
            day.file_name().and_then(|name| name.to_str()?.strip_prefix("day=")).expect("a day").to_owned();
        for path in list(&day) {
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
            // One that was being written when the process was killed.
            if name.starts_with('.') {
                continue;
            }
            let range =
                name.strip_prefix("test.example_2fjournal-").and_then(|rest| rest.strip_suffix(".jsonl.gz"));
            let (first, last) = range.and_then(|range| range.split_once('-')).expect("two numbers");
            let mut text = String::new();
            let file = std::fs::File::open(&path).expect("a file");
            flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("it is whole");
            let mut numbers = Vec::new();
            for line in text.lines() {
                let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
                let ms = record["time_ms"].as_u64().expect("a time");
                assert!(
                    sluicegate::diag::moment::written(ms).starts_with(&date),
                    "{}: {record}",
                    path.display()
                );
                numbers.push(record["sequence"].as_u64().expect("a number"));
            }
            assert_eq!(
                (numbers.first().copied(), numbers.last().copied()),
                (first.parse().ok(), last.parse().ok())
            );
            numbers.into_iter().for_each(|number| *seen.entry(number).or_default() += 1);
        }
    }
    seen
}

/// A file comes when its time has come, and holds what its name says.
#[test]
fn files_in_a_folder_hold_every_record_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let records = folder.path().join("deep/records");
    let url = format!(
        "url = \"file://{}\"\nname = \"lake\"\nform = \"records\"\nroll_every = \"100ms\"",
        records.display()
    );
    let (gateway, _fake) = gateway(vec![sink(&url)]);
    let durable = |gateway: &Gateway| gateway.running.as_ref().expect("it runs").gateway.journal.durable();
    for _ in 0..3 {
        (0..4).for_each(|_| {
            assert_eq!(gateway.post("/v1/chat/completions", &chat("hello", false)).status, 200);
        });
        assert!(wait_for(|| numbers_in(&records).into_keys().eq(1..=durable(&gateway))));
    }
    let seen = numbers_in(&records);
    assert!(seen.values().all(|times| *times == 1), "{seen:?}");
    assert!(wait_for(|| gateway.metric("sluicegate_sink_lag_records{sink=\"lake\"}") == 0.0));
}

/// Killed at any moment, also between a file and the note of it, nothing is lost and nothing stands in two files.
#[test]
fn a_crash_doubles_no_file() {
    let state = tempfile::tempdir().expect("a folder");
    let place = state.path().join("state/sinks/lake.place");
    let records = state.path().join("records");
    let address = Reserved::new();
    let folder = state.path().display();
    let config = format!(
        "schema = 1\n[server]\ndata = \"{}\"\noperations = \"127.0.0.1:0\"\nstate = \"{folder}/state\"\n[journal]\norigin = \"test.example/journal\"\n[[upstream]]\nname = \"demonstration\"\ndialects = [\"openai\"]\nbase_url = \"demonstration:\"\n[[sink]]\nname = \"lake\"\nurl = \"file://{folder}/records\"\nform = \"records\"\nevery = \"5ms\"\nroll_every = \"20ms\"\n",
        address.address
    );
    let file = state.path().join("gateway.toml");
    std::fs::write(&file, config).expect("a file");
    let start = || {
        let mut child = crate::cli::program(&["serve", "--config", &file.display().to_string()])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("it starts");
        let there = wait_for(|| std::net::TcpStream::connect(address.address).is_ok());
        assert!(there, "{:?}", child.try_wait());
        child
    };
    let end = |mut child: std::process::Child, signal| {
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, signal).expect("a signal");
        child.wait().expect("its end");
    };
    for round in 0..5_u64 {
        let child = start();
        for _ in 0..6 {
            let mut client = super::Client::new(address.address);
            client.send(super::post("/v1/chat/completions", &chat("hello", false)).as_bytes());
            assert_eq!(client.read_all().status, 200);
        }
        let plan = place.with_extension("file");
        assert!(wait_for(|| plan.exists()), "no file is begun");
        std::thread::sleep(std::time::Duration::from_millis(round * 7));
        end(child, rustix::process::Signal::KILL);
        // As if it had been killed behind the file and before the note: the plan is all there is.
        let plan = std::fs::read_to_string(plan).expect("a plan");
        let first: u64 = plan.split(' ').next().and_then(|n| n.parse().ok()).expect("a number");
        if round % 2 == 1 {
            std::fs::write(&place, format!("{} test.example/journal\n", first - 1)).expect("a place");
        }
    }
    end(start(), rustix::process::Signal::TERM);
    let last = sluicegate::audit::read_dir(&state.path().join("state/journal"), &mut |_| {})
        .expect("a journal")
        .last;
    let seen = numbers_in(&records);
    assert!(seen.keys().copied().eq(1..=last), "{last}: {seen:?}");
    assert!(seen.values().all(|times| *times == 1), "{seen:?}");
}

/// A store that is busy at first gets the same object again, signed; what it holds is a Parquet file.
#[test]
fn an_object_store_gets_files() {
    let busy = b"HTTP/1.1 503 Slow Down\r\ncontent-length: 60\r\nconnection: close\r\n\r\n<Error><Code>SlowDown</Code><Message>Slow</Message></Error>!!";
    for (answer, taken) in [(busy.to_vec(), false), (super::fake::whole("200 OK", "", b""), true)] {
        let store = Fake::new(vec![Step::Send(answer)]);
        let mut settings = sink(
            "name = \"lake\"\nurl = \"s3://KEY1@audit-records/gate\"\nregion = \"eu-central-1\"\nroll_every = \"50ms\"",
        );
        settings.endpoint = Some(format!("http://{}", store.address));
        let fake = Fake::whole("200 OK", JSON, super::answer("fine").as_bytes());
        let credential = sluicegate::upstream::Credential::Secret {
            header: None,
            value: "open-sesame-12".to_owned().into(),
        };
        let wishes = Wishes { sinks: vec![settings], sink_credential: credential, ..Wishes::default() };
        let gateway = Gateway::new(Some(fake.address), &wishes);
        assert_eq!(gateway.post("/v1/chat/completions", &chat("hello", false)).status, 200);
        assert!(wait_for(|| store.seen().len() > usize::from(!taken)));
        let heads: Vec<String> = store
            .seen()
            .iter()
            .filter_map(|request| Some(request.split_once("\r\n\r\n")?.0.to_owned()))
            .collect();
        for head in &heads {
            assert!(
                head.starts_with("PUT /audit-records/gate/day%3D20")
                    && head.contains("/test.example_2fjournal-000000000001-"),
                "{head}"
            );
            assert!(head.contains("authorization: AWS4-HMAC-SHA256 Credential=KEY1/20") && head.contains("/eu-central-1/s3/aws4_request,SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature="), "{head}");
            assert!(!head.contains("sesame"), "{head}");
        }
        let lag = || gateway.metric("sluicegate_sink_lag_records{sink=\"lake\"}");
        assert!(wait_for(|| (lag() == 0.0) == taken));
        if !taken {
            assert!(
                heads.iter().all(|head| head.lines().next() == heads[0].lines().next()),
                "the same object: {heads:?}"
            );
        }
        let seen = store.seen().concat();
        assert!(seen.contains("\r\n\r\nPAR1") && seen.ends_with("PAR1"), "a whole Parquet file");
    }
}
