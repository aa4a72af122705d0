//! Reads bodies and events through a dialect's table: finds the strings, scans them, and rewrites those that a finding touches.
//!
//! One [`Reader`] serves one side of one exchange. For a whole body it is fed once and finished; for a stream it is fed event by
//! event and its channels live on.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use super::coverage::Coverage;
use super::doubt::{Doubt, Places};
use super::emit::{Edit, Emitter, Piece};
use super::number;
use super::segment::{Moved, Numbers, Part, Segment, Segments, keep_keys_apart};
use crate::detect::{Finding, RuleId, Scan, TextKind};
use crate::dialect::{ChannelKey, Class, Ends, Flow, Found, Home, Role, Shape};
use crate::policy::{Action, Direction, Policy};
use crate::text::TextPos;
use crate::text::json::{Kind, Tape};

/// Most texts of a stream that may go on in later events; an honest answer has a few dozen. What stands in one body or event has no such
/// ceiling.
pub const MAX_CHANNELS: usize = 4096;
/// Most findings kept for the record; further ones still act and are counted.
pub const MAX_FINDINGS: usize = 256;

/// A finding as the record keeps it: where and what, never the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Noted {
    /// The rule.
    pub rule: RuleId,
    /// Side and kind of the text.
    pub direction: Direction,
    /// What followed.
    pub action: Action,
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
}

/// Which side of the exchange is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The request.
    Prompt,
    /// The answer.
    Answer,
}

#[derive(Debug)]
struct Channel {
    key: ChannelKey,
    kind: TextKind,
    /// Whether its row says that it comes in pieces.
    delta: bool,
    /// It was said to have ended, perhaps.
    ended: bool,
    /// The event that continued it last.
    event: u32,
    /// Where it stands.
    home: Home,
    /// Whether it goes on, where no row says so.
    doubt: Option<Doubt>,
    /// Whether it is among [`Reader::doubted`].
    listed: bool,
    /// How much of its text has left.
    left: u64,
    /// Where the scan began in the channel's text.
    base: u64,
    number: u32,
    direction: Direction,
    role: Role,
    scan: Scan,
    seen: u64,
    settled: u64,
    emitter: Emitter,
    /// Of a text that is JSON source.
    numbers: Option<number::Numbers>,
}

impl Channel {
    /// Whether some of its text is undecided.
    fn is_open(&self) -> bool {
        self.settled < self.seen
    }

    /// Takes in an edit, and what of numbers goes with it. Of what has left nothing can be taken back.
    fn edit(&mut self, edit: Edit) {
        let whole = self.numbers.as_mut().and_then(|numbers| numbers.whole(&edit));
        for edit in whole.into_iter().chain([edit]) {
            self.edit_alone(edit);
        }
    }

    fn edit_alone(&mut self, edit: Edit) {
        let edit = Edit { start: edit.start.max(self.left), ..edit };
        if edit.start < edit.end {
            self.emitter.add(edit);
        }
    }

    /// Reads on where numbers stand; with no text, the text has ended.
    fn read_numbers(&mut self, text: Option<&str>) {
        let Some(numbers) = &mut self.numbers else { return };
        let mut more = Vec::new();
        match text {
            Some(text) => numbers.push(text, &mut more),
            None => numbers.close(&mut more),
        }
        for edit in more {
            self.edit_alone(edit);
        }
    }
}

/// Strings of one body or event that a reader may join. They are scanned together once all are known: a body may hold very many, most of
/// them alone.
#[derive(Debug)]
struct Join {
    number: u32,
    kind: TextKind,
    role: Role,
    /// Whether each has been read alone.
    alone: bool,
    /// The strings, each with where its text begins in the joined text.
    texts: SmallVec<[(u32, u64); 1]>,
    length: u64,
}

/// One side of an exchange being read.
#[derive(Debug)]
pub struct Reader {
    policy: Arc<Policy>,
    side: Side,
    structured: bool,
    channels: Vec<Channel>,
    by_key: HashMap<ChannelKey, u32>,
    /// Texts seen so far, channels and whole strings together: the last one's number.
    appeared: u32,
    /// Number of the event that is being read.
    event: u32,
    /// Index of the channel used last: most events continue it.
    last: usize,
    /// What was found, as far as [`MAX_FINDINGS`] goes.
    pub findings: Vec<Noted>,
    /// All findings, kept or not.
    pub found: u64,
    /// What was read.
    pub coverage: Coverage,
    /// The strongest action so far.
    pub strongest: Action,
    stop: Option<Stop>,
    scratch: Vec<Finding>,
    /// Whether what is read is an event, and its texts go on in others.
    streams: bool,
    /// Texts of the body or event being read that end with it.
    joins: Vec<Join>,
    join_of: HashMap<ChannelKey, u32>,
    /// Channels with undecided text that may not go on.
    doubted: Vec<u32>,
    /// Keys of the body or event being read that are written anew: node and segment.
    edited_keys: Vec<(u32, u32)>,
}

impl Reader {
    /// `structured` says that message text is to be JSON.
    pub fn new(policy: Arc<Policy>, side: Side, structured: bool) -> Self {
        Self {
            policy,
            side,
            structured,
            channels: Vec::new(),
            by_key: HashMap::new(),
            appeared: 0,
            event: 0,
            last: 0,
            findings: Vec::new(),
            found: 0,
            coverage: Coverage::default(),
            strongest: Action::Allow,
            stop: None,
            scratch: Vec::new(),
            streams: false,
            joins: Vec::new(),
            join_of: HashMap::new(),
            doubted: Vec::new(),
            edited_keys: Vec::new(),
        }
    }

    /// Reads one event of a stream.
    pub fn read_event(&mut self, src: &[u8], tape: &Tape, shape: &Shape) -> Result<Segments, Stop> {
        self.event = self.event.wrapping_add(1);
        self.streams = true;
        let read = self.read(src, tape, shape);
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

    /// Lets go of the texts that this event did not go on with, once that has happened often enough: see [`super::doubt`].
    fn judge_doubted(&mut self, src: &[u8], tape: &Tape, shape: &Shape) {
        let mut places = Places::default();
        shape.homes(src, tape, &mut |home| places.add(home));
        for index in std::mem::take(&mut self.doubted) {
            let event = self.event;
            let Some(channel) = self.channels.get_mut(index as usize) else { continue };
            let could = channel.ended || places.hold(channel.home);
            let open = channel.is_open();
            let over = channel.doubt.as_mut().is_some_and(|doubt| {
                if channel.event != event {
                    doubt.passed(could);
                }
                doubt.is_over()
            });
            channel.listed = open && !over && channel.doubt.is_some();
            if channel.listed {
                self.doubted.push(index);
            } else if open && over {
                self.let_go(index as usize);
            }
        }
    }

    /// Holds a channel's text no longer: it is decided as if it ended here, and read on as if it did not. Should a match that goes on
    /// have begun in it, what comes of the match is rewritten.
    fn let_go(&mut self, index: usize) {
        let policy = Arc::clone(&self.policy);
        let Some(channel) = self.channels.get_mut(index) else { return };
        let mut found = std::mem::take(&mut self.scratch);
        let mut ended = channel.scan.clone();
        ended.finish(policy.engine(), policy.rules(channel.direction), &mut found);
        channel.settled = channel.seen;
        channel.read_numbers(None);
        self.take_channel_findings(index, &mut found);
        self.scratch = found;
    }

    /// Reads one body or event.
    pub fn read(&mut self, src: &[u8], tape: &Tape, shape: &Shape) -> Result<Segments, Stop> {
        let mut out = Segments::default();
        shape.walk(src, tape, &mut |found| self.string(src, tape, found, &mut out));
        self.join_texts(src, &mut out);
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
        self.coverage.texts += 1;
        self.coverage.unknown += 1;
        self.coverage.text_bytes += text.len() as u64;
        let mut segment = Segment {
            wire,
            escaped: false,
            quoted: true,
            json: false,
            role: Role::Other,
            choice: 0,
            part: Part::Alone,
            touched: false,
            edits: SmallVec::new(),
        };
        self.whole(text, TextKind::Plain, None, &mut segment);
        match self.stop.take() {
            Some(stop) => Err(stop),
            None => Ok(segment),
        }
    }

    /// Notes something that cannot be read; the policy decides.
    pub fn unread(&mut self, what: &'static str) -> Result<(), Stop> {
        use crate::policy::Unscanned;
        match self.policy.unscanned() {
            Unscanned::Block => return Err(Stop::Unscanned(what)),
            Unscanned::Flag => self.strongest = self.strongest.max(Action::Flag),
            Unscanned::Allow => {}
        }
        *self.coverage.unscanned.entry(what).or_default() += 1;
        Ok(())
    }

    /// Reads the texts that do not go on in the next event once more, joined.
    fn join_texts(&mut self, src: &[u8], out: &mut Segments) {
        self.join_of.clear();
        let policy = Arc::clone(&self.policy);
        for join in std::mem::take(&mut self.joins) {
            if self.stop.is_some() {
                return;
            }
            if join.alone && join.texts.len() == 1 {
                continue;
            }
            let direction = self.direction(join.role);
            let rules = policy.rules(direction);
            let (mut scan, mut found) = (Scan::new(join.kind), std::mem::take(&mut self.scratch));
            for segment in join.texts.iter().filter_map(|&(index, _)| out.texts.get(index as usize)) {
                let mut decoded = String::new();
                let (_, text) = segment.source(src, &mut decoded);
                scan.push(policy.engine(), rules, text, &mut found);
            }
            scan.finish(policy.engine(), rules, &mut found);
            let edits: Vec<Edit> =
                found.drain(..).filter_map(|f| self.note(&f, direction, join.role, join.number)).collect();
            self.scratch = found;
            if !edits.is_empty() {
                out.join(&join.texts, join.length, edits);
            }
        }
    }

    /// Whether some text is undecided.
    pub fn holds(&self) -> bool {
        self.channels.iter().any(|c| c.settled < c.seen)
    }

    /// Takes note of what an event says of the end of texts, so that what they might have become holds back no others. Should text follow
    /// all the same, it is read on.
    pub fn ends(&mut self, ends: &Ends) -> Result<(), Stop> {
        for index in 0..self.channels.len() {
            let Some(channel) = self.channels.get_mut(index).filter(|c| c.is_open()) else { continue };
            match ends {
                Ends::All => self.let_go(index),
                Ends::Part(part) if channel.key.parts[0] == *part => self.let_go(index),
                Ends::Perhaps(parts) if parts.contains(&channel.key.parts[0]) => {
                    channel.ended = true;
                    channel.doubt.get_or_insert_default();
                    if !std::mem::replace(&mut channel.listed, true) {
                        self.doubted.push(index as u32);
                    }
                }
                Ends::Nothing | Ends::Part(_) | Ends::Perhaps(_) => {}
            }
        }
        match self.stop.take() {
            Some(stop) => Err(stop),
            None => Ok(()),
        }
    }

    /// Nothing more will come: everything is decided.
    pub fn finish(&mut self) -> Result<(), Stop> {
        for index in 0..self.channels.len() {
            self.settle(index);
        }
        match self.stop.take() {
            Some(stop) => Err(stop),
            None => Ok(()),
        }
    }

    /// Decides what is left of a channel's text. What comes after it begins anew.
    fn settle(&mut self, index: usize) {
        let policy = Arc::clone(&self.policy);
        let Some(channel) = self.channels.get_mut(index) else { return };
        let mut found = std::mem::take(&mut self.scratch);
        channel.scan.finish(policy.engine(), policy.rules(channel.direction), &mut found);
        channel.settled = channel.seen;
        channel.read_numbers(None);
        self.take_channel_findings(index, &mut found);
        self.scratch = found;
        if let Some(channel) = self.channels.get_mut(index) {
            channel.scan = Scan::new(channel.kind);
            channel.base = channel.seen;
        }
    }

    /// Whether nothing that an event holds can still be part of a match.
    pub fn is_settled(&self, segments: &Segments) -> bool {
        segments.texts.iter().all(|s| match s.channel() {
            Some((channel, _, end)) => self.channels.get(channel as usize).is_none_or(|c| c.settled >= end),
            None => true,
        })
    }

    /// Whether an event must be written anew.
    fn touches(&self, segment: &Segment) -> bool {
        segment.touched
            || !segment.edits.is_empty()
            || segment.channel().is_some_and(|(channel, start, end)| {
                start < end
                    && self.channels.get(channel as usize).is_some_and(|c| c.emitter.touches(start, end))
            })
    }

    /// Emits an event or body whose texts are settled: none when it may leave as it came, else its bytes written anew.
    /// `raw` is what the segments' wire ranges count in.
    pub fn emit(&mut self, raw: &[u8], segments: &Segments) -> Option<Vec<u8>> {
        self.emit_moved(raw, segments, &mut Moved::default())
    }

    /// As [`Reader::emit`], and tells where what was not written anew has come to stand.
    pub fn emit_moved(&mut self, raw: &[u8], segments: &Segments, moved: &mut Moved) -> Option<Vec<u8>> {
        let dropped = self.dropped(segments);
        let touched = segments.texts.iter().any(|s| self.touches(s));
        for (channel, _, end) in segments.texts.iter().filter_map(Segment::channel) {
            if let Some(channel) = self.channels.get_mut(channel as usize) {
                channel.left = channel.left.max(end);
            }
        }
        if dropped.is_empty() && !touched {
            self.pass(raw, segments);
            return None;
        }
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
        let rewrites = self.strongest >= Action::Mask;
        let touched: HashSet<u64> =
            segments.texts.iter().filter(|s| self.touches(s)).map(|s| s.choice).collect();
        let tells = |n: &Numbers| n.all && rewrites || touched.contains(&n.choice);
        let mut dropped: SmallVec<[Range<u32>; 2]> =
            segments.numbers.iter().filter(|n| tells(n)).map(|n| n.wire.clone()).collect();
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
                for edit in &segment.edits {
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

    fn string(&mut self, src: &[u8], tape: &Tape, found: Found, out: &mut Segments) {
        if self.stop.is_some() {
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
        let (role, flow, json) = class;
        let text = tape.text(src, found.node as usize);
        self.coverage.texts += 1;
        self.coverage.text_bytes += text.len() as u64;
        self.coverage.unknown += u64::from(!found.known);
        let [choice, ..] = found.channel.parts;
        let json = json || (self.structured && role == Role::Message && self.side == Side::Answer);
        let json = json && found.quoted;
        let mut segment = Segment {
            wire: found.wire.clone(),
            escaped: found.escaped,
            quoted: found.quoted,
            json,
            role,
            choice,
            part: Part::Alone,
            touched: false,
            edits: SmallVec::new(),
        };
        let kind = if json { TextKind::Json } else { TextKind::Plain };
        let mut join = None;
        match flow {
            Flow::Whole => {}
            Flow::Delta | Flow::Both if self.streams => self.delta(&text, kind, found, flow, &mut segment),
            Flow::Delta | Flow::Both | Flow::Near => {
                let at = (out.texts.len() as u32, text.len() as u64);
                join = Some(self.join(found.channel, kind, (role, flow), at));
            }
        }
        if flow != Flow::Delta && self.stop.is_none() {
            self.whole(&text, kind, join, &mut segment);
        }
        if let Some(node) = found.logprobs.and_then(|n| tape.node(n as usize))
            && out.numbers.last().is_none_or(|n| n.wire.start != node.start)
        {
            out.numbers.push(Numbers { choice, wire: node.start..node.end, all: false });
        }
        if !segment.edits.is_empty() && tape.node(found.node as usize).is_some_and(|n| n.kind == Kind::Key) {
            self.edited_keys.push((found.node, out.texts.len() as u32));
        }
        out.texts.push(segment);
    }

    fn direction(&self, role: Role) -> Direction {
        match (role, self.side) {
            (Role::Tool, _) => Direction::Tool,
            (_, Side::Prompt) => Direction::Prompt,
            (_, Side::Answer) => Direction::Output,
        }
    }

    /// Puts a string among those with which a reader may join it. Gives the joined text's number, and where in it the string begins.
    fn join(
        &mut self,
        key: ChannelKey,
        kind: TextKind,
        (role, flow): (Role, Flow),
        (text, length): (u32, u64),
    ) -> (u32, u64) {
        let at = *self.join_of.entry(key).or_insert(self.joins.len() as u32);
        if at as usize == self.joins.len() {
            self.appeared = self.appeared.saturating_add(1);
            let (number, alone) = (self.appeared, flow != Flow::Delta);
            self.joins.push(Join { number, kind, role, alone, texts: SmallVec::new(), length: 0 });
        }
        let Some(join) = self.joins.get_mut(at as usize) else { return (0, 0) };
        let start = join.length;
        join.texts.push((text, start));
        join.length += length;
        (join.number, start)
    }

    /// Reads a string as a whole text, which may be part of a joined one. In a segment that also has a channel the edits go there.
    fn whole(&mut self, text: &str, kind: TextKind, join: Option<(u32, u64)>, segment: &mut Segment) {
        let role = segment.role;
        let direction = self.direction(role);
        let policy = Arc::clone(&self.policy);
        let mut found = std::mem::take(&mut self.scratch);
        let mut scan = Scan::new(kind);
        scan.push(policy.engine(), policy.rules(direction), text, &mut found);
        scan.finish(policy.engine(), policy.rules(direction), &mut found);
        let place = segment.channel().map(|(channel, start, _)| (channel as usize, start));
        let channel = place.and_then(|(c, start)| self.channels.get(c).map(|c| (c.number, start)));
        let (number, at) = channel.or(join).unwrap_or((self.appeared.saturating_add(1), 0));
        self.appeared = self.appeared.max(number);
        let mut numbers = None;
        for finding in found.drain(..) {
            let (start, end) = (TextPos(finding.start.0 + at), TextPos(finding.end.0 + at));
            let noted = Finding { start, end, ..finding };
            let Some(edit) = self.note(&noted, direction, role, number) else { continue };
            let shift = place.map_or(0, |(_, start)| start);
            let edit = Edit { start: finding.start.0 + shift, end: finding.end.0 + shift, ..edit };
            let whole = (kind == TextKind::Json)
                .then(|| numbers.get_or_insert_with(|| number::Numbers::of(text, shift)).whole(&edit));
            let edits = [Some(edit), whole.flatten()].into_iter().flatten();
            match place.and_then(|(c, _)| self.channels.get_mut(c)) {
                Some(channel) => edits.for_each(|edit| channel.emitter.add(edit)),
                None => segment.edits.extend(edits),
            }
        }
        self.scratch = found;
    }

    /// Reads a string as the next piece of its channel.
    fn delta(&mut self, text: &str, kind: TextKind, found: &Found, flow: Flow, segment: &mut Segment) {
        let Some(index) = self.channel(found, kind, segment.role, flow) else {
            self.stop = Some(Stop::TooManyChannels);
            return;
        };
        let policy = Arc::clone(&self.policy);
        let mut found = std::mem::take(&mut self.scratch);
        let mut settled = 0;
        if let Some(channel) = self.channels.get_mut(index) {
            if !text.is_empty() {
                channel.event = self.event;
            }
            let start = channel.seen;
            channel.seen += text.len() as u64;
            let rules = policy.rules(channel.direction);
            let progress = channel.scan.push(policy.engine(), rules, text, &mut found);
            channel.read_numbers(Some(text));
            settled = channel.settled;
            channel.settled = channel.settled.max(channel.base + progress.settled.0);
            if !text.is_empty() && std::mem::take(&mut channel.ended) && channel.delta {
                channel.doubt = None;
            }
            if let Some(doubt) = channel.doubt.as_mut().filter(|_| !text.is_empty()) {
                doubt.piece(text);
                if !channel.listed && channel.settled < channel.seen {
                    channel.listed = true;
                    self.doubted.push(index as u32);
                }
            }
            segment.part = Part::Channel(index as u32, start, channel.seen);
        }
        self.take_channel_findings(index, &mut found);
        self.scratch = found;
        if let Some(channel) = self.channels.get_mut(index)
            && let Some(numbers) = &mut channel.numbers
        {
            channel.settled = numbers.settled(channel.settled).max(settled);
        }
    }

    fn take_channel_findings(&mut self, index: usize, found: &mut Vec<Finding>) {
        let known = self.channels.get(index).map(|c| (c.direction, c.role, c.number, c.base));
        let Some((direction, role, number, base)) = known else { return };
        for finding in found.drain(..) {
            let (start, end) = (TextPos(finding.start.0 + base), TextPos(finding.end.0 + base));
            let finding = Finding { start, end, ..finding };
            let Some(edit) = self.note(&finding, direction, role, number) else { continue };
            if let Some(channel) = self.channels.get_mut(index) {
                channel.edit(edit);
            }
        }
    }

    fn channel(&mut self, found: &Found, kind: TextKind, role: Role, flow: Flow) -> Option<usize> {
        let key = found.channel;
        if self.channels.get(self.last).is_some_and(|c| c.key == key) {
            return Some(self.last);
        }
        let index = match self.by_key.get(&key) {
            Some(&index) => index as usize,
            None if self.channels.len() >= MAX_CHANNELS => return None,
            None => {
                self.by_key.insert(key, self.channels.len() as u32);
                self.appeared = self.appeared.saturating_add(1);
                self.channels.push(Channel {
                    key,
                    kind,
                    delta: flow == Flow::Delta,
                    ended: false,
                    event: 0,
                    home: found.home,
                    doubt: (flow == Flow::Both).then(Doubt::default),
                    listed: false,
                    left: 0,
                    base: 0,
                    number: self.appeared,
                    direction: self.direction(role),
                    role,
                    scan: Scan::new(kind),
                    seen: 0,
                    settled: 0,
                    emitter: Emitter::new(kind == TextKind::Json),
                    numbers: (kind == TextKind::Json && !self.policy.rules(self.direction(role)).is_empty())
                        .then(number::Numbers::default),
                });
                self.channels.len() - 1
            }
        };
        self.last = index;
        Some(index)
    }

    /// Puts a finding on record and says what it does to the text.
    fn note(&mut self, finding: &Finding, direction: Direction, role: Role, channel: u32) -> Option<Edit> {
        let action = self.policy.action(finding.rule, direction);
        if action == Action::Allow {
            return None;
        }
        let noted = Noted {
            rule: finding.rule,
            direction,
            action,
            role,
            channel,
            start: finding.start.0,
            end: finding.end.0,
            score: finding.score,
        };
        if self.findings.contains(&noted) {
            return None;
        }
        self.found += 1;
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(noted);
        }
        self.strongest = self.strongest.max(action);
        match action {
            Action::Allow | Action::Flag => None,
            Action::Mask | Action::Replace => Some(Edit {
                start: finding.start.0,
                end: finding.end.0,
                strength: action as u8,
                rule: finding.rule.0,
                marker: self
                    .policy
                    .edit_text(finding.rule, direction)
                    .cloned()
                    .unwrap_or_else(|| "[REDACTED]".into()),
            }),
            Action::Block => {
                if self.stop.is_none() {
                    self.stop = Some(Stop::Blocked(finding.rule));
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Keyword, RuleSpec};
    use crate::dialect::{DIALECTS, Operation};
    use crate::policy::{Actions, Rule};

    fn policy() -> Arc<Policy> {
        let keyword = |text: &str| Keyword { text: text.into(), whole_word: false };
        let rule = Rule {
            id: "mail".into(),
            actions: Actions::all(Action::Mask),
            marker: "[MAIL]".into(),
            ..Rule::default()
        };
        let spec = RuleSpec {
            keywords: vec![keyword("a@b.example"), keyword("c@d.example")],
            ..RuleSpec::default()
        };
        Arc::new(Policy::from_rules(vec![(rule, spec)]).unwrap_or_else(|e| panic!("{e:?}")))
    }

    fn operation(name: &str) -> &'static Operation {
        let mut operations = DIALECTS.iter().flat_map(|d| d.operations());
        operations.find(|o| o.name == name).unwrap_or_else(|| panic!("no {name}"))
    }

    fn tape(body: &str) -> Tape {
        let mut tape = Tape::default();
        tape.parse(body.as_bytes()).unwrap_or_else(|e| panic!("{e}: {body}"));
        tape
    }

    fn masked(body: &str) -> String {
        let mut reader = Reader::new(policy(), Side::Prompt, false);
        let shape = (operation("chat.completions").request)();
        let segments = reader.read(body.as_bytes(), &tape(body), shape).unwrap_or_else(|e| panic!("{e:?}"));
        let out = reader.emit(body.as_bytes(), &segments).unwrap_or_else(|| body.into());
        let out = String::from_utf8(out).unwrap_or_else(|e| panic!("{e}"));
        tape(&out);
        out
    }

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

    /// A body may hold any number of texts, and each is read alone and joined.
    #[test]
    fn a_body_may_hold_very_many_texts() {
        let many = |one: &dyn Fn(usize) -> String| (0..9000).map(one).collect::<Vec<_>>().join(",");
        for clean in [
            format!(r#"{{"metadata":{{{}}}}}"#, many(&|i| format!(r#""k{i}":"a@b""#))),
            format!(
                r#"{{"tools":[{}]}}"#,
                many(&|i| format!(r#"{{"function":{{"parameters":{{"p{i}":{{"type":"text"}}}}}}}}"#))
            ),
            format!(
                r#"{{"messages":[{}]}}"#,
                many(&|_| r#"{"content":[{"text":"a@b.exam"},{"text":"s"}]}"#.to_owned())
            ),
            format!(r#"{{"novelty":[{}]}}"#, many(&|i| format!(r#"{{"n{i}":"a@b"}},{{"n{i}":"x"}}"#))),
        ] {
            assert!(masked(&clean) == clean, "{:?}", clean.get(..200));
            let touched = clean.replace("\"s\"", "\"ple\"").replace("\"a@b\"", "\"a@b.example\"");
            let got = masked(&touched);
            assert!(!got.contains("a@b"), "{:?}", got.get(..200));
        }
    }

    /// Promise 7: eight times as much takes eight times as long, not sixty-four. Far from both, so that a busy machine changes nothing.
    #[test]
    #[expect(clippy::disallowed_methods, reason = "work is measured against work")]
    fn numbers_that_tell_of_text_are_linear_work() {
        let many = |count: usize, one: &str| vec![one; count].join(",");
        let body = |count: usize| {
            let numbers = many(count, r#"{"logprobs":{"token":"x"}}"#);
            format!(r#"{{"metadata":[{numbers}],"novelty":[{numbers}],"user":"a@b.example"}}"#)
        };
        // An event in very many lines, each with a string.
        let event = |count: usize| format!("data:[\ndata:{}]\n\n", many(count, "\"a@b\"\ndata:"));
        let read = |count: usize| {
            let body = body(count);
            assert!(masked(&body).contains("[MAIL]"));
            let event = event(count);
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
        let took = |count: usize| {
            let once = || {
                let start = std::time::Instant::now();
                read(count);
                start.elapsed()
            };
            (0..3).map(|_| once()).min().unwrap_or_default()
        };
        let (few, many) = (took(2_000), took(16_000));
        assert!(many < few * 24, "{few:?}, and {many:?} for eight times as much");
    }

    /// Found by a fuzzer: two addresses as keys became one key.
    #[test]
    fn keys_stay_apart_when_they_are_masked() {
        for (body, expected) in [
            (r#"{"a@b.example":1,"c@d.example":2}"#, r#"{"[MAIL]":1,"[MAIL] (2)":2}"#),
            (
                r#"{"[MAIL]":1,"a@b.example":2,"[MAIL] (2)":3}"#,
                r#"{"[MAIL]":1,"[MAIL] (3)":2,"[MAIL] (2)":3}"#,
            ),
            (
                r#"{"x":{"a@b.example, c@d.example":1},"a@b.example":2}"#,
                r#"{"x":{"[MAIL], [MAIL]":1},"[MAIL]":2}"#,
            ),
            (
                r#"{"\u0061@b.example":[{"c@d.example":"a@b.example"}],"c@d.example":0}"#,
                r#"{"[MAIL]":[{"[MAIL]":"[MAIL]"}],"[MAIL] (2)":0}"#,
            ),
        ] {
            assert_eq!(masked(body), expected);
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
            assert_eq!(masked(body), expected);
        }
    }
}
