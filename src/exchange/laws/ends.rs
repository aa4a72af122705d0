//! A stream is whole when the model has said all: what breaks off before ends in an error of the dialect, and a missing end sign is noted.

use crate::dialect::ErrorKind;
use std::sync::Arc;

use bytes::Bytes;

use super::super::*;
use super::sample;
use crate::audit::Receipt;
use crate::dialect::{Framing, route};
use crate::policy::{BlockAs, Unscanned};
use crate::stream::Splitter;

/// What the client gets of a stream whose body ends here.
fn streamed(path: &str, media: &str, stream: &str) -> (String, Answering, Flow) {
    let matched = route("POST", path, path.ends_with("/messages")).unwrap_or_else(|_| panic!("{path}"));
    let policy = Policy::from_rules(Vec::new()).unwrap_or_else(|e| panic!("{e:?}"));
    let policy = Arc::new(policy.with(Unscanned::Block, BlockAs::Error));
    let terms = Terms::new(policy, ExchangeLimits::default());
    let query = media.starts_with("text").then_some("alt=sse");
    let judged = Received::new(matched, terms)
        .judge(query, true, Bytes::from_static(br#"{"model":"m","stream":true}"#))
        .unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut answering = judged.admit(Receipt::forged());
    assert!(answering.head(200, Some(media)).is_ok());
    let mut out = Vec::new();
    answering.feed(stream.as_bytes(), &mut out);
    let flow = answering.finish(Ended::Complete, &mut out);
    (String::from_utf8_lossy(&out.concat()).into_owned(), answering, flow)
}

const CHAT: &str =
    r#"data: {"id":"c","choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":null}]}"#;
const CHAT_STOP: &str = r#"data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#"data: {"id":"c","choices":[],"usage":{"total_tokens":3}}"#;
const DONE: &str = "data: [DONE]";
const WORDS: &str = r#"data: {"choices":[{"index":0,"text":"hello","finish_reason":null}]}"#;
const SAID: &str =
    r#"data: {"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"hello"}"#;
const ITEM: &str = r#"data: {"type":"response.output_item.done","output_index":0,"item":{"type":"message"}}"#;
const COMPLETED: &str = r#"data: {"type":"response.completed","response":{"id":"r"}}"#;
const BEGIN: &str =
    r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":"hello"}}"#;
const STOP: &str = r#"data: {"type":"content_block_stop","index":0}"#;
const REASON: &str = r#"data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#;
const END: &str = r#"data: {"type":"message_stop"}"#;
const PART: &str = r#"data: {"candidates":[{"content":{"parts":[{"text":"hello"}]}}]}"#;
const FINISH: &str = r#"data: {"candidates":[{"content":{"parts":[]},"finishReason":"STOP"}]}"#;
const LINE: &str = r#"{"message":{"content":"hello"},"done":false}"#;
const LAST: &str = r#"{"message":{"content":""},"done":true}"#;
const ERROR: &str = r#"data: {"error":{"message":"overloaded"}}"#;

const MEDIA: &str = "text/event-stream";
const LINES: &str = "application/x-ndjson";
const GEMINI: &str = "/v1beta/models/m:streamGenerateContent";

/// Streams that are whole, by the name under which they are on record.
const WHOLE: &[(&str, &str, &[&str], bool)] = &[
    ("/v1/chat/completions", MEDIA, &[CHAT, CHAT_STOP, USAGE, DONE], false),
    ("/v1/chat/completions", MEDIA, &[CHAT, DONE], false),
    ("/v1/chat/completions", MEDIA, &[CHAT, ERROR], false),
    ("/v1/chat/completions", MEDIA, &[CHAT, CHAT_STOP], true),
    ("/v1/chat/completions", MEDIA, &[CHAT, CHAT_STOP, USAGE], true),
    ("/v1/completions", MEDIA, &[WORDS, CHAT_STOP], true),
    ("/v1/responses", MEDIA, &[SAID, ITEM, COMPLETED], false),
    ("/v1/messages", MEDIA, &[BEGIN, STOP, REASON, END], false),
    ("/v1/messages", MEDIA, &[BEGIN, STOP, REASON], true),
    (GEMINI, MEDIA, &[PART, FINISH], false),
    (GEMINI, MEDIA, &[r#"data: {"promptFeedback":{"blockReason":"SAFETY"}}"#], false),
    ("/api/chat", LINES, &[LINE, LAST], false),
    ("/api/generate", LINES, &[r#"{"error":"overloaded"}"#], false),
];

/// What a reader of the framing makes of the last that it gets.
fn last_event(media: &str, sent: &str) -> String {
    let framing = if media == LINES { Framing::Ndjson } else { Framing::Sse };
    let mut splitter = Splitter::new(framing, usize::MAX);
    splitter.push(sent.as_bytes());
    let mut last = None;
    while let Ok(Some(frame)) = splitter.next_frame() {
        last = Some(frame);
    }
    let frame = splitter.finish().ok().flatten().or(last).unwrap_or_else(|| panic!("no event: {sent}"));
    let line = |range: &std::ops::Range<u32>| {
        String::from_utf8_lossy(frame.raw.get(range.start as usize..range.end as usize).unwrap_or_default())
            .into_owned()
    };
    frame.data.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What comes without the end of its event, or is no event at all, does not swallow the error behind it.
#[test]
fn an_error_is_an_event_of_its_own() {
    let body = r#"{"id":"c","choices":[{"index":0,"message":{"content":"hello"}}]}"#;
    let pretty = "{\n  \"id\": \"c\"\n}";
    for (path, media, begin) in [
        ("/v1/chat/completions", MEDIA, body),
        ("/v1/chat/completions", MEDIA, pretty),
        ("/v1/chat/completions", MEDIA, CHAT),
        ("/v1/responses", MEDIA, body),
        ("/v1/messages", MEDIA, body),
        ("/v1/messages", MEDIA, BEGIN),
        (GEMINI, MEDIA, PART),
        ("/api/chat", LINES, LINE),
    ] {
        for end in ["", "\n", "\r", "\r\n", "\n\n", "\r\n\r\n", "\r\r"] {
            let stream = format!("{begin}{end}");
            let (sent, _, flow) = streamed(path, media, &stream);
            assert_eq!(flow, Flow::Cut, "{path} {end:?}");
            assert!(sent.starts_with(&stream), "{path} {end:?}: {sent}");
            let event = last_event(media, &sent);
            let event: serde_json::Value =
                serde_json::from_str(&event).unwrap_or_else(|e| panic!("{path} {end:?}: {e}: {sent:?}"));
            assert!(event.to_string().contains("in the middle"), "{path} {end:?}: {sent:?}");
            assert!(!event.to_string().contains("hello"), "{path} {end:?}: {sent:?}");
        }
    }
}

/// Streams that break off.
const BROKEN: &[(&str, &str, &[&str])] = &[
    ("/v1/chat/completions", MEDIA, &[]),
    ("/v1/chat/completions", MEDIA, &[": hello"]),
    ("/v1/chat/completions", MEDIA, &[CHAT]),
    (
        "/v1/chat/completions",
        MEDIA,
        &[CHAT, r#"data: {"choices":[{"index":1,"delta":{"content":"x"}}]}"#, CHAT_STOP],
    ),
    ("/v1/completions", MEDIA, &[WORDS]),
    ("/v1/responses", MEDIA, &[SAID, ITEM]),
    ("/v1/messages", MEDIA, &[BEGIN, STOP]),
    (GEMINI, MEDIA, &[PART]),
    ("/api/chat", LINES, &[LINE]),
];

fn body(media: &str, events: &[&str]) -> String {
    let end = if media == LINES { "\n" } else { "\n\n" };
    events.iter().flat_map(|event| [*event, end]).collect()
}

#[test]
fn whole_streams_leave_as_they_came() {
    for (path, media, events, no_sign) in WHOLE {
        let stream = body(media, events);
        let (sent, answering, flow) = streamed(path, media, &stream);
        assert_eq!((sent, flow), (stream, Flow::More), "{path}");
        assert_eq!(answering.no_end_sign, *no_sign, "{path}: {events:?}");
    }
    let array = r#"[{"candidates":[{"content":{"parts":[{"text":"hello"}]}}]}]"#;
    let (sent, _, flow) = streamed(GEMINI, "application/json", array);
    assert_eq!((sent.as_str(), flow), (array, Flow::More));
}

/// What ends a stream lets go of all that is held, whatever it is called.
#[test]
fn every_end_of_a_response_lets_go() {
    for kind in ["completed", "incomplete", "failed", "cancelled"] {
        let (path, request, media, _) = sample::STREAMS[1];
        let mut answering = sample::answering(path, request, media);
        let said =
            r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"glass"}"#;
        let end = format!(r#"{{"type":"response.{kind}","response":{{"id":"r"}}}}"#);
        let mut out = Vec::new();
        for (event, holds) in [(said, true), (&end, false)] {
            answering.feed(format!("data: {event}\n\n").as_bytes(), &mut out);
            assert_eq!(answering.is_holding(), holds, "{event}");
        }
    }
}

#[test]
fn streams_that_break_off_end_in_an_error() {
    for (path, media, events) in BROKEN {
        let stream = body(media, events);
        let (sent, answering, flow) = streamed(path, media, &stream);
        let rest = sent.strip_prefix(&stream).unwrap_or_else(|| panic!("{path}: {sent}"));
        assert!(rest.contains("error") && rest.contains("in the middle"), "{path}: {rest}");
        assert_eq!(flow, Flow::Cut, "{path}");
        assert_eq!(answering.cut_by.map(|e| e.kind), Some(ErrorKind::UpstreamUnreachable), "{path}");
    }
}
