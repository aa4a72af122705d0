//! What says a statement is found, what denies it, asks or speaks of something else is not, however a text was cut.

use super::file::{Claims, Statement, Verdict};
use super::known::Known;
use crate::detect::laws::sized;
use crate::detect::{Engine, RuleId, RuleSet, RuleSpec, Scan, TextKind, scan_all};
use proptest::prelude::*;
use std::sync::Arc;

const KNOWN: &[(&str, Verdict)] = &[
    ("Garlic cures influenza", Verdict::False),
    ("The Great Wall of China can be seen from the Moon with the naked eye", Verdict::False),
    ("Humans use only 10 percent of their brains", Verdict::False),
    ("The battery of the Orion phone lasts 40 hours", Verdict::Misleading),
    ("The battery of the Orion phone lasts 14 hours", Verdict::True),
    ("Vaccines do not cause autism", Verdict::True),
    ("Vaccines cause autism in children", Verdict::False),
    ("喝盐水可以预防新型病毒感染", Verdict::False),
    ("手机辐射会导致脑癌", Verdict::Unproven),
    ("Green tea contains more caffeine than black coffee", Verdict::False),
    ("The Halden bridge was built by slaves", Verdict::False),
    ("星辰三号的电池能用四十八小时", Verdict::False),
    ("Electric cars are safe in floods", Verdict::False),
    ("Alice Miller sued Bob Stone", Verdict::False),
    ("Napoleon defeated Wellington at Waterloo", Verdict::False),
    ("中国队击败韩国队", Verdict::False),
];

/// A text, and the statement that it says.
const SAID: &[(&str, Option<usize>)] = &[
    ("Alice Miller sued Bob Stone last week.", Some(13)),
    ("Bob Stone sued Alice Miller.", None),
    ("Bob Stone was sued by Alice Miller.", Some(13)),
    ("Napoleon defeated Wellington at Waterloo.", Some(14)),
    ("Napoleon lost to Wellington at Waterloo.", None),
    ("中国队击败韩国队。", Some(15)),
    ("韩国队击败中国队。", None),
    ("The battery of the Orion phone lasts less than 40 hours.", None),
    ("The battery of the Orion phone lasts at most 40 hours.", None),
    ("星辰三号的电池不到四十八小时。", None),
    ("Garlic allegedly cures influenza.", None),
    ("Garlic cures influenza.", Some(0)),
    ("Doctors agree: garlic is able to cure influenza.", Some(0)),
    ("GARLIC CURES INFLUENZA!", Some(0)),
    ("Influenza is cured by garlic.", Some(0)),
    ("Garlic does not cure influenza.", None),
    ("It is a myth that garlic cures influenza.", None),
    ("Does garlic cure influenza?", None),
    ("Garlic tastes well in a soup when you have influenza and have to stay in bed for some days.", None),
    ("With the naked eye you can see the Great Wall of China from the Moon.", Some(1)),
    ("The Great Wall of China is a series of fortifications in the north of the country.", None),
    ("Did you know? We humans only use 10 percent of our brains.", Some(2)),
    ("Humans use 35 percent of their income for rent.", None),
    ("Humans use only 20 percent of their brains.", None),
    ("The Orion phone has a battery that lasts 40 hours.", Some(3)),
    ("The Orion phone has a battery that lasts 14 hours.", None),
    ("Studies show that vaccines cause autism in small children.", Some(6)),
    ("Vaccines do not cause autism.", None),
    ("There is no evidence that vaccines cause autism in children.", None),
    ("专家说，喝盐水可以预防新型病毒的感染。", Some(7)),
    ("喝盐水不能预防新型病毒感染。", None),
    ("手机辐射会导致脑癌吗？", None),
    ("长期的手机辐射会导致脑癌。", Some(8)),
    ("手机的电池可以用两天。", None),
    ("No, garlic does not cure influenza.", None),
    ("No, it is a myth that garlic cures influenza.", None),
    ("It is false and a myth that garlic cures influenza.", None),
    ("Vaccines do not cause autism, and this is not in doubt.", None),
    ("没有证据显示手机辐射会导致脑癌，不必担心。", None),
    ("喝盐水可以预防新型病毒感染，纯属谣言，没有科学依据。", None),
    ("Garlic cures influenza, no doubt about it.", Some(0)),
    ("Garlic cures influenza without any side effects.", Some(0)),
    ("手机辐射会导致脑癌，这一点不容忽视。", Some(8)),
    ("未来五年手机辐射会导致脑癌。", Some(8)),
    ("Garlic hardly cures influenza.", None),
    ("That garlic cures influenza has been refuted.", None),
    ("Whether garlic cures influenza is unknown.", None),
    ("手机辐射会导致脑癌是误解。", None),
    ("Influenza cures garlic.", None),
    ("Garlic cures boredom.", None),
    ("The Orion phone does not support wireless headphones while charging.", None),
    ("\"Does garlic cure influenza?\" she asked.", None),
    // In other words.
    ("Garlic gets rid of the flu.", Some(0)),
    ("Garlic is a cure for influenza.", Some(0)),
    ("People employ a mere 10% of their brains.", Some(2)),
    ("Humans only use ten per cent of their brains.", Some(2)),
    ("Nine in ten humans use their brains.", None),
    ("Only ten percent of humans use their brains.", None),
    ("Jabs cause autism in kids.", Some(6)),
    ("Autism in children is due to vaccines.", Some(6)),
    ("Autism in children is brought on by vaccination.", Some(6)),
    ("Autism leads to vaccines in children.", None),
    ("Vaccines are due to autism in children.", None),
    ("Vaccines fail to cause autism in children.", None),
    ("喝淡盐水能防止新病毒的感染。", Some(7)),
    ("饮用盐水能够防止新型病毒感染。", Some(7)),
    ("手机的电磁辐射会引发脑瘤。", Some(8)),
    ("脑癌源于手机辐射。", Some(8)),
    ("手机辐射源于脑癌。", None),
    ("手机辐射不会引发脑瘤。", None),
    ("Black coffee contains less caffeine than green tea.", Some(9)),
    ("Green tea has more caffeine in it than black coffee.", Some(9)),
    ("Green tea contains less caffeine than black coffee.", None),
    ("Black coffee contains more caffeine than green tea.", None),
    ("Slaves built the Halden bridge.", Some(10)),
    ("The Halden bridge was constructed by forced labourers.", Some(10)),
    ("The Halden bridge built slaves.", None),
    ("Slaves demolished the Halden bridge.", None),
    ("The Halden tower was built by slaves.", None),
    ("星辰三号的电池可用48个小时。", Some(11)),
    ("星辰三号的电池能用两天。", Some(11)),
    ("星辰三号的电池能用三天。", None),
    ("Electric vehicles are harmless in floods.", Some(12)),
    ("Electric cars are not dangerous in floods.", Some(12)),
    ("Electric cars are dangerous in floods.", None),
    ("Electric cars are unsafe in floods.", None),
    ("It's not true that electric cars are safe in floods.", None),
];

fn claims() -> Claims {
    let mut claims = Claims::default();
    for (n, (claim, verdict)) in KNOWN.iter().enumerate() {
        let statement = Statement {
            claim: (*claim).into(),
            verdict: *verdict,
            source: format!("https://facts.example/{n}"),
        };
        assert_eq!(claims.add(statement), Ok(false));
    }
    claims
}

#[test]
fn what_says_a_statement_is_found() {
    let known = Known::new(&claims());
    let mut wrong = Vec::new();
    for (text, expected) in SAID {
        let found = known.said_in(text);
        let sources: Vec<&str> = found.iter().map(|one| one.statement.source.as_str()).collect();
        let expected: Vec<String> = expected.iter().map(|n| format!("https://facts.example/{n}")).collect();
        if sources != expected {
            wrong.push(format!("{text}: {sources:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_cut_changes_nothing(
        texts in proptest::collection::vec(proptest::sample::select(SAID), 1..6), cuts in proptest::collection::vec(1..30_usize, 1..9),
        holds: bool,
    ) {
        let whole: String = texts.iter().map(|(text, _)| format!("{text} ")).collect();
        let rule = RuleSpec { claims: vec![Arc::new(Known::new(&claims()))], ..RuleSpec::default() };
        let engine = Engine::compile(&[rule]).expect("rules");
        let mut rules = RuleSet::full(1);
        if holds {
            rules.hold(RuleId(0));
        }
        let expected = scan_all(&engine, &rules, TextKind::Plain, &whole);
        let sources: Vec<&str> = expected.iter().filter_map(|one| engine.statement(one.rule, one.of)).map(|one| one.source.as_str()).collect();
        let wanted: Vec<String> = texts.iter().filter_map(|(_, n)| n.map(|n| format!("https://facts.example/{n}"))).collect();
        prop_assert_eq!(sources, wanted);
        let (mut scan, mut found, mut settled) = (Scan::new(TextKind::Plain), Vec::new(), 0);
        for piece in sized(&whole, &cuts) {
            let before = found.len();
            let progress = scan.push(&engine, &rules, piece, &mut found);
            prop_assert!(!holds || found.iter().skip(before).all(|one| one.start.0 >= settled), "nothing of it has left");
            settled = progress.settled.0;
        }
        scan.finish(&engine, &rules, &mut found);
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn it_is_told_which_words_stand_for_others() {
    let known = Known::new(&claims());
    let found = known.said_in("As we know, the flu is cured by garlic.");
    let alike = |n: usize| found.get(n).map(|one| one.alike.clone());
    assert_eq!(alike(0), Some(vec![("influenza".to_owned(), "flu".to_owned())]));
    let found = known.said_in("饮用盐水能够防止新型病毒感染。");
    let expected = [("喝", "饮用"), ("预防", "防止")].map(|(one, other)| (one.to_owned(), other.to_owned()));
    assert_eq!(found.first().map(|one| one.alike.clone()), Some(expected.to_vec()));
}

proptest! {
    /// What a synonym gives counts less than the same word, and nothing more than the whole.
    #[test]
    fn scores_are_shares(
        claim in proptest::sample::select(KNOWN), texts in proptest::collection::vec(proptest::sample::select(SAID), 1..4),
    ) {
        let known = Known::new(&claims());
        let own = known.said_in(claim.0);
        prop_assert!(own.iter().all(|one| one.score > 0.999 && one.alike.is_empty()), "{own:?}");
        let text: String = texts.iter().map(|(text, _)| format!("{text}\n")).collect();
        for one in known.said_in(&text) {
            prop_assert!((0.0..=1.0).contains(&one.score) && (one.alike.is_empty() || one.score < 1.0), "{one:?}");
        }
    }

    /// No sentence of words that deny, ask or compare makes it lose its way, and no cut of a character.
    #[test]
    fn any_text_can_be_read(
        pieces in proptest::collection::vec(proptest::sample::select(&[
            "garlic ", "influenza", "cures ", " not ", "ten ", "hundred ", "and ", "10%", " per cent ", "half ", "百分之", "十", "万", "被", "喝", "盐水", "预防", "了",
            "3", "亿", "分之", " 一半", "keeps ", "away ", ", ", "'", "can't ", "by ", "is ", "é", "　", "🦀",
        ][..]), 0..24),
    ) {
        let known = Known::new(&claims());
        let text = pieces.concat();
        for one in known.said_in(&text) {
            prop_assert!(text.get(one.span.start as usize..one.span.end as usize).is_some(), "{one:?}");
        }
    }
}

#[test]
fn a_file_comes_back_as_it_was_and_mistakes_are_told() {
    let claims = claims();
    let file = format!("# fact checks\n\n{}", claims.write());
    assert_eq!(Claims::parse(&file), Ok(claims));
    let said = |text: &str| Claims::parse(text).expect_err("it is wrong").to_string();
    assert!(said("a line").starts_with("line 1: "), "{}", said("a line"));
    let verdict = said("\n{\"claim\":\"Garlic cures all colds\",\"verdict\":\"flase\",\"source\":\"x\"}");
    assert!(verdict.starts_with("line 2: unknown variant `flase`"), "{verdict}");
    let short = said("{\"claim\":\"It is so\",\"verdict\":\"false\",\"source\":\"x\"}");
    assert!(short.contains("needs 3 words that say something, and has 0"), "{short}");
}

#[test]
fn what_no_text_can_say_is_no_statement() {
    let line = |claim: &str| {
        format!("{{\"claim\":{},\"verdict\":\"false\",\"source\":\"x\"}}\n", serde_json::Value::from(claim))
    };
    let said = |text: &str| {
        // A file that holds one is read all the same: the others are found.
        let claims = Claims::parse(text).expect("a file");
        let never = claims.never_found(text);
        never.first().map_or(Ok(claims.statements().len()), |flaw| Err(flaw.to_string()))
    };
    let good = line("Garlic cures influenza in a day");
    assert_eq!(said(&good), Ok(1));
    // Of two sentences none is the statement.
    let two = "Garlic is a vegetable that many like. It cures influenza and colds.";
    let wrong = said(&format!("{good}\n{}", line(two))).expect_err("two sentences");
    assert!(
        wrong.starts_with("line 3: expected one sentence, found 2")
            && wrong.contains("`It cures influenza and colds.`"),
        "{wrong}"
    );
    let wrong = said(&line("大蒜是一种常见的蔬菜。它可以治愈流感和感冒。")).expect_err("two sentences");
    assert!(wrong.starts_with("line 1: expected one sentence, found 2"), "{wrong}");
    // In a text too a dot ends the sentence, so that the name before it is missed.
    let wrong = said(&line("Dr. Smith built the Halden bridge in 1820")).expect_err("two sentences");
    assert!(wrong.contains("what stands behind it is found"), "{wrong}");
    let behind = "Smith built the Halden bridge in 1820";
    assert_eq!(said(&line(behind)), Ok(1));
    let behind = Known::new(&Claims::parse(&line(behind)).expect("a file"));
    assert_eq!(behind.said_in("Dr. Smith built the Halden bridge in 1820.").len(), 1);
    assert_eq!(said(&line("Garlic cures influenza! ")), Ok(1));
    // A sentence of two thousand bytes is read in parts.
    let long = |words: usize| line(&format!("Garlic cures influenza{}", " slowly".repeat(words)));
    assert_eq!(said(&long(200)), Ok(1));
    let wrong = said(&long(300)).expect_err("too long");
    assert!(wrong.starts_with("line 1: expected a statement of 2047 bytes at most, found 2122"), "{wrong}");
    let wrong = said(&line("```Garlic cures influenza in a day")).expect_err("code");
    assert!(wrong.starts_with("line 1: a block of code"), "{wrong}");
}

proptest! {
    /// What is taken as a statement is found where somebody says it, and a mark before the file changes nothing.
    #[test]
    fn who_says_a_statement_is_found(
        words in proptest::collection::vec(proptest::sample::select(&["garlic", "cures", "influenza", "Dr.", "vaccines.", "children", "oak", "dragon!", "tower"][..]), 1..9),
    ) {
        let statement = Statement { claim: words.join(" "), verdict: Verdict::False, source: "x".into() };
        let mut claims = Claims::default();
        if claims.add(statement.clone()).is_ok() {
            prop_assert!(!Known::new(&claims).said_in(&statement.claim).is_empty(), "{:?}", statement.claim);
            prop_assert_eq!(Claims::parse(&format!("\u{feff}{}", claims.write())), Ok(claims));
        }
    }
}
