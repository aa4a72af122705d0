//! What cannot be read does not pass for text that was: media in every dialect's spellings, and values that are opaque by their form.

use crate::dialect::ErrorKind;
use std::sync::Arc;

use bytes::Bytes;

use super::super::*;
use crate::audit::Receipt;
use crate::detect::{PatternSpec, RuleSpec};
use crate::dialect::route;
use crate::policy::{Action, Actions, BlockAs, Rule, Unscanned};

fn policy(unscanned: Unscanned) -> Arc<Policy> {
    let rule = |id: &str, regex: &str, marker: &str| {
        let pattern = PatternSpec { regex: regex.into(), ..PatternSpec::default() };
        let rule = Rule {
            id: id.into(),
            actions: Actions::all(Action::Mask),
            marker: marker.into(),
            ..Rule::default()
        };
        (rule, RuleSpec { patterns: vec![pattern], ..RuleSpec::default() })
    };
    let rules =
        vec![rule("mail", r"[a-z]{1,9}@corp\.example", "[MAIL]"), rule("card", "4[0-9]{15}", "[CARD]")];
    let policy = Policy::from_rules(rules).unwrap_or_else(|e| panic!("{e:?}"));
    Arc::new(policy.with(unscanned, BlockAs::Error))
}

fn judge(unscanned: Unscanned, path: &str, body: &str) -> Judged {
    let matched = route("POST", path, path.ends_with("/messages")).unwrap_or_else(|_| panic!("{path}"));
    let terms = Terms::new(policy(unscanned), ExchangeLimits::default());
    Received::new(matched, terms)
        .judge(None, true, Bytes::copy_from_slice(body.as_bytes()))
        .unwrap_or_else(|e| panic!("{path}: {e}: {body}"))
}

fn is_unread(next: &Next) -> bool {
    matches!(next, Next::Refuse(error) if error.kind == ErrorKind::Unscanned)
}

/// What the upstream gets of a request.
fn sent(unscanned: Unscanned, path: &str, body: &str) -> String {
    match judge(unscanned, path, body).next() {
        Next::Forward { body, .. } => String::from_utf8_lossy(body).into_owned(),
        other => panic!("{path}: {other:?}: {body}"),
    }
}

/// What the client gets of an answer, or the error in its place.
fn answered(unscanned: Unscanned, path: &str, media: &str, answer: &str) -> Result<String, ErrorKind> {
    let request =
        if media == "application/json" { r#"{"model":"m"}"# } else { r#"{"model":"m","stream":true}"# };
    let mut answering = judge(unscanned, path, request).admit(Receipt::forged());
    assert!(answering.head(200, Some(media)).is_ok());
    let mut out = Vec::new();
    answering.feed(answer.as_bytes(), &mut out);
    answering.finish(Ended::Complete, &mut out);
    match &answering.cut_by {
        Some(error) => Err(error.kind),
        None => Ok(String::from_utf8_lossy(&out.concat()).into_owned()),
    }
}

const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";
const MESSAGES: &str = "/v1/messages";
const GEMINI: &str = "/v1beta/models/m:generateContent";
const OLLAMA: &str = "/api/chat";

/// Media in requests, with `URL` where a URL stands.
const MEDIA: &[(&str, &str)] = &[
    (CHAT, r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"URL"}}]}]}"#),
    (CHAT, r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":"URL"}]}]}"#),
    (CHAT, r#"{"messages":[{"role":"user","content":[{"type":"video_url","video_url":{"url":"URL"}}]}]}"#),
    (CHAT, r#"{"messages":[{"role":"user","content":[{"type":"video_url","video_url":"URL"}]}]}"#),
    (CHAT, r#"{"messages":[{"role":"user","content":[{"type":"audio_url","audio_url":{"url":"URL"}}]}]}"#),
    (CHAT, r#"{"messages":[{"role":"user","content":[{"type":"video","video":["URL"]}]}]}"#),
    (CHAT, r#"{"messages":[{"role":"user","content":[{"type":"video","video":{"data":"URL"}}]}]}"#),
    (
        CHAT,
        r#"{"messages":[{"role":"user","content":[{"type":"input_video","input_video":{"data":"URL"}}]}]}"#,
    ),
    (CHAT, r#"{"messages":[{"role":"user","content":[{"type":"document_url","document_url":"URL"}]}]}"#),
    (CHAT, r#"{"messages":[{"role":"user","content":[{"type":"file","file":{"file_url":"URL"}}]}]}"#),
    (
        CHAT,
        r#"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"URL"}}]}]}"#,
    ),
    (
        CHAT,
        r#"{"messages":[{"role":"assistant","images":[{"type":"image_url","image_url":{"url":"URL"}}]}]}"#,
    ),
    ("/v1/moderations", r#"{"input":[{"type":"image_url","image_url":{"url":"URL"}}]}"#),
    ("/v1/embeddings", r#"{"input":[{"type":"image_url","image_url":{"url":"URL"}}]}"#),
    (RESPONSES, r#"{"input":[{"role":"user","content":[{"type":"input_image","image_url":"URL"}]}]}"#),
    (RESPONSES, r#"{"input":[{"type":"input_image","image_url":"URL"}]}"#),
    (
        RESPONSES,
        r#"{"input":[{"role":"user","content":[{"type":"input_image","image_url":{"url":"URL"}}]}]}"#,
    ),
    (RESPONSES, r#"{"input":[{"role":"user","content":[{"type":"input_file","file_url":"URL"}]}]}"#),
    (RESPONSES, r#"{"input":[{"type":"computer_call_output","call_id":"c","output":{"image_url":"URL"}}]}"#),
    (
        RESPONSES,
        r#"{"input":[{"type":"function_call_output","output":[{"type":"input_image","image_url":"URL"}]}]}"#,
    ),
    (RESPONSES, r#"{"input":[{"type":"code_interpreter_call","outputs":[{"type":"image","url":"URL"}]}]}"#),
    (
        RESPONSES,
        r#"{"input":"x","prompt":{"id":"p","variables":{"a":{"type":"input_image","image_url":"URL"}}}}"#,
    ),
    (
        MESSAGES,
        r#"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"URL"}}]}]}"#,
    ),
    (
        MESSAGES,
        r#"{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"url","url":"URL"}}]}]}"#,
    ),
    (
        MESSAGES,
        r#"{"messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"image","source":{"type":"url","url":"URL"}}]}]}]}"#,
    ),
    (GEMINI, r#"{"contents":[{"parts":[{"fileData":{"fileUri":"URL"}}]}]}"#),
    (GEMINI, r#"{"contents":{"parts":{"file_data":{"file_uri":"URL"}}}}"#),
    (OLLAMA, r#"{"messages":[{"role":"user","content":"x","images":["URL"]}]}"#),
];

#[test]
fn media_named_by_a_url_are_unread() {
    for (path, body) in MEDIA {
        for url in
            ["https://x.example/y.png", "HTTP://x.example/a b", "gs://bucket/o", "file-123", "//x.example/y"]
        {
            let body = body.replace("URL", url);
            assert!(is_unread(judge(Unscanned::Block, path, &body).next()), "{path} {body}");
        }
    }
}

/// Where the policy lets media pass, what names them is read all the same, and the record says that they were not.
#[test]
fn a_url_of_a_medium_is_text_too() {
    for (path, body) in MEDIA {
        let body = body.replace("URL", "https://x.example/jo@corp.example.png");
        let judged = judge(Unscanned::Allow, path, &body);
        assert!(!judged.report().coverage.unscanned.is_empty(), "{path} {body}");
        assert_eq!(sent(Unscanned::Allow, path, &body), body.replace("jo@corp.example", "[MAIL]"));
        let clean = body.replace("jo@corp.example", "y");
        assert_eq!(sent(Unscanned::Allow, path, &clean), clean);
    }
}

#[test]
fn encoded_media_are_unread_wherever_they_stand() {
    let long = "aB3+".repeat(200);
    let data = [
        "data:image/png;base64,iVBORw0KGgo=",
        r"\u0064ata:image\/png;base64,iVBORw0KGgo=",
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAf",
        &long,
    ];
    let places = [
        (CHAT, r#"{"messages":[{"role":"user","content":[{"type":"hologram","hologram":{"bits":"URL"}}]}]}"#),
        (CHAT, r#"{"picture_of_tomorrow":"URL"}"#),
        (RESPONSES, r#"{"input":[{"type":"of_tomorrow","picture":"URL"}]}"#),
        (
            MESSAGES,
            r#"{"messages":[{"role":"user","content":[{"type":"of_tomorrow","picture":{"bytes":"URL"}}]}]}"#,
        ),
        (GEMINI, r#"{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"URL"}}]}]}"#),
        (GEMINI, r#"{"contents":[{"parts":[{"functionResponse":{"name":"f","response":{"shot":"URL"}}}]}]}"#),
        (OLLAMA, r#"{"messages":[{"role":"user","content":"x","picture":"URL"}]}"#),
    ];
    for ((path, body), data) in places.iter().flat_map(|p| data.iter().map(move |d| (p, d))) {
        let body = body.replace("URL", data);
        assert!(is_unread(judge(Unscanned::Block, path, &body).next()), "{path} {body}");
        assert_eq!(sent(Unscanned::Allow, path, &body), body);
    }
}

#[test]
fn urls_in_text_are_text() {
    for url in
        ["https://x.example/y.png", "data:image/png;base64,iVBORw0KGgo=", "data: twelve rows, two columns"]
    {
        for (path, body) in [
            (
                CHAT,
                r#"{"messages":[{"role":"user","content":"URL"},{"role":"user","content":[{"type":"text","text":"URL"}]}]}"#,
            ),
            (RESPONSES, r#"{"input":"URL"}"#),
            (
                MESSAGES,
                r#"{"messages":[{"role":"user","content":[{"type":"tool_result","content":"URL"}]}]}"#,
            ),
        ] {
            let body = body.replace("URL", url);
            assert_eq!(sent(Unscanned::Block, path, &body), body);
        }
    }
    let source = r#"{"messages":[{"role":"user","content":[{"type":"web_search_tool_result","content":[{"type":"web_search_result","url":"https://x.example/y"}]}]}]}"#;
    assert_eq!(sent(Unscanned::Block, MESSAGES, source), source);
}

#[test]
fn media_in_answers_are_unread() {
    for (path, media, body) in [
        (
            CHAT,
            "application/json",
            r#"{"choices":[{"message":{"images":[{"image_url":{"url":"https://x.example/y"}}]}}]}"#,
        ),
        (
            CHAT,
            "application/json",
            r#"{"choices":[{"message":{"content":[{"type":"image_url","image_url":"https://x.example/y"}]}}]}"#,
        ),
        (
            CHAT,
            "text/event-stream",
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"images\":[{\"image_url\":{\"url\":\"https://x.example/y\"}}]}}]}\n\n",
        ),
        (
            RESPONSES,
            "application/json",
            r#"{"output":[{"type":"message","content":[{"type":"output_image","image_url":"https://x.example/y"}]}]}"#,
        ),
        (
            RESPONSES,
            "application/json",
            r#"{"output":[{"type":"computer_call_output","output":{"image_url":"https://x.example/y"}}]}"#,
        ),
        (
            RESPONSES,
            "text/event-stream",
            "data: {\"type\":\"response.content_part.done\",\"part\":{\"type\":\"output_image\",\"image_url\":\"https://x.example/y\"}}\n\n",
        ),
        (
            RESPONSES,
            "text/event-stream",
            "data: {\"type\":\"response.output_item.done\",\"item\":{\"content\":[{\"image_url\":\"https://x.example/y\"}]}}\n\n",
        ),
        (
            MESSAGES,
            "application/json",
            r#"{"content":[{"type":"image","source":{"type":"url","url":"https://x.example/y"}}]}"#,
        ),
        (
            GEMINI,
            "application/json",
            r#"{"candidates":[{"content":{"parts":[{"fileData":{"fileUri":"https://x.example/y"}}]}}]}"#,
        ),
        (OLLAMA, "application/json", r#"{"message":{"images":["https://x.example/y"]}}"#),
    ] {
        assert_eq!(answered(Unscanned::Block, path, media, body), Err(ErrorKind::Unscanned), "{path} {body}");
    }
}

/// A field that is called opaque is believed while it has the form of what a provider packs.
#[test]
fn what_is_called_opaque_is_believed_by_its_form() {
    let packed = "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds5qQvHkD+w/4CDFsSDJmFQ==";
    for (path, media, body) in [
        (
            MESSAGES,
            "application/json",
            r#"{"content":[{"type":"thinking","thinking":"x","signature":"SAID"}]}"#,
        ),
        (MESSAGES, "application/json", r#"{"content":[{"type":"text","text":"x","data":"SAID"}]}"#),
        (
            MESSAGES,
            "text/event-stream",
            "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"SAID\"}}\n\ndata: {\"type\":\"message_stop\"}\n\n",
        ),
        ("/v1/embeddings", "application/json", r#"{"data":[{"embedding":"SAID"}]}"#),
        (RESPONSES, "application/json", r#"{"output":[{"type":"reasoning","encrypted_content":"SAID"}]}"#),
        (
            GEMINI,
            "application/json",
            r#"{"candidates":[{"content":{"parts":[{"text":"x","thoughtSignature":"SAID"}]}}]}"#,
        ),
        (CHAT, "application/json", r#"{"choices":[{"message":{"reasoning_details":[{"data":"SAID"}]}}]}"#),
    ] {
        let got = |said: &str| answered(Unscanned::Block, path, media, &body.replace("SAID", said));
        let long = packed.repeat(9).replace('=', "");
        for same in ["", "c2lnbmF0dXJl", packed, &long] {
            assert_eq!(got(same), Ok(body.replace("SAID", same)), "{path}");
        }
        for (said, masked) in [
            ("mail jo@corp.example", "mail [MAIL]"),
            ("4111111111111111", "[CARD]"),
            ("4111111111111111=", "[CARD]="),
        ] {
            assert_eq!(got(said), Ok(body.replace("SAID", masked)), "{path} {said}");
        }
    }
}

/// A number says what its digits say, wherever it stands.
#[test]
fn numbers_are_read() {
    for (path, body) in [
        (
            CHAT,
            r#"{"messages":[{"role":"user","content":NUMBER}],"of_tomorrow":NUMBER,"metadata":{"a":[NUMBER]}}"#,
        ),
        (
            CHAT,
            r#"{"messages":[{"role":"user","name":NUMBER,"content":[{"type":"text","text":NUMBER}]}],"user":NUMBER}"#,
        ),
        (CHAT, r#"{"model":NUMBER,"max_tokens":NUMBER}"#),
        (RESPONSES, r#"{"input":[{"type":"function_call","arguments":NUMBER}],"instructions":NUMBER}"#),
        (
            MESSAGES,
            r#"{"system":NUMBER,"messages":[{"role":"user","content":[{"type":"tool_result","content":NUMBER}]}]}"#,
        ),
        (GEMINI, r#"{"contents":[{"parts":[{"text":NUMBER}]}]}"#),
        (OLLAMA, r#"{"messages":[{"role":"user","content":NUMBER}]}"#),
        ("/v1/embeddings", r#"{"input":NUMBER}"#),
    ] {
        for number in [
            "4111111111111111",
            "-4111111111111111",
            "4111111111111111.5",
            "4.111111111111111e15",
            "-4111111111111111e2",
        ] {
            let body = |number: &str| body.replace("NUMBER", number);
            let scalar = body("").contains("max_tokens");
            assert_eq!(sent(Unscanned::Block, path, &body(number)), body(r#""[CARD]""#), "{path} {scalar}");
        }
        for number in ["5111111111111111", "17", "-0.4111111111111111", "4.111111111111111e14", "1700000000"]
        {
            let body = body.replace("NUMBER", number);
            assert_eq!(sent(Unscanned::Block, path, &body), body);
        }
    }
    let seeds = r#"{"model":"m","seed":4111111111111111,"top_p":0.4111111111111111}"#;
    assert_eq!(sent(Unscanned::Block, CHAT, seeds), seeds);
    let answer =
        |said: &str| format!(r#"{{"choices":[{{"message":{{"content":{said}}}}}],"of_tomorrow":{said}}}"#);
    let got = answered(Unscanned::Block, CHAT, "application/json", &answer("4111111111111111"));
    assert_eq!(got, Ok(answer(r#""[CARD]""#)));
}

/// Clients append what comes in pieces, strings and numbers alike.
#[test]
fn numbers_in_pieces_are_one_text() {
    let event =
        |said: &str| format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{said}}}}}]}}\n\n");
    let end =
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let stream = [event("411111"), event("111111"), event(r#""1111 x""#), end.into()].concat();
    let masked = [event(r#""[CARD]""#), event(r#""""#), event(r#"" x""#), end.into()].concat();
    assert_eq!(answered(Unscanned::Block, CHAT, "text/event-stream", &stream), Ok(masked));
}

/// What is masked in the source of tool arguments leaves JSON, and the same however it was cut.
#[test]
fn masked_numbers_leave_json() {
    for number in [
        "4111111111111111",
        "-4111111111111111",
        "-4111111111111111.25",
        "4111111111111111e-7",
        "12.4111111111111111",
    ] {
        for (before, after) in
            [(r#"{"c":"#, "}"), (r#"{"a":"\"-4","c":[1, "#, r#" ,-2],"d":"-4"}"#), ("", "")]
        {
            let source = format!("{before}{number}{after}");
            let want = format!(r#"{before}"[CARD]"{after}"#);
            let body = |source: &str| {
                let call = crate::dialect::quoted(source);
                format!(
                    r#"{{"messages":[{{"role":"assistant","tool_calls":[{{"function":{{"arguments":{call}}}}}]}}]}}"#
                )
            };
            assert_eq!(sent(Unscanned::Block, CHAT, &body(&source)), body(&want));
            for size in 1..source.len() {
                let mut stream = String::new();
                for piece in source.as_bytes().chunks(size) {
                    let piece = crate::dialect::quoted(std::str::from_utf8(piece).unwrap_or_default());
                    let call = format!(r#"{{"index":0,"function":{{"arguments":{piece}}}}}"#);
                    let choice = format!(r#"{{"index":0,"delta":{{"tool_calls":[{call}]}}}}"#);
                    stream.extend(["data: {\"choices\":[", &choice, "]}\n\n"]);
                }
                stream.push_str("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n");
                let got = answered(Unscanned::Block, CHAT, "text/event-stream", &stream).unwrap_or_default();
                let said: String = got
                    .lines()
                    .filter_map(|line| {
                        serde_json::from_str::<serde_json::Value>(line.strip_prefix("data: ")?).ok()
                    })
                    .filter_map(|e| {
                        Some(
                            e.pointer("/choices/0/delta/tool_calls/0/function/arguments")?
                                .as_str()?
                                .to_owned(),
                        )
                    })
                    .collect();
                assert_eq!(said, want, "in pieces of {size}");
            }
        }
    }
}
