//! Asks a gateway from outside, as one of its clients does: whole chats over HTTP, for assessments before launch.

use http::{HeaderMap, StatusCode};
use std::time::Duration;

use super::client::tls;
use super::web;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// An answer with more bytes is none that a question of a bank gets.
const MOST: usize = 8 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No connections can be made at all.
    #[error("no client can be made: {0}")]
    Client(String),
    /// It could not be asked or did not answer to the end.
    #[error("{0}")]
    Network(String),
    /// The answer is too long.
    #[error("the answer has more than {MOST} bytes")]
    TooLong,
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Answered {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

/// Connections to one place.
#[derive(Debug, Clone)]
pub struct Asker {
    client: reqwest::Client,
    url: String,
    key: Option<String>,
}

impl Asker {
    /// No connection yet. `patience` is for a whole answer.
    pub fn new(url: String, key: Option<String>, patience: Duration) -> Result<Self, AskError> {
        let client = web::client(tls(None).map_err(AskError::Client)?, CONNECT, patience)
            .user_agent(concat!("sluicegate-assess/", env!("CARGO_PKG_VERSION")))
            .build();
        let client = client.map_err(|error| AskError::Client(error.to_string()))?;
        Ok(Self { client, url, key })
    }

    /// Posts JSON and reads the whole answer.
    pub async fn post(&self, body: String) -> Result<Answered, AskError> {
        let mut request = self.client.post(&self.url).header("content-type", "application/json").body(body);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        let said = |error: reqwest::Error| {
            let what = if error.is_timeout() {
                "no answer in time"
            } else if error.is_connect() {
                "no connection"
            } else {
                "the answer broke off"
            };
            AskError::Network(what.to_owned())
        };
        let mut answer = request.send().await.map_err(said)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let (body, more) = web::body(&mut answer, MOST).await.map_err(said)?;
        if more {
            return Err(AskError::TooLong);
        }
        Ok(Answered { status, headers, body })
    }
}
