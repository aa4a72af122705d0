//! The engine's promises, over generated rules, texts and cuts.

use super::oracle::{behind, naive, naive_keyword, oracle, padded};
pub(super) use super::oracle::{naive_spans, normal, squeeze, view};
use super::{
    Engine, Exact, Finding, Folds, Keyword, PatternSpec, Place, Progress, RuleId, RuleSet, RuleSpec, Scan,
    TextKind, Validator, scan_all,
};
use crate::text::TextPos;
use crate::text::fold::FoldPos;
use proptest::prelude::*;
use std::cmp::Reverse;

pub(super) fn keyword(text: &str, whole_word: bool) -> Keyword {
    Keyword { text: text.to_owned(), whole_word }
}

pub(super) fn pattern(regex: &str, left: bool, right: bool) -> PatternSpec {
    PatternSpec { regex: regex.to_owned(), left, right, ..PatternSpec::default() }
}

pub(super) fn rule(keywords: Vec<Keyword>, patterns: Vec<PatternSpec>) -> RuleSpec {
    RuleSpec { keywords, patterns, ..RuleSpec::default() }
}

/// Patterns of every beginning, small enough that random text hits them.
fn patterns() -> Vec<RuleSpec> {
    let luhn =
        PatternSpec { validator: Validator::from_name("luhn"), ..pattern(r"\d(?:[ -]?\d){3,7}", true, true) };
    let cased = PatternSpec { case_sensitive: true, ..pattern("Ab[A-Z0-9]{2,4}", true, false) };
    let near = |regex| PatternSpec {
        context: vec!["ab".to_owned(), "文".to_owned()],
        ..pattern(regex, true, true)
    };
    vec![
        rule(vec![], vec![near("[a-c]{2}[0-9]{1,3}"), near("[0-9]{2,4}")]),
        rule(vec![], vec![luhn]),
        rule(
            vec![],
            vec![pattern(r"[a-c0-9][a-c0-9._-]{0,7}@[a-c0-9-]{1,6}(?:\.[a-c]{2,3}){1,2}", false, true)],
        ),
        rule(vec![], vec![cased, pattern("a-b[ab]{1,5}", false, true)]),
        rule(vec![], vec![pattern("ab{1,3}c", false, false), pattern("ba{2}", true, true)]),
        rule(vec![], vec![pattern("[ab]{1,4} c", true, true), pattern("[ac]{2,3}[ ,-][ab]", true, false)]),
        rule(vec![], vec![pattern("中[ab]{1,2}文?", false, true)]),
        rule(vec![], vec![pattern("сab[a-c ]{0,9}c", true, true)]),
    ]
}

fn any_word() -> impl Strategy<Value = Keyword> {
    let text = prop_oneof![4 => "[abcé]{1,5}", 2 => "[abc]{1,3}( [abc]{1,3}){1,2}", 1 => "[ab中文]{1,4}", 1 => "[ab+-]{1,4}", 1 => "[中文人]{1,3}([ -][中文人b]{1,2}){0,2}"];
    (text, any::<bool>())
        .prop_filter("something is left", |(text, _)| !text.trim().is_empty())
        .prop_map(|(text, whole)| keyword(&text, whole))
}

fn any_folds() -> impl Strategy<Value = Folds> {
    any::<(bool, bool, bool)>().prop_map(|(separators, leet, repeats)| Folds { separators, leet, repeats })
}

fn any_rules() -> impl Strategy<Value = Vec<RuleSpec>> {
    let words = proptest::collection::vec(proptest::collection::vec(any_word(), 1..4), 0..5);
    let folds = proptest::collection::vec(any_folds(), 5);
    (words, any::<bool>(), folds).prop_map(|(words, with_patterns, folds)| {
        let mut rules: Vec<RuleSpec> = words.into_iter().map(|words| rule(words, vec![])).collect();
        for (rule, folds) in rules.iter_mut().zip(folds) {
            rule.folds = folds;
        }
        if with_patterns {
            rules.extend(patterns());
        }
        rules
    })
}

fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => "[abc]{1,6}",
        2 => "[ABCabc]{1,4}",
        3 => "[ \n.,@+-]{1,2}",
        3 => "[0-9]{1,5}",
        1 => "Ab[A-Z0-9]{2,5}",
        1 => "[a-c.]{1,4}@[a-c]{1,4}\\.[a-c]{2,3}",
        2 => "[abc中]([ .*-]{1,2}[abc文]){1,5}",
        2 => "[abc4@*#8(]{2,6}",
        1 => "a{1,3}b{1,3}[c文]{1,3}",
        1 => "[ab文]([😀·/、,!][ab文]){1,4}",
        1 => "[abc文](<[/b]?b?[b>]>?){0,2}[abc文]",
        1 => "[中文人]{1,3}([ ,.*!。䷀-]{0,2}[中文人b]{1,2}){0,3}",
        1 => "[中文é\u{200b}\u{301}ａｂсﬁ①]{1,3}",
        1 => r"\\u0061|\\ud835\\udc1b|\\|\\u00|\\n|\\",
        1 => r"\\[nrb][abc0-9]{1,5}",
        1 => "[\u{10d835}\u{10dc1a}]{1,2}",
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// Text in which the rules' own words stand, whole, cut short or spelled out.
fn text_of(rules: Vec<RuleSpec>) -> impl Strategy<Value = (Vec<RuleSpec>, String)> {
    let words: Vec<String> =
        rules.iter().flat_map(|rule| &rule.keywords).map(|keyword| keyword.text.clone()).collect();
    let words = if words.is_empty() { vec!["ab".to_owned()] } else { words };
    let word = (proptest::sample::select(words), "[ .-]{1,4}", any::<bool>(), 0..3_usize);
    let word = word.prop_map(|(word, separator, spelled, short)| {
        let separator = if spelled { separator.as_str() } else { "" };
        let letters: Vec<String> = word.chars().map(String::from).collect();
        letters.get(..letters.len() - short.min(letters.len() - 1) / 2).unwrap_or_default().join(separator)
    });
    let piece = prop_oneof![2 => any_text(), 2 => word, 1 => "[ \n.,]{1,2}"];
    let text = proptest::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat());
    (Just(rules), text)
}

fn rules_and_text() -> impl Strategy<Value = (Vec<RuleSpec>, String)> {
    any_rules().prop_flat_map(text_of)
}

fn words_and_text() -> impl Strategy<Value = (Vec<RuleSpec>, String)> {
    let words = (proptest::collection::vec(any_word(), 1..6), any_folds());
    let rules = words.prop_map(|(words, folds)| vec![RuleSpec { folds, ..rule(words, vec![]) }]);
    rules.prop_flat_map(text_of)
}

pub(super) fn kind(json: bool) -> TextKind {
    if json { TextKind::Json } else { TextKind::Plain }
}

/// Feeds the pieces and checks, at every step, what holds however the text is cut.
pub(super) fn scan(engine: &Engine, rules: &RuleSet, kind: TextKind, pieces: &[&str]) -> Vec<Finding> {
    let mut scan = Scan::new(kind);
    let mut found = Vec::new();
    let mut seen = 0;
    let mut before = Progress::default();
    let mut check = |found: &[Finding], reported: usize, now: Progress| {
        assert!(now.settled >= before.settled, "settled never goes back");
        assert!(now.settled <= now.seen);
        let new = found.iter().skip(reported);
        assert!(
            new.clone().all(|finding| finding.start >= before.settled),
            "nothing is found in what was settled"
        );
        assert!(new.clone().all(|finding| finding.start < finding.end && finding.end <= now.seen));
        before = now;
    };
    for piece in pieces {
        let reported = found.len();
        seen += piece.len() as u64;
        let now = scan.push(engine, rules, piece, &mut found);
        assert_eq!(now.seen, TextPos(seen));
        check(&found, reported, now);
    }
    let reported = found.len();
    let now = scan.finish(engine, rules, &mut found);
    assert_eq!(now, Progress { seen: TextPos(seen), settled: TextPos(seen) });
    check(&found, reported, now);
    found
}

pub(super) fn cut<'t>(text: &'t str, cuts: &[usize]) -> Vec<&'t str> {
    let mut cuts: Vec<usize> =
        cuts.iter().map(|&cut| text.floor_char_boundary(cut % (text.len() + 1))).collect();
    cuts.sort_unstable();
    cuts.push(text.len());
    let mut from = 0;
    cuts.into_iter().filter_map(|to| text.get(std::mem::replace(&mut from, to)..to)).collect()
}

/// The text in pieces of these sizes, over and over.
pub(super) fn sized<'t>(text: &'t str, sizes: &[usize]) -> Vec<&'t str> {
    let (mut rest, mut pieces, mut sizes) = (text, Vec::new(), sizes.iter().cycle());
    while !rest.is_empty() {
        let size = sizes.next().map_or(1, |size| *size);
        let (piece, after) = rest.split_at(rest.ceil_char_boundary(size.min(rest.len())));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

fn spans(findings: &[Finding]) -> Vec<(RuleId, TextPos, TextPos)> {
    findings.iter().map(|finding| (finding.rule, finding.start, finding.end)).collect()
}

proptest! {
    #![proptest_config(crate::text::cases::cases(200))]

    #[test]
    fn cuts_do_not_matter((rules, text) in rules_and_text(), json in any::<bool>(), cuts in proptest::collection::vec(any::<usize>(), 0..5)) {
        let engine = Engine::compile(&rules).expect("the rules are right");
        let set = RuleSet::full(rules.len());
        let kind = kind(json);
        let whole = scan_all(&engine, &set, kind, &text);
        for at in 0..=text.len() {
            prop_assert_eq!(&scan(&engine, &set, kind, &cut(&text, &[at])), &whole);
        }
        let all: Vec<usize> = (0..=text.len()).collect();
        prop_assert_eq!(&scan(&engine, &set, kind, &cut(&text, &all)), &whole);
        prop_assert_eq!(&scan(&engine, &set, kind, &cut(&text, &cuts)), &whole);
    }

    #[test]
    fn findings_are_those_of_a_naive_search((rules, text) in rules_and_text(), json in any::<bool>()) {
        let engine = Engine::compile(&rules).expect("the rules are right");
        let found = scan_all(&engine, &RuleSet::full(rules.len()), kind(json), &text);
        prop_assert_eq!(spans(&found), spans(&naive(&rules, kind(json), &text)));
    }

    #[test]
    fn keywords_hold_exactly_what_could_still_match((rules, text) in words_and_text(), json in any::<bool>()) {
        let engine = Engine::compile(&rules).expect("the rules are right");
        let set = RuleSet::full(1);
        let mut scan = Scan::new(kind(json));
        let mut found = Vec::new();
        for (at, c) in text.char_indices() {
            let to = at + c.len_utf8();
            let (now, so_far) = (text.get(at..to).unwrap_or_default(), text.get(..to).unwrap_or_default());
            let progress = scan.push(&engine, &set, now, &mut found);
            prop_assert_eq!(progress.settled, oracle(&rules, kind(json), so_far), "after {:?}", so_far);
        }
    }

    /// By blocks, wherever they begin, as byte by byte.
    #[test]
    fn text_around_does_not_matter((rules, text) in rules_and_text(), json in any::<bool>(), before in 0..200_usize, after in 0..200_usize) {
        let engine = Engine::compile(&rules).expect("the rules are right");
        let set = RuleSet::full(rules.len());
        let expected = scan(&engine, &set, kind(json), &[&text]);
        let (before, padded) = padded(&text, before, after);
        prop_assert_eq!(behind(&scan(&engine, &set, kind(json), &[&padded]), before), &expected[..]);
        let chars: Vec<String> = padded.chars().map(String::from).collect();
        let chars: Vec<&str> = chars.iter().map(String::as_str).collect();
        prop_assert_eq!(behind(&scan(&engine, &set, kind(json), &chars), before), expected);
    }

    #[test]
    fn rules_outside_the_set_find_nothing((rules, text) in rules_and_text(), mask in any::<u8>()) {
        let engine = Engine::compile(&rules).expect("the rules are right");
        let all = scan_all(&engine, &RuleSet::full(rules.len()), TextKind::Plain, &text);
        let some: RuleSet = (0..rules.len() as u32).filter(|rule| mask >> (rule % 8) & 1 == 1).map(RuleId).collect();
        let found = scan_all(&engine, &some, TextKind::Plain, &text);
        let expected: Vec<Finding> = all.into_iter().filter(|finding| some.contains(finding.rule)).collect();
        prop_assert_eq!(found, expected);
    }
}

/// What is left of a naive search's findings when each is held against its original.
fn naive_exact(rules: &[RuleSpec], text: &str) -> Vec<Finding> {
    let plain: Vec<RuleSpec> =
        rules.iter().map(|spec| RuleSpec { exact: Exact::default(), ..spec.clone() }).collect();
    let (view, _) = view(TextKind::Plain, text, true);
    let folded = String::from_utf8(view.bytes().to_vec()).expect("UTF-8");
    let mut out: Vec<Finding> = Vec::new();
    for (index, (spec, exact)) in plain.iter().zip(rules.iter().map(|spec| spec.exact)).enumerate() {
        let mut spans = Vec::new();
        for keyword in &spec.keywords {
            let own = squeeze(exact.fold(&keyword.text).trim()).to_ascii_lowercase();
            for (from, to) in naive_keyword(&folded, keyword) {
                let (start, end) = (view.text_start(FoldPos(from as u64)), view.text_end(FoldPos(to as u64)));
                let raw = text.get(start.0 as usize..end.0 as usize).unwrap_or_default();
                if exact.is_empty() || squeeze(&exact.fold(raw)).to_ascii_lowercase() == own {
                    spans.push((from, to, start, end));
                }
            }
        }
        spans.sort_by_key(|&(from, to, ..)| (from, Reverse(to)));
        let mut covered = 0;
        for (_, to, start, end) in spans {
            if to > covered {
                covered = to;
                out.push(Finding { rule: RuleId(index as u32), start, end, score: 1.0, of: 0 });
            }
        }
    }
    out.sort_by_key(|finding| (finding.start, Reverse(finding.end), finding.rule));
    out
}

fn any_exact() -> impl Strategy<Value = Exact> {
    let names = proptest::sample::subsequence(Exact::NAMES.to_vec(), 0..4);
    names.prop_map(|names| {
        names.iter().fold(Exact::default(), |all, &(_, one)| all.with(one).without(Exact::CASE))
    })
}

proptest! {
    #[test]
    fn what_an_exact_rule_finds_stands_so_in_the_text(
        words in proptest::collection::vec((proptest::collection::vec(any_word(), 1..4), any_exact()), 1..4),
        text in "[abcABéáаｂ中\u{301}\u{200b} ]{0,24}",
        cuts in proptest::collection::vec(any::<usize>(), 0..4),
    ) {
        let rules: Vec<RuleSpec> =
            words.into_iter().map(|(words, exact)| RuleSpec { exact, ..rule(words, vec![]) }).collect();
        let engine = Engine::compile(&rules).expect("the rules are right");
        let set = RuleSet::full(rules.len());
        let whole = scan_all(&engine, &set, TextKind::Plain, &text);
        prop_assert_eq!(spans(&whole), spans(&naive_exact(&rules, &text)));
        prop_assert_eq!(scan(&engine, &set, TextKind::Plain, &cut(&text, &cuts)), whole);
    }
}

#[test]
fn a_rule_may_refuse_a_fold() {
    let exact = |words: &[&str], exact| RuleSpec {
        exact,
        ..rule(words.iter().map(|word| keyword(word, true)).collect(), vec![])
    };
    let number = RuleSpec { exact: Exact::DIGITS, ..rule(vec![], vec![pattern("[0-9]{4}", true, true)]) };
    let rules = [
        exact(&["résumé"], Exact::MARKS),
        exact(&["ACE"], Exact::CASE),
        exact(&["bomb"], Exact::ALL),
        exact(&["蘋果"], Exact::TRADITIONAL),
        number,
    ];
    let text = "résumé Re\u{301}sumé resume ACE ace bomb bоmb bo\u{200b}mb Bomb 蘋果 苹果 1234 ١٢٣٤";
    let expected = [(0, "résumé"), (0, "Re\u{301}sumé"), (1, "ACE"), (2, "bomb"), (3, "蘋果"), (4, "1234")];
    assert_eq!(found(&rules, text), expected.map(|(rule, s)| (rule, s.to_owned())));
    let long = format!("{}{text}", "the river ran on. ".repeat(400));
    assert_eq!(found(&rules, &long), expected.map(|(rule, s)| (rule, s.to_owned())));
}

fn found(rules: &[RuleSpec], text: &str) -> Vec<(u32, String)> {
    let engine = Engine::compile(rules).expect("the rules are right");
    let found = scan_all(&engine, &RuleSet::full(rules.len()), TextKind::Plain, text);
    let text_of =
        |finding: &Finding| text.get(finding.start.0 as usize..finding.end.0 as usize).unwrap_or_default();
    found.iter().map(|finding| (finding.rule.0, text_of(finding).to_owned())).collect()
}

#[test]
fn words_next_to_other_scripts_are_whole() {
    let rules = [rule(vec![keyword("bomb", true), keyword("法轮", true)], vec![])];
    assert_eq!(
        found(&rules, "a BOMB, 做bomb吗 bombs xbomb 3bomb _bomb_"),
        ["BOMB", "bomb", "bomb"].map(|s| (0, s.to_owned()))
    );
    assert_eq!(found(&rules, "说法轮好"), [(0, "法轮".to_owned())]);
    let rules = [rule(vec![keyword("credit card", true)], vec![])];
    assert_eq!(found(&rules, "Credit\n  card"), [(0, "Credit\n  card".to_owned())]);
}

#[test]
fn words_are_found_spelled_out_where_the_rule_asks() {
    let words = vec![keyword("bomb", true), keyword("rapist", true), keyword("法轮功", false)];
    let folds = Folds { separators: true, ..Folds::default() };
    let rules = [RuleSpec { folds, ..rule(words, vec![]) }];
    let text = "B o m b, b.o-m_b! the rap ist, b o m bs, ab o m b; 法 轮*功 b--o--m--b";
    let expected = ["B o m b", "b.o-m_b", "法 轮*功", "b--o--m--b"];
    assert_eq!(found(&rules, text), expected.map(|s| (0, s.to_owned())));
}

#[test]
fn a_sign_may_be_the_first_word_of_a_phrase() {
    let folds = Folds { leet: true, repeats: true, ..Folds::default() };
    let rules = [RuleSpec { folds, ..rule(vec![keyword("a bab", false)], vec![]) }];
    for text in ["@ baa*文", "@ bab", "@  b@b"] {
        let found = spans(&scan_all(
            &Engine::compile(&rules).expect("right"),
            &RuleSet::full(1),
            TextKind::Plain,
            text,
        ));
        assert_eq!(found, spans(&naive(&rules, TextKind::Plain, text)), "{text}");
        assert_eq!(found.len(), 1, "{text}");
    }
}

#[test]
fn a_word_of_one_character_stands_at_every_place_of_a_row() {
    let folds = Folds { leet: true, ..Folds::default() };
    let rules = [RuleSpec { folds, ..rule(vec![keyword("中中", true)], vec![]) }];
    assert_eq!(found(&rules, "中中中中"), ["中中"; 3].map(|s| (0, s.to_owned())));
}

#[test]
fn tags_stand_between_letters_and_lists_of_letters_are_no_words() {
    let folds = Folds { separators: true, leet: true, ..Folds::default() };
    let words =
        vec![keyword("bomb", true), keyword("ass", true), keyword("冰毒", true), keyword("敏感词", true)];
    let rules = [RuleSpec { folds, ..rule(words, vec![]) }];
    let text = "f<b>b</b>omb, b<i></i>o<br>mb a<b and> c; a s s ess c.l.a.s.s a.s.s 80mb 8omb; 冰，毒 冰！毒 敏，感，词 敏感，词 b<i\nmb";
    let expected = ["b</b>omb", "b<i></i>o<br>mb", "a.s.s", "8omb", "敏，感，词"];
    assert_eq!(found(&rules, text), expected.map(|s| (0, s.to_owned())));
}

#[test]
fn an_escape_in_source_code_hides_nothing() {
    let rules = [
        rule(vec![keyword("bomb", true)], vec![pattern(r"1[3-9]\d{9}", true, true)]),
        rule(vec![], vec![pattern("AKIA[0-9A-Z]{4}", true, true)]),
    ];
    let text = r#"{"tel":"\n13800138000","key":"\rAKIA1234\tbomb, xbomb n13800138000"}"#;
    let expected = [(0, "13800138000"), (1, "AKIA1234"), (0, "bomb")];
    assert_eq!(found(&rules, text), expected.map(|(rule, s)| (rule, s.to_owned())));
    let long = format!("{}{text}", "the river ran on. ".repeat(9));
    assert_eq!(found(&rules, &long), expected.map(|(rule, s)| (rule, s.to_owned())));
}

/// Found by a fuzzer: in a block of bytes the word behind an escape was told after the machines had started that ask for it.
#[test]
fn a_word_behind_an_escape_is_context_like_any_other() {
    let number = PatternSpec { context: vec!["call".to_owned()], ..pattern(r"\d{2}-\d{4}", true, true) };
    let rules = [rule(vec![], vec![number])];
    for text in [
        r"\ncall 11-1234 and some more text",
        r"Please \Rcall me on 11-1234, or do not; it is all the same to me.",
    ] {
        assert_eq!(found(&rules, text), [(0, "11-1234".to_owned())], "{text}");
    }
}

#[test]
fn a_group_is_found_alone_and_context_is_asked_for() {
    let group = PatternSpec {
        group: Some("key".to_owned()),
        ..pattern(r"password[:=]\s{0,3}(?<key>\S{4,20})", true, false)
    };
    let context = PatternSpec {
        context: vec!["passport".to_owned(), "护照".to_owned()],
        ..pattern(r"[a-z]\d{8}", true, true)
    };
    let rules = [rule(vec![], vec![group]), rule(vec![], vec![context])];
    assert_eq!(found(&rules, "Password: hunter22 yes"), [(0, "hunter22".to_owned())]);
    assert_eq!(
        found(&rules, "E12345678, Passport E12345678; 护照号E87654321"),
        [(1, "E12345678".to_owned()), (1, "E87654321".to_owned())]
    );
}

#[test]
fn what_cannot_be_bounded_is_refused_with_the_reason() {
    let cases = [
        (pattern("a+", false, false), "bound"),
        (pattern("(", false, false), "does not parse"),
        (pattern(r"\bword", false, false), "`left`"),
        (pattern("x{0,3}", false, false), "empty text"),
        (pattern("[a-z]{2,600}", false, false), "shorten it"),
        (pattern("password.{1,20000}", false, false), "at most 16384"),
        (PatternSpec { group: Some("nope".to_owned()), ..pattern("abcd", false, false) }, "`nope`"),
    ];
    for (spec, reason) in cases {
        let errors = Engine::compile(&[rule(vec![], vec![]), rule(vec![], vec![spec])]).expect_err("refused");
        assert_eq!((errors.len(), errors[0].rule, errors[0].place), (1, 1, Place::Pattern(0)));
        assert!(errors[0].reason.contains(reason), "{}", errors[0]);
    }
    let bounded = PatternSpec { max_len: Some(40), ..pattern(r"token=\S+", true, false) };
    assert!(Engine::compile(&[rule(vec![], vec![bounded])]).is_ok());
    let empty = Engine::compile(&[rule(vec![keyword("\u{200b}", true)], vec![])]).expect_err("refused");
    assert!(empty[0].to_string().contains("left after folding"), "{}", empty[0]);
}

#[test]
fn letters_of_other_scripts_go_on_behind_separators() {
    let folds = Folds { separators: true, leet: true, repeats: true };
    let rules = [RuleSpec { folds, ..rule(vec![keyword("cééaé", true)], vec![]) }];
    let engine = Engine::compile(&rules).expect("right");
    for text in ["c-é-é-a-é@a", "c-é-é-a-é", "c-é-é-a-é "] {
        let whole = spans(&scan_all(&engine, &RuleSet::full(1), TextKind::Json, text));
        assert_eq!(whole, spans(&naive(&rules, TextKind::Json, text)), "{text}");
    }
}
