//! What holds of taggers whatever the text is and however it is cut.

use super::{Cutter, Example, Head, Lexicon, MOST, Reading, Settings, Tagger, Token, Units, WIDTH, train};
use crate::detect::{Engine, Finding, ModelSpec, Progress, RuleId, RuleSet, RuleSpec, Scan, TextKind};
use crate::text::TextPos;
use crate::text::cases::cut;
use proptest::prelude::*;
use std::sync::LazyLock;

const TYPES: [&str; 4] = ["person", "organisation", "place", "address"];

fn rule(class: Option<&str>) -> RuleSpec {
    let asked = ModelSpec {
        model: "names".to_owned(),
        brought: None,
        class: class.map(str::to_owned),
        strict: false,
        one_in: None,
        every: None,
    };
    RuleSpec { model: Some(asked), ..RuleSpec::default() }
}

static ENGINE: LazyLock<Engine> =
    LazyLock::new(|| Engine::compile(&TYPES.map(|class| rule(Some(class)))).expect("rules compile"));

fn rules(held: bool) -> RuleSet {
    let mut set = RuleSet::full(TYPES.len());
    if held {
        (0..TYPES.len() as u32).for_each(|rule| set.hold(RuleId(rule)));
    }
    set
}

/// Rule, place and score.
type Told = (u32, u64, u64, String);

/// What is found, in one order, and the most text that was held at once.
fn scan(rules: &RuleSet, held: bool, kind: TextKind, pieces: &[&str]) -> (Vec<Told>, u64) {
    let (mut scan, mut found) = (Scan::new(kind), Vec::<Finding>::new());
    let (mut before, mut most) = (Progress::default(), 0);
    let mut check = |found: &[Finding], reported: usize, now: Progress| {
        assert!(now.settled >= before.settled && now.settled <= now.seen, "{before:?} {now:?}");
        let new = found.get(reported..).unwrap_or_default();
        assert!(
            !held || new.iter().all(|one| one.start >= before.settled),
            "what is held is found while it is held"
        );
        before = now;
        now.seen.0 - now.settled.0
    };
    for piece in pieces {
        let reported = found.len();
        let now = scan.push(&ENGINE, rules, piece, &mut found);
        most = most.max(check(&found, reported, now));
    }
    let reported = found.len();
    let now = scan.finish(&ENGINE, rules, &mut found);
    assert_eq!(check(&found, reported, now), 0);
    let told = |Finding { rule, start: TextPos(start), end: TextPos(end), score, .. }: &Finding| {
        (rule.0, *start, *end, format!("{score:.6}"))
    };
    let mut all: Vec<Told> = found.iter().map(told).collect();
    all.sort();
    (all, most)
}

fn names_in(text: &str, kind: u32) -> Vec<&str> {
    let all = scan(&rules(true), true, TextKind::Plain, &[text]).0;
    let range = |one: &Told| text.get(one.1 as usize..one.2 as usize).unwrap_or_default();
    all.iter().filter(|one| one.0 == kind).map(range).collect()
}

fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        5 => prop::sample::select(vec![
            "Margaret Thornbury", "Please call ", "Dr. ", "王建国", "请联系", "田中太郎", "さん", "김민준", "님", "Tomasz Wiśniewski", "Umowę podpisał ",
            "4821 Hawthorne Avenue, Boston, MA 02118", "University of Manchester", "浙江大学", "北京市", " in Chicago", "the weather is nice ", "今天天气很好",
            "Ｍａｒｇａｒｅｔ", "\u{200b}", "été", "Łukasz", "欧阳娜娜", "and ", "，", "、",
        ]).prop_map(str::to_owned),
        3 => "[a-zA-Z']{1,12}",
        2 => "[ .!?;\n\t,。！？:-]{1,3}",
        1 => "[0-9]{1,12}",
        1 => "[A-Z][a-z]{28,70}",
        1 => " {5,12}",
        1 => r"\\u0061|\\ud83d\\ude00|😀|\\n|[-/:{}<>|=]{1,4}|[\u{10FFF0}-\u{10FFFF}]",
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// What is found, where and how surely does not depend on how the stream was cut; what is held stays inside until it is told.
    #[test]
    fn the_cut_changes_nothing(
        text in any_text(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        held in any::<bool>(),
        json in any::<bool>(),
    ) {
        let (rules, kind) = (rules(held), if json { TextKind::Json } else { TextKind::Plain });
        let whole = scan(&rules, held, kind, &[&text]).0;
        prop_assert_eq!(&scan(&rules, held, kind, &cut(&text, &cuts)).0, &whole);
        let letters: Vec<&str> = text.char_indices().filter_map(|(at, c)| text.get(at..at + c.len_utf8())).collect();
        prop_assert_eq!(&scan(&rules, held, kind, &letters).0, &whole);
        for (_, start, end, score) in &whole {
            prop_assert!(start < end && text.is_char_boundary(*start as usize) && text.is_char_boundary(*end as usize));
            prop_assert!(score.parse::<f32>().is_ok_and(|score| (0.0..=1.0).contains(&score)));
        }
    }

    /// Tokens stand in order, apart, and no unit has more than it may.
    #[test]
    fn units_are_bounded(text in any_text()) {
        struct Bounded(u64);
        impl Units for Bounded {
            fn unit(&mut self, tokens: &mut [Token], _: &[Token]) {
                assert!((1..=MOST).contains(&tokens.len()));
                for token in tokens {
                    assert!(self.0 <= token.start && token.start < token.end && token.end - token.start <= 32);
                    self.0 = token.end;
                }
            }
        }
        let mut cutter = Cutter::default();
        let mut units = Bounded(0);
        cutter.push(text.as_bytes(), &mut units);
        cutter.finish(&mut units);
        prop_assert!(units.0 <= text.len() as u64);
    }

    /// A file that is damaged anywhere is no tagger, or one that reads texts without a fault.
    #[test]
    fn damaged_files_are_told(at in any::<prop::sample::Index>(), byte in any::<u8>(), end in any::<bool>()) {
        static SMALL: LazyLock<Vec<u8>> = LazyLock::new(|| small().1);
        let mut file = SMALL.clone();
        let at = at.index(file.len());
        if end { file.truncate(at) } else { file[at] = byte }
        if let Ok(tagger) = Tagger::read(&file) {
            let (mut reading, mut found) = (Reading::default(), Vec::new());
            reading.push(&tagger, b"ask ann about it. and bob", &mut found);
            reading.finish(&tagger, &mut found);
        }
    }
}

/// What is never held: more than [`MOST`] tokens of 32 bytes and the blanks between them.
#[test]
fn what_is_held_is_bounded() {
    for text in [
        "Margaret ".repeat(4000),
        "王建国，".repeat(4000),
        "A".repeat(60_000),
        " ".repeat(20_000),
        format!("Ann{}Bell", " ".repeat(20_000)),
        "Ann, Bob: ".repeat(5000),
        "田中".repeat(8000),
    ] {
        let pieces: Vec<&str> =
            text.as_bytes().chunks(3).filter_map(|piece| std::str::from_utf8(piece).ok()).collect();
        let (_, held) = scan(&rules(true), true, TextKind::Plain, &pieces);
        assert!(held <= (MOST as u64 + 1) * (32 + 8), "{held} bytes were held");
    }
}

struct Taken<'l>(&'l Lexicon, Vec<Example>);
impl Units for Taken<'_> {
    fn unit(&mut self, tokens: &mut [Token], before: &[Token]) {
        // The second word is a name.
        let allowed = (0..tokens.len()).map(|at| if at == 1 { 0b010 } else { 0b001 }).collect();
        self.1.push(Example::new(tokens, before, self.0, allowed, 1.0));
    }
}

/// A small tagger of one type, that has learned what stands behind `ask`.
fn small() -> (Head, Vec<u8>) {
    let names = ["ann", "bob", "eve", "joe", "kim"];
    let words = Lexicon::of_words(names.iter().map(|name| (*name, 1)));
    let lexicon = Lexicon::new(&words);
    let mut taken = Taken(&lexicon, Vec::new());
    for n in 0..200 {
        let mut cutter = Cutter::default();
        cutter.push(format!("Ask {} about it {}", names[n % names.len()], n % 7).as_bytes(), &mut taken);
        cutter.finish(&mut taken);
    }
    let settings = Settings { types: 1, epochs: 4, rate: 0.3, decay: 0.0, least: 1 };
    let weights = train(&mut taken.1, settings, |_, _| {});
    let head = Head {
        format: 1,
        name: "small".to_owned(),
        kind: "tagger".to_owned(),
        version: "1".to_owned(),
        bits: 10,
        types: vec!["person".to_owned()],
        least: vec![0.0],
        scales: Vec::new(),
        biases: Vec::new(),
        follows: Vec::new(),
        words: 0,
        sha256: String::new(),
    };
    let (tagger, file) = Tagger::quantised(head, &weights, &words).expect("it fits");
    let (mut reading, mut found) = (Reading::default(), Vec::new());
    reading.push(&tagger, b"Ask eve about it", &mut found);
    reading.finish(&tagger, &mut found);
    assert_eq!(
        found.iter().map(|one| (one.start, one.end)).collect::<Vec<_>>(),
        [(4, 7)],
        "what is easy is learned"
    );
    (tagger.head().clone(), file)
}

#[test]
fn the_same_lessons_make_the_same_tagger() {
    assert_eq!(small().1, small().1);
    assert_eq!(small().0.scales.len(), 3);
}

#[test]
fn a_damaged_file_is_refused_and_says_why() {
    let (_, file) = small();
    let line = file.iter().position(|byte| *byte == b'\n').expect("a first line");
    let said = |file: &[u8]| Tagger::read(file).expect_err("it is damaged").to_string();
    assert!(said(b"").contains("is empty"));
    assert!(said(b"{\"kind\":\"tagger\"}\n").contains("says something else"));
    assert!(said(&file[..file.len() - 9]).contains("do not unpack"));
    let mut other = file.clone();
    other.splice(line + 1.., zstd::encode_all(&vec![1_u8; (WIDTH << 10) + 6 * 5][..], 1).expect("it packs"));
    assert!(said(&other).contains("hash"));
    let model = String::from_utf8_lossy(&file[..line]).replace("\"tagger\"", "\"judge\"");
    assert!(said(format!("{model}\n").as_bytes()).contains("something else"));
    let wrong = String::from_utf8_lossy(&file[..line]).replace("\"bits\":10", "\"bits\":30");
    assert!(said(format!("{wrong}\n").as_bytes()).contains("too large"));
}

#[test]
fn unknown_classes_are_said() {
    let said = |class| Engine::compile(&[rule(class)]).expect_err("it does not compile")[0].reason.clone();
    assert!(said(Some("persom")).contains("did you mean `person`?"));
    assert!(said(None).contains("needs a `class`"));
}

/// A name in the middle of a stream is held until it is told, and so can be rewritten.
#[test]
fn a_name_in_mid_stream_is_held() {
    let (rules, mut found) = (rules(true), Vec::new());
    let mut scan = Scan::new(TextKind::Plain);
    let first = scan.push(&ENGINE, &rules, "It is late. Please call Marga", &mut found);
    assert_eq!((first.settled, found.len()), (TextPos(12), 0), "the sentence before is let go");
    scan.push(&ENGINE, &rules, "ret Thornbury before noon", &mut found);
    let now = scan.push(&ENGINE, &rules, ". Thank you", &mut found);
    assert!(now.settled >= TextPos(54), "{now:?}");
    assert_eq!(found.iter().map(|one| (one.start.0, one.end.0)).collect::<Vec<_>>(), [(24, 42)]);
}

/// Texts of our own with a name, and texts with none.
#[test]
fn names_are_told_from_words() {
    for (text, names) in [
        ("Please call Margaret Thornbury before noon.", &["Margaret Thornbury"][..]),
        ("Kind regards,\nSamuel Okafor", &["Samuel Okafor"]),
        ("Patient: Helen Brightwater, admitted on Monday", &["Helen Brightwater"]),
        ("请联系王建国，电话稍后提供。", &["王建国"]),
        ("患者李秀英，因发热三天入院。", &["李秀英"]),
        ("联系人：欧阳志远", &["欧阳志远"]),
        ("La paciente María Fernández Ortega acude a urgencias.", &["María Fernández Ortega"]),
        ("Umowę podpisał Tomasz Wiśniewski.", &["Tomasz Wiśniewski"]),
        ("Spotkałem się z Anną Kowalską w biurze.", &["Anną Kowalską"]),
        ("田中太郎さんに連絡してください。", &["田中太郎"]),
        ("Sehr geehrter Herr Schneider,", &["Schneider"]),
    ] {
        assert_eq!(names_in(text, 0), names, "{text}");
    }
    for text in [
        "What is the capital of France?",
        "Mark the page and bill the client in May.",
        "Press Enter to save the file, then open Settings.",
        "public static void main(String[] args)",
        "let mut buffer = Vec::with_capacity(128);",
        "请介绍一下光合作用",
        "今天天气很好，我想出去走走。",
        "今日は天気がいいので散歩に行きます。",
        "Jak zainstalować Pythona?",
        "El paciente refiere dolor abdominal de tres días de evolución.",
    ] {
        assert_eq!(names_in(text, 0), Vec::<&str>::new(), "{text}");
    }
}
