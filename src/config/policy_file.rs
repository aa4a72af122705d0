//! A file that is asked for its `[policy]` alone: a configuration, of which the rest is not looked at, or no more than that table.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::policy_places::PolicyPlaces;
use super::{Settings, other_version};
use crate::audit::JournalSettings;
use crate::diag::{Diagnostic, SourceFile, has_errors, read_toml};
use crate::limits::LimitsSettings;
use crate::policy::PolicySettings;
use crate::provenance::LabelSettings;
use crate::provenance::mark::MarkSettings;
use crate::provenance::print::PrintSettings;
use crate::server::{ComplaintSettings, ServerSettings};
use crate::telemetry::LogSettings;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct PolicyFile {
    schema: Option<u32>,
    policy: PolicySettings,
    #[serde(rename = "server")]
    _server: IgnoredAny,
    #[serde(rename = "limits")]
    _limits: IgnoredAny,
    #[serde(rename = "journal")]
    _journal: IgnoredAny,
    #[serde(rename = "log")]
    _log: IgnoredAny,
    #[serde(rename = "upstream")]
    _upstreams: IgnoredAny,
    #[serde(rename = "route")]
    _routes: IgnoredAny,
    #[serde(rename = "tenant")]
    _tenants: IgnoredAny,
    #[serde(rename = "labels")]
    _labels: IgnoredAny,
    #[serde(rename = "marks")]
    _marks: IgnoredAny,
    #[serde(rename = "prints")]
    _prints: IgnoredAny,
    #[serde(rename = "complaints")]
    _complaints: IgnoredAny,
    #[serde(rename = "judge")]
    _judges: IgnoredAny,
    #[serde(rename = "sink")]
    _sinks: IgnoredAny,
    #[serde(rename = "witness")]
    _witnesses: IgnoredAny,
    #[serde(rename = "anchor")]
    _anchors: IgnoredAny,
}

/// Reads the `[policy]` of a file; paths in it are relative to `folder`. All else of the settings is as it is by default.
pub fn load_policy(source: &Arc<SourceFile>, folder: &Path) -> Result<Settings, Vec<Diagnostic>> {
    let mut read = read_toml::<PolicyFile>(source);
    let mut diagnostics = std::mem::take(&mut read.diagnostics);
    let file = read.value.take().unwrap_or_default();
    if let Some(other) = file.schema.and_then(|schema| other_version(schema, source, &read.places)) {
        return Err(vec![other]);
    }
    // A configuration says nothing where it has the default.
    let is_configuration = file.schema.is_some() || read.places.has(&["upstream".into()]);
    if diagnostics.is_empty() && !is_configuration && !read.places.has(&["policy".into()]) {
        let nothing = Diagnostic::error("no-policy", format!("`{}` has no `[policy]`", source.name()));
        diagnostics.push(nothing.help("for example `[policy]` with `profile = \"default\"`"));
    }
    if has_errors(&diagnostics) {
        return Err(diagnostics);
    }
    let mut policy = file.policy;
    policy.dir = policy.dir.map(|dir| folder.join(dir));
    policy.approval.iter_mut().for_each(|approval| approval.dir = folder.join(&approval.dir));
    policy.slots.values_mut().for_each(|list| *list = folder.join(&*list));
    Ok(Settings {
        policy,
        server: ServerSettings::default(),
        limits: LimitsSettings::default(),
        journal: JournalSettings::default(),
        labels: LabelSettings::default(),
        marks: MarkSettings::default(),
        prints: PrintSettings::default(),
        complaints: ComplaintSettings::default(),
        log: LogSettings::default(),
        upstreams: Vec::new(),
        samplers: Vec::new(),
        routes: Vec::new(),
        judges: Vec::new(),
        sinks: Vec::new(),
        witnesses: Vec::new(),
        anchors: Vec::new(),
        tenants: Vec::new(),
        policy_places: PolicyPlaces { source: Arc::clone(source), places: Arc::new(read.places) },
    })
}
