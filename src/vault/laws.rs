//! What stand-ins owe: none stands in the request, no two are the same, the same value has the same, they come back however they are
//! written, and none within a word.

use proptest::prelude::*;
use std::sync::Arc;

use super::back::Channel;
use super::{Back, Book, Secret};
use crate::text::fold::TextKind;

fn book(conversation: &str) -> Book {
    Book::new(Secret::new(&[9; 32]).scope(&["red", "k"], conversation.as_bytes()))
}

/// The stand-ins of these values in a request that says this.
fn chosen(conversation: &str, values: &[(&str, &str)], request: &str) -> (Book, Vec<String>) {
    let mut book = book(conversation);
    let numbers: Vec<usize> =
        values.iter().map(|(category, value)| book.take(category, value, true)).collect();
    book.choose(&mut |read| read(TextKind::Plain, request));
    let stand_ins =
        numbers.iter().filter_map(|&n| book.swap(n).map(|swap| swap.stand_in.to_string())).collect();
    (book, stand_ins)
}

/// The text with the values in it.
fn brought_back(back: &Back, kind: TextKind, text: &str) -> String {
    let (mut out, mut at) = (String::new(), 0);
    for one in back.all(kind, text) {
        out.push_str(text.get(at..one.start as usize).unwrap_or_default());
        out.push_str(&one.text);
        at = one.end as usize;
    }
    out + text.get(at..).unwrap_or_default()
}

const VALUES: &[(&str, &str)] = &[
    ("PERSON", "Margaret Thornbury"),
    ("PERSON", "JOHN SMITH"),
    ("PERSON", "Dr. Rajesh K. Iyer"),
    ("PERSON", "王小明"),
    ("PERSON", "欧阳娜娜"),
    ("PERSON", "李先生"),
    ("PERSON", "田中 花子"),
    ("PERSON", "김철수"),
    ("EMAIL", "Margaret.T@Corp.test"),
    ("EMAIL", "xm.wang@firma.test"),
    ("PHONE", "13812341234"),
    ("PHONE", "+86 138-1234-9999"),
    ("PHONE", "(303) 867-5309"),
    ("PHONE", "+44 7911 123456"),
    ("PHONE", "+49 151 23456789"),
    ("PHONE", "090-1234-5678"),
    ("PHONE", "+998 90 123 45 67"),
    ("CN_ID", "11010519491231002X"),
    ("CREDIT_CARD", "4012 8888 8888 1881"),
    ("IBAN", "DE89 3704 0044 0532 0130 00"),
    ("US_SSN", "536-22-8726"),
    ("UK_NHS", "943 476 5919"),
    ("PASSPORT", "E12345678"),
    ("ADDRESS", "12 Elm Street, Springfield"),
    ("ADDRESS", "北京市朝阳区建国路88号1单元302室"),
    ("ORGANIZATION", "Acme Widgets Ltd."),
    ("ORGANIZATION", "北京朝阳科技有限公司"),
    ("DATE_OF_BIRTH", "1990-03-05"),
    ("DATE_OF_BIRTH", "5 March 1990"),
    ("IP", "8.8.4.4"),
    ("IP", "2a00:1450:4001:81b::200e"),
    ("MAC", "00:1B:44:11:3A:B7"),
    ("WECHAT", "wxid_a1b2"),
];

#[test]
fn every_kind_has_a_stand_in_that_comes_back() {
    let request: String = VALUES.iter().map(|(_, value)| format!("{value}\n")).collect();
    let (book, stand_ins) = chosen("c", VALUES, &request);
    let back = book.back();
    for ((category, value), stand_in) in VALUES.iter().zip(&stand_ins) {
        assert_ne!(stand_in, value);
        let said = format!("About {stand_in}: fine.");
        assert_eq!(
            brought_back(&back, TextKind::Plain, &said),
            format!("About {value}: fine."),
            "{category} {stand_in}"
        );
        let tagged = stand_in.starts_with(&format!("{category}_"));
        let expected = ["김철수", "+998 90 123 45 67", "E12345678", "wxid_a1b2"].contains(value);
        assert_eq!(tagged, expected, "{category} {value}: {stand_in}");
    }
    let said = serde_json::to_string(&stand_ins.join(" | ")).unwrap_or_default();
    let want = VALUES.iter().map(|(_, value)| *value).collect::<Vec<_>>().join(" | ");
    assert_eq!(brought_back(&back, TextKind::Json, &said), format!("\"{want}\""));
}

/// A number without its country's code.
fn at_home(number: &str) -> String {
    super::phones::at_home(number).unwrap_or_default()
}

#[test]
fn inflected_recased_and_respaced_stand_ins_come_back() {
    let values = [
        ("PERSON", "Margaret Thornbury"),
        ("PHONE", "13812341234"),
        ("PERSON", "王小明"),
        ("EMAIL", "m.t@corp.test"),
        ("ORGANIZATION", "Acme Ltd."),
        ("PHONE", "+1 303-867-5309"),
        ("PHONE", "+44 7911 123456"),
    ];
    let (book, stand_ins) = chosen("c", &values, "x");
    let back = book.back();
    let words: Vec<&str> = stand_ins[0].split(' ').collect();
    let (given, family) = (words[0], words[1]);
    let phone = &stand_ins[1];
    let ((a, rest), c) = (phone.split_at(3), phone.split_at(7).1);
    let b = rest.split_at(4).0;
    let surname: String = stand_ins[2].chars().take(1).collect();
    let chinese: Vec<String> = stand_ins[2].chars().map(String::from).collect();
    for (said, want) in [
        (format!("{given} {family}'s letter"), "Margaret Thornbury's letter".to_owned()),
        (format!("the {family}s and {given}’s house"), "the Thornburys and Margaret’s house".to_owned()),
        (stand_ins[0].to_uppercase(), "MARGARET THORNBURY".to_owned()),
        (stand_ins[0].to_lowercase(), "margaret thornbury".to_owned()),
        (format!("{given}_{family}.pdf"), "Margaret_Thornbury.pdf".to_owned()),
        (format!("{given}\n{family}"), "Margaret\nThornbury".to_owned()),
        (format!("**{given}** wrote. Ms {family}, too"), "**Margaret** wrote. Ms Thornbury, too".to_owned()),
        (format!("{family}, {given}"), "Thornbury, Margaret".to_owned()),
        (format!("call {a} {b} {c}"), "call 13812341234".to_owned()),
        (format!("call {a}-{b}-{c}!"), "call 13812341234!".to_owned()),
        (format!("电话{phone}，"), "电话13812341234，".to_owned()),
        (format!("{surname}先生和{}说", stand_ins[2]), "王先生和王小明说".to_owned()),
        (chinese.join(" "), "王小明".to_owned()),
        (stand_ins[3].to_uppercase(), "M.T@CORP.TEST".to_owned()),
        (format!("<{}>", stand_ins[3]), "<m.t@corp.test>".to_owned()),
        (format!("{}'s", stand_ins[4]), "Acme Ltd.'s".to_owned()),
        (format!("on {}.", at_home(&stand_ins[5])), "on 303-867-5309.".to_owned()),
        (format!("on {}.", at_home(&stand_ins[6])), "on 07911 123456.".to_owned()),
    ] {
        assert_eq!(brought_back(&back, TextKind::Plain, &said), want, "{said}");
    }
}

#[test]
fn nothing_comes_back_within_words_or_as_a_word() {
    let values = [("PERSON", "Margaret Thornbury"), ("PHONE", "13812341234"), ("PASSPORT", "E12345678")];
    let (book, stand_ins) = chosen("c", &values, "x");
    let back = book.back();
    let words: Vec<&str> = stand_ins[0].split(' ').collect();
    for said in [
        format!("un{}ly {}ville", words[1], words[1]),
        format!("1{} {}0", stand_ins[1], stand_ins[1]),
        format!("X{} {}b", stand_ins[2], stand_ins[2]),
        // A name by itself in small letters may be a word.
        words[0].to_lowercase(),
        format!("{}! ? ; {}", stand_ins[1].split_at(5).0, stand_ins[1].split_at(5).1),
    ] {
        assert_eq!(brought_back(&back, TextKind::Plain, &said), said);
    }
}

/// Collisions: what stands in the request already, stands for nothing.
#[test]
fn a_stand_in_that_the_request_says_is_another() {
    for (category, value) in VALUES {
        let mut said = format!("{value} ");
        let mut seen = Vec::new();
        for _ in 0..4 {
            let (_, stand_ins) = chosen("c", &[(category, value)], &said);
            let stand_in = stand_ins[0].clone();
            assert!(!said.contains(&stand_in), "{category}: {stand_in} in {said}");
            said = format!("{said} and {stand_in}, too");
            seen.push(stand_in);
        }
    }
    // Also where only a name's surname does.
    let (_, stand_ins) = chosen("c", &[("PERSON", "Margaret Thornbury")], "x");
    let family = stand_ins[0].split(' ').nth(1).unwrap_or_default().to_owned();
    let (_, again) =
        chosen("c", &[("PERSON", "Margaret Thornbury")], &format!("our neighbours, the family {family}"));
    assert!(!again[0].contains(&family), "{again:?}");
}

#[test]
fn no_two_values_have_one_stand_in() {
    for (category, make) in [
        (
            "PERSON",
            (|n| {
                let first = ["Thorn", "Ash", "Hol", "Wex"][n % 4];
                format!(
                    "Margaret {first}{}bury",
                    ["a", "e", "i", "o", "u", "ei", "ou", "ay", "er", "en"][n / 4 % 10]
                )
            }) as fn(usize) -> String,
        ),
        ("PERSON", |n| {
            format!("王{}{}", ["小", "大", "文", "国"][n % 4], ["明", "亮", "光", "清", "月"][n / 4 % 5])
        }),
        ("IP", |n| format!("8.8.{}.{}", n / 200, n % 200)),
        ("PHONE", |n| format!("030{}", 1_000_000 + n)),
        ("PHONE", |n| format!("303-867-{n:04}")),
        ("PASSPORT", |n| format!("E{n:08}")),
        ("EMAIL", |n| format!("p{n}@corp.test")),
    ] {
        let values: Vec<(String, String)> = (0..150).map(|n| (category.to_owned(), make(n))).collect();
        let values: Vec<(&str, &str)> = values.iter().map(|(c, v)| (c.as_str(), v.as_str())).collect();
        let (book, stand_ins) = chosen("c", &values, "x");
        let mut by_value: std::collections::BTreeMap<&str, &str> = std::collections::BTreeMap::new();
        for ((_, value), stand_in) in values.iter().zip(&stand_ins) {
            if let Some(other) = by_value.insert(stand_in, value) {
                assert_eq!(other, *value, "{stand_in}");
            }
        }
        let back = book.back();
        for ((_, value), stand_in) in values.iter().zip(&stand_ins) {
            assert_eq!(brought_back(&back, TextKind::Plain, &format!("({stand_in})")), format!("({value})"));
        }
    }
}

#[test]
fn mapping_follows_from_key_client_conversation_and_value() {
    let one = |secret: u8, client: &[&str], conversation: &str| {
        let mut book = Book::new(Secret::new(&[secret; 32]).scope(client, conversation.as_bytes()));
        let number = book.take("EMAIL", "m.t@corp.test", true);
        book.choose(&mut |_| {});
        book.swap(number).map(|swap| swap.stand_in.to_string()).unwrap_or_default()
    };
    let first = one(1, &["red", "k"], "c");
    assert_eq!(one(1, &["red", "k"], "c"), first);
    for other in [
        one(2, &["red", "k"], "c"),
        one(1, &["blue", "k"], "c"),
        one(1, &["red", "j"], "c"),
        one(1, &["red", "k"], "d"),
        one(1, &["redk", ""], "c"),
    ] {
        assert_ne!(other, first);
    }
    let scope = |secret: u8, tenant: &str, key: &str| Secret::new(&[secret; 32]).scope(&[tenant, key], b"c");
    let hash = scope(1, "red", "k").hash("EMAIL", "m.t@corp.test");
    assert!(hash.starts_with("[EMAIL:") && hash.len() == 20, "{hash}");
    assert_eq!(scope(1, "red", "j").hash("EMAIL", "m.t@corp.test"), hash, "a tenant's hashes are its own");
    assert_ne!(scope(1, "blue", "k").hash("EMAIL", "m.t@corp.test"), hash);
    assert_ne!(scope(2, "red", "k").hash("EMAIL", "m.t@corp.test"), hash);
}

#[test]
fn gender_locale_and_company_stay() {
    let (_, stand_ins) = chosen(
        "c",
        &[
            ("EMAIL", "a@corp.test"),
            ("EMAIL", "b@corp.test"),
            ("ORGANIZATION", "南方医院"),
            ("PHONE", "13812341234"),
        ],
        "x",
    );
    let domain = |mail: &str| mail.rsplit('@').next().unwrap_or_default().to_owned();
    assert_eq!(domain(&stand_ins[0]), domain(&stand_ins[1]));
    assert!(["example.com", "example.org", "example.net"].contains(&domain(&stand_ins[0]).as_str()));
    assert!(stand_ins[2].ends_with("医院") && stand_ins[3].starts_with("154"), "{stand_ins:?}");
    // The same surname is the same, and the value alone is what it is in the full name.
    let (_, stand_ins) = chosen(
        "c",
        &[
            ("PERSON", "Margaret Thornbury"),
            ("PERSON", "Thornbury"),
            ("PERSON", "Mr Thornbury"),
            ("PERSON", "MARGARET"),
        ],
        "x",
    );
    let words: Vec<&str> = stand_ins[0].split(' ').collect();
    assert_eq!(stand_ins[1], words[1]);
    assert_eq!(stand_ins[2], format!("Mr {}", words[1]));
    assert_eq!(stand_ins[3], words[0].to_uppercase());
}

proptest! {
    #![proptest_config(crate::text::cases::cases(64))]

    /// What is found does not depend on how the text was cut, and is settled when it is told.
    #[test]
    fn cuts_change_nothing(picks in proptest::collection::vec((0..VALUES.len(), 0usize..6), 1..8), cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12), json in any::<bool>()) {
        let (book, stand_ins) = chosen("c", VALUES, "x");
        let back = Arc::new(book.back());
        let between = [" ", ", ", "。", "\n", "a ", "1"];
        let text: String = picks.iter().map(|&(n, gap)| format!("{}{}", stand_ins[n], between[gap])).collect();
        let (kind, text) = if json { (TextKind::Json, serde_json::to_string(&text).unwrap_or_default()) } else { (TextKind::Plain, text) };
        let whole = back.all(kind, &text);
        let (mut channel, mut found, mut settled) = (Channel::new(Arc::clone(&back), kind), Vec::new(), 0);
        for piece in crate::text::cases::cut(&text, &cuts) {
            for one in channel.push(piece) {
                prop_assert!(one.start >= settled);
                found.push(one);
            }
            prop_assert!(channel.settled() >= settled);
            settled = channel.settled();
        }
        for one in channel.finish() {
            prop_assert!(one.start >= settled);
            found.push(one);
        }
        prop_assert_eq!(found, whole);
    }

    /// Any text goes through, and what has no stand-in in it stays.
    #[test]
    fn any_text_goes_through(text in "\\PC{0,60}", values in proptest::collection::vec("\\PC{1,20}", 0..4)) {
        let values: Vec<(&str, &str)> = values.iter().zip(["PERSON", "PHONE", "ADDRESS", "DATE_OF_BIRTH"]).map(|(v, c)| (c, v.as_str())).collect();
        let (book, _) = chosen("c", &values, &text);
        prop_assert_eq!(brought_back(&book.back(), TextKind::Plain, &text), text.as_str());
        let _ = brought_back(&book.forward(), TextKind::Json, &text);
    }
}

proptest! {
    #![proptest_config(crate::text::cases::cases(96))]

    /// Whatever a value holds, what stands for it comes back as the value.
    #[test]
    fn any_value_comes_back(value in "[A-Za-z0-9王小明あ한é\\\\\"'(){}<>!?;,. \t@/+-]{1,24}", category in proptest::sample::select(vec!["PERSON", "EMAIL", "PHONE", "ADDRESS", "ORGANIZATION", "DATE_OF_BIRTH", "IBAN", "IP", "PASSPORT", "CREDIT_CARD"])) {
        let (book, stand_ins) = chosen("c", &[(category, &value)], "x");
        prop_assume!(value.chars().any(char::is_alphanumeric));
        let said = format!("| {} |", stand_ins[0]);
        prop_assert_eq!(brought_back(&book.back(), TextKind::Plain, &said), format!("| {value} |"), "{}", stand_ins[0]);
        let said = serde_json::json!([stand_ins[0]]).to_string();
        let back = book.back().all(TextKind::Json, &said);
        prop_assert_eq!(back.len(), 1, "{}", said);
    }
}

/// Promise 7: eight times as much takes eight times as many steps.
#[test]
fn finding_is_linear_work() {
    use crate::text::work::steps_of;
    let (book, stand_ins) = chosen("c", VALUES, "x");
    let back = book.back();
    let begun = stand_ins[0].split_at(stand_ins[0].len() - 1).0;
    let hard = format!("{begun} {} ", "王".repeat(20));
    let work = |times: usize| {
        let text = hard.repeat(times);
        steps_of(|| drop(back.all(TextKind::Plain, &text)))
    };
    let (few, many) = (work(50), work(400));
    assert!(few > 500 && many < few * 9, "{few} steps, and {many} for eight times as much");
}

/// Promise 8: no value is printed by accident.
#[test]
fn nothing_is_printed() {
    let (book, stand_ins) = chosen("c", VALUES, "x");
    let back = Arc::new(book.back());
    let found = back.all(TextKind::Plain, &stand_ins[0]);
    let swaps: Vec<_> = book.swaps().collect();
    let printed = format!(
        "{book:?} {back:?} {found:?} {swaps:?} {:?}",
        Channel::new(Arc::clone(&back), TextKind::Plain)
    );
    for (_, value) in VALUES {
        assert!(!printed.contains(value), "{value}: {printed}");
    }
    assert!(found.len() == 1 && printed.len() < 10_000);
}
