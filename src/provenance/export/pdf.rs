//! PDF: a key `AIGC` of the document's information, whose text are the seven fields as JSON. It is appended as an update, so that the bytes
//! before it stay, and signatures over them too.

use lopdf::{Dictionary, Document, IncrementalDocument, Object, ObjectId};

use super::{ExportError, Fields, fields_json, of_json};
use crate::provenance::Aigc;

const KEY: &[u8] = b"AIGC";
const FORM: ExportError = ExportError::Form("a PDF document");

pub(super) fn open(file: &[u8]) -> Result<Document, ExportError> {
    let document = Document::load_mem(file).map_err(|_| FORM)?;
    if document.is_encrypted() || document.was_encrypted() {
        Err(ExportError::Encrypted)
    } else {
        Ok(document)
    }
}

/// The information, and its number where it has one.
fn information(document: &Document) -> (Option<ObjectId>, Dictionary) {
    match document.trailer.get(b"Info") {
        Ok(Object::Reference(id)) => (Some(*id), document.get_dictionary(*id).cloned().unwrap_or_default()),
        Ok(Object::Dictionary(own)) => (None, own.clone()),
        Ok(_) | Err(_) => (None, Dictionary::new()),
    }
}

pub(super) fn read(file: &[u8]) -> Result<Option<Fields>, ExportError> {
    let document = open(file)?;
    let (_, information) = information(&document);
    let text = information.get(KEY).ok().and_then(|value| lopdf::decode_text_string(value).ok());
    Ok(text.map(|text| of_json(&text).unwrap_or_default()))
}

pub(super) fn write(file: &[u8], block: &Aigc) -> Result<Vec<u8>, ExportError> {
    let document = open(file)?;
    let (id, mut information) = information(&document);
    information.set(KEY, lopdf::text_string(&fields_json(block)));
    let mut update = IncrementalDocument::create_from(file.to_vec(), document);
    let id = id.unwrap_or_else(|| update.new_document.new_object_id());
    update.new_document.set_object(id, Object::Dictionary(information));
    update.new_document.trailer.set("Info", Object::Reference(id));
    let mut out = Vec::new();
    update.save_to(&mut out).map_err(|_| FORM)?;
    Ok(out)
}

/// What draws the pages.
pub(super) fn content(file: &[u8]) -> Result<String, ExportError> {
    let document = open(file)?;
    let mut out = String::new();
    for page in document.get_pages().into_values() {
        out.push_str(&String::from_utf8_lossy(&document.get_page_content(page)));
    }
    Ok(out)
}
