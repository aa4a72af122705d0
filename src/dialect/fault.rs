//! What ends an exchange before its time, and whose fault it was.

use super::quoted;

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
    /// No error: the gateway answers in the model's place that it is time for a break.
    Reminder,
    /// No error: the gateway answers in the model's place that the user has ended the session.
    SessionEnded,
    /// Who asks was blocked too often.
    Suspended,
    /// Data in the request may not go where the upstream stands.
    Residency,
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
            Self::Reminder | Self::SessionEnded => 200,
            Self::BadRequest | Self::Blocked | Self::Unscanned => 400,
            Self::Unauthorized => 401,
            Self::Forbidden | Self::Suspended | Self::Residency => 403,
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

    /// Whether it is no error but an answer of the gateway's own.
    pub fn is_answer(self) -> bool {
        matches!(self, Self::Reminder | Self::SessionEnded)
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
            Self::Blocked
            | Self::Unscanned
            | Self::Suspended
            | Self::Residency
            | Self::Reminder
            | Self::SessionEnded => Fault::Policy,
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
            Self::Reminder => "reminder",
            Self::SessionEnded => "session_ended",
            Self::Suspended => "suspended",
            Self::Residency => "residency",
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
    /// The same for its program, where the policy is the reason.
    pub details: Option<Box<Details>>,
}

/// What a program is told of a block: names with what they say, in the order in which they stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details(Vec<(&'static str, Detail)>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Detail {
    Text(String),
    Texts(Vec<String>),
    Number(u64),
    Yes,
}

impl Details {
    /// One more text.
    pub fn text(&mut self, name: &'static str, text: impl Into<String>) {
        self.0.push((name, Detail::Text(text.into())));
    }

    /// One more list of texts, if there are any.
    pub fn texts(&mut self, name: &'static str, texts: Vec<String>) {
        if !texts.is_empty() {
            self.0.push((name, Detail::Texts(texts)));
        }
    }

    /// One more number.
    pub fn number(&mut self, name: &'static str, number: u64) {
        self.0.push((name, Detail::Number(number)));
    }

    /// That something is so.
    pub fn yes(&mut self, name: &'static str) {
        self.0.push((name, Detail::Yes));
    }

    /// The members of a JSON object, each with a comma before it.
    pub(super) fn members(&self) -> String {
        let member = |(name, detail): &(&str, Detail)| {
            let value = match detail {
                Detail::Text(text) => quoted(text),
                Detail::Texts(texts) => {
                    format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(","))
                }
                Detail::Number(number) => number.to_string(),
                Detail::Yes => "true".to_owned(),
            };
            format!(",{}:{value}", quoted(name))
        };
        self.0.iter().map(member).collect()
    }

    /// The same as a map of texts, which is all that some wire formats have.
    pub(super) fn map(&self) -> String {
        let member = |(name, detail): &(&str, Detail)| {
            let value = match detail {
                Detail::Text(text) => text.clone(),
                Detail::Texts(texts) => texts.join("; "),
                Detail::Number(number) => number.to_string(),
                Detail::Yes => "true".to_owned(),
            };
            format!("{}:{}", quoted(name), quoted(&value))
        };
        format!("{{{}}}", self.0.iter().map(member).collect::<Vec<_>>().join(","))
    }
}

impl ExchangeError {
    /// An error of this kind with this message.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), details: None }
    }

    /// The details as a member of a JSON object, with a comma before it; nothing, where there are none.
    pub(super) fn member(&self) -> String {
        let members = self.details.as_ref().map(|details| details.members());
        let members = members.as_ref().and_then(|members| members.strip_prefix(','));
        members.map_or_else(String::new, |members| format!(r#","sluicegate":{{{members}}}"#))
    }

    /// The reason for which a whole answer ends: `stop`, where it is no error.
    pub(super) fn finish<'w>(&self, stop: &'w str, refused: &'w str) -> &'w str {
        if self.kind.is_answer() { stop } else { refused }
    }

    /// What a closing frame says of the reason, in a field of its own that SDKs keep but do not need.
    pub(super) fn reason(&self) -> String {
        let details = self.details.as_ref().map_or_else(String::new, |details| details.members());
        format!(r#""sluicegate":{{"reason":{}{details}}}"#, quoted(&self.message))
    }

    /// The HTTP status for the client.
    pub fn status(&self) -> u16 {
        self.kind.status()
    }
}
