//! The page of a bundle for people. It says what the records say; what counts are these.

use super::create::{Gathered, Rules};
use super::head::{Head, exchange_file};
use crate::cli::audit::finding;
use crate::cli::moment::written;
use crate::cli::page::{END, begin, escape};
use serde_json::Value;
use std::fmt::Write as _;

/// Findings of one exchange that are shown.
const SHOWN: usize = 50;

pub(super) fn page(head: &Head, gathered: &[Gathered], rules: &Rules) -> String {
    let mut out = begin(&head.title);
    // Writing to a String does not fail.
    let _ = write(&mut out, head, gathered, rules);
    out.push_str(END);
    out
}

fn write(out: &mut String, head: &Head, gathered: &[Gathered], rules: &Rules) -> std::fmt::Result {
    writeln!(out, "<h1>{}</h1>", escape(&head.title))?;
    writeln!(
        out,
        "<p class=\"soft\">Incident <code>{}</code>, gathered {} by {}</p>",
        escape(&head.id),
        escape(&head.created),
        escape(&head.by)
    )?;
    writeln!(
        out,
        "<p class=\"note\">This page repeats what the records say. What counts are the records in <code>exchanges/</code>, whose proofs lead to the signed checkpoint in \
         <code>evidence/</code>. Every file here is named with its SHA-256 in <code>manifest</code>, which the journal's key has signed; \
         <code>sluicegate incident verify FILE --key KEY</code> finds any changed byte. Compare the key with one that you have from elsewhere.</p>"
    )?;
    let mut rows = vec![
        ("Journal", head.origin.clone()),
        ("Key", head.key.clone()),
        ("SHA-256 of the key", head.key_sha256.clone()),
        ("Records under the checkpoint", head.checkpoint.to_string()),
        ("Made with", head.program.clone()),
    ];
    if let Some(reference) = &head.reference {
        rows.push(("Reference", reference.clone()));
    }
    if head.texts {
        let absent = head.without_texts.len();
        rows.push((
            "Texts",
            format!("of {} exchanges, in texts/, as the operator says them", head.exchanges.len() - absent),
        ));
    }
    table(out, &rows)?;
    if let Some(law) = &head.law {
        writeln!(
            out,
            "<h2>Reported under</h2><p>{}, {} ({})</p>",
            escape(&law.title),
            escape(&law.article),
            escape(&law.jurisdiction)
        )?;
        writeln!(
            out,
            "<p>To {}. Known since {}; terms count from there.</p>",
            escape(&law.authority),
            escape(&law.aware)
        )?;
        writeln!(
            out,
            "<div class=\"wide\"><table><tr><th>of</th><th class=\"n\">hours</th><th>until</th></tr>"
        )?;
        for term in &law.terms {
            writeln!(
                out,
                "<tr><td>{}</td><td class=\"n\">{}</td><td>{}</td></tr>",
                escape(&term.of),
                term.hours,
                escape(&term.until)
            )?;
        }
        writeln!(
            out,
            "</table></div><p class=\"soft small\">Source of the terms: {}. The text in force counts.</p>",
            escape(&law.sure)
        )?;
    }
    writeln!(out, "<h2>Exchanges: {}</h2><div class=\"wide\"><table>", gathered.len())?;
    writeln!(
        out,
        "<tr><th>when</th><th>exchange</th><th>tenant</th><th>route</th><th>model</th><th>verdict</th><th>ended</th><th class=\"n\">found</th></tr>"
    )?;
    for one in gathered {
        let (first, last) = (one.records.first(), one.records.last());
        let word = |record: Option<&Value>, name: &str| {
            escape(record.and_then(|record| record[name].as_str()).unwrap_or_default())
        };
        let when = first.and_then(|record| record["time_ms"].as_u64()).map_or_else(String::new, written);
        let found: u64 = one.records.iter().filter_map(|record| record["found"].as_u64()).sum();
        let ended = if one.records.len() < 2 { "not yet".to_owned() } else { word(last, "ended") };
        writeln!(
            out,
            "<tr><td>{when}</td><td><a href=\"#{id}\"><code>{id}</code></a></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{ended}</td><td class=\"n\">{found}</td></tr>",
            word(first, "tenant"),
            word(first, "route"),
            word(first, "model"),
            word(last, "verdict"),
            id = escape(&one.exchange),
        )?;
    }
    writeln!(out, "</table></div>")?;
    if !rules.is_empty() {
        writeln!(
            out,
            "<h2>Rules that found something</h2><div class=\"wide\"><table><tr><th>rule</th><th>what it finds</th><th>category</th><th>rests on</th></tr>"
        )?;
        for rule in rules.values() {
            let basis: Vec<String> =
                rule.basis.iter().map(|basis| format!("{}, {}", basis.law, basis.article)).collect();
            writeln!(
                out,
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>",
                escape(&rule.rule),
                escape(&rule.title),
                escape(&rule.category),
                escape(&basis.join("; "))
            )?;
        }
        writeln!(out, "</table></div>")?;
    }
    writeln!(out, "<h2>Policies</h2>")?;
    for policy in &head.policies {
        let what = if policy.contents {
            "its rules stand in policies/"
        } else {
            "not loaded any more when this was gathered"
        };
        writeln!(out, "<p><code>{}</code>: {what}</p>", escape(&policy.version))?;
    }
    for one in gathered {
        let id = escape(&one.exchange);
        writeln!(
            out,
            "<h2 id=\"{id}\"><code>{id}</code></h2><p class=\"soft small\">{}</p>",
            escape(&exchange_file(&one.exchange))
        )?;
        for record in one.records.iter().chain(&one.events) {
            let event = record["event"].as_str();
            let told = if event.is_some() { &record["detail"] } else { record };
            let rows: Vec<(&str, String)> = told
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(name, value)| {
                    let empty = value.as_str() == Some("")
                        || value.as_object().is_some_and(serde_json::Map::is_empty);
                    !empty && !["findings", "exchange"].contains(&name.as_str())
                })
                .map(|(name, value)| {
                    (name.as_str(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
                })
                .collect();
            let kind = escape(event.or(record["record"].as_str()).unwrap_or_default());
            writeln!(out, "<details><summary>{kind}</summary>")?;
            table(out, &rows)?;
            writeln!(out, "</details>")?;
            let all = record["findings"].as_array().map_or(&[][..], Vec::as_slice);
            for found in all.iter().take(SHOWN) {
                writeln!(out, "<p>{}</p>", escape(&finding(found)))?;
            }
            if all.len() > SHOWN {
                writeln!(out, "<p>and {} more</p>", all.len() - SHOWN)?;
            }
        }
    }
    Ok(())
}

fn table(out: &mut String, rows: &[(&str, String)]) -> std::fmt::Result {
    writeln!(out, "<div class=\"wide\"><table>")?;
    for (name, value) in rows {
        writeln!(out, "<tr><th>{}</th><td><code>{}</code></td></tr>", escape(name), escape(value))?;
    }
    writeln!(out, "</table></div>")
}
