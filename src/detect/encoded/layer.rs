//! A decoded text and the way back: for each part of it, where that stood in the text it was decoded from.

use super::Encoding;
use crate::text::work::step;
use std::ops::Range;

/// What stands between two blocks: nothing matches across it.
const BETWEEN: &str = "\n\u{e000}\n";

/// A text as it reads once it is decoded.
#[derive(Debug, Default)]
pub(super) struct Layer {
    text: String,
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    /// Where it begins in the decoded text, and its length there.
    at: u32,
    length: u32,
    /// Where it stood.
    start: u32,
    end: u32,
    how: How,
}

/// How a part was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// As it stands.
    Plain,
    /// As one character that stands for others; of JSON source, which hides nothing, none.
    Character(Option<Encoding>),
    /// Letter by letter.
    Letters(Encoding),
    /// From its end to its beginning.
    Mirror,
    /// As a whole that nothing less can be taken from.
    Block(Encoding),
}

// === impl Layer ===

impl Layer {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub(super) fn plain(&mut self, text: &str, start: usize) {
        if !text.is_empty() {
            self.part(text.len(), start..start + text.len(), How::Plain);
            self.text.push_str(text);
        }
    }

    pub(super) fn character(&mut self, character: char, place: Range<usize>, encoding: Option<Encoding>) {
        self.part(character.len_utf8(), place, How::Character(encoding));
        self.text.push(character);
    }

    /// Letters that stand where they stood, each for another one of its length.
    pub(super) fn letters(&mut self, text: &str, start: usize, encoding: Encoding) {
        self.part(text.len(), start..start + text.len(), How::Letters(encoding));
        self.text.push_str(text);
    }

    /// A text read from its end.
    pub(super) fn mirror(&mut self, text: &str, start: usize) {
        if !text.is_empty() {
            self.part(text.len(), start..start + text.len(), How::Mirror);
            self.text.extend(text.chars().rev());
        }
    }

    pub(super) fn block(&mut self, text: &str, place: Range<usize>, encoding: Encoding) {
        self.part(text.len(), place, How::Block(encoding));
        self.text.push_str(text);
        self.text.push_str(BETWEEN);
    }

    fn part(&mut self, length: usize, place: Range<usize>, how: How) {
        let (start, end) = (place.start as u32, place.end as u32);
        self.parts.push(Part { at: self.text.len() as u32, length: length as u32, start, end, how });
    }

    /// The places of its blocks.
    pub(super) fn blocks(&self) -> impl Iterator<Item = (Encoding, Range<usize>)> {
        self.parts.iter().filter_map(|part| match part.how {
            How::Block(encoding) => Some((encoding, part.start as usize..part.end as usize)),
            How::Plain | How::Character(_) | How::Letters(_) | How::Mirror => None,
        })
    }

    /// Where a stretch of the decoded text stood, and what hid it: nothing, where all of it stood there as it reads. None for a
    /// stretch that reaches beyond a block.
    pub(super) fn locate(&self, found: Range<usize>) -> Option<(Range<usize>, Option<Encoding>)> {
        let (from, to) = (found.start as u32, found.end as u32);
        let first = self.parts.partition_point(|part| part.at + part.length <= from);
        let (mut place, mut encoding) = (None::<Range<u32>>, None);
        for part in self.parts.iter().skip(first).take_while(|part| part.at < to) {
            step();
            let (head, tail) = (from.saturating_sub(part.at), (part.at + part.length).saturating_sub(to));
            let (here, hides) = match part.how {
                How::Plain => (part.start + head..part.end - tail, None),
                How::Character(encoding) => (part.start..part.end, encoding),
                How::Letters(encoding) => (part.start + head..part.end - tail, Some(encoding)),
                How::Mirror => (part.start + tail..part.end - head, Some(Encoding::Reversed)),
                // A sentence may end with what parts the blocks.
                How::Block(_) if from < part.at || to > part.at + part.length + BETWEEN.len() as u32 => {
                    return None;
                }
                How::Block(encoding) => (part.start..part.end, Some(encoding)),
            };
            encoding = encoding.or(hides);
            place = Some(place.map_or(here.clone(), |all| all.start.min(here.start)..all.end.max(here.end)));
        }
        place.map(|place| (place.start as usize..place.end as usize, encoding))
    }

    /// What hides something in the decoded text that ends no more than `reach` bytes before `at`.
    pub(super) fn beside(&self, at: usize, reach: usize) -> Option<Encoding> {
        let from = at.saturating_sub(reach) as u32;
        let beyond = self.parts.partition_point(|part| part.at < at as u32);
        let before = self.parts.iter().take(beyond).rev().take_while(|part| part.at + part.length > from);
        before.inspect(|_| step()).find_map(|part| match part.how {
            How::Plain => None,
            How::Character(encoding) => encoding,
            How::Letters(encoding) => Some(encoding),
            How::Mirror => Some(Encoding::Reversed),
            // What stands in another block has nothing to do with it.
            How::Block(_) => None,
        })
    }

    /// What hides what begins in the decoded text at `at` by standing before it, and where that stood: the end of an escape, read as
    /// it stands, belongs to the word behind it (`%20bomb`).
    pub(super) fn before(&self, at: usize) -> Option<(usize, Encoding)> {
        let first = self.parts.partition_point(|part| part.at + part.length <= at as u32);
        match self.parts.get(first.checked_sub(1)?)? {
            Part { at: from, length, start, how: How::Character(encoding), .. }
                if from + length == at as u32 =>
            {
                Some((*start as usize, (*encoding)?))
            }
            _ => None,
        }
    }
}
