//! Labels and marks in one answer: neither changes what the other says.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::*;
use super::labelled::{CALLS, Call, MODES, begin_marked, events, labelling, sent, statement};
use super::marks::{keys, pieces};
use crate::policy::{Density, LabelMode};
use crate::provenance::Skeleton;
use crate::provenance::mark::{read, strip};

fn marks() -> Marks {
    Marks { keys: keys(), density: Some(Density::Standard), routed: false }
}

/// What a client of a stream puts together, and what the answer's record says of marks.
fn streamed(
    call: &Call,
    pieces: &[String],
    mode: LabelMode,
    notice: bool,
    marks: Option<Marks>,
    cut: usize,
) -> (String, String, Option<Marked>) {
    let request = (call.request)(true).to_string();
    let labels = Some(labelling(mode, notice, true));
    let mut answering = begin_marked(call.stream_path, &request, call.media, labels, marks);
    let out = sent(&mut answering, &(call.stream)(pieces), cut);
    ((call.heard)(&events(&out, call)), out, answering.marked())
}

fn whole(call: &Call, text: &str, mode: LabelMode, notice: bool, marks: Option<Marks>) -> String {
    let request = (call.request)(false).to_string();
    let labels = Some(labelling(mode, notice, true));
    let mut answering = begin_marked(call.path, &request, "application/json", labels, marks);
    let out = sent(&mut answering, &(call.whole)(text).to_string(), usize::MAX);
    let body: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"));
    (call.read)(&body)
}

proptest! {
    #![proptest_config(crate::text::cases::cases(48))]

    /// Without its marks an answer is what it is without marking, labels at the same places; all marks verify, also those behind a label that
    /// stands in the midst of a text, and the metadata's hash is that of the text with or without them.
    #[test]
    fn marks_beside_labels(pieces in pieces(), call in 0..CALLS.len(), mode in 0..MODES.len(), notice: bool, cut in 1usize..400) {
        let (call, mode) = (&CALLS[call], MODES[mode]);
        prop_assume!(!pieces.is_empty());
        let pieces: Vec<String> = pieces.into_iter().map(str::to_owned).collect();
        let (plain, _, none) = streamed(call, &pieces, mode, notice, None, cut);
        let (got, out, marked) = streamed(call, &pieces, mode, notice, Some(marks()), cut);
        prop_assert_eq!(none, None);
        prop_assert_eq!(&*strip(&keys(), &got), &plain);
        let reading = read(&keys(), &got);
        for found in &reading.found {
            prop_assert!(found.epoch.is_some() && found.whole != Some(false), "{found:?} in {got:?}");
        }
        // Where a stream repeats its text at the end, so do its marks.
        let repeats = if call.path.ends_with("/responses") { 5 } else { 1 };
        prop_assert_eq!(marked.map(|marked| marked.marks), Some(repeats * reading.found.len() as u64));
        let signed = statement(&out, call).ok_or_else(|| TestCaseError::fail(format!("no metadata: {out}")))?;
        prop_assert_eq!(&signed.statement.hashes, &vec![Skeleton::of(&got)]);
        prop_assert_eq!(Skeleton::of(&got), Skeleton::of(&plain));
        let text = pieces.concat();
        let (plain, got) = (whole(call, &text, mode, notice, None), whole(call, &text, mode, notice, Some(marks())));
        prop_assert_eq!(&*strip(&keys(), &got), &plain);
        prop_assert!(read(&keys(), &got).found.iter().all(|found| found.epoch.is_some() && found.whole != Some(false)));
    }
}

const SAID: [&str; 3] = [
    "The river carries water from the mountains into the valley, where people have lived since early times and built their houses along its banks. ",
    "Careful planning of whole villages began where the river bends, and the oldest of their bridges still stands there, mended by each generation. ",
    "Whoever walks along the water today finds the mills, the gates and the narrow paths between the gardens as they were drawn on the oldest maps. ",
];

fn event(value: &Value) -> String {
    format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap_or_default())
}

/// An answer of several items, each said in a few pieces and repeated behind them.
fn items() -> String {
    let item = |index: usize, text: &str| json!({"id": format!("msg_{index}"), "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text, "annotations": []}]});
    let mut events =
        vec![json!({"type": "response.created", "response": {"id": "r", "model": "m", "output": []}})];
    for (index, said) in SAID.iter().enumerate() {
        let text = said.repeat(2);
        let at = |kind: &str, key: &str, value: Value| {
            let mut event = json!({"type": kind, "item_id": format!("msg_{index}"), "output_index": index, "content_index": 0});
            event[key] = value;
            event
        };
        let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
        events.push(json!({"type": "response.output_item.added", "output_index": index, "item": {"id": format!("msg_{index}"), "type": "message", "role": "assistant", "content": []}}));
        events.push(at("response.content_part.added", "part", part("")));
        for piece in text.split_inclusive(", ") {
            events.push(at("response.output_text.delta", "delta", json!(piece)));
        }
        events.push(at("response.output_text.done", "text", json!(text)));
        events.push(at("response.content_part.done", "part", part(&text)));
        events.push(
            json!({"type": "response.output_item.done", "output_index": index, "item": item(index, &text)}),
        );
    }
    let all: Vec<Value> = SAID.iter().enumerate().map(|(n, said)| item(n, &said.repeat(2))).collect();
    events.push(json!({"type": "response.completed", "response": {"id": "r", "object": "response", "model": "m", "status": "completed", "output": all}}));
    for (n, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = json!(n);
    }
    events.iter().map(event).collect()
}

/// A message of several blocks of text with a call of a tool between them.
fn blocks() -> String {
    let mut events = vec![
        json!({"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": []}}),
    ];
    for (n, said) in SAID.iter().enumerate() {
        let index = 2 * n;
        events.push(json!({"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}}));
        for piece in said.repeat(2).split_inclusive(", ") {
            events.push(json!({"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": piece}}));
        }
        events.push(json!({"type": "content_block_stop", "index": index}));
        events.push(json!({"type": "content_block_start", "index": index + 1, "content_block": {"type": "tool_use", "id": format!("t{n}"), "name": "look", "input": {}}}));
        events.push(json!({"type": "content_block_delta", "index": index + 1, "delta": {"type": "input_json_delta", "partial_json": "{\"a\":1}"}}));
        events.push(json!({"type": "content_block_stop", "index": index + 1}));
    }
    events.push(
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}),
    );
    events.push(json!({"type": "message_stop"}));
    events.iter().map(event).collect()
}

/// Items and blocks verify together and alone, labelled or not, and what a stream repeats at its end is what it said.
#[test]
fn parts_of_an_answer_verify_together_and_alone() {
    let verifies = |text: &str, what: &str| {
        let found = read(&keys(), text).found;
        assert!(found.len() > 1, "{what}: {text}");
        for found in found {
            assert!(found.epoch.is_some() && found.whole != Some(false), "{what}: {found:?} in {text:?}");
        }
    };
    for mode in MODES {
        for (call, stream) in [(&CALLS[2], items()), (&CALLS[3], blocks())] {
            let request = (call.request)(true).to_string();
            let mut answering = begin_marked(
                call.stream_path,
                &request,
                call.media,
                Some(labelling(mode, true, true)),
                Some(marks()),
            );
            let out = events(&sent(&mut answering, &stream, 300), call);
            let mut said: BTreeMap<u64, String> = BTreeMap::new();
            for event in &out {
                let at = event["output_index"].as_u64().or(event["index"].as_u64()).unwrap_or_default();
                let piece = event["delta"]["text"].as_str().or(event["delta"].as_str());
                if let Some(piece) = piece {
                    said.entry(at).or_default().push_str(piece);
                }
            }
            let what = format!("{} {mode:?}", call.path);
            said.values().for_each(|text| verifies(text, &what));
            verifies(&said.values().cloned().collect::<String>(), &what);
            let last = out.iter().rev().find(|event| event["type"] == "response.completed");
            for (n, item) in
                last.and_then(|last| last["response"]["output"].as_array()).into_iter().flatten().enumerate()
            {
                assert_eq!(
                    item["content"][0]["text"].as_str(),
                    said.get(&(n as u64)).map(String::as_str),
                    "{what}"
                );
            }
        }
    }
}
