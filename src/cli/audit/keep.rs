//! `sluicegate audit erase`, `hold`, `purge`: what is forgotten, what may not be, and the record of it.

use super::{Place, commitments, pepper};
use crate::audit::{
    Event, Hold, Holds, Journal, OpenError, erase, held, last_checkpoint, load_or_make_signer, purgeable,
};
use crate::cli::ask::Operations;
use crate::cli::moment::{now_ms, parse, written};
use crate::cli::prints;
use crate::cli::{Exit, Format, show};
use crate::config::Purpose;
use crate::provenance::print::{Erasure, PrintKeys};
use crate::server::NOTES;
use crate::text::hex;
use anyhow::Context as _;
use clap::builder::NonEmptyStringValueParser;
use serde_json::{Value, json};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

/// How long a running gateway may take to write a record.
const PATIENCE: Duration = Duration::from_secs(30);
/// The shortest time for which records are kept, in days: six months, as article 19 and 26 of the EU's AI Act and article 21 of China's
/// Cybersecurity Law ask.
const FLOOR: u32 = 184;
const DAY_MS: u64 = 86_400_000;

/// Who writes the record: a gateway that runs, or this process.
pub(in crate::cli) enum Writer<'a> {
    Running(&'a Operations, String),
    Own(Journal),
}

impl<'a> Writer<'a> {
    pub(in crate::cli) fn new(place: &Place, dir: &Path, operations: &'a Operations) -> anyhow::Result<Self> {
        let settings = place.settings()?;
        let key = settings.key.clone().context("the configuration names no key")?;
        let signer = load_or_make_signer(&key, settings.origin.as_deref())?;
        match Journal::open_signed(dir, &settings, signer, Box::new(|_| {})) {
            Ok((journal, _)) => Ok(Self::Own(journal)),
            Err(OpenError::Locked { .. }) => {
                let address = operations.address();
                // Before anything is done of which there could be no record.
                operations.ask("GET", "/healthz", PATIENCE).with_context(|| {
                    format!("a gateway has the journal open, and does not answer at {address}; `--operations` says where it listens")
                })?;
                Ok(Self::Running(operations, hex::encode(&pepper(place)?.derive(NOTES))))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the record; its number.
    pub(in crate::cli) fn note(&self, event: &'static str, detail: Value) -> anyhow::Result<u64> {
        match self {
            Self::Own(journal) => {
                let runtime = tokio::runtime::Builder::new_current_thread().build()?;
                let record = Event { event, time_ms: now_ms(), detail };
                Ok(runtime.block_on(journal.note(&record))?.sequence())
            }
            Self::Running(operations, token) => {
                let detail = hex::encode(&serde_json::to_vec(&detail)?);
                let address = operations.address();
                let path = format!("/admin/audit/note?event={event}&token={token}&detail={detail}");
                let (status, body) = operations
                    .ask("POST", &path, PATIENCE)
                    .with_context(|| format!("the gateway at {address} does not answer"))?;
                anyhow::ensure!(status == 200, "{address} answers {status}: {}", body.trim());
                let answer: Value = serde_json::from_str(&body)?;
                answer["record"].as_u64().context("the gateway says no record's number")
            }
        }
    }
}

/// Destroy the key under which the bodies of a user's exchanges are sealed, and the prints of what he was told
///
/// Nobody can read them again, in copies of the journal neither. The records stay, and so do their proofs: they hold no text. What was done is on
/// record itself.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when it is erased, 1 when there was nothing or it is held, 3 when it cannot be told.

Examples:
  sluicegate audit erase --tenant red --user alice@example.com --basis 'GDPR article 17, request 4711'
  sluicegate audit erase --tenant red --nameless --basis 'end of contract'")]
pub(super) struct Erase {
    /// The tenant
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    tenant: String,

    /// The user, as clients name him
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new(), required_unless_present = "nameless", conflicts_with = "nameless")]
    user: Option<String>,

    /// Those exchanges of the tenant that name no user
    #[arg(long)]
    nameless: bool,

    /// On which basis, for the record; name nobody here
    #[arg(long, value_name = "TEXT")]
    basis: String,

    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    operations: Operations,
}

pub(super) fn erase_subject(args: &Erase) -> anyhow::Result<Exit> {
    let dir = args.place.dir()?;
    let user = match &args.user {
        Some(user) => commitments(&args.place)?.name("user", user),
        None => String::new(),
    };
    let subject = match held(&dir, &args.tenant, &user) {
        Ok(subject) => subject,
        Err(why) => {
            writeln!(io::stderr(), "not erased: {why}")?;
            return Ok(Exit::No);
        }
    };
    let writer = Writer::new(&args.place, &dir, &args.operations)?;
    let gone = erase(&dir, &subject)?;
    let loaded = args.place.loaded(Purpose::Check);
    let of_user = |keys: &PrintKeys| Erasure::Subject(keys.subject(&args.tenant, &user), now_ms());
    let settings = loaded.settings.or(loaded.draft);
    let prints = settings.map(|settings| prints::erase(&settings, of_user)).transpose()?.flatten();
    let mut detail = json!({"tenant": args.tenant, "user": user, "basis": args.basis, "found": gone});
    if let Some(prints) = prints {
        detail["prints"] = prints.answers.into();
    }
    writer.note("erasure", detail)?;
    let mut out = io::stdout().lock();
    if let Some(prints) = prints.filter(|prints| prints.answers > 0) {
        let files = if prints.from_files { "they are gone" } else { prints::STILL };
        writeln!(out, "prints of {} answers are erased: {files}", prints.answers)?;
        if !gone {
            return Ok(Exit::Fine);
        }
    }
    if gone {
        writeln!(out, "erased: what was kept of this user's exchanges cannot be read any more")?;
        return Ok(Exit::Fine);
    }
    writeln!(out, "nothing was kept of this user, or it was erased before; the request is on record")?;
    Ok(Exit::No)
}

/// Keep what may be asked for from being erased or purged
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate audit hold add case-7 --tenant red --user alice@example.com --reason 'court order 7/2026'
  sluicegate audit hold list
  sluicegate audit hold release case-7 --reason 'case closed'")]
pub(super) struct HoldArgs {
    #[command(subcommand)]
    what: HoldWhat,
}

#[derive(Debug, clap::Subcommand)]
enum HoldWhat {
    Add(Add),
    Release(Release),
    List(List),
}

/// Begin a hold: on one user, on a tenant, or on all; while there is any, nothing is purged
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0, 1 when the name is taken, 3 when it cannot be told.

Examples:
  sluicegate audit hold add case-7 --tenant red --reason 'court order 7/2026'
  sluicegate audit hold add all --reason 'request of the authority of 2026-11-27'")]
struct Add {
    /// The hold's name
    #[arg(value_name = "NAME")]
    name: String,

    /// Why, and on whose order
    #[arg(long, value_name = "TEXT")]
    reason: String,

    /// The tenant; without it, all
    #[arg(long, value_name = "NAME", default_value = "")]
    tenant: String,

    /// The user, as clients name him; without it, all
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new(), requires = "tenant")]
    user: Option<String>,

    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    operations: Operations,
}

/// End a hold
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0, 1 when there is none of that name, 3 when it cannot be told.

Examples:
  sluicegate audit hold release case-7 --reason 'case closed'
  sluicegate audit hold release all --reason 'withdrawn' --state /var/lib/sluicegate")]
struct Release {
    /// The hold's name
    #[arg(value_name = "NAME")]
    name: String,

    /// Why, and on whose order
    #[arg(long, value_name = "TEXT")]
    reason: String,

    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    operations: Operations,
}

/// List all holds
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate audit hold list
  sluicegate audit hold list --format json")]
struct List {
    #[command(flatten)]
    place: Place,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) fn hold(args: &HoldArgs) -> anyhow::Result<Exit> {
    match &args.what {
        HoldWhat::Add(args) => add(args),
        HoldWhat::Release(args) => release(args),
        HoldWhat::List(args) => list(args),
    }
}

fn add(args: &Add) -> anyhow::Result<Exit> {
    let dir = args.place.dir()?;
    let user = match &args.user {
        Some(user) => commitments(&args.place)?.name("user", user),
        None => String::new(),
    };
    let writer = Writer::new(&args.place, &dir, &args.operations)?;
    if Holds::read(&dir)?.iter().any(|hold| hold.name == args.name) {
        writeln!(io::stderr(), "there is a hold `{}` already", args.name)?;
        return Ok(Exit::No);
    }
    let (name, reason, tenant) = (args.name.clone(), args.reason.clone(), args.tenant.clone());
    let detail = json!({"name": name, "reason": reason, "tenant": tenant, "user": user});
    let hold = Hold { name, reason, tenant, user, time_ms: now_ms() };
    writer.note("hold", detail)?;
    anyhow::ensure!(Holds::change(&dir)?.add(hold)?, "there is a hold `{}` already", args.name);
    writeln!(io::stdout(), "held: `{}`", args.name)?;
    Ok(Exit::Fine)
}

fn release(args: &Release) -> anyhow::Result<Exit> {
    let dir = args.place.dir()?;
    let writer = Writer::new(&args.place, &dir, &args.operations)?;
    let holds = Holds::read(&dir)?;
    if !holds.iter().any(|hold| hold.name == args.name) {
        writeln!(io::stderr(), "there is no hold `{}`", args.name)?;
        return Ok(Exit::No);
    }
    // First the record: a hold that ends without one would be missed by nobody.
    writer.note("release", json!({"name": args.name, "reason": args.reason}))?;
    Holds::change(&dir)?.release(&args.name)?;
    writeln!(io::stdout(), "released: `{}`", args.name)?;
    Ok(Exit::Fine)
}

fn list(args: &List) -> anyhow::Result<Exit> {
    let holds = Holds::read(&args.place.dir()?)?;
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => {
            let all: Vec<&Hold> = holds.iter().collect();
            writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
        }
        Format::Human if holds.is_empty() => writeln!(out, "no holds")?,
        Format::Human => {
            for hold in holds.iter() {
                let whom = match (hold.tenant.as_str(), hold.user.as_str()) {
                    ("", _) => "all".to_owned(),
                    (tenant, "") => format!("tenant {tenant}"),
                    (tenant, user) => format!("user {user} of {tenant}"),
                };
                writeln!(out, "{}  since {}  {whom}: {}", hold.name, written(hold.time_ms), hold.reason)?;
            }
        }
    }
    Ok(Exit::Fine)
}

/// Remove records that are older than anybody asks for
///
/// Whole segments go, the oldest first; a record says up to where. The tree keeps the hashes, so what is left goes on to verify. Nothing goes while
/// there is a hold, nothing that is younger than six months, and nothing that a profile or a route of the configuration keeps for longer.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when something went, 1 when nothing may go, 3 when it cannot be told.

Examples:
  sluicegate audit purge --before 400d --dry-run
  sluicegate audit purge --before 2025-11-01")]
pub(super) struct Purge {
    /// Records before this moment: `2025-11-01`, `2025-11-01T00:00:00Z`, or so long ago: `400d`
    #[arg(long, value_name = "WHEN", value_parser = parse)]
    before: u64,

    /// Say what would go, and leave it
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    operations: Operations,
}

pub(super) fn purge(args: &Purge) -> anyhow::Result<Exit> {
    let dir = args.place.dir()?;
    let loaded = args.place.config.load(Purpose::Check);
    let Some(settings) = loaded.settings else {
        // What it keeps is not known.
        show(&loaded.diagnostics)?;
        return Ok(Exit::Failed);
    };
    let library = match settings.policy_library() {
        Ok(library) => library,
        Err(found) => {
            show(&found)?;
            return Ok(Exit::Failed);
        }
    };
    let kept = settings.records_kept(&library).filter(|kept| kept.days > FLOOR);
    let days = kept.as_ref().map_or(FLOOR, |kept| kept.days);
    if args.before > now_ms().saturating_sub(u64::from(days) * DAY_MS) {
        let who = kept.map_or_else(String::new, |kept| format!(", as {} asks", kept.who));
        writeln!(io::stderr(), "records are kept for at least {days} days{who}: nothing younger is purged")?;
        return Ok(Exit::No);
    }
    let (verifier, _) = super::KeyArg { key: None }.verifier(&dir)?;
    let (_, checkpoint) = last_checkpoint(&dir, &verifier)?;
    let what = purgeable(&dir, checkpoint.size, args.before)?;
    if what.segments.is_empty() {
        let held = !Holds::read(&dir)?.is_empty();
        let why = if held { "there is a hold" } else { "no whole segment is older" };
        writeln!(io::stdout(), "nothing is purged: {why}")?;
        return Ok(Exit::No);
    }
    if !args.dry_run {
        let writer = Writer::new(&args.place, &dir, &args.operations)?;
        writer.note(
            "purge",
            json!({"through": what.through, "before_ms": args.before, "segments": what.segments.len()}),
        )?;
        crate::audit::remove(&dir, &what)?;
    }
    let went = if args.dry_run { "would go" } else { "went" };
    writeln!(io::stdout(), "records up to {} {went}: {} segments", what.through, what.segments.len())?;
    Ok(Exit::Fine)
}
