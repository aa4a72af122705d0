//! `sluicegate claims`: files of statements of which it is known what is wrong with them, for rules that find them in answers.

use super::kept::{self, misuse, unknown};
use super::{Exit, Format};
use crate::detect::claims::{Claims, Known, Saying, Statement, Verdict};
use crate::diag::write_whole;
use anyhow::Context as _;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Statements that are known to be wrong: fact checks, rumour lists, facts of a product
///
/// A rule names the file (`claims = ["rumours.claims"]`, in its pack's folder `claims`), or `policy.slots` names it for `grounding/known-falsehoods`.
/// The file has a line of JSON for each statement, and may be written by hand; `add` and `remove` leave no comments in it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate claims add --file rumours.claims --verdict false --source https://facts.example/7 'Garlic cures influenza'
  sluicegate claims add --file rumours.claims --from checks.csv
  sluicegate claims find --file rumours.claims < answer.txt
  sluicegate claims list --file rumours.claims")]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Add(Add),
    Remove(Remove),
    List(List),
    Find(Find),
    Measure(Measure),
}

#[derive(Debug, clap::Args)]
struct At {
    /// The file of statements
    #[arg(long, value_name = "FILE")]
    file: PathBuf,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Take in statements; one in the same words goes
///
/// Write a statement as somebody would say it, in one sentence: numbers and names have to be right, the other words may be others in part. A
/// statement that is true (`--verdict true`) keeps what says it from being taken for one that is nearly the same and is not.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when all are taken in, 2 when one cannot be; nothing is changed then.

Examples:
  sluicegate claims add --file rumours.claims --verdict false --source https://facts.example/7 'Garlic cures influenza'
  sluicegate claims add --file products.claims --verdict misleading --source handbook 'The battery lasts 40 hours'
  sluicegate claims add --file rumours.claims --from checks.csv    # columns claim, verdict, source; .jsonl too")]
struct Add {
    #[command(flatten)]
    at: At,

    /// What is known of it: false, misleading, unproven, true
    #[arg(long, value_name = "VERDICT", required_unless_present = "from")]
    verdict: Option<String>,

    /// Where it is told what is right
    #[arg(long, value_name = "SOURCE", required_unless_present = "from")]
    source: Option<String>,

    /// A CSV or JSON lines file of statements with their verdicts and sources
    #[arg(long, value_name = "FILE", conflicts_with_all = ["verdict", "source", "claims"])]
    from: Option<PathBuf>,

    /// Statements
    #[arg(value_name = "STATEMENT", required_unless_present = "from")]
    claims: Vec<String>,
}

/// Forget statements
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when all are gone, 2 when one is unknown; nothing is changed then.

Examples:
  sluicegate claims remove --file rumours.claims 'Garlic cures influenza'
  sluicegate claims remove --file rumours.claims --format json 'Garlic cures influenza'")]
struct Remove {
    #[command(flatten)]
    at: At,

    /// Statements, as `list` shows them
    #[arg(required = true, value_name = "STATEMENT")]
    claims: Vec<String>,
}

/// List the statements
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate claims list --file rumours.claims
  sluicegate claims list --file rumours.claims --format json")]
struct List {
    #[command(flatten)]
    at: At,
}

/// Tell which statements a text says, by which words, and who says what is right
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when it says none, 1 when it says some, 2 for a file that cannot be read.

Examples:
  sluicegate claims find --file rumours.claims < answer.txt
  sluicegate claims find --file rumours.claims --format json answer.txt")]
struct Find {
    #[command(flatten)]
    at: At,

    /// A text; without one, standard input
    #[arg(value_name = "TEXT")]
    text: Option<PathBuf>,
}

/// Say how many sentences of labelled files are found
///
/// Lines of `{"claim", "text", "says"}`, where given with `lang` and `kind`: a statement, a text, and whether the text says it. The statements of all
/// files are looked for together. A text that says its statement is found if that one is told; of the others any that is told is a false
/// alarm. Writes figures and no text.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 whatever the figures are, 2 for a file that cannot be read.

Examples:
  sluicegate claims measure claims.jsonl
  sluicegate claims measure --format json unseen.jsonl seen.jsonl")]
struct Measure {
    /// Files of labelled sentences
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// A line of a file that is measured on.
#[derive(Deserialize)]
struct Labelled {
    claim: String,
    text: String,
    says: bool,
    #[serde(default)]
    lang: String,
    #[serde(default)]
    kind: String,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.what {
        What::Add(args) => add(args),
        What::Remove(args) => remove(args),
        What::List(args) => list(&args.at),
        What::Find(args) => find(args),
        What::Measure(args) => measure(args),
    }
}

impl At {
    fn known(&self) -> Result<Claims, String> {
        kept::known(&self.file, Claims::parse, "sluicegate claims add")
    }

    fn write(&self, claims: &Claims) -> anyhow::Result<()> {
        write_whole(&self.file, claims.write().as_bytes(), 0o644)
            .with_context(|| self.file.display().to_string())
    }
}

fn verdict(word: &str) -> Result<Verdict, String> {
    let words = Verdict::ALL.map(Verdict::as_str);
    let word = word.to_ascii_lowercase();
    let word = word.as_str();
    let wrong = || match crate::diag::nearest(word, &words) {
        Some(near) => format!("unknown verdict `{word}`; did you mean `{near}`?"),
        None => format!("unknown verdict `{word}`; expected {}", words.join(", ")),
    };
    Verdict::named(word).ok_or_else(wrong)
}

fn add(args: &Add) -> anyhow::Result<Exit> {
    let read = kept::read(&args.at.file, Claims::parse)
        .and_then(|known| Ok((known.unwrap_or_default(), given(args)?)));
    let (mut claims, statements) = match read {
        Ok(read) => read,
        Err(message) => return misuse(&message),
    };
    let (mut new, mut again) = (0, 0);
    for statement in statements {
        let claim = statement.claim.clone();
        match claims.add(statement) {
            Ok(true) => again += 1,
            Ok(false) => new += 1,
            Err(what) => return misuse(&format!("`{claim}`: {what}")),
        }
    }
    args.at.write(&claims)?;
    let all = claims.statements().len();
    match args.at.format {
        Format::Json => {
            writeln!(io::stdout(), "{}", json!({"new": new, "again": again, "statements": all}))?;
        }
        Format::Human => writeln!(io::stdout(), "{new} new, {again} written over, {all} in the file")?,
    }
    Ok(Exit::Fine)
}

/// The statements of the arguments, or of the file that they name.
fn given(args: &Add) -> Result<Vec<Statement>, String> {
    let Some(path) = &args.from else {
        let verdict = verdict(args.verdict.as_deref().unwrap_or_default())?;
        let source = args.source.clone().unwrap_or_default();
        let of = |claim: &String| Statement { claim: claim.clone(), verdict, source: source.clone() };
        return Ok(args.claims.iter().map(of).collect());
    };
    let name = path.display();
    let text = fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    if path.extension().is_some_and(|end| end.eq_ignore_ascii_case("csv")) {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let rows = reader.deserialize::<Statement>();
        return rows
            .map(|row| {
                row.map_err(|error| format!("{name}: {error}; expected the columns claim, verdict, source"))
            })
            .collect();
    }
    let claims = Claims::parse(&text).map_err(|flaw| format!("{name}: {flaw}"))?;
    Ok(claims.statements().to_vec())
}

fn remove(args: &Remove) -> anyhow::Result<Exit> {
    let mut claims = match args.at.known() {
        Ok(claims) => claims,
        Err(message) => return misuse(&message),
    };
    for claim in &args.claims {
        if !claims.remove(claim) {
            let all: Vec<&str> = claims.statements().iter().map(|one| one.claim.as_str()).collect();
            return misuse(&unknown("statement", claim, &all));
        }
    }
    args.at.write(&claims)?;
    let (gone, left) = (args.claims.len(), claims.statements().len());
    match args.at.format {
        Format::Json => writeln!(io::stdout(), "{}", json!({"removed": args.claims, "statements": left}))?,
        Format::Human => writeln!(io::stdout(), "{gone} removed, {left} left")?,
    }
    Ok(Exit::Fine)
}

fn list(at: &At) -> anyhow::Result<Exit> {
    let claims = match at.known() {
        Ok(claims) => claims,
        Err(message) => return misuse(&message),
    };
    let mut out = io::stdout().lock();
    for one in claims.statements() {
        match at.format {
            Format::Json => writeln!(out, "{}", serde_json::to_string(one)?)?,
            Format::Human => writeln!(out, "{:<10}  {}  ({})", one.verdict.as_str(), one.claim, one.source)?,
        }
    }
    Ok(Exit::Fine)
}

fn find(args: &Find) -> anyhow::Result<Exit> {
    let claims = match args.at.known() {
        Ok(claims) => claims,
        Err(message) => return misuse(&message),
    };
    let mut text = String::new();
    let read = match &args.text {
        Some(path) => fs::read_to_string(path).map(|read| text = read),
        None => io::stdin().lock().read_to_string(&mut text).map(drop),
    };
    if let Err(error) = read {
        let name =
            args.text.as_ref().map_or_else(|| "standard input".to_owned(), |path| path.display().to_string());
        return misuse(&format!("{name}: {error}"));
    }
    let (mut out, found) = (io::stdout().lock(), Known::new(&claims).said_in(&text));
    for Saying { span, statement: one, score, alike } in &found {
        match args.at.format {
            Format::Json => {
                let line = json!({"start": span.start, "end": span.end, "score": score, "claim": one.claim,
                    "verdict": one.verdict, "source": one.source, "alike": alike});
                writeln!(out, "{line}")?;
            }
            Format::Human => {
                let (start, end, verdict) = (span.start, span.end, one.verdict.as_str());
                let words = alike.iter().map(|(own, other)| format!("`{other}` for `{own}`"));
                let words = words.collect::<Vec<_>>().join(", ");
                let by = if words.is_empty() { words } else { format!(" ({words})") };
                writeln!(
                    out,
                    "bytes {start} to {end}: `{}` is {verdict}, see {}{by}",
                    one.claim, one.source
                )?;
            }
        }
    }
    if found.is_empty() && matches!(args.at.format, Format::Human) {
        writeln!(out, "it says none of them")?;
    }
    Ok(if found.is_empty() { Exit::Fine } else { Exit::No })
}

/// The lines of a file that is measured on.
fn labelled(path: &Path) -> Result<Vec<Labelled>, String> {
    let name = path.display();
    let text = fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let read = lines.map(|(line, text)| {
        serde_json::from_str(text).map_err(|error| format!("{name}: line {line}: {error}"))
    });
    read.collect()
}

fn measure(args: &Measure) -> anyhow::Result<Exit> {
    let read: Result<Vec<_>, String> = args.files.iter().map(|path| Ok((path, labelled(path)?))).collect();
    let files = match read {
        Ok(files) => files,
        Err(message) => return misuse(&message),
    };
    let mut claims = Claims::default();
    for one in files.iter().flat_map(|(_, lines)| lines) {
        let (verdict, source) = (Verdict::False, "measured".to_owned());
        if let Err(what) = claims.add(Statement { claim: one.claim.clone(), verdict, source }) {
            return misuse(&format!("`{}`: {what}", one.claim));
        }
    }
    let known = Known::new(&claims);
    let mut out = io::stdout().lock();
    for (path, lines) in &files {
        let mut groups: BTreeMap<(bool, &str, &str), (usize, usize)> = BTreeMap::new();
        for one in lines {
            let found = known.said_in(&one.text);
            let hit = if one.says {
                found.iter().any(|it| it.statement.claim == one.claim)
            } else {
                !found.is_empty()
            };
            for lang in ["", &one.lang] {
                let (all, hits) = groups.entry((!one.says, &one.kind, lang)).or_default();
                *all += 1;
                *hits += usize::from(hit);
                if one.lang.is_empty() {
                    break;
                }
            }
        }
        let name = path.display().to_string();
        for ((not, kind, lang), (all, found)) in groups {
            match args.format {
                Format::Json => {
                    let line = json!({"file": name, "says": !not, "kind": kind, "lang": lang, "texts": all, "found": found});
                    writeln!(out, "{line}")?;
                }
                Format::Human => {
                    let what = if not { "false alarms" } else { "found" };
                    let share = found as f64 / all.max(1) as f64;
                    writeln!(
                        out,
                        "{name}  {kind:<11} {lang:<4} {what:<12} {found:>5} of {all:<5} {share:.3}"
                    )?;
                }
            }
        }
    }
    Ok(Exit::Fine)
}
