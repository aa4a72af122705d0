//! Asks the questions: so many at a time, again where a call fails, with what became of each.

use super::bank::Question;
use super::judge::{Outcome, judge};
use crate::upstream::Asker;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Before a call is made again; twice as long each time.
const PAUSE: Duration = Duration::from_millis(250);

/// How questions are put.
#[derive(Debug, Clone)]
pub(super) struct How {
    pub(super) model: String,
    /// Stands before each question.
    pub(super) system: Option<String>,
    pub(super) max_tokens: u32,
    pub(super) parallel: usize,
    pub(super) retries: u32,
}

/// What became of one question.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Its place among the questions.
    pub(super) number: usize,
    pub(super) outcome: Outcome,
    /// The exchange's id, by which it is found in the record.
    pub(super) exchange: Option<String>,
    pub(super) answer: String,
    pub(super) ms: u64,
    /// How many calls failed before.
    pub(super) retried: u32,
}

/// Asks all of them; the answers are in the order of the questions.
pub(super) fn ask(asker: &Asker, questions: &[&Question], how: &How) -> anyhow::Result<Vec<Asked>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let bodies: Arc<[String]> = questions.iter().map(|question| body(question, how)).collect();
    let mut out = runtime.block_on(async {
        let next = Arc::new(AtomicUsize::new(0));
        let (done, mut results) = mpsc::channel(16);
        let mut askers = JoinSet::new();
        for _ in 0..how.parallel.min(bodies.len()) {
            let (next, bodies, done, asker, retries) =
                (Arc::clone(&next), Arc::clone(&bodies), done.clone(), asker.clone(), how.retries);
            askers.spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(body) = bodies.get(number) else { return };
                    if done.send(one(&asker, number, body, retries).await).await.is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        let (mut out, mut progress) = (Vec::new(), Progress::new(bodies.len()));
        while let Some(asked) = results.recv().await {
            out.push(asked);
            progress.show(&out);
        }
        progress.end();
        while askers.join_next().await.is_some() {}
        out
    });
    out.sort_by_key(|asked| asked.number);
    Ok(out)
}

fn body(question: &Question, how: &How) -> String {
    let message = |role: &str, text: &str| serde_json::json!({ "role": role, "content": text });
    let mut messages: Vec<serde_json::Value> =
        how.system.iter().map(|text| message("system", text)).collect();
    let roles = ["user", "assistant"].into_iter().cycle();
    messages.extend(roles.zip(&question.before).map(|(role, text)| message(role, text)));
    messages.push(message("user", &question.text));
    serde_json::json!({
        "model": how.model, "stream": false, "max_tokens": how.max_tokens, "temperature": 0, "messages": messages,
    })
    .to_string()
}

#[expect(clippy::disallowed_methods, reason = "the edge reads the clock")]
async fn one(asker: &Asker, number: usize, body: &str, retries: u32) -> Asked {
    let begun = Instant::now();
    let mut retried = 0;
    loop {
        let (outcome, exchange, answer, again) = match asker.post(body.to_owned()).await {
            Ok(answered) => {
                let exchange = answered.headers.get("x-sluicegate-exchange");
                let exchange = exchange.and_then(|id| id.to_str().ok()).map(str::to_owned);
                let again = answered.status.as_u16() == 429 || answered.status.is_server_error();
                let (outcome, answer) = judge(&answered);
                (outcome, exchange, answer, again)
            }
            Err(error) => (Outcome::Failed { why: error.to_string() }, None, String::new(), true),
        };
        let failed = matches!(outcome, Outcome::Failed { .. });
        if failed && again && retried < retries {
            tokio::time::sleep(PAUSE * 2_u32.saturating_pow(retried)).await;
            retried += 1;
            continue;
        }
        return Asked { number, outcome, exchange, answer, ms: begun.elapsed().as_millis() as u64, retried };
    }
}

/// A bar on a terminal; nothing elsewhere.
struct Progress {
    all: usize,
    shown: bool,
}

impl Progress {
    fn new(all: usize) -> Self {
        Self { all, shown: io::stderr().is_terminal() }
    }

    fn show(&mut self, done: &[Asked]) {
        const WIDE: usize = 30;
        if !self.shown {
            return;
        }
        let full = done.len() * WIDE / self.all.max(1);
        let failed = done.iter().filter(|asked| matches!(asked.outcome, Outcome::Failed { .. })).count();
        let bar = format!("{}{}", "#".repeat(full), "-".repeat(WIDE.saturating_sub(full)));
        let mut err = io::stderr().lock();
        // Nobody minds a bar that is not there.
        let _ = write!(err, "\r[{bar}] {}/{}  {failed} failed ", done.len(), self.all);
        let _ = err.flush();
    }

    fn end(&mut self) {
        if self.shown && self.all > 0 {
            let _ = writeln!(io::stderr());
        }
    }
}
