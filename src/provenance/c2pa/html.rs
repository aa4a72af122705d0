//! A manifest in HTML (C2PA 2.3, A.7): a `script` element of the type `application/c2pa` in the head, the manifest in base64. All of the element is
//! left out of the hash, and nothing but the element is added, so the hash is that of the document as it was.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::jumbf::Super;
use super::{PlaceFault, Stood};
use crate::provenance::export::html;

const OPEN: &str = "<script type=\"application/c2pa\">";
const CLOSE: &str = "</script>";

pub(super) fn find(text: &str) -> Result<Option<Stood>, PlaceFault> {
    let scripts = html::manifests(text);
    match (scripts.as_slice(), html::references(text).as_slice()) {
        ([], []) => Ok(None),
        ([], [reference]) => Err(PlaceFault::Elsewhere(reference.clone())),
        // All of the element is left out of the hash: a script's source or a style in it would be bound by nothing.
        ([one], []) if !one.is_bare => Err(PlaceFault::Attributes),
        ([one], []) => {
            let manifest = BASE64_STANDARD.decode(one.said.trim()).map_err(|_| PlaceFault::Base64)?;
            Ok(Some((one.range.clone(), manifest)))
        }
        _ => Err(PlaceFault::Manifests),
    }
}

/// Whether a text is a manifest store in base64.
pub(super) fn is_store(said: &str) -> bool {
    let store = BASE64_STANDARD.decode(said.trim()).unwrap_or_default();
    Super::read(&store)
        .is_some_and(|(store, rest)| &store.kind == b"c2pa" && store.is_sound() && rest.is_empty())
}

/// Bytes of the element for a manifest of so many bytes.
pub(super) fn length(manifest: usize) -> usize {
    OPEN.len() + manifest.div_ceil(3) * 4 + CLOSE.len()
}

/// Where in a document the element goes.
pub(super) fn place(text: &str) -> usize {
    html::in_head(text)
}

/// The document with this manifest, which has none.
pub(super) fn write(text: &str, manifest: &[u8]) -> String {
    let (before, after) = text.split_at_checked(place(text)).unwrap_or((text, ""));
    format!("{before}{OPEN}{}{CLOSE}{after}", BASE64_STANDARD.encode(manifest))
}
