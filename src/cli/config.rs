//! `sluicegate config`: the file's schema, and the configuration with every default written out.

use super::{ConfigArgs, Exit, show};
use crate::config::{Purpose, json_schema};
use std::io::{self, Write};

/// Show the configuration's schema, or the configuration that is in effect
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate config schema > sluicegate.schema.json
  sluicegate config show --config gateway.toml")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Print the JSON schema of the configuration file, for editors
    #[command(after_long_help = "\
Examples:
  sluicegate config schema > sluicegate.schema.json
  sluicegate config schema | jq .properties")]
    Schema,
    /// Print the configuration with every default written out; credentials stay names
    #[command(after_long_help = "\
Examples:
  sluicegate config show
  sluicegate config show --config gateway.toml")]
    Show(ConfigArgs),
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.what {
        What::Schema => {
            io::stdout().write_all(json_schema().as_bytes())?;
            Ok(Exit::Fine)
        }
        What::Show(config) => {
            let loaded = config.load(Purpose::Check);
            show(&loaded.diagnostics)?;
            let Some(settings) = loaded.settings else { return Ok(Exit::Misuse) };
            io::stdout().write_all(settings.to_toml().as_bytes())?;
            Ok(Exit::Fine)
        }
    }
}
