//! A passage of a document is found wherever and however it stands, whatever the pieces; other text is not; the file comes back as it was.

use super::collection::{Collection, LEAST};
use super::decide::passages;
use super::index::Index;
use crate::detect::laws::sized;
use crate::detect::{Engine, Finding, RuleId, RuleSet, RuleSpec, Scan, TextKind, scan_all};
use proptest::prelude::*;
use std::sync::Arc;

/// Characters of a passage that is always found.
const PASSAGE: usize = 50;

/// Running text without meaning: words of letters that differ from seed to seed.
fn running(seed: u64, words: usize) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut out = String::new();
    for word in 0..words {
        for _ in 0..3 + next(6) {
            out.push(char::from(b'a' + next(26) as u8));
        }
        out.push_str(if word % 9 == 8 { ". " } else { " " });
    }
    out
}

fn chinese(seed: u64, letters: u64) -> String {
    let one = |n: u64| {
        let mixed = (seed + n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let c = char::from_u32(0x4e00 + (mixed >> 40) as u32 % 2000).unwrap_or('的');
        if n % 12 == 11 { vec![c, '，'] } else { vec![c] }
    };
    (0..letters).flat_map(one).collect()
}

fn collection(texts: &[&str]) -> Collection {
    let mut all = Collection::new(*b"a key of letters");
    for (n, text) in texts.iter().enumerate() {
        all.add(&format!("document {n}"), "2026-11-28", text).expect("it is long enough");
    }
    all
}

fn engine(collection: &Collection) -> (Engine, RuleSet) {
    let rule = RuleSpec { fingerprints: vec![Arc::new(Index::new(collection))], ..RuleSpec::default() };
    let mut rules = RuleSet::full(1);
    rules.hold(RuleId(0));
    (Engine::compile(&[rule]).expect("rules"), rules)
}

/// So many characters of a text, from one on.
fn part(text: &str, from: usize, count: usize) -> String {
    text.chars().skip(from).take(count).collect()
}

/// What people do to a passage without changing a word.
fn rewritten(text: &str, how: u8) -> String {
    match how {
        0 => text.to_owned(),
        1 => text.to_uppercase(),
        2 => text.replace(' ', "\n> "),
        3 => text.replace(['.', ',', '，'], " -- "),
        4 => text.split(' ').map(|word| format!("**{word}**  ")).collect(),
        5 => text.chars().flat_map(|c| [c, '\u{200b}']).collect(),
        // As source code and JSON within a text have it.
        6 => text.trim().replace(' ', "\\n"),
        _ => text.chars().filter(|c| c.is_alphanumeric()).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_passage_is_found_and_nothing_of_it_is_left(
        seed in 1..1_000_000_u64, from in 0..400_usize, more in 0..200_usize, how in 0..8_u8, wide: bool
    ) {
        let text = if wide { chinese(seed, 900) } else { running(seed, 200) };
        let all = collection(&[&running(seed + 7, 60), &text]);
        let (engine, rules) = engine(&all);
        let passage = part(&text, from, PASSAGE + more);
        let letters = passage.chars().filter(|c| c.is_alphanumeric()).count();
        // What of fifty characters of running text are letters.
        prop_assume!(letters >= 36);
        let passage = rewritten(&passage, how);
        let before = running(seed + 1, 12);
        let whole = format!("{before}\n{passage}\n{}", running(seed + 2, 30));
        let found = scan_all(&engine, &rules, TextKind::Plain, &whole);
        prop_assert!(!found.is_empty(), "{:?}", passage);
        let named = |one: &Finding| engine.document(one.rule, one.of).map(ToString::to_string);
        prop_assert!(found.iter().all(|one| named(one).as_deref() == Some("document 1")));
        let (start, end) = (found[0].start.0 as usize, found[found.len() - 1].end.0 as usize);
        // At most three letters to either side of it.
        let own = before.len() + 1..before.len() + 1 + passage.len();
        let first = own.start + passage.find(char::is_alphanumeric).unwrap_or(0);
        prop_assert!(start <= first && first <= start + 24, "{start} {first}");
        let last = own.start + passage.rfind(char::is_alphanumeric).unwrap_or(0);
        prop_assert!(end > last && end <= own.end + 24, "{end} {last}");
        prop_assert!(found.windows(2).all(|two| two[0].end == two[1].start), "in one piece: {found:?}");
    }

    #[test]
    fn the_cut_changes_nothing_and_what_is_settled_stays(
        seed in 1..1_000_000_u64, cuts in proptest::collection::vec(1..40_usize, 1..20), wide: bool
    ) {
        let text = if wide { chinese(seed, 2500) } else { running(seed, 300) };
        let (engine, rules) = engine(&collection(&[&text]));
        let changed = text.split_inclusive(' ').enumerate().filter(|(n, _)| n % 11 != 5);
        let changed: String = changed.map(|(_, word)| word).collect();
        let whole = format!("{}{}{}{}", running(seed + 1, 9), part(&changed, 30, 1200), running(seed + 3, 40), part(&text, 99, 60));
        let expected = scan_all(&engine, &rules, TextKind::Plain, &whole);
        prop_assert!(expected.len() > 2, "a long passage is told in parts: {expected:?}");
        let (mut scan, mut found, mut settled) = (Scan::new(TextKind::Plain), Vec::new(), 0);
        for piece in sized(&whole, &cuts) {
            let before = found.len();
            let progress = scan.push(&engine, &rules, piece, &mut found);
            prop_assert!(found.iter().skip(before).all(|one| one.start.0 >= settled), "nothing of it has left");
            prop_assert!(progress.settled.0 >= settled);
            // 460 letters, and what stands between them.
            prop_assert!(progress.seen.0 - progress.settled.0 <= 480 * 4, "what is held has a bound");
            settled = progress.settled.0;
        }
        scan.finish(&engine, &rules, &mut found);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn other_text_is_no_passage(seed in 1..1_000_000_u64) {
        let all = collection(&[&running(seed, 400), &chinese(seed, 900)]);
        prop_assert!(passages(&all, &running(seed + 1, 400)).is_empty());
        prop_assert!(passages(&all, &chinese(seed + 77_777, 900)).is_empty());
        // What is shorter than what counts.
        prop_assert!(passages(&all, &part(&running(seed, 400), 40, 30)).is_empty());
    }

    #[test]
    fn words_may_be_changed(seed in 1..1_000_000_u64) {
        let text = running(seed, 120);
        let all = collection(&[&text]);
        let words = text.split(' ').enumerate();
        // Every seventh word is another.
        let changed: Vec<&str> = words.map(|(n, word)| if n % 7 == 3 { "another" } else { word }).collect();
        let found = passages(&all, &changed.join(" "));
        prop_assert!(!found.is_empty());
        let covered: u64 = found.iter().map(|(span, ..)| span.end - span.start).sum();
        prop_assert!(covered * 10 > changed.join(" ").len() as u64 * 8, "{found:?}");
    }

    #[test]
    fn a_file_comes_back_as_it_was(seeds in proptest::collection::vec(1..1_000_000_u64, 0..4), at in any::<prop::sample::Index>(), byte: u8) {
        let texts: Vec<String> = seeds.iter().map(|seed| running(*seed, 90)).collect();
        let all = collection(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let file = all.write();
        prop_assert_eq!(Collection::parse(&file), Ok(all));
        // Damage is told or changes something, and never panics.
        let mut bytes = file.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte & 0x7F;
        let _ = Collection::parse(&String::from_utf8_lossy(&bytes));
    }
}

/// Clauses that stand in every contract may be repeated, what stands beside them may not.
#[test]
fn common_text_is_not_looked_for() {
    let clause = "This agreement is governed by the laws of the place in which the seller has its seat, and the courts there decide.";
    let own = "The price of the shipyard at the northern mole is 412 million euros, a third of it in shares.";
    let mut all = collection(&[&format!("{clause}\n{own}\n{clause}")]);
    assert!(!passages(&all, clause).is_empty());
    assert_eq!(all.add_common("clauses", "", &format!("Clauses. {clause} More of them.")), Ok(false));
    assert_eq!((passages(&all, clause).len(), passages(&all, own).len()), (0, 1));
    assert_eq!(Collection::parse(&all.write()).as_ref(), Ok(&all));
}

/// Words that two texts share here and there make no passage, and hide none.
#[test]
fn stock_phrases_are_no_passage_and_hide_none() {
    let text = "It is therefore hereby agreed between the parties that whales sing at night, that in accordance with the provisions of the treaty the \
        shipyard at the northern mole is sold in March for 412 million euros, and that nothing of it is told.";
    let all = collection(&[text]);
    let shares = "It is therefore hereby agreed that the cook may rest, that nobody has to peel an onion in accordance with the rules of the house.";
    assert_eq!(passages(&all, shares), []);
    let leak = "It is therefore hereby agreed that the cook may rest and that the dishes wait. The shipyard at the northern mole is sold in March!";
    let found = passages(&all, leak);
    let said: Vec<&str> =
        found.iter().filter_map(|(span, ..)| leak.get(span.start as usize..span.end as usize)).collect();
    assert_eq!(said, ["The shipyard at the northern mole is sold in March"]);
}

/// Clauses that begin alike, many more than there are places of a row.
#[test]
fn what_begins_alike_in_many_places_is_found() {
    let clause = |n: u64| format!("{n}. The Supplier shall not be liable for {}", running(n + 5, 5));
    let text: String = (1..60).map(|n| clause(n) + "\n").collect();
    let chinese_clause =
        |n: u64| format!("供应商不得在未经采购方事先书面同意的情况下{}。", chinese(n * 100, 30));
    let wide: String = (1..60).map(chinese_clause).collect();
    let all = collection(&[&text, &wide]);
    for n in 1..60 {
        for one in [clause(n), chinese_clause(n)] {
            let said = format!("He wrote:\n{one}\nand so on");
            let found = passages(&all, &said);
            let covered: u64 = found.iter().map(|(span, ..)| span.end - span.start).sum();
            assert!(covered + 12 >= one.len() as u64, "{one}: {found:?}");
        }
    }
}

/// What is rewritten reaches over no marks of JSON that stands in a text, however often it was escaped.
#[test]
fn json_within_a_text_still_parses() {
    let text = running(3, 120);
    let all = collection(&[&text]);
    let (one, two) = (part(&text, 0, 80), part(&text, 80, 80));
    for value in [
        serde_json::json!({"p": [one], "q": two}),
        serde_json::json!({"title": one, "body": two}),
        serde_json::json!([one, two]),
        serde_json::json!({"a": one, "b": {two.as_str(): 1}}),
    ] {
        let mut said = value.to_string();
        let found = passages(&all, &said);
        assert_eq!(found.len(), 2, "{said}");
        for (span, ..) in found.iter().rev() {
            said.replace_range(span.start as usize..span.end as usize, "[CONFIDENTIAL]");
        }
        assert!(serde_json::from_str::<serde_json::Value>(&said).is_ok(), "{said}");
    }
}

/// Policies are told apart by what is printed of their rules.
#[test]
fn what_is_printed_tells_documents_apart() {
    let printed = |texts: &[&str]| format!("{:?}", Index::new(&collection(texts)));
    let (one, other) = (running(1, 40), running(2, 40));
    assert_eq!(printed(&[&one]), printed(&[&one]));
    assert!(printed(&[&one]) != printed(&[&other]) && printed(&[&one]) != printed(&[&one, &other]));
}

#[test]
fn no_text_stands_in_the_file() {
    let file =
        collection(&["The merger of Hollyhock Holdings with the northern shipyards is signed on Monday."])
            .write();
    assert!(!file.to_lowercase().contains("holly") && !file.contains("merger"), "{file}");
}

#[test]
fn traditional_characters_and_wide_letters_are_the_same() {
    let text = "本公司計劃於明年第一季度收購位於深圳的半導體設備製造商並將其與現有的研發中心合併以加快新產品的開發進度和市場推廣";
    let simple = "本公司计划于明年第一季度收购位于深圳的半导体设备制造商并将其与现有的研发中心合并以加快新产品的开发进度和市场推广";
    let all = collection(&[simple]);
    assert_eq!(passages(&all, text).len(), 1);
}

#[test]
fn what_is_too_short_or_broken_is_said() {
    let mut all = Collection::new([1; 16]);
    let short = all.add("note", "", "Too short.").expect_err("it is short");
    assert!(short.to_string().contains(&LEAST.to_string()), "{short}");
    let said = |text: &str| Collection::parse(text).expect_err("it is broken").to_string();
    assert!(said("").starts_with("line 1: expected `sluicegate fingerprints 1`"));
    assert!(said("sluicegate fingerprints 1\nkey x").starts_with("line 2: expected `key `"));
    let head = format!("sluicegate fingerprints 1\nkey {}\n", "0".repeat(32));
    assert!(said(&format!("{head}AAAA")).starts_with("line 3: expected a document's line"));
    assert!(said(&format!("{head}{{\"name\":1}}")).starts_with("line 3: no document's line"));
    let document = "{\"name\":\"a\",\"added\":\"\",\"letters\":50,\"prints\":2}";
    assert!(said(&format!("{head}{document}\n!!!")).starts_with("line 4: expected Base64"));
    assert!(
        said(&format!("{head}{document}\nAAAAAAAAAA=="))
            .contains("`a` has 1 prints, and says that there are 2")
    );
}
