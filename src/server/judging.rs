//! Judges are asked: for a prompt before it goes on, for an answer while it comes. What an exchange may ask has an end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use crate::exchange::judging::{Answers, Opinion, Question};
use crate::limits::LimitsSettings;
use crate::policy::{Grade, Policy};
use crate::telemetry::Metrics;
use crate::upstream::judge::{Failure, Judge, JudgeSet, Judgement, Shared};

/// The judges of one configuration, as one worker asks them.
#[derive(Debug, Default)]
pub(super) struct Judges {
    set: JudgeSet,
    all: Vec<Arc<Judge>>,
}

/// The judges that one worker has asked last. Each has connections of its own in each worker, which stay when a reload leaves it as it was.
#[derive(Debug, Default)]
pub struct Known(Mutex<Arc<Judges>>);

impl Known {
    /// The judges of an exchange that is admitted now.
    pub(super) fn of(&self, set: &JudgeSet) -> Arc<Judges> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.set.is_same(set) {
            let is_of = |judge: &&Arc<Judge>, shared: &Arc<Shared>| Arc::ptr_eq(judge.shared(), shared);
            let one = |shared: &Arc<Shared>| match known.all.iter().find(|judge| is_of(judge, shared)) {
                Some(judge) => Some(Arc::clone(judge)),
                // Whether connections can be made was tried when the configuration was taken; who lacks is unknown, which closes.
                None => Judge::new(Arc::clone(shared))
                    .map_err(|error| tracing::error!(%error, "a judge cannot be asked"))
                    .ok()
                    .map(Arc::new),
            };
            let all = set.iter().filter_map(one).collect();
            *known = Arc::new(Judges { set: set.clone(), all });
        }
        Arc::clone(&known)
    }
}

impl Judges {
    fn named(&self, name: &str) -> Option<&Judge> {
        self.all.iter().find(|judge| judge.shared().settings().name == name).map(|judge| &**judge)
    }

    /// What comes of a question, within what is left of the exchange's budget.
    async fn ask(&self, asker: &Questioner, metrics: &Metrics, question: &Question) -> Opinion {
        let Some(judge) = self.named(&question.judge) else {
            return Opinion::Failed { why: Failure::Unknown.as_str(), open: false };
        };
        let name = &*question.judge;
        let counted = |outcome: &str| metrics.judge_questions.with_label_values(&[name, outcome]).inc();
        if let Some(grade) = asker.stays(judge, question) {
            counted(Failure::Residency.as_str());
            metrics.residency_blocks.with_label_values(&[grade.as_str()]).inc();
            return judge.failed(Failure::Residency);
        }
        let Some(waiting) = asker.budget.begin() else {
            counted(Failure::Budget.as_str());
            return judge.failed(Failure::Budget);
        };
        let tell = || {
            let shared = judge.shared();
            if !shared.is_retired() {
                metrics.tell_judge(name, shared.is_left_alone(), shared.running());
            }
        };
        tell();
        let judgement = judge.ask(question, waiting.left()).await;
        let took = waiting.ended(!judgement.cached);
        tell();
        let Judgement { said, cached } = &judgement;
        match said {
            Ok(_) if *cached => counted("cached"),
            Ok(_) => counted("asked"),
            Err(failure) => counted(failure.as_str()),
        }
        if !cached {
            metrics.judge_seconds.with_label_values(&[name]).observe(took.as_secs_f64());
        }
        if let Ok(said) = said {
            for want in &question.wants {
                metrics.judge_effects.with_label_values(&[name, want.effect(said).as_str()]).inc();
            }
        }
        judge.opinion(&judgement)
    }
}

/// Who asks: one exchange.
#[derive(Clone, Debug)]
pub(super) struct Questioner {
    judges: Arc<Judges>,
    policy: Arc<Policy>,
    /// What its texts are at least, whatever is found in them.
    pub(super) grade: Grade,
    budget: Budget,
}

impl Questioner {
    /// An exchange that has asked nobody.
    pub(super) fn new(judges: Arc<Judges>, policy: &Arc<Policy>, limits: &LimitsSettings) -> Self {
        let budget = Budget::new(limits.judge_questions, limits.judge_time.0);
        Self { judges, policy: Arc::clone(policy), grade: Grade::default(), budget }
    }

    /// What comes of a question.
    pub(super) async fn ask(&self, metrics: &Metrics, question: &Question) -> Opinion {
        self.judges.ask(self, metrics, question).await
    }

    /// What comes of a prompt's questions, all asked at once. The last ones are asked first: what was said before is known from before.
    pub(super) async fn ask_all(&self, metrics: &Metrics, questions: &[Question]) -> Answers {
        let mut asking: FuturesUnordered<_> = questions
            .iter()
            .rev()
            .map(|question| async move { (question, self.ask(metrics, question).await) })
            .collect();
        let mut answers = Answers::default();
        while let Some((question, opinion)) = asking.next().await {
            answers.add(question, opinion);
        }
        answers
    }

    /// The grade for which a question may not go where the judge stands. It is read for that only where some grade may not.
    fn stays(&self, judge: &Judge, question: &Question) -> Option<Grade> {
        let (residency, settings) = (self.policy.residency(), judge.shared().settings());
        let may = |grade: Grade| residency.allows(grade, settings.region.as_deref());
        if settings.kind.is_local() || Grade::ALL.into_iter().all(may) {
            return None;
        }
        let grade = self.grade.max(question.grade(&self.policy, settings.kind.reads_around()));
        Grade::ALL.into_iter().filter(|one| *one <= grade && !may(*one)).max()
    }
}

/// What one exchange may ask.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<Mutex<Left>>);

#[derive(Debug)]
struct Left {
    questions: u32,
    time: Duration,
    /// Questions that are waited for, and since when some are.
    waiting: u32,
    since: Option<Instant>,
}

/// A question that is waited for.
#[derive(Debug)]
struct Waiting<'b> {
    budget: &'b Budget,
    begun: Instant,
    over: bool,
}

#[expect(clippy::disallowed_methods, reason = "the edge reads the clock; the core is told")]
fn now() -> Instant {
    Instant::now()
}

impl Budget {
    pub(super) fn new(questions: u32, time: Duration) -> Self {
        Self(Arc::new(Mutex::new(Left { questions, time, waiting: 0, since: None })))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Left) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A question is asked, if it may be.
    fn begin(&self) -> Option<Waiting<'_>> {
        let begun = now();
        let may = self.with(|left| {
            let may = left.questions > 0 && left.time(begun) > Duration::ZERO;
            if may {
                left.questions -= 1;
                left.waiting += 1;
                left.since.get_or_insert(begun);
            }
            may
        });
        may.then_some(Waiting { budget: self, begun, over: false })
    }
}

impl Left {
    /// What is left of the time: several who wait at once wait once.
    fn time(&self, now: Instant) -> Duration {
        let waited = self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        self.time.saturating_sub(waited)
    }
}

impl Waiting<'_> {
    fn left(&self) -> Duration {
        self.budget.with(|left| left.time(self.begun))
    }

    /// It waits no longer. `counts`: somebody was asked.
    fn ended(mut self, counts: bool) -> Duration {
        self.end(counts);
        now().saturating_duration_since(self.begun)
    }

    fn end(&mut self, counts: bool) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        let now = now();
        self.budget.with(|left| {
            left.questions += u32::from(!counts);
            left.waiting = left.waiting.saturating_sub(1);
            if left.waiting == 0 {
                left.time = left.time(now);
                left.since = None;
            }
        });
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.end(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_ends() {
        let budget = Budget::new(2, Duration::from_secs(10));
        let first = budget.begin().expect("a question");
        let second = budget.begin().expect("a question");
        assert!(budget.begin().is_none());
        first.ended(false);
        let third = budget.begin().expect("what was known costs nothing");
        assert!(third.left() <= Duration::from_secs(10));
        drop((second, third));
        assert!(budget.begin().is_none());
        assert!(Budget::new(9, Duration::ZERO).begin().is_none());
    }
}
