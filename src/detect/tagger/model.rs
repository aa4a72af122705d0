//! A tagger: weights of a byte for each hashed feature and label, and what is worked out with them.

use super::features::Unit;
use super::lexicon::{self, Lexicon};
use super::token::{Cutter, Token, Units};
use crate::detect::model_file;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;
use std::sync::OnceLock;

/// How wide rows of weights are.
pub const WIDTH: usize = 16;
/// The most types: each has two labels, there is one for nothing, and a row ends with its tag.
pub const MOST_TYPES: usize = (WIDTH - 3) / 2;
/// So many rows stand together where a feature may be: what a cache loads at once.
pub(super) const BUCKET: usize = 4;

/// What is written before the weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The format of the file, which says nothing where it is 1.
    #[serde(default = "model_file::first", skip_serializing_if = "model_file::is_first")]
    pub format: u32,
    /// Its name.
    pub name: String,
    /// What it is, so that no other model is taken for it: `tagger`.
    pub kind: String,
    /// A date or number, for people.
    pub version: String,
    /// The table has two to this many rows.
    pub bits: u32,
    /// What it finds, such as `person`. The labels are nothing, then of each type its beginning and what goes on.
    pub types: Vec<String>,
    /// By type: what is less sure is not found at all, 0 to 1.
    pub least: Vec<f32>,
    /// What a weight of one is worth, by label.
    pub scales: Vec<f32>,
    /// What each label begins with.
    pub biases: Vec<f32>,
    /// What it is worth that a label follows another: by the first one, then the next.
    pub follows: Vec<Vec<f32>>,
    /// How many words the lexicon has.
    pub words: u32,
    /// SHA-256 of the weights and the lexicon, in hex.
    pub sha256: String,
}

/// A tagger.
#[derive(Clone, Debug)]
pub struct Tagger {
    pub(super) head: Head,
    /// Weights and lexicon as they are packed; empty where they were unpacked at once.
    pub(super) packed: Cow<'static, [u8]>,
    pub(super) body: OnceLock<Body>,
}

/// What is unpacked.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// By bucket the tags of its rows, and the rows.
    pub(super) tags: Vec<[u16; BUCKET]>,
    pub(super) rows: Vec<[[i8; WIDTH]; BUCKET]>,
    /// What it is worth that a label follows another, and the same as a factor.
    pub(super) follows: [[f32; WIDTH]; WIDTH],
    pub(super) factors: [[f32; WIDTH]; WIDTH],
    pub(super) lexicon: Lexicon,
}

/// Something that stands in a unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// Its first token.
    pub first: usize,
    /// The token behind it.
    pub end: usize,
    /// Its type's place.
    pub kind: usize,
    /// How sure that is, 0 to 1.
    pub score: f32,
}

/// The label of nothing.
pub const NOTHING: usize = 0;

/// The type of a label, and whether it begins.
pub fn type_of(label: usize) -> Option<(usize, bool)> {
    label.checked_sub(1).map(|label| (label / 2, label % 2 == 0))
}

/// Whether a label may follow another: what goes on has begun.
pub fn may_follow(before: usize, label: usize) -> bool {
    match type_of(label) {
        Some((kind, false)) => type_of(before).is_some_and(|(other, _)| other == kind),
        Some((_, true)) | None => true,
    }
}

/// Room to work in, kept from unit to unit.
#[derive(Clone, Debug, Default)]
pub struct Room {
    features: Vec<u32>,
    /// By token whether it is looked at.
    live: Vec<bool>,
    emitted: Vec<[f32; WIDTH]>,
    back: Vec<[u8; WIDTH]>,
    forward: Vec<[f32; WIDTH]>,
    behind: Vec<[f32; WIDTH]>,
}

impl Room {
    /// Tells which tokens are looked at: those that are no common words, and those near them.
    fn live(&mut self, tokens: &[Token]) {
        self.live.clear();
        self.live.resize(tokens.len(), false);
        for at in 0..tokens.len() {
            if !lexicon::is_quiet(tokens, at) {
                let near = at.saturating_sub(BEFORE)..(at + BEHIND + 1).min(tokens.len());
                self.live.get_mut(near).unwrap_or_default().fill(true);
            }
        }
    }
}

/// So many common words before one that is none, and behind it, are looked at with it.
const BEFORE: usize = 1;
const BEHIND: usize = 2;

/// What no path takes.
const NEVER: f32 = -1e9;

/// What a row says of the feature that it is for, beside its place: else what was never learned would be taken for something that was.
/// Never zero, which stands in rows for nothing.
pub(super) fn tag(hash: u32) -> u16 {
    (hash >> 16) as u16 | 1
}

impl Body {
    /// Of what follows what by the head.
    pub(super) fn new(head: &Head, rows: Vec<[[i8; WIDTH]; BUCKET]>, lexicon: Lexicon) -> Self {
        let (mut follows, mut factors) = ([[NEVER; WIDTH]; WIDTH], [[0.0; WIDTH]; WIDTH]);
        for (from, row) in head.follows.iter().enumerate().take(WIDTH) {
            for (to, worth) in row.iter().enumerate().take(WIDTH).filter(|(to, _)| may_follow(from, *to)) {
                (follows[from][to], factors[from][to]) = (*worth, worth.exp());
            }
        }
        let tag = |row: &[i8; WIDTH]| {
            u16::from_le_bytes([row[WIDTH - 2], row[WIDTH - 1]].map(|byte| byte.to_le_bytes()[0]))
        };
        let tags = rows.iter().map(|bucket| [0, 1, 2, 3].map(|at| bucket.get(at).map_or(0, tag))).collect();
        Self { tags, rows, follows, factors, lexicon }
    }
}

impl Tagger {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.head.name
    }

    /// What it finds.
    pub fn types(&self) -> &[String] {
        &self.head.types
    }

    /// What is said of it.
    pub fn head(&self) -> &Head {
        &self.head
    }

    fn labels(&self) -> usize {
        1 + 2 * self.head.types.len()
    }

    /// What stands in a unit, in order. Common words far from everything else are nothing, so that most text costs little; what stands
    /// between them is told for itself.
    pub fn tag(&self, tokens: &mut [Token], before: &[Token], room: &mut Room, out: &mut Vec<Span>) {
        let body = self.body();
        body.lexicon.tell(tokens);
        room.live(tokens);
        let unit = Unit::new(tokens, before);
        let mut at = 0;
        while let Some(from) = room.live.iter().skip(at).position(|live| *live).map(|by| at + by) {
            let many = room.live.iter().skip(from).take_while(|live| **live).count();
            at = from + many;
            let known = out.len();
            self.emit(body, unit, from..at, room);
            self.best(body, room, from, out);
            if out.len() > known {
                self.sure(body, room, from, out.get_mut(known..).unwrap_or_default());
            }
        }
        out.retain(|span| self.head.least.get(span.kind).is_none_or(|least| span.score >= *least));
    }

    /// What each label is worth at each token.
    fn emit(&self, body: &Body, unit: Unit<'_>, range: Range<usize>, room: &mut Room) {
        let mask = body.rows.len().saturating_sub(1);
        let labels = self.labels();
        room.emitted.clear();
        for at in range {
            room.features.clear();
            unit.features(at, &mut room.features);
            let mut sums = [0_i16; WIDTH];
            for hash in &room.features {
                let place = *hash as usize & mask;
                let Some(tags) = body.tags.get(place) else { continue };
                let tag = tag(*hash);
                let Some(slot) = tags.iter().position(|one| *one == tag) else { continue };
                if let Some(row) = body.rows.get(place).and_then(|bucket| bucket.get(slot)) {
                    for (sum, weight) in sums.iter_mut().zip(row) {
                        *sum = sum.wrapping_add(i16::from(*weight));
                    }
                }
            }
            let mut emitted = [NEVER; WIDTH];
            let scales = self.head.scales.iter().zip(&self.head.biases);
            for ((out, sum), (scale, bias)) in emitted.iter_mut().zip(sums).zip(scales).take(labels) {
                *out = bias + scale * f32::from(sum);
            }
            room.emitted.push(emitted);
        }
    }

    /// The best path.
    fn best(&self, body: &Body, room: &mut Room, first: usize, out: &mut Vec<Span>) {
        let labels = self.labels();
        room.back.clear();
        let mut scores = [NEVER; WIDTH];
        scores[NOTHING] = 0.0;
        for emitted in &room.emitted {
            let (mut next, mut from) = ([NEVER; WIDTH], [0_u8; WIDTH]);
            for ((before, score), row) in (0..labels as u8).zip(scores).zip(&body.follows) {
                for label in 0..WIDTH {
                    let score = score + row[label];
                    let better = score > next[label];
                    next[label] = if better { score } else { next[label] };
                    from[label] = if better { before } else { from[label] };
                }
            }
            next.iter_mut().zip(emitted).for_each(|(next, emitted)| *next += emitted);
            room.back.push(from);
            scores = next;
        }
        // Nothing stands behind it.
        scores.iter_mut().zip(&body.follows).for_each(|(score, row)| *score += row[NOTHING]);
        let mut label = (0..labels).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap_or(NOTHING);
        let (mut end, known) = (None, out.len());
        for (at, from) in room.back.iter().enumerate().rev() {
            if let Some((kind, begins)) = type_of(label) {
                let end_of = *end.get_or_insert(first + at + 1);
                if begins {
                    out.push(Span { first: first + at, end: end_of, kind, score: 0.0 });
                    end = None;
                }
            }
            label = usize::from(from[label]);
        }
        out.get_mut(known..).unwrap_or_default().reverse();
    }

    /// How sure the spans are: the share of all paths on which each of their tokens is of their type, of the least sure token.
    fn sure(&self, body: &Body, room: &mut Room, first: usize, spans: &mut [Span]) {
        let labels = self.labels();
        let many = room.emitted.len();
        let follows = &body.factors;
        for emitted in &mut room.emitted {
            let most = emitted.iter().copied().fold(NEVER, f32::max);
            emitted.iter_mut().for_each(|one| *one = (*one - most).exp());
        }
        room.forward.clear();
        let mut before = [0.0_f32; WIDTH];
        before[NOTHING] = 1.0;
        for emitted in &room.emitted {
            let mut next = [0.0_f32; WIDTH];
            for (before, row) in before.iter().zip(follows) {
                next.iter_mut().zip(row).for_each(|(next, row)| *next += before * row);
            }
            (0..labels).for_each(|to| next[to] *= emitted[to]);
            let sum: f32 = next.iter().sum::<f32>().max(1e-30);
            next.iter_mut().for_each(|one| *one /= sum);
            room.forward.push(next);
            before = next;
        }
        room.behind.clear();
        let mut last = [0.0; WIDTH];
        last.iter_mut().zip(follows).for_each(|(last, row)| *last = row[NOTHING]);
        room.behind.resize(many, last);
        for at in (0..many.saturating_sub(1)).rev() {
            let (after, emitted) = (room.behind[at + 1], room.emitted[at + 1]);
            let mut next = [0.0_f32; WIDTH];
            for (from, row) in follows.iter().enumerate().take(labels) {
                next[from] = (0..labels).map(|to| row[to] * emitted[to] * after[to]).sum();
            }
            let sum: f32 = next.iter().sum::<f32>().max(1e-30);
            next.iter_mut().for_each(|one| *one /= sum);
            room.behind[at] = next;
        }
        for span in spans {
            let share = |at: usize| {
                let both = |label: usize| room.forward[at][label] * room.behind[at][label];
                let all: f32 = (0..labels).map(both).sum();
                (both(1 + 2 * span.kind) + both(2 + 2 * span.kind)) / all.max(1e-30)
            };
            span.score = (span.first..span.end).map(|at| share(at - first)).fold(1.0, f32::min);
        }
    }
}

thread_local! {
    /// Room that a thread has for all channels: a unit is told at once, and nothing of it is kept.
    static ROOM: Cell<Room> = Cell::default();
}

/// A text on its way through a tagger.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    cutter: Cutter,
}

/// What was found, in the folded text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tagged {
    /// Its first byte.
    pub start: u64,
    /// The byte behind it.
    pub end: u64,
    /// Its type's place.
    pub kind: usize,
    /// How sure that is, 0 to 1.
    pub score: f32,
}

struct Tagging<'a> {
    tagger: &'a Tagger,
    out: &'a mut Vec<Tagged>,
}

impl Units for Tagging<'_> {
    fn unit(&mut self, tokens: &mut [Token], before: &[Token]) {
        let mut spans = Vec::new();
        let mut room = ROOM.take();
        self.tagger.tag(tokens, before, &mut room, &mut spans);
        ROOM.set(room);
        for span in spans {
            if let (Some(first), Some(last)) =
                (tokens.get(span.first), tokens.get(span.end.saturating_sub(1)))
            {
                let Span { kind, score, .. } = span;
                self.out.push(Tagged { start: first.start, end: last.end, kind, score });
            }
        }
    }
}

impl Reading {
    /// Reads on in folded text, which ends with a whole character.
    pub fn push(&mut self, tagger: &Tagger, folded: &[u8], out: &mut Vec<Tagged>) {
        self.cutter.push(folded, &mut Tagging { tagger, out });
    }

    /// The text ends.
    pub fn finish(&mut self, tagger: &Tagger, out: &mut Vec<Tagged>) {
        self.cutter.finish(&mut Tagging { tagger, out });
    }

    /// How much memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.cutter.heap()
    }

    /// Where the unit began that has not ended.
    pub fn open(&self) -> Option<u64> {
        self.cutter.pending()
    }
}
