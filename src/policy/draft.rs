//! From what is written about a rule to what is meant, with every mistake said where it stands.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use super::file::{ActionsFile, RuleFile};
use super::folds::folds;
use super::rule::{Action, Actions, Counts, Rule, Severity};
use super::state::RuleState;
use super::stated::{OF_LIST, Stated};
use crate::detect::{Folds, Keyword, RuleId, RuleSpec};
use crate::diag::{Diagnostic, Places, SourceFile, Span, Step, read_toml};
use crate::text::fold::fold_literal;

/// The array of tables in which rules stand.
pub(super) const RULE: &str = "rule";
/// What is wrong with a rule that nothing tries.
pub(super) const NO_EXAMPLE: &str = "no-example";
/// The category of what opens doors.
const SECRET: &str = "SECRET";
/// Bytes of a rule's or a slot's name.
const LONGEST_ID: usize = 128;
/// The array of tables in which slots stand.
pub(super) const SLOT: &str = "slot";

/// A rule on its way from file to engine.
pub(super) struct Draft {
    pub(super) rule: Rule,
    pub(super) spec: RuleSpec,
    file: Arc<SourceFile>,
    /// The places in the file, read again where something is wrong: keeping those of all files would cost more. The drafts of a file share
    /// them.
    pub(super) again: Arc<OnceLock<Places>>,
    /// [`RULE`] or [`SLOT`].
    table: &'static str,
    place: usize,
    pub(super) examples: Vec<String>,
    pub(super) counter_examples: Vec<String>,
    /// How many of its keywords stand in the rule itself; the others stand in lists.
    written: usize,
    listed: Vec<Term>,
    /// How many of its exceptions stand in the rule itself, and the others, which stand in lists.
    excepts: usize,
    excepted: Vec<Term>,
    /// Names of its groups, in the order of the specification.
    groups: Vec<String>,
    /// A list of its is not there.
    pub(super) lacks: bool,
    /// Whether its keywords are whole words.
    whole_word: bool,
    is_list: bool,
}

impl Draft {
    /// A mistake in what stands at `path` of the rule.
    pub(super) fn at(&self, path: &[Step<'_>], diagnostic: Diagnostic) -> Diagnostic {
        let mut steps: Vec<Step<'_>> = vec![self.table.into(), self.place.into()];
        steps.extend_from_slice(path);
        let places = self.again.get_or_init(|| read_toml::<toml::Table>(&self.file).places);
        match places.value(&steps) {
            Some(span) => diagnostic.at(&self.file, span, ""),
            None => diagnostic,
        }
    }

    /// A mistake in a keyword, which may stand in a list.
    pub(super) fn at_keyword(&self, n: usize, diagnostic: Diagnostic) -> Diagnostic {
        match n.checked_sub(self.written).and_then(|n| self.listed.get(n)) {
            Some(term) => diagnostic.at(&term.file, term.span, ""),
            None => self.at(&["keywords".into(), n.into()], diagnostic),
        }
    }

    /// A mistake in a term of its exceptions, which may stand in a list.
    pub(super) fn at_exception(&self, n: usize, diagnostic: Diagnostic) -> Diagnostic {
        match n.checked_sub(self.excepts).and_then(|n| self.excepted.get(n)) {
            Some(term) => diagnostic.at(&term.file, term.span, ""),
            None => self.at(&["except".into(), n.into()], diagnostic),
        }
    }

    /// Whether it is a list of a rule, with a state of its own.
    pub(super) fn is_list(&self) -> bool {
        self.is_list
    }

    /// One of its lists that has a state of its own: a rule that is as this one in everything else.
    pub(super) fn list(&self, number: RuleId, list: Stated) -> Self {
        let whole_word = self.whole_word;
        let keyword = |term: &Term| Keyword { text: term.text.clone(), whole_word };
        let keywords: Vec<Keyword> = list.terms.iter().map(keyword).collect();
        Self {
            rule: Rule {
                id: format!("{}{OF_LIST}{}", self.rule.id, list.name),
                state: list.state,
                list_of: Some(number),
                counts: Counts { terms: distinct(&keywords), ..Counts::default() },
                ..self.rule.clone()
            },
            spec: RuleSpec { keywords, patterns: Vec::new(), ..self.spec.clone() },
            file: Arc::clone(&self.file),
            again: Arc::clone(&self.again),
            written: 0,
            listed: list.terms,
            examples: Vec::new(),
            counter_examples: Vec::new(),
            groups: self.groups.clone(),
            excepted: self.excepted.clone(),
            is_list: true,
            ..*self
        }
    }

    /// Its lists are rules of their own. Where it has nothing beside them it looks for nothing: its groups say only when they count.
    pub(super) fn leave_lists(&mut self) {
        if self.spec.keywords.is_empty() && self.spec.patterns.is_empty() {
            self.spec = RuleSpec::default();
        }
    }

    /// The name of one of its groups.
    pub(super) fn group(&self, n: usize) -> &str {
        self.groups.get(n).map_or("", String::as_str)
    }
}

/// What a file says of actions.
#[derive(Debug, Clone, Copy)]
pub(super) struct ActionsWritten {
    all: Option<Action>,
    prompt: Option<Action>,
    output: Option<Action>,
    tool: Option<Action>,
}

impl ActionsWritten {
    /// The actions that follow, where the others are the ones given.
    pub(super) fn over(self, base: Actions) -> Actions {
        let base = self.all.map_or(base, Actions::all);
        Actions {
            prompt: self.prompt.unwrap_or(base.prompt),
            output: self.output.unwrap_or(base.output),
            tool: self.tool.unwrap_or(base.tool),
        }
    }
}

/// A line of a list.
#[derive(Debug, Clone)]
pub(super) struct Term {
    pub(super) text: String,
    file: Arc<SourceFile>,
    pub(super) span: Span,
}

/// The terms of a list: a line each, without those that begin with `#`.
pub(super) fn terms(file: &Arc<SourceFile>) -> Vec<Term> {
    let mut out = Vec::new();
    for (at, line) in file.each_line() {
        let text = line.trim();
        let start = at + (line.len() - line.trim_start().len());
        if !text.is_empty() && !text.starts_with('#') {
            let span = (start..start + text.len()).into();
            out.push(Term { text: text.to_owned(), file: Arc::clone(file), span });
        }
    }
    out
}

/// How many different terms there are; case and width make no difference.
fn distinct(keywords: &[Keyword]) -> usize {
    keywords.iter().map(|k| fold_literal(&k.text)).collect::<HashSet<_>>().len()
}

/// One entry of an array of tables, such as a `[[rule]]`, and where to say what is wrong with it.
pub(super) struct At<'a> {
    pub(super) file: &'a Arc<SourceFile>,
    pub(super) places: &'a Places,
    /// The array's name.
    pub(super) table: &'static str,
    pub(super) place: usize,
    /// Whether the file could be read as it is; else what seems to be missing may have been mistyped.
    pub(super) clean: bool,
    pub(super) found: &'a mut Vec<Diagnostic>,
}

impl At<'_> {
    pub(super) fn wrong(&mut self, path: &[&str], code: &'static str, message: impl Into<String>) {
        let diagnostic = self.here(path, Diagnostic::error(code, message));
        self.found.push(diagnostic);
    }

    pub(super) fn here(&self, path: &[&str], diagnostic: Diagnostic) -> Diagnostic {
        let mut steps: Vec<Step<'_>> = vec![self.table.into(), self.place.into()];
        steps.extend(path.iter().map(|s| s.parse::<usize>().map_or(Step::Key(s), Step::Item)));
        diagnostic.at(self.file, self.places.value(&steps).unwrap_or_default(), "")
    }

    pub(super) fn unknown(&mut self, path: &[&str], what: &str, name: &str, valid: &[&str], list: bool) {
        let diagnostic =
            self.here(path, Diagnostic::error("unknown-name", format!("unknown {what} `{name}`")));
        let diagnostic = if list {
            diagnostic.valid("valid", name, valid)
        } else {
            match crate::diag::nearest(name, valid) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic,
            }
        };
        self.found.push(diagnostic);
    }

    /// The name of a rule or slot within its pack: it stands in records, metrics and configurations, behind the pack's and a slash.
    pub(super) fn id(&mut self, key: &str, name: &str) {
        let sign = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !(1..=LONGEST_ID).contains(&name.len()) || !name.chars().all(sign) {
            let bad = Diagnostic::error("bad-name", format!("`{name}` cannot be a name"));
            let bad = bad.help(format!("1 to {LONGEST_ID} bytes of letters, digits, `-`, `_` and `.`; the pack's name and `/` come before it by themselves"));
            let bad = self.here(&[key], bad);
            self.found.push(bad);
        }
    }

    fn action(&mut self, path: &[&str], name: &str) -> Action {
        if let Some(action) = Action::from_name(name) {
            return action;
        }
        let names: Vec<&str> = Action::ALL.iter().map(|a| a.as_str()).collect();
        self.unknown(path, "action", name, &names, true);
        Action::default()
    }

    /// What is written about actions: one for every direction, and those of directions.
    pub(super) fn actions(&mut self, all: Option<&str>, each: &ActionsFile) -> ActionsWritten {
        let all = all.map(|name| self.action(&["action"], name));
        let mut one = |key: &str, name: &Option<String>| {
            name.as_deref().map(|name| self.action(&["actions", key], name))
        };
        ActionsWritten {
            all,
            prompt: one("prompt", &each.prompt),
            output: one("output", &each.output),
            tool: one("tool", &each.tool),
        }
    }

    /// What a rule means. `lists`: the terms of its lists; `excepted`: those of its `except_lists`.
    pub(super) fn draft(
        &mut self,
        id: String,
        rule: RuleFile,
        lists: Vec<Term>,
        excepted: Vec<Term>,
        of_pack: RuleState,
    ) -> Draft {
        let severity = match rule.severity.as_deref() {
            None => Severity::default(),
            Some(name) => Severity::ALL.into_iter().find(|s| s.as_str() == name).unwrap_or_else(|| {
                let names: Vec<&str> = Severity::ALL.iter().map(|s| s.as_str()).collect();
                self.unknown(&["severity"], "severity", name, &names, true);
                Severity::default()
            }),
        };
        let has_action =
            rule.action.is_some() || rule.actions.prompt.is_some() || rule.actions.output.is_some();
        if !has_action && rule.actions.tool.is_none() {
            self.wrong(&[], "missing", format!("rule `{id}` says no action"));
        }
        let actions = self.actions(rule.action.as_deref(), &rule.actions).over(Actions::default());
        let state = self.rule_state(&id, &rule, of_pack);
        let conditions = self.conditions(&rule, &excepted);
        let alone = rule.keywords.is_empty()
            && lists.is_empty()
            && rule.patterns.is_empty()
            && rule.groups.is_empty();
        let looks_for_documents = !rule.fingerprints.is_empty();
        let looks_for_claims = !rule.claims.is_empty();
        let kinds = [looks_for_documents, looks_for_claims, rule.system_prompt];
        let told_behind = kinds.contains(&true);
        let kinds = kinds.into_iter().chain([rule.model.is_some(), rule.grounding.is_some()]);
        let several = kinds.filter(|kind| *kind).count() > 1;
        if told_behind && (!alone || several) {
            let message = format!(
                "rule `{id}` looks for documents, statements or system prompts, and for words, patterns or by a model as well: make two rules of it"
            );
            let key = match (looks_for_documents, looks_for_claims) {
                (true, _) => "fingerprints",
                (false, true) => "claims",
                (false, false) => "system_prompt",
            };
            self.wrong(&[key], "fingerprints", message);
        }
        let model = self.model(&id, &rule, alone);
        let grounding = self.grounding(&id, &rule, alone);
        let judge = self.judge(&id, &rule, alone);
        if judge.is_some() {
            self.judged_actions(&id, actions, model.is_some());
        }
        if rule.system_prompt {
            self.examples_of_two(&id, &rule);
        }
        let marker = rule.marker.unwrap_or_else(|| format!("[{}]", rule.category.to_uppercase()));
        let replaces = [actions.prompt, actions.output, actions.tool].contains(&Action::Replace);
        if replaces && rule.replacement.is_none() {
            self.wrong(&["action"], "missing", format!("rule `{id}` replaces, but has no `replacement`"));
        }
        // What opens doors is not given back by default.
        let restore = rule.restore.unwrap_or(rule.category != SECRET);
        if restore && rule.category == SECRET {
            let message =
                format!("rule `{id}` finds secrets, and what stands for one gives it back to nobody");
            self.wrong(&["restore"], "restore", message);
        }
        let makes = |action: Action| matches!(action, Action::Pseudonymise | Action::Hash | Action::Partial);
        let judges = grounding.is_some() || model.as_ref().is_some_and(|model| !model.finds_places());
        let made = [actions.prompt, actions.output, actions.tool].into_iter().find(|action| makes(*action));
        if let Some(action) = made.filter(|_| judges) {
            let message = format!(
                "rule `{id}` judges sentences, of which `{}` makes nothing; expected `allow`, `flag`, `mask`, `replace` or `block`",
                action.as_str()
            );
            self.wrong(&["action"], "action", message);
        }
        // What a slot's list holds is the operator's; its terms are their own examples.
        let is_slot = self.table == SLOT;
        for (key, texts) in [("examples", &rule.examples), ("counter_examples", &rule.counter_examples)] {
            // A passage of a document that nobody may see is no example.
            // What a judge says of an example is not known before it is asked.
            if texts.is_empty() && !is_slot && !looks_for_documents && judge.is_none() {
                self.wrong(&["id"], NO_EXAMPLE, format!("rule `{id}` has no `{key}`"));
            }
        }
        let keywords: Vec<Keyword> = rule
            .keywords
            .iter()
            .chain(lists.iter().map(|term| &term.text))
            .map(|text| Keyword { text: text.clone(), whole_word: rule.whole_word })
            .collect();
        let from_lists = rule.lists.len() + rule.list_urls.len() + rule.stated_lists.len();
        let names = [keywords.len(), rule.patterns.len(), from_lists, rule.groups.len()];
        let other =
            is_slot || told_behind || rule.model.is_some() || rule.grounding.is_some() || judge.is_some();
        if self.clean && names == [0; 4] && !other {
            self.wrong(
                &["id"],
                "missing",
                format!(
                    "rule `{id}` looks for nothing: no `keywords`, `lists`, `groups`, `model`, `judge`, `grounding`, `fingerprints`, `claims`, `system_prompt` or `[[rule.pattern]]`"
                ),
            );
        }
        let exact = self.exact(&rule.exact, !rule.patterns.is_empty());
        let folds = folds(&rule.category, !exact.is_empty(), rule.separators, rule.leet, rule.repeats);
        if !exact.is_empty() && folds != Folds::default() {
            let message = "a rule that is `exact` cannot see through `separators`, `leet` or `repeats`";
            self.wrong(&["exact"], "exact", message.to_owned());
        }
        let threshold = self.threshold(rule.threshold).unwrap_or_default();
        let counts = Counts {
            terms: distinct(&keywords),
            patterns: rule.patterns.len(),
            groups: rule.groups.values().map(Vec::len).sum(),
            examples: if is_slot { 0 } else { rule.examples.len() },
            counter_examples: rule.counter_examples.len(),
        };
        let groups = rule.groups.into_keys().collect();
        let patterns = rule.patterns.into_iter().enumerate();
        let patterns = patterns.map(|(i, p)| self.pattern(i, p, rule.score)).collect();
        Draft {
            spec: RuleSpec {
                keywords,
                patterns,
                folds,
                conditions,
                exact,
                model: model.clone(),
                grounding,
                system_prompt: rule.system_prompt,
                ..RuleSpec::default()
            },
            rule: Rule {
                id,
                title: rule.title,
                category: rule.category,
                severity,
                actions,
                threshold,
                marker: marker.into(),
                replacement: rule.replacement.map(Into::into),
                restore,
                basis: super::loader::basis(&rule.basis),
                message: rule.message,
                encoded: rule.encoded,
                always: rule.always,
                state,
                list_of: None,
                counts,
                model,
                judge,
                grounding,
                told_behind,
                // Told once its pack and the taxonomy are known.
                ..Rule::default()
            },
            written: rule.keywords.len(),
            listed: lists,
            excepts: rule.except.len(),
            excepted,
            file: Arc::clone(self.file),
            again: Arc::default(),
            table: self.table,
            place: self.place,
            examples: rule.examples,
            counter_examples: rule.counter_examples,
            groups,
            lacks: false,
            whole_word: rule.whole_word,
            is_list: false,
        }
    }
}
