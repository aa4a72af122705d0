//! What a text tells of where it comes from, layer by layer. Never that somebody wrote it: what has no mark may be anybody's.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::mark::{CONTEXT, MarkKeys, Reading, read};
use super::print::Traced;
use super::sampler::Sampled;

/// The chance of a false alarm in one text is below this.
pub const FALSE_ALARM: f64 = 1e-9;
/// That one run of characters verifies with one epoch's key by chance: 40 bits.
const ONE: f64 = 1.0 / (1u64 << 40) as f64;
/// Of the marks that can be judged so many hundredths have to verify where nothing was changed.
const MOST: usize = 80;
/// A text of so many letters is told of by its tenths: of a shorter one these would tell where each mark stands.
const LONG: u64 = 1000;

/// What a layer says of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Marks verify, and nothing between them was changed.
    Bound,
    /// Marks verify, and something was changed, taken out or put in.
    Edited,
    /// There are characters in the form of marks, and none verifies: they are somebody else's, or the words around them were changed.
    CarrierOnly,
    /// Nothing was found. That says nothing of who wrote it.
    None,
}

impl Verdict {
    /// The word in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bound => "bound",
            Self::Edited => "edited",
            Self::CarrierOnly => "carrier_only",
            Self::None => "none",
        }
    }

    /// What it means, in a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Bound => "Passages of this text came through this gateway as a model's words, unchanged.",
            Self::Edited => {
                "Passages of this text came through this gateway as a model's words; something was changed, added or left out."
            }
            Self::CarrierOnly => {
                "The text holds invisible characters in the form of marks, but none that this gateway set before these words."
            }
            Self::None => "No mark of this gateway was found. That does not tell who or what wrote the text.",
        }
    }
}

/// An epoch that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its number.
    pub epoch: u32,
    /// From when on its key marked, in seconds since 1970.
    pub since: u64,
    /// From when on another key did; none for the one that marks now.
    pub until: Option<u64>,
    /// Marks that verify with its key.
    pub marks: usize,
}

/// What the marks of a text tell.
#[derive(Clone, Debug, PartialEq)]
pub struct Marks {
    /// In a word.
    pub verdict: Verdict,
    /// What was read.
    pub reading: Reading,
    /// Marks that verify.
    pub valid: usize,
    /// Marks that cannot be judged, since the text begins too shortly before them.
    pub cut: usize,
    /// Stretches between marks that were changed.
    pub changed: usize,
    /// Epochs that were found, the newest first.
    pub epochs: Vec<Seen>,
    /// Share of the letters that marks vouch for, from 0 to 1.
    pub covered: f64,
    /// Which tenths of a long text hold such letters.
    pub tenths: Option<[bool; 10]>,
    /// A bound for the chance that a text without marks gets this verdict.
    pub false_alarm: f64,
}

/// A bound for the chance that `valid` of `runs` runs verify without a key.
pub fn chance(runs: usize, valid: usize, epochs: usize) -> f64 {
    let mut chance = 1.0;
    for n in 0..valid {
        chance *= (runs.saturating_sub(n)) as f64 / (n + 1) as f64 * ONE * epochs as f64;
    }
    chance.min(1.0)
}

/// Reads the marks of a text.
pub fn marks(keys: &MarkKeys, text: &str) -> Marks {
    let reading = read(keys, text);
    let cut = reading.found.iter().filter(|found| found.cut).count();
    let judged = reading.found.len() - cut;
    let valid = reading.found.iter().filter(|found| found.epoch.is_some()).count();
    let changed = reading.found.iter().filter(|found| found.whole == Some(false)).count();
    let false_alarm = chance(judged, valid, keys.count());
    let verdict = if valid > 0 && false_alarm <= FALSE_ALARM {
        if changed == 0 && valid * 100 >= judged * MOST { Verdict::Bound } else { Verdict::Edited }
    } else if reading.found.is_empty() {
        Verdict::None
    } else {
        Verdict::CarrierOnly
    };
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for epoch in reading.found.iter().filter_map(|found| found.epoch) {
        *counts.entry(epoch).or_default() += 1;
    }
    let mut until = None;
    let mut epochs = Vec::new();
    for epoch in keys.newest_first() {
        if let Some(&marks) = counts.get(&epoch.number) {
            epochs.push(Seen { epoch: epoch.number, since: epoch.since, until, marks });
        }
        until = Some(epoch.since);
    }
    let stretches = vouched(&reading);
    let covered =
        stretches.iter().map(|(from, to)| to - from).sum::<u64>() as f64 / reading.letters.max(1) as f64;
    let tenths = (reading.letters >= LONG).then(|| {
        std::array::from_fn(|n| {
            let at = |n: usize| reading.letters * n as u64 / 10;
            stretches.iter().any(|&(from, to)| from < at(n + 1) && to > at(n))
        })
    });
    Marks { verdict, reading, valid, cut, changed, epochs, covered, tenths, false_alarm }
}

/// Stretches of letters that marks vouch for, in order and apart.
fn vouched(reading: &Reading) -> Vec<(u64, u64)> {
    let mut all: Vec<(u64, u64)> = reading
        .found
        .iter()
        .filter(|found| found.epoch.is_some())
        .map(|found| {
            let back =
                if found.whole == Some(true) { found.since.max(CONTEXT as u64) } else { CONTEXT as u64 };
            (found.letters.saturating_sub(back), found.letters)
        })
        .collect();
    all.sort_unstable();
    let mut out: Vec<(u64, u64)> = Vec::new();
    for (from, to) in all {
        match out.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => out.push((from, to)),
        }
    }
    out
}

impl Marks {
    /// What anybody may know: nothing of where a mark stands.
    pub fn json(&self) -> Value {
        let epochs: Vec<Value> = self
            .epochs
            .iter()
            .map(|seen| json!({"epoch": seen.epoch, "since": seen.since, "until": seen.until, "marks": seen.marks}))
            .collect();
        json!({
            "verdict": self.verdict.as_str(),
            "meaning": self.verdict.sentence(),
            "key": if self.epochs.is_empty() { Value::Null } else { "this gateway".into() },
            "epochs": epochs,
            "marks": {"found": self.reading.found.len(), "verified": self.valid, "cut": self.cut, "changed_stretches": self.changed},
            "letters": self.reading.letters,
            "covered": (self.covered * 1000.0).round() / 1000.0,
            "tenths": self.tenths,
            "false_alarm": self.false_alarm,
        })
    }
}

/// The whole answer: a layer an entry; those that this gateway does not have are not there.
pub fn report(
    text: &str,
    marks: Option<&Marks>,
    sampled: Option<&Sampled>,
    prints: Option<&Traced>,
) -> Value {
    let mut layers = serde_json::Map::new();
    layers.extend(marks.map(|marks| ("mark".to_owned(), marks.json())));
    layers.extend(sampled.map(|sampled| ("sampler".to_owned(), sampled.json())));
    layers.extend(prints.map(|prints| ("fingerprint".to_owned(), prints.json(text.len()))));
    json!({
        "layers": layers,
        "note": "A text without marks may still be a model's: marks are lost when a text is retyped, translated or rewritten.",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Density;
    use crate::provenance::mark::{Epoch, marked};
    use std::sync::Arc;

    fn epoch(number: u32) -> Epoch {
        let mut key = [number as u8; 32];
        key[0] = 77;
        Epoch::new(number, u64::from(number) * 100, &key)
    }

    fn text() -> String {
        "the river carries water from the mountains, into the valley where people have lived since early times. ".repeat(12)
    }

    #[test]
    fn each_verdict_has_its_text() {
        let keys = MarkKeys::of(epoch(1));
        let whole = marked(&Arc::new(epoch(1)), Density::Standard, &text());
        let bound = marks(&keys, &whole);
        assert_eq!((bound.verdict, bound.changed), (Verdict::Bound, 0));
        assert!(bound.covered > 0.8 && bound.false_alarm < 1e-9, "{bound:?}");
        assert_eq!(bound.epochs, [Seen { epoch: 1, since: 100, until: None, marks: bound.valid }]);
        // One word fewer in the middle.
        let found = bound.reading.found[4].bytes.end;
        let edited = [whole.get(..found), whole.get(found + 12..)].map(|part| part.expect("a part")).concat();
        assert_eq!(marks(&keys, &edited).verdict, Verdict::Edited);
        assert_eq!(marks(&MarkKeys::of(epoch(2)), &whole).verdict, Verdict::CarrierOnly);
        assert_eq!(marks(&keys, &text()).verdict, Verdict::None);
        for verdict in [Verdict::Bound, Verdict::Edited, Verdict::CarrierOnly, Verdict::None] {
            assert!(!verdict.sentence().contains("human"));
        }
    }

    /// Below 1e-9 a document, however many runs it has and whatever of them is taken for valid.
    #[test]
    fn false_alarms_are_bounded() {
        assert!((chance(1, 1, 16) - 16.0 / (1u64 << 40) as f64).abs() < 1e-18);
        for runs in [1, 68, 69, 1_000, 100_000] {
            let needed =
                (1..10).find(|&valid| chance(runs, valid, 16) <= FALSE_ALARM).expect("some are enough");
            assert_eq!(needed, 1 + usize::from(runs > 68), "{runs}");
        }
        assert!((chance(5, 0, 16) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_public_answer_tells_no_place() {
        let whole = marked(&Arc::new(epoch(1)), Density::Standard, &text());
        let keys = MarkKeys::of(epoch(1));
        let answer = report(&whole, Some(&marks(&keys, &whole)), None, None).to_string();
        assert!(!answer.contains("bytes") && answer.contains("\"tenths\":[true"), "{answer}");
        let short: String = whole.chars().take(300).collect();
        assert!(
            report(&short, Some(&marks(&keys, &short)), None, None).to_string().contains("\"tenths\":null")
        );
    }
}
