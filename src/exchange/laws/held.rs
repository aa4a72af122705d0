//! The law of reviews: what a reviewer lets pass is what the client would have got from the first, had the reviewed rule blocked nothing;
//! however the stream was cut before and after.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::super::*;
use super::promises::{WIRES, answering, wire_case};
use super::shadow::{specs, steps};
use crate::audit::Receipt;
use crate::dialect::route;
use crate::policy::{Action, Actions, ReviewSettings, Rule};

/// The rules, each with its action; what the first finds is reviewed.
fn policy(first: Action, others: &[Action]) -> Arc<Policy> {
    let actions = std::iter::once(&first).chain(others);
    let rules = specs().into_iter().zip(actions).enumerate().map(|(n, (spec, action))| {
        let (id, marker) = (format!("p/{n}"), format!("[{n}]").into());
        (Rule { id, marker, actions: Actions::all(*action), ..Rule::default() }, spec)
    });
    let review = ReviewSettings { rules: vec!["p/0".into()], ..ReviewSettings::default() };
    Arc::new(Policy::from_rules(rules.collect()).unwrap_or_else(|e| panic!("{e:?}")).reviewed(review))
}

/// Where no more answers may wait, nobody is told that a person looks at his.
#[test]
fn nobody_is_told_of_a_review_for_which_there_is_no_place() {
    for (no_review, told) in [(false, true), (true, false)] {
        let path = "/v1/chat/completions";
        let matched = route("POST", path, false).unwrap_or_else(|_| panic!("{path}"));
        let mut terms = Terms::new(policy(Action::Block, &[]), ExchangeLimits::default());
        terms.client.exchange = Some(ExchangeId::random().expect("an id"));
        terms.client.no_review = no_review;
        let request = r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#;
        let judged = Received::new(matched, terms).judge(None, true, Bytes::from_static(request.as_bytes()));
        let mut answering = judged.unwrap_or_else(|e| panic!("{e}")).admit(Receipt::forged());
        assert!(answering.head(200, Some("application/json")).is_ok());
        let body = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"WORD"},"finish_reason":"stop"}]}"#;
        let body = body.replace("WORD", "glass orchard");
        let flow = answering.feed(body.as_bytes(), &mut Vec::new());
        if flow == Flow::More {
            answering.finish(Ended::Complete, &mut Vec::new());
        }
        assert_eq!(answering.awaits_review(), told);
        let error = answering.cut_by.expect("it is cut");
        assert_eq!(format!("{error:?}").contains(REVIEWS), told, "{error:?}");
    }
}

proptest! {
    #![proptest_config(crate::text::cases::cases(160))]

    #[test]
    fn what_is_let_pass_is_what_would_have_been(
        (wire, case) in wire_case(),
        others in proptest::collection::vec(
            proptest::sample::select(vec![Action::Allow, Action::Flag, Action::Mask, Action::Block]),
            specs().len() - 1,
        ),
        (piece, again) in (1usize..160, 1usize..160),
    ) {
        let wire = WIRES[wire % WIRES.len()];
        let (blocks, flags) = (policy(Action::Block, &others), policy(Action::Flag, &others));
        let (_, first) = steps(answering(wire, &blocks, true), &case.bytes, piece);
        if first.awaits_review() {
            let second = first.let_pass().ok_or_else(|| TestCaseError::fail("it can be read again"))?;
            let (got, read) = steps(second, &case.bytes, again);
            let (wanted, plain) = steps(answering(wire, &flags, true), &case.bytes, piece);
            let all = |steps: Vec<(Vec<Bytes>, Flow, usize)>| {
                steps.into_iter().flat_map(|(out, ..)| out).flatten().collect::<Vec<u8>>()
            };
            prop_assert_eq!(read.cut_by.is_some(), plain.cut_by.is_some());
            prop_assert!(!read.awaits_review());
            if plain.cut_by.is_none() {
                prop_assert_eq!(String::from_utf8(all(got)), String::from_utf8(all(wanted)), "{}", wire.name);
            }
        } else {
            // It was not the first rule that ended it, if one did.
            prop_assert!(first.cut_by.is_none() || others.contains(&Action::Block));
        }
    }
}
