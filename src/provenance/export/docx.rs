//! DOCX: a custom property named `AIGC` whose text are the seven fields as JSON (TC260-PG-20258A). Other properties stay.

use std::ops::Range;

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
const FORM: ExportError = ExportError::Form("a DOCX document");

/// The properties named `AIGC`: where each stands, and its text.
fn blocks(xml: &str) -> Vec<(Range<usize>, String)> {
    let (mut found, mut at) = (Vec::new(), 0);
    let named = |from: usize| {
        let rest = xml.get(from..)?;
        [" name=\"AIGC\"", " name='AIGC'"].iter().filter_map(|name| rest.find(name)).min().map(|n| from + n)
    };
    while let Some(name) = named(at) {
        let Some(open) = xml.get(..name).and_then(|before| before.rfind('<')) else { break };
        let tag: String = xml.chars_from(open + 1).take_while(|c| !c.is_whitespace()).collect();
        let close = format!("</{tag}>");
        let Some(end) = xml.get(name..).and_then(|rest| rest.find(&close)).map(|n| name + n + close.len())
        else {
            break;
        };
        let whole = xml.get(open..end).unwrap_or_default();
        found.push((open..end, text_of(whole)));
        at = end;
    }
    found
}

trait CharsFrom {
    fn chars_from(&self, at: usize) -> std::str::Chars<'_>;
}

impl CharsFrom for str {
    fn chars_from(&self, at: usize) -> std::str::Chars<'_> {
        self.get(at..).unwrap_or_default().chars()
    }
}

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

fn open(file: &[u8]) -> Result<Zip, ExportError> {
    let zip = Zip::read(file)?;
    if zip.text(DOCUMENT)?.is_none() { Err(FORM) } else { Ok(zip) }
}

pub(super) fn read(file: &[u8]) -> Result<Option<Fields>, ExportError> {
    let properties = open(file)?.text(PROPERTIES)?.unwrap_or_default();
    match blocks(&properties).as_slice() {
        [] => Ok(None),
        [(_, text)] => Ok(Some(of_json(text).unwrap_or_default())),
        more => Err(ExportError::Several(more.len())),
    }
}

pub(super) fn write(file: &[u8], block: &Aigc) -> Result<Vec<u8>, ExportError> {
    let mut zip = open(file)?;
    let mut properties = zip.text(PROPERTIES)?.unwrap_or_else(|| {
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<Properties xmlns=\"{NAMESPACE}\" xmlns:vt=\"{VALUES}\"></Properties>")
    });
    for (range, _) in blocks(&properties).into_iter().rev() {
        properties.replace_range(range, "");
    }
    // Properties of users are numbered from 2 on.
    let numbers =
        properties.split(" pid=\"").skip(1).filter_map(|rest| rest.split('"').next()?.parse::<u32>().ok());
    let number = numbers.max().unwrap_or(1).max(1) + 1;
    let json = fields_json(block).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let property = format!(
        "<property xmlns=\"{NAMESPACE}\" fmtid=\"{SET}\" pid=\"{number}\" name=\"AIGC\"><vt:lpwstr xmlns:vt=\"{VALUES}\">{json}</vt:lpwstr></property>"
    );
    // An element without content is written short.
    if let Some(short) = properties.strip_suffix("/>").map(str::to_owned) {
        properties = short + "></Properties>";
    }
    let end = properties.rfind("</").ok_or(FORM)?;
    properties.insert_str(end, &property);
    zip.set(PROPERTIES, &properties)?;
    let put = |zip: &mut Zip, name: &str, known: &str, element: &str| {
        let mut xml = zip.text(name)?.ok_or(FORM)?;
        if !xml.contains(known) {
            let end = xml.rfind("</").ok_or(FORM)?;
            xml.insert_str(end, element);
            zip.set(name, &xml)?;
        }
        Ok(())
    };
    let media = format!("<Override PartName=\"/{PROPERTIES}\" ContentType=\"{MEDIA}\"/>");
    put(&mut zip, TYPES, MEDIA, &media)?;
    let relation = format!("<Relationship Id=\"rIdAigc\" Type=\"{RELATION}\" Target=\"{PROPERTIES}\"/>");
    put(&mut zip, RELATIONS, RELATION, &relation)?;
    zip.write()
}

/// The document's own XML.
pub(super) fn content(file: &[u8]) -> Result<String, ExportError> {
    open(file)?.text(DOCUMENT)?.ok_or(FORM)
}
