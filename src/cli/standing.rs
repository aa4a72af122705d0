//! `sluicegate standing`: who was blocked again and again, shutting somebody out, letting them in again.

use super::Exit;
use super::ask::Ask;
use super::moment::now_ms;
use super::query::escaped;
use serde_json::Value;
use std::fmt::Write as _;
use std::time::Duration;

/// See who was blocked again and again at a running gateway on this machine, suspend somebody, lift what follows
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate standing list
  sluicegate standing lift --tenant red --key red-laptop --why \"appeal 7 upheld\"")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Say how those stand who were blocked: `[policy.ladder]` says what follows
    #[command(after_long_help = "\
Exit code: 0, 3 when no gateway answers.

Examples:
  sluicegate standing list
  sluicegate standing list --format json")]
    List(Ask),
    /// Let no exchange of theirs pass from now on
    #[command(after_long_help = "\
Exit code: 0, 1 when there is no such key, 3 when no gateway answers.

Examples:
  sluicegate standing suspend --tenant red --key red-laptop --why \"incident 12\"
  sluicegate standing suspend --tenant red --key red-laptop --seconds 3600")]
    Suspend {
        #[command(flatten)]
        who: Who,

        /// For so long; without it, until it is lifted
        #[arg(long, value_name = "N")]
        seconds: Option<u64>,
    },
    /// Forget their blocks and what follows from them
    #[command(after_long_help = "\
Exit code: 0, 1 when nothing follows for them, 3 when no gateway answers.

Examples:
  sluicegate standing lift --tenant red --key red-laptop --why \"appeal 7 upheld\"
  sluicegate standing lift --tenant red --key app --user 2c26b46b68ffc68ff99b453c1d304134")]
    Lift(Who),
}

#[derive(Debug, clap::Args)]
struct Who {
    /// The tenant
    #[arg(long, value_name = "NAME")]
    tenant: String,

    /// The key's name
    #[arg(long, value_name = "NAME")]
    key: String,

    /// The user under it, as the list says it; without it, the key itself
    #[arg(long, value_name = "HASH")]
    user: Option<String>,

    /// The reason, for the record
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,

    #[command(flatten)]
    ask: Ask,
}

const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let (ask, method, path) = match &args.what {
        What::List(ask) => (ask, "GET", "/admin/standing".to_owned()),
        What::Suspend { who, seconds } => (&who.ask, "POST", who.path("suspend", *seconds)),
        What::Lift(who) => (&who.ask, "POST", who.path("lift", None)),
    };
    ask.tell(method, &path, PATIENCE, human)
}

impl Who {
    fn path(&self, what: &str, seconds: Option<u64>) -> String {
        let mut path =
            format!("/admin/standing/{what}?tenant={}&key={}", escaped(&self.tenant), escaped(&self.key));
        let seconds = seconds.map(|seconds| seconds.to_string());
        let more = [("user", &self.user), ("why", &self.why), ("seconds", &seconds)];
        for (name, value) in more.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
            // Writing to a String does not fail.
            let _ = write!(path, "&{name}={}", escaped(value));
        }
        path
    }
}

fn human(answer: &Value) -> String {
    let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
    let Some(all) = answer.as_array() else {
        return match (text(answer, "reason"), text(answer, "from")) {
            (why, from) if why.is_empty() => format!("{}, was {from}\n", text(answer, "outcome")),
            (why, _) => format!("{}, because {why}\n", text(answer, "outcome")),
        };
    };
    let mut out = String::new();
    for one in all {
        let blocks = one.get("blocks").and_then(Value::as_array).map_or(0, Vec::len);
        let user = text(one, "user");
        let user = if user.is_empty() { user } else { format!(" user {user}") };
        let (standing, tenant, key) = (text(one, "standing"), text(one, "tenant"), text(one, "key"));
        let last = text(one, "exchange");
        let last = if last.is_empty() { last } else { format!(", last {last}") };
        let left = one.get("until_ms").and_then(Value::as_u64).map(left).unwrap_or_default();
        // Writing to a String does not fail.
        let _ = writeln!(out, "{standing:9} tenant {tenant} key {key}{user}: {blocks} blocks{last}{left}");
    }
    if out.is_empty() { "nobody was blocked\n".to_owned() } else { out }
}

/// How long a standing lasts yet.
fn left(until_ms: u64) -> String {
    format!(", {} min left", until_ms.saturating_sub(now_ms()).div_ceil(60_000))
}
