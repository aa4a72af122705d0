//! A witness for others: the HTTP side of `sluicegate audit witness` (C2SP tlog-witness).
//!
//! One thread answers all. What it does is small, and one request after the other: a signature to verify, a file to write.

use crate::audit::{Witness, WitnessRefusal};
use crate::diag::moment::now_ms;
use crate::server::tasks;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// A checkpoint with a proof has less than 8 KiB.
const MOST: usize = 64 << 10;
/// Connections at a time; who comes then waits.
const AT_ONCE: usize = 128;
/// How long a request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may be there: logs come again.
const LONGEST: Duration = Duration::from_mins(5);

/// Serves until `stop` is there.
pub async fn serve(
    witness: Arc<Witness>,
    listener: StdListener,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut stop = std::pin::pin!(stop);
    loop {
        let next = async {
            let pass = Arc::clone(&room).acquire_owned().await;
            (pass, listener.accept().await)
        };
        let (pass, accepted) = tokio::select! {
            next = next => next,
            () = &mut stop => return Ok(()),
        };
        let Ok((socket, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let witness = Arc::clone(&witness);
        tasks::detached("witness connection", async move {
            let service = service_fn(move |request| {
                let witness = Arc::clone(&witness);
                async move { Ok::<_, Infallible>(answer(&witness, request).await) }
            });
            let serving = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .max_headers(32)
                .max_buf_size(16 << 10)
                .serve_connection(TokioIo::new(socket), service);
            if let Ok(Err(error)) = tokio::time::timeout(LONGEST, serving).await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(pass);
        });
    }
}

async fn answer(witness: &Witness, request: Request<Incoming>) -> Response<Full<Bytes>> {
    // Whatever prefix the operator puts before it.
    let path = request.uri().path();
    if path == "/healthz" {
        return text(StatusCode::OK, "ok\n".into());
    }
    if !path.ends_with("/add-checkpoint") {
        return text(StatusCode::NOT_FOUND, "POST /add-checkpoint and GET /healthz are here\n".into());
    }
    if request.method() != Method::POST {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only POST\n".into());
    }
    let body = Limited::new(request.into_body(), MOST).collect();
    let body = match tokio::time::timeout(PATIENCE, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => {
            return text(StatusCode::BAD_REQUEST, "the body cannot be read, or is too long\n".into());
        }
        Err(_) => return text(StatusCode::REQUEST_TIMEOUT, "the body did not come in time\n".into()),
    };
    let refusal = match witness.add_checkpoint(&body, now_ms() / 1000) {
        Ok(line) => {
            tracing::info!("a checkpoint was cosigned");
            return text(StatusCode::OK, line);
        }
        Err(refusal) => refusal,
    };
    tracing::warn!(why = %refusal, "a checkpoint was not cosigned");
    let size = |size: u64| {
        let mut response = text(StatusCode::CONFLICT, format!("{size}\n"));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/x.tlog.size"));
        response
    };
    let status = match refusal {
        WitnessRefusal::Form(_) => StatusCode::BAD_REQUEST,
        WitnessRefusal::Unknown => StatusCode::NOT_FOUND,
        WitnessRefusal::Unsigned => StatusCode::FORBIDDEN,
        WitnessRefusal::Size(last) | WitnessRefusal::Fork(last) => return size(last),
        WitnessRefusal::Proof => StatusCode::UNPROCESSABLE_ENTITY,
        // What the disk says is for the operator.
        WitnessRefusal::Disk(_) => {
            return text(StatusCode::INTERNAL_SERVER_ERROR, "the state cannot be written\n".into());
        }
    };
    text(status, format!("{refusal}\n"))
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
