//! Lists that are written in another form than a term a line: JSON, YAML, CSV. Each of their lines would be looked for as it stands, with its
//! quotes, dashes and commas, and nothing would be found.
//!
//! A list is not taken for another form because some of its terms have commas or begin with a dash: all of its lines have to speak for it.

use std::collections::HashSet;
use std::sync::Arc;

use crate::diag::{Diagnostic, SourceFile};

/// How a list is written, in place of a term a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Yaml,
    /// With so many columns.
    Csv(usize),
}

impl Form {
    /// As people call it, and as `import` does.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Json => ("JSON", "list"),
            Self::Yaml => ("YAML", "list"),
            Self::Csv(_) => ("CSV", "csv"),
        }
    }
}

/// What the first row of a table calls the column of terms.
const HEADS: [&str; 24] = [
    "term",
    "terms",
    "word",
    "words",
    "keyword",
    "keywords",
    "key word",
    "phrase",
    "text",
    "value",
    "name",
    "entry",
    "pattern",
    "category",
    "type",
    "词",
    "词语",
    "词条",
    "关键词",
    "敏感词",
    "类别",
    "分类",
    "語",
    "単語",
];
/// So many lines make a table without a head that is known.
const ROWS: usize = 3;
/// Its columns are so many: names are written `Smith, John`.
const COLUMNS: usize = 3;

/// What is to be said of a list that is in another form.
pub(super) fn other_form(path: &str, file: &Arc<SourceFile>) -> Option<Diagnostic> {
    let lines = || {
        file.each_line()
            .map(|(at, line)| (at, line.trim()))
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
    };
    let form = form(&mut || lines().map(|(_, line)| line))?;
    let (at, line) = lines().next()?;
    let (name, format) = form.names();
    let more = match form {
        Form::Csv(columns) => format!(", with {columns} columns"),
        Form::Json | Form::Yaml => String::new(),
    };
    let wrong = Diagnostic::warning("list-form", format!("the list `{path}` looks like {name}{more}"));
    let at = file.text().get(at..).and_then(|text| text.find(line)).map_or(at, |inner| at + inner);
    Some(
        wrong
            .at(file, at..at + line.len(), "looked for as it stands here")
            .help("expected a term a line; `#` begins a comment")
            .help(format!(
                "`sluicegate import --format {format} --to FOLDER FILE` makes a pack of such a file"
            )),
    )
}

fn form<'t, L: Iterator<Item = &'t str>>(lines: &mut dyn FnMut() -> L) -> Option<Form> {
    let first = lines().next()?;
    if is_json(lines, first) {
        Some(Form::Json)
    } else if is_yaml(lines) {
        Some(Form::Yaml)
    } else {
        columns(lines, first).map(Form::Csv)
    }
}

fn is_json<'t, L: Iterator<Item = &'t str>>(lines: &mut dyn FnMut() -> L, first: &str) -> bool {
    // `[redacted]` is a term, `["redacted"]` is JSON.
    if first.starts_with(['[', '{']) {
        let whole = lines().collect::<Vec<_>>().join("\n");
        let written = serde_json::from_str::<serde_json::Value>(&whole);
        let holds = |value: &serde_json::Value| match value {
            serde_json::Value::Array(items) => items.iter().any(|item| item.is_string() || item.is_object()),
            serde_json::Value::Object(_) => true,
            _ => false,
        };
        if written.is_ok_and(|value| holds(&value)) {
            return true;
        }
        let object =
            |line: &str| line.starts_with('{') && serde_json::from_str::<serde_json::Value>(line).is_ok();
        // A line each, or broken: a bracket alone on its line is no term.
        return lines().all(object) || matches!(first, "[" | "{") && lines().count() > 2;
    }
    // The items of an array, without its brackets.
    let item = |line: &str| {
        let inner = line.strip_suffix(',').unwrap_or(line);
        inner.len() > 2 && inner.starts_with('"') && inner.ends_with('"')
    };
    lines().count() > 1 && lines().all(item) && lines().any(|line| line.ends_with(','))
}

fn is_yaml<'t, L: Iterator<Item = &'t str>>(lines: &mut dyn FnMut() -> L) -> bool {
    let is_item = |line: &str| line.starts_with("- ");
    let is_frame = |line: &str| matches!(line, "---" | "...") || line.ends_with(':');
    lines().all(|line| is_item(line) || is_frame(line)) && lines().filter(|line| is_item(line)).count() > 1
}

/// How many columns a table has.
fn columns<'t, L: Iterator<Item = &'t str>>(lines: &mut dyn FnMut() -> L, first: &str) -> Option<usize> {
    [',', ';', '\t'].into_iter().find_map(|sign| {
        let head: Vec<String> = fields(first, sign);
        let many = head.len();
        if many < 2 || lines().nth(1).is_none() || !lines().all(|line| fields(line, sign).len() == many) {
            return None;
        }
        // `word, sentence` is a phrase.
        let named = head.iter().any(|field| HEADS.contains(&field.trim().to_lowercase().as_str()));
        let known =
            named && lines().all(|line| fields(line, sign).iter().all(|field| !field.starts_with(' ')));
        // `1,000,000` is a number, and `a, b, c` a phrase.
        let tight = |line: &str| {
            let fields = fields(line, sign);
            fields.iter().all(|field| !field.is_empty() && !field.starts_with(' '))
                && fields.iter().any(|field| field.chars().any(char::is_alphabetic))
        };
        let table = lines().nth(ROWS - 1).is_some() && lines().all(tight);
        let plain = many >= COLUMNS && table && repeats(lines(), sign);
        (known || plain).then_some(many)
    })
}

/// Whether a column says a word again, or a field is quoted: `2,4,6-trinitrotoluene` and `Paris,Texas,USA` do neither.
fn repeats<'t>(rows: impl Iterator<Item = &'t str>, sign: char) -> bool {
    let mut seen = HashSet::new();
    for row in rows {
        let is_word = |field: &str| field.chars().filter(|c| c.is_alphabetic()).count() > 1;
        let mut words = fields(row, sign).into_iter().enumerate().filter(|(_, field)| is_word(field));
        if row.contains('"') || words.any(|word| !seen.insert(word)) {
            return true;
        }
    }
    false
}

/// The fields of a row: a sign within quotes parts nothing.
fn fields(line: &str, sign: char) -> Vec<String> {
    let (mut out, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        quoted ^= c == '"';
        match out.last_mut() {
            Some(_) if c == sign && !quoted => out.push(String::new()),
            Some(field) if c != '"' => field.push(c),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(text: &str) -> Option<String> {
        other_form("p/lists/a.txt", &SourceFile::new("a.txt", text)).map(|one| one.to_string())
    }

    #[test]
    fn other_forms_are_told() {
        for (text, what, format) in [
            (
                "[\"alpha\", \"beta\"]",
                "1:1: warning[list-form]: the list `p/lists/a.txt` looks like JSON",
                "list",
            ),
            ("\u{feff}# words\n\n[\n  \"alpha\",\n  \"beta\"\n]\n", "3:1: ", "list"),
            ("{\"words\": [\"alpha\"]}", "1:1: ", "list"),
            ("{\"word\": \"alpha\"}\n{\"word\": \"beta\"}\n", "JSON", "list"),
            ("[\n\"alpha\",\n\"beta\",\n]\n", "JSON", "list"),
            ("\"alpha\",\n\"beta\"\n", "JSON", "list"),
            (
                "- alpha\n- beta\n",
                "1:1: warning[list-form]: the list `p/lists/a.txt` looks like YAML",
                "list",
            ),
            ("---\nwords:\n  - alpha\n  - beta\n", "YAML", "list"),
            ("term,category\nalpha,HATE\nbeta,HATE\n", "looks like CSV, with 2 columns", "csv"),
            ("id;敏感词\n1;alpha\n", "CSV, with 2 columns", "csv"),
            ("a,b,c\nalpha,x,1\n\"be,ta\",y,2\n", "CSV, with 3 columns", "csv"),
            ("# list\nword\tlevel\nalpha\thigh\n", "2:1: ", "csv"),
        ] {
            let said = told(text).unwrap_or_default();
            assert!(said.contains(what), "{text:?}: {said}");
            assert!(
                said.contains("expected a term a line") && said.contains(&format!("--format {format} ")),
                "{said}"
            );
        }
    }

    #[test]
    fn terms_with_commas_dashes_and_brackets_are_terms() {
        for text in [
            "",
            "# nothing\n",
            "- alpha\n",
            "alpha\n- beta\n- gamma\n",
            "[redacted]\n[deleted]\n",
            "[1]\n",
            "{name}\n",
            "\"alpha\"\n\"beta\"\n",
            "Smith, John\nDoe, Jane\nMajor, Tom\n",
            "ready, steady, go\nred, white, blue\nup, down, left\n",
            "1,000,000\n2,000,000\n3,000,000\n",
            "alpha,beta\n",
            "a,b,c\nd,e,f\n",
            "a,b,c\nd,e\ng,h,i\n",
            "note:\n",
            "word\nterm\n",
            "2,4,6-trinitrotoluene\n2,4,6-trinitrophenol\n1,3,5-trinitrobenzene\n",
            "Smith,Jones,Brown LLP\nParis,Texas,USA\nveni,vidi,vici\n",
            "word, sentence\nlight, camera\n",
        ] {
            assert_eq!(told(text), None, "{text:?}");
        }
    }

    proptest! {
        /// Words and phrases, a line each, are never taken for anything else, and the same in another form always is.
        #[test]
        fn the_form_is_told_whatever_the_terms(terms in proptest::collection::vec("[a-z一-三]{1,9}( [a-z]{1,9})?", 3..9)) {
            prop_assert_eq!(told(&terms.join("\n")), None);
            let json = serde_json::to_string(&terms).unwrap_or_default();
            prop_assert!(told(&json).is_some_and(|said| said.contains("JSON")));
            let yaml: String = terms.iter().map(|term| format!("- {term}\n")).collect();
            prop_assert!(told(&yaml).is_some_and(|said| said.contains("YAML")));
            let csv: Vec<String> = terms.iter().map(|term| format!("{term},x")).collect();
            let csv = format!("term,kind\n{}", csv.join("\n"));
            prop_assert!(told(&csv).is_some_and(|said| said.contains("CSV")));
        }
    }
}
