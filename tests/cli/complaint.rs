//! Complaints about exchanges, with the program itself: filed, looked up, decided, over a restart; their text nowhere in the clear.

use super::reload::{Process, lay_out};
use super::{holding, run, text};
use serde_json::Value;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

const WORDS: &str = "my grandmother's recipe is no weapon";
const CONTACT: &str = "jane@example.org";
/// An id that no exchange of this gateway has.
const FOREIGN: &str = "01hzy3v7k2m9q4w8x5t6r1n0pd";

/// Status, head and body.
fn send(address: &str, method: &str, path: &str, media: &str, body: &str) -> (u16, String, Value) {
    let mut stream = TcpStream::connect(address).expect("a gateway");
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {media}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head.to_owned(), serde_json::from_str(body).unwrap_or_default())
}

fn file(gateway: &Process, body: &str) -> (u16, Value) {
    let (status, _, body) = send(&gateway.data, "POST", "/complaints", "application/json", body);
    (status, body)
}

fn complaint(exchange: &str) -> String {
    format!("{{\"exchange\": \"{exchange}\", \"text\": \"{WORDS}\", \"contact\": \"{CONTACT}\"}}")
}

/// The id of an exchange that the policy stops.
fn blocked(gateway: &Process) -> String {
    let body = "{\"model\": \"m\", \"messages\": [{\"role\": \"user\", \"content\": \"badword\"}]}";
    let (status, _, said) = send(&gateway.data, "POST", "/v1/chat/completions", "application/json", body);
    assert_eq!(status, 400, "{said}");
    said["error"]["sluicegate"]["exchange"].as_str().expect("an id").to_owned()
}

/// A gateway that takes complaints and blocks a word.
fn folder(more: &str) -> tempfile::TempDir {
    let dir = lay_out("");
    let path = dir.path().join("gateway.toml");
    let config = fs::read_to_string(&path).expect("a file") + more;
    fs::write(path, config).expect("a file");
    let rule = "[[rule]]\nid = \"bad\"\ntitle = \"t\"\ncategory = \"WORD\"\naction = \"block\"\nkeywords = [\"badword\"]\n\
                examples = [\"badword\"]\ncounter_examples = [\"nothing\"]\n";
    fs::write(dir.path().join("packs/p/rules/bad.toml"), rule).expect("a file");
    dir
}

fn verb(gateway: &Process, arguments: &[&str], code: i32) -> Value {
    let mut whole = vec!["complaint"];
    whole.extend(arguments);
    whole.extend(["--operations", &gateway.operations, "--format", "json"]);
    let output = run(&whole);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

fn metric(gateway: &Process, line: &str) -> Option<f64> {
    let mut stream = TcpStream::connect(&gateway.operations).expect("a gateway");
    write!(stream, "GET /metrics HTTP/1.0\r\nhost: localhost\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.lines().find_map(|one| one.strip_prefix(line)?.trim().parse().ok())
}

#[test]
fn a_complaint_is_filed_looked_up_and_decided_over_a_restart() {
    for (texts, kept) in [("[journal.texts]\nkeep = \"found\"\n", "sealed"), ("", "hashed")] {
        let dir = folder(&format!("[complaints]\nenabled = true\nanswered_within_days = 3\n{texts}"));
        let config = dir.path().join("gateway.toml").display().to_string();
        let gateway = Process::run(dir);
        let exchange = blocked(&gateway);
        let (status, first) = file(&gateway, &complaint(&exchange));
        assert_eq!(
            (status, &first["state"], &first["text"]),
            (201, &"received".into(), &kept.into()),
            "{first}"
        );
        let (status, second) = file(&gateway, &complaint(FOREIGN));
        assert_eq!(status, 201, "an exchange that is not known is answered alike: {second}");
        let keys = |one: &Value| one.as_object().map(|one| one.keys().cloned().collect::<Vec<_>>());
        assert_eq!(keys(&first), keys(&second));
        let (id, other) =
            (first["complaint"].as_str().expect("an id"), second["complaint"].as_str().expect("an id"));

        let url = first["url"].as_str().expect("a place");
        let (status, _, said) = send(&gateway.data, "GET", url, "application/json", "");
        assert_eq!(
            (status, &said["state"], &said["outcome"]),
            (200, &"received".into(), &Value::Null),
            "{said}"
        );
        assert_eq!(said["deadline"], first["deadline"]);
        assert!(!said.to_string().contains("recipe") && said.get("exchange").is_none(), "{said}");

        let all = verb(&gateway, &["list"], 0);
        assert_eq!(all.as_array().map(Vec::len), Some(2), "{all}");
        assert_eq!(
            (&all[0]["complaint"], &all[0]["exchange"], &all[0]["overdue"]),
            (&id.into(), &exchange.clone().into(), &false.into())
        );
        assert_eq!(
            all[0]["deadline_ms"].as_u64().expect("ms") - all[0]["filed_ms"].as_u64().expect("ms"),
            3 * 86_400_000
        );
        assert_eq!(metric(&gateway, "sluicegate_complaints{state=\"open\"}"), Some(2.0));
        assert_eq!(metric(&gateway, "sluicegate_complaints{state=\"overdue\"}"), Some(0.0));

        let decide = |gateway: &Process, id: &str, state: &str, code| {
            verb(gateway, &["decide", id, "--state", state, "--by", "j. doe", "--why", "a recipe"], code)
        };
        assert_eq!(decide(&gateway, id, "in_review", 0)["from"], "received");
        decide(&gateway, FOREIGN, "upheld", 1);

        // Killed: what a client was told stands.
        let dir = gateway.kill();
        let gateway = Process::run(dir);
        let (_, _, said) = send(&gateway.data, "GET", url, "application/json", "");
        assert_eq!(said["state"], "in_review", "{said}");
        assert_eq!(decide(&gateway, id, "upheld", 0)["from"], "in_review");
        let no = decide(&gateway, id, "rejected", 1);
        assert!(no["reason"].to_string().contains("it is upheld"), "{no}");
        decide(&gateway, other, "rejected", 0);
        let (_, _, said) = send(&gateway.data, "GET", url, "application/json", "");
        assert_eq!((&said["state"], &said["outcome"]), (&"upheld".into(), &"upheld".into()), "{said}");
        assert!(!said.to_string().contains("doe"), "{said}");
        assert_eq!(verb(&gateway, &["list"], 0), Value::Array(Vec::new()));
        let one = verb(&gateway, &["show", id], 0);
        assert_eq!((&one["by"], &one["why"]), (&"j. doe".into(), &"a recipe".into()));
        let shown = run(&[
            "complaint",
            "show",
            id,
            "--text",
            "--config",
            &config,
            "--operations",
            &gateway.operations,
        ]);
        let said = text(&shown.stdout);
        if kept == "sealed" {
            assert!(
                shown.status.success() && said.contains(WORDS) && said.contains(CONTACT),
                "{said} {}",
                text(&shown.stderr)
            );
        } else {
            assert_eq!(shown.status.code(), Some(3));
            assert!(text(&shown.stderr).contains("was not kept"), "{}", text(&shown.stderr));
        }

        let dir = gateway.stop();
        for secret in ["recipe is no weapon", CONTACT] {
            assert_eq!(holding(dir.path(), secret), Vec::<std::path::PathBuf>::new(), "{secret}");
        }
        // The journal has every step, and proves it.
        let verified = run(&["audit", "verify", "--config", &config]);
        assert!(verified.status.success(), "{}", text(&verified.stderr));
        let mut steps = Vec::new();
        sluicegate::audit::read_dir(
            &dir.path().join("state/journal"),
            &mut |entry: sluicegate::audit::Entry| {
                let record: Value = serde_json::from_slice(&entry.payload).expect("JSON");
                if record["event"] == "complaint" && record["detail"]["complaint"] == id {
                    steps.push(
                        ["state", "by"]
                            .map(|key| record["detail"][key].as_str().unwrap_or_default().to_owned()),
                    );
                }
            },
        )
        .expect("a journal");
        assert_eq!(
            steps,
            [["received", ""], ["in_review", "j. doe"], ["upheld", "j. doe"]]
                .map(|step| step.map(str::to_owned))
        );

        let report = run(&["overblock", "--config", &config, "--format", "json"]);
        let report: Value = serde_json::from_slice(&report.stdout).expect("JSON");
        let appeals = &report["appeals"];
        assert_eq!((&appeals["filed"], &appeals["open"]), (&2.into(), &0.into()), "{report}");
        assert_eq!(
            (&appeals["upheld"]["hits"], &appeals["upheld"]["of"]),
            (&1.into(), &2.into()),
            "{report}"
        );
        let of = |rule: &str| {
            appeals["by_rule"].as_array().and_then(|all| all.iter().find(|one| one["rule"] == rule))
        };
        assert_eq!(of("p/bad").expect("the rule")["upheld"]["hits"], 1, "{report}");
        assert_eq!(of("-").expect("of no exchange")["upheld"]["hits"], 0, "{report}");
        let said = text(&run(&["overblock", "--config", &config]).stdout);
        assert!(said.contains("appeals: 2 filed, 0 open, upheld 50.00 % (1 of 2,"), "{said}");
        if kept == "sealed" {
            let erased = run(&[
                "audit", "erase", "--tenant", "-", "--user", id, "--basis", "asked", "--config", &config,
            ]);
            assert!(erased.status.success(), "{}", text(&erased.stderr));
        }
    }
}

#[test]
fn what_is_no_complaint_is_refused_with_its_reason() {
    let gateway =
        Process::run(folder("[complaints]\nenabled = true\nper_minute = 1000\nper_minute_in_all = 1000\n"));
    for (body, status, code, words) in [
        ("", 400, "invalid_request", "EOF"),
        ("[]", 400, "invalid_request", "not a complaint"),
        ("{\"exchange\": \"01hzy3v7k2m9q4w8x5t6r1n0pd\"}", 400, "invalid_request", "missing field `text`"),
        (
            "{\"exchange\": \"01hzy3v7k2m9q4w8x5t6r1n0pd\", \"text\": \"a\", \"name\": \"b\"}",
            400,
            "invalid_request",
            "unknown field `name`",
        ),
        (
            "{\"exchange\": \"01hzy3v7k2m9q4w8x5t6r1n0pd\", \"text\": \" \"}",
            400,
            "invalid_request",
            "`text` says nothing",
        ),
        (
            "{\"exchange\": \"01hzy3v7k2m9q4w8x5t6r1n0pd\", \"text\": 7}",
            400,
            "invalid_request",
            "expected a string",
        ),
        ("{\"exchange\": \"7\", \"text\": \"a\"}", 400, "invalid_request", "`exchange` is no exchange's id"),
        (
            "{\"exchange\": \"\\u0000\", \"text\": \"a\"}",
            400,
            "invalid_request",
            "`exchange` is no exchange's id",
        ),
    ] {
        let (got, said) = file(&gateway, body);
        assert_eq!((got, &said["error"]["code"]), (status, &code.into()), "{body}: {said}");
        assert!(
            said["error"]["message"].as_str().is_some_and(|message| message.contains(words)),
            "{body}: {said}"
        );
    }
    let most = |n: usize| {
        let empty = complaint(FOREIGN).replace(WORDS, "");
        complaint(FOREIGN).replace(WORDS, &"a".repeat(n - empty.len()))
    };
    assert_eq!(file(&gateway, &most(8 << 10)).0, 201);
    let (status, said) = file(&gateway, &most((8 << 10) + 1));
    assert_eq!((status, &said["error"]["code"]), (413, &"too_large".into()), "{said}");
    let long = complaint(FOREIGN).replace(CONTACT, &"a".repeat(321));
    assert!(file(&gateway, &long).1["error"]["message"].to_string().contains("at most 320"));
    let send = |method, path: &str, media| send(&gateway.data, method, path, media, &complaint(FOREIGN));
    assert_eq!(send("POST", "/complaints", "text/plain").0, 415);
    let (status, head, _) = send("GET", "/complaints", "application/json");
    assert!(status == 405 && head.contains("allow: POST\r\n"), "{head}");
    assert_eq!(send("PUT", "/complaints/x", "application/json").0, 405);
    for id in [FOREIGN, "x", "%00", ""] {
        let (status, _, said) = send("GET", &format!("/complaints/{id}"), "application/json");
        assert_eq!(status, if id.is_empty() { 405 } else { 404 }, "{id}: {said}");
    }
    gateway.stop();
}

#[test]
fn who_files_too_often_waits_and_a_gateway_that_takes_none_has_no_such_place() {
    let gateway = Process::run(folder("[complaints]\nenabled = true\nper_minute = 2\n"));
    for _ in 0..2 {
        assert_eq!(file(&gateway, &complaint(FOREIGN)).0, 201);
    }
    let (status, head, said) =
        send(&gateway.data, "POST", "/complaints", "application/json", &complaint(FOREIGN));
    assert_eq!((status, &said["error"]["code"]), (429, &"rate_limited".into()), "{said}");
    assert!(head.contains("retry-after: "), "{head}");
    // Looking up has a limit of its own.
    assert_eq!(send(&gateway.data, "GET", &format!("/complaints/{FOREIGN}"), "application/json", "").0, 404);
    gateway.stop();
    let gateway = Process::run(folder(""));
    assert_eq!(file(&gateway, &complaint(FOREIGN)).0, 404);
    assert_eq!(send(&gateway.data, "GET", &format!("/complaints/{FOREIGN}"), "application/json", "").0, 404);
    gateway.stop();
}

/// The file of complaints is lost: the journal has all of them. One whose deadline is over is called so, in the list and in the metric.
#[test]
fn a_lost_book_is_made_anew_and_what_is_overdue_is_told() {
    let dir = folder("[complaints]\nenabled = true\n[journal.texts]\nkeep = \"found\"\n");
    let gateway = Process::run(dir);
    let exchange = blocked(&gateway);
    let ids: Vec<String> = (0..3)
        .map(|_| file(&gateway, &complaint(&exchange)).1["complaint"].as_str().expect("an id").to_owned())
        .collect();
    for state in ["in_review", "upheld"] {
        verb(&gateway, &["decide", &ids[1], "--state", state, "--by", "j. doe", "--why", "a recipe"], 0);
    }
    let before = verb(&gateway, &["list", "--all"], 0);
    assert_eq!(before.as_array().map(Vec::len), Some(3), "{before}");
    let dir = gateway.stop();
    let book = dir.path().join("state/complaints.jsonl");
    fs::remove_file(&book).expect("a file");

    let gateway = Process::run(dir);
    assert_eq!(verb(&gateway, &["list", "--all"], 0), before);
    assert_eq!(metric(&gateway, "sluicegate_complaints{state=\"open\"}"), Some(2.0));
    assert_eq!(metric(&gateway, "sluicegate_complaints{state=\"overdue\"}"), Some(0.0));
    // What comes now is added to it.
    let (status, next) = file(&gateway, &complaint(FOREIGN));
    assert_eq!(status, 201, "{next}");
    let dir = gateway.stop();
    let text = fs::read_to_string(&book).expect("a file");
    assert_eq!(text.lines().count(), 4, "{text}");

    // A deadline of long ago, as if nobody had looked for weeks.
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut one: Value = serde_json::from_str(line).expect("JSON");
        if one["complaint"] == ids[0] {
            (one["filed_ms"], one["deadline_ms"]) =
                (1_700_000_000_000_u64.into(), 1_700_000_000_001_u64.into());
        }
        lines.push(one.to_string() + "\n");
    }
    fs::write(&book, lines.concat()).expect("a file");
    let gateway = Process::run(dir);
    let open = verb(&gateway, &["list"], 0);
    let overdue: Vec<bool> =
        open.as_array().expect("a list").iter().map(|one| one["overdue"] == true).collect();
    assert_eq!((&open[0]["complaint"], overdue), (&ids[0].as_str().into(), vec![true, false, false]));
    assert_eq!(metric(&gateway, "sluicegate_complaints{state=\"open\"}"), Some(3.0));
    assert_eq!(metric(&gateway, "sluicegate_complaints{state=\"overdue\"}"), Some(1.0));
    // Once it is decided nobody waits any more.
    verb(&gateway, &["decide", &ids[0], "--state", "rejected", "--by", "j. doe", "--why", "too late"], 0);
    assert_eq!(metric(&gateway, "sluicegate_complaints{state=\"overdue\"}"), Some(0.0));
    gateway.stop();
}
