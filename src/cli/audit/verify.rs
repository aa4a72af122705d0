//! `sluicegate audit verify`: whether a journal, or a proof taken from it, is what was signed.

use super::{KeyArg, Place, Progress};
use crate::audit::{ProvedRecord, verify};
use crate::cli::{Exit, Format};
use anyhow::Context as _;
use serde::Deserialize;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Say whether the journal is what was signed, and where the first fault lies
///
/// Every record is read, hashed into the tree and compared with the signed checkpoint. That shows that nothing was changed, left out, put in
/// or reordered since it was signed. A checkpoint that was kept elsewhere (`--kept`) shows too that the journal was not replaced by an older or
/// another one.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when all is as it was signed, 1 at the first fault, 3 when it cannot be told.

Examples:
  sluicegate audit verify
  sluicegate audit verify --journal /mnt/copy/journal --key gateway.vkey --kept checkpoint-2026-11-01
  sluicegate audit verify --proof exchange.proof.json --key 'example.com/gateway+1f4a2b3c+AZ...'
  sluicegate audit verify --format json")]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    key: KeyArg,

    /// A checkpoint of this journal that was kept elsewhere; may be given more than once
    #[arg(long, value_name = "FILE", conflicts_with = "proof")]
    kept: Vec<PathBuf>,

    /// Verify a proof of `sluicegate audit prove` in place of a journal; `-` for standard input
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// What `sluicegate audit prove` writes.
#[derive(Deserialize)]
struct Bundle {
    exchange: Option<String>,
    records: Vec<ProvedRecord>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.proof {
        Some(path) => proof(args, path),
        None => journal(args),
    }
}

fn journal(args: &Args) -> anyhow::Result<Exit> {
    let dir = args.place.dir()?;
    let (verifier, independent) = args.key.verifier(&dir)?;
    let mut progress = Progress::new("records verified");
    let verified = verify(&dir, &verifier, &args.kept, &mut |sequence| progress.at(sequence));
    progress.done();
    let mut out = io::stdout().lock();
    match (verified, args.format) {
        (Ok(verified), Format::Json) => {
            let torn: Vec<_> = verified
                .torn
                .iter()
                .map(|torn| serde_json::json!({"path": torn.path, "at": torn.at, "bytes": torn.bytes}))
                .collect();
            let answer = serde_json::json!({
                "sound": true, "records": verified.records, "signed": verified.signed, "origin": verified.checkpoint.origin,
                "kept": args.kept.len(), "independent_key": independent, "unfinished": torn,
            });
            writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?;
        }
        (Ok(verified), Format::Human) => {
            writeln!(
                out,
                "sound: {} records, {} of them signed by {}",
                verified.records, verified.signed, verified.checkpoint.origin
            )?;
            if !args.kept.is_empty() {
                writeln!(
                    out,
                    "       and those of {} checkpoint(s) kept elsewhere are its beginning",
                    args.kept.len()
                )?;
            }
            for torn in &verified.torn {
                writeln!(
                    out,
                    "note: {} ends in {} bytes that were never finished: a crash leaves such, and nothing of them was delivered",
                    torn.path.display(),
                    torn.bytes
                )?;
            }
            if !independent {
                writeln!(
                    out,
                    "note: the key stands beside the journal; pass one that you have from elsewhere with --key"
                )?;
            }
            if args.kept.is_empty() {
                writeln!(
                    out,
                    "note: without a checkpoint that was kept elsewhere (--kept) an older copy of the journal looks sound too"
                )?;
            }
        }
        (Err(fault), Format::Json) => {
            let answer = serde_json::json!({"sound": false, "fault": fault.to_string()});
            writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?;
            return Ok(Exit::No);
        }
        (Err(fault), Format::Human) => {
            writeln!(out, "NOT SOUND: {fault}")?;
            return Ok(Exit::No);
        }
    }
    Ok(Exit::Fine)
}

fn proof(args: &Args, path: &Path) -> anyhow::Result<Exit> {
    let mut text = String::new();
    if path == Path::new("-") {
        io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    }
    let bundle: Bundle = serde_json::from_str(&text)
        .with_context(|| format!("`{}` is not what `sluicegate audit prove` writes", path.display()))?;
    // A proof says nothing of its key: who has no other source for it takes the journal's.
    let verifier = match &args.key.key {
        Some(_) => args.key.verifier(Path::new(""))?.0,
        None => args.key.verifier(&args.place.dir()?)?.0,
    };
    let mut faults = Vec::new();
    let mut signed = 0;
    for record in &bundle.records {
        let said: serde_json::Value = serde_json::from_str(&record.record).unwrap_or_default();
        match record.holds(&verifier) {
            Ok(checkpoint) => signed = checkpoint.size,
            Err(error) => faults.push(format!("record {}: {error}", record.sequence)),
        }
        if bundle.exchange.as_deref().is_some_and(|name| said["exchange"].as_str() != Some(name)) {
            faults.push(format!("record {} is of another exchange", record.sequence));
        }
    }
    if bundle.records.is_empty() {
        faults.push("it holds no record".to_owned());
    }
    let mut out = io::stdout().lock();
    let numbers: Vec<String> = bundle.records.iter().map(|record| record.sequence.to_string()).collect();
    match args.format {
        Format::Json => {
            let answer = serde_json::json!({
                "sound": faults.is_empty(), "exchange": bundle.exchange, "records": numbers, "signed": signed,
                "origin": verifier.name(), "faults": faults,
            });
            writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?;
        }
        Format::Human if faults.is_empty() => writeln!(
            out,
            "sound: record {} stands in the journal that {} signed over {signed} records",
            numbers.join(" and "),
            verifier.name()
        )?,
        Format::Human => faults.iter().try_for_each(|fault| writeln!(out, "NOT SOUND: {fault}"))?,
    }
    Ok(if faults.is_empty() { Exit::Fine } else { Exit::No })
}
