//! `sluicegate serve`: runs the gateway.

use super::{ConfigArgs, Exit, environment, show};
use crate::audit::{Commit, Holds, Journal, Keep, Texts, load_or_make_signer};
use crate::config::{ConfigFile, Overrides, Purpose, Settings};
use crate::limits::Pepper;
use crate::policy::APPROVAL;
use crate::provenance::print::{PrintKeys, PrintPlan};
use crate::server::{
    self, LabelPlan, Loaded, PRINTS, Plan, PolicyTable, Printing, Reloading, Running, SinkPlan, Trigger,
    VouchPlan, count_prints,
};
use crate::telemetry::{Metrics, start_log};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Run the gateway
///
/// Without a configuration it listens on this machine only and answers from a built-in demonstration
/// upstream, in every dialect. SIGTERM lets running answers end, then stops. SIGHUP has the policies' files read anew; `sluicegate policy`
/// says what came of it.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 after SIGTERM or Ctrl-C, 2 for a bad configuration, 3 when it cannot run.

Examples:
  sluicegate serve
  sluicegate serve --config gateway.toml --state /var/lib/sluicegate")]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,

    /// Where clients connect, in place of the file's `server.data`
    #[arg(long, value_name = "ADDR", env = "SLUICEGATE_DATA", hide_env_values = true)]
    data: Option<SocketAddr>,

    /// Where health and metrics are, in place of the file's `server.operations`
    #[arg(long, value_name = "ADDR", env = "SLUICEGATE_OPERATIONS", hide_env_values = true)]
    operations: Option<SocketAddr>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let overrides = Overrides { data: args.data, operations: args.operations, ..args.config.overrides() };
    let file = args.config.file(overrides);
    let loaded = file.load(Purpose::Serve, &environment);
    show(&loaded.diagnostics)?;
    let Some(settings) = loaded.settings else { return Ok(Exit::Misuse) };
    serve(&settings, file)
}

fn serve(settings: &Settings, file: ConfigFile) -> anyhow::Result<Exit> {
    start_log(&settings.log);
    let signals = Signals::listen()?;
    let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"))?);
    let mut source = file.policies(settings.clone(), &metrics, environment);
    let built = match (source().build)() {
        Ok(built) => built,
        Err(found) => {
            show(&found)?;
            return Ok(Exit::Misuse);
        }
    };
    // What the file itself is warned about has been said.
    for warning in built.warnings.iter().filter(|warning| ["demand", APPROVAL].contains(&warning.code)) {
        tracing::warn!("{warning}");
    }
    let journal_dir = settings.journal_path();
    let pepper = Pepper::load_or_make_for(&settings.pepper_path(), &journal_dir)?;
    let counted = Arc::clone(&metrics);
    let watcher = move |commit: Commit| {
        counted.journal_sync.observe(commit.took.as_secs_f64());
        counted.journal_records.observe(commit.records as f64);
        counted.journal_failures.inc_by(u64::from(!commit.durable));
        counted.journal_lost.inc_by(commit.lost as u64);
    };
    let signer = load_or_make_signer(&settings.journal_key_path(), settings.journal.origin.as_deref())?;
    let origin = signer.verifier().name().to_owned();
    let vouch = VouchPlan {
        witnesses: settings.witnesses.clone(),
        witness_every: settings.journal.witness_every.0,
        witness_quorum: settings.journal.witness_quorum,
        anchors: settings.anchors.clone(),
        journal: journal_dir.clone(),
        verifier: signer.verifier().clone(),
    };
    let (journal, recovered) =
        Journal::open_signed(&journal_dir, &settings.journal, signer, Box::new(watcher))?;
    if pepper.bind(&journal_dir)? && recovered.last > 0 {
        tracing::warn!(
            journal = %journal_dir.display(),
            "the journal has records and named no pepper: from now on it belongs to this one; was it another, nobody in it is found"
        );
    }
    for torn in recovered.torn.iter().filter(|t| t.bytes > 0) {
        tracing::warn!(
            file = %torn.path.display(),
            at = torn.at,
            bytes = torn.bytes,
            "an end of the journal that was not complete was cut off; nothing of its exchanges was delivered"
        );
    }
    // The journal has the key for itself.
    let signer = load_or_make_signer(&settings.journal_key_path(), settings.journal.origin.as_deref())?;
    let texts = match settings.journal.texts.keep {
        Keep::None => None,
        Keep::Found | Keep::All => {
            // A new key would wrap nothing that is there.
            let makes = !Texts::has_keys(&journal_dir);
            let master = settings.placed_journal().texts.master(makes)?;
            Some(Texts::open(&journal_dir, &settings.journal.texts, master, journal.clone())?)
        }
    };
    let marks = settings.mark_keys(&environment, unix_now())?;
    let prints = printing(settings, &pepper, &journal_dir, &built.table, &metrics)?;
    let keys = settings.key_table(pepper);
    let open = keys.is_open();
    let running = server::start(Plan {
        server: settings.server.clone(),
        limits: settings.limits.clone(),
        upstreams: settings.upstreams.clone(),
        samplers: settings.samplers.clone(),
        routes: settings.routes.clone(),
        keys,
        policies: Loaded {
            table: Arc::new(built.table),
            judges: built.judges,
            hash: built.hash,
            from: built.from,
            approved: built.approved,
        },
        reloading: Some(Reloading { source, watch: built.watch, needs_restart: built.needs_restart }),
        journal,
        texts,
        marks: Some(Arc::new(marks)),
        prints,
        detector: settings.marks.detector.clone(),
        complaints: settings.complaints.clone(),
        vouch: Some(vouch),
        sinks: SinkPlan { sinks: settings.sinks.clone(), journal: journal_dir, origin },
        labels: LabelPlan::new(&settings.labels, &settings.tenants, signer),
        metrics,
    })?;
    // Who reads it may have seen enough and be gone; the gateway is there all the same.
    if let Err(error) = welcome(&running, settings, open) {
        tracing::debug!(%error, "nobody reads where it listens");
    }
    signals.wait(&running)?;
    tracing::info!("draining");
    running.shutdown();
    Ok(Exit::Fine)
}

/// What keeps prints of answers: begun at once where some are kept already or a policy says so, else with the first policy that does.
fn printing(
    settings: &Settings,
    pepper: &Pepper,
    journal: &Path,
    policies: &PolicyTable,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<Printing> {
    let (counted, journal) = (Arc::clone(metrics), journal.to_owned());
    let plan = PrintPlan {
        folder: settings.prints_path(),
        keys: PrintKeys::new(&pepper.derive(PRINTS)),
        common: settings.common_phrases(&PrintKeys::new(&pepper.derive(PRINTS)))?,
        days: settings.prints.days,
        size: settings.prints.size.get() as u64,
        // A list that cannot be read holds everything.
        is_held: Box::new(move || Holds::any(&journal).unwrap_or(true)),
        told: Box::new(move |fate| count_prints(&counted, fate)),
    };
    let is_there = plan.folder.exists();
    let wanted = std::iter::once(&policies.default).chain(&policies.tenants).any(|policy| policy.prints());
    let printing = Printing::new(plan, settings.prints.public);
    if is_there || wanted {
        printing.begin();
    }
    Ok(printing)
}

/// Seconds since 1970.
fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Says where the gateway is and what to try.
fn welcome(running: &Running, settings: &Settings, open: bool) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "sluicegate {} listens on http://{}", env!("CARGO_PKG_VERSION"), running.data)?;
    writeln!(out, "health, readiness and metrics: http://{}/{{healthz,readyz,metrics}}", running.operations)?;
    if open {
        writeln!(out, "no key is configured: everybody on this machine may use it")?;
    }
    if settings.upstreams.iter().any(|(u, _)| u.is_demonstration()) {
        let url = format!("http://{}/v1/chat/completions", running.data);
        writeln!(
            out,
            "\nTry it. The demonstration's answer holds private data; watch it vanish in mid-stream:\n"
        )?;
        writeln!(
            out,
            "  curl -N {url} -d '{{\"model\": \"demo\", \"stream\": true, \"messages\": [{{\"role\": \"user\", \"content\": \"How do I reach Alex?\"}}]}}'\n"
        )?;
        writeln!(out, "and one that is blocked:\n")?;
        writeln!(
            out,
            "  curl -N {url} -d '{{\"model\": \"demo\", \"stream\": true, \"messages\": [{{\"role\": \"user\", \"content\": \"block\"}}]}}'\n"
        )?;
    }
    out.flush()
}

/// What a process is told from outside.
struct Signals {
    runtime: Runtime,
    term: Signal,
    hangup: Signal,
    /// A file as large as the process may write: the write fails, and the journal says so, where the signal would end the process.
    _too_large: Signal,
}

impl Signals {
    /// From here on SIGHUP ends nobody, and SIGTERM only who waits.
    fn listen() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let guard = runtime.enter();
        let (term, hangup) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
        let too_large = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?;
        drop(guard);
        Ok(Self { runtime, term, hangup, _too_large: too_large })
    }

    /// Until it is to stop. SIGHUP has the policies loaded anew.
    fn wait(mut self, running: &Running) -> std::io::Result<()> {
        self.runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = self.term.recv() => return Ok(()),
                    _ = self.hangup.recv() => running.reload(Trigger::Signal),
                    interrupted = tokio::signal::ctrl_c() => return interrupted,
                }
            }
        })
    }
}
