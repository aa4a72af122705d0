//! An upstream that does what a test tells it, byte by byte.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One step of an upstream's answer.
#[derive(Clone)]
pub(crate) enum Step {
    /// These bytes.
    Send(Vec<u8>),
    /// A pause in milliseconds.
    Wait(u64),
    /// Until the test says go.
    Until(Arc<AtomicBool>),
    /// The connection is reset.
    Reset,
    /// Nothing more, and the connection stays open until the other side closes.
    Hang,
}

/// An upstream.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    closed: Arc<Mutex<usize>>,
}

impl Fake {
    /// Each request on any connection is answered by these steps; then the connection closes.
    pub(crate) fn new(steps: Vec<Step>) -> Self {
        Self::choosing(move |_| steps.clone())
    }

    /// The same, by what each request says.
    pub(crate) fn choosing(choose: impl Fn(&str) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let choose = Arc::new(choose);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (seen, closed) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<usize>>::default());
        let (for_thread, closings) = (Arc::clone(&seen), Arc::clone(&closed));
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (choose, seen, closed) =
                    (Arc::clone(&choose), Arc::clone(&for_thread), Arc::clone(&closings));
                std::thread::spawn(move || {
                    serve(socket, &*choose, &seen);
                    *closed.lock().expect("a lock") += 1;
                });
            }
        });
        Self { address, seen, closed }
    }

    /// Answers with this head (lines without the first line's version) and body, whole.
    pub(crate) fn whole(status: &str, fields: &str, body: &[u8]) -> Self {
        Self::new(vec![Step::Send(whole(status, fields, body))])
    }

    /// Answers with an event stream of these pieces.
    pub(crate) fn stream(pieces: Vec<Step>) -> Self {
        let mut steps =
            vec![Step::Send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n".to_vec())];
        steps.extend(pieces);
        Self::new(steps)
    }

    /// The requests that came, heads and bodies.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("a lock").clone()
    }

    /// How many connections have come to their end.
    pub(crate) fn closed(&self) -> usize {
        *self.closed.lock().expect("a lock")
    }
}

/// A whole answer's bytes.
pub(crate) fn whole(status: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let mut out =
        format!("HTTP/1.1 {status}\r\n{fields}content-length: {}\r\nconnection: close\r\n\r\n", body.len())
            .into_bytes();
    out.extend_from_slice(body);
    out
}

fn serve(mut socket: TcpStream, choose: &dyn Fn(&str) -> Vec<Step>, seen: &Mutex<Vec<String>>) {
    let Some(request) = request(&mut socket) else { return };
    let steps = choose(&request);
    seen.lock().expect("a lock").push(request);
    for step in &steps {
        match step {
            Step::Send(bytes) => {
                if socket.write_all(bytes).is_err() {
                    return;
                }
            }
            Step::Wait(ms) => std::thread::sleep(Duration::from_millis(*ms)),
            Step::Until(go) => {
                super::wait_for(|| go.load(Ordering::Acquire));
            }
            Step::Reset => {
                let _ = socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO));
                return;
            }
            Step::Hang => {
                let _ = socket.read(&mut [0]);
                return;
            }
        }
    }
}

/// One request, whole.
fn request(socket: &mut TcpStream) -> Option<String> {
    let (mut got, mut space) = (Vec::new(), [0; 65536]);
    loop {
        if let Some(end) = memchr::memmem::find(&got, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&got[..end]).to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|l| l.strip_prefix("content-length:"))
                .and_then(|v| v.trim().parse().ok())
                .unwrap_or(0);
            if got.len() >= end + 4 + length {
                return Some(String::from_utf8_lossy(&got).into_owned());
            }
        }
        match socket.read(&mut space) {
            Ok(n) if n > 0 => got.extend_from_slice(&space[..n]),
            _ => return None,
        }
    }
}
