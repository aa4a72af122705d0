//! Reads bodies and events through a dialect's table: finds the strings, scans them, and rewrites those that a finding touches.
//!
//! One [`Reader`] serves one side of one exchange. For a whole body it is fed once and finished; for a stream it is fed event by
//! event and its channels live on. Here is what both share: each string's class says how it is read. A text that ends with its body or
//! event is read in [`whole`], one that goes on in [`channel`], and what leaves is written in [`write`].

mod annotated;
mod chain;
mod channel;
mod grounded;
mod judged;
#[cfg(test)]
mod sample;
mod values;
mod whole;
mod write;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use super::emit::Edit;
use super::halt::Halt;
use super::segment::{Numbers, Part, Segment, Segments, keep_keys_apart};
use super::tally::{Counts, Tally};
use smallvec::SmallVec;

use crate::audit::Coverage;
use crate::detect::fingerprint::Index;
use crate::detect::grounding::Context;
use crate::detect::{Encodings, Finding, RuleId, Scan, TextKind};
use crate::dialect::{ChannelKey, Class, Flow, Found, Role, Shape};
use crate::policy::{Action, Direction, Policy};
use crate::text::json::{Kind, Tape};
use crate::text::number::written_out;
use annotated::Annotated;
pub use annotated::Place;
use chain::Chain;
use channel::Channel;
pub use channel::MAX_CHANNELS;
use judged::Judging;
pub use values::Counted;
use values::Values;
use whole::Join;

/// Most findings kept for the record; further ones still act and are counted.
pub const MAX_FINDINGS: usize = 256;

/// A finding as the record keeps it: where and what, never the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Noted {
    /// The rule.
    pub rule: RuleId,
    /// Side and kind of the text.
    pub direction: Direction,
    /// What followed; of a rule in shadow, what would have.
    pub action: Action,
    /// Whether nothing did, since the rule was in shadow.
    pub shadow: bool,
    /// What the text is to the exchange.
    pub role: Role,
    /// Number of the text in order of appearance.
    pub channel: u32,
    /// First byte in the channel's text.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// 0 to 1.
    pub score: f32,
    /// Which of the rule's documents it is, see [`Finding::of`].
    pub of: u32,
    /// How it was hidden.
    pub hidden: Option<Encodings>,
    /// What the judge calls it that the rule asked, where that found it.
    pub judged: Option<Arc<str>>,
}

/// Why reading stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A rule blocks.
    Blocked(RuleId),
    /// Something cannot be read, and the policy does not let it pass.
    Unscanned(&'static str),
    /// More channels than a stream may have.
    TooManyChannels,
    /// Nobody waits for it any more.
    Halted,
}

/// Which side of the exchange is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The request.
    Prompt,
    /// The answer.
    Answer,
}

/// One side of an exchange being read.
#[derive(Debug)]
pub struct Reader {
    policy: Arc<Policy>,
    side: Side,
    structured: bool,
    channels: Vec<Channel>,
    by_key: HashMap<ChannelKey, u32>,
    /// The texts that channels are joined to.
    chains: Vec<Chain>,
    /// Texts seen so far, channels and whole strings together: the last one's number.
    appeared: u32,
    /// Number of the event that is being read.
    event: u32,
    /// How many strands the channels have.
    strands: usize,
    /// Index of the channel used last: most events continue it.
    last: usize,
    /// What was found, as far as [`MAX_FINDINGS`] goes.
    pub findings: Vec<Noted>,
    /// All findings, kept or not.
    pub found: u64,
    pub(super) tally: Tally,
    /// Whether what is read is still wanted.
    pub halt: Halt,
    /// What was read.
    pub coverage: Coverage,
    /// The strongest action so far.
    pub strongest: Action,
    /// What is read cannot be rewritten: where it would be, it is refused.
    fixed: bool,
    stop: Option<Stop>,
    scratch: Vec<Finding>,
    /// Whether what is read is an event, and its texts go on in others.
    streams: bool,
    /// Texts of the body or event being read that end with it.
    joins: Vec<Join>,
    join_of: HashMap<ChannelKey, u32>,
    /// Choices, blocks and items of which text has left rewritten.
    rewritten: HashSet<u64>,
    /// Channels with undecided text that may not go on.
    doubted: Vec<u32>,
    /// Of what tokens' bytes spell, the first bytes of a character that goes on in the next token.
    begun: HashMap<ChannelKey, SmallVec<[u8; 4]>>,
    /// Of a request, what answers to it are held against; of an answer, what it is held against.
    against: Option<Arc<Context>>,
    /// The system prompt of the request that is answered.
    own: Option<Arc<Index>>,
    /// Keys of the body or event being read that are written anew: node and segment.
    edited_keys: Vec<(u32, u32)>,
    /// Reads the same for the rules in shadow. It has no say: nothing that it finds or holds comes to bear on this one.
    shadow: Option<Box<Reader>>,
    /// What is made of values, where something is.
    values: Option<Box<Values>>,
    /// Edits of the body or event being read wait for what is made of their text.
    deferred: bool,
    /// A person lets pass what they review: rules whose findings are reviewed stop nothing.
    pub(super) let_pass: bool,
    /// What judges are asked, where they are.
    judging: Option<Box<Judging>>,
    /// What is doubtful in the answer, where clients are told.
    annotated: Option<Box<Annotated>>,
}

impl Reader {
    /// `structured` says that message text is to be JSON.
    pub fn new(policy: Arc<Policy>, side: Side, structured: bool) -> Self {
        let shadow = policy.shadow().map(|shadow| Self::alone(Arc::clone(shadow), side, structured));
        Self { shadow: shadow.map(Box::new), ..Self::alone(policy, side, structured) }
    }

    /// The same without the rules in shadow.
    pub(super) fn alone(policy: Arc<Policy>, side: Side, structured: bool) -> Self {
        Self {
            policy,
            side,
            structured,
            channels: Vec::new(),
            by_key: HashMap::new(),
            chains: Vec::new(),
            appeared: 0,
            event: 0,
            strands: 0,
            last: 0,
            findings: Vec::new(),
            found: 0,
            tally: Tally::default(),
            halt: Halt::default(),
            coverage: Coverage::default(),
            strongest: Action::Allow,
            fixed: false,
            stop: None,
            scratch: Vec::new(),
            streams: false,
            joins: Vec::new(),
            join_of: HashMap::new(),
            rewritten: HashSet::new(),
            doubted: Vec::new(),
            begun: HashMap::new(),
            against: None,
            own: None,
            edited_keys: Vec::new(),
            shadow: None,
            values: None,
            deferred: false,
            let_pass: false,
            judging: None,
            annotated: None,
        }
    }

    /// The answer is one to a request of this system prompt.
    pub fn answers_to(&mut self, own: Option<Arc<Index>>) {
        if let Some(shadow) = &mut self.shadow {
            shadow.own.clone_from(&own);
        }
        self.own = own;
    }

    /// Whether the policy looks for the system prompt in answers.
    pub fn knows_system_prompts(&self) -> bool {
        let knows = |policy: &Policy| {
            Direction::ALL.iter().any(|way| policy.engine().knows_system_prompts(policy.rules(*way)))
        };
        knows(&self.policy) || self.policy.shadow().is_some_and(|shadow| knows(shadow))
    }

    /// A new text is scanned.
    pub(super) fn scan_of(&self, kind: TextKind) -> Scan {
        Scan::answering(kind, self.own.clone())
    }

    /// Takes in what answers to this request are held against, where the policy does so.
    pub fn take_context(&mut self) {
        let grounds = |policy: &Policy| policy.engine().grounds(policy.rules(Direction::Output));
        let asked = grounds(&self.policy) || self.policy.shadow().is_some_and(|shadow| grounds(shadow));
        self.against = asked.then(Arc::default);
    }

    /// What was taken in, if an answer can be held against it.
    pub fn context(&mut self) -> Option<Arc<Context>> {
        self.against.take().filter(|context| context.can_bear())
    }

    /// Holds the answer against what its request says.
    pub fn hold_against(&mut self, context: Option<Arc<Context>>) {
        if let Some(shadow) = &mut self.shadow {
            shadow.against.clone_from(&context);
        }
        self.against = context;
    }

    /// What a text of this kind is held against.
    fn context_of(&self, role: Role, kind: TextKind, direction: Direction) -> Option<Arc<Context>> {
        let context = self.against.as_ref().filter(|_| self.side == Side::Answer)?;
        let counts = role == Role::Message && kind == TextKind::Plain;
        let asked = counts && self.policy.engine().grounds(self.policy.rules(direction));
        asked.then(|| Arc::clone(context))
    }

    /// Reads until it is told to stop.
    pub fn halt_at(&mut self, halt: &Halt) {
        self.halt = halt.clone();
        if let Some(shadow) = &mut self.shadow {
            shadow.halt = halt.clone();
        }
    }

    /// What is on record of what was found, as far as [`MAX_FINDINGS`] goes: what was acted on, and behind it what rules in shadow found.
    pub fn noted(&self) -> Vec<Noted> {
        let shadow = self.shadow.iter().flat_map(|shadow| &shadow.findings);
        self.findings.iter().chain(shadow).cloned().collect()
    }

    /// How many findings there were, kept or not, in shadow or not.
    pub fn noted_in_all(&self) -> u64 {
        self.found + self.shadow.as_ref().map_or(0, |shadow| shadow.found)
    }

    /// All of them by what they were.
    pub fn counts(&self) -> Counts {
        let mut counts = self.tally.counts().clone();
        if let Some(shadow) = &self.shadow {
            counts.add(shadow.tally.counts());
        }
        counts
    }

    /// Lets the rules in shadow read the same. What would stop an exchange is among what they find.
    fn shadow(&mut self, read: impl FnOnce(&mut Self)) {
        if let Some(shadow) = &mut self.shadow {
            read(shadow);
            shadow.stop = None;
        }
    }

    /// Reads one event of a stream.
    pub fn read_event(&mut self, src: &[u8], tape: &Tape, shape: &Shape) -> Result<Segments, Stop> {
        let read = self.read_event_alone(src, tape, shape);
        self.shadow(|shadow| drop(shadow.read_event_alone(src, tape, shape)));
        read
    }

    fn read_event_alone(&mut self, src: &[u8], tape: &Tape, shape: &Shape) -> Result<Segments, Stop> {
        self.event = self.event.wrapping_add(1);
        self.streams = true;
        let read = self.read_alone(src, tape, shape);
        self.streams = false;
        let out = read?;
        if !self.doubted.is_empty() {
            self.judge_doubted(src, tape, shape);
        }
        match self.stop.take() {
            Some(stop) => Err(stop),
            None => Ok(out),
        }
    }

    /// Reads one body or event.
    pub fn read(&mut self, src: &[u8], tape: &Tape, shape: &Shape) -> Result<Segments, Stop> {
        let read = self.read_alone(src, tape, shape);
        self.shadow(|shadow| drop(shadow.read_alone(src, tape, shape)));
        read
    }

    fn read_alone(&mut self, src: &[u8], tape: &Tape, shape: &Shape) -> Result<Segments, Stop> {
        let mut out = Segments::default();
        shape.walk(src, tape, &mut |found| self.string(src, tape, found, &mut out));
        self.join_texts(src, &mut out);
        self.make_of_values(src, &mut out);
        self.take_removed(&out);
        if !self.edited_keys.is_empty() {
            let edited = std::mem::take(&mut self.edited_keys);
            keep_keys_apart(src, tape, &edited, &mut out);
        }
        match self.stop.take() {
            Some(stop) => Err(stop),
            None => Ok(out),
        }
    }

    /// Reads a text that is not JSON: a comment, a query, a plain body. Gives its edits as one segment.
    pub fn read_loose(&mut self, text: &str, wire: Range<u32>) -> Result<Segment, Stop> {
        let read = self.read_loose_alone(text, wire);
        self.shadow(|shadow| drop(shadow.read_loose_alone(text, 0..0)));
        read
    }

    /// Reads text that cannot be rewritten, such as a query's.
    pub fn read_fixed(&mut self, text: &str) -> Result<(), Stop> {
        let fix = |reader: &mut Self, fixed| {
            reader.fixed = fixed;
            reader.shadow(|shadow| shadow.fixed = fixed);
        };
        fix(self, true);
        let read = self.read_loose(text, 0..0);
        fix(self, false);
        read.map(drop)
    }

    fn read_loose_alone(&mut self, text: &str, wire: Range<u32>) -> Result<Segment, Stop> {
        self.coverage.texts += 1;
        self.coverage.unknown += 1;
        self.coverage.text_bytes += text.len() as u64;
        let mut segment = Segment {
            wire,
            spelled: None,
            escaped: false,
            quoted: true,
            json: false,
            role: Role::Other,
            fixed: false,
            choice: 0,
            part: Part::Alone,
            repeats: None,
            touched: false,
            edits: Vec::new(),
        };
        self.whole(text, TextKind::Plain, None, &mut segment);
        let segment = self.make_of_loose(text, segment);
        match self.stop.take() {
            Some(stop) => Err(stop),
            None => Ok(segment),
        }
    }

    /// Notes something that cannot be read; the policy decides.
    pub fn unread(&mut self, what: &'static str) -> Result<(), Stop> {
        use crate::policy::Unscanned;
        *self.coverage.unscanned.entry(what).or_default() += 1;
        match self.policy.unscanned() {
            Unscanned::Block => return Err(Stop::Unscanned(what)),
            Unscanned::Flag => self.strongest = self.strongest.max(Action::Flag),
            Unscanned::Allow => {}
        }
        Ok(())
    }

    fn string(&mut self, src: &[u8], tape: &Tape, found: Found, out: &mut Segments) {
        if self.stop.is_some() || self.halts() {
            return;
        }
        match found.class {
            Class::Text { role, flow, json } => self.text(src, tape, &found, (role, flow, json), out),
            Class::Identifier | Class::Enum | Class::Scalar => self.coverage.names += 1,
            Class::Opaque(why) => *self.coverage.opaque.entry(why).or_default() += 1,
            Class::Unscanned(what) => {
                // An empty string or a null holds nothing to read.
                if found.wire.start < found.wire.end {
                    self.stop = self.unread(what).err();
                }
            }
            Class::Tokens if self.side == Side::Prompt => self.stop = self.unread("token ids").err(),
            Class::Tokens => {
                *self.coverage.opaque.entry("token ids").or_default() += 1;
                let [choice, ..] = found.channel.parts;
                out.numbers.push(Numbers { choice, wire: found.wire, all: true });
            }
            // A request's are the client's own.
            Class::Logprobs | Class::Bytes if self.side == Side::Prompt => {}
            Class::Bytes => self.spelled(src, tape, &found, out),
            Class::Logprobs => {
                let [choice, ..] = found.channel.parts;
                out.numbers.push(Numbers { choice, wire: found.wire, all: false });
            }
            // The walk has made text or a medium of these.
            Class::Tree(_) | Class::Media(_) => {}
        }
    }

    fn text(
        &mut self,
        src: &[u8],
        tape: &Tape,
        found: &Found,
        class: (Role, Flow, bool),
        out: &mut Segments,
    ) {
        let (role, _, json) = class;
        let written = tape.text(src, found.node as usize);
        let number = if found.quoted { None } else { written_out(&written) };
        let escaped = found.escaped || number.is_some();
        let text = number.map_or(written, Cow::Owned);
        let json = json || (self.structured && role == Role::Message && self.side == Side::Answer);
        let json = json && found.quoted;
        let segment = Segment {
            wire: found.wire.clone(),
            spelled: None,
            escaped,
            quoted: found.quoted,
            json,
            role,
            fixed: false,
            choice: found.channel.parts[0],
            part: Part::Alone,
            repeats: None,
            touched: false,
            edits: Vec::new(),
        };
        self.segment(tape, found, &text, segment, class.1, out);
    }

    /// Reads what the bytes of a token say, with those of the tokens before it.
    fn spelled(&mut self, src: &[u8], tape: &Tape, found: &Found, out: &mut Segments) {
        let elements = tape.elements(found.node as usize);
        let bytes = elements.filter_map(|e| tape.u64_of(src, e).and_then(|n| u8::try_from(n).ok()));
        let mut all = self.begun.remove(&found.channel).unwrap_or_default();
        all.extend(bytes);
        let mut text = String::new();
        for chunk in all.utf8_chunks() {
            text.push_str(chunk.valid());
            let rest = chunk.invalid();
            let is_last = std::ptr::eq(rest.as_ptr_range().end, all.as_ptr_range().end);
            if is_last && rest.len() < 4 && !rest.is_empty() && self.begun.len() < MAX_CHANNELS {
                self.begun.insert(found.channel, rest.into());
            } else if !rest.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        let segment = Segment {
            wire: found.wire.clone(),
            spelled: Some(text.clone().into()),
            escaped: true,
            quoted: false,
            json: false,
            role: Role::Logprobs,
            fixed: false,
            choice: found.channel.parts[0],
            part: Part::Alone,
            repeats: None,
            touched: false,
            edits: Vec::new(),
        };
        self.segment(tape, found, &text, segment, Flow::Delta, out);
    }

    fn segment(
        &mut self,
        tape: &Tape,
        found: &Found,
        text: &str,
        mut segment: Segment,
        flow: Flow,
        out: &mut Segments,
    ) {
        let (role, json) = (segment.role, segment.json);
        self.coverage.texts += 1;
        self.coverage.text_bytes += text.len() as u64;
        self.coverage.unknown += u64::from(!found.known);
        if self.side == Side::Prompt
            && matches!(role, Role::Message | Role::Tool)
            && let Some(context) = self.against.as_mut().and_then(Arc::get_mut)
        {
            context.add(text);
        }
        // Nothing is found in an empty text, and nothing of it can be rewritten: no more is kept of it than that it was there.
        if text.is_empty() && !self.streams && !json {
            return;
        }
        let kind = if json { TextKind::Json } else { TextKind::Plain };
        self.stands(found.channel.parts);
        let (mut join, mut flow) = (None, flow);
        if flow == Flow::Repeats {
            flow = Flow::Linked;
            if let Some((channel, said)) = self.repeated(found.channel).filter(|_| self.streams) {
                flow = Flow::Whole;
                segment.repeats = Some((channel, said)).filter(|_| said == text.len() as u64);
            }
        }
        match flow {
            Flow::Whole | Flow::Repeats => {}
            Flow::Delta | Flow::Linked | Flow::Both if self.streams => {
                self.delta(text, kind, found, flow, &mut segment);
            }
            Flow::Delta | Flow::Linked | Flow::Both | Flow::Near => {
                let at = (out.texts.len() as u32, text.len() as u64);
                let key = found.channel;
                let key = if flow == Flow::Linked { ChannelKey { parts: [0; 4], ..key } } else { key };
                let joined = self.join(key, kind, (role, flow), at);
                self.measure_whole(joined.0, role, kind, segment.wire.start, text);
                join = Some(joined);
            }
        }
        let joined_only = flow == Flow::Delta || flow == Flow::Linked && self.streams;
        if !joined_only && self.stop.is_none() {
            self.whole(text, kind, join, &mut segment);
        }
        if !segment.edits.is_empty() && tape.node(found.node as usize).is_some_and(|n| n.kind == Kind::Key) {
            self.edited_keys.push((found.node, out.texts.len() as u32));
        }
        out.texts.push(segment);
    }

    /// Whether what is read is no longer wanted.
    fn halts(&mut self) -> bool {
        let told = self.halt.is_told();
        if told {
            self.stop.get_or_insert(Stop::Halted);
        }
        told
    }

    fn direction(&self, role: Role) -> Direction {
        match (role, self.side) {
            (Role::Tool, _) => Direction::Tool,
            (_, Side::Prompt) => Direction::Prompt,
            // What nobody knows may be said, or be a tool's.
            (Role::Other, Side::Answer) => Direction::OutputOrTool,
            (Role::Message | Role::Reasoning | Role::Logprobs, Side::Answer) => Direction::Output,
        }
    }

    /// Puts a finding on record and says what it does to the text.
    fn note(
        &mut self,
        finding: &Finding,
        hidden: Option<Encodings>,
        direction: Direction,
        role: Role,
        channel: u32,
    ) -> Option<Edit> {
        // What a judge was to be asked about has gone to it; where none is asked, the rule's own model decides.
        if finding.of == 0 && !self.policy.counts_unjudged(finding) {
            return None;
        }
        let direction = self.policy.named(finding.rule, direction);
        let action = self.policy.action(finding.rule, direction);
        if action == Action::Allow {
            return None;
        }
        self.keep_doubt(finding, direction, role, channel);
        let action = if self.fixed && action > Action::Flag { Action::Block } else { action };
        let asks = self.policy.rule(finding.rule).judge.is_some();
        let noted = Noted {
            rule: finding.rule,
            direction,
            action,
            shadow: self.policy.is_shadow(),
            role,
            channel,
            start: finding.start.0,
            end: finding.end.0,
            score: finding.score,
            of: if asks { 0 } else { finding.of },
            hidden,
            judged: if asks { self.called(finding.of) } else { None },
        };
        // Two readings of a text may find the same.
        if self.tally.note(&noted) {
            self.found += 1;
            if self.findings.len() < MAX_FINDINGS {
                self.findings.push(noted);
            }
        }
        if self.policy.is_shadow() {
            return None;
        }
        let passes = self.let_pass && action == Action::Block && self.policy.reviews(finding.rule);
        self.strongest = self.strongest.max(if passes { Action::Flag } else { action });
        match action {
            Action::Allow | Action::Flag => None,
            Action::Partial | Action::Pseudonymise | Action::Hash | Action::Mask | Action::Replace => {
                Some(Edit {
                    start: finding.start.0,
                    end: finding.end.0,
                    strength: action as u8 * 2,
                    rule: finding.rule.0,
                    marker: self
                        .policy
                        .edit_text(finding.rule, direction)
                        .cloned()
                        .unwrap_or_else(|| "[REDACTED]".into()),
                    make: self.make(action, hidden),
                })
            }
            Action::Block => {
                if self.stop.is_none() && !passes {
                    self.stop = Some(Stop::Blocked(finding.rule));
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::sample::{operation, policy, tape};
    use super::*;

    /// Text as token ids is text that nobody read.
    #[test]
    fn token_ids_in_a_request_are_unread() {
        for (name, body) in [
            ("completions", r#"{"prompt":[464,2068]}"#),
            ("completions", r#"{"prompt":[[464],[2068]]}"#),
            ("completions", r#"{"prompt":["one",464]}"#),
            ("embeddings", r#"{"input":[[464,2068]]}"#),
            ("embeddings", r#"{"input":[464]}"#),
            ("generate", r#"{"prompt":"go on","context":[464,2068]}"#),
            ("chat.completions", r#"{"messages":[],"prompt_token_ids":[464]}"#),
        ] {
            let mut reader = Reader::new(policy(), Side::Prompt, false);
            let read = reader.read(body.as_bytes(), &tape(body), (operation(name).request)());
            assert_eq!(read.err(), Some(Stop::Unscanned("token ids")), "{name} {body}");
        }
    }

    /// What an answer says in token ids goes when its text was rewritten, and stays when it was not.
    #[test]
    fn token_ids_in_an_answer_go_with_rewritten_text() {
        let last = r#"{"done":true,"context":[464,2068],"response":""}"#;
        for (first, expected) in [
            (r#"{"response":"mail a@b.example "}"#, r#"{"done":true,"context":null,"response":""}"#),
            (r#"{"response":"mail nobody "}"#, last),
        ] {
            let mut reader = Reader::new(policy(), Side::Answer, false);
            let mut got = String::new();
            for event in [first, last] {
                let shape = (operation("generate").event)(event.as_bytes(), &tape(event));
                let segments = reader
                    .read_event(event.as_bytes(), &tape(event), shape)
                    .unwrap_or_else(|e| panic!("{e:?}"));
                reader.finish().unwrap_or_else(|e| panic!("{e:?}"));
                let out = reader.emit(event.as_bytes(), &segments).unwrap_or_else(|| event.into());
                got = String::from_utf8(out).unwrap_or_else(|e| panic!("{e}"));
            }
            assert_eq!(got, expected);
        }
    }
}
