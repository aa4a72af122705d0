//! The text that people read in a file, without its form: for fingerprints of documents.

use std::collections::BTreeSet;

use html5gum::{DefaultEmitter, Token, Tokenizer};

use super::{ExportError, FileForm, MOST, docx, text};
use crate::provenance::c2pa::without_comment;

const DOCUMENT: ExportError = ExportError::Form("a DOCX document");
const PDF: ExportError = ExportError::Form("a PDF document of which the text can be read");

/// What a file says, as a person who has it open reads it: of Markdown and JSON the source, of HTML what stands between tags, of DOCX its
/// paragraphs, footnotes, headers and comments, of PDF its pages. A file of any other name is text in UTF-8.
///
/// # Errors
/// The file is not of its form, or too large.
pub fn plain_text(form: Option<FileForm>, file: &[u8]) -> Result<String, ExportError> {
    if file.len() > MOST {
        return Err(ExportError::Size);
    }
    match form {
        None | Some(FileForm::Json) => Ok(text(file, "text in UTF-8")?.to_owned()),
        // A manifest in a comment is nothing that anybody reads.
        Some(FileForm::Markdown) => Ok(without_comment(text(file, "text in UTF-8")?).into_owned()),
        Some(FileForm::Html) => Ok(of_html(text(file, "HTML in UTF-8")?)),
        Some(FileForm::Docx) => of_docx(file),
        Some(FileForm::Pdf) => of_pdf(file),
    }
}

/// Elements within a line; every other one parts words.
const INLINE: &[&[u8]] = &[
    b"a", b"abbr", b"b", b"bdi", b"bdo", b"cite", b"code", b"del", b"dfn", b"em", b"font", b"i", b"ins",
    b"kbd", b"mark", b"q", b"s", b"samp", b"small", b"span", b"strong", b"sub", b"sup", b"u", b"var", b"wbr",
];

fn of_html(html: &str) -> String {
    let (mut out, mut hidden) = (String::new(), 0_usize);
    // What stands in a script, a style or a title are no tags.
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
        match token {
            Token::StartTag(tag) => {
                if matches!(tag.name.as_slice(), b"script" | b"style" | b"template") && !tag.self_closing {
                    hidden += 1;
                } else if !INLINE.contains(&tag.name.as_slice()) {
                    out.push('\n');
                }
            }
            Token::EndTag(tag) => {
                if matches!(tag.name.as_slice(), b"script" | b"style" | b"template") {
                    hidden = hidden.saturating_sub(1);
                } else if !INLINE.contains(&tag.name.as_slice()) {
                    out.push('\n');
                }
            }
            Token::String(said) if hidden == 0 => out.push_str(&String::from_utf8_lossy(&said)),
            Token::String(_) | Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    out
}

/// What stands in the body of a DOCX document, without headers, footers and notes.
pub(super) fn body_of_docx(file: &[u8]) -> Result<String, ExportError> {
    docx::content(file).map(|xml| paragraphs(&xml))
}

fn of_docx(file: &[u8]) -> Result<String, ExportError> {
    let (zip, name) = docx::open(file)?;
    let document = zip.text(&name)?.ok_or(DOCUMENT)?;
    let mut unpacked = document.len();
    let mut out = paragraphs(&document);
    let says = |name: &str| {
        let part = name.strip_prefix("word/").and_then(|name| name.strip_suffix(".xml"));
        let begins = ["header", "footer", "footnotes", "endnotes", "comments"];
        part.is_some_and(|part| begins.iter().any(|one| part.starts_with(one)))
    };
    for name in zip.names().filter(|name| says(name)).map(str::to_owned).collect::<BTreeSet<_>>() {
        let part = zip.text(&name)?.unwrap_or_default();
        unpacked += part.len();
        if unpacked > MOST {
            return Err(ExportError::Size);
        }
        out.push_str(&paragraphs(&part));
    }
    Ok(out)
}

/// The text of a part of WordprocessingML (ECMA-376 part 1, section 17.3.3): `w:t` is text, what was deleted and fields' instructions have
/// elements of their own.
fn paragraphs(xml: &str) -> String {
    let (mut out, mut in_text) = (String::new(), false);
    for Ok(token) in Tokenizer::new(xml) {
        match token {
            Token::StartTag(tag) => match tag.name.as_slice() {
                b"w:t" => in_text = !tag.self_closing,
                b"w:tab" | b"w:br" | b"w:cr" => out.push(' '),
                _ => {}
            },
            Token::EndTag(tag) => match tag.name.as_slice() {
                b"w:t" => in_text = false,
                b"w:p" => out.push('\n'),
                _ => {}
            },
            Token::String(said) if in_text => out.push_str(&String::from_utf8_lossy(&said)),
            Token::String(_) | Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    out
}

fn of_pdf(file: &[u8]) -> Result<String, ExportError> {
    let document = lopdf::Document::load_mem(file).map_err(|_| PDF)?;
    if document.is_encrypted() {
        return Err(ExportError::Encrypted);
    }
    let pages: Vec<u32> = document.get_pages().into_keys().collect();
    document.extract_text_with_limit(&pages, MOST).map_err(|_| PDF)
}
