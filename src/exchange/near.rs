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
