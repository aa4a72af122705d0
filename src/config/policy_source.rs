//! Where a running gateway's policies come from: its configuration file and the folder of packs that it names, read again and again.
//!
//! Of the configuration only what concerns policies can change while it runs: `[policy]`, the tenants' `policy`, and the judges that rules
//! ask. What else is otherwise than at the start is named, and waits for a restart. A file with a mistake anywhere is refused whole.

use super::approval::approvals;
use super::lists::Lists;
use super::{Environment, Loaded, Overrides, Purpose, Settings, differences, embedded, load};
use crate::diag::{Diagnostic, SourceFile, has_errors};
use crate::policy::files::{self, Files, hash};
use crate::policy::{Approvals, Library, Policy, PolicyChange, wanted_lists};
use crate::server::{ApprovedBy, Built, Draft, PolicySource, PolicyTable};
use crate::telemetry::Metrics;
use crate::upstream::judge::{JudgeSet, file_stamps};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A configuration that is read again when it changes.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    /// The file; none for the built-in configuration.
    pub path: Option<PathBuf>,
    /// What the command line says in place of the file.
    pub overrides: Overrides,
}

impl ConfigFile {
    /// The text and the folder that its paths are relative to.
    pub fn source(&self) -> Result<(Arc<SourceFile>, PathBuf), Diagnostic> {
        let Some(path) = &self.path else { return Ok((embedded(), PathBuf::from("."))) };
        let file = SourceFile::load(path).map_err(|error| {
            Diagnostic::error("no-file", format!("cannot read configuration `{}`: {error}", path.display()))
        })?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok((file, folder.to_owned()))
    }

    /// Reads and checks it.
    pub fn load(&self, purpose: Purpose, environment: Environment<'_>) -> Loaded {
        match self.source() {
            Ok((source, folder)) => load(&source, &folder, &self.overrides, purpose, environment),
            Err(diagnostic) => Loaded { settings: None, draft: None, diagnostics: vec![diagnostic] },
        }
    }

    /// The policies' source for a gateway that was started with these settings of this file. Lists from URLs are renewed while it is there.
    pub fn policies(
        self,
        started: Settings,
        metrics: &Arc<Metrics>,
        environment: impl Fn(&str) -> Option<String> + Send + 'static,
    ) -> PolicySource {
        let kept = Kept {
            library: None,
            tenants: started.tenants.iter().map(|tenant| tenant.policy.clone()).collect(),
            judges: JudgeSet::default(),
        };
        let lists = Lists::of(&started.server.state, Some(Arc::clone(metrics)));
        let shared = Arc::new(Shared { started, lists, kept: Mutex::new(kept) });
        let mut known: Option<(Arc<SourceFile>, Arc<Read>)> = None;
        Box::new(move || {
            let source = self.source();
            let read = match (&source, &known) {
                // What it says is known while its text is the same.
                (Ok((source, _)), Some((before, read)))
                    if source.text() == before.text() && read.is_as_its_files() =>
                {
                    Arc::clone(read)
                }
                (Ok((source, folder)), _) => {
                    // A secret that is not there is the next start's mistake, but for judges.
                    let loaded = load(source, folder, &self.overrides, Purpose::Reload, &environment);
                    let read = Arc::new(Read::from(loaded));
                    known = Some((Arc::clone(source), Arc::clone(&read)));
                    read
                }
                (Err(error), _) => Arc::new(Read::wrong(vec![error.clone()])),
            };
            let text = source.map_or_else(|_| SourceFile::new("", ""), |(source, _)| source);
            shared.draft(text, &read)
        })
    }
}

/// What a configuration file says: with errors, nothing but them.
#[derive(Debug)]
struct Read {
    settings: Option<Settings>,
    found: Vec<Diagnostic>,
    /// What was to be seen of the files of judges.
    stamps: String,
}

impl From<Loaded> for Read {
    fn from(loaded: Loaded) -> Self {
        let settings = loaded.settings.filter(|_| !has_errors(&loaded.diagnostics));
        let stamps = settings.as_ref().map(|settings| file_stamps(&settings.judges)).unwrap_or_default();
        Self { settings, found: loaded.diagnostics, stamps }
    }
}

impl Read {
    fn wrong(found: Vec<Diagnostic>) -> Self {
        Self { settings: None, found, stamps: String::new() }
    }

    /// Whether the same text would say the same: not where a file that judges need has changed, nor where a mistake may have been one of
    /// such a file.
    fn is_as_its_files(&self) -> bool {
        self.settings.as_ref().is_some_and(|settings| file_stamps(&settings.judges) == self.stamps)
    }
}

/// What all drafts of one gateway have in common.
struct Shared {
    /// What the gateway was started with.
    started: Settings,
    lists: Arc<Lists>,
    kept: Mutex<Kept>,
}

/// What is kept from one draft to the next.
struct Kept {
    /// What was last compiled, and the hash of its files.
    library: Option<(String, Arc<Library>)>,
    /// Of each tenant that the gateway knows, what its policy has in place of `[policy]`.
    tenants: Vec<PolicyChange>,
    /// The judges that were last made.
    judges: JudgeSet,
}

impl Shared {
    fn draft(self: &Arc<Self>, text: Arc<SourceFile>, read: &Arc<Read>) -> Draft {
        let Some(settings) = &read.settings else {
            let found = read.found.clone();
            let said: String = found.iter().map(ToString::to_string).collect();
            return Draft { hash: hash(&[text.text(), "wrong", &said]), build: Box::new(move || Err(found)) };
        };
        let mut files = match settings.policy_files() {
            Ok(files) => files,
            Err(error) => {
                let hash = hash(&[text.text(), "unread", &error.to_string()]);
                return Draft { hash, build: Box::new(move || Err(vec![error])) };
            }
        };
        let lists = wanted_lists(&files);
        self.lists.renew(settings, &lists);
        self.lists.add(&lists, &mut files);
        // Who has to approve is said at the start, so that no change can do without.
        let approval = self.started.policy.approval.as_ref();
        let approvals = approval.map(|approval| approvals(approval, &settings.policy_content(&files)));
        let hash = of_files(&text, &read.stamps, &files, approvals.as_ref());
        let (shared, read) = (Arc::clone(self), Arc::clone(read));
        let build = move || {
            let Some(settings) = &read.settings else { return Err(read.found.clone()) };
            if let Some(approvals) = approvals.as_ref().filter(|approvals| !approvals.is_enough()) {
                return Err(approvals.said());
            }
            shared.lists.add_all(settings, &lists, &mut files)?;
            // A list that was fetched just now is a file more.
            let hash = of_files(&text, &read.stamps, &files, approvals.as_ref());
            let mut warnings = read.found.clone();
            warnings.extend(approvals.iter().flat_map(Approvals::said));
            let mut built = shared.build(settings, &files, hash, &warnings)?;
            built.approved =
                approvals.map(|approvals| ApprovedBy { policy: approvals.policy, by: approvals.signed });
            Ok(built)
        };
        Draft { hash, build: Box::new(build) }
    }

    fn build(
        &self,
        settings: &Settings,
        files: &Files,
        hash: String,
        warnings: &[Diagnostic],
    ) -> Result<Built, Vec<Diagnostic>> {
        let version = files::version(files);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let library = match &kept.library {
            Some((known, library)) if *known == version => Arc::clone(library),
            before => {
                let before = before.as_ref().map(|(_, library)| &**library);
                Arc::new(settings.library(files, before)?)
            }
        };
        let make = |library: &Library| {
            let written = settings.policies_of(library)?;
            let known = self.of_the_known(settings, &written, library, &kept.tenants)?;
            Ok((written, known))
        };
        let (library, (written, known)) = match make(&library) {
            Ok(made) => (library, made),
            // Other rules are in force than before, which may take terms that are not kept.
            Err(_) if !library.is_explained() => {
                let library = Arc::new(settings.library(files, Some(&library))?);
                let made = make(&library)?;
                (library, made)
            }
            Err(found) => return Err(found),
        };
        let judges = settings.judges_after(&kept.judges)?;
        let mut warnings = warnings.to_vec();
        warnings.append(&mut Settings::policy_warnings(&library, &written));
        let library = if library.is_explained() { Arc::new(library.unexplained()) } else { library };
        let (tenants, changes) = known.into_iter().unzip();
        *kept = Kept { library: Some((version, library)), tenants: changes, judges: judges.clone() };
        let folder = settings.policy.dir.as_ref();
        Ok(Built {
            hash,
            table: PolicyTable {
                default: written.default,
                tenants,
                names: self.started.tenants.iter().map(|tenant| tenant.name.clone()).collect(),
            },
            judges,
            from: folder.map_or_else(|| "(built in)".to_owned(), |dir| dir.display().to_string()),
            approved: None,
            needs_restart: differences(&self.started, settings),
            warnings,
            watch: settings.policy.watch.get(),
            keep: settings.policy.keep,
        })
    }

    /// The policies of the tenants that the gateway knows: their keys were read at the start. One that is not in the file any more
    /// goes on as it was.
    fn of_the_known(
        &self,
        settings: &Settings,
        written: &PolicyTable,
        library: &Library,
        kept: &[PolicyChange],
    ) -> Result<Vec<(Arc<Policy>, PolicyChange)>, Vec<Diagnostic>> {
        let mut tenants = Vec::new();
        for (known, kept) in self.started.tenants.iter().zip(kept) {
            let place = settings.tenants.iter().position(|tenant| tenant.name == known.name);
            let there = place.and_then(|n| Some((settings.tenants.get(n)?, written.tenants.get(n)?)));
            let (policy, change) = match there {
                Some((tenant, policy)) => (Arc::clone(policy), &tenant.policy),
                None => (Arc::new(gone(settings, library, &known.name, kept)?), kept),
            };
            tenants.push((policy, change.clone()));
        }
        Ok(tenants)
    }
}

/// The hash of a configuration that could be read and of what its policies are made from.
fn of_files(text: &SourceFile, stamps: &str, files: &Files, approvals: Option<&Approvals>) -> String {
    let approvals = approvals.map_or_else(String::new, |approvals| {
        let faults: String = approvals.faults.iter().map(ToString::to_string).collect();
        format!("{:?} {faults}", approvals.signed)
    });
    hash(&[text.text(), "read", stamps, &files::version(files), &approvals])
}

fn gone(
    settings: &Settings,
    library: &Library,
    name: &str,
    change: &PolicyChange,
) -> Result<Policy, Vec<Diagnostic>> {
    library.policy(&settings.policy.changed(change)).map_err(|mut found| {
        for mistake in &mut found {
            mistake.message =
                format!("tenant `{name}`, whose keys hold until a restart: {}", mistake.message);
        }
        found
    })
}
