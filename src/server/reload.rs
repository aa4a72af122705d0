//! Replaces the policies while the gateway runs: when their files change, on SIGHUP, and when an operator asks.
//!
//! A thread of its own reads, compiles and tries the rules' examples, so that no worker waits for it; then one pointer is swapped.
//! Everything comes to work or nothing does, and what ran goes on (promise 6).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::policies::{ApprovedBy, Attempt, Ended, Loaded, Policies, PolicyTable, Trigger};
use crate::diag::Diagnostic;
use crate::policy::APPROVAL;
use crate::telemetry::Metrics;
use crate::upstream::judge::JudgeSet;

/// Files that have changed are looked at again after this time: when they still say the same, nobody is writing them any more.
const SETTLES: Duration = Duration::from_millis(500);
/// How often files are read again that change while they are read.
const READS: usize = 5;

/// Where policies come from: reads the files as they are now.
pub type PolicySource = Box<dyn FnMut() -> Draft + Send>;

/// What the files say.
pub struct Draft {
    /// Hash of all that was read.
    pub hash: String,
    /// Makes policies of it, or says everything that is wrong with it.
    pub build: Box<dyn FnOnce() -> Result<Built, Vec<Diagnostic>> + Send>,
}

/// Policies that were made from files.
#[derive(Debug)]
pub struct Built {
    /// Hash of what they were made from: another than the draft's, where something had to be fetched.
    pub hash: String,
    /// The policies.
    pub table: PolicyTable,
    /// The judges that their rules ask.
    pub judges: JudgeSet,
    /// The files, for people.
    pub from: String,
    /// Who approved them, where somebody has to.
    pub approved: Option<ApprovedBy>,
    /// What the configuration has changed besides and only a restart brings.
    pub needs_restart: Vec<String>,
    /// Warnings.
    pub warnings: Vec<Diagnostic>,
    /// How often the files are looked at; never, where it is nothing.
    pub watch: Duration,
    /// How many earlier policies are kept.
    pub keep: usize,
}

/// How a running gateway gets other policies.
pub struct Reloading {
    /// Where they come from.
    pub source: PolicySource,
    /// How often the files are looked at; never, where it is nothing.
    pub watch: Duration,
    /// What the configuration says of the rest, as in [`Built`].
    pub needs_restart: Vec<String>,
}

impl std::fmt::Debug for Reloading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reloading").field("watch", &self.watch).finish_non_exhaustive()
    }
}

enum Command {
    Reload(Trigger, oneshot::Sender<Attempt>),
    Stop,
}

/// Asks the thread that loads policies.
#[derive(Clone, Debug)]
pub struct Reloader(Sender<Command>);

impl Reloader {
    /// Starts the thread.
    pub(super) fn start(
        reloading: Reloading,
        policies: Arc<Policies>,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (sender, commands) = channel();
        let (_, seen) = policies.active();
        let Reloading { source, watch, needs_restart } = reloading;
        let loader = Loader { source, watch, policies, metrics, seen, changed: None, needs_restart };
        let thread =
            std::thread::Builder::new().name("policies".into()).spawn(move || loader.run(&commands))?;
        Ok((Self(sender), thread))
    }

    /// Has the files read and taken now, changed or not. The answer comes when it is done; none from a gateway that stops.
    pub fn reload(&self, by: Trigger) -> oneshot::Receiver<Attempt> {
        let (answer, receiver) = oneshot::channel();
        // A thread that is gone drops the sender, which is the answer.
        let _ = self.0.send(Command::Reload(by, answer));
        receiver
    }

    /// Ends the thread when it has done what it does.
    pub(super) fn stop(&self) {
        let _ = self.0.send(Command::Stop);
    }
}

struct Loader {
    source: PolicySource,
    watch: Duration,
    policies: Arc<Policies>,
    metrics: Arc<Metrics>,
    /// Hash of what was last taken or refused: the files are left alone until they say something else.
    seen: String,
    /// Hash of what was first seen a moment ago.
    changed: Option<String>,
    /// What the files that were last taken say of the rest.
    needs_restart: Vec<String>,
}

impl Loader {
    fn run(mut self, commands: &Receiver<Command>) {
        loop {
            let next = match self.pause() {
                Some(pause) => commands.recv_timeout(pause),
                None => commands.recv().map_err(RecvTimeoutError::from),
            };
            match next {
                Ok(Command::Reload(by, answer)) => {
                    let attempt = self.reload(by);
                    // Who asked may have left.
                    let _ = answer.send(attempt);
                }
                Err(RecvTimeoutError::Timeout) => self.look(),
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Until the files are looked at next.
    fn pause(&self) -> Option<Duration> {
        match &self.changed {
            Some(_) => Some(SETTLES.min(self.watch)),
            None => Some(self.watch),
        }
        .filter(|pause| !pause.is_zero())
    }

    /// What the files say now.
    fn read(&mut self) -> Draft {
        catch_unwind(AssertUnwindSafe(|| (self.source)())).unwrap_or_else(|_| {
            let found = self.fault();
            Draft { hash: String::new(), build: Box::new(|| Err(found)) }
        })
    }

    fn fault(&self) -> Vec<Diagnostic> {
        self.metrics.panics.inc();
        vec![Diagnostic::error("fault", "a fault in the gateway ended the loading")]
    }

    /// Takes files that have changed and are the same as a moment ago.
    fn look(&mut self) {
        let now = self.read().hash;
        if now == self.seen {
            self.changed = None;
        } else if self.changed.as_ref() == Some(&now) {
            self.reload(Trigger::Files);
        } else {
            self.changed = Some(now);
        }
    }

    fn reload(&mut self, by: Trigger) -> Attempt {
        let begun = now();
        let (over, running) = self.policies.active();
        self.changed = None;
        let (ended, found) = match self.build(&running) {
            Ok(Some(built)) => self.take(over, built, by),
            Ok(None) => (Ended::Unchanged, Vec::new()),
            Err(found) if found.iter().any(|one| one.code == APPROVAL) => (Ended::Unapproved, found),
            Err(found) => (Ended::Failed, found),
        };
        let attempt = Attempt::new(ended, by, begun.elapsed(), &found, self.needs_restart.clone());
        self.log(&attempt);
        self.policies.note(attempt.clone(), &self.metrics);
        attempt
    }

    /// What the files say now, and policies of it where that is not what runs.
    fn build(&mut self, running: &str) -> Result<Option<Built>, Vec<Diagnostic>> {
        let mut draft = self.read();
        for _ in 0..READS {
            // Of files that are exchanged while they are read, one part is old and the other new.
            let before = std::mem::replace(&mut draft, self.read());
            if before.hash != draft.hash {
                continue;
            }
            self.seen.clone_from(&draft.hash);
            if draft.hash == running {
                return Ok(None);
            }
            let built = catch_unwind(AssertUnwindSafe(draft.build)).unwrap_or_else(|_| Err(self.fault()));
            return built.map(|built| {
                self.seen.clone_from(&built.hash);
                Some(built)
            });
        }
        let moving = Diagnostic::error("moving", "the files change while they are read");
        Err(vec![moving.help("write them elsewhere and rename them into place")])
    }

    fn take(&mut self, over: u64, built: Built, by: Trigger) -> (Ended, Vec<Diagnostic>) {
        let Built { table, judges, hash, from, approved, .. } = built;
        let loaded = Loaded { table: Arc::new(table), judges, hash, from, approved };
        let Some(ended) = self.policies.replace(over, loaded, by, built.keep) else {
            let meanwhile = Diagnostic::error("rolled-back", "a rollback came while the files were loaded");
            return (Ended::Failed, vec![meanwhile.help("to have the files all the same, reload")]);
        };
        (self.watch, self.needs_restart) = (built.watch, built.needs_restart);
        (ended, built.warnings)
    }

    fn log(&self, attempt: &Attempt) {
        let (by, ms) = (attempt.by.as_str(), attempt.took.as_millis() as u64);
        match attempt.ended {
            Ended::Ok => {
                let policy = self.policies.of(None);
                tracing::info!(
                    by,
                    ms,
                    policy = policy.name(),
                    version = policy.version(),
                    approved_by = self.policies.approved_by(),
                    "other policies run now"
                );
            }
            Ended::Unchanged => tracing::info!(by, ms, "the policies' files say what runs already"),
            Ended::Unapproved => {
                for reason in &attempt.lines {
                    tracing::error!(by, "{reason}");
                }
                tracing::error!(by, ms, "what the policies' files say is not approved; what ran goes on");
            }
            Ended::Failed => {
                for reason in &attempt.lines {
                    tracing::error!(by, "{reason}");
                }
                let mistakes = attempt.found;
                tracing::error!(by, ms, mistakes, "the policies could not be replaced; what ran goes on");
            }
        }
        if !attempt.ended.is_refused() {
            for warning in &attempt.lines {
                tracing::warn!(by, "{warning}");
            }
        }
        for what in &attempt.needs_restart {
            tracing::warn!(by, "needs a restart: {what}");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the edge reads the clock; the core is told")]
fn now() -> Instant {
    Instant::now()
}
