//! TOML and YAML as one tree of values that know their lines.

use crate::diag::{Diagnostic, SourceFile, Span};
use saphyr_parser::{Event, Parser, ScalarStyle};
use std::collections::HashMap;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// A tree with more values than this is no list of rules: YAML's aliases can make few bytes into many.
const MOST: usize = 2_000_000;
const DEEPEST: usize = 64;

/// A value and the line on which it stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// A string, or a YAML scalar that looks like nothing else.
    Text(String),
    /// A number, a truth value or nothing, as it is written.
    Word(String),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
}

impl Default for Value {
    fn default() -> Self {
        Self::Word(String::new())
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Node {
    /// What stands under a key.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// What stands under keys within keys.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    pub(super) fn entries(&self) -> &[(String, Node)] {
        match &self.value {
            Value::Table(entries) => entries,
            Value::Text(_) | Value::Word(_) | Value::List(_) => &[],
        }
    }

    pub(super) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            Value::Text(_) | Value::Word(_) | Value::Table(_) => &[],
        }
    }

    /// A string. In YAML people write `007` and `yes` without quotes and mean words.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Word(word) if !word.is_empty() => Some(word),
            Value::Word(_) | Value::List(_) | Value::Table(_) => None,
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match &self.value {
            Value::Word(word) => word.parse().ok(),
            Value::Text(_) | Value::List(_) | Value::Table(_) => None,
        }
    }

    /// A whole number.
    pub(super) fn count(&self) -> Option<usize> {
        match &self.value {
            Value::Word(word) => word.parse().ok(),
            Value::Text(_) | Value::List(_) | Value::Table(_) => None,
        }
    }

    pub(super) fn is_false(&self) -> bool {
        matches!(&self.value, Value::Word(word) if word.eq_ignore_ascii_case("false"))
    }

    pub(super) fn is_true(&self) -> bool {
        matches!(&self.value, Value::Word(word) if word.eq_ignore_ascii_case("true"))
    }

    /// What it is, for people.
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Text(_) => "a string",
            Value::Word(word) if word.is_empty() || word == "null" || word == "~" => "nothing",
            Value::Word(_) => "a number or a truth value",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

/// The place of a line.
pub(super) fn line(file: &SourceFile, line: usize) -> Span {
    let mut start = 0;
    for (n, text) in file.text().split_inclusive('\n').enumerate() {
        if n + 1 == line {
            let inside = text.trim_end();
            return Span { start, end: start + inside.len() };
        }
        start += text.len();
    }
    Span { start, end: start }
}

/// Reads TOML.
pub(super) fn toml(file: &Arc<SourceFile>) -> Result<Node, Vec<Diagnostic>> {
    let (table, errors) = DeTable::parse_recoverable(file.text());
    if !errors.is_empty() {
        let one = |error: &toml::de::Error| {
            let place = Span::from(error.span().unwrap_or_default());
            Diagnostic::error("syntax", error.message().to_owned()).at(file, place, "")
        };
        return Err(errors.iter().map(one).collect());
    }
    Ok(of_table(file, table.get_ref(), 1))
}

fn of_table(file: &SourceFile, table: &DeTable<'_>, line: usize) -> Node {
    let entries = table.iter().map(|(key, value)| (key.get_ref().to_string(), of_value(file, value)));
    Node { line, value: Value::Table(entries.collect()) }
}

fn of_value(file: &SourceFile, value: &toml::Spanned<DeValue<'_>>) -> Node {
    let (line, _) = file.line_column(value.span().start);
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(|item| of_value(file, item)).collect()),
        DeValue::Table(table) => return of_table(file, table, line),
        DeValue::Integer(number) => Value::Word(number.to_string()),
        DeValue::Float(number) => Value::Word(number.to_string()),
        DeValue::Boolean(truth) => Value::Word(truth.to_string()),
        DeValue::Datetime(time) => Value::Word(time.to_string()),
    };
    Node { line, value }
}

/// Reads the first document of YAML.
pub(super) fn yaml(file: &Arc<SourceFile>) -> Result<Node, Vec<Diagnostic>> {
    let mut reader = Yaml { events: Parser::new_from_str(file.text()), anchors: HashMap::new(), left: MOST };
    let read = loop {
        match reader.next() {
            Ok((Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _)) => {}
            Ok((Event::StreamEnd | Event::DocumentEnd, _)) => break Ok(Node::default()),
            Ok((event, at)) => break reader.node(event, at, 0),
            Err(wrong) => break Err(wrong),
        }
    };
    read.map_err(|(at, what)| {
        let wrong = Diagnostic::error("syntax", format!("this is no YAML: {what}"));
        vec![wrong.at(file, line(file, at), "")]
    })
}

/// The line, and what is wrong.
type Wrong = (usize, String);

struct Yaml<'y> {
    events: Parser<'y, saphyr_parser::StrInput<'y>>,
    /// What `&name` stands before, by number.
    anchors: HashMap<usize, Node>,
    /// How many values more there may be.
    left: usize,
}

impl<'y> Yaml<'y> {
    fn next(&mut self) -> Result<(Event<'y>, usize), Wrong> {
        match self.events.next_event() {
            Some(Ok((event, span))) => Ok((event, span.start.line())),
            Some(Err(error)) => Err((error.marker().line(), error.info().to_owned())),
            None => Ok((Event::StreamEnd, 0)),
        }
    }

    fn node(&mut self, event: Event<'y>, line: usize, depth: usize) -> Result<Node, Wrong> {
        if depth > DEEPEST {
            return Err((line, format!("it is more than {DEEPEST} levels deep")));
        }
        self.spend(1, line)?;
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, _) => (anchor, scalar(text.into_owned(), style)),
            Event::SequenceStart(anchor, _) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, at) => items.push(self.node(event, at, depth + 1)?),
                    }
                }
                (anchor, Value::List(items))
            }
            Event::MappingStart(anchor, _) => {
                let mut entries: Vec<(String, Node)> = Vec::new();
                loop {
                    let (event, at) = self.next()?;
                    if event == Event::MappingEnd {
                        break;
                    }
                    let key = self.node(event, at, depth + 1)?;
                    let Some(name) = key.text().map(str::to_owned) else {
                        return Err((at, format!("expected a key, found {}", key.kind())));
                    };
                    if entries.iter().any(|(known, _)| *known == name) {
                        return Err((at, format!("the key `{name}` is there twice")));
                    }
                    let (event, at) = self.next()?;
                    entries.push((name, self.node(event, at, depth + 1)?));
                }
                (anchor, Value::Table(entries))
            }
            Event::Alias(anchor) => {
                let meant = self.anchors.get(&anchor).cloned();
                let meant = meant.ok_or_else(|| (line, "an alias of nothing before it".to_owned()))?;
                self.spend(size(&meant), line)?;
                return Ok(meant);
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return Err((line, "it ends where a value should stand".to_owned())),
        };
        let node = Node { line, value };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn spend(&mut self, values: usize, line: usize) -> Result<(), Wrong> {
        let left = self.left.checked_sub(values);
        self.left = left.ok_or_else(|| (line, format!("it has more than {MOST} values")))?;
        Ok(())
    }
}

fn size(node: &Node) -> usize {
    let inner = node.items().iter().chain(node.entries().iter().map(|(_, node)| node));
    1 + inner.map(size).sum::<usize>()
}

/// Only truth values, numbers and nothing are no text; `no` and `on` are words (YAML 1.2).
fn scalar(text: String, style: ScalarStyle) -> Value {
    let plain = style == ScalarStyle::Plain;
    let is_word =
        matches!(text.as_str(), "" | "~" | "null" | "true" | "false" | "True" | "False" | "TRUE" | "FALSE");
    let begins_as_number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    if plain && (is_word || begins_as_number && text.parse::<f64>().is_ok()) {
        return Value::Word(if text == "~" || text == "null" { String::new() } else { text });
    }
    Value::Text(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Node, String> {
        yaml(&SourceFile::new("a.yaml", text))
            .map_err(|found| found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn yaml_values_know_their_lines() {
        let node = read("a:\n  - no\n  - 007\n  - 'x # y'\nb: {c: 1.5, d: null}\n").expect("YAML");
        let items: Vec<_> =
            node.get("a").expect("a").items().iter().map(|n| (n.line, n.text().unwrap_or(""))).collect();
        assert_eq!(items, [(2, "no"), (3, "007"), (4, "x # y")]);
        assert_eq!(node.at(&["b", "c"]).and_then(Node::number), Some(1.5));
        assert_eq!(node.at(&["b", "d"]).map(Node::kind), Some("nothing"));
    }

    #[test]
    fn what_is_no_yaml_is_said_with_its_line() {
        for (text, says) in [
            ("a: 1\n  b: 2\n", "a.yaml:2:"),
            ("a: 1\na: 2\n", "a.yaml:2:1: error[syntax]: this is no YAML: the key `a` is there twice"),
            ("a: *none\n", "a.yaml:1:"),
        ] {
            let said = read(text).expect_err(text);
            assert!(said.contains(says), "{said}");
        }
    }

    #[test]
    fn aliases_are_followed_and_bounded() {
        let node = read("a: &x [1, 2]\nb: *x\n").expect("YAML");
        assert_eq!(node.get("a"), node.get("b"));
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            let one = format!("*a{}", n - 1);
            bomb.extend([format!("a{n}: &a{n} [{}]\n", [one.as_str(); 10].join(", "))]);
        }
        assert!(read(&bomb).expect_err("a bomb").contains("more than"));
        let deep = format!("a: {}{}", "[".repeat(200), "]".repeat(200));
        assert!(read(&deep).is_err());
    }
}
