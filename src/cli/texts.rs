//! Lines of `{"id", "text", "direction"}`, as verbs that scan many texts read them.

use crate::diag::{Diagnostic, nearest};
use crate::policy::Direction;
use crate::text::json::unescape;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// A line longer than this is bad input; it bounds what a scan holds.
const LONGEST: u64 = 256 << 20;

/// What a line is.
const LINE: &str = r#"a line is `{"id": .., "text": ".."}`"#;

/// One line of input; other fields are ignored.
#[derive(Deserialize)]
struct Line<'l> {
    #[serde(borrow)]
    id: &'l RawValue,
    /// Read as the gateway reads a string: half a surrogate pair is a text too.
    #[serde(borrow)]
    text: &'l RawValue,
    direction: Option<String>,
}

/// A text to scan.
pub(super) struct Text {
    /// Source of the JSON value that names it.
    pub(super) id: String,
    pub(super) content: String,
    pub(super) direction: Direction,
    /// The group that it belongs to, where somebody asks for it and the line says it.
    pub(super) group: Option<String>,
}

/// What `read` makes of each line of these files; else which line is not what is expected, for people.
pub(super) fn of_lines<T>(
    files: &[PathBuf],
    expected: &str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, String> {
    let mut out = Vec::new();
    for path in files {
        let file =
            std::fs::read_to_string(path).map_err(|error| format!("error: {}: {error}", path.display()))?;
        for (n, line) in (1..).zip(file.lines()) {
            let one =
                read(line).ok_or_else(|| format!("error: {}:{n}: expected {expected}", path.display()))?;
            out.push(one);
        }
    }
    Ok(out)
}

/// A whole text from a file, else from standard input, and what it is called.
pub(super) fn whole(path: Option<&Path>) -> Result<(String, String), String> {
    let name = path.map_or_else(|| "<stdin>".to_owned(), |path| path.display().to_string());
    let bytes = path.map_or_else(
        || {
            let mut bytes = Vec::new();
            io::Read::read_to_end(&mut io::stdin().lock(), &mut bytes).map(|_| bytes)
        },
        std::fs::read,
    );
    let bytes = bytes.map_err(|error| format!("cannot read `{name}`: {error}"))?;
    let text = utf8(&name, bytes)?;
    Ok((name, text))
}

/// Bytes that are to be text; else the line that is none.
pub(super) fn utf8(name: &str, bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| {
        let (at, bytes) = (error.utf8_error().valid_up_to(), error.as_bytes());
        let line = 1 + memchr::memchr_iter(b'\n', bytes.get(..at).unwrap_or_default()).count();
        format!("`{name}` is not UTF-8 (line {line})")
    })
}

/// Opens a file, with the name that messages call it by.
pub(super) fn open(path: &Path) -> Result<(String, BufReader<File>), Diagnostic> {
    let name = path.display().to_string();
    match File::open(path) {
        Ok(file) => Ok((name, BufReader::new(file))),
        Err(error) => Err(Diagnostic::error("no-file", format!("cannot read `{name}`: {error}"))),
    }
}

/// Reads line after line.
pub(super) struct Texts<R> {
    /// What messages call the input.
    name: String,
    input: R,
    number: u64,
    line: Vec<u8>,
    /// Of texts that say nothing of it.
    direction: Direction,
    /// The field that says to which group a text belongs.
    group: Option<String>,
}

impl<R: BufRead> Texts<R> {
    pub(super) fn new(name: impl Into<String>, input: R) -> Self {
        Self {
            name: name.into(),
            input,
            number: 0,
            line: Vec::new(),
            direction: Direction::Prompt,
            group: None,
        }
    }

    /// The same, where a text that says nothing of its direction has this one.
    pub(super) fn otherwise(self, direction: Direction) -> Self {
        Self { direction, ..self }
    }

    /// The same, where this field says to which group a text belongs.
    pub(super) fn grouped(self, field: &str) -> Self {
        Self { group: Some(field.to_owned()), ..self }
    }

    /// The next text, or what is wrong with the next line; none at the end. Empty lines are passed over.
    pub(super) fn next(&mut self) -> io::Result<Option<Result<Text, Diagnostic>>> {
        loop {
            self.line.clear();
            if io::Read::take(&mut self.input, LONGEST).read_until(b'\n', &mut self.line)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let too_long = self.line.len() as u64 == LONGEST;
            let line = self.line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let read = if too_long {
                Err((1, format!("the line is longer than {LONGEST} bytes")))
            } else {
                read(line, self.direction).map(|text| {
                    let field = self.group.as_ref();
                    Text { group: field.and_then(|field| group(line, field)), ..text }
                })
            };
            return Ok(Some(read.map_err(|(column, what)| {
                // The line itself is user text and stays out of the message.
                Diagnostic::error("bad-line", format!("{}:{}:{column}: {what}", self.name, self.number))
            })));
        }
    }
}

/// Reads a line, or says in which column what is wrong.
fn read(line: &[u8], otherwise: Direction) -> Result<Text, (usize, String)> {
    // Serde would take an array for a struct.
    if line.first() != Some(&b'{') {
        return Err((1, format!("expected an object; {LINE}")));
    }
    let read: Line<'_> =
        serde_json::from_slice(line).map_err(|error| (error.column().max(1), reason(&error)))?;
    let direction = read.direction.as_deref().map_or(Ok(otherwise), direction);
    let direction = direction.map_err(|what| (1, what))?;
    let inside = read.text.get().strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let inside = inside.ok_or_else(|| (1, format!("expected a string in `text`; {LINE}")))?;
    Ok(Text { id: read.id.get().to_owned(), content: unescape(inside), direction, group: None })
}

/// What a field of a line says, where it is a word or a number.
fn group(line: &[u8], field: &str) -> Option<String> {
    let fields: std::collections::HashMap<String, &RawValue> = serde_json::from_slice(line).ok()?;
    let value = fields.get(field)?.get();
    let text = value.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let is_number = value.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    text.map(unescape).or_else(|| is_number.then(|| value.to_owned()))
}

/// The direction of this name.
pub(super) fn direction(word: &str) -> Result<Direction, String> {
    Direction::ALL.into_iter().find(|d| d.as_str() == word).ok_or_else(|| {
        let hint = nearest(word, &["prompt", "output", "tool"])
            .map_or(String::new(), |n| format!("; did you mean `{n}`?"));
        format!("unknown direction; valid: `prompt`, `output`, `tool`{hint}")
    })
}

/// What is wrong with a line, without any of its text.
fn reason(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    if message.starts_with("invalid type") {
        let expected = message.rsplit_once("expected ").map_or("something else", |(_, e)| e);
        let expected = if expected.starts_with("struct") { "an object" } else { expected };
        return format!("expected {expected}; {LINE}");
    }
    message.to_owned()
}
