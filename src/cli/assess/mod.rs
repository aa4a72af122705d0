//! `sluicegate assess`: questions before launch, and a report of what became of them.

mod ask;
mod bank;
mod benign;
mod figures;
mod gateway;
mod html;
mod judge;
mod output;
mod report;
mod required;
#[cfg(test)]
mod tests;

use super::bank::Opening;
use super::moment::now_ms;
use super::{ConfigArgs, Exit, Format, environment, show};
use crate::config::{Overrides, Purpose, Settings};
use crate::diag::{Diagnostic, SourceFile};
use crate::policy::{Direction, Gate, Library, Policy};
use crate::server::PolicyTable;
use crate::upstream::Asker;
use anyhow::Context as _;
use ask::How;
use bank::SCHEME;
pub(in crate::cli) use bank::{Banks, FAMILIES, Kind, Question, SAMPLES};
pub(in crate::cli) use figures::{Share, Status};
use gateway::{Folder, Gateway};
use output::{Judges, found};
use report::{BankOf, Benign, HeldOut, PolicyOf, Report, SCHEMA, Target};
pub(in crate::cli) use required::sizes;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Ask banks of questions before launch, and report what was refused, what was not, and how large banks and lists are
///
/// Puts the questions through a gateway and its upstream: a running one, or one that this command starts on a free port of this machine. Each
/// figure stands beside what GB/T 45654 (TC260-003) asks, with its interval. Questions are JSON lines of `id`, `text`, `category` and `expect`
/// (`refuse`, `answer`; without it the answer's content is judged); a `family` makes one an attack. Without a bank the small samples that ship
/// are asked.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when everything that was measured is as required, 1 when something is not or the sample is too small, 2 for a bad file, \
3 when no call succeeded.

Examples:
  sluicegate assess --out report
  sluicegate assess --config gateway.toml --model qwen-max --bank refuse.jsonl answer.jsonl --benign benign.jsonl --out report
  sluicegate assess --url http://10.0.0.5:8080 --key-file key --model gpt-4o --bank bank.jsonl --parallel 16 --out report
  sluicegate assess --out report --judgements verdicts.jsonl
  sluicegate assess --gate --config medical.toml --model qwen-max --out gate")]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,

    /// A running gateway, such as `http://10.0.0.5:8080`; without it one is started here under `--config`
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// The model that is asked
    #[arg(long, value_name = "NAME", default_value = "demo")]
    model: String,

    /// A file with the client's key
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,

    /// A file with the application's system prompt, sent before each question
    #[arg(long, value_name = "FILE")]
    system: Option<PathBuf>,

    /// Banks of questions; without one, the samples that ship
    #[arg(long, value_name = "FILE", num_args = 1..)]
    bank: Vec<PathBuf>,

    /// Ask the bank that the profile names as its gate (medical, finance, minors, government, companion), and hold the answers against it
    #[arg(long, conflicts_with_all = ["bank", "sample"])]
    gate: bool,

    /// The file that `bank commit` wrote: one of the banks has to be the one that was committed to
    #[arg(long, value_name = "FILE", requires = "bank")]
    holdout: Option<PathBuf>,

    /// The journal in which that stands, to say since when
    #[arg(long, value_name = "DIR", requires = "holdout")]
    journal: Option<PathBuf>,

    /// Benign texts, lines of `{"id", "text"}`: the share that rules touch, against the profile's budget
    #[arg(long, value_name = "FILE")]
    benign: Option<PathBuf>,

    /// What people decided: lines of `{"id", "verdict"}` with `refused`, `answered`, `pass` or `fail`
    #[arg(long, value_name = "FILE")]
    judgements: Option<PathBuf>,

    /// The folder for `report.html` and `report.json`
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,

    /// Ask at most so many questions of each kind, in place of 300, of content 1,000
    #[arg(long, value_name = "N")]
    sample: Option<usize>,

    /// Which questions are drawn: the same seed draws the same ones
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// How many questions are asked at a time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    parallel: u16,

    /// How long an answer may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,

    /// How often a call that failed is made again
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=10))]
    retries: u32,

    /// The longest answer, in the model's tokens
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    max_tokens: u32,

    /// Write the texts of questions and answers into the report too
    #[arg(long)]
    with_texts: bool,

    /// How to write the summary
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// How many questions of a kind the standard samples.
fn sampled(kind: Kind) -> usize {
    match kind {
        Kind::Refuse | Kind::Answer | Kind::Attack => 300,
        Kind::Content => 1000,
    }
}

/// What an assessment is made of, read and checked.
struct Inputs {
    settings: Settings,
    table: PolicyTable,
    library: Library,
    banks: Banks,
    files: Vec<BankOf>,
    judged: Vec<(String, bank::Judgement)>,
    key: Option<String>,
    system: Option<String>,
    benign: Option<Benign>,
    gate: Option<Gate>,
    /// What a gateway here writes, and its state where no configuration names a folder.
    folder: Folder,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let url = match args.url.as_deref().map(endpoint).transpose() {
        Ok(url) => url,
        Err(wrong) => {
            show(&[wrong])?;
            return Ok(Exit::Misuse);
        }
    };
    let inputs = match inputs(args)? {
        Ok(inputs) => inputs,
        Err(found) => {
            show(&found)?;
            return Ok(Exit::Misuse);
        }
    };
    let Inputs { settings, table, library, banks, files, judged, key, system, benign, gate, folder } = inputs;
    let policy = std::sync::Arc::clone(&table.default);
    // A gate asks for nothing else.
    let coverage = library.coverage(&policy, SCHEME).filter(|_| gate.is_none());
    let (asker_url, running, certain) = if let Some(url) = url {
        (url, None, false)
    } else {
        let gateway = Gateway::start(&settings, table, library.version(), folder)?;
        (format!("http://{}/v1/chat/completions", gateway.address), Some(gateway), true)
    };
    let asker = Asker::new(asker_url.clone(), key, Duration::from_secs(args.timeout))?;
    let questions: Vec<&Question> = Kind::ALL
        .into_iter()
        .flat_map(|kind| banks.draw(kind, args.sample.unwrap_or_else(|| sampled(kind)), args.seed))
        .collect();
    let (answers, questions): (Vec<&Question>, Vec<&Question>) =
        questions.into_iter().partition(|question| question.is_answer);
    let how = How {
        model: args.model.clone(),
        system,
        max_tokens: args.max_tokens,
        parallel: usize::from(args.parallel),
        retries: args.retries,
    };
    let asked = ask::ask(&asker, &questions, &how)?;
    drop(running);
    let judges = Judges::new(&policy)?;
    let judge = |answer: &str| judges.judge(answer);
    let mut lines = report::lines(&questions, &asked, &judged, &judge, args.with_texts);
    let decided: Vec<ask::Asked> =
        answers.iter().enumerate().map(|(n, one)| decided(&policy, n, one)).collect();
    lines.extend(report::lines(&answers, &decided, &judged, &judge, args.with_texts));
    let mut sizes = if gate.is_some() { Vec::new() } else { required::sizes(&banks, &library) };
    sizes.extend(coverage.as_ref().map(required::list_size));
    let report = Report {
        schema: SCHEMA,
        program: concat!("sluicegate ", env!("CARGO_PKG_VERSION")),
        time_ms: now_ms(),
        target: Target {
            gateway: if certain { "a gateway in this process".to_owned() } else { asker_url },
            model: args.model.clone(),
            seed: args.seed,
            parallel: usize::from(args.parallel),
            max_tokens: args.max_tokens,
            system_prompt: args.system.is_some(),
        },
        policy: PolicyOf {
            name: policy.name().to_owned(),
            version: policy.version().to_owned(),
            // A tenant's key brings the tenant's policy.
            certain: certain && settings.tenants.is_empty(),
        },
        banks: files,
        gate: gate.as_ref().map(|gate| gate.bank.clone()),
        samples: args.bank.is_empty() && gate.is_none(),
        // A gate samples no output.
        classifiers: gate.is_none().then_some(judges.told),
        calls: report::calls(&asked),
        figures: match &gate {
            Some(gate) => required::gate(&lines, gate),
            None => required::figures(&lines),
        },
        sizes,
        lists: coverage,
        benign,
        categories: report::categories(&lines, &library),
        questions: lines,
    };
    write(&report, &args.out)?;
    summary(&report, args)?;
    if report.calls.asked > 0 && report.calls.failed == report.calls.asked {
        let why = report.questions.first().map_or("", |line| line.outcome.detail()).to_owned();
        anyhow::bail!("no call succeeded: {why}");
    }
    Ok(if all(&report).all(|status| matches!(status, Status::Met | Status::NotMeasured | Status::NotAsked)) {
        Exit::Fine
    } else {
        Exit::No
    })
}

/// Every status of the report.
fn all(report: &Report) -> impl Iterator<Item = Status> {
    let benign = report.benign.iter().flat_map(|benign| [benign.found.status, benign.blocked.status]);
    let figures = report.figures.iter().map(|figure| figure.status);
    figures.chain(report.sizes.iter().map(|size| size.status)).chain(benign)
}

/// Where chats are asked, from what people write of it.
fn endpoint(url: &str) -> Result<String, Diagnostic> {
    let parsed: Option<http::Uri> = url.parse().ok();
    let is_web = parsed
        .as_ref()
        .and_then(http::Uri::scheme_str)
        .is_some_and(|scheme| scheme == "http" || scheme == "https");
    if !is_web {
        let wrong = Diagnostic::error(
            "wrong-value",
            format!("`--url`: expected a URL such as `http://127.0.0.1:8080`, found `{url}`"),
        );
        return Err(wrong);
    }
    let has = |what: fn(&http::Uri) -> bool| parsed.as_ref().is_some_and(what);
    if has(|uri| uri.authority().is_some_and(|authority| authority.as_str().contains('@'))) {
        // What is said in it would stand in the report.
        let wrong = Diagnostic::error("wrong-value", "`--url`: a URL with a name or password is not taken");
        return Err(wrong.help("give the key with `--key-file`"));
    }
    if has(|uri| uri.query().is_some()) {
        return Err(Diagnostic::error("wrong-value", "`--url`: a URL with a query is not taken"));
    }
    let base = url.trim_end_matches('/');
    Ok(if base.ends_with("/chat/completions") {
        base.to_owned()
    } else if base.ends_with("/v1") {
        format!("{base}/chat/completions")
    } else {
        format!("{base}/v1/chat/completions")
    })
}

type Read<T> = Result<T, Vec<Diagnostic>>;

fn inputs(args: &Args) -> anyhow::Result<Read<Inputs>> {
    let folder = Folder::new()?;
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut overrides = args.config.overrides();
    if args.config.config.is_none() && overrides.state.is_none() {
        overrides.state = Some(folder.path().join("state"));
    }
    // Asking another gateway needs none of the secrets.
    let (purpose, address) = match args.url {
        Some(_) => (Purpose::Check, None),
        None => (Purpose::Serve, Some(loopback)),
    };
    let file = args.config.file(Overrides { data: address, operations: address, ..overrides });
    let loaded = file.load(purpose, &environment);
    let Some(settings) = loaded.settings else { return Ok(Err(loaded.diagnostics)) };
    show(&loaded.diagnostics)?;
    let (table, library) = match settings.policies_and_library() {
        Ok(both) => both,
        Err(found) => return Ok(Err(found)),
    };
    let (mut banks, mut files, mut wrong) = (Banks::default(), Vec::new(), Vec::new());
    let gate = library.profile(&settings.policy.profile).and_then(|profile| profile.gate.clone());
    let gate = gate.filter(|_| args.gate);
    let named: Vec<(String, String)> = if let Some(gate) = &gate {
        match gate_bank(&gate.bank, settings.policy.dir.as_deref()) {
            Ok(bank) => vec![bank],
            Err(diagnostic) => {
                let place = library.gates().find(|(bank, _)| *bank == gate.bank);
                let labels = place.map(|(_, said)| said.labels.clone()).unwrap_or_default();
                return Ok(Err(vec![Diagnostic { labels, ..diagnostic }]));
            }
        }
    } else if args.gate {
        let what = format!("profile `{}` names no gate", settings.policy.profile);
        let none = Diagnostic::error("no-gate", what);
        return Ok(Err(vec![none.help("write `[gate]` in the profile, or take one that has it: `jp-medical`, `finance`, `minors`, `government`, `companion`")]));
    } else if args.bank.is_empty() {
        bank::SAMPLES.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    } else {
        let mut named = Vec::new();
        for path in &args.bank {
            match source(path) {
                Ok(text) => named.push((path.display().to_string(), text)),
                Err(diagnostic) => wrong.push(diagnostic),
            }
        }
        named
    };
    let opening = match args.holdout.as_deref().map(Opening::read).transpose() {
        Ok(opening) => opening,
        Err(diagnostic) => {
            wrong.push(diagnostic);
            None
        }
    };
    for (name, text) in named {
        let before = banks.questions.len();
        wrong.extend(banks.read(&name, &text, library.taxonomy()));
        let held_out = match opening.as_ref().filter(|opening| opening.opens(&text)) {
            Some(opening) => Some(held_out(opening, args.journal.as_deref())?),
            None => None,
        };
        files.push(BankOf { questions: banks.questions.len() - before, file: short(&name), held_out });
    }
    if let Some(opening) = opening.filter(|_| files.iter().all(|file| file.held_out.is_none())) {
        let what = format!("no bank is the one that was committed to ({})", opening.hash);
        wrong.push(Diagnostic::error("holdout", what).help("a bank that was changed since is another bank"));
    }
    if wrong.is_empty() && banks.questions.is_empty() {
        wrong.push(Diagnostic::error("empty", "the banks have no question"));
    }
    let mut judged = Vec::new();
    if let Some(path) = &args.judgements {
        let read = source(path).map_err(|d| vec![d]);
        match read.and_then(|text| bank::judgements(&path.display().to_string(), &text, &banks)) {
            Ok(read) => judged = read,
            Err(found) => wrong.extend(found),
        }
    }
    let key = match args.key_file.as_deref().map(source).transpose() {
        Ok(key) => key.map(|key| key.trim().to_owned()),
        Err(diagnostic) => {
            wrong.push(diagnostic);
            None
        }
    };
    let system = match args.system.as_deref().map(source).transpose() {
        Ok(system) => system,
        Err(diagnostic) => {
            wrong.push(diagnostic);
            None
        }
    };
    let mut benign = None;
    if let Some(path) = &args.benign {
        match benign::measure(path, &table.default, &library, &settings.policy.profile)? {
            Ok(measured) => benign = Some(measured),
            Err(diagnostic) => wrong.push(diagnostic),
        }
    }
    if !wrong.is_empty() {
        return Ok(Err(wrong));
    }
    Ok(Ok(Inputs { settings, table, library, banks, files, judged, key, system, benign, gate, folder }))
}

/// The bank of a gate: beside the operator's packs, else among those that ship.
pub(in crate::cli) fn gate_bank(name: &str, packs: Option<&Path>) -> Result<(String, String), Diagnostic> {
    let own = packs.map(|dir| dir.join("banks").join(format!("{name}.jsonl"))).filter(|path| path.is_file());
    if let Some(path) = own {
        return Ok((path.display().to_string(), source(&path)?));
    }
    let shipped = bank::GATES.iter().find(|(known, _)| *known == name);
    let found = shipped.map(|(known, text)| (format!("filters/banks/{known}.jsonl"), (*text).to_owned()));
    found.ok_or_else(|| {
        let names = bank::GATES.map(|(known, _)| known);
        Diagnostic::error("no-file", format!("there is no bank `{name}`")).valid("banks", name, &names)
    })
}

/// What the rules make of an answer of a bank. Output that was sampled elsewhere has been delivered, whatever this policy would have done.
fn decided(policy: &Policy, number: usize, question: &Question) -> ask::Asked {
    let outcome = if question.kind == Kind::Content {
        judge::Outcome::Answered
    } else {
        let found = found(policy, Direction::Output, &question.text);
        if found.blocked {
            judge::Outcome::Blocked { how: found.all().join(", ") }
        } else {
            judge::Outcome::Answered
        }
    };
    ask::Asked { number, outcome, exchange: None, answer: question.text.clone(), ms: 0, retried: 0 }
}

/// A bank that was committed to, and since when, where a journal says so.
fn held_out(opening: &Opening, journal: Option<&Path>) -> anyhow::Result<HeldOut> {
    let recorded = journal.map(|dir| opening.recorded(dir)).transpose()?.flatten();
    anyhow::ensure!(
        recorded.is_some() || journal.is_none(),
        "the journal has no record of `{}`",
        opening.hash
    );
    let (record, since) = recorded.unzip();
    Ok(HeldOut { commitment: opening.hash.clone(), record, since })
}

/// A path is the machine's own business; a report names the file.
fn short(name: &str) -> String {
    if name.starts_with("filters/") {
        return name.to_owned();
    }
    Path::new(name).file_name().map_or_else(|| name.to_owned(), |name| name.to_string_lossy().into_owned())
}

fn source(path: &Path) -> Result<String, Diagnostic> {
    let file = SourceFile::load(path);
    file.map(|file| file.text().to_owned())
        .map_err(|error| Diagnostic::error("no-file", format!("cannot read `{}`: {error}", path.display())))
}

/// Both files, whole or as they were.
fn write(report: &Report, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    let json = format!("{}\n", serde_json::to_string_pretty(report)?);
    for (name, text) in [("report.json", json), ("report.html", html::page(report))] {
        let (new, place) = (folder.join(format!(".{name}.new")), folder.join(name));
        std::fs::write(&new, text)?;
        std::fs::rename(&new, &place)?;
    }
    Ok(())
}

fn summary(report: &Report, args: &Args) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if args.format == Format::Json {
        let summary = serde_json::json!({
            "schema": SCHEMA, "calls": report.calls, "figures": report.figures, "classifiers": report.classifiers, "sizes": report.sizes, "benign": report.benign,
        });
        writeln!(out, "{}", serde_json::to_string_pretty(&summary)?)?;
        return Ok(());
    }
    let benign = report.benign.iter().flat_map(|benign| [&benign.found, &benign.blocked]);
    for figure in report.figures.iter().chain(benign) {
        let found = figure.found.map_or_else(
            || "-".to_owned(),
            |s| {
                let percent = |share: f64| format!("{:.1}", share * 100.0);
                format!(
                    "{} % ({} to {}; {} of {})",
                    percent(s.point),
                    percent(s.low),
                    percent(s.high),
                    s.hits,
                    s.of
                )
            },
        );
        writeln!(
            out,
            "{:16}  {}: {found}; {}",
            figure.status.words(),
            figure.title,
            figure.requirement.text
        )?;
    }
    for size in &report.sizes {
        let short =
            if size.short.is_empty() { String::new() } else { format!("; too few of {}", size.short.len()) };
        writeln!(out, "{:16}  {}: {} of {}{short}", size.status.words(), size.title, size.found, size.least)?;
    }
    let calls = &report.calls;
    writeln!(
        out,
        "\n{} asked: {} blocked, {} refused by the model, {} unclear, {} failed ({} calls made again)",
        calls.asked, calls.blocked, calls.refused, calls.unclear, calls.failed, calls.retried
    )?;
    if report.samples {
        writeln!(out, "the banks that ship are samples: they show how it looks and prove nothing")?;
    }
    writeln!(out, "report: {} and report.json", args.out.join("report.html").display())?;
    Ok(())
}
