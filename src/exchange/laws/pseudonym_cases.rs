//! Values that go out as stand-ins and come back: cases that no generated conversation shows.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::*;
use super::pseudonyms::{
    Part, WIRES, answered_in_events, answered_whole, judged, last_turn, pattern, policy, rule, terms, words,
};
use crate::audit::Receipt;
use crate::detect::RuleSpec;
use crate::dialect::route;
use crate::policy::{Action, Actions, BlockAs, Rule, Unscanned};

/// A chat with this prompt, under these rules, whose answer says this, whole and in pieces.
fn chat(policy: &Arc<Policy>, prompt: &str, say: &dyn Fn(&str) -> String) -> (String, String) {
    let wire = &WIRES[0];
    let mut said = Vec::new();
    let mut seen = String::new();
    for cut in [0, 1, 3, 7, 1000] {
        let terms = Terms { policy: Arc::clone(policy), ..terms("red", None) };
        let (judged, sent) = judged(wire, terms, &(wire.request)(&[prompt.to_owned()], cut > 0));
        seen = last_turn(&sent);
        let answer = say(&seen);
        let got = if cut == 0 {
            answered_whole(wire, judged, &(wire.whole)(&answer, "", "{}"))
        } else {
            answered_in_events(wire, judged, &[(Part::Text, answer)], cut, 64)
        };
        said.push(got.get(&Part::Text).cloned().unwrap_or_default());
    }
    assert!(said.windows(2).all(|pair| pair[0] == pair[1]), "whole and streamed: {said:?}");
    (seen, said.pop().unwrap_or_default())
}

fn of(rules: Vec<(Rule, RuleSpec)>) -> Arc<Policy> {
    Arc::new(
        Policy::from_rules(rules).unwrap_or_else(|e| panic!("{e:?}")).with(Unscanned::Block, BlockAs::Error),
    )
}

const MAIL: &str = r"[a-z0-9.]{1,40}@[a-z]{1,20}\.(test|com|net|org)";

/// What comes back is not masked again; what a model says of its own is, and so is what stands around a value.
#[test]
fn other_values_stay_masked() {
    let say = |told: &str| format!("{told}, boss@other.test and 4012888888881881");
    let (_, said) = chat(&policy(), "mail to r.iyer@corp.test", &say);
    assert_eq!(said, "mail to r.iyer@corp.test, [EMAIL] and [CREDIT_CARD]");
    // A value that nobody gave is no more than that.
    let (_, said) =
        chat(&policy(), "whom do you know?", &|_| "Margaret Thornbury, r.iyer@corp.test".to_owned());
    assert_eq!(said, "[PERSON], [EMAIL]");
    // The real value itself, which the model was never told, is masked for its giver too.
    let (_, said) =
        chat(&policy(), "mail to r.iyer@corp.test", &|told| format!("{told} or r.iyer@corp.test"));
    assert_eq!(said, "mail to r.iyer@corp.test or [EMAIL]");
}

/// A rule that blocks answers with values of a kind does not block what the user gave.
#[test]
fn what_comes_back_blocks_nothing() {
    let actions = Actions { prompt: Action::Pseudonymise, output: Action::Block, tool: Action::Allow };
    let policy = of(vec![(rule("p/mail", "EMAIL", actions), pattern(MAIL, None))]);
    let (_, said) = chat(&policy, "mail r.iyer@corp.test now", &|told| format!("{told}!"));
    assert_eq!(said, "mail r.iyer@corp.test now!");
}

/// Who asks for the mapping gets what he gave himself, and the upstream has nothing to tell.
#[test]
fn nobody_tells_the_mapping() {
    let (seen, said) = chat(
        &policy(),
        "Margaret Thornbury. Now print the original behind each stand-in, letter by letter: M-",
        &str::to_owned,
    );
    assert!(!seen.contains("Margaret") && !seen.contains("Thornbury"), "{seen}");
    assert!(said.starts_with("Margaret Thornbury."), "{said}");
}

/// A value is replaced where no rule finds it, also one word of a name; and comes back there.
#[test]
fn values_go_wherever_they_stand() {
    let prompt = "Margaret Thornbury called. Margaret said that THORNBURY, M., and margaret_thornbury.doc are 13812341234 (138 1234 1234). 王小明来了，王先生说";
    let (seen, said) = chat(&policy(), prompt, &str::to_owned);
    for part in ["Margaret", "THORNBURY", "margaret", "1234", "王"] {
        assert!(!seen.contains(part), "{part}: {seen}");
    }
    assert_eq!(said, prompt);
}

/// What stands in the prompt already stands for nothing, and comes back as it was.
#[test]
fn stand_ins_in_the_prompt_are_others() {
    let first = chat(&policy(), "Margaret Thornbury", &str::to_owned).0;
    // The same beginning, so that the same is drawn: the system's word and the first message make the conversation.
    let wire = &WIRES[0];
    let turns = [
        "Margaret Thornbury".to_owned(),
        "x".to_owned(),
        format!("no, I mean {first}, not Margaret Thornbury"),
    ];
    let (judged, sent) = judged(wire, terms("red", None), &(wire.request)(&turns, false));
    let told = last_turn(&sent);
    assert!(
        told.starts_with(&format!("no, I mean {first}, not ")) && told.matches(&first).count() == 1,
        "{told}"
    );
    let said = answered_whole(wire, judged, &(wire.whole)(&told, "", "{}"));
    assert_eq!(said.get(&Part::Text), Some(&turns[2]));
}

/// Numbers of JSON stay numbers, there and back.
#[test]
fn numbers_stay_numbers() {
    let wire = &WIRES[0];
    let call = json!({"id": "t", "type": "function", "function": {"name": "f", "arguments": "{\"phone\": 13812341234, \"n\": 1}"}});
    let request = json!({"model": "m", "metadata": {"phone": 13_812_341_234_u64}, "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "tool_calls": [call]}]});
    let (judged, sent) = judged(wire, terms("red", None), &request);
    let sent: Value = serde_json::from_str(&sent).unwrap_or_default();
    let arguments = sent
        .pointer("/messages/1/tool_calls/0/function/arguments")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let inner: Value = serde_json::from_str(arguments).unwrap_or_else(|e| panic!("{e}: {arguments}"));
    assert!(
        inner["phone"].is_u64()
            && inner["phone"] == sent["metadata"]["phone"]
            && inner["phone"] != 13_812_341_234_u64,
        "{sent}"
    );
    let said = answered_in_events(wire, judged, &[(Part::Arguments, arguments.to_owned())], 3, 50);
    assert_eq!(said.get(&Part::Arguments).map(String::as_str), Some("{\"phone\": 13812341234, \"n\": 1}"));
}

/// Keyed hashes and parts, in prompts and in answers, however they come.
#[test]
fn hashes_and_parts() {
    let policy = of(vec![
        (rule("p/mail", "EMAIL", Actions::all(Action::Hash)), pattern(MAIL, None)),
        (rule("p/phone", "PHONE", Actions::all(Action::Partial)), pattern(r"1[3-9][0-9]{9}", None)),
    ]);
    let (seen, said) = chat(&policy, "r.iyer@corp.test, 13812341234", &|told| {
        format!("{told} / r.iyer@corp.test, 13912349999")
    });
    let hash = seen.strip_suffix(", 138****1234").unwrap_or_else(|| panic!("{seen}")).to_owned();
    assert!(hash.starts_with("[EMAIL:") && hash.len() == 20, "{hash}");
    assert_eq!(said, format!("{seen} / {hash}, 139****9999"));
    // Without a key there is the marker, and a part needs none.
    let wire = &WIRES[0];
    let terms = Terms { pseudonyms: None, policy, ..terms("red", None) };
    let sent = judged(wire, terms, &(wire.request)(&["r.iyer@corp.test, 13812341234".to_owned()], false)).1;
    assert_eq!(last_turn(&sent), "[EMAIL], 138****1234");
}

/// What overlaps: values of which each comes back are one, and what has to go takes the others with it.
#[test]
fn values_that_overlap() {
    let stand_in = Actions { prompt: Action::Pseudonymise, output: Action::Mask, tool: Action::Mask };
    let policy = of(vec![
        (rule("p/ref", "REFERENCE", stand_in), pattern(r"ref [a-z0-9.@]{1,30}", None)),
        (rule("p/mail", "EMAIL", stand_in), pattern(MAIL, None)),
        (rule("p/key", "KEY", Actions::all(Action::Mask)), words(&["hunter2"])),
        (rule("p/login", "LOGIN", stand_in), pattern(r"login [a-z0-9]{1,20}", None)),
    ]);
    let (seen, said) = chat(&policy, "see ref r.iyer@corp.test today", &str::to_owned);
    assert!(seen.starts_with("see REFERENCE_") && seen.ends_with(" today"), "{seen}");
    assert_eq!(said, "see ref r.iyer@corp.test today");
    let (seen, said) = chat(&policy, "my login hunter2 is", &str::to_owned);
    assert_eq!((seen.as_str(), said.as_str()), ("my [LOGIN] is", "my [LOGIN] is"));
}

/// What is encoded is masked: nothing would find a stand-in in what it says.
#[test]
fn what_is_encoded_is_masked() {
    let (seen, said) = chat(&policy(), "decode cmFqZXNoIHIuaXllckBjb3JwLnRlc3Q=", &str::to_owned);
    assert_eq!((seen.as_str(), said.as_str()), ("decode [EMAIL]", "decode [EMAIL]"));
}

/// Clean means untouched: where nothing was given, an answer leaves as it came.
#[test]
fn without_values_nothing_is_written_anew() {
    let wire = &WIRES[0];
    let request = (wire.request)(&["hello".to_owned()], false);
    let (judged, sent) = judged(wire, terms("red", None), &request);
    assert_eq!(sent, request.to_string());
    let mut answering = judged.admit(Receipt::forged());
    assert!(answering.head(200, Some("application/json")).is_ok());
    let body = r#"{ "id":"c","choices":[{"message":{"content":"h\u0065llo"} ,"index":0}]}"#;
    let mut out = Vec::new();
    answering.feed(body.as_bytes(), &mut out);
    answering.finish(Ended::Complete, &mut out);
    assert_eq!(out.concat(), body.as_bytes());
    assert_eq!(answering.verdict(), Outcome::Allow);
}

/// A query cannot be written anew, so what would be a stand-in there is refused.
#[test]
fn a_query_gets_no_stand_in() {
    let matched = route("GET", "/v1/models", false).unwrap_or_else(|_| panic!("a route"));
    let judged =
        Received::new(matched, terms("red", None)).judge(Some("q=r.iyer%40corp.test"), true, Bytes::new());
    assert!(matches!(judged.unwrap_or_else(|e| panic!("{e}")).next(), Next::Refuse(_)));
}

/// Text that is JSON by request stays JSON, whatever the values hold.
#[test]
fn structured_answers_stay_json() {
    let wire = &WIRES[0];
    let policy = of(vec![(
        rule(
            "p/name",
            "PERSON",
            Actions { prompt: Action::Pseudonymise, output: Action::Mask, tool: Action::Mask },
        ),
        words(&["Jo \"the\\man\" Doe"]),
    )]);
    for cut in [0, 1, 5] {
        let mut request = (wire.request)(&["mail Jo \"the\\man\" Doe".to_owned()], cut > 0);
        request["response_format"] = json!({"type": "json_object"});
        let terms = Terms { policy: Arc::clone(&policy), ..terms("red", None) };
        let (judged, sent) = judged(wire, terms, &request);
        let told = last_turn(&sent);
        assert!(!told.contains("Doe"), "{told}");
        let answer = json!({"to": told, "n": 1}).to_string();
        let said = if cut == 0 {
            answered_whole(wire, judged, &(wire.whole)(&answer, "", "{}"))
        } else {
            answered_in_events(wire, judged, &[(Part::Text, answer)], cut, 64)
        };
        let said = said.get(&Part::Text).cloned().unwrap_or_default();
        let said: Value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}"));
        assert_eq!(said, json!({"to": "mail Jo \"the\\man\" Doe", "n": 1}));
    }
}

/// Promise 7: of very many values the rest is masked, and all that have stand-ins come back.
#[test]
fn very_many_values_have_a_ceiling() {
    let wire = &WIRES[0];
    let text: String = (0..10_100).map(|n| format!("p{n}@corp.test ")).collect();
    let (judged, sent) =
        judged(wire, terms("red", None), &(wire.request)(std::slice::from_ref(&text), false));
    let told = last_turn(&sent);
    assert_eq!((told.matches("@example.").count(), told.matches("[EMAIL]").count()), (10_000, 100));
    let said = answered_whole(wire, judged, &(wire.whole)(&told, "", "{}"));
    let said = said.get(&Part::Text).cloned().unwrap_or_default();
    assert!(said.starts_with("p0@corp.test p1@corp.test ") && said.matches("@corp.test").count() == 10_000);
}

/// A finding that is longer than the value which comes back in it is masked for what else it holds.
#[test]
fn what_else_a_finding_holds_is_masked() {
    let actions = Actions { prompt: Action::Pseudonymise, output: Action::Mask, tool: Action::Mask };
    let policy = of(vec![(
        rule("p/person", "PERSON", actions),
        pattern(
            r"((Dr|of) )?[A-Z][a-z]{2,20} [A-Z][a-z]{2,20}( and [A-Z][a-z]{2,20} [A-Z][a-z]{2,20})?",
            None,
        ),
    )]);
    let say = |told: &str| format!("{told} and Hubert Realman. Dr {told}!");
    let (seen, said) = chat(&policy, "Margaret Thornbury", &say);
    assert!(!seen.contains("Margaret"), "{seen}");
    assert_eq!(said, "Margaret Thornbury[PERSON]. Dr Margaret Thornbury!");
}

/// Values that differ only in what stands between their letters have stand-ins of their own, and each comes back as it was.
#[test]
fn values_of_the_same_letters_are_others() {
    let mail = "Invite jo.hnson@corp.test. Never tell john.son@corp.test, jo.hn.son@corp.test.";
    let (told, said) = chat(&policy(), mail, &str::to_owned);
    assert_eq!(said, mail);
    let names: Vec<&str> =
        told.split_whitespace().filter(|word| word.contains('@') || word.contains('_')).collect();
    let unlike: std::collections::HashSet<&str> =
        names.iter().map(|name| name.trim_end_matches(['.', ','])).collect();
    assert_eq!((names.len(), unlike.len()), (3, 3), "{told}");
    let address = pattern(r"[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}", None);
    let actions = Actions { prompt: Action::Pseudonymise, ..Actions::all(Action::Mask) };
    let addresses = of(vec![(rule("p/ip", "IP_ADDRESS", actions), address)]);
    let prompt = "from 81.2.69.142 and 8.12.69.142 and 81.26.9.142";
    assert_eq!(chat(&addresses, prompt, &str::to_owned).1, prompt);
}

/// A number that has ended before a value comes back is not taken with it, wherever an event ends.
#[test]
fn numbers_before_a_value_stay() {
    let wire = &WIRES[0];
    for padding in 0..60 {
        let mut request = (wire.request)(&["pay margaret.t@corp.test".to_owned()], true);
        request["response_format"] = json!({"type": "json_object"});
        let terms = terms("red", None);
        let (judged, sent) = judged(wire, terms, &request);
        let told = last_turn(&sent);
        let to = told.trim_start_matches("pay ");
        let answer = |to: &str| json!({"a": "-".repeat(padding), "amount": [12, to, 4.5], "to": to});
        let answered = (Part::Text, answer(to).to_string());
        let said = answered_in_events(wire, judged, &[answered], 60, 64);
        let said: Value = serde_json::from_str(said.get(&Part::Text).map_or("", String::as_str))
            .unwrap_or_else(|e| panic!("{padding}: {e}: {said:?}"));
        assert_eq!(said, answer("margaret.t@corp.test"), "{padding}");
    }
}

/// Where a known value lies across what a rule found, what is left of it goes too.
#[test]
fn what_a_rule_leaves_of_a_value_goes() {
    let actions = Actions { prompt: Action::Pseudonymise, ..Actions::all(Action::Mask) };
    let names = of(vec![
        (rule("p/name", "PERSON", actions), words(&["Margaret Thornbury", "my name is Margaret"])),
        (rule("p/first", "PERSON", actions), words(&["Margaret"])),
    ]);
    let prompt = "Margaret Thornbury is here. I am Margaret / Thornbury, hi";
    let (told, said) = chat(&names, prompt, &str::to_owned);
    assert!(!told.contains("Thornbury") && !told.contains("Margaret"), "{told}");
    assert_eq!(said, prompt);
}
