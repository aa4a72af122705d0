//! How keys and users stand on the ladder: asked at each exchange, kept in a file of the state folder, every step on record.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::json;

use super::StartError;
use super::events::Events;
use super::exchange::Exchange;
use super::gateway::Gateway;
use crate::audit::{Event, safe};
use crate::diag::moment::now_ms;
use crate::diag::write_whole;
use crate::dialect::ExchangeError;
use crate::exchange::{Judged, Next, own_answer, shut_out, warn};
use crate::limits::{Ladder, Passes, Person, Step};
use crate::policy::{Climber, RemindIn, Sign, Standing};

/// How who asks stands, where something follows.
pub const STANDING: HeaderName = HeaderName::from_static("x-sluicegate-standing");
/// Whom the client's program asks for.
const USER: HeaderName = HeaderName::from_static("x-sluicegate-user");
/// After how many seconds without a break somebody is to be reminded.
pub(super) const REMINDER: HeaderName = HeaderName::from_static("x-sluicegate-reminder");
/// The file's permissions.
const MODE: u32 = 0o666;
/// The event of their records.
const EVENT: &str = "standing";
/// How soon after a change the file says it.
const KEPT: Duration = Duration::from_millis(250);

/// The book, and the file that it is kept in.
#[derive(Debug)]
pub struct Standings {
    pub(super) ladder: Ladder,
    path: PathBuf,
    changed: AtomicBool,
    /// Held by who writes the file.
    turn: Mutex<()>,
    started: Once,
}

/// Who or what made a step.
#[derive(Clone, Copy, Debug)]
pub(super) enum By {
    /// A block.
    Policy,
    /// A sign of abuse.
    Abuse,
    /// Time that ran out.
    Time,
    /// An operator.
    Operator,
}

impl By {
    fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Abuse => "abuse",
            Self::Time => "time",
            Self::Operator => "operator",
        }
    }
}

impl Standings {
    /// Those of a state folder. Where there is no file they are as the journal in that folder has them: a suspension is not lifted by a file that is lost.
    pub(super) fn open(state: &Path, journal: Option<&Events>) -> Result<Self, StartError> {
        let path = state.join("standings.json");
        let fault = |reason: String| StartError::Standings { path: path.clone(), reason };
        let known = match std::fs::read_to_string(&path) {
            Ok(text) => Some(Ladder::from_json(&text).map_err(|error| fault(error.to_string()))?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(fault(error.to_string())),
        };
        let is_lost = known.is_none();
        let ladder = known.unwrap_or_default();
        // Beside a file: what a crash kept from it, and what one that was put back does not know.
        let there = journal.filter(|journal| journal.are_there());
        let is_read = there.is_none_or(|journal| from_journal(journal, is_lost, &ladder));
        // What cannot be read now is read by the next start.
        if is_lost && is_read {
            // That one need not read so far back.
            let written = std::fs::create_dir_all(state)
                .and_then(|()| write_whole(&path, ladder.to_json().to_string().as_bytes(), MODE));
            written.map_err(|error| fault(error.to_string()))?;
        }
        let (changed, turn) = (AtomicBool::new(false), Mutex::default());
        Ok(Self { ladder, path, changed, turn, started: Once::new() })
    }

    /// The file is to say what has changed.
    pub(super) fn changed(self: &Arc<Self>) {
        self.changed.store(true, Ordering::Release);
        self.started.call_once(|| {
            let standings = Arc::downgrade(self);
            let thread = std::thread::Builder::new().name("standings".into()).spawn(move || keep(&standings));
            if let Err(error) = thread {
                tracing::error!(%error, "how keys and users stand is not kept");
            }
        });
    }

    /// Writes the file, whole or not at all, where something has changed.
    pub(super) fn flush(&self) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.changed.swap(false, Ordering::AcqRel) {
            return;
        }
        let write = || {
            if let Some(dir) = self.path.parent() {
                std::fs::create_dir_all(dir)?;
            }
            write_whole(&self.path, self.ladder.to_json().to_string().as_bytes(), MODE)
        };
        if let Err(error) = write() {
            self.changed.store(true, Ordering::Release);
            tracing::error!(path = %self.path.display(), %error, "how keys and users stand cannot be kept");
        }
    }
}

/// Has everybody stand as the last of the journal's events has it; whether these can be read.
fn from_journal(events: &Events, whole: bool, ladder: &Ladder) -> bool {
    #[derive(Deserialize)]
    struct Stood {
        tenant: String,
        key: String,
        user: String,
        to: String,
        until_ms: Option<u64>,
    }
    let steps = match events.of::<Stood>(EVENT, whole) {
        Ok(steps) => steps,
        Err(error) => {
            tracing::error!(%error, "how keys and users stand cannot be had from the journal");
            return false;
        }
    };
    let mut last = HashMap::new();
    for Stood { tenant, key, user, to, until_ms } in steps {
        if let Some(to) = Standing::ALL.into_iter().find(|one| one.as_str() == to) {
            last.insert(Person { tenant: tenant.into(), key: key.into(), user }, (to, until_ms));
        }
    }
    let mut changed = 0;
    for (person, (to, until_ms)) in last {
        if ladder.standing(&person) != to {
            ladder.set(&person, to, until_ms);
            changed += 1;
        }
    }
    if changed > 0 {
        tracing::warn!(changed, "how keys and users stand was not what the journal has, and is now");
    }
    true
}

/// Writes until nobody knows the book any more.
fn keep(standings: &Weak<Standings>) {
    while let Some(standings) = standings.upgrade() {
        standings.flush();
        drop(standings);
        std::thread::park_timeout(KEPT);
    }
}

/// Logs, counts and records a step.
pub(super) fn note(gateway: &Gateway, step: &Step, by: By, why: &str) {
    let Step { person, from, to, blocks, until_ms, exchange } = step;
    let (tenant, key, user) = (&*person.tenant, &*person.key, &*person.user);
    let (from, to, by, why) = (from.as_str(), to.as_str(), by.as_str(), safe(why));
    tracing::warn!(tenant, key, user, from, to, blocks, by, %why, "a standing changed");
    gateway.metrics.standing_steps.with_label_values(&[to, by]).inc();
    for (standing, people) in gateway.standings.ladder.count() {
        gateway
            .metrics
            .standings
            .with_label_values(&[standing.as_str()])
            .set(people.try_into().unwrap_or(i64::MAX));
    }
    let detail = json!({
        "tenant": tenant, "key": key, "user": user, "from": from, "to": to, "blocks": blocks, "until_ms": until_ms,
        "exchange": exchange, "by": by, "why": why,
    });
    // It stands in the queue from here on; nobody waits for the disk. A journal that fails says so itself.
    drop(gateway.journal.note(&Event { event: EVENT, time_ms: now_ms(), detail }));
    gateway.standings.changed();
}

/// What the ladder makes of an exchange.
#[derive(Debug, Default)]
pub(super) struct Stands {
    /// How who asks stands.
    pub(super) standing: Standing,
    /// Why the exchange goes no further, and after how many seconds one may.
    pub(super) shut_out: Option<(ExchangeError, Option<u64>)>,
    /// What is told of a block, where the ladder has something to add.
    pub(super) warned: Option<ExchangeError>,
}

impl Exchange<'_> {
    /// How who asks stands, and what follows for this exchange. A prompt that the policy blocks counts.
    pub(super) fn stands(&self, judged: &Judged) -> Stands {
        let terms = judged.terms();
        let (signs, now) = (self.signs(judged), now_ms());
        let Some(settings) = terms.policy.ladder().filter(|_| !self.canary) else { return Stands::default() };
        let gateway = &self.worker.gateway;
        let person = self.person(settings.of, judged);
        let (mut passes, step) = gateway.standings.ladder.ask(&person, settings, now);
        if let Some(step) = &step {
            note(gateway, step, By::Time, "");
        }
        let mut out = Stands::default();
        let blocked = judged.blocked().filter(|(rule, _)| settings.counts(&terms.policy.rule(*rule).id));
        if let Some((_, error)) = blocked.filter(|_| !matches!(passes, Passes::Suspended(_))) {
            let exchange = self.context.id.to_string();
            let (known, step) = gateway.standings.ladder.blocked(&person, settings, &exchange, now);
            match &step {
                Some(step) => note(gateway, step, By::Policy, ""),
                None => gateway.standings.changed(),
            }
            if known.standing == Standing::Suspended {
                passes = Passes::Suspended(known.until_ms);
            } else if let Passes::Yes(standing) = &mut passes {
                *standing = known.standing;
            }
            let next = settings.next(known.blocks.len());
            out.warned = Some(warn(error, known.standing, known.blocks.len(), next, &terms.client));
        }
        let strikes = terms.policy.abuse().map_or(0, |abuse| abuse.strikes);
        if !signs.is_empty() && strikes > 0 && !matches!(passes, Passes::Suspended(_)) {
            let exchange = self.context.id.to_string();
            let (known, step) = gateway.standings.ladder.struck(&person, settings, &exchange, strikes, now);
            match &step {
                Some(step) => note(gateway, step, By::Abuse, &words(&signs)),
                None => gateway.standings.changed(),
            }
            passes = match (known.standing, passes) {
                (Standing::Suspended, _) => Passes::Suspended(known.until_ms),
                (standing, Passes::Yes(_)) => Passes::Yes(standing),
                (_, passes) => passes,
            };
            // A block says how many count now.
            if let Some((_, error)) = blocked.filter(|_| out.warned.is_some()) {
                let (count, next) = (known.blocks.len(), settings.next(known.blocks.len()));
                out.warned = Some(warn(error, known.standing, count, next, &terms.client));
            }
        }
        out.standing = match passes {
            Passes::Yes(standing) => standing,
            Passes::In(_) => Standing::Limited,
            Passes::Suspended(_) => Standing::Suspended,
        };
        let left = |until: u64| until.saturating_sub(now).div_ceil(1000);
        out.shut_out = match passes {
            Passes::Yes(_) => None,
            Passes::In(wait) => Some(Some(wait.div_ceil(1000))),
            // Who has just been shut out is told by the block itself.
            Passes::Suspended(_) if out.warned.is_some() => None,
            Passes::Suspended(until) => Some(until.map(left)),
        }
        .map(|seconds| (shut_out(out.standing, seconds, terms), seconds));
        out
    }

    /// Signs that who asks probes or floods, which this exchange completes. Each is logged, counted and on record.
    fn signs(&self, judged: &Judged) -> Vec<Sign> {
        let policy = &judged.terms().policy;
        let Some(settings) = policy.abuse().filter(|_| !self.canary) else { return Vec::new() };
        let seen = judged.seen();
        let gateway = &self.worker.gateway;
        let (person, now) = (self.person(settings.of, judged), now_ms());
        let signs = gateway.abuse.exchange(&person, settings, seen, now);
        if signs.is_empty() {
            return signs;
        }
        let (tenant, key, user, exchange) =
            (&*person.tenant, &*person.key, &*person.user, self.context.id.to_string());
        tracing::warn!(tenant, key, user, %exchange, signs = words(&signs), "signs of abuse");
        for sign in &signs {
            gateway.metrics.abuse_signs.with_label_values(&[sign.as_str()]).inc();
        }
        let named: Vec<&str> = signs.iter().map(|sign| sign.as_str()).collect();
        let detail =
            json!({"tenant": tenant, "key": key, "user": user, "exchange": exchange, "signs": named});
        drop(gateway.journal.note(&Event { event: "abuse", time_ms: now, detail }));
        signs
    }

    /// What the gateway says in the model's place on a route whose sessions it watches, or how long in seconds there was no break.
    pub(super) fn session(&self, judged: &Judged, route: &str) -> Session {
        let terms = judged.terms();
        let settings = terms.policy.sessions().filter(|settings| !self.canary && settings.is_for(route));
        let (Some(settings), Some(words)) = (settings, judged.last_words()) else { return Session::GoesOn };
        let sessions = &self.worker.gateway.sessions;
        let person = self.person(settings.of, judged);
        if settings.is_exit(words) {
            sessions.end(&person);
            return Session::Answer(Box::new(own_answer(None, &terms.client)));
        }
        match (sessions.exchange(&person, settings, now_ms()), settings.remind_in) {
            (None, _) => Session::GoesOn,
            (Some(seconds), RemindIn::Header) => Session::Reminder(seconds),
            (Some(seconds), RemindIn::Answer) => {
                Session::Answer(Box::new(own_answer(Some(seconds), &terms.client)))
            }
        }
    }

    /// Who is meant: the key, or the user that the request names.
    fn person(&self, of: Climber, judged: &Judged) -> Person {
        let (tenant, key) = (Arc::clone(&self.caller.tenant), Arc::clone(&self.caller.key));
        let user = match of {
            Climber::Key => String::new(),
            Climber::User => self.user(judged),
        };
        Person { tenant, key, user }
    }

    /// The user whom the request names, as records have them: a keyed hash; empty where it names none.
    pub(super) fn user(&self, judged: &Judged) -> String {
        let named = named(self.headers).unwrap_or(&judged.ask().user);
        self.worker.gateway.commitments.name("user", named)
    }
}

/// The user whom a request's head names, before its body.
pub(super) fn named(headers: &HeaderMap) -> Option<&str> {
    headers.get(USER).and_then(|name| name.to_str().ok())
}

fn words(signs: &[Sign]) -> String {
    signs.iter().map(|sign| sign.as_str()).collect::<Vec<_>>().join(", ")
}

/// What a session asks for.
#[derive(Debug)]
pub(super) enum Session {
    /// Nothing.
    GoesOn,
    /// The application is told after how many seconds without a break.
    Reminder(u64),
    /// The gateway answers in the model's place.
    Answer(Box<ExchangeError>),
}

/// What a judged request comes to, with what the ladder makes of it.
pub(super) fn next(judged: &Judged, stands: &Stands) -> Next {
    if let Some((error, _)) = &stands.shut_out {
        return Next::Refuse(error.clone());
    }
    match (judged.next(), &stands.warned) {
        (Next::Refuse(_), Some(error)) => Next::Refuse(error.clone()),
        (Next::Answer(_), Some(error)) => {
            let matched = judged.matched();
            Next::Answer(matched.dialect.refusal(matched.operation, judged.ask(), error))
        }
        (next, _) => next.clone(),
    }
}

/// Says how who asks stands, where something follows.
pub(super) fn name_standing(headers: &mut HeaderMap, standing: Standing) {
    if standing != Standing::Good {
        headers.insert(STANDING, HeaderValue::from_static(standing.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Journal, JournalSettings};

    #[test]
    fn a_lost_book_is_as_the_journal_has_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let (state, dir) = (folder.path().join("state"), folder.path().join("journal"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (journal, _) = Journal::open(&dir, &JournalSettings::default()).expect("a journal");
        let steps = [("eve", "warned"), ("eve", "suspended"), ("bob", "suspended"), ("bob", "good")];
        runtime.block_on(async {
            for (key, to) in steps {
                let detail = json!({"tenant": "red", "key": key, "user": "", "from": "good", "to": to, "until_ms": null});
                let note = journal.note(&Event { event: EVENT, time_ms: 1, detail });
                let _receipt = note.await.expect("durable");
            }
        });
        journal.close();
        let stands = |standings: &Standings| standings.ladder.to_json().to_string();
        let found = stands(&Standings::open(&state, Some(&Events::new(&dir))).expect("a book"));
        assert!(found.contains("eve") && found.contains("suspended") && !found.contains("bob"), "{found}");
        // From then on the file has it too.
        assert_eq!(stands(&Standings::open(&state, None).expect("a book")), found);
        // One that was put back, or that a crash kept from knowing the last, does not.
        std::fs::write(state.join("standings.json"), "[]").expect("a file");
        assert!(stands(&Standings::open(&state, Some(&Events::new(&dir))).expect("a book")).contains("eve"));
        std::fs::remove_file(state.join("standings.json")).expect("a file");
        assert_eq!(stands(&Standings::open(&state, None).expect("a book")), "[]");
    }
}
