//! Labels in files. The implicit one: one block of seven fields in Markdown, HTML, JSON, DOCX and PDF, put among what is there.
//!
//! A file has one block and no more (GB 45438-2025, 6.1 c). One that is there already is written over: what its producer said stays, and who
//! spreads the file now stands as the propagator.

mod docx;
pub(super) mod html;
mod json;
mod markdown;
pub(super) mod pdf;
mod plain;
mod visible;
mod xml;
pub(super) mod zip;

pub use plain::plain_text;

use std::collections::BTreeMap;
use std::path::Path;

use super::{Aigc, Skeleton, is_allowed};

/// Largest file that is read, also after decompression.
pub const MOST: usize = 256 << 20;

/// A form of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileForm {
    /// YAML front matter.
    Markdown,
    /// A `meta` element.
    Html,
    /// A member of the root object.
    Json,
    /// A custom property.
    Docx,
    /// A key of the document's information.
    Pdf,
}

/// Why a file cannot be labelled or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// Its name ends otherwise.
    #[error("no known form: expected .md, .markdown, .html, .htm, .json, .docx or .pdf")]
    Unknown,
    /// It is not what its name says.
    #[error("not {0}")]
    Form(&'static str),
    /// It is locked.
    #[error("it is encrypted, so nothing can be written into it")]
    Encrypted,
    /// It is too large.
    #[error("it is larger than 256 MiB, or is so once it is unpacked")]
    Size,
    /// It is a PDF of which readers find the parts only by searching.
    #[error("its cross-reference table is damaged: save it anew with a program that reads it")]
    Damaged,
    /// It holds more than one block.
    #[error("it holds {0} `AIGC` blocks where one may be")]
    Several(usize),
    /// Front matter that is not understood, at this line.
    #[error(
        "its front matter is no YAML that is understood, line {0}: expected `key: value` lines between `---` and `---`"
    )]
    FrontMatter(usize),
    /// Front matter in braces.
    #[error(
        "its front matter stands in one pair of braces, into which nothing is written: expected a line for each key"
    )]
    Braces,
}

/// The fields of a block as they stand in a file, whoever wrote them.
pub type Fields = BTreeMap<String, String>;

impl FileForm {
    /// The form of a file of this name.
    pub fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "md" | "markdown" => Some(Self::Markdown),
            "html" | "htm" => Some(Self::Html),
            "json" => Some(Self::Json),
            "docx" => Some(Self::Docx),
            "pdf" => Some(Self::Pdf),
            _ => None,
        }
    }

    /// The block of a file, if it has one.
    ///
    /// # Errors
    /// The file is not of this form, or holds several blocks.
    pub fn read(self, file: &[u8]) -> Result<Option<Fields>, ExportError> {
        if file.len() > MOST {
            return Err(ExportError::Size);
        }
        match self {
            Self::Markdown => markdown::read(text(file, "Markdown in UTF-8")?),
            Self::Html => html::read(text(file, "HTML in UTF-8")?),
            Self::Json => json::read(file),
            Self::Docx => docx::read(file),
            Self::Pdf => pdf::read(file),
        }
    }

    /// The file with this block, and no other.
    ///
    /// # Errors
    /// The file is not of this form.
    pub fn write(self, file: &[u8], block: &Aigc) -> Result<Vec<u8>, ExportError> {
        if file.len() > MOST {
            return Err(ExportError::Size);
        }
        match self {
            Self::Markdown => {
                markdown::write(text(file, "Markdown in UTF-8")?, block).map(String::into_bytes)
            }
            Self::Html => html::write(text(file, "HTML in UTF-8")?, block).map(String::into_bytes),
            Self::Json => json::write(file, block),
            Self::Docx => docx::write(file, block),
            Self::Pdf => pdf::write(file, block),
        }
    }

    /// Hash of the skeleton of what the file says, its block and a C2PA manifest aside: of Markdown, HTML and JSON the source, of DOCX the
    /// document's XML. Of PDF that of each byte that draws its pages.
    ///
    /// # Errors
    /// The file is not of this form.
    pub fn hash(self, file: &[u8]) -> Result<String, ExportError> {
        Ok(Skeleton::of(&match self {
            Self::Markdown => {
                let bare = super::c2pa::without_comment(text(file, "Markdown in UTF-8")?);
                markdown::hashed(&bare)?
            }
            Self::Html => html::content(text(file, "HTML in UTF-8")?),
            Self::Json => json::content(file)?,
            Self::Docx => docx::content(file)?,
            Self::Pdf => return pdf::hash(file),
        }))
    }
}

fn text<'f>(file: &'f [u8], what: &'static str) -> Result<&'f str, ExportError> {
    std::str::from_utf8(file).map_err(|_| ExportError::Form(what))
}

/// What a file's block becomes where `ours` is to stand in it: a producer that was named before stays, and we spread what it made.
pub fn merged(there: Option<&Fields>, ours: &Aigc) -> Aigc {
    let field = |name: &str| {
        let value = there.and_then(|fields| fields.get(name));
        value.filter(|value| !value.is_empty() && is_allowed(value)).cloned()
    };
    let (Some(producer), Some(id)) = (field("ContentProducer"), field("ProduceID")) else {
        return ours.clone();
    };
    if producer == ours.content_producer {
        // Who spreads what we have made stays too.
        let propagator = field("ContentPropagator").filter(|propagator| *propagator != producer);
        let Some((propagator, number)) = propagator.zip(field("PropagateID")) else { return ours.clone() };
        return Aigc {
            content_propagator: propagator,
            propagate_id: number,
            reserved_code2: field("ReservedCode2").unwrap_or_default(),
            ..ours.clone()
        };
    }
    let label = field("Label").filter(|label| matches!(label.as_str(), "1" | "2" | "3"));
    Aigc {
        label: label.unwrap_or_else(|| "1".into()),
        content_producer: producer,
        produce_id: id,
        reserved_code1: field("ReservedCode1").unwrap_or_default(),
        content_propagator: ours.content_producer.clone(),
        propagate_id: ours.produce_id.clone(),
        // What the propagator keeps for itself: here, its signature.
        reserved_code2: ours.reserved_code1.clone(),
    }
}

/// A block's fields from JSON, with the object `AIGC` around them or without.
fn of_json(json: &str) -> Option<Fields> {
    let mut value: serde_json::Value = serde_json::from_str(json).ok()?;
    if let Some(inner) = value.get_mut("AIGC") {
        value = inner.take();
    }
    // Some programs write the object as a string.
    if let Some(text) = value.as_str() {
        value = serde_json::from_str(text).ok()?;
        if let Some(inner) = value.get_mut("AIGC") {
            value = inner.take();
        }
    }
    let object = value.as_object()?;
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Some(object.iter().map(|(name, value)| (name.clone(), text(value))).collect())
}

/// The seven fields as an object of their own.
fn fields_json(block: &Aigc) -> String {
    let json = block.json();
    json.strip_prefix("{\"AIGC\":").and_then(|rest| rest.strip_suffix('}')).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(super) use tests::{docx_of_tests, pdf_of_tests};
