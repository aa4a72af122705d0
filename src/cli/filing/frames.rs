//! The frames of filings, filled with facts.

use super::facts::{Facts, Status};
use crate::cli::moment::today;
use crate::diag::{Diagnostic, SourceFile, read_toml};
use crate::policy::{Control, Obligation, State, Sure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "frame")]
    frames: Vec<FrameFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FrameFile {
    id: String,
    title: String,
    written_against: String,
    /// Of rows that say nothing else.
    sure: Sure,
    note: String,
    #[serde(rename = "section")]
    sections: Vec<SectionFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SectionFile {
    title: String,
    #[serde(default)]
    table: Option<String>,
    #[serde(rename = "row", default)]
    rows: Vec<RowFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RowFile {
    code: String,
    asks: String,
    #[serde(default)]
    sure: Option<Sure>,
    #[serde(default)]
    by: Vec<String>,
    #[serde(default)]
    person: Option<String>,
}

/// A filing.
#[derive(Debug, Serialize)]
pub(super) struct Frame {
    pub(super) id: String,
    pub(super) title: String,
    /// The texts that it was written against.
    pub(super) written_against: String,
    /// How it was held against them.
    pub(super) note: String,
    pub(super) program: String,
    pub(super) policy: String,
    pub(super) policy_version: String,
    /// How many rows are how far there.
    pub(super) counts: serde_json::Map<String, Value>,
    pub(super) sections: Vec<Section>,
}

/// A part of it.
#[derive(Debug, Serialize)]
pub(super) struct Section {
    pub(super) title: String,
    pub(super) rows: Vec<Row>,
}

/// One thing that is asked for.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) code: String,
    pub(super) asks: String,
    /// How sure it is that this is asked: `official`, `secondary`, `draft`; of a requirement of ours, `profile`.
    pub(super) sure: String,
    pub(super) status: Status,
    pub(super) found: Vec<String>,
    /// What people have to bring besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) person: Option<String>,
}

impl Frame {
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.sections.iter().flat_map(|section| &section.rows)
    }
}

/// The frame of this name, filled.
pub(super) fn of(id: &str, facts: &Facts<'_>) -> Result<Frame, Vec<Diagnostic>> {
    let read = read_toml::<File>(&SourceFile::new("frames.toml", include_str!("frames.toml")));
    let Some(file) = read.value.filter(|_| read.diagnostics.is_empty()) else { return Err(read.diagnostics) };
    let Some(frame) = file.frames.into_iter().find(|frame| frame.id == id) else {
        return Err(vec![Diagnostic::error("unknown-name", format!("unknown filing `{id}`"))]);
    };
    let sure = frame.sure;
    let sections: Vec<Section> =
        frame.sections.into_iter().map(|section| filled(section, sure, facts)).collect::<Result<_, _>>()?;
    let mut out = Frame {
        id: frame.id,
        title: frame.title,
        written_against: frame.written_against,
        note: frame.note,
        program: format!("sluicegate {}", env!("CARGO_PKG_VERSION")),
        policy: facts.policy.name().to_owned(),
        policy_version: facts.policy.version().to_owned(),
        counts: serde_json::Map::new(),
        sections,
    };
    out.counts = Status::ALL
        .map(|status| {
            (status.as_str().to_owned(), out.rows().filter(|row| row.status == status).count().into())
        })
        .into_iter()
        .collect();
    Ok(out)
}

fn filled(section: SectionFile, of_frame: Sure, facts: &Facts<'_>) -> Result<Section, Vec<Diagnostic>> {
    let mut rows = Vec::new();
    for row in section.rows {
        let mut found = Vec::new();
        let mut statuses = Vec::new();
        for name in &row.by {
            let Some((status, said)) = facts.fact(name) else {
                return Err(vec![Diagnostic::error("unknown-name", format!("unknown fact `{name}`"))]);
            };
            statuses.push(status);
            found.push(if status == Status::Missing { format!("missing: {said}") } else { said });
        }
        let status = together(&statuses);
        let sure = row.sure.unwrap_or(of_frame).as_str().to_owned();
        rows.push(Row { code: row.code, asks: row.asks, sure, status, found, person: row.person });
    }
    if let Some(table) = &section.table {
        rows.extend(match table.split_once(':') {
            Some(("lists", scheme)) => lists(facts, scheme, of_frame),
            Some(("obligations", jurisdiction)) => obligations(facts, jurisdiction),
            _ if table == "banks" => banks(facts),
            _ => figures(facts),
        });
    }
    Ok(Section { title: section.title, rows })
}

/// A row that nothing answers is somebody's to bring; one that has only a part of what answers it is there in part.
fn together(all: &[Status]) -> Status {
    let missing = all.iter().filter(|status| **status == Status::Missing).count();
    match all.iter().min() {
        None => Status::Operator,
        Some(Status::Missing) if missing < all.len() => Status::Partly,
        Some(least) => *least,
    }
}

/// A row for each type of a scheme.
fn lists(facts: &Facts<'_>, scheme: &str, sure: Sure) -> Vec<Row> {
    let Some(coverage) = facts.library.coverage(facts.policy, scheme) else { return Vec::new() };
    let mut rows: Vec<Row> = coverage
        .types
        .iter()
        .map(|one| {
            let mut found =
                vec![format!("{} terms, {} rules, {} patterns", one.terms, one.rules, one.patterns)];
            if !one.awaited.is_empty() {
                found.push(format!("awaited: the operator's list for {}", one.awaited.join(", ")));
            }
            found.extend(one.note.clone());
            let status = match (one.rules, one.is_met()) {
                (0, _) if one.note.is_some() => Status::Operator,
                (0, _) => Status::Missing,
                (_, true) => Status::There,
                (_, false) => Status::Partly,
            };
            let asks = match one.least_terms {
                Some(least) => format!("{} ({}): at least {least} terms", one.title, one.zh),
                None => format!("{} ({})", one.title, one.zh),
            };
            let sure = sure.as_str().to_owned();
            Row { code: one.code.clone(), asks, sure, status, found, person: None }
        })
        .collect();
    if let Some(least) = coverage.least_terms {
        let status = if coverage.terms >= least { Status::There } else { Status::Partly };
        let found = vec![format!("{} terms", coverage.terms)];
        let asks = format!("At least {least} terms in all");
        let sure = sure.as_str().to_owned();
        rows.push(Row { code: "all".into(), asks, sure, status, found, person: None });
    }
    rows
}

/// The sizes of banks, as the assessment counted them.
fn banks(facts: &Facts<'_>) -> Vec<Row> {
    let sizes = facts.assess.and_then(|report| report.get("sizes")).and_then(Value::as_array);
    let samples = facts.assess.is_some_and(|report| report.get("samples") == Some(&Value::Bool(true)));
    let Some(sizes) = sizes else {
        let asks = "Bank of 2,000 questions over the 31 types, 500 to refuse, 500 not to refuse".to_owned();
        let found = vec!["missing: no report of `sluicegate assess` was given".to_owned()];
        let sure = Sure::Secondary.as_str().to_owned();
        return vec![Row { code: "banks".into(), asks, sure, status: Status::Missing, found, person: None }];
    };
    let row = |(n, size): (usize, &Value)| {
        let text = |key: &str| size.get(key).and_then(Value::as_str).unwrap_or("-").to_owned();
        let number = |key: &str| size.get(key).and_then(Value::as_u64).unwrap_or(0);
        let mut found = vec![format!("{} of {}", number("found"), number("least"))];
        let short = size.get("short").and_then(Value::as_array).map_or(0, Vec::len);
        if short > 0 {
            found.push(format!("{short} types have too few"));
        }
        if samples {
            found.push("samples of this project among them".to_owned());
        }
        let met = text("status") == "met" && !samples;
        let status = if met { Status::There } else { Status::Partly };
        let (code, asks, sure) = (format!("bank {}", n + 1), text("title"), text("sure"));
        Row { code, asks, sure, status, found, person: None }
    };
    sizes.iter().enumerate().map(row).collect()
}

/// The figures of the assessment, with what is required.
fn figures(facts: &Facts<'_>) -> Vec<Row> {
    let (mut rows, fact) = (Vec::new(), facts.fact("assess"));
    if let Some((status, said)) = fact {
        let found = vec![if status == Status::Missing { format!("missing: {said}") } else { said }];
        let asks = "Assessment of this policy before launch".to_owned();
        let sure = Sure::Secondary.as_str().to_owned();
        rows.push(Row { code: "report".into(), asks, sure, status, found, person: None });
    }
    let figures = facts.assess.and_then(|report| report.get("figures")).and_then(Value::as_array);
    for figure in figures.into_iter().flatten() {
        let text = |path: &str| figure.pointer(path).and_then(Value::as_str).unwrap_or("-").to_owned();
        let found = match figure.get("found").filter(|found| !found.is_null()) {
            Some(share) => {
                let number = |key: &str| share.get(key).and_then(Value::as_f64).unwrap_or(0.0);
                format!(
                    "{:.1} % of {} (95 % interval {:.1} to {:.1})",
                    100.0 * number("share"),
                    share.get("of").unwrap_or(&Value::Null),
                    100.0 * number("low"),
                    100.0 * number("high")
                )
            }
            None => "missing: not measured".to_owned(),
        };
        let status = match text("/status").as_str() {
            "met" => Status::There,
            "not_measured" => Status::Missing,
            _ => Status::Partly,
        };
        let said = text("/status").replace('_', " ");
        let asks = format!("{}: {}", text("/title"), text("/requirement/text"));
        let (code, sure) = (text("/id"), text("/requirement/sure"));
        rows.push(Row { code, asks, sure, status, found: vec![found, said], person: None });
    }
    rows
}

/// What the laws of a place ask, article by article: not what they asked once, and of what they do not ask yet since when.
fn obligations(facts: &Facts<'_>, jurisdiction: &str) -> Vec<Row> {
    let today = today();
    let of = facts.library.obligations().iter().filter(|one| one.jurisdiction == jurisdiction);
    let is_over = |one: &Obligation| today.is_some_and(|day| one.expires.is_some_and(|end| end <= day));
    of.filter(|one| !is_over(one))
        .map(|one| {
            let status = match one.state {
                State::Enforced => Status::There,
                State::Partly => Status::Partly,
                State::Stated => Status::Stated,
                State::Operator => Status::Operator,
                State::Open => Status::Missing,
            };
            let mut found: Vec<String> = Vec::new();
            let mut people: Vec<&str> = Vec::new();
            for control in &one.controls {
                match control {
                    Control::Rules { named, .. } => found.push(format!("rule {named}")),
                    Control::Profile(name) => found.push(format!("profile {name}")),
                    Control::Setting(name) => found.push(format!("setting {name}")),
                    Control::Command(line) => found.push(format!("`{line}`")),
                    Control::Person(what) => people.push(what),
                }
            }
            found.extend(one.tests.iter().map(|test| format!("shown by {test}")));
            let person = (!people.is_empty()).then(|| people.join("; "));
            let code = format!("{} {}", one.instrument, one.article);
            let sure = one.sure.as_str().to_owned();
            let asks = match today {
                Some(day) if one.effective > day => format!("From {} on: {}", one.effective, one.summary),
                _ => one.summary.clone(),
            };
            Row { code, asks, sure, status, found, person }
        })
        .collect()
}
