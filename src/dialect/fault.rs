//! What ends an exchange before its time, and whose fault it was.

/// Whose fault it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The client sent something wrong.
    Client,
    /// The upstream failed.
    Upstream,
    /// The policy forbids it.
    Policy,
    /// The gateway cannot.
    Gateway,
}

/// What happened. Dialects map it to their own error types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Malformed body, head or value.
    BadRequest,
    /// No key or a wrong one.
    Unauthorized,
    /// The key may not do this.
    Forbidden,
    /// No such endpoint or model route.
    NotFound,
    /// The endpoint exists, the method does not.
    MethodNotAllowed,
    /// The client took too long to send its request.
    RequestTimeout,
    /// A body over the limit.
    TooLarge,
    /// More header fields than the limit (RFC 6585 section 5).
    TooManyFields,
    /// A media type or content coding that the gateway does not read.
    UnsupportedMedia,
    /// Too many requests or connections.
    RateLimited,
    /// A rule blocks the exchange.
    Blocked,
    /// Something in the exchange cannot be read and the policy does not let it pass unread.
    Unscanned,
    /// The upstream cannot be reached or broke off.
    UpstreamUnreachable,
    /// The upstream took too long.
    UpstreamTimeout,
    /// The upstream sent something that is not its dialect.
    UpstreamGarbage,
    /// The record cannot be written, so nothing is delivered.
    RecordUnavailable,
    /// The gateway stops, and the time for running answers is over.
    ShuttingDown,
    /// An upstream leads back to the gateway.
    Loop,
    /// A fault in the gateway.
    Internal,
}

impl ErrorKind {
    /// The HTTP status whose exception the official SDKs raise for this.
    pub fn status(self) -> u16 {
        match self {
            Self::BadRequest | Self::Blocked | Self::Unscanned => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::TooLarge => 413,
            Self::UnsupportedMedia => 415,
            Self::RateLimited => 429,
            Self::TooManyFields => 431,
            Self::Internal => 500,
            Self::UpstreamUnreachable | Self::UpstreamGarbage => 502,
            Self::RecordUnavailable | Self::ShuttingDown => 503,
            Self::UpstreamTimeout => 504,
            Self::Loop => 508,
        }
    }

    /// Whose fault it is.
    pub fn fault(self) -> Fault {
        match self {
            Self::BadRequest
            | Self::Unauthorized
            | Self::Forbidden
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::RequestTimeout
            | Self::TooLarge
            | Self::TooManyFields
            | Self::UnsupportedMedia
            | Self::RateLimited => Fault::Client,
            Self::Blocked | Self::Unscanned => Fault::Policy,
            Self::UpstreamUnreachable | Self::UpstreamTimeout | Self::UpstreamGarbage => Fault::Upstream,
            Self::RecordUnavailable | Self::ShuttingDown | Self::Loop | Self::Internal => Fault::Gateway,
        }
    }

    /// A stable word for error codes, metrics and records.
    pub fn code(self) -> &'static str {
        match self {
            Self::BadRequest => "invalid_request",
            Self::Unauthorized => "invalid_api_key",
            Self::Forbidden => "forbidden",
            Self::NotFound => "unknown_endpoint",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::RequestTimeout => "request_timeout",
            Self::TooLarge => "request_too_large",
            Self::TooManyFields => "too_many_fields",
            Self::UnsupportedMedia => "unsupported_media",
            Self::RateLimited => "rate_limited",
            Self::Blocked => "content_filter",
            Self::Unscanned => "unscanned_content",
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::UpstreamGarbage => "upstream_invalid_response",
            Self::RecordUnavailable => "record_unavailable",
            Self::ShuttingDown => "shutdown",
            Self::Loop => "gateway_loop",
            Self::Internal => "internal_error",
        }
    }
}

/// What ends an exchange. The message is for the client: it names rules, fields and limits, never a text of the exchange.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExchangeError {
    /// What happened.
    pub kind: ErrorKind,
    /// What the client is told: lower case, no full stop.
    pub message: String,
}

impl ExchangeError {
    /// An error of this kind with this message.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The HTTP status for the client.
    pub fn status(&self) -> u16 {
        self.kind.status()
    }
}
