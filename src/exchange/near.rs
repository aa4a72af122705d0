//! What events hold beside their deltas holds nothing up: streams in the real wire form leave event for event, and texts that a reader
//! appends to each other are read as one.

use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::audit::Receipt;
use crate::detect::{Keyword, PatternSpec, RuleSpec};
use crate::dialect::route;
use crate::policy::{Action, Actions, BlockAs, Rule, Unscanned};

/// Rules of which any word may be the beginning of a match.
fn policy(unscanned: Unscanned) -> Arc<Policy> {
    let mail =
        PatternSpec { regex: r"[A-Za-z0-9._-]{1,30}@[a-z]{1,20}\.example".into(), ..PatternSpec::default() };
    let phrase = Keyword { text: "glass orchard".into(), whole_word: false };
    let foul = Keyword { text: "quince jam".into(), whole_word: false };
    let rule = |id: &str, action: Action, marker: &str| Rule {
        id: id.into(),
        actions: Actions::all(action),
        marker: marker.into(),
        ..Rule::default()
    };
    let rules = vec![
        (rule("mail", Action::Mask, "[MAIL]"), RuleSpec { patterns: vec![mail], ..RuleSpec::default() }),
        (
            rule("phrase", Action::Mask, "[PHRASE]"),
            RuleSpec { keywords: vec![phrase], ..RuleSpec::default() },
        ),
        (rule("foul", Action::Block, ""), RuleSpec { keywords: vec![foul], ..RuleSpec::default() }),
    ];
    let policy = Policy::from_rules(rules).unwrap_or_else(|e| panic!("{e:?}"));
    Arc::new(policy.with(unscanned, BlockAs::Error))
}

fn answering(path: &str, request: &'static str, media: &str) -> Answering {
    let matched = route("POST", path, path.ends_with("/messages")).unwrap_or_else(|_| panic!("{path}"));
    let terms = Terms { policy: policy(Unscanned::Block), limits: ExchangeLimits::default() };
    let judged = Received::new(matched, terms)
        .judge(None, true, Bytes::from_static(request.as_bytes()))
        .unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut answering = judged.admit(Receipt::forged());
    assert!(answering.head(200, Some(media)).is_ok());
    answering
}

const STREAMS: &[(&str, &str, &str, &str)] = &[
    (
        "/v1/messages",
        r#"{"model":"m","stream":true,"max_tokens":1,"messages":[]}"#,
        "text/event-stream",
        include_str!("../../tests/fixtures/dialect/anthropic-messages.sse"),
    ),
    (
        "/v1/responses",
        r#"{"model":"m","stream":true,"input":"x"}"#,
        "text/event-stream",
        include_str!("../../tests/fixtures/dialect/openai-responses.sse"),
    ),
    (
        "/v1/chat/completions",
        r#"{"model":"m","stream":true,"messages":[]}"#,
        "text/event-stream",
        include_str!("../../tests/fixtures/dialect/openai-chat.completions.sse"),
    ),
    (
        "/v1beta/models/m:streamGenerateContent",
        r#"{"contents":[]}"#,
        "text/event-stream",
        include_str!("../../tests/fixtures/dialect/gemini-streamGenerateContent.sse"),
    ),
    (
        "/api/chat",
        r#"{"model":"m","messages":[]}"#,
        "application/x-ndjson",
        include_str!("../../tests/fixtures/dialect/ollama-chat.ndjson"),
    ),
];

#[test]
fn events_leave_as_they_come() {
    for (path, request, media, stream) in STREAMS {
        let mut answering = answering(path, request, media);
        let end = if media.ends_with("ndjson") { "\n" } else { "\n\n" };
        let mut all = Vec::new();
        for event in stream.split_inclusive(end) {
            let mut out = Vec::new();
            assert_eq!(answering.feed(event.as_bytes(), &mut out), Flow::More, "{path}: {event}");
            assert!(!answering.is_holding(), "{path}: held: {event}");
            all.extend(out.concat());
        }
        assert_eq!(String::from_utf8(all).as_deref(), Ok(*stream), "{path}");
    }
}

#[test]
fn a_blocks_first_words_and_its_deltas_are_one_text() {
    let mut answering = answering("/v1/messages", STREAMS[0].1, "text/event-stream");
    let mut out = Vec::new();
    for event in [
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"a glass"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" orchard."}}"#,
    ] {
        answering.feed(format!("data: {event}\n\n").as_bytes(), &mut out);
    }
    answering.finish(Ended::Complete, &mut out);
    let sent = String::from_utf8(out.concat()).unwrap_or_default();
    assert!(sent.contains("a [PHRASE]") && !sent.contains("orchard") && !sent.contains("glass"), "{sent}");
}

/// By what begins a text of the responses API: what goes on with it.
const FIRST_WORDS: &[(&str, &str)] = &[
    (
        r#"{"type":"response.content_part.added","output_index":1,"content_index":2,"part":{"type":"output_text","text":"a glass"}}"#,
        r#"{"type":"response.output_text.delta","output_index":1,"content_index":2,"delta":" orchard."}"#,
    ),
    (
        r#"{"type":"response.content_part.added","output_index":1,"content_index":0,"part":{"type":"refusal","refusal":"a glass"}}"#,
        r#"{"type":"response.refusal.delta","output_index":1,"content_index":0,"delta":" orchard."}"#,
    ),
    (
        r#"{"type":"response.content_part.added","output_index":1,"content_index":3,"part":{"type":"reasoning_text","text":"a glass"}}"#,
        r#"{"type":"response.reasoning_text.delta","output_index":1,"content_index":3,"delta":" orchard."}"#,
    ),
    (
        r#"{"type":"response.reasoning_summary_part.added","output_index":1,"summary_index":2,"part":{"type":"summary_text","text":"a glass"}}"#,
        r#"{"type":"response.reasoning_summary_text.delta","output_index":1,"summary_index":2,"delta":" orchard."}"#,
    ),
    (
        r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"message","content":[{"text":"!"},{"type":"output_text","text":"a glass"}]}}"#,
        r#"{"type":"response.output_text.delta","output_index":1,"content_index":1,"delta":" orchard."}"#,
    ),
    (
        r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"reasoning","content":[{"text":"!"},{"text":"a glass"}]}}"#,
        r#"{"type":"response.reasoning_text.delta","output_index":1,"content_index":1,"delta":" orchard."}"#,
    ),
    (
        r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"reasoning","summary":[{"text":"!"},{"text":"a glass"}]}}"#,
        r#"{"type":"response.reasoning_summary_text.delta","output_index":1,"summary_index":1,"delta":" orchard."}"#,
    ),
    (
        r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"function_call","arguments":"{\"a\":\"a glass"}}"#,
        r#"{"type":"response.function_call_arguments.delta","output_index":1,"delta":" orchard.\"}"}"#,
    ),
    (
        r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"custom_tool_call","input":"a glass"}}"#,
        r#"{"type":"response.custom_tool_call_input.delta","output_index":1,"delta":" orchard."}"#,
    ),
    (
        r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"code_interpreter_call","code":"a glass"}}"#,
        r#"{"type":"response.code_interpreter_call_code.delta","output_index":1,"delta":" orchard."}"#,
    ),
    (
        r#"{"type":"response.shell_call_command.added","output_index":1,"command_index":1,"command":"a glass"}"#,
        r#"{"type":"response.shell_call_command.delta","output_index":1,"command_index":1,"delta":" orchard."}"#,
    ),
];

#[test]
fn first_words_of_items_and_parts_and_their_deltas_are_one_text() {
    let (path, request, media, _) = STREAMS[1];
    for (first, then) in FIRST_WORDS {
        let mut answering = answering(path, request, media);
        let sent = run(&mut answering, &[(*first).to_owned(), (*then).to_owned()]).concat();
        assert!(
            sent.contains("a [PHRASE]") && !sent.contains("orchard") && !sent.contains("glass"),
            "{sent}"
        );
        assert_eq!(answering.verdict(), Outcome::Rewrite, "{first}");
    }
}

#[test]
fn parts_that_sdks_join_are_one_text() {
    let mut answering =
        answering("/v1beta/models/m:generateContent", r#"{"contents":[]}"#, "application/json");
    let mut out = Vec::new();
    let body = r#"{"candidates":[{"content":{"parts":[{"text":"a glass"},{"text":"x","thought":true},{"text":" orchard"}]}}]}"#;
    answering.feed(body.as_bytes(), &mut out);
    assert_eq!(answering.finish(Ended::Complete, &mut out), Flow::More);
    let sent = String::from_utf8(out.concat()).unwrap_or_default();
    assert!(sent.contains("a [PHRASE]") && !sent.contains("orchard"), "{sent}");
}

#[test]
fn a_tree_is_read_joined_within_its_event() {
    let mut answering = answering("/v1/messages", STREAMS[0].1, "text/event-stream");
    let mut out = Vec::new();
    let block = r#"{"type":"content_block_start","index":0,"content_block":{"type":"web_fetch_tool_result","content":[{"text":"glass"},{"text":" orchard"}]}}"#;
    for _ in 0..2 {
        answering.feed(format!("data: {block}\n\n").as_bytes(), &mut out);
    }
    assert!(!answering.is_holding());
    let sent = String::from_utf8(out.concat()).unwrap_or_default();
    assert_eq!((sent.matches("[PHRASE]").count(), sent.contains("orchard")), (2, false), "{sent}");
}

/// By wire: a text that ends in what may begin a match, the event that ends it, and one that goes on with it all the same.
const ENDS: &[(usize, &str, &str, &str)] = &[
    (
        0,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"clear as glass"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" orchard"}}"#,
    ),
    (
        1,
        r#"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"clear as glass"}"#,
        r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"reasoning","summary":[]}}"#,
        r#"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":" orchard"}"#,
    ),
    (
        2,
        r#"{"choices":[{"index":1,"delta":{"content":"clear as glass"},"finish_reason":null}]}"#,
        r#"{"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}"#,
        r#"{"choices":[{"index":1,"delta":{"content":" orchard"},"finish_reason":null}]}"#,
    ),
    (
        3,
        r#"{"candidates":[{"content":{"parts":[{"text":"clear as glass"}]}}]}"#,
        r#"{"candidates":[{"content":{"parts":[]},"finishReason":"STOP"}]}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":" orchard"}]}}]}"#,
    ),
];

/// A block or item that is closed lets go at once; a choice that gave a reason, when it says no more for some events. What comes all the
/// same is read on.
#[test]
fn a_text_that_has_ended_holds_nothing_back() {
    for &(wire, text, end, more) in ENDS {
        let (path, request, media, _) = STREAMS[wire];
        let other = match wire {
            0 | 1 => r#"{"type":"of_tomorrow"}"#,
            2 => r#"{"choices":[{"index":2,"delta":{"content":"!"}}]}"#,
            _ => r#"{"candidates":[{"content":{"parts":[{"text":"!"}]},"index":"2"}]}"#,
        };
        let mut events = vec![text.to_owned(), end.to_owned()];
        events.extend(vec![other.to_owned(); 5]);
        events.push(more.to_owned());
        let sent = run(&mut answering(path, request, media), &events);
        assert!(sent[0].is_empty(), "{path}: a match may follow");
        let ends = if wire < 2 { 1 } else { 5 };
        assert!(sent[1..ends].iter().all(String::is_empty), "{path}: {sent:?}");
        let before: String = events[..=ends].iter().map(|event| format!("data: {event}\n\n")).collect();
        assert_eq!(sent[ends], before, "{path}: nothing can follow");
        let sent = sent.concat();
        assert!(sent.contains("clear as glass") && sent.contains("[PHRASE]"), "{path}: {sent}");
        assert!(!sent.contains("orchard"), "{path}: {sent}");
    }
}

/// By wire: a piece of a text that comes with a reason for its end, and where it stands.
const REASONS: &[(usize, &str, &str)] = &[
    (
        2,
        r#"{"choices":[{"index":0,"delta":{"content":"PIECE"},"finish_reason":"stop"}]}"#,
        "/choices/0/delta/content",
    ),
    (
        2,
        r#"{"choices":[{"index":"1","delta":{"content":"PIECE"},"finish_reason":"stop"}]}"#,
        "/choices/0/delta/content",
    ),
    (
        3,
        r#"{"candidates":[{"content":{"parts":[{"text":"PIECE"}]},"finishReason":"STOP"}]}"#,
        "/candidates/0/content/parts/0/text",
    ),
];

#[test]
fn a_reason_with_each_piece_ends_nothing() {
    for (wire, event, place) in REASONS {
        let (path, request, media, _) = STREAMS[*wire];
        for length in 1..12 {
            let events = |text: &str| -> Vec<_> {
                pieces(text, length).iter().map(|piece| event.replace("PIECE", piece)).collect()
            };
            let sent = run(&mut answering(path, request, media), &events(LETTERS));
            assert_eq!(joined(&sent, place), "to [MAIL] or alice", "{path} by {length}");
            let clean = events("clear as glass, and alice@home, to be sure");
            let expected: String = clean.iter().map(|event| format!("data: {event}\n\n")).collect();
            assert_eq!(run(&mut answering(path, request, media), &clean).concat(), expected, "{path}");
        }
    }
}

/// The end of one choice is none of another, however its index is written.
#[test]
fn a_choice_ends_no_other() {
    let (path, request, media, _) = STREAMS[2];
    let mut events = vec![chat_event(0, r#""content":"a glass""#, "")];
    events.push(r#"{"choices":[{"index":"1","delta":{},"finish_reason":"stop"}]}"#.to_owned());
    events.extend(vec![chat_event(1, r#""content":"! ""#, ""); 6]);
    events.push(chat_event(0, r#""content":" orchard.""#, ""));
    let sent = run(&mut answering(path, request, media), &events).concat();
    assert!(sent.contains("a [PHRASE]") && !sent.contains("orchard"), "{sent}");
}

/// A stream's own sign of its end lets go of all, before the connection closes.
#[test]
fn an_end_sign_lets_go() {
    for (wire, text, end) in [
        (0, ENDS[0].1, r#"{"type":"message_stop"}"#),
        (1, ENDS[1].1, r#"{"type":"response.completed","response":{}}"#),
        (1, ENDS[1].1, r#"{"type":"response.incomplete","response":{}}"#),
        (2, ENDS[2].1, "[DONE]"),
    ] {
        let (path, request, media, _) = STREAMS[wire];
        let sent = run(&mut answering(path, request, media), &[text.to_owned(), end.to_owned()]);
        assert_eq!(sent, ["", &format!("data: {text}\n\ndata: {end}\n\n"), ""], "{path}");
    }
}

/// Where nothing was held, an end is no more than an event.
#[test]
fn an_end_that_nobody_waited_for_ends_nothing() {
    let (path, request, media, _) = STREAMS[2];
    let mut answering = answering(path, request, media);
    let mut out = Vec::new();
    for (text, finish) in [("clear! ", r#""stop""#), ("And a glass", "null"), (" orchard.", "null")] {
        let event = format!(
            r#"{{"choices":[{{"index":0,"delta":{{"content":"{text}"}},"finish_reason":{finish}}}]}}"#
        );
        assert_eq!(answering.feed(format!("data: {event}\n\n").as_bytes(), &mut out), Flow::More, "{text}");
    }
    let sent = String::from_utf8(out.concat()).unwrap_or_default();
    assert!(sent.contains("And a [PHRASE]") && !sent.contains("orchard"), "{sent}");
}

/// An answer that is read before its exchange is on record keeps all it releases until there is a receipt.
#[test]
fn what_is_read_ahead_waits_for_the_receipt() {
    let (path, request, media, stream) = STREAMS[0];
    let matched = route("POST", path, true).unwrap_or_else(|_| panic!("{path}"));
    let terms = Terms { policy: policy(Unscanned::Block), limits: ExchangeLimits::default() };
    let judged = Received::new(matched, terms).judge(None, true, Bytes::from_static(request.as_bytes()));
    let mut ahead = judged.unwrap_or_else(|e| panic!("{e}")).ahead();
    assert!(ahead.head(200, Some(media)).is_ok());
    let (begin, end) = stream.split_at(stream.len() / 2);
    assert_eq!(ahead.feed(begin.as_bytes()), Flow::More);
    assert!(ahead.waiting() > 0);
    let (mut answering, mut out) = ahead.admit(Receipt::forged());
    assert_eq!(answering.feed(end.as_bytes(), &mut out), Flow::More);
    assert_eq!(answering.finish(Ended::Complete, &mut out), Flow::More);
    assert_eq!(out.concat(), stream.as_bytes());
}

/// By wire: an event with names that are masked, and one that is blocked.
const NAMES: &[(usize, &str, &str)] = &[
    (
        0,
        r#"{"type":"message_start","message":{"id":"al@mail.example","model":"bo@mail.example"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"quince jam"}}"#,
    ),
    (
        1,
        r#"{"type":"response.created","response":{"id":"al@mail.example","model":"bo@mail.example"}}"#,
        r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"quince jam"}"#,
    ),
    (
        2,
        r#"{"id":"al@mail.example","model":"bo@mail.example","choices":[]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"quince jam"}}]}"#,
    ),
    (
        3,
        r#"{"responseId":"al@mail.example","modelVersion":"bo@mail.example"}"#,
        r#"{"candidates":[{"content":{"parts":[{"text":"quince jam"}]}}]}"#,
    ),
    (4, r#"{"model":"bo@mail.example","done":false}"#, r#"{"model":"m","message":{"content":"quince jam"}}"#),
];

/// A closing frame names the answer as the client knows it.
#[test]
fn a_cut_brings_nothing_back() {
    for &(wire, first, then) in NAMES {
        let (path, request, media, _) = STREAMS[wire];
        let parts = first.split_inclusive(',').collect::<Vec<_>>();
        let framed = |event: &str, parts: &[&str]| match media {
            "text/event-stream" => {
                format!(": glass orchard\ndata: {}\n: clear\n\ndata: {event}\n\n", parts.join("\ndata: "))
            }
            _ => format!("{}\n{event}\n", parts.concat()),
        };
        for parts in [vec![first], parts] {
            let mut answering = answering(path, request, media);
            let mut out = Vec::new();
            assert_eq!(answering.feed(framed(then, &parts).as_bytes(), &mut out), Flow::Cut, "{path}");
            let sent = String::from_utf8(out.concat()).unwrap_or_default();
            assert!(!sent.contains("@mail") && !sent.contains("quince"), "{path}: {sent}");
            let ending =
                String::from_utf8(out.last().map_or(Vec::new(), |end| end.to_vec())).unwrap_or_default();
            assert!(wire == 0 || ending.contains("[MAIL]"), "{path}: {ending}");
        }
    }
}

// === fields that no row names ===

const LETTERS: &str = "to alice.hoover@aaabbb.example or alice";

fn chat_event(choice: u64, field: &str, piece: &str) -> String {
    format!(r#"{{"id":"c","choices":[{{"index":{choice},"delta":{{{field}}}}}]}}"#).replace("PIECE", piece)
}

fn pieces(text: &str, length: usize) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(length).map(|piece| piece.iter().collect()).collect()
}

/// Feeds events and ends; gives what came out with each, the last with the end.
fn run(answering: &mut Answering, events: &[String]) -> Vec<String> {
    let mut sent = Vec::new();
    for event in events {
        let mut out = Vec::new();
        assert_eq!(answering.feed(format!("data: {event}\n\n").as_bytes(), &mut out), Flow::More, "{event}");
        sent.push(String::from_utf8(out.concat()).unwrap_or_default());
    }
    let mut out = Vec::new();
    // That some of them have no end sign is not what is looked at here.
    answering.finish(Ended::Complete, &mut out);
    sent.push(String::from_utf8(out.concat()).unwrap_or_default());
    sent
}

/// What a client puts together from the strings at a place.
fn joined(sent: &[String], place: &str) -> String {
    let all = sent.concat();
    let events = all.lines().filter_map(|line| line.strip_prefix("data: "));
    let events = events.filter_map(|event| serde_json::from_str::<serde_json::Value>(event).ok());
    events.filter_map(|event| event.pointer(place).and_then(|v| v.as_str().map(str::to_owned))).collect()
}

const UNNAMED: &[(&str, &str)] = &[
    (r#""newthing":"PIECE""#, "/choices/0/delta/newthing"),
    (r#""newlist":[{"text":"PIECE"}]"#, "/choices/0/delta/newlist/0/text"),
    (
        r#""reasoning_details":[{"type":"reasoning.text","text":"PIECE"}]"#,
        "/choices/0/delta/reasoning_details/0/text",
    ),
    (r#""reasoning_text":"PIECE""#, "/choices/0/delta/reasoning_text"),
];

#[test]
fn a_piece_may_come_twice_in_a_field_without_a_row() {
    let (path, request, media, _) = STREAMS[2];
    for (field, place) in UNNAMED {
        for length in 1..8 {
            let events: Vec<_> = pieces(LETTERS, length).iter().map(|p| chat_event(0, field, p)).collect();
            let sent = run(&mut answering(path, request, media), &events);
            assert_eq!(joined(&sent, place), "to [MAIL] or alice", "{field} by {length}");
        }
    }
}

#[test]
fn other_texts_may_come_between_in_a_field_without_a_row() {
    let (path, request, media, _) = STREAMS[2];
    for (field, place) in UNNAMED {
        for between in [
            vec![chat_event(1, r#""content":"! ""#, "")],
            vec![chat_event(0, r#""content":"! ""#, "")],
            vec![chat_event(1, r#""content":"! ""#, ""); 9],
            vec![chat_event(0, r#""content":"! ""#, ""); 3],
            vec![chat_event(2, field, "! "), chat_event(1, r#""content":"! ""#, "")],
        ] {
            let mut events = Vec::new();
            for piece in pieces(LETTERS, 3) {
                events.push(chat_event(0, field, &piece));
                events.extend(between.iter().cloned());
            }
            let sent = run(&mut answering(path, request, media), &events);
            let text = joined(&sent, place).replace("! ", "");
            assert_eq!(text, "to [MAIL] or alice", "{field} {between:?}");
        }
    }
}

#[test]
fn a_field_without_a_row_holds_no_stream() {
    let (path, request, media, _) = STREAMS[2];
    let hello = chat_event(0, r#""content":"hello! ""#, "");
    // In one event, in each event, in an event of another choice that says no more.
    let once = chat_event(0, r#""newthing":"glass""#, "");
    let other = chat_event(1, r#""newthing":"glass""#, "");
    let each = chat_event(0, r#""content":"hello! ","newthing":"glass""#, "");
    for (first, then, wait) in [(&once, &hello, 4), (&other, &hello, 32), (&each, &each, 33)] {
        let mut events = vec![first.clone()];
        events.extend(vec![then.clone(); 60]);
        let sent = run(&mut answering(path, request, media), &events);
        let came = sent.iter().skip(wait).take(60 - wait).filter(|sent| sent.is_empty()).count();
        assert_eq!(came, 0, "{first}: {sent:?}");
        let expected: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        // What comes after the last event says that the stream has no end sign.
        assert_eq!(sent.iter().take(events.len()).cloned().collect::<String>(), expected);
    }
}

/// What has been let go is read on: a match that it began is not completed.
#[test]
fn what_was_let_go_is_not_completed() {
    let (path, request, media, _) = STREAMS[2];
    let mut events = vec![chat_event(0, r#""newthing":"a glass""#, "")];
    events.extend(vec![chat_event(0, r#""content":"hello! ""#, ""); 8]);
    events.push(chat_event(0, r#""newthing":" orchard.""#, ""));
    let mut answering = answering(path, request, media);
    let sent = run(&mut answering, &events);
    assert_eq!(joined(&sent, "/choices/0/delta/newthing"), "a glass[PHRASE].");
    assert_eq!(answering.verdict(), Outcome::Rewrite);
}

/// An endpoint that no table knows: every text is of a field without a row.
#[test]
fn a_piece_may_come_twice_where_nothing_is_known() {
    let policy = policy(Unscanned::Allow);
    let matched = crate::dialect::Matched {
        dialect: crate::dialect::fallback(),
        operation: &crate::dialect::GENERIC,
        path: "/v2/talk".into(),
        model: None,
    };
    for length in 1..8 {
        let terms = Terms { policy: Arc::clone(&policy), limits: ExchangeLimits::default() };
        let judged = Received::new(matched.clone(), terms).judge(None, true, Bytes::from_static(b"{}"));
        let mut answering = judged.unwrap_or_else(|e| panic!("{e}")).admit(Receipt::forged());
        assert!(answering.head(200, Some("text/event-stream")).is_ok());
        let events: Vec<_> =
            pieces(LETTERS, length).iter().map(|p| chat_event(0, r#""content":"PIECE""#, p)).collect();
        let sent = run(&mut answering, &events);
        assert_eq!(joined(&sent, "/choices/0/delta/content"), "to [MAIL] or alice", "by {length}");
    }
}
