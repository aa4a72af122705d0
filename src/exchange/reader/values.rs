//! What is made of the values that rules find: stand-ins in a request, the values again in its answer, keyed hashes, parts with stars.
//!
//! What stands for a value is chosen when the whole request has been read: it must not stand in the request itself. Until then an edit only
//! says what is to be made ([`Make`]); where nothing can be made (there is no key, the value is encoded, it lies in a query) the rule's
//! marker stays. Values that a rule has found in one place are replaced in all others too.

use std::collections::BTreeMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::super::emit::{Edit, Emitter, Left, Make};
use super::super::segment::{Part, Segment, Segments};
use super::Reader;
use crate::detect::{Encodings, RuleId, TextKind};
use crate::policy::{Action, Policy};
use crate::telemetry::Quiet;
use crate::text::json::unescape;
use crate::vault::{Back, Book, Channel as BackChannel, Returning, Scope, partial};

/// How many values by category.
pub type Counted = BTreeMap<Arc<str>, u64>;

/// What one side of an exchange knows of values.
#[derive(Debug)]
pub(super) struct Values {
    scope: Scope,
    /// Of a request, its values.
    book: Option<Book>,
    /// Of an answer, what brings them back.
    back: Option<Arc<Back>>,
    counted: Counted,
    /// How many of these no rule found.
    swept: u64,
}

/// The end of a text, for what is made of values in it.
#[derive(Debug, Default)]
pub(super) struct Recent {
    base: u64,
    text: Quiet<String>,
}

impl Recent {
    pub(super) fn push(&mut self, text: &str) {
        self.text.0.push_str(text);
    }

    /// Forgets what is decided.
    pub(super) fn trim(&mut self, settled: u64) {
        const WORTHWHILE: usize = 512;
        let gone = settled.saturating_sub(self.base).min(self.text.0.len() as u64) as usize;
        if gone > WORTHWHILE && gone > self.text.0.len() / 2 {
            let gone = self.text.0.floor_char_boundary(gone);
            self.text.0.drain(..gone);
            self.base += gone as u64;
        }
    }

    pub(super) fn get(&self, start: u64, end: u64) -> Option<&str> {
        let place = |at: u64| at.checked_sub(self.base).map(|at| at as usize);
        self.text.0.get(place(start)?..place(end)?)
    }
}

/// Shorter rests of a finding are a title, a sign, the end of an address: they stay beside the value.
const SPARED: u64 = 12;

/// What is left of what a rule found where values come back: nothing of what lies within one, and beside one that is of its category what is
/// too long to belong to it. None: it does not give way.
pub(super) fn left_of(category: &str, start: u64, end: u64, backs: &[Returning]) -> Option<Left> {
    let overlaps = |back: &&Returning| back.start < end && start < back.end;
    if backs.iter().filter(overlaps).any(|back| back.start <= start && end <= back.end) {
        return Some(Left::new());
    }
    let mut own: SmallVec<[(u64, u64); 4]> = backs
        .iter()
        .filter(overlaps)
        .filter(|back| *back.category == *category)
        .map(|back| (back.start, back.end))
        .collect();
    if own.is_empty() {
        return None;
    }
    own.sort_unstable();
    let (mut left, mut at) = (Left::new(), start);
    for (from, to) in own.into_iter().chain([(end, end)]) {
        if from >= at + SPARED {
            left.push((at, from));
        }
        at = at.max(to);
    }
    Some(left)
}

/// The edit that brings a value back, `shift` bytes further on.
pub(super) fn back_edit(back: &Returning, shift: u64) -> Edit {
    Edit {
        start: back.start + shift,
        end: back.end + shift,
        strength: u8::MAX,
        rule: u32::MAX,
        marker: Arc::clone(&back.text),
        make: Make::Back(Arc::clone(&back.category)),
    }
}

/// The value that a stretch of a text is: of JSON source, what it says.
fn value_of(text: &str, json: bool, start: u64, end: u64) -> String {
    let source = text.get(start as usize..end as usize).unwrap_or_default();
    if json { unescape(source) } else { source.to_owned() }
}

impl Reader {
    /// Stand-ins are chosen for what this request's rules find.
    pub fn stand_in(&mut self, book: Book) {
        let scope = book.scope().clone();
        self.values =
            Some(Box::new(Values { scope, book: Some(book), back: None, counted: Counted::new(), swept: 0 }));
    }

    /// Values come back in this answer.
    pub fn bring_back(&mut self, scope: Scope, back: Option<Arc<Back>>) {
        let back = back.filter(|back| !back.is_empty());
        self.values = Some(Box::new(Values { scope, book: None, back, counted: Counted::new(), swept: 0 }));
    }

    /// The request's values, once it has been read, and whose they are.
    pub fn book(&self) -> Option<&Book> {
        self.values.as_ref().and_then(|values| values.book.as_ref())
    }

    /// Whose values they are.
    pub fn scope(&self) -> Option<&Scope> {
        self.values.as_ref().map(|values| &values.scope)
    }

    /// How many stand-ins were put into a request, or values into an answer.
    pub fn counted(&self) -> Option<&Counted> {
        self.values.as_ref().map(|values| &values.counted)
    }

    /// What brings values back.
    pub(super) fn back(&self) -> Option<&Arc<Back>> {
        self.values.as_ref().and_then(|values| values.back.as_ref())
    }

    /// What is made of the text that an action is for.
    pub(super) fn make(&mut self, action: Action, hidden: Option<Encodings>) -> Make {
        let has_key = self.values.is_some();
        let has_book = self.values.as_ref().is_some_and(|values| values.book.is_some());
        let make = match action {
            Action::Pseudonymise if has_book && hidden.is_some() => Make::Hidden,
            _ if hidden.is_some() => Make::Marker,
            Action::Pseudonymise if has_book => Make::StandIn,
            Action::Hash if has_key => Make::Hash,
            Action::Partial => Make::Partial,
            Action::Allow
            | Action::Flag
            | Action::Pseudonymise
            | Action::Hash
            | Action::Mask
            | Action::Replace
            | Action::Block => Make::Marker,
        };
        self.deferred |= make != Make::Marker;
        make
    }

    /// A value has come back.
    pub(super) fn came_back(&mut self, back: &Returning) {
        self.strongest = self.strongest.max(Action::Pseudonymise);
        if let Some(values) = &mut self.values {
            *values.counted.entry(Arc::clone(&back.category)).or_default() += 1;
        }
    }

    /// Values that come back in a whole text.
    pub(super) fn backs_in(&mut self, text: &str, kind: TextKind) -> Vec<Returning> {
        let Some(back) = self.back().cloned() else { return Vec::new() };
        let found = back.all(kind, text);
        found.iter().for_each(|back| self.came_back(back));
        found
    }

    /// Makes of the values in a body or event what is to be made of them.
    pub(super) fn make_of_values(&mut self, src: &[u8], out: &mut Segments) {
        let knows = self.book().is_some_and(|book| !book.is_empty());
        if !(std::mem::take(&mut self.deferred) || knows) {
            return;
        }
        let policy = Arc::clone(&self.policy);
        let mut values = self.values.take();
        let mut decoded = String::new();
        let mut joined = vec![false; out.joined.len()];
        // In order, so that a value keeps what stands for it when more is said after it.
        for at in 0..out.texts.len() {
            let Some(segment) = out.texts.get_mut(at) else { continue };
            if let Part::Joined(number, _) = segment.part {
                let done = joined.get_mut(number as usize).is_none_or(|done| std::mem::replace(done, true));
                let json = segment.json;
                if !done {
                    let text = joined_text(src, out, number);
                    if let Some(emitter) = out.joined.get_mut(number as usize) {
                        settle(&policy, values.as_deref_mut(), &text, json, emitter.edits_mut());
                    }
                }
            } else if !segment.edits.is_empty() {
                let (json, mut edits) = (segment.json, std::mem::take(&mut segment.edits));
                let (_, text) = segment.source(src, &mut decoded);
                settle(&policy, values.as_deref_mut(), text, json, &mut edits);
                segment.edits = edits;
            }
        }
        if let Some(values) = values.as_deref_mut() {
            values.choose(src, out);
            if values.sweep(src, out) {
                self.strongest = self.strongest.max(Action::Pseudonymise);
            }
        }
        self.values = values;
    }

    /// The same of a text that stands alone.
    pub(super) fn make_of_loose(&mut self, text: &str, segment: Segment) -> Segment {
        if !self.deferred && self.book().is_none_or(Book::is_empty) {
            return segment;
        }
        let wire = segment.wire.clone();
        let mut alone = Segments::default();
        alone.texts.push(Segment { wire: 0..text.len() as u32, ..segment });
        self.make_of_values(text.as_bytes(), &mut alone);
        match alone.texts.pop() {
            Some(segment) => Segment { wire, ..segment },
            // There is one, since it was put there.
            None => unreachable!("a text that was put there"),
        }
    }

    /// What an edit puts into a stream's text, of what is made of the value itself.
    pub(super) fn made_of(&self, edit: Edit, value: Option<&str>, json: bool) -> Edit {
        let category = &self.policy.rule(RuleId(edit.rule)).category;
        let value = value.map(|value| if json { unescape(value) } else { value.to_owned() });
        let marker = match (&edit.make, value, &self.values) {
            (Make::Partial, Some(value), _) => partial(category, &value).into(),
            (Make::Hash, Some(value), Some(values)) => values.scope.hash(category, &value).into(),
            _ => return Edit { make: Make::Marker, ..edit },
        };
        Edit { marker, make: Make::Marker, ..edit }
    }

    /// Reads a channel's text for values that come back.
    pub(super) fn read_backs(
        &mut self,
        index: usize,
        read: impl FnOnce(&mut BackChannel) -> Vec<Returning>,
    ) -> Vec<Returning> {
        let back = self.channels.get_mut(index).and_then(|channel| channel.back.as_deref_mut());
        back.map(read).unwrap_or_default()
    }

    /// Takes in the values that come back in a channel.
    pub(super) fn take_backs(&mut self, index: usize, found: Vec<Returning>) {
        let Some(base) = self.channels.get(index).map(|channel| channel.base) else { return };
        let policy = Arc::clone(&self.policy);
        for mut one in found {
            (one.start, one.end) = (one.start + base, one.end + base);
            let Some(channel) = self.channels.get_mut(index) else { return };
            if channel.backs.contains(&one) {
                continue;
            }
            let backs = std::slice::from_ref(&one);
            channel.emitter.give_way(&|edit| {
                let category = &policy.rule(RuleId(edit.rule)).category;
                left_of(category, edit.start, edit.end, backs)
            });
            channel.edit(back_edit(&one, 0));
            let left = channel.left;
            channel.backs.retain(|back| back.end > left);
            channel.backs.push(one.clone());
            self.came_back(&one);
        }
    }

    /// What is left of a finding beside values that come back: these, or those of a channel in which it begins so far behind.
    pub(super) fn left(
        &self,
        rule: RuleId,
        (start, end): (u64, u64),
        backs: &[Returning],
        place: Option<(usize, u64)>,
    ) -> Left {
        let channel = place.and_then(|(index, shift)| Some((self.channels.get(index)?, shift)));
        let others = channel.filter(|(channel, _)| !channel.backs.is_empty());
        let all = || [(start, end)].into_iter().collect();
        if backs.is_empty() && others.is_none() {
            return all();
        }
        let category = &self.policy.rule(rule).category;
        let beside = || {
            let (channel, shift) = others?;
            let left = left_of(category, start + shift, end + shift, &channel.backs)?;
            Some(left.into_iter().map(|(start, end)| (start - shift, end - shift)).collect())
        };
        left_of(category, start, end, backs).or_else(beside).unwrap_or_else(all)
    }

    /// The beginning of a text in which values come back.
    pub(super) fn back_channel(&self, kind: TextKind) -> Option<Box<BackChannel>> {
        self.back().map(|back| Box::new(BackChannel::new(Arc::clone(back), kind)))
    }
}

/// The text of strings that are joined.
fn joined_text(src: &[u8], out: &Segments, number: u32) -> String {
    let mut text = String::new();
    for segment in &out.texts {
        if matches!(segment.part, Part::Joined(n, _) if n == number) {
            text.push_str(segment.source(src, &mut String::new()).1);
        }
    }
    text
}

/// Decides on edits of a text that is there as a whole: those that overlap a value that comes back give way to it, of stand-ins that
/// overlap one is made, and one that overlaps what has to go is none. Hashes and parts are made.
fn settle(policy: &Policy, mut values: Option<&mut Values>, text: &str, json: bool, edits: &mut Vec<Edit>) {
    let category = |edit: &Edit| &policy.rule(RuleId(edit.rule)).category;
    let backs: Vec<Returning> = edits
        .iter()
        .filter_map(|edit| match &edit.make {
            Make::Back(category) => Some(Returning {
                start: edit.start,
                end: edit.end,
                category: Arc::clone(category),
                text: Arc::clone(&edit.marker),
                word: false,
            }),
            _ => None,
        })
        .collect();
    if !backs.is_empty() {
        let all = std::mem::take(edits).into_iter().flat_map(|edit| {
            let left = match edit.make {
                Make::Back(_) => None,
                _ => left_of(category(&edit), edit.start, edit.end, &backs),
            };
            let left = left.unwrap_or_else(|| [(edit.start, edit.end)].into_iter().collect());
            left.into_iter().map(move |(start, end)| Edit { start, end, ..edit.clone() })
        });
        *edits = all.collect();
    }
    edits.sort_by_key(Edit::order);
    let mut all = std::mem::take(edits).into_iter().peekable();
    while let Some(first) = all.next() {
        let (mut end, mut group) = (first.end, vec![first]);
        while let Some(next) = all.next_if(|next| next.start < end) {
            end = end.max(next.end);
            group.push(next);
        }
        let is_stand_in = |edit: &Edit| edit.make == Make::StandIn;
        let book = values.as_deref_mut().and_then(|values| values.book.as_mut());
        if let Some(book) = book.filter(|book| group.iter().all(is_stand_in) && !book.is_full())
            && let Some(first) = group.first().cloned()
        {
            let restore = group.iter().all(|edit| policy.rule(RuleId(edit.rule)).restore);
            let number = book.take(category(&first), &value_of(text, json, first.start, end), restore);
            edits.push(Edit { end, make: Make::Chosen(number), ..first });
            continue;
        }
        for edit in group {
            let value = || value_of(text, json, edit.start, edit.end);
            let marker = match (&edit.make, values.as_deref()) {
                (Make::Partial, _) => Some(partial(category(&edit), &value())),
                (Make::Hash, Some(values)) => Some(values.scope.hash(category(&edit), &value())),
                _ => None,
            };
            let make = match &edit.make {
                make @ (Make::Back(_) | Make::Hidden) => make.clone(),
                _ => Make::Marker,
            };
            edits.push(match marker {
                Some(marker) => Edit { marker: marker.into(), make, ..edit },
                None => Edit { make, ..edit },
            });
        }
    }
}

/// What was found; of that which lies across edits, what is found in what they leave of it.
fn beside(
    forward: &Back,
    kind: TextKind,
    text: &str,
    found: Vec<Returning>,
    edits: &[Edit],
) -> Vec<Returning> {
    let (mut out, mut at) = (Vec::with_capacity(found.len()), 0);
    for one in found {
        while edits.get(at).is_some_and(|edit| edit.end <= one.start) {
            at += 1;
        }
        let here = edits.iter().skip(at).take_while(|edit| edit.start < one.end);
        let (mut from, mut gaps, mut across) = (one.start, Vec::new(), false);
        for edit in here.filter(|edit| edit.end > one.start) {
            across = true;
            gaps.push(from..edit.start.max(from));
            from = from.max(edit.end);
        }
        if !across {
            out.push(one);
            continue;
        }
        gaps.push(from..one.end.max(from));
        for gap in gaps {
            let left = text.get(gap.start as usize..gap.end as usize).unwrap_or_default();
            let shift =
                |one: Returning| Returning { start: one.start + gap.start, end: one.end + gap.start, ..one };
            out.extend(forward.all(kind, left).into_iter().map(shift));
        }
    }
    out
}

impl Values {
    /// Chooses the stand-ins, and puts them into the edits.
    fn choose(&mut self, src: &[u8], out: &mut Segments) {
        let Some(book) = &mut self.book else { return };
        book.choose(&mut |read| {
            let mut decoded = String::new();
            for segment in &out.texts {
                let kind = if segment.json { TextKind::Json } else { TextKind::Plain };
                read(kind, segment.source(src, &mut decoded).1);
            }
        });
        let counted = &mut self.counted;
        let mut put = |edit: &mut Edit| {
            let Make::Chosen(number) = edit.make else { return };
            if let Some(swap) = book.swap(number) {
                edit.marker = Arc::clone(&swap.stand_in);
                *counted.entry(Arc::clone(&swap.category)).or_default() += 1;
            }
        };
        out.texts.iter_mut().flat_map(|segment| &mut segment.edits).for_each(&mut put);
        out.joined.iter_mut().flat_map(Emitter::edits_mut).for_each(&mut put);
    }

    /// Replaces the values where no rule found them. Whether there was one.
    fn sweep(&mut self, src: &[u8], out: &mut Segments) -> bool {
        let Some(forward) = self.book.as_ref().map(Book::forward).filter(|forward| !forward.is_empty())
        else {
            return false;
        };
        let (mut decoded, before) = (String::new(), self.swept);
        for segment in &mut out.texts {
            if matches!(segment.part, Part::Joined(..)) {
                continue;
            }
            let mut edits = std::mem::take(&mut segment.edits);
            let (_, text) = segment.source(src, &mut decoded);
            self.replace(&forward, text, segment.json, &mut edits);
            segment.edits = edits;
        }
        for number in 0..out.joined.len() as u32 {
            let of_it = |segment: &Segment| matches!(segment.part, Part::Joined(n, _) if n == number);
            let kind =
                if out.texts.iter().any(|s| s.json && of_it(s)) { TextKind::Json } else { TextKind::Plain };
            let text = joined_text(src, out, number);
            let Some(emitter) = out.joined.get_mut(number as usize) else { continue };
            let json = kind == TextKind::Json;
            let places = self.replace(&forward, &text, json, emitter.edits_mut());
            let mut places = places.iter().peekable();
            for segment in out.texts.iter_mut().filter(|segment| of_it(segment)) {
                let Part::Joined(_, start) = segment.part else { continue };
                let end = start + segment.source(src, &mut String::new()).1.len() as u64;
                while places.next_if(|(_, until)| *until <= start).is_some() {}
                segment.touched |= places.peek().is_some_and(|(from, _)| *from < end);
            }
        }
        self.swept > before
    }

    /// Puts what was found among the edits, where they leave room for it. The places at which it did.
    fn replace(&mut self, forward: &Back, text: &str, json: bool, edits: &mut Vec<Edit>) -> Vec<(u64, u64)> {
        let kind = if json { TextKind::Json } else { TextKind::Plain };
        let found = forward.all(kind, text);
        let within = |edit: &Edit| {
            let next = found.partition_point(|one| one.end < edit.end);
            found.get(next).is_some_and(|one| one.start <= edit.start)
        };
        edits.retain(|edit| edit.make != Make::Hidden || !within(edit));
        let found = beside(forward, kind, text, found, edits);
        let (mut places, mut at, mut until) = (Vec::new(), 0, 0);
        let known = edits.len();
        for one in found {
            // Edits stand in the order of their beginnings.
            while let Some(edit) = edits.get(at).filter(|edit| at < known && edit.start < one.end) {
                until = until.max(edit.end);
                at += 1;
            }
            if until > one.start {
                continue;
            }
            let mut edit = back_edit(&one, 0);
            // Another way of writing has a stand-in that is written so.
            if let Some(book) = self.book.as_mut().filter(|_| !one.word)
                && let Some(stand_in) = book.also(&one.category, &value_of(text, json, one.start, one.end))
            {
                edit.marker = stand_in;
            }
            edits.push(Edit {
                strength: Action::Pseudonymise as u8 * 2,
                make: Make::Chosen(usize::MAX),
                ..edit
            });
            places.push((one.start, one.end));
            *self.counted.entry(one.category).or_default() += 1;
        }
        if !places.is_empty() {
            edits.sort_by_key(Edit::order);
            self.swept += places.len() as u64;
        }
        places
    }
}
