//! Others vouch for the journal: witnesses cosign its checkpoints, anchors hold them elsewhere or stamp them with a time.
//!
//! All of it happens beside the traffic, on threads of its own, and nothing waits for it. Where somebody has seen a journal that this one does
//! not go on from, the log and a metric say so until it is over.

mod anchors;
mod witness;
mod witnesses;

pub use witness::serve as serve_witness;

use crate::audit::{Checkpoint, ProveError, Verifier, last_checkpoint};
use crate::telemetry::Metrics;
use crate::upstream::Credential;
use crate::upstream::vouch::{AnchorSettings, WitnessSettings};
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// What a stop waits for all of them, and how often it looks.
const LONGEST_STOP: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(5);

/// Who vouches for a journal.
#[derive(Clone, Debug)]
pub struct VouchPlan {
    /// Who cosigns.
    pub witnesses: Vec<WitnessSettings>,
    /// How often they are asked.
    pub witness_every: Duration,
    /// How many of them have to cosign a checkpoint before it counts as cosigned.
    pub witness_quorum: usize,
    /// Where checkpoints are put, with what opens the place.
    pub anchors: Vec<(AnchorSettings, Credential)>,
    /// The journal's folder.
    pub journal: PathBuf,
    /// The key that signs it.
    pub verifier: Verifier,
}

/// The threads that see to it.
#[derive(Debug, Default)]
pub(super) struct Vouching {
    stop: Option<watch::Sender<bool>>,
    threads: Vec<JoinHandle<()>>,
}

impl Vouching {
    /// Starts them.
    pub(super) fn start(plan: Option<&VouchPlan>, metrics: &Arc<Metrics>) -> io::Result<Self> {
        let Some(plan) = plan.filter(|plan| !plan.witnesses.is_empty() || !plan.anchors.is_empty()) else {
            return Ok(Self::default());
        };
        let (stop, stopped) = watch::channel(false);
        let mut threads = Vec::new();
        if !plan.witnesses.is_empty() {
            let round = witnesses::Round::new(plan, metrics)?;
            threads.push(spawn("witnesses", round.run(stopped.clone()))?);
        }
        for (settings, credential) in &plan.anchors {
            let anchor = anchors::Anchor::new(plan, settings, credential, metrics)?;
            threads.push(spawn("anchor", anchor.run(stopped.clone()))?);
        }
        Ok(Self { stop: Some(stop), threads })
    }

    /// Takes the last checkpoint of a journal that is closed to the witnesses, as far as that goes quickly.
    pub(super) fn stop(self) {
        // Receivers are gone only where their threads have ended already.
        let _ = self.stop.map(|stop| stop.send(true));
        let end = now() + LONGEST_STOP;
        for thread in self.threads {
            // A file may lie on a disk of the network that does not answer.
            while !thread.is_finished() && now() < end {
                std::thread::park_timeout(LOOK);
            }
            if !thread.is_finished() {
                tracing::warn!("a witness or an anchor holds up the end; it is left alone");
            } else if thread.join().is_err() {
                tracing::error!("a thread that has others vouch for the journal panicked");
            }
        }
    }
}

fn spawn(name: &str, run: impl Future<Output = ()> + Send + 'static) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name(name.into()).spawn(move || runtime.block_on(run))
}

/// Waits so long, or until the end; whether it is the end. A sender that is gone is one, too.
async fn rest(stop: &mut watch::Receiver<bool>, pause: Duration) -> bool {
    tokio::time::timeout(pause, stop.wait_for(|stop| *stop)).await.is_ok()
}

/// Why somebody does not vouch.
#[derive(Debug)]
enum Trouble {
    /// He cannot be asked, does not answer as he should, or something here fails.
    Failed(String),
    /// He has seen another journal than this one.
    Contradicts(String),
}

impl<E: std::error::Error> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Failed(error.to_string())
    }
}

/// The last checkpoint; none where there is none yet.
fn newest(plan: &VouchPlan) -> Result<Option<(String, Checkpoint)>, Trouble> {
    match last_checkpoint(&plan.journal, &plan.verifier) {
        Ok(found) => Ok(Some(found)),
        Err(ProveError::Checkpoint { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The gauges of one witness or anchor, and what has been said of him.
#[derive(Debug)]
struct Standing {
    what: &'static str,
    name: String,
    up: prometheus::IntGauge,
    fault: prometheus::IntGauge,
    failures: prometheus::IntCounter,
    failing: bool,
    contradicts: bool,
    /// How often in a row it failed.
    row: u32,
}

impl Standing {
    fn witness(name: &str, metrics: &Metrics) -> Self {
        let families = (&metrics.witness_up, &metrics.witness_fault, &metrics.witness_failures);
        Self::new("witness", name, families)
    }

    fn anchor(name: &str, metrics: &Metrics) -> Self {
        let families = (&metrics.anchor_up, &metrics.anchor_fault, &metrics.anchor_failures);
        Self::new("anchor", name, families)
    }

    fn new(
        what: &'static str,
        name: &str,
        (up, fault, failures): (
            &prometheus::IntGaugeVec,
            &prometheus::IntGaugeVec,
            &prometheus::IntCounterVec,
        ),
    ) -> Self {
        Self {
            what,
            name: name.to_owned(),
            up: up.with_label_values(&[name]),
            fault: fault.with_label_values(&[name]),
            failures: failures.with_label_values(&[name]),
            failing: false,
            contradicts: false,
            row: 0,
        }
    }

    /// Says once that it fails, and once that it works again.
    fn note(&mut self, done: Result<(), &Trouble>) {
        let (what, name) = (self.what, &self.name);
        match done {
            Ok(()) => {
                if self.failing || self.contradicts {
                    tracing::warn!(name, "the {what} vouches for the journal again");
                }
                (self.failing, self.contradicts, self.row) = (false, false, 0);
                self.up.set(1);
                self.fault.set(0);
            }
            Err(trouble) => {
                self.up.set(0);
                self.failures.inc();
                self.row = self.row.saturating_add(1);
                match trouble {
                    Trouble::Failed(why) if !std::mem::replace(&mut self.failing, true) => {
                        tracing::warn!(
                            name,
                            why,
                            "the {what} does not vouch for the journal; it is asked again"
                        );
                    }
                    Trouble::Contradicts(why) => {
                        self.fault.set(1);
                        if !std::mem::replace(&mut self.contradicts, true) {
                            tracing::error!(
                                name,
                                why,
                                "the {what} has seen another journal than this one: records are gone or changed, or it is wrong. `sluicegate audit verify` says more"
                            );
                        }
                    }
                    Trouble::Failed(_) => {}
                }
            }
        }
    }

    /// How long to wait after what failed so often in a row.
    fn pause(&self, every: Duration) -> Duration {
        every.saturating_mul(1 << self.row.min(8)).min(LONGEST_PAUSE.max(every))
    }
}

#[expect(clippy::disallowed_methods, reason = "these threads stand at the edge")]
fn now() -> Instant {
    Instant::now()
}
