//! What a rule looks for beside its words: by a model, in answers held against their requests, by patterns, and which folds it refuses.

use super::draft::At;
use super::file::{PatternFile, RuleFile};
use crate::detect::grounding;
use crate::detect::{Exact, ModelSpec, PatternSpec, Unsupported, Validator};

impl At<'_> {
    /// What the rule asks a model. `alone`: whether it looks for nothing else.
    pub(super) fn model(&mut self, id: &str, rule: &RuleFile, alone: bool) -> Option<ModelSpec> {
        let strict = match rule.hold.as_deref() {
            None | Some("relaxed") => false,
            Some("strict") => true,
            Some(other) => {
                self.unknown(&["hold"], "way to hold", other, &["relaxed", "strict"], true);
                false
            }
        };
        let Some(model) = &rule.model else {
            // A judge's rule holds without a model too.
            let holds = rule.hold.is_some() && rule.judge.is_none();
            for (key, written) in [
                ("class", rule.class.is_some()),
                ("one_in", rule.one_in.is_some()),
                ("every", rule.every.is_some()),
                ("hold", holds),
            ] {
                if written {
                    self.wrong(&[key], "model", format!("rule `{id}` says `{key}`, but asks no `model`"));
                }
            }
            return None;
        };
        if !alone {
            let message = format!(
                "rule `{id}` asks a model, and looks for words or patterns as well: make two rules of it"
            );
            self.wrong(&["model"], "model", message);
        }
        let one_in = rule.one_in.filter(|one_in| {
            let range = ModelSpec::COMMON..=ModelSpec::RARE;
            if !range.contains(one_in) {
                let message = format!(
                    "rule `{id}` says `one_in = {one_in}`; it goes from {} to {}",
                    range.start(),
                    range.end()
                );
                self.wrong(&["one_in"], "range", message);
            }
            range.contains(one_in)
        });
        let brought = rule.brought.clone();
        let class = rule.class.clone();
        let asked = ModelSpec { model: model.clone(), brought, class, strict, one_in, every: None };
        let every = rule.every.filter(|every| {
            let range = ModelSpec::SHORTEST..=ModelSpec::LONGEST;
            if asked.finds_places() {
                let message =
                    format!("rule `{id}` says `every`, but `{model}` finds places and judges no sentences");
                self.wrong(&["every"], "model", message);
            } else if !range.contains(every) {
                let (from, to) = (range.start(), range.end());
                let message = format!("rule `{id}` says `every = {every}`; it goes from {from} to {to}");
                self.wrong(&["every"], "range", message);
            }
            range.contains(every)
        });
        Some(ModelSpec { every, ..asked })
    }

    /// What the rule looks for that a request does not bear. `alone`: whether it looks for no words.
    pub(super) fn grounding(&mut self, id: &str, rule: &RuleFile, alone: bool) -> Option<Unsupported> {
        let word = rule.grounding.as_deref()?;
        let Some(kind) = Unsupported::named(word) else {
            let names = Unsupported::ALL.map(Unsupported::as_str);
            self.unknown(&["grounding"], "kind of what is unsupported", word, &names, true);
            return None;
        };
        if !alone || rule.model.is_some() {
            let message = format!(
                "rule `{id}` holds answers against their requests, and looks for words, patterns or by a model as well: make two rules of it"
            );
            self.wrong(&["grounding"], "grounding", message);
        }
        self.examples_of_two(id, rule);
        Some(kind)
    }

    /// Whether each example says what is asked and what is answered.
    pub(super) fn examples_of_two(&mut self, id: &str, rule: &RuleFile) {
        for (key, texts) in [("examples", &rule.examples), ("counter_examples", &rule.counter_examples)] {
            for (n, _) in texts.iter().enumerate().filter(|(_, text)| grounding::example(text).is_none()) {
                let message = format!(
                    "rule `{id}` holds answers against their requests: of {key} {} it cannot be told which is which; expected what the request says, a line `---`, and the answer",
                    n + 1
                );
                self.wrong(&[key], "grounding", message);
            }
        }
    }

    /// The folds that the rule refuses.
    pub(super) fn exact(&mut self, names: &[String], has_patterns: bool) -> Exact {
        let mut exact = Exact::default();
        for (i, name) in names.iter().enumerate() {
            if let Some(one) = Exact::from_name(name) {
                exact = exact.with(one);
            } else {
                let known: Vec<&str> = Exact::NAMES.iter().map(|(name, _)| *name).collect();
                self.unknown(&["exact", &i.to_string()], "fold", name, &known, true);
            }
        }
        if names.iter().any(|name| name == "case") && has_patterns {
            let message = "a pattern says for itself whether case counts: `case_sensitive = true`";
            self.wrong(&["exact"], "exact", message.to_owned());
        }
        exact
    }

    pub(super) fn pattern(&mut self, place: usize, pattern: PatternFile, score: Option<f32>) -> PatternSpec {
        let number = place.to_string();
        let own = pattern.score.map(|score| self.fraction(&["pattern", &number, "score"], score));
        let validator = pattern.validator.as_deref().and_then(|name| {
            let found = Validator::from_name(name);
            if found.is_none() {
                let names: Vec<&str> = Validator::names().collect();
                self.unknown(&["pattern", &place.to_string(), "validator"], "validator", name, &names, true);
            }
            found
        });
        PatternSpec {
            regex: pattern.regex,
            max_len: pattern.max_len,
            left: pattern.left,
            right: pattern.right,
            validator,
            group: pattern.group,
            context: pattern.context,
            score: own.or(score),
            case_sensitive: pattern.case_sensitive,
        }
    }
}
