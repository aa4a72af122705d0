//! Answers are held against what their requests say, streamed and whole alike.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;

use super::super::*;
use super::sample::{joined, pieces, run, spans, whole_at};
use crate::audit::Receipt;
use crate::detect::{RuleSpec, Unsupported};
use crate::dialect::route;
use crate::policy::{Action, Actions, Policy, Rule};

const PASSAGE: &str = "The bridge over the Tamar was opened in 1859 by Prince Albert. It is 665 metres long and was designed by Brunel, who \
    did not live to see trains on it every day. The two main spans are lens-shaped trusses of wrought iron that were floated out into the \
    river on pontoons and then lifted by hydraulic presses while the piers were built up below them. It still carries the railway between \
    the two counties, and the portals bear the engineer's name in large letters.";

const ANSWERS: &[&str] = &[
    "The bridge was opened in 1859. ",
    "The bridge was opened in 1861 by Queen Victoria. ",
    "It is 665 metres long and was designed by Brunel. ",
    "Thousands of workers died from cholera while digging its foundations. ",
    "See https://other.example/x for more. ",
    "I hope that this helps! ",
];

fn policy(action: Action) -> Arc<Policy> {
    let rule = |kind: Unsupported| {
        let actions = Actions { output: action, ..Actions::all(Action::Allow) };
        let rule = Rule {
            id: kind.as_str().into(),
            actions,
            marker: "[?]".into(),
            grounding: Some(kind),
            ..Rule::default()
        };
        (rule, RuleSpec { grounding: Some(kind), ..RuleSpec::default() })
    };
    let kinds = [Unsupported::Number, Unsupported::Name, Unsupported::Link];
    let policy =
        Policy::from_rules(kinds.into_iter().map(rule).collect()).unwrap_or_else(|e| panic!("{e:?}"));
    Arc::new(policy)
}

fn asked(policy: &Arc<Policy>, passage: &str, stream: bool) -> Answering {
    let body = json!({"model": "m", "stream": stream, "messages": [
        {"role": "system", "content": passage}, {"role": "user", "content": "When was it opened?"}]});
    let matched = route("POST", "/v1/chat/completions", false).unwrap_or_else(|_| panic!("no route"));
    let terms = Terms::new(Arc::clone(policy), ExchangeLimits::default());
    let judged = Received::new(matched, terms).judge(None, true, Bytes::from(body.to_string()));
    let mut answering = judged.unwrap_or_else(|e| panic!("{e}")).admit(Receipt::forged());
    let media = if stream { "text/event-stream" } else { "application/json" };
    assert!(answering.head(200, Some(media)).is_ok());
    answering
}

/// What a client reads, and where what was found stands.
fn streamed(policy: &Arc<Policy>, passage: &str, answer: &str, length: usize) -> (String, Vec<(u64, u64)>) {
    let mut answering = asked(policy, passage, true);
    let event = |piece: &String| json!({"choices": [{"index": 0, "delta": {"content": piece}}]}).to_string();
    let mut events: Vec<String> = pieces(answer, length).iter().map(event).collect();
    events.push(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#.into());
    events.push("[DONE]".into());
    let sent = run(&mut answering, &events);
    let said = joined(&sent, "/choices/0/delta/content");
    (said, spans(&answering))
}

fn whole(policy: &Arc<Policy>, passage: &str, answer: &str) -> (String, Vec<(u64, u64)>) {
    let mut answering = asked(policy, passage, false);
    let body = json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": answer}}]});
    let said = whole_at(&mut answering, &body, "/choices/0/message/content");
    (said, spans(&answering))
}

proptest! {
    #![proptest_config(crate::text::cases::cases(64))]

    /// However an answer is cut, the same is found in it and the same is masked, and what is flagged changes no byte.
    #[test]
    fn streamed_is_whole(
        sentences in proptest::collection::vec(proptest::sample::select(ANSWERS), 1..5), length in 1usize..20,
    ) {
        let answer = sentences.concat();
        for action in [Action::Flag, Action::Mask] {
            let policy = policy(action);
            let of_stream = streamed(&policy, PASSAGE, &answer, length);
            prop_assert_eq!(&of_stream, &whole(&policy, PASSAGE, &answer));
            let bad = ["1861", "Victoria", "other.example"];
            if action == Action::Mask {
                prop_assert!(bad.iter().all(|bad| !of_stream.0.contains(bad)), "{}", of_stream.0);
            } else {
                prop_assert_eq!(&of_stream.0, &answer);
            }
            prop_assert_eq!(of_stream.1.is_empty(), bad.iter().all(|bad| !answer.contains(bad)));
        }
    }
}

/// A request that carries no passage bears nothing, and nothing is held against it.
#[test]
fn without_a_passage_nothing_is_found() {
    let policy = policy(Action::Mask);
    let answer = ANSWERS.concat();
    assert_eq!(streamed(&policy, "You are a helpful assistant.", &answer, 7), (answer.clone(), Vec::new()));
    assert_eq!(whole(&policy, "You are a helpful assistant.", &answer), (answer, Vec::new()));
}
