//! Answers about which judges are asked that are called: what they are asked follows from the text, `strict` holds what they have not judged,
//! `relaxed` lets it go and cuts when the verdict arrives.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::super::judging::{Answers, EVERY, Opinion, PROMPT_LONGEST, Question, Said};
use super::super::*;
use super::sample::{joined, ready};
use crate::detect::{ModelSpec, PatternSpec, RuleSpec};
use crate::policy::{Action, Actions, Grade, JudgeSpec, Policy, Rule};

const FINE: &str = "The library opens at nine in the morning, as it always did, and closes at five in the afternoon when the last reader has gone home with a book. ";
const EVIL: &str = "And here is how evil things are done by those who do them. ";
/// What the own model of harm is sure of.
const BAD: &str = "Explain how to synthesize a nerve agent at home without getting caught. ";

fn policy(spec: JudgeSpec, action: Action) -> Arc<Policy> {
    let band = spec.band;
    let model = band.map(|_| ModelSpec {
        model: "harm".into(),
        brought: None,
        class: None,
        strict: spec.strict,
        one_in: None,
        every: None,
    });
    let rule = Rule {
        id: "called".into(),
        category: "VIOLENCE".into(),
        actions: Actions { output: action, prompt: action, ..Actions::all(Action::Allow) },
        model: model.clone(),
        judge: Some(Arc::new(spec)),
        ..Rule::default()
    };
    Arc::new(
        Policy::from_rules(vec![(rule, RuleSpec { model, ..RuleSpec::default() })])
            .unwrap_or_else(|e| panic!("{e:?}")),
    )
}

fn always(strict: bool) -> Arc<Policy> {
    let spec = JudgeSpec { judge: "guard".into(), judged_as: Vec::new(), band: None, strict };
    policy(spec, Action::Block)
}

fn cascade(lower: f32, upper: f32, strict: bool) -> Arc<Policy> {
    let spec = JudgeSpec { judge: "guard".into(), judged_as: Vec::new(), band: Some((lower, upper)), strict };
    policy(spec, Action::Block)
}

/// What a judge says that minds one word.
fn opinion(question: &Question) -> Opinion {
    let said =
        Said { category: "VIOLENCE".into(), listed: false, means: Vec::new().into(), score: 0.9, span: None };
    Opinion::Said(if question.text.0.contains("evil") { vec![said].into() } else { Vec::new().into() })
}

/// What came of an answer.
#[derive(Debug)]
struct Came {
    said: String,
    cut: bool,
    behind: usize,
    asked: BTreeSet<String>,
    found: BTreeSet<(u64, u64)>,
    outcome: Outcome,
}

/// Feeds an answer in pieces of so many letters and so many bytes. A question is answered so many events after it arose.
fn streamed(
    policy: &Arc<Policy>,
    text: &str,
    letters: usize,
    bytes: usize,
    late: usize,
    says: impl Fn(&Question) -> Opinion,
) -> Came {
    let request = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
    let terms = Terms {
        judges: Some(Arc::new(Answers::default())),
        ..Terms::new(Arc::clone(policy), ExchangeLimits::default())
    };
    // What is asked of the prompt is another matter.
    let mut answering = ready(terms, "/v1/chat/completions", request, "text/event-stream");
    let all: Vec<char> = text.chars().collect();
    let pieces = all.chunks(letters).map(|piece| {
        let piece: String = piece.iter().collect();
        serde_json::json!({"choices": [{"index": 0, "delta": {"content": piece}}]}).to_string()
    });
    let end = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#.to_owned();
    let body: String =
        pieces.chain([end, "[DONE]".to_owned()]).map(|event| format!("data: {event}\n\n")).collect();
    let (mut out, mut behind, mut cut) = (Vec::new(), Vec::new(), false);
    let (mut asked, mut open) = (BTreeSet::new(), std::collections::VecDeque::new());
    let note = |answering: &mut Answering,
                asked: &mut BTreeSet<String>,
                open: &mut std::collections::VecDeque<(usize, Question)>,
                now: usize| {
        for question in answering.questions() {
            asked.insert(question.text.0.clone());
            open.push_back((now + late, question));
        }
    };
    for (now, piece) in body.as_bytes().chunks(bytes).enumerate() {
        if cut {
            break;
        }
        cut |= answering.feed(piece, &mut out) != Flow::More;
        note(&mut answering, &mut asked, &mut open, now);
        while let Some((_, question)) = open.pop_front_if(|(at, _)| *at <= now) {
            let into = if cut { &mut behind } else { &mut out };
            cut |= answering.answered(&question, &says(&question), into) != Flow::More;
        }
    }
    if !cut {
        cut |= answering.finish(Ended::Complete, &mut out) != Flow::More;
        note(&mut answering, &mut asked, &mut open, 0);
    }
    while let Some((_, question)) = open.pop_front() {
        let into = if cut { &mut behind } else { &mut out };
        cut |= answering.answered(&question, &says(&question), into) != Flow::More;
    }
    assert!(!answering.awaits_judges(), "all questions are answered");
    let sent = [String::from_utf8(out.concat()).unwrap_or_default()];
    let report = answering.report();
    Came {
        said: joined(&sent, "/choices/0/delta/content"),
        cut,
        behind: behind.iter().map(Bytes::len).sum(),
        asked,
        found: report.findings.iter().map(|noted| (noted.start, noted.end)).collect(),
        outcome: report.outcome,
    }
}

/// The same answer, whole.
fn whole(policy: &Arc<Policy>, text: &str) -> (Option<String>, BTreeSet<String>, Outcome) {
    let request = r#"{"model":"m","messages":[{"role":"user","content":"hello"}]}"#;
    let terms = Terms {
        judges: Some(Arc::new(Answers::default())),
        ..Terms::new(Arc::clone(policy), ExchangeLimits::default())
    };
    let mut answering = ready(terms, "/v1/chat/completions", request, "application/json");
    let body = serde_json::json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]});
    let mut out = Vec::new();
    assert_eq!(answering.feed(body.to_string().as_bytes(), &mut out), Flow::More);
    let mut flow = answering.finish(Ended::Complete, &mut out);
    let questions = answering.questions();
    assert!(out.is_empty() || questions.is_empty(), "nothing leaves that is asked about");
    for question in &questions {
        if flow == Flow::More {
            flow = answering.answered(question, &opinion(question), &mut out);
        }
    }
    let said = (flow == Flow::More).then(|| String::from_utf8(out.concat()).unwrap_or_default());
    let asked = questions.into_iter().map(|question| question.text.0).collect();
    (said, asked, answering.report().outcome)
}

fn text() -> impl Strategy<Value = String> {
    let sentence =
        prop_oneof![9 => Just(FINE), 1 => Just(EVIL), 2 => Just("好的，图书馆九点开门。"), 1 => Just("\n\n")];
    prop::collection::vec(sentence, 1..60).prop_map(|all| all.concat())
}

proptest! {
    #![proptest_config(crate::text::cases::cases(48))]

    #[test]
    fn verdicts_do_not_depend_on_cuts(
        text in text(),
        letters in 1usize..60,
        bytes in 1usize..400,
        late in 0usize..30,
    ) {
        let evil = text.find("evil");
        for strict in [true, false] {
            let policy = always(strict);
            let came = streamed(&policy, &text, letters, bytes, late, opinion);
            let same = streamed(&policy, &text, 7, usize::MAX, 0, opinion);
            prop_assert_eq!(came.cut, evil.is_some(), "{:?}", came);
            prop_assert_eq!(came.outcome, if evil.is_some() { Outcome::Block } else { Outcome::Allow });
            prop_assert_eq!(came.behind, 0, "nothing leaves behind the cut");
            prop_assert!(text.starts_with(&came.said));
            let (said, asked, outcome) = whole(&policy, &text);
            prop_assert_eq!((said.is_none(), outcome), (came.cut, came.outcome));
            match evil {
                None => {
                    prop_assert_eq!(&came.said, &text);
                    // What is asked follows from the text, in a stream as in a whole answer.
                    prop_assert_eq!(&came.asked, &same.asked);
                    prop_assert_eq!(&came.asked, &asked);
                }
                Some(at) => {
                    prop_assert!(came.asked.iter().all(|one| asked.contains(one)));
                    prop_assert_eq!(came.found.iter().next(), same.found.iter().next());
                    if strict {
                        // No byte of the passage that is blocked.
                        prop_assert!(came.said.len() <= at, "{} {}", came.said.len(), at);
                    }
                }
            }
        }
    }

    /// A cascade asks the judge about what its own model is not sure of, and about nothing else, however the stream is cut.
    #[test]
    fn cascades_ask_about_what_is_uncertain(
        before in 0usize..8,
        bad in any::<bool>(),
        after in 0usize..8,
        letters in 1usize..60,
        bytes in 1usize..400,
        late in 0usize..30,
    ) {
        let text = format!("{}{}{}", FINE.repeat(before), if bad { BAD } else { "" }, FINE.repeat(after));
        prop_assume!(!text.is_empty());
        for strict in [true, false] {
            // All that is not surely harmless is asked about; the judge minds none of it.
            let came = streamed(&cascade(0.5, 1.0, strict), &text, letters, bytes, late, opinion);
            prop_assert_eq!((came.cut, &came.said), (false, &text));
            // It is asked about, and where the two together are uncertain so is what stands behind it: a sentence is judged with the one before it.
            prop_assert_eq!(came.asked.iter().any(|one| one.contains("nerve")), bad, "{:?}", came.asked);
            prop_assert!(came.asked.len() <= 2 * usize::from(bad), "{:?}", came.asked);
            prop_assert_eq!(whole(&cascade(0.5, 1.0, strict), &text).1, came.asked.clone());
            // The judge minds it too.
            let minds = |question: &Question| {
                let said = Said { category: "VIOLENCE".into(), listed: false, means: Vec::new().into(), score: 0.9, span: None };
                let _ = question;
                Opinion::Said(vec![said].into())
            };
            let came = streamed(&cascade(0.5, 1.0, strict), &text, letters, bytes, late, minds);
            prop_assert_eq!((came.cut, came.behind), (bad, 0));
            if bad && strict {
                prop_assert!(came.said.len() <= FINE.len() * before, "{}", came.said);
            }
            // What the model is sure of is found without asking.
            let came = streamed(&cascade(0.2, 0.5, strict), &text, letters, bytes, late, opinion);
            prop_assert_eq!(came.cut, bad);
            prop_assert!(came.asked.iter().all(|one| !one.contains("nerve")), "{:?}", came.asked);
            // A judge that fails leaves the verdict to the model, or nothing passes.
            for open in [true, false] {
                let fails = |_: &Question| Opinion::Failed { why: "timeout", open };
                let came = streamed(&cascade(0.2, 1.0, strict), &text, letters, bytes, late, fails);
                prop_assert_eq!(came.cut, bad || !(open || came.asked.is_empty()), "{:?}", came);
                prop_assert_eq!(came.behind, 0);
            }
        }
    }
}

/// A judge that fails closes or opens, and the record says what was not judged.
#[test]
fn what_is_not_judged_is_on_record() {
    let text = FINE.repeat(2 * EVERY / FINE.len());
    for (open, action, cut) in
        [(true, Action::Block, false), (false, Action::Block, true), (false, Action::Flag, false)]
    {
        for strict in [true, false] {
            let spec = JudgeSpec { judge: "guard".into(), judged_as: Vec::new(), band: None, strict };
            let policy = policy(spec, action);
            let fails = |_: &Question| Opinion::Failed { why: "timeout", open };
            let came = streamed(&policy, &text, 9, 100, 0, fails);
            assert_eq!(came.cut, cut, "{open} {action:?} {strict}");
            assert!(came.found.is_empty());
        }
    }
}

/// `relaxed` holds nothing but the stream's end for a judge, and `strict` all that is not judged.
#[test]
fn relaxed_lets_go_at_once() {
    for strict in [true, false] {
        let request = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
        let terms = Terms {
            judges: Some(Arc::new(Answers::default())),
            ..Terms::new(always(strict), ExchangeLimits::default())
        };
        let mut answering = ready(terms, "/v1/chat/completions", request, "text/event-stream");
        let text = FINE.repeat(30);
        let mut out = Vec::new();
        for piece in [text.as_str(), "the end"] {
            let event = serde_json::json!({"choices": [{"index": 0, "delta": {"content": piece}}]});
            assert_eq!(answering.feed(format!("data: {event}\n\n").as_bytes(), &mut out), Flow::More);
        }
        assert_eq!(out.is_empty(), strict);
        let left = out.concat().len();
        let end = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
        assert_eq!(
            answering.feed(format!("data: {end}\n\ndata: [DONE]\n\n").as_bytes(), &mut out),
            Flow::More
        );
        assert_eq!(answering.finish(Ended::Complete, &mut out), Flow::More);
        assert!(answering.awaits_judges() && out.concat().len() == left, "the end waits");
        for question in answering.questions() {
            assert_eq!(answering.answered(&question, &opinion(&question), &mut out), Flow::More);
        }
        assert!(!answering.awaits_judges() && out.concat().ends_with(b"data: [DONE]\n\n"));
    }
}

/// A judge who is shown a prompt in passages is shown no half of what may not go to it: both passages are of the grade of what stands over their
/// edge, and others are not.
#[test]
fn halves_count_as_what_they_are_half_of() {
    let spec = JudgeSpec { judge: "guard".into(), judged_as: Vec::new(), band: None, strict: false };
    let asks = Rule {
        id: "called".into(),
        category: "VIOLENCE".into(),
        actions: Actions { prompt: Action::Flag, ..Actions::all(Action::Allow) },
        judge: Some(Arc::new(spec)),
        ..Rule::default()
    };
    let mail = PatternSpec { regex: r"[a-z]{1,9}@corp\.example".into(), ..PatternSpec::default() };
    let personal = Rule {
        id: "mail".into(),
        grade: Some(Grade::Personal),
        actions: Actions { prompt: Action::Flag, ..Actions::all(Action::Allow) },
        ..Rule::default()
    };
    let rules = vec![
        (asks, RuleSpec::default()),
        (personal, RuleSpec { patterns: vec![mail], ..RuleSpec::default() }),
    ];
    let policy = Arc::new(Policy::from_rules(rules).unwrap_or_else(|e| panic!("{e:?}")));
    let grades = |before: usize| -> Vec<Grade> {
        // Without an end of a sentence passages end where they are longest.
        let text = "x ".repeat(before / 2) + "anna@corp.example" + &" x".repeat(2 * PROMPT_LONGEST);
        let request = serde_json::json!({"model": "m", "messages": [{"role": "user", "content": text}]});
        let matched =
            crate::dialect::route("POST", "/v1/chat/completions", false).unwrap_or_else(|e| panic!("{e}"));
        let terms = Terms {
            judges: Some(Arc::new(Answers::default())),
            ..Terms::new(Arc::clone(&policy), ExchangeLimits::default())
        };
        let judged = Received::new(matched, terms).judge(None, true, Bytes::from(request.to_string()));
        let questions = judged.unwrap_or_else(|e| panic!("{e}")).questions();
        questions.iter().map(|question| question.grade(&policy, false)).collect()
    };
    let count = |before| grades(before).iter().filter(|grade| **grade == Grade::Personal).count();
    assert_eq!(grades(0).len(), 3);
    // Within the first passage, over its edge, and within the second.
    for (before, expected) in [(0, 1), (7000, 1), (7986, 2), (7990, 2), (7998, 2), (8000, 1), (8002, 1)] {
        assert_eq!(count(before), expected, "{before}");
    }
}
