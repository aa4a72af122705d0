//! Words of the gateway's own beside the model's: a label before a text, behind its first paragraph or behind it, and what programs are told.
//!
//! It works on events that have been released and are about to leave, and writes anew only the strings concerned. What it adds to a text it
//! adds to each string that repeats the text. Where a text's last event has no string, an event of its own goes before it:
//!
//! ```text
//! upstream   {"content":"Hi"}   {"finish_reason":"stop"}                        [DONE]
//! client     {"content":"Hi"}   {"content":"\n\nAI-generated content"}  {"finish_reason":"stop"}  : sluicegate-label {..}  [DONE]
//! ```

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use super::super::label::Labelling;
use super::super::reader::Reader;
use super::super::segment::Moved;
use super::annotate::{self, Notes};
use super::stream::joined;
use crate::audit::{AnnotationRecord, LabelRecord};
use crate::dialect::{Ask, Cue, Framing, Matched, Memo, Spot};
use crate::policy::Policy;
use crate::provenance::{Label, LabelWords, Paragraph, Skeleton};
use crate::text::json::{Kind, Tape, escape_into};
use crate::text::{Guess, Tongue};

/// How a comment of a stream begins that holds signed metadata.
pub(super) const COMMENT: &str = ": sluicegate-label ";
/// The field of an object that holds it, where streams have no comments.
pub(super) const FIELD: &str = "sluicegate_label";
/// Most texts of one answer that are labelled.
const MOST_TEXTS: usize = 256;
/// So many of a text's last characters tell whether the model has written the label itself.
const TAIL: usize = 160;

/// An event on its way out, and where its data stands.
#[derive(Debug)]
pub(super) struct Leaving {
    pub(super) raw: Bytes,
    pub(super) data: SmallVec<[Range<u32>; 1]>,
}

/// What is known of an exchange where an event is labelled.
pub(super) struct Around<'a> {
    pub(super) matched: &'a Matched,
    pub(super) ask: &'a Ask,
    pub(super) memo: &'a Memo,
    pub(super) framing: Framing,
    pub(super) policy: &'a Policy,
    /// Who has read it.
    pub(super) reader: &'a Reader,
}

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

/// What is done to an event's data.
struct Edit {
    range: Range<usize>,
    with: Vec<u8>,
    /// Where in `with` words stand that the gateway adds to a text.
    own: Range<usize>,
}

/// What became of an event or body that was labelled.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Where its bytes have come to stand.
    pub(super) moved: Moved,
    /// Where words of the gateway's own stand in what leaves.
    pub(super) own: SmallVec<[Range<usize>; 2]>,
    /// Words for which events of their own went before it, each with its text.
    pub(super) before: Vec<(u64, String)>,
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

    /// Labels an event; gives what leaves in its place. The event itself goes through `then` once its labels are in it.
    pub(super) fn event(
        &mut self,
        around: &Around<'_>,
        event: Leaving,
        then: impl FnOnce(Leaving, Written) -> Leaving,
    ) -> Vec<Leaving> {
        let (dialect, operation) = (around.matched.dialect, around.matched.operation);
        if event.data.is_empty() {
            if self.held.is_empty() {
                return vec![event];
            }
            self.held.push(event);
            return Vec::new();
        }
        let data = joined(&event.raw, &event.data).into_owned();
        let mut tape = std::mem::take(&mut self.tape);
        let (mut cues, mut out) = (Vec::new(), Vec::new());
        if dialect.is_end_sign(&data) {
            // Whatever its server has left open: behind the sign nobody reads.
            out = self.end_open(around);
            cues.push(Cue::Over { certain: true });
        } else if tape.parse(&data).is_ok() {
            dialect.cues(operation, &data, &tape, &mut cues);
        }
        let mut work = Work::new(&data, &tape, around.ask.choices);
        self.cues(around, &cues, &mut work);
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
        // Of chats no event but the end sign says that all is over: it is the one that ends the last choice.
        let is_chat = dialect.name() == "openai" && operation.name.ends_with("completions");
        let last = over || ends && is_chat && self.ended.len() >= around.ask.choices as usize;
        if last && !dialect.is_end_sign(&data) {
            edits.extend(self.annotations(around, &data, &tape));
        } else if last && has_comments(around) {
            out.extend(self.remark(around));
        }
        if over && self.labelling.as_ref().is_some_and(|labelling| labelling.maker.is_some()) && !self.told {
            if has_comments(around) {
                out.extend(self.comment());
            } else {
                edits.extend(self.member(&tape));
            }
        }
        if self.added > 0
            && let Some(at) = dialect.numbered(operation, &data, &tape)
            && let (Some(node), Some(number)) = (tape.node(at), tape.u64_of(&data, at))
        {
            let with = (number + self.added).to_string().into_bytes();
            edits.push(Edit { range: node.start as usize..node.end as usize, with, own: 0..0 });
        }
        self.tape = tape;
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
        let mut work = Work::new(body, &tape, 1);
        self.cues(around, &cues, &mut work);
        let mut edits = work.edits;
        if is_json && !self.notes.as_ref().is_some_and(Notes::is_in_head) {
            edits.extend(self.annotations(around, body, &tape));
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
        let end = root.end as usize - 1;
        let statement = self.statement()?;
        let comma = if root.next > 1 { "," } else { "" };
        Some(Edit {
            range: end..end,
            with: format!("{comma}\"{FIELD}\":{statement}").into_bytes(),
            own: 0..0,
        })
    }

    /// What is told of doubts, as a comment.
    fn remark(&mut self, around: &Around<'_>) -> Option<Leaving> {
        let member = self.notes.as_mut()?.member(around)?;
        Some(plain(format!("{}{member}\n\n", annotate::COMMENT)))
    }

    /// The same as a member of the event's or answer's object: in the place of one that the upstream has put there.
    fn annotations(&mut self, around: &Around<'_>, src: &[u8], tape: &Tape) -> Option<Edit> {
        let root = tape.node(0).filter(|node| node.kind == Kind::Object)?;
        let member = self.notes.as_mut()?.member(around)?;
        if let Some(node) = tape.find(src, &[annotate::MEMBER]).and_then(|at| tape.node(at)) {
            let quote = usize::from(node.kind == Kind::String);
            let range = node.start as usize - quote..node.end as usize + quote;
            return Some(Edit { range, with: member.into_bytes(), own: 0..0 });
        }
        let end = root.end as usize - 1;
        let comma = if root.next > 1 { "," } else { "" };
        let with = format!("{comma}\"{}\":{member}", annotate::MEMBER).into_bytes();
        Some(Edit { range: end..end, with, own: 0..0 })
    }

    /// Whether words are to stand behind a text.
    fn says_behind(&self, around: &Around<'_>, key: u64) -> bool {
        self.place.behind || self.notes.as_ref().is_some_and(|notes| notes.has_note(around, key))
    }

    fn cues(&mut self, around: &Around<'_>, cues: &[Cue], work: &mut Work<'_>) {
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
                    work.over = *certain || self.ended.len() >= work.choices as usize;
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

/// What the cues of one event come to.
struct Work<'a> {
    src: &'a [u8],
    tape: &'a Tape,
    edits: Vec<Edit>,
    /// Words for which events of their own go before it.
    before: Vec<(Spot, String)>,
    /// Whether it waits for what comes next.
    pauses: bool,
    /// Whether what waits may leave.
    goes_on: bool,
    over: bool,
    /// Whether some text is over with it.
    ends: bool,
    /// So many choices were asked for.
    choices: u32,
}

impl<'a> Work<'a> {
    fn new(src: &'a [u8], tape: &'a Tape, choices: u32) -> Self {
        Self {
            src,
            tape,
            edits: Vec::new(),
            before: Vec::new(),
            pauses: false,
            goes_on: false,
            over: false,
            ends: false,
            choices,
        }
    }

    /// Puts words at a string's beginning or end; beside the object that holds it, where it is signed.
    fn put(&mut self, node: usize, signed: bool, at_beginning: bool, words: &str) {
        let mut escaped = Vec::new();
        escape_into(words, &mut escaped);
        let Some(string) = self.tape.node(node) else { return };
        let mut place = if at_beginning { string.start } else { string.end } as usize;
        if signed {
            let holds = |n: &&crate::text::json::Node| {
                n.kind == Kind::Object && n.start < string.start && string.end < n.end
            };
            let Some(object) = self.tape.nodes().iter().filter(holds).max_by_key(|n| n.start) else { return };
            place = if at_beginning { object.start } else { object.end } as usize;
            let (comma_before, comma_behind) = if at_beginning { ("", ",") } else { (",", "") };
            let part = String::from_utf8_lossy(&escaped).into_owned();
            escaped = format!("{comma_before}{{\"text\":\"{part}\"}}{comma_behind}").into_bytes();
        }
        self.edits.push(Edit { range: place..place, own: 0..escaped.len(), with: escaped });
    }

    /// Writes a string anew with words between its two halves.
    fn split(&mut self, node: usize, a: &str, words: &str, b: &str) {
        let Some(string) = self.tape.node(node) else { return };
        let source = string.start as usize..string.end as usize;
        if !string.escaped {
            let at = source.start + a.len();
            let mut with = Vec::new();
            escape_into(words, &mut with);
            return self.edits.push(Edit { range: at..at, own: 0..with.len(), with });
        }
        let mut with = Vec::new();
        escape_into(a, &mut with);
        let begin = with.len();
        escape_into(words, &mut with);
        let own = begin..with.len();
        escape_into(b, &mut with);
        self.edits.push(Edit { range: source, with, own });
    }
}

/// The data with the edits done. Of edits at one place the earlier stands first. The data begin at byte `base` of what leaves.
fn edited(data: &[u8], mut edits: Vec<Edit>, base: usize) -> (Vec<u8>, Written) {
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let (mut out, mut written) = (Vec::with_capacity(data.len() + 64), Written::default());
    let mut at = 0;
    for edit in edits {
        out.extend_from_slice(data.get(at..edit.range.start).unwrap_or_default());
        if !edit.own.is_empty() {
            let from = base + out.len();
            written.own.push(from + edit.own.start..from + edit.own.end);
        }
        out.extend_from_slice(&edit.with);
        at = edit.range.end.max(at);
        written.moved.note(base + at, base + out.len());
    }
    out.extend_from_slice(data.get(at..).unwrap_or_default());
    (out, written)
}

/// The event with its data edited, in one line.
fn anew(event: &Leaving, data: &[u8], edits: Vec<Edit>) -> (Leaving, Written) {
    let (Some(first), Some(last)) = (event.data.first(), event.data.last()) else {
        return (plain(String::new()), Written::default());
    };
    let (data, Written { moved, own, .. }) = edited(data, edits, first.start as usize);
    let mut both = Moved::default();
    let mut at = first.start as usize;
    for line in &event.data {
        both.note(line.start as usize, at);
        at += line.len() + 1;
    }
    both.then(moved);
    // A line break within JSON stands between values, never in a string.
    let data: Cow<'_, [u8]> = if event.data.len() == 1 {
        Cow::Owned(data)
    } else {
        Cow::Owned(data.iter().map(|&b| if b == b'\n' { b' ' } else { b }).collect())
    };
    let mut raw = event.raw.get(..first.start as usize).unwrap_or_default().to_vec();
    let start = raw.len() as u32;
    raw.extend_from_slice(&data);
    let end = raw.len() as u32;
    raw.extend_from_slice(event.raw.get(last.end as usize..).unwrap_or_default());
    (
        Leaving { raw: raw.into(), data: SmallVec::from_elem(start..end, 1) },
        Written { moved: both, own, before: Vec::new() },
    )
}

/// Whether metadata may stand in a comment.
fn has_comments(around: &Around<'_>) -> bool {
    around.framing == Framing::Sse && around.matched.dialect.skips_comments()
}

/// An event of the gateway's own.
fn frame(around: &Around<'_>, kind: &str, json: &str) -> Leaving {
    let (head, tail) = match around.framing {
        Framing::Sse if kind.is_empty() => ("data: ".to_owned(), "\n\n"),
        Framing::Sse => (format!("event: {kind}\ndata: "), "\n\n"),
        Framing::Ndjson => (String::new(), "\n"),
        Framing::JsonArray => (",\r\n".to_owned(), ""),
    };
    let start = head.len() as u32;
    let data = start..start + json.len() as u32;
    Leaving { raw: format!("{head}{json}{tail}").into(), data: SmallVec::from_elem(data, 1) }
}

/// An event of the gateway's own that goes on in a text with these words.
fn more(around: &Around<'_>, spot: &Spot, words: &str) -> Leaving {
    let Matched { dialect, operation, .. } = around.matched;
    let (kind, json) = dialect.more(operation, around.ask, around.memo, spot, words);
    frame(around, kind, &json)
}

/// What has no data to be looked at.
fn plain(raw: String) -> Leaving {
    Leaving { raw: raw.into(), data: SmallVec::new() }
}
