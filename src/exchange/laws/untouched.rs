//! The law of rewriting: it changes the strings concerned, and of an answer what tells them once more, where the table says so; no key and no
//! other value, whatever they are called.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::*;
use crate::detect::{Keyword, RuleSpec};
use crate::dialect::{DIALECTS, Operation};
use crate::policy::{Action, Actions, BlockAs, Rule, Unscanned};
use crate::text::json::Tape;

const SECRET: &str = "glass orchard";

/// Names that mean something somewhere, and some that mean nothing.
const NAMES: &[&str] = &[
    "logprobs",
    "logprobsResult",
    "avgLogprobs",
    "top_logprobs",
    "tokens",
    "token_ids",
    "text",
    "content",
    "type",
    "input",
    "properties",
    "arguments",
    "new",
    "q",
];

fn policy() -> Arc<Policy> {
    let rule = Rule {
        id: "phrase".into(),
        actions: Actions::all(Action::Mask),
        marker: "[PHRASE]".into(),
        ..Rule::default()
    };
    let keywords = vec![Keyword { text: SECRET.into(), whole_word: false }];
    let rules = vec![(rule, RuleSpec { keywords, ..RuleSpec::default() })];
    Arc::new(
        Policy::from_rules(rules).unwrap_or_else(|e| panic!("{e:?}")).with(Unscanned::Allow, BlockAs::Error),
    )
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Into::into),
        (-99i64..99).prop_map(Into::into),
        proptest::sample::select(&["so", "a, b", "on", "boolean", SECRET, "x glass orchard"][..])
            .prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::btree_map(proptest::sample::select(NAMES), inner, 0..5)
                .prop_map(|m| Value::Object(m.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

fn operation(name: &str) -> &'static Operation {
    let mut operations = DIALECTS.iter().flat_map(|d| d.operations());
    operations.find(|o| o.name == name).unwrap_or_else(|| panic!("no {name}"))
}

fn rewritten(operation: &Operation, side: Side, body: &str) -> String {
    let mut tape = Tape::default();
    assert_eq!(tape.parse(body.as_bytes()), Ok(()));
    let shape = if side == Side::Prompt { (operation.request)() } else { (operation.answer)() };
    let mut reader = Reader::new(policy(), side, false);
    let segments = reader.read(body.as_bytes(), &tape, shape).unwrap_or_else(|e| panic!("{e:?}"));
    let out = reader.emit(body.as_bytes(), &segments).unwrap_or_else(|| body.into());
    String::from_utf8(out).unwrap_or_else(|e| panic!("{e}"))
}

/// The body with the secret masked, and nothing else changed.
fn masked(value: &Value) -> Value {
    match value {
        Value::String(text) => text.replace(SECRET, "[PHRASE]").into(),
        Value::Array(list) => list.iter().map(masked).collect(),
        Value::Object(object) => Value::Object(object.iter().map(|(k, v)| (k.clone(), masked(v))).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// What a body holds beside a free JSON value.
type Form = fn(Value) -> Value;

const REQUESTS: &[(&str, Form)] = &[
    ("chat.completions", |v| {
        json!({"messages": [{"role": "user", "content": "glass orchard"}],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": v}}], "logprobs": true})
    }),
    (
        "chat.completions",
        |v| json!({"messages": [{"role": "user", "content": "glass orchard", "new": v}], "new": v}),
    ),
    (
        "responses",
        |v| json!({"input": "glass orchard", "tools": [{"type": "function", "name": "f", "parameters": v}], "new": v}),
    ),
    ("messages", |v| {
        json!({"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "n", "input": v}]}],
            "tools": [{"name": "n", "input_schema": v}], "system": "glass orchard"})
    }),
    ("generateContent", |v| {
        json!({"contents": [{"parts": [{"text": "glass orchard"}, {"functionCall": {"name": "n", "args": v}}]}],
            "tools": [{"functionDeclarations": [{"name": "n", "parameters": v}]}]})
    }),
    (
        "chat",
        |v| json!({"messages": [{"role": "user", "content": "glass orchard"}], "tools": [v], "options": v}),
    ),
];

const ANSWERS: &[(&str, Form)] = &[
    (
        "messages",
        |v| json!({"content": [{"type": "text", "text": "glass orchard"}, {"type": "tool_use", "id": "t", "name": "n", "input": v}]}),
    ),
    (
        "generateContent",
        |v| json!({"candidates": [{"content": {"parts": [{"text": "glass orchard"}, {"functionCall": {"name": "n", "args": v}}]}}]}),
    ),
    (
        "chat",
        |v| json!({"message": {"role": "assistant", "content": "glass orchard", "tool_calls": [{"function": {"name": "n", "arguments": v}}]}}),
    ),
    (
        "responses",
        |v| json!({"output": [{"type": "message", "content": [{"type": "output_text", "text": "glass orchard"}]}], "metadata": v}),
    ),
];

proptest! {
    #![proptest_config(crate::text::cases::cases(192))]

    #[test]
    fn rewriting_changes_the_strings_concerned_alone(value in value()) {
        for (side, forms) in [(Side::Prompt, REQUESTS), (Side::Answer, ANSWERS)] {
            for (name, form) in forms {
                let body = form(value.clone());
                let out = rewritten(operation(name), side, &body.to_string());
                prop_assert_eq!(serde_json::from_str::<Value>(&out)?, masked(&body), "{} {:?}", name, side);
            }
        }
    }
}

/// By call: an answer with what tells its text once more, and what is left of it.
#[test]
fn what_tells_a_rewritten_text_once_more_goes_with_it() {
    for (name, body, left) in [
        (
            "generateContent",
            json!({"candidates": [{"content": {"parts": [{"text": "a glass orchard"}]}, "avgLogprobs": -0.5,
                "logprobsResult": {"chosenCandidates": [{"token": "glass", "tokenId": 5, "logProbability": -0.1}],
                    "topCandidates": [{"candidates": [{"token": " orchard", "tokenId": 7}]}]}}]}),
            json!({"candidates": [{"content": {"parts": [{"text": "a [PHRASE]"}]}, "avgLogprobs": null, "logprobsResult": null}]}),
        ),
        (
            "chat.completions",
            json!({"choices": [
                {"index": 0, "message": {"content": "a glass orchard"}, "logprobs": {"content": [{"token": "glass", "bytes": [1]}]}},
                {"index": 1, "message": {"content": "clear"}, "logprobs": {"content": [{"token": "clear"}]}}]}),
            json!({"choices": [
                {"index": 0, "message": {"content": "a [PHRASE]"}, "logprobs": null},
                {"index": 1, "message": {"content": "clear"}, "logprobs": {"content": [{"token": "clear"}]}}]}),
        ),
        (
            "completions",
            json!({"choices": [{"index": 0, "text": "a glass orchard", "logprobs": {"tokens": ["glass"], "top_logprobs": [{" orchard": -1}]}}]}),
            json!({"choices": [{"index": 0, "text": "a [PHRASE]", "logprobs": null}]}),
        ),
        (
            "responses",
            json!({"output": [{"content": [{"type": "output_text", "text": "a glass orchard", "logprobs": [{"token": "glass"}]}]}]}),
            json!({"output": [{"content": [{"type": "output_text", "text": "a [PHRASE]", "logprobs": null}]}]}),
        ),
        (
            "generate",
            json!({"response": "a glass orchard", "logprobs": [{"token": "glass", "logprob": -1}]}),
            json!({"response": "a [PHRASE]", "logprobs": null}),
        ),
    ] {
        let out = rewritten(operation(name), Side::Answer, &body.to_string());
        assert_eq!(serde_json::from_str::<Value>(&out).ok(), Some(left), "{name}");
    }
}

/// A text document is text whatever it looks like, and so is a number where a word of a closed list is expected.
#[test]
fn what_only_looks_like_a_medium_or_a_word_is_read() {
    let card = Rule {
        id: "card".into(),
        actions: Actions::all(Action::Mask),
        marker: "[CARD]".into(),
        ..Rule::default()
    };
    let keywords = ["4111111111111111", "4111-1111-1111-1111"];
    let keywords = keywords.map(|text| Keyword { text: text.into(), whole_word: false }).to_vec();
    let spec = RuleSpec { keywords, ..RuleSpec::default() };
    let policy = Policy::from_rules(vec![(card, spec)]).unwrap_or_else(|e| panic!("{e:?}"));
    let policy = Arc::new(policy.with(Unscanned::Block, BlockAs::Error));
    for (name, body) in [
        (
            "messages",
            json!({"messages": [{"role": "user", "content": [
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "4111111111111111"}}]}]}),
        ),
        (
            "chat.completions",
            json!({"messages": [{"role": "4111111111111111", "content": [{"type": "4111-1111-1111-1111"}]}]}),
        ),
        ("chat", json!({"think": "4111111111111111", "messages": [{"role": "4111111111111111"}]})),
    ] {
        let body = body.to_string();
        let mut tape = Tape::default();
        assert_eq!(tape.parse(body.as_bytes()), Ok(()));
        let mut reader = Reader::new(Arc::clone(&policy), Side::Prompt, false);
        let read = reader.read(body.as_bytes(), &tape, (operation(name).request)());
        let segments = read.unwrap_or_else(|e| panic!("{name}: {e:?}"));
        let out = reader.emit(body.as_bytes(), &segments).unwrap_or_default();
        let want = body.replace("4111111111111111", "[CARD]").replace("4111-1111-1111-1111", "[CARD]");
        assert_eq!(String::from_utf8(out).as_deref(), Ok(want.as_str()), "{name}");
    }
}
