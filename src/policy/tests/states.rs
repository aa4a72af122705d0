//! How far rules have come: who has the last word, what lists of their own are, and what engines know.

use std::sync::Arc;

use super::super::{
    Action, Direction, Library, MEASURE, Policy, PolicyChange, PolicySettings, RuleState, Share,
};
use super::files;
use crate::detect::{RuleId, TextKind, scan_all};

const PACKS: &str = r#"--- p/pack.toml
name = "p"
version = "1"
licence = "Apache-2.0"
title = "a pack"
--- p/lists/slang.txt
zorb
--- p/lists/old.txt
nope
--- p/lists/new.txt
flib
--- p/rules/r.toml
[[rule]]
id = "plain"
title = "t"
category = "C"
action = "block"
keywords = ["plain word"]
examples = ["a plain word"]
counter_examples = ["q"]

[[rule]]
id = "listed"
title = "t"
category = "C"
action = "mask"
keywords = ["lisp"]
except = ["zorb free"]
near = { words = ["here"], within = 20 }
examples = ["lisp here", "zorb here", "flib here"]
counter_examples = ["zorb free here", "lisp", "nope here"]

[[rule.list]]
file = "slang.txt"
state = "shadow"

[[rule.list]]
file = "old.txt"
state = "retired"

[[rule.list]]
file = "new.txt"

[[rule]]
id = "old"
title = "t"
category = "C"
action = "block"
state = "retired"
keywords = ["old word"]
examples = ["an old word"]
counter_examples = ["q"]

[[rule]]
id = "always"
title = "t"
category = "C"
action = "block"
always = true
keywords = ["never so"]
examples = ["never so"]
counter_examples = ["q"]
--- draft/pack.toml
name = "draft"
version = "1"
licence = "Apache-2.0"
title = "a pack"
state = "draft"
--- draft/rules/r.toml
[[rule]]
id = "one"
title = "t"
category = "C"
action = "block"
keywords = ["one word"]
examples = ["one word"]
counter_examples = ["q"]

[[rule]]
id = "two"
title = "t"
category = "C"
action = "block"
state = "canary"
share = 0.25
keywords = ["two words"]
examples = ["two words"]
counter_examples = ["q"]

[[rule]]
id = "always"
title = "t"
category = "C"
action = "block"
always = true
keywords = ["law of all"]
examples = ["law of all"]
counter_examples = ["q"]
--- profiles/default.toml
name = "default"
title = "t"
packs = ["p", "draft"]
--- profiles/trial.toml
name = "trial"
title = "t"
packs = ["p", "draft"]

[[rule]]
id = "draft/*"
state = "shadow"

[[rule]]
id = "draft/two"
action = "flag"

[[rule]]
id = "p/*"
state = "canary"
share = 0.5

[[rule]]
id = "p/plain"
state = "enforce"
--- profiles/without.toml
name = "without"
title = "t"
packs = ["p", "draft"]

[[rule]]
id = "p/plain"
state = "retired"

[[rule]]
id = "draft/*"
state = "retired"
"#;

fn library() -> Library {
    Library::load(&files(PACKS)).unwrap_or_else(|found| panic!("{found:#?}"))
}

fn settings(profile: &str, states: &[(&str, RuleState)]) -> PolicySettings {
    let states = states.iter().map(|(id, state)| ((*id).to_owned(), *state)).collect();
    PolicySettings { profile: profile.to_owned(), states, ..PolicySettings::default() }
}

fn made(library: &Library, settings: &PolicySettings) -> Policy {
    library.policy(settings).unwrap_or_else(|found| panic!("{found:#?}"))
}

fn number(policy: &Policy, id: &str) -> RuleId {
    let place = policy.all_rules().iter().position(|rule| rule.id == id);
    RuleId(place.unwrap_or_else(|| panic!("no rule `{id}`")) as u32)
}

/// The states of rules, in a line.
fn said(policy: &Policy, ids: &[&str]) -> String {
    ids.iter().map(|id| policy.state(number(policy, id)).to_string()).collect::<Vec<_>>().join(", ")
}

fn canary(share: f64) -> RuleState {
    Share::new(share).map_or(RuleState::Enforce, RuleState::Canary)
}

const ALL: [&str; 8] = [
    "p/plain",
    "p/listed",
    "p/listed:slang.txt",
    "p/listed:old.txt",
    "p/old",
    "p/always",
    "draft/one",
    "draft/two",
];

/// The pack, the rule, the profile, the configuration, the tenant: what is more special counts.
#[test]
fn what_is_more_special_counts() {
    let library = library();
    let of =
        |profile: &str, states: &[(&str, RuleState)]| said(&made(&library, &settings(profile, states)), &ALL);
    assert_eq!(of("default", &[]), "enforce, enforce, shadow, retired, retired, enforce, draft, canary 0.25");
    assert_eq!(of("trial", &[]), "enforce, canary 0.5, shadow, retired, retired, enforce, shadow, shadow");
    let wide = [("p/*", RuleState::Shadow), ("draft/*", RuleState::Enforce), ("p/plain", canary(0.1))];
    assert_eq!(
        of("default", &wide),
        "canary 0.1, shadow, shadow, retired, retired, enforce, enforce, enforce"
    );
    // A list is called by its own name, and is no further than its rule.
    let lists =
        [("p/listed:slang.txt", RuleState::Enforce), ("p/listed", canary(0.2)), ("p/old", RuleState::Shadow)];
    assert_eq!(
        of("default", &lists),
        "enforce, canary 0.2, canary 0.2, retired, shadow, enforce, draft, canary 0.25"
    );
    let of_all = settings("default", &[("p/*", RuleState::Shadow), ("p/plain", RuleState::Enforce)]);
    let states = [("p/*".to_owned(), RuleState::Draft), ("draft/one".to_owned(), RuleState::Enforce)];
    let tenant = of_all.changed(&PolicyChange { states: states.into(), ..PolicyChange::default() });
    assert_eq!(
        said(&made(&library, &tenant), &ALL),
        "enforce, draft, draft, retired, retired, enforce, enforce, canary 0.25"
    );
    // A pack's state makes no rule weaker that is always in force.
    assert_eq!(said(&made(&library, &of_all), &["draft/always"]), "enforce");
    let weaker = settings("default", &[("draft/always", canary(0.999))]);
    assert!(library.policy(&weaker).is_err_and(|found| found[0].code == "always"));
}

/// What a profile retires is brought back by its name alone.
#[test]
fn a_pattern_brings_back_nothing_that_a_profile_retires() {
    let library = library();
    let of = |states: &[(&str, RuleState)]| {
        said(
            &made(&library, &settings("without", states)),
            &["p/plain", "p/listed", "draft/one", "draft/two"],
        )
    };
    assert_eq!(of(&[]), "retired, enforce, retired, retired");
    let wide = [("p/*", RuleState::Shadow), ("draft/*", RuleState::Enforce)];
    assert_eq!(of(&wide), "retired, shadow, retired, retired");
    let named =
        [("p/*", RuleState::Shadow), ("p/plain", RuleState::Enforce), ("draft/t*", RuleState::Enforce)];
    assert_eq!(of(&named), "enforce, shadow, retired, retired");
    // What patterns of one configuration say is theirs to take back.
    let both = [("p/*", RuleState::Retired), ("p/pl*", RuleState::Enforce)];
    assert_eq!(
        said(&made(&library, &settings("default", &both)), &["p/plain", "p/listed"]),
        "enforce, retired"
    );
}

/// A list with a state of its own is a rule like the one that it belongs to: exceptions, conditions, action and changes are that one's.
#[test]
fn a_list_of_a_rule_is_as_its_rule() {
    let library = library();
    let policy = made(&library, &settings("default", &[]));
    let found = |policy: &Policy, text: &str| {
        let found = scan_all(policy.engine(), policy.rules(Direction::Prompt), TextKind::Plain, text);
        let ids = found.iter().map(|one| policy.rule(one.rule).id.clone());
        ids.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(found(&policy, "lisp zorb nope flib here"), "p/listed, p/listed:new.txt");
    let shadow = policy.shadow().unwrap_or_else(|| panic!("no shadow"));
    assert_eq!(found(shadow, "lisp zorb nope here, two words"), "p/listed:slang.txt, draft/two");
    assert_eq!(found(shadow, "lisp zorb nope"), "");
    assert_eq!(found(shadow, "zorb free here"), "");
    let list = number(&policy, "p/listed:slang.txt");
    assert_eq!(
        (shadow.action(list, Direction::Prompt), policy.action(list, Direction::Prompt)),
        (Action::Mask, Action::Allow)
    );
    // What is said of the rule is said of its lists.
    let flagged = PolicySettings {
        actions: [("p/listed".to_owned(), Action::Flag)].into(),
        ..settings("default", &[])
    };
    let flagged = made(&library, &flagged);
    assert_eq!(flagged.action_in_force(list, Direction::Prompt), Action::Flag);
    // Tried as if all were in force, all find something.
    let all = library.in_all_states(&policy);
    assert_eq!(
        found(&all, "lisp zorb nope flib here, old word, one word"),
        "p/listed, p/listed:slang.txt, p/listed:old.txt, p/listed:new.txt, p/old, draft/one"
    );
    let measured = made(&library, &settings(MEASURE, &[]));
    assert_eq!(
        found(&measured, "zorb nope here, old word, one word, two words"),
        "p/listed:slang.txt, draft/two"
    );
}

/// A policy whose rules differ in their states has an engine of its own, and shares it with those that have the same ones out of force.
#[test]
fn policies_with_the_same_rules_out_of_force_share_an_engine() {
    let library = library();
    let of = |states: &[(&str, RuleState)]| made(&library, &settings("default", states));
    let (one, same, other) = (of(&[]), of(&[]), of(&[("p/plain", RuleState::Shadow)]));
    assert!(Arc::ptr_eq(one.engine(), same.engine()));
    assert!(!Arc::ptr_eq(one.engine(), other.engine()));
    // Nothing of what is not in force is known to it, so nothing is held back for it.
    let held = |policy: &Policy, text: &str| {
        let mut scan = crate::detect::Scan::new(TextKind::Plain);
        let progress = scan.push(policy.engine(), policy.rules(Direction::Output), text, &mut Vec::new());
        progress.seen.0 - progress.settled.0
    };
    assert_eq!((held(&one, "a plain w"), held(&other, "a plain w")), (7, 0));
    assert_eq!((held(&one, "an old w"), held(&library.in_all_states(&one), "an old w")), (0, 5));
    // Without the terms, those policies can be made of which an engine is there.
    let kept = library.unexplained();
    assert!(Arc::ptr_eq(made(&kept, &settings("default", &[])).engine(), one.engine()));
    assert!(
        kept.policy(&settings(
            "default",
            &[("p/always", RuleState::Enforce), ("p/listed", RuleState::Draft)]
        ))
        .is_err()
    );
}

/// States and shares are part of a policy's version, and what it is made of has hashes.
#[test]
fn versions_tell_states_apart() {
    let library = library();
    let of = |states: &[(&str, RuleState)]| made(&library, &settings("default", states)).version().to_owned();
    let mut versions = vec![
        of(&[]),
        of(&[("p/plain", RuleState::Shadow)]),
        of(&[("p/plain", canary(0.1))]),
        of(&[("p/plain", canary(0.2))]),
        of(&[("p/plain", RuleState::Retired)]),
    ];
    assert_eq!(of(&[("p/plain", RuleState::Enforce)]), versions[0]);
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(versions.len(), 5);
    let changed = |from: &str, to: &str| {
        assert!(PACKS.contains(from));
        let other =
            Library::load(&files(&PACKS.replace(from, to))).unwrap_or_else(|found| panic!("{found:#?}"));
        let pairs = library.contents().iter().zip(other.contents());
        let changed = pairs.filter(|(a, b)| a != b).map(|(a, _)| a.name.clone());
        changed.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(changed("nope\n", "nopes\n"), "p, p/lists/old.txt");
    assert_eq!(changed("share = 0.25", "share = 0.5"), "draft");
    assert_eq!(changed("id = \"p/plain\"\nstate = \"enforce\"", "id = \"p/plain\"\nstate = \"draft\""), "");
}

/// Drafts and retired rules are told of by their ids, and say why they find nothing.
#[test]
fn what_is_not_in_force_is_explained() {
    use super::super::explain::{describe, explain};
    let library = library();
    let policy = made(&library, &settings("default", &[]));
    let explained =
        explain(&library, &policy, Direction::Prompt, "an old word, one word, two words, zorb here");
    let states: Vec<_> = explained.findings.iter().map(|f| (f.rule.as_str(), f.action, f.state)).collect();
    assert_eq!(states, [("draft/two", "block", "shadow"), ("p/listed:slang.txt", "mask", "shadow")]);
    assert_eq!(explained.action, "allow");
    let silent: Vec<_> = explained.silent.iter().map(|s| (s.rule.as_str(), s.because)).collect();
    assert_eq!(silent, [("draft/one", "the rule is a draft"), ("p/old", "the rule is retired")]);
    let described = describe(&policy, "p/old").unwrap_or_else(|| panic!("not known"));
    assert_eq!((described.state, described.actions[0]), (RuleState::Retired, ("prompt", "block")));
    assert!(describe(&policy, "p/none").is_none());
    let by_state: Vec<_> = policy.by_state().into_iter().map(|(state, rules)| (state, rules.len())).collect();
    assert_eq!(by_state, [("draft", 1), ("shadow", 1), ("canary", 1), ("enforce", 5), ("retired", 2)]);
}
