//! `sluicegate profile`: what profiles there are, and all that one says.

use super::{ConfigArgs, Exit, Format, show};
use crate::config::{Purpose, Settings};
use crate::diag::{Diagnostic, has_errors};
use crate::policy::{Action, Demand, Library, PolicySettings, Profile};
use serde_json::{Value, json};
use std::io::{self, Write};

/// Print the profiles, or all that one profile says
///
/// What is in force is told apart from what a profile only states, because no part of this version applies
/// it yet.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Exit code: 0, 2 for an unknown profile or a bad configuration.

Examples:
  sluicegate profile
  sluicegate profile cn-public-service --format json")]
pub(super) struct Args {
    /// The profile; without it, all of them in a line each
    name: Option<String>,

    #[command(flatten)]
    config: ConfigArgs,

    /// How to write the answer
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let loaded = args.config.load(Purpose::Check);
    if has_errors(&loaded.diagnostics) {
        show(&loaded.diagnostics)?;
        return Ok(Exit::Misuse);
    }
    let library = match loaded.settings.as_ref().map_or_else(Library::embedded, Settings::policy_library) {
        Ok(library) => library,
        Err(found) => {
            show(&found)?;
            return Ok(Exit::Misuse);
        }
    };
    let mut out = io::stdout().lock();
    let names = library.profiles();
    let Some(name) = &args.name else {
        let profiles: Vec<&Profile> = names.iter().filter_map(|name| library.profile(name)).collect();
        match args.format {
            Format::Human => {
                let width = profiles.iter().map(|profile| profile.name.len()).max().unwrap_or(0);
                for profile in profiles {
                    writeln!(out, "{:width$}  {}", profile.name, profile.title)?;
                }
            }
            Format::Json => {
                let list: Vec<Value> = profiles.into_iter().map(|profile| whole(&library, profile)).collect();
                writeln!(out, "{}", serde_json::to_string_pretty(&list)?)?;
            }
        }
        return Ok(Exit::Fine);
    };
    let Some(profile) = library.profile(name) else {
        let unknown = Diagnostic::error("unknown-profile", format!("unknown profile `{name}`"));
        show(&[unknown.valid("profiles", name, &names)])?;
        return Ok(Exit::Misuse);
    };
    let said = whole(&library, profile);
    match args.format {
        Format::Human => human(&said, profile, &mut out)?,
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&said)?)?,
    }
    Ok(Exit::Fine)
}

/// All that a profile says: what is in force, and what is stated only.
fn whole(library: &Library, profile: &Profile) -> Value {
    let settings = PolicySettings {
        profile: profile.name.clone(),
        demands: Some(crate::policy::Demands::Warn),
        ..PolicySettings::default()
    };
    let policy = library.policy(&settings).ok();
    let strength = |action: Action| {
        let rules = policy.iter().flat_map(|policy| policy.in_force().map(|(n, _)| policy.strongest(n)));
        rules.filter(|strongest| *strongest == action).count()
    };
    let demand = |demand: &Demand| json!({ "what": demand.what, "checked": demand.is_checked(), "basis": demand.basis.iter().map(|b| format!("{}, {}", b.law, b.article)).collect::<Vec<_>>() });
    let unmet = policy.as_ref().map(|policy| policy.unmet().to_vec()).unwrap_or_default();
    json!({
        "name": profile.name,
        "title": profile.title,
        "in_force": {
            "tier": profile.tier,
            "packs": profile.packs,
            "rules": { "block": strength(Action::Block), "replace": strength(Action::Replace), "mask": strength(Action::Mask), "hash": strength(Action::Hash), "pseudonymise": strength(Action::Pseudonymise), "partial": strength(Action::Partial), "flag": strength(Action::Flag) },
            "unscanned": profile.unscanned,
            "block_as": profile.block_as,
            "annotate": profile.annotate,
            "demands": profile.demands,
            "demanded": profile.demanded.iter().map(demand).collect::<Vec<_>>(),
            "unmet": unmet.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "notices": profile.notices,
            "budget": profile.budget,
            "gate": profile.gate,
            "residency": profile.residency,
            "labels": profile.labels,
            "retention": profile.retention,
        },
        "stated": {
            "jurisdictions": profile.jurisdictions,
            "sectors": profile.sectors,
        },
    })
}

fn human(said: &Value, profile: &Profile, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}: {}", profile.name, profile.title)?;
    for (part, heading) in [("in_force", "in force"), ("stated", "stated, for labels and reports")] {
        writeln!(out, "\n{heading}")?;
        for (key, value) in said.get(part).and_then(Value::as_object).into_iter().flatten() {
            lines(key, value, 2, out)?;
        }
    }
    Ok(())
}

/// A value as people read it: `key: value`, lists and tables indented.
fn lines(key: &str, value: &Value, indent: usize, out: &mut impl Write) -> io::Result<()> {
    let key = key.replace('_', " ");
    match value {
        Value::Null => Ok(()),
        Value::Array(items) if items.is_empty() => Ok(()),
        Value::Array(items) if items.iter().all(Value::is_string) && key != "unmet" => {
            let words: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            writeln!(out, "{:indent$}{key}: {}", "", words.join(", "))
        }
        Value::Array(items) => {
            writeln!(out, "{:indent$}{key}:", "")?;
            items.iter().try_for_each(|item| match item {
                Value::Object(table) => writeln!(out, "{:indent$}  - {}", "", in_a_line(table)),
                other => writeln!(out, "{:indent$}  - {}", "", word(other)),
            })
        }
        Value::Object(table) => writeln!(out, "{:indent$}{key}: {}", "", in_a_line(table)),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            writeln!(out, "{:indent$}{key}: {}", "", word(value))
        }
    }
}

fn in_a_line(table: &serde_json::Map<String, Value>) -> String {
    let parts: Vec<String> = table
        .iter()
        .filter(|(_, value)| !value.is_null() && value.as_array().is_none_or(|a| !a.is_empty()))
        .map(|(key, value)| format!("{} {}", key.replace('_', " "), word(value)))
        .collect();
    parts.join(", ")
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(word).collect::<Vec<_>>().join(" or "),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Null | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}
