//! HTML: a `meta` element named `AIGC` in the head, whose content are the seven fields as JSON.

use std::ops::Range;

use super::{ExportError, Fields, fields_json, of_json};
use crate::provenance::Aigc;

/// The tags of a document that begin so, in order; what stands in comments and scripts is none. Of a script that is asked for the range is all
/// of the element.
fn tags<'t>(text: &'t str, names: &[&str]) -> Vec<(Range<usize>, &'t str)> {
    let (mut at, mut found) = (0, Vec::new());
    while let Some(open) = text.get(at..).and_then(|rest| rest.find('<')).map(|open| at + open) {
        let rest = text.get(open..).unwrap_or_default();
        if let Some((end, tag)) = script(rest).filter(|_| names.contains(&"script")) {
            found.push((open..open + end, tag));
            at = open + end;
            continue;
        }
        let skip = |from: &str, to: &str| -> Option<usize> {
            let lower = rest.get(..from.len())?.eq_ignore_ascii_case(from);
            lower.then(|| find_letters(rest, to).map_or(text.len(), |end| open + end + to.len()))
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

/// Where a word stands first, in small letters or large ones. Its first sign is no letter.
fn find_letters(text: &str, word: &str) -> Option<usize> {
    let (text, word) = (text.as_bytes(), word.as_bytes());
    let first = *word.first()?;
    memchr::memchr_iter(first, text)
        .find(|at| text.get(*at..at + word.len()).is_some_and(|found| found.eq_ignore_ascii_case(word)))
}

/// The script element that a text begins with: where it ends, and its first tag.
fn script(rest: &str) -> Option<(usize, &str)> {
    let name = rest.get(.."<script".len())?;
    let delimits = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'/' | b'>');
    (name.eq_ignore_ascii_case("<script") && rest.as_bytes().get(name.len()).is_some_and(delimits))
        .then_some(())?;
    let tag = rest.get(..end_of_tag(rest)?)?;
    let close = tag.len() + find_letters(rest.get(tag.len()..)?, "</script")?;
    Some((close + end_of_tag(rest.get(close..)?)?, tag))
}

/// The script elements that are C2PA manifests: where each stands, and the text in it.
pub(in crate::provenance) fn manifests(text: &str) -> Vec<(Range<usize>, &str)> {
    let scripts = tags(text, &["script"]).into_iter();
    let of_type = scripts.filter(|(_, tag)| {
        attribute(tag, "type").is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/c2pa"))
    });
    let inside = |range: Range<usize>, tag: &str| {
        let whole = text.get(range.clone()).unwrap_or_default();
        let said = whole.get(tag.len()..whole.rfind("</").unwrap_or(whole.len())).unwrap_or_default();
        (range, said)
    };
    of_type.map(|(range, tag)| inside(range, tag)).collect()
}

/// Where link elements say that C2PA manifests are.
pub(in crate::provenance) fn references(text: &str) -> Vec<String> {
    let links = tags(text, &["link"]).into_iter();
    let relates = |tag: &str| {
        let rel = attribute(tag, "rel").unwrap_or_default();
        rel.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case("c2pa-manifest"))
    };
    links.filter(|(_, tag)| relates(tag)).map(|(_, tag)| attribute(tag, "href").unwrap_or_default()).collect()
}

/// Where in the head an element may be put: behind the block, or where one would be.
pub(in crate::provenance) fn in_head(text: &str) -> usize {
    let block = blocks(text).last().map(|(range, _)| range.end);
    behind_line(text, block.unwrap_or_else(|| top_of_head(text)))
}

/// Behind the line break that stands there.
fn behind_line(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) }
}

/// Where a document's head begins: a `meta` before the body opens one by itself.
fn top_of_head(text: &str) -> usize {
    let behind = |name: &str| tags(text, &[name]).first().map(|(range, _)| range.end);
    let doctype = text.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("<!doctype"));
    let place = behind("head").or_else(|| behind("html"));
    place.or_else(|| doctype.then(|| end_of_tag(text)).flatten()).unwrap_or(0)
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
fn bare(text: &str) -> String {
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for (range, _) in blocks(text) {
        out.push_str(text.get(at..range.start).unwrap_or_default());
        at = behind_line(text, range.end);
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// The source without blocks and C2PA manifests.
pub(super) fn content(text: &str) -> String {
    let (mut out, mut at) = (String::with_capacity(text.len()), 0);
    for (range, _) in manifests(text) {
        out.push_str(text.get(at..range.start).unwrap_or_default());
        at = range.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    bare(&out)
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
    let mut out = bare(text);
    let json = fields_json(block).replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    let meta = format!("<meta name=\"AIGC\" content=\"{json}\">\n");
    let place = top_of_head(&out);
    let line = if out.get(place..).is_some_and(|rest| rest.starts_with('\n')) { place + 1 } else { place };
    out.insert_str(line, &meta);
    out
}
