//! Asks witnesses and timestamp services, and posts checkpoints: one address each, which the configuration names.

mod settings;

pub use settings::{AnchorKind, AnchorSettings, WitnessSettings};

use super::client::tls;
use super::settings::Credential;
use super::web;
use secrecy::{ExposeSecret as _, SecretString};
use std::path::Path;
use std::time::Duration;

/// The most bytes of an answer.
const MOST: usize = 1 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
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
pub struct Posted {
    /// The status.
    pub status: u16,
    /// The media type; empty where none is told.
    pub media: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Posted {
    /// What a refusal says, as far as it can be shown.
    pub fn said(&self) -> String {
        let said = String::from_utf8_lossy(&self.body);
        let said: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
        format!("{} {}", self.status, said.trim()).trim_end().to_owned()
    }
}

/// Connections to one address.
#[derive(Debug)]
pub struct Poster {
    client: reqwest::Client,
    url: String,
    token: Option<SecretString>,
}

impl Poster {
    /// No connection yet. `patience` is for a whole answer.
    pub fn new(
        url: String,
        extra_roots: Option<&Path>,
        patience: Duration,
        credential: &Credential,
    ) -> Result<Self, PostError> {
        let client = web::client(tls(extra_roots).map_err(PostError::Client)?, patience, patience)
            .build()
            .map_err(|error| PostError::Client(error.to_string()))?;
        let token = match credential {
            Credential::Secret { value, .. } => Some(value.clone()),
            Credential::None | Credential::Passthrough => None,
        };
        Ok(Self { client, url, token })
    }

    /// Posts bytes and reads the whole answer.
    pub async fn post(&self, media: &str, body: Vec<u8>) -> Result<Posted, PostError> {
        let mut request = self.client.post(&self.url).header("content-type", media).body(body);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        let said = |error: reqwest::Error| PostError::Network(super::sink::chain(&error.without_url()));
        let mut answer = request.send().await.map_err(said)?;
        let status = answer.status().as_u16();
        let media = answer.headers().get("content-type").and_then(|media| media.to_str().ok());
        let media = media.unwrap_or_default().to_owned();
        let (body, more) = web::body(&mut answer, MOST).await.map_err(said)?;
        if more {
            return Err(PostError::TooLong);
        }
        Ok(Posted { status, media, body })
    }
}
