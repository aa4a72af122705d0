//! Reads a TOML file into a type and finds every mistake in one run.
//!
//! Serde stops at the first error. So the file is parsed once into a tree with spans; when a type refuses
//! the tree, the mistake is noted, the entry that caused it is taken out, or a stand-in put where a required
//! key is missing, and the type is asked again. Every round takes an entry out or tries one more of six
//! stand-ins for one key, and mistakes are counted, so the number of rounds is bounded.

mod unknown;

use super::{Diagnostic, Places, SourceFile, Span, Step, sort};
use serde::de::DeserializeOwned;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue, Deserializer};

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
    /// Keys that had to be taken out, with the span of their table; see [`Read::is_gone`].
    gone: Vec<(Span, String)>,
    /// Where each entry of `value` stands.
    pub places: Places,
    /// The value with its tables that lack a required key, which has a stand-in, and where its entries stand: good for mistakes in what
    /// these tables do have. Places of stand-ins are behind the end of the text.
    pub lacking: Option<(T, Places)>,
}

impl<T> Read<T> {
    /// Whether the file has something under `key` of the table at `path` that had to be taken out.
    pub fn is_gone(&self, path: &[Step<'_>], key: &str) -> bool {
        self.is_gone_in(&self.places, path, key)
    }

    /// The same, of a path in other places of the file, such as those of [`Read::lacking`].
    pub fn is_gone_in(&self, places: &Places, path: &[Step<'_>], key: &str) -> bool {
        let table = if path.is_empty() { Some(ROOT) } else { places.value(path) };
        table.is_some_and(|table| self.gone.iter().any(|(t, k)| *t == table && k == key))
    }
}

/// A file with more mistakes than this is not explained to its end.
const MOST: usize = 200;

/// Stands for the span of the outermost table, which has none.
const ROOT: Span = Span { start: 0, end: 0 };

/// Reads `file` as a `T`. `T` should deny unknown fields and use neither `flatten`, `untagged` nor `tag`:
/// those lose the place of a mistake.
pub fn read_toml<T: DeserializeOwned>(file: &Arc<SourceFile>) -> Read<T> {
    read_with(file, true)
}

/// The same; `at_once`: whether keys that a type does not know are taken out together, or one in each round.
pub(super) fn read_with<T: DeserializeOwned>(file: &Arc<SourceFile>, at_once: bool) -> Read<T> {
    let (mut root, errors) = DeTable::parse_recoverable(file.text());
    let mut read = Read {
        value: None,
        diagnostics: Vec::new(),
        dropped: Vec::new(),
        gone: Vec::new(),
        places: Places::default(),
        lacking: None,
    };
    if errors.is_empty() {
        root.get_mut().make_owned();
        let stand_ins = Vec::new();
        let mut rounds = Rounds { file, root: &mut root, stand_ins, read: &mut read, at_once };
        while rounds.diagnose() {}
        read.places = Places::new(root.get_ref());
    } else {
        // With broken syntax the tree is a guess; mistakes found in it would be guesses too.
        read.diagnostics.extend(errors.iter().map(|e| syntax(file, e)));
        read.diagnostics.dedup_by(|a, b| {
            a.message == b.message && a.labels.first().map(|l| l.span) == b.labels.first().map(|l| l.span)
        });
    }
    sort(&mut read.diagnostics);
    if let Some(other) = other_format(file.text())
        && !errors.is_empty()
        && let Some(first) = read.diagnostics.first_mut()
    {
        first.help.push(format!("the file looks like {other}; expected TOML: `key = \"value\"`, tables as `[table]`, lists of tables as `[[table]]`"));
    }
    read
}

/// A file on its way through the type.
struct Rounds<'r, 'f, T> {
    file: &'r Arc<SourceFile>,
    root: &'r mut Spanned<DeTable<'f>>,
    stand_ins: Vec<StandIn>,
    read: &'r mut Read<T>,
    at_once: bool,
}

/// How serde says that a type does not know a key.
const UNKNOWN: &str = "unknown field";
/// A string that stands for any.
const ANY: &str = "x";

/// A value put where a required key is missing, so that the type goes on to the next mistake.
struct StandIn {
    /// The table it was put into.
    table: Span,
    key: String,
    /// Its own span, behind the end of the text.
    span: Range<usize>,
    /// Its text where it is a string.
    text: String,
    tried: usize,
}

/// A way down the tree.
type Path = Vec<Down>;

#[derive(Debug, Clone)]
enum Down {
    Key(String),
    Item(usize),
}

impl<T: DeserializeOwned> Rounds<'_, '_, T> {
    /// One round: asks the type and repairs what it refused. False when there is nothing more to do.
    fn diagnose(&mut self) -> bool {
        let error = match T::deserialize(Deserializer::from(self.root.clone())) {
            Ok(value) => {
                // Every mistake of this kind is known. A table that lacks a key goes and the rest is read
                // again; the outermost table cannot go, and keeps its stand-ins.
                let lacking = self.stand_ins.iter().map(|s| s.table).filter(|table| *table != ROOT);
                let lacking: Vec<Span> = lacking.collect();
                if lacking.is_empty() {
                    for stand_in in &self.stand_ins {
                        self.root.get_mut().remove(stand_in.key.as_str());
                    }
                    self.read.value = Some(value);
                    return false;
                }
                if self.read.lacking.is_none() {
                    let missing = self.stand_ins.iter().map(|s| (s.table, s.key.clone()));
                    self.read.gone.extend(missing.filter(|(table, _)| *table != ROOT));
                    self.read.lacking = Some((value, Places::new(self.root.get_ref())));
                }
                self.stand_ins.retain(|s| s.table == ROOT);
                for table in lacking {
                    self.take_out(&table.range(), "");
                }
                return true;
            }
            Err(error) => error,
        };
        if self.read.diagnostics.len() >= MOST {
            return false;
        }
        let message = error.message();
        // The outermost table has no span of its own.
        let span = error.span().unwrap_or_default();
        if let Some(at) = self.stand_ins.iter().position(|s| s.span == span) {
            return self.try_another(at, message);
        }
        if let Some(key) = backticked_after(message, "missing field") {
            let table = if span == self.root.span() { ROOT } else { Span::from(span.clone()) };
            if !self.read.gone.iter().any(|(t, k)| *t == table && k == key) {
                self.read.diagnostics.push(explain(self.file, message, span));
            }
            return self.put_stand_in(table, key);
        }
        if self.at_once && self.unknown_keys(message, &span) {
            return true;
        }
        self.read.diagnostics.push(explain(self.file, message, span.clone()));
        let Some((table, key)) = self.take_out(&span, message) else { return false };
        if message.starts_with(UNKNOWN) {
            self.is_meant(table, &key, &valid_names(message).unwrap_or_default());
        }
        true
    }

    /// `nam = ".."` is a mistyped `name`: the missing `name` needs no second word.
    fn is_meant(&mut self, table: Span, key: &str, valid: &[String]) {
        if let Some(meant) = super::nearest(key, valid) {
            self.read.gone.push((table, meant.to_owned()));
        }
    }

    /// Takes out what stands at `span`; says from which table and under which key.
    fn take_out(&mut self, span: &Range<usize>, message: &str) -> Option<(Span, String)> {
        let path = find(self.root.get_ref(), span, message.starts_with("invalid type: sequence"))?;
        let (last, way) = path.split_last()?;
        // An element of an array is gone from the key that holds the array.
        let (holder, key) = match (last, way.split_last()) {
            (Down::Key(key), _) => (way, key.clone()),
            (Down::Item(_), Some((Down::Key(key), holder))) => (holder, key.clone()),
            (Down::Item(_), _) => (way, String::new()),
        };
        let mut table = if holder.is_empty() { Some(ROOT) } else { None };
        walk(self.root.get_mut(), holder, &mut |value| table = Some(value.span().into()));
        let table = table?;
        let mut names = Vec::new();
        match last {
            Down::Key(key) if way.is_empty() => {
                let (_, value) = self.root.get_mut().remove_entry(key.as_str())?;
                collect_names(value.get_ref(), &mut names);
            }
            last => walk(self.root.get_mut(), way, &mut |value| cut(value.get_mut(), last, &mut names)),
        }
        self.read.dropped.extend(names);
        self.read.gone.push((table, key.clone()));
        Some((table, key))
    }

    fn put_stand_in(&mut self, table: Span, key: &str) -> bool {
        let start = self.file.text().len() + 1 + 2 * self.stand_ins.len();
        let stand_in =
            StandIn { table, key: key.to_owned(), span: start..start + 1, text: ANY.into(), tried: 0 };
        self.stand_ins.push(stand_in);
        self.set(self.stand_ins.len() - 1)
    }

    fn try_another(&mut self, at: usize, message: &str) -> bool {
        if let Some(stand_in) = self.stand_ins.get_mut(at) {
            // Of a few words the type says which they are.
            let words = valid_names(message).filter(|_| message.starts_with("unknown variant"));
            match words.as_ref().and_then(|words| words.first()) {
                Some(word) if stand_in.text == ANY => word.clone_into(&mut stand_in.text),
                _ => stand_in.tried += 1,
            }
        }
        if self.set(at) {
            return true;
        }
        // No kind of value will do: without the table, then.
        let table = self.stand_ins.remove(at).table;
        self.stand_ins.retain(|s| s.table != table);
        table != ROOT && self.take_out(&table.range(), "").is_some()
    }

    /// Puts the stand-in's value of this try into its table.
    fn set(&mut self, at: usize) -> bool {
        let Some(StandIn { table, key, span, text, tried }) = self.stand_ins.get(at) else { return false };
        let value = match tried {
            0 => DeValue::String(text.clone().into()),
            1 => DeValue::Array(std::iter::empty().collect()),
            2 => DeValue::Integer(toml::de::DeInteger::default()),
            3 => DeValue::Boolean(false),
            4 => DeValue::Table(DeTable::new()),
            _ => return false,
        };
        let name: Spanned<DeString<'_>> = Spanned::new(span.clone(), key.clone().into());
        let entry = (name, Spanned::new(span.clone(), value));
        if *table == ROOT {
            self.root.get_mut().remove(key.as_str());
            self.root.get_mut().insert(entry.0, entry.1);
            return true;
        }
        let Some(path) = find(self.root.get_ref(), &table.range(), false) else { return false };
        let mut entry = Some(entry);
        walk(self.root.get_mut(), &path, &mut |value| {
            if let (DeValue::Table(inner), Some((key, value))) = (value.get_mut(), entry.take()) {
                inner.remove(key.get_ref().as_ref());
                inner.insert(key, value);
            }
        });
        entry.is_none()
    }
}

/// The way to the entry whose key or value has exactly this span, or else to the smallest one around it.
fn find(table: &DeTable<'_>, span: &Range<usize>, sequence: bool) -> Option<Path> {
    let mut around = None;
    for (key, value) in table {
        let here = || vec![Down::Key(key.get_ref().to_string())];
        let below = |mut path: Path| {
            let mut whole = here();
            whole.append(&mut path);
            whole
        };
        if let DeValue::Array(items) = value.get_ref() {
            // `[[x]]` gives the array and its first element the same span; only a type that wants no array
            // means the array.
            if sequence && value.span() == *span {
                return Some(here());
            }
            for (n, item) in items.iter().enumerate() {
                if item.span() == *span {
                    return Some(below(vec![Down::Item(n)]));
                }
                if let DeValue::Table(inner) = item.get_ref()
                    && let Some(mut path) = find(inner, span, sequence)
                {
                    path.insert(0, Down::Item(n));
                    return Some(below(path));
                }
            }
        }
        if key.span() == *span || value.span() == *span {
            return Some(here());
        }
        if let DeValue::Table(inner) = value.get_ref()
            && let Some(path) = find(inner, span, sequence)
        {
            return Some(below(path));
        }
        if value.span().start <= span.start && span.end <= value.span().end {
            around = Some(here());
        }
    }
    around
}

/// Calls `with` for the value at the end of the path, if there is one.
fn walk<'i>(table: &mut DeTable<'i>, path: &[Down], with: &mut dyn FnMut(&mut Spanned<DeValue<'i>>)) {
    let Some((Down::Key(first), mut rest)) = path.split_first() else { return };
    let Some(mut value) = table.get_mut(first.as_str()) else { return };
    while let Some((step, after)) = rest.split_first() {
        let next = match (value.get_mut(), step) {
            (DeValue::Table(inner), Down::Key(key)) => inner.get_mut(key.as_str()),
            (DeValue::Array(items), Down::Item(n)) => items.get_mut(*n),
            _ => None,
        };
        let Some(next) = next else { return };
        (value, rest) = (next, after);
    }
    with(value);
}

/// Takes an entry or an element out of a value.
fn cut(value: &mut DeValue<'_>, at: &Down, names: &mut Vec<String>) {
    match (value, at) {
        (DeValue::Table(inner), Down::Key(key)) => {
            if let Some((_, value)) = inner.remove_entry(key.as_str()) {
                collect_names(value.get_ref(), names);
            }
        }
        (DeValue::Array(items), Down::Item(n)) => {
            let all = std::mem::replace(items, std::iter::empty().collect());
            for (m, item) in all.into_iter().enumerate() {
                if m == *n {
                    collect_names(item.get_ref(), names);
                } else {
                    items.push(item);
                }
            }
        }
        _ => {}
    }
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

/// The format that a file seems to have in the place of TOML, by its first line that says something.
fn other_format(text: &str) -> Option<&'static str> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))?;
    let is_key = |key: &str| key.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '"'));
    if line.starts_with('{') {
        Some("JSON")
    } else if line == "---"
        || !line.contains('=') && line.split_once(':').is_some_and(|(key, _)| !key.is_empty() && is_key(key))
    {
        Some("YAML")
    } else {
        None
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
    if let Some(found) = backticked_after(message, UNKNOWN) {
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
        let diagnostic = Diagnostic::error("wrong-type", format!("expected {expected}, found {found}")).at(
            file,
            span,
            format!("expected {expected}"),
        );
        return match (found.as_str(), expected.as_str()) {
            ("a table", "an array") => {
                diagnostic.help("a list of tables has double brackets, as in `[[route]]`")
            }
            ("an array", "a table") => diagnostic.help("one table has single brackets, as in `[server]`"),
            _ => diagnostic,
        };
    }
    if message == "invalid socket address syntax" {
        return Diagnostic::error("wrong-value", "not an address and port").at(
            file,
            span,
            "write for example \"127.0.0.1:8080\"",
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

fn found_words(found: &str) -> String {
    match found.split([' ', '`']).next().unwrap_or(found) {
        // The text itself is shown by the picture; it may be long, or a secret.
        "string" => "a string".into(),
        "integer" => format!("the number {}", found.split('`').nth(1).unwrap_or_default()),
        "floating" => "a number with a fraction".into(),
        "boolean" => "true or false".into(),
        "sequence" => "an array".into(),
        "map" => "a table".into(),
        "datetime" => "a date".into(),
        _ => found.to_owned(),
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
        "a TOML datetime" => "a date such as 2023-08-15, without quotes".into(),
        "socket address" => "an address and port such as \"127.0.0.1:8080\"".into(),
        // Names of Rust types mean nothing to the reader of a file.
        other if other.starts_with("struct ") => "a table".into(),
        other if other.starts_with("enum ") => "one of its values".into(),
        other => other.to_owned(),
    }
}
