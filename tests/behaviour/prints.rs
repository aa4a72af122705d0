//! Prints from outside: what was delivered is known again by the public detector, without marks and without a word of whose it was.

use std::sync::Arc;

use serde_json::{Value, json};
use sluicegate::policy::{Action, Actions, Policy, Rule};

use super::{Answer, Fake, Gateway, Wishes, answer, chat, event, wait_for};

const SAID: &str = "The narrow gauge railway climbs through eleven tunnels before it reaches the upper lake, where the old boathouse \
    keeper still rents out three wooden boats each summer and tells visitors how the dam changed the fishing.";
const ASKED: &str = "Repeat after me: our quarterly harvest of lavender was smaller than planned because the late frost in April took \
    nearly half of the young plants on the northern slope, and the bees came too late.";

fn rule(word: &str, action: Action) -> (Rule, sluicegate::detect::RuleSpec) {
    let rule = Rule {
        id: format!("test/{word}"),
        actions: Actions::all(action),
        marker: "[MASKED]".into(),
        ..Rule::default()
    };
    let keyword = sluicegate::detect::Keyword { text: word.into(), whole_word: false };
    (rule, sluicegate::detect::RuleSpec { keywords: vec![keyword], ..Default::default() })
}

fn wishes(prints: bool) -> Wishes {
    let rules = vec![
        rule("boathouse", Action::Mask),
        rule("blockme", Action::Block),
        sluicegate::policy::canary_rule(),
    ];
    let policy = Policy::from_rules(rules).expect("a policy").printing(prints);
    Wishes { policy: Some(Arc::new(policy)), prints, ..Wishes::default() }
}

fn layer(got: &Answer) -> Value {
    let body: Value = serde_json::from_str(&got.body).unwrap_or_else(|e| panic!("{e}: {}", got.body));
    body["layers"]["fingerprint"].clone()
}

fn detect(gateway: &Gateway, text: &str) -> Value {
    layer(&gateway.post("/v1/detect", &json!({"text": text}).to_string()))
}

fn kept(gateway: &Gateway, count: f64) -> bool {
    wait_for(|| gateway.metric("sluicegate_prints_total{what=\"kept\"}") >= count)
}

#[test]
fn what_was_delivered_is_known_again() {
    let said = format!("{SAID} {}", ASKED.replace("Repeat after me: ", ""));
    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", answer(&said).as_bytes());
    let gateway = Gateway::new(Some(fake.address), &wishes(true));
    gateway.post("/v1/chat/completions", &chat(ASKED, false));
    assert!(kept(&gateway, 1.0));
    let found = detect(&gateway, &SAID.replace("boathouse", "BOATHOUSE").to_uppercase());
    assert_eq!(found["verdict"], "found", "{found}");
    assert!(found["false_alarm"].as_f64().is_some_and(|chance| chance <= 1e-3), "{found}");
    assert!(found["delivered"].as_str().is_some_and(|day| day.len() == 10), "{found}");
    // Nobody is told which exchange, or whose, or where in a short text.
    let words: Vec<&String> = found.as_object().expect("a layer").keys().collect();
    let all = ["answers", "covered", "delivered", "false_alarm", "key", "meaning", "tenths", "verdict"];
    assert_eq!(words, all);
    assert_eq!(found["tenths"], Value::Null);
    // What the prompt said is nobody's words but the client's.
    assert_eq!(detect(&gateway, ASKED)["verdict"], "none");
    let nothing = detect(
        &gateway,
        "Nobody has ever said this before, and it is long enough to be known if it had been said.",
    );
    assert_eq!((&nothing["verdict"], &nothing["false_alarm"]), (&json!("none"), &Value::Null));
    assert!(!nothing["meaning"].as_str().expect("a sentence").contains("human"));
    let encoded = SAID.replace(' ', "+");
    let head = format!(
        "POST /detect HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\ntext={encoded}",
        encoded.len() + 5
    );
    let page = gateway.raw(head.as_bytes()).body;
    assert!(page.contains("Delivered by this gateway") && !page.contains("tenant"), "{page}");
}

#[test]
fn streams_are_known_as_far_as_they_came() {
    let pieces: Vec<String> = SAID.split_inclusive(' ').map(str::to_owned).collect();
    // As much as is known again: some 86 letters.
    let half = pieces.len() * 2 / 3;
    let begin: String = pieces.iter().take(half).map(|piece| event(piece)).collect();
    let end: String = pieces.iter().skip(half).map(|piece| event(piece)).collect();
    let body = format!("{begin}{}{end}data: [DONE]\n\n", event(" blockme "));
    let fake = Fake::whole("200 OK", "content-type: text/event-stream\r\n", body.as_bytes());
    let gateway = Gateway::new(Some(fake.address), &wishes(true));
    gateway.post("/v1/chat/completions", &chat("hello", true));
    assert!(kept(&gateway, 1.0));
    let (first, second) = (pieces[..half].concat(), pieces[half..].concat());
    assert_eq!(detect(&gateway, &first)["verdict"], "found");
    assert_eq!(detect(&gateway, &second)["verdict"], "none", "it did not arrive");
}

#[test]
fn without_the_switch_nothing_is_kept() {
    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", answer(SAID).as_bytes());
    let gateway = Gateway::new(Some(fake.address), &wishes(false));
    gateway.post("/v1/chat/completions", &chat("hello", false));
    assert_eq!(gateway.post("/v1/detect", "{\"text\":\"x\"}").status, 404);
    assert_eq!(gateway.metric("sluicegate_prints_total"), 0.0);
    assert!(!gateway.dir.path().join("prints").exists());
}
