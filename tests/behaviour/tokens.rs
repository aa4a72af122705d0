//! What the upstream says of tokens is on record, whatever its dialect, whole and streamed; and when what took how long.

use serde_json::{Value, json};

use super::{Fake, Gateway, Step, Wishes, answer, chat, event, fake, wait_for};

const JSON: &str = "content-type: application/json\r\n";

fn sse(events: &[Value]) -> Vec<u8> {
    let event = |e: &Value| match e["type"].as_str() {
        Some(kind) => format!("event: {kind}\ndata: {e}\n\n"),
        None => format!("data: {e}\n\n"),
    };
    events.iter().map(event).collect::<String>().into_bytes()
}

/// The end record of a request that is answered so.
fn end(path: &str, request: &Value, content_type: &str, body: &[u8]) -> Value {
    let head = format!("content-type: {content_type}\r\n");
    let upstream = Fake::new(vec![Step::Wait(3), Step::Send(fake::whole("200 OK", &head, body))]);
    let gateway = Gateway::new(Some(upstream.address), &Wishes::default());
    let got = gateway.post(path, &request.to_string());
    assert_eq!(got.raw, body, "it passes as it came: {got:?}");
    let line = gateway.operations("/metrics").body;
    let counted = line.lines().any(|l| l.starts_with("sluicegate_tokens_total{kind=\"input\""));
    let end = gateway.only_end();
    assert_eq!(counted, end["tokens"].is_object(), "{end}");
    end
}

fn openai(prompt: u64, completion: u64) -> Value {
    json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 5, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 7, "audio_tokens": 0}})
}

#[test]
fn tokens_of_every_dialect() {
    let say = json!([{"role": "user", "content": "hi"}]);
    let ask = |stream: bool| json!({"model": "m", "stream": stream, "messages": say, "max_tokens": 9});
    let chunk = |text: &str, finish: Option<&str>, usage: Value| {
        json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "usage": usage,
            "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]})
    };
    let mut whole: Value = serde_json::from_str(&answer("fine")).expect("JSON");
    whole["usage"] = openai(11, 22);
    let last = json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [],
        "usage": openai(11, 22)});
    let mut streamed = sse(&[chunk("fine", None, Value::Null), chunk("", Some("stop"), Value::Null), last]);
    streamed.extend(b"data: [DONE]\n\n");
    // As vLLM has it with each chunk: the last figure counts.
    let mut continuous = sse(&[chunk("fi", None, openai(11, 8)), chunk("ne", Some("stop"), openai(11, 22))]);
    continuous.extend(b"data: [DONE]\n\n");
    let of_openai = json!({"input": 11, "output": 22, "cached": 5, "reasoning": 7});

    let used = json!({"input_tokens": 11, "output_tokens": 22, "total_tokens": 33,
        "input_tokens_details": {"cached_tokens": 5}, "output_tokens_details": {"reasoning_tokens": 7}});
    let response = |status: &str, usage: Value| json!({"id": "r", "object": "response", "created_at": 1, "status": status, "model": "m", "output": [], "usage": usage});
    let responses = sse(&[
        json!({"type": "response.created", "sequence_number": 0, "response": response("in_progress", Value::Null)}),
        json!({"type": "response.completed", "sequence_number": 1, "response": response("completed", used.clone())}),
    ]);

    // Caches are counted apart, the beginning tells of the prompt, the end of all.
    let begun = json!({"input_tokens": 10, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 100, "output_tokens": 1});
    let message = json!({"id": "msg", "type": "message", "role": "assistant", "model": "m", "content": [],
        "stop_reason": null, "stop_sequence": null, "usage": begun});
    let messages = sse(&[
        json!({"type": "message_start", "message": message}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": {"output_tokens": 15}}),
        json!({"type": "message_stop"}),
    ]);
    let mut said = message.clone();
    said["content"] = json!([{"type": "text", "text": "fine"}]);
    said["usage"]["output_tokens"] = 15.into();
    let of_anthropic = json!({"input": 113, "output": 15, "cached": 100, "cache_written": 3});

    let part = |text: &str, candidates: u64| {
        json!({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": candidates, "thoughtsTokenCount": 4,
                "cachedContentTokenCount": 2, "toolUsePromptTokenCount": 1, "totalTokenCount": 99}})
    };
    let of_gemini = json!({"input": 12, "output": 13, "cached": 2, "reasoning": 4});
    let parts = format!("[{},\r\n{}]", part("fi", 3), part("ne", 9)).into_bytes();
    let contents = json!({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]});

    let line = |text: &str, done: bool| {
        let mut line = json!({"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": text}, "done": done});
        if done {
            (line["prompt_eval_count"], line["eval_count"]) = (11.into(), 22.into());
            line["done_reason"] = "stop".into();
        }
        line
    };
    let lines = format!("{}\n{}\n", line("fine", false), line("", true)).into_bytes();
    let of_ollama = json!({"input": 11, "output": 22});

    let embedded = json!({"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.1]}],
        "usage": {"prompt_tokens": 4, "total_tokens": 4}});
    let (json, stream) = ("application/json", "text/event-stream");
    for (path, request, kind, body, wanted) in [
        ("/v1/chat/completions", ask(false), json, whole.to_string().into_bytes(), of_openai.clone()),
        ("/v1/chat/completions", ask(true), stream, streamed, of_openai.clone()),
        ("/v1/chat/completions", ask(true), stream, continuous, of_openai.clone()),
        (
            "/v1/responses",
            json!({"model": "m", "input": "hi"}),
            json,
            response("completed", used).to_string().into_bytes(),
            of_openai.clone(),
        ),
        ("/v1/responses", json!({"model": "m", "input": "hi", "stream": true}), stream, responses, of_openai),
        (
            "/v1/embeddings",
            json!({"model": "m", "input": "hi"}),
            json,
            embedded.to_string().into_bytes(),
            json!({"input": 4}),
        ),
        ("/v1/messages", ask(false), json, said.to_string().into_bytes(), of_anthropic.clone()),
        ("/v1/messages", ask(true), stream, messages, of_anthropic),
        (
            "/v1beta/models/m:generateContent",
            contents.clone(),
            json,
            part("fine", 9).to_string().into_bytes(),
            of_gemini.clone(),
        ),
        ("/v1beta/models/m:streamGenerateContent", contents.clone(), json, parts, of_gemini.clone()),
        (
            "/v1beta/models/m:streamGenerateContent?alt=sse",
            contents,
            stream,
            sse(&[part("fi", 3), part("ne", 9)]),
            of_gemini,
        ),
        ("/api/chat", ask(false), json, line("fine", true).to_string().into_bytes(), of_ollama.clone()),
        ("/api/chat", ask(true), "application/x-ndjson", lines, of_ollama),
        // Nothing is said, so nothing is on record.
        ("/v1/chat/completions", ask(false), json, answer("fine").into_bytes(), Value::Null),
    ] {
        let end = end(path, &request, kind, &body);
        assert_eq!(end["tokens"], wanted, "{path}: {end}");
        let us = |name: &str| end[name].as_u64().expect("microseconds");
        let (upstream, first, total) = (us("upstream_us"), us("first_byte_us"), us("total_us"));
        assert!(3000 <= upstream && upstream <= first && first <= total, "{end}");
    }
}

/// Of what goes no further the tokens are paid for all the same. Figures that are none are left out.
#[test]
fn tokens_of_what_was_stopped_or_says_nonsense() {
    let mut whole: Value = serde_json::from_str(&answer("blockme")).expect("JSON");
    whole["usage"] = openai(11, 22);
    let upstream = Fake::whole("200 OK", JSON, whole.to_string().as_bytes());
    let gateway = Gateway::new(Some(upstream.address), &Wishes::default());
    gateway.post("/v1/chat/completions", &chat("hi", false));
    let metric = |kind: &str| {
        let text = gateway.operations("/metrics").body;
        let line = format!("sluicegate_tokens_total{{kind=\"{kind}\"");
        text.lines().find(|l| l.starts_with(&line)).and_then(|l| l.rsplit(' ').next()?.parse::<u64>().ok())
    };
    assert!(wait_for(|| metric("input") == Some(11) && metric("output") == Some(22)));
    let stopped = gateway.only_end();
    assert_eq!(
        (&stopped["verdict"], &stopped["tokens"]["output"]),
        (&"block".into(), &22.into()),
        "{stopped}"
    );

    let nonsense = json!({"prompt_tokens": -4, "completion_tokens": "22", "prompt_tokens_details": [1]});
    for usage in [
        nonsense,
        json!({"prompt_tokens": 1e30, "completion_tokens": 18_446_744_073_709_551_615_u64}),
        json!(7),
    ] {
        whole["choices"][0]["message"]["content"] = "fine".into();
        whole["usage"] = usage;
        let upstream = Fake::whole("200 OK", JSON, whole.to_string().as_bytes());
        let gateway = Gateway::new(Some(upstream.address), &Wishes::default());
        gateway.post("/v1/chat/completions", &chat("hi", false));
        assert_eq!(gateway.only_end()["tokens"], Value::Null);
    }
    let mut event: Value = serde_json::from_str(event("x").trim_start_matches("data: ")).expect("JSON");
    event["x_groq"] = json!({"usage": {"prompt_tokens": 1, "completion_tokens": 2}});
    event["choices"][0]["finish_reason"] = "stop".into();
    let mut stream = sse(&[event]);
    stream.extend(b"data: [DONE]\n\n");
    let end = end(
        "/v1/chat/completions",
        &serde_json::from_str(&chat("hi", true)).expect("JSON"),
        "text/event-stream",
        &stream,
    );
    assert_eq!(end["tokens"], json!({"input": 1, "output": 2}));
}
