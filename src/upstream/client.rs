//! Upstreams: their addresses, TLS, credentials, time limits. Nothing of a request decides where it goes but the route.

use std::path::Path;
use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{HeaderMap, Uri};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::ExposeSecret as _;

use super::revealed::Revealed;
use super::{Credential, Timeouts, UpstreamSettings};

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

/// An upstream ready to be asked. Each worker has a [`Dialer`](super::dialer::Dialer) of its own over it.
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

    /// Its settings of TLS.
    pub(super) fn tls(&self) -> rustls::ClientConfig {
        (*self.tls).clone()
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
    pub(super) fn uri(&self, path: &str, query: Option<&str>) -> Option<Uri> {
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
    pub(super) fn authorise(
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
            samplers: Vec::new(),
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
