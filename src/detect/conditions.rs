//! What has to hold around a match so that it is a finding, and what it makes of the score: exceptions, words near by,
//! groups of words in the same text.
//!
//! The data that a rule is given and what it is compiled to. [`super::judge`] looks at matches with it; the text itself is
//! read only around matches of rules that ask for it.

use super::around::{self, Terms, uses};
use super::asleep::Sleep;
use super::machine::Machine;
use super::{CompileError, Keyword, Place, RuleId, RuleSpec};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// The furthest that words may stand from a match, in characters of folded text.
pub const FURTHEST: u32 = 512;
/// The most groups of one rule.
pub const MOST_GROUPS: usize = 32;

/// What has to hold around a match. By default nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conditions {
    /// The score of a keyword, where it is not 1.
    pub score: Option<f32>,
    /// What lies within one of these is not found.
    pub except: Vec<Keyword>,
    /// What lies within a match of one of these expressions is not found.
    pub except_patterns: Vec<String>,
    /// Whether matches of `except_patterns` begin and end at word boundaries.
    pub except_whole: bool,
    /// One of these words has to stand near.
    pub near: Option<Around>,
    /// Words near by that make the finding surer.
    pub raise: Option<Shift>,
    /// Words near by that make it less sure.
    pub lower: Option<Shift>,
    /// Groups of words that `when` speaks of.
    pub groups: Vec<Vec<Keyword>>,
    /// What of the groups has to stand in the text.
    pub when: Option<When>,
}

/// Whole words that stand near a match: within so many characters of the folded text before its first or behind its last one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Around {
    /// The words.
    pub words: Vec<String>,
    /// From the match to the far end of the word, at most [`FURTHEST`].
    pub within: u32,
}

/// Words near by that change the score.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shift {
    /// The words.
    pub around: Around,
    /// By how much, once, however many of them there are. The score stays within `0..=1`.
    pub by: f32,
}

/// Which groups have to stand in a text, by their places in [`Conditions::groups`].
///
/// A group stands there where one of its words does that ends before the finding begins; the finding's own group does too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// Each of these.
    pub all: Vec<usize>,
    /// One of these at least, if there are any.
    pub any: Vec<usize>,
    /// None of these, neither before the finding nor over it nor in the characters `ahead`.
    pub not: Vec<usize>,
    /// Words count only in so many characters before the finding; else in the whole text before it.
    pub within: Option<u32>,
    /// In how many characters behind the finding words of `not` count.
    pub ahead: u32,
}

/// A rule's conditions, compiled.
#[derive(Debug)]
pub(super) struct Criteria {
    pub(super) terms: Option<Terms>,
    pub(super) near: Option<Window>,
    pub(super) raise: Option<(Window, i32)>,
    pub(super) lower: Option<(Window, i32)>,
    pub(super) when: Option<When>,
    /// How far words of its groups sleep until what else `when` wants has come.
    pub(super) sleep: Option<Sleep>,
    /// What is found are the groups' words, as the rule has no words or patterns of its own.
    pub(super) finds_groups: bool,
}

/// How far from a match words count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// Characters.
    pub(super) within: usize,
    /// Of the shortest word.
    pub(super) shortest: usize,
}

/// The tables of exceptions that are patterns, by these: rules of one kind often have the same.
type Tables<'s> = HashMap<&'s [String], Arc<Machine>>;

/// The conditions of all rules.
#[derive(Debug, Default)]
pub(super) struct AllCriteria {
    rules: Vec<Option<Box<Criteria>>>,
    /// Behind the rules: whose group each is, and which.
    parts: Vec<(RuleId, u8)>,
    /// By rule, and by group behind them: the score of keywords. Empty where all are 1.
    scores: Vec<f32>,
    /// How much text before a match has to be kept for it, in bytes of folded text.
    keep: u64,
}

/// A score in thousandths, in which scores are added and compared.
pub(super) fn thousandths(score: f32) -> i32 {
    (score * 1000.0).round() as i32
}

// === impl AllCriteria ===

impl AllCriteria {
    /// The rules, and behind them their groups as rules of their own, so that they are looked for as keywords are.
    pub(super) fn with_groups(rules: &[RuleSpec]) -> (Cow<'_, [RuleSpec]>, Vec<(RuleId, u8)>) {
        let mut parts = Vec::new();
        let mut all = Cow::Borrowed(rules);
        for (rule, spec) in rules.iter().enumerate() {
            for (group, words) in spec.conditions.groups.iter().enumerate().take(MOST_GROUPS) {
                parts.push((RuleId(rule as u32), group as u8 + 1));
                let spec = RuleSpec { keywords: words.clone(), folds: spec.folds, ..RuleSpec::default() };
                all.to_mut().push(spec);
            }
        }
        (all, parts)
    }

    /// Compiles the conditions of `rules`, whose groups are `parts`.
    pub(super) fn compile(
        rules: &[RuleSpec],
        parts: Vec<(RuleId, u8)>,
        errors: &mut Vec<CompileError>,
    ) -> Self {
        let mut all = Self { parts, ..Self::default() };
        let mut tables = Tables::new();
        for (rule, spec) in rules.iter().enumerate() {
            let mut failed = |place, reason| errors.push(CompileError { rule, place, reason });
            all.rules.push(Criteria::compile(spec, &mut tables, &mut failed).map(Box::new));
        }
        let score = |rule: usize| rules.get(rule).and_then(|spec| spec.conditions.score).unwrap_or(1.0);
        if rules.iter().any(|spec| spec.conditions.score.is_some()) {
            let groups = all.parts.iter().map(|(rule, _)| rule.0 as usize);
            all.scores = (0..rules.len()).chain(groups).map(score).collect();
        }
        for (place, criteria) in all.rules.iter_mut().flatten().filter(|one| one.when.is_some()).enumerate() {
            criteria.sleep = criteria.when.as_ref().and_then(|when| Sleep::new(place, when));
        }
        all.keep = all.rules.iter().flatten().map(|criteria| criteria.keep()).max().unwrap_or(0);
        all
    }

    /// How many characters before its finding the words of a rule's groups count, where it has groups and says so.
    pub(super) fn reach(&self, rule: RuleId) -> Option<u32> {
        self.rules.get(rule.0 as usize)?.as_ref()?.when.as_ref()?.within
    }

    /// The rule that a keyword's rule or group belongs to, and which of its groups it is, counted from one; 0 for none.
    #[inline]
    pub(super) fn part(&self, rule: RuleId) -> (RuleId, u8) {
        let group = (rule.0 as usize).checked_sub(self.rules.len());
        group.and_then(|group| self.parts.get(group)).copied().unwrap_or((rule, 0))
    }

    /// The score of a keyword of a rule or group.
    #[inline]
    pub(super) fn score(&self, rule: RuleId) -> f32 {
        self.scores.get(rule.0 as usize).copied().unwrap_or(1.0)
    }

    /// What has to hold of the rule's matches.
    #[inline]
    pub(super) fn of(&self, rule: RuleId) -> Option<&Criteria> {
        self.rules.get(rule.0 as usize)?.as_deref()
    }

    /// How much text before a match has to be kept, in bytes of folded text.
    pub(super) fn keep(&self) -> u64 {
        self.keep
    }

    /// Says of a mistake in a group whose group it is.
    pub(super) fn own(&self, error: &mut CompileError) {
        let (rule, part) = self.part(RuleId(error.rule as u32));
        if let (Some(group), Place::Keyword(index)) = (usize::from(part).checked_sub(1), error.place) {
            *error = CompileError {
                rule: rule.0 as usize,
                place: Place::Group(group, index),
                reason: std::mem::take(&mut error.reason),
            };
        }
    }
}

// === impl Criteria ===

impl Criteria {
    /// `None` where nothing is asked.
    fn compile<'s>(
        spec: &'s RuleSpec,
        tables: &mut Tables<'s>,
        failed: &mut impl FnMut(Place, String),
    ) -> Option<Self> {
        let conditions = &spec.conditions;
        let mut drafts = around::Drafts::default();
        for (index, word) in conditions.except.iter().enumerate() {
            if let Err(reason) = drafts.add(&word.text, word.whole_word, uses::EXCEPT) {
                failed(Place::Except(index), reason);
            }
        }
        let mut window = |around: Option<&Around>, by_use, place: fn(usize) -> Place| {
            let around = around?;
            let within = around.within as usize;
            let mut shortest = within;
            for (index, word) in around.words.iter().enumerate() {
                match drafts.add(word, true, by_use) {
                    Ok(length) if length > within => {
                        let reason = format!(
                            "`{word}` has {length} characters and can never stand within {within} of a match"
                        );
                        failed(place(index), reason);
                    }
                    Ok(length) => shortest = shortest.min(length),
                    Err(reason) => failed(place(index), reason),
                }
            }
            Some(Window { within, shortest })
        };
        let near = window(conditions.near.as_ref(), uses::NEAR, Place::Near);
        let shift = |shift: &Option<Shift>| shift.as_ref().map_or(0, |shift| thousandths(shift.by));
        let (up, down) = (shift(&conditions.raise), shift(&conditions.lower));
        let raise = window(conditions.raise.as_ref().map(|s| &s.around), uses::RAISE, Place::Raise);
        let lower = window(conditions.lower.as_ref().map(|s| &s.around), uses::LOWER, Place::Lower);
        let known = tables.get(conditions.except_patterns.as_slice()).cloned();
        let machine = known.or_else(|| {
            let machine = around::exception_machine(&conditions.except_patterns, &mut |index, reason| {
                failed(Place::ExceptPattern(index), reason);
            })?;
            let machine = Arc::new(machine);
            tables.insert(&conditions.except_patterns, Arc::clone(&machine));
            Some(machine)
        });
        let terms = Terms::compile(drafts, machine.map(|machine| (machine, conditions.except_whole)));
        let when = conditions.when.clone();
        let asks = terms.is_some() || near.is_some() || raise.is_some() || lower.is_some() || when.is_some();
        asks.then_some(Self {
            terms,
            near,
            raise: raise.map(|window| (window, up)),
            lower: lower.map(|window| (window, -down)),
            when,
            sleep: None,
            finds_groups: spec.keywords.is_empty() && spec.patterns.is_empty(),
        })
    }

    /// The furthest that words count, in characters.
    pub(super) fn within(&self) -> usize {
        let windows = [self.near, self.raise.map(|(window, _)| window), self.lower.map(|(window, _)| window)];
        windows.into_iter().flatten().map(|window| window.within).max().unwrap_or(0)
    }

    /// How much text before a match has to be kept, in bytes of folded text.
    fn keep(&self) -> u64 {
        /// A character's longest form.
        const LONGEST: u64 = 4;
        let groups = self.when.as_ref().and_then(|when| when.within).unwrap_or(0);
        let around = LONGEST * self.within() as u64;
        let terms = around.max(self.terms.as_ref().map_or(0, Terms::reach));
        // What is around a word that has slept is read when it is woken.
        let slept = self.sleep.filter(|_| self.terms.is_some()).map_or(0, Sleep::keep);
        (slept + terms).max(LONGEST * u64::from(groups))
    }
}
