//! The law of shadows: rules in shadow change no byte and hold nothing back. What leaves after each piece that came is what leaves without
//! them, whatever the rules, the text, the dialect and the cuts are; and what they would have done is on record.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::super::*;
use super::promises::{WIRES, answering, whole_answer, wire_case};
use super::sample;
use crate::audit::Receipt;
use crate::detect::{Around, Conditions, Folds, Keyword, PatternSpec, RuleSpec, When};
use crate::dialect::route;
use crate::policy::{Action, Actions, BlockAs, Rule, RuleState, Share, Unscanned};

/// Rules of which one holds back what another does not, in ways of all kinds.
pub(super) fn specs() -> Vec<RuleSpec> {
    let words = |words: &[&str], whole_word| {
        let keywords = words.iter().map(|w| Keyword { text: (*w).into(), whole_word }).collect();
        RuleSpec { keywords, ..RuleSpec::default() }
    };
    let pattern = |regex: &str, left| RuleSpec {
        patterns: vec![PatternSpec { regex: regex.into(), left, right: left, ..PatternSpec::default() }],
        ..RuleSpec::default()
    };
    let folds = Folds { separators: true, leet: true, repeats: true };
    let exact = Keyword { text: "glass orchard".into(), whole_word: false };
    let around = Around { words: vec!["hello".into()], within: 24 };
    let when = When { all: vec![0], not: vec![1], ahead: 12, ..When::default() };
    let group = |text: &str| vec![Keyword { text: text.into(), whole_word: true }];
    vec![
        words(&["glass orchard", "glass orchids in the hall"], false),
        words(&["敏感词汇", "敏感词汇表在这里"], false),
        words(&["cat", "catalogue of hello cats"], true),
        words(&["glass", "a.b", "concat"], true),
        pattern(r"[a-z]{1,9}@corp\.example", true),
        pattern("[0-9]{4,16}", false),
        RuleSpec { folds, ..words(&["hello", "orchard", "敏感词"], true) },
        RuleSpec {
            conditions: Conditions { except: vec![exact], ..Conditions::default() },
            ..words(&["glass"], false)
        },
        RuleSpec {
            conditions: Conditions { near: Some(around), ..Conditions::default() },
            ..words(&["orchard"], false)
        },
        RuleSpec {
            conditions: Conditions {
                groups: vec![group("glass"), group("cat")],
                when: Some(when),
                ..Conditions::default()
            },
            ..words(&["orchard", "hello"], false)
        },
    ]
}

/// What happens to one of the rules: it is not there, in some state, with some action.
type Fate = Option<(RuleState, Action)>;

fn fate() -> impl Strategy<Value = Fate> {
    let action = proptest::sample::select(vec![Action::Flag, Action::Mask, Action::Replace, Action::Block]);
    let never = Share::new(0.0).map_or(RuleState::Shadow, RuleState::Canary);
    let state = proptest::sample::select(vec![
        RuleState::Enforce,
        RuleState::Shadow,
        RuleState::Shadow,
        RuleState::Draft,
        RuleState::Retired,
        never,
    ]);
    prop_oneof![1 => Just(None), 6 => (state, action).prop_map(Some)]
}

/// The rules that are there, or of these only those in force.
fn policy(fates: &[Fate], enforced: bool) -> Arc<Policy> {
    let rules = specs().into_iter().zip(fates).enumerate().filter_map(|(n, (spec, fate))| {
        let (state, action) = (*fate).filter(|(state, _)| !enforced || *state == RuleState::Enforce)?;
        let rule = Rule {
            id: format!("p/{n}"),
            actions: Actions::all(action),
            marker: format!("[{n}]").into(),
            replacement: Some(format!("<{n}>").into()),
            state,
            ..Rule::default()
        };
        Some((rule, spec))
    });
    let policy = Policy::from_rules(rules.collect()).unwrap_or_else(|e| panic!("{e:?}"));
    Arc::new(policy.with(Unscanned::Block, BlockAs::Error))
}

/// What came out after each piece, with how the answer went on and how much was held then.
pub(super) fn steps(
    mut answering: Answering,
    bytes: &[u8],
    piece: usize,
) -> (Vec<(Vec<Bytes>, Flow, usize)>, Answering) {
    let mut steps = Vec::new();
    for part in bytes.chunks(piece.max(1)) {
        let mut out = Vec::new();
        let flow = answering.feed(part, &mut out);
        let over = flow != Flow::More;
        steps.push((out, flow, answering.held()));
        if over {
            return (steps, answering);
        }
    }
    let mut out = Vec::new();
    let flow = answering.finish(Ended::Complete, &mut out);
    steps.push((out, flow, answering.held()));
    (steps, answering)
}

/// Findings of rules in force, by the names of the rules.
fn enforced(policy: &Policy, noted: &[Noted]) -> Vec<(String, u32, u64, u64, Action)> {
    let noted = noted.iter().filter(|one| !one.shadow);
    noted.map(|n| (policy.rule(n.rule).id.clone(), n.channel, n.start, n.end, n.action)).collect()
}

proptest! {
    #![proptest_config(crate::text::cases::cases(160))]

    #[test]
    fn shadows_change_nothing_and_hold_nothing_back(
        (wire, case) in wire_case(),
        fates in proptest::collection::vec(fate(), specs().len()),
        piece in 1usize..160,
    ) {
        let wire = WIRES[wire % WIRES.len()];
        let (with, without) = (policy(&fates, false), policy(&fates, true));
        let (got, answer) = steps(answering(wire, &with, true), &case.bytes, piece);
        let (wanted, plain) = steps(answering(wire, &without, true), &case.bytes, piece);
        prop_assert_eq!(got, wanted, "{}", wire.name);
        prop_assert_eq!(answer.verdict(), plain.verdict());
        prop_assert_eq!(
            enforced(&with, &answer.answer_findings()),
            enforced(&without, &plain.answer_findings())
        );
        prop_assert_eq!(whole_answer(wire, &with, &case), whole_answer(wire, &without, &case), "{}", wire.name);
        let acts = |one: &Noted| with.state(one.rule) == RuleState::Enforce;
        for one in answer.answer_findings() {
            prop_assert_eq!(one.shadow, !acts(&one), "{:?}", one);
        }
    }

    #[test]
    fn shadows_change_no_prompt(
        texts in proptest::collection::vec(super::promises::text(), 1..4),
        fates in proptest::collection::vec(fate(), specs().len()),
    ) {
        let messages: Vec<_> = texts.iter().map(|t| serde_json::json!({"role": "user", "content": t})).collect();
        let body = Bytes::from(serde_json::json!({"model": "m", "messages": messages}).to_string());
        let judged = |policy: &Arc<Policy>| {
            let matched = route("POST", "/v1/chat/completions", false).map_err(|_| "no route");
            let terms = Terms::new(Arc::clone(policy), ExchangeLimits::default());
            let judged = Received::new(matched.expect("a route"), terms).judge(None, true, body.clone());
            judged.unwrap_or_else(|e| panic!("{e}"))
        };
        let (with, without) = (policy(&fates, false), policy(&fates, true));
        let (got, wanted) = (judged(&with), judged(&without));
        prop_assert_eq!(format!("{:?}", got.next()).replace("p/", ""), format!("{:?}", wanted.next()).replace("p/", ""));
        prop_assert_eq!(got.report().outcome, wanted.report().outcome);
        prop_assert_eq!(enforced(&with, &got.report().findings), enforced(&without, &wanted.report().findings));
    }
}

/// What a rule in shadow would have done is on record and is counted, and the client sees nothing of it.
#[test]
fn what_a_shadow_would_have_done_is_on_record() {
    let mut fates: Vec<Fate> = vec![None; specs().len()];
    fates[0] = Some((RuleState::Shadow, Action::Block));
    fates[5] = Some((RuleState::Enforce, Action::Mask));
    let policy = policy(&fates, false);
    let request = r#"{"stream":true,"messages":[{"role":"user","content":"a glass orchard"}]}"#;
    let mut answering =
        sample::under(Arc::clone(&policy), "/v1/chat/completions", request, "text/event-stream");
    let events: Vec<String> = ["the gl", "ass orch", "ard of 4111 x"]
        .map(|piece| sample::chat_event(0, r#""content":"PIECE""#, piece))
        .into();
    let sent = sample::run(&mut answering, &events);
    assert_eq!(sent.first().map(String::as_str), Some(format!("data: {}\n\n", events[0]).as_str()));
    assert_eq!(sample::joined(&sent, "/choices/0/delta/content"), "the glass orchard of [5] x");
    let report = answering.report();
    assert_eq!(report.outcome, Outcome::Rewrite);
    let records = record::findings(&policy, &report.findings);
    let said: Vec<_> = records.iter().map(|r| (r.rule.as_str(), r.direction, r.action, r.state)).collect();
    assert_eq!(
        said,
        [
            ("p/0", "prompt", "block", "shadow"),
            ("p/5", "output", "mask", ""),
            ("p/0", "output", "block", "shadow")
        ]
    );
    let counts: Vec<_> = report.counts.each().map(|(of, n)| (of.rule.0, of.shadow, n)).collect();
    assert_eq!((counts, report.found), (vec![(0, true, 1), (0, true, 1), (1, false, 1)], 3));
    drop(Receipt::forged());
}

/// A canary acts on the exchanges of its share, all their life, and watches the others.
#[test]
fn a_canary_acts_on_its_share() {
    let mut fates: Vec<Fate> = vec![None; specs().len()];
    let canary = |share| Share::new(share).map_or(RuleState::Shadow, RuleState::Canary);
    fates[0] = Some((canary(0.3), Action::Block));
    fates[4] = Some((canary(0.6), Action::Mask));
    let policy = policy(&fates, false);
    let mut acted = [0_u32; 3];
    for n in 0..2000 {
        let id = format!("{n:026}");
        let own = Arc::clone(&policy).of_exchange(&id);
        assert!(Arc::ptr_eq(&own, &Arc::clone(&policy).of_exchange(&id)));
        let acts =
            [0, 1].map(|rule| own.action(crate::detect::RuleId(rule), crate::policy::Direction::Output));
        let watched = own.shadow().map_or(0, |shadow| shadow.in_force().count());
        match acts {
            [Action::Block, Action::Mask] => assert_eq!(watched, 0),
            [Action::Allow, Action::Mask] => assert_eq!(watched, 1),
            [Action::Allow, Action::Allow] => assert_eq!(watched, 2),
            other => panic!("{other:?}"),
        }
        acted[watched] += 1;
        assert_eq!(own.version(), policy.version());
    }
    assert!(acted[0].abs_diff(600) < 80 && acted[1].abs_diff(600) < 80, "{acted:?}");
}
