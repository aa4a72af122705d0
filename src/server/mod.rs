//! Listeners, admission, and the pump that drives an exchange with sockets.
//!
//! [`start`] binds, starts the workers and the operations listener, and gives back a [`Running`] gateway. The pump itself is
//! [`body`]'s poll function: the exchange is driven by the client's reading.

mod admin;
mod answer;
mod asking;
mod body;
mod book;
pub mod canary;
mod chain;
mod complaints;
mod decisions;
mod demo;
mod descriptors;
mod detector;
mod events;
mod exchange;
mod gateway;
mod guard;
mod h2_codes;
pub(crate) mod head;
mod headers;
mod host_check;
mod judging;
mod labels;
mod listen;
mod long_reads;
mod notices;
mod operations;
mod patience;
mod policies;
mod prints;
mod public;
mod rates;
mod recorder;
mod reload;
mod request;
mod residency;
mod reviews;
mod rolling;
mod route_use;
mod sampler;
mod settings;
mod sinks;
mod source;
mod standing;
mod tasks;
mod vault;
mod vouch;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use events::Events;
use sinks::Sinks;
use tokio::sync::watch;
use vouch::Vouching;

pub use complaints::{COMPLAINTS, COMPLAINTS_TENANT, ComplaintSettings};
pub use demo::{CLEAN, LISTED, SAMPLE};
pub use gateway::{COMMITMENTS, Gateway, Live, NOTES, PRINTS, PSEUDONYMS, Plan};
pub use labels::{LABEL, LabelPlan};
pub use notices::NOTICE;
pub use policies::{ApprovedBy, Attempt, Ended, Loaded, NothingBefore, Policies, PolicyTable, Trigger};
pub use prints::{Printing, count as count_prints};
pub use reload::{Built, Draft, PolicySource, Reloader, Reloading};
pub use route_use::{FailMode, RouteUse, RouteUses};
pub use settings::{HeaderMatch, KeySettings, Moderations, RouteSettings, ServerSettings, TenantSettings};
pub use sinks::SinkPlan;
pub use standing::{STANDING, Standings};
pub use vault::VAULT;
pub use vouch::{VouchPlan, serve_witness};
pub use worker::{EXCHANGE, VERDICT};

pub use crate::policy::CANARY;

/// How long the end waits for policies that are being loaded, and how often it looks.
const LAST_WAIT: Duration = Duration::from_secs(5);
const LAST_LOOK: Duration = Duration::from_millis(10);
use crate::upstream::{Credential, DialectFamily, Timeouts, Upstream, UpstreamError, UpstreamSettings};
use crate::vault::Secret;

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be used.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// An upstream cannot be used.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// What is known of who was blocked cannot be read.
    #[error("cannot read `{path}`, which says who is suspended: {reason}", path = path.display())]
    Standings {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        reason: String,
    },
    /// What is known of complaints, or of reviews, cannot be read.
    #[error("cannot read `{path}`, which holds the {what}: {reason}", path = path.display())]
    Book {
        /// The file.
        path: std::path::PathBuf,
        /// What stands in it.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// What is kept of pseudonyms cannot be read.
    #[error("cannot read `{path}`, which holds what stood for private values: {source}", path = path.display())]
    Vault {
        /// The file.
        path: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The system gives no thread, runtime or randomness.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
}

/// A gateway that runs.
#[derive(Debug)]
pub struct Running {
    /// Where clients connect.
    pub data: SocketAddr,
    /// Where health and metrics are.
    pub operations: SocketAddr,
    /// What all workers share.
    pub gateway: Arc<Gateway>,
    stop: watch::Sender<bool>,
    workers: Vec<JoinHandle<()>>,
    /// Told when all exchanges have ended.
    close: watch::Sender<bool>,
    control: JoinHandle<()>,
    loader: Option<JoinHandle<()>>,
    sinks: Sinks,
    vouching: Vouching,
}

/// Binds, prepares and starts.
pub fn start(mut plan: Plan) -> Result<Running, StartError> {
    let wanted = plan.limits.connections;
    if let Some(room) = descriptors::room().filter(|&room| room < wanted) {
        tracing::warn!(
            wanted,
            room,
            "the system allows too few open files for `limits.connections`: `ulimit -n` raises it"
        );
        plan.limits.connections = room;
        plan.limits.connections_per_address = plan.limits.connections_per_address.min(room.div_ceil(2));
    }
    let listen = |address| listen::bind(address).map_err(|source| StartError::Listen { address, source });
    for address in [plan.server.data, plan.server.operations] {
        listen::alone(address).map_err(|source| StartError::Listen { address, source })?;
    }
    let first = listen(plan.server.data)?;
    let data = first.local_addr()?;
    let operations_listener = listen(plan.server.operations)?;
    let operations = operations_listener.local_addr()?;
    let workers = plan
        .server
        .workers
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
        .max(1);
    let mut listeners = vec![first];
    for _ in 1..workers {
        listeners.push(listen(data)?);
    }

    // The control runtime starts the demonstration first: its address is part of the upstreams.
    let control = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let demonstration = control.block_on(demo::start())?;
    let vouching = Vouching::start(plan.vouch.as_ref(), &plan.metrics)?;
    let (gateway, loader, sinks) = prepare(plan, demonstration)?;
    let gateway = Arc::new(gateway);

    let (stop, stopped) = watch::channel(false);
    let mut threads = Vec::new();
    // Health and metrics are there to the end of the drain, and so is the demonstration.
    let (close, closed) = watch::channel(false);
    for (n, listener) in listeners.into_iter().enumerate() {
        let (gateway, stopped) = (Arc::clone(&gateway), stopped.clone());
        threads.push(spawn(format!("worker-{n}"), move || listen::worker(&gateway, listener, stopped))?);
    }
    let shared = Arc::clone(&gateway);
    let control = spawn("control".into(), move || {
        control.block_on(async {
            tasks::detached("canary", canary::run(Arc::clone(&shared), data));
            operations::serve(shared, operations_listener, closed).await
        })
    })?;
    Ok(Running { data, operations, gateway, stop, workers: threads, close, control, loader, sinks, vouching })
}

fn spawn(
    name: String,
    run: impl FnOnce() -> std::io::Result<()> + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.clone()).spawn(move || {
        if let Err(error) = run() {
            tracing::error!(thread = name, %error, "a thread of the gateway ended");
        }
    })
}

/// The shared part, and the thread that loads policies.
fn prepare(
    mut plan: Plan,
    demonstration: SocketAddr,
) -> Result<(Gateway, Option<JoinHandle<()>>, Sinks), StartError> {
    let base = format!("http://{demonstration}");
    let mut upstreams = Vec::new();
    for (settings, credential) in &plan.upstreams {
        let base = settings.is_demonstration().then_some(base.as_str());
        upstreams.push(Arc::new(Upstream::new(settings.clone(), credential, base)?));
    }
    let canary = UpstreamSettings {
        name: "canary".into(),
        dialects: vec![DialectFamily::Openai],
        base_url: base,
        credential: None,
        timeouts: Timeouts::default(),
        extra_roots: None,
        region: None,
        samplers: Vec::new(),
    };
    let canary = Arc::new(Upstream::new(canary, &Credential::None, None)?);
    let key = crate::limits::new_key()?;
    let name = crate::audit::ExchangeId::random().map_err(std::io::Error::from)?;
    let policies = Arc::new(Policies::new(plan.policies.clone()));
    policies.tell(&plan.metrics);
    let mut loading = (None, None);
    if let Some(reloading) = plan.reloading.take() {
        let (asks, thread) = Reloader::start(reloading, Arc::clone(&policies), Arc::clone(&plan.metrics))?;
        loading = (Some(asks), Some(thread));
    }
    let (reloader, thread) = loading;
    let events = Events::new(&plan.sinks.journal);
    let standings = Arc::new(Standings::open(&plan.server.state, Some(&events))?);
    let sinks = Sinks::start(&plan.sinks, &plan.server.state, &plan.journal, &plan.metrics)?;
    // Who takes none does not read the journal for them.
    let complained = Some(&events).filter(|_| plan.complaints.enabled);
    let complaints = book::Book::open(&plan.server.state, complained)?;
    let complaints = complaints::Complaints::new(plan.complaints.clone(), complaints);
    let table = &plan.policies.table;
    let reviewed =
        std::iter::once(&table.default).chain(&table.tenants).any(|policy| policy.review().is_some());
    let reviews = book::Book::open(&plan.server.state, Some(&events).filter(|_| reviewed))?;
    let reviews = reviews::Reviews::new(reviews);
    let secret = Arc::new(Secret::new(&plan.keys.derive(gateway::PSEUDONYMS)));
    let vault = vault::open(&plan.server, Arc::clone(&secret))?;
    let sinks_behind = sinks.behind();
    let live = Live { policies, reloader, standings, complaints, reviews, sinks_behind, secret, vault };
    Ok((Gateway::new(plan, upstreams, canary, key.to_string(), name, live), thread, sinks))
}

/// Whether a thread comes to its end within a short while.
fn ends_soon(thread: &JoinHandle<()>) -> bool {
    for _ in 0..LAST_WAIT.as_millis() / LAST_LOOK.as_millis() {
        if thread.is_finished() {
            return true;
        }
        std::thread::park_timeout(LAST_LOOK);
    }
    tracing::warn!("policies are still being loaded; the gateway ends without them");
    false
}

impl Running {
    /// Has the policies' files read and taken, if they changed. The outcome is in the log.
    pub fn reload(&self, by: Trigger) {
        if let Some(reloader) = &self.gateway.reloader {
            drop(reloader.reload(by));
        }
    }

    /// Stops accepting, lets running exchanges end within the time to drain, writes what is left of the journal.
    pub fn shutdown(self) {
        self.gateway.draining.store(true, Ordering::Release);
        if let Some(reloader) = &self.gateway.reloader {
            reloader.stop();
        }
        // Receivers are gone only where their threads have ended already.
        let _ = self.stop.send(true);
        let join = |thread: JoinHandle<()>| {
            if thread.join().is_err() {
                tracing::error!("a thread of the gateway panicked");
            }
        };
        self.workers.into_iter().for_each(join);
        // It may wait for the server of a list, which has a minute; what it would bring nobody needs any more.
        self.loader.into_iter().filter(ends_soon).for_each(join);
        self.gateway.standings.flush();
        vault::flush(&self.gateway.vault);
        self.gateway.reviews.book.flush_or_tell();
        self.gateway.complaints.book.flush_or_tell();
        self.gateway.prints.close();
        // Its end records go to the journal.
        self.gateway.texts.iter().for_each(crate::audit::Texts::close);
        self.gateway.journal.close();
        self.vouching.stop();
        self.sinks.stop();
        let _ = self.close.send(true);
        join(self.control);
    }
}
