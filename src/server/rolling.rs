//! Which records go into one file: those of a day, until there are many or the first of them has waited for long.
//!
//! What a file will hold is written down before the file is: after a crash the same records come into a file of the same name, which then
//! stands in the place of the one that may be there already.

use crate::audit::{Entry, EventForm, ReadError, RecordFile, RecordFileWriter, Tail};
use crate::diag::write_whole;
use crate::upstream::sink::SinkSettings;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The file of a sink that is being filled.
#[derive(Debug)]
pub(super) struct Rolling {
    form: EventForm,
    origin: String,
    settings: SinkSettings,
    /// Where it is written down what the next file holds.
    plan: PathBuf,
    /// The first and the last record of the file that was written last, or was to be; it may be there.
    planned: Option<(u64, u64)>,
    open: Option<(RecordFileWriter, Instant)>,
    /// Records that were read and belong into another file.
    next: VecDeque<Entry>,
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub(super) enum RollError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("a file of records cannot be made: {0}")]
    File(#[from] io::Error),
}

impl Rolling {
    /// `after`: the last record that the sink has; `durable`: the last one that there is.
    pub(super) fn open(
        folder: &Path,
        settings: &SinkSettings,
        form: EventForm,
        origin: &str,
        (after, durable): (u64, u64),
    ) -> io::Result<Self> {
        let plan = folder.join(format!("{}.file", settings.name));
        let text = match std::fs::read_to_string(&plan) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            read => read.unwrap_or_default(),
        };
        let planned = (|| {
            let mut words = text.trim_end().splitn(3, ' ');
            let (first, last) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            (words.next() == Some(origin) && first == after + 1 && last <= durable).then_some((first, last))
        })();
        let (settings, origin) = (settings.clone(), origin.to_owned());
        Ok(Self { form, origin, settings, plan, planned, open: None, next: VecDeque::new() })
    }

    /// Reads on, and gives a file that is full, or whose time has come; `purged` is told of records that are there no more. `all`: no more
    /// will come.
    pub(super) fn next(
        &mut self,
        tail: &mut Tail,
        durable: u64,
        (now, all): (Instant, bool),
        purged: &mut dyn FnMut(u64),
    ) -> Result<Option<RecordFile>, RollError> {
        loop {
            let Some(entry) = self.next.pop_front() else {
                let batch = tail.read(durable, self.settings.batch, self.settings.batch_bytes.get())?;
                if batch.purged > 0 {
                    purged(batch.purged);
                }
                if batch.entries.is_empty() {
                    break;
                }
                self.next.extend(batch.entries);
                continue;
            };
            if self.is_full(&entry) {
                self.next.push_front(entry);
                return self.close();
            }
            let (file, _) = self
                .open
                .get_or_insert_with(|| (RecordFileWriter::new(self.form, &self.origin, &entry), now));
            file.push(&entry)?;
        }
        // What was planned has to be what it was.
        let is_due = self.open.as_ref().is_some_and(|(file, since)| match self.planned_for(file) {
            Some(last) => file.last() >= last,
            None => all || now.duration_since(*since) >= self.settings.roll_every(),
        });
        if is_due { self.close() } else { Ok(None) }
    }

    /// Whether this record belongs into the next file.
    fn is_full(&self, entry: &Entry) -> bool {
        let Some((file, _)) = &self.open else { return false };
        match self.planned_for(file) {
            Some(last) => entry.sequence > last,
            None => file.size() >= self.settings.roll_bytes() || !file.takes(entry),
        }
    }

    /// With which record a file ends, where it is one that was written down.
    fn planned_for(&self, file: &RecordFileWriter) -> Option<u64> {
        self.planned.filter(|(first, _)| *first == file.first()).map(|(_, last)| last)
    }

    fn close(&mut self) -> Result<Option<RecordFile>, RollError> {
        let Some((file, _)) = self.open.take() else { return Ok(None) };
        if self.planned_for(&file).is_none() {
            let (first, last) = (file.first(), file.last());
            write_whole(&self.plan, format!("{first} {last} {}\n", self.origin).as_bytes(), 0o600)?;
            self.planned = Some((first, last));
        }
        Ok(Some(file.finish()?))
    }

    /// Forgets what was read: it is read again from where the sink stands.
    pub(super) fn begin_anew(&mut self) {
        self.open = None;
        self.next.clear();
    }
}
