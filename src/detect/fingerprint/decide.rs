//! Rules that look for documents: a passage that is covered well enough is found, with the document's name.

use super::collection::Collection;
use super::index::Index;
use super::reading::{Passage, Reading};
use crate::detect::judge::Found;
use crate::detect::{Engine, Finding, RuleId, RuleSet, RuleSpec};
use crate::text::fold::{Fold, FoldPos, TextKind, View};
use std::sync::Arc;

/// The documents that rules look for, and which rules do.
#[derive(Debug, Default)]
pub(in crate::detect) struct Fingerprints {
    documents: Vec<Looks>,
    /// The rules that look for the request's own system prompt.
    own: Vec<RuleId>,
}

/// What one rule looks for.
#[derive(Debug)]
struct Looks {
    rule: RuleId,
    index: Arc<Index>,
    /// The number of its first document among those of the rule.
    first: u32,
}

/// What of one channel is known from documents, if any rule that counts there looks for some.
#[derive(Clone, Debug, Default)]
pub(in crate::detect) enum Repeats {
    /// Nothing has come yet.
    #[default]
    Unasked,
    /// No rule looks for documents.
    No,
    /// Some do.
    Of(Box<[Channel]>),
}

/// What one rule finds in one channel.
#[derive(Clone, Debug)]
pub(in crate::detect) struct Channel {
    rule: RuleId,
    index: Arc<Index>,
    first: u32,
    reading: Reading,
    /// Whether text is held for the rule.
    holds: bool,
    found: Vec<Passage>,
}

impl Fingerprints {
    pub(in crate::detect) fn compile(specs: &[RuleSpec]) -> Self {
        let (mut documents, mut own) = (Vec::new(), Vec::new());
        for (spec, rule) in specs.iter().zip(0..) {
            own.extend(spec.system_prompt.then_some(RuleId(rule)));
            let mut first = 1;
            for collection in &spec.fingerprints {
                let index = Arc::new(Index::new(collection));
                let names = index.names().len() as u32;
                documents.push(Looks { rule: RuleId(rule), index, first });
                first += names;
            }
        }
        Self { documents, own }
    }

    fn start(&self, rules: &RuleSet, own: Option<&Arc<Index>>) -> Repeats {
        let documents = self.documents.iter().map(|looks| (looks.rule, &looks.index, looks.first));
        let own = own.into_iter().flat_map(|own| self.own.iter().map(move |rule| (*rule, own, 0)));
        let all: Box<[Channel]> = documents
            .chain(own)
            .filter(|(rule, ..)| rules.contains(*rule))
            .map(|(rule, index, first)| Channel {
                rule,
                index: Arc::clone(index),
                first,
                reading: Reading::default(),
                holds: rules.holds(rule),
                found: Vec::new(),
            })
            .collect();
        if all.is_empty() { Repeats::No } else { Repeats::Of(all) }
    }

    fn name(&self, rule: RuleId, number: u32) -> Option<&Arc<str>> {
        let of = self.documents.iter().filter(|looks| looks.rule == rule && looks.first <= number);
        let looks = of.max_by_key(|looks| looks.first)?;
        looks.index.names().get((number - looks.first) as usize)
    }
}

impl Engine {
    /// The name of the document that a rule has found, see [`Finding::of`].
    pub fn document(&self, rule: RuleId, of: u32) -> Option<&Arc<str>> {
        self.fingerprints.name(rule, of)
    }

    /// Whether some of these rules look for the request's own system prompt.
    pub fn knows_system_prompts(&self, rules: &RuleSet) -> bool {
        self.fingerprints.own.iter().any(|rule| rules.contains(*rule))
    }
}

impl Repeats {
    /// Reads what the view has from `from` on.
    pub(in crate::detect) fn read(
        &mut self,
        (fingerprints, rules, own): (&Fingerprints, &RuleSet, Option<&Arc<Index>>),
        kind: TextKind,
        view: &View,
        from: usize,
        ended: bool,
        waiting: &mut Vec<Found>,
    ) {
        if matches!(self, Self::Unasked) {
            *self = fingerprints.start(rules, own);
        }
        if let Self::Of(all) = self {
            all.iter_mut().for_each(|one| one.read(kind, view, from, ended, waiting));
        }
    }

    /// From where on text is held until it is told, in the folded text.
    pub(in crate::detect) fn held(&self) -> Option<u64> {
        self.all().iter().filter(|one| one.holds).filter_map(|one| one.reading.open()).min()
    }

    /// From where on the view is still needed.
    pub(in crate::detect) fn needed(&self) -> Option<u64> {
        self.all().iter().filter_map(|one| one.reading.open()).min()
    }

    fn all(&self) -> &[Channel] {
        match self {
            Self::Unasked | Self::No => &[],
            Self::Of(all) => all,
        }
    }
}

impl Channel {
    fn read(&mut self, kind: TextKind, view: &View, from: usize, ended: bool, waiting: &mut Vec<Found>) {
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
    let (mut fold, mut view) = (Fold::new(TextKind::Plain), View::default());
    fold.push(text, &mut view);
    fold.finish(&mut view);
    let (mut reading, mut found) = (Reading::default(), Vec::new());
    reading.push(&index, view.bytes(), 0, |_| false, &mut found);
    reading.finish(&mut found);
    let told = |one: Passage| {
        let span = view.text_start(FoldPos(one.start)).0..view.text_end(FoldPos(one.end)).0;
        index.names().get(one.document as usize).map(|name| (span, Arc::clone(name), one.covered))
    };
    found.into_iter().filter_map(told).collect()
}
