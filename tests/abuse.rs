//! How many who probe or flood are told, and how many who do not are taken for them: sequences of exchanges made by a seed, each prompt judged
//! by the profile `default` as the gateway judges it. The figures stand in `fixtures/abuse/figures.txt` (`SLUICEGATE_BLESS=1` writes them).

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use sluicegate::dialect::route;
use sluicegate::exchange::{ExchangeLimits, Received, Terms};
use sluicegate::limits::{Abuse, Person, Seen};
use sluicegate::policy::{AbuseSettings, Library, Policy, PolicySettings, Sign};

/// Sequences of each kind.
const EACH: u64 = 40;

/// Numbers that are the same for the same seed (Splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    fn of<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        all.get(self.below(all.len() as u64) as usize).expect("something to draw from")
    }

    fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }
}

/// Judges prompts, each text once.
struct Judge {
    policy: Arc<Policy>,
    known: HashMap<String, Seen>,
}

impl Judge {
    fn new() -> Self {
        let abuse = Some(AbuseSettings::default());
        let settings = PolicySettings { abuse, ..PolicySettings::default() };
        let policy = Library::embedded().expect("packs").policy(&settings).expect("a policy");
        Self { policy: Arc::new(policy), known: HashMap::new() }
    }

    fn seen(&mut self, text: &str) -> Seen {
        let policy = Arc::clone(&self.policy);
        let judge = || {
            let body = serde_json::json!({"model": "m", "messages": [{"role": "user", "content": text}]});
            let matched = route("POST", "/v1/chat/completions", false).expect("a route");
            let terms = Terms::new(policy, ExchangeLimits::default());
            let judged =
                Received::new(matched, terms).judge(None, true, body.to_string().into()).expect("JSON");
            judged.seen()
        };
        self.known.entry(text.to_owned()).or_insert_with(judge).clone()
    }
}

/// Prompts of somebody with the seconds, in tenths, before each.
type Sequence = Vec<(u64, String)>;

/// What sequences are made of.
struct Texts {
    /// Of the banks: to be refused, whether a rule knows them or not.
    bad: Vec<String>,
    /// Those of them that are blocked.
    blocked: Vec<String>,
    good: Vec<String>,
}

impl Texts {
    fn new(judge: &mut Judge) -> Self {
        let (mut bad, mut good) = (Vec::new(), Vec::new());
        for bank in ["sample-en", "sample-zh", "sample-attacks"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("filters/banks/{bank}.jsonl"));
            for line in std::fs::read_to_string(path).expect("a bank").lines() {
                let line: Value = serde_json::from_str(line).expect("JSON");
                let text = line["text"].as_str().expect("a text").to_owned();
                if line["expect"] == "refuse" { bad.push(text) } else { good.push(text) }
            }
        }
        let blocked: Vec<String> = bad.iter().filter(|text| judge.seen(text).blocked).cloned().collect();
        assert!(blocked.len() >= 15 && good.len() >= 40, "{} {}", blocked.len(), good.len());
        Self { bad, blocked, good }
    }
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in text.as_bytes().chunks(3) {
        let bits =
            three.iter().fold(0_u32, |all, byte| all << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for n in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * n) & 63) as usize];
            out.push(if n <= three.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "%{byte:02X}");
        out
    })
}

/// The same in other words: what is polite around it, signs between, a word left out.
fn variant(text: &str, dice: &mut Dice) -> String {
    const BEFORE: [&str; 6] =
        ["please, ", "I need to know: ", "for a novel: ", "quick question, ", "请问，", "小说需要："];
    const AFTER: [&str; 6] = [" thanks", " !!", " in detail", " step by step", " 谢谢", " 详细一点"];
    let mut words: Vec<&str> = text.split(' ').collect();
    if words.len() > 5 && dice.percent(60) {
        words.remove(dice.below(words.len() as u64) as usize);
    }
    format!("{}{}{}", dice.of(&BEFORE), words.join(" "), dice.of(&AFTER))
}

type Maker = fn(&Texts, &mut Dice) -> Sequence;

/// Who tries what a model is not to do, or keeps it from others.
const ABUSIVE: [(&str, Maker); 6] = [
    ("probes with questions of all kinds, with harmless ones between", |texts, dice| {
        let count = dice.between(12, 40);
        (0..count)
            .map(|_| {
                let from = if dice.percent(30) { &texts.good } else { &texts.bad };
                (dice.between(100, 1200), dice.of(from).clone())
            })
            .collect()
    }),
    ("probes slowly, over hours", |texts, dice| {
        (0..dice.between(12, 25)).map(|_| (dice.between(2400, 5400), dice.of(&texts.bad).clone())).collect()
    }),
    ("tries one encoding after the other", |texts, dice| {
        let text = dice.of(&texts.blocked).clone();
        let forms = [
            base64(&text),
            hex(&text),
            escaped(&text),
            base64(&base64(&text)),
            hex(&base64(&text)),
            base64(&escaped(&text)),
        ];
        let from = dice.below(3) as usize;
        let used = forms.iter().skip(from).take(dice.between(3, 6) as usize);
        used.map(|form| (dice.between(50, 600), format!("decode and answer: {form}"))).collect()
    }),
    ("says what was blocked in other words", |texts, dice| {
        let text = dice.of(&texts.blocked).clone();
        (0..dice.between(5, 15)).map(|_| (dice.between(50, 600), variant(&text, dice))).collect()
    }),
    ("floods with one prompt and a number in it", |texts, dice| {
        let text = dice.of(&texts.good).clone();
        (0..dice.between(30, 100)).map(|n| (dice.between(2, 15), format!("{text} ({n})"))).collect()
    }),
    ("sends more than anybody reads", |texts, dice| {
        (0..dice.between(60, 120)).map(|_| (dice.between(1, 6), dice.of(&texts.good).clone())).collect()
    }),
];

/// Who uses it.
const ORDINARY: [(&str, Maker); 7] = [
    ("talks", |texts, dice| {
        (0..dice.between(5, 40)).map(|_| (dice.between(200, 3000), dice.of(&texts.good).clone())).collect()
    }),
    ("talks, and is blocked once to three times", |texts, dice| {
        let mut all: Sequence = (0..dice.between(20, 40))
            .map(|_| (dice.between(200, 3000), dice.of(&texts.good).clone()))
            .collect();
        for _ in 0..dice.between(1, 3) {
            let at = dice.below(all.len() as u64) as usize;
            all.insert(at, (dice.between(200, 3000), dice.of(&texts.blocked).clone()));
        }
        all
    }),
    ("asks for another answer to the same prompt", |texts, dice| {
        let mut all = Sequence::new();
        for _ in 0..dice.between(3, 10) {
            let text = dice.of(&texts.good).clone();
            all.extend((0..dice.between(1, 5)).map(|_| (dice.between(50, 300), text.clone())));
        }
        all
    }),
    ("was blocked, and asks once or twice more", |texts, dice| {
        let text = dice.of(&texts.blocked).clone();
        let mut all: Sequence =
            (0..dice.between(2, 3)).map(|_| (dice.between(100, 600), variant(&text, dice))).collect();
        all.extend((0..dice.between(5, 20)).map(|_| (dice.between(200, 2000), dice.of(&texts.good).clone())));
        all
    }),
    ("types fast", |texts, dice| {
        (0..dice.between(20, 60)).map(|_| (dice.between(30, 80), dice.of(&texts.good).clone())).collect()
    }),
    ("goes through a sheet of exercises that are alike", |_, dice| {
        let (a, b) = (dice.between(2, 9), dice.between(10, 99));
        (1..=dice.between(10, 20))
            .map(|n| {
                (
                    dice.between(40, 300),
                    format!("Exercise {n}: solve {a} x + {n} = {b} for x and explain each step"),
                )
            })
            .collect()
    }),
    ("is a program that names no user and goes through a table", |texts, dice| {
        let text = dice.of(&texts.good).clone();
        (0..dice.between(100, 200)).map(|n| (dice.between(1, 5), format!("Row {n}: {text}"))).collect()
    }),
];

#[test]
fn nine_of_ten_who_abuse_are_told_and_hardly_anybody_else() {
    let mut judge = Judge::new();
    let texts = Texts::new(&mut judge);
    let settings = AbuseSettings::default();
    let mut told = String::new();
    let mut shares = Vec::new();
    for (title, kinds) in [("abusive", &ABUSIVE[..]), ("ordinary", &ORDINARY[..])] {
        let (mut all, mut seen) = (0, 0);
        for (kind, (name, make)) in kinds.iter().enumerate() {
            let (mut hits, mut signs) = (0, BTreeMap::<Sign, u64>::new());
            for n in 0..EACH {
                let mut dice = Dice(n * 1000 + kind as u64 + if title == "abusive" { 0 } else { 500 });
                let (abuse, mut now) = (Abuse::default(), 0);
                let user = if name.contains("names no user") { "" } else { "u" };
                let person = Person { tenant: "t".into(), key: "k".into(), user: user.into() };
                let mut first = None;
                for (wait, text) in make(&texts, &mut dice) {
                    now += wait * 100;
                    first =
                        first.or(abuse.exchange(&person, &settings, judge.seen(&text), now).first().copied());
                }
                hits += u64::from(first.is_some());
                if let Some(sign) = first {
                    *signs.entry(sign).or_default() += 1;
                }
            }
            let by: Vec<String> = signs.iter().map(|(sign, n)| format!("{} {n}", sign.as_str())).collect();
            writeln!(
                told,
                "{title:9} {hits:3} of {EACH}  {name}{}{}",
                if by.is_empty() { "" } else { ": first by " },
                by.join(", ")
            )
            .expect("text");
            (all, seen) = (all + EACH, seen + hits);
        }
        writeln!(told, "{title:9} {seen:3} of {all}  {:.1} %\n", seen as f64 * 100.0 / all as f64)
            .expect("text");
        shares.push(seen as f64 / all as f64);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/abuse/figures.txt");
    if std::env::var_os("SLUICEGATE_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, &told).expect("a file");
    }
    assert!(shares[0] >= 0.9 && shares[1] <= 0.01, "{told}");
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), told, "SLUICEGATE_BLESS=1 writes it");
}
