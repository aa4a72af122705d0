//! The promises as properties: no leak, clean means untouched, streamed equals whole. Generated texts, rules and cuts, in every dialect
//! that streams; the client's side is a plain reader that puts together what it is sent.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::*;
use crate::audit::Receipt;
use crate::detect::{Keyword, PatternSpec, RuleSpec};
use crate::dialect::{Ask, route};
use crate::policy::{Action, Actions, BlockAs, Rule, Unscanned};

// === what is generated ===

/// Words that rules know, and pieces of ordinary text around them. Some look like the beginning of a match and are none.
const PIECES: &[&str] = &[
    "glass orchard",
    "glass orch",
    "glass",
    "orchard ",
    "敏感词汇",
    "敏感",
    "词",
    "jo@corp.example",
    "jo@corp",
    "@",
    "a.b",
    "cat",
    "catalogue",
    "concat",
    "k\u{301}at",
    "𝐠lass orchard",
    "ｇｌａｓｓ orchard",
    "gl\u{200b}ass orchard",
    " ",
    "\n",
    "\"",
    "\\",
    "{",
    "}",
    ",",
    ":",
    "é",
    "😀",
    "hello",
    "Ünïcode",
    "4111111111111111",
    "4111",
    "x",
];
/// What must never arrive.
const SECRETS: &[&str] = &[
    "glass orchard",
    "敏感词汇",
    "jo@corp.example",
    "𝐠lass orchard",
    "ｇｌａｓｓ orchard",
    "gl\u{200b}ass orchard",
];

fn rule(id: &str, action: Action, marker: &str) -> Rule {
    Rule { id: id.into(), actions: Actions::all(action), marker: marker.into(), ..Rule::default() }
}

fn words(words: &[&str], whole_word: bool) -> RuleSpec {
    let keywords = words.iter().map(|w| Keyword { text: (*w).into(), whole_word }).collect();
    RuleSpec { keywords, ..RuleSpec::default() }
}

fn policy(action: Action) -> Arc<Policy> {
    let mail = PatternSpec { regex: r"[a-z]{1,9}@corp\.example".into(), ..PatternSpec::default() };
    let rules = vec![
        (rule("phrase", action, "[PHRASE]"), words(&["glass orchard"], false)),
        (rule("term", action, "[TERM]"), words(&["敏感词汇"], false)),
        (rule("word", Action::Mask, "[CAT]"), words(&["cat"], true)),
        (rule("mail", action, "[MAIL]"), RuleSpec { patterns: vec![mail], ..RuleSpec::default() }),
    ];
    let policy = Policy::from_rules(rules).unwrap_or_else(|e| panic!("{e:?}"));
    Arc::new(policy.with(Unscanned::Block, BlockAs::Error))
}

pub(super) fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(PIECES), 0..12).prop_map(|p| p.concat())
}

/// Cuts a text at character boundaries.
fn cut(text: &str, cuts: &[prop::sample::Index]) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut at: Vec<usize> = cuts.iter().map(|c| c.index(chars.len() + 1)).chain([0, chars.len()]).collect();
    at.sort_unstable();
    at.windows(2).map(|w| chars[w[0]..w[1]].iter().collect()).collect()
}

/// JSON with every character of its strings outside ASCII (and, in `heavy`, inside) written as an escape.
pub(super) fn escaped(value: &Value, heavy: bool) -> String {
    let plain = value.to_string();
    let mut out = String::new();
    let mut after_backslash = false;
    let mut in_string = false;
    for c in plain.chars() {
        let escapes = in_string && !after_backslash && (!c.is_ascii() || heavy && c.is_ascii_lowercase());
        if escapes {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                use std::fmt::Write as _;
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
        if c == '"' && !after_backslash {
            in_string = !in_string;
        }
        after_backslash = c == '\\' && !after_backslash;
    }
    out
}

// === the dialects, as a provider writes them and a client reads them ===

/// One logical text of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Text {
    Message(u64),
    Reasoning(u64),
    Arguments(u64),
}

pub(super) struct Wire {
    pub(super) name: &'static str,
    path: &'static str,
    media: &'static str,
    request: &'static str,
    texts: &'static [Text],
    /// Its messages are blocks of one answer, which readers join.
    blocks: bool,
    event: fn(Text, &str) -> Value,
    frame: fn(&str, &str) -> String,
    end: &'static str,
    read: fn(&Value, &mut BTreeMap<Text, String>),
    whole: fn(&BTreeMap<Text, String>) -> Value,
    read_whole: fn(&Value) -> BTreeMap<Text, String>,
}

fn add(out: &mut BTreeMap<Text, String>, text: Text, piece: Option<&Value>) {
    if let Some(piece) = piece.and_then(Value::as_str) {
        out.entry(text).or_default().push_str(piece);
    }
}

fn data(_: &str, json: &str) -> String {
    format!("data: {json}\n\n")
}

const CHAT: Wire = Wire {
    name: "chat completions",
    path: "/v1/chat/completions",
    media: "text/event-stream",
    request: r#"{"model":"m","stream":true,"n":2,"messages":[]}"#,
    texts: &[Text::Message(0), Text::Message(1), Text::Reasoning(0), Text::Arguments(0), Text::Arguments(1)],
    blocks: false,
    event: |text, piece| match text {
        Text::Message(i) => json!({"id": "c", "choices": [{"delta": {"content": piece}, "index": i}]}),
        Text::Reasoning(i) => {
            json!({"id": "c", "choices": [{"index": i, "delta": {"reasoning_content": piece}}]})
        }
        Text::Arguments(i) => {
            json!({"id": "c", "choices": [{"index": 0, "delta": {"tool_calls": [{"index": i, "function": {"arguments": piece}}]}}]})
        }
    },
    frame: data,
    end: "data: [DONE]\n\n",
    read: |event, out| {
        for choice in event["choices"].as_array().into_iter().flatten() {
            let index = choice["index"].as_u64().unwrap_or(0);
            add(out, Text::Message(index), choice.pointer("/delta/content"));
            add(out, Text::Reasoning(index), choice.pointer("/delta/reasoning_content"));
            for call in choice.pointer("/delta/tool_calls").and_then(Value::as_array).into_iter().flatten() {
                add(
                    out,
                    Text::Arguments(call["index"].as_u64().unwrap_or(0)),
                    call.pointer("/function/arguments"),
                );
            }
        }
    },
    whole: |texts| {
        let get = |t: Text| texts.get(&t).cloned().unwrap_or_default();
        json!({"id": "c", "choices": [
            {"index": 0, "message": {"role": "assistant", "content": get(Text::Message(0)), "reasoning_content": get(Text::Reasoning(0)),
                "tool_calls": [
                    {"index": 0, "function": {"arguments": get(Text::Arguments(0))}},
                    {"index": 1, "function": {"arguments": get(Text::Arguments(1))}}]}},
            {"index": 1, "message": {"role": "assistant", "content": get(Text::Message(1))}}]})
    },
    read_whole: |body| {
        let mut out = BTreeMap::new();
        add(&mut out, Text::Message(0), body.pointer("/choices/0/message/content"));
        add(&mut out, Text::Message(1), body.pointer("/choices/1/message/content"));
        add(&mut out, Text::Reasoning(0), body.pointer("/choices/0/message/reasoning_content"));
        add(&mut out, Text::Arguments(0), body.pointer("/choices/0/message/tool_calls/0/function/arguments"));
        add(&mut out, Text::Arguments(1), body.pointer("/choices/0/message/tool_calls/1/function/arguments"));
        out
    },
};

fn one(value: Option<&Value>, text: Text) -> BTreeMap<Text, String> {
    let mut out = BTreeMap::new();
    add(&mut out, text, value);
    out
}

const COMPLETIONS: Wire = Wire {
    name: "completions",
    path: "/v1/completions",
    media: "text/event-stream",
    request: r#"{"model":"m","stream":true,"n":2,"prompt":"x"}"#,
    texts: &[Text::Message(0), Text::Message(1)],
    blocks: false,
    event: |text, piece| match text {
        Text::Message(i) | Text::Reasoning(i) | Text::Arguments(i) => {
            json!({"id": "c", "choices": [{"text": piece, "index": i}]})
        }
    },
    frame: data,
    end: "data: [DONE]\n\n",
    read: |event, out| {
        for choice in event["choices"].as_array().into_iter().flatten() {
            add(out, Text::Message(choice["index"].as_u64().unwrap_or(0)), choice.get("text"));
        }
    },
    whole: |texts| {
        let get = |t: Text| texts.get(&t).cloned().unwrap_or_default();
        json!({"choices": [{"index": 0, "text": get(Text::Message(0))}, {"index": 1, "text": get(Text::Message(1))}]})
    },
    read_whole: |body| {
        let mut out = one(body.pointer("/choices/0/text"), Text::Message(0));
        add(&mut out, Text::Message(1), body.pointer("/choices/1/text"));
        out
    },
};

fn typed(kind: &str, json: &str) -> String {
    format!("event: {kind}\r\ndata: {json}\r\n\r\n")
}

const RESPONSES: Wire = Wire {
    name: "responses",
    path: "/v1/responses",
    media: "text/event-stream",
    request: r#"{"model":"m","stream":true,"input":"x"}"#,
    texts: &[Text::Message(0), Text::Message(1), Text::Reasoning(2), Text::Arguments(3)],
    blocks: true,
    event: |text, piece| match text {
        Text::Message(i) => {
            json!({"type": "response.output_text.delta", "output_index": 0, "content_index": i, "delta": piece})
        }
        Text::Reasoning(i) => {
            json!({"type": "response.reasoning_summary_text.delta", "output_index": i, "summary_index": 0, "delta": piece})
        }
        Text::Arguments(i) => {
            json!({"delta": piece, "type": "response.function_call_arguments.delta", "output_index": i})
        }
    },
    frame: typed,
    end: "data: {\"type\":\"response.completed\"}\n\n",
    read: |event, out| {
        let output = event["output_index"].as_u64().unwrap_or(0);
        match event["type"].as_str().unwrap_or_default() {
            "response.output_text.delta" => {
                add(out, Text::Message(event["content_index"].as_u64().unwrap_or(0)), event.get("delta"));
            }
            "response.reasoning_summary_text.delta" => add(out, Text::Reasoning(output), event.get("delta")),
            _ => add(out, Text::Arguments(output), event.get("delta")),
        }
    },
    whole: |texts| {
        let get = |t: Text| texts.get(&t).cloned().unwrap_or_default();
        json!({"output": [
            {"type": "message", "content": [{"type": "output_text", "text": get(Text::Message(0))}, {"type": "output_text", "text": get(Text::Message(1))}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": get(Text::Reasoning(2))}]},
            {"type": "function_call", "arguments": get(Text::Arguments(3))}]})
    },
    read_whole: |body| {
        let mut out = one(body.pointer("/output/0/content/0/text"), Text::Message(0));
        add(&mut out, Text::Message(1), body.pointer("/output/0/content/1/text"));
        add(&mut out, Text::Reasoning(2), body.pointer("/output/1/summary/0/text"));
        add(&mut out, Text::Arguments(3), body.pointer("/output/2/arguments"));
        out
    },
};

const ANTHROPIC: Wire = Wire {
    name: "anthropic messages",
    path: "/v1/messages",
    media: "text/event-stream",
    request: r#"{"model":"m","stream":true,"max_tokens":1,"messages":[]}"#,
    texts: &[Text::Message(0), Text::Reasoning(1), Text::Arguments(2), Text::Message(3)],
    blocks: true,
    event: |text, piece| match text {
        Text::Message(i) => {
            json!({"type": "content_block_delta", "index": i, "delta": {"type": "text_delta", "text": piece}})
        }
        Text::Reasoning(i) => {
            json!({"type": "content_block_delta", "index": i, "delta": {"type": "thinking_delta", "thinking": piece}})
        }
        Text::Arguments(i) => {
            json!({"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": piece}, "index": i})
        }
    },
    frame: typed,
    end: "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    read: |event, out| {
        let index = event["index"].as_u64().unwrap_or(0);
        add(out, Text::Message(index), event.pointer("/delta/text"));
        add(out, Text::Reasoning(index), event.pointer("/delta/thinking"));
        add(out, Text::Arguments(index), event.pointer("/delta/partial_json"));
    },
    whole: |texts| {
        let get = |t: Text| texts.get(&t).cloned().unwrap_or_default();
        let input: Value = serde_json::from_str(&get(Text::Arguments(2))).unwrap_or(Value::Null);
        json!({"type": "message", "role": "assistant", "content": [
            {"type": "text", "text": get(Text::Message(0))}, {"type": "thinking", "thinking": get(Text::Reasoning(1)), "signature": "AAAA"},
            {"type": "tool_use", "id": "t", "name": "n", "input": input}, {"type": "text", "text": get(Text::Message(3))}]})
    },
    read_whole: |body| {
        let mut out = one(body.pointer("/content/0/text"), Text::Message(0));
        add(&mut out, Text::Reasoning(1), body.pointer("/content/1/thinking"));
        if let Some(input) = body.pointer("/content/2/input") {
            out.insert(Text::Arguments(2), input.to_string());
        }
        add(&mut out, Text::Message(3), body.pointer("/content/3/text"));
        out
    },
};

const GEMINI: Wire = Wire {
    name: "gemini",
    path: "/v1beta/models/m:streamGenerateContent",
    media: "text/event-stream",
    request: r#"{"contents":[]}"#,
    texts: &[Text::Message(0), Text::Message(1), Text::Reasoning(0)],
    blocks: false,
    event: |text, piece| match text {
        Text::Reasoning(i) => {
            json!({"candidates": [{"content": {"parts": [{"thought": true, "text": piece}]}, "index": i}]})
        }
        Text::Message(i) | Text::Arguments(i) => {
            json!({"candidates": [{"content": {"parts": [{"text": piece}], "role": "model"}, "index": i}]})
        }
    },
    frame: data,
    end: "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n",
    read: |event, out| {
        for candidate in event["candidates"].as_array().into_iter().flatten() {
            let index = candidate["index"].as_u64().unwrap_or(0);
            for part in candidate.pointer("/content/parts").and_then(Value::as_array).into_iter().flatten() {
                let text =
                    if part["thought"] == true { Text::Reasoning(index) } else { Text::Message(index) };
                add(out, text, part.get("text"));
            }
        }
    },
    whole: |texts| {
        let get = |t: Text| texts.get(&t).cloned().unwrap_or_default();
        json!({"candidates": [
            {"content": {"parts": [{"text": get(Text::Message(0))}, {"text": get(Text::Reasoning(0)), "thought": true}]}, "index": 0},
            {"content": {"parts": [{"text": get(Text::Message(1))}]}, "index": 1}]})
    },
    read_whole: |body| {
        let mut out = one(body.pointer("/candidates/0/content/parts/0/text"), Text::Message(0));
        add(&mut out, Text::Reasoning(0), body.pointer("/candidates/0/content/parts/1/text"));
        add(&mut out, Text::Message(1), body.pointer("/candidates/1/content/parts/0/text"));
        out
    },
};

fn line(_: &str, json: &str) -> String {
    format!("{json}\n")
}

const OLLAMA: Wire = Wire {
    name: "ollama chat",
    path: "/api/chat",
    media: "application/x-ndjson",
    request: r#"{"model":"m","messages":[]}"#,
    texts: &[Text::Message(0), Text::Reasoning(0)],
    blocks: false,
    event: |text, piece| match text {
        Text::Reasoning(_) => {
            json!({"model": "m", "message": {"role": "assistant", "content": "", "thinking": piece}, "done": false})
        }
        Text::Message(_) | Text::Arguments(_) => {
            json!({"model": "m", "message": {"role": "assistant", "content": piece}, "done": false})
        }
    },
    frame: line,
    end: "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\"}\n",
    read: |event, out| {
        add(out, Text::Message(0), event.pointer("/message/content"));
        add(out, Text::Reasoning(0), event.pointer("/message/thinking"));
    },
    whole: |texts| {
        let get = |t: Text| texts.get(&t).cloned().unwrap_or_default();
        json!({"message": {"role": "assistant", "content": get(Text::Message(0)), "thinking": get(Text::Reasoning(0))}, "done": true})
    },
    read_whole: |body| {
        let mut out = one(body.pointer("/message/content"), Text::Message(0));
        add(&mut out, Text::Reasoning(0), body.pointer("/message/thinking"));
        out
    },
};

/// A provider's new fields, which no row names: two of one choice and one of another.
static UNNAMED: Wire = Wire {
    name: "unnamed fields",
    texts: &[Text::Message(0), Text::Message(1), Text::Reasoning(0)],
    event: |text, piece| match text {
        Text::Message(i) | Text::Arguments(i) => {
            json!({"id": "c", "choices": [{"index": i, "delta": {"said_aloud": piece}}]})
        }
        Text::Reasoning(i) => {
            json!({"id": "c", "choices": [{"index": i, "delta": {"thoughts": [{"text": piece}]}}]})
        }
    },
    read: |event, out| {
        for choice in event["choices"].as_array().into_iter().flatten() {
            let index = choice["index"].as_u64().unwrap_or(0);
            add(out, Text::Message(index), choice.pointer("/delta/said_aloud"));
            add(out, Text::Reasoning(index), choice.pointer("/delta/thoughts/0/text"));
        }
    },
    ..CHAT
};

pub(super) const WIRES: &[&Wire] = &[&CHAT, &COMPLETIONS, &RESPONSES, &ANTHROPIC, &GEMINI, &OLLAMA];

// === running an exchange ===

pub(super) fn answering(wire: &Wire, policy: &Arc<Policy>, stream: bool) -> Answering {
    let media = if stream { wire.media } else { "application/json" };
    answering_as(wire, policy, Some(media))
}

fn answering_as(wire: &Wire, policy: &Arc<Policy>, media: Option<&str>) -> Answering {
    let matched = route("POST", wire.path, wire.path.ends_with("/messages"))
        .unwrap_or_else(|_| panic!("{}", wire.name));
    let terms = Terms::new(Arc::clone(policy), ExchangeLimits::default());
    let received = Received::new(matched, terms);
    let judged = received
        .judge(None, true, Bytes::copy_from_slice(wire.request.as_bytes()))
        .unwrap_or_else(|e| panic!("{}: {e}", wire.name));
    assert!(
        matches!(judged.next(), Next::Forward { changed: false, .. }),
        "{}: {:?}",
        wire.name,
        judged.next()
    );
    let mut answering = judged.admit(Receipt::forged());
    let _ = answering.head(200, media).unwrap_or_else(|e| panic!("{}: {e}", wire.name));
    answering
}

/// Feeds a stream in pieces of `piece` bytes; gives what came out and whether it was cut.
fn stream(wire: &Wire, policy: &Arc<Policy>, bytes: &[u8], piece: usize) -> (Vec<Bytes>, bool) {
    run(answering(wire, policy, true), bytes, piece)
}

fn run(mut answering: Answering, bytes: &[u8], piece: usize) -> (Vec<Bytes>, bool) {
    let mut out = Vec::new();
    for part in bytes.chunks(piece.max(1)) {
        if answering.feed(part, &mut out) != Flow::More {
            return (out, true);
        }
    }
    let flow = answering.finish(Ended::Complete, &mut out);
    (out, flow != Flow::More)
}

pub(super) fn whole(wire: &Wire, policy: &Arc<Policy>, body: &[u8]) -> Result<Vec<u8>, ()> {
    whole_as(wire, policy, Some("application/json"), body)
}

fn whole_as(wire: &Wire, policy: &Arc<Policy>, media: Option<&str>, body: &[u8]) -> Result<Vec<u8>, ()> {
    let mut answering = answering(wire, policy, false);
    // Whole answers of calls that stream by default are asked for without one.
    answering.ask = Ask { stream: false, ..answering.ask.clone() };
    let _ = answering.head(200, media);
    let mut out = Vec::new();
    let fed = answering.feed(body, &mut out);
    let finished = answering.finish(Ended::Complete, &mut out);
    if fed == Flow::More && finished == Flow::More { Ok(out.concat()) } else { Err(()) }
}

/// What a client gets of the same texts in one body.
pub(super) fn whole_answer(wire: &Wire, policy: &Arc<Policy>, case: &Case) -> Result<Vec<u8>, ()> {
    whole(wire, policy, (wire.whole)(&case.texts).to_string().as_bytes())
}

/// The events in what came out, as a client parses them.
fn events(wire: &Wire, out: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(out).unwrap_or_else(|e| panic!("{e}"));
    let lines: Vec<&str> = if wire.media == "text/event-stream" {
        text.lines().filter_map(|l| l.strip_prefix("data: ")).filter(|d| *d != "[DONE]").collect()
    } else {
        text.lines().filter(|l| !l.trim().is_empty()).collect()
    };
    lines
        .iter()
        .map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{}: {e}: {l}", wire.name)))
        .collect()
}

fn read(wire: &Wire, out: &[u8]) -> BTreeMap<Text, String> {
    let mut texts = BTreeMap::new();
    for event in events(wire, out) {
        (wire.read)(&event, &mut texts);
    }
    texts.retain(|_, t| !t.is_empty());
    texts
}

/// Texts of an answer and the order in which their pieces come, in wire form.
#[derive(Clone, Debug)]
pub(super) struct Case {
    texts: BTreeMap<Text, String>,
    pub(super) bytes: Vec<u8>,
    /// Where each event ends.
    ends: Vec<usize>,
}

fn case(wire: &'static Wire) -> impl Strategy<Value = Case> {
    let one = (text(), proptest::collection::vec(any::<prop::sample::Index>(), 0..8));
    let all = proptest::collection::vec(one, wire.texts.len());
    (all, any::<u64>(), any::<bool>(), any::<bool>()).prop_map(move |(all, order, non_ascii, heavy)| {
        let mut texts = BTreeMap::new();
        let mut queues: Vec<(Text, std::collections::VecDeque<String>)> = Vec::new();
        for (text, (content, cuts)) in wire.texts.iter().zip(all) {
            // Arguments are JSON source: the generated text stands in a string of it.
            let content = match text {
                Text::Arguments(_) => json!({"a": content, "n": 1}).to_string(),
                Text::Message(_) | Text::Reasoning(_) => content,
            };
            queues.push((*text, cut(&content, &cuts).into()));
            if !content.is_empty() {
                texts.insert(*text, content);
            }
        }
        let (mut bytes, mut ends, mut order) = (Vec::new(), Vec::new(), order);
        while queues.iter().any(|(_, q)| !q.is_empty()) {
            // Interleaves the texts by a generated order.
            order = order.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let pick = (order >> 33) as usize % queues.len();
            // Blocks of one answer do not take turns.
            let is_message = |text: Text| matches!(text, Text::Message(_));
            let waits = wire.blocks
                && queues.get(pick).is_some_and(|&(text, _)| is_message(text))
                && queues.iter().take(pick).any(|(text, queue)| is_message(*text) && !queue.is_empty());
            let picked = queues.get_mut(pick).filter(|_| !waits);
            let Some((text, piece)) = picked.and_then(|(t, q)| Some((*t, q.pop_front()?))) else {
                continue;
            };
            let event = (wire.event)(text, &piece);
            let json = if non_ascii || heavy { escaped(&event, heavy) } else { event.to_string() };
            let kind = event["type"].as_str().unwrap_or_default();
            bytes.extend_from_slice((wire.frame)(kind, &json).as_bytes());
            ends.push(bytes.len());
        }
        bytes.extend_from_slice(wire.end.as_bytes());
        Case { texts, bytes, ends }
    })
}

pub(super) fn wire_case() -> impl Strategy<Value = (usize, Case)> {
    (0..WIRES.len()).prop_flat_map(|n| case(WIRES[n]).prop_map(move |c| (n, c)))
}

fn streamed_arguments(texts: &BTreeMap<Text, String>) -> Vec<(Text, String)> {
    texts.iter().filter(|(t, _)| matches!(t, Text::Arguments(_))).map(|(t, s)| (*t, s.clone())).collect()
}

fn leaks(texts: &BTreeMap<Text, String>) -> Option<String> {
    texts.iter().find_map(|(t, text)| {
        let plain = serde_json::from_str::<Value>(text).ok().and_then(|v| v["a"].as_str().map(str::to_owned));
        let found =
            SECRETS.iter().find(|s| text.contains(**s) || plain.as_ref().is_some_and(|p| p.contains(**s)));
        found.map(|s| format!("{t:?} holds {s:?}: {text:?}"))
    })
}

proptest! {
    #![proptest_config(crate::text::cases::cases(96))]

    /// Promise 1: masked text never arrives, however it was cut, and the stream says what the whole body says.
    #[test]
    fn masked_text_never_arrives_and_streamed_equals_whole((n, case) in wire_case(), piece in 1usize..200) {
        let wire = WIRES[n];
        let policy = policy(Action::Mask);
        let (out, was_cut) = stream(wire, &policy, &case.bytes, piece);
        prop_assert!(!was_cut);
        let streamed = read(wire, &out.concat());
        prop_assert_eq!(leaks(&streamed), None);
        let body = (wire.whole)(&case.texts).to_string();
        let answer = whole(wire, &policy, body.as_bytes());
        prop_assert!(answer.is_ok());
        let answer: Value = serde_json::from_slice(&answer.unwrap_or_default())?;
        let mut want = (wire.read_whole)(&answer);
        want.retain(|_, t| !t.is_empty());
        if wire.name == "anthropic messages" {
            // A whole answer has the arguments as a value, a stream as source.
            for (_, text) in streamed_arguments(&streamed).into_iter().chain(streamed_arguments(&want)) {
                prop_assert!(serde_json::from_str::<Value>(&text).is_ok(), "{}", text);
            }
            let value = |t: &BTreeMap<Text, String>| streamed_arguments(t).into_iter().map(|(_, s)| serde_json::from_str::<Value>(&s).ok()).collect::<Vec<_>>();
            prop_assert_eq!(value(&streamed), value(&want));
            want.retain(|t, _| !matches!(t, Text::Arguments(_)));
            let mut streamed = streamed;
            streamed.retain(|t, _| !matches!(t, Text::Arguments(_)));
            prop_assert_eq!(streamed, want);
        } else {
            prop_assert_eq!(streamed, want);
        }
    }

    /// Promise 1 in fields that nobody knows, with pieces that come twice and other texts between them; and promise 2.
    #[test]
    fn nothing_leaks_in_fields_without_a_row(case in case(&UNNAMED), piece in 1usize..200) {
        let (out, was_cut) = stream(&UNNAMED, &policy(Action::Mask), &case.bytes, piece);
        prop_assert!(!was_cut);
        prop_assert_eq!(leaks(&read(&UNNAMED, &out.concat())), None);
        let (out, _) = stream(&UNNAMED, &policy(Action::Block), &case.bytes, piece);
        prop_assert_eq!(leaks(&read(&UNNAMED, &out.concat())), None);
        let nothing = Arc::new(Policy::from_rules(vec![(
            rule("absent", Action::Mask, "[X]"),
            words(&["glass orchids", "hello there", "catalogues"], false),
        )]).unwrap_or_else(|e| panic!("{e:?}")));
        let (out, was_cut) = stream(&UNNAMED, &nothing, &case.bytes, piece);
        prop_assert!(!was_cut);
        prop_assert_eq!(out.concat(), case.bytes.clone());
    }

    /// Every two-way cut of the wire bytes gives the same released bytes.
    #[test]
    fn where_the_bytes_are_cut_changes_nothing((n, case) in wire_case(), at in any::<prop::sample::Index>()) {
        let wire = WIRES[n];
        let policy = policy(Action::Mask);
        let (together, _) = stream(wire, &policy, &case.bytes, usize::MAX);
        let (bytewise, _) = stream(wire, &policy, &case.bytes, 1);
        prop_assert_eq!(together.concat(), bytewise.concat());
        let at = at.index(case.bytes.len() + 1);
        let mut answering = answering(wire, &policy, true);
        let mut out = Vec::new();
        let (a, b) = case.bytes.split_at(at);
        answering.feed(a, &mut out);
        answering.feed(b, &mut out);
        answering.finish(Ended::Complete, &mut out);
        prop_assert_eq!(out.concat(), together.concat());
    }

    /// Promise 1 for blocks: nothing of the match arrives, and a blocked whole answer is blocked as a stream too.
    #[test]
    fn blocked_text_never_arrives((n, case) in wire_case(), piece in 1usize..200) {
        let wire = WIRES[n];
        let policy = policy(Action::Block);
        let (out, was_cut) = stream(wire, &policy, &case.bytes, piece);
        let streamed = read(wire, &out.concat());
        prop_assert_eq!(leaks(&streamed), None);
        let body = (wire.whole)(&case.texts).to_string();
        prop_assert_eq!(whole(wire, &policy, body.as_bytes()).is_err(), was_cut);
    }

    /// Promise 2: clean exchanges come out byte-identical, and each event whole.
    #[test]
    fn clean_is_untouched((n, case) in wire_case(), piece in 1usize..200) {
        let wire = WIRES[n];
        let policy = Arc::new(Policy::from_rules(vec![(
            rule("absent", Action::Mask, "[X]"),
            words(&["glass orchids", "hello there", "catalogues"], false),
        )]).unwrap_or_else(|e| panic!("{e:?}")));
        let (out, was_cut) = stream(wire, &policy, &case.bytes, piece);
        prop_assert!(!was_cut);
        prop_assert_eq!(out.concat(), case.bytes.clone());
        let mut at = 0;
        for event in &out {
            at += event.len();
            prop_assert!(case.ends.contains(&at) || at == case.bytes.len(), "an event was cut at {}", at);
        }
        let body = (wire.whole)(&case.texts).to_string();
        prop_assert_eq!(whole(wire, &policy, body.as_bytes()), Ok(body.into_bytes()));
    }
}

/// Media types of servers that do not say what they send; readers of streams do not look at it.
const LOOSE_MEDIA: &[Option<&str>] =
    &[None, Some("text/plain"), Some("text/html; charset=utf-8"), Some("text/plain;charset=utf-8")];

proptest! {
    #![proptest_config(crate::text::cases::cases(96))]

    /// What a stream is told by its bytes: under another text's media type, or none, it is read as under its own.
    #[test]
    fn a_stream_is_read_under_any_media_type_of_text(
        (n, case) in wire_case(),
        piece in 1usize..200,
        media in proptest::sample::select(LOOSE_MEDIA),
        action in proptest::sample::select(&[Action::Mask, Action::Block][..]),
    ) {
        let wire = WIRES[n];
        let policy = policy(action);
        let (want, cut) = stream(wire, &policy, &case.bytes, piece);
        let (out, was_cut) = run(answering_as(wire, &policy, media), &case.bytes, piece);
        prop_assert_eq!(leaks(&read(wire, &out.concat())), None);
        prop_assert_eq!(String::from_utf8(out.concat())?, String::from_utf8(want.concat())?);
        prop_assert_eq!(was_cut, cut);
        let body = (wire.whole)(&case.texts);
        for body in [body.to_string(), serde_json::to_string_pretty(&body)?, escaped(&body, true)] {
            let want = whole(wire, &policy, body.as_bytes());
            prop_assert_eq!(whole_as(wire, &policy, media, body.as_bytes()), want);
        }
    }
}

/// A mislabelled stream leaves event by event, and one that begins in an odd way is found out before anything leaves.
#[test]
fn a_mislabelled_stream_is_not_held_back() {
    let policy = policy(Action::Mask);
    let one = |text: &str| {
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
    };
    for begin in [
        "",
        "\u{feff}",
        "\n\n",
        ": hi\n\n",
        "id: 1\n",
        "event: x\n",
        "retry: 5\r\n\r\n",
        "said: so\n\n",
        "x\r",
    ] {
        let mut answering = answering_as(&CHAT, &policy, Some("text/plain"));
        let mut out = Vec::new();
        for byte in format!("{begin}{}", one("hello ")).as_bytes() {
            assert_eq!(answering.feed(&[*byte], &mut out), Flow::More);
        }
        let released = String::from_utf8(out.concat()).unwrap_or_default();
        assert!(released.contains("hello"), "held: {begin:?}");
        for c in "glass orchard".chars() {
            answering.feed(one(&c.to_string()).as_bytes(), &mut out);
        }
        answering.feed(b"data: [DONE]\n\n", &mut out);
        assert_eq!(answering.finish(Ended::Complete, &mut out), Flow::More);
        let texts: String = String::from_utf8(out.concat())
            .unwrap_or_default()
            .trim_start_matches('\u{feff}')
            .split(['\n', '\r'])
            .filter_map(|l| serde_json::from_str::<Value>(l.strip_prefix("data: ")?).ok())
            .filter_map(|e| e.pointer("/choices/0/delta/content").and_then(Value::as_str).map(str::to_owned))
            .collect();
        assert_eq!(texts, "hello [PHRASE]", "{begin:?}");
    }
    // Lines of JSON where events were asked for.
    let mut lines = String::new();
    for c in "a glass orchard".chars() {
        lines.push_str(one(&c.to_string()).trim_start_matches("data: "));
    }
    lines.push_str("{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n");
    let (out, was_cut) = run(answering_as(&CHAT, &policy, Some("text/plain")), lines.as_bytes(), 3);
    assert!(!was_cut);
    let texts = read(&Wire { media: "lines", ..CHAT }, &out.concat());
    assert_eq!(texts.get(&Text::Message(0)).map(String::as_str), Some("a [PHRASE]"));
    // What is no stream is a text, or follows `unscanned`.
    let prose = "say: it\nglass orchard\n";
    let (out, was_cut) = run(answering_as(&CHAT, &policy, Some("text/plain")), prose.as_bytes(), 3);
    assert_eq!((out.concat(), was_cut), (b"say: it\n[PHRASE]\n".to_vec(), false));
    let joined = lines.replace('\n', "");
    let (out, was_cut) = run(answering_as(&CHAT, &policy, Some("text/plain")), joined.as_bytes(), 3);
    assert_eq!((out.concat(), was_cut), (Vec::new(), true));
}

/// A provider's new field that streams is joined and masked; a new word in every event holds nothing up.
#[test]
fn unknown_fields_neither_leak_nor_hold_a_stream() {
    let policy = policy(Action::Mask);
    let event = |extra: &str| {
        format!(
            "data: {{\"id\":\"c\",\"provider\":\"glass\",\"choices\":[{{\"index\":0,\"delta\":{{{extra}}}}}]}}\n\n"
        )
    };
    let mut answering = answering(&CHAT, &policy, true);
    let mut out = Vec::new();
    for piece in ["gla", "ss or", "chard", " x"] {
        answering.feed(event(&format!("\"said_aloud\":\"{piece}\"")).as_bytes(), &mut out);
    }
    for word in ["hello", "you", "who", "read", "this"] {
        answering.feed(event(&format!("\"content\":\"{word} \"")).as_bytes(), &mut out);
    }
    let released = String::from_utf8(out.concat()).unwrap_or_default();
    assert!(released.contains("hello"), "held: {released}");
    let said: String = events(&CHAT, released.as_bytes())
        .iter()
        .filter_map(|e| e.pointer("/choices/0/delta/said_aloud").and_then(Value::as_str).map(str::to_owned))
        .collect();
    assert_eq!(said, "[PHRASE] x");
}
