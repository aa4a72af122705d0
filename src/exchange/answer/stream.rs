//! An answer that comes event by event: each event joins a queue, and the queue's head leaves while nothing in it is undecided.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use smallvec::SmallVec;

use super::super::marking::fixed;
use super::super::segment::{Moved, Segments};
use super::{Answering, Around, Finishing, Flow, Leaving, Mode, Refused, Written};
use crate::dialect::{Ends, ErrorKind, ExchangeError, Framing, Stage};
use crate::stream::{Frame, Splitter};
use crate::text::json::Tape;

/// An event in the queue. Its segments' ranges count in `raw`.
#[derive(Debug)]
pub(super) struct Held {
    raw: Bytes,
    data: SmallVec<[Range<u32>; 1]>,
    segments: Segments,
    /// What its data was read as, where that is not much.
    tape: Option<Tape>,
    /// The model has said all by then.
    last: bool,
}

/// What an event that leaves was read as.
enum Known {
    /// The tape of the event that was read last.
    Last,
    /// This.
    Kept(Tape),
    /// It is to be read again.
    No,
}

/// Nodes of a tape that are kept with an event, for each eight bytes of it: of most events there are fewer.
const NODES_KEPT: usize = 2;
/// Tapes that are kept for events to come.
const TAPES: usize = 8;

impl Answering {
    /// What came as a whole answer is a stream, and goes on as one.
    pub(super) fn turn_into(&mut self, framing: Framing, out: &mut Vec<Bytes>) -> Flow {
        self.mode = Mode::Stream(framing);
        self.splitter = Some(Splitter::new(framing, self.terms.limits.event_bytes));
        let begin = std::mem::take(&mut self.whole);
        self.feed_stream(&begin, out)
    }

    pub(super) fn feed_stream(&mut self, bytes: &[u8], out: &mut Vec<Bytes>) -> Flow {
        if let Some(splitter) = &mut self.splitter {
            splitter.push(bytes);
        }
        loop {
            let next = match &mut self.splitter {
                Some(splitter) => splitter.next_frame(),
                None => Ok(None),
            };
            let flow = match next {
                Ok(Some(frame)) => self.frame(frame, out),
                Ok(None) => return Flow::More,
                Err(error) => self.garbage(&error, out),
            };
            if flow != Flow::More {
                return flow;
            }
        }
    }

    pub(super) fn finish_stream(&mut self, out: &mut Vec<Bytes>) -> Flow {
        let last = match &mut self.splitter {
            Some(splitter) => splitter.finish(),
            None => Ok(None),
        };
        let flow = match last {
            Ok(Some(frame)) => self.frame(frame, out),
            Ok(None) => Flow::More,
            Err(error) => self.garbage(&error, out),
        };
        if flow != Flow::More {
            return flow;
        }
        if let Err(stop) = self.reader.finish() {
            return self.stop(&stop, out);
        }
        self.release_settled(out);
        if self.reader.awaits_judges() {
            self.finishing = Some(Box::new(Finishing::Stream));
            return Flow::More;
        }
        self.close_stream(out)
    }

    /// All has been said, and all of it is judged.
    pub(super) fn close_stream(&mut self, out: &mut Vec<Bytes>) -> Flow {
        self.release_settled(out);
        self.close_labels(out);
        self.end_stream(out)
    }

    /// The stream is over: whether the answer is. SDKs take the end of the body for its sign where the model has said all.
    fn end_stream(&mut self, out: &mut Vec<Bytes>) -> Flow {
        let ok = (200..300).contains(&self.upstream_status);
        // An array is over when it is closed, which its frames have told.
        let array = self.mode == Mode::Stream(Framing::JsonArray);
        if !ok || array || !self.matched.dialect.tells_end(self.matched.operation) {
            return Flow::More;
        }
        match self.stage {
            Stage::Signed => Flow::More,
            Stage::Finished if self.memo.open.is_empty() => {
                self.no_end_sign = true;
                Flow::More
            }
            Stage::Open | Stage::Finished => {
                let what = "the upstream's stream ended in the middle of its answer";
                self.fail(ExchangeError::new(ErrorKind::UpstreamUnreachable, what), out)
            }
        }
    }

    fn frame(&mut self, frame: Frame, out: &mut Vec<Bytes>) -> Flow {
        let held = match self.read_frame(frame) {
            Ok(held) => held,
            // What was settled before this event has left already. Behind a block "settled" no longer means "may go": the finding
            // that blocks starts somewhere in what is held.
            Err(Refused::Stop(stop)) => return self.stop(&stop, out),
            Err(Refused::Garbage(what)) => {
                self.release_settled(out);
                return self.fail(ExchangeError::new(ErrorKind::UpstreamGarbage, what), out);
            }
        };
        self.held += held.raw.len();
        self.held_texts += held.segments.texts.len();
        self.queue.push_back(held);
        self.release_settled(out);
        self.keep_tape();
        self.held_max = self.held_max.max(self.held);
        if self.held > self.terms.limits.held_bytes {
            let limit = self.terms.limits.held_bytes;
            return self.fail(
                ExchangeError::new(
                    ErrorKind::Internal,
                    format!("more than {limit} bytes of the answer would be held back"),
                ),
                out,
            );
        }
        if self.held_texts > self.terms.limits.json_values {
            let limit = self.terms.limits.json_values;
            let what =
                format!("more than {limit} texts of the answer would be held back (`limits.json_values`)");
            return self.fail(ExchangeError::new(ErrorKind::Internal, what), out);
        }
        Flow::More
    }

    fn read_frame(&mut self, frame: Frame) -> Result<Held, Refused> {
        let mut segments = self.read_data(&frame)?;
        for range in &frame.loose {
            let bytes = slice(&frame.raw, range);
            let text = std::str::from_utf8(bytes)
                .map_err(|_| Refused::Garbage("the upstream sent an event that is not UTF-8".into()))?;
            segments.insert(self.reader.read_loose(text, range.clone())?);
        }
        Ok(Held { raw: frame.raw, data: frame.data, segments, tape: None, last: self.stage != Stage::Open })
    }

    /// The event that was read last waits: what it was read as is kept with it, so that it need not be read again when it leaves.
    fn keep_tape(&mut self) {
        let Some(held) = self.queue.back_mut() else { return };
        if held.data.len() == 1 && self.tape.nodes().len() <= held.raw.len() / 8 * NODES_KEPT {
            let limits = &self.terms.limits;
            let spare = self.tapes.pop();
            let next = spare.unwrap_or_else(|| Tape::within(limits.json_depth, limits.json_values));
            held.tape = Some(std::mem::replace(&mut self.tape, next));
        }
    }

    fn read_data(&mut self, frame: &Frame) -> Result<Segments, Refused> {
        if frame.data.is_empty() {
            return Ok(Segments::default());
        }
        let data = &*joined(&frame.raw, &frame.data);
        let (dialect, operation) = (self.matched.dialect, self.matched.operation);
        if dialect.is_end_sign(data) {
            self.stage = Stage::Signed;
            self.reader.ends(&Ends::All)?;
            return Ok(Segments::default());
        }
        if data.is_empty() {
            return Ok(Segments::default());
        }
        if let Err(error) = self.tape.parse(data) {
            return Err(Refused::Garbage(format!("the upstream sent an event that cannot be read: {error}")));
        }
        self.usage.raise(&dialect.usage(operation, data, &self.tape));
        let mut segments = self.reader.read_event(data, &self.tape, (operation.event)(data, &self.tape))?;
        if self.stage != Stage::Signed {
            let stage = dialect.stage(operation, data, &self.tape);
            self.error_event |= stage == Stage::Signed && dialect.is_failure(operation, data, &self.tape);
            self.stage = self.stage.max(stage);
        }
        if self.reader.holds() {
            self.reader.ends(&dialect.ends(operation, data, &self.tape))?;
        }
        if self.marking.is_some() || self.delivering.is_some() {
            segments.fix(&fixed(data, &self.tape));
        }
        segments.place(&frame.data);
        Ok(segments)
    }

    /// Whether an event is decided. A stream does not end before judges have said what they make of it.
    fn may_leave(&self, held: &Held) -> bool {
        let waits = self.reader.waits_for_judges() || held.last && self.reader.awaits_judges();
        !waits && self.reader.is_settled(&held.segments)
    }

    pub(super) fn release_settled(&mut self, out: &mut Vec<Bytes>) {
        while self.queue.front().is_some_and(|held| self.may_leave(held)) {
            let Some(held) = self.queue.pop_front() else { break };
            self.held -= held.raw.len();
            self.held_texts -= held.segments.texts.len();
            let mut moved = Moved::default();
            let anew = self.reader.emit_moved(&held.raw, &held.segments, &mut moved);
            let before = anew.as_deref().unwrap_or(&held.raw);
            if let Some(delivering) = &mut self.delivering {
                delivering.take(before, &held.segments, &moved);
            }
            let (event, known) = if let Some(anew) = anew {
                let data = held.data.iter().map(|range| moved.place(range)).collect();
                (Leaving { raw: anew.into(), data }, Known::No)
            } else {
                let known = match held.tape {
                    Some(tape) => Known::Kept(tape),
                    None if self.queue.is_empty() => Known::Last,
                    None => Known::No,
                };
                (Leaving { raw: held.raw, data: held.data }, known)
            };
            // Behind labels: marks vouch for the letters as they leave, and none stands in a label.
            let mut marking = self.marking.take();
            let mut mark = |event: Leaving, written: Written| {
                let Some(marking) = &mut marking else { return Err(event) };
                written.before.iter().for_each(|(text, words)| marking.pass(*text, words));
                moved.then(written.moved);
                let marked = marking.mark(&event.raw, &held.segments, &moved, &written.own);
                marked
                    .map(|(raw, moved)| {
                        let data = event.data.iter().map(|range| moved.place(range)).collect();
                        Leaving { raw: raw.into(), data }
                    })
                    .ok_or(event)
            };
            let read = match &known {
                Known::Last => Some(&self.tape),
                Known::Kept(tape) => Some(tape),
                Known::No => None,
            };
            let mut labels = self.labels.take();
            if let Some(own) = &mut labels
                && !own.passes(&self.around(), &event, read)
            {
                let leaving = own.event(&self.around(), event, read, |event, written| {
                    mark(event, written).unwrap_or_else(|same| same)
                });
                leaving.into_iter().for_each(|event| self.leave(event, Known::No, out));
            } else {
                match mark(event, Written::default()) {
                    Ok(marked) => self.leave(marked, Known::No, out),
                    Err(same) => self.leave(same, known, out),
                }
            }
            self.labels = labels;
            self.marking = marking;
        }
    }

    /// What stands around an event that is labelled.
    pub(super) fn around(&self) -> Around<'_> {
        let framing = match self.mode {
            Mode::Stream(framing) => framing,
            Mode::Whole | Mode::Pass => Framing::Sse,
        };
        let Self { matched, ask, memo, reader, .. } = self;
        Around { matched, ask, memo, framing, policy: &self.terms.policy, reader }
    }

    /// Ends the labels of what has not ended by itself, and lets go what waits for them.
    pub(super) fn close_labels(&mut self, out: &mut Vec<Bytes>) {
        let Some(mut labels) = self.labels.take() else { return };
        let leaving = labels.close(&self.around());
        self.labels = Some(labels);
        for event in leaving {
            let between = self.around().framing.between(&self.tail);
            if !between.is_empty() {
                self.leave(
                    Leaving { raw: Bytes::from_static(between), data: SmallVec::new() },
                    Known::No,
                    out,
                );
            }
            self.leave(event, Known::No, out);
        }
    }

    /// An event leaves.
    fn leave(&mut self, event: Leaving, known: Known, out: &mut Vec<Bytes>) {
        self.remember(&event.raw, &event.data, known);
        let raw = event.raw;
        self.tail.extend_from_slice(raw.get(raw.len().saturating_sub(4)..).unwrap_or_default());
        let old = self.tail.len().saturating_sub(4);
        self.tail.drain(..old);
        out.push(raw);
        self.released = true;
        self.memo.started = true;
    }

    /// Lets the dialect see an event as the client gets it, for what an ending may need.
    fn remember(&mut self, event: &[u8], data: &[Range<u32>], known: Known) {
        if data.is_empty() {
            return;
        }
        let data = &*joined(event, data);
        let (dialect, operation) = (self.matched.dialect, self.matched.operation);
        if dialect.is_end_sign(data) {
            return;
        }
        match known {
            Known::Last => dialect.observe(operation, data, &self.tape, &mut self.memo),
            Known::Kept(tape) => {
                dialect.observe(operation, data, &tape, &mut self.memo);
                if self.tapes.len() < TAPES {
                    self.tapes.push(tape);
                }
            }
            Known::No if self.spare.parse(data).is_ok() => {
                dialect.observe(operation, data, &self.spare, &mut self.memo);
            }
            Known::No => {}
        }
        if let Some(keeping) = self.keeping.take_if(|_| !self.memo.id.is_empty()) {
            keeping.keep(&self.memo.id);
        }
    }
}

/// The lines of an event's data as one text; that of most is one line.
pub(super) fn joined<'b>(event: &'b [u8], lines: &[Range<u32>]) -> Cow<'b, [u8]> {
    match lines {
        [one] => Cow::Borrowed(slice(event, one)),
        many => Cow::Owned(many.iter().map(|line| slice(event, line)).collect::<Vec<_>>().join(&b'\n')),
    }
}

fn slice<'b>(bytes: &'b [u8], range: &Range<u32>) -> &'b [u8] {
    bytes.get(range.start as usize..range.end as usize).unwrap_or_default()
}
