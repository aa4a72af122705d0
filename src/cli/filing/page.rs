//! A filing for people: as Markdown, and as a page that needs nothing else.

use super::facts::Status;
use super::frames::{Frame, Row};
use crate::cli::page::{END, begin, escape};
use std::fmt::Write as _;

fn summary(frame: &Frame) -> String {
    Status::ALL
        .map(|status| {
            format!(
                "{} {}",
                frame.counts.get(status.as_str()).map_or_else(|| "0".to_owned(), ToString::to_string),
                status.as_str()
            )
        })
        .join(", ")
}

const WORDS: &str = "`there`: it is; `stated`: a profile says it and nothing applies it yet; `partly`: a part; `operator`: people bring it; `missing`: it is not there";

const SOURCES: &str = "Of sources, `official`: read in the official text; `secondary`: in one that quotes it; `draft`: in neither, to be held against the text first; `profile`: the profile's own";

/// The filing as Markdown.
pub(super) fn markdown(frame: &Frame) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = writeln!(out, "# {}\n", frame.title);
    let _ = writeln!(out, "- made by: {}", frame.program);
    let _ = writeln!(out, "- policy: `{}`, version `{}`", frame.policy, frame.policy_version);
    let _ = writeln!(out, "- written against: {} ({})", frame.written_against, frame.note);
    let _ = writeln!(out, "- rows: {}\n", summary(frame));
    let _ = writeln!(out, "{WORDS}. {SOURCES}.");
    for section in &frame.sections {
        let _ = writeln!(
            out,
            "\n## {}\n\n| item | asked for | source | status | found | people bring |",
            section.title
        );
        out.push_str("| --- | --- | --- | --- | --- | --- |\n");
        for row in &section.rows {
            let Row { code, asks, sure, status, found, person } = row;
            let cells = [
                code.clone(),
                asks.clone(),
                sure.clone(),
                mark(*status),
                found.join("; "),
                person.clone().unwrap_or_default(),
            ];
            let cells = cells.map(|cell| cell.replace('|', "\\|").replace('\n', " "));
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
    }
    out
}

fn mark(status: Status) -> String {
    match status {
        Status::Missing => "**missing**".to_owned(),
        Status::Operator | Status::Partly | Status::Stated | Status::There => status.as_str().to_owned(),
    }
}

/// The filing as a page.
pub(super) fn html(frame: &Frame) -> String {
    let mut out = begin(&frame.title);
    // Writing to a String does not fail.
    let _ = write!(
        out,
        "<h1>{title}</h1>\n\
         <p class=\"soft\">Made by {}. Policy <code>{}</code>, version <code>{}</code>. Written against {} ({}).</p>\n\
         <p class=\"note\">{}. {}. {}.</p>\n",
        escape(&frame.program),
        escape(&frame.policy),
        escape(&frame.policy_version),
        escape(&frame.written_against),
        escape(&frame.note),
        escape(&summary(frame)),
        escape(&WORDS.replace('`', "")),
        escape(&SOURCES.replace('`', "")),
        title = escape(&frame.title),
    );
    for section in &frame.sections {
        let _ = write!(
            out,
            "<h2>{}</h2>\n<div class=\"wide\"><table><tr><th>item</th><th>asked for</th><th>source</th><th>status</th><th>found</th><th>people bring</th></tr>\n",
            escape(&section.title)
        );
        for row in &section.rows {
            let class = match row.status {
                Status::There => "met",
                Status::Missing => "not_met",
                Status::Partly | Status::Stated => "too_small",
                Status::Operator => "not_measured",
            };
            let found: Vec<String> = row.found.iter().map(|one| escape(one)).collect();
            let _ = writeln!(
                out,
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td><span class=\"chip {class}\">{}</span></td><td>{}</td><td>{}</td></tr>",
                escape(&row.code),
                escape(&row.asks),
                escape(&row.sure),
                row.status.as_str(),
                found.join("<br>"),
                escape(row.person.as_deref().unwrap_or_default()),
            );
        }
        out.push_str("</table></div>\n");
    }
    out.push_str(END);
    out
}
