//! `sluicegate rank`: how well the scores of models tell labelled texts apart, by source, language and category.

use super::policies::States;
use super::scan::text;
use super::score::rank::{auroc, average_precision, recall_at};
use super::{Exit, Format, policies, show, texts};
use crate::detect::grounding::{Context, unsupported};
use crate::policy::{Direction, Policy};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;

/// Say how well a model's score tells labelled texts apart: AUROC, average precision, recall at a share of harmless texts
///
/// Reads lines of `{"text", "label"}`, where given with `source`, `lang`, `categories` and `direction`; for the score `grounding`, how little of an
/// answer is borne by what was given and asked, with `context` and `question`; two answers to one question of which the longer has at most five words for
/// four of the other are a group of their own. Texts with label 1 are what is to be
/// found. In each group they are held against the group's own texts with label 0 and against the harmless texts of `--benign`; recall is the
/// share of them above the score that no more than one in a hundred, and one in a thousand, of the harmless texts reaches. Writes figures and
/// no text.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 whatever the figures are, 2 for a bad policy or bad input.

Examples:
  sluicegate rank --by harm --benign benign.jsonl harm.jsonl
  sluicegate rank --by grounding grounding.jsonl
  sluicegate rank --by injection --policy classifiers --benign benign.jsonl --format json injection.jsonl")]
pub(super) struct Args {
    /// The score: `harm`, `harm/fraud`, `injection`, `grounding`
    #[arg(long, value_name = "SCORE")]
    by: String,

    /// A profile's or a pack's name, a file with `[policy]`, a folder of packs: what asks the model
    #[arg(long, value_name = "POLICY", default_value = "measure")]
    policy: String,

    /// Harmless texts, JSON lines of `{"text"}`; those with label 1 are left out
    #[arg(long, value_name = "FILE")]
    benign: Vec<PathBuf>,

    /// How to write the figures
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,

    /// Labelled texts
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// The score of how little of an answer its request bears.
const GROUNDING: &str = "grounding";

/// A line; other fields are ignored.
#[derive(Debug, Deserialize)]
struct Line {
    text: String,
    label: Option<u8>,
    #[serde(default)]
    source: String,
    #[serde(default)]
    lang: String,
    #[serde(default)]
    categories: Vec<String>,
    direction: Option<String>,
    #[serde(default)]
    context: String,
    #[serde(default)]
    question: String,
}

/// Answers to the same question, by context and question.
#[derive(Debug, Default)]
struct Pairs(BTreeMap<(String, String), Vec<Answer>>);

/// An answer's label, score and number of words.
type Answer = (u8, f32, usize);

impl Pairs {
    fn take(&mut self, line: &Line, label: u8, score: f32) {
        if !line.context.is_empty() {
            let key = (line.context.clone(), line.question.clone());
            self.0.entry(key).or_default().push((label, score, line.text.split_whitespace().count()));
        }
    }

    /// Those of which one is right and one is not, and that are about as long: longer answers are wrong more often.
    fn into_group(self, groups: &mut BTreeMap<String, Group>) {
        let mut group = Group::default();
        for answers in self.0.into_values() {
            let of = |label: u8| answers.iter().find(|(of, ..)| *of == label);
            let (Some((_, yes, long)), Some((_, no, short))) = (of(1), of(0)) else { continue };
            if long.max(short) * 4 <= long.min(short) * 5 {
                group.yes.push(*yes);
                group.no.push(*no);
            }
        }
        if !group.yes.is_empty() {
            groups.insert("pairs of matched length".to_owned(), group);
        }
    }
}

/// The scores of a group's texts.
#[derive(Debug, Default)]
struct Group {
    yes: Vec<f32>,
    no: Vec<f32>,
}

/// The figures of a group.
#[derive(Debug, Serialize)]
struct Figures {
    group: String,
    yes: usize,
    no: usize,
    /// Against the group's own texts with label 0.
    auroc: Option<f64>,
    average_precision: Option<f64>,
    /// Against the harmless texts.
    auroc_benign: Option<f64>,
    recall_at_1_percent: Option<f64>,
    recall_at_0_1_percent: Option<f64>,
    /// Share of the group's own texts with label 0 above the score of 1 %.
    found_of_no: Option<f64>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let policy = match policies::named(&args.policy, States::Own) {
        Ok(policy) => policy,
        Err(diagnostics) => {
            show(&diagnostics)?;
            return Ok(Exit::Misuse);
        }
    };
    let mut benign = Vec::new();
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let mut pairs = Pairs::default();
    for (paths, harmless) in [(&args.benign, true), (&args.files, false)] {
        for path in paths {
            let read = read(path, |line| {
                let score = score(&policy, &args.by, &line)
                    .ok_or_else(|| format!("no rule of the policy asks for the score `{}`", args.by))?;
                match (harmless, line.label) {
                    (true, Some(1)) | (false, None) => {}
                    (true, _) => benign.push(score),
                    (false, Some(label)) => {
                        if args.by == GROUNDING {
                            pairs.take(&line, label, score);
                        }
                        for name in names(&line) {
                            let group = groups.entry(name).or_default();
                            if label == 1 { group.yes.push(score) } else { group.no.push(score) }
                        }
                    }
                }
                Ok(())
            });
            if let Err(why) = read {
                writeln!(io::stderr(), "error: {why}")?;
                return Ok(Exit::Misuse);
            }
        }
    }
    pairs.into_group(&mut groups);
    let figures: Vec<Figures> = groups.iter().map(|(name, group)| figures(name, group, &benign)).collect();
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&figures)?)?,
        Format::Human => out.write_all(table(&figures, benign.len()).as_bytes())?,
    }
    Ok(Exit::Fine)
}

fn read(path: &std::path::Path, mut each: impl FnMut(Line) -> Result<(), String>) -> Result<(), String> {
    let (name, file) = texts::open(path).map_err(|diagnostic| diagnostic.to_string())?;
    for (number, line) in (1..).zip(file.lines()) {
        let line = line.map_err(|why| format!("{name}:{number}: {why}"))?;
        if line.trim().is_empty() {
            continue;
        }
        // What was found instead may be user text: only where is told.
        let line = serde_json::from_str(&line).map_err(|why| {
            format!(
                "{name}:{number}: expected `{{\"text\": .., \"label\": 0 or 1}}`, column {}",
                why.column()
            )
        })?;
        each(line)?;
    }
    Ok(())
}

fn score(policy: &Policy, by: &str, line: &Line) -> Option<f32> {
    if by == GROUNDING {
        let mut context = Context::default();
        context.add(&line.context);
        context.add(&line.question);
        return Some(unsupported(&context, &line.text).unwrap_or_default());
    }
    let named = |direction: &Direction| Some(direction.as_str()) == line.direction.as_deref();
    let direction = Direction::ALL.into_iter().find(named).unwrap_or(Direction::Prompt);
    let scanned = text::scan(policy, direction, &line.text, None);
    scanned.scores().iter().find(|(name, _)| name == by).map(|(_, score)| *score)
}

/// The groups of a text.
fn names(line: &Line) -> BTreeSet<String> {
    let mut names = BTreeSet::from(["all".to_owned()]);
    if !line.source.is_empty() {
        names.insert(format!("source {}", line.source));
    }
    if !line.lang.is_empty() {
        names.insert(format!("language {}", line.lang));
    }
    if line.label == Some(1) {
        names.extend(line.categories.iter().map(|category| format!("category {category}")));
    }
    names
}

fn figures(name: &str, group: &Group, benign: &[f32]) -> Figures {
    let Group { yes, no } = group;
    let against = if benign.is_empty() { no } else { benign };
    Figures {
        group: name.to_owned(),
        yes: yes.len(),
        no: no.len(),
        auroc: auroc(yes, no),
        average_precision: if no.is_empty() { None } else { average_precision(yes, no) },
        auroc_benign: auroc(yes, benign),
        recall_at_1_percent: recall_at(yes, against, 0.01),
        recall_at_0_1_percent: recall_at(yes, against, 0.001),
        found_of_no: recall_at(no, benign, 0.01),
    }
}

fn table(figures: &[Figures], benign: usize) -> String {
    let mut out = format!(
        "{benign} harmless texts\n\n| group | label 1 | label 0 | AUROC | average precision | AUROC against harmless | recall at 1 % | at 0.1 % | label 0 found at 1 % |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
    );
    let dash = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
    for one in figures {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            one.group,
            one.yes,
            one.no,
            dash(one.auroc),
            dash(one.average_precision),
            dash(one.auroc_benign),
            dash(one.recall_at_1_percent),
            dash(one.recall_at_0_1_percent),
            dash(one.found_of_no)
        );
    }
    out
}
