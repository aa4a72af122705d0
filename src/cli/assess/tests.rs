//! Banks, judgements and the page, without a gateway; `tests/cli/assess.rs` runs the whole.

use super::ask::Asked;
use super::judge::Outcome;
use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn library() -> &'static Library {
    static LIBRARY: std::sync::LazyLock<Library> =
        std::sync::LazyLock::new(|| Library::embedded().unwrap_or_else(|found| panic!("{}", found.len())));
    &LIBRARY
}

/// What reads `words` holds nothing; a rule and a classifier know a word each.
fn judge(answer: &str) -> output::Found {
    let classified = |word: &str| output::Classified { rule: format!("<c>/{word}"), score: 0.987_654 };
    output::Found {
        rules: ["listed"]
            .iter()
            .filter(|word| answer.contains(**word))
            .map(|word| format!("<l>/{word}"))
            .collect(),
        classifiers: ["harmful"]
            .iter()
            .filter(|word| answer.contains(**word))
            .map(|word| classified(word))
            .collect(),
        blocked: false,
    }
}

fn banks(text: &str) -> (Banks, Vec<String>) {
    let mut banks = Banks::default();
    let wrong = banks.read("b.jsonl", text, library().taxonomy());
    (banks, wrong.iter().map(ToString::to_string).collect())
}

#[test]
fn the_banks_that_ship_have_every_type_and_topic() {
    let mut all = Banks::default();
    for (name, text) in bank::SAMPLES {
        let wrong = all.read(name, text, library().taxonomy());
        assert!(wrong.is_empty(), "{wrong:?}");
    }
    assert_eq!(all.sizes(Kind::Refuse).len(), 17);
    assert_eq!(all.sizes(Kind::Answer).len(), 13);
    assert_eq!(all.sizes(Kind::Content).len(), 31);
    assert_eq!(all.sizes(Kind::Attack).len(), 12);
    let sizes = required::sizes(&all, library());
    assert!(sizes.iter().all(|size| size.status == Status::NotMet));
    let short = |n: usize| sizes[n].short.len();
    assert!(short(0) > 0 && short(1) > 0 && short(2) > 0 && short(3) == 0, "every family is there");
}

#[test]
fn every_mistake_in_a_bank_is_said() {
    let text = "{\"id\":1,\"text\":\"a\",\"category\":\"A.1.d\",\"expect\":\"refuse\"}\n\
        {\"id\":2,\"text\":\"a\",\"category\":\"A.1.d\",\"expect\":\"refues\"}\n\
        {\"id\":1,\"text\":\"a\",\"category\":\"WEAPONS\"}\n\
        {\"id\":3,\"text\":\"a\",\"category\":\"A.1.z\"}\n\
        {\"id\":4,\"text\":\"a\",\"category\":\"histroy\",\"expect\":\"answer\"}\n\
        {\"id\":5,\"txt\":\"a\",\"category\":\"history\"}\n\
        {\"id\":6,\"text\":7,\"category\":\"history\"}\n\
        {\"id\":[],\"text\":\"a\",\"category\":\"A.1.d\"}\n\
        {\"id\":9,\"text\":\"a\",\"category\":\"A.1.d\",\"expect\":\"refuse\",\"family\":\"base46\"}\n\
        {\"id\":10,\"text\":\"a\",\"category\":\"A.1.d\",\"expect\":\"answer\",\"family\":\"url\"}\n\
        {\"id\":11,\"text\":\"a\",\"category\":\"A.1.d\",\"expect\":\"refuse\",\"before\":[\"b\"]}\n";
    let (banks, wrong) = banks(text);
    assert_eq!(banks.questions.len(), 1);
    for want in [
        "b.jsonl:2: expected `refuse` or `answer` in `expect`, found `refues`; did you mean `refuse`?",
        "b.jsonl:3: the id `1` is there already, at b.jsonl:1",
        "b.jsonl:4: unknown category `A.1.z`",
        "b.jsonl:5: unknown category `histroy`",
        "did you mean `history`?",
        "b.jsonl:6: column 13: unknown field `txt`; did you mean `text`?",
        "b.jsonl:7: column 16: expected a string",
        "b.jsonl:8: expected a string or a number in `id`, found a list",
        "b.jsonl:9: unknown family `base46` of attacks; valid: role-play, ",
        "did you mean `base64`?",
        "b.jsonl:10: an attack is to be refused",
        "b.jsonl:11: expected what the user and the model said in turn in `before`, found 1 texts",
    ] {
        assert!(wrong.iter().any(|said| said.contains(want)), "{want} is not in {wrong:#?}");
    }
}

#[test]
fn judgements_name_questions() {
    let (banks, _) = banks("{\"id\":\"one\",\"text\":\"a\",\"category\":\"A.1.d\",\"expect\":\"refuse\"}\n");
    let read = |text: &str| bank::judgements("j", text, &banks);
    assert_eq!(
        read("{\"id\":\"one\",\"verdict\":\"refused\",\"by\":\"qa\"}\n").map(|all| all.len()).ok(),
        Some(1)
    );
    for (text, says) in [
        ("{\"id\":\"oen\",\"verdict\":\"pass\"}", "j:1: no question has the id `oen`"),
        ("{\"id\":\"one\",\"verdict\":\"refusde\"}", "did you mean `refused`?"),
        ("{\"id\":\"one\"}", "missing field `verdict`"),
    ] {
        let said = read(text).expect_err(text)[0].to_string();
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn urls_are_read_as_people_write_them() {
    for url in ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/chat/completions"] {
        assert_eq!(endpoint(url).expect("a URL"), "http://h:1/v1/chat/completions");
    }
    assert!(endpoint("h:1").is_err() && endpoint("ftp://h").is_err());
}

/// A report over these outcomes, with texts.
fn report_of(
    questions: &[Question],
    outcomes: Vec<(Outcome, String)>,
    judged: &[(String, bank::Judgement)],
) -> Report {
    let questions: Vec<&Question> = questions.iter().collect();
    let asked: Vec<Asked> = outcomes
        .into_iter()
        .enumerate()
        .map(|(number, (outcome, answer))| Asked {
            number,
            outcome,
            exchange: Some("<x>".into()),
            answer,
            ms: 3,
            retried: 0,
        })
        .collect();
    let lines = report::lines(&questions, &asked, judged, &judge, true);
    Report {
        schema: SCHEMA,
        program: "p",
        time_ms: 1_700_000_000_000,
        target: Target {
            gateway: "<g>".into(),
            model: "<m>".into(),
            seed: 1,
            parallel: 1,
            max_tokens: 9,
            system_prompt: false,
        },
        policy: PolicyOf { name: "<pol>".into(), version: "v".into(), certain: false },
        banks: vec![BankOf { file: "<b>".into(), questions: 2, held_out: None }],
        gate: None,
        samples: true,
        classifiers: Some(output::Classifiers {
            of_policy: true,
            rules: vec![output::Classifier {
                rule: "<c>".into(),
                model: "<own>".into(),
                class: Some("<cl>".into()),
                from: Some(0.5),
                one_in: None,
            }],
        }),
        calls: report::calls(&asked),
        figures: required::figures(&lines),
        sizes: required::sizes(&Banks::default(), library()),
        lists: None,
        benign: Some(benign::benign("<f>", 10, (1, 0), None, [("<r>".to_owned(), 1)].into())),
        categories: report::categories(&lines, library()),
        questions: lines,
    }
}

fn question(id: &str, kind: Kind, text: &str) -> Question {
    Question {
        id: id.into(),
        text: text.into(),
        category: "A.1.d".into(),
        kind,
        before: Vec::new(),
        is_answer: false,
    }
}

#[test]
fn doubt_and_failure_are_no_passes() {
    let questions: Vec<Question> = [Kind::Refuse, Kind::Answer, Kind::Content]
        .into_iter()
        .flat_map(|kind| (0..3).map(move |n| question(&format!("{}{n}", kind.as_str()), kind, "q")))
        .collect();
    let outcomes = || {
        let one = [
            Outcome::Unclear { why: "x".into() },
            Outcome::Failed { why: "status 500".into() },
            Outcome::Answered,
        ];
        one.iter().cycle().take(9).map(|outcome| (outcome.clone(), "words".to_owned())).collect::<Vec<_>>()
    };
    let report = report_of(&questions, outcomes(), &[]);
    let found = |report: &Report, id: &str| {
        let figure = report.figures.iter().find(|figure| figure.id == id).expect("a figure");
        figure.found.map(|share| (share.hits, share.of))
    };
    // Of three, one failed and counts for nothing; the unclear one counts against the service on either side.
    assert_eq!(found(&report, "refusal"), Some((0, 2)));
    assert_eq!(found(&report, "over_refusal"), Some((1, 2)));
    assert_eq!((found(&report, "output_keywords"), found(&report, "output_people")), (Some((2, 2)), None));
    let judged = [
        ("refuse0".to_owned(), bank::Judgement::Refused),
        ("answer0".to_owned(), bank::Judgement::Answered),
        ("content2".to_owned(), bank::Judgement::Fail),
    ];
    let report = report_of(&questions, outcomes(), &judged);
    assert_eq!((found(&report, "refusal"), found(&report, "over_refusal")), (Some((1, 2)), Some((0, 2))));
    assert_eq!(found(&report, "output_people"), Some((0, 1)));
    let json = serde_json::to_value(&report).expect("JSON");
    assert_eq!(json["schema"], 1);
    assert!(json["questions"][1]["right"].is_null());
}

/// An attack succeeds where it gets an answer; what only may be a refusal is none.
#[test]
fn attacks_succeed_where_they_are_answered() {
    let questions: Vec<Question> =
        (0..4).map(|n| question(&format!("attack{n}"), Kind::Attack, "q")).collect();
    let outcomes = vec![
        (Outcome::Blocked { how: "content_filter".into() }, String::new()),
        (Outcome::Answered, "words".to_owned()),
        (Outcome::Unclear { why: "x".into() }, "words".to_owned()),
        (Outcome::Failed { why: "x".into() }, String::new()),
    ];
    let report = report_of(&questions, outcomes, &[]);
    let figure = report.figures.iter().find(|figure| figure.id == "attacks").expect("a figure");
    assert_eq!(figure.found.map(|share| (share.hits, share.of)), Some((2, 3)));
    assert_eq!(figure.status, Status::NotMet);
    let right: Vec<Option<bool>> = report.questions.iter().map(|line| line.right).collect();
    assert_eq!(right, [Some(true), Some(false), Some(false), None]);
}

/// What was not said passes no rule.
#[test]
fn an_empty_answer_is_no_output() {
    let questions: Vec<Question> =
        (0..4).map(|n| question(&format!("content{n}"), Kind::Content, "q")).collect();
    let outcomes = vec![
        (Outcome::Unclear { why: "the answer is empty".into() }, " \n".to_owned()),
        (Outcome::Answered, "words".to_owned()),
        (Outcome::Blocked { how: "content_filter".into() }, "the gateway's".to_owned()),
        (Outcome::Answered, String::new()),
    ];
    let report = report_of(&questions, outcomes, &[]);
    let figure = report.figures.iter().find(|figure| figure.id == "output_keywords").expect("a figure");
    assert_eq!(figure.found.map(|share| (share.hits, share.of)), Some((1, 1)));
    let right: Vec<Option<bool>> = report.questions.iter().map(|line| line.right).collect();
    assert_eq!(right, [None, Some(true), Some(true), None]);
}

/// Keywords, classifiers and people have a column each, over all of the output and for each category.
#[test]
fn what_judges_output_stands_apart() {
    let questions: Vec<Question> =
        (0..6).map(|n| question(&format!("content{n}"), Kind::Content, "q")).collect();
    let said = |answer: &str| (Outcome::Answered, answer.to_owned());
    let outcomes = || {
        vec![
            said("words"),
            said("listed words"),
            said("harmful words"),
            said("listed and harmful words"),
            (Outcome::Blocked { how: "content_filter".into() }, "harmful".to_owned()),
            (Outcome::Failed { why: "x".into() }, "harmful".to_owned()),
        ]
    };
    let judged = [
        ("content0".to_owned(), bank::Judgement::Fail),
        ("content2".to_owned(), bank::Judgement::Pass),
        ("content4".to_owned(), bank::Judgement::Fail),
    ];
    let report = report_of(&questions, outcomes(), &judged);
    let found = |id: &str| {
        let figure = report.figures.iter().find(|figure| figure.id == id).expect("a figure");
        figure.found.map(|share| (share.hits, share.of))
    };
    assert_eq!(
        [found("output_keywords"), found("output_classifiers"), found("output_people")],
        [Some((2, 4)), Some((2, 4)), Some((1, 2))]
    );
    let passed = report::Passed { sampled: 4, keywords: 2, classifiers: 2, judged: 2, people: 1 };
    assert_eq!(report.categories.iter().map(|one| one.output).collect::<Vec<_>>(), [Some(passed)]);
    // Nothing passes that one of the three fails.
    let right: Vec<Option<bool>> = report.questions.iter().map(|line| line.right).collect();
    assert_eq!(right, [Some(false), Some(false), Some(false), Some(false), Some(false), None]);
    let json = serde_json::to_value(&report).expect("JSON");
    assert_eq!(json["questions"][2]["classifiers"][0]["rule"], "<c>/harmful");
    assert_eq!(json["classifiers"]["rules"][0]["model"], "<own>");
    let page = html::page(&report);
    assert!(page.contains("&lt;c&gt;/harmful at 0.988"), "{page}");
    assert!(
        page.contains("<td class=\"n\">50.0 %<br><span class=\"soft small\">2 of 4</span></td>"),
        "{page}"
    );
}

#[test]
fn a_question_has_one_verdict_of_each_pair() {
    let mut banks = Banks::default();
    banks.questions = vec![question("q1", Kind::Refuse, "q"), question("q2", Kind::Content, "q")];
    let line = |id: &str, verdict: &str| format!("{{\"id\": \"{id}\", \"verdict\": \"{verdict}\"}}\n");
    let read = |text: &str| bank::judgements("j.jsonl", text, &banks).map_err(|found| found[0].to_string());
    let both = line("q1", "refused") + &line("q1", "pass") + &line("q2", "fail");
    assert_eq!(read(&both).map(|all| all.len()), Ok(3));
    for (first, second, want) in [
        (
            "refused",
            "answered",
            "j.jsonl:3: the question `q1` is `refused` or `answered` already, at j.jsonl:1",
        ),
        ("pass", "pass", "j.jsonl:3: the question `q1` is `pass` or `fail` already, at j.jsonl:1"),
    ] {
        let found = read(&(line("q1", first) + &line("q2", "pass") + &line("q1", second)));
        assert!(found.clone().is_err_and(|said| said.contains(want)), "{found:?}");
    }
}

#[test]
fn without_a_budget_nothing_is_met() {
    let none = benign::benign("f", 1000, (1000, 1000), None, BTreeMap::new());
    assert_eq!([none.found.status, none.blocked.status], [figures::Status::NotAsked; 2]);
    let budget = crate::policy::Budget { found: 0.5, blocked: 0.5 };
    let some = benign::benign("f", 1000, (0, 1000), Some(budget), BTreeMap::new());
    assert_eq!([some.found.status, some.blocked.status], [figures::Status::Met, figures::Status::NotMet]);
}

#[test]
fn nothing_of_a_text_is_markup() {
    let evil = "<script>alert(1)</script>\" onload='x' & </style>";
    let mut questions = vec![question(evil, Kind::Refuse, evil)];
    questions[0].category = evil.into();
    let outcome = Outcome::Unclear { why: evil.into() };
    let page = html::page(&report_of(&questions, vec![(outcome, evil.into())], &[]));
    assert!(!page.contains("<script") && !page.contains("onload='x'"), "{page}");
    assert_eq!(page.matches("</style>").count(), 1);
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&#39;x&#39; &amp;"));
    for name in ["<g>", "<m>", "<pol>", "<b>", "<f>", "<r>", "<x>", "<c>", "<own>", "<cl>", "<l>"] {
        assert!(!page.contains(name), "{name}");
    }
    // One file that fetches nothing.
    assert!(!page.contains("src=") && !page.contains("href=") && !page.contains("url("));
    assert!(page.contains("2023-11-14 22:13 UTC"));
}

proptest! {
    #[test]
    fn a_draw_is_the_seeds_and_leaves_no_category_out(seed: u64, sizes in prop::collection::vec(1_usize..20, 1..6), most in 1_usize..60) {
        let codes = ["A.1.a", "A.1.b", "A.1.c", "A.2.a", "A.2.b"];
        let mut all = Banks::default();
        for (code, size) in codes.iter().zip(&sizes) {
            for n in 0..*size {
                let id = format!("{code}-{n}");
                all.questions.push(Question { id, text: "q".into(), category: (*code).into(), kind: Kind::Refuse, before: Vec::new(), is_answer: false });
            }
        }
        let drawn: Vec<String> = all.draw(Kind::Refuse, most, seed).iter().map(|q| q.id.clone()).collect();
        prop_assert_eq!(drawn.len(), most.min(all.questions.len()));
        // In whatever order the file has them.
        all.questions.reverse();
        let again: Vec<String> = all.draw(Kind::Refuse, most, seed).iter().map(|q| q.id.clone()).collect();
        prop_assert_eq!(&drawn, &again);
        let mut unique = drawn.clone();
        unique.sort();
        unique.dedup();
        prop_assert_eq!(unique.len(), drawn.len());
        if most >= sizes.len().min(codes.len()) {
            for code in codes.iter().zip(&sizes).map(|(code, _)| code) {
                prop_assert!(drawn.iter().any(|id| id.starts_with(code)));
            }
        }
    }
}

/// What stands in the URL stands in the report.
#[test]
fn a_url_holds_no_secret() {
    for url in ["https://ops:secret@gw.example", "https://gw.example/v1?key=secret", "gw.example"] {
        let wrong = endpoint(url).expect_err("it is refused").to_string();
        assert!(!wrong.contains("secret"), "{wrong}");
    }
    assert_eq!(
        endpoint("http://gw.example/v1/").ok().as_deref(),
        Some("http://gw.example/v1/chat/completions")
    );
}

/// What ships as a gate is passed by the profile that names it: each question to refuse is blocked, each other one is left alone.
#[test]
fn every_gate_is_passed_by_its_profile() {
    let library = library();
    let mut named = Vec::new();
    for name in library.profiles() {
        let Some(gate) = library.profile(name).and_then(|profile| profile.gate.clone()) else { continue };
        let (file, text) = super::gate_bank(&gate.bank, None).unwrap_or_else(|wrong| panic!("{wrong}"));
        let settings = crate::policy::PolicySettings { profile: name.to_owned(), ..Default::default() };
        let policy = library.policy(&settings).unwrap_or_else(|found| panic!("{found:?}"));
        let mut banks = Banks::default();
        let wrong = banks.read(&file, &text, library.taxonomy());
        assert!(wrong.is_empty(), "{wrong:?}");
        for kind in [Kind::Refuse, Kind::Answer] {
            assert!(banks.of(kind).count() >= 30, "{file} has too few of {kind:?}");
        }
        for one in &banks.questions {
            let direction = if one.is_answer { Direction::Output } else { Direction::Prompt };
            let found = super::found(&policy, direction, &one.text);
            let blocked = found.blocked;
            let rules = found.all();
            let right = if one.kind == Kind::Refuse { blocked } else { rules.is_empty() };
            assert!(right, "{name}: {} {rules:?} {}", one.id, one.text);
        }
        named.push(gate.bank);
    }
    named.sort();
    assert_eq!(named, bank::GATES.map(|(name, _)| name));
}
