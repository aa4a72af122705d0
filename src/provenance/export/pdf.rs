//! PDF: a key `AIGC` of the document's information, whose text are the seven fields as JSON. It is appended as an update, so that the bytes
//! before it stay, and signatures over them too.

use std::collections::HashMap;

use aws_lc_rs::digest::{Context, SHA256};
use lopdf::{DecompressError, Dictionary, Document, Error, IncrementalDocument, Object, ObjectId, Stream};

use super::{ExportError, Fields, MOST, fields_json, of_json};
use crate::provenance::Aigc;

const KEY: &[u8] = b"AIGC";
const FORM: ExportError = ExportError::Form("a PDF document");
/// Names of content that are followed in one document.
const NAMES: usize = 1 << 20;

pub(in crate::provenance) fn open(file: &[u8]) -> Result<Document, ExportError> {
    let document = Document::load_mem(file).map_err(|_| FORM)?;
    if document.is_encrypted() || document.was_encrypted() {
        Err(ExportError::Encrypted)
    } else {
        Ok(document)
    }
}

/// A document to which an update can be appended: readers find what it had through its own cross-reference table, which an update only
/// continues. Where that had to be repaired, they would find the update and nothing else.
pub(in crate::provenance) fn open_to_update(file: &[u8]) -> Result<Document, ExportError> {
    let document = open(file)?;
    if document.xref_recovery.is_some() || document.xref_start == 0 {
        return Err(ExportError::Damaged);
    }
    Ok(document)
}

/// The file with its update, once that has been read again without repair and with all that was there.
pub(in crate::provenance) fn updated(mut update: IncrementalDocument) -> Result<Vec<u8>, ExportError> {
    let mut out = Vec::new();
    update.save_to(&mut out).map_err(|_| FORM)?;
    let (before, after) = (update.get_prev_documents(), open_to_update(&out)?);
    let same = before.page_iter().eq(after.page_iter()) && after.objects.len() >= before.objects.len();
    if same { Ok(out) } else { Err(ExportError::Damaged) }
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
    let document = open_to_update(file)?;
    let (id, mut information) = information(&document);
    information.set(KEY, lopdf::text_string(&fields_json(block)));
    let mut update = IncrementalDocument::create_from(file.to_vec(), document);
    let id = id.unwrap_or_else(|| update.new_document.new_object_id());
    update.new_document.set_object(id, Object::Dictionary(information));
    update.new_document.trailer.set("Info", Object::Reference(id));
    updated(update)
}

/// SHA-256, in hexadecimal digits, of what draws the pages: each page's content, and the form XObjects that it and they can draw. Letters
/// are codes of fonts there, so that each byte counts.
pub(super) fn hash(file: &[u8]) -> Result<String, ExportError> {
    let document = open(file)?;
    let mut drawn = Drawn {
        document: &document,
        hash: Context::new(&SHA256),
        seen: HashMap::new(),
        left: MOST,
        names: NAMES,
    };
    for page in document.page_iter() {
        drawn.hash.update(b"\npage\n");
        for content in document.get_page_contents(page) {
            drawn.stream(content)?;
        }
        if let Some(resources) = super::visible::inherited(&document, page, b"Resources") {
            drawn.forms(resources)?;
        }
    }
    Ok(crate::text::hex::encode(drawn.hash.finish().as_ref()))
}

/// What of a document has been hashed.
struct Drawn<'d> {
    document: &'d Document,
    hash: Context,
    /// The streams, in the order in which they came.
    seen: HashMap<ObjectId, usize>,
    /// Bytes that may still be unpacked.
    left: usize,
    names: usize,
}

impl<'d> Drawn<'d> {
    /// Of a stream that comes again, its place alone: nothing is unpacked twice. Whether it is new.
    fn stream(&mut self, id: ObjectId) -> Result<Option<&'d Stream>, ExportError> {
        self.names = self.names.checked_sub(1).ok_or(ExportError::Size)?;
        let next = self.seen.len();
        if let Some(place) = self.seen.get(&id) {
            self.hash.update(format!("\nagain {place}\n").as_bytes());
            return Ok(None);
        }
        self.seen.insert(id, next);
        let Ok(stream) = self.document.get_object(id).and_then(Object::as_stream) else { return Ok(None) };
        let unpacked = match stream.decompressed_content_with_limit(self.left) {
            Ok(unpacked) => unpacked,
            Err(Error::Decompress(DecompressError::MemoryLimitExceeded { .. })) => {
                return Err(ExportError::Size);
            }
            Err(_) => stream.content.clone(),
        };
        self.left = self.left.checked_sub(unpacked.len()).ok_or(ExportError::Size)?;
        self.hash.update(&unpacked);
        self.hash.update(b"\n");
        Ok(Some(stream))
    }

    /// The form XObjects of some resources and all below them, by their names.
    fn forms(&mut self, resources: &'d Object) -> Result<(), ExportError> {
        let mut waiting = vec![resources];
        while let Some(resources) = waiting.pop() {
            let document = self.document;
            let objects = document.dereference(resources).ok().and_then(|(_, own)| own.as_dict().ok());
            let objects = objects.and_then(|own| own.get_deref(b"XObject", document).ok()?.as_dict().ok());
            let mut named: Vec<(&[u8], ObjectId)> = Vec::new();
            for (name, object) in objects.into_iter().flat_map(Dictionary::iter) {
                self.names = self.names.checked_sub(1).ok_or(ExportError::Size)?;
                let Ok(id) = object.as_reference() else { continue };
                let form = document.get_object(id).and_then(Object::as_stream);
                let is_form =
                    form.ok().and_then(|form| form.dict.get_deref(b"Subtype", document).ok()?.as_name().ok())
                        == Some(b"Form".as_slice());
                if is_form {
                    named.push((name, id));
                }
            }
            named.sort_unstable();
            for (name, id) in named {
                self.hash.update(b"\nform ");
                self.hash.update(name);
                self.hash.update(b"\n");
                let below = self.stream(id)?.and_then(|form| form.dict.get(b"Resources").ok());
                waiting.extend(below);
            }
        }
        Ok(())
    }
}
