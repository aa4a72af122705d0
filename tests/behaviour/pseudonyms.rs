//! Private values go out as stand-ins and come back, over real sockets and in every dialect: the upstream is a model that repeats what it
//! was told, and keeps what it saw.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sluicegate::detect::{Keyword, PatternSpec, RuleSpec};
use sluicegate::policy::{Action, Actions, BlockAs, Policy, Rule, Unscanned, canary_rule};
use sluicegate::server::ServerSettings;

use super::{Answer, Gateway, Wishes, chat};

const NAME: &str = "Margaret Thornbury";
const MAIL: &str = "margaret.t@corp.test";
const KEY: &str = "hunter2hunter2";
/// What the client says, and wants to hear again.
const SAID: &str = "Write to Margaret Thornbury (margaret.t@corp.test).";

/// A model that says again what it was told last.
struct Echo {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Echo {
    /// `say` makes of what was told last what the model says.
    fn new(say: fn(&str) -> String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let log = Arc::clone(&log);
                std::thread::spawn(move || serve(socket, &log, say));
            }
        });
        Self { address, seen }
    }

    fn seen(&self) -> String {
        self.seen.lock().expect("a lock").concat()
    }
}

fn serve(mut socket: TcpStream, log: &Mutex<Vec<String>>, say: fn(&str) -> String) {
    let (mut got, mut space) = (Vec::new(), [0; 65536]);
    let (head, body) = loop {
        let Ok(n) = socket.read(&mut space) else { return };
        got.extend_from_slice(&space[..n]);
        let text = String::from_utf8_lossy(&got).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .to_ascii_lowercase()
                .lines()
                .find_map(|l| l.strip_prefix("content-length:")?.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                break (head.to_owned(), body.to_owned());
            }
        }
        if n == 0 {
            return;
        }
    };
    // The canary is not what is asked about.
    if !body.contains("sluicegate-canary") {
        log.lock().expect("a lock").push(format!("{head}\n{body}\n"));
    }
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let request: Value = serde_json::from_str(&body).unwrap_or_default();
    // Asked for what was said before, it knows: the provider keeps that.
    let first = log.lock().expect("a lock").iter().find_map(|seen| inputs(seen).into_iter().next());
    let again = first.filter(|_| request["input"] == "again");
    let text = say(&again.unwrap_or_else(|| told(&request)));
    let (media, body) = answer(&path, &request, &text);
    let _ = socket.write_all(
        format!("HTTP/1.1 200 OK\r\ncontent-type: {media}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
            .as_bytes(),
    );
}

/// The `input` of each request.
fn inputs(seen: &str) -> Vec<String> {
    let bodies = seen.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    bodies.filter_map(|body| body["input"].as_str().map(str::to_owned)).collect()
}

/// What was told last.
fn told(request: &Value) -> String {
    if let Some(text) = request["input"].as_str().or(request["prompt"].as_str()) {
        return text.to_owned();
    }
    let list = ["messages", "contents", "input"].iter().find_map(|name| request[*name].as_array());
    let last = list.and_then(|list| list.last()).cloned().unwrap_or_default();
    ["/content", "/content/0/text", "/parts/0/text"]
        .iter()
        .find_map(|path| last.pointer(path)?.as_str())
        .unwrap_or_default()
        .to_owned()
}

fn answer(path: &str, request: &Value, text: &str) -> (&'static str, String) {
    let stream = request["stream"] == true || path.contains("streamGenerateContent");
    let letters: Vec<char> = text.chars().collect();
    let pieces: Vec<String> = letters.chunks(3).map(|piece| piece.iter().collect()).collect();
    let sse = |events: Vec<Value>, end: &str| {
        let events: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
        ("text/event-stream", events + end)
    };
    if path.contains("/v1/chat/completions") {
        let arguments = json!({"to": text, "copies": 1}).to_string();
        let call =
            json!({"id": "t", "type": "function", "function": {"name": "send", "arguments": arguments}});
        if !stream {
            let message = json!({"role": "assistant", "content": text, "tool_calls": [call]});
            let whole = json!({"id": "c", "object": "chat.completion", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]});
            return ("application/json", whole.to_string());
        }
        let chunk = |delta: Value| json!({"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]});
        let mut events: Vec<Value> = pieces.iter().map(|piece| chunk(json!({"content": piece}))).collect();
        let letters: Vec<char> = arguments.chars().collect();
        for piece in letters.chunks(4) {
            let piece: String = piece.iter().collect();
            events.push(chunk(json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})));
        }
        events.push(json!({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}));
        return sse(events, "data: [DONE]\n\n");
    }
    if path.contains("/v1/completions") {
        let chunk = |text: &str, end: Option<&str>| json!({"id": "c", "object": "text_completion", "model": "m", "choices": [{"index": 0, "text": text, "finish_reason": end}]});
        if !stream {
            return ("application/json", chunk(text, Some("stop")).to_string());
        }
        let mut events: Vec<Value> = pieces.iter().map(|piece| chunk(piece, None)).collect();
        events.push(chunk("", Some("stop")));
        return sse(events, "data: [DONE]\n\n");
    }
    if path.contains("/v1/messages") {
        let message = |content: Value| json!({"id": "msg", "type": "message", "role": "assistant", "model": "m", "content": content, "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1}});
        if !stream {
            return ("application/json", message(json!([{"type": "text", "text": text}])).to_string());
        }
        let mut events = vec![
            json!({"type": "message_start", "message": message(json!([]))}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        ];
        events.extend(pieces.iter().map(|piece| json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}})));
        events.push(json!({"type": "content_block_stop", "index": 0}));
        events.push(json!({"type": "message_stop"}));
        return sse(events, "");
    }
    if path.contains("/v1/responses") {
        let id = format!("resp_{}", request["previous_response_id"].as_str().map_or(1, str::len));
        let item = json!({"type": "message", "id": "i", "role": "assistant", "content": [{"type": "output_text", "text": text, "annotations": []}]});
        let whole =
            json!({"id": id, "object": "response", "status": "completed", "model": "m", "output": [item]});
        if !stream {
            return ("application/json", whole.to_string());
        }
        let mut events = vec![
            json!({"type": "response.created", "response": {"id": id, "status": "in_progress", "output": []}}),
        ];
        events.extend(pieces.iter().map(|piece| json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "item_id": "i", "delta": piece})));
        events.push(json!({"type": "response.output_text.done", "output_index": 0, "content_index": 0, "item_id": "i", "text": text}));
        events.push(json!({"type": "response.completed", "response": whole}));
        return sse(events, "");
    }
    if path.contains("GenerateContent") || path.contains("generateContent") {
        let event =
            |text: &str| json!({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}]});
        let last = json!({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}]});
        if !stream {
            return ("application/json", last.to_string());
        }
        let mut events: Vec<Value> = pieces.iter().map(|piece| event(piece)).collect();
        events.push(json!({"candidates": [{"finishReason": "STOP"}]}));
        return sse(events, "");
    }
    let line = |text: &str, done: bool| {
        if path.contains("/api/generate") {
            return json!({"model": "m", "done": done, "response": text});
        }
        json!({"model": "m", "done": done, "message": {"role": "assistant", "content": text}})
    };
    if !stream {
        return ("application/json", line(text, true).to_string());
    }
    let ends = std::iter::once(line("", true));
    let lines =
        pieces.iter().map(|piece| line(piece, false)).chain(ends).map(|line| format!("{line}\n")).collect();
    ("application/x-ndjson", lines)
}

fn policy() -> Arc<Policy> {
    let both = Actions { prompt: Action::Pseudonymise, output: Action::Mask, tool: Action::Pseudonymise };
    let rule = |id: &str, category: &str, restore: bool| Rule {
        id: id.into(),
        category: category.into(),
        actions: both,
        marker: format!("[{category}]").into(),
        restore,
        ..Rule::default()
    };
    let word = |text: &str| RuleSpec {
        keywords: vec![Keyword { text: text.into(), whole_word: true }],
        ..RuleSpec::default()
    };
    let mail = PatternSpec {
        regex: r"[a-z0-9.]{1,40}@[a-z]{1,20}\.(test|com|org|net)".into(),
        left: true,
        right: true,
        ..PatternSpec::default()
    };
    let rules = vec![
        (rule("p/person", "PERSON", true), word(NAME)),
        (rule("p/mail", "EMAIL", true), RuleSpec { patterns: vec![mail], ..RuleSpec::default() }),
        (rule("p/key", "SECRET", false), word(KEY)),
        canary_rule(),
    ];
    let policy = Policy::from_rules(rules).unwrap_or_else(|e| panic!("{e:?}"));
    Arc::new(policy.with(Unscanned::Block, BlockAs::Error))
}

fn gateway(echo: &Echo) -> (Gateway, tempfile::TempDir) {
    let state = tempfile::tempdir().expect("a folder");
    let defaults = Wishes::default();
    let server = ServerSettings { state: state.path().to_owned(), ..defaults.server.clone() };
    (Gateway::new(Some(echo.address), &Wishes { policy: Some(policy()), server, ..defaults }), state)
}

/// All that a client reads of an answer, whole or in events, by the places at which text stands.
fn read(answer: &Answer) -> String {
    let lines = answer.body.lines().map(|line| line.strip_prefix("data: ").unwrap_or(line));
    let values = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut said = String::new();
    for value in values {
        let places = [
            "/choices/0/delta/content",
            "/choices/0/message/content",
            "/choices/0/text",
            "/response",
            "/delta/text",
            "/content/0/text",
            "/output/0/content/0/text",
            "/candidates/0/content/parts/0/text",
            "/message/content",
        ];
        let text = places.iter().find_map(|place| value.pointer(place)?.as_str());
        let text = text.or_else(|| {
            (value["type"] == "response.output_text.delta").then(|| value["delta"].as_str()).flatten()
        });
        said.push_str(text.unwrap_or_default());
    }
    said
}

fn is_home(seen: &str) {
    for part in ["Margaret", "Thornbury", "corp.test", KEY] {
        assert!(!seen.contains(part), "{part} left: {seen}");
    }
}

#[test]
fn every_dialect_whole_and_streamed() {
    for stream in [false, true] {
        let gemini = if stream {
            "/v1beta/models/m:streamGenerateContent?alt=sse"
        } else {
            "/v1beta/models/m:generateContent"
        };
        for (path, body) in [
            (
                "/v1/chat/completions",
                json!({"model": "m", "stream": stream, "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": SAID}]}),
            ),
            (
                "/v1/messages",
                json!({"model": "m", "stream": stream, "max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "text", "text": SAID}]}]}),
            ),
            ("/v1/responses", json!({"model": "m", "stream": stream, "input": SAID})),
            (gemini, json!({"contents": [{"role": "user", "parts": [{"text": SAID}]}]})),
            ("/v1/completions", json!({"model": "m", "stream": stream, "prompt": SAID})),
            ("/api/generate", json!({"model": "m", "stream": stream, "prompt": SAID})),
            (
                "/api/chat",
                json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": SAID}]}),
            ),
        ] {
            let echo = Echo::new(str::to_owned);
            let (gateway, _state) = gateway(&echo);
            let got = gateway.post(path, &body.to_string());
            assert_eq!((got.status, read(&got).as_str()), (200, SAID), "{path}: {}", got.body);
            is_home(&echo.seen());
            assert!(echo.seen().contains("@example."), "{}", echo.seen());
            let (admission, end) = gateway.records().pop().expect("a record");
            assert_eq!(admission["pseudonymised"], json!({"EMAIL": 1, "PERSON": 1}), "{path}");
            let restored = end.expect("an end")["restored"].clone();
            assert!(
                restored["EMAIL"].as_u64() >= Some(1) && restored["PERSON"].as_u64() >= Some(1),
                "{path}: {restored}"
            );
            assert_eq!(
                (&admission["verdict"], admission.to_string().contains("corp.test")),
                (&json!("rewrite"), false)
            );
        }
    }
}

/// Arguments are JSON within JSON and stay it.
#[test]
fn arguments_of_tools_get_the_values() {
    for stream in [false, true] {
        let echo = Echo::new(str::to_owned);
        let (gateway, _state) = gateway(&echo);
        let got =
            gateway.post("/v1/chat/completions", &chat(&format!("say \"hi\" to {NAME} at {MAIL}"), stream));
        let lines = got.body.lines().map(|line| line.strip_prefix("data: ").unwrap_or(line));
        let arguments: String = lines
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter_map(|value| {
                let places = [
                    "/choices/0/delta/tool_calls/0/function/arguments",
                    "/choices/0/message/tool_calls/0/function/arguments",
                ];
                places.iter().find_map(|place| value.pointer(place)?.as_str().map(str::to_owned))
            })
            .collect();
        let arguments: Value =
            serde_json::from_str(&arguments).unwrap_or_else(|e| panic!("{e}: {arguments}"));
        assert_eq!(arguments, json!({"to": format!("say \"hi\" to {NAME} at {MAIL}"), "copies": 1}));
        is_home(&echo.seen());
    }
}

/// What opens doors stays a stand-in, also for who gave it.
#[test]
fn secrets_do_not_come_back() {
    let echo = Echo::new(str::to_owned);
    let (gateway, _state) = gateway(&echo);
    let got = gateway.post("/v1/chat/completions", &chat(&format!("my key is {KEY}, mine: {MAIL}"), true));
    let said = read(&got);
    assert!(said.contains("my key is SECRET_") && said.ends_with(MAIL) && !said.contains(KEY), "{said}");
    is_home(&echo.seen());
}

/// Values that nobody gave are masked as ever, and who asks for the mapping gets what he gave himself.
#[test]
fn what_a_model_says_of_its_own_is_masked() {
    let echo = Echo::new(|told| format!("I know {told} and root@other.test. All originals: {told}"));
    let (gateway, _state) = gateway(&echo);
    let ask = MAIL;
    let got = gateway.post("/v1/chat/completions", &chat(ask, true));
    assert_eq!(read(&got), format!("I know {MAIL} and [EMAIL]. All originals: {MAIL}"));
    is_home(&echo.seen());
    // Somebody else, who says nothing of her, gets nothing.
    let got = gateway.post("/v1/chat/completions", &chat("print all originals of margaret", true));
    assert!(!read(&got).contains("corp.test"), "{}", got.body);
}

/// Where the provider keeps what was said, what stands for it is kept sealed, for the one who said it.
#[test]
fn the_provider_keeps_the_history() {
    for stream in [false, true] {
        let echo = Echo::new(str::to_owned);
        let (gateway, state) = gateway(&echo);
        let first = json!({"model": "m", "stream": stream, "input": SAID});
        assert_eq!(read(&gateway.post("/v1/responses", &first.to_string())), SAID);
        // The model says again what it was told before: none of it is in this request.
        let again = |before: &str| {
            json!({"model": "m", "stream": stream, "previous_response_id": before, "input": "again"})
                .to_string()
        };
        assert_eq!(read(&gateway.post("/v1/responses", &again("resp_1"))), SAID);
        // And what was said again goes out as it did.
        let then = json!({"model": "m", "stream": stream, "previous_response_id": "resp_1", "input": SAID});
        assert_eq!(read(&gateway.post("/v1/responses", &then.to_string())), SAID);
        let said = inputs(&echo.seen());
        assert!(said.len() == 3 && said[0] == said[2], "{said:?}");
        // A third turn knows the first.
        assert_eq!(read(&gateway.post("/v1/responses", &again("resp_6"))), SAID);
        // Another response's history is not this one's.
        let other = read(&gateway.post("/v1/responses", &again("resp_9")));
        assert!(!other.is_empty() && !other.contains("Margaret") && !other.contains("corp.test"), "{other}");
        drop(gateway);
        let sealed = std::fs::read(state.path().join("vault.sealed")).expect("a file");
        assert!(!sealed.is_empty() && memchr::memmem::find(&sealed, b"corp").is_none());
    }
}

/// What one key's conversation was told comes back to no other key or tenant, and the client's own word tells conversations apart.
#[test]
fn no_mapping_crosses_clients_or_conversations() {
    let echo = Echo::new(str::to_owned);
    let (gateway, _state) = gateway(&echo);
    let ask = |named: &str, text: &str| {
        let request = super::post("/v1/responses", &json!({"model": "m", "input": text}).to_string());
        let named = format!("x-sluicegate-conversation: {named}\r\nconnection:");
        read(&gateway.raw(request.replacen("connection:", &named, 1).as_bytes()))
    };
    for named in ["one", "two", "one"] {
        assert_eq!(ask(named, SAID), SAID);
    }
    let said = inputs(&echo.seen());
    assert!(said[0] == said[2] && said[0] != said[1], "{said:?}");
    assert!(!echo.seen().contains("x-sluicegate-conversation"), "{}", echo.seen());
    drop(gateway);

    // Two tenants and two keys of one, with the same words.
    let state = tempfile::tempdir().expect("a folder");
    let defaults = Wishes::default();
    let server = ServerSettings { state: state.path().to_owned(), ..defaults.server.clone() };
    let wishes = Wishes { policy: Some(policy()), server, ..defaults };
    let echo = Echo::new(str::to_owned);
    let first = json!({"model": "m", "input": SAID}).to_string();
    let again = json!({"model": "m", "previous_response_id": "resp_1", "input": "again"}).to_string();
    let with = |key: Option<&'static str>, body: &str| {
        let gateway = Gateway::new(Some(echo.address), &Wishes { key, ..wishes.clone() });
        let request = super::post("/v1/responses", body);
        let named = key.map_or_else(
            || "connection:".to_owned(),
            |key| format!("authorization: Bearer {key}\r\nconnection:"),
        );
        read(&gateway.raw(request.replacen("connection:", &named, 1).as_bytes()))
    };
    assert_eq!(with(Some("sgk_a"), &first), SAID);
    // The gateway was started anew: what stood for what is in the vault.
    assert_eq!(with(Some("sgk_a"), &again), SAID);
    let other = with(None, &again);
    assert!(!other.is_empty() && !other.contains("Margaret") && !other.contains("corp.test"), "{other}");
}
