//! Places of an answer that are doubtful, for who tells the client: where each stands in its text as that is let through, and in which sentence.
//!
//! Findings speak of bytes of what the model wrote. Clients get that with masks in it, and count code points: so of each text that people read
//! it is kept where its code points begin, a bit a byte, and what was put in the place of what.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::emit::{Edit, Removed};
use super::super::segment::{Part, Segments};
use super::Reader;
use crate::detect::grounding::Sentences;
use crate::detect::{Finding, RuleId, TextKind};
use crate::dialect::Role;
use crate::policy::{Direction, Doubt, Policy};

/// Most places of one answer.
const MOST: usize = 256;
/// Most texts of one answer that are measured, and the most bytes of all of them: behind that, places are not known.
const MOST_TEXTS: usize = 256;
const MOST_BYTES: u64 = 8 << 20;

/// A place of an answer that is doubtful.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Why.
    pub what: Doubt,
    /// The rule that flagged it.
    pub rule: RuleId,
    /// Which of the rule's statements it is, see [`Finding::of`].
    pub of: u32,
    /// 0 to 1.
    pub score: f32,
    /// Which text it stands in: the parts of its channel's key.
    pub parts: [u64; 4],
    /// Its code points in the text as it is let through; none where they are not known.
    pub span: Option<(u64, u64)>,
    /// Where its sentence begins, in bytes of what the model wrote.
    pub sentence: u64,
}

/// What is kept of an answer.
#[derive(Debug, Default)]
pub(super) struct Annotated {
    /// The texts that people read, by their numbers on record.
    texts: BTreeMap<u32, Measure>,
    found: Vec<Found>,
    /// Bytes that have been measured.
    bytes: u64,
    /// Where the string stands that is being read.
    parts: [u64; 4],
}

#[derive(Clone, Copy, Debug)]
struct Found {
    what: Doubt,
    finding: Finding,
    number: u32,
    /// The text in which it stands as clients know it, and its bytes there.
    parts: [u64; 4],
    place: (u64, u64),
}

/// A text on its way.
#[derive(Debug, Default)]
struct Measure {
    /// The texts of which it is put together, as clients count them: the parts of each one's key, and its first byte.
    of: Vec<([u64; 4], u64)>,
    /// Of each 64 bytes how many code points begin before them, and where some begin among them.
    blocks: Vec<(u64, u64)>,
    length: u64,
    /// Its length, measured or not.
    seen: u64,
    sentences: Sentences,
    begins: Vec<u64>,
    /// Of a text that ends with its body or event: the strings of which it is put together, each with its first byte there and in the text.
    strings: Vec<(u32, u64)>,
    removed: Vec<Removed>,
}

impl Measure {
    /// The next string stands there.
    fn stands(&mut self, parts: [u64; 4]) {
        if self.of.last().is_none_or(|(last, _)| *last != parts) {
            self.of.push((parts, self.length));
        }
    }

    /// The text that clients know in which a byte stands: its parts, its first byte and one past its last.
    fn text_at(&self, at: u64) -> ([u64; 4], u64, u64) {
        let behind = self.of.partition_point(|(_, from)| *from <= at).max(1);
        let (parts, from) = self.of.get(behind - 1).copied().unwrap_or_default();
        (parts, from, self.of.get(behind).map_or(u64::MAX, |(_, next)| *next))
    }

    /// Where bytes stand in the text that clients know, as that is let through.
    fn span(&self, bytes: Range<u64>, removed: &[Removed]) -> Option<(u64, u64)> {
        let (_, from, to) = self.text_at(bytes.start);
        // A marker for what goes on from the text before stands there.
        let begin = self.let_through(from, true, removed)?;
        let start = self.let_through(bytes.start, false, removed)?;
        let end = self.let_through(bytes.end.min(to).min(self.length), true, removed)?;
        Some((start.saturating_sub(begin), end.saturating_sub(begin)))
    }

    fn push(&mut self, text: &str) {
        self.length += text.len() as u64;
        let first = self.seen;
        for (byte, at) in text.bytes().zip(first..) {
            if at.is_multiple_of(64) {
                let before =
                    self.blocks.last().map_or(0, |(before, begun)| before + u64::from(begun.count_ones()));
                self.blocks.push((before, 0));
            }
            // A byte that goes on in a code point begins none.
            if byte & 0xc0 != 0x80
                && let Some((_, begun)) = self.blocks.last_mut()
            {
                *begun |= 1 << (at % 64);
            }
        }
        self.seen = first + text.len() as u64;
        self.sentences.push(text, |_, start| self.begins.push(start));
    }

    /// How many code points begin before a byte; none where it was not measured.
    fn points(&self, at: u64) -> Option<u64> {
        if at > self.seen || self.seen != self.length {
            return None;
        }
        let Some((before, begun)) = self.blocks.get((at / 64) as usize) else {
            // The end of a text that fills its last block.
            return Some(
                self.blocks.last().map_or(0, |(before, begun)| before + u64::from(begun.count_ones())),
            );
        };
        Some(before + u64::from((begun & ((1 << (at % 64)) - 1)).count_ones()))
    }

    /// Where a place stands in the text with what was removed.
    fn let_through(&self, at: u64, is_end: bool, removed: &[Removed]) -> Option<u64> {
        let (mut put, mut gone) = (0, 0);
        for one in removed.iter().take_while(|one| one.start < at) {
            let end = one.end.min(at);
            gone += self.points(end)? - self.points(one.start)?;
            // Within what was removed all stands where its marker does.
            if one.end <= at || is_end {
                put += one.points;
            }
        }
        Some((self.points(at)? + put).saturating_sub(gone))
    }

    fn sentence(&self, at: u64) -> u64 {
        let open = self.sentences.open();
        if open <= at {
            return open;
        }
        let known = self.begins.partition_point(|begin| *begin <= at);
        known.checked_sub(1).and_then(|last| self.begins.get(last)).copied().unwrap_or(0)
    }
}

impl Annotated {
    fn text(&mut self, number: u32) -> Option<&mut Measure> {
        if !self.texts.contains_key(&number) && self.texts.len() >= MOST_TEXTS {
            return None;
        }
        let measure = self.texts.entry(number).or_default();
        measure.stands(self.parts);
        Some(measure)
    }

    fn push(&mut self, number: u32, text: &str) {
        let bytes = self.bytes.saturating_add(text.len() as u64);
        let Some(measure) = self.text(number) else { return };
        if bytes > MOST_BYTES {
            // From here on nothing of it is known.
            measure.length += text.len() as u64;
        } else {
            measure.push(text);
            self.bytes = bytes;
        }
    }

    fn take(&mut self, what: Doubt, finding: &Finding, number: u32) {
        let Some(found) = self.found(what, finding, number) else { return };
        take(&mut self.found, found);
    }

    /// What is found in the text of this number, if that is measured.
    fn found(&self, what: Doubt, finding: &Finding, number: u32) -> Option<Found> {
        let (parts, from, _) = self.texts.get(&number)?.text_at(finding.start.0);
        let place = (finding.start.0.saturating_sub(from), finding.end.0.saturating_sub(from));
        Some(Found { what, finding: *finding, number, parts, place })
    }
}

/// Keeps what is not there already.
fn take(all: &mut Vec<Found>, found: Found) {
    if all.len() < MOST && !all.iter().any(|one| one.is_one_with(&found)) {
        all.push(found);
    }
}

impl Found {
    /// Whether they say the same of one place: texts are read alone and joined, or come once more, and less or more may then belong to it.
    fn is_one_with(&self, other: &Self) -> bool {
        let ((from, to), (other_from, other_to)) = (self.place, other.place);
        let in_text =
            self.parts == other.parts && (from < other_to && other_from < to || self.place == other.place);
        let (a, b) = (&self.finding, &other.finding);
        let in_joined = self.number == other.number && a.start < b.end && b.start < a.end;
        (a.rule, a.of) == (b.rule, b.of) && (in_text || in_joined)
    }
}

/// Edits of a whole text, as they are done: of those that overlap the first sets the marker.
fn removed(edits: &[Edit]) -> Vec<Removed> {
    let mut edits: Vec<&Edit> = edits.iter().collect();
    edits.sort_by_key(|edit| edit.order());
    let mut out: Vec<Removed> = Vec::new();
    for edit in edits {
        match out.last_mut().filter(|last| edit.start < last.end) {
            Some(last) => last.end = last.end.max(edit.end),
            None => out.push(Removed::of(edit)),
        }
    }
    out
}

impl Reader {
    /// From here on it is kept what is doubtful in the answer.
    pub fn annotate(&mut self) {
        self.annotated = Some(Box::default());
    }

    /// Whether it is kept, of texts of this kind.
    fn measures(&self, role: Role, kind: TextKind) -> bool {
        self.annotated.is_some() && role == Role::Message && kind == TextKind::Plain
    }

    /// The next string stands there.
    pub(super) fn stands(&mut self, parts: [u64; 4]) {
        if let Some(annotated) = &mut self.annotated {
            annotated.parts = parts;
        }
    }

    /// A text that goes on in other events goes on.
    pub(super) fn measure_channel(&mut self, index: usize, text: &str) {
        let known = self.channels.get(index).map(|channel| (channel.number, channel.role, channel.kind));
        let Some((number, role, kind)) = known.filter(|_| self.annotated.is_some()) else { return };
        if self.measures(role, kind)
            && let Some(annotated) = &mut self.annotated
        {
            annotated.push(number, text);
            if let Some(channel) = self.channels.get_mut(index) {
                channel.emitter.keep_removed();
            }
        }
    }

    /// A text is read that ends with its body or event, or the next string of one; `wire` is where the string begins.
    pub(super) fn measure_whole(&mut self, number: u32, role: Role, kind: TextKind, wire: u32, text: &str) {
        if self.measures(role, kind)
            && let Some(annotated) = &mut self.annotated
        {
            let at = annotated.text(number).map(|measure| {
                let at = measure.length;
                measure.strings.push((wire, at));
                at
            });
            if at.is_some() {
                annotated.push(number, text);
            }
        }
    }

    /// The body or event is read: what is written anew of its texts is known. Ranges count in what was read.
    pub(super) fn take_removed(&mut self, segments: &Segments) {
        let Some(annotated) = &mut self.annotated else { return };
        for measure in annotated.texts.values_mut().filter(|measure| !measure.strings.is_empty()) {
            let mut edits = Vec::new();
            for (wire, at) in measure.strings.drain(..) {
                // They stand in order.
                let place = segments.texts.binary_search_by_key(&wire, |one| one.wire.start);
                let Some(segment) = place.ok().and_then(|at| segments.texts.get(at)) else { continue };
                match segment.part {
                    Part::Joined(number, start) => {
                        let joined = segments.joined.get(number as usize);
                        if start == 0 {
                            edits
                                .extend(joined.into_iter().flat_map(|joined| joined.edits().iter().cloned()));
                        }
                    }
                    Part::Alone | Part::Channel(..) => edits.extend(segment.edits.iter().map(|e| Edit {
                        start: e.start + at,
                        end: e.end + at,
                        ..e.clone()
                    })),
                }
            }
            measure.removed = removed(&edits);
        }
    }

    /// Keeps a finding in a text of this number, if clients are to be told of it.
    pub(super) fn keep_doubt(&mut self, finding: &Finding, direction: Direction, role: Role, number: u32) {
        if self.annotated.is_none() || role != Role::Message || direction != Direction::Output {
            return;
        }
        if let Some(what) = self.policy.doubt(finding.rule, finding.of)
            && let Some(annotated) = &mut self.annotated
        {
            annotated.take(what, finding, number);
        }
    }

    /// What is doubtful in what was read so far, as if all texts ended here: the last sentence of a text is judged only when it is known that
    /// the text is over, and who tells the client of it does so before. Of the texts that `wanted` names by their parts.
    pub fn doubts(&self, wanted: impl Fn([u64; 4]) -> bool) -> Vec<Place> {
        let Some(annotated) = &self.annotated else { return Vec::new() };
        let mut all = annotated.found.clone();
        for (index, channel) in self.channels.iter().enumerate() {
            let measure = annotated.texts.get(&channel.number);
            if !measure.is_some_and(|measure| measure.of.iter().any(|(parts, _)| wanted(*parts))) {
                continue;
            }
            for finding in self.ends_with(index, &self.policy) {
                let what = self.policy.doubt(finding.rule, finding.of);
                let found = what.and_then(|what| annotated.found(what, &finding, channel.number));
                found.into_iter().for_each(|found| take(&mut all, found));
            }
        }
        let places = all.iter().filter_map(|found| self.place_of(annotated, found));
        places.filter(|place| wanted(place.parts)).collect()
    }

    /// What would be found in a channel if it ended here.
    fn ends_with(&self, index: usize, policy: &Policy) -> Vec<Finding> {
        let Some(channel) = self.channels.get(index) else { return Vec::new() };
        let (engine, rules) = (policy.engine(), policy.rules(channel.direction));
        let mut found = Vec::new();
        channel.scan.clone().finish(engine, rules, &mut found);
        if let Some(mut grounded) = channel.grounded.clone() {
            grounded.finish(engine, rules, &mut found);
        }
        found.retain(|finding| {
            // What a judge is to be asked about is not found yet.
            policy.counts_unjudged(finding) && !self.waits_for_judge(channel.role, channel.direction, finding)
        });
        let base = channel.base;
        found.iter_mut().for_each(|finding| {
            finding.start.0 += base;
            finding.end.0 += base;
        });
        found
    }

    fn place_of(&self, annotated: &Annotated, found: &Found) -> Option<Place> {
        let measure = annotated.texts.get(&found.number)?;
        let of_channel = self.channels.iter().find(|channel| channel.number == found.number);
        let removed = match of_channel {
            Some(channel) => channel.emitter.removed(),
            None => Some(measure.removed.as_slice()),
        };
        let (start, end) = (found.finding.start.0, found.finding.end.0);
        // Of what has not left a client is told nothing: the answer may be cut before it.
        if of_channel.is_some_and(|channel| channel.left <= start) {
            return None;
        }
        let span = removed.and_then(|removed| measure.span(start..end, removed));
        Some(Place {
            what: found.what,
            rule: found.finding.rule,
            of: found.finding.of,
            score: found.finding.score,
            parts: found.parts,
            span,
            sentence: measure.sentence(start),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A place in the text as it is let through holds what the place in the text held, however that came.
        #[test]
        fn places_are_found_again(
            text in "[a-c 你é😀.!。]{0,150}", cut in any::<prop::sample::Index>(), spans in prop::collection::vec((any::<prop::sample::Index>(), 1usize..9), 0..4),
            from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(),
        ) {
            let boundary = |at: &prop::sample::Index| text.floor_char_boundary(at.index(text.len() + 1));
            let mut measure = Measure::default();
            let (a, b) = text.split_at(boundary(&cut));
            measure.push(a);
            measure.push(b);
            let edits: Vec<Edit> = spans.iter().filter_map(|(start, length)| {
                let (start, end) = (boundary(start), text.floor_char_boundary((boundary(start) + length).min(text.len())));
                let edit = Edit { start: start as u64, end: end as u64, strength: 1, rule: 0, marker: "[é]".into(), make: super::super::super::emit::Make::Marker };
                (start < end).then_some(edit)
            }).collect();
            let removed = removed(&edits);
            let left = String::from_utf8(super::super::super::segment::spliced(&text, &edits)).expect("text");
            let (from, to) = (boundary(&from).min(boundary(&to)), boundary(&from).max(boundary(&to)));
            let start = measure.let_through(from as u64, false, &removed).expect("measured") as usize;
            let end = measure.let_through(to as u64, true, &removed).expect("measured") as usize;
            let held: String = left.chars().skip(start).take(end.saturating_sub(start)).collect();
            // What stands there that was not removed, and whole markers.
            let stays = |at: usize| !removed.iter().any(|one| (one.start..one.end).contains(&(at as u64)));
            let expected: String = text.char_indices().filter(|(at, _)| (from..to).contains(at) && stays(*at)).map(|(_, c)| c).collect();
            prop_assert_eq!(held.replace("[é]", ""), expected, "{} {} {}", left, start, end);
            prop_assert_eq!(measure.points(text.len() as u64), Some(text.chars().count() as u64));
        }
    }
}
