//! From files to drafts: what is written is read, names are resolved, every mistake is collected.

mod obligations;
mod profiles;
mod unread;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::brought::Models;
use super::draft::{At, Draft, NO_EXAMPLE, RULE, SLOT, terms};
use super::file::{
    Applies, BasisFile, CLAIMS, DOCUMENTS, HOLDINGS, PackFile, RuleFile, RulesFile, SlotFile, Source,
};
use super::files::Files;
use super::list_form::other_form;
use super::list_head::ListHead;
use super::obligation::Obligation;
use super::profile::Profile;
use super::rule::Basis;
use super::state::RuleState;
use super::stated::{OF_LIST, Stated, stated};
use super::taxonomy::{self, Taxonomy};
use crate::detect::RuleId;
use crate::diag::{Diagnostic, Places, Severity, SourceFile, Span, read_toml};

/// Packs with names that begin so are a law's: each rule rests on something, and the pack on a text.
const LAW: &str = "law/";

/// A pack.
#[derive(Debug, Clone)]
pub struct Pack {
    /// Its name.
    pub name: String,
    /// Its version, for people.
    pub version: String,
    /// What it is for.
    pub title: String,
    /// For whom it is meant.
    pub applies: Applies,
    /// The texts that it was written against.
    pub sources: Vec<Source>,
    /// How far its rules have come that say nothing else.
    pub state: RuleState,
    /// Numbers of its rules, slots included.
    pub(super) rules: Vec<usize>,
}

/// A list that the operator brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// The id of the rule that looks for its terms, such as `commercial/customers`.
    pub id: String,
    /// What is to be listed.
    pub title: String,
    /// The category of what is found.
    pub category: String,
    /// How many different terms, documents or statements it should hold.
    pub minimum: usize,
    /// How many it holds.
    pub terms: usize,
    /// Who stands for them; none without a list.
    pub head: Option<ListHead>,
    /// The rule's number.
    pub(super) rule: usize,
}

impl Slot {
    /// Whether it holds as many terms as it should.
    pub fn is_filled(&self) -> bool {
        self.terms >= self.minimum
    }
}

/// What was read.
pub(super) struct Loader<'f> {
    files: &'f Files,
    /// Lists from URLs may be missing.
    may_lack: bool,
    pub(super) drafts: Vec<Draft>,
    pub(super) packs: BTreeMap<String, Pack>,
    pub(super) profiles: BTreeMap<String, Profile>,
    pub(super) slots: Vec<Slot>,
    pub(super) taxonomy: Taxonomy,
    pub(super) obligations: Vec<Obligation>,
    /// Where each obligation's controls name settings, for whoever knows the settings.
    pub(super) settings: Vec<Named>,
    /// Where profiles name banks as their gates, for whoever has the banks.
    pub(super) gates: Vec<Named>,
    /// Regions of profiles that are not known, for whoever knows where upstreams stand.
    pub(super) regions: Vec<OwnRegion>,
    pub(super) found: Vec<Diagnostic>,
    /// What is wrong, but keeps nobody from using it.
    pub(super) warnings: Vec<Diagnostic>,
    /// What packs bring.
    pub(super) models: Models,
    /// The ids of the drafts.
    ids: HashSet<String>,
    /// Paths of the lists that rules name.
    named_lists: BTreeSet<String>,
}

/// A name in a file that is to be looked up elsewhere.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) diagnostic: Diagnostic,
}

/// A region that a profile names and that is not known: perhaps an upstream has it.
#[derive(Debug, Clone)]
pub struct OwnRegion {
    /// The profile's name.
    pub profile: String,
    /// The region as it is written.
    pub region: String,
    /// Where it stands.
    file: Arc<SourceFile>,
    span: Span,
}

impl OwnRegion {
    /// The diagnostic with the place in the profile.
    #[must_use]
    pub fn at(&self, diagnostic: Diagnostic) -> Diagnostic {
        diagnostic.at(&self.file, self.span, "")
    }
}

impl<'f> Loader<'f> {
    /// Reads everything.
    pub(super) fn read(files: &'f Files, may_lack: bool) -> Self {
        let mut loader = Self {
            files,
            may_lack,
            drafts: Vec::new(),
            packs: BTreeMap::new(),
            profiles: BTreeMap::new(),
            slots: Vec::new(),
            taxonomy: Taxonomy::default(),
            obligations: Vec::new(),
            settings: Vec::new(),
            gates: Vec::new(),
            regions: Vec::new(),
            found: Vec::new(),
            warnings: Vec::new(),
            models: Models::default(),
            ids: HashSet::new(),
            named_lists: BTreeSet::new(),
        };
        loader.models = Models::read(files, &mut loader.found);
        loader.taxonomy();
        loader.packs();
        loader.unused_lists();
        loader.unused_models();
        loader.profiles();
        loader.obligations();
        loader.unread();
        loader
    }

    fn taxonomy(&mut self) {
        self.taxonomy = match self.files.get(taxonomy::FILE) {
            Some(own) => Taxonomy::read(own, &mut self.found),
            None => Taxonomy::read(&super::embedded::taxonomy(), &mut self.found),
        };
    }

    fn packs(&mut self) {
        let files = self.files;
        // Rules without their `pack.toml` would be read by nobody.
        for (path, file) in files {
            let inside = ["/rules/", "/slots/"].iter().find_map(|part| path.split_once(part));
            let folder = inside.map(|(folder, _)| folder).or_else(|| path.strip_suffix("/obligations.toml"));
            if let Some(folder) = folder.filter(|f| !files.contains_key(&format!("{f}/pack.toml"))) {
                let lost = Diagnostic::error("no-pack", format!("there is no `{folder}/pack.toml`"));
                let lost = lost.at(file, Span::default(), "this belongs to no pack");
                self.found.push(lost.help("a pack has `name`, `version`, `licence` and `title`"));
            }
        }
        let packs = files.iter().filter_map(|(path, file)| Some((path.strip_suffix("pack.toml")?, file)));
        let packs: Vec<_> = packs.filter(|(folder, _)| folder.ends_with('/')).collect();
        let read: Vec<_> =
            packs.into_iter().map(|(folder, file)| (folder, file, self.pack(folder, file))).collect();
        // Categories of all packs are known before any rule is read.
        for (folder, file, pack) in read {
            let Some((pack, places)) = pack else { continue };
            let name = pack.name.clone();
            let rules = format!("{folder}rules/");
            for (_, file) in files.iter().filter(|(p, _)| p.starts_with(&rules) && p.ends_with(".toml")) {
                self.rules(&name, folder, file, pack.imported);
            }
            for (place, slot) in pack.slots.iter().enumerate() {
                self.slot(&name, folder, slot, (file, &places, place));
            }
            let names: Vec<&str> = pack.slots.iter().map(|slot| slot.name.as_str()).collect();
            let lists = files.iter().filter_map(|(p, file)| Some((p.strip_prefix(folder)?, file)));
            for (list, file) in lists.filter_map(|(p, file)| Some((p.strip_prefix("slots/")?, file))) {
                let list = list.trim_end_matches(".txt");
                if !names.contains(&list) {
                    let unused = Diagnostic::warning("unused", format!("no slot reads the list `{list}`"));
                    let unused = unused.at(file, Span::default(), "");
                    self.warnings.push(unused.valid("slots", list, &names));
                }
            }
        }
    }

    /// Reads a `pack.toml` and takes in what is no rule.
    fn pack(&mut self, folder: &str, file: &Arc<SourceFile>) -> Option<(PackFile, Places)> {
        let read = read_toml::<PackFile>(file);
        self.found.extend(read.diagnostics);
        let mut pack = read.value?;
        let name = folder.trim_end_matches('/');
        if pack.name != name {
            let place = read.places.value(&["name".into()]).unwrap_or_default();
            let wrong = Diagnostic::error(
                "pack-name",
                format!("the pack in `{folder}` calls itself `{}`", pack.name),
            );
            self.found.push(wrong.at(file, place, "").help("a pack has the name of its folder"));
        }
        for (key, value) in [("version", &pack.version), ("licence", &pack.licence), ("title", &pack.title)] {
            if value.trim().is_empty() {
                let place = read.places.value(&[key.into()]).unwrap_or_default();
                self.found.push(Diagnostic::error("empty", format!("`{key}` is empty")).at(file, place, ""));
            }
        }
        if pack.name.starts_with(LAW) && pack.sources.is_empty() {
            let place = read.places.value(&["name".into()]).unwrap_or_default();
            let wrong =
                Diagnostic::error("missing", format!("the pack `{}` names no `[[source]]`", pack.name));
            self.found.push(wrong.at(file, place, "").help(
                "a law's pack says which text it was written against: `title`, `written_against` (its date), `sure` (`official`, `secondary`, `draft`)",
            ));
        }
        for (n, category) in std::mem::take(&mut pack.categories).into_iter().enumerate() {
            // What the taxonomy knows by now may have been declared by a pack before: that breaks nobody's pack.
            if self.taxonomy.category(&category.code).is_some() {
                let known =
                    format!("category `{}` is declared already; its first declaration counts", category.code);
                let path = ["category".into(), n.into(), "code".into()];
                let place = read.places.value(&path).unwrap_or_default();
                self.warnings.push(Diagnostic::warning("duplicate", known).at(file, place, ""));
                continue;
            }
            self.taxonomy.declare(category, file, &read.places, n, &mut self.found);
        }
        let found = &mut self.found;
        let state = stated(pack.state.as_deref(), pack.share, &mut |key, wrong| {
            let place = read.places.value(&[key.into()]).unwrap_or_default();
            found.push(wrong.at(file, place, ""));
        });
        self.packs.insert(
            pack.name.clone(),
            Pack {
                name: pack.name.clone(),
                version: pack.version.clone(),
                title: pack.title.clone(),
                applies: pack.applies.clone(),
                sources: pack.sources.clone(),
                state: state.unwrap_or_default(),
                rules: Vec::new(),
            },
        );
        Some((pack, read.places))
    }

    fn rules(&mut self, pack: &str, folder: &str, file: &Arc<SourceFile>, imported: bool) {
        let read = read_toml::<RulesFile>(file);
        let clean = read.diagnostics.is_empty();
        self.found.extend(read.diagnostics);
        let Some(rules) = read.value else { return };
        if clean && rules.rules.is_empty() {
            // A disk that is full, or an editor between two writes, leaves such a file: its rules are not to vanish for it.
            let none =
                Diagnostic::error("empty", "no rule stands in this file").at(file, Span::default(), "");
            self.found.push(none.help("where its rules are to go, take the file away"));
        }
        let of_pack = self.packs.get(pack).map(|pack| pack.state).unwrap_or_default();
        let again = Arc::default();
        for (place, rule) in rules.rules.into_iter().enumerate() {
            self.names_lists(folder, &rule);
            let found = &mut self.found;
            let mut at = At { file, places: &read.places, table: RULE, place, clean, found };
            let id = format!("{pack}/{}", rule.id);
            at.id("id", &rule.id);
            if pack.starts_with(LAW) && rule.basis.is_empty() {
                at.wrong(&["id"], "missing", format!("rule `{id}` of a law's pack has no `[[rule.basis]]`"));
            }
            let mut lists = at.lists("lists", &rule.lists, folder, self.files);
            let (more, lacks) = at.list_urls(&rule, self.files, self.may_lack);
            let mut stated = at.stated_lists(&rule, folder, self.files);
            for (list, terms) in rule.list_urls.iter().enumerate().zip(more) {
                match at.stated_list_url(rule.always, list) {
                    Some(of) => stated.push(Stated { terms, ..of }),
                    None => lists.extend(terms),
                }
            }
            at.apart(&stated);
            let excepted = at.lists("except_lists", &rule.except_lists, folder, self.files);
            if self.taxonomy.category(&rule.category).is_none() {
                self.warnings.push(at.here(&["category"], self.taxonomy.undeclared(&rule.category)));
            }
            let prints = (&*rule.fingerprints, format!("{folder}fingerprints/"));
            let fingerprints =
                at.files("fingerprints", "file of fingerprints", prints, self.files, At::documents);
            let claims = (&*rule.claims, format!("{folder}claims/"));
            let claims = at.files("claims", "file of statements", claims, self.files, At::claims);
            let (claims, never): (_, Vec<_>) = claims.into_iter().unzip();
            self.warnings.extend(never.into_iter().flatten());
            let brought = rule.model.as_deref().and_then(|name| {
                let own = self.models.of(pack, name);
                if let Some(unknown) = self.models.unknown(pack, name).filter(|_| own.is_none()) {
                    let unknown = at.here(&["model"], unknown);
                    at.found.push(unknown);
                }
                own.cloned()
            });
            let rule = RuleFile { brought, ..rule };
            let mut draft = at.draft(id, rule, lists, excepted, of_pack);
            (draft.spec.fingerprints, draft.spec.claims) = (fingerprints, claims);
            if imported {
                // The tool that they come from had none.
                let tried = self.found.extract_if(.., |diagnostic| diagnostic.code == NO_EXAMPLE);
                self.warnings.extend(tried.map(|diagnostic| Diagnostic {
                    severity: Severity::Warning,
                    ..diagnostic.help("it was imported: write some, so that it is tested")
                }));
            }
            draft.lacks = lacks;
            draft.again = Arc::clone(&again);
            let number = RuleId(self.drafts.len() as u32);
            let lists: Vec<Draft> = stated.into_iter().map(|list| draft.list(number, list)).collect();
            if !lists.is_empty() {
                draft.leave_lists();
            }
            for draft in std::iter::once(draft).chain(lists) {
                self.add(pack, draft, (file, &read.places, RULE, place));
            }
        }
    }

    fn slot(
        &mut self,
        pack: &str,
        folder: &str,
        slot: &SlotFile,
        (file, places, place): (&Arc<SourceFile>, &Places, usize),
    ) {
        let id = format!("{pack}/{}", slot.name);
        let list = self
            .files
            .get(&slot_file(&id))
            .or_else(|| self.files.get(&format!("{folder}slots/{}.txt", slot.name)));
        let found = &mut self.found;
        let mut at = At { file, places, table: SLOT, place, clean: true, found };
        if let Some(other) = slot.holds.as_deref().filter(|one| !HOLDINGS.contains(one)) {
            at.unknown(&["holds"], "kind of what a slot holds", other, &HOLDINGS, true);
        }
        let (documents, claims) = (slot.holds(DOCUMENTS), slot.holds(CLAIMS));
        let has_terms = !documents && !claims;
        let documents = list.filter(|_| documents).and_then(|file| at.documents(file));
        let (claims, never) = list.filter(|_| claims).and_then(|file| at.claims(file)).unzip();
        self.warnings.extend(never.into_iter().flatten());
        let listed = list.filter(|_| has_terms).map(terms).unwrap_or_default();
        let head = list.filter(|_| !listed.is_empty()).map(|file| ListHead::of(file, &mut self.warnings));
        self.warnings.extend(list.filter(|_| has_terms).and_then(|file| other_form(file.name(), file)));
        let mut seen = BTreeMap::new();
        for term in &listed {
            if let Some(first) = seen.insert(term.text.to_lowercase(), term.span)
                && let Some(file) = list
            {
                let twice = Diagnostic::warning("duplicate", format!("`{}` is there twice", term.text));
                self.warnings.push(twice.at(file, term.span, "").at(file, first, "here first"));
            }
        }
        // Terms at the beginning, in the middle and at the end stand for all of them.
        let some = [listed.first(), listed.get(listed.len() / 2), listed.last()];
        let rule = slot.rule(some.into_iter().flatten().map(|term| term.text.clone()).collect());
        let found = &mut self.found;
        let mut at = At { file, places, table: SLOT, place, clean: true, found };
        at.id("name", &slot.name);
        if slot.minimum == 0 {
            at.wrong(&["minimum"], "wrong-value", "a slot asks for one term at least, found 0");
        }
        if self.taxonomy.category(&slot.category).is_none() {
            self.warnings.push(at.here(&["category"], self.taxonomy.undeclared(&slot.category)));
        }
        let of_pack = self.packs.get(pack).map(|pack| pack.state).unwrap_or_default();
        let mut draft = at.draft(id.clone(), rule, listed, Vec::new(), of_pack);
        let registered = documents.as_ref().map_or(0, |documents| documents.names().len())
            + claims.as_ref().map_or(0, |claims| claims.statements().len());
        draft.spec.fingerprints.extend(documents);
        draft.spec.claims.extend(claims);
        self.slots.push(Slot {
            id,
            title: slot.title.clone(),
            category: slot.category.clone(),
            minimum: slot.minimum as usize,
            terms: if has_terms { draft.rule.counts.terms } else { registered },
            head,
            rule: self.drafts.len(),
        });
        self.add(pack, draft, (file, places, SLOT, place));
    }

    fn add(
        &mut self,
        pack: &str,
        draft: Draft,
        (file, places, table, place): (&Arc<SourceFile>, &Places, &'static str, usize),
    ) {
        let id = &draft.rule.id;
        if !self.ids.insert(id.clone()) {
            let (what, key) = if table == SLOT { ("slot", "name") } else { ("rule", "id") };
            let found = &mut self.found;
            let mut at = At { file, places, table, place, clean: true, found };
            at.wrong(&[key], "duplicate", format!("{what} `{id}` is there twice"));
        }
        if let Some(pack) = self.packs.get_mut(pack) {
            pack.rules.push(self.drafts.len());
        }
        self.drafts.push(draft);
    }

    /// Models that no rule of their pack asks.
    fn unused_models(&mut self) {
        let asked = self.drafts.iter().filter_map(|draft| {
            let (pack, _) = draft.rule.id.rsplit_once('/')?;
            Some((pack.to_owned(), draft.rule.model.as_ref()?.model.clone()))
        });
        let asked: Vec<(String, String)> = asked.collect();
        self.warnings.extend(self.models.unused(self.files, &asked));
    }

    /// Lists at the root that no slot reads.
    fn unused_lists(&mut self) {
        let ids: Vec<&str> = self.slots.iter().map(|slot| slot.id.as_str()).collect();
        for (path, file) in self.files.range("slots/".to_owned()..) {
            let Some(id) = path.strip_prefix("slots/").and_then(|path| path.strip_suffix(".txt")) else {
                break;
            };
            if !ids.contains(&id) {
                let unused = Diagnostic::warning("unused", format!("no slot reads the list `{id}`"));
                self.warnings.push(unused.at(file, Span::default(), "").valid("slots", id, &ids));
            }
        }
    }

    /// Numbers of the rules that are called so: by an id, or by the beginning of ids and `*`.
    fn called(&self, name: &str) -> Vec<usize> {
        let ids = self.drafts.iter().map(|draft| draft.rule.id.as_str());
        ids.enumerate().filter(|(_, id)| is_called(id, name)).map(|(n, _)| n).collect()
    }
}

/// Where the operator's list for a slot stands within a library's files, whatever it is called outside: in place of the one in the slot's pack.
pub fn slot_file(id: &str) -> String {
    format!("slots/{id}.txt")
}

/// What a `pack.toml` calls its pack, if it can be read.
pub(super) fn name_of(file: &Arc<SourceFile>) -> Option<String> {
    read_toml::<PackFile>(file).value.map(|pack| pack.name)
}

/// Whether an id is meant by a name: itself, the rule of which it is a list, or the beginning of ids and `*`.
pub(super) fn is_called(id: &str, name: &str) -> bool {
    let its =
        |id: &str| id.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(OF_LIST));
    name.strip_suffix('*').map_or_else(|| its(id), |start| id.starts_with(start))
}

/// What is written, as everybody reads it.
pub(super) fn basis(written: &[BasisFile]) -> Vec<Basis> {
    let one = |b: &BasisFile| Basis { law: b.law.clone(), article: b.article.clone(), link: b.link.clone() };
    written.iter().map(one).collect()
}
