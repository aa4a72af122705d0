//! All packs and profiles of a folder, compiled into one engine; policies are selections from it.
//!
//! Three steps: what is written ([`super::file`]) -> what is meant ([`super::loader`]: names resolved, every mistake collected) -> what runs
//! (compiled, the rules' own examples tried). Loading is all or nothing (promise 6).

mod choose;
#[cfg(test)]
mod shadow_laws;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::brought::BroughtModel;
use super::canary_rule;
use super::compiled::{Policy, without};
use super::coverage::Coverage;
use super::draft::Draft;
use super::embedded;
use super::files::{self, Files, hash, hash_of, version};
use super::lints::Lints;
use super::loader::{Loader, Named, OwnRegion, Pack, Slot};
use super::obligation::Obligation;
use super::profile::Profile;
use super::rule::Rule;
use super::state::RuleState;
use super::taxonomy::Taxonomy;
use crate::detect::grounding;
use crate::detect::{
    CompileError, Engine, Place, RuleId, RuleSet, RuleSpec, TextKind, scan_all, scan_encoded,
};
use crate::diag::Diagnostic;
pub use choose::Unmet;
pub(super) use choose::written_for;

/// The profile that detects with every rule and changes nothing.
pub const MEASURE: &str = "measure";

/// Packs and profiles, compiled.
#[derive(Debug)]
pub struct Library {
    engine: Arc<Engine>,
    rules: Arc<[Rule]>,
    /// What each rule looks for.
    specs: Vec<RuleSpec>,
    packs: BTreeMap<String, Pack>,
    profiles: BTreeMap<String, Profile>,
    slots: Vec<Slot>,
    taxonomy: Taxonomy,
    obligations: Vec<Obligation>,
    settings: Vec<Named>,
    gates: Vec<Named>,
    regions: Vec<OwnRegion>,
    warnings: Vec<Diagnostic>,
    version: String,
    /// Hash of what the engine looks for.
    looks_for: String,
    /// What it was made from.
    contents: Vec<Content>,
    models: Vec<BroughtModel>,
    engines: Engines,
}

/// Engines that know all rules but some, by which: those of policies that run.
type Engines = Arc<Mutex<BTreeMap<Vec<RuleId>, Weak<Engine>>>>;

/// A part of a library, and the hash of what it says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Content {
    /// A pack's name, or where a list stands among the files.
    pub name: String,
    /// Hash of its content.
    pub hash: String,
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
        let Loader {
            mut drafts,
            packs,
            profiles,
            slots,
            taxonomy,
            obligations,
            settings,
            gates,
            regions,
            mut found,
            mut warnings,
            models,
            ..
        } = Loader::read(files, may_lack);
        if !found.is_empty() {
            crate::diag::sort(&mut found);
            return Err(found);
        }
        let canary = canary_rule();
        let (mut rules, mut specs): (Vec<Rule>, Vec<RuleSpec>) =
            drafts.iter_mut().map(|d| (std::mem::take(&mut d.rule), std::mem::take(&mut d.spec))).unzip();
        let contents = contents(files, &packs);
        for pack in packs.values() {
            let version = contents.iter().find(|content| content.name == pack.name);
            let version: Arc<str> = version.map(|content| content.hash.as_str()).unwrap_or_default().into();
            for &n in &pack.rules {
                if let Some(rule) = rules.get_mut(n) {
                    rule.version = Arc::clone(&version);
                }
            }
        }
        for rule in &mut rules {
            let category = taxonomy.category(&rule.category);
            let classes = category.iter().flat_map(|category| &category.maps);
            rule.classes = classes.map(|(scheme, code)| format!("{scheme} {code}")).collect();
            rule.zh = category.and_then(|category| category.zh.as_deref()).map(Arc::from);
            rule.grade = category.and_then(|category| category.grade);
        }
        rules.push(canary.0);
        specs.push(canary.1);
        let looks_for = hash_of(&specs);
        let (engine, engines) = match before {
            Some(before) if before.looks_for == looks_for => {
                (Arc::clone(&before.engine), Arc::clone(&before.engines))
            }
            before => {
                let before = before.map(|before| &*before.engine);
                let engine = Engine::compile_with(before, Some(&embedded::tables()), &specs);
                (Arc::new(engine.map_err(|errors| uncompiled(&errors, &drafts))?), Engines::default())
            }
        };
        if may_lack {
            // Who looks for mistakes has the time.
            let lints =
                Lints { engine: &engine, rules: &rules, specs: &specs, drafts: &drafts, profiles: &profiles };
            warnings.extend(lints.all());
        }
        crate::diag::sort(&mut warnings);
        let library = Self {
            engine,
            engines,
            contents,
            models: models.0,
            rules: rules.into(),
            specs,
            packs,
            profiles,
            slots,
            taxonomy,
            obligations,
            settings,
            gates,
            regions,
            warnings,
            version: version(files),
            looks_for,
        };
        let failed = library.try_examples(&drafts, may_lack);
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

    /// The same without the terms themselves, which nobody asks for but who explains: a long list is long. A policy of which other rules
    /// are not in force than of those that run cannot be made of it: see [`Library::is_explained`].
    #[must_use]
    pub fn unexplained(&self) -> Self {
        Self {
            engine: Arc::clone(&self.engine),
            rules: Arc::clone(&self.rules),
            specs: Vec::new(),
            packs: self.packs.clone(),
            profiles: self.profiles.clone(),
            slots: self.slots.clone(),
            taxonomy: self.taxonomy.clone(),
            obligations: self.obligations.clone(),
            settings: self.settings.clone(),
            gates: self.gates.clone(),
            regions: self.regions.clone(),
            warnings: self.warnings.clone(),
            version: self.version.clone(),
            looks_for: self.looks_for.clone(),
            contents: self.contents.clone(),
            models: self.models.clone(),
            engines: Arc::clone(&self.engines),
        }
    }

    /// Whether it has the terms themselves.
    pub fn is_explained(&self) -> bool {
        self.specs.len() == self.rules.len()
    }

    /// Its packs and lists with the hashes of their contents.
    pub fn contents(&self) -> &[Content] {
        &self.contents
    }

    /// The models that its packs bring.
    pub fn models(&self) -> &[BroughtModel] {
        &self.models
    }

    /// An engine that knows all rules but these, which are in order.
    fn engine_without(&self, idle: &[RuleId]) -> Result<Arc<Engine>, Vec<CompileError>> {
        if idle.is_empty() {
            return Ok(Arc::clone(&self.engine));
        }
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        engines.retain(|_, engine| engine.strong_count() > 0);
        if let Some(engine) = engines.get(idle).and_then(Weak::upgrade) {
            return Ok(engine);
        }
        if !self.is_explained() {
            let reason = "the terms are not at hand".to_owned();
            return Err(vec![CompileError { rule: 0, place: Place::Keyword(0), reason }]);
        }
        let kept = embedded::tables();
        let specs = without(&self.specs, idle);
        let engine = Arc::new(Engine::compile_with(Some(&self.engine), Some(&kept), &specs)?);
        engines.insert(idle.to_vec(), Arc::downgrade(&engine));
        Ok(engine)
    }

    /// The same rules, each as if it were in force: for trying what is not yet.
    #[must_use]
    pub fn in_all_states(&self, policy: &Policy) -> Policy {
        policy.in_all_states(&self.engine)
    }

    /// Names of the profiles.
    pub fn profiles(&self) -> Vec<&str> {
        self.profiles.keys().map(String::as_str).chain([MEASURE]).collect()
    }

    /// Names of the packs.
    pub fn packs(&self) -> Vec<&str> {
        self.packs.keys().map(String::as_str).collect()
    }

    /// A profile.
    pub fn profile(&self, name: &str) -> Option<&Profile> {
        self.profiles.get(name)
    }

    /// A pack.
    pub fn pack(&self, name: &str) -> Option<&Pack> {
        self.packs.get(name)
    }

    /// The lists that operators bring.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The categories and what they mean elsewhere.
    pub fn taxonomy(&self) -> &Taxonomy {
        &self.taxonomy
    }

    /// What laws ask, in the order of the files.
    pub fn obligations(&self) -> &[Obligation] {
        &self.obligations
    }

    /// What is wrong, but keeps nobody from using it.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The banks that profiles name as their gates, each with what is to be said where there is none of that name.
    pub fn gates(&self) -> impl Iterator<Item = (&str, &Diagnostic)> {
        self.gates.iter().map(|gate| (gate.name.as_str(), &gate.diagnostic))
    }

    /// Regions that profiles name and that are not known: those of upstreams or judges, or mistakes.
    pub fn own_regions(&self) -> &[OwnRegion] {
        &self.regions
    }

    /// The regions that its profiles name.
    pub fn stated_regions(&self) -> impl Iterator<Item = &str> {
        self.profiles
            .values()
            .flat_map(|profile| &profile.residency)
            .flat_map(|of| &of.regions)
            .map(String::as_str)
    }

    /// Obligations that name settings which are not among these, such as `policy.unscanned`.
    pub fn unknown_settings<S: AsRef<str>>(&self, known: &[S]) -> Vec<Diagnostic> {
        let unknown = self.settings.iter().filter(|s| !known.iter().any(|k| k.as_ref() == s.name));
        unknown
            .map(|setting| match crate::diag::nearest(&setting.name, known) {
                Some(near) => setting.diagnostic.clone().help(format!("did you mean `{near}`?")),
                None => setting.diagnostic.clone(),
            })
            .collect()
    }

    /// How the rules of a policy stand against a scheme's types.
    pub fn coverage(&self, policy: &Policy, scheme: &str) -> Option<Coverage> {
        Coverage::of(self, policy, scheme)
    }

    /// Hash of everything loaded.
    pub fn version(&self) -> &str {
        &self.version
    }

    fn try_examples(&self, drafts: &[Draft], all: bool) -> Vec<Diagnostic> {
        let mut failed = Vec::new();
        // What a pack brings is unpacked as it is read.
        let ships = |n: usize| self.specs.get(n)?.model.as_ref().map(|model| model.brought.is_none());
        let asks_model = |n: usize| ships(n) == Some(true);
        // Nobody is called to load a policy.
        let asks_judge = |n: usize| self.rules.get(n).is_some_and(|rule| rule.judge.is_some());
        // The lists with states of their own, by rule, unless they are no more.
        let mut lists: BTreeMap<RuleId, Vec<RuleId>> = BTreeMap::new();
        for (list, number) in self.rules.iter().zip(0..).filter(|(list, _)| list.state != RuleState::Retired)
        {
            if let Some(of) = list.list_of {
                lists.entry(of).or_default().push(RuleId(number));
            }
        }
        for (n, draft) in drafts.iter().enumerate().filter(|(_, draft)| !draft.is_list()) {
            // A model that no policy asks takes no memory of a gateway.
            if asks_model(n) && !all || asks_judge(n) {
                continue;
            }
            // Its lists are read with it.
            let id = RuleId(n as u32);
            let mut rules: RuleSet = lists.get(&id).into_iter().flatten().copied().chain([id]).collect();
            let threshold = self.rules.get(n).map_or(0.0, |rule| rule.threshold.score());
            for rule in rules.iter().collect::<Vec<_>>() {
                rules.set_threshold(rule, threshold);
            }
            let encoded = self.rules.get(n).is_some_and(|rule| rule.encoded);
            let finds = |text: &str| {
                let (engine, kind) = (&self.engine, TextKind::Plain);
                if self.specs.get(n).is_some_and(|spec| spec.grounding.is_some() || spec.system_prompt) {
                    let of = grounding::example(text);
                    return of.is_some_and(|(context, answer)| {
                        !grounding::scan_against(engine, &rules, context, answer).is_empty()
                    });
                }
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
                    let diagnostic = Diagnostic::error("example", format!("rule `{id}` {what} {}", i + 1));
                    let mut diagnostic = draft.at(&[key.into(), i.into()], diagnostic);
                    if diagnostic.labels.is_empty() {
                        diagnostic = diagnostic.help(format!("the text is {} bytes long", text.len()));
                    }
                    failed.push(diagnostic);
                }
            }
        }
        failed
    }
}

/// The packs, and the lists wherever they are from, with the hashes of their contents.
fn contents(files: &Files, packs: &BTreeMap<String, Pack>) -> Vec<Content> {
    let mut contents: Vec<Content> = packs
        .keys()
        .map(|name| {
            let folder = format!("{name}/");
            let own = files.range(folder.clone()..).take_while(|(path, _)| path.starts_with(&folder));
            // Packs may lie within another's folder: `law/cn` in `law`.
            let inner = |path: &str| {
                packs.keys().any(|other| other.len() > name.len() && path.starts_with(&format!("{other}/")))
            };
            let own =
                own.filter(|(path, _)| !inner(path)).map(|(path, file)| (path.clone(), Arc::clone(file)));
            Content { name: name.clone(), hash: version(&own.collect()) }
        })
        .collect();
    let is_list = |path: &str| {
        path.starts_with("slots/")
            || path.starts_with("list_url/")
            || path.contains("/lists/")
            || path.contains("/slots/")
            || path.contains("/fingerprints/")
            || path.contains("/claims/")
            || path.contains("/models/")
    };
    contents.extend(
        files
            .iter()
            .filter(|(path, _)| is_list(path))
            .map(|(path, file)| Content { name: path.clone(), hash: hash(&[file.text()]) }),
    );
    contents
}

fn uncompiled(errors: &[CompileError], drafts: &[Draft]) -> Vec<Diagnostic> {
    // What a list has from its rule is said of the rule.
    let own = |error: &&CompileError| {
        matches!(error.place, Place::Keyword(_))
            || drafts.get(error.rule).is_none_or(|draft| !draft.is_list())
    };
    errors
        .iter()
        .filter(own)
        .map(|error| {
            let diagnostic = Diagnostic::error("pattern", error.reason.clone());
            let Some(draft) = drafts.get(error.rule) else { return diagnostic };
            match error.place {
                Place::Pattern(n) => draft.at(&["pattern".into(), n.into(), "regex".into()], diagnostic),
                Place::Keyword(n) => draft.at_keyword(n, diagnostic),
                Place::Except(n) => draft.at_exception(n, diagnostic),
                Place::ExceptPattern(n) => draft.at(&["except_patterns".into(), n.into()], diagnostic),
                Place::Near(n) => draft.at(&["near".into(), "words".into(), n.into()], diagnostic),
                Place::Raise(n) => draft.at(&["raise".into(), "words".into(), n.into()], diagnostic),
                Place::Lower(n) => draft.at(&["lower".into(), "words".into(), n.into()], diagnostic),
                Place::Model => draft.at(&["model".into()], diagnostic),
                Place::Group(group, n) => {
                    draft.at(&["groups".into(), draft.group(group).into(), n.into()], diagnostic)
                }
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::SourceFile;
    use crate::policy::PolicySettings;

    fn files(pairs: &[(&str, &str)]) -> Files {
        pairs.iter().map(|(p, t)| ((*p).to_owned(), SourceFile::new(format!("filters/{p}"), *t))).collect()
    }

    fn load(pairs: &[(&str, &str)]) -> Result<Library, Vec<Diagnostic>> {
        Library::load(&files(pairs))
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
        let loaded = load(&[("p/pack.toml", pack), ("p/rules/r.toml", rules)]);
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
        load(&[("p/pack.toml", pack), ("p/rules/r.toml", &good)]).expect("it loads");
        let disguised = rule("examples = [\"A.C.E\", \"4ce\", \"aaace\"]\ncounter_examples = [\"x\"]");
        load(&[("p/pack.toml", pack), ("p/rules/r.toml", &disguised)]).expect("it loads");
        let bad = rule("exact = [\"cases\"]\nleet = true\nexamples = [\"ACE\"]\ncounter_examples = [\"x\"]");
        let loaded = load(&[("p/pack.toml", pack), ("p/rules/r.toml", &bad)]);
        let said: Vec<String> = loaded.err().unwrap_or_default().iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|s| s.contains("did you mean `case`?")), "{said:?}");
        let bad = rule("exact = [\"all\"]\nleet = true\nexamples = [\"ACE\"]\ncounter_examples = [\"x\"]");
        let loaded = load(&[("p/pack.toml", pack), ("p/rules/r.toml", &bad)]);
        let said: Vec<String> = loaded.err().unwrap_or_default().iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|s| s.contains("cannot see through `separators`")), "{said:?}");
    }

    #[test]
    fn a_rule_that_fails_its_example_loads_nothing() {
        let pack = "name = \"p\"\nversion = \"1\"\nlicence = \"Apache-2.0\"\ntitle = \"t\"\n";
        let rules = "[[rule]]\nid = \"a\"\ntitle = \"t\"\ncategory = \"C\"\naction = \"mask\"\nkeywords = [\"x\"]\nexamples = [\"x\", \"y\"]\ncounter_examples = [\"q\"]\n";
        let loaded = load(&[("p/pack.toml", pack), ("p/rules/r.toml", rules)]);
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
