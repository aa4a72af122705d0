//! What a pattern costs in ordinary text, told from its table: for whoever writes rules.

use super::begin::{Begin, begin};
use super::expression::parse;
use super::machine::Machine;
use super::pattern::STATES;
use super::{PatternSpec, Tables};

/// What a pattern costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PatternCost {
    /// States of its table, each some hundred bytes.
    pub states: usize,
    /// Of a hundred plain words in a text as many as it reads to their ends; 0 where it begins at literals or only near other words.
    pub words: u8,
}

/// The lengths of words that are tried.
const LENGTHS: std::ops::RangeInclusive<usize> = 2..=7;

impl PatternCost {
    /// What this pattern costs, told from what was kept where it is there; nothing where it does not compile.
    pub fn of(spec: &PatternSpec, kept: Option<&Tables>) -> Option<Self> {
        kept.and_then(|kept| kept.cost(spec)).or_else(|| Self::measured(spec))
    }

    /// The same, told from the pattern.
    pub(super) fn measured(spec: &PatternSpec) -> Option<Self> {
        let hir = parse(&spec.regex, !spec.case_sensitive).ok()?;
        let mut machine = Machine::build(&[&hir], STATES).ok()?;
        let states = machine.states();
        if !(matches!(begin(&hir, spec), Begin::Anywhere { .. }) && spec.context.is_empty()) {
            return Some(Self { states, words: 0 });
        }
        machine.right_always = spec.right;
        let lives = (b'a'..=b'z').flat_map(|first| {
            let lives = machine.lives_on_token(first);
            LENGTHS.map(move |length| lives.get(length).copied().unwrap_or(true))
        });
        let (all, read) = lives.fold((0, 0), |(all, read), lives| (all + 1, read + u32::from(lives)));
        Some(Self { states, words: (100 * read / all) as u8 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(regex: &str) -> PatternCost {
        let spec = super::super::laws::pattern(regex, true, true);
        PatternCost::of(&spec, None).expect("it compiles")
    }

    #[test]
    fn a_pattern_that_reads_every_word_is_dear() {
        assert!(cost("[a-z]{2,12} is bad").words > 90);
        assert_eq!(cost("ghp_[A-Za-z0-9]{36}").words, 0, "begins at its literal");
        assert_eq!(cost("[0-9]{16}").words, 0, "no word goes on with it");
        assert!(cost("[a-f]{2,12} is bad").words < 30);
        assert!(cost("x[a-z]{200}").states > 100);
    }

    #[test]
    fn near_a_context_word_it_may_cost_more() {
        let mut spec = super::super::laws::pattern("[a-z]{2,12} [a-z]{2,12}", true, true);
        spec.context = vec!["name".to_owned()];
        assert_eq!(PatternCost::of(&spec, None).map(|cost| cost.words), Some(0));
    }
}
