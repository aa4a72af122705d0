//! All packs and profiles of a folder, compiled into one engine; policies are selections from it.
//!
//! Three steps: what is written ([`super::file`]) -> what is meant (names resolved, every mistake collected) -> what runs (compiled, the
//! rules' own examples tried). Loading is all or nothing (promise 6).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::file::{ActionsFile, PackFile, PatternFile, ProfileFile, RuleFile, RulesFile};
use super::files::{self, Files, hash, hash_of, version};
use super::folds::folds;
use super::list_url::list_url;
use super::mistake::{Mistake, Setting};
use super::rule::{Action, Actions, Basis, Choice, Policy, Rule, Severity};
use super::{BlockAs, PolicySettings, Unscanned, canary_rule};
use crate::detect::{
    Engine, Exact, Folds, Keyword, PatternSpec, Place, RuleId, RuleSet, RuleSpec, TextKind, Validator,
    scan_all, scan_encoded,
};
use crate::diag::{Diagnostic, SourceFile, Step, read_toml};

/// The profile that detects with every rule and changes nothing.
pub const MEASURE: &str = "measure";

/// Packs and profiles, compiled.
#[derive(Debug)]
pub struct Library {
    engine: Arc<Engine>,
    rules: Arc<[Rule]>,
    /// What each rule looks for.
    specs: Vec<RuleSpec>,
    /// Numbers of each pack's rules.
    packs: BTreeMap<String, Vec<usize>>,
    profiles: BTreeMap<String, Profile>,
    version: String,
    /// Hash of what the engine looks for.
    looks_for: String,
}

#[derive(Debug, Clone, Default)]
struct Profile {
    packs: Vec<String>,
    unscanned: Unscanned,
    block_as: BlockAs,
    changes: Vec<(usize, Choice)>,
}

/// A rule on its way from file to engine.
struct Draft {
    rule: Rule,
    spec: RuleSpec,
    file: Arc<SourceFile>,
    place: usize,
    examples: Vec<String>,
    counter_examples: Vec<String>,
    /// Names of its groups, in the order of the specification.
    groups: Vec<String>,
    /// A list of its is not there.
    lacks: bool,
}

impl Library {
    /// The packs and profiles that ship with the gateway.
    pub fn embedded() -> Result<Self, Vec<Diagnostic>> {
        Self::load(&files::embedded())
    }

    /// The packs and profiles of a folder.
    pub fn from_dir(dir: &Path) -> Result<Self, Vec<Diagnostic>> {
        Self::load(&files::read_dir(dir).map_err(|error| vec![error])?)
    }

    /// One pack, the folder of which this is.
    pub fn from_pack(dir: &Path) -> Result<Self, Vec<Diagnostic>> {
        Self::load(&files::read_pack(dir).map_err(|error| vec![error])?)
    }

    /// Loads files: everything, or every mistake.
    pub fn load(files: &Files) -> Result<Self, Vec<Diagnostic>> {
        Self::load_after(None, files)
    }

    /// The same, taking from an earlier library what was compiled there: the whole engine, where rules look for what they did.
    pub fn load_after(before: Option<&Self>, files: &Files) -> Result<Self, Vec<Diagnostic>> {
        Self::load_all(before, files, false)
    }

    /// The same of files that may lack lists from URLs: good for finding mistakes.
    pub fn load_lacking(files: &Files) -> Result<Self, Vec<Diagnostic>> {
        Self::load_all(None, files, true)
    }

    fn load_all(before: Option<&Self>, files: &Files, may_lack: bool) -> Result<Self, Vec<Diagnostic>> {
        let (drafts, packs, found) = Default::default();
        let mut loader = Loader { files, may_lack, drafts, packs, found };
        loader.packs();
        let profiles = loader.profiles();
        let Loader { mut drafts, packs, mut found, .. } = loader;
        if !found.is_empty() {
            crate::diag::sort(&mut found);
            return Err(found);
        }
        let canary = canary_rule();
        let (mut rules, mut specs): (Vec<Rule>, Vec<RuleSpec>) =
            drafts.iter_mut().map(|d| (std::mem::take(&mut d.rule), std::mem::take(&mut d.spec))).unzip();
        rules.push(canary.0);
        specs.push(canary.1);
        let looks_for = hash_of(&specs);
        let engine = match before {
            Some(before) if before.looks_for == looks_for => Arc::clone(&before.engine),
            before => {
                let before = before.map(|before| &*before.engine);
                let engine = Engine::compile_after(before, &specs);
                Arc::new(engine.map_err(|errors| uncompiled(&errors, &drafts))?)
            }
        };
        let library =
            Self { engine, rules: rules.into(), specs, packs, profiles, version: version(files), looks_for };
        let failed = library.try_examples(&drafts);
        if failed.is_empty() { Ok(library) } else { Err(failed) }
    }

    /// What each rule looks for, by rule number.
    pub(super) fn specs(&self) -> &[RuleSpec] {
        &self.specs
    }

    /// What a rule looks for.
    pub(super) fn spec(&self, rule: RuleId) -> Option<&RuleSpec> {
        self.specs.get(rule.0 as usize)
    }

    /// The same without the terms themselves, which nobody asks for but who explains: a long list is long.
    #[must_use]
    pub fn unexplained(self) -> Self {
        Self { specs: Vec::new(), ..self }
    }

    /// Names of the profiles.
    pub fn profiles(&self) -> Vec<&str> {
        self.profiles.keys().map(String::as_str).chain([MEASURE]).collect()
    }

    /// Names of the packs.
    pub fn packs(&self) -> Vec<&str> {
        self.packs.keys().map(String::as_str).collect()
    }

    /// The policy that settings ask for.
    pub fn policy(&self, settings: &PolicySettings) -> Result<Policy, Vec<Diagnostic>> {
        self.policy_or_mistakes(settings)
            .map_err(|found| found.into_iter().map(|mistake| mistake.diagnostic).collect())
    }

    /// The policy that settings ask for, or all that is wrong with them and where.
    pub fn policy_or_mistakes(&self, settings: &PolicySettings) -> Result<Policy, Vec<Mistake>> {
        let mut found = Vec::new();
        let mut wrong = |setting, diagnostic| found.push(Mistake { setting, diagnostic });
        let profile = if settings.profile == MEASURE {
            Profile {
                packs: self.packs.keys().cloned().collect(),
                unscanned: Unscanned::Flag,
                block_as: BlockAs::Error,
                changes: (0..self.rules.len())
                    .map(|n| (n, Choice { actions: Actions::all(Action::Flag), ..Choice::default() }))
                    .collect(),
            }
        } else if let Some(profile) = self.profiles.get(&settings.profile) {
            profile.clone()
        } else {
            let unknown =
                Diagnostic::error("unknown-profile", format!("unknown profile `{}`", settings.profile));
            wrong(Setting::Profile, unknown.valid("profiles", &settings.profile, &self.profiles()));
            Profile::default()
        };
        for (n, pack) in settings.packs.iter().enumerate().filter(|(_, pack)| !self.packs.contains_key(*pack))
        {
            let unknown = Diagnostic::error("unknown-pack", format!("unknown pack `{pack}`"));
            wrong(Setting::Pack(n), unknown.valid("packs", pack, &self.packs()));
        }
        let mut choices = vec![Choice::default(); self.rules.len()];
        // Loading has seen that the packs of a profile are there.
        for number in profile.packs.iter().chain(&settings.packs).filter_map(|p| self.packs.get(p)).flatten()
        {
            if let (Some(slot), Some(rule)) = (choices.get_mut(*number), self.rules.get(*number)) {
                *slot = rule.choice();
            }
        }
        for (n, change) in &profile.changes {
            if let Some(slot) = choices.get_mut(*n) {
                *slot = *change;
            }
        }
        let mut change = |id: &String, setting: &dyn Fn(String) -> Setting, set: &dyn Fn(&mut Choice)| {
            let number = self.rules.iter().position(|rule| rule.id == *id);
            if let Some(slot) = number.and_then(|n| choices.get_mut(n)) {
                return set(slot);
            }
            let ids: Vec<&str> = self.rules.iter().map(|rule| rule.id.as_str()).collect();
            let unknown = Diagnostic::error("unknown-rule", format!("unknown rule `{id}`"));
            let explained = match crate::diag::nearest(id, &ids) {
                Some(near) => unknown.help(format!("did you mean `{near}`?")),
                None => unknown.help("a rule is called by its pack and its id: `privacy/email`"),
            };
            wrong(setting(id.clone()), explained);
        };
        for (id, action) in &settings.actions {
            change(id, &Setting::Action, &|choice| choice.actions = Actions::all(*action));
        }
        for (id, threshold) in &settings.thresholds {
            change(id, &Setting::Threshold, &|choice| choice.threshold = *threshold);
        }
        // The canary is in every policy, whatever a profile says.
        if let Some(last) = choices.last_mut() {
            *last = Choice { actions: Actions::all(Action::Mask), ..Choice::default() };
        }
        if !found.is_empty() {
            return Err(found);
        }
        let unscanned = settings.unscanned.unwrap_or(profile.unscanned);
        let block_as = settings.block_as.unwrap_or(profile.block_as);
        Ok(self.select(&settings.profile, choices, unscanned, block_as))
    }

    /// A policy over the shared engine. Its version is a hash of what the library holds and of what the policy makes of it.
    fn select(&self, name: &str, choices: Vec<Choice>, unscanned: Unscanned, block_as: BlockAs) -> Policy {
        let chosen = format!("{name} {unscanned:?} {block_as:?} {choices:?}");
        let version = hash(&[&self.version, &chosen]);
        let (engine, rules) = (Arc::clone(&self.engine), Arc::clone(&self.rules));
        Policy::new(name.to_owned(), version, engine, rules, choices, unscanned, block_as)
    }

    /// The policy of one pack alone.
    pub fn pack_policy(&self, pack: &str) -> Option<Policy> {
        Some(self.as_they_stand(pack, self.packs.get(pack)?))
    }

    /// The policy of all packs as they stand.
    pub fn packs_policy(&self) -> Policy {
        self.as_they_stand("packs", self.packs.values().flatten())
    }

    fn as_they_stand<'n>(&self, name: &str, numbers: impl IntoIterator<Item = &'n usize>) -> Policy {
        let mut choices = vec![Choice::default(); self.rules.len()];
        for &n in numbers {
            if let (Some(slot), Some(rule)) = (choices.get_mut(n), self.rules.get(n)) {
                *slot = rule.choice();
            }
        }
        self.select(name, choices, Unscanned::default(), BlockAs::default())
    }

    /// Hash of everything loaded.
    pub fn version(&self) -> &str {
        &self.version
    }

    fn try_examples(&self, drafts: &[Draft]) -> Vec<Diagnostic> {
        let mut failed = Vec::new();
        for (n, draft) in drafts.iter().enumerate() {
            let mut rules: RuleSet = [RuleId(n as u32)].into_iter().collect();
            let threshold = self.rules.get(n).map_or(0.0, |rule| rule.threshold.score());
            rules.set_threshold(RuleId(n as u32), threshold);
            let encoded = self.rules.get(n).is_some_and(|rule| rule.encoded);
            let finds = |text: &str| {
                let (engine, kind) = (&self.engine, TextKind::Plain);
                !scan_all(engine, &rules, kind, text).is_empty()
                    || encoded && !scan_encoded(engine, &rules, kind, text, &[]).found.is_empty()
            };
            let id = self.rules.get(n).map(|r| r.id.as_str()).unwrap_or_default();
            for (texts, key, want) in
                [(&draft.examples, "examples", true), (&draft.counter_examples, "counter_examples", false)]
            {
                // What a list would find that is not there, nobody knows.
                let texts = texts.iter().enumerate().filter(|_| !(want && draft.lacks));
                for (i, text) in texts.filter(|(_, t)| finds(t) != want) {
                    let what = if want { "does not find its example" } else { "finds its counter-example" };
                    let path: [Step<'_>; 4] = ["rule".into(), draft.place.into(), key.into(), i.into()];
                    let mut diagnostic =
                        Diagnostic::error("example", format!("rule `{id}` {what} {}", i + 1));
                    let places = read_toml::<RulesFile>(&draft.file).places;
                    if let Some(span) = places.value(&path) {
                        diagnostic = diagnostic.at(&draft.file, span, "");
                    } else {
                        diagnostic = diagnostic.help(format!("the text is {} bytes long", text.len()));
                    }
                    failed.push(diagnostic);
                }
            }
        }
        failed
    }
}

/// A term a line, `#` comments.
fn terms_of(file: &SourceFile) -> impl Iterator<Item = String> + '_ {
    let lines = file.text().lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned)
}

fn uncompiled(errors: &[crate::detect::CompileError], drafts: &[Draft]) -> Vec<Diagnostic> {
    errors
        .iter()
        .map(|error| {
            let diagnostic = Diagnostic::error("pattern", error.reason.clone());
            let Some(draft) = drafts.get(error.rule) else { return diagnostic };
            let places = read_toml::<RulesFile>(&draft.file).places;
            let mut path: Vec<Step<'_>> = vec!["rule".into(), draft.place.into()];
            let within: Vec<Step<'_>> = match error.place {
                Place::Pattern(n) => vec!["pattern".into(), n.into(), "regex".into()],
                Place::Keyword(n) => vec!["keywords".into(), n.into()],
                Place::Except(n) => vec!["except".into(), n.into()],
                Place::ExceptPattern(n) => vec!["except_patterns".into(), n.into()],
                Place::Near(n) => vec!["near".into(), "words".into(), n.into()],
                Place::Raise(n) => vec!["raise".into(), "words".into(), n.into()],
                Place::Lower(n) => vec!["lower".into(), "words".into(), n.into()],
                Place::Group(group, n) => {
                    let name = draft.groups.get(group).map_or("", String::as_str);
                    vec!["groups".into(), name.into(), n.into()]
                }
            };
            path.extend(within);
            match places.value(&path) {
                Some(span) => diagnostic.at(&draft.file, span, ""),
                None => diagnostic,
            }
        })
        .collect()
}

struct Loader<'f> {
    files: &'f Files,
    /// Lists from URLs may be missing.
    may_lack: bool,
    drafts: Vec<Draft>,
    packs: BTreeMap<String, Vec<usize>>,
    found: Vec<Diagnostic>,
}

impl Loader<'_> {
    fn packs(&mut self) {
        let files = self.files;
        // Rules without their `pack.toml` would be read by nobody.
        for (path, file) in files {
            if let Some((folder, _)) = path.split_once("/rules/")
                && !files.contains_key(&format!("{folder}/pack.toml"))
            {
                let lost = Diagnostic::error("no-pack", format!("there is no `{folder}/pack.toml`"));
                let lost = lost.at(file, crate::diag::Span::default(), "these rules belong to no pack");
                self.found.push(lost.help("a pack has `name`, `version`, `licence` and `title`"));
            }
        }
        for (path, file) in files.iter().filter(|(p, _)| p.ends_with("/pack.toml")) {
            let folder = path.trim_end_matches("pack.toml");
            let read = read_toml::<PackFile>(file);
            self.found.extend(read.diagnostics);
            let Some(pack) = read.value else { continue };
            if pack.name != folder.trim_end_matches('/') {
                let place = read.places.value(&["name".into()]).unwrap_or_default();
                let wrong = Diagnostic::error(
                    "pack-name",
                    format!("the pack in `{folder}` calls itself `{}`", pack.name),
                );
                self.found.push(wrong.at(file, place, "").help("a pack has the name of its folder"));
            }
            for (key, value) in
                [("version", &pack.version), ("licence", &pack.licence), ("title", &pack.title)]
            {
                if value.trim().is_empty() {
                    let place = read.places.value(&[key.into()]).unwrap_or_default();
                    self.found
                        .push(Diagnostic::error("empty", format!("`{key}` is empty")).at(file, place, ""));
                }
            }
            self.packs.entry(pack.name.clone()).or_default();
            let rules = format!("{folder}rules/");
            for (_, file) in files.iter().filter(|(p, _)| p.starts_with(&rules) && p.ends_with(".toml")) {
                self.rules(&pack.name, folder, file);
            }
        }
    }

    fn rules(&mut self, pack: &str, folder: &str, file: &Arc<SourceFile>) {
        let read = read_toml::<RulesFile>(file);
        let clean = read.diagnostics.is_empty();
        self.found.extend(read.diagnostics);
        let Some(rules) = read.value else { return };
        for (place, rule) in rules.rules.into_iter().enumerate() {
            let mut at = At { file, places: &read.places, place, clean, found: &mut self.found };
            let id = format!("{pack}/{}", rule.id);
            if self.drafts.iter().any(|d| d.rule.id == id) {
                at.wrong(&["id"], "duplicate", format!("rule `{id}` is there twice"));
            }
            let mut lists = at.lists("lists", &rule.lists, folder, self.files);
            let (more, lacks) = at.list_urls(&rule, self.files, self.may_lack);
            lists.extend(more);
            let excepted = at.lists("except_lists", &rule.except_lists, folder, self.files);
            let draft = Draft { lacks, ..at.draft(id, rule, &lists, &excepted) };
            self.packs.entry(pack.to_owned()).or_default().push(self.drafts.len());
            self.drafts.push(draft);
        }
    }

    fn profiles(&mut self) -> BTreeMap<String, Profile> {
        let mut out = BTreeMap::new();
        let files = self.files;
        for (path, file) in files.iter().filter(|(p, _)| p.starts_with("profiles/")) {
            let read = read_toml::<ProfileFile>(file);
            self.found.extend(read.diagnostics);
            let Some(profile) = read.value else { continue };
            if path.as_str() != format!("profiles/{}.toml", profile.name) {
                let place = read.places.value(&["name".into()]).unwrap_or_default();
                let wrong =
                    Diagnostic::error("profile-name", format!("the profile calls itself `{}`", profile.name));
                self.found.push(wrong.at(file, place, "").help("a profile has the name of its file"));
            }
            for (i, pack) in profile.packs.iter().enumerate().filter(|(_, p)| !self.packs.contains_key(*p)) {
                let place = read.places.value(&["packs".into(), i.into()]).unwrap_or_default();
                let names: Vec<&String> = self.packs.keys().collect();
                let wrong =
                    Diagnostic::error("unknown-pack", format!("unknown pack `{pack}`")).at(file, place, "");
                self.found.push(wrong.valid("packs", pack, &names));
            }
            let mut changes = Vec::new();
            for (place, change) in profile.rules.iter().enumerate() {
                let mut at = At { file, places: &read.places, place, clean: true, found: &mut self.found };
                let Some(n) = self.drafts.iter().position(|d| d.rule.id == change.id) else {
                    let ids: Vec<&str> = self.drafts.iter().map(|d| d.rule.id.as_str()).collect();
                    at.unknown(&["id"], "rule", &change.id, &ids, false);
                    continue;
                };
                let base = self.drafts.get(n).map(|d| d.rule.choice()).unwrap_or_default();
                let actions = at.actions(change.action.as_deref(), &change.actions, Some(base.actions));
                let threshold = at.threshold(change.threshold).unwrap_or(base.threshold);
                changes.push((n, Choice { actions, threshold }));
            }
            let Profile { .. } = *out.entry(profile.name).or_insert(Profile {
                packs: profile.packs,
                unscanned: profile.unscanned,
                block_as: profile.block_as,
                changes,
            });
        }
        out
    }
}

/// One `[[rule]]` of a file, and where to say what is wrong with it.
pub(super) struct At<'a> {
    file: &'a Arc<SourceFile>,
    places: &'a crate::diag::Places,
    place: usize,
    /// Whether the file could be read as it is; else what seems to be missing may have been mistyped.
    clean: bool,
    found: &'a mut Vec<Diagnostic>,
}

impl At<'_> {
    pub(super) fn wrong(&mut self, path: &[&str], code: &'static str, message: String) {
        let diagnostic = self.here(path, Diagnostic::error(code, message));
        self.found.push(diagnostic);
    }

    fn here(&self, path: &[&str], diagnostic: Diagnostic) -> Diagnostic {
        let mut steps: Vec<Step<'_>> = vec!["rule".into(), self.place.into()];
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

    /// The terms of the lists that are named under `key`.
    fn lists(&mut self, key: &str, lists: &[String], folder: &str, files: &Files) -> Vec<String> {
        let mut terms = Vec::new();
        for (i, list) in lists.iter().enumerate() {
            if let Some(file) = files.get(&format!("{folder}lists/{list}")) {
                terms.extend(terms_of(file));
            } else {
                let prefix = format!("{folder}lists/");
                let names: Vec<&str> = files.keys().filter_map(|k| k.strip_prefix(&prefix)).collect();
                self.unknown(&[key, &i.to_string()], "list", list, &names, true);
            }
        }
        terms
    }

    /// The terms of the rule's lists from URLs, and whether one of them is not there.
    fn list_urls(&mut self, rule: &RuleFile, files: &Files, may_lack: bool) -> (Vec<String>, bool) {
        let (mut terms, mut lacks) = (Vec::new(), false);
        for (n, list) in rule.list_urls.iter().enumerate() {
            let number = n.to_string();
            // What seems to be missing may have been mistyped.
            if !self.clean && list.sha256.is_none() && list.public_key.is_none() {
                continue;
            }
            match list_url(list, self.file, self.places, self.place, n) {
                Err((key, why)) => self.wrong(&["list_url", &number, key], "list-url", why),
                Ok(list) => match files.get(&list.path()) {
                    Some(file) => terms.extend(terms_of(file)),
                    None if may_lack => lacks = true,
                    None => {
                        let message = format!("there is no copy of the list `{}`", list.url);
                        let missing = Diagnostic::error("no-list", message)
                            .help("a gateway fetches it: `serve` with a configuration that names the host in `list_hosts`");
                        let missing = self.here(&["list_url", &number, "url"], missing);
                        self.found.push(missing);
                    }
                },
            }
        }
        (terms, lacks)
    }

    fn action(&mut self, path: &[&str], name: &str) -> Action {
        if let Some(action) = Action::from_name(name) {
            return action;
        }
        let names: Vec<&str> = Action::ALL.iter().map(|a| a.as_str()).collect();
        self.unknown(path, "action", name, &names, true);
        Action::default()
    }

    fn actions(&mut self, all: Option<&str>, each: &ActionsFile, base: Option<Actions>) -> Actions {
        let mut out = match all {
            Some(name) => Actions::all(self.action(&["action"], name)),
            None => base.unwrap_or_default(),
        };
        for (slot, name, key) in [
            (&mut out.prompt, &each.prompt, "prompt"),
            (&mut out.output, &each.output, "output"),
            (&mut out.tool, &each.tool, "tool"),
        ] {
            if let Some(name) = name {
                *slot = self.action(&["actions", key], name);
            }
        }
        out
    }

    fn draft(&mut self, id: String, rule: RuleFile, lists: &[String], excepted: &[String]) -> Draft {
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
        let actions = self.actions(rule.action.as_deref(), &rule.actions, None);
        let conditions = self.conditions(&rule, excepted);
        let marker = rule.marker.unwrap_or_else(|| format!("[{}]", rule.category.to_uppercase()));
        let replaces = [actions.prompt, actions.output, actions.tool].contains(&Action::Replace);
        if replaces && rule.replacement.is_none() {
            self.wrong(&["action"], "missing", format!("rule `{id}` replaces, but has no `replacement`"));
        }
        for (key, texts) in [("examples", &rule.examples), ("counter_examples", &rule.counter_examples)] {
            if texts.is_empty() {
                self.wrong(&["id"], "missing", format!("rule `{id}` has no `{key}`"));
            }
        }
        let keywords: Vec<Keyword> = rule
            .keywords
            .iter()
            .chain(lists)
            .map(|text| Keyword { text: text.clone(), whole_word: rule.whole_word })
            .collect();
        let lists = rule.lists.len() + rule.list_urls.len();
        let names = [keywords.len(), rule.patterns.len(), lists, rule.groups.len()];
        if self.clean && names == [0; 4] {
            self.wrong(
                &["id"],
                "missing",
                format!(
                    "rule `{id}` looks for nothing: no `keywords`, `lists`, `groups` or `[[rule.pattern]]`"
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
        let groups = rule.groups.into_keys().collect();
        let patterns = rule.patterns.into_iter().enumerate();
        let patterns = patterns.map(|(i, p)| self.pattern(i, p, rule.score)).collect();
        Draft {
            spec: RuleSpec { keywords, patterns, folds, conditions, exact },
            rule: Rule {
                id,
                title: rule.title,
                category: rule.category,
                severity,
                actions,
                threshold,
                marker: marker.into(),
                replacement: rule.replacement.map(Into::into),
                basis: rule
                    .basis
                    .into_iter()
                    .map(|b| Basis { law: b.law, article: b.article, link: b.link })
                    .collect(),
                message: rule.message,
                encoded: rule.encoded,
            },
            file: Arc::clone(self.file),
            place: self.place,
            examples: rule.examples,
            counter_examples: rule.counter_examples,
            groups,
            lacks: false,
        }
    }

    /// The folds that the rule refuses.
    fn exact(&mut self, names: &[String], has_patterns: bool) -> Exact {
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

    fn pattern(&mut self, place: usize, pattern: PatternFile, score: Option<f32>) -> PatternSpec {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn files(pairs: &[(&str, &str)]) -> Files {
        pairs.iter().map(|(p, t)| ((*p).to_owned(), SourceFile::new(format!("filters/{p}"), *t))).collect()
    }

    #[test]
    fn the_packs_that_ship_load_and_find_their_examples() {
        match Library::embedded() {
            Ok(library) => assert!(library.packs().len() >= 3),
            Err(found) => panic!("{}", found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
        }
    }

    #[test]
    fn every_mistake_is_said_with_its_place() {
        let pack = "name = \"p\"\nversion = \"1\"\nlicence = \"Apache-2.0\"\ntitle = \"t\"\n";
        let rules = "[[rule]]\nid = \"a\"\ntitle = \"t\"\ncategory = \"C\"\naction = \"maks\"\nlists = [\"x.txt\"]\nexamples = [\"x\"]\n\
            [[rule]]\nid = \"b\"\ntitle = \"t\"\ncategory = \"C\"\naction = \"mask\"\nkeyword = [\"x\"]\n\
            [[rule]]\nid = \"a\"\ntitle = \"t\"\ncategory = \"C\"\naction = \"replace\"\nkeywords = [\"x\"]\nexamples = [\"x\"]\n";
        let loaded = Library::load(&files(&[("p/pack.toml", pack), ("p/rules/r.toml", rules)]));
        let said: Vec<String> = loaded.err().unwrap_or_default().iter().map(ToString::to_string).collect();
        for want in [
            "r.toml:5:10: error[unknown-name]: unknown action `maks`; did you mean `mask`?",
            "r.toml:6:10: error[unknown-name]: unknown list `x.txt`",
            "unknown key `keyword`",
            "rule `p/a` is there twice",
            "rule `p/a` replaces, but has no `replacement`",
            "rule `p/b` has no `examples`",
        ] {
            assert!(said.iter().any(|s| s.contains(want)), "{want} is not in {said:#?}");
        }
    }

    #[test]
    fn a_rule_says_which_folds_it_refuses() {
        let pack = "name = \"p\"\nversion = \"1\"\nlicence = \"Apache-2.0\"\ntitle = \"t\"\n";
        let rule = |more: &str| {
            format!(
                "[[rule]]\nid = \"a\"\ntitle = \"t\"\ncategory = \"HATE\"\naction = \"mask\"\nkeywords = [\"ACE\"]\n{more}\n"
            )
        };
        let good = rule(
            "exact = [\"case\", \"marks\"]\nexamples = [\"an ACE\"]\ncounter_examples = [\"ace\", \"ÀCE\", \"A.C.E\"]",
        );
        Library::load(&files(&[("p/pack.toml", pack), ("p/rules/r.toml", &good)])).expect("it loads");
        let disguised = rule("examples = [\"A.C.E\", \"4ce\", \"aaace\"]\ncounter_examples = [\"x\"]");
        Library::load(&files(&[("p/pack.toml", pack), ("p/rules/r.toml", &disguised)])).expect("it loads");
        let bad = rule("exact = [\"cases\"]\nleet = true\nexamples = [\"ACE\"]\ncounter_examples = [\"x\"]");
        let loaded = Library::load(&files(&[("p/pack.toml", pack), ("p/rules/r.toml", &bad)]));
        let said: Vec<String> = loaded.err().unwrap_or_default().iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|s| s.contains("did you mean `case`?")), "{said:?}");
        let bad = rule("exact = [\"all\"]\nleet = true\nexamples = [\"ACE\"]\ncounter_examples = [\"x\"]");
        let loaded = Library::load(&files(&[("p/pack.toml", pack), ("p/rules/r.toml", &bad)]));
        let said: Vec<String> = loaded.err().unwrap_or_default().iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|s| s.contains("cannot see through `separators`")), "{said:?}");
    }

    #[test]
    fn a_rule_that_fails_its_example_loads_nothing() {
        let pack = "name = \"p\"\nversion = \"1\"\nlicence = \"Apache-2.0\"\ntitle = \"t\"\n";
        let rules = "[[rule]]\nid = \"a\"\ntitle = \"t\"\ncategory = \"C\"\naction = \"mask\"\nkeywords = [\"x\"]\nexamples = [\"x\", \"y\"]\ncounter_examples = [\"q\"]\n";
        let loaded = Library::load(&files(&[("p/pack.toml", pack), ("p/rules/r.toml", rules)]));
        let said: Vec<String> = loaded.err().unwrap_or_default().iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            ["filters/p/rules/r.toml:7:18: error[example]: rule `p/a` does not find its example 2"]
        );
    }

    #[test]
    fn unknown_names_get_the_nearest() {
        let library = Library::embedded().unwrap_or_else(|f| panic!("{}", f.len()));
        let settings = PolicySettings { profile: "defualt".into(), ..PolicySettings::default() };
        let said = library.policy(&settings).err().unwrap_or_default();
        assert!(said.iter().any(|d| d.to_string().contains("did you mean `default`?")), "{said:?}");
    }
}
