//! `sluicegate scan`: runs texts through a policy, without a gateway, a network, or state between texts.

pub(super) mod text;
pub(super) mod view;

use super::policies::States;
use super::texts::{Text, Texts, direction};
use super::{Exit, colour, show, texts};
use crate::diag::{Colour, Diagnostic};
use crate::policy::{Direction, Policy};
use clap::ValueEnum;
use std::io::{self, BufRead, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use view::Totals;

/// Scan texts with a policy: JSON lines or files in, JSON lines or a marked view out
///
/// Reads lines of `{"id", "text"}`, where given with `direction` (`prompt`, `output`, `tool`), from standard input and from
/// files that end in `.jsonl`; any other file is one text. Writes one line for each text, in order: `{"id",
/// "verdict", "scores", "findings"}`. The `start` and `end` of a finding count code points of the text. For people it
/// shows the lines in which something was found, with the matches marked. A finding of a rule in shadow has `"state":
/// "shadow"`: its `action` is what would have followed, and the verdict knows nothing of it. Judges that are called (`[[judge]]`)
/// are not asked here: their rules find what their own models find.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 whatever was found, 2 for bad input.

Examples:
  echo '{\"id\":1,\"text\":\"mail jo@corp.example\"}' | sluicegate scan --policy default
  sluicegate scan --policy measure --chunk 7 --emit redacted < texts.jsonl
  sluicegate scan --format human --direction output answers/*.txt")]
pub(super) struct Args {
    /// A profile's or a pack's name, a file with `[policy]` or a pack's, a folder of packs, or `measure`: every rule on, nothing changed
    #[arg(long, value_name = "POLICY", default_value = "default")]
    policy: String,

    /// Which rules are tried
    #[arg(long, value_enum, default_value_t = States::Own)]
    states: States,

    /// How to write the answer; without it `human` on a terminal, `jsonl` elsewhere
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// How to read the input; without it by a file's name, and `jsonl` from standard input
    #[arg(long, value_enum)]
    input: Option<Input>,

    /// What a text is that does not say so itself: `prompt`, `output` or `tool`
    #[arg(long, value_name = "DIRECTION", default_value = "prompt", value_parser = direction)]
    direction: Direction,

    /// Feed each text in pieces of this many code points; the result is the same
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    chunk: Option<u32>,

    /// Add something to each line
    #[arg(long, value_enum)]
    emit: Option<Emit>,

    /// Files to scan; without one, or as `-`, standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The lines in which something was found, marked.
    Human,
    /// One JSON object a line.
    Jsonl,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Input {
    /// Lines of JSON.
    Jsonl,
    /// One text.
    Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Emit {
    /// The text as the policy would let it through, in `redacted`; empty when it is blocked.
    Redacted,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let policy = match super::policies::named(&args.policy, args.states) {
        Ok(policy) => policy,
        Err(diagnostics) => {
            show(&diagnostics)?;
            return Ok(Exit::Misuse);
        }
    };
    super::policies::say_unasked(&policy)?;
    let terminal = io::stdout().is_terminal();
    let format = args.format.unwrap_or(if terminal { Format::Human } else { Format::Jsonl });
    let mut scanning = Scanning {
        policy: &policy,
        direction: args.direction,
        chunk: args.chunk,
        redacted: args.emit == Some(Emit::Redacted),
        view: (format == Format::Human).then(|| (colour(terminal), Totals::default())),
        out: BufWriter::with_capacity(1 << 16, io::stdout().lock()),
    };
    let stdin = [PathBuf::from("-")];
    for path in if args.files.is_empty() { &stdin[..] } else { &args.files } {
        let read = match args.input_of(path) {
            _ if path.as_os_str() != "-" && path.is_dir() => {
                Ok(Err(Diagnostic::error("no-file", format!("`{}` is a folder, not a file", path.display()))))
            }
            Input::Jsonl if path.as_os_str() == "-" => scanning.lines("<stdin>", io::stdin().lock()),
            Input::Text if path.as_os_str() == "-" => scanning.whole("<stdin>", io::stdin().lock()),
            input => match texts::open(path) {
                Ok((name, file)) if input == Input::Jsonl => scanning.lines(&name, file),
                Ok((name, file)) => scanning.whole(&name, file),
                Err(diagnostic) => Ok(Err(diagnostic)),
            },
        }?;
        if let Err(diagnostic) = read {
            scanning.out.flush()?;
            // Whoever pipes a text there means the text.
            let plain = path.as_os_str() == "-" && diagnostic.message.contains("expected an object");
            let diagnostic = if plain {
                diagnostic.help("plain text: `--input text` reads all of it as one text")
            } else {
                diagnostic
            };
            writeln!(io::stderr(), "{diagnostic}")?;
            return Ok(Exit::Misuse);
        }
    }
    if let Some((_, totals)) = &scanning.view {
        totals.write(&mut scanning.out)?;
    }
    scanning.out.flush()?;
    Ok(Exit::Fine)
}

impl Args {
    fn input_of(&self, path: &Path) -> Input {
        let lines =
            path.as_os_str() == "-" || path.extension().is_some_and(|e| e == "jsonl" || e == "ndjson");
        self.input.unwrap_or(if lines { Input::Jsonl } else { Input::Text })
    }
}

/// Texts on their way through a policy.
struct Scanning<'p, W> {
    policy: &'p Arc<Policy>,
    /// Of texts that do not say so themselves.
    direction: Direction,
    chunk: Option<u32>,
    redacted: bool,
    /// For people.
    view: Option<(Colour, Totals)>,
    out: W,
}

impl<W: Write> Scanning<'_, W> {
    /// Scans line after line; bad input ends it with a message that names file and line.
    fn lines(&mut self, name: &str, input: impl BufRead) -> io::Result<Result<(), Diagnostic>> {
        let mut texts = Texts::new(name, input).otherwise(self.direction);
        while let Some(next) = texts.next()? {
            match next {
                Ok(text) => self.text(&text)?,
                Err(diagnostic) => {
                    self.out.flush()?;
                    return Ok(Err(diagnostic));
                }
            }
        }
        self.out.flush()?;
        Ok(Ok(()))
    }

    /// Scans all of the input as one text.
    fn whole(&mut self, name: &str, mut input: impl Read) -> io::Result<Result<(), Diagnostic>> {
        let mut content = Vec::new();
        input.read_to_end(&mut content)?;
        let content = match texts::utf8(name, content) {
            Ok(content) => content,
            Err(why) => return Ok(Err(Diagnostic::error("bad-text", why))),
        };
        let id = serde_json::Value::from(name).to_string();
        self.text(&Text { id, content, direction: self.direction, group: None })?;
        Ok(Ok(()))
    }

    fn text(&mut self, Text { id, content, direction, .. }: &Text) -> io::Result<()> {
        let scanned = text::scan(self.policy, *direction, content, self.chunk);
        match &mut self.view {
            Some((colour, totals)) => {
                totals.add(&scanned);
                view::write(id, content, &scanned, *colour, &mut self.out)
            }
            None => scanned.write(id, self.redacted, &mut self.out),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
