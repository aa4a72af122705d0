//! `sluicegate audit replay`: what another policy would have made of exchanges that are on record.

use super::search::Filter;
use super::{Place, Progress, pepper};
use crate::audit::{
    EntryReader, FindingRecord, Hit, KeysError, Parts, RequestHead, Subject, TextPlace, TextsReader,
};
use crate::cli::diff::{Did, Difference, Made, Row, word};
use crate::cli::policies::{self, States};
use crate::cli::{Exit, Format, show, texts};
use crate::config::load_policy;
use crate::diag::Diagnostic;
use crate::exchange::replay::{Recorded, Replayed, rejudge, replay};
use crate::exchange::{ExchangeLimits, Outcome, Pseudonyms, Terms};
use crate::policy::{Action, Policy};
use crate::server::PSEUDONYMS;
use crate::stream::coding::{Coding, decode};
use crate::telemetry::Quiet;
use crate::vault::Secret;
use anyhow::Context as _;
use serde::{Deserialize as _, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::sync::Arc;

/// Re-run recorded exchanges under another policy and show what would change
///
/// Where bodies are kept (`journal.texts.keep`) and the master key is at hand, request and answer are read anew, by the code that reads
/// traffic. Where none are kept, the findings on record are judged anew: rules, actions, thresholds and states that changed show, but a rule
/// that found nothing then cannot find anything now. It is told of each exchange which of both was done. What a model would have answered
/// to another request nobody knows: the answer on record is read as it is.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when nothing differs, 1 when something does, 2 for a bad policy, 3 when it cannot be told.

Examples:
  sluicegate audit replay --policy draft.toml --since 7d
  sluicegate audit replay --policy healthcare --tenant red --verdict allow --each
  sluicegate audit replay --since 1d --format json      # under the configuration as it is now")]
pub(super) struct Args {
    /// A profile's or a pack's name, a file with `[policy]` or a pack's, a folder of packs; without it, the configuration's policy of each tenant
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,

    /// Which rules of that policy are tried: `all` says what those would do that are not in force yet
    #[arg(long, value_enum, default_value_t = States::Own, requires = "policy")]
    states: States,

    #[command(flatten)]
    filter: Filter,

    /// The most exchanges, the newest first; 0 for all
    #[arg(long, value_name = "N", default_value_t = 0)]
    limit: usize,

    /// Tell of each exchange, also of those in which nothing differs
    #[arg(long)]
    each: bool,

    #[command(flatten)]
    place: Place,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let policies = match Policies::load(args) {
        Ok(policies) => policies,
        Err(diagnostics) => {
            show(&diagnostics)?;
            return Ok(Exit::Misuse);
        }
    };
    let query = args.filter.query(&args.place, args.limit)?;
    let (dir, index) = args.place.index()?;
    let hits = index.search(&query)?;
    let bodies = Bodies::open(args, &dir);
    let secret = pepper(&args.place).ok().map(|pepper| Arc::new(Secret::new(&pepper.derive(PSEUDONYMS))));
    let mut entries = EntryReader::new(&dir)?;
    let mut totals = Totals::default();
    let mut out = io::stdout().lock();
    let mut progress = Progress::each("exchanges replayed", 100);
    for (n, hit) in (1..).zip(&hits) {
        progress.at(n);
        let (policy, told) = (policies.of(&hit.tenant), Told::read(&mut entries, hit)?);
        let policy = Arc::clone(policy).of_exchange(&hit.exchange);
        let judged = told.judge(&policy, &bodies, secret.as_ref());
        let line = totals.take(hit, &told, judged);
        if args.each && args.format == Format::Human {
            writeln!(out, "{line}")?;
        }
        if args.format == Format::Json && (args.each || line.differs()) {
            totals.lines.push(line);
        }
    }
    progress.done();
    let different = totals.write(&mut out, args.format, bodies.err().as_deref())?;
    Ok(if different == 0 { Exit::Fine } else { Exit::No })
}

/// The policies under which exchanges run once more.
struct Policies {
    default: Arc<Policy>,
    tenants: HashMap<String, Arc<Policy>>,
}

impl Policies {
    fn load(args: &Args) -> Result<Self, Vec<Diagnostic>> {
        if let Some(name) = &args.policy {
            let default = policies::named(name, args.states)?;
            return Ok(Self { default, tenants: HashMap::new() });
        }
        let file = args.place.config.file(args.place.config.overrides());
        let (source, folder) = file.source().map_err(|diagnostic| vec![diagnostic])?;
        let (table, _) = load_policy(&source, &folder)?.policies_and_library()?;
        let tenants = table.names.iter().cloned().zip(table.tenants.iter().cloned()).collect();
        Ok(Self { default: table.default, tenants })
    }

    fn of(&self, tenant: &str) -> &Arc<Policy> {
        self.tenants.get(tenant).unwrap_or(&self.default)
    }
}

/// The bodies that are kept, or why they cannot be read.
struct Bodies(Result<TextsReader, String>);

impl Bodies {
    fn open(args: &Args, dir: &std::path::Path) -> Self {
        let master = args.place.settings().and_then(|settings| Ok(settings.texts.master(false)?));
        let reader = master.map(|master| TextsReader::new(dir, master));
        Self(reader.map_err(|error| error.to_string()))
    }

    fn err(&self) -> Option<String> {
        self.0.as_ref().err().cloned()
    }
}

/// What is on record of an exchange.
struct Told {
    admission: Value,
    end: Value,
}

/// From what an exchange was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum By {
    /// Its bodies.
    Bodies,
    /// The findings on record.
    Findings,
}

/// What became of an exchange under the policy, or why nothing did.
type Judged = Result<(By, Under), String>;

/// Where a finding stands: rule, whether in the answer, channel, first byte and one past the last.
type Spot = (String, bool, u64, u64, u64);

/// What a policy makes of an exchange.
struct Under {
    outcome: Outcome,
    rules: BTreeMap<String, Did>,
    /// Where each finding stands; none where they were not looked for anew.
    places: Option<Vec<Spot>>,
    /// It goes on now, and there is no answer on record.
    unanswered: bool,
}

fn text<'r>(record: &'r Value, name: &str) -> &'r str {
    record[name].as_str().unwrap_or_default()
}

/// Of each rule, its strongest action.
fn strongest<'r>(found: impl Iterator<Item = (&'r str, Did)>) -> BTreeMap<String, Did> {
    let mut rules = BTreeMap::new();
    for (rule, did) in found {
        let strongest = rules.entry(rule.to_owned()).or_insert(did);
        *strongest = did.max(*strongest);
    }
    rules
}

/// What a finding in a record did; none where its action is of another version.
fn did(found: &Value) -> Option<Did> {
    Some((Action::from_name(text(found, "action"))?, text(found, "state") == "shadow"))
}

impl Told {
    fn read(entries: &mut EntryReader, hit: &Hit) -> anyhow::Result<Self> {
        let mut record = |number: u64| -> anyhow::Result<Value> {
            let entry = entries.entry(number).with_context(|| format!("record {number} cannot be read"))?;
            let record: Value = serde_json::from_slice(&entry.payload)?;
            anyhow::ensure!(
                text(&record, "exchange") == hit.exchange,
                "the index does not fit the journal; remove index.sqlite, it is made anew"
            );
            Ok(record)
        };
        Ok(Self { admission: record(hit.admission)?, end: hit.end.map_or(Ok(Value::Null), record)? })
    }

    /// The findings on record: those of the request, then those of the answer.
    fn findings(&self) -> impl Iterator<Item = (bool, &Value)> {
        [(&self.admission, false), (&self.end, true)].into_iter().flat_map(|(record, is_answer)| {
            record["findings"].as_array().into_iter().flatten().map(move |found| (is_answer, found))
        })
    }

    fn rules(&self) -> BTreeMap<String, Did> {
        strongest(self.findings().filter_map(|(_, found)| Some((text(found, "rule"), did(found)?))))
    }

    fn places(&self) -> Vec<Spot> {
        let n = |found: &Value, name: &str| found[name].as_u64().unwrap_or_default();
        let mut places: Vec<_> = self
            .findings()
            .map(|(is_answer, found)| {
                let (channel, start, end) = (n(found, "channel"), n(found, "start"), n(found, "end"));
                (text(found, "rule").to_owned(), is_answer, channel, start, end)
            })
            .collect();
        places.sort_unstable();
        places
    }

    fn verdict(&self) -> &str {
        let end = text(&self.end, "verdict");
        if end.is_empty() { text(&self.admission, "verdict") } else { end }
    }

    /// Why no policy's rules decided this exchange; none where they did.
    fn other_reason(&self) -> Option<String> {
        if text(&self.admission, "route") == "canary" {
            return Some("the gateway's own canary".into());
        }
        if self.end.is_null() {
            return Some("no end record: it runs, or the gateway was killed while it did".into());
        }
        if text(&self.end, "ended") == "panic" {
            return Some("a fault in the gateway ended it".into());
        }
        if text(&self.admission, "operation") == "moderations" && text(&self.admission, "upstream") == "-" {
            return Some("moderation, which judges and stops nothing".into());
        }
        let error = text(&self.admission, "error");
        let by_rules = ["", "content_filter", "unscanned_content"].contains(&error);
        if !by_rules || text(&self.end, "ended") == "answered" {
            return Some(format!("refused or answered for another reason than rules ({error})"));
        }
        None
    }

    fn judge(&self, policy: &Arc<Policy>, bodies: &Bodies, secret: Option<&Arc<Secret>>) -> Judged {
        if let Some(reason) = self.other_reason() {
            return Err(reason);
        }
        match (&bodies.0, self.end["texts"].is_object()) {
            (Ok(reader), true) => match self.bodies(reader) {
                Ok(parts) => self.by_bodies(policy, parts, secret).map(|under| (By::Bodies, under)),
                // What was erased, or is over, leaves what the record says.
                Err(KeysError::Erased | KeysError::Expired) => Ok((By::Findings, self.by_findings(policy))),
                Err(error) => Err(format!("its bodies cannot be read: {error}")),
            },
            _ => Ok((By::Findings, self.by_findings(policy))),
        }
    }

    fn bodies(&self, reader: &TextsReader) -> Result<Parts, KeysError> {
        let place = TextPlace::deserialize(&self.end["texts"]).map_err(|_| KeysError::Damaged)?;
        let subject = Subject::new(text(&self.admission, "tenant"), text(&self.admission, "user"));
        reader.read(text(&self.admission, "exchange"), &subject, &place)
    }

    fn by_bodies(
        &self,
        policy: &Arc<Policy>,
        parts: Parts,
        secret: Option<&Arc<Secret>>,
    ) -> Result<Under, String> {
        let (admission, end) = (&self.admission, &self.end);
        if (parts.request_received.len() as u64) < admission["request_bytes"].as_u64().unwrap_or_default() {
            return Err("its request was kept in part (`journal.texts.limit`)".into());
        }
        let head: Option<RequestHead> = serde_json::from_slice(&parts.head).ok();
        let request = uncoded(parts.request_received, head.as_ref())?;
        let recorded = Recorded {
            dialect: text(admission, "dialect").to_owned(),
            operation: text(admission, "operation").to_owned(),
            model: text(admission, "model").to_owned(),
            upstream_status: end["upstream_status"].as_u64().and_then(|n| u16::try_from(n).ok()).unwrap_or(0),
            ended: text(end, "ended").to_owned(),
            error: text(end, "error").to_owned(),
            head,
        };
        let pseudonyms = secret.map(|secret| Pseudonyms {
            secret: Arc::clone(secret),
            tenant: text(admission, "tenant").into(),
            key: text(admission, "key").into(),
            user: None,
            conversation: recorded.head.as_ref().and_then(|head| head.conversation.clone()).map(Quiet),
            vault: None,
            now_ms: admission["time_ms"].as_u64().unwrap_or_default(),
        });
        let terms = Terms { pseudonyms, ..Terms::new(Arc::clone(policy), ExchangeLimits::default()) };
        let was_stopped = text(admission, "verdict") == "block";
        let answer = (!was_stopped).then_some(&*parts.answer_received);
        let made = replay(terms, &recorded, request.into(), answer).map_err(|reason| reason.to_string())?;
        let Replayed { request, answer, asked, outcome } = &made;
        let did = |f: &FindingRecord| Some((Action::from_name(f.action)?, f.state == "shadow"));
        let rules = strongest(
            request.iter().chain(answer.iter().flatten()).filter_map(|f| Some((f.rule.as_str(), did(f)?))),
        );
        let places = [(request.as_slice(), false), (answer.as_deref().unwrap_or_default(), true)];
        let places = places.into_iter().flat_map(|(found, is_answer)| {
            found.iter().map(move |f| (f.rule.clone(), is_answer, u64::from(f.channel), f.start, f.end))
        });
        let mut places: Vec<_> = places.collect();
        places.sort_unstable();
        let unanswered = was_stopped && *asked < Outcome::Block;
        Ok(Under { outcome: *outcome, rules, places: Some(places), unanswered })
    }

    fn by_findings(&self, policy: &Policy) -> Under {
        let again = |found: &Value| {
            let direction = texts::direction(text(found, "direction")).ok()?;
            rejudge(policy, text(found, "rule"), direction, found["score"].as_f64().unwrap_or(1.0) as f32)
        };
        let outcome = |is_answer| {
            let acts =
                self.findings().filter(|(answer, _)| *answer == is_answer).filter_map(|(_, f)| again(f));
            acts.filter(|(_, shadow)| !shadow)
                .map(|(action, _)| Outcome::of(action))
                .max()
                .unwrap_or_default()
        };
        // What nobody could read was stopped by no rule: it stays stopped.
        let unread = |record: &Value| text(record, "error") == "unscanned_content";
        let asked = if unread(&self.admission) { Outcome::Block } else { outcome(false) };
        let answered = if unread(&self.end) { Outcome::Block } else { outcome(true) };
        let goes_on = asked < Outcome::Block;
        let seen = self.findings().filter(|(is_answer, _)| goes_on || !is_answer);
        let rules = strongest(seen.filter_map(|(_, found)| Some((text(found, "rule"), again(found)?))));
        let unanswered = text(&self.admission, "verdict") == "block" && goes_on;
        let outcome = if goes_on { asked.max(answered) } else { asked };
        Under { outcome, rules, places: None, unanswered }
    }
}

/// A request's body without its content coding, which tells itself where it was not kept.
fn uncoded(body: Vec<u8>, head: Option<&RequestHead>) -> Result<Vec<u8>, String> {
    /// As long as a request may be where nobody says otherwise, and longer.
    const MOST: usize = 64 << 20;
    let coding = match (head, body.get(..4)) {
        (Some(head), _) => Coding::parse(&head.coding).ok().flatten(),
        (None, Some([0x1f, 0x8b, ..])) => Some(Coding::Gzip),
        (None, Some([0x28, 0xb5, 0x2f, 0xfd])) => Some(Coding::Zstd),
        (None, _) => None,
    };
    let Some(coding) = coding else { return Ok(body) };
    decode(coding, &body, MOST, 1000).map_err(|error| format!("its request cannot be decoded: {error}"))
}

/// What became of one exchange.
#[derive(Serialize)]
struct Line {
    exchange: String,
    /// From what it was judged; none where it was not.
    by: Option<By>,
    from: String,
    to: String,
    rules: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_replayed: Option<String>,
}

impl Line {
    fn differs(&self) -> bool {
        self.from != self.to || !self.rules.is_empty()
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let by = match (&self.by, &self.not_replayed) {
            (Some(By::Bodies), _) => "bodies",
            (Some(By::Findings), _) => "findings",
            (None, reason) => {
                return write!(f, "{}  not replayed: {}", self.exchange, reason.as_deref().unwrap_or("-"));
            }
        };
        write!(f, "{}  by {by:8}  {} -> {}", self.exchange, self.from, self.to)?;
        for rule in &self.rules {
            write!(f, "  {}: {} -> {}", text(rule, "rule"), text(rule, "from"), text(rule, "to"))?;
        }
        Ok(())
    }
}

/// All exchanges so far.
#[derive(Default)]
struct Totals {
    difference: Difference,
    by: BTreeMap<By, u64>,
    not_replayed: BTreeMap<String, u64>,
    newly_blocked: u64,
    let_through: u64,
    unanswered: u64,
    elsewhere: BTreeMap<String, u64>,
    /// Exchanges in which rules do the same, elsewhere.
    moved: u64,
    lines: Vec<Line>,
}

impl Totals {
    fn take(&mut self, hit: &Hit, told: &Told, judged: Judged) -> Line {
        let (exchange, from) = (hit.exchange.clone(), told.verdict().to_owned());
        let (by, under) = match judged {
            Ok(judged) => judged,
            Err(reason) => {
                *self.not_replayed.entry(reason.clone()).or_default() += 1;
                let to = from.clone();
                return Line { exchange, by: None, from, to, rules: Vec::new(), not_replayed: Some(reason) };
            }
        };
        *self.by.entry(by).or_default() += 1;
        let was = told.rules();
        let to = under.outcome.as_str();
        let before = Made { verdict: &from, rules: was.iter().map(|(rule, did)| (&**rule, *did)).collect() };
        let after =
            Made { verdict: to, rules: under.rules.iter().map(|(rule, did)| (&**rule, *did)).collect() };
        let id = Value::from(&*exchange).to_string();
        let changed = self.difference.compare(&id, &before, &after);
        let mut rules: Vec<Value> = changed
            .iter()
            .map(|rule| json!({"rule": rule, "from": word(was.get(*rule).copied()), "to": word(under.rules.get(*rule).copied())}))
            .collect();
        if let Some(places) = under.places {
            let old = told.places();
            let mut moved: Vec<&str> = old
                .iter()
                .filter(|place| !places.contains(place))
                .chain(places.iter().filter(|place| !old.contains(place)))
                .map(|(rule, ..)| &**rule)
                .filter(|rule| was.get(*rule).is_some_and(|did| under.rules.get(*rule) == Some(did)))
                .collect();
            moved.sort_unstable();
            moved.dedup();
            self.moved += u64::from(!moved.is_empty() && rules.is_empty() && from == to);
            for rule in moved {
                *self.elsewhere.entry(rule.to_owned()).or_default() += 1;
                let did = word(was.get(rule).copied());
                rules.push(json!({"rule": rule, "from": did, "to": format!("{did}, elsewhere")}));
            }
        }
        self.newly_blocked += u64::from(from != "block" && to == "block");
        self.let_through += u64::from(from == "block" && to != "block");
        self.unanswered += u64::from(under.unanswered);
        Line { exchange, by: Some(by), to: to.to_owned(), from, rules, not_replayed: None }
    }

    /// Writes the report; says in how many exchanges something differs.
    fn write(self, out: &mut impl Write, format: Format, no_bodies: Option<&str>) -> io::Result<u64> {
        let report = self.difference.report();
        let different = report.different + self.moved;
        let of = |by| self.by.get(&by).copied().unwrap_or_default();
        let (bodies, findings) = (of(By::Bodies), of(By::Findings));
        let left: u64 = self.not_replayed.values().sum();
        match format {
            Format::Json => {
                let row = |row: &Row| json!({"rule": row.rule, "from": row.from, "to": row.to, "exchanges": row.texts, "ids": row.ids});
                let rows = |rows: &[Row]| rows.iter().map(row).collect::<Vec<Value>>();
                let answer = json!({
                    "exchanges": report.texts + left, "by_bodies": bodies, "by_findings": findings,
                    "not_replayed": self.not_replayed, "no_bodies": no_bodies, "different": different,
                    "newly_blocked": self.newly_blocked, "let_through": self.let_through,
                    "let_through_without_answer": self.unanswered,
                    "verdicts": rows(&report.verdicts), "rules": rows(&report.rules), "elsewhere": self.elsewhere,
                    "changes": self.lines,
                });
                writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?;
            }
            Format::Human => {
                writeln!(
                    out,
                    "{} exchanges: {bodies} replayed from their bodies, {findings} judged from their findings, {left} not replayed",
                    report.texts + left
                )?;
                for (reason, count) in &self.not_replayed {
                    writeln!(out, "  {count:>7}  not replayed: {reason}")?;
                }
                if let Some(reason) = no_bodies {
                    writeln!(out, "  no bodies could be read: {reason}")?;
                }
                if findings > 0 {
                    writeln!(
                        out,
                        "  of those judged from findings, rules that found nothing then are not tried"
                    )?;
                }
                writeln!(
                    out,
                    "{different} different: {} newly blocked, {} let through ({} of them without an answer on record)",
                    self.newly_blocked, self.let_through, self.unanswered
                )?;
                report.write_rows(out)?;
                if !self.elsewhere.is_empty() {
                    writeln!(out, "\nthe same elsewhere in the text")?;
                }
                for (rule, count) in &self.elsewhere {
                    writeln!(out, "  {count:>7}  {rule}")?;
                }
            }
        }
        Ok(different)
    }
}
