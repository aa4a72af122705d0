//! Fetches lists of words for rules: what an operator allows, no larger than allowed, and never by way of somewhere else.

use std::path::Path;
use std::time::Duration;

use http::StatusCode;
use http::header::{ETAG, IF_NONE_MATCH};

use super::client::tls;
use super::web;

/// How long a connection may take, and a whole answer.
const CONNECT: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_secs(60);

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The extra roots cannot be used.
    #[error("`list_roots`: {0}")]
    Roots(String),
    /// It could not be asked or did not answer to the end.
    #[error("it cannot be fetched: {0}")]
    Network(String),
    /// The answer is another one.
    #[error("it is answered with status {0}")]
    Status(u16),
    /// It has more than is allowed.
    #[error("it has more than {0} bytes")]
    TooLarge(u64),
}

/// What a server says of a list.
#[derive(Debug)]
pub enum Fetched {
    /// It is the one that is there already.
    Same,
    /// It is this one, which has this tag.
    New(Vec<u8>, Option<String>),
}

/// Connections for lists.
#[derive(Debug)]
pub struct ListClient(reqwest::Client);

impl ListClient {
    /// No connection yet. `roots` is a file of certificates that are trusted besides the public ones.
    pub fn new(roots: Option<&Path>) -> Result<Self, ListError> {
        let tls = tls(roots).map_err(ListError::Roots)?;
        let client = web::client(tls, CONNECT, WHOLE).build();
        client.map(Self).map_err(|error| ListError::Network(said(error)))
    }

    /// Fetches a list of at most so many bytes, unless it still has this tag.
    pub async fn fetch(&self, url: &str, tag: Option<&str>, most: u64) -> Result<Fetched, ListError> {
        let mut request = self.0.get(url);
        if let Some(tag) = tag {
            request = request.header(IF_NONE_MATCH, tag);
        }
        let mut answer = request.send().await.map_err(|error| ListError::Network(said(error)))?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if tag.is_some() => return Ok(Fetched::Same),
            other => return Err(ListError::Status(other.as_u16())),
        }
        if answer.content_length().is_some_and(|length| length > most) {
            return Err(ListError::TooLarge(most));
        }
        let tag = answer.headers().get(ETAG).and_then(|tag| Some(tag.to_str().ok()?.to_owned()));
        let room = usize::try_from(most).unwrap_or(usize::MAX);
        let read = web::body(&mut answer, room).await;
        let (content, more) = read.map_err(|error| ListError::Network(said(error)))?;
        if more {
            return Err(ListError::TooLarge(most));
        }
        Ok(Fetched::New(content, tag))
    }
}

/// What went wrong, down to its cause. Whoever asked knows the URL.
fn said(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut said = error.to_string();
    let mut next = std::error::Error::source(&error);
    while let Some(cause) = next {
        said = cause.to_string();
        next = cause.source();
    }
    said
}
