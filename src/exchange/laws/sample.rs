//! What tests of streams share: rules, calls with a stream in the real wire form, and a client that puts together what it is sent.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;

use super::super::*;
use crate::audit::Receipt;
use crate::detect::{Keyword, PatternSpec, RuleSpec};
use crate::dialect::route;
use crate::policy::{Action, Actions, BlockAs, Rule, Unscanned};

/// Rules of which any word may be the beginning of a match.
pub(super) fn policy(unscanned: Unscanned) -> Arc<Policy> {
    static BUILT: LazyLock<[Arc<Policy>; 3]> =
        LazyLock::new(|| [Unscanned::Block, Unscanned::Flag, Unscanned::Allow].map(built));
    let [block, flag, allow] = &*BUILT;
    Arc::clone(match unscanned {
        Unscanned::Block => block,
        Unscanned::Flag => flag,
        Unscanned::Allow => allow,
    })
}

fn built(unscanned: Unscanned) -> Arc<Policy> {
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

pub(super) fn answering(path: &str, request: &'static str, media: &str) -> Answering {
    under(policy(Unscanned::Block), path, request, media)
}

/// An answer that is read under a policy.
pub(super) fn under(policy: Arc<Policy>, path: &str, request: &'static str, media: &str) -> Answering {
    ready(Terms::new(policy, ExchangeLimits::default()), path, request, media)
}

/// The same under these terms.
pub(super) fn ready(terms: Terms, path: &str, request: &'static str, media: &str) -> Answering {
    let matched = route("POST", path, path.ends_with("/messages")).unwrap_or_else(|_| panic!("{path}"));
    let judged = Received::new(matched, terms)
        .judge(None, true, Bytes::from_static(request.as_bytes()))
        .unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut answering = judged.admit(Receipt::forged());
    assert!(answering.head(200, Some(media)).is_ok());
    answering
}

pub(super) const STREAMS: &[(&str, &str, &str, &str)] = &[
    (
        "/v1/messages",
        r#"{"model":"m","stream":true,"max_tokens":1,"messages":[]}"#,
        "text/event-stream",
        include_str!("../../../tests/fixtures/dialect/anthropic-messages.sse"),
    ),
    (
        "/v1/responses",
        r#"{"model":"m","stream":true,"input":"x"}"#,
        "text/event-stream",
        include_str!("../../../tests/fixtures/dialect/openai-responses.sse"),
    ),
    (
        "/v1/chat/completions",
        r#"{"model":"m","stream":true,"messages":[]}"#,
        "text/event-stream",
        include_str!("../../../tests/fixtures/dialect/openai-chat.completions.sse"),
    ),
    (
        "/v1beta/models/m:streamGenerateContent",
        r#"{"contents":[]}"#,
        "text/event-stream",
        include_str!("../../../tests/fixtures/dialect/gemini-streamGenerateContent.sse"),
    ),
    (
        "/api/chat",
        r#"{"model":"m","messages":[]}"#,
        "application/x-ndjson",
        include_str!("../../../tests/fixtures/dialect/ollama-chat.ndjson"),
    ),
];

pub(super) const LETTERS: &str = "to alice.hoover@aaabbb.example or alice";

pub(super) fn chat_event(choice: u64, field: &str, piece: &str) -> String {
    format!(r#"{{"id":"c","choices":[{{"index":{choice},"delta":{{{field}}}}}]}}"#).replace("PIECE", piece)
}

pub(super) fn pieces(text: &str, length: usize) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(length).map(|piece| piece.iter().collect()).collect()
}

/// Feeds events and ends; gives what came out with each, the last with the end.
pub(super) fn run(answering: &mut Answering, events: &[String]) -> Vec<String> {
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
pub(super) fn joined(sent: &[String], place: &str) -> String {
    let all = sent.concat();
    let events = all.lines().filter_map(|line| line.strip_prefix("data: "));
    let events = events.filter_map(|event| serde_json::from_str::<serde_json::Value>(event).ok());
    events.filter_map(|event| event.pointer(place).and_then(|v| v.as_str().map(str::to_owned))).collect()
}

/// What a client gets at a place of a whole answer.
pub(super) fn whole_at(answering: &mut Answering, body: &serde_json::Value, place: &str) -> String {
    let mut out = Vec::new();
    assert_eq!(answering.feed(body.to_string().as_bytes(), &mut out), Flow::More);
    assert_eq!(answering.finish(Ended::Complete, &mut out), Flow::More);
    let got: serde_json::Value = serde_json::from_slice(&out.concat()).unwrap_or_else(|e| panic!("{e}"));
    got.pointer(place).and_then(|v| v.as_str()).unwrap_or_default().to_owned()
}

/// Where what was found in an answer stands.
pub(super) fn spans(answering: &Answering) -> Vec<(u64, u64)> {
    let mut spans: Vec<_> = answering.answer_findings().iter().map(|one| (one.start, one.end)).collect();
    spans.sort_unstable();
    spans
}
