//! The label that people read, in files that leave the house: words at the end of what the file says.
//!
//! China's labelling measures (Art. 4 ¶2) ask for it where a service lets users download or copy what a model wrote; GB 45438-2025, 5.1, lets
//! it stand at the beginning, the end or in the midst of a text.

mod pdf;

pub(super) use pdf::inherited;

use super::plain::body_of_docx;
use super::{ExportError, FileForm, MOST, docx, html, markdown, plain_text, text};
use crate::provenance::c2pa::without_comment;

impl FileForm {
    /// The file with these words as its last paragraph, or in a PDF at the foot of its last page; as it was where its text ends with them. None
    /// for JSON, which people do not read.
    ///
    /// # Errors
    /// The file is not of this form.
    pub fn visible(self, file: &[u8], words: &str) -> Result<Option<Vec<u8>>, ExportError> {
        if file.len() > MOST {
            return Err(ExportError::Size);
        }
        if self.find_visible(file, &[words.to_owned()])?.is_some() {
            return Ok(Some(file.to_vec()));
        }
        match self {
            Self::Markdown => Ok(Some(of_markdown(text(file, "Markdown in UTF-8")?, words).into_bytes())),
            Self::Html => Ok(Some(html::with_paragraph(text(file, "HTML in UTF-8")?, words).into_bytes())),
            Self::Docx => of_docx(file, words).map(Some),
            Self::Pdf => pdf::write(file, words).map(Some),
            Self::Json => Ok(None),
        }
    }

    /// With which of these labels the file's text ends, or which of them a PDF's last page has from here: its place among them.
    ///
    /// # Errors
    /// The file is not of this form.
    pub fn find_visible(self, file: &[u8], labels: &[String]) -> Result<Option<usize>, ExportError> {
        match self {
            Self::Pdf => pdf::find(file, labels),
            Self::Json => Ok(None),
            // Headers and footers stand on each page, and are none of the text that ends.
            Self::Docx => {
                let said = body_of_docx(file)?;
                Ok(labels.iter().position(|words| ends_with(&said, words)))
            }
            Self::Markdown | Self::Html => {
                let said = self.said(file)?;
                Ok(labels.iter().position(|words| ends_with(&said, words)))
            }
        }
    }

    /// What people read in the file: a Markdown file's front matter and a manifest in a comment are none of it.
    ///
    /// # Errors
    /// The file is not of this form.
    pub fn said(self, file: &[u8]) -> Result<String, ExportError> {
        match self {
            Self::Markdown => {
                Ok(without_comment(markdown::content(text(file, "Markdown in UTF-8")?)).into_owned())
            }
            Self::Html | Self::Json | Self::Docx | Self::Pdf => plain_text(Some(self), file),
        }
    }
}

fn ends_with(said: &str, words: &str) -> bool {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (said, words) = (plain(said), plain(words));
    said == words
        || said.strip_suffix(&*words).is_some_and(|before| before.is_empty() || before.ends_with(' '))
}

/// Behind the text; before it, where the text ends within a fence that is open.
fn of_markdown(text: &str, words: &str) -> String {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let words = words.replace("\r\n", "\n").replace('\n', end);
    let content = markdown::content(text);
    let head = text.strip_suffix(content).unwrap_or_default();
    if let Some(fence) = open_fence(content) {
        // A fence that nobody closes goes to the end of the text (CommonMark 0.31, 4.5): it is closed first.
        let line = if content.ends_with('\n') { "" } else { end };
        return format!("{head}{content}{line}{fence}{end}{end}{words}{end}");
    }
    let body = content.trim_end_matches(['\n', '\r', ' ', '\t']);
    let gap = if body.is_empty() { String::new() } else { format!("{end}{end}") };
    let body = if body.is_empty() && head.is_empty() { "" } else { body };
    format!("{head}{body}{gap}{words}{end}")
}

/// The marks of a code fence that is open at the end.
fn open_fence(content: &str) -> Option<String> {
    let mut open: Option<String> = None;
    for line in content.lines() {
        let inner = line.trim_start_matches(' ');
        if line.len() - inner.len() > 3 {
            continue;
        }
        let sign = inner.chars().next().filter(|c| matches!(c, '`' | '~'));
        let run: String = inner.chars().take_while(|&c| Some(c) == sign).collect();
        let rest = inner.get(run.len()..).unwrap_or_default();
        match &open {
            Some(begun) => {
                let closes = run.starts_with(begun.as_str()) && rest.trim().is_empty();
                if closes {
                    open = None;
                }
            }
            None if run.len() >= 3 && !(run.starts_with('`') && rest.contains('`')) => open = Some(run),
            None => {}
        }
    }
    open
}

/// A paragraph at the end of the body, before its section's properties (ECMA-376 part 1, section 17.2.2: `sectPr` is the body's last child).
fn of_docx(file: &[u8], words: &str) -> Result<Vec<u8>, ExportError> {
    const FORM: ExportError = ExportError::Form("a DOCX document");
    let (mut zip, name) = docx::open(file)?;
    let mut xml = zip.text(&name)?.ok_or(FORM)?;
    let end = xml.rfind("</w:body>").ok_or(FORM)?;
    let body = xml.get(..end).unwrap_or_default();
    // The section's properties are the body's own where nothing but them stands behind the last paragraph or table.
    let last = ["</w:p>", "</w:tbl>", "</w:sdt>", "<w:body>"]
        .iter()
        .filter_map(|tag| body.rfind(tag))
        .max()
        .unwrap_or(0);
    let place = body.get(last..).and_then(|rest| rest.find("<w:sectPr")).map_or(end, |at| last + at);
    let lines: Vec<String> =
        words.lines().map(|line| format!("<w:t xml:space=\"preserve\">{}</w:t>", escaped(line))).collect();
    xml.insert_str(place, &format!("<w:p><w:r>{}</w:r></w:p>", lines.join("<w:br/>")));
    zip.set(&name, &xml)?;
    zip.write()
}

/// As the text of an element. What XML cannot hold becomes a space.
pub(super) fn escaped(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
