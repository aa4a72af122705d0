//! Puts checkpoints elsewhere, each anchor at its own interval: into a file, to an address, or before a timestamp service.

use super::{Standing, Trouble, VouchPlan, newest, rest};
use crate::audit::{
    AppendError, Checkpoint, TimestampRoots, Vouched, append_checkpoint, check_timestamp, imprint, nonce,
    timestamp_request,
};
use crate::diag::moment::now_ms;
use crate::telemetry::Metrics;
use crate::upstream::Credential;
use crate::upstream::vouch::{AnchorKind, AnchorSettings, Poster};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// How often it is looked whether one is due, at most.
const LOOK: Duration = Duration::from_secs(5);
/// How long after a failure it is tried again, at first.
const AGAIN: Duration = Duration::from_secs(10);

enum Kind {
    File(PathBuf),
    Post(Poster),
    Stamp(Poster, TimestampRoots),
}

/// One anchor.
pub(super) struct Anchor {
    plan: VouchPlan,
    settings: AnchorSettings,
    kind: Kind,
    vouched: Vouched,
    standing: Standing,
    success: prometheus::IntGauge,
}

impl Anchor {
    pub(super) fn new(
        plan: &VouchPlan,
        settings: &AnchorSettings,
        credential: &Credential,
        metrics: &Arc<Metrics>,
    ) -> io::Result<Self> {
        let poster = || {
            let (url, roots) = (settings.url.clone(), settings.extra_roots.as_deref());
            Poster::new(url, roots, settings.timeout.0, credential).map_err(io::Error::other)
        };
        let kind = match (settings.kind, settings.file()) {
            (AnchorKind::Checkpoint, Some(path)) => Kind::File(path.to_owned()),
            (AnchorKind::Checkpoint, None) => Kind::Post(poster()?),
            (AnchorKind::Rfc3161, _) => {
                let roots = settings.roots.as_deref();
                let roots =
                    roots.ok_or_else(|| io::Error::other("an anchor with timestamps has no `roots`"))?;
                Kind::Stamp(poster()?, TimestampRoots::read(roots).map_err(io::Error::other)?)
            }
        };
        let success = metrics.anchor_success.with_label_values(&[&settings.name]);
        Ok(Self {
            plan: plan.clone(),
            settings: settings.clone(),
            kind,
            vouched: Vouched::of(&plan.journal),
            standing: Standing::anchor(&settings.name, metrics),
            success,
        })
    }

    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let every = self.settings.every().0;
        // Each checkpoint that was ever anchored is looked at for that: once, and again only behind what is added here.
        let look = |vouched: &Vouched| vouched.last_anchored(&self.settings.name, &self.plan.verifier);
        let mut last = look(&self.vouched);
        loop {
            // Of a time to come it is not known when it was.
            let age = last.map(|(_, at)| SystemTime::now().duration_since(at).unwrap_or(every));
            let mut pause = every.min(LOOK);
            if age.is_none_or(|age| age >= every) {
                // A stop does not wait for who does not answer.
                let done = tokio::select! {
                    done = self.once(last.map(|(size, _)| size)) => done,
                    _ = stop.wait_for(|stop| *stop) => return,
                };
                if let Ok(true) = done {
                    last = look(&self.vouched);
                    self.success.set((now_ms() / 1000).cast_signed());
                }
                if !matches!(done, Ok(false)) {
                    self.standing.note(done.as_ref().map(|_| ()));
                }
                if done.is_err() {
                    pause = self.standing.pause(AGAIN.min(every));
                }
            }
            if rest(&mut stop, pause).await {
                return;
            }
        }
    }

    /// Anchors the last checkpoint, if there is one that was not.
    async fn once(&self, last: Option<u64>) -> Result<bool, Trouble> {
        let Some((note, checkpoint)) = newest(&self.plan)? else { return Ok(false) };
        let name = &self.settings.name;
        match &last {
            Some(last) if *last > checkpoint.size => {
                return Err(Trouble::Contradicts(format!(
                    "{last} records were anchored, the journal's checkpoint is of {}",
                    checkpoint.size
                )));
            }
            Some(last) if *last == checkpoint.size => return Ok(false),
            _ => {}
        }
        match &self.kind {
            Kind::File(path) => match append_checkpoint(path, &note, &checkpoint, &self.plan.verifier) {
                Ok(()) => {}
                Err(ahead @ AppendError::Ahead { .. }) => {
                    return Err(Trouble::Contradicts(ahead.to_string()));
                }
                Err(error) => return Err(error.into()),
            },
            Kind::Post(poster) => {
                let posted = poster.post("text/plain; charset=utf-8", note.clone().into_bytes()).await?;
                if !(200..300).contains(&posted.status) {
                    return Err(Trouble::Failed(format!("it answers {}", posted.said())));
                }
            }
            Kind::Stamp(poster, roots) => return self.stamp(poster, roots, &note, &checkpoint).await,
        }
        self.vouched.anchored(name, &note)?;
        Ok(true)
    }

    async fn stamp(
        &self,
        poster: &Poster,
        roots: &TimestampRoots,
        note: &str,
        checkpoint: &Checkpoint,
    ) -> Result<bool, Trouble> {
        let (imprint, nonce) = (imprint(note.as_bytes()), nonce()?);
        let posted = poster.post("application/timestamp-query", timestamp_request(&imprint, nonce)).await?;
        if posted.status != 200 {
            return Err(Trouble::Failed(format!("it answers {}", posted.said())));
        }
        check_timestamp(&posted.body, &imprint, Some(&nonce), roots)?;
        self.vouched.stamped(&self.settings.name, checkpoint.size, note, &posted.body)?;
        Ok(true)
    }
}
