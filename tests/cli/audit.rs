//! An auditor's day: exchanges are found, shown, proved, kept from erasure and erased, while the gateway runs and after it.

use super::{program, run, text};
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// A gateway that keeps bodies, and what it is asked with.
pub(super) struct Gateway {
    pub(super) folder: tempfile::TempDir,
    child: Child,
    data: String,
    pub(super) operations: String,
}

impl Gateway {
    pub(super) fn start() -> Self {
        Self::under("default")
    }

    pub(super) fn under(profile: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = "schema = 1\n[server]\ndata = \"127.0.0.1:0\"\noperations = \"127.0.0.1:0\"\nstate = \"state\"\n\
            [journal]\norigin = \"example.com/gateway\"\n[journal.texts]\nkeep = \"all\"\n\
            [[upstream]]\nname = \"demonstration\"\ndialects = [\"openai\"]\nbase_url = \"demonstration:\"\n[policy]\n";
        let config = format!("{config}profile = \"{profile}\"\n");
        fs::write(folder.path().join("gateway.toml"), config).expect("a file");
        Self::on(folder)
    }

    /// Starts on a folder with its configuration.
    pub(super) fn on(folder: tempfile::TempDir) -> Self {
        let (child, data, operations) = Self::serve(folder.path());
        Self { folder, child, data, operations }
    }

    /// The same on a folder that somebody else keeps.
    fn on_path(folder: &Path) -> Self {
        let (child, data, operations) = Self::serve(folder);
        Self { folder: tempfile::tempdir().expect("a folder"), child, data, operations }
    }

    fn serve(folder: &Path) -> (Child, String, String) {
        let mut child = program(&["serve", "--config", &Self::config(folder)])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut out = BufReader::new(child.stdout.take().expect("its output"));
        let mut line = || {
            let mut line = String::new();
            out.read_line(&mut line).expect("a line");
            let address = line.split("http://").nth(1).unwrap_or_default().trim();
            address.split('/').next().unwrap_or_default().to_owned()
        };
        let (data, operations) = (line(), line());
        std::mem::forget(out);
        (child, data, operations)
    }

    pub(super) fn config(folder: &Path) -> String {
        folder.join("gateway.toml").to_str().expect("a path of characters").to_owned()
    }

    /// Sends a chat message and gives the exchange's name.
    pub(super) fn ask(&self, user: &str, content: &str) -> String {
        self.ask_with("", user, content)
    }

    /// The same with fields of a head, each with the end of its line.
    fn ask_with(&self, fields: &str, user: &str, content: &str) -> String {
        let body = format!(
            r#"{{"model":"demo","user":"{user}","stream":true,"messages":[{{"role":"user","content":"{content}"}}]}}"#
        );
        let mut socket = TcpStream::connect(&self.data).expect("a connection");
        socket.set_read_timeout(Some(PATIENCE)).expect("a deadline");
        let host = &self.data;
        write!(
            socket,
            "POST /v1/chat/completions?note=hello HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\n{fields}content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("a request");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        let name = answer.lines().find_map(|line| line.strip_prefix("x-sluicegate-exchange: "));
        name.unwrap_or_else(|| panic!("no name in {answer}")).to_owned()
    }

    pub(super) fn audit(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let config = Self::config(self.folder.path());
        let mut all = vec!["audit"];
        all.extend(arguments);
        all.extend(["--config", &config]);
        if ["erase", "hold"].contains(&arguments[0]) && arguments.get(1) != Some(&"list") {
            all.extend(["--operations", &self.operations]);
        }
        let output = run(&all);
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    pub(super) fn json(&self, arguments: &[&str]) -> Value {
        let (code, out, err) = self.audit(&[arguments, &["--format", "json"]].concat());
        assert_eq!(code, Some(0), "{arguments:?}: {out}{err}");
        serde_json::from_str(&out).expect("JSON")
    }

    /// Waits until the last checkpoint covers all of an exchange.
    #[expect(clippy::disallowed_methods, reason = "a checkpoint comes with time")]
    pub(super) fn signed(&self, name: &str) {
        let until = std::time::Instant::now() + PATIENCE;
        while self.audit(&["prove", name]).0 != Some(0) {
            assert!(std::time::Instant::now() < until, "no checkpoint");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it as the system does.
    pub(super) fn kill(&mut self) {
        self.child.kill().expect("a running program");
        self.child.wait().expect("its end");
    }

    /// Starts it again on its folder.
    pub(super) fn again(mut self) -> Self {
        let nothing = tempfile::tempdir().expect("a folder");
        let folder = std::mem::replace(&mut self.folder, nothing);
        Self::on(folder)
    }

    pub(super) fn stop(&mut self) {
        let pid = i32::try_from(self.child.id()).expect("a process id");
        let pid = rustix::process::Pid::from_raw(pid).expect("a process id");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a running program");
        self.child.wait().expect("its end");
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All bytes of all files in a folder.
fn all_bytes(folder: &Path) -> Vec<u8> {
    let mut out = Vec::new();
    for path in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        out.extend(if path.is_dir() { all_bytes(&path) } else { fs::read(&path).unwrap_or_default() });
    }
    out
}

#[test]
fn exchanges_are_found_and_proved() {
    let gateway = Gateway::start();
    let alice = gateway.ask("alice", "mail me at alice@corp-example.com");
    let blocked = gateway.ask("bob", "block");
    gateway.signed(&blocked);

    let found = |arguments: &[&str]| -> Vec<String> {
        let hits = gateway.json(arguments);
        let names = hits.as_array().expect("a list").iter();
        names.map(|hit| hit["exchange"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(found(&["search", "--user", "alice"]), std::slice::from_ref(&alice));
    assert_eq!(found(&["search", "--verdict", "block"]), std::slice::from_ref(&blocked));
    assert_eq!(
        found(&["search", "--since", "1h", "--address", "127.0.0.1", "--limit", "1"]),
        std::slice::from_ref(&blocked)
    );
    assert_eq!(found(&["search", "--category", "WEAPONS"]), std::slice::from_ref(&blocked));
    assert_eq!(gateway.audit(&["search", "--user", "nobody"]).0, Some(1));
    assert_eq!(gateway.audit(&["search", "--since", "yesterday"]).0, Some(2));
    // Who has a body finds its exchange.
    let body = gateway.folder.path().join("body");
    let shown = gateway.json(&["show", &alice, "--texts"]);
    fs::write(&body, shown[1]["answer_sent"].as_str().expect("a body")).expect("a file");
    assert_eq!(found(&["search", "--text", body.to_str().expect("a path")]), std::slice::from_ref(&alice));
    let sent = shown[1]["request_sent"].as_str().expect("a body");
    assert!(sent.contains("[EMAIL]") && !sent.contains("corp-example"), "{sent}");
    assert_eq!(gateway.json(&["stats", "--user", "bob"])["exchanges"], 1);

    let proof = gateway.folder.path().join("proof.json");
    let (code, out, _) = gateway.audit(&["prove", &alice]);
    assert_eq!(code, Some(0));
    fs::write(&proof, &out).expect("a file");
    let key = gateway.audit(&["key"]).1;
    let verify = |key: &str| {
        run(&["audit", "verify", "--proof", proof.to_str().expect("a path"), "--key", key.trim()])
    };
    assert_eq!(verify(&key).status.code(), Some(0));
    fs::write(&proof, out.replace("demonstration", "demonstratiom")).expect("a file");
    assert_eq!(verify(&key).status.code(), Some(1));

    let kept = gateway.folder.path().join("kept");
    fs::write(&kept, gateway.audit(&["key", "--checkpoint"]).1).expect("a file");
    let last = gateway.ask("carol", "hello");
    gateway.signed(&last);
    let kept = kept.to_str().expect("a path");
    let sound = gateway.json(&["verify", "--kept", kept, "--key", key.trim()]);
    assert_eq!(
        (&sound["sound"], &sound["independent_key"], &sound["kept"]),
        (&true.into(), &true.into(), &1.into())
    );
    assert_eq!(gateway.audit(&["prove", "--since", kept]).0, Some(0));
    // What says nothing of this journal is no fault of it.
    let other = gateway.folder.path().join("other");
    let checkpoint = fs::read_to_string(kept).expect("a file");
    for (text, said) in [
        (None, "cannot be read"),
        (Some(String::new()), "is empty"),
        (Some("a shopping list\n".to_owned()), "holds no checkpoint"),
        (Some(checkpoint.replace("example.com/gateway", "example.com/other")), "of other logs"),
    ] {
        let _ = fs::remove_file(&other);
        text.iter().for_each(|text| fs::write(&other, text).expect("a file"));
        let other = other.to_str().expect("a path");
        let (code, out, err) = gateway.audit(&["verify", "--kept", other, "--key", key.trim()]);
        assert!(code == Some(3) && err.contains(said) && out.is_empty(), "{text:?}: {code:?} {out} {err}");
    }
    // What was said to be of this journal and was not signed by it is a fault.
    fs::write(&other, checkpoint.replace("example.com/gateway\n", "example.com/gateway\n1")).expect("a file");
    let other = other.to_str().expect("a path");
    let (code, out, _) = gateway.audit(&["verify", "--kept", other, "--key", key.trim()]);
    assert!(code == Some(1) && out.starts_with("NOT SOUND"), "{out}");
    for form in ["records", "ocsf", "otel", "cef"] {
        let (code, out, _) = gateway.audit(&["export", "--form", form]);
        assert_eq!(code, Some(0));
        assert!(out.contains(&alice) && !out.contains("corp-example"), "{form}");
        let named =
            if form == "records" { "\"journal\":\"example.com/gateway\"" } else { "example.com/gateway/1" };
        assert!(out.contains(named), "{form} names no journal: {out}");
    }
    // Both records of an exchange say who asked what of whom.
    let out = gateway.audit(&["export"]).1;
    let records: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let of = |kind: &str, name: &str| {
        let found = records.iter().find(|one| one["record"] == kind && one["exchange"] == name);
        found.cloned().unwrap_or_else(|| panic!("no {kind} of {name}"))
    };
    for name in [&alice, &blocked] {
        let (admission, end) = (of("admission", name), of("end", name));
        for field in [
            "tenant",
            "key",
            "user",
            "address",
            "route",
            "dialect",
            "operation",
            "model",
            "upstream",
            "policy",
            "policy_version",
        ] {
            assert!(end[field].is_string() && end[field] == admission[field], "{field}: {end} {admission}");
        }
    }
    // Of a question that nothing answers it is said why.
    for (arguments, said) in [
        (["--rule", "privacy/*"], "as it stands"),
        (["--rule", "privacy/emial"], "`privacy/email`"),
        (["--category", "emails"], "`--category emails`"),
        (["--tenant", "anonymus"], "`anonymous`"),
    ] {
        let (code, out, err) = gateway.audit(&[&["search"], &arguments[..]].concat());
        assert!(code == Some(1) && out.is_empty() && err.contains(said), "{arguments:?}: {err}");
    }
    let (code, _, err) = gateway.audit(&["search", "--since", "1h", "--until", "2h"]);
    assert!(code == Some(3) && err.contains("is not before"), "{err}");
    assert_eq!(found(&["search", "--verdict", "block", "--since", "2026-01-01T02:00:00+02:00"]), [blocked]);
}

/// Who reads the folder as one table counts each record once.
#[test]
fn files_that_would_overlap_are_not_written() {
    let gateway = Gateway::start();
    let out = gateway.folder.path().join("pq");
    let path = out.to_str().expect("a path").to_owned();
    let export =
        |more: &[&str]| gateway.audit(&[&["export", "--form", "parquet", "--out", &path], more].concat());
    let files = || -> Vec<String> {
        let day = fs::read_dir(&out).expect("a folder").next().expect("a day").expect("an entry").path();
        let names = fs::read_dir(day).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().expect("a name")).collect();
        names.sort();
        names
    };
    let first = gateway.ask("alice", "hello");
    gateway.signed(&first);
    assert_eq!(export(&[]).0, Some(0));
    let before = files();
    // The same once more is the same file.
    assert_eq!((export(&[]).0, files()), (Some(0), before.clone()));
    let second = gateway.ask("alice", "hello again");
    gateway.signed(&second);
    let (code, _, err) = export(&[]);
    let numbers = |name: &str| -> Vec<u64> {
        let numbers = name.trim_end_matches(".parquet").rsplit('-').take(2);
        numbers.map(|number| number.parse().expect("a number")).collect()
    };
    let last = numbers(&before[0])[0];
    assert!(code == Some(3) && err.contains(&format!("`--after {last}`")), "{err}");
    assert_eq!(files(), before);
    assert_eq!(export(&["--after", &last.to_string()]).0, Some(0));
    let after = files();
    assert_eq!((after.len(), &after[0]), (2, &before[0]));
    assert_eq!(numbers(&after[1])[1], last + 1, "{after:?}");
}

#[test]
fn who_is_erased_is_gone_and_who_is_held_is_not() {
    let mut gateway = Gateway::start();
    let alice = gateway.ask("alice", "mail me at alice@corp-example.com");
    let bob = gateway.ask("bob", "mail me at bob@corp-example.com");
    gateway.signed(&bob);
    assert!(memchr::memmem::find(&all_bytes(gateway.folder.path()), b"corp-example").is_none(), "sealed");
    let of = ["--tenant", "anonymous", "--user", "alice"];
    let erase =
        |gateway: &Gateway, of: &[&str]| gateway.audit(&[&["erase", "--basis", "request 7"], of].concat());

    assert_eq!(
        gateway.audit(&[&["hold", "add", "case-7", "--reason", "order 7"], &of[..]].concat()).0,
        Some(0)
    );
    assert_eq!(
        gateway.audit(&[&["hold", "add", "case-7", "--reason", "again"], &of[..]].concat()).0,
        Some(1)
    );
    let (code, _, why) = erase(&gateway, &of);
    assert_eq!(code, Some(1));
    assert!(why.contains("order 7"), "{why}");
    assert_eq!(gateway.json(&["hold", "list"]).as_array().map(Vec::len), Some(1));
    assert!(gateway.audit(&["show", &alice, "--texts"]).1.contains("alice@corp-example.com"));
    assert_eq!(gateway.audit(&["hold", "release", "case-7", "--reason", "closed"]).0, Some(0));

    assert_eq!(erase(&gateway, &of).0, Some(0));
    let (code, out, why) = gateway.audit(&["show", &alice, "--texts"]);
    assert_eq!((code, out.as_str()), (Some(3), ""));
    assert!(why.contains("erased"), "{why}");
    // The records stay, are still sound, and say what was done; the other's bodies are there.
    assert_eq!(gateway.audit(&["show", &alice]).0, Some(0));
    assert_eq!(gateway.audit(&["verify"]).0, Some(0));
    assert!(gateway.audit(&["show", &bob, "--texts"]).1.contains("bob@corp-example.com"));
    gateway.stop();
    // The same without a gateway.
    assert_eq!(erase(&gateway, &["--tenant", "anonymous", "--user", "bob"]).0, Some(0));
    let again = ["--tenant", "anonymous", "--user", "bob", "--format", "json"];
    let (code, told, _) = erase(&gateway, &again);
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!((code, &told["erased"]), (Some(1), &false.into()), "{told}");
    assert!(told["record"].as_u64().is_some(), "{told}");
    assert_eq!(gateway.audit(&["show", &bob, "--texts"]).0, Some(3));
    assert_eq!(gateway.audit(&["verify"]).0, Some(0));
    let events: Vec<Value> = gateway
        .audit(&["export"])
        .1
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .filter(|record| record["record"] == "event")
        .collect();
    let words: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(words, ["hold", "release", "erasure", "erasure", "erasure"]);
}

#[test]
fn nothing_young_is_purged() {
    let gateway = Gateway::start();
    let one = gateway.ask("alice", "hello");
    gateway.signed(&one);
    let config = Gateway::config(gateway.folder.path());
    let purge = |before: &str| run(&["audit", "purge", "--before", before, "--config", &config]);
    let young = purge("30d");
    assert_eq!(young.status.code(), Some(1));
    assert!(text(&young.stderr).contains("184 days"));
    assert_eq!(purge("400d").status.code(), Some(1), "there is nothing so old");
    // What a profile and a route keep for longer is not purged either, and nothing where that cannot be read.
    let written = fs::read_to_string(&config).expect("a file");
    let finance = written.replace("profile = \"default\"", "profile = \"finance\"");
    let uses = "[[route]]\nname = \"loans\"\nupstream = \"demonstration\"\n[route.use]\nrole = \"deployer\"\naudience = \"customers\"\n\
        domain = \"finance\"\njurisdictions = [\"us\"]\ntier = \"limited\"\nfail = \"closed\"\nlabel = \"none\"\nretention = \"CO-3Y\"\n";
    for (file, before, want) in [
        (finance.clone(), "200d", "365 days, as the class `FINANCE-1Y` of the profile `finance` asks"),
        (format!("{finance}{uses}"), "400d", "1095 days, as the class `CO-3Y` of the route `loans` asks"),
    ] {
        fs::write(&config, file).expect("a file");
        let output = purge(before);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains(want), "{}", text(&output.stderr));
    }
    fs::write(&config, format!("nonsense = 1\n{finance}")).expect("a file");
    assert_eq!(purge("400d").status.code(), Some(3));
    fs::write(&config, written).expect("a file");
    // A copy whose end was cut off is noticed.
    let journal = gateway.folder.path().join("state/journal");
    let segment = fs::read_dir(&journal).expect("a folder").map(|e| e.expect("an entry").path());
    let segment =
        segment.filter(|path| path.extension().is_some_and(|e| e == "sgj")).max().expect("a segment");
    fs::File::options().write(true).open(&segment).and_then(|file| file.set_len(30)).expect("a cut");
    let (code, out, _) = gateway.audit(&["verify"]);
    assert_eq!(code, Some(1));
    assert!(out.contains("NOT SOUND"), "{out}");
}

/// Bodies are kept for as long as the profile lets them, and not at all where it says so.
#[test]
#[expect(clippy::disallowed_methods, reason = "they go a little after the start")]
fn bodies_are_gone_when_their_time_is_over() {
    let none = Gateway::under("eu-minimal");
    let name = none.ask("alice", "hello");
    none.signed(&name);
    let (code, _, said) = none.audit(&["show", &name, "--texts"]);
    assert!(code != Some(0) && said.contains("no bodies were kept"), "{said}");

    let mut week = Gateway::under("education");
    let name = week.ask("alice", "hello to the sixth form");
    week.signed(&name);
    let (code, said, _) = week.audit(&["show", &name, "--texts"]);
    assert!(code == Some(0) && said.contains("the sixth form"), "{said}");
    week.stop();
    // What a week would do: the file began eight days ago.
    let folder = std::mem::replace(&mut week.folder, tempfile::tempdir().expect("a folder"));
    let kept = folder.path().join("state/journal/texts/00000001.sgt");
    let mut bytes = fs::read(&kept).expect("a file of bodies");
    let begun = u64::from_le_bytes(bytes[8..16].try_into().expect("eight bytes")) - 8 * 86_400_000;
    bytes[8..16].copy_from_slice(&begun.to_le_bytes());
    fs::write(&kept, bytes).expect("a file");
    let again = Gateway::on(folder);
    let until = std::time::Instant::now() + PATIENCE;
    while kept.exists() {
        assert!(std::time::Instant::now() < until, "the bodies are still there");
        std::thread::sleep(Duration::from_millis(20));
    }
    let (code, _, said) = again.audit(&["show", &name, "--texts"]);
    assert!(code != Some(0) && said.contains("are gone"), "{said}");
}

/// The policy that decided decides the same; another one's changes are told, from bodies and from what is on record alone.
#[test]
fn exchanges_are_replayed() {
    let mut gateway = Gateway::start();
    let mailed: Vec<String> =
        (0..3).map(|n| gateway.ask("alice", &format!("mail me at alice{n}@corp-example.com"))).collect();
    let blocked = gateway.ask("bob", "block");
    gateway.ask("carol", "a sunny day");
    gateway.signed(&blocked);
    gateway.stop();
    let draft = gateway.folder.path().join("draft.toml");
    fs::write(&draft, "[policy]\nprofile = \"default\"\nactions = { \"privacy/email\" = \"block\", \"harm/weapons\" = \"allow\" }\n").expect("a file");
    let draft = draft.to_str().expect("a path");
    let replayed = |arguments: &[&str], code: i32| -> Value {
        let (got, out, err) = gateway.audit(&[&["replay", "--format", "json"], arguments].concat());
        assert_eq!(got, Some(code), "{arguments:?}: {out}{err}");
        serde_json::from_str(&out).expect("JSON")
    };
    let key = gateway.folder.path().join("state/texts.key");
    for from in ["bodies", "findings"] {
        let by = format!("by_{from}");
        let by = by.as_str();
        let same = replayed(&[], 0);
        assert_eq!(
            (&same[by], &same["different"], &same["elsewhere"]),
            (&5.into(), &0.into(), &serde_json::json!({})),
            "{same}"
        );
        let own = &same["not_replayed"]["the gateway's own canary"];
        assert_eq!(same["exchanges"].as_u64(), own.as_u64().map(|own| own + 5), "{same}");
        let other = replayed(&["--policy", draft], 1);
        // The demonstration's answers hold addresses too: nothing that was let through passes unchanged.
        let from_allowed: u64 = other["verdicts"]
            .as_array()
            .expect("rows")
            .iter()
            .filter(|row| row["to"] == "block")
            .filter_map(|row| row["exchanges"].as_u64())
            .sum();
        assert_eq!(other["newly_blocked"], from_allowed);
        let change = |name: &str| {
            other["changes"].as_array().expect("a list").iter().find(|one| one["exchange"] == name).cloned()
        };
        for name in &mailed {
            let change = change(name).unwrap_or_else(|| panic!("{name} is not in {other}"));
            assert_eq!(
                (&change["from"], &change["to"], &change["by"]),
                (&"rewrite".into(), &"block".into(), &from.into()),
                "{change}"
            );
            let rule = serde_json::json!({"rule": "privacy/email", "from": "mask", "to": "block"});
            assert!(change["rules"].as_array().expect("rules").contains(&rule), "{change}");
        }
        let weapons = change(&blocked).expect("it differs");
        let rule = serde_json::json!({"rule": "harm/weapons", "from": "block", "to": "none"});
        assert!(weapons["rules"].as_array().expect("rules").contains(&rule), "{weapons}");
        // The terms of a search choose; each is told with how it was judged.
        let (code, out, _) = gateway.audit(&["replay", "--policy", draft, "--user", "alice", "--each"]);
        assert_eq!(code, Some(1));
        assert_eq!(out.lines().filter(|line| line.contains(&format!("  by {from}"))).count(), 3, "{out}");
        assert!(out.contains("3 different: 3 newly blocked, 0 let through"), "{out}");
        // Without the key of the bodies, what is on record has to suffice.
        let _ = fs::remove_file(&key);
    }
    let (code, out, _) = gateway.audit(&["replay"]);
    assert!(
        code == Some(0)
            && out.contains("5 judged from their findings")
            && out.contains("no bodies could be read"),
        "{out}"
    );
    assert_eq!(gateway.audit(&["replay", "--policy", "defualt"]).0, Some(2));
}

/// What stands for values is drawn as it was, so that what came back in an answer is no finding now.
#[test]
fn what_stood_for_values_is_replayed() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = "schema = 1\n[server]\ndata = \"127.0.0.1:0\"\noperations = \"127.0.0.1:0\"\nstate = \"state\"\n[journal.texts]\nkeep = \"all\"\n\
        [[upstream]]\nname = \"demonstration\"\ndialects = [\"openai\"]\nbase_url = \"demonstration:\"\n\
        [policy]\nprofile = \"default\"\nactions = { \"privacy/email\" = \"pseudonymise\" }\n";
    fs::write(folder.path().join("gateway.toml"), config).expect("a file");
    let mut gateway = Gateway::on(folder);
    let mut last = String::new();
    for n in 0..6 {
        let fields = if n % 2 == 0 { "" } else { "x-sluicegate-conversation: tea\r\n" };
        last = gateway.ask_with(fields, "alice", &format!("mail me at alice{n}@corp-example.com"));
    }
    gateway.signed(&last);
    gateway.stop();
    let same = gateway.json(&["replay"]);
    assert_eq!((&same["by_bodies"], &same["different"]), (&6.into(), &0.into()), "{same}");
}

/// What stood for somebody's values, where the provider keeps the history, is erased with what is kept of him: while the gateway runs and after it.
#[test]
fn what_stands_for_an_erased_users_values_is_forgotten() {
    let said = r#"{"id":"resp_USER","object":"response","status":"completed","output":[]}"#;
    let folder = tempfile::tempdir().expect("a folder");
    let mut gateway = None;
    for user in ["alice", "bob"] {
        let said = said.replace("USER", user);
        let fake =
            crate::behaviour::Fake::whole("200 OK", "content-type: application/json\r\n", said.as_bytes());
        let config = format!(
            "schema = 1\n[server]\ndata = \"127.0.0.1:0\"\noperations = \"127.0.0.1:0\"\nstate = \"state\"\n[journal.texts]\nkeep = \"all\"\n\
             [[upstream]]\nname = \"fake\"\ndialects = [\"openai\"]\nbase_url = \"http://{}\"\n\
             [policy]\nprofile = \"default\"\nactions = {{ \"privacy/email\" = \"pseudonymise\" }}\n",
            fake.address
        );
        fs::write(folder.path().join("gateway.toml"), config).expect("a file");
        drop(gateway.take());
        let mut running = Gateway::on_path(folder.path());
        let body = format!(r#"{{"model":"m","input":"mail {user}@corp-example.com"}}"#);
        let mut socket = TcpStream::connect(&running.data).expect("a connection");
        write!(
            socket,
            "POST /v1/responses HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\nx-sluicegate-user: {user}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("a request");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(!fake.seen().concat().contains("corp-example"), "{:?}", fake.seen());
        // Whoever asks for it once more may be told these values: only of who sent them bodies are kept.
        for (whom, keeps) in [
            ("", false),
            ("x-sluicegate-user: carol\r\n", false),
            (&*format!("x-sluicegate-user: {user}\r\n"), true),
        ] {
            let mut socket = TcpStream::connect(&running.data).expect("a connection");
            write!(
                socket,
                "GET /v1/responses/resp_{user} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{whom}\r\n"
            )
            .expect("a request");
            let mut answer = String::new();
            socket.read_to_string(&mut answer).expect("an answer");
            let name =
                answer.lines().find_map(|line| line.strip_prefix("x-sluicegate-exchange: ")).expect("a name");
            let config = Gateway::config(folder.path());
            let mut shown = run(&["audit", "show", name, "--texts", "--config", &config]);
            // Its end may be on its way to the disk.
            while text(&shown.stderr).contains("no end record") {
                shown = run(&["audit", "show", name, "--texts", "--config", &config]);
            }
            assert_eq!(shown.status.code() == Some(0), keeps, "{whom}: {}", text(&shown.stderr));
        }
        if user == "bob" {
            running.stop();
        }
        gateway = Some(running);
        let running = gateway.as_ref().expect("a gateway");
        let erase = |whom: &str| {
            let config = Gateway::config(folder.path());
            let operations = &running.operations;
            run(&[
                "audit",
                "erase",
                "--tenant",
                "anonymous",
                "--user",
                whom,
                "--basis",
                "b",
                "--config",
                &config,
                "--operations",
                operations,
            ])
        };
        let nothing = erase("carol");
        assert_eq!(nothing.status.code(), Some(1), "{}", text(&nothing.stderr));
        let erased = erase(user);
        assert!(
            text(&erased.stdout).contains("in 1 of this user's"),
            "{}{}",
            text(&erased.stdout),
            text(&erased.stderr)
        );
        let left = fs::metadata(folder.path().join("state/vault.sealed")).expect("a file").len();
        assert!(left < 20, "{user}: {left} bytes");
        assert_eq!(erase(user).status.code(), Some(1));
    }
    drop(gateway);
}

/// What a journal's names and bodies are kept under is not made anew while there is something under it.
#[test]
fn a_lost_pepper_or_master_key_is_told_of() {
    let mut gateway = Gateway::start();
    let name = gateway.ask("alice", "hello there");
    gateway.signed(&name);
    gateway.stop();
    let state = gateway.folder.path().join("state");
    let config = Gateway::config(gateway.folder.path());
    let refuses = |words: &str| {
        let served = run(&["serve", "--config", &config]);
        let said = text(&served.stderr);
        assert!(served.status.code() != Some(0) && said.contains(words), "{words}: {said}");
    };
    let (pepper, kept) = (state.join("pepper"), state.join("kept"));
    fs::rename(&pepper, &kept).expect("a file");
    refuses("is gone");
    assert!(!pepper.exists());
    assert_eq!(run(&["key", "new", "--tenant", "red", "--config", &config]).status.code(), Some(3));
    fs::copy(&kept, &pepper).expect("a file");
    let other = fs::read_to_string(&kept).expect("a file").chars().rev().collect::<String>();
    fs::write(&pepper, other.trim()).expect("a file");
    refuses("is not the one under which");
    let (code, _, why) =
        gateway.audit(&["erase", "--tenant", "anonymous", "--user", "alice", "--basis", "b"]);
    assert!(code == Some(3) && why.contains("is not the one under which"), "{why}");
    fs::rename(&kept, &pepper).expect("a file");
    let (master, kept) = (state.join("texts.key"), state.join("kept"));
    fs::rename(&master, &kept).expect("a file");
    refuses("texts.key");
    assert!(!master.exists());
    fs::write(&master, "7".repeat(63) + "1").expect("a file");
    fs::set_permissions(&master, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a file");
    refuses("not a key that this master key has wrapped");
    fs::rename(&kept, &master).expect("a file");
    let gateway = Gateway::on(std::mem::replace(&mut gateway.folder, tempfile::tempdir().expect("a folder")));
    assert!(gateway.audit(&["show", &name, "--texts"]).1.contains("hello there"));
}
