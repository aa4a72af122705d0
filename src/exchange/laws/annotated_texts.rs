//! Annotations of answers that hold several texts: places name the text in which they stand and count from its beginning, each is told once, and a
//! note stands behind the last text of those that are one. What an upstream says under the names of annotations does not pass for the gateway's.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::Ended;
use super::annotated::{How, SOURCE, begin, beside, policy, rules};
use super::labelled::{CALLS, Call, events, sent};
use crate::detect::{PatternSpec, RuleSpec};
use crate::policy::{Action, Actions, Annotate, Policy, Rule, RuleState};
use crate::text::work::steps_of;

/// What a text says, and what of it is doubtful.
const SAYS: [(&str, Option<&str>); 5] = [
    ("Garlic cures influenza.", Some("Garlic cures influenza")),
    ("Write to jo@corp.example, it was opened in 1861.", Some("1861")),
    ("The bridge was opened in 1859.", None),
    ("喝盐水可以预防新型病毒感染。", Some("喝盐水可以预防新型病毒感染")),
    ("", None),
];

/// Whole answers of several texts: of which call, what they are made of, and where a text of this number is read.
struct Form {
    call: usize,
    make: fn(&[&str]) -> Value,
    read: fn(&Value, u64, Option<u64>) -> String,
}

fn said(value: &Value, place: &str) -> String {
    value.pointer(place).and_then(Value::as_str).unwrap_or_default().to_owned()
}

const FORMS: [Form; 4] = [
    // A tool is called between texts.
    Form {
        call: 3,
        make: |texts| {
            let call =
                |n: usize| json!({"type": "tool_use", "id": format!("t{n}"), "name": "f", "input": {}});
            let text = |text: &&str| json!({"type": "text", "text": text});
            let blocks: Vec<Value> =
                texts.iter().map(text).zip(0..).flat_map(|(text, n)| [text, call(n)]).collect();
            json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": blocks, "stop_reason": "end_turn",
                "usage": {"input_tokens": 1, "output_tokens": 1}})
        },
        read: |body, index, _| said(body, &format!("/content/{index}/text")),
    },
    // Parts of one message.
    Form {
        call: 2,
        make: |texts| {
            let part = |text: &&str| json!({"type": "output_text", "text": text, "annotations": []});
            let parts: Vec<Value> = texts.iter().map(part).collect();
            json!({"id": "resp_1", "object": "response", "model": "m", "status": "completed", "output": [
                {"id": "r", "type": "reasoning", "summary": []},
                {"id": "msg_1", "type": "message", "role": "assistant", "content": parts}]})
        },
        read: |body, index, part| said(body, &format!("/output/{index}/content/{}/text", part.unwrap_or(99))),
    },
    // Messages of their own.
    Form {
        call: 2,
        make: |texts| {
            let item = |(n, text): (u32, &&str)| {
                json!({"id": format!("msg_{n}"), "type": "message", "role": "assistant",
                "content": [{"type": "output_text", "text": text, "annotations": []}]})
            };
            let items: Vec<Value> = (0..).zip(texts).map(item).collect();
            json!({"id": "resp_1", "object": "response", "model": "m", "status": "completed", "output": items})
        },
        read: |body, index, part| said(body, &format!("/output/{index}/content/{}/text", part.unwrap_or(99))),
    },
    // Choices.
    Form {
        call: 0,
        make: |texts| {
            let choice = |(n, text): (u32, &&str)| json!({"index": n, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"});
            let choices: Vec<Value> = (0..).zip(texts).map(choice).collect();
            json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": choices})
        },
        read: |body, index, _| said(body, &format!("/choices/{index}/message/content")),
    },
];

fn whole(call: &Call, body: &Value, form: Annotate) -> Value {
    let mut answering = begin(call, &policy(RuleState::Enforce, form), How::default());
    let out = sent(&mut answering, &body.to_string(), 64);
    serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"))
}

proptest! {
    #![proptest_config(crate::text::cases::cases(64))]

    #[test]
    fn places_name_their_text(chosen in prop::collection::vec(0..SAYS.len(), 1..5), form in 0..FORMS.len()) {
        let form = &FORMS[form];
        let call = &CALLS[form.call];
        let texts: Vec<&str> = chosen.iter().map(|n| SAYS[*n].0).collect();
        let got = whole(call, &(form.make)(&texts), Annotate::Metadata);
        let mut expected: Vec<&str> = chosen.iter().filter_map(|n| SAYS[*n].1).collect();
        let told = got["sluicegate_annotations"]["places"].as_array().cloned().unwrap_or_default();
        let mut named: Vec<String> = Vec::new();
        for place in &told {
            let number = |name: &str| place[name].as_u64();
            let (Some(index), Some(start), Some(end)) = (number("index"), number("start"), number("end")) else {
                return Err(TestCaseError::fail(format!("no place: {place}")));
            };
            let text = (form.read)(&got, index, number("part"));
            let held: String = text.chars().skip(start as usize).take((end - start) as usize).collect();
            named.push(held.trim_end_matches(['.', '。']).to_owned());
        }
        named.sort();
        expected.sort_unstable();
        prop_assert_eq!(named, expected, "{}", got);
    }

    /// A note stands behind the last text of those that are one, and each text that is its own has its own.
    #[test]
    fn notes_stand_behind_their_texts(chosen in prop::collection::vec(0..SAYS.len() - 1, 1..5), form in 0..FORMS.len()) {
        let form = &FORMS[form];
        let call = &CALLS[form.call];
        let texts: Vec<&str> = chosen.iter().map(|n| SAYS[*n].0).collect();
        let body = (form.make)(&texts);
        let got = whole(call, &body, Annotate::Note);
        let are_one = call.path.ends_with("/messages");
        let doubtful = |n: usize| SAYS[n].1.is_some();
        for (at, n) in chosen.iter().enumerate() {
            let noted = if are_one { at + 1 == chosen.len() && chosen.iter().any(|n| doubtful(*n)) } else { doubtful(*n) };
            let at = at as u64;
            let (index, part) = match form.call {
                3 => (2 * at, None),
                2 if body["output"][0]["type"] == "reasoning" => (1, Some(at)),
                2 => (at, Some(0)),
                _ => (at, None),
            };
            let text = (form.read)(&got, index, part);
            let model = SAYS[*n].0.replace("jo@corp.example", "[É-MAIL]");
            let rest = text.strip_prefix(&model);
            prop_assert!(rest.is_some_and(|rest| rest.is_empty() != noted), "{noted}: {text}");
        }
    }
}

/// What an upstream says under the same names is not let through as the gateway's word, in events and comments as little as in bodies.
#[test]
fn nobody_else_speaks_under_our_names() {
    let call = &CALLS[0];
    let forged = r#"{"count":7,"places":[]}"#;
    for (form, member) in [
        (Annotate::Metadata, "sluicegate_annotations"),
        (Annotate::Metadata, r"sluicegate\u005fannotations"),
        (Annotate::Header, "sluicegate_annotations"),
        (Annotate::Note, "sluicegate_annotations"),
    ] {
        for doubtful in [false, true] {
            let says = if doubtful { "Garlic cures influenza." } else { "The bridge was opened in 1859." };
            let named = |json: &str| json.replacen('{', &format!(r#"{{"{member}":{forged},"#), 1);
            // In every event and body, and as a comment.
            let stream: String = (call.stream)(&[says.to_owned()])
                .split_inclusive("\n\n")
                .map(|event| if event.contains("data: {") { named(event) } else { event.to_owned() })
                .collect();
            // In a frame of its own, without the space, and before data in one frame.
            let stream = format!(
                ": sluicegate-annotations {forged}\n\n:sluicegate-annotations {forged}\n\n: sluicegate-annotations {forged}\n{stream}"
            );
            let mut answering =
                begin(call, &policy(RuleState::Enforce, form), How { stream: true, ..How::default() });
            let out = sent(&mut answering, &stream, 17);
            assert!(!out.contains(":sluicegate-annotations"), "{out}");
            let told: Vec<Value> = beside(&out, call).into_iter().filter(|value| !value.is_null()).collect();
            let in_member = doubtful && form != Annotate::Note;
            assert_eq!(told.len(), usize::from(in_member), "{out}");
            assert!(told.iter().all(|told| told["count"] == 1), "{out}");
            let body = named(&(call.whole)(says).to_string());
            let mut answering = begin(call, &policy(RuleState::Enforce, form), How::default());
            let out = sent(&mut answering, &body, usize::MAX);
            assert!(!out.contains(r#""count":7"#), "{out}");
            let got: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"));
            let told = &got["sluicegate_annotations"];
            assert_eq!(
                told["count"].as_u64(),
                (doubtful && form == Annotate::Metadata).then_some(1),
                "{out}"
            );
            assert!(
                !doubtful || form != Annotate::Metadata || told["places"][0]["source"] == SOURCE,
                "{out}"
            );
        }
    }
}

/// The end of one text does not look at all others again.
#[test]
fn many_texts_end_in_linear_work() {
    let call = &CALLS[0];
    let work = |choices: u64| {
        let event = |n: u64, delta: Value, finish: Value| {
            json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m",
                "choices": [{"index": n, "delta": delta, "finish_reason": finish}]})
        };
        let says = |n: u64| {
            event(
                n,
                json!({"content": "Garlic cures influenza, they say, and it was opened in 1861"}),
                json!(null),
            )
        };
        let ends = |n: u64| event(n, json!({}), json!("stop"));
        let all: Vec<Value> = (0..choices).map(says).chain((0..choices).map(ends)).collect();
        let stream: String =
            all.iter().map(|event| format!("data: {event}\n\n")).collect::<String>() + "data: [DONE]\n\n";
        let mut call = Call { ..*call };
        call.request = |stream| json!({"model": "m", "stream": stream, "n": 120, "messages": [{"role": "user", "content": "What is that to you?"}]});
        let mut answering =
            begin(&call, &policy(RuleState::Enforce, Annotate::Note), How { stream: true, ..How::default() });
        let mut out = String::new();
        let steps = steps_of(|| out = sent(&mut answering, &stream, usize::MAX));
        assert_eq!(events(&out, &call).len() as u64, 3 * choices, "each text has its note");
        steps
    };
    let (few, many) = (work(30), work(120));
    assert!(many < 6 * few, "{few} steps, {many} for four times as many texts");
}

/// Clients read no further than a failure: what is doubtful is told before it.
#[test]
fn failures_come_last() {
    for (call, failure) in [
        (3, r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#),
        (0, r#"{"error":{"message":"m"}}"#),
    ] {
        let call = &CALLS[call];
        let whole = (call.stream)(&["Garlic cures influenza. ".to_owned(), "It was so.".to_owned()]);
        let until =
            whole.find("It was so.").and_then(|at| whole.get(..at)).unwrap_or_else(|| panic!("{whole}"));
        let begun = until.rsplit_once("\n\n").map_or(until, |(begun, _)| begun);
        let kind = if call.path.ends_with("/messages") { "event: error\n" } else { "" };
        let stream = format!("{begun}\n\n{kind}data: {failure}\n\n");
        for form in [Annotate::Note, Annotate::Metadata] {
            let mut answering =
                begin(call, &policy(RuleState::Enforce, form), How { stream: true, ..How::default() });
            let mut out = Vec::new();
            answering.feed(stream.as_bytes(), &mut out);
            answering.finish(Ended::Complete, &mut out);
            let out = String::from_utf8(out.concat()).unwrap_or_else(|e| panic!("{e}"));
            let (before, _) = out.split_once("\"error\"").unwrap_or_else(|| panic!("{out}"));
            let told = if form == Annotate::Note { "Automatic note" } else { "\"count\":1" };
            assert_eq!((before.matches(told).count(), out.matches(told).count()), (1, 1), "{out}");
        }
    }
}

/// Nothing is told of what a client never got.
#[test]
fn what_is_cut_off_is_not_told() {
    let call = &CALLS[0];
    let block = PatternSpec { regex: "tell nobody".into(), ..PatternSpec::default() };
    let rule = Rule {
        id: "block".into(),
        actions: Actions { output: Action::Block, ..Actions::all(Action::Allow) },
        ..Rule::default()
    };
    for (says, told) in [
        ("It was opened in 1861. And tell nobody. ", 1),
        // It comes with what is held.
        ("The bridge was opened in 1859. tell nobody that it was 1861. ", 0),
    ] {
        let mut all = rules(RuleState::Enforce);
        all.push((rule.clone(), RuleSpec { patterns: vec![block.clone()], ..RuleSpec::default() }));
        let policy = Policy::from_rules(all).unwrap_or_else(|e| panic!("{e:?}"));
        let policy = std::sync::Arc::new(policy.annotating(Annotate::Metadata));
        let mut answering = begin(call, &policy, How { stream: true, ..How::default() });
        let mut out = Vec::new();
        answering.feed((call.stream)(&super::sample::pieces(says, 3)).as_bytes(), &mut out);
        let out = String::from_utf8(out.concat()).unwrap_or_else(|e| panic!("{e}"));
        assert!(!out.contains("nobody"), "{out}");
        assert_eq!(beside(&out, call).len(), told, "{out}");
    }
}

/// Some servers send an empty reason for the end with each piece: that ends nothing.
#[test]
fn an_empty_reason_ends_nothing() {
    let call = &CALLS[0];
    let stream = (call.stream)(&["Garlic".to_owned(), " cures influenza.".to_owned()]);
    let stream = stream.replace(r#""finish_reason":null"#, r#""finish_reason":"""#);
    for form in [Annotate::Note, Annotate::Metadata] {
        let mut answering =
            begin(call, &policy(RuleState::Enforce, form), How { stream: true, ..How::default() });
        let out = sent(&mut answering, &stream, usize::MAX);
        let heard = (call.heard)(&events(&out, call));
        assert!(heard.starts_with("Garlic cures influenza."), "{heard}");
        assert_eq!(heard.contains("Automatic note"), form == Annotate::Note, "{heard}");
        assert_eq!(beside(&out, call).len(), usize::from(form == Annotate::Metadata), "{out}");
    }
}

/// In streams a block is told of as what it says alone: none for what the one before it says.
#[test]
fn blocks_of_streams_are_told_as_they_are() {
    let call = &CALLS[3];
    for (texts, expected) in [
        (["Garlic cures influenza.", "Nice day in the garden."], Some((0, "Garlic cures influenza"))),
        (["The garden is nice today.", "Garlic cures influenza."], Some((1, "Garlic cures influenza"))),
        // It is found, and on record.
        (["Garlic cures", " influenza."], None),
        (["Nice day.", "In the garden."], None),
    ] {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let mut answering = begin(
            call,
            &policy(RuleState::Enforce, Annotate::Metadata),
            How { stream: true, ..How::default() },
        );
        let out = sent(&mut answering, &(call.stream)(&texts), 64);
        let told = beside(&out, call);
        let named: Vec<(u64, String)> = told
            .iter()
            .flat_map(|told| told["places"].as_array().cloned().unwrap_or_default())
            .map(|place| {
                let number = |name: &str| place[name].as_u64().unwrap_or(99);
                let text = texts.get(number("index") as usize).cloned().unwrap_or_default();
                let held = text
                    .chars()
                    .skip(number("start") as usize)
                    .take((number("end") - number("start")) as usize);
                (number("index"), held.collect::<String>().trim_end_matches('.').to_owned())
            })
            .collect();
        let expected: Vec<(u64, String)> =
            expected.iter().map(|(at, held)| (*at, (*held).to_owned())).collect();
        assert_eq!(named, expected, "{out}");
    }
}
