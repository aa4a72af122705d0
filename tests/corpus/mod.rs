//! The disguise corpus: families of disguise in English and Chinese, each with innocent texts that look like it, run through
//! `sluicegate scan` as prompts are.
//!
//! In `found`, `⟦` and `⟧` stand around what has to be found, to the character; they are no part of the text. In `clean` nothing may be
//! found. The table by family: `cargo test --test all corpus -- --nocapture`.

mod claims;
mod judgement;

use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    family: Vec<Family>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Family {
    name: String,
    found: Vec<String>,
    clean: Vec<String>,
}

/// A text, and what has to be found in it by first and last code point.
struct Case {
    family: usize,
    text: String,
    spans: Vec<(usize, usize)>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn families() -> Vec<Family> {
    let entries = std::fs::read_dir(folder().join("disguise")).expect("the corpus");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    let read = |path: &PathBuf| -> File {
        let text = std::fs::read_to_string(path).expect("a file");
        toml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    files.iter().flat_map(|path| read(path).family).collect()
}

fn case(family: usize, marked: &str) -> Case {
    let (mut text, mut spans, mut start, mut at) = (String::new(), Vec::new(), 0, 0);
    for c in marked.chars() {
        match c {
            '⟦' => start = at,
            '⟧' => spans.push((start, at)),
            _ => {
                text.push(c);
                at += 1;
            }
        }
    }
    Case { family, text, spans }
}

/// What the gateway finds in each text, fed whole or in pieces.
fn scan(cases: &[Case], chunk: Option<&str>) -> Vec<Vec<(usize, usize)>> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
    command.args(["scan", "--policy"]).arg(folder().join("pack"));
    command.args(chunk.into_iter().flat_map(|size| ["--chunk", size]));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the scanner starts");
    let lines: String = cases
        .iter()
        .enumerate()
        .map(|(id, case)| format!("{}\n", serde_json::json!({ "id": id, "text": case.text })))
        .collect();
    let mut input = child.stdin.take().expect("its input");
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().expect("the scanner ends");
    writer.join().expect("a writer").expect("all is read");
    assert!(output.status.success());
    let answers = String::from_utf8(output.stdout).expect("UTF-8");
    let spans = |line: &str| {
        let answer: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let place =
            |finding: &serde_json::Value, key: &str| finding[key].as_u64().expect("a number") as usize;
        let findings = answer["findings"].as_array().expect("findings").iter();
        findings.map(|finding| (place(finding, "start"), place(finding, "end"))).collect()
    };
    answers.lines().map(spans).collect()
}

/// Found and all, of texts that hide something; left alone and all, of innocent ones.
#[derive(Default)]
struct Count {
    found: usize,
    hidden: usize,
    left: usize,
    clean: usize,
}

#[test]
fn disguises_are_seen_through_and_innocent_texts_left_alone() {
    let families = families();
    let names: BTreeMap<&str, usize> =
        families.iter().enumerate().map(|(place, family)| (family.name.as_str(), place)).collect();
    assert_eq!(names.len(), families.len(), "each family stands there once");
    assert!(families.len() >= 60, "at least sixty families: {}", families.len());
    let cases: Vec<Case> = families
        .iter()
        .enumerate()
        .flat_map(|(place, family)| {
            family.found.iter().chain(&family.clean).map(move |text| case(place, text))
        })
        .collect();
    let whole = scan(&cases, None);
    assert_eq!(whole.len(), cases.len());
    assert_eq!(scan(&cases, Some("1")), whole, "pieces change nothing");

    let mut counts: Vec<Count> = families.iter().map(|_| Count::default()).collect();
    let (mut missed, mut alarms) = (String::new(), String::new());
    for (Case { family, text, spans }, found) in cases.iter().zip(&whole) {
        let (count, name) = (&mut counts[*family], &families[*family].name);
        if spans.is_empty() {
            count.clean += 1;
            count.left += usize::from(found.is_empty());
            if !found.is_empty() {
                writeln!(alarms, "{name}: {text:?} {found:?}").expect("a string");
            }
        } else {
            // Everything has to be found, and nothing else.
            let right = spans.iter().all(|span| found.contains(span)) && found.len() == spans.len();
            count.hidden += 1;
            count.found += usize::from(right);
            if !right {
                writeln!(missed, "{name}: {text:?} wants {spans:?}, not {found:?}").expect("a string");
            }
        }
    }
    let mut total = Count::default();
    println!("{:<44} {:>9} {:>13}", "family", "found", "left alone");
    for (family, count) in families.iter().zip(&counts) {
        let Count { found, hidden, left, clean } = count;
        assert!(*hidden > 0 && *clean > 0, "{} has both kinds of text", family.name);
        println!("{:<44} {found:>4}/{hidden:<4} {left:>8}/{clean:<4}", family.name);
        total.found += found;
        total.hidden += hidden;
        total.left += left;
        total.clean += clean;
    }
    let Count { found, hidden, left, clean } = total;
    println!("{:<44} {found:>4}/{hidden:<4} {left:>8}/{clean:<4}", format!("{} families", families.len()));
    print!("{missed}");
    assert!(alarms.is_empty(), "nothing is found in innocent texts:\n{alarms}");
    assert!(found * 100 >= hidden * 98, "at least 98 of 100 are found:\n{missed}");
}
