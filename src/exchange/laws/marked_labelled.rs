//! Labels and marks in one answer: neither changes what the other says.

use proptest::prelude::*;
use serde_json::Value;

use super::super::*;
use super::labelled::{CALLS, Call, MODES, begin_marked, events, labelling, sent, statement};
use super::marks::{keys, pieces};
use crate::policy::{Density, LabelMode};
use crate::provenance::Skeleton;
use crate::provenance::mark::{read, strip};

fn marks() -> Marks {
    Marks { keys: keys(), density: Some(Density::Standard), routed: false }
}

/// What a client of a stream puts together, and what the answer's record says of marks.
fn streamed(
    call: &Call,
    pieces: &[String],
    mode: LabelMode,
    notice: bool,
    marks: Option<Marks>,
    cut: usize,
) -> (String, String, Option<Marked>) {
    let request = (call.request)(true).to_string();
    let labels = Some(labelling(mode, notice, true));
    let mut answering = begin_marked(call.stream_path, &request, call.media, labels, marks);
    let out = sent(&mut answering, &(call.stream)(pieces), cut);
    ((call.heard)(&events(&out, call)), out, answering.marked())
}

fn whole(call: &Call, text: &str, mode: LabelMode, notice: bool, marks: Option<Marks>) -> String {
    let request = (call.request)(false).to_string();
    let labels = Some(labelling(mode, notice, true));
    let mut answering = begin_marked(call.path, &request, "application/json", labels, marks);
    let out = sent(&mut answering, &(call.whole)(text).to_string(), usize::MAX);
    let body: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"));
    (call.read)(&body)
}

proptest! {
    #![proptest_config(crate::text::cases::cases(48))]

    /// Without its marks an answer is what it is without marking, labels at the same places; all marks verify, also those behind a label that
    /// stands in the midst of a text, and the metadata's hash is that of the text with or without them.
    #[test]
    fn marks_beside_labels(pieces in pieces(), call in 0..CALLS.len(), mode in 0..MODES.len(), notice: bool, cut in 1usize..400) {
        let (call, mode) = (&CALLS[call], MODES[mode]);
        prop_assume!(!pieces.is_empty());
        let pieces: Vec<String> = pieces.into_iter().map(str::to_owned).collect();
        let (plain, _, none) = streamed(call, &pieces, mode, notice, None, cut);
        let (got, out, marked) = streamed(call, &pieces, mode, notice, Some(marks()), cut);
        prop_assert_eq!(none, None);
        prop_assert_eq!(&*strip(&keys(), &got), &plain);
        let reading = read(&keys(), &got);
        for found in &reading.found {
            prop_assert!(found.epoch.is_some() && found.whole != Some(false), "{found:?} in {got:?}");
        }
        // Where a stream repeats its text at the end, so do its marks.
        let repeats = if call.path.ends_with("/responses") { 5 } else { 1 };
        prop_assert_eq!(marked.map(|marked| marked.marks), Some(repeats * reading.found.len() as u64));
        let signed = statement(&out, call).ok_or_else(|| TestCaseError::fail(format!("no metadata: {out}")))?;
        prop_assert_eq!(&signed.statement.hashes, &vec![Skeleton::of(&got)]);
        prop_assert_eq!(Skeleton::of(&got), Skeleton::of(&plain));
        let text = pieces.concat();
        let (plain, got) = (whole(call, &text, mode, notice, None), whole(call, &text, mode, notice, Some(marks())));
        prop_assert_eq!(&*strip(&keys(), &got), &plain);
        prop_assert!(read(&keys(), &got).found.iter().all(|found| found.epoch.is_some() && found.whole != Some(false)));
    }
}
