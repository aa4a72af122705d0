//! Values that go out as stand-ins and come back: the upstream never sees one, the client gets each exactly, and nobody else gets any.
//! Generated conversations in every dialect, whole and streamed, cut anywhere; the model is one that repeats what it was told.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::*;
use super::promises::escaped;
use crate::audit::Receipt;
use crate::detect::{Keyword, PatternSpec, RuleSpec, Validator};
use crate::dialect::route;
use crate::policy::{Action, Actions, BlockAs, Rule, Unscanned};
use crate::telemetry::Quiet;
use crate::vault::Secret;

// === a policy, and values that it finds ===

const PEOPLE: &[&str] = &["Margaret Thornbury", "Rajesh Iyer", "王小明", "欧阳娜娜", "田中花子", "김철수"];
const MAILS: &[&str] = &["margaret.t@corp.test", "r.iyer@corp.test", "xm.wang@firma.test"];
const PHONES: &[&str] = &["13812341234", "+1 303-867-5309", "07911 123456"];
const CARDS: &[&str] = &["4012888888881881", "5105 1051 0510 5100"];
const IDS: &[&str] = &["11010519491231002X"];
const KEYS: &[&str] = &["sk_live_hunter2hunter2"];

/// A value of each kind, by place.
fn value() -> impl Strategy<Value = &'static str> {
    proptest::sample::select([PEOPLE, MAILS, PHONES, CARDS, IDS].concat())
}

pub(super) fn rule(id: &str, category: &str, actions: Actions) -> Rule {
    Rule {
        id: id.into(),
        category: category.into(),
        actions,
        marker: format!("[{category}]").into(),
        restore: category != "SECRET",
        ..Rule::default()
    }
}

pub(super) fn words(words: &[&str]) -> RuleSpec {
    let keywords = words.iter().map(|word| Keyword { text: (*word).into(), whole_word: true }).collect();
    RuleSpec { keywords, ..RuleSpec::default() }
}

pub(super) fn pattern(regex: &str, validator: Option<Validator>) -> RuleSpec {
    let pattern =
        PatternSpec { regex: regex.into(), left: true, right: true, validator, ..PatternSpec::default() };
    RuleSpec { patterns: vec![pattern], ..RuleSpec::default() }
}

/// What is found in requests becomes stand-ins, what is found in answers goes.
pub(super) fn policy() -> Arc<Policy> {
    static BUILT: LazyLock<Arc<Policy>> = LazyLock::new(|| {
        let both = Actions { prompt: Action::Pseudonymise, output: Action::Mask, tool: Action::Pseudonymise };
        let rules = vec![
            (rule("p/person", "PERSON", both), words(PEOPLE)),
            (
                rule("p/mail", "EMAIL", both),
                pattern(r"[a-z0-9.]{1,40}@[a-z]{1,20}\.(test|com|net|org)", None),
            ),
            (rule("p/phone", "PHONE", both), words(PHONES)),
            (rule("p/phone-form", "PHONE", both), pattern(r"1[3-9][0-9]{9}", Some(Validator::CnMobile))),
            (
                rule("p/card", "CREDIT_CARD", both),
                pattern(r"[45][0-9]{3}( ?[0-9]{4}){3}", Some(Validator::Card)),
            ),
            (rule("p/id", "CN_ID", both), pattern(r"[0-9]{17}[0-9X]", Some(Validator::CnId))),
            (rule("p/key", "SECRET", both), words(KEYS)),
        ];
        let policy = Policy::from_rules(rules).unwrap_or_else(|e| panic!("{e:?}"));
        Arc::new(policy.with(Unscanned::Block, BlockAs::Error))
    });
    Arc::clone(&BUILT)
}

pub(super) fn terms(tenant: &str, conversation: Option<&str>) -> Terms {
    let pseudonyms = Pseudonyms {
        secret: Arc::new(Secret::new(&[7; 32])),
        tenant: tenant.into(),
        key: "k".into(),
        user: None,
        conversation: conversation.map(|name| Quiet(name.into())),
        vault: None,
        now_ms: 0,
    };
    Terms { pseudonyms: Some(pseudonyms), ..Terms::new(policy(), ExchangeLimits::default()) }
}

// === dialects ===

/// How a dialect says things: a request of a system's word and turns, an answer as a whole, and in events.
pub(super) struct Wire {
    path: &'static str,
    media: &'static str,
    /// From turns, the user's first and last, and whether it is to stream.
    pub(super) request: fn(&[String], bool) -> Value,
    /// From text, reasoning and arguments.
    pub(super) whole: fn(&str, &str, &str) -> Value,
    /// An event of a piece of text, reasoning or arguments.
    pub(super) event: fn(Part, &str) -> Value,
    end: &'static str,
    /// What a client reads of a whole answer, and of an event.
    read: fn(&Value, &mut BTreeMap<Part, String>),
    reasons: bool,
    calls: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Text,
    Reasoning,
    Arguments,
}

fn roles(turns: &[String], model: &str) -> Vec<(String, String)> {
    let role = |n: usize| if n.is_multiple_of(2) { "user" } else { model }.to_owned();
    turns.iter().enumerate().map(|(n, turn)| (role(n), turn.clone())).collect()
}

fn add(out: &mut BTreeMap<Part, String>, part: Part, text: Option<&Value>) {
    if let Some(text) = text.and_then(Value::as_str) {
        out.entry(part).or_default().push_str(text);
    }
}

pub(super) const WIRES: &[Wire] = &[
    Wire {
        path: "/v1/chat/completions",
        media: "text/event-stream",
        request: |turns, stream| {
            let all = roles(turns, "assistant")
                .into_iter()
                .map(|(role, text)| json!({"role": role, "content": text}));
            let first = json!({"role": "system", "content": "Be brief."});
            let all: Vec<Value> = std::iter::once(first).chain(all).collect();
            json!({"model": "m", "stream": stream, "messages": all})
        },
        whole: |text, reasoning, arguments| {
            json!({"id": "c", "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text,
                "reasoning_content": reasoning, "tool_calls": [{"id": "t", "type": "function", "function": {"name": "f", "arguments": arguments}}]}}]})
        },
        event: |part, piece| {
            let delta = match part {
                Part::Text => json!({"content": piece}),
                Part::Reasoning => json!({"reasoning_content": piece}),
                Part::Arguments => json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}),
            };
            json!({"id": "c", "choices": [{"index": 0, "delta": delta}]})
        },
        end: "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
        read: |value, out| {
            for at in ["message", "delta"] {
                let said = value.pointer(&format!("/choices/0/{at}"));
                let said = |path: &str| said.and_then(|said| said.pointer(path));
                add(out, Part::Text, said("/content"));
                add(out, Part::Reasoning, said("/reasoning_content"));
                add(out, Part::Arguments, said("/tool_calls/0/function/arguments"));
            }
        },
        reasons: true,
        calls: true,
    },
    Wire {
        path: "/v1/messages",
        media: "text/event-stream",
        request: |turns, stream| {
            let all = roles(turns, "assistant")
                .into_iter()
                .map(|(role, text)| json!({"role": role, "content": [{"type": "text", "text": text}]}));
            json!({"model": "m", "max_tokens": 9, "stream": stream, "system": "Be brief.", "messages": (all.collect::<Vec<_>>())})
        },
        whole: |text, reasoning, arguments| {
            let input: Value = serde_json::from_str(arguments).unwrap_or_else(|_| json!({}));
            json!({"id": "msg", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "thinking", "thinking": reasoning},
                {"type": "text", "text": text}, {"type": "tool_use", "id": "t", "name": "f", "input": input}], "stop_reason": "end_turn"})
        },
        event: |part, piece| match part {
            Part::Text => {
                json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": piece}})
            }
            Part::Reasoning => {
                json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": piece}})
            }
            Part::Arguments => {
                json!({"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": piece}})
            }
        },
        end: "data: {\"type\":\"message_stop\"}\n\n",
        read: |value, out| {
            add(out, Part::Text, value.pointer("/delta/text"));
            add(out, Part::Reasoning, value.pointer("/delta/thinking"));
            add(out, Part::Arguments, value.pointer("/delta/partial_json"));
            for block in value["content"].as_array().into_iter().flatten() {
                add(out, Part::Text, block.get("text"));
                add(out, Part::Reasoning, block.get("thinking"));
                if let Some(input) = block.get("input") {
                    add(out, Part::Arguments, Some(&json!(input.to_string())));
                }
            }
        },
        reasons: true,
        calls: true,
    },
    Wire {
        path: "/v1/responses",
        media: "text/event-stream",
        request: |turns, stream| {
            let all = roles(turns, "assistant")
                .into_iter()
                .map(|(role, text)| json!({"role": role, "content": text}));
            json!({"model": "m", "stream": stream, "instructions": "Be brief.", "input": (all.collect::<Vec<_>>())})
        },
        whole: |text, reasoning, arguments| {
            json!({"id": "resp", "status": "completed", "output": [
                {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": reasoning}]},
                {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": text, "annotations": []}]},
                {"type": "function_call", "id": "f", "call_id": "c", "name": "f", "arguments": arguments}]})
        },
        event: |part, piece| match part {
            Part::Text => {
                json!({"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "item_id": "m", "delta": piece})
            }
            Part::Reasoning => {
                json!({"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "item_id": "r", "delta": piece})
            }
            Part::Arguments => {
                json!({"type": "response.function_call_arguments.delta", "output_index": 2, "item_id": "f", "delta": piece})
            }
        },
        end: "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp\",\"status\":\"completed\",\"output\":[]}}\n\n",
        read: |value, out| {
            let part = match value["type"].as_str() {
                Some("response.output_text.delta") => Some(Part::Text),
                Some("response.reasoning_summary_text.delta") => Some(Part::Reasoning),
                Some("response.function_call_arguments.delta") => Some(Part::Arguments),
                _ => None,
            };
            if let Some(part) = part {
                add(out, part, value.get("delta"));
            }
            for item in value["output"].as_array().into_iter().flatten() {
                add(out, Part::Text, item.pointer("/content/0/text"));
                add(out, Part::Reasoning, item.pointer("/summary/0/text"));
                add(out, Part::Arguments, item.get("arguments"));
            }
        },
        reasons: true,
        calls: true,
    },
    Wire {
        path: "/v1beta/models/m:streamGenerateContent",
        media: "text/event-stream",
        request: |turns, _| {
            let all = roles(turns, "model")
                .into_iter()
                .map(|(role, text)| json!({"role": role, "parts": [{"text": text}]}));
            json!({"systemInstruction": {"parts": [{"text": "Be brief."}]}, "contents": (all.collect::<Vec<_>>())})
        },
        whole: |text, reasoning, arguments| {
            let input: Value = serde_json::from_str(arguments).unwrap_or_else(|_| json!({}));
            json!({"candidates": [{"content": {"role": "model", "parts": [{"text": reasoning, "thought": true}, {"text": text},
                {"functionCall": {"name": "f", "args": input}}]}, "finishReason": "STOP"}]})
        },
        event: |part, piece| {
            let part = match part {
                Part::Reasoning => json!({"text": piece, "thought": true}),
                Part::Text | Part::Arguments => json!({"text": piece}),
            };
            json!({"candidates": [{"content": {"role": "model", "parts": [part]}}]})
        },
        end: "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n",
        read: |value, out| {
            for part in
                value.pointer("/candidates/0/content/parts").and_then(Value::as_array).into_iter().flatten()
            {
                let what = if part["thought"] == true { Part::Reasoning } else { Part::Text };
                add(out, what, part.get("text"));
                if let Some(input) = part.pointer("/functionCall/args") {
                    add(out, Part::Arguments, Some(&json!(input.to_string())));
                }
            }
        },
        reasons: true,
        calls: false,
    },
    Wire {
        path: "/api/chat",
        media: "application/x-ndjson",
        request: |turns, stream| {
            let all = roles(turns, "assistant")
                .into_iter()
                .map(|(role, text)| json!({"role": role, "content": text}));
            json!({"model": "m", "stream": stream, "messages": (all.collect::<Vec<_>>())})
        },
        whole: |text, reasoning, arguments| {
            let input: Value = serde_json::from_str(arguments).unwrap_or_else(|_| json!({}));
            json!({"model": "m", "done": true, "message": {"role": "assistant", "content": text, "thinking": reasoning,
                "tool_calls": [{"function": {"name": "f", "arguments": input}}]}})
        },
        event: |part, piece| match part {
            Part::Text | Part::Arguments => {
                json!({"model": "m", "done": false, "message": {"role": "assistant", "content": piece}})
            }
            Part::Reasoning => {
                json!({"model": "m", "done": false, "message": {"role": "assistant", "content": "", "thinking": piece}})
            }
        },
        end: "{\"model\":\"m\",\"done\":true,\"message\":{\"role\":\"assistant\",\"content\":\"\"}}\n",
        read: |value, out| {
            add(out, Part::Text, value.pointer("/message/content"));
            add(out, Part::Reasoning, value.pointer("/message/thinking"));
            if let Some(input) = value.pointer("/message/tool_calls/0/function/arguments") {
                add(out, Part::Arguments, Some(&json!(input.to_string())));
            }
        },
        reasons: true,
        calls: false,
    },
];

// === an exchange ===

pub(super) fn judged(wire: &Wire, terms: Terms, request: &Value) -> (Judged, String) {
    let matched = route("POST", wire.path, wire.path.ends_with("/messages"))
        .unwrap_or_else(|_| panic!("{}", wire.path));
    let judged = Received::new(matched, terms).judge(None, true, Bytes::from(request.to_string()));
    let judged = judged.unwrap_or_else(|e| panic!("{}: {e}", wire.path));
    let sent = match judged.next() {
        Next::Forward { body, .. } => String::from_utf8_lossy(body).into_owned(),
        other => panic!("{}: {other:?}", wire.path),
    };
    (judged, sent)
}

/// The last turn, as the upstream got it.
pub(super) fn last_turn(sent: &str) -> String {
    let sent: Value = serde_json::from_str(sent).unwrap_or_else(|e| panic!("{e}: {sent}"));
    let list = ["messages", "contents", "input"].iter().find_map(|name| sent[*name].as_array());
    let last = list.and_then(|list| list.last()).cloned().unwrap_or_default();
    let text =
        ["/content", "/content/0/text", "/parts/0/text"].iter().find_map(|path| last.pointer(path)?.as_str());
    text.unwrap_or_default().to_owned()
}

pub(super) fn answered_whole(wire: &Wire, judged: Judged, answer: &Value) -> BTreeMap<Part, String> {
    let mut answering = judged.admit(Receipt::forged());
    answering.ask.stream = false;
    assert!(answering.head(200, Some("application/json")).is_ok());
    let mut out = Vec::new();
    answering.feed(answer.to_string().as_bytes(), &mut out);
    assert_eq!(answering.finish(Ended::Complete, &mut out), Flow::More, "{}", wire.path);
    let out: Value = serde_json::from_slice(&out.concat()).unwrap_or_else(|e| panic!("{e}"));
    let mut said = BTreeMap::new();
    (wire.read)(&out, &mut said);
    said
}

pub(super) fn answered_in_events(
    wire: &Wire,
    judged: Judged,
    texts: &[(Part, String)],
    cut: usize,
    bytes: usize,
) -> BTreeMap<Part, String> {
    answered_escaped(wire, judged, texts, (cut, bytes), None)
}

/// The same, with strings escaped: those outside of ASCII, or most of them too.
fn answered_escaped(
    wire: &Wire,
    judged: Judged,
    texts: &[(Part, String)],
    (cut, bytes): (usize, usize),
    heavy: Option<bool>,
) -> BTreeMap<Part, String> {
    let mut answering = judged.admit(Receipt::forged());
    assert!(answering.head(200, Some(wire.media)).is_ok());
    let frame = |event: &str| match wire.media {
        "text/event-stream" => format!("data: {event}\n\n"),
        _ => format!("{event}\n"),
    };
    let mut stream = String::new();
    for (part, text) in texts {
        let letters: Vec<char> = text.chars().collect();
        for piece in letters.chunks(cut) {
            let event = (wire.event)(*part, &piece.iter().collect::<String>());
            stream.push_str(&frame(&heavy.map_or_else(|| event.to_string(), |heavy| escaped(&event, heavy))));
        }
    }
    stream.push_str(wire.end);
    let mut out = Vec::new();
    for piece in stream.as_bytes().chunks(bytes) {
        assert_eq!(answering.feed(piece, &mut out), Flow::More, "{}", wire.path);
    }
    assert_eq!(answering.finish(Ended::Complete, &mut out), Flow::More, "{}", wire.path);
    let out = String::from_utf8(out.concat()).unwrap_or_else(|e| panic!("{e}"));
    let mut said = BTreeMap::new();
    for line in out.lines() {
        let line = line.strip_prefix("data: ").unwrap_or(line);
        if let Ok(event) = serde_json::from_str::<Value>(line) {
            (wire.read)(&event, &mut said);
        }
    }
    said
}

fn all_values() -> Vec<&'static str> {
    [PEOPLE, MAILS, PHONES, CARDS, IDS, KEYS].concat()
}

fn leaked(sent: &str) -> Option<&'static str> {
    all_values().into_iter().find(|value| sent.contains(value))
}

const AROUND: &[&str] = &[
    " Please write to ",
    " and ",
    ", then call ",
    "。请联系",
    " (\"",
    "\"), ",
    "\n- ",
    " <",
    "> \\ ",
    " for ",
];

/// A text of values with words between them.
fn turn() -> impl Strategy<Value = String> {
    let piece = (proptest::sample::select(AROUND), value());
    proptest::collection::vec(piece, 1..5).prop_map(|pieces| {
        let said: String = pieces.iter().map(|(before, value)| format!("{before}{value}")).collect();
        format!("{said}.")
    })
}

proptest! {
    #![proptest_config(crate::text::cases::cases(48))]

    /// The upstream sees no value, and what it says of the stand-ins the client gets with the values, however it comes.
    #[test]
    fn values_stay_home_and_come_back(
        n in 0..WIRES.len(), turns in proptest::collection::vec(turn(), 1..4), cut in 1usize..30, bytes in 1usize..120, stream in any::<bool>(), heavy in proptest::sample::select(vec![None, Some(false), Some(true)]),
    ) {
        let wire = &WIRES[n];
        let mut turns = turns;
        if turns.len().is_multiple_of(2) {
            turns.pop();
        }
        let (judged, sent) = judged(wire, terms("red", None), &(wire.request)(&turns, stream));
        prop_assert_eq!(leaked(&sent), None, "{}", sent);
        let told = last_turn(&sent);
        let want = turns.last().cloned().unwrap_or_default();
        prop_assert!(told != want);
        let arguments = json!({"to": told, "n": 1}).to_string();
        let said = if stream {
            let mut texts = vec![(Part::Reasoning, told.clone()), (Part::Text, told)];
            if wire.calls {
                texts.push((Part::Arguments, arguments));
            }
            answered_escaped(wire, judged, &texts, (cut, bytes), heavy)
        } else {
            answered_whole(wire, judged, &(wire.whole)(&told, &told, &arguments))
        };
        prop_assert_eq!(said.get(&Part::Text), Some(&want));
        if wire.reasons {
            prop_assert_eq!(said.get(&Part::Reasoning), Some(&want));
        }
        if wire.calls || !stream {
            let arguments: Value = serde_json::from_str(said.get(&Part::Arguments).map_or("", String::as_str)).unwrap_or_default();
            prop_assert_eq!(arguments["to"].as_str(), Some(want.as_str()));
        }
    }

    /// A history that is resent gets the stand-ins that it had; another conversation, client or tenant gets others.
    #[test]
    fn resent_history_maps_the_same(n in 0..WIRES.len(), turns in proptest::collection::vec(turn(), 3..4)) {
        let wire = &WIRES[n];
        let first = judged(wire, terms("red", None), &(wire.request)(&turns[..1], false)).1;
        let then = judged(wire, terms("red", None), &(wire.request)(&turns, false)).1;
        let told = last_turn(&first);
        let again: Value = serde_json::from_str(&then).unwrap_or_default();
        let inside = json!(told).to_string();
        prop_assert!(again.to_string().contains(inside.trim_matches('"')), "{} in {}", told, again);
        let named = judged(wire, terms("red", Some("other")), &(wire.request)(&turns[..1], false)).1;
        let blue = judged(wire, terms("blue", None), &(wire.request)(&turns[..1], false)).1;
        prop_assert!(last_turn(&named) != told && last_turn(&blue) != told);
    }

    /// What a model said, and the client got with the values, goes back to the model as it said it.
    #[test]
    fn answers_that_are_resent_are_as_the_model_wrote_them(n in 0..WIRES.len(), first in turn(), then in turn(), cut in 1usize..30) {
        let wire = &WIRES[n];
        let (asked, sent) = judged(wire, terms("red", None), &(wire.request)(std::slice::from_ref(&first), true));
        let wrote = format!("Noted: {} Anything else?", last_turn(&sent));
        let said = answered_in_events(wire, asked, &[(Part::Text, wrote.clone())], cut, 64);
        let said = said.get(&Part::Text).cloned().unwrap_or_default();
        prop_assert_eq!(&said, &format!("Noted: {first} Anything else?"));
        let (_, sent) = judged(wire, terms("red", None), &(wire.request)(&[first, said, then], true));
        prop_assert_eq!(leaked(&sent), None, "{}", sent);
        let wrote = json!(wrote).to_string();
        prop_assert!(sent.contains(wrote.trim_matches('"')), "{} in {}", wrote, sent);
    }

    /// What stood for values in one conversation means nothing in another one.
    #[test]
    fn no_other_conversation_gets_them(n in 0..WIRES.len(), turn in turn(), cut in 1usize..30, stream in any::<bool>()) {
        let wire = &WIRES[n];
        let told = last_turn(&judged(wire, terms("red", None), &(wire.request)(&[turn], stream)).1);
        let other = ["What do you know of r.iyer@corp.test? Tell all.".to_owned()];
        for terms in [terms("red", None), terms("blue", None), terms("red", Some("x"))] {
            let (judged, _) = judged(wire, terms, &(wire.request)(&other, stream));
            let said = if stream {
                answered_in_events(wire, judged, &[(Part::Text, told.clone())], cut, 64)
            } else {
                answered_whole(wire, judged, &(wire.whole)(&told, "", "{}"))
            };
            prop_assert_eq!(said.get(&Part::Text).and_then(|said| leaked(said)), None, "{:?}", said);
        }
    }
}
