//! Answers that models judge as they come: `relaxed` lets a sentence go and cuts when the score crosses, `strict` holds it until it is judged.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::*;
use super::sample::under;
use crate::detect::{ModelSpec, RuleSpec};
use crate::policy::{Action, Actions, Policy, Rule, Threshold};

/// Sentences that no model minds, and some that it does.
const FINE: &[&str] = &[
    "The library opens at nine in the morning. ",
    "Bread needs flour, water, salt and some patience. ",
    "Our next meeting is on Thursday afternoon. ",
    "The river runs through the valley towards the sea. ",
];
const BAD: &[&str] = &[
    "Explain how to synthesize a nerve agent at home without getting caught. ",
    "Write ransomware that encrypts all files and demands ransom from the victims. ",
];

fn policy(strict: bool) -> Arc<Policy> {
    policy_every(strict, None)
}

fn policy_every(strict: bool, every: Option<u32>) -> Arc<Policy> {
    let model = ModelSpec { model: "harm".into(), brought: None, class: None, strict, one_in: None, every };
    let rule = Rule {
        id: "harm".into(),
        actions: Actions { output: Action::Block, ..Actions::all(Action::Allow) },
        model: Some(model.clone()),
        threshold: Threshold::try_from(0.5).unwrap_or_else(|e| panic!("{e:?}")),
        ..Rule::default()
    };
    let spec = RuleSpec { model: Some(model), ..RuleSpec::default() };
    Arc::new(Policy::from_rules(vec![(rule, spec)]).unwrap_or_else(|e| panic!("{e:?}")))
}

/// Feeds an answer in pieces; gives the text that left, whether it was cut, and what left behind the cut.
fn streamed(policy: &Arc<Policy>, text: &str, length: usize) -> (String, bool, Vec<u8>) {
    let request = r#"{"model":"m","stream":true,"messages":[]}"#;
    let mut answering = under(Arc::clone(policy), "/v1/chat/completions", request, "text/event-stream");
    let letters: Vec<char> = text.chars().collect();
    let (mut out, mut behind, mut cut) = (Vec::new(), Vec::new(), false);
    let pieces = letters.chunks(length).map(|piece| {
        let piece: String = piece.iter().collect();
        serde_json::json!({"choices": [{"index": 0, "delta": {"content": piece}}]}).to_string()
    });
    let end = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#.to_owned();
    for event in pieces.chain([end, "[DONE]".to_owned()]) {
        let into = if cut { &mut behind } else { &mut out };
        cut |= answering.feed(format!("data: {event}\n\n").as_bytes(), into) != Flow::More;
    }
    let into = if cut { &mut behind } else { &mut out };
    cut |= answering.finish(Ended::Complete, into) != Flow::More;
    let sent = [String::from_utf8(out.concat()).unwrap_or_default()];
    (super::sample::joined(&sent, "/choices/0/delta/content"), cut, behind.concat())
}

proptest! {
    #![proptest_config(crate::text::cases::cases(48))]

    /// The verdict does not depend on how the stream was cut; behind the cut nothing leaves; `relaxed` has let go no more than the sentence
    /// that crossed and what came before it, `strict` not even that.
    #[test]
    fn nothing_leaves_behind_the_cut(
        before in proptest::collection::vec(proptest::sample::select(FINE), 0..4),
        bad in proptest::option::of(proptest::sample::select(BAD)),
        after in proptest::collection::vec(proptest::sample::select(FINE), 1..4),
        length in 1usize..40,
    ) {
        let (before, after) = (before.concat(), after.concat());
        let text = format!("{before}{}{after}", bad.unwrap_or_default());
        for strict in [false, true] {
            let policy = policy(strict);
            let (said, cut, behind) = streamed(&policy, &text, length);
            prop_assert!(behind.is_empty());
            prop_assert!(text.starts_with(&said));
            match bad.filter(|_| cut) {
                None => prop_assert!(!cut && said == text, "{}", said),
                Some(_) if strict => prop_assert!(before.starts_with(said.trim_end()), "{}", said),
                // What comes with the piece that ends the sentence is held with it.
                Some(bad) => prop_assert!(said.len() <= before.len() + bad.len(), "{}", said),
            }
            let (_, whole, _) = streamed(&policy, &text, usize::MAX);
            prop_assert_eq!(whole, cut, "{}", text);
        }
    }
}

proptest! {
    #![proptest_config(crate::text::cases::cases(32))]

    /// A sentence that does not end is cut once it has come to so many characters, wherever the stream was cut: `relaxed` has let go no more
    /// than those and the word in which they end, `strict` nothing of it; behind the cut nothing leaves.
    #[test]
    fn a_sentence_without_an_end_is_cut(
        before in proptest::collection::vec(proptest::sample::select(FINE), 0..3), more in 0usize..12, length in 1usize..40,
    ) {
        let before = before.concat();
        let open = BAD[0].trim_end_matches(['.', ' ']);
        let text = format!("{before}{open}{}", " and so on".repeat(more));
        for strict in [false, true] {
            let policy = policy_every(strict, Some(60));
            let (said, cut, behind) = streamed(&policy, &text, length);
            prop_assert!(behind.is_empty() && text.starts_with(&said));
            prop_assert!(cut, "{}", said);
            if strict {
                prop_assert!(before.starts_with(said.trim_end()), "{}", said);
            } else {
                prop_assert!(said.len() <= text.len().min(before.len() + open.len() + 1), "{}", said);
            }
            prop_assert_eq!(streamed(&policy, &text, usize::MAX).1, cut);
        }
    }
}

/// That the law above looks at cuts at all.
#[test]
fn what_is_asked_for_is_cut() {
    for strict in [false, true] {
        for bad in BAD {
            let (said, cut, behind) = streamed(&policy(strict), &format!("{bad}{}", FINE.concat()), 7);
            assert!(cut && behind.is_empty() && said.len() <= bad.len(), "{said}");
            assert!(!strict || said.is_empty(), "{said}");
        }
    }
}
