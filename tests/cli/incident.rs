//! Bundles for an authority: made beside a running gateway and after it, on record, and found wrong at any changed byte.

use super::audit::Gateway;
use super::{run, text};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

impl Gateway {
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("a path of characters").to_owned()
    }

    fn incident(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let config = Self::config(self.folder.path());
        let mut all = vec!["incident"];
        all.extend(arguments);
        all.extend(["--config", &config]);
        if arguments[0] == "create" {
            all.extend(["--operations", &self.operations]);
        }
        let output = run(&all);
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    fn key(&self) -> String {
        self.audit(&["key"]).1.trim().to_owned()
    }

    fn verify(&self, file: &str, more: &[&str]) -> (Option<i32>, String) {
        let key = self.key();
        let output = run(&[&["incident", "verify", file, "--key", &key], more].concat());
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    }
}

const WHO: [&str; 4] = ["--title", "What was answered", "--by", "j. doe"];

#[test]
fn a_bundle_is_made_on_record_and_holds_offline() {
    let mut gateway = Gateway::start();
    let names =
        [gateway.ask("quetzal", "zyzzogeton"), gateway.ask("bob", "block"), gateway.ask("bob", "hello")];
    names.iter().for_each(|name| gateway.signed(name));
    let file = gateway.path("incident.zip");
    let law = ["--law", "eu-ai-act-73", "--aware", "2026-11-27T09:00:00Z", "--reference", "case 4711"];
    let made = [&["create", &names[0], &names[1], "--out", &file], &WHO[..], &law[..]].concat();
    let (code, out, err) = gateway.incident(&made);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("due: by 2026-11-29T09:00:00") && out.contains("2026-12-12T09:00:00"), "{out}");
    assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    let (code, told) = gateway.verify(&file, &["--format", "json"]);
    assert_eq!(code, Some(0), "{told}");
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!((&told["exchanges"], &told["records"], &told["texts"]), (&2.into(), &4.into(), &false.into()));
    // No text, and what the page and the policies say.
    let bundle = fs::read(&file).expect("a file");
    let holds = |words: &str| bundle.windows(words.len()).any(|piece| piece == words.as_bytes());
    assert!(holds("2026-12-12T09:00:00") && holds("case 4711") && holds("\"basis\""));
    assert!(!holds("zyzzogeton") && !holds("quetzal"));
    // On record, once, with its hash.
    let (code, listed, _) = gateway.incident(&["list", "--format", "json"]);
    assert_eq!(code, Some(0));
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!(listed.as_array().map(Vec::len), Some(1));
    assert!(out.contains(listed[0]["bundle"].as_str().expect("a hash")) && listed[0]["by"] == "j. doe");
    assert_eq!(listed[0]["id"], told["id"]);
    // Nothing is written over, and nothing is on record of what was not made.
    assert_eq!(gateway.incident(&made).0, Some(3));
    for (more, code) in [
        (&["0000000000000000000000000a"][..], 1),
        (&["--rule", "no/such"], 1),
        (&[], 2),
        (&[&*names[0], "--since", "1d"], 2),
        (&[&*names[0], "--law", "eu-ai-act-37"], 2),
    ] {
        let other = gateway.path("other.zip");
        let (found, out, err) = gateway.incident(&[&["create", "--out", &other], &WHO[..], more].concat());
        assert_eq!(found, Some(code), "{more:?}: {out}{err}");
        assert!(!gateway.folder.path().join("other.zip").exists());
    }
    gateway.stop();
    // Without a gateway, by terms, with texts.
    let second = gateway.path("second.zip");
    let made = [&["create", "--verdict", "block", "--texts", "--out", &second], &WHO[..]].concat();
    let (code, out, err) = gateway.incident(&made);
    assert_eq!(code, Some(0), "{out}{err}");
    assert_eq!(gateway.verify(&second, &[]).0, Some(0));
    let bundle = fs::read(&second).expect("a file");
    let holds = |words: &str| bundle.windows(words.len()).any(|piece| piece == words.as_bytes());
    assert!(holds("\"content\":\"block\"") && holds(".request_received"));
    let (_, listed, _) = gateway.incident(&["list"]);
    assert!(listed.contains("1 exchanges, with texts, by j. doe: What was answered"), "{listed}");
    assert_eq!(gateway.audit(&["verify"]).0, Some(0));
}

#[test]
fn any_other_bundle_is_none() {
    let mut gateway = Gateway::start();
    let name = gateway.ask("alice", "block");
    gateway.signed(&name);
    gateway.stop();
    let file = gateway.path("incident.zip");
    let (code, out, err) = gateway.incident(&[&["create", &name, "--out", &file], &WHO[..]].concat());
    assert_eq!(code, Some(0), "{out}{err}");
    let good = fs::read(&file).expect("a file");
    let changed = gateway.path("changed.zip");
    // Every part of it, a byte at a time, by the program; each byte of smaller ones is tried where bundles are written.
    for step in 0..60 {
        let at = step * good.len() / 60;
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        fs::write(&changed, &bytes).expect("a file");
        let (code, told) = gateway.verify(&changed, &[]);
        assert!(code == Some(1) && told.starts_with("NOT SOUND: "), "byte {at}: {told}");
        fs::write(&changed, &good[..at]).expect("a file");
        assert_eq!(gateway.verify(&changed, &[]).0, Some(1), "cut at {at}");
    }
    // Another key, and what it does not hold.
    let other = sluicegate::audit::Signer::new("example.com/gateway", zeroize::Zeroizing::new([8; 32]))
        .expect("a key");
    let output = run(&["incident", "verify", &file, "--key", &other.verifier().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    let witness = sluicegate::audit::Cosigner::random("auditor.example/w1").expect("a key").key().to_string();
    let (code, told) = gateway.verify(&file, &["--witness", &witness]);
    assert!(code == Some(1) && told.contains("has not cosigned"), "{told}");
    let output = run(&["incident", "verify", &gateway.path("nowhere.zip"), "--key", &gateway.key()]);
    assert_eq!(output.status.code(), Some(3));
}

/// Whoever has the key may sign another bundle, and still cannot put a record into it that the journal does not have.
#[test]
fn a_signed_bundle_with_another_record_is_none() {
    use sluicegate::audit::{Signer, pack, unpack};
    let mut gateway = Gateway::start();
    let names = [gateway.ask("alice", "block"), gateway.ask("alice", "hello")];
    names.iter().for_each(|name| gateway.signed(name));
    gateway.stop();
    let file = gateway.path("incident.zip");
    let (code, out, err) =
        gateway.incident(&[&["create", "--since", "1d", "--out", &file], &WHO[..]].concat());
    assert_eq!(code, Some(0), "{out}{err}");
    let signer =
        Signer::parse(&fs::read_to_string(gateway.path("state/journal.key")).expect("a key")).expect("a key");
    let bytes = fs::read(&file).expect("a file");
    let (id, files) = unpack(&bytes, signer.verifier()).expect("a bundle");
    let sound = |what: &str, files: Vec<sluicegate::audit::BundlePart<'_>>, words: &str| {
        let path = gateway.path("forged.zip");
        fs::write(&path, pack(&signer, &id, files).expect("a bundle")).expect("a file");
        let (code, told) = gateway.verify(&path, &[]);
        assert_eq!(code, Some(i32::from(!words.is_empty())), "{what}: {told}");
        assert!(words.is_empty() || told.contains(words), "{what}: {told}");
    };
    sound("as it was", files.clone(), "");
    let record = |change: &dyn Fn(String) -> String| {
        let mut files = files.clone();
        let part =
            files.iter_mut().find(|part| part.name == format!("exchanges/{}.json", names[0])).expect("there");
        part.bytes = change(text(&part.bytes)).into_bytes().into();
        files
    };
    sound(
        "another verdict",
        record(&|text| text.replacen("\\\"block\\\"", "\\\"allow\\\"", 1)),
        "its hashes lead to another root",
    );
    let second =
        files.iter().find(|part| part.name == format!("exchanges/{}.json", names[1])).expect("there");
    let second = text(&second.bytes);
    sound("another exchange", record(&|_| second.clone()), "it holds another exchange");
    let without = |name: &str| files.iter().filter(|part| part.name != name).cloned().collect::<Vec<_>>();
    sound("an exchange less", without(&format!("exchanges/{}.json", names[1])), "is not in the bundle");
    sound("no checkpoint", without("evidence/checkpoint"), "is not in the bundle");
    let mut more = files.clone();
    more.push(sluicegate::audit::BundlePart { name: "texts/x".into(), bytes: b"x".into() });
    sound("a file more", more, "belongs to nothing");
}
