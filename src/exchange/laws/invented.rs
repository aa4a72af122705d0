//! The law of new fields: whatever a provider adds to an event, at whatever depth, its text does not leak, however it is cut over events.
//! It holds for each table of events; within free JSON values (metadata, the results of a search) each event is whole.

use proptest::prelude::*;

use super::super::*;
use super::sample::{LETTERS, STREAMS, answering, pieces, run, under};
use crate::detect::{Keyword, RuleSpec};
use crate::dialect::route;
use crate::policy::{Actions, Direction, Rule};
use crate::text::json::Tape;

const TEXT: &str = "to al@aaa.example or";

/// How a new field may hold a text; `PIECE` stands for it.
const FORMS: &[&str] = &[
    r#""invented":"PIECE""#,
    r#""invented":{"text":"PIECE"}"#,
    r#""invented":["PIECE"]"#,
    r#""invented":[{"kind":"x","text":"PIECE"}]"#,
];

/// By the number of a stream: the types of its events, where they have any. Not those that end a block or an item, which end what they hold.
const TYPES: &[(usize, &[&str])] = &[
    (0, &["message_start", "content_block_start", "content_block_delta", "message_delta", "invented"]),
    (
        1,
        &[
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.output_item.updated",
            "response.content_part.added",
            "response.content_part.done",
            "response.output_text.delta",
            "response.output_text.done",
            "response.output_text.annotation.added",
            "response.reasoning_text.delta",
            "response.reasoning_summary_part.added",
            "response.reasoning_summary_text.delta",
            "response.function_call_arguments.delta",
            "response.shell_call_command.delta",
            "response.invented.delta",
            "response.invented",
        ],
    ),
    (2, &[""]),
    (3, &[""]),
    (4, &[""]),
];

/// An event with a new field at a place, written as a table writes it; and where in it the field stands.
fn event(kind: &str, place: &str, field: &str) -> String {
    let mut event = format!("{{{field}}}");
    for step in place.rsplit('.').filter(|step| !step.is_empty()) {
        let name = step.trim_end_matches("[]");
        let lists = (step.len() - name.len()) / 2;
        event = format!("{{\"{name}\":{}{event}{}}}", "[".repeat(lists), "]".repeat(lists));
    }
    if kind.is_empty() || place.starts_with("type") {
        return event;
    }
    let comma = if event == "{}" { "" } else { "," };
    event.replacen('{', &format!("{{\"type\":\"{kind}\"{comma}"), 1)
}

/// Every place in every table where a new field may turn up: the stream's number, the event's type, the place.
fn places() -> Vec<(usize, &'static str, String)> {
    let mut out = Vec::new();
    for &(stream, kinds) in TYPES {
        let (path, ..) = STREAMS[stream];
        let matched = route("POST", path, path.ends_with("/messages")).unwrap_or_else(|_| panic!("{path}"));
        let mut tables: Vec<&crate::dialect::Shape> = Vec::new();
        for kind in kinds {
            let typed = event(kind, "", "").replace(",}", "}");
            let mut tape = Tape::default();
            assert_eq!(tape.parse(typed.as_bytes()), Ok(()), "{typed}");
            let shape = (matched.operation.event)(typed.as_bytes(), &tape);
            // Types with one table are read alike.
            if tables.iter().any(|table| std::ptr::eq(*table, shape)) {
                continue;
            }
            tables.push(shape);
            out.extend(shape.open_places().into_iter().map(|place| (stream, *kind, place)));
        }
    }
    out
}

/// All that a client can put together of the new field.
fn said(sent: &[String]) -> String {
    let all = sent.concat();
    let events = all.lines().map(|line| line.strip_prefix("data: ").unwrap_or(line));
    let values = events.filter_map(|event| serde_json::from_str::<serde_json::Value>(event).ok());
    let mut out = String::new();
    for value in values {
        collect(&value, false, &mut out);
    }
    out
}

fn collect(value: &serde_json::Value, inside: bool, out: &mut String) {
    match value {
        serde_json::Value::String(text) if inside && text != "x" => out.push_str(text),
        serde_json::Value::Array(list) => list.iter().for_each(|v| collect(v, inside, out)),
        serde_json::Value::Object(object) => {
            object.iter().for_each(|(k, v)| collect(v, inside || k == "invented", out));
        }
        _ => {}
    }
}

fn sent((stream, kind, place): &(usize, &'static str, String), form: &str, cuts: &[String]) -> String {
    let (path, request, media, _) = STREAMS[*stream];
    let events: Vec<String> =
        cuts.iter().map(|piece| event(kind, place, &form.replace("PIECE", piece))).collect();
    let mut answering = answering(path, request, media);
    if media == "text/event-stream" {
        return said(&run(&mut answering, &events));
    }
    let mut out = Vec::new();
    for event in events {
        assert_eq!(answering.feed(format!("{event}\n").as_bytes(), &mut out), Flow::More, "{event}");
    }
    answering.finish(Ended::Complete, &mut out);
    said(&[String::from_utf8(out.concat()).unwrap_or_default()])
}

/// Log-probabilities go as a whole, so of them only what comes before a match may be there.
fn is_clean((.., place): &(usize, &'static str, String), got: &str, want: &str) -> bool {
    got == want || place.contains("ogprobs") && "to ".starts_with(got)
}

#[test]
fn no_new_field_leaks_that_is_cut_in_two() {
    let places = places();
    assert!(places.len() > 300, "{}", places.len());
    let mut leaks = Vec::new();
    for (n, place) in places.iter().enumerate() {
        for at in 1..TEXT.len() {
            let (a, b) = TEXT.split_at(at);
            let got = sent(place, FORMS[(n + at) % FORMS.len()], &[a.to_owned(), b.to_owned()]);
            if !is_clean(place, &got, "to [MAIL] or") {
                leaks.push(format!("{place:?} at {at}: {got}"));
                break;
            }
        }
    }
    assert!(leaks.is_empty(), "{} of {}:\n{}", leaks.len(), places.len(), leaks.join("\n"));
}

proptest! {
    #![proptest_config(crate::text::cases::cases(512))]

    #[test]
    fn no_new_field_leaks_however_it_is_cut(
        place in proptest::sample::select(places()),
        form in proptest::sample::select(FORMS),
        length in 1usize..9,
        (one, two) in (1..TEXT.len(), 1..TEXT.len()),
    ) {
        let (one, two) = (one.min(two), one.max(two));
        let three = [0..one, one..two, two..TEXT.len()].map(|part| TEXT.get(part).expect("letters of one byte").to_owned());
        let got = sent(&place, form, &three);
        prop_assert!(is_clean(&place, &got, "to [MAIL] or"), "{:?} {}: {}", place, form, got);
        let many = pieces(LETTERS, length);
        let got = sent(&place, form, &many);
        prop_assert!(!got.contains('@') && !got.contains("hoover"), "{:?} {}: {}", place, form, got);
        prop_assert!(place.2.contains("ogprobs") || got == "to [MAIL] or alice", "{:?} {}: {}", place, form, got);
    }
}

/// Nobody knows whether a new text is said or a tool's, so the rules of both read it, whatever a new type of event is called.
#[test]
fn rules_of_outputs_and_of_tools_read_what_is_new() {
    let output = Actions { output: Action::Mask, ..Actions::default() };
    let tool = Actions { tool: Action::Mask, ..Actions::default() };
    let (path, request, media, _) = STREAMS[1];
    for (actions, recorded) in [(output, Direction::Output), (tool, Direction::Tool)] {
        for kind in ["invented", "invented.delta", "invented.added", "invented.done", "output_text.done"] {
            for field in ["delta", "invented"] {
                let rule = Rule { id: "p/r".into(), marker: "[PHRASE]".into(), actions, ..Rule::default() };
                let words = Keyword { text: "glass orchard".into(), whole_word: false };
                let spec = RuleSpec { keywords: vec![words], ..RuleSpec::default() };
                let policy = Policy::from_rules(vec![(rule, spec)]).unwrap_or_else(|e| panic!("{e:?}"));
                let mut answering = under(Arc::new(policy), path, request, media);
                let events = ["a glass", " orchard."].map(|piece| {
                    format!(r#"{{"type":"response.{kind}","output_index":0,"{field}":"{piece}"}}"#)
                });
                let sent = run(&mut answering, &events).concat();
                assert!(sent.contains("a [PHRASE]") && !sent.contains("orchard"), "{kind} {field}: {sent}");
                let found: Vec<_> = answering.answer_findings().iter().map(|n| n.direction).collect();
                assert_eq!(found, [recorded], "{kind} {field}");
            }
        }
    }
}

/// A new block of Anthropic's begins in one event and goes on in others, as those do that are known.
#[test]
fn a_new_block_and_its_deltas_are_one_text() {
    let (path, request, media, _) = STREAMS[0];
    for field in ["content", "text", "thinking", "invented"] {
        let events = [
            format!(
                r#"{{"type":"content_block_start","index":0,"content_block":{{"type":"new","{field}":"a glass"}}}}"#
            ),
            format!(
                r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"new_delta","{field}":" orchard."}}}}"#
            ),
            r#"{"type":"content_block_stop","index":0}"#.to_owned(),
        ];
        let sent = run(&mut answering(path, request, media), &events).concat();
        assert!(sent.contains("a [PHRASE]") && !sent.contains("orchard"), "{field}: {sent}");
    }
}

/// What runs in Gemini's answers, and what was said aloud, may come in pieces.
#[test]
fn texts_of_geminis_parts_in_pieces_are_one_text() {
    let (path, request, media, _) = STREAMS[3];
    for form in [
        r#""content":{"parts":[{"executableCode":{"language":"PYTHON","code":"PIECE"}}]}"#,
        r#""content":{"parts":[{"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"PIECE"}}]}"#,
        r#""content":{"parts":[{"audioTranscription":{"text":"PIECE"}}]}"#,
        r#""content":{"parts":[{"thought":false,"text":"PIECE"}]}"#,
        r#""outputTranscription":{"text":"PIECE"}"#,
    ] {
        for length in 1..8 {
            let events: Vec<String> = pieces(LETTERS, length)
                .iter()
                .map(|piece| format!(r#"{{"candidates":[{{"index":0,{}}}]}}"#, form.replace("PIECE", piece)))
                .collect();
            let sent = run(&mut answering(path, request, media), &events).concat();
            assert!(sent.contains("[MAIL]") && !sent.contains("bbb"), "{form} by {length}: {sent}");
        }
    }
}

/// Readers take `false`, `null` and nothing for the same.
#[test]
fn a_thought_that_is_none_is_text() {
    let (path, request, media, _) = STREAMS[3];
    let spellings = ["", r#""thought":false,"#, r#""thought":null,"#, r#""thought":0,"#];
    for (one, two) in spellings.iter().flat_map(|a| spellings.iter().map(move |b| (a, b))) {
        let part = |said: &str, text: &str| {
            format!(r#"{{"candidates":[{{"content":{{"parts":[{{{said}"text":"{text}"}}]}}}}]}}"#)
        };
        let events = [part(one, "a glass"), part(two, " orchard.")];
        let sent = run(&mut answering(path, request, media), &events).concat();
        assert!(sent.contains("a [PHRASE]") && !sent.contains("orchard"), "{one} {two}: {sent}");
    }
}
