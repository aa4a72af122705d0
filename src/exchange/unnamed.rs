//! Fields that no row names are read as texts that may go on in later events, and hold no stream up: see [`super::doubt`].

use std::sync::Arc;

use bytes::Bytes;

use super::sample::{LETTERS, STREAMS, answering, chat_event, joined, pieces, policy, run};
use super::*;
use crate::audit::Receipt;
use crate::policy::Unscanned;

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
