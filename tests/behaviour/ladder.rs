//! Who is blocked again and again is warned, slowed down and shut out, and let in again: on record, over a restart, in the client's words.

use std::path::Path;

use serde_json::{Value, json};
use sluicegate::audit::{EntryKind, read_dir};
use sluicegate::limits::Pepper;

use super::reload::{Files, of_folder, rule};
use super::{Answer, Client, Fake, Gateway, answer, chat, post, wait_for};

const KEY: &str = "sgk_one";
const OTHER: &str = "sgk_two";

/// A gateway for two keys that blocks a word; three blocks warn, four limit, five suspend.
fn gateway(fake: &Fake, more: &str) -> (Gateway, std::path::PathBuf) {
    let files = Files::new(fake.address, "maskme");
    let pepper = Pepper::new(&[7; 32]);
    let (one, two) = (pepper.hash(KEY.as_bytes()), pepper.hash(OTHER.as_bytes()));
    let config = std::fs::read_to_string(files.path("gateway.toml")).expect("a file");
    let ladder = format!(
        "[policy.complaints]\nurl = \"https://help.example/{{exchange}}\"\nanswered_within_days = 15\n\
         [policy.ladder]\nwarn = 2\nlimit = 3\nsuspend = 4\npace = \"1 h\"\n{more}\n\
         [[tenant]]\nname = \"red\"\nkeys = [{{ id = \"k1\", hash = \"{one}\" }}, {{ id = \"k2\", hash = \"{two}\" }}]\n[[upstream]]"
    );
    files.write("gateway.toml", &config.replace("[[upstream]]", &ladder));
    let blocks = rule("blockme", "blockme").replace("\"word\"", "\"bad\"").replace("\"mask\"", "\"block\"");
    files.write("packs/p/rules/block.toml", &blocks);
    files.start()
}

fn fake() -> Fake {
    Fake::whole("200 OK", "content-type: application/json\r\n", answer("fine").as_bytes())
}

fn ask(gateway: &Gateway, key: &str, body: &str) -> Answer {
    let request = post("/v1/chat/completions", body);
    gateway.raw(
        request.replacen("connection:", &format!("authorization: Bearer {key}\r\nconnection:"), 1).as_bytes(),
    )
}

fn error(got: &Answer) -> Value {
    let body: Value = serde_json::from_str(&got.body).unwrap_or_default();
    body["error"].clone()
}

fn change(gateway: &Gateway, path: &str) -> (u16, Value) {
    let mut client = Client::new(gateway.operations);
    client.send(format!("POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes());
    let got = client.read_all();
    (got.status, serde_json::from_str(&got.body).unwrap_or_default())
}

fn list(gateway: &Gateway) -> Value {
    serde_json::from_str(&gateway.operations("/admin/standing").body).expect("JSON")
}

/// The standings on record, from where to where and by what.
fn recorded(dir: &Path) -> Vec<Value> {
    let mut all = Vec::new();
    read_dir(dir, &mut |entry: sluicegate::audit::Entry| {
        if entry.kind == EntryKind::Event {
            let event: Value = serde_json::from_slice(&entry.payload).expect("records are JSON");
            all.push(event["detail"].clone());
        }
    })
    .expect("a journal");
    all
}

#[test]
fn blocks_lead_from_a_warning_to_a_suspension_and_back() {
    let fake = fake();
    let (gateway, root) = gateway(&fake, "");
    let (bad, good) = (chat("blockme", false), chat("hello", false));
    // The first is a block and nothing more, the second warns.
    let first = ask(&gateway, KEY, &bad);
    assert_eq!((first.status, first.field("x-sluicegate-standing")), (400, None), "{}", first.body);
    let said = &error(&first)["sluicegate"];
    assert_eq!(
        (&said["blocks"], &said["next_standing"], &said["next_standing_at"]),
        (&json!(1), &json!("warned"), &json!(2))
    );
    let second = ask(&gateway, KEY, &bad);
    assert_eq!(
        (second.status, second.field("x-sluicegate-standing")),
        (400, Some("warned")),
        "{}",
        second.head
    );
    let message = error(&second)["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains("2 prompts were blocked lately: warned; from 3 on: limited"), "{message}");
    let passed = ask(&gateway, KEY, &good);
    assert_eq!(
        (passed.status, passed.field("x-sluicegate-standing")),
        (200, Some("warned")),
        "{}",
        passed.head
    );

    // The third limits: what is good waits too.
    let third = ask(&gateway, KEY, &bad);
    assert_eq!(
        (third.status, third.field("x-sluicegate-standing")),
        (400, Some("limited")),
        "{}",
        third.head
    );
    let slow = ask(&gateway, KEY, &good);
    assert_eq!((slow.status, slow.field("x-sluicegate-standing")), (429, Some("limited")), "{}", slow.body);
    let wait: u64 = slow.field("retry-after").and_then(|n| n.parse().ok()).expect("a time");
    assert!((3590..=3600).contains(&wait), "{wait}");
    let said = &error(&slow)["sluicegate"];
    assert_eq!((&said["code"], &said["standing"]), (&json!("rate_limited"), &json!("limited")));
    // Other keys are not meant.
    assert_eq!(ask(&gateway, OTHER, &good).status, 200);

    // The fourth, sent while limited, suspends; the answer says where to object, in the language of the request.
    let fourth = ask(&gateway, KEY, &bad);
    assert_eq!(
        (fourth.status, fourth.field("x-sluicegate-standing")),
        (400, Some("suspended")),
        "{}",
        fourth.body
    );
    let out = ask(&gateway, KEY, &chat("你好，请问今天的天气怎么样", false));
    assert_eq!((out.status, out.field("x-sluicegate-standing")), (403, Some("suspended")), "{}", out.body);
    let error = error(&out);
    let exchange = out.field("x-sluicegate-exchange").expect("an id");
    assert_eq!(
        (&error["code"], &error["sluicegate"]["complaint_id"]),
        (&json!("suspended"), &json!(exchange))
    );
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|m| m.contains("已暂停使用") && m.contains("https://help.example/")),
        "{error}"
    );
    let upstream = fake.seen().len();
    assert_eq!(ask(&gateway, KEY, &good).status, 403);
    assert_eq!(fake.seen().len(), upstream, "nothing of it went upstream");

    let all = list(&gateway);
    assert_eq!((&all[0]["standing"], &all[0]["key"]), (&json!("suspended"), &json!("k1")), "{all}");
    for (line, n) in [("{by=\"policy\",to=\"suspended\"}", 1.0), ("{by=\"policy\",to=\"warned\"}", 1.0)] {
        assert_eq!(gateway.metric(&format!("sluicegate_standing_steps_total{line}")), n, "{line}");
    }
    assert_eq!(gateway.metric("sluicegate_standings{standing=\"suspended\"}"), 1.0);

    // An operator lifts it; nobody else does.
    assert_eq!(change(&gateway, "/admin/standing/lift?tenant=red&key=nobody").0, 404);
    assert_eq!(change(&gateway, "/admin/standing/lift?tenant=red").0, 400);
    let (status, said) = change(&gateway, "/admin/standing/lift?tenant=red&key=k1&why=appeal%207");
    assert_eq!((status, &said["outcome"], &said["from"]), (200, &json!("good"), &json!("suspended")));
    assert_eq!(change(&gateway, "/admin/standing/lift?tenant=red&key=k1").0, 409);
    let back = ask(&gateway, KEY, &good);
    assert_eq!((back.status, back.field("x-sluicegate-standing")), (200, None), "{}", back.head);
    // Or shuts somebody out who was never blocked.
    assert_eq!(change(&gateway, "/admin/standing/suspend?tenant=red&key=k2&seconds=60").0, 200);
    assert_eq!(ask(&gateway, OTHER, &good).status, 403);

    let journal = root.join("journal");
    let mut gateway = gateway;
    gateway.running.take().expect("it runs").shutdown();
    let steps: Vec<[String; 3]> = recorded(&journal)
        .iter()
        .map(|one| ["from", "to", "by"].map(|key| one[key].as_str().unwrap_or_default().to_owned()))
        .collect();
    let want = [
        ["good", "warned", "policy"],
        ["warned", "limited", "policy"],
        ["limited", "suspended", "policy"],
        ["suspended", "good", "operator"],
        ["good", "suspended", "operator"],
    ];
    assert_eq!(steps, want.map(|step| step.map(str::to_owned)));
    assert!(recorded(&journal).iter().any(|one| one["why"] == "appeal 7"));
}

/// The book outlives the gateway; a user is told by a hash.
#[test]
fn a_user_stays_suspended_over_a_restart() {
    let fake = fake();
    let with = |user: &str, text: &str| {
        json!({"model": "m", "user": user, "messages": [{"role": "user", "content": text}]}).to_string()
    };
    let (mut gateway, root) = gateway(&fake, "of = \"user\"\nsuspended_for = \"0 s\"");
    for _ in 0..4 {
        assert!([400, 429].contains(&ask(&gateway, KEY, &with("mallory", "blockme")).status));
    }
    let good = "hello there";
    assert_eq!(ask(&gateway, KEY, &with("mallory", good)).status, 403);
    assert_eq!(ask(&gateway, KEY, &with("alice", good)).status, 200, "another user of the same key");
    let all = list(&gateway).to_string();
    assert!(!all.contains("mallory") && all.contains("suspended"), "{all}");
    assert!(wait_for(|| std::fs::read_to_string(root.join("state/standings.json"))
        .is_ok_and(|book| book.contains("suspended"))));
    gateway.running.take().expect("it runs").shutdown();

    let again = of_folder(&root, tempfile::tempdir().expect("a folder"));
    assert_eq!(ask(&again, KEY, &with("mallory", good)).status, 403);
    assert_eq!(ask(&again, KEY, &with("alice", good)).status, 200);
    // A header names them too, whatever the body says.
    let request = post("/v1/chat/completions", &with("bob", good));
    let fields = format!("authorization: Bearer {KEY}\r\nx-sluicegate-user: mallory\r\nconnection:");
    assert_eq!(again.raw(request.replacen("connection:", &fields, 1).as_bytes()).status, 403);
    let forwarded = fake.seen().join("\n");
    assert!(!forwarded.contains("x-sluicegate-user"), "{forwarded}");
}

/// Blocks by other rules than those named do not count, and neither does what a model says.
#[test]
fn only_what_the_policy_names_counts() {
    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", answer("blockme").as_bytes());
    let (other, _) = gateway(&fake, "rules = [\"p/word\"]");
    for _ in 0..6 {
        assert_eq!(ask(&other, KEY, &chat("blockme", false)).status, 400);
    }
    assert_eq!(list(&other), json!([]));
    let (answers, _) = gateway(&fake, "");
    for _ in 0..6 {
        assert_eq!(ask(&answers, KEY, &chat("hello", false)).status, 400);
    }
    assert_eq!(list(&answers), json!([]));
}
