//! Upstreams over HTTP/2: exchanges share a connection, and what goes wrong with one, or with the connection, stays there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use sluicegate::diag::Time;
use tokio_rustls::TlsAcceptor;

use super::tls::{certified, issuer};
use super::{Gateway, Wishes, answer, chat, event};

/// What the upstream does with a request: its number, counted from nothing, over all connections.
type Act = fn(usize, h2::server::SendResponse<Bytes>);

/// An upstream, and how many connections and requests it has got.
struct H2 {
    wishes: Wishes,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    _dir: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl H2 {
    fn new(act: Act) -> Self {
        let root = issuer();
        let mut config = (*certified(Some(&root), "localhost", (2020, 2090))).clone();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let dir = tempfile::tempdir().expect("a folder");
        let roots = dir.path().join("roots.pem");
        std::fs::write(&roots, root.pem()).expect("a file");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (dialled, asked) = (Arc::clone(&connections), Arc::clone(&requests));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("an option");
        let address: SocketAddr = listener.local_addr().expect("an address");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((socket, _)) = listener.accept().await {
                let (acceptor, dialled, asked) = (acceptor.clone(), Arc::clone(&dialled), Arc::clone(&asked));
                tokio::task::spawn(async move {
                    let Ok(stream) = acceptor.accept(socket).await else { return };
                    dialled.fetch_add(1, Ordering::SeqCst);
                    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
                    while let Some(Ok((_, respond))) = connection.accept().await {
                        act(asked.fetch_add(1, Ordering::SeqCst), respond);
                    }
                });
            }
        });
        let wishes = Wishes {
            base_url: Some(format!("https://localhost:{}", address.port())),
            extra_roots: Some(roots),
            ..Wishes::default()
        };
        Self { wishes, connections, requests, _dir: dir, _runtime: runtime }
    }
}

fn json(mut respond: h2::server::SendResponse<Bytes>) {
    let head = Response::builder().header("content-type", "application/json").body(()).expect("a head");
    let mut body = respond.send_response(head, false).expect("a stream");
    body.send_data(answer("all is well").into(), true).expect("a stream");
}

/// Sends as much as the other side takes.
fn long(mut respond: h2::server::SendResponse<Bytes>) {
    tokio::task::spawn(async move {
        let head = Response::builder().header("content-type", "text/event-stream").body(()).expect("a head");
        let Ok(mut body) = respond.send_response(head, false) else { return };
        let piece = Bytes::from(event(&"x".repeat(8000)));
        for _ in 0..2000 {
            body.reserve_capacity(piece.len());
            while body.capacity() < piece.len() {
                if !matches!(std::future::poll_fn(|cx| body.poll_capacity(cx)).await, Some(Ok(_))) {
                    return;
                }
            }
            if body.send_data(piece.clone(), false).is_err() {
                return;
            }
        }
    });
}

/// Promise 7: those who read nothing hold up their own answers, however many they are.
#[test]
fn slow_readers_stop_nobody_else() {
    let upstream = H2::new(|n, respond| if n < 150 { long(respond) } else { json(respond) });
    let gateway = Gateway::new(None, &upstream.wishes);
    let mut slow = Vec::new();
    for _ in 0..150 {
        let mut client = super::Client::new(gateway.data);
        client.send(super::post("/v1/chat/completions", &chat("hello", true)).as_bytes());
        slow.push(client);
    }
    assert!(super::wait_for(|| upstream.requests.load(Ordering::SeqCst) == 150), "all are served");
    // Until the windows are full.
    #[expect(clippy::disallowed_methods, reason = "what does not happen cannot be waited for")]
    std::thread::sleep(Duration::from_millis(500));
    for _ in 0..4 {
        let got = gateway.post("/v1/chat/completions", &chat("hello", false));
        assert!(got.status == 200 && got.body.contains("all is well"), "{got:?}");
    }
    assert!(upstream.connections.load(Ordering::SeqCst) > 1, "one connection has not room for all");
}

/// What a server says it has not acted on is asked once more; what it may have acted on is not.
#[test]
fn what_was_refused_is_asked_again() {
    let upstream = H2::new(|n, mut respond| match n {
        0 => respond.send_reset(h2::Reason::REFUSED_STREAM),
        2 => respond.send_reset(h2::Reason::INTERNAL_ERROR),
        _ => json(respond),
    });
    let gateway = Gateway::new(None, &upstream.wishes);
    let got = gateway.post("/v1/chat/completions", &chat("hello", false));
    assert_eq!((got.status, upstream.requests.load(Ordering::SeqCst)), (200, 2), "{got:?}");
    let got = gateway.post("/v1/chat/completions", &chat("hello", false));
    assert_eq!((got.status, upstream.requests.load(Ordering::SeqCst)), (502, 3), "{got:?}");
}

/// A connection over which no answer came in time is used for nothing new.
#[test]
fn a_dead_connection_is_left() {
    let mut upstream = H2::new(|n, respond| match n {
        1 => std::mem::forget(respond),
        _ => json(respond),
    });
    upstream.wishes.timeouts.first_byte = Time(Duration::from_millis(700));
    let gateway = Gateway::new(None, &upstream.wishes);
    let ask = || gateway.post("/v1/chat/completions", &chat("hello", false)).status;
    assert_eq!([ask(), ask(), ask()], [200, 504, 200]);
    assert!(upstream.connections.load(Ordering::SeqCst) > 1);
}

/// A head may be large, and is not another exchange's concern.
#[test]
fn a_large_head_is_read() {
    let upstream = H2::new(|_, mut respond| {
        let mut head = Response::builder().header("content-type", "application/json");
        for n in 0..60 {
            head = head.header(format!("x-field-{n}"), "v".repeat(1000));
        }
        let mut body = respond.send_response(head.body(()).expect("a head"), false).expect("a stream");
        body.send_data(answer("all is well").into(), true).expect("a stream");
    });
    let gateway = Gateway::new(None, &upstream.wishes);
    let got = gateway.post("/v1/chat/completions", &chat("hello", false));
    assert!(got.status == 200 && got.body.contains("all is well"), "{got:?}");
}

/// The time to connect is that of TLS too.
#[test]
fn who_says_nothing_is_not_reached() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut wishes = Wishes {
        base_url: Some(format!("https://localhost:{}", silent.local_addr().expect("an address").port())),
        ..Wishes::default()
    };
    wishes.timeouts.connect = Time(Duration::from_millis(500));
    let gateway = Gateway::new(None, &wishes);
    let got = gateway.post("/v1/chat/completions", &chat("hello", false));
    assert!(got.status == 502 && got.body.contains("cannot be reached"), "{got:?}");
}
