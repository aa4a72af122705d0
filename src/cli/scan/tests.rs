use super::*;
use crate::detect::{Keyword, RuleSpec};
use crate::policy::{Action, Actions, Rule};

/// A policy of keywords, each with its rule and category.
pub(in crate::cli) fn policy_of(rules: &[(&str, &str, &str)]) -> Arc<Policy> {
    let rules = rules.iter().map(|&(id, category, word)| {
        let actions = Actions::all(Action::Mask);
        let rule = Rule { id: id.into(), category: category.into(), actions, ..Rule::default() };
        let keywords = vec![Keyword { text: word.into(), whole_word: false }];
        (rule, RuleSpec { keywords, ..RuleSpec::default() })
    });
    Arc::new(Policy::from_rules(rules.collect()).expect("rules compile"))
}

pub(super) fn policy() -> Arc<Policy> {
    let rule = |id: &str, word: &str, action: Action| {
        let rule = Rule {
            id: id.into(),
            category: "TEST".into(),
            actions: Actions::all(action),
            marker: "[X]".into(),
            ..Rule::default()
        };
        let keywords = vec![Keyword { text: word.into(), whole_word: false }];
        (rule, RuleSpec { keywords, ..RuleSpec::default() })
    };
    let rules = vec![
        rule("t/mask", "geheim", Action::Mask),
        rule("t/block", "verboten", Action::Block),
        rule("t/flag", "seltsam", Action::Flag),
    ];
    Arc::new(Policy::from_rules(rules).expect("rules compile"))
}

fn go(input: &str, chunk: Option<u32>) -> (String, Option<String>) {
    let mut out = Vec::new();
    let policy = policy();
    let mut scanning = Scanning {
        policy: &policy,
        direction: Direction::Prompt,
        chunk,
        redacted: true,
        view: None,
        out: &mut out,
    };
    let end = scanning.lines("<stdin>", input.as_bytes()).expect("no broken pipe");
    (String::from_utf8(out).expect("UTF-8"), end.err().map(|d| d.to_string()))
}

#[test]
fn offsets_count_code_points_and_pieces_change_nothing() {
    let input = "{\"id\":\"a\",\"text\":\"日本\\n😀 geheim \\\"x\\\"\"}\n{\"id\":2,\"text\":\"verboten seltsam\",\"direction\":\"output\"}\n\
                 {\"id\":null,\"text\":\"nichts\",\"question\":\"?\"}\n{\"id\":{\"k\":1},\"text\":\"\"}\n";
    let (whole, error) = go(input, None);
    assert_eq!(error, None);
    let lines: Vec<&str> = whole.lines().collect();
    assert_eq!(
        lines,
        [
            "{\"id\":\"a\",\"verdict\":\"rewrite\",\"scores\":{},\"findings\":[{\"rule\":\"t/mask\",\"category\":\"TEST\",\"start\":5,\"end\":11,\"score\":1,\"action\":\"mask\"}],\"redacted\":\"日本\\n😀 [X] \\\"x\\\"\"}",
            "{\"id\":2,\"verdict\":\"block\",\"scores\":{},\"findings\":[{\"rule\":\"t/block\",\"category\":\"TEST\",\"start\":0,\"end\":8,\"score\":1,\"action\":\"block\"},{\"rule\":\"t/flag\",\"category\":\"TEST\",\"start\":9,\"end\":16,\"score\":1,\"action\":\"flag\"}],\"redacted\":\"\"}",
            "{\"id\":null,\"verdict\":\"allow\",\"scores\":{},\"findings\":[],\"redacted\":\"nichts\"}",
            "{\"id\":{\"k\":1},\"verdict\":\"allow\",\"scores\":{},\"findings\":[],\"redacted\":\"\"}",
        ]
    );
    for chunk in [1, 2, 3, 7, 100] {
        assert_eq!(go(input, Some(chunk)).0, whole, "pieces of {chunk}");
    }
}

/// The gateway reads half a surrogate pair, so a scan does, and gives it back.
#[test]
fn half_a_surrogate_pair_is_read() {
    let (out, error) = go("{\"id\":1,\"text\":\"\\ud83d geheim \\ud83d\\ude00\\ude00\"}\n", Some(1));
    assert_eq!(error, None);
    assert!(
        out.contains("\"start\":2,\"end\":8") && out.contains("\"redacted\":\"\\ud83d [X] 😀\\ude00\""),
        "{out}"
    );
}

#[test]
fn bad_input_names_the_line_and_none_of_its_text() {
    for (line, what) in [
        ("{\"id\":1}", "missing field `text`"),
        ("{\"id\":1,\"text\":7}", "expected a string"),
        ("[\"private\", \"a\", null]", "expected an object"),
        ("\"private\"", "expected an object"),
        ("{\"id\":1,\"text\":\"private", "EOF"),
        ("{\"id\":1,\"text\":\"a\",\"direction\":\"ouput\"}", "did you mean `output`?"),
        ("{\"id\":1,\"text\":\"\\ud83\"}", "escape"),
    ] {
        let (out, error) = go(&format!("{{\"id\":0,\"text\":\"a\"}}\n\n{line}\n"), None);
        assert_eq!(out.lines().count(), 1, "the lines before it are answered");
        let error = error.expect(line);
        assert!(error.contains("<stdin>:3:") && error.contains(what), "{line}: {error}");
        assert!(!error.contains("private"), "{error}");
    }
}

#[test]
fn what_is_not_decoded_blocks_as_the_policy_says() {
    let text = format!("rot13 backwards %2541 {}", "Pz8/ ".repeat(80)).repeat(20);
    let (out, error) = go(&format!("{{\"id\":1,\"text\":\"{text}\"}}\n"), None);
    assert_eq!(error, None);
    assert!(out.starts_with("{\"id\":1,\"verdict\":\"block\""), "{out}");
}
