//! `sluicegate import`: what it writes is a pack, or nothing.

use super::{run, run_with, text};
use std::fs;
use std::path::Path;

const TABLE: &str = "term,category,action\nglass orchard,TRADE_SECRET,mask\nblue harvest,TRADE_SECRET,blok\n";

fn files(dir: &Path) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            }
            out.push(entry.path().strip_prefix(dir).expect("inside").display().to_string());
        }
    }
    out.sort();
    out
}

#[test]
fn an_imported_pack_is_one_that_check_and_scan_take() {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name).display().to_string();
    fs::write(at("terms.csv"), TABLE).expect("a file");
    let filters = at("filters");
    let done = run(&["import", &at("terms.csv"), "--to", &filters, "--pack", "projects"]);
    let said = text(&done.stdout);
    assert_eq!(done.status.code(), Some(1), "{said}{}", text(&done.stderr));
    for want in [
        "read as csv: 1 of 1 rules taken, with 1 terms",
        "terms.csv:3: term: unknown action `blok`",
        "did you mean `block`?",
    ] {
        assert!(said.contains(want), "{want} is not in\n{said}");
    }
    let inside = ["projects", "projects/pack.toml", "projects/rules", "projects/rules/imported.toml"];
    assert_eq!(files(Path::new(&filters)), inside);
    let config = "schema = 1\n[[upstream]]\nname = \"d\"\ndialects = [\"openai\"]\nbase_url = \"demonstration:\"\n[policy]\nprofile = \"measure\"\ndir = \"filters\"\n";
    fs::write(at("gateway.toml"), config).expect("a file");
    let checked = run(&["check", "--config", &at("gateway.toml")]);
    assert!(checked.status.success(), "{}", text(&checked.stdout));
    let line = "{\"id\":1,\"text\":\"about Glass Orchard\"}\n";
    let scanned = run_with(&["scan", "--policy", &at("filters/projects"), "--emit", "redacted"], line);
    let scanned = text(&scanned.stdout);
    assert!(scanned.contains("about [TRADE_SECRET]"), "{scanned}");
    // An example that is missing is a warning in what was imported.
    let rules = at("filters/projects/rules/imported.toml");
    let without: String = fs::read_to_string(&rules)
        .expect("rules")
        .lines()
        .filter(|line| !line.starts_with("examples") && !line.starts_with("counter_examples"))
        .fold(String::new(), |all, line| all + line + "\n");
    fs::write(&rules, without).expect("a file");
    let checked = run(&["check", "--config", &at("gateway.toml")]);
    let said = text(&checked.stdout);
    assert!(checked.status.success() && said.contains("warning[no-example]"), "{said}");
}

#[test]
fn what_fails_changes_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name).display().to_string();
    let to = at("filters");
    fs::write(at("words.txt"), "glass orchard\n").expect("a file");
    assert_eq!(run(&["import", &at("words.txt"), "--to", &to]).status.code(), Some(0));
    let before = fs::read_to_string(at("filters/words/rules/imported.toml")).expect("rules");
    fs::write(at("bad.yaml"), "recognizers:\n - name: x\n  patterns: [\n").expect("a file");
    fs::write(at("empty.toml"), "[[rules]]\nid = \"a\"\nregex = '''(?=x)y'''\n").expect("a file");
    for (arguments, says) in [
        (vec!["import", "/nowhere", "--to", &to], "cannot read `/nowhere`"),
        (vec!["import", &at("words.txt"), "--to", &to], "is there already"),
        (vec!["import", &at("words.txt"), "--to", &to, "--pack", "../x"], "is no name of a pack"),
        (
            vec!["import", &at("words.txt"), "--to", &to, "--pack", "w2", "--action", "blok"],
            "did you mean `block`?",
        ),
        (vec!["import", &at("bad.yaml"), "--to", &to], "bad.yaml:3:"),
        (
            vec![
                "import",
                &at("words.txt"),
                "--to",
                &to,
                "--pack",
                "words",
                "--replace",
                "--format",
                "gitleaks",
            ],
            "words.txt:1:",
        ),
        (
            vec!["import", &at("empty.toml"), "--to", &to, "--pack", "words", "--replace"],
            "nothing was written",
        ),
    ] {
        let refused = run(&arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        let said = text(&refused.stderr) + &text(&refused.stdout);
        assert!(said.contains(says), "{arguments:?}: {said}");
        let left = ["words", "words/pack.toml", "words/rules", "words/rules/imported.toml"];
        assert_eq!(files(Path::new(&to)), left);
        assert_eq!(fs::read_to_string(at("filters/words/rules/imported.toml")).expect("rules"), before);
    }
    fs::write(at("words.txt"), "blue harvest\n").expect("a file");
    let arguments = [
        "import",
        &at("words.txt"),
        "--to",
        &to,
        "--replace",
        "--report",
        "json",
        "--category",
        "TRADE_SECRTE",
    ];
    let done = run(&arguments);
    assert_eq!(done.status.code(), Some(0));
    assert!(text(&done.stderr).contains("did you mean `TRADE_SECRET`?"), "{}", text(&done.stderr));
    let report: serde_json::Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(
        (&report["schema"], &report["rules_taken"], &report["written"]),
        (&1.into(), &1.into(), &true.into())
    );
    assert!(
        fs::read_to_string(at("filters/words/rules/imported.toml")).expect("rules").contains("blue harvest")
    );
    assert_eq!(files(Path::new(&to)).len(), 4);
}

/// A folder in which packs stand is none: `--replace` would take them all away.
#[test]
fn what_is_no_pack_is_not_replaced() {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name).display().to_string();
    fs::write(at("terms.txt"), "glass orchard\n").expect("a file");
    fs::create_dir_all(at("filters/law/cn")).expect("folders");
    fs::write(at("filters/law/cn/pack.toml"), "name = \"law/cn\"\n").expect("a file");
    fs::create_dir_all(at("filters/notes")).expect("folders");
    fs::write(at("filters/notes/keep.txt"), "mine\n").expect("a file");
    let before = files(&dir.path().join("filters"));
    for pack in ["law", "notes"] {
        let done = run(&["import", &at("terms.txt"), "--to", &at("filters"), "--pack", pack, "--replace"]);
        let said = text(&done.stderr);
        assert!(!done.status.success() && said.contains("no folder of one pack"), "{pack}: {said}");
    }
    assert_eq!(files(&dir.path().join("filters")), before);
}

/// A foreign id moves no terminal, and what is imported may watch before it acts.
#[test]
fn foreign_ids_are_written_out_and_a_state_is_taken() {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name).to_str().expect("a path").to_owned();
    let rules = "[[rules]]\nid = \"good\"\ndescription = \"d\"\nregex = '''tok_[a-z]{12}'''\nkeywords = [\"tok_\"]\n\
                 [[rules]]\nid = \"evil\\u001b[2J\\u202e\"\ndescription = \"d\"\npath = '''x'''\n";
    fs::write(at("leaks.toml"), rules).expect("a file");
    let output =
        run(&["import", &at("leaks.toml"), "--to", &at("filters"), "--pack", "leaks", "--state", "shadow"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}{}", text(&output.stderr));
    assert!(said.contains("evil\\u{1b}[2J\\u{202e}") && !said.contains('\u{1b}'), "{said}");
    let pack = fs::read_to_string(at("filters/leaks/pack.toml")).expect("a file");
    assert!(pack.contains("state = \"shadow\""), "{pack}");
    let line = "{\"id\":1,\"text\":\"tok_abcdefghijkl\"}\n";
    let scanned = text(&run_with(&["scan", "--policy", &at("filters/leaks")], line).stdout);
    assert!(scanned.contains("\"verdict\":\"allow\"") && scanned.contains("shadow"), "{scanned}");
}
