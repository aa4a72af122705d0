//! Rules that look for documents: a passage that is covered well enough is found, with the document's name.

use super::collection::Collection;
use super::index::Index;
use super::reading::{Passage, Reading};
use crate::detect::asking::Reads;
use crate::detect::judge::Found;
use crate::detect::numbered::Numbered;
use crate::detect::{Engine, Finding, RuleId, RuleSet, RuleSpec};
use crate::text::fold::{FoldPos, TextKind, View};
use std::sync::Arc;

/// The documents that rules look for, and which rules do.
#[derive(Debug)]
pub(in crate::detect) struct Fingerprints {
    documents: Numbered<Index>,
    /// The rules that look for the request's own system prompt.
    own: Vec<RuleId>,
}

/// What one rule finds in one channel.
#[derive(Clone, Debug)]
pub(in crate::detect) struct Channel {
    rule: RuleId,
    index: Arc<Index>,
    /// The number of the index's first document among those of the rule; 0 where its documents have none.
    first: u32,
    reading: Reading,
    /// Whether text is held for the rule.
    holds: bool,
    found: Vec<Passage>,
}

impl Fingerprints {
    pub(in crate::detect) fn compile(specs: &[RuleSpec]) -> Self {
        let own = specs.iter().zip(0..).filter(|(spec, _)| spec.system_prompt).map(|(_, rule)| RuleId(rule));
        Self {
            own: own.collect(),
            documents: Numbered::of(specs, |spec| &spec.fingerprints, |index| index.names().len()),
        }
    }

    /// A channel's state for these rules, in an answer to a request of this system prompt.
    pub(in crate::detect) fn start(&self, rules: &RuleSet, own: Option<&Arc<Index>>) -> Box<[Channel]> {
        let documents = self.documents.asked(rules).map(|list| (list.rule, &list.things, list.first));
        let asked = self.own.iter().filter(|rule| rules.contains(**rule));
        let own = own.into_iter().flat_map(|own| asked.clone().map(move |rule| (*rule, own, 0)));
        let channel = |(rule, index, first): (RuleId, &Arc<Index>, u32)| Channel {
            rule,
            index: Arc::clone(index),
            first,
            reading: Reading::default(),
            holds: rules.holds(rule),
            found: Vec::new(),
        };
        documents.chain(own).map(channel).collect()
    }
}

impl Engine {
    /// The name of the document that a rule has found, see [`Finding::of`].
    pub fn document(&self, rule: RuleId, of: u32) -> Option<&Arc<str>> {
        let (index, number) = self.fingerprints.documents.find(rule, of)?;
        index.names().get(number)
    }

    /// Whether some of these rules look for the request's own system prompt.
    pub fn knows_system_prompts(&self, rules: &RuleSet) -> bool {
        self.fingerprints.own.iter().any(|rule| rules.contains(*rule))
    }
}

impl Reads for Channel {
    fn holds(&self) -> bool {
        self.holds
    }

    fn open(&self) -> Option<u64> {
        self.reading.open()
    }
}

impl Channel {
    /// Reads what the view has from `from` on.
    pub(in crate::detect) fn read(
        &mut self,
        kind: TextKind,
        view: &View,
        from: usize,
        ended: bool,
        waiting: &mut Vec<Found>,
    ) {
        // In JSON a quotation mark that is no escape begins or ends a text: nothing that is rewritten reaches over it.
        let parts = |at: u64| {
            let length = || view.text_end(FoldPos(at + 1)).0 - view.text_start(FoldPos(at)).0;
            kind == TextKind::Json && length() == 1
        };
        let base = view.base().0 + from as u64;
        let text = view.bytes().get(from..).unwrap_or_default();
        self.reading.push(&self.index, text, base, parts, &mut self.found);
        if ended {
            self.reading.finish(&mut self.found);
        }
        for one in self.found.drain(..) {
            let (start, end) = (view.text_start(FoldPos(one.start)), view.text_end(FoldPos(one.end)));
            // A request has one system prompt, and it has no name.
            let of = if self.first == 0 { 0 } else { self.first + one.document };
            let finding = Finding { rule: self.rule, start, end, score: one.covered, of };
            waiting.push(Found::judged(one.start, one.end, finding));
        }
    }
}

/// The index of a request's system prompt, for one exchange; none where it is too short to be told from other text.
pub fn system_prompt(text: &str) -> Option<Arc<Index>> {
    // Nobody but this exchange sees its numbers: they need not be secret, only well spread.
    let mut one = Collection::new(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835_u128.to_le_bytes());
    one.add("", "", text).ok()?;
    Some(Arc::new(Index::new(&one)))
}

/// What of the text the rules of a collection of its own would find: for who asks by hand.
pub fn passages(collection: &Collection, text: &str) -> Vec<(std::ops::Range<u64>, Arc<str>, f32)> {
    let index = Index::new(collection);
    let view = View::of(TextKind::Plain, text);
    let (mut reading, mut found) = (Reading::default(), Vec::new());
    reading.push(&index, view.bytes(), 0, |_| false, &mut found);
    reading.finish(&mut found);
    let told = |one: Passage| {
        let span = view.text_start(FoldPos(one.start)).0..view.text_end(FoldPos(one.end)).0;
        index.names().get(one.document as usize).map(|name| (span, Arc::clone(name), one.covered))
    };
    found.into_iter().filter_map(told).collect()
}
