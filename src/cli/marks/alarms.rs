//! Whether texts of people hold anything that a detector would take for a mark.

use super::super::{Exit, Format};
use crate::provenance::mark::{MOST_EPOCHS, MarkKeys, Reading, read};
use serde_json::json;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

/// Look for false alarms of the mark detector in texts of people, as they are
///
/// Each file is a text of its own, whatever its form; of a folder all files in it and below. What is no UTF-8 is left out and counted. The
/// texts are read with as many random keys as a gateway can have epochs, each drawn for this run.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0, 1 where something verified, 2 for a path that cannot be read.

Examples:
  sluicegate marks alarms letters/ minutes.txt
  sluicegate marks alarms corpus --format json")]
pub(super) struct Args {
    /// Files and folders of texts
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// A kind of character: its name, and whether one is of it.
type Kind = (&'static str, fn(char) -> bool);

/// Kinds of characters that stand in or near runs, and how a text is told to have them.
const KINDS: [Kind; 7] = [
    ("zero_width", |c| matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}')),
    ("variation_selectors", |c| matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}')),
    ("emoji", |c| matches!(c, '\u{2600}'..='\u{27bf}' | '\u{1f300}'..='\u{1faff}')),
    ("arabic", |c| matches!(c, '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}')),
    ("mongolian", |c| matches!(c, '\u{1800}'..='\u{18af}')),
    ("khmer", |c| matches!(c, '\u{1780}'..='\u{17ff}')),
    ("han", |c| matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}')),
];

/// What was read.
#[derive(Debug, Default)]
struct Counted {
    texts: u64,
    not_text: u64,
    characters: u64,
    kinds: [u64; KINDS.len()],
    /// Texts with a run that has the form of a mark, these runs, and those of them that verify.
    with_runs: u64,
    runs: u64,
    verified: u64,
    /// Names of texts in which something verified.
    named: Vec<String>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let lines = (1..=MOST_EPOCHS)
        .map(|number| {
            let mut key = [0; 32];
            getrandom::fill(&mut key)?;
            let number = u32::try_from(number)?;
            Ok(MarkKeys::line(number, u64::from(number), &key).to_string())
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let keys = MarkKeys::parse(&lines.join("\n"))?;
    let mut counted = Counted::default();
    for path in &args.paths {
        if let Err(error) = walk(path, &keys, &mut counted) {
            writeln!(io::stderr(), "error: {}: {error}", path.display())?;
            return Ok(Exit::Misuse);
        }
    }
    if io::stderr().is_terminal() {
        write!(io::stderr(), "\r\x1b[K")?;
    }
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => {
            let kinds: serde_json::Map<_, _> = KINDS
                .iter()
                .zip(counted.kinds)
                .map(|((name, _), n)| ((*name).to_owned(), n.into()))
                .collect();
            let all = json!({
                "texts": counted.texts, "not_text": counted.not_text, "characters": counted.characters, "of_them": kinds,
                "keys": keys.count(), "texts_with_runs": counted.with_runs, "runs": counted.runs, "verified": counted.verified,
                "names": counted.named,
            });
            writeln!(out, "{all}")?;
        }
        Format::Human => {
            writeln!(
                out,
                "{} texts, {} characters; {} files were no text",
                counted.texts, counted.characters, counted.not_text
            )?;
            for ((name, _), n) in KINDS.iter().zip(counted.kinds) {
                writeln!(out, "  {:<22} {n:>12}", name.replace('_', " "))?;
            }
            writeln!(
                out,
                "{} runs have the form of a mark, in {} texts; {} verify with one of {} keys",
                counted.runs,
                counted.with_runs,
                counted.verified,
                keys.count()
            )?;
            for name in &counted.named {
                writeln!(out, "  {name}")?;
            }
        }
    }
    Ok(if counted.verified == 0 { Exit::Fine } else { Exit::No })
}

/// Reads a file, or all files below a folder; links are not followed there.
fn walk(path: &Path, keys: &MarkKeys, counted: &mut Counted) -> io::Result<()> {
    // A stack in place of recursion: folders may be nested as deep as they like.
    let mut left = vec![path.canonicalize()?];
    while let Some(path) = left.pop() {
        let about = path.symlink_metadata()?;
        if about.is_dir() {
            let mut within: Vec<PathBuf> =
                path.read_dir()?.map(|entry| entry.map(|e| e.path())).collect::<io::Result<_>>()?;
            within.sort_unstable_by(|a, b| b.cmp(a));
            left.append(&mut within);
        } else if about.is_file() {
            match String::from_utf8(std::fs::read(&path)?) {
                Ok(text) => count(&path, &text, keys, counted),
                Err(_) => counted.not_text += 1,
            }
        }
        let done = counted.texts + counted.not_text;
        if done.is_multiple_of(1000) && io::stderr().is_terminal() {
            write!(io::stderr(), "\r\x1b[K{done} texts read, {} characters", counted.characters)?;
        }
    }
    Ok(())
}

fn count(path: &Path, text: &str, keys: &MarkKeys, counted: &mut Counted) {
    counted.texts += 1;
    for c in text.chars() {
        counted.characters += 1;
        if !c.is_ascii() {
            for ((_, is), n) in KINDS.iter().zip(&mut counted.kinds) {
                *n += u64::from(is(c));
            }
        }
    }
    let Reading { found, .. } = read(keys, text);
    let verified = found.iter().filter(|run| run.epoch.is_some()).count() as u64;
    counted.with_runs += u64::from(!found.is_empty());
    counted.runs += found.len() as u64;
    counted.verified += verified;
    if verified > 0 {
        counted.named.push(path.display().to_string());
    }
}
