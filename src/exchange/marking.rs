//! Marks in an answer as it leaves, and those of earlier answers out of a prompt as it comes.
//!
//! Of an answer the strings are marked that people read, as they stand after redaction, each text from its own beginning: a string that
//! repeats a text gets the marks that its pieces got. What is not marked leaves as it came, byte for byte.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use super::Terms;
use super::segment::{Moved, Part, Segment, Segments};
use crate::dialect::{Ask, Matched, Role};
use crate::policy::{Density, Policy};
use crate::provenance::mark::{Epoch, Insertion, MarkKeys, Marker, Strip, may_hold};
use crate::text::json::{Kind, Ruler, Tape, unescape_into};

/// Which marks an exchange sets and knows.
#[derive(Clone, Debug)]
pub struct Marks {
    /// The keys of all epochs; the newest marks.
    pub keys: Arc<MarkKeys>,
    /// How closely marks stand, where that is not as the policy says.
    pub density: Option<Density>,
    /// Whether some route may say so once the request has been read.
    pub routed: bool,
}

/// What was marked, for the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marked {
    /// The epoch whose key marked.
    pub epoch: u32,
    /// How many marks left.
    pub marks: u64,
}

impl Marks {
    /// Whether the answer may be marked, as far as can be told before its route is known.
    pub(super) fn may_mark(&self, policy: &Policy) -> bool {
        self.routed || self.density.unwrap_or_else(|| policy.mark()) != Density::Off
    }
}

/// Marks the texts of one answer.
#[derive(Debug)]
pub(super) struct Marking {
    epoch: Arc<Epoch>,
    density: Density,
    /// Keys of strings that hold what people read, beside those of the dialect's table.
    anthropic: bool,
    /// Whether blocks or items are parts of one answer, and no choices beside each other.
    parts: bool,
    channels: HashMap<u32, Marker>,
    /// How the marker of a channel was at its beginning: a string that repeats the channel begins so too.
    begun: HashMap<u32, Marker>,
    /// In which channel each choice spoke last: its next text goes on from there, since clients put them together.
    last: HashMap<u64, u32>,
    marks: u64,
}

/// The last text that stands alone of each choice in one body or event. At the end of a stream they repeat in order what channels said, and
/// so do their marks.
type Alone = HashMap<u64, Marker>;

/// Members whose strings are prose where the dialect's table says that they are a message.
const MEMBERS: [&str; 5] = ["text", "content", "delta", "response", "output_text"];

impl Marking {
    /// For the answer to a request; none where nothing is marked.
    pub(super) fn new(terms: &Terms, matched: &Matched, ask: &Ask, status: u16) -> Option<Self> {
        let marks = terms.marks.as_ref()?;
        let density = marks.density.unwrap_or_else(|| terms.policy.mark());
        let is_prose = matched.dialect.has_words(matched.operation) && !ask.exact;
        if density == Density::Off || !is_prose || !(200..300).contains(&status) {
            return None;
        }
        Some(Self {
            epoch: Arc::new(marks.keys.newest()?.clone()),
            density,
            anthropic: matched.dialect.name() == "anthropic",
            parts: matched.dialect.name() == "anthropic" || matched.operation.name.starts_with("responses"),
            channels: HashMap::new(),
            begun: HashMap::new(),
            last: HashMap::new(),
            marks: 0,
        })
    }

    /// What left.
    pub(super) fn marked(&self) -> Marked {
        Marked { epoch: self.epoch.number, marks: self.marks }
    }

    /// Marks an event or body that is about to leave: its bytes anew, and where they have come to stand, if a mark stands in it. `raw` is what
    /// leaves, `moved` where in it the segments stand, and `own` where the gateway's own words do: they are vouched for, and no mark stands in
    /// them.
    pub(super) fn mark(
        &mut self,
        raw: &[u8],
        segments: &Segments,
        moved: &Moved,
        own: &[Range<usize>],
    ) -> Option<(Vec<u8>, Moved)> {
        let mut out: Option<Vec<u8>> = None;
        let (mut at, mut again) = (0, Moved::default());
        let mut alone = Alone::default();
        for segment in &segments.texts {
            let range = moved.place(&segment.wire);
            let (start, end) = (range.start as usize, range.end as usize);
            // The string begins before words that were put before its text.
            let before = own.iter().find(|own| own.end == start && !own.is_empty());
            let start = before.map_or(start, |own| own.start);
            if start >= end || start < at || !self.is_prose(raw, start, segment) {
                continue;
            }
            let Some(source) = raw.get(start..end).and_then(|b| std::str::from_utf8(b).ok()) else {
                continue;
            };
            let own: SmallVec<[Range<usize>; 1]> = own
                .iter()
                .filter(|own| start <= own.start && own.end <= end)
                .map(|own| own.start - start..own.end - start)
                .collect();
            let places = self.places(segment, source, &own, &mut alone);
            if places.is_empty() {
                continue;
            }
            self.marks += places.len() as u64;
            let out = out.get_or_insert_with(|| Vec::with_capacity(raw.len() + places.len() * 64));
            for (place, mark) in places {
                out.extend_from_slice(raw.get(at..start + place).unwrap_or_default());
                out.extend_from_slice(mark.as_bytes());
                at = start + place;
            }
            out.extend_from_slice(raw.get(at..end).unwrap_or_default());
            at = end;
            again.note(at, out.len());
        }
        let mut out = out?;
        out.extend_from_slice(raw.get(at..).unwrap_or_default());
        Some((out, again))
    }

    /// Words of the gateway's own went out in an event of their own, behind what a choice or part has said.
    pub(super) fn pass(&mut self, choice: u64, words: &str) {
        let choice = if self.parts { 0 } else { choice };
        if let Some(marker) = self.last.get(&choice).and_then(|channel| self.channels.get_mut(channel)) {
            marker.pass(words);
        }
    }

    fn is_prose(&self, raw: &[u8], start: usize, segment: &Segment) -> bool {
        segment.role == Role::Message
            && segment.quoted
            && !segment.json
            && !segment.fixed
            && is_read(raw, start, self.anthropic)
    }

    fn fresh(&self) -> Option<Marker> {
        Marker::new(Arc::clone(&self.epoch), self.density)
    }

    /// Where in a string's source marks stand.
    fn places(
        &mut self,
        segment: &Segment,
        source: &str,
        own: &[Range<usize>],
        alone: &mut Alone,
    ) -> SmallVec<[(usize, String); 2]> {
        let choice = if self.parts { 0 } else { segment.choice };
        match (segment.part, segment.repeats) {
            (Part::Channel(channel, ..), _) => {
                if !self.channels.contains_key(&channel)
                    && let Some(fresh) = self.fresh()
                {
                    let before = self.last.insert(choice, channel);
                    let before = before.and_then(|before| self.channels.get(&before));
                    let new = before.map_or(fresh, Marker::next_text);
                    self.begun.insert(channel, new.clone());
                    self.channels.insert(channel, new);
                }
                let marker = self.channels.get_mut(&channel);
                marker.map(|marker| push(marker, source, own)).unwrap_or_default()
            }
            (Part::Alone | Part::Joined(..), Some((channel, _))) => {
                let marker = self.begun.get(&channel).cloned().or_else(|| self.fresh());
                marker.map(|mut marker| push(&mut marker, source, own)).unwrap_or_default()
            }
            (Part::Alone | Part::Joined(..), None) => {
                let before = alone.get(&choice).map(Marker::next_text);
                let Some(mut marker) = before.or_else(|| self.fresh()) else { return SmallVec::new() };
                let places = push(&mut marker, source, own);
                alone.insert(choice, marker);
                places
            }
        }
    }
}

/// Takes the next string of a text, whose source this is; gives where in the source marks stand. None stands in the ranges that are the
/// gateway's own words.
fn push(marker: &mut Marker, source: &str, own: &[Range<usize>]) -> SmallVec<[(usize, String); 2]> {
    let mut out = SmallVec::new();
    let (mut at, mut decoded, mut marks) = (0, String::new(), Vec::<Insertion>::new());
    let ends =
        own.iter().flat_map(|own| [(own.start, false), (own.end, true)]).chain([(source.len(), false)]);
    for (end, is_own) in ends {
        let Some(source) = source.get(at..end).filter(|source| !source.is_empty()) else { continue };
        let escaped = source.contains('\\');
        let text = if escaped {
            decoded.clear();
            unescape_into(source, &mut decoded);
            &decoded
        } else {
            source
        };
        if is_own {
            marker.pass(text);
        } else {
            marker.push(text, &mut marks);
        }
        let mut ruler = Ruler::new(source, escaped);
        out.extend(marks.drain(..).map(|Insertion { at: place, mark }| (at + ruler.wire_at(place), mark)));
        at = end;
    }
    out
}

/// Whether people read the string that begins at `start`, where the dialect's table says that it is a message.
pub(super) fn is_read(raw: &[u8], start: usize, anthropic: bool) -> bool {
    member_before(raw, start).is_some_and(|member| {
        // A compaction's content is the provider's own.
        MEMBERS.iter().any(|one| one.as_bytes() == member) && !(anthropic && member == b"content")
    })
}

/// The name of the member whose string begins at `start`, behind its quote.
fn member_before(raw: &[u8], start: usize) -> Option<&[u8]> {
    let before = raw.get(..start.checked_sub(1)?)?.trim_ascii_end();
    let before = before.strip_suffix(b":")?.trim_ascii_end().strip_suffix(b"\"")?;
    let begin = memchr::memrchr(b'"', before)?;
    before.get(begin + 1..)
}

/// Strings of an event or body that stay as they are: a model's thoughts, and what the provider has signed.
pub(super) fn fixed(src: &[u8], tape: &Tape) -> SmallVec<[u32; 2]> {
    let mut out = SmallVec::new();
    if memchr::memmem::find(src, b"hought").is_none() && memchr::memmem::find(src, b"ignature").is_none() {
        return out;
    }
    let objects = tape.nodes().iter().enumerate().filter(|(_, node)| node.kind == Kind::Object);
    for (object, _) in objects {
        let says = |name: &str| tape.get(src, object, name).is_some_and(|at| tape.text(src, at) != "false");
        if ["thought", "thoughtSignature", "thought_signature", "signature"].iter().any(|name| says(name)) {
            let strings = tape.members(object).filter_map(|(_, value)| tape.node(value));
            out.extend(strings.filter(|node| node.kind == Kind::String).map(|node| node.start));
        }
    }
    out
}

/// A request's body without the gateway's own marks, and how many there were; none where there are none. Everything else stays as it is.
pub(super) fn stripped(keys: &MarkKeys, body: &[u8], tape: &Tape) -> Option<(Vec<u8>, u64)> {
    // As they are written where JSON keeps to ASCII.
    const ESCAPES: [&[u8]; 6] = [b"\\u200", b"\\u206", b"\\ufe0", b"\\uFE0", b"\\udb40", b"\\uDB40"];
    let escaped = || ESCAPES.iter().any(|escape| memchr::memmem::find(body, escape).is_some());
    if !may_hold(body) && (memchr::memchr(b'\\', body).is_none() || !escaped()) {
        return None;
    }
    let mut out: Option<Vec<u8>> = None;
    let (mut at, mut member, mut decoded) = (0, "", String::new());
    // An answer may come back in the pieces in which it was streamed: strings of the same member go on in each other.
    let mut strips: HashMap<&str, Strip> = HashMap::new();
    for node in tape.nodes() {
        let (start, end) = (node.start as usize, node.end as usize);
        let source = || body.get(start..end).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default();
        match node.kind {
            Kind::Key => member = source(),
            Kind::String => {
                let source = source();
                let text = if node.escaped {
                    decoded.clear();
                    unescape_into(source, &mut decoded);
                    &decoded
                } else {
                    source
                };
                let own = strips.entry(member).or_default().own(keys, text);
                if own.is_empty() {
                    continue;
                }
                let mut ruler = Ruler::new(source, node.escaped);
                let out = out.get_or_insert_with(|| Vec::with_capacity(body.len()));
                for mark in own {
                    let (from, to) = (ruler.wire_at(mark.start), ruler.wire_at(mark.end));
                    out.extend_from_slice(body.get(at..start + from).unwrap_or_default());
                    at = start + to;
                }
            }
            Kind::Object | Kind::Array | Kind::Number | Kind::Bool | Kind::Null => {}
        }
    }
    let mut out = out?;
    out.extend_from_slice(body.get(at..).unwrap_or_default());
    Some((out, strips.values().map(|strip| strip.marks).sum()))
}
