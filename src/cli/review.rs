//! `sluicegate review`: answers that wait for a person, and deciding them.

use super::ask::{Ask, Operations};
use super::audit::{Place, in_line, plain};
use super::desk::{Decider, PATIENCE, moment, one, outcome, word};
use super::moment::now_ms;
use super::{Exit, Format};
use crate::audit::{Subject, TextPlace, TextsReader};
use anyhow::Context as _;
use serde::Deserialize as _;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;

/// See the answers that a running gateway on this machine holds for review, and decide them
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
`[policy.review]` says whose findings are reviewed. Where such a rule blocks, the answer is held until it is approved; where it
does less, the answer went out and is looked at afterwards.

Examples:
  sluicegate review list
  sluicegate review show 4bzk0hmm1qf0n6cz6rwr9w3yxd --text --config gateway.toml
  sluicegate review approve 4bzk0hmm1qf0n6cz6rwr9w3yxd --by \"dr. sato\" --why \"general information\"")]
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
  sluicegate review list
  sluicegate review list --all --format json")]
    List {
        /// Those that were decided too
        #[arg(long)]
        all: bool,

        #[command(flatten)]
        ask: Ask,
    },
    /// One of them; the texts, where the gateway keeps them sealed
    #[command(after_long_help = "\
Exit code: 0, 1 when there is no such review, 3 when no gateway answers or a text cannot be read.
What was asked, and the bodies as they were recorded: `sluicegate audit show EXCHANGE --texts`.

Examples:
  sluicegate review show 4bzk0hmm1qf0n6cz6rwr9w3yxd
  sluicegate review show 4bzk0hmm1qf0n6cz6rwr9w3yxd --text --config gateway.toml")]
    Show(Box<Show>),
    /// Let an answer pass, or say that it was right to
    #[command(after_long_help = "\
Exit code: 0, 1 when there is no such review, it was decided or there is no answer to let pass, 3 when no gateway answers.

Examples:
  sluicegate review approve 4bzk0hmm1qf0n6cz6rwr9w3yxd --by \"dr. sato\" --why \"general information\"
  sluicegate review approve 4bzk0hmm1qf0n6cz6rwr9w3yxd --by \"dr. sato\" --why \"rightly sent\" --format json")]
    Approve(Decide),
    /// Put another text in its place
    #[command(after_long_help = "\
Exit code: 0, 1 when there is no such review, it was decided or texts are not kept, 3 when no gateway answers.

Examples:
  sluicegate review correct 4bzk0hmm1qf0n6cz6rwr9w3yxd --text better.txt --by \"dr. sato\" --why \"the dose was wrong\"
  echo \"Please see a physician.\" | sluicegate review correct 4bzk0hmm1qf0n6cz6rwr9w3yxd --text - --by \"dr. sato\" --why \"a diagnosis\"")]
    Correct {
        /// A file with the text, or - for standard input
        #[arg(long, value_name = "FILE")]
        text: PathBuf,

        #[command(flatten)]
        decide: Decide,
    },
    /// Do not let it pass, or say that it should not have
    #[command(after_long_help = "\
Exit code: 0, 1 when there is no such review or it was decided, 3 when no gateway answers.
What was rejected can be approved or corrected later.

Examples:
  sluicegate review reject 4bzk0hmm1qf0n6cz6rwr9w3yxd --by \"dr. sato\" --why \"a diagnosis\"
  sluicegate review reject 4bzk0hmm1qf0n6cz6rwr9w3yxd --by \"dr. sato\" --why \"not ours\" --operations 127.0.0.1:9091")]
    Reject(Decide),
}

#[derive(Debug, clap::Args)]
struct Show {
    /// The exchange
    #[arg(value_name = "ID")]
    id: String,

    /// The held answer and the correction too, unsealed with the master key that the configuration names
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
    /// The exchange
    #[arg(value_name = "ID")]
    id: String,

    #[command(flatten)]
    decider: Decider,

    #[command(flatten)]
    ask: Ask,
}

/// The longest correction, in bytes.
const MOST_TEXT: u64 = 256 << 10;

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.what {
        What::List { all, ask } => {
            let path = if *all { "/admin/review?all=yes" } else { "/admin/review" };
            ask.tell("GET", path, PATIENCE, list)
        }
        What::Show(args) => show(args),
        What::Approve(decide) => decided("approved", decide, ""),
        What::Reject(decide) => decided("rejected", decide, ""),
        What::Correct { text, decide } => decided("corrected", decide, &correction(text)?),
    }
}

/// What the reviewer writes.
fn correction(path: &std::path::Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        io::stdin().lock().take(MOST_TEXT + 1).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MOST_TEXT + 1).read_to_string(&mut text))
    };
    read.with_context(|| format!("cannot read `{}`", path.display()))?;
    anyhow::ensure!(text.len() as u64 <= MOST_TEXT, "a correction has at most {MOST_TEXT} bytes");
    anyhow::ensure!(!text.trim().is_empty(), "`{}` says nothing", path.display());
    Ok(text)
}

fn decided(state: &str, decide: &Decide, text: &str) -> anyhow::Result<Exit> {
    let Decide { id, decider, ask } = decide;
    ask.tell_with("POST", &decider.path("review", id, state), text, PATIENCE, outcome)
}

fn list(answer: &Value) -> String {
    let Some(all) = answer.as_array() else { return outcome(answer) };
    let mut out = String::new();
    for one in all {
        let open = word(one, "state") == "pending";
        let left =
            one["deadline_ms"].as_u64().unwrap_or_default().saturating_sub(now_ms()).div_ceil(3_600_000);
        let left = match one["overdue"] == true {
            true => ", overdue".to_owned(),
            false if open => format!(", {left} hours left"),
            false => String::new(),
        };
        let kind = if one["held"] == true { "held" } else { "sent" };
        let rules: Vec<&str> =
            one["rules"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let (state, id) = (word(one, "state"), word(one, "review"));
        // Writing to a String does not fail.
        let _ = writeln!(
            out,
            "{state:9} {kind} {id} of {} ({}), until {}{left}",
            in_line(word(one, "tenant")),
            rules.join(", "),
            moment(one, "deadline_ms")
        );
    }
    if out.is_empty() { "no answer waits for review\n".to_owned() } else { out }
}

fn show(args: &Show) -> anyhow::Result<Exit> {
    let (found, mut one) = one(&args.operations, "review", &args.id)?;
    if found && args.text {
        for what in ["answer", "correction"] {
            if let Some(text) = text(args, &one, what)? {
                one[what]["text"] = text.into();
            }
        }
    }
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&one)?)?,
        Format::Human if !found => out.write_all(outcome(&one).as_bytes())?,
        Format::Human => {
            out.write_all(list(&Value::Array(vec![one.clone()])).as_bytes())?;
            writeln!(out, "  filed     {}", moment(&one, "filed_ms"))?;
            writeln!(out, "  changed   {}", moment(&one, "changed_ms"))?;
            for key in ["key", "route", "model", "by", "why", "lost"] {
                if !word(&one, key).is_empty() {
                    writeln!(out, "  {key:9} {}", in_line(word(&one, key)))?;
                }
            }
            for what in ["answer", "correction"] {
                match &one[what]["text"] {
                    Value::String(text) => writeln!(out, "\n{what}:\n{}", plain(text))?,
                    _ if one[what].is_object() => writeln!(out, "  {what:9} sealed; `--text` shows it")?,
                    _ => {}
                }
            }
        }
    }
    Ok(if found { Exit::Fine } else { Exit::No })
}

/// One of its texts, unsealed; none where there is none.
fn text(args: &Show, one: &Value, what: &str) -> anyhow::Result<Option<String>> {
    if !one[what]["texts"].is_object() {
        return Ok(None);
    }
    let place = TextPlace::deserialize(&one[what]["texts"])?;
    let name = format!("{}/{what}", word(one, "review"));
    let subject = Subject::new(word(one, "tenant"), word(one, "user"));
    let master = args.place.settings()?.texts.master(false)?;
    let parts = TextsReader::new(&args.place.dir()?, master).read(&name, &subject, &place)?;
    Ok(Some(String::from_utf8_lossy(&parts.answer_sent).into_owned()))
}
