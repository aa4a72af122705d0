//! The same promises over HTTP/2 with prior knowledge: many exchanges on one connection, each on its own.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::{Fake, Gateway, Step, Wishes, answer, chat, event, wait_for};

type Sender = SendRequest<Full<Bytes>>;

async fn connect(gateway: &Gateway) -> Sender {
    let socket = tokio::net::TcpStream::connect(gateway.data).await.expect("a connection");
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await.expect("h2");
    tokio::task::spawn(async move {
        // It ends when the test does.
        let _ = connection.await;
    });
    sender
}

fn request(gateway: &Gateway, body: String, fields: &[(&str, &str)]) -> Request<Full<Bytes>> {
    let mut builder = Request::post(format!("http://{}/v1/chat/completions", gateway.data))
        .header("content-type", "application/json");
    for (name, value) in fields {
        builder = builder.header(*name, *value);
    }
    builder.body(Full::new(body.into())).expect("a request")
}

async fn send(sender: &mut Sender, request: Request<Full<Bytes>>) -> Response<Incoming> {
    let sent = tokio::time::timeout(super::PATIENCE, sender.send_request(request)).await;
    sent.expect("in time").expect("an answer")
}

async fn text(response: Response<Incoming>) -> String {
    let body = tokio::time::timeout(super::PATIENCE, response.into_body().collect()).await;
    String::from_utf8(body.expect("in time").expect("a body").to_bytes().to_vec()).expect("UTF-8")
}

fn block_on<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(test)
}

#[test]
fn many_exchanges_on_one_connection() {
    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", answer("say maskme").as_bytes());
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    block_on(async {
        let sender = connect(&gateway).await;
        let all: Vec<_> = (0..150)
            .map(|i| {
                let (mut sender, prompt) = (sender.clone(), if i % 3 == 0 { "blockme" } else { "hello" });
                let request = request(&gateway, chat(prompt, false), &[]);
                async move {
                    let response = send(&mut sender, request).await;
                    (i, response.status(), text(response).await)
                }
            })
            .collect();
        for (i, status, body) in futures_util::future::join_all(all).await {
            assert_eq!(status.as_u16(), if i % 3 == 0 { 400 } else { 200 }, "{i}: {body}");
            assert!(!body.contains("maskme"), "{body}");
        }
    });
    assert_eq!(gateway.records().len(), 150);
}

#[test]
fn hosts_and_credentials_must_agree() {
    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", answer("fine").as_bytes());
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    block_on(async {
        let mut sender = connect(&gateway).await;
        // RFC 9113 sections 8.2.1 and 8.3.1: malformed, so the stream is reset.
        for fields in [&[("host", "evil.test")][..], &[("x-padded", " value")]] {
            let sent = sender.send_request(request(&gateway, chat("hello", false), fields));
            let error =
                tokio::time::timeout(super::PATIENCE, sent).await.expect("in time").expect_err("a reset");
            let reset = std::error::Error::source(&error).and_then(|e| e.downcast_ref::<h2::Error>());
            assert_eq!(
                reset.and_then(h2::Error::reason),
                Some(h2::Reason::PROTOCOL_ERROR),
                "{fields:?}: {error}"
            );
        }
        for fields in [
            &[("authorization", "Bearer a"), ("authorization", "Bearer b")][..],
            &[("authorization", "Bearer a"), ("x-api-key", "b")],
        ] {
            let response = send(&mut sender, request(&gateway, chat("hello", false), fields)).await;
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{fields:?}");
        }
        // The connection goes on: a bad stream says nothing about the others.
        let response = send(&mut sender, request(&gateway, chat("hello", false), &[])).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.headers().contains_key("x-sluicegate-exchange"));
    });
    assert_eq!(fake.seen().len(), 1);
    assert!(gateway.metric("sluicegate_refused_total{reason=\"malformed\"} ") >= 1.0);
}

#[test]
fn a_stream_that_is_reset_cancels_its_upstream() {
    let fake = Fake::stream(vec![Step::Send(event("begin ").into()), Step::Hang]);
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    block_on(async {
        let mut sender = connect(&gateway).await;
        let mut response = send(&mut sender, request(&gateway, chat("hello", true), &[])).await;
        let first = response.frame().await.expect("a frame").expect("a frame");
        assert!(first.into_data().is_ok_and(|d| memchr::memmem::find(&d, b"begin").is_some()));
        drop(response);
        // Let the client's connection say so.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    });
    assert!(wait_for(|| fake.closed() == 1), "the upstream runs on");
    assert_eq!(gateway.only_end()["ended"], "client_left");
}

/// A reader that takes nothing holds its own stream and no other.
#[test]
fn a_slow_stream_does_not_stop_the_others() {
    let piece = event(&"x".repeat(8000));
    let fake = Fake::stream(vec![Step::Send(piece.into_bytes()); 2000]);
    let gateway = Gateway::new(Some(fake.address), &Wishes::default());
    block_on(async {
        let mut sender = connect(&gateway).await;
        let slow = send(&mut sender, request(&gateway, chat("hello", true), &[])).await;
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        assert_eq!(fake.closed(), 0, "the upstream got rid of what nobody read");
        let other = send(&mut sender, request(&gateway, chat("blockme", false), &[])).await;
        assert_eq!(other.status(), StatusCode::BAD_REQUEST);
        drop(slow);
    });
}

/// A connection without an exchange, and one whose client takes nothing more, are let go.
#[test]
fn connections_that_do_nothing_do_not_stay() {
    let piece = event(&"x".repeat(8000));
    let fake = Fake::stream(vec![Step::Send(piece.into_bytes()); 2000]);
    let mut wishes = Wishes::default();
    wishes.limits.idle = sluicegate::diag::Time(std::time::Duration::from_millis(800));
    let gateway = Gateway::new(Some(fake.address), &wishes);
    block_on(async {
        let mut sender = connect(&gateway).await;
        let blocked = send(&mut sender, request(&gateway, chat("blockme", false), &[])).await;
        assert_eq!(blocked.status(), StatusCode::BAD_REQUEST);
        drop(blocked);
        let begun = std::time::Instant::now();
        while !sender.is_closed() && begun.elapsed() < super::PATIENCE {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert!(sender.is_closed(), "an idle connection stays");
        assert!(begun.elapsed().as_millis() >= 700, "it was let go too soon: {:?}", begun.elapsed());
    });
    wishes.limits.idle = sluicegate::diag::Time::secs(120);
    wishes.limits.answer_idle = sluicegate::diag::Time(std::time::Duration::from_millis(800));
    let gateway = Gateway::new(Some(fake.address), &wishes);
    block_on(async {
        let mut sender = connect(&gateway).await;
        let stalled = send(&mut sender, request(&gateway, chat("hello", true), &[])).await;
        tokio::task::spawn_blocking(move || {
            assert!(wait_for(|| fake.closed() == 1), "the upstream waits for nobody");
        })
        .await
        .expect("no panic");
        drop(stalled);
    });
    assert_eq!(gateway.only_end()["ended"], "stalled");
}

/// As many header fields as over HTTP/1, and no more.
#[test]
fn header_fields_have_their_limit() {
    let gateway = Gateway::new(None, &Wishes::default());
    block_on(async {
        let mut sender = connect(&gateway).await;
        for (more, status) in [(20, StatusCode::OK), (120, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)] {
            let names: Vec<String> = (0..more).map(|n| format!("x-field-{n}")).collect();
            let fields: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "a")).collect();
            let request = request(&gateway, chat("clean", false), &fields);
            assert_eq!(send(&mut sender, request).await.status(), status, "{more}");
        }
    });
}
