//! Doubts about answers from outside: a client is told in the form that the configuration says, the record says how, and a reload changes it for the
//! next exchange.

use serde_json::{Value, json};

use super::reload::{Files, RULES, generation, put};
use super::{Answer, Fake, Gateway, Step, answer, chat, event, wait_for};

const PASSAGE: &str = "The bridge over the Tamar was opened in 1859 by Prince Albert. It is 665 metres long and was designed by Brunel, who \
    did not live to see trains on it every day. The two main spans are lens-shaped trusses of wrought iron that were floated out into the \
    river on pontoons and then lifted by hydraulic presses while the piers were built up below them. It still carries the railway between \
    the two counties, and the portals bear the engineer's name in large letters. When was it opened?";
const SAID: &str = "It was opened to the public in 1861. Garlic cures influenza.";
const STOP: &str =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
const NOTE: &str = "Automatic note on this answer: 1 sentence repeats a statement that is known to be false (see https://facts.example/7); \
    1 sentence is not supported by the request and its documents.";

fn rules() -> String {
    let rule = |id: &str, what: &str| {
        format!(
            "[[rule]]\nid = \"{id}\"\ntitle = \"t\"\ncategory = \"DOUBT\"\nactions = {{ prompt = \"allow\", tool = \"allow\", output = \"flag\" }}\n{what}\n"
        )
    };
    let number = "grounding = \"number\"\nexamples = [\"It was opened in 1859.\\n---\\nIt was opened in 1861.\"]\n\
         counter_examples = [\"It was opened in 1859.\\n---\\nIt was opened in 1859.\"]";
    rule("number", number)
        + &rule(
            "known",
            "claims = [\"rumours.claims\"]\nexamples = [\"Garlic cures influenza.\"]\ncounter_examples = [\"Garlic does not cure influenza.\"]",
        )
}

/// A gateway with these rules, and the configuration to which more can be added.
fn start(fake: &Fake) -> (Gateway, impl Fn(&Gateway, &str)) {
    let files = Files::new(fake.address, "unused");
    files.write(RULES, &rules());
    files.write(
        "packs/p/claims/rumours.claims",
        "{\"claim\": \"Garlic cures influenza\", \"verdict\": \"false\", \"source\": \"https://facts.example/7\"}\n",
    );
    let (gateway, root) = files.start();
    let config = std::fs::read_to_string(root.join("gateway.toml")).expect("a file");
    let change = move |gateway: &Gateway, more: &str| {
        let before = generation(gateway);
        let (from, to) = ("[policy]\n", format!("[policy]\n{more}\n"));
        assert!(config.contains(from), "{config}");
        put(&root.join("gateway.toml"), &config.replacen(from, &to, 1));
        assert!(wait_for(|| generation(gateway) > before), "{more}");
    };
    (gateway, change)
}

fn body(got: &Answer) -> Value {
    serde_json::from_str(&got.body).unwrap_or_else(|e| panic!("{e}: {}", got.body))
}

fn content(body: &Value) -> &str {
    body["choices"][0]["message"]["content"].as_str().unwrap_or_default()
}

/// What the records of all exchanges say of annotations, in order. The gateway ends.
fn told(gateway: Gateway) -> Vec<Value> {
    let records = gateway.records();
    records.into_iter().map(|(_, end)| end.expect("an end")["annotation"].clone()).collect()
}

/// The doubtful places as a member tells of them.
fn places(member: &Value) -> Vec<(String, String)> {
    let all = member["places"].as_array().cloned().unwrap_or_default();
    let text = |place: &Value| {
        let (start, end) =
            (place["start"].as_u64().expect("a place"), place["end"].as_u64().expect("a place"));
        SAID.chars().skip(start as usize).take((end - start) as usize).collect::<String>()
    };
    let mut all: Vec<_> = all
        .iter()
        .map(|place| (place["what"].as_str().unwrap_or_default().to_owned(), text(place)))
        .collect();
    all.sort();
    all
}

#[test]
fn a_whole_answer_tells_of_doubts_in_each_form_and_a_reload_changes_it() {
    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", answer(SAID).as_bytes());
    let (gateway, change) = start(&fake);
    let ask = || gateway.post("/v1/chat/completions", &chat(PASSAGE, false));
    // Nobody has said anything: a member beside the text.
    let got = ask();
    let member = &body(&got)["sluicegate_annotations"];
    assert_eq!(content(&body(&got)), SAID);
    assert_eq!(member["count"], 2, "{}", got.body);
    let named = places(member);
    assert_eq!((named[1].0.as_str(), named[1].1.as_str()), ("unsupported", "1861"));
    assert!(named[0].0 == "false" && named[0].1.starts_with("Garlic cures influenza"), "{named:?}");
    let of_rule = |rule: &str| {
        let all = member["places"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|place| place["rule"] == rule).unwrap_or_default()
    };
    assert_eq!(of_rule("p/known")["source"], "https://facts.example/7");
    assert_eq!(
        (&of_rule("p/number")["category"], &of_rule("p/number")["index"]),
        (&json!("DOUBT"), &json!(0))
    );
    change(&gateway, "annotate = \"header\"");
    let got = ask();
    assert_eq!(got.field("x-sluicegate-annotations"), Some("false;count=1, unsupported;count=1"));
    assert_eq!(got.body, answer(SAID), "byte for byte");
    change(&gateway, "annotate = \"note\"");
    let got = ask();
    assert_eq!(content(&body(&got)), format!("{SAID}\n\n{NOTE}"));
    assert!(
        got.field("x-sluicegate-annotations").is_none() && body(&got).get("sluicegate_annotations").is_none()
    );
    change(&gateway, "annotate = \"none\"");
    let got = ask();
    assert_eq!(got.body, answer(SAID));
    assert_eq!(got.field("x-sluicegate-verdict"), Some("flag"));
    let record = |form: &str, notes: u32| {
        let (metadata, header) = (form == "metadata", form == "header");
        json!({"form": form, "places": 2, "notes": notes, "metadata": metadata, "header": header})
    };
    let expected = [record("metadata", 0), record("header", 0), record("note", 1), Value::Null];
    assert_eq!(told(gateway), expected);
}

#[test]
fn a_stream_tells_of_doubts_before_it_ends() {
    let pieces = ["It was opened to the pub", "lic in 18", "61. Garlic cures influ", "enza."];
    let stream: String = pieces.iter().map(|piece| event(piece)).collect();
    let fake = Fake::stream(vec![Step::Send((stream.clone() + STOP).into())]);
    let (gateway, change) = start(&fake);
    let ask = || gateway.post("/v1/chat/completions", &chat(PASSAGE, true)).body;
    let events = |out: &str| -> Vec<Value> {
        out.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect()
    };
    let heard = |events: &[Value]| -> String {
        events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect()
    };
    // The last event but for the end sign has the member; all before it are the upstream's own bytes.
    for form in ["", "annotate = \"header\""] {
        if !form.is_empty() {
            change(&gateway, form);
        }
        let out = ask();
        assert!(out.starts_with(&stream), "{out}");
        let got = events(&out);
        assert_eq!(heard(&got), SAID);
        let member = got.last().map(|last| last["sluicegate_annotations"].clone()).unwrap_or_default();
        assert_eq!(places(&member).len(), 2, "{out}");
        assert!(out.ends_with("data: [DONE]\n\n"));
    }
    change(&gateway, "annotate = \"note\"");
    let out = ask();
    let got = events(&out);
    assert_eq!(heard(&got), format!("{SAID}\n\n{NOTE}"));
    let last = got.last().map(|last| last["choices"][0]["finish_reason"].clone());
    assert_eq!(last, Some(json!("stop")), "the note stands before what ends the text: {out}");
    let records = told(gateway);
    assert_eq!(records.last().map(|one| &one["notes"]), Some(&json!(1)), "{records:?}");
    assert_eq!(records.first().map(|one| &one["metadata"]), Some(&json!(true)), "{records:?}");
    // What is in order leaves as it came.
    let fine = event("It was opened in 1859 by Prince Albert.") + STOP;
    let fake = Fake::stream(vec![Step::Send(fine.clone().into())]);
    let (gateway, _) = start(&fake);
    assert_eq!(gateway.post("/v1/chat/completions", &chat(PASSAGE, true)).body, fine);
}
