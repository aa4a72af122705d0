//! What ships: every pack holds what it says, every profile loads, nothing is silently empty.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::super::file::{RuleFile, RulesFile};
use super::super::{
    Action, Checked, Control, Demands, Direction, Library, Obligation, Policy, PolicySettings, Setting,
    State, Sure, Tier, Unmet, files::embedded, slot_file,
};
use crate::detect::grounding;
use crate::detect::{TextKind, scan_all, scan_encoded};
use crate::diag::{SourceFile, read_toml};

static LIBRARY: LazyLock<Library> =
    LazyLock::new(|| Library::embedded().unwrap_or_else(|found| panic!("{found:#?}")));

fn profile(name: &str) -> PolicySettings {
    PolicySettings { profile: name.to_owned(), ..PolicySettings::default() }
}

/// The rules of all packs as they are written, by pack.
fn written() -> BTreeMap<String, Vec<RuleFile>> {
    let mut out: BTreeMap<String, Vec<RuleFile>> = BTreeMap::new();
    for (path, file) in embedded() {
        if let Some((pack, _)) = path.split_once("/rules/") {
            let rules = read_toml::<RulesFile>(&file).value.map(|file| file.rules).unwrap_or_default();
            out.entry(pack.to_owned()).or_default().extend(rules);
        }
    }
    out
}

/// Whether a rule of a policy finds something in a text that goes a way on which the rule acts.
fn finds(policy: &Policy, id: &str, text: &str) -> bool {
    let is = |rule| policy.rule(rule).id == id;
    Direction::ALL.into_iter().any(|direction| {
        let (rules, encoded) = (policy.rules(direction), policy.encoded_rules(direction));
        if let Some((context, answer)) = grounding::example(text) {
            let found = grounding::scan_against(policy.engine(), rules, context, answer);
            return found.iter().any(|one| is(one.rule));
        }
        scan_all(policy.engine(), rules, TextKind::Plain, text).iter().any(|one| is(one.rule))
            || scan_encoded(policy.engine(), encoded, TextKind::Plain, text, &[])
                .found
                .iter()
                .any(|one| is(one.finding.rule))
    })
}

#[test]
fn every_rule_of_every_pack_holds_its_examples() {
    let mut wrong = Vec::new();
    let mut tried = 0;
    for (pack, rules) in written() {
        let policy = LIBRARY.pack_policy(&pack).unwrap_or_else(|| panic!("no pack {pack}"));
        for rule in rules {
            let id = format!("{pack}/{}", rule.id);
            if rule.examples.is_empty() || rule.counter_examples.is_empty() {
                wrong.push(format!("{id} has no examples of both kinds"));
            }
            if rule.basis.is_empty() {
                wrong.push(format!("{id} rests on nothing"));
            }
            if policy.all_rules().iter().any(|r| r.id == id && r.actions == super::super::Actions::default())
            {
                continue;
            }
            for (texts, want) in [(&rule.examples, true), (&rule.counter_examples, false)] {
                for text in texts.iter().filter(|text| finds(&policy, &id, text) != want) {
                    wrong.push(format!("{id}: {text:?} is {}found", if want { "not " } else { "" }));
                }
                tried += texts.len();
            }
        }
    }
    assert!(tried > 1000, "only {tried} texts were tried");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The gateway does not try them at its start: their weights would stay in its memory.
#[test]
fn examples_that_models_judge_are_right() {
    let checked = Library::load_lacking(&crate::policy::files::embedded());
    assert!(checked.is_ok_and(|library| library.specs().iter().any(|spec| spec.model.is_some())));
}

#[test]
fn what_ships_has_no_warning_and_names_its_sources() {
    assert!(LIBRARY.warnings().is_empty(), "{:#?}", LIBRARY.warnings());
    for name in LIBRARY.packs() {
        let Some(pack) = LIBRARY.pack(name) else { panic!("{name}") };
        let needs = !["privacy", "secrets", "classifiers", "cautious"].contains(&name);
        assert!(!needs || !pack.sources.is_empty(), "{name} names no source");
        assert!(
            !name.starts_with("law/") || !pack.applies.jurisdictions.is_empty(),
            "{name} applies to nobody"
        );
        assert!(!name.starts_with("sector/") || !pack.applies.sectors.is_empty(), "{name} is of no sector");
    }
    for name in [
        "privacy",
        "secrets",
        "injection",
        "harm",
        "cautious",
        "classifiers",
        "grounding",
        "unacceptable",
        "commercial",
        "documents",
        "law/cn",
        "law/eu",
        "law/us",
        "law/jp",
        "sector/finance",
        "sector/medical",
        "sector/education",
        "sector/government",
    ] {
        assert!(LIBRARY.pack(name).is_some(), "{name} does not ship");
    }
}

/// Each says what the issue of profiles asks: a tier, packs, labels, how long what is kept, where data may go, what is demanded, a budget.
#[test]
fn every_profile_runs_as_it_is_and_says_what_it_is() {
    let names: Vec<&str> =
        LIBRARY.profiles().into_iter().filter(|name| *name != super::super::MEASURE).collect();
    assert_eq!(
        names,
        [
            "cn-public-service",
            "companion",
            "default",
            "education",
            "eu-high-risk",
            "eu-limited",
            "eu-minimal",
            "finance",
            "government",
            "jp-business",
            "jp-medical",
            "minors",
            "us-enterprise"
        ]
    );
    for name in names {
        let policy = LIBRARY.policy(&profile(name)).unwrap_or_else(|found| panic!("{name}: {found:#?}"));
        let Some(said) = LIBRARY.profile(name) else { panic!("{name}") };
        assert!(said.tier.is_some_and(|tier| tier < Tier::Unacceptable), "{name}");
        assert!(said.budget.is_some_and(|budget| budget.blocked <= budget.found), "{name}");
        if name != "default" {
            assert!(said.labels.is_some() && said.retention.is_some(), "{name} lacks labels or retention");
            assert!(!said.residency.is_empty(), "{name} says nothing of regions");
            assert!(!said.jurisdictions.is_empty() || !said.sectors.is_empty(), "{name} is for nobody");
        }
        // What is prohibited is blocked in every one, in each direction.
        for (_, rule) in policy.all_rules().iter().enumerate().filter(|(_, rule)| rule.always) {
            let n = policy.all_rules().iter().position(|r| r.id == rule.id).unwrap_or_default();
            let blocks = Direction::ALL.map(|d| policy.action(crate::detect::RuleId(n as u32), d));
            assert_eq!(blocks, [Action::Block; 3], "{name}: {}", rule.id);
        }
        // A profile that refuses what is not met would not run as it is.
        assert!(said.demands == Demands::Warn || policy.unmet().is_empty(), "{name}");
    }
}

#[test]
fn a_minimal_risk_blocks_only_what_is_prohibited() {
    let policy = LIBRARY.policy(&profile("eu-minimal")).unwrap_or_else(|found| panic!("{found:#?}"));
    let blocking: Vec<&str> = policy
        .in_force()
        .filter(|(n, rule)| policy.strongest(*n) == Action::Block && !rule.always)
        .map(|(_, rule)| rule.id.as_str())
        .collect();
    assert!(blocking.is_empty(), "{blocking:?}");
}

#[test]
fn what_is_always_blocked_stays_so() {
    let weaken = |id: &str| PolicySettings {
        actions: [(id.to_owned(), Action::Flag)].into(),
        ..PolicySettings::default()
    };
    let found = LIBRARY.policy_or_mistakes(&weaken("unacceptable/social-scoring")).err().unwrap_or_default();
    let [one] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!(one.setting, Setting::Action("unacceptable/social-scoring".into()));
    assert!(one.diagnostic.to_string().contains("Article 5(1)(c)"), "{}", one.diagnostic);
    let raised = PolicySettings {
        thresholds: [("harm/minors".to_owned(), super::super::Threshold::try_from(0.99).unwrap_or_default())]
            .into(),
        ..PolicySettings::default()
    };
    assert!(LIBRARY.policy(&raised).is_err());
    // What is said of a whole pack is said of the rules that can be changed.
    let policy = LIBRARY.policy(&weaken("harm/*")).unwrap_or_else(|found| panic!("{found:#?}"));
    let strongest = |id: &str| {
        let n = policy.all_rules().iter().position(|rule| rule.id == id).unwrap_or_else(|| panic!("{id}"));
        policy.strongest(n)
    };
    assert_eq!([strongest("harm/weapons"), strongest("harm/minors")], [Action::Flag, Action::Block]);
}

/// Of what is named for many rules, what is named for one counts.
#[test]
fn what_is_more_special_counts() {
    let actions = [("harm/*", Action::Allow), ("harm/weapons", Action::Flag), ("*", Action::Mask)];
    let settings = PolicySettings {
        actions: actions.map(|(id, action)| (id.to_owned(), action)).into(),
        ..PolicySettings::default()
    };
    let policy = LIBRARY.policy(&settings).unwrap_or_else(|found| panic!("{found:#?}"));
    let strongest = |id: &str| {
        let n = policy.all_rules().iter().position(|rule| rule.id == id).unwrap_or_else(|| panic!("{id}"));
        policy.strongest(n)
    };
    assert_eq!(strongest("harm/weapons"), Action::Flag);
    assert_eq!(strongest("harm/fraud"), Action::Allow);
    assert_eq!(strongest("privacy/email"), Action::Mask);
}

/// P6: no class is silently empty.
#[test]
fn every_type_has_rules_or_says_what_is_awaited() {
    for scheme in LIBRARY.taxonomy().scheme_ids() {
        let measure = LIBRARY.policy(&profile(super::super::MEASURE)).unwrap_or_else(|f| panic!("{f:#?}"));
        let coverage = LIBRARY.coverage(&measure, scheme).unwrap_or_else(|| panic!("{scheme}"));
        let silent: Vec<&str> = coverage.silent().map(|row| row.code.as_str()).collect();
        assert!(silent.is_empty(), "{scheme}: {silent:?}");
    }
    let policy = LIBRARY.policy(&profile("cn-public-service")).unwrap_or_else(|found| panic!("{found:#?}"));
    let coverage = LIBRARY.coverage(&policy, "tc260").unwrap_or_else(|| panic!("no scheme"));
    assert_eq!(coverage.types.len(), 31);
    assert_eq!(coverage.silent().count(), 0, "{:#?}", coverage.silent().collect::<Vec<_>>());
    // Each has a rule and is tried with twenty texts.
    let untried: Vec<(&str, usize)> = coverage
        .types
        .iter()
        .filter(|row| !row.is_tried())
        .map(|row| (row.code.as_str(), row.examples))
        .collect();
    assert_eq!(untried, []);
    // The lists are the operator's: none is invented.
    let awaited: Vec<&str> =
        coverage.types.iter().filter(|row| !row.awaited.is_empty()).map(|row| row.code.as_str()).collect();
    assert!(["A.1.a", "A.1.b", "A.1.c"].iter().all(|code| awaited.contains(code)), "{awaited:?}");
    assert!(!coverage.is_met() && coverage.terms < 10_000);
}

#[test]
fn a_standard_is_met_when_its_lists_are_long_enough() {
    let mut files = embedded();
    for slot in LIBRARY.slots().iter().filter(|slot| slot.id.starts_with("law/cn/")) {
        let least = slot.minimum + 400;
        let terms: Vec<String> =
            (0..least).map(|n| format!("{}{}词", slot.id.replace('/', " "), n)).collect();
        files.insert(slot_file(&slot.id), SourceFile::new("list.txt", terms.join("\n")));
    }
    let library = Library::load(&files).unwrap_or_else(|found| panic!("{found:#?}"));
    let settings = PolicySettings { demands: Some(Demands::Refuse), ..profile("cn-public-service") };
    let policy = library.policy(&settings).unwrap_or_else(|found| panic!("{found:#?}"));
    assert_eq!(policy.unmet(), []);
    let coverage = library.coverage(&policy, "tc260").unwrap_or_else(|| panic!("no scheme"));
    assert!(coverage.is_met(), "{}", coverage.lacking());
    let id = "law/cn/a1-c-separatism";
    assert!(finds(&policy, id, "law cn a1-c-separatism199词"), "a term of the list is not found");
    assert_ne!(library.version(), LIBRARY.version());
}

/// Without the lists the gateway does not start with it once an operator says that it shall not.
#[test]
fn an_empty_slot_is_refused_or_warned_about() {
    let warned = LIBRARY.policy(&profile("cn-public-service")).unwrap_or_else(|found| panic!("{found:#?}"));
    assert_eq!(warned.unmet().len(), 4);
    let strict = PolicySettings { demands: Some(Demands::Refuse), ..profile("cn-public-service") };
    let found = LIBRARY.policy_or_mistakes(&strict).err().unwrap_or_default();
    assert!(found.iter().all(|mistake| mistake.setting == Setting::Profile));
    let said: Vec<String> = found.iter().map(|mistake| mistake.diagnostic.to_string()).collect();
    assert!(
        said.iter().any(|s| s.contains("200 terms in the slot `law/cn/a1-c-separatism`, which holds 0")),
        "{said:#?}"
    );
    let Unmet { lacking, .. } = warned.unmet().first().cloned().unwrap_or_else(|| panic!("nothing"));
    assert!(
        lacking.contains("17 of 17 types have too few") || lacking.contains("of 10000 terms"),
        "{lacking}"
    );
}

#[test]
fn profiles_demand_what_can_be_brought() {
    for name in LIBRARY.profiles() {
        let Some(said) = LIBRARY.profile(name) else { continue };
        for demand in &said.demanded {
            assert!(!demand.what.trim().is_empty(), "{name}");
            if let Checked::Slot(n) = demand.checked {
                let Some(slot) = LIBRARY.slots().get(n) else { panic!("{name}") };
                let pack = slot.id.rsplit_once('/').map(|(pack, _)| pack.to_owned()).unwrap_or_default();
                assert!(
                    said.packs.contains(&pack),
                    "{name} demands a list that it does not use: {}",
                    slot.id
                );
            }
        }
    }
}

/// Each article once, dates that can be, and what is said to be met names what does it.
#[test]
fn obligations_are_entries_of_one_form() {
    let all = LIBRARY.obligations();
    let of = |jurisdiction: &str| all.iter().filter(|one| one.jurisdiction == jurisdiction).count();
    assert!(of("cn") >= 40 && of("eu") >= 30 && of("us") >= 15 && of("jp") >= 7, "{}", all.len());
    let mut articles = std::collections::BTreeSet::new();
    for one in all {
        assert!(articles.insert((&one.instrument, &one.article)), "{} stands beside another one", one.id);
        assert!(one.summary.ends_with('.') && one.summary.len() < 300, "{}", one.id);
        assert!(
            !matches!(one.state, State::Open) || one.controls.is_empty(),
            "{} is open and has controls",
            one.id
        );
    }
}

/// Whoever relies on an entry reads what it was held against. What was held against nothing says so in its own words.
#[test]
fn each_obligation_says_what_it_was_held_against() {
    let mut wrong = Vec::new();
    for one in LIBRARY.obligations() {
        let note = one.note.as_deref().unwrap_or_default();
        if !note.ends_with('.') {
            wrong.push(format!("{}: {note:?} says nothing", one.id));
        }
        let memory =
            note.contains("from memory") || note.contains("not known") || note.contains("known date");
        if one.sure == Sure::Draft && !memory {
            wrong.push(format!("{} is a draft, and {note:?} does not say why", one.id));
        }
        if one.sure != Sure::Draft && one.written_against.is_none() && one.instrument != "in-it-rules" {
            wrong.push(format!("{} was held against a text without a date", one.id));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The page says how many there are.
    let (all, page) = (LIBRARY.obligations(), include_str!("../../../docs/law.md"));
    let drafts = all.iter().filter(|one| one.sure == Sure::Draft).count();
    let told = format!("Of {} obligations {} were held against a text", all.len(), all.len() - drafts);
    assert!(page.contains(&told) && page.contains(&format!("These {drafts} still are drafts")), "{told}");
}

/// The dates that most depends on, and that laws have moved.
#[test]
fn dates_of_application_are_those_of_the_amended_texts() {
    let all = LIBRARY.obligations();
    for (id, day) in [
        ("cn-im-14", "2023-08-15"),
        ("cn-ds-17-1", "2023-01-10"),
        ("cn-lb-4-1", "2025-09-01"),
        ("cn-gb-5-1", "2025-09-01"),
        ("cn-45654-lexicon", "2025-11-01"),
        ("cn-ai-19", "2026-07-15"),
        ("eu-aia-5-1-a", "2025-02-02"),
        ("eu-aia-50-2", "2026-08-02"),
        ("eu-aia-5-ncii", "2026-12-02"),
        ("eu-aia-12", "2027-12-02"),
        ("eu-code-3-4", "2027-02-02"),
        ("eu-ucpd-annex", "2022-05-28"),
        ("us-sb243-a", "2026-01-01"),
        ("us-co-records", "2027-01-01"),
        ("jp-ai-7", "2025-09-01"),
    ] {
        let one = all.iter().find(|one| one.id == id).unwrap_or_else(|| panic!("no {id}"));
        assert_eq!(one.effective.to_string(), day, "{id}");
    }
}

/// A report for an article is a query: what a law's or a sector's rule rests on is an obligation of that jurisdiction, which names the rule.
#[test]
fn the_basis_of_each_rule_of_a_law_is_an_obligation() {
    const OF: [(&str, &str); 6] = [
        ("(CN)", "cn"),
        ("(EU)", "eu"),
        ("(US)", "us"),
        ("(JP)", "jp"),
        ("(UK)", "uk"),
        ("(California)", "us"),
    ];
    let packs = ["law/", "sector/", "commercial/", "unacceptable/"];
    let measure = LIBRARY.policy(&profile(super::super::MEASURE)).unwrap_or_else(|f| panic!("{f:#?}"));
    // Slots are rules too.
    let rules = measure.all_rules().iter().map(|rule| (&rule.id, &rule.basis));
    let names = |one: &Obligation, id: &str| {
        one.controls
            .iter()
            .any(|control| matches!(control, Control::Rules { ids, .. } if ids.iter().any(|i| i == id)))
    };
    let (mut tried, mut wrong) = (0, Vec::new());
    for (id, basis) in rules.filter(|(id, _)| packs.iter().any(|pack| id.starts_with(pack))) {
        for law in basis.iter().map(|basis| &basis.law) {
            let Some((_, jurisdiction)) = OF.iter().find(|(end, _)| law.ends_with(end)) else { continue };
            tried += 1;
            let all = LIBRARY.obligations().iter();
            if !all.filter(|one| one.jurisdiction == *jurisdiction).any(|one| names(one, id)) {
                wrong.push(format!("{id}: no obligation of `{jurisdiction}` names it, which rests on {law}"));
            }
        }
    }
    assert!(tried > 80, "only {tried} were tried");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
