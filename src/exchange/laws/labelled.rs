//! The laws of labels: what is added can be taken away again and leaves the model's text; it does not depend on cuts; a stream and a whole
//! answer are labelled alike; what programs read stays as it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::*;
use super::sample::{STREAMS, policy};
use crate::audit::{Receipt, Signer};
use crate::dialect::route;
use crate::policy::{LabelMode, Labelled, Labels, Unscanned};
use crate::provenance::{LabelWords, Signed, Skeleton, has_elements};

pub(super) const MODES: [LabelMode; 7] = [
    LabelMode::None,
    LabelMode::InlinePrefix,
    LabelMode::InlineSuffix,
    LabelMode::InlineBoth,
    LabelMode::InlineParagraph,
    LabelMode::Ui,
    LabelMode::Both,
];

pub(super) fn labelling(mode: LabelMode, notice: bool, metadata: bool) -> Labelling {
    let labels = Labels {
        mode,
        text: None,
        texts: BTreeMap::new(),
        metadata,
        mark: crate::policy::Density::Off,
        prints: false,
    };
    let profile = Labelled { labels, jurisdictions: vec!["eu".into()] };
    let signer = Signer::new("gw.example/journal", [7; 32].into()).unwrap_or_else(|e| panic!("{e}"));
    let maker = Maker { signer, producer: "gw".into(), verify: Some("https://gw.example/v1/detect".into()) };
    Labelling {
        mode,
        words: Arc::new(LabelWords::new(Some(&profile), &BTreeMap::new())),
        notice,
        maker: metadata.then(|| Arc::new(maker)),
        unlabelled: None,
        accepted: None,
        exchange: "0123456789abcdefghjkmnpqrs".into(),
    }
}

fn begin(path: &str, request: &str, media: &str, labelling: Option<Labelling>) -> Answering {
    begin_marked(path, request, media, labelling, None)
}

/// The same, with marks.
pub(super) fn begin_marked(
    path: &str,
    request: &str,
    media: &str,
    labelling: Option<Labelling>,
    marks: Option<Marks>,
) -> Answering {
    let matched = route("POST", path, path.ends_with("/messages")).unwrap_or_else(|_| panic!("{path}"));
    let mut terms = Terms::new(policy(Unscanned::Block), ExchangeLimits::default());
    terms.client.labels = true;
    terms.marks = marks;
    let judged = Received::new(matched, terms)
        .judge(
            path.contains(":stream").then_some("alt=sse"),
            true,
            Bytes::copy_from_slice(request.as_bytes()),
        )
        .unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut ahead = judged.ahead();
    labelling.into_iter().for_each(|labelling| ahead.label(labelling));
    let (mut answering, _) = ahead.admit(Receipt::forged());
    assert!(answering.head(200, Some(media)).is_ok());
    answering
}

/// What comes out of an answer that arrives in pieces of this length.
pub(super) fn sent(answering: &mut Answering, body: &str, piece: usize) -> String {
    let mut out = Vec::new();
    for piece in body.as_bytes().chunks(piece.max(1)) {
        assert_eq!(answering.feed(piece, &mut out), Flow::More);
    }
    assert_eq!(answering.finish(Ended::Complete, &mut out), Flow::More, "{body}");
    String::from_utf8(out.concat()).unwrap_or_else(|e| panic!("{e}"))
}

/// A call with a stream of these pieces and the same as a whole answer.
pub(super) struct Call {
    pub(super) path: &'static str,
    pub(super) stream_path: &'static str,
    pub(super) media: &'static str,
    pub(super) request: fn(bool) -> Value,
    pub(super) stream: fn(&[String]) -> String,
    pub(super) whole: fn(&str) -> Value,
    /// What a client puts together of the stream's events.
    pub(super) heard: fn(&[Value]) -> String,
    /// What it reads in the whole answer.
    pub(super) read: fn(&Value) -> String,
}

fn sse(events: &[Value], typed: bool) -> String {
    let event = |e: &Value| {
        let kind = if typed {
            format!("event: {}\n", e["type"].as_str().unwrap_or_default())
        } else {
            String::new()
        };
        format!("{kind}data: {e}\n\n")
    };
    events.iter().map(event).collect()
}

fn text_of(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn all(events: &[Value], place: &str) -> String {
    events.iter().map(|event| text_of(event.pointer(place))).collect()
}

fn response(text: &str) -> Value {
    json!({"id": "resp_1", "object": "response", "model": "m", "status": "completed",
        "output": [{"id": "msg_1", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text, "annotations": []}]}]})
}

pub(super) const CALLS: &[Call] = &[
    Call {
        path: "/v1/chat/completions",
        stream_path: "/v1/chat/completions",
        media: "text/event-stream",
        request: |stream| json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": "What is that to you?"}]}),
        stream: |pieces| {
            let event = |delta: Value, finish: Value| {
                json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                    "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
            };
            let mut events = vec![event(json!({"role": "assistant", "content": ""}), Value::Null)];
            events.extend(pieces.iter().map(|piece| event(json!({"content": piece}), Value::Null)));
            events.push(event(json!({}), json!("stop")));
            sse(&events, false) + "data: [DONE]\n\n"
        },
        whole: |text| json!({"id": "c", "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}),
        heard: |events| all(events, "/choices/0/delta/content"),
        read: |body| text_of(body.pointer("/choices/0/message/content")),
    },
    Call {
        path: "/v1/completions",
        stream_path: "/v1/completions",
        media: "text/event-stream",
        request: |stream| json!({"model": "m", "stream": stream, "prompt": "What is that to you?"}),
        stream: |pieces| {
            let last = pieces.len().saturating_sub(1);
            let event = |(n, piece): (usize, &String)| {
                let finish = if n == last { json!("stop") } else { Value::Null };
                json!({"id": "c", "model": "m", "choices": [{"index": 0, "text": piece, "finish_reason": finish}]})
            };
            sse(&pieces.iter().enumerate().map(event).collect::<Vec<_>>(), false) + "data: [DONE]\n\n"
        },
        whole: |text| json!({"id": "c", "model": "m", "choices": [{"index": 0, "text": text, "finish_reason": "stop"}]}),
        heard: |events| all(events, "/choices/0/text"),
        read: |body| text_of(body.pointer("/choices/0/text")),
    },
    Call {
        path: "/v1/responses",
        stream_path: "/v1/responses",
        media: "text/event-stream",
        request: |stream| json!({"model": "m", "stream": stream, "input": "What is that to you?"}),
        stream: |pieces| {
            let text = pieces.concat();
            let at =
                |kind: &str| json!({"type": kind, "item_id": "msg_1", "output_index": 0, "content_index": 0});
            let with = |mut event: Value, key: &str, value: Value| {
                event[key] = value;
                event
            };
            let item = |text: &str| response(text)["output"][0].clone();
            let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
            let mut events = vec![
                json!({"type": "response.created", "response": {"id": "resp_1", "model": "m", "output": []}}),
                json!({"type": "response.output_item.added", "output_index": 0, "item": {"id": "msg_1", "type": "message", "role": "assistant", "content": []}}),
                with(at("response.content_part.added"), "part", part("")),
            ];
            events.extend(
                pieces.iter().map(|piece| with(at("response.output_text.delta"), "delta", json!(piece))),
            );
            events.push(with(at("response.output_text.done"), "text", json!(text)));
            events.push(with(at("response.content_part.done"), "part", part(&text)));
            events.push(json!({"type": "response.output_item.done", "output_index": 0, "item": item(&text)}));
            events.push(json!({"type": "response.completed", "response": response(&text)}));
            let numbered =
                events.into_iter().enumerate().map(|(n, event)| with(event, "sequence_number", json!(n)));
            sse(&numbered.collect::<Vec<_>>(), true)
        },
        whole: response,
        heard: |events| {
            for (n, event) in events.iter().enumerate() {
                assert_eq!(event["sequence_number"], json!(n), "{events:?}");
            }
            let of =
                |kind: &str| -> Vec<Value> { events.iter().filter(|e| e["type"] == kind).cloned().collect() };
            let said = all(&of("response.output_text.delta"), "/delta");
            for (kind, place) in [
                ("response.output_text.done", "/text"),
                ("response.content_part.done", "/part/text"),
                ("response.output_item.done", "/item/content/0/text"),
                ("response.completed", "/response/output/0/content/0/text"),
            ] {
                assert_eq!(all(&of(kind), place), said, "{kind}");
            }
            said
        },
        read: |body| text_of(body.pointer("/output/0/content/0/text")),
    },
    Call {
        path: "/v1/messages",
        stream_path: "/v1/messages",
        media: "text/event-stream",
        request: |stream| json!({"model": "m", "stream": stream, "max_tokens": 9, "messages": [{"role": "user", "content": "What is that to you?"}]}),
        stream: |pieces| {
            let (mut events, half) = (Vec::new(), pieces.len() / 2);
            events.push(json!({"type": "message_start", "message": {"id": "msg", "type": "message", "role": "assistant", "model": "m", "content": []}}));
            // In two blocks: a label stands in the last.
            for (index, pieces) in [&pieces[..half], &pieces[half..]].iter().enumerate() {
                events.push(json!({"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}}));
                events.extend(pieces.iter().map(|piece| json!({"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": piece}})));
                events.push(json!({"type": "content_block_stop", "index": index}));
                events.push(json!({"type": "ping"}));
            }
            events.push(json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}));
            events.push(json!({"type": "message_stop"}));
            sse(&events, true)
        },
        whole: |text| json!({"id": "msg", "type": "message", "role": "assistant", "model": "m", "content": [{"type": "text", "text": text}], "stop_reason": "end_turn"}),
        heard: |events| {
            let mut open = None;
            for event in events {
                match event["type"].as_str() {
                    Some("content_block_start") => open = event["index"].as_u64(),
                    Some("content_block_delta") => assert_eq!(event["index"].as_u64(), open, "{events:?}"),
                    Some("content_block_stop") => open = None,
                    _ => {}
                }
            }
            all(events, "/delta/text")
        },
        read: |body| text_of(body.pointer("/content/0/text")),
    },
    Call {
        path: "/v1beta/models/m:generateContent",
        stream_path: "/v1beta/models/m:streamGenerateContent",
        media: "text/event-stream",
        request: |_| json!({"contents": [{"role": "user", "parts": [{"text": "What is that to you?"}]}]}),
        stream: |pieces| {
            let last = pieces.len().saturating_sub(1);
            let event = |(n, piece): (usize, &String)| {
                let part = if n == last {
                    json!({"text": piece, "thoughtSignature": "c2ln"})
                } else {
                    json!({"text": piece})
                };
                let mut candidate = json!({"content": {"role": "model", "parts": [part]}, "index": 0});
                if n == last {
                    candidate["finishReason"] = json!("STOP");
                }
                json!({"candidates": [candidate], "modelVersion": "m"})
            };
            sse(&pieces.iter().enumerate().map(event).collect::<Vec<_>>(), false)
        },
        whole: |text| json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "hm", "thought": true}, {"text": text}]}, "finishReason": "STOP", "index": 0}]}),
        heard: |events| {
            let parts =
                events.iter().filter_map(|event| event.pointer("/candidates/0/content/parts")?.as_array());
            parts.flatten().map(|part| text_of(part.get("text"))).collect()
        },
        read: |body| text_of(body.pointer("/candidates/0/content/parts/1/text")),
    },
    Call {
        path: "/api/chat",
        stream_path: "/api/chat",
        media: "application/x-ndjson",
        request: |stream| json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": "What is that to you?"}]}),
        stream: |pieces| {
            let line = |text: &str, done: bool| {
                format!(
                    "{}\n",
                    json!({"model": "m", "message": {"role": "assistant", "content": text}, "done": done})
                )
            };
            pieces.iter().map(|piece| line(piece, false)).chain([line("", true)]).collect()
        },
        whole: |text| json!({"model": "m", "message": {"role": "assistant", "content": text}, "done": true}),
        heard: |events| all(events, "/message/content"),
        read: |body| text_of(body.pointer("/message/content")),
    },
];

pub(super) fn events(sent: &str, call: &Call) -> Vec<Value> {
    let lines = sent.lines().filter_map(|line| match line.strip_prefix("data: ") {
        Some(data) => Some(data),
        None if call.media.ends_with("ndjson") => Some(line),
        None => None,
    });
    let lines = lines.filter(|line| *line != "[DONE]");
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// The statement in a stream.
pub(super) fn statement(sent: &str, call: &Call) -> Option<Signed> {
    let json = match sent.lines().find_map(|line| line.strip_prefix(": sluicegate-label ")) {
        Some(json) => json.to_owned(),
        None => events(sent, call).last()?.get("sluicegate_label")?.to_string(),
    };
    Some(Signed::parse(&json).unwrap_or_else(|e| panic!("{e}: {json}")))
}

/// A client's text without what is added to it in this mode.
fn bare<'t>(mode: LabelMode, notice: bool, labelled: &'t str, model: &str) -> (&'t str, usize) {
    const LABEL: &str = "AI-generated content";
    let (mut text, mut labels) = (labelled, 0);
    if notice && !matches!(mode, LabelMode::None | LabelMode::Ui) {
        text = text
            .strip_prefix("You are talking to an AI system.\n")
            .unwrap_or_else(|| panic!("no notice: {text}"));
        text = text.strip_prefix('\n').unwrap_or(text);
    }
    if matches!(mode, LabelMode::InlinePrefix | LabelMode::InlineBoth) {
        text = text
            .strip_prefix(LABEL)
            .and_then(|t| t.strip_prefix("\n\n"))
            .unwrap_or_else(|| panic!("no label: {text}"));
        labels += 1;
    }
    if matches!(mode, LabelMode::InlineSuffix | LabelMode::InlineBoth | LabelMode::Both)
        || mode == LabelMode::InlineParagraph && text != model && text.ends_with(LABEL)
    {
        text = text
            .strip_suffix(LABEL)
            .and_then(|t| t.strip_suffix("\n\n"))
            .unwrap_or_else(|| panic!("no label: {text}"));
        labels += 1;
    }
    (text, labels)
}

fn pieces() -> impl Strategy<Value = Vec<String>> {
    let piece = proptest::sample::select(
        &[
            "Of ",
            "the \"sea\" and",
            "\n",
            "\n\n",
            "a\\b",
            " 😀",
            "`x`",
            "```\n",
            "of it is ",
            "",
            "that.",
            "é",
        ][..],
    );
    proptest::collection::vec(piece.prop_map(str::to_owned), 1..12)
        .prop_filter("something is said", |pieces| pieces.iter().any(|p| !p.trim().is_empty()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// However the stream is cut, what is added is one label where the mode has it, and what is left is the model's text. Metadata tells of
    /// what the client got.
    #[test]
    fn what_is_added_can_be_taken_away(
        pieces in pieces(), call in 0..CALLS.len(), mode in 0..MODES.len(), notice: bool, cut in 1usize..200,
    ) {
        let (call, mode) = (&CALLS[call], MODES[mode]);
        let request = (call.request)(true).to_string();
        let stream = (call.stream)(&pieces);
        let run = |cut| {
            let mut answering = begin(call.stream_path, &request, call.media, Some(labelling(mode, notice, true)));
            (sent(&mut answering, &stream, cut), answering.label_record())
        };
        let (out, record) = run(cut);
        prop_assert_eq!(&out, &run(usize::MAX).0);
        let (model, got) = (pieces.concat(), (call.heard)(&events(&out, call)));
        let (text, labels) = bare(mode, notice, &got, &model);
        let record = record.unwrap_or_default();
        if mode == LabelMode::InlineParagraph && labels == 0 {
            prop_assert_eq!(text.replacen("AI-generated content\n\n", "", 1), model);
            prop_assert_eq!(record.texts, 1);
        } else {
            prop_assert_eq!(text, model);
            prop_assert_eq!(record.texts as usize, labels);
        }
        let signed = statement(&out, call).ok_or_else(|| TestCaseError::fail(format!("no metadata: {out}")))?;
        prop_assert_eq!(&signed.statement.hashes, &vec![Skeleton::of(&got)]);
        let signer = Signer::new("gw.example/journal", [7; 32].into()).unwrap_or_else(|e| panic!("{e}"));
        prop_assert!(signer.verifier().has_signed(signed.statement.text().as_bytes(), &signed.signature));
        prop_assert_eq!(signed.kid, record.key);
    }

    /// A whole answer reads as its stream does.
    #[test]
    fn streams_and_whole_answers_are_labelled_alike(
        pieces in pieces(), call in 0..CALLS.len(), mode in 0..MODES.len(), notice: bool,
    ) {
        let (call, mode) = (&CALLS[call], MODES[mode]);
        // The stream's last text is signed there, and in a signed text nothing is put.
        prop_assume!(!(call.path.contains(":generate") && mode == LabelMode::InlineParagraph));
        let mut answering =
            begin(call.stream_path, &(call.request)(true).to_string(), call.media, Some(labelling(mode, notice, false)));
        let out = sent(&mut answering, &(call.stream)(&pieces), 1000);
        let body = (call.whole)(&pieces.concat());
        let mut answering =
            begin(call.path, &(call.request)(false).to_string(), "application/json", Some(labelling(mode, notice, true)));
        let whole = sent(&mut answering, &body.to_string(), usize::MAX);
        let whole: Value = serde_json::from_str(&whole).unwrap_or_else(|e| panic!("{e}: {whole}"));
        let read = (call.read)(&whole);
        prop_assert_eq!(&read, &(call.heard)(&events(&out, call)));
        let statement = answering.label_statement().and_then(|json| Signed::parse(&json).ok());
        prop_assert_eq!(statement.map(|s| s.statement.hashes), Some(vec![Skeleton::of(&read)]));
        // And nothing else of it changes.
        prop_assert_eq!((call.whole)(&read), whole);
    }

    /// Where nothing is added, an answer leaves as it came, byte for byte; so does one that a program reads, but for metadata.
    #[test]
    fn without_labels_nothing_changes(pieces in pieces(), call in 0..CALLS.len(), mode in 0..MODES.len()) {
        let call = &CALLS[call];
        let stream = (call.stream)(&pieces);
        let plain = (call.request)(true).to_string();
        let mut answering = begin(call.stream_path, &plain, call.media, None);
        prop_assert_eq!(sent(&mut answering, &stream, 100), stream.as_str());
        let beside = labelling(LabelMode::Ui, false, false);
        let mut answering = begin(call.stream_path, &plain, call.media, Some(beside));
        prop_assert_eq!(sent(&mut answering, &stream, 100), stream.as_str());
        let mut exact = (call.request)(true);
        exact["logprobs"] = json!(true);
        exact["generationConfig"] = json!({"responseMimeType": "application/json"});
        let all = labelling(MODES[mode], true, false);
        let mut answering = begin(call.stream_path, &exact.to_string(), call.media, Some(all.clone()));
        prop_assert_eq!(sent(&mut answering, &stream, 100), stream.as_str());
        let whole = (call.whole)(&pieces.concat()).to_string();
        let mut answering = begin(call.path, &exact.to_string(), "application/json", Some(all));
        prop_assert_eq!(sent(&mut answering, &whole, 100), whole.as_str());
        prop_assert!(answering.label_record().is_some_and(|record| record.exact && record.texts == 0));
    }
}

/// The fixtures of all dialects with tool calls among them: the text before the tool is labelled, and nothing of the tool is touched.
#[test]
fn tool_calls_stay_as_they_are() {
    for (path, request, media, body) in STREAMS {
        let mut plain = begin(path, request, media, None);
        let before = sent(&mut plain, body, usize::MAX);
        let mut answering =
            begin(path, request, media, Some(labelling(LabelMode::InlineSuffix, false, false)));
        let after = sent(&mut answering, body, 7);
        assert_eq!(
            after.matches("AI-generated content").count() > 0,
            answering.label_record().is_some_and(|r| r.texts == 1),
            "{after}"
        );
        assert!(after.contains("A word!"), "{path}");
        for tool in ["functionCall", "tool_use", "partial_json", "tool_calls", "arguments"] {
            assert_eq!(before.matches(tool).count(), after.matches(tool).count(), "{path}: {tool}");
        }
        let undone = after.replace("\\n\\nAI-generated content", "");
        assert!(undone.len() >= before.len() && undone.contains("A word!"), "{path}");
    }
}

/// A stream that the policy cuts is labelled as far as it came.
#[test]
fn what_is_cut_is_labelled() {
    for call in CALLS {
        let pieces: Vec<String> = ["That is the ", "end of it and ", "quince jam"].map(str::to_owned).into();
        let request = (call.request)(true).to_string();
        let mut answering = begin(
            call.stream_path,
            &request,
            call.media,
            Some(labelling(LabelMode::InlineSuffix, false, true)),
        );
        let mut out = Vec::new();
        let flow = answering.feed((call.stream)(&pieces).as_bytes(), &mut out);
        let sent = String::from_utf8(out.concat()).unwrap_or_default();
        assert_eq!(flow, Flow::Cut, "{sent}");
        let all = events(&sent, call);
        let text: String = match call.path {
            "/v1/responses" => super::sample::joined(std::slice::from_ref(&sent), "/delta"),
            _ => (call.heard)(&all),
        };
        assert!(
            text.contains("That is the ") && text.ends_with("\n\nAI-generated content"),
            "{}: {sent}",
            call.path
        );
        assert!(!sent.contains("quince"), "{sent}");
        if call.path == "/v1/responses" {
            assert_eq!(super::sample::joined(&[sent], "/response/output/0/content/0/text"), text);
        }
    }
}

/// Labels for China have both elements whatever the answer's language, and stand once where the model has written them itself.
#[test]
fn labels_are_in_the_answers_language() {
    let call = &CALLS[0];
    let profile = |jurisdiction: &str| {
        let labels = Labels {
            mode: LabelMode::InlineSuffix,
            text: None,
            texts: BTreeMap::new(),
            metadata: false,
            mark: crate::policy::Density::Off,
            prints: false,
        };
        let profile = Labelled { labels, jurisdictions: vec![jurisdiction.into()] };
        Labelling {
            words: Arc::new(LabelWords::new(Some(&profile), &BTreeMap::new())),
            ..labelling(LabelMode::InlineSuffix, false, false)
        }
    };
    let labelled = |jurisdiction: &str, text: &str| {
        let request = (call.request)(true).to_string();
        let mut answering = begin(call.path, &request, call.media, Some(profile(jurisdiction)));
        let out = sent(&mut answering, &(call.stream)(&[text.to_owned()]), 50);
        (call.heard)(&events(&out, call))
    };
    for (jurisdiction, text, label) in [
        ("cn", "堪培拉是首都。", "本内容由人工智能（AI）生成"),
        ("cn", "It is the capital of the country.", "AI-generated content (人工智能生成)"),
        ("eu", "Das ist die Hauptstadt, nicht Sydney.", "KI-generierter Inhalt"),
        ("eu", "C'est la capitale et le siège du gouvernement.", "Contenu généré par l'IA"),
        ("jp", "首都はキャンベラです。", "この内容はAIによって生成されました"),
        ("eu", "Of the sea.\n\nAI-generated content", "AI-generated content"),
    ] {
        let got = labelled(jurisdiction, text);
        assert!(got.ends_with(&format!("\n\n{label}")), "{got}");
        assert_eq!(got.matches(label).count(), 1, "{got}");
        assert!(jurisdiction != "cn" || has_elements(&got));
    }
}

/// A server that ends its stream without saying that a choice is over: the labels stand before the end sign, behind which no client reads.
#[test]
fn a_label_stands_before_the_end_sign() {
    let request = r#"{"model":"m","stream":true,"n":2,"messages":[{"role":"user","content":"x"}]}"#;
    let piece = |choice: u32, text: &str| {
        format!("data: {{\"choices\":[{{\"index\":{choice},\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n")
    };
    let body = [&piece(0, "A word"), &piece(1, "Another word"), "data: [DONE]\n\n"].concat();
    for metadata in [false, true] {
        let labelling = labelling(LabelMode::InlineSuffix, false, metadata);
        let mut answering = begin("/v1/chat/completions", request, "text/event-stream", Some(labelling));
        let out = sent(&mut answering, &body, 7);
        let (before, behind) = out.split_once("data: [DONE]").expect("an end sign");
        assert_eq!(before.matches("AI-generated content").count(), 2, "{out}");
        assert_eq!(before.contains(": sluicegate-label "), metadata, "{out}");
        assert_eq!(behind, "\n\n");
    }
}
