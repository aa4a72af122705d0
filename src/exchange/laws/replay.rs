//! What is on record of an exchange, read again under the policy that decided, comes to the same.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::super::replay::{NotReplayed, Recorded, rejudge, replay};
use super::super::*;
use super::sample::STREAMS;
use crate::audit::{FindingRecord, Receipt, RequestHead};
use crate::detect::{Keyword, RuleSpec};
use crate::dialect::{Fault, route};
use crate::policy::{Action, Actions, BlockAs, Direction, Rule, Unscanned};

const WHOLE: &[(&str, &str, &str)] = &[
    (
        "/v1/chat/completions",
        r#"{"model":"m","messages":[{"role":"user","content":"tell me of pears and quinces"}]}"#,
        r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"pears ripen late, quinces later"},"finish_reason":"stop"}]}"#,
    ),
    (
        "/v1/messages",
        r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"tell me of pears"}]}"#,
        r#"{"id":"m","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"pears ripen late"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":2}}"#,
    ),
    (
        "/v1beta/models/m:generateContent",
        r#"{"contents":[{"role":"user","parts":[{"text":"of pears"}]}]}"#,
        r#"{"candidates":[{"content":{"role":"model","parts":[{"text":"pears ripen late"}]},"finishReason":"STOP","index":0}]}"#,
    ),
    (
        "/api/chat",
        r#"{"model":"m","stream":false,"messages":[{"role":"user","content":"of pears"}]}"#,
        r#"{"model":"m","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"pears ripen late"},"done":true,"done_reason":"stop"}"#,
    ),
    (
        "/v1/chat/completions",
        r#"{"model":"m","messages":[]}"#,
        "the server is ripe for a rest, late as it is",
    ),
];

fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| word.len() > 2);
    let mut words: Vec<String> = words.map(str::to_lowercase).collect();
    words.sort_unstable();
    words.dedup();
    words
}

fn policy(rules: &[(String, Action)], unscanned: Unscanned) -> Arc<Policy> {
    let rule = |(n, (word, action)): (usize, &(String, Action))| {
        let keywords = vec![Keyword { text: word.clone(), whole_word: false }];
        let rule = Rule {
            id: format!("r/{n}"),
            actions: Actions::all(*action),
            marker: "[X]".into(),
            ..Rule::default()
        };
        (rule, RuleSpec { keywords, ..RuleSpec::default() })
    };
    let policy = Policy::from_rules(rules.iter().enumerate().map(rule).collect());
    Arc::new(policy.unwrap_or_else(|e| panic!("{e:?}")).with(unscanned, BlockAs::Error))
}

/// An exchange as a gateway drives it, and what it puts on record.
struct Run {
    recorded: Recorded,
    request: Vec<FindingRecord>,
    answer: Option<Vec<FindingRecord>>,
    outcome: Outcome,
    kept: Vec<u8>,
}

fn run(
    policy: &Arc<Policy>,
    (path, request, media, body): (&str, &str, &str, &[u8]),
    status: u16,
    cut: usize,
    left: usize,
) -> Run {
    let matched = route("POST", path, path.ends_with("/messages")).unwrap_or_else(|_| panic!("{path}"));
    let mut recorded = Recorded {
        dialect: matched.dialect.name().into(),
        operation: matched.operation.name.into(),
        model: "m".into(),
        ..Recorded::default()
    };
    let terms = Terms::new(Arc::clone(policy), ExchangeLimits::default());
    let judged = Received::new(matched, terms)
        .judge(None, true, Bytes::copy_from_slice(request.as_bytes()))
        .unwrap_or_else(|e| panic!("{path}: {e}"));
    let request = record::findings(policy, &judged.report().findings);
    let asked = judged.report().outcome;
    if !matches!(judged.next(), Next::Forward { .. }) {
        recorded.ended = "refused".into();
        return Run { recorded, request, answer: None, outcome: asked, kept: Vec::new() };
    }
    recorded.upstream_status = status;
    let mut answering = judged.admit(Receipt::forged());
    let (mut kept, mut out) = (Vec::new(), Vec::new());
    let mut flow = match answering.head(status, Some(media)) {
        Ok(_) => Flow::More,
        Err(_) => Flow::Cut,
    };
    let leaves = left < body.len();
    for piece in body.get(..left.min(body.len())).unwrap_or_default().chunks(cut) {
        if flow != Flow::More {
            break;
        }
        kept.extend_from_slice(piece);
        flow = answering.feed(piece, &mut out);
    }
    if flow == Flow::More && !leaves {
        flow = answering.finish(Ended::Complete, &mut out);
    }
    (recorded.ended, recorded.error) = match &answering.cut_by {
        Some(error) if error.kind.fault() == Fault::Upstream => {
            ("upstream_failed".into(), error.kind.code().into())
        }
        Some(error) => ("cut".into(), error.kind.code().into()),
        None if flow == Flow::More && leaves => ("client_left".into(), String::new()),
        None if answering.no_end_sign => ("no_end_sign".into(), String::new()),
        None => ("complete".into(), String::new()),
    };
    let answer = Some(record::findings(answering.policy(), &answering.answer_findings()));
    Run { recorded, request, answer, outcome: answering.verdict(), kept }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn the_policy_that_decided_decides_the_same(
        which in 0..STREAMS.len() + WHOLE.len(),
        picks in prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize), 0..4),
        cut in 1..400_usize,
        left in prop_oneof![3 => Just(usize::MAX), 1 => 0..6000_usize],
        knows in any::<bool>(),
        status in prop_oneof![4 => Just(200_u16), 1 => Just(503)],
    ) {
        let call = if let Some((path, request, media, body)) = STREAMS.get(which) {
            (*path, *request, *media, body.as_bytes())
        } else {
            let (path, request, body) = WHOLE[which - STREAMS.len()];
            let media = if body.starts_with('{') { "application/json" } else { "text/plain" };
            (path, request, media, body.as_bytes())
        };
        let known = words(&format!("{} {}", call.1, String::from_utf8_lossy(call.3)));
        let actions = [Action::Flag, Action::Mask, Action::Replace, Action::Block];
        let rules: Vec<(String, Action)> = picks.iter().map(|(word, action)| (word.get(&known).clone(), actions[*action])).collect();
        let policy = policy(&rules, Unscanned::Block);
        let mut one = run(&policy, call, status, cut, left);
        one.recorded.head =
            knows.then(|| RequestHead { path: call.0.into(), json: true, ..RequestHead::default() });
        let terms = Terms::new(Arc::clone(&policy), ExchangeLimits::default());
        let again = replay(terms, &one.recorded, Bytes::copy_from_slice(call.1.as_bytes()), Some(&one.kept));
        let again = again.map_err(|e| TestCaseError::fail(format!("{e}: {:?}", one.recorded)))?;
        prop_assert_eq!(&again.request, &one.request);
        prop_assert_eq!(&again.answer, &one.answer, "{:?}", one.recorded);
        prop_assert_eq!(again.outcome, one.outcome, "{:?}", one.recorded);
        // From what is on record alone, each rule does the same.
        for found in again.request.iter().chain(again.answer.iter().flatten()) {
            let direction = Direction::ALL.into_iter().find(|d| d.as_str() == found.direction).expect("a direction");
            let did = rejudge(&policy, &found.rule, direction, found.score);
            prop_assert_eq!(did.map(|(action, shadow)| (action.as_str(), shadow)), Some((found.action, false)));
        }
    }
}

/// What was kept in part is told from what was whole.
#[test]
fn a_part_is_no_whole() {
    let policy = policy(&[("pears".into(), Action::Flag)], Unscanned::Block);
    let (path, request, body) = WHOLE[0];
    let one = run(&policy, (path, request, "application/json", body.as_bytes()), 200, 99, usize::MAX);
    let again = |recorded: &Recorded, request: &'static str, kept: &[u8]| {
        let terms = Terms::new(Arc::clone(&policy), ExchangeLimits::default());
        replay(terms, recorded, Bytes::from_static(request.as_bytes()), Some(kept))
    };
    assert!(again(&one.recorded, request, &one.kept).is_ok());
    let part = again(&one.recorded, request, &one.kept[..40]);
    assert!(matches!(part, Err(NotReplayed::Answer("upstream_invalid_response"))), "{part:?}");
    let part = again(&one.recorded, r#"{"model":"m","mess"#, &one.kept);
    assert!(matches!(part, Err(NotReplayed::Request("invalid_request"))), "{part:?}");
    let unknown = Recorded { operation: "chat.nonsense".into(), ..one.recorded };
    assert_eq!(again(&unknown, request, &one.kept), Err(NotReplayed::Call));
}
