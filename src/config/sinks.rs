//! What can be wrong with a sink.

use super::check::Check;
use crate::diag::{Diagnostic, Step};
use crate::upstream::Credential;
use crate::upstream::sink::{Sink, SinkAddress, SinkSettings, sink_schemes};

impl Check<'_> {
    /// What can be said of each sink alone.
    pub(super) fn sinks(&mut self, sinks: &[SinkSettings]) {
        for (n, sink) in sinks.iter().enumerate() {
            let at = |key: &'static str| -> [Step<'_>; 3] { ["sink".into(), n.into(), key.into()] };
            self.name(&at("name"), &sink.name);
            self.roots(&at("extra_roots"), sink.extra_roots.as_deref());
            let roll_every = sink.roll_every.map(|time| ("roll_every", time));
            let times = [("every", sink.every), ("timeout", sink.timeout)];
            for (key, time) in times.into_iter().chain(roll_every) {
                self.time(&at(key), time);
            }
            let address = match SinkAddress::parse(&sink.url) {
                Ok(address) => address,
                Err(wrong) => {
                    let schemes: Vec<&str> = sink_schemes().collect();
                    let scheme = sink.url.split_once("://").map_or("", |(scheme, _)| scheme);
                    let mut diagnostic = Diagnostic::error(
                        "wrong-value",
                        format!("`{}` cannot be a sink's address: {wrong}", without_secret(&sink.url)),
                    );
                    diagnostic = if schemes.contains(&scheme) {
                        diagnostic
                    } else {
                        diagnostic.valid("schemes", scheme, &schemes)
                    };
                    self.value(&at("url"), diagnostic, "not an address of a sink");
                    continue;
                }
            };
            let same =
                |other: &SinkSettings| other.url.trim_end_matches('/') == sink.url.trim_end_matches('/');
            if let Some(other) = sinks.iter().take(n).find(|other| same(other)) {
                let message = format!("the sinks `{}` and `{}` have one address", other.name, sink.name);
                let diagnostic = Diagnostic::error("conflict", message)
                    .help("each writes every record: who reads there would find each twice");
                self.value(&at("url"), diagnostic, "once more");
            }
            for (key, wanted) in sink.misfits(address.kind) {
                let diagnostic = Diagnostic::error(
                    "wrong-value",
                    format!("`{key}` does not fit the sink `{}`", sink.name),
                )
                .help(wanted);
                self.value(&at(key), diagnostic, "not here");
            }
            if !address.tls && !address.is_local() {
                let diagnostic = Diagnostic::warning(
                    "clear-text",
                    format!("the sink `{}` sends records over the network in the clear", sink.name),
                )
                .help("`syslog+tls://` or `nats+tls://`, where the other side can");
                self.value(&at("url"), diagnostic, "not encrypted");
            }
        }
    }

    /// What can be said of the credential of the sink with this number, once it is there.
    pub(super) fn sink_credential(&mut self, number: usize, sink: &SinkSettings, credential: &Credential) {
        let Ok(address) = SinkAddress::parse(&sink.url) else { return };
        if let Some(fault) = Sink::credential_fault(&address, credential) {
            let message =
                format!("the credential of the sink `{}` has not the form that it needs", sink.name);
            let diagnostic = Diagnostic::error("bad-secret", message).help(fault);
            let at = ["sink".into(), number.into(), "credential".into()];
            self.value(&at, diagnostic, "the credential comes from here");
        }
    }
}

/// An address without the password that may stand in it.
fn without_secret(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://...@{host}"),
        _ => url.to_owned(),
    }
}
