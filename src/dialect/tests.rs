//! What every dialect owes: its bodies and frames can be read by the SDK that gets them, whatever the reason and the call.

use super::*;

const SAID: &str = "no \"such\" words\n\u{7f}\\ 敏感";

fn json(body: &[u8], what: &str) -> serde_json::Value {
    serde_json::from_slice(body).unwrap_or_else(|e| panic!("{what}: {e}: {}", String::from_utf8_lossy(body)))
}

/// The JSON of each frame.
fn frames(dialect: &dyn Dialect, framing: Framing, body: &[u8], what: &str) -> Vec<serde_json::Value> {
    let text = String::from_utf8_lossy(body).into_owned();
    match framing {
        Framing::Ndjson => text.lines().map(|l| json(l.as_bytes(), what)).collect(),
        Framing::JsonArray => json(body, what).as_array().cloned().unwrap_or_default(),
        Framing::Sse => {
            assert!(text.ends_with("\n\n") || text.ends_with("\r\n\r\n"), "{what}: {text}");
            text.lines()
                .filter_map(|l| l.strip_prefix("data: "))
                .filter(|d| !dialect.is_end_sign(d.as_bytes()))
                .map(|d| json(d.as_bytes(), what))
                .collect()
        }
    }
}

fn kinds() -> Vec<ExchangeError> {
    [
        ErrorKind::BadRequest,
        ErrorKind::Unauthorized,
        ErrorKind::NotFound,
        ErrorKind::TooLarge,
        ErrorKind::RateLimited,
        ErrorKind::Blocked,
        ErrorKind::Unscanned,
        ErrorKind::UpstreamUnreachable,
        ErrorKind::UpstreamTimeout,
        ErrorKind::Loop,
        ErrorKind::Internal,
    ]
    .into_iter()
    .map(|kind| ExchangeError::new(kind, SAID))
    .collect()
}

/// A block with everything that can be said of one.
fn block() -> ExchangeError {
    let mut details = Details::default();
    details.text("rule", "p/\"r\"@1");
    details.texts("classes", vec!["tc260 A.1".into(), "owasp LLM01".into()]);
    details.texts("basis", Vec::new());
    details.yes("automated");
    details.number("complaint_answered_within_days", 15);
    ExchangeError { details: Some(Box::new(details)), ..ExchangeError::new(ErrorKind::Blocked, SAID) }
}

/// Whether a body or frame says all of it, wherever its dialect has a place for it.
fn has_details(body: &serde_json::Value) -> bool {
    let own = body.get("sluicegate").or_else(|| body.pointer("/error/sluicegate"));
    let Some(said) = own.or_else(|| body.pointer("/error/details/0/metadata")) else { return false };
    assert_eq!(said["rule"], "p/\"r\"@1", "{body}");
    assert!(
        said["classes"] == serde_json::json!(["tc260 A.1", "owasp LLM01"])
            || said["classes"] == "tc260 A.1; owasp LLM01"
    );
    assert!(said["automated"] == true || said["automated"] == "true", "{body}");
    assert!(said.get("basis").is_none(), "{body}");
    let days = &said["complaint_answered_within_days"];
    days == 15 || days == "15"
}

#[test]
fn a_blocks_error_has_its_details_in_every_dialect() {
    for dialect in DIALECTS {
        let body = json(&dialect.error_body(&block()), dialect.name());
        assert!(has_details(&body), "{body}");
    }
}

#[test]
fn errors_hold_the_message_in_every_dialect() {
    for dialect in DIALECTS {
        for error in kinds() {
            let body = json(&dialect.error_body(&error), dialect.name());
            let message = body.pointer("/error/message").or(body.get("error"));
            assert_eq!(message.and_then(serde_json::Value::as_str), Some(SAID), "{body}");
        }
    }
}

#[test]
fn every_operation_can_refuse_and_end() {
    for dialect in DIALECTS {
        for operation in dialect.operations() {
            for (stream, framing) in
                [(false, operation.framing), (true, operation.framing), (true, Framing::Sse)]
            {
                if stream && framing == Framing::Sse && operation.framing == Framing::Ndjson {
                    continue;
                }
                let what = format!("{} {}", dialect.name(), operation.name);
                let ask =
                    Ask { model: "m".into(), stream, framing: Some(framing), choices: 2, ..Ask::default() };
                let reply = dialect.refusal(operation, &ask, &block());
                let all = if stream && reply.status == 200 {
                    frames(*dialect, framing, &reply.body, &what)
                } else {
                    vec![json(&reply.body, &what)]
                };
                assert!(all.iter().any(has_details), "{what}: {}", String::from_utf8_lossy(&reply.body));
                assert!(String::from_utf8_lossy(&reply.body).contains("no \\\"such\\\" words"), "{what}");
                let mut memo = Memo { open: vec![0, 1], ..Memo::default() };
                for why in
                    [Why::Policy(&block()), Why::Failure(&ExchangeError::new(ErrorKind::Internal, SAID))]
                {
                    memo.started = false;
                    let cut = dialect.cut(operation, &ask, &memo, why);
                    let ends = frames(*dialect, framing, &cut, &what);
                    let said = ends.iter().any(|e| e.to_string().contains("no \\\"such\\\" words"));
                    assert!(said, "{what}: {why:?}: {}", String::from_utf8_lossy(&cut));
                    if matches!(why, Why::Policy(_)) {
                        assert!(ends.iter().any(has_details), "{what}: {}", String::from_utf8_lossy(&cut));
                    }
                    // Behind what was released, an array goes on and closes.
                    memo.started = true;
                    let mut whole = if framing == Framing::JsonArray { b"[{}".to_vec() } else { Vec::new() };
                    whole.extend(dialect.cut(operation, &ask, &memo, why));
                    assert!(!frames(*dialect, framing, &whole, &what).is_empty(), "{what}");
                }
            }
        }
    }
}

#[test]
fn an_own_answer_is_no_refusal_in_any_dialect() {
    for dialect in DIALECTS {
        for operation in dialect.operations().iter().filter(|operation| dialect.has_words(operation)) {
            for stream in [false, true] {
                let what = format!("{} {} {stream}", dialect.name(), operation.name);
                let framing = Some(operation.framing);
                let ask = Ask { model: "m".into(), stream, framing, choices: 1, ..Ask::default() };
                let reply = dialect.refusal(operation, &ask, &ExchangeError::new(ErrorKind::Reminder, SAID));
                let text = String::from_utf8_lossy(&reply.body);
                assert_eq!(reply.status, 200, "{what}");
                if stream && reply.content_type != "application/json" {
                    assert!(!frames(*dialect, operation.framing, &reply.body, &what).is_empty(), "{what}");
                } else {
                    json(&reply.body, &what);
                }
                for word in ["content_filter", "\"refusal\":\"no", "blockReason", "PROHIBITED", "\"error\":{"]
                {
                    assert!(!text.contains(word), "{what}: {word}: {text}");
                }
                let stops = ["\"stop\"", "end_turn", "STOP", "\"completed\""];
                assert!(stops.iter().any(|stop| text.contains(stop)), "{what}: {text}");
            }
        }
    }
}

#[test]
fn last_words_are_the_users() {
    for (body, want) in [
        (r#"{"messages":[{"role":"system","content":"a"},{"role":"user","content":"b"}]}"#, Some("b")),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]}"#,
            Some("b"),
        ),
        (r#"{"contents":[{"role":"user","parts":[{"text":"b"}]}]}"#, Some("b")),
        (r#"{"contents":[{"parts":[{"text":"b"}]}]}"#, Some("b")),
        (r#"{"input":[{"role":"user","content":[{"type":"input_text","text":"b"}]}]}"#, Some("b")),
        (r#"{"input":"b"}"#, Some("b")),
        (r#"{"prompt":"b"}"#, Some("b")),
        (r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#, None),
        (r#"{"messages":[{"role":"tool","content":"b"}]}"#, None),
        (r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"b"}}]}]}"#, None),
        (r#"{"messages":[]}"#, None),
        (r#"{"messages":[{"role":"user","content":null}]}"#, None),
        (r#"{"input":[1,2]}"#, None),
        (r"{}", None),
    ] {
        let mut tape = Tape::default();
        assert_eq!(tape.parse(body.as_bytes()), Ok(()));
        assert_eq!(last_words(body.as_bytes(), &tape).as_deref(), want, "{body}");
    }
}

#[test]
fn system_words_are_found_in_every_dialect() {
    for (body, want) in [
        (
            r#"{"messages":[{"role":"system","content":"a"},{"role":"user","content":"b"},{"role":"developer","content":[{"type":"text","text":"c"}]}]}"#,
            "a\nc\n",
        ),
        (
            r#"{"instructions":"a","input":[{"role":"system","content":[{"type":"input_text","text":"b"}]}]}"#,
            "a\nb\n",
        ),
        (r#"{"system":"a","messages":[{"role":"user","content":"b"}]}"#, "a\n"),
        (r#"{"system":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}"#, "a\nb\n"),
        (r#"{"systemInstruction":{"role":"system","parts":[{"text":"a"}]}}"#, "a\n"),
        (r#"{"system_instruction":{"parts":{"text":"a"}}}"#, "a\n"),
        (r#"{"messages":"a","system":null,"instructions":4}"#, ""),
    ] {
        let mut tape = Tape::default();
        assert_eq!(tape.parse(body.as_bytes()), Ok(()));
        assert_eq!(system_words(body.as_bytes(), &tape), want, "{body}");
    }
}

#[test]
fn tables_of_typed_events_share_no_row() {
    for operation in DIALECTS.iter().flat_map(|d| d.operations()) {
        // Each table is built, and its joins with it.
        let _ = ((operation.request)(), (operation.answer)());
        let shapes = event_shapes(operation);
        for (i, a) in shapes.iter().enumerate() {
            for b in shapes.iter().skip(i + 1).filter(|b| !std::ptr::eq(*a, **b)) {
                let (a, b) = (a.rows(), b.rows());
                assert!(a.end <= b.start || b.end <= a.start, "{}: {a:?} {b:?}", operation.name);
            }
        }
    }
}

#[test]
fn media_are_unscanned_in_every_spelling() {
    let gemini = DIALECTS.iter().find(|d| d.name() == "gemini").map(|d| d.operations());
    let request = gemini.and_then(|o| o.first()).map(|o| (o.request)()).expect("gemini has operations");
    for (inline, file, uri) in
        [("inlineData", "fileData", "fileUri"), ("inline_data", "file_data", "file_uri")]
    {
        for place in ["contents[]", "systemInstruction", "system_instruction", "requests[].content"] {
            let class = request.classify(&format!("{place}.parts[].{inline}.data"));
            assert!(matches!(class, Some(Class::Unscanned(_))), "{place} {inline}: {class:?}");
            let class = request.classify(&format!("{place}.parts[].{file}.{uri}"));
            assert!(matches!(class, Some(Class::Unscanned(_))), "{place} {file}: {class:?}");
        }
    }
}

#[test]
fn a_stored_response_may_be_asked_for_as_a_stream() {
    let found = route("GET", "/v1/responses/resp_1", false).expect("a route");
    let ask = |query| found.dialect.ask(found.operation, b"", &Tape::default(), query, None).stream;
    assert!(ask(Some("starting_after=3&stream=true")));
    assert!(!ask(Some("stream=false")) && !ask(None));
}

#[test]
fn deltas_of_typed_events_go_on_in_the_next_event() {
    let found = route("POST", "/v1/responses", false).expect("a route");
    for (kind, role, json) in [
        ("response.output_text.delta", Role::Message, false),
        ("response.refusal.delta", Role::Message, false),
        ("response.reasoning_text.delta", Role::Reasoning, false),
        ("response.reasoning_summary_text.delta", Role::Reasoning, false),
        ("response.function_call_arguments.delta", Role::Tool, true),
        ("response.mcp_call_arguments.delta", Role::Tool, true),
        ("response.custom_tool_call_input.delta", Role::Tool, false),
        ("response.code_interpreter_call_code.delta", Role::Tool, false),
        ("response.shell_call_command.delta", Role::Tool, false),
        ("response.of_tomorrow", Role::Other, false),
        ("response.of_tomorrow.delta", Role::Other, false),
        ("response.of_tomorrow.added", Role::Other, false),
        ("response.of_tomorrow.done", Role::Other, false),
        ("response.reasoning_of_tomorrow.delta", Role::Other, false),
    ] {
        let event = format!(r#"{{"type":"{kind}","delta":"x"}}"#);
        let mut tape = Tape::default();
        assert_eq!(tape.parse(event.as_bytes()), Ok(()));
        let class = (found.operation.event)(event.as_bytes(), &tape).classify("delta");
        let flow = if role == Role::Message { Flow::Linked } else { Flow::Delta };
        assert_eq!(class, Some(Class::Text { role, flow, json }), "{kind}");
    }
}
