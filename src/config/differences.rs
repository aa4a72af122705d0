//! What two configurations say otherwise, besides their policies and judges.

use super::Settings;
use toml::{Table, Value};

/// The keys by which `now` differs from `started` and which only a restart brings, such as `server.data`. What stands in arrays
/// of tables is called by its name.
pub fn differences(started: &Settings, now: &Settings) -> Vec<String> {
    let table = |settings: &Settings| -> Table { settings.to_toml().parse().unwrap_or_default() };
    let mut found = Vec::new();
    tables("", &without_policies(table(started)), &without_policies(table(now)), &mut found);
    found
}

fn without_policies(mut all: Table) -> Table {
    all.remove("judge");
    // Who has to approve policies is not for a policy to say.
    if let Some(Value::Table(policy)) = all.get_mut("policy") {
        policy.retain(|key, _| key == "approval");
    }
    if let Some(Value::Array(tenants)) = all.get_mut("tenant") {
        tenants.iter_mut().filter_map(Value::as_table_mut).for_each(|tenant| {
            tenant.remove("policy");
        });
    }
    all
}

fn tables(path: &str, before: &Table, now: &Table, found: &mut Vec<String>) {
    let keys = before.keys().chain(now.keys().filter(|key| !before.contains_key(*key)));
    for key in keys {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (before.get(key), now.get(key)) {
            (before, now) if before == now => {}
            (Some(Value::Table(before)), Some(Value::Table(now))) => tables(&path, before, now, found),
            (before, now) => match (named(before), named(now)) {
                (Some(before), Some(now)) => arrays(&path, &before, &now, found),
                _ => found.push(path),
            },
        }
    }
}

/// The tables of an array with their names; none where it is something else.
fn named(value: Option<&Value>) -> Option<Vec<(&str, &Table)>> {
    match value {
        None => Some(Vec::new()),
        Some(Value::Array(all)) => {
            all.iter().map(|one| Some((one.get("name")?.as_str()?, one.as_table()?))).collect()
        }
        Some(_) => None,
    }
}

fn arrays(path: &str, before: &[(&str, &Table)], now: &[(&str, &Table)], found: &mut Vec<String>) {
    let from = found.len();
    let of = |all: &[(&str, &Table)], name: &str| all.iter().position(|(n, _)| *n == name);
    for (name, old) in before {
        let path = format!("{path} `{name}`");
        match of(now, name).and_then(|n| now.get(n)) {
            Some((_, new)) => tables(&path, old, new, found),
            None => found.push(path),
        }
    }
    let more = now.iter().filter(|(name, _)| of(before, name).is_none());
    found.extend(more.map(|(name, _)| format!("{path} `{name}`")));
    // The same in another order.
    if found.len() == from {
        found.push(path.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Overrides, Purpose, load};
    use super::*;
    use crate::diag::SourceFile;
    use std::path::Path;

    const BASE: &str = "schema = 1\n[server]\ndata = \"127.0.0.1:8080\"\n[policy]\nprofile = \"default\"\n\
        [[upstream]]\nname = \"a\"\ndialects = [\"openai\"]\nbase_url = \"https://a.test\"\n\
        [[upstream]]\nname = \"b\"\ndialects = [\"gemini\"]\nbase_url = \"https://b.test\"\n\
        [[tenant]]\nname = \"red\"\nkeys = [{ id = \"k\", hash = \"HASH\" }]\npolicy = { profile = \"default\" }\n";

    fn settings(text: &str) -> Settings {
        let text = text.replace("HASH", &"ab".repeat(32));
        let text = text.replace("KEY1", &"11".repeat(32)).replace("KEY2", &"22".repeat(32));
        let source = SourceFile::new("c.toml", text);
        let loaded = load(&source, Path::new("."), &Overrides::default(), Purpose::Check, &|_| None);
        loaded.settings.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
    }

    #[test]
    fn what_needs_a_restart_is_named() {
        for (from, to, want) in [
            ("", "", &[][..]),
            ("profile = \"default\"", "profile = \"measure\"", &[]),
            ("[policy]", "[limits]\nexchanges = 5\n[policy]\npacks = []", &["limits.exchanges"]),
            (":8080", ":8081", &["server.data"]),
            ("https://b.test", "https://c.test", &["upstream `b`.base_url"]),
            (
                "[policy]",
                "[policy.approval]\napprovers = [{ name = \"ann\", key = \"KEY1\" }, { name = \"bea\", key = \"KEY2\" }]\n[policy]",
                &["policy.approval"],
            ),
            ("name = \"b\"", "name = \"c\"", &["upstream `b`", "upstream `c`"]),
            ("id = \"k\"", "id = \"l\"", &["tenant `red`.keys"]),
            (
                "[[tenant]]",
                "[[route]]\nupstream = \"a\"\n[[route]]\nupstream = \"b\"\n[[tenant]]",
                &["route"],
            ),
        ] {
            assert_eq!(differences(&settings(BASE), &settings(&BASE.replace(from, to))), want, "{from} {to}");
        }
    }
}
