//! What is kept of a configuration's answers, and its erasure.

use std::io::{self, Write as _};

use anyhow::Context as _;
use clap::builder::NonEmptyStringValueParser;
use serde_json::json;

use crate::audit::{ExchangeId, Holds};
use crate::cli::ask::Operations;
use crate::cli::audit::{Place, Writer};
use crate::cli::moment::{minute, written};
use crate::cli::{ConfigArgs, Exit, Format};
use crate::config::{Purpose, Settings};
use crate::limits::Pepper;
use crate::provenance::print::{Erasure, Forgotten, PrintKeys, PrintPlan, Shelf, forget};
use crate::server::PRINTS;

/// Say how much is kept
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0, 1 where nothing is kept, 2 for a bad configuration.

Examples:
  sluicegate prints stat
  sluicegate prints stat --config gateway.toml --format json")]
pub(super) struct Stat {
    #[command(flatten)]
    config: ConfigArgs,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Erase the prints of one exchange: nobody finds it by them any more
///
/// Those of a user `sluicegate audit erase` erases with all else that is kept of him. What was done is on record.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when they are erased, 1 when there are none or they are held, 3 when it cannot be told.

Examples:
  sluicegate prints forget 4bzk0hmm1qf0n6cz6rwr9w3yxd --basis 'request 4711'
  sluicegate prints forget 4bzk0hmm1qf0n6cz6rwr9w3yxd --basis 'request 4711' --config gateway.toml")]
pub(super) struct Forget {
    /// The exchange's id
    #[arg(value_name = "EXCHANGE")]
    exchange: String,

    /// On which basis, for the record; name nobody here
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    basis: String,

    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    operations: Operations,
}

/// What is needed to open the prints of a configuration; none where it keeps none.
fn plan(settings: &Settings) -> anyhow::Result<Option<PrintPlan>> {
    let folder = settings.prints_path();
    if !folder.is_dir() {
        return Ok(None);
    }
    let secret = Pepper::load(&settings.pepper_path())?.derive(PRINTS);
    Ok(Some(PrintPlan {
        folder,
        keys: PrintKeys::new(&secret),
        common: settings.common_phrases(&PrintKeys::new(&secret))?,
        days: settings.prints.days,
        size: settings.prints.size.get() as u64,
        // Ageing is for the gateway.
        is_held: Box::new(|| true),
        told: Box::new(|_| {}),
    }))
}

/// Prints of a configuration, to be looked at; none where it keeps none.
pub(in crate::cli) fn shelf(settings: &Settings) -> anyhow::Result<Option<Shelf>> {
    let Some(plan) = plan(settings)? else { return Ok(None) };
    Ok(Some(Shelf::open(&plan.folder, plan.keys, plan.common, Some(plan.days))?))
}

/// Erases prints; none where the configuration keeps none.
pub(in crate::cli) fn erase(
    settings: &Settings,
    erasure: impl Fn(&PrintKeys) -> Erasure,
) -> anyhow::Result<Option<Forgotten>> {
    let Some(first) = plan(settings)? else { return Ok(None) };
    let erasure = erasure(&first.keys);
    let again = || match plan(settings) {
        Ok(Some(plan)) => Ok(plan),
        Ok(None) => Err(io::ErrorKind::NotFound.into()),
        Err(error) => Err(io::Error::other(error)),
    };
    Ok(Some(forget(&erasure, again)?))
}

/// What is told where prints are still in the files.
pub(in crate::cli) const STILL: &str =
    "nobody finds its prints any more; the running gateway has not written its files anew yet";

pub(super) fn stat(args: &Stat) -> anyhow::Result<Exit> {
    let loaded = args.config.load(Purpose::Check);
    let Some(settings) = loaded.settings.or(loaded.draft) else {
        crate::cli::show(&loaded.diagnostics)?;
        return Ok(Exit::Misuse);
    };
    let mut out = io::stdout().lock();
    let Some(shelf) = shelf(&settings)? else {
        writeln!(out, "no prints are kept in {}", settings.prints_path().display())?;
        return Ok(Exit::No);
    };
    let held = shelf.held();
    match args.format {
        Format::Json => {
            let oldest = held.oldest_ms.map(written);
            let told = json!({
                "answers": held.records, "prints": held.prints, "letters": held.letters,
                "segments": held.segments, "bytes": held.bytes, "oldest": oldest,
            });
            writeln!(out, "{told}")?;
        }
        Format::Human => {
            writeln!(
                out,
                "{} answers, {} prints of {} letters; {} segments of {} bytes, and the log",
                held.records, held.prints, held.letters, held.segments, held.bytes
            )?;
            if let Some(oldest) = held.oldest_ms {
                writeln!(out, "the oldest is of {}", minute(oldest))?;
            }
        }
    }
    Ok(Exit::Fine)
}

pub(super) fn run_forget(args: &Forget) -> anyhow::Result<Exit> {
    let exchange = ExchangeId::parse(&args.exchange)
        .with_context(|| format!("`{}` is no id of an exchange", args.exchange))?;
    let loaded = args.place.loaded(Purpose::Check);
    let Some(settings) = loaded.settings.or(loaded.draft) else {
        crate::cli::show(&loaded.diagnostics)?;
        return Ok(Exit::Misuse);
    };
    let record = shelf(&settings)?.and_then(|shelf| shelf.record(&exchange.bytes()));
    let Some((_, tenant)) = record else {
        writeln!(io::stdout(), "no prints are kept of this exchange")?;
        return Ok(Exit::No);
    };
    let dir = args.place.dir()?;
    // Nobody begins a hold until it is done.
    let holds = Holds::of_journal(&dir)?;
    if let Some(hold) = holds.on(&tenant, "") {
        writeln!(io::stderr(), "not erased: held by `{}`: {}", hold.name, hold.reason)?;
        return Ok(Exit::No);
    }
    let writer = Writer::new(&args.place, &dir, &args.operations)?;
    let forgotten = erase(&settings, |_| Erasure::Exchange(exchange.bytes()))?;
    let detail = json!({"exchange": args.exchange, "tenant": &*tenant, "basis": args.basis, "prints": 1});
    writer.note("erasure", detail)?;
    let mut out = io::stdout().lock();
    if forgotten.is_some_and(|forgotten| forgotten.from_files) {
        writeln!(out, "erased: the prints of this exchange are gone")?;
    } else {
        writeln!(out, "erased: {STILL}")?;
    }
    Ok(Exit::Fine)
}
