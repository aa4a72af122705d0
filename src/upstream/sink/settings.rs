//! Where records are sent, and how.

use crate::audit::EventForm;
use crate::diag::{Size, Time};
use crate::upstream::CredentialSettings;
use crate::upstream::web::{is_this_machine, path_fault};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One `[[sink]]`: another system that gets the journal's records.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SinkSettings {
    /// Its name in metrics, logs and the state folder.
    pub name: String,
    /// `syslog+tls://host:port`, `syslog+tcp://host:port`, `https://host/path`, `nats+tls://host:port`, `nats://host:port`,
    /// `postgresql://user@host:port/database`, `file:///folder`, `s3://bucket/folder`, or `http://` where it stays on this machine.
    pub url: String,
    /// The form of what is sent; without it, CEF over syslog, Parquet in files and records as they are elsewhere. PostgreSQL takes records alone.
    #[serde(default)]
    pub form: Option<EventForm>,
    /// Where its credential comes from: a bearer token for HTTP and NATS, a password where the address names a user, the secret of the key that
    /// the address of an object store names (`s3://KEY@bucket/folder`), or `key:secret` or `key:secret:token` where it names none.
    #[serde(default)]
    pub credential: Option<CredentialSettings>,
    /// A PEM file of certificate authorities that are trusted besides the usual ones.
    #[serde(default)]
    pub extra_roots: Option<PathBuf>,
    /// The table of a database (`sluicegate_records`), or the subject of NATS (`sluicegate.records`).
    #[serde(default)]
    pub into: Option<String>,
    /// The stream of JetStream that holds the subject; it is made where it is not there. Without it, one has to be there.
    #[serde(default)]
    pub stream: Option<String>,
    /// The address of an object store that speaks S3's protocol; without it, Amazon's of the region.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The region of an object store (`us-east-1`).
    #[serde(default)]
    pub region: Option<String>,
    /// A file is written when it has so many bytes of records, before they are compressed (64 MiB).
    #[serde(default)]
    pub roll_bytes: Option<Size>,
    /// A file is written when its first record has waited so long (5 minutes).
    #[serde(default)]
    pub roll_every: Option<Time>,
    /// The records that are sent before the first start: from the beginning of the journal, or none.
    #[serde(default)]
    pub from: SinkStart,
    /// The most records of one batch.
    #[serde(default = "batch")]
    pub batch: usize,
    /// The most bytes of records of one batch, unless one record alone has more.
    #[serde(default = "batch_bytes")]
    pub batch_bytes: Size,
    /// How often new records are looked for.
    #[serde(default = "every")]
    pub every: Time,
    /// How long one batch may take, the connection included.
    #[serde(default = "timeout")]
    pub timeout: Time,
    /// With so many records that it has not got, requests are refused until it has caught up; without it, traffic never waits for a sink.
    #[serde(default)]
    pub refuse_beyond: Option<u64>,
}

/// Where a sink begins when it is new.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SinkStart {
    /// With the journal's first record.
    #[default]
    #[serde(rename = "start")]
    Beginning,
    /// With the next record.
    Now,
}

fn batch() -> usize {
    500
}

fn batch_bytes() -> Size {
    Size::mib(1)
}

fn every() -> Time {
    Time(std::time::Duration::from_millis(250))
}

fn timeout() -> Time {
    Time::secs(10)
}

/// The kind of a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkKind {
    /// Syslog (RFC 5424) over TCP or TLS, each message behind its length (RFC 6587, RFC 5425).
    Syslog,
    /// A POST for each batch.
    Http,
    /// JetStream.
    Nats,
    /// A table.
    Postgresql,
    /// Files in a folder.
    File,
    /// Objects of a store that speaks S3's protocol.
    S3,
}

impl SinkKind {
    /// Whether it gets files, and no records one by one.
    pub fn takes_files(self) -> bool {
        match self {
            Self::File | Self::S3 => true,
            Self::Syslog | Self::Http | Self::Nats | Self::Postgresql => false,
        }
    }
}

/// What the address of a sink says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkAddress {
    /// The kind.
    pub kind: SinkKind,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// The host, without the brackets of an IPv6 address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The user; empty where none is named.
    pub user: String,
    /// What stands behind the host, without its first slash.
    pub path: String,
}

/// Schemes of sinks: kind, encrypted or not, usual port.
const SCHEMES: [(&str, SinkKind, bool, u16); 9] = [
    ("syslog+tcp", SinkKind::Syslog, false, 601),
    ("syslog+tls", SinkKind::Syslog, true, 6514),
    ("http", SinkKind::Http, false, 80),
    ("https", SinkKind::Http, true, 443),
    ("nats", SinkKind::Nats, false, 4222),
    ("nats+tls", SinkKind::Nats, true, 4222),
    ("postgresql", SinkKind::Postgresql, true, 5432),
    ("file", SinkKind::File, true, 0),
    ("s3", SinkKind::S3, true, 443),
];

/// What can stand before `://` in a sink's address.
pub fn sink_schemes() -> impl Iterator<Item = &'static str> {
    SCHEMES.iter().map(|(scheme, ..)| *scheme)
}

impl SinkAddress {
    /// Reads an address; what is wrong with it, else.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or("no scheme")?;
        let known = SCHEMES.iter().find(|(known, ..)| *known == scheme);
        let &(_, kind, tls, port) = known.ok_or_else(|| format!("unknown scheme `{scheme}`"))?;
        if kind == SinkKind::File {
            let path = rest.strip_prefix('/').filter(|path| !path.is_empty());
            let path = path.ok_or("no folder: `file:///folder`, from the root on")?.to_owned();
            if let Some(fault) = path_fault(&path) {
                return Err(fault.to_owned());
            }
            let (host, user) = ("localhost".to_owned(), String::new());
            return Ok(Self { kind, tls, host, port, user, path });
        }
        let uri: http::Uri = format!("http://{rest}").parse().map_err(|_| "not an address".to_owned())?;
        let authority = uri.authority().ok_or("no host")?;
        let (user, _) = authority.as_str().rsplit_once('@').unwrap_or_default();
        if user.contains(':') {
            return Err("a password has no place in the file: `credential` says where it comes from".into());
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        if host.is_empty() {
            return Err("no host".into());
        }
        let path = uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
        let path = path.strip_prefix('/').unwrap_or(path).to_owned();
        let local = is_this_machine(&host);
        let read = Self {
            kind,
            // A database says it with its protocol; only on this machine may it do without.
            tls: tls && !(kind == SinkKind::Postgresql && local),
            host,
            port: authority.port_u16().unwrap_or(port),
            user: user.to_owned(),
            path,
        };
        match kind {
            SinkKind::Postgresql if read.user.is_empty() => {
                Err("no user: `postgresql://user@host/database`".into())
            }
            SinkKind::Postgresql if read.path.is_empty() || !plain(&read.path) => {
                Err("no database: `postgresql://user@host/database`".into())
            }
            SinkKind::Syslog | SinkKind::Nats if !read.path.is_empty() => {
                Err(format!("`{scheme}` has no path"))
            }
            SinkKind::S3 if !is_bucket(&read.host) || authority.port().is_some() => {
                Err("no bucket: `s3://bucket/folder`; the store's own address is its `endpoint`".into())
            }
            SinkKind::S3 if read.path.contains('?') => Err("`s3` has no query".into()),
            _ if rest.contains('#') => Err("`#` and what stands behind it is not sent to anybody".into()),
            SinkKind::Http if !tls && !local => {
                Err("records would go over the network in the clear: `https`".into())
            }
            _ => Ok(read),
        }
    }

    /// Whether it is on this machine.
    pub fn is_local(&self) -> bool {
        is_this_machine(&self.host)
    }

    /// Host and port as they stand in an address.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// Whether a bucket may be named so.
fn is_bucket(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-'))
}

/// Whether an object store can have this address: one with TLS, or on this machine, and without a path.
fn is_endpoint(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let Ok(authority) = rest.parse::<http::uri::Authority>() else { return false };
    let host = authority.host().trim_matches(['[', ']']);
    !host.is_empty()
        && !rest.contains('@')
        && (scheme == "https" || scheme == "http" && is_this_machine(host))
}

/// Whether this is a plain name: letters, digits, `_` and `-`.
fn plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

impl SinkSettings {
    /// The form of what is sent.
    pub fn form(&self, kind: SinkKind) -> EventForm {
        let usual = match kind {
            SinkKind::Syslog => EventForm::Cef,
            SinkKind::File | SinkKind::S3 => EventForm::Parquet,
            SinkKind::Http | SinkKind::Nats | SinkKind::Postgresql => EventForm::Records,
        };
        self.form.unwrap_or(usual)
    }

    /// Of how many bytes of records a file is made.
    pub fn roll_bytes(&self) -> usize {
        self.roll_bytes.map_or(64 << 20, Size::get)
    }

    /// How long the first record of a file waits.
    pub fn roll_every(&self) -> std::time::Duration {
        self.roll_every.map_or(std::time::Duration::from_secs(300), |time| time.0)
    }

    /// The table or subject.
    pub fn target(&self, kind: SinkKind) -> &str {
        let usual = if kind == SinkKind::Nats { "sluicegate.records" } else { "sluicegate_records" };
        self.into.as_deref().unwrap_or(usual)
    }

    /// Keys that say nothing to a sink of this kind, and values that it cannot take: key, and what is wrong.
    pub fn misfits(&self, kind: SinkKind) -> Vec<(&'static str, &'static str)> {
        let mut out = Vec::new();
        let (nats, postgresql) = (kind == SinkKind::Nats, kind == SinkKind::Postgresql);
        if self.into.is_some() && !nats && !postgresql {
            out.push(("into", "only a table of PostgreSQL or a subject of NATS is named"));
        } else if postgresql && !self.target(kind).split('.').all(is_identifier) {
            out.push(("into", "a table is named by small letters, digits and `_`, with its schema before a dot where need be"));
        } else if nats && !self.target(kind).split('.').all(plain) {
            out.push(("into", "a subject is parts of letters, digits, `_` and `-` with dots between them"));
        }
        if self.stream.is_some() && !nats {
            out.push(("stream", "only JetStream has streams"));
        } else if self.stream.as_deref().is_some_and(|stream| !plain(stream)) {
            out.push(("stream", "a stream is named by letters, digits, `_` and `-`"));
        }
        if postgresql && self.form.is_some_and(|form| form != EventForm::Records) {
            out.push(("form", "a table takes `records` alone"));
        }
        let files = kind.takes_files();
        if !files && self.form == Some(EventForm::Parquet) {
            out.push(("form", "Parquet is written into files: `file:///folder` or `s3://bucket/folder`"));
        }
        if !files && self.roll_bytes.is_some() {
            out.push(("roll_bytes", "only a sink of files has it"));
        } else if !(64 << 10..=1 << 30).contains(&self.roll_bytes()) {
            out.push(("roll_bytes", "64 KiB to 1 GiB"));
        }
        if !files && self.roll_every.is_some() {
            out.push(("roll_every", "only a sink of files has it"));
        }
        if kind != SinkKind::S3 && self.region.is_some() {
            out.push(("region", "only an object store has one"));
        } else if self.region.as_deref().is_some_and(|region| !plain(region)) {
            out.push(("region", "a region is named by letters, digits and `-`"));
        }
        if kind != SinkKind::S3 && self.endpoint.is_some() {
            out.push(("endpoint", "only an object store has one"));
        } else if self.endpoint.as_deref().is_some_and(|endpoint| !is_endpoint(endpoint)) {
            out.push(("endpoint", "`https://host:port` without a path; `http://` on this machine alone"));
        }
        if kind == SinkKind::S3 && self.credential.is_none() {
            out.push(("url", "an object store asks for a `credential`"));
        } else if kind == SinkKind::File && self.credential.is_some() {
            out.push(("credential", "a folder asks for none"));
        }
        if !(1..=10_000).contains(&self.batch) {
            out.push(("batch", "1 to 10000 records"));
        }
        out
    }
}

fn is_identifier(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        match SinkAddress::parse(text) {
            Ok(a) => format!("{:?} {} {} {:?} {:?}", a.kind, a.tls, a.authority(), a.user, a.path),
            Err(wrong) => wrong,
        }
    }

    #[test]
    fn addresses_are_read() {
        for (text, wanted) in [
            ("syslog+tls://siem.example", "Syslog true siem.example:6514 \"\" \"\""),
            ("syslog+tcp://[::1]:601", "Syslog false [::1]:601 \"\" \"\""),
            ("https://otel.example/v1/logs?x=1", "Http true otel.example:443 \"\" \"v1/logs?x=1\""),
            ("http://127.0.0.1:4318/v1/logs", "Http false 127.0.0.1:4318 \"\" \"v1/logs\""),
            ("http://otel.example/v1/logs", "records would go over the network in the clear: `https`"),
            ("nats://gate@nats.example", "Nats false nats.example:4222 \"gate\" \"\""),
            ("nats://nats.example/x", "`nats` has no path"),
            ("postgresql://gate@db.example/audit", "Postgresql true db.example:5432 \"gate\" \"audit\""),
            ("postgresql://gate@localhost:5433/audit", "Postgresql false localhost:5433 \"gate\" \"audit\""),
            ("postgresql://db.example/audit", "no user: `postgresql://user@host/database`"),
            ("postgresql://gate@db.example", "no database: `postgresql://user@host/database`"),
            (
                "postgresql://gate:word@db.example/audit",
                "a password has no place in the file: `credential` says where it comes from",
            ),
            ("file:///var/lib/audit", "File true localhost:0 \"\" \"var/lib/audit\""),
            ("file://var/lib", "no folder: `file:///folder`, from the root on"),
            ("s3://audit-records/gate/eu", "S3 true audit-records:443 \"\" \"gate/eu\""),
            ("s3://AKIA1@audit-records", "S3 true audit-records:443 \"AKIA1\" \"\""),
            (
                "s3://localhost:9000/audit",
                "no bucket: `s3://bucket/folder`; the store's own address is its `endpoint`",
            ),
            ("kafka://x", "unknown scheme `kafka`"),
            ("siem.example:6514", "no scheme"),
        ] {
            assert_eq!(said(text), wanted, "{text}");
        }
    }
}
