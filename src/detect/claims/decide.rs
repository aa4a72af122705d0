//! Rules that look for statements: at the end of each sentence it is told whether it says one.

use super::file::{Claims, Statement};
use super::known::{Known, Said};
use crate::detect::asking::Reads;
use crate::detect::grounding::Sentences;
use crate::detect::judge::Found;
use crate::detect::numbered::{Listed, Numbered};
use crate::detect::{Engine, Finding, RuleId, RuleSet};
use crate::text::fold::{FoldPos, TextKind, View};
use std::ops::Range;

/// A channel in sentences, and who asks.
#[derive(Clone, Debug)]
pub(in crate::detect) struct Channel {
    sentences: Sentences,
    lists: Vec<Listed<Known>>,
    /// Whether text is held for some rule.
    holds: bool,
}

/// A channel's state for these rules: one that all of them read, or none.
pub(in crate::detect) fn start(claims: &Numbered<Known>, rules: &RuleSet, kind: TextKind) -> Box<[Channel]> {
    // A sentence that reaches over the marks of JSON is none.
    let asked = claims.asked(rules).filter(|_| kind == TextKind::Plain);
    let lists: Vec<Listed<Known>> = asked.cloned().collect();
    let holds = lists.iter().any(|list| rules.holds(list.rule));
    let some = !lists.is_empty();
    some.then_some(Channel { sentences: Sentences::default(), lists, holds }).into_iter().collect()
}

impl Engine {
    /// Whether a rule looks for statements.
    pub fn has_statements(&self, rule: RuleId) -> bool {
        self.claims.has(rule)
    }

    /// The statement that a rule has found, see [`Finding::of`].
    pub fn statement(&self, rule: RuleId, of: u32) -> Option<&Statement> {
        let (known, number) = self.claims.find(rule, of)?;
        known.statements().get(number)
    }
}

impl Reads for Channel {
    fn holds(&self) -> bool {
        self.holds
    }

    fn open(&self) -> Option<u64> {
        Some(self.sentences.open())
    }
}

impl Channel {
    /// Reads what the view has from `from` on.
    pub(in crate::detect) fn read(
        &mut self,
        view: &View,
        from: usize,
        ended: bool,
        waiting: &mut Vec<Found>,
    ) {
        let Self { sentences, lists, .. } = self;
        let mut each = |sentence: &str, start: u64| {
            for Listed { rule, things: known, first } in lists.iter() {
                let Some(Said { number, score, span, .. }) = known.said(sentence) else {
                    continue;
                };
                let Range { start: from, end } = span;
                let (from, end) = (start + from as u64, start + end as u64);
                let (text_start, text_end) = (view.text_start(FoldPos(from)), view.text_end(FoldPos(end)));
                let finding =
                    Finding { rule: *rule, start: text_start, end: text_end, score, of: first + number };
                waiting.push(Found::judged(from, end, finding));
            }
        };
        let text = str::from_utf8(view.bytes().get(from..).unwrap_or_default()).unwrap_or_default();
        sentences.push(text, &mut each);
        if ended {
            sentences.finish(&mut each);
        }
    }
}

/// Which statements of a file a text says, and where: for who asks by hand.
pub fn said(claims: &Claims, text: &str) -> Vec<(Range<u64>, Statement, f32)> {
    let known = Known::new(claims);
    let view = View::of(TextKind::Plain, text);
    let (mut sentences, mut out) = (Sentences::default(), Vec::new());
    let mut each = |sentence: &str, start: u64| {
        let Some(Said { number, score, span, .. }) = known.said(sentence) else { return };
        let Range { start: from, end } = span;
        let place = |at: usize| FoldPos(start + at as u64);
        let span = view.text_start(place(from)).0..view.text_end(place(end)).0;
        out.extend(known.statements().get(number as usize).map(|one| (span, one.clone(), score)));
    };
    sentences.push(str::from_utf8(view.bytes()).unwrap_or_default(), &mut each);
    sentences.finish(&mut each);
    out
}
