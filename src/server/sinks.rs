//! Sends the journal's records to other systems.
//!
//! Each sink has a thread of its own, which reads the journal on behind the writer: the journal is the spool. Where it stands is kept in the
//! state folder; a crash costs repeats of a second. Traffic does not wait, but for a sink whose settings say so.

use super::rolling::Rolling;
use crate::audit::{Entry, EventForm, Journal, Tail};
use crate::diag::write_whole;
use crate::telemetry::Metrics;
use crate::upstream::Credential;
use crate::upstream::sink::{Delivery, Parcel, Rejected, Sink, SinkError, SinkSettings, SinkStart};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The first and the longest pause after a failure.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// How often the place is written down, while it moves.
const KEPT: Duration = Duration::from_secs(1);
/// What a stop gives a sink for what it has not got; the rest comes with the next start.
const LAST: Duration = Duration::from_secs(2);

/// The sinks of a gateway.
#[derive(Debug, Default)]
pub(super) struct Sinks {
    /// How many of those that traffic waits for are too far behind.
    behind: Arc<AtomicUsize>,
    stop: Option<watch::Sender<bool>>,
    threads: Vec<JoinHandle<()>>,
}

/// What the sinks need.
#[derive(Clone, Debug, Default)]
pub struct SinkPlan {
    /// Sinks with their credentials.
    pub sinks: Vec<(SinkSettings, Credential)>,
    /// The journal's folder.
    pub journal: PathBuf,
    /// The journal's name.
    pub origin: String,
}

/// Whether requests are refused since a sink is too far behind.
pub(super) type Behind = Arc<AtomicUsize>;

impl Sinks {
    /// Starts them.
    pub(super) fn start(
        plan: &SinkPlan,
        state: &Path,
        journal: &Journal,
        metrics: &Arc<Metrics>,
    ) -> io::Result<Self> {
        if plan.sinks.is_empty() {
            return Ok(Self::default());
        }
        let folder = state.join("sinks");
        std::fs::create_dir_all(&folder)?;
        let (stop, stopped) = watch::channel(false);
        let behind = Behind::default();
        let mut threads = Vec::new();
        for (settings, credential) in &plan.sinks {
            let sink = Sink::new(settings, credential, &plan.origin).map_err(io::Error::other)?;
            let durable = journal.durable();
            let place = Place::open(&folder, settings, &plan.origin, durable)?;
            let at = (place.after, durable);
            let rolling = sink
                .takes_files()
                .then(|| Rolling::open(&folder, settings, sink.form(), &plan.origin, at))
                .transpose()?;
            let feeder = Feeder {
                dir: plan.journal.clone(),
                tail: Tail::new(&plan.journal, place.after),
                sink,
                place,
                rolling,
                stopping: false,
                settings: settings.clone(),
                journal: journal.clone(),
                waiting: None,
                metrics: Arc::clone(metrics),
                behind: Arc::clone(&behind),
                is_behind: false,
                failing: false,
                rejects: Rejected::default(),
            };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let stopped = stopped.clone();
            let thread = std::thread::Builder::new().name("sink".into());
            threads.push(thread.spawn(move || runtime.block_on(feeder.run(stopped)))?);
        }
        Ok(Self { behind, stop: Some(stop), threads })
    }

    /// How many of those that traffic waits for are too far behind.
    pub(super) fn behind(&self) -> Behind {
        Arc::clone(&self.behind)
    }

    /// Sends what is left of a journal that is closed, as far as it goes quickly.
    pub(super) fn stop(self) {
        // Receivers are gone only where their threads have ended already.
        let _ = self.stop.map(|stop| stop.send(true));
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("the thread of a sink panicked");
            }
        }
    }
}

/// Up to where a sink has the journal, on disk.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    origin: String,
    /// The last record that it has.
    after: u64,
    /// The same as it stands in the file.
    kept: u64,
    due: Option<Instant>,
}

impl Place {
    fn open(folder: &Path, settings: &SinkSettings, origin: &str, durable: u64) -> io::Result<Self> {
        let path = folder.join(format!("{}.place", settings.name));
        let kept = match std::fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        // The place in another journal says nothing of this one, and one behind its end nothing at all.
        let known = kept.as_deref().and_then(|text| {
            let (number, name) = text.trim_end().split_once(' ')?;
            number.parse().ok().filter(|number| name == origin && *number <= durable)
        });
        let after = known.unwrap_or(match settings.from {
            SinkStart::Beginning => 0,
            SinkStart::Now if kept.is_none() => durable,
            SinkStart::Now => 0,
        });
        Ok(Self { path, origin: origin.to_owned(), after, kept: after, due: None })
    }

    fn moved(&mut self, after: u64) {
        self.after = after;
        self.due.get_or_insert_with(|| now() + KEPT);
    }

    /// Writes it down, where it moved and the time has come.
    fn keep(&mut self, at_once: bool) -> io::Result<()> {
        let due = self.due.is_some_and(|due| at_once || now() >= due);
        if due && self.after != self.kept {
            write_whole(&self.path, format!("{} {}\n", self.after, self.origin).as_bytes(), 0o600)?;
            (self.kept, self.due) = (self.after, None);
        }
        Ok(())
    }
}

/// A batch in the sink's form, or a file.
struct Waiting {
    parcel: Parcel,
    records: u64,
    /// The number of the last of them.
    last: u64,
}

/// One sink at work.
struct Feeder {
    settings: SinkSettings,
    sink: Sink,
    /// The journal's folder.
    dir: PathBuf,
    tail: Tail,
    place: Place,
    /// The file that is being filled, of a sink that takes files.
    rolling: Option<Rolling>,
    /// The journal is closed: what waits for more goes as it is.
    stopping: bool,
    /// What is to be sent, until it is.
    waiting: Option<Waiting>,
    journal: Journal,
    metrics: Arc<Metrics>,
    behind: Behind,
    /// This one is counted in `behind`.
    is_behind: bool,
    failing: bool,
    /// What it threw away of the last batch, and why.
    rejects: Rejected,
}

impl Feeder {
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut pause = PAUSES.0;
        loop {
            let stopping = *stop.borrow();
            self.stopping = stopping;
            let done = if stopping {
                let all = async {
                    while self.step().await? > 0 {}
                    Ok(0)
                };
                tokio::time::timeout(LAST, all).await.unwrap_or(Ok(0))
            } else {
                self.step().await
            };
            let rest = match &done {
                Ok(0) => Some(self.settings.every.0),
                Ok(_) => None,
                Err(_) => Some(pause),
            };
            pause = if done.is_ok() { PAUSES.0 } else { (pause * 2).min(PAUSES.1) };
            self.note(done);
            // A file that is written twice costs more than a batch.
            let at_once = stopping || self.rolling.is_some();
            if let Err(error) = self.place.keep(at_once) {
                tracing::warn!(sink = self.settings.name, %error, "the place of a sink cannot be written down");
            }
            if stopping {
                return;
            }
            let until = rest.map(|rest| now() + rest);
            while let Some(left) = until.and_then(|until| until.checked_duration_since(now())) {
                let slice = left.min(self.settings.every.0);
                // A sender that is gone stops as well.
                if tokio::time::timeout(slice, stop.wait_for(|stop| *stop)).await.is_ok() {
                    break;
                }
                self.lag(self.journal.durable());
            }
        }
    }

    /// Sends the batch that waits, or the next one; says of how many records.
    async fn step(&mut self) -> Result<u64, SinkError> {
        let durable = self.journal.durable();
        self.lag(durable);
        if self.waiting.is_none() {
            self.waiting = self.next(durable)?;
        }
        let Some(Waiting { parcel, records, last }) = &self.waiting else { return Ok(0) };
        let (records, last) = (*records, *last);
        let sent = tokio::time::timeout(self.settings.timeout.0, self.sink.deliver(parcel)).await;
        let rejected = sent.unwrap_or_else(|_| Err(SinkError::Network("no answer in time".into())))?;
        self.waiting = None;
        self.place.moved(last);
        let taken = records.saturating_sub(rejected.records);
        self.metrics.sink_records.with_label_values(&[&self.settings.name]).inc_by(taken);
        self.rejected(rejected);
        self.lag(self.journal.durable());
        Ok(records)
    }

    /// Reads the next batch of records, up to the last one that is durable.
    fn next(&mut self, durable: u64) -> Result<Option<Waiting>, SinkError> {
        let Self { settings, metrics, .. } = self;
        let name = &settings.name;
        let mut purged = |records: u64| {
            tracing::warn!(sink = name, records, "records were purged before the sink had them");
            metrics.sink_purged.with_label_values(&[name]).inc_by(records);
        };
        if let Some(rolling) = &mut self.rolling {
            let file = rolling.next(&mut self.tail, durable, (now(), self.stopping), &mut purged);
            let file = file.map_err(|error| {
                rolling.begin_anew();
                self.tail = Tail::new(&self.dir, self.place.after);
                SinkError::Settings(error.to_string())
            })?;
            return Ok(file.map(|file| {
                let (records, last) = (file.records, file.last);
                Waiting { parcel: Parcel::File(file), records, last }
            }));
        }
        let batch = self.tail.read(durable, settings.batch, settings.batch_bytes.get());
        let batch = batch.map_err(|error| SinkError::Settings(error.to_string()))?;
        if batch.purged > 0 {
            purged(batch.purged);
        }
        Ok(batch.entries.last().map(|last| Waiting {
            parcel: Parcel::Batch(deliveries(self.sink.form(), &self.place.origin, &batch.entries)),
            records: batch.entries.len() as u64,
            last: last.sequence,
        }))
    }

    /// Counts what the sink took and threw away, and says it once until that is over. It is not sent again: the sink would say the same of it.
    fn rejected(&mut self, rejected: Rejected) {
        let name = &self.settings.name;
        self.metrics.sink_rejected.with_label_values(&[name]).inc_by(rejected.records);
        let kind = |of: &Rejected| (of.records > 0, of.why.is_empty());
        if kind(&rejected) == kind(&self.rejects) {
            return;
        }
        let Rejected { records, why } = &rejected;
        if *records > 0 {
            tracing::warn!(sink = name, records, why, "the sink throws records away");
        } else if !why.is_empty() {
            tracing::warn!(sink = name, why, "the sink took the records, and warns");
        } else {
            tracing::warn!(sink = name, "the sink throws no records away any more");
        }
        self.rejects = rejected;
    }

    /// Tells how far it is behind.
    fn lag(&mut self, durable: u64) {
        let lag = durable.saturating_sub(self.place.after);
        self.metrics.sink_lag.with_label_values(&[&self.settings.name]).set(lag.cast_signed());
        let is_behind = self.settings.refuse_beyond.is_some_and(|most| lag > most);
        if is_behind != std::mem::replace(&mut self.is_behind, is_behind) {
            if is_behind {
                self.behind.fetch_add(1, Ordering::AcqRel);
                tracing::error!(
                    sink = self.settings.name,
                    lag,
                    "requests are refused until the sink has caught up"
                );
            } else {
                self.behind.fetch_sub(1, Ordering::AcqRel);
                tracing::warn!(sink = self.settings.name, "the sink has caught up");
            }
        }
    }

    /// Says once that it fails, and once that it works again.
    fn note(&mut self, done: Result<u64, SinkError>) {
        let up = self.metrics.sink_up.with_label_values(&[&self.settings.name]);
        match done {
            Ok(sent) => {
                if sent > 0 && std::mem::take(&mut self.failing) {
                    tracing::warn!(sink = self.settings.name, "records reach the sink again");
                }
                if !self.failing {
                    up.set(1);
                }
            }
            Err(error) => {
                up.set(0);
                self.metrics.sink_failures.with_label_values(&[&self.settings.name]).inc();
                if !std::mem::replace(&mut self.failing, true) {
                    tracing::error!(sink = self.settings.name, %error, "records do not reach the sink; they wait in the journal");
                }
            }
        }
    }
}

fn deliveries(form: EventForm, journal: &str, entries: &[Entry]) -> Vec<Delivery> {
    let delivery = |entry: &Entry| {
        let told = form.told(journal, entry.sequence, &entry.payload)?;
        Some(Delivery {
            sequence: entry.sequence,
            time_ms: told.time_ms,
            kind: entry.kind.as_str(),
            exchange: told.exchange,
            severity: told.severity,
            text: told.lines,
        })
    };
    entries.iter().filter_map(delivery).collect()
}

#[expect(clippy::disallowed_methods, reason = "the threads of sinks stand at the edge")]
fn now() -> Instant {
    Instant::now()
}
