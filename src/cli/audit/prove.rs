//! `sluicegate audit prove`: proofs for people who have nothing else of the journal.

use super::{KeyArg, Place, absent};
use crate::audit::{Checkpoint, last_checkpoint, prove, prove_growth};
use crate::cli::{Exit, Format};
use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::io::{self, Write as _};
use std::path::PathBuf;

/// Prove that an exchange stands in the journal, or that the journal only grew
///
/// The proof holds the records themselves, the hashes that lead from them to the signed root, and the checkpoint (C2SP tlog-proof). With the
/// public key alone anybody can verify it: `sluicegate audit verify --proof`, or `tests/journal/verify.py`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0, 1 where there is no such record or it is not signed yet, 3 when it cannot be told.

Examples:
  sluicegate audit prove 4bzk0hmm1qf0n6cz6rwr9w3yxd > exchange.proof.json
  sluicegate audit prove --record 17
  sluicegate audit prove --since checkpoint-2026-11-01")]
pub(super) struct Args {
    /// The exchange, by the name in `x-sluicegate-exchange`
    #[arg(value_name = "EXCHANGE", required_unless_present_any = ["record", "since"])]
    exchange: Option<String>,

    /// A record, by its number
    #[arg(long, value_name = "N", conflicts_with = "exchange")]
    record: Option<u64>,

    /// An older checkpoint: prove that its journal is the beginning of today's
    #[arg(long, value_name = "FILE", conflicts_with_all = ["exchange", "record"])]
    since: Option<PathBuf>,

    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    key: KeyArg,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let dir = args.place.dir()?;
    let (verifier, _) = args.key.verifier(&dir)?;
    let mut out = io::stdout().lock();
    if let Some(path) = &args.since {
        let note =
            std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let old = Checkpoint::open(&note, &verifier).with_context(|| format!("`{}`", path.display()))?;
        let (new, hashes) = match prove_growth(&dir, &verifier, &old) {
            Ok(proof) => proof,
            Err(error) => return refuse(&error),
        };
        let (note, _) = last_checkpoint(&dir, &verifier)?;
        let hashes: Vec<String> = hashes.iter().map(|hash| BASE64_STANDARD.encode(hash)).collect();
        let answer = serde_json::json!({"old_size": old.size, "new_size": new.size, "consistency": hashes, "checkpoint": note});
        writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?;
        return Ok(Exit::Fine);
    }
    let numbers = match (&args.exchange, args.record) {
        (Some(name), _) => {
            let (_, index) = args.place.index()?;
            let Some(hit) = index.exchange(name)? else {
                writeln!(io::stderr(), "{}", absent(&dir, name))?;
                return Ok(Exit::No);
            };
            std::iter::once(hit.admission).chain(hit.end).chain(index.events(name)?).collect()
        }
        (None, Some(number)) => vec![number],
        (None, None) => Vec::new(),
    };
    let mut records = Vec::new();
    for number in numbers {
        match prove(&dir, &verifier, number) {
            Ok(record)
                if args.exchange.as_ref().is_some_and(|name| !record.record.contains(name.as_str())) =>
            {
                anyhow::bail!("the index does not fit the journal; remove index.sqlite, it is made anew")
            }
            Ok(record) => records.push(record),
            Err(error) => return refuse(&error),
        }
    }
    let answer = serde_json::json!({"exchange": args.exchange, "records": records});
    writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?;
    Ok(Exit::Fine)
}

fn refuse(error: &crate::audit::ProveError) -> anyhow::Result<Exit> {
    writeln!(io::stderr(), "{error}")?;
    Ok(Exit::No)
}

/// Print the public key and the last checkpoint, to be kept elsewhere
///
/// A checkpoint that somebody else keeps is what makes an older copy of the journal, or one with its end cut off, noticeable.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate audit key
  sluicegate audit key --checkpoint > checkpoint-2026-11-27
  sluicegate audit key --format json")]
pub(super) struct Key {
    /// The last checkpoint, as it was signed, in place of the key
    #[arg(long)]
    checkpoint: bool,

    #[command(flatten)]
    place: Place,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) fn key(args: &Key) -> anyhow::Result<Exit> {
    let dir = args.place.dir()?;
    let (verifier, _) = KeyArg { key: None }.verifier(&dir)?;
    let mut out = io::stdout().lock();
    let checkpoint = last_checkpoint(&dir, &verifier);
    match args.format {
        Format::Human if args.checkpoint => write!(out, "{}", checkpoint?.0)?,
        Format::Human => writeln!(out, "{verifier}")?,
        Format::Json => {
            let (note, size) =
                checkpoint.map_or((None, 0), |(note, checkpoint)| (Some(note), checkpoint.size));
            let answer = serde_json::json!({"key": verifier.to_string(), "origin": verifier.name(), "records": size, "checkpoint": note});
            writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?;
        }
    }
    Ok(Exit::Fine)
}
