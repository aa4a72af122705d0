//! Marks in answers and out of prompts, in every dialect: the client's side is a plain reader that puts together what it is sent.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::*;
use crate::audit::Receipt;
use crate::dialect::route;
use crate::policy::{Action, Actions, Density, Policy, Rule};
use crate::provenance::mark::{Epoch, MarkKeys, marked, strip};

/// A dialect: where it is asked, what, and how a piece of text looks in its stream and its whole answer.
pub(super) struct Wire {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    pub(super) request: &'static str,
    pub(super) media: &'static str,
    pub(super) frame: fn(&Value) -> String,
    /// An event with a piece, and where in it the piece stands.
    pub(super) event: fn(&str) -> Value,
    pub(super) place: &'static str,
    pub(super) end: &'static str,
    pub(super) whole: fn(&str) -> Value,
    pub(super) whole_place: &'static str,
}

fn sse(event: &Value) -> String {
    let kind = event["type"].as_str().map_or(String::new(), |kind| format!("event: {kind}\n"));
    format!("{kind}data: {event}\n\n")
}

fn line(event: &Value) -> String {
    format!("{event}\n")
}

pub(super) const WIRES: [Wire; 6] = [
    Wire {
        name: "chat",
        path: "/v1/chat/completions",
        request: r#"{"model":"m","stream":true,"messages":[]}"#,
        media: "text/event-stream",
        frame: sse,
        event: |text| json!({"id": "c", "choices": [{"index": 0, "delta": {"content": text}}]}),
        place: "/choices/0/delta/content",
        end: "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
        whole: |text| json!({"id": "c", "choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}),
        whole_place: "/choices/0/message/content",
    },
    Wire {
        name: "completions",
        path: "/v1/completions",
        request: r#"{"model":"m","stream":true,"prompt":"x"}"#,
        media: "text/event-stream",
        frame: sse,
        event: |text| json!({"id": "c", "choices": [{"index": 0, "text": text}]}),
        place: "/choices/0/text",
        end: "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"text\":\"\",\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
        whole: |text| json!({"choices": [{"index": 0, "text": text}]}),
        whole_place: "/choices/0/text",
    },
    Wire {
        name: "responses",
        path: "/v1/responses",
        request: r#"{"model":"m","stream":true,"input":"x"}"#,
        media: "text/event-stream",
        frame: sse,
        event: |text| json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": text}),
        place: "/delta",
        end: "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\",\"status\":\"completed\",\"output\":[]}}\n\n",
        whole: |text| json!({"id": "r", "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}]}),
        whole_place: "/output/0/content/0/text",
    },
    Wire {
        name: "anthropic",
        path: "/v1/messages",
        request: r#"{"model":"m","stream":true,"max_tokens":9,"messages":[]}"#,
        media: "text/event-stream",
        frame: sse,
        event: |text| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
        place: "/delta/text",
        end: "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        whole: |text| json!({"type": "message", "content": [{"type": "text", "text": text}]}),
        whole_place: "/content/0/text",
    },
    Wire {
        name: "gemini",
        path: "/v1beta/models/m:streamGenerateContent",
        request: r#"{"contents":[]}"#,
        media: "text/event-stream",
        frame: sse,
        event: |text| json!({"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": text}]}}]}),
        place: "/candidates/0/content/parts/0/text",
        end: "data: {\"candidates\":[{\"index\":0,\"finishReason\":\"STOP\"}]}\n\n",
        whole: |text| json!({"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": text}]}}]}),
        whole_place: "/candidates/0/content/parts/0/text",
    },
    Wire {
        name: "ollama",
        path: "/api/chat",
        request: r#"{"model":"m","messages":[]}"#,
        media: "application/x-ndjson",
        frame: line,
        event: |text| json!({"model": "m", "message": {"role": "assistant", "content": text}, "done": false}),
        place: "/message/content",
        end: "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\"}\n",
        whole: |text| json!({"message": {"role": "assistant", "content": text}, "done": true}),
        whole_place: "/message/content",
    },
];

fn epoch() -> Epoch {
    let mut key = [5; 32];
    key[0] = 1;
    Epoch::new(7, 0, &key)
}

pub(super) fn keys() -> Arc<MarkKeys> {
    Arc::new(MarkKeys::of(epoch()))
}

pub(super) fn policy() -> Arc<Policy> {
    let rule = Rule {
        id: "p/word".into(),
        actions: Actions::all(Action::Mask),
        marker: "[GONE]".into(),
        ..Rule::default()
    };
    let keyword = crate::detect::Keyword { text: "geheim".into(), whole_word: false };
    let spec = crate::detect::RuleSpec { keywords: vec![keyword], ..crate::detect::RuleSpec::default() };
    let policy = Policy::from_rules(vec![(rule, spec)]).unwrap_or_else(|e| panic!("{e:?}"));
    Arc::new(policy.marking(Density::Standard))
}

fn judged(wire: &Wire, request: &str) -> Judged {
    judged_at(wire, wire.path, request)
}

fn judged_at(wire: &Wire, path: &str, request: &str) -> Judged {
    let matched = route("POST", path, wire.name == "anthropic").unwrap_or_else(|_| panic!("{}", wire.name));
    let mut terms = Terms::new(policy(), ExchangeLimits::default());
    terms.marks = Some(Marks { keys: keys(), density: None, routed: false });
    let received = Received::new(matched, terms);
    received.judge(None, true, request.to_owned().into()).unwrap_or_else(|e| panic!("{}: {e}", wire.name))
}

fn answer(wire: &Wire, request: &str, media: &str, bytes: &[u8], piece: usize) -> (Vec<u8>, Option<Marked>) {
    // What is asked for whole is asked for elsewhere, or in other words.
    let (mut path, mut request) = (wire.path.to_owned(), request.to_owned());
    if media == "application/json" {
        path = path.replace(":streamGenerateContent", ":generateContent");
        request = request.replace("\"stream\":true", "\"stream\":false");
        if wire.name == "ollama" {
            request = request.replacen('{', "{\"stream\":false,", 1);
        }
    }
    let mut answering = judged_at(wire, &path, &request).admit(Receipt::forged());
    answering.head(200, Some(media)).unwrap_or_else(|e| panic!("{}: {e}", wire.name));
    let mut out = Vec::new();
    for part in bytes.chunks(piece.max(1)) {
        assert_eq!(answering.feed(part, &mut out), Flow::More, "{}", wire.name);
    }
    assert_eq!(answering.finish(Ended::Complete, &mut out), Flow::More, "{}", wire.name);
    (out.concat(), answering.marked())
}

pub(super) fn stream_of(wire: &Wire, pieces: &[&str]) -> Vec<u8> {
    let events: String = pieces.iter().map(|piece| (wire.frame)(&(wire.event)(piece))).collect();
    (events + wire.end).into_bytes()
}

/// The text that a client puts together.
fn said(wire: &Wire, out: &[u8]) -> String {
    let out = std::str::from_utf8(out).unwrap_or_else(|e| panic!("{e}"));
    let data = out
        .lines()
        .map(|line| line.strip_prefix("data: ").unwrap_or(line))
        .filter(|line| line.starts_with('{'));
    let events =
        data.map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {line}")));
    events.filter_map(|event| event.pointer(wire.place).and_then(Value::as_str).map(str::to_owned)).collect()
}

const WORDS: [&str; 14] = [
    "the river carries water, ",
    "geheim ",
    "mountains and valleys ",
    "where people have lived. ",
    "\n\n",
    "这里的模型可以生成内容，",
    "用户应当了解这是人工智能。",
    "`code that is code` ",
    "https://a.example/b?c=d ",
    "\"quoted\" ",
    "a\\b ",
    "😀 ",
    "geh",
    "careful planning of whole villages ",
];

pub(super) fn pieces() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::collection::vec(proptest::sample::select(&WORDS[..]), 0..60)
}

proptest! {
    #![proptest_config(crate::text::cases::cases(48))]

    /// A client gets the marks of the text as it is after redaction, however the stream was cut, and without them the very text.
    #[test]
    fn what_is_sent_is_marked(pieces in pieces(), piece in 1usize..400) {
        let plain: String = pieces.concat().replace("geheim", "[GONE]");
        let expected = marked(&Arc::new(epoch()), Density::Standard, &plain);
        for wire in &WIRES {
            let bytes = stream_of(wire, &pieces);
            let (out, count) = answer(wire, wire.request, wire.media, &bytes, piece);
            prop_assert_eq!(&said(wire, &out), &expected, "{}", wire.name);
            let got = said(wire, &out);
            prop_assert_eq!(&*strip(&keys(), &got), &plain, "{}", wire.name);
            if expected == pieces.concat() {
                prop_assert_eq!(&out, &bytes, "{}: an answer without marks is the upstream's", wire.name);
            }
            let marks = crate::provenance::mark::read(&keys(), &expected).found.len() as u64;
            prop_assert_eq!(count, Some(Marked { epoch: 7, marks }));
            // The same text whole has the same marks.
            let (whole, _) = answer(wire, wire.request, "application/json", (wire.whole)(&pieces.concat()).to_string().as_bytes(), piece);
            let whole: Value = serde_json::from_slice(&whole).expect("JSON");
            prop_assert_eq!(whole.pointer(wire.whole_place).and_then(Value::as_str), Some(&*expected), "{}", wire.name);
        }
    }

    /// Marks that come back go no further, however the history is written and whatever else stands in it.
    #[test]
    fn marks_that_come_back_are_stripped(pieces in pieces(), ascii: bool, cuts in proptest::collection::vec(0usize..400, 0..4)) {
        let plain: String = pieces.concat().replace("geheim", "");
        let text = marked(&Arc::new(epoch()), Density::Standard, &plain);
        // Whole, and in the pieces in which a client may have kept it; a piece holds whole marks, since no event cuts one.
        let mut ends: Vec<usize> = cuts.iter().map(|&n| text.char_indices().nth(n).map_or(text.len(), |(at, _)| at)).collect();
        let inside = |at: usize| crate::provenance::mark::read(&keys(), &text).found.iter().any(|f| f.bytes.start < at && at < f.bytes.end);
        ends.retain(|&at| !inside(at));
        ends.extend([0, text.len()]);
        ends.sort_unstable();
        let kept: Vec<&str> = ends.windows(2).map(|w| text.get(w[0]..w[1]).expect("a piece")).collect();
        let message = |said: &str, parts: &[String]| {
            let parts: Vec<Value> = parts.iter().map(|part| json!({"role": "model", "parts": [{"text": part}]})).collect();
            json!({"model": "m", "messages": [{"role": "user", "content": "❤\u{fe0f} x\u{200b}y"}, {"role": "assistant", "content": said}], "contents": parts, "prompt": "x", "input": said, "max_tokens": 5})
        };
        let owned = |pieces: &[&str]| pieces.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
        let stripped: Vec<String> = {
            let mut strip = crate::provenance::mark::Strip::default();
            kept.iter().map(|piece| strip.text(&keys(), piece).into_owned()).collect()
        };
        prop_assert_eq!(stripped.concat(), plain.clone());
        let (came, wanted) = (message(&text, &owned(&kept)), message(&plain, &stripped));
        let written = |value: &Value| if ascii { super::promises::escaped(value, false) } else { value.to_string() };
        for wire in &WIRES {
            let judged = judged(wire, &written(&came));
            let Next::Forward { body, changed } = judged.next() else { panic!("{}: {:?}", wire.name, judged.next()) };
            prop_assert_eq!(std::str::from_utf8(body).expect("UTF-8"), &written(&wanted), "{}", wire.name);
            prop_assert_eq!(*changed, text != plain);
        }
    }
}

const LONG: &str = "The river carries water from the mountains into the valley, where people have lived since early times and built their houses along its banks. ";

/// What programs read, what a provider signs, and what a model thinks stays as it is.
#[test]
fn what_is_not_prose_stays() {
    let text = LONG.repeat(3);
    for (n, request) in [
        (0, r#"{"model":"m","stream":true,"messages":[],"response_format":{"type":"json_object"}}"#),
        (0, r#"{"model":"m","stream":true,"messages":[],"logprobs":true}"#),
        (1, r#"{"model":"m","stream":true,"prompt":"x","logprobs":2}"#),
        (
            2,
            r#"{"model":"m","stream":true,"input":"x","text":{"format":{"type":"json_schema","schema":{}}}}"#,
        ),
        (4, r#"{"contents":[],"generationConfig":{"responseMimeType":"application/json"}}"#),
        (5, r#"{"model":"m","messages":[],"format":"json"}"#),
    ] {
        let wire = &WIRES[n];
        let said = if request.contains("logprobs") { text.clone() } else { json!({"a": text}).to_string() };
        let bytes = stream_of(wire, &[&said]);
        assert_eq!(answer(wire, request, wire.media, &bytes, 99), (bytes, None), "{request}");
    }
    let unmarked = [
        (0, json!({"choices": [{"index": 0, "delta": {"reasoning_content": text}}]})),
        (
            0,
            json!({"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": json!({"a": text}).to_string()}}]}}]}),
        ),
        (
            3,
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": text}}),
        ),
        (
            3,
            json!({"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": json!({"a": text}).to_string()}}),
        ),
        (4, json!({"candidates": [{"index": 0, "content": {"parts": [{"text": text, "thought": true}]}}]})),
        (
            4,
            json!({"candidates": [{"index": 0, "content": {"parts": [{"text": text, "thoughtSignature": "c2ln"}]}}]}),
        ),
        (
            4,
            json!({"candidates": [{"index": 0, "content": {"parts": [{"functionCall": {"name": "f", "args": {"a": text}}}]}}]}),
        ),
        (
            5,
            json!({"model": "m", "message": {"role": "assistant", "content": "", "thinking": text}, "done": false}),
        ),
    ];
    for (n, event) in unmarked {
        let wire = &WIRES[n];
        let bytes = ((wire.frame)(&event) + wire.end).into_bytes();
        let (out, count) = answer(wire, wire.request, wire.media, &bytes, 99);
        assert_eq!((&out, count.map(|count| count.marks)), (&bytes, Some(0)), "{event}");
    }
    // Beside a thought what is said is marked.
    let event = json!({"candidates": [{"index": 0, "content": {"parts": [{"text": "hm", "thought": true}, {"text": text}]}}]});
    let wire = &WIRES[4];
    let bytes = ((wire.frame)(&event) + wire.end).into_bytes();
    assert!(answer(wire, wire.request, wire.media, &bytes, 99).1.is_some_and(|count| count.marks > 3));
}

/// Each choice is marked from its own beginning; an ending that repeats a text repeats its marks.
#[test]
fn each_text_has_its_own_marks() {
    let text = LONG.repeat(3);
    let expected = marked(&Arc::new(epoch()), Density::Standard, &text);
    let (first, second) = text.split_at(200);
    let chat = &WIRES[0];
    let event =
        |index: u64, piece: &str| sse(&json!({"choices": [{"index": index, "delta": {"content": piece}}]}));
    let bytes =
        [event(0, first), event(1, first), event(1, second), event(0, second), chat.end.to_owned()].concat();
    let (out, _) = answer(chat, chat.request, chat.media, bytes.as_bytes(), 7);
    let out = String::from_utf8(out).expect("UTF-8");
    for index in [0, 1] {
        let said: String = out
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
            .filter(|event| event["choices"][0]["index"] == index)
            .filter_map(|event| event["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(said, expected);
    }
    let responses = &WIRES[2];
    let delta = |piece: &str| sse(&(responses.event)(piece));
    let done = sse(
        &json!({"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": text}),
    );
    let item =
        json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]});
    let item_done = sse(&json!({"type": "response.output_item.done", "output_index": 0, "item": item}));
    let completed = sse(
        &json!({"type": "response.completed", "response": {"id": "r", "status": "completed", "output": [item]}}),
    );
    let bytes = [delta(first), delta(second), done, item_done, completed].concat();
    let (out, _) = answer(responses, responses.request, responses.media, bytes.as_bytes(), 50);
    let out = String::from_utf8(out).expect("UTF-8");
    let events: Vec<Value> =
        out.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect();
    let deltas: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
    assert_eq!(deltas, expected);
    for (n, place) in [(2, "/text"), (3, "/item/content/0/text"), (4, "/response/output/0/content/0/text")] {
        assert_eq!(events[n].pointer(place).and_then(Value::as_str), Some(&*expected), "{place}");
    }
}

/// A message may come in parts, whole as in a stream.
#[test]
fn a_message_in_parts_is_marked() {
    let wire = &WIRES[0];
    let parts = json!([{"type": "text", "text": LONG.repeat(3)}, {"type": "text", "text": LONG.repeat(3)}]);
    let body = json!({"id": "c", "choices": [{"index": 0, "message": {"role": "assistant", "content": parts}, "finish_reason": "stop"}]});
    let (out, count) = answer(wire, wire.request, "application/json", body.to_string().as_bytes(), 300);
    let got: Value = serde_json::from_slice(&out).expect("JSON");
    let said =
        |n: usize| got["choices"][0]["message"]["content"][n]["text"].as_str().expect("a text").to_owned();
    let read = |text: &str| crate::provenance::mark::read(&keys(), text).found;
    for text in [said(0), said(1), said(0) + &said(1)] {
        let found = read(&text);
        assert!(found.len() > 2, "{text}");
        assert!(found.iter().all(|found| found.epoch.is_some() && found.whole != Some(false)), "{text}");
    }
    assert_eq!(count.map(|count| count.marks), Some(read(&(said(0) + &said(1))).len() as u64));
}
