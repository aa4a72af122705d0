//! What the gateway promises, asked from outside: real sockets, raw bytes, upstreams that misbehave on purpose.
#![expect(
    clippy::disallowed_methods,
    clippy::float_cmp,
    clippy::large_stack_arrays,
    reason = "tests wait, spawn and read the clock; counters are whole numbers; buffers are few"
)]

mod abuse;
mod annotations;
mod block_details;
mod codings;
mod counts;
pub(crate) mod durability;
mod encoded;
mod endings;
mod fake;
mod h2_upstreams;
mod host_check;
mod http2;
mod http_hygiene;
mod judges;
mod judges_reload;
mod labels;
mod ladder;
mod lifecycle;
mod limits;
mod list_urls;
mod long_reads;
mod marks;
mod media;
mod moderations;
mod prints;
mod profiles;
mod pseudonyms;
mod refusals;
mod reload;
mod residency;
mod sampler;
mod sessions;
mod sinks;
mod states;
mod tls;
mod tokens;
mod upstream_failures;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sluicegate::audit::{Journal, JournalSettings};
use sluicegate::detect::{Keyword, RuleSpec};
use sluicegate::limits::{KeyTable, LimitsSettings, Pepper, TenantKeys};
use sluicegate::policy::{Action, Actions, BlockAs, Policy, Rule, Unscanned, canary_rule};
use sluicegate::provenance::mark::{DetectorSettings, MarkKeys};
use sluicegate::provenance::print::{Common, PrintKeys, PrintPlan};
use sluicegate::provenance::sampler::{Biased, SamplerSettings};
use sluicegate::server::{
    Loaded, Plan, PolicyTable, Printing, Running, ServerSettings, SinkPlan, StartError, count_prints, start,
};
use sluicegate::telemetry::Metrics;
use sluicegate::upstream::judge::{JudgeSet, JudgeSettings};
use sluicegate::upstream::sink::SinkSettings;
use sluicegate::upstream::{Credential, DEMONSTRATION, DialectFamily, Timeouts, UpstreamSettings};

pub(crate) use fake::{Fake, Step};

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A gateway for one test, with its journal in a folder of its own.
pub(crate) struct Gateway {
    running: Option<Running>,
    dir: tempfile::TempDir,
    pub(crate) data: SocketAddr,
    pub(crate) operations: SocketAddr,
}

/// What a test wants otherwise than it stands by default.
#[derive(Clone)]
pub(crate) struct Wishes {
    pub(crate) limits: LimitsSettings,
    pub(crate) server: ServerSettings,
    pub(crate) timeouts: Timeouts,
    pub(crate) unscanned: Unscanned,
    pub(crate) block_as: BlockAs,
    pub(crate) credential: Credential,
    /// A client's key; none: everybody may come.
    pub(crate) key: Option<&'static str>,
    pub(crate) canary_rule: bool,
    /// Another policy than the one for tests.
    pub(crate) policy: Option<Arc<Policy>>,
    /// Another base URL than that of the upstream's address.
    pub(crate) base_url: Option<String>,
    pub(crate) extra_roots: Option<std::path::PathBuf>,
    pub(crate) sinks: Vec<SinkSettings>,
    pub(crate) sink_credential: Credential,
    /// Keys of marks.
    pub(crate) marks: Option<Arc<MarkKeys>>,
    pub(crate) detector: DetectorSettings,
    /// Samplers of the upstream, with what their tokenizers have for the words.
    pub(crate) samplers: Vec<(SamplerSettings, Arc<Biased>)>,
    /// Whether prints may be kept, beside the journal.
    pub(crate) prints: bool,
    pub(crate) judges: Vec<(JudgeSettings, Credential)>,
}

impl Default for Wishes {
    fn default() -> Self {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = ServerSettings {
            data: loopback,
            operations: loopback,
            workers: Some(1),
            drain: sluicegate::diag::Time::secs(5),
            ..ServerSettings::default()
        };
        Self {
            limits: LimitsSettings::default(),
            server,
            timeouts: Timeouts::default(),
            unscanned: Unscanned::Block,
            block_as: BlockAs::Error,
            credential: Credential::None,
            key: None,
            canary_rule: true,
            policy: None,
            base_url: None,
            extra_roots: None,
            sinks: Vec::new(),
            sink_credential: Credential::None,
            marks: None,
            detector: DetectorSettings::default(),
            samplers: Vec::new(),
            prints: false,
            judges: Vec::new(),
        }
    }
}

/// `maskme` is masked, `blockme` blocked, wherever they stand.
fn policy(wishes: &Wishes) -> Policy {
    let rule = |word: &str, action, marker: &str| {
        let rule = Rule {
            id: format!("test/{word}"),
            title: word.into(),
            category: "TEST".into(),
            actions: Actions::all(action),
            marker: marker.into(),
            ..Rule::default()
        };
        let keyword = Keyword { text: word.into(), whole_word: false };
        (rule, RuleSpec { keywords: vec![keyword], ..RuleSpec::default() })
    };
    let mut rules =
        vec![rule("maskme", Action::Mask, "[MASKED]"), rule("blockme", Action::Block, "[BLOCKED]")];
    if wishes.canary_rule {
        rules.push(canary_rule());
    }
    Policy::from_rules(rules).expect("the rules compile").with(wishes.unscanned, wishes.block_as)
}

/// Keeps prints in a folder.
fn printing(folder: &Path, metrics: &Arc<Metrics>) -> Printing {
    let (keys, counted) = (PrintKeys::new(&[5; 32]), Arc::clone(metrics));
    let plan = PrintPlan {
        folder: folder.join("prints"),
        common: Common::new(&keys, []),
        keys,
        days: 30,
        size: 1 << 30,
        is_held: Box::new(|| false),
        told: Box::new(move |fate| count_prints(&counted, fate)),
    };
    Printing::new(plan, true)
}

impl Gateway {
    /// A gateway before this upstream; without one, before the demonstration.
    pub(crate) fn new(upstream: Option<SocketAddr>, wishes: &Wishes) -> Self {
        Self::try_new(upstream, wishes).expect("a gateway")
    }

    /// The same, or why it cannot start.
    pub(crate) fn try_new(upstream: Option<SocketAddr>, wishes: &Wishes) -> Result<Self, StartError> {
        let dir = tempfile::tempdir().expect("a folder");
        let (journal, _) =
            Journal::open(&dir.path().join("journal"), &JournalSettings::default()).expect("a journal");
        let settings = UpstreamSettings {
            name: "fake".into(),
            dialects: DialectFamily::ALL.to_vec(),
            base_url: wishes
                .base_url
                .clone()
                .unwrap_or_else(|| upstream.map_or_else(|| DEMONSTRATION.into(), |a| format!("http://{a}"))),
            credential: None,
            timeouts: wishes.timeouts,
            extra_roots: wishes.extra_roots.clone(),
            region: Some("eu".into()),
            samplers: wishes.samplers.iter().map(|(settings, _)| settings.clone()).collect(),
        };
        let pepper = Pepper::new(&[7; 32]);
        let keys = wishes.key.map(|key| ("k1", pepper.hash(key.as_bytes()))).into_iter().collect();
        let tenants = [TenantKeys { name: "red", keys, exchanges: None }];
        let metrics = Arc::new(Metrics::new("test").expect("metrics"));
        let prints = if wishes.prints { printing(dir.path(), &metrics) } else { Printing::default() };
        let default = wishes.policy.clone().unwrap_or_else(|| Arc::new(policy(wishes)));
        let plan = Plan {
            server: wishes.server.clone(),
            limits: wishes.limits.clone(),
            upstreams: vec![(settings, wishes.credential.clone())],
            samplers: vec![wishes.samplers.iter().map(|(_, biased)| Arc::clone(biased)).collect()],
            routes: Vec::new(),
            keys: KeyTable::new(pepper, &tenants, &wishes.limits),
            policies: Loaded {
                table: Arc::new(PolicyTable {
                    tenants: vec![Arc::clone(&default)],
                    default,
                    names: vec!["red".into()],
                }),
                judges: JudgeSet::new(&wishes.judges).expect("judges"),
                hash: String::new(),
                from: String::new(),
                approved: None,
            },
            reloading: None,
            journal,
            texts: None,
            marks: wishes.marks.clone(),
            prints,
            detector: wishes.detector.clone(),
            complaints: sluicegate::server::ComplaintSettings::default(),
            vouch: None,
            sinks: SinkPlan {
                sinks: wishes
                    .sinks
                    .iter()
                    .map(|sink| (sink.clone(), wishes.sink_credential.clone()))
                    .collect(),
                journal: dir.path().join("journal"),
                origin: "test.example/journal".into(),
            },
            labels: sluicegate::server::LabelPlan::default(),
            metrics,
        };
        let running = start(plan)?;
        let (data, operations) = (running.data, running.operations);
        Ok(Self { running: Some(running), dir, data, operations })
    }

    /// Sends raw bytes on a fresh connection and reads until the gateway closes or nothing comes for a while.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Answer {
        let mut client = Client::new(self.data);
        client.send(bytes);
        client.read_all()
    }

    /// A POST of JSON that closes its connection.
    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.raw(post(path, body).as_bytes())
    }

    /// A GET on the operations listener.
    pub(crate) fn operations(&self, path: &str) -> Answer {
        let mut client = Client::new(self.operations);
        client
            .send(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").as_bytes());
        client.read_all()
    }

    /// The value of a metric whose line begins so.
    pub(crate) fn metric(&self, line: &str) -> f64 {
        let text = self.operations("/metrics").body;
        let found = text.lines().find_map(|l| l.strip_prefix(line)?.trim().parse().ok());
        found.unwrap_or(0.0)
    }

    /// Stops the gateway and reads its journal: pairs of admission and end, in order of admission.
    pub(crate) fn records(mut self) -> Vec<(serde_json::Value, Option<serde_json::Value>)> {
        assert_eq!(self.metric("sluicegate_panics_total"), 0.0, "a fault in the gateway");
        if let Some(running) = self.running.take() {
            running.shutdown();
        }
        let mut all: Vec<(serde_json::Value, Option<serde_json::Value>)> = Vec::new();
        let mut visit = |entry: sluicegate::audit::Entry| {
            let value: serde_json::Value = serde_json::from_slice(&entry.payload).expect("records are JSON");
            if entry.kind == sluicegate::audit::EntryKind::Event {
                return;
            }
            let is_end = entry.kind == sluicegate::audit::EntryKind::End;
            match all.iter_mut().find(|(a, _)| a["exchange"] == value["exchange"]) {
                Some((_, end)) if is_end => *end = Some(value),
                _ => all.push((value, None)),
            }
        };
        sluicegate::audit::read_dir(&self.dir.path().join("journal"), &mut visit).expect("a journal");
        // The canary's own exchanges are not what a test asks about.
        all.retain(|(a, _)| a["route"] != "canary");
        all
    }

    /// Stops the gateway; gives the end record of the one exchange that there was.
    pub(crate) fn only_end(self) -> serde_json::Value {
        let mut records = self.records();
        assert_eq!(records.len(), 1, "one exchange: {records:?}");
        records.pop().and_then(|(_, end)| end).expect("an end record")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.shutdown();
        }
    }
}

/// Waits until something is so, at most as long as a test waits.
pub(crate) fn wait_for(what: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if what() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

/// A POST of JSON that asks for its connection to be closed.
pub(crate) fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A chat with this prompt.
pub(crate) fn chat(prompt: &str, stream: bool) -> String {
    serde_json::json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": prompt}]})
        .to_string()
}

/// A whole chat answer with this text.
pub(crate) fn answer(text: &str) -> String {
    serde_json::json!({
        "id": "c1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]
    })
    .to_string()
}

/// One event of a chat stream with this text.
pub(crate) fn event(text: &str) -> String {
    let chunk = serde_json::json!({
        "id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": null}]
    });
    format!("data: {chunk}\n\n")
}

/// A connection to the gateway.
pub(crate) struct Client {
    pub(crate) socket: TcpStream,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).expect("a connection");
        socket.set_read_timeout(Some(PATIENCE)).expect("an option");
        Self { socket }
    }

    /// The gateway may have closed already; what it said is then what counts.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.socket.write_all(bytes);
    }

    /// Reads until this text has come.
    pub(crate) fn read_until(&mut self, text: &str) -> String {
        let (mut got, mut space) = (Vec::new(), [0; 4096]);
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let n = self.socket.read(&mut space).unwrap_or(0);
            got.extend_from_slice(&space[..n]);
            if n == 0 || memchr::memmem::find(&got, text.as_bytes()).is_some() {
                break;
            }
        }
        String::from_utf8_lossy(&got).into_owned()
    }

    /// Reads so many bytes, or what comes before the gateway closes.
    pub(crate) fn read_some(&mut self, bytes: usize) {
        let mut left = vec![0; bytes];
        // Less is what the test then sees.
        let _ = self.socket.read_exact(&mut left);
    }

    /// Reads until the gateway closes.
    pub(crate) fn read_all(&mut self) -> Answer {
        let (mut got, mut space) = (Vec::new(), [0; 65536]);
        let begun = Instant::now();
        let closed = loop {
            match self.socket.read(&mut space) {
                Ok(0) => break true,
                Ok(n) => got.extend_from_slice(&space[..n]),
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break false,
                Err(_) => break true,
            }
        };
        Answer::parse(&got, closed, begun.elapsed())
    }
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    /// 0 when nothing came.
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
    pub(crate) raw: Vec<u8>,
    /// Whether the body came to its own end.
    pub(crate) complete: bool,
    /// Whether the gateway closed the connection.
    pub(crate) closed: bool,
    pub(crate) took: Duration,
}

impl Answer {
    fn parse(bytes: &[u8], closed: bool, took: Duration) -> Self {
        let end = memchr::memmem::find(bytes, b"\r\n\r\n").unwrap_or(bytes.len());
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let rest = bytes.get(end + 4..).unwrap_or_default();
        let (raw, complete) = if head.contains("transfer-encoding: chunked") {
            unchunk(rest)
        } else {
            let length = field(&head, "content-length").and_then(|v| v.parse::<usize>().ok());
            (
                rest[..length.unwrap_or(rest.len()).min(rest.len())].to_vec(),
                length.is_none_or(|l| rest.len() >= l),
            )
        };
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        Self { status, body: String::from_utf8_lossy(&raw).into_owned(), head, raw, complete, closed, took }
    }

    /// A field of the head.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }
}

fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
}

/// The data of a chunked body, and whether it came to its end.
fn unchunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    loop {
        let Some(line) = memchr::memmem::find(rest, b"\r\n") else { return (out, false) };
        let size = std::str::from_utf8(&rest[..line]).ok().and_then(|s| usize::from_str_radix(s, 16).ok());
        let Some(size) = size else { return (out, false) };
        if size == 0 {
            return (out, true);
        }
        let Some(data) = rest.get(line + 2..line + 2 + size) else { return (out, false) };
        out.extend_from_slice(data);
        rest = rest.get(line + 4 + size..).unwrap_or_default();
    }
}
