//! A request's head, read strictly and once: one host, one framing, one path that every reader reads the same way.

use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, TRANSFER_ENCODING};
use http::{HeaderMap, Method, Request, Version};

use crate::dialect::{ErrorKind, ExchangeError};
use crate::text::percent_decoded;

/// What of a head the rest of the gateway sees.
#[derive(Debug)]
pub struct Head {
    /// Method.
    pub method: Method,
    /// The path, without a query; every byte of it plain.
    pub path: String,
    /// The raw query without the credential that Gemini's clients put there.
    pub query: Option<String>,
    /// The client's key, wherever the dialect puts it.
    pub key: Option<Vec<u8>>,
    /// Whether it stood in the query.
    pub key_in_query: bool,
}

fn bad(message: &str) -> ExchangeError {
    ExchangeError::new(ErrorKind::BadRequest, message)
}

/// Reads a head; `uri_limit` is in bytes. Errors close the connection: what follows on it cannot be trusted.
pub fn read<B>(request: &Request<B>, uri_limit: usize) -> Result<Head, ExchangeError> {
    let headers = request.headers();
    one_host(request)?;
    one_framing(headers)?;
    // What is judged under the one must not be read under the other.
    if headers.get_all(CONTENT_TYPE).iter().count() > 1 {
        return Err(bad("more than one `content-type`"));
    }
    let path = path(request.uri().path(), request.uri().query(), uri_limit)?;
    let (query, query_key) = query(request.uri().query())?;
    let key_in_query = query_key.is_some();
    let key = credential(headers, query_key)?;
    Ok(Head { method: request.method().clone(), path, query, key, key_in_query })
}

/// Whether an HTTP/2 request breaks a rule of RFC 9113 that the library below leaves to us, so that its stream is reset: a field value
/// that starts or ends in white space (section 8.2.1), hosts that differ (8.3.1), `CONNECT` to nowhere (8.5). HTTP/1 requests are none.
pub fn malformed<B>(request: &Request<B>) -> bool {
    let padded = |value: &http::HeaderValue| {
        let ends = [value.as_bytes().first(), value.as_bytes().last()];
        ends.iter().any(|b| matches!(b, Some(b' ' | b'\t')))
    };
    request.version() >= Version::HTTP_2
        && (!same_host(request)
            || (request.method() == Method::CONNECT && request.uri().authority().is_none())
            || request.headers().values().any(padded))
}

/// Whether no `host` field says otherwise than `:authority`.
fn same_host<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (host, more) = (hosts.next(), hosts.next());
    let authority = request.uri().authority().map(|a| a.as_str().as_bytes());
    let same = authority.zip(host).is_none_or(|(a, h)| a.eq_ignore_ascii_case(h.as_bytes()));
    same && more.is_none()
}

/// RFC 9112 section 3.2: exactly one Host. A proxy for named APIs is no forward proxy: absolute targets are refused.
fn one_host<B>(request: &Request<B>) -> Result<(), ExchangeError> {
    // Nothing is decided by the host, but what stands behind the gateway may: `localhost/#@elsewhere` is no host (CVE-2026-49468).
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-._:[]%".contains(b);
    if request.headers().get(HOST).is_some_and(|h| !h.as_bytes().iter().all(plain)) {
        return Err(bad("the `host` field holds more than a host"));
    }
    if request.version() >= Version::HTTP_2 {
        if !same_host(request) {
            return Err(bad("`:authority` and `host` name different hosts"));
        }
        return Ok(());
    }
    if request.uri().authority().is_some() || request.uri().scheme().is_some() {
        return Err(bad("the request target must be a path"));
    }
    match request.headers().get_all(HOST).iter().count() {
        1 => Ok(()),
        0 if request.version() == Version::HTTP_10 => Ok(()),
        n => Err(bad(if n == 0 { "the `host` field is missing" } else { "more than one `host` field" })),
    }
}

/// RFC 9112 section 6.1: a message with both lengths is an attempt at smuggling, and only `chunked` alone is understood.
fn one_framing(headers: &HeaderMap) -> Result<(), ExchangeError> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next() {
        if headers.contains_key(CONTENT_LENGTH) {
            return Err(bad("both `content-length` and `transfer-encoding`"));
        }
        if codings.next().is_some() || !coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
            return Err(bad("`transfer-encoding` other than `chunked`"));
        }
    }
    if headers.get_all(CONTENT_LENGTH).iter().count() > 1 {
        return Err(bad("more than one `content-length`"));
    }
    Ok(())
}

/// The path as every reader must read it. Unreserved characters and `:` only, besides `%`-escapes of what is neither a letter, a
/// digit, `-._~` nor a slash: whatever could be decoded twice, climb or hide is refused.
fn path(path: &str, query: Option<&str>, limit: usize) -> Result<String, ExchangeError> {
    if path.len() + query.map_or(0, str::len) > limit {
        return Err(ExchangeError::new(
            ErrorKind::BadRequest,
            format!("the path and query are longer than {limit} bytes"),
        ));
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:@/".contains(&b);
    if !path.starts_with('/') || !path.bytes().all(plain) {
        return Err(ExchangeError::new(
            ErrorKind::NotFound,
            "the path holds characters that no endpoint has",
        ));
    }
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let last = segments.len() - 1;
    let odd = |(i, s): (usize, &&str)| *s == "." || *s == ".." || (s.is_empty() && i != last);
    if segments.iter().enumerate().any(odd) {
        return Err(ExchangeError::new(ErrorKind::NotFound, "the path holds empty or dot segments"));
    }
    Ok(path.to_owned())
}

/// The query without `key`, which is a credential, however its name is written: an escaped name is the same name to the upstream.
fn query(query: Option<&str>) -> Result<(Option<String>, Option<Vec<u8>>), ExchangeError> {
    let Some(query) = query else { return Ok((None, None)) };
    let mut key: Option<Vec<u8>> = None;
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some((name, value)) if percent_decoded(name).eq_ignore_ascii_case(b"key") => {
                let value = percent_decoded(value);
                if value.iter().any(u8::is_ascii_control) {
                    return Err(bad("the key in the query holds characters that no key has"));
                }
                if key.as_ref().is_some_and(|k| *k != value) {
                    return Err(bad("more than one credential"));
                }
                key = Some(value);
            }
            _ => kept.push(pair),
        }
    }
    Ok(((!kept.is_empty()).then(|| kept.join("&")), key))
}

/// The client's key: a bearer token, or the field that the dialect's SDK uses. Two different ones are refused.
fn credential(headers: &HeaderMap, query: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, ExchangeError> {
    let mut found = query;
    // `api-key` is Azure's.
    let names = ["x-api-key", "x-goog-api-key", "api-key"]
        .map(HeaderName::from_static)
        .into_iter()
        .chain([AUTHORIZATION]);
    for name in names {
        for value in headers.get_all(&name) {
            let value = value.as_bytes();
            // RFC 9110 section 11.6.2: one space or more.
            let scheme = value.get(..7).is_some_and(|s| s.eq_ignore_ascii_case(b"bearer "));
            let key = if scheme { value.get(7..).unwrap_or_default().trim_ascii_start() } else { value };
            if found.as_deref().is_some_and(|f| f != key) {
                return Err(bad("more than one credential"));
            }
            found = Some(key.to_vec());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tricky_paths_are_no_paths() {
        for trick in [
            "//v1/chat/completions",
            "/v1//chat/completions",
            "/v1/../v1/chat/completions",
            "/v1/./chat/completions",
            "/v1/chat%2fcompletions",
            "/v1/chat/completions;x=1",
            "/v1/chat/completions%00",
            "/v1/%63hat/completions",
            "/v1\\chat",
            "*",
            "",
        ] {
            assert!(path(trick, None, 8192).is_err(), "{trick}");
        }
        assert!(path("/v1/models/a:generateContent", None, 8192).is_ok());
        assert!(path("/v1/chat/completions/", None, 8192).is_ok());
        assert!(path("/v1", Some("x"), 3).is_err());
    }

    #[test]
    fn malformed_requests_are_those_that_rfc_9113_names() {
        let request = |method: &str, uri: &str, version: Version, fields: &[(&str, &str)]| {
            let mut request = Request::builder().method(method).uri(uri).version(version);
            for (name, value) in fields {
                request = request.header(*name, *value);
            }
            malformed(&request.body(()).unwrap())
        };
        let (one, two, uri) = (Version::HTTP_11, Version::HTTP_2, "http://a.example/v1/models");
        assert!(!request("GET", uri, two, &[("host", "A.example"), ("x", "in side")]));
        assert!(!request("CONNECT", "a.example:1", two, &[]));
        for fields in [&[("host", "b.example")][..], &[("host", "a.example"), ("host", "a.example")]] {
            assert!(request("GET", uri, two, fields), "{fields:?}");
        }
        for value in [" x", "x ", "\tx", "x\t"] {
            assert!(request("GET", uri, two, &[("x", value)]), "{value:?}");
            assert!(!request("GET", "/", one, &[("x", value)]), "{value:?}");
        }
        assert!(request("CONNECT", "/", two, &[]));
    }

    #[test]
    fn keys_are_read_wherever_sdks_put_them() {
        let read = |fields: &[(&'static str, &'static str)]| {
            let headers: HeaderMap = fields
                .iter()
                .map(|(n, v)| (HeaderName::from_static(n), http::HeaderValue::from_static(v)))
                .collect();
            credential(&headers, None)
        };
        for fields in [
            &[("authorization", "Bearer k")][..],
            &[("authorization", "bearer   k")],
            &[("authorization", "k")],
            &[("x-api-key", "k")],
            &[("x-goog-api-key", "k")],
            &[("api-key", "k")],
            &[("api-key", "k"), ("authorization", "Bearer  k")],
        ] {
            assert_eq!(read(fields), Ok(Some(b"k".to_vec())), "{fields:?}");
        }
        assert!(read(&[("api-key", "k"), ("x-api-key", "other")]).is_err());
    }

    #[test]
    fn credentials_leave_the_query() {
        for (text, kept, key) in [
            ("key=abc&alt=sse", Some("alt=sse"), Some("abc")),
            ("key=abc", None, Some("abc")),
            ("k%65y=abc&alt=sse", Some("alt=sse"), Some("abc")),
            ("KEY=a%2Bc&&x", Some("x"), Some("a+c")),
            ("key=a&key=a", None, Some("a")),
            ("include%5B%5D=a&%24alt=sse", Some("include%5B%5D=a&%24alt=sse"), None),
            ("monkey=a&key", Some("monkey=a&key"), None),
        ] {
            let want = (kept.map(str::to_owned), key.map(|k| k.as_bytes().to_vec()));
            assert_eq!(query(Some(text)), Ok(want), "{text}");
        }
        for text in ["key=a&key=b", "key=a&k%65y=b", "key=a%0d%0ab"] {
            assert!(query(Some(text)).is_err(), "{text}");
        }
    }
}
