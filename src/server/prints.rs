//! Prints of what is delivered: begun with the first policy that has them kept, and looked at by the detector.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::audit::ExchangeId;
use crate::exchange::Delivered;
use crate::limits::Caller;
use crate::provenance::print::{Delivery, Fate, Keeper, PrintPlan, PrintRecord};
use crate::telemetry::Metrics;

/// What keeps prints, or will.
#[derive(Debug, Default)]
pub struct Printing {
    plan: Mutex<Option<PrintPlan>>,
    keeper: OnceLock<Option<Keeper>>,
    /// Whether the public detector looks in them.
    public: bool,
}

/// Whose exchange it is of which prints are kept.
#[derive(Debug)]
pub(super) struct Printed {
    tenant: Arc<str>,
    user: String,
    begun_ms: u64,
}

impl Printed {
    /// An exchange of a caller, whose user is named as records name him, that began now.
    pub(super) fn new(caller: &Caller, user: &str, begun_ms: u64) -> Self {
        Self::of(Arc::clone(&caller.tenant), user.to_owned(), begun_ms)
    }

    /// The same, of a tenant by its name.
    pub(super) fn of(tenant: Arc<str>, user: String, begun_ms: u64) -> Self {
        Self { tenant, user, begun_ms }
    }
}

impl Printing {
    /// Keeps prints as the plan says; where none were kept so far, from the first answer on of which a policy says so. `public`: whether the
    /// public detector looks in them.
    pub fn new(plan: PrintPlan, public: bool) -> Self {
        Self { plan: Mutex::new(Some(plan)), keeper: OnceLock::new(), public }
    }

    /// Begins, if it has not; none where that cannot be done, which the log says.
    pub fn begin(&self) -> Option<&Keeper> {
        let begin = || {
            let plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner).take()?;
            match Keeper::start(plan) {
                Ok((keeper, torn)) => {
                    for torn in torn {
                        tracing::warn!(
                            file = %torn.path.display(),
                            bytes = torn.bytes,
                            "an end of the prints that was not complete was cut off; what it was of is not found by them"
                        );
                    }
                    Some(keeper)
                }
                Err(error) => {
                    tracing::error!(%error, "prints of answers cannot be kept");
                    None
                }
            }
        };
        self.keeper.get_or_init(begin).as_ref()
    }

    /// What is kept, for the public detector.
    pub(super) fn public(&self) -> Option<&Keeper> {
        self.keeper.get().and_then(Option::as_ref).filter(|_| self.public)
    }

    /// Keeps prints of what an exchange delivered.
    pub(super) fn keep(
        &self,
        exchange: ExchangeId,
        printed: Printed,
        delivered: Delivered,
        metrics: &Metrics,
    ) {
        let Some(keeper) = self.begin() else {
            metrics.prints.with_label_values(&["lost"]).inc();
            return;
        };
        let subject = keeper.shelf().subject(&printed.tenant, &printed.user);
        keeper.take(Delivery {
            record: PrintRecord { exchange: exchange.bytes(), time_ms: printed.begun_ms, subject },
            tenant: printed.tenant,
            texts: delivered.texts.into_iter().map(|text| text.0).collect(),
            asked: delivered.asked.0,
        });
    }

    /// Writes what waits, and ends.
    pub(super) fn close(&self) {
        if let Some(Some(keeper)) = self.keeper.get() {
            keeper.close();
        }
    }
}

/// Counts what becomes of prints.
pub fn count(metrics: &Metrics, fate: Fate) {
    let (what, count) = match fate {
        Fate::Kept(_) => ("kept", 1),
        Fate::Short => ("short", 1),
        Fate::Lost => ("lost", 1),
        Fate::Expired(count) => ("expired", count),
        Fate::Erased(count) => ("erased", count),
    };
    metrics.prints.with_label_values(&[what]).inc_by(count as u64);
    if let Fate::Kept(prints) = fate {
        metrics.prints_made.inc_by(prints as u64);
    }
}
