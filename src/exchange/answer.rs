//! The answer half: what the upstream sends is read as it comes, held while it must be, and released whole.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use smallvec::SmallVec;

use super::look::{Look, begins_as_json};
use super::reader::{Reader, Side, Stop};
use super::segment::{Moved, Segments};
use super::{Outcome, Report, Terms, refuse};
use crate::dialect::{Ask, Ends, ErrorKind, ExchangeError, Framing, Matched, Memo, Reply, Stage, Why};
use crate::policy::BlockAs;
use crate::stream::coding::CodingError;
use crate::stream::{Frame, FrameError, Splitter};
use crate::text::json::Tape;
use crate::text::reads_as_utf8;

/// How an answer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Event by event.
    Stream(Framing),
    /// Whole, then released: nothing may be sent before [`Answering::finish`]. Bytes that come may show that it is a stream after all.
    Whole,
    /// Not at all, since the policy lets this media type pass unread.
    Pass,
}

/// Whether an answer goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Send what was released and go on.
    More,
    /// Send what was released, close the upstream, and end the answer: the closing frames are among it.
    Cut,
    /// Nothing has been released and the answer is to be replaced by this one.
    Replace(Replaced),
}

/// What stands in an answer's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// An error in the dialect's form.
    Error(ExchangeError),
    /// An answer in the model's place.
    Reply(Reply),
}

/// How the upstream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Its body is complete.
    Complete,
    /// It broke off or took too long; the kind says which.
    Failed(ErrorKind),
    /// Its content coding is broken, breaks off or is a bomb.
    Undecodable(CodingError),
}

/// An event in the queue. Its segments' ranges count in `raw`.
#[derive(Debug)]
struct Held {
    raw: Bytes,
    data: SmallVec<[Range<u32>; 1]>,
    segments: Segments,
}

/// An answer in progress.
#[derive(Debug)]
pub struct Answering {
    matched: Matched,
    terms: Terms,
    pub(super) ask: Ask,
    prompt: Report,
    reader: Reader,
    mode: Mode,
    /// The upstream's status is an error: its body has the dialect's error form.
    upstream_status: u16,
    json: bool,
    /// Whether the bytes are asked what they are: a stream may come under the media type of any text.
    look: Option<Look>,
    splitter: Option<Splitter>,
    queue: VecDeque<Held>,
    held: usize,
    /// Most bytes held at once.
    pub held_max: usize,
    whole: Vec<u8>,
    tape: Tape,
    /// For events that are read again when they leave.
    spare: Tape,
    memo: Memo,
    released: bool,
    over: bool,
    blocked: bool,
    /// Whether a whole answer was rewritten.
    pub rewritten: bool,
    /// How far the stream has come to its end.
    stage: Stage,
    /// Whether a stream that said all came without its dialect's end sign.
    pub no_end_sign: bool,
    /// Why the answer was cut, for the record.
    pub cut_by: Option<ExchangeError>,
}

impl Answering {
    pub(super) fn new(matched: Matched, terms: Terms, ask: Ask, prompt: Report) -> Self {
        let reader = Reader::new(std::sync::Arc::clone(&terms.policy), Side::Answer, ask.structured);
        let depth = terms.limits.json_depth;
        Self {
            matched,
            terms,
            ask,
            prompt,
            reader,
            mode: Mode::Whole,
            upstream_status: 200,
            json: true,
            look: None,
            splitter: None,
            queue: VecDeque::new(),
            held: 0,
            held_max: 0,
            whole: Vec::new(),
            tape: Tape::of_depth(depth),
            spare: Tape::of_depth(depth),
            memo: Memo::default(),
            released: false,
            over: false,
            blocked: false,
            rewritten: false,
            stage: Stage::default(),
            no_end_sign: false,
            cut_by: None,
        }
    }

    /// Reads the upstream's status and media type (the value of `content-type`, if any).
    pub fn head(&mut self, status: u16, content_type: Option<&str>) -> Result<Mode, ExchangeError> {
        self.upstream_status = status;
        let content_type = content_type.unwrap_or("");
        let media = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        let utf8 = reads_as_utf8(content_type);
        let ok = (200..300).contains(&status);
        let framing = match media.as_str() {
            _ if !utf8 => None,
            "text/event-stream" => Some(Framing::Sse),
            "application/x-ndjson" | "application/jsonl" | "application/ndjson" => Some(Framing::Ndjson),
            "application/json" if ok && self.ask.stream => {
                match self.ask.framing.unwrap_or(self.matched.operation.framing) {
                    Framing::Sse => None,
                    framing @ (Framing::Ndjson | Framing::JsonArray) => Some(framing),
                }
            }
            _ => None,
        };
        self.json = utf8 && (media.ends_with("json") || media.is_empty());
        let text = utf8 && media.starts_with("text/");
        self.mode = match framing {
            Some(framing) => Mode::Stream(framing),
            None if self.json || text || [204, 304].contains(&status) => Mode::Whole,
            None => match self.reader.unread("media type") {
                Ok(()) => Mode::Pass,
                Err(stop) => {
                    let error = refuse(&stop, &self.terms.policy, Side::Answer);
                    self.blocked = true;
                    self.over = true;
                    self.cut_by = Some(error.clone());
                    return Err(error);
                }
            },
        };
        let asked = self.ask.stream;
        let expected = self.ask.framing.filter(|_| ok && asked);
        let looks = asked || !(media.ends_with("json") || self.matched.operation.binary_answer);
        self.look = (self.mode == Mode::Whole && looks).then(|| Look::new(expected));
        if let Mode::Stream(framing) = self.mode {
            self.splitter = Some(Splitter::new(framing, self.terms.limits.event_bytes));
        }
        Ok(self.mode)
    }

    /// How the answer is read, as far as it is known.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether events wait in the hold queue: a comment should keep the client's connection alive.
    pub fn is_holding(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Bytes held now.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Takes bytes of the upstream's body; puts what may leave into `out`.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<Bytes>) -> Flow {
        if self.over {
            return Flow::Cut;
        }
        match self.mode {
            Mode::Pass => {
                self.released = true;
                out.push(Bytes::copy_from_slice(bytes));
                Flow::More
            }
            Mode::Whole => {
                if self.whole.len() + bytes.len() > self.terms.limits.answer_bytes {
                    let limit = self.terms.limits.answer_bytes;
                    return self.fail(
                        ExchangeError::new(
                            ErrorKind::UpstreamGarbage,
                            format!("the answer is longer than {limit} bytes"),
                        ),
                        out,
                    );
                }
                self.whole.extend_from_slice(bytes);
                let Self { look, tape, whole, .. } = self;
                match look.as_mut().and_then(|look| look.at(whole, tape)) {
                    Some(framing) => self.turn_into(framing, out),
                    None => Flow::More,
                }
            }
            Mode::Stream(_) => self.feed_stream(bytes, out),
        }
    }

    /// The upstream's body is over; puts the rest into `out`.
    pub fn finish(&mut self, ended: Ended, out: &mut Vec<Bytes>) -> Flow {
        if self.over {
            return Flow::Cut;
        }
        self.over = true;
        let failed = match ended {
            Ended::Complete => None,
            Ended::Failed(kind) => Some(ExchangeError::new(
                kind,
                match kind {
                    ErrorKind::UpstreamTimeout => "the upstream took too long in the middle of its answer",
                    ErrorKind::ShuttingDown => "the gateway stops, and the time for running answers is over",
                    _ => "the upstream broke off in the middle of its answer",
                },
            )),
            Ended::Undecodable(error) => Some(undecodable(error)),
        };
        if let Some(error) = failed {
            self.release_settled(out);
            return self.fail(error, out);
        }
        match self.mode {
            Mode::Pass => Flow::More,
            Mode::Whole => self.finish_whole(out),
            Mode::Stream(_) => self.finish_stream(out),
        }
    }

    /// What the exchange came to: both sides together.
    pub fn report(&self) -> Report {
        let blocked = if self.blocked { Outcome::Block } else { Outcome::Allow };
        let mut findings = self.prompt.findings.clone();
        findings.extend(self.reader.findings.iter().cloned());
        let mut coverage = self.prompt.coverage.clone();
        coverage.add(&self.reader.coverage);
        Report {
            outcome: self.prompt.outcome.max(self.outcome()).max(blocked),
            findings,
            found: self.prompt.found + self.reader.found,
            coverage,
        }
    }

    /// The policy under which the exchange runs.
    pub fn policy(&self) -> &crate::policy::Policy {
        &self.terms.policy
    }

    /// How many findings there were on the answer's side, kept or not.
    pub fn found(&self) -> u64 {
        self.reader.found
    }

    /// What was found on the answer's side alone.
    pub fn answer_findings(&self) -> &[super::Noted] {
        &self.reader.findings
    }

    /// What was read on the answer's side alone.
    pub fn answer_coverage(&self) -> &super::Coverage {
        &self.reader.coverage
    }

    /// The verdict on both sides as far as it is known now.
    pub fn verdict(&self) -> Outcome {
        let blocked = if self.blocked { Outcome::Block } else { Outcome::Allow };
        self.prompt.outcome.max(self.outcome()).max(blocked)
    }

    fn outcome(&self) -> Outcome {
        Outcome::of(self.reader.strongest)
    }

    // === streams ===

    /// What came as a whole answer is a stream, and goes on as one.
    fn turn_into(&mut self, framing: Framing, out: &mut Vec<Bytes>) -> Flow {
        self.mode = Mode::Stream(framing);
        self.splitter = Some(Splitter::new(framing, self.terms.limits.event_bytes));
        let begin = std::mem::take(&mut self.whole);
        self.feed_stream(&begin, out)
    }

    fn feed_stream(&mut self, bytes: &[u8], out: &mut Vec<Bytes>) -> Flow {
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

    fn finish_stream(&mut self, out: &mut Vec<Bytes>) -> Flow {
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
        self.queue.push_back(held);
        self.release_settled(out);
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
        Ok(Held { raw: frame.raw, data: frame.data, segments })
    }

    fn read_data(&mut self, frame: &Frame) -> Result<Segments, Refused> {
        let joined;
        let data = match frame.data.as_slice() {
            [] => return Ok(Segments::default()),
            [one] => slice(&frame.raw, one),
            many => {
                joined = many.iter().map(|line| slice(&frame.raw, line)).collect::<Vec<_>>().join(&b'\n');
                joined.as_slice()
            }
        };
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
        let mut segments = self.reader.read_event(data, &self.tape, (operation.event)(data, &self.tape))?;
        if self.stage != Stage::Signed {
            self.stage = self.stage.max(dialect.stage(operation, data, &self.tape));
        }
        if self.reader.holds() {
            self.reader.ends(&dialect.ends(operation, data, &self.tape))?;
        }
        segments.place(&frame.data);
        Ok(segments)
    }

    fn release_settled(&mut self, out: &mut Vec<Bytes>) {
        while self.queue.front().is_some_and(|held| self.reader.is_settled(&held.segments)) {
            let Some(held) = self.queue.pop_front() else { break };
            self.held -= held.raw.len();
            let mut moved = Moved::default();
            let anew = self.reader.emit_moved(&held.raw, &held.segments, &mut moved);
            let event = if let Some(anew) = anew {
                let data: SmallVec<[_; 1]> = held.data.iter().map(|range| moved.place(range)).collect();
                self.remember(&anew, &data, false);
                Bytes::from(anew)
            } else {
                self.remember(&held.raw, &held.data, self.queue.is_empty());
                held.raw
            };
            out.push(event);
            self.released = true;
            self.memo.started = true;
        }
    }

    /// Lets the dialect see an event as the client gets it, for what an ending may need. Of the event read `last` the tape is at hand;
    /// others are read again.
    fn remember(&mut self, event: &[u8], data: &[Range<u32>], last: bool) {
        let joined;
        let data = match data {
            [] => return,
            [one] => slice(event, one),
            many => {
                joined = many.iter().map(|line| slice(event, line)).collect::<Vec<_>>().join(&b'\n');
                joined.as_slice()
            }
        };
        let (dialect, operation) = (self.matched.dialect, self.matched.operation);
        if dialect.is_end_sign(data) || !last && self.spare.parse(data).is_err() {
            return;
        }
        let tape = if last { &self.tape } else { &self.spare };
        dialect.observe(operation, data, tape, &mut self.memo);
    }

    // === whole answers ===

    fn finish_whole(&mut self, out: &mut Vec<Bytes>) -> Flow {
        let body = Bytes::from(std::mem::take(&mut self.whole));
        if body.is_empty() {
            return Flow::More;
        }
        match self.read_whole(&body) {
            Ok(changed) => {
                self.released = true;
                self.rewritten = changed.is_some();
                out.push(changed.map_or(body, Bytes::from));
                Flow::More
            }
            Err(Refused::Stop(stop)) => self.stop(&stop, out),
            Err(Refused::Garbage(what)) => {
                self.fail(ExchangeError::new(ErrorKind::UpstreamGarbage, what), out)
            }
        }
    }

    fn read_whole(&mut self, body: &[u8]) -> Result<Option<Vec<u8>>, Refused> {
        let begins_as_json = begins_as_json(body);
        if self.json || begins_as_json {
            let mut tape = std::mem::take(&mut self.tape);
            let parsed = tape.parse(body);
            self.tape = tape;
            match parsed {
                Ok(()) => {
                    let segments = self.reader.read(body, &self.tape, (self.matched.operation.answer)())?;
                    self.reader.finish()?;
                    return Ok(self.reader.emit(body, &segments));
                }
                Err(error) if self.json && self.upstream_status < 400 => {
                    return Err(Refused::Garbage(format!(
                        "the upstream sent an answer that cannot be read: {error}"
                    )));
                }
                // Neither a value nor lines of them: who reads it some other way would get what was not read here.
                Err(_) if self.look.is_some() && begins_as_json && self.upstream_status < 400 => {
                    self.reader.unread("broken JSON")?;
                    return Ok(None);
                }
                Err(_) => {}
            }
        }
        // Error pages of servers in between come as plain text or HTML whatever their media type says.
        let text = std::str::from_utf8(body)
            .map_err(|_| Refused::Garbage("the upstream sent an answer that is not UTF-8".into()))?;
        let segment = self.reader.read_loose(text, 0..body.len() as u32)?;
        Ok(segment.is_edited().then(|| segment.plain(text)))
    }

    // === endings ===

    fn garbage(&mut self, error: &FrameError, out: &mut Vec<Bytes>) -> Flow {
        self.fail(
            ExchangeError::new(
                ErrorKind::UpstreamGarbage,
                format!("the upstream sent a broken stream: {error}"),
            ),
            out,
        )
    }

    fn stop(&mut self, stop: &Stop, out: &mut Vec<Bytes>) -> Flow {
        self.blocked = true;
        let error = refuse(stop, &self.terms.policy, Side::Answer);
        let as_refusal = matches!(stop, Stop::Blocked(_)) && self.terms.policy.block_as() == BlockAs::Refusal;
        let message = error.message.clone();
        self.cut_by = Some(error.clone());
        self.over = true;
        self.drop_held();
        if let Mode::Stream(_) = self.mode {
            let why =
                if matches!(stop, Stop::Blocked(_)) { Why::Policy(&message) } else { Why::Failure(&error) };
            out.push(self.matched.dialect.cut(self.matched.operation, &self.ask, &self.memo, why).into());
            return Flow::Cut;
        }
        Flow::Replace(if as_refusal {
            Replaced::Reply(self.matched.dialect.refusal(self.matched.operation, &self.ask, &message))
        } else {
            Replaced::Error(error)
        })
    }

    fn fail(&mut self, error: ExchangeError, out: &mut Vec<Bytes>) -> Flow {
        self.over = true;
        self.drop_held();
        self.cut_by = Some(error.clone());
        match self.mode {
            Mode::Stream(_) => {
                let frames = self.matched.dialect.cut(
                    self.matched.operation,
                    &self.ask,
                    &self.memo,
                    Why::Failure(&error),
                );
                out.push(frames.into());
                Flow::Cut
            }
            // The head is out and nothing can be said any more: the connection breaks off, which the client sees.
            Mode::Pass if self.released => Flow::Cut,
            Mode::Whole | Mode::Pass => Flow::Replace(Replaced::Error(error)),
        }
    }

    fn drop_held(&mut self) {
        self.queue.clear();
        self.held = 0;
        self.whole = Vec::new();
    }
}

fn undecodable(error: CodingError) -> ExchangeError {
    let what = match error {
        CodingError::Broken => "it is not what its content coding says, or breaks off".to_owned(),
        CodingError::Unknown | CodingError::TooLong(_) | CodingError::Ratio(_) => error.to_string(),
    };
    ExchangeError::new(ErrorKind::UpstreamGarbage, format!("the upstream's answer cannot be decoded: {what}"))
}

enum Refused {
    Stop(Stop),
    Garbage(String),
}

impl From<Stop> for Refused {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

fn slice<'b>(bytes: &'b [u8], range: &Range<u32>) -> &'b [u8] {
    bytes.get(range.start as usize..range.end as usize).unwrap_or_default()
}
