//! Rules that others leave nothing to are found as they would be by who compares each rule with every other one.

use super::*;
use crate::detect::{Conditions, Exact};
use crate::diag::SourceFile;
use crate::policy::Threshold;
use crate::policy::rule::{Action, Actions};
use proptest::prelude::*;

const PACK: &str = "name = \"p\"\nversion = \"1\"\nlicence = \"Apache-2.0\"\ntitle = \"t\"\n[[category]]\ncode = \"A\"\ntitle = \"a\"\n[[category]]\ncode = \"B\"\ntitle = \"b\"\n";

/// What is written of a rule.
fn rule() -> impl Strategy<Value = String> {
    let one = |of: &'static [&'static str]| proptest::sample::select(of);
    let keywords = proptest::collection::vec(one(&["zebra", "gnu", "red kite", "kite", "ibex"]), 0..4);
    let patterns = proptest::collection::vec(one(&["PRJ-[0-9]{4}", "PRJ-[0-9]{5}", "[A-Z]{3}-1234"]), 0..3);
    let more = one(&[
        "",
        "",
        "",
        "except = [\"kite\"]\n",
        "threshold = 0.2\n",
        "exact = [\"digits\"]\n",
        "state = \"shadow\"\n",
    ]);
    let actions = one(&[
        "action = \"mask\"",
        "action = \"block\"",
        "action = \"allow\"",
        "actions = { prompt = \"flag\", output = \"mask\" }",
    ]);
    (one(&["A", "B"]), keywords, patterns, more, actions, any::<bool>()).prop_map(|(category, keywords, patterns, more, actions, always)| {
        let keywords = if keywords.is_empty() && patterns.is_empty() { vec!["gnu"] } else { keywords };
        let patterns: String = patterns.iter().map(|regex| format!("[[rule.pattern]]\nregex = '{regex}'\n")).collect();
        let always = if always && !more.contains("shadow") { "always = true\n" } else { "" };
        format!("title = \"t\"\ncategory = \"{category}\"\n{actions}\nkeywords = {keywords:?}\n{more}{always}{patterns}")
    })
}

fn files(rules: &[String], profile: &str) -> Files {
    // Examples are not what is tried here: the pack is one that was imported.
    let rules: String =
        rules.iter().enumerate().map(|(n, rule)| format!("[[rule]]\nid = \"r{n}\"\n{rule}")).collect();
    [
        (
            "p/pack.toml",
            format!(
                "{}imported = true\n{}",
                PACK.split_once("[[").map_or("", |(head, _)| head),
                PACK.split_once("[[").map_or(String::new(), |(_, rest)| format!("[[{rest}"))
            ),
        ),
        ("p/rules/r.toml", rules),
        ("profiles/default.toml", format!("name = \"default\"\ntitle = \"t\"\npacks = [\"p\"]\n{profile}")),
    ]
    .into_iter()
    .map(|(path, text)| (path.to_owned(), SourceFile::new(path, text)))
    .collect()
}

/// What is to be said of rules, by who holds each against all others.
fn expected(library: &Library) -> Vec<String> {
    let mut out = Vec::new();
    let every: RuleSet = (0..library.rules.len() - 1).map(|n| RuleId(n as u32)).collect();
    for (n, (rule, spec)) in
        library.rules.iter().zip(&library.specs).enumerate().take(library.rules.len() - 1)
    {
        let nothing = Actions::all(Action::Allow);
        let mut changes = library.profiles.values().flat_map(|profile| &profile.changes);
        if rule.actions == nothing && !changes.any(|(of, choice)| *of == n && choice.actions != nothing) {
            out.push(format!("rule `{}` allows everything, in its pack and in every profile", rule.id));
        }
        if rule.threshold != Threshold::default() {
            continue;
        }
        let mut found_by: BTreeMap<u32, usize> = BTreeMap::new();
        for keyword in &spec.keywords {
            let found = scan_all(&library.engine, &every, TextKind::Plain, &keyword.text);
            let whole = found.iter().filter(|one| one.start.0 == 0 && one.end.0 == keyword.text.len() as u64);
            let mut others: Vec<u32> = whole.map(|found| found.rule.0).collect();
            others.dedup();
            for other in others {
                *found_by.entry(other).or_default() += 1;
            }
        }
        let leaves_nothing = |other: usize| {
            let one = &library.rules[other];
            let as_strong = !one.actions.is_weaker_than(&rule.actions);
            let as_firm = one.state >= rule.state && (one.always || !rule.always);
            let later = one.actions != rule.actions || other < n;
            other != n && one.category == rule.category && as_firm && as_strong && later
        };
        let has_patterns = |other: usize| {
            let one = &library.specs[other];
            let as_open = one.conditions == spec.conditions || one.conditions == Conditions::default();
            let as_folded = one.exact == spec.exact || one.exact == Exact::default();
            let open = library.rules[other].threshold == Threshold::default();
            spec.patterns.is_empty()
                || as_open
                    && as_folded
                    && open
                    && spec.patterns.iter().all(|pattern| one.patterns.contains(pattern))
        };
        let by = (0..library.rules.len()).find(|other| {
            found_by.get(&(*other as u32)).copied().unwrap_or_default() == spec.keywords.len()
                && leaves_nothing(*other)
                && has_patterns(*other)
        });
        if let Some(by) = by {
            let by = &library.rules[by].id;
            out.push(if spec.keywords.is_empty() {
                format!("rule `{}` changes nothing: `{by}` has all of its patterns", rule.id)
            } else if spec.patterns.is_empty() {
                format!("rule `{}` changes nothing: `{by}` finds all of its terms", rule.id)
            } else {
                format!(
                    "rule `{}` changes nothing: `{by}` finds all of its terms, and has all of its patterns",
                    rule.id
                )
            });
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn rules_to_which_nothing_is_left_are_found(
        rules in proptest::collection::vec(rule(), 1..9),
        profile in proptest::sample::select(&["", "[[rule]]\nid = \"p/r0\"\naction = \"block\"\n", "[[rule]]\nid = \"p/*\"\naction = \"flag\"\n"][..]),
    ) {
        let library = Library::load_lacking(&files(&rules, profile));
        let library = library.map_err(|found| TestCaseError::fail(format!("{found:#?}")))?;
        let told = library.warnings.iter().filter(|one| {
            one.message.contains("changes nothing") || one.message.contains("allows everything")
        });
        let mut told: Vec<String> = told.map(|one| one.message.clone()).collect();
        let mut expected = expected(&library);
        told.sort();
        expected.sort();
        prop_assert_eq!(told, expected);
    }
}
