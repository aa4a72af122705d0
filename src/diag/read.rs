//! Reads a TOML file into a type and finds every mistake in one run.
//!
//! Serde stops at the first error. So the file is parsed once into a tree with spans; when a type refuses
//! the tree, the mistake is noted, the entry that caused it is taken out, and the type is asked again.
//! Every round takes an entry out, so the number of rounds is bounded by the file.

use super::{Diagnostic, Places, SourceFile, Span, sort};
use serde::de::DeserializeOwned;
use std::ops::Range;
use std::sync::Arc;
use toml::de::{DeTable, DeValue, Deserializer};

/// What [`read_toml`] found.
#[derive(Debug)]
pub struct Read<T> {
    /// The value; with mistakes in the file it is what is left without the entries that were wrong, good
    /// only for finding more mistakes.
    pub value: Option<T>,
    /// Every mistake, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
    /// `name` and `id` of tables that had to be taken out: they do exist, so nobody should call them unknown.
    pub dropped: Vec<String>,
    /// Where each entry of `value` stands.
    pub places: Places,
}

/// A file with more mistakes than this is not explained to its end.
const MOST: usize = 200;

/// Reads `file` as a `T`. `T` should deny unknown fields and use neither `flatten`, `untagged` nor `tag`:
/// those lose the place of a mistake.
pub fn read_toml<T: DeserializeOwned>(file: &Arc<SourceFile>) -> Read<T> {
    let (mut root, errors) = DeTable::parse_recoverable(file.text());
    if !errors.is_empty() {
        // With broken syntax the tree is a guess; mistakes found in it would be guesses too.
        let mut diagnostics: Vec<Diagnostic> = errors.iter().map(|e| syntax(file, e)).collect();
        sort(&mut diagnostics);
        diagnostics.dedup_by(|a, b| {
            a.message == b.message && a.labels.first().map(|l| l.span) == b.labels.first().map(|l| l.span)
        });
        return Read { value: None, diagnostics, dropped: Vec::new(), places: Places::default() };
    }
    root.get_mut().make_owned();
    let mut diagnostics = Vec::new();
    let mut dropped = Vec::new();
    // Keys taken out so far, with the table they stood in, so that "missing" is not said of what was wrong.
    let mut gone: Vec<(Span, String)> = Vec::new();
    let value = loop {
        let error = match T::deserialize(Deserializer::from(root.clone())) {
            Ok(value) => break Some(value),
            Err(error) => error,
        };
        let Some(span) = error.span() else {
            diagnostics.push(Diagnostic::error("invalid-file", error.message().trim()));
            break None;
        };
        let table = Span::from(span.clone());
        let follows = backticked_after(error.message(), "missing field")
            .is_some_and(|name| gone.iter().any(|(t, n)| *t == table && n == name));
        if !follows {
            diagnostics.push(explain(file, error.message(), span.clone()));
        }
        let Some(cut) = remove(root.get_mut(), None, &span) else {
            break None;
        };
        if let Some((table, key)) = cut.entry {
            // `nam = ".."` is a mistyped `name`: the missing `name` needs no second word.
            if let Some(names) =
                valid_names(error.message()).filter(|_| error.message().starts_with("unknown field"))
                && let Some(meant) = super::nearest(&key, &names)
            {
                gone.push((table, meant.to_owned()));
            }
            gone.push((table, key));
        }
        dropped.extend(cut.names);
        if diagnostics.len() >= MOST {
            break None;
        }
    };
    sort(&mut diagnostics);
    Read { value, diagnostics, dropped, places: Places::new(root.get_ref()) }
}

/// What was taken out of the tree.
struct Cut {
    /// Span of the table and key of the entry; none for an element of an array.
    entry: Option<(Span, String)>,
    /// Names inside what was taken out.
    names: Vec<String>,
}

/// Takes out the entry or array element whose key or value has exactly this span, or else the smallest
/// one that contains it.
fn remove(table: &mut DeTable<'_>, own: Option<Span>, span: &Range<usize>) -> Option<Cut> {
    let contains = |outer: &Range<usize>| outer.start <= span.start && span.end <= outer.end;
    let mut exact = None;
    let mut within = None;
    for (key, value) in table.iter_mut() {
        if key.span() == *span || value.span() == *span {
            exact = Some(key.get_ref().to_string());
            break;
        }
        let value_span = Span::from(value.span());
        let inner = match value.get_mut() {
            DeValue::Table(inner) => remove(inner, Some(value_span), span),
            DeValue::Array(items) => {
                let at = items.iter().position(|item| item.span() == *span);
                if let Some(at) = at {
                    let mut names = Vec::new();
                    if let Some(item) = items.get(at) {
                        collect_names(item.get_ref(), &mut names);
                    }
                    let all = std::mem::replace(items, std::iter::empty().collect()).into_iter().enumerate();
                    *items = all.filter(|(n, _)| *n != at).map(|(_, item)| item).collect();
                    Some(Cut { entry: None, names })
                } else {
                    items.iter_mut().find_map(|item| {
                        let item_span = Span::from(item.span());
                        match item.get_mut() {
                            DeValue::Table(inner) => remove(inner, Some(item_span), span),
                            _ => None,
                        }
                    })
                }
            }
            _ => None,
        };
        if inner.is_some() {
            return inner;
        }
        if contains(&value_span.range()) {
            within = Some(key.get_ref().to_string());
        }
    }
    let key = exact.or(within)?;
    let (_, value) = table.remove_entry(key.as_str())?;
    let mut names = Vec::new();
    collect_names(value.get_ref(), &mut names);
    Some(Cut { entry: Some((own.unwrap_or(Span { start: 0, end: 0 }), key)), names })
}

fn collect_names(value: &DeValue<'_>, names: &mut Vec<String>) {
    match value {
        DeValue::Table(table) => {
            for (key, value) in table {
                if let (true, Some(text)) =
                    (matches!(key.get_ref().as_ref(), "name" | "id"), value.get_ref().as_str())
                {
                    names.push(text.to_owned());
                }
                collect_names(value.get_ref(), names);
            }
        }
        DeValue::Array(items) => items.iter().for_each(|item| collect_names(item.get_ref(), names)),
        _ => {}
    }
}

fn syntax(file: &Arc<SourceFile>, error: &toml::de::Error) -> Diagnostic {
    let message = error.message().trim();
    let (first, rest) = message.split_once('\n').unwrap_or((message, ""));
    let mut diagnostic = Diagnostic::error("syntax", first.trim().trim_end_matches(','));
    if let Some(span) = error.span() {
        diagnostic = diagnostic.at(file, span, "");
    }
    rest.lines().fold(diagnostic, |d, line| d.help(line.trim()))
}

/// Serde's message in the words of somebody who writes a file.
fn explain(file: &Arc<SourceFile>, message: &str, span: Range<usize>) -> Diagnostic {
    let message = message.trim();
    if let Some(found) = backticked_after(message, "unknown field") {
        let names = valid_names(message).unwrap_or_default();
        return Diagnostic::error("unknown-key", format!("unknown key `{found}`"))
            .at(file, span, "not a key of this table")
            .valid("valid keys", found, &names);
    }
    if let Some(found) = backticked_after(message, "unknown variant") {
        let names = valid_names(message).unwrap_or_default();
        return Diagnostic::error("unknown-value", format!("unknown value `{found}`"))
            .at(file, span, "not a value of this key")
            .valid("valid values", found, &names);
    }
    if let Some(name) = backticked_after(message, "missing field") {
        return Diagnostic::error("missing-key", format!("missing key `{name}`")).at(
            file,
            span,
            format!("this table needs `{name}`"),
        );
    }
    if let Some(rest) =
        message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "))
        && let Some((found, expected)) = rest.split_once(", expected ")
    {
        let (found, expected) = (found_words(found), expected_words(expected));
        return Diagnostic::error("wrong-type", format!("expected {expected}, found {found}")).at(
            file,
            span,
            format!("expected {expected}"),
        );
    }
    // A message of one of our own types: the first line is the mistake, each further line is help.
    let (first, rest) = message.split_once('\n').unwrap_or((message, ""));
    rest.lines()
        .fold(Diagnostic::error("wrong-value", first).at(file, span, ""), |d, line| d.help(line.trim()))
}

/// `x` of "... `x` ..." when the message starts with `prefix`.
fn backticked_after<'m>(message: &'m str, prefix: &str) -> Option<&'m str> {
    message.trim().strip_prefix(prefix)?.split('`').nth(1)
}

/// The names of "expected one of `a`, `b`".
fn valid_names(message: &str) -> Option<Vec<String>> {
    let (_, list) = message.split_once(", expected")?;
    Some(list.split('`').skip(1).step_by(2).map(str::to_owned).collect())
}

fn found_words(found: &str) -> &str {
    match found.split([' ', '`']).next().unwrap_or(found) {
        "string" => "a string",
        "integer" => "a whole number",
        "floating" => "a number with a fraction",
        "boolean" => "true or false",
        "sequence" => "an array",
        "map" => "a table",
        "datetime" => "a date",
        _ => found,
    }
}

fn expected_words(expected: &str) -> String {
    match expected {
        "u8" => "a whole number from 0 to 255".into(),
        "u16" => "a whole number from 0 to 65535".into(),
        "u32" => "a whole number from 0 to 4294967295".into(),
        "u64" | "usize" => "a whole number from 0".into(),
        "i64" | "i32" => "a whole number".into(),
        "f32" | "f64" => "a number".into(),
        "a boolean" => "true or false".into(),
        "a sequence" => "an array".into(),
        "a map" => "a table".into(),
        // Names of Rust types mean nothing to the reader of a file.
        other if other.starts_with("struct ") => "a table".into(),
        other if other.starts_with("enum ") => "one of its values".into(),
        other => other.to_owned(),
    }
}
