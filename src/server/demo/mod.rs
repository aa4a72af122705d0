//! The built-in demonstration upstream: canned answers in every dialect, plain and streamed, on a loopback port of its own. It needs
//! no key and no network, so that the first `curl` shows what the gateway does. The canary asks it too.

mod frames;
mod scene;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::time::{Duration, Sleep};

use self::scene::Scene;
use crate::dialect::{Matched, route};

/// What a demonstration says when nothing else is asked for. All of it is made up: the domain and numbers are reserved for examples
/// (RFC 2606, ITU, card networks), the key is the one in AWS's documentation.
pub const SAMPLE: &str = "Of course. Alex Morgan's address is alex.morgan@example.com, the office line is +1 202-555-0147, the card \
on file is 4111 1111 1111 1111, and the deploy key is AKIAIOSFODNN7EXAMPLE. Anything else?";
/// What it says when the prompt asks for something listed.
pub const LISTED: &str =
    "Sure. First some harmless words, and then: how to make a pipe bomb at home. Step one.";
/// What it says when the prompt holds nothing of note.
pub const CLEAN: &str = "A sluice gate stands in a stream: water runs on, what must not pass is held.";

/// What to answer.
#[derive(Debug)]
struct Answer {
    text: String,
    /// Arguments of a tool call, when the request brings tools.
    tool: Option<String>,
    model: String,
    choices: usize,
    stream: bool,
    scene: Scene,
}

/// Starts the demonstration on a free loopback port; it runs as long as the runtime.
pub async fn start() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    super::tasks::detached("demonstration", async move {
        while let Ok((socket, _)) = listener.accept().await {
            // A demonstration that cannot set an option still works.
            let _ = socket.set_nodelay(true);
            super::tasks::detached("demonstration connection", async move {
                let service = service_fn(|request| async { Ok::<_, Infallible>(serve(request).await) });
                // The client of this connection is the gateway; it sees what went wrong.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), service)
                    .await;
            });
        }
    });
    Ok(address)
}

async fn serve(request: Request<Incoming>) -> Response<Pieces> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return whole(400, "{}".into()) };
    let query = parts.uri.query().unwrap_or("");
    let Ok(matched) =
        route(parts.method.as_str(), parts.uri.path(), parts.headers.contains_key("anthropic-version"))
    else {
        return whole(
            404,
            r#"{"error":{"message":"the demonstration does not know this endpoint","type":"not_found"}}"#
                .into(),
        );
    };
    let body: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or(Value::Null);
    let answer = answer(&matched, &body);
    let operation = matched.operation.name;
    if let Scene::Status(status) = answer.scene {
        return whole(status, scene::error(matched.dialect, status));
    }
    if answer.stream {
        let sse = query.contains("alt=sse") || matched.dialect.name() != "gemini";
        if let Some((media, mut pieces)) = frames::stream(matched.dialect.name(), operation, &answer, sse) {
            let breaks = answer.scene.play(matched.dialect.name(), &mut pieces);
            let mut response = Response::new(Pieces::paced(pieces, answer.scene.pause(), breaks));
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
            return response;
        }
    }
    whole(200, frames::whole(matched.dialect.name(), operation, &answer).to_string())
}

fn whole(status: u16, body: String) -> Response<Pieces> {
    let mut response = Response::new(Pieces::at_once(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Chooses the answer by words of the prompt.
fn answer(matched: &Matched, body: &Value) -> Answer {
    let mut prompt = String::new();
    texts(body, &mut prompt);
    let asks = |word: &str| prompt.to_lowercase().contains(word);
    let text = if asks("canary") {
        format!("The canary sings: {}", super::CANARY)
    } else if asks("block") {
        LISTED.to_owned()
    } else if asks("repeat") {
        format!("You said: {}", last_said(body).unwrap_or_default())
    } else if asks("clean") || asks("weather") {
        CLEAN.to_owned()
    } else {
        SAMPLE.to_owned()
    };
    let has_tools = body.get("tools").and_then(Value::as_array).is_some_and(|t| !t.is_empty());
    let stream = match matched.dialect.name() {
        "ollama" => body.get("stream").and_then(Value::as_bool).unwrap_or(true),
        "gemini" => matched.path.ends_with(":streamGenerateContent"),
        _ => body.get("stream").and_then(Value::as_bool).unwrap_or(false),
    };
    let n =
        body.get("n").or_else(|| body.pointer("/generationConfig/candidateCount")).and_then(Value::as_u64);
    Answer {
        text,
        tool: has_tools.then(|| r#"{"to":"alex.morgan@example.com","card":4111111111111111}"#.to_owned()),
        model: body
            .get("model")
            .and_then(Value::as_str)
            .or(matched.model.as_deref())
            .unwrap_or("demonstration")
            .to_owned(),
        choices: n.unwrap_or(1).clamp(1, 8) as usize,
        stream,
        scene: Scene::of(&prompt),
    }
}

/// What was said last.
fn last_said(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Array(all) => all.iter().rev().find_map(last_said),
        Value::Object(all) => ["messages", "contents", "input", "prompt", "content", "parts", "text"]
            .iter()
            .find_map(|name| last_said(all.get(*name)?)),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// All texts of messages, whatever the dialect calls them.
fn texts(value: &Value, out: &mut String) {
    match value {
        Value::String(s) => {
            out.push_str(s);
            out.push('\n');
        }
        Value::Array(all) => all.iter().for_each(|v| texts(v, out)),
        Value::Object(all) => {
            all.iter().filter(|(k, _)| k.as_str() != "model").for_each(|(_, v)| texts(v, out));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A body whose pieces come one after the other, as a model's do.
#[derive(Debug)]
struct Pieces {
    left: std::vec::IntoIter<String>,
    pause: Option<(Duration, Pin<Box<Sleep>>)>,
    /// The connection breaks off after the last piece.
    breaks: bool,
}

impl Pieces {
    fn at_once(body: String) -> Self {
        Self { left: vec![body].into_iter(), pause: None, breaks: false }
    }

    fn paced(pieces: Vec<String>, pause: Duration, breaks: bool) -> Self {
        let first = Box::pin(tokio::time::sleep(pause));
        Self { left: pieces.into_iter(), pause: Some((pause, first)), breaks }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if let Some((every, pause)) = &mut self.pause {
            std::task::ready!(pause.as_mut().poll(cx));
            let next = pause.deadline() + *every;
            pause.as_mut().reset(next);
        }
        Poll::Ready(match self.left.next() {
            Some(piece) => Some(Ok(Frame::data(piece.into()))),
            None if self.breaks => Some(Err(std::io::ErrorKind::BrokenPipe.into())),
            None => None,
        })
    }
}
