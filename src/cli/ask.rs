//! Asks a running gateway's operations listener.

use super::{Exit, Format};
use anyhow::Context as _;
use serde_json::Value;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(3);
/// The longest answer that is read.
const LONGEST: u64 = 8 << 20;

/// Where a gateway is asked.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Operations {
    /// The address of the operations listener
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:9090",
        env = "SLUICEGATE_OPERATIONS",
        hide_env_values = true
    )]
    pub(super) operations: SocketAddr,
}

impl Operations {
    /// The address to call: who listens on every address is asked on this machine's own.
    pub(super) fn address(&self) -> SocketAddr {
        let mut address = self.operations;
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() {
                Ipv4Addr::LOCALHOST.into()
            } else {
                Ipv6Addr::LOCALHOST.into()
            });
        }
        address
    }

    /// Status and body of the answer.
    pub(super) fn ask(&self, method: &str, path: &str, patience: Duration) -> io::Result<(u16, String)> {
        self.ask_with(method, path, "", patience)
    }

    /// The same of a request with a body.
    pub(super) fn ask_with(
        &self,
        method: &str,
        path: &str,
        body: &str,
        patience: Duration,
    ) -> io::Result<(u16, String)> {
        let address = self.address();
        let mut stream = TcpStream::connect_timeout(&address, CONNECT)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(CONNECT))?;
        // HTTP/1.0: the answer ends with the connection, and its body is not in chunks.
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nhost: {address}\r\ncontent-length: {length}\r\n\r\n{body}"
        )?;
        let mut answer = String::new();
        stream.take(LONGEST).read_to_string(&mut answer)?;
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        match (status, answer.split_once("\r\n\r\n")) {
            (Some(status), Some((_, body))) => Ok((status, body.to_owned())),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP")),
        }
    }
}

/// A question to a running gateway, and how its answer is written.
#[derive(Debug, clap::Args)]
pub(super) struct Ask {
    #[command(flatten)]
    operations: Operations,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

impl Ask {
    /// Asks, and writes what `human` or JSON makes of the answer: 0 when it was done, 1 when the gateway says no.
    pub(super) fn tell(
        &self,
        method: &str,
        path: &str,
        patience: Duration,
        human: fn(&Value) -> String,
    ) -> anyhow::Result<Exit> {
        self.tell_with(method, path, "", patience, human)
    }

    /// The same of a question with a body.
    pub(super) fn tell_with(
        &self,
        method: &str,
        path: &str,
        body: &str,
        patience: Duration,
        human: fn(&Value) -> String,
    ) -> anyhow::Result<Exit> {
        let address = self.operations.address();
        let asked = self.operations.ask_with(method, path, body, patience);
        let (status, body) = asked.with_context(|| format!("cannot ask the gateway at {address}"))?;
        let answer: Value = serde_json::from_str(&body)
            .with_context(|| format!("{address} answers {status}, and not as a gateway does"))?;
        let mut out = io::stdout().lock();
        match self.format {
            Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?,
            Format::Human => out.write_all(human(&answer).as_bytes())?,
        }
        Ok(if (200..300).contains(&status) { Exit::Fine } else { Exit::No })
    }
}
