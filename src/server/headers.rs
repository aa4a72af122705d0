//! Which header fields go on. Both lists are closed: what is not on them stays here, hop-by-hop fields and credentials first of all.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

use crate::telemetry::TraceParent;
use crate::upstream::Upstream;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Fields of a request that go to the upstream.
const TO_UPSTREAM: &[&str] = &[
    "accept",
    "accept-language",
    "content-type",
    "user-agent",
    "idempotency-key",
    "traceparent",
    "tracestate",
    "openai-organization",
    "openai-project",
    "openai-beta",
    "anthropic-version",
    "anthropic-beta",
    "anthropic-dangerous-direct-browser-access",
    "x-goog-api-client",
    "x-goog-user-project",
    "x-goog-request-params",
    "http-referer",
    "x-title",
];
/// Prefixes of further ones.
const TO_UPSTREAM_PREFIXES: &[&str] = &["x-stainless-"];

/// Fields of an answer that go to the client.
const TO_CLIENT: &[&str] = &[
    "content-type",
    "content-language",
    "cache-control",
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
    "request-id",
    "x-request-id",
    "cf-ray",
    "openai-model",
    "openai-organization",
    "openai-processing-ms",
    "openai-project",
    "openai-version",
    "anthropic-organization-id",
    "server-timing",
    "warning",
    "deprecation",
    "sunset",
];
/// Prefixes of further ones.
const TO_CLIENT_PREFIXES: &[&str] = &["x-ratelimit-", "anthropic-ratelimit-", "x-envoy-upstream-"];

fn listed(name: &HeaderName, names: &[&str], prefixes: &[&str]) -> bool {
    let name = name.as_str();
    names.contains(&name) || prefixes.iter().any(|p| name.starts_with(p))
}

/// Fields named by `connection`, which are for this hop only (RFC 9110 section 7.6.1).
fn named_by_connection(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get_all(http::header::CONNECTION).iter().any(|v| {
        v.to_str().is_ok_and(|v| v.split(',').any(|token| token.trim().eq_ignore_ascii_case(name.as_str())))
    })
}

fn chosen(
    headers: &HeaderMap,
    names: &[&str],
    prefixes: &[&str],
    may: impl Fn(&HeaderValue) -> bool,
) -> HeaderMap {
    let mut out = HeaderMap::with_capacity(headers.len().min(16) + 4);
    let connection = headers.contains_key(http::header::CONNECTION);
    for (name, value) in headers {
        if listed(name, names, prefixes) && may(value) && !(connection && named_by_connection(headers, name))
        {
            out.append(name.clone(), value.clone());
        }
    }
    out
}

/// The fields of a request that go on.
pub fn to_upstream(headers: &HeaderMap) -> HeaderMap {
    let mut out = chosen(headers, TO_UPSTREAM, TO_UPSTREAM_PREFIXES, |_| true);
    trace(&mut out);
    out
}

/// The trace goes on under a span of the gateway's own; a context that is not sound is dropped whole, as W3C's text asks.
fn trace(headers: &mut HeaderMap) {
    if !headers.contains_key(TRACEPARENT) {
        headers.remove(TRACESTATE);
        return;
    }
    let mut values = headers.get_all(TRACEPARENT).iter();
    let only = values.next().filter(|_| values.next().is_none());
    let child = only
        .and_then(|v| TraceParent::parse(v.to_str().ok()?)?.child())
        .and_then(|c| HeaderValue::from_str(&c.to_string()).ok());
    match child {
        Some(child) => drop(headers.insert(TRACEPARENT, child)),
        None => [TRACEPARENT, TRACESTATE].into_iter().for_each(|name| drop(headers.remove(name))),
    }
}

/// The fields of an answer that go on. One that holds the upstream's credential does not, whatever its name (Bifrost #3954).
pub fn to_client(headers: &HeaderMap, upstream: &Upstream) -> HeaderMap {
    chosen(headers, TO_CLIENT, TO_CLIENT_PREFIXES, |value| !upstream.is_revealed_by(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields.iter().map(|(n, v)| (HeaderName::from_static(n), http::HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn credentials_and_hops_stay() {
        let up = to_upstream(&map(&[
            ("authorization", "Bearer x"),
            ("x-api-key", "x"),
            ("cookie", "a"),
            ("connection", "close, openai-beta"),
            ("openai-beta", "x"),
            ("te", "trailers"),
            ("x-forwarded-for", "1"),
            ("x-stainless-lang", "python"),
            ("content-type", "application/json"),
        ]));
        let mut names: Vec<_> = up.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["content-type", "x-stainless-lang"]);
        let down = chosen(
            &map(&[
                ("set-cookie", "a"),
                ("x-api-key", "provider's"),
                ("server", "x"),
                ("x-request-id", "1"),
                ("transfer-encoding", "chunked"),
            ]),
            TO_CLIENT,
            TO_CLIENT_PREFIXES,
            |value| value != "provider's",
        );
        assert_eq!(down.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-request-id"]);
    }
}
