//! `sluicegate bank`: banks of questions that can be relied on: large enough, attacks among them, their changes on record, and one held out that
//! nobody could tune for.

mod attacks;
mod changes;
pub(in crate::cli) mod disguise;
mod forms;
mod holdout;
pub(in crate::cli) mod signs;

use super::assess::{Banks, sizes};
use super::audit::Place;
use super::{Exit, Format, show};
use crate::cli::ask::Operations;
use crate::cli::assess::Status;
use crate::diag::{Diagnostic, SourceFile};
use crate::policy::Library;
use clap::builder::NonEmptyStringValueParser;
use serde_json::json;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

pub(super) use holdout::Opening;

/// Banks of questions: their sizes against what GB/T 45654 (TC260-003) asks, attacks made of them, the record of their changes, and one that is held out
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_long_help = "\
Examples:
  sluicegate bank check refuse.jsonl --log changes.jsonl
  sluicegate bank attacks --seeds refuse.jsonl --out attacks.jsonl
  sluicegate bank commit hidden.jsonl --out hidden.opening.json"
)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Check(Check),
    Attacks(attacks::Args),
    Record(Record),
    Commit(Commit),
    Verify(Verify),
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.what {
        What::Check(args) => check(args),
        What::Attacks(args) => attacks::run(args),
        What::Record(args) => record(args),
        What::Commit(args) => commit(args),
        What::Verify(args) => verify(args),
    }
}

/// Whether banks are as large as the standard asks, and whether their changes are on record
///
/// Counts questions by type and topic against the minima (2,000, 500 and 500; 50 or 20 of each). With `--log`, the record of changes has to be
/// unbroken, to end at the banks as they are, and to be no older than a month.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when everything is as asked, 1 when something is lacking, 2 for a bad file.

Examples:
  sluicegate bank check content.jsonl refuse.jsonl answer.jsonl --log changes.jsonl
  sluicegate bank check refuse.jsonl --format json")]
struct Check {
    /// The banks
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// The record of their changes
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Put on record what has changed in the banks since the last time: what came, what went, by whom and why
///
/// Writes one line, which names the hash of the line before it, so that none can be changed or left out later. A month in which nothing had
/// to change is put on record too.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate bank record refuse.jsonl answer.jsonl --log changes.jsonl --by alice --reviewer bob --why 'review of November'
  sluicegate bank record hidden.jsonl --log hidden-changes.jsonl --by carol --reviewer dan --why 'nothing had to change'")]
struct Record {
    /// The banks, all that the record is about
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// The record of their changes; made where it is not there
    #[arg(long, value_name = "FILE")]
    log: PathBuf,

    /// Who changed them
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    by: String,

    /// Who looked at the change; another person
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    reviewer: String,

    /// Why
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    why: String,
}

/// Commit to a bank that is held out: the journal gets a salted hash of it, and nobody can read the bank in that
///
/// Later `assess --holdout` and `bank verify` show with the file that this command writes that a bank is the one of then. Keep that file with the
/// bank: with its salt, somebody could try whether a question stands in the bank.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate bank commit hidden.jsonl --out hidden.opening.json
  sluicegate bank commit hidden.jsonl --out hidden.opening.json --config gateway.toml --operations 127.0.0.1:9090")]
struct Commit {
    /// The bank
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Where the salt and the hash go; no file may be there
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    operations: Operations,
}

/// Whether a bank is the one that was committed to, and since when that is on record
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when it is, and the journal says so, 1 when not, 2 for a bad file.

Examples:
  sluicegate bank verify hidden.jsonl --opening hidden.opening.json --config gateway.toml
  sluicegate bank verify hidden.jsonl --opening hidden.opening.json --journal state/journal")]
struct Verify {
    /// The bank
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The file that `bank commit` wrote
    #[arg(long, value_name = "FILE")]
    opening: PathBuf,

    #[command(flatten)]
    place: Place,
}

fn source(path: &Path) -> Result<String, Diagnostic> {
    let file = SourceFile::load(path);
    file.map(|file| file.text().to_owned())
        .map_err(|error| Diagnostic::error("no-file", format!("cannot read `{}`: {error}", path.display())))
}

/// All banks with the rules that know their categories, or every mistake.
fn read(files: &[PathBuf]) -> Result<(Banks, Library), Vec<Diagnostic>> {
    let library = Library::embedded()?;
    let (mut banks, mut wrong) = (Banks::default(), Vec::new());
    for path in files {
        match source(path) {
            Ok(text) => wrong.extend(banks.read(&path.display().to_string(), &text, library.taxonomy())),
            Err(diagnostic) => wrong.push(diagnostic),
        }
    }
    if wrong.is_empty() { Ok((banks, library)) } else { Err(wrong) }
}

/// Shows what is wrong with files.
fn misused(found: &[Diagnostic]) -> anyhow::Result<Exit> {
    show(found)?;
    Ok(Exit::Misuse)
}

fn check(args: &Check) -> anyhow::Result<Exit> {
    let (banks, library) = match read(&args.files) {
        Ok(read) => read,
        Err(found) => return misused(&found),
    };
    let gaps = match args.log.as_deref().map(|path| changes::gaps(path, &banks)).transpose() {
        Ok(gaps) => gaps.unwrap_or_default(),
        Err(diagnostic) => return misused(&[diagnostic]),
    };
    let sizes = sizes(&banks, &library);
    // A kind of which there is nothing is another file's.
    let asked: Vec<_> = sizes.iter().filter(|size| size.found > 0).collect();
    let good = gaps.is_empty() && asked.iter().all(|size| size.status == Status::Met);
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => {
            let answer = json!({"sizes": asked, "gaps": gaps, "met": good});
            writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?;
        }
        Format::Human => {
            for size in &asked {
                let (status, title) = (size.status.words(), &size.title);
                writeln!(out, "{status:8} {:>5} of {:<5} {title} ({})", size.found, size.least, size.sure)?;
                for (code, found) in &size.short {
                    writeln!(out, "{:24}{code}: {found}", "")?;
                }
            }
            for gap in &gaps {
                writeln!(out, "gap      {gap}")?;
            }
            writeln!(out, "{}", if good { "as asked" } else { "not as asked" })?;
        }
    }
    Ok(if good { Exit::Fine } else { Exit::No })
}

fn record(args: &Record) -> anyhow::Result<Exit> {
    if args.by == args.reviewer {
        let own = Diagnostic::error("conflict", format!("`{}` reviews their own change", args.by));
        return misused(&[own.help("`--reviewer` names another person")]);
    }
    let (banks, _) = match read(&args.files) {
        Ok(read) => read,
        Err(found) => return misused(&found),
    };
    let author = changes::Author { name: &args.by, reviewer: &args.reviewer, why: &args.why };
    let change = match changes::record(&args.log, &banks, &author)? {
        Ok(change) => change,
        Err(diagnostic) => return misused(&[diagnostic]),
    };
    let (added, changed, removed) = change;
    writeln!(
        io::stdout(),
        "recorded: {added} added, {changed} changed, {removed} removed; {} questions",
        banks.questions.len()
    )?;
    Ok(Exit::Fine)
}

fn commit(args: &Commit) -> anyhow::Result<Exit> {
    let (banks, _) = match read(std::slice::from_ref(&args.file)) {
        Ok(read) => read,
        Err(found) => return misused(&found),
    };
    let text = match source(&args.file) {
        Ok(text) => text,
        Err(diagnostic) => return misused(&[diagnostic]),
    };
    let opening = Opening::new(&text, banks.questions.len())?;
    // First the file: a hash on record that nobody can open would be worth nothing.
    opening.write(&args.out)?;
    let dir = args.place.dir()?;
    let record = opening.put_on_record(&args.place, &dir, &args.operations)?;
    let Opening { hash, questions, .. } = &opening;
    writeln!(io::stdout(), "committed: {questions} questions, {hash}, record {record}")?;
    Ok(Exit::Fine)
}

fn verify(args: &Verify) -> anyhow::Result<Exit> {
    let read = source(&args.file).and_then(|text| Ok((text, Opening::read(&args.opening)?)));
    let (text, opening) = match read {
        Ok(read) => read,
        Err(diagnostic) => return misused(&[diagnostic]),
    };
    let mut out = io::stdout().lock();
    if !opening.opens(&text) {
        writeln!(out, "not the bank: its hash is not the one that was committed to ({})", opening.hash)?;
        return Ok(Exit::No);
    }
    let Some((record, time)) = opening.recorded(&args.place.dir()?)? else {
        writeln!(out, "the bank of the opening, and the journal has no record of it")?;
        return Ok(Exit::No);
    };
    let questions = opening.questions;
    writeln!(out, "the bank of {questions} questions that record {record} names, of {time}")?;
    Ok(Exit::Fine)
}
