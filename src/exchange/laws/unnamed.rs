//! Fields that no row names are read as texts that may go on in later events, and hold no stream up: see [`super::super::doubt`].

use bytes::Bytes;
use proptest::prelude::*;

use super::super::*;
use super::sample::{LETTERS, STREAMS, answering, chat_event, joined, pieces, policy, run};
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
    for length in 1..8 {
        let events: Vec<_> =
            pieces(LETTERS, length).iter().map(|p| chat_event(0, r#""content":"PIECE""#, p)).collect();
        let sent = run(&mut of_unknown(Unscanned::Allow), &events);
        assert_eq!(joined(&sent, "/choices/0/delta/content"), "to [MAIL] or alice", "by {length}");
    }
}

/// An answer of an endpoint that no table knows.
fn of_unknown(unscanned: Unscanned) -> Answering {
    let matched = crate::dialect::Matched {
        dialect: crate::dialect::fallback(),
        operation: &crate::dialect::GENERIC,
        path: "/v2/talk".into(),
        model: None,
    };
    let terms = Terms::new(policy(unscanned), ExchangeLimits::default());
    let judged = Received::new(matched, terms).judge(None, true, Bytes::from_static(b"{}"));
    let mut answering = judged.unwrap_or_else(|e| panic!("{e}")).admit(Receipt::forged());
    assert!(answering.head(200, Some("text/event-stream")).is_ok());
    answering
}

/// How APIs tell texts apart: by `CHOICE`, a number, with `PIECE` of its text and `EVENT`, the number of the event.
const TOLD_APART: &[&str] = &[
    r#"{"id":"c","choices":[{"index":CHOICE,"delta":{"content":"PIECE"}}]}"#,
    r#"{"choices":[{"delta":{"content":"PIECE"},"index":"CHOICE","finish_reason":null}]}"#,
    r#"{"output":{"choices":[{"choice_index":CHOICE,"text":"PIECE"}]}}"#,
    r#"{"event_id":"e_EVENT","output_index":0,"content_index":CHOICE,"delta":"PIECE"}"#,
    r#"{"candidates":[{"content":{"parts":[{"text":"PIECE"}]},"index":CHOICE}]}"#,
    r#"{"type":"text-delta","item_id":"msg_CHOICE","delta":"PIECE"}"#,
    r#"{"type":"text-delta","id":"CHOICE","delta":"PIECE"}"#,
    r#"{"messageId":"m-CHOICE","sequence":EVENT,"part":{"text":"PIECE"}}"#,
    r#"{"id":"evt-EVENT","choices":[{"index":CHOICE,"delta":{"content":"PIECE"}}]}"#,
    r#"{"index":EVENT,"item_id":"msg_CHOICE","delta":"PIECE"}"#,
];

/// What each choice's pieces come to, in the events that were sent. Around a piece of which something went stands a sign: what only comes
/// to stand side by side there is no text that was said.
fn said(sent: &[String], pieces: &[(usize, String)], texts: usize) -> Vec<String> {
    let all = sent.concat();
    let events = all.lines().filter_map(|line| line.strip_prefix("data: "));
    let mut out = vec![String::new(); texts];
    let values = events.filter_map(|event| serde_json::from_str::<serde_json::Value>(event).ok());
    let pointers = [
        "/choices/0/delta/content",
        "/output/choices/0/text",
        "/delta",
        "/candidates/0/content/parts/0/text",
        "/part/text",
    ];
    for (event, (choice, piece)) in values.zip(pieces) {
        let text = pointers.iter().find_map(|place| event.pointer(place).and_then(|v| v.as_str()));
        let text = text.unwrap_or_else(|| panic!("no text in {event}"));
        if let Some(out) = out.get_mut(*choice) {
            let sign = if text == piece { "" } else { "|" };
            out.extend([sign, text, sign]);
        }
    }
    out
}

fn event(form: &str, choice: usize, number: usize, piece: &str) -> String {
    form.replace("CHOICE", &choice.to_string()).replace("EVENT", &number.to_string()).replace("PIECE", piece)
}

const SECRETS: &[&str] = &["glass orchard", "alice@aaa.example", "quince jam"];

/// Texts, and the order in which their pieces come.
fn interleaved() -> impl Strategy<Value = (Vec<String>, Vec<(usize, String)>)> {
    let piece = proptest::sample::select(
        &["glass orchard", "glass", " orchard", "alice@aaa.example", "alice", "@", "! ", "to ", "so", ". "][..],
    );
    let text = proptest::collection::vec(piece, 0..7).prop_map(|p| p.concat());
    let texts = proptest::collection::vec((text, 1usize..6), 2..5);
    (texts, any::<u64>()).prop_map(|(texts, mut order)| {
        let mut queues: Vec<std::collections::VecDeque<String>> =
            texts.iter().map(|(text, length)| pieces(text, *length).into()).collect();
        let mut events = Vec::new();
        while queues.iter().any(|q| !q.is_empty()) {
            order = order.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let pick = (order >> 33) as usize % queues.len();
            if let Some(piece) = queues.get_mut(pick).and_then(std::collections::VecDeque::pop_front) {
                events.push((pick, piece));
            }
        }
        (texts.into_iter().map(|(text, _)| text).collect(), events)
    })
}

proptest! {
    #![proptest_config(crate::text::cases::cases(96))]

    /// Promise 1 where no table says which text a piece belongs to: neither what each choice says nor all of them in order brings a match.
    #[test]
    fn choices_of_an_unknown_endpoint_leak_nothing(
        form in proptest::sample::select(TOLD_APART),
        (texts, events) in interleaved(),
        unscanned in proptest::sample::select(&[Unscanned::Allow, Unscanned::Flag][..]),
    ) {
        let in_order: Vec<_> = events.iter().map(|(_, piece)| (0, piece.clone())).collect();
        let wire: Vec<String> =
            events.iter().enumerate().map(|(n, (choice, piece))| event(form, *choice, n, piece)).collect();
        let sent = run(&mut of_unknown(unscanned), &wire);
        let each = said(&sent, &events, texts.len());
        let all = said(&sent, &in_order, 1);
        for text in each.iter().chain(&all) {
            for secret in SECRETS {
                prop_assert!(!text.contains(secret), "{}: {:?} of {:?}", form, text, events);
            }
        }
    }
}

/// Elements of one list that go on from event to event.
#[test]
fn texts_side_by_side_in_a_list_leak_nothing() {
    for form in [r#"{"texts":["A","B"]}"#, r#"{"outputs":[{"text":"A"},{"text":"B"}]}"#] {
        for length in 1..8 {
            let (one, two) =
                (pieces("to alice@aaa.example! ", length), pieces("so, a glass orchard.", length));
            let events: Vec<_> =
                one.iter().zip(&two).map(|(a, b)| form.replace('A', a).replace('B', b)).collect();
            let sent = run(&mut of_unknown(Unscanned::Allow), &events);
            for place in ["/texts/0", "/texts/1", "/outputs/0/text", "/outputs/1/text"] {
                let text = joined(&sent, place);
                assert!(SECRETS.iter().all(|s| !text.contains(s)), "{form} by {length}: {text}");
            }
        }
    }
}

/// A number that is another in each event tells no texts apart, and holds no stream up for long.
#[test]
fn a_counter_holds_no_stream() {
    for form in [
        r#"{"id":"evt-EVENT","delta":"PIECE"}"#,
        r#"{"index":EVENT,"token":{"text":"PIECE"}}"#,
        r#"{"index":EVENT,"token":{"id":CHOICE,"text":"PIECE"}}"#,
    ] {
        let words = ["glass", "house", "alice", "so", "at", "home"];
        let events: Vec<_> =
            (0..400).map(|n| event(form, n * n % 97, n, &format!(" {}", words[n % 6]))).collect();
        let sent = run(&mut of_unknown(Unscanned::Allow), &events);
        let expected: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        assert!(sent.concat().starts_with(&expected), "{form}");
        let late = sent.iter().take(400).skip(40).filter(|sent| sent.is_empty()).count();
        assert!(late < 130, "{form}: {late}");
    }
}

/// Choices that are clean leave as they came, however their pieces come.
#[test]
fn clean_choices_of_an_unknown_endpoint_are_untouched() {
    for form in TOLD_APART {
        let words = ["clear ", "as a ", "day, ", "so to ", "say. "];
        let events: Vec<_> = (0..200).map(|n| event(form, n * 7 % 3, n, words[n % 5])).collect();
        let sent = run(&mut of_unknown(Unscanned::Allow), &events);
        let expected: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        assert!(sent.concat().starts_with(&expected), "{form}");
    }
}
