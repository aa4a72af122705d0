//! HTML: a `meta` element named `AIGC` in the head, whose content are the seven fields as JSON.

use std::ops::Range;

use super::{ExportError, Fields, fields_json, of_json};
use crate::provenance::Aigc;

/// The tags of a document that begin so, in order; what stands in comments and scripts is none.
fn tags<'t>(text: &'t str, names: &[&str]) -> Vec<(Range<usize>, &'t str)> {
    let (mut at, mut found) = (0, Vec::new());
    while let Some(open) = text.get(at..).and_then(|rest| rest.find('<')).map(|open| at + open) {
        let rest = text.get(open..).unwrap_or_default();
        let skip = |from: &str, to: &str| -> Option<usize> {
            let lower = rest.get(..from.len())?.eq_ignore_ascii_case(from);
            lower.then(|| {
                let found = memchr::memmem::find(rest.to_ascii_lowercase().as_bytes(), to.as_bytes());
                found.map_or(text.len(), |end| open + end + to.len())
            })
        };
        if let Some(end) =
            skip("<!--", "-->").or_else(|| skip("<script", "</script")).or_else(|| skip("<style", "</style"))
        {
            at = end;
            continue;
        }
        let end = end_of_tag(rest).map_or(text.len(), |end| open + end);
        let tag = text.get(open..end).unwrap_or_default();
        let name: String =
            tag.chars().skip(1).take_while(|c| c.is_ascii_alphanumeric() || *c == '/').collect();
        if names.iter().any(|wanted| name.eq_ignore_ascii_case(wanted)) {
            found.push((open..end, tag));
        }
        at = end.max(open + 1);
    }
    found
}

/// Where a tag ends: at a `>` outside of quotes.
fn end_of_tag(rest: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in rest.char_indices() {
        match (quote, c) {
            (None, '>') => return Some(at + 1),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    None
}

/// The value of a tag's attribute.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let mut rest = tag.get(tag.find(char::is_whitespace)?..)?;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '=' | '>')).unwrap_or(rest.len());
        let (key, after) = rest.split_at_checked(end)?;
        if key.is_empty() {
            return None;
        }
        let after = after.trim_start();
        let Some(value) = after.strip_prefix('=').map(str::trim_start) else {
            rest = after;
            continue;
        };
        let (value, left) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value.get(1..)?.split_once(quote)?,
            _ => value.split_at_checked(
                value.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(value.len()),
            )?,
        };
        if key.eq_ignore_ascii_case(name) {
            return Some(unescaped(value));
        }
        rest = left;
    }
}

fn unescaped(value: &str) -> String {
    let plain = value.replace("&quot;", "\"").replace("&#34;", "\"").replace("&#39;", "'");
    plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn blocks(text: &str) -> Vec<(Range<usize>, String)> {
    let metas = tags(text, &["meta"]).into_iter();
    let named =
        metas.filter(|(_, tag)| attribute(tag, "name").is_some_and(|name| name.eq_ignore_ascii_case("aigc")));
    named.map(|(range, tag)| (range, attribute(tag, "content").unwrap_or_default())).collect()
}

pub(super) fn read(text: &str) -> Result<Option<Fields>, ExportError> {
    match blocks(text).as_slice() {
        [] => Ok(None),
        [(_, content)] => Ok(Some(of_json(content).unwrap_or_default())),
        more => Err(ExportError::Several(more.len())),
    }
}

/// The source without blocks; a line break that stood behind one goes with it.
pub(super) fn content(text: &str) -> String {
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for (range, _) in blocks(text) {
        out.push_str(text.get(at..range.start).unwrap_or_default());
        let behind = text.get(range.end..).unwrap_or_default();
        let line = if behind.starts_with("\r\n") { 2 } else { usize::from(behind.starts_with('\n')) };
        at = range.end + line;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// The source with these words as the last paragraph of its body.
pub(super) fn with_paragraph(text: &str, words: &str) -> String {
    let lines: Vec<String> = words.lines().map(super::visible::escaped).collect();
    let paragraph = format!("<p class=\"ai-label\">{}</p>\n", lines.join("<br>"));
    let close = |name: &str| tags(text, &[name]).last().map(|(range, _)| range.start);
    let place = close("/body").or_else(|| close("/html")).unwrap_or(text.len());
    let (before, after) = text.split_at_checked(place).unwrap_or((text, ""));
    let line = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    format!("{before}{line}{paragraph}{after}")
}

pub(super) fn write(text: &str, block: &Aigc) -> String {
    let mut out = content(text);
    let json = fields_json(block).replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let meta = format!("<meta name=\"AIGC\" content=\"{json}\">\n");
    let behind = |name: &str| tags(&out, &[name]).first().map(|(range, _)| range.end);
    // A `meta` before the body opens a head by itself.
    let place = behind("head").or_else(|| behind("html"));
    let doctype = out.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("<!doctype"));
    let place = place.or_else(|| doctype.then(|| end_of_tag(&out)).flatten()).unwrap_or(0);
    let line = if out.get(place..).is_some_and(|rest| rest.starts_with('\n')) { place + 1 } else { place };
    out.insert_str(line, &meta);
    out
}
