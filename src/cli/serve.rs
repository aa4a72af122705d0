//! `sluicegate serve`: runs the gateway.

use super::{ConfigArgs, Exit, show};
use crate::config::{Overrides, Purpose, Settings};
use crate::limits::Pepper;
use std::net::SocketAddr;

/// Run the gateway
///
/// Without a configuration it listens on this machine only and answers from a built-in demonstration
/// upstream, in every dialect. SIGTERM lets running answers end, then stops.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 after SIGTERM or Ctrl-C, 2 for a bad configuration, 3 when it cannot run.

Examples:
  sluicegate serve
  sluicegate serve --config gateway.toml --state /var/lib/sluicegate")]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,

    /// Where clients connect, in place of the file's `server.data`
    #[arg(long, value_name = "ADDR", env = "SLUICEGATE_DATA", hide_env_values = true)]
    data: Option<SocketAddr>,

    /// Where health and metrics are, in place of the file's `server.operations`
    #[arg(long, value_name = "ADDR", env = "SLUICEGATE_OPERATIONS", hide_env_values = true)]
    operations: Option<SocketAddr>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let overrides = Overrides { data: args.data, operations: args.operations, ..args.config.overrides() };
    let loaded = args.config.load(&overrides, Purpose::Serve);
    show(&loaded.diagnostics)?;
    let Some(settings) = loaded.settings else { return Ok(Exit::Misuse) };
    serve(&settings)
}

fn serve(settings: &Settings) -> anyhow::Result<Exit> {
    let _pepper = Pepper::load_or_make(&settings.pepper_path())?;
    anyhow::bail!("the server is not part of this build")
}
