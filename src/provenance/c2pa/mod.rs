//! C2PA manifests of files (Content Credentials, specification 2.3): a signed claim that a model made the content, bound to the very bytes.
//!
//! A manifest is a tree of JUMBF boxes: assertions in CBOR, a claim with the hash of each, and a COSE signature over the claim with the signer's
//! certificates. Where it stands follows from the file's form: behind text in characters that nobody sees, in a comment of Markdown, in a script
//! element of HTML, among the embedded files of a PDF, or beside the file. It is for files that leave the house: in a
//! chat it would be longer than most answers.

mod algorithm;
mod armour;
mod cbor;
mod certificate;
mod claim;
mod credential;
mod docx;
mod html;
mod jumbf;
mod pdf;
mod settings;
mod verify;
mod wrapper;

use std::ops::Range;
use std::path::{Path, PathBuf};

use unicode_normalization::UnicodeNormalization as _;

use super::export::{ExportError, FileForm, MOST};

pub use certificate::{Anchors, CertificateFault, Validity};
pub use claim::{Claim, SOURCE_TYPE};
pub use credential::{Chain, Credential, CredentialError};
pub use settings::{C2paFault, C2paProblem, C2paSettings, CommentOrWrapper};
pub use verify::{Finding, Report, Trust, verify};

type Hash = [u8; 32];
/// Where in a file a manifest stands, with all that belongs to it, and the manifest.
type Stood = (Range<usize>, Vec<u8>);

fn sha256(bytes: &[u8]) -> Hash {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    // SHA-256 has 32 bytes.
    digest.as_ref().first_chunk().copied().unwrap_or_default()
}

/// A form of files that a manifest goes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Plain text.
    Text,
    /// A form that has a block of its own.
    Labelled(FileForm),
}

/// Where a manifest is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// Into the file.
    Inside,
    /// Into the file; into a comment, where it is Markdown.
    InComment,
    /// Beside the file.
    Beside,
}

/// Why a file has no manifest that can be read, or can get none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceFault {
    /// The file is not what its name says.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// Text with a wrapper that is not whole.
    #[error("its C2PA wrapper is cut or changed")]
    Corrupted,
    /// Text with several wrappers.
    #[error("it has more than one C2PA wrapper")]
    Wrappers,
    /// Markdown with several blocks.
    #[error("it has more than one C2PA manifest block")]
    References,
    /// Markdown with a block that says nothing.
    #[error("its C2PA manifest block is empty")]
    NoReference,
    /// HTML with several manifests.
    #[error("it has more than one C2PA manifest, or a reference to one beside it")]
    Manifests,
    /// HTML with a manifest whose element says more.
    #[error("the element of its C2PA manifest has other attributes than its type, which nothing binds")]
    Attributes,
    /// A file with several manifests.
    #[error("it has more than one C2PA manifest")]
    Several,
    /// The manifest's base64.
    #[error("its C2PA manifest is not base64")]
    Base64,
    /// The manifest's place in a container.
    #[error("its C2PA manifest cannot be taken out of it")]
    Stream,
    /// The manifest is somewhere else, and nothing is fetched.
    #[error("its C2PA manifest is at `{0}`, which is not fetched")]
    Elsewhere(String),
    /// The claim could not be made.
    #[error("the claim cannot be made: it is too large, or there is no chance to be had")]
    Claim,
}

impl PlaceFault {
    /// C2PA's code for it, where it has one.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::Corrupted => Some("manifest.text.corruptedWrapper"),
            Self::Wrappers => Some("manifest.text.multipleWrappers"),
            Self::References => Some("manifest.structuredText.multipleReferences"),
            Self::NoReference => Some("manifest.structuredText.emptyReference"),
            Self::Manifests => Some("manifest.html.multipleManifests"),
            Self::Elsewhere(_) => Some("manifest.inaccessible"),
            Self::Attributes | Self::Several | Self::Base64 | Self::Stream => Some("general.error"),
            Self::Export(_) | Self::Claim => None,
        }
    }
}

/// A manifest that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The manifest store.
    pub store: Vec<u8>,
    /// The bytes of the file that belong to it, where it stands in it and is not bound by files.
    range: Option<Range<usize>>,
    /// Whether it lies beside the file.
    pub is_beside: bool,
}

/// What binds a manifest to a file: the hash of all but these bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Binding {
    exclusions: Vec<Range<usize>>,
    hash: Hash,
}

/// A file with its manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The file.
    pub file: Vec<u8>,
    /// What lies beside it.
    pub beside: Option<Vec<u8>>,
}

/// The place beside a file: its name with `.c2pa` behind it.
pub fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".c2pa");
    PathBuf::from(name)
}

/// Whether a text is a manifest store in base64.
pub(super) fn is_store(said: &str) -> bool {
    html::is_store(said)
}

/// Markdown without a manifest that stands in a comment.
pub(super) fn without_comment(text: &str) -> std::borrow::Cow<'_, str> {
    match armour::find(text) {
        Ok(Some((range, _))) => cut(text, range).into(),
        Ok(None) | Err(_) => text.into(),
    }
}

fn cut(text: &str, range: Range<usize>) -> String {
    let before = text.get(..range.start).unwrap_or_default();
    format!("{before}{}", text.get(range.end..).unwrap_or_default())
}

fn text(file: &[u8]) -> Result<&str, PlaceFault> {
    std::str::from_utf8(file).map_err(|_| PlaceFault::Export(ExportError::Form("text in UTF-8")))
}

/// Without the ranges that are left out, in order.
fn kept(file: &[u8], exclusions: &[Range<usize>]) -> Option<Vec<u8>> {
    let (mut out, mut at) = (Vec::new(), 0);
    for range in exclusions {
        out.extend_from_slice(file.get(at..range.start)?);
        at = range.end;
        (range.start <= at).then_some(())?;
    }
    out.extend_from_slice(file.get(at..)?);
    Some(out)
}

/// The form in which text without a container is hashed: NFC.
fn composed(bytes: &[u8]) -> Option<Vec<u8>> {
    Some(std::str::from_utf8(bytes).ok()?.nfc().collect::<String>().into_bytes())
}

impl Carrier {
    /// The form of a file of this name.
    pub fn of(path: &Path) -> Option<Self> {
        let is_text = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("txt"));
        if is_text { Some(Self::Text) } else { FileForm::of(path).map(Self::Labelled) }
    }

    /// The manifest of a file: in it, or else beside it.
    ///
    /// # Errors
    /// The file is not of this form, or its manifest cannot be told.
    pub fn find(self, file: &[u8], beside: Option<Vec<u8>>) -> Result<Option<Found>, PlaceFault> {
        if file.len() > MOST {
            return Err(PlaceFault::Export(ExportError::Size));
        }
        let inside = |(range, store)| Found { store, range: Some(range), is_beside: false };
        let found = match self {
            Self::Text => wrapper::find(text(file)?)?.map(inside),
            Self::Labelled(FileForm::Markdown) => {
                let text = text(file)?;
                match (wrapper::find(text)?, armour::find(text)?) {
                    (Some(_), Some(_)) => return Err(PlaceFault::Several),
                    (one, other) => one.or(other).map(inside),
                }
            }
            Self::Labelled(FileForm::Html) => html::find(text(file)?)?.map(inside),
            Self::Labelled(FileForm::Pdf) => pdf::find(file)?.map(inside),
            Self::Labelled(FileForm::Docx) => {
                docx::find(file)?.map(|store| Found { store, range: None, is_beside: false })
            }
            Self::Labelled(FileForm::Json) => None,
        };
        Ok(found.or_else(|| beside.map(|store| Found { store, range: None, is_beside: true })))
    }

    /// The file without a manifest that stands in it, as far as it can be taken out: of a PDF the next one takes its place.
    ///
    /// # Errors
    /// The file is not of this form.
    pub fn without(self, file: &[u8], found: &Found) -> Result<Vec<u8>, PlaceFault> {
        match (self, &found.range) {
            (Self::Labelled(FileForm::Pdf), _) | (_, None) => Ok(file.to_vec()),
            (_, Some(range)) => Ok(kept(file, std::slice::from_ref(range)).unwrap_or_else(|| file.to_vec())),
        }
    }

    /// The file, which has no manifest but one that is to be written over, with one that says this.
    ///
    /// # Errors
    /// The file is not of this form, or too large.
    pub fn write(
        self,
        file: &[u8],
        put: Put,
        claim: &Claim,
        credential: &Credential,
    ) -> Result<Written, PlaceFault> {
        if file.len() > MOST {
            return Err(PlaceFault::Export(ExportError::Size));
        }
        let sign = |binding: &Binding| claim.store(binding, credential).ok_or(PlaceFault::Claim);
        let form = match (self, put) {
            (Self::Labelled(form @ (FileForm::Json | FileForm::Docx)), _)
            | (Self::Labelled(form), Put::Beside) => {
                // What lies beside the file binds it as it is, of whatever form it be.
                form.read(file)?;
                let store = sign(&Binding { exclusions: Vec::new(), hash: sha256(file) })?;
                return Ok(Written { file: file.to_vec(), beside: Some(store) });
            }
            (Self::Text, Put::Beside) => {
                text(file)?;
                let store = sign(&Binding { exclusions: Vec::new(), hash: sha256(file) })?;
                return Ok(Written { file: file.to_vec(), beside: Some(store) });
            }
            (Self::Text, _) => None,
            (Self::Labelled(form), _) => Some(form),
        };
        let file = match form {
            None | Some(FileForm::Markdown) => {
                let text = text(file)?;
                if form.is_some() && put == Put::InComment {
                    let line = if text.contains("\r\n") { "\r\n" } else { "\n" };
                    let hash = sha256(file);
                    let store = settled(sign, text.len(), hash, |m| armour::length(m, line))?;
                    format!("{text}{}", armour::encode(&store, line)).into_bytes()
                } else {
                    format!("{text}{}", wrapped(text, claim, credential)?).into_bytes()
                }
            }
            Some(FileForm::Html) => {
                let text = text(file)?;
                let store = settled(sign, html::place(text), sha256(file), html::length)?;
                html::write(text, &store).into_bytes()
            }
            Some(FileForm::Pdf) => updated(sign, file)?,
            // Above: beside the file.
            Some(FileForm::Json | FileForm::Docx) => file.to_vec(),
        };
        Ok(Written { file, beside: None })
    }
}

/// Turns until a manifest's length no longer changes: a number in it may grow by some bytes with it, once or twice.
const TURNS: usize = 8;

/// A manifest that leaves out the bytes that it takes itself, which stand at `start` and whose number follows from its length.
fn settled(
    sign: impl Fn(&Binding) -> Result<Vec<u8>, PlaceFault>,
    start: usize,
    hash: Hash,
    length: impl Fn(usize) -> usize,
) -> Result<Vec<u8>, PlaceFault> {
    let mut guess = 0;
    for _ in 0..TURNS {
        let own = start..start + guess;
        let store = sign(&Binding { exclusions: vec![own], hash })?;
        let real = length(store.len());
        if real == guess {
            return Ok(store);
        }
        guess = real;
    }
    Err(PlaceFault::Claim)
}

/// Tries for a wrapper whose padding is of zeros alone: one in three is.
const TRIES: usize = 50;

/// The wrapper of a text. A verifier of today (encypher-c2pa 1.7) takes nothing but zeros for padding, so numbers are drawn anew until there is
/// nothing else.
fn wrapped(text: &str, claim: &Claim, credential: &Credential) -> Result<String, PlaceFault> {
    let hash = sha256(text.nfc().collect::<String>().as_bytes());
    let mut found = String::new();
    for _ in 0..TRIES {
        let claim = claim.again().ok_or(PlaceFault::Claim)?;
        let sign = |binding: &Binding| claim.store(binding, credential).ok_or(PlaceFault::Claim);
        let store = settled(sign, text.len(), hash, wrapper::length)?;
        found = wrapper::encode(&store).ok_or(PlaceFault::Claim)?;
        if wrapper::is_padded_with_zeros(&found, store.len()) {
            break;
        }
    }
    Ok(found)
}

/// A PDF with its manifest, which leaves out itself alone: first comes one of as many bytes from chance, to see where it will stand.
fn updated(
    sign: impl Fn(&Binding) -> Result<Vec<u8>, PlaceFault>,
    file: &[u8],
) -> Result<Vec<u8>, PlaceFault> {
    let at_end = file.len()..file.len();
    let mut guess = sign(&Binding { exclusions: vec![at_end], hash: Hash::default() })?.len();
    for _ in 0..TURNS {
        let mut blank = vec![0; guess];
        getrandom::fill(&mut blank).map_err(|_| PlaceFault::Claim)?;
        let (mut out, range) = pdf::write(file, &blank)?;
        let exclusions = vec![range.clone()];
        let hash = sha256(&kept(&out, &exclusions).ok_or(PlaceFault::Claim)?);
        let store = sign(&Binding { exclusions, hash })?;
        if store.len() == guess {
            out.get_mut(range).ok_or(PlaceFault::Claim)?.copy_from_slice(&store);
            return Ok(out);
        }
        guess = store.len();
    }
    Err(PlaceFault::Claim)
}

#[cfg(test)]
mod laws;
