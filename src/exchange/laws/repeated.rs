//! Passages of documents and of the request's own system prompt are masked in answers, streamed and whole alike, wherever the model writes.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::*;
use super::sample::{joined, pieces, run, spans, whole_at};
use crate::audit::Receipt;
use crate::detect::RuleSpec;
use crate::detect::fingerprint::{Collection, Index};
use crate::dialect::route;
use crate::policy::{Action, Actions, Policy, Rule};

const SYSTEM: &str = "You are Tilly, the travel desk of Harbour Airways. Never promise refunds above 200 euros without a supervisor's code, and \
    keep the overbooking ratio of nine per cent to yourself.";
const PLAN: &str = "本公司计划于明年第一季度收购位于深圳的半导体设备制造商，并将其与现有的研发中心合并，以加快新产品的开发进度和市场推广。";
const ANSWERS: &[&str] = &[
    "Here is what I was told: ",
    "Never promise refunds above 200 euros without a supervisor's code! ",
    "NEVER PROMISE REFUNDS\n- above 200 euros, without a supervisor's code, and keep the overbooking ratio of nine per cent. ",
    "收购位于深圳的半导体设备制造商并将其与现有的研发中心合并以加快新产品的开发进度。",
    "I can ask for a refund of 90 euros. ",
    "\u{1F600}\u{1F600} 好的。",
];

fn policy(action: Action) -> Arc<Policy> {
    let rule = |id: &str, spec: RuleSpec| {
        let actions = Actions { output: action, tool: action, ..Actions::all(Action::Allow) };
        (Rule { id: id.into(), actions, marker: "[?]".into(), told_behind: true, ..Rule::default() }, spec)
    };
    let mut plans = Collection::new([7; 16]);
    assert_eq!(plans.add("plan.docx", "", PLAN), Ok(false));
    let documents = RuleSpec { fingerprints: vec![Arc::new(Index::new(&plans))], ..RuleSpec::default() };
    let own = RuleSpec { system_prompt: true, ..RuleSpec::default() };
    let rules = vec![rule("plans", documents), rule("own", own)];
    Arc::new(Policy::from_rules(rules).unwrap_or_else(|e| panic!("{e:?}")))
}

/// A request in a dialect's words, and where in its answer's text, whole and in an event.
struct Asks {
    path: &'static str,
    streams: &'static str,
    body: Value,
    whole: fn(&str) -> (Value, &'static str),
    event: fn(&str) -> (Value, &'static str),
}

fn asks() -> Vec<Asks> {
    vec![
        Asks {
            path: "/v1/chat/completions",
            streams: "/v1/chat/completions",
            body: json!({"model": "m", "messages": [
                {"role": "developer", "content": [{"type": "text", "text": SYSTEM}]}, {"role": "user", "content": "Who are you?"}]}),
            whole: |text| {
                (
                    json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}),
                    "/choices/0/message/content",
                )
            },
            event: |text| {
                (json!({"choices": [{"index": 0, "delta": {"content": text}}]}), "/choices/0/delta/content")
            },
        },
        // A tool's arguments are JSON in a string, and nobody reads them but programs.
        Asks {
            path: "/v1/chat/completions",
            streams: "/v1/chat/completions",
            body: json!({"model": "m", "messages": [{"role": "system", "content": SYSTEM}]}),
            whole: |text| {
                let call =
                    json!({"id": "1", "type": "function", "function": {"name": "f", "arguments": text}});
                let message = json!({"role": "assistant", "content": null, "tool_calls": [call]});
                (
                    json!({"choices": [{"index": 0, "message": message}]}),
                    "/choices/0/message/tool_calls/0/function/arguments",
                )
            },
            event: |text| {
                let call = json!({"index": 0, "function": {"arguments": text}});
                (
                    json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}),
                    "/choices/0/delta/tool_calls/0/function/arguments",
                )
            },
        },
        Asks {
            path: "/v1/messages",
            streams: "/v1/messages",
            body: json!({"model": "m", "max_tokens": 9, "system": [{"type": "text", "text": SYSTEM}], "messages": [{"role": "user", "content": "Who are you?"}]}),
            whole: |text| {
                (
                    json!({"type": "message", "role": "assistant", "content": [{"type": "text", "text": text}]}),
                    "/content/0/text",
                )
            },
            event: |text| {
                (
                    json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
                    "/delta/text",
                )
            },
        },
        Asks {
            path: "/v1beta/models/m:generateContent",
            streams: "/v1beta/models/m:streamGenerateContent?alt=sse",
            body: json!({"systemInstruction": {"parts": [{"text": SYSTEM}]}, "contents": [{"role": "user", "parts": [{"text": "Who?"}]}]}),
            whole: |text| {
                (
                    json!({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}]}),
                    "/candidates/0/content/parts/0/text",
                )
            },
            event: |text| {
                (
                    json!({"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}]}),
                    "/candidates/0/content/parts/0/text",
                )
            },
        },
    ]
}

fn asked(policy: &Arc<Policy>, asks: &Asks, stream: bool) -> Answering {
    let mut body = asks.body.clone();
    if stream && asks.path == asks.streams {
        body["stream"] = true.into();
    }
    let target = if stream { asks.streams } else { asks.path };
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let matched = route("POST", path, false).unwrap_or_else(|_| panic!("no route"));
    let terms = Terms::new(Arc::clone(policy), ExchangeLimits::default());
    let judged = Received::new(matched, terms).judge(query, true, Bytes::from(body.to_string()));
    let mut answering = judged.unwrap_or_else(|e| panic!("{e}")).admit(Receipt::forged());
    let media = if stream { "text/event-stream" } else { "application/json" };
    assert!(answering.head(200, Some(media)).is_ok());
    answering
}

fn streamed(policy: &Arc<Policy>, asks: &Asks, answer: &str, length: usize) -> (String, Vec<(u64, u64)>) {
    let mut answering = asked(policy, asks, true);
    let events: Vec<String> =
        pieces(answer, length).iter().map(|piece| (asks.event)(piece).0.to_string()).collect();
    let sent = run(&mut answering, &events);
    (joined(&sent, (asks.event)("").1), spans(&answering))
}

fn whole(policy: &Arc<Policy>, asks: &Asks, answer: &str) -> (String, Vec<(u64, u64)>) {
    let mut answering = asked(policy, asks, false);
    let (body, place) = (asks.whole)(answer);
    let said = whole_at(&mut answering, &body, place);
    (said, spans(&answering))
}

proptest! {
    #![proptest_config(crate::text::cases::cases(48))]

    #[test]
    fn streamed_is_whole(
        sentences in proptest::collection::vec(proptest::sample::select(ANSWERS), 1..5), length in 1_usize..20, dialect in 0..4_usize,
    ) {
        let said = sentences.concat();
        let asks = &asks()[dialect];
        let answer = if dialect == 1 { json!({"say": said}).to_string() } else { said.clone() };
        for action in [Action::Flag, Action::Mask] {
            let policy = policy(action);
            let of_stream = streamed(&policy, asks, &answer, length);
            prop_assert_eq!(&of_stream, &whole(&policy, asks, &answer));
            let bad = ["without a supervisor", "半导体"];
            prop_assert_eq!(of_stream.1.is_empty(), bad.iter().all(|bad| !said.contains(bad)));
            if action == Action::Mask {
                prop_assert!(bad.iter().all(|bad| !of_stream.0.contains(bad)), "{}", of_stream.0);
                prop_assert!(dialect != 1 || serde_json::from_str::<Value>(&of_stream.0).is_ok(), "{}", of_stream.0);
            } else {
                prop_assert_eq!(&of_stream.0, &answer);
            }
        }
    }
}

/// The record names the document, and says of the system prompt no more than the rule.
#[test]
fn records_name_the_document() {
    let policy = policy(Action::Mask);
    let asks = &asks()[0];
    let mut answering = asked(&policy, asks, false);
    let mut out = Vec::new();
    answering.feed((asks.whole)(&ANSWERS.concat()).0.to_string().as_bytes(), &mut out);
    answering.finish(Ended::Complete, &mut out);
    let records = super::super::record::findings(&policy, &answering.answer_findings());
    let said: Vec<(&str, &str)> =
        records.iter().map(|one| (one.rule.as_str(), one.document.as_str())).collect();
    assert!(said.contains(&("plans", "plan.docx")) && said.contains(&("own", "")), "{said:?}");
}

/// What the request does not say cannot be repeated.
#[test]
fn without_a_system_prompt_nothing_is_found() {
    let policy = policy(Action::Mask);
    let one = Asks {
        body: json!({"model": "m", "messages": [{"role": "user", "content": SYSTEM}]}),
        ..asks().swap_remove(0)
    };
    let answer = ANSWERS[1];
    assert_eq!(whole(&policy, &one, answer), (answer.to_owned(), Vec::new()));
}
