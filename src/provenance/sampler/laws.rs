//! What the sampler's mark promises: chance raises no alarm, and words that were chosen as asked are found.

use std::collections::HashMap;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::lists::{Counts, List, Pair};
use super::read::{FALSE_ALARM, SamplerVerdict, read};
use super::settings::Strength;
use super::{Biased, MOST_PAIRS, Vocabulary};
use crate::provenance::mark::{Epoch, MarkKeys};
use crate::text::cases::cases;

/// Dice without a state of its own outside.
#[derive(Clone, Debug)]
struct Dice(u64);

impl Dice {
    /// SplitMix64.
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn share(&mut self) -> f64 {
        (self.roll() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn epoch(number: u32, seed: u64) -> Epoch {
    let mut dice = Dice(seed);
    let mut key = [0; 32];
    key.iter_mut().for_each(|byte| *byte = dice.roll() as u8);
    Epoch::new(number, u64::from(number), &key)
}

fn keys(seed: u64) -> MarkKeys {
    MarkKeys::of(epoch(1, seed))
}

/// A text of so many words of which one in eight is listed, each pair as often as its place in the list has it. Where a key is given and a word
/// is free (half of them are), one of its pair stands there with odds of e^4 to 1 for the one that is preferred, as a bias of 2 makes of even odds.
fn text(list: List, words: usize, dice: &mut Dice, key: Option<&Epoch>) -> String {
    let pairs = list.pairs().get(..MOST_PAIRS).expect("so many pairs");
    let mut out = String::new();
    for _ in 0..words {
        if !dice.roll().is_multiple_of(8) {
            out.push_str(if list == List::English { " filler" } else { "文" });
            continue;
        }
        // The first pairs are the commonest.
        let (n, m) = (dice.roll() as usize % pairs.len(), dice.roll() as usize % pairs.len());
        let at = n * m / pairs.len();
        let Pair { first, second } = pairs[at.min(pairs.len() - 1)];
        // One of a pair is usually the commoner.
        let mut odds = 3.0;
        if let Some(key) = key.filter(|_| dice.roll().is_multiple_of(2)) {
            odds *= if key.coin(first, second) { 4_f64.exp() } else { (-4_f64).exp() };
        }
        let word = if dice.share() < odds / (1.0 + odds) { first } else { second };
        if list == List::English {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// A tokenizer that has all words, numbered from 100 on.
fn vocabulary() -> Vocabulary {
    let words = List::ALL.into_iter().flat_map(|list| {
        list.pairs()
            .iter()
            .flat_map(|p| [p.first, p.second])
            .map(move |word| if list == List::English { format!("▁{word}") } else { word.to_owned() })
    });
    let rows: Vec<String> = words
        .chain(["▁the".to_owned()])
        .enumerate()
        .map(|(n, token)| format!("{token:?}:{}", n + 100))
        .collect();
    let json = format!(r#"{{"model":{{"type":"BPE","vocab":{{{}}}}}}}"#, rows.join(","));
    Vocabulary::of("made", json.as_bytes()).expect("a vocabulary")
}

/// 20,000 texts, each against a key that knows nothing of it: the chance that is told is never smaller than what comes about, at every level that so
/// many can show, and nothing is found.
#[test]
fn chances_are_as_told() {
    let mut dice = Dice(5);
    let texts = 20_000 * cases(1).cases as usize;
    let mut below: HashMap<i32, usize> = HashMap::new();
    for n in 0..texts {
        let list = List::ALL[n % 2];
        let words = 100 + (dice.roll() % 900) as usize;
        let said = text(list, words, &mut dice, None);
        let sampled = read(&keys(dice.roll()), &said);
        assert_ne!(sampled.verdict, SamplerVerdict::Found, "text {n}");
        for level in 1..=3 {
            *below.entry(level).or_default() += usize::from(sampled.false_alarm <= 10_f64.powi(-level));
        }
    }
    for (level, count) in below {
        let expected = texts as f64 * 10_f64.powi(-level);
        // Three standard deviations and a bit: by chance one run in a thousand.
        assert!((count as f64) <= expected + 3.3 * expected.sqrt(), "{count} of {texts} below 1e-{level}");
    }
}

/// The same with marked texts and another key: a mark says nothing to who has not its key.
#[test]
fn another_key_finds_nothing() {
    let mut dice = Dice(6);
    for n in 0..2_000 {
        let said = text(List::ALL[n % 2], 1_500, &mut dice, Some(&epoch(1, 77)));
        assert_ne!(read(&keys(dice.roll() | 1), &said).verdict, SamplerVerdict::Found);
    }
}

/// How many of a hundred texts are found by length: the curve that docs/sampler.md shows for a real model is of this form.
#[test]
fn what_was_asked_for_is_found() {
    let mut dice = Dice(7);
    let mut found = |list: List, words: usize| {
        let hits = (0..100).filter(|&n| {
            let key = epoch(1, 1_000 + n);
            let said = text(list, words, &mut dice, Some(&key));
            let sampled = read(&MarkKeys::of(key), &said);
            sampled.verdict == SamplerVerdict::Found && sampled.epoch == Some(1) && sampled.z > 0.0
        });
        hits.count()
    };
    for list in List::ALL {
        let curve = [100, 400, 800, 1_600, 3_200].map(|words| found(list, words));
        assert!(
            curve.is_sorted() && curve[0] < 10 && curve[2] >= 20 && curve[3] >= 70 && curve[4] >= 95,
            "{list:?}: {curve:?}"
        );
    }
}

#[test]
fn short_texts_are_called_short() {
    let mut dice = Dice(8);
    let key = epoch(1, 3);
    let said = text(List::English, 60, &mut dice, Some(&key));
    let sampled = read(&MarkKeys::of(key.clone()), &said);
    assert_eq!((sampled.verdict, sampled.json()["false_alarm"].is_null()), (SamplerVerdict::Short, true));
    let empty = read(&MarkKeys::of(key), "");
    assert_eq!((empty.verdict, empty.epoch, empty.words), (SamplerVerdict::Short, None, 0));
}

/// One word a thousand times, or a passage again and again, says no more than its pairs do once.
#[test]
fn repetition_is_no_evidence() {
    let mut dice = Dice(9);
    for n in 0..200 {
        let pair = List::English.pairs()[n % 150];
        assert_eq!(
            read(&keys(dice.roll()), &format!("{} ", pair.first).repeat(1_000)).verdict,
            SamplerVerdict::Short
        );
        let said = text(List::English, 120, &mut dice, None).repeat(50);
        assert_ne!(read(&keys(dice.roll()), &said).verdict, SamplerVerdict::Found);
    }
}

/// Old epochs go on being found, and the more there are the more has to be seen.
#[test]
fn epochs_are_told_and_paid_for() {
    let file: String = (1..=16).map(|n| format!("{n} {n} {:064x}\n", 0x1234_5678_u64 * n)).collect();
    let many = MarkKeys::parse(&file).expect("keys");
    let third = many.newest_first().find(|epoch| epoch.number == 3).expect("the third").clone();
    let said = text(List::English, 3_000, &mut Dice(10), Some(&third));
    let (all, one) = (read(&many, &said), read(&MarkKeys::of(third), &said));
    assert_eq!((all.verdict, all.epoch), (SamplerVerdict::Found, Some(3)));
    assert!((all.false_alarm / one.false_alarm - 16.0).abs() < 1e-6 && (all.z - one.z).abs() < 1e-12);
}

#[test]
fn what_anybody_is_told_leads_to_no_coin() {
    let key = epoch(1, 4);
    let said = text(List::English, 3_000, &mut Dice(11), Some(&key));
    let found = read(&MarkKeys::of(key.clone()), &said);
    let told = found.json();
    assert_eq!((&told["verdict"], &told["epoch"]), (&"found".into(), &1.into()));
    assert!(found.coarse() >= found.false_alarm && found.coarse() <= FALSE_ALARM);
    assert_eq!(told["false_alarm"], found.coarse());
    let none = read(&MarkKeys::of(key), &text(List::English, 3_000, &mut Dice(12), None)).json();
    assert_eq!(none["verdict"], "none");
    assert!(["epoch", "since", "false_alarm", "key"].iter().all(|name| none[name].is_null()), "{none}");
    assert!(told.get("z").is_none() && none.get("z").is_none());
}

/// 150 pairs, 300 numbers of which each stands once, as many preferred as not; another epoch's coins are others.
#[test]
fn a_request_has_three_hundred_entries() {
    let biased = Biased::of("made", &vocabulary()).expect("enough words");
    let object = |seed: u64, list| {
        let object = biased.object(&epoch(1, seed), list, Strength::default()).expect("an object");
        serde_json::from_str::<HashMap<u32, f64>>(&object).expect("numbers and biases")
    };
    for list in List::ALL {
        assert_eq!(biased.pairs(list), MOST_PAIRS);
        let (one, other) = (object(1, list), object(2, list));
        assert_eq!((one.len(), one.values().sum::<f64>().abs() < 1e-9), (2 * MOST_PAIRS, true));
        assert!(one.values().all(|bias| (bias.abs() - 2.0).abs() < 1e-9));
        let same = one.iter().filter(|(token, bias)| other.get(token) == Some(bias)).count();
        assert!((60..240).contains(&same), "{same} of 300 are the same");
    }
}

#[test]
fn a_vocabulary_without_the_words_is_refused() {
    let rows: Vec<String> = List::English
        .pairs()
        .iter()
        .take(40)
        .flat_map(|p| [p.first, p.second])
        .enumerate()
        .map(|(n, word)| format!("\"▁{word}\":{n}"))
        .collect();
    let json = format!(r#"{{"model":{{"vocab":{{"▁the":999,{}}}}}}}"#, rows.join(","));
    let few = Biased::of("t.json", &Vocabulary::of("t.json", json.as_bytes()).expect("a vocabulary"));
    let error = few.expect_err("too few").to_string();
    assert!(error.contains("`t.json` has 40 of") && error.contains("at least 50"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Random, ..cases(200) })]

    /// However a text is put together, reading it neither fails nor tells a chance that is none, and what is told of it does not depend on what
    /// stands beside its words.
    #[test]
    fn any_text_is_read(parts in prop::collection::vec(prop_oneof![
        Just("several ".to_owned()), Just("因为".to_owned()), Just("People's ".to_owned()), "\\PC{0,12}", "[a-z ]{0,20}",
    ], 0..60), seed in any::<u64>()) {
        let said: String = parts.concat();
        let sampled = read(&keys(seed), &said);
        prop_assert!((0.0..=1.0).contains(&sampled.false_alarm) && sampled.z.is_finite());
        prop_assert!(sampled.pairs as u64 <= sampled.words);
        let framed = read(&keys(seed), &format!("({said})\n"));
        prop_assert_eq!(framed, sampled);
        prop_assert_eq!(Counts::of(&said).0.len(), List::English.pairs().len() + List::Chinese.pairs().len());
    }
}
