//! A gateway in this process, on a port of this machine that is free, for an assessment alone.

use crate::audit::Journal;
use crate::config::Settings;
use crate::limits::Pepper;
use crate::provenance::mark::DetectorSettings;
use crate::server::{self, LabelPlan, Loaded, Plan, PolicyTable, Running};
use crate::telemetry::Metrics;
use anyhow::Context as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// It ends with this value.
pub(super) struct Gateway {
    running: Option<Running>,
    /// Its journal: what an assessment asks is no record of the deployment.
    _folder: Folder,
    pub(super) address: SocketAddr,
}

impl Gateway {
    /// Starts one under these settings and policies.
    pub(super) fn start(
        settings: &Settings,
        table: PolicyTable,
        version: &str,
        folder: Folder,
    ) -> anyhow::Result<Self> {
        let (journal, _) = Journal::open(&folder.0.join("journal"), &settings.journal)?;
        let pepper = Pepper::load_or_make(&settings.pepper_path())?;
        let running = server::start(Plan {
            server: settings.server.clone(),
            limits: settings.limits.clone(),
            upstreams: settings.upstreams.clone(),
            samplers: Vec::new(),
            routes: settings.routes.clone(),
            keys: settings.key_table(pepper),
            policies: Loaded {
                table: Arc::new(table),
                judges: settings.judge_set().map_err(|found| anyhow::anyhow!("{}", found.join("; ")))?,
                hash: version.to_owned(),
                from: "assess".to_owned(),
                approved: None,
            },
            reloading: None,
            journal,
            texts: None,
            marks: None,
            prints: server::Printing::default(),
            detector: DetectorSettings::default(),
            complaints: server::ComplaintSettings::default(),
            vouch: None,
            sinks: server::SinkPlan::default(),
            labels: LabelPlan::default(),
            metrics: Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"))?),
        })?;
        Ok(Self { address: running.data, running: Some(running), _folder: folder })
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.shutdown();
        }
    }
}

/// A folder that goes with this value.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> anyhow::Result<Self> {
        let number = getrandom::u64()?;
        let path = std::env::temp_dir().join(format!("sluicegate-assess-{number:016x}"));
        std::fs::create_dir(&path).with_context(|| format!("cannot make `{}`", path.display()))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
