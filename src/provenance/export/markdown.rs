//! Markdown: a mapping `AIGC` in the YAML front matter (TC260-PG-20258A), merged into what stands there.

use super::{ExportError, Fields, of_json};
use crate::provenance::Aigc;

/// The front matter's lines and what follows it; no lines, where there is none.
fn split(text: &str) -> (&str, &str, Vec<&str>, &str) {
    let (mark, body) = match text.strip_prefix('\u{feff}') {
        Some(rest) => ("\u{feff}", rest),
        None => ("", text),
    };
    let is_fence = |line: &str, marks: &[&str]| marks.contains(&line.trim_end());
    let mut lines = body.split_inclusive('\n');
    let first = lines.next().unwrap_or_default();
    if !is_fence(first, &["---"]) || !first.ends_with('\n') {
        return (mark, "", Vec::new(), body);
    }
    let mut taken = first.len();
    let mut inner = Vec::new();
    for line in lines {
        taken += line.len();
        if is_fence(line, &["---", "..."]) {
            let (head, rest) = body.split_at_checked(taken).unwrap_or((body, ""));
            return (mark, head, inner, rest);
        }
        inner.push(line);
    }
    (mark, "", Vec::new(), body)
}

/// Whether a line begins the mapping.
fn begins(line: &str) -> bool {
    ["AIGC:", "\"AIGC\":", "'AIGC':"].iter().any(|key| {
        line.strip_prefix(key).is_some_and(|rest| rest.trim_end().is_empty() || rest.starts_with([' ', '\t']))
    })
}

/// The lines without the mapping, and those of each mapping that was there.
fn without<'t>(lines: &[&'t str]) -> (Vec<&'t str>, Vec<Vec<&'t str>>) {
    let (mut rest, mut found) = (Vec::new(), Vec::<Vec<&str>>::new());
    let (mut inside, mut open) = (false, 0usize);
    for &line in lines {
        let belongs = open > 0 || line.starts_with([' ', '\t']) || line.trim_start().starts_with('}');
        if begins(line) {
            inside = true;
            found.push(Vec::new());
        } else if inside && !belongs {
            inside = false;
        }
        if !inside {
            rest.push(line);
            continue;
        }
        open = (open + line.matches('{').count()).saturating_sub(line.matches('}').count());
        if let Some(last) = found.last_mut() {
            last.push(line);
        }
    }
    (rest, found)
}

fn parse(lines: &[&str]) -> Fields {
    let whole = lines.concat();
    let after = whole.split_once(':').map_or("", |(_, after)| after).trim();
    if let Some(fields) = of_json(after) {
        return fields;
    }
    let inner = after.strip_prefix('{').and_then(|inner| inner.strip_suffix('}'));
    let parts: Vec<&str> = inner.map_or_else(|| after.lines().collect(), |inner| inner.split(',').collect());
    let bare = |text: &str| text.trim().trim_matches(['"', '\'']).to_owned();
    parts
        .iter()
        .filter_map(|part| part.split_once(':'))
        .map(|(key, value)| (bare(key), bare(value)))
        .collect()
}

pub(super) fn read(text: &str) -> Result<Option<Fields>, ExportError> {
    let (_, _, lines, _) = split(text);
    let (_, found) = without(&lines);
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(parse(one))),
        more => Err(ExportError::Several(more.len())),
    }
}

pub(super) fn write(text: &str, block: &Aigc) -> String {
    let (mark, head, lines, rest) = split(text);
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let (lines, _) = without(&lines);
    // The allowed characters are those that need no escape between double quotes.
    let mapping: String =
        block.fields().iter().map(|(name, value)| format!("  {name}: \"{value}\"{end}")).collect();
    let closing = head.lines().last().filter(|_| !head.is_empty()).unwrap_or("---");
    let own = lines.concat();
    let own = if own.is_empty() || own.ends_with('\n') { own } else { own + end };
    let gap = if head.is_empty() && !rest.is_empty() { end } else { "" };
    let after = if head.ends_with('\n') || head.is_empty() { end } else { "" };
    format!("{mark}---{end}{own}AIGC:{end}{mapping}{closing}{after}{gap}{rest}")
}

/// What follows the front matter.
pub(super) fn content(text: &str) -> &str {
    split(text).3
}
