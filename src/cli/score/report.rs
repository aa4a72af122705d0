//! The figures as tables for people, as Markdown and as JSON.

use super::count::{Clean, Count, Floors, Whole};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The form of the JSON.
pub(super) const SCHEMA: u32 = 1;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) schema: u32,
    pub(super) policy: String,
    pub(super) version: String,
    pub(super) texts: usize,
    pub(super) all: Count,
    pub(super) groups: BTreeMap<String, Count>,
    pub(super) types: BTreeMap<String, Count>,
    pub(super) languages: BTreeMap<String, Count>,
    pub(super) kinds: BTreeMap<String, Count>,
    pub(super) files: BTreeMap<String, Count>,
    /// By file and type, as `file TYPE`.
    pub(super) files_and_types: BTreeMap<String, Count>,
    #[serde(skip_serializing_if = "is_nothing")]
    pub(super) whole_texts: Whole,
    pub(super) clean: BTreeMap<String, Clean>,
    /// By type: the score above which clean texts have half a finding a million bytes.
    pub(super) floors: Floors,
}

fn is_nothing(whole: &Whole) -> bool {
    *whole == Whole::default()
}

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// In columns.
    Plain,
    /// With bars between.
    Markdown,
}

const HEAD: [&str; 10] =
    ["spans", "found", "exact", "right", "wrong", "precision", "recall", "leaked", "leak", "leak at .5/MB"];

impl Report {
    pub(super) fn write(&self, style: Style, out: &mut impl Write) -> io::Result<()> {
        let all = BTreeMap::from([("all".to_owned(), self.all.clone())]);
        writeln!(out, "policy {} ({}), {} texts\n", self.policy, self.version, self.texts)?;
        for (title, counts) in [
            ("", &all),
            ("group", &self.groups),
            ("type", &self.types),
            ("language", &self.languages),
            ("kind", &self.kinds),
            ("file", &self.files),
            ("file and type", &self.files_and_types),
        ] {
            counted(title, counts, style, out)?;
        }
        let Whole { texts, found, clean, wrong } = self.whole_texts;
        if texts + clean > 0 {
            writeln!(out, "whole texts: {found} of {texts} found, {wrong} of {clean} found wrongly\n")?;
        }
        self.clean(style, out)
    }

    fn clean(&self, style: Style, out: &mut impl Write) -> io::Result<()> {
        if self.clean.is_empty() {
            return Ok(());
        }
        let lines: Vec<Vec<String>> = self
            .clean
            .iter()
            .map(|(name, clean)| {
                let a_million = |(kind, rate): (&String, &f64)| format!("{kind} {}", rounded(*rate));
                let found: Vec<String> = clean.per_mb.iter().map(a_million).collect();
                let flagged = format!("{} of {}", clean.flagged, clean.texts);
                let found = if found.is_empty() { "nothing".to_owned() } else { found.join(", ") };
                vec![name.clone(), format!("{:.2}", clean.bytes as f64 / 1e6), flagged, found]
            })
            .collect();
        table(&["clean", "MB", "texts with findings", "findings a MB"], &lines, style, out)
    }
}

fn counted(
    title: &str,
    counts: &BTreeMap<String, Count>,
    style: Style,
    out: &mut impl Write,
) -> io::Result<()> {
    if counts.is_empty() {
        return Ok(());
    }
    let quiet = counts.values().any(|count| count.leak_quiet.is_some());
    let columns = HEAD.len() - usize::from(!quiet);
    let share = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{share:.3}"));
    let lines: Vec<Vec<String>> = counts
        .iter()
        .map(|(name, c)| {
            let whole = [c.spans, c.found, c.exact, c.right, c.wrong].map(|n| n.to_string());
            let shares = [
                share(c.precision),
                share(c.recall),
                c.leaked.to_string(),
                share(c.leak),
                share(c.leak_quiet),
            ];
            [name.clone()].into_iter().chain(whole).chain(shares).take(columns + 1).collect()
        })
        .collect();
    let head: Vec<&str> = [title].into_iter().chain(HEAD).take(columns + 1).collect();
    table(&head, &lines, style, out)
}

fn rounded(rate: f64) -> String {
    if rate < 10.0 { format!("{rate:.2}") } else { format!("{rate:.0}") }
}

fn table(head: &[&str], lines: &[Vec<String>], style: Style, out: &mut impl Write) -> io::Result<()> {
    let head: Vec<String> = head.iter().map(|&word| word.to_owned()).collect();
    let wide: Vec<usize> = (0..head.len())
        .map(|n| {
            let cells = std::iter::once(&head).chain(lines).filter_map(|line| line.get(n));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let line = |cells: &[String], out: &mut dyn Write| -> io::Result<()> {
        match style {
            Style::Markdown => writeln!(out, "| {} |", cells.join(" | ")),
            Style::Plain => {
                let cells: Vec<String> = cells
                    .iter()
                    .zip(&wide)
                    .enumerate()
                    .map(|(n, (cell, wide))| padded(n, cell, *wide))
                    .collect();
                writeln!(out, "{}", cells.join("  ").trim_end())
            }
        }
    };
    line(&head, out)?;
    if style == Style::Markdown {
        let rules: Vec<&str> =
            head.iter().enumerate().map(|(n, _)| if n == 0 { "---" } else { "---:" }).collect();
        writeln!(out, "| {} |", rules.join(" | "))?;
    }
    lines.iter().try_for_each(|cells| line(cells, out))?;
    writeln!(out)
}

/// Names to the left, figures to the right.
fn padded(column: usize, cell: &str, wide: usize) -> String {
    if column == 0 { format!("{cell:wide$}") } else { format!("{cell:>wide$}") }
}
