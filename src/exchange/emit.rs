//! One channel's text on its way out: what has been decided about it, and its strings written anew where that is needed.
//!
//! Of edits that overlap, the leftmost sets the marker (at the same place the strongest, then the longest) and the union of all
//! of them is removed. That can be decided place by place, so the result does not depend on how the text was cut:
//!
//! ```text
//! text     call 138 0013 8000 now
//! edits         ^^^^^^^^^^^^^ [PHONE]    ^^^^^^^^^ (digits) inside it
//! emitted  call [PHONE] now
//! ```
//!
//! In a text that is JSON source (tool-call arguments) a marker that would stand outside a string brings its own quotes, so that
//! `{"card": 4111111111111111}` becomes `{"card": "[CREDIT_CARD]"}` and stays JSON.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::text::json::{Ruler, escape_into};

/// What is left of a finding beside values that come back: stretches of the text.
pub(super) type Left = SmallVec<[(u64, u64); 2]>;

/// What a finding does to the text: `start..end` goes, `marker` stands in its place.
#[derive(Clone, PartialEq, Eq)]
pub struct Edit {
    /// First byte of the channel's text that goes.
    pub start: u64,
    /// One past the last byte that goes.
    pub end: u64,
    /// Strength of the action, twice; one more where what was found goes on in another text. Of edits at the same place the strongest sets the
    /// marker.
    pub strength: u8,
    /// Rule number, the last tie-breaker.
    pub rule: u32,
    /// What stands there instead.
    pub marker: Arc<str>,
    /// What that is made of.
    pub make: Make,
}

/// What stands in the place of text, and whether it has been made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Make {
    /// It is the rule's.
    #[default]
    Marker,
    /// A stand-in is to be chosen for the value.
    StandIn,
    /// It is the rule's, since the value is hidden; a stand-in, where it is one that is known.
    Hidden,
    /// The stand-in of the value of this number.
    Chosen(usize),
    /// The value's keyed hash.
    Hash,
    /// The value with stars.
    Partial,
    /// A value of this category, in the place of its stand-in.
    Back(Arc<str>),
}

impl fmt::Debug for Edit {
    /// What stands there may be a value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, end, strength, rule, marker, make } = self;
        write!(f, "{start}..{end} by rule {rule} ({strength}): {make:?} <{} bytes>", marker.len())
    }
}

impl Edit {
    /// Of edits that overlap the first in this order sets the marker.
    pub fn order(&self) -> impl Ord + use<> {
        (self.start, std::cmp::Reverse(self.strength), std::cmp::Reverse(self.end), self.rule)
    }

    /// Whether it puts one number in the place of another: that needs no quotes.
    fn is_number(&self) -> bool {
        let made = match self.make {
            Make::Chosen(_) | Make::Back(_) => true,
            Make::Marker | Make::StandIn | Make::Hidden | Make::Hash | Make::Partial => false,
        };
        made && (1..=15).contains(&self.marker.len())
            && self.marker.bytes().all(|byte| byte.is_ascii_digit())
            && !self.marker.starts_with('0')
    }
}

/// A stretch of a text that was written anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Removed {
    /// First byte of the text that is gone.
    pub(super) start: u64,
    /// One past the last.
    pub(super) end: u64,
    /// Code points that stand there instead.
    pub(super) points: u64,
}

impl Removed {
    /// What an edit does.
    pub(super) fn of(edit: &Edit) -> Self {
        Self { start: edit.start, end: edit.end, points: edit.marker.chars().count() as u64 }
    }
}

/// Most stretches of one text that are kept for who asks where something has come to stand.
const MOST_REMOVED: usize = 1 << 14;

/// Where a text that is JSON source stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) in_string: bool,
    escape: bool,
}

impl Place {
    fn advance(&mut self, text: &str) {
        for byte in text.bytes() {
            self.step(byte);
        }
    }

    pub(super) fn step(&mut self, byte: u8) {
        match (self.in_string, self.escape, byte) {
            (true, true, _) => self.escape = false,
            (true, false, b'\\') => self.escape = true,
            (_, false, b'"') => self.in_string = !self.in_string,
            _ => {}
        }
    }
}

/// The edits of one channel and how far its text has been emitted.
#[derive(Clone, Debug, Default)]
pub struct Emitter {
    /// Sorted by start, then strongest, longest, lowest rule.
    edits: Vec<Edit>,
    /// The first edit that has not been taken in; those before it are behind the emitted text.
    next: usize,
    removed_until: u64,
    json: Option<Place>,
    /// What was written last stands as a number by itself.
    bare: bool,
    /// What has left written anew, in order, where somebody asks for it.
    removed: Option<Vec<Removed>>,
}

/// One string of an event or body, as the emitter needs it.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Source of the string, without quotes.
    pub raw: &'a str,
    /// Whether the source holds escapes.
    pub escaped: bool,
    /// Decoded text of the string.
    pub text: &'a str,
    /// Where the text begins in its channel.
    pub start: u64,
    /// False for a bare number: what replaces it must be quoted.
    pub quoted: bool,
}

impl Emitter {
    /// For a text that is JSON source if `json`.
    pub fn new(json: bool) -> Self {
        Self { json: json.then(Place::default), ..Self::default() }
    }

    /// Adds an edit. Its start must not lie before text that has been emitted.
    pub fn add(&mut self, edit: Edit) {
        if self.next > 64 && self.next * 2 > self.edits.len() {
            self.edits.drain(..self.next);
            self.next = 0;
        }
        let at = self.edits.partition_point(|e| e.order() <= edit.order()).max(self.next);
        self.edits.insert(at, edit);
    }

    /// From here on it is kept what leaves written anew.
    pub(super) fn keep_removed(&mut self) {
        self.removed.get_or_insert_default();
    }

    /// What has left written anew; none where that is not kept, or was too much.
    pub(super) fn removed(&self) -> Option<&[Removed]> {
        self.removed.as_deref().filter(|removed| removed.len() < MOST_REMOVED)
    }

    /// Takes note of an edit that is taken in.
    fn remove(&mut self, edit: Removed) {
        let is_new = edit.start >= self.removed_until;
        let Some(removed) = &mut self.removed else { return };
        if is_new && removed.len() < MOST_REMOVED {
            removed.push(edit);
        } else if let Some(last) = removed.last_mut() {
            last.end = last.end.max(edit.end);
        }
    }

    /// The edits that have not been forgotten, in order.
    pub(super) fn edits(&self) -> &[Edit] {
        &self.edits
    }

    /// Whether any edit touches `start..end`.
    pub fn touches(&self, start: u64, end: u64) -> bool {
        self.removed_until > start || self.first().is_some_and(|e| e.start < end)
    }

    /// Makes room for a value that comes back: of each edit stays what is left of it, if it gives way.
    pub(super) fn give_way(&mut self, left_of: &dyn Fn(&Edit) -> Option<Left>) {
        let (mut at, mut rests) = (0, Vec::new());
        let next = self.next;
        self.edits.retain(|edit| {
            at += 1;
            let left = if at <= next || matches!(edit.make, Make::Back(_)) { None } else { left_of(edit) };
            let stays = left.is_none();
            let rest = |(start, end)| Edit { start, end, ..edit.clone() };
            rests.extend(left.into_iter().flatten().map(rest));
            stays
        });
        rests.into_iter().for_each(|rest| self.add(rest));
    }

    /// The edits that are still to be done.
    pub(super) fn edits_mut(&mut self) -> &mut Vec<Edit> {
        &mut self.edits
    }

    fn first(&self) -> Option<&Edit> {
        self.edits.get(self.next)
    }

    /// Whether untouched text must be shown to [`Emitter::pass`].
    pub fn follows_json(&self) -> bool {
        self.json.is_some()
    }

    /// Takes note of text that leaves as it came.
    pub fn pass(&mut self, text: &str) {
        if let Some(place) = &mut self.json {
            place.advance(text);
        }
    }

    /// Writes the string anew, without quotes. Of a bare number that is touched a string with the markers is left.
    pub fn write(&mut self, piece: Piece<'_>, out: &mut Vec<u8>) {
        let end = piece.start + piece.text.len() as u64;
        let mut at = piece.start;
        if !piece.quoted && self.touches(at, end) {
            if let Some(number) = self.first().filter(|e| e.start <= at && e.end >= end && e.is_number()) {
                out.extend_from_slice(number.marker.as_bytes());
                self.absorb(end.saturating_sub(1), &mut Vec::new());
                self.advance(piece, at, end);
                return;
            }
            // Of a number nothing may stay: what is left of it would be another number.
            out.push(b'"');
            self.absorb(end.saturating_sub(1), out);
            self.advance(piece, at, end);
            out.push(b'"');
            return;
        }
        if !piece.quoted {
            // A number's text is what it says, which is not always what is written.
            out.extend_from_slice(piece.raw.as_bytes());
            self.advance(piece, at, end);
            return;
        }
        let mut ruler = Ruler::new(piece.raw, piece.escaped);
        while at < end {
            self.absorb(at, out);
            let stop = self.first().map_or(end, |e| e.start.min(end));
            if at < self.removed_until {
                let stop = stop.min(self.removed_until);
                self.advance(piece, at, stop);
                at = stop;
                if at == self.removed_until && self.json.is_some_and(|p| !p.in_string) && !self.bare {
                    // The marker was put into a string of its own, or the removed text closed the string.
                    escape_into("\"", out);
                }
            } else {
                let from = ruler.wire_at((at - piece.start) as usize);
                let to = ruler.wire_at((stop - piece.start) as usize);
                out.extend_from_slice(piece.raw.as_bytes().get(from..to).unwrap_or_default());
                self.advance(piece, at, stop);
                at = stop;
            }
        }
    }

    /// Takes in the edits that begin at or before `at`, and writes the marker where a removed stretch begins.
    fn absorb(&mut self, at: u64, out: &mut Vec<u8>) {
        while let Some(removed) = self.first().filter(|e| e.start <= at).map(Removed::of) {
            self.remove(removed);
            let Some(edit) = self.edits.get(self.next) else { break };
            self.next += 1;
            if edit.start >= self.removed_until {
                match self.json {
                    Some(place) => {
                        self.bare = !place.in_string && edit.is_number();
                        if !place.in_string && !self.bare {
                            escape_into("\"", out);
                        }
                        let mut inner = Vec::new();
                        escape_into(&edit.marker, &mut inner);
                        escape_into(std::str::from_utf8(&inner).unwrap_or_default(), out);
                    }
                    None => escape_into(&edit.marker, out),
                }
            }
            self.removed_until = self.removed_until.max(edit.end);
        }
    }

    fn advance(&mut self, piece: Piece<'_>, from: u64, to: u64) {
        if let Some(place) = &mut self.json {
            let range = (from - piece.start) as usize..(to - piece.start) as usize;
            place.advance(piece.text.get(range).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn edit(start: u64, end: u64, marker: &str) -> Edit {
        Edit { start, end, strength: 1, rule: 0, marker: marker.into(), make: Make::Marker }
    }

    /// Emits `text` cut into `pieces` of the given lengths.
    fn emit(emitter: &mut Emitter, text: &str, cut: usize) -> String {
        let mut out = Vec::new();
        let (a, b) = text.split_at(cut);
        for (start, part) in [(0, a), (cut, b)] {
            let piece = Piece { raw: part, escaped: false, text: part, start: start as u64, quoted: true };
            emitter.write(piece, &mut out);
        }
        String::from_utf8(out).unwrap_or_default()
    }

    #[test]
    fn overlaps_leave_one_marker_and_neighbours_two() {
        let mut e = Emitter::new(false);
        for x in [edit(2, 5, "A"), edit(4, 8, "B"), edit(8, 9, "C")] {
            e.add(x);
        }
        assert_eq!(emit(&mut e, "0123456789", 5), "01AC9");
    }

    #[test]
    fn json_source_stays_json() {
        let mut e = Emitter::new(true);
        e.add(edit(5, 8, "[N]"));
        assert_eq!(emit(&mut e, r#"{"a":123,"b":1}"#, 6).replace("\\\"", "\""), r#"{"a":"[N]","b":1}"#);
        let mut e = Emitter::new(true);
        e.add(edit(6, 9, "a\"b"));
        assert_eq!(emit(&mut e, r#"{"a":"xyz"}"#, 7), r#"{"a":"a\\\"b"}"#);
    }

    proptest! {
        /// The place of the cut changes nothing, and nothing of an edited span stays.
        #[test]
        fn cuts_change_nothing(spans in proptest::collection::vec((0u64..20, 1u64..6), 0..5), cut in 0usize..=20) {
            let text = "abcdefghijklmnopqrst";
            let build = || {
                let mut e = Emitter::new(false);
                for (start, len) in &spans {
                    e.add(edit(*start, (start + len).min(20), "#"));
                }
                e
            };
            let whole = emit(&mut build(), text, 0);
            prop_assert_eq!(&emit(&mut build(), text, cut), &whole);
            for (i, c) in text.char_indices() {
                let removed = spans.iter().any(|(s, l)| (*s..s + l).contains(&(i as u64)));
                prop_assert_eq!(!removed, whole.contains(c));
            }
        }
    }
}
