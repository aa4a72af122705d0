//! The connections of one worker to one upstream.
//!
//! An HTTP/1 connection serves one exchange at a time. One of HTTP/2 serves many, and they share its window: were all of it taken by answers
//! that nobody reads, the others would wait behind them. So a connection takes no more streams than its window has room for the windows of
//! all of them, and what comes beyond that goes over another. A connection that has gone dead is noticed by its pings, and one over which
//! no answer came in time is used for nothing new.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower_service::Service;

use super::client::Upstream;
use crate::dialect::{ErrorKind, ExchangeError};

/// Streams of one HTTP/2 connection. Servers let a hundred and more run at once (RFC 9113 section 6.5.2 recommends no less).
const STREAMS: usize = 64;
/// Bytes of one stream that wait to be read, at most.
const STREAM_WINDOW: u32 = 256 << 10;
/// Room for all of them.
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * STREAMS as u32;
/// The largest head of an answer over HTTP/2, as its header list counts.
const HEAD: u32 = 128 << 10;
/// How often a connection that is in use is asked whether it lives, and how long it may take to say so.
const PING: Duration = Duration::from_secs(20);
const PONG: Duration = Duration::from_secs(10);

/// A request for an upstream.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// Method.
    pub method: Method,
    /// Canonical path.
    pub path: &'a str,
    /// Raw query without credentials.
    pub query: Option<&'a str>,
    /// The dialect, which decides the credential's form.
    pub dialect: &'static str,
    /// The client's header, for credentials that are passed through.
    pub client: &'a HeaderMap,
    /// The client's credential where it stood in the query, for the same.
    pub query_key: Option<&'a [u8]>,
    /// Fields that go on, already chosen.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Connections of one worker to one upstream.
#[derive(Debug)]
pub struct Dialer {
    upstream: Arc<Upstream>,
    lanes: Mutex<Vec<Lane>>,
}

/// A pool of connections, of which HTTP/2 has one.
#[derive(Clone, Debug)]
struct Lane {
    client: Client<Timed<HttpsConnector<HttpConnector>>, Full<Bytes>>,
    /// Exchanges that run over it. Whoever runs holds one more of it.
    running: Arc<AtomicUsize>,
}

/// An exchange's place in a lane; free when it is dropped.
#[derive(Debug)]
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer, which keeps its place in the lane until it is dropped.
#[derive(Debug)]
pub struct Answer {
    body: Incoming,
    _running: Running,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Lane {
    fn new(upstream: &Upstream) -> Self {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(upstream.tls())
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(http);
        let connector = Timed { connector: https, patience: upstream.timeouts().connect.0 };
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_mins(1))
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .http2_max_header_list_size(HEAD)
            .http2_keep_alive_interval(PING)
            .http2_keep_alive_timeout(PONG)
            .build(connector);
        Self { client, running: Arc::default() }
    }
}

impl Dialer {
    /// No connection yet.
    pub fn new(upstream: Arc<Upstream>) -> Self {
        Self { upstream, lanes: Mutex::default() }
    }

    /// The upstream.
    pub fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }

    /// The first lane with room, so that one that is not needed any more falls idle.
    fn enter(&self) -> (Lane, Running) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        // What a peak has left behind is let go.
        while let [.., before, last] = &**lanes
            && last.running.load(Ordering::Relaxed) == 0
            && before.running.load(Ordering::Relaxed) < STREAMS / 2
        {
            lanes.pop();
        }
        let free = lanes.iter().position(|lane| lane.running.load(Ordering::Relaxed) < STREAMS);
        let at = free.unwrap_or_else(|| {
            lanes.push(Lane::new(&self.upstream));
            lanes.len() - 1
        });
        let lane = lanes.get(at).cloned().unwrap_or_else(|| Lane::new(&self.upstream));
        lane.running.fetch_add(1, Ordering::Relaxed);
        let running = Running(Arc::clone(&lane.running));
        (lane, running)
    }

    /// Uses a lane for nothing new: what runs over it runs on.
    fn leave(&self, lane: &Lane) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.retain(|known| !Arc::ptr_eq(&known.running, &lane.running));
    }

    /// Sends a request and waits for the answer's head. A request is sent again only where the upstream has not read a byte of it, or says
    /// that it has not acted on it.
    pub async fn send(&self, outgoing: Outgoing<'_>) -> Result<Response<Answer>, ExchangeError> {
        let name = &self.upstream.name;
        let Some(uri) = self.upstream.uri(outgoing.path, outgoing.query) else {
            return Err(ExchangeError::new(ErrorKind::BadRequest, "the path cannot be sent to the upstream"));
        };
        let Outgoing { method, dialect, client, query_key, mut headers, body, .. } = outgoing;
        self.upstream.authorise(dialect, client, query_key, &mut headers);
        let (lane, running) = self.enter();
        let answered = async {
            let mut again = true;
            loop {
                let mut request = Request::new(Full::new(body.clone()));
                *request.method_mut() = method.clone();
                *request.uri_mut() = uri.clone();
                *request.headers_mut() = headers.clone();
                match lane.client.request(request).await {
                    Err(error) if std::mem::take(&mut again) && is_unprocessed(&error) => {}
                    answered => return answered,
                }
            }
        };
        match tokio::time::timeout(self.upstream.timeouts().first_byte.0, answered).await {
            Ok(Ok(response)) => Ok(response.map(|body| Answer { body, _running: running })),
            Ok(Err(error)) => {
                let (what, cause) = failure(&error);
                tracing::warn!(upstream = %name, cause, "{what}");
                Err(ExchangeError::new(
                    ErrorKind::UpstreamUnreachable,
                    format!("the upstream `{name}` {what}"),
                ))
            }
            Err(_) => {
                self.leave(&lane);
                Err(ExchangeError::new(
                    ErrorKind::UpstreamTimeout,
                    format!("the upstream `{name}` did not answer in time"),
                ))
            }
        }
    }
}

/// A connector that is given up after a time, TLS included.
#[derive(Clone, Debug)]
struct Timed<C> {
    connector: C,
    patience: Duration,
}

/// An upstream to which no connection came about in time.
#[derive(Debug, thiserror::Error)]
#[error("no connection in time")]
struct SlowConnect;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl<C> Service<Uri> for Timed<C>
where
    C: Service<Uri, Error = BoxError>,
    C::Future: Send + 'static,
    C::Response: 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        ready!(self.connector.poll_ready(cx))?;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, patience) = (self.connector.call(uri), self.patience);
        Box::pin(async move {
            tokio::time::timeout(patience, connecting).await.unwrap_or_else(|_| Err(SlowConnect.into()))
        })
    }
}

/// Whether an HTTP/2 server says that it has not acted on a request (RFC 9113 section 8.7).
fn is_unprocessed(error: &Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
            let going = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
            return error.is_remote() && (refused || going);
        }
        next = error.source();
    }
    false
}

/// What the client is told of a request that got no answer, and the innermost cause for the log.
fn failure(error: &Error) -> (&'static str, String) {
    let mut innermost: &(dyn std::error::Error + 'static) = error;
    loop {
        // An `io::Error` passes over the error that it wraps when it is asked for its source.
        let wrapped = innermost.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let below =
            wrapped.map(|error| error as &(dyn std::error::Error + 'static)).or_else(|| innermost.source());
        let Some(below) = below else { break };
        innermost = below;
    }
    let certificate = matches!(innermost.downcast_ref(), Some(rustls::Error::InvalidCertificate(_)));
    let what = match (certificate, error.is_connect()) {
        (true, _) => "shows a certificate that is not accepted",
        (false, true) => "cannot be reached",
        (false, false) => "broke off before it answered",
    };
    (what, innermost.to_string())
}
