//! `sluicegate rank`: how well the scores of models tell labelled texts apart, by source, language and category.

use super::bank::disguise::Disguise;
use super::kept::misuse;
use super::policies::States;
use super::scan::text;
use super::score::rank::{above, auroc, average_precision, recall_at};
use super::{Exit, Format, policies, show, texts};
use crate::detect::ModelSpec;
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
/// share of them above the score that no more than one in a hundred, and one in a thousand, of the harmless texts reaches; these two scores are
/// told too, as thresholds for rules. With `--disguise` the labelled texts are also written as people hide them, both labels alike, the harmless
/// ones as they are, and the figures of each way stand beside those of the same texts as they were. Writes figures and no text.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 whatever the figures are, 2 for a bad policy or bad input.

Examples:
  sluicegate rank --by harm --benign benign.jsonl harm.jsonl
  sluicegate rank --by harm --benign benign.jsonl --disguise all harm.jsonl
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

    /// Ways to hide the texts: `all`, or of `zero-width`, `full-width`, `separators`, `leet`, `look-alike`, `upside-down`, `backwards`, `base64`,
    /// `url`, `hex`, `sounds`, `split-characters`, `in-two` some, with commas between
    #[arg(long, value_name = "WAY", value_delimiter = ',')]
    disguise: Vec<String>,

    /// How to write the figures: tables (Markdown) or JSON
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,

    /// Labelled texts
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// The score of how little of an answer its request bears.
const GROUNDING: &str = "grounding";

/// A line; other fields are ignored.
#[derive(Debug, Default, Deserialize)]
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
    /// Of texts that are hidden: the same texts as they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    plain: Option<Box<Figures>>,
}

/// The texts of one way to hide them, as they were and hidden; those that it would leave as they are do not count.
#[derive(Default)]
struct Hidden {
    plain: Group,
    hidden: Group,
}

/// All that is said.
#[derive(Debug, Serialize)]
struct Ranked {
    by: String,
    /// How many harmless texts there are.
    benign: usize,
    /// The score that no more than one in a hundred harmless texts is above, and one in a thousand.
    threshold_at_1_percent: Option<f32>,
    threshold_at_0_1_percent: Option<f32>,
    groups: Vec<Figures>,
    disguises: Vec<Figures>,
}

impl Group {
    fn take(&mut self, label: u8, score: f32) {
        if label == 1 { self.yes.push(score) } else { self.no.push(score) }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let disguises = match Disguise::named(&args.disguise) {
        Ok(_) if args.by == GROUNDING && !args.disguise.is_empty() => {
            return misuse("`--disguise` hides what is asked; the score `grounding` is of answers");
        }
        Ok(disguises) => disguises,
        Err(why) => return misuse(&why),
    };
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
    let mut hidden: Vec<Hidden> = disguises.iter().map(|_| Hidden::default()).collect();
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
                            groups.entry(name).or_default().take(label, score);
                        }
                        for (one, told) in disguises.iter().zip(&mut hidden) {
                            let Some(text) = one.of(&line.text) else { continue };
                            let line = Line { text, direction: line.direction.clone(), ..Line::default() };
                            told.plain.take(label, score);
                            told.hidden
                                .take(label, self::score(&policy, &args.by, &line).unwrap_or_default());
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
    let of = |(one, told): (&&Disguise, &Hidden)| Figures {
        plain: Some(Box::new(figures(one.name, &told.plain, &benign))),
        ..figures(one.name, &told.hidden, &benign)
    };
    let answer = Ranked {
        by: args.by.clone(),
        benign: benign.len(),
        threshold_at_1_percent: above(&benign, 0.01),
        threshold_at_0_1_percent: above(&benign, 0.001),
        groups: groups.iter().map(|(name, group)| figures(name, group, &benign)).collect(),
        disguises: disguises.iter().zip(&hidden).map(of).collect(),
    };
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?,
        Format::Human => {
            out.write_all(table(&answer).as_bytes())?;
            out.write_all(disguise_table(&disguises, &answer.disguises).as_bytes())?;
        }
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
    let plain = scanned.scores().iter().find(|(name, _)| name == by).map(|(_, score)| *score)?;
    // What a model finds in what is encoded counts from its rule's threshold on.
    let asks = |asked: &ModelSpec| match &asked.class {
        None => asked.model == by,
        Some(class) => by.split_once('/') == Some((&asked.model, class)),
    };
    let found = scanned.findings().iter();
    let hidden = found.filter(|one| one.hidden.is_some() && one.model.is_some_and(asks)).map(|one| one.score);
    Some(hidden.fold(plain, f32::max))
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
        plain: None,
    }
}

fn dash(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"))
}

fn table(answer: &Ranked) -> String {
    let mut out = format!("{} harmless texts", answer.benign);
    if let (Some(hundred), Some(thousand)) = (answer.threshold_at_1_percent, answer.threshold_at_0_1_percent)
    {
        let _ = write!(
            out,
            "; of `{}` no more than 1 % of them are above {hundred:.4}, 0.1 % above {thousand:.4}",
            answer.by
        );
    }
    out.push_str(
        "\n\n| group | label 1 | label 0 | AUROC | average precision | AUROC against harmless | recall at 1 % | at 0.1 % | label 0 found at 1 % |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for one in &answer.groups {
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

/// A row for each way to hide texts: as they were, and hidden.
fn disguise_table(disguises: &[&Disguise], figures: &[Figures]) -> String {
    if figures.is_empty() {
        return String::new();
    }
    let mut out = "\n| hidden | label 1 | label 0 | AUROC, plain | hidden | against harmless, plain | hidden | recall at 1 %, plain | hidden | label 0 found at 1 %, plain | hidden |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for (disguise, one) in disguises.iter().zip(figures) {
        let Some(plain) = &one.plain else { continue };
        let pairs = [
            (plain.auroc, one.auroc),
            (plain.auroc_benign, one.auroc_benign),
            (plain.recall_at_1_percent, one.recall_at_1_percent),
            (plain.found_of_no, one.found_of_no),
        ];
        let cells: Vec<String> =
            pairs.into_iter().flat_map(|(plain, hidden)| [dash(plain), dash(hidden)]).collect();
        let Disguise { name, title, .. } = disguise;
        let _ = writeln!(out, "| {name}: {title} | {} | {} | {} |", one.yes, one.no, cells.join(" | "));
    }
    out
}
