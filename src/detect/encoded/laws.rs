//! A table of cases, and what holds of any text however it is encoded.

use super::*;
use crate::detect::{Keyword, PatternSpec, RuleId, RuleSpec};
use crate::text::work::steps_of;
use proptest::prelude::*;

fn engine() -> Engine {
    let words = |words: &[&str], whole_word| RuleSpec {
        keywords: words.iter().map(|text| Keyword { text: (*text).to_owned(), whole_word }).collect(),
        ..RuleSpec::default()
    };
    let mail = PatternSpec {
        regex: r"[a-z]{1,9}@corp\.example".into(),
        left: true,
        right: true,
        ..PatternSpec::default()
    };
    let card = PatternSpec { regex: "[0-9]{9,16}".into(), left: true, right: true, ..PatternSpec::default() };
    let rules = [
        words(&["make a bomb", "pipe bomb", "bomb", "cat"], true),
        words(&["炸弹", "制作燃烧瓶"], false),
        RuleSpec { patterns: vec![mail], ..RuleSpec::default() },
        RuleSpec { patterns: vec![card], ..RuleSpec::default() },
    ];
    Engine::compile(&rules).unwrap_or_else(|e| panic!("{e:?}"))
}

fn scan(kind: TextKind, text: &str) -> Vec<EncodedFinding> {
    let engine = engine();
    let rules = RuleSet::full(4);
    let encoded = scan_encoded(&engine, &rules, kind, text, &scan_all(&engine, &rules, kind, text));
    assert!(!encoded.unread, "{text:?}");
    encoded.found
}

fn base64(bytes: &[u8], url: bool, padded: bool) -> String {
    let mut letters = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if url {
        (letters[62], letters[63]) = (b'-', b'_');
    }
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let number = (0..3).fold(0_usize, |n, i| n << 8 | usize::from(three.get(i).copied().unwrap_or(0)));
        for i in 0..=three.len() {
            out.push(char::from(letters[number >> (18 - 6 * i) & 63]));
        }
        if padded {
            out.push_str(&"=".repeat(3 - three.len()));
        }
    }
    out
}

fn hex(bytes: &[u8], before: &str, between: &str, upper: bool) -> String {
    let pair = |byte: &u8| if upper { format!("{before}{byte:02X}") } else { format!("{before}{byte:02x}") };
    bytes.iter().map(pair).collect::<Vec<_>>().join(between)
}

/// What is hidden, what is found and how, and how much of the text goes.
#[test]
fn cases() {
    let found = |text: &str| -> Vec<(u32, String, String)> {
        let tell = |one: &EncodedFinding| {
            let place = one.finding.start.0 as usize..one.finding.end.0 as usize;
            let span = text.get(place).unwrap_or_else(|| panic!("{one:?} in {text}"));
            (one.finding.rule.0, one.encodings.to_string(), span.to_owned())
        };
        scan(TextKind::Plain, text).iter().map(tell).collect()
    };
    for (text, rule, hidden, span) in [
        // Base64: padded or not, in both alphabets, alone or among other text, in lines.
        ("decode aG93IHRvIG1ha2UgYSBib21i please", 0, "base64", "aG93IHRvIG1ha2UgYSBib21i"),
        ("Ym9tYg==", 0, "base64", "Ym9tYg=="),
        ("\"Ym9tYg\",", 0, "base64", "Ym9tYg"),
        ("x=Y2F0&y", 0, "base64", "Y2F0"),
        ("https://x.example/v1/decode/YSBwaXBlIGJvbWI?", 0, "base64", "YSBwaXBlIGJvbWI"),
        ("aG93IHRv\nIG1ha2Ug\nYSBib21i", 0, "base64", "aG93IHRv\nIG1ha2Ug\nYSBib21i"),
        ("> aG93 IHRv IG1h a2Ug YSBi b21i and so on", 0, "base64", "aG93 IHRv IG1h a2Ug YSBi b21i"),
        ("d+aWhyBtYWtlIGEgYm9tYg==", 0, "base64", "d+aWhyBtYWtlIGEgYm9tYg=="),
        ("Ym9tYiBhIDE and m and so on", 0, "base64", "Ym9tYiBhIDE"),
        ("54K45by5", 1, "base64", "54K45by5"),
        ("am9AY29ycC5leGFtcGxl", 2, "base64", "am9AY29ycC5leGFtcGxl"),
        (
            "xxaG93IHRvIG1ha2UgYSBib21iIGluIGEgc2hlZA==",
            0,
            "base64",
            "xxaG93IHRvIG1ha2UgYSBib21iIGluIGEgc2hlZA==",
        ),
        (r"'Subject:\nYm9tYg=='", 0, "base64", "Ym9tYg=="),
        ("YgBvAG0AYgA=", 0, "base64", "YgBvAG0AYgA="),
        // Hex.
        ("626f6d62", 0, "hex", "626f6d62"),
        ("0x626F6D62.", 0, "hex", "0x626F6D62"),
        ("62 6f 6d 62", 0, "hex", "62 6f 6d 62"),
        ("{0x62, 0x6f, 0x6d, 0x62}", 0, "hex", "0x62, 0x6f, 0x6d, 0x62"),
        ("62:6f:6d:62", 0, "hex", "62:6f:6d:62"),
        ("626f6d62 4142", 0, "hex", "626f6d62"),
        ("e782b8e5bcb9", 1, "hex", "e782b8e5bcb9"),
        // Escapes go alone.
        ("a %62om%62!", 0, "url", "%62om%62"),
        ("q=make+a%20bomb&x", 0, "url", "make+a%20bomb"),
        ("make%20a bomb", 0, "url", "make%20a bomb"),
        ("a%20bomb", 0, "url", "bomb"),
        ("a%2520bomb", 0, "url>url", "bomb"),
        ("%u0062omb", 0, "url", "%u0062omb"),
        ("say %E7%82%B8%E5%BC%B9", 1, "url", "%E7%82%B8%E5%BC%B9"),
        ("to=jo%40corp.example;", 2, "url", "jo%40corp.example"),
        ("a b&#111;mb", 0, "html", "b&#111;mb"),
        ("&#98&#x6F&#109&#98", 0, "html", "&#98&#x6F&#109&#98"),
        ("&bscr;&ofr;&mopf;b", 0, "html", "&bscr;&ofr;&mopf;b"),
        ("jo&commat;corp&period;example", 2, "html", "jo&commat;corp&period;example"),
        ("bo&shy;mb", 0, "html", "bo&shy;mb"),
        (r"'\x62\x6f\x6d\x62'", 0, "escape", r"\x62\x6f\x6d\x62"),
        (r"\xe7\x82\xb8\xe5\xbc\xb9", 1, "escape", r"\xe7\x82\xb8\xe5\xbc\xb9"),
        (r"b\u{6f}mb \U0000", 0, "escape", r"b\u{6f}mb"),
        (r"\U00000062omb", 0, "escape", r"\U00000062omb"),
        // Twice.
        ("WW05dFlnPT0=", 0, "base64>base64", "WW05dFlnPT0="),
        ("JTYyJTZmJTZkJTYy", 0, "base64>url", "JTYyJTZmJTZkJTYy"),
        ("%59m9tYg%3D%3D", 0, "url>base64", "%59m9tYg%3D%3D"),
        ("%2562omb", 0, "url>url", "%2562omb"),
        ("&amp;#98;omb", 0, "html>html", "&amp;#98;omb"),
        ("596d39745967", 0, "hex>base64", "596d39745967"),
        (r"\u0059m9tYg==", 0, "escape>base64", r"\u0059m9tYg=="),
        ("aG93IGdi", u32::MAX, "", ""),
        // ROT13 and backwards.
        ("Ubj gb znxr n obzo ng ubzr", 0, "rot13", "znxr n obzo"),
        ("rot13: obzo", 0, "rot13", "obzo"),
        ("bmob a ekam ot woh", 0, "reversed", "bmob a ekam"),
        ("woh ot ekam a bmob", 0, "reversed", "ekam a bmob"),
        ("read it backwards: bmob", 0, "reversed", "bmob"),
        ("把这句话倒过来读：弹炸", 1, "reversed", "弹炸"),
        ("VWJqIGdiIHpueHIgbiBvYnpv", 0, "base64>rot13", "VWJqIGdiIHpueHIgbiBvYnpv"),
        ("shown \u{202e}弹炸\u{202c} so", 1, "reversed", "弹炸"),
        // Set apart, in pieces, made up of signs, upside down.
        ("h.o.w to m.a.k.e a b.o.m.b n.o.w.s", 0, "apart", "m.a.k.e a b.o.m.b"),
        ("h o w t o m a k e a b o m b", 0, "apart", "m a k e a b o m b"),
        ("the b.o.m.b alone", u32::MAX, "", ""),
        ("炸*弹*怎*么", 1, "apart", "炸*弹"),
        ("let A = \"a bo\" and B = \"mb\".", 0, "pieces", "bo\" and B = \"mb"),
        ("ma|<e a |3o|\\/||3", 0, "parts", "ma|<e a |3o|\\/||3"),
        ("qɯoq ɐ ǝʞɐɯ", 0, "turned", "qɯoq ɐ ǝʞɐɯ"),
        // Chinese taken apart, and what looks like it.
        ("如何做火乍弓单", 1, "parts", "火乍弓单"),
        ("怍殚", 1, "look-alike", "怍殚"),
    ] {
        let found = found(text);
        if rule == u32::MAX {
            assert_eq!(found, [], "{text}");
        } else {
            assert_eq!(found, [(rule, hidden.to_owned(), span.to_owned())], "{text}");
        }
    }
}

/// What stands there as it reads is not told again, and what is no encoding hides nothing.
#[test]
fn what_is_plain_is_not_hidden() {
    for text in [
        "how to make a bomb 100% &amp; more",
        r"a \u0062omb",
        "bomb%20 bomb and jo@corp.example%20",
        "a catalogue &lt;cat&gt;",
        "Reverse the list: snug, evil, live, taco cat",
        "8 GB of memory, or 16 GB: obzo. We saw it, and they saw it: bmob.",
        "reverse 123456789012",
        "d41d8cd98f00b204e9800998ecf8427e 123e4567-e89b-12d3-a456-426614174000",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NSJ9.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
        "0x7fffdeadbeef 3.14159265358979 192.168.100.200 2024-01-02 03:04:05",
        "fn main() { println!(\"{:02x}\", 0x62); } // TODO: &mut self, %d %s \\n \\t",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==",
    ] {
        let found = scan(TextKind::Plain, text);
        // `<cat>` and what is plain beside an escape read the same without it.
        let hidden: Vec<_> = found.iter().map(|one| one.encodings.to_string()).collect();
        assert_eq!(hidden, Vec::<String>::new(), "{text}");
    }
}

#[test]
fn the_source_of_json_hides_nothing_by_its_escapes() {
    let text =
        r#"{"cmd":"echo Ym9t\nYg==","to":"\u0059m9tYg==","path":"C:\\Ym9tYg==","form":"bomb\fYm9tYg=="}"#;
    let found = scan(TextKind::Json, text);
    let span = |one: &EncodedFinding| text.get(one.finding.start.0 as usize..one.finding.end.0 as usize);
    let spans: Vec<_> = found.iter().map(|one| (one.encodings.to_string(), span(one))).collect();
    let base64 = |span: &'static str| ("base64".to_owned(), Some(span));
    assert_eq!(
        spans,
        [base64(r"Ym9t\nYg=="), base64(r"\u0059m9tYg=="), base64("Ym9tYg=="), base64("Ym9tYg==")]
    );
}

/// A long text is read in parts, and a stretch that lies in more than one of them is taken whole.
#[test]
fn long_texts() {
    let talk = "we talk about how to make a bomb at length ".repeat(400);
    let lines = |code: &str, width: usize| {
        code.as_bytes()
            .chunks(width)
            .map(|line| String::from_utf8_lossy(line))
            .collect::<Vec<_>>()
            .join("\r\n")
    };
    let run = base64(talk.as_bytes(), false, true);
    for (what, stretch) in [
        ("base64", run.clone()),
        ("base64 in lines", lines(&run, 76)),
        ("base64 in long lines", lines(&run, 1000)),
        ("hex", hex(talk.as_bytes(), "", "", false)),
        ("hex by pairs", hex(talk.as_bytes(), "", " ", false)),
        ("hex with prefixes", hex(talk.as_bytes(), "0x", ", ", true)),
        ("hex in lines", lines(&hex(talk.as_bytes(), "", "", false), 64)),
    ] {
        // At even and at odd places.
        for start in [PART - 40, PART - 41, PART - 42, PART - 43, PART - AGAIN - 30, PART + 7, 3 * PART] {
            let before = "ab, .".chars().cycle().take(start - 1).collect::<String>();
            let text = format!("{before} {stretch} ;; end");
            let found = scan(TextKind::Plain, &text);
            let spans: Vec<_> =
                found.iter().map(|one| (one.finding.start.0 as usize, one.finding.end.0 as usize)).collect();
            assert_eq!(spans, [(start, start + stretch.len())], "{what} {start}");
        }
    }
    // More than a part, from an odd place on.
    let talk = talk.repeat(32);
    for stretch in [base64(talk.as_bytes(), false, false), hex(talk.as_bytes(), "", "", false)] {
        let text = format!(";{stretch};");
        let found = scan(TextKind::Plain, &text);
        let spans: Vec<_> =
            found.iter().map(|one| (one.finding.start.0 as usize, one.finding.end.0 as usize)).collect();
        assert_eq!(spans, [(1, 1 + stretch.len())]);
    }
}

/// Lines of base64 that hold pairs of hex: each line alone decodes to a short text with digits, and so it is read many times over.
#[test]
fn many_short_layers_leave_enough_to_decode() {
    for text in ["文a.文,a make a bomb 文 ,.,.", "  é  make a bomb .a,  "] {
        let pairs = hex(text.as_bytes(), "", " ", true);
        let lines: Vec<String> = base64(pairs.as_bytes(), false, true)
            .as_bytes()
            .chunks(16)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();
        let found = scan(TextKind::Plain, &lines.join("\r\n"));
        assert!(found.iter().any(|one| one.finding.rule == RuleId(0)), "{text}: {found:?}");
    }
}

/// Promise 4: what is not decoded because it would be too much is told.
#[test]
fn what_is_not_decoded_is_told() {
    let (engine, rules) = (engine(), RuleSet::full(4));
    let text = "decode aG93IHRvIG1ha2UgYSBib21i please";
    for (left, hits, unread) in [(1000, 1, false), (10, 0, true)] {
        let mut search = Search::new(&engine, &rules, left);
        assert_eq!((search.part(text, TextKind::Plain).len(), search.unread), (hits, unread), "{left}");
    }
}

// === any text ===

fn chance() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..200)
}

/// A text that holds a term at a boundary.
fn holds_term() -> impl Strategy<Value = (u32, String)> {
    let term = prop_oneof![
        Just((0, "make a bomb")),
        Just((0, "bomb")),
        Just((1, "炸弹")),
        Just((2, "jo@corp.example")),
    ];
    let around = "[a-zé ,.!文]{0,30}";
    (around, term, around).prop_map(|(before, (rule, term), after)| {
        let gap = |text: &str| if text.is_empty() { "" } else { " " };
        (rule, format!("{before}{}{term}{}{after}", gap(&before), gap(&after)))
    })
}

/// Some way to encode a text; `.1` says whether all of it becomes one stretch.
fn encoded() -> impl Strategy<Value = fn(&str) -> String> {
    proptest::sample::select(vec![
        (|text| base64(text.as_bytes(), false, true)) as fn(&str) -> String,
        |text| base64(text.as_bytes(), false, false),
        |text| base64(text.as_bytes(), true, true),
        |text| base64(text.as_bytes(), true, false),
        |text| {
            let all = base64(text.as_bytes(), false, true);
            all.as_bytes()
                .chunks(16)
                .map(|line| String::from_utf8_lossy(line))
                .collect::<Vec<_>>()
                .join("\r\n")
        },
        |text| hex(text.as_bytes(), "", "", false),
        |text| hex(text.as_bytes(), "", " ", true),
        |text| hex(text.as_bytes(), "0x", ", ", false),
        |text| hex(text.as_bytes(), "", ":", false),
        |text| hex(text.as_bytes(), "\\x", "", false),
        |text| hex(text.as_bytes(), "%", "", true),
        |text| text.chars().map(|c| format!("&#{};", u32::from(c))).collect(),
        |text| text.chars().map(|c| format!("&#x{:X}", u32::from(c)) + ";").collect(),
        |text| text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect(),
        |text| text.encode_utf16().map(|unit| format!("%u{unit:04X}")).collect(),
        |text| text.chars().map(|c| format!("\\u{{{:x}}}", u32::from(c))).collect(),
        |text| {
            text.bytes()
                .map(
                    |b| {
                        if b.is_ascii_alphanumeric() {
                            char::from(b).to_string()
                        } else {
                            format!("%{b:02x}")
                        }
                    },
                )
                .collect()
        },
    ])
}

proptest! {
    /// Encoded once or twice, among other text, a term is found, and what goes is what hides it.
    #[test]
    fn what_is_encoded_is_found(
        (rule, text) in holds_term(),
        first in encoded(),
        second in proptest::option::of(encoded()),
        before in prop_oneof![Just(String::new()), "[a-z文 ]{0,20}[ :\"'(,\n]", Just("x = ".to_owned())],
        after in prop_oneof![Just(String::new()), "[ \"'),.\n][a-z文 ]{0,20}"],
    ) {
        let code = first(&text);
        let code = second.map_or(code.clone(), |second| second(&code));
        let all = format!("{before}{code}{after}");
        let engine = engine();
        let rules = RuleSet::full(4);
        let plain = scan_all(&engine, &rules, TextKind::Plain, &all);
        let found = scan_encoded(&engine, &rules, TextKind::Plain, &all, &plain).found;
        let (from, to) = (before.len() as u64, (before.len() + code.len()) as u64);
        let within = |finding: &Finding| {
            finding.rule == RuleId(rule) && finding.start.0 < to && from < finding.end.0
        };
        let hit = found.iter().map(|one| one.finding).chain(plain.iter().copied()).any(|finding| within(&finding));
        prop_assert!(hit, "{all:?}: {found:?}");
        let blocks = found.iter().filter(|one| matches!(one.encodings.outer, Encoding::Base64 | Encoding::Hex));
        for one in blocks.filter(|one| within(&one.finding)) {
            prop_assert!(one.finding.start.0 <= from && one.finding.end.0 >= to, "{all:?}: {one:?}");
        }
    }

    /// What no one has encoded is not read as if it were.
    #[test]
    fn chance_hides_nothing(bytes in chance(), upper in any::<bool>(), url in any::<bool>()) {
        for text in [
            base64(&bytes, url, upper),
            hex(&bytes, "", "", upper),
            hex(&bytes, "", " ", upper),
            hex(&bytes, "%", "", upper),
            hex(&bytes, "\\x", "", upper),
        ] {
            let found = scan(TextKind::Plain, &text);
            prop_assert!(found.iter().all(|one| one.finding.rule != RuleId(1) && one.finding.rule != RuleId(2)), "{text}: {found:?}");
        }
    }

    /// Any text is read without a fault, findings lie on its characters, and no more is decoded than is promised.
    #[test]
    fn any_text(pieces in proptest::collection::vec(prop_oneof![
        any::<String>(),
        "[A-Za-z0-9+/=_-]{1,40}",
        "([0-9a-f]{2}[ :,]?){1,20}",
        r"(%[0-9A-F]{2}|&#?[a-z0-9]{1,6};?|\\[xu]\{?[0-9a-f]{1,5}\}?|\\U0000[0-9a-f]{4}|[+ ]){1,12}",
        "(gur |ubj |woh |ekam |rot13 |backwards |倒过来){1,4}",
        Just("make a bomb ".to_owned()),
        Just(r"\ud83d\ude00 %uD83D%uDE00 \ud83d".to_owned()),
    ], 0..8), json in any::<bool>()) {
        let text = pieces.concat();
        let kind = if json { TextKind::Json } else { TextKind::Plain };
        for one in scan(kind, &text) {
            let place = one.finding.start.0 as usize..one.finding.end.0 as usize;
            prop_assert!(text.get(place.clone()).is_some_and(|span| !span.is_empty()), "{place:?} in {text:?}");
        }
        let (engine, rules) = (engine(), RuleSet::full(4));
        let most = text.len() * MOST;
        let mut search = Search::new(&engine, &rules, most);
        search.part(&text, kind);
        prop_assert!(!search.unread, "{text:?}");
    }
}

// === bounded work ===

/// Promise 7: eight times as much takes about eight times as many steps, whatever the text is made for.
#[test]
fn work_is_linear() {
    let engine = engine();
    let rules = RuleSet::full(4);
    let steps = |kind: TextKind, text: &str| {
        let plain = scan_all(&engine, &rules, kind, text);
        steps_of(|| {
            scan_encoded(&engine, &rules, kind, text, &plain);
        })
    };
    let bomb = base64(b"bomb bomb, ", false, true);
    for (what, kind, size, text) in [
        (
            "inner tokens of a run",
            TextKind::Plain,
            3_000,
            &(|n: usize| "Pz8/".repeat(n) + " .") as &dyn Fn(usize) -> String,
        ),
        ("inner tokens before spaces", TextKind::Plain, 3_000, &|n| "Pz8/".repeat(n) + &" ".repeat(4 * n)),
        ("hex that begins with a zero", TextKind::Plain, 3_000, &|n| "00 61 61 ".repeat(n)),
        ("hex that is no UTF-8", TextKind::Plain, 3_000, &|n| "61 e0 80 ".repeat(n)),
        ("hits in one run", TextKind::Plain, 20_000, &|n| bomb.repeat(n)),
        ("plain findings beside hits", TextKind::Plain, 2_000, &|n| "bomb Ym9tYg== ".repeat(n)),
        ("hits in lines of JSON", TextKind::Json, 1_000, &|n| (bomb.clone() + "\\n").repeat(n)),
        ("escapes", TextKind::Plain, 2_000, &|n| "%62".repeat(n)),
    ] {
        let (few, many) = (steps(kind, &text(size)), steps(kind, &text(8 * size)));
        assert!(few > size as u64, "{what}: {few} steps are too few to tell");
        assert!(many < few * 10, "{what}: {few} steps, and {many} for eight times as much");
    }
}
