//! Texts of our own that no model was trained on: harmful requests, harmless ones that sound alike, orders to an assistant and what looks like them.
//!
//! `cargo test --test all judgement -- --nocapture` prints the shares.

use serde_json::Value;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};

const ROWS: &str = include_str!("judgement.jsonl");

/// How many texts there are, how many were found, and their scores.
type Group = (usize, usize, Vec<f64>);

fn json(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn judgement_of_unseen_texts() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sluicegate"))
        .args(["scan", "--policy", "classifiers", "--format", "jsonl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut input = child.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut input, ROWS.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic").expect("it reads");
    let (rows, answers) = (json(ROWS), json(std::str::from_utf8(&output.stdout).expect("UTF-8")));
    assert_eq!(rows.len(), answers.len());
    // By score, language and label.
    let mut groups: BTreeMap<(String, String, bool), Group> = BTreeMap::new();
    for (row, answer) in rows.iter().zip(&answers) {
        let score = row["score"].as_str().expect("a name");
        let key = (score.to_owned(), row["lang"].as_str().expect("a language").to_owned(), row["label"] == 1);
        let rule = format!("classifiers/{score}");
        let found = answer["findings"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|finding| finding["rule"] == rule.as_str());
        let (all, hits, scores) = groups.entry(key).or_default();
        *all += 1;
        *hits += usize::from(found);
        scores.push(answer["scores"][score].as_f64().expect("a score"));
    }
    for ((score, lang, label), (all, hits, _)) in &groups {
        println!("{score} {lang} label {}: {hits} of {all} found", u8::from(*label));
    }
    let share = |score: &str, lang: &str, label: bool| {
        let (all, hits, _) = &groups[&(score.to_owned(), lang.to_owned(), label)];
        *hits as f64 / *all as f64
    };
    // What merely sounds dangerous is found in under a tenth; of what is meant, what the models reach today.
    assert!(share("harm", "en", false) < 0.1 && share("harm", "zh", false) < 0.1);
    assert!(share("harm", "en", true) > 0.5);
    assert!(share("injection", "en", true) > 0.9 && share("injection", "en", false) < 0.1);
    for (score, least) in [("harm", 0.9), ("injection", 0.97)] {
        let of = |label: bool| -> Vec<f64> {
            let own = groups.iter().filter(|((name, _, is), _)| name == score && *is == label);
            own.flat_map(|(_, (.., scores))| scores.clone()).collect()
        };
        let (yes, no) = (of(true), of(false));
        let above = yes.iter().map(|y| no.iter().filter(|n| y > n).count()).sum::<usize>();
        let auroc = above as f64 / (yes.len() * no.len()) as f64;
        println!("{score}: AUROC {auroc:.3}");
        assert!(auroc > least, "{score}: {auroc}");
    }
}
