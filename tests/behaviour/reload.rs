//! A policy is changed while the gateway runs: a good one is used by the next exchange, a bad one changes nothing and loses nothing.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use sluicegate::audit::{Journal, Signer};
use sluicegate::config::{ConfigFile, Overrides, Purpose};
use sluicegate::limits::Pepper;
use sluicegate::provenance::mark::DetectorSettings;
use sluicegate::server::{Loaded, Plan, Reloading, start};
use sluicegate::telemetry::Metrics;

use super::{Answer, Client, Fake, Gateway, PATIENCE, Step, chat, event, post, wait_for};

/// How often the files are looked at here.
const WATCH: Duration = Duration::from_millis(20);

/// A folder with a configuration and a pack.
pub(super) struct Files {
    dir: tempfile::TempDir,
}

impl Files {
    /// A gateway's files before this upstream; the pack masks this word.
    pub(super) fn new(upstream: SocketAddr, word: &str) -> Self {
        let files = Self { dir: tempfile::tempdir().expect("a folder") };
        files.write(
            "gateway.toml",
            &format!(
                "schema = 1\n[server]\ndata = \"127.0.0.1:0\"\noperations = \"127.0.0.1:0\"\nworkers = 2\nstate = \"state\"\n\
                 drain = \"5 s\"\n[journal]\ndir = \"journal\"\n[policy]\ndir = \"packs\"\nwatch = \"20 ms\"\n\
                 [[upstream]]\nname = \"fake\"\ndialects = [\"openai\"]\nbase_url = \"http://{upstream}\"\n"
            ),
        );
        files.write(
            "packs/p/pack.toml",
            "name = \"p\"\nversion = \"1\"\nlicence = \"Apache-2.0\"\ntitle = \"words\"\n",
        );
        files
            .write("packs/profiles/default.toml", "name = \"default\"\ntitle = \"words\"\npacks = [\"p\"]\n");
        files.masks(word);
        files
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// As an editor does that renames into place.
    pub(super) fn write(&self, name: &str, text: &str) {
        put(&self.path(name), text);
    }

    fn masks(&self, word: &str) {
        self.write("packs/p/rules/words.toml", &rule(word, word));
    }

    /// A gateway of these files, composed as `sluicegate serve` does it.
    pub(super) fn start(self) -> (Gateway, PathBuf) {
        let root = self.dir.path().to_owned();
        (of_folder(&root, self.dir), root)
    }
}

/// A gateway of the files of a folder, with another one that it keeps.
pub(super) fn of_folder(root: &Path, dir: tempfile::TempDir) -> Gateway {
    let file = ConfigFile { path: Some(root.join("gateway.toml")), overrides: Overrides::default() };
    let loaded = file.load(Purpose::Serve, &|_| None);
    let settings = loaded.settings.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    let metrics = Arc::new(Metrics::new("test").expect("metrics"));
    let mut source = file.policies(settings.clone(), &metrics, |_| None);
    let built = (source().build)().unwrap_or_else(|found| panic!("{found:?}"));
    let (journal, _) = Journal::open(&root.join("journal"), &settings.journal).expect("a journal");
    let plan = Plan {
        server: settings.server.clone(),
        limits: settings.limits.clone(),
        upstreams: settings.upstreams.clone(),
        samplers: Vec::new(),
        routes: settings.routes.clone(),
        keys: settings.key_table(Pepper::new(&[7; 32])),
        policies: Loaded {
            table: Arc::new(built.table),
            judges: built.judges,
            hash: built.hash,
            from: built.from,
            approved: built.approved,
        },
        reloading: Some(Reloading { source, watch: built.watch, needs_restart: built.needs_restart }),
        journal,
        texts: None,
        marks: None,
        prints: sluicegate::server::Printing::default(),
        detector: DetectorSettings::default(),
        complaints: settings.complaints.clone(),
        vouch: None,
        sinks: sluicegate::server::SinkPlan::default(),
        labels: sluicegate::server::LabelPlan::new(&settings.labels, &settings.tenants, signer()),
        metrics,
    };
    let running = start(plan).expect("a gateway");
    let (data, operations) = (running.data, running.operations);
    Gateway { running: Some(running), dir, data, operations }
}

/// A key that signs what answers are labelled with.
fn signer() -> Signer {
    Signer::new("test.example/journal", [7; 32].into()).expect("a key")
}

pub(super) fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    let draft = path.with_extension("new");
    fs::write(&draft, text).expect("a file");
    fs::rename(draft, path).expect("a name");
}

/// A rule that masks a word, and says that it finds the example.
pub(super) fn rule(word: &str, example: &str) -> String {
    format!(
        "[[rule]]\nid = \"word\"\ntitle = \"t\"\ncategory = \"WORD\"\naction = \"mask\"\nwhole_word = false\n\
         keywords = [\"{word}\", \"always\"]\nexamples = [\"{example}\"]\ncounter_examples = [\"nothing\"]\n"
    )
}

pub(super) const RULES: &str = "packs/p/rules/words.toml";

pub(super) fn status(gateway: &Gateway) -> Value {
    serde_json::from_str(&gateway.operations("/admin/policy").body).expect("JSON")
}

pub(super) fn generation(gateway: &Gateway) -> u64 {
    status(gateway)["active"]["generation"].as_u64().expect("a number")
}

fn version(gateway: &Gateway) -> String {
    status(gateway)["active"]["version"].as_str().expect("a version").to_owned()
}

fn ask(gateway: &Gateway, method: &str, path: &str, fields: &str) -> Answer {
    let mut client = Client::new(gateway.operations);
    let head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: 0\r\n{fields}\r\n");
    client.send(head.as_bytes());
    client.read_all()
}

/// Status and JSON of the answer.
pub(super) fn admin(gateway: &Gateway, path: &str) -> (u16, Value) {
    let answer = ask(gateway, "POST", path, "host: localhost\r\n");
    (answer.status, serde_json::from_str(&answer.body).unwrap_or_else(|e| panic!("{e}: {answer:?}")))
}

fn end() -> Vec<u8> {
    let last = serde_json::json!({
        "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    });
    format!("data: {last}\n\ndata: [DONE]\n\n").into_bytes()
}

/// An upstream that says this in one event.
pub(super) fn says(text: &str) -> Fake {
    Fake::stream(vec![Step::Send(event(text).into_bytes()), Step::Send(end())])
}

pub(super) fn streamed(gateway: &Gateway) -> String {
    text(&gateway.post("/v1/chat/completions", &chat("hi", true)).body)
}

/// The text of a stream that came to its end.
fn text(stream: &str) -> String {
    assert!(stream.ends_with("data: [DONE]\n\n"), "{stream}");
    let events = stream.lines().filter_map(|line| line.strip_prefix("data: {"));
    let said = events.map(|event| {
        let event: Value = serde_json::from_str(&format!("{{{event}")).expect("JSON");
        event["choices"][0]["delta"]["content"].as_str().unwrap_or_default().to_owned()
    });
    said.collect()
}

#[test]
fn the_next_exchange_uses_it_and_a_running_one_keeps_its_own() {
    let go = Arc::new(AtomicBool::new(false));
    let fake = Fake::stream(vec![
        Step::Send(event("begin ").into_bytes()),
        Step::Until(Arc::clone(&go)),
        Step::Send(event("first second").into_bytes()),
        Step::Send(end()),
    ]);
    let (gateway, root) = Files::new(fake.address, "first").start();
    let old = version(&gateway);
    let mut running = Client::new(gateway.data);
    running.send(post("/v1/chat/completions", &chat("hi", true)).as_bytes());
    assert!(running.read_until("begin ").contains("begin "));
    put(&root.join(RULES), &rule("second", "second"));
    assert!(wait_for(|| generation(&gateway) == 2), "{}", status(&gateway));
    let new = version(&gateway);
    go.store(true, Ordering::Release);
    let kept = running.read_until("[DONE]");
    assert!(kept.contains("[WORD] second") && !kept.contains("first"), "{kept}");
    assert_eq!(streamed(&gateway), "begin first [WORD]");

    assert_eq!(gateway.metric("sluicegate_policy_reloads_total{outcome=\"ok\"}"), 1.0);
    assert_eq!(gateway.metric("sluicegate_policy_reload_ok"), 1.0);
    let info = |version: &str| {
        gateway.metric(&format!("sluicegate_policy_info{{policy=\"default\",version=\"{version}\"}}"))
    };
    assert_eq!((info(&old), info(&new)), (0.0, 1.0));
    let ready = wait_for(|| gateway.operations("/readyz").status == 200);
    assert!(ready && gateway.operations("/readyz").body == format!("ready\npolicy default {new}\n"));

    // Each record names the policy that decided.
    let records = gateway.records();
    let named: Vec<_> = records.iter().map(|(a, _)| a["policy_version"].as_str().unwrap()).collect();
    assert_eq!(named, [old, new]);
    let found = records.iter().map(|(_, end)| end.as_ref().expect("an end")["found"].as_u64());
    assert_eq!(found.collect::<Vec<_>>(), [Some(1), Some(1)]);
}

/// Who never could be judged is on record under the policy that was there when the request came.
#[test]
fn a_refusal_names_the_policy_of_its_admission() {
    let fake = says("x");
    let (gateway, root) = Files::new(fake.address, "first").start();
    let old = version(&gateway);
    let mut slow = Client::new(gateway.data);
    slow.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 5\r\n\r\n{\"a");
    assert!(wait_for(|| gateway.metric("sluicegate_exchanges_running") >= 1.0));
    put(&root.join(RULES), &rule("second", "second"));
    assert!(wait_for(|| generation(&gateway) == 2));
    slow.send(b"!!");
    assert_eq!(slow.read_all().status, 400);
    let records = gateway.records();
    assert_eq!(records[0].0["policy_version"], old);
}

/// Ends the clients, also where the test fails.
struct Stops<'s>(&'s AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn a_bad_one_under_load_changes_nothing_and_loses_nothing() {
    const CLIENTS: usize = 4;
    let pieces = ["al", "ways first and sec", "ond and alw", "ays "];
    let mut steps = Vec::new();
    for piece in pieces {
        steps.extend([Step::Send(event(piece).into_bytes()), Step::Wait(10)]);
    }
    steps.push(Step::Send(end()));
    let fake = Fake::stream(steps);
    let (gateway, root) = Files::new(fake.address, "first").start();
    let (stop, ended) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut good = BTreeSet::from([version(&gateway)]);
    std::thread::scope(|scope| {
        let _stops = Stops(&stop);
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while !stop.load(Ordering::Acquire) {
                    let said = streamed(&gateway);
                    let one = "[WORD] [WORD] and second and [WORD] ";
                    let other = "[WORD] first and [WORD] and [WORD] ";
                    assert!(said == one || said == other, "{said}");
                    ended.fetch_add(1, Ordering::AcqRel);
                }
            });
        }
        let failed = || gateway.metric("sluicegate_policy_reloads_total{outcome=\"failed\"}");
        let broken = [
            rule("third", "no such word"),
            "[[rule]]\nid = ".to_owned(),
            rule("third", "third").replace("mask", "maks"),
            String::from("\u{0}"),
        ];
        for (n, broken) in broken.iter().enumerate() {
            let before = (failed(), ended.load(Ordering::Acquire));
            put(&root.join(RULES), broken);
            assert!(wait_for(|| failed() > before.0), "{}", status(&gateway));
            let answer = gateway.operations("/readyz");
            assert!(answer.body.contains("the last reload failed, this policy goes on: "), "{answer:?}");
            assert!(answer.body.contains("words.toml:"), "{answer:?}");
            assert_eq!(gateway.metric("sluicegate_policy_reload_ok"), 0.0);
            // The same content is tried once, and everybody goes on.
            assert!(wait_for(|| ended.load(Ordering::Acquire) >= before.1 + 2 * CLIENTS));
            assert_eq!(failed(), before.0 + 1.0);
            assert!(good.contains(&version(&gateway)));
            let word = ["second", "first"][n % 2];
            let now = generation(&gateway);
            put(&root.join(RULES), &rule(word, word));
            assert!(wait_for(|| generation(&gateway) == now + 1), "{}", status(&gateway));
            good.insert(version(&gateway));
            assert!(!gateway.operations("/readyz").body.contains("failed"));
        }
    });
    assert_eq!(good.len(), 2, "the same files are the same version");
    let records = gateway.records();
    assert_eq!(records.len(), ended.load(Ordering::Acquire));
    for (admission, end) in records {
        assert!(good.contains(admission["policy_version"].as_str().unwrap()), "{admission}");
        assert_eq!(end.expect("an end record")["ended"], "complete");
    }
}

#[test]
fn an_operator_asks_for_it() {
    let fake = says("first second");
    let (gateway, root) = Files::new(fake.address, "first").start();
    let config = fs::read_to_string(root.join("gateway.toml")).expect("a file");
    // Nobody watches: what an operator asks for is all that happens.
    let config = config.replace("watch = \"20 ms\"", "watch = \"0 s\"");
    put(&root.join("gateway.toml"), &config);
    let (code, said) = admin(&gateway, "/admin/reload");
    assert_eq!((code, said["outcome"].as_str()), (200, Some("unchanged")), "{said}");
    put(&root.join(RULES), &rule("second", "second"));
    std::thread::sleep(10 * WATCH);
    assert_eq!(generation(&gateway), 1);
    let (code, said) = admin(&gateway, "/admin/reload");
    assert_eq!((code, said["outcome"].as_str(), said["by"].as_str()), (200, Some("ok"), Some("request")));
    assert_eq!(said["active"]["generation"], 2, "{said}");
    assert_eq!(streamed(&gateway), "first [WORD]");

    put(&root.join(RULES), &rule("second", "second").replace("mask", "maks"));
    let (code, said) = admin(&gateway, "/admin/reload");
    assert_eq!((code, said["outcome"].as_str()), (422, Some("failed")), "{said}");
    let first = &said["diagnostics"][0];
    assert_eq!(first["message"], "unknown action `maks`");
    assert_eq!(first["labels"][0]["line"], 5, "{first}");
    assert!(first["labels"][0]["file"].as_str().unwrap().ends_with(RULES), "{first}");
    assert_eq!(status(&gateway)["last"]["outcome"], "failed");
    assert_eq!(streamed(&gateway), "first [WORD]");
    assert_eq!(gateway.metric("sluicegate_policy_reloads_total{outcome=\"unchanged\"}"), 1.0);
    assert!(gateway.metric("sluicegate_policy_attempt_timestamp_seconds") > 1e9);
    assert!(gateway.metric("sluicegate_policy_success_timestamp_seconds") > 1e9);

    // SIGHUP does the same.
    put(&root.join(RULES), &rule("first", "first"));
    gateway.running.as_ref().expect("it runs").reload(sluicegate::server::Trigger::Signal);
    assert!(wait_for(|| generation(&gateway) == 3));
    assert_eq!(status(&gateway)["active"]["by"], "signal");
}

#[test]
fn only_programs_of_this_machine_change_policies() {
    let fake = says("x");
    let (gateway, root) = Files::new(fake.address, "first").start();
    put(&root.join(RULES), &rule("second", "second"));
    assert!(wait_for(|| generation(&gateway) == 2));
    for path in ["/admin/reload", "/admin/rollback"] {
        for fields in [
            "host: localhost\r\norigin: https://evil.example\r\nsec-fetch-site: cross-site\r\n",
            "host: localhost\r\norigin: null\r\n",
            "host: localhost\r\nsec-fetch-site: same-site\r\n",
            "host: evil.example\r\norigin: http://evil.example\r\n",
            "host: evil.example\r\n",
        ] {
            assert_eq!(ask(&gateway, "POST", path, fields).status, 403, "{path} {fields}");
        }
        for method in ["GET", "HEAD", "PUT", "DELETE"] {
            let answer = ask(&gateway, method, path, "host: localhost\r\n");
            assert_eq!((answer.status, answer.field("allow")), (405, Some("post")), "{method}");
        }
    }
    assert_eq!(ask(&gateway, "POST", "/admin/policy", "host: localhost\r\n").status, 405);
    assert_eq!(ask(&gateway, "POST", "/admin/other", "host: localhost\r\n").status, 405);
    assert_eq!(generation(&gateway), 2);
    assert_eq!(gateway.metric("sluicegate_policy_rollbacks_total"), 0.0);
}

#[test]
fn it_goes_back_and_stays_there_until_the_files_change() {
    let fake = says("first second third");
    let (gateway, root) = Files::new(fake.address, "first").start();
    assert_eq!(admin(&gateway, "/admin/rollback").0, 409);
    let first = version(&gateway);
    put(&root.join(RULES), &rule("second", "second"));
    assert!(wait_for(|| generation(&gateway) == 2));
    assert_eq!(status(&gateway)["previous"][0]["version"], first);
    assert_eq!(streamed(&gateway), "first [WORD] third");

    let begun = Instant::now();
    let (code, said) = admin(&gateway, "/admin/rollback");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(
        (code, said["outcome"].as_str(), said["active"]["version"].as_str()),
        (200, Some("rolled_back"), Some(&*first))
    );
    assert_eq!(streamed(&gateway), "[WORD] second third");
    let tries = |gateway: &Gateway| gateway.metric("sluicegate_policy_reloads_total{outcome=\"ok\"}");
    std::thread::sleep(20 * WATCH);
    assert_eq!((generation(&gateway), tries(&gateway)), (1, 1.0), "the files are taken again by themselves");
    assert_eq!(status(&gateway)["previous"], serde_json::json!([]));
    assert_eq!(gateway.metric("sluicegate_policy_rollbacks_total"), 1.0);

    // They change: they are taken.
    put(&root.join(RULES), &rule("third", "third"));
    assert!(wait_for(|| generation(&gateway) == 3));
    assert_eq!(streamed(&gateway), "first second [WORD]");
    // Who asks gets what the files say, also after a rollback.
    assert_eq!(admin(&gateway, "/admin/rollback").0, 200);
    let (_, said) = admin(&gateway, "/admin/reload");
    assert_eq!((said["outcome"].as_str(), said["active"]["generation"].as_u64()), (Some("ok"), Some(4)));
    assert_eq!(streamed(&gateway), "first second [WORD]");
}

#[test]
fn five_earlier_ones_are_kept() {
    let fake = says("x");
    let (gateway, root) = Files::new(fake.address, "word0").start();
    for n in 1..9 {
        put(&root.join(RULES), &rule(&format!("word{n}"), &format!("word{n}")));
        assert_eq!(admin(&gateway, "/admin/reload").0, 200);
    }
    let all = status(&gateway);
    let numbers: Vec<_> =
        all["previous"].as_array().unwrap().iter().map(|g| g["generation"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [8, 7, 6, 5, 4]);
    for want in [8, 7, 6, 5, 4] {
        assert_eq!(admin(&gateway, "/admin/rollback").1["active"]["generation"], want);
    }
    assert_eq!(admin(&gateway, "/admin/rollback").0, 409);
}

/// The automata of a policy go with the last exchange that runs under it.
#[test]
fn old_automata_go_with_their_last_exchange() {
    let go = Arc::new(AtomicBool::new(false));
    let fake = Fake::stream(vec![
        Step::Send(event("begin ").into_bytes()),
        Step::Until(Arc::clone(&go)),
        Step::Send(end()),
    ]);
    let files = Files::new(fake.address, "first");
    let config = fs::read_to_string(files.path("gateway.toml")).expect("a file");
    files.write("gateway.toml", &config.replace("watch = \"20 ms\"", "watch = \"20 ms\"\nkeep = 0"));
    let (gateway, root) = files.start();
    let policies = &gateway.running.as_ref().expect("it runs").gateway.policies;
    let (policy, engine) = {
        let policy = policies.of(None);
        (Arc::downgrade(&policy), Arc::downgrade(policy.engine()))
    };
    let mut running = Client::new(gateway.data);
    running.send(post("/v1/chat/completions", &chat("hi", true)).as_bytes());
    assert!(running.read_until("begin ").contains("begin "));
    for word in ["second", "third"] {
        put(&root.join(RULES), &rule(word, word));
        assert_eq!(admin(&gateway, "/admin/reload").0, 200);
    }
    assert_eq!(status(&gateway)["previous"], serde_json::json!([]));
    assert!(policy.upgrade().is_some() && engine.upgrade().is_some(), "the stream still runs under it");
    go.store(true, Ordering::Release);
    assert!(running.read_until("[DONE]").contains("[DONE]"));
    assert!(wait_for(|| policy.strong_count() == 0 && engine.strong_count() == 0), "{engine:?}");
}

#[test]
fn what_needs_a_restart_is_said_and_the_rest_taken() {
    let fake = says("first second");
    let (gateway, root) = Files::new(fake.address, "first").start();
    let config = fs::read_to_string(root.join("gateway.toml")).expect("a file");
    let other = config
        .replace("[policy]", "[limits]\nexchanges = 7\n[policy]\nactions = { \"p/word\" = \"flag\" }")
        .replace("workers = 2", "workers = 3");
    put(&root.join("gateway.toml"), &other);
    assert!(wait_for(|| generation(&gateway) == 2), "{}", status(&gateway));
    assert_eq!(
        status(&gateway)["last"]["needs_restart"],
        serde_json::json!(["limits.exchanges", "server.workers"])
    );
    assert_eq!(streamed(&gateway), "first second");
    // They are named as long as it is so.
    let (_, said) = admin(&gateway, "/admin/reload");
    assert_eq!(
        (said["outcome"].as_str(), said["needs_restart"].as_array().map(Vec::len)),
        (Some("unchanged"), Some(2))
    );
    // A mistake anywhere, and nothing is taken.
    put(&root.join("gateway.toml"), &other.replace("flag", "allow").replace("workers = 3", "worker = 3"));
    let (code, said) = admin(&gateway, "/admin/reload");
    assert_eq!((code, said["diagnostics"][0]["code"].as_str()), (422, Some("unknown-key")), "{said}");
    assert_eq!(generation(&gateway), 2);
    put(&root.join("gateway.toml"), &config);
    assert!(wait_for(|| generation(&gateway) == 3));
    assert_eq!(status(&gateway)["last"]["needs_restart"], serde_json::json!([]));
    assert_eq!(streamed(&gateway), "[WORD] second");
}

#[test]
fn each_tenant_keeps_its_own() {
    let fake = says("first second");
    let files = Files::new(fake.address, "first");
    let config = fs::read_to_string(files.path("gateway.toml")).expect("a file");
    let pepper = Pepper::new(&[7; 32]);
    let tenant = |name: &str, policy: &str| {
        let hash = pepper.hash(format!("sgk_{name}").as_bytes());
        format!("[[tenant]]\nname = \"{name}\"\nkeys = [{{ id = \"{name}\", hash = \"{hash}\" }}]\n{policy}")
    };
    let flag = "policy = { actions = { \"p/word\" = \"flag\" } }\n";
    let with = |tenants: &[String]| format!("{config}{}", tenants.concat());
    files.write("gateway.toml", &with(&[tenant("red", flag), tenant("blue", "")]));
    let (gateway, root) = files.start();
    let said = |name: &str| {
        let body = chat("hi", true);
        let request = post("/v1/chat/completions", &body)
            .replace("connection:", &format!("authorization: Bearer sgk_{name}\r\nconnection:"));
        text(&gateway.raw(request.as_bytes()).body)
    };
    assert_eq!((said("red"), said("blue")), ("first second".into(), "[WORD] second".into()));
    // In another order, with one that is new and one that is gone: keys are as they were at the start.
    put(&root.join("gateway.toml"), &with(&[tenant("green", ""), tenant("blue", flag)]));
    put(&root.join(RULES), &rule("second", "second"));
    assert_eq!(admin(&gateway, "/admin/reload").0, 200, "{}", status(&gateway));
    assert_eq!((said("red"), said("blue")), ("first second".into(), "first second".into()));
    let now = status(&gateway);
    assert_eq!(now["last"]["needs_restart"], serde_json::json!(["tenant `red`", "tenant `green`"]));
    let names: Vec<_> = now["active"]["tenants"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["blue", "red"]);
    // The order alone, and both as they were.
    put(&root.join("gateway.toml"), &with(&[tenant("blue", ""), tenant("red", flag)]));
    assert_eq!(admin(&gateway, "/admin/reload").0, 200);
    assert_eq!((said("red"), said("blue")), ("first second".into(), "first [WORD]".into()));
    assert_eq!(status(&gateway)["last"]["needs_restart"], serde_json::json!(["tenant"]));
}

/// Kubernetes swaps one link, through which all files are reached.
#[test]
fn a_config_map_is_swapped() {
    let fake = says("first second");
    let files = Files::new(fake.address, "first");
    let packs = files.path("packs");
    let version = |name: &str, word: &str, example: &str| {
        let folder = files.path("map").join(name);
        for (path, text) in [
            ("p/pack.toml", fs::read_to_string(packs.join("p/pack.toml")).expect("a file")),
            (
                "profiles/default.toml",
                fs::read_to_string(packs.join("profiles/default.toml")).expect("a file"),
            ),
            ("p/rules/words.toml", rule(word, example)),
        ] {
            put(&folder.join(path), &text);
        }
    };
    version("..2025_01", "first", "first");
    version("..2025_02", "second", "second");
    version("..2025_03", "third", "no such word");
    let map = files.path("map");
    for (to, link) in [("..2025_01", "..data"), ("..data/p", "p"), ("..data/profiles", "profiles")] {
        symlink(to, map.join(link)).expect("a link");
    }
    let config = fs::read_to_string(files.path("gateway.toml")).expect("a file");
    files.write("gateway.toml", &config.replace("\"packs\"", "\"map\""));
    let (gateway, _root) = files.start();
    assert_eq!(streamed(&gateway), "[WORD] second");
    let swap = |to: &str| {
        symlink(to, map.join("..data_tmp")).expect("a link");
        fs::rename(map.join("..data_tmp"), map.join("..data")).expect("a name");
    };
    swap("..2025_02");
    assert!(wait_for(|| generation(&gateway) == 2), "{}", status(&gateway));
    assert_eq!(streamed(&gateway), "first [WORD]");
    swap("..2025_03");
    assert!(wait_for(|| status(&gateway)["last"]["outcome"] == "failed"), "{}", status(&gateway));
    assert_eq!(streamed(&gateway), "first [WORD]");
    swap("..2025_02");
    assert!(wait_for(|| status(&gateway)["last"]["outcome"] == "unchanged"), "{}", status(&gateway));
}

#[test]
fn a_folder_that_is_gone_changes_nothing_and_may_come_back() {
    let fake = says("first second");
    let (gateway, root) = Files::new(fake.address, "first").start();
    let before = version(&gateway);
    fs::rename(root.join("packs"), root.join("away")).expect("a name");
    assert!(wait_for(|| status(&gateway)["last"]["outcome"] == "failed"), "{}", status(&gateway));
    let line = gateway.operations("/readyz").body;
    assert!(line.contains("gateway.toml:11:7: error[read]: cannot read the folder of packs"), "{line}");
    assert_eq!(streamed(&gateway), "[WORD] second");
    fs::rename(root.join("away"), root.join("packs")).expect("a name");
    assert!(wait_for(|| status(&gateway)["last"]["outcome"] == "unchanged"), "{}", status(&gateway));
    assert_eq!(version(&gateway), before);
    // The configuration itself is no other case.
    fs::rename(root.join("gateway.toml"), root.join("away")).expect("a name");
    assert!(wait_for(|| status(&gateway)["last"]["outcome"] == "failed"), "{}", status(&gateway));
    assert_eq!(streamed(&gateway), "[WORD] second");
    fs::rename(root.join("away"), root.join("gateway.toml")).expect("a name");
    assert!(wait_for(|| status(&gateway)["last"]["outcome"] == "unchanged"), "{}", status(&gateway));
}

/// A list that somebody is still writing is not taken until it rests.
#[test]
fn a_file_that_grows_is_left_alone() {
    use std::io::Write as _;
    let fake = says("first second");
    let (gateway, root) = Files::new(fake.address, "first").start();
    let list = root.join("packs/p/lists/words.txt");
    put(&list, "first\n");
    let rules = rule("first", "first").replace("keywords", "lists = [\"words.txt\"]\nkeywords");
    put(&root.join(RULES), &rules);
    assert!(wait_for(|| generation(&gateway) == 2), "{}", status(&gateway));
    let mut file = fs::OpenOptions::new().append(true).open(&list).expect("a file");
    let begun = Instant::now();
    // On a machine that lets this thread wait for long the file does rest; then it is tried again.
    let (mut before, mut rested) = (2, true);
    while rested && begun.elapsed() < PATIENCE / 2 {
        (before, rested) = (generation(&gateway), false);
        let start = Instant::now();
        while start.elapsed() < 20 * WATCH {
            let written = Instant::now();
            file.write_all(b"more\n").expect("a line");
            std::thread::sleep(WATCH / 10);
            rested |= written.elapsed() > WATCH * 3 / 4;
        }
    }
    assert!(!rested, "the machine is too busy for this test");
    assert_eq!(generation(&gateway), before, "{}", status(&gateway));
    file.write_all(b"second\n").expect("a line");
    assert!(wait_for(|| generation(&gateway) > before), "{}", status(&gateway));
    assert!(wait_for(|| streamed(&gateway) == "[WORD] [WORD]"));
    assert!(begun.elapsed() < PATIENCE);
}
