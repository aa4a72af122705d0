//! `sluicegate healthcheck`: asks a running gateway whether it is ready, for containers without curl.

use super::Exit;
use super::ask::Operations;
use std::io::{self, Write};
use std::time::Duration;

/// Ask a running gateway on this machine whether it is ready
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when it is ready, 1 when it is not or does not answer.

Examples:
  sluicegate healthcheck
  sluicegate healthcheck --operations 127.0.0.1:9190")]
pub(super) struct Args {
    #[command(flatten)]
    operations: Operations,
}

const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let address = args.operations.address();
    match args.operations.ask("GET", "/readyz", PATIENCE) {
        Ok((200, _)) => {
            writeln!(io::stdout(), "ready")?;
            Ok(Exit::Fine)
        }
        Ok((status, _)) => {
            writeln!(io::stderr(), "not ready: {address} answers {status}")?;
            Ok(Exit::No)
        }
        Err(error) => {
            writeln!(io::stderr(), "not ready: {address}: {error}")?;
            Ok(Exit::No)
        }
    }
}
