//! The figures of a model, by weights that had not seen the texts, and its card.

use super::lessons::{Gathered, Origin, SENTENCES};
use super::recipe::Recipe;
use crate::cli::score::rank::{auroc, average_precision};
use crate::detect::classify::{Learned, Lesson, Tongue, tongue};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::Path;

/// What is known of a model.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    model: String,
    version: String,
    sha256: String,
    bytes: usize,
    classes: Vec<ClassFigures>,
    sources: Vec<SourceFigures>,
    thresholds: Vec<Threshold>,
}

/// The scores that few harmless texts reach.
#[derive(Debug, Serialize)]
struct Threshold {
    class: String,
    lang: &'static str,
    /// How many harmless texts of the language there are.
    benign: usize,
    /// None where there are too few to tell: then no text reaches a rule's own threshold.
    one_in_hundred: Option<f32>,
    one_in_thousand: Option<f32>,
}

/// How well a class is told, over all texts of which it is known.
#[derive(Debug, Serialize)]
struct ClassFigures {
    class: String,
    positives: usize,
    negatives: usize,
    auroc: Option<f64>,
    average_precision: Option<f64>,
}

/// How much of a source reaches the thresholds of the first class.
#[derive(Debug, Serialize)]
struct SourceFigures {
    source: String,
    /// Whether nothing of it was learned from.
    unseen: bool,
    label: u8,
    texts: usize,
    /// Share of texts that reach what one in a hundred harmless texts does, and one in a thousand.
    at_one_in_hundred: f64,
    at_one_in_thousand: f64,
    /// Against the harmless texts of the benign sources.
    auroc_against_benign: Option<f64>,
}

/// A score, and whether it reaches the threshold of one in a hundred and of one in a thousand.
type Reached = (f32, bool, bool);

pub(super) fn figures(recipe: &Recipe, lessons: &[Lesson], sources: &[Origin], learned: &Learned) -> Figures {
    let head = learned.model.head();
    let whole = || {
        let all = lessons.iter().zip(sources).zip(&learned.scores);
        all.filter(|((_, origin), _)| origin.source != SENTENCES)
    };
    let classes = recipe.classes.iter().enumerate().map(|(k, class)| {
        let of = |want: i8| -> Vec<f32> {
            whole()
                .filter(|((lesson, _), _)| lesson.targets[k] == want)
                .map(|(_, scores)| scores[k])
                .collect()
        };
        let (yes, no) = (of(1), of(0));
        ClassFigures {
            class: class.clone(),
            positives: yes.len(),
            negatives: no.len(),
            auroc: auroc(&yes, &no),
            average_precision: average_precision(&yes, &no),
        }
    });
    let benign: Vec<f32> = whole()
        .filter(|((lesson, _), _)| lesson.benign && lesson.targets[0] == 0)
        .map(|(_, scores)| scores[0])
        .collect();
    let mut by: BTreeMap<(&Origin, i8), Vec<Reached>> = BTreeMap::new();
    for ((lesson, origin), scores) in whole().filter(|((lesson, _), _)| lesson.targets[0] >= 0) {
        let chinese =
            lesson.text.chars().filter(|c| *c > '\u{3000}').count() * 2 > lesson.text.chars().count();
        let own = head.readings.get(if chinese { "zh" } else { "en" });
        let least = |of: fn(&crate::detect::classify::Calibration) -> &Vec<f32>| {
            own.and_then(|own| of(own).first()).copied().unwrap_or(1.0)
        };
        let (hundred, thousand) = (least(|own| &own.one_in_hundred), least(|own| &own.one_in_thousand));
        let score = scores[0];
        by.entry((origin, lesson.targets[0])).or_default().push((score, score >= hundred, score >= thousand));
    }
    let sources = by.into_iter().map(|((origin, label), all)| {
        let share = |of: &dyn Fn(&Reached) -> bool| {
            all.iter().filter(|one| of(one)).count() as f64 / all.len().max(1) as f64
        };
        let scores: Vec<f32> = all.iter().map(|one| one.0).collect();
        SourceFigures {
            source: origin.source.clone(),
            unseen: origin.unseen,
            label: u8::from(label == 1),
            texts: all.len(),
            at_one_in_hundred: share(&|one| one.1),
            at_one_in_thousand: share(&|one| one.2),
            auroc_against_benign: if label == 1 { auroc(&scores, &benign) } else { None },
        }
    });
    let thresholds = thresholds(recipe, lessons, learned);
    Figures {
        thresholds,
        model: recipe.name.clone(),
        version: recipe.version.clone(),
        sha256: head.sha256.clone(),
        bytes: learned.file.len(),
        sources: sources.collect(),
        classes: classes.collect(),
    }
}

/// What is known of harmless texts, by class and language.
fn thresholds(recipe: &Recipe, lessons: &[Lesson], learned: &Learned) -> Vec<Threshold> {
    let benign: Vec<(Tongue, &Lesson)> =
        lessons.iter().filter(|one| one.benign).map(|one| (tongue(&one.text), one)).collect();
    let known = |score: Option<&f32>| score.copied().filter(|score| *score < 1.0);
    let mut out = Vec::new();
    for (k, class) in recipe.classes.iter().enumerate() {
        for (lang, own) in [("en", Tongue::English), ("zh", Tongue::Chinese), ("other", Tongue::Other)] {
            let of_own = benign
                .iter()
                .filter(|(tongue, one)| *tongue == own && one.targets.get(k).is_some_and(|is| *is <= 0));
            let calibration = learned.model.calibration(own);
            let benign = of_own.count();
            if benign > 0 {
                out.push(Threshold {
                    class: class.clone(),
                    lang,
                    benign,
                    one_in_hundred: known(calibration.one_in_hundred.get(k)),
                    one_in_thousand: known(calibration.one_in_thousand.get(k)),
                });
            }
        }
    }
    out
}

fn or_dash(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"))
}

/// The figures as tables, for people and for the card.
pub(super) fn table(figures: &Figures) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "| class | texts with it | without | AUROC | average precision |\n| --- | --- | --- | --- | --- |"
    );
    for one in &figures.classes {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            one.class,
            one.positives,
            one.negatives,
            or_dash(one.auroc),
            or_dash(one.average_precision)
        );
    }
    let first = figures.classes.first().map(|one| one.class.as_str()).unwrap_or_default();
    let _ = writeln!(
        out,
        "\n| source | label of `{first}` | texts | found at 1 in 100 | at 1 in 1,000 | AUROC against harmless |\n| --- | --- | --- | --- | --- | --- |"
    );
    for one in &figures.sources {
        let _ = writeln!(
            out,
            "| {}{} | {} | {} | {:.3} | {:.3} | {} |",
            one.source,
            if one.unseen { " (left out)" } else { "" },
            one.label,
            one.texts,
            one.at_one_in_hundred,
            one.at_one_in_thousand,
            or_dash(one.auroc_against_benign)
        );
    }
    threshold_table(figures, &mut out);
    out
}

/// The thresholds as a table, and what they lack.
fn threshold_table(figures: &Figures, out: &mut String) {
    let _ = writeln!(
        out,
        "\n| class | language | harmless texts | one in 100 reaches | one in 1,000 |\n| --- | --- | --- | --- | --- |"
    );
    for Threshold { class, lang, benign, one_in_hundred, one_in_thousand } in &figures.thresholds {
        let of = |score: &Option<f32>| or_dash(score.map(f64::from));
        let (hundred, thousand) = (of(one_in_hundred), of(one_in_thousand));
        let _ = writeln!(out, "| {class} | {lang} | {benign} | {hundred} | {thousand} |");
    }
    if figures.thresholds.iter().all(|one| one.one_in_thousand.is_none()) {
        out.push_str(
            "\nFewer than 1,000 harmless texts of any language (sources with `benign = true`): a rule that says no `threshold` of its own finds nothing.\n",
        );
    }
}

/// What a card begins with: which model it is of, where its file is from, and what was learned from, to be gone on with.
pub(super) struct Heading<'a> {
    pub(super) name: &'a str,
    /// Where its recipe stands.
    pub(super) recipe: String,
    pub(super) version: &'a str,
    pub(super) title: &'a str,
    /// What the hash is of.
    pub(super) hashed: &'a str,
    pub(super) sha256: &'a str,
    pub(super) bytes: usize,
    /// Texts by source and licence.
    pub(super) rows: &'a BTreeMap<(String, String), usize>,
}

impl fmt::Display for Heading<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, recipe, version, title, hashed, sha256, bytes, rows } = self;
        writeln!(f, "# Model `{name}`, {version}\n\n{title}.\n")?;
        writeln!(
            f,
            "SHA-256 of {hashed}: `{sha256}`. File: {bytes} bytes. Made by `sluicegate train`; the recipe is `{recipe}`.\n"
        )?;
        writeln!(f, "## Data\n\n| source | licence | texts |\n| --- | --- | --- |")?;
        rows.iter().try_for_each(|((source, licence), rows)| writeln!(f, "| {source} | {licence} | {rows} |"))
    }
}

/// The card.
pub(super) fn card(recipe: &Recipe, path: &Path, gathered: &Gathered, figures: &Figures) -> String {
    let heading = Heading {
        name: &recipe.name,
        recipe: path.display().to_string(),
        version: &recipe.version,
        title: &recipe.title,
        hashed: "the weights",
        sha256: &figures.sha256,
        bytes: figures.bytes,
        rows: &gathered.rows,
    };
    let mut out = heading.to_string();
    if gathered.made > 0 {
        let _ =
            writeln!(out, "| phrases of our own, `train/phrases` | Apache-2.0 | {} made |", gathered.made);
    }
    let credit = if gathered.rows.keys().any(|(source, _)| source.contains("hatecheck")) {
        " HateCheck is by Paul Röttger and others (CC-BY-4.0)."
    } else {
        ""
    };
    let _ = write!(
        out,
        "\nRows whose licence says `evaluation only` were left out.{credit}\n\n## Figures\n\n\
         By weights that had not seen the text (the texts are dealt into {} parts); sources are seen, so what is unseen in its manner is told worse.\n\
         \"Found at 1 in 100\": share of texts above the score that one in a hundred harmless texts reaches.\n\n{}\n\
         ## Limits\n\n\
         - English and Chinese. In other scripts no score reaches a rule's own threshold; in other languages written in Latin letters scores mean little.\n\
         - It sees words and runs of letters, not meaning: irony, quotation and who speaks to whom are told badly.\n\
         - Scores are calibrated on these sources. Set thresholds by texts of your own with `sluicegate score` or `assess`.\n",
        recipe.folds.max(2),
        table(figures)
    );
    out
}
