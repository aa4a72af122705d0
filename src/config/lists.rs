//! Lists from URLs: the last good copy of each, in the state folder, and their renewal while the gateway runs.
//!
//! A copy counts when its proof does, at every load; what a server says otherwise is never written. A copy that changes is a file that
//! changes: who watches the files reloads.

use super::Settings;
use crate::diag::{Diagnostic, SourceFile, write_whole};
use crate::policy::{Files, ListUrl, Proof};
use crate::telemetry::Metrics;
use crate::upstream::{Fetched, ListClient};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often the renewal looks whether something is due.
const LOOK: Duration = Duration::from_secs(1);
/// How long after a failure a list is asked for again, at most.
const AGAIN: Duration = Duration::from_mins(1);
/// How many lists are asked for at the same time.
const AT_ONCE: usize = 16;
/// A signature of 64 bytes, or its digits with an end of line.
const SIGNATURE: u64 = 1024;

/// The copies of one state folder.
#[derive(Debug)]
pub(super) struct Lists {
    dir: PathBuf,
    /// Of a gateway that runs.
    metrics: Option<Arc<Metrics>>,
    renewal: Mutex<Renewal>,
    /// Whose turn it is to ask, for each copy.
    turns: Mutex<BTreeMap<String, Arc<Mutex<()>>>>,
    started: Once,
}

/// What is renewed, and with what.
#[derive(Debug, Default)]
struct Renewal {
    wanted: Vec<ListUrl>,
    terms: Terms,
    /// By the copy's name.
    due: BTreeMap<String, Instant>,
    /// Those that are being asked for.
    asked: BTreeSet<String>,
}

/// What the configuration says of lists.
#[derive(Clone, Debug, Default)]
struct Terms {
    hosts: Vec<String>,
    most: u64,
    roots: Option<PathBuf>,
}

impl Terms {
    fn of(settings: &Settings) -> Self {
        let policy = &settings.policy;
        Self { hosts: policy.list_hosts.clone(), most: policy.list_size.0, roots: policy.list_roots.clone() }
    }

    fn allow(&self, list: &ListUrl) -> bool {
        self.hosts.iter().any(|host| host.eq_ignore_ascii_case(&list.host))
    }
}

/// A list as it was fetched. The first line of its file, and what follows.
#[derive(Debug)]
struct Copy {
    head: Head,
    content: String,
}

#[derive(Debug, Default, Deserialize, Serialize)]
struct Head {
    url: String,
    tag: Option<String>,
    signature: Vec<u8>,
}

impl Lists {
    /// Those of a state folder.
    pub(super) fn of(state: &Path, metrics: Option<Arc<Metrics>>) -> Arc<Self> {
        let (renewal, turns) = (Mutex::default(), Mutex::default());
        Arc::new(Self { dir: state.join("lists"), metrics, renewal, turns, started: Once::new() })
    }

    fn renewal(&self) -> MutexGuard<'_, Renewal> {
        self.renewal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, list: &ListUrl) -> PathBuf {
        self.dir.join(list.path().trim_start_matches("list_url/"))
    }

    /// The copy of a list, proved or not.
    fn read(&self, list: &ListUrl) -> Option<Copy> {
        let text = std::fs::read_to_string(self.path(list)).ok()?;
        let (head, content) = text.split_once('\n')?;
        Some(Copy { head: serde_json::from_str(head).ok()?, content: content.to_owned() })
    }

    /// The copy of a list that is what the rule says.
    fn proved(&self, list: &ListUrl) -> Option<Copy> {
        self.read(list).filter(|copy| list.verify(copy.content.as_bytes(), &copy.head.signature).is_ok())
    }

    /// Written whole or not at all.
    fn write(&self, list: &ListUrl, copy: &Copy) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.dir)?;
        let path = self.path(list);
        let text = format!("{}\n{}", serde_json::to_string(&copy.head)?, copy.content);
        write_whole(&path, text.as_bytes(), 0o666)
    }

    /// Puts the copies that there are among the files, proved or not: for a hash.
    pub(super) fn add(&self, lists: &[ListUrl], files: &mut Files) {
        for list in lists {
            files.extend(self.read(list).map(|copy| (list.path(), SourceFile::new(&list.url, copy.content))));
        }
    }

    /// Puts proved copies among the files, and takes out what is none; gives back the lists that have none.
    pub(super) fn add_proved<'l>(&self, lists: &'l [ListUrl], files: &mut Files) -> Vec<&'l ListUrl> {
        let mut without = Vec::new();
        for list in lists {
            if let Some(copy) = self.proved(list) {
                files.insert(list.path(), SourceFile::new(&list.url, copy.content));
            } else {
                files.remove(&list.path());
                without.push(list);
            }
        }
        without
    }

    /// The same, and those that have none are fetched.
    pub(super) fn add_all(
        &self,
        settings: &Settings,
        lists: &[ListUrl],
        files: &mut Files,
    ) -> Result<(), Vec<Diagnostic>> {
        let refused = refused(settings, lists);
        if !refused.is_empty() {
            return Err(refused);
        }
        let mut found = Vec::new();
        for list in self.add_proved(lists, files) {
            let fetched = self.fetch(list, &Terms::of(settings)).map(|()| self.proved(list));
            let why = match fetched {
                Ok(Some(copy)) => {
                    files.insert(list.path(), SourceFile::new(&list.url, copy.content));
                    continue;
                }
                Ok(None) => "its copy cannot be read".to_owned(),
                Err(why) => why,
            };
            let message = format!("there is no copy of the list `{}` yet: {why}", list.url);
            found.push(list.at(Diagnostic::error("no-list", message)));
        }
        if found.is_empty() { Ok(()) } else { Err(found) }
    }

    /// From now on these are renewed.
    pub(super) fn renew(self: &Arc<Self>, settings: &Settings, lists: &[ListUrl]) {
        let terms = Terms::of(settings);
        let mut renewal = self.renewal();
        renewal.wanted = lists.iter().filter(|list| terms.allow(list)).cloned().collect();
        renewal.terms = terms;
        let names: Vec<String> = renewal.wanted.iter().map(ListUrl::path).collect();
        renewal.due.retain(|name, _| names.contains(name));
        let any = !names.is_empty();
        drop(renewal);
        if any {
            self.started.call_once(|| {
                let lists = Arc::downgrade(self);
                // It ends by itself, a second at most after the last who knows the lists.
                let thread = std::thread::Builder::new().name("lists".into()).spawn(move || keep(&lists));
                if let Err(error) = thread {
                    tracing::error!(%error, "lists from URLs are not renewed");
                }
            });
        }
    }

    /// Asks for the lists that are due, each on a thread of its own: a server that does not answer keeps no other list waiting.
    fn look(self: &Arc<Self>) {
        let mut renewal = self.renewal();
        let (wanted, terms, now) = (renewal.wanted.clone(), renewal.terms.clone(), now());
        for list in wanted {
            let name = list.path();
            let rests = renewal.due.get(&name).is_some_and(|due| *due > now);
            if rests || renewal.asked.len() >= AT_ONCE || !renewal.asked.insert(name.clone()) {
                continue;
            }
            let (lists, terms) = (Arc::clone(self), terms.clone());
            let ask = move || lists.renew_one(&list, &terms, now);
            if let Err(error) = std::thread::Builder::new().name("list".into()).spawn(ask) {
                renewal.asked.remove(&name);
                tracing::error!(%error, "a list from a URL is not renewed");
            }
        }
    }

    fn renew_one(&self, list: &ListUrl, terms: &Terms, now: Instant) {
        // There is no other content that would be right.
        let pinned = matches!(list.proof, Proof::Sha256(_)) && self.proved(list).is_some();
        let again =
            if pinned || self.fetch(list, terms).is_ok() { list.every } else { list.every.min(AGAIN) };
        let mut renewal = self.renewal();
        renewal.asked.remove(&list.path());
        renewal.due.insert(list.path(), now + again);
    }

    /// Fetches a list and keeps it, if it is another one and what the rule says. What is there stays otherwise.
    fn fetch(&self, list: &ListUrl, terms: &Terms) -> Result<(), String> {
        // One at a time for each: who comes second learns that there is nothing new.
        let turn = Arc::clone(
            self.turns.lock().unwrap_or_else(PoisonError::into_inner).entry(list.path()).or_default(),
        );
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let tag = self.proved(list).and_then(|copy| copy.head.tag);
        let fetched = runtime.block_on(fetch(list, tag, terms));
        let outcome = match fetched {
            Ok(None) => Ok("unchanged"),
            Ok(Some(copy)) => match self.write(list, &copy) {
                Ok(()) => Ok("ok"),
                Err(error) => Err(format!("its copy cannot be written: {error}")),
            },
            Err(why) => Err(why),
        };
        match &outcome {
            Ok(outcome) => tracing::info!(url = list.url, outcome, "a list was asked for"),
            Err(why) => tracing::warn!(url = list.url, why, "a list cannot be had; the last good copy stays"),
        }
        if let Some(metrics) = &self.metrics {
            let outcome = outcome.as_ref().map_or("failed", |outcome| outcome);
            metrics.list_fetches.with_label_values(&[outcome]).inc();
            if outcome != "failed" {
                let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
                metrics.list_success.with_label_values(&[&*list.url]).set(seconds.cast_signed());
            }
        }
        outcome.map(|_| ())
    }
}

/// Renews until nobody knows the lists any more.
fn keep(lists: &Weak<Lists>) {
    while let Some(lists) = lists.upgrade() {
        lists.look();
        drop(lists);
        std::thread::park_timeout(LOOK);
    }
}

/// The list with its signature; nothing, where it still has the tag.
async fn fetch(list: &ListUrl, tag: Option<String>, terms: &Terms) -> Result<Option<Copy>, String> {
    let client = ListClient::new(terms.roots.as_deref()).map_err(|error| error.to_string())?;
    let told = |error: crate::upstream::ListError| error.to_string();
    let (content, tag) = match client.fetch(&list.url, tag.as_deref(), terms.most).await.map_err(told)? {
        Fetched::Same => return Ok(None),
        Fetched::New(content, tag) => (content, tag),
    };
    let signature = match list.signature() {
        None => Vec::new(),
        Some(url) => match client.fetch(&url, None, SIGNATURE).await {
            Ok(Fetched::New(signature, _)) => signature,
            Ok(Fetched::Same) => return Err("its signature is not sent".to_owned()),
            Err(error) => return Err(format!("of its signature: {error}")),
        },
    };
    list.verify(&content, &signature).map_err(str::to_owned)?;
    let content = String::from_utf8(content).map_err(|_| "it is not UTF-8 text".to_owned())?;
    Ok(Some(Copy { head: Head { url: list.url.clone(), tag, signature }, content }))
}

/// The lists of hosts that the configuration does not name.
pub(super) fn refused(settings: &Settings, lists: &[ListUrl]) -> Vec<Diagnostic> {
    let terms = Terms::of(settings);
    let not_allowed = lists.iter().filter(|list| !terms.allow(list));
    let say = |list: &ListUrl| {
        let message = format!("lists from `{}` are not allowed", list.host);
        let help = format!("add it to the configuration: `[policy]` with `list_hosts = [\"{}\"]`", list.host);
        list.at(Diagnostic::error("list-host", message).help(help))
    };
    not_allowed.map(say).collect()
}

#[expect(clippy::disallowed_methods, reason = "the edge reads the clock; the core is told")]
fn now() -> Instant {
    Instant::now()
}
