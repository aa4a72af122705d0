//! Records by their numbers.

use super::segment::{
    Entry, EntryKind, LONGEST, RECORD_HEAD, Raw, ReadError, SEGMENT_HEAD, decode, headed, read, u32_at,
    u64_at,
};
use std::path::{Path, PathBuf};

/// Reads records by their numbers, without those in other segments. The segment of the last one is kept: who asks in the order of the journal reads
/// each segment once.
#[derive(Debug)]
pub struct EntryReader {
    /// Each segment's first record, the oldest first.
    segments: Vec<(u64, PathBuf)>,
    /// The one that is kept: its number among them, its bytes, and where the last record that was found begins.
    open: Option<(usize, Vec<u8>, usize)>,
}

impl EntryReader {
    /// Of a journal, as far as it is there now.
    pub fn new(dir: &Path) -> Result<Self, ReadError> {
        Ok(Self { segments: headed(dir)?, open: None })
    }

    /// The record of this number; none where it is not there, or damaged.
    pub fn entry(&mut self, sequence: u64) -> Option<Entry> {
        self.find(sequence, |_, _, raw| {
            let kind = EntryKind::from_code(raw.kind)?;
            Some(Entry { sequence, kind, payload: raw.payload.to_vec() })
        })?
    }

    fn find<T>(&mut self, sequence: u64, found: impl Fn(&Path, usize, &Raw<'_>) -> T) -> Option<T> {
        // Of segments with the same beginning the last one counts: those before it were given up.
        let number = self.segments.iter().rposition(|(first, _)| *first <= sequence)?;
        let (_, path) = self.segments.get(number)?;
        if self.open.as_ref().is_none_or(|(kept, ..)| *kept != number) {
            self.open = Some((number, read(path).ok()?, SEGMENT_HEAD));
        }
        let (_, bytes, last) = self.open.as_mut()?;
        if u64_at(bytes, *last + 8).is_none_or(|number| number > sequence) {
            *last = SEGMENT_HEAD;
        }
        let mut at = *last;
        // Heads alone lead to it; only its own sum is looked at.
        while let Some(length) = u32_at(bytes, at).filter(|length| (1..=LONGEST).contains(length)) {
            if u64_at(bytes, at + 8)? == sequence {
                *last = at;
                return decode(bytes, at).map(|raw| found(path, at, &raw));
            }
            at += RECORD_HEAD + length as usize;
        }
        None
    }
}

/// Where a record stands: its segment and its first byte there.
pub(super) fn place(dir: &Path, sequence: u64) -> Option<(PathBuf, usize)> {
    EntryReader::new(dir).ok()?.find(sequence, |path, at, _| (path.to_owned(), at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Journal;
    use crate::audit::journal::tests::{admission, folder, runtime, small};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        /// In whatever order they are asked for, over segments.
        #[test]
        fn each_record_is_found_in_any_order(asked in prop::collection::vec(0_u64..70, 1..60)) {
            let folder = folder();
            let (journal, _) = Journal::open(folder.path(), &small()).expect("a journal");
            let mut names = Vec::new();
            runtime().block_on(async {
                for _ in 0..60 {
                    let one = admission();
                    names.push(one.exchange.to_string());
                    let _receipt = journal.admit(&one).await.expect("durable");
                }
            });
            journal.close();
            let mut reader = EntryReader::new(folder.path()).expect("a reader");
            prop_assert!(reader.segments.len() > 1);
            for sequence in asked {
                let entry = reader.entry(sequence);
                let name = usize::try_from(sequence).ok().and_then(|n| names.get(n.checked_sub(1)?));
                prop_assert_eq!(entry.is_some(), name.is_some(), "{}", sequence);
                if let (Some(entry), Some(name)) = (entry, name) {
                    prop_assert!(String::from_utf8_lossy(&entry.payload).contains(name));
                }
            }
        }
    }
}
