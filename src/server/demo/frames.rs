//! The canned answers in each dialect's wire form.

use serde_json::{Value, json};

use super::Answer;

/// A whole answer.
pub(super) fn whole(dialect: &str, operation: &str, a: &Answer) -> Value {
    match (dialect, operation) {
        ("anthropic", "count_tokens" | "messages.count_tokens") => json!({"input_tokens": 12}),
        ("anthropic", "models.retrieve") => anthropic_model(),
        ("anthropic", "models") => {
            json!({"data": [anthropic_model()], "has_more": false, "first_id": MODEL, "last_id": MODEL})
        }
        ("anthropic", _) => json!({
            "id": "msg_demo", "type": "message", "role": "assistant", "model": a.model,
            "content": anthropic_content(a), "stop_reason": if a.tool.is_some() { "tool_use" } else { "end_turn" },
            "stop_sequence": null, "usage": {"input_tokens": 12, "output_tokens": 34}
        }),
        ("gemini", op) if op.contains("ount") => json!({"totalTokens": 12}),
        ("gemini", "batchEmbedContents") => json!({"embeddings": [{"values": [0.1, 0.2, 0.3]}]}),
        ("gemini", "embedContent") => json!({"embedding": {"values": [0.1, 0.2, 0.3]}}),
        ("gemini", "models.retrieve") => gemini_model(),
        ("gemini", "models") => json!({"models": [gemini_model()]}),
        ("gemini", _) => gemini(a, &a.text, true),
        ("ollama", "embeddings") => json!({"embedding": [0.1, 0.2, 0.3]}),
        ("ollama", "show") => json!({
            "details": ollama_model(a)["details"], "model_info": {}, "capabilities": ["completion", "tools"], "modified_at": BORN
        }),
        ("ollama", "version") => json!({"version": env!("CARGO_PKG_VERSION")}),
        ("ollama", "tags" | "ps") => json!({"models": [ollama_model(a)]}),
        ("ollama", op) if op.contains("embed") => json!({"model": a.model, "embeddings": [[0.1, 0.2, 0.3]]}),
        ("ollama", op) if op.contains("generate") => json!({
            "model": a.model, "created_at": "2026-01-01T00:00:00Z", "response": a.text, "done": true, "done_reason": "stop"
        }),
        ("ollama", op) if op.contains("chat") => ollama_chat(a, &a.text, true),
        ("ollama", _) => json!({"models": []}),
        (_, op) if op.contains("embed") => json!({
            "object": "list", "model": a.model, "data": [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2, 0.3]}],
            "usage": {"prompt_tokens": 3, "total_tokens": 3}
        }),
        (_, "models.retrieve") => openai_model(),
        (_, "models") => json!({"object": "list", "data": [openai_model()]}),
        (_, op) if op.contains("moderations") => json!({"id": "modr-demo", "model": a.model, "results": []}),
        (_, op) if op.contains("responses") => response(a, "completed", &a.text),
        (_, op) if op.contains("chat") => json!({
            "id": "chatcmpl-demo", "object": "chat.completion", "created": 1, "model": a.model,
            "choices": (0..a.choices).map(|i| json!({
                "index": i, "message": chat_message(a), "logprobs": null,
                "finish_reason": if a.tool.is_some() { "tool_calls" } else { "stop" }
            })).collect::<Vec<_>>(),
            "usage": {"prompt_tokens": 12, "completion_tokens": 34, "total_tokens": 46}
        }),
        _ => json!({
            "id": "cmpl-demo", "object": "text_completion", "created": 1, "model": a.model,
            "choices": (0..a.choices).map(|i| json!({"index": i, "text": a.text, "logprobs": null, "finish_reason": "stop"}))
                .collect::<Vec<_>>(),
            "usage": {"prompt_tokens": 12, "completion_tokens": 34, "total_tokens": 46}
        }),
    }
}

/// The one model that it has, and when it was made.
const MODEL: &str = "demonstration";
const BORN: &str = "2026-01-01T00:00:00Z";

fn openai_model() -> Value {
    json!({"id": MODEL, "object": "model", "created": 1_767_225_600, "owned_by": "sluicegate"})
}

fn anthropic_model() -> Value {
    json!({"type": "model", "id": MODEL, "display_name": "Demonstration", "created_at": BORN})
}

fn gemini_model() -> Value {
    json!({
        "name": format!("models/{MODEL}"), "version": "1", "displayName": "Demonstration", "inputTokenLimit": 8192,
        "outputTokenLimit": 8192, "supportedGenerationMethods": ["generateContent", "countTokens", "embedContent"]
    })
}

fn ollama_model(a: &Answer) -> Value {
    json!({
        "name": a.model, "model": a.model, "modified_at": BORN, "size": 0, "digest": "0",
        "details": {"parent_model": "", "format": "", "family": MODEL, "families": [MODEL], "parameter_size": "0", "quantization_level": ""}
    })
}

/// Media type and pieces of a streamed answer; none where the call does not stream.
pub(super) fn stream(
    dialect: &str,
    operation: &str,
    a: &Answer,
    sse: bool,
) -> Option<(&'static str, Vec<String>)> {
    const SSE: &str = "text/event-stream";
    let data = |v: Value| format!("data: {v}\n\n");
    let typed = |v: Value| {
        format!("event: {}\ndata: {v}\n\n", v.get("type").and_then(Value::as_str).unwrap_or_default())
    };
    match (dialect, operation) {
        ("anthropic", "messages") => Some((SSE, anthropic_events(a).into_iter().map(typed).collect())),
        ("gemini", op) if op.contains("enerate") => {
            let parts: Vec<Value> =
                pieces(&a.text).map(|p| gemini(a, p, false)).chain([gemini(a, "", true)]).collect();
            if sse {
                return Some((SSE, parts.into_iter().map(data).collect()));
            }
            let last = parts.len() - 1;
            let framed = |(i, v): (usize, &Value)| {
                format!("{}{v}{}", if i == 0 { "[" } else { ",\r\n" }, if i == last { "]" } else { "" })
            };
            Some(("application/json", parts.iter().enumerate().map(framed).collect()))
        }
        ("ollama", op) if op.contains("chat") => {
            let lines = pieces(&a.text).map(|p| ollama_chat(a, p, false)).chain([ollama_chat(a, "", true)]);
            Some(("application/x-ndjson", lines.map(|v| format!("{v}\n")).collect()))
        }
        ("ollama", op) if op.contains("generate") => {
            let line = |p: &str, done: bool| {
                let mut v = json!({"model": a.model, "created_at": "2026-01-01T00:00:00Z", "response": p, "done": done});
                if let (true, Some(map)) = (done, v.as_object_mut()) {
                    map.insert("done_reason".into(), "stop".into());
                }
                format!("{v}\n")
            };
            Some((
                "application/x-ndjson",
                pieces(&a.text).map(|p| line(p, false)).chain([line("", true)]).collect(),
            ))
        }
        ("openai", op) if op.contains("responses") => {
            Some((SSE, response_events(a).into_iter().map(typed).collect()))
        }
        ("openai", op) if op.contains("chat") => {
            let mut out: Vec<String> = chat_events(a).into_iter().map(data).collect();
            out.push("data: [DONE]\n\n".into());
            Some((SSE, out))
        }
        ("openai", op) if op.contains("completions") => {
            let chunk = |i: usize, text: &str, finish: Value| {
                data(json!({
                    "id": "cmpl-demo", "object": "text_completion", "created": 1, "model": a.model,
                    "choices": [{"index": i, "text": text, "logprobs": null, "finish_reason": finish}]
                }))
            };
            let mut out = Vec::new();
            for i in 0..a.choices {
                out.extend(pieces(&a.text).map(|p| chunk(i, p, Value::Null)));
                out.push(chunk(i, "", "stop".into()));
            }
            out.push("data: [DONE]\n\n".into());
            Some((SSE, out))
        }
        _ => None,
    }
}

/// A text in pieces of a few characters, cut without regard to words, as tokens are.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = rest.char_indices().nth(5).map_or(rest.len(), |(i, _)| i);
        let (piece, after) = rest.split_at_checked(end)?;
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

fn chat_message(a: &Answer) -> Value {
    match &a.tool {
        Some(arguments) => json!({
            "role": "assistant", "content": null, "refusal": null,
            "tool_calls": [{"id": "call_demo", "type": "function", "function": {"name": "send", "arguments": arguments}}]
        }),
        None => json!({"role": "assistant", "content": a.text, "refusal": null}),
    }
}

fn chat_events(a: &Answer) -> Vec<Value> {
    let chunk = |i: usize, delta: Value, finish: Value| {
        json!({
            "id": "chatcmpl-demo", "object": "chat.completion.chunk", "created": 1, "model": a.model,
            "choices": [{"index": i, "delta": delta, "logprobs": null, "finish_reason": finish}]
        })
    };
    let mut out: Vec<Value> =
        (0..a.choices).map(|i| chunk(i, json!({"role": "assistant", "content": ""}), Value::Null)).collect();
    if let Some(arguments) = &a.tool {
        let call = |function: Value| json!({"tool_calls": [{"index": 0, "function": function}]});
        out.push(chunk(
            0,
            json!({"tool_calls": [{"index": 0, "id": "call_demo", "type": "function", "function": {"name": "send", "arguments": ""}}]}),
            Value::Null,
        ));
        out.extend(pieces(arguments).map(|p| chunk(0, call(json!({"arguments": p})), Value::Null)));
        out.push(chunk(0, json!({}), "tool_calls".into()));
        return out;
    }
    for piece in pieces(&a.text) {
        out.extend((0..a.choices).map(|i| chunk(i, json!({"content": piece}), Value::Null)));
    }
    out.extend((0..a.choices).map(|i| chunk(i, json!({}), "stop".into())));
    out
}

fn response(a: &Answer, status: &str, text: &str) -> Value {
    let output = match (&a.tool, text) {
        (Some(arguments), t) if !t.is_empty() => json!([{
            "type": "function_call", "id": "fc_demo", "call_id": "call_demo", "name": "send", "arguments": arguments, "status": "completed"
        }]),
        (_, "") => json!([]),
        _ => json!([{
            "type": "message", "id": "msg_demo", "status": "completed", "role": "assistant",
            "content": [{"type": "output_text", "text": text, "annotations": []}]
        }]),
    };
    json!({
        "id": "resp_demo", "object": "response", "created_at": 1, "status": status, "model": a.model, "output": output,
        "error": null, "incomplete_details": null, "instructions": null, "metadata": {}, "parallel_tool_calls": true,
        "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0
    })
}

fn response_events(a: &Answer) -> Vec<Value> {
    let mut events = vec![json!({"type": "response.created", "response": response(a, "in_progress", "")})];
    if let Some(arguments) = &a.tool {
        let item = |arguments: &str, status: &str| json!({"type": "function_call", "id": "fc_demo", "call_id": "call_demo", "name": "send", "arguments": arguments, "status": status});
        events.push(
            json!({"type": "response.output_item.added", "output_index": 0, "item": item("", "in_progress")}),
        );
        events.extend(pieces(arguments).map(|p| {
            json!({"type": "response.function_call_arguments.delta", "item_id": "fc_demo", "output_index": 0, "delta": p})
        }));
        events.push(json!({"type": "response.function_call_arguments.done", "item_id": "fc_demo", "output_index": 0, "name": "send", "arguments": arguments}));
        events.push(json!({"type": "response.output_item.done", "output_index": 0, "item": item(arguments, "completed")}));
    } else {
        let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
        let item = |content: Value, status: &str| json!({"type": "message", "id": "msg_demo", "status": status, "role": "assistant", "content": content});
        let at = json!({"item_id": "msg_demo", "output_index": 0, "content_index": 0});
        let with = |kind: &str, more: Value| {
            let mut v = at.clone();
            if let (Some(map), Some(more)) = (v.as_object_mut(), more.as_object()) {
                map.insert("type".into(), kind.into());
                map.extend(more.clone());
            }
            v
        };
        events.push(json!({"type": "response.output_item.added", "output_index": 0, "item": item(json!([]), "in_progress")}));
        events.push(with("response.content_part.added", json!({"part": part("")})));
        events.extend(
            pieces(&a.text).map(|p| with("response.output_text.delta", json!({"delta": p, "logprobs": []}))),
        );
        events.push(with("response.output_text.done", json!({"text": a.text, "logprobs": []})));
        events.push(with("response.content_part.done", json!({"part": part(&a.text)})));
        events.push(json!({"type": "response.output_item.done", "output_index": 0, "item": item(json!([part(&a.text)]), "completed")}));
    }
    events.push(json!({"type": "response.completed", "response": response(a, "completed", &a.text)}));
    for (n, event) in events.iter_mut().enumerate() {
        if let Some(map) = event.as_object_mut() {
            map.insert("sequence_number".into(), n.into());
        }
    }
    events
}

fn anthropic_content(a: &Answer) -> Value {
    match a.tool.as_deref().and_then(|t| serde_json::from_str::<Value>(t).ok()) {
        Some(input) => json!([{"type": "tool_use", "id": "toolu_demo", "name": "send", "input": input}]),
        None => json!([{"type": "text", "text": a.text}]),
    }
}

fn anthropic_events(a: &Answer) -> Vec<Value> {
    let mut events = vec![json!({"type": "message_start", "message": {
        "id": "msg_demo", "type": "message", "role": "assistant", "model": a.model, "content": [], "stop_reason": null,
        "stop_sequence": null, "usage": {"input_tokens": 12, "output_tokens": 1}
    }})];
    let (block, deltas, stop): (Value, Vec<Value>, &str) = match &a.tool {
        Some(arguments) => (
            json!({"type": "tool_use", "id": "toolu_demo", "name": "send", "input": {}}),
            pieces(arguments).map(|p| json!({"type": "input_json_delta", "partial_json": p})).collect(),
            "tool_use",
        ),
        None => (
            json!({"type": "text", "text": ""}),
            pieces(&a.text).map(|p| json!({"type": "text_delta", "text": p})).collect(),
            "end_turn",
        ),
    };
    events.push(json!({"type": "content_block_start", "index": 0, "content_block": block}));
    events.push(json!({"type": "ping"}));
    events.extend(deltas.into_iter().map(|d| json!({"type": "content_block_delta", "index": 0, "delta": d})));
    events.push(json!({"type": "content_block_stop", "index": 0}));
    events.push(json!({"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": null}, "usage": {"output_tokens": 34}}));
    events.push(json!({"type": "message_stop"}));
    events
}

fn gemini(a: &Answer, text: &str, last: bool) -> Value {
    let parts = match a.tool.as_deref().and_then(|t| serde_json::from_str::<Value>(t).ok()) {
        Some(args) if last => json!([{"functionCall": {"name": "send", "args": args}}]),
        Some(_) => json!([{"text": ""}]),
        None => json!([{"text": text}]),
    };
    let candidates: Vec<Value> = (0..a.choices)
        .map(|i| {
            let mut v = json!({"content": {"role": "model", "parts": parts}, "index": i});
            if let (true, Some(map)) = (last, v.as_object_mut()) {
                map.insert("finishReason".into(), "STOP".into());
            }
            v
        })
        .collect();
    json!({
        "candidates": candidates, "modelVersion": a.model, "responseId": "demo",
        "usageMetadata": {"promptTokenCount": 12, "candidatesTokenCount": 34, "totalTokenCount": 46}
    })
}

fn ollama_chat(a: &Answer, text: &str, done: bool) -> Value {
    let mut message = json!({"role": "assistant", "content": text});
    if let (true, Some(map), Some(args)) =
        (done, message.as_object_mut(), a.tool.as_deref().and_then(|t| serde_json::from_str::<Value>(t).ok()))
    {
        map.insert("content".into(), "".into());
        map.insert("tool_calls".into(), json!([{"function": {"name": "send", "arguments": args}}]));
    }
    let mut v =
        json!({"model": a.model, "created_at": "2026-01-01T00:00:00Z", "message": message, "done": done});
    if let (true, Some(map)) = (done, v.as_object_mut()) {
        map.insert("done_reason".into(), "stop".into());
        map.insert("eval_count".into(), 34.into());
    }
    v
}
