//! Other systems that get the journal's records: one file for each kind.
//!
//! A batch is delivered when the other side has said that it has it (syslog has no such word: see there). Until then it is sent again, so
//! it can come twice; each record has an id, `<journal>/<number>`, by which a repeat is recognised.

mod disk;
mod http;
mod nats;
mod postgresql;
mod s3;
mod settings;
mod syslog;

pub use settings::{SinkAddress, SinkKind, SinkSettings, SinkStart, sink_schemes};

use super::client::tls;
use super::settings::Credential;
use crate::audit::{EventForm, RecordFile};
use secrecy::{ExposeSecret as _, SecretString};
use std::error::Error;

/// A record on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its number in the journal.
    pub sequence: u64,
    /// When it was written, in milliseconds since 1970.
    pub time_ms: u64,
    /// What it is about.
    pub kind: &'static str,
    /// The exchange; empty for what was done to the journal.
    pub exchange: String,
    /// How bad it is, from 0 to 10.
    pub severity: u8,
    /// The record in the sink's form: a line, or several.
    pub text: String,
}

/// What a sink gets at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parcel {
    /// Records one by one.
    Batch(Vec<Delivery>),
    /// A file of records.
    File(RecordFile),
}

/// Why a batch is not delivered.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The settings cannot be used.
    #[error("{0}")]
    Settings(String),
    /// The other side cannot be reached, or the connection broke off.
    #[error("{0}")]
    Network(String),
    /// The other side does not want it.
    #[error("refused: {0}")]
    Refused(String),
}

/// An error with what it comes from, without repeats.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let more = source.to_string();
        if !said.contains(&more) {
            said = format!("{said}: {more}");
        }
        next = source.source();
    }
    said
}

/// As much of what a sink says is read, in bytes.
const MOST_SAID: usize = 64 << 10;

fn network(error: &dyn Error) -> SinkError {
    SinkError::Network(chain(error))
}

/// What all kinds need.
#[derive(Debug, Clone)]
struct Target {
    settings: SinkSettings,
    address: SinkAddress,
    credential: Option<SecretString>,
    /// The journal's name.
    origin: String,
}

impl Target {
    fn tls(&self) -> Result<rustls::ClientConfig, SinkError> {
        tls(self.settings.extra_roots.as_deref()).map_err(SinkError::Settings)
    }

    fn secret(&self) -> Option<&str> {
        self.credential.as_ref().map(SecretString::expose_secret)
    }

    /// The id of a record.
    fn id(&self, delivery: &Delivery) -> String {
        format!("{}/{}", self.origin, delivery.sequence)
    }
}

#[derive(Debug)]
enum Kind {
    Syslog(syslog::Syslog),
    Http(http::Http),
    Nats(nats::Nats),
    Postgresql(postgresql::Postgresql),
    Disk(disk::Disk),
    S3(s3::S3),
}

/// A sink with its connection, if there is one.
#[derive(Debug)]
pub struct Sink {
    kind: Kind,
    form: EventForm,
}

impl Sink {
    /// No connection yet. `origin` is the name of the journal.
    pub fn new(settings: &SinkSettings, credential: &Credential, origin: &str) -> Result<Self, SinkError> {
        let address = SinkAddress::parse(&settings.url).map_err(SinkError::Settings)?;
        let kind = address.kind;
        let credential = match credential {
            Credential::Secret { value, .. } => Some(value.clone()),
            Credential::None | Credential::Passthrough => None,
        };
        let form = settings.form(kind);
        let target = Target { settings: settings.clone(), address, credential, origin: origin.to_owned() };
        Ok(Self {
            form,
            kind: match kind {
                SinkKind::Syslog => Kind::Syslog(syslog::Syslog::new(target)?),
                SinkKind::Http => Kind::Http(http::Http::new(target)?),
                SinkKind::Nats => Kind::Nats(nats::Nats::new(target)),
                SinkKind::Postgresql => Kind::Postgresql(postgresql::Postgresql::new(target)),
                SinkKind::File => Kind::Disk(disk::Disk::new(&target)),
                SinkKind::S3 => Kind::S3(s3::S3::new(&target)?),
            },
        })
    }

    /// What is wrong with a credential for an address, where it has a form and not that one. Nothing of it is told.
    pub fn credential_fault(address: &SinkAddress, credential: &Credential) -> Option<String> {
        match (address.kind, credential) {
            (SinkKind::S3, Credential::Secret { value, .. }) => {
                s3::credential_fault(address, value.expose_secret())
            }
            _ => None,
        }
    }

    /// The form of what it is sent.
    pub fn form(&self) -> EventForm {
        self.form
    }

    /// Whether it gets files, and no records one by one.
    pub fn takes_files(&self) -> bool {
        match self.kind {
            Kind::Disk(_) | Kind::S3(_) => true,
            Kind::Syslog(_) | Kind::Http(_) | Kind::Nats(_) | Kind::Postgresql(_) => false,
        }
    }

    /// Sends a batch, or a file to a sink that [takes files](Self::takes_files), and waits until the other side has it. After an error nothing
    /// of it counts as delivered; the connection is made anew with the next call.
    pub async fn deliver(&mut self, parcel: &Parcel) -> Result<(), SinkError> {
        match (&mut self.kind, parcel) {
            (Kind::Syslog(sink), Parcel::Batch(batch)) => sink.deliver(batch).await,
            (Kind::Http(sink), Parcel::Batch(batch)) => sink.deliver(batch).await,
            (Kind::Nats(sink), Parcel::Batch(batch)) => sink.deliver(batch).await,
            (Kind::Postgresql(sink), Parcel::Batch(batch)) => sink.deliver(batch).await,
            (Kind::Disk(sink), Parcel::File(file)) => sink.put(file).await,
            (Kind::S3(sink), Parcel::File(file)) => sink.put(file).await,
            (Kind::Disk(_) | Kind::S3(_), Parcel::Batch(_))
            | (Kind::Syslog(_) | Kind::Http(_) | Kind::Nats(_) | Kind::Postgresql(_), Parcel::File(_)) => {
                Err(SinkError::Settings("records and files have sinks of their own".into()))
            }
        }
    }
}
