//! `sluicegate audit verify`: whether a journal, or a proof taken from it, is what was signed.

use super::anchored::{AnchorSeen, read_anchors};
use super::{KeyArg, Place, Progress, key_text};
use crate::audit::{
    Cosigned, FLOOR_DAYS, Fault, ProvedRecord, Purge, Stamped, TimestampRoots, Verified, Verifier, Vouched,
    WitnessKey, cosigned, is_of, read_kept_checkpoints, seen_by, verify,
};
use crate::cli::moment::written;
use crate::cli::{Exit, Format};
use anyhow::Context as _;
use serde::Deserialize;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

/// Say whether the journal is what was signed, and where the first fault lies
///
/// Every record is read, hashed into the tree and compared with the signed checkpoint. That shows that nothing was changed, left out, put in
/// or reordered since it was signed. A checkpoint that was kept elsewhere (`--kept`) shows too that the journal was not replaced by an older or
/// another one. So do checkpoints that witnesses have cosigned, or that were anchored or stamped with a time: those beside the journal are looked at,
/// too, and what each witness and each authority says is told.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when all is as it was signed, 1 at the first fault, 3 when it cannot be told.

Examples:
  sluicegate audit verify
  sluicegate audit verify --journal /mnt/copy/journal --key gateway.vkey --kept checkpoint-2026-11-01
  sluicegate audit verify --witness 'auditor.example/w1+0c3f...+BM...' --quorum 1 --tsa tsa-ca.pem
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

    /// The public key of a witness that is trusted, or a file that holds it; may be given more than once. Without it, those of the configuration
    #[arg(long, value_name = "KEY|FILE", conflicts_with = "proof")]
    witness: Vec<String>,

    /// How many of the witnesses have to have cosigned; without it, one of those given with `--witness`
    #[arg(long, value_name = "N", conflicts_with = "proof")]
    quorum: Option<usize>,

    /// A PEM file of the authority whose timestamps are trusted, or of its service's certificate; may be given more than once. Without it, those of
    /// the configuration
    #[arg(long, value_name = "FILE", conflicts_with = "proof")]
    tsa: Vec<PathBuf>,

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

/// What others say of a journal.
struct Others {
    witnesses: Vec<WitnessKey>,
    quorum: usize,
    seen: Vec<Cosigned>,
    seen_by_quorum: u64,
    stamps: Vec<Stamped>,
    /// Timestamps that nobody can check, since no authority is named.
    unchecked: usize,
    anchors: Vec<AnchorSeen>,
    /// Files of `--kept` with checkpoints of other logs, and how many.
    strange: Vec<(PathBuf, usize)>,
}

/// Looks at the journal, and at what others say of it.
fn look(
    args: &Args,
    dir: &Path,
    verifier: &Verifier,
) -> anyhow::Result<Result<(Verified, Others), Box<Fault>>> {
    let (witnesses, anchors) = args.place.vouching()?;
    let named: Vec<String> = if args.witness.is_empty() {
        witnesses.into_iter().map(|witness| witness.key).collect()
    } else {
        args.witness.iter().map(|key| key_text(key)).collect::<anyhow::Result<_>>()?
    };
    let key = |text: &String| text.parse().map_err(|error| anyhow::anyhow!("`{}`: {error}", text.trim()));
    let witnesses: Vec<WitnessKey> = named.iter().map(key).collect::<anyhow::Result<_>>()?;
    let mut distinct: Vec<WitnessKey> = Vec::new();
    for key in witnesses {
        if !distinct.iter().any(|other| other.is_same(&key)) {
            distinct.push(key);
        } else if !args.witness.is_empty() {
            anyhow::bail!(
                "`--witness {key}`: this key is given twice, and is one witness however it is written"
            );
        }
    }
    let witnesses = distinct;
    let quorum = args.quorum.unwrap_or(usize::from(!args.witness.is_empty()));
    anyhow::ensure!(
        quorum <= witnesses.len(),
        "`--quorum {quorum}` asks for more than the {} witnesses that are named",
        witnesses.len()
    );
    let roots: Vec<&Path> = if args.tsa.is_empty() {
        anchors.iter().filter_map(|anchor| anchor.roots.as_deref()).collect()
    } else {
        args.tsa.iter().map(PathBuf::as_path).collect()
    };
    let roots = if roots.is_empty() { None } else { Some(TimestampRoots::read_all(roots)?) };
    let vouched = Vouched::of(dir);
    let mut kept = args.kept.clone();
    let anchors = match read_anchors(&anchors, &vouched, verifier) {
        Ok(anchors) => anchors,
        Err(fault) => return Ok(Err(fault)),
    };
    kept.extend(anchors.iter().filter_map(AnchorSeen::holds).map(Path::to_owned));
    kept.extend(vouched.checkpoints().with_context(|| format!("cannot read `{}`", dir.display()))?);
    let mut progress = Progress::new("records verified");
    let found = verify(dir, verifier, &kept, &mut |sequence| progress.at(sequence)).and_then(|verified| {
        let seen = cosigned(&kept, verifier, &witnesses)?;
        let seen_by_quorum = seen_by(&seen, quorum)?;
        let (stamps, unchecked) = match &roots {
            Some(roots) => (vouched.timestamps(verifier, roots)?, 0),
            None => (Vec::new(), vouched.count_timestamps()),
        };
        let mut strange = Vec::new();
        for path in &args.kept {
            let others = read_kept_checkpoints(path, verifier)?.others;
            strange.extend((others > 0).then(|| (path.clone(), others)));
        }
        Ok((
            verified,
            Others { witnesses, quorum, seen, seen_by_quorum, stamps, unchecked, anchors, strange },
        ))
    });
    progress.done();
    Ok(found)
}

fn journal(args: &Args) -> anyhow::Result<Exit> {
    let dir = args.place.dir()?;
    let (verifier, independent) = args.key.verifier(&dir)?;
    let found = look(args, &dir, &verifier)?;
    let mut out = io::stdout().lock();
    match (found, args.format) {
        (Ok((verified, others)), Format::Json) => {
            let torn: Vec<_> = verified
                .torn
                .iter()
                .map(|torn| serde_json::json!({"path": torn.path, "at": torn.at, "bytes": torn.bytes}))
                .collect();
            let seen: Vec<_> = others
                .seen
                .iter()
                .map(|one| serde_json::json!({"name": one.witness, "records": one.size, "time": written(one.time.saturating_mul(1000))}))
                .collect();
            let stamps: Vec<_> = others
                .stamps
                .iter()
                .map(|one| serde_json::json!({"records": one.size, "time": written(one.stamp.time_ms), "authority": one.stamp.authority}))
                .collect();
            let anchors: Vec<_> = others.anchors.iter().map(AnchorSeen::json).collect();
            let strange: usize = others.strange.iter().map(|(_, count)| count).sum();
            let answer = serde_json::json!({
                "sound": true, "records": verified.records, "signed": verified.signed, "origin": verified.checkpoint.origin,
                "purged": verified.purged, "purges": verified.purges.iter().map(purge_json).collect::<Vec<_>>(),
                "missing_tiles": verified.missing_tiles,
                "kept": args.kept.len(), "independent_key": independent, "unfinished": torn,
                "witnesses": seen, "quorum": others.quorum, "seen_by_quorum": others.seen_by_quorum,
                "timestamps": stamps, "timestamps_unchecked": others.unchecked,
                "anchors": anchors, "kept_of_other_logs": strange,
            });
            writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?;
        }
        (Ok((verified, others)), Format::Human) => human(&mut out, args, &verified, &others, independent)?,
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

fn human(
    out: &mut impl Write,
    args: &Args,
    verified: &Verified,
    others: &Others,
    independent: bool,
) -> anyhow::Result<()> {
    writeln!(
        out,
        "sound: {} records, {} of them signed by {}",
        verified.records, verified.signed, verified.checkpoint.origin
    )?;
    for purge in &verified.purges {
        writeln!(out, "{}", purge_line(purge))?;
    }
    if !args.kept.is_empty() {
        let count = args.kept.len();
        writeln!(out, "       and those of {count} checkpoint(s) kept elsewhere are its beginning")?;
    }
    for one in &others.seen {
        let time = written(one.time.saturating_mul(1000));
        writeln!(out, "seen:  by {}: the first {} records, at {time}", one.witness, one.size)?;
    }
    if others.quorum > 1 {
        let (size, quorum) = (others.seen_by_quorum, others.quorum);
        writeln!(out, "       the first {size} records by at least {quorum} of them")?;
    }
    if let Some(newest) = others.stamps.last() {
        let (size, time, who) = (newest.size, written(newest.stamp.time_ms), &newest.stamp.authority);
        writeln!(out, "dated: the first {size} records were there at {time}, says {}", super::plain(who))?;
        let count = others.stamps.len();
        writeln!(out, "       {count} timestamp(s) hold; {} is the newest", newest.path.display())?;
    }
    for anchor in &others.anchors {
        writeln!(out, "{}", anchor.line())?;
    }
    for (path, count) in &others.strange {
        writeln!(out, "note: {count} checkpoint(s) of other logs in {} were passed over", path.display())?;
    }
    for key in &others.witnesses {
        if !others.seen.iter().any(|one| one.witness == key.name()) {
            writeln!(out, "note: the witness {} has cosigned nothing of it", key.name())?;
        }
    }
    if others.unchecked > 0 {
        let count = others.unchecked;
        writeln!(
            out,
            "note: {count} timestamp(s) were not checked: --tsa names the authority that is trusted"
        )?;
    }
    if verified.missing_tiles > 0 {
        let count = verified.missing_tiles;
        writeln!(
            out,
            "note: {count} tile(s) of hashes are missing: they follow from the records and are made anew at the next start; until then not every record can be proved"
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
    if !others.seen.is_empty() && args.witness.is_empty() {
        writeln!(
            out,
            "note: the witnesses' keys are those of the configuration; pass those that you have from elsewhere with --witness"
        )?;
    }
    if args.kept.is_empty() && others.seen.is_empty() {
        writeln!(
            out,
            "note: without a checkpoint that was kept elsewhere (--kept) an older copy of the journal looks sound too"
        )?;
    } else if args.kept.is_empty() {
        writeln!(
            out,
            "note: an older copy of the journal looks sound too, but for the times above: ask the witness for the last checkpoint that it has seen, and pass it with --kept"
        )?;
    }
    Ok(())
}

fn purge_json(purge: &Purge) -> serde_json::Value {
    serde_json::json!({
        "record": purge.record, "through": purge.through, "time": written(purge.time_ms),
        "before": (purge.before_ms > 0).then(|| written(purge.before_ms)), "early": purge.is_early(),
    })
}

/// What a record says of a purge, and whether that was as it should be.
fn purge_line(purge: &Purge) -> String {
    let Purge { record, through, time_ms, before_ms } = *purge;
    let before = if before_ms > 0 { format!(", of before {}", written(before_ms)) } else { String::new() };
    let early = if purge.is_early() {
        format!("; YOUNGER THAN THE {FLOOR_DAYS} DAYS for which records are kept at least")
    } else {
        String::new()
    };
    format!(
        "gone:  records up to {through} were purged{before}, says record {record} of {}{early}",
        written(time_ms)
    )
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
        if bundle.exchange.as_deref().is_some_and(|name| !is_of(&said, name)) {
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
