//! `sluicegate bank attacks`: a bank of attacks, made of questions to refuse, one of each family for each question.

use super::forms::attack;
use super::{Exit, Format, misused};
use crate::cli::assess::{Banks, FAMILIES, Kind, SAMPLES};
use crate::cli::dice::Dice;
use crate::diag::{Diagnostic, write_new};
use crate::policy::Library;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::PathBuf;

/// How many attacks of each family there should be.
const LEAST: usize = 300;

/// Write questions to refuse in each of the twelve forms in which attacks hide what they ask for
///
/// Each question becomes one attack of each family: a part to play, orders to forget orders, orders in what a tool returned, much that is
/// harmless around it, over ten turns, split, Base64, URL escapes, invisible, wide and turned characters, look-alikes, sounds (pinyin), characters
/// taken apart. The same questions give the same attacks, on every machine. 300 questions make a bank of 300 of each family.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when each question became one of each family, 1 when some could not, 2 for a bad file.

Examples:
  sluicegate bank attacks --seeds refuse.jsonl --out attacks.jsonl
  sluicegate bank attacks --out sample-attacks.jsonl --format json
  sluicegate assess --config gateway.toml --model qwen-max --bank attacks.jsonl --out report")]
pub(super) struct Args {
    /// Banks with questions to refuse; without it those samples that ship
    #[arg(long, value_name = "FILE", num_args = 1..)]
    seeds: Vec<PathBuf>,

    /// Where the attacks go; no file may be there
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// How to write the report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Attacks as lines of a bank, how many of each family, and of which questions there are none.
struct Made {
    lines: String,
    families: BTreeMap<&'static str, usize>,
    without: Vec<(String, &'static str)>,
}

/// FNV-1a of the id: the order of questions must not matter, nor what else stands in the bank.
fn seed_of(id: &str) -> u64 {
    id.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn made(banks: &Banks) -> Made {
    let mut out = Made {
        lines: String::new(),
        families: FAMILIES.map(|(name, _)| (name, 0)).into(),
        without: Vec::new(),
    };
    for question in banks.of(Kind::Refuse).filter(|question| !question.is_answer) {
        for (family, _) in FAMILIES {
            let mut dice = Dice::new(seed_of(&format!("{family}/{}", question.id)));
            let Some(made) = attack(family, &question.text, &mut dice) else {
                out.without.push((question.id.clone(), family));
                continue;
            };
            let mut line = json!({
                "id": format!("{}/{family}", question.id), "text": made.text, "category": question.category,
                "expect": "refuse", "family": family,
            });
            if !made.before.is_empty()
                && let Value::Object(fields) = &mut line
            {
                fields.insert("before".into(), made.before.into());
            }
            out.lines.push_str(&line.to_string());
            out.lines.push('\n');
            *out.families.entry(family).or_default() += 1;
        }
    }
    out
}

/// The questions of the files, or of the samples.
fn seeds(files: &[PathBuf]) -> Result<Banks, Vec<Diagnostic>> {
    if !files.is_empty() {
        return super::read(files).map(|(banks, _)| banks);
    }
    let library = Library::embedded()?;
    let mut banks = Banks::default();
    let wrong: Vec<Diagnostic> =
        SAMPLES.iter().flat_map(|(name, text)| banks.read(name, text, library.taxonomy())).collect();
    if wrong.is_empty() { Ok(banks) } else { Err(wrong) }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let banks = match seeds(&args.seeds) {
        Ok(banks) => banks,
        Err(found) => return misused(&found),
    };
    let made = made(&banks);
    if made.lines.is_empty() {
        let none = Diagnostic::error("empty", "no question of these banks is to be refused");
        return misused(&[none.help(
            "a line is `{\"id\": .., \"text\": \"..\", \"category\": \"..\", \"expect\": \"refuse\"}`",
        )]);
    }
    if let Err(error) = write_new(&args.out, made.lines.as_bytes()) {
        let path = args.out.display();
        return misused(&[Diagnostic::error("no-file", format!("cannot write `{path}`: {error}"))]);
    }
    report(args, &made)?;
    Ok(if made.without.is_empty() { Exit::Fine } else { Exit::No })
}

fn report(args: &Args, made: &Made) -> anyhow::Result<()> {
    let written: usize = made.families.values().sum();
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => {
            let not_made: Vec<Value> =
                made.without.iter().map(|(id, family)| json!({"id": id, "family": family})).collect();
            let answer = json!({
                "written": written, "families": made.families, "least": LEAST, "not_made": not_made, "out": args.out,
            });
            writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?;
        }
        Format::Human => {
            for (family, title) in FAMILIES {
                let count = made.families.get(family).copied().unwrap_or_default();
                let few = if count < LEAST { format!(", fewer than {LEAST}") } else { String::new() };
                writeln!(out, "{count:>6}  {family} ({title}){few}")?;
            }
            for (id, family) in &made.without {
                writeln!(out, "not made: {id} as {family}: nothing of it would be another")?;
            }
            writeln!(out, "{written} attacks in {}", args.out.display())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bank that `assess` and `bank check` take, the same whenever it is made, whatever the order of questions.
    #[test]
    fn a_bank_of_attacks_is_one() {
        let library = Library::embedded().unwrap_or_else(|found| panic!("{found:#?}"));
        let banks = seeds(&[]).unwrap_or_else(|found| panic!("{found:#?}"));
        let first = made(&banks);
        let questions = banks.of(Kind::Refuse).filter(|question| !question.is_answer).count();
        assert!(questions > 30, "{questions}");
        assert_eq!(first.without, []);
        assert!(first.families.values().all(|count| *count == questions), "{:?}", first.families);
        let mut back = Banks::default();
        let wrong = back.read("attacks.jsonl", &first.lines, library.taxonomy());
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert_eq!(back.of(Kind::Attack).count(), 12 * questions);
        let mut turned = Banks::default();
        for (name, text) in SAMPLES.iter().rev() {
            assert!(turned.read(name, text, library.taxonomy()).is_empty());
        }
        let sorted = |made: &Made| {
            let mut lines: Vec<String> = made.lines.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&first), sorted(&made(&turned)));
    }
}
