//! Verbs that know how far rules have come.

use super::{run, run_with, text};
use serde_json::Value;
use std::fs;
use std::path::Path;

fn rule(id: &str, more: &str) -> String {
    format!(
        "[[rule]]\nid = \"{id}\"\ntitle = \"t\"\ncategory = \"WORD\"\naction = \"block\"\n{more}\nkeywords = [\"{id} word\"]\n\
         examples = [\"{id} word\"]\ncounter_examples = [\"q\"]\n"
    )
}

/// A folder of packs and a configuration with a tenant.
fn files(states: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    let put = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    put("packs/p/pack.toml", "name = \"p\"\nversion = \"1\"\nlicence = \"Apache-2.0\"\ntitle = \"words\"\n");
    let rules = [
        rule("plain", ""),
        rule("shady", "state = \"shadow\""),
        rule("new", "state = \"draft\""),
        rule("part", "state = \"canary\"\nshare = 0.5"),
        rule("old", "state = \"retired\""),
    ];
    put("packs/p/rules/r.toml", &rules.concat());
    put("packs/p/lists/unused.txt", "a\n");
    put("packs/profiles/default.toml", "name = \"default\"\ntitle = \"words\"\npacks = [\"p\"]\n");
    put(
        "gateway.toml",
        &format!(
            "schema = 1\n[policy]\ndir = \"packs\"\n[policy.states]\n{states}\n[[upstream]]\nname = \"a\"\ndialects = [\"openai\"]\n\
             base_url = \"demonstration:\"\n[[tenant]]\nname = \"red\"\n\
             keys = [{{ id = \"k\", hash = \"5b8f0c4d9e1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4\" }}]\n\
             policy = {{ states = {{ \"p/plain\" = \"shadow\" }} }}\n"
        ),
    );
    dir
}

fn path(dir: &Path) -> String {
    dir.join("gateway.toml").to_str().expect("a path").to_owned()
}

const TEXTS: &str = "{\"id\":1,\"text\":\"a plain word\"}\n{\"id\":2,\"text\":\"a shady word\"}\n{\"id\":3,\"text\":\"a new word\"}\n\
                     {\"id\":4,\"text\":\"a part word\"}\n{\"id\":5,\"text\":\"an old word\"}\n";

fn lines(output: &std::process::Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn scans_tell_shadows_and_try_drafts() {
    let dir = files("");
    let policy = path(dir.path());
    let said = |states: &str| -> Vec<(String, String, String)> {
        let output =
            run_with(&["scan", "--policy", &policy, "--states", states, "--emit", "redacted"], TEXTS);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let of = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let lines = lines(&output);
        lines
            .iter()
            .map(|line| {
                let found = &line["findings"][0];
                (of(&line["verdict"]), of(&found["action"]), of(&found["state"]))
            })
            .collect()
    };
    let of =
        |verdict: &str, action: &str, state: &str| (verdict.to_owned(), action.to_owned(), state.to_owned());
    let (block, shadow, none) =
        (of("block", "block", "-"), of("allow", "block", "shadow"), of("allow", "-", "-"));
    assert_eq!(said("own"), [block.clone(), shadow.clone(), none.clone(), shadow, none]);
    assert_eq!(said("all"), vec![block; 5]);
}

/// People see what a rule in shadow would do, and a verdict that knows nothing of it.
#[test]
fn the_view_of_a_scan_tells_shadows() {
    let dir = files("");
    let output = run_with(&["scan", "--policy", &path(dir.path()), "--format", "human"], TEXTS);
    let said = text(&output.stdout);
    for want in [
        "2 allow\n      1 | a [[shady word]]\n        | block p/shady at 1:3 (WORD, score 1.00, in shadow)\n",
        "5 texts: 1 blocked, 0 rewritten, 0 flagged\n",
    ] {
        assert!(said.contains(want), "{want} is not in\n{said}");
    }
}

#[test]
fn differences_tell_shadows() {
    let (dir, other) = (files(""), files("\"p/shady\" = \"enforce\"\n\"p/plain\" = \"shadow\""));
    let (from, to) = (path(dir.path()), path(other.path()));
    let rows = |arguments: &[&str]| -> Vec<String> {
        let mut whole = vec!["diff", "--from", from.as_str(), "--format", "json"];
        whole.extend(arguments);
        let output = run_with(&whole, TEXTS);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let row = |row: &Value| format!("{}: {} -> {}", row["rule"], row["from"], row["to"]).replace('"', "");
        report["rules"].as_array().expect("rows").iter().map(row).collect()
    };
    assert_eq!(
        rows(&["--to", &to]),
        ["p/plain: block -> block (shadow)", "p/shady: block (shadow) -> block"]
    );
    assert_eq!(
        rows(&["--to", &from, "--to-states", "all"]),
        [
            "p/new: none -> block",
            "p/old: none -> block",
            "p/part: block (shadow) -> block",
            "p/shady: block (shadow) -> block"
        ]
    );
}

#[test]
fn explanations_tell_states() {
    let dir = files("");
    let policy = path(dir.path());
    let explain = |arguments: &[&str]| {
        let mut whole = vec!["explain", "--policy", policy.as_str()];
        whole.extend(arguments);
        let output = run(&whole);
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (_, said, _) = explain(&["a shady word, a new word, an old word"]);
    for want in [
        ": allow\n",
        "state     shadow: nothing follows, it is only on record",
        "[policy.states]  \"p/shady\" = \"enforce\"",
        "p/new \"new word\": the rule is a draft",
        "p/old \"old word\": the rule is retired",
    ] {
        assert!(said.contains(want), "{want} is not in\n{said}");
    }
    let (_, said, _) = explain(&["--states", "all", "a new word"]);
    assert!(said.contains(": block\n"), "{said}");
    // A record may name a rule that is no more.
    let (_, said, _) = explain(&["--rule", "p/old"]);
    assert_eq!(
        said,
        "p/old\n  t; WORD, medium\n  state     retired\n  action    prompt block, output block, tool block\n"
    );
    let (code, said, _) = explain(&["--rule", "p/part", "--format", "json"]);
    let said: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((code, &said["state"]["canary"]), (Some(0), &0.5.into()));
    let (code, _, wrong) = explain(&["--rule", "p/oldd"]);
    assert_eq!((code, wrong.as_str()), (Some(2), "error: unknown rule `p/oldd`; did you mean `p/old`?\n"));
}

#[test]
fn a_check_counts_states_and_names_contents() {
    let dir = files("\"p/new\" = \"shadow\"");
    let config = path(dir.path());
    let output = run(&["check", "--config", &config]);
    let said = text(&output.stdout);
    for want in [
        "rules: 1 canary, 1 enforce, 1 retired, 2 shadow\n",
        "tenant red: rules: 1 canary, 1 retired, 3 shadow\nfine: ",
    ] {
        assert!(said.contains(want), "{want} is not in\n{said}");
    }
    let output = run(&["check", "--config", &config, "--format", "json"]);
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let [all, red] = &said["policies"].as_array().expect("policies")[..] else { panic!("{said}") };
    assert_eq!((&all["states"]["draft"], &all["states"]["shadow"]), (&0.into(), &2.into()));
    assert_eq!((&all["rules"]["p/part"]["canary"], &all["rules"]["p/new"]), (&0.5.into(), &"shadow".into()));
    assert_eq!((&red["tenant"], &red["rules"]["p/plain"]), (&"red".into(), &"shadow".into()));
    assert_ne!(all["version"], red["version"]);
    let names: Vec<_> =
        said["contents"].as_array().expect("contents").iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["p", "p/lists/unused.txt"]);
}
