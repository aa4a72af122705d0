//! What is counted is what there was: findings beyond those that a record lists, and none of them twice.

use std::fmt::Write as _;

use super::{Fake, Gateway, Step, Wishes, answer, chat, event, wait_for};

fn counted(gateway: &Gateway, direction: &str) -> f64 {
    gateway.metric(&format!(
        "sluicegate_findings_total{{action=\"mask\",direction=\"{direction}\",rule=\"test/maskme\"}}"
    ))
}

fn words(n: usize) -> String {
    (0..n).fold(String::new(), |mut text, i| {
        let _ = write!(text, "maskme number{i}, ");
        text
    })
}

/// A record lists 256 findings; the metric and the record's total tell of all.
#[test]
fn findings_beyond_those_listed() {
    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", answer(&words(700)).as_bytes());
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    let got = gateway.post("/v1/chat/completions", &chat(&words(1000), false));
    assert_eq!(got.body.matches("[MASKED]").count(), 700);
    assert_eq!(fake.seen().concat().matches("[MASKED]").count(), 1000);
    assert_eq!(counted(&gateway, "prompt"), 1000.0);
    assert_eq!(counted(&gateway, "output"), 700.0);
    let mut records = gateway.records();
    let (admission, end) = records.pop().expect("a record");
    let listed = |record: &serde_json::Value| record["findings"].as_array().map(Vec::len);
    assert_eq!((&admission["found"], listed(&admission)), (&1000.into(), Some(256)));
    let end = end.expect("an end");
    assert_eq!((&end["found"], listed(&end)), (&700.into(), Some(256)));
}

/// The same in a stream, event by event.
#[test]
fn findings_of_a_stream() {
    let mut pieces: Vec<Step> = (0..600).map(|_| Step::Send(event("maskme and so on ").into())).collect();
    pieces.push(Step::Send(b"data: [DONE]\n\n".to_vec()));
    let gateway = Gateway::new(Some(Fake::stream(pieces).address), &Wishes::default());
    let got = gateway.post("/v1/chat/completions", &chat("hello", true));
    assert_eq!(got.body.matches("[MASKED]").count(), 600);
    assert!(wait_for(|| counted(&gateway, "output") == 600.0), "{}", counted(&gateway, "output"));
    assert_eq!(gateway.only_end()["found"], 600);
}

/// Parts of a message are read alone and joined: what both readings find is one finding.
#[test]
fn parts_are_not_counted_twice() {
    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", answer("fine").as_bytes());
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    let parts: Vec<_> =
        (0..300).map(|i| serde_json::json!({"type": "text", "text": format!("maskme {i}. ")})).collect();
    let body = serde_json::json!({"model": "m", "messages": [{"role": "user", "content": parts}]});
    assert_eq!(gateway.post("/v1/chat/completions", &body.to_string()).status, 200);
    assert_eq!(counted(&gateway, "prompt"), 300.0);
    let (admission, _) = gateway.records().pop().expect("a record");
    assert_eq!(admission["found"], 300);
}

/// What blocks an exchange since nobody read it is counted and on record, by its kind, as what passes is.
#[test]
fn what_was_not_read_is_named() {
    use sluicegate::policy::Unscanned;
    let image = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]}]}"#;
    let sound = "content-type: audio/mpeg\r\n";
    for (unscanned, status) in [(Unscanned::Block, 400), (Unscanned::Flag, 200)] {
        let wishes = Wishes { unscanned, ..Wishes::default() };
        let fake = Fake::whole("200 OK", "content-type: application/json\r\n", answer("fine").as_bytes());
        let gateway = Gateway::new(Some(fake.address), &wishes);
        let got = gateway.post("/v1/chat/completions", image);
        assert_eq!(got.status, status, "{got:?}");
        assert_eq!(gateway.metric("sluicegate_unscanned_total{kind=\"image\"}"), 1.0, "{unscanned:?}");
        let (admission, _) = gateway.records().pop().expect("a record");
        assert_eq!(admission["coverage"]["unscanned"]["image"], 1, "{admission}");

        let gateway = Gateway::new(Some(Fake::whole("200 OK", sound, b"ID3").address), &wishes);
        gateway.post("/v1/chat/completions", &chat("hello", false));
        let counted = || gateway.metric("sluicegate_unscanned_total{kind=\"media type\"}") == 1.0;
        assert!(wait_for(counted), "{unscanned:?}");
        let end = gateway.only_end();
        assert_eq!(end["coverage"]["unscanned"]["media type"], 1, "{end}");
    }
}
