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
trait Act: Fn(usize, h2::server::SendResponse<Bytes>) + Send + Sync + 'static {}
impl<F: Fn(usize, h2::server::SendResponse<Bytes>) + Send + Sync + 'static> Act for F {}

/// An upstream, and how many connections and requests it has got.
struct H2 {
    wishes: Wishes,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    _dir: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl H2 {
    fn new(act: impl Act) -> Self {
        let act = Arc::new(act);
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
                let (acceptor, act) = (acceptor.clone(), Arc::clone(&act));
                let (dialled, asked) = (Arc::clone(&dialled), Arc::clone(&asked));
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

/// Sends as much as the other side takes, nearly all of it white space, which costs no scan.
fn long(mut respond: h2::server::SendResponse<Bytes>, sent: &Arc<AtomicUsize>) {
    let sent = Arc::clone(sent);
    tokio::task::spawn(async move {
        let head = Response::builder().header("content-type", "text/event-stream").body(()).expect("a head");
        let Ok(mut body) = respond.send_response(head, false) else { return };
        let piece = Bytes::from(event("more").replace('{', &format!("{{{}", " ".repeat(4000))));
        loop {
            body.reserve_capacity(piece.len());
            while body.capacity() < piece.len() {
                if !matches!(std::future::poll_fn(|cx| body.poll_capacity(cx)).await, Some(Ok(_))) {
                    return;
                }
            }
            if body.send_data(piece.clone(), false).is_err() {
                return;
            }
            sent.fetch_add(1, Ordering::SeqCst);
        }
    });
}

/// A client that asks and then reads nothing, with little room for what it does not read.
fn slow(gateway: SocketAddr) -> std::net::TcpStream {
    use std::io::Write as _;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let socket = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("an option");
        socket.connect(gateway).await.expect("a connection").into_std().expect("a socket")
    });
    socket.set_nonblocking(false).expect("an option");
    let asked = super::post("/v1/chat/completions", &chat("hello", true));
    (&socket).write_all(asked.as_bytes()).expect("the request is taken");
    socket
}

/// Promise 7: those who read nothing hold up their own answers, however many they are.
#[test]
fn slow_readers_stop_nobody_else() {
    let sent = Arc::new(AtomicUsize::new(0));
    let pieces = Arc::clone(&sent);
    let upstream = H2::new(move |n, respond| if n < 150 { long(respond, &pieces) } else { json(respond) });
    let gateway = Gateway::new(None, &upstream.wishes);
    let _slow: Vec<_> = (0..150).map(|_| slow(gateway.data)).collect();
    assert!(super::wait_for(|| upstream.requests.load(Ordering::SeqCst) == 150), "all are served");
    // Until the windows are full: nothing more is taken for a while.
    let full = || {
        let before = sent.load(Ordering::SeqCst);
        #[expect(clippy::disallowed_methods, reason = "what does not happen cannot be waited for")]
        std::thread::sleep(Duration::from_millis(300));
        sent.load(Ordering::SeqCst) == before
    };
    assert!(super::wait_for(full), "who reads nothing is sent no more");
    for _ in 0..4 {
        let mut client = super::Client::new(gateway.data);
        // On a busy machine the worker may still be at what the others were sent.
        client.socket.set_read_timeout(Some(Duration::from_mins(1))).expect("an option");
        client.send(super::post("/v1/chat/completions", &chat("hello", false)).as_bytes());
        let got = client.read_all();
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
