//! `sluicegate version`: what exactly runs here.

use super::Exit;
use crate::config::SCHEMA;
use std::io::{self, Write};

/// Print the version, the commit it was built from and the schema it reads
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate version
  sluicegate --version")]
pub(super) struct Args {}

pub(super) fn run(_: &Args) -> anyhow::Result<Exit> {
    let commit = option_env!("SLUICEGATE_COMMIT").unwrap_or("unknown");
    let mut out = io::stdout().lock();
    writeln!(out, "sluicegate {}", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "commit {commit}")?;
    writeln!(out, "configuration schema {SCHEMA}")?;
    Ok(Exit::Fine)
}
