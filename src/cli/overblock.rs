//! `sluicegate overblock`: whether too much is blocked, month by month: by rule, over texts that are harmless, between groups.

use super::assess::Share;
use super::moment::month;
use super::policies::States;
use super::scan::text;
use super::texts::{self, Texts};
use super::{ConfigArgs, Exit, Format, policies, show};
use crate::audit::{Entry, EntryKind, read_kept};
use crate::config::Purpose;
use crate::diag::Diagnostic;
use crate::policy::{Action, Policy, PolicySettings};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Report whether too much is blocked: by rule and month from the journal, over harmless texts, between groups, over assessments
///
/// How many complaints were upheld is told by the month in which they were filed and by the rules that had stopped or changed the exchange.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0, 1 when more harmless texts are blocked than before, 2 for bad input.

Examples:
  sluicegate overblock --config gateway.toml
  sluicegate overblock --config gateway.toml --benign benign.jsonl --group lang --before last-month.json --format json
  sluicegate overblock --journal state/journal --assess may.json june.json")]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,

    /// The journal's folder, in place of the configuration's
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,

    /// Harmless texts, JSON lines of `{"id", "text"}`: how many of them does the policy touch and block?
    #[arg(long, value_name = "FILE")]
    benign: Option<PathBuf>,

    /// The field of these lines that says to which group a text belongs
    #[arg(long, value_name = "FIELD", default_value = "group")]
    group: String,

    /// The policy that is tried on them, in place of the configuration's: a profile's or a pack's name, a file with `[policy]`, a folder
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,

    /// An earlier report of this command, in JSON: what has changed since?
    #[arg(long, value_name = "FILE")]
    before: Option<PathBuf>,

    /// Reports of `sluicegate assess`, in JSON: how has the share of refused harmless questions moved?
    #[arg(long, value_name = "FILE", num_args = 1..)]
    assess: Vec<PathBuf>,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// All that is told.
#[derive(Debug, Serialize)]
struct Report {
    schema: u32,
    program: String,
    /// Up to which record the journal was purged: the months before are not told, the first one only in part.
    purged: u64,
    months: Vec<Month>,
    #[serde(skip_serializing_if = "Option::is_none")]
    benign: Option<Benign>,
    assessments: Vec<Assessment>,
    appeals: Appeals,
}

/// The exchanges of a month.
#[derive(Debug, Serialize)]
struct Month {
    #[serde(rename = "month")]
    name: String,
    exchanges: usize,
    /// Those that the policy blocked.
    blocked: Option<Share>,
    rules: Vec<OfRule>,
}

/// What a rule did in a month's exchanges.
#[derive(Debug, Serialize)]
struct OfRule {
    rule: String,
    blocked: Option<Share>,
    /// In which it masked or replaced something.
    rewrote: usize,
}

/// Harmless texts under a policy.
#[derive(Debug, Serialize)]
struct Benign {
    file: String,
    policy: String,
    version: String,
    texts: usize,
    touched: Option<Share>,
    blocked: Option<Share>,
    /// Where lines name groups.
    groups: Vec<Group>,
    /// From the group of which least is blocked to the one of which most is, as far as they are large enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    spread: Option<Spread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drift: Option<Drift>,
}

#[derive(Debug, Serialize)]
struct Group {
    #[serde(rename = "group")]
    name: String,
    texts: usize,
    blocked: Option<Share>,
    touched: Option<Share>,
}

#[derive(Debug, Serialize)]
struct Spread {
    least: String,
    most: String,
    difference: f64,
    /// Whether the intervals do not overlap.
    certain: bool,
}

/// What has changed since an earlier report.
#[derive(Debug, Serialize)]
struct Drift {
    before: f64,
    now: f64,
    version_before: String,
    certain: bool,
}

/// Of an assessment: harmless questions that were refused.
#[derive(Debug, Serialize)]
struct Assessment {
    file: String,
    time_ms: u64,
    policy_version: String,
    refused: Value,
}

/// What is known of appeals: complaints that `POST /complaints` took.
#[derive(Debug, Serialize)]
struct Appeals {
    filed: usize,
    open: usize,
    /// Of those that were decided; who took one back had none decided.
    upheld: Option<Share>,
    /// Why that is not known, where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    /// By the month in which they were filed, and by rule.
    by_rule: Vec<RuleAppeals>,
    /// Standings that an operator lifted.
    lifted: usize,
}

/// The appeals of a month against what a rule did.
#[derive(Debug, Serialize)]
struct RuleAppeals {
    month: String,
    /// `-` where no rule had stopped or changed the exchange, or no such exchange is known.
    rule: String,
    filed: usize,
    upheld: Option<Share>,
}

/// Of a smaller group no share is compared.
const LARGE: usize = 30;

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let loaded = args.config.load(Purpose::Check);
    let Some(settings) = loaded.settings else {
        show(&loaded.diagnostics)?;
        return Ok(Exit::Misuse);
    };
    let mut found = Journal::default();
    let journal = args.journal.clone().or_else(|| settings.journal.dir.clone().filter(|dir| dir.is_dir()));
    let read = journal.as_deref().map_or(Ok(0), |dir| read_kept(dir, &mut |entry| found.take(&entry)));
    let purged = match read {
        Ok(purged) => purged,
        Err(error) => {
            show(&[Diagnostic::error("bad-journal", error.to_string())])?;
            return Ok(Exit::Misuse);
        }
    };
    let policy = match &args.policy {
        Some(name) => policies::named(name, States::Own),
        None => settings.policy_library().and_then(|library| {
            let demands = Some(crate::policy::Demands::Warn);
            library.policy(&PolicySettings { demands, ..settings.policy.clone() }).map(Arc::new)
        }),
    };
    let policy = match policy {
        Ok(policy) => policy,
        Err(found) => {
            show(&found)?;
            return Ok(Exit::Misuse);
        }
    };
    let benign = args.benign.as_deref().map(|path| benign(path, &args.group, &policy)).transpose()?;
    let others = || -> Result<_, Diagnostic> {
        let mut benign = benign.transpose()?;
        let before = args.before.as_deref().map(json_file).transpose()?;
        if let (Some(benign), Some(before)) = (&mut benign, &before) {
            benign.drift = drift(benign, before);
        }
        let assessments = args.assess.iter().map(|path| assessment(path)).collect::<Result<Vec<_>, _>>()?;
        Ok((benign, assessments))
    };
    let (benign, mut assessments) = match others() {
        Ok(others) => others,
        Err(wrong) => {
            show(&[wrong])?;
            return Ok(Exit::Misuse);
        }
    };
    assessments.sort_by_key(|one| one.time_ms);
    let more =
        benign.as_ref().and_then(|one| one.drift.as_ref()).is_some_and(|d| d.certain && d.now > d.before);
    let appeals = found.appeals();
    let months = found.months();
    let report = Report {
        schema: 1,
        program: format!("sluicegate {}", env!("CARGO_PKG_VERSION")),
        purged,
        months,
        benign,
        assessments,
        appeals,
    };
    let mut out = io::stdout().lock();
    match args.format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?,
        Format::Human => report.write(journal.is_some(), &mut out)?,
    }
    Ok(if more { Exit::No } else { Exit::Fine })
}

/// What the journal says, as far as it was read.
#[derive(Default)]
struct Journal {
    months: BTreeMap<String, Counted>,
    /// Exchanges of which the end has not been read.
    open: HashMap<String, (String, Rules)>,
    lifted: usize,
    /// The rules of exchanges that were stopped or changed: what a complaint may be about.
    did: HashMap<String, BTreeSet<String>>,
    complaints: HashMap<String, Complaint>,
}

/// A complaint as its last record has it.
struct Complaint {
    month: String,
    rules: BTreeSet<String>,
    state: String,
}

#[derive(Default)]
struct Counted {
    exchanges: usize,
    blocked: usize,
    rules: BTreeMap<String, (usize, usize)>,
}

/// The rules that did something, and whether they blocked.
#[derive(Default)]
struct Rules {
    blocked: bool,
    did: BTreeSet<(String, bool)>,
}

impl Rules {
    fn add(&mut self, record: &Value) {
        self.blocked |= record.get("error").is_some_and(|error| error == "content_filter");
        for finding in record.get("findings").and_then(Value::as_array).into_iter().flatten() {
            let text = |key: &str| finding.get(key).and_then(Value::as_str).unwrap_or_default();
            let action = text("action");
            if text("state") == "shadow"
                || !["block", "mask", "replace", "pseudonymise", "hash", "partial"].contains(&action)
            {
                continue;
            }
            self.did.insert((text("rule").to_owned(), action == "block"));
        }
    }
}

impl Journal {
    fn take(&mut self, entry: &Entry) {
        // What is no JSON is no record of this program; reading has seen its checksum.
        let Ok(record) = serde_json::from_slice::<Value>(&entry.payload) else { return };
        let text = |key: &str| record.get(key).and_then(Value::as_str).unwrap_or_default();
        let exchange = text("exchange").to_owned();
        match entry.kind {
            EntryKind::Admission if text("route") == "canary" => {}
            EntryKind::Admission => {
                let month = month(record.get("time_ms").and_then(Value::as_u64).unwrap_or(0));
                let mut rules = Rules::default();
                rules.add(&record);
                self.open.insert(exchange, (month, rules));
            }
            EntryKind::End => {
                if let Some((month, mut rules)) = self.open.remove(&exchange) {
                    rules.add(&record);
                    self.close(month, &rules);
                    let did: BTreeSet<String> = rules.did.into_iter().map(|(rule, _)| rule).collect();
                    if !did.is_empty() {
                        self.did.insert(exchange, did);
                    }
                }
            }
            EntryKind::Event => {
                let of = |key: &str| record.pointer(key).and_then(Value::as_str).unwrap_or_default();
                let is_lift = text("event") == "standing" && of("/detail/to") == "good";
                self.lifted += usize::from(is_lift && of("/detail/by") == "operator");
                if text("event") == "complaint" {
                    let filed = record.pointer("/detail/filed_ms").and_then(Value::as_u64).unwrap_or(0);
                    let rules = self.did.get(of("/detail/exchange")).cloned().unwrap_or_default();
                    let new = || Complaint { month: month(filed), rules, state: String::new() };
                    let known = self.complaints.entry(of("/detail/complaint").to_owned()).or_insert_with(new);
                    of("/detail/state").clone_into(&mut known.state);
                }
            }
        }
    }

    fn close(&mut self, month: String, rules: &Rules) {
        let counted = self.months.entry(month).or_default();
        counted.exchanges += 1;
        counted.blocked += usize::from(rules.blocked);
        for (rule, is_block) in &rules.did {
            let (blocked, rewrote) = counted.rules.entry(rule.clone()).or_default();
            *(if *is_block { blocked } else { rewrote }) += 1;
        }
    }

    fn appeals(&self) -> Appeals {
        let all = || self.complaints.values();
        let count = |state: &str| all().filter(|one| one.state == state).count();
        let (upheld, rejected) = (count("upheld"), count("rejected"));
        let mut by_rule: BTreeMap<(&str, &str), [usize; 3]> = BTreeMap::new();
        for one in all() {
            let none = one.rules.is_empty().then_some("-");
            for rule in one.rules.iter().map(String::as_str).chain(none) {
                let [filed, upheld, decided] = by_rule.entry((&one.month, rule)).or_default();
                *filed += 1;
                *upheld += usize::from(one.state == "upheld");
                *decided += usize::from(one.state == "upheld" || one.state == "rejected");
            }
        }
        let by_rule = by_rule.into_iter().map(|((month, rule), [filed, upheld, decided])| RuleAppeals {
            month: month.to_owned(),
            rule: rule.to_owned(),
            filed,
            upheld: Share::new(upheld, decided),
        });
        let why = match (self.complaints.len(), upheld + rejected) {
            (0, _) => Some("no complaint is on record"),
            (_, 0) => Some("no complaint was decided"),
            _ => None,
        };
        Appeals {
            filed: self.complaints.len(),
            open: count("received") + count("in_review"),
            upheld: Share::new(upheld, upheld + rejected),
            why,
            by_rule: by_rule.collect(),
            lifted: self.lifted,
        }
    }

    fn months(mut self) -> Vec<Month> {
        // What still runs, or ended without a word, was an exchange too.
        for (month, rules) in std::mem::take(&mut self.open).into_values() {
            self.close(month, &rules);
        }
        let of = |(month, counted): (String, Counted)| {
            let mut rules: Vec<OfRule> = counted
                .rules
                .into_iter()
                .map(|(rule, (blocked, rewrote))| OfRule {
                    rule,
                    blocked: Share::new(blocked, counted.exchanges),
                    rewrote,
                })
                .collect();
            let hits = |one: &OfRule| one.blocked.as_ref().map_or(0, |share| share.hits);
            rules.sort_by(|a, b| hits(b).cmp(&hits(a)).then_with(|| a.rule.cmp(&b.rule)));
            let blocked = Share::new(counted.blocked, counted.exchanges);
            Month { name: month, exchanges: counted.exchanges, blocked, rules }
        };
        self.months.into_iter().map(of).collect()
    }
}

/// What a policy does to harmless texts, by group.
fn benign(path: &Path, field: &str, policy: &Arc<Policy>) -> io::Result<Result<Benign, Diagnostic>> {
    let (name, file) = match texts::open(path) {
        Ok(opened) => opened,
        Err(diagnostic) => return Ok(Err(diagnostic)),
    };
    let mut lines = Texts::new(name.clone(), file).grouped(field);
    let (mut all, mut groups) = ([0; 3], BTreeMap::<String, [usize; 3]>::new());
    while let Some(text) = lines.next()? {
        let text = match text {
            Ok(text) => text,
            Err(diagnostic) => return Ok(Err(diagnostic)),
        };
        let scanned = text::scan(policy, text.direction, &text.content, None);
        let acting = || scanned.rules().filter(|(_, _, is_shadow)| !is_shadow);
        let is_blocked = acting().any(|(_, action, _)| action == Action::Block);
        let one = [1, usize::from(acting().next().is_some()), usize::from(is_blocked)];
        let of_group = text.group.map(|group| groups.entry(group).or_default());
        for counts in of_group.into_iter().chain([&mut all]) {
            counts.iter_mut().zip(one).for_each(|(count, n)| *count += n);
        }
    }
    let groups: Vec<Group> = groups
        .into_iter()
        .map(|(name, [texts, touched, blocked])| Group {
            name,
            texts,
            blocked: Share::new(blocked, texts),
            touched: Share::new(touched, texts),
        })
        .collect();
    let [texts, touched, blocked] = all;
    Ok(Ok(Benign {
        file: name,
        policy: policy.name().to_owned(),
        version: policy.version().to_owned(),
        texts,
        touched: Share::new(touched, texts),
        blocked: Share::new(blocked, texts),
        spread: spread(&groups),
        groups,
        drift: None,
    }))
}

/// How far the groups lie apart that are large enough.
fn spread(groups: &[Group]) -> Option<Spread> {
    let large =
        || groups.iter().filter(|group| group.texts >= LARGE).filter_map(|g| Some((g, g.blocked.as_ref()?)));
    let by_share = |a: &(&Group, &Share), b: &(&Group, &Share)| a.1.point.total_cmp(&b.1.point);
    let (least, low) = large().min_by(by_share)?;
    let (most, high) = large().max_by(by_share)?;
    (large().count() > 1).then(|| Spread {
        least: least.name.clone(),
        most: most.name.clone(),
        difference: high.point - low.point,
        certain: low.high < high.low,
    })
}

/// How the share of blocked texts has moved since an earlier report.
fn drift(now: &Benign, before: &Value) -> Option<Drift> {
    let share = before.pointer("/benign/blocked")?;
    let number = |key: &str| share.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let before_share = Share::new(number("hits")?, number("of")?)?;
    let blocked = now.blocked.as_ref()?;
    let version = before.pointer("/benign/version").and_then(Value::as_str).unwrap_or("-");
    Some(Drift {
        before: before_share.point,
        now: blocked.point,
        version_before: version.to_owned(),
        certain: before_share.high < blocked.low || blocked.high < before_share.low,
    })
}

fn json_file(path: &Path) -> Result<Value, Diagnostic> {
    let wrong =
        |what: String| Diagnostic::error("bad-report", format!("`{}` is no report: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))
}

/// What an assessment says of harmless questions.
fn assessment(path: &Path) -> Result<Assessment, Diagnostic> {
    let report = json_file(path)?;
    let figures = report.get("figures").and_then(Value::as_array).into_iter().flatten();
    let figure = figures.into_iter().find(|one| one.get("id").is_some_and(|id| id == "over_refusal"));
    let Some(figure) = figure else {
        let what = format!(
            "`{}` says nothing of `over_refusal`: it is no report of `sluicegate assess`",
            path.display()
        );
        return Err(Diagnostic::error("bad-report", what));
    };
    Ok(Assessment {
        file: path.display().to_string(),
        time_ms: report.get("time_ms").and_then(Value::as_u64).unwrap_or(0),
        policy_version: report.pointer("/policy/version").and_then(Value::as_str).unwrap_or("-").to_owned(),
        refused: figure.get("found").cloned().unwrap_or(json!(null)),
    })
}

/// As people write it: `0.5 % (3 of 600, 0.2 to 1.5)`.
fn percent(share: Option<&Share>) -> String {
    share.map_or_else(
        || "nothing to count".to_owned(),
        |s| {
            format!(
                "{:.2} % ({} of {}, 95 % interval {:.2} to {:.2})",
                100.0 * s.point,
                s.hits,
                s.of,
                100.0 * s.low,
                100.0 * s.high
            )
        },
    )
}

impl Report {
    fn write(&self, has_journal: bool, out: &mut impl Write) -> io::Result<()> {
        if !has_journal {
            writeln!(out, "no journal: give `--config` or `--journal`")?;
        }
        if self.purged > 0 {
            let upto = self.purged;
            writeln!(out, "records up to {upto} were purged: the first month may be told in part")?;
        }
        for month in &self.months {
            writeln!(
                out,
                "{}: {} exchanges, blocked {}",
                month.name,
                month.exchanges,
                percent(month.blocked.as_ref())
            )?;
            for one in &month.rules {
                writeln!(
                    out,
                    "  {}: blocked {}, rewrote {}",
                    one.rule,
                    percent(one.blocked.as_ref()),
                    one.rewrote
                )?;
            }
        }
        if let Some(benign) = &self.benign {
            writeln!(out, "harmless texts under {} {}: {}", benign.policy, benign.version, benign.texts)?;
            writeln!(out, "  blocked {}", percent(benign.blocked.as_ref()))?;
            writeln!(out, "  touched {}", percent(benign.touched.as_ref()))?;
            for group in &benign.groups {
                let small = if group.texts < LARGE { ", too few to compare" } else { "" };
                writeln!(out, "  group {}: blocked {}{small}", group.name, percent(group.blocked.as_ref()))?;
            }
            if benign.groups.is_empty() {
                writeln!(out, "  no groups: `--group` names the field that says them")?;
            }
            if let Some(spread) = &benign.spread {
                let sure = if spread.certain { "intervals apart" } else { "within their intervals" };
                writeln!(
                    out,
                    "  spread {:.2} points, from {} to {}: {sure}",
                    100.0 * spread.difference,
                    spread.least,
                    spread.most
                )?;
            }
            if let Some(drift) = &benign.drift {
                let sure = if drift.certain { "intervals apart" } else { "within their intervals" };
                writeln!(
                    out,
                    "  before {:.2} %, now {:.2} %: {sure}",
                    100.0 * drift.before,
                    100.0 * drift.now
                )?;
            }
        }
        for one in &self.assessments {
            let share = |key: &str| one.refused.get(key).and_then(Value::as_f64).unwrap_or(0.0) * 100.0;
            match one.refused.get("share") {
                Some(_) => writeln!(
                    out,
                    "{} {}: {:.2} % of harmless questions refused (95 % interval {:.2} to {:.2}), policy {}",
                    month(one.time_ms),
                    one.file,
                    share("share"),
                    share("low"),
                    share("high"),
                    one.policy_version
                )?,
                None => writeln!(out, "{} {}: not measured", month(one.time_ms), one.file)?,
            }
        }
        let Appeals { filed, open, upheld, why, by_rule, lifted } = &self.appeals;
        let told = upheld.as_ref().map_or_else(
            || why.unwrap_or_default().to_owned(),
            |share| format!("{filed} filed, {open} open, upheld {}", percent(Some(share))),
        );
        writeln!(out, "appeals: {told}; operators lifted {lifted} standings")?;
        for one in by_rule {
            let RuleAppeals { month, rule, filed, upheld } = one;
            let upheld = upheld
                .as_ref()
                .map_or_else(|| "none decided".to_owned(), |one| format!("upheld {}", percent(Some(one))));
            writeln!(out, "  {month} {rule}: {filed} filed, {upheld}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_its_month() {
        for (ms, want) in [
            (0, "1970-01"),
            (1_740_787_199_999, "2025-02"),
            (1_740_787_200_000, "2025-03"),
            (1_709_164_800_000, "2024-02"),
            (1_798_761_600_000, "2027-01"),
        ] {
            assert_eq!(month(ms), want, "{ms}");
        }
    }

    #[test]
    fn groups_are_compared_where_they_are_large() {
        let group = |name: &str, blocked, texts| Group {
            name: name.into(),
            texts,
            blocked: Share::new(blocked, texts),
            touched: Share::new(blocked, texts),
        };
        let apart =
            spread(&[group("a", 0, 1000), group("b", 50, 1000), group("c", 5, 5)]).expect("two groups");
        assert_eq!((&*apart.least, &*apart.most, apart.certain), ("a", "b", true));
        let near = spread(&[group("a", 1, 40), group("b", 2, 40)]).expect("two groups");
        assert!(!near.certain);
        assert!(spread(&[group("a", 1, 40), group("c", 5, 5)]).is_none());
    }
}
