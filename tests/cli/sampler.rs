//! The sampler's mark on the command line: texts whose words lean as a key's coins do.

use super::{run, text};
use serde_json::Value;
use sluicegate::provenance::mark::MarkKeys;
use sluicegate::provenance::sampler::{Biased, List, Strength, Vocabulary};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

const KEYS: &str = "1 100 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n\
                    2 200 101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f\n";

/// A `.tiktoken` file of all listed words.
fn tokenizer() -> String {
    use base64::Engine as _;
    let english =
        List::English.pairs().iter().flat_map(|p| [p.first, p.second]).map(|word| format!(" {word}"));
    let chinese = List::Chinese.pairs().iter().flat_map(|p| [p.first, p.second]).map(str::to_owned);
    let mut out = String::new();
    for (n, token) in english.chain(chinese).enumerate() {
        writeln!(out, "{} {n}", base64::engine::general_purpose::STANDARD.encode(token)).expect("a String");
    }
    out
}

/// What a model might write of which the second epoch's words were asked.
fn said(wanted: bool) -> String {
    let biased =
        Biased::of("t", &Vocabulary::of("t", tokenizer().as_bytes()).expect("tokens")).expect("enough");
    let keys = MarkKeys::parse(KEYS).expect("keys");
    let object = biased.object(keys.newest().expect("an epoch"), List::English, Strength::default());
    let object: HashMap<usize, f64> = serde_json::from_str(&object.expect("an object")).expect("JSON");
    let words: Vec<&str> = List::English.pairs().iter().flat_map(|p| [p.first, p.second]).collect();
    let mut chosen: Vec<usize> =
        object.iter().filter(|(_, bias)| (**bias > 0.0) == wanted).map(|(n, _)| *n).collect();
    chosen.sort_unstable();
    chosen.into_iter().take(70).map(|n| format!("It is {} of all. ", words[n])).collect()
}

#[test]
fn words_that_lean_are_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let config = "schema = 1\n[marks]\nkeys = \"marks.keys\"\n[policy]\nsampler_mark = true\n[[upstream]]\nname = \"vllm\"\ndialects = [\"openai\"]\n\
                  base_url = \"http://127.0.0.1:9\"\n[[upstream.sampler]]\nmodels = [\"*\"]\ntokenizer = \"t.tiktoken\"\n";
    fs::write(path("gateway.toml"), config).expect("write");
    fs::write(path("t.tiktoken"), tokenizer()).expect("write");
    fs::write(path("marks.keys"), KEYS).expect("write");
    fs::set_permissions(path("marks.keys"), fs::Permissions::from_mode(0o600)).expect("a mode");
    let detect = |said: &str, more: &[&str]| {
        let output = run(&[&["detect", "--config", &path("gateway.toml"), "--text", said], more].concat());
        (output.status.code(), text(&output.stdout))
    };
    let (code, human) = detect(&said(true), &[]);
    assert_eq!(code, Some(0), "{human}");
    assert!(
        human.contains("sampler: found")
            && human.contains("  epoch 2, ")
            && human.contains("70 listed words, 70 pairs"),
        "{human}"
    );
    let (_, json) = detect(&said(true), &["--format", "json"]);
    let layer = serde_json::from_str::<Value>(&json).expect("JSON")["layers"]["sampler"].clone();
    assert_eq!(
        (&layer["verdict"], &layer["epoch"], &layer["since"]),
        (&"found".into(), &2.into(), &200.into())
    );
    assert!(
        layer["z"].as_f64().is_some_and(|z| z > 8.0)
            && layer["false_alarm"].as_f64().is_some_and(|p| p < 1e-18),
        "{layer}"
    );
    let (code, none) = detect(&said(false), &[]);
    assert!(code == Some(1) && none.contains("sampler: none"), "{none}");
    let lines: String = [said(true), said(false), "A few words.".into()]
        .iter()
        .map(|text| serde_json::json!({"text": text}).to_string() + "\n")
        .collect();
    fs::write(path("texts.jsonl"), lines).expect("write");
    let output = run(&["marks", "words", "--config", &path("gateway.toml"), &path("texts.jsonl")]);
    let told = text(&output.stdout);
    assert!(
        output.status.success()
            && told.starts_with("3 texts, 1 of them too short")
            && told.contains("found: 1 "),
        "{told}"
    );
    let output =
        run(&["marks", "words", "--config", &path("gateway.toml"), "--format", "json", &path("texts.jsonl")]);
    let verdicts: Vec<Value> = text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["verdict"].clone())
        .collect();
    assert_eq!(verdicts, ["found", "none", "short"]);
    // Where nobody can be asked, no such layer is there.
    fs::write(
        path("gateway.toml"),
        config
            .split("[[upstream.sampler]]")
            .next()
            .expect("a part")
            .replace("[policy]\nsampler_mark = true\n", ""),
    )
    .expect("write");
    assert!(!detect(&said(true), &[]).1.contains("sampler"));
}
