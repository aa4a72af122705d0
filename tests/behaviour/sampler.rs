//! The sampler's mark from outside: what an upstream is asked, what it is not, what happens where it refuses, and who finds it.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Value, json};
use sluicegate::policy::{Policy, canary_rule};
use sluicegate::provenance::mark::{Epoch, MarkKeys};
use sluicegate::provenance::sampler::{Biased, List, SamplerSettings, Strength, Vocabulary};

use super::fake::whole;
use super::{Answer, Fake, Gateway, Step, Wishes, answer, chat, event};

const ENGLISH: &str = "What is the best way to learn a language, and how long does it take?";
const JSON: &str = "content-type: application/json\r\n";

/// The words of both lists by their numbers, and a tokenizer that has them.
fn words() -> (BTreeMap<u32, &'static str>, Vocabulary) {
    let listed = List::ALL.into_iter().flat_map(|list| {
        list.pairs()
            .iter()
            .flat_map(|pair| [pair.first, pair.second])
            .map(move |word| (word, list == List::English))
    });
    let (mut words, mut json) =
        (BTreeMap::new(), String::from(r#"{"model":{"type":"BPE","vocab":{"▁the":7"#));
    for (number, (word, is_latin)) in (1000..).zip(listed) {
        words.insert(number, word);
        write!(json, ",\"{}{word}\":{number}", if is_latin { "▁" } else { "" }).expect("a String");
    }
    json.push_str("}}}");
    (words, Vocabulary::of("made", json.as_bytes()).expect("a vocabulary"))
}

fn wishes(mark: bool) -> Wishes {
    let settings = SamplerSettings {
        models: vec!["m".into(), "free-*".into()],
        tokenizer: "made".into(),
        bias: Strength::try_from(1.5).expect("a bias"),
    };
    let biased = Arc::new(Biased::of("made", &words().1).expect("enough words"));
    let mut key = [3; 32];
    key[0] = 9;
    let policy = Policy::from_rules(vec![canary_rule()]).expect("a policy");
    Wishes {
        policy: Some(Arc::new(policy.sampler_marking(mark))),
        marks: Some(Arc::new(MarkKeys::of(Epoch::new(4, 1_795_000_000, &key)))),
        samplers: vec![(settings, biased)],
        ..Wishes::default()
    }
}

fn body(request: &str) -> &str {
    request.split_once("\r\n\r\n").expect("a body").1
}

fn bias(request: &str) -> HashMap<u32, f64> {
    let body: Value = serde_json::from_str(body(request)).expect("JSON");
    let entries = body["logit_bias"].as_object().unwrap_or_else(|| panic!("no bias: {body}"));
    entries
        .iter()
        .map(|(token, bias)| (token.parse().expect("a number"), bias.as_f64().expect("a bias")))
        .collect()
}

fn fine() -> Fake {
    Fake::whole("200 OK", JSON, answer("hello").as_bytes())
}

fn detect(gateway: &Gateway, text: &str) -> Value {
    let got = gateway.post("/v1/detect", &json!({"text": text}).to_string());
    let body: Value = serde_json::from_str(&got.body).unwrap_or_else(|e| panic!("{e}: {}", got.body));
    body["layers"]["sampler"].clone()
}

#[test]
fn the_upstream_is_asked_and_nothing_else_of_the_request_changes() {
    let fake = fine();
    let gateway = Gateway::new(Some(fake.address), &wishes(true));
    // As nobody writes it: every byte of it stays.
    let asked = format!(
        "{{ \"messages\":[{{\"role\":\"user\" ,\"content\":\"{ENGLISH}\"}}],\n\"model\":\"m\",\"temperature\":7e-1 }}\n"
    );
    assert_eq!(gateway.post("/v1/chat/completions", &asked).status, 200);
    let seen = fake.seen().last().cloned().expect("a request");
    let (before, after) = body(&seen).split_once(",\"logit_bias\":{").expect("a bias");
    let after = after.split_once('}').expect("its end").1;
    assert_eq!(format!("{before}{after}"), asked);
    let (listed, english) = (words().0, List::English.pairs().len() as u32 * 2);
    let biases = bias(&seen);
    assert_eq!((biases.len(), biases.values().sum::<f64>().abs() < 1e-9), (300, true));
    assert!(biases.iter().all(|(token, bias)| *token < 1000 + english && (bias.abs() - 1.5).abs() < 1e-9));
    // The members of each pair are asked for otherwise.
    for (token, bias) in &biases {
        let other = if token % 2 == 0 { token + 1 } else { token - 1 };
        assert!((biases[&other] + bias).abs() < 1e-9, "{} and {}", listed[token], listed[&other]);
    }
    let text = "请介绍一下学习外语的方法，还有一般需要多长时间。";
    gateway.post(
        "/v1/chat/completions",
        &json!({"model": "free-1", "logit_bias": null, "messages": [{"role": "user", "content": text}]})
            .to_string(),
    );
    let chinese = bias(fake.seen().last().expect("a request"));
    assert!(
        chinese.len() == 300 && chinese.keys().all(|token| *token >= 1000 + english),
        "{}",
        chinese.len()
    );
    let legacy = json!({"model": "m", "prompt": ENGLISH, "max_tokens": 9});
    gateway.post("/v1/completions", &legacy.to_string());
    assert_eq!(bias(fake.seen().last().expect("a request")), biases);
    assert_eq!(gateway.metric("sluicegate_sampler_total{upstream=\"fake\",what=\"asked\"}"), 3.0);
    let records = gateway.records();
    for ((admission, end), list) in records.iter().zip(["en", "zh", "en"]) {
        let want = json!({"state": "asked", "epoch": 4, "list": list});
        assert_eq!((&admission["sampler"], &end.as_ref().expect("an end")["sampler"]), (&want, &want));
        assert_ne!(admission["sent"], admission["received"]);
    }
}

#[test]
fn what_is_not_asked_leaves_as_it_came() {
    let fake = fine();
    let (on, off) =
        (Gateway::new(Some(fake.address), &wishes(true)), Gateway::new(Some(fake.address), &wishes(false)));
    let say = |more: Value| {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": ENGLISH}]});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        body.to_string()
    };
    let tool = json!([{"type": "function", "function": {"name": "f", "parameters": {}}}]);
    let german = "Wie lange dauert es, eine Sprache zu lernen, und was ist die beste Methode?";
    let chats = [
        say(json!({"response_format": {"type": "json_object"}})),
        say(json!({"logprobs": true})),
        say(json!({"tools": tool})),
        say(json!({"model": "other"})),
        say(json!({"model": "free"})),
        say(json!({"logit_bias": {"5": 1}})),
        say(json!({"messages": [{"role": "user", "content": german}]})),
    ];
    for (path, body_sent) in chats.iter().map(|body| ("/v1/chat/completions", body)).chain([
        ("/v1/responses", &json!({"model": "m", "input": ENGLISH}).to_string()),
        ("/v1/embeddings", &json!({"model": "m", "input": ENGLISH}).to_string()),
        ("/v1/completions", &json!({"model": "m", "prompt": "def f(", "suffix": "return"}).to_string()),
        (
            "/v1/messages",
            &json!({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": ENGLISH}]})
                .to_string(),
        ),
    ]) {
        on.post(path, body_sent);
        assert_eq!(body(fake.seen().last().expect("a request")), body_sent, "{path}");
    }
    // Without the policy's word nothing is asked at all.
    off.post("/v1/chat/completions", &say(json!({})));
    assert_eq!(body(fake.seen().last().expect("a request")), say(json!({})));
    assert_eq!(on.metric("sluicegate_sampler_total{upstream=\"fake\",what=\"own\"}"), 1.0);
    assert_eq!(on.metric("sluicegate_sampler_total{upstream=\"fake\",what=\"asked\"}"), 0.0);
    let told: Vec<Value> =
        on.records().into_iter().map(|(admission, _)| admission["sampler"].clone()).collect();
    assert_eq!(told[5], json!({"state": "own"}));
    assert!(told.iter().enumerate().all(|(n, told)| n == 5 || told.is_null()), "{told:?}");
    assert!(off.records().iter().all(|(admission, _)| admission.get("sampler").is_none()));
}

#[test]
fn an_upstream_that_refuses_is_asked_once_more_without_and_then_left_alone() {
    let said = json!({"error": {"message": "Unsupported parameter: 'logit_bias' is not supported with this model.", "type": "invalid_request_error"}});
    let stream = format!("{}data: [DONE]\n\n", event("hello"));
    let fake = Fake::choosing(move |request| {
        let bytes = if request.contains("logit_bias") {
            whole("400 Bad Request", JSON, said.to_string().as_bytes())
        } else if request.contains("\"stream\":true") {
            whole("200 OK", "content-type: text/event-stream\r\n", stream.as_bytes())
        } else {
            whole("200 OK", JSON, answer("hello").as_bytes())
        };
        vec![Step::Send(bytes)]
    });
    let gateway = Gateway::new(Some(fake.address), &wishes(true));
    let (first, second, other) =
        (chat(ENGLISH, true), chat(ENGLISH, false), chat(ENGLISH, false).replace("\"m\"", "\"free-2\""));
    let got = gateway.post("/v1/chat/completions", &first);
    assert_eq!((got.status, got.complete), (200, true));
    assert!(got.body.contains("hello") && got.body.ends_with("data: [DONE]\n\n"), "{}", got.body);
    let seen = fake.seen();
    let [.., asked, again] = seen.as_slice() else { panic!("{seen:?}") };
    assert!(asked.contains("logit_bias") && body(again) == first);
    // It is known now; another model is asked all the same.
    assert_eq!(gateway.post("/v1/chat/completions", &second).status, 200);
    assert_eq!((fake.seen().len(), body(&fake.seen()[seen.len()])), (seen.len() + 1, second.as_str()));
    assert_eq!(gateway.post("/v1/chat/completions", &other).status, 200);
    assert_eq!(fake.seen().len(), seen.len() + 3);
    for (what, want) in [("asked", 2.0), ("refused", 2.0), ("paused", 1.0)] {
        assert_eq!(
            gateway.metric(&format!("sluicegate_sampler_total{{upstream=\"fake\",what=\"{what}\"}}")),
            want,
            "{what}"
        );
    }
    let records = gateway.records();
    let told: Vec<&Value> =
        records.iter().map(|(_, end)| &end.as_ref().expect("an end")["sampler"]).collect();
    assert_eq!(
        (&told[0]["state"], &told[0]["epoch"], &told[0]["list"]),
        (&json!("refused"), &json!(4), &json!("en"))
    );
    // What went in the end is what came.
    assert_eq!(told[0]["again"], records[0].0["received"]);
    assert_eq!((told[1], &told[2]["state"]), (&json!({"state": "paused"}), &json!("refused")));
}

#[test]
fn who_refuses_for_another_reason_is_not_left_alone() {
    let said =
        json!({"error": {"message": "max_tokens is too large", "type": "invalid_request_error"}}).to_string();
    let fake = Fake::whole("400 Bad Request", JSON, said.as_bytes());
    let gateway = Gateway::new(Some(fake.address), &wishes(true));
    for n in 1..=2 {
        let got = gateway.post("/v1/chat/completions", &chat(ENGLISH, false));
        assert_eq!((got.status, got.body.contains("max_tokens is too large")), (400, true), "{}", got.body);
        assert_eq!(fake.seen().iter().filter(|seen| seen.contains("logit_bias")).count(), n);
    }
    assert_eq!(gateway.metric("sluicegate_sampler_total{upstream=\"fake\",what=\"refused\"}"), 0.0);
    let end = gateway.records().remove(0).1.expect("an end");
    assert_eq!(
        (&end["sampler"]["state"], &end["upstream_status"], end["sampler"]["again"].is_string()),
        (&json!("asked"), &json!(400), true)
    );
    // One that fails is not asked again: it may be short of breath.
    let fake = Fake::whole("503 Service Unavailable", JSON, b"{}");
    let gateway = Gateway::new(Some(fake.address), &wishes(true));
    gateway.post("/v1/chat/completions", &chat(ENGLISH, false));
    assert_eq!(fake.seen().iter().filter(|seen| seen.contains(ENGLISH)).count(), 1);
}

#[test]
fn words_that_were_asked_for_are_found_by_anybody() {
    let fake = fine();
    let gateway = Gateway::new(Some(fake.address), &wishes(true));
    gateway.post("/v1/chat/completions", &chat(ENGLISH, false));
    let (biases, listed) = (bias(fake.seen().last().expect("a request")), words().0);
    let text = |wanted: fn(f64) -> bool| {
        let chosen = listed.iter().filter(|(token, _)| biases.get(token).is_some_and(|bias| wanted(*bias)));
        chosen.take(60).map(|(_, word)| format!("The {word} house. ")).collect::<String>()
    };
    let found = detect(&gateway, &text(|bias| bias > 0.0));
    assert_eq!(
        (&found["verdict"], &found["epoch"], &found["words"]),
        (&json!("found"), &json!(4), &json!(60)),
        "{found}"
    );
    assert!(found["false_alarm"].as_f64().is_some_and(|chance| chance <= 1e-6 && chance > 0.0));
    assert!(!found["meaning"].as_str().expect("a sentence").contains("human"));
    let none = detect(&gateway, &text(|bias| bias < 0.0));
    assert_eq!(
        (&none["verdict"], &none["epoch"], &none["false_alarm"]),
        (&json!("none"), &Value::Null, &Value::Null)
    );
    assert_eq!(detect(&gateway, "Several people came.")["verdict"], "short");
    let encoded = text(|bias| bias > 0.0).replace(' ', "+");
    let head = format!(
        "POST /detect HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\ntext={encoded}",
        encoded.len() + 5
    );
    let page: Answer = gateway.raw(head.as_bytes());
    assert!(page.body.contains("Words as our models choose them"), "{}", page.body);
    // Who cannot ask anybody has no such layer.
    let without = Gateway::new(Some(fake.address), &Wishes { samplers: Vec::new(), ..wishes(true) });
    assert_eq!(detect(&without, ENGLISH), Value::Null);
}
