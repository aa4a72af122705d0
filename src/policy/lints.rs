//! What is wrong with rules that load: terms that are there twice or never found, rules that others leave nothing to, exceptions of
//! nothing, patterns that cost much. Warnings for `check`; nobody else waits for them.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Threshold;
use super::draft::Draft;
use super::profile::Profile;
use super::rule::{Action, Actions, Rule};
use crate::detect::{
    Conditions, Engine, Exact, PatternCost, RuleId, RuleSet, RuleSpec, Tables, TextKind, scan_all,
};
use crate::diag::Diagnostic;
use crate::text::fold::fold_literal;

/// Of each kind so many are told of a rule; the last one says how many more there are.
const TOLD: usize = 8;
/// A pattern that reads so many of a hundred words to their ends is dear.
const DEAR_WORDS: u8 = 50;
/// So is one whose table has so many states.
const DEAR_STATES: usize = 8_192;
/// More comparisons of exceptions with keywords are not made.
const MOST_COMPARED: usize = 1_000_000;

/// What is looked at.
pub(super) struct Lints<'l> {
    pub(super) engine: &'l Engine,
    /// By rule number, as the two below.
    pub(super) rules: &'l [Rule],
    pub(super) specs: &'l [RuleSpec],
    pub(super) drafts: &'l [Draft],
    pub(super) profiles: &'l BTreeMap<String, Profile>,
}

impl<'l> Lints<'l> {
    /// All that there is to warn of.
    pub(super) fn all(&self) -> Vec<Diagnostic> {
        let every: RuleSet = (0..self.drafts.len()).map(|n| RuleId(n as u32)).collect();
        let kept = super::embedded::tables();
        let mut out = Vec::new();
        let index = Index::of(self);
        for (n, ((rule, spec), draft)) in self.rules.iter().zip(self.specs).zip(self.drafts).enumerate() {
            idle(rule, index.changed.contains(&n), draft, &mut out);
            twice(rule, spec, draft, &mut out);
            repeated(rule, spec, draft, &mut out);
            self.terms(n, (rule, spec, draft), &every, &index, &mut out);
            exceptions(rule, spec, draft, &mut out);
            dear(rule, spec, &kept, draft, &mut out);
        }
        out
    }

    /// Terms that the rule does not find even where they stand alone, and rules of which another one finds every term.
    fn terms(
        &self,
        n: usize,
        (rule, spec, draft): (&'l Rule, &'l RuleSpec, &Draft),
        every: &RuleSet,
        index: &Index<'l>,
        out: &mut Vec<Diagnostic>,
    ) {
        // What else has to stand in a text does not stand beside a term alone.
        let conditional = spec.conditions.near.is_some()
            || spec.conditions.when.is_some()
            || rule.threshold != Threshold::default();
        if conditional || spec.keywords.is_empty() && spec.patterns.is_empty() {
            return;
        }
        let mut dead = Told::default();
        let mut found_by: BTreeMap<u32, usize> = BTreeMap::new();
        for (place, keyword) in spec.keywords.iter().enumerate() {
            let found = scan_all(self.engine, every, TextKind::Plain, &keyword.text);
            if !found.iter().any(|found| found.rule.0 as usize == n) {
                let what = format!("rule `{}` never finds `{}`", rule.id, keyword.text);
                let dead_term = Diagnostic::warning("dead", what);
                let dead_term =
                    dead_term.help("an exception covers it, or a surer match of the same rule does");
                dead.tell(draft.at_keyword(place, dead_term), out);
            }
            let length = keyword.text.len() as u64;
            let whole = |found: &&crate::detect::Finding| found.start.0 == 0 && found.end.0 == length;
            let mut others: Vec<u32> = found.iter().filter(whole).map(|found| found.rule.0).collect();
            others.dedup();
            for other in others {
                *found_by.entry(other).or_default() += 1;
            }
        }
        dead.end("terms that are never found", draft, out);
        let may_leave = |other: &usize| self.leaves_nothing(*other, n) && self.finds_patterns(*other, spec);
        let other = if spec.keywords.is_empty() {
            index.with_pattern(rule, spec).iter().copied().find(may_leave)
        } else {
            let finds_all = found_by.into_iter().filter(|(_, terms)| *terms == spec.keywords.len());
            finds_all.map(|(other, _)| other as usize).find(may_leave)
        };
        if let Some(other) = other.and_then(|other| self.rules.get(other)) {
            let all = match (spec.keywords.is_empty(), spec.patterns.is_empty()) {
                (false, false) => "terms, and has all of its patterns",
                (true, false) => "patterns",
                (_, true) => "terms",
            };
            let what = if spec.keywords.is_empty() {
                format!("rule `{}` changes nothing: `{}` has all of its {all}", rule.id, other.id)
            } else {
                format!("rule `{}` changes nothing: `{}` finds all of its {all}", rule.id, other.id)
            };
            let help = "both have one category, and the other one's actions are as strong in every direction";
            out.push(draft.at(&["id".into()], Diagnostic::warning("shadowed", what).help(help)));
        }
    }

    /// Whether `other` has all patterns of a rule, and finds by them whatever that rule finds.
    fn finds_patterns(&self, other: usize, spec: &RuleSpec) -> bool {
        let (Some(one), Some(rule)) = (self.specs.get(other), self.rules.get(other)) else { return false };
        // What has to hold around a match of the other one may leave it out.
        let as_open = one.conditions == spec.conditions || one.conditions == Conditions::default();
        let as_folded = one.exact == spec.exact || one.exact == Exact::default();
        let has = |pattern| one.patterns.contains(pattern);
        spec.patterns.is_empty()
            || (as_open
                && as_folded
                && rule.threshold == Threshold::default()
                && spec.patterns.iter().all(has))
    }

    /// Whether what both rules find is as well found by `other` alone. Of two that are alike the later one is told.
    fn leaves_nothing(&self, other: usize, n: usize) -> bool {
        let (Some(one), Some(this)) = (self.rules.get(other), self.rules.get(n)) else { return false };
        let as_strong = !one.actions.is_weaker_than(&this.actions);
        let alike = one.actions == this.actions;
        // What may be switched off, or has not come as far, leaves all to the other one.
        let as_firm = one.state >= this.state && (one.always || !this.always);
        other != n && one.category == this.category && as_firm && as_strong && (!alike || other < n)
    }
}

/// What is looked up for each rule.
struct Index<'l> {
    /// The rules to which a profile gives an action.
    changed: HashSet<usize>,
    /// The rules by category and pattern, in order.
    patterns: HashMap<(&'l str, &'l str), Vec<usize>>,
}

impl<'l> Index<'l> {
    fn of(lints: &Lints<'l>) -> Self {
        let nothing = Actions::all(Action::Allow);
        let changes = lints.profiles.values().flat_map(|profile| &profile.changes);
        let changed = changes.filter(|(_, choice)| choice.actions != nothing).map(|(of, _)| *of).collect();
        let mut patterns: HashMap<_, Vec<usize>> = HashMap::new();
        for (n, (rule, spec)) in lints.rules.iter().zip(lints.specs).enumerate() {
            for pattern in &spec.patterns {
                let same = patterns.entry((&*rule.category, &*pattern.regex)).or_default();
                if same.last() != Some(&n) {
                    same.push(n);
                }
            }
        }
        Self { changed, patterns }
    }

    /// The rules of a rule's category that have the first of its patterns.
    fn with_pattern(&self, rule: &'l Rule, spec: &'l RuleSpec) -> &[usize] {
        let first = spec.patterns.first();
        first
            .and_then(|first| self.patterns.get(&(&*rule.category, &*first.regex)))
            .map_or(&[], Vec::as_slice)
    }
}

/// A rule that allows everything, in its pack and in every profile. `changed`: whether a profile gives it an action.
fn idle(rule: &Rule, changed: bool, draft: &Draft, out: &mut Vec<Diagnostic>) {
    if rule.actions == Actions::all(Action::Allow) && !changed {
        let what = format!("rule `{}` allows everything, in its pack and in every profile", rule.id);
        let help = "give it an action, or `state = \"draft\"` while it is being written";
        out.push(draft.at(&["id".into()], Diagnostic::warning("dead", what).help(help)));
    }
}

/// Terms that are there twice, as the engine reads them.
fn twice(rule: &Rule, spec: &RuleSpec, draft: &Draft, out: &mut Vec<Diagnostic>) {
    if spec.exact != Exact::default() {
        return;
    }
    let mut told = Told::default();
    let mut known: HashMap<Vec<u8>, usize> = HashMap::with_capacity(spec.keywords.len());
    for (place, keyword) in spec.keywords.iter().enumerate() {
        // White space in a term is one space to the engine.
        let spaced = keyword.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let folded = fold_literal(&spaced).to_ascii_lowercase();
        match known.get(&folded).and_then(|&first| spec.keywords.get(first)) {
            None => {
                known.insert(folded, place);
            }
            Some(first) => {
                let what = if first.text == keyword.text {
                    format!("rule `{}` has `{}` twice", rule.id, keyword.text)
                } else {
                    let (first, second) = (&first.text, &keyword.text);
                    format!("rule `{}` has `{first}` and `{second}`, which are one term", rule.id)
                };
                told.tell(draft.at_keyword(place, Diagnostic::warning("duplicate", what)), out);
            }
        }
    }
    told.end("terms that are there twice", draft, out);
}

/// Patterns that are there twice, with all that is said of them.
fn repeated(rule: &Rule, spec: &RuleSpec, draft: &Draft, out: &mut Vec<Diagnostic>) {
    for (place, pattern) in spec.patterns.iter().enumerate() {
        let first = spec.patterns.iter().position(|known| known == pattern).filter(|first| *first < place);
        if let Some(first) = first {
            let what =
                format!("pattern {} of rule `{}` is its pattern {} again", place + 1, rule.id, first + 1);
            let again = Diagnostic::warning("duplicate", what);
            out.push(draft.at(&["pattern".into(), place.into(), "regex".into()], again));
        }
    }
}

/// Exceptions within which none of the rule's keywords stands.
fn exceptions(rule: &Rule, spec: &RuleSpec, draft: &Draft, out: &mut Vec<Diagnostic>) {
    let except = &spec.conditions.except;
    let compared = except.len().saturating_mul(spec.keywords.len());
    if !spec.patterns.is_empty() || spec.conditions.when.is_some() || compared > MOST_COMPARED {
        return;
    }
    let folded = |text: &str| String::from_utf8_lossy(&fold_literal(text)).to_lowercase();
    let keywords: Vec<String> = spec.keywords.iter().map(|keyword| folded(&keyword.text)).collect();
    let mut told = Told::default();
    for (place, exception) in except.iter().enumerate() {
        let text = folded(&exception.text);
        if !keywords.iter().any(|keyword| text.contains(keyword.as_str())) {
            let what = format!("rule `{}` finds nothing within its exception `{}`", rule.id, exception.text);
            told.tell(draft.at_exception(place, Diagnostic::warning("dead", what)), out);
        }
    }
    told.end("exceptions within which nothing is found", draft, out);
}

/// Patterns that cost much in any text.
fn dear(rule: &Rule, spec: &RuleSpec, kept: &Tables, draft: &Draft, out: &mut Vec<Diagnostic>) {
    for (place, pattern) in spec.patterns.iter().enumerate() {
        let Some(cost) = PatternCost::of(pattern, Some(kept)) else { continue };
        let warning = if cost.words >= DEAR_WORDS {
            let what =
                format!("a pattern of rule `{}` reads {} of 100 words to their ends", rule.id, cost.words);
            let help = "begin it with a literal, ask for a digit or a sign early, or give it `context`";
            Diagnostic::warning("dear", what).help(help)
        } else if cost.states >= DEAR_STATES {
            let what = format!("a pattern of rule `{}` needs a table of {} states", rule.id, cost.states);
            let help = "write long repetitions as `+` with `max_len`";
            Diagnostic::warning("dear", what).help(help)
        } else {
            continue;
        };
        out.push(draft.at(&["pattern".into(), place.into(), "regex".into()], warning));
    }
}

/// Counts what is told of one kind.
#[derive(Default)]
struct Told(usize);

impl Told {
    fn tell(&mut self, diagnostic: Diagnostic, out: &mut Vec<Diagnostic>) {
        self.0 += 1;
        if self.0 <= TOLD {
            out.push(diagnostic);
        }
    }

    /// Says how many were not told.
    fn end(self, what: &str, draft: &Draft, out: &mut Vec<Diagnostic>) {
        if let Some(more) = self.0.checked_sub(TOLD).filter(|more| *more > 0) {
            out.push(
                draft.at(&["id".into()], Diagnostic::warning("more", format!("and {more} more {what}"))),
            );
        }
    }
}
