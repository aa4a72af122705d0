//! Rules that look for statements: at the end of each sentence it is told whether it says one.

use super::file::{Claims, Statement};
use super::known::Known;
use crate::detect::grounding::Sentences;
use crate::detect::judge::Found;
use crate::detect::{Engine, Finding, RuleId, RuleSet, RuleSpec};
use crate::text::fold::{Fold, FoldPos, TextKind, View};
use std::ops::Range;
use std::sync::Arc;

/// The statements that rules look for, and which rules do.
#[derive(Debug, Default)]
pub(in crate::detect) struct AllClaims(Vec<Looks>);

/// What one rule looks for.
#[derive(Debug)]
struct Looks {
    rule: RuleId,
    known: Arc<Known>,
    /// The number of its first statement among those of the rule.
    first: u32,
}

/// Which statements one channel says, if any rule that counts there looks for some.
#[derive(Clone, Debug, Default)]
pub(in crate::detect) enum Saying {
    /// Nothing has come yet.
    #[default]
    Unasked,
    /// No rule looks for statements.
    No,
    /// Some do.
    Of(Box<Channel>),
}

/// A channel in sentences, and who asks.
#[derive(Clone, Debug)]
pub(in crate::detect) struct Channel {
    sentences: Sentences,
    rules: Vec<(RuleId, Arc<Known>, u32)>,
    /// Whether text is held for some rule.
    holds: bool,
}

impl AllClaims {
    pub(in crate::detect) fn compile(specs: &[RuleSpec]) -> Self {
        let mut all = Vec::new();
        for (spec, rule) in specs.iter().zip(0..) {
            let mut first = 1;
            for claims in &spec.claims {
                let known = Arc::new(Known::new(claims));
                let count = known.statements().len() as u32;
                all.push(Looks { rule: RuleId(rule), known, first });
                first += count;
            }
        }
        Self(all)
    }

    fn start(&self, rules: &RuleSet) -> Saying {
        let asked = self.0.iter().filter(|looks| rules.contains(looks.rule));
        let rules_of: Vec<_> =
            asked.map(|looks| (looks.rule, Arc::clone(&looks.known), looks.first)).collect();
        if rules_of.is_empty() {
            return Saying::No;
        }
        let holds = rules_of.iter().any(|(rule, ..)| rules.holds(*rule));
        Saying::Of(Box::new(Channel { sentences: Sentences::default(), rules: rules_of, holds }))
    }
}

impl Engine {
    /// The statement that a rule has found, see [`Finding::of`].
    pub fn statement(&self, rule: RuleId, of: u32) -> Option<&Statement> {
        let looks = self.claims.0.iter().filter(|looks| looks.rule == rule && looks.first <= of);
        let looks = looks.max_by_key(|looks| looks.first)?;
        looks.known.statements().get((of - looks.first) as usize)
    }
}

impl Saying {
    /// Reads what the view has from `from` on.
    pub(in crate::detect) fn read(
        &mut self,
        (claims, rules): (&AllClaims, &RuleSet),
        kind: TextKind,
        view: &View,
        from: usize,
        ended: bool,
        waiting: &mut Vec<Found>,
    ) {
        if matches!(self, Self::Unasked) {
            // A sentence that reaches over the marks of JSON is none.
            *self = if kind == TextKind::Plain { claims.start(rules) } else { Self::No };
        }
        let Self::Of(channel) = self else { return };
        let Channel { sentences, rules, .. } = &mut **channel;
        let mut each = |sentence: &str, start: u64| {
            for (rule, known, first) in rules.iter() {
                let Some((number, score, Range { start: from, end })) = known.said(sentence) else {
                    continue;
                };
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

    /// From where on text is held until it is told, in the folded text.
    pub(in crate::detect) fn held(&self) -> Option<u64> {
        match self {
            Self::Of(channel) if channel.holds => Some(channel.sentences.open()),
            Self::Of(_) | Self::No | Self::Unasked => None,
        }
    }

    /// From where on the view is still needed.
    pub(in crate::detect) fn needed(&self) -> Option<u64> {
        match self {
            Self::Of(channel) => Some(channel.sentences.open()),
            Self::No | Self::Unasked => None,
        }
    }
}

/// Which statements of a file a text says, and where: for who asks by hand.
pub fn said(claims: &Claims, text: &str) -> Vec<(Range<u64>, Statement, f32)> {
    let known = Known::new(claims);
    let (mut fold, mut view) = (Fold::new(TextKind::Plain), View::default());
    fold.push(text, &mut view);
    fold.finish(&mut view);
    let (mut sentences, mut out) = (Sentences::default(), Vec::new());
    let mut each = |sentence: &str, start: u64| {
        let Some((number, score, Range { start: from, end })) = known.said(sentence) else { return };
        let place = |at: usize| FoldPos(start + at as u64);
        let span = view.text_start(place(from)).0..view.text_end(place(end)).0;
        out.extend(known.statements().get(number as usize).map(|one| (span, one.clone(), score)));
    };
    sentences.push(str::from_utf8(view.bytes()).unwrap_or_default(), &mut each);
    sentences.finish(&mut each);
    out
}
