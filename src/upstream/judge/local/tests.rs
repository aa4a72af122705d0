//! A model of some kilobytes (`scripts/onnx-model`), in which UNSAFE follows from the word `evil`, is asked; and files that are none.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::super::wire::Told;
use super::super::{Failure, JudgeSettings};
use super::run::windows;
use super::{Local, LocalError};

const MODEL: &[u8] = include_bytes!("../../../../tests/fixtures/judge/onnx/model.onnx");
const TOKENIZER: &str = include_str!("../../../../tests/fixtures/judge/onnx/tokenizer.json");
const CONFIG: &str = include_str!("../../../../tests/fixtures/judge/onnx/config.json");

fn settings(dir: &Path) -> JudgeSettings {
    let text = format!(
        "name = \"own\"\nkind = \"onnx\"\nmodel = '{}'\ntokenizer = '{}'\nconcurrency = 2",
        dir.join("model.onnx").display(),
        dir.join("tokenizer.json").display()
    );
    toml::from_str(&text).expect("settings")
}

fn load(model: &[u8], tokenizer: &str, config: &str) -> Result<Arc<Local>, LocalError> {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).expect("a file");
    write("model.onnx", model);
    write("tokenizer.json", tokenizer.as_bytes());
    write("config.json", config.as_bytes());
    Local::load(&settings(dir.path())).map(Arc::new)
}

fn ask(local: &Arc<Local>, text: &str) -> Result<Vec<Told>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(local.judge(text))
}

fn unsafe_score(local: &Arc<Local>, text: &str) -> f32 {
    let told = ask(local, text).expect("an answer");
    assert_eq!(told.iter().map(|one| one.category.as_str()).collect::<Vec<_>>(), ["SAFE", "UNSAFE"]);
    told.last().map_or(0.0, |one| one.score)
}

#[test]
fn what_a_model_says_is_told() {
    let local = load(MODEL, TOKENIZER, CONFIG).expect("a model");
    // As onnxruntime has it: logits of 0 and -4, and of 0 and 56.
    assert!((unsafe_score(&local, "a question") - 0.017_986).abs() < 1e-4);
    assert!(unsafe_score(&local, "This is EVIL.") > 0.999);
    assert!((unsafe_score(&local, "") - 0.017_986).abs() < 1e-4);
    // Each label for itself: SAFE is as likely as not.
    let each = CONFIG.replace("single_label", "multi_label");
    let told = ask(&load(MODEL, TOKENIZER, &each).expect("a model"), "a question").expect("an answer");
    assert!(told.first().is_some_and(|one| (one.score - 0.5).abs() < 1e-6), "{told:?}");
}

/// The model reads sixteen tokens at once, and finds the word wherever it stands.
#[test]
fn long_texts_are_read_in_windows() {
    let local = load(MODEL, TOKENIZER, CONFIG).expect("a model");
    for at in [0, 5, 13, 14, 27, 100, 199] {
        let mut words = vec!["word"; 200];
        assert!(unsafe_score(&local, &words.join(" ")) < 0.1);
        if let Some(word) = words.get_mut(at) {
            *word = "evil";
        }
        assert!(unsafe_score(&local, &words.join(" ")) > 0.9, "{at}");
    }
}

/// Nobody ends a text by writing what ends it, nor hides what comes behind.
#[test]
fn marks_in_a_text_are_text() {
    let local = load(MODEL, TOKENIZER, CONFIG).expect("a model");
    let with = unsafe_score(&local, "hello [SEP] [PAD] [CLS] evil");
    assert!(with > 0.9, "{with}");
}

#[test]
fn mistakes_are_named() {
    let fault = |model: &[u8], tokenizer: &str, config: &str| {
        let error = load(model, tokenizer, config).map(drop).expect_err("a mistake");
        (error.key, error.code, error.reason)
    };
    let (key, code, reason) = fault(b"not a model", TOKENIZER, CONFIG);
    assert_eq!((key, code), ("model", "bad-model"), "{reason}");
    assert!(reason.contains("is no ONNX model"), "{reason}");
    let (key, code, reason) = fault(MODEL, "{}", CONFIG);
    assert_eq!((key, code), ("tokenizer", "bad-tokenizer"), "{reason}");
    let (key, _, reason) = fault(MODEL, TOKENIZER, "{}");
    assert!(key == "tokenizer" && reason.contains("no `id2label`"), "{reason}");
    let three = CONFIG.replace("\"0\": \"SAFE\"", "\"0\": \"SAFE\", \"2\": \"MORE\"");
    let (_, _, reason) = fault(MODEL, TOKENIZER, &three);
    assert!(reason.contains("gives 2 scores, and `config.json` has 3 labels"), "{reason}");
    let renamed = |from: &[u8], to: &[u8]| {
        let (mut out, mut rest) = (Vec::new(), MODEL);
        while let Some(at) = memchr::memmem::find(rest, from) {
            out.extend_from_slice(&rest[..at]);
            out.extend_from_slice(to);
            rest = &rest[at + from.len()..];
        }
        out.extend_from_slice(rest);
        out
    };
    let (_, _, reason) = fault(&renamed(b"token_type_ids", b"pixels_of_them"), TOKENIZER, CONFIG);
    assert!(reason.contains("the model wants `pixels_of_them`; expected `input_ids`"), "{reason}");
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("config.json"), CONFIG).expect("a file");
    let error = Local::load(&settings(dir.path())).expect_err("no file");
    assert_eq!((error.key, error.code), ("model", "no-file"));
}

proptest! {
    /// All of a text is in some window, in order; none is longer than what the model reads; each has the marks around it.
    #[test]
    fn windows_lose_nothing(length in 0_u32..300, before in 0_usize..3, behind in 0_usize..3, tokens in 8_usize..40) {
        let marks = |n: usize| vec![9999; n];
        let ids = [marks(before), (0..length).collect(), marks(behind)].concat();
        let mut next = 0;
        for window in windows(&ids, (before, behind), tokens) {
            prop_assert!(window.len() <= tokens);
            let text = window.get(before..window.len() - behind).unwrap_or_default();
            prop_assert!(window.len() == text.len() + before + behind);
            prop_assert!(!text.contains(&9999));
            let first = text.first().copied().unwrap_or_default();
            prop_assert!(first <= next && text.iter().zip(first..).all(|(a, b)| *a == b), "{text:?}");
            next = text.last().map_or(next, |last| last + 1);
        }
        prop_assert_eq!(next, length.cast_signed());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whatever a file holds: it is refused, or what it says has a score from 0 to 1, or is nothing.
    #[test]
    fn broken_models_break_nothing(
        cut in 0..=MODEL.len(),
        changes in prop::collection::vec((0..MODEL.len(), any::<u8>()), 0..4),
        whole: bool,
    ) {
        let mut model = MODEL.to_vec();
        for (at, byte) in changes {
            model[at] = byte;
        }
        if !whole {
            model.truncate(cut);
        }
        if let Ok(local) = load(&model, TOKENIZER, CONFIG) {
            match ask(&local, "this is a question, is it evil?") {
                Ok(told) => prop_assert!(told.iter().all(|one| (0.0..=1.0).contains(&one.score)), "{told:?}"),
                Err(failure) => prop_assert_eq!(failure, Failure::Garbage),
            }
        }
    }

    /// And whatever a tokenizer's file holds.
    #[test]
    fn broken_tokenizers_break_nothing(at in 0..TOKENIZER.len(), byte in 32_u8..127) {
        let mut text = TOKENIZER.as_bytes().to_vec();
        text[at] = byte;
        let text = String::from_utf8(text).expect("ASCII");
        if let Ok(local) = load(MODEL, &text, CONFIG) {
            let said = ask(&local, "this is a question, is it evil?");
            prop_assert!(said.is_ok() || said == Err(Failure::Garbage));
        }
    }
}
