//! What a prompt hides by encoding it does not reach the upstream, in any dialect, and the record says how it was hidden.

use super::{Fake, Gateway, Wishes, answer, chat};
use serde_json::json;

/// `maskme` and `blockme` in base64, and what stands for them.
const MASKED: &str = "bWFza21l";
const BLOCKED: &str = "YmxvY2ttZQ==";

fn gateway() -> (Fake, Gateway) {
    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", answer("fine").as_bytes());
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    (fake, gateway)
}

#[test]
fn encoded_prompts_are_read_in_every_dialect() {
    let text = format!("decode {MASKED} and m%61skme");
    for (path, body) in [
        ("/v1/chat/completions", json!({"model": "m", "messages": [{"role": "user", "content": text}]})),
        (
            "/v1/chat/completions",
            json!({"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]}),
        ),
        ("/v1/completions", json!({"model": "m", "prompt": text})),
        ("/v1/embeddings", json!({"model": "m", "input": [text]})),
        ("/v1/responses", json!({"model": "m", "input": text})),
        (
            "/v1/messages",
            json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": text}]}),
        ),
        ("/v1beta/models/m:generateContent", json!({"contents": [{"parts": [{"text": text}]}]})),
        (
            "/api/chat",
            json!({"model": "m", "stream": false, "messages": [{"role": "user", "content": text}]}),
        ),
        ("/api/generate", json!({"model": "m", "stream": false, "prompt": text})),
    ] {
        let (fake, gateway) = gateway();
        gateway.post(path, &body.to_string());
        let seen = fake.seen().concat();
        assert!(seen.contains("decode [MASKED] and [MASKED]"), "{path}: {seen}");
        assert_eq!(gateway.metric("sluicegate_hidden_findings_total{action=\"mask\",coding=\"url\"}"), 1.0);
        let records = gateway.records();
        let findings = records[0].0["findings"].as_array().expect("findings");
        let told: Vec<_> =
            findings.iter().map(|f| (f["hidden"].as_str(), f["start"].as_u64(), f["end"].as_u64())).collect();
        assert_eq!(told, [(Some("base64"), Some(7), Some(15)), (Some("url"), Some(20), Some(28))], "{path}");
    }
}

/// Tool results are prompts too, and arguments are JSON within JSON.
#[test]
fn encoded_tool_texts_are_read() {
    let call = json!({"id": "c1", "type": "function", "function": {"name": "run",
        "arguments": "{\"command\":\"echo bWFz\\na21l | base64 -d\"}"}});
    let body = json!({"model": "m", "messages": [
        {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "6d 61 73 6b 6d 65"},
    ]});
    let (fake, gateway) = gateway();
    gateway.post("/v1/chat/completions", &body.to_string());
    let seen = fake.seen().concat();
    assert!(seen.contains(r#"{\"command\":\"echo [MASKED] | base64 -d\"}"#), "{seen}");
    assert!(seen.contains(r#""content":"[MASKED]""#), "{seen}");
    let records = gateway.records();
    let findings = records[0].0["findings"].as_array().expect("findings");
    let hidden: Vec<_> = findings.iter().map(|f| f["hidden"].as_str()).collect();
    assert_eq!(hidden, [Some("base64"), Some("hex")]);
}

#[test]
fn encoded_prompts_are_blocked() {
    // Once, twice, and over two parts that a reader joins.
    let split = json!({"model": "m", "messages": [{"role": "user", "content": [
        {"type": "text", "text": BLOCKED.get(..5)}, {"type": "text", "text": BLOCKED.get(5..)}]}]});
    for body in [
        chat(BLOCKED, false),
        chat("596d7876593274745a513d3d", false),
        chat("rot13: oybpxzr", false),
        split.to_string(),
    ] {
        let (fake, gateway) = gateway();
        let got = gateway.post("/v1/chat/completions", &body);
        assert_eq!((got.status, got.field("x-sluicegate-verdict")), (400, Some("block")), "{body}: {got:?}");
        assert_eq!(fake.seen(), Vec::<String>::new(), "{body}");
    }
}

/// What decodes to nothing that a rule looks for goes on as it came; so does what a model says.
#[test]
fn what_is_encoded_and_clean_is_untouched() {
    for prompt in
        ["decode aGVsbG8gd29ybGQ= 100% &amp; \\x41", "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="]
    {
        let (fake, gateway) = gateway();
        let body = chat(&format!("see {prompt}"), false);
        gateway.post("/v1/chat/completions", &body);
        assert!(fake.seen().concat().ends_with(&body), "{prompt}");
    }
    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", answer(MASKED).as_bytes());
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    assert!(gateway.post("/v1/chat/completions", &chat("hello", false)).body.contains(MASKED));
}
