//! A manifest in a PDF document (C2PA 2.3, A.4): an embedded file that the catalog names among its associated files with the relation
//! `C2PA_Manifest`. It is appended as an update, so that all that was there stays.

use std::ops::Range;

use lopdf::{Dictionary, Document, IncrementalDocument, Object, ObjectId, Stream, dictionary};

use super::{PlaceFault, Stood};
use crate::provenance::export::ExportError;
use crate::provenance::export::pdf::{open, open_to_update, updated};

const RELATION: &[u8] = b"C2PA_Manifest";
const NAME: &str = "Content Credentials";
const FORM: PlaceFault = PlaceFault::Export(ExportError::Form("a PDF document"));

fn associated(document: &Document) -> Vec<Object> {
    let list = document.catalog().and_then(|catalog| catalog.get_deref(b"AF", document));
    list.and_then(Object::as_array).cloned().unwrap_or_default()
}

/// Whether an associated file is a manifest.
fn is_manifest(document: &Document, object: &Object) -> bool {
    let named = || {
        let file = document.dereference(object).ok()?.1.as_dict().ok()?;
        Some(file.get_deref(b"AFRelationship", document).ok()?.as_name().ok()? == RELATION)
    };
    named().unwrap_or(false)
}

pub(super) fn find(file: &[u8]) -> Result<Option<Stood>, PlaceFault> {
    let document = open(file)?;
    let mut all = associated(&document).into_iter().filter(|one| is_manifest(&document, one));
    let Some(found) = all.next() else { return Ok(None) };
    if all.next().is_some() {
        return Err(PlaceFault::Several);
    }
    let read = || {
        let file = document.dereference(&found).ok()?.1.as_dict().ok()?;
        let embedded = file.get_deref(b"EF", &document).ok()?.as_dict().ok()?;
        Some(embedded.get_deref(b"F", &document).ok()?.as_stream().ok()?.content.clone())
    };
    let manifest = read().filter(|manifest| !manifest.is_empty()).ok_or(PlaceFault::Stream)?;
    // A manifest has a number from chance in it: it stands in one place.
    let start = memchr::memmem::rfind(file, &manifest).ok_or(PlaceFault::Stream)?;
    Ok(Some((start..start + manifest.len(), manifest)))
}

/// The document with these bytes as its manifest, in the place of one that it has, and where they stand.
pub(super) fn write(file: &[u8], manifest: &[u8]) -> Result<(Vec<u8>, Range<usize>), PlaceFault> {
    let document = open_to_update(file)?;
    let mut files = associated(&document);
    files.retain(|one| !is_manifest(&document, one));
    let root = document.trailer.get(b"Root").and_then(Object::as_reference).map_err(|_| FORM)?;
    let mut catalog = document.get_dictionary(root).map_err(|_| FORM)?.clone();
    let names = names(&document, &catalog);
    let mut update = IncrementalDocument::create_from(file.to_vec(), document);
    let new = &mut update.new_document;
    let size = i64::try_from(manifest.len()).map_err(|_| PlaceFault::Export(ExportError::Size))?;
    let kind = dictionary! {
        "Type" => "EmbeddedFile", "Subtype" => "application/c2pa", "Params" => dictionary! { "Size" => size },
    };
    let stream = new.add_object(Stream::new(kind, manifest.to_vec()).with_compression(false));
    let specification = new.add_object(dictionary! {
        "Type" => "Filespec", "AFRelationship" => Object::Name(RELATION.to_vec()),
        "F" => Object::string_literal(NAME), "UF" => Object::string_literal(NAME),
        "Desc" => Object::string_literal(NAME),
        "EF" => dictionary! { "F" => stream, "UF" => stream },
    });
    files.push(Object::Reference(specification));
    catalog.set("AF", files);
    match names {
        Names::None => {
            let tree = dictionary! { "Names" => vec![Object::string_literal(NAME), specification.into()] };
            catalog.set("Names", dictionary! { "EmbeddedFiles" => tree });
        }
        Names::WithoutFiles(id, mut names) => {
            let tree = dictionary! { "Names" => vec![Object::string_literal(NAME), specification.into()] };
            names.set("EmbeddedFiles", tree);
            match id {
                Some(id) => new.set_object(id, Object::Dictionary(names)),
                None => catalog.set("Names", names),
            }
        }
        // A tree that others have made stays: the catalog names the file.
        Names::WithFiles => {}
    }
    new.set_object(root, Object::Dictionary(catalog));
    let out = updated(update)?;
    let start = memchr::memmem::rfind(&out, manifest).ok_or(PlaceFault::Stream)?;
    Ok((out, start..start + manifest.len()))
}

/// The document's tree of names, as far as files stand in it.
enum Names {
    None,
    WithoutFiles(Option<ObjectId>, Dictionary),
    WithFiles,
}

fn names(document: &Document, catalog: &Dictionary) -> Names {
    let Ok(object) = catalog.get(b"Names") else { return Names::None };
    match document.dereference(object) {
        Ok((id, Object::Dictionary(names))) if !names.has(b"EmbeddedFiles") => {
            Names::WithoutFiles(id, names.clone())
        }
        Ok(_) | Err(_) => Names::WithFiles,
    }
}
