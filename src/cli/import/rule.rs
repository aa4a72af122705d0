//! What a foreign file says, in the words of ours.

use crate::detect::{
    Around, Conditions, Engine, Keyword, PatternSpec, Place, RuleSpec, Shift, Validator, When,
};
use crate::text::fold::fold_literal;
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// How far around a match words may stand.
pub(super) const AROUND: u32 = 64;
/// The same, where the foreign tool looks at the whole text.
pub(super) const FAR: u32 = 512;

/// A word and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) text: String,
    pub(super) line: usize,
}

/// A pattern as our rules have it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Pattern {
    #[serde(skip)]
    pub(super) line: usize,
    pub(super) regex: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_len: Option<u32>,
    #[serde(skip_serializing_if = "is_true")]
    pub(super) left: bool,
    #[serde(skip_serializing_if = "is_true")]
    pub(super) right: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) validator: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) score: Option<f32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) case_sensitive: bool,
    #[serde(skip)]
    pub(super) compiled: Compiled,
}

/// An engine that was compiled on the way: what knows these patterns already does not build their automata again.
#[derive(Debug, Clone, Default)]
pub(super) struct Compiled(pub(super) Option<Arc<Engine>>);

/// It says nothing of what a pattern means.
impl PartialEq for Compiled {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_true(yes: &bool) -> bool {
    *yes
}

/// A rule on its way from there to here.
#[derive(Debug, Clone, Default)]
pub(super) struct Rule {
    pub(super) line: usize,
    pub(super) id: String,
    pub(super) title: String,
    pub(super) category: Option<String>,
    pub(super) severity: Option<&'static str>,
    /// For every direction.
    pub(super) action: Option<&'static str>,
    /// In this direction alone.
    pub(super) only: Option<&'static str>,
    pub(super) language: Option<String>,
    pub(super) terms: Vec<Term>,
    pub(super) patterns: Vec<Pattern>,
    pub(super) score: Option<f32>,
    pub(super) except: Vec<Term>,
    pub(super) except_patterns: Vec<Term>,
    pub(super) near: Vec<Term>,
    /// Words near by that raise the score by so much.
    pub(super) raise: Option<(Vec<Term>, f32)>,
    /// Groups of words that have to stand together within so many characters.
    pub(super) groups: Option<(Vec<Term>, Vec<Term>, u32)>,
    pub(super) compiled: Compiled,
}

/// What is said of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Said {
    /// The line of the foreign file.
    pub(super) line: usize,
    /// The rule's id there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rule: Option<String>,
    /// What of it: `rule`, `term`, or a key.
    pub(super) what: String,
    /// Why it could not be taken, or how it was changed.
    pub(super) why: String,
}

/// What was read, and what has to be said of it.
#[derive(Debug, Default)]
pub(super) struct Imported {
    pub(super) title: String,
    pub(super) rules: Vec<Rule>,
    /// How many rules there are in the file, those included that could not be taken.
    pub(super) found: usize,
    /// What could not be taken.
    pub(super) left_out: Vec<Said>,
    /// What was taken with a difference.
    pub(super) changed: Vec<Said>,
}

impl Imported {
    pub(super) fn leave_out(&mut self, line: usize, rule: &str, what: &str, why: impl Into<String>) {
        self.left_out.push(said(line, rule, what, why));
    }

    pub(super) fn change(&mut self, line: usize, rule: &str, what: &str, why: impl Into<String>) {
        self.changed.push(said(line, rule, what, why));
    }

    /// Drops of every rule what cannot be used, and rules of which nothing is left.
    pub(super) fn settle(&mut self) {
        let mut seen: HashSet<String> = HashSet::new();
        for mut rule in std::mem::take(&mut self.rules) {
            self.without_twins(&mut rule);
            if self.compiles(&mut rule) {
                // Two ids that differ in signs alone are one in our spelling.
                rule.id = slug(&rule.id);
                let (id, mut count) = (rule.id.clone(), 1);
                while !seen.insert(rule.id.clone()) {
                    count += 1;
                    rule.id = format!("{id}-{count}");
                }
                self.rules.push(rule);
            }
        }
        self.left_out.sort_by_key(|said| said.line);
        self.changed.sort_by_key(|said| said.line);
    }

    /// Words that are there already, case and width apart.
    fn without_twins(&mut self, rule: &mut Rule) {
        let mut first: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut terms = std::mem::take(&mut rule.terms);
        terms.retain(|term| {
            let key = fold_literal(&term.text.to_lowercase());
            let known = *first.entry(key).or_insert(term.line);
            if known != term.line {
                self.leave_out(term.line, &rule.id, "term", format!("it stands in line {known} already"));
            }
            known == term.line
        });
        rule.terms = terms;
    }

    /// Whether something is left of the rule that the engine takes.
    fn compiles(&mut self, rule: &mut Rule) -> bool {
        loop {
            if rule.terms.is_empty() && rule.patterns.is_empty() && rule.groups.is_none() {
                return false;
            }
            let before = rule.patterns.iter().find_map(|pattern| pattern.compiled.0.clone());
            let errors = match Engine::compile_after(before.as_deref(), &[rule.spec()]) {
                Ok(engine) => {
                    rule.compiled = Compiled(Some(Arc::new(engine)));
                    return true;
                }
                Err(errors) => errors,
            };
            // From the last on, so that numbers stay right.
            let mut errors = errors;
            errors.sort_by_key(|error| std::cmp::Reverse(number(error.place)));
            let mut dropped = false;
            for error in errors {
                let (what, list) = match error.place {
                    Place::Keyword(_) => ("term", &mut rule.terms),
                    Place::Except(_) => ("exception", &mut rule.except),
                    Place::ExceptPattern(_) => ("exception", &mut rule.except_patterns),
                    Place::Near(_) => ("words near", &mut rule.near),
                    Place::Raise(_) => match &mut rule.raise {
                        Some((words, _)) => ("context", words),
                        None => continue,
                    },
                    Place::Pattern(n) => {
                        if n < rule.patterns.len() {
                            let pattern = rule.patterns.remove(n);
                            self.left_out.push(said(pattern.line, &rule.id, "pattern", error.reason));
                            dropped = true;
                        }
                        continue;
                    }
                    Place::Lower(_) | Place::Group(..) | Place::Model => {
                        self.left_out.push(said(rule.line, &rule.id, "rule", error.reason));
                        return false;
                    }
                };
                let n = number(error.place);
                if n < list.len() {
                    let term = list.remove(n);
                    self.left_out.push(said(term.line, &rule.id, what, error.reason));
                    dropped = true;
                }
            }
            if rule.raise.as_ref().is_some_and(|(words, _)| words.is_empty()) {
                rule.raise = None;
            }
            if !dropped {
                return false;
            }
        }
    }
}

fn number(place: Place) -> usize {
    match place {
        Place::Keyword(n)
        | Place::Pattern(n)
        | Place::Except(n)
        | Place::ExceptPattern(n)
        | Place::Near(n)
        | Place::Raise(n)
        | Place::Lower(n)
        | Place::Group(_, n) => n,
        Place::Model => 0,
    }
}

fn said(line: usize, rule: &str, what: &str, why: impl Into<String>) -> Said {
    let rule = Some(rule.to_owned()).filter(|rule| !rule.is_empty());
    Said { line, rule, what: what.to_owned(), why: why.into() }
}

impl Rule {
    /// What the engine is told to look for.
    pub(super) fn spec(&self) -> RuleSpec {
        let keyword = |term: &Term| Keyword { text: term.text.clone(), whole_word: true };
        let words = |terms: &[Term]| terms.iter().map(|term| term.text.clone()).collect::<Vec<_>>();
        let conditions = Conditions {
            score: self.score,
            except: self.except.iter().map(keyword).collect(),
            except_patterns: words(&self.except_patterns),
            except_whole: true,
            near: Some(Around { words: words(&self.near), within: FAR }).filter(|n| !n.words.is_empty()),
            raise: self
                .raise
                .as_ref()
                .map(|(terms, by)| Shift { around: Around { words: words(terms), within: AROUND }, by: *by }),
            groups: self
                .groups
                .iter()
                .flat_map(|(a, b, _)| [a, b])
                .map(|group| group.iter().map(keyword).collect())
                .collect(),
            when: self.groups.as_ref().map(|(_, _, within)| When {
                all: vec![0, 1],
                within: Some(*within),
                ..When::default()
            }),
            ..Conditions::default()
        };
        RuleSpec {
            keywords: self.terms.iter().map(keyword).collect(),
            patterns: self.patterns.iter().map(|pattern| pattern.spec(self.score)).collect(),
            conditions,
            ..RuleSpec::default()
        }
    }
}

impl Pattern {
    pub(super) fn spec(&self, score: Option<f32>) -> PatternSpec {
        PatternSpec {
            regex: self.regex.clone(),
            max_len: self.max_len,
            left: self.left,
            right: self.right,
            validator: self.validator.and_then(Validator::from_name),
            group: self.group.clone(),
            context: Vec::new(),
            score: self.score.or(score),
            case_sensitive: self.case_sensitive,
        }
    }
}

/// A name as ids and files have it: small letters, digits and hyphens.
pub(super) fn slug(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            out.push(c);
        } else if !out.ends_with('-') && !out.is_empty() {
            out.push('-');
        }
    }
    let out = out.trim_matches('-').to_owned();
    if out.is_empty() { "imported".to_owned() } else { out }
}
