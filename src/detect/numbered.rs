//! Things that rules look for and that a finding names by number: documents, statements. See [`Finding::of`](super::Finding::of).

use super::{RuleId, RuleSet, RuleSpec};
use std::sync::Arc;

/// The lists of all rules.
#[derive(Debug)]
pub(super) struct Numbered<T>(Vec<Listed<T>>);

/// A list of a rule.
#[derive(Debug)]
pub(super) struct Listed<T> {
    pub(super) rule: RuleId,
    pub(super) things: Arc<T>,
    /// The number of its first thing among those of the rule, counted from one.
    pub(super) first: u32,
}

impl<T> Clone for Listed<T> {
    fn clone(&self) -> Self {
        Self { things: Arc::clone(&self.things), ..*self }
    }
}

impl<T> Numbered<T> {
    /// Those that the rules have. `count`: how many things are in a list.
    pub(super) fn of(
        specs: &[RuleSpec],
        lists: impl Fn(&RuleSpec) -> &[Arc<T>],
        count: impl Fn(&T) -> usize,
    ) -> Self {
        let mut all = Vec::new();
        for (spec, rule) in specs.iter().zip(0..) {
            let mut first = 1;
            for things in lists(spec) {
                all.push(Listed { rule: RuleId(rule), things: Arc::clone(things), first });
                first += count(things) as u32;
            }
        }
        Self(all)
    }

    /// Those of the rules that count.
    pub(super) fn asked<'a>(&'a self, rules: &'a RuleSet) -> impl Iterator<Item = &'a Listed<T>> {
        self.0.iter().filter(|list| rules.contains(list.rule))
    }

    /// Whether a rule has any.
    pub(super) fn has(&self, rule: RuleId) -> bool {
        self.0.iter().any(|list| list.rule == rule)
    }

    /// The list in which a rule's thing of this number is, and its place there.
    pub(super) fn find(&self, rule: RuleId, number: u32) -> Option<(&T, usize)> {
        let of = self.0.iter().filter(|list| list.rule == rule && list.first <= number);
        let list = of.max_by_key(|list| list.first)?;
        Some((&list.things, (number - list.first) as usize))
    }
}
