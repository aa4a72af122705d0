//! Markdown: a mapping `AIGC` in the YAML front matter (TC260-PG-20258A), merged into what stands there.
//!
//! Front matter is what stands between `---` and `---` at the top and is a mapping; two thematic breaks with text between them are text. What is
//! not understood is refused, so that nothing is lost.

use std::ops::Range;

use saphyr_parser::{Event, Parser, Span};

use super::{ExportError, Fields, of_json};
use crate::provenance::Aigc;

/// The longest front matter; what is longer is text between two lines.
const LONGEST: usize = 1 << 18;

/// A file's parts.
struct Split<'t> {
    /// The byte order mark.
    mark: &'t str,
    /// The front matter's inner lines; none, where there is no front matter.
    inner: Option<&'t str>,
    /// The line that ends it.
    fence: &'t str,
    /// What follows it.
    rest: &'t str,
}

/// The parts by the look of the fences alone.
fn fenced(text: &str) -> Split<'_> {
    let (mark, body) = match text.strip_prefix('\u{feff}') {
        Some(rest) => ("\u{feff}", rest),
        None => ("", text),
    };
    let none = Split { mark, inner: None, fence: "", rest: body };
    let mut lines = body.split_inclusive('\n');
    let first = lines.next().unwrap_or_default();
    if first.trim_end() != "---" || !first.ends_with('\n') {
        return none;
    }
    let mut at = first.len();
    for line in lines {
        if at - first.len() > LONGEST {
            break;
        }
        if matches!(line.trim_end(), "---" | "...") {
            let rest = body.get(at + line.len()..).unwrap_or_default();
            return Split { mark, inner: body.get(first.len()..at), fence: line, rest };
        }
        at += line.len();
    }
    none
}

/// A mapping `AIGC` in the front matter.
struct Block {
    /// All lines of it.
    lines: Range<usize>,
    fields: Fields,
}

/// What is known of a front matter.
struct Front {
    blocks: Vec<Block>,
    /// Before each key.
    indent: String,
    /// Whether it is in one pair of braces.
    is_flow: bool,
}

/// What is in the way of an answer.
fn wrong(inner: &str, line: usize) -> ExportError {
    // The first line of the front matter is the file's second.
    ExportError::FrontMatter(line.min(inner.lines().count()) + 1)
}

struct Reader<'y, 'i> {
    events: Parser<'y, saphyr_parser::StrInput<'y>>,
    inner: &'i str,
    /// Where each sign begins.
    places: Vec<usize>,
    /// The furthest end of what has signs of its own.
    end: usize,
}

impl<'y> Reader<'y, '_> {
    fn next(&mut self) -> Result<(Event<'y>, Span), ExportError> {
        match self.events.next_event() {
            Some(Ok((event, span))) => {
                // A block ends where the next thing begins: only braces and scalars have an end of their own.
                let is_own = matches!(
                    event,
                    Event::Scalar(..) | Event::Alias(_) | Event::MappingEnd | Event::SequenceEnd
                );
                if is_own && !span.is_empty() {
                    self.end = self.end.max(self.place(span.end.index()));
                }
                Ok((event, span))
            }
            Some(Err(error)) => Err(wrong(self.inner, error.marker().line())),
            None => Err(wrong(self.inner, usize::MAX)),
        }
    }

    fn place(&self, index: usize) -> usize {
        self.places.get(index).copied().unwrap_or(self.inner.len())
    }

    /// Passes over the rest of a value that begins so.
    fn skip(&mut self, first: &Event<'_>) -> Result<(), ExportError> {
        let mut depth = usize::from(matches!(first, Event::MappingStart(..) | Event::SequenceStart(..)));
        while depth > 0 {
            match self.next()?.0 {
                Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
                Event::MappingEnd | Event::SequenceEnd => depth -= 1,
                _ => {}
            }
        }
        Ok(())
    }

    /// The fields of a value that begins so: those of a mapping, or of JSON in a string.
    fn fields(&mut self, first: &Event<'_>, span: Span) -> Result<Fields, ExportError> {
        match first {
            Event::Scalar(text, ..) => return Ok(of_json(text).unwrap_or_default()),
            Event::MappingStart(0, _) => {}
            // What an alias or an anchor ties to another place stays where it is.
            Event::Alias(_) | Event::MappingStart(..) | Event::SequenceStart(..) => {
                return Err(wrong(self.inner, span.start.line()));
            }
            _ => return Ok(Fields::default()),
        }
        let mut fields = Fields::default();
        loop {
            let (key, _) = self.next()?;
            let name = match &key {
                Event::MappingEnd => return Ok(fields),
                Event::Scalar(name, ..) => name.clone().into_owned(),
                _ => String::new(),
            };
            self.skip(&key)?;
            let (value, at) = self.next()?;
            match &value {
                Event::Scalar(text, _, 0, _) => {
                    fields.insert(name, text.clone().into_owned());
                }
                Event::Scalar(..) | Event::Alias(_) => return Err(wrong(self.inner, at.start.line())),
                _ => self.skip(&value)?,
            }
        }
    }
}

/// Whether a line could be a key with its value.
fn is_like_a_key(line: &str) -> bool {
    let Some((key, value)) = line.split_once(':') else { return false };
    let key = key.trim().trim_matches(['"', '\'']);
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    !key.is_empty()
        && key.chars().all(is_word)
        && (value.trim_end().is_empty() || value.starts_with([' ', '\t']))
}

/// What stands between the fences; nothing, where it is no mapping.
fn front(inner: &str) -> Result<Option<Front>, ExportError> {
    if inner.trim().is_empty() {
        return Ok(Some(Front { blocks: Vec::new(), indent: String::new(), is_flow: false }));
    }
    let found = mapping(inner, inner).or_else(|wrong| match in_one_line(inner) {
        Some(folded) => mapping(inner, &folded),
        None => Err(wrong),
    });
    match found {
        // Prose that is no YAML is prose; what looks like front matter is refused.
        Err(_)
            if !inner.lines().any(is_like_a_key)
                && !inner.contains("AIGC")
                && !inner.trim_start().starts_with('{') =>
        {
            Ok(None)
        }
        other => other,
    }
}

/// The same with JSON behind the key in one line: YAML asks for an indent that JSON over several lines often lacks, and most readers do not.
fn in_one_line(inner: &str) -> Option<String> {
    let key =
        inner.starts_with("AIGC:").then_some(0).or_else(|| inner.find("\nAIGC:").map(|line| line + 1))?;
    let start = key + "AIGC:".len();
    let (before, after) = inner.split_at_checked(start)?;
    let mut values = serde_json::Deserializer::from_str(after).into_iter::<serde_json::Value>();
    values.next()?.ok()?.is_object().then_some(())?;
    let (json, after) = after.split_at_checked(values.byte_offset())?;
    Some(format!("{before}{}{after}", json.replace(['\r', '\n', '\t'], " ")))
}

/// Of `yaml`, which has a sign for each of `inner`.
fn mapping(inner: &str, yaml: &str) -> Result<Option<Front>, ExportError> {
    let places = inner.char_indices().map(|(at, _)| at).collect();
    let mut reader = Reader { events: Parser::new_from_str(yaml), inner, places, end: 0 };
    let root = loop {
        match reader.next()? {
            (Event::StreamStart | Event::DocumentStart(_) | Event::Nothing, _) => {}
            other => break other,
        }
    };
    let (Event::MappingStart(..), span) = root else {
        reader.skip(&root.0)?;
        return Ok(None);
    };
    let is_flow = inner.get(reader.place(span.start.index())..).is_some_and(|rest| rest.starts_with('{'));
    let mut front = Front { blocks: Vec::new(), indent: String::new(), is_flow };
    let mut first = true;
    loop {
        let (key, at) = reader.next()?;
        if key == Event::MappingEnd {
            break;
        }
        let start = reader.place(at.start.index());
        let line = inner.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |line| line + 1);
        let before = inner.get(line..start).unwrap_or_default();
        if first {
            before.clone_into(&mut front.indent);
            first = false;
        }
        let is_ours = matches!(&key, Event::Scalar(name, ..) if name == "AIGC");
        reader.skip(&key)?;
        // An empty value has no place.
        reader.end = start;
        let (value, value_at) = reader.next()?;
        if !is_ours {
            reader.skip(&value)?;
            continue;
        }
        let fields = reader.fields(&value, value_at)?;
        if !is_flow && !before.chars().all(|c| c == ' ') {
            return Err(wrong(inner, at.start.line()));
        }
        let end = reader.end.max(start);
        let end = match inner.get(..end) {
            Some(own) if own.ends_with('\n') => end,
            _ => inner.get(end..).and_then(|rest| rest.find('\n')).map_or(inner.len(), |line| end + line + 1),
        };
        front.blocks.push(Block { lines: line..end, fields });
    }
    match reader.next()?.0 {
        Event::DocumentEnd => {}
        _ => return Err(wrong(inner, usize::MAX)),
    }
    match reader.next()?.0 {
        Event::StreamEnd => Ok(Some(front)),
        _ => Ok(None),
    }
}

/// The parts, and what is known of the front matter.
fn split(text: &str) -> Result<(Split<'_>, Option<Front>), ExportError> {
    let parts = fenced(text);
    let found = parts.inner.map(front).transpose()?.flatten();
    if found.is_some() {
        return Ok((parts, found));
    }
    let rest = text.get(parts.mark.len()..).unwrap_or_default();
    Ok((Split { inner: None, fence: "", rest, ..parts }, None))
}

/// The lines without the mapping.
fn without(inner: &str, blocks: &[Block]) -> String {
    let (mut out, mut at) = (String::with_capacity(inner.len()), 0);
    for block in blocks {
        out.push_str(inner.get(at..block.lines.start).unwrap_or_default());
        at = block.lines.end;
    }
    out.push_str(inner.get(at..).unwrap_or_default());
    out
}

pub(super) fn read(text: &str) -> Result<Option<Fields>, ExportError> {
    let mut blocks = split(text)?.1.map(|front| front.blocks).unwrap_or_default();
    match blocks.len() {
        0 => Ok(None),
        1 => Ok(blocks.pop().map(|block| block.fields)),
        more => Err(ExportError::Several(more)),
    }
}

pub(super) fn write(text: &str, block: &Aigc) -> Result<String, ExportError> {
    let (Split { mark, inner, fence, rest }, front) = split(text)?;
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let inner = inner.unwrap_or_default();
    let (own, indent) = match &front {
        Some(front) if front.is_flow => return Err(ExportError::Braces),
        Some(front) => (without(inner, &front.blocks), front.indent.as_str()),
        None => (String::new(), ""),
    };
    // The allowed characters are those that need no escape between double quotes.
    let mapping: String =
        block.fields().iter().map(|(name, value)| format!("{indent}  {name}: \"{value}\"{end}")).collect();
    let (closing, gap) = match fence.trim_end() {
        "" => ("---", if rest.is_empty() { "" } else { end }),
        closing => (closing, ""),
    };
    let after = if fence.is_empty() || fence.ends_with('\n') { end } else { "" };
    let own = if own.is_empty() || own.ends_with('\n') { own } else { own + end };
    let out = format!("{mark}---{end}{own}{indent}AIGC:{end}{mapping}{closing}{after}{gap}{rest}");
    // Whatever was there, it is to be read as it was meant: an anchor in what was written over may be missed elsewhere.
    let expected: Fields = block.fields().iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    match read(&out)? {
        Some(found) if found == expected => Ok(out),
        _ => Err(wrong(inner, usize::MAX)),
    }
}

/// What follows the front matter; all of it, where what looks like front matter cannot be read.
pub(super) fn content(text: &str) -> &str {
    match split(text) {
        Ok((parts, _)) => parts.rest,
        Err(_) => text,
    }
}

/// All but the mapping: the front matter's other members are shown by many readers.
pub(super) fn hashed(text: &str) -> Result<String, ExportError> {
    let (parts, front) = split(text)?;
    let own = front.map(|front| without(parts.inner.unwrap_or_default(), &front.blocks)).unwrap_or_default();
    Ok(own + parts.rest)
}
