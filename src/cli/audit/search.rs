//! `sluicegate audit search`, `show`, `stats`: exchanges by what they were and what was found in them.

use super::{Place, absent, commitments};
use crate::audit::{Column, Count, EntryReader, Query, Subject, TextPlace, TextsReader, safe};
use crate::cli::moment::{parse, written};
use crate::cli::{Exit, Format};
use anyhow::Context as _;
use serde::Deserialize as _;
use serde_json::Value;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// What exchanges are looked for.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Filter {
    /// From this moment on: `2026-11-27`, `2026-11-27T20:00:00Z`, or so long ago: `2h`, `7d`
    #[arg(long, value_name = "WHEN", value_parser = parse)]
    since: Option<u64>,

    /// Before this moment
    #[arg(long, value_name = "WHEN", value_parser = parse)]
    until: Option<u64>,

    /// Of this tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,

    /// Under the key of this id
    #[arg(long, value_name = "ID")]
    client_key: Option<String>,

    /// Of this user, as clients name him; needs the pepper of the state folder
    #[arg(long, value_name = "ID")]
    user: Option<String>,

    /// From this address; needs the pepper of the state folder
    #[arg(long, value_name = "ADDRESS")]
    address: Option<std::net::IpAddr>,

    /// Over this route
    #[arg(long, value_name = "NAME")]
    route: Option<String>,

    /// With this model
    #[arg(long, value_name = "NAME")]
    model: Option<String>,

    /// At this upstream
    #[arg(long, value_name = "NAME")]
    upstream: Option<String>,

    /// With this verdict: allow, flag, rewrite, block
    #[arg(long, value_name = "VERDICT", value_parser = ["allow", "flag", "rewrite", "block"])]
    verdict: Option<String>,

    /// That ended so: complete, cut, client_left, refused, upstream_failed, ...
    #[arg(long, value_name = "HOW")]
    ended: Option<String>,

    /// Under the policy of this version
    #[arg(long, value_name = "HASH")]
    policy_version: Option<String>,

    /// In which this rule found something
    #[arg(long, value_name = "RULE")]
    rule: Option<String>,

    /// In which something of this category was found
    #[arg(long, value_name = "CATEGORY")]
    category: Option<String>,

    /// Of which a whole body, as received or as sent, is the one in this file; needs the pepper of the state folder
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,
}

impl Filter {
    /// Whether it says nothing, so that all exchanges would be meant.
    pub(in crate::cli) fn is_empty(&self) -> bool {
        let words = [
            &self.tenant,
            &self.client_key,
            &self.user,
            &self.route,
            &self.model,
            &self.upstream,
            &self.verdict,
            &self.ended,
            &self.policy_version,
            &self.rule,
            &self.category,
        ];
        let moments = [self.since, self.until];
        words.iter().all(|word| word.is_none())
            && moments.iter().all(Option::is_none)
            && self.address.is_none()
            && self.text.is_none()
    }

    pub(in crate::cli) fn query(&self, place: &Place, limit: usize) -> anyhow::Result<Query> {
        let said = |column: Column, value: &Option<String>| value.clone().map(|value| (column, value));
        let mut equals: Vec<(Column, String)> = [
            said(Column::Tenant, &self.tenant),
            said(Column::Key, &self.client_key),
            said(Column::Route, &self.route),
            said(Column::Model, &self.model),
            said(Column::Upstream, &self.upstream),
            said(Column::Verdict, &self.verdict),
            said(Column::Ended, &self.ended),
            said(Column::PolicyVersion, &self.policy_version),
        ]
        .into_iter()
        .flatten()
        .collect();
        if let Some(user) = &self.user {
            equals.push((Column::User, commitments(place)?.name("user", user)));
        }
        if let Some(address) = &self.address {
            let address = address.to_canonical().to_string();
            equals.push((Column::Address, commitments(place)?.name("address", &address)));
        }
        let hash = match &self.text {
            Some(path) => {
                let text =
                    std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
                Some(commitments(place)?.hash(&text))
            }
            None => None,
        };
        let (rule, category) = (self.rule.clone(), self.category.clone());
        Ok(Query { since: self.since, until: self.until, equals, rule, category, hash, limit })
    }
}

/// Find exchanges
///
/// The index beside the journal is brought up to date first; it can be removed at any time.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when something was found, 1 when nothing was, 3 when it cannot be told.

Examples:
  sluicegate audit search --verdict block --since 1d
  sluicegate audit search --rule privacy/email --tenant red --limit 100
  sluicegate audit search --user alice@example.com --format json")]
pub(super) struct Search {
    #[command(flatten)]
    filter: Filter,

    /// The most exchanges, the newest first; 0 for all
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,

    #[command(flatten)]
    place: Place,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) fn search(args: &Search) -> anyhow::Result<Exit> {
    let query = args.filter.query(&args.place, args.limit)?;
    let (_, index) = args.place.index()?;
    let hits = index.search(&query)?;
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&hits)?)?,
        Format::Human => {
            for hit in &hits {
                let ended = if hit.ended.is_empty() { "running" } else { &hit.ended };
                let found = if hit.found == 0 { String::new() } else { format!(", {} found", hit.found) };
                writeln!(
                    out,
                    "{}  {}  {:7}  {} {}  {} {} {}{found}",
                    written(hit.time_ms),
                    hit.exchange,
                    hit.verdict,
                    hit.status,
                    ended,
                    hit.tenant,
                    hit.route,
                    hit.model
                )?;
            }
            let all = index.count(&query)?;
            let shown = hits.len() as u64;
            if all > shown {
                writeln!(out, "{shown} of {all}; --limit shows more")?;
            }
        }
    }
    Ok(if hits.is_empty() { Exit::No } else { Exit::Fine })
}

/// Show all that is on record of an exchange
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0, 1 when there is no such exchange, 3 when it cannot be told.

Examples:
  sluicegate audit show 4bzk0hmm1qf0n6cz6rwr9w3yxd
  sluicegate audit show 4bzk0hmm1qf0n6cz6rwr9w3yxd --format json")]
pub(super) struct Show {
    /// The exchange, by the name in `x-sluicegate-exchange`
    #[arg(value_name = "EXCHANGE")]
    exchange: String,

    /// The bodies too, where they are kept and not erased
    #[arg(long)]
    texts: bool,

    #[command(flatten)]
    place: Place,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) fn show(args: &Show) -> anyhow::Result<Exit> {
    let (dir, index) = args.place.index()?;
    let Some(hit) = index.exchange(&args.exchange)? else {
        writeln!(io::stderr(), "{}", absent(&dir, &args.exchange))?;
        return Ok(Exit::No);
    };
    let mut entries = EntryReader::new(&dir)?;
    let mut entry = |number| entries.entry(number).with_context(|| format!("record {number} cannot be read"));
    let mut records = Vec::new();
    for number in std::iter::once(hit.admission).chain(hit.end) {
        let entry = entry(number)?;
        let mut record: Value = serde_json::from_slice(&entry.payload)?;
        anyhow::ensure!(
            record["exchange"].as_str() == Some(&*args.exchange),
            "the index does not fit the journal; remove index.sqlite, it is made anew"
        );
        if let Some(record) = record.as_object_mut() {
            record.insert("sequence".into(), number.into());
        }
        records.push(record);
    }
    let texts = if args.texts { Some(bodies(&args.place, &dir, &args.exchange, &records)?) } else { None };
    let mut events = Vec::new();
    for number in index.events(&args.exchange)? {
        let entry = entry(number)?;
        let mut event: Value = serde_json::from_slice(&entry.payload)?;
        event["sequence"] = number.into();
        events.push(event);
    }
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => {
            if let (Some(texts), Some(last)) = (&texts, records.last_mut()) {
                for (name, body) in texts {
                    last[name] = String::from_utf8_lossy(body).into();
                }
            }
            records.append(&mut events);
            writeln!(out, "{}", serde_json::to_string_pretty(&records)?)?;
        }
        Format::Human => {
            for record in &records {
                let when = record["time_ms"].as_u64().map_or_else(String::new, written);
                writeln!(
                    out,
                    "record {}: {}, {when}",
                    record["sequence"],
                    record["record"].as_str().unwrap_or_default()
                )?;
                for (name, value) in record.as_object().into_iter().flatten() {
                    let known =
                        ["record", "sequence", "time_ms", "findings", "exchange"].contains(&name.as_str());
                    let empty = value.as_str() == Some("")
                        || value.as_object().is_some_and(serde_json::Map::is_empty);
                    if !known && !empty {
                        writeln!(
                            out,
                            "  {name:16} {}",
                            value.as_str().map_or_else(|| value.to_string(), str::to_owned)
                        )?;
                    }
                }
                for found in record["findings"].as_array().into_iter().flatten() {
                    writeln!(out, "  found {}", finding(found))?;
                }
            }
            for event in &events {
                let when = event["time_ms"].as_u64().map_or_else(String::new, written);
                let what = event["event"].as_str().unwrap_or_default();
                writeln!(out, "record {}: event {what}, {when}", event["sequence"])?;
                for (name, value) in event["detail"].as_object().into_iter().flatten() {
                    writeln!(
                        out,
                        "  {name:16} {}",
                        value.as_str().map_or_else(|| value.to_string(), super::plain)
                    )?;
                }
            }
            for (name, body) in texts.iter().flatten() {
                writeln!(
                    out,
                    "\n--- {name}, {} bytes\n{}",
                    body.len(),
                    super::plain(&String::from_utf8_lossy(body))
                )?;
            }
            if hit.end.is_none() {
                writeln!(out, "no end record: the exchange runs, or the gateway was killed while it did")?;
            }
        }
    }
    Ok(Exit::Fine)
}

/// The bodies of an exchange, by name.
pub(in crate::cli) fn bodies(
    place: &Place,
    dir: &Path,
    exchange: &str,
    records: &[Value],
) -> anyhow::Result<Vec<(&'static str, Vec<u8>)>> {
    let (Some(admission), Some(end)) = (records.first(), records.get(1)) else {
        anyhow::bail!("the exchange has no end record, which says where its bodies stand");
    };
    anyhow::ensure!(end["texts"].is_object(), "no bodies were kept of this exchange (`journal.texts.keep`)");
    let at: TextPlace = TextPlace::deserialize(&end["texts"])?;
    let word = |name: &str| admission[name].as_str().unwrap_or_default();
    let subject = Subject::new(word("tenant"), word("user"));
    let master = place.settings()?.texts.master(false)?;
    let parts = TextsReader::new(dir, master).read(exchange, &subject, &at)?;
    Ok(vec![
        ("request_received", parts.request_received),
        ("request_sent", parts.request_sent),
        ("answer_received", parts.answer_received),
        ("answer_sent", parts.answer_sent),
    ])
}

/// Count exchanges by what they were and what was found in them
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  sluicegate audit stats --since 30d
  sluicegate audit stats --tenant red --format json")]
pub(super) struct Stats {
    #[command(flatten)]
    filter: Filter,

    #[command(flatten)]
    place: Place,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) fn stats(args: &Stats) -> anyhow::Result<Exit> {
    /// As many of each are shown to people.
    const SHOWN: usize = 12;
    let query = args.filter.query(&args.place, 0)?;
    let (_, index) = args.place.index()?;
    let all = index.count(&query)?;
    let columns = [
        ("verdict", Column::Verdict),
        ("ended", Column::Ended),
        ("tenant", Column::Tenant),
        ("route", Column::Route),
        ("model", Column::Model),
        ("upstream", Column::Upstream),
        ("dialect", Column::Dialect),
        ("policy_version", Column::PolicyVersion),
        ("error", Column::Error),
    ];
    let tokens = |counts: &[Count]| {
        counts.iter().fold((0, 0), |(read, wrote), c| (read + c.input_tokens, wrote + c.output_tokens))
    };
    let mut tables: Vec<(&str, Vec<Count>)> = Vec::new();
    for (name, column) in columns {
        tables.push((name, index.by_column(&query, column)?));
    }
    let (read, wrote) = tables.first().map_or((0, 0), |(_, counts)| tokens(counts));
    tables.push(("rule", index.by_rule(&query)?));
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => {
            let mut answer =
                serde_json::json!({"exchanges": all, "input_tokens": read, "output_tokens": wrote});
            for (name, counts) in &tables {
                answer[name] = serde_json::to_value(counts)?;
            }
            writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?;
        }
        Format::Human => {
            writeln!(out, "{all} exchanges, {read} tokens read and {wrote} written by models")?;
            for (name, counts) in &tables {
                writeln!(
                    out,
                    "\n  {:>10}  {:>7}  {:>12} {:>12}  {name}",
                    "exchanges", "share", "tokens in", "tokens out"
                )?;
                for Count { name, count, input_tokens, output_tokens } in counts.iter().take(SHOWN) {
                    let name = if name.is_empty() { "(none)" } else { name };
                    let share = if all == 0 { 0.0 } else { *count as f64 * 100.0 / all as f64 };
                    writeln!(
                        out,
                        "  {count:>10}  {share:5.1} %  {input_tokens:>12} {output_tokens:>12}  {name}"
                    )?;
                }
                if counts.len() > SHOWN {
                    writeln!(out, "  and {} more", counts.len() - SHOWN)?;
                }
            }
        }
    }
    Ok(Exit::Fine)
}

/// A finding in one line. What a rule in shadow would have done was not done, and is not said to have been.
pub(in crate::cli) fn finding(found: &serde_json::Value) -> String {
    let word = |name: &str| found[name].as_str().unwrap_or_default();
    let state = match word("state") {
        "" => String::new(),
        "shadow" => " (in shadow: not done)".to_owned(),
        other => format!(" ({other})"),
    };
    let told = |name: &str, words: &str| match word(name) {
        "" => String::new(),
        said => format!(", {words} {}", safe(said)),
    };
    let more = told("hidden", "hidden as") + &told("document", "of") + &told("source", "see");
    format!(
        "{} ({}) in the {} {}, channel {}, bytes {} to {}{more}, score {}: {}{state}",
        word("rule"),
        word("category"),
        word("direction"),
        word("role"),
        found["channel"],
        found["start"],
        found["end"],
        found["score"],
        word("action"),
    )
}

#[cfg(test)]
mod tests {
    use super::finding;

    #[test]
    fn what_a_shadow_would_have_done_is_told_as_such() {
        let found = serde_json::json!({
            "rule": "a/b", "category": "C", "direction": "prompt", "role": "message", "action": "block", "channel": 1,
            "start": 2, "end": 3, "score": 1.0
        });
        assert_eq!(
            finding(&found),
            "a/b (C) in the prompt message, channel 1, bytes 2 to 3, score 1.0: block"
        );
        for (state, want) in [("shadow", "block (in shadow: not done)"), ("canary", "block (canary)")] {
            let mut found = found.clone();
            found["state"] = state.into();
            found["hidden"] = "base64".into();
            found["document"] = "plan.docx".into();
            let said = finding(&found);
            let more = "bytes 2 to 3, hidden as base64, of plan.docx, score";
            assert!(said.ends_with(want) && said.contains(more), "{said}");
        }
    }
}
