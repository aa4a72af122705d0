//! Sorts segments: small ones into larger ones, so that a text is looked up in few; and without what is too old, too much, or erased.

use std::cell::LazyCell;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError};

use super::keeper::{Fate, remove};
use super::record::PrintRecord;
use super::segment::{Segment, merged};
use super::shelf::{Shelf, Span, segment_path};
use crate::diag::moment::now_ms;

/// Letters of one segment at most: a place is a number of 32 bits.
const MOST_LETTERS: u64 = 3 << 30;

/// A segment has at least so many times the prints of the next one: a hundred million prints are in five.
const TIMES: u64 = 4;

/// Why an answer's prints go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dead {
    /// They were erased.
    Erased,
    /// Their time is over.
    Expired,
}

impl Shelf {
    /// Why an answer's prints go, if they do.
    pub(super) fn is_dead(&self, now_ms: u64) -> impl Fn(&PrintRecord) -> Option<Dead> + use<> {
        let erased = self.erased.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let from_ms = self.keep_ms.map_or(0, |keep| now_ms.saturating_sub(keep));
        move |record: &PrintRecord| {
            if erased.has(record) {
                Some(Dead::Erased)
            } else {
                (record.time_ms < from_ms).then_some(Dead::Expired)
            }
        }
    }

    fn list(&self) -> Vec<(Span, Arc<Segment>)> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts one segment, or none, in the place of those of a span.
    fn replace(&self, (first, last): Span, with: Option<Segment>) {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        let at = segments.partition_point(|(span, _)| span.1 < first);
        segments.retain(|(span, _)| span.0 < first || span.1 > last);
        if let Some(segment) = with {
            let at = at.min(segments.len());
            segments.insert(at, ((first, last), Arc::new(segment)));
        }
    }
}

pub(super) struct Sorter {
    pub(super) shelf: Arc<Shelf>,
    pub(super) size: u64,
    pub(super) is_held: Box<dyn Fn() -> bool + Send + Sync>,
    pub(super) told: Arc<dyn Fn(Fate) + Send + Sync>,
    pub(super) stop: Arc<AtomicBool>,
}

impl Sorter {
    pub(super) fn run(&self, asked: &Receiver<()>) {
        while asked.recv().is_ok() {
            match self.sort(now_ms()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return,
                Err(error) => tracing::error!(%error, "prints cannot be sorted"),
                Ok(()) => {}
            }
        }
    }

    /// All there is to do.
    pub(super) fn sort(&self, now_ms: u64) -> io::Result<()> {
        self.sweep(now_ms)?;
        self.fit()?;
        self.merge()
    }

    /// Writes segments anew of which something is to go.
    fn sweep(&self, now_ms: u64) -> io::Result<()> {
        // Asked only where something is old enough.
        let (is_dead, is_held) = (self.shelf.is_dead(now_ms), LazyCell::new(|| (self.is_held)()));
        let goes = |record: &PrintRecord| is_dead(record).filter(|why| *why == Dead::Erased || !*is_held);
        for (span, segment) in self.shelf.list() {
            let count = |why: Dead| {
                segment.table.entries.iter().filter(|entry| goes(&entry.record) == Some(why)).count()
            };
            let (erased, expired) = (count(Dead::Erased), count(Dead::Expired));
            // What is too old is found by nobody: it goes when it is worth the writing.
            if erased > 0 || expired > 0 && expired * 16 >= segment.table.entries.len() {
                self.rewrite(span, &segment, |record| goes(record).is_none())?;
                [Fate::Erased(erased), Fate::Expired(expired)]
                    .into_iter()
                    .filter(|fate| !matches!(fate, Fate::Erased(0) | Fate::Expired(0)))
                    .for_each(|fate| (self.told)(fate));
            }
        }
        Ok(())
    }

    /// Lets the oldest go while there is too much.
    fn fit(&self) -> io::Result<()> {
        loop {
            let segments = self.shelf.list();
            let bytes: u64 = segments.iter().map(|(_, segment)| segment.bytes).sum();
            let Some((span, segment)) = segments.first().filter(|_| bytes > self.size) else { return Ok(()) };
            // Room for some time, so that it is not written anew all the time.
            let over = bytes - self.size + self.size / 16;
            let letters =
                u128::from(over) * u128::from(segment.table.letters) / u128::from(segment.bytes.max(1));
            let kept = segment.table.entries.partition_point(|entry| u128::from(entry.first) < letters);
            let last = kept.checked_sub(1).and_then(|last| segment.table.entries.get(last));
            let before = last.map_or(0, |last| last.record.time_ms);
            let gone = segment.table.entries.iter().filter(|entry| entry.record.time_ms <= before).count();
            self.rewrite(*span, segment, |record| record.time_ms > before)?;
            (self.told)(Fate::Expired(gone));
            if gone == 0 {
                return Ok(());
            }
        }
    }

    /// Writes neighbours of much the same size into one.
    fn merge(&self) -> io::Result<()> {
        loop {
            let segments = self.shelf.list();
            let small = |pair: &&[(Span, Arc<Segment>)]| match pair {
                [(_, a), (_, b)] => {
                    a.prints < TIMES * b.prints && a.table.letters + b.table.letters < MOST_LETTERS
                }
                _ => false,
            };
            let Some([(first, a), (last, b)]) = segments.windows(2).rev().find(small) else { return Ok(()) };
            let span = (first.0, last.1);
            let path = segment_path(&self.shelf.folder, span);
            let both = [Arc::clone(a), Arc::clone(b)];
            let merged = merged(&path, &both, |_| true, &self.stop)?;
            self.shelf.replace(span, merged);
            remove(a.path())?;
            remove(b.path())?;
        }
    }

    fn rewrite(
        &self,
        span: Span,
        segment: &Arc<Segment>,
        keep: impl Fn(&PrintRecord) -> bool,
    ) -> io::Result<()> {
        let anew = merged(segment.path(), &[Arc::clone(segment)], keep, &self.stop)?;
        if anew.is_none() {
            remove(segment.path())?;
        }
        self.shelf.replace(span, anew);
        Ok(())
    }
}
