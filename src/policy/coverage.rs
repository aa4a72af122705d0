//! Coverage: how the rules of a policy stand against the types of a scheme, such as the 31 of TC260-003. No type is silently empty: what has
//! no rule says whose list is awaited or what else finds it.

use std::collections::HashSet;

use serde::Serialize;

use super::{Library, ListHead, Policy, Rule};

/// So many examples and counter-examples each type should have.
const LEAST_EXAMPLES: usize = 20;

/// A scheme's types with what a policy has for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// The scheme's id.
    pub scheme: String,
    /// Its title.
    pub title: String,
    /// The policy's name.
    pub policy: String,
    /// The types, in the scheme's order.
    pub types: Vec<Row>,
    /// How many terms all lists have for types that ask for some; a term that counts for several types counts once.
    pub terms: usize,
    /// How many the scheme asks for in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least_terms: Option<usize>,
    /// The lists that the operator brought for types that ask for terms.
    pub brought: Vec<Brought>,
}

/// A list that the operator brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Brought {
    /// The slot that it is for.
    pub slot: String,
    /// How many terms it holds.
    pub terms: usize,
    /// Who stands for it.
    pub head: ListHead,
}

/// What a policy has for one type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The type's code.
    pub code: String,
    /// What it is called.
    pub title: String,
    /// The same in Chinese.
    pub zh: String,
    /// Our categories that belong to it, as far as rules in force have them.
    pub categories: Vec<String>,
    /// Rules in force that look for something.
    pub rules: usize,
    /// Their terms: keywords and lists.
    pub terms: usize,
    /// How many the scheme asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub least_terms: Option<usize>,
    /// Their patterns.
    pub patterns: usize,
    /// Their examples and counter-examples.
    pub examples: usize,
    /// Slots in force that wait for an operator's list.
    pub awaited: Vec<String>,
    /// Why there is no rule, where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Row {
    /// Whether there are as many terms as the scheme asks for.
    pub fn is_met(&self) -> bool {
        self.least_terms.is_none_or(|least| self.terms >= least)
    }

    /// Whether some rule looks for it, and is tried with as many examples and counter-examples as each type should have.
    pub fn is_tried(&self) -> bool {
        self.rules > 0 && self.examples >= LEAST_EXAMPLES
    }
}

impl Coverage {
    pub(super) fn of(library: &Library, policy: &Policy, scheme: &str) -> Option<Self> {
        let taxonomy = library.taxonomy();
        let scheme = taxonomy.scheme(scheme)?;
        let mut rows: Vec<Row> = taxonomy
            .of_scheme(&scheme.id)
            .map(|one| Row {
                code: one.code.clone(),
                title: one.title.clone(),
                zh: one.zh.clone(),
                least_terms: one.least_terms.map(|least| least as usize),
                note: one.note.clone(),
                ..Row::default()
            })
            .collect();
        // Rules whose terms count in all.
        let mut counted = HashSet::new();
        let mut terms = 0;
        let mut brought = Vec::new();
        for (n, rule) in policy.in_force() {
            let codes: Vec<&str> = taxonomy.codes(&rule.category, &scheme.id).collect();
            let slot = library.slots().iter().find(|slot| slot.id == rule.id);
            for row in rows.iter_mut().filter(|row| codes.contains(&row.code.as_str())) {
                if !row.categories.contains(&rule.category) {
                    row.categories.push(rule.category.clone());
                }
                if slot.is_some_and(|slot| !slot.is_filled()) {
                    row.awaited.push(rule.id.clone());
                }
                row.add(rule);
                if row.least_terms.is_some() && counted.insert(n) {
                    terms += rule.counts.terms;
                    brought.extend(slot.and_then(|slot| {
                        let head = slot.head.clone()?;
                        Some(Brought { slot: slot.id.clone(), terms: slot.terms, head })
                    }));
                }
            }
        }
        for row in rows.iter_mut().filter(|row| row.rules > 0) {
            row.note = None;
        }
        Some(Self {
            scheme: scheme.id.clone(),
            title: scheme.title.clone(),
            policy: policy.name().to_owned(),
            types: rows,
            terms,
            least_terms: scheme.least_terms.map(|least| least as usize),
            brought,
        })
    }

    /// Whether there are as many terms as the scheme asks for, in all and in each type.
    pub fn is_met(&self) -> bool {
        self.least_terms.is_none_or(|least| self.terms >= least) && self.types.iter().all(Row::is_met)
    }

    /// Types without a rule, without a slot that waits for a list, and without a word on what else finds them.
    pub fn silent(&self) -> impl Iterator<Item = &Row> {
        self.types.iter().filter(|row| row.rules == 0 && row.awaited.is_empty() && row.note.is_none())
    }

    /// What is lacking, in a few words.
    pub fn lacking(&self) -> String {
        let short = self.types.iter().filter(|row| !row.is_met()).count();
        let of = self.types.iter().filter(|row| row.least_terms.is_some()).count();
        let mut out = Vec::new();
        if let Some(least) = self.least_terms.filter(|least| self.terms < *least) {
            out.push(format!("{} of {least} terms", self.terms));
        }
        if short > 0 {
            out.push(format!("{short} of {of} types have too few"));
        }
        out.join(", ")
    }
}

impl Row {
    fn add(&mut self, rule: &Rule) {
        let counts = rule.counts;
        if counts.terms + counts.patterns + counts.groups == 0 {
            return;
        }
        self.rules += 1;
        self.terms += counts.terms;
        self.patterns += counts.patterns;
        self.examples += counts.examples + counts.counter_examples;
    }
}
