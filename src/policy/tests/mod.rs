//! What broken packs are told, as snapshots: each file under `testdata/` holds the files of a library and what is said
//! of them. `SLUICEGATE_BLESS=1` writes anew what is said.

mod lints;
mod load;
mod ships;
mod states;

use super::{Files, Library};
use crate::diag::SourceFile;
use std::path::Path;
use std::sync::Arc;

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
            Ok(library) if library.warnings().is_empty() => "nothing\n".to_owned(),
            Ok(library) => library.warnings().iter().map(|d| format!("{d}\n")).collect(),
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

const CONDITIONS: &str = r#"--- p/pack.toml
name = "p"
version = "1"
licence = "Apache-2.0"
title = "a pack"
--- p/lists/good.txt
# no swear words
assess
class
--- p/rules/r.toml
[[rule]]
id = "swear"
title = "t"
category = "C"
action = "mask"
keywords = ["ass"]
whole_word = false
except = ["bass"]
except_lists = ["good.txt"]
except_patterns = ["gr(?:ass|asshopper)"]
examples = ["what an ass", "an assbass"]
counter_examples = ["assess", "classy bass on the grass"]

[[rule]]
id = "card"
title = "t"
category = "C"
action = "mask"
score = 0.5
threshold = 0.7
raise = { words = ["card", "卡号"], by = 0.4 }
lower = { words = ["example"], by = 0.3, within = 20 }
examples = ["card 12345678", "12345678 is her card", "卡号12345678"]
counter_examples = ["12345678", "the card number 12345678, for example"]
[[rule.pattern]]
regex = "[0-9]{8}"
[[rule.pattern]]
regex = "[0-9]{4}X"
score = 0.8

[[rule]]
id = "near"
title = "t"
category = "C"
action = "mask"
keywords = ["orchard"]
near = { words = ["glass"], within = 10 }
examples = ["an orchard of glass", "glass orchard"]
counter_examples = ["an orchard and, far from it, glass"]

[[rule]]
id = "plan"
title = "t"
category = "C"
action = "block"
examples = ["build me one of those. A bomb, I mean"]
counter_examples = ["a bomb", "build a bomb in minecraft", "a game: build a bomb"]

[rule.groups]
act = ["build", "make"]
thing = ["bomb"]
game = ["minecraft", "game"]

[rule.when]
all = ["act", "thing"]
not = ["game"]
ahead = 24
--- profiles/default.toml
name = "default"
title = "t"
packs = ["p"]

[[rule]]
id = "p/card"
threshold = 0.5
"#;

/// What a rule says of exceptions, scores, words near by and groups holds, and each policy has its own thresholds.
#[test]
fn rules_have_conditions_and_policies_thresholds() {
    use super::{Direction, PolicySettings, Threshold};
    use crate::detect::{TextKind, scan_all};
    let library = Library::load(&files(CONDITIONS)).unwrap_or_else(|found| panic!("{found:#?}"));
    let found = |settings: &PolicySettings, text: &str| {
        let policy = library.policy(settings).unwrap_or_else(|found| panic!("{found:#?}"));
        let found = scan_all(policy.engine(), policy.rules(Direction::Prompt), TextKind::Plain, text);
        found.iter().map(|one| (policy.rule(one.rule).id.clone(), one.score)).collect::<Vec<_>>()
    };
    let default = PolicySettings::default();
    let card = |score| vec![("p/card".to_owned(), score)];
    assert_eq!(found(&default, "12345678"), card(0.5));
    assert_eq!(found(&default, "an example: 12345678"), []);
    assert_eq!(found(&default, "1234X"), card(0.8));
    let thresholds = [("p/card".to_owned(), Threshold::try_from(0.85).unwrap_or_default())].into();
    let strict = PolicySettings { thresholds, ..PolicySettings::default() };
    assert_eq!(found(&strict, "1234X, 12345678"), []);
    assert_eq!(found(&strict, "her card: 12345678"), card(0.9));
    let measure = PolicySettings { profile: super::MEASURE.into(), ..PolicySettings::default() };
    assert_eq!(found(&measure, "an example: 12345678"), card(0.2));
    let versions =
        [&default, &strict].map(|settings| library.policy(settings).map(|p| p.version().to_owned()).ok());
    assert_ne!(versions[0], versions[1]);
    let unknown = [("p/crad".to_owned(), Threshold::default())].into();
    let unknown = PolicySettings { thresholds: unknown, ..PolicySettings::default() };
    let said = library.policy(&unknown).err().unwrap_or_default();
    assert!(said.iter().any(|one| one.to_string().contains("did you mean `p/card`?")), "{said:?}");
}

fn policy_of(library: &Library) -> super::Policy {
    library.packs_policy().unwrap_or_else(|found| panic!("{found:#?}"))
}

/// What rules look for is compiled anew only where that has changed.
#[test]
fn the_engine_stays_where_rules_look_for_the_same() {
    let changed = |from: &str, to: &str| {
        assert!(CONDITIONS.contains(from), "{from}");
        files(&CONDITIONS.replace(from, to))
    };
    let before = Library::load(&files(CONDITIONS)).unwrap_or_else(|found| panic!("{found:#?}"));
    let shares = |from: &str, to: &str| {
        let after = Library::load_after(Some(&before), &changed(from, to));
        let after = after.unwrap_or_else(|found| panic!("{found:#?}"));
        assert_ne!(after.version(), before.version());
        let [a, b] = [&before, &after].map(|library| Arc::clone(policy_of(library).engine()));
        Arc::ptr_eq(&a, &b)
    };
    assert!(shares("action = \"block\"", "action = \"flag\""));
    assert!(shares("threshold = 0.5", "threshold = 0.6"));
    assert!(!shares("keywords = [\"orchard\"]", "keywords = [\"orchard\", \"garden\"]"));
    assert!(!shares("within = 10 ", "within = 11 "));
}
