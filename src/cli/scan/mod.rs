//! `sluicegate scan`: runs texts through a policy, without a gateway, a network, or state between lines.

mod text;

use super::{Exit, show};
use crate::diag::{Diagnostic, nearest};
use crate::policy::{Direction, Policy};
use crate::text::json::unescape;
use clap::ValueEnum;
use serde::Deserialize;
use serde_json::value::RawValue;
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

/// A line longer than this is bad input; it bounds what a scan holds.
const LONGEST: u64 = 256 << 20;

/// What a line is.
const LINE: &str = r#"a line is `{"id": .., "text": ".."}`"#;

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

/// One line of input; other fields are ignored.
#[derive(Deserialize)]
struct Line<'l> {
    #[serde(borrow)]
    id: &'l RawValue,
    /// Read as the gateway reads a string: half a surrogate pair is a text too.
    #[serde(borrow)]
    text: &'l RawValue,
    direction: Option<String>,
}

/// Scans line after line; bad input ends it with a message that names file and line.
fn lines(
    policy: &Arc<Policy>,
    args: &Args,
    mut input: impl BufRead,
    mut out: impl Write,
) -> io::Result<Result<(), Diagnostic>> {
    let mut line = Vec::new();
    for number in 1u64.. {
        line.clear();
        if io::Read::take(&mut input, LONGEST).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let bad = |column: usize, what: String| {
            // The line itself is user text and stays out of the message.
            Diagnostic::error("bad-line", format!("<stdin>:{number}:{column}: {what}"))
        };
        let too_long = line.len() as u64 == LONGEST;
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if too_long {
            out.flush()?;
            return Ok(Err(bad(1, format!("the line is longer than {LONGEST} bytes"))));
        }
        // Serde would take an array for a struct.
        if line.first() != Some(&b'{') {
            out.flush()?;
            return Ok(Err(bad(1, format!("expected an object; {LINE}"))));
        }
        let read: Result<Line<'_>, _> = serde_json::from_slice(line);
        let read = match read {
            Ok(read) => read,
            Err(error) => {
                out.flush()?;
                return Ok(Err(bad(error.column().max(1), reason(&error))));
            }
        };
        let direction = match direction(read.direction.as_deref()) {
            Ok(direction) => direction,
            Err(what) => {
                out.flush()?;
                return Ok(Err(bad(1, what)));
            }
        };
        let inside = read.text.get().strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let Some(inside) = inside else {
            out.flush()?;
            return Ok(Err(bad(1, format!("expected a string in `text`; {LINE}"))));
        };
        let scanned = text::scan(policy, direction, &unescape(inside), args.chunk);
        scanned.write(read.id.get(), args.emit == Some(Emit::Redacted), &mut out)?;
    }
    out.flush()?;
    Ok(Ok(()))
}

fn direction(word: Option<&str>) -> Result<Direction, String> {
    let Some(word) = word else { return Ok(Direction::Prompt) };
    Direction::ALL.into_iter().find(|d| d.as_str() == word).ok_or_else(|| {
        let hint = nearest(word, &["prompt", "output", "tool"])
            .map_or(String::new(), |n| format!("; did you mean `{n}`?"));
        format!("unknown direction; valid: `prompt`, `output`, `tool`{hint}")
    })
}

/// What is wrong with a line, without any of its text.
fn reason(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    if message.starts_with("invalid type") {
        let expected = message.rsplit_once("expected ").map_or("something else", |(_, e)| e);
        let expected = if expected.starts_with("struct") { "an object" } else { expected };
        return format!("expected {expected}; {LINE}");
    }
    message.to_owned()
}

#[cfg(test)]
mod tests;
