//! Marks from outside: answers carry them, prompts lose them, the record names their epoch, and anybody may ask the detector.

use std::sync::Arc;

use serde_json::{Value, json};
use sluicegate::policy::{Action, Actions, Density, Policy, Rule};
use sluicegate::provenance::mark::{DetectorSettings, Epoch, MarkKeys, strip};

use super::{Answer, Fake, Gateway, Wishes, answer, chat};

const TEXT: &str =
    "The river carries water from the mountains into the valley, where people have lived since early times. ";

fn keys() -> Arc<MarkKeys> {
    let mut key = [3; 32];
    key[0] = 9;
    Arc::new(MarkKeys::of(Epoch::new(4, 1_795_000_000, &key)))
}

fn wishes(detector: DetectorSettings) -> Wishes {
    let rule = Rule {
        id: "test/maskme".into(),
        actions: Actions::all(Action::Mask),
        marker: "[MASKED]".into(),
        ..Rule::default()
    };
    let keyword = sluicegate::detect::Keyword { text: "maskme".into(), whole_word: false };
    let spec = sluicegate::detect::RuleSpec { keywords: vec![keyword], ..Default::default() };
    let policy = Policy::from_rules(vec![(rule, spec), sluicegate::policy::canary_rule()]).expect("a policy");
    Wishes {
        policy: Some(Arc::new(policy.marking(Density::Standard))),
        marks: Some(keys()),
        detector,
        ..Wishes::default()
    }
}

fn said(got: &Answer) -> String {
    let body: Value = serde_json::from_str(&got.body).expect("JSON");
    body["choices"][0]["message"]["content"].as_str().expect("a text").to_owned()
}

#[test]
fn answers_are_marked_and_what_comes_back_is_stripped() {
    let text = TEXT.repeat(4) + "maskme";
    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", answer(&text).as_bytes());
    let gateway = Gateway::new(Some(fake.address), &wishes(DetectorSettings::default()));
    let got = said(&gateway.post("/v1/chat/completions", &chat("hello", false)));
    let plain = text.replace("maskme", "[MASKED]");
    assert!(got.len() > plain.len() + 100 && *strip(&keys(), &got) == plain, "{got}");
    let history = json!({"model": "m", "messages": [{"role": "assistant", "content": got}, {"role": "user", "content": "on"}]});
    gateway.post("/v1/chat/completions", &history.to_string());
    let upstream = fake.seen().last().cloned().expect("a request");
    assert!(upstream.contains(plain.trim()) && !upstream.contains('\u{2060}'), "{upstream}");
    let asked = json!({"model": "m", "messages": [], "response_format": {"type": "json_object"}});
    // What a program reads has no marks; the marker is quoted, as it is in JSON.
    let exact = said(&gateway.post("/v1/chat/completions", &asked.to_string()));
    assert_eq!(exact, plain.replace("[MASKED]", "\"[MASKED]\""));
    let marks = gateway.metric("sluicegate_marks_total{what=\"set\"}");
    assert!(marks >= 4.0 && gateway.metric("sluicegate_marks_total{what=\"stripped\"}") * 2.0 == marks);
    let ends: Vec<Value> = gateway.records().into_iter().filter_map(|(_, end)| end).collect();
    assert_eq!(ends[0]["mark"]["epoch"], 4);
    assert_eq!(ends[0]["mark"]["marks"].to_string(), (marks / 2.0).to_string());
    assert_eq!(ends[2].get("mark"), None);
}

#[test]
fn anybody_may_ask_the_detector() {
    let fake =
        Fake::whole("200 OK", "content-type: application/json\r\n", answer(&TEXT.repeat(6)).as_bytes());
    let detector = DetectorSettings { per_minute: 5, ..DetectorSettings::default() };
    // A key is needed for all else.
    let gateway = Gateway::new(Some(fake.address), &Wishes { key: Some("k-secret"), ..wishes(detector) });
    let body = chat("hello", false);
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer k-secret\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let marked = said(&gateway.raw(request.as_bytes()));
    let layer = |got: &Answer| -> Value {
        let body: Value = serde_json::from_str(&got.body).expect("JSON");
        body["layers"]["mark"].clone()
    };
    let found = layer(&gateway.post("/v1/detect", &json!({"text": marked}).to_string()));
    assert_eq!((&found["verdict"], &found["epochs"][0]["epoch"]), (&json!("bound"), &json!(4)), "{found}");
    assert!(
        found["false_alarm"].as_f64().is_some_and(|chance| chance < 1e-9) && found.get("places").is_none()
    );
    let none = layer(&gateway.post("/v1/detect", &json!({"text": TEXT.repeat(6)}).to_string()));
    assert_eq!(none["verdict"], "none");
    let page = |method: &str, body: &str| {
        let head = format!(
            "{method} /detect HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        gateway.raw(head.as_bytes())
    };
    let empty = page("GET", "");
    assert!(
        empty.body.contains("<form method=\"post\"") && !empty.body.contains("<script"),
        "{}",
        empty.body
    );
    let encoded: String =
        marked.bytes().map(|b| if b == b' ' { "+".to_owned() } else { format!("%{b:02X}") }).collect();
    let answered = page("POST", &format!("text={encoded}"));
    assert!(answered.body.contains("Found, unchanged"), "{}", answered.body);
    assert_eq!(gateway.post("/v1/detect", "{\"no\":1}").status, 400);
    assert_eq!(gateway.post("/v1/detect", "{\"text\":\"x\"}").status, 200);
    let refused = gateway.post("/v1/detect", "{\"text\":\"x\"}");
    assert_eq!(refused.status, 429);
    assert!(refused.head.to_lowercase().contains("retry-after: "), "{}", refused.head);
    // Nothing of it is on record.
    assert_eq!(gateway.records().len(), 1);
}

#[test]
fn a_detector_that_is_not_public_is_not_there() {
    let gateway =
        Gateway::new(None, &wishes(DetectorSettings { public: false, ..DetectorSettings::default() }));
    assert_eq!(gateway.post("/v1/detect", "{\"text\":\"x\"}").status, 404);
}
