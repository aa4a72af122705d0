//! Rules that look for statements: at the end of each sentence it is told whether it says one.

use super::file::Statement;
use super::known::{Known, Said};
use crate::detect::asking::Reads;
use crate::detect::grounding::Sentences;
use crate::detect::judge::Found;
use crate::detect::numbered::{Listed, Numbered};
use crate::detect::{Engine, Finding, RuleId, RuleSet};
use crate::text::fold::{FoldPos, TextKind, View, fold_literal};
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

/// A statement that a text says.
#[derive(Clone, Debug, PartialEq)]
pub struct Saying {
    /// The sentence: bytes of the text.
    pub span: Range<u64>,
    /// What it says.
    pub statement: Statement,
    /// How surely, 0 to 1.
    pub score: f32,
    /// The words that stand for others: the statement's, as it is folded, and the sentence's.
    pub alike: Vec<(String, String)>,
}

impl Known {
    /// Which of them a text says, and where: for who asks by hand.
    pub fn said_in(&self, text: &str) -> Vec<Saying> {
        let view = View::of(TextKind::Plain, text);
        let (mut sentences, mut out) = (Sentences::default(), Vec::new());
        let mut each = |sentence: &str, start: u64| {
            let Some(said) = self.said(sentence) else { return };
            let place = |at: usize| FoldPos(start + at as u64);
            let span = view.text_start(place(said.span.start)).0..view.text_end(place(said.span.end)).0;
            let Some(statement) = self.statements().get(said.number as usize).cloned() else { return };
            let claim = fold_literal(&statement.claim);
            let of = |bytes: &[u8], range: &Range<usize>| {
                String::from_utf8(bytes.get(range.clone()).unwrap_or_default().to_vec()).unwrap_or_default()
            };
            let alike =
                said.alike.iter().map(|(own, other)| (of(&claim, own), of(sentence.as_bytes(), other)));
            out.push(Saying { span, score: said.score, alike: alike.collect(), statement });
        };
        sentences.push(str::from_utf8(view.bytes()).unwrap_or_default(), &mut each);
        sentences.finish(&mut each);
        out
    }
}
