//! Takes the last checkpoint to all witnesses, with the proof that it goes on from what each has seen (C2SP tlog-witness).

use super::{Standing, Trouble, VouchPlan, newest, now, rest};
use crate::audit::{Checkpoint, Verifier, Vouched, WitnessKey, growth, witness_request};
use crate::diag::moment::now_ms;
use crate::telemetry::Metrics;
use crate::upstream::Credential;
use crate::upstream::vouch::{Posted, Poster, WitnessSettings};
use futures_util::future::join_all;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// After so long the same checkpoint is cosigned again: that nothing was added since is worth knowing, too.
const AGAIN: u64 = 3_600;
/// What a stop gives the last round.
const LAST: Duration = Duration::from_secs(2);
/// What witnesses say sizes in.
const SIZE: &str = "text/x.tlog.size";

/// One witness.
struct Witness {
    settings: WitnessSettings,
    key: WitnessKey,
    poster: Poster,
    /// What it has cosigned last: the checkpoint, its line, and when in seconds since 1970.
    last: Option<Last>,
    /// How large it says that its last tree is, where it has said so.
    size: u64,
    standing: Standing,
    lag: prometheus::IntGauge,
    due: Instant,
}

#[derive(Clone, Debug)]
struct Last {
    checkpoint: Checkpoint,
    line: String,
    time: u64,
}

/// All witnesses of a journal.
pub(super) struct Round {
    plan: VouchPlan,
    vouched: Vouched,
    witnesses: Vec<Witness>,
}

impl Round {
    pub(super) fn new(plan: &VouchPlan, metrics: &Arc<Metrics>) -> io::Result<Self> {
        let vouched = Vouched::of(&plan.journal);
        let witness = |settings: &WitnessSettings| {
            let key: WitnessKey = settings.key.parse().map_err(io::Error::other)?;
            let url = format!("{}/add-checkpoint", settings.url.trim_end_matches('/'));
            let poster =
                Poster::new(url, settings.extra_roots.as_deref(), settings.timeout.0, &Credential::None);
            let last =
                vouched.last_of(&settings.name, &plan.verifier, &key).and_then(|(note, checkpoint, time)| {
                    Some(Last { checkpoint, line: key.find(&note).ok()??.line, time })
                });
            Ok(Witness {
                poster: poster.map_err(io::Error::other)?,
                size: last.as_ref().map_or(0, |last| last.checkpoint.size),
                last,
                key,
                standing: Standing::witness(&settings.name, metrics),
                lag: metrics.witness_lag.with_label_values(&[&settings.name]),
                settings: settings.clone(),
                due: now(),
            })
        };
        let witnesses: io::Result<Vec<Witness>> = plan.witnesses.iter().map(witness).collect();
        Ok(Self { plan: plan.clone(), vouched, witnesses: witnesses? })
    }

    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            let stopping = *stop.borrow();
            if stopping {
                // Who did not answer yet does not now.
                let _ = tokio::time::timeout(LAST, self.once()).await;
                return;
            }
            // A round may last as long as the slowest witness lets it; a stop does not wait for that.
            tokio::select! {
                () = self.once() => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
            let pause = self.plan.witness_every;
            rest(&mut stop, pause).await;
            if stop.has_changed().is_err() {
                return;
            }
        }
    }

    /// Asks everybody who is due.
    async fn once(&mut self) {
        let (note, checkpoint) = match newest(&self.plan) {
            Ok(Some(found)) => found,
            Ok(None) => return,
            Err(trouble) => {
                self.witnesses.iter_mut().for_each(|witness| witness.standing.note(Err(&trouble)));
                return;
            }
        };
        let (plan, vouched, every) = (&self.plan, &self.vouched, self.plan.witness_every);
        let rounds = self.witnesses.iter_mut().map(|witness| async {
            // Before it is asked, too: an answer may take its time.
            witness.tell_lag(&checkpoint);
            let is_new = witness.last.as_ref().is_none_or(|last| {
                last.checkpoint != checkpoint || now_ms() / 1000 >= last.time.saturating_add(AGAIN)
            });
            if is_new && now() >= witness.due {
                let done = witness.ask(&plan.journal, &plan.verifier, vouched, &note, &checkpoint).await;
                witness.standing.note(done.as_ref().copied());
                let failed = done.is_err();
                witness.due = now() + if failed { witness.standing.pause(every) } else { Duration::ZERO };
            }
            witness.tell_lag(&checkpoint);
        });
        join_all(rounds).await;
        let same = |witness: &Witness| {
            let last = witness.last.as_ref().filter(|last| last.checkpoint == checkpoint)?;
            Some(last.line.clone())
        };
        let once = |(n, witness): &(usize, &Witness)| {
            !self.witnesses.iter().take(*n).any(|other| other.key.is_same(&witness.key))
        };
        let lines: Vec<String> =
            self.witnesses.iter().enumerate().filter(once).filter_map(|(_, witness)| same(witness)).collect();
        if !lines.is_empty() && lines.len() >= self.plan.witness_quorum {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            if let Err(error) = self.vouched.keep_merged(&note, &lines) {
                tracing::warn!(%error, "the cosigned checkpoint cannot be written");
            }
        }
    }
}

impl Witness {
    /// How many records it has cosigned, as its own signature shows.
    fn cosigned(&self) -> u64 {
        self.last.as_ref().map_or(0, |last| last.checkpoint.size)
    }

    fn tell_lag(&self, checkpoint: &Checkpoint) {
        self.lag.set(checkpoint.size.saturating_sub(self.cosigned()).cast_signed());
    }

    /// Asks for a cosignature. What the witness says of its size is its word alone: where it leads nowhere, the next time begins at what it has
    /// cosigned.
    async fn ask(
        &mut self,
        journal: &Path,
        log: &Verifier,
        vouched: &Vouched,
        note: &str,
        checkpoint: &Checkpoint,
    ) -> Result<(), Trouble> {
        let held = self.cosigned();
        let done = self.ask_twice(journal, log, vouched, note, checkpoint).await;
        match done {
            Ok(from) if from < held => tracing::warn!(
                name = self.settings.name,
                held,
                from,
                "the witness has forgotten what it cosigned: it went on from fewer records than it has cosigned before. Its state was lost or put back, and what it saw in between only this journal still shows"
            ),
            Ok(_) => {}
            Err(_) => self.size = self.cosigned(),
        }
        done.map(|_| ())
    }

    /// Asks, and once more where the witness remembers another tree than was thought; the size from which it went on.
    async fn ask_twice(
        &mut self,
        journal: &Path,
        log: &Verifier,
        vouched: &Vouched,
        note: &str,
        checkpoint: &Checkpoint,
    ) -> Result<u64, Trouble> {
        for _ in 0..2 {
            let (old, new) = (self.size, checkpoint.size);
            if old > new {
                return Err(Trouble::Contradicts(format!(
                    "it has cosigned {old} records, the journal's checkpoint is of {new}"
                )));
            }
            let proof = growth(journal, old, new)?;
            let body = witness_request(old, &proof, note).into_bytes();
            let posted = self.poster.post("text/plain; charset=utf-8", body).await?;
            match posted.status {
                200 => return self.take(log, vouched, note, checkpoint, &posted).map(|()| old),
                409 if posted.media == SIZE => {
                    let size = String::from_utf8_lossy(&posted.body).trim_end().parse();
                    let size: u64 = size.map_err(|_| Trouble::Failed("it says no size".into()))?;
                    if size == old && old == new {
                        return Err(Trouble::Contradicts(format!(
                            "it has cosigned another tree of {size} records"
                        )));
                    }
                    if size == old {
                        return Err(Trouble::Failed(format!(
                            "it says that it has cosigned {size} records, and does not go on from there"
                        )));
                    }
                    self.size = size;
                }
                422 if old > 0 => {
                    return Err(Trouble::Contradicts(format!(
                        "the {new} records do not go on from the {old} that it has cosigned"
                    )));
                }
                _ => return Err(Trouble::Failed(format!("it answers {}", posted.said()))),
            }
        }
        Err(Trouble::Failed("it says another size each time".into()))
    }

    /// Keeps a cosignature, if it is one.
    fn take(
        &mut self,
        log: &Verifier,
        vouched: &Vouched,
        note: &str,
        checkpoint: &Checkpoint,
        posted: &Posted,
    ) -> Result<(), Trouble> {
        let lines = str::from_utf8(&posted.body)?;
        let whole = format!("{note}{lines}");
        // Lines of others would have to be kept, too, if they could change what is signed.
        Checkpoint::open(&whole, log)?;
        let found = self.key.find(&whole)?;
        let found =
            found.ok_or_else(|| Trouble::Failed("its answer holds no cosignature by its key".into()))?;
        vouched.keep(&self.settings.name, note, &found.line)?;
        self.size = checkpoint.size;
        self.last = Some(Last { checkpoint: checkpoint.clone(), line: found.line, time: found.time });
        Ok(())
    }
}
