//! `sluicegate diff`: what another policy would do to the same texts.

use super::policies::States;
use super::scan::text;
use super::texts::{Text, Texts};
use super::{Exit, Format, policies, show, texts};
use crate::diag::Diagnostic;
use crate::policy::{Action, Policy};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// Compare what two policies make of the same texts: what would newly be blocked or let through, by rule
///
/// Reads lines of `{"id", "text"}`, where given with `direction` (`prompt`, `output`, `tool`), from files or standard input.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when nothing differs, 1 when something does, 2 for a bad policy or bad input.

Examples:
  sluicegate diff --from gateway.toml --to draft.toml traffic.jsonl
  sluicegate diff --from default --to my-packs/ --format json < traffic.jsonl")]
pub(super) struct Args {
    /// The policy as it is: a profile's or a pack's name, a file with `[policy]` or a pack's, a folder of packs
    #[arg(long, value_name = "POLICY")]
    from: String,

    /// The policy as it would be
    #[arg(long, value_name = "POLICY")]
    to: String,

    /// Which rules of the policy as it would be are tried: `all` says what those would do that are not in force yet
    #[arg(long, value_enum, default_value_t = States::Own)]
    to_states: States,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,

    /// Files of JSON lines; without one, standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// As many texts are named of each difference.
const NAMED: usize = 5;

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let (from, to) = (policies::named(&args.from, States::Own), policies::named(&args.to, args.to_states));
    let (from, to) = match (from, to) {
        (Ok(from), Ok(to)) => (from, to),
        (from, to) => {
            for found in [from.err(), to.err()].into_iter().flatten() {
                show(&found)?;
            }
            return Ok(Exit::Misuse);
        }
    };
    policies::say_unasked(&from)?;
    policies::say_unasked(&to)?;
    let mut difference = Difference::default();
    let read = if args.files.is_empty() {
        difference.read(&from, &to, "<stdin>", io::stdin().lock())?
    } else {
        args.files.iter().try_fold(Ok(()), |read: Result<(), Diagnostic>, path| {
            match read.and_then(|()| texts::open(path)) {
                Ok((name, file)) => difference.read(&from, &to, &name, file),
                Err(diagnostic) => Ok(Err(diagnostic)),
            }
        })?
    };
    if let Err(diagnostic) = read {
        writeln!(io::stderr(), "{diagnostic}")?;
        return Ok(Exit::Misuse);
    }
    let report = difference.report();
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?,
        Format::Human => report.write(&mut out)?,
    }
    Ok(if report.different == 0 { Exit::Fine } else { Exit::No })
}

/// What a policy makes of one text or exchange.
#[derive(Debug, Default)]
pub(super) struct Made<'r> {
    /// The verdict.
    pub(super) verdict: &'r str,
    /// Of each rule that found something, its strongest action.
    pub(super) rules: BTreeMap<&'r str, Did>,
}

/// What the policies have made of the texts so far.
#[derive(Default)]
pub(super) struct Difference {
    texts: u64,
    different: u64,
    verdicts: BTreeMap<(String, String), Seen>,
    rules: BTreeMap<(String, Option<Did>, Option<Did>), Seen>,
}

/// What a rule did, or would have done if it were not in shadow.
pub(super) type Did = (Action, bool);

/// The word for it.
pub(super) fn word(did: Option<Did>) -> String {
    match did {
        None => "none".to_owned(),
        Some((action, false)) => action.as_str().to_owned(),
        Some((action, true)) => format!("{} (shadow)", action.as_str()),
    }
}

/// Texts of which something is true.
#[derive(Default)]
struct Seen {
    count: u64,
    /// The first ones' ids, as JSON.
    ids: Vec<String>,
}

impl Seen {
    fn note(&mut self, id: &str) {
        self.count += 1;
        if self.ids.len() < NAMED {
            self.ids.push(id.to_owned());
        }
    }
}

impl Difference {
    fn read(
        &mut self,
        from: &Arc<Policy>,
        to: &Arc<Policy>,
        name: &str,
        input: impl BufRead,
    ) -> io::Result<Result<(), Diagnostic>> {
        let mut texts = Texts::new(name, input);
        while let Some(next) = texts.next()? {
            match next {
                Ok(text) => self.text(from, to, &text),
                Err(diagnostic) => return Ok(Err(diagnostic)),
            }
        }
        Ok(Ok(()))
    }

    fn text(&mut self, from: &Arc<Policy>, to: &Arc<Policy>, text: &Text) {
        let scan = |policy| text::scan(policy, text.direction, &text.content, None);
        let (before, after) = (scan(from), scan(to));
        let made =
            |scanned| Made { verdict: text::Scanned::outcome(scanned).as_str(), rules: strongest(scanned) };
        self.compare(&text.id, &made(&before), &made(&after));
    }

    /// Takes in what was made of a text and what would be; its id is JSON. Says which rules do something else.
    pub(super) fn compare<'r>(&mut self, id: &str, before: &Made<'r>, after: &Made<'r>) -> Vec<&'r str> {
        self.texts += 1;
        let is_other = before.verdict != after.verdict;
        if is_other {
            let verdicts = (before.verdict.to_owned(), after.verdict.to_owned());
            self.verdicts.entry(verdicts).or_default().note(id);
        }
        let mut rules: Vec<&str> = before.rules.keys().chain(after.rules.keys()).copied().collect();
        rules.sort_unstable();
        rules.dedup();
        rules.retain(|rule| before.rules.get(rule) != after.rules.get(rule));
        for rule in &rules {
            let (was, is) = (before.rules.get(rule).copied(), after.rules.get(rule).copied());
            self.rules.entry(((*rule).to_owned(), was, is)).or_default().note(id);
        }
        self.different += u64::from(is_other || !rules.is_empty());
        rules
    }

    pub(super) fn report(self) -> Report {
        let ids = |texts: &Seen| texts.ids.iter().filter_map(|id| serde_json::from_str(id).ok()).collect();
        let verdicts = self.verdicts.iter().map(|((from, to), texts)| Row {
            rule: None,
            from: from.clone(),
            to: to.clone(),
            texts: texts.count,
            ids: ids(texts),
        });
        let rules = self.rules.iter().map(|((rule, from, to), texts)| Row {
            rule: Some(rule.clone()),
            from: word(*from),
            to: word(*to),
            texts: texts.count,
            ids: ids(texts),
        });
        let (mut verdicts, mut rules): (Vec<Row>, Vec<Row>) = (verdicts.collect(), rules.collect());
        for rows in [&mut verdicts, &mut rules] {
            rows.sort_by_key(|row| std::cmp::Reverse(row.texts));
        }
        Report { texts: self.texts, different: self.different, verdicts, rules }
    }
}

/// Of each rule that found something, its strongest action.
fn strongest<'s>(scanned: &'s text::Scanned<'_>) -> BTreeMap<&'s str, Did> {
    let mut actions = BTreeMap::new();
    for (rule, action, shadow) in scanned.rules() {
        let strongest = actions.entry(rule).or_insert((action, shadow));
        *strongest = (action, shadow).max(*strongest);
    }
    actions
}

#[derive(Serialize)]
pub(super) struct Report {
    pub(super) texts: u64,
    /// Of these, texts with another verdict, other findings or other actions.
    pub(super) different: u64,
    pub(super) verdicts: Vec<Row>,
    pub(super) rules: Vec<Row>,
}

#[derive(Serialize)]
pub(super) struct Row {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rule: Option<String>,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) texts: u64,
    /// Of the first ones.
    pub(super) ids: Vec<serde_json::Value>,
}

impl Report {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "{} texts, {} different", self.texts, self.different)?;
        self.write_rows(out)
    }

    /// What is different, without the sums.
    pub(super) fn write_rows(&self, out: &mut impl Write) -> io::Result<()> {
        for (title, rows) in [("verdicts", &self.verdicts), ("rules", &self.rules)] {
            if !rows.is_empty() {
                writeln!(out, "\n{title}")?;
            }
            for row in rows {
                let rule = row.rule.as_ref().map_or_else(String::new, |rule| format!("{rule}: "));
                let ids: Vec<String> = row.ids.iter().map(ToString::to_string).collect();
                let more = if row.texts as usize > ids.len() { ", .." } else { "" };
                writeln!(
                    out,
                    "  {:>7}  {rule}{} -> {}  ({}{more})",
                    row.texts,
                    row.from,
                    row.to,
                    ids.join(", ")
                )?;
            }
        }
        Ok(())
    }
}
