//! `sluicegate explain`: why a text got its verdict, and what would change it.

use super::policies::States;
use super::{Exit, Format, colour, policies, show, texts};
use crate::diag::{Colour, nearest};
use crate::policy::Direction;
use crate::policy::explain::{Described, Explained, Explanation, describe, explain};
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

/// Explain what a policy makes of a text: rules, evidence, legal basis, and what would change it
///
/// Also names the rules that would have found something and says why they did not: an exception, a word that is not near, a
/// threshold, another direction. What is said to change a finding has been tried.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 whatever was found, 2 for a bad policy, text or file.

Examples:
  sluicegate explain 'mail jo@corp.example'
  sluicegate explain --rule harm/gambling
  sluicegate explain --policy measure --direction output --file answer.txt
  echo 'call 138 0013 8000' | sluicegate explain --format json -")]
pub(super) struct Args {
    /// The text; `-` for standard input
    #[arg(required_unless_present_any = ["file", "rule"], conflicts_with = "file")]
    text: Option<String>,

    /// A file that holds the text
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// A profile's or a pack's name, a file with `[policy]` or a pack's, a folder of packs, or `measure`
    #[arg(long, value_name = "POLICY", default_value = "default")]
    policy: String,

    /// What the text is: `prompt`, `output` or `tool`
    #[arg(long, value_name = "DIRECTION", default_value = "prompt", value_parser = texts::direction)]
    direction: Direction,

    /// Which rules are tried
    #[arg(long, value_enum, default_value_t = States::Own)]
    states: States,

    /// Say what a rule is instead, such as one that a record names: what it finds, what it does, how far it has come, what it rests on
    #[arg(long, value_name = "ID", conflicts_with_all = ["text", "file"])]
    rule: Option<String>,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    if let Some(id) = &args.rule {
        return rule(id, args);
    }
    let text = match text(args) {
        Ok(text) => text,
        Err(error) => {
            writeln!(io::stderr(), "error: {error}")?;
            return Ok(Exit::Misuse);
        }
    };
    let (policy, library) = match policies::loaded(&args.policy, args.states) {
        Ok(loaded) => loaded,
        Err(diagnostics) => {
            show(&diagnostics)?;
            return Ok(Exit::Misuse);
        }
    };
    super::policies::say_unasked(&policy)?;
    let explanation = explain(&library, &policy, args.direction, &text);
    let stdout = io::stdout();
    let colour = colour(stdout.is_terminal());
    let mut out = stdout.lock();
    match args.format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&explanation)?)?,
        Format::Human => human(&explanation, &text, colour, &mut out)?,
    }
    Ok(Exit::Fine)
}

/// What a rule is, by its id.
fn rule(id: &str, args: &Args) -> anyhow::Result<Exit> {
    let (policy, _) = match policies::loaded(&args.policy, args.states) {
        Ok(loaded) => loaded,
        Err(diagnostics) => {
            show(&diagnostics)?;
            return Ok(Exit::Misuse);
        }
    };
    let Some(described) = describe(&policy, id) else {
        let ids: Vec<&str> = policy.all_rules().iter().map(|rule| rule.id.as_str()).collect();
        let hint = nearest(id, &ids).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        writeln!(io::stderr(), "error: unknown rule `{id}`{hint}")?;
        return Ok(Exit::Misuse);
    };
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&described)?)?,
        Format::Human => {
            let Described { rule, title, category, severity, state, actions, .. } = &described;
            writeln!(out, "{rule}\n  {title}; {category}, {severity}")?;
            writeln!(
                out,
                "  {:<10}{state}{}",
                "state",
                if described.always { ", always in force" } else { "" }
            )?;
            let actions: Vec<String> = actions.iter().map(|(of, action)| format!("{of} {action}")).collect();
            writeln!(out, "  {:<10}{}", "action", actions.join(", "))?;
            if let Some(judge) = &described.judge {
                writeln!(out, "  {:<10}`{judge}`, which is not asked here", "judge")?;
            }
            for basis in &described.basis {
                writeln!(out, "  {:<10}{}, {}{}", "basis", basis.law, basis.article, link(&basis.link))?;
            }
        }
    }
    Ok(Exit::Fine)
}

fn link(link: &str) -> String {
    if link.is_empty() { String::new() } else { format!(" <{link}>") }
}

fn text(args: &Args) -> Result<String, String> {
    match (&args.file, args.text.as_deref()) {
        (Some(path), _) => texts::whole(Some(path)).map(|(_, text)| text),
        (None, Some("-")) => texts::whole(None).map(|(_, text)| text),
        (None, text) => Ok(text.unwrap_or_default().to_owned()),
    }
}

fn human(explanation: &Explanation, text: &str, colour: Colour, out: &mut impl Write) -> io::Result<()> {
    let bold = |words: &str| match colour {
        Colour::On => format!("\x1b[1m{words}\x1b[0m"),
        Colour::Off => words.to_owned(),
    };
    let Explanation { policy, direction, action, .. } = explanation;
    let version: String = explanation.version.chars().take(12).collect();
    writeln!(out, "policy {policy} {version}, {direction}: {}", bold(action))?;
    for finding in &explanation.findings {
        let (line, column) = place(text, finding.start);
        writeln!(out, "\n{} {}", bold(&finding.rule), quoted(&finding.text))?;
        writeln!(out, "  {}; {}, {}", finding.title, finding.category, finding.severity)?;
        let place = format!("line {line}, column {column}, bytes {} to {}", finding.start, finding.end);
        writeln!(out, "  {:<10}{place}", "where")?;
        evidence(finding, out)?;
        let by = if finding.decided_by == "rule" { "the rule says so" } else { "the policy says so" };
        writeln!(out, "  {:<10}{}: {by}", "action", finding.action)?;
        if finding.state == "shadow" {
            writeln!(out, "  {:<10}shadow: nothing follows, it is only on record", "state")?;
        }
        for basis in &finding.basis {
            writeln!(out, "  {:<10}{}, {}{}", "basis", basis.law, basis.article, link(&basis.link))?;
        }
        for change in &finding.changes {
            let write = change.write.replace('\n', "  ");
            writeln!(out, "  {:<10}in the {}: {write}  ({})", "change", change.place, change.effect)?;
        }
    }
    if explanation.findings.is_empty() {
        writeln!(out, "nothing is found")?;
    }
    if !explanation.silent.is_empty() {
        writeln!(out, "\n{}", bold("not reported"))?;
    }
    for silent in &explanation.silent {
        writeln!(out, "  {} {}: {}", silent.rule, quoted(&silent.text), silent.because)?;
    }
    Ok(())
}

/// What the finding rests on.
fn evidence(finding: &Explained, out: &mut impl Write) -> io::Result<()> {
    match &finding.hidden {
        Some(hidden) => writeln!(out, "  {:<10}{hidden}", "hidden as")?,
        None if finding.read_as != finding.text => {
            writeln!(out, "  {:<10}{}", "read as", quoted(&finding.read_as))?;
        }
        None => {}
    }
    if !finding.folds.is_empty() {
        writeln!(out, "  {:<10}{}", "through", finding.folds.join(", "))?;
    }
    writeln!(out, "  {:<10}{:.3}, reported from {:.3} on", "score", finding.score, finding.threshold)?;
    for near in &finding.around {
        let by = if near.by == 0.0 { String::new() } else { format!(" ({:+.3})", near.by) };
        writeln!(out, "  {:<10}{}{by}", near.key, near.words.join(", "))?;
    }
    Ok(())
}

/// A text on one line, its control characters escaped: it may be anybody's.
fn quoted(text: &str) -> String {
    const LONGEST: usize = 120;
    let mut out = String::from("\"");
    for c in text.chars().take(LONGEST) {
        if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out.push_str(if text.chars().nth(LONGEST).is_some() { "...\"" } else { "\"" });
    out
}

/// Line and column, from 1, of a byte; columns count characters.
fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}
