//! Records in files for a warehouse: Parquet, or lines of another form, compressed.
//!
//! A file holds the records of one journal from one number to another, of one day by their clock (UTC), and is named by all of these:
//! who writes the same records again writes the same file. The same records make the same bytes.

mod columns;
mod parquet;
mod thrift;

use super::event::{EventForm, written_at};
use super::segment::Entry;
use crate::diag::moment;
use columns::Rows;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fmt::Write as _;
use std::io::{self, Write as _};

/// Milliseconds of a day.
const DAY: u64 = 86_400_000;

/// A file of records that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordFile {
    /// Where it stands below the folder: `day=2026-11-28/journal-1-500.parquet`.
    pub path: String,
    /// Its bytes.
    pub bytes: bytes::Bytes,
    /// The first record in it.
    pub first: u64,
    /// The last one.
    pub last: u64,
    /// How many there are.
    pub records: u64,
}

/// A file in the making.
#[derive(Debug)]
pub struct RecordFileWriter {
    form: EventForm,
    journal: String,
    body: Body,
    day: u64,
    first: u64,
    last: u64,
    records: u64,
    /// Bytes of the records themselves.
    size: usize,
}

#[derive(Debug)]
enum Body {
    Rows(Box<Rows>),
    Lines(GzEncoder<Vec<u8>>),
}

/// The day of a record by its clock, in days since 1970; that of the epoch where it is no record of ours.
fn day_of(entry: &Entry) -> u64 {
    written_at(&entry.payload).map_or(0, |time_ms| time_ms / DAY)
}

impl RecordFileWriter {
    /// A file that begins with this record.
    pub fn new(form: EventForm, journal: &str, first: &Entry) -> Self {
        let body = match form {
            EventForm::Parquet => Body::Rows(Box::new(Rows::new())),
            // Without name and time in its head, so that the same lines make the same bytes.
            EventForm::Records | EventForm::Ocsf | EventForm::Otel | EventForm::Cef => {
                Body::Lines(GzEncoder::new(Vec::new(), Compression::default()))
            }
        };
        let (day, sequence) = (day_of(first), first.sequence);
        let journal = journal.to_owned();
        Self { form, journal, body, day, first: sequence, last: sequence, records: 0, size: 0 }
    }

    /// Whether a record belongs into this file: it is of the same day.
    pub fn takes(&self, entry: &Entry) -> bool {
        day_of(entry) == self.day
    }

    /// Adds a record, which comes behind all that are in it. One that is no JSON is passed over: to find it is the verifier's work.
    ///
    /// # Errors
    /// What is too long for the form.
    pub fn push(&mut self, entry: &Entry) -> io::Result<()> {
        (self.last, self.size) = (entry.sequence, self.size + entry.payload.len());
        match &mut self.body {
            Body::Rows(rows) => {
                let Ok(text) = std::str::from_utf8(&entry.payload) else { return Ok(()) };
                let Ok(record) = serde_json::from_str::<serde_json::Value>(text) else { return Ok(()) };
                let Some(time_ms) = record["time_ms"].as_u64() else { return Ok(()) };
                rows.push(&self.journal, entry.sequence, time_ms, &record, text)?;
            }
            Body::Lines(out) => {
                let Some(told) = self.form.told(&self.journal, entry.sequence, &entry.payload) else {
                    return Ok(());
                };
                writeln!(out, "{}", told.lines)?;
            }
        }
        self.records += 1;
        Ok(())
    }

    /// Bytes of the records in it, before they were compressed.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The first record.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The last one so far.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// The whole file.
    ///
    /// # Errors
    /// More than the form has room for.
    pub fn finish(self) -> io::Result<RecordFile> {
        let Self { form, journal, body, day, first, last, records, .. } = self;
        let bytes = match body {
            Body::Rows(rows) => {
                let range = format!("{first}-{last}");
                rows.finish(&[("sluicegate.journal", &journal), ("sluicegate.records", &range)])?
            }
            Body::Lines(out) => out.finish()?,
        };
        let ending = ending(form);
        let date = moment::written(day * DAY);
        let date = date.get(..10).unwrap_or_default();
        let path = format!("day={date}/{}-{first:012}-{last:012}.{ending}", plain(&journal));
        Ok(RecordFile { path, bytes: bytes.into(), first, last, records })
    }
}

/// How the name of a file ends.
fn ending(form: EventForm) -> &'static str {
    match form {
        EventForm::Parquet => "parquet",
        EventForm::Records | EventForm::Ocsf | EventForm::Otel => "jsonl.gz",
        EventForm::Cef => "cef.gz",
    }
}

/// The first and the last record of a file of this journal in this form, by its name without folders; none of any other file.
pub fn numbers_in_name(form: EventForm, journal: &str, name: &str) -> Option<(u64, u64)> {
    let numbers = name.strip_suffix(ending(form))?.strip_suffix('.')?;
    let (first, last) = numbers.strip_prefix(&*plain(journal))?.strip_prefix('-')?.split_once('-')?;
    let number = |text: &str| text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    Some((number(first)?, number(last)?))
}

/// A journal's name as it can stand in a file's: what is no letter, digit, `.` or `-` in hexadecimal, so that no two are alike.
fn plain(name: &str) -> String {
    name.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "_{byte:02x}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::EntryKind;

    fn entry(sequence: u64, time_ms: u64) -> Entry {
        let payload = format!(r#"{{"record":"end","time_ms":{time_ms},"exchange":"x","verdict":"allow"}}"#);
        Entry { sequence, kind: EntryKind::End, payload: payload.into_bytes() }
    }

    fn file(form: EventForm, journal: &str) -> RecordFile {
        let mut file = RecordFileWriter::new(form, journal, &entry(7, 3 * DAY));
        for sequence in 7..20 {
            let next = entry(sequence, 3 * DAY + sequence);
            assert!(file.takes(&next));
            file.push(&next).expect("room");
        }
        let broken = Entry { payload: b"\xffno record".to_vec(), ..entry(20, 0) };
        file.push(&broken).expect("room");
        assert!(!file.takes(&entry(21, 4 * DAY)) && !file.takes(&entry(21, 3 * DAY - 1)));
        file.finish().expect("a file")
    }

    #[test]
    fn the_same_records_make_the_same_file() {
        for form in [EventForm::Parquet, EventForm::Records, EventForm::Cef] {
            let (one, two) = (file(form, "a/b"), file(form, "a/b"));
            assert_eq!(one, two, "{form:?}");
            assert_eq!((one.first, one.last, one.records), (7, 20, 13));
        }
        let path = |journal: &str| file(EventForm::Parquet, journal).path;
        assert_eq!(path("example.com/g"), "day=1970-01-04/example.com_2fg-000000000007-000000000020.parquet");
        let numbers = |journal: &str, name: &str| numbers_in_name(EventForm::Parquet, journal, name);
        let name = path("a/b").split_off("day=1970-01-04/".len());
        assert_eq!(numbers("a/b", &name), Some((7, 20)));
        for other in ["a_2fb-7.parquet", "a_2fb-7-20.jsonl.gz", "a_2fb-7-+20.parquet", "a-7-20.parquet"] {
            assert_eq!(numbers("a/b", other), None, "{other}");
        }
        assert_ne!(path("a/b"), path("a_2fb"), "no two journals have files of the same name");
    }
}
