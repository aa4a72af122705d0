//! Bodies of exchanges, where they are kept: sealed under a key of their subject, so that whoever destroys the key has erased them.
//!
//! A subject is a user within a tenant as clients name him, or the tenant's nameless ones together. Each has a random key, wrapped by one of its
//! tenant, wrapped by the master key. The end record names the sealed bytes by their hash, so the journal proves them too, and goes on to do so
//! when nobody can read them any more.

mod age;
mod keys;
mod master;
mod store;

pub use keys::{KeysError, MasterKey, Subject};
pub use store::{TextPlace, TextsReader};

use super::journal::Journal;
use super::record::{End, Event};
use crate::diag::Size;
use crate::diag::moment::now_ms;
use keys::Keys;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use store::Store;
use tokio::sync::oneshot;

/// The folder within the journal's.
const FOLDER: &str = "texts";
/// Exchanges whose bodies wait to be sealed; those beyond go on record without.
const QUEUE: usize = 256;
/// How often it is looked for bodies whose time is over.
const LOOK: Duration = Duration::from_secs(600);

/// Which bodies are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// None.
    #[default]
    None,
    /// Those of exchanges in which something was found.
    Found,
    /// All.
    All,
}

/// `[journal.texts]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TextsSettings {
    /// Which bodies are kept, sealed: `none`, `found`, `all`.
    pub keep: Keep,
    /// The tenants of which they are kept; without it, of all.
    pub tenants: Option<Vec<String>>,
    /// The file of the master key; without it, `texts.key` in the state folder, made at the first start.
    pub key: Option<PathBuf>,
    /// The environment variable that holds the master key, in place of a file.
    pub key_env: Option<String>,
    /// The command that prints the master key (64 hexadecimal digits or base64), in place of a file: program and arguments, no shell. It is
    /// run at each start, such as a key service's `decrypt`.
    pub key_command: Option<Vec<String>>,
    /// The most bytes of each body that are kept.
    pub limit: Size,
    /// Days for which they are kept at most; without it, as the profile's `content_days` says. Of both the lesser counts; 0 keeps none. Not of complaints.
    pub days: Option<u32>,
}

impl Default for TextsSettings {
    fn default() -> Self {
        Self {
            keep: Keep::None,
            tenants: None,
            key: None,
            key_env: None,
            key_command: None,
            limit: Size::mib(1),
            days: None,
        }
    }
}

/// The bodies of an exchange, as far as they are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The request's as received.
    pub request_received: Vec<u8>,
    /// The request's as it went to the upstream; empty where none did.
    pub request_sent: Vec<u8>,
    /// The answer's as received, without its content coding.
    pub answer_received: Vec<u8>,
    /// The answer's as the client got it.
    pub answer_sent: Vec<u8>,
    /// What of the request's head tells how it was read, a [`RequestHead`] as JSON; empty where it was not kept.
    pub head: Vec<u8>,
}

/// What of a request's head tells how its body is read and whose values are in it; it may hold texts of users as the body does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct RequestHead {
    /// The path, as the call is known by it.
    pub path: String,
    /// The query as it came.
    pub query: Option<String>,
    /// Whether the media type says that it is JSON.
    pub json: bool,
    /// The content coding; empty without one.
    pub coding: String,
    /// The client's own word for the conversation.
    pub conversation: Option<String>,
}

struct Job {
    end: Box<End>,
    subject: Subject,
    parts: Parts,
    days: Option<u32>,
}

/// What is to be sealed.
enum Work {
    /// Bodies of an exchange, and the end record that tells of them.
    Exchange(Job),
    /// Texts of something else; who gave them is told where they stand.
    Alone {
        name: String,
        subject: Subject,
        parts: Parts,
        days: Option<u32>,
        begun_ms: u64,
        done: oneshot::Sender<Option<TextPlace>>,
    },
}

/// Seals bodies on a thread of its own, and then gives their end record to the journal.
#[derive(Debug)]
pub struct Texts {
    settings: TextsSettings,
    jobs: Mutex<Option<SyncSender<Work>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    journal: Journal,
    reader: TextsReader,
}

impl Texts {
    /// Whether a journal's folder has keys that a master key wraps.
    pub fn has_keys(dir: &Path) -> bool {
        keys::first_tenant(&dir.join(FOLDER)).is_some()
    }

    /// Opens the folder beside the journal's segments.
    pub fn open(
        dir: &Path,
        settings: &TextsSettings,
        master: MasterKey,
        journal: Journal,
    ) -> Result<Self, KeysError> {
        let folder = dir.join(FOLDER);
        let io = |source| KeysError::Io { path: folder.clone(), source };
        super::disk::private_dir(&folder).map_err(io)?;
        let store = Store::open(&folder).map_err(io)?;
        let keys = Keys::new(&folder, master);
        keys.fits()?;
        let keys = Arc::new(keys);
        let (jobs, taken) = sync_channel(QUEUE);
        let (shared, own, dir) = (Arc::clone(&keys), journal.clone(), dir.to_owned());
        let thread = std::thread::Builder::new()
            .name("texts".into())
            .spawn(move || run(&taken, store, &shared, &own, &dir))
            .map_err(io)?;
        Ok(Self {
            settings: settings.clone(),
            jobs: Mutex::new(Some(jobs)),
            thread: Mutex::new(Some(thread)),
            journal,
            reader: TextsReader::over(folder, keys),
        })
    }

    /// The most bytes of a body that are kept of an exchange of this tenant, whose policy lets bodies be kept for so many days; 0 if none
    /// are.
    pub fn limit(&self, tenant: &str, days: Option<u32>) -> usize {
        let kept = self.settings.tenants.as_ref().is_none_or(|all| all.iter().any(|name| name == tenant));
        let none = self.settings.keep == Keep::None || !kept || [days, self.settings.days].contains(&Some(0));
        if none { 0 } else { self.settings.limit.get() }
    }

    /// Takes an end record and the bodies that belong to it, which are gone after so many days. Never waits: where too many do, the record
    /// goes out without.
    pub fn end(
        &self,
        end: End,
        found: bool,
        subject: Subject,
        parts: Parts,
        days: Option<u32>,
    ) -> Result<(), super::JournalError> {
        if self.settings.keep == Keep::Found && !found {
            return self.journal.end(&end);
        }
        let days = [days, self.settings.days].into_iter().flatten().min();
        let job = Job { end: Box::new(end), subject, parts, days };
        let sent = match &*self.jobs.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(jobs) => jobs.try_send(Work::Exchange(job)),
            None => Err(TrySendError::Disconnected(Work::Exchange(job))),
        };
        match sent {
            Ok(())
            | Err(TrySendError::Full(Work::Alone { .. }) | TrySendError::Disconnected(Work::Alone { .. })) => {
                Ok(())
            }
            Err(
                TrySendError::Full(Work::Exchange(job)) | TrySendError::Disconnected(Work::Exchange(job)),
            ) => {
                tracing::warn!(exchange = %job.end.exchange, "the bodies of an exchange are not kept: too many wait");
                self.journal.end(&job.end)
            }
        }
    }

    /// Seals what is not the body of an exchange, under a name of its own. Where it stands, for so many days at most where that is said; none
    /// where it is not kept, which the log says. What was begun before its subject was erased is not; without a time it begins now.
    pub async fn seal(
        &self,
        name: &str,
        subject: Subject,
        parts: Parts,
        days: Option<u32>,
        begun_ms: Option<u64>,
    ) -> Option<TextPlace> {
        let (done, waits) = oneshot::channel();
        let (name, begun_ms) = (name.to_owned(), begun_ms.unwrap_or_else(now_ms));
        let work = Work::Alone { name: name.clone(), subject, parts, days, begun_ms, done };
        let sent = match &*self.jobs.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(jobs) => jobs.try_send(work).is_ok(),
            None => false,
        };
        if !sent {
            tracing::warn!(name, "a text is not kept: too many wait");
            return None;
        }
        waits.await.ok().flatten()
    }

    /// What was sealed.
    ///
    /// # Errors
    /// It was erased, its time is over, or it cannot be read.
    pub fn read(&self, name: &str, subject: &Subject, place: &TextPlace) -> Result<Parts, KeysError> {
        self.reader.read(name, subject, place)
    }

    /// Destroys the key of a subject: nobody can read again what was kept of it. False if there was none.
    pub fn erase(&self, subject: &Subject) -> io::Result<bool> {
        self.reader.erase(subject)
    }

    /// Seals what waits, and ends.
    pub fn close(&self) {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Texts {
    fn drop(&mut self) {
        self.close();
    }
}

/// Destroys the key of a subject in a journal that no gateway has open.
pub fn erase(dir: &Path, subject: &Subject) -> io::Result<bool> {
    keys::erase(&dir.join(FOLDER), subject)
}

/// Removes the files of sealed bodies that no record names any more and to which nothing was written since `before_ms`, in milliseconds since 1970; says
/// how many. For after a purge, which has taken the records.
///
/// # Errors
/// A journal that cannot be read, or a file that cannot be removed; those before it went.
pub fn remove_purged_texts(dir: &Path, before_ms: u64) -> io::Result<u64> {
    age::remove_unnamed(dir, &dir.join(FOLDER), before_ms)
}

fn run(jobs: &Receiver<Work>, mut store: Store, keys: &Keys, journal: &Journal, dir: &Path) {
    let mut seal = |name: &str, subject: &Subject, parts: &Parts, term, begun_ms| {
        let sealed = keys.of(subject, begun_ms).and_then(|key| {
            store
                .append(name, subject, &key, parts, term)
                .map_err(|source| KeysError::Io { path: store.path().to_owned(), source })
        });
        match sealed {
            Ok(place) => Some(place),
            Err(KeysError::Erased) => {
                tracing::info!(
                    exchange = name,
                    "the bodies of an exchange are not kept: its user was erased meanwhile"
                );
                None
            }
            Err(error) => {
                tracing::error!(exchange = name, %error, "the bodies of an exchange are not kept");
                None
            }
        }
    };
    let mut next_look = now();
    loop {
        let wait = next_look.saturating_duration_since(now());
        if wait.is_zero() {
            let_expire(dir, journal, now_ms());
            next_look = now() + LOOK;
            continue;
        }
        let work = match jobs.recv_timeout(wait) {
            Ok(work) => work,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        match work {
            Work::Exchange(mut job) => {
                let exchange = job.end.exchange.to_string();
                let term = (job.days, job.end.time_ms);
                let begun_ms = job.end.time_ms.saturating_sub(job.end.total_us / 1000);
                job.end.texts = seal(&exchange, &job.subject, &job.parts, term, begun_ms);
                if let Err(error) = journal.end(&job.end) {
                    tracing::error!(%exchange, %error, "the end of an exchange is not on record");
                }
            }
            // Who has left does not wait any more.
            Work::Alone { name, subject, parts, days, begun_ms, done } => {
                drop(done.send(seal(&name, &subject, &parts, (days, now_ms()), begun_ms)));
            }
        }
    }
}

/// Removes the bodies whose time is over, and puts that on record.
fn let_expire(dir: &Path, journal: &Journal, now_ms: u64) {
    let (gone, failed) = age::expire(dir, &dir.join(FOLDER), now_ms);
    if gone.files > 0 {
        let detail = json!({"files": gone.files, "bytes": gone.bytes, "held_files": gone.held});
        // It is durable with the next records; that the bodies are gone does not wait for it.
        drop(journal.note(&Event { event: "expiry", time_ms: now_ms, detail }));
        tracing::info!(
            files = gone.files,
            bytes = gone.bytes,
            held = gone.held,
            "kept bodies are gone: their time was over"
        );
    }
    if let Some(error) = failed {
        tracing::error!(%error, "kept bodies whose time is over cannot be removed");
    }
}

#[expect(clippy::disallowed_methods, reason = "a thread of its own that waits")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests;
