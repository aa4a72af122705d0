//! ZIP archives as office programs write them: entries stay as they are packed, one may be added or written anew.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::ops::Range;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::{ExportError, MOST};

const FORM: ExportError = ExportError::Form("a ZIP archive of an office document");
const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// Of what may stand behind a file's bytes.
const BEHIND: u32 = 0x0807_4b50;
/// Bytes of an end record without its comment.
const END_LENGTH: usize = 22;
/// The first day that the format knows.
const FIRST_DAY: u16 = 0x21;

/// One file of an archive, packed.
#[derive(Clone, Debug)]
struct Entry {
    name: String,
    method: u16,
    time: u16,
    day: u16,
    crc: u32,
    length: u32,
    packed: Vec<u8>,
    attributes: u32,
}

/// Where a file stands in an archive.
pub(in crate::provenance) struct Place {
    pub(in crate::provenance) name: String,
    /// From its head to the end of its bytes, with what may say their number behind them.
    pub(in crate::provenance) bytes: Range<usize>,
    /// Of its checksum in the directory.
    pub(in crate::provenance) checksum: usize,
}

/// Where all of them stand, and the directory begins.
pub(in crate::provenance) struct Layout {
    pub(in crate::provenance) entries: Vec<Place>,
    pub(in crate::provenance) directory: usize,
}

impl Layout {
    fn of(file: &[u8]) -> Option<Self> {
        let end = end_of(file)?;
        let (count, directory) = (u16_at(file, end + 10)?, u32_at(file, end + 16)? as usize);
        let (mut entries, mut names, mut at) = (Vec::new(), BTreeSet::new(), directory);
        for _ in 0..count {
            if u32_at(file, at)? != CENTRAL {
                return None;
            }
            let lengths =
                [u16_at(file, at + 28)?, u16_at(file, at + 30)?, u16_at(file, at + 32)?].map(usize::from);
            let name = std::str::from_utf8(file.get(at + 46..at + 46 + lengths[0])?).ok()?;
            let local = u32_at(file, at + 42)? as usize;
            if u32_at(file, local)? != LOCAL || !names.insert(name) {
                return None;
            }
            let head = 30 + usize::from(u16_at(file, local + 26)?) + usize::from(u16_at(file, local + 28)?);
            let mut stop = (local + head).checked_add(u32_at(file, at + 20)? as usize)?;
            // Bit 3: checksum and lengths stand behind the bytes, with a sign before them or without.
            if u16_at(file, at + 8)? & 8 != 0 {
                stop += match u32_at(file, stop)? {
                    LOCAL | CENTRAL => 0,
                    BEHIND => 16,
                    _ => 12,
                };
            }
            file.get(local..stop)?;
            entries.push(Place { name: name.to_owned(), bytes: local..stop, checksum: at + 16 });
            at += 46 + lengths.iter().sum::<usize>();
        }
        Some(Self { entries, directory })
    }
}

/// Where the record that ends an archive stands. The comment behind it has at most 64 KiB.
fn end_of(file: &[u8]) -> Option<usize> {
    let from = file.len().saturating_sub(END_LENGTH + 0xffff);
    (from..=file.len().checked_sub(END_LENGTH)?).rev().find(|&at| u32_at(file, at) == Some(END))
}

/// An archive in memory.
#[derive(Clone, Debug)]
pub(in crate::provenance) struct Zip(Vec<Entry>);

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_le_bytes(*b))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b))
}

impl Zip {
    pub(in crate::provenance) fn read(file: &[u8]) -> Result<Self, ExportError> {
        Self::parse(file).ok_or(FORM)
    }

    fn parse(file: &[u8]) -> Option<Self> {
        let end = end_of(file)?;
        let (count, mut at) = (u16_at(file, end + 10)?, u32_at(file, end + 16)? as usize);
        let (mut entries, mut names) = (Vec::new(), BTreeSet::new());
        let (mut spans, mut places) = (Vec::new(), Vec::new());
        for _ in 0..count {
            if u32_at(file, at)? != CENTRAL {
                return None;
            }
            let (packed, length) = (u32_at(file, at + 20)?, u32_at(file, at + 24)?);
            let lengths =
                [u16_at(file, at + 28)?, u16_at(file, at + 30)?, u16_at(file, at + 32)?].map(usize::from);
            let name = std::str::from_utf8(file.get(at + 46..at + 46 + lengths[0])?).ok()?;
            let local = u32_at(file, at + 42)? as usize;
            if u32_at(file, local)? != LOCAL || u16_at(file, at + 8)? & 1 != 0 {
                return None;
            }
            // Of two files of one name programs take the one or the other, and case parts none (ECMA-376 part 2, 6.3.4).
            if !names.insert(name.to_ascii_lowercase()) {
                return None;
            }
            let data =
                local + 30 + usize::from(u16_at(file, local + 26)?) + usize::from(u16_at(file, local + 28)?);
            let stop = data.checked_add(packed as usize)?;
            file.get(local..stop)?;
            spans.push((local, stop));
            places.push(data..stop);
            entries.push(Entry {
                name: name.to_owned(),
                method: u16_at(file, at + 10)?,
                time: u16_at(file, at + 12)?,
                day: u16_at(file, at + 14)?,
                crc: u32_at(file, at + 16)?,
                length,
                packed: Vec::new(),
                attributes: u32_at(file, at + 38)?,
            });
            at += 46 + lengths.iter().sum::<usize>();
        }
        // Bytes that several files share would be as many copies of them.
        spans.sort_unstable();
        if spans.windows(2).any(|two| matches!(two, [(_, stop), (next, _)] if next < stop)) {
            return None;
        }
        for (entry, span) in entries.iter_mut().zip(places) {
            entry.packed = file.get(span)?.to_vec();
        }
        Some(Self(entries))
    }

    /// The text of a file in it; none, where there is no such file.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, ExportError> {
        let Some(entry) = self.0.iter().find(|entry| entry.name == name) else { return Ok(None) };
        let mut out = Vec::new();
        match entry.method {
            0 => out.clone_from(&entry.packed),
            8 => {
                let most = MOST as u64 + 1;
                DeflateDecoder::new(entry.packed.as_slice())
                    .take(most)
                    .read_to_end(&mut out)
                    .map_err(|_| FORM)?;
            }
            _ => return Err(FORM),
        }
        if out.len() > MOST {
            return Err(ExportError::Size);
        }
        String::from_utf8(out).map(Some).map_err(|_| FORM)
    }

    /// The names of its files.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|entry| entry.name.as_str())
    }

    /// Puts a text in the place of a file, or behind all others.
    pub(super) fn set(&mut self, name: &str, text: &str) -> Result<(), ExportError> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).map_err(|_| FORM)?;
        let old = self.0.iter().position(|entry| entry.name == name);
        let (time, day, attributes) = old
            .and_then(|at| self.0.get(at))
            .map_or((0, FIRST_DAY, 0), |entry| (entry.time, entry.day, entry.attributes));
        let entry = Entry {
            name: name.to_owned(),
            method: 8,
            time,
            day,
            crc: crc32fast::hash(text.as_bytes()),
            length: u32::try_from(text.len()).map_err(|_| ExportError::Size)?,
            packed: encoder.finish().map_err(|_| FORM)?,
            attributes,
        };
        match old.and_then(|at| self.0.get_mut(at)) {
            Some(slot) => *slot = entry,
            None => self.0.push(entry),
        }
        Ok(())
    }

    /// The bytes of a file that is not packed; none, where there is no such file.
    pub(in crate::provenance) fn stored(&self, name: &str) -> Result<Option<Vec<u8>>, ExportError> {
        match self.0.iter().find(|entry| entry.name == name) {
            None => Ok(None),
            Some(entry) if entry.method == 0 => Ok(Some(entry.packed.clone())),
            Some(_) => Err(FORM),
        }
    }

    /// Where in an archive its files stand.
    pub(in crate::provenance) fn layout(file: &[u8]) -> Result<Layout, ExportError> {
        Layout::of(file).ok_or(FORM)
    }

    pub(super) fn write(&self) -> Result<Vec<u8>, ExportError> {
        let (mut out, mut directory) = (Vec::new(), Vec::new());
        let fits = |n: usize| u32::try_from(n).map_err(|_| ExportError::Size);
        for entry in &self.0 {
            let at = fits(out.len())?;
            let packed = fits(entry.packed.len())?;
            let name = u16::try_from(entry.name.len()).map_err(|_| FORM)?;
            // From the version on: what both records say alike.
            let mut common = Vec::new();
            for half in [20, 0x0800, entry.method, entry.time, entry.day] {
                common.extend_from_slice(&half.to_le_bytes());
            }
            for word in [entry.crc, packed, entry.length] {
                common.extend_from_slice(&word.to_le_bytes());
            }
            common.extend_from_slice(&name.to_le_bytes());
            common.extend_from_slice(&0u16.to_le_bytes());
            out.extend_from_slice(&LOCAL.to_le_bytes());
            out.extend_from_slice(&common);
            out.extend_from_slice(entry.name.as_bytes());
            out.extend_from_slice(&entry.packed);
            directory.extend_from_slice(&CENTRAL.to_le_bytes());
            directory.extend_from_slice(&20u16.to_le_bytes());
            directory.extend_from_slice(&common);
            directory.extend_from_slice(&[0; 6]);
            directory.extend_from_slice(&entry.attributes.to_le_bytes());
            directory.extend_from_slice(&at.to_le_bytes());
            directory.extend_from_slice(entry.name.as_bytes());
        }
        let (at, length) = (fits(out.len())?, fits(directory.len())?);
        let count = u16::try_from(self.0.len()).map_err(|_| ExportError::Size)?;
        out.extend_from_slice(&directory);
        out.extend_from_slice(&END.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&count.to_le_bytes());
        out.extend_from_slice(&count.to_le_bytes());
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&at.to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        Ok(out)
    }
}
