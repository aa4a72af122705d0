//! What the models that ship cost: microseconds a KiB of text, alone and together, as a whole and in deltas; bytes of a channel's state; what
//! loading takes.
//!
//!     taskset -c 0 cargo bench --bench models         (--json, --gate, --only speed|state|load, --rounds N, --text FILE.jsonl)
//!
//! Each round reads the same 256 KiB of text, a KiB a time, no two alike, so that the tables of weights are asked at places that no cache
//! has at hand. Rounds are interleaved, and of each KiB the least of its rounds counts: what others took of the core is not the model's, and
//! reading one KiB is so short that most rounds are left alone. `--gate` ends with status 1 where a bound is missed.

#[path = "engine/chat.rs"]
#[expect(dead_code, reason = "the engine's bench asks for lists of terms too")]
mod chat;
#[path = "engine/given.rs"]
mod given;

use sluicegate::detect::classify::{self, Model, Reading};
use sluicegate::detect::grounding::{Checker, Context};
use sluicegate::detect::tagger::{self, Tagger};
use sluicegate::text::fold::fold_literal;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

/// Bytes of one document: what the bounds are said of.
const KIB: usize = 1024;
/// How many documents a round reads.
const DOCUMENTS: usize = 256;
/// Bytes of a delta, about a model's token.
const DELTA: usize = 4;
/// The classifiers together, microseconds a KiB.
const MOST_MICROSECONDS: f64 = 20.0;
/// A channel's state for all models together, bytes.
const MOST_STATE: f64 = 16.0 * 1024.0;
/// Loading all models, milliseconds.
const MOST_LOADING: f64 = 100.0;

#[derive(Default)]
struct Options {
    json: bool,
    gate: bool,
    only: Option<String>,
    rounds: Option<usize>,
    text: Option<PathBuf>,
}

fn options() -> Options {
    let mut options = Options::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--json" => options.json = true,
            "--gate" => options.gate = true,
            "--only" => options.only = words.next(),
            "--rounds" => options.rounds = words.next().and_then(|n| n.parse().ok()),
            "--text" => options.text = words.next().map(PathBuf::from),
            _ => {}
        }
    }
    options
}

/// What was measured, its value, its unit and what it may be at most.
#[derive(Default)]
struct Figures(Vec<(String, f64, &'static str, Option<f64>)>);

impl Figures {
    fn note(&mut self, what: impl Into<String>, value: f64, unit: &'static str, most: Option<f64>) {
        let what = what.into();
        let bound = most.map_or_else(String::new, |most| {
            format!("  (at most {most}{})", if value > most { ": MISSED" } else { "" })
        });
        eprintln!("{what:<58} {value:>10.2} {unit}{bound}");
        self.0.push((what, value, unit, most));
    }
}

/// The models that ship.
struct Shipped {
    classifiers: Vec<Arc<Model>>,
    tagger: Arc<Tagger>,
}

fn main() -> ExitCode {
    let options = options();
    let wants = |name: &str| options.only.as_deref().is_none_or(|only| only == name);
    let rounds = options.rounds.unwrap_or(9).max(1);
    let shipped = Shipped {
        classifiers: classify::names().iter().filter_map(|name| classify::model(name)).cloned().collect(),
        tagger: Arc::clone(tagger::tagger("names").expect("the tagger that ships")),
    };
    assert_eq!(shipped.classifiers.len(), classify::names().len(), "the models that ship");
    let texts: Vec<(&str, String)> = match &options.text {
        Some(file) => vec![("given", given::read(file))],
        None => [("English", false), ("Chinese", true)]
            .map(|(name, chinese)| (name, chat::chat_in(DOCUMENTS * KIB, 1, Some(chinese))))
            .into(),
    };
    let mut figures = Figures::default();
    for (name, text) in &texts {
        let documents = documents(text);
        if wants("speed") {
            speed(name, &documents, &shipped, rounds, &mut figures);
        }
        if wants("state") {
            state(name, &documents, &shipped, &mut figures);
        }
    }
    if wants("load") {
        load(rounds, &mut figures);
    }
    if options.json {
        for (what, value, unit, most) in &figures.0 {
            let most = most.map_or("null".to_owned(), |most| most.to_string());
            println!("{{\"what\":\"{what}\",\"value\":{value:.3},\"unit\":\"{unit}\",\"most\":{most}}}");
        }
    }
    let missed = figures.0.iter().any(|(_, value, _, most)| most.is_some_and(|most| *value > most));
    if options.gate && missed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// A text in pieces of about `size` bytes.
fn pieces(text: &str, size: usize) -> Vec<&str> {
    let (mut rest, mut pieces) = (text, Vec::new());
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.ceil_char_boundary(size.min(rest.len())));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

fn documents(text: &str) -> Vec<String> {
    let folded = |text: &str| String::from_utf8(fold_literal(text)).expect("folded text is UTF-8");
    let mut documents = pieces(text, KIB);
    documents.truncate(DOCUMENTS);
    documents.into_iter().map(folded).collect()
}

/// Scores of one text by classifiers.
fn judge(models: &[Arc<Model>], text: &str, size: usize) -> f32 {
    let mut reading = Reading::new(models);
    for piece in pieces(text, size) {
        reading.push(piece.as_bytes()).for_each(drop);
    }
    reading.finish().for_each(drop);
    reading.scores().map(|(_, scores)| scores.of[0]).sum()
}

/// Names in one text.
fn tag(tagger: &Tagger, text: &str, size: usize) -> usize {
    let (mut reading, mut found) = (tagger::Reading::default(), Vec::new());
    for piece in pieces(text, size) {
        reading.push(tagger, piece.as_bytes(), &mut found);
    }
    reading.finish(tagger, &mut found);
    found.len()
}

/// What of one text a context does not bear.
fn ground(context: &Context, text: &str, size: usize) -> usize {
    let (mut checker, mut found) = (Checker::default(), Vec::new());
    for piece in pieces(text, size) {
        checker.push(context, piece, &mut found);
    }
    checker.finish(context, &mut found);
    found.len()
}

/// What is measured, and its work on one document.
type Candidate<'a> = (String, Box<dyn Fn(&str) + 'a>);

/// Runs the candidates in turn, `rounds` times, and gives of each what a document takes in seconds, by the least of its rounds.
fn race(rounds: usize, documents: &[String], candidates: &[Candidate<'_>]) -> Vec<f64> {
    let mut times = vec![vec![f64::INFINITY; documents.len()]; candidates.len()];
    for _ in 0..=rounds {
        for ((_, work), times) in candidates.iter().zip(&mut times) {
            for (text, least) in documents.iter().zip(times) {
                #[expect(clippy::disallowed_methods, reason = "a benchmark reads a clock")]
                let start = Instant::now();
                work(text);
                *least = start.elapsed().as_secs_f64().min(*least);
            }
        }
    }
    times.into_iter().map(|all| all.iter().sum::<f64>() / all.len().max(1) as f64).collect()
}

fn speed(name: &str, documents: &[String], shipped: &Shipped, rounds: usize, figures: &mut Figures) {
    let Shipped { classifiers, tagger } = shipped;
    let mut context = Context::default();
    documents.iter().step_by(16).for_each(|text| context.add(text));
    let context = &context;
    let mut candidates: Vec<Candidate<'_>> = Vec::new();
    let utf8 = |text: &str| {
        black_box(std::str::from_utf8(black_box(text.as_bytes())).is_ok());
    };
    candidates.push((format!("{name}: UTF-8 told from other bytes"), Box::new(utf8)));
    let together = classifiers.iter().map(|model| model.name()).collect::<Vec<_>>().join(" and ");
    for (size, how) in [(usize::MAX, "whole"), (DELTA, "by deltas")] {
        let ones = classifiers.iter().map(|model| (model.name().to_owned(), vec![Arc::clone(model)]));
        for (model, asked) in ones.chain([(format!("{together} together"), classifiers.clone())]) {
            let work = move |text: &str| {
                black_box(judge(&asked, text, size));
            };
            candidates.push((format!("{name}, {how}: {model}"), Box::new(work)));
        }
        let work = move |text: &str| {
            black_box(tag(tagger, text, size));
        };
        candidates.push((format!("{name}, {how}: names (tagger)"), Box::new(work)));
        let work = move |text: &str| {
            black_box(ground(context, text, size));
        };
        candidates.push((format!("{name}, {how}: grounding"), Box::new(work)));
    }
    let times = race(rounds, documents, &candidates);
    let kibs = documents.iter().map(String::len).sum::<usize>() as f64 / (KIB * documents.len()) as f64;
    let base = times.first().copied().unwrap_or_default();
    for ((what, _), time) in candidates.iter().zip(times) {
        let most = what.ends_with("together").then_some(MOST_MICROSECONDS);
        figures.note(what.clone(), time * 1e6 / kibs, "us/KiB", most);
        if most.is_some() {
            figures.note(format!("{what}, times UTF-8"), time / base, "x", None);
        }
    }
}

/// The most that a channel has of each model after any delta, on the heap and off it.
fn state(name: &str, documents: &[String], shipped: &Shipped, figures: &mut Figures) {
    let mut reading = Reading::new(&shipped.classifiers);
    let (mut names, mut tagged) = (tagger::Reading::default(), Vec::new());
    let (mut checker, mut claims, context) = (Checker::default(), Vec::new(), Context::default());
    let mut most = [0; 3];
    for piece in documents.iter().flat_map(|text| pieces(text, DELTA)) {
        reading.push(piece.as_bytes()).for_each(drop);
        names.push(&shipped.tagger, piece.as_bytes(), &mut tagged);
        checker.push(&context, piece, &mut claims);
        let now = [reading.bytes(), names.bytes(), checker.bytes()];
        most.iter_mut().zip(now).for_each(|(most, now)| *most = now.max(*most));
    }
    for (what, bytes) in ["classifiers", "names (tagger)", "grounding"].into_iter().zip(most) {
        figures.note(format!("{name}, state of a channel: {what}"), bytes as f64, "bytes", None);
    }
    let all = most.iter().sum::<usize>() as f64;
    figures.note(format!("{name}, state of a channel: all models"), all, "bytes", Some(MOST_STATE));
}

/// From the bytes of a file to a model that can be asked.
fn load(rounds: usize, figures: &mut Figures) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("filters/models");
    let files = ["harm", "injection", "names"]
        .map(|name| (name, std::fs::read(folder.join(format!("{name}.model"))).expect("the file")));
    let mut candidates: Vec<Candidate<'_>> = Vec::new();
    for (name, file) in &files {
        let work = move |_: &str| {
            let read = if *name == "names" { Tagger::read(file).is_ok() } else { Model::read(file).is_ok() };
            assert!(black_box(read), "{name} is whole");
        };
        candidates.push((format!("loading {name}"), Box::new(work)));
    }
    let times = race(rounds, &[String::new()], &candidates);
    for ((what, _), time) in candidates.iter().zip(&times) {
        figures.note(what.clone(), time * 1e3, "ms", None);
    }
    figures.note("loading all models", times.iter().sum::<f64>() * 1e3, "ms", Some(MOST_LOADING));
}
