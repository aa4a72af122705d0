//! Lists of words: a term a line, or a table of terms as CSV.

use super::rule::{Imported, Rule, Term, slug};
use super::tree::{Node, line};
use crate::diag::{Diagnostic, SourceFile, nearest};
use crate::policy::Action;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Names that a column of terms has.
const TERM: [&str; 8] = ["term", "keyword", "word", "phrase", "text", "关键词", "词", "敏感词"];
const CATEGORY: [&str; 4] = ["category", "type", "类别", "分类"];
const ACTION: [&str; 2] = ["action", "动作"];
const LANGUAGE: [&str; 3] = ["language", "lang", "语言"];

/// Reads a term a line; `#` begins a comment. It is also the form of LiteLLM's `banned_keywords_list` files.
pub(super) fn text(file: &SourceFile) -> Imported {
    let mut terms = Vec::new();
    for (n, written) in file.text().lines().enumerate() {
        let term = written.trim().trim_start_matches('\u{feff}');
        if !term.is_empty() && !term.starts_with('#') {
            terms.push(Term { text: term.to_owned(), line: n + 1 });
        }
    }
    let rule = Rule { line: 1, id: "terms".into(), title: "imported terms".into(), terms, ..Rule::default() };
    Imported { title: "terms of a list".into(), found: 1, rules: vec![rule], ..Imported::default() }
}

/// Reads terms from a list of JSON or YAML.
pub(super) fn list(root: &Node) -> Imported {
    let mut out = Imported { title: "terms of a list".into(), found: 1, ..Imported::default() };
    let mut rule = Rule { line: 1, id: "terms".into(), title: "imported terms".into(), ..Rule::default() };
    for item in root.items() {
        match item.text() {
            Some(text) => rule.terms.push(Term { text: text.trim().to_owned(), line: item.line }),
            None => {
                out.leave_out(item.line, "terms", "term", format!("expected a term, found {}", item.kind()));
            }
        }
    }
    out.rules.push(rule);
    out
}

/// What separates the columns.
fn delimiter(text: &str) -> u8 {
    let first = text.lines().next().unwrap_or_default();
    let count = |sign: u8| first.bytes().filter(|byte| *byte == sign).count();
    [b',', b';', b'\t']
        .into_iter()
        .max_by_key(|sign| count(*sign))
        .filter(|sign| count(*sign) > 0)
        .unwrap_or(b',')
}

/// Whether the first line names a column of terms and others beside it.
pub(super) fn is_csv(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    let sign = char::from(delimiter(text));
    first.contains(sign) && first.split(sign).any(|name| is_one(name, &TERM))
}

fn is_one(name: &str, names: &[&str]) -> bool {
    let name = name.trim().trim_matches('"').trim_start_matches('\u{feff}');
    names.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Reads a table. Rows with the same category, action and language become one rule.
pub(super) fn csv(file: &Arc<SourceFile>, column: Option<&str>) -> Result<Imported, Vec<Diagnostic>> {
    let mut out = Imported { title: "terms of a table".into(), ..Imported::default() };
    let text = file.text().trim_start_matches('\u{feff}');
    let mut rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter(file.text()))
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut records = Vec::new();
    for record in rows.records() {
        let record = record.map_err(|error| {
            let at = error.position().map_or(1, csv::Position::line) as usize;
            let wrong = Diagnostic::error("syntax", format!("this is no CSV: {error}"));
            vec![wrong.at(file, line(file, at), "")]
        })?;
        records.push(record);
    }
    // The reader takes what follows a quotation mark to the file's end for one cell.
    let last = records.last().and_then(csv::StringRecord::position);
    let rest =
        last.and_then(|at| text.get(usize::try_from(at.byte()).unwrap_or_default()..)).unwrap_or_default();
    if rest.matches('"').count() % 2 == 1 {
        let at = last.map_or(1, csv::Position::line) as usize;
        let wrong = Diagnostic::error("syntax", "this is no CSV: a quotation mark has no end");
        return Err(vec![wrong.at(file, line(file, at), "")]);
    }
    let Some(first) = records.first() else { return Ok(out) };
    let headed = first.iter().any(|name| is_one(name, &TERM))
        || column.is_some_and(|column| first.iter().any(|name| name.eq_ignore_ascii_case(column)));
    let columns = Columns::of(file, first, column, headed)?;
    let mut rules: BTreeMap<(String, String, String), Rule> = BTreeMap::new();
    for record in records.iter().skip(usize::from(headed)) {
        let at = record.position().map_or(0, csv::Position::line) as usize;
        let cell = |n: Option<usize>| n.and_then(|n| record.get(n)).unwrap_or_default();
        let term = cell(Some(columns.term));
        if term.is_empty() {
            if record.iter().any(|cell| !cell.is_empty()) {
                out.leave_out(at, "", "term", "the row has no term");
            }
            continue;
        }
        let (category, written, language) =
            (cell(columns.category), cell(columns.action).to_lowercase(), cell(columns.language));
        let action = match action(&written) {
            Ok(action) => action,
            Err(why) => {
                out.leave_out(at, "", "term", why);
                continue;
            }
        };
        let key = (category.to_owned(), written, language.to_lowercase());
        let rule = rules.entry(key).or_insert_with_key(|(category, action_name, language)| {
            let parts = [category, action_name, language].map(String::as_str);
            let name: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            let id = if name.is_empty() { "terms".to_owned() } else { slug(&name.join(" ")) };
            Rule {
                line: at,
                title: format!(
                    "imported terms: {}",
                    if name.is_empty() { "all".into() } else { name.join(", ") }
                ),
                id,
                category: Some(category.clone()).filter(|c| !c.is_empty()),
                action,
                language: Some(language.clone()).filter(|l| !l.is_empty()),
                ..Rule::default()
            }
        });
        rule.terms.push(Term { text: term.to_owned(), line: at });
    }
    out.found = rules.len();
    out.rules = rules.into_values().collect();
    Ok(out)
}

/// An action of ours by its name.
pub(super) fn action(name: &str) -> Result<Option<&'static str>, String> {
    if name.is_empty() {
        return Ok(None);
    }
    // A replacement's text stands in no column.
    let names: Vec<&str> = Action::ALL.iter().map(|a| a.as_str()).filter(|name| *name != "replace").collect();
    if let Some(known) = names.iter().find(|known| **known == name) {
        return Ok(Action::from_name(known).map(Action::as_str));
    }
    let hint = nearest(name, &names).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    Err(format!("unknown action `{name}`; valid: {}{hint}", names.join(", ")))
}

struct Columns {
    term: usize,
    category: Option<usize>,
    action: Option<usize>,
    language: Option<usize>,
}

impl Columns {
    fn of(
        file: &Arc<SourceFile>,
        first: &csv::StringRecord,
        column: Option<&str>,
        headed: bool,
    ) -> Result<Self, Vec<Diagnostic>> {
        let position = |names: &[&str]| first.iter().position(|name| headed && is_one(name, names));
        let wrong =
            |message: String| Diagnostic::error("unknown-column", message).at(file, line(file, 1), "");
        let term = match column {
            None if first.len() == 1 => Some(0),
            None => position(&TERM),
            Some(name) => {
                let named = first.iter().position(|known| known.eq_ignore_ascii_case(name));
                let number = name.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
                named.or(number.filter(|n| *n < first.len()))
            }
        };
        let Some(term) = term else {
            let names: Vec<&str> = first.iter().collect();
            return Err(vec![match column {
                Some(column) => wrong(format!("there is no column `{column}`"))
                    .valid("columns", column, &names)
                    .help(format!("or a number from 1 to {}", first.len())),
                None => wrong("none of the columns is called `term`, `keyword` or `word`".to_owned())
                    .help(format!("columns: {}", names.join(", ")))
                    .help("say which one has the terms: `--column NAME`, or its number"),
            }]);
        };
        let other = |names: &[&str]| position(names).filter(|n| *n != term);
        Ok(Self { term, category: other(&CATEGORY), action: other(&ACTION), language: other(&LANGUAGE) })
    }
}
