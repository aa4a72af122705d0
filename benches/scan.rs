//! What the engine costs with the rules that ship: whole texts, and texts that come in pieces.
//!
//!     cargo bench --bench scan

use sluicegate::detect::classify::{Reading, model, names as models};
use sluicegate::detect::{Finding, Scan, TextKind, scan_all};
use sluicegate::policy::{Direction, Library, Policy, PolicySettings};
use std::sync::LazyLock;

/// Ordinary texts, none of which holds anything that a rule finds.
const TEXTS: &[(&str, &str)] = &[
    (
        "English",
        "The river had been low all summer, and the old mill stood quiet beside it. When the rain came at last, the keeper walked \
         down to the gate, looked at the water for a while, and then raised it by the width of a hand. Nobody in the village \
         noticed, but by the next morning three of the lower fields stood green again, and the miller's daughter said so. ",
    ),
    (
        "Chinese",
        "整个夏天河水都很低，老磨坊静静地立在河边。雨终于来的时候，守闸人走到闸门前，看了一会儿水，然后把闸门抬高了一掌宽。村里没有人注意到，但第二天早上，下游的三块田又绿了。",
    ),
    (
        "code",
        "fn gate(level: u32, width: &str) -> Option<u32> {\n    let open = level.checked_sub(12)?;\n    for (index, sluice) in \
         SLUICES.iter().enumerate() {\n        if sluice.name == width { return Some(open / 3 + index as u32); }\n    }\n    None\n}\n",
    ),
    (
        "table",
        "| station | level | flow |\n| --- | --- | --- |\n| upper 12 | 3.42 m | 118.20 |\n| lower 7 | 2.95 m | 117.85 |\n| mill 3 | 0.62 m | 4.10 |\n",
    ),
];
/// Bytes of a text.
const LENGTH: usize = 16 * 1024;

static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let policy = Library::embedded().and_then(|library| library.policy(&PolicySettings::default()));
    policy.unwrap_or_else(|found| panic!("the rules that ship do not load: {found:?}"))
});

fn main() {
    divan::main();
}

fn text(name: &str) -> String {
    let (_, text) = TEXTS.iter().find(|(known, _)| *known == name).expect("a known text");
    text.repeat(LENGTH / text.len())
}

fn names() -> impl Iterator<Item = &'static str> {
    TEXTS.iter().map(|(name, _)| *name)
}

#[divan::bench(args = names())]
fn whole(bencher: divan::Bencher<'_, '_>, name: &str) {
    let text = text(name);
    let (engine, rules) = (POLICY.engine(), POLICY.rules(Direction::Output));
    bencher
        .counter(divan::counter::BytesCount::of_str(&text))
        .bench(|| scan_all(engine, rules, TextKind::Plain, &text));
}

/// All models that ship on a KiB: folded text in, scores out.
#[divan::bench(args = names())]
fn models_on_a_kib(bencher: divan::Bencher<'_, '_>, name: &str) {
    let text = text(name);
    let folded = sluicegate::text::fold::fold_literal(&text);
    let kib = &folded[..text.floor_char_boundary(1024).min(folded.len())];
    let all: Vec<_> = models().iter().filter_map(|name| model(name)).cloned().collect();
    assert_eq!(all.len(), models().len(), "the models that ship");
    bencher.counter(divan::counter::BytesCount::new(kib.len())).bench(|| {
        let mut reading = Reading::new(&all);
        reading.push(kib).for_each(drop);
        reading.finish().for_each(drop);
        reading.named(false)
    });
}

/// The same with the rest of the engine, by the pack `classifiers` alone: what a policy pays that asks models.
#[divan::bench(args = names())]
fn classifiers(bencher: divan::Bencher<'_, '_>, name: &str) {
    static CLASSIFIERS: LazyLock<Policy> = LazyLock::new(|| {
        let library = Library::embedded().unwrap_or_else(|found| panic!("the packs do not load: {found:?}"));
        library.pack_policy("classifiers").expect("the pack is there")
    });
    let text = text(name);
    let (engine, rules) = (CLASSIFIERS.engine(), CLASSIFIERS.rules(Direction::Prompt));
    bencher
        .counter(divan::counter::BytesCount::of_str(&text))
        .bench(|| scan_all(engine, rules, TextKind::Plain, &text));
}

/// What reading the models' files takes.
#[divan::bench]
fn load_a_model(bencher: divan::Bencher<'_, '_>) {
    let file =
        std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/filters/models/harm.model")).expect("the file");
    bencher.bench(|| sluicegate::detect::classify::Model::read(&file).is_ok());
}

/// Pieces of about four bytes, as a model's tokens are.
#[divan::bench(args = names())]
fn deltas(bencher: divan::Bencher<'_, '_>, name: &str) {
    let text = text(name);
    let (engine, rules) = (POLICY.engine(), POLICY.rules(Direction::Output));
    let mut pieces = Vec::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.ceil_char_boundary(4.min(rest.len())));
        pieces.push(piece);
        rest = after;
    }
    bencher.counter(divan::counter::BytesCount::of_str(&text)).bench(|| {
        let mut found: Vec<Finding> = Vec::new();
        let mut scan = Scan::new(TextKind::Plain);
        for piece in &pieces {
            scan.push(engine, rules, piece, &mut found);
        }
        scan.finish(engine, rules, &mut found);
        found.len()
    });
}
