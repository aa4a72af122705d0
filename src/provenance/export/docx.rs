//! DOCX: a custom property named `AIGC` whose text are the seven fields as JSON (TC260-PG-20258A). Other properties stay.

use std::collections::BTreeSet;

use html5gum::{Token, Tokenizer};

use super::xml::Root;
use super::zip::Zip;
use super::{ExportError, Fields, fields_json, of_json};
use crate::provenance::Aigc;

const PROPERTIES: &str = "docProps/custom.xml";
const TYPES: &str = "[Content_Types].xml";
const RELATIONS: &str = "_rels/.rels";
const DOCUMENT: &str = "word/document.xml";
const NAMESPACE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/custom-properties";
const VALUES: &str = "http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes";
const RELATION: &str =
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships/custom-properties";
const MEDIA: &str = "application/vnd.openxmlformats-officedocument.custom-properties+xml";
/// The set to which properties of users belong.
const SET: &str = "{D5CDD505-2E9C-101B-9397-08002B2CF9AE}";
/// The last number that a property can have.
const LAST: u32 = i32::MAX as u32;
const FORM: ExportError = ExportError::Form("a DOCX document");
const PARTS: ExportError =
    ExportError::Form("a DOCX document: the list of its parts or properties is no XML");

/// The text between the tags of an element.
fn text_of(element: &str) -> String {
    let (mut out, mut in_tag) = (String::new(), false);
    for c in element.chars() {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => in_tag = false,
            c if !in_tag => out.push(c),
            _ => {}
        }
    }
    let plain = out.replace("&quot;", "\"").replace("&apos;", "'").replace("&lt;", "<").replace("&gt;", ">");
    plain.replace("&amp;", "&")
}

/// The archive, and the name of the part in it that is the document (ECMA-376 part 1, 11.3.10): the one that the package names so.
pub(super) fn open(file: &[u8]) -> Result<(Zip, String), ExportError> {
    let zip = Zip::read(file)?;
    let relations = zip.text(RELATIONS)?.unwrap_or_default();
    let mut main = BTreeSet::new();
    for Ok(token) in Tokenizer::new(&relations) {
        let Token::StartTag(tag) = token else { continue };
        let attribute = |name: &[u8]| tag.attributes.get(name).map(|value| String::from_utf8_lossy(value));
        if attribute(b"type").is_some_and(|kind| kind.ends_with("/officeDocument")) {
            main.insert(attribute(b"target").unwrap_or_default().trim_start_matches('/').to_owned());
        }
    }
    let name = main.pop_first().unwrap_or_else(|| DOCUMENT.to_owned());
    if !main.is_empty() {
        return Err(ExportError::Form("a DOCX document: it names several parts as its document"));
    }
    // One part that is elsewhere or outside is read nowhere else.
    if zip.names().any(|one| one == name) { Ok((zip, name)) } else { Err(FORM) }
}

pub(super) fn read(file: &[u8]) -> Result<Option<Fields>, ExportError> {
    let Some(properties) = open(file)?.0.text(PROPERTIES)? else { return Ok(None) };
    let root = Root::of(&properties).ok_or(PARTS)?;
    match root.blocks.as_slice() {
        [] => Ok(None),
        [block] => {
            let text = text_of(properties.get(block.clone()).unwrap_or_default());
            Ok(Some(of_json(&text).unwrap_or_default()))
        }
        more => Err(ExportError::Several(more.len())),
    }
}

pub(super) fn write(file: &[u8], block: &Aigc) -> Result<Vec<u8>, ExportError> {
    let (mut zip, _) = open(file)?;
    let properties = zip.text(PROPERTIES)?.unwrap_or_else(|| {
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<Properties xmlns=\"{NAMESPACE}\" xmlns:vt=\"{VALUES}\"></Properties>")
    });
    let root = Root::of(&properties).ok_or(PARTS)?;
    // Properties of users are numbered from 2 on.
    let after = root.numbers.last().map_or(2, |&last| last.max(1).saturating_add(1));
    let number =
        if after <= LAST { after } else { (2..LAST).find(|n| !root.numbers.contains(n)).unwrap_or(2) };
    let json = fields_json(block).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let property = format!(
        "<property xmlns=\"{NAMESPACE}\" fmtid=\"{SET}\" pid=\"{number}\" name=\"AIGC\"><vt:lpwstr xmlns:vt=\"{VALUES}\">{json}</vt:lpwstr></property>"
    );
    let written = root.with(&properties, &property).ok_or(PARTS)?;
    zip.set(PROPERTIES, &written)?;
    let put = |zip: &mut Zip, name: &str, known: &str, element: &str, attributes: &str| {
        let xml = zip.text(name)?.ok_or(FORM)?;
        if !xml.contains(known) {
            let root = Root::of(&xml).ok_or(PARTS)?;
            let prefix =
                root.name.rsplit_once(':').map(|(prefix, _)| format!("{prefix}:")).unwrap_or_default();
            let element = format!("<{prefix}{element} {attributes}/>");
            zip.set(name, &root.with(&xml, &element).ok_or(PARTS)?)?;
        }
        Ok(())
    };
    let media = format!("PartName=\"/{PROPERTIES}\" ContentType=\"{MEDIA}\"");
    put(&mut zip, TYPES, MEDIA, "Override", &media)?;
    let relation = format!("Id=\"rIdAigc\" Type=\"{RELATION}\" Target=\"{PROPERTIES}\"");
    put(&mut zip, RELATIONS, RELATION, "Relationship", &relation)?;
    zip.write()
}

/// The document's own XML.
pub(super) fn content(file: &[u8]) -> Result<String, ExportError> {
    let (zip, name) = open(file)?;
    zip.text(&name)?.ok_or(FORM)
}
