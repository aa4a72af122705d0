//! Whether a bundle is what was signed, and its records stand in the journal: with nothing but the bundle and a key.

use super::head::{CHECKPOINT, GROWTH, Grown, HEAD, Head, SUMMARY, exchange_file, policy_file};
use crate::audit::{
    BundlePart, Checkpoint, Hash, MOST_BUNDLE, ProvedRecord, TimestampRoots, Verifier, WitnessKey,
    check_timestamp, consistency_holds, imprint, is_of, unpack,
};
use crate::cli::audit::{in_line, is_one_line, key_text};
use crate::cli::moment::written;
use crate::cli::{Exit, Format};
use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::PathBuf;

/// Verify a bundle, and say where the first fault lies
///
/// Needs the bundle and the journal's public key, no journal and no network. Every byte is looked at: the manifest's signature, each file's hash, each
/// record's proof, and how what others say leads to the same checkpoint.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when all is as it was signed, 1 at the first fault, 3 when it cannot be told.

Examples:
  sluicegate incident verify incident.zip --key 'example.com/gateway+1f4a2b3c+AZ...'
  sluicegate incident verify incident.zip --key gateway.vkey --witness w1.vkey --tsa tsa-ca.pem")]
pub(super) struct Verify {
    /// The bundle
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The journal's public key, or a file that holds it, from elsewhere than the bundle
    #[arg(long, value_name = "KEY|FILE")]
    key: String,

    /// The public key of a witness that has to have cosigned, or a file that holds it; may be given more than once
    #[arg(long, value_name = "KEY|FILE")]
    witness: Vec<String>,

    /// A PEM file of an authority whose timestamps are trusted; one of its timestamps has to be there. May be given more than once
    #[arg(long, value_name = "FILE")]
    tsa: Vec<PathBuf>,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// What a bundle shows.
struct Sound {
    head: Head,
    records: usize,
    files: usize,
    /// By witness: how many records it saw, and when in seconds since 1970.
    seen: Vec<(String, u64, u64)>,
    /// Records, time in milliseconds since 1970, authority.
    dated: Vec<(u64, u64, String)>,
}

/// Where a fault lies, and what it is.
type Fault = String;

pub(super) fn run(args: &Verify) -> anyhow::Result<Exit> {
    let cannot = || format!("cannot read `{}`", args.file.display());
    let size = std::fs::metadata(&args.file).with_context(cannot)?.len();
    anyhow::ensure!(size <= MOST_BUNDLE, "`{}` is too large for a bundle: {size} bytes", args.file.display());
    let bytes = std::fs::read(&args.file).with_context(cannot)?;
    let text = key_text(&args.key)?;
    let verifier: Verifier = text.parse().map_err(|error| anyhow::anyhow!("`{}`: {error}", text.trim()))?;
    let mut witnesses: Vec<WitnessKey> = Vec::new();
    for key in &args.witness {
        let text = key_text(key)?;
        witnesses.push(text.parse().map_err(|error| anyhow::anyhow!("`{}`: {error}", text.trim()))?);
    }
    let roots = if args.tsa.is_empty() {
        None
    } else {
        Some(TimestampRoots::read_all(args.tsa.iter().map(PathBuf::as_path))?)
    };
    let mut out = io::stdout().lock();
    match look(&bytes, &verifier, &witnesses, roots.as_ref()) {
        Ok(sound) => {
            match args.format {
                Format::Json => {
                    let seen: Vec<Value> = sound.seen.iter().map(|(name, size, time)| json!({"name": name, "records": size, "time": written(time.saturating_mul(1000))})).collect();
                    let dated: Vec<Value> = sound.dated.iter().map(|(size, time, who)| json!({"records": size, "time": written(*time), "authority": who})).collect();
                    let answer = json!({
                        "sound": true, "id": sound.head.id, "title": sound.head.title, "origin": sound.head.origin, "created": sound.head.created,
                        "exchanges": sound.head.exchanges.len(), "records": sound.records, "files": sound.files, "texts": sound.head.texts,
                        "law": sound.head.law, "witnesses": seen, "timestamps": dated,
                    });
                    writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?;
                }
                Format::Human => human(&mut out, &sound)?,
            }
            Ok(Exit::Fine)
        }
        Err(fault) => {
            match args.format {
                Format::Json => {
                    let answer = json!({"sound": false, "fault": fault});
                    writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?;
                }
                Format::Human => writeln!(out, "NOT SOUND: {}", in_line(&fault))?,
            }
            Ok(Exit::No)
        }
    }
}

fn human(out: &mut impl io::Write, sound: &Sound) -> anyhow::Result<()> {
    let head = &sound.head;
    writeln!(
        out,
        "sound: incident {}, {} exchanges with {} records, which stand in the journal of {}",
        in_line(&head.id),
        head.exchanges.len(),
        sound.records,
        in_line(&head.origin)
    )?;
    writeln!(
        out,
        "       {}: {} files, gathered {} by {}",
        in_line(&head.title),
        sound.files,
        in_line(&head.created),
        in_line(&head.by)
    )?;
    for (name, size, time) in &sound.seen {
        writeln!(
            out,
            "seen:  by {name}: the first {size} records, at {}",
            written(time.saturating_mul(1000))
        )?;
    }
    for (size, time, who) in &sound.dated {
        writeln!(
            out,
            "dated: the first {size} records were there at {}, says {}",
            written(*time),
            in_line(who)
        )?;
    }
    if head.texts {
        writeln!(
            out,
            "note: that the texts are those of the exchanges only the operator says; the journal proves their sealed form"
        )?;
    }
    Ok(())
}

/// What `exchanges/NAME.json` holds.
#[derive(Deserialize)]
struct Exchange {
    exchange: String,
    records: Vec<ProvedRecord>,
}

fn look(
    bytes: &[u8],
    verifier: &Verifier,
    witnesses: &[WitnessKey],
    roots: Option<&TimestampRoots>,
) -> Result<Sound, Fault> {
    let (id, files) = unpack(bytes, verifier).map_err(|error| error.to_string())?;
    let of = |name: &str| {
        let found = files.iter().find(|part| part.name == name);
        found.ok_or_else(|| format!("`{name}` is not in the bundle"))
    };
    let head: Head = read(of(HEAD)?)?;
    if head.id != id || head.origin != verifier.name() || head.key != verifier.to_string() {
        return Err(format!("`{HEAD}` speaks of another bundle or another key"));
    }
    let lines = [Some(&head.title), Some(&head.by), Some(&head.created), head.reference.as_ref()];
    if !lines.into_iter().flatten().all(|line| is_one_line(line)) {
        return Err(format!(
            "`{HEAD}` has texts of more than one line, or that turn the direction of writing"
        ));
    }
    of(SUMMARY)?;
    let note = text(of(CHECKPOINT)?)?;
    let checkpoint = Checkpoint::open(note, verifier).map_err(|error| format!("`{CHECKPOINT}`: {error}"))?;
    let mut expected: BTreeSet<String> = [HEAD, SUMMARY, CHECKPOINT, GROWTH].map(str::to_owned).into();
    let (mut records, mut last) = (0, 0);
    for name in &head.exchanges {
        let file = exchange_file(name);
        let exchange: Exchange = read(of(&file)?)?;
        let wrong = |what: String| format!("`{file}`: {what}");
        if exchange.exchange != *name || exchange.records.is_empty() {
            return Err(wrong("it holds another exchange, or no record".into()));
        }
        for proved in &exchange.records {
            let number = proved.sequence;
            let found = proved.holds(verifier).map_err(|error| wrong(format!("record {number}: {error}")))?;
            let said: Value = serde_json::from_str(&proved.record).unwrap_or_default();
            if !is_of(&said, name) {
                return Err(wrong(format!("record {number} is of another exchange")));
            }
            if found != checkpoint {
                return Err(wrong(format!("record {number} is proved under another checkpoint")));
            }
            last = last.max(number);
            records += 1;
        }
        expected.insert(file);
    }
    expected.extend(
        head.policies.iter().filter(|policy| policy.contents).map(|policy| policy_file(&policy.version)),
    );
    // What others say, and that it is of this journal.
    let grown: Vec<Grown> = read(of(GROWTH)?)?;
    let (mut seen, mut dated) = (Vec::new(), Vec::new());
    for Grown { file, consistency } in grown {
        let note = text(of(&file)?)?;
        let wrong = |what: String| format!("`{file}`: {what}");
        let found = Checkpoint::open(note, verifier).map_err(|error| wrong(error.to_string()))?;
        let path: Option<Vec<Hash>> =
            consistency.iter().map(|hash| BASE64_STANDARD.decode(hash).ok()?.try_into().ok()).collect();
        let path = path.ok_or_else(|| format!("`{GROWTH}`: not the hashes of a proof"))?;
        consistency_holds(found.size, &found.root, checkpoint.size, &checkpoint.root, &path)
            .map_err(|error| wrong(format!("it does not lead to the checkpoint of the proofs: {error}")))?;
        for key in witnesses {
            let cosigned = key.find(note).map_err(|error| wrong(error.to_string()))?;
            seen.extend(cosigned.map(|cosigned| (key.name().to_owned(), found.size, cosigned.time)));
        }
        let token = file.strip_suffix(".checkpoint").map(|stem| format!("{stem}.tsr"));
        if let Some(token) = token.filter(|token| files.iter().any(|part| part.name == *token)) {
            if let Some(roots) = roots {
                let stamp = check_timestamp(&of(&token)?.bytes, &imprint(note.as_bytes()), None, roots);
                let stamp = stamp.map_err(|error| format!("`{token}`: {error}"))?;
                dated.push((found.size, stamp.time_ms, stamp.authority));
            }
            expected.insert(token);
        }
        expected.insert(file);
    }
    let covers = |size: u64| size >= last;
    for key in witnesses {
        if !seen.iter().any(|(name, size, _)| name == key.name() && covers(*size)) {
            return Err(format!(
                "the witness {} has not cosigned a checkpoint that covers all {records} records",
                key.name()
            ));
        }
    }
    if roots.is_some() && !dated.iter().any(|(size, ..)| covers(*size)) {
        return Err("no timestamp of the authority covers all records".into());
    }
    for BundlePart { name, .. } in &files {
        let is_text = name.strip_prefix("texts/").is_some_and(|rest| {
            head.texts
                && rest.split_once('.').is_some_and(|(id, _)| head.exchanges.iter().any(|one| one == id))
        });
        if !is_text && !expected.contains(name) {
            return Err(format!("`{name}` belongs to nothing that the bundle tells of"));
        }
    }
    for name in &expected {
        of(name)?;
    }
    Ok(Sound { head, records, files: files.len() + 1, seen, dated })
}

fn text<'p>(part: &'p BundlePart<'_>) -> Result<&'p str, Fault> {
    str::from_utf8(&part.bytes).map_err(|_| format!("`{}` is not UTF-8", part.name))
}

fn read<T: for<'d> Deserialize<'d>>(part: &BundlePart<'_>) -> Result<T, Fault> {
    serde_json::from_slice(&part.bytes).map_err(|error| format!("`{}`: {error}", part.name))
}
