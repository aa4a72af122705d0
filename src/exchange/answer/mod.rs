//! The answer half: what the upstream sends is read as it comes, held while it must be, and released whole.
//!
//! Here: which of the two ways an answer is read, event by event ([`stream`]) or when all of it is there ([`whole`]), and what came of
//! it. Where the policy or a fault ends it, it ends in [`ending`].

mod annotate;
mod ending;
mod held;
mod judged;
mod label;
mod rewrite;
mod stream;
mod whole;

use std::collections::VecDeque;

use bytes::Bytes;
use smallvec::SmallVec;

use super::delivered::Delivering;
use super::label::Labelling;
use super::look::Look;
use super::marking::Marking;
use super::pseudonyms::Keeping;
use super::reader::{Reader, Side, Stop};
use super::segment::{Moved, Segments};
use super::{Delivered, Marked, Outcome, Report, Terms, refuse};
use crate::audit::{AnnotationRecord, Coverage, LabelRecord, MarkRecord};
use crate::detect::fingerprint::Index;
use crate::detect::grounding::Context;
use crate::dialect::{Ask, ErrorKind, ExchangeError, Framing, Matched, Memo, Reply, Stage, Usage};
use crate::stream::Splitter;
use crate::stream::coding::CodingError;
use crate::text::json::Tape;
use crate::text::{Tongue, reads_as_utf8};
use crate::vault::{Back, Scope};
use annotate::Notes;
use ending::undecodable;
use held::Begun;
use label::Labels;
use rewrite::{Around, Leaving, Written};
use stream::Held;

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

/// An answer in progress.
#[derive(Debug)]
pub struct Answering {
    matched: Matched,
    terms: Terms,
    pub(in crate::exchange) ask: Ask,
    prompt: Report,
    reader: Reader,
    /// Marks what leaves, where that is marked.
    marking: Option<Marking>,
    /// Puts together what leaves, where somebody keeps prints of it, and the request's body.
    delivering: Option<Box<Delivering>>,
    asked: Bytes,
    mode: Mode,
    /// The upstream's status is an error: its body has the dialect's error form.
    upstream_status: u16,
    json: bool,
    /// Whether the bytes are asked what they are: a stream may come under the media type of any text.
    look: Option<Look>,
    splitter: Option<Splitter>,
    queue: VecDeque<Held>,
    held: usize,
    /// Texts of the events that wait.
    held_texts: usize,
    /// Most bytes held at once.
    pub held_max: usize,
    whole: Vec<u8>,
    /// Of a whole answer that is to be marked: its texts, and where they have come to stand.
    read: Option<Box<(Segments, Moved)>>,
    tape: Tape,
    /// For events that are read again when they leave.
    spare: Tape,
    /// For events to come.
    tapes: Vec<Tape>,
    memo: Memo,
    /// The last bytes that left of a stream: four, if there were so many.
    tail: SmallVec<[u8; 8]>,
    released: bool,
    over: bool,
    blocked: bool,
    /// Whether a whole answer was rewritten.
    pub rewritten: bool,
    /// How far the stream has come to its end.
    stage: Stage,
    /// What the upstream says that it took.
    usage: Usage,
    /// Whether a stream that said all came without its dialect's end sign.
    pub no_end_sign: bool,
    /// Whether a stream ended with the upstream's own error.
    pub error_event: bool,
    /// Why the answer was cut, for the record.
    pub cut_by: Option<ExchangeError>,
    /// A rule cut it whose findings a person reviews.
    awaits_review: bool,
    /// How it began, where the policy has answers reviewed: [`Answering::let_pass`] begins again.
    begun: Option<Box<Begun>>,
    /// What is added to it, where something is.
    labels: Option<Box<Labels>>,
    /// Keeps what stands for values under the response's id.
    keeping: Option<Box<Keeping>>,
    /// The upstream has said all, and what judges say of it is awaited.
    finishing: Option<Box<Finishing>>,
}

impl Answering {
    pub(in crate::exchange) fn new(matched: Matched, terms: Terms, ask: Ask, prompt: Report) -> Self {
        let reader = Reader::new(std::sync::Arc::clone(&terms.policy), Side::Answer, ask.structured);
        let tape = || Tape::within(terms.limits.json_depth, terms.limits.json_values);
        let (tape, spare) = (tape(), tape());
        let begun = terms.policy.review().map(|_| Box::default());
        let notes =
            Notes::new(terms.annotate(), ask.exact).filter(|_| matched.dialect.has_words(matched.operation));
        let mut new = Self {
            matched,
            terms,
            ask,
            prompt,
            reader,
            marking: None,
            delivering: None,
            asked: Bytes::new(),
            mode: Mode::Whole,
            upstream_status: 200,
            json: true,
            look: None,
            splitter: None,
            queue: VecDeque::new(),
            held: 0,
            held_texts: 0,
            held_max: 0,
            whole: Vec::new(),
            read: None,
            tape,
            spare,
            tapes: Vec::new(),
            memo: Memo::default(),
            tail: SmallVec::new(),
            released: false,
            over: false,
            blocked: false,
            rewritten: false,
            stage: Stage::default(),
            usage: Usage::default(),
            no_end_sign: false,
            error_event: false,
            cut_by: None,
            awaits_review: false,
            begun,
            labels: None,
            keeping: None,
            finishing: None,
        };
        if let Some(notes) = notes {
            new.reader.annotate();
            new.labels = Some(Box::new(new.no_labels().annotated(notes)));
        }
        new
    }

    /// Nothing is added to it so far.
    fn no_labels(&self) -> Labels {
        let tape = Tape::within(self.terms.limits.json_depth, usize::MAX);
        let client = &self.terms.client;
        let asked = client.language.and_then(|language| Tongue::of_tag(language.tag()));
        Labels::new(&self.ask, tape, client.said.or(asked))
    }

    /// Holds the answer against what its request says.
    pub(in crate::exchange) fn hold_against(&mut self, context: Option<std::sync::Arc<Context>>) {
        if let Some(begun) = &mut self.begun {
            begun.context.clone_from(&context);
        }
        self.reader.hold_against(context);
    }

    /// The values of the request come back in the answer.
    pub(in crate::exchange) fn bring_back(&mut self, scope: Scope, back: std::sync::Arc<Back>) {
        if let Some(begun) = &mut self.begun {
            begun.values = Some((scope.clone(), std::sync::Arc::clone(&back)));
        }
        self.reader.bring_back(scope, Some(back));
    }

    /// What stands for values is kept, once the response has an id.
    pub(in crate::exchange) fn keep(&mut self, keeping: Option<Box<Keeping>>) {
        self.keeping = keeping;
    }

    /// How many values came back in it, by category.
    pub fn restored(&self) -> Option<&super::Counted> {
        self.reader.counted()
    }

    /// The answer is one to a request of this system prompt.
    pub(in crate::exchange) fn answers_to(&mut self, own: Option<std::sync::Arc<Index>>) {
        if let Some(begun) = &mut self.begun {
            begun.own.clone_from(&own);
        }
        self.reader.answers_to(own);
    }

    /// Reads the upstream's status and media type (the value of `content-type`, if any).
    pub fn head(&mut self, status: u16, content_type: Option<&str>) -> Result<Mode, ExchangeError> {
        self.upstream_status = status;
        if let Some(begun) = &mut self.begun {
            (begun.status, begun.media) = (status, content_type.map(str::to_owned));
        }
        self.marking = Marking::new(&self.terms, &self.matched, &self.ask, status);
        self.delivering = Delivering::new(&self.terms, &self.matched, status, &self.asked).map(Box::new);
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
                    let error = refuse(&stop, &self.terms, Side::Answer);
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

    /// Whether the answer's own end sign has been released: who has read it may leave before the upstream's body ends.
    pub fn is_told(&self) -> bool {
        self.stage == Stage::Signed && self.queue.is_empty()
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
            // What breaks behind the answer's own end takes nothing from it.
            Ended::Failed(ErrorKind::UpstreamUnreachable) | Ended::Undecodable(_)
                if matches!(self.mode, Mode::Stream(_)) && self.stage == Stage::Signed =>
            {
                None
            }
            Ended::Failed(kind) => Some(ExchangeError::new(
                kind,
                match kind {
                    ErrorKind::UpstreamTimeout => "the upstream took too long in the middle of its answer",
                    ErrorKind::ShuttingDown => "the gateway stops, and the time for running answers is over",
                    ErrorKind::UpstreamGarbage => {
                        "the upstream's answer shows the credential that the gateway gave it, and is withheld"
                    }
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
        findings.extend(self.reader.noted());
        let mut counts = self.prompt.counts.clone();
        counts.add(&self.reader.counts());
        let mut coverage = self.prompt.coverage.clone();
        coverage.add(&self.reader.coverage);
        Report {
            outcome: self.prompt.outcome.max(self.outcome()).max(blocked),
            findings,
            found: self.prompt.found + self.reader.noted_in_all(),
            counts,
            coverage,
        }
    }

    /// The policy under which the exchange runs.
    pub fn policy(&self) -> &crate::policy::Policy {
        &self.terms.policy
    }

    /// What the policy's profile has clients show with a model's words.
    pub fn notices(&self) -> &[crate::policy::Notice] {
        let is_of_model = self.matched.dialect.has_words(self.matched.operation);
        if is_of_model { self.terms.policy.notices() } else { &[] }
    }

    /// From here on the answer is labelled, if it is a model's words.
    pub(in crate::exchange) fn label(&mut self, labelling: Labelling) {
        if !self.matched.dialect.has_words(self.matched.operation) {
            return;
        }
        if let Some(begun) = &mut self.begun {
            begun.labelling = Some(labelling.clone());
        }
        let labels = self.labels.take().map_or_else(|| self.no_labels(), |labels| *labels);
        self.labels = Some(Box::new(labels.labelled(labelling, &self.ask, self.terms.client.said)));
    }

    /// What the record says of labels, where the answer has any.
    pub fn label_record(&self) -> Option<LabelRecord> {
        self.labels.as_ref().and_then(|labels| labels.record())
    }

    /// The label that clients show in their own interface, with its language.
    pub fn label_to_show(&self) -> Option<(Tongue, String)> {
        let is_answer = (200..300).contains(&self.upstream_status);
        self.labels.as_ref().filter(|_| is_answer).and_then(|labels| labels.to_show())
    }

    /// The signed metadata of a whole answer.
    pub fn label_statement(&mut self) -> Option<String> {
        let is_answer = self.mode == Mode::Whole && (200..300).contains(&self.upstream_status);
        self.labels.as_mut().filter(|_| is_answer).and_then(|labels| labels.statement())
    }

    /// What the record says of what the client was told of doubts about the answer; none where nothing was told.
    pub fn annotation_record(&self) -> Option<AnnotationRecord> {
        self.labels.as_ref().and_then(|labels| labels.annotation())
    }

    /// What a whole answer's head says of doubts about it, where the policy has them told there.
    pub fn annotation_header(&mut self) -> Option<String> {
        if self.mode != Mode::Whole || !(200..300).contains(&self.upstream_status) {
            return None;
        }
        let mut labels = self.labels.take()?;
        let header = labels.annotation_header(&self.around());
        self.labels = Some(labels);
        header
    }

    /// Whether what reads the stream skips its comments.
    pub fn skips_comments(&self) -> bool {
        self.matched.dialect.skips_comments()
    }

    /// What was marked so far; none where nothing is.
    pub fn marked(&self) -> Option<Marked> {
        self.marking.as_ref().map(Marking::marked)
    }

    /// The request's body, for who keeps prints of the answer.
    pub(in crate::exchange) fn was_asked(&mut self, body: Bytes) {
        self.asked = body;
    }

    /// What left so far, put together; none where nobody keeps prints of it.
    pub fn delivered(&self) -> Option<Delivered> {
        self.delivering.as_ref().map(|delivering| delivering.delivered())
    }

    /// What the record says of marks, where the answer has any.
    pub fn mark_record(&self) -> Option<MarkRecord> {
        let marked = self.marked().filter(|marked| marked.marks > 0)?;
        Some(MarkRecord { epoch: marked.epoch, marks: marked.marks })
    }

    /// How many tokens the upstream says that the exchange took, also where its answer goes no further; none where it says nothing.
    pub fn usage(&self) -> Option<Usage> {
        Some(self.usage).filter(|usage| !usage.is_empty())
    }

    /// How many findings there were on the answer's side, kept or not.
    pub fn found(&self) -> u64 {
        self.reader.noted_in_all()
    }

    /// All findings on the answer's side by what they were.
    pub fn counts(&self) -> super::Counts {
        self.reader.counts()
    }

    /// What was found on the answer's side alone.
    pub fn answer_findings(&self) -> Vec<super::Noted> {
        self.reader.noted()
    }

    /// What was read on the answer's side alone.
    pub fn answer_coverage(&self) -> &Coverage {
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
}

/// What leaves once judges have judged it.
#[derive(Debug)]
enum Finishing {
    /// The end of a stream.
    Stream,
    /// A whole answer: as it came, and as it is rewritten.
    Whole(Bytes, Option<Vec<u8>>),
}

/// Why something that came goes no further.
enum Refused {
    Stop(Stop),
    Garbage(String),
}

impl From<Stop> for Refused {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}
