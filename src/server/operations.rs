//! The operations listener: health, readiness, metrics, policies. No tenant key opens anything here, and nothing here opens an exchange.

use std::convert::Infallible;
use std::net::IpAddr;
use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::admin;
use super::gateway::Gateway;
use super::host_check;
use super::reviews;
use super::tasks;
use super::worker::is_open;
use crate::diag::moment::now_ms;

/// Serves until `stop` turns true.
pub(super) async fn serve(
    gateway: Arc<Gateway>,
    listener: StdListener,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        };
        let Ok((socket, peer)) = accepted else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let gateway = Arc::clone(&gateway);
        tasks::detached("operations connection", async move {
            let service = service_fn(move |request| {
                let gateway = Arc::clone(&gateway);
                async move { Ok::<_, Infallible>(answer(&gateway, request, peer.ip()).await) }
            });
            let serving = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(10))
                .serve_connection(TokioIo::new(socket), service);
            if let Err(error) = serving.await {
                tracing::debug!(%error, "an operations connection ended early");
            }
        });
    }
}

#[expect(clippy::disallowed_methods, reason = "the edge reads the clock; the core is told")]
async fn answer(gateway: &Arc<Gateway>, request: Request<Incoming>, peer: IpAddr) -> Response<Full<Bytes>> {
    // Names of a web page's own may be given this machine's address; who listens for others is called by whatever name they use.
    let alone = gateway.server.operations.ip().to_canonical().is_loopback();
    if alone
        && host_check::host_of(&request)
            .is_some_and(|h| !host_check::is_this_machine(h, &gateway.server.hosts))
    {
        return text(
            StatusCode::FORBIDDEN,
            "this listener answers to this machine's own names: call it as localhost, or add the name to `server.hosts`\n".into(),
        );
    }
    let (head, body) = request.into_parts();
    let request = Request::from_parts(head, ());
    if let Some(response) = admin::answer(gateway, &request, body, peer).await {
        return response;
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".into());
    }
    match request.uri().path() {
        "/healthz" => text(StatusCode::OK, "ok\n".into()),
        "/readyz" => {
            // A canary may be one period late before it counts as lost.
            let stale = gateway.server.canary.0 * 2;
            let details = gateway.policies.details();
            match gateway.canary.trouble(Instant::now(), stale) {
                _ if !is_open(gateway) => text(StatusCode::SERVICE_UNAVAILABLE, "draining\n".into()),
                None if gateway.journal.is_failing() => {
                    text(StatusCode::SERVICE_UNAVAILABLE, "the journal cannot be written\n".into())
                }
                None if gateway.waits_for_sinks() => {
                    text(StatusCode::SERVICE_UNAVAILABLE, "a sink is too far behind\n".into())
                }
                Some(trouble) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{trouble}\n{details}")),
                // A reload that failed is no reason to take no requests: the good policy runs.
                None => text(StatusCode::OK, format!("ready\n{details}")),
            }
        }
        "/metrics" => {
            let (open, overdue) = gateway.complaints.book.count(now_ms());
            for (state, count) in [("open", open), ("overdue", overdue)] {
                let gauge = gateway.metrics.complaints.with_label_values(&[state]);
                gauge.set(count.try_into().unwrap_or(i64::MAX));
            }
            let (open, overdue) = reviews::count(gateway);
            for (state, count) in [("open", open), ("overdue", overdue)] {
                let gauge = gateway.metrics.reviews.with_label_values(&[state]);
                gauge.set(count.try_into().unwrap_or(i64::MAX));
            }
            let mut response = Response::new(Full::new(gateway.metrics.text().into()));
            let media = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, media);
            response
        }
        _ => text(
            StatusCode::NOT_FOUND,
            "/healthz, /readyz, /metrics, /admin/policy, /admin/standing, /admin/complaint and /admin/review are here\n"
                .into(),
        ),
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
