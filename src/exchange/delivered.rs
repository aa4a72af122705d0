//! What an answer says, as it leaves: its texts put together for who keeps prints of them.
//!
//! Taken from the strings that people read, where the reader has them already; a string that repeats a text is passed over.

use bytes::Bytes;

use super::Terms;
use super::marking::is_read;
use super::segment::{Moved, Part, Segment, Segments};
use crate::dialect::{Matched, Role};
use crate::telemetry::Quiet;
use crate::text::json::unescape_into;

/// Most bytes of an answer's texts that are put together.
const MOST: usize = 1 << 20;
/// Most texts of one answer.
const MOST_TEXTS: usize = 256;

/// What an answer said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Its texts, at most a mebibyte of them.
    pub texts: Vec<Quiet<String>>,
    /// The request's body as it was read.
    pub asked: Quiet<Bytes>,
}

/// Puts the texts of one answer together.
#[derive(Debug)]
pub(super) struct Delivering {
    anthropic: bool,
    /// Texts that come in pieces, by channel.
    channels: Vec<(u32, Quiet<String>)>,
    /// Others.
    alone: Vec<Quiet<String>>,
    room: usize,
    asked: Bytes,
}

impl Delivering {
    /// For the answer to a request with this body; none where no prints are kept.
    pub(super) fn new(terms: &Terms, matched: &Matched, status: u16, asked: &Bytes) -> Option<Self> {
        let is_answer = matched.dialect.has_words(matched.operation) && (200..300).contains(&status);
        (terms.prints && is_answer).then(|| Self {
            anthropic: matched.dialect.name() == "anthropic",
            channels: Vec::new(),
            alone: Vec::new(),
            room: MOST,
            asked: asked.clone(),
        })
    }

    /// Takes the texts of an event or body that leaves: `raw`, in which the segments stand where `moved` says.
    pub(super) fn take(&mut self, raw: &[u8], segments: &Segments, moved: &Moved) {
        for segment in segments.texts.iter().filter(|segment| is_said(segment)) {
            let range = moved.place(&segment.wire);
            let (start, end) = (range.start as usize, range.end as usize);
            let source = raw.get(start..end).and_then(|bytes| std::str::from_utf8(bytes).ok());
            let Some(source) = source.filter(|source| !source.is_empty()) else { continue };
            if is_read(raw, start, self.anthropic) {
                self.add(segment.part, source);
            }
        }
    }

    fn add(&mut self, part: Part, source: &str) {
        let Some(room) = self.room.checked_sub(source.len()) else {
            self.room = 0;
            return;
        };
        self.room = room;
        let text = match part {
            Part::Channel(channel, ..) => {
                let known = self.channels.iter().rposition(|(known, _)| *known == channel);
                let at = known.unwrap_or_else(|| {
                    self.channels.push((channel, Quiet::default()));
                    self.channels.len() - 1
                });
                self.channels.get_mut(at).map(|(_, text)| text)
            }
            Part::Alone | Part::Joined(..) => {
                self.alone.push(Quiet::default());
                self.alone.last_mut()
            }
        };
        let Some(Quiet(text)) = text else { return };
        if source.contains('\\') {
            unescape_into(source, text);
        } else {
            text.push_str(source);
        }
        if self.channels.len() + self.alone.len() > MOST_TEXTS {
            self.room = 0;
        }
    }

    /// What the answer said. Of a stream, whose pieces have been put together, what stands alone repeats them.
    pub(super) fn delivered(&self) -> Delivered {
        let pieces: Vec<_> = self.channels.iter().map(|(_, text)| text.clone()).collect();
        let texts = if pieces.is_empty() { self.alone.clone() } else { pieces };
        Delivered { texts, asked: Quiet(self.asked.clone()) }
    }
}

/// Whether a string is what people read, and the first to say it.
fn is_said(segment: &Segment) -> bool {
    segment.role == Role::Message && segment.quoted && !segment.fixed && segment.repeats.is_none()
}
