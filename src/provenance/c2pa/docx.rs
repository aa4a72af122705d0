//! A manifest in a DOCX document (C2PA 2.3, A.6 on files in ZIP): `META-INF/content_credential.c2pa`, as it is and not packed. It binds each other
//! file by its hash, from its head to the end of its bytes, and the directory but for the manifest's own checksum in it.

use std::ops::Range;

use super::{Binding, Hash, PlaceFault, sha256};
use crate::provenance::export::ExportError;
use crate::provenance::export::zip::Zip;

const PLACE: &str = "META-INF/content_credential.c2pa";
const TYPES: &str = "[Content_Types].xml";
const TYPE: &str = "<Default Extension=\"c2pa\" ContentType=\"application/c2pa\"/>";
const FORM: PlaceFault = PlaceFault::Export(ExportError::Form("a DOCX document"));

fn open(file: &[u8]) -> Result<Zip, PlaceFault> {
    Zip::read(file).map_err(PlaceFault::Export)
}

pub(super) fn find(file: &[u8]) -> Result<Option<Vec<u8>>, PlaceFault> {
    open(file)?.stored(PLACE).map_err(|_| PlaceFault::Stream)
}

/// The document ready for a manifest: without one, and with its media type among the others, as office programs want of each file.
pub(super) fn prepare(file: &[u8]) -> Result<Vec<u8>, PlaceFault> {
    let mut zip = open(file)?;
    zip.remove(PLACE);
    let mut types = zip.text(TYPES)?.ok_or(FORM)?;
    if !types.contains("Extension=\"c2pa\"") {
        let open = types.find("<Types").ok_or(FORM)?;
        let end = types.get(open..).and_then(|rest| rest.find('>')).map(|n| open + n + 1).ok_or(FORM)?;
        types.insert_str(end, TYPE);
        zip.set(TYPES, &types)?;
    }
    Ok(zip.write()?)
}

/// The document with these bytes as its manifest.
pub(super) fn write(file: &[u8], manifest: &[u8]) -> Result<Vec<u8>, PlaceFault> {
    let mut zip = open(file)?;
    zip.store(PLACE, manifest)?;
    Ok(zip.write()?)
}

/// What binds a manifest to the document.
pub(super) fn binding(file: &[u8]) -> Result<Binding, PlaceFault> {
    let spans = Spans::of(file)?;
    let piece = |range: &Range<usize>| file.get(range.clone()).unwrap_or_default();
    let files = spans.files.iter();
    let files = files.map(|(name, range)| (name.clone(), sha256(piece(range)), range.len() as u64)).collect();
    Ok(Binding::Collection { files, directory: spans.directory(file) })
}

/// What of the bytes each hash is over.
pub(super) struct Spans {
    /// Names and bytes of all files but the manifest.
    pub(super) files: Vec<(String, Range<usize>)>,
    from: usize,
    checksum: Option<usize>,
}

impl Spans {
    pub(super) fn of(file: &[u8]) -> Result<Self, PlaceFault> {
        let (mut files, mut checksum) = (Vec::new(), None);
        let layout = Zip::layout(file).map_err(PlaceFault::Export)?;
        for entry in layout.entries {
            if entry.name == PLACE {
                checksum = Some(entry.checksum);
            } else {
                files.push((entry.name, entry.bytes));
            }
        }
        Ok(Self { files, from: layout.directory, checksum })
    }

    /// The bytes of the directory that are hashed.
    pub(super) fn hashed(&self, file: &[u8]) -> Vec<u8> {
        let checksum = self.checksum.unwrap_or(file.len());
        let before = file.get(self.from..checksum).unwrap_or_default();
        [before, file.get(checksum + 4..).unwrap_or_default()].concat()
    }

    fn directory(&self, file: &[u8]) -> Hash {
        sha256(&self.hashed(file))
    }
}
