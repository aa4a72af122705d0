//! The texts of one body or event: where they stand in its bytes, and what of them is written anew.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use super::emit::{Edit, Emitter};
use crate::dialect::Role;
use crate::text::json::{Kind, Tape, unescape_into};
use crate::text::number::written_out;
use crate::text::work::step;

/// A string in a body or event, with where its text stands.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Bytes in the event or body.
    pub wire: Range<u32>,
    /// Its text, where its source is no string: the bytes of a token. It is not written anew, it goes.
    pub(super) spelled: Option<Box<str>>,
    /// Whether the text is another than its source.
    pub(super) escaped: bool,
    pub(super) quoted: bool,
    /// Whether the text is itself JSON source.
    pub(super) json: bool,
    pub(super) role: Role,
    /// Whether it stays as the provider wrote it, but for what a finding does.
    pub(super) fixed: bool,
    pub(super) choice: u64,
    /// What its text is part of.
    pub(super) part: Part,
    /// The channel whose text it says once more, and how much that is.
    pub(super) repeats: Option<(u32, u64)>,
    /// Whether an edit of the joined text touches it.
    pub(super) touched: bool,
    /// Edits of the string read as a whole text.
    pub(super) edits: Vec<Edit>,
}

/// What the text of a string is part of, and its place in that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Nothing else.
    Alone,
    /// A channel that lives on in later events.
    Channel(u32, u64, u64),
    /// Strings of the same body or event that are joined: one of [`Segments::joined`].
    Joined(u32, u64),
}

/// Numbers that tell a text once more: a `logprobs` value, or token ids.
#[derive(Clone, Debug)]
pub struct Numbers {
    /// The choice it belongs to.
    pub(super) choice: u64,
    pub(super) wire: Range<u32>,
    /// They tell of more than this event's text.
    pub(super) all: bool,
}

/// What one body or event holds.
#[derive(Clone, Debug, Default)]
pub struct Segments {
    /// Its texts in order.
    pub texts: SmallVec<[Segment; 2]>,
    pub(super) numbers: SmallVec<[Numbers; 1]>,
    /// Joined texts of which a finding touches more than one string alone.
    pub(super) joined: Vec<Emitter>,
}

/// Where the bytes between the strings that were written anew have come to stand.
#[derive(Clone, Debug, Default)]
pub struct Moved(SmallVec<[(usize, usize); 4]>);

impl Moved {
    /// From `from` on, bytes stand at `to` and after it.
    pub(super) fn note(&mut self, from: usize, to: usize) {
        if self.0.last().map_or(0, |&(from, to)| to.wrapping_sub(from)) != to.wrapping_sub(from) {
            self.0.push((from, to));
        }
    }

    /// Where a range stands whose ends lie outside of such strings.
    pub(super) fn place(&self, range: &Range<u32>) -> Range<u32> {
        let place = |at: u32| {
            let before = self.0.partition_point(|&(from, _)| from <= at as usize);
            let moved = before.checked_sub(1).and_then(|last| self.0.get(last));
            moved.map_or(at, |&(from, to)| (to + (at as usize - from)) as u32)
        };
        place(range.start)..place(range.end)
    }

    /// What stands there was moved once more.
    pub(super) fn then(&mut self, next: Self) {
        let mut both = Self::default();
        // Between two places of either all bytes move alike.
        let mut places: Vec<usize> = self.0.iter().map(|&(from, _)| from).collect();
        places.extend(next.0.iter().map(|&(from, _)| self.back(from)));
        places.sort_unstable();
        for from in places {
            let once = self.place(&(from as u32..from as u32)).start;
            both.note(from, next.place(&(once..once)).start as usize);
        }
        *self = both;
    }

    /// Where a byte stood that stands at `to`.
    fn back(&self, to: usize) -> usize {
        let before = self.0.partition_point(|&(_, at)| at <= to);
        let moved = before.checked_sub(1).and_then(|last| self.0.get(last));
        moved.map_or(to, |&(from, at)| from + (to - at))
    }
}

impl Segment {
    /// Its source in the bytes that its range counts in, and its text; `decoded` takes the text of one with escapes.
    pub(super) fn source<'a>(&'a self, raw: &'a [u8], decoded: &'a mut String) -> (&'a str, &'a str) {
        let source = raw.get(self.wire.start as usize..self.wire.end as usize);
        let source = source.and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default();
        if let Some(text) = &self.spelled {
            return (source, text);
        }
        if !self.escaped {
            return (source, source);
        }
        // Of a bare number the text is what its digits say.
        if let Some(number) = written_out(source).filter(|_| !self.quoted) {
            *decoded = number;
        } else {
            decoded.clear();
            unescape_into(source, decoded);
        }
        (source, decoded)
    }

    /// Its channel, and its text's place in it.
    pub(super) fn channel(&self) -> Option<(u32, u64, u64)> {
        match self.part {
            Part::Channel(channel, start, end) => Some((channel, start, end)),
            Part::Alone | Part::Joined(..) => None,
        }
    }

    /// Whether a finding touches the string itself (not its channel).
    pub fn is_edited(&self) -> bool {
        !self.edits.is_empty()
    }

    /// A plain text (not JSON) with the edits done.
    pub fn plain(&self, text: &str) -> Vec<u8> {
        spliced(text, &self.edits)
    }
}

/// A plain text (not JSON) with edits done.
pub(super) fn spliced(text: &str, edits: &[Edit]) -> Vec<u8> {
    let mut edits: Vec<&Edit> = edits.iter().collect();
    edits.sort_by_key(|e| e.order());
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0u64;
    for edit in edits {
        if edit.start >= at {
            out.extend_from_slice(text.as_bytes().get(at as usize..edit.start as usize).unwrap_or_default());
            out.extend_from_slice(edit.marker.as_bytes());
        }
        at = at.max(edit.end);
    }
    out.extend_from_slice(text.as_bytes().get(at as usize..).unwrap_or_default());
    out
}

impl Segments {
    /// Puts a string that stands outside the JSON among the others.
    pub fn insert(&mut self, segment: Segment) {
        let at = self.texts.partition_point(|s| s.wire.start < segment.wire.start);
        self.texts.insert(at, segment);
    }

    /// Strings that begin here stay as they are.
    pub(super) fn fix(&mut self, starts: &[u32]) {
        for segment in self.texts.iter_mut().filter(|segment| starts.contains(&segment.wire.start)) {
            segment.fixed = true;
        }
    }

    /// Edits strings that are joined, in place of what was edited in each alone. `texts`: the strings, each with where its text begins in
    /// the joined text, of which `length` is the length.
    pub(super) fn join(&mut self, texts: &[(u32, u64)], length: u64, mut edits: Vec<Edit>) {
        let mut json = false;
        let number = self.joined.len() as u32;
        for &(index, start) in texts {
            let Some(segment) = self.texts.get_mut(index as usize) else { continue };
            json |= segment.json;
            segment.part = Part::Joined(number, start);
            let alone = std::mem::take(&mut segment.edits).into_iter();
            edits.extend(alone.map(|e| Edit { start: e.start + start, end: e.end + start, ..e }));
        }
        edits.sort_by_key(Edit::order);
        let ends = texts.iter().skip(1).map(|&(_, start)| start).chain([length]);
        let (mut rest, mut removed_until) = (edits.iter().peekable(), 0);
        for (&(index, start), end) in texts.iter().zip(ends) {
            while let Some(edit) = rest.next_if(|edit| edit.start < end) {
                removed_until = edit.end.max(removed_until);
            }
            if let Some(segment) = self.texts.get_mut(index as usize) {
                segment.touched = removed_until > start && start < end;
            }
        }
        let mut emitter = Emitter::new(json);
        for edit in edits {
            emitter.add(edit);
        }
        self.joined.push(emitter);
    }

    /// Moves ranges that count in the joined `lines` to where they stand in the frame. A JSON string never crosses a line end, so each
    /// string lies in one line.
    pub fn place(&mut self, lines: &[Range<u32>]) {
        // Where each line begins in the joined text.
        let mut begins = Vec::with_capacity(lines.len());
        let mut begin = 0;
        for line in lines {
            begins.push(begin);
            begin += line.end - line.start + 1;
        }
        let place = |at: u32| {
            let begins_before = |&begin: &u32| {
                step();
                begin <= at
            };
            let number = begins.partition_point(begins_before).saturating_sub(1);
            match (lines.get(number), begins.get(number)) {
                (Some(line), Some(begin)) => line.start + (at - begin),
                (_, _) => at,
            }
        };
        for wire in
            self.texts.iter_mut().map(|s| &mut s.wire).chain(self.numbers.iter_mut().map(|n| &mut n.wire))
        {
            *wire = place(wire.start)..place(wire.end);
        }
    }
}

/// Keys of one object that say the same once they are written anew get numbers (`[EMAIL]`, `[EMAIL] (2)`): of equal keys most readers
/// keep one and lose the others. `edited` holds nodes in order, each with its segment.
pub(super) fn keep_keys_apart(src: &[u8], tape: &Tape, edited: &[(u32, u32)], out: &mut Segments) {
    let segment_of = |node: usize| {
        edited.binary_search_by_key(&node, |&(node, _)| node as usize).ok().and_then(|at| edited.get(at))
    };
    for (object, _) in tape.nodes().iter().enumerate().filter(|(_, node)| node.kind == Kind::Object) {
        let keys: Vec<usize> = tape.members(object).map(|(key, _)| key).collect();
        if !keys.iter().any(|&key| segment_of(key).is_some()) {
            continue;
        }
        let stay = keys.iter().filter(|&&key| segment_of(key).is_none());
        let mut names: HashSet<String> = stay.map(|&key| tape.text(src, key).into_owned()).collect();
        let mut last: HashMap<String, u32> = HashMap::new();
        for &key in &keys {
            let Some(&(_, segment)) = segment_of(key) else { continue };
            let Some(segment) = out.texts.get_mut(segment as usize) else { continue };
            let text = tape.text(src, key);
            let name = String::from_utf8_lossy(&segment.plain(&text)).into_owned();
            if names.insert(name.clone()) {
                continue;
            }
            // The first edit's marker is written whatever overlaps it.
            let Some(edit) = segment.edits.iter_mut().min_by_key(|e| e.order()) else { continue };
            let marker = Arc::clone(&edit.marker);
            let number = last.entry(name).or_insert(1);
            loop {
                *number += 1;
                let Some(edit) = segment.edits.iter_mut().min_by_key(|e| e.order()) else { break };
                edit.marker = format!("{marker} ({number})").into();
                if names.insert(String::from_utf8_lossy(&segment.plain(&text)).into_owned()) {
                    break;
                }
            }
        }
    }
}
