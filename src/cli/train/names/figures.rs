//! The figures of a tagger, by weights that had not seen the texts, and its card.

use super::super::card::Heading;
use super::Facts;
use super::lessons::Lesson;
use super::recipe::Recipe;
use crate::detect::tagger::{Reading, Tagged, Tagger};
use crate::text::fold::{FoldPos, TextKind, View};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

/// What is known of a tagger.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    /// By source and type.
    rows: Vec<Row>,
}

#[derive(Debug, Default, Clone, Serialize)]
struct Row {
    source: String,
    #[serde(rename = "type")]
    kind: String,
    /// Whether nothing of the source was learned from.
    left_out: bool,
    texts: usize,
    /// Spans that are known, and those that a finding of the type overlaps.
    spans: usize,
    found: usize,
    /// Those found from first to last character.
    exact: usize,
    /// Findings that overlap such a span, and that overlap none.
    right: usize,
    wrong: usize,
}

impl Row {
    fn precision(&self) -> f64 {
        self.right as f64 / (self.right + self.wrong).max(1) as f64
    }

    fn recall(&self) -> f64 {
        self.found as f64 / self.spans.max(1) as f64
    }
}

impl Figures {
    /// Judges what was held.
    pub(super) fn of(recipe: &Recipe, tagger: &Tagger, lessons: &[Lesson]) -> Self {
        let mut rows: BTreeMap<(&str, usize), Row> = BTreeMap::new();
        for lesson in lessons.iter().filter(|lesson| lesson.held && !lesson.extra) {
            let found = tagged(tagger, &lesson.text);
            for kind in lesson.labelled.iter().copied() {
                let row = rows.entry((&lesson.source, kind)).or_default();
                row.left_out = lesson.left_out;
                row.texts += 1;
                let of_kind = |of: &usize| *of == kind;
                let gold: Vec<&Range<usize>> =
                    lesson.spans.iter().filter(|(_, of)| of_kind(of)).map(|(range, _)| range).collect();
                let hits: Vec<&Range<usize>> =
                    found.iter().filter(|(_, of)| of_kind(of)).map(|(range, _)| range).collect();
                let meets = |a: &Range<usize>, b: &Range<usize>| a.start < b.end && b.start < a.end;
                row.spans += gold.len();
                row.found += gold.iter().filter(|gold| hits.iter().any(|hit| meets(hit, gold))).count();
                row.exact += gold.iter().filter(|gold| hits.contains(gold)).count();
                let right = hits.iter().filter(|hit| gold.iter().any(|gold| meets(hit, gold))).count();
                row.right += right;
                row.wrong += hits.len() - right;
            }
        }
        let rows = rows.into_iter().filter(|(_, row)| row.spans + row.wrong > 0);
        let rows = rows.map(|((source, kind), row)| Row {
            source: source.to_owned(),
            kind: recipe.types.get(kind).map(|one| one.name.clone()).unwrap_or_default(),
            ..row
        });
        Self { rows: rows.collect() }
    }

    /// The figures as a table, for people and for the card.
    pub(super) fn table(&self) -> String {
        let mut out = "| source | type | texts | spans | precision | recall | exact |\n| --- | --- | ---: | ---: | ---: | ---: | ---: |\n".to_owned();
        for row in &self.rows {
            let _ = writeln!(
                out,
                "| {}{} | {} | {} | {} | {:.3} | {:.3} | {:.3} |",
                row.source,
                if row.left_out { " (left out)" } else { "" },
                row.kind,
                row.texts,
                row.spans,
                row.precision(),
                row.recall(),
                row.exact as f64 / row.spans.max(1) as f64
            );
        }
        out
    }

    /// The card.
    pub(super) fn card(&self, recipe: &Recipe, facts: &Facts<'_>) -> String {
        let heading = Heading {
            name: &recipe.name,
            recipe: format!("train/{}.toml", recipe.name),
            version: &recipe.version,
            title: &recipe.title,
            hashed: "weights and lexicon",
            sha256: facts.sha256,
            bytes: facts.bytes,
            rows: facts.rows,
        };
        let mut out = heading.to_string();
        let _ = writeln!(out, "| texts made of `train/names` | Apache-2.0 | {} |", facts.made);
        let _ = write!(
            out,
            "\nA lexicon of {} words goes with it (`train/names`). Rows whose licence says `evaluation only` were judged and not learned from.\n\n## Figures\n\n\
             By weights that had not seen the texts: one text in {} of each source was held back, and sources that are left out were not learned from at all. A span is\n\
             found if a finding of its type overlaps it.\n\n{}\n## Limits\n\n",
            facts.words,
            recipe.held,
            self.table()
        );
        for limit in &recipe.limits {
            let _ = writeln!(out, "- {limit}");
        }
        out
    }
}

/// What stands in a text, in bytes.
fn tagged(tagger: &Tagger, text: &str) -> Vec<(Range<usize>, usize)> {
    let view = View::of(TextKind::Plain, text);
    let (mut reading, mut out) = (Reading::default(), Vec::new());
    reading.push(tagger, view.bytes(), &mut out);
    reading.finish(tagger, &mut out);
    let range = |one: &Tagged| {
        let start = view.text_start(FoldPos(one.start)).0 as usize;
        start..view.text_end(FoldPos(one.end)).0 as usize
    };
    out.iter().map(|one| (range(one), one.kind)).collect()
}
