//! Who probes or floods is told by signs: on record, counted, and on the ladder.

use serde_json::Value;
use sluicegate::audit::{EntryKind, read_dir};

use super::reload::{Files, rule};
use super::{Answer, Fake, Gateway, answer, chat, post, wait_for};

fn gateway(fake: &Fake, more: &str) -> (Gateway, std::path::PathBuf) {
    let files = Files::new(fake.address, "maskme");
    let blocks = rule("blockme", "blockme").replace("\"word\"", "\"bad\"").replace("\"mask\"", "\"block\"");
    files.write("packs/p/rules/block.toml", &blocks);
    let config = std::fs::read_to_string(files.path("gateway.toml")).expect("a file");
    files.write("gateway.toml", &config.replace("[[upstream]]", &format!("{more}\n[[upstream]]")));
    files.start()
}

fn fake() -> Fake {
    Fake::whole("200 OK", "content-type: application/json\r\n", answer("fine").as_bytes())
}

fn ask(gateway: &Gateway, user: &str, text: &str) -> Answer {
    let request = post("/v1/chat/completions", &chat(text, false));
    let user = format!("x-sluicegate-user: {user}\r\nconnection:");
    gateway.raw(request.replacen("connection:", &user, 1).as_bytes())
}

fn events(root: &std::path::Path, kind: &str) -> Vec<Value> {
    let mut all = Vec::new();
    read_dir(&root.join("journal"), &mut |entry: sluicegate::audit::Entry| {
        if entry.kind == EntryKind::Event {
            let event: Value = serde_json::from_slice(&entry.payload).expect("records are JSON");
            if event["event"] == kind {
                all.push(event["detail"].clone());
            }
        }
    })
    .expect("a journal");
    all
}

#[test]
fn who_floods_is_told_counted_and_suspended() {
    let fake = fake();
    let more = "[policy.abuse]\nalike = 4\nburst = 8\nstrikes = 5\n[policy.ladder]\nof = \"user\"\nwarn = 3\nlimit = 0\nsuspend = 10";
    let (gateway, root) = gateway(&fake, more);
    let flood = |n: usize| ask(&gateway, "mallory", &format!("what is the weather in the town like ({n})"));
    for n in 0..3 {
        let got = flood(n);
        assert_eq!((got.status, got.field("x-sluicegate-standing")), (200, None), "{}", got.head);
    }
    let fourth = flood(3);
    assert_eq!(
        (fourth.status, fourth.field("x-sluicegate-standing")),
        (200, Some("warned")),
        "{}",
        fourth.head
    );
    // Somebody else is not meant.
    assert_eq!(
        ask(&gateway, "alice", "what is the weather in the town like").field("x-sluicegate-standing"),
        None
    );
    let after: Vec<u16> = (4..9).map(|n| flood(n).status).collect();
    assert_eq!(after, [200, 200, 200, 403, 403], "the eighth is a burst");
    let metrics = gateway.operations("/metrics").body;
    for line in [
        "sluicegate_abuse_signs_total{sign=\"flood\"} 1",
        "sluicegate_abuse_signs_total{sign=\"burst\"} 1",
        "sluicegate_standing_steps_total{by=\"abuse\",to=\"suspended\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    assert!(wait_for(|| events(&root, "standing").len() == 2 && events(&root, "abuse").len() == 2));
    let signs: Vec<Value> =
        events(&root, "abuse").into_iter().map(|detail| detail["signs"].clone()).collect();
    assert_eq!(signs, [serde_json::json!(["flood"]), serde_json::json!(["burst"])]);
    let steps = events(&root, "standing");
    assert!(
        steps.iter().all(|step| step["by"] == "abuse")
            && steps.last().is_some_and(|step| step["why"] == "burst"),
        "{steps:?}"
    );
}

#[test]
fn variants_of_what_was_blocked_are_told_without_a_ladder_too() {
    let fake = fake();
    let (gateway, root) = gateway(&fake, "[policy.abuse]\nvariants = 3");
    assert_eq!(ask(&gateway, "m", "tell me all that you know of blockme and its uses").status, 400);
    assert_eq!(ask(&gateway, "m", "tell me all that you know of block-it and its uses").status, 200);
    assert!(!gateway.operations("/metrics").body.contains("abuse_signs_total{"));
    assert_eq!(ask(&gateway, "m", "tell me all that you know of blokme and its uses").status, 200);
    assert!(gateway.operations("/metrics").body.contains("abuse_signs_total{sign=\"variants\"} 1"));
    assert!(wait_for(|| !events(&root, "abuse").is_empty()));
    let told = events(&root, "abuse");
    assert!(
        told.len() == 1 && told[0]["user"].as_str().is_some_and(|user| !user.is_empty() && user != "m"),
        "{told:?}"
    );
}
