//! `sluicegate detect` and `sluicegate prints` beside a gateway, after it, and after it was killed.

use super::audit::Gateway;
use super::{run, text};
use serde_json::Value;
use std::fs;
use std::time::{Duration, Instant};

/// What the demonstration says, with what is masked in it as clients get it.
const SAID: &str = "Of course. Alex Morgan's address is [EMAIL], the office line is [PHONE], the card on file is [CREDIT_CARD], and the \
    deploy key is [SECRET]. Anything else?";

fn gateway(more: &str) -> Gateway {
    let folder = tempfile::tempdir().expect("a folder");
    let config = format!(
        "schema = 1\n[server]\ndata = \"127.0.0.1:0\"\noperations = \"127.0.0.1:0\"\nstate = \"state\"\n\
         [journal]\norigin = \"example.com/gateway\"\n[policy]\nprints = true\n{more}\
         [[upstream]]\nname = \"demonstration\"\ndialects = [\"openai\"]\nbase_url = \"demonstration:\"\n"
    );
    fs::write(folder.path().join("gateway.toml"), config).expect("a file");
    Gateway::on(folder)
}

fn config(gateway: &Gateway) -> String {
    Gateway::config(gateway.folder.path())
}

/// The exit code, and the layer.
fn detect(gateway: &Gateway, said: &str) -> (Option<i32>, Value) {
    let output = run(&["detect", "--config", &config(gateway), "--format", "json", "--text", said]);
    let answer: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}{}", text(&output.stdout), text(&output.stderr)));
    (output.status.code(), answer["layers"]["fingerprint"].clone())
}

fn origins(layer: &Value) -> Vec<String> {
    let all = layer["origins"].as_array().into_iter().flatten();
    let mut all: Vec<String> =
        all.map(|origin| origin["exchange"].as_str().expect("an id").to_owned()).collect();
    all.sort();
    all
}

/// Waits until as many exchanges are named.
fn named(gateway: &Gateway, count: usize) -> Vec<String> {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let found = origins(&detect(gateway, SAID).1);
        if found.len() == count {
            return found;
        }
        assert!(Instant::now() < end, "{count} are not found: {found:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn sorted(mut all: Vec<String>) -> Vec<String> {
    all.sort();
    all
}

#[test]
fn a_fragment_names_its_exchange_until_it_is_erased() {
    let mut gateway = gateway("[journal.texts]\nkeep = \"all\"\n");
    let alice = gateway.ask("alice", "How do I reach Alex?");
    let bob = gateway.ask("bob", "How do I reach Alex?");
    assert_eq!(named(&gateway, 2), sorted(vec![alice.clone(), bob.clone()]));
    let (code, layer) = detect(&gateway, SAID);
    assert_eq!((code, &layer["verdict"]), (Some(0), &Value::from("found")), "{layer}");
    let origin = &layer["origins"][0];
    assert_eq!(origin["tenant"], "anonymous");
    // Beside the sealed text it is surer.
    assert!(origin["fits"].as_f64().is_some_and(|fits| fits > 0.9), "{layer}");
    assert!(origin["false_alarm"].as_f64().is_some_and(|chance| chance <= 1e-4), "{layer}");
    let (code, layer) =
        detect(&gateway, "Nobody has said this, however long one looks for it among what was said.");
    assert_eq!((code, &layer["verdict"]), (Some(1), &Value::from("none")), "{layer}");

    // Killed, it has them all the same; what the end of a log lacks is cut off.
    gateway.kill();
    let log = fs::read_dir(gateway.folder.path().join("state/prints"))
        .expect("a folder")
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|e| e == "log"))
        .expect("a log");
    let mut bytes = fs::read(&log).expect("a log");
    bytes.extend_from_slice(&[200, 0, 0, 0, 1, 2, 3]);
    fs::write(&log, bytes).expect("a log");
    let mut gateway = gateway.again();
    assert_eq!(named(&gateway, 2), sorted(vec![alice.clone(), bob.clone()]));

    // Erased while it runs, and found by nobody from then on.
    let (code, out, err) =
        gateway.audit(&["erase", "--tenant", "anonymous", "--user", "alice", "--basis", "request 7"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("erased: prints of 1 answers; they are gone"), "{out}");
    assert_eq!(origins(&detect(&gateway, SAID).1), std::slice::from_ref(&bob));
    let stat = run(&["prints", "stat", "--config", &config(&gateway), "--format", "json"]);
    let stat: Value = serde_json::from_slice(&stat.stdout).expect("JSON");
    assert_eq!(stat["answers"], 1, "{stat}");

    // By exchange, without a gateway; but not what somebody holds.
    gateway.stop();
    let forget = |gateway: &Gateway, exchange: &str| {
        let output =
            run(&["prints", "forget", exchange, "--basis", "request 8", "--config", &config(gateway)]);
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    assert_eq!(
        gateway.audit(&["hold", "add", "case-7", "--tenant", "anonymous", "--reason", "order 7"]).0,
        Some(0)
    );
    let (code, said) = forget(&gateway, &bob);
    assert!(code == Some(1) && said.contains("order 7"), "{said}");
    assert_eq!(gateway.audit(&["hold", "release", "case-7", "--reason", "closed"]).0, Some(0));
    let (code, said) = forget(&gateway, &bob);
    assert!(code == Some(0) && said.contains("gone"), "{said}");
    assert_eq!(forget(&gateway, &bob).0, Some(1));
    assert_eq!(detect(&gateway, SAID).1["verdict"], "none");
    assert_eq!(gateway.audit(&["verify"]).0, Some(0));
    let erasures: Vec<Value> = gateway
        .audit(&["export"])
        .1
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .filter(|record| record["event"] == "erasure")
        .collect();
    assert_eq!(erasures[0]["detail"]["prints"], 1, "{erasures:?}");
    assert_eq!(erasures[1]["detail"]["exchange"], bob.as_str(), "{erasures:?}");
}

/// Without texts of its own there is nothing to compare with, which is said; nothing of an answer stands in the files.
#[test]
fn without_kept_texts_a_fragment_is_found_too() {
    let gateway = gateway("");
    let exchange = gateway.ask("", "How do I reach Alex?");
    assert_eq!(named(&gateway, 1), [exchange]);
    let output = run(&["detect", "--config", &config(&gateway), "--text", SAID]);
    let out = text(&output.stdout);
    assert!(out.contains("fingerprint: found") && out.contains("no bodies were kept"), "{out}");
    let prints = gateway.folder.path().join("state/prints");
    for file in fs::read_dir(prints).expect("a folder").flatten() {
        let bytes = fs::read(file.path()).expect("a file");
        assert!(
            memchr::memmem::find(&bytes, b"Morgan").is_none()
                && memchr::memmem::find(&bytes, b"office").is_none()
        );
    }
}
