//! `sluicegate check`: says everything that is wrong with the configuration and its policies at once.

use super::{ConfigArgs, Exit, Format, colour};
use crate::config::Purpose;
use crate::diag::{has_errors, render_human, sort, to_json};
use std::io::{self, IsTerminal, Write};

/// Check the configuration, its policies and packs, and say everything that is wrong at once
///
/// Starts nothing and sends nothing. A secret that is absent here is a warning, because the file may be
/// checked on another machine than it runs on.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when the configuration can be used, 2 when not.

Examples:
  sluicegate check --config gateway.toml
  sluicegate check --config gateway.toml --format json")]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut loaded = args.config.load(Purpose::Check);
    // Mistakes in the configuration hide none in its policies.
    if let Some(settings) = loaded.settings.as_ref().or(loaded.draft.as_ref()) {
        loaded.diagnostics.append(&mut settings.check_policies());
        sort(&mut loaded.diagnostics);
    }
    let bad = has_errors(&loaded.diagnostics);
    loaded.settings = loaded.settings.filter(|_| !bad);
    let stdout = io::stdout();
    let colour = colour(stdout.is_terminal());
    let mut out = stdout.lock();
    match args.format {
        Format::Human => {
            out.write_all(render_human(&loaded.diagnostics, colour).as_bytes())?;
            let errors = loaded.diagnostics.iter().filter(|d| d.is_error()).count();
            let warnings = loaded.diagnostics.len() - errors;
            match &loaded.settings {
                Some(settings) => writeln!(
                    out,
                    "fine: {}, {}, {}, {}",
                    count(settings.upstreams.len(), "upstream"),
                    count(settings.routes.len(), "route"),
                    count(settings.tenants.len(), "tenant"),
                    count(warnings, "warning"),
                )?,
                None => writeln!(out, "{}, {}", count(errors, "error"), count(warnings, "warning"))?,
            }
        }
        Format::Json => {
            let list: Vec<serde_json::Value> = loaded.diagnostics.iter().map(to_json).collect();
            let answer = serde_json::json!({ "ok": !bad, "diagnostics": list });
            writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?;
        }
    }
    Ok(if bad { Exit::Misuse } else { Exit::Fine })
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
