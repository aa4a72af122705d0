//! `sluicegate import`: a pack from the rules and lists of other tools.

mod example;
mod gateways;
mod gitleaks;
mod pack;
mod presidio;
mod regex;
mod rule;
#[cfg(test)]
mod tests;
mod tree;
mod words;

use super::scan::view::visible;
use super::{Exit, Format, colour, show, texts};
use crate::diag::{Colour, Diagnostic, SourceFile};
use clap::ValueEnum;
use rule::{Imported, Said};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tree::Node;

/// Make a pack of the rules and lists of another tool, and say what could not be taken
///
/// Reads a list of terms, a table of terms (CSV), a gitleaks configuration, recognisers of Presidio, or word lists and expressions of LiteLLM
/// and NeMo Guardrails. The pack stands in FOLDER under its name; it is written whole, or not at all.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when everything was taken, 1 when the pack was written and something was left out, 2 when nothing was written.

Examples:
  sluicegate import words.txt --to my-filters --category COMPETITOR --action flag
  sluicegate import terms.csv --to my-filters --column 2 --report json
  sluicegate import gitleaks.toml --to my-filters --pack leaks --state shadow
  cat recognizers.yaml | sluicegate import --format presidio --to my-filters --pack staff-data")]
pub(super) struct Args {
    /// The file; without one, standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    /// What the file is; guessed from its content where it is not said
    #[arg(long, value_enum)]
    format: Option<Kind>,

    /// The folder of packs in which the pack is to stand
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,

    /// The pack's name; without it, that of the file
    #[arg(long, value_name = "NAME")]
    pack: Option<String>,

    /// The category of all rules, in place of what the file says
    #[arg(long, value_name = "CODE")]
    category: Option<String>,

    /// What all rules do, in place of what the file says: allow, flag, mask, block
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,

    /// The column of a table that has the terms: its name, or its number from 1
    #[arg(long, value_name = "COLUMN")]
    column: Option<String>,

    /// How far the pack's rules have come: `shadow` has them on record without a change to any answer
    #[arg(long, value_enum, default_value_t = Imports::Enforce)]
    state: Imports,

    /// The licence of what is imported, as an SPDX expression
    #[arg(long, value_name = "SPDX", default_value = "NOASSERTION")]
    licence: String,

    /// Replace the pack if it is there
    #[arg(long)]
    replace: bool,

    /// How to write the report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    report: Format,
}

/// How far imported rules have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Imports {
    /// Checked, and no traffic is read for them
    Draft,
    /// On record, and nothing changes
    Shadow,
    /// In force
    Enforce,
}

impl Imports {
    /// The pack's word for it, where it is not the one that packs have anyway.
    fn word(self) -> Option<&'static str> {
        match self {
            Self::Draft => Some("draft"),
            Self::Shadow => Some("shadow"),
            Self::Enforce => None,
        }
    }
}

/// What can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A term a line, `#` begins a comment
    Text,
    /// A list of terms as JSON or YAML has one
    List,
    /// A table with a term in each row, and columns `category`, `action`, `language` where it has them
    Csv,
    /// A gitleaks configuration (TOML)
    Gitleaks,
    /// Recognisers of Presidio (YAML)
    Presidio,
    /// A category, words, expressions or a configuration of LiteLLM's content filter (YAML, JSON)
    Litellm,
    /// A configuration of NeMo Guardrails with `regex_detection` (YAML)
    Nemo,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::List => "list",
            Self::Csv => "csv",
            Self::Gitleaks => "gitleaks",
            Self::Presidio => "presidio",
            Self::Litellm => "litellm",
            Self::Nemo => "nemo",
        }
    }

    /// By what the file has in it; none where it is of a form that nothing here reads, so that its lines are no terms.
    fn guess(file: &Arc<SourceFile>) -> Option<Self> {
        let text = file.text();
        let has = |key: &str| text.lines().any(|line| line.trim_start().starts_with(key));
        if has("[[rules]]") {
            return Some(Self::Gitleaks);
        }
        // The key is what tells: of a file that is broken below it, the mistake is said.
        let keys = [
            ("recognizers:", Self::Presidio),
            ("recognizer_registry:", Self::Presidio),
            ("rails:", Self::Nemo),
            ("blocked_words:", Self::Litellm),
            ("category_name:", Self::Litellm),
            ("guardrails:", Self::Litellm),
            ("litellm_params:", Self::Litellm),
            ("litellm_settings:", Self::Litellm),
        ];
        let begins = |key: &str| text.lines().any(|line| line.starts_with(key));
        if let Some((_, kind)) = keys.into_iter().find(|(key, _)| begins(key)) {
            return Some(kind);
        }
        let end = Path::new(file.name()).extension().and_then(|end| end.to_str());
        let ends =
            |names: &[&str]| end.is_some_and(|end| names.iter().any(|name| name.eq_ignore_ascii_case(end)));
        // One column alone is a table too, whose first line may be its name.
        if words::is_csv(text) || ends(&["csv", "tsv"]) {
            return Some(Self::Csv);
        }
        if ends(&CODE) {
            return Self::of_tree(file);
        }
        // Lines of terms are one long string in YAML, or none of it.
        let is_tree =
            tree::yaml(file).is_ok_and(|root| !root.items().is_empty() || !root.entries().is_empty());
        if is_tree { Self::of_tree(file) } else { Some(Self::Text) }
    }

    /// Of JSON and YAML whose first keys do not tell.
    fn of_tree(file: &Arc<SourceFile>) -> Option<Self> {
        let root = tree::yaml(file).ok()?;
        if !root.items().is_empty() {
            let items = root.items();
            return match () {
                () if items.iter().any(|item| item.get("match").is_some()) => Some(Self::Litellm),
                () if items.iter().all(|item| item.text().is_some()) => Some(Self::List),
                () => None,
            };
        }
        let of_patterns = root.get("patterns").map(Node::items).unwrap_or_default();
        let keys: [(&[&str], Self); 3] = [
            (&["recognizers", "recognizer_registry"], Self::Presidio),
            (&["rails"], Self::Nemo),
            (
                &["blocked_words", "category_name", "guardrails", "litellm_params", "litellm_settings"],
                Self::Litellm,
            ),
        ];
        let named = keys.into_iter().find(|(keys, _)| keys.iter().any(|key| root.get(key).is_some()));
        if let Some((_, kind)) = named {
            return Some(kind);
        }
        match () {
            () if of_patterns.iter().any(|one| one.get("pattern").is_some()) => Some(Self::Litellm),
            () if of_patterns.iter().any(|one| one.get("regex").is_some()) => Some(Self::Presidio),
            () => None,
        }
    }
}

/// How files end that are no lists of terms.
const CODE: [&str; 16] = [
    "json", "yaml", "yml", "toml", "xml", "html", "co", "py", "js", "ts", "go", "rs", "java", "sh", "rb",
    "ipynb",
];

/// The report for programs.
#[derive(Serialize)]
struct Report<'r> {
    schema: u32,
    format: &'static str,
    pack: &'r str,
    folder: String,
    written: bool,
    /// Rules of the file, and those of the pack.
    rules_found: usize,
    rules_taken: usize,
    terms: usize,
    patterns: usize,
    without_example: &'r [String],
    left_out: &'r [Said],
    changed: &'r [Said],
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let refuse = |found: Vec<Diagnostic>| -> anyhow::Result<Exit> {
        show(&found)?;
        Ok(Exit::Misuse)
    };
    let file = match read(args.file.as_deref()) {
        Ok(file) => file,
        Err(found) => return refuse(vec![found]),
    };
    let name = match name(args) {
        Ok(name) => name,
        Err(found) => return refuse(vec![found]),
    };
    let action = match args.action.as_deref().map(words::action).transpose() {
        Ok(action) => action.flatten(),
        Err(why) => return refuse(vec![Diagnostic::error("unknown-action", format!("`--action`: {why}"))]),
    };
    let Some(kind) = args.format.or_else(|| Kind::guess(&file)) else {
        let wrong = Diagnostic::error(
            "unknown-format",
            "this is no list of terms and no file of a tool that is known here",
        )
        .at(&file, tree::line(&file, 1), "")
        .help("where it is one all the same, say which: `--format text` takes each line for a term");
        return refuse(vec![wrong]);
    };
    let folder = args.to.join(&name);
    if folder.exists() && !args.replace {
        let there = Diagnostic::error("exists", format!("`{}` is there already", folder.display()));
        return refuse(vec![there.help("`--replace` puts the new pack in its place")]);
    }
    let mut imported = match parse(&file, kind, args.column.as_deref()) {
        Ok(imported) => imported,
        Err(found) => return refuse(found),
    };
    imported.settle();
    let from = args.file.as_ref().and_then(|path| path.file_name());
    let from = from.map_or_else(|| "standard input".to_owned(), |name| name.to_string_lossy().into_owned());
    let wanted = pack::Wanted {
        name: &name,
        from: &from,
        licence: &args.licence,
        category: args.category.as_deref(),
        action,
        state: args.state.word(),
    };
    let pack = pack::write(&imported, &wanted)?;
    let mut written = false;
    if !imported.rules.is_empty() {
        if let Err(found) = pack::load(&pack, &name) {
            return refuse(found);
        }
        if let Err(error) = pack::put(&pack, &folder, args.replace) {
            let wrong = Diagnostic::error("write", format!("cannot write `{}`: {error}", folder.display()));
            return refuse(vec![wrong]);
        }
        written = true;
    }
    show(&pack.warnings)?;
    let report = Report {
        schema: 1,
        format: kind.as_str(),
        pack: &name,
        folder: folder.display().to_string(),
        written,
        rules_found: imported.found,
        rules_taken: imported.rules.len(),
        terms: imported.rules.iter().map(|rule| rule.terms.len()).sum(),
        patterns: imported.rules.iter().map(|rule| rule.patterns.len()).sum(),
        without_example: &pack.without_example,
        left_out: &imported.left_out,
        changed: &imported.changed,
    };
    let mut out = io::stdout().lock();
    match args.report {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?,
        Format::Human => human(&report, file.name(), &mut out)?,
    }
    Ok(match written {
        false => Exit::Misuse,
        true if imported.left_out.is_empty() => Exit::Fine,
        true => Exit::No,
    })
}

fn read(path: Option<&Path>) -> Result<Arc<SourceFile>, Diagnostic> {
    let (name, text) = texts::whole(path).map_err(|why| Diagnostic::error("no-file", why))?;
    Ok(SourceFile::new(name, text))
}

/// The pack's name, as folders have it.
fn name(args: &Args) -> Result<String, Diagnostic> {
    let of_file =
        args.file.as_ref().and_then(|path| path.file_stem()).map(|stem| rule::slug(&stem.to_string_lossy()));
    let Some(name) = args.pack.clone().or(of_file) else {
        return Err(Diagnostic::error(
            "no-name",
            "standard input has no name: say what the pack is called with `--pack`",
        ));
    };
    let fine = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
            && part != "profiles"
    };
    if name.split('/').all(fine) {
        return Ok(name);
    }
    let wrong = Diagnostic::error("pack-name", format!("`{name}` is no name of a pack"));
    Err(wrong.help("expected letters, digits and hyphens, in folders where it has a `/`: `sector/shipping`"))
}

/// Reads the file, or says what it is not.
fn parse(file: &Arc<SourceFile>, kind: Kind, column: Option<&str>) -> Result<Imported, Vec<Diagnostic>> {
    let expect = |root: &Node, keys: &[&str]| {
        if keys.iter().any(|key| root.get(key).is_some()) {
            return Ok(());
        }
        let names: Vec<&str> = root.entries().iter().map(|(name, _)| name.as_str()).collect();
        let found =
            if names.is_empty() { root.kind().to_owned() } else { format!("`{}`", names.join("`, `")) };
        let list = keys.join("`, `");
        let mut wrong = Diagnostic::error(
            "wrong-format",
            format!("this is no file of {}: expected `{list}`, found {found}", kind.as_str()),
        );
        if let Some(near) = names.iter().find_map(|name| crate::diag::nearest(name, keys)) {
            wrong = wrong.help(format!("did you mean `{near}`?"));
        }
        Err(vec![wrong.at(file, tree::line(file, root.line.max(1)), "")])
    };
    Ok(match kind {
        Kind::Text => words::text(file),
        Kind::List => words::list(&tree::yaml(file)?),
        Kind::Csv => words::csv(file, column)?,
        Kind::Gitleaks => {
            let root = tree::toml(file)?;
            expect(&root, &["rules"])?;
            gitleaks::read(&root)
        }
        Kind::Presidio => {
            let root = tree::yaml(file)?;
            if root.items().is_empty() {
                expect(&root, &["recognizers", "recognizer_registry", "patterns"])?;
            }
            presidio::read(&root)
        }
        Kind::Litellm => {
            let root = tree::yaml(file)?;
            if root.items().is_empty() {
                let keys = ["category_name", "keywords", "blocked_words", "guardrails", "litellm_settings"];
                expect(&root, &[&keys[..], &["litellm_params", "patterns"]].concat())?;
            }
            gateways::litellm(&root)
        }
        Kind::Nemo => {
            let root = tree::yaml(file)?;
            expect(&root, &["rails"])?;
            gateways::nemo(&root)
        }
    })
}

fn human(report: &Report<'_>, file: &str, out: &mut impl Write) -> io::Result<()> {
    let colour = colour(io::stdout().is_terminal());
    let bold = |text: &str| match colour {
        Colour::On => format!("\u{1b}[1m{text}\u{1b}[0m"),
        Colour::Off => text.to_owned(),
    };
    if report.written {
        writeln!(out, "{}", bold(&format!("pack `{}` stands in {}", report.pack, report.folder)))?;
    } else {
        writeln!(out, "{}", bold("nothing was written: no rule could be taken"))?;
    }
    let Report { format, rules_found, rules_taken, terms, patterns, .. } = report;
    writeln!(
        out,
        "read as {format}: {rules_taken} of {rules_found} rules taken, with {terms} terms and {patterns} patterns"
    )?;
    for (title, list) in [("left out", report.left_out), ("taken with a difference", report.changed)] {
        if list.is_empty() {
            continue;
        }
        writeln!(out, "\n{}", bold(&format!("{title}: {}", list.len())))?;
        for (said, others) in alike(list) {
            // What stands in a foreign file may be anything.
            let of = said.rule.as_ref().map_or(String::new(), |rule| format!("{}: ", visible(rule)));
            let more = if others.is_empty() {
                String::new()
            } else {
                format!("\n      and so {}", visible(&others.join(", ")))
            };
            let (what, why) = (visible(&said.what), visible(&said.why));
            writeln!(out, "  {file}:{}: {of}{what}: {why}{more}", said.line)?;
        }
    }
    if !report.without_example.is_empty() {
        writeln!(
            out,
            "\nno example could be made for {}: `check` warns until you write one",
            visible(&report.without_example.join(", "))
        )?;
    }
    if report.written {
        writeln!(out, "\ntry it: sluicegate scan --policy {} < texts.jsonl", report.folder)?;
    }
    Ok(())
}

/// What is said of several rules alike, once, with the others' ids and lines.
fn alike(list: &[Said]) -> Vec<(&Said, Vec<String>)> {
    let mut out: Vec<(&Said, Vec<String>)> = Vec::new();
    for said in list {
        match out.iter_mut().find(|(first, _)| first.what == said.what && first.why == said.why) {
            Some((first, others)) if first.rule.is_some() && said.rule.is_some() => {
                others.push(format!("{} ({})", said.rule.as_deref().unwrap_or_default(), said.line));
            }
            _ => out.push((said, Vec::new())),
        }
    }
    out
}
