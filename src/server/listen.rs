//! Workers: each a thread with its own runtime, its own listener on the shared port and its own connections to upstreams, so that an
//! exchange never crosses a thread.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::gateway::Gateway;
use super::guard::{Guarded, SlowHead};
use super::judging::Known;
use super::patience::{Activity, Overdue, Patience};
use super::tasks;
use super::worker::Worker;
use crate::limits::LimitsSettings;
use crate::upstream::Dialer;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;
/// How long held answers have, of which nothing is left to read, to be put away for their reviewers.
const PUT_AWAY: Duration = Duration::from_secs(5);
/// How long streams that are cut may take to say so.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// How long to wait after an accept that failed for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// Shorter than the times that exchanges set as they go.
const BEAT: Duration = Duration::from_secs(1);

/// Makes sure that no other process has the address. Sockets that share one say nothing when another gateway binds it too, and half of the
/// exchanges would go there.
pub(super) fn alone(address: SocketAddr) -> std::io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())
}

/// Binds an address; several sockets may bind the same one.
pub(super) fn bind(address: SocketAddr) -> std::io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Runs a worker until `stop` turns true and its exchanges have ended or the time to drain is over.
pub(super) fn worker(
    gateway: &Arc<Gateway>,
    listener: StdListener,
    stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        let dialers = gateway.upstreams.iter().map(|u| Dialer::new(Arc::clone(u))).collect();
        let worker = Arc::new(Worker { gateway: Arc::clone(gateway), dialers, judges: Known::default() });
        tasks::detached("beat", beat());
        accept(&worker, listener, stop).await;
        Ok(())
    })
}

/// Wakes the worker once in [`BEAT`], so that no other timer is the next one to come. A timer that is makes the runtime wake itself with
/// a system call when it is set, and streams set theirs just before their first text leaves.
async fn beat() {
    let mut beat = tokio::time::interval(BEAT);
    loop {
        beat.tick().await;
    }
}

async fn accept(worker: &Arc<Worker>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    let builder = Arc::new(builder(&worker.gateway.limits));
    // Each connection holds a receiver: told once when to come to its end, and known to be gone when the receiver is.
    let (drain, draining) = watch::channel(());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((socket, peer)) => connection(worker, &builder, &draining, socket, peer),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop((listener, draining));
    drain.send_replace(());
    let mut drained = std::pin::pin!(drain.closed());
    if tokio::time::timeout(worker.gateway.server.drain.0, &mut drained).await.is_err() {
        worker.gateway.cutting.store(true, std::sync::atomic::Ordering::Release);
        worker.gateway.cut.notify_waiters();
        tracing::warn!("exchanges that outlasted the time to drain were cut");
        // Streams say so to their clients; who does not read that in time does not hear it.
        let _ = tokio::time::timeout(LAST_WORDS, drained).await;
    }
    worker.gateway.reviews.settle(PUT_AWAY).await;
}

fn builder(limits: &LimitsSettings) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // hyper's time begins when a connection waits for its next request; the guard keeps the one for a head that has begun.
        .header_read_timeout(limits.idle.0.max(limits.header_read.0))
        .max_headers(limits.fields)
        .max_buf_size(limits.header.get().max(8192));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.h2_streams)
        .initial_stream_window_size(64 << 10)
        .initial_connection_window_size(1 << 20)
        .max_frame_size(16 << 10)
        .max_send_buf_size(64 << 10)
        .max_header_list_size(limits.header.get() as u32)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

/// Why a connection ended with a head that was no request; none where it ended for another reason.
fn unreadable(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(http) = error.downcast_ref::<hyper::Error>()
            && http.is_parse()
        {
            return Some(if http.is_parse_too_large() { "head_too_large" } else { "malformed" });
        }
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if wrapped.is_some_and(<dyn std::error::Error + Send + Sync>::is::<SlowHead>) {
            return Some("slow_head");
        }
        next = error.source();
    }
    None
}

fn connection(
    worker: &Arc<Worker>,
    builder: &Arc<auto::Builder<TokioExecutor>>,
    draining: &watch::Receiver<()>,
    socket: TcpStream,
    peer: SocketAddr,
) {
    // Over a limit the connection closes at once: there is no request yet to answer.
    let Some(pass) = worker.gateway.connections.enter(peer.ip()) else {
        worker.gateway.metrics.refused.with_label_values(&["connections"]).inc();
        return;
    };
    // A socket that cannot turn Nagle off is slower, not wrong.
    let _ = socket.set_nodelay(true);
    let head_time = worker.gateway.limits.header_read.0;
    let open = worker.gateway.metrics.connections.clone();
    open.inc();
    let address = worker.gateway.commitments.name("address", &peer.ip().to_canonical().to_string());
    let activity = Arc::new(Activity::new(address));
    let mut patience = Patience::new(&worker.gateway.limits, Arc::clone(&activity));
    let (shared, stalls) = (Arc::clone(worker), Arc::clone(&activity));
    let service = service_fn(move |request| Arc::clone(&shared).handle(request, Arc::clone(&activity)));
    let socket = super::h2_codes::ExactCodes::new(Guarded::new(socket, head_time));
    let serving = builder.serve_connection(TokioIo::new(socket), service).into_owned();
    let (gateway, mut draining) = (Arc::clone(&worker.gateway), draining.clone());
    tasks::detached("connection", async move {
        let mut serving = std::pin::pin!(serving);
        // Told to come to its end: it takes no new exchange.
        let mut told = false;
        loop {
            tokio::select! {
                biased;
                ended = serving.as_mut() => {
                    if let Err(error) = ended {
                        if let Some(reason) = unreadable(error.as_ref()) {
                            gateway.metrics.refused.with_label_values(&[reason]).inc();
                        }
                        tracing::debug!(%error, "a connection ended early");
                    }
                    break;
                }
                _ = draining.changed(), if !told => {}
                overdue = patience.over() => match overdue {
                    Overdue::Idle if !told => {}
                    Overdue::Idle => break,
                    Overdue::Stalled => {
                        gateway.metrics.refused.with_label_values(&["stalled"]).inc();
                        stalls.stalls();
                        break;
                    }
                },
            }
            told = true;
            serving.as_mut().graceful_shutdown();
        }
        open.dec();
        drop(pass);
    });
}
