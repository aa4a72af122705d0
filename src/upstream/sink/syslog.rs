//! Syslog over TCP or TLS.
//!
//! The receiver says nothing, so nobody knows what it has: a connection that breaks may have swallowed what was written last. So what was
//! written in the seconds before is written again on the next connection, behind which the order goes on.

use super::{Delivery, SinkError, Target, network};
use crate::diag::moment;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

/// A connection with TLS or without.
trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// The facility of log audits (RFC 5424 section 6.2.1).
const FACILITY: u8 = 13;
/// How long a receiver may take to read what it was sent.
const RECENT: Duration = Duration::from_secs(10);
/// Bytes of it that are kept at most.
const MOST: usize = 8 << 20;

pub(super) struct Syslog {
    target: Target,
    tls: Option<Arc<rustls::ClientConfig>>,
    connection: Option<Box<dyn Connection>>,
    /// What was written lately and may not have come through, with the moment.
    recent: VecDeque<(Instant, String)>,
    /// It has to be written again.
    again: bool,
}

impl std::fmt::Debug for Syslog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Syslog").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Syslog {
    pub(super) fn new(target: Target) -> Result<Self, SinkError> {
        let tls = target.address.tls.then(|| target.tls().map(Arc::new)).transpose()?;
        Ok(Self { target, tls, connection: None, recent: VecDeque::new(), again: false })
    }

    pub(super) async fn deliver(&mut self, batch: &[Delivery]) -> Result<(), SinkError> {
        let mut text = String::new();
        for delivery in batch {
            for line in delivery.text.lines() {
                frame(&mut text, &self.target.id(delivery), delivery, line);
            }
        }
        if self.connection.as_mut().is_some_and(is_over) {
            (self.connection, self.again) = (None, true);
        }
        if self.connection.is_none() {
            self.connection = Some(self.connect().await?);
        }
        // A call that is given up in here leaves no connection, and so nothing half written.
        let Some(mut connection) = self.connection.take() else { return Ok(()) };
        let again = std::mem::replace(&mut self.again, true);
        if again {
            for (_, text) in &self.recent {
                connection.write_all(text.as_bytes()).await.map_err(|error| network(&error))?;
            }
        }
        connection.write_all(text.as_bytes()).await.map_err(|error| network(&error))?;
        connection.flush().await.map_err(|error| network(&error))?;
        (self.again, self.connection) = (false, Some(connection));
        self.remember(text);
        Ok(())
    }

    fn remember(&mut self, text: String) {
        let now = Instant::now();
        self.recent.push_back((now, text));
        let mut bytes: usize = self.recent.iter().map(|(_, text)| text.len()).sum();
        while let Some((when, text)) = self.recent.front()
            && (bytes > MOST || now.duration_since(*when) > RECENT)
        {
            bytes -= text.len();
            self.recent.pop_front();
        }
    }

    async fn connect(&self) -> Result<Box<dyn Connection>, SinkError> {
        let address = &self.target.address;
        let socket = TcpStream::connect((address.host.as_str(), address.port)).await;
        let socket = socket.map_err(|error| network(&error))?;
        let Some(config) = &self.tls else { return Ok(Box::new(socket)) };
        let name = rustls_pki_types::ServerName::try_from(address.host.clone())
            .map_err(|error| SinkError::Settings(error.to_string()))?;
        let connector = TlsConnector::from(Arc::clone(config));
        Ok(Box::new(connector.connect(name, socket).await.map_err(|error| network(&error))?))
    }
}

/// Whether the other side has closed, or sends what it must not.
fn is_over(connection: &mut Box<dyn Connection>) -> bool {
    let mut byte = [0];
    let mut read = std::pin::pin!(connection.read(&mut byte));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    read.as_mut().poll(&mut context).is_ready()
}

/// One message behind its length.
fn frame(out: &mut String, id: &str, delivery: &Delivery, line: &str) {
    // Informational, notice, warning, error.
    let level = match delivery.severity {
        ..=2 => 6,
        3..=4 => 5,
        5..=6 => 4,
        7.. => 3,
    };
    let priority = FACILITY * 8 + level;
    let time = moment::written(delivery.time_ms);
    // RFC 5424 section 6.3.3.
    let id = id.replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]");
    let mut message = String::with_capacity(line.len() + 120);
    let _ = write!(
        message,
        "<{priority}>1 {time} - sluicegate - {} [sluicegate@32473 id=\"{id}\"] {line}",
        delivery.kind
    );
    let _ = write!(out, "{} {message}", message.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stands_behind_its_length() {
        let delivery = Delivery {
            sequence: 7,
            time_ms: 1_795_809_603_123,
            kind: "end",
            exchange: String::new(),
            severity: 7,
            text: String::new(),
        };
        let mut out = String::new();
        frame(&mut out, "a]\"\\/7", &delivery, "CEF:0|\u{e4}");
        let (length, message) = out.split_once(' ').unwrap_or_default();
        assert_eq!(length.parse(), Ok(message.len()), "bytes, not characters");
        assert_eq!(
            message,
            "<107>1 2026-11-27T20:00:03.123Z - sluicegate - end [sluicegate@32473 id=\"a\\]\\\"\\\\/7\"] CEF:0|\u{e4}"
        );
    }
}
