//! The fingerprints of documents as a file: text by lines, so that it is versioned, compared and approved as lists are.
//!
//! The first line names the format, the second the key. Each document is a line of JSON and lines of Base64: of each print the letters since
//! the print before it as a number of seven bits a byte, the lowest first, and the 48 bits of its hash.

use super::gram::{Key, Letters, Read, Winnow};
use crate::detect::Flaw;
use crate::text::hex;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

const FORMAT: &str = "sluicegate fingerprints 1";
/// Bytes of hash and, before Base64, of a line.
const HASH: usize = 6;
const LINE: usize = 90;
/// The least letters of a document that can be found again, see [`super::LEAST`].
pub const LEAST: u64 = 32;

/// One place of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Print {
    /// Of the last letter of its row: how many stand before it.
    pub last: u32,
    /// The row's number, of 48 bits.
    pub hash: u64,
}

/// A document, of which nothing but fingerprints is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What it is called.
    pub name: String,
    /// The day on which it was added, as `2026-11-28`.
    pub added: String,
    /// Its letters and digits.
    pub letters: u64,
    /// It is text that stands in many documents, such as clauses of contracts: what of the others stands in it is not looked for.
    pub common: bool,
    pub(super) prints: Vec<Print>,
}

/// A document's line.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Head {
    name: String,
    added: String,
    letters: u64,
    prints: usize,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    common: bool,
}

/// Documents whose passages are found again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    secret: [u8; 16],
    documents: Vec<Document>,
}

/// Why a document is not taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAdded {
    /// It has fewer letters than can be told from others.
    #[error("it has {0} letters; at least {LEAST} are needed to find it again")]
    Short(u64),
    /// It has more than four billion.
    #[error("it is too long")]
    Long,
}

impl Document {
    /// How many places of it are known.
    pub fn prints(&self) -> usize {
        self.prints.len()
    }
}

impl Collection {
    /// None yet. `secret`: random bytes, so that no table made elsewhere tells what the numbers are of.
    pub fn new(secret: [u8; 16]) -> Self {
        Self { secret, documents: Vec::new() }
    }

    pub(super) fn key(&self) -> Key {
        Key::new(self.secret)
    }

    /// Its documents, in the order in which they were added.
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// Takes in a document; one of the same name goes. True if there was one.
    pub fn add(&mut self, name: &str, added: &str, text: &str) -> Result<bool, NotAdded> {
        let document = self.read(name, added, text, false)?;
        Ok(self.put(document))
    }

    /// The same with text that stands in many documents, see [`Document::common`].
    pub fn add_common(&mut self, name: &str, added: &str, text: &str) -> Result<bool, NotAdded> {
        let document = self.read(name, added, text, true)?;
        Ok(self.put(document))
    }

    fn put(&mut self, document: Document) -> bool {
        let name = &document.name;
        let known = self.documents.iter_mut().find(|known| known.name == *name);
        let again = known.is_some();
        match known {
            Some(known) => *known = document,
            None => self.documents.push(document),
        }
        again
    }

    /// Forgets a document. False if there is none of this name.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.documents.len();
        self.documents.retain(|document| document.name != name);
        self.documents.len() < before
    }

    fn read(&self, name: &str, added: &str, text: &str, common: bool) -> Result<Document, NotAdded> {
        let (key, mut winnow) = (self.key(), Winnow::default());
        let mut prints = Vec::new();
        let mut keep = |gram: super::gram::Gram| {
            prints.push((gram.last, gram.hash));
        };
        let letters = Letters::of_text(&key, text, |_, _, read| match read {
            // Whichever of them others keep, it is known.
            Read::Letter(Some(gram)) if common => keep(gram),
            Read::Letter(Some(gram)) => winnow.push(gram, &mut keep),
            Read::Letter(None) | Read::Parted => {}
        });
        winnow.finish(&mut keep);
        if letters < LEAST || prints.is_empty() {
            return Err(NotAdded::Short(letters));
        }
        let print = |(last, hash): (u64, u64)| Some(Print { last: u32::try_from(last).ok()?, hash });
        let prints = prints.into_iter().map(print).collect::<Option<_>>().ok_or(NotAdded::Long)?;
        Ok(Document { name: name.to_owned(), added: added.to_owned(), letters, common, prints })
    }

    /// Reads a file's text.
    pub fn parse(text: &str) -> Result<Self, Flaw> {
        let mut lines = (1..).zip(text.lines());
        let mut expect = |what: &str| {
            lines
                .next()
                .ok_or_else(|| Flaw { line: text.lines().count() + 1, what: format!("expected {what}") })
        };
        let (line, format) = expect(&format!("`{FORMAT}`"))?;
        if format != FORMAT {
            let what = format!("expected `{FORMAT}`, which `sluicegate fingerprint add` writes");
            return Err(Flaw { line, what });
        }
        let (line, key) = expect("the key")?;
        let secret = key.strip_prefix("key ").and_then(hex::array);
        let secret =
            secret.ok_or_else(|| Flaw { line, what: "expected `key ` and 32 hexadecimal digits".into() })?;
        let mut all = Self::new(secret);
        let mut open: Option<(usize, Head, Vec<u8>)> = None;
        for (line, text) in lines {
            if text.starts_with('{') {
                if let Some(before) = open.take() {
                    all.documents.push(document(before)?);
                }
                let head = serde_json::from_str(text);
                let head =
                    head.map_err(|error| Flaw { line, what: format!("no document's line: {error}") })?;
                open = Some((line, head, Vec::new()));
                continue;
            }
            let Some((_, _, bytes)) = &mut open else {
                return Err(Flaw { line, what: "expected a document's line, in JSON".into() });
            };
            let more = BASE64_STANDARD.decode(text);
            bytes.extend(more.map_err(|_| Flaw { line, what: "expected Base64".into() })?);
        }
        if let Some(last) = open {
            all.documents.push(document(last)?);
        }
        Ok(all)
    }

    /// The file's text.
    pub fn write(&self) -> String {
        let mut out = format!("{FORMAT}\nkey {}\n", hex::encode(&self.secret));
        for Document { name, added, letters, common, prints } in &self.documents {
            let head = Head {
                name: name.clone(),
                added: added.clone(),
                letters: *letters,
                prints: prints.len(),
                common: *common,
            };
            // A string never fails, nor does JSON of strings and numbers.
            let _ = writeln!(out, "{}", serde_json::to_string(&head).unwrap_or_default());
            let mut bytes = Vec::with_capacity(prints.len() * (HASH + 1));
            let mut before = 0;
            for print in prints {
                let mut step = print.last - before;
                before = print.last;
                while step >= 0x80 {
                    bytes.push(step as u8 | 0x80);
                    step >>= 7;
                }
                bytes.push(step as u8);
                bytes.extend_from_slice(&print.hash.to_le_bytes()[..HASH]);
            }
            for line in bytes.chunks(LINE) {
                out.push_str(&BASE64_STANDARD.encode(line));
                out.push('\n');
            }
        }
        out
    }
}

/// A document of its line and its bytes.
fn document((line, head, bytes): (usize, Head, Vec<u8>)) -> Result<Document, Flaw> {
    let flaw = |what: String| Flaw { line, what };
    let (mut prints, mut last, mut at) = (Vec::new(), 0_u32, 0);
    while at < bytes.len() {
        let print = print(&bytes, &mut at, last);
        let print = print.ok_or_else(|| flaw(format!("the prints of `{}` are broken", head.name)))?;
        last = print.last;
        prints.push(print);
    }
    if u64::from(last) >= head.letters {
        return Err(flaw(format!("a print of `{}` stands behind its {} letters", head.name, head.letters)));
    }
    if prints.len() != head.prints {
        let (found, said) = (prints.len(), head.prints);
        return Err(flaw(format!("`{}` has {found} prints, and says that there are {said}", head.name)));
    }
    Ok(Document { name: head.name, added: head.added, letters: head.letters, common: head.common, prints })
}

fn print(bytes: &[u8], at: &mut usize, before: u32) -> Option<Print> {
    let mut step = 0_u32;
    for shift in [0, 7, 14, 21, 28] {
        let byte = *bytes.get(*at)?;
        *at += 1;
        step |= u32::from(byte & 0x7F).checked_shl(shift)?;
        if byte < 0x80 {
            let hash = bytes.get(*at..*at + HASH)?;
            *at += HASH;
            let hash = hash.iter().rev().fold(0, |all, &byte| all << 8 | u64::from(byte));
            return Some(Print { last: before.checked_add(step)?, hash });
        }
    }
    None
}
