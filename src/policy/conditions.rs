//! From what is written about a rule's conditions to what is meant, with every mistake said where it stands.

use super::Threshold;
use super::draft::{At, Term};
use super::file::{NearFile, RuleFile, ShiftFile, WhenFile};
use crate::detect::{Around, Conditions, FURTHEST, Keyword, MOST_GROUPS, Shift, When};

impl At<'_> {
    /// A rule's conditions. `excepted`: the terms of its `except_lists`.
    pub(super) fn conditions(&mut self, rule: &RuleFile, excepted: &[Term]) -> Conditions {
        let keyword = |text: &String| Keyword { text: text.clone(), whole_word: rule.whole_word };
        let score = rule.score.map(|score| self.fraction(&["score"], score));
        let shift = |at: &mut Self, key, shift: &ShiftFile| Shift {
            around: Around {
                words: at.words(key, &shift.words),
                within: at.distance(&[key, "within"], shift.within, 1),
            },
            by: at.fraction(&[key, "by"], shift.by),
        };
        let near = rule.near.as_ref().map(|NearFile { words, within }| Around {
            words: self.words("near", words),
            within: self.distance(&["near", "within"], *within, 1),
        });
        let names: Vec<&str> = rule.groups.keys().map(String::as_str).collect();
        self.groups(rule);
        Conditions {
            score,
            except: rule.except.iter().chain(excepted.iter().map(|term| &term.text)).map(keyword).collect(),
            except_patterns: rule.except_patterns.clone(),
            except_whole: rule.whole_word,
            near,
            raise: rule.raise.as_ref().map(|raise| shift(self, "raise", raise)),
            lower: rule.lower.as_ref().map(|lower| shift(self, "lower", lower)),
            groups: rule.groups.values().map(|words| words.iter().map(keyword).collect()).collect(),
            when: rule.when.as_ref().map(|when| self.when(when, &names)),
        }
    }

    /// A number from 0 to 1.
    pub(super) fn fraction(&mut self, path: &[&str], value: f32) -> f32 {
        if (0.0..=1.0).contains(&value) {
            return value;
        }
        let key = path.last().copied().unwrap_or_default();
        self.wrong(path, "wrong-value", format!("expected `{key}` from 0 to 1, found {value}"));
        0.0
    }

    /// A `threshold`, if there is a right one.
    pub(super) fn threshold(&mut self, value: Option<f32>) -> Option<Threshold> {
        let least = self.fraction(&["threshold"], value?);
        Threshold::try_from(least).ok()
    }

    fn distance(&mut self, path: &[&str], value: u32, least: u32) -> u32 {
        if !(least..=FURTHEST).contains(&value) {
            let key = path.last().copied().unwrap_or_default();
            let found = format!("expected `{key}` from {least} to {FURTHEST} characters, found {value}");
            self.wrong(path, "wrong-value", found);
            // Whether words fit into it cannot be told then.
            return FURTHEST;
        }
        value
    }

    fn words(&mut self, key: &str, words: &[String]) -> Vec<String> {
        if words.is_empty() {
            self.wrong(&[key, "words"], "empty", format!("`{key}` has no words"));
        }
        words.to_vec()
    }

    /// Groups are there for `when`, and each is used.
    fn groups(&mut self, rule: &RuleFile) {
        if rule.groups.len() > MOST_GROUPS {
            let found = format!("expected at most {MOST_GROUPS} groups, found {}", rule.groups.len());
            self.wrong(&["groups"], "wrong-value", found);
        }
        let named: Vec<&String> =
            rule.when.iter().flat_map(|when| [&when.all, &when.any, &when.not]).flatten().collect();
        // A misspelt name in `when` is said there.
        let misspelt = named.iter().any(|name| !rule.groups.contains_key(*name));
        for (name, words) in &rule.groups {
            if words.is_empty() {
                self.wrong(&["groups", name], "empty", format!("group `{name}` has no words"));
            }
            if !misspelt && !named.contains(&name) {
                self.wrong(&["groups", name], "unused", format!("group `{name}` stands in no `when`"));
            }
        }
    }

    fn when(&mut self, when: &WhenFile, names: &[&str]) -> When {
        if when.all.is_empty() && when.any.is_empty() && when.not.is_empty() {
            self.wrong(&["when"], "empty", "`when` names no group".to_owned());
        }
        let mut groups = |key: &str, named: &[String]| {
            let mut groups = Vec::new();
            for (index, name) in named.iter().enumerate() {
                match names.iter().position(|known| known == name) {
                    Some(group) => groups.push(group),
                    None => self.unknown(&["when", key, &index.to_string()], "group", name, names, true),
                }
            }
            groups
        };
        let (all, any, not) = (groups("all", &when.all), groups("any", &when.any), groups("not", &when.not));
        When {
            all,
            any,
            not,
            within: when.within.map(|within| self.distance(&["when", "within"], within, 1)),
            ahead: self.distance(&["when", "ahead"], when.ahead, 0),
        }
    }
}
