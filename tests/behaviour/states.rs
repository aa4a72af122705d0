//! The life of a rule, seen from outside: in shadow it changes nothing and is on record, as a canary it acts on a share, and the next exchange
//! after a reload has it as the files say.

use std::fmt::Write as _;

use serde_json::Value;

use super::reload::{Files, RULES, generation, status};
use super::{Fake, Gateway, Step, answer, chat, event, wait_for};

fn rule(state: &str) -> String {
    format!(
        "[[rule]]\nid = \"word\"\ntitle = \"t\"\ncategory = \"WORD\"\naction = \"block\"\n{state}\nwhole_word = false\n\
         keywords = [\"forbidden fruit\"]\nexamples = [\"a forbidden fruit\"]\ncounter_examples = [\"nothing\"]\n\
         [[rule]]\nid = \"mask\"\ntitle = \"t\"\ncategory = \"WORD\"\naction = \"mask\"\nwhole_word = false\n\
         keywords = [\"maskme\"]\nexamples = [\"maskme\"]\ncounter_examples = [\"nothing\"]\n"
    )
}

fn gateway(fake: &Fake, state: &str) -> (Gateway, std::path::PathBuf) {
    let files = Files::new(fake.address, "unused");
    files.write(RULES, &rule(state));
    files.start()
}

fn counted(gateway: &Gateway, family: &str, direction: &str) -> f64 {
    gateway.metric(&format!(
        "sluicegate_{family}_total{{action=\"block\",direction=\"{direction}\",rule=\"p/word\"}}"
    ))
}

fn exchange(answer: &super::Answer) -> &str {
    answer.field("x-sluicegate-exchange").unwrap_or_default()
}

fn states(record: &Value) -> Vec<(&str, &str, &str)> {
    let findings = record["findings"].as_array().expect("a list");
    findings
        .iter()
        .map(|f| {
            (
                f["rule"].as_str().unwrap_or("-"),
                f["action"].as_str().unwrap_or("-"),
                f["state"].as_str().unwrap_or("-"),
            )
        })
        .collect()
}

/// A rule that blocks lets everything pass while it is in shadow, byte by byte and event by event, and is in the record and the metrics.
#[test]
fn a_shadow_lets_everything_pass_and_is_on_record() {
    let mut stream = String::new();
    for piece in ["the forb", "idden fr", "uit and maskme"] {
        stream += &event(piece);
    }
    // What a rule in force finds is rewritten as ever, and nothing else is.
    let wanted = stream.replace("maskme", "[WORD]");
    let stop = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let fake = Fake::stream(vec![Step::Send((stream + stop).into())]);
    let (gateway, _) = gateway(&fake, "state = \"shadow\"");
    let got = gateway.post("/v1/chat/completions", &chat("a forbidden fruit", true));
    assert_eq!((got.status, got.body.as_str()), (200, (wanted + stop).as_str()));
    assert_ne!(got.field("x-sluicegate-verdict"), Some("block"));
    assert!(fake.seen().concat().contains("a forbidden fruit"));
    assert!(wait_for(|| counted(&gateway, "shadow_findings", "output") == 1.0));
    assert_eq!(counted(&gateway, "shadow_findings", "prompt"), 1.0);
    for direction in ["prompt", "output"] {
        assert_eq!(counted(&gateway, "findings", direction), 0.0);
    }
    let runs = status(&gateway);
    assert_eq!(runs["active"]["states"]["p/word"], "shadow", "{runs}");
    let (admission, end) = gateway.records().pop().expect("a record");
    let end = end.expect("an end");
    assert_eq!(
        (&admission["verdict"], &end["verdict"], &end["ended"]),
        (&"allow".into(), &"rewrite".into(), &"complete".into())
    );
    assert_eq!(states(&admission), [("p/word", "block", "shadow")]);
    assert_eq!(states(&end), [("p/mask", "mask", "-"), ("p/word", "block", "shadow")]);
    assert_eq!(admission["policy_version"], runs["active"]["version"]);
    assert_eq!(end["policy_version"], runs["active"]["version"]);
}

/// A canary blocks a share of the exchanges and watches the others; which it is, everybody can say who has the id.
#[test]
fn a_canary_acts_on_its_share() {
    use sluicegate::policy::{Bucket, RuleState, Share};
    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", answer("fine").as_bytes());
    let (gateway, _) = gateway(&fake, "state = \"canary\"\nshare = 0.3");
    let state = RuleState::Canary(Share::new(0.3).expect("a share"));
    let mut blocked = 0;
    for _ in 0..300 {
        let got = gateway.post("/v1/chat/completions", &chat("a forbidden fruit", false));
        let acts = state.acts(Bucket::of(exchange(&got).as_bytes()));
        assert_eq!(got.status, if acts { 400 } else { 200 }, "{got:?}");
        blocked += u32::from(acts);
    }
    assert!((50..130).contains(&blocked), "{blocked}");
    assert_eq!(counted(&gateway, "findings", "prompt"), f64::from(blocked));
    assert_eq!(counted(&gateway, "shadow_findings", "prompt"), f64::from(300 - blocked));
    assert_eq!(status(&gateway)["active"]["states"]["p/word"]["canary"], 0.3);
    for (admission, _) in gateway.records() {
        let state = if admission["verdict"] == "block" { "canary" } else { "shadow" };
        assert_eq!(states(&admission), [("p/word", "block", state)]);
    }
}

/// From shadow to enforce and on to retired: the next exchange has it.
#[test]
fn a_reload_moves_a_rule_on() {
    let fake = Fake::whole("200 OK", "content-type: application/json\r\n", answer("fine").as_bytes());
    let (gateway, root) = gateway(&fake, "state = \"shadow\"");
    let ask = || gateway.post("/v1/chat/completions", &chat("a forbidden fruit", false)).status;
    assert_eq!(ask(), 200);
    let mut versions = vec![status(&gateway)["active"]["version"].to_string()];
    let mut said = String::new();
    for (state, wanted) in [
        ("state = \"enforce\"", 400),
        ("state = \"retired\"", 200),
        ("state = \"draft\"", 200),
        ("", 400),
        ("state = \"shadow\"", 200),
    ] {
        let before = generation(&gateway);
        super::reload::put(&root.join(RULES), &rule(state));
        assert!(wait_for(|| generation(&gateway) > before), "{state}");
        assert_eq!(ask(), wanted, "{state}");
        let _ = write!(said, "{} ", status(&gateway)["active"]["states"]["p/word"]);
        versions.push(status(&gateway)["active"]["version"].to_string());
    }
    assert_eq!(said, "null \"retired\" \"draft\" null \"shadow\" ");
    versions.sort_unstable();
    versions.dedup();
    // `enforce` is what a rule is that says nothing, but other words are another text.
    assert!(versions.len() >= 5, "{versions:?}");
    // The configuration has the last word, and needs no change of the rules.
    let config = std::fs::read_to_string(root.join("gateway.toml")).expect("a file");
    for (states, wanted) in [
        ("\"p/word\" = \"enforce\"", 400),
        ("\"p/*\" = \"shadow\"", 200),
        ("\"p/word\" = { canary = 1.0 }", 400),
    ] {
        let before = generation(&gateway);
        super::reload::put(&root.join("gateway.toml"), &format!("{config}[policy.states]\n{states}\n"));
        assert!(wait_for(|| generation(&gateway) > before), "{states}: {}", status(&gateway));
        assert_eq!(ask(), wanted, "{states}");
    }
}
