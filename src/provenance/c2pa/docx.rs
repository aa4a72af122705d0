//! A manifest in a DOCX document, as c2pa-rs 0.91 writes it: `META-INF/content_credential.c2pa`, not packed. It binds each other file by its hash,
//! from its head to the end of its bytes, and the directory but for the manifest's own checksum in it.
//!
//! It is read and not written. c2pa-rs itself reads no archive with packed files, and other programs hash other bytes; a manifest beside the
//! document holds for all of them.

use std::ops::Range;

use super::PlaceFault;
use crate::provenance::export::zip::Zip;

const PLACE: &str = "META-INF/content_credential.c2pa";

pub(super) fn find(file: &[u8]) -> Result<Option<Vec<u8>>, PlaceFault> {
    Zip::read(file)?.stored(PLACE).map_err(|_| PlaceFault::Stream)
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
}
