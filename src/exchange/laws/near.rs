//! What events hold beside their deltas holds nothing up: streams in the real wire form leave event for event, and texts that a reader
//! appends to each other are read as one.

use bytes::Bytes;

use super::super::*;
use super::sample::{STREAMS, answering, policy, run};
use crate::audit::Receipt;
use crate::dialect::route;
use crate::policy::Unscanned;

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

/// An answer that is read before its exchange is on record keeps all it releases until there is a receipt.
#[test]
fn what_is_read_ahead_waits_for_the_receipt() {
    let (path, request, media, stream) = STREAMS[0];
    let matched = route("POST", path, true).unwrap_or_else(|_| panic!("{path}"));
    let terms = Terms::new(policy(Unscanned::Block), ExchangeLimits::default());
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

/// By wire: a text in two pieces, log-probabilities of it in an event of their own, and where those stand.
const SPELLED: &[(usize, &str, &str, &str)] = &[
    (
        2,
        r#"{"choices":[{"index":1,"delta":{"content":"PIECE"},"logprobs":null}]}"#,
        r#"{"choices":[{"index":1,"delta":{},"logprobs":{"content":[{"token":"","bytes":[103,108,97,115,115],"logprob":-1,"top_logprobs":[]}]}}]}"#,
        "/choices/0/logprobs",
    ),
    (
        2,
        r#"{"choices":[{"index":1,"delta":{"content":"PIECE"}}]}"#,
        r#"{"choices":[{"index":1,"delta":{"content":""},"logprobs":{"content":[{"bytes":[103,108,97,115,115],"logprob":-1}]}}]}"#,
        "/choices/0/logprobs",
    ),
    (
        1,
        r#"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"PIECE","logprobs":[]}"#,
        r#"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"","logprobs":[{"token":"","bytes":[103,108,97,115,115],"logprob":-1}]}"#,
        "/logprobs",
    ),
    (
        3,
        r#"{"candidates":[{"content":{"parts":[{"text":"PIECE"}]},"index":1}]}"#,
        r#"{"candidates":[{"index":1,"logprobsResult":{"chosenCandidates":[{"tokenId":4711,"logProbability":-1}]}}]}"#,
        "/candidates/0/logprobsResult",
    ),
];

/// Log-probabilities in events of their own are tied to no text there: they go once text of theirs was rewritten, and only then.
#[test]
fn log_probabilities_bring_nothing_back() {
    for (wire, piece, spelled, place) in SPELLED {
        let (path, request, media, _) = STREAMS[*wire];
        let stream = |first: &str, then: &str| -> Vec<String> {
            vec![piece.replace("PIECE", first), piece.replace("PIECE", then), (*spelled).to_owned()]
        };
        let of = |sent: &[String]| -> Vec<serde_json::Value> {
            let all = sent.concat();
            let events = all.lines().filter_map(|line| line.strip_prefix("data: "));
            events.filter_map(|event| serde_json::from_str(event).ok()).collect()
        };
        let sent = of(&run(&mut answering(path, request, media), &stream("a glass", " orchard!")));
        assert_eq!(sent[2].pointer(place), Some(&serde_json::Value::Null), "{path}: {}", sent[2]);
        let clean = stream("a glass", " house!");
        let sent = run(&mut answering(path, request, media), &clean);
        let expected: String = clean.iter().map(|event| format!("data: {event}\n\n")).collect();
        assert!(sent.concat().starts_with(&expected), "{path}");
        // Of another choice, block or item nothing goes.
        let mut events = stream("a glass", " orchard!");
        events[2] = events[2].replace("index\":1", "index\":2");
        let sent = run(&mut answering(path, request, media), &events);
        assert!(sent.concat().contains(&events[2]), "{path}");
    }
}

/// What the bytes of tokens spell is text too, also before the text itself comes, and where a character goes on in the next token.
#[test]
fn bytes_of_tokens_are_read() {
    for (wire, _, spelled, place) in SPELLED.iter().take(3) {
        let (path, request, media, _) = STREAMS[*wire];
        let token = |bytes: &[u8]| {
            let bytes = serde_json::to_string(bytes).unwrap_or_else(|e| panic!("{e}"));
            spelled.replace("[103,108,97,115,115]", &bytes)
        };
        for (said, touched) in [("a 𝐠lass orchard!", true), ("a 𝐠lass house! 𝐠", false)] {
            for length in 1..9 {
                let events: Vec<_> = said.as_bytes().chunks(length).map(token).collect();
                let sent = run(&mut answering(path, request, media), &events);
                let expected: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
                assert_eq!(!sent.concat().starts_with(&expected), touched, "{path} {said} by {length}");
                let mut left = Vec::new();
                for event in sent.concat().lines().filter_map(|line| line.strip_prefix("data: ")) {
                    let event: serde_json::Value =
                        serde_json::from_str(event).unwrap_or_else(|e| panic!("{e}"));
                    let tokens =
                        event.pointer(place).and_then(|v| v.get("content").unwrap_or(v).as_array().cloned());
                    for byte in tokens
                        .iter()
                        .flatten()
                        .flat_map(|t| t["bytes"].as_array().cloned().unwrap_or_default())
                    {
                        left.extend(byte.as_u64().and_then(|n| u8::try_from(n).ok()));
                    }
                }
                let left = String::from_utf8_lossy(&left).into_owned();
                assert!(!left.contains("lass o") && !left.contains("orch"), "{path} {left}");
                assert!(touched || left == said, "{path} {left}");
            }
        }
        // In one body too.
        if path.ends_with("completions") {
            let tokens: Vec<_> = "a 𝐠lass orchard!"
                .as_bytes()
                .chunks(3)
                .map(|bytes| serde_json::json!({"token": "", "bytes": bytes}))
                .collect();
            let body = serde_json::json!({"choices": [{"index": 0, "message": {"content": "yes"}, "logprobs": {"content": tokens}}]});
            let mut answering = answering(path, r#"{"model":"m","messages":[]}"#, "application/json");
            let mut out = Vec::new();
            answering.feed(body.to_string().as_bytes(), &mut out);
            answering.finish(Ended::Complete, &mut out);
            let got: serde_json::Value =
                serde_json::from_slice(&out.concat()).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(got.pointer("/choices/0/logprobs"), Some(&serde_json::Value::Null), "{got}");
            assert_eq!(got.pointer("/choices/0/message/content"), Some(&serde_json::json!("yes")), "{got}");
        }
    }
}

/// Google's SDK takes JSON in a line of its own for an event, with `data:` or without.
#[test]
fn json_without_data_is_read_as_an_event() {
    let piece = |text: &str| {
        format!(r#"{{"candidates":[{{"content":{{"parts":[{{"text":"{text}"}}]}},"index":0}}]}}"#)
    };
    let end = r#"{"candidates":[{"content":{"parts":[]},"index":0,"finishReason":"STOP"}]}"#;
    let path = "/v1beta/models/m:streamGenerateContent";
    for separator in ["\n", "\n\n", "\r\n\r\n"] {
        let mut answering = answering(path, r#"{"contents":[]}"#, "text/event-stream");
        let mut out = Vec::new();
        for event in [piece("a gla"), piece("ss orch"), piece("ard."), end.to_owned()] {
            answering.feed(format!("{event}{separator}").as_bytes(), &mut out);
        }
        answering.finish(Ended::Complete, &mut out);
        let sent = String::from_utf8(out.concat()).unwrap_or_default();
        assert!(sent.contains("[PHRASE]") && !sent.contains("gla") && !sent.contains("orch"), "{sent}");
        assert_eq!(answering.verdict(), Outcome::Rewrite);
    }
    // What no reader can put together ends the stream.
    for broken in [
        "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a glass \n orchard\"}]}}]}\n\n",
        "data: {}\n{}\n\n",
    ] {
        let mut answering = answering(path, r#"{"contents":[]}"#, "text/event-stream");
        let mut out = Vec::new();
        assert_eq!(answering.feed(broken.as_bytes(), &mut out), Flow::Cut, "{broken}");
        assert!(!String::from_utf8(out.concat()).unwrap_or_default().contains("orchard"));
    }
}
