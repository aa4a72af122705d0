//! Who may use what no key protects: programs on this machine. A web page that somebody looks at here is no such program, yet its
//! browser is one: it sends forms to any address without asking first, and a page whose name is given this machine's address (DNS
//! rebinding) counts as the gateway's own. So the gateway must be called by a name of this machine (against DNS rebinding), and no page of
//! another origin may ask (against cross-origin requests).

use std::net::{Ipv4Addr, Ipv6Addr};

use http::header::{HOST, HeaderName, HeaderValue, ORIGIN};
use http::{HeaderMap, Request};

use crate::dialect::{ErrorKind, ExchangeError};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses what a web page sends, other than one that came from the gateway's own address.
pub(super) fn check<B>(request: &Request<B>, names: &[String]) -> Result<(), ExchangeError> {
    let message = match stranger(request, names) {
        None => return Ok(()),
        Some(Stranger::Name) => {
            "without keys this gateway answers to this machine's own names only: call it as `localhost` or `127.0.0.1`, add the name to `server.hosts`, or give it keys"
        }
        Some(Stranger::Page) => {
            "without keys this gateway answers no web page: call it from a program, or give it keys"
        }
    };
    Err(ExchangeError::new(ErrorKind::Forbidden, message))
}

/// Why a request is not a program's of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stranger {
    /// It calls the gateway by a name that may be anybody's.
    Name,
    /// A web page sent it.
    Page,
}

/// What speaks against a request; a page that came from the gateway's own address is no stranger.
pub(super) fn stranger<B>(request: &Request<B>, names: &[String]) -> Option<Stranger> {
    let host = host_of(request);
    if host.is_some_and(|host| !is_this_machine(host, names)) {
        return Some(Stranger::Name);
    }
    let headers = request.headers();
    let own = |origin: &HeaderValue| {
        let origin = origin.to_str().unwrap_or_default();
        let (scheme, rest) = origin.split_once("://").unwrap_or_default();
        matches!(scheme, "http" | "https") && host.is_some_and(|host| host.eq_ignore_ascii_case(rest))
    };
    let here = |site: &HeaderValue| matches!(site.as_bytes(), b"same-origin" | b"none");
    let known = headers.get_all(ORIGIN).iter().all(own) && headers.get_all(FETCH_SITE).iter().all(here);
    (!known).then_some(Stranger::Page)
}

/// What the request calls the gateway: no name at all where it calls it by several. HTTP/1.0 may say nothing, and browsers do not speak it.
pub(super) fn host_of<B>(request: &Request<B>) -> Option<&str> {
    let field = || {
        let mut hosts = request.headers().get_all(HOST).iter();
        let host = hosts.next()?;
        Some(if hosts.next().is_some() { "" } else { host.to_str().unwrap_or_default() })
    };
    request.uri().authority().map(http::uri::Authority::as_str).or_else(field)
}

/// Whether a browser sent this.
pub(super) fn from_browser(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) || headers.keys().any(|name| name.as_str().starts_with("sec-fetch-"))
}

/// Whether `host`, perhaps with a port, is a name or address that means this machine whatever a name server says, or one of `names`.
pub(super) fn is_this_machine(host: &str, names: &[String]) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let Some((address, port)) = rest.split_once(']') else { return false };
            let here = address.parse::<Ipv6Addr>().is_ok_and(|a| a.to_canonical().is_loopback());
            return here && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
        }
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let bare = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let here = bare == "localhost"
        || bare.ends_with(".localhost")
        || name.parse::<Ipv4Addr>().is_ok_and(|a| a.is_loopback())
        || names.iter().any(|name| name.eq_ignore_ascii_case(&bare));
    here && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine() {
        let names = ["gateway.internal".to_owned()];
        for host in ["localhost", "a.b.LocalHost:1", "127.255.0.1:65535", "[::1]:80", "Gateway.Internal:80"] {
            assert!(is_this_machine(host, &names), "{host}");
        }
        for host in [
            "",
            "localhost:65536",
            "localhost:+1",
            "user@localhost",
            "0177.0.0.1",
            "gateway.internal.evil.example",
        ] {
            assert!(!is_this_machine(host, &names), "{host}");
        }
        assert!(!is_this_machine("gateway.internal", &[]));
    }
}
