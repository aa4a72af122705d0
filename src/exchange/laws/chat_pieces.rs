//! Pieces of a chat's answer that clients put together in more ways than the API's own servers need.

use super::sample::{LETTERS, STREAMS, answering, chat_event, joined, pieces, run};

/// A text that comes as a string first and as a list of parts then, or the other way round, is one text.
#[test]
fn content_may_change_from_a_string_to_parts() {
    let (path, request, media, _) = STREAMS[2];
    let (string, parts) = (r#""content":"PIECE""#, r#""content":[{"type":"text","text":"PIECE"}]"#);
    for length in 1..12 {
        for turns in [[string, parts], [parts, string], [parts, parts]] {
            let cut = pieces(LETTERS, length);
            let events: Vec<_> =
                cut.iter().enumerate().map(|(n, p)| chat_event(0, turns[n % 2], p)).collect();
            let sent = run(&mut answering(path, request, media), &events);
            let said = sent.concat().replace(r#"[{"type":"text","text":"#, "").replace(r#""}]"#, r#"""#);
            assert_eq!(
                joined(&[said], "/choices/0/delta/content"),
                "to [MAIL] or alice",
                "{turns:?} by {length}"
            );
        }
    }
}

/// Readers append the parts of one choice, whatever their index.
#[test]
fn parts_of_a_choice_are_one_text() {
    let (path, request, media, _) = STREAMS[2];
    let part = |n: usize, text: &str| {
        chat_event(0, r#""content":[{"type":"text","index":N,"text":"PIECE"}]"#, text)
            .replace('N', &n.to_string())
    };
    let events = [part(0, "to alice.hoover@aaa"), part(1, "bbb.example or"), part(2, " alice")];
    let sent = run(&mut answering(path, request, media), &events);
    assert_eq!(joined(&sent, "/choices/0/delta/content/0/text"), "to [MAIL] or alice");
}

/// Calls of tools that no index tells apart are told apart by their places.
#[test]
fn calls_without_an_index_go_by_their_places() {
    let (path, request, media, _) = STREAMS[2];
    for length in 1..12 {
        let one = pieces(LETTERS, length);
        let two = pieces("so, a glass orchard or two, and no more of that", length);
        let events: Vec<_> = one
            .iter()
            .zip(&two)
            .map(|(a, b)| {
                let call =
                    |p: &str| format!(r#"{{"function":{{"arguments":"\"{p}\""}}}}"#).replace("\\\"", "");
                chat_event(0, &format!(r#""tool_calls":[{},{}]"#, call(a), call(b)), "")
            })
            .collect();
        let sent = run(&mut answering(path, request, media), &events);
        let first = joined(&sent, "/choices/0/delta/tool_calls/0/function/arguments");
        let second = joined(&sent, "/choices/0/delta/tool_calls/1/function/arguments");
        assert!(first.contains("[MAIL]") && !first.contains("hoover"), "{first} by {length}");
        let whole = two.iter().take(one.len()).map(String::as_str).collect::<String>();
        assert!(!whole.contains("orchard") || second.contains("[PHRASE]"), "{second} by {length}");
    }
}

/// One that has an index is the one that readers take it for, wherever it stands, and so are those beside it.
#[test]
fn calls_with_an_index_go_by_it() {
    let (path, request, media, _) = STREAMS[2];
    let other = r#"{"index":1,"function":{"arguments":"!"}}"#;
    let call = r#"{"function":{"arguments":"PIECE"}}"#;
    let events: Vec<_> = pieces(LETTERS, 3)
        .iter()
        .enumerate()
        .map(|(n, p)| {
            let list = if n % 2 == 0 { format!("{call},{other}") } else { format!("{other},{call}") };
            chat_event(0, &format!(r#""tool_calls":[{list}]"#), p)
        })
        .collect();
    let sent = run(&mut answering(path, request, media), &events).concat();
    let said: String = sent
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line.strip_prefix("data: ")?).ok())
        .filter_map(|event| event.pointer("/choices/0/delta/tool_calls")?.as_array().cloned())
        .flatten()
        .filter(|call| call.get("index").is_none())
        .filter_map(|call| call.pointer("/function/arguments").and_then(|a| a.as_str().map(str::to_owned)))
        .collect();
    assert!(said.contains("[MAIL]") && !said.contains("hoover"), "{said}");
}
