//! Where upstreams are: what is wrong with a base URL, and whether requests reach it and stay private on their way.

use std::net::{IpAddr, SocketAddr};

use super::check::Check;
use super::file::File;
use crate::diag::{Diagnostic, Step, nearest};
use crate::upstream::{DEMONSTRATION, UpstreamSettings};

impl Check<'_> {
    pub(super) fn base_url(&mut self, n: usize, upstream: &UpstreamSettings) {
        let place: [Step<'_>; 3] = ["upstream".into(), n.into(), "base_url".into()];
        if upstream.is_demonstration() {
            if upstream.credential.is_some() {
                let [a, b, _] = place;
                let diagnostic =
                    Diagnostic::error("conflict", "the demonstration upstream takes no credential");
                self.key(&[a, b, "credential".into()], diagnostic, "not needed");
            }
            return;
        }
        match url_fault(&upstream.base_url) {
            Err(fault) => {
                let mut diagnostic = Diagnostic::error("bad-url", fault);
                if nearest(&upstream.base_url, &[DEMONSTRATION]).is_some() {
                    diagnostic = diagnostic.help(format!("did you mean `{DEMONSTRATION}`?"));
                }
                self.value(
                    &place,
                    diagnostic.help("a base URL looks like `https://api.example.com`"),
                    "not a base URL",
                );
            }
            Ok(reach @ (Reach::Near | Reach::Clear)) => {
                let sends = upstream.credential.as_ref().is_some_and(|c| c.env.is_some() || c.file.is_some());
                let what = match reach {
                    _ if sends => "the credential travels unencrypted",
                    Reach::Clear => "prompts and answers travel unencrypted",
                    Reach::Near | Reach::Safe => return,
                };
                let diagnostic = Diagnostic::warning("clear-text", what).help("use `https://`");
                self.value(&place, diagnostic, "plain http to another machine");
            }
            Ok(Reach::Safe) => {}
        }
    }

    /// An upstream that is this gateway: each request would become another, and that one another.
    pub(super) fn own_addresses(&mut self, file: &File) {
        for (n, upstream) in file.upstreams.iter().enumerate() {
            if upstream.is_demonstration() || url_fault(&upstream.base_url).is_err() {
                continue;
            }
            let Ok(uri) = upstream.base_url.parse::<http::Uri>() else { continue };
            let listeners = [("data", file.server.data), ("operations", file.server.operations)];
            let Some((name, address)) = listeners.into_iter().find(|(_, address)| leads_to(&uri, *address))
            else {
                continue;
            };
            let message =
                format!("upstream `{}` is this gateway: `server.{name}` is {address}", upstream.name);
            let diagnostic = Diagnostic::error("own-address", message)
                .help("a base URL is where the provider or the model server is");
            self.value(&["upstream".into(), n.into(), "base_url".into()], diagnostic, "leads back here");
        }
    }

    /// An upstream to which no request goes.
    pub(super) fn idle_upstreams(&mut self, file: &File) {
        // What is wrong comes first: an upstream without a route is often the one whose name a route misspells.
        if self.found.iter().any(Diagnostic::is_error) {
            return;
        }
        if (self.is_gone)(&[], "route") || (self.is_gone)(&[], "upstream") {
            return;
        }
        for (n, upstream) in file.upstreams.iter().enumerate() {
            let earlier = || file.upstreams.iter().take(n);
            let taken = |d| earlier().any(|e| e.dialects.contains(d));
            let (is_idle, help) = if file.routes.is_empty() {
                let help = "without routes the first upstream that speaks a request's dialect takes it: add a `[[route]]`";
                (!upstream.dialects.is_empty() && upstream.dialects.iter().all(taken), help)
            } else {
                (file.routes.iter().all(|r| r.upstream != upstream.name), "add a `[[route]]` that names it")
            };
            if is_idle && earlier().all(|e| e.name != upstream.name) {
                let message = format!("no request reaches upstream `{}`", upstream.name);
                let diagnostic = Diagnostic::warning("idle-upstream", message).help(help);
                self.value(&["upstream".into(), n.into(), "name".into()], diagnostic, "never asked");
            }
        }
    }
}

pub(super) enum Reach {
    /// TLS, or this machine.
    Safe,
    /// Plain text to another machine of a network of one's own.
    Near,
    /// Plain text to another machine.
    Clear,
}

/// Whether a URL's host and port are those of a listener of this machine.
fn leads_to(uri: &http::Uri, listener: SocketAddr) -> bool {
    let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    if listener.port() == 0 || uri.port_u16().unwrap_or(default) != listener.port() {
        return false;
    }
    let host = bare(uri.host().unwrap_or(""));
    let own = listener.ip().to_canonical();
    let here = own.is_loopback() || own.is_unspecified();
    match host.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(ip) => ip == own || here && ip.is_unspecified() || own.is_unspecified() && ip.is_loopback(),
        Err(_) => here && is_localhost(host),
    }
}

fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

fn is_localhost(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

/// Whether a host is of a network of one's own: by its address, or by a name that no public host has.
fn is_near(host: &str) -> bool {
    match bare(host).parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(IpAddr::V4(ip)) => {
            let [a, b, ..] = ip.octets();
            ip.is_private() || ip.is_link_local() || ip.is_unspecified() || (a == 100 && b & 0xc0 == 64)
        }
        Ok(IpAddr::V6(ip)) => ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified(),
        Err(_) => {
            let host = host.trim_end_matches('.').to_ascii_lowercase();
            let ends = [".internal", ".local", ".lan", ".home.arpa", ".svc", ".intranet"];
            !host.contains('.') || ends.iter().any(|end| host.ends_with(end))
        }
    }
}

/// What is wrong with a base URL.
pub(super) fn url_fault(url: &str) -> Result<Reach, String> {
    if url.contains('@') {
        // Not repeated: what stands before the @ may be a password.
        return Err("a base URL holds no user and no password".into());
    }
    if url.contains(['?', '#']) {
        return Err(format!("`{url}` has a query or a fragment"));
    }
    let uri: http::Uri = url.parse().map_err(|e| format!("`{url}` is not a URL: {e}"))?;
    let host = uri.host().unwrap_or("");
    if host.is_empty() {
        return Err(format!("`{url}` names no host"));
    }
    let port = uri.authority().and_then(|a| a.as_str().strip_prefix(host)).filter(|p| !p.is_empty());
    if uri.scheme().is_some() && port.is_some() && uri.port_u16().is_none_or(|p| p == 0) {
        return Err(format!("`{url}` has a port that is not a number from 1 to 65535"));
    }
    match uri.scheme_str() {
        Some("https") => Ok(Reach::Safe),
        Some("http") => {
            let here = is_localhost(host)
                || bare(host).parse::<IpAddr>().is_ok_and(|a| a.to_canonical().is_loopback());
            Ok(match here {
                true => Reach::Safe,
                false if is_near(host) => Reach::Near,
                false => Reach::Clear,
            })
        }
        Some(other) => Err(format!("`{other}` is neither `https` nor `http`")),
        None => Err(format!("`{url}` has no scheme")),
    }
}
