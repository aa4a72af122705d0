//! What says that a text has ended lets go of what is held for it: a block or item when none follows that goes on with it, a choice when
//! it says no more, a stream's own end sign all of it.

use super::super::*;
use super::sample::{LETTERS, STREAMS, answering, chat_event, joined, pieces, run};

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

/// A block or item that is closed waits for the next one, to which a reader may append it, for a number of events; a choice that gave a
/// reason, for some. What comes all the same is read on.
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
        events.extend(vec![other.to_owned(); 34]);
        events.push(more.to_owned());
        let sent = run(&mut answering(path, request, media), &events);
        assert!(sent[0].is_empty(), "{path}: a match may follow");
        let ends = if wire < 2 { 17 } else { 5 };
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
