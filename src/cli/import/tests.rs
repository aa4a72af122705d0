//! Small files of each kind, made up here.

use super::*;

fn import(kind: Kind, text: &str) -> Imported {
    let file = SourceFile::new("a", text);
    let mut imported = parse(&file, kind, None).unwrap_or_else(|found| panic!("{}", found[0]));
    imported.settle();
    imported
}

fn said(list: &[Said]) -> Vec<String> {
    list.iter()
        .map(|s| format!("{}: {}: {}: {}", s.line, s.rule.as_deref().unwrap_or(""), s.what, s.why))
        .collect()
}

/// Loads it as a gateway would, and says what it makes of a text.
fn verdicts(imported: &Imported, texts: &[&str]) -> Vec<Vec<String>> {
    let wanted =
        pack::Wanted { name: "p", from: "a", licence: "MIT", category: None, action: None, state: None };
    let pack = pack::write(imported, &wanted).expect("files");
    let library = pack::load(&pack, "p").unwrap_or_else(|found| panic!("{found:?}\n{:#?}", pack.files));
    let policy = library.packs_policy().unwrap_or_else(|found| panic!("{found:?}"));
    texts
        .iter()
        .map(|text| {
            let scanned = crate::cli::scan::text::scan(&policy, crate::policy::Direction::Prompt, text, None);
            scanned.rules().map(|(rule, action, _)| format!("{rule} {}", action.as_str())).collect()
        })
        .collect()
}

#[test]
fn a_list_becomes_a_rule() {
    let list = "# words\nGlass Orchard\n\nglass orchard\n  蓝色计划 \n";
    let imported = import(Kind::Text, list);
    assert_eq!(imported.rules[0].terms.len(), 2);
    assert_eq!(said(&imported.left_out), ["4: terms: term: it stands in line 2 already"]);
    let found = verdicts(&imported, &["about Glass  Orchard", "关于蓝色计划", "an orchard"]);
    assert_eq!(found, [vec!["p/terms flag".to_owned()], vec!["p/terms flag".to_owned()], vec![]]);
}

#[test]
fn a_table_becomes_a_rule_for_each_kind() {
    let table = "term;category;action;language\nfoo bar;FRAUD;block;en\n\"b;z\";;flga;en\n;FRAUD;block;en\n骗局甲;FRAUD;block;zh\n";
    let imported = import(Kind::Csv, table);
    let ids: Vec<&str> = imported.rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(ids, ["fraud-block-en", "fraud-block-zh"]);
    let left_out = said(&imported.left_out);
    assert!(
        left_out[0].contains("3: : term: unknown action `flga`")
            && left_out[0].contains("did you mean `flag`?"),
        "{left_out:?}"
    );
    assert!(left_out[1].starts_with("4: : term: the row has no term"), "{left_out:?}");
    assert_eq!(verdicts(&imported, &["a foo bar"]), [vec!["p/fraud-block-en block".to_owned()]]);
    let file = SourceFile::new("t.csv", "name,note\na,b\n");
    let wrong = parse(&file, Kind::Csv, Some("nmae")).expect_err("no such column")[0].to_string();
    assert!(wrong.contains("t.csv:1:1") && wrong.contains("did you mean `name`?"), "{wrong}");
    assert!(parse(&file, Kind::Csv, None).expect_err("which one?")[0].to_string().contains("--column"));
    assert_eq!(parse(&file, Kind::Csv, Some("name")).expect("it is there").rules[0].terms[0].text, "a");
    let column = import(Kind::Csv, "term\nfoo\n");
    assert_eq!(column.rules[0].terms.iter().map(|term| term.text.as_str()).collect::<Vec<_>>(), ["foo"]);
    let open = SourceFile::new("t.csv", "term,action\nfoo,block\n\"bar,block\nbaz,block\n");
    let wrong = parse(&open, Kind::Csv, None).expect_err("it has no end")[0].to_string();
    assert!(wrong.contains("t.csv:3:1") && wrong.contains("a quotation mark has no end"), "{wrong}");
    assert_eq!(parse(&file, Kind::Csv, Some("2")).expect("it is there").rules[0].terms.len(), 2);
}

const GITLEAKS: &str = r#"
title = "made up"
[allowlist]
paths = ['''vendor/''']
regexes = ['''^nothing$''']
[[rules]]
id = "acme-key"
description = "a key of Acme"
regex = '''(?i)[\w.-]{0,50}?(?:acme)(?:[ \t\w.-]{0,20})[\s'"]{0,3}(?:=|:)[\s'"=]{0,5}([a-z0-9]{32})(?:['"\s;]|$)'''
entropy = 3.2
keywords = ["acme"]
[[rules.allowlists]]
regexes = ['''^0{32}$''', '''^x''']
stopwords = ["abcdefghijklmnopqrstuvwxyz012345"]
[[rules.allowlists]]
regexTarget = "line"
regexes = ['''test''']
[[rules]]
id = "far"
regex = '''\b[A-F0-9]{24}\b'''
keywords = ["harbour"]
[[rules]]
id = "by-path"
path = '''\.pem$'''
[[rules]]
id = "look"
regex = '''key(?!board)-[0-9]{8}'''
keywrods = ["key"]
"#;

#[test]
fn gitleaks_rules_are_mapped_and_what_is_lost_is_said() {
    let imported = import(Kind::Gitleaks, GITLEAKS);
    assert_eq!((imported.found, imported.rules.len()), (4, 2));
    let rule = &imported.rules[0];
    assert_eq!((rule.patterns[0].validator, rule.patterns[0].group.as_deref()), (Some("entropy"), Some("1")));
    assert_eq!((rule.except_patterns.len(), rule.except.len()), (2, 1));
    let left_out = said(&imported.left_out).join("\n");
    for want in [
        "4: : allowlist.paths: a gateway sees no files",
        "5: : allowlist.regexes: 1 exceptions from every rule",
        "17: acme-key: allowlist.regexes: it looks at the line",
        "23: by-path: rule: it looks at paths alone",
        "27: look: rule: look-around",
        "28: look: keywrods: unknown key; did you mean `keywords`?",
    ] {
        assert!(left_out.contains(want), "{want} is not in\n{left_out}");
    }
    let changed = said(&imported.changed).join("\n");
    for want in [": acme-key: entropy: 3.2 bits", ": far: keywords: one of them has to stand within 512"] {
        assert!(changed.contains(want), "{want} is not in\n{changed}");
    }
    let key = "q8zk3v7t1m5x9c2b6n4h0w8j3f7d1s5a";
    let found = verdicts(
        &imported,
        &[
            &format!("acme_token = '{key}'"),
            &format!("other_token = '{key}'"),
            "acme_token = 'abcdefghijklmnopqrstuvwxyz012345'",
            "harbour ABCDEF012345ABCDEF012345",
            "ABCDEF012345ABCDEF012345",
        ],
    );
    let one = |id: &str| vec![format!("p/{id} mask")];
    assert_eq!(found, [one("acme-key"), vec![], vec![], one("far"), vec![]]);
}

const PRESIDIO: &str = r#"recognizers:
  - name: "Locker numbers"
    supported_entity: LOCKER
    supported_languages:
      - language: en
        context: [locker]
    patterns:
      - {name: weak, regex: '(\bLK-\d{4}\b)', score: 0.3}
      - {name: bad, regex: '^LK$', score: 0.3}
    contxt: [x]
  - name: Titles
    supported_entity: TITLE
    deny_list: [Herr Doktor, Frau Doktor]
  - name: EmailRecognizer
    type: predefined
  - name: UnheardRecognizer
    type: predefined
    enabled: false
"#;

#[test]
fn presidio_recognisers_are_mapped() {
    let imported = import(Kind::Presidio, PRESIDIO);
    assert_eq!((imported.found, imported.rules.len()), (4, 2));
    let rule = &imported.rules[0];
    assert_eq!(
        (rule.category.as_deref(), rule.patterns[0].score, rule.language.as_deref()),
        (Some("LOCKER"), Some(0.3), Some("en"))
    );
    assert_eq!(rule.raise.as_ref().map(|(words, by)| (words.len(), *by)), Some((1, 0.35)));
    let left_out = said(&imported.left_out).join("\n");
    for want in [
        "9: Locker numbers: pattern: it is bound to an end",
        "10: Locker numbers: contxt: it means nothing here; did you mean `context`?",
        "14: EmailRecognizer: rule: it is code of Presidio, not in this file; ours is `privacy/email`",
        "16: UnheardRecognizer: rule: it is code of Presidio, not in this file; none of ours is made for it; it is switched off",
    ] {
        assert!(left_out.contains(want), "{want} is not in\n{left_out}");
    }
    let found = verdicts(&imported, &["my lk-1234", "dear Herr Doktor"]);
    assert_eq!(found, [vec!["p/locker-numbers mask".to_owned()], vec!["p/titles mask".to_owned()]]);
}

#[test]
fn rules_that_are_named_for_presidio_are_there() {
    let library = crate::policy::Library::embedded().expect("the packs that ship");
    let policy = library.packs_policy().unwrap_or_else(|found| panic!("{found:?}"));
    for (theirs, ours) in presidio::PREDEFINED {
        assert!(policy.all_rules().iter().any(|rule| rule.id == ours), "{theirs}: {ours}");
    }
}

#[test]
fn lists_of_litellm_are_mapped() {
    let category = "category_name: brew_advice\ndescription: advice on brewing\ndefault_action: BLOCK\nkeywords:\n  - keyword: wort\n    severity: high\n  - keyword: mash tun\nexceptions: [st john's wort]\nidentifier_words: [brew]\nadditional_block_words: [methanol]\nsevrity: 1\n";
    let imported = import(Kind::Litellm, category);
    assert!(said(&imported.left_out)[0].contains("sevrity: it means nothing here"));
    let found = verdicts(
        &imported,
        &["boil the wort", "st john's wort", "a mash tun", "brew it without methanol", "methanol"],
    );
    let one = |id: &str| vec![format!("p/brew-advice-{id} block")];
    assert_eq!(found[..3], [one("high"), vec![], one("medium")]);
    assert_eq!((found[3].first(), found[4].len()), (Some(&"p/brew-advice-together block".to_owned()), 0));
    let config = "guardrails:\n  - guardrail_name: own\n    litellm_params:\n      guardrail: litellm_content_filter\n      patterns:\n        - {pattern_type: prebuilt, pattern_name: email, action: MASK}\n        - {pattern_type: regex, pattern: 'PRJ-\\d{6}', name: project, action: MASK}\n      blocked_words:\n        - {keyword: apollo, action: BLOCK}\n        - {keyword: inner api, action: MAKS}\n  - guardrail_name: service\n    litellm_params: {guardrail: lakera}\n";
    let imported = import(Kind::Litellm, config);
    let left_out = said(&imported.left_out).join("\n");
    assert!(
        left_out.contains("did you mean `mask`?") && left_out.contains("`lakera` is a service"),
        "{left_out}"
    );
    let found = verdicts(&imported, &["see prj-123456", "apollo"]);
    assert_eq!(found, [vec!["p/own-project mask".to_owned()], vec!["p/own-block block".to_owned()]]);
}

/// As they stand in LiteLLM's folders: JSON with severities, JSON with expressions, a guardrail alone.
#[test]
fn files_of_litellm_are_mapped() {
    let words = "[{\"id\": \"a\", \"match\": \"glorp|glorps\", \"severity\": 3},\n {\"id\": \"b\", \"match\": \"mild\", \"severity\": 1},\n {\"id\": \"c\", \"match\": \"x*y\"}, {\"id\": \"d\"}]";
    let imported = import(Kind::Litellm, words);
    let left_out = said(&imported.left_out).join("\n");
    assert!(
        left_out.contains("3: c: term: `x*y`") && left_out.contains("3: d: term: expected `match`"),
        "{left_out}"
    );
    let found = verdicts(&imported, &["two glorps", "mild", "\"id\""]);
    assert_eq!(found, [vec!["p/words-high block".to_owned()], vec!["p/words-low block".to_owned()], vec![]]);
    let patterns = "{\"patterns\": [{\"name\": \"code\", \"pattern\": \"\\\\bQX[0-9]{4}\\\\b\", \"action\": \"BLOCK\"},\n{\"name\": \"no\", \"pattern\": \"(?!a)b\"}]}";
    let imported = import(Kind::Litellm, patterns);
    assert_eq!((imported.found, imported.rules.len()), (2, 1));
    assert!(said(&imported.left_out)[0].contains("2: no: pattern: look-around"));
    assert_eq!(verdicts(&imported, &["QX1234"]), [vec!["p/code block".to_owned()]]);
    let alone = "guardrail_name: own\nlitellm_params:\n  guardrail: litellm_content_filter\n  competitor_intent_config:\n    competitors: [blue air]\n    competitor_aliases: {blue air: [ba air, Blue Air]}\n";
    let imported = import(Kind::Litellm, alone);
    assert!(said(&imported.changed)[0].contains("competitor_intent_config"));
    let one = vec!["p/own-competitors flag".to_owned()];
    assert_eq!(verdicts(&imported, &["fly blue air", "BA Air"]), [one.clone(), one]);
    let listed = import(Kind::List, "[\"glass orchard\", {\"a\": 1}]");
    assert!(said(&listed.left_out)[0].contains("expected a term, found a table"));
    assert_eq!(verdicts(&listed, &["glass orchard"]), [vec!["p/terms flag".to_owned()]]);
    let engine = "recognizer_registry:\n  recognizers:\n    - name: T\n      supported_entity: TITLE\n      deny_list: [Herr]\n";
    assert_eq!(verdicts(&import(Kind::Presidio, engine), &["Herr X"]), [vec!["p/t mask".to_owned()]]);
}

#[test]
fn expressions_of_nemo_are_mapped_by_side() {
    let config = "rails:\n  config:\n    regex_detection:\n      input:\n        patterns: ['\\bopen sesame\\b', '(?=x)y']\n        case_insensitive: true\n      output:\n        patterns: ['vault [0-9]{3}']\n    sensitive_data_detection: {input: {entities: [PERSON]}}\n";
    let imported = import(Kind::Nemo, config);
    assert_eq!(imported.rules.len(), 2);
    let left_out = said(&imported.left_out).join("\n");
    assert!(
        left_out.contains("5: input: pattern: look-around") && left_out.contains("sensitive_data_detection"),
        "{left_out}"
    );
    // Scanned as prompts: what is for answers finds nothing.
    let found = verdicts(&imported, &["Open Sesame", "vault 123"]);
    assert_eq!(found, [vec!["p/regex-input block".to_owned()], vec![]]);
}

#[test]
fn what_a_file_is_can_be_told() {
    for (text, kind) in [
        ("foo\nbar, baz\n", Kind::Text),
        ("term,action\nfoo,block\n", Kind::Csv),
        (GITLEAKS, Kind::Gitleaks),
        (PRESIDIO, Kind::Presidio),
        ("category_name: x\nkeywords: []\n", Kind::Litellm),
        ("rails:\n  config: {}\n", Kind::Nemo),
    ] {
        assert_eq!(Kind::guess(&SourceFile::new("a", text)), Some(kind), "{text}");
    }
    for (name, text, kind) in [
        ("a", "recognizer_registry:\n  recognizers: []\n", Some(Kind::Presidio)),
        ("a.json", "{\"patterns\": [{\"name\": \"a\", \"pattern\": \"b\"}]}", Some(Kind::Litellm)),
        ("a", "[{\"id\": \"a\", \"match\": \"b|c\"}]", Some(Kind::Litellm)),
        ("a", "guardrail_name: a\nlitellm_params: {}\n", Some(Kind::Litellm)),
        ("a", "[\"foo\", \"bar baz\"]", Some(Kind::List)),
        ("a.yaml", "- foo\n- bar baz\n", Some(Kind::List)),
        ("a.txt", "foo: bar\nbaz\n", Some(Kind::Text)),
        ("a.csv", "term\nfoo\n", Some(Kind::Csv)),
        // Whose lines are no terms: nothing is made of them unless somebody says so.
        ("a", "{\"words\": {\"a\": 1}}", None),
        ("a", "[{\"name\": \"a\"}]", None),
        ("a", "models:\n  - type: main\n", None),
        ("actions.py", "TERMS = [\"a\"]\n", None),
        ("rails.co", "define bot inform\n  \"no\"\n", None),
    ] {
        assert_eq!(Kind::guess(&SourceFile::new(name, text)), kind, "{name}: {text}");
    }
    let wrong =
        |kind, text: &str| parse(&SourceFile::new("f", text), kind, None).expect_err("wrong")[0].to_string();
    let said = wrong(Kind::Presidio, "recognisers: []\n");
    assert!(
        said.contains("expected `recognizers`") && said.contains("did you mean `recognizers`?"),
        "{said}"
    );
    assert!(wrong(Kind::Gitleaks, "a = \n").contains("f:1:"));
}
