//! How a stream ends that the policy blocks: with frames of which an SDK makes an answer, whatever had left before.

use serde_json::Value;

use super::{Client, Fake, Gateway, Step, Wishes, chat, event, post, wait_for};

/// The JSON of what came, and whether its type stands in the line before it.
fn said(pieces: &[&str], path: &str, request: &str) -> (Vec<Value>, String) {
    let steps = pieces.iter().map(|piece| Step::Send(piece.as_bytes().to_vec())).collect();
    let gateway = Gateway::new(Some(Fake::stream(steps).address), &Wishes::default());
    let got = gateway.post(path, request);
    assert!(got.status == 200 && got.complete && !got.body.contains("blockme now"), "{got:?}");
    let data =
        got.body.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    let events =
        data.map(|data| serde_json::from_str(data).unwrap_or_else(|e| panic!("{e}: {data}"))).collect();
    (events, got.body)
}

const MESSAGES: &str =
    r#"{"model":"m","max_tokens":1,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;

/// Whatever left before it, a message begins before it ends.
#[test]
fn a_message_that_never_began_begins_before_it_ends() {
    let start = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"blockme now\",\"content\":[]}}\n\n";
    for first in [
        "",
        ": keep-alive\n\n",
        "event: ping\ndata: {\"type\":\"ping\"}\n\n",
        "data: {\"type\":\"of_tomorrow\"}\n\n",
    ] {
        let (events, body) = said(&[first, start], "/v1/messages", MESSAGES);
        let types: Vec<&str> = events.iter().filter_map(|e| e["type"].as_str()).collect();
        assert!(types.ends_with(&["message_start", "message_delta", "message_stop"]), "{body}");
    }
    // One that has begun does not begin again.
    let begun = start.replace("blockme now", "msg_1");
    let delta = "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"blockme now\"}}\n\n";
    let (events, body) = said(&[&begun, delta], "/v1/messages", MESSAGES);
    let types: Vec<&str> = events.iter().filter_map(|e| e["type"].as_str()).collect();
    assert_eq!(types, ["message_start", "message_delta", "message_stop"], "{body}");
}

/// Each choice that was asked for ends, and none twice.
#[test]
fn every_choice_asked_for_ends() {
    let done = |index: u64| {
        format!(
            "data: {{\"id\":\"c\",\"choices\":[{{\"index\":{index},\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\n"
        )
    };
    let two = chat("hello", true).replace("\"stream\"", "\"n\":2,\"stream\"");
    let words = r#"{"model":"m","prompt":"x","stream":true,"n":2}"#;
    let word =
        event("blockme now").replace("\"delta\":{\"content\":\"blockme now\"}", "\"text\":\"blockme now\"");
    for (path, request, pieces, ends) in [
        ("/v1/chat/completions", two.as_str(), vec![event("blockme now")], "0 1 "),
        ("/v1/chat/completions", &two, vec![event("so "), event("blockme now")], "0 1 "),
        ("/v1/chat/completions", &two, vec![done(1), event("blockme now")], "1 0 "),
        ("/v1/completions", words, vec![word], "0 1 "),
    ] {
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        let (events, body) = said(&pieces, path, request);
        let choices = events.iter().flat_map(|e| e["choices"].as_array().cloned().unwrap_or_default());
        let ended: String = choices
            .filter(|choice| choice["finish_reason"].is_string())
            .map(|choice| format!("{} ", choice["index"]))
            .collect();
        assert_eq!(ended, ends, "{body}");
    }
}

/// What a response comes to at its end is what was streamed.
#[test]
fn the_end_of_a_response_agrees_with_what_was_streamed() {
    let typed = |event: &str| {
        let kind = serde_json::from_str::<Value>(event).expect("JSON")["type"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        format!("event: {kind}\ndata: {event}\n\n")
    };
    let pieces = [
        r#"{"type":"response.created","sequence_number":0,"response":{"id":"r","model":"m","created_at":1,"output":[]}}"#,
        r#"{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"i","type":"message","role":"assistant","status":"in_progress","content":[]}}"#,
        r#"{"type":"response.content_part.added","sequence_number":2,"item_id":"i","output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}"#,
        r#"{"type":"response.output_text.delta","sequence_number":3,"item_id":"i","output_index":0,"content_index":0,"delta":"hi maskme, "}"#,
        r#"{"type":"response.output_text.delta","sequence_number":4,"item_id":"i","output_index":0,"content_index":0,"delta":"so blockme now"}"#,
    ]
    .map(typed);
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    let (events, body) = said(&pieces, "/v1/responses", r#"{"model":"m","stream":true,"input":"hi"}"#);
    let last = events.last().expect("an event");
    assert_eq!(last["type"], "response.incomplete", "{body}");
    let streamed: String = events.iter().filter_map(|e| e["delta"].as_str()).collect();
    let item = &last["response"]["output"][0];
    assert_eq!(
        (streamed.as_str(), &item["content"][0]["text"]),
        ("hi [MASKED], ", &"hi [MASKED], ".into()),
        "{body}"
    );
    assert_eq!(
        (&item["id"], &item["status"], &item["role"]),
        (&"i".into(), &"incomplete".into(), &"assistant".into())
    );
}

/// White space around the end sign is none of it: SDKs trim it.
#[test]
fn an_end_sign_with_white_space_is_one() {
    for sign in ["data: [DONE] \n\n", "data:  [DONE]\n\n", "data:\t[DONE]\t \r\n\r\n", "data:[DONE]\n\n"] {
        for last in ["", r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#] {
            let pieces = [event("all said"), format!("{last}\n\n"), sign.to_owned()];
            let fake = Fake::stream(pieces.iter().map(|p| Step::Send(p.clone().into_bytes())).collect());
            let gateway = Gateway::new(Some(fake.address), &Wishes::default());
            let got = gateway.post("/v1/chat/completions", &chat("hello", true));
            assert_eq!(got.body, pieces.concat(), "{sign:?}");
            assert_eq!(gateway.only_end()["ended"], "complete", "{sign:?}");
        }
    }
}

/// A mark that may begin a stream is none behind a comment that has left already: a reader would take it for part of a field's name.
#[test]
fn a_late_byte_order_mark_goes() {
    let first = event("first");
    let marked = [b"\xef\xbb\xbf".as_slice(), first.as_bytes(), b"data: [DONE]\n\n"].concat();
    for wait in [0, 600] {
        let fake = Fake::stream(vec![Step::Wait(wait), Step::Send(marked.clone())]);
        let mut wishes = Wishes::default();
        wishes.server.keep_alive = sluicegate::diag::Time(std::time::Duration::from_millis(200));
        let gateway = Gateway::new(Some(fake.address), &wishes);
        let body = gateway.post("/v1/chat/completions", &chat("hello", true)).body;
        assert_eq!(body.contains('\u{feff}'), wait == 0, "{body:?}");
        assert!(body.contains(first.trim_end()), "{body:?}");
        assert_eq!(body.contains(": keep-alive"), wait > 0, "{body:?}");
    }
}

/// A comment keeps a connection alive while a model thinks, but not in a stream of Gemini's: Google's SDK for Python takes one for a part of
/// an error.
#[test]
fn comments_keep_alive_whom_they_do_not_disturb() {
    let said = "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"hm\"}]},\"finishReason\":\"STOP\",\"index\":0}]}\n\n";
    let begun = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"content\":[]}}\n\n";
    let asked = r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#;
    for (path, request, events, comments) in [
        ("/v1beta/models/m:streamGenerateContent?alt=sse", asked, said, false),
        ("/v1/messages", MESSAGES, begun, true),
    ] {
        let fake = Fake::stream(vec![
            Step::Wait(700),
            Step::Send(events.into()),
            Step::Wait(700),
            Step::Send(events.into()),
        ]);
        let mut wishes = Wishes::default();
        wishes.server.keep_alive = sluicegate::diag::Time(std::time::Duration::from_millis(200));
        let gateway = Gateway::new(Some(fake.address), &wishes);
        let body = gateway.post(path, request).body;
        assert_eq!(body.contains(": keep-alive\n\n"), comments, "{path}: {body:?}");
        assert!(body.contains(events.trim_end()), "{path}: {body:?}");
    }
}

/// SDKs leave when they have read the end sign; some servers end their bodies later.
#[test]
fn who_leaves_behind_the_end_sign_has_got_all() {
    let fake = Fake::stream(vec![
        Step::Send(event("all").into()),
        Step::Send(b"data: [DONE]\n\n".to_vec()),
        Step::Hang,
    ]);
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    let mut client = Client::new(gateway.data);
    client.send(post("/v1/chat/completions", &chat("hello", true)).as_bytes());
    client.read_until("[DONE]");
    drop(client);
    assert!(wait_for(|| fake.closed() == 1), "the upstream is read on");
    assert_eq!(gateway.only_end()["ended"], "complete");
}
