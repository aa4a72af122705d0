//! What leaves: a body or event as it came, or with those of its strings written anew that a finding touches. Numbers that tell a rewritten
//! text once more go with it.

use std::collections::HashSet;
use std::ops::Range;

use smallvec::SmallVec;

use super::super::emit::{Edit, Emitter, Piece};
use super::super::segment::{Moved, Numbers, Part, Segment, Segments};
use super::Reader;
use crate::dialect::Role;
use crate::policy::Action;
use crate::text::work::step;

impl Reader {
    /// Whether an event must be written anew.
    fn touches(&self, segment: &Segment) -> bool {
        step();
        segment.touched
            || !segment.edits.is_empty()
            || self.shared(segment).next().is_some()
            || segment.channel().is_some_and(|(channel, start, end)| {
                start < end
                    && self.channels.get(channel as usize).is_some_and(|c| c.emitter.touches(start, end))
            })
    }

    /// What was found in the joined text of which a segment says a part once more.
    fn shared(&self, segment: &Segment) -> impl Iterator<Item = &Edit> {
        let of = segment.repeats.and_then(|(channel, end)| Some((self.channels.get(channel as usize)?, end)));
        of.into_iter().flat_map(|(channel, end)| channel.shared.iter().filter(move |edit| edit.start < end))
    }

    /// Emits an event or body whose texts are settled: none when it may leave as it came, else its bytes written anew.
    /// `raw` is what the segments' wire ranges count in.
    pub fn emit(&mut self, raw: &[u8], segments: &Segments) -> Option<Vec<u8>> {
        self.emit_moved(raw, segments, &mut Moved::default())
    }

    /// As [`Reader::emit`], and tells where what was not written anew has come to stand.
    pub fn emit_moved(&mut self, raw: &[u8], segments: &Segments, moved: &mut Moved) -> Option<Vec<u8>> {
        let dropped = self.dropped(segments);
        let touched: SmallVec<[u64; 2]> =
            segments.texts.iter().filter(|s| self.touches(s)).map(|s| s.choice).collect();
        for (channel, _, end) in segments.texts.iter().filter_map(Segment::channel) {
            if let Some(channel) = self.channels.get_mut(channel as usize) {
                channel.left = channel.left.max(end);
            }
        }
        if dropped.is_empty() && touched.is_empty() {
            self.pass(raw, segments);
            return None;
        }
        self.rewritten.extend(touched);
        let mut joined = segments.joined.clone();
        let mut out = Vec::with_capacity(raw.len());
        let mut at = 0usize;
        let mut dropped = dropped.into_iter().peekable();
        for segment in &segments.texts {
            let (start, end) = (segment.wire.start as usize, segment.wire.end as usize);
            // Numbers that tell of rewritten text go with it, and the strings in them are not looked at again.
            while let Some(range) = dropped.next_if(|r| r.start as usize <= start) {
                out.extend_from_slice(raw.get(at..range.start as usize).unwrap_or_default());
                out.extend_from_slice(b"null");
                at = range.end as usize;
                moved.note(at, out.len());
            }
            if start < at {
                self.skip(raw, segment, &mut joined);
                continue;
            }
            out.extend_from_slice(raw.get(at..start).unwrap_or_default());
            self.write(raw, segment, &mut joined, &mut out);
            at = end;
            moved.note(at, out.len());
        }
        for range in dropped {
            out.extend_from_slice(raw.get(at..range.start as usize).unwrap_or_default());
            out.extend_from_slice(b"null");
            at = range.end as usize;
            moved.note(at, out.len());
        }
        out.extend_from_slice(raw.get(at..).unwrap_or_default());
        Some(out)
    }

    /// Numbers that would tell what a rewritten text was, in order; those within others go with them.
    fn dropped(&self, segments: &Segments) -> SmallVec<[Range<u32>; 2]> {
        if segments.numbers.is_empty() {
            return SmallVec::new();
        }
        let rewrites = self.strongest >= Action::Partial;
        let (mut touched, mut says) = (HashSet::new(), HashSet::new());
        for segment in &segments.texts {
            if self.touches(segment) {
                touched.insert(segment.choice);
            }
            let is_said = matches!(segment.role, Role::Message | Role::Reasoning | Role::Tool);
            if is_said && !segment.wire.is_empty() {
                says.insert(segment.choice);
            }
        }
        // Where a choice says nothing, its numbers tell of what it said in other events.
        let tells = |n: &Numbers| {
            n.all && rewrites
                || touched.contains(&n.choice)
                || self.rewritten.contains(&n.choice) && !says.contains(&n.choice)
        };
        let mut dropped: SmallVec<[Range<u32>; 2]> =
            segments.numbers.iter().filter(|n| tells(n)).map(|n| n.wire.clone()).collect();
        // What tokens' bytes spell is nowhere a string that could be written anew.
        let spelled = segments.texts.iter().filter(|s| s.spelled.is_some());
        dropped.extend(spelled.filter(|s| self.touches(s)).map(|s| s.wire.clone()));
        dropped.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
        let mut end = 0;
        dropped.retain(|range| {
            let apart = range.start >= end;
            end = end.max(range.end);
            apart
        });
        dropped
    }

    fn pass(&mut self, raw: &[u8], segments: &Segments) {
        for segment in &segments.texts {
            let follows = segment
                .channel()
                .and_then(|(c, _, _)| self.channels.get(c as usize))
                .is_some_and(|c| c.emitter.follows_json());
            if follows {
                self.skip(raw, segment, &mut []);
            }
        }
    }

    /// Moves the emitter of a segment that is not written from here.
    fn skip(&mut self, raw: &[u8], segment: &Segment, joined: &mut [Emitter]) {
        if segment.part != Part::Alone {
            let mut nowhere = Vec::new();
            self.write(raw, segment, joined, &mut nowhere);
        }
    }

    fn write(&mut self, raw: &[u8], segment: &Segment, joined: &mut [Emitter], out: &mut Vec<u8>) {
        let mut decoded = String::new();
        let (source, text) = segment.source(raw, &mut decoded);
        let piece =
            |start| Piece { raw: source, escaped: segment.escaped, text, start, quoted: segment.quoted };
        let (emitter, start) = match segment.part {
            Part::Alone => {
                let mut emitter = Emitter::new(segment.json);
                for edit in segment.edits.iter().chain(self.shared(segment)) {
                    emitter.add(edit.clone());
                }
                emitter.write(piece(0), out);
                return;
            }
            Part::Channel(channel, start, _) => {
                (self.channels.get_mut(channel as usize).map(|c| &mut c.emitter), start)
            }
            Part::Joined(number, start) => (joined.get_mut(number as usize), start),
        };
        if let Some(emitter) = emitter {
            emitter.write(piece(start), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{masked_answer, operation, policy, tape};
    use super::super::{Reader, Side};
    use crate::text::work::steps_of;

    /// Promise 7: eight times as much takes eight times as many steps (and some for what is sorted), not sixty-four.
    #[test]
    fn numbers_that_tell_of_text_are_linear_work() {
        let many = |count: usize, one: &str| vec![one; count].join(",");
        let body = |count: usize| {
            let numbers = many(count, r#"{"logprobs":{"token":"x"}}"#);
            let body = format!(r#"{{"metadata":[{numbers}],"novelty":[{numbers}],"user":"a@b.example"}}"#);
            assert!(masked_answer(&body).contains("[MAIL]"));
        };
        // An event in very many lines, each with a string.
        let event = |count: usize| {
            let event = format!("data:[\ndata:{}]\n\n", many(count, "\"a@b\"\ndata:"));
            let mut splitter = crate::stream::Splitter::new(crate::dialect::Framing::Sse, usize::MAX);
            splitter.push(event.as_bytes());
            let frame = splitter.next_frame().ok().flatten().unwrap_or_else(|| panic!("no frame"));
            let lines: Vec<_> =
                frame.data.iter().filter_map(|r| event.get(r.start as usize..r.end as usize)).collect();
            let lines = lines.join("\n");
            let mut reader = Reader::new(policy(), Side::Answer, false);
            let shape = (operation("generate").answer)();
            let mut segments =
                reader.read(lines.as_bytes(), &tape(&lines), shape).unwrap_or_else(|e| panic!("{e:?}"));
            segments.place(&frame.data);
            let last =
                segments.texts.last().and_then(|s| event.get(s.wire.start as usize..s.wire.end as usize));
            assert_eq!(last, Some("a@b"));
        };
        for (what, read) in [("a body", &body as &dyn Fn(usize)), ("an event", &event)] {
            let (few, many) = (steps_of(|| read(2_000)), steps_of(|| read(16_000)));
            assert!(few > 2_000, "{what}: {few} steps are too few to tell");
            assert!(many < few * 12, "{what}: {few} steps, and {many} for eight times as much");
        }
    }

    /// Found by a fuzzer: log-probabilities within log-probabilities brought back what stood behind them.
    #[test]
    fn log_probabilities_within_others_go_with_them() {
        for (body, expected) in [
            (
                r#"{"k":"a@b.example","logprobs":{"x":"1","logprobs":"v","y":"a@b.example"},"z":"2"}"#,
                r#"{"k":"[MAIL]","logprobs":null,"z":"2"}"#,
            ),
            (
                r#"{"logprobs":{"logprobs":{"token":"c@d.example"},"bytes":["a@b.example"]},"a@b.example":0}"#,
                r#"{"logprobs":null,"[MAIL]":0}"#,
            ),
        ] {
            assert_eq!(masked_answer(body), expected);
        }
    }
}
