//! Connections to upstreams: TLS, credentials, time limits. Nothing of a request decides where it goes but the route.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::ExposeSecret as _;

use super::revealed::Revealed;
use super::{Credential, Timeouts, UpstreamSettings};
use crate::dialect::{ErrorKind, ExchangeError};

/// Why an upstream's settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The base URL.
    #[error("upstream `{name}`: base_url is not an http or https address")]
    BaseUrl {
        /// The upstream.
        name: String,
    },
    /// Extra roots.
    #[error("upstream `{name}`: extra_roots: {reason}")]
    Roots {
        /// The upstream.
        name: String,
        /// What is wrong with the file.
        reason: String,
    },
    /// The credential has characters that no header may have.
    #[error("upstream `{name}`: the credential cannot stand in a header")]
    Credential {
        /// The upstream.
        name: String,
    },
}

/// An upstream ready to be asked. Each worker has a [`Dialer`] of its own over it.
#[derive(Debug)]
pub struct Upstream {
    /// The name in routes, metrics and records.
    pub name: Arc<str>,
    settings: UpstreamSettings,
    scheme: http::uri::Scheme,
    authority: http::uri::Authority,
    /// Path prefix without a trailing slash.
    prefix: String,
    secret: Option<(Option<HeaderName>, HeaderValue, HeaderValue)>,
    /// Finds the secret in answers.
    revealed: Option<Revealed>,
    passthrough: bool,
    tls: Arc<rustls::ClientConfig>,
}

impl Upstream {
    /// Prepares an upstream. `base` stands in place of the settings' address where that is the built-in one.
    pub fn new(
        settings: UpstreamSettings,
        credential: &Credential,
        base: Option<&str>,
    ) -> Result<Self, UpstreamError> {
        let bad = || UpstreamError::BaseUrl { name: settings.name.clone() };
        let uri: Uri = base.unwrap_or(&settings.base_url).parse().map_err(|_| bad())?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else { return Err(bad()) };
        let prefix =
            parts.path_and_query.as_ref().map_or("", PathAndQuery::path).trim_end_matches('/').to_owned();
        let no_credential = || UpstreamError::Credential { name: settings.name.clone() };
        let (secret, passthrough) = match credential {
            Credential::None => (None, false),
            Credential::Passthrough => (None, true),
            Credential::Secret { header, value } => {
                let header = header.as_deref().map(str::parse).transpose().map_err(|_| no_credential())?;
                let sensitive = |text: &str| {
                    let mut value = HeaderValue::from_str(text).map_err(|_| no_credential())?;
                    value.set_sensitive(true);
                    Ok::<_, UpstreamError>(value)
                };
                let plain = sensitive(value.expose_secret())?;
                let bearer = sensitive(&format!("Bearer {}", value.expose_secret()))?;
                (Some((header, plain, bearer)), false)
            }
        };
        let tls = Arc::new(
            tls(settings.extra_roots.as_deref())
                .map_err(|reason| UpstreamError::Roots { name: settings.name.clone(), reason })?,
        );
        Ok(Self {
            name: settings.name.as_str().into(),
            settings,
            scheme,
            authority,
            prefix,
            revealed: secret.as_ref().and_then(|(_, plain, _)| Revealed::new(plain.as_bytes())),
            secret,
            passthrough,
            tls,
        })
    }

    /// Its settings.
    pub fn settings(&self) -> &UpstreamSettings {
        &self.settings
    }

    /// Its time limits.
    pub fn timeouts(&self) -> &Timeouts {
        &self.settings.timeouts
    }

    /// Whether a field of an answer holds this upstream's credential.
    pub fn is_revealed_by(&self, value: &HeaderValue) -> bool {
        self.secret
            .as_ref()
            .is_some_and(|(_, plain, _)| memchr::memmem::find(value.as_bytes(), plain.as_bytes()).is_some())
    }

    /// Whether bytes of an answer's body hold this upstream's credential, as far as they have come: `tail` keeps what of it may go on in
    /// the next ones. One of fewer than eight characters is not looked for: it may stand there by chance.
    pub fn is_revealed_in(&self, tail: &mut Vec<u8>, bytes: &[u8]) -> bool {
        self.revealed.as_ref().is_some_and(|revealed| revealed.is_in(tail, bytes))
    }

    /// Where a canonical path leads: a version that ends the prefix and begins the path stands once.
    fn uri(&self, path: &str, query: Option<&str>) -> Option<Uri> {
        let last = self.prefix.rsplit('/').next().filter(|p| !p.is_empty());
        let rest = last
            .and_then(|version| path.strip_prefix('/')?.strip_prefix(version))
            .filter(|rest| rest.starts_with('/'))
            .unwrap_or(path);
        let mut target =
            String::with_capacity(self.prefix.len() + rest.len() + query.map_or(0, |q| q.len() + 1));
        target.push_str(&self.prefix);
        target.push_str(rest);
        if let Some(query) = query.filter(|q| !q.is_empty()) {
            target.push('?');
            target.push_str(query);
        }
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(target)
            .build()
            .ok()
    }

    /// Puts the upstream's credential in place of the client's, in the form that the dialect expects.
    fn authorise(
        &self,
        dialect: &str,
        client: &HeaderMap,
        query_key: Option<&[u8]>,
        headers: &mut HeaderMap,
    ) {
        let forms =
            [AUTHORIZATION, HeaderName::from_static("x-api-key"), HeaderName::from_static("x-goog-api-key")];
        if self.passthrough {
            for name in forms.into_iter().chain([HeaderName::from_static("api-key")]) {
                if let Some(value) = client.get(&name) {
                    headers.insert(name, value.clone());
                }
            }
            // A query ends in the logs of whoever reads it; the field says the same to who takes `key` there.
            if let Some(Ok(mut value)) = query_key.map(HeaderValue::from_bytes) {
                value.set_sensitive(true);
                headers.insert(HeaderName::from_static("x-goog-api-key"), value);
            }
            return;
        }
        let Some((header, plain, bearer)) = &self.secret else { return };
        let [authorization, api_key, goog] = forms;
        match (header, dialect) {
            (Some(name), _) if *name == authorization => headers.insert(authorization, bearer.clone()),
            (Some(name), _) => headers.insert(name, plain.clone()),
            (None, "anthropic") => headers.insert(api_key, plain.clone()),
            (None, "gemini") => headers.insert(goog, plain.clone()),
            (None, _) => headers.insert(authorization, bearer.clone()),
        };
    }
}

/// TLS with the public roots and those of a file, or what is wrong with the file.
pub(super) fn tls(extra: Option<&Path>) -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(path) = extra {
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
        let mut added = 0;
        for certificate in certificates {
            roots.add(certificate.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
            added += 1;
        }
        if added == 0 {
            return Err("the file holds no certificate".into());
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

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
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Dialer {
    /// No connection yet.
    pub fn new(upstream: Arc<Upstream>) -> Self {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(upstream.timeouts().connect.0));
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config((*upstream.tls).clone())
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(Duration::from_mins(1))
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .build(https);
        Self { upstream, client }
    }

    /// The upstream.
    pub fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }

    /// Sends a request and waits for the answer's head. A request is sent again only while the upstream has not read a byte of it.
    pub async fn send(&self, outgoing: Outgoing<'_>) -> Result<Response<Incoming>, ExchangeError> {
        let name = &self.upstream.name;
        let Some(uri) = self.upstream.uri(outgoing.path, outgoing.query) else {
            return Err(ExchangeError::new(ErrorKind::BadRequest, "the path cannot be sent to the upstream"));
        };
        let mut request = Request::new(Full::new(outgoing.body));
        *request.method_mut() = outgoing.method;
        *request.uri_mut() = uri;
        *request.headers_mut() = outgoing.headers;
        let Outgoing { dialect, client, query_key, .. } = outgoing;
        self.upstream.authorise(dialect, client, query_key, request.headers_mut());
        match tokio::time::timeout(self.upstream.timeouts().first_byte.0, self.client.request(request)).await
        {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                let (what, cause) = failure(&error);
                tracing::warn!(upstream = %name, cause, "{what}");
                Err(ExchangeError::new(
                    ErrorKind::UpstreamUnreachable,
                    format!("the upstream `{name}` {what}"),
                ))
            }
            Err(_) => Err(ExchangeError::new(
                ErrorKind::UpstreamTimeout,
                format!("the upstream `{name}` did not answer in time"),
            )),
        }
    }
}

/// What the client is told of a request that got no answer, and the innermost cause for the log.
fn failure(error: &hyper_util::client::legacy::Error) -> (&'static str, String) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(base: &str) -> Option<Upstream> {
        let settings = UpstreamSettings {
            name: "u".into(),
            dialects: Vec::new(),
            base_url: base.into(),
            credential: None,
            timeouts: Timeouts::default(),
            extra_roots: None,
            region: None,
        };
        Upstream::new(settings, &Credential::None, None).ok()
    }

    #[test]
    fn versions_stand_once() {
        for (base, path, want) in [
            ("https://a.test", "/v1/chat/completions", "https://a.test/v1/chat/completions"),
            ("https://a.test/v1/", "/v1/chat/completions", "https://a.test/v1/chat/completions"),
            ("https://a.test/api/v1", "/v1/models", "https://a.test/api/v1/models"),
            ("https://a.test/x", "/v1/models", "https://a.test/x/v1/models"),
            ("https://a.test/v1", "/v10/models", "https://a.test/v1/v10/models"),
        ] {
            let got = upstream(base).and_then(|u| u.uri(path, Some("a=b")));
            assert_eq!(got.map(|u| u.to_string()), Some(format!("{want}?a=b")));
        }
        assert!(upstream("ftp").is_none());
    }
}
