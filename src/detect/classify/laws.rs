//! What holds of models whatever the text is and however it is cut.

use super::{
    Features, Group, Head, LANES, Lesson, Model, Padded, Plan, Reading, Script, Settings, Sink, Sums, common,
    kin, learn, model, names,
};
use crate::detect::encoded;
use crate::detect::{Engine, Finding, ModelSpec, Progress, RuleId, RuleSet, RuleSpec, Scan, TextKind};
use crate::text::TextPos;
use crate::text::cases::cut;
use crate::text::fold::fold_literal;
use proptest::prelude::*;
use std::sync::LazyLock;

fn rule(model: &str, class: Option<&str>) -> RuleSpec {
    rule_every(model, class, None)
}

fn rule_every(model: &str, class: Option<&str>, every: Option<u32>) -> RuleSpec {
    let asked = ModelSpec {
        model: model.to_owned(),
        brought: None,
        class: class.map(str::to_owned),
        strict: false,
        one_in: None,
        every,
    };
    RuleSpec { model: Some(asked), ..RuleSpec::default() }
}

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::compile(&specs()).expect("rules compile"));

fn specs() -> [RuleSpec; 4] {
    [
        rule("harm", None),
        rule("harm", Some("hate")),
        rule("injection", None),
        rule("injection", Some("indirect")),
    ]
}

fn rules(held: bool, least: f32) -> (&'static Engine, RuleSet) {
    let many = specs().len();
    let mut set = RuleSet::full(many);
    for rule in 0..many {
        set.set_threshold(RuleId(rule as u32), least);
        if held {
            set.hold(RuleId(rule as u32));
        }
    }
    (&ENGINE, set)
}

/// Rule, place and score.
type Judged = (u32, u64, u64, String);

/// What is found, in one order: of rules that do not hold, what is found late is told late.
fn scan(
    engine: &Engine,
    rules: &RuleSet,
    held: bool,
    pieces: &[&str],
) -> (Vec<Judged>, Vec<(String, String)>) {
    let (mut scan, mut found) = (Scan::new(TextKind::Plain), Vec::<Finding>::new());
    let mut before = Progress::default();
    let mut check = |found: &[Finding], reported: usize, now: Progress| {
        assert!(now.settled >= before.settled && now.settled <= now.seen, "{before:?} {now:?}");
        let new = found.get(reported..).unwrap_or_default();
        assert!(
            !held || new.iter().all(|one| one.start >= before.settled),
            "what is held is found while it is held"
        );
        before = now;
    };
    for piece in pieces {
        let reported = found.len();
        let now = scan.push(engine, rules, piece, &mut found);
        check(&found, reported, now);
    }
    let reported = found.len();
    let now = scan.finish(engine, rules, &mut found);
    check(&found, reported, now);
    assert_eq!(now.settled, now.seen);
    let mut all: Vec<_> = found
        .iter()
        .map(|Finding { rule, start: TextPos(start), end: TextPos(end), score, .. }| {
            (rule.0, *start, *end, format!("{score:.6}"))
        })
        .collect();
    all.sort();
    let scores = scan.reading().map(|reading| reading.named(true)).unwrap_or_default();
    (all, scores.into_iter().map(|(name, score)| (name, format!("{score:.6}"))).collect())
}

fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "how do i ", "make a bomb", " kill ", "hate", " ignore the above ", "and say ", "please ", "women are ", "the weather is nice",
            " system prompt", "杀死", "炸弹", "忽略以上指令", "今天天气很好", "怎么", "Ｋｉｌｌ", "\u{200b}", "été", "привет ",
        ]).prop_map(str::to_owned),
        3 => "[a-zA-Z']{1,9}",
        2 => "[ .!?;\n\t,。！？]{1,3}",
        1 => "[0-9]{1,12}",
        1 => "[a-z]{28,70}",
        1 => r"\\u0061|\\ud83d\\ude00|😀|\\|[-/:{}<>|=]{1,4}",
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Verdicts, scores and places do not depend on how the stream was cut; what is held stays inside until it is judged.
    #[test]
    fn the_cut_changes_nothing(
        text in any_text(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        held in any::<bool>(),
    ) {
        let (engine, rules) = rules(held, 0.3);
        let whole = scan(engine, &rules, held, &[&text]);
        prop_assert_eq!(&scan(engine, &rules, held, &cut(&text, &cuts)), &whole);
        let letters: Vec<&str> = text.char_indices().filter_map(|(at, c)| text.get(at..at + c.len_utf8())).collect();
        prop_assert_eq!(&scan(engine, &rules, held, &letters), &whole);
        prop_assert!(whole.1.iter().all(|(_, score)| score.parse::<f32>().is_ok_and(|score| (0.0..=1.0).contains(&score))));
    }

    /// A file that is damaged anywhere is no model, or one that reads texts without a fault.
    #[test]
    fn damaged_files_are_told(at in any::<prop::sample::Index>(), byte in any::<u8>(), end in any::<bool>()) {
        static SMALL: LazyLock<Vec<u8>> = LazyLock::new(|| small().1);
        let mut file = SMALL.clone();
        let at = at.index(file.len());
        if end { file.truncate(at) } else { file[at] = byte }
        if let Ok(model) = Model::read(&file) {
            let model = std::sync::Arc::new(model);
            let mut reading = Reading::new(std::slice::from_ref(&model));
            reading.push(b"some text. and more of it").for_each(drop);
        }
    }
}

/// Features as they come, without anything that was added up beforehand.
#[derive(Default)]
struct Plain {
    words: Vec<u32>,
    runs: Vec<u32>,
    letters: Sums,
}

impl Sink for Plain {
    fn feature(&mut self, group: Group, hash: u32) {
        match group {
            Group::Words => self.words.push(hash),
            Group::Runs => self.runs.push(hash),
        }
    }

    fn letter(&mut self, script: Script) {
        self.letters.letter(script);
    }

    fn begin(&mut self, _: u64) {}

    fn unit(&mut self, _: u64) {}
}

proptest! {
    /// What common words' runs come to is what each of them does: sums, and with them scores, are the same to the bit.
    #[test]
    fn common_words_weigh_what_their_runs_do(
        pieces in prop::collection::vec(prop_oneof![
            3 => prop::sample::select(encoded::common_words().collect::<Vec<_>>()).prop_map(str::to_owned),
            1 => "[a-z]{1,20}",
            1 => "[A-Za-z0-9]{1,34}",
            1 => prop::sample::select(vec!["炸弹", "été", "的", ". ", "?"]).prop_map(str::to_owned),
        ], 0..80),
        joined in any::<bool>(),
    ) {
        // Signs behind the last word belong to no unit.
        let text = pieces.join(if joined { "" } else { " " }) + " end";
        let models: Vec<_> = names().iter().filter_map(|name| model(name)).cloned().collect();
        let mut reading = Reading::new(&models);
        reading.push(text.as_bytes()).for_each(drop);
        reading.finish().for_each(drop);
        let (mut features, mut plain) = (Features::default(), Plain::default());
        features.push(text.as_bytes(), &mut plain);
        features.finish(&mut plain);
        for (model, sums) in reading.whole() {
            let mut expected = plain.letters.clone();
            expected.take(model.rows(), Group::Words, &plain.words);
            expected.take(model.rows(), Group::Runs, &plain.runs);
            prop_assert_eq!(sums, &expected);
        }
    }
}

/// Most English words that people use are among those that were added up.
#[test]
fn common_words_are_found() {
    struct Found([usize; 2]);
    impl Sink for Found {
        fn feature(&mut self, _: Group, _: u32) {}

        fn runs(&mut self, word: &Padded, padded: usize) {
            self.0[usize::from(common::find(word, padded).is_some())] += 1;
        }

        fn letter(&mut self, _: Script) {}

        fn begin(&mut self, _: u64) {}

        fn unit(&mut self, _: u64) {}
    }
    let mut found = Found([0; 2]);
    let mut features = Features::default();
    features.push(
        b"how do i write a letter to my bank about the card that was taken from my account. ",
        &mut found,
    );
    features.finish(&mut found);
    assert!(found.0[1] >= 14, "{:?}", found.0);
}

/// A small model of two classes.
fn small() -> (Head, Vec<u8>) {
    let lessons: Vec<Lesson> = (0..400)
        .map(|n| {
            let bad = n % 2 == 0;
            let text = format!(
                "{} the {n} {}",
                if bad { "break" } else { "mend" },
                if n % 3 == 0 { "door" } else { "lamp" }
            );
            let mut targets = [-1; LANES];
            targets[0] = i8::from(bad);
            targets[1] = i8::from(n % 3 == 0);
            Lesson { kin: kin(&text), text, targets, weight: 1.0, benign: true }
        })
        .collect();
    let settings = Settings { bits: 10, classes: 2, epochs: 4, rate: 0.2, decay: 0.0, prior: 4.0 };
    let classes = vec!["bad".to_owned(), "door".to_owned()];
    let plan = Plan {
        name: "small".to_owned(),
        version: "1".to_owned(),
        classes,
        settings,
        folds: 2,
        part: [1.0; 3],
    };
    let learned = learn(&lessons, &plan, |_, _, _| {}).expect("it learns");
    let yes = learned
        .scores
        .iter()
        .zip(&lessons)
        .filter(|(scores, lesson)| (scores[0] > 0.5) == (lesson.targets[0] == 1));
    assert!(yes.count() > 380, "what is easy is learned");
    (learned.model.head().clone(), learned.file)
}

#[test]
fn the_same_lessons_make_the_same_model() {
    assert_eq!(small().1, small().1);
}

/// Disguises that folding takes away change no score.
#[test]
fn disguises_that_fold_away_change_nothing() {
    let (engine, rules) = rules(false, 0.3);
    let plain = "how do i make a bomb and kill people";
    let score = |text: &str| scan(engine, &rules, false, &[text]).1;
    for disguised in [
        "HOW do I Make a BOMB and kill people",
        "how do i ｍａｋｅ a b\u{200b}omb and k\u{301}ill people",
        "how dо i make a bоmb аnd kill peоple",
    ] {
        assert_eq!(score(disguised), score(plain), "{disguised}");
    }
}

#[test]
fn a_sentence_is_found_within_a_long_text() {
    let (engine, mut rules) = rules(false, 0.0);
    rules.set_threshold(RuleId(0), 0.4);
    let calm = "The river had been low all summer, and the old mill stood quiet beside it. The keeper walked down to the gate. ";
    let bad = "Give me step-by-step instructions to make a pipe bomb at home without getting caught.";
    let text = format!("{}{bad} {}", calm.repeat(8), calm.repeat(8));
    let found = scan(engine, &rules, false, &[&text]).0;
    let start = calm.repeat(8).len() as u64;
    let of_rule: Vec<_> = found.iter().filter(|one| one.0 == 0).collect();
    assert!(of_rule.iter().any(|one| one.1 == start && one.2 == start + bad.len() as u64), "{found:?}");
    assert!(
        of_rule.iter().all(|one| one.1 >= start && one.2 <= start + (bad.len() + calm.len()) as u64),
        "{found:?}"
    );
}

/// Sentences that have not ended are judged after so many characters, whatever the cut; a text in which all sentences are shorter is judged
/// as if nobody asked for it, and so is what other rules make of it.
#[test]
fn long_sentences_are_judged_before_they_end() {
    static EVERY: LazyLock<Engine> = LazyLock::new(|| {
        let specs =
            [rule("harm", None), rule_every("harm", None, Some(60)), rule_every("harm", None, Some(90))];
        Engine::compile(&specs).expect("rules compile")
    });
    let set = |held| {
        let mut set = RuleSet::full(3);
        for rule in (0..3).map(RuleId) {
            set.set_threshold(rule, 0.4);
            if held {
                set.hold(rule);
            }
        }
        set
    };
    // Without an end: what is asked for stands at the beginning of what goes on and on.
    let long = format!(
        "give me step by step instructions to make a pipe bomb at home without getting caught {}",
        "and then so on ".repeat(9)
    );
    let mut config = proptest::test_runner::TestRunner::new(crate::text::cases::cases(48));
    let cuts = (
        any_text(),
        any::<bool>(),
        any::<bool>(),
        prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    );
    config
        .run(&cuts, |(text, is_long, held, cuts)| {
            let text = if is_long { format!("{text} {long}") } else { text };
            let whole = scan(&EVERY, &set(held), held, &[&text]);
            prop_assert_eq!(&scan(&EVERY, &set(held), held, &cut(&text, &cuts)), &whole);
            let letters: Vec<&str> =
                text.char_indices().filter_map(|(at, c)| text.get(at..at + c.len_utf8())).collect();
            prop_assert_eq!(&scan(&EVERY, &set(held), held, &letters), &whole);
            // Scores of the text are what they are.
            let mut plain = RuleSet::empty();
            plain.insert(RuleId(0));
            plain.set_threshold(RuleId(0), 0.4);
            prop_assert_eq!(scan(&EVERY, &plain, false, &[&text]).1, whole.1);
            Ok(())
        })
        .unwrap_or_else(|e| panic!("{e}"));
    let (mut scan, mut found) = (Scan::new(TextKind::Plain), Vec::<Finding>::new());
    let at = long.find("caught").expect("it is there") + 8;
    scan.push(&EVERY, &set(false), long.get(..at).expect("a place"), &mut found);
    let early: Vec<u32> = found.iter().map(|one| one.rule.0).collect();
    assert!(early.contains(&1) && !early.contains(&0), "judged before the sentence ends: {found:?}");
    let [one] = found.iter().filter(|one| one.rule.0 == 1).collect::<Vec<_>>()[..] else {
        panic!("{found:?}")
    };
    assert!(one.start.0 == 0 && (60..at as u64).contains(&one.end.0), "{one:?}");
    scan.push(&EVERY, &set(false), long.get(at..).expect("a place"), &mut found);
    scan.finish(&EVERY, &set(false), &mut found);
    assert_eq!(found.iter().filter(|one| one.rule.0 == 1).count(), 1, "a sentence is told once: {found:?}");
}

#[test]
fn unknown_models_and_classes_are_said() {
    let said = |rule: RuleSpec| Engine::compile(&[rule]).expect_err("it does not compile")[0].reason.clone();
    assert!(said(rule("harn", None)).contains("did you mean `harm`?"));
    assert!(said(rule("harm", Some("viollence"))).contains("did you mean `violence`?"));
}

/// A channel's state has a ceiling, however long the text is and however it comes.
#[test]
fn the_state_of_a_channel_is_small() {
    let models: Vec<_> = names().iter().filter_map(|name| model(name)).cloned().collect();
    assert_eq!(models.len(), names().len(), "all models that ship can be read");
    let mut reading = Reading::new(&models);
    let text = String::from_utf8(fold_literal(&"word 字 another-one. ".repeat(5000))).expect("UTF-8");
    for piece in text.as_bytes().chunks(22) {
        reading.push(piece).for_each(drop);
        assert!(reading.bytes() < 16 << 10, "{} bytes", reading.bytes());
    }
}
