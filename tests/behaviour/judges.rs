//! Judges that are called: what they say becomes part of what the policy decides, and what they do not say too.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluicegate::detect::{ModelSpec, RuleSpec};
use sluicegate::diag::Time;
use sluicegate::policy::{Action, Actions, JudgeSpec, Policy, Rule, Threshold};
use sluicegate::upstream::Credential;
use sluicegate::upstream::judge::{BreakerSettings, CacheSettings, JudgeSettings, OnFailure};

use super::{Fake, Gateway, Step, Wishes, answer, chat, event, wait_for};

/// A judge of one's own: it finds what has the word `evil`, and keeps what it was asked.
struct Stub {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Value>>>,
    /// How many questions it has at the same time, and the most that there were.
    at_once: Arc<(AtomicUsize, AtomicUsize)>,
    /// It answers only once this is set.
    go: Arc<AtomicBool>,
}

type Says = Arc<dyn Fn(&Value) -> Vec<u8> + Send + Sync>;

fn whole(body: &str) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

impl Stub {
    fn new() -> Self {
        Self::saying(Arc::new(|asked: &Value| {
            let evil = asked["text"].as_str().is_some_and(|text| text.contains("evil"));
            let findings = if evil { json!([{ "category": "VIOLENCE", "score": 0.9 }]) } else { json!([]) };
            whole(&json!({ "findings": findings }).to_string())
        }))
    }

    fn saying(says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let stub = Self {
            address: listener.local_addr().expect("an address"),
            seen: Arc::default(),
            at_once: Arc::default(),
            go: Arc::new(AtomicBool::new(true)),
        };
        let (seen, at_once, go) = (Arc::clone(&stub.seen), Arc::clone(&stub.at_once), Arc::clone(&stub.go));
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let (seen, at_once, go, says) =
                    (Arc::clone(&seen), Arc::clone(&at_once), Arc::clone(&go), Arc::clone(&says));
                std::thread::spawn(move || {
                    let Some(asked) = question(&socket) else { return };
                    let now = at_once.0.fetch_add(1, Ordering::AcqRel) + 1;
                    at_once.1.fetch_max(now, Ordering::AcqRel);
                    seen.lock().expect("a lock").push(asked.clone());
                    wait_for(|| go.load(Ordering::Acquire));
                    // Who has left does not read it.
                    let _ = (&socket).write_all(&says(&asked));
                    at_once.0.fetch_sub(1, Ordering::AcqRel);
                });
            }
        });
        stub
    }

    fn asked(&self) -> Vec<Value> {
        self.seen.lock().expect("a lock").clone()
    }

    fn settings(&self) -> JudgeSettings {
        settings("webhook", &format!("http://{}/judge", self.address))
    }
}

/// The body of one request.
fn question(mut socket: &TcpStream) -> Option<Value> {
    let (mut got, mut space) = (Vec::new(), [0; 65536]);
    loop {
        if let Some(end) = memchr::memmem::find(&got, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&got[..end]).to_ascii_lowercase();
            let length: usize =
                head.lines().find_map(|l| l.strip_prefix("content-length:")?.trim().parse().ok())?;
            if got.len() >= end + 4 + length {
                return serde_json::from_slice(&got[end + 4..]).ok();
            }
        }
        match socket.read(&mut space) {
            Ok(n) if n > 0 => got.extend_from_slice(&space[..n]),
            _ => return None,
        }
    }
}

fn settings(kind: &str, url: &str) -> JudgeSettings {
    let text =
        format!("name = \"guard\"\nkind = \"{kind}\"\nurl = \"{url}\"\ntimeout = \"2 s\"\nretries = 0");
    toml::from_str(&text).expect("settings")
}

fn spec(band: Option<(f32, f32)>, strict: bool) -> Arc<JudgeSpec> {
    Arc::new(JudgeSpec { judge: "guard".into(), judged_as: Vec::new(), band, strict })
}

fn rule(actions: Actions, judge: Arc<JudgeSpec>) -> Rule {
    Rule {
        id: "test/violence".into(),
        title: "violence".into(),
        category: "VIOLENCE".into(),
        actions,
        marker: "[VIOLENCE]".into(),
        judge: Some(judge),
        ..Rule::default()
    }
}

fn policy(rule: Rule, spec: RuleSpec) -> Arc<Policy> {
    Arc::new(Policy::from_rules(vec![(rule, spec)]).expect("the rule compiles"))
}

/// A gateway with a rule that blocks what the judge calls violence.
fn gateway(upstream: &Fake, judge: JudgeSettings, strict: bool) -> Gateway {
    let rule = rule(Actions::all(Action::Block), spec(None, strict));
    with_policy(upstream, judge, policy(rule, RuleSpec::default()))
}

fn with_policy(upstream: &Fake, judge: JudgeSettings, policy: Arc<Policy>) -> Gateway {
    let wishes = Wishes {
        policy: Some(policy),
        canary_rule: false,
        judges: vec![(judge, Credential::None)],
        ..Wishes::default()
    };
    Gateway::new(Some(upstream.address), &wishes)
}

const CHAT: &str = "/v1/chat/completions";

#[test]
fn a_prompt_is_blocked_since_a_judge_says_so() {
    let (judge, upstream) = (Stub::new(), Fake::whole("200 OK", JSON, answer("fine").as_bytes()));
    let gateway = gateway(&upstream, judge.settings(), true);
    let fine = gateway.post(CHAT, &chat("a harmless question", false));
    assert_eq!((fine.status, upstream.seen().len()), (200, 1), "{}", fine.body);
    let evil = gateway.post(CHAT, &chat("an evil question", false));
    assert_eq!(evil.status, 400, "{}", evil.body);
    assert!(evil.body.contains("test/violence"), "{}", evil.body);
    assert_eq!(upstream.seen().len(), 1, "it never left");
    let asked = judge.asked();
    let texts: Vec<&str> = asked.iter().filter_map(|one| one["text"].as_str()).collect();
    assert_eq!(texts, ["a harmless question", "fine", "an evil question"]);
    assert_eq!(asked[1]["side"], "answer");
    assert_eq!(asked[1]["asked"], "a harmless question");
    let metric = |name: &str| gateway.metric(name);
    assert_eq!(metric("sluicegate_judge_questions_total{judge=\"guard\",outcome=\"asked\"}"), 3.0);
    assert_eq!(metric("sluicegate_judge_effects_total{effect=\"found\",judge=\"guard\"}"), 1.0);
    assert_eq!(metric("sluicegate_judge_effects_total{effect=\"clear\",judge=\"guard\"}"), 2.0);
    assert_eq!(metric("sluicegate_judge_seconds_count{judge=\"guard\"}"), 3.0);
    let records = gateway.records();
    let finding = &records[1].0["findings"][0];
    assert_eq!((&finding["judge"], &finding["judge_category"]), (&json!("guard"), &json!("VIOLENCE")));
    assert_eq!((&finding["start"], &finding["end"]), (&json!(0), &json!(16)));
    assert!(records[0].0["findings"].as_array().is_some_and(Vec::is_empty));
}

const JSON: &str = "content-type: application/json\r\n";
