//! Marks in an answer as it leaves, and those of earlier answers out of a prompt as it comes.
//!
//! Of an answer the strings are marked that people read, as they stand after redaction, each text from its own beginning: a string that
//! repeats a text gets the marks that its pieces got. What is not marked leaves as it came, byte for byte.

use std::collections::HashMap;
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
    channels: HashMap<u32, Marker>,
    marks: u64,
}

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
            channels: HashMap::new(),
            marks: 0,
        })
    }

    /// What left.
    pub(super) fn marked(&self) -> Marked {
        Marked { epoch: self.epoch.number, marks: self.marks }
    }

    /// Marks an event or body that is about to leave: its bytes anew, if a mark stands in it. `raw` is what leaves, `moved` where in it the
    /// segments stand, and then where in the new bytes.
    pub(super) fn mark(&mut self, raw: &[u8], segments: &Segments, moved: &mut Moved) -> Option<Vec<u8>> {
        let mut out: Option<Vec<u8>> = None;
        let (mut at, mut again) = (0, Moved::default());
        for segment in &segments.texts {
            let range = moved.place(&segment.wire);
            let (start, end) = (range.start as usize, range.end as usize);
            if start >= end || start < at || !self.is_prose(raw, start, segment) {
                continue;
            }
            let Some(source) = raw.get(start..end).and_then(|b| std::str::from_utf8(b).ok()) else {
                continue;
            };
            let places = self.places(segment, source);
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
        moved.then(again);
        Some(out)
    }

    fn is_prose(&self, raw: &[u8], start: usize, segment: &Segment) -> bool {
        segment.role == Role::Message
            && segment.quoted
            && !segment.json
            && !segment.fixed
            && is_read(raw, start, self.anthropic)
    }

    /// Where in a string's source marks stand.
    fn places(&mut self, segment: &Segment, source: &str) -> SmallVec<[(usize, String); 2]> {
        let escaped = source.contains('\\');
        let mut decoded = String::new();
        let text = if escaped {
            unescape_into(source, &mut decoded);
            &decoded
        } else {
            source
        };
        let mut marks: Vec<Insertion> = Vec::new();
        let fresh = || Marker::new(Arc::clone(&self.epoch), self.density);
        match segment.part {
            Part::Channel(channel, ..) => {
                if let Some(new) = (!self.channels.contains_key(&channel)).then(fresh).flatten() {
                    self.channels.insert(channel, new);
                }
                if let Some(marker) = self.channels.get_mut(&channel) {
                    marker.push(text, &mut marks);
                }
            }
            Part::Alone | Part::Joined(..) => {
                if let Some(mut marker) = fresh() {
                    marker.push(text, &mut marks);
                }
            }
        }
        let mut ruler = Ruler::new(source, escaped);
        marks.into_iter().map(|Insertion { at, mark }| (ruler.wire_at(at), mark)).collect()
    }
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
