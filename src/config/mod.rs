//! The configuration file: from text to settings that can be run.
//!
//! Every floor owns its settings; this one puts them together, checks what one section says about another,
//! and resolves secrets, which come from files and the environment and never from the file itself.

mod approval;
mod c2pa;
mod check;
mod client_checks;
mod differences;
mod file;
mod judges;
mod judges_of_rules;
mod labels;
mod lists;
mod marks;
mod policies;
mod policy_file;
mod policy_places;
mod policy_source;
mod prints;
mod regions;
mod residency;
mod retention;
mod route_uses;
mod samplers;
mod secret;
mod sinks;
mod texts;
mod upstream_addresses;
mod vouch;

pub use differences::differences;
pub use file::{File, SCHEMA, json_schema, setting_names};
pub use policy_file::load_policy;
pub use policy_source::ConfigFile;

use crate::audit::JournalSettings;
use crate::diag::{Diagnostic, Places, SourceFile, Step, has_errors, read_toml, sort};
use crate::limits::{KeyHash, KeyTable, LimitsSettings, Pepper, TenantKeys};
use crate::policy::PolicySettings;
use crate::provenance::LabelSettings;
use crate::provenance::mark::MarkSettings;
use crate::provenance::print::PrintSettings;
use crate::provenance::sampler::Biased;
use crate::server::{ComplaintSettings, RouteSettings, ServerSettings, TenantSettings};
use crate::telemetry::LogSettings;
use crate::upstream::judge::JudgeSettings;
use crate::upstream::sink::SinkSettings;
use crate::upstream::vouch::{AnchorSettings, WitnessSettings};
use crate::upstream::{Credential, UpstreamSettings};
use policy_places::PolicyPlaces;
pub use retention::Kept;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the settings are read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To see whether they are right, perhaps on another machine: a secret that is not there is a warning.
    Check,
    /// To run them: a secret that is not there is an error.
    Serve,
    /// To take from them what can change while a gateway runs: a secret that is not there is an error for who can be taken, and a warning
    /// else.
    Reload,
}

/// What the command line says in place of the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// The data listener.
    pub data: Option<SocketAddr>,
    /// The operations listener.
    pub operations: Option<SocketAddr>,
    /// The state folder.
    pub state: Option<PathBuf>,
}

/// Where variables come from; tests bring their own.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// Settings that were checked and can be run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Listeners and state.
    pub server: ServerSettings,
    /// The policy of who has no other.
    pub policy: PolicySettings,
    /// Limits.
    pub limits: LimitsSettings,
    /// The journal; its folder and the file of its key are set.
    pub journal: JournalSettings,
    /// How answers are labelled.
    pub labels: LabelSettings,
    /// Marks; the file of the keys is set.
    pub marks: MarkSettings,
    /// Prints of answers; their folder is set.
    pub prints: PrintSettings,
    /// Whether the gateway takes complaints itself.
    pub complaints: ComplaintSettings,
    /// The log.
    pub log: LogSettings,
    /// Upstreams with their credentials.
    pub upstreams: Vec<(UpstreamSettings, Credential)>,
    /// What each upstream's samplers are asked, in the order of its settings.
    pub samplers: Vec<Vec<Arc<Biased>>>,
    /// Routes in the order of the file.
    pub routes: Vec<RouteSettings>,
    /// Judges with their credentials.
    pub judges: Vec<(JudgeSettings, Credential)>,
    /// Sinks with their credentials.
    pub sinks: Vec<(SinkSettings, Credential)>,
    /// Who cosigns the journal's checkpoints.
    pub witnesses: Vec<WitnessSettings>,
    /// Where checkpoints are kept or stamped besides, with credentials.
    pub anchors: Vec<(AnchorSettings, Credential)>,
    /// Tenants in the order of the file.
    pub tenants: Vec<TenantSettings>,
    policy_places: PolicyPlaces,
}

/// What [`load`] found.
#[derive(Debug)]
pub struct Loaded {
    /// The settings, when no diagnostic is an error.
    pub settings: Option<Settings>,
    /// Else what is left of them, where that is enough to find mistakes in its policies.
    pub draft: Option<Settings>,
    /// Every mistake and warning, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// The configuration that runs where none is given.
pub fn embedded() -> Arc<SourceFile> {
    SourceFile::new("(built-in configuration)", include_str!("default.toml"))
}

/// Reads and checks a configuration. Paths in it are relative to `folder`, the folder it stands in.
pub fn load(
    source: &Arc<SourceFile>,
    folder: &Path,
    overrides: &Overrides,
    purpose: Purpose,
    environment: Environment<'_>,
) -> Loaded {
    let mut read = read_toml::<File>(source);
    let mut diagnostics = std::mem::take(&mut read.diagnostics);
    if let Some(diagnostic) =
        read.value.as_ref().and_then(|file| other_version(file.schema, source, &read.places))
    {
        return Loaded { settings: None, draft: None, diagnostics: vec![diagnostic] };
    }
    let Some(mut file) = read.value.take() else {
        return Loaded { settings: None, draft: None, diagnostics };
    };
    let state_is_written = read.places.has(&["server".into(), "state".into()]);
    place_paths(&mut file, folder, state_is_written);
    if let Some(data) = overrides.data {
        file.server.data = data;
    }
    if let Some(operations) = overrides.operations {
        file.server.operations = operations;
    }
    if let Some(state) = &overrides.state {
        file.server.state.clone_from(state);
    }
    let lacking = read.lacking.take();
    let is_gone = |path: &[Step<'_>], key: &str| read.is_gone(path, key);
    let mut check = check::Check {
        source,
        places: &read.places,
        dropped: &read.dropped,
        is_gone: &is_gone,
        found: Vec::new(),
    };
    check.all(&file, overrides);
    let credentials: Vec<Credential> = file
        .upstreams
        .iter()
        .enumerate()
        .map(|(n, upstream)| secret::resolve(&mut check, n, upstream, purpose, environment))
        .collect();
    let of_judges: Vec<Credential> = file
        .judges
        .iter()
        .enumerate()
        .map(|(n, judge)| {
            secret::resolve_judge(&mut check, n, judge.credential.as_ref(), purpose, environment)
        })
        .collect();
    // Who runs them loads them anyway.
    if purpose == Purpose::Check {
        file.judges.iter().enumerate().for_each(|(n, judge)| check.judge_model(n, judge));
    }
    let of_sinks: Vec<Credential> = file
        .sinks
        .iter()
        .enumerate()
        .map(|(n, sink)| {
            let at = ("sink", n);
            let found = secret::resolve_token(&mut check, at, sink.credential.as_ref(), purpose, environment);
            check.sink_credential(n, sink, &found);
            found
        })
        .collect();
    let of_anchors: Vec<Credential> = file
        .anchors
        .iter()
        .enumerate()
        .map(|(n, anchor)| {
            secret::resolve_token(&mut check, ("anchor", n), anchor.credential.as_ref(), purpose, environment)
        })
        .collect();
    let samplers: Vec<Vec<Arc<Biased>>> =
        file.upstreams.iter().enumerate().map(|(n, upstream)| check.samplers(n, upstream)).collect();
    check.idle_sampler_marks(&file);
    check.c2pa(file.labels.c2pa.as_ref(), environment);
    check.marks(&file.marks, purpose, environment);
    check.prints(&file.prints);
    diagnostics.append(&mut check.found);
    if let Some((mut lacking, places)) = lacking {
        place_paths(&mut lacking, folder, state_is_written);
        let is_gone = |path: &[Step<'_>], key: &str| read.is_gone_in(&places, path, key);
        let found = Vec::new();
        let mut check =
            check::Check { source, places: &places, dropped: &read.dropped, is_gone: &is_gone, found };
        check.tables(&lacking);
        for (n, upstream) in lacking.upstreams.iter().enumerate() {
            secret::resolve(&mut check, n, upstream, purpose, environment);
        }
        for (n, judge) in lacking.judges.iter().enumerate() {
            secret::resolve_judge(&mut check, n, judge.credential.as_ref(), purpose, environment);
        }
        for (n, sink) in lacking.sinks.iter().enumerate() {
            secret::resolve_token(&mut check, ("sink", n), sink.credential.as_ref(), purpose, environment);
        }
        for (n, anchor) in lacking.anchors.iter().enumerate() {
            secret::resolve_token(
                &mut check,
                ("anchor", n),
                anchor.credential.as_ref(),
                purpose,
                environment,
            );
        }
        let end = source.text().len();
        let of_the_text = |d: &Diagnostic| !d.labels.is_empty() && d.labels.iter().all(|l| l.span.end <= end);
        for more in check.found.into_iter().filter(of_the_text) {
            let is_known = diagnostics.iter().any(|d| {
                d.code == more.code && d.labels.first().map(|l| l.span) == more.labels.first().map(|l| l.span)
            });
            if !is_known {
                diagnostics.push(more);
            }
        }
    }
    sort(&mut diagnostics);
    // Without the folder, the profile or the packs that were meant, rules would be called unknown that are not.
    let policy_is_whole = !is_gone(&[], "policy")
        && ["dir", "profile", "packs"].iter().all(|key| !is_gone(&["policy".into()], key));
    let journal = file.journal.placed(&file.server.state);
    let state = file.server.state.clone();
    let settings = Settings {
        server: file.server,
        policy: file.policy,
        limits: file.limits,
        journal,
        labels: file.labels,
        marks: file.marks.placed(&state),
        prints: file.prints.placed(&state),
        complaints: file.complaints,
        log: file.log,
        upstreams: file.upstreams.into_iter().zip(credentials).collect(),
        samplers,
        routes: file.routes,
        judges: file.judges.into_iter().zip(of_judges).collect(),
        sinks: file.sinks.into_iter().zip(of_sinks).collect(),
        witnesses: file.witnesses,
        anchors: file.anchors.into_iter().zip(of_anchors).collect(),
        tenants: file.tenants,
        policy_places: PolicyPlaces { source: Arc::clone(source), places: Arc::new(read.places) },
    };
    let (settings, draft) = if has_errors(&diagnostics) {
        (None, Some(settings).filter(|s| policy_is_whole && s.says_something_of_policies()))
    } else {
        (Some(settings), None)
    };
    Loaded { settings, draft, diagnostics }
}

/// Another version's keys are not mistakes: all there is to say is that the version is another.
fn other_version(schema: u32, source: &Arc<SourceFile>, places: &Places) -> Option<Diagnostic> {
    let place = ["schema".into()];
    if schema == SCHEMA || !places.has(&place) {
        return None;
    }
    let diagnostic = Diagnostic::error("schema", format!("unknown schema version {schema}"))
        .help(format!("this program reads `schema = {SCHEMA}`"));
    Some(match places.value(&place) {
        Some(span) => diagnostic.at(source, span, "written for another version"),
        None => diagnostic,
    })
}

/// The file of the pepper, also where the rest of the configuration is wrong: who has no key yet must be
/// able to make one.
pub fn pepper_path(source: &Arc<SourceFile>, folder: &Path, overrides: &Overrides) -> PathBuf {
    let server = server_settings(source, folder, overrides);
    server.pepper.unwrap_or_else(|| server.state.join("pepper"))
}

/// The state folder, also where the rest of the configuration is wrong.
pub fn state_path(source: &Arc<SourceFile>, folder: &Path, overrides: &Overrides) -> PathBuf {
    server_settings(source, folder, overrides).state
}

fn server_settings(source: &Arc<SourceFile>, folder: &Path, overrides: &Overrides) -> ServerSettings {
    let read = read_toml::<File>(source);
    let mut server = ServerSettings::default();
    if let Some(mut file) = read.value {
        place_paths(&mut file, folder, read.places.has(&["server".into(), "state".into()]));
        server = file.server;
    }
    if let Some(state) = &overrides.state {
        server.state.clone_from(state);
    }
    server
}

/// The journal's settings, its folder and the file of its key set, also where the rest of the configuration is wrong.
pub fn journal_settings(source: &Arc<SourceFile>, folder: &Path, overrides: &Overrides) -> JournalSettings {
    let read = read_toml::<File>(source);
    let (mut state, mut journal) = (ServerSettings::default().state, JournalSettings::default());
    if let Some(mut file) = read.value {
        place_paths(&mut file, folder, read.places.has(&["server".into(), "state".into()]));
        (state, journal) = (file.server.state, file.journal);
    }
    journal.placed(overrides.state.as_ref().unwrap_or(&state))
}

/// Who vouches for the journal, also where the rest of the configuration is wrong.
pub fn vouching(source: &Arc<SourceFile>, folder: &Path) -> (Vec<WitnessSettings>, Vec<AnchorSettings>) {
    let read = read_toml::<File>(source);
    let Some(mut file) = read.value else { return Default::default() };
    place_paths(&mut file, folder, read.places.has(&["server".into(), "state".into()]));
    (file.witnesses, file.anchors)
}

/// Paths in a file are relative to the file. The default state folder is in the working folder.
fn place_paths(file: &mut File, folder: &Path, state_is_written: bool) {
    let place = |path: &mut PathBuf| *path = folder.join(&*path);
    if state_is_written {
        place(&mut file.server.state);
    }
    let policy = &mut file.policy;
    let optional = [
        &mut file.server.pepper,
        &mut policy.dir,
        &mut policy.list_roots,
        &mut file.journal.dir,
        &mut file.journal.key,
        &mut file.journal.texts.key,
        &mut file.marks.keys,
        &mut file.prints.dir,
    ];
    if let Some(c2pa) = &mut file.labels.c2pa {
        c2pa.chain.iter_mut().chain(&mut c2pa.key).for_each(place);
    }
    let approvals = policy.approval.iter_mut().map(|approval| &mut approval.dir);
    optional.into_iter().flatten().chain(policy.slots.values_mut()).chain(approvals).for_each(place);
    file.prints.common.iter_mut().for_each(place);
    for upstream in &mut file.upstreams {
        upstream.extra_roots.iter_mut().for_each(place);
        upstream.samplers.iter_mut().map(|sampler| &mut sampler.tokenizer).for_each(place);
        upstream.credential.iter_mut().flat_map(|c| c.file.iter_mut()).for_each(place);
    }
    for judge in &mut file.judges {
        judge.extra_roots.iter_mut().for_each(place);
        judge.credential.iter_mut().flat_map(|c| c.file.iter_mut()).for_each(place);
        judge.tokenizer.iter_mut().for_each(place);
        if judge.kind.is_local() {
            judge.model.iter_mut().for_each(|model| *model = folder.join(&*model).display().to_string());
        }
    }
    for sink in &mut file.sinks {
        sink.extra_roots.iter_mut().for_each(place);
        sink.credential.iter_mut().flat_map(|c| c.file.iter_mut()).for_each(place);
    }
    for witness in &mut file.witnesses {
        witness.extra_roots.iter_mut().for_each(place);
    }
    for anchor in &mut file.anchors {
        anchor.extra_roots.iter_mut().chain(&mut anchor.roots).for_each(place);
        anchor.credential.iter_mut().flat_map(|c| c.file.iter_mut()).for_each(place);
    }
}

impl Settings {
    /// The file of the pepper.
    pub fn pepper_path(&self) -> PathBuf {
        self.server.pepper.clone().unwrap_or_else(|| self.server.state.join("pepper"))
    }

    /// The folder of the journal.
    pub fn journal_path(&self) -> PathBuf {
        self.journal.dir.clone().unwrap_or_else(|| self.server.state.join("journal"))
    }

    /// The journal's settings with places in the state folder for what has none.
    pub fn placed_journal(&self) -> JournalSettings {
        self.journal.clone().placed(&self.server.state)
    }

    /// The file of the key that signs the journal.
    pub fn journal_key_path(&self) -> PathBuf {
        self.journal.key.clone().unwrap_or_else(|| self.server.state.join("journal.key"))
    }

    /// Whether a policy is other than the built-in one, which has no mistakes.
    fn says_something_of_policies(&self) -> bool {
        let tenants = (0..self.tenants.len()).map(Some);
        std::iter::once(None).chain(tenants).any(|n| self.policy_of(n) != PolicySettings::default())
    }

    /// The policy of a tenant, or of anybody.
    pub fn policy_of(&self, tenant: Option<usize>) -> PolicySettings {
        match tenant.and_then(|n| self.tenants.get(n)) {
            Some(tenant) => self.policy.changed(&tenant.policy),
            None => self.policy.clone(),
        }
    }

    /// The table of all keys.
    pub fn key_table(&self, pepper: Pepper) -> KeyTable {
        let tenants: Vec<TenantKeys<'_>> = self
            .tenants
            .iter()
            .map(|tenant| TenantKeys {
                name: &tenant.name,
                // The check has seen that every hash can be read.
                keys: tenant
                    .keys
                    .iter()
                    .filter_map(|k| Some((k.id.as_str(), KeyHash::parse(&k.hash)?)))
                    .collect(),
                exchanges: tenant.exchanges,
            })
            .collect();
        KeyTable::new(pepper, &tenants, &self.limits)
    }

    /// The whole configuration with every default written out, as a file.
    pub fn to_toml(&self) -> String {
        let file = File {
            schema: SCHEMA,
            server: self.server.clone(),
            policy: self.policy.clone(),
            limits: self.limits.clone(),
            journal: self.journal.clone(),
            labels: self.labels.clone(),
            marks: self.marks.clone(),
            prints: self.prints.clone(),
            complaints: self.complaints.clone(),
            log: self.log.clone(),
            upstreams: self.upstreams.iter().map(|(u, _)| u.clone()).collect(),
            routes: self.routes.clone(),
            judges: self.judges.iter().map(|(judge, _)| judge.clone()).collect(),
            sinks: self.sinks.iter().map(|(s, _)| s.clone()).collect(),
            witnesses: self.witnesses.clone(),
            anchors: self.anchors.iter().map(|(a, _)| a.clone()).collect(),
            tenants: self.tenants.clone(),
        };
        toml::to_string_pretty(&file).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
