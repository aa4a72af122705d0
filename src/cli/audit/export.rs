//! `sluicegate audit export`: records for other systems.

use super::Place;
use crate::audit::{EventForm, read_records};
use crate::cli::Exit;
use crate::cli::moment::parse;
use std::io::{self, BufWriter, Write as _};

/// Write records in the form of another system, one a line
///
/// Each line carries the record's number, so that a repeat can be recognised. No text of users is in the journal, so none is in what is written.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate audit export > records.jsonl
  sluicegate audit export --form ocsf --since 1d
  sluicegate audit export --form cef --after 120000 | logger --tcp --server siem.example")]
pub(super) struct Args {
    /// The form: records as they are, OCSF 1.9 events, OpenTelemetry log records (OTLP JSON), or CEF lines
    #[arg(long, value_enum, default_value_t = Form::Records)]
    form: Form,

    /// Records after this number alone
    #[arg(long, value_name = "N", default_value_t = 0)]
    after: u64,

    /// From this moment on: `2026-11-27`, `2026-11-27T20:00:00Z`, or so long ago: `2h`, `7d`
    #[arg(long, value_name = "WHEN", value_parser = parse)]
    since: Option<u64>,

    /// Before this moment
    #[arg(long, value_name = "WHEN", value_parser = parse)]
    until: Option<u64>,

    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Form {
    Records,
    Ocsf,
    Otel,
    Cef,
}

impl From<Form> for EventForm {
    fn from(form: Form) -> Self {
        match form {
            Form::Records => Self::Records,
            Form::Ocsf => Self::Ocsf,
            Form::Otel => Self::Otel,
            Form::Cef => Self::Cef,
        }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let dir = args.place.dir()?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut failed = None;
    read_records(&dir, args.after.saturating_add(1), &mut |sequence, _, payload| {
        let line = EventForm::from(args.form).lines(
            sequence,
            payload,
            args.since.unwrap_or(0)..args.until.unwrap_or(u64::MAX),
        );
        failed = line.map_or(Ok(()), |line| writeln!(out, "{line}")).err();
        failed.is_none()
    })?;
    failed.map_or_else(|| out.flush(), Err)?;
    Ok(Exit::Fine)
}
