//! The texts of several channels that a reader appends to each other: the blocks of one answer.
//!
//! Each block is a text of its own, and what a client shows is often all of them in one:
//!
//! ```text
//! block 0   write to jo│hn@cor
//! block 1                      p.example│ today
//! joined    write to john@corp.example today
//! ```
//!
//! So the joined text is read beside the blocks. Up to the second block it is the first, and costs nothing; from there on it has a scan
//! of its own, which goes on from the first block's. A match in either reading is rewritten, and an event waits while one could still
//! complete in it. What a block ends with waits for the next block as long as [`Doubt`] says.
//!
//! Blocks that take turns are not joined: what a reader makes of them depends on what is still to come.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::doubt::Doubt;
use super::super::emit::{Edit, Make};
use super::Reader;
use crate::detect::{Finding, Scan};
use crate::dialect::ChannelKey;
use crate::text::TextPos;

/// The joined text of channels of one row.
#[derive(Debug)]
pub(super) struct Chain {
    field: u32,
    /// The channels in order, each with where its text begins in the joined one. Of those that are decided only the last stays.
    links: VecDeque<(u64, usize)>,
    /// None while there is one channel: its scan is the joined text's.
    scan: Option<Scan>,
    /// How much text there is, and how much of it the scan has done with.
    seen: u64,
    done: u64,
    /// Up to where it is waited for no longer.
    let_go: u64,
    /// Its channels took turns.
    broken: bool,
}

impl Chain {
    /// Where the first match may begin that is waited for.
    fn waits_from(&self) -> u64 {
        let from = self.done.max(self.let_go);
        if self.broken || from >= self.seen { u64::MAX } else { from }
    }

    /// The stretches of a finding: channel, start and end in its text.
    fn stretches(&self, finding: &Finding) -> impl Iterator<Item = (usize, u64, u64)> {
        let (start, end) = (finding.start.0, finding.end.0);
        let ends = self.links.iter().skip(1).map(|&(begin, _)| begin).chain([self.seen]);
        self.links.iter().zip(ends).filter_map(move |(&(begin, channel), until)| {
            let (from, to) = (start.max(begin), end.min(until));
            (from < to).then(|| (channel, from - begin, to - begin))
        })
    }
}

impl Reader {
    /// The joined text of this row's channels.
    pub(super) fn chain_of(&mut self, field: u32) -> u32 {
        let known = self.chains.iter().position(|chain| chain.field == field);
        known.unwrap_or_else(|| {
            self.chains.push(Chain {
                field,
                links: VecDeque::new(),
                scan: None,
                seen: 0,
                done: 0,
                let_go: 0,
                broken: false,
            });
            self.chains.len() - 1
        }) as u32
    }

    /// Reads the piece that a channel went on with in the text to which it is joined.
    pub(super) fn read_joined(&mut self, index: usize, text: &str) {
        let Some(number) = self.channels.get(index).and_then(|c| c.chain).filter(|_| !text.is_empty()) else {
            return;
        };
        let Some(chain) = self.chains.get_mut(number as usize).filter(|chain| !chain.broken) else { return };
        let last = chain.links.back().map(|&(_, last)| last);
        if last != Some(index) {
            let of = |index: usize| self.channels.get(index);
            let begins = of(index).is_some_and(|c| c.seen == text.len() as u64);
            let key = |index: usize| of(index).map(|c| c.key.parts);
            let before = last.and_then(|last| Some((of(last)?, last)));
            if !begins || before.is_some_and(|(_, last)| key(last) > key(index)) {
                chain.broken = true;
                self.spread(number as usize);
                return;
            }
            if let Some((before, _)) = before.filter(|_| chain.scan.is_none()) {
                chain.scan = Some(before.scan.clone());
                chain.done = before.scanned;
            }
            chain.links.push_back((chain.seen, index));
        }
        chain.seen += text.len() as u64;
        let Some(scan) = &mut chain.scan else {
            // It was said to have ended, and goes on all the same: it waits for no other.
            if let Some(channel) = self.channels.get_mut(index).filter(|c| c.joined < u64::MAX) {
                channel.joined = u64::MAX;
                channel.settle_up();
            }
            return;
        };
        let policy = Arc::clone(&self.policy);
        let direction = self.channels.get(index).map(|c| c.direction);
        let Some(rules) = direction.map(|direction| policy.rules(direction)) else { return };
        let mut found = std::mem::take(&mut self.scratch);
        chain.done = scan.push(policy.engine(), rules, text, &mut found).settled.0;
        self.take_joined(number as usize, &mut found);
        self.scratch = found;
        self.spread(number as usize);
    }

    /// A channel has ended. The text to which it is joined may go on in the next, and is waited for.
    pub(super) fn wait_for_next(&mut self, index: usize) {
        let Some(channel) = self.channels.get_mut(index) else { return };
        let Some(chain) = channel.chain.and_then(|number| self.chains.get(number as usize)) else { return };
        if chain.broken || chain.links.back().is_none_or(|&(_, last)| last != index) {
            return;
        }
        if chain.scan.is_none() {
            channel.joined = channel.scanned.max(channel.settled);
        }
        if channel.joined < channel.seen {
            channel.doubt.get_or_insert_with(Doubt::between);
            if !std::mem::replace(&mut channel.listed, true) {
                self.doubted.push(index as u32);
            }
        }
    }

    /// What a channel is joined to is waited for no longer: it is decided as if it ended here, and read on as if it did not.
    pub(super) fn unchain(&mut self, index: usize) {
        let Some(channel) = self.channels.get_mut(index) else { return };
        channel.joined = u64::MAX;
        if let Some(number) = channel.chain {
            self.end_chain(number as usize);
        }
    }

    /// The answer is over, and what is joined with it.
    pub(super) fn end_chains(&mut self) {
        for number in 0..self.chains.len() {
            self.end_chain(number);
        }
        for channel in self.channels.iter_mut().filter(|channel| channel.chain.is_some()) {
            channel.joined = u64::MAX;
        }
    }

    fn end_chain(&mut self, number: usize) {
        let Some(chain) = self.chains.get_mut(number) else { return };
        let waits = chain.waits_from() < u64::MAX;
        chain.let_go = chain.seen;
        let ended = chain.scan.clone().filter(|_| waits).zip(chain.links.back().copied());
        if let Some((mut scan, (_, last))) = ended {
            let policy = Arc::clone(&self.policy);
            let mut found = std::mem::take(&mut self.scratch);
            if let Some(channel) = self.channels.get(last) {
                scan.finish(policy.engine(), policy.rules(channel.direction), &mut found);
            }
            self.take_joined(number, &mut found);
            self.scratch = found;
        }
        self.spread(number);
    }

    /// Takes in what was found in joined text: the marker stands in the first stretch that has not left, and of the others nothing stays.
    fn take_joined(&mut self, number: usize, found: &mut Vec<Finding>) {
        for finding in found.drain(..) {
            let Some(chain) = self.chains.get(number) else { continue };
            let mut stretches: Vec<_> = chain.stretches(&finding).collect();
            let Some(&(first, start, _)) = stretches.first() else { continue };
            let Some(channel) = self.channels.get(first) else { continue };
            let (direction, role, name) = (channel.direction, channel.role, channel.number);
            // Of what began in a block that is decided, only what is left of it is told.
            let begun = chain.links.front().is_none_or(|&(begin, _)| finding.start.0 >= begin);
            let end = if begun { start + (finding.end.0 - finding.start.0) } else { start + 1 };
            let finding = Finding { start: TextPos(start), end: TextPos(end), ..finding };
            if let [(index, start, end)] = *stretches {
                let left = self.left(finding.rule, (start, end), &[], Some((index, 0)));
                stretches = left.into_iter().map(|(start, end)| (index, start, end)).collect();
            }
            if stretches.is_empty() {
                continue;
            }
            let known = self.found;
            // Clients are told of what stands in a block: of both together no place is known that they have.
            let annotated = self.annotated.take();
            let edit = self.note(&finding, None, direction, role, name);
            self.annotated = annotated;
            let Some(mut edit) = edit else { continue };
            edit.make = Make::Marker;
            // It goes on in the next block, and so further than what ends in this one: of as strong ones that begin with it the longest
            // counts.
            edit.strength += u8::from(stretches.len() > 1);
            // What lies in one block, who says that once more finds by itself.
            let is_shared = stretches.len() > 1 || self.found > known;
            let mut shared = edit.clone();
            for (index, start, end) in stretches {
                if let Some(channel) = self.channels.get_mut(index).filter(|_| is_shared) {
                    channel.shared.push(Edit { start, end, ..shared.clone() });
                    (shared.marker, shared.strength) = ("".into(), u8::MAX);
                }
                if let Some(channel) = self.channels.get_mut(index).filter(|channel| end > channel.left) {
                    channel.edit(Edit { start, end, ..edit.clone() });
                    // Whatever else begins in the next block at the same place, one marker stands for both.
                    (edit.marker, edit.strength) = ("".into(), u8::MAX);
                }
            }
        }
    }

    /// The channel of this key, if it has said something, and how much.
    pub(super) fn repeated(&self, key: ChannelKey) -> Option<(u32, u64)> {
        let &index = self.by_key.get(&key)?;
        self.channels.get(index as usize).map(|channel| (index, channel.seen)).filter(|&(_, seen)| seen > 0)
    }

    /// Tells the channels how far their joined text is decided.
    fn spread(&mut self, number: usize) {
        let Some(chain) = self.chains.get_mut(number) else { return };
        if chain.scan.is_none() && !chain.broken {
            return;
        }
        let from = chain.waits_from();
        let ends = chain.links.iter().skip(1).map(|&(begin, _)| begin).chain([u64::MAX]);
        for (&(begin, index), end) in chain.links.iter().zip(ends) {
            let Some(channel) = self.channels.get_mut(index) else { continue };
            channel.joined = if from >= end { u64::MAX } else { from.saturating_sub(begin) };
            channel.settle_up();
            if channel.is_open() {
                // It is not forgotten: its match goes on.
                channel.event = self.event;
                if let Some(doubt) = &mut channel.doubt {
                    doubt.heard();
                }
            }
        }
        while chain.links.get(1).is_some_and(|&(begin, _)| begin <= from) {
            chain.links.pop_front();
        }
        if chain.broken {
            chain.links.clear();
            chain.scan = None;
        }
    }
}
