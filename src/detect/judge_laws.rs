//! The promises of conditions, over generated rules, texts and cuts, against a search that tries everything.

use super::laws::{cut, keyword, kind, naive_spans, normal, pattern, rule, scan, squeeze, view};
use super::pattern::{begins, boundary};
use super::{
    Around, Conditions, Engine, Finding, Folds, Keyword, Place, RuleId, RuleSet, RuleSpec, Scan, Shift,
    TextKind, When, scan_all,
};
use crate::text::TextPos;
use crate::text::fold::FoldPos;
use proptest::prelude::*;
use regex_automata::{Anchored, Input, meta};
use std::cmp::Reverse;

/// How much longer white space may make a term.
const SPACE: usize = 64;

/// A span of folded text.
type Span = (usize, usize);

/// Where the terms stand, every span that is one of them.
fn terms(folded: &str, words: &[Keyword]) -> Vec<Span> {
    let low = folded.to_ascii_lowercase();
    let longest = words.iter().map(|word| normal(word).len()).max().unwrap_or(0) + SPACE;
    let places: Vec<usize> = low.char_indices().map(|(at, _)| at).chain([low.len()]).collect();
    let mut spans = Vec::new();
    for (word, &from) in words.iter().flat_map(|word| places.iter().map(move |from| (word, from))) {
        let fits = |to: usize| {
            let text = low.get(from..to).unwrap_or_default();
            let whole = !word.whole_word || (begins(low.as_bytes(), from) && boundary(low.as_bytes(), to));
            whole && squeeze(text) == normal(word)
        };
        spans.extend(
            places.iter().find(|&&to| to > from && to - from <= longest && fits(to)).map(|&to| (from, to)),
        );
    }
    spans
}

/// Every match of the expressions.
#[expect(clippy::disallowed_methods, reason = "the oracle is a search of its own")]
fn matches(folded: &str, expressions: &[String], whole: bool) -> Vec<Span> {
    let places: Vec<usize> = folded.char_indices().map(|(at, _)| at).chain([folded.len()]).collect();
    let mut spans = Vec::new();
    for source in expressions {
        let expression = meta::Regex::new(&format!("(?i)(?:{source})$")).expect("the expression is right");
        let spans_of_all = places.iter().flat_map(|&from| places.iter().map(move |&to| (from, to)));
        for (from, to) in spans_of_all.filter(|(from, to)| from < to) {
            let head = folded.get(..to).unwrap_or_default();
            let free = begins(folded.as_bytes(), from) && boundary(folded.as_bytes(), to);
            let input = Input::new(head).range(from..).anchored(Anchored::Yes);
            if (free || !whole) && expression.search(&input).is_some() {
                spans.push((from, to));
            }
        }
    }
    spans
}

fn characters(folded: &str, from: usize, to: usize) -> usize {
    folded.get(from..to).unwrap_or_default().chars().count()
}

/// Whether one of the words stands near.
fn stands(folded: &str, around: &Around, (start, end): Span) -> bool {
    let words: Vec<Keyword> = around.words.iter().map(|word| keyword(word, true)).collect();
    let within = around.within as usize;
    terms(folded, &words).into_iter().any(|(from, to)| {
        (to <= start && characters(folded, from, start) <= within)
            || (from >= end && characters(folded, end, to) <= within)
    })
}

/// A match of a rule: its span, its score, and the group whose word it is.
#[derive(Clone, Copy, Debug)]
struct Match {
    span: Span,
    score: f32,
    group: Option<usize>,
}

/// Which matches of a rule are findings, with their scores.
fn findings(folded: &str, spec: &RuleSpec, threshold: f32) -> Vec<(Span, f32)> {
    let conditions = &spec.conditions;
    let score = conditions.score.unwrap_or(1.0);
    let own = naive_spans(folded, spec).into_iter().map(|(span, found)| Match {
        span,
        score: found.unwrap_or(score),
        group: None,
    });
    let groups = conditions.groups.iter().enumerate().flat_map(|(group, words)| {
        let words = RuleSpec { keywords: words.clone(), folds: spec.folds, ..RuleSpec::default() };
        naive_spans(folded, &words).into_iter().map(move |(span, _)| Match {
            span,
            score,
            group: Some(group),
        })
    });
    let own: Vec<Match> = own.collect();
    let groups: Vec<Match> = groups.collect();
    let mut exceptions = terms(folded, &conditions.except);
    exceptions.extend(matches(folded, &conditions.except_patterns, conditions.except_whole));
    let excepted = |one: &Match| exceptions.iter().any(|&(from, to)| from <= one.span.0 && to >= one.span.1);
    let when = conditions.when.clone().unwrap_or_default();
    let finds_groups = spec.keywords.is_empty() && spec.patterns.is_empty();
    let candidates = own.iter().chain(
        groups.iter().filter(|one| finds_groups && one.group.is_none_or(|group| !when.not.contains(&group))),
    );
    let before = |group: usize, start: usize| {
        groups.iter().any(|one| {
            one.group == Some(group)
                && one.span.1 <= start
                && (when.not.contains(&group) || !excepted(one))
                && when.within.is_none_or(|within| characters(folded, one.span.0, start) <= within as usize)
        })
    };
    let mut found = Vec::new();
    for one in candidates.filter(|one| !excepted(one)) {
        let (start, end) = one.span;
        let there = |group: &usize| one.group == Some(*group) || before(*group, start);
        let over_or_behind = |group: &usize| {
            groups.iter().filter(|other| other.group == Some(*group)).any(|other| {
                let (from, to) = other.span;
                (from < end && to > start)
                    || (from >= end && characters(folded, end, to) <= when.ahead as usize)
            })
        };
        let holds = when.all.iter().all(there)
            && (when.any.is_empty() || when.any.iter().any(there))
            && !when.not.iter().any(|group| before(*group, start) || over_or_behind(group));
        let near = conditions.near.as_ref().is_none_or(|near| stands(folded, near, one.span));
        let by = |shift: &Option<Shift>| match shift {
            Some(Shift { around, by }) if stands(folded, around, one.span) => (by * 1000.0).round() as i32,
            _ => 0,
        };
        let base = (one.score * 1000.0).round() as i32;
        let points = (base + by(&conditions.raise) - by(&conditions.lower)).clamp(0, 1000);
        let score = if points == base { one.score } else { points as f32 / 1000.0 };
        if holds && near && points >= (threshold * 1000.0).round() as i32 {
            found.push((one.span, score));
        }
    }
    found
}

/// Every finding of every rule, without those that lie within an earlier or longer one.
fn naive(rules: &[RuleSpec], thresholds: &[f32], kind: TextKind, text: &str) -> Vec<Finding> {
    let (view, _) = view(kind, text, true);
    let folded = String::from_utf8(view.bytes().to_vec()).expect("UTF-8");
    let mut all: Vec<(Span, RuleId, f32)> = Vec::new();
    for (index, spec) in rules.iter().enumerate() {
        let threshold = thresholds.get(index).copied().unwrap_or(0.0);
        let found = findings(&folded, spec, threshold).into_iter();
        all.extend(found.map(|(span, score)| (span, RuleId(index as u32), score)));
    }
    all.sort_by(|a, b| {
        (a.0.0, Reverse(a.0.1), a.1).cmp(&(b.0.0, Reverse(b.0.1), b.1)).then(b.2.total_cmp(&a.2))
    });
    let mut kept: Vec<(Span, RuleId, f32)> = Vec::new();
    for one in all {
        if !kept.iter().any(|(span, rule, _)| *rule == one.1 && span.1 >= one.0.1) {
            kept.push(one);
        }
    }
    let place = |((from, to), rule, score): (Span, RuleId, f32)| Finding {
        rule,
        start: view.text_start(FoldPos(from as u64)),
        end: view.text_end(FoldPos(to as u64)),
        score,
        of: 0,
    };
    kept.into_iter().map(place).collect()
}

// === generated rules ===

fn any_words(most: usize) -> impl Strategy<Value = Vec<String>> {
    let word = prop_oneof![4 => "[abc]{1,4}", 1 => "[ab] [abc]{1,2}", 1 => "[ab文中]{1,3}"];
    proptest::collection::vec(word, 1..=most)
}

fn keywords(words: Vec<String>, whole: bool) -> Vec<Keyword> {
    words.iter().map(|word| keyword(word, whole)).collect()
}

fn any_around() -> impl Strategy<Value = Around> {
    (any_words(2), 5..12_u32).prop_map(|(words, within)| Around { words, within })
}

fn any_shift() -> impl Strategy<Value = Option<Shift>> {
    proptest::option::of(
        (any_around(), 1..9_u32).prop_map(|(around, by)| Shift { around, by: by as f32 / 10.0 }),
    )
}

fn any_when() -> impl Strategy<Value = (Vec<Vec<String>>, Option<When>)> {
    let places = || proptest::collection::vec(0..3_usize, 0..2);
    let when = (places(), places(), places(), proptest::option::of(1..9_u32), 0..7_u32);
    let when = when.prop_map(|(all, any, not, within, ahead)| {
        let not = not.into_iter().filter(|group| !all.contains(group) && !any.contains(group)).collect();
        When { all, any, not, within, ahead }
    });
    (proptest::collection::vec(any_words(2), 3), proptest::option::weighted(0.4, when))
        .prop_map(|(groups, when)| if when.is_some() { (groups, when) } else { (Vec::new(), None) })
}

prop_compose! {
    fn any_rule()(
        words in any_words(3),
        whole in any::<bool>(),
        patterned in proptest::option::weighted(0.3, proptest::sample::select(vec!["[ab]{2}c", "b{1,3}", "[0-9]{2,4}"])),
        except in proptest::option::of(any_words(3)),
        except_pattern in proptest::option::weighted(0.2, proptest::sample::select(vec!["[ab]{2,5}", "a[abc]{0,4}c", "[0-9]b"])),
        near in proptest::option::weighted(0.3, any_around()),
        raise in any_shift(),
        lower in any_shift(),
        score in proptest::option::of(0..11_u32),
        (groups, when) in any_when(),
        groups_alone in any::<bool>(),
        separators in proptest::bool::weighted(0.2),
    ) -> RuleSpec {
        let groups: Vec<Vec<Keyword>> = groups.into_iter().map(|words| keywords(words, whole)).collect();
        let alone = groups_alone && !groups.is_empty();
        let conditions = Conditions {
            score: score.map(|score| score as f32 / 10.0),
            except: keywords(except.unwrap_or_default(), whole),
            except_patterns: except_pattern.map(str::to_owned).into_iter().collect(),
            except_whole: whole,
            near,
            raise,
            lower,
            groups,
            when,
        };
        let patterns = patterned.filter(|_| !alone).map(|regex| pattern(regex, whole, whole));
        RuleSpec {
            keywords: if alone { Vec::new() } else { keywords(words, whole) },
            patterns: patterns.into_iter().collect(),
            folds: Folds { separators, ..Folds::default() },
            conditions,
            ..RuleSpec::default()
        }
    }
}

/// All words of a rule.
fn words_of(spec: &RuleSpec) -> Vec<String> {
    let conditions = &spec.conditions;
    let own = spec.keywords.iter().chain(&conditions.except).chain(conditions.groups.iter().flatten());
    let around = [
        conditions.near.as_ref(),
        conditions.raise.as_ref().map(|shift| &shift.around),
        conditions.lower.as_ref().map(|shift| &shift.around),
    ];
    let around = around.into_iter().flatten().flat_map(|around| around.words.clone());
    own.map(|keyword| keyword.text.clone()).chain(around).collect()
}

fn text_of(words: Vec<String>) -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => proptest::sample::select(words),
        3 => "[ .]{1,2}",
        2 => "[abc]{1,3}",
        1 => "[0-9]{1,3}",
        1 => "[文中ＡéЬ\u{301}]{1,2}",
        1 => " {2,4}",
    ];
    proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

fn rules_and_text() -> impl Strategy<Value = (Vec<RuleSpec>, Vec<f32>, String)> {
    let threshold = prop_oneof![2 => Just(0), 1 => 0..11_u32].prop_map(|tenths| tenths as f32 / 10.0);
    let rules = proptest::collection::vec((any_rule(), threshold), 1..3);
    rules.prop_flat_map(|rules| {
        let (rules, thresholds): (Vec<_>, Vec<_>) = rules.into_iter().unzip();
        let words = rules.iter().flat_map(words_of).collect();
        (Just(rules), Just(thresholds), text_of(words))
    })
}

fn set(rules: &[RuleSpec], thresholds: &[f32]) -> RuleSet {
    let mut set = RuleSet::full(rules.len());
    for (rule, &threshold) in thresholds.iter().enumerate() {
        set.set_threshold(RuleId(rule as u32), threshold);
    }
    set
}

proptest! {
    #![proptest_config(crate::text::cases::cases(300))]

    #[test]
    fn findings_are_those_of_a_naive_search((rules, thresholds, text) in rules_and_text(), json in any::<bool>()) {
        let engine = Engine::compile(&rules).expect("the rules are right");
        let found = scan_all(&engine, &set(&rules, &thresholds), kind(json), &text);
        prop_assert_eq!(found, naive(&rules, &thresholds, kind(json), &text));
    }

    #[test]
    fn cuts_do_not_matter((rules, thresholds, text) in rules_and_text(), cuts in proptest::collection::vec(any::<usize>(), 0..5)) {
        let engine = Engine::compile(&rules).expect("the rules are right");
        let set = set(&rules, &thresholds);
        let whole = scan_all(&engine, &set, TextKind::Plain, &text);
        for at in 0..=text.len() {
            prop_assert_eq!(&scan(&engine, &set, TextKind::Plain, &cut(&text, &[at])), &whole);
        }
        let all: Vec<usize> = (0..=text.len()).collect();
        prop_assert_eq!(&scan(&engine, &set, TextKind::Plain, &cut(&text, &all)), &whole);
        prop_assert_eq!(&scan(&engine, &set, TextKind::Plain, &cut(&text, &cuts)), &whole);
    }

    /// What is held can still become a finding, and need not: for keywords and exceptions to the byte.
    #[test]
    fn exceptions_hold_exactly_what_is_not_decided(
        words in any_words(3),
        except in any_words(3),
        whole in any::<bool>(),
        pieces in proptest::collection::vec(prop_oneof![3 => "[abc]{1,3}", 1 => "[ .文]"], 0..6),
    ) {
        let conditions = Conditions { except: keywords(except.clone(), whole), ..Conditions::default() };
        let rules = [RuleSpec { conditions, ..rule(keywords(words.clone(), whole), vec![]) }];
        let engine = Engine::compile(&rules).expect("the rules are right");
        let set = RuleSet::full(1);
        let text = pieces.concat();
        let plain = Engine::compile(&[rule(keywords(words.clone(), whole), vec![])]).expect("the rules are right");
        let (mut scan, mut plain_scan) = (Scan::new(TextKind::Plain), Scan::new(TextKind::Plain));
        let mut found = Vec::new();
        for (at, c) in text.char_indices() {
            let (now, so_far) = text.get(..at + c.len_utf8()).map(|so_far| (so_far.get(at..).unwrap_or_default(), so_far)).expect("whole characters");
            let progress = scan.push(&engine, &set, now, &mut found);
            let settled = progress.settled;
            // What the keywords hold for themselves, they hold with exceptions too.
            if settled == plain_scan.push(&plain, &set, now, &mut Vec::new()).settled {
                continue;
            }
            // Ways to go on: the rest of each word or exception that may have begun, and what follows a word.
            let mut ways: Vec<String> = ["", " ", "c", "a"].map(str::to_owned).into();
            for word in words.iter().chain(&except) {
                let rests = word.char_indices().map(|(at, _)| word.get(at..).unwrap_or_default());
                ways.extend(rests.flat_map(|rest| ["", " ", "c"].map(|end| format!("{rest}{end}"))));
            }
            let mut ends: Vec<Option<TextPos>> = ways
                .iter()
                .map(|way| {
                    let found = scan_all(&engine, &set, TextKind::Plain, &format!("{so_far}{way}"));
                    found.iter().find(|finding| finding.start == settled).map(|finding| finding.end)
                })
                .collect();
            ends.sort_unstable();
            ends.dedup();
            prop_assert!(ends.len() > 1, "{:?} is certain at {:?} of {:?}", ends, settled, so_far);
        }
    }
}

// === single cases ===

fn found(rules: &[RuleSpec], text: &str) -> Vec<(String, f32)> {
    let engine = Engine::compile(rules).expect("the rules are right");
    let found = scan_all(&engine, &RuleSet::full(rules.len()), TextKind::Plain, text);
    let text_of =
        |finding: &Finding| text.get(finding.start.0 as usize..finding.end.0 as usize).unwrap_or_default();
    found.iter().map(|finding| (text_of(finding).to_owned(), finding.score)).collect()
}

fn texts(rules: &[RuleSpec], text: &str) -> Vec<String> {
    found(rules, text).into_iter().map(|(text, _)| text).collect()
}

fn words(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn assess_is_no_swear_word() {
    let conditions = Conditions {
        except: keywords(words(&["assess", "class", "pass the"]), false),
        ..Conditions::default()
    };
    let rules = [RuleSpec { conditions, ..rule(vec![keyword("ass", false)], vec![]) }];
    assert_eq!(
        texts(&rules, "assessment of a class: ASS, ａｓｓess, badass, pass   the, pass on"),
        ["ASS", "ass", "ass"]
    );

    // Held as long as the exception may come and no longer.
    let engine = Engine::compile(&rules).expect("the rules are right");
    let mut scan = Scan::new(TextKind::Plain);
    let mut found = Vec::new();
    let mut push = |text: &str| scan.push(&engine, &RuleSet::full(1), text, &mut found).settled.0;
    assert_eq!(
        [push("an ass"), push("es"), push("s"), push("es."), push(" asse"), push("t")],
        [3, 3, 9, 12, 13, 18]
    );
    assert_eq!(found.len(), 1);
}

#[test]
fn an_address_that_everybody_gives_is_no_ones() {
    let conditions = Conditions {
        except: keywords(words(&["test@example.com"]), true),
        except_patterns: words(&["[a-z]+[0-9]?@test\\.example"]),
        except_whole: true,
        ..Conditions::default()
    };
    let mail = pattern(r"[a-z0-9.]{1,20}@[a-z]{1,10}(?:\.[a-z]{2,7}){1,2}", true, true);
    let rules = [RuleSpec { conditions, ..rule(vec![], vec![mail]) }];
    let refused = Engine::compile(&rules).expect_err("an exception without a longest match");
    assert_eq!(refused[0].place, Place::ExceptPattern(0));
    let mut rules = rules;
    rules[0].conditions.except_patterns = words(&["[a-z]{1,9}[0-9]?@test\\.example"]);
    let text = "test@example.com, Test@Example.COM, my.test@example.com, jo1@test.example, jo12@test.example";
    assert_eq!(texts(&rules, text), ["my.test@example.com", "jo12@test.example"]);
}

#[test]
fn words_near_by_count_on_either_side() {
    let near = Around { words: words(&["passport", "护照"]), within: 12 };
    let conditions = Conditions { near: Some(near), ..Conditions::default() };
    let rules = [RuleSpec { conditions, ..rule(vec![], vec![pattern("[A-Z][0-9]{8}", true, true)]) }];
    let text = "E12345678, a passport. ............... E22345678 ............. 护照号码是：E32345678。passports E42345678";
    assert_eq!(texts(&rules, text), ["E12345678"].into_iter().chain(["E32345678"]).collect::<Vec<_>>());
    assert_eq!(texts(&rules, "E12345678  a passport"), ["E12345678"]);
    assert_eq!(texts(&rules, "E12345678   a  passport"), Vec::<String>::new());
}

#[test]
fn words_near_by_change_the_score() {
    let shift = |word: &str, by| Some(Shift { around: Around { words: words(&[word]), within: 20 }, by });
    let conditions = Conditions {
        score: Some(0.6),
        raise: shift("card", 0.3),
        lower: shift("example", 0.5),
        ..Conditions::default()
    };
    let rules = [RuleSpec { conditions, ..rule(vec![keyword("4711", true)], vec![]) }];
    let score = |text: &str| found(&rules, text).first().map(|(_, score)| *score);
    assert_eq!(score("4711"), Some(0.6));
    assert_eq!(score("card 4711 card"), Some(0.9));
    assert_eq!(score("4711 is an example"), Some(0.1));
    assert_eq!(score("card 4711, an example"), Some(0.4));
    let engine = Engine::compile(&rules).expect("the rules are right");
    let mut set = RuleSet::full(1);
    set.set_threshold(RuleId(0), 0.9);
    let reported = |text: &str| scan_all(&engine, &set, TextKind::Plain, text).len();
    assert_eq!([reported("4711"), reported("4711 card"), reported("a card, for example 4711")], [0, 1, 0]);
    // What can reach the threshold no more is not waited for.
    let mut scan = Scan::new(TextKind::Plain);
    let mut found = Vec::new();
    let mut push = |text: &str| scan.push(&engine, &set, text, &mut found).settled.0;
    assert_eq!([push("example 4711"), push(" "), push("............ 4711 ")], [8, 13, 26]);
}

#[test]
fn groups_of_words_stand_in_one_text() {
    let group = |words: &[&str]| words.iter().map(|word| keyword(word, true)).collect::<Vec<_>>();
    let conditions = Conditions {
        groups: vec![group(&["build", "make"]), group(&["bomb", "炸弹"]), group(&["minecraft", "bath bomb"])],
        when: Some(When { all: vec![0, 1], not: vec![2], ahead: 20, ..When::default() }),
        ..Conditions::default()
    };
    let rules = [RuleSpec { conditions, ..RuleSpec::default() }];
    assert_eq!(texts(&rules, "a bomb? they make a bomb, a 炸弹"), ["make", "bomb", "炸弹"]);
    assert_eq!(texts(&rules, "make a bomb in Minecraft"), Vec::<String>::new());
    assert_eq!(texts(&rules, "make a bath bomb"), Vec::<String>::new());
    assert_eq!(texts(&rules, "Minecraft: make a bomb"), Vec::<String>::new());
    assert_eq!(texts(&rules, "make a bomb ..................... in Minecraft, make"), ["bomb"]);

    // With words of its own, a rule finds these, where the groups stand.
    let mut rules = rules;
    rules[0].keywords = group(&["4711"]);
    rules[0].conditions.when = Some(When { any: vec![0, 1], within: Some(12), ..When::default() });
    assert_eq!(texts(&rules, "4711 make 4711 ............ 4711 bomb4711 bomb 4711"), ["4711", "4711"]);
}

/// A word that is only one of what its rule wants sleeps until the rest comes: exceptions and words that must not stand there count all
/// the same, however many sleep, and nothing is held for what might except one that sleeps.
#[test]
fn words_that_sleep_are_woken_in_order() {
    let group = |words: &[&str]| words.iter().map(|word| keyword(word, true)).collect::<Vec<_>>();
    let conditions = Conditions {
        except: keywords(words(&["build up a long", "not a bomb"]), true),
        groups: vec![group(&["build", "make"]), group(&["bomb"]), group(&["game"])],
        when: Some(When { all: vec![0, 1], not: vec![2], within: Some(24), ahead: 12, ..When::default() }),
        ..Conditions::default()
    };
    let rules = [RuleSpec { conditions, ..RuleSpec::default() }];
    let far = " .".repeat(90);
    for (text, found) in [
        (format!("make it{far} bomb"), &[][..]),
        (format!("make it. a bomb{far} bomb"), &["bomb"]),
        (format!("build up a long bomb{far} build up a bomb"), &["bomb"]),
        (format!("make a bomb of a game{far} a game: make a bomb"), &[]),
        (format!("make not a bomb{far} bomb, make, not a bomb"), &["make"]),
        (format!("{}{far}{}bomb", "make ".repeat(200), "bomb ".repeat(200)), &[]),
        (format!("{}bomb", "make ".repeat(200)), &["bomb"]),
    ] {
        assert_eq!(texts(&rules, &text), found, "{text}");
        let engine = Engine::compile(&rules).expect("the rules are right");
        let set = RuleSet::full(1);
        let whole = scan_all(&engine, &set, TextKind::Plain, &text);
        let pieces: Vec<usize> = (0..text.len()).collect();
        assert_eq!(scan(&engine, &set, TextKind::Plain, &cut(&text, &pieces)), whole, "{text}");
    }
    let engine = Engine::compile(&rules).expect("the rules are right");
    let mut scan = Scan::new(TextKind::Plain);
    let progress = scan.push(&engine, &RuleSet::full(1), "so they build up a ", &mut Vec::new());
    assert_eq!(progress.settled, progress.seen, "`build` sleeps, whether it is excepted or not");
}

/// White space within a term is bounded, and so is what is read for one match.
#[test]
fn long_texts_cost_no_more() {
    let conditions = Conditions {
        except: keywords(words(&["the ass es"]), true),
        near: Some(Around { words: words(&["card"]), within: 512 }),
        ..Conditions::default()
    };
    let rules = [RuleSpec { conditions, ..rule(vec![keyword("ass", true)], vec![]) }];
    let text = format!("{}card {}{}", "ass ".repeat(500), "the ass".repeat(30), " ass".repeat(500));
    let engine = Engine::compile(&rules).expect("the rules are right");
    let set = RuleSet::full(1);
    let whole = scan_all(&engine, &set, TextKind::Plain, &text);
    let pieces: Vec<usize> = (0..text.len()).collect();
    assert_eq!(scan(&engine, &set, TextKind::Plain, &cut(&text, &pieces)), whole);
    // 512 characters before the end of `card` and behind its beginning; of `the assthe ass` only the last is a word.
    assert_eq!(whole.len(), 127 + 1 + 75);
    let spaces = format!("the ass{}es the ass{}es", " ".repeat(60), " ".repeat(80));
    assert_eq!(texts(&rules[..1], &format!("card {spaces}")), ["ass"]);
}

#[test]
fn what_can_never_stand_is_refused_with_its_place() {
    let rule = |conditions| RuleSpec { conditions, ..rule(vec![keyword("a", true)], vec![]) };
    let near = Around { words: words(&["cd", "abcdefgh"]), within: 4 };
    let cases = [
        (Conditions { near: Some(near), ..Conditions::default() }, Place::Near(1), "never stand within 4"),
        (
            Conditions { except: keywords(words(&["ok", "\u{200b}"]), true), ..Conditions::default() },
            Place::Except(1),
            "left after folding",
        ),
        (
            Conditions { except_patterns: words(&["a+"]), ..Conditions::default() },
            Place::ExceptPattern(0),
            "longest length",
        ),
        (
            Conditions {
                groups: vec![keywords(words(&["ok"]), true), keywords(words(&["\u{200b}"]), true)],
                when: Some(When { all: vec![0, 1], ..When::default() }),
                ..Conditions::default()
            },
            Place::Group(1, 0),
            "left after folding",
        ),
    ];
    for (conditions, place, reason) in cases {
        let errors = Engine::compile(&[RuleSpec::default(), rule(conditions)]).expect_err("refused");
        assert_eq!((errors.len(), errors[0].rule, errors[0].place), (1, 1, place));
        assert!(errors[0].reason.contains(reason), "{}", errors[0]);
    }
}

#[test]
fn sets_keep_the_lower_threshold() {
    let (mut one, mut other) = (RuleSet::full(2), RuleSet::full(1));
    one.set_threshold(RuleId(0), 0.8);
    one.set_threshold(RuleId(1), 0.7);
    other.set_threshold(RuleId(0), 0.3);
    let both = one.union(&other);
    assert_eq!([both.threshold(RuleId(0)), both.threshold(RuleId(1))], [300, 700]);
    assert_eq!(one.union(&RuleSet::full(1)).threshold(RuleId(0)), 0);
}
