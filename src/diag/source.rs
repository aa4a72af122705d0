//! A file's text with its lines, and places in it.

use std::borrow::Cow;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// The largest file that a gateway reads again while it runs: a million words have a tenth of it.
const LARGEST: u64 = 256 * 1024 * 1024;

/// What some editors put before a text.
pub(crate) const BYTE_ORDER_MARK: char = '\u{feff}';

/// A range of bytes in a [`SourceFile`].
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The same bytes as a range.
    pub fn range(self) -> Range<usize> {
        self.start..self.end
    }
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Self {
        Self { start: range.start, end: range.end }
    }
}

/// A file that a person wrote: its name as they would say it, and its text.
#[derive(Debug)]
pub struct SourceFile {
    name: String,
    text: Cow<'static, str>,
    /// Where it lies, of a file that is no text.
    binary: Option<PathBuf>,
    /// Where lines begin, told when somebody asks: of most files nobody does.
    lines: OnceLock<Vec<usize>>,
}

impl PartialEq for SourceFile {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.text == other.text
    }
}

impl Eq for SourceFile {}

impl SourceFile {
    /// Text that did not come from a disk (standard input) or was read already.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            text: Cow::Owned(text.into()),
            binary: None,
            lines: OnceLock::new(),
        })
    }

    /// Text that is part of the program: it is not copied.
    pub fn embedded(name: impl Into<String>, text: &'static str) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: Cow::Borrowed(text), binary: None, lines: OnceLock::new() })
    }

    /// A file that is no text and stays on the disk: in place of its content stands what tells it from another one, such as its hash.
    pub fn binary(path: &Path, told: impl Into<String>) -> Arc<Self> {
        let (name, text) = (path.display().to_string(), Cow::Owned(told.into()));
        Arc::new(Self { name, text, binary: Some(path.to_owned()), lines: OnceLock::new() })
    }

    /// Where a file lies that is no text.
    pub fn binary_path(&self) -> Option<&Path> {
        self.binary.as_deref()
    }

    /// Reads a file; its name is the path as given. Of one that is not UTF-8 the error names the line.
    pub fn load(path: &Path) -> std::io::Result<Arc<Self>> {
        let text = String::from_utf8(std::fs::read(path)?).map_err(|error| {
            let (at, bytes) = (error.utf8_error().valid_up_to(), error.as_bytes());
            let line = 1 + memchr::memchr_iter(b'\n', bytes.get(..at).unwrap_or_default()).count();
            let byte = bytes.get(at).copied().unwrap_or_default();
            let what = format!("line {line} is not UTF-8 text (byte 0x{byte:02x})");
            std::io::Error::new(std::io::ErrorKind::InvalidData, what)
        })?;
        Ok(Self::new(path.display().to_string(), text))
    }

    /// The same of a file that others may put there while the gateway runs: no pipe or device, whose reading may have no end, and no more than
    /// a list of words can have.
    pub fn load_plain(path: &Path) -> std::io::Result<Arc<Self>> {
        is_plain(path, LARGEST)?;
        Self::load(path)
    }

    /// The name to show.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its lines with their ends, each with its first byte. The sign that some editors put before a text (a byte order mark) is no part of
    /// the first.
    pub fn each_line(&self) -> impl Iterator<Item = (usize, &str)> {
        let text = self.text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&self.text);
        let mut at = self.text.len() - text.len();
        text.split_inclusive('\n').map(move |line| {
            let start = at;
            at += line.len();
            (start, line)
        })
    }

    /// Line and column, both from 1; columns count characters.
    pub fn line_column(&self, byte: usize) -> (usize, usize) {
        let byte = byte.min(self.text.len());
        let lines = self.lines();
        let line = lines.partition_point(|&start| start <= byte);
        let start = lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = self.text.get(start..byte).map_or(byte - start, |s| s.chars().count());
        (line.max(1), column + 1)
    }

    /// Where lines begin.
    fn lines(&self) -> &[usize] {
        self.lines.get_or_init(|| {
            let ends = memchr::memchr_iter(b'\n', self.text.as_bytes());
            std::iter::once(0).chain(ends.map(|end| end + 1)).collect()
        })
    }

    /// The lines of a span that lies inside the text, with so many before it and behind it: the number of the first, from 1, and their bytes.
    pub(super) fn lines_around(&self, span: Span, around: usize) -> (usize, Range<usize>) {
        let lines = self.lines();
        let line = |byte: usize| lines.partition_point(|&start| start <= byte).saturating_sub(1);
        let first = line(span.start).saturating_sub(around);
        let start = lines.get(first).copied().unwrap_or(0);
        let end = lines.get(line(span.end) + around + 1).copied().unwrap_or(self.text.len());
        (first + 1, start..end)
    }

    /// The text of a span, empty where the span does not fit.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or("")
    }

    /// The span moved so that it lies inside the text and on character borders.
    pub fn clamp(&self, span: Span) -> Span {
        let down = |mut i: usize| {
            i = i.min(self.text.len());
            while !self.text.is_char_boundary(i) {
                i -= 1;
            }
            i
        };
        let start = down(span.start);
        Span { start, end: down(span.end).max(start) }
    }
}

/// Whether a file that others may put there can be read to its end: no pipe or device, and of no more bytes than these.
pub fn is_plain(path: &Path, largest: u64) -> std::io::Result<()> {
    let about = std::fs::metadata(path)?;
    let wrong = |what: String| Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, what));
    if !about.is_file() {
        return wrong("it is no plain file".to_owned());
    }
    if about.len() > largest {
        return wrong(format!("it has {} bytes, more than {largest}", about.len()));
    }
    Ok(())
}
