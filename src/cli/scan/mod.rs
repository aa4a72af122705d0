//! `sluicegate scan`: runs texts through a policy, without a gateway, a network, or state between lines.

pub(super) mod text;

use super::texts::{Text, Texts};
use super::{Exit, show};
use crate::diag::Diagnostic;
use crate::policy::Policy;
use clap::ValueEnum;
use std::io::{self, BufRead, BufWriter, Write};
use std::sync::Arc;

/// Scan texts with a policy: JSON lines in, JSON lines out
///
/// Reads lines of `{"id", "text"}` from standard input, where given with `direction` (`prompt`, `output`,
/// `tool`), and writes one line for each, in order: `{"id", "verdict", "scores", "findings"}`. The `start` and
/// `end` of a finding count code points of the text.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 whatever was found, 2 for bad input.

Examples:
  echo '{\"id\":1,\"text\":\"mail jo@corp.example\"}' | sluicegate scan --policy default
  sluicegate scan --policy measure --chunk 7 --emit redacted < texts.jsonl")]
pub(super) struct Args {
    /// A profile's or a pack's name, a file with `[policy]` or a pack's, a folder of packs, or `measure`: every rule on, nothing changed
    #[arg(long, value_name = "POLICY", default_value = "default")]
    policy: String,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,

    /// Feed each text in pieces of this many code points; the result is the same
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    chunk: Option<u32>,

    /// Add something to each line
    #[arg(long, value_enum)]
    emit: Option<Emit>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object a line.
    Jsonl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Emit {
    /// The text as the policy would let it through, in `redacted`; empty when it is blocked.
    Redacted,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let policy = match super::policies::named(&args.policy) {
        Ok(policy) => policy,
        Err(diagnostics) => {
            show(&diagnostics)?;
            return Ok(Exit::Misuse);
        }
    };
    let out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    match lines(&policy, args, io::stdin().lock(), out)? {
        Ok(()) => Ok(Exit::Fine),
        Err(diagnostic) => {
            writeln!(io::stderr(), "{diagnostic}")?;
            Ok(Exit::Misuse)
        }
    }
}

/// Scans line after line; bad input ends it with a message that names file and line.
fn lines(
    policy: &Arc<Policy>,
    args: &Args,
    input: impl BufRead,
    mut out: impl Write,
) -> io::Result<Result<(), Diagnostic>> {
    let mut texts = Texts::new("<stdin>", input);
    while let Some(next) = texts.next()? {
        match next {
            Ok(Text { id, content, direction }) => {
                let scanned = text::scan(policy, direction, &content, args.chunk);
                scanned.write(&id, args.emit == Some(Emit::Redacted), &mut out)?;
            }
            Err(diagnostic) => {
                out.flush()?;
                return Ok(Err(diagnostic));
            }
        }
    }
    out.flush()?;
    Ok(Ok(()))
}

#[cfg(test)]
mod tests;
