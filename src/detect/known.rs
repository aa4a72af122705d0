//! What an earlier engine has compiled and the next one need not: lists of words change often, patterns seldom, and the tables of
//! patterns are what takes the time.
//!
//! Everything is known by its own source, so that what is taken from before is what would be made anew.

use super::PatternSpec;
use super::begin::Begin;
use std::collections::HashMap;
use std::fmt::Write as _;

/// What was compiled, by its source.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// By all that a pattern says: its place among the patterns, where its matches begin, and its weight.
    patterns: HashMap<String, (u32, Begin, u32)>,
    /// By the expressions of a table and the most states that it might have.
    tables: HashMap<String, Table>,
    /// The places of the patterns that have a table for what stands before the part of them that is found.
    parts: HashMap<String, u32>,
}

/// What became of expressions.
#[derive(Clone, Copy, Debug)]
pub(super) enum Table {
    /// The machine of this number.
    Machine(u16),
    /// It grew too big.
    TooBig,
}

impl Known {
    /// The place of a pattern that says the same.
    pub(super) fn pattern(&self, spec: &PatternSpec) -> Option<(usize, &Begin, u32)> {
        self.patterns.get(&whole(spec)).map(|(place, begin, weight)| (*place as usize, begin, *weight))
    }

    pub(super) fn note_pattern(&mut self, spec: &PatternSpec, place: usize, begin: Begin, weight: u32) {
        self.patterns.insert(whole(spec), (place as u32, begin, weight));
    }

    /// What became of the expressions that are known by this.
    pub(super) fn table(&self, key: &str) -> Option<Table> {
        self.tables.get(key).copied()
    }

    pub(super) fn note_table(&mut self, key: String, table: Table) {
        self.tables.insert(key, table);
    }

    pub(super) fn note_part(&mut self, key: String, place: usize) {
        self.parts.insert(key, place as u32);
    }

    /// All tables, and what became of them.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&str, Table)> {
        self.tables.iter().map(|(key, table)| (key.as_str(), *table))
    }

    /// The places of patterns that have a table for what stands before a part.
    pub(super) fn parts(&self) -> impl Iterator<Item = (&str, usize)> {
        self.parts.iter().map(|(key, place)| (key.as_str(), *place as usize))
    }
}

fn whole(spec: &PatternSpec) -> String {
    format!("{spec:?}")
}

/// What a table is made of. Nothing else of a pattern shapes it.
pub(super) fn key<'s>(specs: impl Iterator<Item = &'s PatternSpec>, limit: usize) -> String {
    let mut key = limit.to_string();
    for spec in specs {
        // Writing to a String does not fail.
        let _ = write!(key, " {:?} {}", spec.regex, spec.case_sensitive);
    }
    key
}

/// What a table of what stands before a part is made of.
pub(super) fn part_key(spec: &PatternSpec) -> String {
    format!("before {:?} in {:?} {}", spec.group, spec.regex, spec.case_sensitive)
}

/// What the cost of a pattern is told from.
pub(super) fn cost_key(spec: &PatternSpec) -> String {
    format!("cost {}", whole(spec))
}

#[cfg(test)]
mod laws {
    use super::*;
    use crate::detect::{Engine, Keyword, RuleSet, RuleSpec, TextKind, scan_all};
    use proptest::prelude::*;

    fn spec(regex: &str) -> PatternSpec {
        PatternSpec { regex: regex.into(), left: true, right: true, ..PatternSpec::default() }
    }

    /// Patterns of every kind of beginning; some share a table, and all numbers together are too big for one.
    fn patterns() -> Vec<PatternSpec> {
        vec![
            spec("[0-9]{3,6}"),
            spec("[0-9]{2}-[0-9]{2}"),
            PatternSpec { left: false, ..spec("[0-9]{2}-[0-9]{2}") },
            PatternSpec { score: Some(0.25), ..spec("[0-9]{3,6}") },
            PatternSpec { case_sensitive: true, ..spec("[A-C]{2}[0-9]") },
            spec("[A-C]{2}[0-9]"),
            spec("key_[a-c]{2,4}"),
            PatternSpec { group: Some("it".into()), ..spec("key_(?P<it>[a-c]{2,4})") },
            spec("[a-c]{1,8}@[a-c]{1,8}"),
            PatternSpec { context: vec!["ab".into()], ..spec("[0-9]{4}") },
            PatternSpec { context: vec!["cd".into()], ..spec("[0-9]{4}") },
            spec("[0-9ab]{2,40}(?:x[0-9]{1,30}|[0-9a]{9}y[0-9b]{1,12}){1,3}"),
            spec("[0-9bc]{2,40}(?:y[0-9]{1,30}|[0-9c]{9}z[0-9b]{1,12}){1,3}"),
        ]
    }

    fn some_rules() -> impl Strategy<Value = Vec<RuleSpec>> {
        let one = (proptest::sample::subsequence(patterns(), 0..=3), "[abc]{0,3}");
        let rules = proptest::collection::vec(one, 1..6).prop_shuffle();
        rules.prop_map(|rules| {
            let keywords = |word: String| {
                let word = Keyword { text: word, whole_word: false };
                Some(word).filter(|word| !word.text.is_empty()).into_iter().collect()
            };
            let rule =
                |(patterns, word)| RuleSpec { patterns, keywords: keywords(word), ..RuleSpec::default() };
            rules.into_iter().map(rule).collect()
        })
    }

    proptest! {
        #![proptest_config(crate::text::cases::cases(60))]

        /// An engine that takes from others what it can is the one that takes nothing.
        #[test]
        fn what_was_compiled_before_is_what_would_be_made(
            first in some_rules(),
            second in some_rules(),
            texts in proptest::collection::vec("[abcxyzA-C0-9@_ -]{0,30}|key_[abc]{3} ab 1234", 1..6),
        ) {
            let before = Engine::compile(&first).expect("the rules are right");
            let alone = Engine::compile(&second).expect("the rules are right");
            let after = Engine::compile_after(Some(&before), &second).expect("the rules are right");
            let again = Engine::compile_after(Some(&after), &second).expect("the rules are right");
            let set = RuleSet::full(second.len());
            for engine in [&after, &again] {
                let machines = |engine: &Engine| format!("{:?}", engine.patterns.machines);
                prop_assert_eq!(machines(engine), machines(&alone));
                for text in &texts {
                    prop_assert_eq!(
                        scan_all(engine, &set, TextKind::Plain, text),
                        scan_all(&alone, &set, TextKind::Plain, text)
                    );
                }
            }
        }
    }

    #[test]
    fn mistakes_are_found_all_the_same() {
        let good = RuleSpec { patterns: patterns(), ..RuleSpec::default() };
        let before = Engine::compile(std::slice::from_ref(&good)).expect("right");
        let bad = RuleSpec { patterns: vec![spec("a+"), spec("[0-9]{3,6}")], ..RuleSpec::default() };
        let rules = [good, bad];
        let after = Engine::compile_after(Some(&before), &rules).expect_err("a match without an end");
        assert_eq!(after, Engine::compile(&rules).expect_err("a match without an end"));
    }
}
