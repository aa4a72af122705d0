//! `sluicegate policy`: which policies a running gateway has, other ones, those before.

use super::Exit;
use super::approval;
use super::ask::Ask;
use super::moment::now_ms;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// See and change the policies of a running gateway on this machine, and approve policies before they run
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate policy status
  sluicegate policy reload
  sluicegate policy rollback
  sluicegate policy approve --config gateway.toml --key alice.key")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Say which policies run since when and from where, which ran before, and how the last reload ended
    #[command(after_long_help = "\
Exit code: 0, 3 when no gateway answers.

Examples:
  sluicegate policy status
  sluicegate policy status --operations 127.0.0.1:9190 --format json")]
    Status(Ask),
    /// Have the gateway read its policies' files now; what runs goes on where they have a mistake
    #[command(after_long_help = "\
Exit code: 0 when the policies are as the files say, 1 when the files have a mistake, 3 when no gateway answers.

Examples:
  sluicegate policy reload
  sluicegate policy reload --format json")]
    Reload(Ask),
    /// Go back to the policies before, until the files change again or the gateway is started anew
    #[command(after_long_help = "\
Exit code: 0 when those before run, 1 when there are none, 3 when no gateway answers.

Examples:
  sluicegate policy rollback
  sluicegate policy rollback --format json")]
    Rollback(Ask),
    Keygen(approval::Keygen),
    Approve(approval::Approve),
    Approvals(approval::List),
}

/// A million words are compiled in less.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let (ask, method, path) = match &args.what {
        What::Status(ask) => (ask, "GET", "/admin/policy"),
        What::Reload(ask) => (ask, "POST", "/admin/reload"),
        What::Rollback(ask) => (ask, "POST", "/admin/rollback"),
        What::Keygen(args) => return approval::keygen(args),
        What::Approve(args) => return approval::approve(args),
        What::Approvals(args) => return approval::list(args),
    };
    ask.tell(method, path, PATIENCE, human)
}

/// What there is of an answer, in lines.
fn human(answer: &Value) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    if answer.get("outcome").is_some() {
        let _ = writeln!(out, "{}", attempt(answer));
    }
    if let Some(active) = answer.get("active") {
        let _ = writeln!(out, "runs: {}", generation(active));
        states(active, "  ", &mut out);
        for (name, tenant) in active.get("tenants").and_then(Value::as_object).into_iter().flatten() {
            let _ = writeln!(out, "  tenant {name}: {} {}", text(tenant, "policy"), text(tenant, "version"));
            states(tenant, "    ", &mut out);
        }
    }
    if let Some(approval) = answer.pointer("/active/approval").filter(|approval| !approval.is_null()) {
        let by = approval.get("by").and_then(Value::as_array).into_iter().flatten();
        let by: Vec<&str> = by.map(|one| text(one, "approver")).collect();
        let _ = writeln!(out, "  approved by {} as {}", by.join(", "), text(approval, "policy"));
    }
    for before in answer.get("previous").and_then(Value::as_array).into_iter().flatten() {
        let _ = writeln!(out, "before: {}", generation(before));
    }
    if let Some(last) = answer.get("last").filter(|last| !last.is_null()) {
        let _ = writeln!(out, "last reload: {}", attempt(last));
    }
    out
}

/// The rules that are not in force for everybody: a line for each state.
fn states(of: &Value, indent: &str, out: &mut String) {
    let mut by_state: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (rule, state) in of.get("states").and_then(Value::as_object).into_iter().flatten() {
        let state = match state.get("canary") {
            Some(share) => format!("canary {share}"),
            None => state.as_str().unwrap_or_default().to_owned(),
        };
        by_state.entry(state).or_default().push(rule);
    }
    for (state, rules) in by_state {
        // Writing to a String does not fail.
        let _ = writeln!(out, "{indent}{state}: {}", rules.join(", "));
    }
}

fn generation(one: &Value) -> String {
    let (number, at) = (number(one, "generation"), number(one, "time_ms"));
    let (policy, version) = (text(one, "policy"), text(one, "version"));
    format!("{number}: {policy} {version} from {} (by {}, {})", text(one, "from"), text(one, "by"), ago(at))
}

/// How it ended and why; what else there is to say of it, a line each.
fn attempt(one: &Value) -> String {
    let mut out = text(one, "outcome").replace('_', " ");
    let how = [("by", one.get("by")), ("after ms", one.get("took_ms")), ("because", one.get("reason"))];
    for (what, value) in how {
        match value {
            Some(Value::String(word)) => drop(write!(out, ", {what} {word}")),
            Some(value) => drop(write!(out, ", {what} {value}")),
            None => {}
        }
    }
    for diagnostic in one.get("diagnostics").and_then(Value::as_array).into_iter().flatten() {
        let place = diagnostic.pointer("/labels/0").map(|label| {
            format!("{}:{}:{}: ", text(label, "file"), number(label, "line"), number(label, "column"))
        });
        let (place, severity) = (place.unwrap_or_default(), text(diagnostic, "severity"));
        let _ = write!(out, "\n  {place}{severity}[{}]: ", text(diagnostic, "code"));
        out += text(diagnostic, "message");
        for help in diagnostic.get("help").and_then(Value::as_array).into_iter().flatten() {
            let _ = write!(out, "\n    {}", help.as_str().unwrap_or_default());
        }
    }
    for what in one.get("needs_restart").and_then(Value::as_array).into_iter().flatten() {
        let _ = write!(out, "\n  needs a restart: {}", what.as_str().unwrap_or_default());
    }
    out
}

fn text<'v>(of: &'v Value, key: &str) -> &'v str {
    of.get(key).and_then(Value::as_str).unwrap_or("-")
}

fn number(of: &Value, key: &str) -> u64 {
    of.get(key).and_then(Value::as_u64).unwrap_or(0)
}

/// How long ago a moment was, in milliseconds since 1970.
pub(super) fn ago(ms: u64) -> String {
    let seconds = now_ms().saturating_sub(ms) / 1000;
    let (n, unit) = match seconds {
        0..120 => (seconds, "s"),
        120..7200 => (seconds / 60, "min"),
        7200..172_800 => (seconds / 3600, "h"),
        _ => (seconds / 86_400, "d"),
    };
    format!("{n} {unit} ago")
}
