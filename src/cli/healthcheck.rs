//! `sluicegate healthcheck`: asks a running gateway whether it is ready, for containers without curl.

use super::Exit;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Ask a running gateway on this machine whether it is ready
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when it is ready, 1 when it is not or does not answer.

Examples:
  sluicegate healthcheck
  sluicegate healthcheck --operations 127.0.0.1:9190")]
pub(super) struct Args {
    /// The address of the operations listener
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:9090",
        env = "SLUICEGATE_OPERATIONS",
        hide_env_values = true
    )]
    operations: SocketAddr,
}

const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut address = args.operations;
    // A container listens on every address and is asked on its own.
    if address.ip().is_unspecified() {
        let own =
            if address.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() };
        address.set_ip(own);
    }
    match ask(address) {
        Ok(200) => {
            writeln!(io::stdout(), "ready")?;
            Ok(Exit::Fine)
        }
        Ok(status) => {
            writeln!(io::stderr(), "not ready: {address} answers {status}")?;
            Ok(Exit::No)
        }
        Err(error) => {
            writeln!(io::stderr(), "not ready: {address}: {error}")?;
            Ok(Exit::No)
        }
    }
}

/// The status of GET /readyz.
fn ask(address: SocketAddr) -> io::Result<u16> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut line = String::new();
    BufReader::new(stream.take(1024)).read_line(&mut line)?;
    line.split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP"))
}
