//! What marks promise, over generated texts.

use std::sync::Arc;

use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization as _;

use super::sample::{Dice, document, prose};
use super::*;

fn epoch(n: u8) -> Epoch {
    let mut key = [n; 32];
    key[0] = 99;
    Epoch::new(u32::from(n), 0, &key)
}

fn keys() -> MarkKeys {
    MarkKeys::of(epoch(1))
}

fn dense(text: &str, density: Density) -> String {
    marked(&Arc::new(epoch(1)), density, text)
}

fn insertions(text: &str, density: Density, cuts: &[usize]) -> Vec<(usize, String)> {
    let mut marker = Marker::new(Arc::new(epoch(1)), density).expect("a density that marks");
    let (mut at, mut all) = (0, Vec::new());
    for &cut in cuts.iter().chain([&text.len()]) {
        let cut = text.floor_char_boundary(cut).max(at);
        let mut out = Vec::new();
        marker.push(text.get(at..cut).expect("a piece"), &mut out);
        all.extend(out.into_iter().map(|i| (i.at + at, i.mark)));
        at = cut;
    }
    all
}

/// Times the usual number, for long runs.
fn times() -> u64 {
    std::env::var("SLUICEGATE_LAWS").ok().and_then(|n| n.parse().ok()).unwrap_or(1)
}

fn valid(text: &str) -> usize {
    read(&keys(), text).found.iter().filter(|found| found.epoch.is_some()).count()
}

proptest! {
    /// The same marks however the text is cut into pieces.
    #[test]
    fn any_cut_gives_the_same_marks(seed in any::<u64>(), density in 1usize..4, mut cuts in prop::collection::vec(0usize..2000, 0..12)) {
        let text = document(seed).text;
        cuts.sort_unstable();
        let density = Density::ALL[density];
        prop_assert_eq!(insertions(&text, density, &cuts), insertions(&text, density, &[]));
    }

    /// Taking the marks out gives back the very text.
    #[test]
    fn stripping_restores_the_text(seed in any::<u64>(), density in 1usize..4) {
        let text = document(seed).text;
        let marked = dense(&text, Density::ALL[density]);
        prop_assert_eq!(&*strip(&keys(), &marked), &text);
        // Another's marks stay.
        prop_assert_eq!(&*strip(&MarkKeys::of(epoch(2)), &marked), &marked);
    }

    /// Of any text whatever, marks or not, nothing is taken out that is not ours.
    #[test]
    fn foreign_text_stays(text in "(\\PC|[\u{200b}-\u{200d}\u{2060}-\u{2064}\u{fe00}-\u{fe0f}\u{e0100}-\u{e01ef}]|[a-z ]|[一-龥]){0,200}") {
        prop_assert_eq!(&*strip(&keys(), &text), &text);
        let marked = dense(&text, Density::Dense);
        prop_assert_eq!(&*strip(&keys(), &marked), &text);
    }

    /// In the pieces in which it came a text loses its marks too, when they come back one after another.
    #[test]
    fn pieces_are_stripped(seed in any::<u64>(), mut cuts in prop::collection::vec(0usize..2000, 0..12)) {
        let text = document(seed).text;
        cuts.sort_unstable();
        let mut marker = Marker::new(Arc::new(epoch(1)), Density::Dense).expect("a marker");
        let (mut strip, keys, mut at) = (Strip::default(), keys(), 0);
        for &cut in cuts.iter().chain([&text.len()]) {
            let cut = text.floor_char_boundary(cut).max(at);
            let piece = text.get(at..cut).expect("a piece");
            let mut out = Vec::new();
            marker.push(piece, &mut out);
            let sent = with(piece, &out);
            prop_assert_eq!(&*strip.text(&keys, &sent), piece);
            at = cut;
        }
        prop_assert_eq!(strip.marks, u64::from(marker.marks()));
    }

    /// A mark verifies wherever its letters go with it, and no filter of one kind of character takes all of them.
    #[test]
    fn what_marks_survive(seed in any::<u64>(), script in 0usize..8) {
        let text = prose(seed, script, 500);
        let marked = dense(&text, Density::Standard);
        let all = read(&keys(), &marked).found.len();
        prop_assert!(all >= 4, "{} marks", all);
        for (what, kept) in [
            ("NFC", marked.nfc().collect::<String>()),
            ("NFD", marked.nfd().collect()),
            ("NFKC", marked.nfkc().collect()),
            ("NFKD", marked.nfkd().collect()),
            ("case", marked.to_lowercase()),
            ("spaces", marked.split_whitespace().collect::<Vec<_>>().join(" ")),
            ("emphasis", marked.replace('*', "")),
        ] {
            prop_assert_eq!(valid(&kept), all, "{}", what);
        }
        let without = |lost: fn(char) -> bool| marked.chars().filter(|&c| !lost(c)).collect::<String>();
        for (what, kept) in [
            ("format characters", without(|c| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}'))),
            ("combining marks", without(|c| matches!(c, '\u{300}'..='\u{36f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}'))),
            ("beyond the BMP", without(|c| c > '\u{ffff}')),
        ] {
            prop_assert!(valid(&kept) >= all / 2, "{}: {} of {}", what, valid(&kept), all);
            prop_assert!(read(&keys(), &kept).found.iter().all(|found| found.whole != Some(false)), "{}", what);
        }
    }

    /// A tag on other letters, and letters under other tags, are not taken for what they were.
    #[test]
    fn moved_marks_do_not_verify(seed in any::<u64>(), other in any::<u64>(), script in 0usize..8) {
        // Other words: under the same sixteen letters a tag is the same.
        let (text, victim) = (prose(seed, script, 400), prose(other, (script + 3) % 8, 400));
        let tags: Vec<String> = insertions(&text, Density::Dense, &[]).into_iter().map(|(_, mark)| mark).collect();
        let places = insertions(&victim, Density::Dense, &[]);
        let transplanted: Vec<Insertion> =
            places.iter().zip(&tags).filter(|((_, own), tag)| own != *tag)
                .map(|((at, _), mark)| Insertion { at: *at, mark: mark.clone() }).collect();
        prop_assume!(!transplanted.is_empty());
        prop_assert_eq!(valid(&with(&victim, &transplanted)), 0);
    }

    /// A sentence put in, taken out or moved shows, although every tag by itself verifies.
    #[test]
    fn splices_show(seed in any::<u64>(), script in 0usize..5) {
        let text = prose(seed, script, 900);
        let places = insertions(&text, Density::Dense, &[]);
        prop_assume!(places.len() > 8);
        // Near a change a tag may have other letters before it, and then does not verify, which shows as well.
        let shows = |f: &&Found| f.whole == Some(false) || f.epoch.is_none() && !f.cut;
        let whole = |text: &str| read(&keys(), text).found.iter().filter(shows).count();
        let marked = dense(&text, Density::Dense);
        prop_assert_eq!(whole(&marked), 0);
        let found = read(&keys(), &marked).found;
        // Right behind a mark, where the letters before the next one stay as they were.
        let at = found[4].bytes.end;
        let (head, tail) = marked.split_at(at);
        let added = format!("{head} was not the bridge of them {tail}");
        let removed = format!("{}{}", head.get(..found[2].bytes.end).expect("a beginning"), tail);
        let shown = whole(&added) + whole(&removed);
        // Each change is under two carriers: one in 65,536 would not show.
        prop_assert!(shown >= 2, "{} changes show", shown);
    }
}

/// No mark stands in what is no prose, and no character of a text changes places.
#[test]
fn protected_spans_stay() {
    let mut marks = 0;
    for seed in 0..2000 * times() {
        let document = document(seed);
        for (at, _) in insertions(&document.text, Density::Dense, &[]) {
            marks += 1;
            if let Some(span) = document.protected.iter().find(|span| span.start < at && at < span.end) {
                panic!(
                    "{seed}: {:?} | {:?}",
                    document.text.get(span.start..at),
                    document.text.get(at..span.end)
                );
            }
            let (before, after) = document.text.split_at(at);
            let (before, after) = (before.chars().next_back(), after.chars().next());
            for neighbour in [before, after].into_iter().flatten() {
                assert!(
                    !neighbour.is_numeric() || !neighbour.is_ascii() && neighbour.is_alphabetic(),
                    "{seed}: next to {neighbour:?}"
                );
                assert!(
                    Script::of(neighbour) != Script::Other || " \n,.;:!?，。！？；：、".contains(neighbour),
                    "{seed}: next to {neighbour:?}"
                );
            }
        }
    }
    assert!(marks > 5000, "{marks} marks are too few to tell");
}

/// Cuts of the promised length verify, within the promised bytes.
#[test]
fn fragments_verify() {
    for (what, script, density, letters, most) in [
        ("Latin", 0, Density::Standard, 120, 50.0),
        ("Chinese", 3, Density::Standard, 64, 40.0),
        ("Latin, dense", 0, Density::Dense, 100, 100.0),
        ("Chinese, dense", 3, Density::Dense, 48, 80.0),
        ("Latin, sparse", 0, Density::Sparse, 200, 25.0),
        ("Chinese, sparse", 3, Density::Sparse, 110, 25.0),
    ] {
        let (mut cuts, mut verified, mut plain, mut added) = (0, 0, 0, 0);
        for seed in 0..40 {
            let text = prose(seed, script, 1500);
            let marked = dense(&text, density);
            plain += text.len();
            added += marked.len() - text.len();
            let mut dice = Dice::new(seed);
            for _ in 0..25 {
                cuts += 1;
                verified += usize::from(valid(&fragment(&marked, letters, &mut dice)) > 0);
            }
        }
        let share = f64::from(verified as u32) / f64::from(cuts);
        let bytes = 100.0 * added as f64 / plain as f64;
        println!("{what}: {:.2} % of cuts, {bytes:.1} % more bytes", share * 100.0);
        assert!(share >= 0.995, "{what}: {verified} of {cuts}");
        assert!(bytes <= most, "{what}: {bytes:.1} % more bytes");
    }
}

/// So many letters of a text from somewhere.
fn fragment(marked: &str, letters: usize, dice: &mut Dice) -> String {
    let places: Vec<usize> =
        marked.char_indices().filter(|(_, c)| c.is_alphanumeric()).map(|(at, _)| at).collect();
    let start = dice.below(places.len().saturating_sub(letters));
    let end = places.get(start + letters).copied().unwrap_or(marked.len());
    marked.get(places[start]..end).expect("a cut").to_owned()
}

/// No run in text of people, whatever characters it has.
#[test]
fn no_false_accept() {
    let human =
        "👩‍👩‍👧‍👦 ❤️ 3️⃣ 葛\u{e0100}城 می‌خواهم ᠮᠣᠩᠭᠣᠯ\u{180b} ភាសា\u{200b}ខ្មែរ क्‍ष a\u{2060}b \u{200b}\u{200b} ";
    let keys = keys();
    for seed in 0..200 * times() {
        let text = document(seed).text + human;
        assert!(read(&keys, &text).found.is_empty());
    }
    // Runs that only have the form.
    let mut dice = Dice::new(7);
    for _ in 0..2000 * times() {
        let tag: Tag = std::array::from_fn(|_| dice.below(256) as u8);
        let text = format!(
            "words enough before the run of characters{} and after it",
            Carrier::ALL[dice.below(2)].write(tag)
        );
        let found = read(&keys, &text).found;
        assert!(found.len() == 1 && found[0].epoch.is_none());
    }
}
