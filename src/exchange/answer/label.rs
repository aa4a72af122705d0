//! Words of the gateway's own beside the model's: a label before a text, behind its first paragraph or behind it, and what programs are told.
//!
//! It works on events that have been released and are about to leave, and writes anew only the strings concerned. What it adds to a text it
//! adds to each string that repeats the text. Where a text's last event has no string, an event of its own goes before it:
//!
//! ```text
//! upstream   {"content":"Hi"}   {"finish_reason":"stop"}                        [DONE]
//! client     {"content":"Hi"}   {"content":"\n\nAI-generated content"}  {"finish_reason":"stop"}  : sluicegate-label {..}  [DONE]
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::label::Labelling;
use super::annotate::{self, Notes};
use super::rewrite::{Around, Edit, Leaving, Work, Written, anew, edited, has_comments, more, plain};
use super::stream::joined;
use crate::audit::{AnnotationRecord, LabelRecord};
use crate::dialect::{Ask, Cue, Matched, Spot};
use crate::provenance::{Label, LabelWords, Paragraph, Skeleton};
use crate::text::json::{Kind, Tape};
use crate::text::{Guess, Tongue};

/// How a comment of a stream begins that holds signed metadata.
pub(super) const COMMENT: &str = ": sluicegate-label ";
/// The field of an object that holds it, where streams have no comments.
pub(super) const FIELD: &str = "sluicegate_label";
/// Most texts of one answer that are labelled.
const MOST_TEXTS: usize = 256;
/// So many of a text's last characters tell whether the model has written the label itself.
const TAIL: usize = 160;

/// One text of an answer.
#[derive(Debug, Default)]
struct Text {
    spot: Spot,
    /// Whether it has said anything.
    said: bool,
    /// Whether the part in which it stood is closed and no other has begun.
    closed: bool,
    /// Whether its end has come.
    over: bool,
    /// What was put before it, into it and behind it.
    before: String,
    middle: Option<(usize, String)>,
    behind: String,
    /// Its length so far, as the model wrote it.
    length: usize,
    tail: String,
    paragraph: Paragraph,
    skeleton: Skeleton,
    guess: Guess,
    /// Its last string in the event that is being labelled, and whether it is signed.
    last: Option<(usize, bool)>,
}

/// The labels of one answer, and what is told of doubts about it.
#[derive(Debug)]
pub(super) struct Labels {
    /// How it is labelled, if it is.
    labelling: Option<Labelling>,
    words: Arc<LabelWords>,
    notes: Option<Notes>,
    place: Label,
    /// Whether the text has to stay as it is.
    exact: bool,
    /// The language to begin with.
    hint: Tongue,
    notice: bool,
    texts: BTreeMap<u64, Text>,
    tape: Tape,
    /// Room for the cues of an event.
    cues: Vec<Cue>,
    /// Events that wait for what comes next.
    held: Vec<Leaving>,
    /// So many events were put between the upstream's.
    added: u64,
    /// Texts of which the end has come, whether they said anything or not.
    ended: BTreeSet<u64>,
    labelled: u32,
    tongue: Option<Tongue>,
    told: bool,
}

impl Labels {
    /// Nothing is added so far; `hint` is the language of what is, until the text tells its own.
    pub(super) fn new(ask: &Ask, tape: Tape, hint: Option<Tongue>) -> Self {
        Self {
            labelling: None,
            words: Arc::default(),
            notes: None,
            place: Label::default(),
            exact: ask.exact,
            hint: hint.unwrap_or_default(),
            notice: false,
            texts: BTreeMap::new(),
            tape,
            cues: Vec::new(),
            held: Vec::new(),
            added: 0,
            ended: BTreeSet::new(),
            labelled: 0,
            tongue: None,
            told: false,
        }
    }

    /// The answer is labelled.
    #[must_use]
    pub(super) fn labelled(mut self, labelling: Labelling, ask: &Ask, said: Option<Tongue>) -> Self {
        self.place = if ask.exact { Label::default() } else { labelling.mode.into() };
        self.hint = said.or(labelling.accepted).unwrap_or_else(|| labelling.words.home());
        self.notice = labelling.notice && ask.first && self.place.is_inline();
        self.words = Arc::clone(&labelling.words);
        self.labelling = Some(labelling);
        self
    }

    /// Clients are told of doubts.
    #[must_use]
    pub(super) fn annotated(mut self, notes: Notes) -> Self {
        self.notes = Some(notes);
        self
    }

    /// What the record says of them, where the answer is labelled.
    pub(super) fn record(&self) -> Option<LabelRecord> {
        let labelling = self.labelling.as_ref()?;
        Some(labelling.record(self.exact, self.labelled, self.tongue, self.told))
    }

    /// What the record says of what clients were told of doubts.
    pub(super) fn annotation(&self) -> Option<AnnotationRecord> {
        self.notes.as_ref()?.record()
    }

    /// What a whole answer's head says of doubts.
    pub(super) fn annotation_header(&mut self, around: &Around<'_>) -> Option<String> {
        self.notes.as_mut()?.header(around)
    }

    /// What clients are to show in their own interface: the label and its language.
    pub(super) fn to_show(&self) -> Option<(Tongue, String)> {
        let labelling = self.labelling.as_ref()?;
        let beside = Label::from(labelling.mode).beside
            || self.exact && labelling.mode != crate::policy::LabelMode::None;
        beside.then(|| (self.hint, labelling.words.label(self.hint)))
    }

    /// The signed metadata of what has been said.
    pub(super) fn statement(&mut self) -> Option<String> {
        let labelling = self.labelling.as_ref()?;
        let maker = labelling.maker.as_ref()?;
        let hashes = self.texts.values().filter(|text| text.said).map(|text| text.skeleton.hash()).collect();
        self.told = true;
        Some(maker.sign(&labelling.exchange, hashes).json())
    }

    /// Whether an event leaves as it is: nothing is put into texts, and there is nothing to tell with it. So it is with nearly every event of
    /// nearly every stream, and no more is done to find out than that it is asked which texts end. `read`: what its data was read as, if that
    /// is known.
    pub(super) fn passes(&mut self, around: &Around<'_>, event: &Leaving, read: Option<&Tape>) -> bool {
        if self.labelling.is_some() || self.notes.as_ref().is_some_and(Notes::is_in_text) {
            return false;
        }
        if annotate::speaks_for_us(&event.raw) {
            return false;
        }
        if event.data.is_empty() {
            return true;
        }
        let data = joined(&event.raw, &event.data);
        let (dialect, operation) = (around.matched.dialect, around.matched.operation);
        if dialect.is_end_sign(&data) {
            return false;
        }
        let mut cues = std::mem::take(&mut self.cues);
        let tape = if let Some(read) = read {
            read
        } else {
            let _ = self.tape.parse(&data);
            &self.tape
        };
        dialect.cues(operation, &data, tape, &mut cues);
        let (mut ends, mut over) = (false, dialect.is_failure(operation, &data, tape));
        for cue in cues.drain(..) {
            match cue {
                Cue::End { text } => {
                    ends = true;
                    self.ended.insert(text);
                }
                Cue::Over { certain } => over |= certain || self.all_ended(around),
                Cue::Piece { .. } | Cue::Again { .. } | Cue::Pause { .. } | Cue::GoesOn => {}
            }
        }
        self.cues = cues;
        let last = over || ends && is_chat(around) && self.all_ended(around);
        !last || !self.notes.as_ref().is_some_and(|notes| notes.has_more(around))
    }

    /// Whether all choices that were asked for have ended.
    fn all_ended(&self, around: &Around<'_>) -> bool {
        self.ended.len() >= around.ask.choices as usize
    }

    /// Labels an event; gives what leaves in its place. The event itself goes through `then` once its labels are in it. `read`: what its data
    /// was read as, if that is known.
    pub(super) fn event(
        &mut self,
        around: &Around<'_>,
        event: Leaving,
        read: Option<&Tape>,
        then: impl FnOnce(Leaving, Written) -> Leaving,
    ) -> Vec<Leaving> {
        let (dialect, operation) = (around.matched.dialect, around.matched.operation);
        let event = if self.notes.is_some() { annotate::disowned(event) } else { event };
        if event.data.is_empty() {
            if self.held.is_empty() {
                return vec![event];
            }
            self.held.push(event);
            return Vec::new();
        }
        let raw = event.raw.clone();
        let data = joined(&raw, &event.data);
        let mut own = std::mem::take(&mut self.tape);
        let (mut cues, mut out) = (std::mem::take(&mut self.cues), Vec::new());
        let is_sign = dialect.is_end_sign(&data);
        let tape = if let Some(read) = read.filter(|_| !is_sign) {
            read
        } else {
            // Of what is no JSON the tape says nothing.
            let _ = own.parse(&data);
            &own
        };
        let fails = !is_sign && dialect.is_failure(operation, &data, tape);
        if is_sign || fails {
            // Whatever its server has left open: behind the sign, or a failure, nobody reads.
            out = self.end_open(around);
            cues.push(Cue::Over { certain: true });
        }
        if !is_sign {
            dialect.cues(operation, &data, tape, &mut cues);
        }
        let mut work = Work::new(&data, tape);
        self.follow(around, &cues, &mut work);
        cues.clear();
        self.cues = cues;
        let Work { mut edits, before, pauses, goes_on, over, ends, .. } = work;
        let mut put = Vec::new();
        for (spot, words) in before {
            out.push(more(around, &spot, &words));
            self.added += 1;
            put.push((spot.text, words));
        }
        if goes_on {
            out.append(&mut self.held);
        }
        let last = over || ends && is_chat(around) && self.all_ended(around);
        let remarks = last && (is_sign || fails) && has_comments(around);
        let member = if last && !is_sign && !fails { self.member_of(around) } else { None };
        if self.notes.is_some() && !is_sign {
            annotate::set(&mut edits, &data, tape, member);
        }
        if remarks {
            out.extend(self.remark(around));
        }
        if over && self.labelling.as_ref().is_some_and(|labelling| labelling.maker.is_some()) && !self.told {
            if has_comments(around) {
                out.extend(self.comment());
            } else {
                edits.extend(self.member(tape));
            }
        }
        if self.added > 0
            && let Some(at) = dialect.numbered(operation, &data, tape)
            && let (Some(node), Some(number)) = (tape.node(at), tape.u64_of(&data, at))
        {
            let with = (number + self.added).to_string().into_bytes();
            edits.push(Edit { range: node.start as usize..node.end as usize, with, own: 0..0 });
        }
        self.tape = own;
        let (event, written) =
            if edits.is_empty() { (event, Written::default()) } else { anew(&event, &data, edits) };
        let event = then(event, Written { before: put, ..written });
        if pauses || !self.held.is_empty() {
            self.held.push(event);
        } else {
            out.push(event);
        }
        out
    }

    /// Ends what has not ended: the upstream's stream is over, or the gateway cuts it.
    pub(super) fn close(&mut self, around: &Around<'_>) -> Vec<Leaving> {
        let mut out = self.end_open(around);
        out.append(&mut self.held);
        if has_comments(around) {
            out.extend(self.remark(around));
            if !self.told && self.texts.values().any(|text| text.said) {
                out.extend(self.comment());
            }
        }
        out
    }

    /// Events for the ends of texts that have not ended.
    fn end_open(&mut self, around: &Around<'_>) -> Vec<Leaving> {
        let open: Vec<u64> =
            self.texts.iter().filter(|(_, text)| !text.over && !text.closed).map(|(key, _)| *key).collect();
        let ends = open.into_iter().filter_map(|key| self.end(around, key));
        ends.map(|(spot, words)| more(around, &spot, &words)).collect()
    }

    /// Labels a whole answer; nothing, where it stays as it came.
    pub(super) fn whole(&mut self, around: &Around<'_>, body: &[u8]) -> Option<(Vec<u8>, Written)> {
        let matched = around.matched;
        let mut tape = std::mem::take(&mut self.tape);
        let mut cues = Vec::new();
        let is_json = tape.parse(body).is_ok();
        if is_json {
            matched.dialect.whole_cues(matched.operation, body, &tape, &mut cues);
        }
        let mut work = Work::new(body, &tape);
        self.follow(around, &cues, &mut work);
        let mut edits = work.edits;
        if is_json && self.notes.is_some() {
            let in_head = self.notes.as_ref().is_some_and(Notes::is_in_head);
            let member = if in_head { None } else { self.member_of(around) };
            annotate::set(&mut edits, body, &tape, member);
        }
        self.tape = tape;
        (!edits.is_empty()).then(|| edited(body, edits, 0))
    }

    fn comment(&mut self) -> Option<Leaving> {
        self.statement().map(|statement| plain(format!("{COMMENT}{statement}\n\n")))
    }

    /// The metadata as a member of the event's object.
    fn member(&mut self, tape: &Tape) -> Option<Edit> {
        let root = tape.node(0).filter(|node| node.kind == Kind::Object)?;
        Some(Edit::member(root, FIELD, &self.statement()?))
    }

    /// What is told of doubts, as a comment.
    fn remark(&mut self, around: &Around<'_>) -> Option<Leaving> {
        let member = self.member_of(around)?;
        Some(plain(format!("{}{member}\n\n", annotate::COMMENT)))
    }

    /// What is told of doubts, as the value of a member.
    fn member_of(&mut self, around: &Around<'_>) -> Option<String> {
        self.notes.as_mut()?.member(around)
    }

    /// Whether words are to stand behind a text.
    fn says_behind(&self, around: &Around<'_>, key: u64) -> bool {
        self.place.behind || self.notes.as_ref().is_some_and(|notes| notes.has_note(around, key))
    }

    /// Does what the cues say.
    fn follow(&mut self, around: &Around<'_>, cues: &[Cue], work: &mut Work<'_>) {
        self.texts.values_mut().for_each(|text| text.last = None);
        for cue in cues {
            match cue {
                Cue::Piece { spot, node, signed } => self.piece(spot, *node, *signed, work),
                Cue::Again { text, node } => self.again(*text, *node, work),
                Cue::Pause { part } => {
                    let says = self.says_behind(around, 0);
                    if let Some(text) = self.texts.get_mut(&0).filter(|t| t.said && t.spot.part == *part) {
                        work.pauses = says && !text.over;
                        text.closed = !work.pauses;
                    }
                }
                Cue::GoesOn => {
                    work.goes_on = true;
                    work.pauses = false;
                    if let Some(text) = self.texts.get_mut(&0) {
                        text.closed = text.said;
                    }
                }
                Cue::End { text } => {
                    work.goes_on = true;
                    work.pauses = false;
                    work.ends = true;
                    self.ended.insert(*text);
                    let last = self.texts.get(text).and_then(|text| text.last);
                    let Some((spot, words)) = self.end(around, *text) else { continue };
                    match last {
                        Some((node, signed)) => work.put(node, signed, false, &words),
                        None => work.before.push((spot, words)),
                    }
                }
                Cue::Over { certain } => {
                    work.over = *certain || self.all_ended(around);
                    work.goes_on = true;
                }
            }
        }
    }

    fn piece(&mut self, spot: &Spot, node: usize, signed: bool, work: &mut Work<'_>) {
        if !self.texts.contains_key(&spot.text) && self.texts.len() >= MOST_TEXTS {
            return;
        }
        let said = work.tape.text(work.src, node);
        let opening =
            self.notice && self.texts.values().all(|text| !text.said || text.spot.text == spot.text);
        let text = self.texts.entry(spot.text).or_default();
        (text.spot, text.closed) = (spot.clone(), false);
        if said.is_empty() {
            if text.said {
                text.last = Some((node, signed));
            }
            return;
        }
        text.last = Some((node, signed));
        let first = !std::mem::replace(&mut text.said, true);
        let mut guess = Guess::default();
        guess.push(&said);
        text.guess.push(&said);
        let words = &self.words;
        if first {
            let tongue = self.hint;
            if opening {
                text.before = words.notice(tongue) + "\n";
            }
            if self.place.before {
                text.before.push_str(&words.label(tongue));
                self.labelled += 1;
            }
            if !text.before.is_empty() {
                let end = text.before.trim_end().len();
                text.before.truncate(end);
                text.before.push_str("\n\n");
                self.tongue = Some(tongue);
                text.skeleton.push(&text.before);
                work.put(node, signed, true, &text.before);
            }
        }
        let at = if self.place.middle && text.middle.is_none() && !text.over {
            text.paragraph.push(&said)
        } else {
            None
        };
        // In a signed text nothing is put.
        if let Some(at) = at.filter(|_| !signed) {
            let tongue = text.guess.tongue().unwrap_or(self.hint);
            let label = words.label(tongue) + "\n\n";
            let (a, b) = said.split_at(at);
            text.skeleton.push(a);
            text.skeleton.push(&label);
            text.skeleton.push(b);
            work.split(node, a, &label, b);
            text.middle = Some((text.length + at, label));
            self.tongue = Some(tongue);
            self.labelled += 1;
        } else {
            text.skeleton.push(&said);
        }
        text.length += said.len();
        text.tail.push_str(&said);
        let old = text.tail.char_indices().rev().nth(TAIL).map_or(0, |(at, _)| at);
        text.tail.drain(..old);
    }

    /// A text is over: what is put behind it, if anything.
    fn end(&mut self, around: &Around<'_>, key: u64) -> Option<(Spot, String)> {
        let text = self.texts.get_mut(&key)?;
        if !text.said || text.closed || std::mem::replace(&mut text.over, true) {
            return None;
        }
        let tongue = text.guess.tongue().unwrap_or(self.hint);
        if let Some(note) = self.notes.as_mut().and_then(|notes| notes.note(around, key, tongue)) {
            text.behind = format!("\n\n{note}");
        }
        if self.place.behind && text.middle.is_none() {
            let label = self.words.label(tongue);
            self.labelled += 1;
            self.tongue = Some(tongue);
            // A model that has seen labels in what came before may write one itself: one is enough.
            if !text.tail.trim_end().ends_with(&label) {
                text.behind.push_str("\n\n");
                text.behind.push_str(&label);
            }
        }
        if text.behind.is_empty() {
            return None;
        }
        text.skeleton.push(&text.behind);
        Some((text.spot.clone(), text.behind.clone()))
    }

    /// A string that repeats a text is told with what was added.
    fn again(&self, key: u64, node: usize, work: &mut Work<'_>) {
        let Some(text) = self.texts.get(&key) else { return };
        if !text.before.is_empty() {
            work.put(node, false, true, &text.before);
        }
        if let Some((at, label)) = &text.middle {
            let said = work.tape.text(work.src, node).into_owned();
            if let Some((a, b)) = said.split_at_checked(*at) {
                work.split(node, a, label, b);
            }
        }
        if !text.behind.is_empty() {
            work.put(node, false, false, &text.behind);
        }
    }
}

/// Whether no event but the end sign says of an answer that all is over: it is the event that ends the last choice.
fn is_chat(around: &Around<'_>) -> bool {
    let Matched { dialect, operation, .. } = around.matched;
    dialect.name() == "openai" && operation.name.ends_with("completions")
}
