//! Rules that refuse a fold: what they seem to find is held against the original text.
//!
//! The folded view is the same for all rules. For such a rule a candidate counts only if it is still one where its original is folded
//! without what the rule refuses: a keyword has to be equal then, in a pattern's match nothing may have changed. It costs nothing
//! where there is no candidate.

use super::lexicon::squeezed;
use super::{RuleId, RuleSpec};
use crate::text::exact::Exact;
use crate::text::fold::{FoldPos, View};
use std::collections::HashSet;

/// The rules that refuse a fold, by number; nothing where there are none.
#[derive(Debug, Default)]
pub(super) struct ExactRules(Vec<Option<ExactRule>>);

#[derive(Debug)]
struct ExactRule {
    exact: Exact,
    /// Its keywords, folded no further than it allows.
    keywords: HashSet<String>,
    has_patterns: bool,
}

impl ExactRules {
    pub(super) fn compile(rules: &[RuleSpec]) -> Self {
        if rules.iter().all(|spec| spec.exact.is_empty()) {
            return Self::default();
        }
        let rule = |spec: &RuleSpec| {
            let keywords = spec.keywords.iter().map(|keyword| plain(&keyword.text, spec.exact)).collect();
            ExactRule { exact: spec.exact, keywords, has_patterns: !spec.patterns.is_empty() }
        };
        Self(rules.iter().map(|spec| (!spec.exact.is_empty()).then(|| rule(spec))).collect())
    }

    /// Whether no rule refuses a fold.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether what the rule found from `start` to `end` of the view stands so in the original.
    #[inline]
    pub(super) fn stands(&self, view: &View, rule: RuleId, start: u64, end: u64) -> bool {
        match self.0.get(rule.0 as usize) {
            Some(Some(rule)) => rule.stands(view, start, end),
            _ => true,
        }
    }
}

impl ExactRule {
    #[cold]
    fn stands(&self, view: &View, start: u64, end: u64) -> bool {
        let original = view.original(FoldPos(start), FoldPos(end));
        // Capitals are a pattern's own affair.
        let exact = self.exact.without(Exact::CASE);
        self.keywords.contains(&plain(&original, self.exact))
            || self.has_patterns && exact.fold(&original) == Exact::default().fold(&original)
    }
}

/// A keyword or what looks like one, as the rule compares them.
fn plain(text: &str, exact: Exact) -> String {
    let folded = squeezed(exact.fold(text).trim());
    if exact.has(Exact::CASE) { folded } else { folded.to_ascii_lowercase() }
}
