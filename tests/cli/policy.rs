//! Verbs that tell what policies, profiles and laws say.

use super::{root, run, text};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn json(arguments: &[&str], code: i32) -> Value {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A report for each article is a query.
#[test]
fn reports_are_queries() {
    let all = json(&["obligations", "--format", "json"], 0);
    let all = all.as_array().expect("a list");
    assert!(all.len() > 100, "{}", all.len());
    for one in all {
        for key in ["id", "jurisdiction", "instrument", "article", "summary", "effective", "state", "sure"] {
            assert!(one[key].is_string(), "{key} of {one}");
        }
    }
    let of = |arguments: &[&str]| -> BTreeSet<String> {
        let mut whole = vec!["obligations", "--format", "json"];
        whole.extend(arguments);
        let found = json(&whole, 0);
        let ids = found.as_array().expect("a list").iter();
        ids.map(|one| one["id"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(
        of(&["--instrument", "eu-ai-act", "--article", "50"]),
        ["eu-aia-50-1", "eu-aia-50-2", "eu-aia-50-4", "eu-aia-50-5"].map(str::to_owned).into()
    );
    let day = |day: &str| of(&["--jurisdiction", "eu", "--on", day]);
    assert!(!day("2026-08-01").contains("eu-aia-50-1") && day("2026-08-02").contains("eu-aia-50-1"));
    assert!(of(&["--jurisdiction", "eu", "--met", "open"]).is_subset(&of(&["--jurisdiction", "eu"])));
    let output = run(&["obligations", "--instrument", "cn-interim-measures", "--article", "14"]);
    let said = text(&output.stdout);
    for want in [
        "14  cn-im-14  since 2023-08-15",
        "by      rules harm/*",
        "shown   a_block_cancels_the_upstream",
        "1 obligations",
    ] {
        assert!(said.contains(want), "{want} is not in\n{said}");
    }
    let output = run(&["obligations", "--jurisdiction", "ch"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("did you mean `cn`?") || text(&output.stderr).contains("valid: `cn`")
    );
    assert_eq!(run(&["obligations", "--on", "1900-01-01", "--jurisdiction", "us"]).status.code(), Some(1));
    assert_eq!(run(&["obligations", "--on", "tomorrow"]).status.code(), Some(2));
}

fn sources(dir: &Path, extension: &str, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, extension, out);
        } else if path.extension().is_some_and(|e| e == extension) {
            out.push(path);
        }
    }
}

/// What an obligation names as its test is one, and what it names as a command is a verb.
#[test]
fn what_shows_an_obligation_is_there() {
    let mut files = Vec::new();
    sources(&root().join("src"), "rs", &mut files);
    sources(&root().join("tests"), "rs", &mut files);
    let code: String = files.iter().map(|file| fs::read_to_string(file).expect("a file")).collect();
    let tests: BTreeSet<&str> =
        code.split("fn ").skip(1).filter_map(|rest| rest.split_once('(')).map(|(name, _)| name).collect();
    let verbs = sluicegate::cli::verbs();
    let mut wrong = Vec::new();
    for one in json(&["obligations", "--format", "json"], 0).as_array().expect("a list") {
        let id = &one["id"];
        for test in one["tests"].as_array().expect("tests") {
            let test = test.as_str().expect("a name");
            if !tests.contains(test) {
                wrong.push(format!("{id}: no test is called {test}"));
            }
        }
        for command in
            one["controls"].as_array().expect("controls").iter().filter_map(|c| c["command"].as_str())
        {
            let verb = command.strip_prefix("sluicegate ").and_then(|rest| rest.split(' ').next());
            if !verb.is_some_and(|verb| verbs.iter().any(|known| known == verb)) {
                wrong.push(format!("{id}: {command} is no command"));
            }
        }
    }
    // So is what the page names for what is asked: the last column of its table.
    let page = fs::read_to_string(root().join("docs/law.md")).expect("the page");
    let table = page.split("## What is asked, and what shows it").nth(1).expect("the table");
    let rows = table.lines().skip_while(|line| !line.starts_with("| ---")).skip(1);
    let rows: Vec<&str> = rows.take_while(|line| line.starts_with("| ")).collect();
    assert!(rows.len() >= 20, "{} rows", rows.len());
    for row in rows {
        let named = row.rsplit('|').nth(1).expect("a column");
        let missing = named.split('`').skip(1).step_by(2).filter(|test| !tests.contains(test));
        wrong.extend(missing.map(|test| format!("docs/law.md: no test is called {test}")));
        assert!(named.contains('`'), "{row}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn profiles_tell_what_is_in_force_and_what_is_stated() {
    let output = run(&["profile"]);
    assert!(output.status.success());
    assert_eq!(text(&output.stdout).lines().count(), 13);
    let output = run(&["profile", "jp-medical"]);
    let said = text(&output.stdout);
    let (in_force, stated) = said.split_once("stated, for labels and reports").expect("both");
    assert!(in_force.contains("sector/medical") && in_force.contains("医師"), "{said}");
    assert!(in_force.contains("tier: high") && in_force.contains("records days 365"), "{said}");
    assert!(
        stated.contains("jp")
            && in_force.contains("content days 30")
            && in_force.contains("最終判断は医師が行います"),
        "{said}"
    );
    let said = json(&["profile", "cn-public-service", "--format", "json"], 0);
    assert_eq!(said["in_force"]["labels"]["mode"], "inline-suffix");
    assert_eq!(said["in_force"]["unmet"].as_array().map(Vec::len), Some(4));
    let output = run(&["profile", "jp-medicla"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("did you mean `jp-medical`?"));
}

/// A folder with a configuration and lists.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(policy: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let base = fs::read_to_string(root().join("config/minimal.toml")).expect("an example");
        let base = base.split("[policy]").next().unwrap_or_default().to_owned();
        fs::write(dir.path().join("gateway.toml"), format!("{base}\n{policy}")).expect("write");
        Self(dir)
    }

    fn list(self, name: &str, terms: &str) -> Self {
        fs::write(self.0.path().join(name), terms).expect("write");
        self
    }

    fn check(&self, more: &[&str]) -> (Option<i32>, String) {
        let config = self.0.path().join("gateway.toml");
        let mut arguments = vec!["check", "--config", config.to_str().expect("a path")];
        arguments.extend(more);
        let output = run(&arguments);
        (output.status.code(), text(&output.stdout))
    }
}

#[test]
fn a_standard_that_is_not_met_fails_the_check_and_not_the_gateway() {
    let folder = Folder::new("[policy]\nprofile = \"cn-public-service\"\n");
    let (code, said) = folder.check(&[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("warning[demand]") && said.contains("fine: "), "{said}");
    let (code, said) = folder.check(&["--standard", "tc260"]);
    assert_eq!(code, Some(1), "{said}");
    for want in [
        "A.1.a             1      0 of 200",
        "the operator's list is awaited: law/cn/a1-a-subversion",
        "  too few",
        "tc260: not met: ",
    ] {
        assert!(said.contains(want), "{want} is not in\n{said}");
    }
    let (code, said) = folder.check(&["--standard", "tc260", "--format", "json"]);
    let answer: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(
        (code, &answer["ok"], &answer["standard_met"]),
        (Some(1), &Value::Bool(true), &Value::Bool(false))
    );
    assert_eq!(answer["coverage"]["types"].as_array().map(Vec::len), Some(31));
    let (code, said) = folder.check(&["--standard", "owasp"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = folder.check(&["--standard", "tc206"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("did you mean `tc260`?"), "{said}");
}

#[test]
fn demands_can_keep_a_gateway_from_starting() {
    let refuse = Folder::new("[policy]\nprofile = \"us-enterprise\"\ndemands = \"refuse\"\n");
    let (code, said) = refuse.check(&[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("error[demand]") && said.contains("commercial/confidential-terms"), "{said}");
    let brought = "[policy]\nprofile = \"us-enterprise\"\ndemands = \"refuse\"\n\
        slots = { \"commercial/confidential-terms\" = \"terms.txt\" }\n";
    let folder = Folder::new(brought).list("terms.txt", "# projects\nglass orchard\n");
    let (code, said) = folder.check(&[]);
    assert_eq!(code, Some(0), "{said}");
    let config = folder.0.path().join("gateway.toml");
    let config = config.to_str().expect("a path");
    let line = "{\"id\":1,\"text\":\"we ship Glass Orchard in May\"}\n";
    let output = super::run_with(&["scan", "--emit", "redacted", "--policy", config], line);
    assert!(text(&output.stdout).contains("we ship [CONFIDENTIAL] in May"), "{}", text(&output.stdout));
}

/// What a tenant's policy lacks besides is said with the tenant's name.
#[test]
fn what_each_tenant_lacks_is_said() {
    let key = "1".repeat(64);
    let folder = Folder::new(&format!(
        "[policy]\nprofile = \"default\"\n[[tenant]]\nname = \"red\"\nkeys = [{{ id = \"r\", hash = \"{key}\" }}]\npolicy = {{ profile = \"us-enterprise\" }}\n\
         [[tenant]]\nname = \"blue\"\nkeys = [{{ id = \"b\", hash = \"{}\" }}]\npolicy = {{ profile = \"finance\" }}\n\
         [[tenant]]\nname = \"green\"\nkeys = [{{ id = \"g\", hash = \"{}\" }}]\npolicy = {{ profile = \"us-enterprise\" }}\n",
        "2".repeat(64),
        "3".repeat(64)
    ));
    let (code, said) = folder.check(&[]);
    assert_eq!(code, Some(0), "{said}");
    for want in [
        "tenants `red`, `green`: profile `us-enterprise` demands",
        "tenant `blue`: profile `finance` demands",
    ] {
        assert!(said.contains(want), "{want} is not in\n{said}");
    }
}

/// P1: whoever answers for a list of the operator stands at its head, and a list whose time is over is told of.
#[test]
fn a_list_says_who_stands_for_it() {
    let policy =
        "[policy]\nprofile = \"cn-public-service\"\nslots = { \"law/cn/a1-a-subversion\" = \"a.txt\" }\n";
    let with = |head: &str| Folder::new(policy).list("a.txt", &format!("{head}one two three\n"));
    let bare = with("# words\n");
    let (code, said) = bare.check(&["--standard", "tc260"]);
    assert_eq!(code, Some(1), "{said}");
    let want = "the list for `law/cn/a1-a-subversion` does not say its source, author, reviewer, expires";
    assert!(said.contains("warning[list-head]") && said.contains(want), "{said}");
    // Without a standard nobody asks.
    let (_, said) = bare.check(&[]);
    assert!(!said.contains("list-head"), "{said}");
    let head = "# source: letter 7\n# author: alice\n# reviewer: bob\n# expires: ";
    let whole = with(&format!("{head}9999-12-31\n"));
    let (_, said) = whole.check(&["--standard", "tc260", "--format", "json"]);
    let answer: Value = serde_json::from_str(&said).expect("JSON");
    let brought = &answer["coverage"]["brought"][0];
    assert_eq!(
        (&brought["terms"], &brought["head"]["reviewer"], &brought["head"]["expires"]),
        (&1.into(), &"bob".into(), &"9999-12-31".into())
    );
    assert!(!said.contains("list-head") && !said.contains("\"expired\""), "{said}");
    let (code, said) = with(&format!("{head}2020-01-01\n")).check(&[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the list for `law/cn/a1-a-subversion` has expired on 2020-01-01"), "{said}");
    // A build that wants none of it says so.
    let (code, said) = with("# expires: soon\n").check(&["--strict"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("warning[wrong-date]") && said.contains("a.txt:1"), "{said}");
}
