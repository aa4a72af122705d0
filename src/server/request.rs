//! The body of a request: read within its limits, without its content coding.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::Instant;

use super::worker::Refusal;
use crate::dialect::{ErrorKind, ExchangeError};
use crate::limits::LimitsSettings;
use crate::stream::coding::{self, Coding};

/// How long a body may take before it counts as one that arrives slowly.
const SLOW_AFTER: Duration = Duration::from_secs(1);

/// What a request's body is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyType {
    /// JSON.
    Json,
    /// Nothing is said: it is read as JSON, and goes on as that.
    Unsaid,
    /// What `curl -d` says unasked: it is read as JSON, and goes on as that. Never what a browser's form says.
    Form,
    /// Something else.
    Other,
}

impl BodyType {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(CONTENT_TYPE) else { return Self::Unsaid };
        let Ok(value) = value.to_str() else { return Self::Other };
        let kind = value.split(';').next().unwrap_or_default().trim();
        let is = |name: &str| kind.eq_ignore_ascii_case(name);
        let ends = |end: &str| {
            let at = kind.len().checked_sub(end.len());
            at.and_then(|at| kind.get(at..)).is_some_and(|last| last.eq_ignore_ascii_case(end))
        };
        if value.trim().is_empty() {
            Self::Unsaid
        } else if is("application/json") || kind.contains('/') && ends("+json") {
            Self::Json
        } else if is("application/x-www-form-urlencoded") {
            Self::Form
        } else {
            Self::Other
        }
    }
}

/// Reads the request's body within its limits. `slow` is called once, when the body has not arrived at once, and may refuse it.
pub(super) async fn read(
    limits: &LimitsSettings,
    headers: &HeaderMap,
    mut body: Incoming,
    slow: &mut (dyn FnMut() -> Result<(), Refusal> + Send),
) -> Result<Bytes, Refusal> {
    let limit = limits.body.get();
    let too_large = || {
        Refusal::closing(ExchangeError::new(
            ErrorKind::TooLarge,
            format!("the request body is longer than {limit} bytes"),
        ))
    };
    let declared =
        headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    if declared.is_some_and(|d| d > limit as u64) {
        return Err(too_large());
    }
    let too_late = |what: String| Refusal::closing(ExchangeError::new(ErrorKind::RequestTimeout, what));
    let begun = Instant::now();
    let until = begun + limits.body_read.0;
    let mut slow_at = Some(begun + SLOW_AFTER);
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    loop {
        if body.is_end_stream() {
            break;
        }
        let idle_until = Instant::now() + limits.body_idle.0;
        let read = loop {
            let next = idle_until.min(until).min(slow_at.unwrap_or(until));
            match tokio::time::timeout_at(next, body.frame()).await {
                Ok(read) => break read,
                Err(_) if slow_at.is_some_and(|until| until == next) => {
                    slow_at = None;
                    slow()?;
                }
                Err(_) if next == idle_until => {
                    return Err(too_late("the request body stood still for too long".into()));
                }
                Err(_) => {
                    let time = limits.body_read;
                    return Err(too_late(format!("the request body did not arrive within {time}")));
                }
            }
        };
        let frame = match read {
            Some(Ok(frame)) => frame,
            None => break,
            Some(Err(_)) => {
                return Err(Refusal::closing(ExchangeError::new(
                    ErrorKind::BadRequest,
                    "the request body is broken or not complete",
                )));
            }
        };
        let Ok(data) = frame.into_data() else { continue };
        if first.as_ref().map_or(0, Bytes::len) + rest.len() + data.len() > limit {
            return Err(too_large());
        }
        match &first {
            None => first = Some(data),
            Some(begin) => {
                if rest.is_empty() {
                    rest.extend_from_slice(begin);
                }
                rest.extend_from_slice(&data);
            }
        }
    }
    Ok(if rest.is_empty() { first.unwrap_or_default() } else { rest.freeze() })
}

/// Takes off the content coding.
pub(super) fn decoded(
    limits: &LimitsSettings,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Bytes, ExchangeError> {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    let Some(value) = codings.next() else { return Ok(body) };
    let unsupported =
        |e: &dyn std::fmt::Display| ExchangeError::new(ErrorKind::UnsupportedMedia, e.to_string());
    if codings.next().is_some() {
        return Err(unsupported(&coding::CodingError::Unknown));
    }
    match Coding::parse(value.to_str().unwrap_or("?")).map_err(|e| unsupported(&e))? {
        None => Ok(body),
        Some(coding) => match coding::decode(coding, &body, limits.body.get(), limits.inflate_ratio) {
            Ok(plain) => Ok(plain.into()),
            Err(e @ coding::CodingError::TooLong(_)) => {
                Err(ExchangeError::new(ErrorKind::TooLarge, e.to_string()))
            }
            Err(e) => Err(ExchangeError::new(ErrorKind::BadRequest, e.to_string())),
        },
    }
}

/// Most of a refused request's body that is read and dropped.
const LINGER_BYTES: usize = 64 << 10;
/// How long that may take.
const LINGER_TIME: Duration = Duration::from_secs(1);

/// Reads the rest of a short body, so that a refusal reaches an HTTP/2 client as an answer and not beside a reset of its stream, which
/// some clients report instead.
pub(super) async fn linger(mut body: Incoming) {
    let read = async {
        let mut left = LINGER_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(1, Bytes::len).max(1));
            if left == 0 {
                return;
            }
        }
    };
    // A body that takes longer is reset.
    let _ = tokio::time::timeout(LINGER_TIME, read).await;
}
