//! One table of what rules find in a text. Each case is read whole, in two pieces cut at every place, character by character, and
//! with its place moved through a block, so that it goes every way through the engine.

use super::laws::{keyword, pattern, rule};
use super::oracle::{behind, padded};
use super::{
    Around, Conditions, Engine, Exact, Finding, Folds, PatternSpec, RuleSet, RuleSpec, Scan, TextKind,
    Validator, scan_all,
};

/// What is looked for, a text, and what of it is found.
type Case = (&'static str, RuleSpec, &'static [(&'static str, &'static [&'static str])]);

const ALL: Folds = Folds { separators: true, leet: true, repeats: true };

fn words(words: &[&str]) -> RuleSpec {
    rule(words.iter().map(|word| keyword(word, false)).collect(), vec![])
}

fn whole(words: &[&str]) -> RuleSpec {
    rule(words.iter().map(|word| keyword(word, true)).collect(), vec![])
}

fn one(regex: &str) -> RuleSpec {
    rule(vec![], vec![pattern(regex, true, true)])
}

fn cases() -> Vec<Case> {
    let disguised = |list: &[&str]| RuleSpec { folds: ALL, ..whole(list) };
    let luhn = PatternSpec {
        validator: Validator::from_name("luhn"),
        ..pattern(r"\d(?:[ -]?\d){11,18}", true, true)
    };
    let near = PatternSpec { context: vec!["pin".to_owned()], ..pattern("[0-9]{4}", true, true) };
    let part =
        PatternSpec { group: Some("it".to_owned()), ..pattern("key=(?P<it>[a-z0-9]{6,12})", true, true) };
    let cased = PatternSpec { case_sensitive: true, ..pattern("AK[A-Z0-9]{6}", true, true) };
    let except = Conditions { except: vec![keyword("bomb bay", true)], ..Conditions::default() };
    let beside = Conditions {
        near: Some(Around { words: vec!["buy".to_owned()], within: 20 }),
        ..Conditions::default()
    };
    vec![
        (
            "a word within others",
            words(&["bomb"]),
            &[("a firebomber", &["bomb"]), ("bo mb", &[]), ("BoMb", &["BoMb"])],
        ),
        ("a word in the middle", words(&["ass", "x1y"]), &[("class, x1y2", &["ass", "x1y"]), ("as s", &[])]),
        (
            "a whole word",
            whole(&["bomb"]),
            &[("bomb, bombs", &["bomb"]), ("(bomb)", &["bomb"]), ("炸bomb弹", &["bomb"])],
        ),
        (
            "a phrase",
            whole(&["how to make"]),
            &[("How  to\nmake it", &["How  to\nmake"]), ("how to maker", &[]), ("how-to make", &[])],
        ),
        ("a phrase in the middle", words(&["a b"]), &[("xa  by", &["a  b"])]),
        (
            "Latin words beside Chinese ones",
            disguised(&["c a ab", "qq群", "中国人"]),
            &[
                ("a<>caabb文", &["caabb"]),
                ("2 caabb 文", &["caabb"]),
                ("qqq群, q2 群", &["qqq群"]),
                ("中国,中国人。中国国人 中中国人", &["中国人", "中国国人", "中中国人"]),
            ],
        ),
        (
            "signs within Chinese words",
            disguised(&["中-文人", "自制 炸-药"]),
            &[
                (
                    "中文人 中*文人 中 文人 中文-人 中-文人",
                    &["中文人", "中*文人", "中 文人", "中文-人", "中-文人"],
                ),
                (
                    "自制炸药。自-制炸药，自制 炸药 自制、炸药",
                    &["自制炸药", "自-制炸药", "自制 炸药", "自制、炸药"],
                ),
            ],
        ),
        (
            "signs that begin like Chinese characters",
            disguised(&["法轮功", "冰毒"]),
            &[(
                "法轮䷀功, 法䷀轮功, 法䷁轮䷁功 冰䷀毒 冰䷀䷀毒",
                &["法轮䷀功", "法䷀轮功", "法䷁轮䷁功", "冰䷀毒", "冰䷀䷀毒"],
            )],
        ),
        ("a long word", whole(&["acceleration"]), &[("acceleration accelerations", &["acceleration"])]),
        (
            "words of one beginning",
            whole(&["the", "the end", "then"]),
            &[("the end then", &["the end", "then"])],
        ),
        (
            "a comma",
            RuleSpec { folds: Folds { leet: false, ..ALL }, ..words(&[", no"]) },
            &[("a\u{6},\0\nb, no", &[", no"])],
        ),
        ("a pattern that begins with a blank", one(", [0-9]{3}"), &[("a, 123", &[", 123"]), ("a,123", &[])]),
        ("a sign", words(&["c++", "-x"]), &[("c++ -x", &["c++", "-x"]), ("c+ +", &[])]),
        (
            "folds",
            whole(&["bomb"]),
            &[("ｂｏｍｂ b\u{200b}omb bо\u{301}mb", &["ｂｏｍｂ", "b\u{200b}omb", "bо\u{301}mb"])],
        ),
        ("escapes", whole(&["bomb"]), &[(r"\u0062omb \nbomb", &[r"\u0062omb", "bomb"])]),
        (
            "Chinese",
            words(&["炸弹", "自制炸药", "的的"]),
            &[
                ("他有炸弹。自制炸药", &["炸弹", "自制炸药"]),
                ("炸、弹", &[]),
                ("我的的的", &["的的", "的的"]),
            ],
        ),
        ("traditional", words(&["枪枝弹药"]), &[("槍枝彈藥", &["槍枝彈藥"])]),
        ("Chinese and Latin", words(&["枪a", "a枪"]), &[("买枪a,a枪", &["枪a", "a枪"])]),
        (
            "letters apart",
            disguised(&["bomb"]),
            &[("b.o.m.b, b o m b. b-omb", &["b.o.m.b", "b o m b", "b-omb"]), ("b. o. mb", &[])],
        ),
        (
            "signs for letters",
            disguised(&["bomb", "spam"]),
            &[("b0mb $pam b*mb 8omb", &["b0mb", "$pam", "b*mb", "8omb"]), ("80mb", &[])],
        ),
        (
            "letters again",
            disguised(&["bomb", "ass"]),
            &[("booomb asssss", &["booomb", "asssss"]), ("boob", &[])],
        ),
        (
            "letters again behind a word that a longer one begins with",
            disguised(&["abba", "abbabba"]),
            &[("abbba-a-aa", &["abbba"]), ("abba-abba", &["abba-abba"]), ("abba-a-bba", &["abba-a-bba"])],
        ),
        (
            "letters again in a word with two of them",
            disguised(&["aa aab"]),
            &[("a|aa=a|aa=a|aab", &["a|aa=a|aa=a|aab"])],
        ),
        ("tags", disguised(&["bomb"]), &[("b<i></i>omb", &["b<i></i>omb"])]),
        (
            "a disguised phrase",
            disguised(&["kill them"]),
            &[("kill, them", &[]), ("k1ll  them", &["k1ll  them"]), ("kill- them", &["kill- them"])],
        ),
        (
            "Chinese apart",
            disguised(&["自制炸药"]),
            &[("自*制 炸.药", &["自*制 炸.药"]), ("自制。炸药", &[]), ("自制 OK 炸药", &[])],
        ),
        (
            "a literal",
            one("ghp_[a-z0-9]{6}"),
            &[("ghp_abc123, ghp_abc12", &["ghp_abc123"]), ("xghp_abc123", &[])],
        ),
        ("a Chinese literal", one("如何[a-z]{3}"), &[("如何abc", &["如何abc"]), ("如何的", &[])]),
        (
            "a run before a byte",
            one(r"[a-z.]{1,9}@[a-z]{2,9}\.com"),
            &[("to a.b@cd.com.", &["a.b@cd.com"]), ("a@b", &[])],
        ),
        (
            "numbers",
            one("[0-9]{3}-[0-9]{4}"),
            &[("555-1234 1555-1234", &["555-1234"]), ("５５５-１２３４", &["５５５-１２３４"])],
        ),
        (
            "a check",
            rule(vec![], vec![luhn]),
            &[("4111 1111 1111 1111", &["4111 1111 1111 1111"]), ("4111 1111 1111 1112", &[])],
        ),
        ("a word before", rule(vec![], vec![near]), &[("pin: 1234", &["1234"]), ("1234 pin", &[])]),
        ("a part", rule(vec![], vec![part]), &[("key=abc123 x", &["abc123"])]),
        ("case", rule(vec![], vec![cased]), &[("AKAB12CD akab12cd", &["AKAB12CD"])]),
        (
            "an exception",
            RuleSpec { conditions: except, ..whole(&["bomb"]) },
            &[("bomb bay, bomb", &["bomb"])],
        ),
        (
            "a word near",
            RuleSpec { conditions: beside, ..whole(&["rifle"]) },
            &[("buy a rifle", &["rifle"]), ("rifle\nrifle to buy", &["rifle", "rifle"]), ("a rifle", &[])],
        ),
        ("a refused fold", RuleSpec { exact: Exact::CASE, ..whole(&["Bomb"]) }, &[("bomb Bomb", &["Bomb"])]),
    ]
}

fn texts<'t>(text: &'t str, found: &[Finding]) -> Vec<&'t str> {
    let of = |finding: &Finding| text.get(finding.start.0 as usize..finding.end.0 as usize);
    found.iter().map(|finding| of(finding).expect("whole characters")).collect()
}

#[test]
fn each_case_is_found_however_it_is_cut() {
    let mut wrong = Vec::new();
    for (name, spec, texts_of_it) in cases() {
        let engine = Engine::compile(&[spec]).unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        let set = RuleSet::full(1);
        for &(text, expected) in texts_of_it {
            let whole = scan_all(&engine, &set, TextKind::Plain, text);
            if texts(text, &whole) != expected {
                wrong.push(format!(
                    "{name}: in {text:?} {:?} is found, not {expected:?}",
                    texts(text, &whole)
                ));
            }
            let scan = |pieces: &mut dyn Iterator<Item = &str>| {
                let (mut scan, mut found) = (Scan::new(TextKind::Plain), Vec::new());
                for piece in pieces {
                    scan.push(&engine, &set, piece, &mut found);
                }
                scan.finish(&engine, &set, &mut found);
                found
            };
            for (at, _) in text.char_indices() {
                let (head, tail) = text.split_at(at);
                assert_eq!(scan(&mut [head, tail].into_iter()), whole, "{name}: {head:?} and {tail:?}");
            }
            let chars: Vec<String> = text.chars().map(String::from).collect();
            assert_eq!(scan(&mut chars.iter().map(String::as_str)), whole, "{name}: {text:?} by characters");
            for moved in 0..70 {
                let (before, padded) = padded(text, moved, 160);
                let among = scan_all(&engine, &set, TextKind::Plain, &padded);
                assert_eq!(behind(&among, before), whole, "{name}: {text:?} behind {before} bytes");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
