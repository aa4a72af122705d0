//! `sluicegate audit export`: records for other systems.

use super::Place;
use crate::audit::{Entry, EventForm, RecordFileWriter, Verifier, numbers_in_name, read_records, written_at};
use crate::cli::Exit;
use crate::cli::moment::parse;
use crate::diag::{Size, make_folder, write_whole};
use anyhow::Context as _;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// Write records in the form of another system, one a line, or into files
///
/// Each carries the journal's name and the record's number, so that a repeat can be recognised. No text of users is in the journal, so none is in what is written.
/// `--out` writes files of a day each into folders named by the day, which DuckDB, pyarrow, Spark and others read as one table; with `--form
/// parquet` Parquet files, else compressed lines. Where some are there already, `--after` goes on behind the last record in them.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate audit export > records.jsonl
  sluicegate audit export --form ocsf --since 1d
  sluicegate audit export --form cef --after 120000 | logger --tcp --server siem.example
  sluicegate audit export --form parquet --out records
  duckdb -c \"SELECT verdict, count(*) FROM 'records/*/*.parquet' WHERE kind = 'end' GROUP BY 1\"")]
pub(super) struct Args {
    /// The form: records as they are, OCSF 1.9 events, OpenTelemetry log records (OTLP JSON), CEF lines, or Parquet files
    #[arg(long, value_enum, default_value_t = Form::Records)]
    form: Form,

    /// Write files into this folder; without it, lines on the standard output
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

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
    Parquet,
}

impl From<Form> for EventForm {
    fn from(form: Form) -> Self {
        match form {
            Form::Records => Self::Records,
            Form::Ocsf => Self::Ocsf,
            Form::Otel => Self::Otel,
            Form::Cef => Self::Cef,
            Form::Parquet => Self::Parquet,
        }
    }
}

/// Bytes of records of which a file is made, before they are compressed.
const FILE: Size = Size::mib(128);

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let dir = args.place.dir()?;
    let form = EventForm::from(args.form);
    let within = args.since.unwrap_or(0)..args.until.unwrap_or(u64::MAX);
    let after = args.after.saturating_add(1);
    if let Some(out) = &args.out {
        let files = files(&dir, out, form, after, &within)?;
        writeln!(io::stderr(), "{files} files in {}", out.display())?;
        return Ok(Exit::Fine);
    }
    anyhow::ensure!(form != EventForm::Parquet, "Parquet is written into files: `--out DIR`");
    let mut out = BufWriter::new(io::stdout().lock());
    let journal = name(&dir)?;
    let mut failed = None;
    read_records(&dir, after, &mut |sequence, _, payload| {
        let line = form.lines(&journal, sequence, payload, within.clone());
        failed = line.map_or(Ok(()), |line| writeln!(out, "{line}")).err();
        failed.is_none()
    })?;
    failed.map_or_else(|| out.flush(), Err)?;
    Ok(Exit::Fine)
}

/// The journal's name, which stands in all that is written.
fn name(dir: &Path) -> anyhow::Result<String> {
    let key = crate::audit::key_path(dir);
    let key = std::fs::read_to_string(&key)
        .with_context(|| format!("cannot read the key in `{}`", key.display()))?;
    let key: Verifier = key.parse().map_err(|error| anyhow::anyhow!("the journal's key: {error}"))?;
    Ok(key.name().to_owned())
}

/// Writes files; says how many.
fn files(
    dir: &Path,
    out: &Path,
    form: EventForm,
    after: u64,
    within: &std::ops::Range<u64>,
) -> anyhow::Result<usize> {
    let journal = name(dir)?;
    let (mut written, mut open, mut failed) = (0, None::<RecordFileWriter>, None);
    let mut progress = super::Progress::new("records written");
    let mut take = |entry: &Entry| -> anyhow::Result<()> {
        if open.as_ref().is_some_and(|file| file.size() >= FILE.get() || !file.takes(entry)) {
            written += usize::from(end(out, form, &journal, open.take())?);
        }
        open.get_or_insert_with(|| RecordFileWriter::new(form, &journal, entry)).push(entry)?;
        Ok(())
    };
    read_records(dir, after, &mut |sequence, kind, payload| {
        progress.at(sequence);
        if written_at(payload).is_some_and(|time_ms| within.contains(&time_ms)) {
            failed = take(&Entry { sequence, kind, payload: payload.to_vec() }).err();
        }
        failed.is_none()
    })?;
    failed.map_or(Ok(()), Err)?;
    written += usize::from(end(out, form, &journal, open)?);
    progress.done();
    Ok(written)
}

/// Writes a file, whole or not at all; says whether there was one.
///
/// Files that hold the same records would be counted twice by whoever reads the folder as one table, so there are none: the same file is written
/// again, any other is an error.
fn end(out: &Path, form: EventForm, journal: &str, file: Option<RecordFileWriter>) -> anyhow::Result<bool> {
    let Some(file) = file else { return Ok(false) };
    let file = file.finish()?;
    let path = out.join(&file.path);
    let others = path.parent().and_then(|folder| std::fs::read_dir(folder).ok());
    for other in others.into_iter().flatten().flatten() {
        let name = other.file_name();
        let numbers = name.to_str().and_then(|name| numbers_in_name(form, journal, name));
        let Some((first, last)) = numbers else { continue };
        if (first, last) != (file.first, file.last) && first <= file.last && file.first <= last {
            anyhow::bail!(
                "`{}` holds records {first} to {last}, which `{}` would hold again: go on behind them with `--after {last}`, or write into another folder",
                other.path().display(),
                file.path
            );
        }
    }
    let written =
        path.parent().map_or(Ok(()), make_folder).and_then(|()| write_whole(&path, &file.bytes, 0o640));
    written.with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(true)
}
