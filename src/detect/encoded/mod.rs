//! What prompts hide by encoding it: base64, hex, escapes of URLs, HTML and source code, ROT13, text that runs backwards.
//!
//! A text is read once for places where something may be encoded; what decodes to text is scanned with the rules that count
//! there, and looked at once more in the same way. A finding covers what hides it: of base64 and hex the whole stretch, of escapes
//! those of the match.
//!
//! ```text
//! text      see https%3A%2F%2Fx.example%2F and decode aG93IHRvIG1ha2UgYSBib21i
//! readings  see https://x.example/ and decode         how to make a bomb
//! ```
//!
//! Work is linear: a text is cut into parts of [`PART`] bytes, a byte of a part takes part in a fixed number of readings, and a part
//! is decoded to at most [`MOST`] times its length. Memory is that of one part. What is not read: what is encoded three times,
//! compressed or encrypted, and stretches within which other signs stand than white space.

mod block;
mod bytes;
mod escape;
#[cfg(test)]
mod laws;
mod layer;
mod scramble;
mod tokens;

use super::{Engine, Finding, RuleSet, scan_all};
use crate::text::TextPos;
use crate::text::fold::TextKind;
use layer::Layer;
use std::fmt;
use std::ops::Range;

/// How a text was encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Coding {
    /// Base64 in either alphabet.
    Base64,
    /// Hex digits in pairs.
    Hex,
    /// Percent signs.
    Url,
    /// Character references of HTML.
    Html,
    /// Escapes of source code.
    Escape,
    /// Letters moved by thirteen.
    Rot13,
    /// Written from the end.
    Reversed,
}

/// How a finding was hidden: what it was encoded with, the outermost first. Prints as `base64>url`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hidden {
    outer: Coding,
    inner: Option<Coding>,
}

/// A finding in encoded text. Its span is in the text as it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Uncovered {
    /// What was found.
    pub finding: Finding,
    /// How it was hidden.
    pub hidden: Hidden,
}

/// Texts are read in parts of this size in bytes.
const PART: usize = 256 << 10;
/// How much of a part is read with the next one again.
const AGAIN: usize = 4 << 10;
/// A part is decoded to so many times its length at most.
const MOST: usize = 16;
/// How often what was decoded is decoded again.
const DEPTH: u8 = 2;

/// Scans what is encoded in a whole text. `plain` is what was found in the text as it stands: what that covers is not told again.
pub fn scan_encoded(
    engine: &Engine,
    rules: &RuleSet,
    kind: TextKind,
    text: &str,
    plain: &[Finding],
) -> Vec<Uncovered> {
    let mut out = Vec::new();
    if rules.is_empty() {
        return out;
    }
    let mut start = 0;
    loop {
        let end = text.floor_char_boundary(text.len().min(start + PART));
        let part = text.get(start..end).unwrap_or_default();
        let mut search = Search { engine, rules, left: part.len() * MOST };
        for Hit { place, mut finding, hidden, .. } in search.part(part, kind) {
            let Some(hidden) = hidden else { continue };
            let place = start + place.start..start + place.end;
            let place = whole(text, place, &(start..end), hidden.outer);
            (finding.start, finding.end) = (TextPos(place.start as u64), TextPos(place.end as u64));
            if !plain.iter().any(|known| covers(known, &finding)) {
                out.push(Uncovered { finding, hidden });
            }
        }
        if end == text.len() {
            break;
        }
        start = text.floor_char_boundary(end - AGAIN);
    }
    tidy(out)
}

/// A stretch that is cut by the edge of the part goes with all of it.
fn whole(text: &str, place: Range<usize>, part: &Range<usize>, coding: Coding) -> Range<usize> {
    let goes_on = |byte: &u8| match coding {
        Coding::Base64 => byte.is_ascii_alphanumeric() || b"+/-_=".contains(byte),
        Coding::Hex => byte.is_ascii_hexdigit(),
        Coding::Url | Coding::Html | Coding::Escape | Coding::Rot13 | Coding::Reversed => false,
    };
    let count = |bytes: &mut dyn Iterator<Item = &u8>| bytes.take_while(|byte| goes_on(byte)).count();
    let (head, tail) = text.as_bytes().split_at(place.start.min(text.len()));
    let before = if place.start > part.start { 0 } else { count(&mut head.iter().rev()) };
    let after = if place.end < part.end { 0 } else { count(&mut tail.iter().skip(place.end - place.start)) };
    place.start - before..place.end + after
}

fn covers(known: &Finding, finding: &Finding) -> bool {
    known.rule == finding.rule && known.start <= finding.start && finding.end <= known.end
}

/// Each once, in order: of a rule's findings in the same place the one with the best score, that hides least.
fn tidy(mut found: Vec<Uncovered>) -> Vec<Uncovered> {
    found.sort_by(|a, b| {
        let key = |one: &Uncovered| (one.finding.start, std::cmp::Reverse(one.finding.end), one.finding.rule);
        let more = |one: &Uncovered| (one.hidden.inner.is_some(), one.hidden);
        key(a).cmp(&key(b)).then(b.finding.score.total_cmp(&a.finding.score)).then(more(a).cmp(&more(b)))
    });
    let mut last: Vec<Finding> = Vec::new();
    found.retain(|one| {
        let known = last.iter().position(|known| known.rule == one.finding.rule);
        match known.and_then(|at| last.get_mut(at)) {
            Some(known) if covers(known, &one.finding) => return false,
            Some(known) => *known = one.finding,
            None => last.push(one.finding),
        }
        true
    });
    found
}

struct Search<'a> {
    engine: &'a Engine,
    rules: &'a RuleSet,
    /// How much more may be decoded.
    left: usize,
}

/// A finding in some reading of a text.
struct Hit {
    place: Range<usize>,
    /// The place with what stands before it and hides it.
    all: Range<usize>,
    finding: Finding,
    hidden: Option<Hidden>,
}

// === impl Search ===

impl Search<'_> {
    /// What is encoded in a part of the text.
    fn part(&mut self, text: &str, kind: TextKind) -> Vec<Hit> {
        let mut hits = Vec::new();
        if kind == TextKind::Plain || !text.contains('\\') {
            self.encoded(text, DEPTH, false, &mut hits);
            return hits;
        }
        // The source of JSON hides nothing by its escapes.
        let layer = source(text);
        let mut within = Vec::new();
        self.encoded(layer.text(), DEPTH, false, &mut within);
        hits.extend(within.into_iter().filter_map(|hit| {
            let (place, _) = layer.locate(hit.place)?;
            Some(Hit { place, ..hit })
        }));
        hits
    }

    /// What is encoded in a text, `depth` times at most. What was scrambled once is not unscrambled again.
    fn encoded(&mut self, text: &str, depth: u8, scrambled: bool, hits: &mut Vec<Hit>) {
        escape::escapes(text, |layer| self.scan(&layer, depth, scrambled, hits));
        let (mut layer, mut signs) = (Layer::default(), scramble::Signs::default());
        block::blocks(text, &mut layer, |at, token| signs.word(at, token));
        self.scan(&layer, depth, scrambled, hits);
        if !scrambled {
            signs.readings(text, |layer| self.scan(&layer, depth, true, hits));
        }
    }

    /// Scans a reading of a text, and what is encoded in it in its turn.
    fn scan(&mut self, layer: &Layer, depth: u8, scrambled: bool, hits: &mut Vec<Hit>) {
        let text = layer.text();
        if text.is_empty() || text.len() > self.left {
            return;
        }
        self.left -= text.len();
        let found = scan_all(self.engine, self.rules, TextKind::Plain, text).into_iter();
        let mut within: Vec<Hit> = found
            .map(|finding| {
                let place = finding.start.0 as usize..finding.end.0 as usize;
                Hit { all: place.clone(), place, finding, hidden: None }
            })
            .collect();
        if depth > 1 {
            self.encoded(text, depth - 1, scrambled, &mut within);
        }
        hits.extend(within.into_iter().filter_map(|hit| {
            let (place, _) = layer.locate(hit.place.clone())?;
            let (mut all, coding) = layer.locate(hit.all.clone())?;
            let outer = coding.or_else(|| {
                let (start, coding) = layer.before(hit.all.start)?;
                all.start = start;
                Some(coding)
            })?;
            let chance = matches!(outer, Coding::Rot13 | Coding::Reversed) && hit.hidden.is_none();
            if chance && !text.get(hit.place).is_some_and(scramble::counts) {
                return None;
            }
            let hidden = Hidden { outer, inner: hit.hidden.map(|hidden| hidden.outer) };
            Some(Hit { place, all, finding: hit.finding, hidden: Some(hidden) })
        }));
    }
}

/// What a part of a JSON source says.
fn source(text: &str) -> Layer {
    let mut layer = Layer::default();
    let mut at = 0;
    let bytes = text.as_bytes();
    while let Some(found) = memchr::memchr(b'\\', bytes.get(at..).unwrap_or_default()) {
        let sign = at + found;
        layer.plain(text.get(at..sign).unwrap_or_default(), at);
        let named = match bytes.get(sign + 1) {
            Some(byte @ (b'"' | b'\\' | b'/')) => Some(char::from(*byte)),
            Some(b'b' | b'f') => Some('\u{8}'),
            Some(b'n') => Some('\n'),
            Some(b'r') => Some('\r'),
            Some(b't') => Some('\t'),
            _ => None,
        };
        at = sign + if named.is_some() { 2 } else { 1 };
        match named.map(|named| (named, at)).or_else(|| escape::unit(bytes, sign)) {
            Some((named, end)) => {
                at = end;
                layer.sign(named, sign..end, None);
            }
            None => layer.plain("\\", sign),
        }
    }
    layer.plain(text.get(at..).unwrap_or_default(), at);
    layer
}

// === impl Coding, Hidden ===

impl Coding {
    /// All codings.
    pub const ALL: [Self; 7] =
        [Self::Base64, Self::Hex, Self::Url, Self::Html, Self::Escape, Self::Rot13, Self::Reversed];

    /// The word in records and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::Hex => "hex",
            Self::Url => "url",
            Self::Html => "html",
            Self::Escape => "escape",
            Self::Rot13 => "rot13",
            Self::Reversed => "reversed",
        }
    }
}

impl fmt::Display for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.outer.as_str())?;
        self.inner.map_or(Ok(()), |inner| write!(f, ">{}", inner.as_str()))
    }
}
