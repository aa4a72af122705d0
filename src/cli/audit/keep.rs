//! `sluicegate audit erase`, `hold`, `purge`: what is forgotten, what may not be, and the record of it.

use super::{Place, Writer, commitments, pepper};
use crate::audit::{
    FLOOR_DAYS, Hold, Holds, Purgeable, Verifier, erase, held, last_checkpoint, purge_floor, purgeable,
    written_lately,
};
use crate::cli::ask::Operations;
use crate::cli::moment::{now_ms, parse, written};
use crate::cli::prints;
use crate::cli::{Exit, Format, show};
use crate::config::{Purpose, Settings};
use crate::provenance::print::{Erasure, PrintKeys};
use crate::server::{PSEUDONYMS, VAULT};
use crate::vault::{Secret, owner};
use anyhow::Context as _;
use clap::builder::NonEmptyStringValueParser;
use serde_json::{Value, json};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

/// How often it is looked for a checkpoint, and the longest that one is waited for.
const LOOK: Duration = Duration::from_millis(50);
const SIGNED: Duration = Duration::from_secs(30);

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

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,

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
    // Nobody begins a hold until it is done.
    let (subject, _holds) = match held(&dir, &args.tenant, &user) {
        Ok(found) => found,
        Err(why) => {
            refuse(args.format, &format!("not erased: {why}"), &json!({"erased": false, "why": why}))?;
            return Ok(Exit::No);
        }
    };
    let writer = Writer::new(&args.place, &dir, &args.operations)?;
    let gone = erase(&dir, &subject)?;
    let loaded = args.place.loaded(Purpose::Check);
    let of_user = |keys: &PrintKeys| Erasure::Subject(keys.subject(&args.tenant, &user), now_ms());
    let settings = loaded.settings.or(loaded.draft);
    let prints = settings.map(|settings| prints::erase(&settings, of_user)).transpose()?.flatten();
    let secret = Secret::new(&pepper(&args.place)?.derive(PSEUDONYMS));
    let owner = owner(&secret, &args.tenant, args.user.as_deref().unwrap_or_default());
    let mut detail = json!({"tenant": args.tenant, "user": user, "basis": args.basis, "found": gone});
    if let Some(prints) = prints {
        detail["prints"] = prints.answers.into();
    }
    let (record, stand_ins) = writer.erasure(detail, &args.place.state()?.join(VAULT), secret, &owner)?;
    let prints = prints.filter(|prints| prints.answers > 0);
    let mut said = Vec::new();
    if let Some(prints) = prints {
        let files = if prints.from_files { "they are gone" } else { prints::STILL };
        said.push(format!("erased: prints of {} answers; {files}", prints.answers));
    }
    if gone {
        said.push("erased: what was kept of this user's exchanges cannot be read any more".to_owned());
    }
    if stand_ins > 0 {
        said.push(format!("erased: what stood for values in {stand_ins} of this user's conversations"));
    }
    let erased = !said.is_empty();
    if !erased {
        said.push(
            "nothing was kept of this user, or it was erased before; the request is on record".to_owned(),
        );
    }
    let answer = json!({
        "erased": erased, "record": record, "bodies": gone, "stand_ins": stand_ins,
        "prints": prints.map(|prints| json!({"answers": prints.answers, "from_files": prints.from_files})),
    });
    tell(args.format, &said.join("\n"), &answer)?;
    Ok(if erased { Exit::Fine } else { Exit::No })
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

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,

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

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,

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
    anyhow::ensure!(!args.reason.trim().is_empty(), "`--reason` says nothing: on whose order is it held?");
    let known = |settings: Settings| {
        let tenants = settings.tenants.iter().map(|tenant| tenant.name.clone());
        tenants.chain(["anonymous".to_owned()]).collect::<Vec<_>>()
    };
    let known = args.place.config.load(Purpose::Check).settings.map(known).unwrap_or_default();
    if !args.tenant.is_empty() && !known.is_empty() && !known.contains(&args.tenant) {
        writeln!(
            io::stderr(),
            "note: the configuration knows no tenant `{}`; what it had once is held",
            args.tenant
        )?;
    }
    let writer = Writer::new(&args.place, &dir, &args.operations)?;
    // Nobody else begins one of this name meanwhile.
    let holds = Holds::change(&dir)?;
    if holds.iter().any(|hold| hold.name == args.name) {
        let why = format!("there is a hold `{}` already", args.name);
        refuse(args.format, &why, &json!({"held": false, "why": why}))?;
        return Ok(Exit::No);
    }
    let detail = json!({"name": args.name, "reason": args.reason, "tenant": args.tenant, "user": user});
    let record = writer.note("hold", detail)?;
    drop(holds);
    Holds::change(&dir)?.keep()?;
    tell(
        args.format,
        &format!("held: `{}`", args.name),
        &json!({"held": true, "name": args.name, "record": record}),
    )?;
    Ok(Exit::Fine)
}

fn release(args: &Release) -> anyhow::Result<Exit> {
    let dir = args.place.dir()?;
    let writer = Writer::new(&args.place, &dir, &args.operations)?;
    let holds = Holds::change(&dir)?;
    if !holds.iter().any(|hold| hold.name == args.name) {
        let why = format!("there is no hold `{}`", args.name);
        refuse(args.format, &why, &json!({"released": false, "why": why}))?;
        return Ok(Exit::No);
    }
    // First the record: a hold that ends without one would be missed by nobody.
    let record = writer.note("release", json!({"name": args.name, "reason": args.reason}))?;
    drop(holds);
    Holds::change(&dir)?.keep()?;
    tell(
        args.format,
        &format!("released: `{}`", args.name),
        &json!({"released": true, "name": args.name, "record": record}),
    )?;
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

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,

    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    operations: Operations,
}

fn nothing(args: &Purge, why: &str) -> anyhow::Result<Exit> {
    refuse(args.format, why, &json!({"purged": false, "why": why}))?;
    Ok(Exit::No)
}

/// Says what was done.
fn tell(format: Format, said: &str, answer: &Value) -> anyhow::Result<()> {
    match format {
        Format::Human => writeln!(io::stdout(), "{said}")?,
        Format::Json => writeln!(io::stdout(), "{}", serde_json::to_string_pretty(answer)?)?,
    }
    Ok(())
}

/// Says why nothing was.
fn refuse(format: Format, why: &str, answer: &Value) -> anyhow::Result<()> {
    match format {
        Format::Human => writeln!(io::stderr(), "{why}")?,
        Format::Json => tell(format, why, answer)?,
    }
    Ok(())
}

/// Waits until a checkpoint covers a record.
fn signed(dir: &Path, verifier: &Verifier, record: u64) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let covered = async {
        while last_checkpoint(dir, verifier)?.1.size < record {
            tokio::time::sleep(LOOK).await;
        }
        anyhow::Ok(())
    };
    runtime.block_on(async { tokio::time::timeout(SIGNED, covered).await }).with_context(|| {
        format!("record {record} says what goes and is not signed yet; nothing went: try again")
    })?
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
    let kept = settings.records_kept(&library).filter(|kept| kept.days > FLOOR_DAYS);
    let days = kept.as_ref().map_or(FLOOR_DAYS, |kept| kept.days);
    let who = kept.map_or_else(String::new, |kept| format!(", as {} asks", kept.who));
    if args.before > purge_floor(now_ms(), days) {
        let why = format!("records are kept for at least {days} days{who}: nothing younger is purged");
        return nothing(args, &why);
    }
    let (verifier, _) = super::KeyArg { key: None }.verifier(&dir)?;
    let (_, checkpoint) = last_checkpoint(&dir, &verifier)?;
    // A clock that is ahead makes everything old, and may have written some records: most of the last ones say how late it was then.
    if let Some(newest) = written_lately(&dir, checkpoint.size)
        && args.before > purge_floor(newest, days)
    {
        let why = format!(
            "records are kept for at least {days} days{who}, and the last records are of {}: nothing after {} is purged. Is this machine's clock right?",
            written(newest),
            written(purge_floor(newest, days))
        );
        return nothing(args, &why);
    }
    // Nobody begins a hold until it is done.
    let holds = Holds::of_journal(&dir)?;
    let held = !holds.is_empty();
    let what = if held { Purgeable::default() } else { purgeable(&dir, checkpoint.size, args.before)? };
    if what.segments.is_empty() {
        // What a purge before this one did not come to.
        if !held && !args.dry_run {
            crate::audit::remove_purged_texts(&dir, args.before)?;
        }
        let why = if held { "there is a hold" } else { "no whole segment is older" };
        return nothing(args, &format!("nothing is purged: {why}"));
    }
    let (mut record, mut bodies) = (None, 0);
    if !args.dry_run {
        let writer = Writer::new(&args.place, &dir, &args.operations)?;
        let number = writer.note(
            "purge",
            json!({"through": what.through, "before_ms": args.before, "segments": what.segments.len()}),
        )?;
        // First it is signed that they went: else a copy that is taken in between is no journal.
        drop(writer);
        signed(&dir, &verifier, number)?;
        crate::audit::remove(&dir, &what)?;
        bodies = crate::audit::remove_purged_texts(&dir, args.before)?;
        record = Some(number);
    }
    let (went, segments) = (if args.dry_run { "would go" } else { "went" }, what.segments.len());
    let more = if bodies > 0 { format!(", and {bodies} file(s) of sealed bodies") } else { String::new() };
    let said = format!("records up to {} {went}: {segments} segments{more}", what.through);
    let answer = json!({
        "purged": record.is_some(), "through": what.through, "segments": segments, "body_files": bodies, "record": record,
    });
    tell(args.format, &said, &answer)?;
    Ok(Exit::Fine)
}
