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
fn policy() -> Arc<Policy> {
    let mail =
        PatternSpec { regex: r"[A-Za-z0-9._-]{1,30}@[a-z]{1,20}\.example".into(), ..PatternSpec::default() };
    let phrase = Keyword { text: "glass orchard".into(), whole_word: false };
    let rule = |id: &str, marker: &str| Rule {
        id: id.into(),
        actions: Actions::all(Action::Mask),
        marker: marker.into(),
        ..Rule::default()
    };
    let rules = vec![
        (rule("mail", "[MAIL]"), RuleSpec { patterns: vec![mail], ..RuleSpec::default() }),
        (rule("phrase", "[PHRASE]"), RuleSpec { keywords: vec![phrase], ..RuleSpec::default() }),
    ];
    let policy = Policy::from_rules(rules).unwrap_or_else(|e| panic!("{e:?}"));
    Arc::new(policy.with(Unscanned::Block, BlockAs::Error))
}

fn answering(path: &str, request: &'static str, media: &str) -> Answering {
    let matched = route("POST", path, path.ends_with("/messages")).unwrap_or_else(|_| panic!("{path}"));
    let terms = Terms { policy: policy(), limits: ExchangeLimits::default() };
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

#[test]
fn a_text_that_has_ended_holds_nothing_back() {
    for &(wire, text, end, more) in ENDS {
        let (path, request, media, _) = STREAMS[wire];
        let mut answering = answering(path, request, media);
        let mut out = Vec::new();
        let feed = |answering: &mut Answering, event: &str, out: &mut Vec<Bytes>| {
            answering.feed(format!("data: {event}\n\n").as_bytes(), out)
        };
        assert_eq!(feed(&mut answering, text, &mut out), Flow::More);
        assert!(answering.is_holding() && out.is_empty(), "{path}: a match may follow");
        assert_eq!(feed(&mut answering, end, &mut out), Flow::More);
        assert!(!answering.is_holding(), "{path}: nothing can follow");
        assert_eq!(out.concat(), format!("data: {text}\n\ndata: {end}\n\n").as_bytes(), "{path}");
        out.clear();
        assert_eq!(feed(&mut answering, more, &mut out), Flow::Cut, "{path}: it has ended");
        let sent = String::from_utf8(out.concat()).unwrap_or_default();
        assert!(!sent.contains("orchard"), "{path}: {sent}");
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
    let terms = Terms { policy: policy(), limits: ExchangeLimits::default() };
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
