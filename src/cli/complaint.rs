//! `sluicegate complaint`: what people object to, by when it is to be decided, and deciding it.

use super::ask::{Ask, Operations};
use super::audit::{Place, commitments, plain};
use super::desk::{Decider, PATIENCE, moment, one, outcome, word};
use super::moment::now_ms;
use super::{Exit, Format};
use crate::audit::{Subject, TextPlace, TextsReader};
use crate::server::COMPLAINTS_TENANT;
use clap::ValueEnum;
use serde::Deserialize as _;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{self, Write as _};

/// See the complaints at a running gateway on this machine, and decide them
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate complaint list
  sluicegate complaint decide 01hzy3v7k2m9q4w8x5t6r1n0pd --state upheld --by \"j. doe\" --why \"a quotation, no threat\"")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Those that are open, the next deadline first
    #[command(after_long_help = "\
Exit code: 0, 3 when no gateway answers.

Examples:
  sluicegate complaint list
  sluicegate complaint list --all --format json")]
    List {
        /// Those that were decided too
        #[arg(long)]
        all: bool,

        #[command(flatten)]
        ask: Ask,
    },
    /// One of them; its text, where the gateway keeps it sealed
    #[command(after_long_help = "\
Exit code: 0, 1 when there is no such complaint, 3 when no gateway answers or the text cannot be read.

Examples:
  sluicegate complaint show 01hzy3v7k2m9q4w8x5t6r1n0pd
  sluicegate complaint show 01hzy3v7k2m9q4w8x5t6r1n0pd --text --config gateway.toml")]
    Show(Box<Show>),
    /// Bring one to another state, on record with who and why
    #[command(after_long_help = "\
Exit code: 0, 1 when there is no such complaint or it was decided, 3 when no gateway answers.
What was decided can be taken up again with `--state in_review`.

Examples:
  sluicegate complaint decide 01hzy3v7k2m9q4w8x5t6r1n0pd --state in_review --by \"j. doe\" --why \"asked the team\"
  sluicegate complaint decide 01hzy3v7k2m9q4w8x5t6r1n0pd --state upheld --by \"j. doe\" --why \"a quotation, no threat\"")]
    Decide(Decide),
}

#[derive(Debug, clap::Args)]
struct Show {
    /// The complaint's id
    #[arg(value_name = "ID")]
    id: String,

    /// Its text and contact too, unsealed with the master key that the configuration names
    #[arg(long)]
    text: bool,

    #[command(flatten)]
    place: Place,

    #[command(flatten)]
    operations: Operations,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Debug, clap::Args)]
struct Decide {
    /// The complaint's id
    #[arg(value_name = "ID")]
    id: String,

    /// What becomes of it
    #[arg(long, value_enum)]
    state: State,

    #[command(flatten)]
    decider: Decider,

    #[command(flatten)]
    ask: Ask,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum State {
    /// Somebody looks at it
    InReview,
    /// The gateway was wrong
    Upheld,
    /// The gateway was right
    Rejected,
    /// Who filed it takes it back
    Withdrawn,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::InReview => "in_review",
            Self::Upheld => "upheld",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
        }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.what {
        What::List { all, ask } => {
            let path = if *all { "/admin/complaint?all=yes" } else { "/admin/complaint" };
            ask.tell("GET", path, PATIENCE, list)
        }
        What::Show(args) => show(args),
        What::Decide(Decide { id, state, decider, ask }) => {
            ask.tell("POST", &decider.path("complaint", id, state.as_str()), PATIENCE, outcome)
        }
    }
}

fn list(answer: &Value) -> String {
    let Some(all) = answer.as_array() else { return outcome(answer) };
    let mut out = String::new();
    for one in all {
        let late = if one["overdue"] == true { ", overdue" } else { "" };
        let left =
            one["deadline_ms"].as_u64().unwrap_or_default().saturating_sub(now_ms()).div_ceil(86_400_000);
        let open = ["received", "in_review"].contains(&word(one, "state"));
        let left = if open && late.is_empty() { format!(", {left} days left") } else { late.to_owned() };
        let (state, id, exchange) = (word(one, "state"), word(one, "complaint"), word(one, "exchange"));
        // Writing to a String does not fail.
        let _ = writeln!(
            out,
            "{state:9} {id} about exchange {exchange}, until {}{left}",
            moment(one, "deadline_ms")
        );
    }
    if out.is_empty() { "no complaint is open\n".to_owned() } else { out }
}

fn show(args: &Show) -> anyhow::Result<Exit> {
    let (found, mut one) = one(&args.operations, "complaint", &args.id)?;
    if found && args.text {
        one["filed"] = text(args, &one)?;
    }
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&one)?)?,
        Format::Human if !found => out.write_all(outcome(&one).as_bytes())?,
        Format::Human => {
            out.write_all(list(&Value::Array(vec![one.clone()])).as_bytes())?;
            writeln!(out, "  filed     {}", moment(&one, "filed_ms"))?;
            writeln!(out, "  changed   {}", moment(&one, "changed_ms"))?;
            for key in ["by", "why"].into_iter().filter(|key| !word(&one, key).is_empty()) {
                writeln!(out, "  {key:9} {}", plain(word(&one, key)))?;
            }
            let kept = if one["texts"].is_object() {
                "sealed; `--text` shows it"
            } else {
                "not kept, only its hash"
            };
            match &one["filed"] {
                Value::Null => writeln!(out, "  text      {kept}")?,
                filed => {
                    writeln!(out, "  contact   {}", plain(word(filed, "contact")))?;
                    writeln!(out, "\n{}", plain(word(filed, "text")))?;
                }
            }
        }
    }
    Ok(if found { Exit::Fine } else { Exit::No })
}

/// Text and contact of a complaint, unsealed.
fn text(args: &Show, one: &Value) -> anyhow::Result<Value> {
    anyhow::ensure!(
        one["texts"].is_object(),
        "the text of this complaint was not kept (`journal.texts.keep`)"
    );
    let place = TextPlace::deserialize(&one["texts"])?;
    let id = word(one, "complaint");
    let subject = Subject::new(COMPLAINTS_TENANT, &commitments(&args.place)?.name("user", id));
    let master = args.place.settings()?.texts.master(false)?;
    let parts = TextsReader::new(&args.place.dir()?, master).read(id, &subject, &place)?;
    Ok(serde_json::from_slice(&parts.request_received)?)
}
