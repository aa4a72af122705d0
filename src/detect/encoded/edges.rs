//! Stretches of base64 and hex that stand in more than one part of a text: what is found in one takes all of it.

use super::Encoding;
use crate::text::work::step;
use std::ops::Range;

/// Where a part of a text lies, and where the next one begins, which reads the end of it again.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) place: Range<usize>,
    pub(super) next: usize,
}

/// The stretches that the edges of parts cut.
#[derive(Debug, Default)]
pub(super) struct Edges {
    base64: Cut,
    hex: Cut,
}

#[derive(Debug, Default)]
struct Cut {
    /// In order, and apart from each other.
    stretches: Vec<Range<usize>>,
    /// The runs that were measured last at the beginning and at the end of a part: a run may fill very many parts.
    first: Range<usize>,
    last: Range<usize>,
}

// === impl Edges ===

impl Edges {
    /// Takes note of the blocks of a part, the parts in order.
    pub(super) fn part(&mut self, text: &str, part: &Part, blocks: &mut [(Encoding, Range<usize>)]) {
        blocks.sort_unstable_by_key(|(_, place)| (place.start, std::cmp::Reverse(place.end)));
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte);
        self.base64.part(text.as_bytes(), part, is_base64, of(Encoding::Base64, blocks));
        self.hex.part(text.as_bytes(), part, |byte| byte.is_ascii_hexdigit(), of(Encoding::Hex, blocks));
    }

    /// The place with the stretches that it has a part of.
    pub(super) fn whole(&self, encoding: Encoding, place: Range<usize>) -> Range<usize> {
        let stretches = match encoding {
            Encoding::Base64 => &self.base64.stretches,
            Encoding::Hex => &self.hex.stretches,
            Encoding::Url
            | Encoding::Html
            | Encoding::Escape
            | Encoding::Rot13
            | Encoding::Reversed
            | Encoding::Apart
            | Encoding::Digits
            | Encoding::Pieces
            | Encoding::Parts
            | Encoding::LookAlike
            | Encoding::Turned => return place,
        };
        let first = stretches.partition_point(|stretch| stretch.end <= place.start);
        let beyond = stretches.partition_point(|stretch| stretch.start < place.end);
        let within = stretches.get(first..beyond).unwrap_or_default();
        let start = within.first().map_or(place.start, |stretch| stretch.start.min(place.start));
        let end = within.last().map_or(place.end, |stretch| stretch.end.max(place.end));
        start..end
    }
}

fn of(encoding: Encoding, blocks: &[(Encoding, Range<usize>)]) -> impl Iterator<Item = Range<usize>> {
    blocks.iter().filter(move |(of, _)| *of == encoding).map(|(_, place)| place.clone())
}

// === impl Cut ===

impl Cut {
    fn part(
        &mut self,
        text: &[u8],
        part: &Part,
        goes_on: impl Fn(u8) -> bool,
        blocks: impl Iterator<Item = Range<usize>>,
    ) {
        for block in blocks {
            let mut place = block;
            // A pair of digits that an edge cuts may be left out.
            if part.place.start > 0 && place.start <= part.place.start + 1 {
                place.start = place.start.min(run(text, part.place.start, &mut self.first, &goes_on).start);
            }
            if part.place.end < text.len() && place.end + 1 >= part.place.end {
                place.end = place.end.max(run(text, part.place.end, &mut self.last, &goes_on).end);
            }
            let goes_on = self.stretches.last().is_some_and(|last| place.start < last.end);
            let is_cut = place.start < part.place.start
                || place.end > part.place.end
                || place.start < part.next && part.next < place.end;
            if goes_on || is_cut {
                while let Some(last) = self.stretches.pop_if(|last| place.start < last.end) {
                    place = place.start.min(last.start)..place.end.max(last.end);
                }
                self.stretches.push(place);
            }
        }
    }
}

/// The run of bytes around an edge. Edges come in order, and `known` is the run of the last one.
fn run(text: &[u8], edge: usize, known: &mut Range<usize>, goes_on: &impl Fn(u8) -> bool) -> Range<usize> {
    if edge <= known.end && known.start < known.end {
        return known.clone();
    }
    let goes_on = |byte: &&u8| {
        step();
        goes_on(**byte)
    };
    let before = text.get(known.end..edge).unwrap_or_default().iter().rev().take_while(goes_on).count();
    let after = text.get(edge..).unwrap_or_default().iter().take_while(goes_on).count();
    *known = edge - before..edge + after;
    known.clone()
}
