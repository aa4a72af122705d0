//! `sluicegate check`: says everything that is wrong with the configuration and its policies at once.

use super::assess::gate_bank;
use super::moment::today;
use super::{ConfigArgs, Exit, Format, colour};
use crate::config::{Purpose, Settings};
use crate::diag::{Diagnostic, has_errors, render_human, sort, to_json};
use crate::policy::{BroughtModel, Content, Coverage, Date, Library, Policy, Row, Slot};
use serde_json::Value;
use std::io::{self, IsTerminal, Write};

/// Check the configuration, its policies and packs, and say everything that is wrong at once
///
/// Starts nothing and sends nothing. A secret that is absent here is a warning, because the file may be
/// checked on another machine than it runs on.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when the configuration can be used, 1 when it can and the standard is not met, or `--strict` is given and there is a warning, 2 when \
it cannot.

Examples:
  sluicegate check --config gateway.toml
  sluicegate check --config gateway.toml --standard tc260
  sluicegate check --config gateway.toml --format json")]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,

    /// Hold the lists of everybody's policy against a standard's types, and fail where they are too short: `tc260`; also `owasp`,
    /// `mlcommons`, `eu-ai-act`, which ask for no length
    #[arg(long, value_name = "NAME")]
    standard: Option<String>,

    /// Fail where there is a warning
    #[arg(long)]
    strict: bool,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut loaded = args.config.load(Purpose::Check);
    let (mut coverage, mut states) = (None, None);
    // Mistakes in the configuration hide none in its policies.
    if let Some(settings) = loaded.settings.as_ref().or(loaded.draft.as_ref()) {
        let (mut found, held, of_policies) = policies(settings, args.standard.as_deref());
        (coverage, states) = (held, of_policies);
        let bad = has_errors(&found);
        // What will be changed yet has another hash.
        if !bad && let Some(settings) = &loaded.settings {
            found.append(&mut settings.unapproved());
        }
        loaded.diagnostics.append(&mut found);
        sort(&mut loaded.diagnostics);
        if bad {
            loaded.settings = None;
        }
    }
    let bad = has_errors(&loaded.diagnostics);
    loaded.settings = loaded.settings.filter(|_| !bad);
    let stdout = io::stdout();
    let colour = colour(stdout.is_terminal());
    let mut out = stdout.lock();
    match args.format {
        Format::Human => {
            out.write_all(render_human(&loaded.diagnostics, colour).as_bytes())?;
            coverage.as_ref().map_or(Ok(()), |coverage| table(coverage, &mut out))?;
            let errors = loaded.diagnostics.iter().filter(|d| d.is_error()).count();
            let warnings = loaded.diagnostics.len() - errors;
            let made = states.filter(|_| !bad);
            let states = made.iter().flat_map(|made| &made.policies);
            states.filter_map(OfPolicy::line).try_for_each(|line| writeln!(out, "{line}"))?;
            made.iter()
                .flat_map(|made| &made.models)
                .try_for_each(|model| writeln!(out, "{}", model.line()))?;
            match &loaded.settings {
                Some(settings) => writeln!(
                    out,
                    "fine: {}, {}, {}, {}",
                    count(settings.upstreams.len(), "upstream"),
                    count(settings.routes.len(), "route"),
                    count(settings.tenants.len(), "tenant"),
                    count(warnings, "warning"),
                )?,
                None => writeln!(out, "{}, {}", count(errors, "error"), count(warnings, "warning"))?,
            }
        }
        Format::Json => {
            let list: Vec<serde_json::Value> = loaded.diagnostics.iter().map(to_json).collect();
            let mut answer = serde_json::json!({ "ok": !bad, "diagnostics": list });
            if let (Some(states), Some(answer)) = (states.filter(|_| !bad), answer.as_object_mut()) {
                answer.insert("policies".into(), serde_json::json!(states.policies));
                answer.insert("contents".into(), serde_json::json!(states.contents));
                answer.insert("models".into(), serde_json::json!(states.models));
            }
            if let (Some(coverage), Some(answer)) = (&coverage, answer.as_object_mut()) {
                answer.insert("standard_met".into(), coverage.is_met().into());
                answer.insert("coverage".into(), serde_json::json!(coverage));
            }
            writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?;
        }
    }
    Ok(match coverage {
        _ if bad => Exit::Misuse,
        Some(coverage) if !coverage.is_met() => Exit::No,
        _ if args.strict && !loaded.diagnostics.is_empty() => Exit::No,
        _ => Exit::Fine,
    })
}

/// What the policies are and what they are made of.
struct Made {
    policies: Vec<OfPolicy>,
    contents: Vec<Content>,
    models: Vec<OfModel>,
}

/// A model that a pack brings.
#[derive(serde::Serialize)]
struct OfModel {
    name: String,
    pack: String,
    path: String,
    version: String,
    classes: Vec<String>,
    bytes: usize,
    sha256: String,
}

impl OfModel {
    fn of(brought: &BroughtModel) -> Self {
        let BroughtModel { pack, path, model } = brought;
        Self {
            name: model.name().to_owned(),
            pack: pack.clone(),
            path: path.clone(),
            version: model.version().to_owned(),
            classes: model.classes().to_vec(),
            bytes: model.bytes(),
            sha256: model.hash().to_owned(),
        }
    }

    fn line(&self) -> String {
        let Self { name, path, version, classes, bytes, sha256, .. } = self;
        let classes = classes.join(", ");
        format!("model {name} ({path}), version {version}: {classes}; {bytes} bytes, sha256 {sha256}")
    }
}

/// A policy, and how far its rules have come.
#[derive(serde::Serialize)]
struct OfPolicy {
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    policy: String,
    version: String,
    /// How many rules are in each state.
    states: serde_json::Map<String, Value>,
    /// Those that are not in force for everybody.
    rules: serde_json::Map<String, Value>,
}

impl OfPolicy {
    fn of(tenant: Option<&str>, policy: &Policy) -> Self {
        let states =
            policy.by_state().into_iter().map(|(state, rules)| (state.to_owned(), rules.len().into()));
        let rules = policy.not_in_force().map(|(rule, state)| (rule.id.clone(), serde_json::json!(state)));
        Self {
            tenant: tenant.map(str::to_owned),
            policy: policy.name().to_owned(),
            version: policy.version().to_owned(),
            states: states.collect(),
            rules: rules.collect(),
        }
    }

    /// How many rules are in each state, where not all are in force.
    fn line(&self) -> Option<String> {
        let states: Vec<String> =
            self.states.iter().filter(|(_, n)| **n != 0).map(|(state, n)| format!("{n} {state}")).collect();
        let of = self.tenant.as_ref().map_or_else(String::new, |tenant| format!("tenant {tenant}: "));
        (!self.rules.is_empty()).then(|| format!("{of}rules: {}", states.join(", ")))
    }
}

/// What there is to say of the policies, how the one for everybody stands against a standard, and what they are.
fn policies(
    settings: &Settings,
    standard: Option<&str>,
) -> (Vec<Diagnostic>, Option<Coverage>, Option<Made>) {
    let (mut found, usable) = settings.check_policies();
    let Some((policies, library)) = usable else { return (found, None, None) };
    let tenants = policies.names.iter().map(String::as_str).zip(&policies.tenants);
    let tenants = tenants.map(|(name, policy)| OfPolicy::of(Some(name), policy));
    let made = Made {
        policies: std::iter::once(OfPolicy::of(None, &policies.default)).chain(tenants).collect(),
        contents: library.contents().to_vec(),
        models: library.models().iter().map(OfModel::of).collect(),
    };
    found.extend(today().into_iter().flat_map(|today| expired(&library, today)));
    found.extend(without_bank(settings, &library));
    let Some(standard) = standard else { return (found, None, Some(made)) };
    let coverage = library.coverage(&policies.default, standard);
    if let Some(coverage) = &coverage {
        found.extend(nameless(coverage));
    } else {
        let unknown = Diagnostic::error("unknown-standard", format!("unknown standard `{standard}`"));
        found.push(unknown.valid("standards", standard, &library.taxonomy().scheme_ids()));
    }
    (found, coverage, Some(made))
}

/// Profiles whose gate names a bank that is not there: `assess --gate` could not ask it.
fn without_bank(settings: &Settings, library: &Library) -> Vec<Diagnostic> {
    let dir = settings.policy.dir.as_deref();
    let lacks = |(bank, said): (&str, &Diagnostic)| {
        let missing = gate_bank(bank, dir).err()?;
        Some(Diagnostic { help: missing.help, ..said.clone() })
    };
    library.gates().filter_map(lacks).collect()
}

/// Lists of the operator whose time is over. They go on to count: a word does not become harmless on a day.
fn expired(library: &Library, today: Date) -> Vec<Diagnostic> {
    let old = |slot: &Slot| Some((slot.id.clone(), slot.head.as_ref()?.expires.filter(|day| *day <= today)?));
    let say = |(slot, day)| {
        let what = format!("the list for `{slot}` has expired on {day}");
        Diagnostic::warning("expired", what)
            .help("it goes on to count; read it again, and give its head another day")
    };
    library.slots().iter().filter_map(old).map(say).collect()
}

/// Lists of the operator that do not say who stands for them.
fn nameless(coverage: &Coverage) -> impl Iterator<Item = Diagnostic> {
    coverage.brought.iter().filter(|one| !one.head.lacks().is_empty()).map(|one| {
        let lacks = one.head.lacks();
        let what = format!("the list for `{}` does not say its {}", one.slot, lacks.join(", "));
        let lines: Vec<String> = lacks.iter().map(|key| format!("`# {key}: ..`")).collect();
        let help = format!(
            "write {} at its head; who reviewed it is another person than its author",
            lines.join(", ")
        );
        Diagnostic::warning("list-head", what).help(help)
    })
}

/// A line for each type: rules, terms against what is asked for, patterns, examples, and whose list is awaited.
fn table(coverage: &Coverage, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", coverage.title)?;
    writeln!(out, "policy {}\n", coverage.policy)?;
    writeln!(out, "{:13} {:>5} {:>13} {:>8} {:>8}", "type", "rules", "terms", "patterns", "examples")?;
    for row in &coverage.types {
        let terms = match row.least_terms {
            Some(least) => format!("{} of {least}", row.terms),
            None => row.terms.to_string(),
        };
        let mark = match (row.is_met(), row.is_tried()) {
            (true, true) => "",
            (false, true) => "  too few",
            (true, false) => "  hardly tried",
            (false, false) => "  too few, hardly tried",
        };
        let Row { code, rules, patterns, examples, title, .. } = row;
        writeln!(out, "{code:13} {rules:>5} {terms:>13} {patterns:>8} {examples:>8}  {title}{mark}")?;
        if !row.awaited.is_empty() {
            writeln!(out, "{:51}  the operator's list is awaited: {}", "", row.awaited.join(", "))?;
        }
        if let Some(note) = &row.note {
            writeln!(out, "{:51}  {note}", "")?;
        }
    }
    let silent: Vec<&str> = coverage.silent().map(|row| row.code.as_str()).collect();
    if !silent.is_empty() {
        writeln!(out, "\nnothing looks for {}", silent.join(", "))?;
    }
    match coverage.least_terms {
        Some(least) => writeln!(out, "\nterms in all: {} of {least}", coverage.terms)?,
        None => writeln!(out)?,
    }
    let verdict =
        if coverage.is_met() { "met".to_owned() } else { format!("not met: {}", coverage.lacking()) };
    writeln!(out, "{}: {verdict}", coverage.scheme)
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
