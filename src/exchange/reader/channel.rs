//! The texts of a stream: each is a channel that goes on from event to event, with its scan, and is held as far as it is undecided.

use std::sync::Arc;

use super::super::doubt::{Doubt, Places};
use super::super::emit::{Edit, Emitter, Make};
use super::super::number;
use super::super::segment::{Part, Segment, Segments};
use super::super::strand::{Before, Parted, Strands, With};
use super::grounded::Grounded;
use super::judged::{JudgedChannel, Place};
use super::values::Recent;
use super::{Reader, Stop};
use crate::detect::{Finding, Scan, TextKind};
use crate::dialect::{ChannelKey, Ends, Flow, Found, Home, Role, Shape};
use crate::policy::{Direction, Policy};
use crate::text::TextPos;
use crate::text::json::Tape;
use crate::vault::{Channel as BackChannel, Returning};

/// Most texts of a stream that may go on in later events; an honest answer has a few dozen. What stands in one body or event has no such
/// ceiling.
pub const MAX_CHANNELS: usize = 4096;
/// Most strands of all channels together; where there are more, no further channel is parted.
const MAX_STRANDS: usize = 4096;

#[derive(Debug)]
pub(super) struct Channel {
    pub(super) key: ChannelKey,
    pub(super) kind: TextKind,
    /// Whether its row says that it comes in pieces.
    pub(super) delta: bool,
    /// It was said to have ended, perhaps.
    pub(super) ended: bool,
    /// The event that continued it last.
    pub(super) event: u32,
    /// Where it stands.
    pub(super) home: Home,
    /// Whether it goes on, where no row says so.
    pub(super) doubt: Option<Doubt>,
    /// Whether it is among [`Reader::doubted`].
    pub(super) listed: bool,
    /// How much of its text has left.
    pub(super) left: u64,
    /// Where the scan began in the channel's text.
    pub(super) base: u64,
    pub(super) number: u32,
    pub(super) direction: Direction,
    pub(super) role: Role,
    pub(super) scan: Scan,
    pub(super) seen: u64,
    /// How far the scan has done with its text.
    pub(super) scanned: u64,
    /// How far it is decided, read alone: no further than its strands.
    pub(super) alone: u64,
    /// How far the text to which it is joined is decided in it; all of it where there is none.
    pub(super) joined: u64,
    /// How far it is decided.
    pub(super) settled: u64,
    /// Among [`Reader::chains`], the text to which it is joined.
    pub(super) chain: Option<u32>,
    /// What was found in the joined text, for who says its text once more.
    pub(super) shared: Vec<Edit>,
    pub(super) emitter: Emitter,
    /// The texts into which it may part, where no row says it.
    pub(super) strands: Option<Box<Strands>>,
    /// Where it is held against what the request says.
    pub(super) grounded: Option<Box<Grounded>>,
    /// Of a text that is JSON source.
    pub(super) numbers: Option<number::Numbers>,
    /// Where values come back in it.
    pub(super) back: Option<Box<BackChannel>>,
    /// Values that have come back, as far as something may still be found that overlaps them.
    pub(super) backs: Vec<Returning>,
    /// What is asked of judges about it.
    pub(super) judged: Option<Box<JudgedChannel>>,
    /// The end of its text, where something is made of what is found in it.
    pub(super) recent: Option<Box<Recent>>,
}

impl Channel {
    /// Whether some of its text is undecided.
    pub(super) fn is_open(&self) -> bool {
        self.settled < self.seen
    }

    /// How far it is decided in all that reads it.
    fn decided(&self) -> u64 {
        let judged = self.judged.as_ref().map_or(u64::MAX, |judged| judged.settled());
        self.alone.min(self.joined).min(judged)
    }

    /// Where what is found in it stands.
    pub(super) fn place(&self, index: usize) -> Place {
        Place { direction: self.direction, role: self.role, number: self.number, channel: Some(index) }
    }

    /// It is decided as far as its scan and its strands are, and what it is joined to.
    pub(super) fn settle_up(&mut self) {
        let wait = self.strands.as_ref().and_then(|strands| strands.wait_from());
        self.alone = self.alone.max(wait.map_or(self.scanned, |from| from.min(self.scanned)));
        self.settled = self.settled.max(self.decided());
    }

    /// Read alone, it is decided to its end.
    fn settle_alone(&mut self) {
        self.alone = self.seen;
        self.settled = self.settled.max(self.decided());
    }

    /// Takes in an edit, and what of numbers goes with it. Of what has left nothing can be taken back.
    pub(super) fn edit(&mut self, edit: Edit) {
        // Of a stand-in that has left in part the value would stand behind that.
        if matches!(edit.make, Make::Back(_)) && edit.start < self.left {
            return;
        }
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

    /// Reads what those of the numbers say that have ended since.
    fn read_exponents(&mut self, policy: &Policy, found: &mut Vec<Finding>) {
        if let Some(numbers) = &mut self.numbers {
            numbers.read(policy.engine(), policy.rules(self.direction), self.base, found);
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

impl Reader {
    /// Reads a string as the next piece of its channel.
    pub(super) fn delta(
        &mut self,
        text: &str,
        kind: TextKind,
        found: &Found,
        flow: Flow,
        segment: &mut Segment,
    ) {
        let Some(index) = self.channel(found, kind, segment.role, flow) else {
            self.stop = Some(Stop::TooManyChannels);
            return;
        };
        self.measure_channel(index, text);
        let policy = Arc::clone(&self.policy);
        let (readings, mut parted) = (found.readings, Vec::new());
        let mut found = std::mem::take(&mut self.scratch);
        let (mut settled, mut alone) = (0, 0);
        let backs = self.read_backs(index, |back| back.push(text));
        if let Some(channel) = self.channels.get_mut(index) {
            let last = channel.event;
            if !text.is_empty() {
                channel.event = self.event;
            }
            let start = channel.seen;
            let rules = policy.rules(channel.direction);
            let readings = readings.filter(|_| !text.is_empty() && !rules.is_empty());
            if let (Some(strands), Some(readings)) = (&mut channel.strands, &readings) {
                let (base, seen, settled) = (channel.base, channel.seen, channel.settled);
                let before = Before { scan: &channel.scan, base, seen, settled, event: last };
                let others = self.strands - strands.count();
                strands.tell(readings, before, MAX_STRANDS.saturating_sub(self.strands));
                let room = MAX_STRANDS.saturating_sub(others + strands.count());
                strands.push(
                    With { engine: policy.engine(), rules },
                    readings,
                    (text, start),
                    self.event,
                    room,
                    &mut parted,
                );
                self.strands = others + strands.count();
            }
            channel.seen += text.len() as u64;
            if let Some(recent) = &mut channel.recent {
                recent.push(text);
            }
            let progress = channel.scan.push(policy.engine(), rules, text, &mut found);
            channel.read_numbers(Some(text));
            channel.read_exponents(&policy, &mut found);
            (settled, alone) = (channel.settled, channel.alone);
            channel.scanned = channel.base + progress.settled.0;
            if let Some(back) = &channel.back {
                channel.scanned = channel.scanned.min(channel.base + back.settled());
            }
            if let Some(grounded) = &mut channel.grounded {
                grounded.push(policy.engine(), rules, text, &mut found);
                if policy.engine().grounds_hold(rules) {
                    channel.scanned = channel.scanned.min(channel.base + grounded.settled());
                }
            }
        }
        // Before it is told how far the text is decided.
        self.judge_channel(index, Some(text));
        self.ask_uncertain(index, &mut found);
        if let Some(channel) = self.channels.get_mut(index) {
            let start = channel.seen - text.len() as u64;
            channel.settle_up();
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
        // Once it is known where the numbers of this piece end: an edit takes all of those that it touches, and no other.
        self.take_backs(index, backs);
        self.take_channel_findings(index, &mut found);
        self.take_parted(index, parted);
        self.scratch = found;
        if let Some(channel) = self.channels.get_mut(index)
            && let Some(recent) = &mut channel.recent
        {
            recent.trim(channel.settled);
        }
        self.read_joined(index, text);
        if let Some(channel) = self.channels.get_mut(index)
            && let Some(numbers) = &mut channel.numbers
        {
            channel.alone = numbers.settled(channel.alone).max(alone);
            channel.settled = channel.decided().max(settled);
        }
    }

    fn take_channel_findings(&mut self, index: usize, found: &mut Vec<Finding>) {
        let known = self.channels.get(index).map(|c| (c.direction, c.role, c.number, c.base));
        let Some((direction, role, number, base)) = known else { return };
        for finding in found.drain(..) {
            let (start, end) = (TextPos(finding.start.0 + base), TextPos(finding.end.0 + base));
            for (start, end) in self.left(finding.rule, (start.0, end.0), &[], Some((index, 0))) {
                let finding = Finding { start: TextPos(start), end: TextPos(end), ..finding };
                let Some(edit) = self.note(&finding, None, direction, role, number) else { continue };
                let edit = match self.channels.get(index).filter(|_| edit.make != Make::Marker) {
                    Some(channel) => {
                        let value =
                            channel.recent.as_ref().and_then(|recent| recent.get(edit.start, edit.end));
                        self.made_of(edit, value, channel.kind == TextKind::Json)
                    }
                    None => edit,
                };
                if let Some(channel) = self.channels.get_mut(index) {
                    channel.edit(edit);
                }
            }
        }
    }

    /// Takes in what was found in strands: the marker stands in the first stretch that has not left, and of the others nothing stays.
    fn take_parted(&mut self, index: usize, parted: Vec<Parted>) {
        let known = self.channels.get(index).map(|c| (c.direction, c.role, c.number));
        let Some((direction, role, number)) = known else { return };
        for Parted { finding, mut stretches } in parted {
            if let [one] = *stretches {
                stretches = self.left(finding.rule, one, &[], Some((index, 0)));
            }
            if stretches.is_empty() {
                continue;
            }
            let Some(mut edit) = self.note(&finding, None, direction, role, number) else { continue };
            edit.make = Make::Marker;
            let Some(channel) = self.channels.get_mut(index) else { continue };
            for (start, end) in stretches {
                if end > channel.left {
                    channel.edit(Edit { start, end, ..edit.clone() });
                    edit.marker = "".into();
                }
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
                let against = self.context_of(role, kind, self.direction(role));
                let scan = self.scan_of(kind);
                let judged = self.judged_channel(role, self.direction(role));
                self.by_key.insert(key, self.channels.len() as u32);
                let chain = (flow == Flow::Linked).then(|| self.chain_of(key.field));
                let makes = self.side == super::Side::Answer && self.policy.makes_of_answers();
                self.appeared = self.appeared.saturating_add(1);
                self.channels.push(Channel {
                    key,
                    kind,
                    delta: matches!(flow, Flow::Delta | Flow::Linked),
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
                    scan,
                    seen: 0,
                    scanned: 0,
                    alone: 0,
                    joined: u64::MAX,
                    settled: 0,
                    chain,
                    shared: Vec::new(),
                    strands: found.readings.map(|_| Box::default()),
                    grounded: against.map(|context| Box::new(Grounded::new(context))),
                    emitter: Emitter::new(kind == TextKind::Json),
                    numbers: (kind == TextKind::Json && !self.policy.rules(self.direction(role)).is_empty())
                        .then(number::Numbers::default),
                    back: self.back_channel(kind),
                    backs: Vec::new(),
                    judged,
                    recent: makes.then(Box::default),
                });
                self.channels.len() - 1
            }
        };
        self.last = index;
        Some(index)
    }

    /// Nothing more will come: everything is decided.
    pub fn finish(&mut self) -> Result<(), Stop> {
        let finished = self.finish_alone();
        self.shadow(|shadow| drop(shadow.finish_alone()));
        finished
    }

    fn finish_alone(&mut self) -> Result<(), Stop> {
        self.end_chains();
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
        let with = With { engine: policy.engine(), rules: policy.rules(channel.direction) };
        channel.scan.finish(with.engine, with.rules, &mut found);
        if let Some(grounded) = &mut channel.grounded {
            grounded.finish(with.engine, with.rules, &mut found);
            **grounded = grounded.anew();
        }
        let mut parted = Vec::new();
        if let Some(strands) = &mut channel.strands {
            strands.let_go(with, &mut parted);
            self.strands -= strands.count();
            **strands = Strands::default();
        }
        self.ask_uncertain(index, &mut found);
        let Some(channel) = self.channels.get_mut(index) else { return };
        channel.settle_alone();
        channel.read_numbers(None);
        channel.read_exponents(&policy, &mut found);
        let backs = self.read_backs(index, BackChannel::finish);
        self.take_backs(index, backs);
        self.take_channel_findings(index, &mut found);
        self.take_parted(index, parted);
        self.judge_channel(index, None);
        self.scratch = found;
        let own = self.own.clone();
        let back = self.channels.get(index).and_then(|channel| self.back_channel(channel.kind));
        if let Some(channel) = self.channels.get_mut(index) {
            channel.back = back;
            channel.scan = Scan::answering(channel.kind, own);
            channel.base = channel.seen;
            channel.scanned = channel.seen;
        }
    }

    /// Whether nothing that an event holds can still be part of a match.
    pub fn is_settled(&self, segments: &Segments) -> bool {
        segments.texts.iter().all(|s| match s.channel() {
            Some((channel, _, end)) => self.channels.get(channel as usize).is_none_or(|c| c.settled >= end),
            None => s.repeats.is_none_or(|(channel, end)| {
                self.channels.get(channel as usize).is_none_or(|c| c.settled >= end)
            }),
        })
    }

    /// Whether some text is undecided.
    pub fn holds(&self) -> bool {
        self.channels.iter().any(|c| c.settled < c.seen)
    }

    /// Takes note of what an event says of the end of texts, so that what they might have become holds back no others. Should text follow
    /// all the same, it is read on.
    pub fn ends(&mut self, ends: &Ends) -> Result<(), Stop> {
        self.shadow(|shadow| drop(shadow.ends_alone(ends)));
        self.ends_alone(ends)
    }

    fn ends_alone(&mut self, ends: &Ends) -> Result<(), Stop> {
        if *ends == Ends::All {
            self.end_chains();
        }
        for index in 0..self.channels.len() {
            let Some(channel) = self.channels.get_mut(index).filter(|c| c.is_open() || c.judged.is_some())
            else {
                continue;
            };
            match ends {
                Ends::All => self.let_go(index),
                Ends::Part(part) if channel.key.parts[0] == *part => {
                    self.wait_for_next(index);
                    self.let_go(index);
                }
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

    /// Lets go of the texts that this event did not go on with, once that has happened often enough: see [`super::doubt`].
    pub(super) fn judge_doubted(&mut self, src: &[u8], tape: &Tape, shape: &Shape) {
        let mut places = Places::default();
        shape.homes(src, tape, &mut |home| places.add(home));
        for index in std::mem::take(&mut self.doubted) {
            let event = self.event;
            self.pass_strands(index as usize);
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
                self.unchain(index as usize);
                self.let_go(index as usize);
            }
        }
    }

    /// Lets go of strands that have not gone on for long.
    fn pass_strands(&mut self, index: usize) {
        let policy = Arc::clone(&self.policy);
        let event = self.event;
        let Some(channel) = self.channels.get_mut(index) else { return };
        let Some(strands) = &mut channel.strands else { return };
        let with = With { engine: policy.engine(), rules: policy.rules(channel.direction) };
        let mut parted = Vec::new();
        strands.passed(with, event, &mut parted);
        channel.settle_up();
        self.take_parted(index, parted);
    }

    /// Holds a channel's text no longer: it is decided as if it ended here, and read on as if it did not. Should a match that goes on
    /// have begun in it, what comes of the match is rewritten.
    fn let_go(&mut self, index: usize) {
        let policy = Arc::clone(&self.policy);
        let Some(channel) = self.channels.get_mut(index) else { return };
        let mut found = std::mem::take(&mut self.scratch);
        let mut ended = channel.scan.clone();
        let with = With { engine: policy.engine(), rules: policy.rules(channel.direction) };
        ended.finish(with.engine, with.rules, &mut found);
        if let Some(grounded) = channel.grounded.clone() {
            { grounded }.finish(with.engine, with.rules, &mut found);
        }
        let mut parted = Vec::new();
        if let Some(strands) = &mut channel.strands {
            strands.let_go(with, &mut parted);
        }
        self.ask_uncertain(index, &mut found);
        let Some(channel) = self.channels.get_mut(index) else { return };
        channel.settle_alone();
        channel.read_numbers(None);
        channel.read_exponents(&policy, &mut found);
        let backs = self.read_backs(index, |back| back.clone().finish());
        self.take_backs(index, backs);
        self.take_channel_findings(index, &mut found);
        self.take_parted(index, parted);
        self.judge_channel(index, None);
        self.scratch = found;
    }
}
