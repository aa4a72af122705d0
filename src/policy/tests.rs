//! What broken packs are told, as snapshots: each file under `testdata/` holds the files of a library and what is said
//! of them. `SLUICEGATE_BLESS=1` writes anew what is said.

use super::{Files, Library};
use crate::diag::SourceFile;
use std::path::Path;

const SAID: &str = "=== said\n";

fn files(text: &str) -> Files {
    text.split("--- ")
        .filter_map(|part| part.split_once('\n'))
        .map(|(path, text)| (path.to_owned(), SourceFile::new(path, text)))
        .collect()
}

#[test]
fn broken_packs_are_explained() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/policy/testdata");
    let update = std::env::var_os("SLUICEGATE_BLESS").is_some();
    let mut wrong = Vec::new();
    let mut cases = 0;
    for entry in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{e}")).flatten() {
        let text = std::fs::read_to_string(entry.path()).unwrap_or_else(|e| panic!("{e}"));
        let (given, expected) = text.split_once(SAID).unwrap_or_else(|| panic!("{:?}", entry.path()));
        let said: String = match Library::load(&files(given)) {
            Ok(_) => "nothing\n".to_owned(),
            Err(found) => found.iter().map(|d| format!("{d}\n")).collect(),
        };
        cases += 1;
        if update {
            std::fs::write(entry.path(), format!("{given}{SAID}{said}")).unwrap_or_else(|e| panic!("{e}"));
        } else if said != expected || said == "nothing\n" {
            wrong.push(format!("{:?}:\n{said}instead of\n{expected}", entry.file_name()));
        }
    }
    assert!(cases >= 12, "only {cases} cases");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_ships_is_complete() {
    let library = Library::embedded().unwrap_or_else(|f| panic!("{f:?}"));
    let policy = library.policy(&super::PolicySettings::default()).unwrap_or_else(|f| panic!("{f:?}"));
    for rule in policy.all_rules().iter().filter(|r| r.category != "CANARY") {
        assert!(!rule.basis.is_empty(), "{} rests on nothing", rule.id);
        assert!(rule.basis.iter().all(|b| b.link.starts_with("http")), "{}", rule.id);
        assert!(rule.marker.starts_with('['), "{}", rule.id);
    }
}

/// A beginning that may be absent (`(?:PL)?`) once hid what stood without it.
#[test]
fn an_optional_beginning_may_be_absent() {
    use super::{Action, Actions, Direction, Policy, Rule};
    use crate::detect::{PatternSpec, RuleSpec, TextKind, scan_all};
    for regex in ["(?:PL ?)?[0-9]{10}", "[A-Z]{0,3}-?[0-9]{6,10}", "(?:[a-z]{1,3}[.])?[0-9]{4,10}"] {
        let pattern = PatternSpec { regex: regex.into(), left: true, right: true, ..PatternSpec::default() };
        let rule = Rule { id: "p/a".into(), actions: Actions::all(Action::Mask), ..Rule::default() };
        let policy =
            Policy::from_rules(vec![(rule, RuleSpec { patterns: vec![pattern], ..RuleSpec::default() })])
                .unwrap_or_else(|e| panic!("{e:?}"));
        let found = scan_all(
            policy.engine(),
            policy.rules(Direction::Prompt),
            TextKind::Plain,
            "no 5261040567 there",
        );
        assert_eq!(found.len(), 1, "{regex}");
    }
}
