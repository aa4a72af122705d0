//! Gathers what a bundle holds.

use super::head::{CHECKPOINT, GROWTH, Grown, HEAD, Head, PolicyIn, SUMMARY, exchange_file, policy_file};
use super::{laws, summary};
use crate::audit::{
    BundlePart, Checkpoint, EntryReader, Hit, Index, MANIFEST, ProveError, ProvedRecord, Verifier, Vouched,
    growth, is_of, last_checkpoint, load_or_make_signer, pack, prove_under, sha256_hex,
};
use crate::cli::ask::Operations;
use crate::cli::audit::{Filter, Place, Writer, absent, bodies, is_one_line};
use crate::cli::moment::{now_ms, parse, written};
use crate::cli::{Exit, Format, show};
use crate::config::{Purpose, Settings};
use crate::diag::Draft;
use crate::policy::explain::{Described, describe};
use crate::policy::{Library, Policy};
use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most exchanges of one bundle.
const MOST: usize = 10_000;

/// Gather exchanges with their proofs into one signed file, for a report to an authority
///
/// The file is a ZIP that every system opens: a page for people, the records with the proofs that they stand in the journal, what witnesses and
/// timestamp services say of it, and the rules under which the exchanges ran. The journal's key signs the whole of it, so that any changed byte is found.
/// It holds no text of users, unless `--texts` says so. That it was made stands on record.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0, 1 when no exchange is meant or one is not signed yet, 2 for a law or a policy that is wrong, 3 when it cannot be made.

Examples:
  sluicegate incident create 4bzk0hmm1qf0n6cz6rwr9w3yxd --title 'Dosage advice' --by 'j. doe' --out incident.zip
  sluicegate incident create --rule harm/self-harm --since 7d --title 'Answers of 27 November' --by 'j. doe' \\
    --law eu-ai-act-73 --aware 2026-11-27T09:00:00Z --reference 'case 4711' --out incident.zip")]
pub(super) struct Create {
    /// The exchanges, by the name in `x-sluicegate-exchange`; without any, those that the terms below find
    #[arg(value_name = "EXCHANGE")]
    exchanges: Vec<String>,

    /// What it is about, for the report and the record; name nobody here
    #[arg(long, value_name = "TEXT", value_parser = one_line)]
    title: String,

    /// Who makes it, for the report and the record
    #[arg(long, value_name = "NAME", value_parser = one_line)]
    by: String,

    /// The law under which it is reported, whose terms go into the report: eu-ai-act-73, eu-gdpr-33, us-ca-sb-53
    #[arg(long, value_name = "ID")]
    law: Option<String>,

    /// When somebody became aware of it, from which the law's terms count; without it, now
    #[arg(long, value_name = "WHEN", value_parser = parse, requires = "law")]
    aware: Option<u64>,

    /// A case's number, an authority, another law
    #[arg(long, value_name = "TEXT", value_parser = one_line)]
    reference: Option<String>,

    /// The file to write; nothing is written over
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// The bodies too, in the clear, where they are kept and not erased
    #[arg(long)]
    texts: bool,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,

    #[command(flatten)]
    filter: Filter,

    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    operations: Operations,
}

/// The longest title, name or reference, in characters.
const LONGEST: usize = 200;

/// A text that stands in one line, and says what it seems to.
fn one_line(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("it says nothing".to_owned());
    }
    if text.chars().count() > LONGEST {
        return Err(format!("at most {LONGEST} characters"));
    }
    if !is_one_line(text) {
        return Err(
            "one line, without control characters and signs that turn the direction of writing".to_owned()
        );
    }
    Ok(text.to_owned())
}

/// An exchange with its records.
pub(super) struct Gathered {
    pub(super) exchange: String,
    /// As they are read: the admission, and the end where there is one.
    pub(super) records: Vec<Value>,
    /// The events about it: complaints, reviews, steps on the ladder.
    pub(super) events: Vec<Value>,
    proved: Vec<ProvedRecord>,
}

pub(super) fn run(args: &Create) -> anyhow::Result<Exit> {
    let aware = args.aware.unwrap_or_else(now_ms);
    let law = match args.law.as_deref().map(|law| laws::due(law, aware)).transpose() {
        Ok(law) => law,
        Err(found) => {
            show(&found)?;
            return Ok(Exit::Misuse);
        }
    };
    if args.exchanges.is_empty() == args.filter.is_empty() {
        writeln!(
            io::stderr(),
            "which exchanges are meant? Name them, or say terms such as --since and --rule; not both"
        )?;
        return Ok(Exit::Misuse);
    }
    anyhow::ensure!(!args.out.exists(), "`{}` is there already; nothing is written over", args.out.display());
    let (dir, index, hits) = match hits(args)? {
        Ok(found) => found,
        Err(why) => {
            writeln!(io::stderr(), "{why}")?;
            return Ok(Exit::No);
        }
    };
    let settings = args.place.settings()?;
    let key = settings.key.clone().context("the configuration names no key")?;
    anyhow::ensure!(
        key.exists(),
        "there is no key at `{}`: only who has the journal's key can sign for it",
        key.display()
    );
    let signer = load_or_make_signer(&key, settings.origin.as_deref())?;
    let verifier = signer.verifier().clone();
    let (note, checkpoint) = last_checkpoint(&dir, &verifier)?;
    let mut entries = EntryReader::new(&dir)?;
    let mut gathered = Vec::new();
    for hit in &hits {
        let events = index.events(&hit.exchange)?;
        match gather((&dir, &mut entries), (&note, &checkpoint), (hit, &events)) {
            Ok(one) => gathered.push(one),
            Err(Refused::Proof(error)) => {
                writeln!(io::stderr(), "{}: {error}", hit.exchange)?;
                return Ok(Exit::No);
            }
            Err(Refused::Failed(error)) => return Err(error),
        }
    }
    let last = gathered.iter().flat_map(|one| &one.proved).map(|proved| proved.sequence).max().unwrap_or(0);
    let mut files = Vec::new();
    let mut add = |name: String, bytes: Vec<u8>| files.push(BundlePart { name, bytes: bytes.into() });
    let (policies, described) = policies(args, &gathered);
    let mut without_texts = Vec::new();
    let mut texts = Vec::new();
    for one in gathered.iter().filter(|_| args.texts) {
        match bodies(&args.place, &dir, &one.exchange, &one.records) {
            Ok(found) => texts.extend(
                found
                    .into_iter()
                    .filter(|(_, body)| !body.is_empty())
                    .map(|(what, body)| (format!("texts/{}.{what}", one.exchange), body)),
            ),
            Err(_) => without_texts.push(one.exchange.clone()),
        }
    }
    let head = Head {
        id: crate::audit::ExchangeId::random().map_err(std::io::Error::from)?.to_string(),
        title: args.title.clone(),
        created: written(now_ms()),
        by: args.by.clone(),
        law,
        reference: args.reference.clone(),
        origin: verifier.name().to_owned(),
        key: verifier.to_string(),
        key_sha256: verifier.fingerprint(),
        program: concat!("sluicegate ", env!("CARGO_PKG_VERSION")).to_owned(),
        checkpoint: checkpoint.size,
        exchanges: gathered.iter().map(|one| one.exchange.clone()).collect(),
        unfinished: gathered
            .iter()
            .filter(|one| one.records.len() < 2)
            .map(|one| one.exchange.clone())
            .collect(),
        policies: policies
            .iter()
            .map(|(version, value)| PolicyIn { version: version.clone(), contents: value.is_some() })
            .collect(),
        texts: args.texts,
        without_texts,
    };
    add(SUMMARY.into(), summary::page(&head, &gathered, &described).into_bytes());
    add(HEAD.into(), pretty(&head)?);
    for one in &gathered {
        add(exchange_file(&one.exchange), pretty(&json!({"exchange": one.exchange, "records": one.proved}))?);
    }
    for (version, value) in &policies {
        if let Some(value) = value {
            add(policy_file(version), pretty(value)?);
        }
    }
    add(CHECKPOINT.into(), note.clone().into_bytes());
    evidence(&dir, &verifier, &checkpoint, last, &mut add)?;
    texts.into_iter().for_each(|(name, body)| add(name, body));
    let count = files.len() + 1;
    let bundle = pack(&signer, &head.id, files)?;
    let hash = sha256_hex(&bundle);
    // First the record: a bundle that nobody knows of would be missed by nobody.
    // And before it the file, but for its place: a record of what could not be written would say what is not so.
    let place = || format!("cannot write `{}`", args.out.display());
    let draft = Draft::new(&args.out, &bundle).with_context(place)?;
    let writer = Writer::new(&args.place, &dir, &args.operations)?;
    let detail = json!({
        "id": head.id, "title": head.title, "exchanges": head.exchanges.len(), "bundle": hash, "by": head.by,
        "law": head.law.as_ref().map(|due| &due.law), "reference": head.reference, "texts": head.texts,
    });
    let record = writer.note("incident", detail)?;
    draft.place().with_context(|| format!("{}; record {record} says that it was made", place()))?;
    let mut out = io::stdout().lock();
    if args.format == Format::Json {
        let answer = json!({
            "file": args.out, "id": head.id, "exchanges": head.exchanges, "files": count, "record": record, "sha256": hash,
            "law": head.law, "without_texts": head.without_texts,
        });
        writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?;
        return Ok(Exit::Fine);
    }
    writeln!(
        out,
        "{}: incident {}, {} exchanges in {count} files ({MANIFEST} signed by {})",
        args.out.display(),
        head.id,
        head.exchanges.len(),
        head.origin
    )?;
    writeln!(out, "on record: {record}, SHA-256 {hash}")?;
    for term in head.law.iter().flat_map(|due| &due.terms) {
        writeln!(out, "due: by {} for {}", term.until, term.of)?;
    }
    if !head.without_texts.is_empty() {
        writeln!(out, "note: of {} exchanges no bodies are kept", head.without_texts.len())?;
    }
    Ok(Exit::Fine)
}

/// The journal's folder, its index, and what is meant of it.
type Found = (PathBuf, Index, Vec<Hit>);

/// The exchanges that are meant, the oldest first, or why there are none.
fn hits(args: &Create) -> anyhow::Result<Result<Found, String>> {
    let (dir, index) = args.place.index()?;
    let mut hits = Vec::new();
    if args.exchanges.is_empty() {
        hits = index.search(&args.filter.query(&args.place, MOST + 1)?)?;
    }
    for name in &args.exchanges {
        match index.exchange(name)? {
            Some(hit) => hits.push(hit),
            None => return Ok(Err(absent(&dir, name))),
        }
    }
    hits.sort_by_key(|hit| hit.admission);
    hits.dedup_by_key(|hit| hit.admission);
    Ok(match hits.len() {
        0 => Err("no exchange is found".into()),
        1..=MOST => Ok((dir, index, hits)),
        _ => Err(format!(
            "these are more than {MOST} exchanges, which one bundle does not hold: narrow the terms"
        )),
    })
}

enum Refused {
    Proof(ProveError),
    Failed(anyhow::Error),
}

fn gather(
    (dir, entries): (&Path, &mut EntryReader),
    signed: (&str, &Checkpoint),
    (hit, events): (&Hit, &[u64]),
) -> Result<Gathered, Refused> {
    let exchange = hit.exchange.clone();
    let mut one = Gathered { exchange, records: Vec::new(), events: Vec::new(), proved: Vec::new() };
    let own: Vec<u64> = std::iter::once(hit.admission).chain(hit.end).collect();
    for &number in own.iter().chain(events) {
        let proved = prove_under(dir, entries, signed, number).map_err(Refused::Proof)?;
        let record: Value =
            serde_json::from_str(&proved.record).map_err(|error| Refused::Failed(error.into()))?;
        if !is_of(&record, &hit.exchange) {
            let why = "the index does not fit the journal; remove index.sqlite, it is made anew";
            return Err(Refused::Failed(anyhow::anyhow!(why)));
        }
        if record["record"] == "event" {
            one.events.push(record);
        } else {
            one.records.push(record);
        }
        one.proved.push(proved);
    }
    Ok(one)
}

fn pretty(value: &impl serde::Serialize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// What others say of the records, each with what leads to the checkpoint of the proofs.
fn evidence(
    dir: &Path,
    verifier: &Verifier,
    checkpoint: &Checkpoint,
    through: u64,
    add: &mut impl FnMut(String, Vec<u8>),
) -> anyhow::Result<()> {
    let mut grown = Vec::new();
    for (name, path) in Vouched::of(dir).evidence(through)? {
        let name = format!("evidence/{name}");
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        if path.extension().is_some_and(|extension| extension == "checkpoint") {
            let what = || format!("`{}`", path.display());
            let found =
                Checkpoint::open(str::from_utf8(&bytes).with_context(what)?, verifier).with_context(what)?;
            // One that came after the proofs were made.
            if found.size > checkpoint.size {
                continue;
            }
            let path = growth(dir, found.size, checkpoint.size)?;
            let consistency = path.iter().map(|hash| BASE64_STANDARD.encode(hash)).collect();
            grown.push(Grown { file: name.clone(), consistency });
        } else if !grown
            .iter()
            .any(|grown| Path::new(&grown.file) == Path::new(&name).with_extension("checkpoint"))
        {
            continue;
        }
        add(name, bytes);
    }
    add(GROWTH.into(), pretty(&grown)?);
    Ok(())
}

/// Rules by their id, as some policy describes them.
pub(super) type Rules = BTreeMap<String, Described>;

/// The contents of the policies under which the exchanges ran, as far as they are still loaded, by version; and what their rules are.
fn policies(args: &Create, gathered: &[Gathered]) -> (BTreeMap<String, Option<Value>>, Rules) {
    let records = || gathered.iter().flat_map(|one| &one.records);
    let wanted: BTreeSet<&str> = records()
        .filter_map(|record| record["policy_version"].as_str())
        .filter(|version| !version.is_empty())
        .collect();
    let loaded = args.place.loaded(Purpose::Check);
    let usable = loaded.settings.as_ref().and_then(|settings: &Settings| settings.check_policies().1);
    let mut rules = Rules::new();
    let mut out: BTreeMap<String, Option<Value>> =
        wanted.iter().map(|version| ((*version).to_owned(), None)).collect();
    let Some((table, library)) = usable else { return (out, rules) };
    let found: BTreeSet<&str> = records()
        .flat_map(|record| record["findings"].as_array().into_iter().flatten())
        .filter_map(|found| found["rule"].as_str())
        .collect();
    for policy in std::iter::once(&table.default).chain(&table.tenants) {
        if let Some(slot) = out.get_mut(policy.version()).filter(|slot| slot.is_none()) {
            *slot = Some(contents(policy, &library));
            for id in &found {
                rules.extend(describe(policy, id).map(|described| ((*id).to_owned(), described)));
            }
        }
    }
    (out, rules)
}

fn contents(policy: &Arc<Policy>, library: &Library) -> Value {
    let rules: Vec<Described> =
        policy.all_rules().iter().filter_map(|rule| describe(policy, &rule.id)).collect();
    json!({
        "policy": policy.name(), "version": policy.version(), "contents": library.contents(), "rules": rules,
    })
}
