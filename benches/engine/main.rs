//! What the engine costs with long lists, beside plain `aho-corasick` and `RegexSet`, in one run.
//!
//!     cargo bench --bench engine                      (--json, --only whole|million|set|deltas|worst|build, --rounds N, --text FILE.jsonl)
//!
//! Rounds are interleaved and the median counts; figures of different runs are not to be compared, ratios are.

mod chat;
mod given;

use aho_corasick::automaton::{Automaton, OverlappingState};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Input, MatchKind};
use sluicegate::detect::{Finding, Scan, TextKind, scan_all};
use sluicegate::policy::files::read_dir;
use sluicegate::policy::{Direction, Library, Policy, PolicySettings};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Bytes of one document; a scan reads one after the other.
const DOCUMENT: usize = 64 * 1024;
/// Bytes of text in all.
const TEXT: usize = 8 << 20;

struct Options {
    json: bool,
    only: Option<String>,
    rounds: usize,
    text: Option<PathBuf>,
}

fn options() -> Options {
    let mut options = Options { json: false, only: None, rounds: 5, text: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--json" => options.json = true,
            "--only" => options.only = words.next(),
            "--rounds" => options.rounds = words.next().and_then(|n| n.parse().ok()).unwrap_or(5),
            "--text" => options.text = words.next().map(PathBuf::from),
            _ => {}
        }
    }
    options
}

/// One figure: what was measured, its value and its unit.
struct Figures(Vec<(String, f64, &'static str)>);

impl Figures {
    fn note(&mut self, what: impl Into<String>, value: f64, unit: &'static str) {
        let what = what.into();
        eprintln!("{what:<58} {value:>10.2} {unit}");
        self.0.push((what, value, unit));
    }
}

fn main() {
    let options = options();
    let wants = |name: &str| options.only.as_deref().is_none_or(|only| only == name);
    let text = match &options.text {
        Some(file) => given::read(file),
        None => chat::chat(TEXT, 1),
    };
    let documents = documents(&text);
    let mut figures = Figures(Vec::new());
    // For a profiler: nothing but scans.
    if options.only.as_deref() == Some("scan") {
        let policy = policy(&chat::terms(10_000, 7));
        let times = race(
            options.rounds,
            &mut [&mut || {
                black_box(scan(&policy, &documents));
            }],
        );
        figures.note("10000 terms: every rule, every fold", bytes(&documents) / times[0] / 1e6, "MB/s");
    }
    if wants("whole") {
        for count in [10_000, 100_000] {
            whole(count, &documents, options.rounds, &mut figures);
        }
    }
    if wants("million") {
        million(&documents, options.rounds, &mut figures);
    }
    if wants("set") {
        set(&documents, options.rounds, &mut figures);
    }
    if wants("deltas") {
        deltas(&documents, options.rounds, &mut figures);
    }
    if wants("worst") {
        worst(options.rounds, &mut figures);
    }
    if wants("build") {
        build(options.rounds, &mut figures);
    }
    if options.json {
        for (what, value, unit) in &figures.0 {
            println!("{{\"what\":\"{what}\",\"value\":{value:.3},\"unit\":\"{unit}\"}}");
        }
    }
}

fn documents(text: &str) -> Vec<&str> {
    let mut rest = text;
    let mut documents = Vec::new();
    while !rest.is_empty() {
        let (document, after) = rest.split_at(rest.floor_char_boundary(DOCUMENT.min(rest.len())));
        documents.push(document);
        rest = after;
    }
    documents
}

/// The packs that ship and one more with these terms, all folds on: what a security team would load.
fn policy(terms: &[String]) -> Policy {
    let settings = PolicySettings { packs: vec!["terms".to_owned()], ..PolicySettings::default() };
    let policy = library(terms).policy(&settings);
    policy.unwrap_or_else(|found| panic!("{}", found[0].message))
}

fn library(terms: &[String]) -> Library {
    let library = Library::from_dir(folder(terms).path());
    library.unwrap_or_else(|found| panic!("{}", found[0].message))
}

fn folder(terms: &[String]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let filters = Path::new(env!("CARGO_MANIFEST_DIR")).join("filters");
    copy(&filters, folder.path());
    let pack = folder.path().join("terms");
    std::fs::create_dir_all(pack.join("rules")).expect("a folder");
    std::fs::create_dir_all(pack.join("lists")).expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(pack.join(name), text).expect("a file");
    write(
        "pack.toml",
        "name = \"terms\"\nversion = \"1\"\nlicence = \"Apache-2.0\"\ntitle = \"a long list\"\n",
    );
    write(
        "rules/terms.toml",
        "[[rule]]\nid = \"terms\"\ntitle = \"a long list\"\ncategory = \"TERMS\"\naction = \"flag\"\n\
         lists = [\"terms.txt\"]\nkeywords = [\"xyzzyplugh\"]\nseparators = true\nleet = true\nrepeats = true\n\
         examples = [\"xyzzyplugh\"]\ncounter_examples = [\"the\"]\n",
    );
    write("lists/terms.txt", &terms.join("\n"));
    folder
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            std::fs::create_dir_all(&target).expect("a folder");
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("a file");
        }
    }
}

/// Runs the candidates in turn, `rounds` times, and gives the median of each in seconds.
fn race(rounds: usize, candidates: &mut [&mut dyn FnMut()]) -> Vec<f64> {
    let mut times = vec![Vec::new(); candidates.len()];
    for round in 0..=rounds {
        for (candidate, times) in candidates.iter_mut().zip(&mut times) {
            #[expect(clippy::disallowed_methods, reason = "a benchmark reads a clock")]
            let start = Instant::now();
            candidate();
            let took = start.elapsed().as_secs_f64();
            // The first round warms up.
            if round > 0 {
                times.push(took);
            }
        }
    }
    let median = |mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    times.into_iter().map(median).collect()
}

fn plain(terms: &[String]) -> NFA {
    NFA::builder()
        .match_kind(MatchKind::Standard)
        .ascii_case_insensitive(true)
        .build(terms)
        .expect("an automaton")
}

/// Every match of the automaton on the raw text, overlapping ones too, as a filter has to see them.
fn search(nfa: &NFA, documents: &[&str]) -> usize {
    let mut found = 0;
    for document in documents {
        let input = Input::new(document);
        let mut state = OverlappingState::start();
        loop {
            nfa.try_find_overlapping(&input, &mut state).expect("a search");
            if state.get_match().is_none() {
                break;
            }
            found += 1;
        }
    }
    found
}

fn scan(policy: &Policy, documents: &[&str]) -> usize {
    let (engine, rules) = (policy.engine(), policy.rules(Direction::Output));
    documents.iter().map(|document| scan_all(engine, rules, TextKind::Plain, document).len()).sum()
}

fn bytes(documents: &[&str]) -> f64 {
    documents.iter().map(|document| document.len()).sum::<usize>() as f64
}

fn whole(count: usize, documents: &[&str], rounds: usize, figures: &mut Figures) {
    let terms = chat::terms(count, 7);
    let nfa = plain(&terms);
    let policy = policy(&terms);
    let (mut hits, mut found) = (0, 0);
    let times = race(
        rounds,
        &mut [&mut || hits = black_box(search(&nfa, documents)), &mut || {
            found = black_box(scan(&policy, documents));
        }],
    );
    let speed = |time: f64| bytes(documents) / time / 1e6;
    figures.note(format!("{count} terms: aho-corasick, raw text ({hits} hits)"), speed(times[0]), "MB/s");
    figures.note(
        format!("{count} terms: every rule, every fold ({found} findings)"),
        speed(times[1]),
        "MB/s",
    );
    figures.note(format!("{count} terms: times aho-corasick"), times[0] / times[1], "x");
}

fn million(documents: &[&str], rounds: usize, figures: &mut Figures) {
    let policies = [10_000, 1_000_000].map(|count| policy(&chat::terms(count, 7)));
    let [few, many] = &policies;
    let times = race(
        rounds,
        &mut [
            &mut || {
                black_box(scan(few, documents));
            },
            &mut || {
                black_box(scan(many, documents));
            },
        ],
    );
    figures.note("1000000 terms: speed of 10000 terms' speed", times[0] / times[1], "x");
}

/// The patterns that ship, as an expression each.
fn patterns() -> Vec<String> {
    let mut patterns = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("filters");
    for pack in ["privacy", "secrets", "harm"] {
        for entry in std::fs::read_dir(root.join(pack).join("rules")).expect("rules").flatten() {
            let text = std::fs::read_to_string(entry.path()).expect("a file");
            let rules: toml::Table = text.parse().expect("TOML");
            let rules = rules.get("rule").and_then(toml::Value::as_array).cloned().unwrap_or_default();
            for pattern in rules.iter().filter_map(|rule| rule.get("pattern")?.as_array()).flatten() {
                let word = |key: &str| pattern.get(key).and_then(toml::Value::as_bool).unwrap_or(true);
                let source = pattern.get("regex").and_then(toml::Value::as_str).unwrap_or_default();
                let bound = |yes: bool| if yes { "\\b" } else { "" };
                let case = if pattern.get("case_sensitive").and_then(toml::Value::as_bool) == Some(true) {
                    ""
                } else {
                    "i"
                };
                patterns.push(format!(
                    "(?-u{case}){}(?u:{source}){}",
                    bound(word("left")),
                    bound(word("right"))
                ));
            }
        }
    }
    patterns
}

fn set(documents: &[&str], rounds: usize, figures: &mut Figures) {
    let patterns = patterns();
    let set = regex_automata::meta::Builder::new()
        .configure(
            regex_automata::meta::Config::new()
                .match_kind(regex_automata::MatchKind::All)
                .nfa_size_limit(None),
        )
        .build_many(&patterns)
        .expect("the patterns");
    let policy = policy(&[]);
    // The set is slow: it reads a part of the text.
    let part = &documents[..4.min(documents.len())];
    let mut matched = regex_automata::PatternSet::new(set.pattern_len());
    let times = race(
        rounds.min(3),
        &mut [
            &mut || {
                for document in part {
                    matched.clear();
                    set.which_overlapping_matches(&regex_automata::Input::new(document), &mut matched);
                }
            },
            &mut || {
                black_box(scan(&policy, part));
            },
        ],
    );
    let speed = |time: f64| bytes(part) / time / 1e6;
    figures.note(format!("{} patterns: RegexSet", patterns.len()), speed(times[0]), "MB/s");
    figures.note(format!("{} patterns: the rules that ship", patterns.len()), speed(times[1]), "MB/s");
    figures.note("patterns: times RegexSet", times[0] / times[1], "x");
}

fn deltas(documents: &[&str], rounds: usize, figures: &mut Figures) {
    let policy = policy(&chat::terms(10_000, 7));
    let (engine, rules) = (policy.engine(), policy.rules(Direction::Output));
    let documents = &documents[..8.min(documents.len())];
    for size in [4, 16] {
        let pieces: Vec<Vec<&str>> = documents.iter().map(|document| pieces(document, size)).collect();
        let count: usize = pieces.iter().map(Vec::len).sum();
        let (mut held, mut most) = (0, 0);
        let times = race(
            rounds,
            &mut [&mut || {
                (held, most) = (0, 0);
                for pieces in &pieces {
                    let mut found: Vec<Finding> = Vec::new();
                    let mut scan = Scan::new(TextKind::Plain);
                    for piece in pieces {
                        let progress = scan.push(engine, rules, piece, &mut found);
                        let holds = progress.seen.0 - progress.settled.0;
                        held += holds;
                        most = most.max(holds);
                    }
                    scan.finish(engine, rules, &mut found);
                }
            }],
        );
        figures.note(
            format!("10000 terms: a delta of {size} bytes with its hold-back"),
            times[0] / count as f64 * 1e9,
            "ns",
        );
        figures.note(
            format!("10000 terms: mean hold-back at deltas of {size} bytes"),
            held as f64 / count as f64,
            "bytes",
        );
        figures.note(
            format!("10000 terms: longest hold-back at deltas of {size} bytes"),
            most as f64,
            "bytes",
        );
    }
}

fn pieces(document: &str, size: usize) -> Vec<&str> {
    let mut rest = document;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.ceil_char_boundary(size.min(rest.len())));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// Texts that make as much work as a text can: what begins like a match at every word.
fn worst(rounds: usize, figures: &mut Figures) {
    const LENGTH: usize = 16 * 1024;
    let policy = policy(&chat::terms(10_000, 7));
    let pieces = [
        "password=",
        "pwd=",
        "passwd=a1",
        "secret: ",
        "api_key=",
        "token is ",
        "the key_key=",
        "a@",
        "a.b@c.",
        "1 ",
        "12-",
        "4111 1111 ",
        "192.168.",
        "a:b:",
        "x",
        "0",
        "aA0",
        "how to make ",
        "((",
        "$p4m ",
        "b o m b ",
        "b*",
        "<b>b</b>",
        "b<b>",
        "61:",
        "b-",
        "AKIA",
        "sk-",
        "eyJ",
        "://a:",
        "http://a.b/",
        "\\n1",
        "哈哈",
        "如何制作",
        "身份证号",
        "京A",
        "张三",
        "-----BEGIN ",
        "Bearer ",
        "N0",
        "Q",
        "born 1980-",
        "ssn ",
        "a1b2-c3d4-",
    ];
    let mut all: Vec<(f64, &str)> = Vec::new();
    for piece in pieces {
        let text = piece.repeat(LENGTH / piece.len());
        let documents = [text.as_str()];
        let times = race(
            rounds.min(3),
            &mut [&mut || {
                black_box(scan(&policy, &documents));
            }],
        );
        all.push((times[0] / text.len() as f64 * 1e9, piece));
    }
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (cost, piece) in all.into_iter().take(8) {
        figures.note(format!("worst text, {piece:?} again and again"), cost, "ns a byte");
    }
}

fn build(rounds: usize, figures: &mut Figures) {
    let terms = chat::terms(100_000, 7);
    let none = policy(&[]);
    let before = resident();
    let with = policy(&terms);
    let after = resident();
    drop((none, with));
    let (fewer, other) = (library(&terms[..90_000]), folder(&terms));
    let reload =
        || Library::load_after(Some(&fewer), &read_dir(other.path()).expect("files")).expect("a library");
    let times = race(
        rounds.min(3),
        &mut [&mut || drop(black_box(library(&[]))), &mut || drop(black_box(library(&terms))), &mut || {
            drop(black_box(reload()));
        }],
    );
    figures.note("the rules that ship: load and compile", times[0], "s");
    figures.note("100000 terms more: load and compile", times[1], "s");
    figures.note("100000 terms, 10000 of them new: reload beside a running engine", times[2], "s");
    figures.note("100000 terms more: resident memory (with the rules that ship)", after - before, "MB");
}

/// Resident memory of this process in MB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = status.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0.0);
    pages * 4096.0 / 1e6
}
