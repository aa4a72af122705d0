//! `sluicegate incident`: exchanges, findings and proofs in one signed bundle, for a report to an authority.

mod create;
mod head;
mod laws;
mod summary;
mod verify;

use super::audit::{Place, in_line};
use super::moment::written;
use super::{Exit, Format};
use crate::audit::read_events;
use serde_json::Value;
use std::io::{self, Write as _};

/// Gather exchanges with their proofs for a report to an authority, and verify such a report
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate incident create --rule harm/self-harm --since 7d --title 'Answers of 27 November' --by 'j. doe' --out incident.zip
  sluicegate incident verify incident.zip --key gateway.vkey
  sluicegate incident list")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Create(Box<create::Create>),
    Verify(verify::Verify),
    List(List),
}

/// List the bundles that were made, as the journal has them
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0, 1 when there is none, 3 when the journal cannot be read.

Examples:
  sluicegate incident list
  sluicegate incident list --format json")]
struct List {
    #[command(flatten)]
    place: Place,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.what {
        What::Create(args) => create::run(args),
        What::Verify(args) => verify::run(args),
        What::List(args) => list(args),
    }
}

fn list(args: &List) -> anyhow::Result<Exit> {
    let mut found: Vec<Value> = Vec::new();
    read_events(&args.place.dir()?, &mut |sequence, payload| {
        let Ok(mut record) = serde_json::from_slice::<Value>(payload) else { return };
        if record["event"] == "incident" {
            record["detail"]["record"] = sequence.into();
            record["detail"]["time"] = written(record["time_ms"].as_u64().unwrap_or_default()).into();
            found.push(record["detail"].take());
        }
    })?;
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?,
        Format::Human => {
            for one in &found {
                let word = |name: &str| in_line(one[name].as_str().unwrap_or_default());
                let texts = if one["texts"] == true { ", with texts" } else { "" };
                let law = if one["law"].is_string() { format!(", {}", word("law")) } else { String::new() };
                writeln!(
                    out,
                    "{}  {}  {} exchanges{texts}{law}, by {}: {}",
                    word("time"),
                    word("id"),
                    one["exchanges"],
                    word("by"),
                    word("title")
                )?;
                writeln!(out, "  record {}, SHA-256 {}", one["record"], word("bundle"))?;
            }
        }
    }
    Ok(if found.is_empty() { Exit::No } else { Exit::Fine })
}
