//! What one part of the file says about another, and values that no type can refuse.

use super::file::File;
use crate::audit::is_origin;
use crate::diag::{Diagnostic, Places, Size, SourceFile, Step, Time};
use crate::limits::{KeyHash, PREFIX};
use crate::server::{RouteSettings, TenantSettings};
use crate::text::is_name;
use crate::upstream::{DEMONSTRATION, UpstreamSettings};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Names that records and metrics have for something else.
const RESERVED: [&str; 2] = ["-", "canary"];

/// A check under way.
pub(super) struct Check<'c> {
    pub(super) source: &'c Arc<SourceFile>,
    pub(super) places: &'c Places,
    /// Names of tables that could not be read, so that nobody calls them unknown.
    pub(super) dropped: &'c [String],
    /// Whether something of this key was taken out because it could not be read.
    pub(super) is_gone: &'c dyn Fn(&[Step<'_>], &str) -> bool,
    pub(super) found: Vec<Diagnostic>,
}

impl Check<'_> {
    /// Notes a mistake in the value at `path`, or at what is there of the path.
    pub(super) fn value(&mut self, path: &[Step<'_>], diagnostic: Diagnostic, label: &str) {
        let diagnostic = match self.places.value(path) {
            Some(span) => diagnostic.at(self.source, span, label),
            None => diagnostic,
        };
        self.found.push(diagnostic);
    }

    /// As [`Check::value`], pointing at the key.
    pub(super) fn key(&mut self, path: &[Step<'_>], diagnostic: Diagnostic, label: &str) {
        let diagnostic = match self.places.key(path) {
            Some(span) => diagnostic.at(self.source, span, label),
            None => diagnostic,
        };
        self.found.push(diagnostic);
    }

    /// Everything.
    pub(super) fn all(&mut self, file: &File, overrides: &super::Overrides) {
        self.listeners(file, overrides);
        self.numbers(file);
        self.texts(file);
        for (n, upstream) in file.upstreams.iter().enumerate() {
            self.upstream(n, upstream);
        }
        let names: Vec<&str> = file.upstreams.iter().map(|u| u.name.as_str()).collect();
        self.no_name_twice("upstream", "name", &names);
        if file.upstreams.is_empty() && !(self.is_gone)(&[], "upstream") {
            self.found.push(
                Diagnostic::error("no-upstream", "no `[[upstream]]`: there is nowhere to send a request")
                    .help(format!("for the built-in one write `[[upstream]]` with `name = \"demonstration\"`, `dialects = [\"openai\"]`, `base_url = \"{DEMONSTRATION}\"`")),
            );
        }
        for (n, route) in file.routes.iter().enumerate() {
            self.route(n, route, file);
        }
        self.dead_routes(&file.routes);
        self.uses_need_routes(file);
        self.own_addresses(file);
        self.idle_upstreams(file);
        let names: Vec<&str> = file.tenants.iter().map(|t| t.name.as_str()).collect();
        self.no_name_twice("tenant", "name", &names);
        self.tenants(&file.tenants);
        self.labels(file);
        self.judges(file);
        let names: Vec<&str> = file.judges.iter().map(|judge| judge.name.as_str()).collect();
        self.no_name_twice("judge", "name", &names);
        self.sinks(&file.sinks);
        let names: Vec<&str> = file.sinks.iter().map(|s| s.name.as_str()).collect();
        self.no_name_twice("sink", "name", &names);
        self.vouching(file);
        self.witnesses_together(file);
        self.passthrough(file);
    }

    /// What can be said of each table alone, whatever it lacks.
    pub(super) fn tables(&mut self, file: &File) {
        for (n, upstream) in file.upstreams.iter().enumerate() {
            self.upstream(n, upstream);
        }
        for (n, route) in file.routes.iter().enumerate() {
            self.route(n, route, file);
        }
        self.tenants(&file.tenants);
        self.judges(file);
        self.sinks(&file.sinks);
        self.vouching(file);
    }

    /// The client's credential is the gateway's own key where keys are asked for: it must not leave.
    fn passthrough(&mut self, file: &File) {
        if file.tenants.is_empty() {
            return;
        }
        for (n, upstream) in file.upstreams.iter().enumerate() {
            if upstream.credential.as_ref().is_some_and(|c| c.passthrough) {
                let path = ["upstream".into(), n.into(), "credential".into(), "passthrough".into()];
                let diagnostic = Diagnostic::error(
                    "conflict",
                    "`passthrough` would send a tenant's key to the upstream",
                )
                .help(
                    "where clients have keys of this gateway, give the upstream its own with `env` or `file`",
                );
                self.value(&path, diagnostic, "tenants have keys");
            }
        }
    }

    fn listeners(&mut self, file: &File, overrides: &super::Overrides) {
        let server = &file.server;
        let place: [Step<'_>; 2] = ["server".into(), "data".into()];
        // A tenant without a key, or one that cannot be read, is a mistake of its own.
        let open = file.tenants.is_empty() && !(self.is_gone)(&[], "tenant");
        if open && !server.data.ip().to_canonical().is_loopback() {
            let diagnostic = Diagnostic::error(
                "open-listener",
                format!("`{}` can be reached by others, and no key is configured", server.data),
            )
            .help("make a key with `sluicegate key new --tenant NAME` and add the `[[tenant]]` it prints")
            .help("or listen on 127.0.0.1");
            if overrides.data.is_some() {
                self.found.push(diagnostic);
            } else {
                self.value(&place, diagnostic, "open to the network");
            }
        }
        if server.data == server.operations && server.data.port() != 0 {
            let diagnostic =
                Diagnostic::error("conflict", format!("`data` and `operations` are both {}", server.data))
                    .help("a key of a tenant must open nothing on the operations side: use two addresses");
            self.value(&["server".into(), "operations".into()], diagnostic, "taken by `data`");
        }
        if !server.operations.ip().to_canonical().is_loopback() {
            let diagnostic = Diagnostic::warning(
                "open-operations",
                format!(
                    "`{}` tells health and metrics to whoever reaches it, without a key",
                    server.operations
                ),
            )
            .help("listen on 127.0.0.1, or on an address that operators alone reach");
            if overrides.operations.is_some() {
                self.found.push(diagnostic);
            } else {
                self.value(&["server".into(), "operations".into()], diagnostic, "open to the network");
            }
        }
        if server.workers == Some(0) || server.workers.is_some_and(|n| n > 1024) {
            self.range(&["server".into(), "workers".into()], "1", "1024");
        }
        for (n, name) in server.hosts.iter().enumerate() {
            let good = !name.is_empty()
                && name.split('.').all(|l| {
                    !l.is_empty() && l.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
                });
            if !good {
                let diagnostic = Diagnostic::error("bad-host", format!("`{name}` is not the name of a host"))
                    .help("a name alone, without scheme, port or `*`: `gateway.internal`");
                self.value(&["server".into(), "hosts".into(), n.into()], diagnostic, "not a host's name");
            }
        }
        let times = [("drain", server.drain), ("keep_alive", server.keep_alive), ("canary", server.canary)];
        for (name, time) in times {
            self.time(&["server".into(), name.into()], time);
        }
        if server.vault > Time::secs(366 * 86_400) {
            self.range(&["server".into(), "vault".into()], "0 s", "366 d");
        }
    }

    fn numbers(&mut self, file: &File) {
        let limits = &file.limits;
        let sizes: [(&str, Size, u64, u64); 6] = [
            ("header", limits.header, 1 << 10, 1 << 20),
            ("uri", limits.uri, 64, 1 << 20),
            ("body", limits.body, 1 << 10, 1 << 32),
            ("answer", limits.answer, 1 << 10, 1 << 32),
            ("event", limits.event, 1 << 10, 1 << 30),
            ("held", limits.held, 1 << 10, 1 << 32),
        ];
        for (name, size, least, most) in sizes {
            self.size(&["limits".into(), name.into()], size, least, most);
        }
        if limits.held < limits.event {
            let held: [Step<'_>; 2] = ["limits".into(), "held".into()];
            let event: [Step<'_>; 2] = ["limits".into(), "event".into()];
            let message = format!("`held` ({}) is less than `event` ({})", limits.held, limits.event);
            let diagnostic = Diagnostic::error("conflict", message)
                .help("an event waits whole: what may be held back is at least the longest event");
            let path = if self.places.has(&held) { held } else { event };
            self.value(&path, diagnostic, "the longest event could not wait");
        }
        let counts: [(&str, u64, u64, u64); 11] = [
            ("judge_questions", u64::from(limits.judge_questions), 0, 10_000),
            ("fields", limits.fields as u64, 8, 1000),
            ("json_depth", limits.json_depth as u64, 8, 512),
            ("json_values", limits.json_values as u64, 1000, 100_000_000),
            ("inflate_ratio", limits.inflate_ratio, 1, 100_000),
            ("h2_streams", u64::from(limits.h2_streams), 1, 10_000),
            ("connections", limits.connections as u64, 1, 1_000_000),
            ("connections_per_address", limits.connections_per_address as u64, 1, 1_000_000),
            ("exchanges", limits.exchanges as u64, 1, 1_000_000),
            ("exchanges_per_tenant", limits.exchanges_per_tenant as u64, 1, 1_000_000),
            ("exchanges_per_key", limits.exchanges_per_key as u64, 1, 1_000_000),
        ];
        for (name, count, least, most) in counts {
            if !(least..=most).contains(&count) {
                self.range(&["limits".into(), name.into()], &least.to_string(), &most.to_string());
            }
        }
        if limits.output_tokens == Some(0) {
            self.range(&["limits".into(), "output_tokens".into()], "1", &u64::MAX.to_string());
        }
        let times = [
            ("header_read", limits.header_read),
            ("body_idle", limits.body_idle),
            ("body_read", limits.body_read),
            ("scan", limits.scan),
            ("judge_time", limits.judge_time),
            ("answer_idle", limits.answer_idle),
            ("idle", limits.idle),
        ];
        for (name, time) in times {
            self.time(&["limits".into(), name.into()], time);
        }
        self.size(&["policy".into(), "list_size".into()], file.policy.list_size, 1 << 10, 1 << 30);
        for (n, host) in file.policy.list_hosts.iter().enumerate() {
            if host.is_empty() || host.contains(['/', '@', ' ', '*']) || host.ends_with("]:") {
                let diagnostic = Diagnostic::error("wrong-value", format!("`{host}` is not a host"));
                let diagnostic = diagnostic.help("a host is written as in the URL: `lists.example.com`");
                self.value(&["policy".into(), "list_hosts".into(), n.into()], diagnostic, "not a host");
            }
        }
        self.approval(&file.policy);
        self.for_clients(file);
        // Nothing: the files are not watched.
        let watch = file.policy.watch.get();
        if !watch.is_zero() && !(Duration::from_millis(10)..=Duration::from_hours(24)).contains(&watch) {
            self.range(&["policy".into(), "watch".into()], "10 ms", "1 d");
        }
        if file.policy.keep > 100 {
            self.range(&["policy".into(), "keep".into()], "0", "100");
        }
        self.size(&["journal".into(), "segment".into()], file.journal.segment, 1 << 20, 1 << 32);
        if !(1..=1_000_000).contains(&file.journal.queue) {
            self.range(&["journal".into(), "queue".into()], "1", "1000000");
        }
        self.time(&["journal".into(), "checkpoint".into()], file.journal.checkpoint);
        if let Some(origin) = file.journal.origin.as_deref().filter(|origin| !is_origin(origin)) {
            let diagnostic = Diagnostic::error("wrong-value", format!("no journal can be named `{origin}`"))
                .help("a name without spaces and `+`, such as `example.com/sluicegate`");
            self.value(&["journal".into(), "origin".into()], diagnostic, "stands in the lines of signatures");
        }
    }

    pub(super) fn range(&mut self, path: &[Step<'_>], least: &str, most: &str) {
        let name = path.iter().rev().find_map(|s| match s {
            Step::Key(key) => Some(*key),
            Step::Item(_) => None,
        });
        let message = format!("`{}` is outside of {least} to {most}", name.unwrap_or("value"));
        self.value(path, Diagnostic::error("out-of-range", message), &format!("{least} to {most}"));
    }

    fn size(&mut self, path: &[Step<'_>], size: Size, least: u64, most: u64) {
        if !(least..=most).contains(&size.0) {
            self.range(path, &Size(least).to_string(), &Size(most).to_string());
        }
    }

    pub(super) fn time(&mut self, path: &[Step<'_>], time: Time) {
        if time < Time(Duration::from_millis(1)) || time > Time::secs(86_400) {
            self.range(path, "1 ms", "1 d");
        }
    }

    fn upstream(&mut self, n: usize, upstream: &UpstreamSettings) {
        let at = |key: &'static str| -> [Step<'_>; 3] { ["upstream".into(), n.into(), key.into()] };
        self.name(&at("name"), &upstream.name);
        if let Some(region) = &upstream.region {
            self.name(&at("region"), region);
        }
        if upstream.dialects.is_empty() && !(self.is_gone)(&["upstream".into(), n.into()], "dialects") {
            let diagnostic =
                Diagnostic::error("wrong-value", format!("upstream `{}` speaks no dialect", upstream.name))
                    .help("valid values: `openai`, `anthropic`, `gemini`, `ollama`");
            self.value(&at("dialects"), diagnostic, "empty");
        }
        for (i, dialect) in upstream.dialects.iter().enumerate() {
            if upstream.dialects.iter().take(i).any(|d| d == dialect) {
                let [a, b, c] = at("dialects");
                let diagnostic =
                    Diagnostic::error("duplicate", format!("`{}` stands here twice", dialect.as_str()));
                self.value(&[a, b, c, i.into()], diagnostic, "again");
            }
        }
        self.base_url(n, upstream);
        let timeouts = upstream.timeouts;
        let times = [
            ("connect", timeouts.connect),
            ("first_byte", timeouts.first_byte),
            ("idle", timeouts.idle),
            ("total", timeouts.total),
        ];
        for (name, time) in times {
            let [a, b, c] = at("timeouts");
            self.time(&[a, b, c, name.into()], time);
        }
        self.roots(&at("extra_roots"), upstream.extra_roots.as_deref());
        if let Some(header) = upstream.credential.as_ref().and_then(|c| c.header.as_deref()) {
            let [a, b, c] = at("credential");
            self.header_name(&[a, b, c, "header".into()], header, true);
        }
    }

    /// A file of certificate authorities.
    pub(super) fn roots(&mut self, place: &[Step<'_>], path: Option<&Path>) {
        let Some(path) = path else { return };
        let fault = match std::fs::read(path) {
            Err(error) => Some(format!("cannot read `{}`: {error}", path.display())),
            Ok(bytes) => match CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>() {
                Ok(list) if list.is_empty() => Some(format!("`{}` holds no certificate", path.display())),
                Ok(_) => None,
                Err(error) => Some(format!("`{}` is not a PEM file: {error}", path.display())),
            },
        };
        if let Some(fault) = fault {
            let diagnostic = Diagnostic::error("bad-file", fault)
                .help("a PEM file with one or more `BEGIN CERTIFICATE` blocks is expected");
            self.value(place, diagnostic, "this file");
        }
    }

    fn route(&mut self, n: usize, route: &RouteSettings, file: &File) {
        let at = |key: &'static str| -> [Step<'_>; 3] { ["route".into(), n.into(), key.into()] };
        let upstream = file.upstreams.iter().find(|u| u.name == route.upstream);
        if upstream.is_none() && !self.dropped.contains(&route.upstream) {
            let names: Vec<&str> = file.upstreams.iter().map(|u| u.name.as_str()).collect();
            let diagnostic =
                Diagnostic::error("unknown-upstream", format!("unknown upstream `{}`", route.upstream))
                    .valid("upstreams of this file", &route.upstream, &names);
            self.value(&at("upstream"), diagnostic, "no upstream has this name");
        }
        if let Some(name) = &route.name {
            self.name(&at("name"), name);
        }
        self.route_use(n, route, file.server.route_uses);
        if let Some((upstream, dialect)) = upstream.zip(route.dialect)
            && !upstream.dialects.contains(&dialect)
        {
            let speaks: Vec<&str> = upstream.dialects.iter().map(|d| d.as_str()).collect();
            let message = format!("upstream `{}` does not speak `{}`", upstream.name, dialect.as_str());
            let diagnostic =
                Diagnostic::error("conflict", message).help(format!("it speaks: {}", speaks.join(", ")));
            self.value(&at("dialect"), diagnostic, "not a dialect of that upstream");
        }
        if let Some(path) = &route.path {
            let fault = if !path.starts_with(['/', '*']) {
                Some("a path starts with `/`")
            } else if path.contains(['?', '#']) {
                Some("a path has no query and no fragment")
            } else if path.contains("//")
                || path.split('/').any(|p| p == "..")
                || path.contains(['%', ';', '\\'])
            {
                Some("no request's path has `//`, `..`, `%`, `;` or `\\`: those are refused")
            } else {
                None
            };
            if let Some(fault) = fault {
                let diagnostic =
                    Diagnostic::error("bad-path", format!("`{path}` matches no request")).help(fault);
                self.value(&at("path"), diagnostic, "not a path");
            }
        }
        if route.model.as_deref() == Some("") {
            let diagnostic =
                Diagnostic::error("wrong-value", "`model` is empty").help("leave it out for every model");
            self.value(&at("model"), diagnostic, "empty");
        }
        if let Some(header) = &route.header {
            let [a, b, c] = at("header");
            self.header_name(&[a, b, c, "name".into()], &header.name, false);
        }
    }

    /// A route that an earlier one leaves nothing for.
    fn dead_routes(&mut self, routes: &[RouteSettings]) {
        let covers =
            |early: Option<&str>, late: Option<&str>| early.is_none_or(|e| e == "*" || Some(e) == late);
        for (n, late) in routes.iter().enumerate() {
            let early = routes.iter().take(n).position(|early| {
                covers(early.path.as_deref(), late.path.as_deref())
                    && covers(early.model.as_deref(), late.model.as_deref())
                    && (early.dialect.is_none() || early.dialect == late.dialect)
                    && (early.header.is_none() || early.header == late.header)
            });
            if let Some(early) = early {
                let mut diagnostic = Diagnostic::warning("dead-route", "no request reaches this route");
                if let Some(span) = self.places.value(&["route".into(), n.into()]) {
                    diagnostic = diagnostic.at(self.source, span, "never reached");
                }
                if let Some(span) = self.places.value(&["route".into(), early.into()]) {
                    diagnostic = diagnostic.at(self.source, span, "this one takes all of them");
                }
                self.found.push(diagnostic.help("the first route whose conditions hold takes the request"));
            }
        }
    }

    fn tenants(&mut self, tenants: &[TenantSettings]) {
        let mut ids: HashMap<&str, (usize, usize)> = HashMap::new();
        let mut hashes: HashMap<String, (usize, usize)> = HashMap::new();
        for (n, tenant) in tenants.iter().enumerate() {
            let at = |key: &'static str| -> [Step<'_>; 3] { ["tenant".into(), n.into(), key.into()] };
            self.name(&at("name"), &tenant.name);
            if tenant.keys.is_empty() && !(self.is_gone)(&["tenant".into(), n.into()], "keys") {
                let diagnostic = Diagnostic::error("no-key", format!("tenant `{}` has no key", tenant.name))
                    .help(format!("make one with `sluicegate key new --tenant {}`", tenant.name));
                self.value(&at("name"), diagnostic, "nobody can be this tenant");
            }
            if tenant.exchanges == Some(0) {
                self.range(&at("exchanges"), "1", "1000000");
            }
            for (k, key) in tenant.keys.iter().enumerate() {
                let [a, b, c] = at("keys");
                let id = [a, b, c, k.into(), "id".into()];
                let hash = [a, b, c, k.into(), "hash".into()];
                self.name(&id, &key.id);
                if let Some((tn, kn)) = ids.insert(&key.id, (n, k)) {
                    let first = ["tenant".into(), tn.into(), "keys".into(), kn.into(), "id".into()];
                    self.twice(&id, &first, &format!("two keys are named `{}`", key.id));
                }
                if key.hash.starts_with(PREFIX) {
                    let diagnostic = Diagnostic::error("key-in-file", "`hash` holds a key itself")
                        .help("whoever reads this file can use it: make a new one with `sluicegate key new`");
                    self.value(&hash, diagnostic, "a key, not its hash");
                } else if KeyHash::parse(&key.hash).is_none() {
                    let found = key.hash.chars().count();
                    let diagnostic = Diagnostic::error("bad-hash", "`hash` is not 64 hexadecimal digits")
                        .help(format!(
                            "found {found} characters; `sluicegate key new` prints the line to write here"
                        ));
                    self.value(&hash, diagnostic, "not a hash");
                } else if let Some((tn, kn)) = hashes.insert(key.hash.to_lowercase(), (n, k)) {
                    let first = ["tenant".into(), tn.into(), "keys".into(), kn.into(), "hash".into()];
                    self.twice(&hash, &first, "the same key stands here twice");
                }
            }
        }
    }

    pub(super) fn twice(&mut self, second: &[Step<'_>], first: &[Step<'_>], message: &str) {
        let mut diagnostic = Diagnostic::error("duplicate", message);
        for (path, label) in [(second, "again here"), (first, "first here")] {
            if let Some(span) = self.places.value(path) {
                diagnostic = diagnostic.at(self.source, span, label);
            }
        }
        self.found.push(diagnostic);
    }

    pub(super) fn no_name_twice(&mut self, table: &'static str, key: &'static str, names: &[&str]) {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for (n, name) in names.iter().enumerate() {
            if let Some(first) = seen.insert(name, n) {
                let path = |n: usize| -> [Step<'static>; 3] { [table.into(), n.into(), key.into()] };
                self.twice(&path(n), &path(first), &format!("two of `[[{table}]]` are named `{name}`"));
            }
        }
    }

    /// Names are labels in metrics and words in records.
    pub(super) fn name(&mut self, path: &[Step<'_>], name: &str) {
        if !is_name(name) {
            let diagnostic = Diagnostic::error("bad-name", format!("`{name}` cannot be a name"))
                .help("1 to 64 letters, digits, `-`, `_` and `.`");
            self.value(path, diagnostic, "not a name");
        } else if RESERVED.contains(&name) {
            let diagnostic = Diagnostic::error("bad-name", format!("`{name}` is the gateway's own name"))
                .help("records and metrics say `-` for none, and `canary` for the exchanges with which the gateway watches itself");
            self.value(path, diagnostic, "reserved");
        }
    }

    pub(super) fn header_name(&mut self, path: &[Step<'_>], name: &str, ours: bool) {
        const NEVER: [&str; 9] = [
            "host",
            "connection",
            "content-length",
            "transfer-encoding",
            "te",
            "trailer",
            "upgrade",
            "keep-alive",
            "content-encoding",
        ];
        if http::HeaderName::try_from(name).is_err() {
            let diagnostic =
                Diagnostic::error("bad-header", format!("`{name}` is not the name of a header field"));
            self.value(path, diagnostic, "not a field's name");
        } else if ours && NEVER.contains(&name.to_ascii_lowercase().as_str()) {
            let diagnostic =
                Diagnostic::error("bad-header", format!("a credential cannot travel in `{name}`"))
                    .help("for example `authorization`, `x-api-key`, `api-key`");
            self.value(path, diagnostic, "a field of the connection");
        }
    }
}
