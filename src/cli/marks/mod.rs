//! `sluicegate marks`: the epochs of their keys, and what marks are worth on texts of one's own.

mod alarms;
mod measure;
mod words;

use super::moment::minute;
use super::texts::of_lines;
use super::{ConfigArgs, Exit, Format, detect, show};
use crate::config::Purpose;
use crate::provenance::mark::MarkKeys;
use serde_json::json;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// Keys of marks, and how well marks do
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate marks list --config gateway.toml
  sluicegate marks rotate --config gateway.toml
  sluicegate marks measure answers.jsonl
  sluicegate marks words --config gateway.toml answers.jsonl
  sluicegate marks alarms letters/")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    List(List),
    Rotate(Rotate),
    Measure(measure::Args),
    Words(words::Args),
    Alarms(alarms::Args),
}

/// List the epochs: numbers and times, never keys
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate marks list
  sluicegate marks list --config gateway.toml --format json")]
struct List {
    #[command(flatten)]
    config: ConfigArgs,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Begin a new epoch: a new key marks from the gateway's next start on, and the old ones go on detecting
///
/// At most 16 epochs are kept. Remove the oldest line of the file only when nobody has to find its marks any more. Keys that come from an
/// environment variable are rotated where they are kept.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate marks rotate
  sluicegate marks rotate --config gateway.toml")]
struct Rotate {
    #[command(flatten)]
    config: ConfigArgs,
}

/// The texts of these files of JSON lines with a `text`; none where one cannot be read, which is told.
fn texts(files: &[PathBuf]) -> io::Result<Option<Vec<String>>> {
    let text = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(value["text"].as_str()?.to_owned())
    };
    match of_lines(files, "an object with a `text`", text) {
        Ok(texts) => Ok(Some(texts)),
        Err(error) => {
            writeln!(io::stderr(), "{error}")?;
            Ok(None)
        }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.what {
        What::List(args) => list(args),
        What::Rotate(args) => rotate(args),
        What::Measure(args) => measure::run(args),
        What::Words(args) => words::run(args),
        What::Alarms(args) => alarms::run(args),
    }
}

fn list(args: &List) -> anyhow::Result<Exit> {
    let Some(keys) = detect::keys(&args.config)? else { return Ok(Exit::Misuse) };
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => {
            let epochs: Vec<_> = keys
                .newest_first()
                .map(|epoch| json!({"epoch": epoch.number, "since": epoch.since}))
                .collect();
            writeln!(out, "{}", json!({ "epochs": epochs }))?;
        }
        Format::Human => {
            for (n, epoch) in keys.newest_first().enumerate() {
                let does = if n == 0 { "marks and detects" } else { "detects" };
                writeln!(out, "epoch {:>3}  since {}  {does}", epoch.number, minute(epoch.since * 1000))?;
            }
        }
    }
    Ok(Exit::Fine)
}

fn rotate(args: &Rotate) -> anyhow::Result<Exit> {
    let loaded = args.config.load(Purpose::Check);
    let Some(settings) = loaded.settings else {
        show(&loaded.diagnostics)?;
        return Ok(Exit::Misuse);
    };
    let (None, Some(path)) = (&settings.marks.env, &settings.marks.keys) else {
        writeln!(
            io::stderr(),
            "error: the keys come from an environment variable: add a line where they are kept"
        )?;
        return Ok(Exit::Misuse);
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    match MarkKeys::rotate(path, now) {
        Ok(number) => {
            writeln!(
                io::stdout(),
                "epoch {number} begins in {}; a gateway marks with it from its next start on",
                path.display()
            )?;
            Ok(Exit::Fine)
        }
        Err(error) => {
            writeln!(io::stderr(), "error: {error}")?;
            Ok(Exit::Misuse)
        }
    }
}
